"""Row losses on NumPy arrays: everything is checked, brought to (outer, classes, inner), and given to the kernels."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from ..options import GRAD, HESS, VALUE, Options, RowStats, check_options, mean_of_nothing
from . import layout, rowquick
from .numpy import FLOATS, read_array
from .rowsweep import RowSweep, wrong_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..program import Program


def evaluate(loss: Program, inputs: tuple[Any, ...], options: Options) -> Any:
    """One verb of a row loss."""
    want = options.want
    if len(inputs) == 2 and loss.target != "none":
        result = rowquick.evaluate(loss, inputs, options)
        if result is not None:
            return result
    sweep = gathered(loss, inputs, options)
    given = None if options.out is None else given_outputs(sweep, want, options.out)
    result = run(sweep, options, given, denominator(sweep, options, given is not None))
    rowquick.remember(sweep, options)
    return result


def run(sweep: RowSweep, options: Options, given: Any, divisor: float) -> Any:
    """One verb of gathered arrays: results go to `given` ones, or to fresh ones; `divisor` is that of the reduction."""
    loss, want, kind = sweep.loss, options.want, sweep.kind
    absent = divisor == 0.0
    value = mean_of_nothing(loss.name, options.empty) if absent else 0.0
    if options.check and loss.checks and given is not None:
        sweep.run(0, True, 0.0, (), (), (), ())
    facts = tuple(np.empty(sweep.batch, t) for t in (kind, kind, np.int64)) if options.stats else ()
    losses, grads, hesses = given or sweep.allocate(want)
    if want & VALUE and sweep.each and not losses:
        losses = (np.empty(sweep.batch, kind),)
    scale = 1.0 / (inf if absent else divisor)
    total = sweep.run(want, options.check and given is None, scale, facts, losses, grads, hesses)
    if not absent:
        value = total / divisor
    results: list[Any] = []
    if want & VALUE:
        results.append(_passed(losses[0]) if sweep.each else kind(value))
    results += [*grads, *hesses]
    if options.stats:
        results.append(_statistics(sweep, facts))
    return results[0] if len(results) == 1 else tuple(results)


def gathered(loss: Program, inputs: tuple[Any, ...], options: Options, weight: str = "weight") -> RowSweep:
    """A verb's arrays, read, and checked but for their values; `weight` is what the caller calls the rows' weights."""
    check_options(loss, options.want, options.reduction, options.normalizer, options.empty, options.backend)
    if options.stats and loss.functions.stats is None:
        raise ValueError(f"{loss.name} has no statistics to return; those of the softmax have, cross_entropy first")
    pred = read_scores(loss, loss.inputs[0], inputs[0])
    axis = _axis(loss, pred, options.axis)
    kind: Any = np.float64 if pred.dtype.char == "d" else np.float32
    scores = [
        pred,
        *(_like(loss, name, x, pred) for name, x in zip(loss.inputs[1 : loss.scores], inputs[1:], strict=False)),
    ]
    target = None if loss.target == "none" else _target(loss, inputs[-1], pred, axis)
    labels = target is not None and target.ndim < pred.ndim
    return RowSweep(
        loss, scores, target, labels, axis, _weight(loss, weight, options.weight, pred, axis),
        _class_weight(loss, options.class_weight, pred.shape[axis], kind), _smoothing(loss, options.label_smoothing),
        _ignored(loss, options.ignore_index, target, labels), options.reduction == "none", options.backend, kind,
    )  # fmt: skip


def read_scores(loss: Program, name: str, x: Any) -> NDArray[Any]:
    """Scores as an array of floats: integers and lists of them in float64."""
    array = read_array(loss, name, x)
    return array if array.dtype.char in FLOATS else array.astype(np.float64)


def denominator(sweep: RowSweep, options: Options, given: bool) -> float:
    """What the sum is divided by. Labels are looked at first where they decide it, or where nothing may be written."""
    mean = options.reduction == "mean" and options.normalizer is None
    plain = sweep.ignore is None and sweep.weight is None and not sweep.classes
    if sweep.labels and (given or (mean and not plain)):
        present = sweep.census()
    else:
        present = sweep.total_weight() if mean else 1.0
    return present if mean else 1.0 if options.normalizer is None else float(options.normalizer)


def _passed(a: NDArray[Any]) -> Any:
    return a if a.ndim else a[()]


def _axis(loss: Program, pred: NDArray[Any], axis: Any) -> int:
    try:
        number = axis.__index__()
    except AttributeError:
        raise TypeError(f"{loss.name}: axis must be a whole number, got {axis!r}") from None
    if not -pred.ndim <= number < pred.ndim:
        raise ValueError(f"{loss.name}: axis {axis} is out of range for {loss.inputs[0]} of shape {pred.shape}")
    if pred.shape[number] == 0:
        raise ValueError(f"{loss.name}: {loss.inputs[0]} of shape {pred.shape} has no classes along axis {axis}")
    return int(number) % pred.ndim


def _like(loss: Program, name: str, x: Any, pred: NDArray[Any]) -> NDArray[Any]:
    array = read_array(loss, name, x)
    if array.shape != pred.shape:
        raise ValueError(
            f"{loss.name}: {name} has shape {array.shape}, expected that of {loss.inputs[0]}, {pred.shape}"
        )
    return array


def _target(loss: Program, x: Any, pred: NDArray[Any], axis: int) -> NDArray[Any]:
    """Labels of the batch's shape, or a dense target of the scores' shape."""
    name = loss.inputs[-1]
    target = read_array(loss, name, x)
    batch = pred.shape[:axis] + pred.shape[axis + 1 :]
    forms = []
    if loss.target != "dense":
        forms.append(f"integer labels of shape {batch}")
        if target.shape == batch:
            if target.dtype.kind not in "iu":
                raise TypeError(f"{loss.name}: {name} has dtype {target.dtype}, expected integer labels")
            if target.dtype == np.uint64 and target.size and target.max() > np.iinfo(np.int64).max:
                raise wrong_label(loss, target, target > np.iinfo(np.int64).max, pred.shape[axis])
            return target
    if loss.target != "labels":
        forms.append(f"an array of the shape of {loss.inputs[0]}, {pred.shape}")
        if target.shape == pred.shape:
            return target
    raise ValueError(f"{loss.name}: {name} has shape {target.shape}, expected {', or '.join(forms)}")


def _weight(loss: Program, name: str, x: Any, pred: NDArray[Any], axis: int) -> NDArray[Any] | None:
    if x is None:
        return None
    weight = read_array(loss, name, x)
    batch = pred.shape[:axis] + pred.shape[axis + 1 :]
    rows = np.broadcast_to(np.False_, batch)
    if layout.common_shape(loss.name, (f"the batch of {loss.inputs[0]}", name), (rows, weight)) != batch:
        raise ValueError(f"{loss.name}: {name} has shape {weight.shape}, expected one that broadcasts to {batch}, "
                         f"the batch of {loss.inputs[0]}")  # fmt: skip
    return weight


def _class_weight(loss: Program, x: Any, classes: int, kind: Any) -> NDArray[Any] | None:
    if x is None:
        return None
    if loss.target == "none":
        raise ValueError(f"{loss.name} takes no class_weight")
    weight = read_array(loss, "class_weight", x)
    if weight.shape != (classes,):
        raise ValueError(
            f"{loss.name}: class_weight has shape {weight.shape}, expected ({classes},), one for each class"
        )
    weight = np.ascontiguousarray(weight, kind)
    bad = ~((weight >= 0) & (weight < inf))
    if bad.any():
        k = int(bad.argmax())
        raise ValueError(f"{loss.name}: class_weight[{k}] is {weight[k]}, expected a finite number of at least 0")
    return weight


def _smoothing(loss: Program, s: Any) -> float:
    try:
        number = float("" if isinstance(s, str) else s)
    except (TypeError, ValueError):
        raise TypeError(f"{loss.name}: label_smoothing must be a number in [0, 1], got {s!r}") from None
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{loss.name}: label_smoothing must be a number in [0, 1], got {s!r}")
    if number and not loss.smooth:
        raise ValueError(f"{loss.name} has no label smoothing, got label_smoothing={s!r}")
    return number


def _ignored(loss: Program, index: Any, target: Any, labels: bool) -> int | None:
    if index is None:
        return None
    if not labels:
        raise ValueError(f"{loss.name}: ignore_index is for integer labels"
                         + ("" if target is None else f", but {loss.inputs[-1]} has shape {target.shape}"))  # fmt: skip
    try:
        number = int(index.__index__())
    except AttributeError:
        raise TypeError(f"{loss.name}: ignore_index must be a whole number or None, got {index!r}") from None
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{loss.name}: ignore_index must be a 64-bit integer, got {index!r}")
    return number


def given_outputs(sweep: RowSweep, want: int, out: Any) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
    """The caller's `out=`, checked: the right dtype and shape each, and no memory that anything else uses."""
    loss, pred = sweep.loss, sweep.scores[0]
    if want == VALUE:
        if not sweep.each:
            raise ValueError(f"{loss.name}: out is for reduction='none'; a reduced value is a scalar")
        arrays, dtype, shape = (out,), np.dtype(sweep.kind), sweep.batch
    else:
        count = 2 if want & HESS else 1
        arrays, dtype, shape = (out if count == 2 else (out,)), pred.dtype, pred.shape
        if not isinstance(arrays, (tuple, list)) or len(arrays) != count:
            raise TypeError(f"{loss.name}: out must be a tuple of 2 arrays, (grad, hess), got {type(out).__name__}")
    inputs = [*zip(loss.inputs, sweep.scores, strict=False)]
    others = (loss.inputs[-1], sweep.target), ("weight", sweep.weight), ("class_weight", *(sweep.classes or (None,)))
    inputs += [(n, x) for n, x in others if x is not None]
    for i, a in enumerate(arrays):
        layout.check_output(loss.name, a, dtype, shape, arrays[:i])
        for j, (name, x) in enumerate(inputs):
            if layout.overlap(a, x) and not (i == j == 0 and want & GRAD and layout.same_memory(a, x)):
                raise ValueError(f"{loss.name}: out overlaps {name}; the gradient of {loss.inputs[0]} may be written "
                                 f"over {loss.inputs[0]} itself, and nothing over anything else")  # fmt: skip
    if want == VALUE:
        return tuple(arrays), (), ()
    return (), (arrays[0],), tuple(arrays[1:])


def _statistics(sweep: RowSweep, facts: Any) -> Any:
    """What `return_stats` adds; the rows' own numbers as they came from the kernel."""
    lse, entropy, top = facts
    top[np.isnan(lse)] = -1
    correct = (top == sweep.target) & (top >= 0) if sweep.labels else None
    return RowStats(_passed(lse), _passed(entropy), _passed(top), correct)
