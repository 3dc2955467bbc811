"""The row template for long rows whose elements lie side by side: one row after another, for any row program.

A row is gone through twice while it is in cache: `fold` sums, `slope` writes the gradient from what `fold` has kept.
The maximum that the first pass needs is taken, where it does not depend on the target, while the row before it is
folded: the memory is read while there is arithmetic to do. The free names below are ports, as in
`kernels/templates/elements.py`.

`arrays` are (data, target, class weights, gradient, second derivative, stash), `fixed` are (parameters, target masses,
bounds of domains, what the row is worth), `at` is where the row begins in each array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .elements import BLOCK, combined

STRIP = 2_048
"""Elements that are summed in the compute type before their sum becomes a float64."""

WHOLE = 64
"""Elements that four vectors of 16 float32 hold, as many as LLVM interleaves. What a row has beyond a multiple of them
is gone through in a loop of masked vectors: one over single elements would take as long as hundreds."""

# Ports.
prange: Any = range
real: Any = None
peaks: Any = None
folds: Any = None
settle: Any = None
second: Any = None
finishes: Any = None
statistics: Any = None
put_top: Any = None
slope: Any = None
scores: Any = None
mass: Any = None
label_mass: Any = None
label_of: Any = None
share: Any = None
unfit: Any = None
worth: Any = None
keep: Any = None
recall: Any = None
room: Any = None
places: Any = None
along: Any = None
outside: Any = None
portion: Any = None
put_grad: Any = None
put_hess: Any = None
put_stats: Any = None
write_value: Any = None
add_all: Any = None
add_wide: Any = None
add_difference: Any = None
narrow: Any = None
climb: Any = None
top: Any = None
masked: Any = None
apart: Any = None
BOTTOM: Any = None
ZEROS: Any = None
MORE: Any = None
WIDE: Any = None
WIDE_MORE: Any = None
UNKNOWN: Any = None
KEEP = SUM = GRAD = HESS = CHECK = PEAK = SIGHTED = AHEAD = TWICE = STATS = LABELS = False


# -- stretches of a row, in which no element is the label's. With `end`, the last one ----------------------------------


def peak_of(arrays: Any, fixed: Any, at: Any, state: Any, low: int, high: int) -> Any:
    """The state of the maximum after the elements from `low` to `high`."""
    for k in range(np.uint64(low), np.uint64(high)):
        state = climb(state, peaks(scores(arrays, at, k), mass(arrays, fixed, at, k), fixed[0]))
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
        terms, kept = folds(x, t, m, fixed[0])
        sums = add_all(sums, terms)
        if CHECK:
            flaws = np.int32(flaws | outside(arrays, x, at, k, fixed[2]))
        if GRAD or TWICE:
            keep(arrays, at, k, kept)
        if AHEAD:
            state = climb(state, peaks(scores(arrays, ahead, k), t, fixed[0]))
    return sums, flaws, state


def more_of(arrays: Any, fixed: Any, at: Any, c: Any, end: Any, low: int, high: int) -> Any:
    """Second sums over elements."""
    if end is not None:
        masked()
    sums = MORE
    for k in range(np.uint64(low), np.uint64(high)):
        sums = add_all(sums, second(*(recall(arrays, at, k) + (mass(arrays, fixed, at, k),) + c + fixed[0])))
    return sums


def sloped(arrays: Any, fixed: Any, at: Any, c: Any, factor: Any, width: int) -> None:
    """Write a row's derivatives. Masked stores at its end would take longer than single elements, of 16 bits by far."""
    for k in range(np.uint64(0), np.uint64(width)):
        d1, d2 = slope(*(recall(arrays, at, k) + (mass(arrays, fixed, at, k),) + c + fixed[0]))
        put_grad(arrays, at, k, factor * d1)
        if HESS:
            put_hess(arrays, at, k, factor * d2)


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
        state = climb(state, peaks(scores(arrays, at, k), label_mass(arrays, fixed, k), fixed[0]))
    return top(state)


def place_of(arrays: Any, fixed: Any, at: Any, m: Any, width: int) -> int:
    """Where a row's first maximum is first taken; -1 where it is NaN."""
    for k in range(width):
        if peaks(scores(arrays, at, np.uint64(k)), real(0.0), fixed[0])[0] == m[0]:
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


def nothing(arrays: Any, at: Any, width: int) -> None:
    """The derivatives of a row that is absent."""
    for k in range(np.uint64(0), np.uint64(width)):
        put_grad(arrays, at, k, real(0.0))
        if HESS:
            put_hess(arrays, at, k, real(0.0))


# -- rows --------------------------------------------------------------------------------------------------------------


