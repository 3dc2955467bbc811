"""Losses of elements, reduced over some axes: a mean or a sum for each sample, by weights that share out each sample's.

The weights of a sample are divided by their own sum, so that one pass over all elements gives every gradient. Written
once for arrays of every library: a `Side` says where a call's are.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ..define.keywords import GRAD, VALUE
from ..define.wording import shown
from .checks import check_options, mean_of_nothing
from .host import memory as layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..define.elements import Definition
    from .host.arithmetic import Arithmetic, Shape


class Given(NamedTuple):
    """A call's arrays, as the verbs of their side take them."""

    inputs: tuple[Any, ...]
    weight: Any
    """An array, or None."""
    seen: Mapping[str, Any]
    """Those that have a shape and memory, by their names."""
    char: str
    """Type character of the arithmetic."""
    device: int


class Side(Protocol):
    """Where a call's arrays are, and what runs there."""

    arithmetic: Arithmetic
    backends: tuple[Any, ...]

    def read(self, loss: Definition, inputs: tuple[Any, ...], weight: Any, axis: Any) -> Given:
        """The arrays, or the error for one that cannot be read."""

    def looks(self, check: bool | None) -> bool:
        """Whether what is wrong is said before anything is done, and not found by the kernels."""

    def check_value(self, loss: Definition, out: Any, shape: Shape, given: Given) -> None:
        """Raise for an `out=` that takes no values."""

    def run(self, loss: Definition, want: int, inputs: tuple[Any, ...], weight: Any, reduction: str, normalizer: Any,
            empty: str, out: Any, backend: str | None, check: Any) -> Any:  # fmt: skip
        """A verb over all elements at once."""

    def passed(self, value: Any) -> Any:
        """An array of values as the caller gets it."""


def evaluate(
    side: Side,
    loss: Definition,
    want: int,
    inputs: tuple[Any, ...],
    weight: Any,
    reduction: str,
    normalizer: Any,
    empty: str,
    out: Any,
    backend: str | None,
    check: bool | None,
    axis: Any,
) -> Any:
    """One verb whose value has a number for each sample; derivatives are those of the sum of these."""
    if loss.rooted:
        raise ValueError(f"{loss.name}: axis is {shown(axis)}, expected None; the loss is the root of one mean")
    check_options(loss, want, reduction, normalizer, empty, backend, side.backends)
    if reduction == "none":
        raise ValueError(f"{loss.name}: axis is {shown(axis)} and reduction is 'none', expected 'mean' or 'sum'")
    given = side.read(loss, inputs, weight, axis)
    shape = layout.common_shape(loss.name, [*given.seen], [*given.seen.values()], loss.streamed)
    axes = _axes(loss, axis, len(shape))
    samples = tuple(n for k, n in enumerate(shape) if k not in axes)
    if want == VALUE and out is not None:
        side.check_value(loss, out, samples, given)
    library = side.arithmetic
    with np.errstate(all="ignore"), library.current(given.device):
        weight, absent, nothing = given.weight, False, 0.0
        if reduction == "mean" and normalizer is None:
            if weight is not None and side.looks(check):
                _refuse_negative(loss, library.host(weight))
            weight, absent = _shares(library, given, shape, axes, check is None and not side.looks(check))
            if absent is not False and (empty != "raise" or absent is True or np.any(library.host(absent))):
                nothing = mean_of_nothing(loss.name, empty)
        each, slopes = _run(side, loss, want, given.inputs, weight, reduction, normalizer, out, backend, check)
        if each is None:
            return slopes[0]
        total = library.add_up(each, axes, samples, "d")
        if normalizer is not None:
            total = total / float(normalizer)
        if absent is True:
            total = library.filled(nothing, samples, "d", given.device)
        elif absent is not False:
            total = library.chosen(absent, nothing, total)
        value = library.cast(total, given.char)
        if want == VALUE and out is not None:
            library.assign(out, value)
            return out
    return (side.passed(value), *slopes) if slopes else side.passed(value)


def _run(
    side: Side, loss: Definition, want: int, inputs: tuple[Any, ...], weight: Any, reduction: str, normalizer: Any,
    out: Any, backend: str | None, check: Any,
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    """The loss of each element, unless it is not wanted, and the derivatives."""
    if want & VALUE and (want == VALUE or normalizer is None):
        to = None if want == VALUE else out
        result = side.run(loss, want, inputs, weight, "none", None, "nan", to, backend, check)
        return (result[0], result[1:]) if want & GRAD else (result, ())
    each = None
    if want & VALUE:
        each = side.run(loss, VALUE, inputs, weight, "none", None, "nan", None, backend, check)
    how = "sum" if normalizer is None else "mean"
    return each, (side.run(loss, want & ~VALUE, inputs, weight, how, normalizer, "nan", out, backend, check),)


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


def _shares(library: Arithmetic, given: Given, shape: Shape, axes: Shape, keep: bool) -> tuple[Any, Any]:
    """Each element's share of its sample's mean, and which samples have nothing to average: some, all or none.

    With `keep`, what is no weight stays as it is, for a kernel to find.
    """
    kept = tuple(n for k, n in enumerate(shape) if k not in axes)
    if given.weight is None or not prod(shape):
        count = prod(shape[k] for k in axes)
        return 1.0 / (count or 1), not count and prod(kept) > 0
    wide = library.dense(library.cast(given.weight, "d"), shape)
    unit = library.largest(abs(wide), axes)  # so that no sum leaves its type
    parts = wide / library.chosen(unit == 0.0, 1.0, unit)
    total = library.add_up(parts, axes, tuple(1 if k in axes else n for k, n in enumerate(shape)), "d")
    absent = total == 0.0
    shares = library.chosen(absent, 0.0, parts / total)
    # A share that the kernels would read as 0 must not make its element absent.
    lost = (library.cast(shares, given.char) == 0.0) & (wide != 0.0) & (total != 0.0)
    shares = library.chosen(lost, float(np.finfo(given.char).smallest_subnormal), shares)
    if keep:
        shares = library.chosen((wide < 0.0) | (abs(wide) == np.inf), wide, shares)
    return library.cast(shares, given.char), absent.reshape(kept)
