"""One library's objective, or metric, in another's hands, and parameters that would be found out in training."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fastloss as fl
from fastloss.boosting.versions import OLDEST

pytestmark = [pytest.mark.usefixtures("compiled_at_last"), pytest.mark.filterwarnings("ignore")]  # the libraries' own

X = np.random.default_rng(0).normal(size=(40, 2))
Y = X[:, 0] + 0.25


def _xgboost(objective: Any = None, metric: Any = None) -> dict[str, Any]:
    xgb = pytest.importorskip("xgboost")
    data = xgb.DMatrix(X, Y)
    metrics: dict[str, Any] = {} if metric is None else {"custom_metric": metric, "evals": [(data, "d")]}
    return {
        "train": lambda: xgb.train({}, data, 1, obj=objective, verbose_eval=False, **metrics),
        "cv": lambda: xgb.cv({}, data, 1, nfold=2, obj=objective, custom_metric=metric),
        "fit": lambda: xgb.XGBRegressor(n_estimators=1, objective=objective, eval_metric=metric).fit(
            X, Y, eval_set=[(X, Y)], verbose=False
        ),
    }


def _lightgbm(objective: Any = None, metric: Any = None) -> dict[str, Any]:
    lgb = pytest.importorskip("lightgbm")
    params = {"objective": objective or "regression", "verbose": -1, "min_data_in_leaf": 1}
    return {
        "train": lambda: lgb.train(params, lgb.Dataset(X, Y), 1, valid_sets=[lgb.Dataset(X, Y)], feval=metric),
        "cv": lambda: lgb.cv(params, lgb.Dataset(X, Y), 1, nfold=2, stratified=False, feval=metric),
        "fit": lambda: lgb.LGBMRegressor(n_estimators=1, objective=objective, verbose=-1).fit(
            X, Y, eval_set=[(X, Y)], eval_metric=metric
        ),
    }


def _catboost(objective: Any = None, metric: Any = None) -> dict[str, Any]:
    cb = pytest.importorskip("catboost")
    params = {"loss_function": objective or "RMSE", "eval_metric": metric or "RMSE", "iterations": 1, "verbose": 0}
    params |= {"allow_writing_files": False, "thread_count": 1}
    return {
        "train": lambda: cb.train(cb.Pool(X, Y), params, eval_set=cb.Pool(X, Y)),
        "cv": lambda: cb.cv(cb.Pool(X, Y), params, fold_count=2),
        "fit": lambda: cb.CatBoostRegressor(**params).fit(X, Y, eval_set=(X, Y)),
    }


LIBRARIES = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}


def _made(library: str) -> Any:
    pytest.importorskip(library)
    return getattr(fl.boosting, library)(fl.huber)


@pytest.mark.parametrize("verb", ["train", "cv", "fit"])
@pytest.mark.parametrize("what", ["objective", "metric"])
@pytest.mark.parametrize("caller", LIBRARIES)
@pytest.mark.parametrize("own", LIBRARIES)
def test_of_another_library(own: str, caller: str, what: str, verb: str) -> None:
    """Each says which one to make, in both of a library's interfaces; its own is taken."""
    made = _made(own)
    run = LIBRARIES[caller](**{what: made if what == "objective" else made.metric})[verb]
    if own == caller:
        run()
        return
    text = (
        f"huber: an objective of fastloss.boosting.{own} is called by {OLDEST[caller][0]}, "
        f"expected {OLDEST[own][0]}: fastloss.boosting.{caller} makes one for it"
    )
    with pytest.raises(Exception, match=text):
        run()


SELVES: dict[str, Any] = {
    "loss": fl.huber,
    "sum": 2 * fl.huber + fl.quantile,
    "queries": fl.lambdarank,
    "rows": fl.cross_entropy,
    "derivatives": fl.huber.grad_and_hess,  # which scikit-learn's interfaces call as (labels, scores), with the mean
}


@pytest.mark.parametrize("verb", ["train", "cv", "fit"])
@pytest.mark.parametrize("what", ["objective", "metric"])
@pytest.mark.parametrize("caller", LIBRARIES)
@pytest.mark.parametrize("loss", ["loss", "sum", "queries", "rows"])
def test_the_loss_itself(loss: str, caller: str, what: str, verb: str) -> None:
    """It is no objective and no metric: each library's error names the function that makes one."""
    run = LIBRARIES[caller](**{what: SELVES[loss]})[verb]
    with pytest.raises(Exception, match=f"expected an .* fastloss.boosting.{caller}") as caught:
        run()
    assert SELVES[loss].name in str(caught.value)


