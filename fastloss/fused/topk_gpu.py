"""A row loss whose second scores are known of some classes only, on a GPU: spread out for a chunk of rows at a time.

Every row is looked at before anything is written. Nobody waits, as in `gpu/elements.py`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..arrays import shapes
from ..arrays.gpu.buffers import Buffer, addresses, read, some_rows
from ..arrays.gpu.outputs import raise_as_on_the_host
from ..arrays.gpu.rows import Rows
from ..arrays.gpu.sums import weighs
from ..arrays.job import Outputs
from ..arrays.verb import run
from ..kernels.cuda import launch
from ..kernels.cuda.plan import sparse as spreadplan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..arrays.gpu.buffers import Face
    from ..arrays.gpu.rows import Rows
    from ..define.keywords import Call
    from ..define.rows import Program

CHUNK = 1 << 26
"""Numbers that are spread out at once: 256 MiB of float32. Not measured on any card."""


class Known(Rows):
    """Rows whose second scores are known of some classes only; those that are wrong weigh nothing."""

    blame: Callable[[], NoReturn]
    """Says what is wrong."""

    def read(self, call: Call) -> None:
        """Look at the shapes of what is known, too."""
        super().read(call)
        indices, logs = self.also.values()
        shapes.check_known(self.loss, indices.shape, indices.dtype, logs.shape, self.shape, self.axis)

    def arrange(self, call: Call) -> None:
        """Make dense rows, and weights that say which of them are present and right."""
        super().arrange(call)
        work, check, labels = self.work, call.check is not False, self.target if self.labels else None
        self.indices, self.logs = (self.classes_last(x) for x in self.also.values())
        self.width = self.indices.shape[-1]
        kind = "d" if weighs(call) and self.weight and self.weight.char == "d" else self.compute
        look, self.spread = spreadplan.fitted(
            self.plan(0, check), self.indices.char, self.logs.char, self.classes, check, kind
        )
        kept = work.empty(self.batch, kind)
        if self.count:
            work.run(
                look, self.count, self.indices.address, self.logs.address, addresses([labels]),
                addresses([self.weight]), self.ignore or 0, kept.address, work.flag, self.width, self.classes,
            )  # fmt: skip
        self.weight = kept

    def look(self, call: Call, given: bool) -> bool:
        """Go through labels and wait, if the caller asks for it; there is nothing else left to be found."""
        if call.check and self.count:
            if self.labels and not self.counted:
                self.census(True)
            if self.work.flawed():
                self.blame()
        return True

    def run(self, want: int, check: bool, scale: tuple[float, float] | None, to: Outputs) -> None:
        """Go through all rows, a chunk at a time."""
        n, classes = self.count, self.classes
        step = min(n, max(1, CHUNK // classes))
        room = self.work.empty((step, classes), self.compute)
        for low in range(0, n, step):
            high = min(n, low + step)
            some = [some_rows(x, low, high, n) for x in (self.indices, self.logs, self.weight, self.scores[0])]
            pred = some.pop()
            self.work.run(self.spread, high - low, *addresses(some), room.address, self.width, classes)
            whole = room._replace(shape=(high - low, classes))
            part = self.part(low, high, [x for x in (pred, whole) if x])
            Rows.run(part, want, False, scale, Outputs(*([some_rows(b, low, high, n) for b in f] for f in to)))

    def remember(self, call: Call, given: bool, results: Any) -> None:
        """Nothing: there is no short way."""


def evaluate(face: Face, loss: Program, arrays: Mapping[str, Any], call: Call, again: Any) -> Any:
    """One verb; `again` is called with the arrays on the host to say what is wrong."""
    launch.gpu().raise_pending()
    pred, indices, logs, target, weight, classes = read(face, loss, list(arrays), list(arrays.values()), 4)
    teacher = Buffer.nowhere(pred.shape, "f", pred.device)
    rows = Known(face, loss, (pred, teacher, target), {"indices": indices, "log_probabilities": logs})
    taken = np.broadcast_to(np.float32(0.0), pred.shape), *[*arrays.values()][1:4]
    weights = {"weight": call.weight, "class_weight": call.class_weight}
    rows.blame = partial(raise_as_on_the_host, face, again, taken, call, weights)
    return run(rows, call._replace(weight=weight, class_weight=classes))
