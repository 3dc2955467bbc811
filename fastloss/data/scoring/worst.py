"""The rows with the largest losses: as many as are asked for are kept, whatever chunks they come in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.wording import shown
from ..files.source import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def asked_for(worst: Any, table: Any) -> tuple[int, float | None]:
    """How many rows at most, and which share of all, of ``100`` or ``"1%"``."""
    text = str(worst).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if text.endswith("%") and 0 < number <= 100:
        rows = table.rows
        if rows is None:
            if not table.identity():
                raise DataError(f"{table.path}: worst is {shown(worst)} of nobody knows how many rows: give a number")
            rows = sum(c.rows for c in table.chunks(table.names[:1], 1 << 17, 0))
        return math.ceil(number / 100 * rows), number / 100
    if text.endswith("%") or isinstance(worst, bool) or number < 1 or number != int(number):
        raise ValueError(f"fl.data.score: worst is {shown(worst)}, expected a number of rows, or a share as in '1%', "
                         "of at most 100%")  # fmt: skip
    return int(number), None


class Worst:
    """The largest losses so far, of equal ones the first, and their rows in the order in which they came."""

    def __init__(self, most: int, share: float | None) -> None:
        self.most, self.share = most, share
        self.table: Any = None
        self.losses: NDArray[Any] = np.empty(0)
        self.least = -math.inf
        """What a loss has to exceed, once there are enough."""

    def candidates(self, loss: NDArray[Any], counted: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """The places of those of a chunk that may be among them."""
        good = loss > self.least if self.least > -math.inf else loss == loss
        places = np.flatnonzero(good if counted is None else good & counted)
        return places[_largest(loss[places], self.most)]

    def add(self, rows: Any, losses: NDArray[Any]) -> None:
        """Add a chunk's candidates."""
        import pyarrow as pa

        from ..files.output import fitted, plain

        rows = plain(rows)
        new = pa.Table.from_batches([rows if self.table is None else fitted(rows, self.table.schema, "the worst rows")])
        self.table = new if self.table is None else pa.concat_tables([self.table, new])
        self.losses = np.concatenate([self.losses, losses.astype(np.float64)])
        if len(self.losses) > 2 * self.most + 1024:
            self._prune(self.most)

    def _prune(self, most: int) -> None:
        places = _largest(self.losses, most)
        self.table, self.losses = self.table.take(places).combine_chunks(), self.losses[places]
        if len(self.losses) >= self.most:
            self.least = float(self.losses.min())

    def end(self, count: int) -> None:
        """Keep as many as are asked for of `count` rows, the largest first."""
        if self.table is None:
            return
        self._prune(self.most if self.share is None else math.ceil(self.share * count))
        order = np.argsort(-self.losses, kind="stable")
        self.table, self.losses = self.table.take(order).combine_chunks(), self.losses[order]

    def state(self) -> dict[str, Any]:
        """What a journal keeps."""
        from ..files.packing import packed

        return {"worst": packed(self.table), "worst_losses": self.losses, "least": np.array(self.least)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what a journal kept."""
        from ..files.packing import unpacked

        self.table = unpacked(state["worst"])
        self.losses, self.least = state["worst_losses"], float(state["least"])


def _largest(values: NDArray[Any], most: int) -> NDArray[np.int64]:
    """The places of the largest, of equal ones the first, in their order."""
    if len(values) <= most:
        return np.arange(len(values))
    least = np.partition(values, len(values) - most)[len(values) - most]
    above = np.flatnonzero(values > least)
    equal = np.flatnonzero(values == least)[: most - len(above)]
    return np.sort(np.concatenate([above, equal]))
