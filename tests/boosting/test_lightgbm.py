"""`fl.boosting.lightgbm` in LightGBM's own interfaces: what its built-in objectives predict, and what they refuse."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import fastloss as fl

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is an extra; CI installs it and runs this file again")

ROWS, ROUNDS = 240, 6
EXACT = {"num_leaves": 7, "learning_rate": 0.3, "boost_from_average": False, "deterministic": True,
         "force_col_wise": True, "num_threads": 1, "verbosity": -1}  # fmt: skip
BUILT_IN = {
    "regression": (fl.half_squared_error, {}),
    "binary": (fl.binary_cross_entropy_with_logits, {}),
    "multiclass": (fl.cross_entropy, {"hessian": "lightgbm"}),
}


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(ROWS, 4)).astype("f4")


@pytest.fixture(scope="module")
def weight():
    return np.random.default_rng(1).uniform(0.5, 2.0, ROWS).astype("f4")


def labels(x, name):
    z = x[:, 0] + x[:, 1] ** 2
    found = {"regression": z, "binary": z > 0.5, "multiclass": np.digitize(z, [0.0, 1.0])}[name]
    return found.astype("f4")


def more(name):
    return {"num_class": 3} if name == "multiclass" else {}


def objective(name):
    loss, keywords = BUILT_IN[name]
    return fl.boosting.lightgbm(loss, **keywords)


def trained(what, x, y, weight=None, rounds=ROUNDS, **keywords):
    return lightgbm.train({**EXACT, "objective": what, **keywords}, lightgbm.Dataset(x, y, weight=weight), rounds)


def raw(model, x):
    return model.predict(x, raw_score=True)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_predicts_what_the_built_in_objective_does(x, weight, name, weighted) -> None:
    y, w = labels(x, name), weight if weighted else None
    theirs, ours = (raw(trained(what, x, y, w, **more(name)), x) for what in (name, objective(name)))
    assert np.ptp(theirs) > 0.5
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)  # derivatives are float32


def test_the_estimators_train_the_same_model(x, weight) -> None:
    y = labels(x, "regression")
    native = trained(objective("regression"), x, y, weight)
    options = {k: v for k, v in EXACT.items() if k not in ("num_threads", "verbosity")}
    model = lightgbm.LGBMRegressor(objective=objective("regression"), n_estimators=ROUNDS, min_child_samples=20,
                                   n_jobs=1, verbose=-1, **options)  # fmt: skip
    model.fit(x, y, sample_weight=weight)
    assert (model.predict(x) == raw(native, x)).all()
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(x) == model.predict(x)).all()
    assert (again.fit(x, y, sample_weight=weight).predict(x) == model.predict(x)).all()


def test_a_classifier_of_several_classes(x, weight) -> None:
    y = labels(x, "multiclass")
    f = objective("multiclass")
    told = {"n_estimators": ROUNDS, "n_jobs": 1, "verbose": -1, "num_leaves": 7, "boost_from_average": False}
    theirs = lightgbm.LGBMClassifier(objective="multiclass", **told).fit(x, y, sample_weight=weight)
    ours = lightgbm.LGBMClassifier(objective=f, **told).fit(x, y, sample_weight=weight)
    p = f.mean(ours.predict(x, raw_score=True))
    np.testing.assert_allclose(p, theirs.predict_proba(x), rtol=0, atol=1e-6)


def test_derivatives_are_read_without_a_copy() -> None:
    """LightGBM flattens what it gets by columns and takes float32; a flat array by rows would train a wrong model."""
    rng = np.random.default_rng(2)
    scores, y, w = np.asfortranarray(rng.normal(size=(5, 3))), np.array([0.0, 1, 2, 0, 1], "f4"), np.full(5, 2.0, "f4")
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    for derivative, expected in zip(
        objective("multiclass")(y, scores, w), (2.0 * (p - np.eye(3)[y.astype(int)]), 3.0 * p * (1.0 - p)), strict=True
    ):
        assert derivative.dtype == np.float32
        assert np.shares_memory(derivative.ravel(order="F"), derivative)
        np.testing.assert_allclose(derivative, expected, rtol=1e-5, atol=1e-6)
    flat = objective("regression")(y, scores[:, 0].copy(), None)
    assert [a.dtype for a in flat] == [np.float32] * 2
    assert flat[0].shape == (5,)


@pytest.mark.parametrize("hessian", ["auto", "fisher"])
def test_what_float32_does_not_hold_is_told(hessian: str) -> None:
    f = fl.boosting.lightgbm(fl.poisson, hessian=hessian)
    with pytest.raises(FloatingPointError, match=r"poisson: the derivative of row 1 is inf at a score of 100\.0"):
        f(np.zeros(2), np.array([1.0, 100.0]))


def test_training_goes_on_and_stops_early_by_the_metric(x, weight) -> None:
    y = labels(x, "regression")
    f = objective("regression")
    half = trained(f, x, y, weight, rounds=3)
    data = lightgbm.Dataset(x, y, weight=weight, free_raw_data=False)
    rest = lightgbm.train({**EXACT, "objective": f}, data, 3, init_model=half)
    np.testing.assert_allclose(raw(rest, x), raw(trained(f, x, y, weight), x), rtol=0, atol=1e-6)

    found: dict = {}
    valid = lightgbm.Dataset(x, -y, weight=weight)  # gets worse with every round
    stop = [lightgbm.early_stopping(2, verbose=False), lightgbm.record_evaluation(found)]
    told = {**EXACT, "objective": f, "metric": "None"}
    model = lightgbm.train(told, lightgbm.Dataset(x, y), 50, valid_sets=[valid], feval=f.metric, callbacks=stop)
    first = model.predict(x, raw_score=True, num_iteration=1)
    assert model.best_iteration == 1
    assert len(found["valid_0"]["half_squared_error"]) == 3
    expected = np.average(0.5 * (first + y) ** 2, weights=weight)
    assert found["valid_0"]["half_squared_error"][0] == pytest.approx(expected, rel=1e-6)


def test_training_goes_on_from_what_the_model_predicts(x) -> None:
    """A model that is given as `init_model` takes the start's place, and the start is lost."""
    y, f = np.abs(labels(x, "regression")), fl.boosting.lightgbm(fl.poisson)
    start = f.init_score(y)

    def trees(scores, rounds):
        told = {"objective": f, "verbosity": -1, "num_threads": 1, "metric": "None"}
        return lightgbm.train(told, lightgbm.Dataset(x, y, init_score=scores), rounds)

    first = trees(start, 2).predict(x)
    whole = trees(start, 4).predict(x)
    np.testing.assert_allclose(first + trees(start + first, 2).predict(x), whole, rtol=0, atol=1e-12)


