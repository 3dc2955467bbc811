"""What arrays of boxes and numbers must be: read, checked, brought to corners, with one error for what is wrong."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..arrays.checks import BACKENDS
from ..arrays.dispatch import on_gpu, refuse_foreign
from ..arrays.host.read import read_array, read_output
from ..define.wording import listed, named, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FORMATS = ("xyxy", "cxcywh")

quiet = np.errstate(all="ignore")
"""Of the verbs here: NumPy says nothing of numbers that a type does not hold."""


class Named:
    """What the readers of arrays ask of a loss: whose errors these are."""

    def __init__(self, name: str) -> None:
        self.name = name


class Arrays:
    """What `out=` is checked for: a loss and its arrays by name, one or several of a name."""

    def __init__(self, loss: Any, arrays: Mapping[str, Any]) -> None:
        self.loss = loss
        self.also: Mapping[str, Any] = {}
        self.seen: dict[str, NDArray[Any]] = {}
        for name, x in arrays.items():
            for k, part in enumerate(x) if isinstance(x, (list, tuple)) else [(None, x)]:
                if isinstance(part, np.ndarray):
                    self.seen[name if k is None else f"{name}[{k}]"] = part

    def output(self, x: Any) -> Any:
        """An array of `out=`, if it is one of NumPy's own."""
        return read_output(self.loss, x)


def array(name: str, argument: str, x: Any) -> NDArray[Any]:
    """Numbers in the host's memory."""
    kind = type(x)
    if kind is not np.ndarray:
        gpu = (on_gpu((x,)) is not None and "Tracer" not in kind.__name__) or getattr(x, "is_cuda", False)
        both = kind.__module__.startswith(("torch", "jax"))  # libraries whose arrays are of one type on either side
        if gpu or (hasattr(kind, "__cuda_array_interface__") and not both):
            raise TypeError(f"{name}: {argument} is {named(x)} in GPU memory, expected an array on the host; {name} is "
                            f"computed there alone")  # fmt: skip
        refuse_foreign(Named(name), (x,), (argument,))  # type: ignore[arg-type]
    return read_array(Named(name), argument, x)  # type: ignore[arg-type]


def floats(name: str, argument: str, x: Any) -> NDArray[Any]:
    """The same as floats: integers in float64."""
    found = array(name, argument, x)
    return found if found.dtype.char in shapes.FLOATS else found.astype(np.float64)


def boxes_of(name: str, argument: str, x: Any, *, ndim: int | None = None) -> NDArray[Any]:
    """Floats of shape (..., 4)."""
    found = floats(name, argument, x)
    if found.shape == (0,):
        found = found.reshape(0, 4)
    if found.ndim == 0 or found.shape[-1] != 4 or (ndim is not None and found.ndim != ndim):
        expected = {None: "(..., 4)", 2: "(n, 4)"}.get(ndim, f"{ndim} axes, the last of length 4")
        raise ValueError(f"{name}: {argument} has shape {found.shape}, expected {expected}")
    return found


def kind_of(*arrays: NDArray[Any]) -> Any:
    """The type of the arithmetic: float64 where one of them is, else float32."""
    return np.float64 if any(x.dtype.char == "d" for x in arrays) else np.float32


def dense(x: NDArray[Any], kind: Any) -> NDArray[Any]:
    """In the type of the arithmetic and in one run."""
    return np.ascontiguousarray(x, kind)


def format_of(name: str, format: Any, argument: str = "format") -> str:
    """One of the formats of boxes."""
    if format not in FORMATS:
        hint = {"xywh": "; a corner becomes a center by adding half of width and height"}.get(format, "")
        raise ValueError(f"{name}: {argument} is {shown(format)}, expected {listed(map(repr, FORMATS), 'or')}{hint}")
    return str(format)


def check_backend(name: str, backend: Any) -> None:
    """Raise for what is no way of running on the host."""
    if backend not in BACKENDS:
        raise ValueError(f"{name}: backend is {shown(backend)}, expected None, 'serial' or 'parallel'; "
                         f"{name} is computed on the host alone")  # fmt: skip


