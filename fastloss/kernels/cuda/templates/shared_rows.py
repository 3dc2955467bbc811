"""The row template for CUDA where rows are so few and so long that each is shared out among blocks.

Blocks cannot wait for each other: what all of a row's must know goes by way of memory, and each stage is a launch.
They leave each part's maxima, its sums and the place of its maximum, its second sums; the last writes the results. What
the parts have left is joined in one order, by every block for itself.

`row` has the part's end for the row's width, and its beginning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ...bind import port
from ...places import PARAMS, ROW_LANE
from .rows import largest, sloped, summed, together, told, valued, weighed
from .rowsums import climbed, folded, refolded_by_label, topmost

# Ports.
real = params_of = strayed = settle = finishes = portion = write_value = new_data = new_target = port
new_slope = new_curve = factor_of = unit_of = worth_of = stash = fetch = LOWEST = NOWHERE = ZEROS = MORE = KIND = port
labeled = begun = GROUP = ROOM = PACKETS = WIDTH = SUMS_FROM = MORE_FROM = BEST_FROM = PARTIAL = port
SEEK = ADD = AGAIN = VALUE = GRAD = CHECK = PEAK = TWICE = STATS = False


def leave(room: Any, place: Any, values: Any, thread: Any) -> None:
    """Keep what a part has come to."""
    memory, _, _ = room
    if thread == 0:
        stash(memory, place, 1, values)


def joined(join: Any, like: Any, offset: int, room: Any, shared: Any, thread: Any) -> Any:
    """What all parts of the row have come to."""
    memory, first, parts = room
    a = like
    if thread < parts:
        a = fetch(memory, (first + thread) * PARTIAL + offset, 1, like)
    return together(join, a, shared, thread)


def sought(own: Any, fixed: Any, classes: Any, row: Any, room: Any, place: Any, shared: Any) -> None:
    """Leave the part's maxima."""
    leave(room, place, together(largest, climbed(own, fixed, classes, row), shared, row[ROW_LANE]), row[ROW_LANE])


def added(own: Any, fixed: Any, classes: Any, row: Any, room: Any, place: Any, shared: Any, m: Any, mine: Any) -> Any:
    """Leave the part's sums; whether one of its elements lies outside its domain (0 or 1)."""
    sums, flaw = folded(own, fixed, classes, row, m, mine)
    leave(room, place + SUMS_FROM, together(summed, sums, shared, row[ROW_LANE]), row[ROW_LANE])
    if STATS:
        best = together(largest, topmost(own, fixed, row, m), shared, row[ROW_LANE])
        leave(room, place + BEST_FROM, best, row[ROW_LANE])
    return flaw


def again(
    own: Any, fixed: Any, classes: Any, row: Any, room: Any, place: Any, shared: Any, m: Any, sums: Any, mine: Any
) -> None:
    """Leave the part's second sums."""
    more = refolded_by_label(own, fixed, classes, row, m, settle(*(m + sums + fixed[PARAMS])), mine)
    leave(room, place + MORE_FROM, together(summed, more, shared, row[ROW_LANE]), row[ROW_LANE])


def ended(fixed: Any, room: Any, shared: Any, thread: Any, m: Any, sums: Any) -> Any:
    """The row's loss and coefficients."""
    if TWICE:
        return finishes(m, sums + joined(summed, MORE, MORE_FROM, room, shared, thread), fixed[PARAMS])
    return finishes(m, sums, fixed[PARAMS])


def total(
    data: Any, target: Any, weight: Any, classes: Any, params: Any, mix: Any, scale: Any, slopes: Any, ignore: int,
    bounds: Any, loss: Any, facts: Any, grad: Any, hess: Any, flaws: Any, memory: Any, parts: Any, width: Any,
) -> None:  # fmt: skip
    """One stage of all rows, each in so many parts; as `rows.total`."""
    thread, block = np.int64(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
    number = block // parts
    given = params_of((params, mix, bounds, scale, ignore, np.int64(0)), number)
    factor, _ = factor_of(scale, slopes)
    label, s, bad = weighed(target, weight, ignore, number, width)
    if s != real(0.0) and strayed(given):
        bad = np.int32(1)
    shared = cuda.shared.array(ROOM, KIND)
    own = (new_data(), new_target(), (), new_slope(), new_curve(), ())
    each = valued(target, classes, s, label, number, width, shared, thread)
    s = worth_of(s, each, unit_of(slopes))
    fixed = (given, mix, bounds, scale, ignore, each)
    # Parts are of whole chunks.
    chunk = np.int64(GROUP * WIDTH * PACKETS)
    begin = begun(number * width)
    span = ((width - begin + chunk - 1) // chunk + parts - 1) // parts * chunk
    first = (block - number * parts) * span + begin
    row = (data, target, number * width, label, min(width, first + span), thread, first)
    room, place = (memory, number * parts, parts), block * PARTIAL
    mine = labeled(row)
    if (SEEK or ADD) and bad != np.int32(0):
        flaws[0] = np.int32(1)
    if SEEK:
        sought(own, fixed, classes, row, room, place, shared)
    else:
        m = joined(largest, LOWEST, 0, room, shared, thread) if PEAK else LOWEST
        if ADD:
            flaw = added(own, fixed, classes, row, room, place, shared, m, mine)
            if CHECK and s != real(0.0) and flaw != np.int32(0):
                flaws[0] = np.int32(1)
        else:
            sums = joined(summed, ZEROS, SUMS_FROM, room, shared, thread)
            if AGAIN:
                again(own, fixed, classes, row, room, place, shared, m, sums, mine)
            else:
                value, c = ended(fixed, room, shared, thread, m, sums)
                one = thread == 0 and first <= 0
                if VALUE and one:
                    write_value(loss[0], number, portion(s, value))
                if STATS:
                    best = joined(largest, NOWHERE, BEST_FROM, room, shared, thread)
                    if one:
                        told(facts, number, m, sums, given, best, s)
                if GRAD:
                    sloped(own, fixed, classes, row, m, c, mine, (s, factor), grad, hess, True)
