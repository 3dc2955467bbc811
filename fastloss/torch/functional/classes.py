"""Functions of torch's of several classes: cross-entropies by labels or by a mass for each class.

Classes are along axis 1, or along the only one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from .calls import FLOATS, again, alike, by, derived, face, fit, given, knowable, numbers, over, reduction_of, whole
from .direct import Direct
from .recipes import Given

if TYPE_CHECKING:
    from torch import Tensor


def _axis(x: Tensor) -> int:
    """That of the classes."""
    return min(x.dim(), 2) - 1


def labelled(x: Tensor, target: Tensor) -> bool:
    """Whether the target is a label for each row of scores."""
    axis = _axis(x)
    return target.dtype == torch.int64 and target.shape == x.shape[:axis] + x.shape[axis + 1 :]


def weighted(x: Tensor, weight: Tensor | None) -> bool:
    """Whether the weight, if there is one, is a constant for each class."""
    if weight is None:
        return True
    return weight.dtype == x.dtype and weight.shape == x.shape[_axis(x) : _axis(x) + 1] and not derived(weight)


@face(F.nll_loss, direct=Direct("nn.nll_loss_nd(input, target, weight, NUMBER[reduction], ignore_index)"))
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Negative log-likelihood of log-probabilities: -input at the label. See `fastloss.negative_log_likelihood`.

    input : (C), (N, C) or (N, C, d1, ...); target : int64 of the same shape without the classes; weight : (C)
        The mean divides by the sum of the labels' weights.

    A label that is no class is an error that says where it is. Negative weights and labels in uint8 are torch's own to
    compute. If you have logits, `cross_entropy` is one pass, and exact.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not fit(reduction, input, target, weight) or not input.dim() or not labelled(input, target):
        return None
    if not weighted(input, weight) or not whole(ignore_index):
        return None
    native = again(F.nll_loss, ignore_index=ignore_index, reduction=reduction)
    return given(by("negative_log_likelihood"), {"pred": input, "target": target, "class_weight": weight}, native,
                 reduction=reduction, axis=_axis(input), ignore_index=ignore_index)  # fmt: skip


def _own_cross_entropy(*args: Any, inplace: bool = False, **keywords: Any) -> Tensor:
    return F.cross_entropy(*args, **keywords)


@face(_own_cross_entropy, direct=Direct(
    "nn.cross_entropy_loss(input, target, weight, NUMBER[reduction], ignore_index, label_smoothing)"
))  # fmt: skip
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    inplace: bool = False,
) -> Given | None:
    """Cross-entropy of logits: the loss of classifiers and of language models. See `fastloss.cross_entropy`.

    input : (C), (N, C) or (N, C, d1, ...)
    target : int64 of the same shape without the classes, or a mass for each class in the shape and dtype of `input`
    weight : (C)
        Of labels, the mean divides by the sum of their weights; of masses, by the number of rows.
    inplace : bool
        Not torch's: whether the gradient may overwrite the logits, which then are of no use any more. It saves the
        memory of one of them. Logits that are a leaf, or that another operator still needs, are an error, as for any
        of torch's own operators in place. What torch computes, and what needs no gradient, overwrites nothing.

    No confident prediction loses its digits. A class may be masked with a logit of -inf, if its mass is 0. A label that
    is no class is an error that says where it is. torch computes itself what has masses that require grad or are
    negative, negative weights, and weights of 0 together with label smoothing.

    >>> import torch
    >>> import fastloss.torch as flt
    >>> logits = torch.tensor([[0.0, 0.0], [3.0, 3.0]], requires_grad=True)
    >>> flt.cross_entropy(logits, torch.tensor([0, 1])).backward()
    >>> logits.grad
    tensor([[-0.2500,  0.2500],
            [ 0.2500, -0.2500]])
    """
    reduction = reduction_of(size_average, reduce, reduction)
    options = _entropy(reduction, input, target, weight, ignore_index, label_smoothing)
    if options is None:
        return None
    native = again(F.cross_entropy, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)
    return given(by("cross_entropy"), {"pred": input, "target": target, "class_weight": weight}, native,
                 inplace=inplace, lasting=weight is None or not label_smoothing, axis=_axis(input),
                 **options)  # fmt: skip


def _entropy(
    reduction: str, x: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, smoothing: float
) -> dict[str, Any] | None:
    """The keywords of a cross-entropy; None for what is torch's own to compute."""
    if not fit(reduction, x, target, weight) or not x.dim() or not weighted(x, weight):
        return None
    if not whole(ignore_index) or not numbers(smoothing) or not 0.0 <= smoothing <= 1.0:
        return None
    if smoothing and weight is not None and not (knowable(weight) and bool((weight.detach() > 0).all())):
        return None
    found: dict[str, Any] = {"reduction": reduction}
    if smoothing:
        found["label_smoothing"] = float(smoothing)
    if labelled(x, target):
        return {**found, "ignore_index": ignore_index}
    if not alike(x, target) or derived(target) or ignore_index >= 0:
        return None
    return {**found, **over(reduction, x.numel() // x.shape[_axis(x)])}


@face(F.kl_div, direct=Direct(
    "torch.kl_div(input, target, 2, log_target=log_target) / input.shape[0] if reduction == 'batchmean' else "
    "torch.kl_div(input, target, NUMBER[reduction], log_target=log_target)",
    "reduction != 'mean' and input.dim()",
))  # fmt: skip
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Given | None:
    """Kullback-Leibler divergence of log-probabilities from a target: the sum of target (log(target) - input).

    With ``log_target=True`` the target is a logarithm, too. "batchmean" divides by the length of the first axis; "mean"
    divides by the number of elements, which is no divergence (of what torch computes, torch warns of it). See
    `fastloss.kl_divergence_log` and `fastloss.kl_divergence_log_target`. torch computes "none", what has targets that
    require grad, and "batchmean" together with an older spelling, by both of which it divides.
    """
    if reduction == "batchmean" and not (size_average is None and reduce is None):
        return None
    reduction = reduction_of(size_average, reduce, reduction)

    def native(pred: Tensor, target: Tensor) -> Tensor:
        value = F.kl_div(pred, target, reduction="sum", log_target=log_target)
        return value if reduction == "sum" else value / count

    if reduction not in ("mean", "sum", "batchmean") or not fit("sum", input, target) or not input.dim():
        return None
    if not alike(input, target) or derived(target):
        return None
    count = input.shape[0] if reduction == "batchmean" else input.numel()
    loss = by("kl_divergence_log_target" if log_target else "kl_divergence_log")
    kind = "sum" if reduction == "sum" else "mean"
    return given(loss, {"pred": input, "target": target}, native, reduction=kind, **over(kind, count))


def _own_linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    ignore_index: int | None = None, options: Any = None, **keywords: Any,
) -> Tensor:  # fmt: skip
    """torch's own, and its meaning for a torch that has none."""
    own = getattr(F, "linear_cross_entropy", None)
    if own is not None:
        found: Tensor = own(input, linear_weight, target, linear_bias=linear_bias, ignore_index=ignore_index,
                            options=options, **keywords)  # fmt: skip
        return found
    logits = F.linear(input, linear_weight.flatten(0, -2), None if linear_bias is None else linear_bias.flatten())
    logits = logits.reshape(*input.shape[:-1], *linear_weight.shape[:-1])
    return F.cross_entropy(logits, target, ignore_index=-100 if ignore_index is None else ignore_index, **keywords)


@face(_own_linear_cross_entropy, layer=(1, "linear_weight"), direct=Direct(
    "nn.cross_entropy_loss(F.linear(input, linear_weight, linear_bias), target, weight, NUMBER[reduction], "
    "-100 if ignore_index is None else ignore_index, label_smoothing)",
    "options is None and linear_weight.dim() == 2 and 0 < input.dim() < 3 and "
    "(linear_bias is None or linear_bias.shape == linear_weight.shape[:1]) and "
    "(ignore_index is None or target.dim() < input.dim())",
    classes="linear_weight.shape[0]",
))  # fmt: skip
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Given | None:
    """`cross_entropy` of input @ linear_weight.T + linear_bias, of which a chunk of rows is held at a time.

    input : (d) or (N, d); linear_weight : (C, d); linear_bias, weight : (C)
    target : int64, () or (N); or a mass for each class, (C) or (N, C)

    All three of the layer's tensors have gradients. See `fastloss.linear_cross_entropy`; `options` is what torch makes
    of it where it computes: "none", weights of more than two axes, and what `cross_entropy` leaves to it.
    """
    if reduction == "none" or not fit(reduction, input, linear_weight, target, linear_bias, weight):
        return None
    if input.dim() not in (1, 2) or linear_weight.dim() != 2 or linear_weight.dtype != input.dtype:
        return None
    classes = linear_weight.shape[0]
    if not classes or linear_weight.shape[1] != input.shape[-1]:
        return None
    if linear_bias is not None and (linear_bias.shape != (classes,) or linear_bias.dtype != input.dtype):
        return None
    soft = target.dtype in FLOATS
    if soft and ignore_index is not None:
        return None
    index = -100 if ignore_index is None else ignore_index
    logits = torch.empty((), dtype=input.dtype, device=input.device).expand(*input.shape[:-1], classes)
    found = _entropy(reduction, logits, target, weight, index, label_smoothing)
    if found is None:
        return None

    def native(
        hidden: Tensor, weight: Tensor, labels: Tensor, bias: Tensor | None = None, class_weight: Tensor | None = None
    ) -> Tensor:
        return F.cross_entropy(F.linear(hidden, weight, bias), labels, class_weight, ignore_index=index,
                               reduction=reduction, label_smoothing=label_smoothing)  # fmt: skip

    from ...fused.linear import linear_cross_entropy as loss

    tensors = {"hidden": input, "weight": linear_weight, "labels": target, "bias": linear_bias, "class_weight": weight}
    return given(loss, tensors, native, wrt=(0, 1) if linear_bias is None else (0, 1, 3),
                 lasting=weight is None or not label_smoothing, **found)  # fmt: skip
