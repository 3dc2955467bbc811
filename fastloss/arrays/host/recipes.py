"""The common case in as few steps as Python allows: dense arrays of one shape.

A call on eight numbers is all overhead, so what was decided by the first call (options, types, kernel) is kept and
looked up by them. Anything unusual, and every error, goes the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numpy import empty, empty_like, may_share_memory, ndarray

from ...define.keywords import GRAD, HESS, VALUE
from ...kernels.plan.elements import HIGH, LOW, PARALLEL_FROM, sum_plan
from ..divisors import largest
from . import kernels, roots
from .memory import number
from .weights import ALL

if TYPE_CHECKING:
    from ...define.elements import Definition
    from ...define.keywords import Call

FRESH, APART, OVER = range(3)
"""Where derivatives go: to fresh arrays, to given ones, or to given ones of which the first is the first input."""


class Recipe(NamedTuple):
    """Kernels for a kind of call, and what they are given."""

    kernel: Any
    slopes: Any
    """The second kernel, for the derivatives of a root of a mean, which need the value first; None otherwise."""
    checker: Any
    """One that only checks; None where there is nothing to check, or where the kernel checks on its way."""
    adder: Any
    """One that adds up weights; None where a mean does not need it, and the kernel looks at them on its way."""
    reach: tuple[float, float]
    """What their sum lies between where nothing needs a second look."""
    span: tuple[float, float] | None
    """The same for a mean whose root is the value; None where it is the value."""
    kind: Any
    parameters: tuple[Any, ...]
    bounds: tuple[Any, ...]
    wrt: tuple[int, ...]
    single: bool
    """Whether the derivatives are those of the first input alone."""
    mean: bool
    each: bool


def remember(job: Any, call: Call, given: bool) -> None:
    """Keep what a call of this kind needs, once the long way has found nothing wrong with it."""
    loss, size, want, backend, check = job.loss, job.count, call.want, call.backend, call.check is not False
    types = [x.dtype for x in (*job.arrays, *([] if job.weight is None else [job.weight]))]
    over = job.inplace
    way = FRESH if not given else OVER if over else APART
    key = want, call.reduction, backend, check, way, size < PARALLEL_FROM, *types
    if not size or key in loss.recipes or any([t.char in "eE" for t in types]):  # noqa: C419
        return
    cpu = kernels()
    if backend != "serial" and size >= PARALLEL_FROM and cpu.threads.launch() is None:
        return  # threads are off for now, and may come back
    if given and (want == VALUE or (want & HESS and len(loss.wrt) > 1)):
        return
    first = check and loss.checks and (given or loss.rooted)
    mean = call.reduction == "mean"
    checker = cpu.runner(job.plan(0, True), size, backend) if first else None
    summed = job.weight is not None and (mean or (check and given and not loss.checks))
    adder = cpu.runner(sum_plan(job.weight.dtype.char, "C"), size, backend) if summed else None
    slopes = None
    if loss.rooted:
        kernel = cpu.runner(job.plan(VALUE, False), size, backend)
        if want & ~VALUE:
            slopes = cpu.runner(job.plan(want & ~VALUE, False, inplace=over), size, backend)
    else:
        kernel = cpu.runner(job.plan(want, check and not first, inplace=over), size, backend)
    recipe = Recipe(
        kernel=kernel,
        slopes=slopes,
        checker=checker,
        adder=adder,
        reach=(LOW, HIGH) if mean else (0.0, largest(job.kind)),
        span=roots.reach(job.kind) if loss.rooted else None,
        kind=job.kind,
        parameters=job.parameters,
        bounds=loss.bounds(job.kind),
        wrt=loss.wrt,
        single=loss.wrt == (0,),
        mean=mean,
        each=job.each and bool(want & VALUE),
    )
    loss.remember(key, recipe)


def evaluate(
    loss: Definition,
    want: int,
    inputs: tuple[Any, ...],
    weight: Any,
    reduction: str,
    out: Any,
    backend: str | None,
    check: bool,
) -> Any:
    """The verb's result, or None where the call is not of the common kind."""
    first = inputs[0]
    if type(first) is not ndarray:
        return None
    shape = first.shape
    arrays = inputs if weight is None else (*inputs, weight)
    types = []
    for x in arrays:
        if type(x) is not ndarray or x.shape != shape or not x.flags.c_contiguous:
            return None
        types.append(x.dtype)
    size, given, way = first.size, (), FRESH
    if out is not None:
        given = out if type(out) is tuple else (out,)
        way = OVER if given and given[0] is first else APART
    try:
        recipe = loss.recipes.get((want, reduction, backend, check, way, size < PARALLEL_FROM, *types))
    except TypeError:  # an option that cannot be looked up cannot be right either
        return None
    if recipe is None or not size or not shape:
        return None
    if way and not _fit(out, given, [inputs[k] for k in recipe.wrt], arrays, want):
        return None
    return _run(recipe, want, arrays, weight is not None, given)


