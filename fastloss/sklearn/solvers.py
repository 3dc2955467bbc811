"""Minimisers of a smooth function, and of one plus a penalty that has a proximal step."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Vector = NDArray[Any]

EPS = float(np.finfo(np.float64).eps)
FLAT = 64.0 * EPS
"""The relative fall of a value below which it is rounding, as in scikit-learn's own calls of L-BFGS."""

LENGTHS = 1.0, 0.5, 0.25, 0.125
"""Of a step to a second-order model's minimum, before the model is damped."""
LOOSE, FIRM = 1e-2, 1e8
"""The damping of a second-order model, in units of how far its point is off, below which it is none, and the most."""


class Fun(Protocol):
    """A smooth function: value and gradient, and the value alone."""

    def __call__(self, z: Vector, /) -> tuple[float, Vector]:
        """Value and gradient."""

    def value(self, z: Vector, /) -> float:
        """The value alone."""


class Found(NamedTuple):
    """Where a minimiser has stopped."""

    z: Vector
    iterations: int
    trouble: str
    """Why that is no minimum; "" where it is one."""


def unfinished(iterations: int) -> str:
    """What is wrong where a minimiser was stopped."""
    return f"it stopped after {iterations} iterations; a larger max_iter lets it go on"


def quasi_newton(fun: Fun, z: Vector, tol: float, max_iter: int) -> Found:
    """SciPy's L-BFGS, until no derivative is larger than `tol`."""
    options = {"maxiter": max_iter, "maxfun": 4 * max_iter + 100, "maxls": 50, "maxcor": 20, "gtol": tol, "ftol": FLAT}
    found = minimize(fun, z, jac=True, method="L-BFGS-B", options=options)
    trouble = ""
    if found.status == 1:
        trouble = unfinished(int(found.nit))
    elif found.status == 2 and np.abs(found.jac).max() > 1e3 * tol:
        trouble = f"its line search found no lower value ({found.message})"
    return Found(found.x, int(found.nit), trouble)


def proximal(
    fun: Fun, prox: Callable[[Vector, float], Vector], z: Vector, tol: float, max_iter: int
) -> Found:  # fmt: skip
    """Accelerated proximal gradient steps, until one moves no coordinate by more than `tol` times its length.

    Lengths are found by backtracking; the momentum starts anew where it points uphill. A. Beck and M. Teboulle, "A Fast
    Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems" (2009); B. O'Donoghue and E. Candès,
    "Adaptive Restart for Accelerated Gradient Schemes" (2015).
    """
    last, momentum, step = z, 1.0, 1.0
    for k in range(1, max_iter + 1):
        value, grad = fun(z)
        noise = 8.0 * EPS * max(abs(value), 1.0)
        while True:
            found = prox(z - step * grad, step)
            move = found - z
            length = float(move @ move)
            bound = value + float(grad @ move) + length / (2.0 * step) + noise
            if not length > 0.0 or step < 1e-30 or fun.value(found) <= bound:
                break
            step *= 0.5
        if np.abs(move).max(initial=0.0) <= tol * step and (step <= 1.0 or residual(prox, z, grad, step) <= tol):
            return Found(found, k, "")
        if float(move @ (found - last)) < 0.0:
            momentum = 1.0
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum * momentum))
        z, last = found + (momentum - 1.0) / following * (found - last), found
        momentum = following
        if length / step > 1e3 * noise:  # else the test above sees nothing but rounding
            step *= 1.1
    return Found(last, max_iter, unfinished(max_iter))


def newton(
    fun: Fun, hess: Callable[[Vector], NDArray[Any]], z: Vector, tol: float, max_iter: int, reach: float
) -> Found:  # fmt: skip
    """Newton's steps, of lengths up to `reach`, each to about the lowest value on its line: for few coefficients."""
    value, grad = fun(z)
    for k in range(1, max_iter + 1):
        if np.abs(grad).max(initial=0.0) <= tol:
            return Found(z, k, "")
        sizes, axes = convex(hess(z))
        sizes = np.maximum(sizes, float(np.linalg.norm(grad)) / reach)
        move = -(axes / sizes) @ (axes.T @ grad)
        fall = float(grad @ move)
        if -fall <= FLAT * max(abs(value), 1.0):
            return Found(z, k, "")
        best, next_value, next_grad = _on_line(fun, z, move, value, fall)
        flat = not next_value < value - FLAT * max(abs(value), 1.0)
        if next_value < value:
            z, value, grad = best, next_value, next_grad
        if flat:
            return Found(z, k, "")
    return Found(z, max_iter, unfinished(max_iter))


