"""Contrastive losses of a whole batch: each vector is compared with all others, whose scores are logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...registry import LOSSES
from .. import reading
from ..samples import Samples
from ..verbs import HostLoss
from .base import batch_of, classes_of
from .scores import Vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.keywords import Call


class BatchLoss(HostLoss):
    """A loss of a batch of vectors by the scores of all pairs."""

    def _evaluate(
        self, call: Call, arrays: tuple[Any, ...], labels: Any, normalize: Any, temperature: Any, *more: Any
    ) -> Any:
        """What the verb returns."""
        name = self.name
        temperature = reading.number(name, "temperature", temperature, 0.0, above=True)
        normalize = reading.switch(name, "normalize", normalize)
        inputs = batch_of(name, self.inputs[: len(arrays)], arrays)
        count = len(next(iter(inputs.values())))
        classes = None if labels is None else classes_of(name, labels, count)
        given = Samples(self, inputs, {"labels": classes}, (count,), call.weight)
        if call.check is not False:
            given.refuse_weights(call)
        to = given.given(call)
        here = present(given)
        if classes is not None:
            classes = classes[here]
            given.only(here, self._anchors(classes))
        divisor = given.divisor(call)
        nothing = given.nothing(call, divisor)
        batch = Vectors(given, here, normalize, call.backend)
        each, grads, share = self._scored(call, batch, temperature, classes, *more)
        return batch.results(call, divisor, nothing, each, grads, to, share)

    def _anchors(self, classes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which samples lose anything, by the labels of those that are present."""
        return siblings(classes) > 0

    def _scored(self, call: Call, batch: Vectors, temperature: float, classes: Any, *more: Any) -> Any:
        """Each sample's weighted loss, and the gradients of their sum by the vectors; how many times too large."""
        raise NotImplementedError


def present(given: Samples) -> NDArray[np.intp] | slice:
    """Which samples are."""
    here = given.present
    return slice(None) if here is True or here.all() else np.flatnonzero(here)


