"""Arrays for results; the memory of a large one that died is kept for the next of the same size.

The system clears memory before it hands it out, which takes as long as a kernel takes to fill it. glibc gives back what
is freed from 32 MiB on, and two gradients of 16 MiB that die together; two of 8 MiB it keeps itself.

An array's memory belongs to a `_Lent`, the last object that dies with it and with all views of it, in whatever thread
and inside whatever that thread is doing. Whoever finds the lock taken does without: no thread waits, and a child that
was forked while it was taken just keeps nothing.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import settings

if TYPE_CHECKING:
    from numpy.typing import NDArray


LEAST = 1 << 23
"""Bytes from which an array's memory is kept: to take and give it back takes 9 us, of the 430 of a kernel on one thread
for so many."""
MOST = settings.number(settings.KEEP, 256, least=0) << 20
"""Bytes that are kept at most."""
BLOCKS = 4
"""Arrays whose memory is kept at most: two gradients, or a gradient and a Hessian, of two sizes."""
SECONDS = 10.0
"""How long memory waits for its next user, as of the next large array that is made or dies."""

_lock = threading.Lock()
_kept: list[tuple[float, NDArray[Any]]] = []
"""When each block was given back, and the block; the last is the newest."""


def like(x: NDArray[Any]) -> NDArray[Any]:
    """An array of the same shape, type and layout, without values."""
    if x.nbytes < LEAST or not (x.flags.c_contiguous or x.flags.f_contiguous):
        return np.empty_like(x, subok=False)
    return _lent(x.shape, x.dtype, x.nbytes, "C" if x.flags.c_contiguous else "F")


def empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """A dense array without values."""
    kind = np.dtype(dtype)
    size = kind.itemsize
    for n in shape:
        size *= n
    return np.empty(shape, kind) if size < LEAST else _lent(shape, kind, size, "C")


def release() -> None:
    """Give what is kept back to the system."""
    if _lock.acquire(blocking=False):
        try:
            _kept.clear()
        finally:
            _lock.release()


class _Lent:
    """What an array's memory belongs to."""

    __slots__ = ("__array_interface__", "block")

    def __init__(self, block: NDArray[Any]) -> None:
        self.block, self.__array_interface__ = block, block.__array_interface__

    def __del__(self) -> None:
        _keep(self.block)


def _lent(shape: tuple[int, ...], dtype: Any, size: int, order: Any) -> NDArray[Any]:
    if size > MOST:
        return np.empty(shape, dtype, order)
    block = _taken(size)
    if block is None:
        try:
            block = np.empty(size, np.uint8)
        except MemoryError:
            release()
            block = np.empty(size, np.uint8)
    return np.ndarray(shape, dtype, np.asarray(_Lent(block)), order=order)


def _taken(size: int) -> NDArray[Any] | None:
    """A kept block of this size, which is nobody else's from now on."""
    if not _lock.acquire(blocking=False):
        return None
    try:
        _let_go()
        for k in range(len(_kept) - 1, -1, -1):
            if _kept[k][1].nbytes == size:
                return _kept.pop(k)[1]
        return None
    finally:
        _lock.release()


def _keep(block: NDArray[Any]) -> None:
    if not _lock.acquire(blocking=False):
        return
    try:
        _kept.append((monotonic(), block))
        _let_go()
    finally:
        _lock.release()


def _let_go() -> None:
    """Let the oldest go until no bound is exceeded."""
    now = monotonic()
    while _kept:
        since, _ = _kept[0]
        if now - since < SECONDS and len(_kept) <= BLOCKS and sum(b.nbytes for _, b in _kept) <= MOST:
            break
        del _kept[0]
