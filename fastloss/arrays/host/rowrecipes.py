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
from . import kernels
from .memory import number
from .recipes import APART, FRESH, OVER, usable
from .steps import NOWHERE

if TYPE_CHECKING:
    from ...define.keywords import Call
    from ...define.rows import Program


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


def _key(inputs: tuple[Any, ...], o: Call, way: int) -> Any:
    pred = inputs[0]
    return (
        o.want, o.reduction, o.backend, o.check, o.label_smoothing, o.ignore_index, type(o.ignore_index), way,
        pred.shape[-1], pred.ndim > 1, inputs[-1].ndim < pred.ndim, pred.size < PARALLEL_FROM,
        *[x.dtype for x in inputs],
    )  # fmt: skip


def _way(pred: Any, out: Any, want: int) -> int:
    """Where derivatives go that are given arrays."""
    return OVER if out is pred or (want & HESS and type(out) is tuple and len(out) and out[0] is pred) else APART


def _common(o: Call) -> bool:
    """Whether nothing was asked for that needs another look at the rows."""
    plain = o.weight is None and o.class_weight is None and o.normalizer is None
    return plain and not o.stats and o.empty == "nan"


def remember(job: Any, o: Call) -> None:
    """Keep what a call of this kind needs, once the long way has found nothing wrong with it."""
    loss, pred, target = job.loss, job.scores[0], job.target
    if loss.streamed or not _common(o) or job.axis != pred.ndim - 1 or not job.count:
        return
    if not isinstance(o.ignore_index, (int, integer, NoneType)) or not isinstance(o.label_smoothing, (int, float)):
        return  # whatever stands for a number may stand for another one tomorrow
    inputs = tuple(job.scores) if target is None else (*job.scores, target)
    if not all(x.flags.c_contiguous and x.dtype.char not in "eE" for x in inputs):
        return
    way = FRESH if o.out is None else _way(pred, o.out, o.want)
    key = _key(inputs, o, way)
    if key in loss.recipes or (way != FRESH and not _fit(o.out, pred, inputs, o.want)):
        return
    cpu = kernels()
    if o.backend != "serial" and pred.size >= PARALLEL_FROM and cpu.threads.launch() is None:
        return
    check, given = o.check is not False and loss.checks, way != FRESH
    plan = job.plan(
        o.want, check and not given, each=job.each and bool(o.want & VALUE), inplace=way == OVER, turned=True
    )
    # Zeros for absent arrays, whose steps nobody reads.
    row, label, none = (0, pred.shape[-1], 1), (0, 1, 0), NOWHERE
    census = job.labels and (given or (job.ignore is not None and o.reduction == "mean"))
    checker = job.plan(0, True, turned=True) if check and given else None
    recipe = Recipe(
        kernel=cpu.row_runner(plan, pred.size, o.backend),
        census=cpu.row_runner(census_plan(plan), job.count, o.backend) if census else None,
        checker=cpu.row_runner(checker, pred.size, o.backend) if checker else None,
        kind=job.kind,
        ignore=job.ignore or 0,
        parameters=loss.cast(job.kind, pred.dtype.char),
        mix=job.mix(),
        bounds=loss.bounds(job.kind)[: 2 * len(plan.tests)],
        steps=array([row, row, label if job.labels else row, none, row, row], int64),
        steps_of_labels=array([none, none, label, none, none, none], int64),
    )
    loss.remember(key, recipe)


def evaluate(loss: Program, inputs: tuple[Any, ...], o: Call) -> Any:
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
        recipe = loss.recipes.get(_key(inputs, o, FRESH if out is None else _way(pred, out, want)))
    except TypeError:
        return None
    if recipe is None:
        return None
    if out is not None and not _fit(out, pred, inputs, want):
        return None
    return _run(recipe, o, inputs, scores, () if out is None else out if want & HESS else (out,))


def _run(recipe: Recipe, o: Call, inputs: tuple[Any, ...], scores: int, given: tuple[Any, ...]) -> Any:
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
