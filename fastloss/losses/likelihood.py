"""Negative log-likelihoods: counts, positive amounts, amounts with zeros, normal distributions of unknown variance.

Terms that do not depend on the prediction are dropped, unless ``full=True`` asks for them: the value is then the
negative logarithm of the density, of dispersion 1 where there is one.
"""

from __future__ import annotations

import math

from ..decorators import pointwise
from ..define.domain import NON_NEGATIVE, POSITIVE, REAL, SWITCH, Domain
from .counts import LARGE, SMALL, counted, counted_full, counted_identity, counted_identity_full, stirling_rest
from .special import (
    HALF_LOG_2PI,
    INF,
    NAN,
    UP,
    Jet,
    log_factorial,
    of_type,
    outweighed,
    quotient,
    scaled,
    sign,
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


def _tweedie_constant(pred: float, target: float, power: float, full: float) -> float:
    counts = log_factorial(target) if power == 1.0 else (0.0 if power == 2.0 else NAN)
    waits = 0.5 / target + 1.5 * math.log(target) + HALF_LOG_2PI if power == 3.0 else counts
    return 0.5 * target * target + HALF_LOG_2PI if power == 0.0 else waits


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


def _compound(pred: float, target: float, power: float, full: float) -> Jet:
    """`tweedie` for powers between 1 and 2: two terms that are not negative."""
    up = 2.0 - power
    down = power - 1.0
    x = outweighed(pred, target)
    mean = math.exp(up * x)
    half = math.exp(-0.5 * down * x)
    pull = 0.0 if target == 0.0 else target * half * half
    pulled = down * target
    bent = 0.0 if pulled == 0.0 else pulled * half * half
    return mean * (1.0 / up) + pull * (1.0 / down), mean - pull, up * mean + bent


@pointwise(
    link="exp",
    target=_supported, power=POWER, full=SWITCH, constant=_tweedie_constant,
    instead=lambda power: _compound if 1.0 < power < 2.0 else None,
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
    up = 2.0 - power
    down = power - 1.0
    # mean and pull have a factor in common, so that what is left of both says which is larger.
    low = power <= 1.0
    heavy = abs(target) == INF and abs(pred) < INF
    x = pred if down == 0.0 else outweighed(pred, target)
    x = (1000.0 if x > 1000.0 else x) if low else (-2000.0 if x < -2000.0 else x)
    large = low and x > 80.0  # as for `poisson`
    e = math.exp((x - 32.0 if large else x) if low else scaled(up, x))
    outer = math.exp(-scaled(down, x)) * (LARGE if large else 1.0) if low else e
    mean = e if low and not heavy else 1.0
    pull = target * (SMALL if large else 1.0) if low else times_exp(target, -x)
    rise = x if up == 0.0 else mean * (1.0 / up)
    fall = -scaled(0.0 if heavy and x == 0.0 else pull, x) if down == 0.0 else pull * (1.0 / down)
    k = 0.0625 if abs(target) > 1e30 else 1.0
    pulled = scaled(down, target * k)
    bent = pulled * (SMALL if large else 1.0) if low else times_exp(pulled, -x)
    bend = up * k * (e if low else 1.0) + bent
    return scaled(rise + fall, outer), scaled(mean - pull, outer), scaled(bend, outer) * (1.0 / k)


def _divided(e: float, x: float, scale: float) -> float:
    """e x / scale, in the order that does not overflow."""
    ratio = quotient(x, scale)
    return scaled(ratio, e) if abs(ratio) < INF else quotient(e * x, scale)


def _at_end(pred: float, power: float) -> float:
    """pred^-power for an infinite pred."""
    return pred if power < 0.0 else (1.0 if power == 0.0 else 0.0)


def _of_shrunk(pred: float, target: float, power: float, shrunk: float) -> Jet:
    """`tweedie_identity` for powers between 1 and 2, `shrunk` being pred^(1 - power)."""
    up = 2.0 - power
    down = power - 1.0
    k = 0.25 if target > 1e30 or pred > 1e30 else 1.0
    bend = quotient(power * (target * k) - down * (pred * k), pred)
    endless = pred == INF
    nothing = 0.0 * target  # keeps its NaN
    return (
        pred + nothing if endless else shrunk * pred * (1.0 / up) + scaled(target, shrunk) * (1.0 / down),
        nothing if endless else scaled(quotient(pred - target, pred), shrunk),
        nothing if endless else quotient(shrunk * bend, pred) * (1.0 / k),
    )


def _compound_identity(pred: float, target: float, power: float, full: float) -> Jet:
    """`tweedie_identity` for powers between 1 and 2."""
    return _of_shrunk(pred, target, power, math.pow(pred, 1.0 - power))


def _root_identity(pred: float, target: float, power: float, full: float) -> Jet:
    """`tweedie_identity` for a power of 3/2: a root, not a logarithm and an exponential."""
    return _of_shrunk(pred, target, power, quotient(math.sqrt(pred), pred))


@pointwise(
    pred=POSITIVE, target=_supported, power=POWER, full=SWITCH, constant=_tweedie_constant,
    instead=lambda power: _root_identity if power == 1.5 else _compound_identity if 1.0 < power < 2.0 else None,
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
    up = 2.0 - power
    down = power - 1.0
    endless = pred == INF
    nothing = 0.0 * target  # keeps its NaN
    # An infinite target outweighs any finite prediction; on which side of 1 it is may matter.
    mu = 1.0 + 0.5 * sign(pred - 1.0) if abs(target) == INF and not endless else pred
    low = power < 1.0
    even = power == 1.0
    e = math.pow(mu, -power if low else (0.0 if even else up))
    mean = 1.0 if power >= 2.0 else mu
    pull = target if low or even else quotient(target, mu)
    log = math.log(mu)
    rise = log if up == 0.0 else mean * (1.0 / up)
    fall = -scaled(0.0 if log == 0.0 and target == INF else target, log) if even else pull * (1.0 / down)
    apart = e * (mu - target) if low else _divided(e, mu - target, mu)
    k = 0.0625 if abs(scaled(power, target)) > 1e30 or mu > 1e30 else 1.0
    bend = _divided(e, scaled(power, target * k) - down * (mu * k), mu)
    bent = bend if low else quotient(bend, mu)
    value = scaled(rise + fall, e) * (mu if low else 1.0)
    return (
        (pred if up >= 0.0 else 0.0) + nothing if endless else value,
        _at_end(pred, power - 1.0) + nothing if endless else (apart if low or even else quotient(apart, mu)),
        _at_end(pred, power) + nothing if endless else (bent if low or even else quotient(bent, mu)) * (1.0 / k),
    )


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
