"""Cox's partial likelihood as an objective: labels that are negative where a time is censored, as XGBoost has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastloss as fl

X = np.random.default_rng(0).normal(size=(300, 4)).astype("f4")
TIMES = np.random.default_rng(1).exponential(np.exp(-X[:, 0])).astype("f4")
LABELS = np.where(np.random.default_rng(2).random(300) < 0.7, TIMES, -TIMES)
TOLD: dict[str, Any] = {"max_depth": 3, "nthread": 1, "tree_method": "hist"}


def test_labels_are_read_as_times_and_events() -> None:
    objective = fl.boosting.xgboost(fl.cox, ties="efron")
    scores = X[:, 0].astype("f4")
    given = (scores, np.abs(LABELS), LABELS > 0)
    expected = fl.cox.grad_and_hess(*given, ties="efron", reduction="sum")
    for got, right in zip(objective.grad_and_hess(scores, LABELS), expected, strict=True):
        np.testing.assert_array_equal(got, right)
    assert objective.loss(scores, LABELS) == fl.cox(*given, ties="efron")
    assert objective.initial(LABELS) == 0.0
    np.testing.assert_array_equal(objective.mean(scores), np.exp(scores))
    weight = np.arange(300.0) % 3
    weighed = objective.grad_and_hess(scores, np.where(weight == 0, np.nan, LABELS), weight)
    assert not weighed[0][weight == 0].any() and np.isfinite(weighed[1]).all()


def test_wrong_labels_and_parameters_are_named() -> None:
    objective = fl.boosting.xgboost(fl.cox)
    with pytest.raises(ValueError, match=r"^cox: time\[1\] is nan, expected a label"):
        objective.check(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="^cox: ties is 'exact', expected 'breslow' or 'efron'"):
        fl.boosting.lightgbm(fl.cox, ties="exact")
    with pytest.raises(TypeError, match="^cox: strata has a number for each sample"):
        fl.boosting.xgboost(fl.cox, strata=[0, 1])


def test_xgboost() -> None:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is an extra; CI installs it and runs this file again")
    data = xgboost.DMatrix(X, LABELS)
    objective = fl.boosting.xgboost(fl.cox, hessian="xgboost")
    theirs = xgboost.train({**TOLD, "objective": "survival:cox", "base_score": 1.0}, data, 5)
    ours = xgboost.train({**TOLD, **objective.params(LABELS)}, data, 5, obj=objective, custom_metric=objective.metric)
    margins = [model.predict(data, output_margin=True) for model in (theirs, ours)]
    assert np.ptp(margins[0]) > 0.5
    np.testing.assert_allclose(margins[1], margins[0], rtol=0, atol=1e-5 * np.ptp(margins[0]))  # scores are float32
    by_xgboost = float(theirs.eval(data).rpartition(":")[2])
    np.testing.assert_allclose(objective.loss(margins[1], LABELS), by_xgboost, rtol=1e-5)
    estimator = xgboost.XGBRegressor(objective=objective, n_estimators=5, base_score=0.0, **TOLD)
    np.testing.assert_allclose(estimator.fit(X, LABELS).predict(X), margins[1], rtol=1e-6, atol=1e-6)


def test_lightgbm() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is an extra; CI installs it and runs this file again")
    objective = fl.boosting.lightgbm(fl.cox)
    told = {"num_leaves": 7, "num_threads": 1, "verbosity": -1, "objective": objective}
    model = lightgbm.train(told, lightgbm.Dataset(X, LABELS), 10)
    before, after = (objective.loss(s, LABELS) for s in (np.zeros(300), model.predict(X, raw_score=True)))
    assert after < before - 0.2
