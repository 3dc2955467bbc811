"""Parameters of a loss of rows that are arrays on a GPU: a number for each row, dense, as the kernels read them."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...define.rows import Program
    from .buffers import Buffer, Shape, Work

    Columns = Mapping[str, Buffer]


def dense(work: Work, loss: Program, arrays: Sequence[Buffer], scores: Shape, axis: int, compute: str) -> Columns:
    """The arrays of parameters by their names, of the compute type, with an element for each row."""
    found = dict(zip(loss.streamed, arrays, strict=True))
    for name, x in found.items():
        shapes.check_column(loss, name, x.shape, scores, axis)
    return {n: work.dense(work.in_type(x, compute), scores[:axis] + scores[axis + 1 :]) for n, x in found.items()}


def parameters(loss: Program, columns: Columns, kind: Any, stored: str) -> tuple[Any, ...]:
    """All parameters as a kernel takes them: numbers, and addresses of those of each row."""
    numbers = [nan if v is None else v for v in loss.cast(kind, stored)]
    return tuple([columns[n].address if n in columns else v for n, v in zip(loss.takes, numbers, strict=True)])


def spans(loss: Program, compute: str) -> tuple[tuple[float, float], ...]:
    """What the numbers of those that the kernel takes lie between."""
    taken = [n for n in loss.takes if n in loss.streamed]
    return tuple([loss.parameters[n].of_each.bounds(np.dtype(compute).type) for n in taken])
