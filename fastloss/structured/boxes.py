"""Boxes: their overlap, their formats, and which of several on the same object stay."""

from __future__ import annotations

from math import frexp, inf
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..arrays.host import memory as layout
from . import box_formulas as formulas
from . import box_templates as templates
from . import reading
from .compiled import run

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..define.keywords import Backend

OVERLAP = (("pair", formulas.iou),)


@reading.quiet
def convert_boxes(boxes: ArrayLike, source: str, to: str) -> NDArray[Any]:
    """Boxes of one format in another: "xyxy" (two corners), "cxcywh" (center, width, height).

    Shape (..., 4); float32 and float64 stay what they are, 16-bit floats too. A copy always.

    >>> import fastloss as fl
    >>> fl.convert_boxes([0.0, 2.0, 4.0, 4.0], "xyxy", "cxcywh")
    array([2., 3., 4., 2.])
    """
    name = "convert_boxes"
    source, to = reading.format_of(name, source, "source"), reading.format_of(name, to, "to")
    found = reading.boxes_of(name, "boxes", boxes)
    moved = reading.corners(found, source) if to == "xyxy" else reading.centers(found, source)
    return moved.astype(found.dtype, copy=moved is found)


@reading.quiet
def box_iou(
    boxes: ArrayLike,
    others: ArrayLike,
    *,
    aligned: bool = False,
    format: str = "xyxy",
    backend: Backend | None = None,
) -> NDArray[Any]:
    """Intersection over union of each box with each of the others, or with its own.

    boxes : array of shape (n, 4)
    others : array of shape (m, 4)
        With ``aligned=True`` both are of one shape (..., 4), and the result of shape (...).
    format : {"xyxy", "cxcywh"}

    |A ∩ B| / |A ∪ B|, an array of shape (n, m) in float64 where one of the two is, else in float32. Boxes without an
    area overlap nothing, themselves included; NaN gives NaN. A box that ends before it begins is an error. For the
    gradients see `iou_loss` and its relatives.

    >>> import fastloss as fl
    >>> fl.box_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 1.0], [2.0, 0.0, 4.0, 2.0]])
    array([[0.14285714, 0.5       , 0.        ]])
    """
    name = "box_iou"
    format = reading.format_of(name, format)
    reading.check_backend(name, backend)
    given = [
        reading.boxes_of(name, n, x, ndim=None if aligned else 2) for n, x in (("boxes", boxes), ("others", others))
    ]
    if aligned and given[0].shape != given[1].shape:
        raise ValueError(f"{name}: boxes has shape {given[0].shape} and others {given[1].shape}, expected one shape")
    for argument, x in zip(("boxes", "others"), given, strict=True):
        reading.check_order(name, argument, x, format)
    kind = reading.kind_of(*given)
    one, two = in_reach(*(reading.corners(reading.dense(x, kind), format) for x in given))
    if aligned:
        found = np.empty(one.shape[:-1], kind)
        flat = [reading.dense(x.reshape(-1, 4), kind) for x in (one, two)]
        run(templates.beside, flat, (found.reshape(-1),), compute=found.dtype.char, size=found.size, backend=backend,
            formulas=OVERLAP)  # fmt: skip
        return layout.passed(found)  # type: ignore[no-any-return]
    found = np.empty((len(one), len(two)), kind)
    run(templates.pairs, (reading.dense(one, kind), reading.dense(two.T, kind)), (found,), compute=found.dtype.char,
        size=found.size, backend=backend, formulas=OVERLAP)  # fmt: skip
    return found


REACH = {"f": 40, "d": 400}
"""The powers of two beyond which lengths, multiplied by each other, may leave a type."""


def in_reach(*boxes: NDArray[Any]) -> list[NDArray[Any]]:
    """The same boxes, all of them multiplied by one power of two where their areas would be too large or too small."""
    top = max(float(np.abs(x).max(initial=0.0)) for x in boxes)
    power = frexp(top)[1]
    if not np.isfinite(top) or top == 0.0 or abs(power) <= REACH[boxes[0].dtype.char]:
        return list(boxes)
    return [np.ldexp(x, -power) for x in boxes]


