"""Robust regression: quadratic near the target, and then linear, logarithmic or flat."""

from __future__ import annotations

import math

from ..decorators import pointwise
from ..define.domain import NON_NEGATIVE, POSITIVE_OR_INF
from ..define.with_respect_to import RESIDUAL
from .special import (
    DOWN,
    INF,
    UP,
    Jet,
    atanh_tail,
    exp_with_expm1,
    expm1_neg,
    half_gap,
    log1p_small,
    log_cosh_near,
    minus_log1p,
    of_type,
    quotient,
    sign,
)

# Beyond this, 1 + w * w is w * w to every digit of float64; below it, w * w is finite in float32.
_FAR = 1e17
# Below this, a loss is half the squared residual to every digit, and w * w may vanish in float32.
_NEAR = 1e-17
# Beyond this, w may be infinite in float32 while the loss is not.
_HUGE = 1e36

_LN2 = math.log(2.0)

_LEAST = 2.0**-61


def _scaled_residual(a: float, scale: float) -> float:
    """a / scale for a = |pred - target|, 0 for an infinite scale."""
    return quotient(a, scale) if scale < INF else 0.0


@pointwise(others=RESIDUAL, delta=POSITIVE_OR_INF)
def huber(pred: float, target: float, delta: float = 1.0) -> Jet:
    """Huber's loss: squared error for residuals up to `delta`, absolute error beyond (Huber, 1964).

    With r = pred - target: r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2), as in torch, optax and
    scikit-learn; the gradient is r, limited to the interval from -delta to delta. At |r| = delta the second
    derivative is that of the quadratic side, 1. An infinite delta gives half the squared error.

    >>> import fastloss as fl
    >>> fl.huber.value_and_grad([1.0, 4.0], [0.5, 1.0], delta=1.5)
    (np.float64(1.75), array([0.25, 0.75]))
    """
    r = pred - target
    a = abs(r)
    return (
        (delta + delta) * (half_gap(pred, target) - 0.25 * delta) if a > delta else 0.5 * a * a,
        delta if r > delta else (-delta if r < -delta else r),
        1.0 if a <= delta else 0.0,
    )


@pointwise(others=RESIDUAL, beta=NON_NEGATIVE)
def smooth_l1(pred: float, target: float, beta: float = 1.0) -> Jet:
    """Smooth absolute error of object detection: `huber` divided by its threshold, so the slope ends at 1.

    With r = pred - target: r^2 / (2 beta) where |r| <= beta, else |r| - beta / 2, as in torch; beta = 0 is the
    absolute error. At |r| = beta the second derivative is that of the quadratic side.

    >>> import fastloss as fl
    >>> fl.smooth_l1.value_and_grad([1.0, 4.0], [0.5, 1.0], beta=2.0)
    (np.float64(1.03125), array([0.125, 0.5  ]))
    """
    r = pred - target
    a = abs(r)
    # 1 / beta may be no number of the type, r / beta is one.
    up = UP if beta < 1e-20 else 1.0
    inverse = 1.0 / (beta * up) if beta > 0.0 else 0.0
    steep = r * up * inverse
    return (
        2.0 * (half_gap(pred, target) - 0.25 * beta) if a > beta else 0.5 * r * steep,
        1.0 if r > beta else (-1.0 if r < -beta else steep),
        inverse * up if a <= beta else 0.0,
    )


