"""Parabolas that touch a loss at the score and are nowhere below it: their curvatures, by loss and of your own."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.limit import TooLong, limited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from .arranged import Arranged

    Preset = Callable[[Arranged, Any, Any], None]
    """A function of a call and its derivatives, weighted, that writes over the second."""


def constant(call: Arranged, grad: Any, hess: Any) -> None:
    """1 for each row, times its weight."""
    hess[...] = 1.0 if call.weight is None else call.spread()


@dataclass(frozen=True)
class Number:
    """What depends on the loss's parameters alone."""

    value: Callable[[Mapping[str, Any]], Any]

    def __call__(self, call: Arranged, grad: Any, hess: Any) -> None:
        """Fill with it."""
        constant(call, grad, hess)
        np.multiply(hess, np.asarray(self.value(call.loss.values), hess.dtype), out=hess)


def over_residual(call: Arranged, grad: Any, hess: Any) -> None:
    """gradient / residual; at a residual of 0 its limit, the second derivative."""
    e = _residual(call)
    np.divide(grad, e, out=hess, where=e != 0)


@dataclass(frozen=True)
class OverDistance:
    """A number / |residual|, for a kink at 0, where no parabola is above it: a residual counts as at least a thousandth
    of the mean of all.
    """

    factor: float

    def __call__(self, call: Arranged, grad: Any, hess: Any) -> None:
        """Write it."""
        np.divide(hess.dtype.type(self.factor), _distance(call), out=hess)
        if call.weight is not None:
            np.multiply(hess, call.spread(), out=hess)


def nearest(call: Arranged) -> float:
    """The least distance that counts in a call."""
    return _least(call, np.abs(_residual(call)))


def power(call: Arranged, grad: Any, hess: Any) -> None:
    """|gradient| / |residual|, with the same floor."""
    if call.loss.values["p"] < 2.0:
        np.divide(np.abs(grad), _distance(call), out=hess)


def _distance(call: Arranged) -> Any:
    e = _residual(call)
    np.abs(e, out=e)
    return np.maximum(e, e.dtype.type(_least(call, e)), out=e)


def _least(call: Arranged, sizes: Any) -> float:
    total = float(np.add.reduce(sizes, axis=None, dtype=np.float64))
    return 1e-3 * total / (call.present * sizes.size / max(call.count, 1) or 1.0) or 1.0


def _residual(call: Arranged) -> Any:
    """Score less label; 0 in rows that are absent, whatever they hold."""
    e = call.scores - call.labels[0]
    if call.present < call.count:
        np.copyto(e, 0.0, where=call.spread() == 0)
    return e


def softmax_bound(call: Arranged, grad: Any, hess: Any) -> None:
    """1/2, Boehning's (1992), times the weights of the target's classes."""
    Number(lambda values: 0.5)(call, grad, hess)
    weights, smoothing = (call.objective.options.get(n) for n in ("class_weight", "label_smoothing"))
    if weights is not None:
        target, each = call.labels[-1], np.asarray(weights, np.float64)
        if target.ndim == 1:
            with np.errstate(invalid="ignore"):
                share = each.take(np.asarray(target).astype(np.intp), mode="clip")
        else:
            share = each @ (target if call.turned else target.T)
        share = (1.0 - (smoothing or 0.0)) * share + (smoothing or 0.0) * each.mean()
        np.multiply(hess, share if call.turned else share[:, None], out=hess, casting="same_kind")


def sigmoid_bound(call: Arranged, grad: Any, hess: Any) -> None:
    """tanh(score / 2) / (2 score), Jaakkola's and Jordan's (2000)."""
    half = 0.5 * call.scores
    bound = np.full_like(half, 0.25)
    np.divide(np.tanh(half), 4.0 * half, out=bound, where=half != 0)
    constant(call, grad, hess)
    np.multiply(hess, bound, out=hess)


# -- Of losses of your own, tried on the spot --------------------------------------------------------------------------

