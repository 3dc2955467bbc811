"""What losses of elements are held to: parameters, points, bounds, and their definitions as plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import oracle
import pytest
import survival_slack
from data import NAMES, some
from mpmath import exp, log, loggamma, mp, mpf

import fastloss as fl
from fastloss.define.domain import Domain
from fastloss.kernels.bind import lift

CASES = [
    pytest.param(name, params, id=f"{name}-{'-'.join(map(str, params.values()))}")
    for name in NAMES
    for params in (oracle.FORMULAS[name].points if name in oracle.FORMULAS else ({},))
]

TYPES = {"float32": np.float32, "float64": np.float64}

PARTS = some(["a tenth", "the others"], ["a tenth"])


def part_of(points: Iterable[Any], part: str) -> Iterator[Any]:
    """Every tenth of the points, or the nine between: a formula in so many digits is what takes their tests so long."""
    for i, point in enumerate(points):
        if (i % 10 == 0) == (part == "a tenth"):
            yield point


ULPS = 4.0
"""What a value or derivative may be off, in units in the last place of the exact result."""

WIDER = {
    "accelerated_failure_time_normal": (4, 4, 7),  # a square of a quotient of sums
    "binary_cross_entropy_with_logits": (4, 4, 5),  # three factors, two of which have a division behind them
    "cauchy": (6, 4, 6),  # 1 / c is rounded once more, and squared
    "fair": (6, 4, 4),
    "geman_mcclure": (5, 6, 9),  # a cube triples what its base is off, and 1 / c is rounded once more
    "pseudo_huber": (4, 4, 8),  # a cube triples what its base is off
    "root_mean_squared_log_error": (5, 4, 4),
    "squared_log_error": (5, 4, 4),  # the square of a logarithm of a quotient
    "symmetric_absolute_percentage_error": (4, 4, 5),
    "tweedie_identity": (4, 4, 5),  # a power and two quotients by reciprocals
    "welsch": (6, 4, 4),
}
"""Value, first and second derivative, where it takes more."""


def _constant(name: str, t: Any, power: Any) -> Any:
    """The size of a likelihood's constant."""
    if name in ("gaussian_nll", "gaussian_nll_log_scale", "gamma", "gamma_identity") or power == 2:
        return 1
    if power == 1:
        return abs(loggamma(t + 1)) + 1
    return t * t / 2 + 1 if power == 0 else 1 / (2 * t) + 3 * abs(log(t)) + 1


