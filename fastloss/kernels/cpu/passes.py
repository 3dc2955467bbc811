"""Which of Numba's passes a function of a kernel goes through, without the account that Numba keeps of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numba.core import compiler_machinery as _machinery
from numba.core import interpreter as _interpreter
from numba.core import ir_utils as _ir_utils
from numba.core import rewrites as _rewrites
from numba.core import transforms as _transforms
from numba.core import untyped_passes as _untyped
from numba.core.compiler import DefaultPassBuilder
from numba.core.errors import NumbaError
from numba.core.typed_passes import PreLowerStripPhis
from numba.core.untyped_passes import GenericRewrites

from ..steps import needed, straight, unusual

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
    """Numba's reading of Python's code, which does not look for what `unusual` has not found."""

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
    usual = not flags.auto_parallel.enabled and not unusual(code)
    kind = usual, usual and straight(state.func_id.func), flags.nrt, flags.no_rewrites, flags.enable_ssa
    key = *own.items(), *kind, flags.auto_parallel.enabled, state.func_ir is None
    if key not in _made:
        _made[key] = _pipeline(passes_of(state).passes, own, *kind[:3])
    return _made[key]


def _pipeline(steps: list[Any], own: Mapping[Any, Any], usual: bool, plain: bool, counting: bool) -> Any:
    if usual:
        steps, own = needed(steps, plain, counting), {**_OWN, **own}
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
