"""The common case in as few steps as Python allows: dense arrays of one shape, no weights.

A call on eight numbers is all overhead, so what was decided by the first call (options, types, kernel) is kept and
looked up by them. Anything unusual, and every error, goes the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numpy import empty_like, may_share_memory, ndarray

from ..kernels.plan import PARALLEL_FROM
from ..options import GRAD, HESS, VALUE

if TYPE_CHECKING:
    from ..loss import Loss
    from .sweep import Sweep


class Recipe(NamedTuple):
    """A kernel for dense arrays, one that only checks them, and what they are called with."""

    kernel: Any
    checker: Any
    checks: bool
    kind: Any
    parameters: tuple[Any, ...]
    bounds: tuple[Any, ...]
    mean: bool


def remember(sweep: Sweep, want: int, reduction: str, backend: str | None, check: bool, given: bool) -> None:
    """Keep what a call of this kind needs, once the long way has found nothing wrong with it."""
    from ..kernels import cpu

    loss = sweep.loss
    if len(loss.wrt) > 1 or loss.rooted or sweep.each or sweep.weights or not sweep.size:
        return
    if any(t in "eE" for t in sweep.types):
        return
    check_inputs = check and loss.checks
    kernel = cpu.runner(sweep.plan(want, check_inputs, "C", False), sweep.size, backend)
    check_only = sweep.plan(0, True, "C", False)
    checker = cpu.runner(check_only, sweep.size, backend) if check_inputs and given else None
    recipe = Recipe(
        kernel, checker, check_inputs, sweep.kind, sweep.parameters, loss.bounds(sweep.kind), reduction == "mean"
    )
    types = [x.dtype for x in sweep.arrays]
    loss.recipes[(want, reduction, backend, check, sweep.size < PARALLEL_FROM, *types)] = recipe


def evaluate(
    loss: Loss, want: int, inputs: tuple[Any, ...], reduction: str, out: Any, backend: str | None, check: bool
) -> Any:
    """The verb's result, or None where the call is not of the common kind."""
    first = inputs[0]
    types = []
    for x in inputs:
        if type(x) is not ndarray or x.shape != first.shape or not x.flags.c_contiguous:
            return None
        types.append(x.dtype)
    size = first.size
    try:
        recipe = loss.recipes.get((want, reduction, backend, check, size < PARALLEL_FROM, *types))
    except TypeError:  # an option that cannot be looked up cannot be right either
        return None
    if recipe is None or not size or not first.ndim:
        return None
    kernel, checker, checks, kind, parameters, bounds, mean = recipe
    if out is None:
        out = empty_like(first) if want & GRAD else None
    elif not _usable(out, inputs, want):
        return None
    elif checks:
        if checker is None:
            return None
        flat = tuple([x.reshape(-1) for x in inputs])
        if checker(flat, (), parameters, 0.0, 0.0, bounds, (), (), (), size)[1]:
            return None
    grad = [out] if want & GRAD else []
    hess = [empty_like(first)] if want & HESS else []
    if first.ndim != 1:
        inputs = tuple([x.reshape(-1) for x in inputs])
        grad = [x.reshape(-1) for x in grad]
        hess = [x.reshape(-1) for x in hess]
    scale = 1.0 / size if mean else 1.0
    total, flaws = kernel(inputs, (), parameters, scale, 0.0, bounds, (), tuple(grad), tuple(hess), size)
    if flaws:
        return None
    if want == VALUE | GRAD:
        return kind(total / size if mean else total), out
    if want == GRAD:
        return out
    return kind(total / size if mean else total) if want == VALUE else (out, hess[0].reshape(first.shape))


def _usable(out: Any, inputs: tuple[Any, ...], want: int) -> bool:
    """Whether a gradient can be written there without a second look."""
    first = inputs[0]
    if type(out) is not ndarray or out.shape != first.shape or out.dtype != first.dtype or want & HESS:
        return False
    flags = out.flags
    return flags.c_contiguous and flags.writeable and not any(may_share_memory(out, x) for x in inputs)
