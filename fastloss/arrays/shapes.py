"""What a row loss's arrays and numbers must be, wherever the arrays live: axes, shapes, smoothing, labels to ignore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import shown
from .host import memory as layout
from .host import weights

if TYPE_CHECKING:
    from ..define.elements import Definition
    from ..define.rows import Program

    Shape = tuple[int, ...]


def axis_of(loss: Program, shape: Shape, axis: Any) -> int:
    """The axis of the classes, counted from the front."""
    try:
        number = axis.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"{loss.name}: axis is {shown(axis)}, expected a whole number") from None
    if not -len(shape) <= number < len(shape):
        raise ValueError(f"{loss.name}: axis is {axis}, expected one of {loss.inputs[0]}, of shape {shape}")
    if shape[number] == 0:
        raise ValueError(f"{loss.name}: {loss.inputs[0]} of shape {shape} has no classes along axis {axis}")
    return int(number) % len(shape)


def are_labels(loss: Program, shape: Shape, dtype: Any, scores: Shape, axis: int, floats: bool) -> bool:
    """Whether a target is of labels of the batch's shape; else it is dense, of the scores' shape.

    With `floats` labels may be stored as such.
    """
    name, batch = loss.inputs[-1], scores[:axis] + scores[axis + 1 :]
    forms, hint = [], ""
    if loss.target != "dense":
        forms.append(f"integer labels of shape {batch}")
        if shape == batch:
            if dtype.kind not in "iu" and not (floats and dtype.char in layout.FLOATS):
                if dtype.char in layout.FLOATS:
                    hint = "; whole floats are labels where their library converts them"
                raise TypeError(f"{loss.name}: {name} has dtype {dtype}, expected integer labels{hint}")
            return True
        if shape == (*scores[:axis], 1, *scores[axis + 1 :]):
            hint = f"; pass {name}[:, 0]" if len(shape) == 2 and axis else f"; pass {name}.squeeze({axis})"
        elif shape == scores:
            hint = f"; pass {name}.argmax({axis})"
    if loss.target != "labels":
        forms.append(f"an array of the shape of {loss.inputs[0]}, {scores}")
        if shape == scores:
            if len(shape) == 1 and shape[0] > 1 and loss.target == "both" and dtype.kind in "iu":
                from ..define.hints import one_row

                raise one_row(loss, shape, dtype)
            return False
    raise ValueError(f"{loss.name}: {name} has shape {shape}, expected {', or '.join(forms)}{hint}")


def whole(loss: Program, target: Any, weight: Any) -> Any:
    """Labels that are stored as floats as integers; those of rows of weight 0 may be anything."""
    with np.errstate(invalid="ignore"):
        labels = target.astype(np.int64)
    bad = labels != target
    if bad.any() and weight is not None:
        bad &= np.broadcast_to(weight != 0, target.shape)
    if bad.any():
        where = np.unravel_index(int(bad.argmax()), bad.shape)
        got = target[where]
        hint = "; a row whose label is missing is absent with weight=0" if got != got else ""
        raise ValueError(f"{loss.name}: {loss.inputs[-1]}{layout.place(where)} is {got!s}, expected a label, "
                         f"a whole number{hint}")  # fmt: skip
    return labels


def check_weight(loss: Program, name: str, weight: Any, scores: Shape, axis: int) -> None:
    """Raise unless the rows' weights broadcast to the batch."""
    batch = scores[:axis] + scores[axis + 1 :]
    rows = np.broadcast_to(np.False_, batch)
    of_classes = (
        loss.target != "none" and 1 < weight.size == scores[axis] and weight.ndim == 1 and weight.shape != batch[-1:]
    )
    if of_classes or layout.common_shape(loss.name, (f"the batch of {loss.inputs[0]}", name), (rows, weight)) != batch:
        hint = "; a weight for each class is class_weight" if of_classes else ""
        raise ValueError(f"{loss.name}: {name} has shape {weight.shape}, expected one that broadcasts to {batch}, "
                         f"the batch of {loss.inputs[0]}{hint}")  # fmt: skip


