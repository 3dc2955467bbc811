"""Functions of one element that definitions share: plain Python, which each target compiles with its own `math`.

Conditional expressions become selects, so both sides are computed; NaN takes the side that keeps it.
"""

from __future__ import annotations

import math

from ..define.primitives import exp_neg as exp_neg
from ..define.primitives import exp_with_expm1 as exp_with_expm1
from ..define.primitives import expm1_neg as expm1_neg
from ..define.primitives import log1p_unit as log1p_unit

Jet = tuple[float, float, float]
"""What a definition returns: the value, its first and its second derivative."""

INF, NAN = math.inf, math.nan

UP, DOWN = 2.0**60, 2.0**-60
"""Exact factors that bring numbers near an end of float32's range, or of float64's, away from it."""

_FINE = 1.0 + 2.0**-40


def of_type(single: float, double: float) -> float:
    """A constant for arithmetic of float32, or one for that of float64, which alone tells `_FINE` from 1."""
    return double if _FINE > 1.0 else single


def fine(x: float) -> float:
    """x in arithmetic of float64, 0 in that of float32, which does not see a term so small."""
    return x if _FINE > 1.0 else 0.0


def sign(x: float) -> float:
    """1, -1, or x itself where x is 0 or NaN."""
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)


def sigmoids(x: float) -> Jet:
    """exp(-|x|), sigmoid(x) and sigmoid(-x) of one exponential and one division, none of them 1 minus another."""
    e = exp_neg(-abs(x))
    far = 1.0 / (1.0 + e)
    near = e * far
    return e, far if x > 0.0 else near, near if x > 0.0 else far


def scaled(coefficient: float, x: float) -> float:
    """coefficient * x, but 0 for a coefficient of 0 even where x is infinite: an absent term."""
    return coefficient * x if coefficient != 0.0 else 0.0


def met(a: float, b: float) -> float:
    """a * b, but 0 where either is 0 and the other is infinite."""
    nothing = (a == 0.0 or b == 0.0) and a == a and b == b
    return 0.0 if nothing else a * b


def half_gap(pred: float, target: float) -> float:
    """|pred - target| / 2, which never overflows."""
    return abs(0.5 * pred - 0.5 * target)


def difference(x: float, y: float) -> tuple[float, float]:
    """x - y, and what rounding took of it (Knuth's two-sum); 0 where that is no number."""
    gap = x - y
    back = gap - x
    lost = (x - (gap - back)) - (y + back)
    return gap, lost if lost == lost else 0.0


def room(size: float) -> float:
    """What a size is multiplied by so that neither its double nor its reciprocal is infinite."""
    return UP if size < 1e-20 else (0.25 if size > 1e30 else 1.0)


def quotient(x: float, scale: float) -> float:
    """x / scale by the reciprocal of a positive scale, also where the reciprocal is no number of the type."""
    k = UP if scale < 1e-20 else (DOWN if scale > 1e20 else 1.0)
    return x * (1.0 / (scale * k)) * k


def bounded_log(x: float, clamp: float) -> float:
    """log(x), but at least -clamp."""
    log = math.log(x)
    return -clamp if log < -clamp else log


def times_exp(t: float, x: float) -> float:
    """t exp(x), also where exp(x) alone would be infinite, or too small to have all of its digits."""
    half = math.exp(0.5 * x)
    return t * half * half


def outweighed(pred: float, target: float) -> float:
    """A prediction beside the target: an infinite one outweighs any finite prediction, which may then be 0."""
    return pred * (0.0 if abs(target) == INF else 1.0)


def atanh_tail(z: float) -> float:
    """2 (atanh(s) - s) / s^3 for z = s^2 of at most 1/9, near-minimax: relative error 1.4e-16; for float32 1e-8."""
    return _atanh_double(z) if _FINE > 1.0 else _atanh_single(z)


def _atanh_single(z: float) -> float:
    tail = 0.285924991117891 + z * (0.21704531964135 + z * 0.232335645508848)
    return 0.666666673311718 + z * (0.399997032228093 + z * tail)


def _atanh_double(z: float) -> float:
    tail = 0.08800738486144674 + z * 0.1616404561194353
    tail = 0.13314144209654935 + z * (0.12001072809590713 + z * tail)
    tail = 0.18181789436132859 + z * (0.15385570064958623 + z * tail)
    tail = 0.2857142856710876 + z * (0.22222222717427864 + z * tail)
    return 0.6666666666666666 + z * (0.40000000000014585 + z * tail)


def log_cosh_near(z: float) -> float:
    """log(cosh(x)) for z = x^2 of at most 0.766, near-minimax: relative error 5e-18; for float32 1.4e-9."""
    return z * (0.5 + z * (_log_cosh_double(z) if _FINE > 1.0 else _log_cosh_single(z)))


