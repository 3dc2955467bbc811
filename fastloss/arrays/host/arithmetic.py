"""NumPy's arithmetic, by the names that the GPU libraries' modules in `arrays/gpu/libraries` have for theirs.

What is written over these names runs on arrays of every library; operators are everybody's own.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    Shape = tuple[int, ...]


class Arithmetic(Protocol):
    """What all libraries of arrays can do, by a module of each. Numba's, which has none, says so in most of them."""

    def current(self, device: int) -> AbstractContextManager[Any]:
        """As long as it lasts, arithmetic of arrays is that device's, where they are."""

    def filled(self, number: float, shape: Shape, char: str, device: int) -> Any:
        """A fresh array of one number."""

    def dense(self, x: Any, shape: Shape) -> Any:
        """`x`, broadcast to a shape; on a GPU in C order."""

    def cast(self, x: Any, char: str) -> Any:
        """`x` in another type."""

    def assign(self, to: Any, x: Any) -> None:
        """Copy `x` into `to`."""

    def add_up(self, x: Any, axes: Shape, shape: Shape, char: str) -> Any:
        """The sum over axes in float64, in another shape and type."""

    def largest(self, x: Any, axes: Shape) -> Any:
        """The largest elements along axes, which keep a length of 1."""

    def chosen(self, where: Any, a: Any, b: Any) -> Any:
        """`a` where that is true, else `b`: arrays or numbers."""

    def host(self, x: Any) -> Any:
        """A copy in NumPy's."""


def current(device: int) -> Any:
    """There is one."""
    return nullcontext()


def filled(number: float, shape: Shape, char: str, device: int) -> Any:
    """Of one number."""
    return np.full(shape, number, char)


def dense(x: Any, shape: Shape) -> Any:
    """A view."""
    return np.broadcast_to(x, shape)


def cast(x: Any, char: str) -> Any:
    """A copy where the type is another."""
    return np.asarray(x).astype(char, copy=False)


def assign(to: Any, x: Any) -> None:
    """Copy."""
    to[...] = x


def add_up(x: Any, axes: Shape, shape: Shape, char: str) -> Any:
    """In float64."""
    return np.asarray(x).sum(axis=axes, dtype=np.float64).reshape(shape).astype(char)


def largest(x: Any, axes: Shape) -> Any:
    """Of elements that there are."""
    return x.max(axis=axes, keepdims=True)


def chosen(where: Any, a: Any, b: Any) -> Any:
    """By NumPy's own choice."""
    return np.where(where, a, b)


def host(x: Any) -> Any:
    """The array itself."""
    return x
