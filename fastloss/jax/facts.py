"""What JAX asks before there are numbers: shapes and types of a call's results, and whether its arrays fit.

The library's own checks say it, of arrays that have a shape and a type and no memory.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays.checks import check_options
from ..arrays.host.elements import Elements
from ..arrays.host.rows import Rows
from ..arrays.samples import axes_of, refuse_axis
from ..arrays.shapes import label_to_ignore
from ..define.keywords import VALUE, Call
from ..define.rows import Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..deferred import Deferred

    Shape = tuple[int, ...]


class Facts(NamedTuple):
    """Shapes and types of a call's results."""

    full: Shape
    """The shape that the inputs broadcast to; that of the scores, of losses of rows."""
    value: Shape
    kind: Any
    """The type of the value."""
    inner: Shape
    """The axes of the full shape over which a derivative is added up to that of the value."""
    grads: tuple[tuple[Shape, Any], ...]
    """Shape and type of each gradient: those of its input."""
    batch: Shape = ()
    """That of the rows."""
    axis: int = -1
    """That of the classes, counted from the front."""

    def of(self, want: str) -> list[tuple[Shape, Any]]:
        """Shape and type of all that is wanted."""
        if want == "value":
            return [(self.value, self.kind)]
        return [(self.value, self.kind), *self.grads] if want == "grad" else [*self.grads, *self.grads]


def facts_of(call: Deferred, arrays: Sequence[Any]) -> Facts:
    """The facts of a call with these arrays, JAX's or those that stand for them."""
    return _found(call, tuple((x.shape, np.dtype(x.dtype)) for x in arrays))


@lru_cache(1024)
def _found(call: Deferred, kinds: tuple[tuple[Shape, Any], ...]) -> Facts:
    empty = {n: np.broadcast_to(np.zeros((), t), s) for n, (s, t) in zip(call.names, kinds, strict=True)}
    loss, keywords = call.loss, dict(call.keywords)
    inputs = tuple(empty[n] for n in loss.inputs)
    numbers = {n: keywords.pop(n) for n in loss.parameters if n in keywords}
    streams = {n: empty[n] for n in loss.parameters if n in empty and empty[n].ndim}
    if "normalizer" in empty:
        keywords["normalizer"] = 1.0  # some positive number
    asked = Call(VALUE, weight=empty.get("weight"), class_weight=empty.get("class_weight"))._replace(**keywords)
    loss = loss.having({**numbers, **streams}) if numbers or streams else loss
    found = _of_rows if isinstance(loss, Program) else _of_elements
    return found(loss, inputs, asked, tuple(kinds[k] for k in call.wrt))


def _of_elements(loss: Any, inputs: tuple[Any, ...], call: Call, grads: Any) -> Facts:
    if call.axis is not None:
        refuse_axis(loss, call)
    check_options(loss, call)
    if call.ignore_index is not None:
        label_to_ignore(loss, call.ignore_index)
    if loss.arrays:
        loss, inputs = loss.reading(inputs)
    job = Elements(loss, inputs)
    job.read(call)
    if call.reduction == "none":
        inner: tuple[int, ...] = ()
    else:
        every = tuple(range(len(job.shape)))
        inner = every if call.axis is None else axes_of(loss, call.axis, len(job.shape))
    value = tuple(n for k, n in enumerate(job.shape) if k not in inner)
    return Facts(job.shape, value, np.dtype(job.kind), inner, grads)


def _of_rows(loss: Any, inputs: tuple[Any, ...], call: Call, grads: Any) -> Facts:
    call = call._replace(axis=-1 if call.axis is None else call.axis)
    check_options(loss, call)
    if loss.turned is not None:
        loss, inputs = loss.turned._holding(loss.arrays) if loss.arrays else loss.turned, inputs[::-1]
    if loss.arrays:
        loss, inputs = loss.reading(inputs)
    job = Rows(loss, inputs)
    job.read(call)
    full = job.scores[0].shape
    each = call.reduction == "none"
    inner = (job.axis,) if each else tuple(range(len(full)))
    return Facts(full, job.batch if each else (), np.dtype(job.kind), inner, grads, job.batch, job.axis)
