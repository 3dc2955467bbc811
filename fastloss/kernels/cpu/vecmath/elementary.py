"""Elementary functions without branches or calls, so that LLVM vectorises their loops: written once, and made for
float32 and for float64.

The arithmetic stays in the function's own width and is portable. The bounds hold where the CPU has a fused
multiply-add; without one they are up to 0.25 larger, and what takes sums in two floats is slow. An error of 1 ULP is
the distance of neighbouring floats at the exact result, subnormal results included. A comment that gives two numbers
gives that of float64 in brackets.

The functions are templates as the kernels are: what differs between the widths are ports, and every literal becomes a
number of the width.
"""

from __future__ import annotations

import math
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from ....define.rules import CONSTANTS
from ...bind import bind, lift
from .. import bits
from ..parts import part
from . import coefficients, logarithms
from .errorfunctions import erf, erfc, tail
from .exponentials import cosh, exp, exp_flushed, exp_neg, exp_with_expm1, expm1, expm1_neg, sinh, tanh
from .factorials import distant, divisor, lgamma, middle
from .logarithms import asinh, log, log1p
from .powers import cbrt, log2, pow, pow_signed, sqrt
from .trigonometry import atan, cos, quarter_turns, sin, table
from .twofloats import quick_sum, two_product, two_sum

# Inlined by LLVM whatever their size, or the loops over them would not vectorise.
_inlined = part(error_model="numpy", fastmath={"contract"}, forceinline=True)
# Error-free sums are exact only as written: nothing in these is fused that is not fused there.
_inlined_as_written = part(error_model="numpy", forceinline=True)
_AS_WRITTEN = (
    two_sum,
    quick_sum,
    two_product,
    log2,
    pow,
    pow_signed,
    cbrt,
    asinh,
    quarter_turns,
    tail,
    middle,
    distant,
    divisor,
    lgamma,
)
_kinds = {f.__code__: _inlined_as_written for f in _AS_WRITTEN}


def fabs(x: float) -> float:
    """Absolute value, exact."""
    return bits.fabs(x)


def copysign(x: float, y: float) -> float:
    """|x| with the sign of y, exact."""
    return bits.copysign(x, y)


log1p_unit: Any = None


def _functions() -> dict[str, Any]:
    return {
        "exp": exp,
        "exp_neg": exp_neg,
        "exp_flushed": exp_flushed,
        "expm1": expm1,
        "expm1_neg": expm1_neg,
        "exp_with_expm1": exp_with_expm1,
        "sinh": sinh,
        "cosh": cosh,
        "tanh": tanh,
        "log": log,
        "log1p": log1p,
        "log1p_unit": log1p_unit,
        "asinh": asinh,
        "pow": pow,
        "pow_signed": pow_signed,
        "cbrt": cbrt,
        "sqrt": sqrt,
        "fabs": fabs,
        "copysign": copysign,
        "sin": sin,
        "cos": cos,
        "atan": atan,
        "erf": erf,
        "erfc": erfc,
        "lgamma": lgamma,
    }


@cache
def elementary(compute: str, rows: bool = False) -> Any:
    """What definitions find in place of `math` in kernels of float64 ("d") or float32.

    A row's sum of exponentials is 1 or more, to which no subnormal one adds anything; its own derivative is then 0.
    """
    kind: Any = float if compute == "d" else np.float32

    def jit(function: Any) -> Any:
        return lift(function, None, kind, _kinds.get(function.__code__, _inlined))

    constants = {name: kind(getattr(math, name)) for name in CONSTANTS}
    module = ModuleType(f"{__name__}.{compute}")  # the compiler reads attributes of modules alone
    vars(module).update(constants, **bind(_functions, {}, jit, ports(compute))())
    if rows:
        vars(module)["exp_neg"] = vars(module)["exp_flushed"]
    return module


