"""Exponentials and hyperbolic functions of either width: templates, whose ports `elementary` fills."""

from __future__ import annotations

from typing import Any

from .. import bits

# Ports.
EXP_LOW: Any = None
EXP_HIGH: Any = None
EXPM1_LOW: Any = None
SINH_HIGH: Any = None
EXP_SERIES: Any = None
EXP_SERIES_SCALED: Any = None
EXP_SERIES_TWICE: Any = None
FLUSHED: Any = None
EXP: Any = None
TANH: Any = None
SINH: Any = None
LOG2E: Any = None
LN2_HI: Any = None
LN2_LO: Any = None
MIN_NORMAL: Any = None
FRACTION_BITS: Any = None
ONE_SHIFT: Any = None
BIASED_BELOW: Any = None
BIASED_SCALED: Any = None
BIASED_TWICE: Any = None
UNSCALED: Any = None


def times_power_of_two(p: float, n: float) -> float:
    """p * 2**n for an integer n of at most 200 (1200) in magnitude, rounded once."""
    # 2**n need not be a normal number; the two halves of the exponent make two factors that are.
    m = bits.to_bits(n + BIASED_TWICE)
    half = bits.shift_right(m, ONE_SHIFT)
    first = bits.from_bits(bits.shift_left(half, FRACTION_BITS))
    second = bits.from_bits(bits.shift_left(bits.sub(m, half), FRACTION_BITS))
    return p * first * second


def exp(x: float) -> float:
    """Exponential for all x, with gradual underflow; error below 1 ULP."""
    x = bits.select(x < EXP_LOW, EXP_LOW, x)
    x = bits.select(x > EXP_HIGH, EXP_HIGH, x)
    n = bits.rint(x * LOG2E)
    r = (x - n * LN2_HI) - n * LN2_LO
    return times_power_of_two(bits.horner(r, EXP_SERIES), n)


def exp_neg(x: float) -> float:
    """Exponential for x <= 0, with gradual underflow, cheaper than exp; error below 1 ULP."""
    x = bits.select(x < EXP_LOW, EXP_LOW, x)
    n = bits.rint(x * LOG2E)
    r = (x - n * LN2_HI) - n * LN2_LO
    scale = bits.from_bits(bits.shift_left(bits.to_bits(n + BIASED_SCALED), FRACTION_BITS))
    return bits.horner(r, EXP_SERIES_SCALED) * scale


def exp_flushed(x: float) -> float:
    """Exponential for x <= 0 as `exp_neg`, 0 from the least normal numbers on: an AVX-512 core takes 20 times as long
    for a product that rounds to a subnormal."""
    x = bits.select(x < FLUSHED, FLUSHED, x)
    n = bits.rint(x * LOG2E)
    r = (x - n * LN2_HI) - n * LN2_LO
    # The power's exponent is that of 0 where n is the least.
    scale = bits.from_bits(bits.shift_left(bits.to_bits(n + BIASED_BELOW), FRACTION_BITS))
    return bits.horner(r, EXP_SERIES_TWICE) * scale


def expm1(x: float) -> float:
    """exp(x) - 1 for all x, accurate near 0, sign of zero kept; error below 1.25 ULP."""
    t = bits.select(x < EXPM1_LOW, EXPM1_LOW, x)
    t = bits.select(t > EXP_HIGH, EXP_HIGH, t)
    n = bits.rint(t * LOG2E)
    reduced = t - n * LN2_HI
    correction = n * LN2_LO
    r = reduced - correction
    curve = (r * r) * bits.horner(r, EXP) - correction
    # 2**n exp(r) - 1, in which r is exact but for its correction; with half the power, since 2**128 (2**1024) is no
    # number of the width.
    scale = bits.from_bits(bits.shift_left(bits.to_bits(n + BIASED_BELOW), FRACTION_BITS))
    y = 2.0 * (scale * curve + (scale * reduced + (scale - 0.5)))
    # Halving drops a bit of a subnormal, and 0 would lose its sign.
    return bits.select(bits.fabs(x) < MIN_NORMAL, x, y)


def steps(x: float) -> tuple[float, float, float]:
    """Of exp(x) = 2**n (1 + a + b) for x <= 0: 2**n times a power of two that keeps it normal, a, b."""
    x = bits.select(x < EXP_LOW, EXP_LOW, x)
    n = bits.rint(x * LOG2E)
    reduced = x - n * LN2_HI
    correction = n * LN2_LO
    r = reduced - correction
    power = bits.from_bits(bits.shift_left(bits.to_bits(n + BIASED_SCALED), FRACTION_BITS))
    return power, reduced, (r * r) * bits.horner(r, EXP) - correction


def expm1_neg(x: float) -> float:
    """exp(x) - 1 for x <= 0, cheaper than expm1; error below 1.25 ULP."""
    power, reduced, curve = steps(x)
    scale: float = power * UNSCALED
    return scale * curve + (scale * reduced + (scale - 1.0))


def exp_with_expm1(x: float) -> float:
    """Exponential for x <= 0, of whose steps LLVM finds most in expm1_neg of the same x; error below 1 ULP."""
    power, reduced, curve = steps(x)
    mantissa: float = (reduced + curve) * UNSCALED + UNSCALED
    return mantissa * power


def tanh(x: float) -> float:
    """Hyperbolic tangent for all x, sign of zero kept; error below 1.5 ULP."""
    a = bits.fabs(x)
    e = exp_neg(-(a + a))
    far = 1.0 - (e + e) / (1.0 + e)
    z = a * a
    near = (a * z) * bits.horner(z, TANH) + a
    # The difference loses a bit to cancellation below artanh(1/2) = 0.5493.
    return bits.copysign(bits.select(a < 0.55, near, far), x)


def half_exp(a: float) -> float:
    """exp(a) / 2 for a >= 0, infinite only where that is."""
    a = bits.select(a > SINH_HIGH, SINH_HIGH, a)
    n = bits.rint(a * LOG2E)
    r = (a - n * LN2_HI) - n * LN2_LO
    return times_power_of_two(bits.horner(r, EXP_SERIES), n - 1.0)


def sinh(x: float) -> float:
    """Hyperbolic sine for all x, sign of zero kept; error below 1.75 ULP."""
    a = bits.fabs(x)
    e = half_exp(a)
    far = e - 0.25 / e
    z = a * a
    near = (a * z) * bits.horner(z, SINH) + a
    return bits.copysign(bits.select(a < 1.0, near, far), x)


def cosh(x: float) -> float:
    """Hyperbolic cosine for all x; error below 1.25 ULP."""
    e = half_exp(bits.fabs(x))
    return e + 0.25 / e
