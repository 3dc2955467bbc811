"""Logarithms of either width: templates, whose ports `elementary` fills."""

from __future__ import annotations

import math
from typing import Any

from .. import bits
from .twofloats import quick_sum, two_product, two_sum

INF, NAN = math.inf, math.nan

# Ports.
log_of: Any = None
exponent_of: Any = None
log1p_unit: Any = None
LOG: Any = None
ASINH: Any = None
ASINH_FAR: Any = None
LOG1P_UNIT: Any = None
LN2: Any = None
LN2_HI: Any = None
LN2_LO: Any = None
MIN_NORMAL: Any = None
FRACTION_BITS: Any = None
FRACTION_MASK: Any = None
EXPONENT_MASK: Any = None
ONE_BITS: Any = None
FOUR_BITS: Any = None
SQRT_HALF_BITS: Any = None
TWO_52_BITS: Any = None
BIAS: Any = None
BIAS_SUBNORMAL: Any = None
SUBNORMAL_SCALE: Any = None


def exponent_of_32(pattern: Any) -> float:
    """The sign and exponent field of a pattern as a number."""
    return bits.to_float(bits.shift_right(pattern, FRACTION_BITS))


def exponent_of_64(pattern: Any) -> float:
    """The same plus 2**52: AVX2 cannot convert 64-bit integers to floats."""
    return bits.from_bits(bits.bit_or(bits.shift_right(pattern, FRACTION_BITS), TWO_52_BITS))


def parts(x: float) -> tuple[float, float]:
    """Integer k and m = x / 2**k in [sqrt(1/2), sqrt(2)) for a positive finite x."""
    tiny = x < MIN_NORMAL
    scaled = bits.to_bits(bits.select(tiny, x * SUBNORMAL_SCALE, x))
    # Moved by the bits of 1 / sqrt(1/2), the pattern carries into the exponent at sqrt(2) 2**k.
    moved = bits.add(scaled, bits.sub(ONE_BITS, SQRT_HALF_BITS))
    k = exponent_of(moved) - bits.select(tiny, BIAS_SUBNORMAL, BIAS)
    m = bits.from_bits(bits.add(bits.bit_and(moved, FRACTION_MASK), SQRT_HALF_BITS))
    return k, m


def log_of_32(minus_k: float, f: float) -> Any:
    """log(2**k (1 + f)) for an integer k, and f between sqrt(1/2) - 1 and sqrt(2) - 1."""
    return ((f * f) * bits.horner(f, LOG) + f) - minus_k * LN2


def log_of_64(minus_k: float, f: float) -> Any:
    """The same; in float64 a division costs less than the terms it saves."""
    s = f / (2.0 + f)
    z = s * s
    return (f - (s * (f - z * bits.horner(z, LOG)) + minus_k * LN2_LO)) - minus_k * LN2_HI


def log(x: float) -> float:
    """Natural logarithm: -inf at 0, NaN below; error below 1 ULP."""
    k, m = parts(x)
    finite = log_of(-k, m - 1.0)
    y = bits.select(x < INF, finite, x)
    # Asked so, LLVM leaves it out of the logarithm of what is never negative, NaN or not.
    return bits.select(x <= 0.0, bits.select(x == 0.0, -INF, NAN), y)


def log1p(x: float) -> float:
    """log(1 + x), accurate near 0, sign of zero kept: -inf at -1, NaN below; error below 1.5 ULP."""
    moved = bits.add(bits.to_bits(1.0 + x), bits.sub(ONE_BITS, SQRT_HALF_BITS))
    # (1 + x) / 2**k - 1 = x / 2**k - (1 - 1 / 2**k) needs no correction for the rounding of 1 + x. All of it
    # times four, since 2**-128 (2**-1024) is no normal number. Minus k, so that -0 + 0 log(2) does not come about.
    power = bits.sub(FOUR_BITS, bits.bit_and(bits.sub(moved, ONE_BITS), EXPONENT_MASK))
    four = bits.from_bits(power)
    f = (x * four) * 0.25 - (1.0 - four * 0.25)
    finite = log_of(BIAS - exponent_of(moved), f)
    y = bits.select(x < INF, finite, x)
    return bits.select(x <= -1.0, bits.select(x == -1.0, -INF, NAN), y)


def log1p_unit_32(e: float) -> float:
    """log(1 + e) for 0 <= e <= 1, cheaper than log1p; error below 1.25 ULP."""
    return (e * e) * bits.horner(e, LOG1P_UNIT) + e


def log1p_unit_64(e: float) -> float:
    """The same, with a division."""
    s = e / (2.0 + e)
    z = s * s
    return e - s * (e - z * bits.horner(z, LOG1P_UNIT))


def asinh(x: float) -> float:
    """Inverse hyperbolic sine for all x, sign of zero kept; error below 1.5 ULP."""
    a = bits.fabs(x)
    # log(a + sqrt(a**2 + 1)), of a sum in two floats; log(2 a) where the 1 is not seen.
    far = a > ASINH_FAR
    b = bits.select(far, 1.0, a)
    square, square_low = two_product(b, b)
    square, rest = two_sum(square, 1.0)
    root = bits.sqrt(square)
    total, total_low = quick_sum(root, b)
    root_low_twice = bits.fma(-root, root, square) + (rest + square_low)
    correction = (root_low_twice + 2.0 * root * total_low) / (2.0 * root * total)
    k, m = parts(bits.select(far, a, total))
    log = log_of(bits.select(far, -1.0, 0.0) - k, m - 1.0) + bits.select(far, 0.0, correction)
    z = a * a
    near = (a * z) * bits.horner(z, ASINH) + a
    y = bits.select(a < 0.5, near, log)
    return bits.copysign(bits.select(a < INF, y, a), x)
