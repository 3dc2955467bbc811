"""Elementary functions of float32 without branches, tables or calls, so that LLVM vectorises their loops.

All arithmetic stays in float32 and is portable. The bounds hold where the CPU has a fused multiply-add; without
one they are up to 0.25 larger, and pow is slow.
An error of 1 ULP is the distance of neighbouring floats at the exact result, subnormal results included.
"""

from __future__ import annotations

import math as _math

import numpy as np

from . import bits
from .coefficients import (
    CUBIC_HI_32,
    CUBIC_LO_32,
    EXP2_32,
    EXP_32,
    LN2_32,
    LN2_HI_32,
    LN2_LO_32,
    LOG1P_UNIT_32,
    LOG2_ATANH_32,
    LOG2E_32,
    LOG_32,
    TANH_32,
    TWO_LOG2E_HI_32,
    TWO_LOG2E_LO_32,
)
from .parts import part

# Inlined by LLVM whatever their size, or the loops over them would not vectorise.
_inlined = part(error_model="numpy", fastmath={"contract"}, forceinline=True)
_inlined_as_written = part(error_model="numpy", forceinline=True)

# The constants of `math`.
pi, e, tau, inf, nan = (np.float32(c) for c in (_math.pi, _math.e, _math.tau, _math.inf, _math.nan))

_ZERO = np.float32(0.0)
_QUARTER = np.float32(0.25)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_INF = np.float32(np.inf)
_NAN = np.float32(np.nan)
_MIN_NORMAL = np.float32(2.0**-126)

_FRACTION_BITS = np.int32(23)
_FRACTION_MASK = np.int32(0x007FFFFF)
_EXPONENT_MASK = np.int32(-0x00800000)
_ONE_BITS = np.int32(0x3F800000)
_FOUR_BITS = np.int32(0x40800000)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_ONE_SHIFT = np.int32(1)

# Adding an integer n to 1.5 * 2**23 is exact and leaves n in the low bits of the sum. The shift into the
# exponent field keeps the nine lowest: the leading bits of the sum vanish, only the bias must be added.
_INTEGER = 1.5 * 2.0**23
_BIASED = np.float32(_INTEGER + 127)
_BIASED_TWICE = np.float32(_INTEGER + 254)

# Arguments beyond these give the same result as these: exp(-104) rounds to 0, exp(89) to infinity.
_EXP_LOW = np.float32(-104.0)
_EXP_HIGH = np.float32(89.0)
_EXPM1_LOW = np.float32(-18.0)
_POW_LIMIT = np.float32(200.0)

# exp_neg evaluates 2**-64 exp(r) and multiplies by 2**(n + 64), a normal number for all n it meets: the only
# rounding to a subnormal is that of the product.
_BIASED_64 = np.float32(_INTEGER + 127 + 64)
_EXP_SERIES = (_ONE, _ONE, *EXP_32)
_EXP_SERIES_SCALED = tuple(np.float32(c * np.float32(2.0**-64)) for c in _EXP_SERIES)
_EXP2_SERIES = (_ONE, *EXP2_32)

# Subnormals are scaled by 2**24 before their exponent is read.
_SUBNORMAL_SCALE = np.float32(2.0**24)
_SUBNORMAL_EXPONENT = np.float32(24.0)

_BIAS = np.float32(127.0)
_BIAS_SUBNORMAL = _BIAS + _SUBNORMAL_EXPONENT

# 1 - 2 e / (1 + e) loses a bit to cancellation below artanh(1/2) = 0.5493.
_TANH_SPLIT = np.float32(0.55)


@_inlined
def sqrt(x: float) -> float:
    """Square root, correctly rounded; NaN for x < 0."""
    return bits.sqrt(x)


@_inlined
def fabs(x: float) -> float:
    """Absolute value, exact."""
    return bits.fabs(x)


@_inlined
def copysign(x: float, y: float) -> float:
    """|x| with the sign of y, exact."""
    return bits.copysign(x, y)


