"""Pointwise losses on a GPU's arrays: everything that the host can know is checked, then the kernels are launched.

Nobody waits: the value is a 0-d array, a mean's denominator stays where it was computed, and what a kernel finds wrong
is raised by a later call. Only ``check=True`` and ``empty="raise"`` (with weights) look at once.
"""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...kernels.cuda import launch, pointwise
from ...kernels.cuda.plan import CombinePlan, CudaPlan, width_of
from ...kernels.plan import Plan, compute_type, sum_plan
from ...options import GPU_BACKENDS, GRAD, HESS, VALUE, check_options, mean_of_nothing
from .. import layout
from .buffers import FLOATS, Buffer, Scratch, Work, aligned, check_output, host_twin, in_shape, in_type, read, scratch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...definition import Definition
    from .buffers import Face, Shape


class Divisor(NamedTuple):
    """What the sum of the losses is divided by: a number, or one that a kernel leaves on the device."""

    number: float | None
    nothing: float = nan
    """What the mean is where it turns out to be 0."""


class Call:
    """A verb's arrays, all of one shape and dense."""

    def __init__(self, work: Work, loss: Definition, data: list[Buffer], weights: list[Buffer], shape: Shape,
                 each: bool) -> None:  # fmt: skip
        self.work, self.loss, self.shape, self.each = work, loss, shape, each
        self.data, self.weights = data, weights
        self.size = data[0].size
        self.compute = compute_type(data[loss.wrt[0]].char)
        self.kind: Any = np.float64 if self.compute == "d" else np.float32
        self.blocks = -(-self.size // pointwise.TILE)
        self.room: Scratch = scratch(work, self.blocks)

    def run(self, want: int, check: bool, scale: tuple[float, float] | None, value: Sequence[Buffer] = (),
            grads: Sequence[Buffer] = (), hesses: Sequence[Buffer] = ()) -> None:  # fmt: skip
        """Go through all elements; without `scale`, by what an earlier kernel has left."""
        loss, room = self.loss, self.room
        tests = loss.tests if check else loss.untested
        plan = Plan(
            loss.jet, loss.order, len(loss.values), loss.wrt, want, bool(value), tuple([x.char for x in self.data]),
            self.weights[0].char if self.weights else "", "C", False, loss.rooted, tests,
        )  # fmt: skip
        buffers = (*self.data, *self.weights, *value, *grads, *hesses)
        self.work.run(
            CudaPlan(plan, width_of(plan) if aligned(*buffers) else 1, scale is None), self.blocks,
            _addresses(self.data), _addresses(self.weights), loss.cast(self.kind), scale or (),
            (room.slopes,) if scale is None else (), loss.bounds(self.kind), _addresses(value), _addresses(grads),
            _addresses(hesses), room.sums, self.work.flag, self.size,
        )  # fmt: skip

    def weigh(self) -> None:
        """Leave the sum of the weights, and what derivatives are multiplied with."""
        add_up(self.work, self.weights[0], self.compute, self.room)

    def combine(self, kind: str, divisor: Divisor) -> Any:
        """The value, of the tiles' sums."""
        return combined(self.work, CombinePlan(self.compute, self.compute, kind, divisor.number is None), self.blocks,
                        self.room, divisor)  # fmt: skip


def add_up(work: Work, x: Buffer, compute: str, room: Scratch) -> None:
    """Leave the sum of an array, and 1 divided by it in the compute type."""
    base = sum_plan(x.char, "C")
    plan = CudaPlan(base, width_of(base) if aligned(x) else 1, False)
    blocks, zeros = -(-x.size // pointwise.TILE), (0.0, 0.0)
    work.run(plan, blocks, (x.address,), (), (), zeros, (), zeros, (), (), (), room.sums, work.flag, x.size)
    combining = CombinePlan(plan.plan.compute, compute, "weighed", False)
    work.run(combining, 1, room.sums, blocks, (0.0,), 0.0, room.divisor, room.slopes)


def combined(work: Work, plan: CombinePlan, count: int, room: Scratch, divisor: Divisor, sums: int = 0) -> Any:
    """The value, of so many sums."""
    result = work.empty((), plan.compute)
    given = room.divisor if divisor.number is None else divisor.number
    work.run(plan, 1, sums or room.sums, count, (given,), divisor.nothing, result.address, room.slopes)
    return result.array


def evaluate(
    face: Face, loss: Definition, want: int, inputs: tuple[Any, ...], weight: Any, reduction: str, normalizer: Any,
    empty: str, out: Any, backend: str | None, check: bool | None,
) -> Any:  # fmt: skip
    """One verb on arrays in a GPU's memory."""
    gpu = launch.gpu()
    gpu.raise_pending()
    check_options(loss, want, reduction, normalizer, empty, backend, GPU_BACKENDS)
    names = (*loss.inputs, "weight")
    arrays = read(face, loss, names, (*inputs, weight))
    read_as = {n: x for n, x in zip(names, arrays, strict=True) if isinstance(x, Buffer)}
    device = next(iter(read_as.values())).device
    shape: Shape = layout.common_shape(loss.name, list(read_as), list(read_as.values()))
    own = [_own(face, loss, k, arrays) for k in loss.wrt]
    work = Work(face, gpu, device, loss.name)
    for k, x in zip(loss.wrt, own, strict=True):
        # The derivative of an input that was broadcast is a sum, of terms that are not rounded to 16 bits.
        wide = x.shape != shape and want & ~VALUE and x.dtype.itemsize < 4
        arrays[k] = in_type(face, x, "f" if wide else x.char if x.char in FLOATS else "d")
        if x.shape != shape and want & HESS and loss.rooted:
            raise ValueError(f"{loss.name}: the second derivative needs {loss.inputs[k]} in the full shape {shape}")
    types = [x.char if x.char in FLOATS else "d" for x in own]
    given = None if out is None else _given(face, loss, want, reduction, out, own, types, shape, read_as)
    compute = compute_type(arrays[loss.wrt[0]].char)
    full = [None if x is None else in_shape(face, x, shape, compute, device) for x in arrays]
    call = Call(work, loss, [x for x in full[:-1] if x], [x for x in full[-1:] if x], shape, reduction == "none")
    divisor = _divisor(call, reduction, normalizer, empty)
    if check and loss.checks and call.size:
        call.run(0, True, (0.0, 0.0))
        if work.flawed():
            raise_as_on_the_host(face, loss, inputs, {"weight": weight})
    return _run(call, want, divisor, check is None, given, own, types)


def _own(face: Face, loss: Definition, k: int, arrays: list[Any]) -> Buffer:
    if not isinstance(arrays[k], Buffer):
        raise TypeError(f"{loss.name}: {loss.inputs[k]} must be an array of {face.NAME}, got a number")
    return arrays[k]  # type: ignore[no-any-return]


def _divisor(call: Call, reduction: str, normalizer: Any, empty: str) -> Divisor:
    if reduction != "mean":
        return Divisor(1.0)
    if normalizer is not None:
        return Divisor(float(normalizer))
    if not call.size:
        return Divisor(0.0, mean_of_nothing(call.loss.name, empty))
    if not call.weights:
        return Divisor(float(call.size))
    call.weigh()
    return Divisor(None, found_nothing(call.work, call.room, call.loss.name, empty))


def found_nothing(work: Work, room: Scratch, name: str, empty: str) -> float:
    """What the mean is if the weights on the device add up to 0."""
    if empty != "raise":
        return mean_of_nothing(name, empty)
    work.gpu.wait(work.device, work.stream)
    total = work.face.host(room.room.array).tobytes()[:8]
    return mean_of_nothing(name, empty) if np.frombuffer(total)[0] == 0.0 else nan


def _given(face: Face, loss: Definition, want: int, reduction: str, out: Any, own: list[Buffer], types: list[str],
           shape: Shape, inputs: dict[str, Buffer]) -> list[Buffer]:  # fmt: skip
    """The caller's arrays, in the order of the results."""
    device = own[0].device
    if want == VALUE:
        if reduction != "none":
            raise ValueError(f"{loss.name}: out is for reduction='none'; a reduced value is a scalar")
        return [check_output(face, loss, out, (compute_type(types[0]), shape, device), inputs, [], "")]
    pair = layout.several(loss.name, out, 2, "(grad, hess)") if want & HESS else (out,)
    names = f"({', '.join(loss.inputs[k] for k in loss.wrt)})"
    found: list[Buffer] = []
    for part in pair:
        arrays = layout.several(loss.name, part, len(own), names) if len(own) > 1 else (part,)
        for k, x, char, a in zip(loss.wrt, own, types, arrays, strict=True):
            over = loss.inputs[k] if not found and k == 0 else ""
            found.append(check_output(face, loss, a, (char, x.shape, device), inputs, found, over))
    return found


def _run(call: Call, want: int, divisor: Divisor, check: bool, given: list[Buffer] | None, own: list[Buffer],
         types: list[str]) -> Any:  # fmt: skip
    """Launch what the verb takes, and hand out its results."""
    loss, work, shape, count = call.loss, call.work, call.shape, len(call.loss.wrt)
    value = [work.empty(shape, call.compute)] if call.each and want & VALUE else []
    if want == VALUE and given:
        value = [a if a.dense else work.empty(shape, a.char) for a in given]
    chars = [call.data[k].char for k in loss.wrt]
    mine = given if given and want != VALUE else [None] * (count * (bool(want & GRAD) + bool(want & HESS)))
    aims = [_aim(work, a, char, shape) for a, char in zip(mine, chars * 2, strict=False)]
    grads, hesses = aims[:count] if want & GRAD else [], aims[count:]
    result: Any = None
    number = divisor.number
    scale = None if number is None and want != VALUE else (1.0 / (number or inf), 0.0)
    if not call.size:
        if want & VALUE and not call.each:
            result = work.face.filled(divisor.nothing if number == 0.0 else 0.0, (), call.compute, work.device)
    elif loss.rooted:
        call.run(VALUE, check, (0.0, 0.0))
        result = call.combine("rooted", divisor)
        if want & ~VALUE:
            call.run(want & ~VALUE, False, None, (), grads, hesses)
    else:
        call.run(want, check, scale, value, grads, hesses)
        if want & VALUE and not call.each:
            result = call.combine("averaged", divisor)
    results: list[Any] = []
    if want & VALUE:
        results.append(_handed(work, value[0], given[0] if given and want == VALUE else None) if call.each else result)
    derivatives = [
        _handed(work, _summed(work, a, x, char), target)
        for a, x, char, target in zip(aims, own * 2, types * 2, mine, strict=False)
    ]
    for part in (derivatives[: len(grads)], derivatives[len(grads) :]):
        if part:
            results.append(part[0] if count == 1 else tuple(part))
    return results[0] if len(results) == 1 else tuple(results)


def _aim(work: Work, given: Buffer | None, char: str, shape: Shape) -> Buffer:
    """Where a kernel writes: to the caller's array if that is of the full shape, and dense."""
    return given if given and given.shape == shape and given.dense and given.char == char else work.empty(shape, char)


def _summed(work: Work, a: Buffer, own: Buffer, char: str) -> Buffer:
    """A derivative of the full shape as one of its input's."""
    if a.shape == own.shape:
        return a
    extra = a.ndim - own.ndim
    axes = (*range(extra), *(extra + i for i, n in enumerate(own.shape) if n == 1 < a.shape[extra + i]))
    return work.face.buffer(work.face.add_up(a.array, axes, own.shape, char))


def _handed(work: Work, a: Buffer, given: Buffer | None) -> Any:
    """An array for the caller: his own, if he gave one."""
    if given is None:
        return a.array
    if given is not a:
        work.face.assign(given.array, a.array)
    return given.array


def raise_as_on_the_host(face: Face, loss: Any, inputs: Sequence[Any], options: dict[str, Any]) -> None:
    """Raise what the same call on the host says is wrong: it tells the place."""
    twins = [_host(face, x) for x in inputs]
    loss(*twins, **{name: _host(face, x) for name, x in options.items()}, reduction="sum")
    raise AssertionError("a kernel found a label or a value wrong that the host does not find")


def _host(face: Face, x: Any) -> Any:
    return host_twin(face, face.buffer(x)) if face.owns(x) else x


def _addresses(buffers: Sequence[Buffer]) -> tuple[int, ...]:
    return tuple([x.address for x in buffers])