def number(name: str, argument: str, x: Any, low: float, high: float = inf, *, above: bool = False) -> float:
    """A number from `low` to `high`, or above the one."""
    least = f"greater than {low:g}" if above else f"of at least {low:g}"
    expected = f"a number {f'from {low:g} to {high:g}' if high < inf else least}"
    try:
        found = float("" if isinstance(x, (str, bytes)) else x)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {argument} is {shown(x)}, expected {expected}") from None
    if not (low <= found <= high) or (above and found == low) or found == inf:
        raise ValueError(f"{name}: {argument} is {shown(x)}, expected {expected}")
    return found


def whole(name: str, argument: str, x: Any, low: int) -> int:
    """A whole number of at least `low`."""
    try:
        found = x.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"{name}: {argument} is {shown(x)}, expected a whole number") from None
    if found < low:
        raise ValueError(f"{name}: {argument} is {shown(x)}, expected a whole number of at least {low}")
    return int(found)


def switch(name: str, argument: str, x: Any) -> bool:
    """True or False."""
    if not isinstance(x, (bool, np.bool_)):
        raise TypeError(f"{name}: {argument} is {x!r}, expected True or False")
    return bool(x)


# -- Formats and sizes of boxes ----------------------------------------------------------------------------------------


def corners(x: NDArray[Any], format: str) -> NDArray[Any]:
    """Boxes of a format as (x1, y1, x2, y2)."""
    if format == "xyxy":
        return x
    half = 0.5 * x[..., 2:]
    return np.concatenate([x[..., :2] - half, x[..., :2] + half], axis=-1)


def centers(x: NDArray[Any], format: str) -> NDArray[Any]:
    """Boxes of a format as (cx, cy, w, h)."""
    if format == "cxcywh":
        return x
    return np.concatenate([0.5 * (x[..., :2] + x[..., 2:]), x[..., 2:] - x[..., :2]], axis=-1)


def wrong_way(x: NDArray[Any], format: str) -> Any:
    """Where a box ends before it begins."""
    if format == "xyxy":
        return (x[..., 2:] < x[..., :2]).any(axis=-1)
    return (x[..., 2:] < 0).any(axis=-1)


def check_order(name: str, argument: str, x: NDArray[Any], format: str, present: Any = True) -> None:
    """Raise for the first box that ends before it begins, among those that are present; one without size is a box."""
    bad = wrong_way(x, format) & present
    if bad.any():
        raise _no_box(name, argument, x, bad, ("x1 <= x2 and y1 <= y2", "w and h of at least 0")[format != "xyxy"])


def check_sizes(name: str, argument: str, x: NDArray[Any], format: str, begins: Any = None) -> None:
    """Raise for the first box without a size, or with one that is not finite.

    With `begins`, where the arrays of a list begin in `x`, its place is told as one in the list.
    """
    sides = centers(x, format)[..., 2:]
    good = (sides > 0) & (sides < inf) & np.isfinite(x[..., :2])
    if not good.all():
        sizes = ("x1 < x2 and y1 < y2", "w and h greater than 0")[format != "xyxy"]
        raise _no_box(name, argument, x, ~good.all(axis=-1), f"finite numbers with {sizes}", begins)


def _no_box(name: str, argument: str, x: NDArray[Any], bad: Any, expected: str, begins: Any = None) -> ValueError:
    where = np.unravel_index(int(bad.argmax()), bad.shape)
    numbers = ", ".join(str(v) for v in x[where])
    if begins is not None:
        k = int(np.searchsorted(begins, where[0], side="right")) - 1
        argument, where = f"{argument}[{k}]", (where[0] - begins[k],)
    hint = "; boxes of center, width and height are format='cxcywh'" if "x1" in expected else ""
    return ValueError(f"{name}: {argument}{shapes.place(where)} is [{numbers}], expected {expected}{hint}")


