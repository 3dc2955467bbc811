"""Every loss where its formula cancels: no result is off by more than rounded inputs excuse.

A result is held to units in the last place of itself, or to what it moves by if each input and parameter is rounded once:
of what a loss is a difference of, only its inputs count. Definitions run as plain Python, as in `test_row_accuracy.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import oracle
import pytest
import row_oracle
import row_slack
from data import NAMES, rest, some
from elements import TYPES, error, is_held, jet
from mpmath import isinf, mp, mpf
from row_cases import LOSSES, Case, expected
from test_row_accuracy import run

import fastloss as fl

BOUND = 8.0
"""Units that a result may be off, of itself or of what rounded inputs make."""

CLASSES = 6

WIDER = {
    "accelerated_failure_time_normal": 9.0,  # a square of a quotient of sums
    "cosine_distance": 200.0,  # d1 of near directions: of lengths that are rounded, as the inputs are
    "distillation": 200.0,  # near scores of a hundredth: units of their exponentials, which are near 1
    "js_distillation": 100.0,  # as `soft_js_distillation`
    "reverse_distillation": 400.0,  # as `distillation`
    "soft_js_distillation": 300.0,  # as `distillation`: P and Q of near scores of a hundredth, by their difference
}
"""What is off by more, as found in either type, and why."""


def near(y: Any, size: float, rng: np.random.Generator) -> Any:
    return y + size * rng.normal(size=np.shape(y))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max())
    return e / e.sum()


def a_case(name: str, kind: type, z: Any, y: Any, label: int, masses: Any = None) -> Case:
    """Scores, and for a loss of two further ones like them, with a label or masses: all rounded to a type."""
    loss = LOSSES[name]
    as_scores = {"probabilities": softmax, "logs": lambda z: np.log(softmax(z))}.get(
        row_oracle.FORMULAS[name].scores, np.asarray
    )
    scores = [as_scores(z)]
    if loss.scores == 2:
        domain = loss.domains[1]
        scores.append(
            y > 0.0 if domain.ends_only
            else softmax(y) if domain.high == 1.0 or domain.low == 0.0 else as_scores(y)
        )  # fmt: skip
    if loss.target == "none":
        masses, label = None, None
    elif masses is None or loss.target == "labels":
        masses = tuple(float(k == label) for k in range(len(z)))
    else:
        masses = tuple(float(kind(x)) for x in masses)
    rounded = tuple(tuple(float(kind(x)) for x in np.minimum(row, domain.high))
                    for row, domain in zip(scores, loss.domains, strict=False))  # fmt: skip
    return Case(rounded, masses, label, 0.0)


def rows(name: str, kind: type) -> Iterator[Case]:
    """Rows of small, usual and large scores and of one that is sure; a second differs wholly or by a thousandth."""
    rng = np.random.default_rng(11)
    for deviation, sure in ((0.01, 0.0), (1.0, 0.0), (10.0, 0.0), (1.0, 15.0)):
        for size in (1.0, 0.1, 1e-3):
            z = rng.normal(0.0, deviation, CLASSES)
            z[np.argmax(z)] += sure
            y = near(z, size * deviation, rng) if size < 1.0 else rng.normal(0.0, deviation, CLASSES)
            label = int(rng.integers(CLASSES)) if size == 0.1 else int(np.argmax(z))
            yield a_case(name, kind, z, y, label, softmax(y) if LOSSES[name].target == "dense" else None)


def units(name: str, case: Case, params: Any, kind: type, got: Any, right: Any, row: Any, at: Any) -> float:
    """How far a value is off, or the derivative of an order by an element, in units of the row's largest at least."""
    order, j = at
    found = error(got, right, row, kind)
    if found <= BOUND:
        return found
    return error(got, right, max(row, row_slack.moves(name, case, params, j)[max(order - 1, 0)]), kind)


