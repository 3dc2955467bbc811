"""Survival times, of which some are only known to lie between two bounds (Wei, 1992).

The logarithm of the time is pred plus `scale` times an error. Both bounds equal: the event was seen then. An upper
bound of infinity: not yet by the lower one (right-censored). A lower bound of 0: before the upper one (left-censored).
Else: at some time between (interval-censored); the order of the two does not matter. With a and b for the bounds'
errors, (log(bound) - pred) / scale, a loss is -log(cdf(b) - cdf(a)), and -log(density(a) / (scale time)) for an event
seen: XGBoost's ``survival:aft``, `scale` being its ``aft_loss_distribution_scale``, but nothing is clipped (XGBoost
holds derivatives between -15 and 15, and probabilities above 1e-12). The probability of an interval is never a
difference of two numbers near each other, so both tails keep their digits.
"""

from __future__ import annotations

import math

from ..decorators import pointwise
from ..define.domain import NON_NEGATIVE, POSITIVE
from .special import INF, Jet, atanh_tail, exp_neg, expm1_neg, scaled, sigmoids
from .tails import excess, exp_tail, moments

_ROOT = 0.3989422804014327
"""1 / sqrt(2 pi)"""

_LOG_ROOT = 0.9189385332046727
"""log(2 pi) / 2"""


def span(pred: float, lower: float, upper: float, scale: float) -> tuple[float, float, float, float]:
    """The two bounds' errors a <= b, their distance, and the logarithm of the lower bound."""
    low = upper if upper < lower else lower
    high = lower if upper < lower else upper
    inverse = 1.0 / scale
    log_low = math.log(low)
    log_high = math.log(high)
    near = high < 2.0 * low
    gap = math.log1p((high - low) / low) if near else log_high - log_low
    known = pred == pred
    return (
        -INF if low == 0.0 and known else (log_low - pred) * inverse,
        INF if high == INF and known else (log_high - pred) * inverse,
        gap * inverse,
        log_low,
    )


@pointwise(link="exp", lower=NON_NEGATIVE, upper=POSITIVE, scale=POSITIVE)
def accelerated_failure_time_logistic(pred: float, lower: float, upper: float, scale: float = 1.0) -> Jet:
    """Likelihood of times until an event, seen or censored, with logistic errors: the log-logistic model.

    -log(cdf(b) - cdf(a)) for a = (log(lower) - pred) / scale and b = (log(upper) - pred) / scale, cdf being the
    sigmoid; for an event that was seen, lower = upper, -log(density(a) / (scale lower)): XGBoost's ``survival:aft``
    with ``logistic`` errors, unclipped. An upper bound of infinity is right-censored, a lower one of 0 left-censored;
    the bounds may come in either order. pred is the logarithm of a time. The derivatives are exact in both tails.

    >>> import fastloss as fl
    >>> fl.accelerated_failure_time_logistic.value_and_grad([0.0, 0.0], [1.0, 1.0], [1.0, float("inf")])
    (np.float64(1.0397207708399179), array([ 0.  , -0.25]))
    """
    a, b, d, log_time = span(pred, lower, upper, scale)
    seen = lower == upper
    inverse = 1.0 / scale
    ea, up_a, down_a = sigmoids(a)
    eb, up_b, down_b = sigmoids(b)
    # cdf(b) - cdf(a) = sigmoid(b) sigmoid(-a) (1 - exp(-d)), whose logarithm is one of 1 plus a sum.
    gone = expm1_neg(-d)
    product = ea * eb
    both = ea + eb + product
    rest = product if a < 0.0 and b > 0.0 else 1.0 + gone  # exp(-d), to every digit where nothing else is left
    log = math.log1p(both if seen else (both + rest) / -gone)
    linear = (a if a > 0.0 else 0.0) - (b if b < 0.0 else 0.0)
    # sigmoid(-b) - sigmoid(a), which are near each other where pred is in the middle, or the scale large.
    middle = a + b
    right = middle > 0.0
    slope = expm1_neg(-abs(middle)) * (up_a if right else down_a) * (up_b if right else down_b)
    bare = a == -INF and b == INF
    return (
        (linear + log) + (math.log(scale) + log_time if seen else 0.0),
        0.0 if bare else (slope if right else 0.0 - slope) * inverse,
        (up_a * down_a + up_b * down_b) * inverse * inverse,
    )


