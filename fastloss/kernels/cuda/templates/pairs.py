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

from .rows import seated, summed, together

STRIP = 64
"""Elements of the row whose sums are taken before they join those of the others: fewer roundings than one by one."""

# Ports.
real: Any = None
jet: Any = None
share_of: Any = None
share: Any = None
unfit: Any = None
portion: Any = None
scores: Any = None
outside: Any = None
put_grad: Any = None
put_hess: Any = None
write_value: Any = None
factor_of: Any = None
unit_of: Any = None
worth_of: Any = None
KIND: Any = None
GROUP: Any = None
ROOM: Any = None
PACKETS: Any = None
HELD = VALUE = GRAD = HESS = CHECK = False


def brought(own: Any, row: Any, fixed: Any, low: int) -> Any:
    """The thread's elements from `low` on: NaN if one of them is, else 0; whether one is outside (0 or 1)."""
    lost = real(0.0)
    flaws = np.int32(0)
    for p in range(PACKETS):
        k = low + p * GROUP + row[3]
        x, t, blank = real(0.0), real(np.nan), real(0.0)  # in no pair
        if k < row[2]:
            score, mass = scores(row[0], row[1], k)
            x, t = real(score), real(mass)
            # A score that is in no pair counts as well where it is NaN.
            blank = x if x != x else t if t != t else real(0.0)
            if CHECK:
                flaws = np.int32(flaws | outside(row[0], (x, t), row[1], k, fixed[1]))
        own[0][p] = x
        own[1][p] = t
        own[2][p] = blank
        own[3][p] = blank
        lost += blank
    return lost, flaws


def faced(own: Any, p: int, y: Any, u: Any, fixed: Any) -> Any:
    """One of the thread's elements against one of the row: the value and the pair, where it is the one ahead."""
    ahead, behind = own[1][p] > u, own[1][p] < u
    d = own[0][p] - y
    value, d1, d2 = jet(*((d if ahead else -d,) + fixed[0]))
    if GRAD:
        own[4][p] += d1 if ahead else -d1 if behind else real(0.0)
    if HESS:
        own[5][p] += d2 if ahead or behind else real(0.0)
    return value if ahead else real(0.0), real(1.0) if ahead else real(0.0)


def met(own: Any, row: Any, fixed: Any, stop: Any) -> Any:
    """The thread's elements against all of the row: the sum of values, and how many pairs those are."""
    value = pairs = real(0.0)
    for low in range(0, stop, STRIP):
        some = many = real(0.0)
        for p in range(PACKETS):
            own[4][p] = real(0.0)
            own[5][p] = real(0.0)
        for i in range(low, min(stop, low + STRIP)):
            y, u = scores(row[0], row[1], i)
            for p in range(PACKETS):
                one, pair = faced(own, p, real(y), real(u), fixed)
                some += one
                many += pair
        for p in range(PACKETS):
            own[2][p] += own[4][p]
            own[3][p] += own[5][p]
        value += some
        pairs += many
    return value, pairs


def sloped(own: Any, row: Any, fixed: Any, s: Any, factor: Any, stop: Any, there: Any) -> None:
    """Write the derivatives."""
    for low in range(0, row[2], GROUP * PACKETS):
        if not HELD:
            brought(own, row, fixed, low)
            met(own, row, fixed, stop)
        for p in range(PACKETS):
            k = low + p * GROUP + row[3]
            if there and k < row[2]:
                put_grad(row[0], row[1], k, portion(s, factor * own[2][p]))
                if HESS:
                    put_hess(row[0], row[1], k, portion(s, factor * own[3][p]))


def total(
    data: Any, target: Any, weight: Any, classes: Any, params: Any, mix: Any, scale: Any, slopes: Any, ignore: int,
    bounds: Any, loss: Any, facts: Any, grad: Any, hess: Any, flaws: Any, rows: Any, width: Any,
) -> None:  # fmt: skip
    """All rows: their losses and derivatives, and 1 in `flaws[0]` where a value is outside its domain."""
    thread, number, there, lane = seated(rows)
    factor, _ = factor_of(scale, slopes)
    s = share((), weight, (number, number, number, number, number, number), -1, -1)
    if there and lane == 0 and unfit(s):
        flaws[0] = np.int32(1)
    s = worth_of(s, real(1.0), unit_of(slopes))
    stop = width if s != real(0.0) else np.int64(0)
    start = number * width
    row = ((data, target, classes, grad, hess), (start, start, start, start, start, start), width, lane)
    fixed = (params, bounds)
    shared = cuda.shared.array(ROOM, KIND)
    own = (
        cuda.local.array(PACKETS, KIND), cuda.local.array(PACKETS, KIND), cuda.local.array(PACKETS, KIND),
        cuda.local.array(PACKETS, KIND), cuda.local.array(PACKETS, KIND), cuda.local.array(PACKETS, KIND),
    )  # fmt: skip
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
    part = share_of(*((real(width), pairs) + fixed[0]))
    if VALUE and there and lane == 0:
        write_value(loss[0], number, portion(s, value * part))
    if GRAD:
        sloped(own, row, fixed, s, factor * part, stop, there)
