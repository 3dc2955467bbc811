"""The error function and its complement of either width: templates, whose ports `elementary` fills."""

from __future__ import annotations

from typing import Any

from .. import bits
from .exponentials import times_power_of_two
from .twofloats import quick_sum, two_product, two_sum

# Ports.
ERF: Any = None
ERFC: Any = None
ERFC_4_HI: Any = None
ERFC_4_LO: Any = None
ERFC_HIGH: Any = None
EXP: Any = None
LOG2E: Any = None
LN2_HI: Any = None
LN2_LO: Any = None


def tail(a: float) -> float:
    """erfc(a) for a >= 0, with gradual underflow: exp(-a**2) times a function that changes slowly."""
    a = bits.select(a > ERFC_HIGH, ERFC_HIGH, a)
    t = (a - 4.0) / (a + 4.0)
    slow, slow_low = quick_sum(ERFC_4_HI, t * bits.horner(t, ERFC) + ERFC_4_LO)
    below, below_low = two_sum(1.0, a + a)
    inverse = 1.0 / below
    factor = slow * inverse
    factor_low = (bits.fma(-factor, below, slow) + (slow_low - factor * below_low)) * inverse
    square, square_low = two_product(a, a)
    n = bits.rint(-square * LOG2E)
    reduced = -square - n * LN2_HI
    r, r_low = two_sum(reduced, -(n * LN2_LO + square_low))
    curve = r + ((r * r) * bits.horner(r, EXP) + r_low)
    factor_low = factor_low + factor_low * curve
    return times_power_of_two(factor + (factor * curve + factor_low), n)


def erf(x: float) -> float:
    """Error function for all x, sign of zero kept; error below 1.5 ULP."""
    a = bits.fabs(x)
    z = a * a
    near = a + a * bits.horner(z, ERF)
    return bits.copysign(bits.select(a < 0.5, near, 1.0 - tail(a)), x)


def erfc(x: float) -> float:
    """1 - erf(x) for all x, with gradual underflow and all digits where it is small; error below 1.75 ULP."""
    a = bits.fabs(x)
    z = x * x
    above, above_low = quick_sum(1.0, -x)
    near = above + (above_low - x * bits.horner(z, ERF))
    y = tail(a)
    return bits.select(a < 0.5, near, bits.select(x < 0.0, 2.0 - y, y))
