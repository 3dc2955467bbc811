"""Default boxes: the places and shapes that a detector of the SSD kind starts from."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..define.wording import listed, shown
from . import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NAME = "default_boxes"


class Layout(NamedTuple):
    """Feature maps (cells in a row or (rows, columns)), scales (one more than maps), and aspect ratios for each map."""

    maps: tuple[int | tuple[int, int], ...]
    scales: tuple[float, ...]
    ratios: tuple[tuple[float, ...], ...]
    steps: tuple[float, ...] | None = None
    """Cells of each map that the image is wide, where the map has others: 300 / 8 of 8 pixels, and 38 in the map."""


LAYOUTS = {
    "ssd300": Layout(
        (38, 19, 10, 5, 3, 1),
        tuple(k / 300 for k in (30, 60, 111, 162, 213, 264, 315)),
        ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
        tuple(300 / k for k in (8, 16, 32, 64, 100, 300)),
    ),
    "ssd512": Layout(
        (64, 32, 16, 8, 4, 2, 1),
        tuple(k / 512 for k in (35.84, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6)),
        ((2,), (2, 3), (2, 3), (2, 3), (2, 3), (2,), (2,)),
        tuple(512 / k for k in (8, 16, 32, 64, 128, 256, 512)),
    ),
}
"""The sets of the paper's authors, for the VOC data: 8,732 and 24,564 boxes."""


def default_boxes(
    maps: str | Sequence[int | tuple[int, int]],
    scales: Sequence[float] | None = None,
    ratios: Sequence[float] | Sequence[Sequence[float]] | None = None,
    *,
    clip: bool = False,
    format: str = "xyxy",
    dtype: Any = np.float64,
) -> NDArray[Any]:
    """The default boxes of a list of feature maps, of shape (n, 4), in shares of the image's width and height.

    maps : "ssd300", "ssd512", or a list
        The cells of each feature map: k for k x k cells, or (rows, columns).
    scales : list of floats, one more than there are maps
        Sizes of the boxes as shares of the image; or (smallest, largest), between which the maps' scales are spaced
        evenly (the paper's 0.2 and 0.9), the next one after the largest being 1.
    ratios : list of floats, or one such list for each map
        Aspect ratios other than 1, each of which stands for itself and its reciprocal.
    clip : bool
        Whether boxes end where the image ends.
    format : {"xyxy", "cxcywh"}
    dtype : float32 or float64

    Each cell of map k has, around its center, a square of side s_k, one of side sqrt(s_k s_(k+1)), and for each ratio a
    boxes of width s_k sqrt(a) and height s_k / sqrt(a), and of 1 / a. Cells come row by row, the column changing
    fastest, as a convolution's output of shape (rows, columns, boxes) has them. W. Liu et al., "SSD: Single Shot
    MultiBox Detector" (ECCV 2016), section 2.2, with the scales, ratios and steps of the authors' VOC models.

    >>> import fastloss as fl
    >>> fl.default_boxes("ssd300").shape
    (8732, 4)
    >>> fl.default_boxes([1], scales=[0.5, 0.5], ratios=[4.0], format="cxcywh")
    array([[0.5 , 0.5 , 0.5 , 0.5 ],
           [0.5 , 0.5 , 0.5 , 0.5 ],
           [0.5 , 0.5 , 1.  , 0.25],
           [0.5 , 0.5 , 0.25, 1.  ]])
    """
    format = reading.format_of(NAME, format)
    if np.dtype(dtype).char not in "fd":
        raise ValueError(f"{NAME}: dtype is {shown(dtype)}, expected float32 or float64")
    if isinstance(maps, str):
        if maps not in LAYOUTS:
            raise ValueError(f"{NAME}: maps is {maps!r}, expected {listed(map(repr, LAYOUTS), 'or')}, or a list")
        if scales is not None or ratios is not None:
            raise ValueError(f"{NAME}: scales or ratios are given, expected none; {maps!r} has its own")
        found = LAYOUTS[maps]
    else:
        found = _layout(maps, scales, ratios)
    parts = [_of_map(found, k) for k in range(len(found.maps))]
    boxes = np.concatenate([np.zeros((0, 4)), *parts])
    if clip:
        boxes = reading.centers(np.clip(reading.corners(boxes, "cxcywh"), 0.0, 1.0), "xyxy")
    return (reading.corners(boxes, "cxcywh") if format == "xyxy" else boxes).astype(dtype)


def _layout(maps: Any, scales: Any, ratios: Any) -> Layout:
    sizes = tuple(_cells(k, m) for k, m in enumerate(maps))
    sides = [reading.number(NAME, f"scales[{k}]", s, 0.0, above=True) for k, s in enumerate(scales or (0.2, 0.9))]
    if len(sides) == 2 and len(sizes) > 1:
        low, high = sides
        sides = [low + (high - low) * k / (len(sizes) - 1) for k in range(len(sizes))] + [1.0]
    if len(sides) != len(sizes) + 1:
        raise ValueError(f"{NAME}: scales has {len(sides)} numbers, expected {len(sizes) + 1}, one more than there are "
                         "maps, or 2")  # fmt: skip
    each: Any = (2.0, 3.0) if ratios is None else ratios
    if not any(isinstance(r, (list, tuple, np.ndarray)) for r in each):
        each = [each] * len(sizes)
    if len(each) != len(sizes):
        raise ValueError(f"{NAME}: ratios has {len(each)} lists, expected {len(sizes)}, one for each map")
    checked = tuple(tuple(reading.number(NAME, f"ratios[{k}][{i}]", a, 0.0, above=True) for i, a in enumerate(row))
                    for k, row in enumerate(each))  # fmt: skip
    return Layout(sizes, tuple(sides), checked)


def _cells(k: int, cells: Any) -> tuple[int, int]:
    pair = cells if isinstance(cells, (tuple, list)) else (cells, cells)
    if len(pair) != 2:
        raise ValueError(f"{NAME}: maps[{k}] is {shown(cells)}, expected cells in a row, or (rows, columns)")
    rows, columns = (reading.whole(NAME, f"maps[{k}]", n, 1) for n in pair)
    return rows, columns


def _of_map(found: Layout, k: int) -> NDArray[Any]:
    """The boxes of one feature map, as centers and sizes."""
    cells = found.maps[k]
    rows, columns = cells if isinstance(cells, tuple) else (cells, cells)
    down, across = (rows, columns) if found.steps is None else (found.steps[k], found.steps[k])
    side, next_side = list(pairwise(found.scales))[k]
    mean = sqrt(side * next_side)
    shapes = [(side, side), (mean, mean)]
    for ratio in found.ratios[k]:
        root = sqrt(ratio)
        shapes += [(side * root, side / root), (side / root, side * root)]
    made = np.empty((rows, columns, len(shapes), 4))
    made[..., 0] = ((np.arange(columns) + 0.5) / across)[None, :, None]
    made[..., 1] = ((np.arange(rows) + 0.5) / down)[:, None, None]
    made[..., 2:] = shapes
    return made.reshape(-1, 4)