@pointwise(link="exp", lower=NON_NEGATIVE, upper=POSITIVE, scale=POSITIVE)
def accelerated_failure_time_extreme(pred: float, lower: float, upper: float, scale: float = 1.0) -> Jet:
    """Likelihood of times until an event, seen or censored, with extreme value errors: Weibull's proportional hazards.

    -log(cdf(b) - cdf(a)) for a = (log(lower) - pred) / scale and b = (log(upper) - pred) / scale, cdf(z) being
    1 - exp(-exp(z)); for an event that was seen, lower = upper, -log(density(a) / (scale lower)): XGBoost's
    ``survival:aft`` with ``extreme`` errors, unclipped. An upper bound of infinity is right-censored, a lower one of 0
    left-censored; the bounds may come in either order. pred is the logarithm of a time; with scale = 1 times are
    exponentially distributed. The derivatives are exact in both tails.

    >>> import fastloss as fl
    >>> fl.accelerated_failure_time_extreme.value_and_grad([0.0, 0.0], [1.0, 2.0], [1.0, float("inf")])
    (np.float64(1.5), array([ 0., -1.]))
    """
    a, b, d, log_time = span(pred, lower, upper, scale)
    seen = lower == upper
    inverse = 1.0 / scale
    gone = -expm1_neg(-d)
    hazard = math.exp(a)
    # The probability is exp(-hazard) (1 - exp(-rise)).
    rise = 0.0 if seen else math.exp(b) * gone
    e = exp_neg(-rise)
    short = rise < 1.0
    tail = exp_tail(rise)
    share = 1.0 - rise * tail if short else 1.0  # (1 - exp(-rise)) / rise
    s = e / (2.0 - e)
    late = s * (2.0 + s * s * atanh_tail(s * s))  # -log(1 - e)
    log = math.log(share if seen else gone * share)
    early = (math.log(scale) + log_time if seen else -log) - (b if b < INF else 0.0)
    # rise / (exp(rise) - 1), and that plus rise - 1.
    pull = e / share if short else scaled(e, rise) / (1.0 - e)
    bend = rise * tail / share if short else pull + rise - 1.0
    # Both are near 1 where the scale is large.
    less = rise * (1.0 - tail * (1.0 + rise)) / share
    slope = 0.0 - (less + math.expm1(a)) if short else pull - hazard
    return (
        hazard + (early if short else late),
        slope * inverse,
        (hazard + scaled(pull, bend)) * inverse * inverse,
    )


@pointwise(link="exp", lower=NON_NEGATIVE, upper=POSITIVE, scale=POSITIVE)
def accelerated_failure_time_normal(pred: float, lower: float, upper: float, scale: float = 1.0) -> Jet:
    """Likelihood of times until an event, seen or censored, with normal errors: the log-normal model.

    -log(cdf(b) - cdf(a)) for a = (log(lower) - pred) / scale and b = (log(upper) - pred) / scale; for an event that
    was seen, lower = upper, -log(density(a) / (scale lower)): XGBoost's ``survival:aft`` with ``normal`` errors, its
    default, unclipped. An upper bound of infinity is right-censored, a lower one of 0 left-censored; the bounds may
    come in either order. pred is the logarithm of a time. The derivatives are exact in both tails.

    >>> import fastloss as fl
    >>> fl.accelerated_failure_time_normal.value_and_grad([1.0, 0.0], [1.0, 1.0], [1.0, float("inf")])
    (np.float64(1.056042856882309), array([ 0.5       , -0.39894228]))
    """
    a, b, w, log_time = span(pred, lower, upper, scale)
    seen = lower == upper
    inverse = 1.0 / scale
    # Mirrored if need be, so that x <= y lies to the right of 0, or around it with the longer part on the right.
    right = a + b > 0.0
    x = a if right else -b
    y = b if right else -a
    m = 0.5 * (x + y)
    delta = INF if w == INF else m * w
    narrow = seen or (w <= 1.0 and delta <= 1.0)
    e = exp_neg(-delta)  # density(y) / density(x)
    far = 1.0 - e
    around = x < 0.0
    size = abs(x)
    over_x = excess(size)
    hazard_x = size + over_x
    over_y = excess(y)
    hazard_y = y + over_y

    # On one side: the upper tail of x without that of y.
    ratio = scaled(e, hazard_x / hazard_y)
    rest = 1.0 / (1.0 if narrow else 1.0 - ratio)
    slope = hazard_x * far * rest
    bent = slope * ((over_x - scaled(ratio, over_y + w)) * rest) + scaled(e, w) * hazard_x * rest
    curve = 1.0 if x == INF else bent

    # Around 0: one without both tails.
    density_x = _ROOT * exp_neg(-0.5 * x * x)
    density_y = density_x * e
    out = density_x / hazard_x + density_y / hazard_y
    inside = 1.0 / (1.0 if narrow else 1.0 - out)
    steep = density_x * far * inside
    bow = steep * steep + (scaled(density_y, y) + scaled(density_x, size)) * inside
    s = out / (2.0 - out)
    late = s * (2.0 + s * s * atanh_tail(s * s))  # -log(1 - out)

    # Short: moments of the density around the middle.
    half = 0.0 if seen else 0.5 * w
    m0, m1, m2 = moments(0.0 if seen else m * half, half * half)
    mean = m1 / m0
    shift = m if seen else m + half * mean
    spread = half * half * (m2 / m0 - mean * mean)

    log = math.log((m0 if seen else w * m0) if narrow else 1.0 - out if around else hazard_x * rest)
    log = math.log(scale) + log_time if seen else -log if narrow or around else log
    base = m if narrow else x
    outside = late if out < 0.5 else log
    d1 = shift if narrow else steep if around else slope
    return (
        outside if around and not narrow else 0.5 * base * base + _LOG_ROOT + log,
        (-d1 if right else d1) * inverse,
        (1.0 - spread if narrow else bow if around else curve) * inverse * inverse,
    )
