"""A call of each of torch's loss functions on any device, held against torch's own on the CPU in float64."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from fastloss.torch import functional

NAMES = functional.__all__

TORCHS = {"nll_loss", "multilabel_margin_loss", "cosine_embedding_loss", "triplet_margin_loss",
          "triplet_margin_with_distance_loss", "ctc_loss"}  # fmt: skip
"""What torch computes on a GPU."""

ONCE = {"ctc_loss", "multi_margin_loss", "multilabel_margin_loss"}
"""What torch differentiates once."""

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-11, torch.bfloat16: 2e-2}
"""Of the largest: bfloat16 rounds a gradient by 1/256, and once more when upstream has multiplied it."""

LOOSE = {
    # Products of 16 numbers, and logits that are rounded before their softmax.
    ("linear_cross_entropy", torch.float32): 1e-4, ("linear_cross_entropy", torch.bfloat16): 1e-1,
    # Their own constants: see `torchface.DIFFERENT`, which matter where these are computed here.
    **{(n, torch.float64): 1e-8 for n in ("cosine_embedding_loss", "triplet_margin_loss",
                                          "triplet_margin_with_distance_loss")},
    **{(n, torch.float32): 1e-4 for n in ("cosine_embedding_loss", "triplet_margin_loss",
                                          "triplet_margin_with_distance_loss", "ctc_loss")},
}  # fmt: skip


class Case(NamedTuple):
    """Arguments of a call in float64 on the CPU."""

    args: list[Any]
    keywords: dict[str, Any]
    places: tuple[int, ...] = (0,)
    """Which of them have gradients."""


def cases(n: int, k: int, layer: int) -> dict[str, Case]:
    """By the function's name: of `n` elements or rows of `k` classes, a layer's of as many rows as `layer`.

    No margin is a number of 16 bits: on it torch's gradients are others.
    """
    draw = torch.Generator().manual_seed(7)

    def real(*shape: int) -> Any:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    def label(*shape: int, low: int = 0) -> Any:
        return torch.randint(low, k, shape, generator=draw)

    x, y = real(n), real(n)
    p, t, signs = 0.05 + 0.9 * x.sigmoid(), 0.05 + 0.9 * y.sigmoid(), torch.where(real(n) > 0, 1.0, -1.0).double()
    rows, others, third, labels = real(n // 8, k), real(n // 8, k), real(n // 8, k), label(n // 8)
    lists = torch.stack([torch.randperm(k, generator=draw) for _ in range(n // 8)])
    lists[:, 2] = -1
    side = torch.where(real(n // 8) > 0, 1.0, -1.0).double()
    residual = Case([x, y], {})
    return {
        "mse_loss": residual, "l1_loss": residual, "smooth_l1_loss": Case([x, y], {"beta": 0.7}),
        "huber_loss": Case([x, y], {"delta": 0.7}), "poisson_nll_loss": Case([x, y.abs()], {}),
        "gaussian_nll_loss": Case([x, y, p], {}, (0, 2)), "binary_cross_entropy": Case([p, t], {}),
        "binary_cross_entropy_with_logits": Case([x, t], {}), "soft_margin_loss": Case([x, signs], {}),
        "hinge_embedding_loss": Case([x, signs], {"margin": 1.0301}),
        "margin_ranking_loss": Case([x, y, signs], {"margin": 0.0301}, (0, 1)),
        "cross_entropy": Case([rows, labels], {}), "nll_loss": Case([rows.log_softmax(-1), labels], {}),
        "multi_margin_loss": Case([rows, labels], {"margin": 1.0301}), "multilabel_margin_loss": Case([rows, lists], {}),
        "multilabel_soft_margin_loss": Case([rows, others.sigmoid().round()], {}),
        "kl_div": Case([rows.log_softmax(-1), others.softmax(-1)], {}),
        "cosine_embedding_loss": Case([rows, others, side], {"margin": 0.0301}, (0, 1)),
        "triplet_margin_loss": Case([rows, others, third], {"margin": 1.0301}, (0, 1, 2)),
        "triplet_margin_with_distance_loss": Case([rows, others, third], {"margin": 1.0301}, (0, 1, 2)),
        "linear_cross_entropy": Case([real(layer, 16), real(k, 16), label(layer)], {}, (0, 1)),
        "ctc_loss": Case([real(12, 3, k).log_softmax(-1), label(3, 4, low=1), [12, 11, 9], [4, 3, 2]], {}),
    }  # fmt: skip


def native(name: str) -> Any:
    """torch's own function."""
    return functional.classes._own_linear_cross_entropy if name == "linear_cross_entropy" else getattr(F, name)


