"""The common call of a row loss in as few steps as Python allows: dense scores, classes last, nothing out of the way.

As in `arrays/host/recipes.py`, what the first call decided is kept and looked up; anything unusual, and every error,
goes the long way.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy import array, empty, empty_like, int64, integer, ndarray

from ...define.keywords import GRAD, HESS, VALUE
from ...kernels.plan.elements import PARALLEL_FROM
from ...kernels.plan.rows import census_plan
from .memory import number
from .recipes import usable

if TYPE_CHECKING:
    from ...define.keywords import Options
    from ...define.rows import Program
    from .rowsweep import RowSweep


MANY = 256
"""Recipes that a loss keeps: batches of ever other numbers of classes must not fill the memory."""


class Recipe(NamedTuple):
    """The kernel for a kind of call, and what it is given."""

    kernel: Any
    census: Any
    """The one that looks at the labels first, where they must be right before anything is written, or decide a mean."""
    checker: Any
    """The same for values outside their domain."""
    kind: Any
    ignore: int
    parameters: tuple[Any, ...]
    mix: tuple[Any, ...]
    bounds: tuple[Any, ...]
    steps: Any
    steps_of_labels: Any


def _key(inputs: tuple[Any, ...], o: Options, way: int) -> Any:
    pred = inputs[0]
    return (
        o.want, o.reduction, o.backend, o.check, o.label_smoothing, o.ignore_index, type(o.ignore_index), way,
        pred.shape[-1], pred.ndim > 1, inputs[-1].ndim < pred.ndim, pred.size < PARALLEL_FROM,
        *[x.dtype for x in inputs],
    )  # fmt: skip


def _way(pred: Any, out: Any, want: int) -> int:
    """Whether derivatives go to given arrays (1), and the first of them over `pred` (2)."""
    return 2 if out is pred or (want & HESS and type(out) is tuple and len(out) and out[0] is pred) else 1


def _common(o: Options) -> bool:
    """Whether nothing was asked for that needs another look at the rows."""
    return (
        o.weight is None and o.class_weight is None and o.normalizer is None and not o.stats and o.empty == "nan"
    )  # fmt: skip


def remember(sweep: RowSweep, o: Options) -> None:
    """Keep what a call of this kind needs, once the long way has found nothing wrong with it."""
    from ...kernels.cpu import compile as cpu
    from ...kernels.cpu import threads

    loss, pred, target = sweep.loss, sweep.scores[0], sweep.target
    if loss.streamed or not _common(o) or sweep.axis != pred.ndim - 1 or not sweep.rows:
        return
    if not isinstance(o.ignore_index, (int, integer, NoneType)) or not isinstance(o.label_smoothing, (int, float)):
        return  # whatever stands for a number may stand for another one tomorrow
    inputs = tuple(sweep.scores) if target is None else (*sweep.scores, target)
    if not all(x.flags.c_contiguous and x.dtype.char not in "eE" for x in inputs):
        return
    if o.backend != "serial" and pred.size >= PARALLEL_FROM and threads.launch() is None:
        return
    way = 0 if o.out is None else _way(pred, o.out, o.want)
    if way and not _fit(o.out, pred, inputs, o.want):
        return
    classes, each = pred.shape[-1], sweep.each and bool(o.want & VALUE)
    check = o.check is not False and loss.checks
    plan = sweep.plan(o.want, check and not way, way == 2, False, each, True)
    # Between outer rows, rows, classes; as `rowsweep` arranges them, and of arrays that are not there whatever it be:
    # scores, other scores, target, weights, gradient, second derivative.
    row, label, none = [0, classes, 1], [0, 1, 0], [0, 0, 0]
    steps = [row, row, label if sweep.labels else row, none, row, row]
    census = sweep.labels and (way or (sweep.ignore is not None and o.reduction == "mean"))
    checker = sweep.plan(0, True, False, False, False, True) if check and way else None
    recipe = Recipe(
        cpu.row_runner(plan, pred.size, o.backend),
        cpu.row_runner(census_plan(plan), sweep.rows, o.backend) if census else None,
        cpu.row_runner(checker, pred.size, o.backend) if checker else None,
        sweep.kind,
        sweep.ignore or 0,
        loss.cast(sweep.kind, pred.dtype.char),
        sweep.mix(),
        loss.bounds(sweep.kind)[: 2 * len(plan.tests)],
        array(steps, int64),
        array([none, none, label, none, none, none], int64),
    )
    if len(loss.recipes) >= MANY:
        loss.recipes.clear()
    loss.recipes[_key(inputs, o, way)] = recipe


def evaluate(loss: Program, inputs: tuple[Any, ...], o: Options) -> Any:
    """The verb's result, or None where the call is not of the common kind."""
    pred = inputs[0]
    if type(pred) is not ndarray or not _common(o):
        return None
    ndim, shape, out, want, scores = pred.ndim, pred.shape, o.out, o.want, loss.scores
    if not ndim or not pred.size or type(o.axis) is not int or (o.axis != -1 and o.axis != ndim - 1):
        return None
    for k, x in enumerate(inputs):
        if type(x) is not ndarray or not x.flags.c_contiguous:
            return None
        if x.shape != shape and (k < scores or x.shape != shape[:-1]):
            return None
    try:
        recipe = loss.recipes.get(_key(inputs, o, 0 if out is None else _way(pred, out, want)))
    except TypeError:
        return None
    if recipe is None:
        return None
    if out is not None and not _fit(out, pred, inputs, want):
        return None
    return _run(recipe, o, inputs, scores, () if out is None else out if want & HESS else (out,))


