"""The keywords that every loss takes, and which of them do something for a loss."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

VALUE, GRAD, HESS = 1, 2, 4
"""What a verb gives: a sum of these."""

KEYWORDS = ("weight", "ignore_index", "axis", "reduction", "normalizer", "empty", "out", "backend", "check")
ROW_KEYWORDS = (*KEYWORDS, "class_weight", "label_smoothing", "return_stats")
MEANINGS = {
    "axis": "the axis of the classes; each row along it is one sample",
    "weight": "weight of each {one}, at least 0; {one}s of weight 0 are absent, whatever they hold",
    "class_weight": "weight of each class: multiplies the loss of the rows with its label, or its share of each row's",
    "ignore_index": "{one}s with this label are absent",
    "label_smoothing": "from 0 to 1: the share of a target's mass that goes to all classes alike",
    "reduction": '"mean" (divides by the sum of the weights), "sum" or "none" (the loss of each {one})',
    "normalizer": "your own denominator of the mean, greater than 0",
    "empty": '"nan", "zero" or "raise": what the mean of nothing is',
    "out": "where derivatives go: array as the prediction (it may be that array); (grad, hess) for two",
    "return_stats": "whether to add a `RowStats` to the results",
    "backend": '"serial", "parallel" or "cuda" forces one way of running; by default arrays decide',
    "check": "False evaluates the formula outside the domains too; True looks at once, also on a GPU",
}
"""The meaning of each keyword, in a line."""

ELEMENT_MEANINGS = {"axis": "the axes that are reduced: the value has a number for each sample; by default all of them"}
"""Meanings that differ for losses of elements."""

LABELS = ("labels", "both")
"""The kinds of a row loss's target that may be labels."""

Reduction = Literal["mean", "sum", "none"]
Empty = Literal["nan", "zero", "raise"]
Backend = Literal["serial", "parallel", "cuda"]


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


class Call(NamedTuple):
    """A verb and its keywords. Those that a loss does not take have their defaults."""

    want: int
    """What the verb gives: a sum of VALUE, GRAD and HESS."""
    axis: Any = None
    """Of losses of rows, that of the classes; of losses of elements, those that are reduced, or None."""
    weight: Any = None
    class_weight: Any = None
    ignore_index: Any = None
    label_smoothing: Any = 0.0
    reduction: str = "mean"
    normalizer: Any = None
    empty: str = "nan"
    out: Any = None
    stats: bool = False
    backend: str | None = None
    check: bool | None = None


def keywords_of(loss: Any) -> dict[str, Any]:
    """The keywords that have an effect on a loss, and their defaults."""
    found: dict[str, Any] = dict(loss.shared.__call__.__kwdefaults__ or {})
    if hasattr(loss, "target"):
        for name, used in (
            ("class_weight", loss.classed), ("ignore_index", loss.target in LABELS),
            ("label_smoothing", loss.smooth), ("return_stats", loss.functions.stats is not None and not loss.by),
        ):  # fmt: skip
            if not used:
                found.pop(name, None)
    else:
        if loss.labelled is None:
            found.pop("ignore_index", None)
        if loss.rooted:
            found.pop("axis", None)
    return found
