"""What is said of many losses: count, mean, sum, extremes, quantiles, whatever chunks they come in.

Quantiles are exact up to `EXACT` losses; beyond, losses are counted in bins whose edges are floats with 8 bits after
the point, so a quantile is wrong by 2**-9 of itself at most, one part in 512.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .sums import PIECE, Total, blocks, scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .sums import Blocks

    State = dict[str, NDArray[Any]]

EXACT = 1 << 20
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
KEPT_BITS = 8
"""Bits after the point that a bin's edge has."""


class Bins(NamedTuple):
    """How many losses are in some bins that follow one another."""

    first: int
    counts: NDArray[np.int64]


def keys(values: NDArray[Any]) -> NDArray[Any]:
    """The bin of each value: the bits of its float, the last ones dropped."""
    bits, shift = _bits(values.dtype)
    found: NDArray[Any] = values.view(bits) >> bits(shift)
    return found


def _bits(dtype: Any) -> tuple[Any, int]:
    """The whole numbers that hold a float's bits, and how many of these are dropped."""
    return (np.uint32, 23 - KEPT_BITS) if dtype == np.float32 else (np.uint64, 52 - KEPT_BITS)


def bins(values: NDArray[Any], low: Any, high: Any) -> list[Bins]:
    """Values between `low` and `high` counted: at most a run of bins for each sign, and the zeros."""
    if not len(values):
        return []
    if low > 0:
        return [_run(values, low, high)]
    negative = np.signbit(values) & (values != 0)
    zero = values == 0
    found = [Bins(0, np.array([np.count_nonzero(zero)]))]
    for part in (values[negative], values[~(negative | zero)]):
        if len(part):
            ends = sorted([abs(part.min()), abs(part.max())])
            found.append(_run(part, *(np.copysign(end, part[0]) for end in ends)))
    return found


def _run(values: NDArray[Any], least: Any, most: Any) -> Bins:
    """Values of one sign counted, none of them zero; `least` and `most` are the ends of their sizes."""
    bits, shift = _bits(values.dtype)
    first, last = (int(np.asarray(x, values.dtype).reshape(1).view(bits)[0]) >> shift for x in (least, most))
    room, places = scratch(f"bits{values.dtype.itemsize}", bits), scratch("places", np.intp)
    counts = np.zeros(last - first + 1, np.int64)
    for a in range(0, len(values), PIECE):
        piece = np.ascontiguousarray(values[a : a + PIECE]).view(bits)
        n = len(piece)
        np.right_shift(piece, bits(shift), out=room[:n])
        np.subtract(room[:n], bits(first), out=places[:n], casting="unsafe")
        counts += np.bincount(places[:n], minlength=len(counts))
    return Bins(first, counts)


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
    of = loss if counted is None else loss[counted]
    full = loss if counted is None else np.where(counted, loss, loss.dtype.type(0))
    weights = None
    if weight is not None:
        weights = blocks(weight if counted is None else np.where(counted, weight, 0), start)
    low, high = of.min(initial=np.inf), of.max(initial=-np.inf)
    known = of if low == low else of[of == of]
    ends = (low, high) if low == low else (known.min(initial=np.inf), known.max(initial=-np.inf))
    return Part(
        loss.dtype,
        len(loss),
        len(of),
        float(low),
        float(high),
        blocks(full, start),
        weights,
        bins(known, *ends) if binned else [],
        known.copy() if keep else None,
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
        self.counts = np.zeros(1 << (9 if dtype == np.float32 else 12) + KEPT_BITS, np.int64)

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
            with np.errstate(invalid="ignore"):  # between infinities
                return float(np.quantile(np.concatenate(self.kept).astype(np.float64), q))
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


def middles(index: NDArray[Any], dtype: Any) -> NDArray[np.float64]:
    """The middle of each bin; 0 of the one that zero is in, and infinity of that of infinities."""
    bits, shift = _bits(dtype)
    edges = (index.astype(bits) << bits(shift)).view(dtype).astype(np.float64)
    size = np.abs(edges)
    finite = np.isfinite(size) & (size > 0)
    half = np.ldexp(0.5, np.frexp(np.where(finite, size, 1.0))[1] - 1 - KEPT_BITS)
    found: NDArray[np.float64] = np.where(finite, edges + np.copysign(half, edges), edges)
    return found
