"""The losses as users of other libraries write them: NumPy with its gradient by hand, and a forward pass for autograd.

Every function takes the inputs and then the loss's own parameters in their order; those that a formula leaves out stand
at a neutral default. Nothing here needs to be trusted: `peers.rivals` compares each with fastloss before it is timed. A
loss that is not here is measured without these peers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastloss.commands.demo import formulas as demo

if TYPE_CHECKING:
    from collections.abc import Callable

# -- NumPy: each element's loss and its derivative, in the usual handful of array operations --------------------------


def half_squared_error(p: Any, t: Any) -> Any:
    e = p - t
    return 0.5 * e * e, e


def absolute_error(p: Any, t: Any) -> Any:
    e = p - t
    return np.abs(e), np.sign(e)


def squared_log_error(p: Any, t: Any) -> Any:
    d = np.log1p(p) - np.log1p(t)
    return d * d, 2 * d / (1 + p)


def absolute_percentage_error(p: Any, t: Any, epsilon: float) -> Any:
    e, scale = p - t, np.maximum(np.abs(t), epsilon)
    return np.abs(e) / scale, np.sign(e) / scale


def symmetric_absolute_percentage_error(p: Any, t: Any, *_: float) -> Any:
    e, scale = p - t, np.abs(p) + np.abs(t)
    return 2 * np.abs(e) / scale, 2 * (np.sign(e) * scale - np.abs(e) * np.sign(p)) / (scale * scale)


def smooth_l1(p: Any, t: Any, beta: float) -> Any:
    e = p - t
    a = np.abs(e)
    return np.where(a < beta, 0.5 * e * e / beta, a - 0.5 * beta), np.clip(e / beta, -1, 1)


def pseudo_huber(p: Any, t: Any, delta: float) -> Any:
    e = p - t
    root = np.sqrt(1 + (e / delta) ** 2)
    return delta * delta * (root - 1), e / root


def log_cosh(p: Any, t: Any) -> Any:
    e = p - t
    a = np.abs(e)
    return a + np.log1p(np.exp(-2 * a)) - float(np.log(2)), np.tanh(e)


def quantile(p: Any, t: Any, q: float) -> Any:
    e = t - p
    return np.maximum(q * e, (q - 1) * e), np.where(e > 0, p.dtype.type(-q), p.dtype.type(1 - q))


def expectile(p: Any, t: Any, q: float) -> Any:
    e = p - t
    w = np.where(e > 0, p.dtype.type(1 - q), p.dtype.type(q))
    return w * e * e, 2 * w * e


def epsilon_insensitive(p: Any, t: Any, epsilon: float) -> Any:
    e = p - t
    a = np.abs(e)
    return np.maximum(a - epsilon, 0), np.sign(e) * (a > epsilon)


def squared_epsilon_insensitive(p: Any, t: Any, epsilon: float) -> Any:
    e = p - t
    excess = np.maximum(np.abs(e) - epsilon, 0)
    return excess * excess, 2 * np.sign(e) * excess


def cauchy(p: Any, t: Any, c: float) -> Any:
    e = p - t
    u = (e / c) ** 2
    return 0.5 * c * c * np.log1p(u), e / (1 + u)


def welsch(p: Any, t: Any, c: float) -> Any:
    e = p - t
    x = np.exp(-((e / c) ** 2))
    return 0.5 * c * c * (1 - x), e * x


def fair(p: Any, t: Any, c: float) -> Any:
    e = p - t
    a = np.abs(e) / c
    return c * c * (a - np.log1p(a)), e / (1 + a)


def poisson_identity(p: Any, t: Any, *_: float) -> Any:
    return p - t * np.log(p), 1 - t / p


def gamma(p: Any, t: Any, *_: float) -> Any:
    x = t * np.exp(-p)
    return p + x, 1 - x


def tweedie(p: Any, t: Any, power: float, *_: float) -> Any:
    a, b = np.exp((2 - power) * p), t * np.exp((1 - power) * p)
    return a / (2 - power) - b / (1 - power), a - b


def gamma_identity(p: Any, t: Any, *_: float) -> Any:
    return np.log(p) + t / p, (p - t) / (p * p)


def tweedie_identity(p: Any, t: Any, power: float, *_: float) -> Any:
    shrunk = p ** (1 - power)
    return p * shrunk / (2 - power) - t * shrunk / (1 - power), shrunk * (1 - t / p)


def gaussian_nll(p: Any, t: Any, v: Any, *_: float) -> Any:
    e = p - t
    u = e * e / v
    return 0.5 * (np.log(v) + u), (e / v, 0.5 * (1 - u) / v)


def binary_cross_entropy(p: Any, t: Any, *_: float) -> Any:
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)), (p - t) / (p * (1 - p))


def logistic(x: Any, t: Any, *_: float) -> Any:
    m = t * x
    return np.log1p(np.exp(-m)), -t / (1 + np.exp(m))


def hinge(x: Any, t: Any, *_: float) -> Any:
    slack = 1 - t * x
    return np.maximum(slack, 0), -t * (slack > 0)


def squared_hinge(x: Any, t: Any, *_: float) -> Any:
    slack = np.maximum(1 - t * x, 0)
    return slack * slack, -2 * t * slack


def modified_huber(x: Any, t: Any, *_: float) -> Any:
    m = t * x
    slack = np.maximum(1 - m, 0)
    return np.where(m >= -1, slack * slack, -4 * m), np.where(m >= -1, -2 * t * slack, -4 * t)


def exponential(x: Any, t: Any, *_: float) -> Any:
    v = np.exp(-t * x)
    return v, -t * v


def perceptron(x: Any, t: Any, *_: float) -> Any:
    m = -t * x
    return np.maximum(m, 0), -t * (m > 0)


def binary_focal(x: Any, t: Any, gamma: float, alpha: float, *_: float) -> Any:
    p = 1 / (1 + np.exp(-x))
    b = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
    q = p + t - 2 * p * t  # 1 - p_t
    weight = alpha * t + (1 - alpha) * (1 - t)
    fade = q**gamma
    slope = gamma * q ** (gamma - 1) * (1 - 2 * t) * p * (1 - p) * b
    return weight * fade * b, weight * (slope + fade * (p - t))


def binary_focal_from_probabilities(p: Any, t: Any, gamma: float, alpha: float, *_: float) -> Any:
    b = -(t * np.log(p) + (1 - t) * np.log1p(-p))
    q = p + t - 2 * p * t
    weight = alpha * t + (1 - alpha) * (1 - t)
    slope = gamma * q ** (gamma - 1) * (1 - 2 * t) * b + q**gamma * (p - t) / (p * (1 - p))
    return weight * q**gamma * b, weight * slope


def lp(p: Any, t: Any, power: float) -> Any:
    e = p - t
    a = np.abs(e)
    return a**power, power * a ** (power - 1) * np.sign(e)


def geman_mcclure(p: Any, t: Any, c: float) -> Any:
    e = p - t
    u = 1 / (1 + (e / c) ** 2)
    return 0.5 * e * e * u, e * u * u


def squared_percentage_error(p: Any, t: Any, epsilon: float) -> Any:
    scale = np.maximum(np.abs(t), epsilon)
    e = (p - t) / scale
    return e * e, 2 * e / scale


def log_lin_quantile(p: Any, t: Any, q: float) -> Any:
    x = np.exp(p)
    e = t - x
    return np.maximum(q * e, (q - 1) * e), np.where(e > 0, p.dtype.type(-q), p.dtype.type(1 - q)) * x


def generalized_kl(p: Any, t: Any) -> Any:
    return t * np.log(t / p) - t + p, 1 - t / p


def gaussian_nll_log_scale(p: Any, t: Any, s: Any, *_: float) -> Any:
    inverse = np.exp(-s)
    z = (p - t) * inverse
    return s + 0.5 * z * z, (z * inverse, 1 - z * z)


def smoothed_hinge(x: Any, t: Any, gamma: float, *_: float) -> Any:
    slack = np.maximum(1 - t * x, 0)
    inner = slack <= gamma
    return (
        np.where(inner, slack * slack / (2 * gamma), slack - gamma / 2),
        -t * np.where(inner, slack / gamma, x.dtype.type(1)),
    )


def sigmoid_margin(x: Any, t: Any, *_: float) -> Any:
    v = np.tanh(t * x)
    return 1 - v, -t * (1 - v * v)


def distance_weighted_discrimination(x: Any, t: Any, q: float, *_: float) -> Any:
    m, k = t * x, q / (q + 1)
    far = k / np.maximum(m, k)
    fall = far**q
    return np.where(m <= k, 1 - m, fall / (q + 1)), -t * fall * far


def binary_sparsemax(x: Any, t: Any) -> Any:
    m = (2 * t - 1) * x
    slack = np.clip(1 - m, 0, 2)
    return np.where(m < -1, -m, 0.25 * slack * slack), -0.5 * (2 * t - 1) * slack


def hinge_embedding(x: Any, t: Any, margin: float, *_: float) -> Any:
    short = margin - x
    return np.where(t > 0, x, np.maximum(short, 0)), np.where(t > 0, t, t * (short > 0))


def contrastive(x: Any, t: Any, margin: float) -> Any:
    short = np.maximum(margin - x, 0)
    return 0.5 * (t * x * x + (1 - t) * short * short), t * x - (1 - t) * short


def margin_ranking(x: Any, y: Any, t: Any, margin: float, *_: float) -> Any:
    short = margin - t * (x - y)
    slope = -t * (short > 0)
    return np.maximum(short, 0), (slope, -slope)


def _errors(p: Any, low: Any, high: Any, scale: float) -> Any:
    a, b = (np.log(np.minimum(low, high)) - p) / scale, (np.log(np.maximum(low, high)) - p) / scale
    return a, b


def accelerated_failure_time_logistic(p: Any, low: Any, high: Any, scale: float) -> Any:
    a, b = (1 / (1 + np.exp(-z)) for z in _errors(p, low, high, scale))
    return -np.log(b - a), (1 - b - a) / scale


def accelerated_failure_time_extreme(p: Any, low: Any, high: Any, scale: float) -> Any:
    a, b = (np.exp(z) for z in _errors(p, low, high, scale))
    rise = b - a
    return a - np.log(-np.expm1(-rise)), (rise * np.exp(-rise) / -np.expm1(-rise) - a) / scale


def accelerated_failure_time_normal(p: Any, low: Any, high: Any, scale: float) -> Any:
    a, b = _errors(*(x.astype(np.float64) for x in (p, low, high)), scale)
    side = np.where(a + b > 0, -1, 1)
    m, w = 0.5 * (a + b), b - a
    mass = side * 0.5 * (_erfc(-side * b / 2**0.5) - _erfc(-side * a / 2**0.5))
    # A short interval's probability is a difference of two numbers near each other.
    mass = np.where(w < 1e-3, w * np.exp(-0.5 * m * m) / (2 * np.pi) ** 0.5 * (1 + (m * m - 1) * w * w / 24), mass)
    density = np.exp(-0.5 * a * a) * np.expm1(-m * w) / (2 * np.pi) ** 0.5
    return (-np.log(mass)).astype(p.dtype), (density / mass / scale).astype(p.dtype)


_erfc = np.vectorize(math.erfc)


NUMPY: dict[str, Callable[..., Any]] = {
    name: f
    for name, f in list(globals().items())
    if not name.startswith("_") and getattr(f, "__module__", "") == __name__
}
NUMPY |= {name: f for name, f in demo.FORMULAS.items() if name != "cross_entropy"}  # which `row_peers` has
NUMPY["root_mean_squared_error"] = NUMPY["squared_error"]  # `peers` takes the root of the mean
NUMPY["root_mean_squared_log_error"] = squared_log_error
NUMPY["root_mean_squared_percentage_error"] = squared_percentage_error


# -- Forward passes for autograd: `xp` is torch or jax.numpy, `nn` torch.nn.functional or jax.nn ----------------------

FORWARD: dict[str, Callable[..., Any]] = {
    "squared_error": lambda xp, nn, p, t: (p - t) ** 2,
    "half_squared_error": lambda xp, nn, p, t: 0.5 * (p - t) ** 2,
    "absolute_error": lambda xp, nn, p, t: xp.abs(p - t),
    "squared_log_error": lambda xp, nn, p, t: (xp.log1p(p) - xp.log1p(t)) ** 2,
    "absolute_percentage_error": lambda xp, nn, p, t, eps: xp.abs((p - t) / xp.clip(xp.abs(t), eps, None)),
    "symmetric_absolute_percentage_error": lambda xp, nn, p, t, *_: 2 * xp.abs(p - t) / (xp.abs(p) + xp.abs(t)),
    "huber": lambda xp, nn, p, t, d: _huber(xp, xp.abs(p - t), d),
    "smooth_l1": lambda xp, nn, p, t, b: _huber(xp, xp.abs(p - t), b) / b,
    "pseudo_huber": lambda xp, nn, p, t, d: d * d * (xp.sqrt(1 + ((p - t) / d) ** 2) - 1),
    "log_cosh": lambda xp, nn, p, t: xp.abs(p - t) + nn.softplus(-2 * xp.abs(p - t)) - float(np.log(2)),
    "quantile": lambda xp, nn, p, t, q: xp.maximum(q * (t - p), (q - 1) * (t - p)),
    "expectile": lambda xp, nn, p, t, q: xp.where(p > t, 1 - q, q) * (p - t) ** 2,
    "epsilon_insensitive": lambda xp, nn, p, t, eps: nn.relu(xp.abs(p - t) - eps),
    "squared_epsilon_insensitive": lambda xp, nn, p, t, eps: nn.relu(xp.abs(p - t) - eps) ** 2,
    "cauchy": lambda xp, nn, p, t, c: 0.5 * c * c * xp.log1p(((p - t) / c) ** 2),
    "welsch": lambda xp, nn, p, t, c: 0.5 * c * c * (1 - xp.exp(-(((p - t) / c) ** 2))),
    "fair": lambda xp, nn, p, t, c: c * c * (xp.abs((p - t) / c) - xp.log1p(xp.abs((p - t) / c))),
    "poisson": lambda xp, nn, p, t, *_: xp.exp(p) - t * p,
    "poisson_identity": lambda xp, nn, p, t, *_: p - t * xp.log(p),
    "gamma": lambda xp, nn, p, t, *_: p + t * xp.exp(-p),
    "tweedie": lambda xp, nn, p, t, k, *_: xp.exp((2 - k) * p) / (2 - k) - t * xp.exp((1 - k) * p) / (1 - k),
    "gamma_identity": lambda xp, nn, p, t, *_: xp.log(p) + t / p,
    "tweedie_identity": lambda xp, nn, p, t, k, *_: p ** (2 - k) / (2 - k) - t * p ** (1 - k) / (1 - k),
    "gaussian_nll": lambda xp, nn, p, t, v, *_: 0.5 * (xp.log(v) + (p - t) ** 2 / v),
    "binary_cross_entropy": lambda xp, nn, p, t, *_: -(t * xp.log(p) + (1 - t) * xp.log1p(-p)),
    "binary_cross_entropy_with_logits": lambda xp, nn, x, t, *_: nn.softplus(x) - x * t,
    "logistic": lambda xp, nn, x, t, *_: nn.softplus(-t * x),
    "hinge": lambda xp, nn, x, t, *_: nn.relu(1 - t * x),
    "squared_hinge": lambda xp, nn, x, t, *_: nn.relu(1 - t * x) ** 2,
    "modified_huber": lambda xp, nn, x, t, *_: xp.where(t * x >= -1, nn.relu(1 - t * x) ** 2, -4 * t * x),
    "exponential": lambda xp, nn, x, t, *_: xp.exp(-t * x),
    "perceptron": lambda xp, nn, x, t, *_: nn.relu(-t * x),
    "binary_focal": lambda xp, nn, x, t, g, a, *_: (a * t + (1 - a) * (1 - t)) * (nn.softplus(x) - x * t)
    * (nn.sigmoid(x) * (1 - t) + nn.sigmoid(-x) * t) ** g,
    "binary_focal_from_probabilities": lambda xp, nn, p, t, g, a, *_: (a * t + (1 - a) * (1 - t))
    * -(t * xp.log(p) + (1 - t) * xp.log1p(-p)) * (p + t - 2 * p * t) ** g,
    "lp": lambda xp, nn, p, t, power: xp.abs(p - t) ** power,
    "geman_mcclure": lambda xp, nn, p, t, c: 0.5 * (p - t) ** 2 / (1 + ((p - t) / c) ** 2),
    "squared_percentage_error": lambda xp, nn, p, t, eps: ((p - t) / xp.clip(xp.abs(t), eps, None)) ** 2,
    "log_lin_quantile": lambda xp, nn, p, t, q: xp.maximum(q * (t - xp.exp(p)), (q - 1) * (t - xp.exp(p))),
    "generalized_kl": lambda xp, nn, p, t: t * xp.log(t / p) - t + p,
    "gaussian_nll_log_scale": lambda xp, nn, p, t, s, *_: s + 0.5 * ((p - t) * xp.exp(-s)) ** 2,
    "smoothed_hinge": lambda xp, nn, x, t, g, *_: _huber(xp, nn.relu(1 - t * x), g) / g,
    "sigmoid_margin": lambda xp, nn, x, t, *_: 1 - xp.tanh(t * x),
    "distance_weighted_discrimination": lambda xp, nn, x, t, q, *_: xp.where(
        t * x <= q / (q + 1), 1 - t * x, (q / (q + 1) / xp.clip(t * x, q / (q + 1), None)) ** q / (q + 1)),
    "binary_sparsemax": lambda xp, nn, x, t: 0.25 * FORWARD["modified_huber"](xp, nn, x, 2 * t - 1),
    "hinge_embedding": lambda xp, nn, x, t, m, *_: xp.where(t > 0, x, nn.relu(m - x)),
    "contrastive": lambda xp, nn, x, t, m: 0.5 * (t * x**2 + (1 - t) * nn.relu(m - x) ** 2),
    "margin_ranking": lambda xp, nn, x, y, t, m, *_: nn.relu(m - t * (x - y)),
}  # fmt: skip
FORWARD["root_mean_squared_error"] = FORWARD["squared_error"]
FORWARD["root_mean_squared_log_error"] = FORWARD["squared_log_error"]
FORWARD["root_mean_squared_percentage_error"] = FORWARD["squared_percentage_error"]


def _huber(xp: Any, a: Any, d: float) -> Any:
    return xp.where(a <= d, 0.5 * a * a, d * (a - 0.5 * d))
