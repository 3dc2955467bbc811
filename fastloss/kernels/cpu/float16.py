"""Conversions between the bits of float16 and bfloat16 and the compute type, by way of float32.

They are integer arithmetic, which vectorises everywhere, but where a processor is known to convert float16 itself:
elsewhere LLVM's own conversions become calls of functions that do not exist. Rounding is to nearest, ties to even. What
makes LLVM's code takes a number or a vector of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .bits import intrinsic

_INFINITY32, _INFINITY16, _NAN16, _NAN_BFLOAT16 = 0x7F800000, 0x7C00, 0x7E00, 0x7FC0
_SIGN16, _BELOW_SIGN16, _BELOW_SIGN32 = 0x8000, 0x7FFF, 0x7FFFFFFF

# Fraction bits that float32 has and float16 has not, and the exponents' biases, 127 and 15.
_FLOAT16_SCALE = 2.0**112
_FLOAT16_ROUND = (((15 - 127) << 23) + 0xFFF) & 0xFFFFFFFF
_FLOAT16_NORMAL = 0x38800000  # 2**-14
_FLOAT16_ABOVE = 0x47800000  # 2**16
_FLOAT16_BITS = 0x3F000000  # of 1/2
_BFLOAT16_ROUND = 0x7FFF

# Port: the compute type.
real: Any = None


class _Writer:
    """Writes arithmetic of 32 bits on numbers, or on vectors as long as one."""

    def __init__(self, builder: Any, like: Any) -> None:
        self.builder, self.count = builder, getattr(like.type, "count", 0)
        self.word, self.single, self.short = (self.of(x) for x in (ir.IntType(32), ir.FloatType(), ir.IntType(16)))

    def of(self, kind: Any) -> Any:
        return ir.VectorType(kind, self.count) if self.count else kind

    def number(self, x: float, kind: Any = None) -> Any:
        return ir.Constant(kind or self.word, [x] * self.count if self.count else x)

    def __getattr__(self, name: str) -> Any:
        """An operation of LLVM whose second operand may be a plain number."""
        operation = getattr(self.builder, name)
        return lambda a, b: operation(a, self.number(b, a.type) if isinstance(b, (int, float)) else b)

    def compared(self, how: str, a: Any, b: int) -> Any:
        return self.builder.icmp_unsigned(how, a, self.number(b))

    def bits(self, x: Any) -> Any:
        return self.builder.bitcast(x, self.word)

    def float(self, x: Any) -> Any:
        return self.builder.bitcast(x, self.single)

    def choice(self, condition: Any, a: Any, b: Any) -> Any:
        found = [self.number(x) if isinstance(x, int) else x for x in (a, b)]
        return self.builder.select(condition, *found)


def _converts(context: Any, builder: Any) -> bool:
    """Whether the processor has instructions for float16."""
    codegen = context.codegen()
    return "+f16c" in codegen._tm_features.split(",") or builder.module.triple.startswith(("aarch64", "arm64"))


def widened_half(context: Any, builder: Any, bits: Any) -> Any:
    """From float16, exact."""
    w = _Writer(builder, bits)
    if _converts(context, builder):
        return builder.fpext(builder.bitcast(bits, w.of(ir.HalfType())), w.single)
    u = builder.zext(bits, w.word)
    magnitude = w.shl(w.and_(u, _BELOW_SIGN16), 13)
    # A multiplication sets the exponent's bias right, and makes normal numbers of subnormal ones.
    finite = w.bits(w.fmul(w.float(magnitude), _FLOAT16_SCALE))
    special = w.compared("==", w.and_(u, _INFINITY16), _INFINITY16)
    value = w.choice(special, w.or_(magnitude, _INFINITY32), finite)
    return w.float(w.or_(value, w.shl(w.and_(u, _SIGN16), 16)))


def narrowed_half(context: Any, builder: Any, x: Any) -> Any:
    """To float16."""
    w = _Writer(builder, x)
    if _converts(context, builder):
        return builder.bitcast(builder.fptrunc(x, w.of(ir.HalfType())), w.short)
    u = w.bits(x)
    a = w.and_(u, _BELOW_SIGN32)
    # Adding 1/2 aligns the last place with the spacing of subnormal float16, and the addition rounds.
    small = w.sub(w.bits(w.fadd(w.float(a), 0.5)), _FLOAT16_BITS)
    odd = w.and_(w.lshr(a, 13), 1)
    normal = w.lshr(w.add(w.add(a, _FLOAT16_ROUND), odd), 13)
    large = w.choice(w.compared(">", a, _INFINITY32), _NAN16, _INFINITY16)
    beyond = w.choice(w.compared(">=", a, _FLOAT16_ABOVE), large, normal)
    r = w.choice(w.compared("<", a, _FLOAT16_NORMAL), small, beyond)
    return builder.trunc(w.or_(r, w.and_(w.lshr(u, 16), _SIGN16)), w.short)


def widened_brain(context: Any, builder: Any, bits: Any) -> Any:
    """From bfloat16, exact."""
    w = _Writer(builder, bits)
    return w.float(w.shl(builder.zext(bits, w.word), 16))


def narrowed_brain(context: Any, builder: Any, x: Any) -> Any:
    """To bfloat16."""
    w = _Writer(builder, x)
    u = w.bits(x)
    odd = w.and_(w.lshr(u, 16), 1)
    rounded = w.lshr(w.add(w.add(u, _BFLOAT16_ROUND), odd), 16)
    nan = builder.fcmp_unordered("uno", x, x)
    return builder.trunc(w.choice(nan, _NAN_BFLOAT16, rounded), w.short)


def _scalar(emit: Any, result: Any) -> Any:
    @intrinsic
    def conversion(typingctx: Any, x: Any) -> Any:
        return result(x), lambda context, builder, signature, args: emit(context, builder, args[0])

    return conversion


_from_half, _to_half = _scalar(widened_half, types.float32), _scalar(narrowed_half, types.uint16)
_from_brain, _to_brain = _scalar(widened_brain, types.float32), _scalar(narrowed_brain, types.uint16)


def decode_float16(h: int) -> Any:
    """From float16, exact."""
    return real(_from_half(h))


def encode_float16(x: float) -> int:
    """To float16; a float64 is rounded to float32 first."""
    return _to_half(np.float32(x))  # type: ignore[no-any-return]


def decode_bfloat16(h: int) -> Any:
    """From bfloat16, exact."""
    return real(_from_brain(h))


def encode_bfloat16(x: float) -> int:
    """To bfloat16; a float64 is rounded to float32 first."""
    return _to_brain(np.float32(x))  # type: ignore[no-any-return]
