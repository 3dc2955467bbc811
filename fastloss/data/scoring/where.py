"""Which rows a condition lets through: an expression of SQL, read by DuckDB, or one of Arrow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ...define.wording import named
from ..files.source import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..files.source import Chunk


PLACE = "__place"
TABLE = "a chunk of fl.data.score"
"""The column of rows' places, and a name that no condition says by chance: a chunk is not the whole table."""


class Where:
    """A condition on the columns of the source and those that are made."""

    def __init__(self, text: Any, names: Sequence[str]) -> None:
        self.text, self.base = text, None
        if isinstance(text, str):
            try:
                import duckdb
            except ModuleNotFoundError:
                raise ModuleNotFoundError(
                    'fl.data.score: where is read by DuckDB, which is not installed: pip install "fastloss[data]"',
                    name="duckdb",
                ) from None
            self.errors: Any = duckdb.Error
            # What is read are the rows alone: no file, no other table.
            self.base = duckdb.connect(":memory:", config={"enable_external_access": False, "threads": 1})
            self.base.execute("SET python_enable_replacements = false")
            self.reads = [n for n in names if n.replace('"', '""').lower() in text.lower()]
        elif hasattr(text, "equals") and type(text).__module__.startswith("pyarrow"):
            self.errors, self.reads = pa.ArrowException, list(names)
        else:
            raise TypeError(f"fl.data.score: where is {named(text)}, expected SQL, or an expression of Arrow's")

    def __call__(self, chunk: Chunk, made: Sequence[Any]) -> NDArray[np.bool_]:
        """Which rows of a chunk pass."""
        columns = {name: column_of(chunk, name) for name in self.reads}
        columns |= {m.name: made_column(m) for m in made}
        columns[PLACE] = pa.array(np.arange(chunk.rows))
        passed: NDArray[np.bool_] = np.zeros(chunk.rows, bool)
        try:
            if self.base is None:
                places = pa.table(columns).filter(self.text)[PLACE].to_numpy()
            else:
                cursor = self.base.cursor()
                cursor.register(TABLE, pa.table(columns))
                # WHERE has no aggregates and no windows, which would be of a chunk; a comment ends with its line.
                query = f'SELECT "{PLACE}" FROM "{TABLE}" WHERE CAST(({self.text}\n) AS BOOLEAN)'
                places = cursor.sql(query).fetchnumpy()[PLACE]
        except self.errors as error:
            text = str(error).partition("\n\n")[0].replace("\n", " ")
            # What is wrong with the condition itself is no fault of the data.
            kind = DataError if type(error).__name__ in ("ConversionException", "OutOfRangeException") else ValueError
            raise kind(f"where: {text}") from None
        passed[places] = True
        return passed


def column_of(chunk: Chunk, name: str) -> Any:
    """A column of a chunk as Arrow's, or the error that names it."""
    x = chunk.columns[name]
    try:
        return arrow_column(x)
    except (pa.ArrowException, TypeError, ValueError):
        raise DataError(f"{chunk.path}: column {name!r} has dtype {x.dtype}, expected one that Arrow has; keep leaves "
                        "columns out")  from None  # fmt: skip


def arrow_column(x: Any) -> Any:
    """A column of a chunk as Arrow's; rows of numbers as lists of a fixed size."""
    if isinstance(x, (pa.Array, pa.ChunkedArray)):
        return x
    if x.dtype.kind in "SUV":
        return pa.array(x.tolist())
    if not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    if x.ndim == 1:
        return pa.array(np.ascontiguousarray(x))
    flat = pa.array(np.ascontiguousarray(x).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(x.shape[1:])))


def made_column(made: Any) -> Any:
    """A column that was made as Arrow's."""
    from .. import arrow

    return arrow.array(made.values, made.nulls, made.form)
