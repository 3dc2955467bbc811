"""Rows of which some classes are known, by their places and logarithms, for CUDA: a block of threads for each row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import cuda

from ...bind import port

# Ports.
real = label_of = share = unfit = decode_log = number_of = THREADS = port
CHECK = False


def number(log: float) -> float:
    """What a logarithm is of."""
    return math.exp(log)


def examined(
    indices: Any, logs: Any, target: Any, weight: Any, ignore: int, kept: Any, flaws: Any, known: Any, width: Any
) -> None:
    """Leave the row's weight, 0 where it names what is no class or one class twice; and 1 in `flaws[0]` for that.

    A logarithm above 0 is wrong, too, but the row counts.
    """
    thread, row = np.int64(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
    at = (row, row, row, row, row, row)
    s = share((), weight, at, label_of(((), target), at), ignore)
    first = row * known
    wrong = np.int32(0)
    if unfit(s):
        flaws[0] = np.int32(1)
    if s != real(0.0):
        j = thread
        while j < known:
            k = np.int64(indices[first + j])
            if k < 0 or k >= width:
                wrong = np.int32(1)
            i = np.int64(0)
            while i < j:
                if np.int64(indices[first + i]) == k:
                    wrong = np.int32(1)
                i += np.int64(1)
            if CHECK and decode_log(logs[first + j]) > real(0.0):
                flaws[0] = np.int32(1)
            j += np.int64(THREADS)
    found = cuda.syncthreads_or(wrong)
    if thread == 0:
        kept[row] = s
        if found != 0:
            kept[row] = real(0.0)
            flaws[0] = np.int32(1)


def spread(indices: Any, logs: Any, kept: Any, whole: Any, known: Any, width: Any) -> None:
    """Write the row's numbers of all classes: 0 for those that are not known, and for all of a row that is absent."""
    thread, row = np.int64(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
    first = row * known
    start = row * width
    k = thread
    while k < width:
        whole[start + k] = real(0.0)
        k += np.int64(THREADS)
    cuda.syncthreads()
    if kept[row] != real(0.0):
        j = thread
        while j < known:
            k = np.int64(indices[first + j])
            # It has been looked at, but by an earlier kernel: nothing may ever be written elsewhere.
            if k >= 0 and k < width:
                whole[start + k] = number_of(real(decode_log(logs[first + j])))
            j += np.int64(THREADS)
