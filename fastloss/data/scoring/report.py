"""What `score` found: numbers, a dictionary of them, and a text for a terminal."""

from __future__ import annotations

import math
from typing import Any

from .summary import QUANTILES

BAR = 40
GROUPS = 30
ROWS = 20
"""How much of it a text shows, at most."""


class Scores:
    """What is to be said of the losses of a source; ``str`` of it is a text for a terminal.

    `rows` were read, `count` of them are in the summary: not those that are absent, or that `where` leaves out.
    `groups` has a dictionary for each value of the column `by`, the largest mean first; `worst` is an Arrow table.
    """

    def __init__(self, job: Any, loss: str, source: str, seconds: float) -> None:
        summary = job.summary
        self.loss, self.source, self.seconds = loss, source, seconds
        self.rows, self.count = summary.rows, summary.count
        self.mean, self.sum = summary.mean, summary.sum
        self.min: float = summary.low if summary.count else math.nan
        self.max: float = summary.high if summary.count else math.nan
        self.quantiles = {q: summary.quantile(q) for q in QUANTILES} if summary.binned else {}
        self.exact = summary.exact
        """Whether quantiles are exact, or wrong by one part in 512 at most."""
        self.histogram = summary.histogram()
        """Bars: from, to, count."""
        self.by, self.groups = job.by, None if job.groups is None else job.groups.rows()
        self.worst = None if job.worst is None else job.worst.table
        self.written = job.written

    def __repr__(self) -> str:
        return f"<scores of {self.loss}: {self.count:,} rows, mean {self.mean:.6g}>"

    def as_dict(self) -> dict[str, Any]:
        """All of it for programs; NaN and infinities, which JSON has not, as None and texts."""
        found = {
            "loss": self.loss, "source": self.source, "rows": self.rows, "count": self.count, "mean": self.mean,
            "sum": self.sum, "min": self.min, "max": self.max,
            "quantiles": {f"{q:g}": v for q, v in self.quantiles.items()}, "quantiles_exact": self.exact,
            "histogram": [{"from": a, "to": b, "count": n} for a, b, n in self.histogram],
        }  # fmt: skip
        if self.groups is not None:
            found |= {"by": self.by, "groups": self.groups}
        if self.worst is not None:
            found["worst"] = self.worst.to_pylist()
        return {k: _plain(v) for k, v in found.items()} | {"seconds": round(self.seconds, 3)}

    def __str__(self) -> str:
        about = f"{self.count:,} of {self.rows:,} rows" if self.count != self.rows else f"{self.rows:,} rows"
        lines = [f"{self.loss} of {self.source}: {about}"]
        if not self.count:
            return lines[0]
        for pair in ((("mean", self.mean), ("sum", self.sum)), (("min", self.min), ("max", self.max))):
            lines.append("".join(f"{name:<6}{value:<18.9g}" for name, value in pair).rstrip())
        if not self.quantiles:
            return "\n".join([*lines, *self._tables()])
        named = "  ".join(f"{100 * q:g}% {v:.4g}" for q, v in self.quantiles.items())
        lines.append(f"quantiles{'' if self.exact else ' (within 0.2%)'}: {named}")
        lines += self._bars()
        return "\n".join([*lines, *self._tables()])

    def _tables(self) -> list[str]:
        lines: list[str] = []
        if self.groups is not None:
            cells = [[g["value"], *(g[k] for k in _HEAD)] for g in self.groups]
            lines += ["", *table_text([self.by, *_HEAD], cells, GROUPS)]
        if self.worst is not None:
            cells = [list(row.values()) for row in self.worst.slice(0, ROWS).to_pylist()]
            lines += ["", *table_text(self.worst.column_names, cells, ROWS, self.worst.num_rows)]
        return lines

    def _bars(self) -> list[str]:
        most = max((n for *_, n in self.histogram), default=0)
        lines = []
        for k, (low, high, n) in enumerate(self.histogram):
            last = k == len(self.histogram) - 1 and k
            edge = f"from {low:.4g}" if last else f"to {high:.4g}"
            lines.append(f"{edge:>16} {'█' * round(BAR * n / most) or ('▏' if n else '')} {n:,}")
        return lines


_HEAD = ("count", "mean", "median", "p90", "max")


def table_text(head: list[Any], rows: list[list[Any]], most: int, of: int | None = None) -> list[str]:
    """Columns of text, numbers to the right; of many rows the first."""
    cells = [[_cell(v) for v in row] for row in rows[:most]]
    shown = len(head) if len(head) <= 10 else 9
    cells = [[*row[: shown - 1], row[-1]] if shown < len(row) else row for row in cells]
    names = [*head[: shown - 1], head[-1]] if shown < len(head) else head
    widths = [max(len(str(c)) for c in column) for column in zip(names, *cells, strict=True)]
    lines = ["  ".join(f"{c!s:>{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in [names, *cells]]
    left = (len(rows) if of is None else of) - len(cells)
    return [*lines, f"... and {left:,} more"] if left > 0 else lines


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    whole = isinstance(value, int) and not isinstance(value, bool)
    text = "null" if value is None else f"{value:,}" if whole else str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if value != value else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)


def loss_told(score: Any) -> str:
    """A scorer's loss as rows are computed: with the columns of its parameters, and with the keywords."""
    keywords = {n: v for n, v in score.keywords.items() if n not in ("check", "backend")}
    return score.loss.written({**score.varying, **keywords})  # type: ignore[no-any-return]
