"""What a check finds, for programs and for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS = ("value", "first derivative", "second derivative")


@dataclass(frozen=True)
class Finding:
    """One thing that a check found."""

    kind: str
    """derivative, cancellation, overflow, underflow, inexact, nan, jump, slope; or kink, which is no fault."""
    part: str
    """Of value, first derivative, second derivative."""
    dtype: str
    """float32 or float64; "" of what is so in whatever type."""
    at: Mapping[str, float]
    """The inputs where it is largest."""
    text: str
    """A sentence."""

    @property
    def fault(self) -> bool:
        """Whether the loss should be changed."""
        return self.kind != "kink"

    def __str__(self) -> str:
        where = ", ".join(f"{n} = {x:.9g}" for n, x in self.at.items())
        kind = f"{self.kind}, {self.part}" + (f", {self.dtype}" if self.dtype else "")
        return f"{kind}: {self.text}" + (f" (at {where})" if where else "")


@dataclass(frozen=True)
class Report:
    """What `fastloss.check` found: `ok`, all `findings`, the largest `errors`; in words, as text."""

    loss: str
    points: int
    findings: tuple[Finding, ...]
    errors: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """The largest error of each dtype and part, in units in the last place; infinite where it overflows."""

    @property
    def ok(self) -> bool:
        """Whether there is no fault; a kink is none."""
        return not self.faults

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings for which the loss should be changed."""
        return tuple(f for f in self.findings if f.fault)

    @property
    def kinks(self) -> tuple[Finding, ...]:
        """Where a derivative jumps."""
        return tuple(f for f in self.findings if f.kind == "kink")

    def __str__(self) -> str:
        lines = [f"{self.loss}: {'ok' if self.ok else f'{len(self.faults)} faults'}, at {self.points} points"]
        for dtype in sorted({dtype for dtype, _ in self.errors}):
            worst = ", ".join(f"{part} {e:.3g}" for (d, part), e in self.errors.items() if d == dtype)
            lines.append(f"  {dtype}, at most so many units in the last place off: {worst}")
        return "\n".join([*lines, *(f"  {f}" for f in (*self.faults, *self.kinks))])
