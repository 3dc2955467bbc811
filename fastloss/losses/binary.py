"""Binary and multi-label classification: of probabilities, of logits, and of margins with labels -1 and 1."""

from __future__ import annotations

import math

from ..decorators import pointwise
from ..define.domain import BINARY, DIVISOR, NON_NEGATIVE, POSITIVE, SIGN, SWITCH, UNIT, Domain
from .special import Jet, bounded_log, exp_neg, log1p_unit, scaled, sigmoids


def labels(zero_one: bool) -> Domain:
    """Labels of a margin: -1 and 1, or by the switch 0 and 1."""
    return BINARY if zero_one else SIGN


def signed(target: float, zero_one: float) -> float:
    """A label as -1 or 1."""
    return 2.0 * target - 1.0 if zero_one == 1.0 else target


def _by_probability(
    d1: float, d2: float, pred: float, target: float, clamp: float, floor: float
) -> tuple[float, float]:
    log_other = math.log1p(-pred)
    return (-clamp if log_other < -clamp else log_other) - bounded_log(pred, clamp), 0.0


@pointwise(others={"target": _by_probability}, pred=UNIT, target=UNIT, clamp=POSITIVE, floor=DIVISOR)
def binary_cross_entropy(pred: float, target: float, clamp: float = 100.0, floor: float = 1e-12) -> Jet:
    """Cross-entropy of probabilities. If you have logits, `binary_cross_entropy_with_logits` is faster and exact.

    -target log(pred) - (1 - target) log(1 - pred); the target is a probability, too. As in torch, a logarithm is at
    least -`clamp`, so that one certain and wrong prediction does not make the loss infinite. In the derivatives, pred
    and 1 - pred are at least `floor` (torch bounds their product), and of float16 arrays at least 1.5e-5, whose
    reciprocal is the largest that float16 holds. A large clamp (1e30) and a small floor (1e-30) give the formula as it
    stands.

    >>> import fastloss as fl
    >>> fl.binary_cross_entropy.value_and_grad([0.5, 0.75], [1.0, 0.0])
    (np.float64(1.0397207708399179), array([-1.,  2.]))
    >>> fl.binary_cross_entropy.value_and_grad([0.0], [1.0])
    (np.float64(100.0), array([-1.e+12]))
    """
    other = 1.0 - pred
    absent = 1.0 - target
    log = bounded_log(pred, clamp)
    log_other = math.log1p(-pred)
    log_other = -clamp if log_other < -clamp else log_other
    p = floor if pred < floor else pred
    q = floor if other < floor else other
    held = pred < floor or other < floor
    # Without the floors the numerator is exactly pred - target, which does not cancel.
    rise = absent * p - target * q if held else pred - target
    u = 1.0 / p
    v = 1.0 / q
    return -target * log - absent * log_other, rise / (p * q), target * u * u + absent * v * v


def _by_label(
    d1: float, d2: float, pred: float, target: float, pos_weight: float, label_smoothing: float
) -> tuple[float, float]:
    log = log1p_unit(exp_neg(-abs(pred)))
    right = scaled(pos_weight, log - pred if pred < 0.0 else log)
    wrong = pred if pred > 0.0 else 0.0
    return (1.0 - label_smoothing) * (-pred if pos_weight == 1.0 else right - (log + wrong)), 0.0


def plain_binary_cross_entropy(pred: float, target: float, pos_weight: float, label_smoothing: float) -> Jet:
    """`binary_cross_entropy_with_logits` as most call it."""
    e = exp_neg(-abs(pred))
    far = 1.0 / (1.0 + e)
    near = e * far
    positive = pred > 0.0
    wrong = 1.0 - target if positive else target
    slope = wrong - near
    return scaled(wrong, abs(pred)) + log1p_unit(e), slope if positive else -slope, far * near


