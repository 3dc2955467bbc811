"""What is said of a chunk's losses, in one pass: sums, extremes, how many are in each bin.

Rows are taken in blocks that the chunk's place in the source sets, so a block is what it is whatever the chunk is: each
is added up in the same order, in lanes that lie side by side. The free names are ports; `compiled.py` completes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...kernels.bind import port

BLOCK = 1_024
"""Rows whose sum is one term."""

LANES = 128
"""Sums of a block that are made side by side, each of every so-manieth row; a lane has its extremes, too."""

LOW, HIGH, LEAST, ODD = (np.uint64(k * LANES) for k in range(4))
"""Where lanes have their least and largest loss, the least size that is not 0, and whatever is NaN: side by side in one
array, for LLVM packs no loop that writes to many."""

# Ports.
real = port
COUNTED = BINNED = False


def summed(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Each block's sum, the lanes' extremes, and how many losses are in each bin.

    Read are losses, their bits, and whether each is counted. Written are the blocks' sums, the lanes' sums, their
    extremes, and the bins. `numbers` are the rows before the first whole block, and how many bits a bin drops.
    """
    size, sums, head = inputs[0].size, outputs[0], numbers[0]
    begin(outputs[2])
    for n in range(sums.size + 2):
        start, stop = max(0, head + (n - 1) * BLOCK), min(size, head + n * BLOCK)
        if 0 < n <= sums.size:
            block(inputs, outputs[1], outputs[2], start)
            sums[n - 1] = folded(outputs[1])
        else:
            rest(inputs, outputs[2], start, stop)
        if BINNED:
            binned(inputs, outputs[3], np.uint64(numbers[1]), start, stop)


def begin(lanes: Any) -> None:
    """Let the lanes be those of no loss."""
    for j in range(np.uint64(LANES)):
        lanes[LOW + j] = real(np.inf)
        lanes[HIGH + j] = real(-np.inf)
        lanes[LEAST + j] = real(np.inf)
        lanes[ODD + j] = real(0.0)


def block(inputs: Any, total: Any, lanes: Any, start: int) -> None:
    """The lanes' sums of a whole block, and their extremes so far."""
    loss = inputs[0][start : start + BLOCK]
    for j in range(np.uint64(LANES)):
        sum_ = 0.0
        for k in range(np.uint64(BLOCK // LANES)):
            sum_ += np.float64(taken(inputs, loss, start, np.uint64(LANES) * k + j)[0])
        total[j] = sum_
    # By themselves extremes of float32 are packed as such, twice as many as sums of float64 are.
    for j in range(np.uint64(LANES)):
        seen = lanes[LOW + j], lanes[HIGH + j], lanes[LEAST + j], lanes[ODD + j]
        for k in range(np.uint64(BLOCK // LANES)):
            seen = extended(seen, *taken(inputs, loss, start, np.uint64(LANES) * k + j))
        lanes[LOW + j], lanes[HIGH + j], lanes[LEAST + j], lanes[ODD + j] = seen


def rest(inputs: Any, lanes: Any, start: int, stop: int) -> None:
    """The extremes so far, of rows that are no whole block."""
    loss = inputs[0][start:stop]
    seen = lanes[LOW], lanes[HIGH], lanes[LEAST], lanes[ODD]
    for i in range(np.uint64(loss.size)):
        x, small, large = taken(inputs, loss, start, i)
        seen = extended(seen, x, small, large)
    lanes[LOW], lanes[HIGH], lanes[LEAST], lanes[ODD] = seen


def taken(inputs: Any, loss: Any, start: int, i: Any) -> Any:
    """A loss as sums and extremes see it."""
    x = loss[i]
    if COUNTED:
        there = inputs[2][np.uint64(start) + i] != 0
        return x if there else real(0.0), x if there else real(np.inf), x if there else real(-np.inf)
    return x, x, x


def extended(seen: Any, x: Any, small: Any, large: Any) -> Any:
    """The extremes with one more loss."""
    low, high, least, odd = seen
    size = abs(small)
    size = size if size > real(0.0) else real(np.inf)
    return (
        small if small < low else low,
        large if large > high else high,
        size if size < least else least,
        odd if x == x else x,
    )


def folded(total: Any) -> Any:
    """The sum of the lanes: of each half with the other."""
    width = LANES // 2
    while width > 0:
        for j in range(np.uint64(width)):
            total[j] += total[np.uint64(width) + j]
        width //= 2
    return total[0]


def binned(inputs: Any, counts: Any, shift: Any, start: int, stop: int) -> None:
    """Count losses by their first bits."""
    for i in range(np.uint64(start), np.uint64(stop)):
        if COUNTED:
            counts[np.uint64(inputs[1][i]) >> shift] += np.int64(inputs[2][i] != 0)
        else:
            counts[np.uint64(inputs[1][i]) >> shift] += 1
