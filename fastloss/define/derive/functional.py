"""Losses of elements and activations of torch.nn.functional, jax.nn and keras.ops, made of ours.

Slopes at kinks are torch's, as are its own rules of a derivative (`_sloped`).
"""

from __future__ import annotations

import math
from typing import Any

from . import functions as ours
from .functions import absolute, log, log1p, maximum, softplus, where, xlogy
from .means import mean_of
from .names import ELEMENT
from .refusals import refused
from .traced import Recorded, Traced, node_of

# -- losses ------------------------------------------------------------------------------------------------------------


def reduced(value: Any, reduction: Any) -> Any:
    """A value of elements, or the mean of it."""
    if reduction not in ("mean", "none"):
        raise refused(f"is a {reduction}", f"return the loss of one element; {ELEMENT}")
    return mean_of(value) if reduction == "mean" else value


def _sloped(value: Any, x: Any, slope: Any) -> Any:
    """The value, whose derivative by x is said to be that slope."""
    graph = next((a.graph for a in (value, x, slope) if isinstance(a, Recorded)), None)
    return (
        value if graph is None else Traced(graph, graph.call("sloped", *[node_of(graph, a) for a in (value, x, slope)]))
    )


def _mse_loss(x: Any, y: Any, reduction: str = "mean") -> Any:
    return reduced((x - y) * (x - y), reduction)


def _l1_loss(x: Any, y: Any, reduction: str = "mean") -> Any:
    return reduced(absolute(x - y), reduction)


def huber_loss(x: Any, y: Any, reduction: str = "mean", delta: Any = 1.0) -> Any:
    """The loss of torch's."""
    far = absolute(x - y)
    return reduced(where(far < delta, 0.5 * far * far, delta * (far - 0.5 * delta)), reduction)


def _smooth_l1_loss(x: Any, y: Any, reduction: str = "mean", beta: Any = 1.0) -> Any:
    if isinstance(beta, (int, float)) and beta == 0.0:
        return _l1_loss(x, y, reduction)
    return reduced(huber_loss(x, y, "none", beta) / beta, reduction)


