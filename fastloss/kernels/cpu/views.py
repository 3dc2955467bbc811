"""Memory as the parts of a kernel see it: an address and, if its elements lie apart, the bytes between them.

An array of Numba is seven numbers. Each part that is given a dozen arrays would take them apart and put them together
again: nine tenths of the instructions that a kernel of short rows was made of, all for LLVM to throw away.
"""

from __future__ import annotations

import operator
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.core.typing import templates
from numba.extending import intrinsic
from numba.np import arrayobj

types: Any = numba.types  # half of it is typed
extending: Any = numba.extending
typed: Any = templates
_add: Any = cgutils.pointer_add
_populate: Any = arrayobj.populate_array


class Memory(types.Type):  # type: ignore[misc]
    """Elements side by side; of a table, its columns are counted."""

    def __init__(self, dtype: Any, mutable: bool, columns: int = 0) -> None:
        self.dtype, self.mutable, self.columns = dtype, mutable, columns
        self.ndim, self.layout = 1 + (columns > 0), "C"
        super().__init__(name=f"{type(self).__name__}({dtype}, {mutable}, {columns})")


class Strided(Memory):
    """Elements that lie apart."""

    def __init__(self, dtype: Any, mutable: bool) -> None:
        super().__init__(dtype, mutable)
        self.layout = "A"


extending.register_model(Memory)(extending.models.PointerModel)


@extending.register_model(Strided)
class _StridedModel(extending.models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("data", types.CPointer(kind.dtype)), ("step", types.intp)])


def as_array(kind: Any) -> Any:
    """The type of the array that memory is of."""
    return types.Array(kind.dtype, kind.ndim, kind.layout, readonly=not kind.mutable)


def seen(context: Any, builder: Any, kind: Any, data: Any, step: Any) -> Any:
    """Memory of this type, at an address of its elements."""
    if not isinstance(kind, Strided):
        return data
    pair = ir.Constant(context.get_value_type(kind), ir.Undefined)
    return builder.insert_value(builder.insert_value(pair, data, 0), step, 1)


def address(context: Any, builder: ir.IRBuilder, kind: Any, memory: Any, index: Any) -> Any:
    """That of an element of memory, or of an array; the index is taken as it is."""
    if isinstance(kind, Strided):
        data, step = (builder.extract_value(memory, k) for k in range(2))
        return _add(builder, data, builder.mul(step, index))
    if isinstance(kind, Memory):
        return builder.gep(memory, [index])
    array = context.make_array(kind)(context, builder, memory)
    item: Any = cgutils.get_item_pointer  # untyped
    return item(context, builder, kind, array, [index], wraparound=False)


@typed.infer_global(operator.getitem)
class _Cell(typed.AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) != 2 or not isinstance(args[0], Memory) or not isinstance(args[1], types.UniTuple):
            return None
        return args[0].dtype(args[0], types.UniTuple(types.intp, 2))


def _cell(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """A cell of a table."""
    row, column = (builder.extract_value(args[1], k) for k in range(2))
    place = builder.add(builder.mul(row, row.type(signature.args[0].columns)), column)
    return builder.load(builder.gep(args[0], [place]))


@typed.infer_global(operator.setitem)
class _Put(typed.AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        if not isinstance(args[0], Memory) or not isinstance(args[1], types.Integer):
            return None
        return types.void(args[0], types.intp, args[0].dtype)


def _put(context: Any, builder: Any, signature: Any, args: Any) -> None:
    """Store an element."""
    builder.store(args[2], builder.gep(args[0], [args[1]]))


extending.lower_builtin(operator.getitem, Memory, types.BaseTuple)(_cell)
extending.lower_builtin(operator.setitem, Memory, types.Integer, types.Any)(_put)


@intrinsic
def view(typingctx: Any, array: Any) -> Any:
    """The memory of a contiguous array, or of each in a tuple; it lasts as long as that."""
    several = isinstance(array, types.BaseTuple)
    kinds = list(array) if several else [array]
    result = [Memory(kind.dtype, True) for kind in kinds]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = [builder.extract_value(args[0], k) for k in range(len(kinds))] if several else args
        data = [context.make_array(k)(context, builder, a).data for k, a in zip(kinds, found, strict=True)]
        return context.make_tuple(builder, signature.return_type, data) if several else data[0]

    return (types.Tuple(result) if several else result[0])(array), codegen


@intrinsic
def held(typingctx: Any, arrays: Any) -> Any:
    """Keep arrays, whose memory is used, up to here."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return types.void(arrays), codegen


def _maker(element: Any) -> Any:
    made = types.Array(element, 1, "C")

    def new(typingctx: Any, size: Any) -> Any:
        """An array of so many elements, which are not set: `np.empty`, of which Numba compiles four functions."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            width = args[0].type(element.bitwidth // 8)
            wanted = builder.smul_with_overflow(args[0], width)
            with builder.if_then(builder.extract_value(wanted, 1), likely=False):
                context.call_conv.return_user_exc(builder, MemoryError)
            align = context.get_preferred_array_alignment(element)
            owner = context.nrt.meminfo_alloc_aligned(builder, builder.extract_value(wanted, 0), align)
            array = context.make_array(made)(context, builder)
            data = builder.bitcast(context.nrt.meminfo_data(builder, owner), array.data.type)
            _populate(array, data, args, [width], width, owner)
            return array._getvalue()

        return made(types.intp), codegen

    return intrinsic(new)


new_narrow, new_wide, new_whole = (_maker(kind) for kind in (types.float32, types.float64, types.int64))
