"""Conversions between the bits of float16 and bfloat16 and the compute type, by way of float32.

They are integer arithmetic, which vectorises everywhere; LLVM's own conversions become calls to functions that do not
exist on processors without the instruction. Rounding is to nearest, ties to even.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import add, bit_and, bit_or, from_bits, select, shift_left, shift_right, sub, to_bits

_INFINITY32 = np.int32(0x7F800000)
_INFINITY16 = np.int32(0x7C00)
_SIGN16 = np.int32(0x8000)
_BELOW_SIGN16 = np.int32(0x7FFF)
_BELOW_SIGN32 = np.int32(0x7FFFFFFF)
_NAN16 = np.int32(0x7E00)
_NAN_BFLOAT16 = np.uint16(0x7FC0)
_ONE, _THIRTEEN, _SIXTEEN = np.int32(1), np.int32(13), np.int32(16)

# Fraction bits that float32 has and float16 has not, and the exponents' biases, 127 and 15.
_FLOAT16_SCALE = np.float32(2.0**112)
_FLOAT16_ROUND = np.int32(((15 - 127) << 23) + 0xFFF)
_FLOAT16_NORMAL = np.int32(0x38800000)  # 2**-14
_FLOAT16_ABOVE = np.int32(0x47800000)  # 2**16
_HALF = np.float32(0.5)
_FLOAT16_BITS = np.int32(0x3F000000)
_BFLOAT16_ROUND = np.int32(0x7FFF)

# Port: the compute type.
real: Any = None


def decode_float16(h: int) -> Any:
    """From float16, exact."""
    u = np.int32(h)
    magnitude = shift_left(bit_and(u, _BELOW_SIGN16), _THIRTEEN)
    # A multiplication sets the exponent's bias right, and makes normal numbers of subnormal ones.
    finite = to_bits(from_bits(magnitude) * _FLOAT16_SCALE)
    special = bit_and(u, _INFINITY16) == _INFINITY16
    value = select(special, bit_or(magnitude, _INFINITY32), finite)
    return real(from_bits(bit_or(value, shift_left(bit_and(u, _SIGN16), _SIXTEEN))))


def encode_float16(x: float) -> int:
    """To float16; a float64 is rounded to float32 first."""
    u = to_bits(np.float32(x))
    a = bit_and(u, _BELOW_SIGN32)
    # Adding 1/2 aligns the last place with the spacing of subnormal float16, and the addition rounds.
    small = sub(to_bits(from_bits(a) + _HALF), _FLOAT16_BITS)
    odd = bit_and(shift_right(a, _THIRTEEN), _ONE)
    normal = shift_right(add(add(a, _FLOAT16_ROUND), odd), _THIRTEEN)
    large = select(a > _INFINITY32, _NAN16, _INFINITY16)
    r = select(a < _FLOAT16_NORMAL, small, select(a >= _FLOAT16_ABOVE, large, normal))
    return np.uint16(bit_or(r, bit_and(shift_right(u, _SIXTEEN), _SIGN16)))  # type: ignore[return-value]


def decode_bfloat16(h: int) -> Any:
    """From bfloat16, exact."""
    return real(from_bits(shift_left(np.int32(h), _SIXTEEN)))


def encode_bfloat16(x: float) -> int:
    """To bfloat16; a float64 is rounded to float32 first."""
    u = to_bits(np.float32(x))
    odd = bit_and(shift_right(u, _SIXTEEN), _ONE)
    rounded = shift_right(add(add(u, _BFLOAT16_ROUND), odd), _SIXTEEN)
    return select(x != x, _NAN_BFLOAT16, np.uint16(rounded))  # type: ignore[return-value]
