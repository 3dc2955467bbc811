"""Boxes and MultiBox beside the formulas in torch's operations, differentiated by autograd.

torchvision is no oracle for these: its complete IoU loss hands no eps on to the distance term, which shifts the value,
and its SSD counts matched priors twice where an image has few others.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastloss as fl

torch = pytest.importorskip("torch")


def formula(name: str, pred: Any, target: Any) -> Any:
    """Each box's loss."""
    size = (torch.minimum(pred[:, 2:], target[:, 2:]) - torch.maximum(pred[:, :2], target[:, :2])).clamp(min=0)
    around = torch.maximum(pred[:, 2:], target[:, 2:]) - torch.minimum(pred[:, :2], target[:, :2])
    sides, others = pred[:, 2:] - pred[:, :2], target[:, 2:] - target[:, :2]
    shared = size.prod(dim=1)
    union = sides.prod(dim=1) + others.prod(dim=1) - shared
    loss = 1 - shared / union
    if name == "giou_loss":
        return loss + 1 - union / around.prod(dim=1)
    if name in ("diou_loss", "ciou_loss"):
        away = (pred[:, :2] + pred[:, 2:] - target[:, :2] - target[:, 2:]) / 2
        distance = away.square().sum(dim=1) / around.square().sum(dim=1)
        if name == "ciou_loss":
            angles = [torch.atan(x[:, 0] / x[:, 1]) for x in (sides, others)]
            v = 4 / torch.pi**2 * (angles[0] - angles[1]).square()
            distance = distance + (v / (loss + v)).detach() * v
        return loss + distance
    return loss


@pytest.mark.parametrize("loss", [fl.iou_loss, fl.giou_loss, fl.diou_loss, fl.ciou_loss], ids=str)
def test_losses_of_boxes(loss: Any, rng: np.random.Generator) -> None:
    centers, sizes = rng.uniform(-1, 1, (2, 50, 2)), rng.uniform(0.2, 2, (2, 50, 2))
    pred, target = np.concatenate([centers - sizes, centers + sizes], axis=2)
    target[:5, 0] = pred[:5, 0]  # an end in common: autograd takes the mean of both sides, too
    given = torch.tensor(pred, requires_grad=True)
    each = formula(loss.name, given, torch.tensor(target))
    each.mean().backward()
    value, grad = loss.value_and_grad(pred, target)
    assert_allclose(value, each.mean().item(), rtol=1e-13)
    assert_allclose(grad, given.grad.numpy(), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_multibox(dtype: str) -> None:
    detection, frameworks = (importlib.import_module(f"bench.{name}") for name in ("detection", "frameworks"))
    given = detection.scenes(3, 5, dtype)
    expected, slopes = frameworks.backward(detection.torch_multibox(*given[2:]), given[:2], (0, 1))()
    value, grads = fl.multibox.value_and_grad(*given)
    assert_allclose(value, expected.item(), rtol=1e-5 if dtype == "float32" else 1e-12)
    for a, b in zip(grads, slopes, strict=True):
        close = {"rtol": 1e-4, "atol": 1e-7} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-15}
        assert_allclose(a, b.numpy(), **close)
