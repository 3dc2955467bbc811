"""XGBoost with losses as objectives: its own objectives' models again, all its interfaces, and what is refused."""

from __future__ import annotations

import pickle
import types
from typing import Any

import numpy as np
import pytest

import fastloss as fl
from fastloss.boosting import xgboost as face

xgboost = pytest.importorskip("xgboost")

N, ROUNDS = 300, 4
RNG = np.random.default_rng(18)
X = RNG.normal(size=(N, 4)).astype(np.float32)
RAW = X[:, 0] + 0.5 * X[:, 1] * X[:, 2] + 0.3 * RNG.normal(size=N)
POSITIVE = np.exp(RAW).astype(np.float32)
COUNTS = RNG.poisson(POSITIVE).astype(np.float32)
BINARY = (RAW > 0.0).astype(np.float32)
CLASSES = np.digitize(RAW, [-0.7, 0.7]).astype(np.float32)
W = RNG.uniform(0.5, 2.0, N).astype(np.float32)
PARAMS = {"max_depth": 3, "eta": 0.3, "nthread": 1, "tree_method": "hist", "max_bin": 64}


def trained(params: dict[str, Any], labels: Any, weight: Any, **how: Any) -> Any:
    data = xgboost.DMatrix(X, label=labels, weight=weight)
    return xgboost.train({**PARAMS, **params}, data, ROUNDS, **how)


def raw(model: Any) -> Any:
    return model.predict(xgboost.DMatrix(X), output_margin=True)


# name, XGBoost's parameters, its base_score, the margin of that, the loss, labels
BUILT_IN: list[tuple[dict[str, Any], float, float, Any, Any]] = [
    ({"objective": "reg:squarederror"}, 0.5, 0.5, fl.half_squared_error, RAW),
    ({"objective": "reg:squaredlogerror"}, 0.5, 0.5, 0.5 * fl.squared_log_error, POSITIVE),
    ({"objective": "reg:pseudohubererror", "huber_slope": 0.5}, 0.5, 0.5, fl.pseudo_huber.bind(delta=0.5), RAW),
    ({"objective": "binary:logistic"}, 0.5, 0.0, fl.logistic.bind(zero_one=True), BINARY),
    ({"objective": "binary:logitraw"}, 0.5, 0.0, fl.binary_cross_entropy_with_logits, BINARY),
    ({"objective": "binary:hinge"}, 0.5, 0.5, fl.hinge.bind(zero_one=True), BINARY),
    ({"objective": "count:poisson", "max_delta_step": 0.7}, 1.0, 0.0, fl.poisson, COUNTS),
    ({"objective": "reg:gamma"}, 1.0, 0.0, fl.gamma, POSITIVE),
    ({"objective": "reg:tweedie", "tweedie_variance_power": 1.3}, 1.0, 0.0, fl.tweedie.bind(power=1.3), COUNTS),
]
"""XGBoost's parameters, its base_score, the score that this is, the loss, labels."""


@pytest.mark.parametrize("weight", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize(("params", "base", "margin", "loss", "labels"), BUILT_IN, ids=lambda x: str(x)[:40])
def test_models_of_the_built_in_objectives(
    params: dict[str, Any], base: float, margin: float, loss: Any, labels: Any, weight: Any
) -> None:
    """The same trees, with what XGBoost 3.2 has for a Hessian: scores agree to float32's rounding."""
    theirs = trained({**params, "base_score": base}, labels, weight)
    rest = {k: v for k, v in params.items() if k == "max_delta_step"}
    hessian = "xgboost" if loss.name in fl.LOSSES else "positive"
    ours = trained({**rest, "base_score": margin}, labels, weight, obj=face(loss, hessian=hessian))
    np.testing.assert_allclose(raw(ours), raw(theirs), rtol=1e-4, atol=2e-5)
