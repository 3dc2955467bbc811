"""Metric learning from distances, pulled to 0 if two things belong together, pushed beyond a margin if not."""

from __future__ import annotations

from ..decorators import pointwise
from ..define.domain import BINARY, NON_NEGATIVE, SWITCH
from .binary import labels, signed
from .special import Jet, difference

Pair = tuple[float, float]


@pointwise(target=labels, margin=NON_NEGATIVE, zero_one=SWITCH)
def hinge_embedding(pred: float, target: float, margin: float = 1.0, zero_one: float = False) -> Jet:
    """Distance where the label is 1, what it lacks to a margin where it is -1: of similar pairs, and dissimilar ones.

    pred for target 1, max(0, margin - pred) for target -1, as torch's ``hinge_embedding_loss`` and each pair of
    pytorch-metric-learning's ``ContrastiveLoss``. On the margin the gradient is 0. With
    ``zero_one=True`` the labels are 0 and 1.

    >>> import fastloss as fl
    >>> fl.hinge_embedding.value_and_grad([0.5, 0.25], [1.0, -1.0])
    (np.float64(0.625), array([ 0.5, -0.5]))
    """
    short = margin - pred
    near = 0.0 if short <= 0.0 else short
    push = 0.0 if short <= 0.0 else (-1.0 if short > 0.0 else short)
    together = signed(target, zero_one) > 0.0
    hold = 1.0 if pred == pred else pred
    nothing = 0.0 * target  # keeps its NaN
    return (pred if together else near) + nothing, (hold if together else push) + nothing, 0.0


@pointwise(pred=NON_NEGATIVE, target=BINARY, margin=NON_NEGATIVE)
def contrastive(pred: float, target: float, margin: float = 1.0) -> Jet:
    """Squared distance where the label is 1, the square of what it lacks to a margin where it is 0.

    (target pred^2 + (1 - target) max(0, margin - pred)^2) / 2 of a distance, by Hadsell, Chopra and LeCun (2006), whose
    labels are the other way round. On the margin the second derivative is 0.

    >>> import fastloss as fl
    >>> fl.contrastive.value_and_grad([0.5, 0.5], [1.0, 0.0])
    (np.float64(0.125), array([ 0.25, -0.25]))
    """
    short = margin - pred
    together = target > 0.5
    near = 0.0 if short <= 0.0 else short
    d = (pred if together else near) + 0.0 * target  # keeps its NaN
    return 0.5 * d * d, d if together else 0.0 - d, 1.0 if together or short > 0.0 else 0.0


@pointwise(wrt=("pred", "other"), target=labels, margin=NON_NEGATIVE, zero_one=SWITCH)
def margin_ranking(
    pred: float, other: float, target: float, margin: float = 0.0, zero_one: float = False
) -> tuple[float, Pair, Pair]:
    """What the score that should be the higher one lacks to a margin above the other.

    max(0, margin - target (pred - other)): pred should be the higher one where the label is 1, and `other` where it is
    -1, as in torch's ``margin_ranking_loss``, whose default margin is 0, too. Both are differentiated. On the margin
    the gradient is 0 (in torch that of the active side). With ``zero_one=True`` the labels are 0 and 1.

    >>> import fastloss as fl
    >>> fl.margin_ranking.value_and_grad([2.0, 1.0], [1.5, 3.0], [1.0, 1.0], margin=1.0)
    (np.float64(1.75), (array([-0.5, -0.5]), array([0.5, 0.5])))
    """
    t = signed(target, zero_one)
    gap, lost = difference(pred, other)  # what rounding took counts near the margin
    short = (margin - t * gap) - t * lost
    near = 0.0 if short <= 0.0 else short
    push = 0.0 if short <= 0.0 else (t if short > 0.0 else short)
    flat = 0.0
    return near, (0.0 - push, push), (flat, flat)
