"""Losses of queries as objectives: the groups that LightGBM and XGBoost hand over, and their own LambdaRank."""

from __future__ import annotations

import numpy as np
import pytest

import fastloss as fl

SIZES = np.array([30, 10, 40, 20, 50, 30])
X = np.random.default_rng(0).normal(size=(180, 4)).astype("f4")
GRADES = np.clip(np.round(1.0 + X[:, 0] + 0.5 * np.random.default_rng(1).normal(size=180)), 0, 4).astype("f4")


def test_lightgbm() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is an extra; CI installs it and runs this file again")
    told = {"num_leaves": 7, "deterministic": True, "force_col_wise": True, "num_threads": 1, "verbosity": -1}
    objective = fl.boosting.lightgbm(fl.lambdarank, hessian="lightgbm")
    theirs, ours = (
        lightgbm.train({**told, "objective": what}, lightgbm.Dataset(X, GRADES, group=SIZES), 3).predict(X)
        for what in ("lambdarank", objective)
    )
    assert np.ptp(theirs) > 0.1
    # LightGBM reads the logistic function from a table of steps of 5e-5.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.ptp(theirs))
    native = lightgbm.train({**told, "objective": objective}, lightgbm.Dataset(X, GRADES, group=SIZES), 3)
    ranker = lightgbm.LGBMRanker(objective=objective, n_estimators=3, num_leaves=7, n_jobs=1, verbose=-1)
    assert (ranker.fit(X, GRADES, group=SIZES).predict(X) == native.predict(X)).all()
    # A loss that knows no queries takes no notice of them.
    plain = fl.boosting.lightgbm(fl.half_squared_error)
    with_groups = lightgbm.train({**told, "objective": plain}, lightgbm.Dataset(X, GRADES, group=SIZES), 2)
    without = lightgbm.train({**told, "objective": plain}, lightgbm.Dataset(X, GRADES), 2)
    assert (with_groups.predict(X) == without.predict(X)).all()


@pytest.mark.parametrize(
    ("name", "loss", "parameters"),
    [
        ("rank:ndcg", fl.lambdarank, {}),
        ("rank:pairwise", fl.pairwise_logistic, {"score_norm": True, "query_norm": True}),
    ],
)
def test_xgboost(name, loss, parameters) -> None:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is an extra; CI installs it and runs this file again")
    data = xgboost.DMatrix(X, GRADES)
    data.set_group(SIZES)
    told = {"max_depth": 3, "nthread": 1, "tree_method": "hist", "base_score": 0.0}
    objective = fl.boosting.xgboost(loss, hessian="xgboost", truncation=32, **parameters)
    theirs = xgboost.train({**told, "objective": name}, data, 3).predict(data)
    ours = xgboost.train(told, data, 3, obj=objective).predict(data)
    assert np.ptp(theirs) > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-6 * np.ptp(theirs))  # scores are float32


def test_weights_of_xgboosts_queries() -> None:
    """XGBoost has a number for each query; its own objective divides them by their mean."""
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is an extra; CI installs it and runs this file again")
    weight = np.array([1.0, 3.0, 0.5, 2.0, 4.0, 1.5]) / 2.0
    data = xgboost.DMatrix(X, GRADES, group=SIZES, weight=weight)
    told = {"max_depth": 3, "nthread": 1, "tree_method": "hist", "base_score": 0.0}
    objective = fl.boosting.xgboost(fl.lambdarank, hessian="xgboost", truncation=32)
    theirs = xgboost.train({**told, "objective": "rank:ndcg"}, data, 3).predict(data)
    ours = xgboost.train(told, data, 3, obj=objective).predict(data)
    even = xgboost.train(told, xgboost.DMatrix(X, GRADES, group=SIZES), 3, obj=objective).predict(data)
    assert np.abs(even - theirs).max() > 0.1 * np.ptp(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-6 * np.ptp(theirs))  # scores are float32
    assert objective.metric(ours, data)[1] == pytest.approx(float(fl.lambdarank(
        ours, GRADES, group=SIZES, weight=weight, truncation=32)))  # fmt: skip
