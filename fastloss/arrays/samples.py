"""Losses of elements of which some are absent by their label, or which are reduced over some axes: both by weights.

A mean or a sum for each sample: its weights are divided by their own sum, so that one pass over all elements gives
every gradient. Written once for arrays of every library.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.keywords import VALUE
from ..define.wording import shown
from .checks import check_options
from .divisors import mean_of_nothing, nothing_to_average
from .job import Kind
from .outputs import checked
from .shapes import common_shape, holds, label_to_ignore, place
from .verb import run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..define.elements import Definition
    from ..define.keywords import Call
    from .job import Arithmetic, ElementsJob, Shape


def evaluate(job: ElementsJob, call: Call) -> Any:
    """One verb whose weights are not the caller's, which nothing is written over all the same."""
    if call.weight is not None:
        job.also = {"weight": call.weight}
    if call.ignore_index is not None:
        call = call._replace(weight=job.masked(call), ignore_index=None)
    return _run(job, call) if call.axis is None else _reduced(job, call)


def _run(job: ElementsJob, call: Call) -> Any:
    """One verb of all elements."""
    known = job.known(call)
    return run(job, call) if known is None else known


def _reduced(job: ElementsJob, call: Call) -> Any:
    """One verb whose value has a number for each sample; derivatives are those of the sum of these."""
    loss, want, library = job.loss, call.want, job.arithmetic
    refuse_axis(loss, call)
    check_options(loss, call, job.backends)
    if not library.ADDS:
        raise NotImplementedError(
            f"{loss.name}: axis is {shown(call.axis)}, expected None for arrays of {library.NAME}, which does not add "
            f"up along axes on a GPU; pass cupy.asarray({loss.inputs[0]}) and so on"
        )
    job.read(call)
    axes = axes_of(loss, call.axis, len(job.shape))
    samples = tuple(n for k, n in enumerate(job.shape) if k not in axes)
    if want == VALUE and call.out is not None:
        checked(job, [call.out], [Kind(np.dtype(job.kind), samples, job.device)])
    with library.current(job.device):
        weight, absent, nothing = job.weight_of(call), False, 0.0
        if call.reduction == "mean" and call.normalizer is None:
            looks = job.looks(call.check)
            if weight is not None and looks:
                _refuse_negative(loss, library.host(weight))
            keep = call.check is not False and not looks
            weight, absent = _shares(library, weight, np.dtype(job.kind).char, job.shape, axes, keep)
            if absent is not False and call.empty == "raise":
                weight = job.refuse(absent, weight, nothing_to_average(loss))
            elif absent is not False:
                nothing = mean_of_nothing(loss, call)
            absent = absent if isinstance(absent, bool) else absent.reshape(samples)
        each, slopes = _elementwise(job, call, weight)
        if each is None:
            return slopes[0]
        total = library.add_up(each, axes, samples, "d")
        if call.normalizer is not None:
            total = total / float(call.normalizer)
        if absent is True:
            total = library.filled(nothing, samples, "d", job.device)
        elif absent is not False:
            total = library.chosen(absent, nothing, total)
        value = library.cast(total, np.dtype(job.kind).char)
        if want == VALUE and call.out is not None:
            library.assign(call.out, value)
            return call.out
    return (job.passed(value), *slopes) if slopes else job.passed(value)


def _elementwise(job: ElementsJob, call: Call, weight: Any) -> tuple[Any, tuple[Any, ...]]:
    """The loss of each element, unless it is not wanted, and the derivatives."""
    want, own = call.want, call.normalizer

    def run(want: int, reduction: str, normalizer: Any, out: Any) -> Any:
        how = {"want": want, "reduction": reduction, "normalizer": normalizer, "out": out}
        return _run(job.twin(), call._replace(weight=weight, axis=None, empty="nan", **how))

    if want & VALUE and want != VALUE and own is None:
        value, *slopes = run(want, "none", None, call.out)
        return value, tuple(slopes)
    each = run(VALUE, "none", None, None) if want & VALUE else None
    return each, () if want == VALUE else (run(want & ~VALUE, "sum" if own is None else "mean", own, call.out),)


