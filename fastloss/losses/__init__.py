"""The definitions of all losses, a module a family, in plain Python."""

from __future__ import annotations

from importlib import import_module

from . import links  # noqa: F401, which definitions name

ALIASES = {
    "aft_extreme": "accelerated_failure_time_extreme",
    "aft_logistic": "accelerated_failure_time_logistic",
    "aft_normal": "accelerated_failure_time_normal",
    "bce": "binary_cross_entropy",
    "bce_with_logits": "binary_cross_entropy_with_logits",
    "bradley_terry": "preference",
    "cce": "categorical_cross_entropy",
    "crammer_singer": "multiclass_hinge",
    "dpo": "preference",
    "dwd": "distance_weighted_discrimination",
    "focal": "binary_focal",
    "gaussian_negative_log_likelihood": "gaussian_nll",
    "gce": "generalized_cross_entropy",
    "generalized_kl_divergence": "generalized_kl",
    "i_divergence": "generalized_kl",
    "jensen_shannon": "js_divergence",
    "jsd": "js_divergence",
    "kl_div": "kl_divergence_log",
    "kld": "kl_divergence",
    "knowledge_distillation": "distillation",
    "l1": "absolute_error",
    "logcosh": "log_cosh",
    "lorentzian": "cauchy",
    "lq": "lp",
    "mae": "absolute_error",
    "mape": "absolute_percentage_error",
    "mse": "squared_error",
    "msle": "squared_log_error",
    "mspe": "squared_percentage_error",
    "multi_margin": "multiclass_hinge_sum",
    "multilabel_cross_entropy": "multilabel_soft_margin",
    "multilabel_hinge": "multilabel_margin",
    "nll": "negative_log_likelihood",
    "pinball": "quantile",
    "poly": "poly_cross_entropy",
    "rmse": "root_mean_squared_error",
    "rmsle": "root_mean_squared_log_error",
    "rmspe": "root_mean_squared_percentage_error",
    "sigmoid_cross_entropy": "binary_cross_entropy_with_logits",
    "smape": "symmetric_absolute_percentage_error",
    "soft_margin": "logistic",
    "softmax_cross_entropy": "cross_entropy",
    "softmax_focal": "multiclass_focal",
    "sparse_categorical_cross_entropy": "categorical_cross_entropy",
    "tvd": "total_variation",
    "weston_watkins": "multiclass_hinge_sum",
}
"""The usual short names of losses. There is no "l2": to some it is the squared error, to others half of it."""

FAMILIES = (
    "regression", "robust", "distances", "binary", "smooth_margins", "focal", "multiclass", "margins", "emphasis",
    "sparse", "likelihood", "uncertainty", "survival", "divergence", "distillation", "soft", "embedding",
    "preference",
)  # fmt: skip
"""The modules with losses, in the order of the tables. A list, because looking through the folder takes 1.5 ms."""

for _family in FAMILIES:
    import_module(f"{__name__}.{_family}")
