"""Kernels that tests look at. What of a compilation does not ask for the processor is done once for all of them."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache, lru_cache
from typing import Any
from unittest import mock

from numba.cuda import compiler

from fastloss.kernels.cuda import target
from fastloss.kernels.cuda.plan.elements import bounds
from fastloss.kernels.cuda.target import Binary


@lru_cache(maxsize=8)
def _library(plan: Any) -> Any:
    """What Numba makes of a plan: nine tenths of the time; for which processor, NVIDIA's compiler is told at last."""
    options = {"device": False, "abi": "numba", "cc": CAPABILITIES[-1], "launch_bounds": bounds(plan)}
    return compiler._compile_pyfunc_with_fixup(target.complete(plan), target.signature(plan), **options)[0]


CAPABILITIES = [(8, 0), (9, 0)]
"""The processors that kernels are held against: the code before PTX is the same for them."""


@cache
def assembly(plan: Any, capability: tuple[int, int]) -> tuple[str, str]:
    """A kernel as PTX, and its name."""
    with _shared(plan, capability):
        return target.assembly(plan, capability)


@cache
def compiled(plan: Any, capability: tuple[int, int]) -> Binary:
    """A kernel as machine code, with what the assembler says of it."""
    with _shared(plan, capability):
        return target.compiled(plan, capability)


def _shared(plan: Any, capability: tuple[int, int]) -> Any:
    def ptx(*_: Any, **__: Any) -> tuple[str, None]:
        [text] = _library(plan).get_asm_strs(cc=capability)
        return text, None

    if capability not in CAPABILITIES:
        return nullcontext()
    return mock.patch.object(target.cuda, "compile_ptx", ptx)
