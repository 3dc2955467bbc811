"""Where a path of penalties begins: at the smallest strength that leaves no coefficient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..penalties.elements import Elementwise
from .objectives import MOST, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .problem import Problem

    Vector = NDArray[Any]


def strongest(problem: Problem, tol: float, max_iter: int) -> tuple[float, Vector]:
    """The smallest strength at which a penalty leaves no coefficient, and the intercepts of that model."""
    penalty: Any = problem.penalty
    if smooth(penalty):
        name = penalty.name.rpartition(".")[2]
        raise ValueError(f"alphas is a number, expected strengths: {name} leaves no coefficient at 0")
    null = problem.solve(penalty.bind(strength=MOST), None, tol, max_iter).z
    down = -problem.coordinates.features(problem.mean.grad(null))
    if isinstance(penalty, Elementwise):
        share, _ = penalty.bind(strength=1.0).parts()
        if np.min(share) * MOST > np.abs(down).max(initial=0.0):
            return float(np.max(np.abs(down) / share, initial=0.0)) * (1.0 + 1e-12), null
    low, high = 0.0, 1.0
    while penalty.bind(strength=high).prox(down).any():
        low, high = high, 2.0 * high
        if high > MOST:
            raise ValueError(f"alphas is a number, expected strengths: {penalty} leaves coefficients at any")
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if penalty.bind(strength=middle).prox(down).any() else (low, middle)
    return high * (1.0 + 1e-12), null  # so that rounding leaves nothing either
