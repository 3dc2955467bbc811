"""`part` compiles a function that only other compiled functions call: to LLVM's code, without machine code of its own.

Numba makes a finished library of every function: optimised, with machine code. A kernel has up to seventy parts, each
inlined into the next, so most of that work would be done again and thrown away: a kernel of two softmaxes took 6.9
seconds to compile, and takes 3.8. Here a part's library holds its code alone, and the kernel optimises all of it once.

This replaces two passes of Numba's compiler (`NativeLowering` in numba/core/typed_passes.py, `GenericRewrites` in
untyped_passes.py) and its libraries (`JITCodeLibrary` in codegen.py of https://github.com/numba/numba), as they are in
Numba 0.68. Where these methods do not exist, `part` is `numba.njit`: slower to compile, with the same results.
`tests/kernels/test_lowering.py` fails there, so that a new Numba is noticed.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, TypeVar

import llvmlite.binding as _llvm
import numba as _numba
from numba.core import cgutils
from numba.core import rewrites as _rewrites
from numba.core import untyped_passes as _untyped
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import (
    AnnotateTypes,
    DumpParforDiagnostics,
    IRLegalization,
    NativeLowering,
    NopythonRewrites,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import GenericRewrites

numba: Any = _numba  # half of it is typed
llvm: Any = _llvm
rewrites: Any = _rewrites
untyped_passes: Any = _untyped
F = TypeVar("F", bound=Callable[..., Any])


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    """Numba's lowering pass, which ends with LLVM's code instead of machine code."""

    _name = "lowering_of_a_part"
    noted = False

    def run_pass(self, state: Any) -> bool:
        library = state["library"] = _Library(state.targetctx.codegen(), state.func_id.func_qualname)
        library.enable_object_caching()
        library.noted = self.noted
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        # Callers refer to the part by this handle; Python cannot call it.
        handle = numba._dynfunc.make_function(
            lowered.fndesc.lookup_module(), lowered.fndesc.qualname.split(".")[-1], "", 0, lowered.env, (library,)
        )
        state.targetctx.insert_user_function(handle, lowered.fndesc, [library])
        state["cr"] = lowered._replace(cfunc=handle)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _LoopLowering(_Lowering):
    """The same for a part that is a loop, with a note of how many vectors LLVM shall take at a time."""

    _name = "lowering_of_a_loop"
    noted = True


class _Library(JITCodeLibrary):
    """The code of a part alone: the kernel that links it optimises, and links what the part calls.

    Optimised here, loops would be taken apart for what is done in them, before it is there to be counted: a tile twice.
    """

    noted: bool

    def add_ir_module(self, ir_module: Any) -> None:
        for function in ir_module.functions:
            if not function.is_declaration and not function.linkage:
                function.linkage = "linkonce_odr"
        text = cgutils.normalize_ir_text(str(ir_module))
        if self.noted:
            text = _noted(text, at_a_time(self._codegen._llvm_module.triple, self._codegen._get_host_cpu_features()))
        self._final_module = llvm.parse_assembly(text)
        self._final_module.name = ir_module.name

    def finalize(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = self._final_module.clone()
            link(self._shared_module, self)
        return self._shared_module


def link(module: Any, library: Any) -> None:
    """Add the code of all that a library calls to a module, once: linked into each caller, it was there three times.

    Callers come before what they call, since LLVM takes of code that may be there twice only what is asked for.
    """
    ordered: list[Any] = []
    seen = {library}

    def follow(caller: Any) -> None:
        for each in caller._linking_libraries:
            if each not in seen:
                seen.add(each)
                if isinstance(each, _Library):
                    follow(each)
                ordered.append(each)

    follow(library)
    for each in reversed(ordered):
        code = each._final_module if isinstance(each, _Library) else each._get_module_for_linking()
        module.link_in(code, preserve=True)


def at_a_time(triple: str, features: str) -> int:
    """How many vectors a packed loop takes at a time; 0 where LLVM does well.

    One by one they wait for themselves. Of 16 registers LLVM lacks some for two, and takes one, though what is spilled
    costs less (float32 with AVX2: 0.84 to 0.98 of the time; with AVX-512 the same or 1.04).
    """
    return 2 if triple.startswith("x86_64") and "+avx512f" not in features else 0


NOTE = '!{{!"llvm.loop.interleave.count", i32 {}}}'
"""How LLVM is told."""


def _noted(text: str, count: int) -> str:
    """LLVM's code with this note at each jump that goes back."""
    lines, above = text.splitlines(), set[str]()
    for k, line in enumerate(lines):
        if label := re.match(r'"?([^\s":]+)"?:', line):
            above.add(label[1])
        elif line.startswith("define"):
            above.clear()
        elif line.startswith("  br ") and not above.isdisjoint(re.findall(r'label %"?([^\s",]+)', line)):
            lines[k] = f"{line}, !llvm.loop !900000"
    return "\n".join([*lines, "!900000 = distinct !{!900000, !900001}", f"!900001 = {NOTE.format(count)}"])


