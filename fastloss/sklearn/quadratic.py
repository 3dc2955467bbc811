"""Losses whose second derivative is one number: of their mean, one reading of X tells all but rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from .kinks import SAME, slopes
from .solvers import Found, quasi_newton, residual

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .coordinates import Coordinates
    from .solvers import Fun, Model

    Vector = NDArray[Any]

SINGULAR = 1e-11
"""The square of a Cholesky factor's pivot, by the largest, below which a matrix has directions that are rounding."""

STEPS = 5
"""Newton's, each of which halves the gradient at least: of columns that differ enough one leaves rounding."""


class Parabola(NamedTuple):
    """What is known of a loss that is a quadratic function of each row's score."""

    bend: float
    """The second derivative."""
    vertex: Vector
    """The score of each row's least loss."""
    constant: float
    """The score of least mean loss, if all rows have the same."""


def parabola(
    loss: Any, bend: float, target: NDArray[Any], weight: Vector | None, around: Vector, reach: float
) -> Parabola | None:  # fmt: skip
    """That of a loss which has shown one second derivative on a few rows; None where not all of them have it.

    Each row's slopes are those of one line at 0 and at `reach` below and above the score that predicts its target.
    """
    at_zero, low, high = (slopes(loss, s, target) for s in (np.zeros(len(target)), around - reach, around + reach))
    off = np.maximum(
        np.abs(high - low - 2.0 * reach * bend),
        np.abs(0.5 * (low + high) - bend * around - at_zero),
    )
    near = off <= SAME * bend * (reach + np.abs(around))
    if not (near if weight is None else near | (weight == 0.0)).all():
        return None
    return Parabola(bend, at_zero / -bend, -float(np.average(at_zero, weights=weight)) / bend)


def holds(line: Parabola, loss: Any, target: NDArray[Any], weight: Vector | None, start: float) -> bool:
    """Whether a loss is this parabola wherever a path may come: no model's sum of squares is above that of `start`."""
    each = np.ones(len(target)) if weight is None else weight
    with np.errstate(all="ignore"):
        far = np.sqrt(each @ (line.vertex - start) ** 2 / each)
        low, high = (slopes(loss, line.vertex + s, target) for s in (-far, far))
        off = np.maximum(np.abs(high - line.bend * far), np.abs(low + line.bend * far))
        near = off <= SAME * line.bend * (far + np.abs(line.vertex))
    return bool((near | (each == 0.0)).all())


def hessian(bend: float, covariance: NDArray[Any], c: Coordinates) -> NDArray[Any] | None:
    """The Hessian of the mean of a loss in standardised coordinates; None of columns whose squares overflow."""
    found = np.zeros((c.size + c.intercept, c.size + c.intercept))
    with np.errstate(over="ignore", invalid="ignore"):
        found[: c.size, : c.size] = bend * covariance * c.scale[:, None] * c.scale  # two scales' product may overflow
        found[c.size :, c.size :] = bend * c.unit**2
    return found if np.isfinite(found).all() else None


def direct(
    fun: Fun, inverse: Callable[[Vector], Vector] | None, z: Vector, tol: float, max_iter: int
) -> Found:  # fmt: skip
    """Newton's steps with one Hessian's inverse, until no derivative is larger than `tol`; else L-BFGS."""
    if inverse is None:
        return quasi_newton(fun, z, tol, max_iter)
    _, grad = fun(z)
    for k in range(1, STEPS + 1):
        before = np.abs(grad).max(initial=0.0)
        ahead = z - inverse(grad)
        _, slope = fun(ahead)
        after = np.abs(slope).max(initial=0.0)
        if after <= tol:
            return Found(ahead - inverse(slope), k, "")
        if not after <= 0.5 * before:
            break
        z, grad = ahead, slope
    return quasi_newton(fun, z, tol, max_iter)


def by_columns(bend: NDArray[Any]) -> Callable[[Vector], Vector] | None:
    """The inverse of a Hessian; None where some directions of it are rounding."""
    try:
        factor = cho_factor(bend, lower=True, check_finite=False)
    except LinAlgError:
        return None
    pivots = np.diagonal(factor[0]) ** 2
    if not pivots.min(initial=np.inf) > SINGULAR * pivots.max(initial=0.0):
        return None
    return lambda grad: np.asarray(cho_solve(factor, grad, check_finite=False))


def by_rows(
    X: NDArray[Any], weight: Vector | None, bend: float, strength: Any, c: Coordinates, size: float
) -> Callable[[Vector], Vector] | None:  # fmt: skip
    """The same of fewer rows than columns and a ridge, of the products of rows (M. Woodbury, 1950).

    The Hessian is the ridge and, for each row, the square of what is left of it without the columns' means.
    """
    n, p = X.shape
    share = np.full(n, bend / n) if weight is None else weight * (bend / weight.sum())
    root = np.sqrt(share)
    center = c.center if c.intercept else np.zeros(p)
    inner, step = np.eye(n), max(64, (1 << 17) // n)
    for low in range(0, p, step):
        part = slice(low, low + step)
        block = (X[:, part] - center[part]) * root[:, None]
        block /= np.sqrt(np.broadcast_to(strength, p)[part])
        inner += block @ block.T
    try:
        factor = cho_factor(inner, lower=True, check_finite=False)
    except LinAlgError:
        return None

    def inverse(grad: Vector) -> Vector:
        found = grad * size
        each = found[:p] / c.scale / strength
        scores = (X @ each - center @ each) * root
        back = root * cho_solve(factor, scores, check_finite=False)
        found[:p] = (each - (back @ X - center * back.sum()) / strength) / c.scale
        found[p:] /= bend * c.unit**2
        return found

    return inverse


def modelled(
    model: Model,
    lowest: Callable[[Vector, Vector, NDArray[Any]], Vector],
    prox: Callable[[Vector, float], Vector],
    fun: Fun | None,
    z: Vector,
    tol: float,
) -> tuple[Vector, bool]:
    """The minimum of a model and a penalty, and whether it is that of the function, or else of the model."""
    if not model.steepest > 0.0:  # of columns that hold nothing
        return z, False
    end = lowest(z, model(z)[1], model.hess)
    _, grad = (fun or model)(end)
    return end, residual(prox, end, grad, 1.0 / model.steepest) <= tol
