"""Loops of the Lovász extension: each pixel's error, their order, and what the set of the larger ones is worth.

Arrays are those of `region_templates.py`, with all pixels of a score in one row: a score is a class of a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.bind import port
from .region_templates import BLOCK, STRIP, beside, own, presence, spread, truth

DIGIT = 11
"""Bits that a pass of the sort orders by: its counters stay in a core's first cache."""

# Ports.
prange: Any = range
real = port
GRAD = HINGE = False


# -- Errors ------------------------------------------------------------------------------------------------------------


def errors(inputs: Any, outputs: Any, numbers: Any) -> None:
    """How far each pixel is from its target, of at least 0; 0 for absent pixels."""
    found, tasks = outputs[0], outputs[2].shape[0]
    blocks = -(-found.shape[2] // BLOCK)
    for k in prange(tasks):
        for n in range(k, blocks * found.shape[0], tasks):
            miss(inputs, outputs, k, numbers, n // blocks, n % blocks * BLOCK)


def miss(inputs: Any, outputs: Any, task: int, numbers: Any, row: int, start: int) -> None:
    """Those of one block."""
    found, room = outputs[0], own(outputs, task)
    stop = min(found.shape[2], start + BLOCK)
    for low in range(start, stop, STRIP):
        high = min(stop, low + STRIP)
        spread(inputs[0], room, row, low, high)
        for j in range(found.shape[1]):
            away(inputs, found[row, j, low:high], room, numbers, row, j, low, high)


def away(inputs: Any, out: Any, room: Any, numbers: Any, row: int, j: int, low: int, high: int) -> None:
    """Those of a class."""
    k = row % numbers[0] + j + numbers[1]
    p, q = room[0][j], room[1][j]
    truths, weights = beside(inputs, p, numbers, row, j, low, high)
    for i in range(np.uint64(out.size)):
        w, t = presence(truths, weights, numbers, i), truth(truths, k, i)
        error = real(1.0) - (real(2.0) * t - real(1.0)) * p[i] if HINGE else t * q[i] + (real(1.0) - t) * p[i]
        error = real(0.0) if error <= 0 else error
        out[i] = error if w != 0 else real(0.0)


# -- The extension -----------------------------------------------------------------------------------------------------


def extension(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each score, and its derivatives by the predictions."""
    values, orders = outputs[0], outputs[2]
    tasks = orders.shape[0]
    for k in prange(tasks):
        for g in range(k, values.size, tasks):
            values[g] = extended(inputs, outputs, numbers, k, g)


def extended(inputs: Any, outputs: Any, numbers: Any, task: int, g: int) -> float:
    """That of one score: its errors from the largest on, each times what it adds to the Jaccard loss of those before.

    The differences are written out: one of two losses would have lost its digits.
    """
    classes, pixels = inputs[-1].shape[1], inputs[-1].shape[2]
    row, j = g // classes, g % classes
    k = row % numbers[0] + j + numbers[1]
    error, out = inputs[-2][row, j], outputs[1]
    truths, weights = beside(inputs, error, numbers, row, j, 0, pixels)
    half = sorted_down(inputs[-1][row, j], outputs[2][task], outputs[3][task], numbers[4])
    order = outputs[2][task, half]
    mass = inputs[-3][g]
    left, union, total = mass, mass, 0.0
    for n in range(np.uint64(pixels)):
        i: Any = np.uint64(order[n])
        w, t = np.float64(presence(truths, weights, numbers, i)), truth(truths, k, i)
        step = 0.0
        if w != 0 and t != 0:
            step = w / union
            left = max(left - w, 0.0)
        elif w != 0:
            # Without a region the first error is the loss.
            step = left * w / (union * (union + w)) if mass != 0 else 1.0 if union == 0 else 0.0
            union += w
        # An infinite error adds nothing where nothing of the region is left.
        total += 0.0 if step == 0 and error[i] == np.inf else np.float64(error[i]) * step
        if GRAD:
            slope = step if t == 0 else -step
            out[row, j, i] = slope if error[i] > 0 else 0.0
    if GRAD and total != total:
        for i in range(np.uint64(pixels)):
            out[row, j, i] = total
    return total


def sorted_down(keys: Any, orders: Any, counts: Any, bits: int) -> int:
    """Order pixels by the bits of their errors, the largest first, the first of equals first; which order that is."""
    here = 0
    for i in range(np.uint64(keys.size)):
        orders[0, i] = i
    for shift in range(0, bits, DIGIT):
        if tallied(keys, counts, shift):
            moved(keys, orders[here], orders[1 - here], counts, shift)
            here = 1 - here
    return here


def tallied(keys: Any, counts: Any, shift: int) -> Any:
    """Count how many keys begin each digit's run, from the largest digit on; whether there are two digits at all."""
    top = counts.size - 1
    for d in range(np.uint64(counts.size)):
        counts[d] = 0
    for i in range(np.uint64(keys.size)):
        counts[np.uint64(top - ((keys[i] >> shift) & top))] += 1
    start = 0
    several = keys.size > 0 and counts[np.uint64(top - ((keys[0] >> shift) & top))] != keys.size
    for d in range(np.uint64(counts.size)):
        count = counts[d]
        counts[d] = start
        start += count
    return several


def moved(keys: Any, source: Any, to: Any, counts: Any, shift: int) -> None:
    """Bring each pixel behind those of its digit that came before it."""
    top = counts.size - 1
    for n in range(np.uint64(keys.size)):
        i: Any = np.uint64(source[n])
        d = np.uint64(top - ((keys[i] >> shift) & top))
        to[counts[d]] = i
        counts[d] += 1
