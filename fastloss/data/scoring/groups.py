"""A summary for each value of a column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..files.source import DataError
from .summary import between, keys, middles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

STRETCH = 1 << 16
"""Rows that are added up one after another before their sum goes to the sum of all, wherever chunks end."""

MOST = 1 << 20
"""Bins that are waiting to be merged, at most."""


class GroupPart(NamedTuple):
    """A chunk's losses with their groups, those alone that count."""

    values: list[Any]
    codes: NDArray[np.int64]
    loss: NDArray[Any]
    weight: NDArray[np.float64]
    weighted: bool
    places: NDArray[np.int64] | None
    start: int
    rows: int


def group_part(column: Any, loss: Any, weight: Any, counted: NDArray[np.bool_] | None, start: int) -> GroupPart:
    """The groups of a chunk."""
    if isinstance(column, np.ndarray):
        if column.ndim > 1:
            raise DataError(f"there are no groups of a column of shape {column.shape}")
        found, codes = np.unique(column, return_inverse=True)
        values = found.tolist()
    else:
        try:
            encoded = column if hasattr(column, "dictionary") else column.dictionary_encode("encode")
        except NotImplementedError:
            raise DataError(f"there are no groups of a column of {column.type}") from None
        values = encoded.dictionary.to_pylist()
        codes = encoded.indices.cast("int64").fill_null(len(values)).to_numpy(zero_copy_only=False)
        values.append(None)
    w = np.ones(len(loss)) if weight is None else np.asarray(weight, np.float64)
    places = None
    if counted is not None:
        places = np.flatnonzero(counted)
        codes, loss, w = codes[places], loss[places], w[places]
    return GroupPart(values, codes.astype(np.int64), loss, w, weight is not None, places, start, len(w))


class Groups:
    """Losses by group, summed up as they come."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.code: dict[Any, int] = {}
        self.numbers = np.zeros((0, 8))
        self.dtype: Any = np.dtype(np.float64)
        self.waiting: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self.weighted = False

    # Columns of `numbers`: count, least, largest; sum, what rounding lost of it, the sum of this stretch; the same of
    # the weights but for what rounding lost.
    def add(self, given: GroupPart, end: int) -> None:
        """Add the chunk that follows; it ends before row `end`."""
        self.dtype, self.weighted = given.loss.dtype, given.weighted
        codes = np.array([self._of(v) for v in given.values], np.int64)[given.codes]
        at = 0
        start = given.start
        while start < end:
            stop = min(end, (start // STRETCH + 1) * STRETCH)
            rows = stop - given.start
            to = rows if given.places is None else int(np.searchsorted(given.places, rows))
            self._stretch(codes[at:to], given.loss[at:to].astype(np.float64), given.weight[at:to])
            if stop % STRETCH == 0:
                self._flush()
            at, start = to, stop
        known = given.loss == given.loss
        bits = 32 - 15 if given.loss.dtype == np.float32 else 64 - 44
        combined = (codes[known] << bits) | keys(given.loss[known]).astype(np.int64)
        self.waiting.append(np.unique(combined, return_counts=True))
        if sum(len(k) for k, _ in self.waiting) > MOST:
            self._merge()

    def _of(self, value: Any) -> int:
        key = "NaN" if isinstance(value, float) and value != value else (type(value).__name__, value)
        if key not in self.code:
            self.code[key] = len(self.values)
            self.values.append(value)
            if len(self.values) > len(self.numbers):
                more = np.zeros((max(16, len(self.numbers)), 8))
                more[:, 1], more[:, 2] = math.inf, -math.inf
                self.numbers = np.concatenate([self.numbers, more])
        return self.code[key]

    def _stretch(self, codes: NDArray[np.int64], loss: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        n = self.numbers
        n[:, 0] += np.bincount(codes, minlength=len(n))
        np.minimum.at(n[:, 1], codes, loss)
        np.maximum.at(n[:, 2], codes, loss)
        np.add.at(n[:, 5], codes, loss)
        np.add.at(n[:, 7], codes, weight)

    def _flush(self) -> None:
        self.numbers = flushed(self.numbers)

    def _merge(self) -> None:
        all_keys = np.concatenate([k for k, _ in self.waiting])
        counts = np.concatenate([c for _, c in self.waiting])
        merged, inverse = np.unique(all_keys, return_inverse=True)
        self.waiting = [(merged, np.bincount(inverse, weights=counts, minlength=len(merged)).astype(np.int64))]

    def rows(self) -> list[dict[str, Any]]:
        """Each group's summary, that with the largest mean first."""
        if not self.values:
            return []
        n = flushed(self.numbers)
        self._merge()
        all_keys, counts = self.waiting[0]
        bits = 32 - 15 if self.dtype == np.float32 else 64 - 44
        codes = all_keys >> bits
        found = []
        for k, value in enumerate(self.values):
            count, low, high, total, lost, _, weights, _ = n[k].tolist()
            if not count:
                continue
            total = total + lost if math.isfinite(total) else total
            span = slice(*np.searchsorted(codes, [k, k + 1]))
            of = middles(all_keys[span] & ((1 << bits) - 1), self.dtype)
            order = np.argsort(of, kind="stable")
            at = [between(of[order], counts[span][order], q) for q in (0.5, 0.9)]
            median, p90 = (min(max(x, low), high) for x in at)
            found.append({
                "value": value, "count": int(count), "mean": total / weights if weights else math.nan, "sum": total,
                "min": low, "max": high, "median": median, "p90": p90,
            })  # fmt: skip
        return sorted(found, key=lambda g: (g["mean"] != g["mean"], -g["mean"]))

    def state(self) -> dict[str, Any]:
        """What a journal keeps."""
        import pyarrow as pa

        from ..files.packing import packed

        if self.waiting:
            self._merge()
        keys_, counts = self.waiting[0] if self.waiting else (np.empty(0, np.int64), np.empty(0, np.int64))
        return {
            "groups": packed(pa.table({"value": pa.array(self.values)})), "group_numbers": self.numbers,
            "group_keys": keys_, "group_counts": counts, "group_kind": np.empty(0, self.dtype),
            "group_weighted": np.array(self.weighted),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what a journal kept."""
        from ..files.packing import unpacked

        for value in unpacked(state["groups"])["value"].to_pylist():
            self._of(value)
        self.numbers, self.dtype = state["group_numbers"], state["group_kind"].dtype
        self.waiting, self.weighted = [(state["group_keys"], state["group_counts"])], bool(state["group_weighted"])


def flushed(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers with the sums of the stretch added to those of all, and what rounding loses kept."""
    n = numbers.copy()
    with np.errstate(invalid="ignore"):
        total = n[:, 3] + n[:, 5]
        larger = np.abs(n[:, 3]) >= np.abs(n[:, 5])
        lost = np.where(larger, (n[:, 3] - total) + n[:, 5], (n[:, 5] - total) + n[:, 3])
    n[:, 4] += np.where(np.isfinite(total), lost, 0.0)
    n[:, 3], n[:, 5] = total, 0.0
    n[:, 6], n[:, 7] = n[:, 6] + n[:, 7], 0.0
    return n
