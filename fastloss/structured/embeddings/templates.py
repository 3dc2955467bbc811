"""Loops over vectors, side by side or each by itself. The free names are ports; `compiled.py` completes them.

All sums over features are in float64, whatever the arrays' type: squares of float32 neither overflow nor vanish there.
Each sample is computed by one thread, so results have the same bits for any number of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...kernels.bind import port

LARGE, SMALL = 1e290, 1e-290
"""Outside these a sum of squares may have overflowed, or lost what vanished."""

UP, DOWN = 2.0**600, 2.0**-600

# Ports.
prange: Any = range
loss = draw = push = exponential = real = add = port
GRAD = False


def square(a: Any) -> float:
    """The sum of squares."""
    total = 0.0
    for k in range(np.uint64(a.size)):
        x = np.float64(a[k])
        total = add(total, x * x)
    return total


def squared(a: Any, b: Any) -> float:
    """The sum of squares of the difference of two vectors."""
    total = 0.0
    for k in range(np.uint64(a.size)):
        e = np.float64(a[k]) - np.float64(b[k])
        total = add(total, e * e)
    return total


def squares(a: Any, b: Any, ra: float, rb: float, unit: float) -> float:
    """The same of `unit` times the difference of two vectors, each in a unit of its own."""
    total = 0.0
    for k in range(np.uint64(a.size)):
        e = (ra * np.float64(a[k]) - rb * np.float64(b[k])) * unit
        total = add(total, e * e)
    return total


def direction(a: Any) -> tuple[float, float]:
    """The reciprocal of a vector's length; and what half its squared distance from another lacks to 1 - cos.

    One of no length has no direction, and lacks a half: its cosine with anything is 0.
    """
    total, unit = square(a), 1.0
    if not SMALL < total < LARGE:
        unit = DOWN if total > 1.0 else UP
        total = squares(a, a, unit, 0.0, 1.0)
    inverse = unit / math.sqrt(total)
    nothing = inverse > 1.7e308
    return 0.0 if nothing else inverse, 0.5 if nothing else 0.0


def apart(a: Any, b: Any, metric: float, ra: float, rb: float, lack: float) -> tuple[float, float, float, float, float]:
    """The distance, and what its gradient is: a factor of the difference of the vectors, in these units."""
    unit = 1.0
    total = squares(a, b, ra, rb, unit) if metric == 2.0 else squared(a, b)
    if metric < 2.0 and not SMALL < total < LARGE:
        ra = rb = DOWN if total > 1.0 else 1.0
        unit = 1.0 if total > 1.0 else UP
        total = squares(a, b, ra, rb, unit)
    shrunk = ra * unit
    if metric == 0.0:
        root = math.sqrt(total)
        return root / shrunk, 0.0 if root == 0.0 else 1.0 / root, ra, rb, unit
    if metric == 1.0:
        return total / shrunk / shrunk, 2.0 / shrunk, ra, rb, unit
    return turned(total, lack), 1.0, ra, rb, unit


def turned(total: float, lack: float) -> float:
    """1 - cos, of the squared distance of two directions; exactly 1 where one is none, so that such distances tie."""
    return 0.5 * total if lack == 0.0 else 1.0 + 0.0 * total


def directions(a: Any, b: Any, metric: float) -> tuple[float, float, float]:
    """The units of two vectors; and what half their squared distance lacks to 1 - cos."""
    if metric < 2.0:
        return 1.0, 1.0, 0.0
    ra, la = direction(a)
    rb, lb = direction(b)
    return ra, rb, la + lb


def pairs(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each pair of vectors by its label."""
    for i in prange(outputs[0].size):
        outputs[0][i] = pair(inputs, outputs, numbers, i)


def pair(inputs: Any, outputs: Any, numbers: Any, i: int) -> Any:
    """One of them, weighted."""
    a, b, weight = inputs[0][i], inputs[1][i], inputs[2][i]
    margin, scale, metric = numbers[0], numbers[1], numbers[2]
    if weight == 0.0:
        if GRAD:
            clear(outputs[1][i])
            clear(outputs[2][i])
        return 0.0
    ra, rb, lack = directions(a, b, metric)
    d, steep, ra, rb, unit = apart(a, b, metric, ra, rb, lack)
    value, slope = loss(d, inputs[3][i], margin)
    if GRAD:
        ga, gb = outputs[1][i], outputs[2][i]
        c = slope * weight * scale * steep
        turn = d if metric == 2.0 else 0.0
        ca, cb = (c * ra, c * rb) if metric == 2.0 else (c, c)
        if slope == 0.0:
            clear(ga)
            clear(gb)
            return value * weight
        for k in range(np.uint64(a.size)):
            x, y = ra * np.float64(a[k]), rb * np.float64(b[k])
            e = (x - y) * unit
            ga[k] = ca * (e - turn * x)
            gb[k] = 0.0 - cb * (e + turn * y)
    return value * weight


