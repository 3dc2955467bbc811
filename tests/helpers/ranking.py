"""A loss of pairs that the tests define: logistic, each pair alike."""

from __future__ import annotations

import math


def logistic(d: float, sigma: float = 1.0) -> tuple[float, float, float]:
    e = 1.0 / (1.0 + math.exp(sigma * d))
    return math.log1p(math.exp(-sigma * d)), -sigma * e, sigma * sigma * e * (1.0 - e)


def each_pair(classes: float, pairs: float, sigma: float) -> float:
    return 1.0 / pairs if pairs > 0.0 else 0.0
