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
pytestmark = pytest.mark.usefixtures("compiled_at_last")

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
    ({"objective": "binary:logitraw"}, 0.5, 0.5, fl.binary_cross_entropy_with_logits, BINARY),
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


@pytest.mark.parametrize("weight", [None, W], ids=["plain", "weighted"])
def test_models_of_several_classes(weight: Any) -> None:
    theirs = trained({"objective": "multi:softprob", "num_class": 3, "base_score": 0.5}, CLASSES, weight)
    objective = face(fl.cross_entropy, hessian="xgboost")
    ours = trained({"num_class": 3, "base_score": 0.5}, CLASSES, weight, obj=objective)
    np.testing.assert_allclose(raw(ours), raw(theirs), rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(objective.mean(raw(ours)), theirs.predict(xgboost.DMatrix(X)), atol=1e-5)


def test_models_of_several_targets() -> None:
    labels = np.stack([RAW, X[:, 3] - RAW], 1)
    theirs = trained({"objective": "reg:squarederror", "base_score": 0.5}, labels, W)
    ours = trained({"base_score": 0.5}, labels, W, obj=face(fl.half_squared_error))
    np.testing.assert_allclose(raw(ours), raw(theirs), rtol=1e-4, atol=2e-5)


def test_models_of_times() -> None:
    """XGBoost holds derivatives between bounds, which these data do not reach."""
    upper = np.where(RAW > 1.0, np.inf, POSITIVE).astype(np.float32)

    def model(params: dict[str, Any], **how: Any) -> Any:
        data = xgboost.DMatrix(X, label_lower_bound=POSITIVE, label_upper_bound=upper)
        return xgboost.train({**PARAMS, **params}, data, ROUNDS, **how)

    theirs = model({"objective": "survival:aft", "aft_loss_distribution": "logistic", "base_score": 1.0})
    objective = face(fl.accelerated_failure_time_logistic, hessian="exact")
    ours = model({"base_score": 0.0}, obj=objective)
    np.testing.assert_allclose(objective.mean(raw(ours)), theirs.predict(xgboost.DMatrix(X)), rtol=1e-3)


@pytest.mark.parametrize(
    ("params", "loss"),
    [
        ({"objective": "reg:absoluteerror"}, fl.absolute_error),
        ({"objective": "reg:quantileerror", "quantile_alpha": 0.8}, fl.quantile.bind(q=0.8)),
    ],
    ids=["absolute", "quantile"],
)
def test_trees_of_losses_whose_leaves_are_fitted_again(params: dict[str, Any], loss: Any) -> None:
    """The first tree asks the same questions; XGBoost then gives its own objectives' leaves a median or a quantile."""
    theirs = trained({**params, "base_score": 0.5}, RAW, W)
    ours = trained({"base_score": 0.5}, RAW, W, obj=face(loss, hessian="xgboost"))
    tables = [model.trees_to_dataframe() for model in (ours, theirs)]
    first = [table[table.Tree == 0][["ID", "Feature", "Split", "Yes", "No"]] for table in tables]
    assert first[0].equals(first[1])


# -- Interfaces --------------------------------------------------------------------------------------------------------


def test_the_start_and_the_metric() -> None:
    objective = face(fl.poisson)
    data = xgboost.DMatrix(X, label=COUNTS, weight=W)
    found: dict[str, Any] = {}
    params = {**PARAMS, **objective.params(COUNTS, W)}
    model = xgboost.train(params, data, 3, obj=objective, custom_metric=objective.metric, evals=[(data, "all")],
                          evals_result=found, verbose_eval=False)  # fmt: skip
    assert [*found["all"]] == ["poisson"]
    assert found["all"]["poisson"][-1] == pytest.approx(float(fl.poisson(raw(model), COUNTS, weight=W)), abs=1e-6)
    start = model.predict(data, iteration_range=(0, 1), output_margin=True) - raw(
        xgboost.train({**params, "base_score": 0.0, "eta": 0.0}, data, 1, obj=objective)
    )
    assert found["all"]["poisson"][0] < objective.loss(np.full(N, objective.initial(COUNTS, W)), COUNTS, W)
    assert start.shape == (N,)
    none = xgboost.train({**params, "eta": 0.0}, data, 1, obj=objective)
    np.testing.assert_allclose(objective.mean(raw(none)), np.average(COUNTS, weights=W), rtol=1e-5)


def test_starts_of_several_scores() -> None:
    objective = face(fl.cross_entropy)
    data = xgboost.DMatrix(X, label=CLASSES)
    model = xgboost.train({**PARAMS, **objective.params(CLASSES), "eta": 0.0}, data, 1, obj=objective)
    shares = np.bincount(CLASSES.astype(int)) / N
    np.testing.assert_allclose(objective.mean(raw(model))[0], shares, rtol=1e-5)


def test_early_stopping_cross_validation_and_training_on() -> None:
    objective = face(fl.huber, delta=0.5)
    data, other = xgboost.DMatrix(X[:200], label=RAW[:200]), xgboost.DMatrix(X[200:], label=-RAW[200:])
    params = {**PARAMS, **objective.params(RAW[:200])}
    how: dict[str, Any] = {"obj": objective, "custom_metric": objective.metric, "verbose_eval": False}
    stopped = xgboost.train(params, data, 20, evals=[(other, "other")], early_stopping_rounds=2, **how)
    assert stopped.best_iteration < 5
    table = xgboost.cv(params, data, 3, nfold=3, obj=objective, custom_metric=objective.metric)
    assert table["test-huber-mean"].iloc[-1] < table["test-huber-mean"].iloc[0]
    whole = xgboost.train(params, data, 4, **how)
    half = pickle.loads(pickle.dumps(xgboost.train(params, data, 2, **how)))
    again = xgboost.train(params, data, 2, xgb_model=half, **{**how, "obj": pickle.loads(pickle.dumps(objective))})
    np.testing.assert_array_equal(again.predict(other), whole.predict(other))


def test_estimators() -> None:
    """scikit-learn's interface: with weights and without, cloned, pickled, in workers."""
    sklearn = pytest.importorskip("sklearn")
    from sklearn.model_selection import cross_val_predict

    assert sklearn
    objective = face(fl.poisson)
    params = {"n_estimators": ROUNDS, "max_depth": 3, "learning_rate": 0.3, "n_jobs": 1, "max_bin": 64}
    model = xgboost.XGBRegressor(
        objective=objective, eval_metric=objective.metric, **params, **objective.params(COUNTS)
    )
    for weight in (None, W):
        model.fit(X, COUNTS, sample_weight=weight, eval_set=[(X, COUNTS)], verbose=False)
        native = trained(objective.params(COUNTS), COUNTS, weight, obj=objective)
        np.testing.assert_allclose(model.predict(X, output_margin=True), raw(native), rtol=1e-5, atol=1e-6)
    assert [*model.evals_result()["validation_0"]] == ["poisson"]
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    with_workers = cross_val_predict(model, X, COUNTS, cv=2, n_jobs=2)
    np.testing.assert_allclose(with_workers, cross_val_predict(model, X, COUNTS, cv=2), rtol=1e-5)


def test_classes_by_an_estimator() -> None:
    objective = face(fl.cross_entropy, hessian="xgboost")
    params = {"n_estimators": ROUNDS, "max_depth": 3, "learning_rate": 0.3, "n_jobs": 1, "max_bin": 64}
    model = xgboost.XGBClassifier(objective=objective, **params, num_class=3, base_score=0.5)
    model.fit(X, CLASSES, sample_weight=W)
    theirs = trained({"objective": "multi:softprob", "num_class": 3, "base_score": 0.5}, CLASSES, W)
    np.testing.assert_allclose(model.predict(X, output_margin=True), raw(theirs), rtol=1e-4, atol=2e-5)


def test_two_classes_by_an_estimator_start_from_a_probability() -> None:
    """XGBoost takes them for its own logistic objective: a base score between 0 and 1, and probabilities out."""
    loss = fl.binary_cross_entropy_with_logits
    objective = fl.boosting.xgboost(loss, hessian="xgboost")
    start = float(objective.mean(objective.initial(BINARY)))
    how = {**PARAMS, "n_estimators": ROUNDS, "base_score": start}
    mine = xgboost.XGBClassifier(objective=objective, **how).fit(X, BINARY)
    other = xgboost.XGBClassifier(objective="binary:logistic", **how).fit(X, BINARY)
    p = mine.predict_proba(X)
    np.testing.assert_allclose(p, other.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(p[:, 1], objective.mean(mine.predict(X, output_margin=True)), atol=1e-6)


def test_older_versions_have_one_start_for_all_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = fl.boosting.xgboost(fl.cross_entropy)
    start = objective.initial(CLASSES)
    assert objective.params(CLASSES)["base_score"] == start.tolist()
    assert objective.params(CLASSES[:, None])["num_class"] == 3
    monkeypatch.setattr(xgboost, "__version__", "3.0.5")
    assert objective.params(CLASSES)["base_score"] == pytest.approx(start.mean())


def test_several_quantiles_in_one_model() -> None:
    objective = face(fl.quantile, q=[0.1, 0.5, 0.9])
    params = {**objective.params(RAW), "min_child_weight": 0.0, "eta": 0.5}
    model = trained(params, RAW, None, obj=objective, custom_metric=objective.metric)
    assert params["num_class"] == 3 and raw(model).shape == (N, 3)
    assert (np.diff(raw(model).mean(0)) > 0.5).all()


# -- What is refused ---------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Any, dict[str, Any], Any, str]] = [
    (
        fl.poisson,
        {},
        np.where(np.arange(N) == 17, -1.0, COUNTS),
        r"poisson: target\[17\] is -1.0, expected a number of",
    ),
    (fl.cross_entropy, {"num_class": 2}, CLASSES, r"cross_entropy: target\[\d+\] is 2.0, expected a class, .* below 2"),
    (fl.cross_entropy, {}, CLASSES, "cross_entropy takes a score for each class, and the model has 1 output"),
    (fl.quantile.bind(q=[0.1, 0.9]), {"num_class": 3}, RAW, "q has 2 values, and the model has 3 output"),
]


@pytest.mark.parametrize(("loss", "params", "labels", "text"), REFUSED, ids=lambda x: getattr(x, "name", ""))
def test_what_is_wrong_is_said_before_a_tree_grows(loss: Any, params: dict[str, Any], labels: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        trained(params, labels, None, obj=face(loss))


def test_training_that_diverges() -> None:
    with pytest.raises(FloatingPointError, match=r"poisson: the \w+ of row \d+ is .*: training has diverged"):
        trained({"eta": 1e6, "lambda": 0.0, "base_score": 0.0}, COUNTS, None, obj=face(fl.poisson))


@pytest.mark.parametrize("version", ["1.6.2", "2.0.3", "2.1.0", "3.2.0"])
def test_each_version_gets_its_layout(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "xgboost", types.SimpleNamespace(__version__=version))
    objective = face(fl.half_squared_error)
    scores, labels = np.zeros((5, 2), np.float32), np.ones(5, np.float32)
    if version == "1.6.2":
        with pytest.raises(ImportError, match="XGBoost 1.6.2 is too old: it is for 1.7 and later"):
            objective(labels, scores)
        return
    grad, hess = objective(labels, scores)
    assert grad.shape == hess.shape == ((10,) if version == "2.0.3" else (5, 2))
