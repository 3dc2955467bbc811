"""The keywords that every loss takes: what they may be, and what a reduction divides by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .definition import Definition
    from .program import Program

VALUE, GRAD, HESS = 1, 2, 4
"""What a verb wants: a sum of these."""

KEYWORDS = ("weight", "reduction", "normalizer", "empty", "out", "backend", "check")
ROW_KEYWORDS = (*KEYWORDS, "axis", "class_weight", "ignore_index", "label_smoothing", "return_stats")
REDUCTIONS = ("mean", "sum", "none")
EMPTY = ("nan", "zero", "raise")
BACKENDS = (None, "serial", "parallel")
GPU_BACKENDS = (None, "cuda")


class RowStats(NamedTuple):
    """What `return_stats=True` adds, a number for each row; NaN (and -1, False) where the row is absent."""

    logsumexp: Any
    """Logarithm of the sum of the exponentials of the scores, as the loss sees them."""
    entropy: Any
    """Entropy of the softmax, in nats."""
    argmax: Any
    """Index of the largest score; the first of several."""
    correct: Any
    """Whether that is the label; None where there are no labels."""


class Options(NamedTuple):
    """A verb of a row loss and its keywords."""

    want: int
    axis: int
    weight: Any
    class_weight: Any
    ignore_index: Any
    label_smoothing: Any
    reduction: str
    normalizer: Any
    empty: str
    out: Any
    stats: bool
    backend: str | None
    check: bool | None


def check_options(
    loss: Definition | Program,
    want: int,
    reduction: Any,
    normalizer: Any,
    empty: Any,
    backend: Any,
    backends: tuple[Any, ...] = BACKENDS,
) -> None:
    """Raise one clear error for the first keyword that is not what it may be."""
    name = loss.name
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    if empty not in EMPTY:
        raise ValueError(f"{name}: empty must be 'nan', 'zero' or 'raise', got {empty!r}")
    if backend not in backends:
        on, last = ("a GPU", "'cuda'") if backends is GPU_BACKENDS else ("the host", "'serial' or 'parallel'")
        raise ValueError(f"{name}: backend must be None, {last} for arrays on {on}, got {backend!r}")
    if want & HESS and loss.order < 2:
        raise NotImplementedError(f"{name} has no second derivative; use value_and_grad or grad")
    if loss.rooted and reduction != "mean":
        raise ValueError(f"{name} is the root of a mean: reduction must be 'mean', got {reduction!r}")
    if normalizer is not None:
        if reduction != "mean":
            raise ValueError(f"{name}: normalizer replaces the denominator of 'mean', but reduction is {reduction!r}")
        try:
            number = float("" if isinstance(normalizer, (str, bytes)) else normalizer)
        except (TypeError, ValueError):
            raise TypeError(f"{name}: normalizer must be a positive number, got {normalizer!r}") from None
        if not 0.0 < number < math.inf:
            raise ValueError(f"{name}: normalizer must be a positive number, got {normalizer!r}")


def refuse_reduced(name: str, each: bool) -> None:
    """Raise where `out=` is given for a value that has no elements."""
    if not each:
        raise ValueError(f"{name}: out is for reduction='none'; a reduced value is a scalar")


def packed(results: Sequence[Any]) -> Any:
    """What a verb returns: one result as it is, several as a tuple."""
    return results[0] if len(results) == 1 else tuple(results)


def mean_of_nothing(name: str, empty: str) -> float:
    """The mean over no elements, as `empty` says."""
    if empty == "raise":
        raise ValueError(f"{name}: there is nothing to average (no elements, or weights that sum to 0)")
    return math.nan if empty == "nan" else 0.0
