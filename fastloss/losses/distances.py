"""Regression, less common: powers, a bounded error, squared relative ones, a logarithmic link."""

from __future__ import annotations

import math

from ..decorators import pointwise, root_mean
from ..define.domain import NON_NEGATIVE, OPEN_UNIT, POSITIVE, POSITIVE_OR_INF, Domain
from ..define.with_respect_to import RESIDUAL
from .special import INF, Jet, atanh_tail, half_gap, of_type, quotient, room, scaled, sign

AT_LEAST_ONE = Domain("AT_LEAST_ONE", 1.0)
"""Powers of a distance that make a convex loss."""

# Beyond this, 1 + w * w is w * w to every digit of float64; below it, w * w is finite in float32.
_FAR = 1e17
# Below this, a loss is half the squared residual to every digit, and w * w may vanish in float32.
_NEAR = 1e-17

_SQRT_2 = math.sqrt(2.0)

# Powers of two of which no quotient of two numbers of the type exceeds the third.
_SINGLE, _DOUBLE = 2.0**100, 2.0**800
_LOG_SINGLE, _LOG_DOUBLE = math.log(_SINGLE), math.log(_DOUBLE)


def lp_of_three_halves(pred: float, target: float, p: float) -> Jet:
    """`lp` for 3/2."""
    r = pred - target
    a = abs(r)
    wide = a == INF  # of which the slope is finite
    root = math.sqrt(half_gap(pred, target) if wide else a) * (_SQRT_2 if wide else 1.0)
    none = root == 0.0
    return a * root, math.copysign(1.5 * root, r), INF if none else 0.75 / (1.0 if none else root)


def lp_of_two(pred: float, target: float, p: float) -> Jet:
    """`lp` for 2."""
    r = pred - target
    return r * r, r + r, 2.0


def lp_of_five_halves(pred: float, target: float, p: float) -> Jet:
    """`lp` for 5/2."""
    r = pred - target
    a = abs(r)
    wide = a == INF  # of which the second derivative is finite
    root = math.sqrt(half_gap(pred, target) if wide else a) * (_SQRT_2 if wide else 1.0)
    return a * (a * root), r * (2.5 * root), 3.75 * root


def lp_of_three(pred: float, target: float, p: float) -> Jet:
    """`lp` for 3."""
    r = pred - target
    a = abs(r)
    return a * (a * a), 3.0 * r * a, 6.0 * a


def lp_of_four(pred: float, target: float, p: float) -> Jet:
    """`lp` for 4."""
    r = pred - target
    a = r * r
    return a * a, 4.0 * r * a, 12.0 * r * r


@pointwise(
    others=RESIDUAL, p=AT_LEAST_ONE,
    faster=lambda p:
        lp_of_three_halves if p == 1.5 else lp_of_two if p == 2.0 else lp_of_five_halves if p == 2.5 else
        lp_of_three if p == 3.0 else lp_of_four if p == 4.0 else None,
)  # fmt: skip
def lp(pred: float, target: float, p: float = 1.5) -> Jet:
    """Absolute error to a power between absolute and squared error, or beyond.

    |pred - target|^p for any p >= 1, LossFunctions.jl's ``LPDistLoss`` and CatBoost's ``Lq``, to the digit
    `absolute_error` and `squared_error` for p = 1 and p = 2. Where pred equals the target the gradient is 0, and the
    second derivative its limit: infinite for p between 1 and 2.

    >>> import fastloss as fl
    >>> fl.lp.value_and_grad([1.0, 4.0], [0.0, 0.0], p=1.5)
    (np.float64(4.5), array([0.75, 1.5 ]))
    """
    r = pred - target
    a = abs(r)
    wide = a == INF
    size = half_gap(pred, target) if wide else a
    # One power makes all three, chosen so that it neither overflows nor underflows where they do not.
    steep = p >= 2.0
    exponent = p - 2.0 if steep else p - 1.0
    b = math.pow(size, exponent) * (math.pow(2.0, exponent) if wide else 1.0)
    slope = a * b if steep else b
    bend = p * (p - 1.0)
    # The quotient of b and the size would be that of two zeros, or of two infinities.
    none = size == 0.0 or size == INF
    over = scaled(bend, b / (1.0 if none else size) * (0.5 if wide else 1.0))
    sharp = (0.0 if size == INF or bend == 0.0 else INF) if none else over
    return a * slope, p * slope * sign(r), bend * b if steep else sharp


@pointwise(others=RESIDUAL, c=POSITIVE_OR_INF)
def geman_mcclure(pred: float, target: float, c: float = 1.0) -> Jet:
    """Bounded loss with slowly vanishing slopes: outliers pull with 1 / |r|^3 (Geman and McClure, 1985).

    r^2 / (2 (1 + (r / c)^2)) for r = pred - target: r^2 / 2 near the target, as the other robust losses, and c^2 / 2
    far from it; kornia's is this with c = 2. The second derivative is negative for |r| > c / sqrt(3).
    An infinite c gives half the squared error.

    >>> import fastloss as fl
    >>> fl.geman_mcclure.value_and_grad([1.0, 0.0], [0.0, 0.0])
    (np.float64(0.125), array([0.125, 0.   ]))
    """
    r = pred - target
    a = abs(r)
    w = quotient(a, c) if c < INF else 0.0
    square = w * w
    inverse = 1.0 / (1.0 + square)
    share = 1.0 if w > _FAR else square * inverse
    return (
        0.5 * a * a if w < _NEAR else 0.5 * c * (c * share),
        0.0 if w == INF else r * inverse * inverse,
        (inverse - 3.0 * share) * inverse * inverse,
    )