@pointwise(
    link="sigmoid",
    others={"target": _by_label}, target=UNIT, pos_weight=NON_NEGATIVE, label_smoothing=UNIT,
    faster=lambda pos_weight, label_smoothing:
        plain_binary_cross_entropy if (pos_weight, label_smoothing) == (1.0, 0.0) else None,
)  # fmt: skip
def binary_cross_entropy_with_logits(
    pred: float, target: float, pos_weight: float = 1.0, label_smoothing: float = 0.0
) -> Jet:
    """Cross-entropy of a logit: the loss of binary classifiers and of multi-label networks.

    pos_weight t log(1 + exp(-pred)) + (1 - t) log(1 + exp(pred)), where t = target (1 - s) + s / 2 for
    s = `label_smoothing`; the target is a probability (0 and 1 for plain labels). `pos_weight` multiplies the
    positive part as in torch, for soft targets too. No confident prediction loses its digits: nothing is computed as
    a difference that the formula does not have.

    >>> import fastloss as fl
    >>> fl.binary_cross_entropy_with_logits.value_and_grad([0.0, 0.0], [1.0, 0.0], pos_weight=3.0)
    (np.float64(1.3862943611198906), array([-0.75,  0.25]))
    """
    # 1 - t would lose what smoothing adds to a target of 1.
    shift = label_smoothing * (target - 0.5)
    a = pos_weight * (target - shift)
    b = (1.0 - target) + shift
    e = exp_neg(-abs(pred))
    far = 1.0 / (1.0 + e)
    near = e * far  # sigmoid(-|pred|)
    positive = pred > 0.0
    wrong = b if positive else a
    slope = wrong - (a + b) * near
    return scaled(wrong, abs(pred)) + (a + b) * log1p_unit(e), slope if positive else -slope, (a + b) * far * near


@pointwise(link="sigmoid", target=labels, zero_one=SWITCH)
def logistic(pred: float, target: float, zero_one: float = False) -> Jet:
    """Logistic loss of a margin: `binary_cross_entropy_with_logits` for labels -1 and 1.

    log(1 + exp(-target pred)): torch's ``soft_margin_loss``, without its overflow. With ``zero_one=True`` the labels
    are 0 and 1.

    >>> import fastloss as fl
    >>> fl.logistic.value_and_grad([0.0, 0.0], [1.0, -1.0])
    (np.float64(0.6931471805599453), array([-0.25,  0.25]))
    """
    y = signed(target, zero_one)
    m = y * pred
    e, up, down = sigmoids(m)
    return (0.0 if m > 0.0 else -m) + log1p_unit(e), -y * down, up * down


@pointwise(target=labels, zero_one=SWITCH)
def hinge(pred: float, target: float, zero_one: float = False) -> Jet:
    """Hinge loss of a margin: the linear support vector machine. Labels are -1 and 1; with ``zero_one=True``, 0 and 1.

    max(0, 1 - target pred). On the margin, target pred = 1, the gradient is 0 (torch 2.15 and XGBoost agree;
    scikit-learn, and torch up to 2.13, take the other side).

    >>> import fastloss as fl
    >>> fl.hinge.value_and_grad([0.5, 2.0], [1.0, -1.0])
    (np.float64(1.75), array([-0.5,  0.5]))
    >>> fl.hinge([0.5, 2.0], [1, 0], zero_one=True)
    np.float64(1.75)
    """
    y = signed(target, zero_one)
    m = y * pred
    return 0.0 if m >= 1.0 else 1.0 - m, 0.0 if m >= 1.0 else (-y if m < 1.0 else m), 0.0


