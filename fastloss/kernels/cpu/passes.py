"""Which of Numba's passes a function of a kernel goes through, without the account that Numba keeps of each."""

from __future__ import annotations

import dis
from collections.abc import Mapping
from inspect import CO_GENERATOR
from types import CodeType
from typing import Any

from numba.core import compiler_machinery as _machinery
from numba.core import interpreter as _interpreter
from numba.core import ir_utils as _ir_utils
from numba.core import rewrites as _rewrites
from numba.core import transforms as _transforms
from numba.core import untyped_passes as _untyped
from numba.core.compiler import DefaultPassBuilder
from numba.core.errors import NumbaError
from numba.core.typed_passes import (
    AnnotateTypes,
    DumpParforDiagnostics,
    IRLegalization,
    NopythonRewrites,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import GenericRewrites

interpreter: Any = _interpreter  # half of it is typed
ir_utils: Any = _ir_utils
machinery: Any = _machinery
rewrites: Any = _rewrites
transforms: Any = _transforms
untyped_passes: Any = _untyped
registered: Any = machinery.register_pass(mutates_CFG=True, analysis_only=False)
passes_of: Any = DefaultPassBuilder.define_nopython_pipeline


@registered
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


@registered
class _Translation(untyped_passes.TranslateByteCode):  # type: ignore[misc]
    """Numba's reading of Python's code, which does not look for what `_unusual` has not found."""

    _name = "translation_of_a_part"

    def run_pass(self, state: Any) -> bool:
        state["func_ir"] = _Interpreter(state["func_id"]).interpret(state["bc"])
        return True


class _Interpreter(interpreter.Interpreter):  # type: ignore[misc]
    def post_process(self, peepholes: list[Any], func_ir: Any) -> Any:
        return super().post_process([each for each in peepholes if each not in _SOUGHT], func_ir)


_SOUGHT = interpreter.peep_hole_delete_with_exit, interpreter.peep_hole_fuse_dict_add_updates


@registered
class _Names(untyped_passes.ReconstructSSA):  # type: ignore[misc]
    """Numba's naming of each value of a variable, without finding out where each lives: nothing asks for that."""

    _name = "names_of_a_part"

    def run_pass(self, state: Any) -> bool:
        state.func_ir = untyped_passes.reconstruct_ssa(state.func_ir)
        state.func_ir.blocks = transforms.canonicalize_cfg(state.func_ir.blocks)
        state.func_ir._definitions = ir_utils.build_definitions(state.func_ir.blocks)
        return True


@registered
class _Joins(PreLowerStripPhis):
    """Numba's assignments in the place of joined values, likewise."""

    _name = "joins_of_a_part"

    def run_pass(self, state: Any) -> bool:
        state.func_ir = self._strip_phi_nodes(state.func_ir)  # type: ignore[no-untyped-call]
        state.func_ir._definitions = ir_utils.build_definitions(state.func_ir.blocks)
        return True


class _Passes(machinery.PassManager):  # type: ignore[misc]
    """Passes one after another; Numba's own manager writes down times, sizes and dependences for each function."""

    def run(self, state: Any) -> None:
        for step, text in self.passes:
            try:
                one = machinery._pass_registry.get(step).pass_inst
                one.analysis = self._analysis
                one.run_pass(state)
            except NumbaError as error:
                raise self._patch_error(f"Failed in {self.pipeline_name} mode pipeline (step: {text})", error) from None


_made: dict[tuple[Any, ...], Any] = {}


def pipeline(state: Any, own: Mapping[Any, Any]) -> Any:
    """Numba's passes, some replaced by others, without those that have nothing to do in this function."""
    flags, code = state.flags, state.func_id.func.__code__
    usual = not flags.auto_parallel.enabled and not _unusual(code)
    kind = usual, usual and _straight(state.func_id.func), flags.nrt, flags.no_rewrites, flags.enable_ssa
    key = *own.items(), *kind, flags.auto_parallel.enabled, state.func_ir is None
    if key not in _made:
        _made[key] = _pipeline(passes_of(state).passes, own, *kind[:3])
    return _made[key]


def _pipeline(steps: list[Any], own: Mapping[Any, Any], usual: bool, straight: bool, counting: bool) -> Any:
    if usual:
        once = [step for k, step in enumerate(steps) if step not in steps[:k]]
        spared = _SPARED | (_STRAIGHT if straight else set()) | (set() if counting else _COUNTING)
        own = {**_OWN, **own}
        steps = [step for step in once if step[0] not in spared]
    made = _Passes("nopython")
    made.passes = [(own.get(step, step), text) for step, text in steps]
    made.finalize()
    return made


_OWN = {
    untyped_passes.TranslateByteCode: _Translation,
    GenericRewrites: _Rewriting,
    untyped_passes.ReconstructSSA: _Names,
    PreLowerStripPhis: _Joins,
}

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
    if not _JUMPS.isdisjoint(code.co_code[::2]):
        return False
    stored = [name for i in dis.get_instructions(code) if "STORE_FAST" in i.opname for name in _names(i.argval)]
    given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)]
    called = (getattr(function.__globals__.get(name), "targetoptions", {}) for name in code.co_names)
    once = len({*stored, *given}) == len(stored) + len(given)
    return once and all(options.get("inline", "never") == "never" for options in called)


_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))


def _names(argument: Any) -> tuple[str, ...]:
    """The names that an instruction has: Python 3.13 and later store two at once, or load the second."""
    return argument if isinstance(argument, tuple) else (argument,)


def _unusual(code: CodeType) -> bool:
    """Whether there are functions in a function, or statements that it takes a closer look for."""
    if code.co_flags & CO_GENERATOR or any(isinstance(constant, CodeType) for constant in code.co_consts):
        return True
    done = {dis.opname[operation] for operation in code.co_code[::2]}
    return bool(done & _CLOSER | {"literally", "literal_unroll"} & {*code.co_names})


_CLOSER = {"RAISE_VARARGS", "BEFORE_WITH", "SETUP_WITH", "LOAD_SPECIAL"}
_CLOSER |= {"BUILD_MAP", "BUILD_CONST_KEY_MAP", "MAP_ADD", "DICT_UPDATE", "DICT_MERGE"}
"""Exceptions, `with` and dictionaries."""
