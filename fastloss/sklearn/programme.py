"""Linear and quadratic programmes of a linear model: the minimum for a loss of straight pieces, by inner points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, lstsq

from .solvers import Found, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .features import Features
    from .pieces import Pieces

    Vector = NDArray[Any]

BEYOND = 4.0
"""The multiple of the steepest slope that any data makes: larger thresholds are as good as this one."""
LEAST = 1e-100
"""The least threshold of a coefficient's size: a smaller one is none."""
STEPS = 80
"""Of inner points: 12 to 25 are enough."""
GAP = 1e-10
"""The share of the value that the duality gap of the last of them is."""
NOTHING = 1e-14
"""The same of the best constant's value, of a target that no row is off."""
SHORT = 0.9995
"""The share of the way to a bound that a step goes."""
RAISED = 1e-12
"""The share by which the squares of coefficients are raised, so that rounding leaves a factor."""
TIES = 4
"""Rows at their kinks, for each coefficient, up to which they are put there exactly."""
AGAIN = 2
"""Refinements of a system's solution by rows: without them its rounding grows from step to step."""


class Step(NamedTuple):
    """That of coefficients, of multipliers, and of what a kink's place is above it and below it."""

    z: Vector
    ahead: Vector
    """How much each kink's place moves."""
    multipliers: Vector
    above: Vector
    below: Vector


class Programme:
    """The mean of a loss of straight pieces, and of coefficients' sizes and squares, as a sum of one-sided kinks.

    Each has a multiplier, between 0 and by how much the slope jumps there. S. Portnoy and R. Koenker, "The Gaussian
    Hare and the Laplacian Tortoise" (1997); S. Mehrotra, "On the Implementation of a Primal-Dual Interior Point Method"
    (1992).
    """

    def __init__(self, features: Features, found: Pieces, share: Vector, threshold: Vector, decay: Vector) -> None:
        """`share` is a row's weight; `threshold` and `decay` are multiples of a coefficient's size and half its square."""
        self.features, self.n, self.rows, self.decay = features, len(share), found.rows, decay
        self.held = np.flatnonzero(threshold > LEAST)
        steepest = np.abs(found.first) + np.bincount(found.rows, found.jumps, self.n)
        size = np.minimum(threshold[self.held], BEYOND * float(share @ steepest))
        self.jumps = np.concatenate([share[self.rows] * found.jumps, 2.0 * size])
        self.kinks = np.concatenate([found.kinks, np.zeros(len(size))])
        self.slope = features.back(share * found.first)
        self.slope[self.held] -= size
        free = np.setdiff1d(np.flatnonzero(decay <= 0.0), self.held)
        p = len(features.center)
        self.by_rows = self.n < p and (free >= p).all()
        """Whether a system has an equation for each row: of coefficients that all have a penalty."""

    def ahead(self, z: Vector) -> Vector:
        """The place of each kink, of coefficients or a step."""
        return np.concatenate([self.features.scores(z)[self.rows], z[self.held]])

    def back(self, each: Vector) -> Vector:
        """The slope that a number for each kink makes."""
        found = self.features.back(self.of_rows(each))
        found[self.held] += each[len(self.rows) :]
        return found

    def of_rows(self, each: Vector) -> Vector:
        """The sum of each row's kinks."""
        return np.bincount(self.rows, each[: len(self.rows)], self.n)

    def lowest(self, z: Vector, value: Callable[[Vector], float], least: float, max_iter: int) -> Found | None:
        """The minimum; None where rounding, or a function that falls without end, leaves none.

        `value` is the whole function's, `least` how steep it may be.
        """
        off = self.ahead(z) - self.kinks
        over, under = np.maximum(off, 0.0) + 1.0, np.maximum(-off, 0.0) + 1.0
        up, down = 0.5 * self.jumps, 0.5 * self.jumps
        for k in range(1, min(STEPS, max_iter) + 1):
            rest = self.decay * z + self.slope + self.back(up)
            gap, worth = float(over @ down + under @ up), value(z)
            if gap <= max(GAP * abs(worth), NOTHING) and np.abs(rest).max(initial=0.0) <= least:
                return Found(self._vertex(z, off, up, down, value), k, "")
            try:
                system = _System(self, rest, over, under, up, down, over - under - off)
            except LinAlgError:
                return None
            guess = system.step(-over * down, -under * up)
            apart = system.lengths(guess)
            after = float((over + apart[0] * guess.above) @ (down - apart[1] * guess.multipliers))
            after += float((under + apart[0] * guess.below) @ (up + apart[1] * guess.multipliers))
            aim = (after / gap) ** 3 * gap / (2 * len(off))
            step = system.step(
                aim - over * down + guess.above * guess.multipliers, aim - under * up - guess.below * guess.multipliers
            )
            far, turn = (SHORT * x if x < 1.0 else 1.0 for x in system.lengths(step))
            z, off = z + far * step.z, off + far * step.ahead
            over, under = over + far * step.above, under + far * step.below
            up, down = up + turn * step.multipliers, down - turn * step.multipliers
            if not (np.isfinite(z).all() and (up > 0.0).all() and (down > 0.0).all()):
                return None
        return Found(z, k, unfinished(k)) if k == max_iter else None

    def _vertex(self, z: Vector, off: Vector, up: Vector, down: Vector, value: Callable[[Vector], float]) -> Vector:
        """The point near by where coefficients are 0, and rows at their kinks, whose multipliers have room to move."""
        m, room = len(self.rows), np.minimum(up, down) / self.jumps
        here = room[:m] > np.abs(off[:m])
        zero = room[m:] * float(np.abs(z).max(initial=0.0)) > np.abs(off[m:])
        found = z.copy()
        found[self.held[zero]] = 0.0
        some = np.setdiff1d(np.arange(len(z)), self.held[zero])
        if 0 < here.sum() <= TIES * len(some):
            matrix = self.features.part(self.rows[here], some)
            rest = self.kinks[:m][here] - matrix @ found[some]
            found[some] += lstsq(matrix, rest, lapack_driver="gelsy", check_finite=False)[0]
        return found if value(found) <= value(z) + GAP * abs(value(z)) + NOTHING else z


