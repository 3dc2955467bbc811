"""Row losses on a GPU's arrays: checked as far as the host can, brought to dense rows, and given to the kernels.

As in `gpu/elements.py`, nobody waits unless asked to.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...define.keywords import GRAD, HESS, VALUE, Options, RowStats
from ...define.rows import Pair
from ...kernels.cuda import launch
from ...kernels.cuda.plan import rows as rowplan
from ...kernels.cuda.templates import elements as pointwise
from ...kernels.plan.elements import compute_type
from ...kernels.plan.rows import RowPlan
from .. import shapes as rowshapes
from ..checks import GPU_BACKENDS, check_options, mean_of_nothing, packed, refuse_reduced
from ..host import memory as layout
from . import columns
from . import recipes as tape
from .buffers import Buffer, Work, addresses, aligned, read, some_rows
from .outputs import aim, handed, outputs, raise_as_on_the_host
from .sums import Divisor, Room, alike, classes_of, weighs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...define.rows import Program
    from .buffers import Face, Shape
    from .columns import Columns

DIRECT = 1 << 16
"""Rows whose losses one block adds up; those of more are added up in tiles first."""


class RowAims(NamedTuple):
    """Where the kernels write; rows are dense, the classes last."""

    losses: Sequence[Buffer] = ()
    """A loss for each row."""
    facts: Sequence[Buffer] = ()
    """Statistics of each row."""
    grads: Sequence[Buffer] = ()
    hesses: Sequence[Buffer] = ()


class Rows(NamedTuple):
    """A row loss with its arrays, of dense rows, the classes last."""

    work: Work
    loss: Program
    shape: Shape
    """Of the scores as they came."""
    axis: int
    """Of the classes, there."""
    scores: Sequence[Buffer]
    target: Buffer | None
    labels: bool
    weight: Buffer | None
    class_weight: Buffer | None
    smoothing: float
    ignore: int | None
    room: Room
    columns: Columns
    """Parameters that are arrays."""

    @property
    def batch(self) -> Shape:
        """The shape without the classes."""
        return self.shape[: self.axis] + self.shape[self.axis + 1 :]

    @property
    def rows(self) -> int:
        """How many there are."""
        return prod(self.batch)

    @property
    def classes(self) -> int:
        """How many numbers a row has."""
        return self.shape[self.axis]

    @property
    def unit(self) -> str:
        """The type of what the weights are multiplied by where these decide what is divided by; '' without weights."""
        weights = [x for x in (self.weight, self.class_weight) if x]
        return "" if not weights else "d" if any(x.char == "d" for x in (*weights, *self.scores)) else "f"

    def over(self, a: Buffer | None) -> bool:
        """Whether it is the scores' own memory, which the kernels for pairs still read when they write."""
        return a is not None and isinstance(self.loss.functions, Pair) and a.address == self.scores[0].address

    def part(self, low: int, high: int, scores: Sequence[Buffer]) -> Rows:
        """Those from `low` to `high`, whose scores these are."""
        n = self.rows
        return self._replace(
            shape=(high - low, self.classes), axis=1, scores=scores, target=some_rows(self.target, low, high, n),
            weight=some_rows(self.weight, low, high, n),
        )  # fmt: skip

    def plan(self, want: int, check: bool, stats: bool) -> RowPlan:
        """Which kernel goes through such rows."""
        return RowPlan.of(
            self.loss,
            tuple([x.char for x in self.scores]),
            want,
            check,
            "none" if self.target is None else "labels" if self.labels else "dense",
            self.smoothing > 0.0,
            target_type=self.target.char if self.target else "",
            classes=self.class_weight is not None,
            weight=self.weight.char if self.weight else "",
            ignore=self.ignore is not None,
            stats=stats,
            spans=columns.spans(self.loss, self.room.compute) if check else (),
        )

    def run(self, want: int, check: bool, scale: tuple[float, float] | None, to: RowAims = RowAims()) -> None:  # noqa: B008
        """Go through all rows; without `scale`, by what an earlier kernel has left."""
        loss, base = self.loss, self.plan(want, check, bool(to.facts))
        kind: Any = np.float64 if base.compute == "d" else np.float32
        streams = (*self.scores, *([self.target] if self.target and not self.labels else []), *to.grads, *to.hesses)
        packets = aligned(*streams) and self.classes % rowplan.width_of(base.types[0]) == 0
        plan = rowplan.fitted(base, self.classes, packets, scale is None)._replace(
            unit=self.room.unit if scale is None else "", classes=self.class_weight.char if self.class_weight else ""
        )
        s, blocks = self.smoothing, -(-self.rows // (rowplan.THREADS // plan.group))
        mix = tuple([kind(v) for v in (s / self.classes, 1.0 - s, 1.0 - s + s / self.classes)])
        parameters = columns.parameters(loss, self.columns, kind, base.types[0])
        given = (
            addresses(self.scores), addresses([self.target]), addresses([self.weight]),
            addresses([self.class_weight]), parameters, mix,
            scale or (), self.room.found if scale is None else (), self.ignore or 0,
            loss.bounds(kind)[: 2 * len(base.tests)], addresses(to.losses), addresses(to.facts), addresses(to.grads),
            addresses(to.hesses), self.work.flag,
        )  # fmt: skip
        parts = rowplan.parts_of(plan, self.rows, self.classes)
        if parts == 1:
            self.work.run(plan, blocks, *given, self.rows, self.classes)
            return
        left = self.work.empty((self.rows * parts, plan.partial), base.compute)
        for stage in plan.stages:
            self.work.run(stage, self.rows * parts, *given, left.address, parts, self.classes)

    def census(self, check: bool = True, normalizer: float | None = None) -> None:
        """Look at every label, with `check` at weights, and leave what the rows that are present weigh in all."""
        plan, blocks = rowplan.counting(self.plan(0, check, False)), -(-self.rows // pointwise.TILE)
        plan = plan._replace(classes=self.class_weight.char if self.class_weight else "")
        self.work.run(
            plan, blocks, addresses([self.target]), addresses([self.weight]), addresses([self.class_weight]),
            self.ignore or 0, self.room.sums, self.work.flag, self.rows, self.classes,
        )  # fmt: skip
        self.room.divide_by(blocks, plan.plan.compute, self.unit, normalizer)

    def divisor(self, o: Options) -> Divisor:
        """What the sum is divided by."""
        if o.reduction != "mean":
            return Divisor(1.0)
        number = None if o.normalizer is None else float(o.normalizer)
        if number is not None and not (self.rows and weighs(o.reduction, number)):
            return Divisor(number)
        if not self.rows:
            return Divisor(0.0, mean_of_nothing(self.loss.name, o.empty))
        if self.class_weight or (self.labels and (self.ignore is not None or self.weight)):
            self.census(o.check is not False, number)
        elif self.weight:
            self.room.weigh(self.weight, o.check is not False, self.unit, number)
        else:
            return Divisor(float(self.rows))
        return self.room.divisor(self.loss.name, o.empty)

    def total(self, losses: Buffer, divisor: Divisor) -> Any:
        """The value, of all rows' losses."""
        if not self.rows:
            return self.room.nothing(divisor)
        if self.rows <= DIRECT:
            return self.room.value("averaged", divisor, self.rows, losses.address)
        return self.room.value("averaged", divisor, self.room.tiles(losses)[0])


def evaluate(face: Face, loss: Program, inputs: tuple[Any, ...], options: Options) -> Any:
    """One verb of a row loss on arrays in a GPU's memory."""
    gpu = launch.gpu()
    gpu.raise_pending()
    o = options
    asked = (
        o.want, o.axis, o.ignore_index, o.label_smoothing, o.reduction, o.normalizer, o.empty,
        o.stats, o.backend, o.check,
    )  # fmt: skip
    common = tape.given(face, asked, (*inputs, o.weight, o.class_weight), o.out)
    if common is not None:
        found = tape.replayed(face, gpu, loss, common)
        if found is not None:
            return found
    check_options(loss, o.want, o.reduction, o.normalizer, o.empty, o.backend, GPU_BACKENDS)
    if o.stats and loss.functions.stats is None:
        raise ValueError(f"{loss.name} has no statistics to return; losses of a softmax of the scores have")
    names = (*loss.reads, "weight", "class_weight")
    arrays = read(face, loss, names, (*inputs, o.weight, o.class_weight), len(inputs))
    rows = arranged(Work(face, gpu, arrays[0].device, loss.name), loss, arrays[:-2], *arrays[-2:], o)
    read_as = {n: x for n, x in zip(names, arrays, strict=True) if isinstance(x, Buffer)}
    given = None if o.out is None else given_outputs(rows, o, read_as)
    divisor = rows.divisor(o)
    looked = bool(loss.checks or loss.streamed or (rows.weight and not rows.labels))
    if o.check and rows.rows and (rows.labels or looked):
        if rows.labels and divisor.number is not None:  # else they have been looked at
            rows.census()
        if looked:
            rows.run(0, True, rows.room.nothing_derived)
        if rows.work.flawed():
            weights = {"weight": o.weight, "class_weight": o.class_weight, "ignore_index": o.ignore_index}
            how = {"axis": o.axis, "reduction": o.reduction, "normalizer": o.normalizer}
            raise_as_on_the_host(face, loss, inputs, {**weights, **how})
    results = outcome(rows, o, divisor, given, rows.run)
    tape.remember(loss, common, rows.work, bool(o.check) or o.empty == "raise", results)
    return results


def arranged(
    work: Work,
    loss: Program,
    data: Sequence[Buffer],
    weight: Any,
    class_weight: Any,
    o: Options,
    called: str = "weight",
) -> Rows:  # fmt: skip
    """A verb's arrays, checked but for their values; `called` is what the caller calls the rows' weights."""
    face, (pred, *others) = work.face, data[: len(loss.inputs)]
    axis = rowshapes.axis_of(loss, pred.shape, o.axis)
    for name, x in zip(loss.inputs[1 : loss.scores], others, strict=False):
        if x.shape != pred.shape:
            raise ValueError(
                f"{loss.name}: {name} has shape {x.shape}, expected that of {loss.inputs[0]}, {pred.shape}"
            )
    floats = pred if pred.char in layout.FLOATS else work.in_type(pred, "d")
    compute, batch = compute_type(floats.char), pred.shape[:axis] + pred.shape[axis + 1 :]
    target, labels = None if loss.target == "none" else others[-1], False
    if target is not None:
        labels = rowshapes.are_labels(loss, target.shape, target.dtype, pred.shape, axis, face.ADDS)
        target = work.dense(target, batch) if labels else classes_last(work, target, axis)
    ignore = rowshapes.ignored(loss, o.ignore_index, labels, target)
    if target is not None and labels and target.char in layout.FLOATS:
        target = work.whole(target, -2 if ignore == -1 else -1)
    if isinstance(weight, Buffer):
        rowshapes.check_weight(loss, called, weight, pred.shape, axis)
        weight = work.dense(weight, batch)
    elif weight is not None:
        weight = alike(work, weight, batch, compute, o.reduction, o.normalizer)
    elif o.normalizer is not None and weighs(o.reduction, o.normalizer):
        weight = work.filled(1.0, batch, compute)
    if class_weight is not None:
        shape = class_weight.shape if isinstance(class_weight, Buffer) else ()
        rowshapes.check_class_weight(loss, shape, pred.shape[axis])
        passed = class_weight
        class_weight = classes_of(work, passed, compute, labels and not o.label_smoothing, o)
        if o.check:
            kind = np.float64 if o.reduction == "mean" and o.normalizer is None else class_weight.dtype
            rowshapes.check_class_weights(loss, face.host(passed.array), kind)
    scores = [classes_last(work, x, axis) for x in (floats, *others[: loss.scores - 1])]
    room = Room(work, -(-max(1, prod(batch)) // pointwise.TILE), compute)
    return Rows(work, loss, pred.shape, axis, scores, target, labels, weight, class_weight,
                rowshapes.smoothing(loss, o.label_smoothing), ignore, room,
                columns.dense(work, loss, data[len(loss.inputs) :], pred.shape, axis, compute))  # fmt: skip


def classes_last(work: Work, x: Buffer, axis: int) -> Buffer:
    """An array of the scores' shape with the classes last, dense."""
    last = x.ndim - 1
    moved = x if axis == last or x.array is None else work.face.buffer(work.face.moved(x.array, axis, last))
    return work.dense(moved, moved.shape)


def given_outputs(rows: Rows, o: Options, inputs: Mapping[str, Buffer]) -> list[Buffer]:
    """The caller's arrays, in the order of the results."""
    loss, face, device = rows.loss, rows.work.face, rows.work.device
    if o.want == VALUE:
        refuse_reduced(loss.name, o.reduction == "none")
        return outputs(face, loss, [o.out], [(rows.room.compute, rows.batch, device)], inputs)
    arrays = layout.several(loss.name, o.out, 2, "(grad, hess)") if o.want & HESS else (o.out,)
    expected = [(rows.scores[0].char, rows.shape, device)] * len(arrays)
    return outputs(face, loss, arrays, expected, inputs, loss.inputs[0])


def outcome(rows: Rows, o: Options, divisor: Divisor, given: Sequence[Buffer] | None, run: Callable[..., None]) -> Any:
    """Launch what the verb takes, the rows by `run`, and hand out its results."""
    work, want, compute = rows.work, o.want, rows.room.compute
    last = rows.axis == len(rows.shape) - 1
    each = given[0] if given and want == VALUE else None
    mine: Sequence[Buffer | None] = given if given and not each else [None] * (bool(want & GRAD) + bool(want & HESS))
    full = (*rows.batch, rows.classes)
    slopes = [aim(work, a if last and not rows.over(a) else None, rows.scores[0].char, full) for a in mine]
    count = bool(want & GRAD)
    to = RowAims(
        [aim(work, each, compute, rows.batch)] if want & VALUE else [],
        [work.empty(rows.batch, char) for char in (compute, compute, "q")] if o.stats else [],
        slopes[:count], slopes[count:],
    )  # fmt: skip
    if rows.rows:
        run(want, o.check is None, divisor.scale, to)
    results: list[Any] = []
    if want & VALUE:
        none = o.reduction == "none"
        results.append(handed(work, to.losses[0], each) if none else rows.total(to.losses[0], divisor))
    results += [handed(work, a if a is target else _as_passed(rows, a), target)
                for a, target in zip(slopes, mine, strict=True)]  # fmt: skip
    if o.stats:
        lse, entropy, top = (x.array for x in to.facts)
        correct = work.face.hits(top, rows.target.array) if rows.labels and rows.target else None
        results.append(RowStats(lse, entropy, top, correct))
    return packed(results)


def _as_passed(rows: Rows, a: Buffer) -> Buffer:
    """An array of dense rows with its axes as the scores had them."""
    last, face = len(rows.shape) - 1, rows.work.face
    return a if rows.axis == last else face.buffer(face.moved(a.array, last, rows.axis))