def ports(compute: str) -> dict[str, Any]:
    """What differs between the widths."""
    double = compute == "d"
    kind, word, suffix = (np.float64, np.int64, "_64") if double else (np.float32, np.int32, "_32")
    fitted = {n.removesuffix(suffix): value for n, value in vars(coefficients).items() if n.endswith(suffix)}
    return {
        **fitted,
        **_layout(kind, word, fitted["EXP"], fitted["EXP2"]),
        **{n: kind(value) for n, value in (_LIMITS_64 if double else _LIMITS_32).items()},
        **{f"turns{k}": bits.table(values) for k, values in enumerate(table(compute))},
        **{n: getattr(logarithms, n + suffix) for n in ("exponent_of", "log_of", "log1p_unit")},
    }


# Arguments beyond these give the same result as these: exp(-104) rounds to 0, exp(89) to infinity. Beyond ASINH_FAR,
# a**2 + 1 is a**2.
_LIMITS_32 = {
    "EXP_LOW": -104.0,
    "EXP_HIGH": 89.0,
    "EXPM1_LOW": -18.0,
    "SINH_HIGH": 90.0,
    "ASINH_FAR": 2.0**14,
    "ERFC_HIGH": 11.0,
    "POW_LIMIT": 200.0,
}
_LIMITS_64 = {
    "EXP_LOW": -746.0,
    "EXP_HIGH": 710.0,
    "EXPM1_LOW": -38.0,
    "SINH_HIGH": 711.0,
    "ASINH_FAR": 2.0**28,
    "ERFC_HIGH": 28.0,
    "POW_LIMIT": 1200.0,
}


def _layout(kind: Any, word: Any, exp: Any, exp2: Any) -> dict[str, Any]:
    """What follows from how a float is stored."""
    info = np.finfo(kind)
    fraction, bias = info.nmant, info.maxexp - 1
    # Adding an integer n to this is exact and leaves n in the low bits of the sum. The shift into the exponent field
    # keeps the nine (twelve) lowest: the leading bits of the sum vanish, only the bias must be added.
    integer = 1.5 * 2.0**fraction
    # exp_neg evaluates exp(r) / 2**below and multiplies by 2**(n + below), a normal number for all n it meets: the only
    # rounding to a subnormal is that of the product.
    below = info.maxexp // 2
    # Subnormals are scaled by this power of two before their exponent is read.
    raised = 2 * (fraction // 2) + 2
    # As exponent_of returns it.
    biased = bias if kind is np.float32 else 2.0**fraction + bias
    return {
        "MIN_NORMAL": kind(info.tiny),
        "FRACTION_BITS": word(fraction),
        "FRACTION_MASK": word(2**fraction - 1),
        "EXPONENT_MASK": word(-(2**fraction)),
        "ONE_SHIFT": word(1),
        "ONE_BITS": kind(1.0).view(word),
        "FOUR_BITS": kind(4.0).view(word),
        "SQRT_HALF_BITS": kind(math.sqrt(0.5)).view(word),
        "TWO_52_BITS": np.float64(2.0**52).view(np.int64),
        "TWO_SHIFT": word(info.bits - 2),
        "SIGN_BIT": word(-(2 ** (info.bits - 1))),
        "WHOLE": kind(2.0 ** (fraction + 1)),
        "WHOLE_BITS": kind(2.0**fraction).view(word),
        "WHOLE_EXPONENT": word(bias + fraction),
        "NO_TURNS": word(0),
        "INTEGER": kind(integer),
        "BIASED": kind(integer + bias),
        "BIASED_BELOW": kind(integer + bias - 1),
        "BIASED_TWICE": kind(integer + 2 * bias),
        "BIASED_SCALED": kind(integer + bias + below),
        "UNSCALED": kind(2.0**-below),
        "SUBNORMAL_SCALE": kind(2.0**raised),
        "BIAS": kind(biased),
        "BIAS_SUBNORMAL": kind(biased + raised),
        "EXP_SERIES": (kind(1.0), kind(1.0), *exp),
        # As exp_flushed evaluates it, a normal number times the least power that is one.
        "EXP_SERIES_TWICE": tuple(kind(2.0 * c) for c in (1.0, 1.0, *exp)),
        "FLUSHED": kind((info.minexp + 1e-3) * math.log(2.0)),
        "EXP_SERIES_SCALED": tuple(kind(c * kind(2.0**-below)) for c in (1.0, 1.0, *exp)),
        "EXP2_SERIES": (kind(1.0), *exp2),
    }