@_inlined
def _times_power_of_two(p: float, n: float) -> float:
    """p * 2**n for an integer n of at most 200 in magnitude, rounded once."""
    # 2**n need not be a normal number; the two halves of the exponent make two factors that are.
    m = bits.to_bits(n + _BIASED_TWICE)
    half = bits.shift_right(m, _ONE_SHIFT)
    first = bits.from_bits(bits.shift_left(half, _FRACTION_BITS))
    second = bits.from_bits(bits.shift_left(bits.sub(m, half), _FRACTION_BITS))
    return p * first * second


@_inlined
def exp(x: float) -> float:
    """Exponential for all x, with gradual underflow; error below 1 ULP."""
    x = bits.select(x < _EXP_LOW, _EXP_LOW, x)
    x = bits.select(x > _EXP_HIGH, _EXP_HIGH, x)
    n = bits.rint(x * LOG2E_32)
    r = (x - n * LN2_HI_32) - n * LN2_LO_32
    return _times_power_of_two(bits.horner(r, _EXP_SERIES), n)


@_inlined
def exp_neg(x: float) -> float:
    """Exponential for x <= 0, with gradual underflow, cheaper than exp; error below 1 ULP."""
    x = bits.select(x < _EXP_LOW, _EXP_LOW, x)
    n = bits.rint(x * LOG2E_32)
    r = (x - n * LN2_HI_32) - n * LN2_LO_32
    scale = bits.from_bits(bits.shift_left(bits.to_bits(n + _BIASED_64), _FRACTION_BITS))
    return bits.horner(r, _EXP_SERIES_SCALED) * scale


@_inlined
def expm1(x: float) -> float:
    """exp(x) - 1 for all x, accurate near 0, sign of zero kept; error below 1.25 ULP."""
    t = bits.select(x < _EXPM1_LOW, _EXPM1_LOW, x)
    t = bits.select(t > _EXP_HIGH, _EXP_HIGH, t)
    n = bits.rint(t * LOG2E_32)
    reduced = t - n * LN2_HI_32
    correction = n * LN2_LO_32
    r = reduced - correction
    curve = (r * r) * bits.horner(r, EXP_32) - correction
    # 2**n exp(r) - 1, in which r is exact but for its correction; with half the power, since 2**128 is no
    # float32.
    scale = bits.from_bits(bits.shift_left(bits.to_bits(n + (_BIASED - _ONE)), _FRACTION_BITS))
    y = _TWO * (scale * curve + (scale * reduced + (scale - _HALF)))
    # Halving drops a bit of a subnormal, and 0 would lose its sign.
    return bits.select(bits.fabs(x) < _MIN_NORMAL, x, y)


@_inlined
def _log_parts(x: float) -> tuple[float, float]:
    """Integer k and m = x / 2**k in [sqrt(1/2), sqrt(2)) for a positive finite x."""
    tiny = x < _MIN_NORMAL
    scaled = bits.to_bits(bits.select(tiny, x * _SUBNORMAL_SCALE, x))
    # Moved by the bits of 1 / sqrt(1/2), the pattern carries into the exponent at sqrt(2) 2**k.
    moved = bits.add(scaled, bits.sub(_ONE_BITS, _SQRT_HALF_BITS))
    k = bits.to_float(bits.shift_right(moved, _FRACTION_BITS)) - bits.select(tiny, _BIAS_SUBNORMAL, _BIAS)
    m = bits.from_bits(bits.add(bits.bit_and(moved, _FRACTION_MASK), _SQRT_HALF_BITS))
    return k, m


@_inlined
def log(x: float) -> float:
    """Natural logarithm: -inf at 0, NaN below; error below 1 ULP."""
    k, m = _log_parts(x)
    f = m - _ONE
    finite = k * LN2_32 + ((f * f) * bits.horner(f, LOG_32) + f)
    y = bits.select(x < _INF, finite, x)
    return bits.select(x > _ZERO, y, bits.select(x == _ZERO, -_INF, _NAN))


