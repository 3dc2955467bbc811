"""Row losses on a GPU's arrays: checked as far as the host can, brought to dense rows, and given to the kernels.

As in `gpu/pointwise.py`, nobody waits unless asked to.
"""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.cuda import launch, pointwise, rowplan
from ...kernels.cuda.plan import CombinePlan, CudaPlan, width_of
from ...kernels.plan import compute_type, sum_plan
from ...kernels.rowplan import RowPlan
from ...options import GPU_BACKENDS, GRAD, HESS, VALUE, Options, RowStats, check_options, mean_of_nothing
from .. import layout, rowshapes
from .buffers import FLOATS, Buffer, Work, aligned, check_output, in_shape, in_type, read, scratch
from .pointwise import Divisor, add_up, combined, found_nothing, raise_as_on_the_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...program import Program
    from .buffers import Face, Shape

DIRECT = 1 << 16
"""Rows whose losses one block adds up; those of more are added up in tiles first."""


class Rows:
    """A row loss with its arrays, of dense rows, the classes last."""

    def __init__(self, work: Work, loss: Program, shape: Shape, axis: int, options: Options) -> None:
        self.work, self.loss, self.options, self.axis = work, loss, options, axis
        self.shape = shape
        self.batch = shape[:axis] + shape[axis + 1 :]
        self.classes = shape[axis]
        self.rows = int(np.prod(self.batch, dtype=np.int64))
        self.scores: list[Buffer] = []
        self.target: Buffer | None = None
        self.labels = False
        self.weight: Buffer | None = None
        self.class_weight: Buffer | None = None
        self.smoothing = 0.0
        self.ignore: int | None = None
        self.room = scratch(work, -(-max(1, self.rows) // pointwise.TILE))

    def rows_of(self, x: Buffer) -> Buffer:
        """An array of the scores' shape with the classes last, dense."""
        face = self.work.face
        last = x.ndim - 1
        moved = x if self.axis == last else face.buffer(face.moved(x.array, self.axis, last))
        return in_shape(face, moved, moved.shape, moved.char, moved.device)

    @property
    def compute(self) -> str:
        """The type of the arithmetic."""
        return compute_type(self.scores[0].char)

    @property
    def kind(self) -> Any:
        """The same as NumPy has it."""
        return np.float64 if self.compute == "d" else np.float32

    def plan(self, want: int, check: bool, stats: bool) -> RowPlan:
        """Which kernel goes through such rows."""
        loss = self.loss
        target = "none" if self.target is None else "labels" if self.labels else "dense"
        tests = tuple(t if check else "none" for t in loss.tests[: loss.scores + (target == "dense")])
        return RowPlan(
            loss.functions, loss.sizes, tuple([v is not None for v in loss.values.values()]), want, False,
            tuple([x.char for x in self.scores]), target, self.target.char if self.target else "",
            self.smoothing > 0.0, self.class_weight is not None, self.weight.char if self.weight else "",
            self.ignore is not None, False, stats, tests, False, loss.inside, "rows",
        )  # fmt: skip

    def run(
        self,
        want: int,
        check: bool,
        scale: tuple[float, float] | None,
        losses: Sequence[Buffer] = (),
        facts: Sequence[Buffer] = (),
        grads: Sequence[Buffer] = (),
        hesses: Sequence[Buffer] = (),
    ) -> None:
        """Go through all rows; without `scale`, by what an earlier kernel has left."""
        loss, kind, base = self.loss, self.kind, self.plan(want, check, bool(facts))
        streams = (*self.scores, *([self.target] if self.target and not self.labels else []), *grads, *hesses)
        width = {"d": 2, "f": 4}.get(base.types[0], 8)
        plan = rowplan.fitted(base, self.classes, aligned(*streams) and self.classes % width == 0, scale is None)
        s, blocks = self.smoothing, -(-self.rows // (rowplan.THREADS // plan.group))
        mix = tuple([kind(v) for v in (s / self.classes, 1.0 - s, 1.0 - s + s / self.classes)])
        self.work.run(
            plan, blocks, _addresses(self.scores), _addresses(_some(self.target)), _addresses(_some(self.weight)),
            _addresses(_some(self.class_weight)), tuple([nan if v is None else v for v in loss.cast(kind)]), mix,
            scale or (), (self.room.slopes,) if scale is None else (), self.ignore or 0,
            loss.bounds(kind)[: 2 * len(base.tests)], _addresses(losses), _addresses(facts), _addresses(grads),
            _addresses(hesses), self.work.flag, self.rows, self.classes,
        )  # fmt: skip

    def census(self) -> None:
        """Look at every label, and leave the sum of the weights of the rows that are present."""
        assert self.target is not None
        plan = rowplan.counting(self.plan(0, False, False))
        blocks = -(-self.rows // pointwise.TILE)
        self.work.run(
            plan, blocks, (self.target.address,), _addresses(_some(self.weight)), _addresses(_some(self.class_weight)),
            self.ignore or 0, self.room.sums, self.work.flag, self.rows, self.classes,
        )  # fmt: skip
        combining = CombinePlan(self.compute, self.compute, "weighed", False)
        self.work.run(combining, 1, self.room.sums, blocks, (0.0,), 0.0, self.room.divisor, self.room.slopes)

    def total(self, losses: Buffer, divisor: Divisor) -> Any:
        """The value, of all rows' losses."""
        if self.rows <= DIRECT:
            count, sums = self.rows, losses.address
        else:
            base = sum_plan(losses.char, "C")
            count, sums, zeros = -(-self.rows // pointwise.TILE), self.room.sums, (0.0, 0.0)
            plan = CudaPlan(base, width_of(base) if aligned(losses) else 1, False)
            self.work.run(plan, count, (losses.address,), (), (), zeros, (), zeros, (), (), (), sums, self.work.flag,
                          self.rows)  # fmt: skip
        combining = CombinePlan(self.compute, self.compute, "averaged", divisor.number is None)
        return combined(self.work, combining, count, self.room, divisor, sums)


def evaluate(face: Face, loss: Program, inputs: tuple[Any, ...], options: Options) -> Any:
    """One verb of a row loss on arrays in a GPU's memory."""
    gpu = launch.gpu()
    gpu.raise_pending()
    o, want = options, options.want
    rows, given, own = gathered(face, gpu, loss, inputs, o)
    divisor = denominator(rows)
    if o.check and rows.rows and (rows.labels or loss.checks):
        if rows.labels and divisor.number is not None:  # else they have been looked at
            rows.census()
        if loss.checks:
            rows.run(0, True, (0.0, 0.0))
        if rows.work.flawed():
            weights = {"weight": o.weight, "class_weight": o.class_weight, "ignore_index": o.ignore_index}
            raise_as_on_the_host(face, loss, inputs, {**weights, "axis": o.axis})
    return _run(rows, want, divisor, o.check is None, given, own)


def gathered(
    face: Face, gpu: launch.Gpu, loss: Program, inputs: tuple[Any, ...], o: Options, weight: str = "weight"
) -> tuple[Rows, list[Buffer] | None, Buffer]:
    """The arrays of a verb, read and checked as far as the host can: with `out=`, and the scores as they came."""
    check_options(loss, o.want, o.reduction, o.normalizer, o.empty, o.backend, GPU_BACKENDS)
    if o.stats and loss.functions.stats is None:
        raise ValueError(f"{loss.name} has no statistics to return; those of the softmax have, cross_entropy first")
    names = (*loss.inputs, weight, "class_weight")
    arrays = read(face, loss, names, (*inputs, o.weight, o.class_weight))
    *data, weights, classes = arrays
    for name, x in zip(loss.inputs, data, strict=True):
        if not isinstance(x, Buffer):
            raise TypeError(f"{loss.name}: {name} must be an array of {face.NAME}, got {type(x).__name__}")
    pred: Buffer = data[0]
    axis = rowshapes.axis_of(loss, pred.shape, o.axis)
    work = Work(face, gpu, pred.device, loss.name)
    rows = Rows(work, loss, pred.shape, axis, o)
    for name, x in zip(loss.inputs[1 : loss.scores], data[1:], strict=False):
        if x.shape != pred.shape:
            raise ValueError(
                f"{loss.name}: {name} has shape {x.shape}, expected that of {loss.inputs[0]}, {pred.shape}"
            )
    float_pred = pred if pred.char in FLOATS else in_type(face, pred, "d")
    rows.scores = [rows.rows_of(x) for x in (float_pred, *data[1 : loss.scores])]
    if loss.target != "none":
        target: Buffer = data[-1]
        rows.labels = rowshapes.are_labels(loss, target.shape, target.dtype, pred.shape, axis)
        rows.target = in_shape(face, target, target.shape, "", 0) if rows.labels else rows.rows_of(target)
    rows.ignore = rowshapes.ignored(loss, o.ignore_index, rows.labels, None if rows.target is None else data[-1].shape)
    rows.smoothing = rowshapes.smoothing(loss, o.label_smoothing)
    if weights is not None:
        shaped = weights if isinstance(weights, Buffer) else np.asarray(weights)
        rowshapes.check_weight(loss, weight, shaped, pred.shape, axis)
        rows.weight = in_shape(face, weights, rows.batch, rows.compute, pred.device)
    if classes is not None:
        rowshapes.check_class_weight(loss, np.shape(classes) if not isinstance(classes, Buffer) else classes.shape,
                                     rows.classes)  # fmt: skip
        rows.class_weight = in_shape(face, in_type(face, classes, rows.compute), classes.shape, rows.compute, 0)
    given = None
    if o.out is not None:
        read_as = {n: x for n, x in zip(names, arrays, strict=True) if isinstance(x, Buffer)}
        given = _given(rows, o, float_pred.char, read_as)
    return rows, given, float_pred


def denominator(rows: Rows) -> Divisor:
    """What the sum is divided by."""
    o, loss = rows.options, rows.loss
    if o.reduction != "mean":
        return Divisor(1.0)
    if o.normalizer is not None:
        return Divisor(float(o.normalizer))
    if not rows.rows:
        return Divisor(0.0, mean_of_nothing(loss.name, o.empty))
    if rows.labels and (rows.ignore is not None or rows.weight or rows.class_weight):
        rows.census()
    elif rows.weight:
        add_up(rows.work, rows.weight, rows.compute, rows.room)
    else:
        return Divisor(float(rows.rows))
    return Divisor(None, found_nothing(rows.work, rows.room, loss.name, o.empty))


def _given(rows: Rows, o: Options, char: str, inputs: dict[str, Buffer]) -> list[Buffer]:
    """The caller's arrays, in the order of the results."""
    loss, face, device = rows.loss, rows.work.face, rows.work.device
    if o.want == VALUE:
        if o.reduction != "none":
            raise ValueError(f"{loss.name}: out is for reduction='none'; a reduced value is a scalar")
        return [check_output(face, loss, o.out, (rows.compute, rows.batch, device), inputs, [], "")]
    arrays = layout.several(loss.name, o.out, 2, "(grad, hess)") if o.want & HESS else (o.out,)
    found: list[Buffer] = []
    for a in arrays:
        over = "" if found else loss.inputs[0]
        found.append(check_output(face, loss, a, (char, rows.shape, device), inputs, found, over))
    return found


def _run(rows: Rows, want: int, divisor: Divisor, check: bool, given: list[Buffer] | None, own: Buffer) -> Any:
    """Launch what the verb takes, and hand out its results."""
    work, o = rows.work, rows.options
    each, number = o.reduction == "none", divisor.number
    losses = [work.empty(rows.batch, rows.compute)] if want & VALUE else []
    facts = [work.empty(rows.batch, char) for char in (rows.compute, rows.compute, "q")] if o.stats else []
    mine: list[Any] = given if given and want != VALUE else [None] * (bool(want & GRAD) + bool(want & HESS))
    aims = [_aim(rows, a, own.char) for a in mine]
    grads, hesses = aims[: bool(want & GRAD)], aims[bool(want & GRAD) :]
    result: Any = None
    if rows.rows:
        scale = None if number is None and want != VALUE else (1.0 / (number or inf), 0.0)
        rows.run(want, check, scale, losses, facts, grads, hesses)
        if want & VALUE and not each:
            result = rows.total(losses[0], divisor)
    elif want & VALUE and not each:
        result = work.face.filled(divisor.nothing if number == 0.0 else 0.0, (), rows.compute, work.device)
    results: list[Any] = []
    if want & VALUE:
        results.append(_handed(rows, losses[0], given[0] if given and want == VALUE else None) if each else result)
    results += [_handed(rows, a, target, True) for a, target in zip(aims, mine, strict=True)]
    if o.stats:
        lse, entropy, top = (x.array for x in facts)
        correct = work.face.hits(top, rows.target.array) if rows.labels and rows.target else None
        results.append(RowStats(lse, entropy, top, correct))
    return results[0] if len(results) == 1 else tuple(results)


def _aim(rows: Rows, given: Buffer | None, char: str) -> Buffer:
    """Where a kernel writes: to the caller's array if its rows are dense."""
    if given and given.dense and rows.axis == len(rows.shape) - 1:
        return given
    return rows.work.empty((*rows.batch, rows.classes), char)


def _handed(rows: Rows, a: Buffer, given: Buffer | None, classes: bool = False) -> Any:
    """An array for the caller, its axes as the scores have them: his own, if he gave one."""
    face, last = rows.work.face, len(rows.shape) - 1
    array = face.moved(a.array, last, rows.axis) if classes and rows.axis != last and a is not given else a.array
    if given is None:
        return array
    if given is not a:
        face.assign(given.array, array)
    return given.array


def _some(x: Buffer | None) -> tuple[Buffer, ...]:
    return () if x is None else (x,)


def _addresses(buffers: Sequence[Buffer]) -> tuple[int, ...]:
    return tuple([x.address for x in buffers])
