"""MultiBox: what a detector of the SSD kind is trained with, from the matching of boxes to both gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays.host import memory as layout
from ..arrays.outputs import given_outputs
from ..arrays.verb import packed
from ..define.keywords import GRAD, VALUE, Call
from ..registry import LOSSES
from . import matching, reading
from .detections import Given, Numbers
from .verbs import HostLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .detections import Chosen


class MultiBoxParts(NamedTuple):
    """What `return_parts=True` adds: the two numbers, or arrays of one for each image, that the value is the sum of."""

    localization: Any
    """Smooth L1 of the matched priors' offsets, times alpha."""
    confidence: Any
    """Cross-entropy of the matched priors and of the hard negatives."""


class MultiBox(HostLoss):
    """MultiBox loss of a single-shot detector: localization of matched priors, confidence with hard negative mining.

    locations : array of shape (images, p, 4)
        Predicted offsets from each prior, in the units of `encode_boxes`.
    scores : array of shape (images, p, classes)
        Logits; class 0 is the background.
    boxes : list of arrays of shape (n_i, 4), one for each image
        The objects; n_i may be 0. Or, with `offsets`, one array of all images' objects.
    labels : list of integer arrays of shape (n_i,)
        Their classes, from 1 on. Or, with `offsets`, one array.
    priors : array of shape (p, 4)
        The default boxes, in the units of the objects' boxes.
    offsets : integer array of shape (images + 1,), optional
        Objects ``offsets[k]`` to ``offsets[k + 1]`` of flat arrays are those of image k.
    threshold : float in [0, 1]
        The overlap from which a prior is matched; see `match_boxes`.
    negative_ratio : float of at least 0
        So many times an image's matched priors are taken of its other priors: those of the largest loss as background,
        the first of equals. All of them where there are fewer.
    min_negatives : int
        So many at least are taken, also of an image without objects; by default 0.
    variances, format
        See `encode_boxes`; the format is that of boxes and priors.
    beta : float greater than 0
        Where smooth L1 changes from square to linear.
    alpha : float of at least 0
        The weight of the localization.
    weight : array of shape (images,), optional
        A weight for each image, at least 0; an image of weight 0 is absent, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the matched priors of all images (weighted), and by 1 where there are none; "none" gives each
        image's sum.
    normalizer : float, optional
        Your own denominator of the mean.
    out : pair of arrays, optional
        Where the gradients go; each may be the input itself. For "none" and the call, one array of shape (images,).
    return_parts : bool
        Whether to add a `MultiBoxParts`.

    (1 / N) (sum over matched priors of alpha smooth_l1(l - encoded box) + sum over matched priors and hard negatives of
    cross_entropy(s, class)), over all images. The choice of negatives is constant in the gradients, which are 0 for
    priors that are not chosen; a prior counts once, however few the negatives are. NaN in the locations of a matched
    prior, or in any scores of which negatives are taken, makes the value NaN. float32 and float64 are computed as they
    are, smaller floats in float32; the matching is in float64. Arrays on a GPU are refused.
    W. Liu et al., "SSD: Single Shot MultiBox Detector" (ECCV 2016).

    >>> import numpy as np
    >>> import fastloss as fl
    >>> priors = [[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]]
    >>> fl.multibox(np.zeros((1, 2, 4)), np.zeros((1, 2, 2)), [[[0.0, 0.0, 0.5, 0.5]]], [[1]], priors).round(6)
    np.float64(1.386294)
    """

    name = "multibox"
    inputs = ("locations", "scores", "boxes", "labels", "priors")
    keywords = ("weight", "reduction", "normalizer", "out", "backend")
    wrt = (0, 1)
    separate = True

    def _run(
        self,
        call: Call,
        locations: Any,
        scores: Any,
        boxes: Any,
        labels: Any,
        priors: Any,
        *,
        offsets: Any = None,
        threshold: float = 0.5,
        negative_ratio: float = 3.0,
        min_negatives: int = 0,
        variances: Any = matching.VARIANCES,
        beta: float = 1.0,
        alpha: float = 1.0,
        format: str = "xyxy",
        return_parts: bool = False,
    ) -> Any:
        name = self.name
        format = reading.format_of(name, format)
        numbers = Numbers(
            reading.number(name, "threshold", threshold, 0.0, 1.0),
            reading.number(name, "negative_ratio", negative_ratio, 0.0),
            reading.whole(name, "min_negatives", min_negatives, 0),
            *matching.variances_of(name, variances),
            reading.number(name, "beta", beta, 0.0, above=True),
            reading.number(name, "alpha", alpha, 0.0),
        )
        given = Given(self, locations, scores, boxes, labels, priors, offsets, format, call.weight)
        outputs = given_outputs(given, call, self.inputs[:2])
        to = None if outputs is None else [*outputs.value, *outputs.grad]
        chosen = given.chosen(numbers, call.backend)
        divisor = chosen.divisor(call)
        return packed(_results(given, chosen, numbers, call, divisor, to, return_parts))


