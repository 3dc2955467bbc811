"""The sizes of columns and targets: an error where float64 does not hold their squares, of which every fit is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .links import scores_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .coordinates import Moments

LEAST, MOST = 1e-152, 1e152
"""Numbers between which squares, and sums of some thousands of them, are neither 0 nor infinite."""


def spread(owner: str, loss: Any, target: NDArray[Any], weight: NDArray[Any] | None, outputs: int) -> float:
    """The size of the scores that predict a target; 1 for labels."""
    if outputs > 1 or loss.labelled is not None:
        return 1.0
    found = scores_of(loss, target)
    there = np.isfinite(found)
    if weight is not None:
        there &= weight > 0.0
    size = np.abs(found, where=there, out=np.zeros(len(found)))
    most = float(size.max(initial=0.0))
    if most > MOST or 0.0 < most < LEAST:
        k = int(size.argmax())
        told = f"at most {MOST:g}" if most > MOST else f"0, or at least {LEAST:g}"
        raise ValueError(f"{owner}: the largest in size of y is y[{k}] = {target[k]:g}, expected {told}, for float64 "
                         "does not hold its square; y in other units has the same model")  # fmt: skip
    varies = float(np.std(found if there.all() else found[there])) if most else 0.0
    return varies if varies > 1e-14 * most else 1.0


def look_at_columns(owner: str, X: Any, known: Moments) -> None:
    """Raise for the largest number of a column whose squares are infinite."""
    over = ~(known.square <= MOST * MOST)
    if over.any():
        j = int(over.argmax())
        column = np.abs(X[:, j] if isinstance(X, np.ndarray) else X[:, [j]].toarray()[:, 0])
        k = int(column.argmax())
        raise ValueError(f"{owner}: X[{k}, {j}] is {X[k, j]:g}, expected numbers up to {MOST:g} in size, whose "
                         "squares float64 holds; a column may be divided by a number of its own")  # fmt: skip
