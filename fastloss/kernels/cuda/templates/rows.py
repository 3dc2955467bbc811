"""The row template for CUDA: a group of threads for each row, a warp for short rows, a block for long ones.

A row that fits into the registers of its group is read once; a longer one in chunks, once for each pass, which the
second time come from a cache. Where a program says how sums follow from others by smaller maxima, its first two passes
are one. No row is too long, and none spills: chunks are of one size. (The argmax is exact below
2^24 classes in float32.) Threads add up by exchanging partners, in an order that depends on nothing: the same bits on
every run.

Where there are labels, passes take all elements as the others, and the thread that holds the label's puts it right:
no element is compared with the label.

`own` are the thread's own (data, target, -, gradient, second derivative, what is kept of elements), arranged as
`kernels/ports/rows.py` expects; `row` are (memory of data, memory of target, first element of the row, label, width,
lane, class to begin with).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ...bind import port
from ...places import GRADS, HESSES, LABELED, MIX, PARAMS, ROW_FIRST, ROW_LABEL, ROW_LANE, ROW_START, ROW_STOP
from .elements import TILE, halve
from .rowsums import (
    ORIGIN,
    climbed,
    end_of,
    folded,
    folded_once,
    refolded,
    refolded_by_label,
    topmost,
    with_label,
)

WARP = 32

# Ports.
real = params_of = strayed = folds = settle = again = probing = finishes = statistics = slope = port
scores = mass = label_of = share = unfit = worth = weighed_mass = mean_worth = portion = put_grad = port
put_hess = put_stats = put_top = write_value = new_data = new_target = new_slope = new_curve = load = port
store_slope = store_curve = factor_of = unit_of = worth_of = add_all = larger_all = exchanged = stash = fetch = port
labeled = rescaled = begun = new_areas = bring = width_of = scores_at = start_at = slopes_at = carry = recall = port
new_kept = port
LOWEST = NOWHERE = PROBES = UNKNOWN = KIND = GROUP = THREADS = WARPS = ROOM = PACKETS = WIDTH = port
HELD = VALUE = GRAD = HESS = CHECK = PEAK = ONCE = TWICE = RISING = STATS = LABELS = BY_MASSES = False


# -- what the threads of a group come to together, each of them the same -----------------------------------------------


def summed(a: Any, b: Any) -> Any:
    """The sums of two tuples' elements."""
    return add_all(a, b)


def largest(a: Any, b: Any) -> Any:
    """The larger of two tuples' elements."""
    return larger_all(a, b)