def by_terms(name: str, x: Any, t: Any = None, v: Any = None, **p: Any) -> tuple[Any, Any, Any]:
    """Magnitudes, at least that of the result, that errors are relative to; None is the result's own.

    A sum that can cancel is off by ULPs of its terms, and an exponential multiplies the rounding of its exponent by
    the exponent.
    """
    constant = _constant(name, t, p.get("power", 1)) if p.get("full") else 0
    match name:
        case "binary_cross_entropy_with_logits":
            y = t * (1 - p["label_smoothing"]) + p["label_smoothing"] / 2
            return None, ((1 - y) + p["pos_weight"] * y * exp(-x)) / (1 + exp(-x)), None
        case "binary_focal":
            t, g = t * (1 - p["label_smoothing"]) + p["label_smoothing"] / 2, p["gamma"]
            u, q = 1 / (1 + exp(-x)), 1 / (1 + exp(x))
            r = t * q + (1 - t) * u
            surprise = -(t * log(u) if t else 0) - ((1 - t) * log(q) if t != 1 else 0)
            # A power multiplies what its base is off.
            fade = (1 if p["alpha"] < 0 else p["alpha"] * t + (1 - p["alpha"]) * (1 - t)) * r**g * (1 + g)
            turn = g * abs(1 - 2 * t) * u * q / r
            twist = turn + (t * q**2 + (1 - t) * u**2) / r
            return fade * surprise, fade * (turn * surprise + r), fade * (turn * (surprise * twist + 2 * r) + u * q)
        case "binary_focal_from_probabilities":
            t, g = t * (1 - p["label_smoothing"]) + p["label_smoothing"] / 2, p["gamma"]
            r = t * (1 - x) + (1 - t) * x
            u, v = 1 / max(x, p["floor"]), 1 / max(1 - x, p["floor"])
            surprise = t * min(-log(x) if x else mp.inf, p["clamp"])
            surprise += (1 - t) * min(-log(1 - x) if x < 1 else mp.inf, p["clamp"])
            weight = (1 if p["alpha"] < 0 else p["alpha"] * t + (1 - p["alpha"]) * (1 - t)) * (1 + g)
            rate, rise, turn = surprise / r if r else mpf(1), t * u + (1 - t) * v, g * abs(1 - 2 * t)
            bend = turn * (g * abs(1 - 2 * t) * rate + 2 * rise) * r ** (g - 1) if g else 0
            return (
                weight * r**g * surprise,
                weight * r**g * (turn * rate + rise),
                weight * (bend + r**g * (t * u**2 + (1 - t) * v**2)),
            )
        case "exponential":
            a = t if p["zero_one"] else (1 + t) / 2
            return None, a * exp(-x) + (1 - a) * exp(x), None
        case "poisson":
            return exp(x) + abs(t * x) + constant, exp(x) + t, None
        case "poisson_identity":
            return x + abs(t * log(x)) + constant, None, None
        case "negative_binomial":
            spread, rest = p["dispersion"] * exp(x), abs(log(p["dispersion"] + exp(-x)))
            return log(1 + spread) / p["dispersion"] + t * (rest + 1), (exp(x) + t) / (1 + spread), None
        case "preference":
            gap = p["beta"] * (x - t - p["reference"])
            e, wrong = exp(-abs(gap)), p["label_smoothing"] if gap > 0 else 1 - p["label_smoothing"]
            near = e / (1 + e) * (1 + abs(gap))
            d1, d2 = p["beta"] * (wrong + near), p["beta"] ** 2 * near
            return wrong * abs(gap) + near, (d1, d1), (d2, d2)
        case "gamma":
            return abs(x) + t * exp(-x), 1 + t * exp(-x), None
        case "gamma_identity":
            return abs(log(x)) + t / x, None, None
        case "tweedie":
            up, down = 2 - p["power"], p["power"] - 1
            a = exp(up * x) * (1 + abs(up * x) / 2)
            b = abs(t) * exp(-down * x) * (1 + abs(down * x) / 2)
            terms = (a / abs(up) if up else abs(x)) + (b / abs(down) if down else abs(t * x))
            return terms + constant, a + b, abs(up) * a + abs(down) * b
        case "tweedie_identity":
            up, down = 2 - p["power"], p["power"] - 1
            rise = x**up / abs(up) if up else abs(log(x))
            fall = abs(t) * (x**-down / abs(down) if down else abs(log(x)))
            return rise + fall + constant, None, x ** (-p["power"] - 1) * (abs(down * x) + abs(p["power"] * t))
        case "gaussian_nll":
            z = (x - t) ** 2 / v
            return (abs(log(v)) + z) / 2 + constant, (None, (1 + z) / v / 2), (None, (z + mpf(0.5)) / v**2)
        case "squared_log_error" | "root_mean_squared_log_error":
            return None, None, 2 * (1 + abs(log((1 + x) / (1 + t)))) / (1 + x) ** 2
        case "epsilon_insensitive":
            return abs(x - t) + p["epsilon"], None, None
        case "squared_epsilon_insensitive":
            r = abs(x - t)
            return 2 * abs(r - p["epsilon"]) * (r + p["epsilon"]), 2 * (r + p["epsilon"]), None
        case "log_cosh":
            r = abs(x - t)
            return None, None, 4 * exp(-2 * r) * (1 + r)
        case "cauchy":
            return None, None, 1 / (1 + ((x - t) / p["c"]) ** 2)
        case "geman_mcclure":
            w = ((x - t) / p["c"]) ** 2
            return None, None, (1 + 3 * w) / (1 + w) ** 3
        case "log_lin_quantile":
            return max(p["q"], 1 - p["q"]) * (exp(x) + abs(t)), None, None
        case "generalized_kl":
            return (abs(x - t) + t * abs(log(x / t)) if x and t else None), None, None
        case "gaussian_nll_log_scale":
            z = ((x - t) / exp(v)) ** 2
            return abs(v) + z / 2 + constant, (None, 1 + z), None
        case "distance_weighted_discrimination":
            q, k = p["q"], p["q"] / (p["q"] + 1)
            m = (2 * t - 1 if p["zero_one"] else t) * x
            s = min(k / m, 1) if m > k else mpf(0)
            # A power multiplies the rounding of its base by its exponent.
            fall = (1 + q / 2) * s**q
            return fall / (q + 1), fall * s, (q + 1) * fall * s * s / k
        case "welsch":
            z = ((x - t) / p["c"]) ** 2
            e = exp(-z) * (1 + z)
            return None, abs(x - t) * e, (1 + 2 * z) * e
    if name.startswith("accelerated_failure_time_"):
        return survival_slack.terms(name.rpartition("_")[2], x, t, v, **p)
    return None, None, None


