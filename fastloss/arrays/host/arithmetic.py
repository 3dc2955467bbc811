"""NumPy's arithmetic, by the names that the GPU libraries' modules in `arrays/gpu/libraries` have for theirs.

What is written over these names runs on arrays of every library; operators are everybody's own.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..job import Shape


NAME = "NumPy"
ADDS = True


def current(device: int) -> Any:
    return nullcontext()


def filled(number: float, shape: Shape, char: str, device: int) -> Any:
    return np.full(shape, number, char)


def dense(x: Any, shape: Shape) -> Any:
    return np.broadcast_to(x, shape)


def cast(x: Any, char: str) -> Any:
    return np.asarray(x).astype(char, copy=False)


def assign(to: Any, x: Any) -> None:
    to[...] = x


def add_up(x: Any, axes: Shape, shape: Shape, char: Any) -> Any:
    return np.asarray(x).sum(axis=axes, dtype=np.float64).reshape(shape).astype(char)


def largest(x: Any, axes: Shape) -> Any:
    return x.max(axis=axes, keepdims=True)


def chosen(where: Any, a: Any, b: Any) -> Any:
    return np.where(where, a, b)


def host(x: Any) -> Any:
    return x
