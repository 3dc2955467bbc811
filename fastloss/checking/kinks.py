"""Where a loss changes its formula, and whether its value or a derivative jumps there; and a name for the place."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from mpmath import mp, mpf

from .report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .examine import Runs

NEAR = mpf(10) ** -25
"""How far from a kink both sides are looked at."""

JUMP = 1e-10
"""What counts as a jump, relative to the usual size."""

STEPS = 90
"""Halvings of an interval, which make it shorter than `NEAR`."""


def kinks(runs: Runs, seed: int) -> list[Finding]:
    """A finding for each place where value, slope or bend jumps, as a function of the first differentiated input."""
    loss = runs.loss
    place = loss.wrt[0]
    rng = np.random.default_rng(seed)
    rests = [tuple(float(d.sample(rng, 1)[0]) for d in loss.domains) for _ in range(3)]
    if len(loss.domains) > 1 and loss.domains[1].ends_only:
        rests = [
            (r[0], end, *r[2:]) for r, end in zip(rests, (loss.domains[1].low, loss.domains[1].high), strict=False)
        ]
    found: dict[tuple[str, str], list[tuple[mpf, tuple[float, ...], str]]] = {}
    for rest in rests:
        for s, kind, part, text in _along(runs, rest, place):
            for name in _names(s, runs, rest, place):
                found.setdefault((kind, part), []).append((s, rest, f"{name}\n{text}"))
    return [*_told(runs, found, rests, place)]


def _along(runs: Runs, rest: Sequence[float], place: int) -> Iterator[tuple[Any, str, str, str]]:
    """The places along one input where something jumps: the place, what kind of finding, which part, and what."""
    domain = runs.loss.domains[place]
    near = sorted({*(float(x) for x in np.linspace(-12.0, 12.0, 49)), *np.linspace(0.02, 0.98, 25).tolist(),
                   *(y + d for y in rest for d in (-0.013, 0.017))})  # fmt: skip
    grid = [x for x in near if x in domain and x not in (domain.low, domain.high)]

    def at(x: Any) -> tuple[list[Any], list[bool]]:
        return runs.exact([x if k == place else mpf(y) for k, y in enumerate(rest)])

    runs_along = [(mpf(x), at(mpf(x))) for x in grid]
    usual = [_median([abs(r[0][n]) for _, r in runs_along if mp.isfinite(r[0][n])]) for n in range(len(runs.outputs))]
    for (a, ra), (b, rb) in pairwise(runs_along):
        for s in _switches(at, a, ra[1], b, rb[1], 4):
            step = NEAR * max(mpf(1), abs(s))
            left, right = at(s - step)[0], at(s + step)[0]
            for n, (part, order, which) in enumerate(runs.outputs):
                size = max(usual[n], abs(left[n]), abs(right[n]), mpf(10) ** -12)
                if which == 0 and mp.isfinite(left[n]) and abs(left[n] - right[n]) > JUMP * size:
                    text = f"from {mp.nstr(left[n], 6)} to {mp.nstr(right[n], 6)}"
                    yield s, "kink" if order else "jump", part, text
                    break


def _switches(at: Any, a: Any, way_a: list[bool], b: Any, way_b: list[bool], depth: int) -> Iterator[Any]:
    """The places between two numbers where a comparison turns over."""
    if way_a == way_b or depth == 0:
        return
    low, high, way = a, b, way_b
    for _ in range(STEPS):
        middle = (low + high) / 2
        here = at(middle)[1]
        if here == way_a:
            low = middle
        else:
            high, way = middle, here
    yield low if abs(low) > NEAR / 10 else mpf(0)
    yield from _switches(at, high + NEAR, at(high + NEAR)[1] if way != way_b else way_b, b, way_b, depth - 1)


def _median(values: list[Any]) -> Any:
    return sorted(values)[len(values) // 2] if values else mpf(0)


def _names(s: Any, runs: Runs, rest: Sequence[float], place: int) -> list[str]:
    """Expressions of the other inputs and of parameters that have this value: "target + delta"."""
    others = {n: mpf(x) for k, (n, x) in enumerate(zip(runs.loss.inputs, rest, strict=True)) if k != place}
    params = {n: mpf(float(x)) for n, x in runs.loss.values.items()}
    known: dict[str, Any] = {"0": mpf(0), **others, **{f"-{n}": -x for n, x in others.items()}}
    for p, v in params.items():
        known |= {p: v, f"-{p}": -v, f"1 - {p}": 1 - v}
        for n, x in others.items():
            known |= {f"{n} + {p}": x + v, f"{n} - {p}": x - v, f"{n} * {p}": x * v, f"-{n} * {p}": -x * v}
    for n, x in others.items():
        if x:
            known |= {f"1 / {n}": 1 / x, f"-1 / {n}": -1 / x}
        if 0 < abs(x) < 700:
            known |= {f"exp({n})": mp.exp(x), **({f"log({n})": mp.log(x)} if x > 0 else {})}
    known |= {f"{k}": mpf(k) for k in (1, -1, 2, -2)}
    names = [n for n, x in known.items() if abs(x - s) < mpf(10) ** -18 * max(1, abs(s))]
    return [*names, f"{mp.nstr(s, 9)}"]


def _told(runs: Runs, found: Any, rests: Sequence[Any], place: int) -> Iterator[Finding]:
    """One finding for each place: by the name that serves the most of the other inputs' values."""
    variable = runs.loss.inputs[place]
    for (kind, part), hits in found.items():
        left = hits
        while left:
            names = {t.split("\n")[0] for _, _, t in left}
            count = {name: len({r for _, r, t in left if t.startswith(f"{name}\n")}) for name in names}
            best = max(sorted(names, key=lambda n: (len(n), n)), key=lambda n: count[n])
            mine = [(s, r, t) for s, r, t in left if t.startswith(f"{best}\n")]
            taken = {(s, r) for s, r, _ in mine}
            left = [hit for hit in left if (hit[0], hit[1]) not in taken]
            s, rest, text = mine[0]
            at = {**runs.named(tuple(rest)), variable: float(s)}
            yield Finding(kind, part, "", at, f"jumps at {variable} = {best}, here {text.split(chr(10))[1]}")