def triplets(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each anchor, what belongs to it, and what does not."""
    for i in prange(outputs[0].size):
        outputs[0][i] = triplet(inputs, outputs, numbers, i)


def triplet(inputs: Any, outputs: Any, numbers: Any, i: int) -> Any:
    """One of them, weighted. With a swap, the negative may be nearer to the positive than to the anchor."""
    a, p, n, weight = inputs[0][i], inputs[1][i], inputs[2][i], inputs[3][i]
    margin, scale, metric, swap = numbers[0], numbers[1], numbers[2], numbers[3]
    if weight == 0.0:
        if GRAD:
            clear(outputs[1][i])
            clear(outputs[2][i])
            clear(outputs[3][i])
        return 0.0
    ra, rp, lack = directions(a, p, metric)
    near, steep, ra, rp, unit = apart(a, p, metric, ra, rp, lack)
    ro, rn, lack = directions(a, n, metric)
    far, fall, ro, rn, whole = apart(a, n, metric, ro, rn, lack)
    swapped = False
    if swap != 0.0:
        rs, rm, lack = directions(p, n, metric)
        other, drop, rs, rm, part = apart(p, n, metric, rs, rm, lack)
        swapped = not far <= other  # also where it is not a number
        if swapped:
            far, fall, ro, rn, whole = other + 0.0 * far, drop, rs, rm, part
    value, slope = loss(near, far, margin)
    if GRAD:
        ga, gp, gn = outputs[1][i], outputs[2][i], outputs[3][i]
        if slope == 0.0:
            clear(ga)
            clear(gp)
            clear(gn)
            return value * weight
        c = slope * weight * scale
        angular = metric == 2.0
        turn, lean = (near, far) if angular else (0.0, 0.0)
        ca, cp = (c * steep * ra, c * steep * rp) if angular else (c * steep, c * steep)
        co, cn = (c * fall * ro, c * fall * rn) if angular else (c * fall, c * fall)
        for k in range(np.uint64(a.size)):
            x, y, z = np.float64(a[k]), np.float64(p[k]), np.float64(n[k])
            o = ro * (y if swapped else x)
            x, y, z = ra * x, rp * y, rn * z
            e, f = (x - y) * unit, (o - z) * whole
            here = co * (f - lean * o)
            ga[k] = ca * (e - turn * x) - (0.0 if swapped else here)
            gp[k] = 0.0 - cp * (e + turn * y) - (here if swapped else 0.0)
            gn[k] = cn * (f + lean * z)
    return value * weight


def units(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Vectors of length 1, and the reciprocals of the lengths; one without a direction becomes 0."""
    for i in prange(outputs[0].size):
        outputs[0][i] = unit_of(inputs[0][i], outputs[1][i])


def unit_of(x: Any, y: Any) -> Any:
    """One of them."""
    inverse, _ = direction(x)
    for k in range(np.uint64(x.size)):
        y[k] = inverse * np.float64(x[k])
    return inverse


def projected(inputs: Any, outputs: Any, numbers: Any) -> None:
    """Gradients by vectors of length 1 become those by the vectors that they are made of."""
    for i in prange(inputs[1].size):
        project(outputs[0][i], inputs[0][i], inputs[1][i] * numbers[0])


def project(g: Any, y: Any, factor: float) -> None:
    """One of them: what points along the vector does not change its direction."""
    along = 0.0
    for k in range(np.uint64(y.size)):
        along = add(along, np.float64(g[k]) * np.float64(y[k]))
    for k in range(np.uint64(y.size)):
        g[k] = (np.float64(g[k]) - along * np.float64(y[k])) * factor


def circles(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each row of similarities by the labels; they become their gradient."""
    classes, weights = inputs
    first, margin, gamma = numbers
    for i in prange(weights.size):
        # Numba's parallel loops take stores to an array that was unpacked from a tuple for dead.
        outputs[0][i] = circle(outputs[1][i], classes, first + i, weights[i], real(margin), real(gamma))


def circle(s: Any, classes: Any, own: int, weight: float, margin: Any, gamma: Any) -> Any:
    """One of them, weighted."""
    if weight == 0.0:
        clear(s)
        return 0.0
    mine = classes[own]
    near = far = real(-np.inf)
    odd = real(0.0)
    for j in range(np.uint64(s.size)):
        same = classes[j] == mine
        x = draw(s[j], margin, gamma)[0] if same else push(s[j], margin, gamma)[0]
        odd = add(odd, real(0.0) * x)  # the maxima may pass over a NaN
        near = x if same and np.int64(j) != own and x > near else near
        far = x if not same and x > far else far
    pull = rest = 0.0
    for j in range(np.uint64(s.size)):
        same = classes[j] == mine
        x = draw(s[j], margin, gamma)[0] if same else push(s[j], margin, gamma)[0]
        e = exponential(x - (near if same else far))
        e = real(0.0) if np.int64(j) == own else e
        pull = add(pull, np.float64(e if same else real(0.0)))
        rest = add(rest, np.float64(real(0.0) if same else e))
    top = (np.float64(near) + np.float64(far)) + (math.log(pull) + math.log(rest)) + np.float64(odd)
    e = math.exp(-abs(top))
    value = max(top, 0.0) + math.log1p(e) + 0.0 * top
    if GRAD:
        lean = weight * (1.0 if top >= 0.0 else e) / (1.0 + e) + 0.0 * top
        together, others = real(lean / pull), real(lean / rest)
        for j in range(np.uint64(s.size)):
            same = classes[j] == mine
            x, slope = draw(s[j], margin, gamma) if same else push(s[j], margin, gamma)
            e = exponential(x - (near if same else far)) * slope * (together if same else others)
            s[j] = real(0.0) if np.int64(j) == own else e
    return value * weight


def clear(x: Any) -> None:
    """A gradient of 0."""
    for k in range(np.uint64(x.size)):
        x[k] = 0.0