def stretch(
    arrays: Any, weight: Any, fixed: Any, scale: Any, ignore: int, loss: Any, facts: Any, steps: Any, shape: Any,
    results: Any, flaws: Any, first: int, last: int,
) -> None:  # fmt: skip
    """The blocks of rows from `first` to `last`: their sums and flaws."""
    apart()
    width = shape[2]
    rows = shape[0] * shape[1]
    height = max(1, BLOCK // width)
    end = min(rows, last * height)
    known = False
    m = top(BOTTOM)
    inner = shape[1]
    following = places(steps, first * height // inner, first * height % inner)
    for b in range(first, last):
        total = 0.0
        bad = 0
        for row in range(b * height, min(end, b * height + height)):
            at = following
            ahead = min(row + 1, end - 1)
            following = places(steps, ahead // inner, ahead % inner)
            label = label_of(arrays, at)
            s = share(arrays, weight, at, label, ignore)
            wrong = LABELS and (label < 0 or label >= width) and s != real(0.0)
            if wrong or unfit(s):
                bad = 1
            each = real(1.0) if wrong or s == real(0.0) else worth(arrays, at, label, 1, width)
            s *= each
            given = (fixed[0], fixed[1], fixed[2], each)
            if s == real(0.0) or wrong:
                known = False
                if GRAD:
                    nothing(arrays, at, width)
                if KEEP:
                    write_value(loss[0], row, real(0.0))
                if STATS:
                    put_stats(facts, row, UNKNOWN)
                    put_top(facts, row, -1)
                continue
            if PEAK and not known:
                m = summit(arrays, given, at, label, width)
            known = AHEAD
            # In place, the first pass writes over the scores.
            if STATS:
                put_top(facts, row, place_of(arrays, given, at, m, width))
            if LABELS:
                k = np.uint64(label)
                x = scores(arrays, at, k)
            part, flaw, next_m = folded(arrays, given, at, following, m, width)
            bad |= flaw
            if LABELS:
                own = label_mass(arrays, given, k)
                terms, kept = folds(x, own, m, fixed[0])
                counted, _ = folds(x, mass(arrays, given, at, k), m, fixed[0])
                part = add_difference(part, terms, counted)
            sums = narrow(part, ZEROS)
            if TWICE:
                c = settle(*(m + sums + fixed[0]))
                part = refolded(arrays, given, at, c, width)
                if LABELS:
                    terms = second(*(kept + (own,) + c + fixed[0]))
                    part = add_difference(part, terms, second(*(kept + (mass(arrays, given, at, k),) + c + fixed[0])))
                sums = sums + narrow(part, MORE)
            value, c = finishes(m, sums, fixed[0])
            if SUM:
                total += np.float64(portion(s, value))
            if KEEP:
                write_value(loss[0], row, portion(s, value))
            if STATS:
                put_stats(facts, row, statistics(m, sums, fixed[0]))
            if GRAD:
                factor = s * real(scale)
                sloped(arrays, given, at, c, factor, width)
                if LABELS:
                    d1, d2 = slope(*(kept + (own,) + c + fixed[0]))
                    put_grad(arrays, at, k, factor * d1)
                    if HESS:
                        put_hess(arrays, at, k, factor * d2)
            m = next_m
        results[b], flaws[b] = total, bad


def total(
    data: Any, target: Any, weight: Any, classes: Any, params: Any, mix: Any, scale: float, ignore: int, bounds: Any,
    loss: Any, facts: Any, grad: Any, hess: Any, steps: Any, shape: Any, tasks: int,
) -> Any:  # fmt: skip
    """All rows: the sum of the blocks' sums, and in how many of them a value lies outside its domain.

    The blocks, and so the bits of the result, do not depend on the number of threads.
    """
    height = max(1, BLOCK // shape[2])
    blocks = (shape[0] * shape[1] + height - 1) // height
    sums = np.empty(blocks, np.float64)
    flaws = np.empty(blocks, np.int64)
    tasks = min(tasks, blocks)
    for task in prange(tasks):
        arrays = (data, target, classes, grad, hess, room(shape[2]))
        stretch(
            arrays, weight, (params, mix, bounds), scale, ignore, loss, facts, steps, shape, sums, flaws,
            task * blocks // tasks, (task + 1) * blocks // tasks,
        )  # fmt: skip
    return combined(sums, flaws)


def census(target: Any, weight: Any, classes: Any, ignore: int, steps: Any, shape: Any, tasks: int) -> Any:
    """What the rows that are present weigh, added up, and how many of their labels are no class."""
    rows = shape[0] * shape[1]
    blocks = (rows + BLOCK - 1) // BLOCK
    sums = np.empty(blocks, np.float64)
    flaws = np.empty(blocks, np.int64)
    for b in prange(blocks):
        total = 0.0
        bad = 0
        row, end = b * BLOCK, min(rows, b * BLOCK + BLOCK)
        while row < end:
            outer = row // shape[1]
            inner = row - outer * shape[1]
            start = places(steps, outer, inner)
            count = min(end - row, shape[1] - inner)
            for r in range(np.uint64(count)):
                at = along(start, steps, r)
                label = label_of(((), target), at)
                s = share((), weight, at, label, ignore)
                if s != real(0.0):
                    if LABELS and (label < 0 or label >= shape[2]):
                        bad += 1
                    else:
                        if unfit(s):
                            bad += 1
                        total += s * worth(((), target, classes), at, label, steps[2, 2], shape[2])
            row += count
        sums[b], flaws[b] = total, bad
    return combined(sums, flaws)
