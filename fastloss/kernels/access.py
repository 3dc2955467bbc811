"""Reading and writing an element, with the promise that no output overlaps anything else.

The dispatch has made sure of it, but LLVM cannot know. Without the promise it compares addresses at run time and, where
two arrays begin within a vector loop's stride of each other, takes the loop one by one: slower, and with sums in
another order, so that the last bit of a small call's value would depend on where the allocator had put its arrays. The
promise is LLVM's `alias.scope` and `noalias` metadata: one scope for all inputs, one for each output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INPUTS = "inputs"
OUTPUTS = ("value", "grad0", "grad1", "hess0", "hess1")


def _in_scope(builder: ir.IRBuilder, instruction: Any, scope: str) -> None:
    module = builder.module
    domain = module.add_metadata([ir.MetaDataString(module, "fastloss")])
    scopes = {s: module.add_metadata([ir.MetaDataString(module, s), domain]) for s in (INPUTS, *OUTPUTS)}
    instruction.set_metadata("alias.scope", module.add_metadata([scopes[scope]]))
    instruction.set_metadata("noalias", module.add_metadata([s for name, s in scopes.items() if name != scope]))


def _pointer(context: Any, builder: ir.IRBuilder, kind: Any, array: Any, index: Any) -> Any:
    struct = context.make_array(kind)(context, builder, array)
    item: Any = cgutils.get_item_pointer  # untyped
    return item(context, builder, kind, struct, [index], wraparound=False)


def _reader(scope: str) -> Callable[..., Any]:
    def read(typingctx: Any, array: Any, index: Any) -> Any:
        """The element of an array at an index, as it is stored."""

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            stored = builder.load(_pointer(context, builder, array, *args))
            _in_scope(builder, stored, scope)
            return context.data_model_manager[array.dtype].from_data(builder, stored)

        return array.dtype(array, index), codegen

    return intrinsic(read)


def _writer(scope: str) -> Callable[..., Any]:
    def write(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
        """Store a value of the array's own type at an index."""

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            data = context.data_model_manager[array.dtype].as_data(builder, args[2])
            _in_scope(builder, builder.store(data, _pointer(context, builder, array, *args[:2])), scope)
            return context.get_dummy_value()

        return types.void(array, index, array.dtype), codegen

    return intrinsic(write)


read = _reader(INPUTS)
reread = _reader(OUTPUTS[1])
"""A prediction that its own gradient is about to replace."""

write_value, write_grad0, write_grad1, write_hess0, write_hess1 = (_writer(scope) for scope in OUTPUTS)
