"""Loops of penalties: over groups of coefficients, over neighbours along an axis, and the steps to piecewise constants.

The free names are ports; `structured/compiled.py` completes them. What one thread does is a group, or a piece of a
line, so that results have the same bits for any number of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.bind import port

PIECE = 8_192
"""Coefficients of a line whose steps' sum is one term."""

STRIP = 1_024
"""Coefficients whose steps are added in the type of the arithmetic before the sum becomes a float64."""

# Ports.
prange: Any = range
real = add = port
GRAD = PROX = ORDERED = False


# -- Groups ------------------------------------------------------------------------------------------------------------


def groups(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The norm of each group, whose members' places follow one another in `order`; and what becomes of the members."""
    w, order, begins, roots = inputs
    norms = outputs[0]
    for g in prange(norms.size):
        start, stop, factor = begins[g], begins[g + 1], numbers[0] * roots[g]
        norms[g] = norm(w, order, start, stop)
        if GRAD:
            times(w, order, start, stop, outputs[1], factor / norms[g] if norms[g] != 0.0 else 0.0)
        if PROX:
            times(w, order, start, stop, outputs[1], share(norms[g], factor))


def share(length: float, off: float) -> float:
    """What is left of a vector of this length that becomes shorter by `off`; NaN of NaN."""
    if length <= off or length == 0.0:
        return 0.0
    return (length - off) / length if length < np.inf else 1.0 + 0.0 * length


def place(order: Any, k: int) -> Any:
    """Where the k-th member of all groups is."""
    return order[k] if ORDERED else k


def norm(w: Any, order: Any, start: int, stop: int) -> float:
    """The Euclidean length, which overflows only where it is too large itself."""
    total = 0.0
    for k in range(start, stop):
        x = np.float64(w[place(order, k)])
        total += x * x
    return np.sqrt(total) if 1e-280 < total < 1e300 or total != total else far(w, order, start, stop)


def far(w: Any, order: Any, start: int, stop: int) -> float:
    """The same where squares are too large or too small."""
    top = 0.0
    for k in range(start, stop):
        top = max(top, np.float64(abs(w[place(order, k)])))
    if top == 0.0 or top == np.inf:
        return top
    total = 0.0
    for k in range(start, stop):
        x = np.float64(w[place(order, k)]) / top
        total += x * x
    return top * np.sqrt(total)  # type: ignore[no-any-return]


def times(w: Any, order: Any, start: int, stop: int, to: Any, factor: float) -> None:
    """A group's coefficients, each times a factor."""
    for k in range(start, stop):
        m = place(order, k)
        to[m] = factor * np.float64(w[m])


# -- Steps between neighbours ------------------------------------------------------------------------------------------


def sign(x: Any) -> Any:
    """0 of 0, NaN of NaN."""
    return real(1.0) if x > real(0.0) else (real(-1.0) if x < real(0.0) else x)


def along(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Steps within the rows of a matrix: their sizes' sum for each piece, and the sum's derivatives, added."""
    (w,) = inputs
    sums = outputs[0]
    rows, n = w.shape
    pieces = (n + PIECE - 1) // PIECE
    for q in prange(rows * pieces):
        row, start = q // pieces, (q % pieces) * PIECE
        sums[q] = piece(w[row], outputs, row, start, min(n, start + PIECE), real(numbers[0]))


def piece(w: Any, outputs: Any, row: int, start: int, stop: int, factor: Any) -> float:
    """The steps to the elements from `start` to `stop`, and the derivatives by these."""
    total, n = 0.0, w.size
    for low in range(start, stop, STRIP):
        total += np.float64(strip(w, max(low, 1), min(stop, low + STRIP)))
    if GRAD:
        grad = outputs[1][row]
        for i in range(np.uint64(max(start, 1)), np.uint64(min(stop, n - 1))):
            grad[i] += factor * (sign(w[i] - w[i - np.uint64(1)]) - sign(w[i + np.uint64(1)] - w[i]))
        if start == 0 and n > 1:
            grad[0] -= factor * sign(w[1] - w[0])
        if stop == n and n > 1:
            grad[n - 1] += factor * sign(w[n - 1] - w[n - 2])
    return total


def strip(w: Any, start: int, stop: int) -> Any:
    """The sum of the sizes of the steps to these elements."""
    total = real(0.0)
    for i in range(np.uint64(start), np.uint64(max(start, stop))):
        total = add(total, abs(w[i] - w[i - np.uint64(1)]))
    return total


def across(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The same between the rows of each of several matrices."""
    (w,) = inputs
    sums = outputs[0]
    n = w.shape[1]
    for q in prange(w.shape[0] * n):
        b, i = q // n, q % n
        here, before, after = w[b, i], w[b, max(i - 1, 0)], w[b, min(i + 1, n - 1)]
        sums[q] = beside(here, before)
        if GRAD:
            slopes(here, before, after, outputs[1][b, i], real(numbers[0]))


def beside(here: Any, before: Any) -> float:
    """The sum of the sizes of the steps from one row to another."""
    total = 0.0
    for low in range(0, here.size, STRIP):
        part = real(0.0)
        for j in range(np.uint64(low), np.uint64(min(here.size, low + STRIP))):
            part = add(part, abs(here[j] - before[j]))
        total += np.float64(part)
    return total


def slopes(here: Any, before: Any, after: Any, grad: Any, factor: Any) -> None:
    """The derivatives by the elements of one row, added; the first and the last row are their own neighbours."""
    for j in range(np.uint64(here.size)):
        grad[j] += factor * (sign(here[j] - before[j]) - sign(after[j] - here[j]))


# -- The nearest line with a small sum of steps ------------------------------------------------------------------------


def smoothed(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The x for which |x - y|^2 / 2 + k sum |x_(i+1) - x_i| is smallest, by dynamic programming (N. Johnson, 2013).

    The derivative of the best cost of the first elements, as a function of the last one's place, is piecewise linear
    and rises. Of it, cut off at -k and at k, the knots are kept between two ends of the arrays: where each is, and what
    slope and intercept change by. Each is made once and passed once, so time is linear.
    """
    (y,) = inputs
    x, low, high, place, turn, lift = outputs
    k, n = numbers[0], y.size
    left, right = n, n - 1  # the knots are those from `left` to `right`
    cut = 0.0  # before the first element there is nothing to cut off
    for i in range(n - 1):
        # From the left: a piece of slope 1, up from -k.
        slope, start = 1.0, -cut - y[i]
        while left <= right and slope * place[left] + start < -k:
            slope += turn[left]
            start += lift[left]
            left += 1
        low[i] = (-k - start) / slope
        # From the right: a piece of slope 1, up to k.
        last, end = 1.0, cut - y[i]
        while left <= right and last * place[right] + end > k:
            last -= turn[right]
            end -= lift[right]
            right -= 1
        high[i] = (k - end) / last
        left -= 1
        place[left], turn[left], lift[left] = low[i], slope, start + k
        right += 1
        place[right], turn[right], lift[right] = high[i], -last, k - end
        cut = k
    slope, start = 1.0, -k - y[n - 1]
    while left <= right and slope * place[left] + start < 0.0:
        slope += turn[left]
        start += lift[left]
        left += 1
    x[n - 1] = -start / slope
    for i in range(n - 2, -1, -1):
        x[i] = min(max(x[i + 1], low[i]), high[i])
