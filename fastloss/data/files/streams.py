"""What is read once, from its beginning, as a source: standard input, and what gives Arrow's stream."""

from __future__ import annotations

import gzip
import io
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .source import DataError
from .tables import FIRST, Tables, changed, csv_schema, numbered, parsed, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .source import Source

GZIP = b"\x1f\x8b"
"""What is packed by gzip begins with that, and no text does."""


class _Again(io.RawIOBase):
    """A stream whose beginning has been read: that, then the rest."""

    def __init__(self, start: bytes, rest: Any) -> None:
        self.start, self.rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.start[: len(buffer)] or self.rest.read(len(buffer))
        self.start = self.start[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


class _Input(Tables):
    """Standard input, or a table in memory, which is read once."""

    def __init__(self, kind: str, schema: pa.Schema, opened: Any, name: str = "standard input") -> None:
        super().__init__(name, [name], schema)
        self.kind, self.opened = kind, opened

    def computed(self, names: Sequence[str]) -> None:
        """Whole numbers at the start of CSV may be followed by others."""
        if self.kind == "csv":
            self.schema = changed(self.schema, names, pa.int64(), pa.float64())

    def batches(self, k: int, names: Sequence[str], rows: int, skip: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """What arrives."""
        if self.kind == "csv":
            yield from parsed(self.opened, self.schema, names, self.path)
        else:
            yield from numbered(iter(self.opened), names)


def standard_input(kind: str) -> Source:
    """The source of what is piped in; CSV may be packed by gzip, as in files."""
    file = sys.stdin.buffer
    if kind == "csv":
        start = file.read(FIRST)
        if start.startswith(GZIP):
            file = gzip.GzipFile(fileobj=io.BufferedReader(_Again(start, file), FIRST))
            with told("standard input"):
                start = file.read(FIRST)
        return _Input(kind, csv_schema(start, "standard input"), io.BufferedReader(_Again(start, file), FIRST))
    with told("standard input"):
        reader = pa.ipc.open_stream(file)
    return _Input(kind, reader.schema, reader)


def of_stream(given: Any) -> Source:
    """The source of what gives Arrow's stream: a table of Arrow's or Polars', a reader, a relation of DuckDB's."""
    name = f"the {type(given).__name__}"
    try:
        reader = pa.RecordBatchReader.from_stream(given)
    except pa.ArrowException as error:
        raise DataError(f"{name}: {_unread(given)}{error}") from None
    found = _Input("stream", reader.schema, reader, name)
    # What pyarrow and Polars call it: `len` of a relation of DuckDB's is a query beside the one that is read.
    found.rows = getattr(given, "num_rows", getattr(given, "height", None))
    return found


def _unread(given: Any) -> str:
    """The first column of a frame that does not come through by itself."""
    for column in getattr(given, "columns", ()):
        try:
            pa.RecordBatchReader.from_stream(given.select(column))
        except pa.ArrowException:
            return f"column {column!r} has dtype {given[column].dtype}: "
        except (AttributeError, TypeError):  # it is no frame of Polars'
            break
    return ""
