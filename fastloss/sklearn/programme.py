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

LEAST = 1e-100
"""The least threshold of a coefficient's size: a smaller one is none."""
BEYOND = 4.0
"""The multiple of the steepest slope that any data makes: larger thresholds are as good as this one."""
STEPS = 80
"""Of inner points: 12 to 35 are enough."""
GAP, NOTHING = 1e-10, 1e-12
"""The share of the value that the duality gap of the last of them is; the same of the best constant's value."""
SAME = 1e-9
"""The share of the first point's value by which the last one may be above it, where the first is the minimum."""
ROUNDING = 1e3
"""The multiple of the steepest slope asked for, below which one that no longer falls is rounding."""
SHORT = 0.9995
"""The share of the way to a bound that a step goes."""
EMPTY = 1e-12
"""The mean square of a standardised column below which it is rounding."""
RAISED = 0.0, 1e-15, 1e-13, 1e-11, 1e-9
"""The shares by which a system's squares are raised, one after another, until it has a factor."""
TIES = 4
"""Rows at their kinks, for each coefficient, up to which they are put there exactly."""
AGAIN = 2
"""Refinements of a system by rows."""


class Point(NamedTuple):
    """An inner point: coefficients, and for each kink what is positive."""

    z: Vector
    off: Vector
    """How far each kink's row, or coefficient, is above it."""
    over: Vector
    under: Vector
    """Of this one's two signs what it is at the most: their difference is `off`."""
    up: Vector
    down: Vector
    """The multiplier, which is the slope there, and what is left of the jump above it."""

    def gap(self) -> float:
        """The duality gap, where the slopes of all coefficients are 0."""
        return float(self.over @ self.down + self.under @ self.up)


class Step(NamedTuple):
    """What is added to a point's coefficients, and to what each kink has."""

    z: Vector
    off: Vector
    over: Vector
    under: Vector
    up: Vector


class Programme:
    """The mean of a loss of straight pieces, and of coefficients' sizes and squares, as a sum of kinks.

    S. Portnoy and R. Koenker, "The Gaussian Hare and the Laplacian Tortoise" (1997); S. Mehrotra, "On the
    Implementation of a Primal-Dual Interior Point Method" (1992).
    """

    def __init__(self, features: Features, found: Pieces, share: Vector, threshold: Vector, decay: Vector) -> None:
        """`share` is a row's weight; `threshold` and `decay` are multiples of coefficients' sizes and half squares."""
        self.features, self.n, self.rows, self.decay = features, len(share), found.rows, decay
        self.held = np.flatnonzero(threshold > LEAST)
        steepest = np.abs(found.first) + np.bincount(found.rows, found.jumps, self.n)
        size = np.minimum(threshold[self.held], BEYOND * float(share @ steepest))
        self.jumps = np.concatenate([share[self.rows] * found.jumps, 2.0 * size])
        self.kinks = np.concatenate([found.kinks, np.zeros(len(size))])
        self.slope = features.back(share * found.first)
        self.slope[self.held] -= size
        p = features.columns
        self.by_rows = self.n < p and bool(((threshold > LEAST) | (decay > 0.0))[:p].all())
        """Whether a system has an equation for each row: of coefficients that all have a penalty."""
        self.empty: NDArray[Any] | None = np.zeros(0, np.intp) if self.by_rows else None
        """Columns of which only rounding is there: they have no coefficient."""

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
        off = np.concatenate([self.features.scores(z)[self.rows], z[self.held]]) - self.kinks
        at = Point(z, off, np.maximum(off, 0.0) + 1.0, np.maximum(-off, 0.0) + 1.0, 0.5 * self.jumps, 0.5 * self.jumps)
        with np.errstate(all="ignore"):
            found = self._lowest(at, value, least, max_iter)
            if found is None or value(found.z) <= value(z):
                return found
            # The first point is the best constant: where that is the minimum, the last one is above it by rounding.
            return found._replace(z=z) if value(found.z) <= (1.0 + SAME) * value(z) + NOTHING else None

    def _lowest(self, at: Point, value: Callable[[Vector], float], least: float, max_iter: int) -> Found | None:
        before = np.inf
        for k in range(1, min(STEPS, max_iter) + 1):
            rest = self.decay * at.z + self.slope + self.back(at.up)
            if self.empty is not None:
                rest[self.empty] = 0.0
            steep, gap = float(np.abs(rest).max(initial=0.0)), at.gap()
            small = gap <= max(GAP * value(at.z), NOTHING)
            if small and (steep <= least or 0.5 * before <= steep <= ROUNDING * least):
                return Found(self._vertex(at, value), k, "")
            before = steep if small else np.inf
            try:
                step, primal, dual = _System(self, rest, at).step(gap)
            except (LinAlgError, ValueError):  # the second of what is not finite
                return None
            at = Point(
                at.z + primal * step.z, at.off + primal * step.off, at.over + primal * step.over,
                at.under + primal * step.under, at.up + dual * step.up, at.down - dual * step.up,
            )  # fmt: skip
        return Found(at.z, max_iter, unfinished(max_iter)) if max_iter < STEPS else None

    def _vertex(self, at: Point, value: Callable[[Vector], float]) -> Vector:
        """The point near by where coefficients are 0, and rows at their kinks, whose multipliers have room to move."""
        m, z, room = len(self.rows), at.z, np.minimum(at.up, at.down) / self.jumps
        here = room[:m] > np.abs(at.off[:m])
        zero = self.held[room[m:] * float(np.abs(z).max(initial=0.0)) > np.abs(at.off[m:])]
        found = z.copy()
        found[zero] = 0.0
        some = np.setdiff1d(np.arange(len(z)), zero)
        if 0 < here.sum() <= TIES * len(some):
            matrix = self.features.part(self.rows[here], some)
            rest = self.kinks[:m][here] - matrix @ found[some]
            found[some] += lstsq(matrix, rest, lapack_driver="gelsy", check_finite=False)[0]
        return found if value(found) <= (1.0 + GAP) * value(z) + NOTHING else z


