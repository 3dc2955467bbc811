"""Which prior stands for which object, and what a detector predicts of it: offsets from the prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import shown
from . import box_templates as templates
from . import reading
from .boxes import OVERLAP, in_reach
from .compiled import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from ..define.keywords import Backend

VARIANCES = (0.1, 0.2)


@reading.quiet
def match_boxes(
    boxes: ArrayLike | Sequence[ArrayLike],
    priors: ArrayLike,
    *,
    offsets: ArrayLike | None = None,
    threshold: float = 0.5,
    format: str = "xyxy",
    backend: Backend | None = None,
) -> NDArray[np.int64]:
    """For each prior the object of the image that it is matched with, by its number; -1 where there is none.

    boxes : array of shape (n, 4), or a list of such arrays, one for each image
        The objects. With `offsets`, of length images + 1 from 0 to n, those of image k are
        ``boxes[offsets[k] : offsets[k + 1]]``.
    priors : array of shape (p, 4)
    threshold : float in [0, 1]
    format : {"xyxy", "cxcywh"}
        That of boxes and priors alike.

    Of shape (p,), or (images, p). A prior is matched with the object that it overlaps most, where their IoU is at least
    the threshold; the first of several. Then each object takes the prior that overlaps it most, the first of several,
    whatever the threshold; where objects take the same one, the last has it. Overlaps are computed in float64.
    W. Liu et al., "SSD: Single Shot MultiBox Detector" (ECCV 2016), section 2.2.

    >>> import fastloss as fl
    >>> priors = [[0, 0, 2, 2], [0, 0, 2, 1], [4, 4, 5, 5], [8, 8, 9, 9]]
    >>> fl.match_boxes([[0, 0, 2, 2], [4, 4, 8, 8]], priors)
    array([ 0,  0,  1, -1])
    """
    name = "match_boxes"
    format = reading.format_of(name, format)
    reading.check_backend(name, backend)
    threshold = reading.number(name, "threshold", threshold, 0.0, 1.0)
    places = priors_of(name, priors, format)
    lists = isinstance(boxes, (list, tuple)) and any(_ndim(x) == 2 for x in boxes)
    several = offsets is not None or lists or getattr(boxes, "ndim", 0) == 3
    if several:
        found, begins = reading.objects(name, boxes, offsets, None, format)
    else:
        found, begins = reading.objects(name, [boxes], None, 1, format, single=True)
    matched = matches(places, found, begins, threshold, backend)
    return matched if several else matched[0]


def _ndim(x: Any) -> int:
    return len(getattr(x, "shape", ())) or np.ndim(x)


def priors_of(name: str, priors: Any, format: str) -> NDArray[Any]:
    """Their corners in float64."""
    found = reading.boxes_of(name, "priors", priors, ndim=2)
    reading.check_sizes(name, "priors", found, format)
    return reading.corners(found.astype(np.float64), format)


def matches(
    priors: NDArray[Any], boxes: NDArray[Any], offsets: NDArray[Any], threshold: float, backend: str | None
) -> NDArray[np.int64]:
    """The same of arrays that are checked."""
    images, count = len(offsets) - 1, len(priors)
    matched = np.empty((images, count), np.int64)
    if not count:
        return matched
    priors, boxes = in_reach(priors, boxes)
    row = np.empty((images, count))
    run(templates.matches, (reading.dense(priors.T, np.float64), reading.dense(boxes, np.float64), offsets),
        (matched, np.empty(len(boxes), np.int64), np.empty((images, count)), row, row.view(np.int64)), (threshold,),
        compute="d", size=len(boxes) * count, backend=backend, formulas=OVERLAP)  # fmt: skip
    return matched


@reading.quiet
def encode_boxes(
    boxes: ArrayLike,
    priors: ArrayLike,
    *,
    variances: tuple[float, float] = VARIANCES,
    format: str = "xyxy",
) -> NDArray[Any]:
    """What a detector is to predict where a prior stands for a box.

    boxes, priors : arrays of shape (..., 4) that broadcast
    variances : pair of floats greater than 0
        What the offsets of the center, and of the size, are divided by.
    format : {"xyxy", "cxcywh"}

    With center, width and height of each: ((cx - px) / (pw v0), (cy - py) / (ph v0), log(w / pw) / v1,
    log(h / ph) / v1), in float64 where one of the two is, else in float32. A box without a size is an error: it has no
    logarithm.
    W. Liu et al., "SSD: Single Shot MultiBox Detector" (ECCV 2016), equation 2; variances as in the authors' code.

    >>> import fastloss as fl
    >>> fl.encode_boxes([1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0])
    array([5., 5., 0., 0.])
    """
    name = "encode_boxes"
    format = reading.format_of(name, format)
    first, second = variances_of(name, variances)
    given = [reading.boxes_of(name, n, x) for n, x in (("boxes", boxes), ("priors", priors))]
    for argument, x in zip(("boxes", "priors"), given, strict=True):
        reading.check_sizes(name, argument, x, format)
    _check_shapes(name, "boxes", *given)
    kind = reading.kind_of(*given)
    one, two = (reading.centers(x.astype(np.float64), format) for x in given)
    return encoded(one, two, first, second).astype(kind)


def encoded(boxes: NDArray[Any], priors: NDArray[Any], first: float, second: float) -> NDArray[Any]:
    """The same of centers and sizes."""
    sizes = priors[..., 2:]
    away = (boxes[..., :2] - priors[..., :2]) / (sizes * first)
    return np.concatenate([away, np.log(boxes[..., 2:] / sizes) / second], axis=-1)


@reading.quiet
def decode_boxes(
    locations: ArrayLike,
    priors: ArrayLike,
    *,
    variances: tuple[float, float] = VARIANCES,
    format: str = "xyxy",
) -> NDArray[Any]:
    """The boxes that a detector's predictions stand for: the inverse of `encode_boxes`.

    locations, priors : arrays of shape (..., 4) that broadcast
    variances : pair of floats greater than 0
    format : {"xyxy", "cxcywh"}
        That of the priors, and of the result.

    Center p + l v0 (pw, ph), size (pw, ph) exp(l v1), in the type of the locations. NaN gives NaN.

    >>> import fastloss as fl
    >>> fl.decode_boxes([5.0, 5.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0])
    array([1., 1., 3., 3.])
    """
    name = "decode_boxes"
    format = reading.format_of(name, format)
    first, second = variances_of(name, variances)
    given = reading.boxes_of(name, "locations", locations)
    places = reading.boxes_of(name, "priors", priors)
    reading.check_sizes(name, "priors", places, format)
    _check_shapes(name, "locations", given, places)
    kind: Any = np.float64 if given.dtype.char == "d" else np.float32
    moves, places = given.astype(kind), reading.centers(places.astype(np.float64), format).astype(kind)
    sizes = places[..., 2:]
    center = places[..., :2] + moves[..., :2] * (sizes * kind(first))
    found = np.concatenate([center, sizes * np.exp(moves[..., 2:] * kind(second))], axis=-1)
    return reading.corners(found, "cxcywh" if format == "xyxy" else "xyxy").astype(given.dtype)


def variances_of(name: str, variances: Any) -> tuple[float, float]:
    """Both, each greater than 0."""
    if not isinstance(variances, (tuple, list, np.ndarray)) or len(variances) != 2:
        raise TypeError(f"{name}: variances is {shown(variances)}, expected two numbers greater than 0")
    first, second = (reading.number(name, f"variances[{k}]", v, 0.0, above=True) for k, v in enumerate(variances))
    return first, second


def _check_shapes(name: str, argument: str, x: NDArray[Any], priors: NDArray[Any]) -> None:
    try:
        np.broadcast_shapes(x.shape, priors.shape)
    except ValueError:
        raise ValueError(f"{name}: {argument} has shape {x.shape} and priors {priors.shape}, expected shapes that "
                         "broadcast") from None  # fmt: skip
