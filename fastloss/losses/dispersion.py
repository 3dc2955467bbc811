"""Tweedie's likelihoods; with their constants, half their deviances and what is left: terms that do not cancel."""

from __future__ import annotations

import math
from collections.abc import Callable

from .counts import LARGE, SMALL, counted_full, counted_identity_full, stirling_rest
from .special import HALF_LOG_2PI, INF, NAN, Jet, outweighed, quotient, scaled, sign, times_exp


def compound(pred: float, target: float, power: float, full: float) -> Jet:
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


def powered(pred: float, target: float, power: float) -> Jet:
    """`tweedie` for any power."""
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


def compound_identity(pred: float, target: float, power: float, full: float) -> Jet:
    """`tweedie_identity` for powers between 1 and 2."""
    return _of_shrunk(pred, target, power, math.pow(pred, 1.0 - power))


def root_identity(pred: float, target: float, power: float, full: float) -> Jet:
    """`tweedie_identity` for a power of 3/2: a root, not a logarithm and an exponential."""
    return _of_shrunk(pred, target, power, quotient(math.sqrt(pred), pred))


def powered_identity(pred: float, target: float, power: float) -> Jet:
    """`tweedie_identity` for any power."""
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


def unknown_constant(pred: float, target: float, power: float, full: float) -> float:
    """NaN where a likelihood's constant has no closed form; else nothing, for `FULL` has it."""
    return 0.0 if power == 0.0 or power == 1.0 or power == 2.0 or power == 3.0 else NAN


def _whole(deviance: float, rest: float) -> float:
    """Half a deviance with what the likelihood has besides: the sum is infinite where that is."""
    return rest if rest == INF and deviance == deviance else deviance + rest


def _normal(pred: float, target: float, power: float, full: float) -> Jet:
    _, d1, d2 = powered(pred, target, power)
    r = math.exp(outweighed(pred, target)) - target
    return (0.5 * r) * r + HALF_LOG_2PI, d1, d2


def _poisson(pred: float, target: float, power: float, full: float) -> Jet:
    value, d1, d2 = counted_full(pred, target, full)
    return _whole(value, stirling_rest(target)), d1, d2


def _inverse_gaussian(pred: float, target: float, power: float, full: float) -> Jet:
    plain, d1, d2 = powered(pred, target, power)
    # (target / mean - 1)^2 / (2 target); far from 1 the quotient has digits that its logarithm has lost.
    log = math.log(target)
    d = log - pred
    near = abs(d) < 1.0
    r = math.expm1(d if near else 0.0) if near else times_exp(target, -pred) - 1.0
    known = abs(pred) < INF and target < INF
    value = (0.5 * r) * (r / target) if known else plain + 0.5 / target
    return _whole(value, 1.5 * log + HALF_LOG_2PI), d1, d2


def _normal_identity(pred: float, target: float, power: float, full: float) -> Jet:
    plain, d1, d2 = powered_identity(pred, target, power)
    r = pred - target
    value = (0.5 * r) * r if pred < INF else plain + 0.5 * target * target
    return value + HALF_LOG_2PI, d1, d2


def _poisson_identity(pred: float, target: float, power: float, full: float) -> Jet:
    value, d1, d2 = counted_identity_full(pred, target, full)
    return _whole(value, stirling_rest(target)), d1, d2


def _inverse_gaussian_identity(pred: float, target: float, power: float, full: float) -> Jet:
    plain, d1, d2 = powered_identity(pred, target, power)
    r = quotient(target - pred, pred)
    known = pred < INF and target < INF
    value = (0.5 * r) * (r / target) if known else plain + 0.5 / target
    return _whole(value, 1.5 * math.log(target) + HALF_LOG_2PI), d1, d2


FULL = {0.0: _normal, 1.0: _poisson, 3.0: _inverse_gaussian}
FULL_IDENTITY = {0.0: _normal_identity, 1.0: _poisson_identity, 3.0: _inverse_gaussian_identity}
"""Likelihoods with their constants, of the powers that have one: half the deviances and what is left."""


def better(power: float, full: float) -> Callable[..., Jet] | None:
    """What is more exact than `powered`."""
    return compound if 1.0 < power < 2.0 else FULL[power] if full and power in FULL else None


def better_identity(power: float, full: float) -> Callable[..., Jet] | None:
    """What is more exact than `powered_identity`."""
    between = root_identity if power == 1.5 else compound_identity
    whole = FULL_IDENTITY[power] if full and power in FULL_IDENTITY else None
    return between if 1.0 < power < 2.0 else whole
