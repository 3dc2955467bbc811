"""Arrow's arrays as NumPy's and back: without a copy wherever their memory is the same."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..define.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


class Column(NamedTuple):
    """A column that was read."""

    values: NDArray[Any]
    """Of shape (n,), or (n, K) where each row has K numbers; anything where there is a null."""
    nulls: NDArray[np.bool_] | None = None
    """Which rows are null; None if none is."""
    form: Any = None
    """What the column was: an Arrow type, a pandas dtype, or None."""


class Unread(TypeError):
    """What a column is, and what to do: the end of an error, in which ``{row}`` stands for the row that is wrong."""

    def __init__(self, text: str, row: int = 0) -> None:
        super().__init__(text)
        self.row = row

    def told(self, before: int | None) -> str:
        """The end of the error, where that many rows come `before` the column's first."""
        return str(self).replace("{row}", in_row(before, self.row))


def in_row(before: int | None, row: int) -> str:
    """A row, where that many rows come `before` those that it is counted in; None where nobody knows."""
    return "a row" if before is None else f"row {before + row}"


def pyarrow() -> Any:
    """pyarrow; the error that says what to install if it is not there."""
    try:
        import pyarrow
    except ImportError:
        raise ModuleNotFoundError(
            'fl.data: pyarrow is not installed: pip install "fastloss[data]"', name="pyarrow"
        ) from None
    return pyarrow


def read(x: Any) -> Column:
    """An array or a chunked array."""
    pa = pyarrow()
    if isinstance(x, pa.ChunkedArray):
        x = x.chunk(0) if x.num_chunks == 1 else x.combine_chunks()
        if isinstance(x, pa.ChunkedArray):  # what is longer than an offset of 32 bits can say
            raise Unread(f"has type {x.type} and too much data for one batch; give a part of it at a time")
    if not isinstance(x, pa.Array):
        raise Unread(f"is a {type(x).__name__}, expected an array")
    form = x.type
    dtype = _dtypes().get(form.id)
    if dtype is not None:
        return Column(_stored(x, dtype), _nulls(x), form)
    x = _plain(x)
    values, nulls = (_lists if _listed(x.type) else _numbers)(x)
    return Column(values, nulls, form)


NUMERIC = (int, float, np.number, np.bool_, Decimal, type(None))
"""What a column of Python's numbers may hold."""


def mixed(values: Sequence[Any]) -> Any:
    """Python's numbers of several types, which Arrow refuses, as its floats; None where there is something else."""
    known = all(isinstance(v, NUMERIC) for v in values)
    return pyarrow().array([None if v is None else float(v) for v in values], "float64") if known else None


def wide(values: Iterable[Any], expected: str) -> Unread:
    """The error for whole numbers that Arrow does not have."""
    k = next((k for k, v in enumerate(values) if isinstance(v, int) and v.bit_length() > 63), 0)
    return Unread(f"holds whole numbers of more than 64 bits, expected {expected}; {{row}} has one", k)


