"""Losses of elements, reduced over some axes: a mean or a sum for each sample, by weights that share out each sample's.

The weights of a sample are divided by their own sum, so that one pass over all elements gives every gradient.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..options import GRAD, VALUE, check_options, mean_of_nothing
from ..wording import shown
from . import layout
from .numpy import evaluate as all_at_once
from .numpy import read_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..definition import Definition


def evaluate(
    loss: Definition,
    want: int,
    inputs: tuple[Any, ...],
    weight: Any,
    reduction: str,
    normalizer: Any,
    empty: str,
    out: Any,
    backend: str | None,
    check: bool,
    axis: Any,
) -> Any:
    """One verb whose value has a number for each sample; derivatives are those of the sum of these."""
    if loss.rooted:
        raise ValueError(f"{loss.name}: axis is {shown(axis)}, expected None; the loss is the root of one mean")
    check_options(loss, want, reduction, normalizer, empty, backend)
    if reduction == "none":
        raise ValueError(f"{loss.name}: axis is {shown(axis)} and reduction is 'none', expected 'mean' or 'sum'")
    arrays = [read_array(loss, name, x) for name, x in zip(loss.inputs, inputs, strict=True)]
    given = None if weight is None else read_array(loss, "weight", weight)
    all_given = arrays if given is None else [*arrays, given]
    shape = layout.common_shape(loss.name, (*loss.inputs, "weight"), all_given)
    axes = _axes(loss, axis, len(shape))
    samples = tuple(n for k, n in enumerate(shape) if k not in axes)
    kind = np.float64 if all_given[loss.wrt[0]].dtype.char not in "feE" else np.float32
    if want == VALUE and out is not None:
        layout.check_output(loss.name, out, kind, samples, all_given)
    absent: Any = False
    nothing = 0.0
    if reduction == "mean":
        if given is not None and check:
            _refuse_negative(loss, given)
        given, absent = _shared(given, shape, axes, normalizer)
        if absent.any():
            nothing = mean_of_nothing(loss.name, empty)
    to = None if want == VALUE else out
    if not want & VALUE:
        return all_at_once(loss, want, tuple(arrays), given, "sum", None, "nan", to, backend, check)
    result = all_at_once(loss, want, tuple(arrays), given, "none", None, "nan", to, backend, check)
    each, *slopes = result if want & GRAD else (result,)
    with np.errstate(all="ignore"):
        value = np.where(absent, nothing, np.asarray(each).sum(axis=axes, dtype=np.float64)).astype(kind)
    if want == VALUE and out is not None:
        out[...] = value
        value = out
    return (layout.passed(value), *slopes) if slopes else layout.passed(value)


def _axes(loss: Definition, axis: Any, ndim: int) -> tuple[int, ...]:
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
        raise ValueError(f"{loss.name}: weight{layout.place(where)} is {weight[where]!s}, "
                         "expected a finite number of at least 0")  # fmt: skip


def _shared(
    weight: NDArray[Any] | None, shape: tuple[int, ...], axes: tuple[int, ...], normalizer: Any
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each element's share of its sample's mean, and which samples have nothing to average."""
    kept = tuple(n for k, n in enumerate(shape) if k not in axes)
    present = np.zeros(kept, bool)
    if normalizer is not None:
        return np.asarray(1.0 if weight is None else weight, np.float64) / float(normalizer), present
    if weight is None:
        count = prod(shape[k] for k in axes)
        return np.asarray(1.0 / count if count else 0.0), ~present if not count else present
    wide = np.broadcast_to(weight, shape)
    with np.errstate(all="ignore"):
        unit = np.abs(wide).max(axis=axes, keepdims=True, initial=0)  # so that no sum leaves its type
        parts = wide / np.where(unit == 0, 1.0, unit).astype(np.float64)
        total = parts.sum(axis=axes, dtype=np.float64, keepdims=True)
        return parts / np.where(total == 0.0, 1.0, total), (total == 0.0).reshape(kept)
