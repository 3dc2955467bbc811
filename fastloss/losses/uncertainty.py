"""Regression that says how sure it is, by the logarithm of a scale: any real number is one."""

from __future__ import annotations

import math

from ..loss import pointwise
from .special import INF


@pointwise(wrt=("pred", "log_scale"))
def gaussian_nll_log_scale(
    pred: float, target: float, log_scale: float
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Normal likelihood of a predicted mean and the logarithm of a predicted standard deviation.

    log_scale + ((pred - target) exp(-log_scale))^2 / 2, without the constant log(2 pi) / 2: CatBoost's
    ``RMSEWithUncertainty``. `gaussian_nll` takes the variance itself, which must be positive; the logarithm of a
    variance is 2 log_scale. The derivatives are pairs, with respect to pred and to log_scale.

    >>> import fastloss as fl
    >>> fl.gaussian_nll_log_scale.value_and_grad([0.0, 2.0], [0.0, 0.0], [0.0, 0.0])
    (np.float64(1.0), (array([0., 1.]), array([ 0.5, -1.5])))
    """
    r = pred - target
    inverse = math.exp(-log_scale)
    z = r if r == 0.0 else r * inverse
    slope = r if z == 0.0 and inverse == INF else z * inverse
    square = z * z
    return (
        square if square == INF else log_scale + 0.5 * square,
        (slope, 1.0 - square),
        (inverse * inverse, 2.0 * square),
    )