def together(join: Any, a: Any, shared: Any, thread: Any) -> Any:
    """All threads' tuples, joined two by two."""
    step = min(GROUP, WARP) // 2
    while step:
        a = join(a, exchanged(a, step))
        step //= 2
    if GROUP > WARP:
        if thread % WARP == 0:
            stash(shared, thread // WARP, WARPS, a)
        cuda.syncthreads()
        a = fetch(shared, 0, WARPS, a)
        for w in range(1, WARPS):
            a = join(a, fetch(shared, w, WARPS, a))
        cuda.syncthreads()
    return a


# -- what all threads seek, and what each writes ----------------------------------------------------------------------


def risen(own: Any, fixed: Any, classes: Any, row: Any, m: Any, c: Any, shared: Any, thread: Any) -> Any:
    """The numbers at which they come to rest; all threads of a warp, and of a group, come there together."""
    while True:
        sums = together(summed, refolded(probing, PROBES, own, fixed, classes, row, m, c), shared, thread)
        higher = again(*(c + sums + fixed[PARAMS]))
        rises = higher[0] > c[0]
        if not anyones(rises):
            return c
        c = higher if rises else c


def anyones(yes: bool) -> Any:
    """Whether it is so in any group of the warp: groups that are done exchange what they have until all are."""
    if GROUP == 1:
        return yes
    a = (real(1.0) if yes else real(0.0),)
    step = GROUP
    while step < WARP:
        a = larger_all(a, exchanged(a, step))
        step *= 2
    return a[0] > real(0.0)


def sloped(
    own: Any, fixed: Any, classes: Any, row: Any, m: Any, c: Any, mine: Any, shares: Any, grad: Any, hess: Any,
    there: Any,
) -> None:  # fmt: skip
    """Write the derivatives, where the row is there, of its share and what that is multiplied with."""
    s, factor = shares
    for low in range(row[ROW_FIRST], end_of(row), GROUP * WIDTH * PACKETS):
        if not HELD:
            load(own, row, low)
        for p in range(PACKETS):
            k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
            if k < row[ROW_STOP]:
                for j in range(WIDTH):
                    t = mass(own, fixed, classes, row[ROW_LABEL], k + j, p * WIDTH + j)
                    kept = recall(own, fixed, t, m, p * WIDTH + j)
                    d1, d2 = slope(*(kept + (t,) + c + fixed[PARAMS]))
                    put_grad(own, ORIGIN, j, portion(s, factor * d1))
                    if HESS:
                        put_hess(own, ORIGIN, j, portion(s, factor * d2))
                if there:
                    store_slope(grad, row, k, own[GRADS])
                    if HESS:
                        store_curve(hess, row, k, own[HESSES])
    if LABELS:
        held, x = mine
        if held and there:
            # After the packet that it is in, by the same thread.
            _, kept = folds(x, fixed[MIX][LABELED], m, fixed[PARAMS])
            d1, d2 = slope(*(kept + (fixed[MIX][LABELED],) + c + fixed[PARAMS]))
            at = np.uint64(row[ROW_START] + row[ROW_LABEL])
            put_grad(((), (), (), grad, hess), (at, at, at, at, at, at), np.uint64(0), portion(s, factor * d1))
            if HESS:
                put_hess(((), (), (), grad, hess), (at, at, at, at, at, at), np.uint64(0), portion(s, factor * d2))


# -- rows --------------------------------------------------------------------------------------------------------------


def seated(rows: Any) -> Any:
    """The thread, its row, whether there is such a row, and the thread's place in the row's group."""
    thread = np.int64(np.uint32(cuda.threadIdx.x))  # what is never negative is divided in one instruction
    number = np.int64(np.uint32(cuda.blockIdx.x)) * np.int64(THREADS // GROUP) + thread // np.int64(GROUP)
    # Warps exchange what they have as a whole: those beyond the last row go along with it, and write nothing.
    return thread, min(number, rows - np.int64(1)), number < rows, thread % np.int64(GROUP)


def weighed(target: Any, weight: Any, ignore: int, number: Any, width: Any) -> Any:
    """A row's label and share; whether the share is no weight or the label no class (0 or 1), and so the row absent."""
    at = (number, number, number, number, number, number)
    label = label_of(((), target), at)
    s = share((), weight, at, label, ignore)
    if LABELS and (label < 0 or label >= width) and s != real(0.0):
        return label, real(0.0), np.int32(1)
    return label, s, np.int32(unfit(s))


def valued(target: Any, classes: Any, s: Any, label: int, number: Any, width: Any, shared: Any, thread: Any) -> Any:
    """What a row is worth by the weights of its classes; all threads of its group find it together."""
    arrays = ((), target, classes)
    if BY_MASSES:
        sums = (real(0.0), real(0.0), real(0.0))
        for k in range(thread % np.int64(GROUP), width, GROUP):
            sums = add_all(sums, weighed_mass(arrays, number * width + k, k))
        return real(mean_worth(together(summed, sums, shared, thread), width))
    return real(1.0) if s == real(0.0) else worth(arrays, ORIGIN, label, 1, width)


def told(facts: Any, number: Any, m: Any, sums: Any, params: Any, best: Any, s: Any) -> None:
    """Write a row's statistics."""
    here = s != real(0.0)
    put_stats(facts, number, statistics(m, sums, params) if here else UNKNOWN)
    put_top(facts, number, -best[0] if here and best[0] > NOWHERE[0] else real(-1.0))


def total(
    data: Any, target: Any, weight: Any, classes: Any, params: Any, mix: Any, scale: Any, slopes: Any, ignore: int,
    bounds: Any, loss: Any, facts: Any, grad: Any, hess: Any, flaws: Any, rows: Any, width: Any,
) -> None:  # fmt: skip
    """All rows: their losses, statistics and derivatives, and 1 in `flaws[0]` where a label or a value is wrong."""
    thread, number, there, lane = seated(rows)
    width = width_of(width)
    areas = new_areas()
    bring(areas, (data, target), rows)
    given = params_of((params, mix, bounds, scale, ignore, np.int64(0)), number)
    factor, _ = factor_of(scale, slopes)
    label, s, bad = weighed(target, weight, ignore, number, width)
    if s != real(0.0) and strayed(given):
        bad = np.int32(1)
    shared = cuda.shared.array(ROOM, KIND)
    own = (new_data(), new_target(), (), new_slope(), new_curve(), new_kept())
    each = valued(target, classes, s, label, number, width, shared, thread)
    s = worth_of(s, each, unit_of(slopes))
    fixed = (given, mix, bounds, scale, ignore, each)
    row = (scores_at(areas, data), target, start_at(number, thread, width), label, width, lane, begun(number * width))
    if ONCE:
        part, sums, flaw = folded_once(own, fixed, classes, row)
        m = together(largest, part, shared, thread)
        mine = labeled(row)
        sums = with_label(rescaled(sums, part, m, given), own, fixed, classes, row, m, mine)
    else:
        m = LOWEST
        if PEAK:
            m = together(largest, climbed(own, fixed, classes, row), shared, thread)
        mine = labeled(row)
        sums, flaw = folded(own, fixed, classes, row, m, mine)
    sums = together(summed, sums, shared, thread)
    if CHECK and s != real(0.0):
        bad = np.int32(bad | flaw)
    # A warp beyond the last row looks at one that another may have written over.
    if there and bad != np.int32(0):
        flaws[0] = np.int32(1)
    if TWICE:
        settled = settle(*(m + sums + given))
        if RISING:
            settled = risen(own, fixed, classes, row, m, settled, shared, thread)
        more = together(summed, refolded_by_label(own, fixed, classes, row, m, settled, mine), shared, thread)
        value, c = finishes(m, sums + more, given)
    else:
        value, c = finishes(m, sums, given)
    if VALUE and there and lane == 0:
        write_value(loss[0], number, portion(s, value))
    if STATS:
        best = together(largest, topmost(own, fixed, row, m), shared, thread)
        if there and lane == 0:
            told(facts, number, m, sums, given, best, s)
    if GRAD:
        slopes_to, curves_to, there = slopes_at(areas, grad, hess, there)
        sloped(own, fixed, classes, row, m, c, mine, (s, factor), slopes_to, curves_to, there)
        carry(areas, (grad, hess), rows)


def census(target: Any, weight: Any, classes: Any, ignore: int, sums: Any, flaws: Any, rows: Any, width: Any) -> None:
    """What the rows that are present weigh, added up tile by tile; 1 in `flaws[0]` where a label is no class."""
    thread = np.int64(cuda.threadIdx.x)
    sum = real(0.0)
    i = np.int64(cuda.blockIdx.x) * np.int64(TILE) + thread
    stop = min(rows, (np.int64(cuda.blockIdx.x) + np.int64(1)) * np.int64(TILE))
    while i < stop:
        at = (i, i, i if LABELS else np.uint64(i * width), i, i, i)
        label = label_of(((), target), at)
        s = share((), weight, at, label, ignore)
        if s != real(0.0):
            if LABELS and (label < 0 or label >= width):
                flaws[0] = np.int32(1)
            else:
                if unfit(s):
                    flaws[0] = np.int32(1)
                sum = sum + s * worth(((), target, classes), at, label, 1, width)
        i += np.int64(THREADS)
    shared = cuda.shared.array(THREADS, KIND)
    shared[thread] = sum
    halve(shared, thread)
    if thread == 0:
        sums[cuda.blockIdx.x] = shared[0]
