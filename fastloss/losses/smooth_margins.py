"""Binary classification: margins that turn smoothly, or level off."""

from __future__ import annotations

import math

from ..decorators import pointwise
from ..define.domain import BINARY, POSITIVE, SWITCH
from .binary import labels, signed
from .special import Jet, exp_neg


@pointwise(target=labels, gamma=POSITIVE, zero_one=SWITCH)
def smoothed_hinge(pred: float, target: float, gamma: float = 1.0, zero_one: float = False) -> Jet:
    """Hinge loss with a rounded corner of width `gamma`: a support vector machine with a continuous gradient.

    With m = target pred: 0 for m >= 1, (1 - m)^2 / (2 gamma) for m >= 1 - gamma, else 1 - gamma / 2 - m. This is
    LossFunctions.jl's ``SmoothedL1HingeLoss``; gamma = 1 is the smooth hinge of Rennie and Srebro (2005), and gamma = 2
    a quarter of `modified_huber`. Labels are -1 and 1; with ``zero_one=True``, 0 and 1. The second derivative is
    1 / gamma at m = 1 - gamma and 0 at m = 1.

    >>> import fastloss as fl
    >>> fl.smoothed_hinge.value_and_grad([0.5, 2.0], [1.0, -1.0])
    (np.float64(1.3125), array([-0.25,  0.5 ]))
    """
    y = signed(target, zero_one)
    m = y * pred
    short = 0.0 if m >= 1.0 else 1.0 - m
    beyond = m < 1.0 - gamma
    inverse = 1.0 / gamma
    steep = 1.0 if beyond else short * inverse
    return (
        steep * (short - 0.5 * (gamma if beyond else short)),
        0.0 - y * steep,
        0.0 if beyond or m >= 1.0 else inverse,
    )


@pointwise(target=labels, zero_one=SWITCH)
def sigmoid_margin(pred: float, target: float, zero_one: float = False) -> Jet:
    """Sigmoid loss of a margin: bounded, so that wrong labels hardly pull. Labels are -1 and 1.

    1 - tanh(target pred), between 0 and 2: LossFunctions.jl's ``SigmoidLoss``. The second derivative is negative where
    the sign is wrong. With ``zero_one=True`` the labels are 0 and 1.

    >>> import fastloss as fl
    >>> fl.sigmoid_margin.value_and_grad([0.0, 0.0], [1.0, -1.0])
    (np.float64(1.0), array([-0.5,  0.5]))
    """
    y = signed(target, zero_one)
    m = y * pred
    a = abs(m)
    e = exp_neg(-2.0 * a)
    inverse = 1.0 / (1.0 + e)
    curve = 4.0 * e * inverse * inverse
    tanh = math.tanh(a)
    right = m > 0.0
    return 2.0 * (e if right else 1.0) * inverse, -y * curve, 2.0 * curve * (tanh if right else -tanh)


def _falling(y: float, m: float, q: float, k: float, far: float, fall: float) -> Jet:
    """`distance_weighted_discrimination`, `fall` being (k / far)^q for the larger one of m and k."""
    linear = m <= k
    steep = fall * (k / far)
    return (
        1.0 - m if linear else fall * (1.0 / (q + 1.0)),
        -y * steep,
        0.0 if linear else (q + 1.0) * (steep / far),
    )


def classical_discrimination(pred: float, target: float, q: float, zero_one: float) -> Jet:
    """`distance_weighted_discrimination` for q = 1."""
    y = signed(target, zero_one)
    m = y * pred
    far = 0.5 if m <= 0.5 else m
    return _falling(y, m, 1.0, 0.5, far, 0.5 / far)


@pointwise(target=labels, q=POSITIVE, zero_one=SWITCH, faster=lambda q: classical_discrimination if q == 1.0 else None)
def distance_weighted_discrimination(pred: float, target: float, q: float = 1.0, zero_one: float = False) -> Jet:
    """Hinge loss that goes on falling like a power of the margin: every point pulls (Marron, Todd and Ahn, 2007).

    With m = target pred and k = q / (q + 1): 1 - m for m <= k, else (k / m)^q / (q + 1), LossFunctions.jl's
    ``DWDMarginLoss``; q = 1 is the classical one, and a large q comes near `hinge`. Labels are -1 and 1; with
    ``zero_one=True``, 0 and 1. The second derivative is 0 at m = k.

    >>> import fastloss as fl
    >>> fl.distance_weighted_discrimination.value_and_grad([1.0, 1.0], [1.0, -1.0])
    (np.float64(1.125), array([-0.125,  0.5  ]))
    """
    y = signed(target, zero_one)
    m = y * pred
    k = q / (q + 1.0)
    far = k if m <= k else m
    return _falling(y, m, q, k, far, math.pow(k / far, q))


@pointwise(link="hard_sigmoid", target=BINARY)
def binary_sparsemax(pred: float, target: float) -> Jet:
    """Sparsemax loss of a logit: its probabilities may be exactly 0 or 1 (Martins and Astudillo, 2016).

    With x = pred for the label 1 and -pred for 0: 0 for x >= 1, (1 - x)^2 / 4 for x >= -1, else -x: optax's
    ``sparsemax_loss``, and a quarter of `modified_huber`. The probability that belongs to it is (1 + pred) / 2, held
    between 0 and 1. The second derivative is 1/2 at x = -1 and 0 at x = 1.

    >>> import fastloss as fl
    >>> fl.binary_sparsemax.value_and_grad([0.0, 2.0], [1.0, 0.0])
    (np.float64(1.125), array([-0.25,  0.5 ]))
    """
    side = 2.0 * target - 1.0
    x = side * pred
    short = 0.0 if x >= 1.0 else 1.0 - x
    wrong = x < -1.0
    steep = 1.0 if wrong else 0.5 * short
    return -x if wrong else steep * steep, 0.0 - side * steep, 0.0 if wrong or x >= 1.0 else 0.5
