"""Negative log-likelihoods: counts, positive amounts, amounts with zeros, normal distributions of unknown variance.

Terms that do not depend on the prediction are dropped.
"""

from __future__ import annotations

import math

from ..domain import NON_NEGATIVE, POSITIVE, Domain
from ..loss import pointwise
from .special import INF, Jet, scaled

COMPOUND = Domain("COMPOUND", 1.0, 2.0, low_open=True, high_open=True)
"""Tweedie powers between Poisson's (1) and Gamma's (2): a Poisson number of Gamma-distributed amounts."""


@pointwise(target=NON_NEGATIVE)
def poisson(pred: float, target: float) -> Jet:
    """Poisson regression with a logarithmic link: counts and rates, pred being the logarithm of the mean.

    exp(pred) - target pred, as in scikit-learn, torch's ``poisson_nll_loss`` (``log_input=True``) and the boosting
    libraries, which add to the second derivative what keeps steps short. The target is at least 0.

    >>> import fastloss as fl
    >>> fl.poisson.value_and_grad([0.0, 0.0], [0.0, 3.0])
    (np.float64(1.0), array([ 0.5, -1. ]))
    """
    # From 1000 on exp is infinite, and so is the value: not infinity minus infinity.
    x = 1000.0 if pred > 1000.0 else pred
    mean = math.exp(x)
    return mean - scaled(target, x), mean - target, mean


@pointwise(pred=POSITIVE, target=NON_NEGATIVE)
def poisson_identity(pred: float, target: float) -> Jet:
    """Poisson's likelihood of a predicted mean.

    pred - target log(pred), without the epsilon of torch (``log_input=False``, 1e-8) and Keras (1e-7): pred is
    greater than 0, the target at least 0.

    >>> import fastloss as fl
    >>> fl.poisson_identity.value_and_grad([1.0, 2.0], [1.0, 4.0])
    (np.float64(0.11370563888010943), array([ 0. , -0.5]))
    """
    inverse = 1.0 / pred
    endless = pred == INF
    nothing = 0.0 * target  # keeps its NaN
    return (
        pred - nothing if endless else pred - target * math.log(pred),
        1.0 - nothing if endless else (pred - target) * inverse,
        target * inverse * inverse,
    )


@pointwise(target=POSITIVE)
def gamma(pred: float, target: float) -> Jet:
    """Gamma regression with a logarithmic link: positive amounts, pred being the logarithm of the mean.

    pred + target exp(-pred), as in scikit-learn and LightGBM. The target is greater than 0.

    >>> import fastloss as fl
    >>> fl.gamma.value_and_grad([0.0, 0.0], [1.0, 3.0])
    (np.float64(2.0), array([ 0., -1.]))
    """
    x = -1000.0 if pred < -1000.0 else pred
    ratio = target * math.exp(-x)
    return x + ratio, 1.0 - ratio, ratio


@pointwise(pred=POSITIVE, target=POSITIVE)
def gamma_identity(pred: float, target: float) -> Jet:
    """Gamma's likelihood of a predicted mean.

    log(pred) + target / pred; both are greater than 0. The second derivative is negative for pred > 2 target.

    >>> import fastloss as fl
    >>> fl.gamma_identity.value_and_grad([1.0, 1.0], [1.0, 3.0])
    (np.float64(2.0), array([ 0., -1.]))
    """
    inverse = 1.0 / pred
    endless = pred == INF
    nothing = 0.0 * target  # keeps its NaN
    return (
        math.log(pred) + target * inverse,
        nothing if endless else (pred - target) * inverse * inverse,
        nothing if endless else (2.0 * target - pred) * inverse * inverse * inverse,
    )


@pointwise(target=NON_NEGATIVE, power=COMPOUND)
def tweedie(pred: float, target: float, power: float = 1.5) -> Jet:
    """Tweedie regression with a logarithmic link: amounts that are often exactly 0, such as claims and rainfall.

    exp((2 - power) pred) / (2 - power) + target exp((1 - power) pred) / (power - 1), as in scikit-learn, XGBoost and
    LightGBM; pred is the logarithm of the mean, the target at least 0. `power` lies between 1 and 2, where no term
    is negative; for 1 and 2 themselves use `poisson` and `gamma`.

    >>> import fastloss as fl
    >>> fl.tweedie.value_and_grad([0.0, 0.0], [0.0, 3.0])
    (np.float64(5.0), array([ 0.5, -1. ]))
    """
    up = 2.0 - power
    down = power - 1.0
    mean = math.exp(up * pred)
    pull = scaled(target, math.exp(-down * pred))
    return mean * (1.0 / up) + pull * (1.0 / down), mean - pull, up * mean + down * pull


@pointwise(pred=POSITIVE, target=NON_NEGATIVE, power=COMPOUND)
def tweedie_identity(pred: float, target: float, power: float = 1.5) -> Jet:
    """Tweedie's likelihood of a predicted mean.

    pred^(2 - power) / (2 - power) + target pred^(1 - power) / (power - 1): pred is greater than 0, the target at
    least 0, `power` between 1 and 2 (see `tweedie`).

    >>> import fastloss as fl
    >>> fl.tweedie_identity.value_and_grad([4.0, 1.0], [0.0, 3.0])
    (np.float64(6.0), array([ 0.25, -1.  ]))
    """
    up = 2.0 - power
    down = power - 1.0
    shrunk = math.pow(pred, -down)
    inverse = 1.0 / pred
    endless = pred == INF
    nothing = 0.0 * target  # keeps its NaN
    return (
        pred + nothing if endless else shrunk * (pred * (1.0 / up) + target * (1.0 / down)),
        nothing if endless else shrunk * ((pred - target) * inverse),
        nothing if endless else shrunk * inverse * ((power * target - down * pred) * inverse),
    )


@pointwise(wrt=("pred", "var"), var=POSITIVE)
def gaussian_nll(pred: float, target: float, var: float) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Normal likelihood of a predicted mean and a predicted variance: regression that says how sure it is.

    (log(var) + (pred - target)^2 / var) / 2 without the constant log(2 pi) / 2, torch's default. The variance is
    greater than 0; torch holds it at or above 1e-6. The derivatives are pairs, with respect to pred and to var.

    >>> import fastloss as fl
    >>> fl.gaussian_nll.value_and_grad([0.0, 2.0], [0.0, 0.0], [1.0, 1.0])
    (np.float64(1.0), (array([0., 1.]), array([ 0.25, -0.75])))
    """
    r = pred - target
    inverse = 1.0 / var
    z = r * inverse
    square = r * z
    return (
        0.5 * (math.log(var) + square),
        (z, 0.5 * (1.0 - square) * inverse),
        (inverse, (square - 0.5) * inverse * inverse),
    )
