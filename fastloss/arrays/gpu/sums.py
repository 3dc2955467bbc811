"""What the kernels of one call leave on the device for each other: sums, and the number that they are divided by."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...define.keywords import VALUE
from ...kernels.cuda.plan.elements import CombinePlan, CudaPlan
from ...kernels.cuda.plan.rows import width_of
from ...kernels.cuda.templates import elements as pointwise
from ...kernels.plan.elements import sum_plan
from ..checks import mean_of_nothing
from ..host.weights import largest
from .buffers import addresses, aligned

if TYPE_CHECKING:
    from .buffers import Buffer, Work


class Divisor(NamedTuple):
    """What the sum of the losses is divided by: a number, or one that a kernel leaves on the device."""

    number: float | None
    nothing: float = nan
    """What the mean is where it turns out to be 0."""

    def scale(self, want: int) -> tuple[float, float] | None:
        """What derivatives are multiplied with; None where a kernel must look for it on the device."""
        return None if self.number is None and want != VALUE else (1.0 / (self.number or inf), 0.0)


class Room:
    """Memory on the device, and the small kernels that work on it."""

    def __init__(self, work: Work, blocks: int, compute: str) -> None:
        self.work, self.compute = work, compute
        self._memory = work.empty((32 + 8 * blocks,), "B")
        self._divisor = self._memory.address
        self.slopes = self._divisor + 16
        """Address of what derivatives are multiplied with, and a root's second one."""
        self.sums = self._divisor + 32
        """Address of the tiles' sums."""

    def weigh(self, weight: Buffer, check: bool) -> None:
        """Leave the sum of weights as the divisor; with `check`, what is no weight is found wrong."""
        self.divide_by(*self.tiles(weight, True, check))

    def tiles(self, x: Buffer, wide: bool = False, check: bool = False) -> tuple[int, str]:
        """Leave the sums of an array's tiles, in float64 if they are wide; how many they are, and their type."""
        base = sum_plan(x.char, "C", wide, "interval" if check else "none")
        plan = CudaPlan(base, width_of(base.types[0]) if aligned(x) else 1, False)
        blocks, ends = -(-x.size // pointwise.TILE), (0.0, largest(np.float64))
        self.work.run(plan, blocks, addresses([x]), (), (), (0.0, 0.0), (), ends, (), (), (), self.sums,
                      self.work.flag, x.size)  # fmt: skip
        return blocks, base.compute

    def divide_by(self, count: int, kind: str) -> None:
        """Leave the sum of so many sums as the divisor, and 1 divided by it."""
        plan = CombinePlan(kind, self.compute, "weighed", False)
        self.work.run(plan, 1, self.sums, count, (0.0,), 0.0, self._divisor, self.slopes)

    def found(self, name: str, empty: str) -> Divisor:
        """The divisor that was left; with empty='raise' the device is waited for, to see that it is not 0."""
        if empty != "raise":
            return Divisor(None, mean_of_nothing(name, empty))
        self.work.wait()
        total = self.work.face.host(self._memory.array).tobytes()[:8]
        return Divisor(None, mean_of_nothing(name, empty) if np.frombuffer(total)[0] == 0.0 else nan)

    def value(self, kind: str, divisor: Divisor, count: int, sums: int = 0) -> Any:
        """The loss, of so many sums: those of the tiles, or those at another address."""
        result = self.work.empty((), self.compute)
        plan = CombinePlan(self.compute, self.compute, kind, divisor.number is None)
        given = self._divisor if divisor.number is None else divisor.number
        self.work.run(plan, 1, sums or self.sums, count, (given,), divisor.nothing, result.address, self.slopes)
        return result.array

    def nothing(self, divisor: Divisor) -> Any:
        """The loss of no elements."""
        number = divisor.nothing if divisor.number == 0.0 else 0.0
        return self.work.filled(number, (), self.compute).array
