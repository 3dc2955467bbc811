"""The row template for pairs: each score of a row against those of which the target is smaller.

Every score that is to be ahead of others goes along the whole row, whose elements lie side by side, a vector of
differences at a time: its own slope is a sum, and those of the others are added to in an array of the row's length.
The free names below are ports, as in `kernels/templates/rows.py`, where `arrays` and `at` are explained. `fixed` are
(parameters, bounds of domains), `room` (scores, masses, slopes, second derivatives, the last two again as float64),
each of a row's length.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import (
    ALL_FLAWS,
    ALL_SUMS,
    BOUNDS,
    CLASS,
    FURTHER_CURVES,
    FURTHER_SLOPES,
    INNER,
    MIX,
    OUTER,
    PAIR_CURVES,
    PAIR_MASSES,
    PAIR_SCORES,
    PAIR_SLOPES,
    PARAMS,
    SCALE,
    SHAPE,
    VALUES,
)
from .elements import combined, tasks_of
from .rows import nothing
from .rowsums import STRIP, WHOLE

BLOCK = 1_024
"""Elements of the rows that a thread takes at a time: fewer than elsewhere, for each of them meets many."""

OFTEN = 32
"""Additions to each slope in the compute type before it becomes a float64: as many as a strip has for each lane."""

# Ports.
spread = view = held = port
real = params_of = jet = share_of = places = share = unfit = portion = scores = outside = select = add_all = port
add_wide = masked = apart = new = new_wide = new_whole = read_score = write_score = read_mass = write_mass = port
read_slope = write_slope = read_curve = write_curve = read_wide_slope = write_wide_slope = read_wide_curve = port
write_wide_curve = put_grad = put_hess = write_value = ZEROS = WIDE = port
KEEP = SUM = GRAD = HESS = CHECK = False


def bring(arrays: Any, fixed: Any, room: Any, at: Any, width: int) -> Any:
    """A row into the room: whether one of its numbers is NaN or outside its domain (0 or 1 each), the least target."""
    lost = flaws = np.int32(0)
    least = real(np.inf)
    for k in range(np.uint64(width)):
        x, t = scores(arrays, at, k)
        if CHECK:
            flaws = np.int32(flaws | outside(arrays, (x, t), at, k, fixed[BOUNDS]))
        # A score that is in no pair counts as well where it is NaN.
        blank = x if x != x else t if t != t else real(0.0)
        lost = np.int32(lost | np.int32(blank != blank))
        least = select(t < least, t, least)
        write_score(room[PAIR_SCORES], k, x)
        write_mass(room[PAIR_MASSES], k, t)
        if GRAD:
            write_slope(room[PAIR_SLOPES], k, blank)
            write_wide_slope(room[FURTHER_SLOPES], k, 0.0)
        if HESS:
            write_curve(room[PAIR_CURVES], k, blank)
            write_wide_curve(room[FURTHER_CURVES], k, 0.0)
    return lost, flaws, least


def against(fixed: Any, room: Any, own: Any, mass: Any, end: Any, low: int, high: int) -> Any:
    """A score against elements: the sums of values, of both derivatives, and the number of pairs."""
    if end is not None:
        masked()
    sums = ZEROS
    for i in range(np.uint64(low), np.uint64(high)):
        here = read_mass(room[PAIR_MASSES], i) < mass
        value, d1, d2 = jet(*((own - read_score(room[PAIR_SCORES], i),) + fixed[PARAMS]))
        value = select(here, value, real(0.0))
        d1 = select(here, d1, real(0.0))
        d2 = select(here, d2, real(0.0))
        sums = add_all(sums, (value, d1, d2, select(here, real(1.0), real(0.0))))
        if GRAD:
            write_slope(room[PAIR_SLOPES], i, read_slope(room[PAIR_SLOPES], i) - d1)
        if HESS:
            write_curve(room[PAIR_CURVES], i, read_curve(room[PAIR_CURVES], i) + d2)
    return sums


def along(fixed: Any, room: Any, own: Any, mass: Any, width: int) -> Any:
    """The same for a whole row."""
    whole = width - width % WHOLE
    total = WIDE
    for low in range(0, whole, STRIP):
        total = add_wide(total, against(fixed, room, own, mass, None, low, min(whole, low + STRIP)))
    return add_wide(total, against(fixed, room, own, mass, True, whole, width)) if whole < width else total


def settle(room: Any, width: int) -> None:
    """Move the slopes so far to where they are float64."""
    slopes, curves = room[FURTHER_SLOPES], room[FURTHER_CURVES]
    for k in range(np.uint64(width)):
        write_wide_slope(slopes, k, read_wide_slope(slopes, k) + np.float64(read_slope(room[PAIR_SLOPES], k)))
        write_slope(room[PAIR_SLOPES], k, real(0.0))
        if HESS:
            write_wide_curve(curves, k, read_wide_curve(curves, k) + np.float64(read_curve(room[PAIR_CURVES], k)))
            write_curve(room[PAIR_CURVES], k, real(0.0))


def met(fixed: Any, room: Any, least: Any, width: int) -> Any:
    """All pairs of a row: the sum of their values, and how many there are; the slopes stay in the room."""
    value = pairs = 0.0
    often = 0
    for j in range(np.uint64(width)):
        mass = read_mass(room[PAIR_MASSES], j)
        if mass > least:  # or there is none below
            part = along(fixed, room, read_score(room[PAIR_SCORES], j), mass, width)
            value += part[0]
            pairs += part[3]
            if GRAD:
                write_wide_slope(room[FURTHER_SLOPES], j, read_wide_slope(room[FURTHER_SLOPES], j) + part[1])
            if HESS:
                write_wide_curve(room[FURTHER_CURVES], j, read_wide_curve(room[FURTHER_CURVES], j) + part[2])
            often += 1
            if GRAD and often == OFTEN:
                often = 0
                settle(room, width)
    return value, pairs


def carry(arrays: Any, room: Any, at: Any, factor: Any, width: int) -> None:
    """Write a row's derivatives."""
    for k in range(np.uint64(width)):
        d1 = real(read_wide_slope(room[FURTHER_SLOPES], k) + np.float64(read_slope(room[PAIR_SLOPES], k)))
        put_grad(arrays, at, k, factor * d1)
        if HESS:
            d2 = real(read_wide_curve(room[FURTHER_CURVES], k) + np.float64(read_curve(room[PAIR_CURVES], k)))
            put_hess(arrays, at, k, factor * d2)


