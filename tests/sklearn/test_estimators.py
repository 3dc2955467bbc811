"""Estimators and scorers as scikit-learn expects them: its own checks, what they compose with, and their errors."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import rest

pytest.importorskip("sklearn.base")

import sklearn
from scipy.sparse import csc_array, csr_array
from sklearn import dummy, linear_model, metrics
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

import fastloss as fl
from fastloss.sklearn import LossClassifier, LossRegressor, scorer

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(3)
X = RNG.normal(size=(80, 3))
Y = X @ [1.0, -2.0, 0.0] + 0.5 + 0.1 * RNG.normal(size=80)
LABELS = np.where(X[:, 0] + 0.5 * RNG.normal(size=80) > 0.0, "yes", "no")
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + 0.3 * RNG.normal(size=80), [-0.5, 0.5])]


@pytest.mark.filterwarnings("ignore")  # what the checks themselves warn of
@pytest.mark.parametrize(
    "model", [LossRegressor(), rest(LossClassifier()), rest(LossClassifier("logistic", penalty="l1"))], ids=str
)
def test_scikit_learns_checks(model: Any) -> None:
    """All of them: none is expected to fail."""
    done = check_estimator(model, on_skip=None)
    assert len(done) > 40 and {each["status"] for each in done} <= {"passed", "skipped"}


@pytest.mark.full
def test_sparse_features_are_dense_ones() -> None:
    some = np.where(RNG.random(X.shape) < 0.5, X, 0.0)
    for model, y in (
        (LossRegressor("huber", penalty="l1", alpha=0.01, tol=1e-10), Y),
        (LossRegressor("quantile", alpha=0.01), Y),
        (LossClassifier(tol=1e-10), THREE),
    ):
        dense = clone(model).fit(some, y)
        for kind in (csr_array, csc_array):
            found = clone(model).fit(kind(some), y)
            np.testing.assert_allclose(found.coef_, dense.coef_, rtol=1e-5, atol=1e-6)
            if y is THREE:
                assert (found.predict(kind(some)) == dense.predict(some)).all()
            else:
                np.testing.assert_allclose(found.predict(kind(some)), dense.predict(some), rtol=1e-4, atol=1e-5)


@pytest.mark.full
def test_weights_are_repetitions_and_weights_of_classes_are_weights() -> None:
    weight = RNG.integers(0, 3, len(X))
    for model, y in ((LossRegressor("quantile"), Y), (LossClassifier(), THREE)):
        model.set_params(alpha=0.1, tol=1e-10)
        one, other = clone(model).fit(X, y, weight), clone(model).fit(X.repeat(weight, axis=0), y.repeat(weight))
        np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-5)
    of_class = {"yes": 3.0, "no": 0.5}
    one = LossClassifier("logistic", class_weight=of_class, alpha=0.1, tol=1e-10).fit(X, LABELS, weight)
    other = LossClassifier("logistic", alpha=0.1, tol=1e-10).fit(X, LABELS, weight * [of_class[k] for k in LABELS])
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-7)
    assert not np.allclose(one.coef_, LossClassifier("logistic", alpha=0.1).fit(X, LABELS, weight).coef_, atol=1e-3)


def test_a_warm_start_goes_on() -> None:
    model = LossRegressor("huber", tol=1e-8, warm_start=True).fit(X, Y)
    first = model.n_iter_
    assert model.fit(X, Y).n_iter_ < first


def test_it_says_that_it_did_not_converge() -> None:
    for model in (LossRegressor("huber", max_iter=1), LossRegressor("huber", penalty="l1", max_iter=1)):
        with pytest.warns(ConvergenceWarning, match=r"LossRegressor: the fit of huber did not converge: .*max_iter"):
            model.fit(X, Y)


@pytest.mark.full
def test_composed_losses_and_penalties_in_pipelines_searches_and_pickles() -> None:
    loss = 0.7 * fl.huber.bind(delta=1.5) + 0.3 * fl.pseudo_huber
    model = LossRegressor(loss, penalty=fl.penalties.elastic_net(0.01, l1_ratio=0.9))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model), {"lossregressor__alpha": [0.001, 10.0]}, scoring=scorer(loss), cv=2
    ).fit(X, Y)
    assert search.best_params_ == {"lossregressor__alpha": 0.001}
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    assert clone(model).get_params()["penalty"] == model.penalty and clone(model).loss is loss


# -- Scorers -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("compiled_at_last")
def test_scores_are_those_of_scikit_learns_metrics() -> None:
    counts = np.exp(Y)
    line, rate = linear_model.Ridge().fit(X, Y), linear_model.PoissonRegressor().fit(X, counts)
    logit, softmax = (linear_model.LogisticRegression(C=0.3).fit(X, y) for y in (LABELS, THREE))
    tree = DecisionTreeClassifier(min_samples_leaf=20, random_state=0).fit(X, THREE)
    one = LABELS == "yes"
    p = logit.predict_proba(X)[:, 1]
    for loss, model, y, expected in [
        ("mse", line, Y, metrics.mean_squared_error(Y, line.predict(X))),
        (fl.quantile.bind(q=0.9), line, Y, metrics.mean_pinball_loss(Y, line.predict(X), alpha=0.9)),
        ("poisson_identity", rate, counts, np.mean(rate.predict(X) - counts * np.log(rate.predict(X)))),
        ("poisson", rate, counts, np.mean(rate.predict(X) - counts * np.log(rate.predict(X)))),
        ("logistic", logit, LABELS, metrics.log_loss(LABELS, p)),
        ("bce_with_logits", logit, LABELS, metrics.log_loss(LABELS, p)),
        ("binary_cross_entropy", logit, LABELS, metrics.log_loss(LABELS, p)),
        ("hinge", logit, LABELS, metrics.hinge_loss(LABELS, logit.decision_function(X))),
        ("cross_entropy", softmax, THREE, metrics.log_loss(THREE, softmax.predict_proba(X))),
        ("cross_entropy", logit, LABELS, metrics.log_loss(LABELS, p)),
        ("cross_entropy", tree, THREE, metrics.log_loss(THREE, tree.predict_proba(X))),
        ("categorical_cross_entropy", tree, THREE, metrics.log_loss(THREE, tree.predict_proba(X))),
        ("mse", dummy.DummyClassifier().fit(X, one), one.astype(float), np.mean(~one if one.mean() > 0.5 else one)),
    ]:
        assert scorer(loss)(model, X, y) == pytest.approx(-expected, rel=1e-9), loss
    assert scorer("hinge")(logit, X[one], LABELS[one]) == pytest.approx(
        -np.maximum(1.0 - logit.decision_function(X[one]), 0.0).mean()
    )


def test_a_target_of_one_column_is_scored() -> None:
    x, y = np.arange(6.0)[:, None], np.arange(6.0) ** 2
    model = LossRegressor("huber").fit(x, y)
    assert scorer("huber")(model, x, y[:, None]) == scorer("huber")(model, x, y)


@pytest.mark.filterwarnings("ignore:Scoring failed")
@pytest.mark.parametrize("scoring", [fl.huber, metrics.make_scorer(fl.expectile.bind(q=0.9)), {"a": metrics.make_scorer(fl.huber)}],
                         ids=["loss", "metric", "several"])  # fmt: skip
def test_the_loss_itself_is_no_scorer(scoring: Any) -> None:
    """A metric is called with the labels first, which a loss would take for predictions."""
    with pytest.raises((TypeError, AttributeError), match=r"scorers? .*fastloss\.sklearn\.scorer\(loss\)"):
        cross_validate(linear_model.Ridge(), X, Y, scoring=scoring, error_score="raise")
    with pytest.raises(TypeError, match="expected a scorer made of it"):
        metrics.make_scorer(fl.hinge)(linear_model.LogisticRegression().fit(X, LABELS), X, LABELS)


def test_a_function_of_ones_own_that_calls_a_loss_is_a_metric() -> None:
    model = linear_model.Ridge().fit(X, Y)
    found = metrics.make_scorer(lambda y, pred: fl.expectile(pred, y, q=0.2), greater_is_better=False)(model, X, Y)
    assert found == scorer("expectile", q=0.2)(model, X, Y)


def test_a_scorer_in_cross_validation_with_routed_weights() -> None:
    weight = RNG.random(len(X))
    mine = pickle.loads(pickle.dumps(scorer("mse")))
    plain = cross_val_score(linear_model.Ridge(), X, Y, cv=3, scoring=mine)
    np.testing.assert_allclose(
        plain, cross_val_score(linear_model.Ridge(), X, Y, cv=3, scoring="neg_mean_squared_error")
    )
    with sklearn.config_context(enable_metadata_routing=True):
        model = linear_model.Ridge().set_fit_request(sample_weight=True)
        other = metrics.make_scorer(metrics.mean_squared_error, greater_is_better=False).set_score_request(
            sample_weight=True
        )
        params: Any = {"cv": 3, "params": {"sample_weight": weight}}
        found = cross_val_score(model, X, Y, scoring=scorer("mse").set_score_request(sample_weight=True), **params)
        np.testing.assert_allclose(found, cross_val_score(model, X, Y, scoring=other, **params))
        assert not np.allclose(found, plain)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
            cross_val_score(model, X, Y, scoring=scorer("mse"), **params)


@pytest.mark.full
def test_two_scorers_in_cross_validation() -> None:
    several = cross_validate(
        LossClassifier(), X, THREE, cv=3, scoring={"a": scorer("cross_entropy"), "b": scorer("multiclass_hinge")}
    )
    assert (several["test_a"] < 0.0).all() and (several["test_b"] < 0.0).all()


# -- Errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "y", "text"),
    [
        (LossRegressor("hubr"), Y, "LossRegressor: 'hubr' is no loss"),
        (LossRegressor("cross_entropy"), Y, "cross_entropy is a loss of rows.*LossClassifier"),
        (LossRegressor("gaussian_nll"), Y, "gaussian_nll reads pred, target and var, expected a loss of a prediction"),
        (
            LossRegressor("poisson_identity"),
            Y,
            "poisson_identity is a number .*poisson takes the logarithm of the mean",
        ),
        (LossRegressor("rmse"), Y, "root_mean_squared_error is the root of a mean"),
        (LossRegressor(fl.quantile.bind(q=[0.1, 0.9])), Y, "q of quantile is an array"),
        (LossRegressor("huber", loss_params={"detla": 1.0}), Y, "'detla' is no parameter.*delta"),
        (LossRegressor("poisson"), Y, r"target\[\d+\] is -"),
        (LossRegressor(penalty="l3"), Y, "penalty is 'l3', expected"),
        (LossRegressor(penalty=3), Y, "penalty is an int"),
        (LossRegressor(penalty="group_lasso"), Y, "groups is None, expected the group of each feature"),
        (LossRegressor(penalty="l1", groups=[0, 0, 1]), Y, "groups is given and penalty is 'l1'"),
        (LossRegressor(alpha=-1.0), Y, "alpha is -1.0, expected a number of at least 0"),
        (LossRegressor(max_iter=0), Y, "max_iter is 0"),
        (LossRegressor(fit_intercept="no"), Y, "fit_intercept is 'no', expected True or False"),
        (LossRegressor(warm_start=2), Y, "warm_start is 2, expected True or False"),
        (LossRegressor(), LABELS, "y has dtype <U3, expected real numbers; LossClassifier takes classes"),
        (
            LossClassifier("logistic"),
            THREE,
            "y has 3 classes, and logistic is a loss of two.*Only binary classification is supported.*cross_entropy",
        ),
        (LossClassifier("categorical_cross_entropy"), THREE, r"a number in \[0, 1\].*cross_entropy takes logits"),
        (LossClassifier("poisson"), LABELS, "poisson is a number of at least 0, expected a loss of labels"),
        (
            LossClassifier("negative_log_likelihood"),
            THREE,
            "negative_log_likelihood takes logarithms of probabilities.*cross_entropy",
        ),
        (LossClassifier(), np.full(80, "a"), "y holds one class, 'a', expected"),
        (
            LossClassifier("logistic", class_weight={"a": 1.0, "b": -2.0}),
            np.array(["a", "b"] * 40),
            "class_weight of 'b' is -2, expected a number of at least 0",
        ),
    ],
    ids=str,
)
def test_errors(model: Any, y: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        model.fit(X, y)


def test_errors_of_weights_paths_and_scorers() -> None:
    with pytest.raises(ValueError, match=r"sample_weight\[2\] is -1, expected a number of at least 0"):
        LossRegressor().fit(X, Y, np.where(np.arange(80) == 2, -1.0, 1.0))
    with pytest.raises(ValueError, match="alphas is a number, expected strengths: l2 leaves no coefficient at 0"):
        LossRegressor().fit_path(X, Y)
    with pytest.raises(ValueError, match="eps is 0, expected a number greater than 0"):
        LossRegressor(penalty="l1").fit_path(X, Y, eps=0)
    with pytest.raises(AttributeError, match="predict_proba"):
        LossClassifier("hinge").fit(X, LABELS).predict_proba(X)
    tree = DecisionTreeClassifier().fit(X, LABELS)
    with pytest.raises(
        ValueError, match="hinge is a loss of scores, and DecisionTreeClassifier has no decision_function"
    ):
        scorer("hinge")(tree, X, LABELS)
    with pytest.raises(ValueError, match=r"y\[0\] is 'maybe', which is no class"):
        scorer("logistic")(linear_model.LogisticRegression().fit(X, LABELS), X[:1], ["maybe"])
    with pytest.raises(ValueError, match="cross_entropy is a loss of classes, and Ridge is no classifier"):
        scorer("cross_entropy")(linear_model.Ridge().fit(X, Y), X, Y)


def test_without_scikit_learn_one_error_names_the_extra() -> None:
    script = "import sys; sys.modules['sklearn'] = None; import fastloss; import fastloss.sklearn"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert 'scikit-learn is not installed; pip install "fastloss[sklearn]"' in done.stderr.splitlines()[-1]


@pytest.mark.full  # a process that imports scikit-learn and compiles: 19 s
def test_code_of_the_page_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "sklearn.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.M | re.S)
    assert len(blocks) > 3
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks), "utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