def refuse(job: ElementsJob, where: Any, x: Any, error: Exception) -> Any:
    """`x`; raise that error where anything of `where` is true."""
    if np.any(where if where is True else job.arithmetic.host(where)):
        raise error
    return x


def masked(job: Any, call: Call) -> Any:
    """The weights, 0 where the label is the one to ignore, of a job that takes an array by its name."""
    loss, weight = job.loss, call.weight
    place, number = label_to_ignore(loss, call.ignore_index)
    target = job.taken(loss.inputs[place], job.inputs[place])
    if not holds(target.dtype, number):
        return weight
    keep = target != number
    if weight is None:
        return keep
    weight = job.taken("weight", weight)
    common_shape(loss.name, (loss.inputs[place], "weight"), (target, weight))
    return job.arithmetic.chosen(keep, weight, weight.dtype.type(0))


def refuse_axis(loss: Definition, call: Call) -> None:
    """Raise for an axis of a loss, or beside a reduction, that has no value for each sample."""
    if loss.rooted:
        raise ValueError(f"{loss.name}: axis is {shown(call.axis)}, expected None; the loss is the root of one mean")
    if call.reduction == "none":
        raise ValueError(f"{loss.name}: axis is {shown(call.axis)} and reduction is 'none', expected 'mean' or 'sum'")


def axes_of(loss: Definition, axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that are reduced, counted from the front."""
    try:
        numbers = [n.__index__() for n in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    except (AttributeError, TypeError):
        raise TypeError(f"{loss.name}: axis is {shown(axis)}, expected a whole number, several or None") from None
    if not all(-ndim <= n < ndim for n in numbers):
        raise ValueError(f"{loss.name}: axis is {shown(axis)}, expected axes of {ndim} dimensions")
    axes = tuple(n % ndim for n in numbers)
    if len({*axes}) < len(axes):
        raise ValueError(f"{loss.name}: axis is {shown(axis)}, expected each axis once")
    return axes


def _refuse_negative(loss: Definition, weight: NDArray[Any]) -> None:
    """Raise for the first weight that is negative or infinite, as it was passed."""
    bad = (weight < 0) | (np.abs(weight) == np.inf)
    if bad.any():
        where = np.unravel_index(int(bad.argmax()), bad.shape)
        raise ValueError(f"{loss.name}: weight{place(where)} is {weight[where]!s}, "
                         "expected a finite number of at least 0")  # fmt: skip


def _shares(library: Arithmetic, weight: Any, char: str, shape: Shape, axes: Shape, keep: bool) -> tuple[Any, Any]:
    """Each element's share of its sample's mean, and which samples have nothing to average: some, all or none.

    Some are told by an array that has an axis of length 1 for each that is reduced. With `keep`, what is no weight
    stays as it is, for a kernel to find.
    """
    kept = tuple(n for k, n in enumerate(shape) if k not in axes)
    if weight is None or not prod(shape):
        count = prod(shape[k] for k in axes)
        return 1.0 / (count or 1), not count and prod(kept) > 0
    wide = library.dense(library.cast(weight, "d"), shape)
    unit = library.largest(abs(wide), axes)  # so that no sum leaves its type
    parts = wide / library.chosen(unit == 0.0, 1.0, unit)
    total = library.add_up(parts, axes, tuple(1 if k in axes else n for k, n in enumerate(shape)), "d")
    absent = total == 0.0
    shares = library.chosen(absent, 0.0, parts / library.chosen(absent, 1.0, total))
    # A share that the kernels would read as 0 must not make its element absent.
    lost = (library.cast(shares, char) == 0.0) & (wide != 0.0) & (total != 0.0)
    shares = library.chosen(lost, float(np.finfo(char).smallest_subnormal), shares)
    if keep:
        shares = library.chosen((wide < 0.0) | (abs(wide) == np.inf), wide, shares)
    return library.cast(shares, char), absent
