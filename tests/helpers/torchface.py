"""torch's loss functions beside torch's own: values, gradients, and derivatives of gradients, in float64."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from fastloss.torch import functional

NAMES = functional.__all__

INPUTS = {
    "mse_loss": (0, 1), "l1_loss": (0, 1), "smooth_l1_loss": (0, 1), "huber_loss": (0, 1), "gaussian_nll_loss": (0, 2),
    "binary_cross_entropy": (0, 1), "binary_cross_entropy_with_logits": (0, 1), "margin_ranking_loss": (0, 1),
    "cosine_embedding_loss": (0, 1), "triplet_margin_loss": (0, 1, 2), "triplet_margin_with_distance_loss": (0, 1, 2),
    "linear_cross_entropy": (0, 1),
}  # fmt: skip
"""Which tensors have gradients here, where it is not the first alone."""

DIFFERENT = {
    "cosine_embedding_loss": (1e-9, "torch adds 1e-12 to the squares of both lengths"),
    "triplet_margin_loss": (1e-9, "the epsilon is added to the anchor before the difference is rounded"),
    "triplet_margin_with_distance_loss": (1e-9, "the same"),
}
"""How far results may be from torch's, where it is more than rounding, and why."""


def derivatives(function: Any, args: list[Any], keywords: Any, places: tuple[int, ...], order: int) -> list[Any]:
    """The value, the gradients, and those of the gradients' product with something."""
    args = [x.detach().clone().requires_grad_() if k in places else x for k, x in enumerate(args)]
    inputs = [args[k] for k in places]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a mean that is no divergence, of chunks
        value = function(*args, **keywords)
    found = [value.detach()]
    torch.manual_seed(1)
    upstream = (torch.rand(value.shape, dtype=torch.float64) + 0.5).to(value)  # the same of every type
    grads = torch.autograd.grad(value, inputs, upstream, create_graph=order > 1)
    found += [g.detach() for g in grads]
    if order > 1:
        product = sum((g * torch.rand_like(g)).sum() for g in grads)
        if product.requires_grad:
            second = torch.autograd.grad(product, inputs, allow_unused=True)
            found += [torch.zeros_like(x) if g is None else g for g, x in zip(second, inputs, strict=True)]
        else:
            found += [torch.zeros_like(x) for x in inputs]
    return found


def same(name: str, found: list[Any], expected: list[Any], **tolerance: float) -> None:
    limit = DIFFERENT.get(name, (1e-11,))[0]
    tolerance = {"rtol": limit, "atol": limit * 1e-1, **tolerance}
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, equal_nan=True, **tolerance)


def numbers(*shape: int, low: float = -2.0, high: float = 2.0, dtype: Any = None) -> Any:
    return low + (high - low) * torch.rand(*shape, dtype=dtype or torch.float64)
