"""What brings a block's rows into memory that its threads share, and their derivatives out of it again.

Threads that go through short rows, alone or a few of them, would read far apart. All of a block's rows are one run of
memory, which its threads bring in side by side, in packets. There a row begins STRIDE elements behind the one before
it, so that threads of several rows do not meet in a bank. Derivatives are written over it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ...bind import port

# Ports of the ports: what is done with each array, the K-th of a kind, and the area that is for it; what moves packets
# between memory and a thread's own array, and between that and the area.
parts = each = move = put = port
OF = K = AT = LOW = STORED = THREADS = GROUP = CLASSES = STRIDE = ROWS = AREA = ALL_AREAS = PACKET = PIECES = (
    BROUGHT
) = port


def areas() -> Any:
    """Room for all arrays' rows."""
    room = cuda.shared.array(ALL_AREAS, STORED, 16)
    return parts(room)


def part(room: Any) -> Any:
    return (room[LOW : LOW + AREA],)


def place(i: Any) -> Any:
    """Where an area has the i-th element of the run."""
    return i + np.int64(np.uint32(i) // np.uint32(CLASSES)) * np.int64(STRIDE - CLASSES)


def run_of(rows: Any) -> Any:
    """Where the block's run begins, and how many rows there are from there on."""
    first = np.int64(np.uint32(cuda.blockIdx.x)) * np.int64(ROWS)
    return first * np.int64(CLASSES), rows - first


def packet_of(q: int, thread: Any) -> Any:
    """Where the thread's q-th packet of a whole run begins, and whether there is one."""
    i = q * THREADS + thread
    return i * PACKET, q < ROWS * CLASSES // PACKET // THREADS or i < ROWS * CLASSES // PACKET


# -- in ----------------------------------------------------------------------------------------------------------------


def bring(areas: Any, arrays: Any, rows: Any) -> None:
    start, left = run_of(rows)
    each(areas, arrays, start, left, np.int64(np.uint32(cuda.threadIdx.x)))
    cuda.syncthreads()


def bring_one(areas: Any, arrays: Any, start: Any, left: Any, thread: Any) -> None:
    if left >= ROWS:
        own = cuda.local.array(BROUGHT, STORED)
        for q in range(PIECES):
            i, there = packet_of(q, thread)
            if there:
                move(own, q * PACKET, arrays[OF][K], start + i)
        for q in range(PIECES):
            i, there = packet_of(q, thread)
            if there:
                put(areas[AT], place(i), own, q * PACKET)
    else:
        for i in range(thread, ROWS * CLASSES, THREADS):
            # Threads beyond the last row go along with zeros.
            areas[AT][place(i)] = arrays[OF][K][start + i] if i < left * CLASSES else STORED(0)


# -- rows of it --------------------------------------------------------------------------------------------------------


def width_of(width: Any) -> Any:
    return np.int64(CLASSES)


def scores_at(areas: Any, data: Any) -> Any:
    return areas


def start_at(number: Any, thread: Any, width: Any) -> Any:
    return thread // np.int64(GROUP) * np.int64(STRIDE)


def slopes_at(areas: Any, grad: Any, hess: Any, there: Any) -> Any:
    return areas, areas[1:], True


# -- out ---------------------------------------------------------------------------------------------------------------


def carry(areas: Any, arrays: Any, rows: Any) -> None:
    start, left = run_of(rows)
    cuda.syncthreads()
    each(areas, arrays, start, left, np.int64(np.uint32(cuda.threadIdx.x)))


def carry_one(areas: Any, arrays: Any, start: Any, left: Any, thread: Any) -> None:
    if left >= ROWS:
        own = cuda.local.array(PACKET, STORED)
        for q in range(PIECES):
            i, there = packet_of(q, thread)
            if there:
                put(own, 0, areas[AT], place(i))
                move(arrays[OF][0], start + i, own, 0)
    else:
        for i in range(thread, left * CLASSES, THREADS):
            arrays[OF][0][start + i] = areas[AT][place(i)]


# -- rows that are read where they are ---------------------------------------------------------------------------------


def no_areas() -> Any:
    return ()


def not_moved(areas: Any, arrays: Any, rows: Any) -> None:
    pass


def width_given(width: Any) -> Any:
    return width


def scores_there(areas: Any, data: Any) -> Any:
    return data


def start_there(number: Any, thread: Any, width: Any) -> Any:
    return number * width


def slopes_there(areas: Any, grad: Any, hess: Any, there: Any) -> Any:
    return grad, hess, there