def any_null(*masks: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Where any of the masks is true; None if nowhere."""
    found: Any = None
    for mask in masks:
        if mask is not None and mask.any():
            found = mask if found is None else found | mask
    return found  # type: ignore[no-any-return]


def _plain(x: Any) -> Any:
    """Without extensions and dictionaries."""
    pa = pyarrow()
    while isinstance(x, (pa.ExtensionArray, pa.DictionaryArray)):
        if getattr(x.type, "extension_name", "").startswith("pandas."):  # a period's number is no number of its user's
            raise Unread(f"has type {x.type}, expected numbers")
        x = x.storage if isinstance(x, pa.ExtensionArray) else x.dictionary_decode()
    if pa.types.is_run_end_encoded(x.type):
        import pyarrow.compute as pc

        return _plain(pc.run_end_decode(x))
    return x


def _listed(kind: Any) -> bool:
    t = pyarrow().types
    return bool(t.is_list(kind) or t.is_large_list(kind) or t.is_fixed_size_list(kind) or _viewed(kind))


def _viewed(kind: Any) -> bool:
    t = pyarrow().types
    return bool(t.is_list_view(kind) or t.is_large_list_view(kind))


def _numbers(x: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Numbers, and which of them are null."""
    pa, t, kind = pyarrow(), pyarrow().types, x.type
    nulls = _nulls(x)
    if t.is_null(kind):
        return np.zeros(len(x)), nulls
    if t.is_boolean(kind):
        x = x.cast(pa.uint8())
    elif t.is_decimal(kind):
        x = x.cast(pa.float64())
    elif not (t.is_integer(kind) or t.is_floating(kind)):
        raise _no_numbers(x)
    values = _stored(x, _dtypes()[x.type.id])
    return values.view(np.bool_) if t.is_boolean(kind) else values, nulls


def _no_numbers(x: Any) -> Unread:
    """The error for a column of another type."""
    return strange(f"has type {x.type}, expected numbers", x.to_pylist())


def strange(what: str, values: Sequence[Any]) -> Unread:
    """The error with the first value that is no number, nor a text of one."""
    from ..arrays.foreign import first_strange

    found = first_strange(values)
    return Unread(what if found is None else f"{what}; {{row}} has {shown(found[1])}", found[0] if found else 0)


def _stored(x: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The memory of an array of numbers; unlike that of `to_numpy`, where there are nulls, too."""
    buffer = x.buffers()[1]
    if buffer is None or not len(x):
        return np.zeros(len(x), dtype)
    return np.frombuffer(buffer, dtype, len(x), x.offset * dtype.itemsize)


@cache
def _dtypes() -> dict[int, np.dtype[Any]]:
    """NumPy's dtypes of Arrow's types that are the same memory, by their number."""
    pa = pyarrow()
    names = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)] + [
        "float16",
        "float32",
        "float64",
    ]
    return {getattr(pa, name)().id: np.dtype(name) for name in names}


def _nulls(x: Any) -> NDArray[np.bool_] | None:
    return x.is_null().to_numpy(zero_copy_only=False) if x.null_count else None


def _lists(x: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """As many numbers for each row, and which rows are null or have a null; (n, 0) where no row says how many."""
    fixed = pyarrow().types.is_fixed_size_list(x.type)
    nulls = _nulls(x)
    if fixed:
        size = x.type.list_size
        starts, lengths = None, None
        flat = x.values.slice(x.offset * size, len(x) * size)
    else:
        starts, lengths = _extents(x)
        here = lengths if nulls is None else lengths[~nulls]
        size = int(here[0]) if len(here) else 0
        if (here != size).any():
            row = int(np.flatnonzero((lengths != size) & (True if nulls is None else ~nulls))[0])
            raise Unread(f"has {lengths[row]} numbers in {{row}}, expected {size}, as in the first", row)
        flat = x.values
    inner = _plain(flat)
    if _listed(inner.type):
        raise Unread(f"has type {x.type}, expected lists of numbers")
    try:
        numbers, absent = _numbers(inner)
    except Unread:
        raise Unread(f"has type {x.type}, expected lists of numbers") from None
    values = _rows(numbers, starts, size, len(x))
    if absent is not None:
        inner_nulls: Any = _rows(absent, starts, size, len(x)).any(1)
        nulls = any_null(nulls, inner_nulls)
    return values, nulls


def _extents(x: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where each row of lists starts, and how long it is."""
    starts = x.offsets.to_numpy(zero_copy_only=True)
    if _viewed(x.type):
        return starts[: len(x)], x.sizes.to_numpy(zero_copy_only=True)
    return starts[:-1], np.diff(starts)


def _rows(flat: NDArray[Any], starts: NDArray[Any] | None, size: int, n: int) -> NDArray[Any]:
    """The rows of flat numbers: a view where one follows another."""
    if starts is None or not n or not size:
        return flat[: n * size].reshape(n, size)
    first = int(starts[0])
    if first + n * size <= len(flat) and (starts == np.arange(first, first + n * size, size)).all():
        return flat[first : first + n * size].reshape(n, size)
    # A null row may start anywhere: what it reads is not looked at.
    return flat[np.minimum(starts[:, None] + np.arange(size), len(flat) - 1)]


def floats(columns: tuple[Any, ...]) -> list[NDArray[Any]] | None:
    """Chunked arrays, quickly: None unless all are floats or integers in one piece, without nulls."""
    dtypes, found = _dtypes(), []
    for x in columns:
        dtype = dtypes.get(x.type.id)
        if dtype is None or x.null_count or x.num_chunks != 1:
            return None
        found.append(_stored(x.chunk(0), dtype))
    return found


def double(values: NDArray[Any], nulls: NDArray[np.bool_] | None = None) -> Any:
    """An Arrow array of doubles, or of lists of them."""
    values = values if values.dtype == np.float64 else values.astype(np.float64)
    pa = pyarrow()
    return pa.array(values) if nulls is None and values.ndim == 1 else array(values, nulls, pa.list_(pa.float64()))


def array(values: NDArray[Any], nulls: NDArray[np.bool_] | None, form: Any = None) -> Any:
    """An Arrow array; rows of numbers become lists of the kind that `form` is, of a fixed size if it is none."""
    pa = pyarrow()
    if values.ndim == 1:
        return pa.array(values, mask=nulls)
    n, size = values.shape
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    mask = None if nulls is None else pa.array(nulls)
    if form is not None and (pa.types.is_list(form) or pa.types.is_large_list(form)):
        small = pa.types.is_list(form) and n * size < 2**31
        offsets = np.arange(n + 1, dtype=np.int32 if small else np.int64) * size
        kind = pa.ListArray if small else pa.LargeListArray
        return kind.from_arrays(pa.array(offsets), flat, mask=mask)
    if not size:
        return pa.array([None if nulls is not None and nulls[i] else [] for i in range(n)], pa.list_(flat.type, 0))
    return pa.FixedSizeListArray.from_arrays(flat, size, mask=mask)
