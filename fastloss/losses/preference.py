"""Preferences: of two answers to the same question the better one is known. Reward models, and language models."""

from __future__ import annotations

from ..decorators import pointwise
from ..define.domain import POSITIVE, REAL, UNIT
from .embedding import Pair
from .special import difference, exp_neg, log1p_unit, scaled


@pointwise(wrt=("pred", "other"), reference=REAL, beta=POSITIVE, label_smoothing=UNIT)
def preference(
    pred: float, other: float, reference: float = 0.0, beta: float = 1.0, label_smoothing: float = 0.0
) -> tuple[float, Pair, Pair]:
    """Logistic loss of how much higher the preferred answer's score is: reward models, and DPO of language models.

    (1 - s) log(1 + exp(-x)) + s log(1 + exp(x)), where x = beta (pred - other - reference) and s = `label_smoothing`,
    the share of preferences that are taken for wrong. `pred` is the score of the preferred answer, `other` that of the
    rejected one; both are differentiated.

    Of rewards it is Bradley and Terry's (1952), by which reward models are trained. Of each answer's sum of
    log-probabilities it is DPO's (Rafailov et al., 2023; TRL's ``"sigmoid"``), where `reference` is the difference of
    the two in the frozen model, and `beta` 0.1; without a reference CPO's first term (Xu et al., 2024). Of means of
    log-probabilities it is SimPO's (Meng et al., 2024), where the reference is the margin divided by `beta`.

    >>> import fastloss as fl
    >>> fl.preference.value_and_grad([-1.0, -5.0], [-2.0, -4.0], reference=[0.5, 0.0], beta=0.5)
    (np.float64(0.7750082020294751), (array([-0.10945587, -0.15561483]), array([0.10945587, 0.15561483])))
    """
    gap, lost = difference(0.5 * pred, 0.5 * other)  # of finite scores it is finite
    x = 2.0 * beta * ((gap - 0.5 * reference) + lost)
    e = exp_neg(-abs(x))
    far = 1.0 / (1.0 + e)
    near = e * far
    positive = x > 0.0
    wrong = label_smoothing if positive else 1.0 - label_smoothing
    slope = beta * (wrong - near if positive else near - wrong)
    bend = (beta * near) * (beta * far)  # the square of beta may be infinite where near is 0
    return scaled(wrong, abs(x)) + log1p_unit(e), (slope, 0.0 - slope), (bend, bend)
