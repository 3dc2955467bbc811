"""What instructions compute, on arrays of all threads. Approximate ones are computed exactly, and rounded."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from assembly import TYPES


def _wide(x: Any) -> Any:
    return x.astype(np.float64)


def _fused(a: Any, b: Any, c: Any) -> Any:
    """With one rounding; float32's by way of float64, whose last bit may round it twice."""
    if a.dtype == np.float32:
        return (_wide(a) * _wide(b) + _wide(c)).astype(np.float32)
    p, (a1, a0), (b1, b0) = a * b, _halves(a), _halves(b)
    lost = ((a1 * b1 - p) + a1 * b0 + a0 * b1) + a0 * b0
    s = p + c
    t = s - p
    lost = (p - (s - t)) + (c - t) + lost
    return np.where(np.isfinite(lost), s + lost, s)


def _halves(x: Any) -> tuple[Any, Any]:
    """Of a float64's digits: their sum is it, and products of them are exact."""
    t = x * 134217729.0
    high = t - (t - x)
    return high, x - high


def _shifted_left(a: Any, n: Any) -> Any:
    bits = 8 * a.dtype.itemsize
    return np.where(n < bits, a << np.minimum(n, bits - 1).astype(a.dtype), a.dtype.type(0))


def _shifted_right(a: Any, n: Any) -> Any:
    bits = 8 * a.dtype.itemsize
    shifted = a >> np.minimum(n, bits - 1).astype(a.dtype)
    return shifted if a.dtype.kind == "i" else np.where(n < bits, shifted, a.dtype.type(0))


def _inserted(a: Any, b: Any, start: Any, count: Any) -> Any:
    ones = ~np.zeros_like(a)
    mask = _shifted_left(ones ^ _shifted_left(ones, count), start)
    return (b & ~mask) | (_shifted_left(a, start) & mask)


def _divided(a: Any, b: Any) -> Any:
    """Integers towards zero; what is divided by 0, where a thread is not there, is anything."""
    if a.dtype.kind == "f":
        return a / b
    some = np.where(b == 0, b.dtype.type(1), b)
    return np.where((a < 0) != (some < 0), -(np.abs(a) // np.abs(some)), np.abs(a) // np.abs(some)).astype(a.dtype)


def flushed(x: Any) -> Any:
    """Without subnormal numbers."""
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, np.copysign(x.dtype.type(0), x), x)


def clamped(x: Any) -> Any:
    """Between 0 and 1, and 0 for NaN."""
    return np.clip(np.where(np.isnan(x), x.dtype.type(0), x), 0, 1)


SIMPLE: dict[str, Any] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "mul.lo": operator.mul, "div": _divided,
    "mad.lo": lambda a, b, c: a * b + c,
    "rem": lambda a, b: a - _divided(a, b) * b,
    "fma": _fused, "neg": operator.neg, "abs": np.abs, "min": np.fmin, "max": np.fmax, "max.NaN": np.maximum,
    "sqrt": np.sqrt, "sqrt.approx": np.sqrt, "div.full": _divided,
    "rcp": lambda x: x.dtype.type(1) / x, "rcp.approx": lambda x: x.dtype.type(1) / x,
    "ex2.approx": lambda x: np.exp2(_wide(x)).astype(x.dtype), "copysign": lambda a, b: np.copysign(b, a),
    "and": operator.and_, "or": operator.or_, "xor": operator.xor, "not": np.invert,
    "shl": _shifted_left, "shr": _shifted_right, "bfi": _inserted,
}  # fmt: skip
"""By what is left of a name when rounding, flushing and type are taken away."""

COUNTS = {"shl": 1, "shr": 1, "bfi": 2}
"""How many operands, the last ones, are numbers of bits."""

_BEYOND = {
    "rm": lambda exact, x: np.where(x > exact, np.nextafter(x, np.float32(-np.inf)), x),
    "rz": lambda exact, x: np.where(np.abs(x) > np.abs(exact), np.nextafter(x, np.float32(0.0)), x),
}


def simple(verb: str, modifiers: list[str], kind: str) -> Any:
    """The function of an instruction without memory."""
    rounding = next((m for m in modifiers if m in _BEYOND), "")
    function = SIMPLE[".".join([verb, *(m for m in modifiers if m not in ("rn", "ftz", rounding))])]
    if rounding:
        assert kind == "f32", (verb, modifiers, kind)
        plain = {"fma": lambda a, b, c: a * b + c, "add": operator.add}[verb]

        def function(*values: Any) -> Any:
            exact = plain(*map(_wide, values))
            return _BEYOND[rounding](exact, exact.astype(np.float32))

    if "ftz" not in modifiers:
        return function
    return lambda *values: flushed(function(*map(flushed, values)))


_INTEGER = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor}


def converted(parts: list[str], x: Any) -> Any:
    """By `cvt`: modifiers, the new type, the old one."""
    *how, to, old = parts
    rounding = next((_INTEGER[h] for h in how if h in _INTEGER), None)
    assert {*how} <= {*_INTEGER, "rn", "sat"}, parts
    if to == "bf16":
        bits = x.view(np.uint32)
        nearest = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16
        return np.where(np.isnan(x), 0x7FFF, nearest).astype(np.uint16)
    new = np.dtype(TYPES[to])
    if new.kind == "f" or old[0] != "f":
        assert "sat" not in how or new.kind == "f", parts
        found = (x if rounding is None else rounding(x)).astype(new)
        return clamped(found) if "sat" in how else found
    assert rounding is not None, parts
    # What is too large becomes the largest, and NaN zero.
    whole, (low, high) = np.where(np.isnan(x), 0, rounding(x)), (np.iinfo(new).min, np.iinfo(new).max)
    inside = np.where((whole > low) & (whole < high), whole, 0).astype(new)
    return np.where(whole >= high, new.type(high), np.where(whole <= low, new.type(low), inside))


_COMPARED = {name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}


def compared(how: str, a: Any, b: Any) -> Any:
    """By `setp`; with a `u` behind it, also where one of them is NaN."""
    if how in ("num", "nan"):
        return (np.isnan(a) | np.isnan(b)) == (how == "nan")
    found = _COMPARED[how[:2]](a, b)
    if a.dtype.kind != "f":
        return found
    unordered = np.isnan(a) | np.isnan(b)
    return found | unordered if how[2:] == "u" else found & ~unordered
