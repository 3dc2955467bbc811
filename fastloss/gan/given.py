"""The arrays of a call of two batches, and what is checked of `out=` for both before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..arrays.host.read import read_array, read_output
from ..arrays.job import Kind
from ..arrays.outputs import checked
from ..define.keywords import HESS, VALUE
from ..define.wording import named, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..define.keywords import Call

    Two = tuple[Any, Any]


def two(name: str, keyword: str, given: Any, what: str) -> Two:
    """A tuple of two, one for each batch."""
    if given is None:
        return None, None
    if type(given) is not tuple or len(given) != 2:
        got = f"{named(given)} of {len(given)}" if isinstance(given, (tuple, list)) else shown(given)
        raise TypeError(f"{name}: {keyword} is {got}, expected a tuple of two {what}")
    return given


class Given:
    """The arrays of both batches, for what is checked of `out=`."""

    def __init__(self, loss: Any, arrays: Two, calls: tuple[Call, Call], face: Any) -> None:
        self.loss, self.face = loss, face
        self.also: Mapping[str, Any] = {}
        names = (*loss.inputs, *(f"weight[{k}]" for k in range(2)))
        found = [None if x is None else self._read(n, x)
                 for n, x in zip(names, (*arrays, *(call.weight for call in calls)), strict=True)]  # fmt: skip
        self.batches: list[Any] = found[:2]
        self.seen = {n: x for n, x in zip(names, found, strict=True) if x is not None}

    def _read(self, name: str, x: Any) -> Any:
        if self.face is None:
            return read_array(self.loss, name, x)
        from ..arrays.gpu.buffers import NUMBERS, read

        return None if isinstance(x, NUMBERS) else read(self.face, self.loss, [name], [x])[0]

    def output(self, x: Any) -> Any:
        """An array of `out=`, if it is of the right library."""
        if self.face is None:
            return read_output(self.loss, x)
        from ..arrays.gpu.outputs import read_output as read_there

        return read_there(self.face, self.loss, x)

    def outputs(self, call: Call) -> list[tuple[Any, ...]]:
        """The caller's arrays for each batch: one of the losses, of the gradient, or of both derivatives."""
        loss, want = self.loss, call.want
        if want == VALUE and call.reduction != "none":
            raise ValueError(f"{loss.name}: out is for reduction='none'; a reduced value is a scalar")
        results = [call.out]
        if want & HESS:
            results = [*two(loss.name, "out", call.out, "tuples, of gradients and of second derivatives")]
        pairs = [two(loss.name, "out", result, "arrays, for real and for fake") for result in results]
        expected = self.expected(want) * len(pairs)
        checked(self, [x for pair in pairs for x in pair], expected, () if want == VALUE else loss.inputs)
        return [tuple(pair[k] for pair in pairs) for k in range(2)]

    def expected(self, want: int) -> list[Kind]:
        """What the arrays of the batches' losses, or of a derivative, must be."""
        found = []
        for x in self.batches:
            dtype = x.dtype if x.dtype.char in shapes.FLOATS else np.dtype("d")
            dtype = np.dtype(shapes.kind_of(dtype.char)) if want == VALUE else dtype
            found.append(Kind(dtype, x.shape) if self.face is None else Kind(dtype, x.shape, x.device))
        return found
