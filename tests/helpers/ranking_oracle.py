"""Losses of a query's pairs as papers write them, by loops over numbers of 50 digits; derivatives by differences.

Nothing here knows the library, and nothing is clever: what is constant in the derivatives is a list of pairs' weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mpmath import diff, exp, log, mpf, workdps

Numbers = Sequence[Any]


def in_order(scores: Numbers) -> list[int]:
    """Samples from the best score on; of equal scores the first comes first."""
    return sorted(range(len(scores)), key=lambda i: -scores[i])


def dcg(gains: Numbers, order: Sequence[int], limit: int) -> Any:
    return sum((gains[i] / log(mpf(rank + 2), 2) for rank, i in enumerate(order[:limit])), mpf(0))


def ndcg(scores: Numbers, gains: Numbers, limit: int) -> Any:
    return dcg(gains, in_order(scores), limit) / dcg(gains, in_order(gains), limit)


def weighted_pairs(
    scores: Numbers, targets: Numbers, gain: Callable[[Any], Any] | None, limit: int, score_norm: bool
) -> list[tuple[int, int, Any]]:
    """The better sample, the worse one, and what their pair weighs."""
    order, found = in_order(scores), []
    rank = {i: r for r, i in enumerate(order)}
    for i in range(len(scores)):
        for j in range(len(scores)):
            if targets[i] > targets[j] and min(rank[i], rank[j]) < limit:
                weight = mpf(1)
                if gain is not None:
                    gains = [gain(y) for y in targets]
                    discounts = [1 / log(mpf(rank[k] + 2), 2) for k in (i, j)]
                    weight = (gains[i] - gains[j]) * abs(discounts[0] - discounts[1])
                    weight /= dcg(gains, in_order(gains), limit)
                if score_norm and max(scores) != min(scores):
                    weight /= mpf(0.01) + abs(scores[i] - scores[j])
                found.append((i, j, weight))
    return found


def query(
    scores: Numbers, targets: Numbers, gain: Callable[[Any], Any] | None, *, sigma: float = 1.0, limit: int = 10**9,
    score_norm: bool, query_norm: bool,
) -> tuple[Any, list[Any], list[Any]]:  # fmt: skip
    """The loss of a query, its gradient and the diagonal of its Hessian."""
    with workdps(50):
        s, steep = [mpf(float(x)) for x in scores], mpf(sigma)
        pairs = weighted_pairs(s, [mpf(float(y)) for y in targets], gain, limit, score_norm)
        loss = lambda s: sum((w * log(1 + exp(-steep * (s[i] - s[j]))) for i, j, w in pairs), mpf(0))  # noqa: E731
        along = lambda k: lambda x: loss([*s[:k], x, *s[k + 1 :]])  # noqa: E731
        slopes, curves = ([diff(along(k), s[k], n) for k in range(len(s))] for n in (1, 2))
        total = 2 * sum((w * steep / (1 + exp(steep * (s[i] - s[j]))) for i, j, w in pairs), mpf(0))
        share = log(1 + total, 2) / total if query_norm and total else mpf(1)
        return share * loss(s), [share * x for x in slopes], [share * x for x in curves]
