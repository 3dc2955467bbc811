"""Pointwise losses on a GPU's arrays: everything that the host can know is checked, then the kernels are launched.

Nobody waits: the value is a 0-d array, a mean's denominator stays where it was computed, and what a kernel finds wrong
is raised by a later call. Only ``check=True`` and ``empty="raise"`` (with weights) look at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...define.keywords import HESS, VALUE
from ...kernels.cuda import launch
from ...kernels.cuda.plan.elements import CudaPlan
from ...kernels.cuda.plan.rows import width_of
from ...kernels.cuda.templates import elements as pointwise
from ...kernels.plan.elements import Plan, compute_type
from ..checks import GPU_BACKENDS, check_options, mean_of_nothing, packed, refuse_reduced
from ..host import memory as layout
from . import recipes as tape
from .buffers import Buffer, Work, addresses, aligned, read, required
from .outputs import aim, handed, outputs, raise_as_on_the_host
from .sums import Divisor, Room, alike, weighs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...define.elements import Definition
    from .buffers import Face, Shape


class Aims(NamedTuple):
    """Where the kernels write."""

    value: Sequence[Buffer] = ()
    """A loss for each element."""
    grads: Sequence[Buffer] = ()
    hesses: Sequence[Buffer] = ()


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
        self.room = Room(work, self.blocks, self.compute)

    def run(self, want: int, check: bool, scale: tuple[float, float] | None, to: Aims = Aims()) -> None:  # noqa: B008
        """Go through all elements; without `scale`, by what an earlier kernel has left."""
        loss, room = self.loss, self.room
        types, weight = tuple([x.char for x in self.data]), self.weights[0].char if self.weights else ""
        plan = Plan.of(loss, types, want, check, weight, each=bool(to.value))
        packets = aligned(*self.data, *self.weights, *to.value, *to.grads, *to.hesses)
        width = width_of(self.data[loss.wrt[0]].char) if packets else 1
        self.work.run(
            CudaPlan(plan, width, scale is None, room.unit if scale is None else ""), self.blocks,
            addresses(self.data), addresses(self.weights),
            loss.cast(self.kind, self.data[loss.wrt[0]].char), scale or (), room.found if scale is None else (),
            loss.bounds(self.kind), addresses(to.value), addresses(to.grads), addresses(to.hesses), room.sums,
            self.work.flag, self.size,
        )  # fmt: skip

    def divisor(self, reduction: str, normalizer: Any, empty: str, check: bool) -> Divisor:
        """What the sum is divided by."""
        if reduction != "mean":
            return Divisor(1.0)
        number = None if normalizer is None else float(normalizer)
        if number is not None and not (self.size and weighs(reduction, number)):
            return Divisor(number)
        if not self.size:
            return Divisor(0.0, mean_of_nothing(self.loss.name, empty))
        if number is not None and not self.weights:
            self.weights = [self.work.filled(1.0, self.shape, self.compute)]
        if not self.weights:
            return Divisor(float(self.size))
        unit = "d" if "d" in (self.compute, self.weights[0].char) else "f"
        self.room.weigh(self.weights[0], check, unit, number)
        return self.room.divisor(self.loss.name, empty)

    def aims(self, want: int, given: Sequence[Buffer] | None) -> Aims:
        """The caller's arrays where a kernel can write to them, else fresh ones of the full shape."""
        if want == VALUE:
            target = given[0] if given else None
            return Aims([aim(self.work, target, self.compute, self.shape)] if self.each else [])
        chars = [self.data[k].char for k in self.loss.wrt] * (2 if want & HESS else 1)
        nowhere: list[Buffer | None] = [None] * len(chars)
        found = [aim(self.work, a, char, self.shape) for a, char in zip(given or nowhere, chars, strict=True)]
        count = len(self.loss.wrt)
        value = [self.work.empty(self.shape, self.compute)] if self.each and want & VALUE else []
        return Aims(value, found[:count], found[count:])

    def evaluate(self, want: int, divisor: Divisor, check: bool, to: Aims) -> Any:
        """Launch what the verb takes; the reduced value, if that is wanted."""
        loss, reduced = self.loss, want & VALUE and not self.each
        if not self.size:
            return self.room.nothing(divisor) if reduced else None
        if loss.rooted:
            self.run(VALUE, check, self.room.nothing_derived)
            result = self.room.value("rooted", divisor, self.blocks)
            if want & ~VALUE:
                self.run(want & ~VALUE, False, None, to)
            return result
        self.run(want, check, divisor.scale, to)
        return self.room.value("averaged", divisor, self.blocks) if reduced else None


