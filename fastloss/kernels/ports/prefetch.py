"""What the template for many rows at a time asks memory for: a class of a tile at a time, while it computes.

Asked for all at once, lines are waited for: a core has room for a few dozen on their way, and rows of 100 classes took
1.7 times as long. `k` is the class that is computed; where nothing is turned, nothing is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..templates.tilesums import LANES

# Ports of the ports.
prefetch_read: Any = None
prefetch_write: Any = None
ask_first: Any = None
SIDE: Any = None
TURN_FIRST = TURN_SECOND = TURN_MASS = False


def ask_nothing(arrays: Any, at: Any, steps: Any, k: int) -> None:
    pass


def lines(prefetch: Any, array: Any, start: int) -> None:
    for i in range(0, LANES, SIDE):
        prefetch(array, start + np.uint64(i))


# -- of the tile after this one, to be read ----------------------------------------------------------------------------


def ask_scores(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_FIRST:
        lines(prefetch_read, arrays[0][0], at[0] + np.uint64(LANES * (steps[0, 1] + k)))


def ask_inplace(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_FIRST:
        lines(prefetch_write, arrays[3][0], at[4] + np.uint64(LANES * (steps[4, 1] + k)))


def ask_second(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_SECOND:
        lines(prefetch_read, arrays[0][1], at[1] + np.uint64(LANES * (steps[1, 1] + k)))


def ask_mass(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_MASS:
        lines(prefetch_read, arrays[1][0], at[2] + np.uint64(LANES * (steps[2, 1] + k)))


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
        lines(prefetch_write, arrays[3][0], at[4] + np.uint64(LANES * k))


def ask_slope_and_curve(arrays: Any, at: Any, steps: Any, k: int) -> None:
    ask_slope(arrays, at, steps, k)
    if TURN_FIRST:
        lines(prefetch_write, arrays[4][0], at[5] + np.uint64(LANES * k))
