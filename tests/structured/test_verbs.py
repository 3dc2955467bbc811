"""What the verbs of all losses with an algorithm of their own say of their arguments."""

from __future__ import annotations

import inspect

import pytest

import fastloss as fl
from fastloss.structured.verbs import HostLoss

LOSSES = [x for x in (getattr(fl, name) for name in dir(fl)) if isinstance(x, HostLoss)]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("verb", ["__call__", "value_and_grad", "grad"])
def test_errors_name_the_argument(loss: HostLoss, verb: str) -> None:
    call, inputs = getattr(loss, verb), [[0.0]] * len(loss.inputs)
    with pytest.raises(TypeError, match=f"^{loss.name}: {loss.inputs[-1]} is missing, expected {loss.inputs[0]}"):
        call(*inputs[:-1])
    with pytest.raises(TypeError, match=f"^{loss.name}: {len(inputs) + 1} inputs are given, expected "):
        call(*inputs, 1.0)
    with pytest.raises(
        TypeError, match=f"^{loss.name}: {loss.inputs[0]} is given by position and by name, expected once$"
    ):
        call(*inputs, **{loss.inputs[0]: [0.0]})


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_each_shows_what_it_takes(loss: HostLoss) -> None:
    shown = inspect.signature(loss.grad).parameters
    assert list(shown)[: len(loss.inputs)] == list(loss.inputs)
    assert list(shown)[-len(loss.keywords) :] == list(loss.keywords)
    assert {n: x.default for n, x in inspect.signature(loss).parameters.items()} == {
        n: x.default for n, x in shown.items()
    }


def test_there_are_all_of_them() -> None:
    assert len(LOSSES) == 24
