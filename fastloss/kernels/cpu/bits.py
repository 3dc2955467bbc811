"""Scalar operations that Numba has no spelling for, each one LLVM instruction that vectorises.

Numba widens int32 arithmetic to int64 and lowers a conditional expression to a branch; inside a loop that
must become packed code both are obstacles, so the kernels use these instead of the Python operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic as numba_intrinsic

_plain: Any = types.unliteral
_several: Any = types.StarArgTuple
_INTEGER_OF: dict[Any, Any] = {types.float32: types.int32, types.float64: types.int64}
_FLOAT_OF: dict[Any, Any] = {types.int32: types.float32, types.int64: types.float64}


def intrinsic(function: Callable[..., Any]) -> Callable[..., float]:
    """Numba's decorator, typed as its callers see the result: without the typing context, of plain numbers."""
    result: Callable[..., float] = numba_intrinsic(function)
    return result


Emit = Callable[[ir.IRBuilder, Sequence[ir.Value]], ir.Value]


def _same_type(result: Any, operands: Sequence[Any], emit: Emit) -> Any:
    """Signature and code generator of an operation on operands of exactly the type of the result."""
    if any(operand != result for operand in operands):
        raise TypeError(f"operands of one type needed, not {operands}")

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return emit(builder, args)

    return result(*operands), codegen


def _call(name: str) -> Emit:
    """Emit a call of the LLVM intrinsic of that name, whose operands and result have one type."""

    def emit(builder: ir.IRBuilder, args: Sequence[ir.Value]) -> ir.Value:
        kind = args[0].type
        function_type = ir.FunctionType(kind, [kind] * len(args))
        return builder.call(builder.module.declare_intrinsic(name, [kind], function_type), args)

    return emit


@intrinsic
def to_bits(typingctx: Any, x: Any) -> Any:
    """Bit pattern of a float as the signed integer of its width."""
    result = _INTEGER_OF[x]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return builder.bitcast(args[0], context.get_value_type(result))

    return result(x), codegen


@intrinsic
def from_bits(typingctx: Any, i: Any) -> Any:
    """Float of the width of an integer and with its bit pattern."""
    result = _FLOAT_OF[i]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return builder.bitcast(args[0], context.get_value_type(result))

    return result(i), codegen


@intrinsic
def to_float(typingctx: Any, i: Any) -> Any:
    """Float of the width of an integer and, rounded, with its value."""
    result = _FLOAT_OF[i]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return builder.sitofp(args[0], context.get_value_type(result))

    return result(i), codegen


def _of_one(emit: Emit) -> Callable[..., float]:
    """An operation on a number, whose result has its type."""
    return intrinsic(lambda typingctx, x: _same_type(x, (x,), emit))


def _of_two(emit: Emit) -> Callable[..., float]:
    """An operation on two numbers of one type, which the result has."""
    return intrinsic(lambda typingctx, a, b: _same_type(a, (a, b), emit))


add, sub = _of_two(lambda builder, args: builder.add(*args)), _of_two(lambda builder, args: builder.sub(*args))
"""a + b and a - b of integers, wrapping, in their own width."""
bit_and, bit_or = _of_two(lambda builder, args: builder.and_(*args)), _of_two(lambda builder, args: builder.or_(*args))
shift_left = _of_two(lambda builder, args: builder.shl(*args))
shift_right = _of_two(lambda builder, args: builder.lshr(*args))
"""With zeros shifted in: AVX2 has no arithmetic shift of 64-bit integers."""
rint = _of_one(_call("llvm.rint"))
"""Nearest integer, ties to even, as a float."""
sqrt, fabs = _of_one(_call("llvm.sqrt")), _of_one(_call("llvm.fabs"))
"""Correctly rounded square root; absolute value by clearing the sign bit."""
copysign = _of_two(_call("llvm.copysign"))
"""|a| with the sign bit of b."""
add_reassoc = _of_two(lambda builder, args: builder.fadd(*args, flags=("reassoc", "nsz", "contract")))
"""a + b that LLVM may reassociate, so that a sum in a loop gets one partial sum per lane."""
add_as_written = _of_two(lambda builder, args: builder.fadd(*args))
"""a + b that LLVM may neither move nor fuse with a product."""


@intrinsic
def select(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b; both are evaluated."""
    if a != b:
        raise TypeError(f"select needs values of one type, not {a} and {b}")

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return builder.select(*args)

    return a(types.boolean, a, b), codegen


def _extreme(own: Any, sign: str) -> Any:
    """`max` or `min` of numbers as Python has it, two instructions for each: Numba compiles a function for itself."""

    @intrinsic
    def found(typingctx: Any, *args: Any) -> Any:
        kinds = [*map(_plain, args)]
        kind = typingctx.unify_types(*kinds)
        if len(args) < 2 or not isinstance(kind, (types.Integer, types.Float)):
            return _of_numba(typingctx, own, args)
        whole = "icmp_signed" if getattr(kind, "signed", False) else "icmp_unsigned"
        compare = "fcmp_ordered" if isinstance(kind, types.Float) else whole

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
            values = (builder.extract_value(args[0], i) for i in range(len(kinds)))
            best, *others = (context.cast(builder, v, k, kind) for v, k in zip(values, kinds, strict=True))
            for value in others:
                best = builder.select(getattr(builder, compare)(sign, value, best), value, best)
            return best

        return kind(_several(kinds)), codegen

    return found


def _of_numba(typingctx: Any, function: Any, args: Sequence[Any]) -> Any:
    """A call of one of Python's functions as Numba compiles it: of a tuple, say."""
    kind = typingctx.resolve_value_type(function)
    of_numba = typingctx.resolve_function_type(kind, args, {})
    if of_numba is None:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return context.get_function(kind, of_numba)(builder, args)

    return of_numba.return_type(*of_numba.args), codegen


larger, smaller = _extreme(max, ">"), _extreme(min, "<")


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c with one rounding, for error-free products; a libm call on a CPU without FMA."""
    return _same_type(a, (a, b, c), _call("llvm.fma"))


@intrinsic
def horner(typingctx: Any, x: Any, coefficients: Any) -> Any:
    """Polynomial at x by Horner's rule, unrolled; coefficients is a constant tuple, lowest order first.

    The multiply-adds carry the contract flag themselves, whatever the flags of the calling function.
    """
    if not isinstance(coefficients, types.UniTuple) or coefficients.dtype != x:
        raise TypeError(f"coefficients must be a tuple of {x}, not {coefficients}")
    count = coefficients.count

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        point, values = args
        flags = ("contract",)
        total = builder.extract_value(values, count - 1)
        for i in reversed(range(count - 1)):
            product = builder.fmul(total, point, flags=flags)
            total = builder.fadd(product, builder.extract_value(values, i), flags=flags)
        return total

    return x(x, coefficients), codegen


def table(values: Sequence[float]) -> Callable[..., float]:
    """A function that takes the i-th of the values, for an integer i of their width; LLVM loads many at once."""

    @intrinsic
    def entry(typingctx: Any, i: Any) -> Any:
        result = _FLOAT_OF[i]

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
            kind = ir.ArrayType(context.get_value_type(result), len(values))
            stored = ir.GlobalVariable(builder.module, kind, builder.module.get_unique_name("table"))
            stored.linkage, stored.global_constant = "internal", True
            stored.initializer = ir.Constant(kind, list(values))
            return builder.load(builder.gep(stored, [args[0].type(0), args[0]], inbounds=True))

        return result(i), codegen

    return entry
