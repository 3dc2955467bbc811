"""The calls that `tests/gpu` makes on a card, made on the CPU: that they are sound, and that all functions are there."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torchcases  # noqa: E402
from torchcases import NAMES, ONCE, TORCHS  # noqa: E402

CASES = torchcases.cases(48, 6, 5)


def test_every_function_has_a_case() -> None:
    assert {*CASES} == {*NAMES}
    assert {*NAMES} >= TORCHS | ONCE


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients(name: str, dtype: Any, computed: list[str], uncompiled: None) -> None:
    if name == "ctc_loss" and dtype is torch.bfloat16:
        pytest.skip("torch has none of 16 bits")
    torchcases.values_and_gradients(name, CASES[name], "cpu", dtype)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ONCE])
def test_second_derivatives(name: str, computed: list[str], uncompiled: None) -> None:
    torchcases.second_derivatives(name, CASES[name], "cpu")
    assert computed


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("ctc_loss", "multi_margin_loss")])
def test_autocast_types(name: str, computed: list[str], uncompiled: None) -> None:
    torchcases.autocast_types(name, CASES[name], "cpu")
