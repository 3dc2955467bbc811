"""The graphs of lazy results: of blocks, of what a mean divides by, and of the mean under a root."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.keywords import GRAD, HESS, VALUE
from ...loading import load
from .. import shapes
from ..divisors import divided_by
from ..host import roots
from .blocks import Task, count_block, mean_block, run_block
from .reading import aligned, arranged, array
from .scaled import SCALED, gather, taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...define.elements import Definition
    from ...define.keywords import Call
    from ...define.rows import Program

    Loss = Definition | Program


def lazy(kind: str, loss: Loss, inputs: tuple[Any, ...], call: Call) -> Any:
    """The results of all elements, or rows, for whoever computes them."""
    names = loss.reads if call.weight is None else (*loss.reads, "weight")
    arrays = [array(loss, name, x) for name, x in zip(names, (*inputs, call.weight), strict=False)]
    weighted, call = call.weight is not None, call._replace(weight=None, backend="serial")
    task = Task(kind, loss, call, names, None, (False,) * len(arrays), weighted)
    if kind == "rows":
        task, arrays = arranged(task, arrays)
        shape, wrt = arrays[0].shape, arrays[:1]
    else:
        shape, wrt = shapes.common_shape(loss.name, names, arrays, loss.streamed), [arrays[k] for k in loss.wrt]
        for k, x in zip(loss.wrt, wrt, strict=True):
            if x.shape != shape:
                raise shapes.not_full(loss.name, names[k], x.shape, shape)
    types = [x.dtype if x.dtype.char in shapes.FLOATS else np.dtype(float) for x in wrt]
    return _graph(task, arrays, shape, types)


def _graph(task: Task, arrays: Sequence[Any], shape: tuple[int, ...], types: Sequence[Any]) -> Any:
    """The lazy results of a verb; `types` are those of the derivatives."""
    da: Any = load("dask.array")
    want, each = task.call.want, task.call.reduction == "none"
    arrays, cut = aligned(arrays, shape, arrays[0] if task.axis is not None else arrays[task.loss.wrt[0]])
    divisor = _divisor(task, arrays, cut) if task.call.reduction == "mean" else None
    how = {"task": task, "cut": cut, "divisor": divisor}
    mean = _gathered(mean_block, arrays, **how) if task.loss.rooted else None
    blocks = da.map_blocks(run_block, *arrays, mean=mean, **how, **_like(object, len(shape)))
    results: list[Any] = []
    kind = np.dtype(shapes.kind_of(types[0].char))
    if want & VALUE and each:
        gone = [] if task.axis is None else [task.axis]
        results.append(da.map_blocks(_item, blocks, k=0, drop_axis=gone, **_like(kind, len(shape) - len(gone))))
    elif want & VALUE and mean is not None:
        results.append(da.map_blocks(_root, mean, task=task, divisor=divisor, **_like(float, 0)).astype(kind))
    elif want & VALUE:
        ones = tuple((1,) * n for n in blocks.numblocks)
        parts = da.map_blocks(_part, blocks, chunks=ones, **_like(float, blocks.ndim))
        results.append(parts.rechunk(-1).sum().astype(kind))  # few enough for one task, in the order of the blocks
    place = len(results)
    for verb in (GRAD, HESS):
        if want & verb:
            own = [da.map_blocks(_item, blocks, k=place + k, **_like(t, len(shape))) for k, t in enumerate(types)]
            results.append(own[0] if len(own) == 1 else tuple(own))
            place += len(own)
    return results[0] if len(results) == 1 else tuple(results)


def _divisor(task: Task, arrays: Sequence[Any], cut: Any) -> Any:
    """What a mean divides by: a number, or an array of no axes that knows nothing of the scores."""
    da: Any = load("dask.array")
    call = task.call
    if call.normalizer is not None:
        return float(call.normalizer)
    if not task.weighted and call.class_weight is None and call.ignore_index is None:
        return float(prod(sum(c) for k, c in enumerate(cut) if k != task.axis))
    last = len(arrays) - 1
    read = {last} if task.weighted else set()
    if call.ignore_index is not None or (task.axis is not None and task.loss.target != "none"):
        read.add(len(task.loss.inputs) - 1)
    known = [x if k in read else da.zeros(x.shape, chunks=x.chunks, dtype=x.dtype) for k, x in enumerate(arrays)]
    return _gathered(count_block, known, task=task, cut=cut)


def _gathered(of: Any, arrays: Sequence[Any], cut: Any, **keywords: Any) -> Any:
    """The sum of the parts that a function gives of the blocks."""
    da: Any = load("dask.array")
    ones = tuple((1,) * len(c) for c in cut)
    parts = da.map_blocks(of, *arrays, cut=cut, **keywords, chunks=ones, **_like(SCALED, len(cut)))
    return da.map_blocks(gather, parts.rechunk(-1), drop_axis=[*range(len(cut))], **_like(SCALED, 0))


def _like(kind: Any, ndim: int) -> dict[str, Any]:
    """What Dask is told of blocks, so that no function is called to ask."""
    return {"dtype": np.dtype(kind), "meta": np.empty((0,) * ndim, kind)}


def _item(block: Any, k: int) -> Any:
    """One of a block's arrays."""
    return block.item()[k]


def _root(mean: Any, task: Task, divisor: Any) -> Any:
    """The root of a mean; what that of nothing is."""
    if not taken(divisor)[0]:
        return np.asarray(divided_by(task.loss, task.call, 0.0).nothing)
    number, power = taken(mean)
    return np.ldexp(roots.rooted(number)[0], -power // 2)


def _part(block: Any) -> Any:
    """A block's number."""
    return np.full(block.shape, block.item()[0], np.float64)
