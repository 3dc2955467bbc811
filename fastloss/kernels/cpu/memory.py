"""Intrinsics that read, write and prefetch elements, and promise LLVM that no output overlaps anything else.

The promise holds, because `arrays` checks `out=`; LLVM cannot know. Without it, LLVM compares addresses at run time
and, where two arrays begin within a vector loop's stride of each other, runs the scalar loop: slower, and with sums in
another order, so that the last bit of a small call's value would depend on where the allocator had put its arrays. The
promise is LLVM's `alias.scope` and `noalias` metadata: one scope for all inputs, one for each output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .views import address

INPUTS = "inputs"
TILE_SCOPES = ("label", "share", "mass", "maxima", "sums", "more", "wide", "wide_more", "coefs", "loss")
PAIR_SCOPES = ("score", "slope", "curve", "wide_slope", "wide_curve")
OUTPUTS = (
    "value", "grad0", "grad1", "hess0", "hess1", "kept0", "kept1", "kept2", "stats0", "stats1", "stats2",
    *TILE_SCOPES, *PAIR_SCOPES,
)  # fmt: skip


def in_scope(builder: ir.IRBuilder, instruction: Any, scope: str) -> None:
    """Promise that nothing of another scope overlaps what this instruction reads or writes."""
    module = builder.module
    # A module keeps its own, for each element is read or written with them; they refer to it, too.
    made = module.__dict__.setdefault("fastloss_promises", {})
    if scope not in made:
        domain = module.add_metadata([ir.MetaDataString(module, "fastloss")])
        scopes = {s: module.add_metadata([ir.MetaDataString(module, s), domain]) for s in (INPUTS, *OUTPUTS)}
        others = module.add_metadata([s for name, s in scopes.items() if name != scope])
        made[scope] = module.add_metadata([scopes[scope]]), others
    for name, promise in zip(("alias.scope", "noalias"), made[scope], strict=True):
        instruction.set_metadata(name, promise)


def _reader(scope: str) -> Callable[..., Any]:
    def read(typingctx: Any, array: Any, index: Any) -> Any:
        """The element of an array at an index, in its stored type."""

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            stored = builder.load(address(context, builder, array, *args))
            in_scope(builder, stored, scope)
            return context.data_model_manager[array.dtype].from_data(builder, stored)

        return array.dtype(array, index), codegen

    return intrinsic(read)


def _writer(scope: str) -> Callable[..., Any]:
    def write(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
        """Store a value of the array's own type at an index."""

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            data = context.data_model_manager[array.dtype].as_data(builder, args[2])
            in_scope(builder, builder.store(data, address(context, builder, array, *args[:2])), scope)
            return context.get_dummy_value()

        return types.void(array, index, array.dtype), codegen

    return intrinsic(write)


def _getter(scope: str) -> Callable[..., Any]:
    def get(typingctx: Any, array: Any, index: Any, step: Any, like: Any) -> Any:
        """A tuple, of the type of `like`, of the elements at index, index + step, ..."""

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            parts = []
            for place in _places(context, builder, signature, args, like.count):
                parts.append(builder.load(address(context, builder, array, args[0], place)))
                in_scope(builder, parts[-1], scope)
            return context.make_tuple(builder, like, parts)

        return like(array, index, step, like), codegen

    return intrinsic(get)


def _putter(scope: str) -> Callable[..., Any]:
    def put(typingctx: Any, array: Any, index: Any, step: Any, values: Any) -> Any:
        """Store the elements of a tuple at index, index + step, ..."""

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            for k, place in enumerate(_places(context, builder, signature, args, values.count)):
                there = address(context, builder, array, args[0], place)
                in_scope(builder, builder.store(builder.extract_value(args[3], k), there), scope)
            return context.get_dummy_value()

        return types.void(array, index, step, values), codegen

    return intrinsic(put)


def _places(context: Any, builder: ir.IRBuilder, signature: Any, args: Any, count: int) -> list[Any]:
    step = context.cast(builder, args[2], signature.args[2], signature.args[1])
    places = [args[1]]
    for _ in range(count - 1):
        places.append(builder.add(places[-1], step))
    return places[:count]


def _prefetcher(writing: int) -> Callable[..., Any]:
    def prefetch(typingctx: Any, array: Any, index: Any) -> Any:
        """Prefetch the cache line of an element; one beyond the array's end does no harm."""

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            there = builder.bitcast(address(context, builder, array, *args), ir.PointerType(ir.IntType(8)))
            word = ir.IntType(32)
            function = builder.module.globals.get("llvm.prefetch.p0")
            if function is None:
                kind = ir.FunctionType(ir.VoidType(), [there.type, word, word, word])
                function = ir.Function(builder.module, kind, "llvm.prefetch.p0")
            # Without a scope the call may change any memory, as far as LLVM knows: a loop's sums would be kept there.
            in_scope(builder, builder.call(function, [there, word(writing), word(2), word(1)]), INPUTS)
            return context.get_dummy_value()

        return types.void(array, index), codegen

    return intrinsic(prefetch)


read = _reader(INPUTS)
reread = _reader(OUTPUTS[1])
"""Reads a prediction that its own gradient is about to replace."""

write_value, write_grad0, write_grad1, write_hess0, write_hess1 = (_writer(scope) for scope in OUTPUTS[:5])
write_kept0, write_kept1, write_kept2 = (_writer(scope) for scope in OUTPUTS[5:8])
write_stats0, write_stats1, write_stats2 = (_writer(scope) for scope in OUTPUTS[8:11])
reread_kept0, reread_kept1, reread_kept2 = (_reader(scope) for scope in OUTPUTS[5:8])

get_maxima, get_sums, get_more, get_wide, get_wide_more, get_coefs = (_getter(scope) for scope in TILE_SCOPES[3:9])
put_maxima, put_sums, put_more, put_wide, put_wide_more, put_coefs = (_putter(scope) for scope in TILE_SCOPES[3:9])
read_label, read_share, read_mass, read_loss = (_reader(scope) for scope in (*TILE_SCOPES[:3], TILE_SCOPES[9]))
write_label, write_share, write_mass, write_loss = (_writer(scope) for scope in (*TILE_SCOPES[:3], TILE_SCOPES[9]))
"""Arrays that describe a tile of rows: a number for each lane."""

read_score, read_slope, read_curve, read_wide_slope, read_wide_curve = (_reader(scope) for scope in PAIR_SCOPES)
write_score, write_slope, write_curve, write_wide_slope, write_wide_curve = (_writer(scope) for scope in PAIR_SCOPES)
"""Arrays of a row of pairs: its scores and their derivatives."""

prefetch_read, prefetch_write = _prefetcher(0), _prefetcher(1)
