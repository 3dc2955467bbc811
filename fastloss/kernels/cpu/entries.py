"""A kernel's machine code, made by Numba: `code` gives what `objects.py` links.

Numba compiles the kernel as it does any function, but that, instead of an entry for Python, it gets one of plain C,
which takes the data out of NumPy's own structure of an array. Numba's memory of arrays becomes that of C, so nothing of
Numba is needed when the kernel runs; threads are those of its layers (`pool.py`). Every other name is made private.
This replaces one pass of Numba's compiler and two private methods of its libraries, as `parts.py` does.
"""

from __future__ import annotations

import gc
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import llvmlite.binding as _llvm
import numba as _numba
from numba.core import compiler, lowering, sigutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering, NativeParforLowering
from numba.np import linalg as _linalg
from numba.parfors import parfor_lowering

from . import threads
from .entry import Writer
from .objects import ENTRY, Code, by_table, machine
from .parts import SUPPORTED, link, pipeline
from .pool import SYMBOLS
from .views import Memory, as_array

numba: Any = _numba  # half of it is typed
llvm: Any = _llvm
linalg: Any = _linalg
types: Any = _numba.types
normalized: Any = sigutils.normalize_signature
lowered: Any = register_pass(mutates_CFG=True, analysis_only=False)  # type: ignore[no-untyped-call]
threads.preload()  # before Numba looks for its threading layers


def _load() -> None:
    """Load what Numba loads at its first compilation, two hundred modules, in this import, which nothing interrupts.

    SciPy's linear algebra, a fifth of the time, is left out: Numba loads it only to see whether it is there.
    """
    asked = linalg.ensure_blas
    linalg.ensure_blas = _look
    try:
        arraymath: Any = import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = asked
    arraymath.ensure_blas = asked
    numba.core.registry.cpu_target.typing_context.refresh()
    numba.core.registry.cpu_target.target_context.refresh()


def _look() -> None:
    if find_spec("scipy") is None:
        raise ImportError("no SciPy")


_load()

_MEMORY = """
declare ptr @malloc(i64)
declare void @free(ptr)
declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare ptr @PyErr_NoMemory()
define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {
  %wide = zext i32 %align to i64
  %more = add i64 %wide, 64
  %all = add i64 %size, %more
  %info = call ptr @malloc(i64 %all)
  %none = icmp eq ptr %info, null
  br i1 %none, label %end, label %fill
fill:
  store i64 1, ptr %info
  %at = ptrtoint ptr %info to i64
  %last = add i64 %at, %more
  %mask = sub i64 0, %wide
  %aligned = and i64 %last, %mask
  %data = inttoptr i64 %aligned to ptr
  %place = getelementptr i8, ptr %info, i64 24
  store ptr %data, ptr %place
  br label %end
end:
  ret ptr %info
}
define void @NRT_MemInfo_call_dtor(ptr %info) {
  call void @free(ptr %info)
  ret void
}
define void @numba_gil_ensure(ptr %state) {
  %held = call i32 @PyGILState_Ensure()
  store i32 %held, ptr %state
  ret void
}
define void @numba_gil_release(ptr %state) {
  %held = load i32, ptr %state
  call void @PyGILState_Release(i32 %held)
  ret void
}
define ptr @numba_unpickle(ptr %data, i32 %size, ptr %hash) {
  %none = call ptr @PyErr_NoMemory()
  ret ptr null
}
define ptr @numba_runtime_build_excinfo_struct(ptr %error, ptr %arguments) {
  %none = call ptr @PyErr_NoMemory()
  ret ptr null
}
define i32 @numba_do_raise(ptr %error) {
  ret i32 0
}
define void @NRT_Free(ptr %error) {
  ret void
}
"""
"""What Numba's library has under these names: a count of references, at 24 where data is; the interpreter's lock; and
what makes an exception, which in a thread of a kernel means that there is no memory."""

_PYTHON = {"PyGILState_Ensure", "PyGILState_Release", "PyEval_SaveThread", "PyEval_RestoreThread", "PyErr_Clear"}
_PYTHON |= {"PyErr_SetNone", "PyErr_SetString", "PyErr_NoMemory", "PyBytes_FromStringAndSize"}
_PYTHON |= {"PyExc_StopIteration", "PyExc_SystemError", "PyExc_RuntimeError"}
_LIBM = {"exp", "exp2", "log", "log2", "log10", "pow", "sin", "cos", "fma", "floor", "ceil", "trunc", "rint", "round"}
_LIBM |= {"nearbyint", "roundeven", "fmod"}
_MOVES = {"memset", "memcpy", "memmove"}
_KNOWN = {"malloc", "free", "printf"} | _MOVES | _PYTHON | {*SYMBOLS} | _LIBM | {f"{name}f" for name in _LIBM}
"""Whatever a kernel may call that is not its own."""


