"""A loss of elements against itself in many digits: derivatives, roundings, overflow, NaN; `kinks` has the rest."""

from __future__ import annotations

import linecache
import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mpmath import mp, mpf

from ..define.limit import TooLong, limited
from ..define.wording import listed
from ..kernels.bind import lift
from .numbers import ExactMath, Number, RoughMath, as_number, outcomes, units
from .report import PARTS, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..loss import Loss

TYPES = {"float32": np.float32, "float64": np.float64}

LINES = 100_000
"""Of Python that one look at a loss may run: in many digits they would take a second."""

AGREE = 1e-9
"""How near a derivative must be to differences, relative to it: constants of definitions have 16 digits."""

BEYOND = mpf(10) ** -60, mpf(10) ** 308
"""Of what is larger, no type has a number; what is smaller may be what differences are off."""

Point = tuple[float, ...]


class Runs:
    """A loss's definition on exact numbers, on a type's numbers, and on both at once."""

    def __init__(self, loss: Loss) -> None:
        self.loss, self.order = loss, loss.order
        self.parameters = tuple(float(v) for v in loss.values.values())
        self.outputs = [(PARTS[k], k, j) for k in range(self.order + 1) for j in range(len(loss.wrt) if k else 1)]
        """Part, its number, and by which differentiable input."""
        self._exact = lift(loss.jet, ExactMath, float, lambda f: f)
        try:
            self.exact([d.inner_point for d in loss.domains])
        except TypeError as error:
            raise TypeError(f"fl.check: numbers of many digits cannot do what {loss.name} does: {error}") from error

    def exact(self, point: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """All outputs at a point, and which way comparisons went."""
        self._look(point)
        outcomes.clear()
        result = self._exact(*(Number(mpf(x)) for x in (*point, *self.parameters)))
        return [as_number(x, None).exact for x in self._flat(result)], list(outcomes)

    def _look(self, point: Sequence[Any]) -> None:
        """Raise where a loop is as long as a large input: in many digits it would take for ever."""
        where = [float(x) for x in point]
        try:
            with suppress(ArithmeticError, ValueError, TypeError), limited(LINES):
                self.loss.jet(*where, *self.parameters)
        except TooLong as error:
            at = listed([f"{n} is {x:g}" for n, x in zip(self.loss.inputs, where, strict=True)])
            raise TypeError(
                f"fl.check: {self.loss.name} runs {error} where {at}, and cannot be looked at there"
            ) from None

    def rough(self, point: Point, kind: Any) -> list[Any]:
        """All outputs as arithmetic of a type has them."""
        with np.errstate(all="ignore"):
            jet = lift(self.loss.jet, RoughMath, kind, lambda f: f)
            return [kind(x) for x in self._flat(jet(*map(kind, point), *map(kind, self.parameters)))]

    def shadowed(self, point: Point, kind: Any) -> list[Number]:
        """All outputs, as numbers that know where they went wrong."""
        with np.errstate(all="ignore"):
            jet = lift(self.loss.jet, ExactMath, kind, lambda f: f)
            arguments = [Number(mpf(float(kind(x))), kind(x)) for x in (*point, *self.parameters)]
            return [as_number(x, kind(0)) for x in self._flat(jet(*arguments))]

    def _flat(self, result: Any) -> list[Any]:
        parts = [r if isinstance(r, tuple) else (r,) for r in result]
        return [parts[k][j] for _, k, j in self.outputs]

    def named(self, point: Point) -> dict[str, float]:
        """A point by the names of the inputs."""
        return dict(zip(self.loss.inputs, point, strict=True))


class Slopes:
    """All outputs at a point, and their differences by every input; None where a kink or an end of a domain is near."""

    def __init__(self, runs: Runs, point: Point) -> None:
        self.at, self.way = runs.exact(point)
        self.by = [self._differences(runs, point, k) for k in range(len(point))]

    def _differences(self, runs: Runs, point: Point, k: int) -> list[Any] | None:
        domain = runs.loss.domains[k]
        if point[k] in (domain.low, domain.high):
            return None
        step = abs(mpf(point[k]) or mpf(10) ** -40) * mpf(10) ** -60
        (left, way), (right, other) = (
            runs.exact([mpf(x) + (s if j == k else 0) for j, x in enumerate(point)]) for s in (-step, step)
        )
        return [(b - a) / (2 * step) for a, b in zip(left, right, strict=True)] if way == other else None

    def scale(self, output: int, point: Point) -> Any:
        """What a rounding of the inputs changes an output by, in roundings; at an end of its domain, one is exact."""
        found = [abs(x * by[output]) for x, by in zip(point, self.by, strict=True) if by is not None]
        return sum([s for s in found if mp.isfinite(s)], mpf(0))


class Worst:
    """The largest of each kind of finding, and how many there were."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str, str], tuple[float, int, Finding]] = {}

    def add(self, size: float, finding: Finding) -> None:
        """Count one, and keep it if it is the largest."""
        key = (finding.kind, finding.part, finding.dtype)
        largest, count, kept = self.found.get(key, (-1.0, 0, finding))
        self.found[key] = (max(size, largest), count + 1, finding if size > largest else kept)

    def findings(self) -> list[Finding]:
        """One for each kind, part and dtype."""
        return [
            replace(f, text=f"{f.text}, and at {count - 1} more points") if count > 1 else f
            for _, count, f in self.found.values()
        ]


def examined(
    runs: Runs, point: Point, dtype: str, ulps: float, worst: Worst, errors: dict[tuple[str, str], float]
) -> None:
    """Compare a loss at a point with itself, and add what is found."""
    kind = TYPES[dtype]
    slopes, got = Slopes(runs, point), runs.rough(point, kind)
    for n, (part, order, _) in enumerate(runs.outputs):
        if order and dtype == "float64":  # of exact numbers, once
            _check_derivative(runs, point, slopes, n, worst)
        off = units(got[n], slopes.at[n], slopes.scale(n, point))
        if off > ulps and _beside_a_kink(runs, point, kind, slopes.way):
            continue
        errors[dtype, part] = max(errors.get((dtype, part), 0.0), off)
        if off > ulps:
            what, text = _located(runs, point, kind, n, off, got[n], slopes.at[n])
            worst.add(off, Finding(what, part, dtype, runs.named(point), text))


def _check_derivative(runs: Runs, point: Point, slopes: Slopes, n: int, worst: Worst) -> None:
    part, order, which = runs.outputs[n]
    before = runs.outputs.index((PARTS[order - 1], order - 1, which if order > 1 else 0))
    by, said = slopes.by[runs.loss.wrt[which]], slopes.at[n]
    if by is None or not mp.isfinite(by[before]) or not mp.isfinite(said):
        return
    # The difference of a derivative that is 0 is what the next one makes of a tiny part of the input.
    bend = abs(by[n] * mpf(point[runs.loss.wrt[which]])) * mpf(10) ** -40
    size = max(abs(by[before]), abs(said), abs(slopes.at[before]) * mpf(10) ** -3)
    size = max(size, bend) if mp.isfinite(bend) else size
    if BEYOND[0] < size < BEYOND[1] and abs(by[before] - said) > AGREE * size:
        text = f"{mp.nstr(said, 9)}, but the {PARTS[order - 1]} changes by {mp.nstr(by[before], 9)}"
        gap = round(float(abs(by[before] - said) / size), 3)
        worst.add(gap, Finding("derivative", part, "", runs.named(point), text))


def _beside_a_kink(runs: Runs, point: Point, kind: Any, way: list[bool]) -> bool:
    """Whether a rounding of the inputs makes another comparison true."""
    eps = 2 * float(np.finfo(kind).eps)
    for k, x in enumerate(point):
        for step in (-eps, eps):
            moved = [mpf(y) * (1 + step) if j == k else mpf(y) for j, y in enumerate(point)]
            if x and runs.exact(moved)[1] != way:
                return True
    return False


def _located(runs: Runs, point: Point, kind: Any, n: int, off: float, got: Any, exact: Any) -> tuple[str, str]:
    """What kind of fault it is, and a sentence with the operation and its line."""
    size = "" if math.isinf(off) else f", {off:.3g} units in the last place off"
    text = f"{float(got):.9g} instead of {mp.nstr(exact, 9)}{size}"
    culprit = runs.shadowed(point, kind)[n].culprit
    what = "nan" if math.isnan(got) else "overflow" if math.isinf(got) else "inexact"
    if culprit is None:
        return what, text
    line = linecache.getline(culprit.file, culprit.line).strip()
    what = culprit.kind if what == "inexact" else what
    source = f" in `{line}`" if line else ""
    return what, f"{text}; lost by {culprit.operation}{source}, {Path(culprit.file).name}:{culprit.line}"


def check_nan(runs: Runs, point: Point, worst: Worst) -> None:
    """NaN in any input makes the value and the first derivative NaN."""
    for k in range(len(point)):
        moved = (*point[:k], math.nan, *point[k + 1 :])
        for got, (part, order, _) in zip(runs.rough(moved, np.float64), runs.outputs, strict=True):
            if order < 2 and not math.isnan(got):
                text = f"{float(got):.9g} where {runs.loss.inputs[k]} is NaN"
                worst.add(1.0, Finding("nan", part, "", runs.named(moved), text))
