"""The short way of a common call, in as few steps as Python allows: by a recipe, of which `remember.py` keeps each.

Common are dense arrays: of one shape, or, for losses of rows, with the classes last and no weights. A call on eight
numbers is all overhead, so what was decided by the first call (options, types, kernel) is kept and looked up by them.
Anything unusual, and every error, goes the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numpy import empty, empty_like, may_share_memory, ndarray, where

from ...define.keywords import GRAD, HESS, VALUE
from ...kernels.plan.elements import HIGH, LOW, PARALLEL_FROM
from ..shapes import HALVES, NUMBERS, holds
from . import fresh, roots
from .memory import number, stored

if TYPE_CHECKING:
    from ...define.elements import Definition
    from ...define.keywords import Call
    from ...define.rows import Program

FRESH, APART, OVER = range(3)
"""Where derivatives go: to fresh arrays, to given ones, or to given ones of which the first is the first input."""

AS_THEY_ARE = NUMBERS - HALVES
"""Types that NumPy compares as they are, without a cast that might overflow."""


class Recipe(NamedTuple):
    """Kernels for a kind of call, bound to all that is the same in each, and what is done with their results.

    They take the inputs, what stands beside them (weights of elements, the target of rows), the two factors of
    derivatives, the arrays that they write, and the number of elements or rows.
    """

    kernel: Any
    slopes: Any
    """The second kernel, for the derivatives of a root of a mean, which need the value first; None otherwise."""
    checker: Any
    """One that only checks; None where there is nothing to check, or where the kernel checks on its way."""
    counter: Any
    """One that adds up what a mean is divided by, and looks at weights or labels before anything is written.

    None where a mean is divided by the number of elements or rows, and the kernel looks on its way.
    """
    reach: tuple[float, float]
    """What their sum lies between where nothing needs a second look."""
    span: tuple[float, float] | None
    """The same for a mean whose root is the value; None where it is the value."""
    kind: Any
    wrt: tuple[int, ...]
    single: bool
    """Whether the derivatives are those of one input."""
    mean: bool
    each: bool
    halves: bool
    """Whether there are 16-bit floats, which kernels read and write as words."""


def evaluate(
    loss: Definition,
    want: int,
    inputs: tuple[Any, ...],
    weight: Any,
    reduction: str,
    out: Any,
    backend: str | None,
    check: bool,
    normalizer: Any = None,
) -> Any:
    """The result of a verb of elements, or None where the call is not of the common kind."""
    first = inputs[0]
    if type(first) is not ndarray or (normalizer is not None and not summed(loss.rooted, reduction, normalizer)):
        return None
    shape = first.shape
    arrays = inputs if weight is None else (*inputs, weight)
    types = []
    for x in arrays:
        if type(x) is not ndarray or (x is not first and x.shape != shape) or not x.flags.c_contiguous:
            return None
        types.append(x.dtype)
    size, given, way = first.size, (), FRESH
    if out is not None:
        given, way = aimed(out, first)
    try:
        how = reduction if normalizer is None else "sum"
        recipe = loss.recipes.get((want, how, backend, check, way, size < PARALLEL_FROM, *types))
    except TypeError:  # an option that cannot be looked up cannot be right either
        return None
    if recipe is None or not size or not shape:
        return None
    if way and not fit(out, given, [inputs[k] for k in recipe.wrt], arrays, want):
        return None
    beside = () if weight is None else (weight,)
    if first.ndim != 1 or recipe.halves:
        flat = _words if recipe.halves else _flat
        return _run(recipe, want, inputs, flat(inputs), flat(beside), given, shape, size, normalizer)
    return _run(recipe, want, inputs, inputs, beside, given, shape, size, normalizer)


def ignoring(
    loss: Definition,
    want: int,
    inputs: tuple[Any, ...],
    weight: Any,
    ignore: Any,
    reduction: str,
    out: Any,
    backend: str | None,
    check: bool,
    normalizer: Any = None,
) -> Any:
    """The same where elements with a label are absent: their weight is 0."""
    place = loss.labelled
    labels = None if place is None else inputs[place]
    if type(labels) is not ndarray or labels.dtype.char not in AS_THEY_ARE or type(ignore) is not int:
        return None
    if not (abs(ignore) < 1 << 24 and holds(labels.dtype, ignore)):
        return None
    keep = labels != ignore
    if weight is not None:
        # Nothing is written over the caller's weights, though they are not those that the kernel reads.
        if out is not None or type(weight) is not ndarray or weight.dtype.char not in AS_THEY_ARE:
            return None
        if weight.shape != labels.shape:
            return None
        keep = where(keep, weight, weight.dtype.type(0))
    return evaluate(loss, want, inputs, keep, reduction, out, backend, check, normalizer)


def evaluate_rows(loss: Program, inputs: tuple[Any, ...], o: Call) -> Any:
    """The result of a verb of rows, or None where the call is not of the common kind."""
    pred = inputs[0]
    if type(pred) is not ndarray or not common(o):
        return None
    ndim, shape, size, out, want, scores = pred.ndim, pred.shape, pred.size, o.out, o.want, loss.scores
    if not size or not ndim or type(o.axis) is not int or (o.axis != -1 and o.axis != ndim - 1):
        return None
    batch, types, flat = shape[:-1], [], []
    for k, x in enumerate(inputs):
        if type(x) is not ndarray or not x.flags.c_contiguous:
            return None
        if x is not pred and x.shape != shape and (k < scores or x.shape != batch):
            return None
        types.append(x.dtype)
        flat.append(x if x.ndim == 1 else x.reshape(-1))
    given, way = (), FRESH
    if out is not None:
        given, way = aimed(out, pred)
    try:
        recipe = loss.recipes.get(row_key(o, way, shape, size, x.ndim, types))
    except TypeError:
        return None
    if recipe is None:
        return None
    if way and not fit(out, given, [pred], inputs, want):
        return None
    data, beside = tuple(flat[:scores]), tuple(flat[scores:])
    if recipe.halves:
        data, beside = _words(data), _words(beside)
    return _run(recipe, want, inputs, data, beside, given, batch, size // shape[-1], o.normalizer)


def common(o: Call) -> bool:
    """Whether nothing was asked for that needs another look at the rows."""
    plain = o.weight is None and o.class_weight is None and not o.stats and o.empty == "nan"
    return plain and (o.normalizer is None or summed(False, o.reduction, o.normalizer))


def summed(rooted: bool, reduction: str, normalizer: Any) -> bool:
    """Whether a mean with a denominator of the caller's is a sum that is divided by it, of weights as they are."""
    own = type(normalizer) is float or type(normalizer) is int
    return own and not rooted and reduction == "mean" and LOW <= normalizer <= HIGH


