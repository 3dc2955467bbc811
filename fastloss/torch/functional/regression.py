"""Functions of torch's for regression: squared, absolute and Huber's errors, counts, and predicted variances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from .calls import again, alike, by, derived, face, fit, given, knowable, numbers, over, reduction_of
from .direct import Direct
from .recipes import Given

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def _of_residual(
    name: str, reduction: str, input: Tensor, target: Tensor, weight: Tensor | None, native: Callable[..., Tensor],
    **keywords: Any,
) -> Given | None:  # fmt: skip
    """The call of a loss of input - target, which both have a gradient."""
    if not fit(reduction, input, target, weight) or not alike(input, target, weight) or derived(weight):
        return None
    both = derived(target)
    loss, wrt = (by(name, both=True), (0, 1)) if both else (by(name), (0,))
    return given(loss, {"pred": input, "target": target, "weight": weight}, native, wrt=wrt, reduction=reduction,
                 **keywords)  # fmt: skip


@face(F.mse_loss, direct=Direct(
    "nn.mse_loss(input, target, NUMBER[reduction]) if weight is None else "
    "F.mse_loss(input, target, None, None, reduction, weight)",
    "target.shape == input.shape",
))  # fmt: skip
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Given | None:
    """Squared error, (input - target)^2; the mean divides by the sum of the weights. See `fastloss.squared_error`.

    The target has a gradient, too. torch computes itself what it broadcasts (with a warning).

    >>> import torch
    >>> import fastloss.torch as flt
    >>> pred = torch.tensor([1.0, 4.0], requires_grad=True)
    >>> flt.mse_loss(pred, torch.tensor([0.0, 2.0])).backward()
    >>> pred.grad
    tensor([1., 2.])
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return _of_residual("squared_error", reduction, input, target, weight, again(F.mse_loss, reduction=reduction))


@face(F.l1_loss, direct=Direct(
    "nn.l1_loss(input, target, NUMBER[reduction]) if weight is None else "
    "F.l1_loss(input, target, None, None, reduction, weight)",
    "target.shape == input.shape",
))  # fmt: skip
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Given | None:
    """Absolute error, |input - target|; the mean divides by the sum of the weights. See `fastloss.absolute_error`.

    Computed here, the gradient is NaN where an input is (torch's own is 0 there), and 0 where both are equal. The
    target has one, too.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return _of_residual("absolute_error", reduction, input, target, weight, again(F.l1_loss, reduction=reduction))


@face(F.smooth_l1_loss, direct=Direct(
    "nn.smooth_l1_loss(input, target, NUMBER[reduction], beta)", "beta != 0 and target.shape == input.shape"
))  # fmt: skip
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Given | None:
    """Squared error below `beta`, absolute error beyond, with slope 1 at the end. See `fastloss.smooth_l1`.

    (input - target)^2 / (2 beta), or |input - target| - beta / 2; with ``beta=0`` the absolute error. The target has a
    gradient, too.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not numbers(beta):
        return None
    native = again(F.smooth_l1_loss, reduction=reduction, beta=beta)
    if beta == 0:
        return _of_residual("absolute_error", reduction, input, target, None, native)
    return _of_residual("smooth_l1", reduction, input, target, None, native, beta=float(beta))


@face(F.huber_loss, direct=Direct(
    "nn.huber_loss(input, target, NUMBER[reduction], delta) if weight is None else "
    "F.huber_loss(input, target, reduction, delta, weight)",
    "target.shape == input.shape",
))  # fmt: skip
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Given | None:
    """Squared error up to `delta`, absolute error beyond. See `fastloss.huber`.

    (input - target)^2 / 2, or delta (|input - target| - delta / 2). The mean divides by the number of elements,
    whatever their weights are, as torch's does for this function alone. The target has a gradient, too.
    """
    if not numbers(delta):
        return None
    native = again(F.huber_loss, reduction=reduction, delta=delta)
    count = {} if weight is None else over(reduction, input.numel())
    return _of_residual("huber", reduction, input, target, weight, native, delta=float(delta), **count)


@face(F.poisson_nll_loss, direct=Direct(
    "torch.poisson_nll_loss(input, target, log_input, full, eps, NUMBER[reduction])"
))  # fmt: skip
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Given | None:
    """Poisson's likelihood of counts: exp(input) - target input. See `fastloss.poisson`.

    With ``log_input=False``, whose formula has `eps` in it, and with ``full=True``, which is Stirling's approximation,
    torch computes it: `fastloss.poisson_identity` and `fastloss.poisson` are exact. So it does for a target that
    requires grad.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not log_input or full or not fit(reduction, input, target) or not alike(input, target) or derived(target):
        return None
    native = again(F.poisson_nll_loss, reduction=reduction)
    return given(by("poisson"), {"pred": input, "target": target}, native, reduction=reduction)


@face(F.gaussian_nll_loss, direct=Direct("F.gaussian_nll_loss(input, target, var, full, eps, reduction)"))
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Given | None:
    """Normal likelihood of a predicted mean and variance: (log(var) + (input - target)^2 / var) / 2.

    `full` adds log(2 pi) / 2. See `fastloss.gaussian_nll`. Mean and variance have gradients; the variance may be one of
    several elements, along one axis. torch computes what has a variance below `eps`, which it raises to that without a
    change of the gradient, and what has a target that requires grad.
    """
    if not fit(reduction, input, target) or not alike(input, target) or derived(target):
        return None
    if isinstance(var, float):
        var = input.new_full(input.shape[:-1], var)
    if not isinstance(var, torch.Tensor) or not fit(reduction, input, var) or var.dtype != input.dtype:
        return None
    spread = _variances(input, var)
    if spread is None:
        return None
    if not knowable(var):
        spread = spread + (spread.clamp(min=eps) - spread).detach()
    elif not bool(var.detach().min() >= eps):
        return None
    native = again(F.gaussian_nll_loss, full=full, eps=eps, reduction=reduction)
    return given(by("gaussian_nll"), {"pred": input, "target": target, "var": spread}, native, wrt=(0, 2),
                 lasting=False, reduction=reduction, full=bool(full))  # fmt: skip


def _variances(x: Tensor, var: Tensor) -> Tensor | None:
    """One for each element, where they have the shape of all, lack the last axis, or have a length of 1 along one."""
    if var.shape == x.shape:
        return var
    if var.shape == x.shape[:-1]:
        return var.unsqueeze(-1).expand(x.shape)
    other = [b for a, b in zip(x.shape, var.shape, strict=False) if a != b]
    return var.expand(x.shape) if var.dim() == x.dim() and other == [1] else None
