"""Transposes of square blocks of elements: contiguous rows become the lanes of a tile, and back.

A block has as many rows as a vector of 64 bytes has elements, and is transposed in registers: 0.1 ns an element, one by
one 0.3. Where a row has fewer elements left, only those are read and written. A tile holds 16-bit floats as their bits,
each in the lower half of a float32.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .memory import in_scope, pointer

_SIDE = {types.float32: 16, types.float64: 8, types.uint16: 16}
"""Elements of a vector of the tile, by the type of the array."""

_NAMES = {types.float32: "f32", types.float64: "f64", types.uint16: "i16"}


def _mask(builder: Any, count: Any, side: int) -> Any:
    """A mask of the first `count` elements of a vector."""
    numbers = ir.Constant(ir.VectorType(count.type, side), list(range(side)))
    lane = builder.insert_element(ir.Constant(numbers.type, ir.Undefined), count, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), side), [0] * side)
    return builder.icmp_unsigned("<", numbers, builder.shuffle_vector(lane, lane, zeros))


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """The columns of a square of vectors: each round exchanges the blocks off the diagonal, of half the size."""
    side = len(rows)
    word = ir.VectorType(ir.IntType(32), side)
    half = side // 2
    while half:
        upper = [k if not k & half else side + k - half for k in range(side)]
        lower = [k + half if not k & half else side + k for k in range(side)]
        result = list(rows)
        for i in range(side):
            if not i & half:
                a, b = rows[i], rows[i + half]
                result[i] = builder.shuffle_vector(a, b, ir.Constant(word, upper))
                result[i + half] = builder.shuffle_vector(a, b, ir.Constant(word, lower))
        rows, half = result, half // 2
    return rows


def _masked(builder: Any, name: str, kind: Any, vector: Any, *args: Any) -> Any:
    """A load or a store of the elements of a vector that a mask selects."""
    full = f"llvm.masked.{name}.v{vector.count}{_NAMES[kind]}.p0"
    result = vector if name == "load" else ir.VoidType()
    function = builder.module.globals.get(full)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(result, [a.type for a in args]), full)
    return builder.call(function, args)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any, vector: Any) -> Any:
    return builder.bitcast(pointer(context, builder, kind, array, index), vector.as_pointer())


def _vector(context: Any, kind: Any, side: int) -> Any:
    return ir.VectorType(context.get_value_type(kind), side)


def _widened(builder: Any, bits: Any, vector: Any) -> Any:
    """16-bit floats as the tile holds them, in 32 bits; other elements unchanged."""
    if bits.type == vector:
        return bits
    return builder.bitcast(builder.zext(bits, ir.VectorType(ir.IntType(32), vector.count)), vector)


def _narrowed(builder: Any, row: Any, vector: Any) -> Any:
    """Elements of a tile as the array holds them: the inverse of `_widened`."""
    if row.type == vector:
        return row
    return builder.trunc(builder.bitcast(row, ir.VectorType(ir.IntType(32), vector.count)), vector)


def _turner_in(inputs: str, tile: str) -> Any:
    def turn(typingctx: Any, source: Any, start: Any, step: Any, count: Any, aim: Any, place: Any, lanes: Any) -> Any:
        """`count` elements of each row of a square, from `start` on and `step` apart, into columns of a tile."""
        side, size = _SIDE[source.dtype], source.dtype.bitwidth // 8

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vector, lane = _vector(context, source.dtype, side), _vector(context, aim.dtype, side)
            mask, align = _mask(builder, args[3], side), ir.Constant(ir.IntType(32), size)
            rows, index = [], args[1]
            for _ in range(side):
                address = _address(context, builder, source, args[0], index, vector)
                load = _masked(builder, "load", source.dtype, vector, address, align, mask, ir.Constant(vector, None))
                in_scope(builder, load, inputs)
                rows.append(_widened(builder, load, lane))
                index = builder.add(index, args[2])
            index = args[5]
            for column in _transposed(builder, rows):
                address = _address(context, builder, aim, args[4], index, lane)
                in_scope(builder, builder.store(column, address, align=aim.dtype.bitwidth // 8), tile)
                index = builder.add(index, args[6])
            return context.get_dummy_value()

        return types.void(source, start, step, count, aim, place, lanes), codegen

    return intrinsic(turn)


def _turner_out(tile: str, outputs: str) -> Any:
    def turn(typingctx: Any, source: Any, place: Any, lanes: Any, aim: Any, start: Any, step: Any, count: Any) -> Any:
        """Columns of a tile into `count` elements of each row of a square, from `start` on and `step` apart."""
        side, size = _SIDE[aim.dtype], aim.dtype.bitwidth // 8

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vector, lane = _vector(context, aim.dtype, side), _vector(context, source.dtype, side)
            mask, align = _mask(builder, args[6], side), ir.Constant(ir.IntType(32), size)
            columns, index = [], args[1]
            for _ in range(side):
                address = _address(context, builder, source, args[0], index, lane)
                columns.append(builder.load(address, align=source.dtype.bitwidth // 8))
                in_scope(builder, columns[-1], tile)
                index = builder.add(index, args[2])
            index = args[4]
            for row in _transposed(builder, columns):
                address = _address(context, builder, aim, args[3], index, vector)
                few = _narrowed(builder, row, vector)
                in_scope(builder, _masked(builder, "store", aim.dtype, vector, few, address, align, mask), outputs)
                index = builder.add(index, args[5])
            return context.get_dummy_value()

        return types.void(source, place, lanes, aim, start, step, count), codegen

    return intrinsic(turn)


turn_scores0, turn_inplace = _turner_in("inputs", "kept0"), _turner_in("grad0", "kept0")
turn_scores1, turn_masses = _turner_in("inputs", "kept1"), _turner_in("inputs", "mass")
turn_grad, turn_hess = _turner_out("kept0", "grad0"), _turner_out("kept1", "hess0")
