"""Where a call's arrays are that is reduced over some axes: in NumPy's, and in what becomes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import BACKENDS
from ..samples import Given
from . import arithmetic as numpys
from . import elements
from . import memory as layout

if TYPE_CHECKING:
    from ...define.elements import Definition
    from .arithmetic import Shape


class Host:
    """Arrays of the host."""

    arithmetic: Any = numpys
    backends = BACKENDS
    run = staticmethod(elements.evaluate)
    passed = staticmethod(layout.passed)

    @staticmethod
    def read(loss: Definition, inputs: tuple[Any, ...], weight: Any, axis: Any) -> Given:
        """Each as an array."""
        arrays = tuple([elements.read_array(loss, name, x) for name, x in zip(loss.inputs, inputs, strict=True)])
        seen = dict(zip(loss.inputs, arrays, strict=True))
        if weight is not None:
            seen["weight"] = weight = elements.read_array(loss, "weight", weight)
        return Given(arrays, weight, seen, "f" if arrays[loss.wrt[0]].dtype.char in "feE" else "d", -1)

    @staticmethod
    def looks(check: bool | None) -> bool:
        """Or the place would be told among the shares."""
        return check is not False

    @staticmethod
    def check_value(loss: Definition, out: Any, shape: Shape, given: Given) -> None:
        """Its type, its shape and its memory."""
        layout.check_output(loss.name, out, np.dtype(given.char), shape, [])
        for name, x in given.seen.items():
            layout.refuse_over(loss.name, out, x, name)
