"""Derivatives straight from a kernel, for loops of small calls: a verb's own steps would double their time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy import array, dtype, finfo, ndarray

from ...define.keywords import GRAD, HESS, VALUE, Call
from ...kernels.plan.elements import PARALLEL_FROM, Plan
from . import kernels
from .memory import plain
from .recipes import AS_THEY_ARE, FRESH, row_key
from .remember import lasting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.elements import Definition
    from ...define.keywords import Backend
    from ...define.rows import Program

    Level = tuple[str, float, float]

NEWTON = ("data", "beside", "near", "factor", "grads", "hesses", "size")
"""What changes from one call of a kernel to the next."""


def newton(
    loss: Definition,
    arrays: tuple[Any, ...],
    factor: float,
    level: Level,
    grad: NDArray[Any],
    hess: NDArray[Any],
    backend: Backend | None = "serial",
    near: float = 0.0,
) -> bool:
    """Write the derivatives of a sum, times a factor, as Newton's steps want them; False where a verb must be called.

    loss : of one prediction and one target
    arrays : those two, and perhaps weights; of the derivatives' shape, and not numbers
    level : what takes the second derivatives' place, what it is multiplied by, and what that is raised to
    near : the least distance of a prediction from its target, where that takes their place

    False says that an array is of another kind or layout, that a value lies outside its domain, or that a derivative is
    not finite; what is in `grad` and `hess` then means nothing. They are new, and of one type.
    """
    shape, size = grad.shape, grad.size
    if not (shape and size):
        return False
    try:
        types = [x.dtype for x in arrays if type(x) is ndarray and x.shape == shape]
        if len(types) != len(arrays):
            return False
        key = "newton", backend, level, size < PARALLEL_FROM, grad.dtype, *types
        found = loss.recipes.get(key)
        if found is None:
            found = _newton(loss, types, grad.dtype, level, size, backend)
            if found is None:
                return False
            if lasting(types, size, backend):
                loss.remember(key, found)
        kernel, most = found
        total, flaws = kernel(arrays[:2], arrays[2:], near, factor, (grad,), (hess,), size)
    except TypeError:  # from the kernel itself: one of them has gaps
        return False
    return not flaws and total <= most


def _newton(
    loss: Definition, types: list[Any], stored: Any, level: Level, size: int, backend: str | None
) -> tuple[Any, float] | None:
    """The kernel of such a call, and the largest number that it may write; None where there is none."""
    floats = types[0].char in "fd" and stored.char in "fd"
    if not floats or not all([t.isnative and t.char in AS_THEY_ARE for t in (*types, stored)]):  # noqa: C419
        return None
    kind, codes = types[0].type, [t.char for t in types]
    plan = Plan.of(loss, tuple(codes[:2]), VALUE | GRAD | HESS, True, weight="".join(codes[2:]))
    parameters, bounds = (*plain(loss.cast(kind, codes[0])), *level[1:]), plain(loss.bounds(kind))
    cpu = kernels()
    data, beside, near, factor, grads, hesses, length = map(cpu.Given, NEWTON)
    kernel = cpu.bound(
        plan.for_newton(level[0], stored.char), size, backend, NEWTON,
        data, beside, (*parameters, near), factor, 0.0, bounds, (), grads, hesses, length,
    )  # fmt: skip
    return kernel, float(finfo(stored).max)


def of_row(loss: Program, classes: int, smoothing: float) -> Any:
    """What writes the derivatives of one row of a loss with labels, times a factor; None where there is no recipe.

    It takes scores, derivatives of float64 with one axis and a label, and tells whether it took no offence. A verb that
    takes (1, classes) and (1,) leaves the recipe.
    """
    call = Call(GRAD | HESS, -1, label_smoothing=smoothing, reduction="sum", backend="serial")
    recipe = loss.recipes.get(row_key(call, FRESH, (1, classes), classes, 1, [dtype("f8"), array([0]).dtype]))
    if recipe is None or recipe.halves or recipe.checker is not None or recipe.counter is not None:
        return None
    kernel = recipe.kernel
    return lambda scores, label, factor, grad, hess: (
        not kernel((scores,), (array([label]),), factor, 0.0, (), (grad,), (hess,), 1)[1]
    )