@pointwise(target=labels, zero_one=SWITCH)
def squared_hinge(pred: float, target: float, zero_one: float = False) -> Jet:
    """Squared hinge loss of a margin: a support vector machine with a continuous gradient. Labels are -1 and 1.

    max(0, 1 - target pred)^2. On the margin the second derivative is 0. With ``zero_one=True`` the labels are 0 and 1.

    >>> import fastloss as fl
    >>> fl.squared_hinge.value_and_grad([0.5, 2.0], [1.0, -1.0])
    (np.float64(4.625), array([-0.5,  3. ]))
    """
    y = signed(target, zero_one)
    m = y * pred
    short = 0.0 if m >= 1.0 else 1.0 - m
    return short * short, 0.0 - 2.0 * y * short, 2.0 if m < 1.0 else 0.0


@pointwise(link="hard_sigmoid", target=labels, zero_one=SWITCH)
def modified_huber(pred: float, target: float, zero_one: float = False) -> Jet:
    """Squared hinge loss that goes on linearly for margins below -1: robust against wrong labels (Zhang, 2004).

    With m = target pred: max(0, 1 - m)^2 for m >= -1, else -4 m, as in scikit-learn's ``SGDClassifier``. Labels are
    -1 and 1; with ``zero_one=True``, 0 and 1. The second derivative is 2 at m = -1 and 0 at m = 1.

    >>> import fastloss as fl
    >>> fl.modified_huber.value_and_grad([0.5, 2.0], [1.0, -1.0])
    (np.float64(4.125), array([-0.5,  2. ]))
    """
    y = signed(target, zero_one)
    m = y * pred
    short = 0.0 if m >= 1.0 else 1.0 - m
    bounded = 2.0 if m < -1.0 else short
    inner = 2.0 if m < 1.0 else 0.0
    return -4.0 * m if m < -1.0 else short * short, 0.0 - 2.0 * y * bounded, 0.0 if m < -1.0 else inner


def exponential_of_both(pred: float, target: float, zero_one: float) -> Jet:
    """The mean of the exponential losses of both labels, of which the target is the probability of 1."""
    other = 1.0 - target
    positive = target > 0.5
    fall = math.exp(-pred if positive else pred)
    low = (target if positive else other) * fall
    # One exponential of the likelier label; the reciprocal is not looked at where there is no other.
    high = scaled(other if positive else target, 1.0 / fall)
    return low + high, high - low if positive else low - high, low + high


@pointwise(
    link="double_sigmoid",
    target=lambda zero_one: UNIT if zero_one else SIGN, zero_one=SWITCH,
    instead=lambda zero_one: exponential_of_both if zero_one else None,
)  # fmt: skip
def exponential(pred: float, target: float, zero_one: float = False) -> Jet:
    """Exponential loss of a margin: what AdaBoost minimises. Labels are -1 and 1.

    exp(-target pred). With ``zero_one=True`` the target is the probability of the label 1, from 0 to 1, and the loss
    target exp(-pred) + (1 - target) exp(pred), as in scikit-learn's ``ExponentialLoss``: the mean over both labels.

    >>> import fastloss as fl
    >>> fl.exponential.value_and_grad([0.0, 0.0], [1.0, -1.0])
    (np.float64(1.0), array([-0.5,  0.5]))
    >>> fl.exponential.value_and_grad([0.0, 0.0], [0.75, 0.5], zero_one=True)
    (np.float64(1.0), array([-0.25,  0.  ]))
    """
    e = math.exp(-(target * pred))
    return e, -target * e, e


@pointwise(target=labels, zero_one=SWITCH)
def perceptron(pred: float, target: float, zero_one: float = False) -> Jet:
    """Perceptron loss of a margin: only wrong predictions count. Labels are -1 and 1; with ``zero_one=True``, 0 and 1.

    max(0, -target pred). At pred = 0 the gradient is 0, so training does not start from all zeros by itself.

    >>> import fastloss as fl
    >>> fl.perceptron.value_and_grad([0.5, 2.0], [1.0, -1.0])
    (np.float64(1.0), array([0. , 0.5]))
    """
    y = signed(target, zero_one)
    m = y * pred
    return 0.0 if m >= 0.0 else -m, 0.0 if m >= 0.0 else (-y if m < 0.0 else m), 0.0
