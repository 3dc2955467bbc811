"""Sums that do not depend on chunks, to the last bit.

Each block of 1,024 rows is added up by itself, and the blocks in their order, with what rounding loses kept.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..templates.summary import BLOCK, LANES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    State = dict[str, NDArray[Any]]


class Blocks(NamedTuple):
    """The sums of a chunk's blocks, and the rows before the first and after the last whole one."""

    head: NDArray[np.float64]
    sums: NDArray[np.float64]
    tail: NDArray[np.float64]


def extent(rows: int, start: int) -> tuple[int, int]:
    """The rows of a chunk before its first whole block, and up to the end of its last, if `start` come before it."""
    head = min(-start % BLOCK, rows)
    return head, head + (rows - head) // BLOCK * BLOCK


def blocks(values: NDArray[Any], start: int) -> Blocks:
    """What a chunk of anything adds to a sum, if `start` rows come before it."""
    head, whole = extent(len(values), start)
    exact = values.astype(np.float64)
    return Blocks(exact[:head], folded(exact[head:whole]), exact[whole:])


def folded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of each block, in the order in which a kernel adds it up: `templates/summary.py` has it."""
    each = values.reshape(-1, BLOCK // LANES, LANES)
    total = each[:, 0].copy()
    for k in range(1, BLOCK // LANES):
        total += each[:, k]
    while total.shape[1] > 1:
        half = total.shape[1] // 2
        total = total[:, :half] + total[:, half:]
    return total[:, 0]


class Total:
    """A sum of blocks in their order, and what rounding loses of it (D. Knuth's sum of two); of no use if infinite."""

    def __init__(self) -> None:
        self.high, self.low = 0.0, 0.0
        self.pending: NDArray[np.float64] = np.empty(0)

    def add(self, given: Blocks) -> None:
        """Add what follows."""
        if len(given.head):
            self.pending = np.concatenate([self.pending, given.head])
            if len(self.pending) == BLOCK:
                self._plus(folded(self.pending).tolist())
                self.pending = np.empty(0)
        self._plus(given.sums.tolist())
        if len(given.tail):
            self.pending = given.tail.copy()

    def _plus(self, several: list[float]) -> None:
        high, low = self.high, self.low
        for x in several:
            total = high + x
            back = total - high
            low += (high - (total - back)) + (x - back)
            high = total
        self.high, self.low = high, low

    def value(self) -> float:
        """The sum of all."""
        whole = Total()
        whole.high, whole.low = self.high, self.low
        if len(self.pending):
            rest = np.zeros(BLOCK)
            rest[: len(self.pending)] = self.pending
            whole._plus(folded(rest).tolist())
        return whole.high + whole.low if math.isfinite(whole.high) else whole.high

    def state(self, name: str) -> State:
        """What a journal keeps."""
        return {name: np.array([self.high, self.low]), f"{name}_pending": self.pending}

    def restore(self, name: str, state: Mapping[str, Any]) -> None:
        """Go on from what a journal kept."""
        self.high, self.low = map(float, state[name])
        self.pending = state[f"{name}_pending"]
