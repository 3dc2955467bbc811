"""Arithmetic of tuples, element by element: the sums and maxima of a row, for programs with any number of them.

The maximum of floats does not vectorise as cheaply as that of integers (0.09 against 0.03 ns an element), since LLVM's
must mind NaN and -0. Bit patterns of positive floats are ordered as integers are, those of negative ones in reverse:
the maximum is the largest pattern where that is positive, and else the smallest. A positive NaN is above infinity.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic

__all__ = [
    "add_all",
    "add_difference",
    "add_wide",
    "all_but_last",
    "apart",
    "climb",
    "larger_all",
    "masked",
    "narrow",
    "top",
]

types: Any = numba.types  # half of it is typed

_INTEGER = {types.float32: types.int32, types.float64: types.int64}


def _make_tuple(context: Any, builder: Any, kind: Any, values: Any) -> Any:
    return context.make_tuple(builder, kind, values)


def _elements(builder: Any, value: Any, count: int) -> list[Any]:
    return [builder.extract_value(value, k) for k in range(count)]


@intrinsic
def add_all(typingctx: Any, a: Any, b: Any) -> Any:
    """The sums of two tuples' elements, which LLVM may reassociate."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pairs = zip(*(_elements(builder, x, a.count) for x in args), strict=True)
        flags = ("reassoc", "nsz", "contract")
        return _make_tuple(context, builder, a, [builder.fadd(x, y, flags=flags) for x, y in pairs])

    return (a(a, b), codegen) if a == b else None


def _widened(builder: Any, x: Any) -> Any:
    double = ir.DoubleType()
    return x if x.type == double else builder.fpext(x, double)


@intrinsic
def add_wide(typingctx: Any, a: Any, b: Any) -> Any:
    """The sums of a tuple of float64 and another tuple, which LLVM may not reassociate."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pairs = zip(*(_elements(builder, x, a.count) for x in args), strict=True)
        return _make_tuple(context, builder, a, [builder.fadd(x, _widened(builder, y)) for x, y in pairs])

    return a(a, b), codegen


@intrinsic
def add_difference(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a + (b - c) of tuples, `a` of float64; an element of which b and c are the same stays as it is, NaN or not."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        result = []
        for x, y, z in zip(*(_elements(builder, v, a.count) for v in args), strict=True):
            moved = builder.fadd(x, builder.fsub(_widened(builder, y), _widened(builder, z)))
            result.append(builder.select(builder.fcmp_ordered("==", y, z), x, moved))
        return _make_tuple(context, builder, a, result)

    return a(a, b, c), codegen


@intrinsic
def narrow(typingctx: Any, a: Any, like: Any) -> Any:
    """A tuple of float64, converted to the type of another tuple."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(like.dtype)
        parts = _elements(builder, args[0], a.count)
        return _make_tuple(context, builder, like, parts if like == a else [builder.fptrunc(x, kind) for x in parts])

    return like(a, like), codegen


@intrinsic
def all_but_last(typingctx: Any, a: Any) -> Any:
    """A tuple without its last element."""
    result = types.UniTuple(a.dtype, a.count - 1)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _make_tuple(context, builder, result, _elements(builder, args[0], a.count - 1))

    return result(a), codegen


def _larger(builder: Any, x: Any, y: Any) -> Any:
    kept = builder.or_(builder.fcmp_ordered(">", x, y), builder.fcmp_unordered("uno", x, x))
    return builder.select(kept, x, y)


@intrinsic
def larger_all(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two tuples' elements; NaN where one of them is."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pairs = zip(*(_elements(builder, x, a.count) for x in args), strict=True)
        return _make_tuple(context, builder, a, [_larger(builder, x, y) for x, y in pairs])

    return (a(a, b), codegen) if a == b else None


@intrinsic
def climb(typingctx: Any, state: Any, values: Any) -> Any:
    """Update the largest and the smallest bit pattern of each value with another tuple of values."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(state.dtype)
        result = []
        for k in range(values.count):
            pattern = builder.bitcast(builder.extract_value(args[1], k), kind)
            for j, name in ((2 * k, "llvm.smax"), (2 * k + 1, "llvm.smin")):
                function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind, kind]))
                result.append(builder.call(function, [builder.extract_value(args[0], j), pattern]))
        return _make_tuple(context, builder, state, result)

    return state(state, values), codegen


@intrinsic
def top(typingctx: Any, state: Any) -> Any:
    """The maxima of all values that `climb` has seen."""
    if not state.count:
        return state(state), lambda context, builder, signature, args: args[0]
    real = next(f for f, i in _INTEGER.items() if i == state.dtype)
    result = types.UniTuple(real, state.count // 2)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = _elements(builder, args[0], state.count)
        zero = ir.Constant(parts[0].type, 0)
        chosen = [
            builder.select(builder.icmp_signed("<", high, zero), low, high)
            for high, low in zip(parts[::2], parts[1::2], strict=True)
        ]
        kind = context.get_value_type(real)
        return _make_tuple(context, builder, result, [builder.bitcast(c, kind) for c in chosen])

    return result(state), codegen


@intrinsic
def apart(typingctx: Any) -> Any:
    """Keep LLVM from inlining the function that calls this.

    Inlined into the serial and into the parallel kernel, its sums could be ordered in two ways.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def masked(typingctx: Any) -> Any:
    """Have the loops of the function that calls this end in a masked vector instead of a loop over single elements.

    LLVM does so where it optimises for size. It pays for at most 63 elements, of which a scalar loop takes up to 15.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        attributes = builder.function.attributes
        attributes.discard("alwaysinline")
        attributes.add("noinline")
        attributes.add("optsize")
        return context.get_dummy_value()

    return types.void(), codegen
