"""Functions of torch's of several classes, each of which has a score of its own: margins, and several labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from .calls import again, alike, by, derived, face, fit, given, numbers, over, reduction_of
from .classes import labelled, weighted
from .direct import Direct
from .recipes import Given

if TYPE_CHECKING:
    from torch import Tensor


@face(F.multi_margin_loss, direct=Direct(
    "nn.multi_margin_loss(input, target, p, margin, weight, NUMBER[reduction])",
    "(p == 1 or p == 2) and (weight is None or weight.dim() == 1)",
))  # fmt: skip
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Hinge loss of all wrong classes: the sum of max(0, margin + input - input at the label)^p, divided by C.

    input : (C) or (N, C); target : int64, () or (N); weight : (C)
        The mean divides by the number of rows, whatever their weights are.

    See `fastloss.multiclass_hinge_sum`. torch computes itself what has negative margins or weights.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input, target, weight) or input.dim() not in (1, 2) or not labelled(input, target):
        return None
    if p not in (1, 2) or not numbers(margin) or not weighted(input, weight):
        return None
    count = {} if weight is None else over(reduction, target.numel())
    native = again(F.multi_margin_loss, p=p, margin=margin, reduction=reduction)
    return given(by("multiclass_hinge_sum"), {"pred": input, "target": target, "class_weight": weight}, native,
                 reduction=reduction, margin=float(margin), power=float(p), **count)  # fmt: skip


@face(F.multilabel_margin_loss, direct=Direct("nn.multilabel_margin_loss(input, target, NUMBER[reduction])"))
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Hinge loss of several labels at a time: each is to score by 1 more than what is none. Divided by C.

    input : (C) or (N, C)
    target : int64 of the same shape
        The labels of each row, closed by -1; labels after it do not count.

    See `fastloss.multilabel_margin`. torch computes itself what names a label twice, which it counts twice; in a graph
    of torch.compile, where it has another loss altogether (2.13), such a label counts once.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input, target) or input.dim() not in (1, 2) or target.shape != input.shape:
        return None
    found = None if target.dtype != torch.int64 else _applying(target)
    if found is None:
        return None

    def native(pred: Tensor, target: Tensor, labels: Tensor = target) -> Tensor:
        return F.multilabel_margin_loss(pred, labels, reduction=reduction)

    return given(by("multilabel_margin"), {"pred": input, "target": found}, native, reduction=reduction)


def _applying(labels: Tensor) -> Tensor | None:
    """Which classes apply, from lists of labels closed by -1; None where one is no class, or there twice."""
    classes = labels.shape[-1]
    listed = (labels < 0).cumsum(-1) == 0
    places = torch.where(listed, labels, classes)
    known = not torch.compiler.is_compiling()
    if known and not -1 <= int(labels.min()) <= int(labels.max()) < classes:
        return None
    found = torch.zeros((*labels.shape[:-1], classes + 1), dtype=torch.bool, device=labels.device)
    found = found.scatter_(-1, places, True)[..., :classes]
    return None if known and bool(found.sum() != listed.sum()) else found


@face(F.multilabel_soft_margin_loss)
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Cross-entropy of each class's logit, averaged over the last axis, which is that of the classes.

    input, target : (C), (N, C) or (..., C), the target from 0 to 1; weight : (C)
        The mean divides by the number of rows, whatever the weights are.

    See `fastloss.multilabel_soft_margin`. torch computes itself what has weights of another shape, targets outside of 0
    and 1, or that require grad.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input, target, weight) or not input.dim() or not alike(input, target):
        return None
    if derived(target, weight) or (weight is not None and weight.shape != input.shape[-1:]):
        return None
    if weight is not None and weight.dtype != input.dtype:
        return None
    count = {} if weight is None else over(reduction, input.numel() // input.shape[-1])
    native = again(F.multilabel_soft_margin_loss, reduction=reduction)
    return given(by("multilabel_soft_margin"), {"pred": input, "target": target, "class_weight": weight}, native,
                 reduction=reduction, **count)  # fmt: skip
