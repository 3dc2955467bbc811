"""The minimum of a quadratic function plus multiples of coordinates' sizes: by their signs, else by inner points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from .solvers import convex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[Any]

LEAST = 1e-100
"""The least threshold: the square of a column divided by a smaller one may be infinite."""
GUESSES = 10
"""Of signs, before inner points: mostly 3 are enough, and of a path 2."""
NOISE = 1e-9
"""The share of a threshold by which rounding may take a slope past it."""
STEPS = 60
"""Of inner points: 10 to 25 are enough."""
GAP = 1e-12
"""The share of its terms that the duality gap of the last of them is."""
RAISED = 1e-12
"""The share of itself by which a step raises each second derivative, so that rounding leaves a factor."""
BEYOND = 1e10
"""The multiple of the steepest slope at 0 that no slope comes to: larger thresholds are as good as this one."""
SHORT = 0.995
"""The share of the way to a bound that a step goes."""
ENDLESS = 1e3
"""The multiple of an inner point at which the function is lowest, from which on it is taken to fall without end.

Of models with a minimum, of columns alike to 1e-9, 5 was the most; of those without, 10 steps came to 1e6.
"""


def lowest(bend: NDArray[Any], grad: Vector, threshold: Vector, z: Vector) -> Vector:
    """The x for which (x - z)' bend (x - z) / 2 + grad' (x - z) + threshold' |x| is smallest."""
    pull = bend @ z - grad
    found = _by_signs(bend, pull, threshold, z)
    if found is None:
        try:
            found = _by_inner_points(bend, pull, threshold, z)
        except LinAlgError:  # of a loss that is not convex
            sizes, axes = convex(bend)
            bend = (axes * sizes) @ axes.T
            found = _by_inner_points(bend, bend @ z - grad, threshold, z)
    return found


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
        active = np.flatnonzero(here)
        force = threshold[active] * np.sign(ahead[active])
        key = (active.tobytes(), force.tobytes())
        if key in tried:
            return None
        tried.add(key)
        some = bend[active]
        try:
            factor = cho_factor(some[:, active], lower=True, check_finite=False)
        except LinAlgError:
            return None
        x = np.zeros(len(x))
        x[active] = cho_solve(factor, pull[active] - force, check_finite=False)
        slope = x[active] @ some - pull
        left = np.abs(slope)
        left[active] = np.abs(slope[active] + force)
        bound = np.where(here, least, threshold + least)
        if (left <= bound).all() and (x[active] * force >= 0.0).all():
            return x
    return None


def _by_inner_points(bend: NDArray[Any], pull: Vector, threshold: Vector, z: Vector) -> Vector:
    """The same by a primal-dual interior-point method, whose steps are few however alike the columns are.

    x is the difference of the multipliers of two bounds: slope <= threshold and -slope <= threshold, slope being pull -
    bend x. S. Mehrotra, "On the Implementation of a Primal-Dual Interior Point Method" (1992).
    """
    held, curve, most = threshold > LEAST, np.maximum(np.diagonal(bend), 1e-290), float(np.abs(pull).max(initial=0.0))
    t, sizes = np.minimum(threshold[held], BEYOND * most), np.abs(bend)
    pulled = np.abs(pull) > GAP * most  # of a constant column both are rounding: their quotient is anything
    size = max(float(np.abs(z[held]).max(initial=0.0)), float((np.abs(pull) / curve)[pulled].max(initial=0.0)))
    x, dual, slack = np.where(held, 0.0, z), np.zeros(len(t)), np.stack([t, t])
    multipliers = size * float(np.median(t)) / slack if len(t) else slack
    for _ in range(STEPS):
        turned = bend @ x
        ahead = float(pull @ x) - float(t @ np.abs(x[held]))
        if ahead > ENDLESS * float(x @ turned) and np.abs(x).max() > size:
            return x
        rest = pull - turned
        rest[held] -= dual
        products = multipliers * slack
        mean = float(products.sum()) / max(products.size, 1)
        small = np.abs(rest) <= GAP * (sizes @ np.abs(x) + np.abs(pull))
        if small.all() and (products <= GAP * t * size).all():
            break
        newton = _Newton(bend, held, rest, multipliers, slack)
        guess = newton.step(-products)
        far = min(1.0, newton.length(guess))
        after = float(((multipliers + far * guess[2]) * (slack + far * guess[3])).sum()) / max(products.size, 1)
        aim = (after / mean) ** 3 * mean if mean > 0.0 else 0.0
        step = newton.step(aim - products - guess[2] * guess[3])
        far = min(1.0, SHORT * newton.length(step)) if len(t) else 1.0
        x, dual = x + far * step[0], dual + far * step[1]
        multipliers, slack = multipliers + far * step[2], slack + far * step[3]
        x[held] = multipliers[0] - multipliers[1]
    weights = 1.0 / (multipliers / slack).sum(axis=0)
    x[held] = np.where(weights < curve[held], x[held], 0.0)
    found = _by_signs(bend, pull, threshold, x)
    return x if found is None else found


class _Newton:
    """Newton's steps from one inner point."""

    def __init__(
        self, bend: NDArray[Any], held: NDArray[Any], rest: Vector, multipliers: NDArray[Any], slack: NDArray[Any]
    ) -> None:
        self.bend, self.held, self.rest, self.multipliers, self.slack = bend, held, rest, multipliers, slack
        self.ratio = multipliers / slack
        self.weights = 1.0 / self.ratio.sum(axis=0)
        system, places = bend.copy(), np.flatnonzero(held)
        system[places, places] += self.weights
        everywhere = np.arange(len(bend))
        system[everywhere, everywhere] += RAISED * np.maximum(np.diagonal(bend), 1e-290)
        self.factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)

    def step(self, aim: NDArray[Any]) -> tuple[Vector, Vector, NDArray[Any], NDArray[Any]]:
        """That of x, the slope, the multipliers and what is left of their bounds, whose products change by `aim`."""
        ahead, right = aim / self.slack, self.rest.copy()
        right[self.held] += self.weights * (ahead[0] - ahead[1])
        move = cho_solve(self.factor, right, check_finite=False)
        turn = self.weights * (move[self.held] - (ahead[0] - ahead[1]))
        both = np.stack([turn, -turn])
        return move, turn, ahead + self.ratio * both, -both

    def length(self, step: tuple[Vector, Vector, NDArray[Any], NDArray[Any]]) -> float:
        """How much of it leaves all multipliers, and all that is left of their bounds, at 0 or above."""
        most = max(float((-d / v).max(initial=0.0)) for d, v in ((step[2], self.multipliers), (step[3], self.slack)))
        return 1.0 / max(most, 1e-300)
