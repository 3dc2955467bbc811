"""How a part of a kernel is compiled: as far as LLVM's code, which the whole kernel optimises with the rest.

Numba makes of every function a finished library: optimised, with machine code. A kernel has up to seventy parts, each
inlined into the next, so that most of the work would be done again and again and thrown away: a kernel of two softmaxes
took 6.9 seconds to compile, and takes 3.8. Here a part's library only holds its code, and what it calls. Where Numba
has no such places to hold on to, parts are compiled as it does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba as _numba
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

numba: Any = _numba  # half of it is typed
F = TypeVar("F", bound=Callable[..., Any])


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    """Numba's own, without making machine code."""

    _name = "lowering_of_a_part"

    def run_pass(self, state: Any) -> bool:
        library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        library.enable_object_caching()
        library._optimize_final_module = _nothing
        library._finalize_final_module = lambda: _finished(library)
        state["library"] = library
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        # What other functions know it by; there is no code behind it that Python could call.
        handle = numba._dynfunc.make_function(
            lowered.fndesc.lookup_module(), lowered.fndesc.qualname.split(".")[-1], "", 0, lowered.env, (library,)
        )
        state.targetctx.insert_user_function(handle, lowered.fndesc, [library])
        state["cr"] = lowered._replace(cfunc=handle)
        return True


def _nothing() -> None:
    """Leave the code as it is."""


def _finished(library: Any) -> None:
    """Let a library be linked into others."""
    library._finalize_dynamic_globals()
    library._finalized = True


class _Part(CompilerBase):
    """Numba's compiler with that lowering."""

    def define_pipelines(self) -> list[Any]:
        found = DefaultPassBuilder.define_nopython_pipeline(self.state)
        found.passes = [(_Lowering, text) if step is NativeLowering else (step, text) for step, text in found.passes]
        found.finalize()
        return [found]


_known = all(
    hasattr(CPUCodeLibrary, name)
    for name in ("_optimize_final_module", "_finalize_final_module", "_finalize_dynamic_globals")
)


def part(**options: Any) -> Callable[[F], F]:
    """Like `numba.njit`, for functions that only compiled functions call."""
    if _known:
        options["pipeline_class"] = _Part
    # No entry from Python either, and no count of references unless asked for: counting is atomic, and all threads
    # would do it on one counter for every row.
    decorator: Callable[[F], F] = numba.njit(
        **{"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False, **options}
    )
    return decorator
