"""Losses that consist of straight pieces: where each row's slope jumps, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[Any]

FAR = float(1 << 20)
"""How far kinks are looked for, in units of the scores' size."""
ROUNDS = 8
"""Of tangents that meet, and tangents a row: of K kinks a row K are enough."""
SAME = 1e-9
"""The share of a row's steepest slope by which slopes of one piece may differ: of rounding."""
NEAR = 1e-13
"""The share of a row's largest number by which values on one piece may differ: of rounding."""
LOOKS = 3
"""Scores of each row at which the pieces must have the loss's value."""
ROWS = 1 << 16
"""Of a block."""


class Pieces(NamedTuple):
    """A convex loss of straight pieces: ``first * score`` and ``jumps * max(score[rows] - kinks, 0)``, and a number."""

    first: Vector
    """Each row's slope below its kinks."""
    rows: NDArray[Any]
    kinks: Vector
    jumps: Vector
    """By how much the slope rises there."""


class _Ends(NamedTuple):
    """Some rows' loss at two scores of each: values and slopes."""

    rows: NDArray[Any]
    low: Vector
    high: Vector
    value_low: Vector
    value_high: Vector
    slope_low: Vector
    slope_high: Vector

    def of(self, some: NDArray[Any]) -> _Ends:
        """Those of some of the rows."""
        return _Ends(*(x[some] for x in self))

    def meeting(self) -> Vector:
        """The score at which the tangents at the two ends meet."""
        rise = self.value_high - self.value_low - self.slope_high * (self.high - self.low)
        found: Vector = self.low + rise / (self.slope_low - self.slope_high)
        return found


def pieces(loss: Any, target: NDArray[Any], around: Vector, reach: float) -> Pieces | None:
    """Those of a loss of each row, about scores that predict its target; None of a loss that bends, also downwards.

    The tangents at two scores meet in the one kink between these, else below the loss: there is a third tangent.
    """
    found: list[Pieces] = []
    for low in range(0, len(target), ROWS):
        part = slice(low, low + ROWS)
        with np.errstate(all="ignore"):
            some = _found(loss, target[part], around[part], FAR * reach)
            if some is None or not _holds(some, loss, target[part], around[part], reach):
                return None
        found.append(some._replace(rows=some.rows + low))
    return Pieces(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _ends(loss: Any, target: NDArray[Any], rows: NDArray[Any], low: Vector, high: Vector) -> _Ends:
    (a, slope_a), (b, slope_b) = (
        loss.value_and_grad(x, target[rows], reduction="none") for x in (low, high)
    )  # fmt: skip
    return _Ends(rows, low, high, a, b, slope_a, slope_b)


def _found(loss: Any, target: NDArray[Any], around: Vector, far: float) -> Pieces | None:
    ends = _ends(loss, target, np.arange(len(target)), around - far, around + far)
    first, steep = ends.slope_low, np.maximum(np.abs(ends.slope_low), np.abs(ends.slope_high))
    size = steep * (far + np.abs(around))
    kinks: list[_Ends] = []
    for _ in range(ROUNDS):
        jump = ends.slope_high - ends.slope_low
        least = SAME * steep[ends.rows]
        if not (jump >= -least).all() or len(jump) > ROUNDS * len(target):  # a NaN, too
            return None
        ends = ends.of(jump > least)
        if not len(ends.rows):
            break
        place = ends.meeting()
        value, slope = loss.value_and_grad(place, target[ends.rows], reduction="none")
        meet = np.abs(value - ends.value_low - ends.slope_low * (place - ends.low)) <= NEAR * size[ends.rows]
        kinks.append(ends.of(meet))
        rest, place, value, slope = ends.of(~meet), place[~meet], value[~meet], slope[~meet]
        below = rest._replace(high=place, value_high=value, slope_high=slope)
        above = rest._replace(low=place, value_low=value, slope_low=slope)
        ends = _Ends(*(np.concatenate(pair) for pair in zip(below, above, strict=True)))
    else:
        return None
    if not kinks:
        kinks.append(ends)
    whole = _Ends(*(np.concatenate(parts) for parts in zip(*kinks, strict=True)))
    return Pieces(first, whole.rows, _exact(loss, target, whole, 1e-9 * far), whole.slope_high - whole.slope_low)


def _exact(loss: Any, target: NDArray[Any], kinks: _Ends, near: float) -> Vector:
    """Where tangents meet at scores that are near: of those far away their rounding is left."""
    place = kinks.meeting()
    ends = _ends(loss, target, kinks.rows, place - near, place + near)
    least = SAME * np.maximum(np.abs(kinks.slope_low), np.abs(kinks.slope_high))
    same = np.abs(ends.slope_low - kinks.slope_low) <= least
    same &= np.abs(ends.slope_high - kinks.slope_high) <= least
    return np.where(same, ends.meeting(), place)


def _holds(found: Pieces, loss: Any, target: NDArray[Any], around: Vector, reach: float) -> bool:
    """Whether the loss rises between scores chosen at random as its pieces do."""
    rng, n = np.random.default_rng(2), len(target)
    last: Any = None
    for _ in range(LOOKS + 1):
        scores = around + reach * rng.normal(size=n)
        value = np.asarray(loss(scores, target, reduction="none"))
        above = found.jumps * np.maximum(scores[found.rows] - found.kinks, 0.0)
        rest = value - found.first * scores - np.bincount(found.rows, above, n)
        slope = np.abs(found.first) + np.bincount(found.rows, found.jumps, n)
        size = slope * (reach + np.abs(around)) + np.abs(value)
        if last is not None and not (np.abs(rest - last) <= SAME * size).all():
            return False
        last = rest
    return True