class Elementary:
    """`math` for NumPy's scalars: NaN and infinity instead of exceptions, float32 rounded once."""


def _rounded(function: Any) -> Any:
    return staticmethod(lambda *x: type(x[0])(function(*map(np.float64, x))))


for _name, _function in {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "tanh": np.tanh,
    "pow": np.power, "copysign": np.copysign,
}.items():  # fmt: skip
    setattr(Elementary, _name, _rounded(_function))


@cache
def plain(jet: Any, kind: type) -> Any:
    return lift(jet, Elementary, kind, lambda f: f)


def jet(name: str, inputs: Any, params: dict[str, float], kind: type, wrt: int = 0) -> tuple[Any, Any, Any]:
    loss = fl.LOSSES[name].bind(**params)
    with np.errstate(all="ignore"):
        value, d1, d2 = plain(loss.jet, kind)(*map(kind, inputs), *map(kind, loss.values.values()))
    return (value, d1[wrt], d2[wrt]) if isinstance(d1, tuple) else (value, d1, d2)


def extremes(domain: Domain, kind: type) -> list[float]:
    tiny, wide = (1e-30, 80.0) if kind is np.float32 else (1e-300, 700.0)
    some = [0.0, 1.0, 0.5, 2.0, 37.0, 1e3, 1e20, tiny, 1e-8, wide, 1.0 - float(np.finfo(kind).epsneg)]
    return [x for s in some for x in (s, -s)[: 1 if s == 0 else 2] if x in domain]


def near(k: float, kind: type) -> list[float]:
    step = 1e-3 if kind is np.float32 else 1e-7
    return [k - step * max(1.0, abs(k)), k + step * max(1.0, abs(k))]


def points(name: str, params: dict[str, float], kind: type) -> Iterator[tuple[float, ...]]:
    loss = fl.LOSSES[name].bind(**params)
    rng = np.random.default_rng(7)
    samples = [d.sample(rng, 40) for d in loss.domains]
    usual = [s[:2] for s in samples]
    found = list(zip(*samples, strict=True))
    for k, domain in enumerate(loss.domains):
        for x in extremes(domain, kind):
            found += [(*u[:k], x, *u[k + 1 :]) for u in zip(*usual, strict=True)]
    if len(loss.domains) > 1:
        for y in (*extremes(loss.domains[1], kind), *usual[1]):
            rest = tuple(u[0] for u in usual[2:])
            kinks = oracle.FORMULAS[name].kinks(mpf(y), **params)
            around = [x for k in kinks if abs(k) < 1e6 for x in near(float(k), kind)]
            found += [(x, y, *rest) for x in (y, *around) if x in loss.domains[0]]
    for point in found:
        rounded = tuple(float(kind(x)) for x in point)
        if all(x in d for x, d in zip(rounded, loss.domains, strict=True)):
            yield rounded


def error(got: Any, exact: Any, scale: Any, kind: type) -> float:
    """In ULPs of the exact result, or in roundings of `scale` where it is larger."""
    info = np.finfo(kind)
    top = mpf(float(info.max))
    if math.isinf(got):
        if scale is not None and scale > top:
            return 0.0  # a sum of infinite terms
        return 0.0 if abs(exact) > top * (1 - ULPS * float(info.eps)) and (got > 0) == (exact > 0) else math.inf
    unit = mpf(float(np.spacing(kind(min(abs(exact), top * (1 - 2 * float(info.eps)))))))
    if scale is not None:
        # The intermediate number may be subnormal, with an absolute error.
        unit = max(unit, mpf(float(info.epsneg)) * scale, 32 * mpf(float(info.smallest_subnormal)))
    return math.inf if math.isnan(got) else float(abs(mpf(float(got)) - exact) / unit)


def is_held(name: str, order: int, point: tuple[float, ...], params: dict[str, float]) -> bool:
    """Whether a documented bound, not the formula, says what the derivative is; `test_probability_bounds` has those."""
    if name not in ("binary_cross_entropy", "binary_focal_from_probabilities") or order == 0:
        return False
    clamped = math.exp(-params["clamp"]) if params["clamp"] < 700.0 else 0.0
    return min(point[0], 1.0 - point[0]) <= max(params["floor"], 1.01 * clamped)
