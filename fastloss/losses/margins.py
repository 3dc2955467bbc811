"""Multi-class and multi-label classification: hinge losses, and several labels at a time."""

from __future__ import annotations

from ..decorators import pairwise, rowwise
from ..define.domain import BINARY, NON_NEGATIVE, UNIT, Domain
from .softmax import Ends, Row, Slope
from .special import INF, exp_neg, log1p_unit, scaled

ONE_OR_TWO = Domain("ONE_OR_TWO", 1.0, 2.0, ends_only=True)


@rowwise(targets="labels", smooth=False, margin=NON_NEGATIVE)
class multiclass_hinge:
    """Hinge loss of several classes, of the best wrong one: the support vector machine of Crammer and Singer (2001).

    max(0, margin + max over the other classes(pred) - pred at the label), as in scikit-learn's ``hinge_loss`` and
    ``LinearSVC``. Several best wrong classes share the gradient equally. On the margin it is 0.

    >>> import fastloss as fl
    >>> fl.multiclass_hinge.value_and_grad([[1.0, 0.5, 0.0], [3.0, 0.0, 0.0]], [0, 0])
    (np.float64(0.25), array([[-0.5,  0.5,  0. ],
           [ 0. ,  0. ,  0. ]]))
    """

    def peak(s: float, t: float, margin: float) -> float:
        return s if t == 0.0 else -INF

    def fold(s: float, t: float, m: float, margin: float = 1.0) -> Row:
        wrong = t == 0.0
        own = 0.0 if wrong else s
        best = 1.0 if s == m else 0.0
        # The maximum may have passed over a NaN.
        return (own if s == s else s, t, best if wrong else 0.0), (s,)

    def finish(m: float, own: float, mass: float, ties: float, margin: float) -> Ends:
        gap = margin + (m - own)
        lost = 0.0 if gap == gap else gap
        pull = mass if gap > 0.0 else lost
        push = pull / (1.0 if ties == 0.0 else ties)
        return scaled(mass, 0.0 if gap <= 0.0 else gap), (m, pull, push, lost)

    def grad(s: float, t: float, m: float, pull: float, push: float, lost: float, margin: float) -> Slope:
        wrong = push if s == m else lost
        return wrong if t == 0.0 else 0.0 - pull, 0.0


def _shortfall(s: float, own: float, margin: float, power: float) -> tuple[float, float, float]:
    """What a wrong class adds, and its derivatives."""
    short = margin + (s - own)
    short = 0.0 if short <= 0.0 else short
    active = 1.0 if short > 0.0 else short
    linear = power == 1.0
    return short if linear else short * short, active if linear else 2.0 * short, 0.0 if linear else 2.0 * active


@rowwise(targets="labels", smooth=False, margin=NON_NEGATIVE, power=ONE_OR_TWO)
class multiclass_hinge_sum:
    """Hinge loss of several classes, of all wrong ones: Weston and Watkins (1999), torch's ``multi_margin_loss``.

    sum over the other classes of max(0, margin + pred - pred at the label)^power / K, K being the number of classes and
    `power` 1 or 2. On the margin gradient and second derivative are 0. With class weights the mean divides by those of
    the labels, as everywhere here; torch's divides by the number of rows (``normalizer=len(target)``).

    >>> import fastloss as fl
    >>> fl.multiclass_hinge_sum.value_and_grad([[1.0, 0.5], [3.0, 0.0]], [0, 0])
    (np.float64(0.125), array([[-0.25,  0.25],
           [ 0.  ,  0.  ]]))
    """

    def fold(s: float, t: float, margin: float = 1.0, power: float = 1.0) -> Row:
        own = 0.0 if t == 0.0 else s
        return (own if s == s else s, t, 1.0), (s,)

    def settle(own: float, mass: float, classes: float, margin: float, power: float) -> tuple[float]:
        return (own,)

    def second(s: float, t: float, own: float, margin: float, power: float) -> tuple[float, ...]:
        # The label is among those that score as the label does, which are counted.
        value, slope, curve = _shortfall(s, own, margin, power)
        same = s == own
        return 0.0 if same else value, 0.0 if same else slope, 0.0 if same else curve, 1.0 if same else 0.0

    def finish(
        own: float, mass: float, classes: float, value: float, slope: float, curve: float, same: float, margin: float,
        power: float,
    ) -> Ends:  # fmt: skip
        each, steep, bent = _shortfall(0.0, 0.0, margin, power)
        equal = same - 1.0
        share = mass / classes
        lost = scaled(equal, own - own)  # of two infinite scores nobody knows the difference
        return scaled(share, value + equal * each + lost), (
            own,
            share,
            share * (slope + equal * steep + lost),
            share * (curve + equal * bent + lost),
        )

    def grad(
        s: float, t: float, own: float, share: float, slope: float, curve: float, margin: float, power: float
    ) -> Slope:
        _, steep, bent = _shortfall(s, own, margin, power)
        return share * steep if t == 0.0 else 0.0 - slope, share * bent if t == 0.0 else curve


