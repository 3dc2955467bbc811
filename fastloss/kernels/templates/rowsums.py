"""The sums of the template for long rows: over stretches of a row, and over a row.

Ports and arguments are those of `kernels/templates/rows.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import BOUNDS, PARAMS

STRIP = 2_048
"""Elements that are summed in the compute type before their sum becomes a float64."""

WHOLE = 64
"""Elements that four vectors of 16 float32 hold, as many as LLVM interleaves. What a row has beyond a multiple of them
is gone through in a loop of masked vectors: one over single elements would take as long as hundreds."""

# Ports.
real = peaks = folds = second = again = scores = mass = label_mass = keep = recall = outside = add_all = port
add_wide = narrow = climb = top = masked = BOTTOM = ZEROS = MORE = WIDE = WIDE_MORE = probe = PROBES = port
WIDE_PROBES = port
GRAD = CHECK = SIGHTED = AHEAD = TWICE = False


# -- stretches of a row, in which no element is the label's. With `end`, the last one ----------------------------------


def peak_of(arrays: Any, fixed: Any, at: Any, state: Any, low: int, high: int) -> Any:
    """The state of the maximum after the elements from `low` to `high`."""
    for k in range(np.uint64(low), np.uint64(high)):
        state = climb(state, peaks(scores(arrays, at, k), mass(arrays, fixed, at, k), fixed[PARAMS]))
    return state


def sums_of(arrays: Any, fixed: Any, at: Any, ahead: Any, m: Any, state: Any, end: Any, low: int, high: int) -> Any:
    """Sums over elements, whether one is outside its domain (0 or 1), the state of the next row's maximum."""
    if end is not None:
        masked()
    sums = ZEROS
    flaws = np.int32(0)
    for k in range(np.uint64(low), np.uint64(high)):
        x = scores(arrays, at, k)
        t = mass(arrays, fixed, at, k)
        terms, kept = folds(x, t, m, fixed[PARAMS])
        sums = add_all(sums, terms)
        if CHECK:
            flaws = np.int32(flaws | outside(arrays, x, at, k, fixed[BOUNDS]))
        if GRAD or TWICE:
            keep(arrays, at, k, kept)
        if AHEAD:
            state = climb(state, peaks(scores(arrays, ahead, k), t, fixed[PARAMS]))
    return sums, flaws, state


def probes_of(arrays: Any, fixed: Any, at: Any, c: Any, end: Any, low: int, high: int) -> Any:
    """Sums over elements by which the numbers for the second ones are sought."""
    if end is not None:
        masked()
    sums = PROBES
    for k in range(np.uint64(low), np.uint64(high)):
        sums = add_all(sums, probe(*(recall(arrays, at, k) + c + fixed[PARAMS])))
    return sums


def more_of(arrays: Any, fixed: Any, at: Any, c: Any, end: Any, low: int, high: int) -> Any:
    """Second sums over elements."""
    if end is not None:
        masked()
    sums = MORE
    for k in range(np.uint64(low), np.uint64(high)):
        sums = add_all(sums, second(*(recall(arrays, at, k) + (mass(arrays, fixed, at, k),) + c + fixed[PARAMS])))
    return sums


# -- a row. The label's element is counted like the others first, and then set right -----------------------------------


def summit(arrays: Any, fixed: Any, at: Any, label: int, width: int) -> Any:
    """A row's maxima."""
    if not SIGHTED:
        return top(peak_of(arrays, fixed, at, BOTTOM, 0, width))
    # A maximum cannot be set right afterwards.
    state = peak_of(arrays, fixed, at, BOTTOM, 0, label)
    state = peak_of(arrays, fixed, at, state, label + 1, width)
    if label >= 0:
        k = np.uint64(label)
        state = climb(state, peaks(scores(arrays, at, k), label_mass(arrays, fixed, k), fixed[PARAMS]))
    return top(state)


def place_of(arrays: Any, fixed: Any, at: Any, m: Any, width: int) -> int:
    """Where a row's first maximum is first taken; -1 where it is NaN."""
    for k in range(width):
        if peaks(scores(arrays, at, np.uint64(k)), real(0.0), fixed[PARAMS])[0] == m[0]:
            return k
    return -1


def folded(arrays: Any, fixed: Any, at: Any, ahead: Any, m: Any, width: int) -> Any:
    """A row's sums, whether one of its elements is outside its domain, the maxima of the row ahead."""
    whole = width - width % WHOLE
    total, flaws, state = WIDE, np.int32(0), BOTTOM
    for low in range(0, whole, STRIP):
        part, bad, state = sums_of(arrays, fixed, at, ahead, m, state, None, low, min(whole, low + STRIP))
        total, flaws = add_wide(total, part), np.int32(flaws | bad)
    if whole < width:
        part, bad, state = sums_of(arrays, fixed, at, ahead, m, state, True, whole, width)
        total, flaws = add_wide(total, part), np.int32(flaws | bad)
    return total, flaws, top(state)


def refolded(arrays: Any, fixed: Any, at: Any, c: Any, width: int) -> Any:
    """A row's second sums."""
    whole = width - width % WHOLE
    total = WIDE_MORE
    for low in range(0, whole, STRIP):
        total = add_wide(total, more_of(arrays, fixed, at, c, None, low, min(whole, low + STRIP)))
    return add_wide(total, more_of(arrays, fixed, at, c, True, whole, width)) if whole < width else total


def probed(arrays: Any, fixed: Any, at: Any, c: Any, width: int) -> Any:
    """The numbers at which they come to rest."""
    whole = width - width % WHOLE
    while True:
        total = WIDE_PROBES
        for low in range(0, whole, STRIP):
            total = add_wide(total, probes_of(arrays, fixed, at, c, None, low, min(whole, low + STRIP)))
        if whole < width:
            total = add_wide(total, probes_of(arrays, fixed, at, c, True, whole, width))
        higher = again(*(c + narrow(total, PROBES) + fixed[PARAMS]))
        if not higher[0] > c[0]:
            return c
        c = higher
