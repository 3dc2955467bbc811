"""What the losses of survival may be off: their terms, and what a rounding of a bound's logarithm or of pred makes."""

from __future__ import annotations

from typing import Any

from mpmath import exp, expm1, inf, log, log1p, pi, sqrt
from oracle import normal_cdf


def terms(errors: str, pred: Any, lower: Any, upper: Any, scale: Any) -> tuple[Any, Any, Any]:
    """Magnitudes that value, first and second derivative are off in relation to."""
    low, high = min(lower, upper), max(lower, upper)
    a = (log(low) - pred) / scale if low else -inf
    b = (log(high) - pred) / scale if high < inf else inf
    logs = [abs(log(t)) for t in (low, high) if 0 < t < inf]
    # In units of the error's scale; it moves a and b.
    moved = (abs(pred) + max(logs, default=0)) / scale
    value, slope, curve, third = KINDS[errors](a, b, low == high)
    value += abs(log(scale)) + abs(log(low)) if low == high else 0
    return value + slope * moved, (slope + curve * moved) / scale, (curve + third * moved) / scale**2


def logistic(a: Any, b: Any, seen: bool) -> tuple[Any, ...]:
    up, down = 1 / (1 + exp(-a)), 1 / (1 + exp(b))
    curve = up / (1 + exp(a)) + down / (1 + exp(-b))
    value = log1p(exp(a)) + log1p(exp(-b))
    return value - (0 if seen else log(-expm1(a - b))), up + down, curve, curve


def extreme(a: Any, b: Any, seen: bool) -> tuple[Any, ...]:
    hazard, rise = exp(a), (0 if seen else exp(b) * -expm1(a - b))
    late = rise > 1e6  # where nothing is left of exp(-rise)
    pull = 0 if late else rise / expm1(rise) if rise else 1
    curve = hazard + (0 if late else pull * (pull + rise - 1) if rise > 1e-9 else rise / 2)
    value = hazard + (abs(b) if rise < 1 else 0) - (0 if late or not rise else log(-expm1(-rise)))
    return value, hazard + pull, curve, curve * (1 + (0 if late else rise))


def normal(a: Any, b: Any, seen: bool) -> tuple[Any, ...]:
    a, b = (a, b) if a + b > 0 else (-b, -a)
    m, w = (a + b) / 2, b - a
    near = min(abs(a), abs(b))
    if seen or (w <= 1 and m * w <= 1):
        return m**2 / 2 + 1 + (0 if seen else abs(log(w))), m + 1, 1, 1
    mass = normal_cdf(-a) - normal_cdf(-b)
    high, low = (exp(-(z**2) / 2) / sqrt(2 * pi) / mass for z in (a, b))
    slope = high + low
    if a >= 0:
        return a**2 / 2 + 1 + abs(log(mass) + a**2 / 2), slope, 2, 2
    curve = slope**2 + near * high + (b * low if b < inf else 0)
    return -log(mass), slope, curve, curve * (1 + near)


KINDS = {"logistic": logistic, "extreme": extreme, "normal": normal}
