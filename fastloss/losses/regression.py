"""Regression: squared, absolute, logarithmic, relative and quantile errors."""

from __future__ import annotations

import math

from ..decorators import pointwise, root_mean
from ..define.domain import ABOVE_MINUS_ONE, NON_NEGATIVE, OPEN_UNIT, POSITIVE
from ..define.with_respect_to import RESIDUAL
from .special import INF, Jet, half_gap, room, sign

_LEAST, _LOG_LEAST = 2.0**-54, -54.0 * math.log(2.0)


@pointwise(others=RESIDUAL)
def squared_error(pred: float, target: float) -> Jet:
    """Squared error: the mean of the target is its minimiser.

    (pred - target)^2, without a factor of 1/2, as in scikit-learn's ``mean_squared_error``, torch and Keras.
    Gradient-boosting libraries differentiate `half_squared_error`.

    >>> import fastloss as fl
    >>> fl.squared_error.value_and_grad([1.0, 4.0], [0.0, 2.0])
    (np.float64(2.5), array([1., 2.]))
    """
    r = pred - target
    return r * r, 2.0 * r, 2.0


@pointwise(others=RESIDUAL)
def half_squared_error(pred: float, target: float) -> Jet:
    """Half the squared error: its gradient is the residual and its second derivative 1.

    (pred - target)^2 / 2: optax's ``l2_loss``, and what XGBoost, LightGBM, CatBoost and scikit-learn boost.

    >>> import fastloss as fl
    >>> fl.half_squared_error.value_and_grad([1.0, 4.0], [0.0, 2.0])
    (np.float64(1.25), array([0.5, 1. ]))
    """
    r = pred - target
    return 0.5 * r * r, r, 1.0


@pointwise(others=RESIDUAL)
def absolute_error(pred: float, target: float) -> Jet:
    """Absolute error: the median of the target is its minimiser, and outliers count no more than linearly.

    |pred - target|. The gradient is the sign of the residual, 0 where it is 0 (as torch has it); the second
    derivative is 0.

    >>> import fastloss as fl
    >>> fl.absolute_error.value_and_grad([1.0, 4.0], [0.0, 6.0])
    (np.float64(1.5), array([ 0.5, -0.5]))
    """
    r = pred - target
    return abs(r), sign(r), 0.0


root_mean_squared_error = root_mean(
    squared_error,
    "root_mean_squared_error",
    """Root mean squared error: `squared_error` in the unit of the target.

    sqrt(mean((pred - target)^2)), the mean weighted: a loss of the whole array. The gradient is 0 where the loss is 0;
    the second derivative is the diagonal of the Hessian.

    >>> import fastloss as fl
    >>> fl.root_mean_squared_error.value_and_grad([1.0, 7.0], [0.0, 0.0])
    (np.float64(5.0), array([0.1, 0.7]))
    """,
)


@pointwise(pred=ABOVE_MINUS_ONE, target=ABOVE_MINUS_ONE)
def squared_log_error(pred: float, target: float) -> Jet:
    """Squared difference of logarithms: for targets that span orders of magnitude, such as counts and prices.

    (log(1 + pred) - log(1 + target))^2, as in scikit-learn's ``mean_squared_log_error``; both arguments above -1.
    XGBoost has half of it, Keras clips both arguments at 1e-7. The second derivative is negative where pred exceeds
    the target by more than a factor of e.

    >>> import fastloss as fl
    >>> fl.squared_log_error.value_and_grad([1.0, 3.0], [1.0, 0.0])
    (np.float64(0.9609060278364028), array([0.        , 0.34657359]))
    """
    # log((1 + high) / (1 + low)) with the larger one above: no cancellation, and an argument of log1p that is never
    # negative.
    r = pred - target
    low = pred if r < 0.0 else target
    wide = abs(r) > 1e31 and low < 1.0  # the quotient may be infinite in float32
    log = math.log1p(abs(r) * (_LEAST if wide else 1.0) / (1.0 + low)) - (_LOG_LEAST if wide else 0.0)
    d = -log if r < 0.0 else log
    inverse = 1.0 / (1.0 + pred)
    falling = pred == INF  # the inverse goes to 0 faster than the logarithm to infinity
    nothing = 0.0 * target  # keeps its NaN
    return (
        d * d,
        nothing if falling else 2.0 * d * inverse,
        nothing if falling else 2.0 * (1.0 - d) * inverse * inverse,
    )


root_mean_squared_log_error = root_mean(
    squared_log_error,
    "root_mean_squared_log_error",
    """Root of the mean of `squared_log_error`, the measure of many competitions on counts and prices.

    sqrt(mean((log(1 + pred) - log(1 + target))^2)), the mean weighted; both arguments above -1. The gradient is 0
    where the loss is 0.

    >>> import fastloss as fl
    >>> fl.root_mean_squared_log_error.value_and_grad([0.0, 1.0], [0.0, 0.0])
    (np.float64(0.49012907173427356), array([0.        , 0.35355339]))
    """,
)


@pointwise(epsilon=POSITIVE)
def absolute_percentage_error(pred: float, target: float, epsilon: float = 2.220446049250313e-16) -> Jet:
    """Absolute error relative to the target: the "percentage" error of forecasting, as a fraction.

    |pred - target| / max(|target|, epsilon), not multiplied by 100 (Keras does), with scikit-learn's default for
    epsilon, the spacing of float64 at 1: a target of 0 makes a huge loss. LightGBM and CatBoost have epsilon = 1. The
    gradient is 0 where pred equals the target.

    >>> import fastloss as fl
    >>> fl.absolute_percentage_error.value_and_grad([1.0, 5.0], [2.0, 4.0])
    (np.float64(0.375), array([-0.25 ,  0.125]))
    """
    size = abs(target)
    held = epsilon if size < epsilon else size
    k = room(held)
    inverse = 1.0 / (held * k)
    slope = sign(pred - target) * inverse * k
    nothing = 0.0 * pred  # NaN for an infinite one
    endless = size == INF  # whatever is predicted, the error is as large as the target
    return (
        1.0 + nothing if endless else abs(pred * k - target * k) * inverse,
        nothing if endless else slope,
        0.0,
    )


