"""The formats of files of scored rows, each written in one go from tables that follow one another."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .. import arrow
from .source import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Groups = Callable[[], Iterator[Any]]

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".feather": "arrow", ".arrow": "arrow", ".ipc": "arrow",
           ".csv": "csv", ".npy": "npy", ".npz": "npz"}  # fmt: skip


def write(kind: str, file: Any, schema: Any, groups: Groups, rows: int) -> None:
    """Write all groups of rows to an open file."""
    writers = {"parquet": _parquet, "arrow": _arrow, "csv": _csv, "npy": _npy, "npz": _npz}
    writers[kind](file, schema, groups, rows)


def check(kind: str, schema: Any, path: str) -> None:
    """Raise if the format has no place for such columns."""
    for field in [schema.field(len(schema) - 1)] if kind == "npy" else schema:
        of = getattr(field.type, "value_type", field.type)
        number = pa.types.is_integer(of) or pa.types.is_floating(of) or pa.types.is_boolean(of)
        if kind == "csv" and pa.types.is_nested(field.type):
            raise DataError(f"{path}: CSV has no place for column {field.name!r} of {field.type}; keep others")
        if kind in ("npz", "npy") and not number:
            raise DataError(f"{path}: NumPy's files hold numbers, column {field.name!r} is {field.type}; keep others")
        if kind in ("parquet", "csv") and not (number and of is field.type):
            row = pa.table([pa.nulls(1, field.type)], pa.schema([field.with_nullable(True)]))
            try:
                write(kind, pa.BufferOutputStream(), row.schema, lambda row=row: iter([row]), 1)  # type: ignore[misc]
            except pa.ArrowException:
                raise DataError(
                    f"{path}: {kind} has no place for column {field.name!r} of {field.type}; keep others"
                ) from None


def _parquet(file: Any, schema: Any, groups: Groups, rows: int) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, schema) as writer:
        for table in groups():
            writer.write_table(table, row_group_size=max(1, table.num_rows))


def _arrow(file: Any, schema: Any, groups: Groups, rows: int) -> None:
    with pa.ipc.new_file(file, schema) as writer:
        for table in groups():
            writer.write_table(table)


def _csv(file: Any, schema: Any, groups: Groups, rows: int) -> None:
    from pyarrow import csv

    with csv.CSVWriter(file, schema) as writer:
        for table in groups():
            writer.write_table(table)


def _npy(file: Any, schema: Any, groups: Groups, rows: int) -> None:
    _column(file, schema, groups, rows, len(schema) - 1)


def _npz(file: Any, schema: Any, groups: Groups, rows: int) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for k, name in enumerate(schema.names):
            # A date of its own would make each file another one.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                _column(member, schema, groups, rows, k)


def _column(file: Any, schema: Any, groups: Groups, rows: int, k: int) -> None:
    """One column as a `.npy` file; a row that is null becomes NaN, and whole numbers floats if there is one."""
    name, kind = schema.names[k], schema.field(k).type
    exact = not pa.types.is_floating(getattr(kind, "value_type", kind))
    holes = exact and any(_read(name, table).nulls is not None for table in groups())
    shape: tuple[int, ...] = ()
    for table in groups():
        values, nulls, _ = _read(name, table)
        values = values.astype(np.float64) if holes else values
        if nulls is not None:
            values = np.array(values)
            values[nulls] = np.nan
        if not shape:
            shape = (rows, *values.shape[1:])
            head = {"descr": np.lib.format.dtype_to_descr(values.dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(file, head)
        if values.shape[1:] != shape[1:]:
            raise DataError(f"column {name!r} has lists of {shape[1]} and of {values.shape[1]} numbers; keep others")
        file.write(np.ascontiguousarray(values).data)
    if not shape:
        np.lib.format.write_array(file, np.empty(0), allow_pickle=False)


def _read(name: str, table: Any) -> arrow.Column:
    try:
        return arrow.read(table.column(name))
    except arrow.Unread as error:
        raise DataError(f"column {name!r} {error.told(None)}; keep others") from None
