"""Loops over the pairs of a batch: all distances of some rows, the triplets that are mined of a row, their gradients.

The points are float64, so that squares of float32 neither overflow nor vanish. Each row is one thread's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...kernels.bind import port
from .templates import squared, turned

# Ports.
prange: Any = range
add = port


def distances(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The distances of some rows, from the number that comes first on, from all points."""
    points, lacks = inputs
    (out,) = outputs
    for i in prange(out.shape[0]):
        row(points, lacks, numbers[0] + i, numbers[1], numbers[2], out[i])


def row(points: Any, lacks: Any, own: int, metric: int, unit: float, out: Any) -> None:
    """Those of one point; `unit` is what the points were divided by."""
    x, four = points[own], out.size - out.size % 4
    for j in range(0, four, 4):
        out[j], out[j + 1], out[j + 2], out[j + 3] = squared_of_four(
            x, points[j], points[j + 1], points[j + 2], points[j + 3]
        )
    for j in range(four, out.size):
        out[j] = squared(x, points[j])
    for j in range(np.uint64(out.size)):
        if metric == 0:
            out[j] = math.sqrt(out[j]) * unit
        elif metric == 1:
            out[j] = out[j] * unit * unit
        else:
            out[j] = turned(out[j], lacks[own] + lacks[j])


def squared_of_four(x: Any, a: Any, b: Any, c: Any, d: Any) -> tuple[float, float, float, float]:
    """The sums of squares of a vector's differences from four others: it is read once, and they add up side by side."""
    one = two = three = four = 0.0
    for k in range(np.uint64(x.size)):
        p, q, r, s = x[k] - a[k], x[k] - b[k], x[k] - c[k], x[k] - d[k]
        one = add(one, p * p)
        two = add(two, q * q)
        three = add(three, r * r)
        four = add(four, s * s)
    return one, two, three, four


