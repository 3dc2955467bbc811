"""Shapes and types of a call's arrays, wherever they live: what broadcasts, axes, labels, smoothing."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..define.wording import shown
from ..kernels.plan.elements import compute_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..define.elements import Definition
    from ..define.keywords import Call
    from ..define.rows import Program

    Shape = tuple[int, ...]


FLOATS = frozenset("fdeE")
"""NumPy's type characters of floats; `E` is that of bfloat16."""

HALVES = frozenset("eE")
"""Those of 16 bits."""

NUMBERS = frozenset("?bBhHiIlLqQ") | FLOATS
"""Those of what kernels read."""


@cache
def kind_of(stored: str) -> Any:
    """The arithmetic's type, as NumPy has it, for arrays of that type character."""
    return np.float64 if compute_type(stored) == "d" else np.float32


def common_shape(
    loss: str, names: Sequence[str], arrays: Sequence[Any], parameters: Sequence[str] = ()
) -> tuple[int, ...]:
    """The shape that all arrays broadcast to, by NumPy's rules but for one.

    Shapes that differ only by axes of length 1, such as (n,) and (n, 1), are an error: NumPy would make an n x n
    table of them, the commonest silent bug of the field. Of those of `parameters` that have as many axes as others a
    table is meant: of (n, 1) predictions by (1, n) quantiles.
    """
    shape: tuple[int, ...] = arrays[0].shape
    for x in arrays:
        if x.shape != shape:
            break
    else:
        return shape
    for i, x in enumerate(arrays):
        for j, y in enumerate(arrays[:i]):
            if x.ndim and y.ndim and x.shape != y.shape and _squeezed(x) == _squeezed(y):
                table = {names[i], names[j]} & {*parameters}
                if table and x.ndim == y.ndim:
                    continue
                also = f", or give {table.pop()} as many axes for a table of both" if table else ""
                raise ValueError(
                    f"{loss}: {names[j]} has shape {y.shape} and {names[i]} has shape {x.shape}: they differ by an "
                    f"axis of length 1 and would broadcast against each other; reshape one to the other's shape{also}"
                )
    try:
        return broadcast(*(x.shape for x in arrays))
    except ValueError:
        shapes = ", ".join(f"{name} {x.shape}" for name, x in zip(names, arrays, strict=False))
        raise ValueError(f"{loss}: shapes do not broadcast: {shapes}") from None


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all come to, by NumPy's rules; NumPy's own function takes 32 axes of the 64 that arrays have."""
    found: list[int] = []
    for k in range(-max(map(len, shapes), default=0), 0):
        lengths = {s[k] for s in shapes if len(s) >= -k and s[k] != 1} or {1}
        if len(lengths) > 1:
            raise ValueError
        found += lengths
    return tuple(found)


def _squeezed(x: Any) -> tuple[int, ...]:
    return tuple(n for n in x.shape if n != 1)


def summed_axes(full: Shape, shape: Shape) -> Shape:
    """The axes along which an array of the full shape is added up to one that was broadcast to it."""
    extra = len(full) - len(shape)
    return (*range(extra), *(extra + k for k, n in enumerate(shape) if n == 1 != full[extra + k]))


def not_full(loss: str, name: str, shape: tuple[int, ...], full: tuple[int, ...]) -> ValueError:
    """The error for an input that is broadcast where a second derivative is no sum of its elements'."""
    return ValueError(f"{loss}: {name} has shape {shape}, expected {full}, the full one, for the second derivative")


def place(where: tuple[Any, ...], shape: Shape | None = None) -> str:
    """An element's indices as one writes them: in an array of this shape, if that was broadcast."""
    if shape is not None:
        where = tuple(i if n > 1 else 0 for i, n in zip(where[len(where) - len(shape) :], shape, strict=True))
    return f"[{', '.join(str(int(i)) for i in where)}]" if where else ""


class RowFacts(NamedTuple):
    """What a call says of its rows."""

    axis: int
    """That of the classes, counted from the front."""
    labels: bool
    """Whether the target is of labels."""
    ignore: int | None
    """The label of rows that are absent; None where there can be none."""
    smoothing: float
    """How much of a target goes to all classes alike."""


