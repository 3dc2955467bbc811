"""Arrays of rows as one run of memory, with the steps between outer rows, inner rows and classes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .memory import stored

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Flat(NamedTuple):
    """An array as one run of memory; the elements between its outer rows, its inner rows, its classes."""

    memory: NDArray[Any]
    steps: tuple[int, int, int]


NOWHERE = (0, 0, 0)
"""The steps of an array that there is none of."""


def flat(x: NDArray[Any], axis: int | None, split: int) -> Flat | None:
    """`x` with the axis of its classes (or none) and the number of axes before it; None where a copy is needed."""
    if x.flags.c_contiguous and axis == x.ndim - 1 and not split:
        n = x.shape[-1]
        return Flat(stored(x).reshape(-1), (x.size, n, 1))
    size = x.itemsize
    strides = x.strides if axis is None else x.strides[:axis] + x.strides[axis + 1 :]
    shape = x.shape if axis is None else x.shape[:axis] + x.shape[axis + 1 :]
    outer, inner = _step(shape[:split], strides[:split]), _step(shape[split:], strides[split:])
    across = 0 if axis is None else x.strides[axis]
    if any(s is None or s < 0 or s % size for s in (outer, inner, across)):
        return None
    steps = (outer or 0) // size, (inner or 0) // size, across // size
    memory = stored(x)
    if x.flags.c_contiguous:
        return Flat(memory if x.ndim == 1 else memory.reshape(-1), steps)
    extent = 1 + sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)) // size
    return Flat(as_strided(memory, (extent,), (size,)), steps)


def _step(shape: tuple[int, ...], strides: tuple[int, ...]) -> int | None:
    """The one stride of axes that are gone through in order; None where there is none."""
    step: int | None = None
    reach = 0
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n == 1:
            continue
        if step is not None and s != reach:
            return None
        step, reach = s if step is None else step, s * n
    return step or 0


def by_row(x: NDArray[Any] | None, batch: tuple[int, ...], split: int) -> Flat | None:
    """Labels or weights, one number for each row of the batch."""
    if x is None:
        return None
    whole = x if x.shape == batch else np.broadcast_to(x, batch)
    return flat(whole, None, split) or flat(np.ascontiguousarray(whole), None, split)


def by_class(x: NDArray[Any], axis: int, split: int, *, apart: bool, output: bool = False) -> Flat:
    """Scores or masses, one number for each row and class; a copy where their memory cannot be stepped through.

    Elements of a row may lie `apart`, or else are copied side by side; what an `output` holds is not.
    """
    found = flat(x, axis, split)
    if found is not None and (found.steps[2] == 1 or apart):
        return found
    rows = np.moveaxis(x, axis, -1)
    copy = np.empty(rows.shape, x.dtype) if output else np.ascontiguousarray(rows)
    return Flat(stored(copy).reshape(-1), (prod(rows.shape[split:]), rows.shape[-1], 1))


def memory_of(x: Flat | None) -> tuple[NDArray[Any], ...]:
    """A kernel's argument for an array that there may be none of."""
    return () if x is None else (x.memory,)


def table(*arrays: Flat | None) -> NDArray[Any]:
    """The steps of scores, other scores, target, weights, gradient and second derivative, as the kernels read them."""
    return np.array([NOWHERE if x is None else x.steps for x in arrays], np.int64)
