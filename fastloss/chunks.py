"""A row loss of arrays that exist a chunk of rows at a time: labels, weights and reduction are those of all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .options import GRAD, mean_of_nothing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .arrays.rowsweep import RowSweep
    from .options import Options
    from .rowloss import RowLoss


class Chunks:
    """What is known of all rows before the first chunk, and the value as the chunks add to it."""

    def __init__(self, loss: RowLoss, inputs: tuple[Any, ...], options: Options, weight: str = "weight") -> None:
        """`inputs` stand for all rows: those that are not there yet as a number broadcast to their shape."""
        from .arrays import rows

        self._rows = rows
        self.loss = loss
        self.sweep: RowSweep = rows.gathered(loss, inputs, options, weight)
        self.divisor = rows.denominator(self.sweep, options, True)
        self.nothing = mean_of_nothing(loss.name, options.empty) if self.divisor == 0.0 else 0.0
        self.options = options._replace(empty="nan")
        present = self.sweep.present().reshape(-1)
        self.present = None if present.all() else present
        """Which rows are; None for all."""
        batch = self.sweep.batch
        target = np.asarray(self.sweep.target)
        self.target = target.reshape(self.sweep.rows, *target.shape[len(batch) :])
        weights = self.sweep.weight
        self.weight = None if weights is None else np.broadcast_to(weights, batch).reshape(-1)
        self._values: list[Any] = []

    def add(self, part: slice, scores: tuple[NDArray[Any], ...], out: NDArray[Any] | None) -> None:
        """Evaluate the rows in `part`, whose scores these are; the gradient goes to `out`."""
        options = self.options._replace(weight=None if self.weight is None else self.weight[part])
        sweep = self._rows.gathered(self.loss, (*scores, self.target[part]), options)
        given = None if out is None else self._rows.given_outputs(sweep, options.want, out)
        found = self._rows.run(sweep, options, given, self.divisor)
        self._values.append(found[0] if options.want & GRAD else found)

    def value(self) -> Any:
        """Of all rows, reduced."""
        if self.options.reduction == "none":
            values = np.concatenate(self._values) if self._values else np.empty(0, self.sweep.kind)
            return values.reshape(self.sweep.batch)[()]
        return self.sweep.kind(self.nothing if self.divisor == 0.0 else np.sum(self._values, dtype=np.float64))
