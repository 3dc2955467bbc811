"""Sums that do not depend on chunks, to the last bit.

Each block of 1,024 rows is added up by itself, and the blocks in their order, with what rounding loses kept.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    State = dict[str, NDArray[Any]]

BLOCK = 1024
PIECE = 32 * BLOCK
"""Losses that are looked at together: as many as a core's own cache holds with what is made of them."""

_rooms = threading.local()


class Blocks(NamedTuple):
    """The sums of a chunk's blocks, and the rows before the first and after the last whole one."""

    head: NDArray[np.float64]
    sums: NDArray[np.float64]
    tail: NDArray[np.float64]


def blocks(values: NDArray[Any], start: int) -> Blocks:
    """What a chunk adds to a sum, if `start` rows come before it."""
    head = min(-start % BLOCK, len(values))
    whole = head + (len(values) - head) // BLOCK * BLOCK
    room = scratch("exact", np.float64)
    sums = np.empty((whole - head) // BLOCK)
    for a in range(head, whole, PIECE):
        piece = room[: min(PIECE, whole - a)]
        piece[:] = values[a : a + len(piece)]
        at = (a - head) // BLOCK
        piece.reshape(-1, BLOCK).sum(axis=1, out=sums[at : at + len(piece) // BLOCK])
    return Blocks(values[:head].astype(np.float64), sums, values[whole:].astype(np.float64))


def scratch(name: str, dtype: Any) -> NDArray[Any]:
    """This thread's array of that name: what is freed after each chunk would be cleared by the system each time."""
    found: NDArray[Any] | None = getattr(_rooms, name, None)
    if found is None:
        found = np.empty(PIECE, dtype)
        setattr(_rooms, name, found)
    return found


class Total:
    """A sum of blocks in their order, compensated (A. Neumaier, 1974)."""

    def __init__(self) -> None:
        self.high, self.low = 0.0, 0.0
        self.pending: NDArray[np.float64] = np.empty(0)

    def add(self, given: Blocks) -> None:
        """Add what follows."""
        if len(given.head):
            self.pending = np.concatenate([self.pending, given.head])
            if len(self.pending) == BLOCK:
                self._plus(float(self.pending.reshape(1, -1).sum(axis=1)[0]))
                self.pending = np.empty(0)
        for x in given.sums.tolist():
            self._plus(x)
        if len(given.tail):
            self.pending = given.tail.copy()

    def _plus(self, x: float) -> None:
        total = self.high + x
        if math.isfinite(total):
            larger, smaller = (self.high, x) if abs(self.high) >= abs(x) else (x, self.high)
            self.low += (larger - total) + smaller
        self.high = total

    def value(self) -> float:
        """The sum of all."""
        whole = Total()
        whole.high, whole.low = self.high, self.low
        if len(self.pending):
            whole._plus(float(self.pending.reshape(1, -1).sum(axis=1)[0]))
        return whole.high + whole.low if math.isfinite(whole.high) else whole.high

    def state(self, name: str) -> State:
        """What a journal keeps."""
        return {name: np.array([self.high, self.low]), f"{name}_pending": self.pending}

    def restore(self, name: str, state: Mapping[str, Any]) -> None:
        """Go on from what a journal kept."""
        self.high, self.low = map(float, state[name])
        self.pending = state[f"{name}_pending"]
