"""Losses of elements, reduced over some axes: a mean or a sum for each sample, by weights that share out each sample's.

The weights of a sample are divided by their own sum, so that one pass over all elements gives every gradient.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.keywords import GRAD, VALUE
from ..define.wording import shown
from .checks import check_options, mean_of_nothing
from .host import memory as layout
from .host.elements import evaluate as all_at_once
from .host.elements import read_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..define.elements import Definition


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
        layout.check_output(loss.name, out, kind, samples, [])
        for name, x in zip((*loss.inputs, "weight"), all_given, strict=False):
            layout.refuse_over(loss.name, out, x, name)
    absent: Any = False
    nothing = 0.0
    if reduction == "mean" and normalizer is None:
        if given is not None and check:
            _refuse_negative(loss, given)
        given, absent = _shared(given, shape, axes, kind)
        if absent.any():
            nothing = mean_of_nothing(loss.name, empty)
    inner = tuple(arrays), given
    slopes: tuple[Any, ...] = ()
    if want & VALUE and (want == VALUE or normalizer is None):
        to = None if want == VALUE else out
        result = all_at_once(loss, want, *inner, "none", None, "nan", to, backend, check)
        each, slopes = (result[0], result[1:]) if want & GRAD else (result, ())
    elif want & VALUE:
        each = all_at_once(loss, VALUE, *inner, "none", None, "nan", None, backend, check)
        slopes = (all_at_once(loss, want & ~VALUE, *inner, "mean", normalizer, "nan", out, backend, check),)
    else:
        how = "sum" if normalizer is None else "mean"
        return all_at_once(loss, want, *inner, how, normalizer, "nan", out, backend, check)
    with np.errstate(all="ignore"):
        total = np.asarray(each).sum(axis=axes, dtype=np.float64)
        total = total if normalizer is None else total / float(normalizer)
        value = np.where(absent, nothing, total).astype(kind)
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
    weight: NDArray[Any] | None, shape: tuple[int, ...], axes: tuple[int, ...], kind: Any
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each element's share of its sample's mean, and which samples have nothing to average."""
    kept = tuple(n for k, n in enumerate(shape) if k not in axes)
    if weight is None:
        count = prod(shape[k] for k in axes)
        return np.asarray(1.0 / count if count else 0.0), np.full(kept, not count)
    wide = np.broadcast_to(weight, shape)
    with np.errstate(all="ignore"):
        unit = np.abs(wide).max(axis=axes, keepdims=True, initial=0)  # so that no sum leaves its type
        parts = wide / np.where(unit == 0, 1.0, unit).astype(np.float64)
        total = parts.sum(axis=axes, dtype=np.float64, keepdims=True)
        shares = np.where(total == 0.0, 0.0, parts / total)
        # A share that the kernels would read as 0 must not make its element absent.
        lost = (shares.astype(kind) == 0.0) & (parts != 0.0) & (total != 0.0)
        return np.where(lost, np.finfo(kind).smallest_subnormal, shares), (total == 0.0).reshape(kept)
