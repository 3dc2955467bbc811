"""A row program, run on one row as plain Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..sizes import Sizes

ROW = (0.3, -0.4, 0.1)
"""How far scores are from a point inside their domain."""

SHIFT = 0.5

ALONG, STEP = (0.7, -1.1, 0.4), 1e-5
"""How the scores of a row change where a product is tried, and how much of it."""


def rows_at(inside: float, scales: Sequence[float]) -> list[list[float]]:
    """Rows around a point inside the scores' domain, with each score at each place."""
    return [[inside + s * d for d in (*ROW[k:], *ROW[:k])] for s in scales for k in range(len(ROW))]


def check_peaks(f: Any, sizes: Sizes, inside: float, p: Sequence[Any]) -> None:
    """Raise TypeError for a program whose derivatives depend on its maxima, by which numbers only should be scaled."""
    if f.peak is not None:
        rows, masses = [(inside + d,) for d in ROW], [1.0, 0.0, 0.0]
        one, other = (slopes(f, sizes, rows, masses, p, shift) for shift in (0.0, SHIFT))
        if not all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in zip(one, other, strict=True)):
            raise TypeError("it depends on which score is the largest")


def check_changes(
    f: Any, made: Any, sizes: Sizes, rows: Iterable[Sequence[float]], masses: Sequence[float], p: Sequence[Any]
) -> None:
    """Raise TypeError where what was `made` of a program is not how its gradient changes: by differences, on some rows.

    What depends on the largest score only where a margin is exceeded is found here.
    """
    for at in rows:
        try:
            moved = ([(x + h * v,) for x, v in zip(at, ALONG, strict=True)] for h in (STEP, -STEP))
            two, one = (slopes(f, sizes, row, masses, p) for row in moved)
        except (ArithmeticError, ValueError):  # where plain Python has no number
            continue
        whole: list[Any] = [(np.float64(x), np.float64(v)) for x, v in zip(at, ALONG, strict=True)]
        beside = [None if x is None else np.float64(x) for x in p]
        with np.errstate(all="ignore"):
            found = slopes(made, sizes, whole, [np.float64(t) for t in masses], beside)
        for change, b, c in zip(found, two, one, strict=True):
            expected = (b - c) / (2.0 * STEP)
            if math.isfinite(expected) and not abs(change - expected) <= 1e-5 * (1.0 + abs(change) + abs(b)):
                raise TypeError(f"its gradient changes by {expected:.6g} and not by {change:.6g} as its functions say, "
                                "which may be since it depends on which score is the largest")  # fmt: skip


def slopes(
    f: Any, sizes: Sizes, rows: Sequence[tuple[Any, ...]], masses: Sequence[Any], p: Sequence[Any], shift: float = 0.0
) -> list[Any]:
    """The gradient of a row, by scores and masses of its elements, with maxima that are larger than they are."""
    elements = [*zip(rows, masses, strict=True)]
    peaks = [_tuple(f.peak(*x, *([t] if sizes.sighted else []), *p)) for x, t in elements] if f.peak else [()]
    m = [max(each) + shift for each in zip(*peaks, strict=True)]
    folds = [f.fold(*x, t, *m, *p) for x, t in elements]
    sums = _added([terms for terms, _ in folds])
    if f.settle is not None:
        c = f.settle(*m, *sums, *p)
        while f.again is not None:
            higher = f.again(*c, *_added([f.probe(*kept, *c, *p) for _, kept in folds]), *p)
            if not higher[0] > c[0]:
                break
            c = higher
        sums += _added([f.second(*kept, t, *c, *p) for (_, kept), t in zip(folds, masses, strict=True)])
    _, ends = f.finish(*m, *sums, *p)
    return [_tuple(f.grad(*kept, t, *ends, *p))[0] for (_, kept), t in zip(folds, masses, strict=True)]


def _tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _added(parts: Iterable[Any]) -> list[Any]:
    return [sum(terms) for terms in zip(*parts, strict=True)]