class _PartCompiler(CompilerBase):
    """Numba's compiler with `_Lowering` in the place of its own lowering."""

    lowering: type[_Lowering] = _Lowering

    def define_pipelines(self) -> list[Any]:
        return [pipeline(self.state, {NativeLowering: self.lowering})]


@register_pass(mutates_CFG=True, analysis_only=False)
class _Rewriting(GenericRewrites):
    """Numba's rewriting of what is known before types are, without a look at where each variable is used last.

    With that look in three passes, a kernel of ten classes took 1.1 times as long.
    """

    _name = "rewriting_of_a_part"

    def run_pass(self, state: Any) -> bool:
        blocks = state.func_ir.blocks
        for each in rewrites.rewrite_registry.rewrites["before-inference"]:
            rewrite, left = each(state), list(blocks.items())
            while left:
                label, block = left.pop()
                if rewrite.match(state.func_ir, block, state.typemap, state.calltypes):
                    blocks[label] = rewrite.apply()
                    left.append((label, blocks[label]))
        return True


def pipeline(state: Any, own: Mapping[Any, Any]) -> Any:
    """Numba's passes, some replaced by others, without those that have nothing to do in this function."""
    found = DefaultPassBuilder.define_nopython_pipeline(state)
    code = state.func_id.func.__code__
    if not state.flags.auto_parallel.enabled and not _unusual(code):
        once = [step for k, step in enumerate(found.passes) if step not in found.passes[:k]]
        spared = _SPARED | _STRAIGHT if _straight(state.func_id.func) else _SPARED
        own = {GenericRewrites: _Rewriting, **own}
        if not state.flags.nrt:
            spared = spared | _COUNTING
        found.passes = [step for step in once if step[0] not in spared]
    found.passes = [(own.get(step, step), text) for step, text in found.passes]
    found.finalize()
    return found


_SPARED = {
    untyped_passes.WithLifting,
    untyped_passes.InlineClosureLikes,
    untyped_passes.RewriteDynamicRaises,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.FindLiterallyCalls,
    untyped_passes.LiteralUnroll,
    untyped_passes.LiteralPropagationSubPipelinePass,
    NopythonRewrites,
    AnnotateTypes,
    DumpParforDiagnostics,
}
"""Passes for what `_unusual` sees, and for expressions of whole arrays: together a quarter of Numba's time, most of it
gone through the function's variables again. Branches of constants need be taken out only once."""

_COUNTING = {untyped_passes.IRProcessing, IRLegalization}
"""Passes that find out where each variable is used last: where references are counted, that of one that is gone."""

_STRAIGHT = {
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.InlineInlinables,
    untyped_passes.ReconstructSSA,
    PreLowerStripPhis,
}
"""Passes for branches, for names that get a second value, and for functions that are taken in as they are written."""


def _straight(function: Any) -> bool:
    """Whether a function has neither branches nor names with two values, and takes in no other as it is written."""
    code = function.__code__
    if dis.findlabels(code.co_code):
        return False
    stored = [name for i in dis.get_instructions(code) if "STORE_FAST" in i.opname for name in _names(i.argval)]
    given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)]
    called = (getattr(function.__globals__.get(name), "targetoptions", {}) for name in code.co_names)
    once = len({*stored, *given}) == len(stored) + len(given)
    return once and all(options.get("inline", "never") == "never" for options in called)


def _names(argument: Any) -> tuple[str, ...]:
    """The names that an instruction has: Python 3.13 and later store two at once, or load the second."""
    return argument if isinstance(argument, tuple) else (argument,)


def _unusual(code: CodeType) -> bool:
    """Whether there are functions in a function, or statements that it takes a closer look for."""
    if any(isinstance(constant, CodeType) for constant in code.co_consts):
        return True
    done = {instruction.opname for instruction in dis.get_instructions(code)}
    return bool(
        done & {"RAISE_VARARGS", "BEFORE_WITH", "SETUP_WITH"} | {"literally", "literal_unroll"} & {*code.co_names}
    )


class _LoopCompiler(_PartCompiler):
    lowering = _LoopLowering


SUPPORTED = all(
    hasattr(JITCodeLibrary, name)
    for name in ("_optimize_final_module", "_finalize_final_module", "_finalize_dynamic_globals", "finalize")
)
"""Whether this Numba has what is replaced."""


def part(*, loop: bool = False, **options: Any) -> Callable[[F], F]:
    """Like `numba.njit`, for functions that only compiled functions call; `loop` says that one loop is all of it."""
    if SUPPORTED:
        options["pipeline_class"] = _LoopCompiler if loop else _PartCompiler
    # No entry from Python, and no reference counting unless asked for: it is atomic, and all threads would do it on one
    # counter for every row.
    decorator: Callable[[F], F] = numba.njit(
        **{"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False, **options}
    )
    return decorator