def siblings(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many others have a sample's label."""
    _, which, counts = np.unique(classes, return_inverse=True, return_counts=True)
    return counts[which.reshape(-1)] - 1


class Softmax:
    """Cross-entropy of blocks of scores, in place."""

    def __init__(
        self, target: Any, weight: NDArray[Any] | None, backend: str | None, derive: bool, itself: bool
    ) -> None:
        """`target` gives that of some rows; with `itself`, no row is compared with its own vector."""
        self.target, self.weight, self.backend, self.derive, self.itself = target, weight, backend, derive, itself

    def __call__(self, part: slice, scores: NDArray[Any]) -> NDArray[Any]:
        """Each row's loss."""
        if self.itself:
            rows = np.arange(part.start, part.stop)
            scores[rows - part.start, rows] = -np.inf
        verb: Any = LOSSES["cross_entropy"]
        weight = None if self.weight is None else self.weight[part].astype(scores.dtype)
        keywords = {"weight": weight, "reduction": "none", "backend": self.backend, "check": False}
        if not self.derive:
            return verb(scores, self.target(part), **keywords)  # type: ignore[no-any-return]
        return verb.value_and_grad(scores, self.target(part), out=scores, **keywords)[0]  # type: ignore[no-any-return]


class InfoNCE(BatchLoss):
    """InfoNCE: each query's own key among all keys of the batch, by a softmax of their scores.

    The mean of -log(exp(s_ii) / sum over j of exp(s_ij)), with s_ij = cos(query_i, key_j) / temperature; with
    ``symmetric=True`` the mean of that and of the same with queries and keys exchanged, CLIP's loss.

    query, key : arrays of shape (samples, features)
        Row k of the one belongs to row k of the other.
    temperature : float greater than 0
    symmetric : bool
    normalize : bool
        Whether vectors are brought to the length of 1. Without it scores are inner products.
    weight : array of shape (samples,), optional
        Weight of each pair's loss, at least 0. A pair of weight 0 is absent: it is no other query's negative, either.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number of pairs.
    normalizer, empty, backend, check
        As for all losses.
    out : pair of arrays, optional
        Where the gradients go; each may be the input itself. For "none" and the call, one array of shape (samples,).

    The table of scores is never held: memory grows with the number of samples. The products are NumPy's, so their last
    bits may depend on BLAS and its threads. A vector of zeros has a cosine of 0 with everything. Without `normalize`
    the products must be numbers of the type. NaN gives NaN. There is no second derivative. Arrays on a GPU are refused.
    A. van den Oord, Y. Li and O. Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018).

    >>> import fastloss as fl
    >>> fl.info_nce([[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [0.0, 1.0]], temperature=1.0).round(6)
    np.float64(0.313262)
    """

    name = "info_nce"
    inputs = ("query", "key")
    wrt = (0, 1)

    def _run(
        self,
        call: Call,
        query: Any,
        key: Any,
        *,
        temperature: float = 0.07,
        symmetric: bool = False,
        normalize: bool = True,
    ) -> Any:
        both = reading.switch(self.name, "symmetric", symmetric)
        return self._evaluate(call, (query, key), None, normalize, temperature, both)

    def _scored(self, call: Call, batch: Vectors, temperature: float, classes: Any, *more: Any) -> Any:
        a, b = batch.vectors
        (both,) = more
        own, derive = np.arange(batch.count), batch.derives(call)
        rows = Softmax(lambda part: own[part], batch.weight, batch.backend, derive, False)
        if both:
            return *batch.both(a, b, temperature, rows, derive), 2.0
        return *batch.walk(a, b, temperature, rows, derive), 1.0


class NTXent(BatchLoss):
    """NT-Xent, SimCLR's loss: two views of each sample, each the other's positive, all other views negatives.

    The mean over both views i of all samples, with j the sample's other view, of -log(exp(s_ij) / sum over k other than
    i of exp(s_ik)), with s_ij = cos(z_i, z_j) / temperature: the positive is in the sum, as in the paper.

    first, second : arrays of shape (samples, features)
        A view of each sample.
    temperature : float greater than 0
    normalize : bool
        Whether vectors are brought to the length of 1. Without it scores are inner products.
    weight : array of shape (samples,), optional
        Weight of each sample's loss, the mean of its views', at least 0. A sample of weight 0 is absent: it is no other
        sample's negative, either.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number of samples.
    normalizer, empty, backend, check
        As for all losses.
    out : pair of arrays, optional
        Where the gradients go; each may be the input itself. For "none" and the call, one array of shape (samples,).

    The table of scores is never held: memory grows with the number of samples. For all else see `info_nce`. A single
    sample has no negatives, and loses nothing. T. Chen et al., "A Simple Framework for Contrastive Learning of Visual
    Representations" (ICML 2020).

    >>> import fastloss as fl
    >>> fl.nt_xent([[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [0.0, 1.0]], temperature=1.0).round(6)
    np.float64(0.551445)
    """

    name = "nt_xent"
    inputs = ("first", "second")
    wrt = (0, 1)

    def _run(self, call: Call, first: Any, second: Any, *, temperature: float = 0.5, normalize: bool = True) -> Any:
        return self._evaluate(call, (first, second), None, normalize, temperature)

    def _scored(self, call: Call, batch: Vectors, temperature: float, classes: Any, *more: Any) -> Any:
        n, z = batch.count, np.concatenate(batch.vectors)
        other, derive = np.roll(np.arange(2 * n), -n), batch.derives(call)
        weight = None if batch.weight is None else np.tile(batch.weight, 2)
        rows = Softmax(lambda part: other[part], weight, batch.backend, derive, True)
        each, grads = batch.walk(z, z, temperature, rows, derive)
        if derive:
            grads[0] += grads[1]
            grads = [grads[0][:n], grads[0][n:]]
        return each[:n] + each[n:], grads, 2.0


info_nce = InfoNCE()
"""A query's own key among all keys; see `InfoNCE`."""
nt_xent = NTXent()
"""The loss of two views of each sample; see `NTXent`."""
