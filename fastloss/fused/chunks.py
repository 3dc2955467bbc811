"""A row loss of arrays that exist a chunk of rows at a time: labels, weights and reduction are those of all rows."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.job import NONE, Outputs
from ..define.keywords import VALUE, RowStats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ..define.keywords import Call
    from ..loss import RowLoss

    Part = tuple[slice, ...]
    """Some rows: a slice of each axis of the batch."""
    Arrays = Sequence[NDArray[Any]]


class Chunks:
    """What is known of all rows before the first chunk, and the results as the chunks add to them."""

    def __init__(
        self,
        loss: RowLoss,
        inputs: tuple[Any, ...],
        call: Call,
        also: Mapping[str, Any] = NONE,
        weight: str = "weight",
        flat: bool = False,
    ) -> None:
        """`inputs` stand for all rows: those that are not there yet as a number broadcast to their shape.

        With `flat`, the parts are those of one run of rows, the classes last. Nothing may be written over what is in
        `also` either; `weight` is what the caller calls the rows' weights.
        """
        from ..arrays.checks import BACKENDS, check_options
        from ..arrays.host import presence
        from ..arrays.host.rows import Rows
        from ..arrays.outputs import given_outputs

        self.loss = loss
        check_options(loss, call, BACKENDS)
        job = self.job = Rows(loss, inputs, also, weight)
        job.read(call)
        self.given = given_outputs(job, call)
        job.arrange(call)
        self.divisor = job.divisor(call, True)
        self.batch = (job.count,) if flat else job.batch
        self.axis = 1 if flat else job.axis
        self.call = call._replace(empty="nan", out=None, axis=self.axis)
        present = presence.of_rows(job).reshape(self.batch)
        self.present = None if present.all() else present
        """Which rows are; None for all."""
        target = np.asarray(job.target)
        self.target = target.reshape(self.batch + target.shape[len(job.batch) :]) if flat else target
        self.weight = None if job.weight is None else np.broadcast_to(job.weight, job.batch).reshape(self.batch)
        each = job.each and bool(call.want & VALUE)
        self.losses: Arrays = (np.empty(self.batch, job.kind),) if each else ()
        """Of each row, where they are asked for."""
        self._stats: RowStats | None = None
        if call.stats:
            kinds = (job.kind, job.kind, np.int64, bool if job.labels else None)
            self._stats = RowStats(*[None if k is None else np.empty(self.batch, k) for k in kinds])
        self._sums: list[Any] = []

    def parts(self, rows: int) -> Iterator[Part]:
        """The batch in C order, so many rows at most at a time."""
        return _parts(self.batch, rows)

    def along(self, part: Part) -> Part:
        """The same of an array that has classes."""
        return *part[: self.axis], slice(None), *part[self.axis :]

    def add(self, part: Part, scores: Arrays, grads: Arrays = (), hesses: Arrays = ()) -> None:
        """Evaluate the rows in `part`, whose scores these are; derivatives go to these arrays."""
        from ..arrays.host.rows import Rows
        from ..arrays.verb import carry_out

        call = self.call._replace(weight=None if self.weight is None else self.weight[part])
        target = self.target[part if self.job.labels else self.along(part)]
        job = Rows(self.loss, (*scores, target))
        job.read(call)
        job.arrange(call)
        everything: Any = (*part, ...)  # a view, also where there are no axes
        losses = [x[everything] for x in self.losses]
        found = carry_out(job, call, Outputs(losses, grads, hesses), self.divisor)
        if call.want & VALUE and not losses:
            self._sums.append(found[0])
        if self._stats is not None:
            for whole, some in zip(self._stats, found[-1], strict=True):
                if whole is not None:
                    whole[part] = some

    def value(self) -> Any:
        """Of all rows, reduced."""
        from ..arrays.host.memory import number, passed

        if self.losses:
            found, batch = self.losses[0], self.job.batch
            return passed(found if found.shape == batch else found.reshape(batch))
        total = np.sum(self._sums, dtype=np.float64)
        return number(self.job.kind, total if self.divisor.number else self.divisor.nothing)

    def results(self, derivatives: Arrays) -> Any:
        """What the verb returns, with derivatives that the chunks have written to."""
        from ..arrays.host.memory import passed
        from ..arrays.verb import packed

        found = [self.value()] if self.call.want & VALUE else []
        found += derivatives
        if self._stats is not None:
            found.append(RowStats(*[None if x is None else passed(x) for x in self._stats]))
        return packed(found)


def _parts(batch: tuple[int, ...], rows: int) -> Iterator[Part]:
    if not prod(batch):
        return
    split, inner = len(batch), 1
    while split and inner * batch[split - 1] <= rows:
        split -= 1
        inner *= batch[split]
    # The axes from `split` on fit in as they are; of the one before it some, of those before that one place each.
    rest = (slice(None),) * (len(batch) - split)
    if not split:
        yield rest
        return
    step = max(1, rows // inner)
    for outer in np.ndindex(batch[: split - 1]):
        for low in range(0, batch[split - 1], step):
            yield *[slice(i, i + 1) for i in outer], slice(low, min(low + step, batch[split - 1])), *rest
