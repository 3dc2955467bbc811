"""Losses that have a kink: whether one has, and its Moreau envelope, which has none and is as close as one likes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.streams import Held
from .coordinates import blocks
from .links import scores_of
from .pieces import pieces as straight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SAMPLE = 64
"""Rows on whose targets a kink is looked for."""
PIECES = 16
"""Pieces of the line through each of these rows' scores."""
CUTS = 8
"""Pieces of one of them in which the slope changes more than it may without a kink, of one of these, and so on."""
SAME = 1e-6
"""How far second derivatives may lie apart, in shares of them, to count as one: Newton's steps do not mind."""


def slopes(loss: Any, scores: NDArray[Any], target: Any) -> NDArray[Any]:
    """The derivative of each row's loss by its scores."""
    return np.asarray(loss.value_and_grad(scores, target, reduction="sum")[1])


def middle(loss: Any, target: NDArray[Any], outputs: int) -> NDArray[Any]:
    """Scores about which a loss of each row is looked at: those that predict its target, or 0."""
    if outputs > 1 or loss.labelled is not None:
        return np.zeros(len(target))
    found = scores_of(loss, np.asarray(target, np.float64))
    return np.where(np.isfinite(found), found, 0.0)


def shape(loss: Any, target: NDArray[Any], outputs: int, reach: float) -> tuple[bool, float | None]:
    """Whether the slope jumps somewhere: on lines through the scores, cut again and again where it changes most.

    With it the second derivative, of a loss of one score that has the same all along these. `target` is as the loss
    takes it, a row for each sample; `reach` is how far the lines go.
    """
    rows = target[np.random.default_rng(0).integers(0, len(target), SAMPLE)]
    return _shape(loss, Held(rows), outputs, reach)


