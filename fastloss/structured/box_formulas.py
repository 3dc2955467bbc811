"""What is computed of two boxes: plain functions of numbers, each axis apart, which the kernels are completed with.

An axis is six numbers: how far the box's low end lies above that of the other, its high end likewise, its width, the
other's, the width that both share (negative where they are apart), and by how much the other is wider. So each format
of boxes has a function for its axes alone, and differences are taken of what the caller passed. Then all lengths are
divided by that of the axis which holds both boxes: overlaps do not change, and no area overflows or underflows.

1 - IoU is the area that one box has alone, divided by the union: a sum of products of at least 0, in which nothing
cancels where the boxes are nearly the same.
"""

from __future__ import annotations

import math

Axis = tuple[float, float, float, float, float, float]
Result = tuple[float, float, float, float, float]
"""The loss, and its derivatives by the low and high end of the first axis and of the second."""


# -- Axes of the formats -----------------------------------------------------------------------------------------------


def corner_axis(a: float, b: float, c: float, d: float) -> Axis:
    """Of the ends a, b and c, d."""
    low, high = a - c, b - d
    width, other = b - a, d - c
    # The comparisons may pass over a NaN, the product does not.
    shared = (b if b < d else d) - (a if a > c else c) + 0.0 * (width + other)
    return low, high, width, other, shared, low - high


def center_axis(a: float, width: float, c: float, other: float) -> Axis:
    """Of the centers a, c and the widths."""
    d, half = a - c, 0.5 * (width - other)
    # No end of a box within the other counts, whose distance from the center would take the digits of its width.
    least, across = width if width < other else other, 0.5 * (width + other) - math.fabs(d)
    shared = least if least < across else across
    return d - half, d + half, width, other, shared + 0.0 * (width + other), other - width


def corner_slopes(low: float, high: float) -> tuple[float, float]:
    """The derivatives by what the format stores, of those by the ends."""
    return low, high


def center_slopes(low: float, high: float) -> tuple[float, float]:
    """The same for center and width."""
    return low + high, 0.5 * (high - low)


# -- Overlap -----------------------------------------------------------------------------------------------------------


def iou(x1: float, y1: float, x2: float, y2: float, u1: float, v1: float, u2: float, v2: float) -> float:
    """Intersection over union, exact where the areas are, and exactly 1 of a box with itself: thresholds compare it.

    Each product is rounded before it is added: a choice stands between the two, or a fused operation would round once.
    """
    w = (x2 if x2 < u2 else u2) - (x1 if x1 > u1 else u1)
    h = (y2 if y2 < v2 else v2) - (y1 if y1 > v1 else v1)
    shared = positive(positive(w) * positive(h))
    area, other = (x2 - x1) * (y2 - y1), (u2 - u1) * (v2 - v1)
    union = (area if area > other else other) + ((other if area > other else area) - shared)
    return shared / union if union != 0.0 else 0.0 * union


def positive(x: float) -> float:
    """x, and 0 for what is negative."""
    return x if x > 0.0 else 0.0


def step(x: float) -> float:
    """1 above 0, 0 below, and the mean of both at 0."""
    return 1.0 if x > 0.0 else 0.0 if x < 0.0 else 0.5


def inverse(x: float) -> float:
    """1 / x, and 0 of 0: what has no size takes no part."""
    return 1.0 / x if x != 0.0 else 0.0


def scaled(axis: Axis) -> tuple[float, float, float, float, float, float]:
    """What the box has beyond the other, the other beyond it, their widths, what they share; what all is divided by."""
    low, high, width, other, shared, _ = axis
    beyond, lacking = positive(high) + positive(-low), positive(low) + positive(-high)
    s = inverse(width + lacking)
    return beyond * s, lacking * s, width * s, other * s, shared * s, s


def both(x: Axis, y: Axis) -> tuple[float, float, float, float, float, float, float]:
    """1 - IoU, the union; and by how much a step inwards or outwards changes the first, on either axis; 0 or NaN."""
    ex, fx, wx, gx, ix, sx = scaled(x)
    ey, fy, wy, gy, iy, sy = scaled(y)
    meet = (ix if ix < iy else iy) > 0.0
    shared = ix * iy if meet else 0.0
    alone = (wy * ex + ix * ey) + (gy * fx + ix * fy) if meet else wx * wy + gx * gy
    union = shared + alone
    r = inverse(union)
    distance = alone * r if union != 0.0 else 1.0
    nothing = 0.0 * distance
    inx = (iy * r) * ((gx * gy + wy * ex) * r) * sx if meet else nothing
    iny = (ix * r) * ((gx * gy + wx * ey) * r) * sy if meet else nothing
    outx = (shared * r) * (wy * r) * sx if meet else nothing
    outy = (shared * r) * (wx * r) * sy if meet else nothing
    return distance, union, inx, outx, iny, outy, nothing


