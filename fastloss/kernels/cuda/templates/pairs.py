"""The template for pairs for CUDA: a group of threads for each row, as in `kernels/cuda/templates/rows.py`.

Each thread holds some of the row's elements, and meets them with every one of the row: a pair is looked at twice, once
from each end, so that every slope is a sum that one thread adds up in one order. Where a thread does not hold all of
its elements at a time, the row is gone through twice, for what the slopes are multiplied by needs the number of pairs.
The gradient is written over the scores by nobody: others still read them.

`own` are the thread's elements, PACKETS of each: scores, masses, slopes, second derivatives, and the last two again, of
the strip that is gone through. `row` are (arrays as the scores' ports have them, where the row begins in each, width,
lane).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ...bind import port
from ...places import BOUNDS, FURTHER_CURVES, FURTHER_SLOPES, PAIR_CURVES, PAIR_MASSES, PAIR_SCORES, PAIR_SLOPES, PARAMS
from .rows import seated, summed, together

STRIP = 64
"""Elements of the row whose sums are taken before they join those of the others: fewer roundings than one by one."""

# Ports.
real = params_of = strayed = jet = share_of = share = unfit = portion = scores = outside = put_grad = port
put_hess = write_value = factor_of = unit_of = worth_of = KIND = GROUP = ROOM = PACKETS = port
HELD = VALUE = GRAD = HESS = CHECK = False


def brought(own: Any, row: Any, fixed: Any, low: int) -> Any:
    """The thread's elements from `low` on: NaN if one of them is, else 0; whether one is outside (0 or 1)."""
    arrays, at, width, lane = row
    lost = real(0.0)
    flaws = np.int32(0)
    for p in range(PACKETS):
        k = low + p * GROUP + lane
        x, t, blank = real(0.0), real(np.nan), real(0.0)  # in no pair
        if k < width:
            score, mass = scores(arrays, at, k)
            x, t = real(score), real(mass)
            # A score that is in no pair counts as well where it is NaN.
            blank = x if x != x else t if t != t else real(0.0)
            if CHECK:
                flaws = np.int32(flaws | outside(arrays, (x, t), at, k, fixed[BOUNDS]))
        own[PAIR_SCORES][p] = x
        own[PAIR_MASSES][p] = t
        own[PAIR_SLOPES][p] = blank
        own[PAIR_CURVES][p] = blank
        lost += blank
    return lost, flaws


def faced(own: Any, p: int, y: Any, u: Any, fixed: Any) -> Any:
    """One of the thread's elements against one of the row: the value and the pair, where it is the one ahead."""
    ahead, behind = own[PAIR_MASSES][p] > u, own[PAIR_MASSES][p] < u
    d = own[PAIR_SCORES][p] - y
    value, d1, d2 = jet(*((d if ahead else -d,) + fixed[PARAMS]))
    if GRAD:
        own[FURTHER_SLOPES][p] += d1 if ahead else -d1 if behind else real(0.0)
    if HESS:
        own[FURTHER_CURVES][p] += d2 if ahead or behind else real(0.0)
    return value if ahead else real(0.0), real(1.0) if ahead else real(0.0)


def met(own: Any, row: Any, fixed: Any, stop: Any) -> Any:
    """The thread's elements against all of the row: the sum of values, and how many pairs those are."""
    arrays, at, _, _ = row
    value = pairs = real(0.0)
    for low in range(0, stop, STRIP):
        some = many = real(0.0)
        for p in range(PACKETS):
            own[FURTHER_SLOPES][p] = real(0.0)
            own[FURTHER_CURVES][p] = real(0.0)
        for i in range(low, min(stop, low + STRIP)):
            y, u = scores(arrays, at, i)
            for p in range(PACKETS):
                one, pair = faced(own, p, real(y), real(u), fixed)
                some += one
                many += pair
        for p in range(PACKETS):
            own[PAIR_SLOPES][p] += own[FURTHER_SLOPES][p]
            own[PAIR_CURVES][p] += own[FURTHER_CURVES][p]
        value += some
        pairs += many
    return value, pairs


def sloped(own: Any, row: Any, fixed: Any, s: Any, factor: Any, stop: Any, there: Any) -> None:
    """Write the derivatives."""
    arrays, at, width, lane = row
    for low in range(0, width, GROUP * PACKETS):
        if not HELD:
            brought(own, row, fixed, low)
            met(own, row, fixed, stop)
        for p in range(PACKETS):
            k = low + p * GROUP + lane
            if there and k < width:
                put_grad(arrays, at, k, portion(s, factor * own[PAIR_SLOPES][p]))
                if HESS:
                    put_hess(arrays, at, k, portion(s, factor * own[PAIR_CURVES][p]))


def total(
    data: Any, target: Any, weight: Any, classes: Any, params: Any, mix: Any, scale: Any, slopes: Any, ignore: int,
    bounds: Any, loss: Any, facts: Any, grad: Any, hess: Any, flaws: Any, rows: Any, width: Any,
) -> None:  # fmt: skip
    """All rows: their losses and derivatives, and 1 in `flaws[0]` where a value is outside its domain."""
    thread, number, there, lane = seated(rows)
    factor, _ = factor_of(scale, slopes)
    s = share((), weight, (number, number, number, number, number, number), -1, -1)
    given = params_of((params, mix, bounds, scale, ignore, np.int64(0)), number)
    if there and lane == 0 and (unfit(s) or (s != real(0.0) and strayed(given))):
        flaws[0] = np.int32(1)
    s = worth_of(s, real(1.0), unit_of(slopes))
    stop = width if s != real(0.0) else np.int64(0)
    start = number * width
    row = ((data, target, classes, grad, hess), (start, start, start, start, start, start), width, lane)
    fixed = (given, (), bounds)
    shared = cuda.shared.array(ROOM, KIND)
    own = (
        cuda.local.array(PACKETS, KIND),
        cuda.local.array(PACKETS, KIND),
        cuda.local.array(PACKETS, KIND),
        cuda.local.array(PACKETS, KIND),
        cuda.local.array(PACKETS, KIND),
        cuda.local.array(PACKETS, KIND),
    )
    value = pairs = real(0.0)
    for low in range(0, width, GROUP * PACKETS):
        lost, flaw = brought(own, row, fixed, low)
        if CHECK and there and flaw != np.int32(0) and s != real(0.0):
            flaws[0] = np.int32(1)
        if VALUE or GRAD:
            some, many = met(own, row, fixed, stop)
            value += lost + some
            pairs += many
    value, pairs = together(summed, (value, pairs), shared, thread)
    part = share_of(*((real(width), pairs) + fixed[PARAMS]))
    if VALUE and there and lane == 0:
        write_value(loss[0], number, portion(s, value * part))
    if GRAD:
        sloped(own, row, fixed, s, factor * part, stop, there)
