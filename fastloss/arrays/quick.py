"""The common case in as few steps as Python allows: dense arrays of one shape.

A call on eight numbers is all overhead, so what was decided by the first call (options, types, kernel) is kept and
looked up by them. Anything unusual, and every error, goes the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numpy import empty_like, may_share_memory, ndarray

from ..kernels.plan import PARALLEL_FROM, sum_plan
from ..options import GRAD, HESS, VALUE

if TYPE_CHECKING:
    from ..definition import Definition
    from .sweep import Sweep


class Recipe(NamedTuple):
    """The kernel for a kind of call; one that only checks, one that adds up weights; and what they are given."""

    kernel: Any
    checker: Any
    adder: Any
    kind: Any
    parameters: tuple[Any, ...]
    bounds: tuple[Any, ...]
    mean: bool


def remember(sweep: Sweep, want: int, reduction: str, backend: str | None, check: bool, given: bool) -> None:
    """Keep what a call of this kind needs, once the long way has found nothing wrong with it."""
    from ..kernels import cpu, threads

    loss, size = sweep.loss, sweep.size
    arrays = (*sweep.arrays, *sweep.weights)
    types = [x.dtype for x in arrays]
    key = (want, reduction, backend, check, given, size < PARALLEL_FROM, *types)
    if loss.wrt != (0,) or loss.rooted or sweep.each or not size or any(t.char in "eE" for t in types):
        return
    if backend != "serial" and size >= PARALLEL_FROM and threads.launch() is None:
        return  # threads are off for now, and may come back
    first = check and given and loss.checks
    mean = reduction == "mean"
    checker = cpu.runner(sweep.plan(0, True, "C", False), size, backend) if first else None
    adder = cpu.runner(sum_plan(sweep.weights[0].dtype.char, "C"), size, backend) if sweep.weights and mean else None
    kernel = cpu.runner(sweep.plan(want, check and not first, "C", False), size, backend)
    recipe = Recipe(kernel, checker, adder, sweep.kind, sweep.parameters, loss.bounds(sweep.kind), mean)
    loss.recipes[key] = recipe


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
    arrays = inputs if weight is None else (*inputs, weight)
    types = []
    for x in arrays:
        if type(x) is not ndarray or x.shape != first.shape or not x.flags.c_contiguous:
            return None
        types.append(x.dtype)
    size = first.size
    try:
        recipe = loss.recipes.get((want, reduction, backend, check, out is not None, size < PARALLEL_FROM, *types))
    except TypeError:  # an option that cannot be looked up cannot be right either
        return None
    if recipe is None or not size or not first.ndim or (out is not None and not _usable(out, arrays, want)):
        return None
    kernel, checker, adder, kind, parameters, bounds, mean = recipe
    if first.ndim != 1:
        arrays = tuple([x.reshape(-1) for x in arrays])
    data, weights = (arrays, ()) if weight is None else (arrays[:-1], arrays[-1:])
    if checker is not None and checker(data, weights, parameters, 0.0, 0.0, bounds, (), (), (), size)[1]:
        return None
    denominator = size if mean else 1.0
    if adder is not None:
        denominator = adder(weights, (), (), 1.0, 0.0, bounds[:2], (), (), (), size)[0]
        if denominator == 0.0:
            return None
    grad = hess = None
    if want & GRAD:
        grad = empty_like(first) if out is None else out
    if want & HESS:
        hess = empty_like(first)
    total, flaws = kernel(
        data, weights, parameters, 1.0 / denominator, 0.0, bounds, (), _flat(grad), _flat(hess), size
    )  # fmt: skip
    if flaws:
        return None
    if want == VALUE:
        return kind(total / denominator)
    if want == GRAD:
        return grad
    return (grad, hess) if want & HESS else (kind(total / denominator), grad)


def _flat(a: Any) -> tuple[Any, ...]:
    return () if a is None else (a if a.ndim == 1 else a.reshape(-1),)


def _usable(out: Any, arrays: tuple[Any, ...], want: int) -> bool:
    """Whether a gradient can be written there without a second look."""
    first = arrays[0]
    if type(out) is not ndarray or out.shape != first.shape or out.dtype != first.dtype or want & HESS:
        return False
    flags = out.flags
    if not want & GRAD or not flags.c_contiguous or not flags.writeable:
        return False
    return not any([may_share_memory(out, x) for x in arrays])  # noqa: C419, a generator takes twice as long
