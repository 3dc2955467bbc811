"""Rows on which row losses are held against their formulas: extremes, ties, masks, all kinds of target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import row_oracle as oracle

import fastloss as fl

LOSSES = {n: loss for n, loss in fl.LOSSES.items() if isinstance(loss, fl.RowLoss)}


class Case(NamedTuple):
    """Rows of scores, target masses (None where there is no target apart), the label they stand for, smoothing."""

    scores: tuple[tuple[float, ...], ...]
    masses: tuple[float, ...] | None
    label: int | None
    smoothing: float


def logits() -> list[list[float]]:
    rng = np.random.default_rng(5)
    inf = math.inf
    return [
        [0.3], [0.5, -1.25], [30.0, -30.0], [1e4, -1e4], [2.0, 2.0, 1.0], [-7.0, -7.0, -7.0], [0.5, -inf, -1.0],
        [80.0, -20.0, -10.0], [0.0, 0.0, 1e-5], [-1e4, 1e4, 1e4], [650.0, 0.0, -650.0],
        list(rng.normal(0, 2, 7)), list(rng.normal(0, 20, 7)), [12.0, *rng.normal(0, 1, 6)],
        list(rng.normal(0, 3, 70)), [25.0, *rng.normal(0, 1, 69)],
    ]  # fmt: skip


def probabilities() -> list[list[float]]:
    rng = np.random.default_rng(6)
    return [
        [1.0], [0.5, 0.5], [1.0, 0.0], [0.25, 0.75, 0.0], [1e-30, 1.0, 1e-7], [0.2, 0.3, 0.5],
        list(rng.dirichlet(np.ones(7))), list(rng.dirichlet(np.full(7, 0.05))), list(rng.dirichlet(np.ones(70))),
    ]  # fmt: skip


def masses(z: list[float], rng: np.random.Generator) -> Iterator[list[float]]:
    """Dense targets, without mass where a score is -inf."""
    there = np.array([x > -math.inf for x in z])
    t = rng.dirichlet(np.ones(len(z))) * there
    yield list(t / t.sum())
    yield list(np.where(there, rng.gamma(1.0, 2.0, len(z)), 0.0))
    yield [0.0] * len(z)


def teachers(z: list[float], rng: np.random.Generator) -> Iterator[list[float]]:
    yield list(z)
    yield [x + 1e-3 * rng.normal() if abs(x) < 1e3 else x for x in z]
    yield list(rng.normal(0, 3, len(z)) + np.where(np.isinf(z), z, 0.0))
    yield list(reversed(z)) if not any(map(math.isinf, z)) else list(z)


def single(name: str) -> Iterator[tuple[float, ...]]:
    """Rows of scores for a loss."""
    kind = oracle.FORMULAS[name].scores
    if kind == "logits":
        # All of them against all teachers would take minutes; `soft_distillation` and its like see to that.
        yield from map(tuple, logits()[:: 3 if LOSSES[name].scores == 2 else 1])
    elif kind == "probabilities":
        yield from map(tuple, probabilities())
    else:
        for p in probabilities():
            yield tuple(math.log(x) if x else -math.inf for x in p)


def pairs(name: str) -> Iterator[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Rows of two scores for a loss without a target apart."""
    rng = np.random.default_rng(9)
    kind = oracle.FORMULAS[name].scores
    if kind == "vectors":
        for size in (1, 2, 3, 7, 70):
            a = rng.normal(size=size)
            for b in (rng.normal(size=size), a, a + 1e-4 * rng.normal(size=size), -2.0 * a, 0.0 * a):
                yield tuple(a), tuple(b)
            yield tuple(1e-25 * a), tuple(1e25 * rng.normal(size=size))
        yield (0.0, 0.0), (1.0, 2.0)
        yield (3.0, 0.0), (3.0, 4.0)
    elif LOSSES[name].domains[1] in (fl.BINARY, fl.UNIT) and kind == "logits":
        for z in logits():
            if not any(map(math.isinf, z)):
                for t in (LOSSES[name].domains[1].sample(rng, len(z)), rng.integers(0, 2, len(z))):
                    yield tuple(z), tuple(map(float, t))
    elif kind == "logits":
        for z in logits():
            for y in teachers(z, rng):
                yield tuple(z), tuple(y)
    else:
        of_pred = (lambda p: math.log(p) if p else -math.inf) if kind == "logs" else float
        of_target = float if LOSSES[name].domains[1].low == 0.0 else of_pred
        for p in probabilities():
            noise = 1 + 1e-3 * rng.normal(size=len(p))
            near = np.minimum(np.array(p) * noise, 1.0)
            for q in (p, near, rng.dirichlet(np.ones(len(p))) * (np.array(p) > 0), list(reversed(p))):
                yield tuple(map(of_pred, p)), tuple(map(of_target, q))


def cases(name: str, kind: type) -> Iterator[Case]:
    """All rows for a loss, everything rounded to `kind`."""
    loss, rng = LOSSES[name], np.random.default_rng(8)

    def rounded(row: Any) -> tuple[float, ...]:
        return tuple(float(x) for x in np.asarray(row, kind))

    if loss.target == "none":
        for a, b in pairs(name):
            yield Case((rounded(a), rounded(b)), None, None, 0.0)
        return
    for z in single(name):
        others: list[Any] = [()]
        if loss.scores == 2:
            if loss.domains[1] is fl.UNIT:
                others = [(p,) for p in masses(list(z), rng)][:1]
            else:
                others = [(y,) for y in teachers(list(z), rng)]
        there = [k for k, x in enumerate(z) if not math.isinf(x)]
        some = dict.fromkeys([int(np.argmax(z)), int(np.argmin(np.where(np.isinf(z), 1e9, z))), there[-1]])
        for i, more in enumerate(others):
            rows = tuple(rounded(x) for x in (z, *more))
            if loss.target != "dense":
                for y in list(some)[: 3 if not i else 1]:
                    one = tuple(float(k == y) for k in range(len(z)))
                    yield Case(rows, one, y, 0.0)
                    if loss.smooth and len(there) == len(z):
                        s = kind(0.1)
                        off = kind(float(s) / len(z))
                        on = kind(1.0 - float(s) + float(s) / len(z))
                        smooth = tuple(float(on if k == y else off) for k in range(len(z)))
                        yield Case(rows, smooth, y, float(s))
            if loss.target != "labels":
                for t in list(masses(list(z), rng))[: 3 if not i else 1]:
                    yield Case(rows, rounded(t), None, 0.0)


def watched(case: Case) -> list[int]:
    """The indices whose derivatives are looked at."""
    z = case.scores[0]
    if len(z) <= 3:
        return list(range(len(z)))
    return sorted({case.label or 0, int(np.argmax(z)), int(np.argmin(z)), 5})


@cache
def expected(name: str, case: Case, items: tuple[tuple[str, Any], ...]) -> Any:
    inputs = [*case.scores, *([] if case.masses is None else [case.masses])]
    return oracle.exact(name, inputs, dict(items), watched(case))
