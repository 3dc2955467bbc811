"""`spread` runs the tasks of a kernel, on threads or one after another: the same machine code either way.

A layer of Numba's threads (`pool.py`) has a function that calls another with a run of numbers of tasks, on each thread.
It takes arrays, and moves an address by a step for each task: here the address of what all tasks are given, by a byte.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

types: Any = numba.types  # half of it is typed
once: Any = cgutils.alloca_once
room: Any = cgutils.alloca_once_value
each: Any = cgutils.for_range
_WORD, _ADDRESS = ir.IntType(64), ir.IntType(8).as_pointer()
_WORDS = _WORD.as_pointer()
_WORK = ir.FunctionType(ir.VoidType(), [_ADDRESS.as_pointer(), _WORDS, _WORDS, _ADDRESS])
_LAUNCH = ir.FunctionType(
    ir.VoidType(),
    [_WORK.as_pointer(), _ADDRESS.as_pointer(), _WORDS, _WORDS, _ADDRESS, _WORD, _WORD, ir.IntType(32)],
)


@intrinsic
def spread(typingctx: Any, crew: Any, work: Any, given: Any, count: Any) -> Any:
    """Call `work(given, task)` for so many tasks; `crew` is a layer's function or 0, and the number of threads."""
    called = work.get_call_type(typingctx, (given, types.intp), {})

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = work.dispatcher.overloads[called.args]
        context.add_linking_libs([found.library])
        value = context.cast(builder, args[2], given, called.args[0])
        box = ir.LiteralStructType([value.type, _WORD])
        function = _work(context, builder.module, found.fndesc, called, box)
        shared = once(builder, box)
        word = ir.IntType(32)
        builder.store(value, builder.gep(shared, [word(0), word(0)]))
        failed = builder.gep(shared, [word(0), word(1)])
        builder.store(_WORD(0), failed)
        data = builder.bitcast(shared, _ADDRESS)
        places = room(builder, data), room(builder, args[3]), room(builder, _WORD(1))
        launch, threads = (builder.extract_value(args[0], k) for k in range(2))
        with builder.if_else(builder.icmp_unsigned("!=", launch, _WORD(0))) as (together, alone):
            with together:
                many = builder.inttoptr(launch, _LAUNCH.as_pointer())
                builder.call(many, [function, *places, data, _WORD(0), _WORD(1), builder.trunc(threads, word)])
            with alone:
                builder.call(function, [*places, data])
        with builder.if_then(builder.icmp_unsigned("!=", builder.load(failed), _WORD(0)), likely=False):
            context.call_conv.return_user_exc(builder, MemoryError)
        return context.get_dummy_value()

    return types.void(types.UniTuple(types.intp, 2), work, given, types.intp), codegen


def _work(context: Any, module: Any, described: Any, called: Any, box: Any) -> Any:
    """What a layer calls: a run of tasks."""
    function = ir.Function(module, _WORK, module.get_unique_name("tasks"))
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder: Any = ir.IRBuilder(function.append_basic_block())
    at, number, _, data = function.args
    shared = builder.bitcast(data, box.as_pointer())
    word = ir.IntType(32)
    given = builder.load(builder.gep(shared, [word(0), word(0)]))
    first = builder.sub(builder.ptrtoint(builder.load(at), _WORD), builder.ptrtoint(data, _WORD))
    with each(builder, builder.load(number)) as loop:
        status, _ = context.call_internal_no_propagate(
            builder, described, called, [given, builder.add(first, loop.index)]
        )
        with builder.if_then(status.is_error, likely=False):
            builder.store(_WORD(1), builder.gep(shared, [word(0), word(1)]))
    builder.ret_void()
    return function
