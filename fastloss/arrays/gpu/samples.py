"""Where a call's arrays are that is reduced over some axes: in a GPU's memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ...define.wording import shown
from ...kernels.plan.elements import compute_type
from ..checks import GPU_BACKENDS
from ..samples import Given
from . import elements
from .buffers import Buffer, read, required
from .outputs import outputs

if TYPE_CHECKING:
    from ...define.elements import Definition
    from .buffers import Face, Shape


class Device:
    """A library's arrays there; what is computed of them stays."""

    backends = GPU_BACKENDS

    def __init__(self, face: Face) -> None:
        self.arithmetic = face
        self.run: Any = partial(elements.evaluate, face)

    def read(self, loss: Definition, inputs: tuple[Any, ...], weight: Any, axis: Any) -> Given:
        """Numbers stay numbers, but for a weight, which is an array of no axes."""
        face = self.arithmetic
        if not face.ADDS:
            raise NotImplementedError(
                f"{loss.name}: axis is {shown(axis)}, expected None for arrays of {face.NAME}, which does not add up "
                f"along axes on a GPU; pass cupy.asarray({loss.inputs[0]}) and so on"
            )
        names = (*loss.inputs, "weight")
        arrays = read(face, loss, names, (*inputs, weight))
        own, *_ = [required(face, loss, loss.inputs[k], arrays[k]) for k in loss.wrt]
        if weight is not None and not isinstance(arrays[-1], Buffer):
            weight = face.filled(float(weight), (), "d", own.device)
        seen = {name: x for name, x in zip(names, arrays, strict=True) if isinstance(x, Buffer)}
        return Given(inputs, weight, seen, compute_type(own.char), own.device)

    def looks(self, check: bool | None) -> bool:
        """The device is waited for only where that is asked for."""
        return check is True

    def check_value(self, loss: Definition, out: Any, shape: Shape, given: Given) -> None:
        """As for any value."""
        outputs(self.arithmetic, loss, [out], [(given.char, shape, given.device)], given.seen)

    def passed(self, value: Any) -> Any:
        """As it is."""
        return value
