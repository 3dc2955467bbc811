"""Multi-class classification, easy and hard examples reweighted: focal, poly and generalized cross-entropy."""

from __future__ import annotations

import math

from ..decorators import rowwise
from ..define.domain import DIVISOR, NON_NEGATIVE, POSITIVE, UNIT, Domain
from .softmax import Ends, Row, Slope, among, among_masses, below, finish_softmax, missing
from .special import bounded_log, exp_neg, minus_log1p, scaled

FRACTION = Domain("FRACTION", 0.0, 1.0, low_open=True)
"""A positive share of at most 1."""

FROM_MINUS_ONE = Domain("FROM_MINUS_ONE", -1.0)


@rowwise(link="softmax", epsilon=FROM_MINUS_ONE)
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
        far = later * (1.0 + others) - le
        doubt = (first * others + far) * inverse  # sum of t (1 - p)
        # The cross-entropy minus that: what is left for an epsilon of -1, of a sure row next to nothing.
        log = math.log1p(others)
        unsure = log - others * inverse if others > 1.0 else others * others * inverse - minus_log1p(others)
        beyond = first * unsure + ((tx + later * log) - far * inverse)
        less = scaled(1.0 + epsilon, value) - epsilon * beyond
        return less if epsilon < 0.0 else value + epsilon * doubt, (
            others, inverse, first, later, far * inverse, le * inverse,
        )  # fmt: skip

    def grad(
        e: float, t: float, others: float, inverse: float, first: float, later: float, far: float, below: float,
        epsilon: float,
    ) -> Slope:  # fmt: skip
        p = e * inverse
        q = missing(e, others, inverse)
        steep = (1.0 + epsilon) - epsilon * q if epsilon < 0.0 else 1.0 + epsilon * (1.0 - q)
        rest = (first * inverse - t * p) + below  # sum of t p, of the other classes
        # What is beside a sure top's mass has digits that all of it has lost.
        beside = later + (first - t)
        apart = far + (first * (others * inverse) - t * q)  # sum of t (1 - p), of the other classes
        lead = (1.0 + epsilon) * beside - epsilon * apart if epsilon < 0.0 else beside + epsilon * rest
        turn = q * (first + later + epsilon * t) - 2.0 * epsilon * t * (q * q) + epsilon * rest * (2.0 * q - 1.0)
        return p * lead - scaled(t, steep * q), p * turn


def _fold_label(z: float, t: float, m: float) -> Row:
    """Sums of the exponentials, the label's distance to the top, its mass."""
    x = below(z, m)
    e = exp_neg(x)
    top = z == m
    return (0.0 if top else e, 1.0 if top else 0.0, -x if t != 0.0 else 0.0, t), (e,)


def _focal(e: float, x: float, others: float, inverse: float, log: float, gamma: float) -> tuple[float, ...]:
    """A class's loss, its slope by the logarithm of the probability, what that bends, and 1 minus the probability."""
    q = missing(e, others, inverse)
    u = e * inverse
    surprise = log - x  # -log(u)
    expected = 0.0 if u == 0.0 else u * surprise
    fade = math.pow(q, gamma)
    steep = fade * (1.0 + gamma * (1.0 if q == 0.0 else expected / q))
    return fade * surprise, steep, gamma * fade * (2.0 * q * u - expected * (1.0 - gamma * u)), q


