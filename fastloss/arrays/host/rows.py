"""Row losses on NumPy arrays: everything is checked, brought to (outer, classes, inner), and given to the kernels."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.keywords import GRAD, HESS, VALUE, Options, RowStats
from ...kernels.plan.elements import LOW
from .. import shapes as rowshapes
from ..checks import check_options, mean_of_nothing, packed, refuse_reduced
from . import columns, weights
from . import memory as layout
from . import rowrecipes as rowquick
from .elements import read_array
from .rowsweep import RowSweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ...define.rows import Program


def evaluate(loss: Program, inputs: tuple[Any, ...], options: Options) -> Any:
    """One verb of a row loss."""
    result = rowquick.evaluate(loss, inputs, options)
    if result is not None:
        return result
    with np.errstate(all="ignore"):  # of numbers that a type does not hold
        sweep = gathered(loss, inputs, options)
        # The target as it was passed: labels that were floats are integers by now.
        target = inputs[len(loss.inputs) - 1]
        own = {loss.inputs[-1]: target} if sweep.labels and type(target) is np.ndarray else {}
        own |= sweep.columns
        if type(options.class_weight) is np.ndarray:  # it may be a scaled copy by now
            own = {**own, "class_weight": options.class_weight}
        given = None if options.out is None else given_outputs(sweep, options.want, options.out, own)
        results = run(sweep, options, given, denominator(sweep, options, given is not None))
    rowquick.remember(sweep, options)
    return packed(results)


def run(sweep: RowSweep, options: Options, given: Any, divisor: float) -> list[Any]:
    """One verb of gathered arrays: results go to `given` ones, or to fresh ones; `divisor` is the reduction's."""
    loss, want, kind, check = sweep.loss, options.want, sweep.kind, options.check is not False
    absent = divisor == 0.0
    value = mean_of_nothing(loss.name, options.empty) if absent else 0.0
    if check and loss.checks and given is not None:
        sweep.run(0, True, 0.0, (), (), (), ())
    facts = tuple(np.empty(sweep.batch, t) for t in (kind, kind, np.int64)) if options.stats else ()
    losses, grads, hesses = given or sweep.allocate(want)
    if want & VALUE and sweep.each and not losses:
        losses = (np.empty(sweep.batch, kind),)
    scale = 1.0 / (inf if absent else divisor)
    total = sweep.run(want, check and given is None, scale, facts, losses, grads, hesses)
    if not absent:
        value = total / divisor
    results: list[Any] = []
    if want & VALUE:
        results.append(layout.passed(losses[0]) if sweep.each else layout.number(kind, value))
    results += [*grads, *hesses]
    if options.stats:
        results.append(_statistics(sweep, facts))
    return results


def gathered(loss: Program, inputs: tuple[Any, ...], options: Options, weight: str = "weight") -> RowSweep:
    """A verb's arrays, read, and checked but for their values; `weight` is what the caller calls the rows' weights."""
    check_options(loss, options.want, options.reduction, options.normalizer, options.empty, options.backend)
    if options.stats and loss.functions.stats is None:
        raise ValueError(f"{loss.name} has no statistics to return; losses of a softmax of the scores have")
    inputs, arrays = inputs[: len(loss.inputs)], inputs[len(loss.inputs) :]
    pred = read_scores(loss, loss.inputs[0], inputs[0])
    axis = rowshapes.axis_of(loss, pred.shape, options.axis)
    kind: Any = np.float64 if pred.dtype.char == "d" else np.float32
    scores = [
        pred,
        *(_like(loss, name, x, pred) for name, x in zip(loss.inputs[1 : loss.scores], inputs[1:], strict=False)),
    ]
    target, labels = (None, False) if loss.target == "none" else _target(loss, inputs[-1], pred, axis)
    ignore = rowshapes.ignored(loss, options.ignore_index, labels, target)
    smoothing = rowshapes.smoothing(loss, options.label_smoothing)
    of = target if labels and not smoothing else None
    classes, power = _class_weight(loss, options, pred.shape[axis], kind, of, ignore)
    sweep = RowSweep(
        loss, scores, target, labels, axis, _weight(loss, weight, options.weight, pred, axis), classes, power,
        smoothing, ignore, options.reduction == "none", options.backend, kind,
        weight,
    )  # fmt: skip
    sweep.columns = columns.read(loss, arrays, pred.shape, axis)
    if target is not None and labels and target.dtype.kind not in "iu":
        sweep.target = rowshapes.whole(loss, target, sweep.weight)
    if options.check is not False:
        columns.refuse(loss, sweep.columns, kind, sweep.present)
    return sweep


def read_scores(loss: Program, name: str, x: Any) -> NDArray[Any]:
    """Scores as an array of floats: integers and lists of them in float64."""
    array = read_array(loss, name, x)
    return array if array.dtype.char in layout.FLOATS else array.astype(np.float64)


