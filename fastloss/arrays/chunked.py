"""A loss of Dask's arrays: a lazy result, computed block by block with serial kernels.

Each block gives its part of the sum in float64 and its part of the derivatives, in one task. Means divide by a number
that is known beforehand, or that a graph of its own adds up over weights and labels: scores are read once, and no block
waits for all others. Only the derivatives of the root of a mean wait for that mean. Derivatives have the chunks of
their input. What is wrong is raised when a block is computed, and says which.
"""

from __future__ import annotations

from math import isnan, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..define.elements import Definition
from ..define.keywords import GRAD, HESS, VALUE
from ..define.wording import named, shown
from ..loading import load
from . import shapes
from .checks import BACKENDS, check_options
from .divisors import divided_by
from .host import roots
from .host.read import read_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..define.keywords import Call
    from ..define.rows import Program

    Loss = Definition | Program


def is_chunked(x: Any) -> bool:
    """Whether that is Dask's, or xarray's over Dask's."""
    library = type(x).__module__.partition(".")[0]
    return library == "dask" or (library == "xarray" and getattr(x, "chunks", None) is not None)


def evaluate(kind: str, loss: Loss, inputs: tuple[Any, ...], call: Call) -> Any:
    """One verb, whose results are Dask's arrays."""
    check_options(loss, call, BACKENDS)
    _refuse(loss, call)
    names = loss.reads if call.weight is None else (*loss.reads, "weight")
    arrays = [_array(loss, name, x) for name, x in zip(names, (*inputs, call.weight), strict=False)]
    weighted, call = call.weight is not None, call._replace(weight=None, backend="serial")
    task = Task(kind, loss, call, names, None, (False,) * len(arrays), weighted)
    if kind == "rows":
        task, arrays = _arranged(task, arrays)
        shape, wrt = arrays[0].shape, arrays[:1]
    else:
        shape, wrt = shapes.common_shape(loss.name, names, arrays, loss.streamed), [arrays[k] for k in loss.wrt]
        for k, x in zip(loss.wrt, wrt, strict=True):
            if x.shape != shape:
                raise shapes.not_full(loss.name, names[k], x.shape, shape)
    types = [x.dtype if x.dtype.char in shapes.FLOATS else np.dtype(float) for x in wrt]
    return _graph(task, arrays, shape, types)


def _refuse(loss: Loss, call: Call) -> None:
    """Raise for what is not computed block by block."""
    what = f"{loss.name} of Dask's arrays"
    if call.out is not None:
        raise ValueError(f"{what}: out is {named(call.out)}, expected None; a lazy result is stored by Dask")
    if isinstance(loss, Definition) and call.axis is not None:
        raise NotImplementedError(
            f"{what}: axis is {shown(call.axis)}, expected None; take reduction='none', and the mean of what it gives"
        )
    if call.stats:
        raise NotImplementedError(f"{what}: return_stats is True, expected False")
    if call.class_weight is not None and is_chunked(call.class_weight):
        raise TypeError(f"{what}: class_weight is {named(call.class_weight)}, expected an array of NumPy's")


def _array(loss: Loss, name: str, x: Any) -> Any:
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


def _arranged(task: Task, arrays: list[Any]) -> tuple[Task, list[Any]]:
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


class Task(NamedTuple):
    """What is computed of each block."""

    kind: str
    loss: Any
    call: Call
    """Without arrays, but for the classes' weights."""
    names: tuple[str, ...]
    """What the arrays are called, the weights last."""
    axis: int | None
    """That of the classes."""
    single: tuple[bool, ...]
    """Which arrays have an axis of length 1 there that the caller's do not have."""
    weighted: bool
    """Whether the last array is one of weights."""

    def job(self, arrays: Sequence[Any], want: int) -> tuple[Any, Call]:
        """The job of a block of NumPy's arrays, which has read them; the call."""
        if self.axis is None:  # shapes were checked as a whole; a block of one row would be refused beside a column
            shape = np.broadcast_shapes(*(x.shape for x in arrays))
            arrays = [np.broadcast_to(x, shape) if x.ndim else x for x in arrays]
        arrays = [x.squeeze(self.axis) if alone else x for x, alone in zip(arrays, self.single, strict=True)]
        weight = arrays.pop() if self.weighted else None
        of: Any = load(f"{__package__}.host.{self.kind}")
        job, call = getattr(of, self.kind.capitalize())(self.loss, tuple(arrays)), self.call
        call = call._replace(want=want, weight=weight)
        if self.kind == "elements" and call.ignore_index is not None:
            call = call._replace(weight=job.masked(call), ignore_index=None)
        job.read(call)
        job.arrange(call)
        return job, call

    def begun(self, arrays: Sequence[Any], want: int, divisor: Any) -> tuple[Any, Call, Any]:
        """The job of a block, the call, and what is divided by in all blocks: `divisor`, where that is a mean's."""
        job, call = self.job(arrays, want)
        if call.reduction != "mean":
            return job, call, job.divisor(call, False)
        number = float(np.asarray(divisor).sum())
        call = call._replace(normalizer=number or 1.0)
        return job, call, job.divisor(call, False) if number else divided_by(job.loss, call, 0.0)

    def named(self, cut: Any, block: tuple[int, ...], error: Exception) -> Exception:
        """An error of a block that says where this lies, of chunks of these lengths."""
        starts = [sum(c[:k]) for c, k in zip(cut, block, strict=True)]
        place = ", ".join(f"{a}:{a + c[k]}" for a, c, k in zip(starts, cut, block, strict=True))
        return type(error)(f"{error} (counted in block {block}, which is {self.names[0]}[{place}])")