def fitted(
    loss: Program,
    call: Call,
    scores: Sequence[Any],
    target: Any,
    weight: Any,
    called: str,
    class_weight: Any = None,
    floats: bool = True,
) -> RowFacts:
    """What a call says of its rows; the error for arrays that do not fit each other.

    `called` is the name of the rows' weights, which may be a number. With `floats` labels may be stored as such.
    """
    shape = scores[0].shape
    axis = axis_of(loss, shape, call.axis)
    for name, x in zip(loss.inputs[1:], scores[1:], strict=False):
        if x.shape != shape:
            raise ValueError(f"{loss.name}: {name} has shape {x.shape}, expected that of {loss.inputs[0]}, {shape}")
    labels = target is not None and are_labels(loss, target.shape, target.dtype, shape, axis, floats)
    ignore, smooth = ignored(loss, call.ignore_index, labels, target), smoothing(loss, call.label_smoothing)
    if class_weight is not None:
        check_class_weight(loss, np.shape(class_weight), shape[axis])
    if hasattr(weight, "shape"):
        check_weight(loss, called, weight, shape, axis)
    return RowFacts(axis, labels, ignore, smooth)


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
            if dtype.kind not in "iu" and not (floats and dtype.char in FLOATS):
                if dtype.char in FLOATS:
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
        what = "a label, a whole number" + (" of at most 63 bits" if abs(got) >= 2.0**63 else "")
        hint = "; a row whose label is missing is absent with weight=0" if got != got else ""
        raise ValueError(f"{loss.name}: {loss.inputs[-1]}{place(where)} is {got!s}, expected {what}{hint}")
    return labels


def check_weight(loss: Program, name: str, weight: Any, scores: Shape, axis: int) -> None:
    """Raise unless the rows' weights broadcast to the batch."""
    batch = scores[:axis] + scores[axis + 1 :]
    rows = np.broadcast_to(np.False_, batch)
    of_classes = (
        loss.target != "none" and 1 < weight.size == scores[axis] and weight.ndim == 1 and weight.shape != batch[-1:]
    )
    if of_classes or common_shape(loss.name, (f"the batch of {loss.inputs[0]}", name), (rows, weight)) != batch:
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
        return broadcast(shape, full) == full
    except ValueError:
        return False


def check_class_weight(loss: Program, shape: Shape, classes: int) -> None:
    """Raise unless there is a weight for each class."""
    if not loss.classed:
        raise ValueError(f"{loss.name}: class_weight is given, expected None; the loss has no weights of classes")
    if shape != (classes,):
        raise ValueError(f"{loss.name}: class_weight has shape {shape}, expected ({classes},), one for each class")


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


def masses(smoothing: float, classes: int, kind: Any) -> tuple[Any, ...]:
    """Those of a class that is not the label, what smoothing leaves of a mass, and the label's."""
    s = smoothing
    return tuple([kind(v) for v in (s / classes, 1.0 - s, 1.0 - s + s / classes)])


def number_of(loss: Definition | Program, index: Any) -> int:
    """A label to ignore as a number."""
    try:
        number = int(index.__index__())
    except (AttributeError, TypeError):
        raise TypeError(f"{loss.name}: ignore_index is {shown(index)}, expected a whole number or None") from None
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{loss.name}: ignore_index is {index}, expected a 64-bit integer")
    return number


def label_to_ignore(loss: Definition, index: Any) -> tuple[int, int]:
    """The place of the input of a loss of elements that holds labels, and the one to ignore as a number."""
    place = loss.labelled
    if place is None:
        raise ValueError(f"{loss.name}: ignore_index is {shown(index)}, expected None; the loss has no labels: "
                         "pass a weight of 0 for what is to be absent")  # fmt: skip
    return place, number_of(loss, index)


def holds(dtype: Any, number: int) -> bool:
    """Whether labels of that type may be this number, which is not compared with them in another type."""
    return dtype.kind not in "iu" or np.iinfo(dtype).min <= number <= np.iinfo(dtype).max


def ignored(loss: Program, index: Any, labels: bool, target: Any) -> int | None:
    """The label of rows that are absent; None where there can be no such label among those of `target`."""
    if index is None:
        return None
    if not labels:
        raise ValueError(f"{loss.name}: ignore_index is for integer labels"
                         + ("" if target is None else f", but {loss.inputs[-1]} has shape {target.shape}"))  # fmt: skip
    number = number_of(loss, index)
    return number if holds(target.dtype, number) else None  # -100 would be one of uint64's, taken as int64
