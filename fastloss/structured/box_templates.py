"""Loops over boxes: of all pairs, of pairs side by side, of an image's priors, of its negatives, of a class's boxes.

The free names are ports; `compiled.py` completes them. What several threads may do is that of one image, one block or
one row each, so results have the same bits for any number of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.bind import port

BLOCK = 4_096
"""Boxes whose losses' sum is one term."""

STRIP = 256
"""Boxes whose losses are summed in the compute type before the sum becomes a float64."""

# Ports.
prange: Any = range
pair = axis = slopes = jet = real = add = port
WEIGHED = SUM = KEEP = GRAD = False


# -- All pairs ---------------------------------------------------------------------------------------------------------


def pairs(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The overlap of each box with each of the others, which come an array for each coordinate."""
    boxes, others = inputs
    (out,) = outputs
    for i in prange(boxes.shape[0]):
        overlaps(boxes[i], others, out[i])


def overlaps(box: Any, others: Any, out: Any) -> None:
    """A box with all others."""
    x1, y1, x2, y2 = box[0], box[1], box[2], box[3]
    u1, v1, u2, v2 = others[0], others[1], others[2], others[3]
    for j in range(np.uint64(out.size)):
        out[j] = pair(x1, y1, x2, y2, u1[j], v1[j], u2[j], v2[j])


# -- Pairs side by side ------------------------------------------------------------------------------------------------


def beside(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The overlap of each box with its own other."""
    boxes, others = inputs
    (out,) = outputs
    for i in prange(out.size):
        out[i] = overlap(boxes[i], others[i])


def overlap(a: Any, b: Any) -> Any:
    """Of two boxes."""
    return pair(a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3])


