"""Naive formulas of penalties in mpmath's digits, and what a proximal step must satisfy."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
from mpmath import mp, mpf


def l1(w: list[Any], strength: Any) -> Any:
    return strength * sum(abs(x) for x in w)


def l2(w: list[Any], strength: Any) -> Any:
    return strength * sum(x * x for x in w) / 2


def elastic_net(w: list[Any], strength: Any, l1_ratio: Any) -> Any:
    return l1(w, strength * l1_ratio) + l2(w, strength * (1 - l1_ratio))


def group_lasso(w: list[Any], strength: Any, groups: list[int], by_size: bool = True) -> Any:
    total = mpf(0)
    for g in {g for g in groups if g >= 0}:
        own = [x for x, h in zip(w, groups, strict=True) if h == g]
        total += (mp.sqrt(len(own)) if by_size else 1) * mp.sqrt(sum(x * x for x in own))
    return strength * total


def total_variation(w: Any, strength: Any) -> Any:
    """Of an array of numbers of mpmath's, along all of its axes."""
    total = mpf(0)
    for place in product(*map(range, w.shape)):
        for axis in range(w.ndim):
            if place[axis]:
                before = (*place[:axis], place[axis] - 1, *place[axis + 1 :])
                total += abs(w[place] - w[before])
    return strength * total


def exact(w: Any) -> Any:
    """An array of mpmath's numbers."""
    return np.array([mpf(float(x)) for x in w.reshape(-1)], object).reshape(w.shape)


def slopes(penalty: Any, w: Any) -> Any:
    """Differences in many digits."""
    step, data, found = mpf(10) ** -20, exact(w), np.zeros(w.shape)
    for place in product(*map(range, w.shape)):
        ends = []
        for move in (step, -step):
            moved = data.copy()
            moved[place] += move
            ends.append(penalty(moved))
        found[place] = float((ends[0] - ends[1]) / (2 * step))
    return found


def smoothest(y: Any, k: float) -> Any:
    """The proximal step of total variation by all patterns of rising, falling and level steps, for short lines.

    Of each pattern the levels' values follow from its own steps; that of the smallest objective is the result.
    """
    best, found = np.inf, y
    for pattern in product((-1, 0, 1), repeat=len(y) - 1):
        ends = [0, *(i + 1 for i, s in enumerate(pattern) if s), len(y)]
        x = np.empty_like(y)
        for a, b in pairwise(ends):
            pull = (pattern[b - 1] if b < len(y) else 0) - (pattern[a - 1] if a else 0)
            x[a:b] = y[a:b].mean() + k * pull / (b - a)
        cost = 0.5 * ((x - y) ** 2).sum() + k * np.abs(np.diff(x)).sum()
        if cost < best:
            best, found = cost, x
    return found
