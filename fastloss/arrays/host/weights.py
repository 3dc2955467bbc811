"""Weights as the kernels take them: looked at, added up in float64, and near 1 where they decide a mean."""

from __future__ import annotations

from math import frexp, inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.plan.elements import HIGH, LOW, REACH, sum_plan
from ...loading import load
from . import memory as layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ALL = (0.0, inf)
"""What the kernels that add up weights compare them with."""


def total(x: NDArray[Any], backend: str | None) -> tuple[float, int]:
    """The sum of weights, by the kernels: the same bits for any number of threads. And not 0 if some are negative."""
    cpu = load("fastloss.kernels.cpu.compile")
    result, flaws = 0.0, 0
    for views, order, _ in layout.runs((x,), x.shape, 0):
        plan, size = sum_plan(x.dtype.char, order), views[0].size
        part, bad = cpu.runner(plan, size, backend)(views, (), (), 1.0, 0.0, ALL, (), (), (), size)
        result += part
        flaws += bad
    return result, flaws


def largest(kind: Any) -> float:
    """The largest finite weight."""
    return float(np.finfo(kind).max)


def apart(divisor: float) -> bool:
    """Whether a mean of such a divisor takes other weights."""
    return divisor != 0.0 and not LOW <= divisor <= HIGH and divisor == divisor


def near(weight: NDArray[Any], divisor: float, kind: Any) -> tuple[NDArray[Any], int]:
    """A copy of the weights, multiplied by a power of two that brings the divisor near 1; the power.

    The largest stays within reach of what `kind` holds, and none becomes 0, which would make its element absent.
    """
    with np.errstate(all="ignore"):
        wide = weight.astype(np.float64)
        top = float(np.abs(wide).max())
        if not isfinite(top):
            return weight, 0
        here = frexp(top)[1]
        power = -frexp(divisor)[1] if isfinite(divisor) else -here
        power = max(-REACH - here, min(REACH - here, power))
        wide = np.ldexp(wide, power)
        copy = wide.astype(kind)
        lost = (copy == 0.0) & (weight != 0)
        copy = np.where(lost, np.copysign(np.finfo(kind).smallest_subnormal, weight), copy)
    return copy, power


def times(x: float, power: int) -> float:
    """x * 2^power, or the infinity or the 0 that is nearest to it."""
    with np.errstate(all="ignore"):
        return float(np.ldexp(x, power))


def summed(weight: NDArray[Any], backend: str | None, kind: Any, look: Callable[[], None] | None) -> float:
    """The sum of weights; where one may be none of `kind`, `look` is called to find it."""
    found, flaws = total(weight, backend)
    if look is not None and (flaws or not found <= largest(kind)):
        look()
    return found


def refuse(loss: str, name: str, weight: NDArray[Any], kind: Any, present: Any = True) -> None:
    """Raise for the first of the weights that is none, among those of elements that are present."""
    where = layout.first(lambda w, here: no_weight(w, kind) & here, weight, present)
    if where is not None:
        raise ValueError(f"{loss}: {name}{layout.place(where)} is {told(weight[where], kind)}")


def no_weight(weight: NDArray[Any], kind: Any) -> Any:
    """Where a weight is negative, or infinite as the kernels read it."""
    return (weight < 0) | (weight.astype(kind) == np.inf)


def told(weight: Any, kind: Any) -> str:
    """What is wrong with a weight, or a class's."""
    if 0 <= weight < np.inf:
        return f"{weight!s}, which {np.dtype(kind)}, the type that it is read in, does not hold"
    return f"{weight!s}, expected a finite number of at least 0"
