"""What is done with one block of Dask's arrays, by NumPy's arrays and serial kernels."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...define.keywords import VALUE
from ...loading import load
from ..divisors import divided_by
from ..host import roots, weights
from .scaled import part, taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...define.keywords import Call


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

    def job(self, arrays: Sequence[Any], want: int, power: int = 0) -> tuple[Any, Call]:
        """The job of a block of NumPy's arrays, which has read them; the call. Weights take that power of two."""
        if self.axis is None:  # shapes were checked as a whole; a block of one row would be refused beside a column
            shape = np.broadcast_shapes(*(x.shape for x in arrays))
            arrays = [np.broadcast_to(x, shape) if x.ndim else x for x in arrays]
        arrays = [x.squeeze(self.axis) if alone else x for x, alone in zip(arrays, self.single, strict=True)]
        weight = arrays.pop() if self.weighted else None
        call = self.call
        if power and weight is not None:
            weight = weights.raised(weight, power, np.float64)
        elif power:
            call = call._replace(class_weight=weights.raised(np.asarray(call.class_weight), power, np.float64))
        of: Any = load(f"{__package__.rpartition('.')[0]}.host.{self.kind}")
        job = getattr(of, self.kind.capitalize())(self.loss, tuple(arrays))
        call = call._replace(want=want, weight=weight)
        job.read(call)
        job.arrange(call)
        return job, call

    def begun(self, arrays: Sequence[Any], want: int, divisor: Any) -> tuple[Any, Call, Any]:
        """The job of a block, the call, and what is divided by in all blocks: `divisor`, where that is a mean's."""
        if self.call.reduction != "mean":
            job, call = self.job(arrays, want)
            return job, call, job.divisor(call, False)
        number, power = taken(divisor)
        job, call = self.job(arrays, want, power)
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
                value = roots.sloped(job, call.want, *roots.moved(job, *taken(mean)), by, to)
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
            number, power = roots.part(job, by)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise task.named(cut, block_id, error) from None
    return _boxed(part(number, 2 * power), arrays)


def count_block(*arrays: Any, task: Task, cut: Any, block_id: Any) -> Any:
    """What one block's weights and labels add up to; the scores are stand-ins of 0."""
    try:
        with np.errstate(all="ignore"):
            job, call = task.job(arrays, VALUE)
            number, power = job.weigh(call.check is not False, False), job.power
            if not isfinite(number):  # it is beyond float64, or a weight is that nobody looks for
                power += job.rescale(number)
                number = job.weigh(False, False)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise task.named(cut, block_id, error) from None
    return _boxed(part(number, power), arrays)


def _boxed(results: Any, arrays: Sequence[Any]) -> Any:
    """A block's results as the one element of an array, for Dask has arrays alone."""
    block = np.empty((1,) * max(x.ndim for x in arrays), object if isinstance(results, list) else results.dtype)
    block[(0,) * block.ndim] = results
    return block