def _results(
    given: Given, chosen: Chosen, numbers: Numbers, call: Call, divisor: float, to: list[NDArray[Any]] | None,
    parts: bool,
) -> list[Any]:  # fmt: skip
    """What the verb returns."""
    smooth, want = LOSSES["smooth_l1"], call.want
    here, marked = chosen.here, chosen.marked
    pred, target = given.locations[here].astype(given.kind), _targets(given, chosen, numbers)
    weight, images, found = chosen.weight, len(chosen.matched), []
    if want & VALUE or parts:
        each = smooth(pred, target, beta=numbers.beta, reduction="none").astype(np.float64).sum(axis=1)
        sums = [numbers.alpha * np.bincount(here[0], each, images) * weight,
                np.bincount(marked[0], chosen.losses[marked].astype(np.float64), images) * weight]  # fmt: skip
        value, *two = (_reduced(x, call.reduction, divisor, given.kind) for x in (sums[0] + sums[1], *sums))
    if want & VALUE:
        if to is not None and want == VALUE:
            to[0][...] = value
            value = to[0]
        found.append(value)
    if want & GRAD:
        scale = weight / divisor
        moves = (
            smooth.grad(pred, target, beta=numbers.beta, reduction="sum") * (numbers.alpha * scale[here[0]])[:, None]
        )
        slopes = LOSSES["cross_entropy"].grad(
            given.scores[marked].astype(given.kind), chosen.classes[marked], reduction="sum"
        ) * scale[marked[0]][:, None]  # fmt: skip
        found.append(_scattered(given, to, (here, marked), (moves, slopes)))
    return [*found, MultiBoxParts(*two)] if parts else found


def _targets(given: Given, chosen: Chosen, numbers: Numbers) -> NDArray[Any]:
    """What the matched priors are to predict."""
    here = chosen.here
    objects = given.boxes[given.offsets[here[0]] + chosen.matched[here]]
    one, two = (reading.centers(x, "xyxy") for x in (objects, given.priors[here[1]]))
    return matching.encoded(one, two, numbers.first, numbers.second).astype(given.kind)


def _reduced(sums: NDArray[Any], reduction: str, divisor: float, kind: Any) -> Any:
    return sums.astype(kind) if reduction == "none" else layout.number(kind, float(sums.sum()) / divisor)


def _scattered(given: Given, to: list[NDArray[Any]] | None, places: Any, slopes: Any) -> tuple[NDArray[Any], ...]:
    """Gradients that are 0 but in some places; everything that is in `to`, an input perhaps, has been read."""
    # Not NumPy's zeros, which gives no huge pages: writing to so many small ones takes twice as long as filling these.
    arrays = [np.empty(x.shape, x.dtype) for x in given.inputs.values()] if to is None else to
    for a, where, values in zip(arrays, places, slopes, strict=True):
        a[...] = 0
        a[where] = values
    return tuple(arrays)


multibox = MultiBox()
"""The loss of a single-shot detector; see `MultiBox`."""
