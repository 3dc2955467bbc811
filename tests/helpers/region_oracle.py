"""Naive formulas of regions in mpmath's digits: textbook ratios of sums, and the Lovász extension by its definition."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
from mpmath import mp, mpf


def exact(x: Any) -> Any:
    """An array of mpmath's numbers."""
    found = np.empty(np.shape(x), object)
    for where in np.ndindex(found.shape):
        found[where] = mpf(float(x[where])) if not isinstance(x[where], mpf) else x[where]
    return found


def probabilities(z: Any, activation: str | None, axis: int | None) -> Any:
    each = np.vectorize(mp.exp, otypes=[object])
    if activation is None:
        return z
    if activation == "sigmoid":
        return 1 / (1 + each(-z))
    e = each(z)
    return e / e.sum(axis=axis, keepdims=True)


def scores(kind: str, p: Any, t: Any, w: Any, axis: int | None, per_sample: bool, per_class: bool, **given: Any) -> Any:
    """Each score, as an array of (samples, classes) of what has scores of its own; w has the shape of p."""
    if axis is None:
        p, t, w, axis = p[..., None], t[..., None], w[..., None], p.ndim
    p, t, w = (np.moveaxis(x, axis, -1) for x in (p, t, w))
    samples = range(p.shape[0]) if per_sample else [slice(None)]
    rows = []
    for n in samples:
        found = []
        for c in range(p.shape[-1]):
            q, y, v = (x[n][..., c].ravel() for x in (p, t, w))
            found.append(((v * q * y).sum(), (v * q).sum(), (v * y).sum()))
        if per_class:
            rows.append([ratio(kind, *sums, **given) for sums in found])
        else:
            least = [1 / mass**2 for _, _, mass in found if mass] or [mpf(1)]
            v = [1 / mass**2 if mass else max(least) for _, _, mass in found] if kind == "generalized_dice" else [1] * 9
            rows.append([ratio(kind, *(sum(v[c] * s[k] for c, s in enumerate(found)) for k in range(3)), **given)])
    return np.array(rows)


def ratio(
    kind: str, both: Any, pred: Any, mass: Any, smooth: float = 0.0, alpha: float = 0.5, beta: float = 0.5,
    gamma: float = 1.0,
) -> Any:  # fmt: skip
    """The textbook's ratio of three sums."""
    s = mpf(smooth)
    if not pred and not mass:
        return mpf(0)
    if kind in ("dice", "generalized_dice"):
        return 1 - (2 * both + s) / (pred + mass + s)
    if kind == "jaccard":
        return 1 - (both + s) / (pred + mass - both + s)
    loss = 1 - (both + s) / (both + mpf(alpha) * (pred - both) + mpf(beta) * (mass - both) + s)
    return loss ** mpf(gamma)


def slopes(value: Any, z: Any) -> Any:
    """Differences of a function of an array."""
    step = mpf(10) ** -20
    found = np.empty(z.shape)
    for where in np.ndindex(z.shape):
        sides = []
        for sign in (1, -1):
            moved = z.copy()
            moved[where] += sign * step
            sides.append(value(moved))
        found[where] = float((sides[0] - sides[1]) / (2 * step))
    return found


# -- Lovász ------------------------------------------------------------------------------------------------------------


def jaccard_of(wrong: Any, mask: Any, weight: Any) -> Any:
    """1 - IoU of the prediction that is wrong in these pixels and right elsewhere."""
    pred = [bool(m) != bool(x) for m, x in zip(mask, wrong, strict=True)]
    both = sum(w for p, m, w in zip(pred, mask, weight, strict=True) if p and m)
    union = sum(w for p, m, w in zip(pred, mask, weight, strict=True) if p or m)
    return 1 - mpf(both) / union if union else mpf(0)


def extension(errors: Any, mask: Any, weight: Any) -> Any:
    """The integral over thresholds of the set function of the pixels whose errors lie above, by a table of all sets."""
    table = {wrong: jaccard_of(wrong, mask, weight) for wrong in product((False, True), repeat=len(mask))}
    levels = sorted({mpf(0), *errors})
    return sum((high - low) * table[tuple(bool(e >= high) for e in errors)] for low, high in pairwise(levels))
