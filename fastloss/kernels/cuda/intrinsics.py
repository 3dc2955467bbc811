"""What the hardware does for us, the one module that knows: packets of 16 bytes, 16-bit floats.

Each loader moves one packet of consecutive elements between memory and an array of the thread's own, which becomes
registers, in as few accesses of up to 16 bytes as there are: left to itself, the compiler merges none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from types import SimpleNamespace
from typing import Any

from llvmlite import ir
from numba import cuda, types
from numba.cuda import dispatcher
from numba.cuda.extending import intrinsic

# Port: the compute type.
real: Any = None

_WORDS = {4: "u32", 8: "u64"}
"""PTX names of the words that packets are moved in, by size."""


def _shape(width: int, size: int) -> tuple[int, int, int]:
    """Of a packet of `width` elements of `size` bytes: bytes of a word, words of an access, accesses."""
    total = width * size
    word = 8 if size == 8 else 4
    words = min(total // word, 16 // word)
    return word, words, total // (word * words)


def _address(context: Any, builder: Any, kind: Any, pointer: Any, index: Any) -> Any:
    """Of an element, as an integer in the window of global memory."""
    place = builder.gep(pointer, [index])
    space = ir.PointerType(context.get_data_type(kind.dtype), 1)
    return builder.ptrtoint(builder.addrspacecast(place, space), ir.IntType(64))


def _own(context: Any, builder: Any, kind: Any, array: Any, place: Any, word: int) -> Any:
    """The memory of a thread's own array from `place` on, as words."""
    data = builder.gep(context.make_array(kind)(context, builder, array).data, [place])
    return builder.bitcast(data, ir.PointerType(ir.IntType(8 * word)))


def _assembly(verb: str, word: int, words: int, operands: str, address: str) -> str:
    vector = f"v{words}." if words > 1 else ""
    held = f"{{{operands}}}" if words > 1 else operands
    body = f"{held}, [{address}]" if verb == "ld" else f"[{address}], {held}"
    return f"{verb}.global.{vector}{_WORDS[word]} {body};"


@cache
def loader(width: int) -> Any:
    """Copies `width` elements from `i` on into a thread's own array, from `place` on."""

    def load(typingctx: Any, held: Any, place: Any, pointer: Any, i: Any) -> Any:
        size = pointer.dtype.bitwidth // 8
        word, words, accesses = _shape(width, size)
        integer = ir.IntType(8 * word)
        letter = "l" if word == 8 else "r"
        operands = ", ".join(f"${k}" for k in range(words))
        text = _assembly("ld", word, words, operands, f"${words}")
        result = ir.LiteralStructType([integer] * words) if words > 1 else integer
        shape = ir.FunctionType(result, [ir.IntType(64)])
        # Not the read-only kind: the gradient may be written over what is read.
        assembly = ir.InlineAsm(shape, text, ",".join([f"={letter}"] * words + ["l"]), side_effect=True)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            own = _own(context, builder, held, args[0], args[1], word)
            address = _address(context, builder, pointer, args[2], args[3])
            for a in range(accesses):
                here = builder.add(address, ir.Constant(ir.IntType(64), a * word * words))
                found = builder.call(assembly, [here])
                for k in range(words):
                    value = builder.extract_value(found, k) if words > 1 else found
                    builder.store(value, builder.gep(own, [ir.Constant(ir.IntType(64), a * words + k)]))
            return context.get_dummy_value()

        return types.void(held, types.int64, pointer, types.int64), codegen

    return intrinsic(load)


@cache
def storer(width: int) -> Any:
    """Copies a thread's own array to `width` elements from `i` on."""

    def store(typingctx: Any, pointer: Any, i: Any, held: Any) -> Any:
        size = pointer.dtype.bitwidth // 8
        word, words, accesses = _shape(width, size)
        integer = ir.IntType(8 * word)
        letter = "l" if word == 8 else "r"
        operands = ", ".join(f"${k + 1}" for k in range(words))
        text = _assembly("st", word, words, operands, "$0")
        shape = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] + [integer] * words)
        assembly = ir.InlineAsm(shape, text, ",".join(["l"] + [letter] * words), side_effect=True)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            own = _own(context, builder, held, args[2], ir.Constant(ir.IntType(64), 0), word)
            address = _address(context, builder, pointer, args[0], args[1])
            for a in range(accesses):
                here = builder.add(address, ir.Constant(ir.IntType(64), a * word * words))
                places = [builder.gep(own, [ir.Constant(ir.IntType(64), a * words + k)]) for k in range(words)]
                builder.call(assembly, [here, *(builder.load(p) for p in places)])
            return context.get_dummy_value()

        return types.void(pointer, types.int64, held), codegen

    return intrinsic(store)


def packed(width: int, size: int) -> int:
    """Bytes that a packet's address must be a multiple of; 0 where its elements are moved one by one."""
    return 0 if width * size % 4 else min(16, width * size)


# -- 16-bit floats, by the instructions that there are for them --------------------------------------------------------


def _converter(text: str, result: Any, argument: Any, constraints: str) -> Any:
    def convert(typingctx: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            shape = ir.FunctionType(context.get_value_type(result), [context.get_value_type(argument)])
            return builder.call(ir.InlineAsm(shape, text, constraints), args)

        return result(argument), codegen

    return intrinsic(convert)


_half = _converter("cvt.f32.f16 $0, $1;", types.float32, types.uint16, "=f,h")
encode_half = _converter("cvt.rn.f16.f32 $0, $1;", types.uint16, types.float32, "=h,f")
_brain = _converter("mov.b32 $0, {0, $1};", types.float32, types.uint16, "=f,h")
encode_brain = _converter("cvt.rn.bf16.f32 $0, $1;", types.uint16, types.float32, "=h,f")


def decode_half(h: Any) -> Any:
    """From float16 to the compute type."""
    return real(_half(h))


def decode_brain(h: Any) -> Any:
    """From bfloat16 to the compute type."""
    return real(_brain(h))


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


add_all = _pairwise(lambda builder, x, y: builder.fadd(x, y))
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