def off_in_rows(name: str, params: dict[str, Any], kind: type) -> Iterator[tuple[float, str]]:
    fixed = {n: v if v is None else float(kind(v)) for n, v in params.items()}
    for case in rows(name, kind):
        value, slopes = expected(name, case, tuple(fixed.items()))
        got = run(name, fixed, kind, case.scores, case.masses)
        known = {j: s for j, s in slopes.items() if s is not None and not row_slack.is_held(name, case, fixed, j)}
        with mp.workdps(60):
            of = name, case, {k: v if v is None else mpf(v) for k, v in fixed.items()}, kind
            if not isinf(value):
                yield units(*of, got[0], value, mpf(0), (0, None)), f"value {got[0]!r} of {value} {case}"
            for order in (1, 2) if known else ():
                row = max(abs(s[order - 1]) for s in known.values())
                for j, s in known.items():
                    off = units(*of, got[order][j], s[order - 1], row, (order, j))
                    yield off, f"d{order}[{j}] {got[order][j]!r} {case}"


def places(name: str, params: dict[str, float], kind: type) -> Iterator[tuple[float, ...]]:
    """Points at which prediction and target differ little, and at which a prediction is near 0, 1 and -1."""
    loss, rng = fl.LOSSES[name].bind(**params), np.random.default_rng(12)
    for k in range(8):
        point = [float(d.sample(rng, 1)[0]) for d in loss.domains]
        beside = (0.0, 1.0, -1.0, *point[1:2])
        for x in [point[0], *(near(v, s, rng) for v in beside for s in (0.1, 1e-3, 1e-5))]:
            rounded = tuple(float(kind(v)) for v in (x, *point[1:]))
            if k % 2 == 0 and all(v in d for v, d in zip(rounded, loss.domains, strict=True)):
                yield rounded


def moved(name: str, point: tuple[float, ...], params: dict[str, float], wrt: int, order: int) -> Any:
    """How far a result moves where every input moves by itself."""
    step, here = mpf(10) ** -12, oracle.exact(name, point, params, wrt)[order]
    there = [oracle.exact(name, [*point[:k], mpf(x) * (1 + step), *point[k + 1 :]], params, wrt)[order]
             for k, x in enumerate(point) if x]  # fmt: skip
    return mp.fsum(abs(x - here) for x in there if x is not None) / step


def off_in_elements(name: str, params: dict[str, float], kind: type) -> Iterator[tuple[float, str]]:
    fixed = {n: float(kind(v)) for n, v in params.items()}
    tiny = float(np.finfo(kind).tiny)
    for point in places(name, fixed, kind):
        for k, wrt in enumerate(fl.LOSSES[name].wrt):
            exact, got = oracle.exact(name, point, fixed, wrt), jet(name, point, fixed, kind, k)
            for order, right in enumerate(exact):
                if right is None or is_held(name, order, point, fixed) or not math.isfinite(got[order]):
                    continue
                if abs(right) > tiny:
                    with mp.workdps(60):
                        off = error(got[order], right, mpf(0), kind)
                        if off > BOUND:
                            off = error(got[order], right, moved(name, point, fixed, wrt, order), kind)
                    yield off, f"d{order} {point} {got[order]!r} of {mp.nstr(right, 17)}"


CASES = [
    pytest.param(name, params, id=f"{name}-{'-'.join(map(str, params.values()))}")
    for formulas, names in ((oracle.FORMULAS, NAMES), (row_oracle.FORMULAS, LOSSES))
    for name in names
    for params in formulas[name].points
    if params.get("clamp", 100.0) == 100.0
]
FEW = {"binary_cross_entropy_with_logits", "generalized_kl", "cross_entropy", "poly_cross_entropy", "soft_distillation",
       "soft_reverse_distillation"}  # fmt: skip


@pytest.mark.parametrize("dtype", some(TYPES, ["float32"]))
@pytest.mark.parametrize(("name", "params"), [case if case.values[0] in FEW else rest(case) for case in CASES])
def test_what_cancels(name: str, params: dict[str, Any], dtype: str) -> None:
    worst, where = max((off_in_rows if name in LOSSES else off_in_elements)(name, params, TYPES[dtype]))
    assert worst <= WIDER.get(name, BOUND), f"{worst:.1f} units: {where}"