SIZES = np.ldexp(1.0, range(-30, 41))
"""Residuals at which a loss is tried; added to small whole numbers, they are exact."""

SHIFTS = (0.0, 1.0, 3.0, -1.0, -1000.0, 2.0**20)
"""Labels with which it is tried: a loss may be another one of negative and of large labels."""

LINES = 1000
"""Of Python that the trial may run at one residual, of some 850: a loop may be as long as that."""

ROUNDING = 1e-6
"""What a formula may lose of a slope; a loss that is none of a residual changes by more."""


NARROWER = 1.5
"""By what a residual of the other side is divided until a parabola through it holds: the curvature is at most the
square of this times the least that would do.
"""


@dataclass(frozen=True)
class Tried:
    """What has been seen of a loss of a residual whose slope over the residual rises on neither side."""

    both: Callable[[Arranged, Any, Any], Any] | None
    """What makes of a call, its residuals and the size of its slopes that of slopes which bound both sides; None where
    these are alike."""
    kink: bool
    """Whether the slope jumps at 0, or there is no second derivative to take its place there."""
    slower: bool
    """Whether it grows slower than the square."""

    def __call__(self, call: Arranged, grad: Any, hess: Any) -> None:
        """The curvature of a parabola that touches the loss and is nowhere below it."""
        steep, e, near = np.abs(grad), _residual(call), call
        if (self.kink or self.both is not None) and not e.all():  # at 0 the slope says nothing of either side
            near = _moved(call, e)
            steep, e = np.abs(near.derivatives("grad")), _residual(near)
        if self.both is not None:
            steep = self.both(near, e, steep)
        if self.kink:
            np.divide(steep, _distance(call), out=hess)
        else:
            np.divide(steep, np.abs(e), out=hess, where=e != 0)


def larger(call: Arranged, e: Any, steep: Any) -> Any:
    """Enough for a convex loss one side of which is a multiple of the other."""
    return np.maximum(steep, _mirrored(call, e))


def added(call: Arranged, e: Any, steep: Any) -> Any:
    """Enough for a convex loss."""
    return steep + _mirrored(call, e)


def _mirrored(call: Arranged, e: Any) -> Any:
    found = copy(call)
    found.scores = (call.scores - 2.0 * e).astype(e.dtype, copy=False)
    return np.abs(found.derivatives("grad"))


def lifted(call: Arranged, e: Any, steep: Any) -> Any:
    """Enough for any loss, of residuals that are not 0; it takes some 20 times as long.

    The slope over the residual is enough on its own side, and with that or more a parabola rises from 0 on to the
    other. At 0 it is `rest` and half the curvature times e^2, which has to be as high as a parabola about 0, of no
    larger curvature, that touches the loss at some residual of the other side and is above it there.
    """
    value, slope = _values(call)
    rest, size = value - slope * e, np.abs(e)
    own = _over(steep, size)
    most = _across(call, e, _least_step(call))[1]
    x, found, left = size, own, np.full(size.shape, True)
    noise = 64.0 * np.finfo(size.dtype).eps
    while left.any():
        at, bend, value = _across(call, e, x)
        found = np.where(left, np.maximum(own, bend), found)
        above = rest + 0.5 * (found * size * size + bend * at * at) - value
        left = left & (above < -noise * (np.abs(rest) + np.abs(value)))
        near = left & ((most <= NARROWER**2 * found) | (at == 0))  # as much as any asks for; values are rounding here
        found, left = np.where(near, np.maximum(own, most), found), left & ~near
        x = np.where(left, x / NARROWER, x)
    return found * size


def _across(call: Arranged, e: Any, x: Any) -> tuple[Any, Any, Any]:
    """Of residuals of size `x` on the side where `e` is not: their sizes, slopes over these, and losses."""
    other = copy(call)
    other.scores = (call.labels[0] - np.copysign(x, e)).astype(e.dtype, copy=False)
    at, (value, slope) = np.abs(_residual(other)), _values(other)
    return at, _over(np.abs(slope), at), value


