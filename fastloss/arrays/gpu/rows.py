"""A loss of rows with a GPU's arrays, brought to dense rows: a job for `arrays/verb.py`, as `host/rows.py` is.

As in `gpu/elements.py`, nobody waits unless asked to.
"""

from __future__ import annotations

from copy import copy
from functools import reduce
from math import prod
from operator import or_
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.keywords import GRAD, HESS, VALUE, RowStats
from ...define.rows import Pair
from ...kernels.cuda import launch
from ...kernels.cuda.plan import rows as rowplan
from ...kernels.cuda.templates import elements as pointwise
from ...kernels.plan.elements import compute_type
from ...kernels.plan.rows import RowPlan
from .. import shapes
from ..checks import GPU_BACKENDS, refuse_class_weights
from ..job import NONE, NOWHERE, Kind, Outputs
from . import columns, recipes, sums
from .buffers import Buffer, Work, addresses, read, some_rows, type_of
from .outputs import aimed, handed, raise_as_on_the_host, read_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...define.keywords import Call
    from ...define.rows import Program
    from ..divisors import Divisor
    from .buffers import Face

DIRECT = 1 << 16
"""Rows whose losses one block adds up; those of more are added up in tiles first."""


class Rows:
    """A loss of rows with its arrays on a GPU."""

    backends = GPU_BACKENDS
    divisor = sums.divisor

    def __init__(
        self, face: Face, loss: Program, inputs: tuple[Any, ...], also: Mapping[str, Any] = NONE, called: str = "weight"
    ) -> None:
        """`called` is what the caller calls the rows' weights."""
        self.face, self.loss, self.inputs, self.also, self.called = face, loss, inputs, also, called

    def known(self, call: Call) -> Any:
        return recipes.known(self.face, self.loss, call, self.inputs)

    def read(self, call: Call) -> None:
        """Read scores, target and weights, each of a shape that fits."""
        face, loss, names = self.face, self.loss, (*self.loss.reads, "weight", "class_weight")
        arrays = read(face, loss, names, (*self.inputs, call.weight, call.class_weight), len(self.inputs))
        *data, self.weight, self.class_weight = arrays
        pred = data[0]
        self.device, self.shape = pred.device, pred.shape
        self.scores = data[: loss.scores]
        self.target: Buffer | None = None if loss.target == "none" else data[len(loss.inputs) - 1]
        self.axis, self.labels, self.ignore, self.smoothing = shapes.fitted(
            loss, call, self.scores, self.target, self.weight, self.called, self.class_weight, floats=face.ADDS
        )
        self.given_columns = data[len(loss.inputs) :]
        """Parameters that are arrays."""
        self.seen = {**dict(zip(names, arrays, strict=True)), **self.also}
        self.seen = {n: x for n, x in self.seen.items() if isinstance(x, Buffer) and x.array is not None}
        self.char = pred.char if pred.char in shapes.FLOATS else "d"
        """The type of the derivatives."""
        self.compute = compute_type(self.char)
        self.each, self.counted = call.reduction == "none", False
        self._measure()

    def _measure(self) -> None:
        """How many rows there are, of how many classes."""
        self.batch = self.shape[: self.axis] + self.shape[self.axis + 1 :]
        self.count, self.classes = prod(self.batch), self.shape[self.axis]

    def expected(self, want: int) -> list[Kind]:
        """The type of the arithmetic and the batch's shape for values, type and shape of the scores for derivatives."""
        if want == VALUE:
            return [Kind(type_of(self.compute), self.batch, self.device)]
        return [Kind(type_of(self.char), self.shape, self.device)] * (2 if want & HESS else 1)

    def output(self, x: Any) -> Buffer:
        return read_output(self.face, self.loss, x)

    def arrange(self, call: Call) -> None:
        """Make dense rows, the classes last; integers of labels that are stored as floats."""
        work = self.work = Work(self.face, launch.gpu(), self.device, self.loss.name)
        self.columns = columns.dense(work, self.loss, self.given_columns, self.shape, self.axis, self.compute)
        if self.target is not None and self.labels:
            self.target = work.dense(self.target, self.batch)
            if self.target.char in shapes.FLOATS:
                self.target = work.whole(self.target, -2 if self.ignore == -1 else -1)
        elif self.target is not None:
            self.target = self.classes_last(self.target)
        if isinstance(self.weight, Buffer):
            self.weight = work.dense(self.weight, self.batch)
        elif self.weight is not None:
            self.weight = sums.alike(work, self.weight, self.batch, self.compute, call)
        if self.class_weight is not None:
            one_each, passed = self.labels and not self.smoothing, self.class_weight
            self.class_weight = sums.classes_of(work, passed, self.compute, one_each, call)
            if call.check:
                own = call.reduction == "mean" and call.normalizer is None
                kind = np.float64 if own else self.class_weight.dtype
                refuse_class_weights(self.loss, self.face.host(passed.array), kind)
        pred, *others = self.scores
        self.scores = [self.classes_last(x) for x in (work.in_type(pred, self.char), *others)]
        self.room = sums.Room(work, -(-max(1, self.count) // pointwise.TILE), self.compute)

    def classes_last(self, x: Buffer) -> Buffer:
        """An array of the scores' shape with the classes last, dense."""
        last, face = x.ndim - 1, self.face
        moved = x if self.axis == last or x.array is None else face.buffer(face.moved(x.array, self.axis, last))
        return self.work.dense(moved, moved.shape)

    def part(self, low: int, high: int, scores: Sequence[Buffer]) -> Rows:
        """Those from `low` to `high`, whose scores these are."""
        part, n = copy(self), self.count
        part.shape, part.axis, part.scores = (high - low, self.classes), 1, [*scores]
        part.target, part.weight = some_rows(self.target, low, high, n), some_rows(self.weight, low, high, n)
        part._measure()
        return part

    def weigh(self, check: bool, normalizer: float | None) -> bool:
        """Leave what the rows that are present weigh on the device, or the normalizer; False where each weighs 1."""
        if normalizer is not None and self.weight is None:
            self.weight = self.work.filled(1.0, self.batch, self.compute)
        if self.class_weight or (self.labels and (self.ignore is not None or self.weight)):
            self.census(check, normalizer)
        elif self.weight:
            self.room.weigh(self.weight, check, self._unit, normalizer)
        else:
            return False
        return True

    @property
    def _unit(self) -> str:
        """The type of what the weights are multiplied by where these decide what is divided by; '' without weights."""
        weights = [x for x in (self.weight, self.class_weight) if x]
        return "" if not weights else "d" if any(x.char == "d" for x in (*weights, *self.scores)) else "f"

    def census(self, check: bool, normalizer: float | None = None) -> None:
        """Look at every label, with `check` at weights, and leave what the rows that are present weigh in all."""
        self.counted = True
        plan, blocks = rowplan.counting(self.plan(0, check)), -(-self.count // pointwise.TILE)
        plan = plan._replace(classes=self.class_weight.char if self.class_weight else "")
        self.work.run(
            plan, blocks, addresses([self.target]), addresses([self.weight]), addresses([self.class_weight]),
            self.ignore or 0, self.room.sums, self.work.flag, self.count, self.classes,
        )  # fmt: skip
        self.room.divide_by(blocks, plan.plan.compute, self._unit, normalizer)

    def look(self, call: Call, given: bool) -> bool:
        """Go through labels and rows and wait, if the caller asks for it."""
        looked = self.loss.checks or self.loss.streamed or (self.weight and not self.labels)
        if call.check and self.count and (self.labels or looked):
            if self.labels and not self.counted:
                self.census(True)
            if looked:
                self.run(0, True, self.room.nothing_derived, NOWHERE)
            if self.work.flawed():
                weights = {"weight": call.weight, "class_weight": call.class_weight}
                raise_as_on_the_host(self.face, self.loss, self.inputs, call, weights)
        return bool(call.check)

    def aims(self, call: Call, given: Outputs | None) -> Outputs:
        """The given arrays where a kernel can write to them, else fresh ones; a value takes each row's loss."""
        given, want = given or NOWHERE, call.want
        rows = (*self.batch, self.classes)
        # Kernels for pairs still read the scores when they write.
        kept = self.scores[0].address if isinstance(self.loss.functions, Pair) else -1
        dense = self.axis == len(self.shape) - 1
        grad, hess = ([a if dense and a.address != kept else None for a in part] for part in (given.grad, given.hess))
        return Outputs(
            aimed(self.work, given.value, [self.compute] if want & VALUE else [], self.batch),
            aimed(self.work, grad, [self.char] if want & GRAD else [], rows),
            aimed(self.work, hess, [self.char] if want & HESS else [], rows),
            aimed(self.work, [], [self.compute, self.compute, "q"] if call.stats else [], self.batch),
        )

    def evaluate(self, want: int, check: bool, divisor: Divisor, to: Outputs) -> Any:
        """One pass; the reduced value, if that is wanted."""
        if self.count:
            self.run(want, check, divisor.scale, to)
        return self.total(to.value[0], divisor) if want & VALUE and not self.each else None

    def total(self, losses: Buffer, divisor: Divisor) -> Any:
        """The value, of all rows' losses."""
        if not self.count:
            return self.room.nothing(divisor)
        if self.count <= DIRECT:
            return self.room.value("averaged", divisor, self.count, losses.address)
        return self.room.value("averaged", divisor, self.room.tiles(losses)[0])

    def run(self, want: int, check: bool, scale: tuple[float, float] | None, to: Outputs) -> None:
        """Go through all rows once; without `scale`, by what an earlier kernel has left."""
        loss, base = self.loss, self.plan(want, check, bool(to.stats))
        kind = shapes.kind_of(base.compute)
        streams = (*self.scores, *([self.target] if self.target and not self.labels else []), *to.grad, *to.hess)
        bits = reduce(or_, [x.address for x in streams])
        packet = rowplan.packet_for(base.types[0], "".join([x.char for x in streams]), bits)
        plan = rowplan.chosen(base, self.classes, packet, scale is None)._replace(
            unit=self.room.unit if scale is None else "", classes=self.class_weight.char if self.class_weight else ""
        )
        blocks = -(-self.count // (plan.threads // plan.group))
        parameters = columns.parameters(loss, self.columns, kind, base.types[0])
        given = (
            addresses(self.scores), addresses([self.target]), addresses([self.weight]),
            addresses([self.class_weight]), parameters, shapes.masses(self.smoothing, self.classes, kind),
            scale or (), self.room.found if scale is None else (), self.ignore or 0,
            loss.bounds(kind)[: 2 * len(base.tests)], addresses(to.value), addresses(to.stats), addresses(to.grad),
            addresses(to.hess), self.work.flag,
        )  # fmt: skip
        parts = rowplan.parts_of(plan, self.count, self.classes)
        if parts == 1:
            self.work.run(plan, blocks, *given, self.count, self.classes)
            return
        left = self.work.empty((self.count * parts, plan.partial), base.compute)
        for stage in plan.stages:
            self.work.run(stage, self.count * parts, *given, left.address, parts, self.classes)

    def plan(self, want: int, check: bool, stats: bool = False) -> RowPlan:
        """Which kernel goes through such rows."""
        return RowPlan.of(
            self.loss,
            tuple([x.char for x in self.scores]),
            want,
            check,
            stats=stats,
            target="none" if self.target is None else "labels" if self.labels else "dense",
            target_type=self.target.char if self.target else "",
            smooth=self.smoothing > 0.0,
            classes=self.class_weight is not None,
            weight=self.weight.char if self.weight else "",
            ignore=self.ignore is not None,
            spans=columns.spans(self.loss, self.compute) if check else (),
        )

    def results(self, call: Call, value: Any, to: Outputs, given: Outputs | None) -> list[Any]:
        """The value, the derivatives with their axes as the scores had them, and the rows' own numbers."""
        given, results, work = given or NOWHERE, [], self.work
        if call.want & VALUE:
            results.append(handed(work, to.value, given.value)[0] if self.each else value)
        for part, mine in ((to.grad, given.grad), (to.hess, given.hess)):
            results += handed(work, [self._as_passed(a) for a in part], mine)
        if call.stats:
            lse, entropy, top = (x.array for x in to.stats)
            correct = self.face.hits(top, self.target.array) if self.labels and self.target else None
            results.append(RowStats(lse, entropy, top, correct))
        return results

    def _as_passed(self, a: Buffer) -> Buffer:
        last, face = len(self.shape) - 1, self.face
        return a if self.axis == last else face.buffer(face.moved(a.array, last, self.axis))

    def remember(self, call: Call, given: bool, results: Any) -> None:
        """Keep the launches of a call that did nothing else."""
        waited = bool(call.check) or call.empty == "raise"
        recipes.remember(self.loss, call, self.inputs, self.work, waited, results)
