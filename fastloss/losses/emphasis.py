"""Cross-entropies of several classes in which easy and hard examples count otherwise than in the plain one."""

from __future__ import annotations

import math

from ..domain import NON_NEGATIVE, Domain
from ..rowloss import rowwise
from .softmax import Ends, Row, Slope, among, below, finish_softmax, missing
from .special import exp_neg, scaled

FRACTION = Domain("FRACTION", 0.0, 1.0, low_open=True)
"""A positive share of at most 1."""

FROM_MINUS_ONE = Domain("FROM_MINUS_ONE", -1.0)


@rowwise(epsilon=FROM_MINUS_ONE)
class poly_cross_entropy:
    """Cross-entropy with a linear term of its own: Poly-1 of PolyLoss (Leng et al., 2022).

    cross_entropy + epsilon sum(t (1 - p)), p being the softmax of pred and t the label's or the target's mass of each
    class, label smoothing included. `epsilon` is at least -1; from 0 up it makes training go on where cross-entropy is
    content.

    >>> import fastloss as fl
    >>> fl.poly_cross_entropy.value_and_grad([[0.0, 0.0]], [0], epsilon=2.0)
    (np.float64(1.6931471805599454), array([[-1.,  1.]]))
    """

    def peak(z: float, epsilon: float) -> float:
        return z

    def fold(z: float, t: float, m: float, epsilon: float = 1.0) -> Row:
        x = below(z, m)
        e = exp_neg(x)
        top = z == m
        first = t if top else 0.0
        later = 0.0 if top else t
        return (0.0 if top else e, 1.0 if top else 0.0, scaled(t, -x), first, later, later * e), (e,)

    def finish(
        m: float, rest: float, ties: float, tx: float, first: float, later: float, le: float, epsilon: float
    ) -> Ends:
        mass = first + later
        value, others, inverse = finish_softmax(m, rest, ties, tx, mass)
        doubt = (first * others + (later * (1.0 + others) - le)) * inverse  # sum of t (1 - p)
        return value + epsilon * doubt, (others, inverse, mass, doubt)

    def grad(e: float, t: float, others: float, inverse: float, mass: float, doubt: float, epsilon: float) -> Slope:
        p = e * inverse
        q = missing(e, others, inverse)
        lead = (mass - t) - doubt  # sum of t p, minus t
        d1 = p * (mass - t) - scaled(t, q) + epsilon * p * lead
        return d1, mass * p * q + epsilon * p * lead * (1.0 - 2.0 * p)


def _fold_label(z: float, t: float, m: float) -> Row:
    """Sums of the exponentials, the label's distance to the top, its mass."""
    x = below(z, m)
    e = exp_neg(x)
    top = z == m
    return (0.0 if top else e, 1.0 if top else 0.0, -x if t != 0.0 else 0.0, t), (e,)


@rowwise(targets="labels", smooth=False, gamma=NON_NEGATIVE)
class multiclass_focal:
    """Focal loss of logits: cross-entropy in which easy examples fade (Lin et al., 2017).

    -(1 - p)^gamma log(p), p being the softmax of pred at the label. The paper's alpha is `class_weight`, one number for
    each class; for two classes and one logit there is `binary_focal`. The second derivative is negative where p is
    small.

    >>> import fastloss as fl
    >>> fl.multiclass_focal.value_and_grad([[0.0, 0.0]], [0], class_weight=[0.25, 0.75])
    (np.float64(0.17328679513998632), array([[-0.2982868,  0.2982868]]))
    """

    def peak(z: float, gamma: float) -> float:
        return z

    def fold(z: float, t: float, m: float, gamma: float = 2.0) -> Row:
        return _fold_label(z, t, m)

    def finish(m: float, rest: float, ties: float, gap: float, mass: float, gamma: float) -> Ends:
        others = among(m, rest, ties)
        total = 1.0 + others
        inverse = 1.0 / total
        e = exp_neg(-gap)
        wrong = others if gap == 0.0 else total - e
        q = wrong * inverse
        u = e * inverse
        surprise = gap + math.log1p(others)  # -log(u)
        expected = 0.0 if u == 0.0 else u * surprise
        fade = math.pow(q, gamma)
        steep = fade * (1.0 + gamma * (1.0 if q == 0.0 else expected / q))
        curve = gamma * fade * (2.0 * q * u - expected * (1.0 - gamma * u))
        return scaled(mass, fade * surprise), (others, inverse, mass * steep, mass * curve, wrong)

    def grad(
        e: float, t: float, others: float, inverse: float, steep: float, curve: float, wrong: float, gamma: float
    ) -> Slope:
        p = e * inverse
        q = missing(e, others, inverse)
        label = t != 0.0
        r = 1.0 if label or wrong == 0.0 else e / wrong
        return steep * (-q if label else p), curve * r * r + steep * p * q


@rowwise(targets="labels", smooth=False, q=FRACTION)
class generalized_cross_entropy:
    """Between cross-entropy and absolute error of the softmax: robust against wrong labels (Zhang, Sabuncu, 2018).

    (1 - p^q) / q, p being the softmax of pred at the label. `q` is 1 for 1 - p, and cross-entropy is the limit for 0.
    The second derivative is negative where p is small.

    >>> import fastloss as fl
    >>> fl.generalized_cross_entropy.value_and_grad([[0.0, 0.0]], [0], q=0.5)
    (np.float64(0.585786437626905), array([[-0.35355339,  0.35355339]]))
    """

    def peak(z: float, q: float) -> float:
        return z

    def fold(z: float, t: float, m: float, q: float = 0.7) -> Row:
        return _fold_label(z, t, m)

    def finish(m: float, rest: float, ties: float, gap: float, mass: float, q: float) -> Ends:
        others = among(m, rest, ties)
        x = -q * (gap + math.log1p(others))
        return mass * (-math.expm1(x) / q), (others, 1.0 / (1.0 + others), mass * math.exp(x))

    def grad(e: float, t: float, others: float, inverse: float, steep: float, q: float) -> Slope:
        p = e * inverse
        far = missing(e, others, inverse)
        r = far if t != 0.0 else p
        return steep * (-far if t != 0.0 else p), steep * (p * far - q * r * r)
