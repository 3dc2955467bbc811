"""Tables as sources, read by pyarrow batch by batch: Parquet, Arrow and Feather, CSV, and standard input."""

from __future__ import annotations

import io
import os
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .decoded import taken
from .source import Chunk, DataError, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIRST = 1 << 20
"""Bytes of a CSV file by which the types of its columns are told."""

NULLS = ["", "#N/A", "#N/A N/A", "#NA", "N/A", "NA", "NULL", "n/a", "null"]
"""What a null is in CSV: Arrow's texts without those of NaN, which is a number that went wrong."""


@contextmanager
def told(path: str, row: int | None = None) -> Iterator[None]:
    """Arrow's errors as ours, in one line that begins with the file."""
    try:
        yield
    except DataError:
        raise
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        text = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
        place = f"{path}, near row {row:,}" if row is not None else path
        raise DataError(f"{place}: {text[:300].removesuffix('.')}") from None


class Tables(Source):
    """Batches of one schema from several files, one after another."""

    most = 1 << 18  # Parquet is decoded more slowly in larger ones

    def __init__(self, path: str, files: Sequence[str], schema: pa.Schema) -> None:
        self.path, self.files, self.schema, self.names = path, files, schema, list(schema.names)

    def batches(self, k: int, names: Sequence[str], rows: int, skip: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The batches of file `k`, each with its first row's number; those that `skip` rows hold may be left out."""
        raise NotImplementedError

    def count(self, k: int) -> int | None:
        """How many rows file `k` has, where that is told without reading it."""
        return None

    def chunks(self, names: Sequence[str], rows: int, skip: int) -> Iterator[Chunk]:
        """Batches as they come, cut to length."""
        before = 0
        for k, path in enumerate(self.files):
            known = self.count(k)
            if known is not None and before + known <= skip:
                before += known
                continue
            seen = 0
            with told(path):
                batches = self.batches(k, names, rows, max(0, skip - before))
            while True:
                with told(path, seen):
                    found = next(batches, None)
                if found is None:
                    break
                first, batch = found
                cut = max(0, skip - before - first)
                for at in range(cut, batch.num_rows, rows):
                    part = batch.slice(at, rows)
                    columns = {name: taken(part.column(name)) for name in names}
                    yield Chunk(before + first + at, part.num_rows, columns, path, first + at)
                seen = first + batch.num_rows
            if known is not None and seen < known:
                raise DataError(f"{path}: is cut short: {seen:,} rows of {known:,}")
            before += seen if known is None else known


def tables(kind: str, found: Sequence[str], path: str) -> Source:
    """The source of files of that kind."""
    if kind == "csv":
        return Csv(found, path)
    return Parquet(found, path) if kind == "parquet" else Arrow(found, path)


def _same_schema(path: str, names: Sequence[str], others: Sequence[str], other: str) -> None:
    if missing := [n for n in names if n not in others]:
        raise DataError(f"{other}: there is no column {missing[0]!r}, which {path} has")


class Parquet(Tables):
    """Parquet files, also those of a folder whose inner folders are called KEY=VALUE, which are columns then."""

    def __init__(self, found: Sequence[str], path: str) -> None:
        import pyarrow.parquet as pq

        self._read = pq
        self.counts: list[int] = []
        for name in found:
            with told(name):
                metadata = pq.read_metadata(name)
                self.counts.append(metadata.num_rows)
        self.keys: list[dict[str, Any]] = [{}] * len(found)
        with told(found[0]):
            if any("=" in os.path.dirname(name) for name in found):
                schema = self._of_keys(found)
            else:
                schema = pq.read_schema(found[0])
        super().__init__(path, list(found), schema)
        self.rows = sum(self.counts)

    def _of_keys(self, found: Sequence[str]) -> pa.Schema:
        import pyarrow.dataset as ds  # its import takes as long as all the rest

        dataset = ds.dataset(list(found), format="parquet", partitioning="hive")
        self.keys = [ds.get_partition_keys(f.partition_expression) for f in dataset.get_fragments()]
        return dataset.schema

    def count(self, k: int) -> int:
        """What its footer says."""
        return self.counts[k]

    def row_bytes(self, names: Sequence[str]) -> float:
        """What the footer of the first file with rows says of these columns."""
        for path, count in zip(self.files, self.counts, strict=True):
            if count:
                with told(path):
                    metadata = self._read.read_metadata(path)
                group = metadata.row_group(0)
                columns = [group.column(c) for c in range(group.num_columns)]
                size = sum(c.total_uncompressed_size for c in columns if c.path_in_schema.split(".")[0] in names)
                return float(max(8 * len(names), size / max(1, group.num_rows)))
        return 8.0 * len(names)

    def batches(self, k: int, names: Sequence[str], rows: int, skip: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Row groups that lie in what is skipped are not read."""
        file = self._read.ParquetFile(self.files[k], memory_map=True)
        stored, keys = file.schema_arrow.names, self.keys[k]
        _same_schema(self.path, [n for n in names if n not in keys], stored, self.files[k])
        first, group = 0, 0
        while group < file.num_row_groups and first + (n := file.metadata.row_group(group).num_rows) <= skip:
            first, group = first + n, group + 1
        groups = list(range(group, file.num_row_groups))
        if not groups:
            return
        wanted = [n for n in names if n in stored and n not in keys]
        for batch in file.iter_batches(rows, row_groups=groups, columns=wanted, use_threads=True):
            full = batch if len(wanted) == len(names) else self._with_keys(batch, names, keys)
            yield first, full
            first += full.num_rows

    def _with_keys(self, batch: pa.RecordBatch, names: Sequence[str], keys: dict[str, Any]) -> pa.RecordBatch:
        arrays = []
        for name in names:
            if name in keys:
                arrays.append(pa.repeat(pa.scalar(keys[name], self.schema.field(name).type), batch.num_rows))
            else:
                arrays.append(batch.column(name))
        return pa.RecordBatch.from_arrays(arrays, list(names))


class Arrow(Tables):
    """Arrow's files and streams, Feather's second version among them, mapped into memory."""

    def __init__(self, found: Sequence[str], path: str) -> None:
        with told(found[0]):
            schema = self._open(found[0]).schema
        super().__init__(path, list(found), schema)

    def _open(self, path: str) -> Any:
        file = pa.memory_map(path)
        try:
            return pa.ipc.open_file(file)
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file)

    def batches(self, k: int, names: Sequence[str], rows: int, skip: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The file's own batches."""
        reader = self._open(self.files[k])
        _same_schema(self.path, names, reader.schema.names, self.files[k])
        if isinstance(reader, pa.ipc.RecordBatchFileReader):
            each = (reader.get_batch(b) for b in range(reader.num_record_batches))
        else:
            each = iter(reader)
        yield from numbered(each, names)


def numbered(each: Iterator[pa.RecordBatch], names: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches of these columns, each with its first row's number."""
    first = 0
    for batch in each:
        batch.validate()
        yield first, batch.select(list(names))
        first += batch.num_rows


class Csv(Tables):
    """CSV files, packed by gzip too. Columns of numbers are told by the file's beginning."""

    def __init__(self, found: Sequence[str], path: str) -> None:
        self.numbers: set[str] = set()
        with told(found[0]), pa.input_stream(found[0], compression="detect") as file:
            start = file.read(FIRST)
        super().__init__(path, list(found), csv_schema(start, found[0]))

    def computed(self, names: Sequence[str]) -> None:
        """Whole numbers at a file's start may be followed by others."""
        self.schema = changed(self.schema, names, pa.int64(), pa.float64())

    def row_bytes(self, names: Sequence[str]) -> float:
        """Text takes more than numbers do."""
        return 16.0 * len(names)

    def batches(self, k: int, names: Sequence[str], rows: int, skip: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Blocks of the file, parsed."""
        yield from parsed(pa.input_stream(self.files[k], compression="detect"), self.schema, names, self.files[k])


def _csv_options(path: str) -> Any:
    from pyarrow import csv

    return csv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True)


def _delimiter(path: str) -> str:
    return "\t" if ".tsv" in path.lower() else ","


def csv_schema(start: bytes, path: str) -> pa.Schema:
    """The types that whole lines at the start of a file speak of."""
    from pyarrow import csv

    if not start.strip():
        raise DataError(f"{path}: is empty, expected a line of names and lines of numbers")
    _utf_8(start.split(b"\n")[0], path)
    (names, *rows), comma = start.lstrip().split(b"\n")[:2], _delimiter(path)
    others = [c for c in ";\t|" if rows and 0 < names.count(c.encode()) == rows[0].count(c.encode())]
    if others and comma.encode() not in names:
        raise DataError(f"{path}: {others[0]!r} stands between the names of its columns, expected {comma!r}")
    end = len(start) if len(start) < FIRST else start.rfind(b"\n") + 1
    while start.count(b'"', 0, end) % 2 and end > 1:  # that line's end is one of a text
        end = start.rfind(b"\n", 0, end - 1) + 1
    head = start[:end] or start
    with told(path):
        convert = csv.ConvertOptions(null_values=NULLS)
        found = csv.read_csv(io.BytesIO(head), parse_options=_csv_options(path), convert_options=convert).schema
    return changed(found, found.names, pa.null(), pa.string())


def _utf_8(names: bytes, path: str) -> None:
    try:
        names.decode()
    except UnicodeDecodeError as error:
        text = f"byte {error.start} of its columns' names is {names[error.start]:#04x}, expected UTF-8"
        raise DataError(f"{path}: {text}; `iconv -f latin1 -t utf-8`, or -f utf-16, makes a file of it") from None


def changed(schema: pa.Schema, names: Sequence[str], kind: Any, to: Any) -> pa.Schema:
    """The schema with another type of those of the named columns that are of one `kind`."""
    return pa.schema([(f.name, to if f.type == kind and f.name in names else f.type) for f in schema])


def parsed(file: Any, schema: pa.Schema, names: Sequence[str], path: str) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Blocks of CSV in the types of the schema."""
    from pyarrow import csv

    kinds = {n: schema.field(n).type for n in names}
    convert = csv.ConvertOptions(column_types=kinds, include_columns=list(names), null_values=NULLS)
    reader = csv.open_csv(file, csv.ReadOptions(block_size=FIRST), _csv_options(path), convert)
    yield from numbered(iter(reader), names)
