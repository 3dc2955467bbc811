"""What is computed: the definitions, a module a family, in plain Python."""

from __future__ import annotations

from . import binary, likelihood, regression, robust

__all__ = ["ALIASES", "binary", "likelihood", "regression", "robust"]

ALIASES = {
    "bce": "binary_cross_entropy",
    "bce_with_logits": "binary_cross_entropy_with_logits",
    "focal": "binary_focal",
    "gaussian_negative_log_likelihood": "gaussian_nll",
    "l1": "absolute_error",
    "logcosh": "log_cosh",
    "lorentzian": "cauchy",
    "mae": "absolute_error",
    "mape": "absolute_percentage_error",
    "mse": "squared_error",
    "msle": "squared_log_error",
    "pinball": "quantile",
    "rmse": "root_mean_squared_error",
    "rmsle": "root_mean_squared_log_error",
    "sigmoid_cross_entropy": "binary_cross_entropy_with_logits",
    "smape": "symmetric_absolute_percentage_error",
    "soft_margin": "logistic",
}
"""The usual short names of losses. There is no "l2": to some it is the squared error, to others half of it."""
