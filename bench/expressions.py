"""The losses in the words of single libraries: their own functions where they have one, numexpr's expressions.

As in `formulas`, each takes the inputs and then the loss's own parameters, and is compared with fastloss before it is
timed. What is not here a library's users write by the plain formula, or cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

# torch.nn.functional: mean(loss) from (inputs, parameters).
TORCH: dict[str, Callable[..., Any]] = {
    "squared_error": lambda F, p, t: F.mse_loss(p, t),
    "absolute_error": lambda F, p, t: F.l1_loss(p, t),
    "huber": lambda F, p, t, d: F.huber_loss(p, t, delta=d),
    "smooth_l1": lambda F, p, t, b: F.smooth_l1_loss(p, t, beta=b),
    "poisson": lambda F, p, t, *_: F.poisson_nll_loss(p, t),
    "poisson_identity": lambda F, p, t, *_: F.poisson_nll_loss(p, t, log_input=False, eps=0.0),
    "gaussian_nll": lambda F, p, t, v, *_: F.gaussian_nll_loss(p, t, v),
    "binary_cross_entropy": lambda F, p, t, *_: F.binary_cross_entropy(p, t),
    "binary_cross_entropy_with_logits": lambda F, x, t, *_: F.binary_cross_entropy_with_logits(x, t),
    "logistic": lambda F, x, t, *_: F.soft_margin_loss(x, t),
}

# optax: each element's loss from (optax.losses, inputs, parameters), for jit(value_and_grad).
OPTAX: dict[str, Callable[..., Any]] = {
    "squared_error": lambda o, p, t: o.squared_error(p, t),
    "half_squared_error": lambda o, p, t: o.l2_loss(p, t),
    "huber": lambda o, p, t, d: o.huber_loss(p, t, delta=d),
    "log_cosh": lambda o, p, t: o.log_cosh(p, t),
    "binary_cross_entropy_with_logits": lambda o, x, t, *_: o.sigmoid_binary_cross_entropy(x, t),
    "binary_focal": lambda o, x, t, g, a, *_: o.sigmoid_focal_loss(x, t, alpha=a, gamma=g),
    "hinge": lambda o, x, t, *_: o.hinge_loss(x, t),
    "perceptron": lambda o, x, t, *_: o.perceptron_loss(x, t),
}

# SciPy: (each loss, its derivative) from (scipy.special, inputs, parameters); only where it has more than NumPy.
SCIPY: dict[str, Callable[..., Any]] = {
    "huber": lambda s, p, t, d: (s.huber(d, p - t), np.clip(p - t, -d, d)),
    "pseudo_huber": lambda s, p, t, d: (s.pseudo_huber(d, p - t), (p - t) / np.sqrt(1 + ((p - t) / d) ** 2)),
    "binary_cross_entropy": lambda s, p, t, *_: (-s.xlogy(t, p) - s.xlog1py(1 - t, -p), (p - t) / (p * (1 - p))),
    "binary_cross_entropy_with_logits": lambda s, x, t, *_: ((1 - t) * x - s.log_expit(x), s.expit(x) - t),
    "logistic": lambda s, x, t, *_: (-s.log_expit(t * x), -t * s.expit(-t * x)),
    "binary_focal": lambda s, x, t, g, a, *_: _focal(s, x, t, g, a),
    "poisson_identity": lambda s, p, t, *_: (p - s.xlogy(t, p), 1 - t / p),
}


def _focal(s: Any, x: Any, t: Any, gamma: float, alpha: float) -> Any:
    p, log_hit, share = s.expit(x), s.log_expit(x) - (1 - t) * x, alpha * t + (1 - alpha) * (1 - t)
    miss = p + t - 2 * p * t
    slope = gamma * miss ** (gamma - 1) * (2 * t - 1) * p * (1 - p) * log_hit
    return -share * miss**gamma * log_hit, share * (slope + miss**gamma * (p - t))


# numexpr: an expression for each element's loss, others for its derivatives. Inputs are x, y, z, parameters a, b, all
# of one type; whole numbers leave float32 alone, 0.5 would make it float64.
NUMEXPR: dict[str, tuple[str, ...]] = {
    "squared_error": ("(x - y)**2", "2*(x - y)"),
    "half_squared_error": ("(x - y)**2/2", "x - y"),
    "absolute_error": ("abs(x - y)", "sign(x - y)"),
    "squared_log_error": ("(log1p(x) - log1p(y))**2", "2*(log1p(x) - log1p(y))/(1 + x)"),
    "absolute_percentage_error": ("abs(x - y)/maximum(abs(y), a)", "sign(x - y)/maximum(abs(y), a)"),
    "symmetric_absolute_percentage_error": (
        "2*abs(x - y)/(abs(x) + abs(y))",
        "2*(sign(x - y)*(abs(x) + abs(y)) - abs(x - y)*sign(x))/(abs(x) + abs(y))**2",
    ),
    "huber": ("where(abs(x - y) <= a, (x - y)**2/2, a*(abs(x - y) - a/2))", "minimum(maximum(x - y, -a), a)"),
    "smooth_l1": (
        "where(abs(x - y) < a, (x - y)**2/(2*a), abs(x - y) - a/2)",
        "where(abs(x - y) < a, (x - y)/a, sign(x - y))",
    ),
    "pseudo_huber": ("a*a*(sqrt(1 + ((x - y)/a)**2) - 1)", "(x - y)/sqrt(1 + ((x - y)/a)**2)"),
    "log_cosh": ("abs(x - y) + log1p(exp(-2*abs(x - y))) - c", "tanh(x - y)"),
    "quantile": ("maximum(a*(y - x), (a - 1)*(y - x))", "where(y > x, -a, 1 - a)"),
    "expectile": ("where(x > y, 1 - a, a)*(x - y)**2", "2*where(x > y, 1 - a, a)*(x - y)"),
    "epsilon_insensitive": ("maximum(abs(x - y) - a, 0*a)", "where(abs(x - y) > a, sign(x - y), 0*a)"),
    "squared_epsilon_insensitive": (
        "maximum(abs(x - y) - a, 0*a)**2", "2*sign(x - y)*maximum(abs(x - y) - a, 0*a)",
    ),
    "cauchy": ("a*a*log1p(((x - y)/a)**2)/2", "(x - y)/(1 + ((x - y)/a)**2)"),
    "welsch": ("-a*a*expm1(-((x - y)/a)**2)/2", "(x - y)*exp(-((x - y)/a)**2)"),
    "fair": ("a*a*(abs(x - y)/a - log1p(abs(x - y)/a))", "(x - y)/(1 + abs(x - y)/a)"),
    "poisson": ("exp(x) - y*x", "exp(x) - y"),
    "poisson_identity": ("x - y*log(x)", "1 - y/x"),
    "gamma": ("x + y*exp(-x)", "1 - y*exp(-x)"),
    "gamma_identity": ("log(x) + y/x", "(x - y)/(x*x)"),
    "tweedie": ("exp((2 - a)*x)/(2 - a) - y*exp((1 - a)*x)/(1 - a)", "exp((2 - a)*x) - y*exp((1 - a)*x)"),
    "tweedie_identity": ("x**(2 - a)/(2 - a) - y*x**(1 - a)/(1 - a)", "x**(1 - a)*(1 - y/x)"),
    "gaussian_nll": ("(log(z) + (x - y)**2/z)/2", "(x - y)/z", "(1 - (x - y)**2/z)/(2*z)"),
    "binary_cross_entropy": ("-(y*log(x) + (1 - y)*log1p(-x))", "(x - y)/(x*(1 - x))"),
    "binary_cross_entropy_with_logits": (
        "where(x > 0, x, 0*x) - x*y + log1p(exp(-abs(x)))", "1/(1 + exp(-x)) - y",
    ),
    "logistic": ("log1p(exp(-y*x))", "-y/(1 + exp(y*x))"),
    "hinge": ("maximum(1 - y*x, 0*x)", "where(y*x < 1, -y, 0*y)"),
    "squared_hinge": ("maximum(1 - y*x, 0*x)**2", "-2*y*maximum(1 - y*x, 0*x)"),
    "modified_huber": (
        "where(y*x >= -1, where(y*x < 1, 1 - y*x, 0*x)**2, -4*y*x)",
        "where(y*x >= -1, -2*y*where(y*x < 1, 1 - y*x, 0*x), -4*y)",
    ),
    "exponential": ("exp(-y*x)", "-y*exp(-y*x)"),
    "perceptron": ("where(y*x < 0, -y*x, 0*x)", "where(y*x < 0, -y, 0*y)"),
}  # fmt: skip
NUMEXPR["root_mean_squared_error"] = NUMEXPR["squared_error"]
NUMEXPR["root_mean_squared_log_error"] = NUMEXPR["squared_log_error"]
