"""What the losses of embeddings have in common: verbs, choices, vectors as they are read."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays.checks import check_options
from ...define.keywords import GRAD, VALUE, Call
from ...define.wording import wrong_choice
from .. import reading
from ..verbs import HostLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISTANCES = ("euclidean", "squared_euclidean", "cosine")
"""By their place, as the templates know them."""


class EmbeddingLoss(HostLoss):
    """A host loss whose verbs hand everything on to `_run`, by its own names."""

    def __init_subclass__(cls) -> None:
        """Give the class verbs of its own, which show its arguments."""
        for name in ("__call__", "value_and_grad", "grad"):
            verb: Any = vars(EmbeddingLoss)[name]
            copy = FunctionType(verb.__code__, verb.__globals__, name)
            copy.__qualname__, copy.__doc__ = f"{cls.__qualname__}.{name}", verb.__doc__
            setattr(cls, name, copy)

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """The value."""
        return self._run(VALUE, *inputs, **keywords)

    def value_and_grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The value, and the gradient: a tuple where several inputs have one."""
        return self._run(VALUE | GRAD, *inputs, **keywords)

    def grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The gradient alone, or a tuple of them."""
        return self._run(GRAD, *inputs, **keywords)

    def _call(self, unknown: dict[str, Any], want: int, **keywords: Any) -> Call:
        """The keywords that all losses take, checked."""
        self._refuse(unknown)
        reading.check_backend(self.name, keywords["backend"])
        call = Call(want, **keywords)
        check_options(self, call)  # type: ignore[arg-type]
        return call


def distance_of(name: str, distance: Any) -> int:
    """One of the distances, by its number."""
    if distance not in DISTANCES:
        raise wrong_choice(name, "distance", distance, DISTANCES)
    return DISTANCES.index(distance)


def switch(name: str, argument: str, x: Any) -> bool:
    """True or False."""
    if not isinstance(x, (bool, np.bool_)):
        raise TypeError(f"{name}: {argument} is {x!r}, expected True or False")
    return bool(x)


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
