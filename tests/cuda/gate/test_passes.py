"""What numba-cuda's compiler is spared changes no instruction."""

from __future__ import annotations

import re
from typing import Any

import pytest

import fastloss as fl
from fastloss.define.keywords import GRAD, VALUE
from fastloss.kernels.cuda import passes, target
from fastloss.kernels.cuda.plan.elements import AnyPlan, CudaPlan
from fastloss.kernels.cuda.plan.rows import fitted, packet_for, width_of
from fastloss.kernels.plan.elements import Plan
from fastloss.kernels.plan.rows import RowPlan


def plan_of(loss: Any) -> AnyPlan:
    if isinstance(loss, fl.RowLoss):
        base = RowPlan.of(loss, ("f",), VALUE | GRAD, True, "labels", target_type="q")
        return fitted(base, 10, packet_for("f", "f", 0), False)
    return CudaPlan(Plan.of(loss, ("f", "f"), VALUE | GRAD, True, "", each=False), width_of("f"), False)


@pytest.mark.parametrize("loss", [fl.huber, fl.cross_entropy], ids=lambda loss: loss.name)
def test_the_code_is_that_of_all_passes(loss: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def instructions(ptx: str) -> list[str]:
        # Names have a number of their own in each compilation.
        return [
            re.sub(r"_Z\w+|_cudapy_smem_\d+|[\w$]*fastloss[\w$]*", "name", line)
            for line in ptx.splitlines()
            if line[:1] == "\t"
        ]

    short, _ = target.assembly(plan_of(loss), (9, 0))
    asked: list[Any] = []
    monkeypatch.setattr(passes, "needed", lambda steps, *rest, **told: asked.append(steps) or steps)
    monkeypatch.setattr(passes, "_remembering", lambda own: own)
    monkeypatch.setattr("fastloss.kernels.bind._bound", {})
    whole, _ = target.assembly(plan_of(loss), (9, 0))
    assert asked and instructions(short) == instructions(whole)


def test_what_operators_make_of_numbers_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    own = passes.types.Function.get_call_type

    def counted(function: Any, context: Any, args: Any, kws: Any) -> Any:
        if not kws and all(isinstance(kind, (passes.types.Number, passes.types.Boolean)) for kind in args):
            asked.append((function, *args))
        return own(function, context, args, kws)

    monkeypatch.setattr(passes.types.Function, "get_call_type", counted)
    monkeypatch.setattr(passes, "_known", {})
    monkeypatch.setattr("fastloss.kernels.bind._bound", {})
    target.assembly(plan_of(fl.cross_entropy), (9, 0))
    assert asked and len(asked) == len(set(asked))
    assert passes.types.Function.get_call_type is counted
