"""The formats of files of scored rows, each written in one go from tables that follow one another."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

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
    """One column as a `.npy` file; null becomes NaN."""
    first = True
    for table in groups():
        values = _numbers(table.column(k))
        if first:
            shape = (rows, *values.shape[1:])
            head = {"descr": np.lib.format.dtype_to_descr(values.dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(file, head)
            first = False
        file.write(np.ascontiguousarray(values).data)
    if first:
        np.lib.format.write_array(file, np.empty(0), allow_pickle=False)


def _numbers(column: Any) -> Any:
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not hasattr(array, "flatten") or not pa.types.is_nested(array.type):
        if array.null_count:
            array = array.cast(pa.float64())
        return array.to_numpy(zero_copy_only=False)
    return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), -1)
