"""Of many columns a few: the problem of those that have coefficients, until no other column would have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .objectives import Objective
from .solvers import Found

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..penalties.elements import Elementwise

    Vector = NDArray[Any]

AT_ONCE = 32
"""Columns that are added at a time; as many as there are, where these are more."""

EARLY = 0.01
"""The share of what columns are off, to which a problem of some of them is solved."""

MOST = 0.5
"""The share of all columns beyond which these are no few, where the problem of all has a Hessian."""


class Working:
    """The columns of a problem that are worked with: those of one penalty are the first of the next."""

    def __init__(self, problem: Any) -> None:
        self.problem = problem
        self.columns = np.empty(0, np.intp)
        self.part: Any = None
        """The problem of these columns."""
        self.last: Any = None
        """The coefficients to which the last ones have come, where they are no minimum."""

    def solve(self, penalty: Elementwise, w: Vector, tol: float, max_iter: int) -> Found | None:
        """The minimum, from coefficients on; None where that of the columns is not found to the tolerance."""
        problem, c = self.problem, self.problem.coordinates
        fun = Objective(problem.mean, None, c, problem.size)
        threshold, decay = problem.parts(penalty)
        strength = penalty.values["strength"]
        z, iterations, least = c.standardised(w), 0, problem.least(tol)
        bounded = problem.line is None and isinstance(problem.X, np.ndarray) and len(z) <= problem.hessian_columns
        most = MOST * c.size if bounded else np.inf
        while iterations < max_iter:
            rise = fun(z)[1] + decay * z
            off = np.where(z == 0.0, np.abs(rise) - threshold, np.abs(rise + np.sign(z) * threshold))
            if off.max() <= least:
                return Found(c.coefficients(z), max(iterations, 1), "")
            part = self._widened(z[: c.size], off[: c.size], least, iterations == 0)
            if part is None or len(self.columns) > most:
                break
            here = np.append(self.columns, np.arange(c.size, len(z)))
            part_penalty = penalty.bind(strength=strength[self.columns]) if np.ndim(strength) else penalty
            share = float(off.max()) / least  # other columns' slopes are not yet known to a tolerance, either
            loose = tol * max(1.0, min(EARLY * share, 1e3))
            found = part.minimum(part_penalty, part.coordinates.coefficients(z[here]), loose, max_iter - iterations)
            if found.trouble:
                break
            z = np.zeros(len(z))
            z[here] = part.coordinates.standardised(found.z)
            iterations += found.iterations
        self.last = c.coefficients(z)
        return None

    def _widened(self, z: Vector, off: Vector, least: float, begins: bool) -> Any:
        """The problem of more columns: those furthest off; None where all that are off are there."""
        there = z != 0.0
        most = max(AT_ONCE, int(there.sum()))
        if not begins or len(self.columns) <= 2 * most:
            there[self.columns] = True
        new = np.flatnonzero((off > least) & ~there)
        new = new[np.argsort(-off[new])[:most]]
        there[new] = True
        columns = np.flatnonzero(there) if there.any() else np.zeros(1, np.intp)
        if self.part is None or not np.array_equal(columns, self.columns):
            self.columns, self.part = columns, self.problem.restricted(columns)
        elif not begins:
            return None
        return self.part
