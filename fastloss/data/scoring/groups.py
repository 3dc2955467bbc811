"""A summary for each value of a column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...structured.compiled import run
from ..files.source import DataError
from ..templates.groups import COUNT, HIGH, LOST, LOW, SUM, WEIGHT, flushed, grouped, moved
from .summary import bin_count, float_bits, middles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MOST = 1 << 18
"""Groups, at most."""

BINS = 1 << 21
"""Bins of all groups together, at most; with more, each is as wide as two of them were."""


class GroupPart(NamedTuple):
    """A chunk's losses with their groups, those alone that count."""

    values: list[Any]
    codes: NDArray[np.int64]
    loss: NDArray[Any]
    weight: NDArray[np.float64]
    places: NDArray[np.int64] | None
    """Which rows these are; None if they are all."""
    start: int


def group_part(column: Any, loss: Any, weight: Any, counted: NDArray[np.bool_] | None, start: int) -> GroupPart:
    """The groups of a chunk."""
    if isinstance(column, np.ndarray):
        if column.ndim > 1:
            raise DataError(f"there are no groups of a column of shape {column.shape}")
        column = _arrow_column(column)
    if isinstance(column, np.ndarray):
        try:
            found, first, codes = np.unique(column, return_index=True, return_inverse=True)
        except TypeError:
            raise DataError(f"there are no groups of a column of {column.dtype}, whose values have no order") from None
        order = np.argsort(first)  # that of their first rows, which chunks do not change
        values, codes = found[order].tolist(), np.argsort(order)[codes]
    else:
        if (kind := str(column.type)).endswith("_view"):  # in whose dictionary a null is an empty text
            column = column.cast(f"large_{kind.removesuffix('_view')}")
        try:
            encoded = column if hasattr(column, "dictionary") else column.dictionary_encode("encode")
            values = encoded.dictionary.to_pylist()
            hash(tuple(values))
        except (NotImplementedError, TypeError):  # no kernel for it, or lists and the like in a dictionary
            raise DataError(
                f"there are no groups of a column of {column.type}; give texts of it, as by astype(str)"
            ) from None
        codes = encoded.indices.cast("int64").fill_null(len(values)).to_numpy(zero_copy_only=False)
        values += [None] * bool(encoded.indices.null_count)
    w = np.ones(len(loss)) if weight is None else np.ascontiguousarray(weight, np.float64)
    places = None
    if counted is not None:
        places = np.flatnonzero(counted)
        codes, loss, w = codes[places], loss[places], w[places]
    return GroupPart(values, codes.astype(np.int64), loss, w, places, start)


def _arrow_column(column: NDArray[Any]) -> Any:
    """The column as Arrow's, which finds its values faster; as it is without Arrow, or where that has no such type."""
    try:
        from .where import arrow_column

        return arrow_column(column)
    except (ModuleNotFoundError, NotImplementedError, TypeError, ValueError):
        return column


