"""What the CUDA row template is completed with besides `kernels/ports/rows.py`: own arrays, packets of rows, masses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ...bind import port
from ...places import (
    CLASSES,
    LABELED,
    MIX,
    OTHERS,
    PARAMS,
    ROW_DATA,
    ROW_LANE,
    ROW_START,
    ROW_STOP,
    ROW_TARGET,
    SCORES,
    TARGET,
    WORTH,
)

# Ports of the ports.
real = read = second = probe = WIDTH = HOLD = GROUP = PACKETS = data_type0 = data_type1 = target_type = port
slope_type = take_data0 = take_data1 = take_target = give_slope = dense = unweighed = take_row = port
ORIGIN = (0, 0, 0, 0, 0, 0)


# -- a thread's own arrays ---------------------------------------------------------------------------------------------


def row_data1() -> Any:
    return (cuda.local.array(HOLD, data_type0),)


def row_data2() -> Any:
    return cuda.local.array(HOLD, data_type0), cuda.local.array(HOLD, data_type1)


def row_target() -> Any:
    return (cuda.local.array(HOLD, target_type),)


def row_slope() -> Any:
    return (cuda.local.array(WIDTH, slope_type),)


def row_nothing() -> Any:
    return ()


# -- a chunk of a row into them, and a packet of derivatives out -------------------------------------------------------


def take_row1(own: Any, row: Any, place: int, i: int) -> None:
    take_data0(own[SCORES][0], place, row[ROW_DATA][0], i)


def take_row2(own: Any, row: Any, place: int, i: int) -> None:
    take_data0(own[SCORES][0], place, row[ROW_DATA][0], i)
    take_data1(own[SCORES][1], place, row[ROW_DATA][1], i)


def take_row1_dense(own: Any, row: Any, place: int, i: int) -> None:
    take_data0(own[SCORES][0], place, row[ROW_DATA][0], i)
    take_target(own[TARGET][0], place, row[ROW_TARGET][0], i)


def take_row2_dense(own: Any, row: Any, place: int, i: int) -> None:
    take_data0(own[SCORES][0], place, row[ROW_DATA][0], i)
    take_data1(own[SCORES][1], place, row[ROW_DATA][1], i)
    take_target(own[TARGET][0], place, row[ROW_TARGET][0], i)


def load_chunk(own: Any, row: Any, low: int) -> None:
    for p in range(PACKETS):
        k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
        if k < row[ROW_STOP]:
            take_row(own, row, p * WIDTH, row[ROW_START] + k)


def store_packet(arrays: Any, i: int, own: Any) -> None:
    give_slope(arrays[SCORES], i, own[SCORES])


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