def _over(slope: Any, size: Any) -> Any:
    return np.divide(slope, size, out=np.zeros_like(size), where=size != 0)


def _values(call: Arranged) -> Any:
    """Each row's loss and its slope."""
    return call.loss.value_and_grad(*call.inputs(), **call.keywords("none"))


def _moved(call: Arranged, e: Any) -> Arranged:
    """The call with scores next to the labels where they are on them."""
    found = copy(call)
    found.scores = np.where(e == 0, call.scores + _least_step(call), call.scores).astype(e.dtype, copy=False)
    return found


def _least_step(call: Arranged) -> Any:
    with np.errstate(invalid="ignore"):  # rows that are absent hold whatever they like
        return np.maximum(4.0 * np.spacing(np.abs(call.scores)), 2.0**-30)


@lru_cache(maxsize=64)
def tried(loss: Any) -> Tried | None:
    """How a loss of elements is bounded by parabolas; None where it is no loss of a residual that these bound.

    It has to depend on score less label alone, and its slope over the residual must not rise on either side: then this
    is the curvature of a parabola about 0 that is above the loss on its side, and on both of an even loss.
    """
    if len(loss.inputs) != 2 or loss.wrt != (0,) or loss.by or loss.rooted or not loss.domains[0].is_real_line:
        return None
    arrays = {n: np.ravel(x) for n, x in loss.arrays.items()}
    seen = []
    for k in range(max((x.size for x in arrays.values()), default=1)):
        one = _tried(loss.bind(**{n: x[k % x.size].item() for n, x in arrays.items()}))
        if one is None:
            return None
        seen.append(one)
    both = next((f for f in (lifted, added, larger) if any(t.both is f for t in seen)), None)
    return Tried(both, loss.order < 2 or any(t.kink for t in seen), any(t.slower for t in seen))


def _tried(loss: Any) -> Tried | None:
    """The same of one whose parameters are numbers. No kernel is compiled, and a loop as long as a residual ends it."""
    labels = [x for x in SHIFTS if x in loss.domains[1]] or [loss.domains[1].inner_point]
    try:
        tables = np.array([_slopes(loss, label) for label in labels])
    except TooLong:
        return None
    known = np.isfinite(tables).all(axis=(0, 1))
    slopes, sizes = tables[..., known], SIZES[known]
    if known.sum() < SIZES.size // 2 or (np.ptp(slopes, axis=0) > ROUNDING * np.abs(slopes[0])).any():
        return None
    up, down = over = slopes[0] * [[1.0], [-1.0]] / sizes
    if not (over[:, 0] > 0.0).all() or not (over >= 0.0).all() or (np.diff(over) > ROUNDING * over[:, :-1]).any():
        return None
    both = None
    if (np.abs(up - down) > ROUNDING * up).any():
        convex = (np.diff(over * sizes) >= -ROUNDING * (over * sizes)[:, :-1]).all()
        multiple = (np.abs(up * down[0] - down * up[0]) <= ROUNDING * up * down[0]).all()
        both = lifted if not convex else larger if multiple else added
    return Tried(both, bool((over[:, 0] > 1.1 * over[:, 1]).any()), bool((over[:, -1] < 0.5 * over[:, 0]).any()))


def _slopes(loss: Any, label: float) -> NDArray[np.float64]:
    """Those at positive and at negative residuals; NaN where plain Python has none."""
    found = np.full((2, SIZES.size), np.nan)
    jet, values = loss.jet, tuple(loss.values.values())
    for side, sign in enumerate((1.0, -1.0)):
        for k, size in enumerate(SIZES.tolist()):
            with suppress(ArithmeticError, ValueError), limited(LINES):
                found[side, k] = jet(label + sign * size, label, *values)[1]
    return found
