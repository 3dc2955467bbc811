"""Losses as functions of torch's CUDA tensors: the laws that hold on the CPU, and what only a device can get wrong."""

from __future__ import annotations

from typing import Any

import pytest

import fastloss as fl

torch = pytest.importorskip("torch")

import torchlaws  # noqa: E402

from fastloss.torch import function  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")


@pytest.mark.parametrize("dtype", torchlaws.CLOSE, ids=str)
def test_first_derivatives(dtype: Any) -> None:
    torchlaws.first_derivatives("cuda", dtype)


@pytest.mark.parametrize("law", torchlaws.LAWS)
def test_laws(law: Any) -> None:
    law("cuda")


def test_nothing_waits_for_the_device() -> None:
    """Also where the number from above is on the device."""
    loss = function(fl.squared_error)
    x, y, above = (torch.randn(1000, device="cuda") for _ in range(3))
    x.requires_grad_()
    loss(x, y).backward(above[0])  # compiled by now
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss(x, y).backward(above[0])
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_tensors_in_two_places_are_an_error() -> None:
    x, y = torch.zeros(2, device="cuda"), torch.zeros(2)
    for given in ((x, y), (y, x)):
        with pytest.raises(ValueError, match="target is on device .*, and pred on .*: move one of them"):
            function(fl.squared_error)(*given)
    with pytest.raises(TypeError, match="giou_loss: pred is .*in GPU memory"):
        function(fl.giou_loss)(torch.zeros(1, 4, device="cuda"), torch.zeros(1, 4, device="cuda"))
