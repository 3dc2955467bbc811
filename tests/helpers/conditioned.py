"""How far results of whole arrays are off, beyond what rounded inputs excuse: formulas in many digits, by differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from elements import error
from mpmath import mp, mpf

BOUND = 8.0
"""Units that a result may be off, of itself or of what rounded inputs make."""

DIGITS = 100

STEP, ROUNDING = mpf(10) ** -25, mpf(10) ** -15
"""Of differences, in units of the smallest input; of how far inputs move."""


class Case(NamedTuple):
    """Arrays of a call, its keywords, and its formula in arrays of mpmath's numbers."""

    arrays: Sequence[Any]
    exact: Callable[..., Any]
    keywords: Mapping[str, Any] = MappingProxyType({})
    others: Sequence[Any] = ()
    """Arrays that are not floats, behind the others."""
    held: Callable[..., Any] = lambda *x: None
    """What is constant in the gradient, of the arrays: the formula's last argument."""
    moves: int = 1
    """Of how many of the arrays, the first ones, there is a gradient; 0 at a kink."""


class Formula:
    """That of a case, of all numbers in one list."""

    def __init__(self, case: Case, kind: Any) -> None:
        self.case, self.shapes = case, [np.shape(x) for x in case.arrays]
        self.numbers = [mpf(float(kind(v))) for x in case.arrays for v in np.ravel(x)]
        self.count = sum(int(np.prod(s)) for s in self.shapes[: case.moves])
        self.step = STEP * min((abs(v) for v in self.numbers if v), default=mpf(1))

    def value(self, numbers: Sequence[Any], held: Any = None) -> Any:
        arrays = self.arrays(numbers)
        return self.case.exact(*arrays, self.case.held(*arrays) if held is None else held)

    def arrays(self, numbers: Sequence[Any]) -> list[Any]:
        ends = np.cumsum([int(np.prod(s)) for s in self.shapes])[:-1]
        parts = np.split(np.array([*numbers, None], object)[:-1], ends)
        return [x.reshape(s) for x, s in zip(parts, self.shapes, strict=True)]

    def gradient(self, numbers: Sequence[Any]) -> list[Any]:
        held = self.case.held(*self.arrays(numbers))
        ends = ((self._moved(numbers, i, self.step), self._moved(numbers, i, -self.step)) for i in range(self.count))
        return [(self.value(up, held) - self.value(down, held)) / (2 * self.step) for up, down in ends]

    @staticmethod
    def _moved(numbers: Sequence[Any], i: int, by: Any) -> list[Any]:
        return [*numbers[:i], numbers[i] + by, *numbers[i + 1 :]]

    def excused(self, results: Callable[[Sequence[Any]], Sequence[Any]], here: Sequence[Any]) -> list[Any]:
        """What each result moves by where each input moves by itself, over how far it moves."""
        there = [results(self._moved(self.numbers, i, v * ROUNDING)) for i, v in enumerate(self.numbers) if v]
        return [mp.fsum(abs(x[k] - v) for x in there) / ROUNDING for k, v in enumerate(here)]


def off(case: Case, loss: Any, kind: Any) -> Iterator[tuple[float, str]]:
    """The units that value and gradient are off: of themselves, of the gradient's largest, or as inputs excuse."""
    arrays = [np.asarray(x, kind) for x in case.arrays]
    with mp.workdps(DIGITS):
        formula = Formula(case, kind)
        found, slopes = loss.value_and_grad(*arrays, *case.others, **case.keywords)
        results = [([found], lambda x: [formula.value(x)], False)]
        if case.moves:
            flat = np.concatenate([np.ravel(x) for x in (slopes if isinstance(slopes, tuple) else (slopes,))])
            results.append((list(flat), formula.gradient, True))
        for got, exact, whole in results:
            right = exact(formula.numbers)
            row = max((abs(v) for v in right), default=mpf(0)) if whole else mpf(0)
            worst = max((error(x, y, row, kind) for x, y in zip(got, right, strict=True)), default=0.0)
            if worst > BOUND:
                excuses = formula.excused(exact, right)
                worst = max(error(x, y, max(row, z), kind) for x, y, z in zip(got, right, excuses, strict=True))
            told = [mp.nstr(v, 10) for v in right]
            yield worst, f"{'gradient' if whole else 'value'} {got} of {told}, {case.keywords} {case.arrays}"
