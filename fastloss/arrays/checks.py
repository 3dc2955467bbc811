"""What keywords may be, asked once for every verb wherever its arrays are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.keywords import HESS
from ..define.wording import shown, wrong_choice

if TYPE_CHECKING:
    from ..define.elements import Definition
    from ..define.keywords import Call
    from ..define.rows import Program

REDUCTIONS = ("mean", "sum", "none")
EMPTY = ("nan", "zero", "raise")
BACKENDS = (None, "serial", "parallel")
GPU_BACKENDS = (None, "cuda")


def check_options(loss: Definition | Program, call: Call, backends: tuple[Any, ...] = BACKENDS) -> None:
    """Raise one clear error for the first keyword that is not what it may be."""
    name, reduction, normalizer = loss.name, call.reduction, call.normalizer
    for keyword, value, choices in (("reduction", reduction, REDUCTIONS), ("empty", call.empty, EMPTY)):
        if value not in choices:
            raise wrong_choice(name, keyword, value, choices)
    if call.backend not in backends:
        on, last = ("a GPU", "'cuda'") if backends is GPU_BACKENDS else ("the host", "'serial' or 'parallel'")
        raise ValueError(f"{name}: backend is {shown(call.backend)}, expected None, {last} for arrays on {on}")
    if call.want & HESS and loss.order < 2:
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
    if call.stats and loss.functions.stats is None:  # type: ignore[union-attr]  # of rows, if they are asked for
        raise ValueError(f"{name} has no statistics to return; losses of a softmax of the scores have")


def refuse_class_weights(loss: Program, weight: Any, kind: Any) -> None:
    """Raise for the first weight of a class that is negative or not finite, also as one of the arithmetic's `kind`."""
    with np.errstate(all="ignore"):
        bad = ~((weight >= 0) & (weight.astype(kind) < np.inf))
    if bad.any():
        k = int(bad.argmax())
        raise ValueError(f"{loss.name}: class_weight[{k}] is {wrong_weight(weight[k], kind)}")


def wrong_weight(weight: Any, kind: Any) -> str:
    """What is wrong with a weight, or a class's."""
    if 0 <= weight < np.inf:
        return f"{weight!s}, which {np.dtype(kind)}, the type that it is read in, does not hold"
    return f"{weight!s}, expected a finite number of at least 0"
