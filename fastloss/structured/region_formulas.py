"""What is computed of regions: plain functions of numbers, which the kernels are completed with.

A pixel's probability p comes with its complement q, which is not 1 - p where that would have lost its digits. A score
is made of three sums over pixels: what prediction and target have in common, p t, what only the prediction has,
p (1 - t), and what only the target has, q t. Nothing is subtracted, so that a loss near 0 is exact.
"""

from __future__ import annotations

import math

Scored = tuple[float, float, float]
"""The loss, and its derivatives by the probability of a pixel of the background and of one of the region."""


def itself(p: float) -> tuple[float, float]:
    """Of a probability."""
    return p, 1.0 - p


def sigmoid(z: float) -> tuple[float, float]:
    """Of a logit."""
    e = math.exp(-math.fabs(z))
    larger = 1.0 / (1.0 + e)
    smaller = e * larger
    return (larger if z >= 0.0 else smaller), (smaller if z >= 0.0 else larger)


def below(z: float, top: float) -> float:
    """e^(z - top), and 1 where both are the same infinity."""
    e = math.exp(z - top)
    return 1.0 if z == top else e


def tversky(
    common: float, extra: float, missing: float, smooth: float, alpha: float, beta: float, gamma: float
) -> Scored:  # fmt: skip
    """1 - (I + s) / (I + alpha FP + beta FN + s); 0 where nothing is in any of the sums."""
    wrong, right = alpha * extra + beta * missing, common + smooth
    whole = right + wrong
    loss = wrong / whole if whole != 0.0 else 0.0
    share = right / whole if whole != 0.0 else 0.0
    return (
        loss,
        alpha * share / whole if whole != 0.0 else 0.0,
        -(loss + beta * share) / whole if whole != 0.0 else 0.0,
    )


def focal_tversky(
    common: float, extra: float, missing: float, smooth: float, alpha: float, beta: float, gamma: float
) -> Scored:  # fmt: skip
    """Its power gamma; where a power below 1 is infinitely steep, at a loss of 0, there is no gradient."""
    loss, off, on = tversky(common, extra, missing, smooth, alpha, beta, gamma)
    steep = loss == 0.0 and gamma < 1.0
    slope = 0.0 if steep else gamma * math.pow(loss, gamma - 1.0)
    return math.pow(loss, gamma), slope * off, slope * on
