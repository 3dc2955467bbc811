"""Packets of elements, moved between memory and an array of the thread's own, which becomes registers.

Each is moved in as few accesses of up to 16 bytes as there are: left to itself, the compiler merges none of them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

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
    """Copies `width` elements of a thread's own array, from `place` on, to memory from `i` on."""

    def store(typingctx: Any, pointer: Any, i: Any, held: Any, place: Any) -> Any:
        size = pointer.dtype.bitwidth // 8
        word, words, accesses = _shape(width, size)
        integer = ir.IntType(8 * word)
        letter = "l" if word == 8 else "r"
        operands = ", ".join(f"${k + 1}" for k in range(words))
        text = _assembly("st", word, words, operands, "$0")
        shape = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] + [integer] * words)
        assembly = ir.InlineAsm(shape, text, ",".join(["l"] + [letter] * words), side_effect=True)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            own = _own(context, builder, held, args[2], args[3], word)
            address = _address(context, builder, pointer, args[0], args[1])
            for a in range(accesses):
                here = builder.add(address, ir.Constant(ir.IntType(64), a * word * words))
                places = [builder.gep(own, [ir.Constant(ir.IntType(64), a * words + k)]) for k in range(words)]
                builder.call(assembly, [here, *(builder.load(p) for p in places)])
            return context.get_dummy_value()

        return types.void(pointer, types.int64, held, types.int64), codegen

    return intrinsic(store)


def packed(width: int, size: int) -> int:
    """Bytes that a packet's address must be a multiple of; 0 where its elements are moved one by one."""
    return 0 if width * size % 4 else min(16, width * size)


# -- memory that a block shares ----------------------------------------------------------------------------------------


def _joint(context: Any, builder: Any, kind: Any, array: Any, index: Any, width: int) -> tuple[Any, int, int, int]:
    """A packet in memory that a block shares, as vectors; bytes of their words, how many, and how many vectors."""
    size = kind.dtype.bitwidth // 8
    word, words, accesses = _shape(width, size) if packed(width, size) else (size, 1, width)
    integer = ir.IntType(8 * word)
    place = builder.gep(context.make_array(kind)(context, builder, array).data, [index])
    whole = ir.VectorType(integer, words) if words > 1 else integer
    return builder.addrspacecast(place, ir.PointerType(whole, 3)), word, words, accesses


@cache
def fetcher(width: int) -> Any:
    """Copies `width` elements from `i` on, where a block shares them, into a thread's own array, from `place` on."""

    def fetch(typingctx: Any, held: Any, place: Any, array: Any, i: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            there, word, words, accesses = _joint(context, builder, array, args[2], args[3], width)
            own = _own(context, builder, held, args[0], args[1], word)
            for a in range(accesses):
                found = builder.load(builder.gep(there, [_I32(a)]), align=word * words)
                for k in range(words):
                    value = builder.extract_element(found, _I32(k)) if words > 1 else found
                    builder.store(value, builder.gep(own, [_I32(a * words + k)]))
            return context.get_dummy_value()

        return types.void(held, types.int64, array, types.int64), codegen

    return intrinsic(fetch)


@cache
def leaver(width: int) -> Any:
    """Copies `width` elements of a thread's own array, from `place` on, to where a block shares them, from `i` on."""

    def leave(typingctx: Any, array: Any, i: Any, held: Any, place: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            there, word, words, accesses = _joint(context, builder, array, args[0], args[1], width)
            own = _own(context, builder, held, args[2], args[3], word)
            for a in range(accesses):
                parts = [builder.load(builder.gep(own, [_I32(a * words + k)])) for k in range(words)]
                whole = ir.Constant(ir.VectorType(parts[0].type, words), ir.Undefined) if words > 1 else parts[0]
                for k in range(words if words > 1 else 0):
                    whole = builder.insert_element(whole, parts[k], _I32(k))
                builder.store(whole, builder.gep(there, [_I32(a)]), align=word * words)
            return context.get_dummy_value()

        return types.void(array, types.int64, held, types.int64), codegen

    return intrinsic(leave)


def _I32(number: int) -> Any:
    return ir.Constant(ir.IntType(32), number)
