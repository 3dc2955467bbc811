"""Binary classification, hard examples first: focal losses of a logit and of a probability."""

from __future__ import annotations

import math

from ..decorators import pointwise
from ..define.domain import DIVISOR, NON_NEGATIVE, POSITIVE, UNIT, Domain
from .special import Jet, bounded_log, exp_neg, log1p_unit, scaled

BALANCE = Domain("BALANCE", -1.0, 1.0)
"""A share of the positive class; below 0 it says that there is none."""

HALVES = frozenset(0.5 * k for k in range(16))
"""Powers that products and a square root give."""


def half_power(x: float, k: float) -> float:
    """x to the power k / 2, for a whole k from 0 to 15: products, not a logarithm and an exponential."""
    two = x * x
    high = two * two if k >= 8.0 else 1.0
    k = k - 8.0 if k >= 8.0 else k
    high = high * two if k >= 4.0 else high
    k = k - 4.0 if k >= 4.0 else k
    high = high * x if k >= 2.0 else high
    k = k - 2.0 if k >= 2.0 else k
    return high * math.sqrt(x) if k >= 1.0 else high


def shares(target: float, label_smoothing: float) -> tuple[float, float, float]:
    """What a smoothed target leaves to the classes 1 and 0, and the difference."""
    kept = 1.0 - label_smoothing
    least = 0.5 * label_smoothing
    return target * kept + least, (1.0 - target) * kept + least, (target + target - 1.0) * kept


def balance(a: float, b: float, alpha: float) -> float:
    """What both classes, of these shares, are weighted with."""
    return 1.0 if alpha < 0.0 else alpha * a + (1.0 - alpha) * b


def entropy(pred: float, a: float, b: float) -> tuple[float, float, float, float, float, float]:
    """exp(-|pred|), the likelier class's probability, the shares of the other and of itself, 1 - p, and -log(p)."""
    positive = pred > 0.0
    wrong = b if positive else a
    right = a if positive else b
    e = exp_neg(-abs(pred))
    far = 1.0 / (1.0 + e)
    return e, far, wrong, right, far * (wrong + right * e), log1p_unit(e) + scaled(wrong, abs(pred))


def faded(pred: float, a: float, b: float, tilt: float, gamma: float) -> tuple[float, float, float, float]:
    """Of the focal loss: 1 - p, and by what its power multiplies the loss and its derivatives."""
    e, far, wrong, right, doubt, surprise = entropy(pred, a, b)
    mixed = wrong + right * e
    # Quotients of 0 and 0 for a label and an infinite logit on its side.
    sure = wrong == 0.0
    lost = 0.0 if sure else wrong / mixed
    share = 1.0 if sure else e / mixed
    lean = -tilt if pred > 0.0 else tilt
    drift = far * share  # how fast 1 - p falls, by itself: 0 where the surprise is infinite
    pull = drift * (surprise if surprise < 1e30 else 1e30)
    steep = far * (wrong - right * e)
    bend = gamma * lean * (pull * (gamma * lean * drift - far * (lost - right * e * share)) + 2.0 * drift * steep)
    slope = (steep if pred > 0.0 else -steep) - gamma * tilt * pull
    return doubt, surprise, slope, bend + e * far * far


def faded_twice(pred: float, a: float, b: float, tilt: float, even: float) -> Jet:
    """The focal loss for a power of 2, which takes the quotients out of its derivatives."""
    e, far, wrong, right, doubt, surprise = entropy(pred, a, b)
    both = e * far * far  # how fast p rises
    pull = surprise if surprise < 1e30 else 1e30
    steep = doubt * (far * (wrong - right * e))
    lean = -tilt if pred > 0.0 else tilt
    turn = 2.0 * lean * (pull * (2.0 * lean * both - far * far * (wrong - right * e * e)) + 2.0 * steep)
    weight = even * doubt
    return (
        scaled(weight * doubt, surprise),
        weight * ((steep if pred > 0.0 else -steep) - 2.0 * tilt * (both * pull)),
        even * (both * (turn + doubt * doubt)),
    )


def weighed(weight: float, value: float, d1: float, d2: float) -> Jet:
    """A jet times a weight, which makes nothing of an infinite value where it is 0."""
    return scaled(weight, value), weight * d1, weight * d2


def plain_focal(pred: float, target: float, gamma: float, alpha: float, label_smoothing: float) -> Jet:
    """`binary_focal` as most call it."""
    other = 1.0 - target
    return faded_twice(pred, target, other, target + target - 1.0, alpha * target + (1.0 - alpha) * other)


def focal_of_two(pred: float, target: float, gamma: float, alpha: float, label_smoothing: float) -> Jet:
    """`binary_focal` for 2."""
    a, b, tilt = shares(target, label_smoothing)
    return faded_twice(pred, a, b, tilt, balance(a, b, alpha))


def focal_of_halves(pred: float, target: float, gamma: float, alpha: float, label_smoothing: float) -> Jet:
    """`binary_focal` for multiples of 1/2."""
    a, b, tilt = shares(target, label_smoothing)
    doubt, value, d1, d2 = faded(pred, a, b, tilt, gamma)
    return weighed(balance(a, b, alpha) * half_power(doubt, gamma + gamma), value, d1, d2)


