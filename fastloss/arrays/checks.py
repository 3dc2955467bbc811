"""What keywords may be, asked once for every verb wherever its arrays are; the mean of nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..define.keywords import HESS
from ..define.wording import shown, wrong_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..define.elements import Definition
    from ..define.rows import Program


REDUCTIONS = ("mean", "sum", "none")


EMPTY = ("nan", "zero", "raise")


BACKENDS = (None, "serial", "parallel")


GPU_BACKENDS = (None, "cuda")


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
    for keyword, value, choices in (("reduction", reduction, REDUCTIONS), ("empty", empty, EMPTY)):
        if value not in choices:
            raise wrong_choice(name, keyword, value, choices)
    if backend not in backends:
        on, last = ("a GPU", "'cuda'") if backends is GPU_BACKENDS else ("the host", "'serial' or 'parallel'")
        raise ValueError(f"{name}: backend is {shown(backend)}, expected None, {last} for arrays on {on}")
    if want & HESS and loss.order < 2:
        raise NotImplementedError(f"{name} has no second derivative; use value_and_grad or grad")
    if loss.rooted and reduction != "mean":
        raise ValueError(f"{name}: reduction is {reduction!r}, expected 'mean'; it is the root of a mean")
    if normalizer is not None:
        if reduction != "mean":
            raise ValueError(f"{name}: normalizer is given and reduction is {reduction!r}, expected 'mean'; "
                             "it replaces the mean's denominator")  # fmt: skip
        try:
            number = float("" if isinstance(normalizer, (str, bytes)) else normalizer)
        except (TypeError, ValueError):
            raise TypeError(f"{name}: normalizer is {shown(normalizer)}, expected a positive number") from None
        if not 0.0 < number < math.inf:
            raise ValueError(f"{name}: normalizer is {shown(normalizer)}, expected a positive number")


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
