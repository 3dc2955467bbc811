"""Loops over the queries of a ranking: their samples in order, the pairs of them, the gain of an order.

A query is computed by one thread, so that results have the same bits for any number of them. All of it is in float64.
The free names are ports; `compiled.py` completes them.

Arrays that are read: scores, targets, where each query begins, the queries' weights, what a sample's weight is to its
query's (none of these where all are alike), the gains of whole targets (none without gains), the discounts of places.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels.bind import port

LANES, RUN = 8, 32
"""Pairs that are computed side by side; scores that are ordered by counting those before each, and then merged."""

FAR = 1e300
"""The distance of infinite scores, where it divides what their pair weighs."""

KEYS, GAINS, PLACED, SLOPES, CURVES, ROWS = 0, 2, 3, 4, 5, 6
"""The rows of a task's room: two for what is sorted, gains as they are given and in order, derivatives in order."""

# Ports.
prange: Any = range
logistic = raised = damped = add = port
VALUE = GRAD = HESS = False


# -- The samples of a query --------------------------------------------------------------------------------------------


def members(inputs: Any, order: Any, g: int) -> int:
    """The places of those that are present; how many."""
    ratios, start, count = inputs[4], inputs[2][g], 0
    if inputs[3][g] != 0.0:
        for k in range(inputs[2][g + 1] - start):
            order[count] = k
            count += 1 if ratios.size == 0 or ratios[start + k] != 0.0 else 0
    return count


def valued(inputs: Any, room: Any, order: Any, counts: Any, g: int, curved: int) -> tuple[bool, bool, int]:
    """Bring their gains into the room, and count those of whole targets.

    Whether all are numbers, as the scores; whether there are two of them; the largest target if all are whole, or -1.
    """
    pred, target, start, table = inputs[0], inputs[1], inputs[2][g], inputs[5]
    known, whole, largest, least, most = True, True, -1, np.inf, -np.inf
    for level in range(counts.size):
        counts[level] = 0
    for r in range(order.size):
        y = target[start + order[r]]
        level = int(y) if 0.0 <= y < table.size else -1
        gain = y
        if level >= 0 and level == y:
            counts[level] += 1
            largest = max(largest, level)
            gain = table[level]
        else:
            whole = False
            if curved != 0:
                gain = raised(y)
        room[GAINS, order[r]] = gain
        least, most = min(least, gain), max(most, gain)
        score = pred[start + order[r]]
        known = known and gain == gain and score == score
    return known, least < most, largest if whole else -1


def ideal(inputs: Any, room: Any, orders: Any, counts: Any, count: int, g: int, limit: int, whole: int) -> float:
    """The gain of the best order."""
    table, discounts, total, place, end = inputs[5], inputs[6], 0.0, 0, min(limit, count)
    if whole >= 0:
        for level in range(whole, -1, -1):
            for _ in range(min(counts[level], end - place)):
                total += table[level] * discounts[place]
                place += 1
        return total
    for r in range(count):
        room[KEYS, r] = room[GAINS, orders[0, r]]
    here = ordered(room, orders, count)
    for r in range(end):
        total += room[KEYS + here, r] * discounts[r]
    members(inputs, orders[0], g)
    return total


def ranked(inputs: Any, room: Any, orders: Any, count: int, g: int, unit: float) -> int:
    """Order them by their scores, with their gains times a unit; which of the orders has their places."""
    for r in range(count):
        room[KEYS, r] = inputs[0][inputs[2][g] + orders[0, r]]
    here = ordered(room, orders, count)
    for r in range(count):
        room[PLACED, r] = unit * room[GAINS, orders[here, r]]
    return here


# -- Orders ------------------------------------------------------------------------------------------------------------


