"""The bars: what a ratio must be, whether it is, and why where it is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Why a bar is missed: parts of its family, its subject and its label, and the cause. The first that fits counts. Only
# what the figures do not tell: a domain's check, fresh pages, a peer as fast as memory and what `bench.roofline`
# measures are told from them.
CAUSES = (
    ("cross_entropy", "bfloat16", "copy", "the copy moves half the bytes; the arithmetic is that of float32"),
    ("cross_entropy", "", "copy", "an exponential, two sums and a maximum an element take longer than moving it"),
    ("cross_entropy", "bfloat16", "out=", "unpacking and rounding 16 bits is arithmetic too, and leaves less to gain"),
    ("distillation", "", "bare", "two to three exponentials an element: arithmetic, not memory"),
    ("linear", "", "in one piece", "products of few rows at a time are slower, and the loss comes on top"),
    ("linear", "", "same chunks", "the loss between the products, and the adding up of the weights' gradient"),
    ("start", "first call", "whole", "nearly all of it is Numba's own start: `numba alone` in the table below"),
    ("start", "first call", "own share", "loading the kernel's modules and its machine code from the disk"),
    (
        "CUDA",
        "131072 classes",
        "copy",
        "a row is read three times, and no longer stays in the card's cache between them",
    ),
    (
        "CUDA",
        "float32, 32000 classes",
        "copy",
        "a row is read twice, and no cache keeps it until then",
    ),
    (
        "CUDA",
        ", 10 classes",
        "",
        "several threads a row then and one since: see README",
    ),
    (
        "starts",
        "first result",
        "compiled",
        "Numba's import, and its compiler: `python -m bench.compiles` says what takes how long",
    ),
    (
        "CUDA",
        "cross_entropy, bfloat16",
        "copy",
        "some 43 instructions an element then and 31 to 39 since, where a copy's time has room for 32: see README",
    ),
    (
        "CUDA",
        "numbers",
        "overhead",
        "on a slower host 49 us then and 28 since, of which two allocations take 5",
    ),
    ("accuracy", "", "", "named with its reason in tests/helpers/elements.py: roundings that add up"),
)

NO_GPU = "not measured: no GPU was at hand"
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit of the design, and what was reached; None where nothing was measured."""

    family: str
    subject: str
    label: str
    limit: float
    reached: float | None
    at_least: bool = False
    unit: str = ""
    unchecked: float | None = None
    """The same with `check=False`, where the loss has a domain to check."""
    given: float | None = None
    """The same with `out=`, where it is of a fresh gradient."""
    ceiling: float | None = None
    """What a bare pass over the arrays would reach."""
    missing: str = NOT_MEASURED

    @property
    def met(self) -> bool:
        return self.reached is not None and self._holds(self.reached)

    def _holds(self, number: float) -> bool:
        return number >= self.limit if self.at_least else number <= self.limit

    @property
    def missed(self) -> bool:
        return self.reached is not None and not self.met

    @property
    def bound(self) -> str:
        """The limit as a reader sees it."""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}{self.unit}"

    @property
    def shortfall(self) -> float:
        """By how many times the limit is missed; less than 1 where it holds."""
        if self.reached is None:
            return 0.0
        return self.limit / max(self.reached, 1e-12) if self.at_least else self.reached / max(self.limit, 1e-12)

    def __str__(self) -> str:
        if self.reached is None:
            return f"{self.label}: bar {self.limit:.2f}{self.unit}: {self.missing}"
        free = "" if self.unchecked is None else f" ({self.unchecked:.2f} with check=False)"
        verdict = "met" if self.met else "MISSED"
        return f"{self.label}: bar {self.limit:.2f}{self.unit}: {self.reached:.2f}{self.unit} {verdict}{free}"

    def cause(self, limits: str = "") -> str:
        """Why it is missed; `limits` is what the roofline says of this loss."""
        if not self.missed:
            return ""
        if self.unchecked is None:
            return self._cause(limits)
        check = f"the domain's check reads the target once more: {self.unchecked:.2f} with `check=False`"
        return check if self._holds(self.unchecked) else f"{check}; the rest: {self._cause(limits)}"

    def _cause(self, limits: str) -> str:
        if self.ceiling is not None and not self._holds(self.ceiling):
            return f"out of reach: a bare pass over the same arrays would reach {self.ceiling:.2f}"
        if self.given is not None and self._holds(self.given):
            return f"a fresh gradient costs the first touch of its pages: {self.given:.2f} with `out=`"
        if limits and self.label.endswith(("bare", "copy")):
            return limits
        for family, subject, label, cause in CAUSES:
            if family in self.family and subject in self.subject and label in self.label:
                return cause
        return "not explained yet"


def verdicts(bars: Iterable[Bar]) -> str:
    """Line by line, missed ones first."""
    return "\n".join(f"  {bar.subject}: {bar}" for bar in sorted(bars, key=lambda bar: bar.met))


def worst(bars: Sequence[Bar]) -> Bar:
    """The one that is nearest to its limit, or farthest beyond."""
    return max(bars, key=lambda bar: bar.shortfall)
