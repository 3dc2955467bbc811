"""Threads of BLAS in a fit: of small matrices they wait for each other longer than they compute."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import scipy.linalg  # noqa: F401 - whose BLAS is not NumPy's: the controller sees what is loaded
from threadpoolctl import ThreadpoolController

SMALL = 1 << 28
"""Multiplications of one Hessian up to which one thread makes it: 10 ms, of which others save a few at best."""
NARROW = 256
"""Columns up to which the product of a block of rows is 1 ms, however many blocks there are."""


@lru_cache(1)
def _controller() -> Any:
    return ThreadpoolController()  # 10 ms


class _Limit(AbstractContextManager[None]):
    """One thread of BLAS from the first fit's beginning to the last one's end: its number is the process's."""

    def __init__(self) -> None:
        self.lock, self.fits = threading.Lock(), 0
        self.limit: Any = None

    def __enter__(self) -> None:
        with self.lock:
            if self.fits == 0:
                self.limit = _controller().limit(limits=1, user_api="blas")
            self.fits += 1

    def __exit__(self, *raised: object) -> None:
        with self.lock:
            self.fits -= 1
            if self.fits == 0:
                self.limit.restore_original_limits()


_LIMIT = _Limit()


def of_blas(rows: int, columns: int) -> AbstractContextManager[None]:
    """A context for a fit of a matrix of this shape: one thread of BLAS where it is small."""
    narrow = min(rows, columns)
    large = narrow > NARROW and rows * columns * narrow > SMALL
    return nullcontext() if large else _LIMIT
