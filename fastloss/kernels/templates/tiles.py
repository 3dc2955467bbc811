"""The row template for short rows, and for rows whose elements do not lie side by side: many rows at a time.

A tile of `LANES` rows is brought to where its k-th elements lie side by side; row programs then run down the classes
with a row in each lane of a vector, and any strides will do. The free names below are ports, as in
`kernels/templates/rows.py`, where `arrays`, `fixed` and `at` are explained.

`lanes` are (labels as numbers of the compute type, shares and then what the rows are worth, masses of a dense target,
maxima, sums, second sums, the same two as float64, coefficients, losses): one number for each lane, or several such
runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import (
    ALL_FLAWS,
    ALL_SUMS,
    AT_TARGET,
    BOUNDS,
    CLASS,
    COEFFICIENTS,
    IGNORE,
    INNER,
    LABEL,
    LOSS,
    MAXIMA,
    MIX,
    OUTER,
    PARAMS,
    SCALE,
    SECONDS,
    SHAPE,
    SHARE,
    SUMS,
)
from .elements import BLOCK, combined, tasks_of
from .tilesums import LANES, folded, refolded

# Ports.
spread = view = held = port
real = params_of = peaks = finishes = statistics = put_top = slope = bring = carry = ask_late = fetch = mass = port
label_of = share = unfit = worth = places = strides = along = recall = drop = room = new = new_wide = new_whole = port
portion = present = put_stats = write_value = read_share = write_label = write_share = get_maxima = put_maxima = port
get_sums = get_more = get_coefs = put_coefs = read_loss = write_loss = add = larger_all = apart = port
LOWEST = ZEROS = MORE = PROBES = COEFS = SETTLED = UNKNOWN = port
KEEP = SUM = GRAD = PEAK = TWICE = STATS = DENSE = LABELS = RELATIVE = False


# -- runs down the classes, all lanes of a class after another ---------------------------------------------------------


def look(arrays: Any, weight: Any, lanes: Any, at: Any, ignore: int, steps: Any, width: int, count: int) -> Any:
    """The rows' labels and shares, and whether a label is no class. Lanes beyond the last row are worth nothing."""
    flaws, step, down = np.int32(0), strides(steps), steps[AT_TARGET, CLASS]
    for r in range(np.uint64(count)):
        here = along(at, step, r)
        label = label_of(arrays, here)
        s = share(arrays, weight, here, label, ignore)
        write_label(lanes[LABEL], r, real(label))
        wrong = LABELS & ((label < 0) | (label >= width)) & (s != real(0.0))
        each = real(1.0) if wrong or s == real(0.0) else worth(arrays, here, label, down, width)
        write_share(lanes[SHARE], r, s * each)
        if RELATIVE:
            write_share(lanes[SHARE], np.uint64(LANES) + r, each)
        flaws = np.int32(flaws | np.int32(wrong) | np.int32(unfit(s)))
    for r in range(np.uint64(count), np.uint64(LANES)):
        write_label(lanes[LABEL], r, real(0.0))
        write_share(lanes[SHARE], r, real(0.0))
    return flaws


def climbed(arrays: Any, fixed: Any, lanes: Any, width: int) -> None:
    """Each row's maxima."""
    for r in range(np.uint64(LANES)):
        put_maxima(lanes[MAXIMA], r, LANES, LOWEST)
    for k in range(width):
        for r in range(np.uint64(LANES)):
            x = fetch(arrays, (), np.uint64(k * LANES) + r)
            m = get_maxima(lanes[MAXIMA], r, LANES, LOWEST)
            t = mass(arrays, fixed, lanes, k, r)
            put_maxima(lanes[MAXIMA], r, LANES, larger_all(m, peaks(x, t, params_of(fixed, r))))


def tops(arrays: Any, fixed: Any, lanes: Any, facts: Any, first: int, width: int, count: int) -> None:
    """Where each row's first maximum is first taken; -1 where it is NaN or the row absent."""
    for r in range(np.uint64(count)):
        put_top(facts, np.uint64(first) + r, -1)
    for k in range(width - 1, -1, -1):
        for r in range(np.uint64(count)):
            m = get_maxima(lanes[MAXIMA], r, LANES, LOWEST)
            x = fetch(arrays, (), np.uint64(k * LANES) + r)
            if peaks(x, real(0.0), params_of(fixed, r))[0] == m[0] and read_share(lanes[SHARE], r) != real(0.0):
                put_top(facts, np.uint64(first) + r, k)


def finished(fixed: Any, lanes: Any) -> Any:
    """Each row's loss and coefficients; the sum of the weighted losses."""
    for r in range(np.uint64(LANES)):
        s = read_share(lanes[SHARE], r)
        m = get_maxima(lanes[MAXIMA], r, LANES, LOWEST)
        sums = get_sums(lanes[SUMS], r, LANES, ZEROS)
        if TWICE:
            value, c = finishes(m, sums + get_more(lanes[SECONDS], r, LANES, MORE), params_of(fixed, r))
        else:
            value, c = finishes(m, sums, params_of(fixed, r))
        put_coefs(lanes[COEFFICIENTS], r, LANES, c)
        write_loss(lanes[LOSS], r, portion(s, value))
    if not SUM:
        return real(0.0)
    # By halves: an order of our own, which is the same in every kernel.
    half = LANES // 2
    while half:
        for r in range(np.uint64(half)):
            write_loss(lanes[LOSS], r, add(read_loss(lanes[LOSS], r), read_loss(lanes[LOSS], r + np.uint64(half))))
        half //= 2
    return read_loss(lanes[LOSS], np.uint64(0))


