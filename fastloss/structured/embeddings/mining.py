"""The triplet loss of a batch: triplets are mined of its labels, a block of anchors at a time."""

from __future__ import annotations

from math import frexp, isfinite, ldexp
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays.host.weights import times
from ...define.keywords import GRAD, VALUE
from ...define.wording import wrong_choice
from .. import reading
from ..compiled import run
from ..samples import Samples
from ..verbs import HostLoss
from . import mining_templates, templates
from .base import batch_of, classes_of, distance_of
from .batches import present
from .scores import among

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.keywords import Call

WAYS = ("all", "hard", "semihard")
"""By their place, as the template knows them."""

COUNTS = ("valid", "active")

BLOCK = 1 << 18
"""Distances that are held at once, and four other tables of their size: 10 MiB."""

LEAST = 16
"""Rows that a block has at least."""

SMALLEST = 5e-324
"""A caller's denominator that the unit of the weights brings to 0: it is small, and not that of nothing."""


class BatchTripletMargin(HostLoss):
    """Triplet loss of a batch, whose triplets are mined of the labels.

    The mean of max(0, d(a, p) - d(a, n) + margin) over triplets of an anchor a, a positive p, another sample of its
    label, and a negative n, one of another label.

    embeddings : array of shape (samples, features)
    labels : integer array of shape (samples,)
        Any whole numbers.
    mining : {"all", "hard", "semihard"}
        All triplets; for each anchor the farthest positive with the nearest negative; or for each anchor and positive
        the nearest negative that is farther than the positive, none where there is none. Of equals the first is taken.
    count : {"valid", "active"}
        Whether "mean" divides by the number of triplets that are mined, or by that of those whose loss is not 0; then
        the mean is 0 where there are triplets and none is active.
    margin, distance
        See `triplet_margin`.
    weight : array of shape (samples,), optional
        Weight of each anchor's triplets, at least 0. A sample of weight 0 is absent: it is nobody's positive or
        negative, either.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the number of triplets, each with its anchor's weight; "none" gives each anchor's sum.
    normalizer, empty, backend, check
        As for all losses; where there is no triplet (one class, or no two of any), there is nothing to average.
    out : array, optional
        Where the gradient goes, the embeddings themselves perhaps. For "none" and the call, one of shape (samples,).

    The choice of triplets is constant in the gradient. All distances are computed in float64, and as differences, so
    that they neither cancel nor overflow, a block of rows at a time: memory grows with the number of samples, and time
    with its square (times its logarithm), also where all triplets count. On the margin the gradient is 0, and so is
    that of a distance of 0. One NaN makes everything NaN. There is no second derivative. Arrays on a GPU are refused.
    A. Hermans, L. Beyer and B. Leibe, "In Defense of the Triplet Loss for Person Re-Identification" (2017) has the
    first two, of count "valid" and "active" their L_BA and L_BA≠0; F. Schroff et al., "FaceNet" (CVPR 2015) the third.
    (TensorFlow's ``TripletSemiHardLoss`` takes the farthest negative where none is farther than the positive, and
    divides by the number of pairs.)

    >>> import fastloss as fl
    >>> x = [[0.0, 0.0], [0.0, 2.0], [1.0, 0.0]]
    >>> fl.batch_triplet_margin.value_and_grad(x, [5, 5, 8], mining="hard", margin=0.0)
    (np.float64(0.5), array([[ 0.5, -0.5],
           [ 0. ,  0.5],
           [-0.5,  0. ]]))
    """

    name = "batch_triplet_margin"
    inputs = ("embeddings", "labels")

    def _run(
        self,
        call: Call,
        embeddings: Any,
        labels: Any,
        *,
        mining: str = "all",
        margin: float = 1.0,
        distance: str = "euclidean",
        count: str = "valid",
    ) -> Any:
        for keyword, value, choices in (("mining", mining, WAYS), ("count", count, COUNTS)):
            if value not in choices:
                raise wrong_choice(self.name, keyword, value, choices)
        numbers = reading.number(self.name, "margin", margin, 0.0), distance_of(self.name, distance)
        return self._evaluate(call, embeddings, labels, WAYS.index(mining), count, *numbers)

    def _evaluate(
        self, call: Call, embeddings: Any, labels: Any, way: int, count: str, margin: float, metric: int
    ) -> Any:
        """What the verb returns."""
        inputs = batch_of(self.name, self.inputs[:1], (embeddings,))
        size = len(inputs["embeddings"])
        classes = classes_of(self.name, labels, size)
        given = Samples(self, inputs, {"labels": classes}, (size,), call.weight)
        if call.check is not False:
            given.refuse_weights(call)
        to = given.given(call)
        batch = _Batch(given, classes, call)
        counts, grad = batch.mined(way, margin, metric)
        divisor = batch.divisor(call, counts, count)
        nothing = given.nothing(call, divisor)
        total = float(counts[:, 0].sum())
        grads = [batch.back(grad, 1.0 / divisor if divisor else 0.0)] if call.want & GRAD else []
        each = among(given, batch.here, counts[:, 0]) if call.want & VALUE else None
        return given.results(call, lambda: total / divisor if divisor else nothing, each, grads, to)


