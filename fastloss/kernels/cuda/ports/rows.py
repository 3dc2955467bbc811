"""What the CUDA row template is completed with besides `kernels/ports/rows.py`: own arrays, packets of rows, masses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

# Ports of the ports.
real: Any = None
read: Any = None
second: Any = None
probe: Any = None
WIDTH: Any = None
HOLD: Any = None
GROUP: Any = None
PACKETS: Any = None
data_type0: Any = None
data_type1: Any = None
target_type: Any = None
slope_type: Any = None
take_data0: Any = None
take_data1: Any = None
take_target: Any = None
give_slope: Any = None
dense: Any = None
unweighed: Any = None
take_row: Any = None
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
    take_data0(own[0][0], place, row[0][0], i)


def take_row2(own: Any, row: Any, place: int, i: int) -> None:
    take_data0(own[0][0], place, row[0][0], i)
    take_data1(own[0][1], place, row[0][1], i)


def take_row1_dense(own: Any, row: Any, place: int, i: int) -> None:
    take_data0(own[0][0], place, row[0][0], i)
    take_target(own[1][0], place, row[1][0], i)


def take_row2_dense(own: Any, row: Any, place: int, i: int) -> None:
    take_data0(own[0][0], place, row[0][0], i)
    take_data1(own[0][1], place, row[0][1], i)
    take_target(own[1][0], place, row[1][0], i)


def load_chunk(own: Any, row: Any, low: int) -> None:
    for p in range(PACKETS):
        k = low + (p * GROUP + row[5]) * WIDTH
        if k < row[4]:
            take_row(own, row, p * WIDTH, row[2] + k)


def store_packet(arrays: Any, i: int, own: Any) -> None:
    give_slope(arrays[0], i, own[0])


# -- terms of an element in the second sums, and in those by which their numbers are sought ----------------------------


def further(kept: Any, t: Any, c: Any, fixed: Any) -> Any:
    return second(*(kept + (t,) + c + fixed[0]))


def probing(kept: Any, t: Any, c: Any, fixed: Any) -> Any:
    return probe(*(kept + c + fixed[0]))


# -- target masses of the k-th class, the j-th that the thread holds ---------------------------------------------------


def one_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return real(1.0)


def label_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return fixed[1][2] if k == label else fixed[1][0]


def dense_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return dense(own, fixed, ORIGIN, j)


def worth_as_stored(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    """Of a label, before its unit brings it into reach."""
    return read(arrays[2][0], np.uint64(label))


def class_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return read(classes[0], k) / fixed[3] * unweighed(own, fixed, classes, label, k, j)
