"""Numbers of many digits on which definitions run: they tell which way comparisons went, and where digits were lost.

A `Number` may have a shadow, the number that arithmetic of float32 or float64 has in its place. An operation that
makes a wrong one of right ones is the culprit for all that depends on it.
"""

from __future__ import annotations

import math
import operator
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from mpmath import mp, mpf

if TYPE_CHECKING:
    from collections.abc import Callable

DIGITS = 400
"""So many that of a difference of numbers of float64 50 are left."""

LOST = 64.0
"""Units in the last place from which on a result of right numbers is wrong."""

_HERE = str(Path(__file__).parent)


class Place(NamedTuple):
    """Where a definition loses digits."""

    kind: str
    """What happens there: cancellation, overflow, underflow, nan, or inexact."""
    operation: str
    file: str
    line: int
    function: str


outcomes: list[Any] = []
"""Which way the comparisons of the run that is going on went, and its whole quotients, in their order."""


def units(got: Any, exact: Any, scale: Any = 0) -> float:
    """By how many units in the last place a result is off, or roundings of `scale` where that is larger."""
    info = np.finfo(type(got))
    top = mpf(float(info.max))
    if math.isnan(got) or mp.isnan(exact):
        return 0.0 if mp.isnan(exact) else math.inf
    if math.isinf(got):
        beyond = abs(exact) > top * (1 - 16 * float(info.eps)) and (got > 0) == (exact > 0)
        return 0.0 if beyond or scale > top else math.inf
    if abs(exact) > top:
        return 0.0 if abs(float(got)) >= 0.99 * float(info.max) or scale > top else math.inf
    unit = max(mpf(float(np.spacing(type(got)(min(abs(exact), top * (1 - 2 * float(info.eps))))))),
               mpf(float(info.epsneg)) * scale, 32 * mpf(float(info.smallest_subnormal)))  # fmt: skip
    return float(abs(mpf(float(got)) - exact) / unit)


