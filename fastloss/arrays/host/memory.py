"""Memory of NumPy arrays: what is one run of elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..shapes import HALVES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Views = tuple[NDArray[Any], ...]

PIECE = 8 * 16_384
"""Elements that are gathered at a time where no single run exists: eight blocks, so that threads have work, and half a
megabyte of float32 a stream, so that the gathered copies stay in cache."""


def runs(
    arrays: Sequence[NDArray[Any]], shape: tuple[int, ...], written: int
) -> Iterator[tuple[Views, str, bool]] | list[tuple[Views, str, bool]]:
    """The arrays as one-dimensional views whose elements stand in one common order; the last `written` are written.

    With each set of views comes its layout, "C" where all are dense, "A" where one has a stride (0 for a broadcast
    scalar), and whether the views are the arrays' own memory. Nothing is copied where one order makes every array a
    single run; otherwise pieces are gathered in buffers of a fixed size, and written back.
    """
    for x in arrays:
        if x.shape != shape or not x.flags.c_contiguous:
            break
    else:
        return [(tuple([stored(x) if x.ndim == 1 else stored(x).reshape(-1) for x in arrays]), "C", True)]
    full = [stored(x) if x.shape == shape else np.broadcast_to(stored(x), shape) for x in arrays]
    flat = full
    if len(shape) != 1:
        order = sorted(range(len(shape)), key=lambda axis: -abs(full[0].strides[axis]))
        try:
            flat = [x.transpose(order).reshape(-1, copy=False) for x in full]
        except ValueError:
            return pieces(full, written)
    return [(tuple(flat), "C" if all([x.flags.c_contiguous for x in flat]) else "A", True)]  # noqa: C419


def pieces(arrays: list[NDArray[Any]], written: int) -> Iterator[tuple[Views, str, bool]]:
    """The same, gathered in buffers of a fixed size; the last `written` are written back."""
    modes = [["readonly", "contig"]] * (len(arrays) - written) + [["writeonly", "contig"]] * written
    flags = ["external_loop", "buffered", "zerosize_ok"]
    with np.nditer(arrays, flags, modes, order="C", buffersize=PIECE) as found:  # type: ignore[call-overload]
        for views in found:
            yield tuple(views) if isinstance(views, (tuple, list)) else (views,), "C", False


def stored(x: NDArray[Any]) -> NDArray[Any]:
    """16-bit floats as the 16 bits that a kernel reads."""
    return x.view(np.uint16) if x.dtype.char in HALVES else x


def number(kind: Any, x: float) -> Any:
    """x as one of `kind`, by a cast that never warns; a look at the number takes less than NumPy's own switch."""
    if 1.2e-38 < x < 3.4e38 or -3.4e38 < x < -1.2e-38 or x == 0.0:
        return kind(x)
    with np.errstate(all="ignore"):
        return kind(x)


def plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers as Python's own, which a kernel takes sooner: each of NumPy's float32 costs a tiny call 80 ns more."""
    return tuple([float(x) if isinstance(x, np.floating) else x for x in values])


def passed(a: NDArray[Any]) -> Any:
    """An array as the caller gets it: one of no axes as a number."""
    return a if a.ndim else a[()]
