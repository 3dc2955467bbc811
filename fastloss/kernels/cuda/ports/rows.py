"""What the CUDA row template is completed with besides `kernels/ports/rows.py`: own arrays, packets of rows, masses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bind import port
from ...places import (
    CLASSES,
    LABELED,
    MIX,
    OTHERS,
    PARAMS,
    ROW_LANE,
    ROW_START,
    ROW_STOP,
    WORTH,
)

# Ports of the ports: the K-th array of a kind, where it is in what the thread holds and in memory, what moves packets.
real = read = second = probe = dense = unweighed = take_row = OF = FROM = K = move = WIDTH = GROUP = PACKETS = port
ORIGIN = (0, 0, 0, 0, 0, 0)


# -- a chunk of a row into the thread's own arrays ---------------------------------------------------------------------


def take(own: Any, row: Any, place: int, i: int) -> None:
    move(own[OF][K], place, row[FROM][K], i)


def load_chunk(own: Any, row: Any, low: int) -> None:
    for p in range(PACKETS):
        k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
        if k < row[ROW_STOP]:
            take_row(own, row, p * WIDTH, row[ROW_START] + k)


# -- terms of an element in the second sums, and in those by which their numbers are sought ----------------------------


def further(kept: Any, t: Any, c: Any, fixed: Any) -> Any:
    return second(*(kept + (t,) + c + fixed[PARAMS]))


def probing(kept: Any, t: Any, c: Any, fixed: Any) -> Any:
    return probe(*(kept + c + fixed[PARAMS]))


# -- target masses of the k-th class, the j-th that the thread holds ---------------------------------------------------


def one_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return real(1.0)


def label_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return fixed[MIX][LABELED] if k == label else fixed[MIX][OTHERS]


def dense_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return dense(own, fixed, ORIGIN, j)


def worth_as_stored(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    """Of a label, before its unit brings it into reach."""
    return read(arrays[CLASSES][0], np.uint64(label))


def class_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return read(classes[0], k) / fixed[WORTH] * unweighed(own, fixed, classes, label, k, j)
