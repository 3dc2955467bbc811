"""Every loss a second time: the value as a textbook writes it, on numbers of as many digits as it takes.

Nothing here knows the library. The formulas are naive on purpose: with enough digits neither cancellation nor overflow
matters. Derivatives are differences of the value with steps so small that all digits asked for are right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from mpmath import cosh, erfc, exp, expm1, inf, log, loggamma, mp, mpf, pi, sqrt, tanh

Number = Any


class Formula(NamedTuple):
    """The value of one element, parameters worth testing, and where the derivatives jump."""

    value: Callable[..., Number]
    points: tuple[dict[str, float], ...]
    kinks: Callable[..., Sequence[Number]]
    digits: Callable[..., Number]
    rest: Callable[..., Number]
    rooted: bool = False


FORMULAS: dict[str, Formula] = {}


def formula(
    *points: dict[str, float],
    kinks: Callable[..., Sequence[Number]] = lambda target, **p: (),
    digits: Callable[..., Number] = lambda *inputs, **p: max(map(abs, inputs)),
    rest: Callable[..., Number] = lambda *inputs, **p: 0,
) -> Callable[[Callable[..., Number]], Callable[..., Number]]:
    """Register a value.

    `kinks` gives the predictions at which the first or second derivative does not exist, `digits` the largest exponent
    x of which exp(-x) is added to a number of ordinary size, `rest` what the value has besides that no derivative sees.
    """

    def register(value: Callable[..., Number]) -> Callable[..., Number]:
        FORMULAS[value.__name__] = Formula(value, points or ({},), kinks, digits, rest)
        return value

    return register


def at_target(target: Number, **p: Number) -> Sequence[Number]:
    return (target,)


def tube(width: str) -> Callable[..., Sequence[Number]]:
    return lambda target, **p: (target - p[width], target + p[width])


# -- distances -----------------------------------------------------------------------------------------------------


@formula()
def squared_error(pred, target):
    return (pred - target) ** 2


@formula()
def half_squared_error(pred, target):
    return (pred - target) ** 2 / 2


@formula(kinks=at_target)
def absolute_error(pred, target):
    return abs(pred - target)


@formula()
def squared_log_error(pred, target):
    return (log(1 + pred) - log(1 + target)) ** 2


FORMULAS["root_mean_squared_error"] = FORMULAS["squared_error"]._replace(rooted=True)
FORMULAS["root_mean_squared_log_error"] = FORMULAS["squared_log_error"]._replace(rooted=True)


@formula({"epsilon": 2.0**-52}, {"epsilon": 1.0}, kinks=at_target)
def absolute_percentage_error(pred, target, epsilon):
    return abs(pred - target) / max(abs(target), epsilon)


@formula(kinks=lambda target: (target, mpf(0)))
def symmetric_absolute_percentage_error(pred, target):
    return 2 * abs(pred - target) / (abs(pred) + abs(target)) if pred or target else mpf(0)


@formula({"q": 0.5}, {"q": 0.05}, {"q": 0.9}, kinks=at_target)
def quantile(pred, target, q):
    return max(q * (target - pred), (q - 1) * (target - pred))


@formula({"q": 0.5}, {"q": 0.05}, {"q": 0.9}, kinks=at_target)
def expectile(pred, target, q):
    return abs(q - (1 if target < pred else 0)) * (target - pred) ** 2


@formula({"epsilon": 0.1}, {"epsilon": 0.0}, {"epsilon": 2.5}, kinks=tube("epsilon"))
def epsilon_insensitive(pred, target, epsilon):
    return max(mpf(0), abs(pred - target) - epsilon)


@formula({"epsilon": 0.1}, {"epsilon": 0.0}, {"epsilon": 2.5}, kinks=tube("epsilon"))
def squared_epsilon_insensitive(pred, target, epsilon):
    return max(mpf(0), abs(pred - target) - epsilon) ** 2


# -- robust --------------------------------------------------------------------------------------------------------


@formula({"delta": 1.0}, {"delta": 0.3}, {"delta": 7.5}, kinks=tube("delta"))
def huber(pred, target, delta):
    r = abs(pred - target)
    return r**2 / 2 if r <= delta else delta * (r - delta / 2)


@formula({"beta": 1.0}, {"beta": 0.3}, {"beta": 7.5}, {"beta": 0.0}, kinks=tube("beta"))
def smooth_l1(pred, target, beta):
    r = abs(pred - target)
    return r**2 / (2 * beta) if r < beta else r - beta / 2


@formula({"delta": 1.0}, {"delta": 0.3}, {"delta": 7.5})
def pseudo_huber(pred, target, delta):
    return delta**2 * (sqrt(1 + ((pred - target) / delta) ** 2) - 1)


@formula()
def log_cosh(pred, target):
    return log(cosh(pred - target))


@formula({"c": 1.0}, {"c": 0.3}, {"c": 7.5})
def cauchy(pred, target, c):
    return c**2 / 2 * log(1 + ((pred - target) / c) ** 2)


@formula({"c": 1.0}, {"c": 0.3}, {"c": 7.5}, digits=lambda pred, target, c: ((pred - target) / c) ** 2)
def welsch(pred, target, c):
    return c**2 / 2 * (1 - exp(-(((pred - target) / c) ** 2)))


@formula({"c": 1.0}, {"c": 0.3}, {"c": 7.5}, kinks=at_target)
def fair(pred, target, c):
    r = abs(pred - target) / c
    return c**2 * (r - log(1 + r))


# -- likelihoods ---------------------------------------------------------------------------------------------------


FULL = {"full": 0.0}, {"full": 1.0}


def counted(pred, target, full):
    return full * loggamma(target + 1)


@formula(*FULL, rest=counted)
def poisson(pred, target, full):
    return exp(pred) - target * pred


@formula(*FULL, rest=counted)
def poisson_identity(pred, target, full):
    return pred - target * log(pred)


@formula({"dispersion": 1.0}, {"dispersion": 0.25}, {"dispersion": 1e-6}, {"dispersion": 40.0})
def negative_binomial(pred, target, dispersion):
    return (target + 1 / dispersion) * log(1 + dispersion * exp(pred)) - target * pred


@formula(*FULL)
def gamma(pred, target, full):
    """Whole as it is: -log of exp(-target / mean) / mean."""
    return pred + target * exp(-pred)


@formula(*FULL)
def gamma_identity(pred, target, full):
    return log(pred) + target / pred


TWEEDIE = (
    *({"power": p, "full": 0.0} for p in (1.5, 1.2, 1.9, 0.0, 1.0, 2.0, 3.0, -0.5, 2.25)),
    *({"power": p, "full": 1.0} for p in (0.0, 1.0, 2.0, 3.0)),
)


def dispersed(pred, target, power, full):
    if not full or power == 2:
        return 0
    if power == 1:
        return loggamma(target + 1)
    return target**2 / 2 + log(2 * pi) / 2 if power == 0 else 1 / (2 * target) + log(2 * pi * target**3) / 2


@formula(*TWEEDIE, rest=dispersed)
def tweedie(pred, target, power, full):
    """With the limits of a term at 1 and 2 but for its infinite constant: powers of a number x become log(x)."""
    rise = pred if power == 2 else exp((2 - power) * pred) / (2 - power)
    fall = pred if power == 1 else exp((1 - power) * pred) / (1 - power)
    return rise - target * fall


@formula(*TWEEDIE, rest=dispersed)
def tweedie_identity(pred, target, power, full):
    rise = log(pred) if power == 2 else pred ** (2 - power) / (2 - power)
    fall = log(pred) if power == 1 else pred ** (1 - power) / (1 - power)
    return rise - target * fall


@formula(*FULL, rest=lambda pred, target, var, full: full * log(2 * pi) / 2)
def gaussian_nll(pred, target, var, full):
    return (log(var) + (pred - target) ** 2 / var) / 2


# -- two classes ---------------------------------------------------------------------------------------------------


def _bounded_log(x, clamp):
    return max(log(x), -clamp) if x > 0 else -clamp


@formula({"clamp": 100.0, "floor": 1e-12}, {"clamp": 1e30, "floor": 1e-30}, {"clamp": 20.0, "floor": 1e-12})
def binary_cross_entropy(pred, target, clamp, floor):
    # The floor is a convention of the derivatives: test_definitions.py holds it against its documentation.
    return -(target * _bounded_log(pred, clamp) + (1 - target) * _bounded_log(1 - pred, clamp))


@formula(
    {"pos_weight": 1.0, "label_smoothing": 0.0},
    {"pos_weight": 3.5, "label_smoothing": 0.0},
    {"pos_weight": 0.25, "label_smoothing": 0.001},
    {"pos_weight": 1.0, "label_smoothing": 0.2},
)
def binary_cross_entropy_with_logits(pred, target, pos_weight, label_smoothing):
    t = target * (1 - label_smoothing) + label_smoothing / 2
    return pos_weight * t * log(1 + exp(-pred)) + (1 - t) * log(1 + exp(pred))


ZERO_ONE = {"zero_one": 0.0}, {"zero_one": 1.0}


def _sign(target, zero_one):
    return 2 * target - 1 if zero_one else target


def margin(*m: int) -> Callable[..., Sequence[Number]]:
    return lambda target, zero_one: tuple(_sign(target, zero_one) * k for k in m)


@formula(*ZERO_ONE)
def logistic(pred, target, zero_one):
    return log(1 + exp(-_sign(target, zero_one) * pred))


@formula(*ZERO_ONE, kinks=margin(1))
def hinge(pred, target, zero_one):
    return max(mpf(0), 1 - _sign(target, zero_one) * pred)


@formula(*ZERO_ONE, kinks=margin(1))
def squared_hinge(pred, target, zero_one):
    return max(mpf(0), 1 - _sign(target, zero_one) * pred) ** 2


@formula(*ZERO_ONE, kinks=margin(1, -1))
def modified_huber(pred, target, zero_one):
    m = _sign(target, zero_one) * pred
    return max(mpf(0), 1 - m) ** 2 if m >= -1 else -4 * m


@formula(*ZERO_ONE)
def exponential(pred, target, zero_one):
    t = target if zero_one else (1 + target) / 2
    return t * exp(-pred) + (1 - t) * exp(pred)


@formula(*ZERO_ONE, kinks=margin(0))
def perceptron(pred, target, zero_one):
    return max(mpf(0), -_sign(target, zero_one) * pred)


@formula(
    {"gamma": 2.0, "alpha": 0.25, "label_smoothing": 0.0},
    {"gamma": 0.0, "alpha": 0.75, "label_smoothing": 0.0},
    {"gamma": 0.5, "alpha": -1.0, "label_smoothing": 0.0},
    {"gamma": 5.0, "alpha": 0.25, "label_smoothing": 0.0},
    {"gamma": 1.5, "alpha": 0.75, "label_smoothing": 0.2},
    {"gamma": 2.3, "alpha": 0.25, "label_smoothing": 0.0},
)
def binary_focal(pred, target, gamma, alpha, label_smoothing):
    t = target * (1 - label_smoothing) + label_smoothing / 2
    p = 1 / (1 + exp(-pred))
    q = 1 / (1 + exp(pred))
    weight = 1 if alpha < 0 else alpha * t + (1 - alpha) * (1 - t)
    entropy = -(t * log(p) if t else 0) - ((1 - t) * log(q) if t != 1 else 0)
    return weight * (t * q + (1 - t) * p) ** gamma * entropy


@formula(
    {"gamma": 2.0, "alpha": 0.25, "label_smoothing": 0.0, "clamp": 100.0, "floor": 1e-12},
    {"gamma": 0.0, "alpha": -1.0, "label_smoothing": 0.0, "clamp": 1e30, "floor": 1e-30},
    {"gamma": 3.0, "alpha": 0.75, "label_smoothing": 0.2, "clamp": 100.0, "floor": 1e-12},
    {"gamma": 2.3, "alpha": 0.25, "label_smoothing": 0.1, "clamp": 100.0, "floor": 1e-12},
)
def binary_focal_from_probabilities(pred, target, gamma, alpha, label_smoothing, clamp, floor):
    t = target * (1 - label_smoothing) + label_smoothing / 2
    weight = 1 if alpha < 0 else alpha * t + (1 - alpha) * (1 - t)
    entropy = -t * _bounded_log(pred, clamp) - (1 - t) * _bounded_log(1 - pred, clamp)
    return weight * (1 - t * pred - (1 - t) * (1 - pred)) ** gamma * entropy


# -- the tail ------------------------------------------------------------------------------------------------------


@formula({"p": 1.5}, *({"p": p} for p in (1.0, 2.0, 1.05, 3.5, 2.5, 3.0, 4.0)), kinks=at_target)
def lp(pred, target, p):
    return abs(pred - target) ** p


@formula({"c": 1.0}, {"c": 0.3}, {"c": 7.5})
def geman_mcclure(pred, target, c):
    return (pred - target) ** 2 / (1 + ((pred - target) / c) ** 2) / 2


@formula({"epsilon": 2.0**-52}, {"epsilon": 1.0})
def squared_percentage_error(pred, target, epsilon):
    return ((pred - target) / max(abs(target), epsilon)) ** 2


FORMULAS["root_mean_squared_percentage_error"] = FORMULAS["squared_percentage_error"]._replace(rooted=True)


@formula({"q": 0.5}, {"q": 0.05}, {"q": 0.9}, kinks=lambda target, q: (log(target),) if target > 0 else ())
def log_lin_quantile(pred, target, q):
    return max(q * (target - exp(pred)), (q - 1) * (target - exp(pred)))


@formula(kinks=lambda target: (mpf(0),))
def generalized_kl(pred, target):
    if not pred:
        return inf if target else mpf(0)
    return (target * log(target / pred) if target else 0) - target + pred


@formula(
    *FULL,
    digits=lambda pred, target, log_scale, full: 2 * abs(log_scale) + 60,
    rest=lambda pred, target, log_scale, full: full * log(2 * pi) / 2,
)
def gaussian_nll_log_scale(pred, target, log_scale, full):
    return log_scale + ((pred - target) / exp(log_scale)) ** 2 / 2


@formula(
    {"gamma": 1.0, "zero_one": 0.0}, {"gamma": 0.3, "zero_one": 1.0}, {"gamma": 2.5, "zero_one": 0.0},
    kinks=lambda target, gamma, zero_one: tuple(_sign(target, zero_one) * k for k in (1, 1 - gamma)),
)  # fmt: skip
def smoothed_hinge(pred, target, gamma, zero_one):
    m = _sign(target, zero_one) * pred
    return max(mpf(0), 1 - m) ** 2 / (2 * gamma) if m >= 1 - gamma else 1 - gamma / 2 - m


@formula(*ZERO_ONE, digits=lambda pred, target, zero_one: 2 * abs(pred))
def sigmoid_margin(pred, target, zero_one):
    return 1 - tanh(_sign(target, zero_one) * pred)


@formula(
    {"q": 1.0, "zero_one": 0.0}, {"q": 0.5, "zero_one": 1.0}, {"q": 6.0, "zero_one": 0.0},
    kinks=lambda target, q, zero_one: (_sign(target, zero_one) * q / (q + 1),),
)  # fmt: skip
def distance_weighted_discrimination(pred, target, q, zero_one):
    m = _sign(target, zero_one) * pred
    return 1 - m if m <= q / (q + 1) else q**q / (q + 1) ** (q + 1) / m**q


@formula(kinks=lambda target: (mpf(1), mpf(-1)))
def binary_sparsemax(pred, target):
    # The conjugate of the largest entropy of p, at the logit, by the p that the formula is largest for.
    p = min(max((1 + pred) / 2, mpf(0)), mpf(1))
    return p * pred + p * (1 - p) - target * pred


# -- pairs ---------------------------------------------------------------------------------------------------------


@formula(
    {"margin": 1.0, "zero_one": 0.0}, {"margin": 0.0, "zero_one": 1.0}, {"margin": 2.5, "zero_one": 0.0},
    kinks=lambda target, margin, zero_one: (margin,),
)  # fmt: skip
def hinge_embedding(pred, target, margin, zero_one):
    return pred if target == 1 else max(mpf(0), margin - pred)


@formula({"margin": 1.0}, {"margin": 0.0}, {"margin": 2.5}, kinks=lambda target, margin: (margin,))
def contrastive(pred, target, margin):
    return (target * pred**2 + (1 - target) * max(mpf(0), margin - pred) ** 2) / 2


@formula(
    {"margin": 0.0, "zero_one": 0.0}, {"margin": 0.5, "zero_one": 1.0},
    kinks=lambda other, margin, zero_one: (other + margin, other - margin),
)  # fmt: skip
def margin_ranking(pred, other, target, margin, zero_one):
    return max(mpf(0), margin - (pred - other if target == 1 else other - pred))


@formula(
    {"reference": 0.0, "beta": 1.0, "label_smoothing": 0.0}, {"reference": 3.0, "beta": 0.125, "label_smoothing": 0.1},
    {"reference": -0.5, "beta": 2.0, "label_smoothing": 1.0},
    digits=lambda pred, other, reference, beta, label_smoothing: beta * (abs(pred) + abs(other) + abs(reference)),
)  # fmt: skip
def preference(pred, other, reference, beta, label_smoothing):
    x = beta * (pred - other - reference)
    return (1 - label_smoothing) * log(1 + exp(-x)) + label_smoothing * log(1 + exp(x))


# -- survival ------------------------------------------------------------------------------------------------------


def errors(pred, lower, upper, scale):
    low, high = min(lower, upper), max(lower, upper)
    return (log(low) - pred) / scale if low else -inf, (log(high) - pred) / scale if high < inf else inf


def censored(cdf, density, pred, lower, upper, scale):
    """With errors that are distributed symmetrically."""
    a, b = errors(pred, lower, upper, scale)
    if lower == upper:
        return -log(density(a) / (scale * lower))
    return -log(cdf(-a) - cdf(-b) if a + b > 0 else cdf(b) - cdf(a))


def ends(pred, lower, upper, scale):
    return [(log(t) - pred) / scale for t in (lower, upper) if 0 < t < inf]


def tails(exponent):
    return lambda *inputs, scale: max([exponent(z) for z in ends(*inputs, scale)] + [0])


SCALES = ({"scale": 0.5},)  # the normal tails take many digits, and so time


@formula(*SCALES, digits=tails(lambda z: 2 * abs(z)))
def accelerated_failure_time_logistic(*inputs, scale):
    return censored(lambda z: 1 / (1 + exp(-z)), lambda z: exp(z) / (1 + exp(z)) ** 2, *inputs, scale)


def normal_cdf(z):
    # mpmath's function ends there; the quotient is it to 200 digits.
    return erfc(-z / sqrt(2)) / 2 if abs(z) < 1e100 else mpf(1) if z > 0 else exp(-(z**2) / 2) / (-z * sqrt(2 * pi))


@formula(*SCALES, digits=tails(lambda z: z**2))
def accelerated_failure_time_normal(*inputs, scale):
    return censored(normal_cdf, lambda z: exp(-(z**2) / 2) / sqrt(2 * pi), *inputs, scale)


@formula(*SCALES, digits=tails(lambda z: max(exp(z), 2 * abs(z))))
def accelerated_failure_time_extreme(pred, lower, upper, scale):
    a, b = errors(pred, lower, upper, scale)
    if lower == upper:
        return exp(a) - a + log(scale * lower)
    rise = exp(b) - exp(a)
    return exp(a) - (log(-expm1(-rise)) if rise < 1e6 else 0)


# -- evaluation ----------------------------------------------------------------------------------------------------

_DIGITS = 40


def exact(name: str, inputs: Sequence[float], params: dict[str, float], wrt: int = 0) -> tuple[Number, ...]:
    """Value, first and second derivative with respect to the `wrt`-th input; the derivatives None at a kink."""
    found = FORMULAS[name]
    point = [mpf(x) for x in inputs]
    fixed = {k: mpf(v) for k, v in params.items()}
    digits, step = _precision(found, point, fixed)
    with mp.workdps(digits):
        value = +found.value(*point, **fixed)
        whole = value + found.rest(*point, **fixed)
        if any(k == point[0] for k in found.kinks(*point[1:2], **fixed)):
            return whole, None, None

        def differences(h: Number) -> tuple[Number, Number]:
            above, below = list(point), list(point)
            above[wrt] += h
            below[wrt] -= h
            high, low = found.value(*above, **fixed), found.value(*below, **fixed)
            return (high - low) / (2 * h), (high - 2 * value + low) / h**2

        slopes = differences(step)
        small = mpf(10) ** -30
        scale = step / mpf(10) ** -_DIGITS
        if any(abs(d) <= small + small * abs(value) / scale**k for k, d in enumerate(slopes, 1)):
            # A derivative of 0 leaves a remainder that depends on the step.
            finer = differences(step / 1000)
            slopes = tuple(a if abs(a - b) <= abs(a) * small else mpf(0) for a, b in zip(slopes, finer, strict=True))
        return whole, *slopes


def limit(name: str, inputs: Sequence[float], params: dict[str, float]) -> tuple[float | None, ...]:
    """Value, first and second derivative as the infinite one of the inputs goes there."""
    return _limit(name, tuple(inputs), tuple(params.items()))


@cache
def _limit(name: str, inputs: tuple[float, ...], params: tuple[tuple[str, float], ...]) -> tuple[float | None, ...]:
    # Parameters that both types hold are the same for both.
    near, far = (
        exact(name, [mpf(10) ** k * (1 if x > 0 else -1) if abs(x) == inf else x for x in inputs], dict(params))
        for k in (60, 120)
    )
    return tuple(_trend(a, b) for a, b in zip(near, far, strict=True))


def _trend(near: Number, far: Number) -> float | None:
    if far is None:
        return None
    if abs(far) < 1e-30:
        return 0.0
    if abs(far) > 1.5 * abs(near):
        return float(inf if far > 0 else -inf)
    return float(far)


def _precision(found: Formula, point: list[Number], params: dict[str, Number]) -> tuple[int, Number]:
    """Digits enough for second differences, and a step far below the smallest scale on the way."""
    with mp.workdps(400):
        target = point[1] if len(point) > 1 else mpf(0)
        marks = (target, mpf(0), mpf(1), mpf(-1), *found.kinks(target, **params))
        scales = [s for x in point if abs(x) < inf for s in (abs(x), abs(1 - x), abs(1 + x)) if s]
        scales += [abs(point[0] - k) for k in marks if point[0] != k]
        small, large = min([*scales, mpf("0.01")]), max([*scales, mpf(1)])
        with mp.workdps(15):
            down, up = int(-mp.log10(small)) + 1, int(mp.log10(large)) + 1
        # exp(-x) beside 1 is seen with x / log(10) digits; below exp(-800) it is 0 in any float.
        hidden = int(min(found.digits(*point, **params), 800) * 0.44)
    return 2 * (_DIGITS + 10 + down) + 4 * up + hidden + 2 * down + _DIGITS, small * mpf(10) ** -_DIGITS