@_inlined
def log1p(x: float) -> float:
    """log(1 + x), accurate near 0, sign of zero kept: -inf at -1, NaN below; error below 1.5 ULP."""
    moved = bits.add(bits.to_bits(_ONE + x), bits.sub(_ONE_BITS, _SQRT_HALF_BITS))
    # (1 + x) / 2**k - 1 = x / 2**k - (1 - 1 / 2**k) needs no correction for the rounding of 1 + x. All of it
    # times four, since 2**-128 is no normal number. Minus k, so that -0 + 0 log(2) does not come about.
    power = bits.sub(_FOUR_BITS, bits.bit_and(bits.sub(moved, _ONE_BITS), _EXPONENT_MASK))
    four = bits.from_bits(power)
    f = (x * four) * _QUARTER - (_ONE - four * _QUARTER)
    minus_k = _BIAS - bits.to_float(bits.shift_right(moved, _FRACTION_BITS))
    finite = ((f * f) * bits.horner(f, LOG_32) + f) - minus_k * LN2_32
    y = bits.select(x < _INF, finite, x)
    return bits.select(x > -_ONE, y, bits.select(x == -_ONE, -_INF, _NAN))


@_inlined
def log1p_unit(e: float) -> float:
    """log(1 + e) for 0 <= e <= 1, cheaper than log1p; error below 1.25 ULP."""
    return (e * e) * bits.horner(e, LOG1P_UNIT_32) + e


@_inlined
def tanh(x: float) -> float:
    """Hyperbolic tangent for all x, sign of zero kept; error below 1.5 ULP."""
    a = bits.fabs(x)
    e = exp_neg(-(a + a))
    far = _ONE - (e + e) / (_ONE + e)
    z = a * a
    near = (a * z) * bits.horner(z, TANH_32) + a
    return bits.copysign(bits.select(a < _TANH_SPLIT, near, far), x)


@_inlined_as_written
def pow(x: float, y: float) -> float:
    """x**y for x >= 0 with the limits of C's pow, NaN for x < 0 unless y is 0; error below 1 ULP."""
    # Not contracted: the error-free sums below are exact only as written.
    k, m = _log_parts(x)
    f = m - _ONE
    # log2(1 + f) from s = f / (2 + f) in two floats: |y log2(x)| goes up to 150, and the result needs its
    # absolute error below 2**-25.
    d = _TWO + f
    d_low = f - (d - _TWO)
    reciprocal = _ONE / d
    s = f * reciprocal
    s_low = bits.fma(-s, d_low, bits.fma(-s, d, f)) * reciprocal
    z = s * s
    linear = s * TWO_LOG2E_HI_32
    linear_low = bits.fma(s, TWO_LOG2E_HI_32, -linear)
    linear_low = bits.fma(s_low, TWO_LOG2E_HI_32, bits.fma(s, TWO_LOG2E_LO_32, linear_low))
    # The cubic term also in two floats: s**3 with the rounding errors of its products, and a coefficient that
    # takes in the rest of the series.
    z_low = bits.fma(s, s, -z) + (s + s) * s_low
    cube = s * z
    cube_low = bits.fma(s, z, -cube) + (s * z_low + s_low * z)
    rest = z * bits.horner(z, LOG2_ATANH_32)
    factor = CUBIC_HI_32 + rest
    factor_low = ((CUBIC_HI_32 - factor) + rest) + CUBIC_LO_32
    cubic = cube * factor
    cubic_low = bits.fma(cube, factor, -cubic) + (cube * factor_low + cube_low * factor)
    first = linear + cubic
    tail = ((linear - first) + cubic) + (cubic_low + linear_low)
    linear = first
    high = k + linear
    low = ((k - high) + linear) + tail
    log2x = high + low
    log2x_low = low - (log2x - high)

    t = y * log2x
    t_low = bits.fma(y, log2x_low, bits.fma(y, log2x, -t))
    bounded = bits.select(t > _POW_LIMIT, _POW_LIMIT, bits.select(t < -_POW_LIMIT, -_POW_LIMIT, t))
    n = bits.rint(bounded)
    fraction = bits.select(bits.fabs(t) >= _POW_LIMIT, _ZERO, (bounded - n) + t_low)
    power = _times_power_of_two(bits.horner(fraction, _EXP2_SERIES), n)

    limit = bits.select((x == _ZERO) == (y < _ZERO), _INF, _ZERO)
    power = bits.select(bits.bit_or(x == _ZERO, x == _INF), limit, power)
    power = bits.select(bits.bit_and(x >= _ZERO, y == y), power, _NAN)
    return bits.select(bits.bit_or(x == _ONE, y == _ZERO), _ONE, power)