def placed(case: Case, device: str, dtype: Any) -> tuple[list[Any], list[Any]]:
    """Its arguments there, floats in a type; and those of them that have gradients.

    All are copies: what requires grad must not be the case's, of which later tensors would be no leaves any more.
    """
    args = [x.to(device, dtype if x.is_floating_point() else None, copy=True) if torch.is_tensor(x) else x
            for x in case.args]  # fmt: skip
    for k in case.places:
        args[k].requires_grad_()
    return args, [args[k] for k in case.places]


def both(function: Any, args: list[Any], leaves: list[Any], above: Any = None, **keywords: Any) -> tuple[Any, ...]:
    """The value and its gradients."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a mean that is no divergence, of chunks
        value = function(*args, **keywords)
    return value.detach(), *torch.autograd.grad(value, leaves, None if above is None else above.to(value))


def values_and_gradients(name: str, case: Case, device: str, dtype: Any) -> None:
    """As torch's in float64, of the same rounded numbers, with each reduction."""
    args, leaves = placed(case, device, dtype)
    wide = case._replace(args=[x.to(dtype).double() if torch.is_tensor(x) and x.is_floating_point() else x
                               for x in case.args])  # fmt: skip
    exact, own = placed(wide, "cpu", torch.float64)
    limit = LOOSE.get((name, dtype), TOLERANCE[dtype])
    with torch.no_grad():
        each = both_of(native(name), exact, case, "none").abs()
    for reduction in ("mean", "sum", "none"):
        # By nothing, which is 1; by a number that all types hold; by one for each value.
        one = None if reduction == "mean" else torch.tensor(0.375, dtype=torch.float64)
        above = torch.rand(each.shape, dtype=torch.float64) + 0.5 if reduction == "none" else one
        keywords = {**case.keywords, "reduction": reduction}
        expected = both(native(name), exact, own, above, **keywords)
        found = both(getattr(functional, name), args, leaves, above, **keywords)
        # The terms of a sum may have both signs.
        scale = {"mean": each.mean(), "sum": each.sum(), "none": each.max()}[reduction]
        assert found[0].device == leaves[0].device
        close(found[0], expected[0], limit, float(scale))
        for a, b, x in zip(found[1:], expected[1:], leaves, strict=True):
            assert a.dtype is dtype and a.device == x.device
            close(a, b, limit, float(b.abs().max()))


def handed_over(name: str, case: Case, device: str, dtype: Any) -> None:
    """What torch computes is torch's own of the same tensors, whatever it rounds in between."""
    args, leaves = placed(case, device, dtype)
    for reduction in ("mean", "sum", "none"):
        keywords = {**case.keywords, "reduction": reduction}
        with torch.no_grad():
            above = torch.rand_like(both_of(native(name), args, case, reduction)) + 0.5
        found = both(getattr(functional, name), args, leaves, above, **keywords)
        for a, b in zip(found, both(native(name), args, leaves, above, **keywords), strict=True):
            assert a.dtype is b.dtype and a.device == b.device
            torch.testing.assert_close(a, b)


def both_of(function: Any, args: list[Any], case: Case, reduction: str) -> Any:
    """The values alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **case.keywords, reduction=reduction)


def close(found: Any, expected: Any, limit: float, scale: float) -> None:
    """Numbers that are off by a share of the largest at most."""
    torch.testing.assert_close(found.double().cpu(), expected, rtol=limit, atol=limit * scale)


def second_derivatives(name: str, case: Case, device: str) -> None:
    """Those of a product with the gradients, as torch's."""
    found = []
    for function, where in ((getattr(functional, name), device), (native(name), "cpu")):
        args, leaves = placed(case, where, torch.float64)
        value = both_of(function, args, case, "mean")
        grads = torch.autograd.grad(value, leaves, create_graph=True)
        product = sum((g * x.detach().cos()).sum() for g, x in zip(grads, leaves, strict=True))
        more = (
            torch.autograd.grad(product, leaves, allow_unused=True) if product.requires_grad else [None] * len(leaves)
        )
        found.append([torch.zeros_like(x) if g is None else g for g, x in zip(more, leaves, strict=True)])
    for a, b in zip(*found, strict=True):
        close(a, b, LOOSE.get((name, torch.float64), TOLERANCE[torch.float64]), float(b.abs().max()))


def autocast_types(name: str, case: Case, device: str) -> None:
    """The value's type of 16-bit tensors is torch's own under autocast."""
    args, leaves = placed(case, device, torch.bfloat16)
    with torch.autocast(device, dtype=torch.bfloat16):
        found = both(getattr(functional, name), args, leaves, **case.keywords)
        assert all(g.dtype is torch.bfloat16 for g in found[1:])
        try:
            expected = both_of(native(name), args, case, "mean")
        except RuntimeError:  # CUDA's autocast takes no cross-entropy of probabilities, as unsafe: here it is not
            assert name == "binary_cross_entropy"
            return
    assert found[0].dtype is expected.dtype
