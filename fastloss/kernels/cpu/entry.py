"""The entry of a kernel: plain C, which takes data out of NumPy's own structure of an array."""

from __future__ import annotations

import sys
from typing import Any

import numba as _numba
import numpy as np
from llvmlite import ir
from numba.np import arrayobj

from .objects import ENTRY, WRONG_ARRAY
from .views import Memory, seen

types: Any = _numba.types
populate: Any = arrayobj.populate_array

_WORD, _DOUBLE, _BYTE = ir.IntType(64), ir.DoubleType(), ir.IntType(8)
_ADDRESS = _BYTE.as_pointer()
_HEAD = object.__basicsize__
_DATA, _DIMENSIONS, _STRIDES, _TYPE, _FLAGS = (_HEAD + at for at in (0, 16, 24, 40, 48))
"""Where they are in NumPy's structure of an array; in that of a type the order of bytes is at 10, its number at 12."""


class Writer:
    """Writes the entry of one kernel."""

    def __init__(self, context: Any, made: Any, described: Any) -> None:
        self.context, self.made, self.described = context, made, described
        self.module = made.create_ir_module(ENTRY)
        function = ir.Function(self.module, ir.FunctionType(ir.IntType(32), [_ADDRESS]), ENTRY)
        (self.packed,) = function.args
        self.builder: Any = ir.IRBuilder(function.append_basic_block())
        self.offset = 0
        self.layout = ""

    def write(self) -> str:
        """Add the entry to the library; its layout."""
        context, builder, kernel = self.context, self.builder, self.described
        arguments = [self.taken(kind) for kind in kernel.argtypes]
        callee = context.declare_function(self.module, kernel)
        status, result = context.call_conv.call_function(builder, callee, kernel.restype, kernel.argtypes, arguments)
        self.layout += ">"
        several = isinstance(kernel.restype, types.BaseTuple)
        kinds = list(kernel.restype) if several else [] if kernel.restype == types.none else [kernel.restype]
        for k, kind in enumerate(kinds):
            wide = self.wide(kind)
            number = context.cast(builder, builder.extract_value(result, k) if several else result, kind, wide)
            builder.store(number, self.at(self.packed, self.offset, number.type))
            self.offset += 8
        builder.ret(status.code)
        self.made.add_ir_module(self.module)
        return self.layout

    def taken(self, kind: Any) -> Any:
        """An argument in Numba's form."""
        if isinstance(kind, types.BaseTuple):
            self.layout += "("
            found = self.context.make_tuple(self.builder, kind, [self.taken(each) for each in kind])
            self.layout += ")"
            return found
        if kind == types.none:
            self.layout += "-"
            return self.context.get_dummy_value()
        offset, self.offset = self.offset, self.offset + 8
        if isinstance(kind, (types.Array, Memory)):
            self.layout += "a"
            return self.array(kind, self.load(self.packed, offset, _ADDRESS))
        wide = self.wide(kind)
        number = self.load(self.packed, offset, self.context.get_value_type(wide))
        return self.context.cast(self.builder, number, wide, kind)

    def wide(self, kind: Any) -> Any:
        """The type in which a number is passed."""
        real = isinstance(kind, types.Float)
        self.layout += "d" if real else "q"
        return types.float64 if real else types.int64

    def array(self, kind: Any, given: Any) -> Any:
        """An array in Numba's form, of NumPy's object; one of another type or layout ends the call."""
        builder, context = self.builder, self.context
        described = self.load(given, _TYPE, _ADDRESS)
        number = self.load(described, _HEAD + 12, ir.IntType(32))
        dtype = np.dtype(str(kind.dtype))
        fits = ir.IntType(1)(0)
        for each in sorted({np.dtype(c).num for c in np.typecodes["All"] if np.dtype(c) == dtype}):
            fits = builder.or_(fits, builder.icmp_signed("==", number, number.type(each)))
        swapped = builder.icmp_signed("==", self.load(described, _HEAD + 10, _BYTE), _BYTE(ord(_SWAPPED)))
        wanted = 0x1 * (kind.layout == "C") | 0x400 * kind.mutable
        flags = builder.and_(self.load(given, _FLAGS, ir.IntType(32)), ir.IntType(32)(wanted))
        fits = builder.and_(fits, builder.icmp_signed("==", flags, flags.type(wanted)))
        fits = builder.and_(fits, builder.not_(swapped))
        axes = self.load(given, _HEAD + 8, ir.IntType(32))
        fits = builder.and_(fits, builder.icmp_signed("==", axes, axes.type(kind.ndim)))
        with builder.if_then(builder.not_(fits), likely=False):
            builder.ret(ir.IntType(32)(WRONG_ARRAY))
        if isinstance(kind, Memory):
            data = self.load(given, _DATA, context.get_value_type(types.CPointer(kind.dtype)))
            step = self.load(self.load(given, _STRIDES, _ADDRESS), 0, _WORD) if kind.layout == "A" else None
            return seen(context, builder, kind, data, step)
        made = context.make_array(kind)(context, builder)
        shape, strides = (
            [self.load(self.load(given, at, _ADDRESS), 8 * k, _WORD) for k in range(kind.ndim)]
            for at in (_DIMENSIONS, _STRIDES)
        )
        data = self.load(given, _DATA, made.data.type)
        populate(made, data, shape, strides, _WORD(dtype.itemsize), None)
        return made._getvalue()

    def load(self, base: Any, offset: int, kind: Any) -> Any:
        """What lies at a distance from an address."""
        return self.builder.load(self.at(base, offset, kind))

    def at(self, base: Any, offset: int, kind: Any) -> Any:
        """That place, as one of this type."""
        return self.builder.bitcast(self.builder.gep(base, [_WORD(offset)]), kind.as_pointer())


_SWAPPED = "<" if sys.byteorder == "big" else ">"
