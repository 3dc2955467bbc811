"""The minimum of a quadratic function plus multiples of coordinates' sizes: by their signs, else by descent."""

from __future__ import annotations

import warnings
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

from .solvers import convex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[Any]

GAPS = (1e-4, 1e-7, 1e-10, 1e-13)
"""Duality gaps, in units of the target's square, at which the signs found are tried as the right ones."""
ROUNDS = 1000
"""Of coordinate descent for each of them; what is left of it then is left to the next model."""
LEAST = 1e-100
"""The least threshold: the square of a column divided by a smaller one may be infinite."""
GUESSES = 10
"""Of signs, before coordinate descent: mostly 3 are enough, and of a path 2."""
NOISE = 1e-9
"""The share of a threshold by which rounding may take a slope past it."""


_WARNING = Lock()
"""Held while the process's filters of warnings are changed: threads that did so by turns would leave one behind."""


def lowest(bend: NDArray[Any], grad: Vector, threshold: Vector, z: Vector) -> Vector:
    """The x for which (x - z)' bend (x - z) / 2 + grad' (x - z) + threshold' |x| is smallest."""
    found = _by_signs(bend, bend @ z - grad, threshold, z)
    return _by_descent(bend, grad, threshold, z) if found is None else found


def _by_signs(bend: NDArray[Any], pull: Vector, threshold: Vector, x: Vector) -> Vector | None:
    """The minimum of x' bend x / 2 - pull' x + threshold' |x|, if a few guesses of its signs come to it.

    Each is that of a step from the last one's solution. M. Hintermüller, K. Ito and K. Kunisch, "The Primal-Dual Active
    Set Strategy as a Semismooth Newton Method" (2002).
    """
    curve, slope, tried = np.diagonal(bend), bend @ x - pull, set()
    least = NOISE * np.maximum(threshold, np.abs(pull))
    for _ in range(GUESSES):
        ahead = curve * x - slope
        here = np.abs(ahead) > threshold
        here |= threshold <= LEAST
        own = np.flatnonzero(here)
        force = threshold[own] * np.sign(ahead[own])
        key = (own.tobytes(), force.tobytes())
        if key in tried:
            return None
        tried.add(key)
        some = bend[own]
        try:
            factor = cho_factor(some[:, own], lower=True, check_finite=False)
        except LinAlgError:
            return None
        x = np.zeros(len(x))
        x[own] = cho_solve(factor, pull[own] - force, check_finite=False)
        slope = x[own] @ some - pull
        left = np.abs(slope)
        left[own] = np.abs(slope[own] + force)
        bound = np.where(here, least, threshold + least)
        if (left <= bound).all() and (x[own] * force >= 0.0).all():
            return x
    return None


def _by_descent(bend: NDArray[Any], grad: Vector, threshold: Vector, z: Vector) -> Vector:
    """The same by coordinate descent.

    With the coordinates of threshold 0 first, the last rows of a Cholesky factor are a lasso's features, scaled by
    their thresholds; the others follow from its coefficients.
    """
    order = np.argsort(threshold > LEAST, kind="stable")
    free = int((threshold <= LEAST).sum())
    lower, z, own = _factor(bend[np.ix_(order, order)]), z[order], threshold[order][free:]
    target = lower.T @ z - solve_triangular(lower, grad[order], lower=True)
    found = np.empty(len(z))
    found[free:] = _lasso(lower[free:, free:].T / own, target[free:], z[free:] * own) / own
    rest = target[:free] - lower[free:, :free].T @ found[free:]
    found[:free] = solve_triangular(lower[:free, :free], rest, lower=True, trans="T")
    found[order] = found.copy()
    return found


def _factor(bend: NDArray[Any]) -> NDArray[Any]:
    """Cholesky's, of a matrix raised by rounding; where it has none, of one with the sizes of its eigenvalues.

    Each coordinate is raised by its own second derivative: one may have 1e30 of a penalty's square.
    """
    try:
        return np.linalg.cholesky(bend + np.diag(1e-10 * np.maximum(np.diagonal(bend), 1e-290)))
    except np.linalg.LinAlgError:
        sizes, axes = convex(bend)
        return np.asarray(np.linalg.qr((axes * np.sqrt(sizes)).T, mode="r")).T


def _lasso(x: NDArray[Any], y: Vector, w: Vector) -> Vector:
    """The w for which |x w - y|^2 / 2 + |w|_1 is smallest: exact, where the signs found solve its conditions."""
    if not len(w):
        return w
    x = np.asfortranarray(x)
    options: Any = {"alphas": [1.0 / len(y)], "max_iter": ROUNDS, "precompute": False, "check_input": False}
    for gap in GAPS:
        with _WARNING, warnings.catch_warnings(), config_context(skip_parameter_validation=True):
            warnings.filterwarnings("ignore", "Objective did not converge", ConvergenceWarning)
            _, path, _ = lasso_path(x, y, coef_init=w, tol=gap, **options)
        w = path[:, 0]
        here, exact = np.flatnonzero(w), np.zeros(len(w))
        some, signs = x[:, here], np.sign(w[here])
        exact[here] = np.linalg.solve(some.T @ some, some.T @ y - signs)
        slope = np.delete(x.T @ (y - x @ exact), here)
        if (np.sign(exact[here]) == signs).all() and np.abs(slope).max(initial=0.0) <= 1.0 + NOISE:
            return exact
    return w
