"""What the template for many rows at a time asks memory for: a class of a tile at a time, while it computes.

Asked for all at once, lines are waited for: a core has room for a few dozen on their way, and rows of 100 classes took
1.7 times as long. `k` is the class that is computed; where nothing is turned, nothing is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .lanes import LANES

# Ports of the ports.
prefetch_read: Any = None
prefetch_write: Any = None
ask_first: Any = None
SIDE: Any = None
TURN_FIRST = TURN_SECOND = TURN_MASS = False


def ask_nothing(arrays: Any, at: Any, steps: Any, k: int) -> None:
    pass


# -- of the tile after this one, to be read ----------------------------------------------------------------------------


def ask_scores(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_FIRST:
        after = at[0] + np.uint64(LANES * (steps[0, 1] + k))
        for i in range(0, LANES, SIDE):
            prefetch_read(arrays[0][0], after + np.uint64(i))


def ask_inplace(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_FIRST:
        after = at[4] + np.uint64(LANES * (steps[4, 1] + k))
        for i in range(0, LANES, SIDE):
            prefetch_write(arrays[3][0], after + np.uint64(i))


def ask_second(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_SECOND:
        after = at[1] + np.uint64(LANES * (steps[1, 1] + k))
        for i in range(0, LANES, SIDE):
            prefetch_read(arrays[0][1], after + np.uint64(i))


def ask_mass(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_MASS:
        after = at[2] + np.uint64(LANES * (steps[2, 1] + k))
        for i in range(0, LANES, SIDE):
            prefetch_read(arrays[1][0], after + np.uint64(i))


def ask_pair(arrays: Any, at: Any, steps: Any, k: int) -> None:
    ask_first(arrays, at, steps, k)
    ask_second(arrays, at, steps, k)


def ask_dense(arrays: Any, at: Any, steps: Any, k: int) -> None:
    ask_first(arrays, at, steps, k)
    ask_mass(arrays, at, steps, k)


def ask_all(arrays: Any, at: Any, steps: Any, k: int) -> None:
    ask_pair(arrays, at, steps, k)
    ask_mass(arrays, at, steps, k)


# -- of this tile, to be written ---------------------------------------------------------------------------------------


def ask_slope(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_FIRST:
        here = at[4] + np.uint64(LANES * k)
        for i in range(0, LANES, SIDE):
            prefetch_write(arrays[3][0], here + np.uint64(i))


def ask_slope_and_curve(arrays: Any, at: Any, steps: Any, k: int) -> None:
    ask_slope(arrays, at, steps, k)
    if TURN_FIRST:
        here = at[5] + np.uint64(LANES * k)
        for i in range(0, LANES, SIDE):
            prefetch_write(arrays[4][0], here + np.uint64(i))