@rowwise(link="softmax", gamma=NON_NEGATIVE)
class multiclass_focal:
    """Focal loss of logits: cross-entropy in which easy examples fade (Lin et al., 2017).

    -sum(t (1 - p)^gamma log(p)), p being the softmax of pred and t the label's or the target's mass of each class,
    label smoothing included: Keras's ``CategoricalFocalCrossentropy``. The paper's alpha is `class_weight`, one number
    for each class; for two classes and one logit there is `binary_focal`. The second derivative is negative where p is
    small. Labels without smoothing take one pass less.

    >>> import fastloss as fl
    >>> fl.multiclass_focal.value_and_grad([[0.0, 0.0]], [0], class_weight=[0.25, 0.75])
    (np.float64(0.17328679513998632), array([[-0.2982868,  0.2982868]]))
    >>> fl.multiclass_focal.value_and_grad([[0.0, 0.0]], [[0.5, 0.5]])
    (np.float64(0.17328679513998632), array([[0., 0.]]))
    """

    def peak(z: float, gamma: float) -> float:
        return z

    def fold(z: float, t: float, m: float, gamma: float = 2.0) -> Row:
        return _fold_label(z, t, m)

    def finish(m: float, rest: float, ties: float, gap: float, mass: float, gamma: float) -> Ends:
        others = among(m, rest, ties)
        inverse = 1.0 / (1.0 + others)
        e = exp_neg(-gap)
        value, steep, curve, _ = _focal(e, -gap, others, inverse, math.log1p(others), gamma)
        wrong = others if e == 1.0 else 1.0 + others - e
        # A row that is not known is not absent.
        return scaled(mass, value) + 0.0 * others, (others, inverse, mass * steep, mass * curve, wrong)

    def grad(
        e: float, t: float, others: float, inverse: float, steep: float, curve: float, wrong: float, gamma: float
    ) -> Slope:
        p = e * inverse
        q = missing(e, others, inverse)
        label = t != 0.0
        r = 1.0 if label or wrong == 0.0 else e / wrong
        return steep * (-q if label else p), curve * r * r + steep * p * q

    class dense:
        """What is different where several classes may have a mass: each class's loss, of a softmax that is known."""

        def fold(z: float, t: float, m: float, gamma: float) -> Row:
            x = below(z, m)
            e = exp_neg(x)
            top = z == m
            return (0.0 if top else e, 1.0 if top else 0.0, t), (e, x)

        def settle(m: float, rest: float, ties: float, mass: float, gamma: float) -> tuple[float, float, float]:
            others = among_masses(m, rest, ties, mass)
            return others, 1.0 / (1.0 + others), math.log1p(others)

        def second(
            e: float, x: float, t: float, others: float, inverse: float, log: float, gamma: float
        ) -> tuple[float, ...]:
            value, steep, curve, q = _focal(e, x, others, inverse, log, gamma)
            # Apart, since the quotient by q^2 that other classes need has no limit at a top alone.
            top = e == 1.0
            steep = t * steep
            low = 0.0 if top else steep
            return scaled(t, value), low, steep - low, t * curve if top else 0.0, 0.0 if top else t * curve / (q * q)

        def finish(
            m: float, rest: float, ties: float, mass: float, value: float, low: float, high: float, tops: float,
            spread: float, gamma: float,
        ) -> Ends:  # fmt: skip
            others = among_masses(m, rest, ties, mass)
            coefficients = (others, 1.0 / (1.0 + others), math.log1p(others), low, high, tops, spread)
            return value + 0.0 * others, coefficients

        def grad(
            e: float, x: float, t: float, others: float, inverse: float, log: float, low: float, high: float,
            tops: float, spread: float, gamma: float,
        ) -> Slope:  # fmt: skip
            _, own, curve, q = _focal(e, x, others, inverse, log, gamma)
            p = e * inverse
            own = t * own
            curve = t * curve
            top = e == 1.0
            # The classes at the top but this one; alone there, it has none beside it.
            beside = (tops - curve if others >= 1.0 else 0.0) if top else tops
            r = 0.0 if beside == 0.0 else e / others
            apart = spread if top else spread - curve / (q * q)
            return p * (low + (high - own)) - own * q, curve + beside * r * r + apart * p * p + (low + high) * p * q


@rowwise(pred=UNIT, gamma=NON_NEGATIVE, clamp=POSITIVE, floor=DIVISOR)
class multiclass_focal_from_probabilities:
    """Focal loss of probabilities. If you have logits, `multiclass_focal` is exact.

    -sum(t (1 - pred)^gamma log(pred)), t being the label's or the target's mass of each class. The probabilities of a
    row are taken as they are (Keras divides them by their sum first). As in `categorical_cross_entropy`, a logarithm is
    at least -`clamp`, and what the derivatives divide by at least `floor`.

    >>> import fastloss as fl
    >>> fl.multiclass_focal_from_probabilities.value_and_grad([[0.5, 0.5]], [0])
    (np.float64(0.17328679513998632), array([[-1.19314718,  0.        ]]))
    """

    def fold(p: float, t: float, gamma: float = 2.0, clamp: float = 100.0, floor: float = 1e-12) -> Row:
        log = bounded_log(p, clamp)
        return (0.0 * p if t == 0.0 else -t * log * math.pow(1.0 - p, gamma),), (p,)

    def finish(total: float, gamma: float, clamp: float, floor: float) -> Ends:
        return total, ()

    def grad(p: float, t: float, gamma: float, clamp: float, floor: float) -> Slope:
        q = 1.0 - p
        rate = 1.0 if q == 0.0 else -bounded_log(p, clamp) / q
        u = 1.0 / (floor if p < floor else p)
        fade = math.pow(q, gamma)
        bend = gamma * ((gamma - 1.0) * rate + 2.0 * u)
        d1 = t * fade * (gamma * rate + u)
        d2 = t * (scaled(bend, math.pow(q, gamma - 1.0)) + fade * u * u)
        return 0.0 * p if t == 0.0 else -d1, 0.0 if t == 0.0 else d2


@rowwise(link="softmax", targets="labels", smooth=False, q=FRACTION)
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


@rowwise(targets="labels", smooth=False, pred=UNIT, q=FRACTION, floor=DIVISOR)
class generalized_cross_entropy_from_probabilities:
    """Between cross-entropy and absolute error of probabilities. Of logits, `generalized_cross_entropy` is exact.

    (1 - pred^q) / q at the label: Keras's ``CategoricalGeneralizedCrossEntropy``. In the derivatives pred is at least
    `floor`.

    >>> import fastloss as fl
    >>> fl.generalized_cross_entropy_from_probabilities.value_and_grad([[0.25, 0.75]], [0], q=0.5)
    (np.float64(1.0), array([[-2.,  0.]]))
    """

    def fold(p: float, t: float, q: float = 0.7, floor: float = 1e-12) -> Row:
        return (0.0 * p if t == 0.0 else -t * math.expm1(q * math.log(p)) / q,), (p,)

    def finish(total: float, q: float, floor: float) -> Ends:
        return total, ()

    def grad(p: float, t: float, q: float, floor: float) -> Slope:
        held = floor if p < floor else p
        steep = t * math.pow(held, q) / held  # not a power of q - 1, which a NaN has where that is 0
        return 0.0 * p if t == 0.0 else -steep, 0.0 if t == 0.0 else (1.0 - q) * steep / held
