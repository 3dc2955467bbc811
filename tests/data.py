"""Inputs for any loss: drawn inside its domains, by its own account of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastloss as fl

NAMES = [name for name, loss in fl.LOSSES.items() if isinstance(loss, fl.Loss)]
ROWS = [name for name, loss in fl.LOSSES.items() if isinstance(loss, fl.RowLoss)]
REPRESENTATIVE = [
    "huber",  # parameters, no domain
    "binary_cross_entropy_with_logits",  # a domain, transcendental
    "hinge",  # a domain of two points
    "gaussian_nll",  # three inputs, two gradients
    "root_mean_squared_error",  # two passes
]
"""One loss of each kind that the templates and the dispatch treat differently."""


def draw(loss: fl.Loss, shape: int | tuple[int, ...], dtype: Any, rng: np.random.Generator) -> list[NDArray[Any]]:
    """One array per input of the loss."""
    return [domain.sample(rng, shape).astype(dtype) for domain in loss.domains]


def watched(module: Any, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each call from now on went a short way."""
    short, evaluate = [], module.evaluate

    def spy(*arguments: Any) -> Any:
        result = evaluate(*arguments)
        short.append(result is not None)
        return result

    monkeypatch.setattr(module, "evaluate", spy)
    return short


def gradients(result: Any) -> tuple[NDArray[Any], ...]:
    """The derivatives of a verb as a tuple, also where there is one."""
    return result if isinstance(result, tuple) else (result,)