@rowwise(link="sigmoid", targets="none", classed=True, target=UNIT)
class multilabel_soft_margin:
    """Binary cross-entropy of each class's logit, averaged over the classes: several labels at a time.

    -sum(c (t log(sigmoid(pred)) + (1 - t) log(sigmoid(-pred)))) / K, t being the target, a probability for each class,
    c the class's weight and K the number of classes, as in torch. With class weights the mean divides by their mean, as
    everywhere here; torch's divides by the number of rows (``normalizer=len(target)``). The mean over all elements,
    with weights for elements and not for rows, is `binary_cross_entropy_with_logits`.

    >>> import fastloss as fl
    >>> fl.multilabel_soft_margin.value_and_grad([[0.0, 0.0]], [[1.0, 0.0]])
    (np.float64(0.6931471805599453), array([[-0.25,  0.25]]))
    >>> fl.multilabel_soft_margin.grad([[0.0, 0.0]], [[1.0, 0.0]], class_weight=[3.0, 1.0])
    array([[-0.375,  0.125]])
    """

    def fold(z: float, y: float, t: float) -> Row:
        e = exp_neg(-abs(z))
        far = 1.0 / (1.0 + e)
        near = e * far  # sigmoid(-|z|)
        positive = z > 0.0
        wrong = 1.0 - y if positive else y
        slope = wrong - near
        value = scaled(wrong, abs(z)) + log1p_unit(e)
        return (scaled(t, value), 1.0), (slope if positive else -slope, far * near)

    def finish(total: float, classes: float) -> Ends:
        share = 1.0 / classes
        return total * share, (share,)

    def grad(slope: float, curve: float, t: float, share: float) -> Slope:
        return scaled(t, slope * share), scaled(t, curve * share)


@pairwise(target=BINARY, margin=NON_NEGATIVE)
class multilabel_margin:
    """Hinge loss of several labels at a time: each class that applies scores a margin above each that does not.

    sum over j with target 1, over i with target 0, of max(0, margin + pred[i] - pred[j]) / K, K being the number of
    classes: torch's ``MultiLabelMarginLoss``. `target` has the shape of `pred`: 1 for the classes that apply, and 0 for
    the others. On the margin the gradient is 0; the second derivative is 0. A row of which all classes apply, or none,
    loses nothing. Time grows with the number of labels times that of classes, on a GPU with the square of the latter.

    torch's target is a list of each row's labels, padded with -1. To convert it, count -1 as one class more:

    >>> import numpy as np
    >>> labels = np.array([[3, 0, -1, -1]])
    >>> target = np.zeros((1, 4 + 1), int)
    >>> np.put_along_axis(target, labels, 1, axis=1)
    >>> target[:, :4]
    array([[1, 0, 0, 1]])

    >>> import fastloss as fl
    >>> fl.multilabel_margin.value_and_grad([[0.5, 1.0, 0.0, 3.0]], target[:, :4])
    (np.float64(0.5), array([[-0.5 ,  0.25,  0.25,  0.  ]]))
    """

    def pair(d: float, margin: float = 1.0) -> tuple[float, float, float]:
        short = margin - d
        short = 0.0 if short <= 0.0 else short
        return short, 0.0 - (1.0 if short > 0.0 else short), 0.0

    def share(classes: float, pairs: float, margin: float) -> float:
        return 1.0 / classes
