"""A loss of elements with a GPU's arrays: a job for `arrays/verb.py`, as `host/elements.py` is.

Nobody waits: the value is a 0-d array, a mean's denominator stays where it was computed, and what a kernel finds wrong
is raised by a later call. Only ``check=True`` and ``empty="raise"`` (with weights) look at once.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.keywords import GRAD, HESS, VALUE
from ...kernels.cuda import launch
from ...kernels.cuda.plan.elements import CudaPlan
from ...kernels.cuda.plan.rows import width_of
from ...kernels.cuda.templates import elements as pointwise
from ...kernels.plan.elements import Plan, compute_type
from .. import samples, shapes
from ..checks import GPU_BACKENDS
from ..job import NONE, NOWHERE, Kind, Outputs
from . import recipes, sums
from .buffers import NUMBERS, Buffer, Work, addresses, aligned, read, required, type_of
from .outputs import aimed, handed, raise_as_on_the_host, read_output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...define.elements import Definition
    from ...define.keywords import Call
    from ..divisors import Divisor
    from .buffers import Face


class Elements:
    """A loss of elements with its arrays on a GPU."""

    backends = GPU_BACKENDS
    divisor, refuse = sums.divisor, samples.refuse

    def __init__(self, face: Face, loss: Definition, inputs: tuple[Any, ...], also: Mapping[str, Any] = NONE) -> None:
        self.face = self.arithmetic = face
        self.loss, self.inputs, self.also = loss, inputs, also

    def known(self, call: Call) -> Any:
        if not self._unseen(call):
            return recipes.known(self.face, self.loss, call, self.inputs)
        launch.gpu().raise_pending()
        return None

    def _unseen(self, call: Call) -> bool:
        """Whether there are arrays that no recipe knows, over which nothing may be written."""
        return bool(self.also) and call.out is not None

    def read(self, call: Call) -> None:
        """Read the inputs and the weights, of which some may be numbers."""
        face, loss, names = self.face, self.loss, (*self.loss.inputs, "weight")
        self.arrays = read(face, loss, names, (*self.inputs, call.weight))
        self.seen = {n: x for n, x in zip(names, self.arrays, strict=True) if isinstance(x, Buffer)}
        self.device = next(iter(self.seen.values())).device
        own = [required(face, loss, loss.inputs[k], self.arrays[k]) for k in loss.wrt]
        self.shape = shapes.common_shape(loss.name, [*self.seen], [*self.seen.values()], loss.streamed)
        also = read(face, loss, [*self.also], [*self.also.values()])
        self.seen |= {n: x for n, x in zip(self.also, also, strict=True) if isinstance(x, Buffer)}
        self.count = prod(self.shape)
        self.own = [(x.char if x.char in shapes.FLOATS else "d", x.shape) for x in own]
        """Types and shapes of the derivatives."""
        self.compute = compute_type(self.own[0][0])
        self.kind = shapes.kind_of(self.compute)
        self.each = call.reduction == "none"

    def expected(self, want: int) -> list[Kind]:
        """The type of the arithmetic for values; type and shape of its input for each derivative."""
        if want == VALUE:
            return [Kind(type_of(self.compute), self.shape, self.device)]
        return [Kind(type_of(char), shape, self.device) for char, shape in self.own] * (2 if want & HESS else 1)

    def output(self, x: Any) -> Buffer:
        return read_output(self.face, self.loss, x)

    def arrange(self, call: Call) -> None:
        """Make dense arrays of the common shape; 16-bit inputs that are broadcast become wider, as on the host."""
        loss, want = self.loss, call.want
        work = self.work = Work(self.face, launch.gpu(), self.device, loss.name)
        for k, (char, shape) in zip(loss.wrt, self.own, strict=True):
            if shape != self.shape and want & HESS and loss.rooted:
                raise shapes.not_full(loss.name, loss.inputs[k], shape, self.shape)
            wide = shape != self.shape and want & ~VALUE and type_of(char).itemsize < 4
            self.arrays[k] = work.in_type(work.in_type(self.arrays[k], char), "f" if wide else char)
        if not (self.arrays[-1] is None or isinstance(self.arrays[-1], Buffer)):
            self.arrays[-1] = sums.alike(work, self.arrays[-1], self.shape, self.compute, call)
        data = [
            work.dense(x, self.shape) if isinstance(x, Buffer) else work.filled(x, self.shape, self.compute)
            for x in self.arrays
            if x is not None
        ]
        self.data, self.weights = data[: len(loss.inputs)], data[len(loss.inputs) :]
        self.blocks = -(-self.count // pointwise.TILE)
        self.room = sums.Room(work, self.blocks, self.compute)

    def twin(self) -> Elements:
        return Elements(self.face, self.loss, self.inputs, self.also)

    def masked(self, call: Call) -> Any:
        loss, face, weight = self.loss, self.face, call.weight
        place, number = shapes.label_to_ignore(loss, call.ignore_index)
        target = self.inputs[place]
        if isinstance(target, NUMBERS):
            return (1.0 if weight is None else weight) if target != number else 0.0
        if not face.owns(target) or not shapes.holds(face.buffer(target).dtype, number):
            return weight
        if face.owns(weight):
            arrays = face.buffer(target), face.buffer(weight)
            shapes.common_shape(loss.name, (loss.inputs[place], "weight"), arrays)
        # The verb refuses another library's array.
        return weight if np.ndim(weight) and not face.owns(weight) else face.weighed(target, number, weight)

    def weight_of(self, call: Call) -> Any:
        if call.weight is None or isinstance(self.arrays[-1], Buffer):
            return call.weight
        return self.face.filled(float(call.weight), (), "d", self.device)

    def looks(self, check: bool | None) -> bool:
        """The device is waited for only where that is asked for."""
        return check is True

    def passed(self, value: Any) -> Any:
        return value

    def weigh(self, check: bool, normalizer: float | None) -> bool:
        """Leave the sum of the weights on the device, or the normalizer; whether there are weights."""
        if normalizer is not None and not self.weights:
            self.weights = [self.work.filled(1.0, self.shape, self.compute)]
        if self.weights:
            unit = "d" if "d" in (self.compute, self.weights[0].char) else "f"
            self.room.weigh(self.weights[0], check, unit, normalizer)
        return bool(self.weights)

    def look(self, call: Call, given: bool) -> bool:
        """Go through the elements and wait, if the caller asks for it."""
        if call.check and (self.loss.checks or self.weights) and self.count:
            self.run(0, True, self.room.nothing_derived, NOWHERE)
            if self.work.flawed():
                raise_as_on_the_host(self.face, self.loss, self.inputs, call, {"weight": call.weight})
        return bool(call.check)

    def aims(self, call: Call, given: Outputs | None) -> Outputs:
        """The given arrays where a kernel can write to them, else fresh ones of the common shape."""
        given, want = given or NOWHERE, call.want
        chars = [self.data[k].char for k in self.loss.wrt]
        return Outputs(
            aimed(self.work, given.value, [self.compute] if self.each and want & VALUE else [], self.shape),
            aimed(self.work, given.grad, chars if want & GRAD else [], self.shape),
            aimed(self.work, given.hess, chars if want & HESS else [], self.shape),
        )

    def evaluate(self, want: int, check: bool, divisor: Divisor, to: Outputs) -> Any:
        """One pass, or two for a root; the reduced value, if that is wanted."""
        reduced = want & VALUE and not self.each
        if not self.count:
            return self.room.nothing(divisor) if reduced else None
        if self.loss.rooted:
            self.run(VALUE, check, self.room.nothing_derived, NOWHERE)
            result = self.room.value("rooted", divisor, self.blocks)
            if want & ~VALUE:
                self.run(want & ~VALUE, False, None, to)
            return result
        if reduced and self.blocks == 1 and divisor.number is not None:
            result, end = self.room.concluded(divisor)
            self.run(want, check, divisor.scale, to, end)
            return result
        self.run(want, check, divisor.scale, to)
        return self.room.value("averaged", divisor, self.blocks) if reduced else None

    def run(
        self, want: int, check: bool, scale: tuple[float, float] | None, to: Outputs, end: tuple[Any, ...] = ()
    ) -> None:
        """Go through all elements once; without `scale`, by what an earlier kernel has left.

        The value goes where `end` says, else the tiles' sums into the room.
        """
        loss, room, char = self.loss, self.room, self.data[self.loss.wrt[0]].char
        sums = end or (room.sums if want & VALUE and not to.value else 0)
        packets = aligned(*self.data, *self.weights, *to.value, *to.grad, *to.hess)
        self.work.run(
            CudaPlan(
                self.plan(want, check, bool(to.value)), width_of(char) if packets else 1, scale is None,
                room.unit if scale is None else "", bool(end),
            ),
            self.blocks, addresses(self.data), addresses(self.weights), loss.cast(self.kind, char), scale or (),
            room.found if scale is None else (), loss.bounds(self.kind), addresses(to.value), addresses(to.grad),
            addresses(to.hess), sums, self.work.flag, self.count,
        )  # fmt: skip

    def plan(self, want: int, check: bool, each: bool) -> Plan:
        """Which kernel goes through such arrays."""
        weight = self.weights[0].char if self.weights else ""
        types = tuple([x.char for x in self.data])
        return Plan.of(self.loss, types, want, check, weight, each=each)

    def results(self, call: Call, value: Any, to: Outputs, given: Outputs | None) -> list[Any]:
        """The value, and the derivatives in the shape and type of their inputs."""
        given, results = given or NOWHERE, []
        if call.want & VALUE:
            results.append(handed(self.work, to.value, given.value)[0] if self.each else value)
        for part, mine in ((to.grad, given.grad), (to.hess, given.hess)):
            if part:
                arrays = [self._summed(a, char, shape) for a, (char, shape) in zip(part, self.own, strict=True)]
                found = handed(self.work, arrays, mine)
                results.append(found[0] if len(found) == 1 else tuple(found))
        return results

    def _summed(self, a: Buffer, char: str, shape: tuple[int, ...]) -> Buffer:
        """A derivative of the common shape as one of its input's: an input that was broadcast has the sum."""
        if a.shape == shape:
            return a
        return self.face.buffer(self.face.add_up(a.array, shapes.summed_axes(a.shape, shape), shape, char))

    def remember(self, call: Call, given: bool, results: Any) -> None:
        """Keep the launches of a call that did nothing else."""
        waited = bool(call.check) or call.empty == "raise"
        recipes.remember(self.loss, call, self.inputs, self.work, waited or self._unseen(call), results)
