"""The best constant: the raw scores with the least loss, if all rows have the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..registry import LINKS
from .arranged import Arranged

Slope = Callable[[float], tuple[float, float, float]]
"""Of a score the sum of the derivatives, of the second ones, and of the derivatives' sizes."""

STEPS = 200
"""At most; bisecting all of float64's numbers takes about 1,100 in theory, and 60 from a bracket that is not far."""

SEEN = 1e-15
"""A sum of derivatives that is smaller, in relation to their sizes, is 0 to rounding."""


def best(objective: Any, labels: Any, weight: Any, outputs: int | None) -> Any:
    """The constant of an objective: a number where a row has one score, else an array."""
    arrays = tuple([np.asarray(x) for x in objective.arrays(labels)])
    weight = None if weight is None else np.asarray(weight)
    if objective.rows or len(objective.definition.wrt) == 2:
        arrays = tuple([x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x for x in arrays])
    objective.check(arrays, weight, outputs)
    if weight is not None:  # rows of weight 0 may hold anything
        arrays, weight = tuple([x[weight != 0] for x in arrays]), weight[weight != 0]
    if not hasattr(objective.definition, "domains"):  # of differences of scores
        return np.float64(0.0)
    if objective.rows or len(objective.definition.wrt) == 2:
        return _row(objective, arrays, weight, outputs)
    columns = max([*objective.sizes.values(), outputs or 1, *(x.shape[1] for x in arrays if x.ndim == 2)])
    found = [_column(objective, k, [x if x.ndim == 1 else x[:, k % x.shape[1]] for x in arrays], weight)
             for k in range(columns)]  # fmt: skip
    return found[0] if columns == 1 else np.array(found)


def _column(objective: Any, k: int, labels: list[Any], weight: Any) -> np.float64:
    """The constant of one score."""
    loss = objective.definition
    several = {n: x.reshape(-1)[k if x.size > 1 else 0] for n, x in getattr(loss, "arrays", {}).items()}
    loss = loss.bind(**several) if several else loss
    order = 2 if loss.order > 1 and not loss.rooted else 1
    reduction = "mean" if loss.rooted else "sum"

    def slope(score: float) -> tuple[float, float, float]:
        scores = np.full(labels[0].shape, score)
        with np.errstate(all="ignore"):
            if order > 1:
                grad, hess = loss.grad_and_hess(scores, *labels, weight=weight, reduction=reduction, check=False)
            else:
                grad, hess = loss.grad(scores, *labels, weight=weight, reduction=reduction, check=False), np.zeros(1)
            return float(grad.sum()), float(hess.sum()), float(np.abs(grad).sum())

    present = labels[0] if weight is None else labels[0][weight > 0]
    if not present.size:
        return np.float64(0.0)
    low, high = loss.domains[0].low, loss.domains[0].high
    starts = [min(max(s, low + 1e-9), high - 1e-9) for s in _guesses(loss, labels[0].astype(float), weight)]
    grad, _, size = slope(starts[0])
    if abs(grad) > SEEN * size or size == 0.0:  # no minimum, or all rows lie where the loss is flat
        losses = [float(loss(np.full(labels[0].shape, s), *labels, weight=weight, check=False)) for s in starts]
        starts = [starts[int(np.nanargmin([*losses, np.inf]))]] if np.isfinite(losses).any() else starts
    found = _root(slope, starts[0], low, high)
    near = float(present[np.abs(present - found).argmin()])
    return np.float64(near if abs(near - found) <= 8e-16 * abs(found) else found)


def _guesses(loss: Any, labels: Any, weight: Any) -> list[float]:
    """Where to begin: at the scores of the labels' mean and median."""
    finite = np.isfinite(labels)
    mean = np.average(labels[finite], weights=None if weight is None else weight[finite])
    median = np.median(labels[finite if weight is None else finite & (weight > 0)])
    domain = loss.domains[1]
    link = LINKS[loss.link]
    if np.isfinite(domain.high - domain.low) and link.unit:
        mean, median = ((x - domain.low) / (domain.high - domain.low) for x in (mean, median))
    with np.errstate(all="ignore"):
        return [float(s) for s in (link.raw(mean), link.raw(median)) if np.isfinite(s)] or [0.0]


