"""Parameters of a loss of rows that are arrays: a number for each row, as the kernels read them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.templates.tilesums import LANES
from .. import shapes
from .faults import first, outside
from .read import read_array

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...define.rows import Program

    Columns = dict[str, NDArray[Any]]


def read(loss: Program, arrays: Sequence[Any], scores: tuple[int, ...], axis: int) -> Columns:
    """The arrays of parameters by their names, each of a shape that broadcasts to the rows."""
    found = {name: read_array(loss, name, x) for name, x in zip(loss.streamed, arrays, strict=True)}
    for name, x in found.items():
        shapes.check_column(loss, name, x.shape, scores, axis)
    return found


def refuse(loss: Program, columns: Columns, kind: Any, present: Callable[[], Any]) -> None:
    """Raise for the first number outside its parameter's domain, among those of rows that are present."""
    for name, x in columns.items():
        domain = loss.parameters[name].of_each
        with np.errstate(all="ignore"):
            bad = domain.violations(x.astype(kind))
        if not bad.any():
            continue
        where = first(lambda b, here: b & here, bad, present())
        if where is not None:
            got = np.broadcast_to(x, present().shape)[where]
            raise ValueError(f"{loss.name}: {name}{shapes.place(where, x.shape)} is {outside(got, domain, kind)}")


def parameters(loss: Program, columns: Columns, kind: Any, stored: str, batch: tuple[int, ...]) -> tuple[Any, ...]:
    """All parameters as a kernel takes them: numbers, None, and arrays, with room for a tile beyond the last row."""
    given = loss.cast(kind, stored)
    if not columns:
        return given
    full = {n: np.full(prod(batch) + LANES, loss.parameters[n].inner_point, kind) for n in columns}
    with np.errstate(all="ignore"):
        for n, x in columns.items():
            full[n][: prod(batch)] = np.broadcast_to(x, batch).reshape(-1)
    return tuple([full.get(n, v) for n, v in zip(loss.takes, given, strict=True)])
