"""What rows come from: a `Source` gives them in chunks of bounded memory, whatever kind of file or folder it is."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class DataError(ValueError):
    """What is wrong with data, in one line that names the file, and the row where there is one."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows that follow one another: their columns, and where they come from."""

    start: int
    """How many rows of the source come before them."""
    rows: int
    columns: dict[str, Any]
    path: str
    first: int
    """How many rows of the file at `path` come before them."""


class Source:
    """Rows in columns. `names` are those of the columns, `rows` says how many there are where that is known."""

    names: list[str]
    rows: int | None = None
    path: str
    files: Sequence[str] = ()
    most = 1 << 19
    """Rows that are best read at a time."""

    def chunks(self, names: Sequence[str], rows: int, skip: int) -> Iterator[Chunk]:
        """The columns of these names, at most `rows` at a time, without the first `skip` rows."""
        raise NotImplementedError

    def row_bytes(self, names: Sequence[str]) -> float:
        """About how many bytes a row takes in memory."""
        return 8.0 * len(names)

    def computed(self, names: Sequence[str]) -> None:
        """Hear which columns are computed with: of the others, whole numbers stay what they are."""

    def identity(self) -> list[list[Any]]:
        """The files with their sizes and times: whether it is the same source as before."""
        return [[os.path.abspath(f), (s := os.stat(f)).st_size, s.st_mtime_ns] for f in self.files if os.path.exists(f)]

    def known(self, name: str, role: str) -> str:
        """The name of a column, which has to be there."""
        if name not in self.names:
            close = difflib.get_close_matches(name, self.names, 1) or [
                n for n in self.names if n.lower() == name.lower()
            ]
            hint = f"did you mean {close[0]!r}?" if close else f"it has {listed(self.names)}"
            if "," in name and {*name.split(",")} <= {*self.names}:
                hint = "these are several, expected one"
            raise DataError(f"{self.path}: there is no column {name!r}, which is {role}; {hint}")
        if self.names.count(name) > 1:
            raise DataError(f"{self.path}: there are {self.names.count(name)} columns {name!r}, of which one is {role}")
        return name


def listed(names: Sequence[str]) -> str:
    """Names with commas between them, of many only some."""
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown or "no columns"
