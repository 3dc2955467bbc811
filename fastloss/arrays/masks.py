"""Labels to ignore, of losses of elements: weights of 0 where the target is that number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import shown
from . import shapes as rowshapes
from .host import memory as layout
from .host.elements import read_array

if TYPE_CHECKING:
    from ..define.elements import Definition


def ignoring(loss: Definition, inputs: tuple[Any, ...], weight: Any, index: Any, face: Any = None) -> Any:
    """A call's weights, 0 where the label is `index`: NumPy's, or those of `face` where arrays are on a GPU."""
    place = loss.labelled
    if place is None:
        raise ValueError(f"{loss.name}: ignore_index is {shown(index)}, expected None; the loss has no labels: "
                         "pass a weight of 0 for what is to be absent")  # fmt: skip
    number, name, x = rowshapes.number_of(loss, index), loss.inputs[place], inputs[place]
    there = face is not None and face.owns(x)
    target = face.buffer(x) if there else read_array(loss, name, x)
    if target.dtype.kind in "iu" and not np.iinfo(target.dtype).min <= number <= np.iinfo(target.dtype).max:
        return weight  # and none is compared with the label that it would be in the target's type
    if there:
        if face.owns(weight):
            layout.common_shape(loss.name, (name, "weight"), (target, face.buffer(weight)))
        # The verb refuses another library's array.
        return weight if np.ndim(weight) and not face.owns(weight) else face.weighed(x, number, weight)
    with np.errstate(over="ignore"):  # of a number that the target's type does not hold
        keep = target != number
    if face is not None:  # and the target is a number
        return (1.0 if weight is None else weight) if keep else 0.0
    if weight is None:
        return keep
    weight = read_array(loss, "weight", weight)
    layout.common_shape(loss.name, (name, "weight"), (target, weight))
    return np.where(keep, weight, weight.dtype.type(0))
