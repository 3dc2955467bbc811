"""What `bench.boosting` times: losses, what the boosters call them, the NumPy that people write, and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastloss as fl

from . import parity

CLASSES, FEATURES = 10, 20

Pair = tuple[NDArray[Any], NDArray[Any]]


def squared(p: Any, y: Any) -> Pair:
    """Of half the squared error."""
    return p - y, np.ones_like(p)


def logistic(p: Any, y: Any) -> Pair:
    """Of logits."""
    s = 1.0 / (1.0 + np.exp(-p))
    return s - y, s * (1.0 - s)


def poisson(p: Any, y: Any) -> Pair:
    """Of logarithms of the mean."""
    mu = np.exp(p)
    return mu - y, mu


def quantile(p: Any, y: Any) -> Pair:
    """The 0.8-quantile."""
    return np.where(p > y, 0.2, -0.8), np.ones_like(p)


def huber(p: Any, y: Any) -> Pair:
    """With delta 1."""
    r = p - y
    return np.clip(r, -1.0, 1.0), (np.abs(r) <= 1.0).astype(p.dtype)


def pseudo_huber(p: Any, y: Any) -> Pair:
    """With delta 1."""
    r = p - y
    s = np.sqrt(1.0 + r * r)
    return r / s, 1.0 / (s * s * s)


def softmax(p: Any, y: Any) -> Pair:
    """Of rows of logits."""
    e = np.exp(p - p.max(axis=1, keepdims=True))
    s = e / e.sum(axis=1, keepdims=True)
    h = 2.0 * s * (1.0 - s)
    s[np.arange(len(y)), y.astype(int)] -= 1.0
    return s, h


@dataclass(frozen=True)
class Case:
    """A loss, what the boosters call it, and its formula in NumPy."""

    loss: str
    built_in: dict[str, str]
    formula: Callable[[Any, Any], Pair]
    labels: str = "real"
    parameters: tuple[tuple[str, float], ...] = ()


BCE = "binary_cross_entropy_with_logits"
CASES = {
    "squared error": Case(
        "half_squared_error", {"xgboost": "reg:squarederror", "lightgbm": "regression", "catboost": "RMSE"}, squared
    ),
    "logistic": Case(
        BCE, {"xgboost": "binary:logistic", "lightgbm": "binary", "catboost": "Logloss"}, logistic, "binary"
    ),
    "poisson": Case(
        "poisson", {"xgboost": "count:poisson", "lightgbm": "poisson", "catboost": "Poisson"}, poisson, "counts"
    ),
    "quantile": Case(
        "quantile",
        {"xgboost": "reg:quantileerror", "lightgbm": "quantile", "catboost": "Quantile:alpha=0.8"},
        quantile,
        parameters=(("q", 0.8),),
    ),
    "huber": Case("huber", {"lightgbm": "huber", "catboost": "Huber:delta=1"}, huber, parameters=(("delta", 1.0),)),
    "softmax": Case(
        "cross_entropy",
        {"xgboost": "multi:softprob", "lightgbm": "multiclass", "catboost": "MultiClass"},
        softmax,
        "classes",
    ),
}
MORE = {("xgboost", "quantile"): {"quantile_alpha": 0.8}, ("lightgbm", "quantile"): {"alpha": 0.8}}
"""The built-in objectives' parameters."""


PSEUDO = Case("pseudo_huber", {"xgboost": "reg:pseudohubererror"}, pseudo_huber)


def case_of(booster: str, name: str) -> Case:
    """A case as this booster has it: XGBoost's Huber is the smooth one."""
    return PSEUDO if (booster, name) == ("xgboost", "huber") else CASES[name]


def objective(booster: str, case: Case) -> Any:
    """Ours, with the built-in one's second derivative."""
    made = getattr(fl.boosting, booster)
    return made(fl.LOSSES[case.loss], hessian=parity.PRESETS[booster], **dict(case.parameters))


def rows(labels: str, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Features and labels."""
    rng = np.random.default_rng(20261126)
    x = rng.normal(size=(n, FEATURES)).astype("f4")
    z = x[:, 0] + np.sin(2.0 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3]
    y = {
        "real": lambda: z + 0.5 * rng.normal(size=n),
        "binary": lambda: z + rng.logistic(size=n) > 0.0,
        "counts": lambda: rng.poisson(np.exp(0.5 * z)),
        "classes": lambda: np.argmax(x[:, :CLASSES] + rng.gumbel(size=(n, CLASSES)), axis=1),
    }[labels]()
    return x, np.asarray(y, "f4")