def row_key(o: Call, way: int, shape: tuple[int, ...], size: int, last: int, types: list[Any]) -> Any:
    """What a recipe of rows is kept under; `last` is the number of axes of the last input."""
    ndim, ignore = len(shape), o.ignore_index
    reduction = o.reduction if o.normalizer is None else "sum"
    return (
        o.want, reduction, o.backend, o.check, o.label_smoothing, ignore, type(ignore), way,
        shape[-1], ndim > 1, last < ndim, size < PARALLEL_FROM, *types,
    )  # fmt: skip


def aimed(out: Any, first: Any) -> tuple[tuple[Any, ...], int]:
    """The arrays of `out=`, and where the derivatives go."""
    given = out if type(out) is tuple else (out,)
    return given, OVER if given and given[0] is first else APART


def fit(out: Any, given: tuple[Any, ...], own: list[Any], arrays: tuple[Any, ...], want: int) -> bool:
    """Whether the derivatives can be written there without a second look.

    That is where they are as the arrays in `own`, and share no memory: but for the first, which may be the first of
    all.
    """
    count = len(own)
    if want & HESS:
        if count > 1 or len(given) != 2 or type(out) is not tuple:
            return False
        own = [*own, *own]
    elif want == VALUE or len(given) != count or (count == 1) == (type(out) is tuple):
        return False
    for k, a in enumerate(given):
        if type(a) is not ndarray or a.shape != own[k].shape or a.dtype != own[k].dtype:
            return False
        flags = a.flags
        if not flags.c_contiguous or not flags.writeable:
            return False
        for j, x in enumerate(arrays):
            if may_share_memory(a, x) and not (a is x and j == k == 0):
                return False
    return len(given) == 1 or not may_share_memory(*given)


def _run(
    recipe: Recipe,
    want: int,
    inputs: tuple[Any, ...],
    data: tuple[Any, ...],
    beside: tuple[Any, ...],
    given: tuple[Any, ...],
    shape: tuple[int, ...],
    size: int,
    normalizer: Any,
) -> Any:
    """Follow the recipe; None where something needs a second look."""
    kernel, slopes, checker, counter, reach, span, kind, wrt, single, mean, each, halves = recipe
    first = inputs[0]
    grads: tuple[Any, ...] = ()
    hesses: tuple[Any, ...] = ()
    if given:
        grads, hesses = given[: len(wrt)], given[len(wrt) :]
    elif want & GRAD:
        made = empty_like if first.nbytes < fresh.LEAST else fresh.like
        grads = (made(inputs[wrt[0]]),) if single else tuple([made(inputs[k]) for k in wrt])
        if want & HESS:
            hesses = (made(grads[0]),) if single else tuple([made(a) for a in grads])
    losses: tuple[Any, ...] = ()
    if each:
        losses = (empty(shape, kind) if size < fresh.LEAST >> 3 else fresh.empty(shape, kind),)
    values, slants, bends = losses, grads, hesses
    if first.ndim != 1 or not shape or halves:
        flat = _words if halves else _flat
        values, slants, bends = losses and _flat(losses), grads and flat(grads), hesses and flat(hesses)
    if checker is not None and checker(data, beside, 0.0, 0.0, (), (), (), size)[1]:
        return None
    denominator = size if mean else normalizer or 1.0
    if counter is not None:
        found, flaws = counter(beside, size)
        if flaws or not reach[0] <= found <= reach[1]:
            return None
        denominator = found if mean else denominator
    if span is None:
        total, flaws = kernel(data, beside, 1.0 / denominator, 0.0, values, slants, bends, size)
    else:
        total, flaws = kernel(data, beside, 0.0, 0.0, values, (), (), size)
    if flaws:
        return None
    value = total / denominator
    if span is not None:
        if not span[0] <= value <= span[1]:
            return None
        value, steepness = roots.rooted(value)
        if slopes is not None:
            slopes(data, beside, 0.5 * steepness / denominator, steepness, (), slants, bends, size)
    if want & VALUE:
        if each:
            found = losses[0] if shape else losses[0][()]
        else:  # `number` is for what a cast would warn of
            found = kind(value) if 1.2e-38 < value < 3.4e38 else number(kind, value)
        if want == VALUE:
            return found
        return found, grads[0] if single else grads
    slope = grads[0] if single else grads
    return (slope, hesses[0] if single else hesses) if want & HESS else slope


def _flat(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([a.reshape(-1) for a in arrays])


def _words(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same, 16-bit floats as kernels have them."""
    return tuple([stored(a if a.ndim == 1 else a.reshape(-1)) for a in arrays])
