"""Functions of one element that each target has in a faster form than plain Python says."""

from __future__ import annotations

import math


def exp_neg(x: float) -> float:
    """exp(x) for x <= 0."""
    return math.exp(x)


def expm1_neg(x: float) -> float:
    """exp(x) - 1 for x <= 0."""
    return math.expm1(x)


def exp_with_expm1(x: float) -> float:
    """exp(x) for x <= 0, where `expm1_neg` of the same x is needed, too."""
    return math.exp(x)


def log1p_unit(e: float) -> float:
    """log(1 + e) for 0 <= e <= 1."""
    return math.log1p(e)


def pow_signed(x: float, y: float) -> float:
    """x to the power y, also of a negative x where y is an integer."""
    return math.pow(x, y)


# What a target may have its own function for; no other name of anybody's is ever replaced.
for _function in (exp_neg, expm1_neg, exp_with_expm1, log1p_unit, pow_signed):
    setattr(_function, "elementary", True)  # noqa: B010, a function has no such attribute for mypy