class _Batch:
    """The samples that are present, as points in float64."""

    def __init__(self, given: Samples, classes: NDArray[np.int64], call: Call) -> None:
        self.given, self.call, self.here = given, call, present(given)
        self.classes, self.weight = classes[self.here], given.weights[self.here]
        top = float(self.weight.max(initial=0.0))
        # The sums of a mean's weights have room for any number of them.
        self.power = frexp(top)[1] if call.reduction == "mean" and isfinite(top) else 0
        self.weight = np.ldexp(self.weight, -self.power)
        self.points = reading.dense(given.inputs["embeddings"][self.here], np.float64)
        self.angular = False

    def _run(self, template: Any, inputs: Any, outputs: Any, *numbers: float) -> None:
        size = len(self.points) * self.points.size
        run(template, inputs, outputs, numbers, compute="d", size=size, backend=self.call.backend)

    def mined(self, way: int, margin: float, metric: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Each anchor's weighted loss and its numbers of triplets, valid and active; the gradient by the points."""
        count, unit, lacks = len(self.points), 1.0, np.zeros(len(self.points))
        self.angular = metric == 2
        if self.angular:
            self.inverse, units = np.empty(count), np.empty_like(self.points)
            self._run(templates.units, [self.points], [self.inverse, units])
            self.points, lacks = units, np.where(self.inverse == 0.0, 0.5, 0.0)
        else:
            unit = self._scaled()
        counts, grad = np.zeros((count, 3)), np.zeros_like(self.points)
        step = min(max(LEAST, BLOCK // max(1, count)), count)
        kinds = (np.float64, np.float64, np.int64, np.int64, np.float64)
        rooms = [np.empty((step, count), kind) for kind in kinds]
        for low in range(0, count, max(1, step)):
            some = slice(low, min(count, low + step))
            table, *rest = (x[: some.stop - low] for x in rooms)
            self._run(mining_templates.distances, [self.points, lacks], [table], low, metric, unit)
            self._run(mining_templates.mined, [table, self.classes, self.weight], [counts[some], *rest],
                      low, way, metric, margin, unit)  # fmt: skip
            if self.call.want & GRAD:
                self._run(mining_templates.moved, [self.points, rest[0]], [grad], low)
        return counts, grad

    def _scaled(self) -> float:
        """Divide the points by a power of two, so that no square of a float64 is beyond it."""
        top = float(np.abs(self.points).max(initial=0.0))
        if self.given.kind != np.float64 or not isfinite(top) or 1e-100 < top < 1e100 or not top:
            return 1.0
        power = frexp(top)[1] - 1
        self.points = np.ldexp(self.points, -power)
        return ldexp(1.0, power)

    def divisor(self, call: Call, counts: NDArray[Any], count: str) -> float:
        """What the sum is divided by."""
        if call.reduction != "mean":
            return 1.0
        if call.normalizer is not None:
            return times(float(call.normalizer), -self.power) or SMALLEST
        valid, active = float(counts[:, 1].sum()), float(counts[:, 2].sum())
        return active or valid if count == "active" else valid

    def back(self, grad: NDArray[Any], scale: float) -> NDArray[Any]:
        """The gradient by the embeddings."""
        if self.angular:
            self._run(templates.projected, [self.points, self.inverse], [grad], scale)
        else:
            grad *= scale
        return among(self.given, self.here, grad)


batch_triplet_margin = BatchTripletMargin()
"""The triplet loss of a batch; see `BatchTripletMargin`."""
