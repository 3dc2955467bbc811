"""Every loss's calls, generated from the registry, for asv and pytest-benchmark: a new loss is there by existing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastloss as fl

from . import timing

POINTWISE = [name for name, loss in fl.LOSSES.items() if isinstance(loss, fl.Loss)]
ROWS = [name for name, loss in fl.LOSSES.items() if not isinstance(loss, fl.Loss)]
VERBS = ("value", "value_and_grad", "grad", "grad_and_hess")
CLASSES = (10, 1000)
OFTEN = ("huber", "binary_cross_entropy_with_logits", "cross_entropy")
"""A cheap, a costly and a row loss, for what is not measured of all."""

Shape = int | tuple[int, int]


def shape(name: str, size: int, classes: int = 1 << 10) -> Shape:
    """Of so many elements; of a loss of rows in rows of so many classes."""
    return size if name in POINTWISE else (max(2, size // classes), classes)


def small(name: str) -> Shape:
    """Eight numbers."""
    return shape(name, 8, 4)


def inputs(name: str, shape: Shape, dtype: str) -> list[Any]:
    """Arrays of `shape` from inside the loss's domains."""
    loss = fl.LOSSES[name]
    return timing.inputs(loss, shape, dtype) if isinstance(shape, int) else rows(loss, shape, dtype)


def call(name: str, verb: str, shape: Shape, dtype: str = "float32", backend: str | None = None) -> Callable[[], Any]:
    """One verb on arrays of `shape`, compiled; derivatives go to given arrays."""
    loss, arrays = fl.LOSSES[name], inputs(name, shape, dtype)
    wrt = loss.wrt if isinstance(loss, fl.Loss) else (0,)
    keywords: dict[str, Any] = {"backend": backend}
    grads, hessians = (tuple(np.zeros_like(arrays[k]) for k in wrt) for _ in range(2))
    grad, hess = (grads, hessians) if len(wrt) > 1 else (grads[0], hessians[0])
    if verb != "value":
        keywords["out"] = (grad, hess) if verb == "grad_and_hess" else grad
    run = loss if verb == "value" else getattr(loss, verb)

    def once() -> Any:
        return run(*arrays, **keywords)

    once()
    once()  # the first call finds out what later ones know
    return once


def rows(loss: Any, shape: Any, dtype: str) -> list[Any]:
    """Scores from inside their domains; labels where the loss takes them, else a dense target."""
    n, classes = shape
    rng = np.random.default_rng(20261121)
    arrays = [
        np.resize(domain.sample(rng, min(n * classes, 1 << 20)).astype(dtype), (n, classes)) for domain in loss.domains
    ]
    if loss.target in ("labels", "both"):
        arrays[-1] = rng.integers(0, classes, n)
    return arrays