@pointwise(
    link="sigmoid",
    target=UNIT, gamma=NON_NEGATIVE, alpha=BALANCE, label_smoothing=UNIT,
    faster=lambda gamma, alpha, label_smoothing:
        plain_focal if gamma == 2.0 and alpha >= 0.0 and label_smoothing == 0.0 else
        focal_of_two if gamma == 2.0 else focal_of_halves if gamma in HALVES else None,
)  # fmt: skip
def binary_focal(
    pred: float, target: float, gamma: float = 2.0, alpha: float = 0.25, label_smoothing: float = 0.0
) -> Jet:
    """Focal loss of a logit: cross-entropy in which easy examples fade (Lin et al., 2017).

    -a (1 - p)^gamma log(p), where p is the probability that sigmoid(pred) gives to the true label, and a is alpha for
    the label 1 and 1 - alpha for 0, torchvision's defaults. An alpha below 0 leaves the classes unweighted
    (torchvision's -1, optax's None). The target may be a probability t, smoothed as in
    `binary_cross_entropy_with_logits`: log(p) is then minus the cross-entropy of t, p is t sigmoid(pred) +
    (1 - t) sigmoid(-pred), and a is alpha t + (1 - alpha) (1 - t), as in torchvision, optax and Keras. The second
    derivative is negative where p is small.

    >>> import fastloss as fl
    >>> fl.binary_focal.value_and_grad([0.0, 0.0], [1.0, 0.0])
    (np.float64(0.08664339756999316), array([-0.03728585,  0.11185755]))
    >>> fl.binary_focal([0.0, 0.0], [0.5, 0.75], label_smoothing=0.5)
    np.float64(0.08122818522186859)
    """
    a, b, tilt = shares(target, label_smoothing)
    doubt, value, d1, d2 = faded(pred, a, b, tilt, gamma)
    return weighed(balance(a, b, alpha) * math.pow(doubt, gamma), value, d1, d2)


def faded_of(
    pred: float, target: float, gamma: float, alpha: float, label_smoothing: float, clamp: float, floor: float
) -> tuple[float, float, float, float, float, float]:
    """Of a probability, as in `faded`; last what a power of gamma - 1 multiplies in the second derivative."""
    other = 1.0 - pred
    shift = label_smoothing * (target - 0.5)
    a = target - shift
    b = (1.0 - target) + shift
    log = bounded_log(pred, clamp)
    log_other = math.log1p(-pred)
    log_other = -clamp if log_other < -clamp else log_other
    p = floor if pred < floor else pred
    q = floor if other < floor else other
    doubt = a * other + b * pred
    tilt = 2.0 * (1.0 - label_smoothing) * (0.5 - target)
    surprise = -a * log - b * log_other
    rate = 1.0 if doubt == 0.0 else surprise / doubt
    u = 1.0 / p
    v = 1.0 / q
    held = pred < floor or other < floor
    rise = (b * p - a * q if held else pred - a) / (p * q)
    even = balance(a, b, alpha)
    bend = gamma * tilt * ((gamma - 1.0) * tilt * rate + 2.0 * rise)
    return doubt, even, surprise, gamma * tilt * rate + rise, a * u * u + b * v * v, bend


def focal_from_probabilities_of_halves(
    pred: float, target: float, gamma: float, alpha: float, label_smoothing: float, clamp: float, floor: float
) -> Jet:
    """`binary_focal_from_probabilities` for multiples of 1/2 from 1 on."""
    doubt, even, value, d1, d2, bend = faded_of(pred, target, gamma, alpha, label_smoothing, clamp, floor)
    weight = even * half_power(doubt, gamma + gamma)
    return weight * value, weight * d1, weight * d2 + even * bend * half_power(doubt, gamma + gamma - 2.0)


@pointwise(
    pred=UNIT, target=UNIT, gamma=NON_NEGATIVE, alpha=BALANCE, label_smoothing=UNIT, clamp=POSITIVE, floor=DIVISOR,
    faster=lambda gamma: focal_from_probabilities_of_halves if gamma >= 1.0 and gamma in HALVES else None,
)  # fmt: skip
def binary_focal_from_probabilities(
    pred: float, target: float, gamma: float = 2.0, alpha: float = 0.25, label_smoothing: float = 0.0,
    clamp: float = 100.0, floor: float = 1e-12,
) -> Jet:  # fmt: skip
    """Focal loss of a probability. If you have logits, `binary_focal` is faster and exact.

    a (1 - p)^gamma (-t log(pred) - (1 - t) log(1 - pred)), with p = t pred + (1 - t) (1 - pred) and a = alpha t +
    (1 - alpha) (1 - t), where t is the target, a probability, too, after `label_smoothing`: Keras's
    ``BinaryFocalCrossentropy``. As in `binary_cross_entropy`, a logarithm is at least -`clamp`, and what the
    derivatives divide by at least `floor`.

    >>> import fastloss as fl
    >>> fl.binary_focal_from_probabilities.value_and_grad([0.5, 0.5], [1.0, 0.0])
    (np.float64(0.08664339756999316), array([-0.1491434 ,  0.44743019]))
    """
    doubt, even, value, d1, d2, bend = faded_of(pred, target, gamma, alpha, label_smoothing, clamp, floor)
    weight = even * math.pow(doubt, gamma)
    return weight * value, weight * d1, weight * d2 + even * scaled(bend, math.pow(doubt, gamma - 1.0))