def _on_line(fun: Fun, z: Vector, move: Vector, value: float, fall: float) -> tuple[Vector, float, Vector]:
    """A point, with value and gradient, where a function has nearly stopped falling."""
    low, high, t = (0.0, fall), (1.0, 0.0), 1.0
    for _ in range(30):
        point = z + t * move
        found, grad = fun(point)
        slope = float(grad @ move)
        if found <= value and (abs(slope) <= 0.1 * abs(fall) or (t == 1.0 and slope < 0.0)):
            break
        if slope < 0.0 and found <= value:
            low = t, slope
        else:
            high = t, slope
        share = low[1] / (low[1] - high[1]) if high[1] > 0.0 else 0.5
        t = low[0] + (high[0] - low[0]) * min(max(share, 0.05), 0.95)
    return point, found, grad


def convex(hess: NDArray[Any]) -> tuple[Vector, NDArray[Any]]:
    """A Hessian's eigenvalues, made positive, and its axes."""
    sizes, axes = np.linalg.eigh(hess)
    sizes = np.abs(sizes)
    return np.maximum(sizes, 1e-10 * sizes.max(initial=1e-300)), axes


class Model:
    """A function's second-order model around a point."""

    def __init__(self, z: Vector, grad: Vector, hess: NDArray[Any]) -> None:
        self.z, self.grad, self.hess = z, grad, hess

    def __call__(self, x: Vector) -> tuple[float, Vector]:
        """Value and gradient."""
        d = x - self.z
        bend = self.hess @ d
        return float(self.grad @ d + 0.5 * (d @ bend)), self.grad + bend

    def value(self, x: Vector) -> float:
        """The value alone."""
        return self(x)[0]

    @cached_property
    def steepest(self) -> float:
        """What no second derivative along a line is above."""
        return float(np.abs(self.hess).sum(axis=0).max(initial=0.0))


def proximal_newton(
    fun: Fun,
    hess: Callable[[Vector], NDArray[Any]],
    lowest: Callable[[Vector, Vector, NDArray[Any]], Vector],
    prox: Callable[[Vector, float], Vector],
    cost: Callable[[Vector], float],
    z: Vector,
    tol: float,
    max_iter: int,
) -> Found:
    """Minimise a function's second-order models plus the penalty, each from the last one's minimum on.

    `lowest` gives a model's minimum, of a point, its gradient and Hessian. It takes few readings of the data, each of
    which finds a Hessian: for few coefficients. J. Lee, Y. Sun and M. Saunders, "Proximal Newton-Type Methods for
    Minimizing Composite Functions" (2014). A model that leads too far is damped by as much as its point is off: D. Li,
    M. Fukushima, L. Qi and N. Yamashita, "Regularized Newton Methods for Convex Minimization Problems with Singular
    Solutions" (2004).
    """
    step, damping, (value, grad) = 0.0, 0.0, fun(z)
    for k in range(1, max_iter + 1):
        if step and residual(prox, z, grad, step) <= tol:
            return Found(z, k, "")
        bend = hess(z)
        steepest = float(np.abs(bend).sum(axis=0).max(initial=0.0))
        if steepest > 0.0:
            step = 1.0 / steepest
        else:  # all rows lie where the loss is straight
            step, damping = 1.0, max(damping, 1.0)
        off, old = residual(prox, z, grad, step), value + cost(z)
        noise = 8.0 * EPS * max(abs(old), 1.0)
        while True:
            move = lowest(z, grad, bend + damping * off * np.eye(len(z)) if damping else bend) - z
            fall = float(grad @ move) + cost(z + move) - cost(z)
            for t in LENGTHS if fall <= 0.0 else ():
                end = z + t * move
                value, slope = fun(end)
                if lower := value + cost(end) <= old + 1e-4 * t * fall + noise:
                    break
            if fall <= 0.0 and lower:
                break
            damping = max(8.0 * damping, 1.0)
            if damping > FIRM:
                return proximal(fun, prox, z, tol, max_iter)
        z, grad = end, slope
        damping = 0.25 * damping if damping > LOOSE else 0.0
    return Found(z, max_iter, unfinished(max_iter))


def residual(prox: Callable[[Vector, float], Vector], z: Vector, grad: Vector, step: float) -> float:
    """How far a proximal gradient step goes, by its length: `step`, or the largest coordinate.

    Of a loss that is all but straight, 1 / its curvature may be 1e50; by such a length any point would be a minimum. Of
    a shorter one than the largest coordinate, this one's rounding would be more than a tolerance.
    """
    step = min(step, max(1.0, float(np.abs(z).max(initial=0.0))))
    return float(np.abs(prox(z - step * grad, step) - z).max(initial=0.0)) / step