class _System:
    """Newton's steps from one inner point."""

    def __init__(
        self, of: Programme, rest: Vector, over: Vector, under: Vector, up: Vector, down: Vector, wrong: Vector
    ) -> None:
        self.of, self.rest, self.wrong = of, rest, wrong
        self.over, self.under, self.up, self.down = over, under, up, down
        self.weights = 1.0 / (over / down + under / up)
        self.each = of.of_rows(self.weights)
        m = len(of.rows)
        self.decay = of.decay.copy()
        self.decay[of.held] += self.weights[m:]
        if of.by_rows:
            p = len(of.features.center)
            self.decay, self.root = self.decay[:p], np.sqrt(self.each)
            system, more = of.features.by_rows(self.root, 1.0 / self.decay), 1.0
        else:
            system, more = of.features.by_columns(self.each), self.decay
        system[np.diag_indices(len(system))] += more + RAISED * (np.diagonal(system) + 1e-290)
        self.factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
        self.ones = self._solved(np.ones(of.n)) if of.by_rows else None

    def step(self, above: Vector, below: Vector) -> Step:
        """That after which products of places and multipliers have changed by so much."""
        of, m = self.of, len(self.of.rows)
        ahead = below / self.up - above / self.down - self.wrong
        turn = self.weights * ahead
        if of.by_rows:
            z, moved = self._by_rows(turn)
        else:
            z = cho_solve(self.factor, -self.rest - of.back(turn), check_finite=False)
            moved = of.features.scores(z)
        moves = np.concatenate([moved[of.rows], z[of.held]])
        turn += self.weights * moves
        return Step(z, moves, turn, (above + self.over * turn) / self.down, (below - self.under * turn) / self.up)

    def _solved(self, right: Vector) -> Vector:
        return np.asarray(self.root * cho_solve(self.factor, self.root * right, check_finite=False))

    def _by_rows(self, turn: Vector) -> tuple[Vector, Vector]:
        """The same of an equation for each row, whose rounding grows from step to step where it is not refined."""
        of, p = self.of, len(self.decay)
        right, there = -self.rest, self.each > 0.0
        right[of.held] -= turn[len(of.rows) :]
        loose = np.divide(1.0, self.each, where=there, out=np.zeros(of.n))
        still = of.of_rows(turn) * loose
        z, each = np.zeros(len(right)), np.zeros(of.n)
        for _ in range(1 + AGAIN):
            left = right - of.features.back(each)
            left[:p] -= self.decay * z[:p]
            move = np.zeros(len(z))
            move[:p] = left[:p] / self.decay
            more = self._solved(of.features.scores(move) + still + of.features.scores(z) - each * loose)
            if len(z) > p:
                move[p] = (left[p] - more.sum()) / self.ones.sum()
                more += move[p] * self.ones
            move[:p] -= of.features.back(more)[:p] / self.decay
            z, each = z + move, each + more
        return z, each * loose - still

    def lengths(self, step: Step) -> tuple[float, float]:
        """How much of a step leaves places, and multipliers, on their sides of 0; of squares the same of both."""
        places = min(_room(self.over, step.above), _room(self.under, step.below))
        multipliers = min(_room(self.up, step.multipliers), _room(self.down, -step.multipliers))
        both = min(places, multipliers)
        return (both, both) if self.of.decay.any() else (places, multipliers)


def _room(place: Vector, move: Vector) -> float:
    return min(1.0, 1.0 / max(float((-move / place).max(initial=0.0)), 1e-300))
