"""Multi-class classification with the sparsemax, which gives most classes no probability at all."""

from __future__ import annotations

from ..decorators import rowwise
from .softmax import Ends, Row, Slope, below
from .special import INF, scaled

# With m the largest score and x = z - m, the probabilities are max(x - tau, 0) for the one tau, between -1 and -1/K, at
# which their sum is 1. That sum is convex in tau: Newton's steps from -1 rise to the root, each of them from the number
# of the x above the last tau and from their sum, and a step at which the number does not fall is the last. All terms of
# tau have one sign; so have those of 1 + tau, a mean of 1 + x less one top's 1. The smaller one serves, so that neither
# small nor large probabilities lose their digits.

Threshold = tuple[float, float, float]
"""A shift, 0 or 1; tau plus the shift; 1 + tau. NaN where anything is."""


def threshold(ties: float, count: float, xs: float, ws: float) -> Threshold:
    """The next threshold, from the number of tops and, above the last one, the number and the sums of x and 1 + x."""
    share = (ws + (ties - 1.0)) / count
    flat = share > 0.5
    return 0.0 if flat else 1.0, (xs - 1.0) / count if flat else share, share


def counted(x: float, shift: float, tau: float) -> tuple[float, float, float]:
    """What an element adds to these: nothing below the threshold; no 1 + x at the top."""
    out = (x + shift) - tau <= 0.0
    w = 0.0 if x == 0.0 else 1.0 + x
    return 0.0 if out else 1.0, 0.0 if out else x, 0.0 if out else w


def probability(x: float, shift: float, tau: float) -> float:
    """max(x - tau, 0)."""
    p = (x + shift) - tau
    return 0.0 if p <= 0.0 else p


def tops(m: float, ties: float) -> float:
    """Their number; NaN where all scores are -inf, which have no probabilities."""
    return m - m if m == -INF else ties


def slope(x: float, t: float, shift: float, tau: float, share: float, mass: float) -> float:
    """mass p - t without cancellation."""
    p = probability(x, shift, tau)
    return p * (mass - t) - scaled(t, 1.0 if p == 0.0 else share - x)


@rowwise(link="sparsemax")
class sparsemax_loss:
    """Sparsemax loss of logits: their probabilities are exactly 0 for most classes (Martins and Astudillo, 2016).

    -sum(t pred) + sum(t) / 2 sum over the support(pred^2 - tau^2) + sum(t^2) / (2 sum(t)). The probabilities, which
    `sparsemax` gives, are p = max(pred - tau, 0), with the tau that makes their sum 1; the support are the classes of
    which they are not 0. The target is a label, or a mass t for each class; the gradient is sum(t) p - t. Loss and
    gradient of a label are exactly 0 once its logit is 1 above all others, and of dense targets where p is the target.
    The loss is that of entmax's ``sparsemax_loss`` and optax's ``multiclass_sparsemax_loss``; `binary_sparsemax` is its
    twin for one logit.

    The gradient has kinks, and the second derivative steps: sum(t) (1 - 1 / K) where K classes are in the support, 0
    for classes outside, and for those on its edge. A class of mass 0 may have the logit -inf; a row of nothing but
    -inf has no probabilities, as in `cross_entropy`. An infinite logit gives the limit.

    >>> import fastloss as fl
    >>> fl.sparsemax_loss.value_and_grad([[0.5, 0.0, -3.0], [2.0, 0.5, 0.0]], [0, 0])
    (np.float64(0.03125), array([[-0.125,  0.125,  0.   ],
           [ 0.   ,  0.   ,  0.   ]]))
    """

    def peak(z: float) -> float:
        return z

    def fold(z: float, t: float, m: float) -> Row:
        x = below(z, m)
        count, xs, ws = counted(x, 1.0, 0.0)
        return (1.0 if x == 0.0 else 0.0, count, xs, ws, t), (x,)

    def settle(m: float, ties: float, count: float, xs: float, ws: float, mass: float) -> tuple[float, ...]:
        known = ties if mass == 0.0 else tops(m, ties)
        shift, tau, share = threshold(known, count, xs, ws)
        return -count, shift, tau, share, known, mass, 0.0 if mass == 0.0 else 1.0 / mass

    def second(
        x: float, t: float, rise: float, shift: float, tau: float, share: float, ties: float, mass: float,
        inverse: float,
    ) -> tuple[float, ...]:  # fmt: skip
        count, xs, ws = counted(x, shift, tau)
        d1 = slope(x, t, shift, tau, share, mass)
        r = (x + shift) - tau
        lost = 0.5 * d1 * (d1 * inverse) - scaled(t, r if r <= 0.0 else 0.0)
        # What a label's term replaces is as large, at a confident top: the two are taken apart from the small others.
        top = x == 0.0
        return count, xs, ws, lost if top else 0.0, 0.0 if top else lost

    def probe(
        x: float, rise: float, shift: float, tau: float, share: float, ties: float, mass: float, inverse: float
    ) -> tuple[float, ...]:
        return counted(x, shift, tau)

    def again(
        rise: float, shift: float, tau: float, share: float, ties: float, mass: float, inverse: float, count: float,
        xs: float, ws: float,
    ) -> tuple[float, ...]:  # fmt: skip
        shift, tau, share = threshold(ties, count, xs, ws)
        return -count, shift, tau, share, ties, mass, inverse

    def finish(
        m: float, ties: float, first: float, first_xs: float, first_ws: float, mass: float, count: float, xs: float,
        ws: float, top: float, rest: float,
    ) -> Ends:  # fmt: skip
        shift, tau, share = threshold(ties if mass == 0.0 else tops(m, ties), count, xs, ws)
        return top + rest, (shift, tau, share, mass, mass * ((count - 1.0) / count) + (tau - tau))

    def grad(x: float, t: float, shift: float, tau: float, share: float, mass: float, curve: float) -> Slope:
        outside = (x + shift) - tau <= 0.0
        return slope(x, t, shift, tau, share, mass), 0.0 if outside else curve