def aligned(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each box and its target, in blocks."""
    sums = outputs[0]
    size = inputs[0].shape[0]
    for b in prange(sums.size):
        start = b * BLOCK
        sums[b] = block(inputs, outputs, numbers, start, min(size, start + BLOCK))


def block(inputs: Any, outputs: Any, numbers: Any, start: int, stop: int) -> float:
    """Those from `start` to `stop`: their sum as a float64."""
    total = 0.0
    scale = real(numbers[0])
    for low in range(start, stop, STRIP):
        total += np.float64(strip(inputs, outputs, scale, low, min(stop, low + STRIP)))
    return total


def strip(inputs: Any, outputs: Any, scale: Any, start: int, stop: int) -> Any:
    """The same in the compute type."""
    pred, target = inputs[0], inputs[1]
    total = real(0.0)
    for i in range(np.uint64(start), np.uint64(stop)):
        x = axis(pred[i, 0], pred[i, 2], target[i, 0], target[i, 2])
        y = axis(pred[i, 1], pred[i, 3], target[i, 1], target[i, 3])
        value, x1, x2, y1, y2 = jet(x, y)
        factor = scale
        if WEIGHED:
            weight = inputs[2][i]
            value = weight * value if weight != 0 else real(0.0)
            factor = weight * scale
        if SUM:
            total = add(total, value)
        if KEEP:
            outputs[1][i] = value
        if GRAD:
            x1, x2 = slopes(x1, x2)
            y1, y2 = slopes(y1, y2)
            grad = outputs[-1]
            grad[i, 0] = factor * x1 if factor != 0 else real(0.0)
            grad[i, 1] = factor * y1 if factor != 0 else real(0.0)
            grad[i, 2] = factor * x2 if factor != 0 else real(0.0)
            grad[i, 3] = factor * y2 if factor != 0 else real(0.0)
    return total


# -- Matching ----------------------------------------------------------------------------------------------------------


def matches(inputs: Any, outputs: Any, numbers: Any) -> None:
    """For each prior of each image the box that it is matched with, by its number within the image; -1 for none."""
    priors, boxes, offsets = inputs
    matched, forced, best, row, words = outputs
    threshold = numbers[0]
    for b in prange(matched.shape[0]):
        start, stop = offsets[b], offsets[b + 1]
        above(priors, boxes, start, stop, matched[b], forced, best[b], row[b], words[b], threshold)
        for g in range(start, stop):
            matched[b, forced[g]] = g - start


def above(
    priors: Any, boxes: Any, start: int, stop: int, matched: Any, forced: Any, best: Any, row: Any, words: Any,
    threshold: float,
) -> None:  # fmt: skip
    """The boxes that priors overlap most, by the threshold at least, and each box's own best prior.

    `row` has room for the overlaps of one box; `words` are the bits of the same memory.
    """
    for p in range(np.uint64(matched.size)):
        matched[p] = -1
        best[p] = threshold
    for g in range(start, stop):
        overlaps(boxes[g], priors, row)
        improve(row, matched, best, g - start)
        forced[g] = first(words)


def improve(row: Any, matched: Any, best: Any, g: int) -> None:
    """Match the priors with a box that they overlap more than those before, or as the first one enough."""
    for p in range(np.uint64(row.size)):
        better = (row[p] > best[p]) | ((row[p] == best[p]) & (matched[p] < 0))
        matched[p] = g if better else matched[p]
        best[p] = row[p] if better else best[p]


def first(words: Any) -> int:
    """The place of the first of the largest: overlaps, of at least 0, are ordered as their bits are."""
    top = np.int64(0)
    for p in range(np.uint64(words.size)):
        top = max(top, words[p])
    where = 0
    while words[where] != top:
        where += 1
    return where


# -- Hard negatives ----------------------------------------------------------------------------------------------------


def hardest(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Mark the rows that are matched, and so many of each image's others as have the largest losses."""
    losses, matched, counts = inputs
    chosen, heaps = outputs
    for b in prange(matched.shape[0]):
        negatives(losses[b], matched[b], chosen[b], heaps[b], counts[b])


def negatives(losses: Any, matched: Any, chosen: Any, heap: Any, count: int) -> None:
    """Those of one image, by a heap of the `count` hardest so far, the easiest of them on top."""
    size = 0
    for p in range(np.uint64(matched.size)):
        chosen[p] = matched[p] >= 0
    for p in range(matched.size):
        # Nearly all rows end here, and need not be compared any closer.
        if chosen[p] or count == 0 or (size == count and losses[p] < losses[heap[0]]):
            continue
        if size < count:
            heap[size] = p
            size += 1
            raised(heap, losses, size - 1)
        elif easier(losses, heap[0], p):
            heap[0] = p
            sunk(heap, losses, size)
    for k in range(size):
        chosen[heap[k]] = True


def easier(losses: Any, a: int, b: int) -> bool:
    """Whether row `a` goes before row `b` is left out: of rows as hard, the last goes. NaN is the hardest of all."""
    x, y = losses[a], losses[b]
    if x != x or y != y:
        return x == x or (y != y and a > b)
    return x < y or (x == y and a > b)


def raised(heap: Any, losses: Any, k: int) -> None:
    """Bring the last row of a heap to its place."""
    while k > 0 and easier(losses, heap[k], heap[(k - 1) // 2]):
        heap[k], heap[(k - 1) // 2] = heap[(k - 1) // 2], heap[k]
        k = (k - 1) // 2


def sunk(heap: Any, losses: Any, size: int) -> None:
    """The same for the first."""
    k = 0
    while 2 * k + 1 < size:
        child = 2 * k + 1
        if child + 1 < size and easier(losses, heap[child + 1], heap[child]):
            child += 1
        if not easier(losses, heap[child], heap[k]):
            break
        heap[k], heap[child] = heap[child], heap[k]
        k = child


# -- Suppression -------------------------------------------------------------------------------------------------------


def suppressed(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Mark which boxes of each class stay; those of a class follow one another, the highest score first."""
    boxes, offsets = inputs
    (kept,) = outputs
    threshold = numbers[0]
    for c in prange(offsets.size - 1):
        survivors(boxes, kept, offsets[c], offsets[c + 1], threshold)


def survivors(boxes: Any, kept: Any, start: int, stop: int, threshold: float) -> None:
    """Those of one class: each that is left suppresses the later ones that overlap it by more than the threshold."""
    x, y, u, v = boxes[0], boxes[1], boxes[2], boxes[3]
    for i in range(start, stop):
        kept[i] = True
    for i in range(start, stop):
        if kept[i]:
            for j in range(np.uint64(i + 1), np.uint64(stop)):
                over = pair(x[i], y[i], u[i], v[i], x[j], y[j], u[j], v[j]) > threshold
                kept[j] = kept[j] & (not over)
