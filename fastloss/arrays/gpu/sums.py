"""What the kernels of one call leave on the device for each other: sums, and the number that they are divided by."""

from __future__ import annotations

from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.cuda.plan.elements import ClassPlan, CombinePlan, CudaPlan
from ...kernels.cuda.plan.rows import width_of
from ...kernels.cuda.templates import elements as pointwise
from ...kernels.plan.elements import sum_plan
from ..divisors import Divisor, apart, divided_by, largest, mean_of_nothing
from .buffers import addresses, aligned

if TYPE_CHECKING:
    from ...define.elements import Definition
    from ...define.keywords import Call
    from ...define.rows import Program
    from .buffers import Buffer, Shape, Work


def weighs(call: Call) -> bool:
    """Whether weights may be multiplied by any number: they are divided by their sum, or by what is out of reach."""
    return call.reduction == "mean" and (call.normalizer is None or apart(float(call.normalizer)))


def divisor(job: Any, call: Call, given: bool) -> Divisor:
    """What the sum of a job's losses is divided by: a number where the host knows it."""
    if call.reduction != "mean":
        return Divisor(1.0)
    number = None if call.normalizer is None else float(call.normalizer)
    if number is not None and not (job.count and weighs(call)):
        return Divisor(number)
    if not job.count:
        return divided_by(job.loss, call, 0.0)
    if not job.weigh(call.check is not False, number):
        return Divisor(float(job.count))
    room: Room = job.room
    return room.divisor(job.loss, call)


def alike(work: Work, number: Any, shape: Shape, compute: str, call: Call) -> Buffer:
    """Weights that are all one number, in a type from which their unit brings it into reach."""
    beyond = weighs(call) and apart(float(number))
    return work.filled(number, shape, "d" if beyond else compute)


def classes_of(work: Work, weight: Buffer, compute: str, one_each: bool, call: Call) -> Buffer:
    """The classes' weights as the kernels read them; `one_each` says that a row reads no more than one."""
    shape = weight.shape
    if weight.char == "d" != compute and weighs(call):
        if one_each:
            return work.dense(weight, shape)  # the weights' unit brings it into reach
        if call.normalizer is None:
            near = work.empty(shape, compute)
            work.run(ClassPlan(compute), 1, work.dense(weight, shape).address, weight.size, near.address)
            return near
    return work.dense(work.in_type(weight, compute), shape)


class Room:
    """Memory on the device, and the small kernels that work on it."""

    def __init__(self, work: Work, blocks: int, compute: str) -> None:
        self.work, self.compute = work, compute
        self._blocks = blocks
        self.unit = ""
        """The type of what is left for weights to be multiplied by; empty where nothing is."""

    @cached_property
    def _memory(self) -> Buffer:
        """For the divisor, what derivatives are multiplied with, and the tiles' sums; none before it is needed."""
        return self.work.empty((32 + 8 * self._blocks,), "B")

    @property
    def _divisor(self) -> int:
        return self._memory.address

    @property
    def _slopes(self) -> int:
        return self._divisor + 16

    @property
    def sums(self) -> int:
        """Address of the tiles' sums."""
        return self._divisor + 32

    @property
    def found(self) -> tuple[int, ...]:
        """Addresses of what derivatives are multiplied with, and a root's second one; and of the weights' unit."""
        return (self._slopes, self._divisor + 8) if self.unit else (self._slopes,)

    @property
    def nothing_derived(self) -> tuple[float, float] | None:
        """The scale of a run that derives nothing."""
        return None if self.unit else (0.0, 0.0)

    def weigh(self, weight: Buffer, check: bool, unit: str, normalizer: float | None) -> None:
        """Leave the sum of weights as the divisor; with `check`, what is no weight is found wrong."""
        self.divide_by(*self.tiles(weight, True, check), unit, normalizer)

    def tiles(self, x: Buffer, wide: bool = False, check: bool = False) -> tuple[int, str]:
        """Leave the sums of an array's tiles, in float64 if they are wide; how many they are, and their type."""
        base = sum_plan(x.char, "C", wide, "interval" if check else "none")
        plan = CudaPlan(base, width_of(base.types[0]) if aligned(x) else 1, False)
        blocks, ends = -(-x.size // pointwise.TILE), (0.0, largest(np.float64))
        self.work.run(plan, blocks, addresses([x]), (), (), (0.0, 0.0), (), ends, (), (), (), self.sums,
                      self.work.flag, x.size)  # fmt: skip
        return blocks, base.compute

    def divide_by(self, count: int, kind: str, unit: str, normalizer: float | None) -> None:
        """Leave the sum of so many sums as the divisor, or else the normalizer, 1 divided by it, and the unit."""
        self.unit = unit
        plan = CombinePlan(kind, self.compute, "weighed" if normalizer is None else "normalized", False, unit)
        self.work.run(plan, 1, self.sums, count, (normalizer or 0.0,), 0.0, self._divisor, self._slopes, self.found[1:])

    def divisor(self, loss: Definition | Program, call: Call) -> Divisor:
        """The divisor that was left; with empty='raise' the device is waited for, to see that it is not 0."""
        if call.empty != "raise":
            return divided_by(loss, call, None)
        self.work.wait()
        total = self.work.face.host(self._memory.array).tobytes()[:8]
        return Divisor(None, mean_of_nothing(loss, call) if np.frombuffer(total)[0] == 0.0 else nan)

    def concluded(self, divisor: Divisor) -> tuple[Any, tuple[Any, ...]]:
        """The loss of a single tile, and what its kernel is given to leave it there."""
        result = self.work.empty((), self.compute)
        return result.array, (result.address, divisor.number, divisor.nothing)

    def value(self, kind: str, divisor: Divisor, count: int, sums: int = 0) -> Any:
        """The loss, of so many sums: those of the tiles, or those at another address."""
        result = self.work.empty((), self.compute)
        plan = CombinePlan("d" if kind == "rooted" else self.compute, self.compute, kind, divisor.number is None)
        given = self._divisor if divisor.number is None else divisor.number
        self.work.run(plan, 1, sums or self.sums, count, (given,), divisor.nothing, result.address, self._slopes, ())
        return result.array

    def nothing(self, divisor: Divisor) -> Any:
        """The loss of no elements."""
        number = divisor.nothing if divisor.number == 0.0 else 0.0
        return self.work.filled(number, (), self.compute).array
