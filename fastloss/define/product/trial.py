"""A row program, run on one row as plain Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..sizes import Sizes

ROW = (0.3, -0.4, 0.1)
"""How far scores are from a point inside their domain."""

SHIFT = 0.5


def check_peaks(f: Any, sizes: Sizes, inside: float, p: Sequence[Any]) -> None:
    """Raise TypeError for a program whose derivatives depend on its maxima, by which numbers only should be scaled."""
    if f.peak is not None:
        rows, masses = [(inside + d,) for d in ROW], [1.0, 0.0, 0.0]
        one, other = (slopes(f, sizes, rows, masses, p, shift) for shift in (0.0, SHIFT))
        if not all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in zip(one, other, strict=True)):
            raise TypeError("it depends on which score is the largest")


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