def sloped(arrays: Any, fixed: Any, lanes: Any, at: Any, steps: Any, scale: Any, width: int) -> None:
    """Every element's derivatives, in the tile."""
    for k in range(width):
        ask_late(arrays, at, steps, k)
        for r in range(np.uint64(LANES)):
            place = np.uint64(k * LANES) + r
            s = read_share(lanes[SHARE], r)
            factor = s * scale  # it may be 0 where the share is not
            t = mass(arrays, fixed, lanes, k, r)
            kept = recall(arrays, (), place)
            rest = get_coefs(lanes[COEFFICIENTS], r, LANES, COEFS) + params_of(fixed, r)
            d1, d2 = slope(*(kept + (t,) + rest))  # noqa: RUF005, tuples for Numba
            drop(arrays, place, present(s, factor * d1), present(s, factor * d2))


# -- tiles -------------------------------------------------------------------------------------------------------------


def tile(arrays: Any, weight: Any, fixed: Any, out: Any, where: Any, lanes: Any, outer: int, inner: int) -> Any:
    """The rows from (outer, inner) on: the sum of their losses, and whether an element is outside its domain."""
    steps, shape = where
    loss, facts = out
    width = shape[CLASS]
    first = outer * shape[INNER] + inner
    count = min(LANES, shape[INNER] - inner)
    fixed = (fixed[PARAMS], fixed[MIX], fixed[BOUNDS], fixed[SCALE], fixed[IGNORE], np.uint64(first))
    at = places(steps, outer, inner)
    flaw = look(arrays, weight, lanes, at, fixed[IGNORE], steps, width, count)
    bring(arrays, lanes, at, steps, width, count)
    if PEAK:
        climbed(arrays, fixed, lanes, width)
    if STATS:
        tops(arrays, fixed, lanes, facts, first, width, count)
    flaw = np.int32(flaw | folded(arrays, fixed, lanes, at, steps, width))
    if TWICE:
        refolded(arrays, fixed, lanes, width)
    total = finished(fixed, lanes)
    if KEEP:
        for r in range(np.uint64(count)):
            write_value(loss[0], np.uint64(first) + r, read_loss(lanes[LOSS], r))
    if STATS:
        for r in range(np.uint64(count)):
            m = get_maxima(lanes[MAXIMA], r, LANES, LOWEST)
            sums = get_sums(lanes[SUMS], r, LANES, ZEROS)
            here = read_share(lanes[SHARE], r) != real(0.0)
            put_stats(facts, np.uint64(first) + r, statistics(m, sums, params_of(fixed, r)) if here else UNKNOWN)
    if GRAD:
        sloped(arrays, fixed, lanes, at, steps, real(fixed[SCALE]), width)
        carry(arrays, lanes, at, steps, width, count)
    return total, flaw


def stretch(
    arrays: Any, weight: Any, fixed: Any, out: Any, where: Any, lanes: Any, results: Any, first: int, last: int
) -> None:
    """The blocks of rows from `first` to `last`: their sums and flaws."""
    apart()
    shape = where[SHAPE]
    across = (shape[INNER] + LANES - 1) // LANES
    height = max(1, BLOCK // (LANES * shape[CLASS]))
    for b in range(first, last):
        total = 0.0
        bad = 0
        for t in range(b * height, min(shape[OUTER] * across, b * height + height)):
            outer = t // across
            inner = (t - outer * across) * LANES
            part, flaw = tile(arrays, weight, fixed, out, where, lanes, outer, inner)
            total += np.float64(part)
            bad |= flaw
        results[ALL_SUMS][b], results[ALL_FLAWS][b] = total, bad


def task(given: Any, number: int) -> None:
    """One of the tasks of all threads."""
    arrays, weight, fixed, out, where, results, blocks, tasks = given
    data, target, classes, grad, hess = arrays
    size = where[SHAPE][CLASS] * LANES
    further = 1 + max(len(MORE), len(PROBES))
    aside = room(size)
    made = (
        new(LANES),
        new(2 * LANES),
        new(size if DENSE else 1),
        new((1 + len(LOWEST)) * LANES),
        new(len(ZEROS) * LANES),
        new(further * LANES),
        new_wide(len(ZEROS) * LANES),
        new_wide(further * LANES),
        new((1 + max(len(COEFS), len(SETTLED))) * LANES),
        new(LANES),
    )
    own = (data, target, classes, grad, hess, view(aside))
    first, last = number * blocks // tasks, (number + 1) * blocks // tasks
    stretch(own, weight, fixed, out, where, view(made), results, first, last)
    held((aside, made))


def total(crew: Any, arrays: Any, weight: Any, fixed: Any, out: Any, where: Any) -> Any:
    """All rows: the sum of the blocks' sums, and in how many of them a value lies outside its domain."""
    shape = where[SHAPE]
    height = max(1, BLOCK // (LANES * shape[CLASS]))
    blocks = (shape[OUTER] * ((shape[INNER] + LANES - 1) // LANES) + height - 1) // height
    sums, flaws = new_wide(blocks), new_whole(blocks)
    tasks = tasks_of(crew, blocks)
    spread(crew, task, (arrays, weight, fixed, out, where, (view(sums), view(flaws)), blocks, tasks), tasks)
    return combined(sums, flaws)
