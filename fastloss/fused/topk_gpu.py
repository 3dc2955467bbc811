"""A row loss whose second scores are known of some classes only, on a GPU: spread out for a chunk of rows at a time.

Every row is looked at before anything is written. Nobody waits, as in `gpu/pointwise.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes as rowshapes
from ..arrays.checks import GPU_BACKENDS, check_options
from ..arrays.gpu.buffers import Buffer, Work, addresses, read, some_rows
from ..arrays.gpu.outputs import raise_as_on_the_host
from ..arrays.gpu.rows import RowAims, arranged, classes_last, given_outputs, outcome
from ..arrays.gpu.sums import weighs
from ..kernels.cuda import launch
from ..kernels.cuda.plan import sparse as spreadplan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..arrays.gpu.buffers import Face
    from ..arrays.gpu.rows import Rows
    from ..define.keywords import Options
    from ..define.rows import Program

CHUNK = 1 << 26
"""Numbers that are spread out at once: 256 MiB of float32. Not measured on any card."""


class Known:
    """What is known of the second scores, and the rows that it is of."""

    def __init__(self, rows: Rows, indices: Buffer, logs: Buffer, check: bool, scaled: bool) -> None:
        work = self.work = rows.work
        self.indices, self.logs = (classes_last(work, x, rows.axis) for x in (indices, logs))
        self.width = self.indices.shape[-1]
        plan = rows.plan(0, check, False)
        kind = "d" if scaled and rows.weight and rows.weight.char == "d" else rows.room.compute
        look, self.plan = spreadplan.fitted(plan, indices.char, logs.char, rows.classes, check, kind)
        kept = work.empty(rows.batch, kind)
        if rows.rows:
            target, weight = rows.target if rows.labels else None, rows.weight
            work.run(
                look, rows.rows, self.indices.address, self.logs.address, addresses([target]), addresses([weight]),
                rows.ignore or 0, kept.address, work.flag, self.width, rows.classes,
            )  # fmt: skip
        self.rows = rows._replace(weight=kept)
        """Of which those that are wrong weigh nothing."""

    def run(self, want: int, check: bool, scale: tuple[float, float] | None, to: RowAims) -> None:
        """As `Rows.run`; there is nothing left to check."""
        rows, n, classes = self.rows, self.rows.rows, self.rows.classes
        step = min(n, max(1, CHUNK // classes))
        room = self.work.empty((step, classes), rows.room.compute)
        for low in range(0, n, step):
            high = min(n, low + step)
            some = [some_rows(x, low, high, n) for x in (self.indices, self.logs, rows.weight, rows.scores[0])]
            pred = some.pop()
            self.work.run(self.plan, high - low, *addresses(some), room.address, self.width, classes)
            whole = room._replace(shape=(high - low, classes))
            part = rows.part(low, high, [x for x in (pred, whole) if x])
            part.run(want, False, scale, RowAims(*([x for b in f if (x := some_rows(b, low, high, n))] for f in to)))


def evaluate(face: Face, loss: Program, arrays: Mapping[str, Any], o: Options, again: Any) -> Any:
    """One verb; `again` is called with the arrays on the host to say what is wrong."""
    gpu = launch.gpu()
    gpu.raise_pending()
    check_options(loss, o.want, o.reduction, o.normalizer, o.empty, o.backend, GPU_BACKENDS)
    pred, indices, logs, target, weight, classes = read(face, loss, list(arrays), list(arrays.values()), 4)
    work = Work(face, gpu, pred.device, loss.name)
    rows = arranged(work, loss, [pred, Buffer.nowhere(pred.shape, "f", pred.device), target], weight, classes, o)
    rowshapes.check_known(loss, indices.shape, indices.dtype, logs.shape, pred.shape, rows.axis)
    buffers = zip(arrays, (pred, indices, logs, target, weight, classes), strict=True)
    given = None if o.out is None else given_outputs(rows, o, {n: x for n, x in buffers if isinstance(x, Buffer)})
    known = Known(rows, indices, logs, o.check is not False, weighs(o.reduction, o.normalizer))
    divisor = known.rows.divisor(o)
    if o.check and rows.rows:
        if rows.labels and divisor.number is not None:  # else they have been looked at
            known.rows.census()
        if work.flawed():
            frame = np.broadcast_to(np.float32(0.0), pred.shape)
            weights = {n: arrays[n] for n in ("weight", "class_weight")}
            given_arrays = (frame, arrays["indices"], arrays["log_probabilities"], arrays["target"])
            how = {"axis": o.axis, "reduction": o.reduction, "normalizer": o.normalizer}
            raise_as_on_the_host(face, again, given_arrays, {**weights, "ignore_index": o.ignore_index, **how})
    return outcome(known.rows, o, divisor, given, known.run)
