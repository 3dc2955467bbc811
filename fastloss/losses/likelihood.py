"""Negative log-likelihoods: counts, positive amounts, amounts with zeros, normal distributions of unknown variance.

Terms that do not depend on the prediction are dropped, unless ``full=True`` asks for them: the value is then the
negative logarithm of the density, of dispersion 1 where there is one.
"""

from __future__ import annotations

import math

from ..decorators import pointwise
from ..define.domain import NON_NEGATIVE, POSITIVE, REAL, SWITCH, Domain
from .counts import counted, counted_full, counted_identity, counted_identity_full, stirling_rest
from .dispersion import better, better_identity, powered, powered_identity, unknown_constant
from .special import (
    HALF_LOG_2PI,
    INF,
    NAN,
    UP,
    Jet,
    met,
    of_type,
    quotient,
    times_exp,
)

POWER = Domain("POWER", gap=(0.0, 1.0))
"""Tweedie powers: variances proportional to the mean to that power. Between 0 and 1 there is no distribution."""


def _supported(power: float) -> Domain:
    return REAL if power < 1.0 else (NON_NEGATIVE if power < 2.0 else POSITIVE)


def _stirling_rest(pred: float, target: float, full: float) -> float:
    return stirling_rest(target)


def _nothing(pred: float, target: float, full: float) -> float:
    return 0.0


def _normal(pred: float, target: float, var: float, full: float) -> float:
    return HALF_LOG_2PI


@pointwise(
    link="exp", target=NON_NEGATIVE, full=SWITCH, constant=_stirling_rest,
    instead=lambda full: counted_full if full else None,
)  # fmt: skip
def poisson(pred: float, target: float, full: float = False) -> Jet:
    """Poisson regression with a logarithmic link: counts and rates, pred being the logarithm of the mean.

    exp(pred) - target pred, as in scikit-learn, torch's ``poisson_nll_loss`` (``log_input=True``) and the boosting
    libraries. Their second derivatives differ: CatBoost takes the true one, XGBoost since 2026 the mean of this
    (twice) and the label (once), LightGBM and older XGBoost the true one times exp(0.7). The target is at least 0.
    With ``full=True`` the value has log(target!), exactly; torch's ``full`` has Stirling's approximation of it, and
    nothing for targets up to 1.

    >>> import fastloss as fl
    >>> fl.poisson.value_and_grad([0.0, 0.0], [0.0, 3.0])
    (np.float64(1.0), array([ 0.5, -1. ]))
    """
    return counted(pred, target)


@pointwise(
    pred=POSITIVE, target=NON_NEGATIVE, full=SWITCH, constant=_stirling_rest,
    instead=lambda full: counted_identity_full if full else None,
)  # fmt: skip
def poisson_identity(pred: float, target: float, full: float = False) -> Jet:
    """Poisson's likelihood of a predicted mean.

    pred - target log(pred), without the epsilon of torch (``log_input=False``, 1e-8) and Keras (1e-7): pred is
    greater than 0, the target at least 0. At a target of 0 the gradient is exactly 1. ``full=True`` adds log(target!).

    >>> import fastloss as fl
    >>> fl.poisson_identity.value_and_grad([1.0, 2.0], [1.0, 4.0])
    (np.float64(0.11370563888010943), array([ 0. , -0.5]))
    """
    return counted_identity(pred, target)


@pointwise(link="exp", target=NON_NEGATIVE, dispersion=POSITIVE)
def negative_binomial(pred: float, target: float, dispersion: float = 1.0) -> Jet:
    """Counts that vary more than Poisson's, with a logarithmic link: pred is the logarithm of the mean.

    (target + 1 / d) log(1 + d exp(pred)) - target pred for d = `dispersion`: the variance is mean + d mean^2 (NB2, of
    Cameron and Trivedi, 1986; statsmodels' ``NegativeBinomial``; 1 / d is R's ``theta`` of ``glm.nb``, the
    ``total_count`` of torch's distribution). It tends to `poisson` for small dispersions, and is convex. Terms that do
    not depend on pred are left out. The target is at least 0.

    >>> import fastloss as fl
    >>> fl.negative_binomial.grad([0.0, 0.0], [0.0, 3.0], dispersion=1.0, reduction="sum")
    array([ 0.5, -1. ])
    """
    drawn = NAN if pred == INF and target == INF else target
    shift = math.log(dispersion)
    few = pred <= -shift  # the variance's second part is no larger than its first
    e = math.exp(pred if few else -pred)
    mean, inverse = e if few else 1.0, 1.0 if few else e
    spread = dispersion * mean if few else dispersion / inverse
    share = 1.0 / (1.0 + spread if few else inverse + dispersion)
    log = math.log1p(spread) if spread < INF else pred + shift
    # log(1 + d exp(pred)) - pred, of which no term outweighs the others
    rest = log - pred if few else math.log(inverse + dispersion)
    odds = inverse * share
    bend = odds * share + met(drawn, dispersion * share * odds)
    return (
        (log + met(dispersion * rest, drawn)) / dispersion if dispersion < 1.0 else log / dispersion + met(rest, drawn),
        (mean - drawn) * share if few else share - met(odds, drawn),
        (mean + met(drawn, spread)) * share * share if few else bend,
    )


