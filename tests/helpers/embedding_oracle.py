"""Losses of embeddings as a textbook writes them, by loops over numbers of 50 digits; slopes by differences.

Nothing here knows the library, and nothing is clever: an inner product is a sum, a batch three loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mpmath import exp, log, mp, mpf, sqrt

Vector = Sequence[Any]


def dot(a: Vector, b: Vector) -> Any:
    return sum((x * y for x, y in zip(a, b, strict=True)), mpf(0))


def cosine(a: Vector, b: Vector) -> Any:
    lengths = sqrt(dot(a, a)) * sqrt(dot(b, b))
    return dot(a, b) / lengths if lengths else mpf(0)


def distance(a: Vector, b: Vector, kind: str) -> Any:
    if kind == "cosine":
        return 1 - cosine(a, b)
    d = [x - y for x, y in zip(a, b, strict=True)]
    return dot(d, d) if kind == "squared_euclidean" else sqrt(dot(d, d))


def triplet(a: Vector, p: Vector, n: Vector, margin: float, kind: str, swap: bool = False) -> Any:
    far = distance(a, n, kind)
    if swap:
        far = min(far, distance(p, n, kind))
    return max(mpf(0), distance(a, p, kind) - far + mpf(margin))


def cosine_embedding(a: Vector, b: Vector, target: int, margin: float) -> Any:
    return 1 - cosine(a, b) if target == 1 else max(mpf(0), cosine(a, b) - mpf(margin))


def contrastive(a: Vector, b: Vector, target: int, margin: float, kind: str) -> Any:
    d = distance(a, b, kind)
    return d**2 / 2 if target == 1 else max(mpf(0), mpf(margin) - d) ** 2 / 2


def similarities(a: Sequence[Vector], b: Sequence[Vector], normalize: bool) -> Any:
    return [[cosine(x, y) if normalize else dot(x, y) for y in b] for x in a]


def info_nce(
    a: Sequence[Vector], b: Sequence[Vector], temperature: float, normalize: bool, symmetric: bool
) -> list[Any]:
    s = [[x / mpf(temperature) for x in row] for row in similarities(a, b, normalize)]
    n = range(len(a))
    rows = [log(sum(exp(s[i][j]) for j in n)) - s[i][i] for i in n]
    columns = [log(sum(exp(s[j][i]) for j in n)) - s[i][i] for i in n]
    return [(r + c) / 2 for r, c in zip(rows, columns, strict=True)] if symmetric else rows


def nt_xent(a: Sequence[Vector], b: Sequence[Vector], temperature: float) -> list[Any]:
    """Equation 1 of SimCLR, of both views of each pair, averaged over the two."""
    z = [*a, *b]
    s = [[x / mpf(temperature) for x in row] for row in similarities(z, z, True)]
    n, everything = len(a), range(len(z))

    def one(i: int, j: int) -> Any:
        return -log(exp(s[i][j]) / sum(exp(s[i][k]) for k in everything if k != i))

    return [(one(i, n + i) + one(n + i, i)) / 2 for i in range(n)]


def supervised_contrastive(x: Sequence[Vector], labels: Sequence[int], temperature: float) -> list[Any]:
    """L_out; None for a sample whose label no other has."""
    s = [[v / mpf(temperature) for v in row] for row in similarities(x, x, True)]
    everything = range(len(x))
    found = []
    for i in everything:
        positives = [p for p in everything if p != i and labels[p] == labels[i]]
        below = sum(exp(s[i][a]) for a in everything if a != i)
        terms = [-log(exp(s[i][p]) / below) for p in positives]
        found.append(sum(terms) / len(terms) if terms else None)
    return found


def circle(x: Sequence[Vector], labels: Sequence[int], margin: float, gamma: float, fixed: Any = None) -> list[Any]:
    """The paper's equation 4 with an anchor's scores; `fixed` are those that the factors are of, constants there."""
    s = similarities(x, x, True)
    t = s if fixed is None else fixed
    m, g = mpf(margin), mpf(gamma)
    everything, found = range(len(x)), []
    for i in everything:
        together = [j for j in everything if j != i and labels[j] == labels[i]]
        others = [j for j in everything if labels[j] != labels[i]]
        pull = sum(exp(-g * max(mpf(0), 1 + m - t[i][j]) * (s[i][j] - (1 - m))) for j in together)
        push = sum(exp(g * max(mpf(0), t[i][j] + m) * (s[i][j] - m)) for j in others)
        found.append(log(1 + pull * push) if together and others else None)
    return found


def mined(x: Sequence[Vector], labels: Sequence[int], margin: float, kind: str, mining: str) -> list[tuple[Any, ...]]:
    """The triplets (anchor, positive, negative, loss) that count, by looking at all of them."""
    everything = range(len(x))
    d = [[distance(a, b, kind) for b in x] for a in x]
    found: list[tuple[Any, ...]] = []
    for a in everything:
        positives = [p for p in everything if p != a and labels[p] == labels[a]]
        negatives = [n for n in everything if labels[n] != labels[a]]
        if not positives or not negatives:
            continue
        if mining == "all":
            pairs = [(p, n) for p in positives for n in negatives]
        elif mining == "hard":
            # max and min take the first of equals.
            pairs = [(max(positives, key=lambda p: d[a][p]), min(negatives, key=lambda n: d[a][n]))]
        else:
            pairs = []
            for p in positives:
                farther = [n for n in negatives if d[a][n] > d[a][p]]
                if farther:
                    pairs.append((p, min(farther, key=lambda n: d[a][n])))
        found += [(a, p, n, max(mpf(0), d[a][p] - d[a][n] + mpf(margin))) for p, n in pairs]
    return found


def slopes(value: Callable[..., Any], *arrays: Any, step: str = "1e-20") -> list[list[list[Any]]]:
    """The derivatives of a function of tables of numbers, by central differences in 60 digits."""
    with mp.workdps(60):
        tables = [[[mpf(float(v)) for v in row] for row in x] for x in arrays]
        h = mpf(step) * max([abs(v) for x in tables for row in x for v in row] or [mpf(1)])
        found = []
        for x in tables:
            found.append([[mpf(0)] * len(row) for row in x])
            for i, row in enumerate(x):
                for k, here in enumerate(row):
                    row[k] = here + h
                    above = value(*tables)
                    row[k] = here - h
                    found[-1][i][k] = (above - value(*tables)) / (2 * h)
                    row[k] = here
        return found


def exactly(value: Callable[..., Any], *arrays: Any) -> Any:
    """A function of tables of numbers in 60 digits."""
    with mp.workdps(60):
        return value(*[[[mpf(float(v)) for v in row] for row in x] for x in arrays])
