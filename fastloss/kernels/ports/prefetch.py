"""What the template for many rows at a time asks memory for: a class of a tile at a time, while it computes.

Asked for all at once, lines are waited for: a core has room for a few dozen on their way, and rows of 100 classes took
1.7 times as long. `k` is the class that is computed; where nothing is turned, nothing is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import AT_GRADS, AT_HESSES, AT_SCORES, AT_SECOND, AT_TARGET, GRADS, HESSES, INNER, SCORES, TARGET
from ..templates.tilesums import LANES

# Ports of the ports.
prefetch_read = prefetch_write = ask_first = SIDE = port
TURN_FIRST = TURN_SECOND = TURN_MASS = False


def ask_nothing(arrays: Any, at: Any, steps: Any, k: int) -> None:
    pass


def lines(prefetch: Any, array: Any, start: int) -> None:
    for i in range(0, LANES, SIDE):
        prefetch(array, start + np.uint64(i))


# -- of the tile after this one, to be read ----------------------------------------------------------------------------


def ask_scores(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_FIRST:
        lines(prefetch_read, arrays[SCORES][0], at[AT_SCORES] + np.uint64(LANES * (steps[AT_SCORES, INNER] + k)))


def ask_inplace(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_FIRST:
        lines(prefetch_write, arrays[GRADS][0], at[AT_GRADS] + np.uint64(LANES * (steps[AT_GRADS, INNER] + k)))


def ask_second(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_SECOND:
        lines(prefetch_read, arrays[SCORES][1], at[AT_SECOND] + np.uint64(LANES * (steps[AT_SECOND, INNER] + k)))


def ask_mass(arrays: Any, at: Any, steps: Any, k: int) -> None:
    if TURN_MASS:
        lines(prefetch_read, arrays[TARGET][0], at[AT_TARGET] + np.uint64(LANES * (steps[AT_TARGET, INNER] + k)))


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
        lines(prefetch_write, arrays[GRADS][0], at[AT_GRADS] + np.uint64(LANES * k))


def ask_slope_and_curve(arrays: Any, at: Any, steps: Any, k: int) -> None:
    ask_slope(arrays, at, steps, k)
    if TURN_FIRST:
        lines(prefetch_write, arrays[HESSES][0], at[AT_HESSES] + np.uint64(LANES * k))