def _cross_entropy(x: Any, y: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """The logarithms are at least -100, and the slope is (x - y) / max(x (1 - x), 1e-12): both are torch's bounds."""
    bounded = x * (1.0 - x) < 1e-12
    of_one = _sloped(maximum(log(x), -100.0), x, where(bounded, 1e12 * (1.0 - x), 1.0 / x))
    of_zero = _sloped(maximum(log1p(-x), -100.0), x, where(bounded, -1e12 * x, -1.0 / (1.0 - x)))
    terms = y * of_one + (1.0 - y) * of_zero
    return reduced(-terms if weight is None else -weight * terms, reduction)


def _cross_entropy_of_logits(
    x: Any, y: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    terms = (y if pos_weight is None else pos_weight * y) * softplus(-x) + (1.0 - y) * softplus(x)
    return reduced(terms if weight is None else weight * terms, reduction)


def _gaussian_nll_loss(x: Any, y: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Any:
    bounded = _sloped(maximum(var, eps), var, 1.0)  # torch clamps it where no gradient is recorded
    value = 0.5 * (log(bounded) + (x - y) * (x - y) / bounded)
    return reduced(value + 0.5 * math.log(2.0 * math.pi) if full else value, reduction)


def _poisson_nll_loss(
    x: Any, y: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    value = ours.exp(x) - y * x if log_input else x - y * log(x + eps)
    if full:
        value = value + where(y > 1.0, xlogy(y, y) - y + 0.5 * log(2.0 * math.pi * maximum(y, 1.0)), 0.0)
    return reduced(value, reduction)


def _kl_div(x: Any, y: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    return reduced(ours.exp(y) * (y - x) if log_target else xlogy(y, y) - y * x, reduction)


def _soft_margin_loss(x: Any, y: Any, reduction: str = "mean") -> Any:
    return reduced(softplus(-y * x), reduction)


def _at_least_0(x: Any) -> Any:
    return where(x < 0.0, 0.0, x)


def _hinge_embedding_loss(x: Any, y: Any, margin: Any = 1.0, reduction: str = "mean") -> Any:
    value = where(y != 1.0, _at_least_0(margin - x), 0.0) + where(y != -1.0, x, 0.0)
    return reduced(value, reduction)


def _margin_ranking_loss(input1: Any, input2: Any, y: Any, margin: Any = 0.0, reduction: str = "mean") -> Any:
    return reduced(_at_least_0(-y * (input1 - input2) + margin), reduction)


LOSSES: dict[str, Any] = {
    "binary_cross_entropy": _cross_entropy, "binary_cross_entropy_with_logits": _cross_entropy_of_logits,
    "gaussian_nll_loss": _gaussian_nll_loss, "hinge_embedding_loss": _hinge_embedding_loss, "huber_loss": huber_loss,
    "kl_div": _kl_div, "l1_loss": _l1_loss, "margin_ranking_loss": _margin_ranking_loss, "mse_loss": _mse_loss,
    "poisson_nll_loss": _poisson_nll_loss, "smooth_l1_loss": _smooth_l1_loss, "soft_margin_loss": _soft_margin_loss,
}  # fmt: skip

# -- activations -------------------------------------------------------------------------------------------------------


def _relu(x: Any, inplace: bool = False) -> Any:
    return maximum(x, 0.0)


def _leaky_relu(x: Any, slope: Any = 0.01, inplace: bool = False) -> Any:
    return where(x > 0.0, x, slope * x)


def _elu(x: Any, alpha: Any = 1.0, inplace: bool = False) -> Any:
    return where(x > 0.0, x, alpha * ours.expm1(where(x > 0.0, 0.0, x)))


def _celu(x: Any, alpha: Any = 1.0, inplace: bool = False) -> Any:
    return where(x > 0.0, x, alpha * ours.expm1(where(x > 0.0, 0.0, x / alpha)))


def _selu(x: Any, inplace: bool = False) -> Any:
    return 1.0507009873554804934193349852946 * _elu(x, 1.6732632423543772848170429916717)


def normal(x: Any) -> Any:
    """The normal distribution's function."""
    return 0.5 * ours.erfc(x * -(0.5**0.5))


def _gelu(x: Any, approximate: Any = "none") -> Any:
    if approximate not in ("none", False):
        raise refused("is an approximation", "write it as arithmetic, with fl.math.tanh")
    return x * normal(x)


def _silu(x: Any, inplace: bool = False) -> Any:
    return x * ours.sigmoid(x)


def _mish(x: Any, inplace: bool = False) -> Any:
    return x * ours.tanh(softplus(x))


def _hardtanh(x: Any, low: Any = -1.0, high: Any = 1.0, inplace: bool = False) -> Any:
    return where(x <= low, low, where(x >= high, high, x))


def _relu6(x: Any, inplace: bool = False) -> Any:
    return _hardtanh(x, 0.0, 6.0)


def _hardsigmoid(x: Any, inplace: bool = False) -> Any:
    return _hardtanh(x + 3.0, 0.0, 6.0) / 6.0


def _hardswish(x: Any, inplace: bool = False) -> Any:
    return where(x <= -3.0, 0.0, where(x >= 3.0, x, x * (x + 3.0) / 6.0))


def _threshold(x: Any, threshold: Any, value: Any, inplace: bool = False) -> Any:
    return where(x > threshold, x, value)


EVERYWHERE: dict[str, Any] = {
    "celu": _celu, "elu": _elu, "hard_sigmoid": _hardsigmoid, "hard_silu": _hardswish, "hard_swish": _hardswish,
    "hard_tanh": _hardtanh, "leaky_relu": _leaky_relu, "mish": _mish, "relu": _relu, "relu6": _relu6, "selu": _selu,
    "silu": _silu, "soft_sign": lambda x: x / (1.0 + absolute(x)), "swish": _silu,
}  # fmt: skip

TORCH: dict[str, Any] = {
    "gelu": _gelu, "hardsigmoid": _hardsigmoid, "hardswish": _hardswish, "hardtanh": _hardtanh,
    "hardshrink": lambda x, lambd=0.5: where(absolute(x) <= lambd, 0.0, x),
    "prelu": lambda x, weight: where(x > 0.0, x, weight * x), "softsign": EVERYWHERE["soft_sign"],
    "softshrink": lambda x, lambd=0.5: where(x > lambd, x - lambd, where(x < -lambd, x + lambd, 0.0)),
    "tanhshrink": lambda x: x - ours.tanh(x), "threshold": _threshold,
}  # fmt: skip