def stretch(
    arrays: Any, weight: Any, fixed: Any, loss: Any, where: Any, room: Any, results: Any, first: int, last: int
) -> None:
    """The blocks of rows from `first` to `last`: their sums and flaws."""
    apart()
    steps, shape = where
    width = shape[CLASS]
    height = max(1, BLOCK // width)
    for b in range(first, last):
        total = 0.0
        bad = 0
        for row in range(b * height, min(shape[OUTER] * shape[INNER], b * height + height)):
            at = places(steps, row // shape[INNER], row % shape[INNER])
            s = share(arrays, weight, at, -1, -1)
            if s == real(0.0):
                if GRAD:
                    nothing(arrays, at, width)
                if KEEP:
                    write_value(loss[0], row, real(0.0))
                continue
            if unfit(s):
                bad = 1
            given = (params_of(fixed, np.uint64(row)), fixed[MIX], fixed[BOUNDS])
            lost, flaw, least = bring(arrays, given, room, at, width)
            bad |= flaw
            if SUM or KEEP or GRAD:
                sum_of, pairs = met(given, room, least, width)
                part = share_of(*((real(width), real(pairs)) + given[PARAMS]))
                value = portion(s, real(np.nan) if lost else real(sum_of * np.float64(part)))
                if SUM:
                    total += np.float64(value)
                if KEEP:
                    write_value(loss[0], row, value)
                if GRAD:
                    carry(arrays, room, at, s * real(fixed[SCALE]) * part, width)
        results[ALL_SUMS][b], results[ALL_FLAWS][b] = total, bad


def task(given: Any, number: int) -> None:
    """One of the tasks of all threads."""
    arrays, weight, fixed, loss, where, results, blocks, tasks = given
    size = where[SHAPE][CLASS]
    room = (new(size), new(size), new(size), new(size), new_wide(size), new_wide(size))
    first, last = number * blocks // tasks, (number + 1) * blocks // tasks
    stretch(arrays, weight, fixed, loss, where, view(room), results, first, last)
    held(room)


def total(crew: Any, arrays: Any, weight: Any, fixed: Any, out: Any, where: Any) -> Any:
    """All rows: the sum of the blocks' sums, and in how many of them a value lies outside its domain."""
    shape = where[SHAPE]
    height = max(1, BLOCK // shape[CLASS])
    blocks = (shape[OUTER] * shape[INNER] + height - 1) // height
    sums, flaws = new_wide(blocks), new_whole(blocks)
    fixed = (fixed[PARAMS], fixed[MIX], fixed[BOUNDS], fixed[SCALE], 0, np.uint64(0))
    tasks = tasks_of(crew, blocks)
    results = (view(sums), view(flaws))
    spread(crew, task, (arrays, weight, fixed, out[VALUES], where, results, blocks, tasks), tasks)
    return combined(sums, flaws)