def code(function: Any, signature: Any, options: dict[str, Any]) -> Code | None:
    """The machine code of a kernel of these types; None where it would need more than is known here."""
    if not SUPPORTED:
        return None
    made = built(function, signature, options)
    module = made._final_module
    needs = {name for each in (*module.functions, *module.global_variables) for name in _needed(each)}
    if needs - _KNOWN or made._dynamic_globals:
        return None
    of = made._codegen  # which knows the processor that Numba's settings name
    target = llvm.get_process_triple(), of._get_host_cpu_name(), of._get_host_cpu_features()
    return Code(made.layout, tuple(sorted(needs)), machine(*target).emit_object(by_table(module)))


def built(function: Any, signature: Any, options: dict[str, Any]) -> Any:
    """The library of a kernel: LLVM's code, optimised, and `layout` besides."""
    kernel = numba.njit(pipeline_class=_Compiler, no_cfunc_wrapper=True, **options)(function)
    collecting = gc.isenabled()
    if collecting:
        # What is young: the caller's rubbish, which may hold arrays, would be kept with what is made here.
        gc.collect(1)
    try:
        gc.disable()  # Numba makes millions of objects and little rubbish: a tenth of the time
        with global_compiler_lock:
            return kernel._compiler.compile(*normalized(signature)).library
    finally:
        if not gc.get_freeze_count():
            # What is left is kept: the next collection, of what is new, would go through all of it for nothing.
            gc.freeze()
            gc.unfreeze()
        if collecting:
            gc.enable()


def compiled(function: Any, signature: Any, options: dict[str, Any]) -> Any:
    """The kernel as Numba has it, for this process alone."""
    kernel = numba.njit(**options)(function)
    kernel.compile(_of_arrays(signature))
    kernel.disable_compile()
    return kernel


def _of_arrays(kind: Any) -> Any:
    """Types of arguments as Numba calls a kernel, which knows arrays alone."""
    if isinstance(kind, Memory):
        return as_array(kind)
    if isinstance(kind, types.BaseTuple):
        return types.Tuple([_of_arrays(each) for each in kind])
    return tuple([_of_arrays(each) for each in kind]) if isinstance(kind, tuple) else kind


class _Lowering:
    """Numba's lowering, whose library Numba itself never links."""

    def run_pass(self, state: Any) -> bool:
        made = state.library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        made._finalize_final_module = lambda: _finish(made)
        made.add_llvm_module(llvm.parse_assembly(_MEMORY))
        state.flags.no_compile = True
        super().run_pass(state)  # type: ignore[misc]
        link(made._final_module, made)
        made._linking_libraries.clear()
        made.finalize()
        return True


@lowered
class _Serial(_Lowering, NativeLowering):
    _name = "lowering_of_a_kernel"

    @property
    def lowering_class(self) -> Any:
        return _Lower


@lowered
class _Parallel(_Lowering, NativeParforLowering):
    _name = "lowering_of_a_parallel_kernel"

    @property
    def lowering_class(self) -> Any:
        return _ParallelLower


class _Compiler(compiler.CompilerBase):
    """Numba's compiler with these in the place of its own lowering."""

    def define_pipelines(self) -> list[Any]:
        return [pipeline(self.state, {NativeLowering: _Serial, NativeParforLowering: _Parallel})]


def _finish(made: Any) -> None:
    """Replace the linking of a library: leave one public name, all that a linker can mistake, and what it calls."""
    made._finalize_dynamic_globals()
    for each in (*made._final_module.functions, *made._final_module.global_variables):
        if not each.is_declaration and each.name != ENTRY:
            each.linkage = "internal"
    unused = llvm.create_new_module_pass_manager()
    unused.add_global_dead_code_eliminate_pass()
    unused.run(made._final_module, llvm.create_pass_builder(made._codegen._tm, llvm.create_pipeline_tuning_options()))
    made._finalized = True


def _needed(value: Any) -> list[str]:
    """What of the world outside a declaration stands for: an intrinsic of LLVM may become a call."""
    if not value.is_declaration:
        return []
    first, _, rest = value.name.partition(".")
    if first != "llvm":
        return [value.name]
    name, _, kind = rest.partition(".")
    if name in _MOVES:
        return [name]
    return [name + ("f" if kind.endswith("f32") else "")] if name in _LIBM else []


# -- The entry ---------------------------------------------------------------------------------------------------------


class _Entry:
    """Makes the entry of plain C where Numba would make that for Python."""

    def create_cpython_wrapper(self, release_gil: bool) -> None:
        self.library.layout = Writer(self.context, self.library, self.fndesc).write()  # type: ignore[attr-defined]


class _Lower(_Entry, lowering.Lower):  # type: ignore[misc]
    """The lowering of a serial kernel."""


class _ParallelLower(_Entry, parfor_lowering.ParforLower):  # type: ignore[misc]
    """The lowering of a parallel one."""
