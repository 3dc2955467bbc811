"""Parameters that are arrays: what a loss keeps of one, and how it shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .wording import named, shown

if TYPE_CHECKING:
    from .domain import Domain

BRIEF = 8
"""Numbers of an array up to which a loss shows them."""


def is_array(value: Any) -> bool:
    """Whether a parameter's value is an array with axes, or a list of numbers; an array without axes is a number."""
    axes = getattr(value, "ndim", None)
    if axes is None:
        return isinstance(value, (list, tuple)) or bool(getattr(value, "shape", ()))
    return bool(axes > 0)


class Held:
    """An array in a parameter's place, equal to those of the same shape and numbers."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and np.array_equal(self.array, other.array)

    def __hash__(self) -> int:
        return hash((self.array.shape, *self.array.ravel().tolist()))


def held(loss: str, parameter: str, domain: Domain, value: Any) -> Held:
    """A copy that nothing changes any more; the error for a value that is no array of numbers of the domain."""
    if type(value) not in (list, tuple, np.ndarray, np.memmap):
        raise TypeError(f"{loss}: {parameter} is {named(value)}, expected a number, or a list or a NumPy array "
                        f"for a loss to keep; verbs take arrays of any library")  # fmt: skip
    try:
        array = np.array(value)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{loss}: {parameter} is {shown(value)} of dtype {array.dtype}, expected real numbers of at "
                        f"most 64 bits, each {domain}")  # fmt: skip
    bad = domain.of_each.violations(array.astype(np.float64))
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{loss}: {parameter}[{', '.join(map(str, where))}] is {array[where]!s}, "
                         f"expected {domain.of_each}")  # fmt: skip
    array.flags.writeable = False
    return Held(array)


def told(value: Any) -> str:
    """A parameter as a loss shows it: an array as the list of its numbers, or by its shape where these are many."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    return repr(value.tolist()) if value.size <= BRIEF else f"<{shown(value)}>"
