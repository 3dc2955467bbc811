"""A row loss of arrays that exist a chunk of rows at a time: labels, weights and reduction are those of all rows."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.checks import mean_of_nothing, packed
from ..define.keywords import VALUE, RowStats

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ..arrays.host.rowsweep import RowSweep
    from ..define.keywords import Options
    from ..loss import RowLoss

    Part = tuple[slice, ...]
    """Some rows: a slice of each axis of the batch."""
    Arrays = Sequence[NDArray[Any]]


class Chunks:
    """What is known of all rows before the first chunk, and the results as the chunks add to them."""

    def __init__(
        self, loss: RowLoss, inputs: tuple[Any, ...], options: Options, weight: str = "weight", flat: bool = False
    ) -> None:
        """`inputs` stand for all rows: those that are not there yet as a number broadcast to their shape.

        With `flat`, the parts are those of one run of rows, the classes last.
        """
        from ..arrays.host import memory as layout
        from ..arrays.host import rows

        self._rows, self._layout = rows, layout
        self.loss = loss
        self.sweep: RowSweep = rows.gathered(loss, inputs, options, weight)
        self.divisor = rows.denominator(self.sweep, options, True)
        self.nothing = mean_of_nothing(loss.name, options.empty) if self.divisor == 0.0 else 0.0
        self.batch = (self.sweep.rows,) if flat else self.sweep.batch
        self.axis = 1 if flat else self.sweep.axis
        self.options = options._replace(empty="nan", out=None, axis=self.axis)
        present = self.sweep.present().reshape(self.batch)
        self.present = None if present.all() else present
        """Which rows are; None for all."""
        target = np.asarray(self.sweep.target)
        self.target = target.reshape(self.batch + target.shape[len(self.sweep.batch) :]) if flat else target
        weights = self.sweep.weight
        self.weight = None if weights is None else np.broadcast_to(weights, self.sweep.batch).reshape(self.batch)
        each = self.sweep.each and bool(options.want & VALUE)
        self.losses: Arrays = (np.empty(self.batch, self.sweep.kind),) if each else ()
        """Of each row, where they are asked for."""
        self._stats: RowStats | None = None
        if options.stats:
            kinds = (self.sweep.kind, self.sweep.kind, np.int64, bool if self.sweep.labels else None)
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
        options = self.options._replace(weight=None if self.weight is None else self.weight[part])
        target = self.target[part if self.sweep.labels else self.along(part)]
        sweep = self._rows.gathered(self.loss, (*scores, target), options)
        everything: Any = (*part, ...)  # a view, also where there are no axes
        losses = [x[everything] for x in self.losses]
        found = self._rows.run(sweep, options, (losses, grads, hesses), self.divisor)
        if options.want & VALUE and not losses:
            self._sums.append(found[0])
        if self._stats is not None:
            for whole, some in zip(self._stats, found[-1], strict=True):
                if whole is not None:
                    whole[part] = some

    def value(self) -> Any:
        """Of all rows, reduced."""
        if self.losses:
            found, batch = self.losses[0], self.sweep.batch
            return self._layout.passed(found if found.shape == batch else found.reshape(batch))
        total = np.sum(self._sums, dtype=np.float64)
        return self._layout.number(self.sweep.kind, self.nothing if self.divisor == 0.0 else total)

    def results(self, derivatives: Arrays) -> Any:
        """What the verb returns, with derivatives that the chunks have written to."""
        found = [self.value()] if self.options.want & VALUE else []
        found += derivatives
        if self._stats is not None:
            found.append(RowStats(*[None if x is None else self._layout.passed(x) for x in self._stats]))
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