def _root(slope: Slope, start: float, low: float, high: float) -> float:
    """Where the derivative is 0, or changes its sign, near a start; between two ends."""
    g, h, size = slope(start)
    whole = size
    if abs(g) <= SEEN * size:
        return start
    side = -1.0 if g > 0.0 else 1.0
    most = max(abs(start), 1.0)  # where a loss is all but straight, its second derivative may be 1e-70
    step = min(abs(g / h), most) if h > 0.0 else 0.01 * most
    here, ahead = start, start
    for _ in range(STEPS):
        ahead = here + side * step
        if not low < ahead < high:
            ahead = 0.5 * (here + (high if side > 0.0 else low))
        g, h, size = slope(ahead)
        if not np.isfinite(g) or g * side >= 0.0:
            break
        if abs(g) <= SEEN * whole or ahead == here:  # it falls for ever
            return ahead
        here, step = ahead, 2.0 * step
    below, above = sorted((here, ahead))
    guess = ahead if np.isfinite(g) else here
    for k in range(STEPS):
        middle = 0.5 * (below + above)
        newton = guess - g / h if np.isfinite(g) and h > 0.0 and k % 3 < 2 else middle
        guess = newton if below < newton < above else middle
        if guess in (below, above):
            break
        g, h, size = slope(guess)
        if abs(g) <= SEEN * size or (h > 0.0 and abs(g / h) <= 2e-16 * abs(guess)):
            break
        if g > 0.0 or (not np.isfinite(g) and side > 0.0):
            above = guess
        else:
            below = guess
    return guess


def _row(objective: Any, arrays: tuple[Any, ...], weight: Any, outputs: int | None) -> Any:
    """The constants of a row of scores: classes, or a loss's two."""
    labels: list[Any] = list(arrays)
    share: Any = None
    loss = objective.definition
    link = LINKS[loss.link]
    weights = np.ones(len(labels[0])) if weight is None else weight.astype(np.float64)
    if objective.rows and labels[-1].ndim == 1 and len(labels) == 1:
        classes = outputs or int(labels[-1].max(initial=0.0, where=weights > 0.0)) + 1
        present = weights > 0.0
        counts = np.bincount(labels[-1][present].astype(np.int64), weights[present], classes)
        labels, weights, share = [np.arange(classes)], counts, counts / (counts.sum() or 1.0)
    elif objective.rows:
        share = labels[-1].T @ weights / (weights.sum() or 1.0) if labels[-1].ndim == 2 else None
        classes = outputs or next(x.shape[1] for x in labels if x.ndim == 2)
    else:
        classes, share = 2, None
    if not weights.any():
        return np.zeros(classes)
    domains = [loss.domains[k] for k in loss.wrt] * (classes // len(loss.wrt))
    ends = np.array([d.low for d in domains]), np.array([d.high for d in domains])
    start = np.array([0.0 if d.low < 0.0 < d.high else d.inner_point for d in domains])
    if share is not None and (link.unit or ends[1][0] == 1.0):
        start = np.asarray(link.raw(np.maximum(share, 1e-16)))
    elif not objective.rows:
        start[0] = np.average(labels[0], weights=weights)

    def fall(scores: Any) -> tuple[float, Any]:
        many = np.ascontiguousarray(np.broadcast_to(scores, (len(weights), classes)))
        call = Arranged(objective, many, tuple(labels), weights, None, None)
        with np.errstate(all="ignore"):
            value, grad = call.loss.value_and_grad(*call.inputs(), check=False, **call.keywords("sum"))
        sums = np.array([g.sum() for g in grad]) if call.pair else grad.sum(0)
        return float(value) / weights.sum(), sums / weights.sum()

    return _descend(fall, start, *ends)


def _descend(fall: Callable[[Any], tuple[float, Any]], start: Any, low: Any, high: Any) -> Any:
    """The minimum near a start, between ends, by the method of Broyden, Fletcher, Goldfarb and Shanno."""
    x, (value, g) = start, fall(start)
    inverse = np.eye(len(x)) / max(1.0, float(np.linalg.norm(g)))  # the first step's length is at most 1
    for k in range(STEPS):
        if np.abs(g).max() <= 1e-13 * max(abs(value), 1.0):
            break
        p = -inverse @ g
        slope, t = float(p @ g), 1.0
        for _ in range(60):
            new = np.clip(x + t * p, low, high)
            lower, after = fall(new)
            if lower <= value + 1e-4 * t * slope:
                break
            t *= 0.5
        else:
            break
        s, y = new - x, after - g
        x, value, g = new, lower, after
        sy = float(s @ y)
        if sy > 0.0:
            if k == 0:
                inverse = np.eye(len(x)) * (sy / float(y @ y))
            left = np.eye(len(x)) - np.outer(s, y) / sy
            inverse = left @ inverse @ left.T + np.outer(s, s) / sy
    return x
