"""Functions of torch's of two classes, and of pairs that belong together or not: a label for each element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from .calls import again, alike, by, derived, face, fit, given, numbers, over, reduction_of, spread
from .direct import Direct
from .recipes import Given

if TYPE_CHECKING:
    from torch import Tensor


def _of_probability(name: str, target: Tensor) -> tuple[Any, tuple[int, ...]]:
    """A loss of a prediction and a target, each of which has a gradient."""
    return (by(name, both=True), (0, 1)) if derived(target) else (by(name), (0,))


@face(F.binary_cross_entropy, direct=Direct(
    "nn.binary_cross_entropy(input, target, None if weight is None else "
    "weight.expand(torch.broadcast_shapes(target.size(), weight.size())), NUMBER[reduction])",
    "target.shape == input.shape",
))  # fmt: skip
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Cross-entropy of probabilities: -target log(input) - (1 - target) log(1 - input), logarithms at least -100.

    The mean divides by the number of elements, whatever their weights are; a weight broadcasts. Both input and target
    are from 0 to 1, and both have a gradient. See `fastloss.binary_cross_entropy`; of logits,
    `binary_cross_entropy_with_logits` is faster and exact.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input, target, weight) or not alike(input, target) or not spread(input, weight):
        return None
    if derived(weight):
        return None
    loss, wrt = _of_probability("binary_cross_entropy", target)
    count = {} if weight is None else over(reduction, input.numel())
    native = again(F.binary_cross_entropy, reduction=reduction)
    return given(loss, {"pred": input, "target": target, "weight": weight}, native, wrt=wrt, reduction=reduction,
                 **count)  # fmt: skip


@face(F.binary_cross_entropy_with_logits, direct=Direct(
    "torch.binary_cross_entropy_with_logits(input, target, weight, pos_weight, NUMBER[reduction])",
    "target.shape == input.shape",
))  # fmt: skip
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Given | None:
    """Cross-entropy of logits: pos_weight target log(1 + exp(-input)) + (1 - target) log(1 + exp(input)).

    The mean divides by the number of elements, whatever their weights are; `weight` and `pos_weight` broadcast. The
    target has a gradient, too. No confident prediction loses its digits, and an infinite logit gives the limit (torch:
    NaN). See `fastloss.binary_cross_entropy_with_logits`.

    >>> import torch
    >>> import fastloss.torch as flt
    >>> logits = torch.zeros(2, requires_grad=True)
    >>> loss = flt.binary_cross_entropy_with_logits(logits, torch.tensor([1.0, 0.0]), pos_weight=torch.tensor(3.0))
    >>> loss.backward()
    >>> logits.grad
    tensor([-0.7500,  0.2500])
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input, target, weight, pos_weight) or not alike(input, target) or derived(weight, pos_weight):
        return None
    if not spread(input, weight) or not spread(input, pos_weight):
        return None
    alone = pos_weight is not None and pos_weight.numel() == 1 and pos_weight.is_cpu
    number = pos_weight if alone and not torch.compiler.is_compiling() else None
    own = {} if number is None else {"pos_weight": number}
    native = again(F.binary_cross_entropy_with_logits, reduction=reduction, **own)
    loss, wrt = _of_probability("binary_cross_entropy_with_logits", target)
    keywords: dict[str, Any] = {} if weight is None else over(reduction, input.numel())
    if number is not None:
        keywords["pos_weight"], pos_weight = number.item(), None
    return given(loss, {"pred": input, "target": target, "weight": weight, "pos_weight": pos_weight}, native, wrt=wrt,
                 reduction=reduction, **keywords)  # fmt: skip


@face(F.soft_margin_loss, direct=Direct("nn.soft_margin_loss(input, target, NUMBER[reduction])"))
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Logistic loss of a margin: log(1 + exp(-target input)), labels -1 and 1. See `fastloss.logistic`.

    Nothing overflows: torch's is infinite, and its gradient NaN, from margins of -89 on in float32. torch computes
    itself what has other labels.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input, target) or not alike(input, target) or derived(target):
        return None
    native = again(F.soft_margin_loss, reduction=reduction)
    return given(by("logistic"), {"pred": input, "target": target}, native, reduction=reduction)


@face(F.hinge_embedding_loss, fixed=(1, "target"), direct=Direct(
    "torch.hinge_embedding_loss(input, target, margin, NUMBER[reduction])", "not target.requires_grad"
))  # fmt: skip
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Distance where the label is 1, max(0, margin - input) where it is -1. See `fastloss.hinge_embedding`.

    On the margin the gradient is 0 (torch's that of the active side, until 2.15). A target that requires grad is an
    error: torch leaves it without a gradient. torch computes itself what has other labels (of which it adds both
    terms), and negative margins.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input, target) or not alike(input, target) or not numbers(margin):
        return None
    native = again(F.hinge_embedding_loss, margin=margin, reduction=reduction)
    return given(by("hinge_embedding"), {"pred": input, "target": target}, native, reduction=reduction,
                 margin=float(margin))  # fmt: skip


@face(F.margin_ranking_loss, first="input1", direct=Direct(
    "torch.margin_ranking_loss(input1, input2, target, margin, NUMBER[reduction])",
    "input1.dim() == input2.dim() == target.dim()",
))  # fmt: skip
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """What the score that should be the higher one lacks to a margin: max(0, margin - target (input1 - input2)).

    See `fastloss.margin_ranking`. Both scores have gradients. On the margin they are 0 (torch's those of the active
    side, until 2.15), so that equal scores stay where they are with the default margin of 0. torch computes itself what
    has labels other than -1 and 1, what it broadcasts, negative margins, and targets that require grad.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input1, input2, target) or not alike(input1, input2, target):
        return None
    if derived(target) or not numbers(margin):
        return None
    native = again(F.margin_ranking_loss, margin=margin, reduction=reduction)
    return given(by("margin_ranking"), {"pred": input1, "other": input2, "target": target}, native, wrt=(0, 1),
                 reduction=reduction, margin=float(margin))  # fmt: skip
