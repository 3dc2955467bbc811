"""The arrays of a ranking: scores and targets of queries that follow one another, with weights of either."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np

from ..arrays.host.faults import refuse_weights
from . import ranking_templates as templates
from . import reading
from .compiled import run, shared
from .samples import Scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..define.keywords import Call

TASKS = 8
"""Queries at most that are computed at a time, or one by each thread: each needs room for its samples."""

LARGEST = 31
"""The largest target of an exponential gain, that of XGBoost; LightGBM's is 30."""

ALL = 1 << 62
"""A truncation that leaves all pairs."""


class Gains:
    """What targets are worth: a table for the whole ones, and what becomes of the others."""

    def __init__(self, name: str, *gain: Any) -> None:
        """Without a gain targets are compared alone."""
        self.name, self.curved, self.listed = name, False, False
        self.table, self.high = np.zeros(0), inf
        if gain:
            self._read(*gain)

    def _read(self, gain: Any) -> None:
        if isinstance(gain, str) and gain in ("exponential", "linear"):
            whole = np.arange(LARGEST + 1.0)
            self.curved = gain == "exponential"
            self.table, self.high = (np.exp2(whole) - 1.0, float(LARGEST)) if self.curved else (whole, inf)
        else:
            self.table, self.listed = self._table(gain), True
            self.high = len(self.table) - 1.0

    def _table(self, gain: Any) -> NDArray[Any]:
        expected = "expected 'exponential', 'linear' or a list of the gain of each target from 0 on"
        if gain is None or isinstance(gain, (str, bytes)):
            raise ValueError(f"{self.name}: gain is {gain!r}, {expected}")
        found = reading.floats(self.name, "gain", gain).astype(np.float64)
        if found.ndim != 1 or not found.size:
            raise ValueError(f"{self.name}: gain has shape {found.shape}, {expected}")
        bad = ~((found >= 0.0) & (found < inf)) | (np.diff(found, prepend=0.0) < 0.0)
        if bad.any():
            k = int(bad.argmax())
            raise ValueError(f"{self.name}: gain[{k}] is {found[k]}, expected finite numbers of at least 0 that do not "
                             "fall")  # fmt: skip
        return found

    def wrong(self, target: NDArray[Any]) -> Any:
        """Where a target is none; NaN makes its query's loss NaN."""
        low = 0.0 if self.table.size else -inf
        bad = (target < low) | (target > self.high) | (np.abs(target) == inf)
        return bad | (target != np.floor(target)) & (target == target) if self.listed else bad

    def right(self, target: NDArray[Any]) -> bool:
        """Whether all targets are, as far as the smallest and the largest tell."""
        if not target.size:
            return True
        least, most = target.min(), target.max()
        low = 0.0 if self.table.size else -inf
        return not self.listed and bool(low <= least and -inf < least and most <= self.high and most < inf)

    @property
    def expected(self) -> str:
        """What a target may be."""
        if not self.table.size:
            return "a finite number"
        if self.listed:
            return f"a whole number from 0 to {self.high:g}, of which gain has the values"
        if self.curved:
            return f"a number from 0 to {LARGEST}, as its gain is 2^target - 1; larger ones ask for gain='linear'"
        return "a finite number of at least 0"


