"""How little two sets overlap, of which each element's share is a probability: masks of images, or labels of a batch.

A row is one set: the pixels of one image and class. The mean over rows is that of their losses, not the loss of all
their pixels together.
"""

from __future__ import annotations

from ..domain import NON_NEGATIVE, UNIT
from ..rowloss import rowwise
from .softmax import Ends, Row, Slope


@rowwise(
    targets="none", smooth=False, pred=UNIT, target=UNIT, alpha=NON_NEGATIVE, beta=NON_NEGATIVE, smoothing=NON_NEGATIVE
)
class tversky:
    """Overlap of a predicted mask with the true one: Dice's loss, Jaccard's, or with a price of its own for a miss.

    1 - (I + s) / (I + alpha FP + beta FN + s) for I = sum(pred target), FP = sum(pred (1 - target)),
    FN = sum((1 - pred) target) and s = `smoothing`, of probabilities; a row holds the pixels of one image and class
    (Salehi et al., 2017). The defaults are optax's Dice loss, of logits there; with smoothing = 0 it is
    1 - 2 I / (sum(pred) + sum(target)), to which Keras and kornia add an epsilon, and two empty masks lose nothing.
    alpha = beta = 1 is the Jaccard loss, 1 - IoU. The target may be soft. The second derivative is the diagonal of the
    Hessian.

    >>> import fastloss as fl
    >>> fl.tversky.value_and_grad([[0.5, 0.5]], [[1.0, 0.0]], alpha=1.0, beta=1.0)
    (np.float64(0.4), array([[-0.4 ,  0.24]]))
    """

    def fold(p: float, q: float, t: float, alpha: float = 0.5, beta: float = 0.5, smoothing: float = 1.0) -> Row:
        return (p * q, p * (1.0 - q), (1.0 - p) * q), (q,)

    def finish(both: float, more: float, less: float, alpha: float, beta: float, smoothing: float) -> Ends:
        right = both + smoothing
        wrong = alpha * more + beta * less
        whole = right + wrong
        inverse = 1.0 / (1.0 if whole == 0.0 else whole)
        return wrong * inverse, (right * inverse * inverse, wrong * inverse * inverse, inverse)

    def grad(
        q: float, t: float, rise: float, fall: float, inverse: float, alpha: float, beta: float, smoothing: float
    ) -> Slope:
        # What is right, and what is wrong, are linear in the element.
        push = alpha * (1.0 - q) - beta * q
        d1 = push * rise - q * fall
        return d1, -2.0 * (push + q) * inverse * d1