def _run(recipe: Recipe, want: int, arrays: tuple[Any, ...], weighted: bool, given: tuple[Any, ...]) -> Any:
    kernel, slopes, checker, adder, reach, span, kind, parameters, bounds, wrt, single, mean, each = recipe
    first = arrays[0]
    size = first.size
    grads: tuple[Any, ...] = ()
    hesses: tuple[Any, ...] = ()
    if given:
        grads, hesses = given[: len(wrt)], given[len(wrt) :]
    elif want & GRAD:
        grads = (empty_like(first),) if single else tuple([empty_like(arrays[k]) for k in wrt])
        if want & HESS:
            hesses = tuple([empty_like(a) for a in grads])
    losses: tuple[Any, ...] = (empty(first.shape, kind),) if each else ()
    data, values, slants, bends = arrays, losses, grads, hesses
    if first.ndim != 1:
        data, values, slants, bends = _flat(arrays), _flat(losses), _flat(grads), _flat(hesses)
    weights: tuple[Any, ...] = ()
    if weighted:
        data, weights = data[:-1], data[-1:]
    if checker is not None and checker(data, weights, parameters, 0.0, 0.0, bounds, (), (), (), size)[1]:
        return None
    denominator = size if mean else 1.0
    if adder is not None:
        found, flaws = adder(weights, (), (), 1.0, 0.0, ALL, (), (), (), size)
        if flaws or not reach[0] <= found <= reach[1]:
            return None
        denominator = found if mean else 1.0
    scale = 1.0 / denominator
    total, flaws = kernel(
        data, weights, parameters, scale, 0.0, bounds, values, () if span else slants, () if span else bends, size
    )
    if flaws:
        return None
    value = total / denominator
    if span:
        if not span[0] <= value <= span[1]:
            return None
        value, steepness = roots.rooted(value)
        if slopes is not None:
            slopes(data, weights, parameters, 0.5 * steepness / denominator, steepness, bounds, (), slants, bends, size)
    if want & VALUE:
        # `number` is for what a cast would warn of.
        found = losses[0] if each else kind(value) if 1.2e-38 < value < 3.4e38 else number(kind, value)
        if want == VALUE:
            return found
        return found, grads[0] if single else grads
    slope = grads[0] if single else grads
    return (slope, hesses[0] if single else hesses) if want & HESS else slope


def _flat(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([a.reshape(-1) for a in arrays])


def _fit(out: Any, given: tuple[Any, ...], own: list[Any], arrays: tuple[Any, ...], want: int) -> bool:
    """Whether the derivatives can be written there without a second look."""
    count = len(own)
    if want & HESS:
        if count > 1 or len(given) != 2 or type(out) is not tuple:
            return False
        own = [*own, *own]
    elif want == VALUE or len(given) != count or (count == 1) == (type(out) is tuple):
        return False
    return usable(given, own, arrays)


def usable(given: tuple[Any, ...], own: list[Any], arrays: tuple[Any, ...]) -> bool:
    """Whether arrays are as those in `own`, and share no memory: but for the first, which may be the first of all."""
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