@pointwise(others=RESIDUAL, delta=POSITIVE_OR_INF)
def pseudo_huber(pred: float, target: float, delta: float = 1.0) -> Jet:
    """Smooth version of Huber's loss, with derivatives of every order (Charbonnier et al., 1994).

    delta^2 (sqrt(1 + (r / delta)^2) - 1) for r = pred - target: r^2 / 2 near the target, delta |r| far from it; the
    scale of `huber` and of XGBoost's ``reg:pseudohubererror``. An infinite delta gives half the squared error.

    >>> import fastloss as fl
    >>> fl.pseudo_huber.value_and_grad([1.75, 0.0], [1.0, 0.0])
    (np.float64(0.125), array([0.3, 0. ]))
    """
    r = pred - target
    a = abs(r)
    w = _scaled_residual(a, delta)
    far = w > _FAR
    s = math.sqrt(1.0 + w * w)
    inverse = 1.0 / s
    return (
        (delta + delta) * half_gap(pred, target) if far else a * (a / (1.0 + s)),
        delta * sign(r) if far else r * inverse,
        inverse * inverse * inverse,
    )


@pointwise(others=RESIDUAL)
def log_cosh(pred: float, target: float) -> Jet:
    """Logarithm of the hyperbolic cosine: half the squared error near the target, the absolute error far from it.

    log(cosh(pred - target)), as in Keras, optax and CatBoost; the gradient is tanh(pred - target).

    >>> import fastloss as fl
    >>> fl.log_cosh.value_and_grad([1.0, 0.0], [0.0, 0.0])
    (np.float64(0.2168904152415136), array([0.38079708, 0.        ]))
    """
    r = pred - target
    a = abs(r)
    shrink = expm1_neg(-2.0 * a)
    e = exp_with_expm1(-2.0 * a)
    near = a < 0.875  # from there on log(cosh(r)) is |r| - log(2) + log(1 + e), and none of its terms much larger
    tanh = shrink / (2.0 + shrink)
    # r has lost what an exponent multiplies.
    back = r + target
    lost = 0.0 if a > 1e3 else (pred - back) - (target - (back - r))
    tail = e * (1.0 - 2.0 * (-lost if r < 0.0 else lost))
    return (
        log_cosh_near(a * a) if near else (a - _LN2) + log1p_small(e),
        math.copysign(tanh, r),
        4.0 * tail / ((1.0 + tail) * (1.0 + tail)),
    )


def _cauchy_any(pred: float, target: float, c: float) -> Jet:
    """`cauchy` for scales so small or large that not even their squares can be formed."""
    r = pred - target
    half = half_gap(pred, target)
    # A large residual may be infinite, and the loss's slope an ordinary number.
    large = half > 1e30
    part, times = half if large else abs(r), 2.0 if large else 1.0
    w = times * _scaled_residual(part, c)
    far = w > _FAR
    huge = w > _HUGE
    least = half * DOWN / c  # w / 2^61; where it is infinite, too, both derivatives are 0
    inverse = 1.0 / (least if huge else (w if far else 1.0 + w * w))
    bent = inverse * _LEAST if huge else inverse
    log = math.log1p(w if far else w * w)
    height = (math.log(half) - math.log(c)) + _LN2 if huge else (log if far else 0.5 * log)
    slope = c * bent if far else times * (part * inverse)
    return (
        0.5 * r * r if w < _NEAR else c * (c * height),
        -slope if r < 0.0 else slope,
        -bent * bent if far else ((1.0 - w) * inverse) * ((1.0 + w) * inverse),
    )


@pointwise(others=RESIDUAL, c=POSITIVE_OR_INF, instead=lambda c: None if 1e-9 <= c <= 1e9 else _cauchy_any)
def cauchy(pred: float, target: float, c: float = 1.0) -> Jet:
    """Cauchy's (Lorentzian) loss: grows like a logarithm, so gross outliers hardly pull at all.

    c^2 / 2 log(1 + (r / c)^2) for r = pred - target. scipy's ``least_squares`` scales it the same way; kornia's is
    this with c = sqrt(2). The second derivative is negative for |r| > c. An infinite c gives half the squared error.

    >>> import fastloss as fl
    >>> fl.cauchy.value_and_grad([1.0, 0.0], [0.0, 0.0])
    (np.float64(0.17328679513998632), array([0.25, 0.  ]))
    """
    r = pred - target
    w = r * (1.0 / c)
    u = w * w
    # From there on log(1 + u) is 2 log(|r| / c), and 1 / (1 + u) is c^2 / r^2, whether u or r is infinite or not.
    far = u > of_type(1e36, 1e300)
    half = half_gap(pred, target)
    term = half if far else u
    inverse = 1.0 / (1.0 + term)
    log = math.log1p(term)
    square = c * c
    slope = (math.copysign(0.5 * square, r) if far else r) * inverse
    bend = (1.0 - w) * inverse * ((1.0 + w) * inverse)
    return (
        0.5 * r * r if u < 1e-34 else square * (log + math.log(2.0 / c) if far else 0.5 * log),
        slope,
        -slope * (slope * (1.0 / square)) if far else bend,
    )


