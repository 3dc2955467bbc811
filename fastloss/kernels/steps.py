"""Which passes of Numba's compilers a function of a kernel needs: `needed` leaves out those that would find nothing.

By their names: numba-cuda has passes of its own under the names of Numba's.
"""

from __future__ import annotations

import dis
from inspect import CO_GENERATOR
from types import CodeType
from typing import Any

__all__ = ["needed", "straight", "unusual"]


def needed(steps: list[Any], straight: bool, counting: bool) -> list[Any]:
    """The steps of a compiler, each a pass and what it is for, that a function needs which is not `unusual`.

    `counting`: its references are counted. A pass that stands there twice, as that for branches of constants does, is
    gone through once.
    """
    spared = _SPARED | (_STRAIGHT if straight else set()) | (set() if counting else _COUNTING)
    return [step for k, step in enumerate(steps) if step not in steps[:k] and step[0].__name__ not in spared]


_SPARED = {
    "WithLifting",
    "InlineClosureLikes",
    "RewriteDynamicRaises",
    "MakeFunctionToJitFunction",
    "FindLiterallyCalls",
    "LiteralUnroll",
    "LiteralPropagationSubPipelinePass",
    "NopythonRewrites",
    "AnnotateTypes",
    "DumpParforDiagnostics",
}
"""Passes for what `unusual` sees, and for expressions of whole arrays: together a quarter of Numba's time, most of it
gone through the function's variables again."""

_COUNTING = {"IRProcessing", "IRLegalization"}
"""Passes that find out where each variable is used last: where references are counted, that of one that is gone."""

_STRAIGHT = {
    "RewriteSemanticConstants",
    "DeadBranchPrune",
    "InlineInlinables",
    "ReconstructSSA",
    "PreLowerStripPhis",
}
"""Passes for branches, for names that get a second value, and for functions that are taken in as they are written."""


def straight(function: Any) -> bool:
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


def unusual(code: CodeType) -> bool:
    """Whether there are functions in a function, or statements that it takes a closer look for."""
    if code.co_flags & CO_GENERATOR or any(isinstance(constant, CodeType) for constant in code.co_consts):
        return True
    done = {dis.opname[operation] for operation in code.co_code[::2]}
    return bool(done & _CLOSER | {"literally", "literal_unroll"} & {*code.co_names})


_CLOSER = {"RAISE_VARARGS", "BEFORE_WITH", "SETUP_WITH", "LOAD_SPECIAL"}
_CLOSER |= {"BUILD_MAP", "BUILD_CONST_KEY_MAP", "MAP_ADD", "DICT_UPDATE", "DICT_MERGE"}
"""Exceptions, `with` and dictionaries."""
