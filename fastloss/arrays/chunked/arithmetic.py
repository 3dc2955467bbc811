"""Dask's arithmetic, by the names that `arrays/host/arithmetic.py` has for NumPy's: nothing is computed by it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from ...loading import load

if TYPE_CHECKING:
    from ..job import Shape

NAME = "Dask"
ADDS = True


def current(device: int) -> Any:
    return nullcontext()


def filled(number: float, shape: Shape, char: str, device: int) -> Any:
    return load("dask.array").full(shape, number, dtype=char)


def dense(x: Any, shape: Shape) -> Any:
    return x if x.shape == shape else load("dask.array").broadcast_to(x, shape)


def cast(x: Any, char: str) -> Any:
    return load("dask.array").asarray(x).astype(char)


def assign(to: Any, x: Any) -> None:
    raise NotImplementedError("Dask's arrays are not written to")


def add_up(x: Any, axes: Shape, shape: Shape, char: Any) -> Any:
    return x.sum(axis=axes, dtype=np.float64, keepdims=len(shape) == x.ndim).astype(char)


def largest(x: Any, axes: Shape) -> Any:
    return load("dask.array").reduction(x, _top, _top, axis=axes, keepdims=True, dtype=x.dtype)


def _top(x: Any, axis: Any, keepdims: bool) -> Any:
    """The largest elements of a block, which may have none."""
    return x.max(axis=axis, keepdims=keepdims, initial=-np.inf)


def chosen(where: Any, a: Any, b: Any) -> Any:
    return load("dask.array").where(where, a, b)


def host(x: Any) -> Any:
    return x.compute()
