"""The sums of the CUDA row template: what one thread finds in its part of a row.

Each chunk is summed by itself, for one after the other many equal terms lose digits in float32: the masses of 131,072
smoothed classes were up to 98 units off, and are 7 (added up by NumPy in this order).

Ports and arguments are those of `kernels/cuda/templates/rows.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bind import port
from ...places import BOUNDS, LABELED, MIX, PARAMS, ROW_FIRST, ROW_LABEL, ROW_LANE, ROW_STOP

ORIGIN = (0, 0, 0, 0, 0, 0)
"""Where a row begins in the thread's own arrays."""

# Ports.
real = peaks = folds = further = scores = mass = outside = load = add_all = larger_all = add_difference = port
sighted_mass = rescaled = within = keep = recall = port
LOWEST = NOWHERE = ZEROS = MORE = GROUP = PACKETS = WIDTH = port
HELD = CHECK = PEAK = LABELS = False


def end_of(row: Any) -> Any:
    """Before which chunks begin: a row that is held is one."""
    return row[ROW_FIRST] + np.int64(1) if HELD else row[ROW_STOP]


def climbed(own: Any, fixed: Any, classes: Any, row: Any) -> Any:
    """The maxima."""
    m = LOWEST
    for low in range(row[ROW_FIRST], end_of(row), GROUP * WIDTH * PACKETS):
        load(own, row, low)
        for p in range(PACKETS):
            k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
            if k < row[ROW_STOP]:
                for j in range(WIDTH):
                    t = sighted_mass(own, fixed, classes, row[ROW_LABEL], k + j, p * WIDTH + j)
                    higher = larger_all(m, peaks(scores(own, ORIGIN, p * WIDTH + j), t, fixed[PARAMS]))
                    m = higher if within(row, k + j) else m
    return m


def topmost(own: Any, fixed: Any, row: Any, m: Any) -> Any:
    """Minus the place where the first maximum is first taken, as a number; -inf where it is not."""
    best = NOWHERE
    for low in range(row[ROW_FIRST], end_of(row), GROUP * WIDTH * PACKETS):
        if not HELD:
            load(own, row, low)
        for p in range(PACKETS):
            k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
            if k < row[ROW_STOP]:
                for j in range(WIDTH):
                    here = peaks(scores(own, ORIGIN, p * WIDTH + j), real(0.0), fixed[PARAMS])[0] == m[0]
                    if here and within(row, k + j):
                        best = larger_all(best, (real(-(k + j)),))
    return best


def folded(own: Any, fixed: Any, classes: Any, row: Any, m: Any, mine: Any) -> Any:
    """The sums, chunk by chunk, and whether an element lies outside its domain (0 or 1)."""
    sums = ZEROS
    flaws = np.int32(0)
    for low in range(row[ROW_FIRST], end_of(row), GROUP * WIDTH * PACKETS):
        if not (HELD and PEAK):
            load(own, row, low)
        part = ZEROS
        for p in range(PACKETS):
            k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
            if k < row[ROW_STOP]:
                for j in range(WIDTH):
                    x = scores(own, ORIGIN, p * WIDTH + j)
                    t = mass(own, fixed, classes, row[ROW_LABEL], k + j, p * WIDTH + j)
                    terms, kept = folds(x, t, m, fixed[PARAMS])
                    keep(own, p * WIDTH + j, kept)
                    added = add_all(part, terms)
                    part = added if within(row, k + j) else part
                    if CHECK and within(row, k + j):
                        flaws = np.int32(flaws | outside(own, x, ORIGIN, p * WIDTH + j, fixed[BOUNDS]))
        sums = part if HELD else add_all(sums, part)
    if LABELS:  # as `with_label`, of which the assembler spills two registers for sm_80
        held, x = mine
        if held:
            terms, _ = folds(x, fixed[MIX][LABELED], m, fixed[PARAMS])
            counted, _ = folds(x, mass(own, fixed, classes, 0, row[ROW_LABEL], 0), m, fixed[PARAMS])
            sums = add_difference(sums, terms, counted)
    return sums, flaws


def with_label(sums: Any, own: Any, fixed: Any, classes: Any, row: Any, m: Any, mine: Any) -> Any:
    """The sums with the label's element set right, by the thread that holds it."""
    if LABELS:
        held, x = mine
        if held:
            terms, _ = folds(x, fixed[MIX][LABELED], m, fixed[PARAMS])
            counted, _ = folds(x, mass(own, fixed, classes, 0, row[ROW_LABEL], 0), m, fixed[PARAMS])
            sums = add_difference(sums, terms, counted)
    return sums


def folded_once(own: Any, fixed: Any, classes: Any, row: Any) -> Any:
    """Maxima, sums and flaws in one pass: sums are brought to the new maxima whenever a chunk has larger ones."""
    m = LOWEST
    sums = ZEROS
    flaws = np.int32(0)
    for low in range(row[ROW_FIRST], end_of(row), GROUP * WIDTH * PACKETS):
        load(own, row, low)
        higher = m
        for p in range(PACKETS):
            k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
            if k < row[ROW_STOP]:
                for j in range(WIDTH):
                    t = sighted_mass(own, fixed, classes, row[ROW_LABEL], k + j, p * WIDTH + j)
                    highest = larger_all(higher, peaks(scores(own, ORIGIN, p * WIDTH + j), t, fixed[PARAMS]))
                    higher = highest if within(row, k + j) else higher
        sums = rescaled(sums, m, higher, fixed[PARAMS])
        m = higher
        part = ZEROS
        for p in range(PACKETS):
            k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
            if k < row[ROW_STOP]:
                for j in range(WIDTH):
                    x = scores(own, ORIGIN, p * WIDTH + j)
                    t = mass(own, fixed, classes, row[ROW_LABEL], k + j, p * WIDTH + j)
                    terms, _ = folds(x, t, m, fixed[PARAMS])
                    added = add_all(part, terms)
                    part = added if within(row, k + j) else part
                    if CHECK and within(row, k + j):
                        flaws = np.int32(flaws | outside(own, x, ORIGIN, p * WIDTH + j, fixed[BOUNDS]))
        sums = add_all(sums, part)
    return m, sums, flaws


def refolded(terms: Any, nothing: Any, own: Any, fixed: Any, classes: Any, row: Any, m: Any, c: Any) -> Any:
    """Sums, from nothing on, of what the first pass keeps."""
    sums = nothing
    for low in range(row[ROW_FIRST], end_of(row), GROUP * WIDTH * PACKETS):
        if not HELD:
            load(own, row, low)
        part = nothing
        for p in range(PACKETS):
            k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
            if k < row[ROW_STOP]:
                for j in range(WIDTH):
                    t = mass(own, fixed, classes, row[ROW_LABEL], k + j, p * WIDTH + j)
                    kept = recall(own, fixed, t, m, p * WIDTH + j)
                    added = add_all(part, terms(kept, t, c, fixed))
                    part = added if within(row, k + j) else part
        sums = part if HELD else add_all(sums, part)
    return sums


def refolded_by_label(own: Any, fixed: Any, classes: Any, row: Any, m: Any, c: Any, mine: Any) -> Any:
    """The second sums."""
    sums = refolded(further, MORE, own, fixed, classes, row, m, c)
    if LABELS:
        held, x = mine
        if held:
            _, kept = folds(x, fixed[MIX][LABELED], m, fixed[PARAMS])
            counted = further(kept, mass(own, fixed, classes, 0, row[ROW_LABEL], 0), c, fixed)
            sums = add_difference(sums, further(kept, fixed[MIX][LABELED], c, fixed), counted)
    return sums