@pointwise(epsilon=POSITIVE)
def squared_percentage_error(pred: float, target: float, epsilon: float = 2.220446049250313e-16) -> Jet:
    """Squared error relative to the target: the square of `absolute_percentage_error`, as a fraction.

    ((pred - target) / max(|target|, epsilon))^2, not multiplied by 100^2, with the default of
    `absolute_percentage_error` for epsilon: a target of 0 makes a huge loss.

    >>> import fastloss as fl
    >>> fl.squared_percentage_error.value_and_grad([1.0, 5.0], [2.0, 4.0])
    (np.float64(0.15625), array([-0.25  ,  0.0625]))
    """
    size = abs(target)
    held = epsilon if size < epsilon else size
    k = room(held)
    inverse = 1.0 / (held * k)
    s = sign(pred - target) if size == INF else (pred * k - target * k) * inverse
    return s * s, 2.0 * s * inverse * k, 2.0 * inverse * inverse * k * k


root_mean_squared_percentage_error = root_mean(
    squared_percentage_error,
    "root_mean_squared_percentage_error",
    """Root mean squared percentage error: the root of the mean of `squared_percentage_error`, as a fraction.

    sqrt(mean(((pred - target) / max(|target|, epsilon))^2)), the mean weighted: a loss of the whole array. The gradient
    is 0 where the loss is 0; the second derivative is the diagonal of the Hessian.

    >>> import fastloss as fl
    >>> fl.root_mean_squared_percentage_error([1.0, 6.0], [2.0, 4.0])
    np.float64(0.5)
    """,
)


@pointwise(link="exp", q=OPEN_UNIT)
def log_lin_quantile(pred: float, target: float, q: float = 0.5) -> Jet:
    """Quantile loss of exp(pred): quantiles of positive amounts, predicted on a logarithmic scale.

    (1 - q) (exp(pred) - target) above the target, q (target - exp(pred)) below it: `quantile` with a logarithmic link,
    CatBoost's ``LogLinQuantile``. The target may be any number. The gradient is 0 where exp(pred) equals the target;
    the second derivative equals the gradient, and is negative below the target.

    >>> import fastloss as fl
    >>> fl.log_lin_quantile.value_and_grad([0.0, 0.0], [3.0, 0.5], q=0.75)
    (np.float64(0.8125), array([-0.375,  0.125]))
    """
    e = math.exp(pred)
    r = -target if abs(target) == INF and pred < INF else e - target  # it outweighs whatever is finite
    slope = 1.0 - q if r > 0.0 else (-q if r < 0.0 else r)
    d1 = slope * e
    return slope * r, d1, d1


@pointwise(pred=NON_NEGATIVE, target=NON_NEGATIVE)
def generalized_kl(pred: float, target: float) -> Jet:
    """Kullback-Leibler divergence of non-negative numbers that need not sum to 1, as in matrix factorisation.

    target log(target / pred) - target + pred, the I-divergence (Csiszár, 1975), 0 where they are equal, without loss of
    digits near there; 0 log 0 is 0. It is half of Poisson's deviance; `poisson_identity` has the same derivatives.
    optax's ``generalized_kl_divergence`` is its sum for log(pred). At pred = 0 it is infinite, with slope -infinity,
    unless the target is 0 too: then it is 0, with slope 1.

    >>> import fastloss as fl
    >>> fl.generalized_kl.value_and_grad([1.0, 2.0], [0.0, 2.0])
    (np.float64(0.5), array([0.5, 0. ]))
    """
    d = pred - target
    low = target if d > 0.0 else pred
    near = -0.5 * target < d and d < target
    # The quotient may be infinite: a power of two, once or twice in its divisor, is a term of its logarithm.
    k = of_type(_SINGLE, _DOUBLE)
    once = low * k < abs(d)
    twice = low * k < abs(d) * (1.0 / k)
    part = 0.5 if near else 1.0 / k if twice else 1.0
    # One division: by the sum for the series near the target, else by the smaller one for the logarithm.
    s = d * part / (0.5 * target + 0.5 * pred if near else low * (k if once else 1.0))
    z = s * s
    shift = of_type(_LOG_SINGLE, _LOG_DOUBLE)
    log = math.log1p(abs(s) - (1.0 if once else 0.0)) + (shift + shift if twice else shift if once else 0.0)
    beyond = d - target * (log if d > 0.0 else -log)
    none = target == 0.0
    off = pred == 0.0
    ratio = target / (1.0 if off else pred)
    return (
        abs(d) if none or pred == INF or target == INF else s * (d - target * z * atanh_tail(z)) if near else beyond,
        1.0 + 0.0 * target if pred == INF or (none and off) else -INF - target if off else d / pred,
        0.0 * ratio if none else INF + target if off else ratio / pred,
    )