@pointwise(others=RESIDUAL, c=POSITIVE_OR_INF)
def welsch(pred: float, target: float, c: float = 1.0) -> Jet:
    """Welsch's (Leclerc, correntropy) loss: bounded, so gross outliers do not pull at all.

    c^2 / 2 (1 - exp(-(r / c)^2)) for r = pred - target; kornia's is this with c = sqrt(2). The second derivative is
    negative for |r| > c / sqrt(2). An infinite c gives half the squared error.

    >>> import fastloss as fl
    >>> fl.welsch.value_and_grad([1.0, 0.0], [0.0, 0.0])
    (np.float64(0.15803013970713942), array([0.18393972, 0.        ]))
    """
    r = pred - target
    a = abs(r)
    w = _scaled_residual(a, c)
    square = w * w
    e = exp_with_expm1(-square)
    gone = w > 1e9  # r and w * w may be infinite, and e is 0
    return (
        0.5 * a * a if w < _NEAR else -0.5 * c * (c * expm1_neg(-square)),
        0.0 if gone else r * e,
        0.0 if gone else (1.0 - 2.0 * square) * e,
    )


def plain_fair(pred: float, target: float, c: float) -> Jet:
    """`fair` for scales whose reciprocal and square are ordinary numbers."""
    r = pred - target
    w = abs(r) * (1.0 / c)
    far = w > 1e18
    inverse = 1.0 / (1.0 + w)
    # In float32 one division for the slope and, as in `minus_log1p`, for the value; in float64 it is 1.15 times slower.
    both = 1.0 / ((1.0 + w) * (2.0 + w))
    s = of_type(w * ((1.0 + w) * both), w / (2.0 + w))
    z = s * s
    log = math.log1p(w)
    near = (c * s) * (c * (w - z * atanh_tail(z)))
    beyond = (c + c) * half_gap(pred, target) if far else c * (c * (w - log))
    return (
        near if w < 1.0 else beyond,
        math.copysign(c, r) if far else r * of_type((2.0 + w) * both, inverse),
        inverse * inverse,
    )


@pointwise(others=RESIDUAL, c=POSITIVE_OR_INF, faster=lambda c: plain_fair if 1e-9 <= c <= 1e9 else None)
def fair(pred: float, target: float, c: float = 1.0) -> Jet:
    """The "fair" loss: convex, with slopes that approach c slowly (Fair, 1974).

    c^2 (|r| / c - log(1 + |r| / c)) for r = pred - target, LightGBM's and its default c = 1; the gradient is
    c r / (c + |r|). An infinite c gives half the squared error.

    >>> import fastloss as fl
    >>> fl.fair.value_and_grad([1.0, 0.0], [0.0, 0.0])
    (np.float64(0.15342640972002736), array([0.25, 0.  ]))
    """
    r = pred - target
    a = abs(r)
    w = _scaled_residual(a, c)
    far = w > 1e20
    inverse = 1.0 / (1.0 + w)
    return (
        0.5 * a * a if w < _NEAR else ((c + c) * half_gap(pred, target) if far else c * (c * minus_log1p(w))),
        c * sign(r) if far else r * inverse,
        inverse * inverse,
    )
