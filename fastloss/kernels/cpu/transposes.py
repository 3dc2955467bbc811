"""Transposes of blocks of elements: contiguous rows become the lanes of a tile, and back.

A block is four classes of as many rows as 64 bytes have elements. Four rows, as far apart as a vector has parts of four
elements, are loaded as parts of one vector each, and every part is transposed in its place, where no instruction moves
anything between the parts. No element is read or written but those of the block, and none of it under a mask, which
many processors store a hundred times slower.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..plan.elements import BRAIN, HALF
from . import float16
from .memory import in_scope
from .views import address as place_of

BLOCK = 4
"""Classes of a block."""

_PAIRED = {4: ((0, 4, 1, 5), (2, 6, 3, 7)), 8: ((0, 4, 2, 6), (1, 5, 3, 7))}
"""How the parts of two rows become two classes' each, by an element's bytes: in 16 bytes that is an instruction."""

_PLACES = {4: (0, 1, 2, 3), 8: (0, 2, 1, 3)}
"""Which class each of the four then is."""


def _mixed(builder: Any, a: Any, b: Any, part: Any) -> Any:
    """Elements of two vectors, by the same places in each part of four."""
    size = a.type.count
    places = [base + (k if k < BLOCK else size + k - BLOCK) for base in range(0, size, BLOCK) for k in part]
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), size), places))


def _transposed(builder: Any, rows: list[Any], size: int) -> list[Any]:
    """The columns of four vectors, within each part; the inverse of itself."""
    a, b, c, d = rows
    pairs = [(_mixed(builder, a, b, part), _mixed(builder, c, d, part)) for part in _PAIRED[size]]
    found = [_mixed(builder, x, y, part) for x, y in pairs for part in ((0, 1, 4, 5), (2, 3, 6, 7))]
    return [found[k] for k in _PLACES[size]]


def _joined(builder: Any, parts: list[Any]) -> Any:
    """Vectors as one."""
    while len(parts) > 1:
        whole = ir.Constant(
            ir.VectorType(ir.IntType(32), 2 * parts[0].type.count), list(range(2 * parts[0].type.count))
        )
        parts = [builder.shuffle_vector(a, b, whole) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _part(builder: Any, vector: Any, k: int) -> Any:
    """The k-th part of a vector."""
    places = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), list(range(BLOCK * k, BLOCK * k + BLOCK)))
    return builder.shuffle_vector(vector, vector, places)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any, count: int) -> Any:
    vector = ir.VectorType(context.get_value_type(kind.dtype), count)
    return builder.bitcast(place_of(context, builder, kind, array, index), vector.as_pointer())


def _rows(context: Any, builder: Any, kind: Any, where: Any, count: int) -> list[Any]:
    """The addresses of the block's part of each row: of an array, from a start, a step apart."""
    array, start, step = where
    found = []
    for _ in range(count):
        found.append(_address(context, builder, kind, array, start, BLOCK))
        start = builder.add(start, step)
    return found


def _turner_in(inputs: str, tile: str, widened: Any) -> Any:
    def turn(typingctx: Any, source: Any, start: Any, step: Any, aim: Any, place: Any, lanes: Any) -> Any:
        """A block's rows, from `start` on and `step` apart, into columns of a tile."""
        wide = aim.dtype.bitwidth // 8
        count, size = 64 // wide, source.dtype.bitwidth // 8

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            parts = []
            for address in _rows(context, builder, source, args[:3], count):
                parts.append(builder.load(address, align=size))
                in_scope(builder, parts[-1], inputs)
            rows = [_joined(builder, parts[k::BLOCK]) for k in range(BLOCK)]
            if widened is not None:
                rows = [widened(context, builder, row) for row in rows]
            index = args[4]
            for column in _transposed(builder, rows, wide):
                address = _address(context, builder, aim, args[3], index, count)
                in_scope(builder, builder.store(column, address, align=wide), tile)
                index = builder.add(index, args[5])
            return context.get_dummy_value()

        return types.void(source, start, step, aim, place, lanes), codegen

    return intrinsic(turn)


def _turner_out(tile: str, outputs: str, narrowed: Any) -> Any:
    def turn(typingctx: Any, source: Any, place: Any, lanes: Any, aim: Any, start: Any, step: Any) -> Any:
        """Columns of a tile into a block's rows, from `start` on and `step` apart."""
        wide = source.dtype.bitwidth // 8
        count, size = 64 // wide, aim.dtype.bitwidth // 8

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            columns, index = [], args[1]
            for _ in range(BLOCK):
                columns.append(builder.load(_address(context, builder, source, args[0], index, count), align=wide))
                in_scope(builder, columns[-1], tile)
                index = builder.add(index, args[2])
            rows = _transposed(builder, columns, wide)
            if narrowed is not None:
                rows = [narrowed(context, builder, row) for row in rows]
            for r, address in enumerate(_rows(context, builder, aim, args[3:], count)):
                part = _part(builder, rows[r % BLOCK], r // BLOCK)
                in_scope(builder, builder.store(part, address, align=size), outputs)
            return context.get_dummy_value()

        return types.void(source, place, lanes, aim, start, step), codegen

    return intrinsic(turn)


def _turners(kind: str, wide: Any, narrow: Any) -> dict[str, Any]:
    return {
        f"turn_scores0{kind}": _turner_in("inputs", "kept0", wide),
        f"turn_scores1{kind}": _turner_in("inputs", "kept1", wide),
        f"turn_inplace{kind}": _turner_in("grad0", "kept0", wide),
        f"turn_masses{kind}": _turner_in("inputs", "mass", wide),
        f"turn_grad{kind}": _turner_out("kept0", "grad0", narrow),
        f"turn_hess{kind}": _turner_out("kept1", "hess0", narrow),
    }


TURNS = {
    **_turners("", None, None),
    **_turners(f"_{HALF}", float16.widened_half, float16.narrowed_half),
    **_turners(f"_{BRAIN}", float16.widened_brain, float16.narrowed_brain),
}
"""What turns each stream, whose elements are of the tile's type or 16-bit floats."""
