"""What losses as functions of tensors promise on any device, beside torch's own operations there."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

import fastloss as fl
from fastloss.torch import function

CLOSE = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 2e-3, torch.bfloat16: 1e-2}


def drawn(device: str, dtype: Any, *shape: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5)).to(device, dtype)


def first_derivatives(device: str, dtype: Any) -> None:
    """Of elements and rows, by a number from above and by one for each of them."""
    labels = torch.tensor([0, 3, 1, 1], device=device)
    cases = [
        (function(fl.squared_error), F.mse_loss, (4, 5), drawn(device, dtype, 5, 4).t()),
        (function(fl.LOSSES["cross_entropy"]), F.cross_entropy, (4, 5), labels),
        (function(fl.LOSSES["cross_entropy"]), F.cross_entropy, (4, 5, 3), labels[:, None].expand(4, 3)),
    ]
    for ours, theirs, shape, target in cases:
        x = drawn(device, dtype, *shape).requires_grad_()
        wide = x.detach().double().requires_grad_()
        other = target.double() if target.is_floating_point() else target
        for reduction in ("mean", "sum", "none"):
            value, expected = ours(x, target, reduction=reduction), theirs(wide, other, reduction=reduction)
            above = drawn(device, torch.float64, *value.shape)
            assert value.device == x.device
            torch.testing.assert_close(value.double(), expected, rtol=CLOSE[dtype], atol=CLOSE[dtype])
            (grad,) = torch.autograd.grad(value, x, above.to(value.dtype))
            (slope,) = torch.autograd.grad(expected, wide, above)
            assert grad.dtype is dtype
            torch.testing.assert_close(grad.double(), slope, rtol=4 * CLOSE[dtype], atol=4 * CLOSE[dtype])


def a_loss_of_many_keeps_small_gradients(device: str) -> None:
    x = drawn(device, torch.float16, 4).requires_grad_()
    value = function(fl.squared_error)(x, torch.zeros_like(x), normalizer=1e9)
    (value * 2.0**16).backward()
    torch.testing.assert_close(x.grad.double(), x.detach().double() * (2.0**17 / 1e9), rtol=2e-2, atol=1e-7)


def backward_passes(device: str) -> None:
    """Several of them, twice as deep, and over the scores."""
    x, y = drawn(device, torch.float64, 4, 3).requires_grad_(), torch.tensor([0, 2, 1, 1], device=device)
    ours = function(fl.LOSSES["cross_entropy"])
    found = []
    for f in (ours, F.cross_entropy):
        value = f(x, y)
        grads = [torch.autograd.grad(k * value, x, retain_graph=True)[0] for k in (1.0, 3.0, 1.0)]
        (grad,) = torch.autograd.grad(value, x, create_graph=True)
        found.append([*grads, *torch.autograd.grad(grad.square().sum(), x)])
    torch.testing.assert_close(*found)
    scores = x * 1.0
    (grad,) = torch.autograd.grad(2 * ours(scores, y, inplace=True), x)
    torch.testing.assert_close(grad, 2 * found[1][0])


def transforms(device: str) -> None:
    x, y = drawn(device, torch.float64, 4), torch.zeros(4, dtype=torch.float64, device=device)
    ours = function(fl.pseudo_huber)

    def theirs(a: Any, b: Any) -> Any:
        return ((1 + (a - b).square()).sqrt() - 1).mean()

    for transform in (torch.func.grad, torch.func.hessian, torch.func.jacfwd):
        torch.testing.assert_close(transform(ours)(x, y), transform(theirs)(x, y))


LAWS = [a_loss_of_many_keeps_small_gradients, backward_passes, transforms]