def _log_cosh_double(z: float) -> float:
    tail = -1.275600513976336e-06 + z * (2.9808380761825907e-07 - z * 3.7115235683210493e-08)
    tail = 3.2707144940885419e-05 + z * (-1.1784518458869011e-05 + z * (4.1108485026998778e-06 + z * tail))
    tail = -0.0007386023024729557 + z * (0.00025657600681140257 + z * (-9.0968004872505469e-05 + z * tail))
    tail = 0.022222222222119536 + z * (-0.0067460317425499129 + z * (0.0021869487918569212 + z * tail))
    return -0.083333333333332138 + z * tail


def _log_cosh_single(z: float) -> float:
    tail = 0.0021261617748417173 + z * (-0.00061032658544581998 + z * 0.00010899977372457331)
    return -0.083333245285197844 + z * (0.022220332250415603 + z * (-0.0067306507881876705 + z * tail))


def log1p_small(e: float) -> float:
    """log(1 + e) for 0 <= e <= 0.174, near-minimax: relative error 3e-18; for float32 1.4e-9."""
    return e + (e * e) * (_log1p_double(e) if _FINE > 1.0 else _log1p_single(e))


def _log1p_double(e: float) -> float:
    tail = -0.095557237782310602 + e * (0.072191557315372274 - e * 0.033803600903810377)
    tail = 0.14285201478801266 + e * (-0.12492726674615726 + e * (0.11041757739378001 + e * tail))
    tail = -0.24999999988011328 + e * (0.19999999299627349 + e * (-0.16666642820638147 + e * tail))
    return -0.49999999999999694 + e * (0.33333333333230762 + e * tail)


def _log1p_single(e: float) -> float:
    tail = -0.24918788088985968 + e * (0.19018143150347787 - e * 0.11021260420259331)
    return -0.49999963950524934 + e * (0.33330345383208746 + e * tail)


def minus_log1p(t: float) -> float:
    """t - log(1 + t) for t >= 0, without cancellation."""
    # With s = t / (2 + t), log(1 + t) is 2 atanh(s), and t - 2 s is s t.
    s = t / (2.0 + t)
    z = s * s
    log = math.log1p(t)
    far = t if t > 1e20 else t - log  # infinity minus infinity
    return s * (t - z * atanh_tail(z)) if t < 1.0 else far


HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def log_factorial(t: float) -> float:
    """log(t!), which is log(gamma(t + 1)), for t >= 0: all digits but two bits, beside its zeros at 0 and 1, too."""
    # Up to 8.5, t! is a product of t, t - 1, ... and (1 + s)! for |s| <= 1/2, or (1 + s)! / (1 + t) for t < 1/2.
    product = t if t > 1.5 else 1.0
    product = product * (t - 1.0) if t > 2.5 else product
    product = product * (t - 2.0) if t > 3.5 else product
    product = product * (t - 3.0) if t > 4.5 else product
    product = product * (t - 4.0) if t > 5.5 else product
    product = product * (t - 5.0) if t > 6.5 else product
    product = product * (t - 6.0) if t > 7.5 else product
    steps = (1.0 if t > 1.5 else 0.0) + (1.0 if t > 2.5 else 0.0) + (1.0 if t > 3.5 else 0.0)
    steps = steps + (1.0 if t > 4.5 else 0.0) + (1.0 if t > 5.5 else 0.0) + (1.0 if t > 6.5 else 0.0)
    steps = steps + (1.0 if t > 7.5 else 0.0)
    far = t > 8.5
    small = t < 0.5
    s = t if small else (t - 1.0) - steps
    log = math.log1p(t if small else (t - 1.0 if far else product - 1.0))
    near = s * _log_factorial_slope(s) + (-log if small else log)
    # Beyond: Stirling's series.
    z = 1.0 / t if far else 0.0
    return t * (log - 1.0) + (0.5 * log + (HALF_LOG_2PI + stirling_series(z))) if far else near


def stirling_series(z: float) -> float:
    """Stirling's series of z = 1 / t for t > 8.5: log(t!) beside its logarithms."""
    y = z * z
    tail = 0.0005952380952380953 - y * (0.0008417508417508417 - y * (0.0019175269175269176 - y * 0.00641025641025641))
    return z * (0.08333333333333333 - y * (0.002777777777777778 - y * (0.0007936507936507937 - y * tail)))


def _log_factorial_slope(s: float) -> float:
    """log((1 + s)!) / s for |s| <= 1/2, near-minimax: relative error 6e-17."""
    a = 9.242852225162277e-07 + s * (-5.811277768921246e-07 + s * 2.7475390051909663e-07)
    a = -9.45628851510172e-06 + s * (4.3828545383846665e-06 + s * (-1.9743106888421067e-06 + s * a))
    a = 9.945761692157133e-05 + s * (-4.4923727564247656e-05 + s * (2.050601970174762e-05 + s * a))
    a = -0.0011927539009983087 + s * (0.0005096695196526673 + s * (-0.00022315497746292723 + s * a))
    a = 0.02058080842778338 + s * (-0.007385551028935545 + s * (0.002890510330865901 + s * a))
    return 0.42278433509846713 + s * (0.3224670334241132 + s * (-0.06735230105319563 + s * a))
