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
GRAD = PROX = ORDERED = HEADS = False


# -- Groups ------------------------------------------------------------------------------------------------------------


def groups(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The norm of each group, whose members' places follow one another in `order`; and what becomes of the members."""
    w, order, begins, roots = inputs
    norms = outputs[0]
    for g in prange(norms.size):
        start, stop, factor = begins[g], begins[g + 1], numbers[0] * roots[g]
        norms[g] = norm(w, order, start, stop)
        if GRAD and norms[g] != 0.0:
            times(w, order, start, stop, outputs[1], factor, norms[g])
        if PROX:
            times(w, order, start, stop, outputs[1], share(norms[g], factor), 1.0)


def share(length: float, off: float) -> float:
    """What is left of a vector of this length that becomes shorter by `off`; NaN of NaN."""
    if length <= off or length == 0.0:
        return 0.0
    return 1.0 if length == np.inf else (length - off) / length


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


def times(w: Any, order: Any, start: int, stop: int, to: Any, factor: float, length: float) -> None:
    """A group's coefficients over a length, times a factor; the factor over the length might overflow."""
    for k in range(start, stop):
        m = place(order, k)
        to[m] = factor * (np.float64(w[m]) / length)


# -- Steps between neighbours ------------------------------------------------------------------------------------------


def sign(x: Any) -> Any:
    """0 of 0, NaN of NaN."""
    return real(1.0) if x > real(0.0) else (real(-1.0) if x < real(0.0) else x)


def steps(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Steps within lines from each element to the one `lag` places on: the sum of their sizes, and its derivatives.

    Each line is gone through in pieces, each with a sum of its own; derivatives are added to what is there. With
    `HEADS`, a line holds many short ones, of which `heads` has the first elements marked; a piece holds whole ones.
    """
    w, heads = inputs
    sums = outputs[0]
    lag, length = numbers[1], numbers[2]
    pieces = (w.shape[1] + length - 1) // length
    for q in prange(sums.size):
        line, start = q // pieces, (q % pieces) * length
        stop = min(w.shape[1], start + length)
        sums[q] = piece(w[line], heads, lag, start, stop)
        if GRAD:
            slopes(w[line], heads, lag, start, stop, outputs[1][line], real(numbers[0]))


def piece(w: Any, heads: Any, lag: int, start: int, stop: int) -> float:
    """The sum of the sizes of the steps to the elements from `start` to `stop`."""
    total = 0.0
    for low in range(start, stop, STRIP):
        part = real(0.0)
        for i in range(np.uint64(max(low, lag)), np.uint64(max(lag, min(stop, low + STRIP)))):
            part = add(part, abs(step(w, heads, i, np.uint64(lag), np.uint64(start))))
        total += np.float64(part)
    return total


def step(w: Any, heads: Any, i: Any, lag: Any, start: Any) -> Any:
    """The step to an element; 0 to the first ones of a short line."""
    move = w[i] - w[i - lag]
    return real(0.0) if HEADS and heads[i - start] else move


def slopes(w: Any, heads: Any, lag: int, start: int, stop: int, grad: Any, factor: Any) -> None:
    """The derivatives by these elements, added: of the steps to them, less those of the steps from them."""
    off, begin = np.uint64(lag), np.uint64(start)
    last = max(lag, w.size - lag)
    for i in range(np.uint64(start), np.uint64(max(start, min(stop, lag, w.size - lag)))):
        grad[i] -= factor * sign(step(w, heads, i + off, off, begin))
    for i in range(np.uint64(max(start, lag)), np.uint64(max(start, lag, min(stop, last)))):
        grad[i] += factor * (sign(step(w, heads, i, off, begin)) - sign(step(w, heads, i + off, off, begin)))
    for i in range(np.uint64(max(start, last)), np.uint64(max(start, last, stop))):
        grad[i] += factor * sign(step(w, heads, i, off, begin))


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
