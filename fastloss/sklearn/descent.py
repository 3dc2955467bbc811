"""The minimum of a quadratic function plus multiples of coordinates' sizes, by scikit-learn's coordinate descent."""

from __future__ import annotations

import warnings
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular
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
"""Signs that are tried before: those of a step from the last ones' solution, of which a few are enough mostly.

M. Hintermüller, K. Ito and K. Kunisch, "The Primal-Dual Active Set Strategy as a Semismooth Newton Method" (2002).
"""
NOISE = 1e-9
"""The share of a threshold by which rounding may take a slope past it."""


_WARNING = Lock()
"""Held while the process's filters of warnings are changed: threads that did so by turns would leave one behind."""


def lowest(bend: NDArray[Any], grad: Vector, threshold: Vector, z: Vector) -> Vector:
    """The x for which (x - z)' bend (x - z) / 2 + grad' (x - z) + threshold' |x| is smallest.

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
    guess, squares, tried = w, (x * x).sum(axis=0), set()
    for _ in range(GUESSES):
        ahead = squares * guess + x.T @ (y - x @ guess)
        signs = np.where(np.abs(ahead) > 1.0, np.sign(ahead), 0.0)
        guess, right = _of_signs(x, y, signs)
        if right:
            return guess
        if signs.tobytes() in tried:
            break
        tried.add(signs.tobytes())
    x = np.asfortranarray(x)
    options: Any = {"alphas": [1.0 / len(y)], "max_iter": ROUNDS, "precompute": False, "check_input": False}
    for gap in GAPS:
        with _WARNING, warnings.catch_warnings(), config_context(skip_parameter_validation=True):
            warnings.filterwarnings("ignore", "Objective did not converge", ConvergenceWarning)
            _, path, _ = lasso_path(x, y, coef_init=w, tol=gap, **options)
        w = path[:, 0]
        guess, right = _of_signs(x, y, np.sign(w))
        if right:
            return guess
    return w


def _of_signs(x: NDArray[Any], y: Vector, signs: Vector) -> tuple[Vector, bool]:
    """The solution, if its coefficients have these signs, and whether they have."""
    here, found = np.flatnonzero(signs), np.zeros(len(signs))
    some, own = x[:, here], signs[here]
    found[here] = np.linalg.solve(some.T @ some, some.T @ y - own)
    slope = x.T @ (y - x @ found)
    slope[here] = 0.0
    return found, bool((np.sign(found[here]) == own).all() and np.abs(slope).max() <= 1.0 + NOISE)
