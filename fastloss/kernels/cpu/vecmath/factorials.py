"""The logarithm of Γ, the factorial of x - 1, of either width: a template, whose ports `elementary` fills."""

from __future__ import annotations

import math
from typing import Any

from .. import bits
from .logarithms import log
from .powers import log2
from .twofloats import quick_sum, two_product, two_sum

INF = math.inf

# Ports.
LGAMMA: Any = None
LGAMMA_MIDDLE_HI: Any = None
LGAMMA_MIDDLE_LO: Any = None
STIRLING: Any = None
STIRLING_0: Any = None
SIN_PI: Any = None
LN2: Any = None
LN2_REST: Any = None


def middle(x: float, first: float) -> tuple[float, float]:
    """log Γ(x) in two floats for x between 1/2 and 5/2, where `first` is x - 1."""
    second = x - 2.0
    product, product_low = two_product(first, second)
    product_low = product_low + first * (x - (second + 2.0))
    t = (x - 1.5) / (x + 1.0)
    slow, slow_low = quick_sum(LGAMMA_MIDDLE_HI, t * bits.horner(t, LGAMMA) + LGAMMA_MIDDLE_LO)
    y, y_low = two_product(product, slow)
    return y, y_low + (product_low * slow + product * slow_low)


def distant(x: float, log_x: float, log_low: float) -> float:
    """log Γ(x) for x >= 9/2, by Stirling's series: x (log(x) - 1) - log(x) / 2 + ..."""
    most, most_low = two_sum(log_x, -1.0)
    product, product_low = two_product(x, most)
    product_low = product_low + x * (most_low + log_low)
    z = 1.0 / x
    rest = (STIRLING_0 - 0.5 * log_x) + z * bits.horner(z * z, STIRLING)
    return bits.select(product < INF, product + (product_low + rest), product)


def divisor(x: float, near: Any) -> tuple[float, float, bool]:
    """The divisor of |Γ(x)| for x < 0, in two floats, and whether x is a pole.

    Γ(x + 2), or Γ(x + 3), over the divisor is |Γ(x)| where x is near, above -2. Else 1 / |Γ(-x)| over it is, and the
    divisor is x sin(pi x) / pi; above -2 a sine would lose a bit.
    """
    a = bits.fabs(x)
    turn = bits.fabs(a - bits.rint(a))
    z = turn * turn
    sine, sine_low = quick_sum(turn, (turn * z) * bits.horner(z, SIN_PI))
    third = bits.select(bits.bit_and(near, x <= -1.5), x + 2.0, 1.0)
    product, product_low = two_product(a, bits.select(near, bits.fabs(x + 1.0), sine))
    product, rest = two_product(product, third)
    return product, rest + (product_low * third + bits.select(near, 0.0, a * sine_low)), sine == 0.0


def lgamma(x: float) -> float:
    """Logarithm of |Γ(x)|, infinite at 0, -1, -2, ...

    The error is below 1.75 ULP for x > -2. Below -2 it is relative to the terms of a difference, which has a zero on
    either side of each pole: 2 ULP of the largest of |lgamma(x)|, lgamma(-x) and 1.
    """
    a = bits.fabs(x)
    # Γ(a) is Γ(1 + a) / a, and (a - 1) (a - 2) Γ(a - 2).
    negative, near = x < 0.0, bits.bit_and(x < 0.0, x > -2.0)
    small, one, two, far = bits.bit_and(x > 0.0, a < 0.5), a >= 2.5, a >= 3.5, a >= 4.5
    product, rest, pole = divisor(x, near)
    correction = rest / product
    argument = bits.select(two, a - 2.0, bits.select(one, a - 1.0, bits.select(small, a + 1.0, a)))
    argument = bits.select(near, x + bits.select(x > -1.5, 2.0, 3.0), argument)
    core, core_low = middle(argument, bits.select(small, a, argument - 1.0))

    factors = bits.select(two, (a - 1.0) * (a - 2.0), bits.select(one, a - 1.0, 1.0))
    base2, base2_low = log2(bits.select(near, product, bits.select(bits.bit_or(small, far), a, factors)))
    log_a, log_low = two_product(base2, LN2)
    log_low = log_low + (base2 * LN2_REST + base2_low * LN2) + bits.select(near, correction, 0.0)
    divided = bits.bit_or(small, near)
    total, total_low = two_sum(bits.select(divided, -log_a, log_a), core)
    close = total + (total_low + (bits.select(divided, -log_low, log_low) + core_low))

    above = bits.select(far, distant(a, log_a, log_low), close)
    y = bits.select(x <= -2.0, -above - (log(product) + correction), above)
    y = bits.select(bits.bit_or(bits.bit_and(negative, pole), bits.bit_or(a == 0.0, a == INF)), INF, y)
    return bits.select(x == x, y, x)
