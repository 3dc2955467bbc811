"""Arguments as Dask's arrays, in the chunks of the first, or with rows of one chunk each."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.wording import named
from ...loading import load
from .. import shapes
from ..host.read import read_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...define.elements import Definition
    from ...define.rows import Program
    from .blocks import Task

    Loss = Definition | Program


def is_chunked(x: Any) -> bool:
    """Whether that is Dask's, or xarray's over Dask's."""
    library = type(x).__module__.partition(".")[0]
    return library == "dask" or (library == "xarray" and getattr(x, "chunks", None) is not None)


def array(loss: Loss, name: str, x: Any) -> Any:
    """Dask's array of it; a column of a data frame has its lengths counted for that."""
    da: Any = load("dask.array")
    if not is_chunked(x):
        return da.asarray(read_array(loss, name, x))
    x = x.data if type(x).__module__.startswith("xarray") else x
    x = x.to_dask_array(lengths=True) if hasattr(x, "to_dask_array") else x
    if any(isnan(n) for n in x.shape):
        raise ValueError(f"{loss.name}: {name} has chunks of unknown sizes; call {name}.compute_chunk_sizes() first")
    if not isinstance(x._meta, np.ndarray) or isinstance(x._meta, np.ma.MaskedArray):
        raise TypeError(f"{loss.name}: {name} is Dask's array of {named(x._meta)}, expected one of NumPy's arrays")
    read_array(loss, name, np.empty((0,) * x.ndim, x.dtype))  # refuses a dtype that no kernel reads
    return x


def aligned(arrays: Sequence[Any], shape: tuple[int, ...], pred: Any) -> tuple[list[Any], Any]:
    """The arrays in the chunks of the prediction, or, if that is one chunk, of one that is several; these chunks."""
    several = [x.chunks for x in (pred, *arrays) if x.shape == shape and x.npartitions > 1]
    cut = several[0] if several else pred.chunks
    return [
        x.rechunk({k: c for k, c in enumerate(cut[len(shape) - x.ndim :]) if x.shape[k] != 1}) if x.ndim else x
        for x in arrays
    ], cut


def arranged(task: Task, arrays: list[Any]) -> tuple[Task, list[Any]]:
    """Rows of one chunk each, and an axis of length 1 in its place for what has a number for each row."""
    loss, scores = task.loss, arrays[0]
    target = None if loss.target == "none" else arrays[len(loss.inputs) - 1]
    weight = arrays[-1] if task.weighted else None
    axis = shapes.fitted(loss, task.call, arrays[: loss.scores], target, weight, "weight").axis
    single = []
    for k, x in enumerate(arrays):
        alone = x.ndim < scores.ndim and (k >= loss.scores)
        if alone and x.ndim:
            x = x.reshape((1,) * (scores.ndim - 1 - x.ndim) + x.shape)
            x = x[(slice(None),) * axis + (None,)]
        single.append(alone and x.ndim > 0)
        arrays[k] = x.rechunk({axis: -1}) if x.ndim == scores.ndim else x
    return task._replace(axis=axis, single=tuple(single)), arrays
