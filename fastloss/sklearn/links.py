"""Between the scores of a linear model and what people expect as predictions: means, probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..registry import LINKS

if TYPE_CHECKING:
    from numpy.typing import NDArray


def of_probabilities(loss: Any) -> bool:
    """Whether a loss's scores are those of probabilities."""
    return bool(LINKS[loss.link].unit)


def of_means(loss: Any) -> bool:
    """Whether a loss's scores are those of means that are no probabilities, as logarithms are."""
    return loss.link != "identity" and not LINKS[loss.link].unit


def probabilities(loss: Any, scores: NDArray[Any]) -> NDArray[Any]:
    """A column for each class; where each has a probability of its own, in shares of their sum."""
    found = np.asarray(loss.mean(scores))
    if found.ndim == 1:
        return np.stack([1.0 - found, found], axis=1)
    return found / found.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def scores_of(loss: Any, mean: NDArray[Any]) -> NDArray[Any]:
    """The scores that predict these means, or probabilities."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(LINKS[loss.link].raw(mean))
