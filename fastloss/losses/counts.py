"""Poisson's likelihood; with its constant, half a deviance and Stirling's remainder: terms that do not cancel."""

from __future__ import annotations

import math

from .special import HALF_LOG_2PI, INF, NAN, Jet, log_factorial, of_type, scaled, stirling_series

LARGE, SMALL = math.exp(32.0), math.exp(-32.0)


def stirling_rest(t: float) -> float:
    """log(t!) - t log(t) + t for t >= 0."""
    few = log_factorial(t) - _own_part(t)
    return 0.5 * math.log(t) + (HALF_LOG_2PI + stirling_series(1.0 / t)) if t > 8.5 else few


def _own_part(t: float) -> float:
    """t log(t) - t, which is 0 for t = 0."""
    return t * (math.log(t) - 1.0) if t > 0.0 else 0.0


def centred(plain: float, t: float) -> float:
    """A loss less its least value, t - t log(t), of terms of which one outweighs the others."""
    return plain + _own_part(t) if abs(plain) < INF and t < INF else plain


def log_deviance(plain: float, pred: float, t: float) -> float:
    """exp(pred) - t pred less its least value: t (exp(d) - 1 - d) for d = pred - log(t)."""
    d = pred - (math.log(t) if t > 0.0 else 0.0)
    near = abs(d) < 0.5
    s = d if near else 0.0
    grown = d * d * _exp_rate(s) if near else (math.exp(d if d < 4.0 else 0.0) - 1.0) - d
    return t * grown if d < 4.0 and 0.0 < t < INF else centred(plain, t)


def _exp_rate(d: float) -> float:
    """(exp(d) - 1 - d) / d^2 for |d| < 1/2, by Taylor's series: what follows is below 1e-17."""
    a = 1 / 479001600 + d * (1 / 6227020800 + d * (1 / 87178291200 + d * (1 / 1307674368000)))
    a = 1 / 362880 + d * (1 / 3628800 + d * (1 / 39916800 + d * a))
    a = 1 / 720 + d * (1 / 5040 + d * (1 / 40320 + d * a))
    return 1 / 2 + d * (1 / 6 + d * (1 / 24 + d * (1 / 120 + d * a)))


def deviance(plain: float, mean: float, t: float) -> float:
    """mean - t log(mean) less its least value: t (x - log(1 + x)) for x = (mean - t) / t."""
    x = (mean - t) / t if t > 0.0 else INF
    near = abs(x) < 0.25
    s = x / (2.0 + x) if near else 0.0
    bent = x * s - 2.0 * s * s * s * _atanh_rate(s * s)
    grown = bent if near else x - math.log1p(x if abs(x) < 16.0 else 0.0)
    return t * grown if -0.9 < x < 16.0 and t < INF else centred(plain, t)


def _atanh_rate(y: float) -> float:
    """(atanh(s) - s) / s^3 for y = s^2 below 1/49, by its series: what follows is below 1e-17."""
    a = 1 / 13 + y * (1 / 15 + y * (1 / 17 + y * (1 / 19 + y * (1 / 21))))
    return 1 / 3 + y * (1 / 5 + y * (1 / 7 + y * (1 / 9 + y * (1 / 11 + y * a))))


def counted(pred: float, target: float) -> Jet:
    """exp(pred) - target pred."""
    # From 80 on both terms may be infinite while their difference is not, so they are computed in a smaller unit, in
    # which the mean is finite: where it is not in the end, it outweighs all targets but infinite ones.
    end = of_type(110.0, 730.0)
    x = end if pred > end else pred
    high = x > 80.0
    unit = LARGE if high else 1.0
    mean = math.exp(x - 32.0 if high else x)
    drawn = NAN if pred == INF and target == INF else (target * SMALL if high else target)
    pull = scaled(0.0 if target == INF and x == 0.0 else drawn, x)
    return (mean - pull) * unit, (mean - drawn) * unit, mean * unit


def counted_full(pred: float, target: float, full: float) -> Jet:
    """`counted` less its least value, which `stirling_rest` belongs to."""
    plain, d1, d2 = counted(pred, target)
    return log_deviance(plain, pred, target), d1, d2


def counted_identity(pred: float, target: float) -> Jet:
    """pred - target log(pred)."""
    half = 0.5 * math.log(pred)
    pull = (0.0 if half == 0.0 and target == INF else target) * half
    endless = pred == INF
    nothing = 0.0 * target  # keeps its NaN
    return (
        pred - nothing if endless else (pred - pull) - pull,  # the sum of both may be infinite, and the loss finite
        1.0 - nothing if endless else (pred - target) / pred,
        nothing if endless else (target / pred) / pred,
    )


def counted_identity_full(pred: float, target: float, full: float) -> Jet:
    """`counted_identity` less its least value, which `stirling_rest` belongs to."""
    plain, d1, d2 = counted_identity(pred, target)
    return deviance(plain, pred, target), d1, d2
