"""Losses of a whole batch by its labels: of those of a label, each is every other's positive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import reading
from ..compiled import run
from . import formulas, templates
from .batches import BatchLoss, Softmax, siblings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.keywords import Call
    from .scores import Vectors


class SupervisedContrastive(BatchLoss):
    """Supervised contrastive loss: all samples of a label are each other's positives.

    The mean over anchors i of the mean over their positives p of -log(exp(s_ip) / sum over a other than i of
    exp(s_ia)), with s_ia = cos(z_i, z_a) / temperature: the paper's L_out, in which the mean is outside the logarithm.

    embeddings : array of shape (samples, features)
        Of several views of a sample, each is a row, with the sample's label.
    labels : integer array of shape (samples,)
        Any whole numbers.
    temperature : float greater than 0
    normalize : bool
        Whether vectors are brought to the length of 1. Without it scores are inner products.
    weight : array of shape (samples,), optional
        Weight of each anchor's loss, at least 0. A sample of weight 0 is absent: it is nobody's positive or negative,
        either.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number, of the anchors that have a positive.
    normalizer, empty, backend, check
        As for all losses; where no label occurs twice, there is nothing to average.
    out : array, optional
        Where the gradient goes, the embeddings themselves perhaps. For "none" and the call, one of shape (samples,).

    A sample whose label occurs once is no anchor (its loss is 0), and everybody's negative; with the authors' code, the
    whole loss would be NaN. The table of scores is never held: memory grows with the number of samples. For all else
    see `info_nce`. P. Khosla et al., "Supervised Contrastive Learning" (NeurIPS 2020).

    >>> import fastloss as fl
    >>> x = [[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]
    >>> fl.supervised_contrastive(x, [7, 7, 9], temperature=1.0).round(6)
    np.float64(0.313262)
    """

    name = "supervised_contrastive"
    inputs = ("embeddings", "labels")

    def _run(
        self, call: Call, embeddings: Any, labels: Any, *, temperature: float = 0.1, normalize: bool = True
    ) -> Any:
        return self._evaluate(call, (embeddings,), labels, normalize, temperature)

    def _scored(self, call: Call, batch: Vectors, temperature: float, classes: Any, *more: Any) -> Any:
        (z,) = batch.vectors
        share = (1.0 / np.maximum(siblings(classes), 1)).astype(z.dtype)

        def target(part: slice) -> NDArray[Any]:
            masses = np.where(classes[part, None] == classes, share[part, None], z.dtype.type(0))
            rows = np.arange(part.start, part.stop)
            masses[rows - part.start, rows] = 0
            return masses

        derive = batch.derives(call)
        rows = Softmax(target, batch.weight, batch.backend, derive, True)
        each, grads = batch.walk(z, z, temperature, rows, derive)
        return each, [grads[0] + grads[1]] if derive else [], 1.0


class Circle(BatchLoss):
    """Circle loss: the similarities that are farthest from where they should be pull the most.

    The mean over anchors of log(1 + sum over negatives of exp(gamma a_n (s_n - margin)) times sum over positives of
    exp(-gamma a_p (s_p - 1 + margin))), with s the cosines, and with the factors a_n = max(0, s_n + margin) and
    a_p = max(0, 1 + margin - s_p), which are constants in the gradient, as the paper has them.

    embeddings : array of shape (samples, features)
    labels : integer array of shape (samples,)
        Any whole numbers. All others of a sample's label are its positives, the rest its negatives.
    margin : float from 0 to 1
    gamma : float greater than 0
    weight : array of shape (samples,), optional
        Weight of each anchor's loss, at least 0. A sample of weight 0 is absent: it is nobody's positive or negative,
        either.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number, of the anchors that have a positive and a negative.
        The loss of all others is 0.
    normalizer, empty, backend, check
        As for all losses; where there is no such anchor (one class, or no two of any), there is nothing to average.
    out : array, optional
        Where the gradient goes, the embeddings themselves perhaps. For "none" and the call, one of shape (samples,).

    The table of cosines is never held: memory grows with the number of samples. For all else see `info_nce`. Y. Sun et
    al., "Circle Loss: A Unified Perspective of Pair Similarity Optimization" (CVPR 2020), of one anchor at a time, as
    equation 1; their published code sums over the pairs of all anchors at once.

    >>> import fastloss as fl
    >>> fl.circle([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]], [7, 7, 9], gamma=2.0).round(6)
    np.float64(0.575939)
    """

    name = "circle"
    inputs = ("embeddings", "labels")

    def _run(self, call: Call, embeddings: Any, labels: Any, *, margin: float = 0.25, gamma: float = 256.0) -> Any:
        numbers = (
            reading.number(self.name, "margin", margin, 0.0, 1.0),
            reading.number(self.name, "gamma", gamma, 0.0, above=True),
        )
        return self._evaluate(call, (embeddings,), labels, True, 1.0, *numbers)

    def _anchors(self, classes: NDArray[np.int64]) -> NDArray[np.bool_]:
        others = siblings(classes)
        return (others > 0) & (others < len(classes) - 1)

    def _scored(self, call: Call, batch: Vectors, temperature: float, classes: Any, *more: Any) -> Any:
        (z,) = batch.vectors
        derive, kind = batch.derives(call), z.dtype
        weight = np.ones(batch.count) if batch.weight is None else batch.weight

        def rows(part: slice, scores: NDArray[Any]) -> NDArray[Any]:
            each = np.empty(len(scores))
            run(templates.circles, [classes, weight[part]], [each, scores], (part.start, *more),
                compute=kind.char, size=scores.size, backend=batch.backend, formulas=(
                    ("draw", formulas.circle_positive), ("push", formulas.circle_negative),
                    ("exponential", formulas.exponential)), flags=("GRAD",) if derive else ())  # fmt: skip
            return each

        each, grads = batch.walk(z, z, temperature, rows, derive)
        return each, [grads[0] + grads[1]] if derive else [], 1.0


supervised_contrastive = SupervisedContrastive()
"""The loss of views by their labels; see `SupervisedContrastive`."""
circle = Circle()
"""The loss of similarities by how far off they are; see `Circle`."""
