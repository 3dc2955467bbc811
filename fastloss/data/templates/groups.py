"""What is said of each group of losses: sums, extremes, and how many are in each bin of a table.

Rows are added up one after another, whatever chunks they come in; the sums of a stretch of them go to those of all,
with what rounding loses kept. The free names are ports; `compiled.py` completes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

STRETCH = 1 << 16
"""Rows that are added up one after another before their sum goes to the sum of all."""

COUNT, LOW, HIGH, SUM, LOST, PART, WEIGHT, WEIGHTS = range(8)
"""A group's numbers: losses, the least and the largest, their sum and what rounding lost of it, the sum of this
stretch; the sum of the weights, and that of this stretch."""

# Ports.
CHOSEN = False


def grouped(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Add rows to groups, up to the first whose bin the table has no room for.

    Read are each row's group, its loss, the loss's bits, its weight and, of chosen rows, how many come before it.
    Written are the groups' numbers, the table (what bin of which group, and how many losses it has), and how many rows
    are added, the stretch, and how many bins there are. `numbers` are the rows to begin with, those before this chunk,
    how many bits a bin drops, and how many it may have.
    """
    groups, place = outputs[0], outputs[2]
    first, before, shift, width = numbers
    for i in range(first, inputs[0].size):
        g = inputs[0][i]
        loss = np.float64(inputs[1][i])
        if loss == loss:
            key = (g << width) | np.int64(np.uint64(inputs[2][i]) >> np.uint64(shift))
            if not counted(outputs[1], place, key, 1):
                place[0] = i
                return
        row = before + i
        if CHOSEN:
            row = before + inputs[4][i]
        if row // STRETCH != place[1]:
            flush(groups)
            place[1] = row // STRETCH
        groups[g, COUNT] += 1.0
        groups[g, LOW] = loss if loss < groups[g, LOW] or loss != loss else groups[g, LOW]
        groups[g, HIGH] = loss if loss > groups[g, HIGH] or loss != loss else groups[g, HIGH]
        groups[g, PART] += loss
        groups[g, WEIGHTS] += inputs[3][i]
    place[0] = inputs[0].size


def counted(table: Any, place: Any, key: int, count: int) -> bool:
    """Count losses of a bin; False if it is a new one and half of the table is full."""
    last = np.uint64(table.shape[0] - 1)
    k = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    k = (k ^ (k >> np.uint64(32))) & last
    while table[k, 0] != key:
        if table[k, 0] < 0:
            if 2 * place[2] >= table.shape[0]:
                return False
            table[k, 0] = key
            place[2] += 1
            break
        k = (k + np.uint64(1)) & last
    table[k, 1] += count
    return True


def flush(groups: Any) -> None:
    """Add the sums of the stretch to those of all (A. Neumaier, 1974)."""
    for g in range(np.uint64(groups.shape[0])):
        total, more = groups[g, SUM], groups[g, PART]
        both = total + more
        lost = (total - both) + more if abs(total) >= abs(more) else (more - both) + total
        groups[g, LOST] += lost if abs(both) < np.inf else 0.0
        groups[g, SUM] = both
        groups[g, PART] = 0.0
        groups[g, WEIGHT] += groups[g, WEIGHTS]
        groups[g, WEIGHTS] = 0.0


def moved(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Count what a table holds in an empty one, whose bins drop as many bits more as the first of `numbers` says.

    The second is how many bits a bin may have. Written are the table, and places as `grouped` has them.
    """
    drop, width = numbers
    mask = (np.int64(1) << width) - 1
    for i in range(inputs[0].shape[0]):
        key, count = inputs[0][i, 0], inputs[0][i, 1]
        if key >= 0:
            counted(outputs[0], outputs[1], (key & ~mask) | ((key & mask) >> drop), count)


def flushed(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Flush the groups' numbers at the end."""
    flush(outputs[0])