def check_column(loss: Program, name: str, shape: Shape, scores: Shape, axis: int) -> None:
    """Raise unless a parameter that is an array has a number for each row."""
    batch = scores[:axis] + scores[axis + 1 :]
    if not _reaches(shape, batch):
        of_classes = "; classes share one" if _reaches(shape, scores) else ""
        raise ValueError(f"{loss.name}: {name} has shape {shape}, expected one that broadcasts to {batch}, "
                         f"a number for each row of {loss.inputs[0]}{of_classes}")  # fmt: skip


def _reaches(shape: Shape, full: Shape) -> bool:
    """Whether an array broadcasts to the full shape, and no further."""
    try:
        return layout.broadcast(shape, full) == full
    except ValueError:
        return False


def check_class_weight(loss: Program, shape: Shape, classes: int) -> None:
    """Raise unless there is a weight for each class."""
    if not loss.classed:
        raise ValueError(f"{loss.name}: class_weight is given, expected None; the loss has no weights of classes")
    if shape != (classes,):
        raise ValueError(f"{loss.name}: class_weight has shape {shape}, expected ({classes},), one for each class")


def check_class_weights(loss: Program, weight: Any, kind: Any) -> None:
    """Raise for the first that is negative or not finite, also as one of the arithmetic's `kind`."""
    with np.errstate(all="ignore"):
        bad = ~((weight >= 0) & (weight.astype(kind) < np.inf))
    if bad.any():
        k = int(bad.argmax())
        raise ValueError(f"{loss.name}: class_weight[{k}] is {weights.told(weight[k], kind)}")


def check_layer(loss: Program, hidden: Shape, weight: Shape, bias: Shape | None) -> None:
    """Raise unless the arrays are those of one linear layer."""
    if not hidden or len(weight) != 2 or hidden[-1] != weight[1]:
        raise ValueError(f"{loss.name}: hidden has shape {hidden} and weight {weight}, expected (..., d) and (K, d)")
    if bias is not None and bias != weight[:1]:
        raise ValueError(f"{loss.name}: bias has shape {bias}, expected {weight[:1]}")


def check_known(loss: Program, indices: Shape, dtype: Any, logs: Shape, scores: Shape, axis: int) -> None:
    """Raise unless the arrays are those of some of each row's classes: classes that are known, and their numbers."""
    if dtype.kind not in "iu":
        raise TypeError(f"{loss.name}: indices has dtype {dtype}, expected integers")
    rest = scores[:axis] + scores[axis + 1 :]
    if len(indices) != len(scores) or indices[:axis] + indices[axis + 1 :] != rest:
        expected = ", ".join([*map(str, scores[:axis]), "k", *map(str, scores[axis + 1 :])])
        raise ValueError(f"{loss.name}: indices has shape {indices}, expected ({expected})")
    if logs != indices:
        raise ValueError(f"{loss.name}: log_probabilities has shape {logs}, expected {indices}")


def smoothing(loss: Program, s: Any) -> float:
    """How much of a target goes to all classes alike."""
    try:
        number = float("" if isinstance(s, str) else s)
    except (TypeError, ValueError):
        raise TypeError(f"{loss.name}: label_smoothing is {shown(s)}, expected a number in [0, 1]") from None
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{loss.name}: label_smoothing is {shown(s)}, expected a number in [0, 1]")
    if number and not loss.smooth:
        raise ValueError(f"{loss.name}: label_smoothing is {shown(s)}, expected 0; the loss has no label smoothing")
    return number


def number_of(loss: Definition | Program, index: Any) -> int:
    """A label to ignore as a number."""
    try:
        number = int(index.__index__())
    except (AttributeError, TypeError):
        raise TypeError(f"{loss.name}: ignore_index is {shown(index)}, expected a whole number or None") from None
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{loss.name}: ignore_index is {index}, expected a 64-bit integer")
    return number


def ignored(loss: Program, index: Any, labels: bool, target: Any) -> int | None:
    """The label of rows that are absent; None where there can be no such label among those of `target`."""
    if index is None:
        return None
    if not labels:
        raise ValueError(f"{loss.name}: ignore_index is for integer labels"
                         + ("" if target is None else f", but {loss.inputs[-1]} has shape {target.shape}"))  # fmt: skip
    number = number_of(loss, index)
    if target.dtype.kind not in "iu":
        return number
    limits = np.iinfo(target.dtype)  # -100 would be one of uint64's, taken as int64
    return number if limits.min <= number <= limits.max else None