@reading.quiet
def nms(
    boxes: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    threshold: float = 0.5,
    score_threshold: float | None = None,
    candidates: int | None = None,
    top_k: int | None = None,
    format: str = "xyxy",
    backend: Backend | None = None,
) -> NDArray[np.int64]:
    """Non-maximum suppression: the indices of the boxes that stay, the highest score first.

    boxes : array of shape (n, 4)
    scores : array of shape (n,)
    labels : integer array of shape (n,), optional
        The class of each box: only boxes of the same class suppress each other.
    threshold : float in [0, 1]
        A box that stays suppresses those of lower scores whose overlap with it is greater.
    score_threshold : float, optional
        Boxes whose score is not greater are left out from the start.
    candidates : int, optional
        So many boxes of each class at most take part: those of the highest scores.
    top_k : int, optional
        So many boxes at most stay, of all classes together.
    format : {"xyxy", "cxcywh"}

    Of equal scores the lower index goes first. Overlaps are computed in float64. NaN among scores or boxes is an error,
    as there is no order for it.

    >>> import fastloss as fl
    >>> fl.nms([[0, 0, 4, 4], [0, 0, 4, 5], [5, 5, 8, 8]], [0.8, 0.9, 0.7], threshold=0.5)
    array([1, 2])
    """
    name = "nms"
    format = reading.format_of(name, format)
    reading.check_backend(name, backend)
    threshold = reading.number(name, "threshold", threshold, 0.0, 1.0)
    least = None if score_threshold is None else reading.number(name, "score_threshold", score_threshold, -inf)
    counts = [None if k is None else reading.whole(name, n, k, 0) for n, k in
              (("candidates", candidates), ("top_k", top_k))]  # fmt: skip
    every = reading.boxes_of(name, "boxes", boxes, ndim=2)
    marks = _of_boxes(name, "scores", reading.floats(name, "scores", scores), len(every))
    classes = np.zeros(len(every), np.int64)
    if labels is not None:
        classes = _of_boxes(name, "labels", reading.array(name, "labels", labels), len(every))
        if classes.dtype.kind not in "iu" and classes.size:
            raise TypeError(f"{name}: labels has dtype {classes.dtype}, expected integers")
    _refuse_nan(name, "scores", marks)
    _refuse_nan(name, "boxes", every)
    reading.check_order(name, "boxes", every, format)
    found = np.arange(len(every)) if least is None else np.flatnonzero(marks > least)
    order = found[np.lexsort((-marks[found].astype(np.float64), classes[found]))]
    begins = np.flatnonzero(np.diff(classes[order], prepend=classes[order[:1]] - 1 if order.size else 0))
    if counts[0] is not None:
        rank = np.arange(order.size) - np.repeat(begins, np.diff(begins, append=order.size))
        order = order[rank < counts[0]]
        begins = np.flatnonzero(np.diff(classes[order], prepend=classes[order[:1]] - 1 if order.size else 0))
    offsets = np.append(begins, order.size).astype(np.int64)
    kept = np.zeros(order.size, bool)
    (wide,) = in_reach(reading.corners(every[order].astype(np.float64), format))
    run(templates.suppressed, (reading.dense(wide.T, np.float64), offsets), (kept,), (threshold,), compute="d",
        size=order.size * 64, backend=backend, formulas=OVERLAP)  # fmt: skip
    order = order[kept]
    order = order[np.lexsort((order, -marks[order].astype(np.float64)))]
    return order[: counts[1]].astype(np.int64)


def _of_boxes(name: str, argument: str, x: NDArray[Any], count: int) -> NDArray[Any]:
    if x.shape != (count,):
        raise ValueError(f"{name}: {argument} has shape {x.shape}, expected ({count},), one for each box")
    return x


def _refuse_nan(name: str, argument: str, x: NDArray[Any]) -> None:
    bad = x != x
    if bad.any():
        where = np.unravel_index(int(bad.argmax()), bad.shape)
        raise ValueError(f"{name}: {argument}{shapes.place(where)} is nan, expected a number")
