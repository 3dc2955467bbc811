"""Sums over blocks that float64 has no room for: each part is a number times a power of two."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels.plan.elements import WIDE

SCALED = np.dtype([("number", np.float64), ("power", np.int32)])
"""A number, and the power of two that it has been multiplied by."""


def part(number: float, power: int) -> Any:
    """What a block adds, after it was multiplied by that power of two."""
    return np.array((number, power), SCALED)


def gather(parts: Any) -> Any:
    """The sum of all parts, in their order. Its power is 0 where float64 holds it, else an even one."""
    numbers, powers = parts["number"], parts["power"]
    power = 0
    with np.errstate(all="ignore"):
        total = np.ldexp(numbers, -powers).sum()
        if not WIDE[0] <= abs(total) <= WIDE[1] and numbers.any() and np.isfinite(numbers).all():
            tops = (np.frexp(numbers)[1] - powers)[numbers != 0.0]
            power = -2 * (int(tops.max()) // 2)
            total = np.ldexp(numbers, power - powers).sum()
    return part(total, power)


def taken(total: Any) -> tuple[float, int]:
    """The number and the power of a sum; a plain number has none."""
    return (total, 0) if isinstance(total, float) else (float(total["number"]), int(total["power"]))
