"""What the losses of embeddings have in common: distances, and vectors as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.wording import wrong_choice
from .. import reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISTANCES = ("euclidean", "squared_euclidean", "cosine")
"""By their place, as the templates know them."""


def distance_of(name: str, distance: Any) -> int:
    """One of the distances, by its number."""
    if distance not in DISTANCES:
        raise wrong_choice(name, "distance", distance, DISTANCES)
    return DISTANCES.index(distance)


def vectors_of(name: str, arguments: tuple[str, ...], arrays: tuple[Any, ...]) -> dict[str, NDArray[Any]]:
    """Floats of one shape, vectors along the last axis."""
    found = {n: reading.floats(name, n, x) for n, x in zip(arguments, arrays, strict=True)}
    first = found[arguments[0]]
    for n, x in found.items():
        if not x.ndim:
            raise ValueError(f"{name}: {n} is a number, expected vectors along the last axis")
        if x.shape != first.shape:
            raise ValueError(f"{name}: {n} has shape {x.shape}, expected {first.shape}, that of {arguments[0]}")
    return found


def batch_of(name: str, arguments: tuple[str, ...], arrays: tuple[Any, ...]) -> dict[str, NDArray[Any]]:
    """The same of one batch: tables with a row for each sample."""
    found = vectors_of(name, arguments, arrays)
    shape = found[arguments[0]].shape
    if len(shape) != 2:
        raise ValueError(f"{name}: {arguments[0]} has shape {shape}, expected (samples, features)")
    return found


def classes_of(name: str, labels: Any, count: int) -> NDArray[np.int64]:
    """A whole number for each sample of a batch."""
    found = reading.array(name, "labels", labels)
    if found.shape != (count,):
        raise ValueError(f"{name}: labels has shape {found.shape}, expected ({count},), one for each embedding")
    if found.size and found.dtype.kind not in "iub":
        raise TypeError(f"{name}: labels has dtype {found.dtype}, expected integers")
    return found.astype(np.int64)