def _run(recipe: Recipe, o: Options, inputs: tuple[Any, ...], scores: int, given: tuple[Any, ...]) -> Any:
    kernel, census, checker, kind, ignore, parameters, mix, bounds, steps, steps_of_labels = recipe
    want, pred = o.want, inputs[0]
    shape = pred.shape
    flat = tuple([x if x.ndim == 1 else x.reshape(-1) for x in inputs])
    data, target, classes = flat[:scores], flat[scores:], shape[-1]
    rows = pred.size // classes
    denominator: float = rows
    if census is not None:
        denominator, wrong = census(target, (), (), ignore, steps_of_labels, (1, rows, classes))
        if wrong or not denominator:
            return None
    if (
        checker is not None
        and checker(
            data, target, (), (), parameters, mix, 0.0, ignore, bounds, (), (), (), (), steps, (1, rows, classes)
        )[1]
    ):
        return None
    if o.reduction != "mean":
        denominator = 1.0
    grad = hess = None
    if want & GRAD:
        grad = given[0] if given else empty_like(pred)
    if want & HESS:
        hess = given[1] if given else empty_like(pred)
    losses = empty(shape[:-1], kind) if want & VALUE and o.reduction == "none" else None
    total, flaws = kernel(
        data, target, (), (), parameters, mix, 1.0 / denominator, ignore, bounds, _flat(losses), (), _flat(grad),
        _flat(hess), steps, (1, rows, classes),
    )  # fmt: skip
    if flaws:
        return None
    if want == GRAD:
        return grad
    if want & HESS:
        return grad, hess
    if losses is None:
        mean = total / denominator
        value = kind(mean) if 1.2e-38 < mean < 3.4e38 else number(kind, mean)
    else:
        value = losses if losses.ndim else losses[()]
    return (value, grad) if want & GRAD else value


def _fit(out: Any, pred: Any, inputs: tuple[Any, ...], want: int) -> bool:
    """Whether the derivatives can be written there without a second look."""
    if want & HESS:
        return type(out) is tuple and len(out) == 2 and usable(out, [pred, pred], inputs)
    return want != VALUE and usable((out,), [pred], inputs)


def _flat(a: Any) -> tuple[Any, ...]:
    return () if a is None else (a.reshape(-1),)