def ends(low: float, high: float, inwards: float, outwards: float) -> tuple[float, float]:
    """The derivatives by the ends of an axis: each end outside the other box takes `outwards`, inside it `inwards`."""
    out, inside = step(-low), step(high)
    return (1.0 - out) * inwards - out * outwards, inside * outwards - (1.0 - inside) * inwards


# -- Losses ------------------------------------------------------------------------------------------------------------


def iou_loss(x: Axis, y: Axis) -> Result:
    """1 - IoU."""
    distance, _, inx, outx, iny, outy, _ = both(x, y)
    x1, x2 = ends(x[0], x[1], inx, outx)
    y1, y2 = ends(y[0], y[1], iny, outy)
    return distance, x1, x2, y1, y2


def giou_loss(x: Axis, y: Axis) -> Result:
    """1 - IoU, and the share of the box around both that neither covers."""
    distance, union, inx, outx, iny, outy, nothing = both(x, y)
    ex, fx, wx, gx, ix, sx = scaled(x)
    ey, fy, wy, gy, iy, sy = scaled(y)
    meet = (ix if ix < iy else iy) > 0.0
    # Of boxes that meet, a corner is empty where one box ends on one axis and the other on the other.
    sx, sy = sx if sy != 0.0 else 0.0, sy if sx != 0.0 else 0.0
    gap = ex * fy + fx * ey if meet else positive(1.0 - union) if sx != 0.0 else 0.0
    # What the other has beyond on one axis less the gap, written out: both are near 1 where boxes are far apart.
    restx = fy * (fx + ix) - fx * ey if meet else gx * gy - fx * wy
    resty = fx * (fy + iy) - fy * ex if meet else gx * gy - fy * wx
    x1, x2 = ends(x[0], x[1], inx + (ey if meet else wy) * sx, outx + restx * sx)
    y1, y2 = ends(y[0], y[1], iny + (ex if meet else wx) * sy, outy + resty * sy)
    return distance + gap, x1 + nothing, x2 + nothing, y1 + nothing, y2 + nothing


def apart(x: Axis, y: Axis) -> tuple[float, float, float, float, float, float, float]:
    """The squared distance of the centers in squared diagonals of the box around both, and what its slopes are of."""
    cx, cy = x[2] + positive(x[0]) + positive(-x[1]), y[2] + positive(y[0]) + positive(-y[1])
    t = inverse(cx if cx > cy else cy)
    dx, dy = 0.5 * (x[0] + x[1]) * t, 0.5 * (y[0] + y[1]) * t
    kx, ky = cx * t, cy * t
    k = inverse(kx * kx + ky * ky)
    p = (dx * dx + dy * dy) * k
    return p, dx * k * t, dy * k * t, 2.0 * p * kx * k * t, 2.0 * p * ky * k * t, t, k


def distant(axis: Axis, nearer: float, wider: float) -> tuple[float, float]:
    """The derivatives of that distance by the ends of an axis."""
    return nearer + step(-axis[0]) * wider, nearer - step(axis[1]) * wider


def diou_loss(x: Axis, y: Axis) -> Result:
    """1 - IoU, and the squared distance of the centers in squared diagonals of the box around both."""
    p, nx, ny, ox, oy, _, _ = apart(x, y)
    a1, a2 = distant(x, nx, ox)
    b1, b2 = distant(y, ny, oy)
    loss, x1, x2, y1, y2 = iou_loss(x, y)
    return loss + p, x1 + a1, x2 + a2, y1 + b1, y2 + b2


def ciou_loss(x: Axis, y: Axis) -> Result:
    """That of `diou_loss`, and alpha v for the aspect, with alpha taken for a constant."""
    loss, x1, x2, y1, y2 = diou_loss(x, y)
    distance = iou_loss(x, y)[0]
    w, h, g, k = x[2], y[2], x[3], y[3]
    s = inverse(w if w > h else h)
    a, b = w * s, h * s
    # The difference of two arcs' tangents by its own tangent: nothing cancels where the aspects are nearly the same.
    run, near = b * k + a * g, math.fabs(x[5]) * b + a * math.fabs(y[5])
    rise = x[5] * b - a * y[5] if near < run else g * b - a * k  # of a box beside a much larger one
    slope = rise / run if run != 0.0 else INF if rise > 0.0 else -INF if rise < 0.0 else 0.0
    angle = math.atan(slope)
    v = 4.0 / (math.pi * math.pi) * angle * angle
    alpha = v * inverse(distance + v)
    turn = alpha * (8.0 / (math.pi * math.pi)) * angle * s * inverse(a * a + b * b)
    return loss + alpha * v, x1 + turn * b, x2 - turn * b, y1 - turn * a, y2 + turn * a


INF = math.inf

LOSSES = (iou_loss, giou_loss, diou_loss, ciou_loss)
