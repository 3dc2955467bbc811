"""The NumPy formulas that fused passes are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .common import Array

if TYPE_CHECKING:
    from collections.abc import Callable


def _sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _cross_entropy(f: Array, y: Array) -> tuple[Array, Array]:
    rows = np.arange(len(y))
    z = f - f.max(axis=1, keepdims=True)
    p = np.exp(z)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    p[rows, y] -= 1.0
    return np.log(total[:, 0]) - z[rows, y], p


# Loss of each element (or row) and derivative, as one writes them, what both need computed once; parameters at their
# defaults.
FORMULAS: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "squared_error": lambda f, y: ((r := f - y) ** 2, 2.0 * r),
    "half_squared_error": lambda f, y: (0.5 * (r := f - y) ** 2, r),
    "absolute_error": lambda f, y: (np.abs(r := f - y), np.sign(r)),
    "squared_log_error": lambda f, y: ((d := np.log1p(f) - np.log1p(y)) ** 2, 2.0 * d / (1.0 + f)),
    "huber": lambda f, y: (
        np.where((a := np.abs(r := f - y)) <= 1.0, 0.5 * r**2, a - 0.5), np.clip(r, -1.0, 1.0)),
    "smooth_l1": lambda f, y: (
        np.where((a := np.abs(r := f - y)) < 1.0, 0.5 * r**2, a - 0.5), np.clip(r, -1.0, 1.0)),
    "pseudo_huber": lambda f, y: ((s := np.sqrt(1.0 + (r := f - y) ** 2)) - 1.0, r / s),
    "log_cosh": lambda f, y: (
        (a := np.abs(r := f - y)) + np.log1p(np.exp(-2.0 * a)) - float(np.log(2.0)), np.tanh(r)),
    "quantile": lambda f, y: (np.maximum(0.5 * (r := f - y), -0.5 * r), 0.5 * np.sign(r)),
    "expectile": lambda f, y: (0.5 * (r := f - y) ** 2, r),
    "cauchy": lambda f, y: (0.5 * np.log1p(s := (r := f - y) ** 2), r / (1.0 + s)),
    "welsch": lambda f, y: (0.5 * (1.0 - (e := np.exp(-((r := f - y) ** 2)))), r * e),
    "fair": lambda f, y: ((a := np.abs(r := f - y)) - np.log1p(a), r / (a + 1.0)),
    "poisson": lambda f, y: ((e := np.exp(f)) - y * f, e - y),
    "gamma": lambda f, y: (f + (e := y * np.exp(-f)), 1.0 - e),
    "tweedie": lambda f, y: (2.0 * (e := np.exp(0.5 * f)) + 2.0 * y / e, e - y / e),
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": lambda f, y: (
        -(y * np.log(f) + (1.0 - y) * np.log1p(-f)), (f - y) / (f * (1.0 - f))),
    "binary_cross_entropy_with_logits": lambda f, y: (_softplus(f) - y * f, _sigmoid(f) - y),
    "logistic": lambda f, y: (_softplus(z := -y * f), -y * _sigmoid(z)),
    "hinge": lambda f, y: (np.maximum(m := 1.0 - y * f, 0.0), -y * (m > 0.0)),
    "squared_hinge": lambda f, y: ((m := np.maximum(1.0 - y * f, 0.0)) ** 2, -2.0 * y * m),
    "exponential": lambda f, y: (e := np.exp(-y * f), -y * e),
    "perceptron": lambda f, y: (np.maximum(m := -y * f, 0.0), -y * (m > 0.0)),
}  # fmt: skip