def test_data_of_another_library_is_refused(x) -> None:
    """Several scores would be read in a wrong order."""
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is an extra; CI installs it and runs this file again")
    ours, theirs = fl.boosting.lightgbm(fl.huber), fl.boosting.xgboost(fl.huber)
    data = xgboost.DMatrix(x, label=labels(x, "regression"))
    told = "huber: an objective of fastloss.boosting.{} is called by {}, expected {}: fastloss.boosting.{} makes one for it"
    for call in (
        lambda: xgboost.train({}, data, 1, obj=ours),
        lambda: xgboost.train({}, data, 1, obj=theirs, custom_metric=ours.metric, evals=[(data, "a")]),
    ):
        with pytest.raises(TypeError, match=told.format("lightgbm", "XGBoost", "LightGBM", "xgboost")):
            call()
    with pytest.raises(TypeError, match=told.format("xgboost", "LightGBM", "XGBoost", "lightgbm")):
        lightgbm.train({"objective": theirs, "verbosity": -1}, lightgbm.Dataset(x, labels(x, "regression")), 1)


def test_cross_validation(x) -> None:
    f = objective("binary")
    told = {**EXACT, "objective": f, "metric": "None"}
    found = lightgbm.cv(told, lightgbm.Dataset(x, labels(x, "binary")), 4, nfold=2, feval=f.metric, stratified=False)
    means = found["valid binary_cross_entropy_with_logits-mean"]
    assert len(means) == 4
    assert means[-1] < means[0] < np.log(2.0)


def test_the_start_is_that_of_the_built_in_objective(x, weight) -> None:
    y = labels(x, "regression")
    f = objective("regression")
    start = f.init_score(y, weight)
    data = lightgbm.Dataset(x, y, weight=weight, init_score=start)
    ours = start[0] + raw(lightgbm.train({**EXACT, "objective": f}, data, ROUNDS), x)
    theirs = raw(trained("regression", x, y, weight, boost_from_average=True), x)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    assert objective("multiclass").init_score(labels(x, "multiclass")).shape == (ROWS, 3)


def test_several_quantiles(x) -> None:
    y = labels(x, "regression")
    f = fl.boosting.lightgbm(fl.quantile, q=[0.1, 0.9], hessian="constant")
    model = trained(f, x, y, rounds=30, num_class=2)
    low, high = raw(model, x).T
    assert abs((y < low).mean() - 0.1) < 0.05
    assert abs((y < high).mean() - 0.9) < 0.05


def test_it_is_copied_and_pickled() -> None:
    f = fl.boosting.lightgbm(fl.huber, delta=0.5)
    y, scores = np.array([0.0, 1.0]), np.array([0.25, 3.0])
    for other in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert [a.tolist() for a in other(y, scores)] == [a.tolist() for a in f(y, scores)]
        assert f(y, scores)[0].tolist() == [0.25, 0.5]


def test_errors(x, monkeypatch: pytest.MonkeyPatch) -> None:
    y = labels(x, "binary")
    y[17] = 2.0
    with pytest.raises(ValueError, match=r"target\[17\] is 2\.0"):
        trained(objective("binary"), x, y)
    with pytest.raises(ValueError, match=r"target\[\d+\] is 2\.0, expected a class"):
        trained(objective("multiclass"), x, labels(x, "multiclass"), num_class=2)
    with pytest.raises(TypeError, match="takes lower and upper of each row, and LightGBM has one label"):
        fl.boosting.lightgbm(fl.accelerated_failure_time_normal)
    monkeypatch.setattr(lightgbm, "__version__", "3.3.5")
    with pytest.raises(ImportError, match=r"LightGBM 3\.3\.5 is too old: it is for 4\.0"):
        fl.boosting.lightgbm(fl.huber)
