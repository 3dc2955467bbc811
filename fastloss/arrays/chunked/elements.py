"""A loss of elements with Dask's arrays: what `arrays/samples.py` asks of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...loading import load
from .. import samples, shapes
from ..checks import BACKENDS
from . import arithmetic
from .graph import lazy
from .reading import aligned, array

if TYPE_CHECKING:
    from ...define.elements import Definition
    from ...define.keywords import Call


class Elements:
    """A loss of elements with its arrays in chunks."""

    backends = BACKENDS
    arithmetic: Any = arithmetic
    device = -1
    masked = samples.masked

    def __init__(self, loss: Definition, inputs: tuple[Any, ...]) -> None:
        self.loss, self.inputs = loss, inputs

    def known(self, call: Call) -> Any:
        return lazy("elements", self.loss, self.inputs, call)

    def read(self, call: Call) -> None:
        """Read the inputs and the weights, these in the chunks and the shape that all have in common."""
        loss, weighted = self.loss, call.weight is not None
        names = (*loss.inputs, "weight") if weighted else loss.inputs
        arrays = [self.taken(n, x) for n, x in zip(names, (*self.inputs, call.weight), strict=False)]
        self.shape = shapes.common_shape(loss.name, names, arrays, loss.streamed)
        pred = arrays[loss.wrt[0]]
        self.kind = shapes.kind_of(pred.dtype.char if pred.dtype.char in shapes.FLOATS else "d")
        arrays, cut = aligned(arrays, self.shape, pred)
        da: Any = load("dask.array")
        self.weight = da.broadcast_to(arrays[-1], self.shape, chunks=cut) if weighted else None

    def twin(self) -> Elements:
        return Elements(self.loss, self.inputs)

    def taken(self, name: str, x: Any) -> Any:
        return array(self.loss, name, x)

    def weight_of(self, call: Call) -> Any:
        return self.weight

    def looks(self, check: bool | None) -> bool:
        """Blocks are looked at when they are computed."""
        return False

    def refuse(self, where: Any, x: Any, error: Exception) -> Any:
        """At once where it is known, else in each block."""
        if where is True:
            raise error
        da: Any = load("dask.array")
        return da.map_blocks(_unless, x, where, error=error, dtype=x.dtype, meta=x._meta)

    def passed(self, value: Any) -> Any:
        return value


def _unless(x: Any, where: Any, error: Exception) -> Any:
    """A block, if nothing is true."""
    if np.any(where):
        raise error
    return x