def _place(operation: str, shadow: Any, exact: Any) -> Place:
    info = np.finfo(type(shadow))
    kind = "cancellation" if operation in ("+", "-", "log") else "inexact"
    if not math.isfinite(shadow):
        kind = "nan" if math.isnan(shadow) else "overflow"
    elif abs(exact) < float(info.smallest_normal):
        kind = "underflow"
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return Place(kind, operation, frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


class Number:
    """A number of many digits, its shadow, and where that went wrong."""

    __slots__ = ("culprit", "exact", "shadow")
    __array_ufunc__ = None  # of NumPy's numbers, too, the operations are these
    __hash__ = object.__hash__

    def __init__(self, exact: Any, shadow: Any = None, culprit: Place | None = None) -> None:
        self.exact, self.shadow, self.culprit = exact, shadow, culprit

    def __add__(self, other: Any) -> Number:
        return combined("+", _ADD, operator.add, self, other)

    def __radd__(self, other: Any) -> Number:
        return combined("+", _ADD, operator.add, other, self)

    def __sub__(self, other: Any) -> Number:
        return combined("-", _SUB, operator.sub, self, other)

    def __rsub__(self, other: Any) -> Number:
        return combined("-", _SUB, operator.sub, other, self)

    def __mul__(self, other: Any) -> Number:
        return combined("*", _MUL, operator.mul, self, other)

    def __rmul__(self, other: Any) -> Number:
        return combined("*", _MUL, operator.mul, other, self)

    def __truediv__(self, other: Any) -> Number:
        return combined("/", divided, operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Number:
        return combined("/", divided, operator.truediv, other, self)

    def __mod__(self, other: Any) -> Number:
        return combined("%", _mod, operator.mod, self, other)

    def __rmod__(self, other: Any) -> Number:
        return combined("%", _mod, operator.mod, other, self)

    def __floordiv__(self, other: Any) -> Number:
        return combined("//", _floordiv, operator.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Number:
        return combined("//", _floordiv, operator.floordiv, other, self)

    def __pos__(self) -> Number:
        return self

    def __neg__(self) -> Number:
        return Number(-self.exact, None if self.shadow is None else -self.shadow, self.culprit)

    def __abs__(self) -> Number:
        outcomes.append(bool(self.exact > 0))
        outcomes.append(bool(self.exact < 0))
        return Number(abs(self.exact), None if self.shadow is None else abs(self.shadow), self.culprit)

    def _compared(self, compare: Callable[[Any, Any], bool], other: Any) -> bool:
        x, y = self, as_number(other, self.shadow)
        found = compare(x.exact, y.exact) if self.shadow is None else compare(x.shadow, y.shadow)
        outcomes.append(bool(found))
        return bool(found)

    def __lt__(self, other: Any) -> bool:
        return self._compared(operator.lt, other)

    def __le__(self, other: Any) -> bool:
        return self._compared(operator.le, other)

    def __gt__(self, other: Any) -> bool:
        return self._compared(operator.gt, other)

    def __ge__(self, other: Any) -> bool:
        return self._compared(operator.ge, other)

    def __eq__(self, other: object) -> bool:
        return self._compared(operator.eq, other)

    def __ne__(self, other: object) -> bool:
        return self._compared(operator.ne, other)

    def __bool__(self) -> bool:
        return self != 0.0


def as_number(x: Any, like: Any) -> Number:
    """A constant of a definition as a number, with a shadow where others have one."""
    if isinstance(x, Number):
        return x
    return Number(mpf(float(x)), None if like is None else type(like)(x))


def combined(name: str, exactly: Any, roughly: Any, *args: Any) -> Number:
    """An operation on the exact numbers and on the shadows; its place, if it is the first that loses the digits."""
    like = next((a.shadow for a in args if isinstance(a, Number)), None)
    numbers = [as_number(a, like) for a in args]
    exact = exactly(*(a.exact for a in numbers))
    if like is None:
        return Number(exact)
    with np.errstate(all="ignore"):
        shadow = type(like)(roughly(*(a.shadow for a in numbers)))
    if (math.isfinite(shadow) or not mp.isfinite(exact)) and units(shadow, exact) <= LOST:
        return Number(exact, shadow)
    return Number(exact, shadow, next((a.culprit for a in numbers if a.culprit), None) or _place(name, shadow, exact))


_ADD, _SUB, _MUL = operator.add, operator.sub, operator.mul


def divided(a: Any, b: Any) -> Any:
    """A quotient, also by 0."""
    if b == 0:
        return mp.nan if a == 0 or mp.isnan(a) else (mp.inf if a > 0 else -mp.inf)
    return a / b


def _floordiv(a: Any, b: Any) -> Any:
    quotient = divided(a, b)
    quotient = mp.floor(quotient) if mp.isfinite(quotient) else mp.nan
    outcomes.append(quotient)
    return quotient


def _mod(a: Any, b: Any) -> Any:
    return a - _floordiv(a, b) * b


# -- what definitions find in place of `math` --------------------------------------------------------------------------

FAR = 1e9
"""Beyond this exponent an exponential is infinite, or 0, of whatever type."""


def _exp(x: Any) -> Any:
    return (mp.inf if x > 0 else mpf(0)) if abs(x) > FAR else mp.exp(x)


def _expm1(x: Any) -> Any:
    return (mp.inf if x > 0 else mpf(-1)) if abs(x) > FAR else mp.expm1(x)


def _log(x: Any) -> Any:
    return mp.nan if x < 0 or mp.isnan(x) else (-mp.inf if x == 0 else mp.log(x))


def _log1p(x: Any) -> Any:
    return mp.nan if x < -1 or mp.isnan(x) else (-mp.inf if x == -1 else mp.log1p(x))


def _pow(x: Any, k: Any) -> Any:
    if mp.isnan(x) or mp.isnan(k) or (x < 0 and k != int(k)):
        return mp.nan
    if k == 0 or x == 1:
        return mpf(1)
    if x == 0 or abs(x) == mp.inf:
        return mpf(0) if (k > 0) == (x == 0) else mp.inf
    size = _exp(k * mp.log(abs(x)))
    return -size if x < 0 and int(k) % 2 else size


def _level(function: Any, low: Any, high: Any, bound: float) -> Any:
    """A function that has its limits beyond a bound."""
    return lambda x: function(x) if abs(x) <= bound or mp.isnan(x) else mpf(high if x > 0 else low)


def _copysign(x: Any, y: Any) -> Any:
    outcomes.append(bool(y < 0))
    return -abs(x) if y < 0 else abs(x)


_EXACT: dict[str, Any] = {
    "exp": _exp, "expm1": _expm1, "log": _log, "log1p": _log1p, "pow": _pow, "copysign": _copysign, "fabs": abs,
    "sqrt": lambda x: mp.nan if x < 0 else mp.sqrt(x), "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "sinh": _level(mp.sinh, -mp.inf, mp.inf, FAR), "cosh": _level(mp.cosh, mp.inf, mp.inf, FAR),
    "tanh": _level(mp.tanh, -1, 1, 1e5), "asinh": mp.asinh, "sin": mp.sin, "cos": mp.cos, "atan": mp.atan,
    "erf": _level(mp.erf, -1, 1, 1e3), "erfc": _level(mp.erfc, 2, 0, 1e3),
    "lgamma": lambda x: mp.re(mp.loggamma(x)) if x > 0 else mp.inf,
}  # fmt: skip


def _finite(function: Any) -> Any:
    return lambda x: function(x) if math.isfinite(x) else math.nan


_ROUGH: dict[str, Any] = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "pow": np.power, "copysign": np.copysign,
    "fabs": np.abs, "sqrt": np.sqrt, "cbrt": np.cbrt, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "sin": np.sin, "cos": np.cos, "atan": np.arctan,
    **{n: _finite(getattr(math, n)) for n in ("erf", "erfc", "lgamma")},
}  # fmt: skip


class ExactMath:
    """`math` of numbers with many digits."""

    pi, e, tau, inf, nan = math.pi, math.e, math.tau, math.inf, math.nan


class RoughMath:
    """`math` of NumPy's numbers: NaN and infinity in place of errors, float32 rounded once."""

    pi, e, tau, inf, nan = math.pi, math.e, math.tau, math.inf, math.nan


def _rounded(function: Any) -> Any:
    return lambda *x: type(x[0])(function(*map(np.float64, x)))


def _applied(name: str) -> Any:
    exactly, roughly = _EXACT[name], _rounded(_ROUGH[name])
    return lambda *x: combined(name, exactly, roughly, *x)


for _name in _EXACT:
    setattr(ExactMath, _name, staticmethod(_applied(_name)))
    setattr(RoughMath, _name, staticmethod(_rounded(_ROUGH[_name])))
ExactMath.pow_signed, RoughMath.pow_signed = ExactMath.pow, RoughMath.pow  # type: ignore[attr-defined]
