"""What the sum of the losses is divided by, and what the mean of nothing is."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..kernels.plan.elements import HIGH, LOW

if TYPE_CHECKING:
    from ..define.elements import Definition
    from ..define.keywords import Call
    from ..define.rows import Program


class Divisor(NamedTuple):
    """What the sum of the losses is divided by: a number, or one that a kernel leaves on the device."""

    number: float | None
    nothing: float = nan
    """What the mean is where the number is 0, or turns out to be."""

    @property
    def scale(self) -> tuple[float, float] | None:
        """What derivatives are multiplied with, and 0; None where a kernel must look for it on the device."""
        return None if self.number is None else (1.0 / (self.number or inf), 0.0)

    def mean(self, total: float) -> float:
        """The mean of losses of this sum."""
        return self.nothing if not self.number else total / self.number


def divided_by(loss: Definition | Program, call: Call, number: float | None) -> Divisor:
    """The divisor, whose mean of nothing is what the caller asked for; one that is not 0 needs none."""
    return Divisor(number) if number else Divisor(number, mean_of_nothing(loss, call))


def mean_of_nothing(loss: Definition | Program, call: Call) -> float:
    """The mean over no elements, as `empty` says."""
    if call.empty == "raise":
        raise nothing_to_average(loss)
    return nan if call.empty == "nan" else 0.0


def nothing_to_average(loss: Definition | Program) -> ValueError:
    """The error of a mean over no elements."""
    return ValueError(f"{loss.name}: there is nothing to average (no elements, or weights that sum to 0)")


def largest(kind: Any) -> float:
    """The largest finite weight."""
    return float(np.finfo(kind).max)


def apart(divisor: float) -> bool:
    """Whether a mean of such a divisor takes other weights."""
    return divisor != 0.0 and not LOW <= divisor <= HIGH and divisor == divisor
