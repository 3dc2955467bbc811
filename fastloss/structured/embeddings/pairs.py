"""Losses of vectors side by side: an anchor with a positive and a negative; two that belong together or do not."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import shapes
from ...define.keywords import GRAD
from .. import reading
from ..compiled import run
from ..samples import Samples
from ..verbs import HostLoss
from . import formulas, templates
from .base import distance_of, vectors_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.keywords import Call


class TripletMargin(HostLoss):
    """Triplet loss: an anchor is to be nearer to its positive than to its negative, by a margin.

    max(0, d(anchor, positive) - d(anchor, negative) + margin), averaged over the triplets.

    anchor, positive, negative : arrays of shape (..., features)
        Of one shape; each triplet is a sample.
    margin : float of at least 0
    distance : {"euclidean", "squared_euclidean", "cosine"}
        The length of the difference; its square, as FaceNet has it; or 1 minus the cosine of the angle. For torch's
        ``triplet_margin_with_distance_loss`` with these functions.
    swap : bool
        Whether the negative's distance is the smaller one of those to the anchor and to the positive.
    weight : array, optional
        Weight of each triplet, at least 0; broadcast to (...). One of weight 0 is absent, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number of triplets, active or not.
    normalizer, empty, backend, check
        As for all losses.
    out : triple of arrays, optional
        Where the gradients go; each may be the input itself. For "none" and the call, one array of shape (...).

    On the margin the gradient is 0, and so is that of a distance of 0. torch adds 1e-6 to each coordinate of a
    difference, so that its distance of a vector from itself is not 0, and a gradient moves equal vectors apart in the
    direction of all ones; here nothing is added. Distances of numbers of any size are exact, also where their squares
    are beyond the type. The cosine with a vector of zeros is 0, as is the gradient there. NaN gives NaN. There is no
    second derivative. Arrays on a GPU are refused.
    V. Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural networks"
    (BMVC 2016) has the swap; F. Schroff et al., "FaceNet" (CVPR 2015).

    >>> import fastloss as fl
    >>> fl.triplet_margin.value_and_grad([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 5.5]])
    (np.float64(0.5), (array([[-0.6,  0.2]]), array([[0.6, 0.8]]), array([[ 0., -1.]])))
    """

    name = "triplet_margin"
    inputs = ("anchor", "positive", "negative")
    wrt = (0, 1, 2)
    separate = True

    def _run(
        self,
        call: Call,
        anchor: Any,
        positive: Any,
        negative: Any,
        *,
        margin: float = 1.0,
        distance: str = "euclidean",
        swap: bool = False,
    ) -> Any:
        numbers = (
            reading.number(self.name, "margin", margin, 0.0),
            float(distance_of(self.name, distance)),
            float(reading.switch(self.name, "swap", swap)),
        )
        vectors = vectors_of(self.name, self.inputs, (anchor, positive, negative))
        return _evaluate(self, call, vectors, None, numbers)


class _Labelled(HostLoss):
    """A loss of two vectors and a label."""

    inputs = ("first", "second", "target")
    wrt = (0, 1)
    separate = True
    labels: tuple[float, float]

    def _given(self, call: Call, arrays: tuple[Any, Any], target: Any, numbers: tuple[float, ...]) -> Any:
        vectors = vectors_of(self.name, self.inputs[:2], arrays)
        found = reading.array(self.name, "target", target)
        batch = vectors[self.inputs[0]].shape[:-1]
        frame = np.broadcast_to(np.zeros(()), batch)
        if shapes.common_shape(self.name, (f"the batch of {self.inputs[0]}", "target"), (frame, found)) != batch:
            raise ValueError(f"{self.name}: target has shape {found.shape}, expected {batch}, a label for each pair")
        return _evaluate(self, call, vectors, found, numbers)

    def _check(self, target: NDArray[Any], present: Any) -> None:
        """Raise for the first label that is none; NaN makes the value NaN."""
        low, high = self.labels
        bad = ~((target == low) | (target == high) | (target != target)) & present
        if bad.any():
            where = np.unravel_index(int(bad.argmax()), bad.shape)
            got = np.broadcast_to(target, bad.shape)[where]
            raise ValueError(f"{self.name}: target{shapes.place(where)} is {got}, expected {low:g} or {high:g}")


class CosineEmbedding(_Labelled):
    """Cosine distance of what belongs together, and how much the cosine of the rest exceeds a margin.

    1 - cos(first, second) where the label is 1, max(0, cos(first, second) - margin) where it is -1, as in torch's
    ``cosine_embedding_loss``.

    first, second : arrays of shape (..., features)
        Of one shape; each pair is a sample.
    target : array of shape (...)
        Labels, -1 or 1. (torch takes any other number for a loss of 0.)
    margin : float from -1 to 1
    weight : array, optional
        Weight of each pair, at least 0; broadcast to (...). One of weight 0 is absent, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number of pairs.
    normalizer, empty, backend
        As for all losses.
    check : bool, optional
        Whether labels and weights are looked at.
    out : pair of arrays, optional
        Where the gradients go; each may be the input itself. For "none" and the call, one array of shape (...).

    The cosine with a vector of zeros is 0, as is the gradient there; torch adds 1.2e-38 or so to the squares of both
    lengths. Vectors may be of any length, and near directions keep their digits. On the margin the gradient is 0. There
    is no second derivative. Arrays on a GPU are refused.

    >>> import fastloss as fl
    >>> fl.cosine_embedding.value_and_grad([[2.0, 0.0]], [[0.0, 3.0]], [1])
    (np.float64(1.0), (array([[ 0. , -0.5]]), array([[-0.33333333,  0.        ]])))
    """

    name = "cosine_embedding"
    labels = (-1.0, 1.0)
    formula = staticmethod(formulas.cosine_embedding)

    def _run(self, call: Call, first: Any, second: Any, target: Any, *, margin: float = 0.0) -> Any:
        numbers = (reading.number(self.name, "margin", margin, -1.0, 1.0), 2.0)
        return self._given(call, (first, second), target, numbers)


class ContrastiveEmbedding(_Labelled):
    """Contrastive loss of two embeddings: drawn to each other if they belong together, or else pushed to a margin.

    (target d^2 + (1 - target) max(0, margin - d)^2) / 2, with d the distance of the two.

    first, second : arrays of shape (..., features)
        Of one shape; each pair is a sample.
    target : array of shape (...)
        1 for pairs that belong together, and 0 (the paper has it the other way round).
    margin : float of at least 0
    distance : {"euclidean", "squared_euclidean", "cosine"}
        See `triplet_margin`.
    weight : array, optional
        Weight of each pair, at least 0; broadcast to (...). One of weight 0 is absent, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number of pairs.
    normalizer, empty, backend
        As for all losses.
    check : bool, optional
        Whether labels and weights are looked at.
    out : pair of arrays, optional
        Where the gradients go; each may be the input itself. For "none" and the call, one array of shape (...).

    The gradient of a distance of 0 is 0: equal vectors that do not belong together stay. Of distances that you have,
    see `contrastive`. There is no second derivative. Arrays on a GPU are refused. R. Hadsell, S. Chopra and Y. LeCun,
    "Dimensionality Reduction by Learning an Invariant Mapping" (CVPR 2006).

    >>> import fastloss as fl
    >>> fl.contrastive_embedding.value_and_grad([[0.0, 0.0]], [[0.3, 0.4]], [0])
    (np.float64(0.125), (array([[0.3, 0.4]]), array([[-0.3, -0.4]])))
    """

    name = "contrastive_embedding"
    labels = (0.0, 1.0)
    formula = staticmethod(formulas.contrastive_embedding)

    def _run(
        self, call: Call, first: Any, second: Any, target: Any, *, margin: float = 1.0, distance: str = "euclidean"
    ) -> Any:
        numbers = (reading.number(self.name, "margin", margin, 0.0), float(distance_of(self.name, distance)))
        return self._given(call, (first, second), target, numbers)


def _evaluate(
    loss: Any, call: Call, vectors: dict[str, NDArray[Any]], target: NDArray[Any] | None, numbers: tuple[float, ...]
) -> Any:
    """What the verb returns. `numbers` are the margin, the distance, and what the template takes besides."""
    shape = next(iter(vectors.values())).shape
    given = Samples(loss, vectors, {"target": target}, shape[:-1], call.weight)
    if call.check is not False:
        given.refuse_weights(call)
        if target is not None:
            loss._check(target, given.present)
    to = given.given(call)
    divisor = given.divisor(call)
    nothing = given.nothing(call, divisor)
    size = (given.count, shape[-1])
    arrays: list[NDArray[Any]] = [reading.dense(x, given.kind).reshape(size) for x in vectors.values()]
    arrays.append(given.weights)
    if target is not None:
        arrays.append(np.ascontiguousarray(np.broadcast_to(target, shape[:-1]), np.float64).reshape(-1))
    each = np.empty(size[0])
    grads = given.room(to) if call.want & GRAD else []
    template, formula = (templates.triplets, formulas.triplet) if target is None else (templates.pairs, loss.formula)
    run(template, arrays, [each, *(x.reshape(size) for x in grads)],
        (numbers[0], 1.0 / (divisor or inf), *numbers[1:]), compute="d", size=3 * given.count * shape[-1],
        backend=call.backend, formulas=(("loss", formula),), flags=("GRAD",) if grads else ())  # fmt: skip
    return given.results(call, lambda: float(np.add.reduce(each)) / divisor if divisor else nothing, each, grads, to)


triplet_margin = TripletMargin()
"""The loss of triplets; see `TripletMargin`."""
cosine_embedding = CosineEmbedding()
"""The loss of pairs by their cosine; see `CosineEmbedding`."""
contrastive_embedding = ContrastiveEmbedding()
"""The loss of pairs by their distance; see `ContrastiveEmbedding`."""
