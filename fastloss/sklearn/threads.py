"""Threads of BLAS in a fit: of small matrices they wait for each other longer than they compute."""

from __future__ import annotations

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


def of_blas(rows: int, columns: int) -> AbstractContextManager[Any]:
    """A context for a fit of a matrix of this shape: one thread of BLAS where it is small."""
    narrow = min(rows, columns)
    if narrow > NARROW and rows * columns * narrow > SMALL:
        return nullcontext()
    found: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return found
