"""Trigonometric functions of either width: templates, whose ports `elementary` fills.

A large argument is y 2**i with y an integer. Its quarter turns are y times 2**i 2 / pi, and so y times that modulo 4,
which a table has in four floats for each i. One that is below 2**24 (2**53) is y itself, with i = 0. What is left of a
quarter turn is never below 2**-30 (2**-62) of it, unless the argument is; it comes out within 2**-70 (2**-150).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from .. import bits
from .coefficients import TWO_OVER_PI, TWO_OVER_PI_BITS
from .twofloats import quick_sum, two_product, two_sum

# Ports.
turns0: Any = None
turns1: Any = None
turns2: Any = None
turns3: Any = None
WHOLE: Any = None
WHOLE_BITS: Any = None
WHOLE_EXPONENT: Any = None
NO_TURNS: Any = None
ONE_SHIFT: Any = None
TWO_SHIFT: Any = None
SIGN_BIT: Any = None
INTEGER: Any = None
FRACTION_BITS: Any = None
FRACTION_MASK: Any = None
PI_HALF_HI: Any = None
PI_HALF_LO: Any = None
SIN: Any = None
COS: Any = None
ATAN: Any = None


@cache
def table(compute: str) -> tuple[tuple[float, ...], ...]:
    """The quarter turns of 2**i modulo 4 for every i of float32 ("f") or float64 ("d"), as four floats that add up."""
    precision, count = (53, 973) if compute == "d" else (24, 106)
    whole = 4 << TWO_OVER_PI_BITS
    rows = []
    for i in range(count - 1):
        # Between -2 and 2, so that no bit is spent on whole turns; the first is not reduced, its y may be small.
        left = (TWO_OVER_PI << i) % whole
        left -= whole if left > whole // 2 else 0
        row = []
        for _ in range(4):
            drop = max(abs(left).bit_length() - precision, 0)
            high = ((left + (1 << drop >> 1)) >> drop) << drop
            row.append(math.ldexp(high >> drop, drop - TWO_OVER_PI_BITS))
            left -= high
        rows.append(tuple(row))
    rows.append((math.nan,) * 4)  # of infinity
    return tuple(zip(*rows, strict=True))


def quarter_turns(a: float) -> tuple[Any, float, float]:
    """How many quarter turns |x| has, modulo 4, in the lowest bits of a pattern, and what is left of it in radians."""
    pattern = bits.to_bits(a)
    large = a >= WHOLE
    i = bits.select(large, bits.sub(bits.shift_right(pattern, FRACTION_BITS), WHOLE_EXPONENT), NO_TURNS)
    y = bits.select(large, bits.from_bits(bits.bit_or(bits.bit_and(pattern, FRACTION_MASK), WHOLE_BITS)), a)
    first, first_low = two_product(y, turns0(i))
    second, second_low = two_product(y, turns1(i))
    third, third_low = two_product(y, turns2(i))
    n = bits.rint(first)
    # Both are of the size of a quarter turn at most, and what is left of all of them may be 2**-60 of it.
    high, low = two_sum(first - n, first_low)
    high, low_too = two_sum(high, second)
    more = bits.rint(high)
    high = high - more
    low, rest = two_sum(low, low_too)
    low, rest_too = two_sum(low, second_low)
    low, rest_also = two_sum(low, third)
    rest = ((rest + rest_too) + (rest_also + third_low)) + y * turns3(i)
    high, middle = two_sum(high, low)
    high, low = quick_sum(high, middle + rest)
    r = high * PI_HALF_HI
    r_low = bits.fma(high, PI_HALF_HI, -r) + (high * PI_HALF_LO + low * PI_HALF_HI)
    n = (n - 4.0 * bits.rint(n * 0.25)) + more
    near = a <= 0.5 * PI_HALF_HI
    n = bits.select(near, 0.0, n)
    return bits.to_bits(n + INTEGER), bits.select(near, a, r), bits.select(near, 0.0, r_low)


def sine(n: Any, r: float, r_low: float) -> float:
    """Sine of the quarter turns in the lowest two bits of a pattern, and of r + r_low beyond them."""
    z = r * r
    sin = r + ((r * z) * bits.horner(z, SIN) + r_low * (1.0 - 0.5 * z))
    half = 0.5 * z
    most = 1.0 - half
    cos = most + (((1.0 - most) - half) + ((z * z) * bits.horner(z, COS) - r * r_low))
    odd = bits.bit_and(n, ONE_SHIFT) == ONE_SHIFT
    pattern = bits.to_bits(bits.select(odd, cos, sin))
    # The second bit, moved to where the sign is; adding to the highest bit flips it.
    return bits.from_bits(bits.add(pattern, bits.bit_and(bits.shift_left(n, TWO_SHIFT), SIGN_BIT)))


def sin(x: float) -> float:
    """Sine for all x, sign of zero kept, NaN for infinity; error below 1 ULP."""
    n, r, r_low = quarter_turns(bits.fabs(x))
    sign = bits.bit_and(bits.to_bits(x), SIGN_BIT)
    return bits.from_bits(bits.add(bits.to_bits(sine(n, r, r_low)), sign))


def cos(x: float) -> float:
    """Cosine for all x, NaN for infinity; error below 1 ULP."""
    n, r, r_low = quarter_turns(bits.fabs(x))
    return sine(bits.add(n, ONE_SHIFT), r, r_low)


def atan(x: float) -> float:
    """Arc tangent for all x, sign of zero kept; error below 1.25 ULP."""
    a = bits.fabs(x)
    # atan(a) is pi / 4 + atan((a - 1) / (a + 1)), and pi / 2 - atan(1 / a). The limits: tangent of 1/2, of 3 pi / 8.
    middle = a > 0.5463
    far = a > 2.4142
    above = bits.select(far, -1.0, bits.select(middle, a - 1.0, a))
    below = bits.select(far, a, bits.select(middle, a + 1.0, 1.0))
    high = bits.select(far, PI_HALF_HI, bits.select(middle, 0.5 * PI_HALF_HI, 0.0))
    low = bits.select(far, PI_HALF_LO, bits.select(middle, 0.5 * PI_HALF_LO, 0.0))
    t = above / below
    z = t * t
    return bits.copysign(high + (t + ((t * z) * bits.horner(z, ATAN) + low)), x)