def denominator(sweep: RowSweep, options: Options, given: bool) -> float:
    """What the sum is divided by. Labels are looked at first where they decide it, or where nothing may be written."""
    mean, check = options.reduction == "mean" and options.normalizer is None, options.check is not False
    plain = sweep.ignore is None and sweep.weight is None and not sweep.classes
    counted = (sweep.labels and (given or (mean and not plain))) or (mean and bool(sweep.classes))
    present = sweep.census(check) if counted else sweep.total_weight(check) if mean else 1.0
    divisor = present if mean else 1.0 if options.normalizer is None else float(options.normalizer)
    if not (mean and counted):  # else class weights are in it
        divisor = weights.times(divisor, sweep.power)
    if check and not mean and (given or weights.apart(divisor)):
        sweep.total_weight(True, np.float64 if weights.apart(divisor) else sweep.kind)
    if options.reduction == "mean" and weights.apart(divisor) and sweep.rows:
        weight = np.ones((), sweep.kind) if sweep.weight is None else sweep.weight
        if sweep.weight is not None and (sweep.ignore is not None or sweep.classes):  # the absent do not set the scale
            weight = np.where(sweep.present(), weight, weight.dtype.type(0))
        sweep.weight, power = weights.near(weight, divisor, sweep.kind)
        if not mean:
            return weights.times(divisor, power)
        return sweep.census(False) if counted else weights.times(sweep.total_weight(False), sweep.power)
    return divisor


def _like(loss: Program, name: str, x: Any, pred: NDArray[Any]) -> NDArray[Any]:
    array = read_array(loss, name, x)
    if array.shape != pred.shape:
        raise ValueError(
            f"{loss.name}: {name} has shape {array.shape}, expected that of {loss.inputs[0]}, {pred.shape}"
        )
    return array


def _target(loss: Program, x: Any, pred: NDArray[Any], axis: int) -> tuple[NDArray[Any], bool]:
    """Labels of the batch's shape, or a dense target of the scores' shape; which of them."""
    target = read_array(loss, loss.inputs[-1], x)
    return target, rowshapes.are_labels(loss, target.shape, target.dtype, pred.shape, axis, True)


def _weight(loss: Program, name: str, x: Any, pred: NDArray[Any], axis: int) -> NDArray[Any] | None:
    if x is None:
        return None
    weight = read_array(loss, name, x)
    rowshapes.check_weight(loss, name, weight, pred.shape, axis)
    return weight


def _class_weight(
    loss: Program, options: Options, classes: int, kind: Any, labels: Any, ignore: int | None
) -> tuple[NDArray[Any] | None, int]:
    """Weights of the classes, and the power of two that those of a mean were multiplied by to be in reach.

    `labels` are those of the rows where no other class has a mass.
    """
    x, mean = options.class_weight, options.reduction == "mean"
    if x is None:
        return None, 0
    weight = read_array(loss, "class_weight", x)
    rowshapes.check_class_weight(loss, weight.shape, classes)
    if options.check is not False:
        rowshapes.check_class_weights(loss, weight, np.float64 if mean else kind)
    with np.errstate(all="ignore"):
        top = float(weight.max())
        if mean and labels is not None and top > 0.0 and float(weight[weight > 0].min()) < LOW * top:
            # What no row is labelled with does not set the scale.
            seen = labels if ignore is None else labels[labels != ignore]
            weight = np.where(np.isin(np.arange(classes), seen), weight, weight.dtype.type(0))
            top = float(weight.max())
        if not mean or not weights.apart(top):
            return np.ascontiguousarray(weight, kind), 0
        scaled, power = weights.near(weight, top, kind)
    return np.ascontiguousarray(scaled, kind), power


def given_outputs(
    sweep: RowSweep, want: int, out: Any, more: Mapping[str, NDArray[Any]] | None = None
) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
    """The caller's `out=`, checked: the right dtype and shape each, no memory that anything else uses, or `more`."""
    loss, pred = sweep.loss, sweep.scores[0]
    if want == VALUE:
        refuse_reduced(loss.name, sweep.each)
        arrays, dtype, shape = (out,), np.dtype(sweep.kind), sweep.batch
    else:
        arrays = layout.several(loss.name, out, 2, "(grad, hess)") if want & HESS else (out,)
        dtype, shape = pred.dtype, pred.shape
    inputs = [*zip(loss.inputs, sweep.scores, strict=False)]
    others = (loss.inputs[-1], sweep.target), ("weight", sweep.weight), ("class_weight", *(sweep.classes or (None,)))
    inputs += [(n, x) for n, x in others if x is not None] + [*(more or {}).items()]
    for i, a in enumerate(arrays):
        layout.check_output(loss.name, a, dtype, shape, arrays[:i])
        for j, (name, x) in enumerate(inputs):
            if layout.overlap(a, x) and not (i == j == 0 and want & GRAD and layout.same_memory(a, x)):
                raise layout.overlapped(loss.name, name, loss.inputs[0])
    if want == VALUE:
        return tuple(arrays), (), ()
    return (), (arrays[0],), tuple(arrays[1:])


def _statistics(sweep: RowSweep, facts: Any) -> Any:
    """What `return_stats` adds; the rows' own numbers as they came from the kernel."""
    lse, entropy, top = facts
    top[np.isnan(lse)] = -1
    correct = (top == sweep.target) & (top >= 0) if sweep.labels else None
    return RowStats(layout.passed(lse), layout.passed(entropy), layout.passed(top), correct)