# -- Ragged lists ------------------------------------------------------------------------------------------------------


def offsets_of(name: str, offsets: Any, count: int, images: int | None) -> NDArray[np.int64]:
    """Where each image's objects begin in flat arrays of `count`, and where the last one's end."""
    found = array(name, "offsets", offsets)
    if found.dtype.kind not in "iu":
        raise TypeError(f"{name}: offsets has dtype {found.dtype}, expected integers")
    if found.ndim != 1 or not found.size or (images is not None and found.size != images + 1):
        shape = "(images + 1,)" if images is None else f"({images + 1},), one more than there are images"
        raise ValueError(f"{name}: offsets has shape {found.shape}, expected {shape}")
    found = found.astype(np.int64)
    falls = np.flatnonzero(np.diff(found) < 0)
    if falls.size:
        k = int(falls[0]) + 1
        raise ValueError(f"{name}: offsets[{k}] is {found[k]} after {found[k - 1]}, expected numbers that ascend")
    for place, expected, what in ((0, 0, ""), (found.size - 1, count, ", the number of boxes")):
        if found[place] != expected:
            raise ValueError(f"{name}: offsets[{place}] is {found[place]}, expected {expected}{what}")
    return found


def items_of(name: str, argument: str, x: Any, images: int | None) -> Sequence[Any]:
    """The arrays of a ragged list, one for each image."""
    if isinstance(x, (list, tuple)) or (isinstance(x, np.ndarray) and x.ndim):
        if images is None or len(x) == images:
            return list(x)
        raise ValueError(f"{name}: {argument} has {len(x)} arrays, expected {images}, one for each image; "
                         "flat arrays need offsets")  # fmt: skip
    raise TypeError(f"{name}: {argument} is {named(x)}, expected a list of arrays, one for each image, or with offsets "
                    "one array")  # fmt: skip


def objects(
    name: str, boxes: Any, offsets: Any, images: int | None, format: str, *, single: bool = False
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The objects of all images, one after the other, as corners in float64; where each image's begin.

    A `single` image's have no number in an error.
    """
    if offsets is not None:
        flat = boxes_of(name, "boxes", boxes, ndim=2)
        found, begins = offsets_of(name, offsets, len(flat), images), None
    else:
        each = items_of(name, "boxes", boxes, images)
        own = [boxes_of(name, "boxes" if single else f"boxes[{k}]", x, ndim=2) for k, x in enumerate(each)]
        flat = np.concatenate(own) if own else np.zeros((0, 4))
        found = np.cumsum([0, *map(len, own)], dtype=np.int64)
        begins = None if single else found
    check_sizes(name, "boxes", flat, format, begins)
    return corners(flat.astype(np.float64), format), found


def labels_of(
    name: str, labels: Any, offsets: Any, begins: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:  # fmt: skip
    """The labels of all images' objects, one after the other, each a class from 1 on."""
    if offsets is not None:
        return _labels(name, "labels", labels, int(begins[-1]), classes)
    each, counts = items_of(name, "labels", labels, len(begins) - 1), np.diff(begins)
    found = [_labels(name, f"labels[{k}]", y, int(counts[k]), classes) for k, y in enumerate(each)]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _labels(name: str, argument: str, labels: Any, count: int, classes: int) -> NDArray[np.int64]:
    found = array(name, argument, labels)
    if found.shape != (count,):
        raise ValueError(f"{name}: {argument} has shape {found.shape}, expected ({count},), one label for each box")
    if found.size and found.dtype.kind not in "iu":
        raise TypeError(f"{name}: {argument} has dtype {found.dtype}, expected integer labels")
    bad = (found < 1) | (found >= classes)
    if bad.any():
        k = int(bad.argmax())
        raise ValueError(f"{name}: {argument}[{k}] is {found[k]}, but the objects' classes are 1 to {classes - 1}; "
                         "0 is the background")  # fmt: skip
    return found.astype(np.int64)
