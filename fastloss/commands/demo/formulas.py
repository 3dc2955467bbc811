"""The NumPy formulas that fused passes are compared with: each element's (or row's) loss and its derivative.

They are what one writes by hand, with what both need computed once. They take the inputs, then the loss's parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


def squared_error(p: Any, t: Any) -> Any:
    e = p - t
    return e * e, 2 * e


def huber(p: Any, t: Any, delta: float) -> Any:
    e = p - t
    a = np.abs(e)
    return np.where(a <= delta, 0.5 * e * e, delta * (a - 0.5 * delta)), np.clip(e, -delta, delta)


def binary_cross_entropy_with_logits(x: Any, t: Any, *_: float) -> Any:
    return np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x))), 1 / (1 + np.exp(-x)) - t


def poisson(p: Any, t: Any, *_: float) -> Any:
    x = np.exp(p)
    return x - t * p, x - t


def cross_entropy(z: Any, y: Any, *_: float) -> Any:
    rows = np.arange(len(y))
    x = z - z.max(axis=1, keepdims=True)
    picked = x[rows, y]
    np.exp(x, out=x)
    total = x.sum(axis=1, keepdims=True)
    x /= total
    x[rows, y] -= 1
    return np.log(total[:, 0]) - picked, x


FORMULAS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (squared_error, huber, binary_cross_entropy_with_logits, poisson, cross_entropy)
}
"""By the names of the losses."""
