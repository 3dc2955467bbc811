"""Where a loss is tried: inside its domains, at their ends, at numbers that are hard, and where targets are met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..define.domain import Domain


def hard(domain: Domain, kind: Any) -> list[float]:
    """Numbers of a domain that are 0, tiny, large, or near an end."""
    tiny, wide = (1e-30, 80.0) if kind is np.float32 else (1e-300, 700.0)
    some = [0.0, 1.0, 0.5, 2.0, 17.0, 40.0, 1e3, 1e8, 1e20, tiny, 1e-8, 1e-4, wide, 1.0 - float(np.finfo(kind).epsneg)]
    least = float(np.finfo(kind).smallest_normal)
    ends = [x for x in domain.bounds(kind) if least < abs(x) < np.inf]
    return [x for x in dict.fromkeys(float(kind(y)) for s in some + ends for y in (s, -s)) if x in domain]


def points(domains: Sequence[Domain], kind: Any, size: int, seed: int) -> Iterator[tuple[float, ...]]:
    """Points of numbers of a type, inside the domains."""
    rng = np.random.default_rng(seed)
    samples = [d.sample(rng, size) for d in domains]
    found = list(zip(*samples, strict=True))
    usual = [s[:2] for s in samples]
    for k, domain in enumerate(domains):
        for x in hard(domain, kind):
            found += [(*u[:k], x, *u[k + 1 :]) for u in zip(*usual, strict=True)]
    if len(domains) > 1:
        rest = tuple(float(u[0]) for u in usual[2:])
        simple = [y for y in (0.0, 1.0, -1.0) if y in domains[1]]
        found += [(x, y, *rest) for y in simple for x in hard(domains[0], kind)]
        for y in [*usual[1], *hard(domains[1], kind)]:
            found += [(x, y, *rest) for x in (y, y * (1.0 + 1e-6)) if x in domains[0]]
    seen = set[tuple[float, ...]]()
    for point in found:
        rounded = tuple(float(kind(x)) for x in point)
        if rounded not in seen and all(x in d and abs(x) < np.inf for x, d in zip(rounded, domains, strict=True)):
            seen.add(rounded)
            yield rounded
