"""Memory in which every access is held against what there is, how it is aligned, and who else was there."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

SHARED, LOCAL = 1 << 60, 1 << 61
"""Where these spaces begin among generic addresses."""

NOBODY, MANY, SETTLED = -1, -2, -3
"""Of marks that are no thread's number; the last, minus its number, those of a block that has waited for itself."""


class Fault(Exception):
    """What a kernel must not do."""


class Piece(NamedTuple):
    """Memory in one piece; of each byte, what it is, whether it was ever written, and who wrote and read it."""

    base: int
    bytes: Any
    known: Any
    writer: Any
    reader: Any


def piece(base: int, data: Any, known: bool) -> Piece:
    """Nobody has been there yet."""
    return Piece(base, data, np.full(len(data), known), *(np.full(len(data), NOBODY, np.int32) for _ in range(2)))


def of_the_host(address: int, size: int) -> Piece:
    """Memory of this process."""
    return piece(address, np.frombuffer((ctypes.c_ubyte * size).from_address(address), np.uint8), True)


def _garbage(size: int) -> Piece:
    return piece(0, np.full(size, 0xA5, np.uint8), False)


class Memory:
    """Of one launch."""

    def __init__(self, pieces: Iterable[Piece], shared: int, local: int, blocks: int, threads: int) -> None:
        self.pieces = sorted(pieces, key=lambda p: p.base)
        self._bases = np.array([p.base for p in self.pieces], np.uint64)
        self._ends = np.array([p.base + len(p.bytes) for p in self.pieces], np.uint64)
        self._sizes, self._threads = {"shared": shared, "local": local}, threads
        self._own = {"shared": _garbage(shared * blocks), "local": _garbage(local * blocks * threads)}
        self.races: set[str] = set()
        """Where threads were at one place without waiting for each other; but for reading, all of them."""

    def load(self, space: str, where: Any, who: Any, words: int, size: int, text: str) -> Any:
        """Words of `size` bytes: an array for each."""
        result = np.empty((words, len(where)), f"u{size}")
        for p, first, mine in self._places(space, where, who, words * size, text):
            mark = first[:, None] + np.arange(words * size)
            if not p.known[mark].all():
                raise Fault(f"reads what nobody has written: {text}")
            me, writer, reader = who[mine][:, None].astype(np.int32), p.writer[mark], p.reader[mark]
            if self._strange(writer, me).any():
                self.races.add(f"reads what another thread writes: {text}")
            p.reader[mark] = np.where(self._strange(reader, me), MANY, me)
            result[:, mine] = p.bytes[mark].view(f"u{size}").T
        return result

    def store(self, space: str, where: Any, who: Any, values: list[Any], text: str) -> None:
        """A word of each of the values, one after the other."""
        size = len(values) * values[0].itemsize
        for p, first, mine in self._places(space, where, who, size, text):
            mark = first[:, None] + np.arange(size)
            me, writer, reader = who[mine][:, None].astype(np.int32), p.writer[mark], p.reader[mark]
            if self._strange(writer, me).any() or len(np.unique(first)) != len(first):
                self.races.add(f"writes what another thread writes: {text}")
            if self._strange(reader, me).any():
                self.races.add(f"writes what another thread reads: {text}")
            p.writer[mark], p.known[mark] = me, True
            p.bytes[mark] = np.stack([v[mine] for v in values], 1).view(np.uint8)

    def barrier(self, block: int) -> None:
        """What a block's threads have done is done for each of them, in global memory not for other blocks'."""
        size, first = self._sizes["shared"], block * self._threads
        for marks in self._own["shared"][-2:]:
            marks[block * size : (block + 1) * size] = NOBODY
        for p in self.pieces:
            for marks in (p.writer, p.reader):
                marks[(marks >= first) & (marks < first + self._threads)] = SETTLED - block

    def _strange(self, marks: Any, me: Any) -> Any:
        """Whether marks are those of other threads that have not been waited for."""
        return (marks != NOBODY) & (marks != me) & (marks != SETTLED - me // self._threads)

    def _places(self, space: str, where: Any, who: Any, size: int, text: str) -> Iterable[tuple[Piece, Any, Any]]:
        """Where accesses begin in which piece, and which of them; all of them checked."""
        if (where % np.uint64(size)).any():
            raise Fault(f"misaligned: {text}")
        if not space:
            kinds = np.unique(where >> np.uint64(60))
            assert len(kinds) == 1, text
            space = {SHARED >> 60: "shared", LOCAL >> 60: "local"}.get(int(kinds[0]), "global")
            where = where % np.uint64(SHARED)
        if space != "global":
            if (where + np.uint64(size) > np.uint64(self._sizes[space])).any():
                raise Fault(f"out of bounds: {text}: {where.max()}")
            number = who // self._threads if space == "shared" else who
            yield self._own[space], where.astype(np.int64) + number * self._sizes[space], slice(None)
            return
        found = np.searchsorted(self._bases, where, "right") - 1
        if ((found < 0) | (where + np.uint64(size) > self._ends[found])).any():
            raise Fault(f"out of bounds: {text}: {[hex(w) for w in np.unique(where)[[0, -1]]]}")
        for k in np.unique(found):
            mine = found == k
            yield self.pieces[k], (where[mine] - self._bases[k]).astype(np.int64), mine