@pointwise
def symmetric_absolute_percentage_error(pred: float, target: float) -> Jet:
    """Absolute error relative to the mean size of prediction and target: bounded, between 0 and 2.

    2 |pred - target| / (|pred| + |target|), not multiplied by 100; 0 where both are 0. It is 2, with gradient 0, for
    any prediction on the wrong side of 0. Kinks: the gradient is 0 where pred equals the target, and the mean of the
    two slopes at pred = 0, -2 / target.

    >>> import fastloss as fl
    >>> fl.symmetric_absolute_percentage_error.value_and_grad([1.0, 3.0], [3.0, 1.0])
    (np.float64(1.0), array([-0.375,  0.125]))
    """
    k = room(abs(pred) + abs(target))
    a, b = pred * k, target * k
    size = abs(a) + abs(b)
    whole = 1.0 if size == 0.0 else size
    inverse = 1.0 / whole
    side = sign(pred)
    r = sign(pred - target)
    # The derivative of |pred| - |target| and so on comes down to this: 2 on the target's side of 0, 0 on the other.
    share = 1.0 + side * sign(target)
    endless = size == INF
    steep = 0.0 if target == 0.0 or endless else (abs(b) * inverse) * inverse
    d1 = 2.0 * r * share * steep
    value = 2.0 + r * inverse if endless else 2.0 * (abs(a - b) / whole)
    return value, d1 * k, -2.0 * side * d1 * inverse * k * k


@pointwise(others=RESIDUAL, q=OPEN_UNIT)
def quantile(pred: float, target: float, q: float = 0.5) -> Jet:
    """Quantile ("pinball") loss: the q-th quantile of the target is its minimiser.

    (1 - q) (pred - target) above the target, q (target - pred) below it. `q` as in ``numpy.quantile``; scikit-learn
    calls it ``alpha`` or ``quantile``. With q = 1/2 it is half the absolute error. The gradient is 0 where pred
    equals the target (CatBoost has this too; scikit-learn -q, LightGBM 1 - q).

    >>> import fastloss as fl
    >>> fl.quantile.value_and_grad([1.0, 3.0], [2.0, 2.0], q=0.9)
    (np.float64(0.5), array([-0.45,  0.05]))
    """
    r = pred - target
    slope = 1.0 - q if r > 0.0 else (-q if r < 0.0 else r)
    return abs(slope + slope) * half_gap(pred, target), slope, 0.0


@pointwise(others=RESIDUAL, q=OPEN_UNIT)
def expectile(pred: float, target: float, q: float = 0.5) -> Jet:
    """Expectile loss: asymmetric least squares (Newey and Powell, 1987); q = 1/2 gives half the squared error.

    (1 - q) (pred - target)^2 above the target, q (pred - target)^2 below it. CatBoost's convention; XGBoost's
    gradient is half of it.

    >>> import fastloss as fl
    >>> fl.expectile.value_and_grad([1.0, 3.0], [2.0, 2.0], q=0.75)
    (np.float64(0.5), array([-0.75,  0.25]))
    """
    r = pred - target
    share = 1.0 - q if r > 0.0 else q
    d1 = 2.0 * share * r if abs(r) < INF else 4.0 * share * (0.5 * pred - 0.5 * target)
    return share * r * r, d1, 2.0 * share


@pointwise(others=RESIDUAL, epsilon=NON_NEGATIVE)
def epsilon_insensitive(pred: float, target: float, epsilon: float = 0.1) -> Jet:
    """Absolute error beyond a tube of half-width epsilon: the loss of support vector regression.

    max(0, |pred - target| - epsilon), scikit-learn's SVR and its default. On the edge of the tube the gradient is 0.

    >>> import fastloss as fl
    >>> fl.epsilon_insensitive.value_and_grad([1.0, 3.0], [1.25, 2.0], epsilon=0.5)
    (np.float64(0.25), array([0. , 0.5]))
    """
    r = pred - target
    a = abs(r)
    inside = a <= epsilon
    return 0.0 if inside else 2.0 * (half_gap(pred, target) - 0.5 * epsilon), 0.0 if inside else sign(r), 0.0


@pointwise(others=RESIDUAL, epsilon=NON_NEGATIVE)
def squared_epsilon_insensitive(pred: float, target: float, epsilon: float = 0.1) -> Jet:
    """Squared error beyond a tube of half-width epsilon: the smooth loss of support vector regression.

    max(0, |pred - target| - epsilon)^2, scikit-learn's ``squared_epsilon_insensitive``. On the edge of the tube the
    second derivative is 0.

    >>> import fastloss as fl
    >>> fl.squared_epsilon_insensitive.value_and_grad([1.0, 3.0], [1.25, 2.0], epsilon=0.5)
    (np.float64(0.125), array([0. , 0.5]))
    """
    r = pred - target
    a = abs(r)
    inside = a <= epsilon
    m = 0.0 if inside else a - epsilon
    return m * m, 0.0 if inside else 2.0 * sign(r) * m, 0.0 if inside else 2.0
