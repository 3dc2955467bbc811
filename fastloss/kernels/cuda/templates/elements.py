"""The pointwise template for CUDA: a tile of elements for each block, a packet at a time for each thread.

A packet is brought into arrays of the thread's own, which are registers once it is compiled, gone through by the same
`strip` as on the CPU, and carried back. Tiles are of one size and their sums are added in one order: the result has
the same bits on every run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ...bind import port
from ...plan.elements import NARROW
from ...templates.elements import strip

TILE = 16_384
"""Elements of a block: the CPU's block, 64 for each thread."""

THREADS = 256

BLOCKS = 4
"""Blocks that a multiprocessor must be able to hold: with 64 registers a thread, half of the threads that fit."""

# Ports.
real = factor_of = concluded = divisor_of = measured = leave = near = worth_of = settled = strip_wide = put_sum = port
decode = encode = decode_factor = port
KIND = WIDTH = port
new_data = new_weight = new_value = new_slope = new_curve = port
load_data = load_weight = store_value = store_slope = store_curve = port
load_data_one = load_weight_one = store_value_one = store_slope_one = store_curve_one = port
SUM = CHECK = False


def total(
    data: Any, weight: Any, params: Any, scale: Any, slopes: Any, bounds: Any, loss: Any, grad: Any, hess: Any,
    sums: Any, flaws: Any, size: Any,
) -> None:  # fmt: skip
    """All elements: the sum of each tile, or the value of a single one, goes to `sums`; 1 to `flaws[0]` if a value lies
    outside its domain.
    """
    thread = np.int64(cuda.threadIdx.x)
    start = np.int64(cuda.blockIdx.x) * np.int64(TILE)
    stop = min(size, start + np.int64(TILE))
    whole = start + (stop - start) // np.int64(WIDTH) * np.int64(WIDTH)
    x, s = new_data(), measured(new_weight(), slopes)
    value, slope, curve = new_value(), new_slope(), new_curve()
    fixed, out = (params, (), bounds), (value, slope, curve)
    factor, second = factor_of(scale, slopes)
    sum = real(0.0)
    flaw = np.int32(0)
    i = start + thread * np.int64(WIDTH)
    while i < whole:
        load_data(x, data, i)
        load_weight(s, weight, i)
        part, bad = strip(x, s, fixed, factor, second, out, 0, WIDTH)
        sum, flaw = sum + part, flaw | bad
        store_value(loss, i, value)
        store_slope(grad, i, slope)
        store_curve(hess, i, curve)
        i += np.int64(THREADS * WIDTH)
    i = whole + thread
    if i < stop:
        load_data_one(x, data, i)
        load_weight_one(s, weight, i)
        part, bad = strip(x, s, fixed, factor, second, out, 0, 1)
        sum, flaw = sum + part, flaw | bad
        store_value_one(loss, i, value)
        store_slope_one(grad, i, slope)
        store_curve_one(hess, i, curve)
    if CHECK and flaw != np.int32(0):
        # The same number from whichever thread: no order of theirs can be seen.
        flaws[0] = np.int32(1)
    if SUM:
        shared = cuda.shared.array(THREADS, KIND)
        shared[thread] = sum
        halve(shared, thread)
        whole_sum = settled(shared[0], data, weight, params, slopes, bounds, start, stop, thread)
        if thread == 0:
            put_sum(sums, whole_sum)


def as_summed(
    sum: Any, data: Any, weight: Any, params: Any, slopes: Any, bounds: Any, start: Any, stop: Any, thread: Any
) -> Any:
    """A tile's sum as it is."""
    return sum


def summed_again(
    sum: Any, data: Any, weight: Any, params: Any, slopes: Any, bounds: Any, start: Any, stop: Any, thread: Any
) -> Any:
    """A tile's sum, in float64 where float32 has lost it: its root is an ordinary number."""
    if not (sum < NARROW[0] or sum > NARROW[1]):
        return np.float64(sum)
    x, s = new_data(), measured(new_weight(), slopes)
    total = 0.0
    i = start + thread
    while i < stop:
        load_data_one(x, data, i)
        load_weight_one(s, weight, i)
        part, _ = strip_wide(x, s, (params, (), bounds), 1.0, 0.0, ((), (), ()), 0, 1)
        total += part
        i += np.int64(THREADS)
    shared = cuda.shared.array(THREADS, np.float64)
    shared[thread] = total
    halve(shared, thread)
    return shared[0]


def halve(shared: Any, thread: Any) -> None:
    """Add up what the threads of a block have, by halves: it ends in the first place."""
    cuda.syncthreads()
    half = THREADS // 2
    while half:
        if thread < half:
            shared[thread] = shared[thread] + shared[thread + half]
        cuda.syncthreads()
        half //= 2


def combine(sums: Any, count: int, given: Any, nothing: float, result: Any, slopes: Any, unit: Any) -> None:
    """The sum of the tiles' sums in float64, and what it comes to: by one block, in one order.

    `result` takes the value; `slopes` what derivatives are multiplied with, and what a root's second one needs besides;
    `unit` the power of two that weights are multiplied by.
    """
    thread = np.int64(cuda.threadIdx.x)
    sum = 0.0
    i = thread
    while i < count:
        sum += np.float64(sums[i])
        i += np.int64(THREADS)
    shared = cuda.shared.array(THREADS, np.float64)
    shared[thread] = sum
    halve(shared, thread)
    if thread == 0:
        value, factor, second, power = concluded(shared[0], divisor_of(given), nothing)
        result[0] = value
        slopes[0] = factor
        slopes[1] = second
        leave(unit, power)


def bring_near(weight: Any, count: int, kept: Any) -> None:
    """Leave weights of classes multiplied by the power of two that brings their sum near 1: by one block."""
    thread = np.int64(cuda.threadIdx.x)
    sum = 0.0
    i = thread
    while i < count:
        sum += weight[i]
        i += np.int64(THREADS)
    shared = cuda.shared.array(THREADS, np.float64)
    shared[thread] = sum
    halve(shared, thread)
    unit = near(shared[0], shared[0])
    i = thread
    while i < count:
        kept[i] = worth_of(weight[i], 1.0, unit)
        i += np.int64(THREADS)


def multiply(array: Any, factor: Any, also: float, count: int) -> None:
    """Multiply an array by a number on the device, and by one of the host's: 1 leaves it as it is, unread."""
    each = real(decode_factor(factor[0])) * real(also)
    if each == real(1.0):
        return
    i = np.int64(cuda.blockIdx.x) * np.int64(THREADS) + np.int64(cuda.threadIdx.x)
    step = np.int64(cuda.gridDim.x) * np.int64(THREADS)
    while i < count:
        array[i] = encode(real(decode(array[i])) * each)
        i += step
