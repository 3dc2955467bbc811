"""What is said of many losses: count, mean, sum, extremes, quantiles, whatever chunks they come in.

Quantiles are exact up to `EXACT` losses; beyond, losses are counted in bins whose edges are floats with 8 bits after
the point, so a quantile is wrong by 2**-9 of itself at most, one part in 512.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...structured.compiled import run
from ..templates.summary import BLOCK, LANES, summed
from .sums import Blocks, Total, blocks, extent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    State = dict[str, NDArray[Any]]

EXACT = 1 << 20
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
KEPT_BITS = 8
"""Bits after the point that a bin's edge has."""


class Bins(NamedTuple):
    """How many losses are in some bins that follow one another."""

    first: int
    counts: NDArray[np.int64]


def float_bits(dtype: Any) -> tuple[Any, int]:
    """The whole numbers that hold a float's bits, and how many of these are dropped."""
    return (np.uint32, 23 - KEPT_BITS) if dtype == np.float32 else (np.uint64, 52 - KEPT_BITS)


def bin_count(dtype: Any) -> int:
    """How many bins there are, those of negative losses the second half."""
    bits, shift = float_bits(dtype)
    width: int = np.dtype(bits).itemsize * 8 - shift
    return 1 << width


class Room:
    """What one thread's chunks of a type are summed up in, one after another."""

    def __init__(self, dtype: Any) -> None:
        self.bits, self.shift = float_bits(dtype)
        self.compute = np.dtype(dtype).name
        self.total = np.empty(LANES)
        self.lanes = np.empty(4 * LANES, dtype)
        self.counts = np.zeros(bin_count(dtype), np.uint32)

    def summed(
        self, loss: NDArray[Any], counted: NDArray[np.bool_] | None, head: int, whole: int, binned: bool
    ) -> tuple[NDArray[np.float64], float, float, list[Bins], bool]:
        """The sums of the whole blocks, the ends of what is a number, the bins, and whether something is none."""
        sums = np.empty((whole - head) // BLOCK)
        inputs = [loss, loss.view(self.bits), *([] if counted is None else [counted.view(np.uint8)])]
        outputs = [sums, self.total, self.lanes, *([self.counts] if binned else [])]
        flags = tuple(name for name, asked in (("COUNTED", counted is not None), ("BINNED", binned)) if asked)
        run(summed, inputs, outputs, (head, self.shift), compute=self.compute, size=1, backend="serial", flags=flags)
        low, high, least, odd = self.lanes.reshape(4, LANES)
        ends = low.min(), high.max()
        return sums, float(ends[0]), float(ends[1]), self._taken(*ends, least.min()) if binned else [], bool(odd.any())

    def _taken(self, low: Any, high: Any, least: Any) -> list[Bins]:
        """The bins of what lies between, a run for each sign, and the zeros; the room's own are empty then."""
        half = len(self.counts) // 2
        zeros = [0, half]
        found = [Bins(0, self.counts[zeros].sum(keepdims=True, dtype=np.int64))]
        self.counts[zeros] = 0
        for sign, end in ((0, high), (half, -low)):
            if end > 0:
                ends = np.array([least, end]).view(self.bits) >> self.bits(self.shift)
                first, last = (int(end) for end in ends)
                run = self.counts[sign + first : sign + last + 1]
                found.append(Bins(sign + first, run.astype(np.int64)))
                run[:] = 0
        return found


_rooms = threading.local()


def _room(dtype: Any) -> Room:
    """This thread's room."""
    name = dtype.char
    found: Room | None = getattr(_rooms, name, None)
    if found is None:
        found = Room(dtype)
        setattr(_rooms, name, found)
    return found


class Part(NamedTuple):
    """What a chunk adds to a summary."""

    dtype: Any
    rows: int
    counted: int
    low: float
    high: float
    losses: Blocks
    weights: Blocks | None
    bins: list[Bins]
    kept: NDArray[Any] | None


def part(
    loss: NDArray[Any],
    weight: NDArray[Any] | None,
    counted: NDArray[np.bool_] | None,
    start: int,
    keep: bool,
    binned: bool = True,
) -> Part:
    """A chunk's losses, of which some are `counted`; those of the first chunks are kept for exact quantiles."""
    loss = np.ascontiguousarray(loss)
    head, whole = extent(len(loss), start)
    room, known = _room(loss.dtype), counted
    sums, low, high, bins, odd = room.summed(loss, known, head, whole, binned)
    if odd:  # what is no number is in no bin
        known = loss == loss if counted is None else counted & (loss == loss)
        room.counts[:] = 0
        _, _, _, bins, _ = room.summed(loss, known, head, whole, binned)
    ends = [slice(head), slice(whole, None)]
    rest = [loss[rows] if counted is None else np.where(counted[rows], loss[rows], 0) for rows in ends]
    before, after = (x.astype(np.float64) for x in rest)
    if weight is not None and counted is not None:
        weight = np.where(counted, weight, 0)
    return Part(
        loss.dtype,
        len(loss),
        len(loss) if counted is None else int(np.count_nonzero(counted)),
        math.nan if odd else low,
        math.nan if odd else high,
        Blocks(before, sums, after),
        None if weight is None else blocks(weight, start),
        bins,
        None if not keep else loss.copy() if known is None else loss[known],
    )


class Summary:
    """Losses, summed up as they come, in the order of their rows."""

    def __init__(self, binned: bool = True) -> None:
        self.binned = binned
        """Whether losses are counted in bins, for quantiles and a histogram."""
        self.rows, self.count, self.low, self.high = 0, 0, math.inf, -math.inf
        self.total, self.weights = Total(), Total()
        self.weighted = False
        self.kept: list[NDArray[Any]] | None = [] if binned else None
        self.dtype: Any = np.dtype(np.float64)
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def add(self, given: Part) -> None:
        """Add the chunk that follows."""
        if not len(self.counts):
            self._begin(given.dtype)
        self.rows += given.rows
        self.low, self.high = float(np.minimum(self.low, given.low)), float(np.maximum(self.high, given.high))
        self.total.add(given.losses)
        if given.weights is not None:
            self.weighted = True
            self.weights.add(given.weights)
        for each in given.bins:
            self.counts[each.first : each.first + len(each.counts)] += each.counts
        if self.kept is not None:
            self.kept = None if given.kept is None or self.count + given.counted > EXACT else [*self.kept, given.kept]
        self.count += given.counted

    def _begin(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.counts = np.zeros(bin_count(dtype), np.int64)

    @property
    def sum(self) -> float:
        """The sum of the losses, weighted where there are weights."""
        return self.total.value()

    @property
    def mean(self) -> float:
        """The sum divided by that of the weights, or by the count where there are none; NaN of nothing."""
        of = self.weights.value() if self.weighted else self.count
        return self.sum / of if of else math.nan

    @property
    def exact(self) -> bool:
        """Whether quantiles are exact."""
        return self.kept is not None

    def quantile(self, q: float) -> float:
        """The loss that a share of `q` is below, between two losses on the line between them."""
        if not self.count or self.low != self.low:
            return math.nan
        if self.kept is not None:
            values = np.concatenate(self.kept).astype(np.float64)
            with np.errstate(invalid="ignore"):
                found = float(np.quantile(values, q))
            # NumPy has NaN in the second half of the way to an infinity.
            return found if found == found else between(*np.unique(values, return_counts=True), q)
        return float(min(max(between(*self.filled(), q), self.low), self.high))

    def filled(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The middles of the bins that hold losses, in their order, and how many each holds."""
        index = np.flatnonzero(self.counts)
        half = len(self.counts) // 2
        index = np.concatenate([index[index >= half][::-1], index[index < half]])
        return middles(index, self.dtype), self.counts[index]

    def histogram(self, bars: int = 12) -> list[tuple[float, float, int]]:
        """Bars of one width from the least loss to the 99th percentile, and one for what is above: from, to, count."""
        top = self.quantile(0.99) if self.binned else math.nan
        if not self.count or not math.isfinite(self.low) or not math.isfinite(top):
            return []
        at, counts = self.filled()
        edges = np.linspace(self.low, top, bars) if top > self.low else np.array([self.low, top])
        place = np.clip(np.searchsorted(edges, np.clip(at, self.low, self.high), side="right") - 1, 0, len(edges) - 1)
        found = np.bincount(place, weights=counts, minlength=len(edges)).astype(np.int64)
        ends = [*edges[1:].tolist(), self.high]
        return [(float(a), float(b), int(n)) for a, b, n in zip(edges, ends, found, strict=True)]

    def state(self) -> State:
        """What a journal keeps."""
        index = np.flatnonzero(self.counts)
        kept = np.concatenate(self.kept) if self.kept else np.empty(0, self.dtype)
        return {
            "numbers": np.array([self.rows, self.count, self.kept is None, self.weighted]),
            "ends": np.array([self.low, self.high]),
            "bins": index,
            "counts": self.counts[index],
            "kept": kept,
            "begun": np.array(len(self.counts)),
            **self.total.state("total"),
            **self.weights.state("weights"),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what a journal kept."""
        if state["begun"]:
            self._begin(state["kept"].dtype)
        self.rows, self.count, lost, weighted = map(int, state["numbers"])
        self.weighted = bool(weighted)
        self.low, self.high = map(float, state["ends"])
        self.counts[state["bins"]] = state["counts"]
        self.kept = None if lost else [state["kept"]]
        self.total.restore("total", state)
        self.weights.restore("weights", state)


def between(edges: NDArray[np.float64], counts: NDArray[np.int64], q: float) -> float:
    """What a share of `q` is below, of bins in their order, or a point on the line between two; NaN of none."""
    if not len(edges):
        return math.nan
    ends = np.cumsum(counts)
    place = q * (int(ends[-1]) - 1)
    ranks = math.floor(place), math.ceil(place)
    below, above = edges[np.searchsorted(ends, ranks, side="right")].tolist()
    share = place - math.floor(place)
    return float(below if below == above else below * (1 - share) + above * share)


def middles(index: NDArray[Any], dtype: Any, drop: int = 0) -> NDArray[np.float64]:
    """The middle of each bin, which drops so many bits more; 0 of the one that zero is in, infinity of theirs."""
    bits, shift = float_bits(dtype)
    edges = [(each.astype(bits) << bits(shift + drop)).view(dtype) for each in (index, index + 1)]
    with np.errstate(invalid="ignore"):  # of NaN, which comes after an infinity
        below, above = (each.astype(np.float64) for each in edges)
        most = np.copysign(float(np.finfo(dtype).max), below)  # where what comes next is infinite
        middle = 0.5 * below + 0.5 * np.where(np.isfinite(above), above, most)
    found: NDArray[np.float64] = np.where(np.isfinite(below) & (below != 0), middle, below)
    return found
