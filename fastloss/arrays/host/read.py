"""Arguments as NumPy's arrays of numbers, without a copy where they are such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from ...define.wording import named
from ..shapes import FLOATS, NUMBERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.elements import Definition
    from ...define.rows import Program


def read_array(loss: Definition | Program, name: str, x: Any) -> NDArray[Any]:
    """`x` as an array of numbers, without a copy where it is one."""
    if type(x) is not ndarray:
        given, error = x, None
        try:
            # Of an array alone: NumPy loads `numpy.ma` when it is asked for.
            odd = isinstance(x, ndarray) and isinstance(x, (np.matrix, np.ma.MaskedArray))
            x = None if odd else np.asarray(x)
        except (TypeError, ValueError) as found:
            x, error = None, found
        if x is None or not _readable(x.dtype):
            from ..foreign import refused

            raise refused(loss.name, name, given, x, error) from None
    elif not _readable(x.dtype):
        from ..foreign import refused

        raise refused(loss.name, name, x, x)
    if not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    return x  # type: ignore[no-any-return]


def read_scores(loss: Definition | Program, name: str, x: Any) -> NDArray[Any]:
    """`x` as an array of floats: integers and lists of them in float64."""
    array = read_array(loss, name, x)
    return array if array.dtype.char in FLOATS else array.astype(np.float64)


def read_output(loss: Definition | Program, x: Any) -> NDArray[Any]:
    """An array of `out=`, if it is one of NumPy's own."""
    if type(x) not in (ndarray, np.memmap):
        raise TypeError(f"{loss.name}: out is {named(x)}, expected a NumPy array")
    return x  # type: ignore[no-any-return]


def _readable(dtype: np.dtype[Any]) -> bool:
    # By more than the type character: an extension's one-byte integer has float16's.
    return dtype.char in NUMBERS and (dtype.isbuiltin != 2 or dtype.name == "bfloat16")
