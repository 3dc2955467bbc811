"""What a scorer asks of each kind of batch: its columns' names, a column, and the batch with columns added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..define.wording import named
from . import arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

LEAST = 65_536
"""Rows of a table's chunk on average, from which on it is computed by itself and not copied into one with others."""


class Made(NamedTuple):
    """A column that was computed."""

    name: str
    values: NDArray[Any]
    nulls: NDArray[np.bool_] | None
    form: Any
    """That of the column whose kind this is to have."""


class Batch(NamedTuple):
    """A kind of batch."""

    names: Iterable[str]
    column: Callable[[str], Any]
    add: Callable[[Sequence[Made]], Any]


def of(asking: str, x: Any) -> Batch:
    """What is asked of the batch `x`."""
    library, kind = type(x).__module__.partition(".")[0], type(x).__name__
    if isinstance(x, dict):
        return Batch(x, x.__getitem__, lambda made: {**x, **{m.name: plain(m) for m in made}})
    if library == "pyarrow" and kind in ("RecordBatch", "Table"):
        return Batch(x.schema.names, x.column, lambda made: _arrow(x, made))
    if library == "pandas" and kind == "DataFrame":
        return Batch(x.columns, x.__getitem__, lambda made: x.assign(**{m.name: _pandas(m) for m in made}))
    if library == "polars" and kind == "DataFrame":
        return Batch(x.columns, x.get_column, lambda made: x.with_columns(_polars(m) for m in made))
    if library == "polars" and kind == "LazyFrame":
        hint = "; fl.data.polars has expressions, and its map_batches takes a scorer, as docs/data.md shows"
    elif library in ("dask", "pyspark", "ray", "datasets", "duckdb"):
        hint = f"; docs/data.md shows how {library} runs a scorer"
    else:
        hint = ""
    raise TypeError(f"{asking}: the batch is {named(x)}, expected a pyarrow Table or RecordBatch, a pandas or Polars "
                    f"DataFrame, or a dictionary of arrays{hint}")  # fmt: skip


def pieces(x: Any) -> list[Any] | None:
    """The record batches of a table that are computed one by one; None where the whole is."""
    if type(x).__name__ != "Table" or not type(x).__module__.startswith("pyarrow"):
        return None
    parts = x.to_batches() if max((c.num_chunks for c in x.columns), default=0) > 1 else []
    return parts if len(parts) > 1 and len(parts) * LEAST <= x.num_rows else None


def joined(table: Any, parts: Sequence[Sequence[Made]]) -> Any:
    """A table with the columns that were made of its pieces."""
    for made in zip(*parts, strict=True):
        chunks = [arrow.array(m.values, m.nulls, m.form) for m in made]
        table = table.append_column(made[0].name, arrow.pyarrow().chunked_array(chunks))
    return table


def plain(made: Made) -> NDArray[Any]:
    """As NumPy has it, which knows no null: NaN."""
    if made.nulls is None:
        return made.values
    values = made.values.copy()
    values[made.nulls] = np.nan
    return values


def _arrow(x: Any, made: Sequence[Made]) -> Any:
    for m in made:
        x = x.append_column(m.name, arrow.array(m.values, m.nulls, m.form))
    return x


def _polars(made: Made) -> Any:
    import polars

    return polars.Series(made.name, polars.from_arrow(arrow.array(made.values, made.nulls, made.form)))


def _pandas(made: Made) -> Any:
    """A column as the one that it belongs to: Arrow's, pandas' own with nulls, or NumPy's."""
    import pandas

    if hasattr(made.form, "pyarrow_dtype"):
        array = arrow.array(made.values, made.nulls, made.form.pyarrow_dtype)
        return pandas.array(array, dtype=pandas.ArrowDtype(array.type))
    if made.values.ndim == 2:
        rows: Mapping[int, Any] = {} if made.nulls is None else dict.fromkeys(np.flatnonzero(made.nulls).tolist())
        return [rows.get(i, row) if i in rows else row for i, row in enumerate(made.values)]
    if hasattr(made.form, "numpy_dtype") and made.values.dtype.char in "fd":
        mask = np.zeros(len(made.values), bool) if made.nulls is None else made.nulls
        return pandas.arrays.FloatingArray(made.values, mask.copy())
    return plain(made)
