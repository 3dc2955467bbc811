"""Functions of torch's whose loss has an algorithm of its own: vectors side by side, and sequences. On the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from .calls import HOST, again, alike, face, fit, given, large, numbers, reduction_of
from .direct import Direct
from .recipes import Given

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


@face(F.cosine_embedding_loss, first="input1", fixed=(2, "target"), direct=Direct(
    "torch.cosine_embedding_loss(input1, input2, target, margin, NUMBER[reduction])", "not target.requires_grad"
))  # fmt: skip
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """1 - cos(input1, input2) where the label is 1, max(0, cos(input1, input2) - margin) where it is -1.

    input1, input2 : (D) or (N, D); target : () or (N)

    See `fastloss.cosine_embedding`. Both vectors have gradients, 0 on the margin; a target that requires grad is an
    error: torch leaves it without a gradient. Near directions keep their digits; torch adds 1e-12 to the squares of
    both lengths, which short vectors feel. torch computes itself what has other labels (of which it takes the loss for
    0) and margins beyond -1 and 1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input1, input2, target, devices=HOST) or not alike(input1, input2):
        return None
    if input1.dim() not in (1, 2) or target.shape != input1.shape[:-1] or not numbers(margin):
        return None
    from ...structured.embeddings.pairs import cosine_embedding

    native = again(F.cosine_embedding_loss, margin=margin, reduction=reduction)
    return given(cosine_embedding, {"first": input1, "second": input2, "target": target}, native, wrt=(0, 1),
                 reduction=reduction, margin=float(margin))  # fmt: skip


def _triplets(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float, eps: float, reduction: str
) -> Given | None:
    """The call of triplets by their Euclidean distances.

    torch adds `eps` to each coordinate of both differences; it is added to the anchor, which stands first in both.
    """
    if not fit(reduction, anchor, positive, negative, devices=HOST) or not alike(anchor, positive, negative):
        return None
    if not anchor.dim() or not numbers(margin, eps) or margin <= 0:
        return None
    from ...structured.embeddings.pairs import triplet_margin

    shifted = anchor + eps if eps else anchor
    native = again(F.triplet_margin_loss, margin=margin, eps=0.0, reduction=reduction)
    return given(triplet_margin, {"anchor": shifted, "positive": positive, "negative": negative}, native, wrt=(0, 1, 2),
                 reduction=reduction, margin=float(margin))  # fmt: skip


@face(F.triplet_margin_loss, first="anchor", direct=Direct(
    "torch.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, NUMBER[reduction])", "margin > 0"
))  # fmt: skip
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Triplet loss: max(0, d(anchor, positive) - d(anchor, negative) + margin) of Euclidean distances.

    anchor, positive, negative : (D) or (..., D), of one shape

    `eps` is added to each coordinate of both differences, as by torch. See `fastloss.triplet_margin`, which adds
    nothing. All three have gradients, 0 on the margin. torch computes what has ``swap=True`` (whose third distance it
    shifts the other way), other norms than ``p=2``, and what it broadcasts.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if swap or p != 2:
        return None
    return _triplets(anchor, positive, negative, margin, eps, reduction)


@face(F.triplet_margin_with_distance_loss, first="anchor", direct=Direct(
    "F.triplet_margin_with_distance_loss(anchor, positive, negative, distance_function=distance_function, "
    "margin=margin, swap=swap, reduction=reduction)",
    "distance_function is None",
))  # fmt: skip
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Given | None:
    """`triplet_margin_loss` of any distance, which torch computes, but for the Euclidean one: the default, and
    `torch.nn.PairwiseDistance` with ``p=2``.
    """
    eps = 1e-6
    if isinstance(distance_function, torch.nn.PairwiseDistance):
        if distance_function.norm != 2 or distance_function.keepdim:
            return None
        eps = distance_function.eps
    elif distance_function is not None:
        return None
    return None if swap else _triplets(anchor, positive, negative, margin, eps, reduction)


@face(F.ctc_loss, first="log_probs", strict=True, direct=Direct(
    "torch.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, NUMBER[reduction], zero_infinity)",
    "targets.is_cpu and blank not in (symbols := {*(joined(targets.tolist()) if targets.dim() == 2 else "
    "targets.tolist())}) and all(map(range(log_probs.shape[-1]).__contains__, symbols))",
))  # fmt: skip
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Given | None:
    """Connectionist temporal classification: minus the log-likelihood of targets, over all of their alignments.

    log_probs : (T, N, C) or (T, C), logarithms of probabilities, as a log-softmax gives them
    targets : int64 or int32, (N, S), or all of them one after the other
    input_lengths, target_lengths : (N), or one number

    "mean" divides by the targets' lengths and then averages, "sum" and "none" do not. The gradient is that of the
    logits of which these are the log-softmax, as torch's. See `fastloss.ctc`. A blank inside of a target is an error,
    of which torch knows nothing, and so is a symbol that is no class, for which torch reads what lies beside. Where no
    alignment fits, the loss is infinite, or 0 with `zero_infinity`. On a GPU torch computes it.
    """
    classes = log_probs.shape[-1] if log_probs.dim() else 0
    if not large("ctc_loss", log_probs) and not _amiss(targets, target_lengths, blank, classes):
        return None
    lengths = [_lengths(x) for x in (input_lengths, target_lengths)]
    if any(x is None for x in lengths) or not fit(reduction, log_probs, targets, *lengths, devices=HOST):
        return None
    if log_probs.dim() not in (2, 3) or targets.dtype not in (torch.int64, torch.int32):
        return None
    if log_probs.dim() == 2 and not _one_target(targets, lengths[1]):
        return None
    from ...structured.ctc import ctc

    tensors = {"logits": log_probs, "targets": targets, "input_lengths": lengths[0], "target_lengths": lengths[1]}
    native = again(F.ctc_loss, blank=blank, reduction=reduction, zero_infinity=zero_infinity)
    return given(ctc, tensors, native, reduction=reduction, blank=blank, from_log_probs=True, time_major=True,
                 zero_infinity=bool(zero_infinity))  # fmt: skip


def _one_target(targets: Tensor, length: Any) -> bool:
    """Whether these are the symbols of one sequence, and no others: torch refuses them, or has them in a batch."""
    return targets.dim() == 1 and (torch.compiler.is_compiling() or targets.numel() == int(length.sum()))


def _amiss(targets: Any, lengths: Any, blank: int, classes: int) -> bool:
    """Whether the blank, or what is no class, may be among the symbols that count."""
    if not isinstance(targets, torch.Tensor) or not targets.is_cpu:
        return False
    symbols = targets.detach().numpy()
    found = (symbols == blank) | (symbols < 0) | (symbols >= classes)
    if not found.any():
        return False
    counts = lengths.numpy() if isinstance(lengths, torch.Tensor) else np.asarray(lengths)
    counts = counts.reshape(-1, 1)
    if found.ndim == 2 and len(counts) in (1, len(found)):
        found &= np.arange(found.shape[1]) < counts
    return bool(found.any())


def _lengths(given: Any) -> Tensor | None:
    """Whole numbers as a tensor; None for anything else."""
    found = given if isinstance(given, torch.Tensor) else torch.tensor(given) if given else None
    return found if found is not None and found.dtype in (torch.int64, torch.int32) else None