class _System:
    """Newton's steps from one inner point."""

    def __init__(self, of: Programme, rest: Vector, at: Point) -> None:
        self.of, self.rest, self.at = of, rest, at
        self.weights = 1.0 / (at.over / at.down + at.under / at.up)
        self.each = of.of_rows(self.weights)
        self.decay = of.decay.copy()
        self.decay[of.held] += self.weights[len(of.rows) :]
        if of.by_rows:
            self.decay, self.root = self.decay[: of.features.columns], np.sqrt(self.each)
            self.factor = _factor(of.features.by_rows(self.root, 1.0 / self.decay), np.ones(of.n))
            self.ones = self._solved(np.ones(of.n))
            return
        system = of.features.by_columns(self.each)
        if of.empty is None:
            of.empty = np.flatnonzero(np.diagonal(system) <= EMPTY * self.each.sum())
            self.rest[of.empty] = 0.0
        system[of.empty], system[:, of.empty], self.decay[of.empty] = 0.0, 0.0, 1.0
        self.factor = _factor(system, self.decay)

    def step(self, gap: float) -> tuple[Step, float, float]:
        """Mehrotra's predictor and corrector, and the lengths of the primal and the dual step."""
        at = self.at
        affine = self._step(-at.over * at.down, -at.under * at.up)
        primal, dual = (min(1.0, x) for x in self._lengths(affine))
        after = float((at.over + primal * affine.over) @ (at.down - dual * affine.up))
        after += float((at.under + primal * affine.under) @ (at.up + dual * affine.up))
        centre = (after / gap) ** 3 * gap / (2 * len(at.off))
        above, below = (centre + x for x in (affine.over * affine.up, -affine.under * affine.up))
        corrected = self._step(above - at.over * at.down, below - at.under * at.up)
        primal, dual = (min(1.0, SHORT * x) for x in self._lengths(corrected))
        return corrected, primal, dual

    def _step(self, above: Vector, below: Vector) -> Step:
        """The step that changes the products of the sides above and below with their multipliers so much."""
        of, at = self.of, self.at
        apart = below / at.up - above / at.down - (at.over - at.under - at.off)
        up = self.weights * apart
        if of.by_rows:
            z, moved = self._by_rows(up)
        else:
            right = -self.rest - of.back(up)
            right[of.empty] = 0.0
            z = np.asarray(cho_solve(self.factor, right, check_finite=False))
            moved = of.features.scores(z)
        off = np.concatenate([moved[of.rows], z[of.held]])
        up += self.weights * off
        return Step(z, off, (above + at.over * up) / at.down, (below - at.under * up) / at.up, up)

    def _solved(self, right: Vector) -> Vector:
        return np.asarray(self.root * cho_solve(self.factor, self.root * right, check_finite=False))

    def _by_rows(self, up: Vector) -> tuple[Vector, Vector]:
        """The same of an equation for each row, whose rounding grows from step to step where it is not refined."""
        of, p = self.of, len(self.decay)
        right = -self.rest
        right[of.held] -= up[len(of.rows) :]
        inverse = np.divide(1.0, self.each, where=self.each > 0.0, out=np.zeros(of.n))
        shift = of.of_rows(up) * inverse
        z, each = np.zeros(len(right)), np.zeros(of.n)
        for _ in range(1 + AGAIN):
            left = right - of.features.back(each)
            left[:p] -= self.decay * z[:p]
            move = np.zeros(len(z))
            move[:p] = left[:p] / self.decay
            more = self._solved(of.features.scores(move + z) + shift - each * inverse)
            if len(z) > p:
                move[p] = (left[p] - more.sum()) / self.ones.sum()
                more += move[p] * self.ones
            move[:p] -= of.features.back(more)[:p] / self.decay
            z, each = z + move, each + more
        return z, each * inverse - shift

    def _lengths(self, step: Step) -> tuple[float, float]:
        """The longest primal and dual step that keep what is positive so; one for both where there are squares."""
        at = self.at
        primal = min(_room(at.over, step.over), _room(at.under, step.under))
        dual = min(_room(at.up, step.up), _room(at.down, -step.up))
        both = min(primal, dual)
        return (both, both) if self.of.decay.any() else (primal, dual)


def _room(place: Vector, move: Vector) -> float:
    return 1.0 / max(float((-move / place).max(initial=0.0)), 1e-300)


def _factor(system: NDArray[Any], squares: Vector) -> Any:
    """Cholesky's factor of a matrix and these squares, raised as little as rounding asks for."""
    places = np.diag_indices(len(system))
    squares = squares + system[places]
    for raised in RAISED:
        system[places] = squares * (1.0 + raised)
        try:
            return cho_factor(system, lower=True, check_finite=False)
        except LinAlgError:
            continue
    raise LinAlgError
