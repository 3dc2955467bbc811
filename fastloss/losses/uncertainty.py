"""Regression that says how sure it is, by the logarithm of a scale: any real number is one."""

from __future__ import annotations

import math

from ..decorators import pointwise
from ..define.domain import SWITCH
from .special import HALF_LOG_2PI, INF


def _half_log_2pi(pred: float, target: float, log_scale: float, full: float) -> float:
    return HALF_LOG_2PI


@pointwise(wrt=("pred", "log_scale"), full=SWITCH, constant=_half_log_2pi)
def gaussian_nll_log_scale(
    pred: float, target: float, log_scale: float, full: float = False
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Normal likelihood of a predicted mean and the logarithm of a predicted standard deviation.

    log_scale + ((pred - target) exp(-log_scale))^2 / 2, without the constant log(2 pi) / 2, which ``full=True`` adds:
    CatBoost's ``RMSEWithUncertainty``. `gaussian_nll` takes the variance itself, which must be positive; the logarithm
    of a variance is 2 log_scale. The derivatives are pairs, with respect to pred and to log_scale.

    >>> import fastloss as fl
    >>> fl.gaussian_nll_log_scale.value_and_grad([0.0, 2.0], [0.0, 0.0], [0.0, 0.0])
    (np.float64(1.0), (array([0., 1.]), array([ 0.5, -1.5])))
    """
    # A wide distribution's residual may be too large for its type, a narrow one's too small to be halved.
    wide = log_scale > 0.0
    gap = 0.5 * pred - 0.5 * target if wide else pred - target
    # An infinite residual outweighs any finite scale.
    inverse = math.exp(-(0.0 if abs(gap) == INF and abs(log_scale) < INF else log_scale))
    z = gap if gap == 0.0 else gap * inverse * (2.0 if wide else 1.0)
    slope = gap if z == 0.0 and inverse == INF else z * inverse
    square = z * z
    steep = math.exp(-log_scale)
    return (
        square if square == INF else log_scale + 0.5 * square,
        (slope, 1.0 - square),
        (steep * steep, 2.0 * square),
    )