class Queries(Scores):
    """Scores of samples by query, and a weight for each query or for each sample."""

    def __init__(self, loss: Any, pred: Any, target: Any, group: Any, weight: Any) -> None:
        name = loss.name
        self.pred, self.target = reading.floats(name, "pred", pred), reading.floats(name, "target", target)
        if self.target.shape != self.pred.shape:
            raise ValueError(f"{name}: target has shape {self.target.shape}, expected {self.pred.shape}, that of pred")
        self.sizes = sizes_of(name, group, self.pred.shape)
        self.begins = np.concatenate([[0], np.cumsum(self.sizes)])
        self.given_weight: NDArray[Any] | None = None
        self.ratios = np.zeros(0)
        super().__init__(loss, {"pred": self.pred}, {"target": self.target}, self.sizes.shape, weight)
        if self.given_weight is not None:
            self.seen["weight"] = self.given_weight
        if not self.sizes.all():
            self.only(slice(None), self.sizes > 0)

    def _weights(self, weight: NDArray[Any]) -> NDArray[Any]:
        """One for each query: of samples' weights the mean of those that are present."""
        self.given_weight = weight
        if weight.shape in ((), self.batch):
            return np.broadcast_to(weight, self.batch)
        if weight.shape != self.pred.shape:
            raise ValueError(f"{self.name}: weight has shape {weight.shape}, expected {self.batch}, one for each "
                             f"query, or {self.pred.shape}, one for each sample")  # fmt: skip
        wide = np.ascontiguousarray(weight, np.float64).reshape(-1)
        here = self.sizes > 0
        begins, means = self.begins[:-1][here], np.zeros(self.batch)
        counts = np.add.reduceat((wide != 0).astype(np.float64), begins) if begins.size else np.zeros(0)
        each = np.ones(self.batch)
        each[here] = np.maximum(counts, 1.0)
        parts = wide / np.repeat(each, self.sizes)
        means[here] = np.add.reduceat(parts, begins) if begins.size else 0.0
        self.ratios = wide / np.repeat(np.where(means == 0.0, 1.0, means), self.sizes)
        return means

    def check(self, call: Call, gains: Gains) -> None:
        """Raise for the first weight that is none, and for the first target."""
        if self.given_weight is not None:
            refuse_weights(self.name, "weight", self.given_weight, np.float64)
        if not gains.right(self.target):
            bad = gains.wrong(self.target)
            present = np.repeat(self.weights != 0.0, self.sizes)
            if self.ratios.size:
                present &= self.ratios != 0.0
            bad &= present.reshape(bad.shape)
            if bad.any():
                where = np.unravel_index(int(bad.argmax()), bad.shape)
                raise ValueError(f"{self.name}: target[{', '.join(map(str, where))}] is {self.target[where]}, expected "
                                 f"{gains.expected}")  # fmt: skip

    def run(
        self, template: Callable[..., Any], gains: Gains, outputs: list[NDArray[Any]], numbers: tuple[Any, ...],
        call: Call, limit: int, **ports: Any,
    ) -> NDArray[Any]:  # fmt: skip
        """What the template says of each query; the other results go to the outputs."""
        each, width = np.empty(self.batch), int(self.sizes.max(initial=0))
        tasks, wide = shared(each.size, TASKS), -(-width // templates.RUN) * templates.RUN + templates.LANES
        inputs = [self.pred, self.target, self.begins, self.weights, self.ratios, gains.table, discounts(wide)]
        rooms = [np.empty((tasks, templates.ROWS, wide)), np.empty((tasks, 2, wide), np.int64),
                 np.empty((tasks, gains.table.size), np.int64)]  # fmt: skip
        dense = [x if x.dtype == np.int64 else reading.dense(x, np.float64).reshape(-1) for x in inputs]
        run(template, dense, [each, *outputs, *rooms], numbers, compute="d", size=self.pred.size * min(limit, width),
            backend=call.backend, **ports)  # fmt: skip
        return each


@lru_cache(4)
def _discounts(width: int) -> NDArray[Any]:
    found: NDArray[Any] = 1.0 / np.log2(np.arange(2.0, width + 2.0))
    return found


def discounts(width: int) -> NDArray[Any]:
    """Those of so many places, from the first on."""
    return _discounts(1 << max(width - 1, 0).bit_length())[:width]


def sizes_of(name: str, group: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """How many samples each query has."""
    if group is None:
        if len(shape) == 2 and shape[1] == 1 < shape[0]:
            raise ValueError(f"{name}: pred has shape {shape}, queries of one sample; expected (samples,) and group")
        if len(shape) == 2:
            return np.full(shape[0], shape[1], np.int64)
        raise TypeError(f"{name}: group is missing, expected the number of samples of each query; of scores of shape "
                        "(queries, samples) none is needed")  # fmt: skip
    if len(shape) != 1:
        raise ValueError(f"{name}: pred has shape {shape}, expected (samples,) beside group")
    found = reading.array(name, "group", group)
    if found.size and found.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: group has dtype {found.dtype}, expected whole numbers, how many samples each query has"
        )
    if found.ndim != 1:
        raise ValueError(f"{name}: group has shape {found.shape}, expected (queries,)")
    count = shape[0]
    if found.size == count > 1 and not _are_sizes(found):
        raise ValueError(f"{name}: group has a number for each of {count} samples, expected how many samples each "
                         "query has; np.unique(ids, return_counts=True)[1] of sorted ids")  # fmt: skip
    bad = (found < 0) | (found > count)
    if bad.any():
        k = int(bad.argmax())
        raise ValueError(f"{name}: group[{k}] is {found[k]}, expected how many of the {count} samples a query has")
    found = found.astype(np.int64)
    total = int(found.sum())
    if total != count:
        begins = found.size and found[0] == 0 and found[-1] == count
        hint = "; of where the queries begin and end that is np.diff" if begins else ""
        raise ValueError(f"{name}: group has a sum of {total}, expected {count}, the number of samples{hint}")
    if found.size == count > 1 and found.all():
        warn(f"{name}: group says that each of {count} samples is a query by itself, so that no pair is ranked; names "
             "of queries, sorted, become sizes by np.unique(names, return_counts=True)[1]", stacklevel=2)  # fmt: skip
    return found


def _are_sizes(group: NDArray[Any]) -> bool:
    """Whether numbers, one for each sample, are sizes of queries: names of queries stand in runs."""
    fits = (group >= 0).all() and (group <= group.size).all() and int(group.sum()) == group.size
    runs, names = 1 + int((group[1:] != group[:-1]).sum()), np.unique(group).size
    return bool(fits) and (names == 1 or runs > names)
