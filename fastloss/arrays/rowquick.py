"""The common call of a row loss in as few steps as Python allows: dense scores, classes last, nothing out of the way.

As in `arrays/quick.py`, what the first call decided is kept and looked up; anything unusual, and every error, goes the
long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numpy import array, empty, empty_like, int64, ndarray

from ..kernels.plan import PARALLEL_FROM
from ..options import GRAD, HESS, VALUE

if TYPE_CHECKING:
    from ..options import Options
    from ..program import Program
    from .rowsweep import RowSweep


MANY = 256
"""Recipes that a loss keeps: batches of ever other numbers of classes must not fill the memory."""


class Recipe(NamedTuple):
    """The kernel for a kind of call, and what it is given."""

    kernel: Any
    kind: Any
    parameters: tuple[Any, ...]
    mix: tuple[Any, ...]
    bounds: tuple[Any, ...]
    steps: Any


def _key(pred: Any, target: Any, o: Options) -> Any:
    smoothing = o.label_smoothing
    return (
        o.want, o.reduction, o.backend, o.check, smoothing, pred.shape[-1], target.ndim < pred.ndim,
        pred.size < PARALLEL_FROM, pred.dtype, target.dtype,
    )  # fmt: skip


def _common(o: Options) -> bool:
    """Whether nothing was asked for that needs another look at the rows."""
    return (
        o.weight is None and o.class_weight is None and o.ignore_index is None and o.normalizer is None
        and o.out is None and not o.stats and o.empty == "nan"
    )  # fmt: skip


def remember(sweep: RowSweep, o: Options) -> None:
    """Keep what a call of this kind needs, once the long way has found nothing wrong with it."""
    from ..kernels import cpu, threads

    loss, pred, target = sweep.loss, sweep.scores[0], sweep.target
    if (
        target is None
        or len(sweep.scores) > 1
        or not _common(o)
        or sweep.axis != pred.ndim - 1
        or pred.dtype.char in "eE"
    ):
        return
    if not (pred.flags.c_contiguous and target.flags.c_contiguous and sweep.rows and target.dtype.char not in "eE"):
        return
    if o.backend != "serial" and pred.size >= PARALLEL_FROM and threads.launch() is None:
        return
    classes = pred.shape[-1]
    plan = sweep.plan(
        o.want, o.check is not False and loss.checks, False, False, sweep.each and bool(o.want & VALUE), True
    )
    steps = array([[0, classes, 1], [0, 0, 0], [0, 1, 0] if sweep.labels else [0, classes, 1], [0, 0, 0],
                   [0, classes, 1], [0, classes, 1]], int64)  # fmt: skip
    mix = sweep.mix()
    bounds = loss.bounds(sweep.kind)[: 2 * len(plan.tests)]
    kernel = cpu.row_runner(plan, pred.size, o.backend)
    if len(loss.recipes) >= MANY:
        loss.recipes.clear()
    loss.recipes[_key(pred, target, o)] = Recipe(kernel, sweep.kind, loss.cast(sweep.kind), mix, bounds, steps)


def evaluate(loss: Program, inputs: tuple[Any, ...], o: Options) -> Any:
    """The verb's result, or None where the call is not of the common kind."""
    pred, target = inputs
    if type(pred) is not ndarray or type(target) is not ndarray or not _common(o):
        return None
    ndim, shape = pred.ndim, pred.shape
    if (
        not pred.flags.c_contiguous
        or not target.flags.c_contiguous
        or (o.axis != -1 and o.axis != ndim - 1)
        or not ndim
    ):
        return None
    if target.shape != (shape if target.ndim == ndim else shape[:-1]):
        return None
    try:
        recipe = loss.recipes.get(_key(pred, target, o))
    except TypeError:
        return None
    classes = shape[-1]
    if recipe is None or not pred.size:
        return None
    rows = pred.size // classes
    each, want = o.reduction == "none", o.want
    denominator = rows if o.reduction == "mean" else 1.0
    grad = empty_like(pred) if want & GRAD else None
    hess = empty_like(pred) if want & HESS else None
    losses = empty(shape[:-1], recipe.kind) if each and want & VALUE else None
    total, flaws = recipe.kernel(
        (pred.reshape(-1),), (target.reshape(-1),), (), (), recipe.parameters, recipe.mix, 1.0 / denominator, 0,
        recipe.bounds, _flat(losses), (), _flat(grad), _flat(hess), recipe.steps, (1, rows, classes),
    )  # fmt: skip
    if flaws:
        return None
    if want == GRAD:
        return grad
    if want & HESS:
        return grad, hess
    value = recipe.kind(total / denominator) if losses is None else losses if losses.ndim else losses[()]
    return (value, grad) if want & GRAD else value


def _flat(a: Any) -> tuple[Any, ...]:
    return () if a is None else (a.reshape(-1),)
