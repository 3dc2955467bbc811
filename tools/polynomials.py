"""What the vector kernels approximate: the form of each polynomial, its interval, its number of terms; constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mpmath import mp, mpf

Function = Callable[[mpf], mpf]

mp.dps = 60


@dataclass(frozen=True)
class Problem:
    """q of the given number of coefficients with weight * (target - q(variable)) equioscillating."""

    name: str
    form: str
    interval: tuple[mpf, mpf]
    target: Function
    weight: Function
    variable: Function
    terms: dict[str, int]


def round_to(value: mpf, bits: int) -> mpf:
    """Nearest number of that many significant bits (every value here is far from under- and overflow)."""
    mantissa, exponent = mp.frexp(value)
    return mp.ldexp(mp.nint(mp.ldexp(mantissa, bits)), int(exponent) - bits)


BITS = {"32": 24, "64": 53}


def log_target(s: mpf) -> mpf:
    """q in log(1 + f) = 2 artanh(s) = 2 s + s**3 q(s**2), where 2 s = f - s f."""
    return 2 * (mp.atanh(s) - s) / s**3


def erfc_target(x: mpf) -> mpf:
    """erfc(x) over what it is like far out."""
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def lgamma_target(x: mpf) -> mpf:
    """log Γ(x) over its zeros."""
    return mp.loggamma(x) / ((x - 1) * (x - 2))


def problems() -> list[Problem]:
    """Every polynomial of the kernels: its form, interval and number of terms per dtype."""
    ln2 = mp.log(2)
    root = mp.sqrt(2)
    margin = mpf("1.0002")
    reduced = ln2 / 2 * margin
    third = mpf(3)
    quarter = mp.pi / 4 * margin
    return [
        Problem(
            "EXP",
            "exp(r) = 1 + r + r**2 q(r), |r| <= log(2) / 2, relative to expm1(r)",
            (-reduced, reduced),
            lambda t: (mp.expm1(t) - t) / t**2,
            lambda t: t**2 / mp.expm1(t),
            lambda t: t,
            {"32": 5, "64": 10},
        ),
        Problem(
            "EXP2",
            "2**f = 1 + f q(f), |f| <= 1/2",
            (-margin / 2, margin / 2),
            lambda t: mp.expm1(t * ln2) / t,
            lambda t: t / mp.exp(t * ln2),
            lambda t: t,
            {"32": 6, "64": 12},
        ),
        Problem(
            "LOG",
            "log(1 + f) = f + f**2 q(f), sqrt(1/2) <= 1 + f <= sqrt(2)",
            ((1 / root - 1) * margin, (root - 1) * margin),
            lambda t: (mp.log1p(t) - t) / t**2,
            lambda t: t**2 / mp.log1p(t),
            lambda t: t,
            {"32": 9},
        ),
        Problem(
            "LOG1P_UNIT",
            "log(1 + e) = e + e**2 q(e), 0 <= e <= 1",
            (mpf(0), mpf(1)),
            lambda t: (mp.log1p(t) - t) / t**2,
            lambda t: t**2 / mp.log1p(t),
            lambda t: t,
            {"32": 9},
        ),
        # In float64 a division costs less than the terms it saves.
        Problem(
            "LOG",
            "log(1 + f) = f - s (f - z q(z)), s = f / (2 + f), z = s**2, |s| <= 3 - sqrt(8)",
            (mpf(0), (third - mp.sqrt(8)) * margin),
            log_target,
            lambda t: t**3 / (2 * mp.atanh(t)),
            lambda t: t * t,
            {"64": 7},
        ),
        Problem(
            "LOG1P_UNIT",
            "log(1 + e) = e - s (e - z q(z)), s = e / (2 + e), z = s**2, 0 <= s <= 1/3",
            (mpf(0), margin / 3),
            log_target,
            lambda t: t**3 / (2 * mp.atanh(t)),
            lambda t: t * t,
            {"64": 10},
        ),
        Problem(
            "TANH",
            "tanh(x) = x + x**3 q(x**2), |x| <= 0.55",
            (mpf(0), mpf("0.5501")),
            lambda t: (mp.tanh(t) - t) / t**3,
            lambda t: t**3 / mp.tanh(t),
            lambda t: t * t,
            {"32": 5, "64": 10},
        ),
        Problem(
            "LOG2_ATANH",
            "log2((1 + s) / (1 - s)) = (2 s + 2/3 s**3) / log(2) + s**5 q(s**2), |s| <= 3 - sqrt(8)",
            (mpf(0), (third - mp.sqrt(8)) * margin),
            lambda t: 2 * (mp.atanh(t) - t - t**3 / 3) / (ln2 * t**5),
            lambda t: ln2 * t**4 / 2,
            lambda t: t * t,
            {"32": 3, "64": 7},
        ),
        Problem(
            "SINH",
            "sinh(x) = x + x**3 q(x**2), |x| <= 1",
            (mpf(0), margin),
            lambda t: (mp.sinh(t) - t) / t**3,
            lambda t: t**3 / mp.sinh(t),
            lambda t: t * t,
            {"32": 4, "64": 7},
        ),
        Problem(
            "ASINH",
            "asinh(x) = x + x**3 q(x**2), |x| <= 1/2",
            (mpf(0), margin / 2),
            lambda t: (mp.asinh(t) - t) / t**3,
            lambda t: t**3 / mp.asinh(t),
            lambda t: t * t,
            {"32": 5, "64": 11},
        ),
        Problem(
            "ATAN",
            "atan(x) = x + x**3 q(x**2), |x| <= 0.5463, the tangent of 1/2",
            (mpf(0), mpf("0.5464")),
            lambda t: (mp.atan(t) - t) / t**3,
            lambda t: t**3 / mp.atan(t),
            lambda t: t * t,
            {"32": 6, "64": 13},
        ),
        Problem(
            "SIN",
            "sin(x) = x + x**3 q(x**2), |x| <= pi / 4",
            (mpf(0), quarter),
            lambda t: (mp.sin(t) - t) / t**3,
            lambda t: t**3 / mp.sin(t),
            lambda t: t * t,
            {"32": 3, "64": 6},
        ),
        Problem(
            "COS",
            "cos(x) = 1 - x**2 / 2 + x**4 q(x**2), |x| <= pi / 4",
            (mpf(0), quarter),
            lambda t: (mp.cos(t) - 1 + t * t / 2) / t**4,
            lambda t: t**4 / mp.cos(t),
            lambda t: t * t,
            {"32": 3, "64": 6},
        ),
        Problem(
            "SIN_PI",
            "sin(pi x) / pi = x + x**3 q(x**2), |x| <= 1/2",
            (mpf(0), mpf("0.5")),
            lambda t: (mp.sin(mp.pi * t) / mp.pi - t) / t**3,
            lambda t: t**3 * mp.pi / mp.sin(mp.pi * t),
            lambda t: t * t,
            {"32": 4, "64": 8},
        ),
        Problem(
            "CBRT",
            "1 / cbrt(x) roughly, sqrt(1/2) <= x <= sqrt(2)",
            (1 / root / margin, root * margin),
            lambda t: 1 / mp.cbrt(t),
            mp.cbrt,
            lambda t: t,
            {"32": 4, "64": 6},
        ),
        Problem(
            "ERF",
            "erf(x) = x + x q(x**2), |x| <= 1/2",
            (mpf(0), margin / 2),
            lambda t: mp.erf(t) / t - 1,
            lambda t: t / mp.erf(t),
            lambda t: t * t,
            {"32": 5, "64": 9},
        ),
        Problem(
            "ERFC",
            "(1 + 2 x) exp(x**2) erfc(x) = ERFC_4 + t q(t), t = (x - 4) / (x + 4), 0 <= x <= 11 (28)",
            (mpf(-1), mpf("0.75")),
            lambda t: (erfc_target(4 * (1 + t) / (1 - t)) - erfc_target(mpf(4))) / t,
            lambda t: t,
            lambda t: t,
            {"32": 13, "64": 23},
        ),
        Problem(
            "LGAMMA",
            "log Γ(x) = (x - 1) (x - 2) (LGAMMA_MIDDLE + t q(t)), t = (x - 3/2) / (x + 1), 1/2 <= x <= 5/2",
            (mpf(-2) / third * margin, mpf(2) / 7 * margin),
            lambda t: (lgamma_target((third / 2 + t) / (1 - t)) - lgamma_target(third / 2)) / t,
            lambda t: 2 * t,
            lambda t: t,
            {"32": 10, "64": 23},
        ),
        Problem(
            "STIRLING",
            "log Γ(x) = (x - 1/2) log(x) - x + log(2 pi) / 2 + q(1 / x**2) / x, 9/2 <= x",
            (mpf(0), margin * 2 / 9),
            lambda t: (mp.loggamma(1 / t) + (1 / t - mpf(1) / 2) * mp.log(t) + 1 / t - mp.log(2 * mp.pi) / 2) / t,
            lambda t: t / mp.loggamma(1 / t),
            lambda t: t * t,
            {"32": 3, "64": 7},
        ),
    ]


def constants(dtype: str) -> list[tuple[str, str, mpf]]:
    """Constants that come in parts: the high part short enough that its product with an exponent is exact."""
    bits = BITS[dtype]
    # |n| < 2**8 in float32 and < 2**11 in float64.
    short = bits - (8 if dtype == "32" else 11)
    ln2 = mp.log(2)
    ln2_high = round_to(ln2, short)
    two_log2e = 2 / ln2
    two_log2e_high = round_to(two_log2e, bits)
    third = two_log2e / 3
    third_high = round_to(third, bits)
    return [
        ("LOG2E", "1 / log(2)", round_to(1 / ln2, bits)),
        ("LN2", "log(2)", round_to(ln2, bits)),
        ("LN2_HI", "log(2), so short that its product with any exponent is exact", ln2_high),
        ("LN2_LO", "log(2) - LN2_HI", round_to(ln2 - ln2_high, bits)),
        ("TWO_LOG2E_HI", "2 / log(2)", two_log2e_high),
        ("TWO_LOG2E_LO", "2 / log(2) - TWO_LOG2E_HI", round_to(two_log2e - two_log2e_high, bits)),
        ("LN2_REST", "log(2) - LN2", round_to(ln2 - round_to(ln2, bits), bits)),
        ("CUBIC_HI", "2 / (3 log(2))", third_high),
        ("CUBIC_LO", "2 / (3 log(2)) - CUBIC_HI", round_to(third - third_high, bits)),
        *in_two("PI_HALF", "pi / 2", mp.pi / 2, bits),
        *in_two("ERFC_4", "9 exp(16) erfc(4)", erfc_target(mpf(4)), bits),
        *in_two("LGAMMA_MIDDLE", "-4 log Γ(3/2)", lgamma_target(mpf(3) / 2), bits),
        ("STIRLING_0", "log(2 pi) / 2", round_to(mp.log(2 * mp.pi) / 2, bits)),
    ]


def in_two(name: str, meaning: str, value: mpf, bits: int) -> list[tuple[str, str, mpf]]:
    """A constant as a sum of two floats."""
    high = round_to(value, bits)
    return [(f"{name}_HI", meaning, high), (f"{name}_LO", f"{meaning} - {name}_HI", round_to(value - high, bits))]