class Groups:
    """Losses by group, summed up as they come."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.code: dict[Any, int] = {}
        self.numbers = np.zeros((0, 8))
        self.dtype: Any = np.dtype(np.float64)
        self.table = _table(1 << 12)
        self.place = np.zeros(3, np.int64)
        self.drop = 0
        """Bits that bins drop beyond those that all losses' do, for want of room."""

    def add(self, given: GroupPart) -> None:
        """Add the chunk that follows."""
        self.dtype = given.loss.dtype
        codes = np.array([self._of(v) for v in given.values], np.int64)[given.codes]
        loss = np.ascontiguousarray(given.loss)
        bits, shift = float_bits(self.dtype)
        chosen = () if given.places is None else (given.places,)
        inputs = [codes, loss, loss.view(bits), given.weight, *chosen]
        self.place[0] = 0
        while True:
            rows = (int(self.place[0]), given.start, shift + self.drop, self._width())
            self._run(grouped, inputs, [self.numbers, self.table, self.place], rows, ("CHOSEN",) * len(chosen))
            if self.place[0] == len(codes):
                return
            self._grow()

    def _run(self, template: Any, inputs: Any, outputs: Any, numbers: Any, flags: tuple[str, ...] = ()) -> None:
        run(template, inputs, outputs, numbers, compute=self.dtype.name, size=1, backend="serial", flags=flags)

    def _width(self) -> int:
        return bin_count(self.dtype).bit_length() - 1

    def _of(self, value: Any) -> int:
        key = "NaN" if isinstance(value, float) and value != value else (type(value).__name__, value)
        if key not in self.code:
            if len(self.values) == MOST:
                raise DataError(f"there are more than {MOST:,} groups, of which memory has no room; write the rows to "
                                "a file and group that, in DuckDB for one")  # fmt: skip
            self.code[key] = len(self.values)
            self.values.append(value)
            if len(self.values) > len(self.numbers):
                more = np.zeros((max(16, len(self.numbers)), 8))
                more[:, LOW], more[:, HIGH] = math.inf, -math.inf
                self.numbers = np.concatenate([self.numbers, more])
        return self.code[key]

    def _grow(self) -> None:
        """Make room for further bins: a larger table, or wider bins."""
        full = len(self.table) >= 2 * BINS
        self._move(self.table, len(self.table) * (1 if full else 2), int(full))

    def _move(self, bins: NDArray[np.int64], size: int, drop: int) -> None:
        """Count bins, and how many losses each has, in a table of that size."""
        self.table, self.drop, self.place[2] = _table(size), self.drop + drop, 0
        self._run(moved, [bins], [self.table, self.place], (drop, self._width()))

    def rows(self) -> list[dict[str, Any]]:
        """Each group's summary, that with the largest mean first."""
        if not self.values:
            return []
        n = self.numbers.copy()
        self._run(flushed, [], [n], ())
        n = n[: len(self.values)]
        total, weights, low, high = n[:, SUM], n[:, WEIGHT], n[:, LOW], n[:, HIGH]
        with np.errstate(all="ignore"):
            total = np.where(np.isfinite(total), total + n[:, LOST], total)
            mean = np.where(weights != 0, total / weights, np.nan)
        median, p90 = (np.where(x == x, np.fmin(np.fmax(x, low), high), x) for x in self._quantiles(0.5, 0.9))
        columns = [x.tolist() for x in (n[:, COUNT].astype(np.int64), mean, total, low, high, median, p90)]
        names = ("value", "count", "mean", "sum", "min", "max", "median", "p90")
        found = [dict(zip(names, row, strict=True)) for row in zip(self.values, *columns, strict=True) if row[1]]
        return sorted(found, key=lambda g: (g["mean"] != g["mean"], -g["mean"]))

    def _quantiles(self, *shares: float) -> list[NDArray[np.float64]]:
        """What a share of each group's losses is below; NaN of none."""
        bins = self._bins()
        width = self._width()
        codes, index = bins[:, 0] >> width, bins[:, 0] & ((1 << width) - 1)
        at = middles(index, self.dtype, self.drop)
        order = np.lexsort((index, at, codes))
        at, ends = at[order], np.cumsum(bins[order, 1])
        edges = np.searchsorted(codes[order], np.arange(len(self.values) + 1))
        before = np.concatenate([[0], ends])[edges]
        counts = np.diff(before)
        found = []
        for q in shares:
            rank = np.maximum(q * (counts - 1), 0.0)
            ranks = (before[:-1] + f(rank).astype(np.int64) for f in (np.floor, np.ceil))
            places = (np.searchsorted(ends, r, side="right") for r in ranks)
            below, above = (np.append(at, np.nan)[p] for p in places)
            share = rank - np.floor(rank)
            with np.errstate(invalid="ignore"):  # between infinities
                between = np.where(below == above, below, below * (1 - share) + above * share)
            found.append(np.where(counts > 0, between, np.nan))
        return found

    def _bins(self) -> NDArray[np.int64]:
        """The bins that hold losses, in their order, and how many each holds."""
        held: NDArray[np.int64] = self.table[self.table[:, 0] >= 0]
        return held[np.argsort(held[:, 0])]

    def state(self) -> dict[str, Any]:
        """What a journal keeps."""
        import pyarrow as pa

        from ..files.packing import packed

        return {
            "groups": packed(pa.table({"value": pa.array(self.values)})), "group_numbers": self.numbers,
            "group_bins": self._bins(), "group_kind": np.empty(0, self.dtype),
            "group_place": self.place, "group_drop": np.array(self.drop),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what a journal kept."""
        from ..files.packing import unpacked

        for value in unpacked(state["groups"])["value"].to_pylist():
            self._of(value)
        self.numbers, self.dtype = state["group_numbers"], state["group_kind"].dtype
        self.place, self.drop = state["group_place"], int(state["group_drop"])
        bins = state["group_bins"]
        self._move(bins, min(2 * BINS, max(len(self.table), 2 << len(bins).bit_length())), 0)


def _table(size: int) -> NDArray[np.int64]:
    """An empty table of bins."""
    found = np.zeros((size, 2), np.int64)
    found[:, 0] = -1
    return found