def mined(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Each row's sum of losses, how many triplets it has and how many are active; what moves its points.

    Ways: 0 takes all triplets, 1 the farthest positive with the nearest negative, 2 for each positive the nearest
    negative beyond it.
    """
    table, classes, weights = inputs
    counts, slopes, places, chosen, rests = outputs
    first, way, metric, margin, unit = numbers
    for i in prange(counts.shape[0]):
        own = first + i
        found = counts[i]
        empty(found)
        empty(slopes[i])
        if weights[own] != 0.0:
            if not known(table[i]):
                found[0], found[1], found[2] = np.nan, 1.0, 1.0
                empty_of(slopes[i], np.nan)
            elif way == 0:
                every(table[i], classes, own, margin, found, slopes[i], places[i], chosen[i], rests[i])
            elif way == 1:
                hardest(table[i], classes, own, margin, found, slopes[i])
            else:
                farther(table[i], classes, own, margin, found, slopes[i], places[i], chosen[i])
            for k in range(3):
                found[k] *= weights[own]
            steepened(table[i], slopes[i], weights[own], metric, unit)


def steepened(d: Any, slopes: Any, weight: float, metric: int, unit: float) -> None:
    """The slopes by distances become factors of the differences of points; a distance of 0 has no direction."""
    for j in range(np.uint64(d.size)):
        steep = 1.0
        if metric == 0:
            steep = unit / d[j] if d[j] != 0.0 else 0.0
        elif metric == 1:
            steep = 2.0 * unit
        slopes[j] *= weight * steep


def empty(x: Any) -> None:
    """A row of zeros."""
    empty_of(x, 0.0)


def empty_of(x: Any, value: float) -> None:
    """A row of one number."""
    for j in range(np.uint64(x.size)):
        x[j] = value


def known(d: Any) -> bool:
    """Whether all of a row's distances are numbers."""
    total = 0.0
    for j in range(np.uint64(d.size)):
        total = add(total, 0.0 * d[j])
    return total == 0.0


def hardest(d: Any, classes: Any, own: int, margin: float, found: Any, slopes: Any) -> None:
    """The farthest positive with the nearest negative; the first of equals."""
    mine, p, n = classes[own], -1, -1
    for j in range(d.size):
        if classes[j] != mine:
            if n < 0 or d[j] < d[n]:
                n = j
        elif j != own and (p < 0 or d[j] > d[p]):
            p = j
    if p >= 0 and n >= 0:
        found[1] = 1.0
        short = d[p] - d[n] + margin
        if short > 0.0:
            found[0], found[2] = short, 1.0
            slopes[p], slopes[n] = 1.0, -1.0


def positives(d: Any, classes: Any, own: int, places: Any) -> int:
    """The places of a row's positives, the nearest first; how many."""
    mine, count = classes[own], 0
    for j in range(d.size):
        if classes[j] == mine and j != own:
            places[count] = j
            count += 1
    for start in range(count // 2 - 1, -1, -1):
        sift(d, places, start, count)
    for stop in range(count - 1, 0, -1):
        places[0], places[stop] = places[stop], places[0]
        sift(d, places, 0, stop)
    return count


def sift(d: Any, places: Any, k: int, size: int) -> None:
    """Bring a place of a heap below those that are farther."""
    while 2 * k + 1 < size:
        child = 2 * k + 1
        if child + 1 < size and d[places[child]] < d[places[child + 1]]:
            child += 1
        if not d[places[k]] < d[places[child]]:
            break
        places[k], places[child] = places[child], places[k]
        k = child


def nearer(d: Any, places: Any, count: int, margin: float, x: float, equal: bool) -> int:
    """Of how many of the ordered places the distance with the margin is less than x, or equal."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        short = d[places[middle]] + margin
        if short < x or (equal and short == x):
            low = middle + 1
        else:
            high = middle
    return low


def every(
    d: Any, classes: Any, own: int, margin: float, found: Any, slopes: Any, places: Any, hits: Any, rests: Any
) -> None:
    """All triplets, without going through them: of the ordered positives, a negative is active with the last ones.

    What it loses to these is a sum of differences of neighbours, none below 0: nothing cancels.
    """
    mine, count = classes[own], positives(d, classes, own, places)
    found[1] = np.float64(count) * (d.size - count - 1)
    if found[1] == 0.0:
        return
    rests[count - 1] = 0.0  # by how much all from one on exceed it
    hits[count - 1] = 0  # for how many negatives one is the first
    for k in range(count - 2, -1, -1):
        rests[k] = rests[k + 1] + (count - k - 1) * (d[places[k + 1]] - d[places[k]])
        hits[k] = 0
    for n in range(d.size):
        if classes[n] != mine:
            k = nearer(d, places, count, margin, d[n], True)
            if k < count:
                hits[k] += 1
                slopes[n] = np.float64(k - count)
                found[0] += (count - k) * (d[places[k]] + margin - d[n]) + rests[k]
                found[2] += count - k
    total = 0
    for k in range(count):
        total += hits[k]
        slopes[places[k]] = np.float64(total)


def farther(
    d: Any, classes: Any, own: int, margin: float, found: Any, slopes: Any, places: Any, chosen: Any
) -> None:  # fmt: skip
    """For each positive the nearest negative that is farther, the first of equals; none where there is none."""
    mine, count = classes[own], positives(d, classes, own, places)
    for k in range(count):
        chosen[k] = -1
    for n in range(d.size):
        if classes[n] != mine:
            k = nearer(d, places, count, 0.0, d[n], False) - 1  # the last positive that it is beyond
            if k >= 0 and (chosen[k] < 0 or d[n] < d[chosen[k]]):
                chosen[k] = n
    for k in range(count - 2, -1, -1):
        if chosen[k] < 0:
            chosen[k] = chosen[k + 1]
    for k in range(count):
        if chosen[k] >= 0:
            found[1] += 1.0
            short = d[places[k]] - d[chosen[k]] + margin
            if short > 0.0:
                found[0] += short
                found[2] += 1.0
                slopes[places[k]] += 1.0
                slopes[chosen[k]] -= 1.0


def moved(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Add to the gradients of all points what the rows from the first on are moved by, and what they move."""
    points, slopes = inputs
    (grads,) = outputs
    first, count = numbers[0], slopes.shape[0]
    for j in prange(points.shape[0]):
        for i in range(count):
            c = slopes[i, j]
            if c != 0.0:
                along(points[j], points[first + i], c, grads[j])
        if first <= j < first + count:
            for i in range(points.shape[0]):
                c = slopes[j - first, i]
                if c != 0.0:
                    along(points[j], points[i], c, grads[j])


def along(a: Any, b: Any, c: float, g: Any) -> None:
    """Add a multiple of a difference."""
    for k in range(np.uint64(a.size)):
        g[k] += c * (a[k] - b[k])
