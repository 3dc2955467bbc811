"""Derivatives straight from a verb's recipe, for loops of small calls: a verb's own steps would double their time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy import array, dtype, ndarray

from ...define.keywords import GRAD, HESS, Call
from ...kernels.plan.elements import PARALLEL_FROM
from .recipes import FRESH, row_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.elements import Definition
    from ...define.rows import Program


def derivatives(
    loss: Definition, pred: Any, target: Any, weight: Any, factor: float, grad: NDArray[Any], hess: NDArray[Any]
) -> bool:
    """Write the derivatives of the sum, times a factor, of arrays of one axis; False where that takes another look.

    `grad` and `hess` are new.
    """
    arrays = (pred, target) if weight is None else (pred, target, weight)
    size = grad.size
    for x in arrays:
        if type(x) is not ndarray or x.shape != grad.shape or not x.flags.c_contiguous:
            return False
    types = [x.dtype for x in arrays]
    recipe = loss.recipes.get((GRAD | HESS, "sum", "serial", True, FRESH, size < PARALLEL_FROM, *types))
    if recipe is None or recipe.halves or recipe.checker is not None or recipe.span is not None:
        return False
    if not size or types[0] != grad.dtype:
        return False
    beside = arrays[2:]
    if recipe.counter is not None:
        found, flaws = recipe.counter(beside, size)
        if flaws or not recipe.reach[0] <= found <= recipe.reach[1]:
            return False
    _, flaws = recipe.kernel((pred, target), beside, factor, 0.0, (), (grad,), (hess,), size)
    return not flaws


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