@pointwise(link="exp", target=POSITIVE, full=SWITCH, constant=_nothing)
def gamma(pred: float, target: float, full: float = False) -> Jet:
    """Gamma regression with a logarithmic link: positive amounts, pred being the logarithm of the mean.

    pred + target exp(-pred), as in scikit-learn and LightGBM. The target is greater than 0. For a shape of 1 nothing
    is missing from the likelihood: ``full=True`` adds 0.

    >>> import fastloss as fl
    >>> fl.gamma.value_and_grad([0.0, 0.0], [1.0, 3.0])
    (np.float64(2.0), array([ 0., -1.]))
    """
    x = -2000.0 if pred < -2000.0 else pred
    # Beyond, the ratio is 0 of the largest finite target, too.
    end = of_type(200.0, 1480.0)
    ratio = NAN if pred == INF and target == INF else times_exp(target, -(end if x > end else x))
    return x + ratio, 1.0 - ratio, ratio


@pointwise(pred=POSITIVE, target=POSITIVE, full=SWITCH, constant=_nothing)
def gamma_identity(pred: float, target: float, full: float = False) -> Jet:
    """Gamma's likelihood of a predicted mean.

    log(pred) + target / pred; both are greater than 0. The second derivative is negative for pred > 2 target. For a
    shape of 1 nothing is missing from the likelihood: ``full=True`` adds 0.

    >>> import fastloss as fl
    >>> fl.gamma_identity.value_and_grad([1.0, 1.0], [1.0, 3.0])
    (np.float64(2.0), array([ 0., -1.]))
    """
    endless = pred == INF
    nothing = 0.0 * target  # keeps its NaN
    # The reciprocal of a quarter of the largest number has all of its digits.
    k = UP if pred < 1e-20 else 0.25
    inverse = 1.0 / (pred * k)
    slope = (pred - target) * k * inverse * k * inverse
    less = 0.25 if target > 1e30 else 1.0
    bend = 2.0 * less * target - less * pred
    return (
        math.log(pred) + target * k * inverse,
        nothing if endless else slope,
        nothing if endless else quotient(quotient(quotient(bend, pred), pred), pred) * (1.0 / less),
    )


@pointwise(
    link="exp",
    target=_supported, power=POWER, full=SWITCH, constant=unknown_constant, instead=better,
)  # fmt: skip
def tweedie(pred: float, target: float, power: float = 1.5, full: float = False) -> Jet:
    """Tweedie regression with a logarithmic link: amounts that are often exactly 0, such as claims and rainfall.

    exp((2 - power) pred) / (2 - power) + target exp((1 - power) pred) / (power - 1), as in scikit-learn, XGBoost and
    LightGBM; pred is the logarithm of the mean. The variance is proportional to the mean to the `power`: 0 normal
    (half the squared error of the mean, less target^2 / 2), 1 Poisson, 2 Gamma, 3 inverse Gaussian; any power but those
    between 0 and 1. At 1 and 2 a term becomes its limit without an infinite constant, -target pred and pred, as in
    `poisson` and `gamma`: values of other powers do not compare with those, gradients do. The target is at least 0, for
    powers from 2 on greater than 0, for powers of 0 and below any number. The second derivative may be negative for
    powers below 1 and above 2. ``full=True`` adds what the likelihood has besides, of which there is a closed form for
    the powers 0, 1, 2 and 3.

    >>> import fastloss as fl
    >>> fl.tweedie.value_and_grad([0.0, 0.0], [0.0, 3.0])
    (np.float64(5.0), array([ 0.5, -1. ]))
    >>> fl.tweedie.value_and_grad([0.0, 0.0], [-1.0, 3.0], power=0.0)
    (np.float64(-0.5), array([ 1., -1.]))
    """
    return powered(pred, target, power)


@pointwise(
    pred=POSITIVE, target=_supported, power=POWER, full=SWITCH, constant=unknown_constant, instead=better_identity,
)  # fmt: skip
def tweedie_identity(pred: float, target: float, power: float = 1.5, full: float = False) -> Jet:
    """Tweedie's likelihood of a predicted mean.

    pred^(2 - power) / (2 - power) + target pred^(1 - power) / (power - 1), with -target log(pred) and log(pred) in
    place of a term that has no value at the powers 1 and 2: pred is greater than 0; for `power`, the target and `full`
    see `tweedie`.

    >>> import fastloss as fl
    >>> fl.tweedie_identity.value_and_grad([4.0, 1.0], [0.0, 3.0])
    (np.float64(6.0), array([ 0.25, -1.  ]))
    """
    return powered_identity(pred, target, power)


@pointwise(wrt=("pred", "var"), var=POSITIVE, full=SWITCH, constant=_normal)
def gaussian_nll(
    pred: float, target: float, var: float, full: float = False
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Normal likelihood of a predicted mean and a predicted variance: regression that says how sure it is.

    (log(var) + (pred - target)^2 / var) / 2 without the constant log(2 pi) / 2, torch's default; ``full=True`` adds
    it, in torch as well. The variance is greater than 0; torch holds it at or above 1e-6. The derivatives are pairs,
    with respect to pred and to var.

    >>> import fastloss as fl
    >>> fl.gaussian_nll.value_and_grad([0.0, 2.0], [0.0, 0.0], [1.0, 1.0])
    (np.float64(1.0), (array([0., 1.]), array([ 0.25, -0.75])))
    """
    # A wide distribution's residual may be infinite while its quotient is not.
    wide = var > 1.0
    part = 0.25 if wide else 1.0
    gap = part * pred - part * target
    z = gap / (part * var)
    half = (2.0 if wide else 0.5) * gap * z
    narrow = 0.0 if wide else half
    square = 0.5 * z * z if wide else 0.0
    return (
        0.5 * math.log(var) + half,
        (z, (0.5 - narrow) / var - square),
        (1.0 / var, (square + square + (narrow + narrow - 0.5) / var) / var),
    )
