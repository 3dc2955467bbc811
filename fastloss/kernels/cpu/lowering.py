"""The compiler of parts: to LLVM's code, without machine code of its own, which the kernel makes of all of it at once.

This replaces passes of Numba's compiler, as `passes.py` and `inference.py` do, and its libraries (`JITCodeLibrary` in
codegen.py of https://github.com/numba/numba), as they are in Numba 0.62 to 0.68.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import llvmlite.binding as _llvm
import numba as _numba
from numba.core import cgutils, event, ir, sigutils
from numba.core import lowering as _lowering
from numba.core import registry as _registry
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import register_pass
from numba.core.debuginfo import DummyDIBuilder
from numba.core.errors import ForceLiteralArg
from numba.core.typed_passes import NativeLowering, NopythonTypeInference

from .contexts import seen
from .inference import Inference
from .passes import pipeline

numba: Any = _numba  # half of it is typed
llvm: Any = _llvm
lowering: Any = _lowering
registry: Any = _registry
normalized: Any = sigutils.normalize_signature


class _Lower(lowering.Lower):  # type: ignore[misc]
    """Numba's writer of LLVM's code, without what is for its messages, and for exceptions that are not there."""

    def lower_inst(self, inst: Any) -> Any:
        if not isinstance(inst, ir.Assign) or not isinstance(self.debuginfo, DummyDIBuilder):
            return super().lower_inst(inst)
        self.notify_loc(self.loc)
        value = self.lower_assign(self.typeof(inst.target.name), inst)
        first = inst.value.index + 1 if isinstance(inst.value, ir.Arg) else None
        return self.storevar(value, inst.target.name, argidx=first)

    def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
        if not expr.static_lhs is expr.static_rhs is ir.UNDEFINED:
            return super().lower_binop(resty, expr, op)
        types, given = self.context.typing_context, self.fndesc.calltypes[expr]
        operator = types.resolve_value_type(op)
        found = self.context.get_function(operator, operator.get_call_type(types, given.args, {}))
        names = expr.lhs.name, expr.rhs.name
        of_both = zip([self.loadvar(name) for name in names], map(self.typeof, names), given.args, strict=True)
        result = found(self.builder, [self.context.cast(self.builder, *each) for each in of_both])
        return self.context.cast(self.builder, result, given.return_type, resty)

    def pre_block(self, block: Any) -> None:
        if self.func_ir.func_id.code.co_exceptiontable:
            super().pre_block(block)  # which looks for `try`
        self._cur_ir_block = block

    def alloca_lltype(self, name: str, lltype: Any, datamodel: Any = None) -> Any:
        if isinstance(self.debuginfo, DummyDIBuilder):  # which asks LLVM for no size of a type
            return cgutils.alloca_once(self.builder, lltype, name=name, zfill=False)
        return super().alloca_lltype(name, lltype, datamodel)

    def _find_singly_assigned_variable(self) -> None:
        super()._find_singly_assigned_variable() if len(self.blocks) > 1 else self._count()

    def _count(self) -> None:
        """The same for a function without branches."""
        (block,) = self.blocks.values()
        given = Counter(each.target.name for each in block.body if isinstance(each, ir.Assign))
        self._singly_assigned_vars = {name for name in given if given[name] == 1}
        self._blk_local_varmap: dict[str, Any] = {}


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    """Numba's lowering pass, which ends with LLVM's code instead of machine code."""

    _name = "lowering_of_a_part"
    noted = False

    @property
    def lowering_class(self) -> Any:
        return _Lower

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
    """Numba's compiler with `_Lowering` in the place of its own lowering, and contexts that remember."""

    lowering: type[_Lowering] = _Lowering

    def __init__(self, typingctx: Any, targetctx: Any, *more: Any) -> None:
        super().__init__(*seen(typingctx, targetctx), *more)

    def define_pipelines(self) -> list[Any]:
        return [pipeline(self.state, {NativeLowering: self.lowering, NopythonTypeInference: Inference})]


class _LoopCompiler(_PartCompiler):
    lowering = _LoopLowering


class _Part(registry.CPUDispatcher):  # type: ignore[misc]
    """A function that is compiled for its callers, without Numba's cache on disk or account of what waits."""

    def compile(self, sig: Any) -> Any:
        with global_compiler_lock, self._compiling_counter:
            args, return_type = normalized(sig)
            if (found := self.overloads.get(tuple(args))) is None:
                if not self._can_compile:
                    raise RuntimeError("compilation disabled")
                told = {"dispatcher": self, "args": args, "return_type": return_type}
                with event.trigger_event("numba:compile", data=told):
                    try:
                        self.add_overload(found := self._compiler.compile(args, return_type))
                    except ForceLiteralArg as error:
                        raise error.bind_fold_arguments(self._folded) from None
            return found.entry_point

    def _folded(self, args: Any, kws: Any) -> Any:
        return self._compiler.fold_argument_types(args, kws)[1]


def dispatcher(function: Any, loop: bool, options: dict[str, Any]) -> Any:
    """What `numba.njit` makes of a function, for a part; `loop` says that one loop is all of it."""
    options = {"nopython": True, "boundscheck": None, **options}
    return _Part(function, targetoptions=options, pipeline_class=_LoopCompiler if loop else _PartCompiler)
