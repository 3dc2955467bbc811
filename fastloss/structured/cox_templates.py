"""The loop over a stratum of Cox's partial likelihood: backwards in time for who is at risk, forwards for derivatives.

A stratum's samples are gone through in the order of their times. A block is a time with events and what follows it up
to the next such time. Sums of exponentials are relative to the largest score from a block on, so that none is beyond
float64, and what they are without one sample is added up, never subtracted. All of it is in float64.

Arrays that are read: scores; in the order of the times these, and which samples have an event; the samples' weights,
the logarithms of those relative to their mean (none where all are alike), their places in order, where each stratum
begins.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SCORE, SHARE, TOP, NEXT, REST, TIED, CENSORED, ROWS = 0, 1, 2, 3, 4, 5, 6, 7
"""The rows of the room. Of each sample: its score with its weight's logarithm, and its exponential. Of each block, the
last one first: the largest score from it on, the exponentials of the blocks after it, and those of all samples after
its event, if it has one alone and begins with it, else -1. Of each sample of the block at hand: the exponentials of
those after it, with an event and without one."""

NARROW = 100.0
"""How far scores may be apart that have one top: squares of their exponentials are far from float64's ends."""

# Ports.
prange: Any = range
VALUE = GRAD = HESS = False


def strata(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each sample with an event, and the derivatives by all scores."""
    begins, room = inputs[6], outputs[3]
    for g in prange(begins.size - 1):
        low, high = begins[g], begins[g + 1]
        own = (room[SCORE, low:high], room[SHARE, low:high], room[TOP, low:high], room[NEXT, low:high],
               room[REST, low:high], room[TIED, low:high], room[CENSORED, low:high])  # fmt: skip
        given = (inputs[0], inputs[1][low:high], inputs[2][low:high], inputs[3], inputs[4])
        stratum(given, outputs, numbers, inputs[5][low:high], own, outputs[4][low:high])


def stratum(inputs: Any, outputs: Any, numbers: Any, order: Any, room: Any, begins: Any) -> None:
    """Those of one, whose samples are in order; the gradient may be written over the scores."""
    pred, ratios, scores, known = inputs[0], inputs[4], room[SCORE], True
    least, most = np.inf, -np.inf
    for i in range(order.size):
        x = pred[order[i]] + ratios[order[i]] if ratios.size else pred[order[i]]
        scores[i] = x
        least, most, known = min(least, x), max(most, x), known and x == x
    narrow, blocks = most - least < NARROW, 0
    if narrow:
        for i in range(order.size):
            room[SHARE][i] = math.exp(scores[i] - most)
    if known:
        blocks = at_risk(inputs, order, room, begins, most, narrow)
    nothing = 0.0 if known else np.nan
    for i in range(begins[blocks - 1] if blocks else order.size):
        put(outputs, order[i], nothing, nothing, nothing)
    forwards(inputs, outputs, numbers, order, room, begins[:blocks])


def put(outputs: Any, k: int, value: float, slope: float, curve: float) -> None:
    """The results of a sample."""
    if VALUE:
        outputs[0][k] = value
    if GRAD:
        outputs[1][k] = slope
    if HESS:
        outputs[2][k] = curve


def plus(total: float, lost: float, x: float) -> tuple[float, float]:
    """A sum and what its rounding lost, with one number more (Knuth's two-sum)."""
    more = total + x
    own = more - total
    return more, lost + ((total - (more - own)) + (x - own))


def apart(x: float, top: float) -> float:
    """x - top; equal infinities are 0 apart."""
    return 0.0 if x == top else x - top


# -- Backwards ---------------------------------------------------------------------------------------------------------


def at_risk(inputs: Any, order: Any, room: Any, begins: Any, most: float, narrow: bool) -> int:
    """Fill the room, and where the blocks begin, the last one first; how many there are."""
    shares, total, lost, stop, count = room[SHARE], 0.0, 0.0, order.size, 0
    top = most if narrow else -np.inf
    start, last = block(inputs, stop)
    while start >= 0:
        if not narrow:
            fall, top = lifted(room, top, start, stop)
            total, lost = total * fall, lost * fall
        room[TOP][count], room[NEXT][count], begins[count] = top, total + lost, start
        for i in range(stop - 1, start, -1):
            total, lost = plus(total, lost, shares[i])
        room[REST][count] = total + lost if start == last else -1.0
        total, lost = plus(total, lost, shares[start])
        stop, count = start, count + 1
        start, last = block(inputs, stop)
    return count


def lifted(room: Any, top: float, start: int, stop: int) -> tuple[float, float]:
    """A block's exponentials; by what sums fall with the new top, and that."""
    scores, above = room[SCORE], top
    for i in range(start, stop):
        above = max(above, scores[i])
    for i in range(start, stop):
        room[SHARE][i] = math.exp(apart(scores[i], above))
    return math.exp(apart(top, above)), above


def block(inputs: Any, stop: int) -> tuple[int, int]:
    """Where the block that ends before `stop` begins, -1 without an event, and where its last event is."""
    times, events = inputs[1], inputs[2]
    last = stop - 1
    while last >= 0 and events[last] == 0:
        last -= 1
    i = last
    if i > 0:
        time = times[i]
        while i > 0 and times[i - 1] == time:
            i -= 1
    return i, last


# -- Forwards ----------------------------------------------------------------------------------------------------------


def forwards(inputs: Any, outputs: Any, numbers: Any, order: Any, room: Any, begins: Any) -> None:
    """Go through the blocks, with the sums of 1 / X and 1 / X^2 over the events that were, and of (X - S) / X^2.

    X is what an event is divided by, S the exponentials that are at risk in the block: no term is negative.
    """
    inverse = inverse_lost = square = square_lost = moved = moved_lost = 0.0
    top = np.inf
    for b in range(begins.size - 1, -1, -1):
        if room[TOP][b] != top:
            fall, top = math.exp(room[TOP][b] - top), room[TOP][b]
            inverse, inverse_lost = inverse * fall, inverse_lost * fall
            square, square_lost = square * (fall * fall), square_lost * (fall * fall)
            moved, moved_lost = moved * fall, moved_lost * fall
        start, stop = begins[b], begins[b - 1] if b > 0 else order.size
        before = inverse + inverse_lost, square + square_lost, moved + moved_lost
        if room[REST][b] >= 0.0 and not HESS:
            one = alone(inputs, outputs, numbers, order, room, b, start, stop, before[0])
            inverse, inverse_lost = plus(inverse, inverse_lost, one)
        else:
            own = divided(inputs, numbers, order, room, b, start, stop)
            samples(inputs, outputs, numbers, order, room, b, start, stop, before, own)
            _, tied, censored, one, two, _, two_tied, _, _, _, _ = own
            inverse, inverse_lost = plus(inverse, inverse_lost, one)
            more = (tied + censored) * before[1] + (censored * two + tied * two_tied)
            moved, moved_lost = plus(moved, moved_lost, more)
            square, square_lost = plus(square, square_lost, two)


def alone(
    inputs: Any, outputs: Any, numbers: Any, order: Any, room: Any, b: int, start: int, stop: int, before: float
) -> Any:
    """The results of a block that begins with its one event, but for the Hessian; what it adds to the sum of 1 / X."""
    weights, ratios, shares, rest, k = inputs[3], inputs[4], room[SHARE], room[REST][b], order[start]
    weight = weights[k] if weights.size else 1.0
    inverse, value = weight / (rest + shares[start]), 0.0
    if VALUE:
        value = loss_of(apart(room[SCORE][start], room[TOP][b]), shares[start], rest, 0.0, 0)
        value = weight * (value + ratios[k] if ratios.size else value)
    put(outputs, k, value, numbers[0] * (shares[start] * before - rest * inverse), 0.0)
    slope = numbers[0] * (before + inverse)
    for i in range(start + 1, stop):
        put(outputs, order[i], 0.0, shares[i] * slope, 0.0)
    return inverse


def divided(inputs: Any, numbers: Any, order: Any, room: Any, b: int, start: int, stop: int) -> Any:
    """Of a block: how many terms, the exponentials with an event and without, sums over the terms X = rest + f tied.

    The sums are of c / X, c / X^2, c f / X, c f / X^2 and c f^2 / X^2; then the mean of log(X), and the events' weight
    in two numbers. Breslow's method has one term, f = 1, and that weight as c. Efron's has one for each event, f from 1
    down to 1 / count, and their mean weight. One event without another is told by 0 terms.
    """
    events, weights = inputs[2], inputs[3]
    count, weight, weight_lost = 0, 0.0, 0.0
    tied = tied_lost = censored = censored_lost = 0.0
    for i in range(stop - 1, start - 1, -1):
        room[TIED][i - start], room[CENSORED][i - start] = tied + tied_lost, censored + censored_lost
        if events[i] != 0:
            count += 1
            weight, weight_lost = plus(weight, weight_lost, weights[order[i]] if weights.size else 1.0)
            tied, tied_lost = plus(tied, tied_lost, room[SHARE][i])
        else:
            censored, censored_lost = plus(censored, censored_lost, room[SHARE][i])
    tied, censored = tied + tied_lost, censored + censored_lost
    rest, terms = room[NEXT][b] + censored, count if numbers[1] != 0 else 1
    one = two = one_tied = two_tied = both_tied = logs = 0.0
    for k in range(terms):
        f = (terms - k) / terms
        x = rest + f * tied
        inverse = weight / terms / x
        one += inverse
        two += inverse / x
        one_tied += f * inverse
        two_tied += f * (inverse / x)
        both_tied += f * f * (inverse / x)
        if VALUE and terms > 1:
            logs += math.log(x) / terms
    count = terms if count > 1 else 0
    return count, tied, censored, one, two, one_tied, two_tied, both_tied, logs, weight, weight_lost


def samples(
    inputs: Any, outputs: Any, numbers: Any, order: Any, room: Any, b: int, start: int, stop: int, before: Any, own: Any
) -> None:
    """The results of a block's samples."""
    events, weights, ratios = inputs[2], inputs[3], inputs[4]
    scale, later = numbers[0], room[NEXT][b]
    terms, tied, censored, one, two, one_tied, two_tied, both_tied, logs, total, total_lost = own
    ties = ties_lost = others = others_lost = 0.0
    for i in range(start, stop):
        k, share = order[i], room[SHARE][i]
        more = ties + ties_lost + room[TIED][i - start]
        rest = later + (others + others_lost + room[CENSORED][i - start])
        curve = before[2] + (more + rest) * before[1]
        if events[i] != 0:
            weight = weights[k] if weights.size else 1.0
            value = 0.0
            if VALUE:
                value = loss_of(apart(room[SCORE][i], room[TOP][b]), share, more + rest, logs, terms)
                value = weight * (value + ratios[k] if ratios.size else value)
            slope = share * one_tied - weight if terms > 0 else -weight * (rest / (rest + share))
            if terms > 0 and share > more + rest:  # the events' weight may be nearly all its own
                slope = ((total - weight) + total_lost) - ((later + censored) * one + more * one_tied)
            curve += (later + censored) * two_tied + more * both_tied
            put(outputs, k, value, scale * (share * before[0] + slope), scale * (share * curve))
            ties, ties_lost = plus(ties, ties_lost, share)
        else:
            curve += rest * two + tied * two_tied
            put(outputs, k, 0.0, scale * (share * (before[0] + one)), scale * (share * curve))
            others, others_lost = plus(others, others_lost, share)


def loss_of(below: float, share: float, without: float, logs: float, terms: int) -> float:
    """The mean logarithm of what an event is divided by, less its score; `below` is that score less the largest."""
    if terms > 1:
        return logs - below
    return math.log1p(without / share) if share > without else math.log(without + share) - below
