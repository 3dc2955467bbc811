"""What the hardware does for us besides packets: 16-bit floats, what threads exchange, tuples of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from types import SimpleNamespace
from typing import Any

from llvmlite import ir
from numba import cuda, types
from numba.core import cgutils
from numba.cuda import dispatcher
from numba.cuda.extending import intrinsic

# Port: the compute type.
real: Any = None

# -- 16-bit floats, by the instructions that there are for them --------------------------------------------------------


def _converter(make: Any, result: Any, argument: Any) -> Any:
    def convert(typingctx: Any, x: Any) -> Any:
        return result(argument), lambda context, builder, signature, args: make(builder, *args)

    return intrinsic(convert)


def _assembled(text: str, result: Any, argument: Any, constraints: str) -> Any:
    shape = ir.FunctionType(result, [argument])
    return lambda builder, x: builder.call(ir.InlineAsm(shape, text, constraints), [x])


_BITS, _FLOAT = ir.IntType(16), ir.FloatType()


_half = _converter(
    lambda builder, h: builder.fpext(builder.bitcast(h, ir.HalfType()), _FLOAT), types.float32, types.uint16
)
encode_half = _converter(_assembled("cvt.rn.f16.f32 $0, $1;", _BITS, _FLOAT, "=h,f"), types.uint16, types.float32)
# A shift of what is one half of a word would be two instructions.
_brain = _converter(_assembled("mov.b32 $0, {0, $1};", _FLOAT, _BITS, "=f,h"), types.float32, types.uint16)
encode_brain = _converter(_assembled("cvt.rn.bf16.f32 $0, $1;", _BITS, _FLOAT, "=h,f"), types.uint16, types.float32)


def decode_half(h: Any) -> Any:
    """From float16 to the compute type."""
    return real(_half(h))


def decode_brain(h: Any) -> Any:
    """From bfloat16 to the compute type."""
    return real(_brain(h))


def _power(builder: Any, x: Any) -> Any:
    shape = ir.FunctionType(x.type, [x.type])
    return builder.call(cgutils.get_or_insert_function(builder.module, shape, "llvm.nvvm.ex2.approx.ftz.f"), [x])


power_of_two = _converter(_power, types.float32, types.float32)
"""2^x within 2 units in the last place, 0 below 2^-126."""

BRAINS = (8, 0)
"""The compute capability that bfloat16 needs."""

MAXIMA = (8, 0)
"""The one that has an instruction for the larger number, or NaN."""


# -- tuples of numbers, element by element -----------------------------------------------------------------------------


def _pairwise(make: Any) -> Any:
    def both(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            x, y = ([builder.extract_value(v, k) for k in range(a.count)] for v in args)
            return context.make_tuple(builder, a, [make(builder, *pair) for pair in zip(x, y, strict=True)])

        return (a(a, b), codegen) if a == b else None

    return intrinsic(both)


def _larger(builder: Any, x: Any, y: Any) -> Any:
    if x.type == ir.FloatType() and dispatcher.get_current_device().compute_capability >= MAXIMA:
        shape = ir.FunctionType(x.type, [x.type, x.type])
        return builder.call(ir.InlineAsm(shape, "max.NaN.f32 $0, $1, $2;", "=f,f,f"), [x, y])
    kept = builder.or_(builder.fcmp_ordered(">", x, y), builder.fcmp_unordered("uno", x, x))
    return builder.select(kept, x, y)


add_all = _pairwise(lambda builder, x, y: builder.fadd(x, y, flags=("nsz",)))
larger_all = _pairwise(lambda builder, x, y: _larger(builder, x, y))
"""The sums, and the larger ones; NaN where one of them is, so that all threads come to the same."""


@intrinsic
def add_difference(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a + (b - c) of tuples; an element of which b and c are the same stays as it is, NaN or not."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = []
        for k in range(a.count):
            x, y, z = (builder.extract_value(v, k) for v in args)
            moved = builder.fadd(x, builder.fsub(y, z))
            parts.append(builder.select(builder.fcmp_ordered("==", y, z), x, moved))
        return context.make_tuple(builder, a, parts)

    return (a(a, a, a), codegen) if a == b == c else None


@intrinsic
def exchanged(typingctx: Any, a: Any, step: Any) -> Any:
    """What the thread has whose number in the warp differs in the bit `step`."""
    word = ir.IntType(32)
    shape = ir.FunctionType(word, [word, word])
    assembly = ir.InlineAsm(shape, "shfl.sync.bfly.b32 $0, $1, $2, 0x1f, 0xffffffff;", "=r,r,r", side_effect=True)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts, kind = [], context.get_value_type(a.dtype)
        halves = a.dtype.bitwidth // 32
        for k in range(a.count):
            bits = builder.bitcast(builder.extract_value(args[0], k), ir.IntType(32 * halves))
            result = ir.Constant(bits.type, 0)
            for h in range(halves):
                shift = ir.Constant(bits.type, 32 * h)
                half = builder.trunc(builder.lshr(bits, shift), word) if halves > 1 else bits
                half = builder.call(assembly, [half, builder.trunc(args[1], word)], attrs=("convergent",))
                full = builder.zext(half, bits.type) if halves > 1 else half
                result = builder.or_(result, builder.shl(full, shift))
            parts.append(builder.bitcast(result, kind))
        return context.make_tuple(builder, a, parts)

    return a(a, types.int64), codegen


def _element(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = array if isinstance(kind, types.CPointer) else context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index])


@intrinsic
def stash(typingctx: Any, array: Any, index: Any, step: Any, values: Any) -> Any:
    """Store a tuple's elements at index, index + step, ..."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index = args[1]
        for k in range(values.count):
            builder.store(builder.extract_value(args[3], k), _element(context, builder, array, args[0], index))
            index = builder.add(index, args[2])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, values), codegen


@intrinsic
def fetch(typingctx: Any, array: Any, index: Any, step: Any, like: Any) -> Any:
    """A tuple, of the type of `like`, of the elements at index, index + step, ..."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index, parts = args[1], []
        for _ in range(like.count):
            parts.append(builder.load(_element(context, builder, array, args[0], index)))
            index = builder.add(index, args[2])
        return context.make_tuple(builder, like, parts)

    return like(array, types.int64, types.int64, like), codegen


@intrinsic
def all_but_last(typingctx: Any, a: Any) -> Any:
    """A tuple without its last element."""
    result = types.UniTuple(a.dtype, a.count - 1)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = [builder.extract_value(args[0], k) for k in range(a.count - 1)]
        return context.make_tuple(builder, result, parts)

    return result(a), codegen


# -- parts of kernels -------------------------------------------------------------------------------------------------


def inlined(function: Any) -> Any:
    """A part whose arrays outlive its call: taken into its caller before anything is compiled."""
    return cuda.jit(device=True, inline="always")(function)


def called(function: Any) -> Any:
    """Any other part, taken into its caller by the compiler."""
    return cuda.jit(device=True, forceinline=True)(function)


@contextmanager
def capability(number: tuple[int, int]) -> Iterator[None]:
    """Compile parts for a compute capability: numba-cuda asks the current device, and there need not be one.

    For the whole process, as long as it lasts: whoever compiles kernels of their own in another thread waits for it,
    or compiles for this capability.
    """
    with _lock:
        before = dispatcher.get_current_device
        dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=number)
        try:
            yield
        finally:
            dispatcher.get_current_device = before


_lock = Lock()