@lru_cache(64)  # a search fits the same few targets again and again: 0.6 ms of 3
def _shape(loss: Any, held: Held, outputs: int, reach: float) -> tuple[bool, float | None]:
    rng, rows = np.random.default_rng(1), held.array
    wide = (SAMPLE, outputs) if outputs > 1 else (SAMPLE,)
    around = middle(loss, rows, outputs).reshape(-1, *(1,) * (outputs > 1))
    low, high = around + reach * rng.normal(size=(2, *wide))
    step = (high - low) / PIECES
    length = np.abs(step) if outputs == 1 else np.sqrt((step * step).sum(axis=1))

    def along(low: NDArray[Any], step: NDArray[Any], rows: NDArray[Any], pieces: int) -> NDArray[Any]:
        """The slope on each line at the ends of its pieces, a row for each line."""
        places = np.arange(pieces + 1.0).reshape(-1, *(1,) * (outputs > 1))
        scores = (low[:, None] + places * step[:, None]).reshape(-1, *wide[1:])
        found = slopes(loss, scores, rows.repeat(pieces + 1, axis=0)) * step.repeat(pieces + 1, axis=0)
        return np.asarray(found if outputs == 1 else found.sum(axis=1)).reshape(-1, pieces + 1)

    ends = along(low, step, rows, PIECES)
    rise = np.diff(ends)
    bends = rise / (length * length)[:, None]
    bend = float(bends.mean())
    if outputs == 1 and bend > 0.0 and (np.abs(bends - bend) <= SAME * bend).all():
        return False, bend
    if outputs == 1 and straight(loss, rows, around, reach) is not None:
        return True, None
    least = 1e-4 * np.nanmax(np.abs(ends), initial=0.0) / length.max(initial=1e-300) * length
    line, piece = np.nonzero(np.abs(rise) > -np.inf)  # not where a slope is NaN
    low, part = low[line] + piece.reshape(-1, *(1,) * (outputs > 1)) * step[line], 1.0
    cuts = max(2, CUTS // outputs)  # of a thousand classes the scores at the ends of 8 would be 70 MB
    while part > 1e-9 and len(line):
        part /= cuts
        rise = np.abs(np.diff(along(low, part * step[line], rows[line], cuts))) / part
        best = rise.argmax(axis=1)
        go = rise[np.arange(len(line)), best] > least[line]
        low = low[go] + part * best[go].reshape(-1, *(1,) * (outputs > 1)) * step[line[go]]
        line = line[go]
    return bool(len(line)), None


class Envelope:
    """The mean of the Moreau envelope of a loss of elements, as a function of a linear model's coefficients.

    min over x of loss(x) + (x - score)^2 / (2 width): it is at most width / 2 times the square of the steepest slope
    below the loss, and its own slope rises by no more than 1 / width. J.-J. Moreau, "Proximité et dualité dans un
    espace hilbertien" (1965).
    """

    def __init__(
        self, loss: Any, X: Any, target: NDArray[Any], weight: NDArray[Any] | None, width: float, intercept: bool
    ) -> None:
        self.loss, self.X, self.target, self.weight = loss, X, target, weight
        self.width, self.intercept = width, intercept
        self.total = float(len(target)) if weight is None else float(weight.sum())
        self.known = np.full((2, len(target)), np.nan)
        """Each row's last kink: numbers below and above it."""

    def __call__(self, w: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """Value and gradient."""
        p, value, grad = self.X.shape[1], 0.0, np.zeros(len(w))
        for block, part, target, weight in self._blocks():
            scores = self._scores(block, w)
            points, _ = self.points(scores, target, self.known[:, part])
            move = scores - points
            each = move if weight is None else weight * move
            value += float(self.loss.value_and_grad(points, target, weight=weight, reduction="sum")[0])
            value += float(each @ move) / (2.0 * self.width)
            grad[:p] += block.T @ each
            grad[p:] += each.sum()
        return value / self.total, grad / (self.width * self.total)

    def value(self, w: NDArray[Any]) -> float:
        """The value alone."""
        return self(w)[0]

    def hess(self, w: NDArray[Any]) -> NDArray[Any]:
        """The Hessian: a row whose point is a kink has 1 / width, others have what is left of their own curvature."""
        p, found = self.X.shape[1], np.zeros((len(w), len(w)))
        for block, part, target, weight in self._blocks():
            points, stuck = self.points(self._scores(block, w), target, self.known[:, part])
            bends = np.zeros(len(points))
            if self.loss.order > 1:
                bends = np.maximum(self.loss.grad_and_hess(points, target, reduction="sum")[1], 0.0)
            bends = np.where(stuck, 1.0 / self.width, bends / (1.0 + self.width * bends))
            if weight is not None:
                bends *= weight
            keep = bends != 0.0
            some, bends = block[keep], bends[keep]
            whole = some.multiply(bends[:, None]) if hasattr(some, "multiply") else bends[:, None] * some
            product = some.T @ whole
            found[:p, :p] += product.toarray() if hasattr(product, "toarray") else product
            if self.intercept:
                found[p, :p] += some.T @ bends
                found[p, p] += bends.sum()
        found[:p, p:] = found[p:, :p].T
        return found / self.total

    def _blocks(self) -> Iterator[tuple[Any, slice, NDArray[Any], NDArray[Any] | None]]:
        for part, block in blocks(self.X):
            yield block, part, self.target[part], None if self.weight is None else self.weight[part]

    def _scores(self, block: Any, w: NDArray[Any]) -> NDArray[Any]:
        p = block.shape[1]
        return np.asarray(block @ w[:p] + (w[p] if self.intercept else 0.0))

    def points(
        self, scores: NDArray[Any], target: NDArray[Any], known: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """For each score the x for which loss(x) + (x - score)^2 / (2 width) is smallest; whether that is a kink.

        `known` has each row's last kink, or NaN, and is brought up to date.
        """
        first = self.width * slopes(self.loss, scores, target)
        x = scores - first
        last = self._rise(x, scores, target)
        # The root lies between x and the score of a convex loss: on these two sides the rise has two signs.
        noise = 4.0 * np.spacing(np.maximum(np.abs(x), np.abs(scores)))
        left = np.flatnonzero(np.abs(last) > np.maximum(noise, 1e-12 * np.abs(first)))
        stuck = np.zeros(len(x), bool)
        below, above = known[:, left]
        at = np.flatnonzero(below == below)
        rows = left[at]
        falls = self._rise(below[at], scores[rows], target[rows]) <= 0.0
        here = at[falls & (self._rise(above[at], scores[rows], target[rows]) >= 0.0)]
        x[left[here]], stuck[left[here]] = 0.5 * (below[here] + above[here]), True
        left = left[~stuck[left]]
        a, b, ha, hb = x[left], scores[left].copy(), last[left], first[left]
        least = noise[left]
        for k in range(100):
            if not len(left):
                break
            c = 0.5 * (a + b)
            if k < 3 or k % 8 == 7:  # else halved, so that a kink is found as fast as anything
                with np.errstate(all="ignore"):
                    secant = a - ha * ((b - a) / (hb - ha))
                c = np.where(np.isfinite(secant), secant, c)
            hc = self._rise(c, scores[left], target[left])
            same = (hc < 0.0) == (ha < 0.0)
            a, ha = np.where(same, c, a), np.where(same, hc, ha)
            b, hb = np.where(same, b, c), np.where(same, hb, hc)
            x[left] = c
            narrow = np.abs(b - a) <= least
            kink = narrow & (np.abs(hb - ha) > 1e3 * least)
            stuck[left] = kink
            known[:, left[kink]] = np.minimum(a, b)[kink], np.maximum(a, b)[kink]
            go = ~narrow & (np.abs(hc) > least)
            left, a, b, ha, hb, least = left[go], a[go], b[go], ha[go], hb[go], least[go]
        return x, stuck

    def _rise(self, x: NDArray[Any], scores: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(x - scores + self.width * slopes(self.loss, x, target))