def run_block(*arrays: Any, task: Task, cut: Any, divisor: Any, mean: Any, block_id: Any) -> Any:
    """One block's part of the value, and its derivatives, as the one element of an array; a root's `mean` is known."""
    try:
        with np.errstate(all="ignore"):
            job, call, by = task.begun(arrays, task.call.want, divisor)
            found = job.look(call, False)
            to = job.aims(call, None)
            if mean is None:
                value = job.evaluate(call.want, call.check is not False and not found, by, to)
            else:
                value = roots.sloped(job, call.want, float(np.asarray(mean).sum()), by, to)
            results = job.results(call, value, to, None)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise task.named(cut, block_id, error) from None
    flat: list[Any] = []
    if call.want & VALUE:
        first = results.pop(0)
        flat.append(first if call.reduction == "none" else value)
    for x in results:
        flat += x if isinstance(x, tuple) else (x,)
    return _boxed(flat, arrays)


def mean_block(*arrays: Any, task: Task, cut: Any, divisor: Any, block_id: Any) -> Any:
    """What one block adds to the mean under a root."""
    try:
        with np.errstate(all="ignore"):
            job, call, by = task.begun(arrays, VALUE, divisor)
            job.look(call, False)
            part = roots.part(job, by)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise task.named(cut, block_id, error) from None
    return _boxed([part], arrays)


def count_block(*arrays: Any, task: Task, cut: Any, block_id: Any) -> Any:
    """What one block's weights and labels add up to; the scores are stand-ins of 0."""
    try:
        with np.errstate(all="ignore"):
            job, call = task.job(arrays, VALUE)
            number = job.weigh(call.check is not False, False)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise task.named(cut, block_id, error) from None
    return _boxed([np.ldexp(number, -job.power)], arrays)


def _boxed(results: list[Any], arrays: Sequence[Any]) -> Any:
    """A block's results as the one element of an array, for Dask has arrays alone."""
    block = np.empty((1,) * max(x.ndim for x in arrays), object)
    block[(0,) * block.ndim] = results
    return block


def _graph(task: Task, arrays: Sequence[Any], shape: tuple[int, ...], types: Sequence[Any]) -> Any:
    """The lazy results of a verb; `types` are those of the derivatives."""
    da: Any = load("dask.array")
    want, each = task.call.want, task.call.reduction == "none"
    arrays, cut = _aligned(arrays, shape, arrays[0] if task.axis is not None else arrays[task.loss.wrt[0]])
    divisor = _divisor(task, arrays, cut) if task.call.reduction == "mean" else None
    how = {"task": task, "cut": cut, "divisor": divisor, **_like(object, len(shape))}
    mean = None
    if task.loss.rooted:
        parts = da.map_blocks(mean_block, *arrays, **how)
        mean = _sum(da.map_blocks(_part, parts, **_ones(parts)))
    blocks = da.map_blocks(run_block, *arrays, mean=mean, **how)
    results: list[Any] = []
    kind = np.dtype(shapes.kind_of(types[0].char))
    if want & VALUE and each:
        gone = [] if task.axis is None else [task.axis]
        results.append(da.map_blocks(_item, blocks, k=0, drop_axis=gone, **_like(kind, len(shape) - len(gone))))
    elif want & VALUE and mean is not None:
        results.append(da.map_blocks(_root, mean, task=task, divisor=divisor, **_like(float, 0)).astype(kind))
    elif want & VALUE:
        results.append(_sum(da.map_blocks(_part, blocks, **_ones(blocks))).astype(kind))
    place = len(results)
    for verb in (GRAD, HESS):
        if want & verb:
            own = [da.map_blocks(_item, blocks, k=place + k, **_like(t, len(shape))) for k, t in enumerate(types)]
            results.append(own[0] if len(own) == 1 else tuple(own))
            place += len(own)
    return results[0] if len(results) == 1 else tuple(results)


def _aligned(arrays: Sequence[Any], shape: tuple[int, ...], pred: Any) -> tuple[list[Any], Any]:
    """The arrays in the chunks of the prediction, or, if that is one chunk, of one that is several; these chunks."""
    several = [x.chunks for x in (pred, *arrays) if x.shape == shape and x.npartitions > 1]
    cut = several[0] if several else pred.chunks
    return [
        x.rechunk({k: c for k, c in enumerate(cut[len(shape) - x.ndim :]) if x.shape[k] != 1}) if x.ndim else x
        for x in arrays
    ], cut


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
    blocks = da.map_blocks(count_block, *known, task=task, cut=cut, **_like(object, len(cut)))
    return _sum(da.map_blocks(_part, blocks, **_ones(blocks)))


def _like(kind: Any, ndim: int) -> dict[str, Any]:
    """What Dask is told of blocks, so that no function is called to ask."""
    return {"dtype": np.dtype(kind), "meta": np.empty((0,) * ndim, kind)}


def _ones(blocks: Any) -> dict[str, Any]:
    """What it is told of a number for each block."""
    return {"chunks": tuple((1,) * n for n in blocks.numblocks), **_like(np.float64, blocks.ndim)}


def _sum(parts: Any) -> Any:
    """Their sum: few enough numbers for one task, in the order of the blocks."""
    return parts.rechunk(-1).sum()


def _item(block: Any, k: int) -> Any:
    """One of a block's arrays."""
    return block.item()[k]


def _root(mean: Any, task: Task, divisor: Any) -> Any:
    """The root of a mean; what that of nothing is."""
    there = float(np.asarray(divisor).sum())
    return np.asarray(roots.rooted(float(mean))[0] if there else divided_by(task.loss, task.call, 0.0).nothing)


def _part(block: Any) -> Any:
    """A block's number."""
    return np.full(block.shape, block.item()[0], np.float64)
