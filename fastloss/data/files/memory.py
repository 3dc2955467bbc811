"""Columns in memory as sources take them: NumPy's numbers as they are, all else as Arrow's, when it is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...define.wording import listed, named
from .. import arrow
from ..arrow import Unread

LIBRARIES = ("pyarrow", "polars", "pandas")
"""Whose columns are kept until they are read."""


def library(x: Any) -> str:
    """Whose that is."""
    return type(x).__module__.partition(".")[0]


def sliced(x: Any) -> Any:
    """The column as what slices of are taken; `Unread` where it has values of no type."""
    of = library(x)
    if of == "pandas" and isinstance(x.dtype, np.dtype):
        x = x.to_numpy()
    if isinstance(x, np.ndarray):
        return _objects(x) if x.dtype.kind == "O" else x
    if of not in LIBRARIES:
        return x
    if of == "polars" and str(x.dtype) == "Object":
        return _objects(x.to_list())
    pa = arrow.pyarrow()
    try:
        if of == "pandas":
            return _pandas(x)
        x = x.to_arrow() if of == "polars" else x
    except pa.ArrowException as error:
        raise Unread(f"has dtype {x.dtype}, which Arrow does not read ({error})") from None
    from .decoded import taken

    return taken(x.combine_chunks() if isinstance(x, pa.ChunkedArray) else x)


def _pandas(x: Any) -> Any:
    """A column of an extension's type."""
    pa = arrow.pyarrow()
    try:
        found = pa.array(x, from_pandas=True)
    except (pa.ArrowException, TypeError):  # which has no way to Arrow
        return _objects(np.asarray(x)) if np.asarray(x).dtype.kind == "O" else np.asarray(x)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def objects(x: Any) -> Any:
    """Python's list as an array: of numbers where it has nothing else, for NumPy makes texts of numbers among texts."""
    try:
        array = np.asarray(x)
    except ValueError:  # rows of different lengths
        array = np.empty(0, object)
    if array.dtype.kind in "biufcmM":
        return array
    array = np.empty(len(x), object)
    array[:] = x
    return array


def _objects(x: Any) -> Any:
    """Python's objects; NaN among texts is a null, as pandas means it."""
    pa = arrow.pyarrow()
    values = [None if type(v).__name__ == "NAType" else v for v in x]
    for nan in (False, True):
        try:
            return pa.array(values, from_pandas=nan)
        except OverflowError:
            raise arrow.wide(values, "values that Arrow has") from None
        except (pa.ArrowException, TypeError, ValueError):
            pass
    if (numbers := arrow.mixed(values)) is not None:
        return numbers
    kinds = dict.fromkeys(named(v) for v in values if v is not None)
    some = listed([*kinds][:3])
    raise arrow.strange(f"holds {some}, expected values of one type that Arrow has", values)
