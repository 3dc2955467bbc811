"""One column as a NumPy array and a mask of its nulls, whichever library it is of; nothing is copied needlessly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.shapes import NUMBERS
from ..define.wording import named
from . import arrow
from .arrow import Column, Unread, any_null

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read(x: Any) -> Column:
    """A column of a batch; `Unread` if it has no numbers."""
    if isinstance(x, np.ma.MaskedArray):
        mask: Any = np.ma.getmaskarray(x)
        inner = _array(x.data)
        return Column(inner.values, any_null(mask if mask.ndim == 1 else mask.any(1), inner.nulls))
    if isinstance(x, np.ndarray):
        return _array(x)
    library = type(x).__module__.partition(".")[0]
    if library == "pyarrow":
        return arrow.read(x)
    if library == "polars":
        return _polars(x)
    if library == "pandas" and hasattr(x, "dtype"):
        return _pandas(x)
    if isinstance(x, (list, tuple)):
        return _objects(x)
    raise Unread(f"is {named(x)}, expected an array, a list, or a column of Arrow, pandas or Polars")


def _array(x: NDArray[Any]) -> Column:
    if x.dtype.kind == "O":
        return _objects(x)
    if x.dtype.char not in NUMBERS:
        what = f"has dtype {x.dtype}, expected numbers"
        raise arrow.strange(what, x.tolist()) if x.dtype.kind in "SU" else Unread(what)
    if x.ndim not in (1, 2):
        raise Unread(f"has shape {x.shape}, expected one number or one row of numbers for each row")
    return Column(x)


def _objects(x: Any) -> Column:
    """Python's numbers, decimals, None, or a sequence for each row."""
    if isinstance(x, (list, tuple)) and x and not any(v is None for v in x):
        try:
            array = np.asarray(x)
        except ValueError:  # rows of different lengths: Arrow's reader says which
            array = np.empty(0, object)
        if array.dtype.kind not in "OSU":
            return _array(array)
    try:
        made = arrow.pyarrow().array(list(x) if isinstance(x, np.ndarray) else x)
    except (ValueError, TypeError):  # Arrow's, and pandas' of a NaT
        made = arrow.mixed(x)
        if made is None:
            odd = next(v for v in x if not isinstance(v, arrow.NUMERIC))
            raise arrow.strange(f"holds {named(odd)}, expected numbers", x) from None
    except OverflowError:
        raise arrow.wide(x, "floats") from None
    return arrow.read(made)._replace(form=None)


def _polars(x: Any) -> Column:
    arrow.pyarrow()
    if str(x.dtype) == "Object":
        raise arrow.strange("has dtype Object, expected numbers", x.to_list())
    try:
        return arrow.read(x.to_arrow())
    except arrow.pyarrow().ArrowException:  # it cannot say such a type
        raise Unread(f"has dtype {x.dtype}, expected numbers of at most 64 bits") from None


def _pandas(x: Any) -> Column:
    dtype = x.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return _array(x.to_numpy())
    if hasattr(dtype, "numpy_dtype") and not hasattr(dtype, "pyarrow_dtype"):  # pandas' own type with nulls
        nulls = any_null(x.isna().to_numpy())
        return _array(x.to_numpy(dtype.numpy_dtype, na_value=0))._replace(nulls=nulls, form=dtype)
    if hasattr(dtype, "pyarrow_dtype"):
        return arrow.read(x.array.__arrow_array__())._replace(form=dtype)
    if isinstance(dtype, np.dtype):
        import pandas

        return _objects([None if v is pandas.NA else v for v in x])
    return _array(x.sparse.to_dense().to_numpy()) if hasattr(x, "sparse") else _objects(x)
