"""The pointwise template: one loop over blocks of elements, for any jet, any outputs and any weights.

The free names below are ports: `kernels/bind.py` makes a copy of these functions in which each is a function or a
constant. Flags are constants too, so that what a kernel does not ask for is not there once it is compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import ALL_FLAWS, ALL_SUMS, BOUNDS, CURVES, PARAMS, SLOPES, THREADS, VALUES

BLOCK = 16_384
"""Elements whose sum is one term. Terms are combined in the order of the blocks, so the result has the same bits for
any number of threads; 64 KiB of float32 a stream stays in the second-level cache."""

STRIP = 1_024
"""Elements that are summed in the compute type before the sum becomes a float64. A float64 in the loop over float32
would halve the width of its vectors (with an exp and a log: 0.74 against 0.55 ns an element); sixteen additions in each
of 64 lanes lose less than one unit in the last place of the result."""

# Ports.
spread = view = apart = jet = real = inputs = share = portion = outside = put_grad = put_hess = write_value = port
add = new_wide = new_whole = port
KEEP = SUM = GRAD = HESS = CHECK = False


def strip(data: Any, weight: Any, fixed: Any, factor: Any, second: Any, out: Any, start: int, stop: int) -> Any:
    """The elements from `start` to `stop`: their sum, and whether an input lies outside its domain (0 or 1)."""
    total = real(0.0)
    flaws = np.int32(0)
    # Unsigned, so that no index needs a second look for being negative.
    for i in range(np.uint64(start), np.uint64(stop)):
        x = inputs(data, out[SLOPES], i)
        s = share(weight, i)
        value, d1, d2 = jet(*(x + fixed[PARAMS]))
        if CHECK:
            flaws = np.int32(flaws | outside(s, x, fixed[BOUNDS]))
        if SUM:
            total = add(total, portion(s, value))
        if KEEP:
            write_value(out[VALUES][0], i, portion(s, value))
        if GRAD:
            put_grad(out[SLOPES], i, s, factor, d1)
        if HESS:
            put_hess(out[CURVES], i, s, factor, second, d1, d2)
    return total, flaws


def block(data: Any, weight: Any, fixed: Any, scale: Any, outer: Any, out: Any, start: int, stop: int) -> Any:
    """The same for a block, the sum as a float64."""
    factor = real(scale)
    second = real(outer)
    total = 0.0
    flaws = 0
    for low in range(start, stop, STRIP):
        part, bad = strip(data, weight, fixed, factor, second, out, low, min(stop, low + STRIP))
        total += np.float64(part)
        flaws |= bad
    return total, flaws


def stretch(given: Any, first: int, last: int) -> None:
    """The blocks from `first` to `last`: their sums and flaws."""
    apart()
    data, weight, fixed, scale, outer, out, size, results = given
    for b in range(first, last):
        start = b * BLOCK
        part, bad = block(data, weight, fixed, scale, outer, out, start, min(size, start + BLOCK))
        results[ALL_SUMS][b], results[ALL_FLAWS][b] = part, bad


def task(given: Any, number: int) -> None:
    """One of the tasks of all threads."""
    own, blocks, tasks = given
    stretch(own, number * blocks // tasks, (number + 1) * blocks // tasks)


def total(
    crew: Any, data: Any, weight: Any, params: Any, scale: Any, root: Any, bounds: Any, loss: Any, grad: Any, hess: Any,
    size: int,
) -> Any:  # fmt: skip
    """All elements: the sum of the blocks' sums, and in how many of them a value lies outside its domain."""
    blocks = (size + BLOCK - 1) // BLOCK
    sums, flaws = new_wide(blocks), new_whole(blocks)
    tasks = tasks_of(crew, blocks)
    fixed, out, results = (params, (), bounds), (loss, grad, hess), (view(sums), view(flaws))
    spread(crew, task, ((data, weight, fixed, scale, root, out, size, results), blocks, tasks), tasks)
    return combined(sums, flaws)


def tasks_of(crew: Any, blocks: int) -> Any:
    """Into how many tasks so many blocks are divided: four for each thread, so that a slow one does not delay all.

    The blocks, and so the bits of the result, do not depend on it.
    """
    return min(max(1, 4 * crew[THREADS]), blocks)


def combined(sums: Any, flaws: Any) -> Any:
    """The sum of the blocks' sums in their order, and the number of flaws."""
    high = low = 0.0
    count = 0
    for b in range(sums.size):
        # Two-sum (Knuth, TAOCP 2, 4.2.2): `low` is the rounding error of every addition so far.
        term = sums[b]
        new = high + term
        back = new - high
        low += (high - (new - back)) + (term - back)
        high = new
        count += flaws[b]
    # An infinite sum has the error term inf - inf.
    return high + low if low == low else high, count