@pytest.mark.parametrize("verb", ["train", "cv", "fit"])
@pytest.mark.parametrize("what", ["objective", "metric"])
@pytest.mark.parametrize("own", LIBRARIES)
def test_one_in_the_place_of_the_other(own: str, what: str, verb: str) -> None:
    made = _made(own)
    given = made.metric if what == "objective" else made
    text = (
        "a metric is handed over as an obj.*, its .objective" if what == "objective" else "an objective is handed over"
    )
    with pytest.raises(Exception, match=f"huber: {text}"):
        LIBRARIES[own](**{what: given})[verb]()
    assert made.metric.objective is made


def test_what_is_no_loss_is_answered_with_one() -> None:
    for given, text in (("reg:squarederror", "did you mean fl.half_squared_error"), ("huber", "the loss itself, as fl.huber"),
                        ("rank:foo", "of its kind there are fl.lambdarank"), (fl.Loss, "got the class Loss$")):  # fmt: skip
        with pytest.raises(TypeError, match=text):
            fl.boosting.xgboost(given)


@pytest.mark.parametrize("caller", ["xgboost", "lightgbm"])
def test_derivatives_of_the_mean_are_no_objective(caller: str) -> None:
    """XGBoost would train with them, uphill: it calls with labels first."""
    run = LIBRARIES[caller](objective=SELVES["derivatives"])["fit"]
    with pytest.raises(TypeError, match=rf"huber: .* handed the loss itself, .* fastloss.boosting.{caller}\(loss\)"):
        run()


@pytest.mark.parametrize("loss", [fl.huber, fl.lambdarank])
def test_attributes_of_objectives_are_none_of_a_loss(loss: Any) -> None:
    for name in ("__name__", "calc_ders_range", "calc_ders_multi", "is_max_optimal"):
        assert not hasattr(loss, name)
        assert name not in dir(loss)
    assert inspect.signature(loss).parameters["weight"].default is None


def test_who_asks_for_a_signature_within_a_booster_may_be_called_like_inspect() -> None:
    asks, booster = ModuleType("inspection"), ModuleType("xgboost.core")
    exec("import inspect\ndef ask(loss): return inspect.signature(loss)", vars(asks))
    exec("def call(function, *arguments): return function(*arguments)", vars(booster))
    assert booster.call(asks.ask, fl.huber).parameters["delta"].default == 1.0
    with pytest.raises(TypeError, match="XGBoost is handed the loss itself"):
        booster.call(inspect.signature, fl.huber)


@pytest.mark.parametrize(("library", "data"), [("xgboost", "DMatrix"), ("lightgbm", "Dataset")])
def test_a_loss_is_no_objective(library: str, data: str) -> None:
    given = getattr(pytest.importorskip(library), data)(X, Y)
    with pytest.raises(
        TypeError, match=f"a loss as an objective, which has a metric, is made by fastloss.boosting.{library}"
    ):
        fl.huber(np.zeros(40), given)


BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "sigma": (fl.lambdarank, {"sigma": -1.0}, "lambdarank: sigma is -1.0, expected a number greater than 0"),
    "gain": (fl.lambdarank, {"gain": "cubic"}, "lambdarank: gain is 'cubic', expected 'exponential'"),
    "truncation": (fl.pairwise_logistic, {"truncation": 2.5}, "truncation is 2.5, expected a whole number"),
    "query_norm": (fl.pairwise_logistic, {"query_norm": 2}, "query_norm is 2, expected True or False"),
    "label_smoothing": (fl.cross_entropy, {"label_smoothing": 1.5}, r"label_smoothing is 1.5, expected a number in"),
    "class_weight": (fl.cross_entropy, {"class_weight": [1.0, -2.0]}, r"class_weight\[1\] is -2"),
    "one weight": (fl.cross_entropy, {"class_weight": 2.0}, r"class_weight has shape \(\), expected a number for each"),
    "text": (fl.cross_entropy, {"class_weight": "balanced"}, "balanced weights are"),
    "no classes": (fl.kl_divergence, {"class_weight": [1.0, 2.0]}, "the loss has no weights of classes"),
    "delta": (fl.huber, {"delta": -1.0}, "huber: delta is -1, expected"),
    "backend": (fl.huber, {"backend": "gpu"}, "huber: backend is 'gpu', expected None, 'serial' or 'parallel'"),
    "penalty": (fl.penalties.l1(0.1), {}, "an objective is made of a loss, such as fl.huber, got"),
    "game": (fl.gan.hinge, {}, "an objective is made of a loss, such as fl.huber, got"),
    "pairs": (fl.preference, {}, "preference compares pred and other, and takes no labels, from which boosters learn"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_bad_value_is_found_when_the_objective_is_made(library: str, what: str) -> None:
    loss, given, text = BAD[what]
    with pytest.raises((TypeError, ValueError), match=text):
        getattr(fl.boosting, library)(loss, **given)
