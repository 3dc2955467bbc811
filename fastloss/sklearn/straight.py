"""The problem of a loss of straight pieces and a penalty of each coefficient by itself: a programme of its kinks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..penalties.elements import Elementwise
from .features import Features
from .kinks import middle
from .pieces import Pieces, pieces
from .programme import Programme

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..penalties import Penalty
    from .solvers import Found

    Vector = NDArray[Any]

SMALL, VECTORS = 1 << 26, 80
"""Numbers that inner points may take beside X, where X has fewer; those of each row, half of them at a time."""
FAINT = 1e-30
"""The share of the largest weight below which a row is absent."""
STEEP = 1e-9
"""The share of a loss's mean slope to which a minimum is found."""
SEEN = 1e-7
"""The share of its value by which the loss of rounded coefficients may be above it."""


class Straight:
    """What solves a problem whose loss consists of straight pieces."""

    def __init__(self, problem: Any) -> None:
        self.problem = problem

    def solve(self, penalty: Penalty | None, max_iter: int) -> Found | None:
        """The minimum; None where the loss bends, or there is too little memory, or rounding is in the way."""
        problem = self.problem
        n, p = problem.X.shape
        known = penalty is None or isinstance(penalty, Elementwise)
        if not known or VECTORS * n > max(n * p, SMALL) or self.pieces is None:
            return None
        features, own, share = self.pieces
        threshold, decay = np.zeros((2, len(problem.start))) if penalty is None else problem.parts(penalty)
        cost: Callable[[Vector], float] = (lambda z: 0.0) if penalty is None else problem.cost(penalty)

        def mean(z: Vector) -> float:
            scores = features.scores(z) * problem.spread
            value: float = problem.loss(scores, problem.target, weight=problem.weight) / problem.size
            return value

        programme = Programme(features, own, share, threshold, decay)
        found = programme.lowest(problem.start, lambda z: mean(z) + cost(z), problem.least(STEEP), max_iter)
        if found is None:
            return None
        # Coefficients of columns that all but say the same twice may be mostly rounding.
        seen = problem.mean.value(problem.coordinates.coefficients(found.z)) / problem.size
        return found if seen <= (1.0 + SEEN) * mean(found.z) + STEEP else None

    @cached_property
    def pieces(self) -> tuple[Features, Pieces, Vector] | None:
        """The features, the pieces in units of the scores' size, and the rows' weights; None where no kinks are."""
        problem = self.problem
        n, size = len(problem.target), problem.spread
        weight = np.ones(n) if problem.weight is None else problem.weight
        here = np.flatnonzero(weight > FAINT * weight.max())
        target = problem.target[here]
        found = pieces(problem.loss, target, middle(problem.loss, target, 1), 2.0 * size)
        if found is None or not len(found.rows):
            return None
        first = np.zeros(n)
        first[here] = found.first
        own = Pieces(first, here[found.rows], found.kinks / size, found.jumps)
        return Features(problem.X, problem.coordinates), own, weight * (size / (problem.size * weight.sum()))