def evaluate(
    face: Face, loss: Definition, want: int, inputs: tuple[Any, ...], weight: Any, reduction: str, normalizer: Any,
    empty: str, out: Any, backend: str | None, check: bool | None,
) -> Any:  # fmt: skip
    """One verb on arrays in a GPU's memory."""
    gpu = launch.gpu()
    gpu.raise_pending()
    common = tape.given(face, (want, reduction, normalizer, empty, backend, check), (*inputs, weight), out)
    if common is not None:
        found = tape.replayed(face, gpu, loss, common)
        if found is not None:
            return found
    check_options(loss, want, reduction, normalizer, empty, backend, GPU_BACKENDS)
    names = (*loss.inputs, "weight")
    arrays = read(face, loss, names, (*inputs, weight))
    read_as = {n: x for n, x in zip(names, arrays, strict=True) if isinstance(x, Buffer)}
    work = Work(face, gpu, next(iter(read_as.values())).device, loss.name)
    own = [_own(work, loss, k, arrays) for k in loss.wrt]
    shape: Shape = layout.common_shape(loss.name, list(read_as), list(read_as.values()), loss.streamed)
    given = None if out is None else _given(face, loss, want, reduction, out, own, shape, read_as)
    for k, x in zip(loss.wrt, own, strict=True):
        if x.shape != shape and want & HESS and loss.rooted:
            raise layout.not_full(loss.name, loss.inputs[k], x.shape, shape)
        # The derivative of an input that was broadcast is a sum, of terms that are not rounded to 16 bits.
        wide = x.shape != shape and want & ~VALUE and x.dtype.itemsize < 4
        arrays[k] = work.in_type(x, "f" if wide else x.char)
    compute = compute_type(own[0].char)
    if not (arrays[-1] is None or isinstance(arrays[-1], Buffer)):
        arrays[-1] = alike(work, arrays[-1], shape, compute, reduction, normalizer)
    *data, weights = (
        work.dense(x, shape) if isinstance(x, Buffer) else None if x is None else work.filled(x, shape, compute)
        for x in arrays
    )
    call = Call(work, loss, [x for x in data if x], [weights] if weights else [], shape, reduction == "none")
    divisor = call.divisor(reduction, normalizer, empty, check is not False)
    if check and (loss.checks or weights) and call.size:
        call.run(0, True, call.room.nothing_derived)
        if work.flawed():
            given_weights = {"weight": weight, "reduction": reduction, "normalizer": normalizer}
            raise_as_on_the_host(face, loss, inputs, given_weights)
    to = call.aims(want, given)
    value = call.evaluate(want, divisor, check is None, to)
    results = _results(call, want, value, to, given, own)
    tape.remember(loss, common, work, bool(check) or empty == "raise", results)
    return results


def _own(work: Work, loss: Definition, k: int, arrays: Sequence[Any]) -> Buffer:
    """An input that derivatives are of: floats, and integers in float64."""
    x = required(work.face, loss, loss.inputs[k], arrays[k])
    return x if x.char in layout.FLOATS else work.in_type(x, "d")


def _given(face: Face, loss: Definition, want: int, reduction: str, out: Any, own: Sequence[Buffer], shape: Shape,
           inputs: Mapping[str, Buffer]) -> list[Buffer]:  # fmt: skip
    """The caller's arrays, in the order of the results."""
    device = own[0].device
    if want == VALUE:
        refuse_reduced(loss.name, reduction == "none")
        return outputs(face, loss, [out], [(compute_type(own[0].char), shape, device)], inputs)
    pair = layout.several(loss.name, out, 2, "(grad, hess)") if want & HESS else (out,)
    names = f"({', '.join(loss.inputs[k] for k in loss.wrt)})"
    arrays = [a for p in pair for a in (layout.several(loss.name, p, len(own), names) if len(own) > 1 else (p,))]
    expected = [(x.char, x.shape, device) for x in own] * len(pair)
    return outputs(face, loss, arrays, expected, inputs, loss.inputs[0])


def _results(call: Call, want: int, value: Any, to: Aims, given: Sequence[Buffer] | None, own: Sequence[Buffer]) -> Any:
    """What the verb returns."""
    work, results = call.work, []
    if want & VALUE:
        target = given[0] if given and want == VALUE else None
        results.append(handed(work, to.value[0], target) if call.each else value)
    nowhere: list[Buffer | None] = [None] * (2 * len(own))
    targets = iter(given or nowhere)
    for part in (to.grads, to.hesses):
        if part:
            results.append(packed([handed(work, _summed(work, a, x), next(targets))
                                   for a, x in zip(part, own, strict=True)]))  # fmt: skip
    return packed(results)


def _summed(work: Work, a: Buffer, own: Buffer) -> Buffer:
    """A derivative of the full shape as one of its input's."""
    if a.shape == own.shape:
        return a
    extra = a.ndim - own.ndim
    axes = (*range(extra), *(extra + i for i, n in enumerate(own.shape) if n == 1 != a.shape[extra + i]))
    return work.face.buffer(work.face.add_up(a.array, axes, own.shape, own.char))
