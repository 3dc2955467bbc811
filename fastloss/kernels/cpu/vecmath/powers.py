"""Powers and roots of either width: templates, whose ports `elementary` fills."""

from __future__ import annotations

import math
from typing import Any

from .. import bits
from .exponentials import times_power_of_two
from .logarithms import parts
from .twofloats import two_product

INF, NAN = math.inf, math.nan
THIRD = 1.0 / 3.0
CBRT_TWO = math.cbrt(2.0)
CBRT_HALF = 1.0 / CBRT_TWO

# Ports.
EXP2_SERIES: Any = None
LOG2_ATANH: Any = None
CUBIC_HI: Any = None
CUBIC_LO: Any = None
TWO_LOG2E_HI: Any = None
TWO_LOG2E_LO: Any = None
POW_LIMIT: Any = None
BIASED: Any = None
FRACTION_BITS: Any = None
CBRT: Any = None


def sqrt(x: float) -> float:
    """Square root, correctly rounded; NaN for x < 0."""
    return bits.sqrt(x)


def log2(x: float) -> tuple[float, float]:
    """Logarithm to base 2 of a positive finite x in two floats."""
    k, m = parts(x)
    f = m - 1.0
    # log2(1 + f) from s = f / (2 + f) in two floats.
    d = 2.0 + f
    d_low = f - (d - 2.0)
    reciprocal = 1.0 / d
    s = f * reciprocal
    s_low = bits.fma(-s, d_low, bits.fma(-s, d, f)) * reciprocal
    z = s * s
    linear = s * TWO_LOG2E_HI
    linear_low = bits.fma(s, TWO_LOG2E_HI, -linear)
    linear_low = bits.fma(s_low, TWO_LOG2E_HI, bits.fma(s, TWO_LOG2E_LO, linear_low))
    # The cubic term also in two floats: s**3 with the rounding errors of its products, and a coefficient that
    # takes in the rest of the series.
    z_low = bits.fma(s, s, -z) + (s + s) * s_low
    cube = s * z
    cube_low = bits.fma(s, z, -cube) + (s * z_low + s_low * z)
    rest = z * bits.horner(z, LOG2_ATANH)
    factor = CUBIC_HI + rest
    factor_low = ((CUBIC_HI - factor) + rest) + CUBIC_LO
    cubic = cube * factor
    cubic_low = bits.fma(cube, factor, -cubic) + (cube * factor_low + cube_low * factor)
    first = linear + cubic
    tail = ((linear - first) + cubic) + (cubic_low + linear_low)
    linear = first
    high = k + linear
    low = ((k - high) + linear) + tail
    log2x = high + low
    return log2x, low - (log2x - high)


def pow(x: float, y: float) -> float:
    """x**y for x >= 0 with the limits of C's pow, NaN for x < 0 unless y is 0; error below 1 ULP."""
    # |y log2(x)| goes up to 150 (1075), and the result needs its absolute error below 2**-25 (2**-54).
    log2x, log2x_low = log2(x)
    t = y * log2x
    t_low = bits.fma(y, log2x_low, bits.fma(y, log2x, -t))
    bounded = bits.select(t > POW_LIMIT, POW_LIMIT, bits.select(t < -POW_LIMIT, -POW_LIMIT, t))
    n = bits.rint(bounded)
    fraction = bits.select(bits.fabs(t) >= POW_LIMIT, 0.0, (bounded - n) + t_low)
    power = times_power_of_two(bits.horner(fraction, EXP2_SERIES), n)

    limit = bits.select((x == 0.0) == (y < 0.0), INF, 0.0)
    power = bits.select(bits.bit_or(x == 0.0, x == INF), limit, power)
    power = bits.select(bits.bit_and(x >= 0.0, y == y), power, NAN)
    return bits.select(bits.bit_or(x == 1.0, y == 0.0), 1.0, power)


def pow_signed(x: float, y: float) -> float:
    """x**y as C's pow has it, but of -0.0 that of 0.0, and of -inf NaN for a broken y; error below 1 ULP."""
    # What is of y alone is computed once where that is the same for all elements.
    half = 0.5 * y
    turned = bits.select(bits.rint(y) == y, bits.select(bits.rint(half) == half, 1.0, -1.0), NAN)
    return pow(bits.fabs(x), y) * bits.select(x < 0.0, turned, 1.0)


def cbrt(x: float) -> float:
    """Cube root for all x, sign of zero kept; error below 0.75 ULP."""
    a = bits.fabs(x)
    k, m = parts(a)
    n = bits.rint(k * THIRD)
    left = k - 3.0 * n
    m = m * bits.select(left > 0.0, 2.0, bits.select(left < 0.0, 0.5, 1.0))
    r = bits.horner(m * bits.select(left > 0.0, 0.5, bits.select(left < 0.0, 2.0, 1.0)), CBRT)
    r = r * bits.select(left > 0.0, CBRT_HALF, bits.select(left < 0.0, CBRT_TWO, 1.0))
    # From four (five) digits of 1 / cbrt(m) to nearly all, and from m r**2 to all of cbrt(m).
    e = 1.0 - m * (r * r * r)
    r = r + r * (e * (THIRD + e * (2.0 / 9.0)))
    y = m * (r * r)
    square, square_low = two_product(y, y)
    y = y + (bits.fma(-square, y, m) - square_low * y) * (r * r * THIRD)
    y = y * bits.from_bits(bits.shift_left(bits.to_bits(n + BIASED), FRACTION_BITS))
    return bits.copysign(bits.select(bits.bit_and(a > 0.0, a < INF), y, a), x)