def ordered(keys: Any, orders: Any, count: int) -> int:
    """Order keys from the largest on, the first of equals first; in which row they are.

    A row has room for whole runs.
    """
    for k in range(count, -(-count // RUN) * RUN):
        keys[0, k] = -np.inf
    for low in range(0, count, RUN):
        numbered(keys[0, low : low + RUN], orders[0, low : low + RUN], keys[1], orders[1], low, min(RUN, count - low))
    here, size = 1, RUN
    while size < count:
        there = 1 - here
        for low in range(0, count, 2 * size):
            ends = min(low + size, count), min(low + 2 * size, count)
            merged(keys[here], orders[here], keys[there], orders[there], low, ends[0], ends[1])
        here, size = there, 2 * size
    return here


def numbered(keys: Any, order: Any, to: Any, places: Any, low: int, count: int) -> None:
    """Bring each key of a run behind those that are before it: without a branch, so that no order is slow."""
    for i in range(count):
        x, own, place = keys[i], np.int64(i), np.int64(0)
        for j in range(RUN):
            y = keys[np.uint64(j)]
            place += np.int64(y > x) + np.int64((y == x) & (j < own))
        to[low + place] = x
        places[low + place] = order[i]


def merged(keys: Any, order: Any, to: Any, places: Any, low: int, middle: int, high: int) -> None:
    """Make one run of two that follow one another; which comes next is chosen without a branch."""
    one, a, b, k = np.uint64(1), np.uint64(low), np.uint64(middle), np.uint64(low)
    first, second = np.uint64(middle), np.uint64(high)
    while a < first and b < second:
        x, y, p, q = keys[a], keys[b], order[a], order[b]
        later = y > x
        to[k] = y if later else x
        places[k] = q if later else p
        b += np.uint64(later)
        a += one - np.uint64(later)
        k += one
    while a < first:
        to[k], places[k] = keys[a], order[a]
        a, k = a + one, k + one
    while b < second:
        to[k], places[k] = keys[b], order[b]
        b, k = b + one, k + one


# -- Pairs -------------------------------------------------------------------------------------------------------------


def pairs(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each query, and its derivatives by the scores."""
    each, tasks = outputs[0], outputs[3].shape[0]
    for k in prange(tasks):
        for g in range(k, each.size, tasks):
            each[g] = query(inputs, outputs, numbers, k, g)


def query(inputs: Any, outputs: Any, numbers: Any, task: int, g: int) -> Any:
    """That of one of them, weighted."""
    sigma, near, scale, limit, curved, normed = numbers
    room, orders, counts = outputs[3][task], outputs[4][task], outputs[5][task]
    count = members(inputs, orders[0], g)
    known, several, whole = valued(inputs, room, orders[0, :count], counts, g, curved)
    if not known or not several:
        nothing = 0.0 if known else np.nan
        reset(room, count, nothing)
        derived(inputs, outputs, room, orders[0, :count], g, 1.0, 1.0)
        return nothing
    unit, valuable = 1.0, counts.size > 0
    if valuable:
        unit = 1.0 / ideal(inputs, room, orders, counts, count, g, limit, whole)
    here = ranked(inputs, room, orders, count, g, unit)
    reset(room, count, 0.0)
    if room[KEYS + here, 0] == room[KEYS + here, count - 1]:
        near = 0.0
    value, steps = 0.0, 0.0
    for i in range(min(limit, count - 1)):
        more, moved = beyond(room, here, inputs[6], i, count, sigma, near, valuable)
        value += more
        steps += moved
    share = inputs[3][g] * (damped(2.0 * sigma * steps) if normed != 0 else 1.0)
    derived(inputs, outputs, room, orders[here, :count], g, sigma * share * scale, sigma)
    return value * share


def beyond(
    room: Any, here: int, discounts: Any, i: int, count: int, sigma: float, near: float, valuable: bool
) -> tuple[float, float]:  # fmt: skip
    """The pairs of a sample and those after it: their loss, and how far it moves them in all, divided by sigma.

    Gains are those of the best order's; without gains each pair weighs the same. That is divided by the distance of the
    scores where `near` is added to it. Whole vectors are computed: what follows the last sample weighs nothing.
    """
    after, gains, later = room[KEYS + here, i + 1 :], room[PLACED, i + 1 :], discounts[i + 1 :]
    slopes, curves = room[SLOPES, i + 1 :], room[CURVES, i + 1 :]
    score, gain, discount = room[KEYS + here, i], room[PLACED, i], discounts[i]
    value = steps = slope = curve = 0.0
    rest = count - i - 1
    for k in range(-(-rest // LANES) * LANES):
        j: Any = np.uint64(k)
        more = gain - gains[j]
        differ = (k < rest) & (more != 0.0)
        weight = more * (discount - later[j]) if valuable else math.copysign(1.0, more)
        weight = weight if differ else 0.0
        gap = score - after[j] if differ else 0.0
        gap = FAR if (near > 0.0) & (gap > FAR) else gap
        soft, wrong, bend, share = logistic(gap, more, sigma, near + gap if near > 0.0 else 1.0)
        held = weight * share
        step = held * wrong
        steps = add(steps, math.fabs(step))
        if VALUE:
            value = add(value, math.fabs(held) * soft - (sigma * weight * (gap * share) if more < 0.0 else 0.0))
        if GRAD:
            slopes[j] += step
            slope = add(slope, step)
        if HESS:
            curved = math.fabs(held) * bend
            curves[j] += curved
            curve = add(curve, curved)
    room[SLOPES, i] -= slope
    room[CURVES, i] += curve
    return value, steps


def reset(room: Any, count: int, value: float) -> None:
    """The same derivatives for all samples."""
    for r in range(count):
        room[SLOPES, r] = room[CURVES, r] = value


def derived(inputs: Any, outputs: Any, room: Any, order: Any, g: int, factor: float, sigma: float) -> None:
    """Bring the derivatives to their places, those of samples that are absent are 0."""
    start, ratios = inputs[2][g], inputs[4]
    for k in range(start, inputs[2][g + 1]):
        if GRAD:
            outputs[1][k] = 0.0
        if HESS:
            outputs[2][k] = 0.0
    for r in range(order.size):
        k = start + order[r]
        ratio = factor if ratios.size == 0 else factor * ratios[k]
        if GRAD:
            outputs[1][k] = ratio * room[SLOPES, r]
        if HESS:
            outputs[2][k] = ratio * sigma * room[CURVES, r]


# -- Gains -------------------------------------------------------------------------------------------------------------


def gained(inputs: Any, outputs: Any, numbers: Any) -> None:
    """What share of the best order's gain each query's order has."""
    each, tasks = outputs[0], outputs[1].shape[0]
    for k in prange(tasks):
        for g in range(k, each.size, tasks):
            each[g] = inputs[3][g] * share_of(inputs, outputs, numbers, k, g)


def share_of(inputs: Any, outputs: Any, numbers: Any, task: int, g: int) -> float:
    """That of one of them."""
    undefined, limit, curved = numbers
    room, orders, counts = outputs[1][task], outputs[2][task], outputs[3][task]
    count = members(inputs, orders[0], g)
    known, _, whole = valued(inputs, room, orders[0, :count], counts, g, curved)
    if not known or count == 0:
        return 0.0 if known else np.nan
    best = ideal(inputs, room, orders, counts, count, g, limit, whole)
    ranked(inputs, room, orders, count, g, 1.0)
    total = 0.0
    for r in range(min(limit, count)):
        total += room[PLACED, r] * inputs[6][r]
    return total / best if best != 0.0 else undefined
