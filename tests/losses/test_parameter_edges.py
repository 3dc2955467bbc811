"""Every loss at the edges of its parameters: no result is off by more than rounded inputs and parameters excuse.

As in `test_conditioning`, whose parameters are usual ones, a result is held to units in the last place of itself, or to
what it moves by if each input and parameter is rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import oracle
import pytest
import row_oracle
import row_slack
from data import NAMES, some
from elements import TYPES, error, is_held, jet
from mpmath import isinf, mp, mpf
from row_cases import LOSSES, Case
from test_conditioning import BOUND, a_case, near, softmax, units
from test_row_accuracy import run

import fastloss as fl

EDGES = (-1.0, 1e-3 - 1.0, 1e-6, 1e-3, 1.0 - 1e-3, 1.0 - 1e-6, 1.0 + 1e-6, 1e3, 1e6)
OWN = {
    "power": (-1.0, -1e-6, 1.0 + 1e-6, 2.0 - 1e-6, 2.0 + 1e-6, 3.0, 10.0),
    "temperature": (0.01, 0.1, 10.0, 100.0),  # of a million a softmax is uniform to every digit of float32
    "gamma": (1e-6, 1e-3, 10.0, 100.0),  # an exponent, or a width
}
"""Values for parameters of these names, whose edges are elsewhere or which nobody has so large."""

WIDER = {
    ("distillation", "temperature"): 30.0,  # of 100: sums of nearly uniform exponentials, by their difference
    ("multiclass_focal", "gamma"): 110.0,  # of 100: a power multiplies what 1 - p is off by
    ("multiclass_focal_from_probabilities", "gamma"): 40.0,  # as `multiclass_focal`
    ("reverse_distillation", "temperature"): 35.0,  # as `distillation`
    ("soft_js_distillation", "beta"): 85.0,  # of a millionth, beside a sure top: a mean less what is all but it
    ("soft_js_distillation", "temperature"): 30.0,  # of 100: P - Q by their difference; 17% of the time would mend it
}
"""What is off by more, as found in either type, and why."""


def values(name: str, parameter: str) -> list[float]:
    domain = fl.LOSSES[name].parameters[parameter]
    return [x for x in OWN.get(parameter, EDGES) if all(domain.admits(float(kind(x))) for kind in TYPES.values())]


CASES = [
    (name, parameter) for name, loss in fl.LOSSES.items() for parameter, d in loss.parameters.items() if not d.ends_only
]


def moved(name: str, point: tuple[float, ...], params: dict[str, float], wrt: int, order: int) -> Any:
    """How far a result moves where every input and every parameter moves by itself."""
    step, here = mpf(10) ** -12, oracle.exact(name, point, params, wrt)[order]
    there = [oracle.exact(name, [*point[:k], mpf(x) * (1 + step), *point[k + 1 :]], params, wrt)[order]
             for k, x in enumerate(point) if x and not math.isinf(x)]  # fmt: skip
    numbers = {n: x for n, x in params.items() if x and not fl.LOSSES[name].parameters[n].ends_only}
    there += [oracle.exact(name, point, {**params, n: mpf(x) * (1 + step)}, wrt)[order] for n, x in numbers.items()]
    return mp.fsum(abs(x - here) for x in there if x is not None) / step


def points(name: str, edge: float, params: dict[str, float], kind: type) -> Iterator[tuple[float, ...]]:
    """Usual points, and some in units of the parameter: near the target, and far from it."""
    loss, rng = fl.LOSSES[name].bind(**params), np.random.default_rng(21)
    for _ in range(2):
        point = [float(d.sample(rng, 1)[0]) for d in loss.domains]
        others = point[1:]
        beside = [near(others[0] if others else 0.0, s, rng) for s in (edge, 20.0 * edge, 1e-3)]
        large = [(x * edge for x in point), (x / edge for x in point), (100.0 * point[0], *others)] if edge else []
        for found in (point, *((x, *others) for x in beside), *large):
            rounded = tuple(float(kind(x)) for x in found)
            if all(x in d and abs(x) < 1e7 for x, d in zip(rounded, loss.domains, strict=True)):
                yield rounded


def off_at(
    name: str, where: Iterable[tuple[float, ...]], params: dict[str, float], kind: type
) -> Iterator[tuple[float, str]]:
    info = np.finfo(kind)
    for point in where:
        for k, wrt in enumerate(fl.LOSSES[name].wrt):
            exact, got = oracle.exact(name, point, params, wrt), jet(name, point, params, kind, k)
            for order, right in enumerate(exact):
                if right is None or is_held(name, order, point, params) or not info.tiny < abs(right) < info.max:
                    continue
                with mp.workdps(60):
                    off = error(got[order], right, mpf(0), kind)
                    if off > BOUND:
                        off = error(got[order], right, moved(name, point, params, wrt, order), kind)
                yield off, f"d{order} {point} {params} {got[order]!r} of {mp.nstr(right, 17)}"


def rows(name: str, parameter: str, edge: float, kind: type) -> Iterator[Case]:
    """Rows that differ, that are near, one that is sure, with masses as sure, and scores in units of the parameter."""
    rng, classes = np.random.default_rng(22), 3
    unit = edge if parameter in ("temperature", "softcap", "margin") else 1.0
    shapes = (1.0, 0.0, 1.0), (1.0, 0.0, 1e-2), (1.0, 15.0, 1.0), (unit, 0.0, 1.0), (10.0 * unit, 0.0, 1.0)
    for k, (deviation, sure, size) in enumerate(shapes):
        z = rng.normal(0.0, deviation, classes)
        top = int(np.argmax(z))
        z[top] += sure
        y = near(z, size * deviation, rng) if size < 1.0 else rng.normal(0.0, deviation, classes)
        y[top] -= 60.0 * deviation if k == 3 else 0.0  # a teacher that excludes the top
        masses = softmax(rng.normal(0.0, 3.0, classes) + (12.0 if sure else 0.0) * (np.arange(classes) == top))
        yield a_case(name, kind, z, y, int(rng.integers(classes)), masses if k != 1 else None)


def off_in(name: str, case: Case, params: dict[str, Any], kind: type) -> Iterator[tuple[float, str]]:
    inputs = [*case.scores, *([] if case.masses is None else [case.masses])]
    value, slopes = row_oracle.exact(name, inputs, params, range(len(case.scores[0])))
    got = run(name, params, kind, case.scores, case.masses)
    known = {j: s for j, s in slopes.items() if s is not None and not row_slack.is_held(name, case, params, j)}
    tiny = float(np.finfo(kind).tiny)
    with mp.workdps(60):
        of = name, case, {k: v if v is None else mpf(v) for k, v in params.items()}, kind
        if not isinf(value) and abs(value) > tiny:
            yield (
                units(*of, got[0], value, mpf(0), (0, None)),
                f"value {got[0]!r} of {mp.nstr(value, 17)} {params} {case}",
            )
        for order in (1, 2) if known else ():
            row = max(abs(s[order - 1]) for s in known.values())
            for j, s in known.items() if row > tiny else ():
                off = units(*of, got[order][j], s[order - 1], row, (order, j))
                yield off, f"d{order}[{j}] {got[order][j]!r} of {mp.nstr(s[order - 1], 17)} {params} {case}"


def offs(name: str, parameter: str, kind: type) -> Iterator[tuple[float, str]]:
    for edge in values(name, parameter):
        given = {**fl.LOSSES[name].values, parameter: edge}
        params = {n: v if v is None else float(kind(v)) for n, v in given.items()}
        if name in LOSSES:
            for case in rows(name, parameter, edge, kind):
                yield from off_in(name, case, params, kind)
        else:
            yield from off_at(name, points(name, edge, params, kind), params, kind)


@pytest.mark.parametrize("dtype", some(TYPES, ["float32"]))
@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_edges(name: str, parameter: str, dtype: str) -> None:
    worst, where = max(offs(name, parameter, TYPES[dtype]))
    assert worst <= WIDER.get((name, parameter), BOUND), f"{worst:.1f} units: {where}"


# -- constants ---------------------------------------------------------------------------------------------------------

FULL = [
    pytest.param(name, params, id=f"{name}-{'-'.join(map(str, params.values()))}")
    for name in NAMES
    for params in oracle.FORMULAS[name].points
    if params.get("full") and len(fl.LOSSES[name].inputs) == 2
]


def large(name: str, kind: type) -> Iterator[tuple[float, ...]]:
    """Small targets and large ones, whose constants' terms are up to 12 digits larger than a value that has them."""
    rng = np.random.default_rng(13)
    for target in (1e-3, 0.3, 3.0, 20.0, 1e4, 1e6):
        for size in (1e-4, 1e-2, 0.3, 3.0):
            mean = target * np.exp(size * rng.normal())
            yield float(kind(np.log(mean) if fl.LOSSES[name].link == "exp" else mean)), float(kind(target))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), FULL)
def test_full_values(name: str, params: dict[str, float], dtype: str) -> None:
    worst, where = max(off_at(name, large(name, TYPES[dtype]), params, TYPES[dtype]))
    assert worst <= BOUND, f"{worst:.1f} units: {where}"
