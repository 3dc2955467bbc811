"""What adversarial losses are made of: functions of one score, of a real sample or of a fake one, in plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..define.domain import DIVISOR, POSITIVE, REAL, SWITCH, UNIT, Domain
from ..loss import Loss
from ..losses.binary import binary_cross_entropy
from ..losses.special import Jet, log1p_unit, scaled, sigmoids

if TYPE_CHECKING:
    from collections.abc import Callable

# A plain function: of a probability, its target, and two bounds.
cross_entropy: Any = binary_cross_entropy.__wrapped__


PACKAGE = __package__.partition(".")[0]
"""Where a pickle finds the losses, by their names with dots."""


def scores(from_logits: bool) -> Domain:
    """Logits, or by the switch probabilities."""
    return REAL if from_logits else UNIT


# -- Logits ------------------------------------------------------------------------------------------------------------


def real_logit(score: float, label_smoothing: float = 0.0) -> Jet:
    """-(1 - s) log(p) - s log(1 - p), p = sigmoid(score): low where a sample is taken for a real one."""
    e, up, down = sigmoids(score)
    positive = score > 0.0
    wrong = label_smoothing if positive else 1.0 - label_smoothing
    slope = wrong - (down if positive else up)
    return scaled(wrong, abs(score)) + log1p_unit(e), slope if positive else -slope, up * down


def wanted_logit(score: float) -> Jet:
    """-log(p): the same without smoothing."""
    e, up, down = sigmoids(score)
    return (0.0 if score > 0.0 else -score) + log1p_unit(e), -down, up * down


def fake_logit(score: float) -> Jet:
    """-log(1 - p): low where a sample is taken for a fake."""
    e, up, down = sigmoids(score)
    return (score if score > 0.0 else 0.0) + log1p_unit(e), up, up * down


# -- Logits, or probabilities ------------------------------------------------------------------------------------------


def taken_for_real(
    score: float, label_smoothing: float = 0.0, from_logits: float = True, clamp: float = 100.0, floor: float = 1e-12
) -> Jet:
    """Of a real sample, to the discriminator."""
    return real_logit(score, label_smoothing)


def probably_real(score: float, label_smoothing: float, from_logits: float, clamp: float, floor: float) -> Jet:
    """The same of a probability."""
    real, real_slope, real_bend = cross_entropy(score, 1.0, clamp, floor)
    fake, fake_slope, fake_bend = cross_entropy(score, 0.0, clamp, floor)
    rest = 1.0 - label_smoothing
    return (
        scaled(rest, real) + scaled(label_smoothing, fake),
        scaled(rest, real_slope) + scaled(label_smoothing, fake_slope),
        scaled(rest, real_bend) + scaled(label_smoothing, fake_bend),
    )


def taken_for_fake(score: float, from_logits: float = True, clamp: float = 100.0, floor: float = 1e-12) -> Jet:
    """Of a fake, to the discriminator."""
    return fake_logit(score)


def probably_fake(score: float, from_logits: float, clamp: float, floor: float) -> Jet:
    """The same of a probability."""
    return cross_entropy(score, 0.0, clamp, floor)  # type: ignore[no-any-return]


def wanted_real(score: float, from_logits: float = True, clamp: float = 100.0, floor: float = 1e-12) -> Jet:
    """Of a fake, to the generator whose loss does not saturate."""
    return wanted_logit(score)


def wanted_probability(score: float, from_logits: float, clamp: float, floor: float) -> Jet:
    """The same of a probability."""
    return cross_entropy(score, 1.0, clamp, floor)  # type: ignore[no-any-return]


def seen_through(score: float, from_logits: float = True, clamp: float = 100.0, floor: float = 1e-12) -> Jet:
    """log(1 - p) of a fake, which the minimax generator makes small."""
    value, slope, bend = fake_logit(score)
    return -value, -slope, -bend


def probably_seen_through(score: float, from_logits: float, clamp: float, floor: float) -> Jet:
    """The same of a probability."""
    value, slope, bend = cross_entropy(score, 0.0, clamp, floor)
    return -value, -slope, -bend


# -- Scores ------------------------------------------------------------------------------------------------------------


def real_square(score: float, b: float = 1.0) -> Jet:
    """Half the squared distance of a real sample's score and its target."""
    gap = score - b
    return 0.5 * gap * gap, gap, 1.0


def fake_square(score: float, a: float = 0.0) -> Jet:
    """The same of a fake, to the discriminator."""
    gap = score - a
    return 0.5 * gap * gap, gap, 1.0


def opposite_square(score: float, a: float = -1.0) -> Jet:
    """The same where targets lie on both sides of 0."""
    gap = score - a
    return 0.5 * gap * gap, gap, 1.0


def wanted_square(score: float, c: float = 1.0) -> Jet:
    """The same of a fake, to the generator."""
    gap = score - c
    return 0.5 * gap * gap, gap, 1.0


def plus(score: float) -> Jet:
    """The score."""
    return score, 1.0 if score == score else score, 0.0


def minus(score: float) -> Jet:
    """The score, negated."""
    return -score, -1.0 if score == score else score, 0.0


def above_one(score: float) -> Jet:
    """What a score lacks to 1."""
    return 0.0 if score >= 1.0 else 1.0 - score, 0.0 if score >= 1.0 else (-1.0 if score < 1.0 else score), 0.0


def below_minus_one(score: float) -> Jet:
    """What a score exceeds -1 by."""
    return 0.0 if score <= -1.0 else 1.0 + score, 0.0 if score <= -1.0 else (1.0 if score > -1.0 else score), 0.0


# -- Pairs -------------------------------------------------------------------------------------------------------------

Pair = tuple[float, tuple[float, float], tuple[float, float]]


def more_real(real: float, fake: float) -> Pair:
    """-log sigmoid(real - fake)."""
    value, slope, bend = wanted_logit(real - fake)
    return value, (slope, -slope), (bend, bend)


def less_real(real: float, fake: float) -> Pair:
    """-log sigmoid(fake - real)."""
    value, slope, bend = fake_logit(real - fake)
    return value, (slope, -slope), (bend, bend)


# -- Losses of them ----------------------------------------------------------------------------------------------------

PROBABILITY: dict[Any, Any] = {
    taken_for_real: lambda from_logits: None if from_logits else probably_real,
    taken_for_fake: lambda from_logits: None if from_logits else probably_fake,
    wanted_real: lambda from_logits: None if from_logits else wanted_probability,
    seen_through: lambda from_logits: None if from_logits else probably_seen_through,
}
"""Functions of a logit, and what replaces each where scores are probabilities."""

SWITCHED: dict[str, Any] = {"score": scores, "from_logits": SWITCH, "clamp": POSITIVE, "floor": DIVISOR}
"""Their domains."""


def term(jet: Callable[..., Any], name: str, of: str = "fake", doc: str | None = None) -> Loss:
    """The loss of the samples `of` a kind, under the name that errors call it by."""
    domains = SWITCHED if jet in PROBABILITY else {}
    if jet in (real_logit, taken_for_real):
        domains = {**domains, "label_smoothing": UNIT}
    loss = Loss(jet, name=name, doc=doc, domains=domains, instead=PROBABILITY.get(jet), order=2)
    loss.inputs = (of,)
    loss.__module__ = PACKAGE
    return loss


def pair(jet: Callable[..., Any], name: str, doc: str) -> Loss:
    """The loss of a real sample and a fake at a time."""
    loss = Loss(jet, name=name, doc=doc, wrt=("real", "fake"), domains={}, order=2)
    loss.__module__ = PACKAGE
    return loss
