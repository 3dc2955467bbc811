"""Optima beside those of scikit-learn's own estimators for the same problem, and beside the conditions of a minimum."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from data import rest

pytest.importorskip("sklearn.base")

from scipy.sparse import csr_array
from scipy.special import expit
from sklearn import linear_model as theirs
from sklearn.svm import LinearSVC

import fastloss as fl
from fastloss.sklearn import LossClassifier, LossRegressor, coordinates, descent, problem, quadratic
from fastloss.sklearn.solvers import residual

N, P = 300, 6
RNG = np.random.default_rng(20261126)
X = RNG.normal(size=(N, P)) * np.array([1.0, 3.0, 0.2, 1.0, 10.0, 1.0]) + np.array([0.0, 5.0, 0.0, -1.0, 40.0, 0.0])
W = np.array([1.0, -0.5, 0.0, 0.0, 0.05, 0.0])
Y = X @ W + RNG.normal(size=N) + np.where(RNG.random(N) < 0.05, 20.0, 0.0)
COUNTS = RNG.poisson(np.exp(0.2 * (X @ W))).astype(float)
SIGNS = np.where(RNG.random(N) < expit(X @ W), 1.0, -1.0)
CLASSES = np.array(["a", "b", "c"])[np.argmax(RNG.normal(size=(N, 3)) + np.outer(X[:, 0], [1.0, 0.0, -1.0]), axis=1)]
WEIGHT = RNG.integers(0, 4, N).astype(float)
S = (X - X.mean(axis=0)) / X.std(axis=0)
"""Standardised, for the solvers that need it."""


def close(mine: Any, other: Any, tol: float = 1e-6) -> None:
    np.testing.assert_allclose(np.ravel(mine.coef_), np.ravel(other.coef_), rtol=tol, atol=tol)
    np.testing.assert_allclose(np.ravel(mine.intercept_), np.ravel(other.intercept_), rtol=tol, atol=tol)


EXACT: Any = {"tol": 1e-10, "max_iter": 20_000}


def test_ridge() -> None:
    alpha = 7.0
    other = theirs.Ridge(alpha, solver="cholesky").fit(X, Y, WEIGHT)
    mine = LossRegressor("squared_error", alpha=2 * alpha / WEIGHT.sum(), **EXACT).fit(X, Y, WEIGHT)
    close(mine, other)
    bare = LossRegressor(fl.squared_error, alpha=2 * alpha / N, fit_intercept=False, **EXACT).fit(csr_array(X), Y)
    close(bare, theirs.Ridge(alpha, fit_intercept=False, solver="cholesky").fit(X, Y))


WIDE_X = np.random.default_rng(7).normal(size=(60, 300)) * np.logspace(-1.0, 1.0, 300) + np.arange(300.0)
WIDE_Y = WIDE_X[:, :250:50].sum(axis=1) / 3.0 + np.random.default_rng(8).normal(size=60)
WIDE_WEIGHT = np.random.default_rng(9).integers(0, 4, 60).astype(float)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("alpha", [1e-3, 7.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ridge_of_more_columns_than_rows(intercept: bool, alpha: float, dtype: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(quadratic, "quasi_newton", None)  # which would come to it, too
    x = WIDE_X.astype(dtype)
    other = theirs.Ridge(alpha, fit_intercept=intercept, solver="svd").fit(x.astype(float), WIDE_Y, WIDE_WEIGHT)
    mine = LossRegressor("squared_error", alpha=2 * alpha / WIDE_WEIGHT.sum(), fit_intercept=intercept, **EXACT)
    close(mine.fit(x, WIDE_Y, WIDE_WEIGHT), other, 1e-8)


@pytest.mark.parametrize("kind", [np.asarray, csr_array, lambda x: x.astype(np.float32)])
@pytest.mark.parametrize("name", ["l1", "elastic_net"])
def test_few_of_many_columns(kind: Any, name: str, monkeypatch: Any) -> None:
    """Columns that are worked with are found, and those of a path's first models are not all of its last one's."""
    own = {"fit_intercept": True, "tol": 1e-14, "max_iter": 100_000}
    x = kind(WIDE_X)
    wide = x.toarray() if name and hasattr(x, "toarray") else x.astype(float)
    repeated, y = wide.repeat(WIDE_WEIGHT.astype(int), axis=0), WIDE_Y.repeat(WIDE_WEIGHT.astype(int))
    monkeypatch.setattr(problem, "proximal", None)  # which would come to it, too
    model = LossRegressor("half_squared_error", penalty=name, **EXACT)
    path = model.fit_path(x, WIDE_Y, WIDE_WEIGHT, alphas=[2.0, 1.0, 0.3])
    for alpha, coef in zip(path.alphas, path.coefs, strict=True):
        other = theirs.ElasticNet(alpha, l1_ratio=1.0 if name == "l1" else 0.5, **own).fit(repeated, y)
        np.testing.assert_allclose(coef, other.coef_, atol=1e-6)
    assert 0 < (path.coefs[0] != 0.0).sum() < (path.coefs[2] != 0.0).sum() < 300
    close(model.set_params(alpha=0.3).fit(x, WIDE_Y, WIDE_WEIGHT), other)


def test_few_of_many_columns_of_two_classes() -> None:
    y, alpha = np.sign(WIDE_Y - np.median(WIDE_Y)), 0.05
    x = WIDE_X - WIDE_X.mean(axis=0)
    other = theirs.LogisticRegression(C=1.0 / (alpha * 60), l1_ratio=1.0, solver="saga", tol=1e-10, max_iter=100_000)
    x /= x.std(axis=0)
    close(LossClassifier("logistic", penalty="l1", alpha=alpha, **EXACT).fit(x, y), other.fit(x, y), 1e-5)


POWERS = np.linspace(0.0, 1.0, N)[:, None] ** np.arange(1, 9)
"""Columns of which L-BFGS leaves a hundredth of the coefficients' size."""


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("loss", [fl.squared_error, 0.5 * fl.squared_error + fl.half_squared_error])
def test_a_quadratic_loss_is_one_step(loss: Any, weight: Any) -> None:
    """Beside least squares of rows that hold the penalty, which do not square the condition of X."""
    lam, each = 1e-3, np.ones(N) if weight is None else weight
    y = np.sin(3.0 * POWERS[:, 0]) + 0.1 * RNG.normal(size=N)
    rows = np.vstack([np.column_stack([POWERS, np.ones(N)]) * np.sqrt(each)[:, None], np.sqrt(lam) * np.eye(8, 9)])
    w = np.linalg.lstsq(rows, np.append(np.sqrt(each) * y, np.zeros(8)), rcond=None)[0]
    model = LossRegressor(loss, alpha=2.0 * lam / each.sum()).fit(POWERS, y, weight)
    assert model.n_iter_ == 1
    np.testing.assert_allclose(np.append(model.coef_, model.intercept_), w, rtol=1e-9)


def test_a_loss_that_is_quadratic_of_most_rows_is_fitted_as_what_it_is() -> None:
    """One residual of a thousand lies where the loss is straight, which rows chosen at random do not show."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2000, 3))
    y = x @ [1.0, -1.0, 0.5] + rng.normal(size=2000)
    y[[77, 1077]] = 500.0
    model = LossRegressor("huber", loss_params={"delta": 150.0}, penalty=None, tol=1e-9).fit(x, y)
    slope = np.clip(x @ model.coef_ + model.intercept_ - y, -150.0, 150.0)
    assert np.abs(x.T @ slope).max() < 1e-4 and abs(slope.sum()) < 1e-4 and (slope == -150.0).sum() == 2


def test_least_squares_of_columns_that_say_the_same_twice() -> None:
    twice = np.column_stack([S, S[:, 0], S[:, 1] + S[:, 2]])
    model = LossRegressor("squared_error", penalty=None).fit(twice, Y)
    np.testing.assert_allclose(model.predict(twice), theirs.LinearRegression().fit(S, Y).predict(S), atol=1e-4)
    assert np.abs(model.coef_).max() < 100.0


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("intercept", [True, False])
def test_moments_of_columns(kind: Any, intercept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several blocks, the first of which has no row that is present."""
    monkeypatch.setattr(coordinates, "NUMBERS", 1)
    x, weight = X + np.arange(P) * 1e5, WEIGHT.copy()
    x[:100], weight[:100] = 1e30, 0.0
    here = np.repeat(x, weight.astype(int), axis=0)
    found = coordinates.moments(kind(x), weight, intercept, kind is np.asarray)
    expected = np.cov(here.T, bias=True) if intercept else here.T @ here / len(here)
    np.testing.assert_allclose(found.mean, here.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.square, (here**2).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.variance, np.diagonal(expected), rtol=1e-5)
    if found.covariance is not None:
        np.testing.assert_allclose(found.covariance, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
def test_lasso_and_elastic_net(l1_ratio: float) -> None:
    other = theirs.ElasticNet(0.2, l1_ratio=l1_ratio, tol=1e-14, max_iter=100_000).fit(X, Y, WEIGHT)
    penalty = "l1" if l1_ratio == 1.0 else "elasticnet"
    mine = LossRegressor("squared_error", penalty=penalty, alpha=0.4, l1_ratio=l1_ratio, **EXACT)
    close(mine.fit(X, Y, WEIGHT), other)
    assert (mine.coef_ == 0.0).any() and ((mine.coef_ == 0.0) == (other.coef_ == 0.0)).all()


@pytest.mark.parametrize(("n", "p", "shared"), [(300, 30, 0.9), (300, 30, 0.9999), (60, 140, 0.0), (60, 140, 0.9)])
def test_a_lasso_meets_the_conditions_of_its_minimum(n: int, p: int, shared: float) -> None:
    """Of columns that share so much of their variance, and more of them than rows: one is free, one is 0."""
    rng = np.random.default_rng(7)
    x = np.sqrt(1.0 - shared) * rng.normal(size=(n, p)) + np.sqrt(shared) * rng.normal(size=(n, 1))
    x[:, 5] = 0.0
    y, weight = x[:, :4] @ rng.normal(size=4) + rng.normal(size=n), rng.integers(0, 3, n).astype(float)
    strength = np.where(np.arange(p) == p - 1, 0.0, rng.uniform(0.05, 0.1, p) * np.sqrt(1.0 - shared))
    for loss, slope in (
        ("half_squared_error", lambda s: s - y),
        ("logistic", lambda s: -np.sign(y) * expit(-np.sign(y) * s)),
    ):
        kind: Any = LossRegressor if loss == "half_squared_error" else LossClassifier
        model = kind(loss, penalty=fl.penalties.l1(strength), **EXACT)
        model.fit(x, y if kind is LossRegressor else np.sign(y), weight)
        w = np.ravel(model.coef_)
        each = weight * slope(x @ w + model.intercept_) / weight.sum()
        down, here = -(x.T @ each), w != 0.0
        np.testing.assert_allclose(down[here], (strength * np.sign(w))[here], atol=1e-7)
        assert here[-1] and not here[5] and (np.abs(down[~here]) <= strength[~here] + 1e-7).all()
        assert 1 < here.sum() < min(n, p) and abs(each.sum()) < 1e-7


@pytest.mark.parametrize("alike", [0.0, 0.9, 0.9999])
@pytest.mark.parametrize("strength", [1e-1, 1e-3, 1e-5])
def test_inner_points_meet_the_conditions_of_a_lasso(alike: float, strength: float) -> None:
    """Of more columns than rows: two are the same, one holds nothing, one is free, one may have no coefficient."""
    rng = np.random.default_rng(2)
    x = np.sqrt(1.0 - alike) * rng.normal(size=(40, 90)) + np.sqrt(alike) * rng.normal(size=(40, 1))
    x[:, 5], x[:, 6] = 0.0, x[:, 7]
    bend, pull = x.T @ x / 40, x.T @ (x[:, :9].sum(axis=1) + rng.normal(size=40)) / 40
    threshold = np.full(90, strength * np.abs(pull).max())
    threshold[:2] = 0.0, 1e30
    w = descent._by_inner_points(bend, pull, threshold, np.zeros(90))
    slope, here = pull - bend @ w, w != 0.0
    least = 1e-9 * np.abs(pull).max()  # a coefficient of 1e-7 of the largest leaves 1e-5 of its threshold open
    np.testing.assert_allclose(slope[here], (threshold * np.sign(w))[here], atol=least)
    assert here[0] and not here[1] and (np.abs(slope) <= threshold + least).all()


def test_a_column_of_which_only_rounding_is_left_does_not_stop_inner_points() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, 90)), rng.normal(size=40)
    x[:, 5], x[:, 6] = x[:, 7], 3.0
    model = LossRegressor("half_squared_error", penalty="l1", alpha=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, y)
    best = theirs.Lasso(alpha=0.01, tol=1e-12, max_iter=100_000).fit(x, y)
    np.testing.assert_allclose(model.predict(x), best.predict(x), atol=1e-6)

    bend, pull = np.cov(x.T, bias=True), x.T @ (y - y.mean()) / 40
    bend[6], bend[:, 6], pull[6] = 0.0, 0.0, -2e-17
    w = descent._by_inner_points(bend, pull, np.full(90, 0.01), np.zeros(90))
    here = np.abs(w) > 1e-9
    np.testing.assert_allclose((pull - bend @ w)[here], 0.01 * np.sign(w[here]), atol=1e-9)
    assert 10 < here.sum() <= 40


def test_inner_points_of_a_model_without_a_minimum_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of huber where few rows bend: 60 factors were ten times what the rest of a fit took."""
    factors: list[object] = []
    real = descent._Newton
    monkeypatch.setattr(descent, "_Newton", lambda *given: factors.append(1) or real(*given))
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(10, 90)), rng.normal(size=90)
    descent._by_inner_points(x.T @ x / 10, y, np.full(90, 0.1), np.zeros(90))
    assert 0 < len(factors) < 15


@pytest.mark.parametrize("loss", ["half_squared_error", "huber", rest("log_cosh"), rest("squared_epsilon_insensitive")])
@pytest.mark.parametrize("unit", [1.0, 1e4])
def test_small_strengths_of_more_columns_than_rows(loss: str, unit: float) -> None:
    """Of targets in units in which a loss is straight at the start, too: no more than some steps are needed."""
    x, y, strength = WIDE_X[:30, :100], WIDE_Y[:30] * unit, 1e-4 * (unit if "squared" in loss else 1.0)
    model = LossRegressor(loss, penalty="l1", alpha=strength, tol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, y)
    slope = np.asarray(getattr(fl, loss).grad(model.predict(x), y))
    down, here = -(x - x.mean(axis=0)).T @ slope, model.coef_ != 0.0
    np.testing.assert_allclose(down[here], (strength * np.sign(model.coef_))[here], atol=1e-2 * strength)
    assert 0 < here.sum() <= 30 and (np.abs(down) <= 1.01 * strength).all() and model.n_iter_ < 300


@pytest.mark.parametrize("loss", ["squared_epsilon_insensitive", rest("huber"), rest("log_cosh")])
def test_a_strength_that_is_weak_beside_the_slopes_at_the_start_is_felt(loss: str) -> None:
    """By the tolerance alone, a share of these slopes, its own would be off by a third."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 90))
    y, strength = x[:, :9].sum(axis=1) + rng.normal(size=40), 1e-5
    model = LossRegressor(loss, penalty="l1", alpha=strength).fit(x, y)
    down, here = -x.T @ np.asarray(getattr(fl, loss).grad(model.predict(x), y)), model.coef_ != 0.0
    np.testing.assert_allclose(down[here], (strength * np.sign(model.coef_))[here], atol=1e-3 * strength)
    assert 0 < here.sum() <= 41 and (np.abs(down) <= 1.001 * strength).all()


@pytest.mark.full
def test_a_loss_that_bends_down_ends_where_l1_has_a_minimum() -> None:
    model = LossRegressor("cauchy", penalty="l1", alpha=0.05, **EXACT).fit(S, Y)
    loss, w = fl.cauchy, model.coef_
    down = -S.T @ np.asarray(loss.grad(S @ w + model.intercept_, Y, reduction="none")) / N
    np.testing.assert_allclose(down[w != 0.0], 0.05 * np.sign(w[w != 0.0]), atol=1e-7)
    assert (np.abs(down) <= 0.05 + 1e-7).all()


@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize("unit", [1e-6, 1e6, 1e12])
def test_the_unit_of_the_target_does_not_matter(unit: float, penalty: str) -> None:
    alpha = 0.2
    plain = LossRegressor("squared_error", penalty=penalty, alpha=alpha).fit(X, Y)
    far = LossRegressor("squared_error", penalty=penalty, alpha=alpha * (unit if penalty == "l1" else 1.0))
    far.fit(X, Y * unit)
    np.testing.assert_allclose(far.coef_ / unit, plain.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(far.intercept_ / unit, plain.intercept_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("offset", [1e6, 1e7])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_columns_far_from_0(loss: str, offset: float) -> None:
    """As those of seconds since 1970 are: sparse ones, too, whose rounding is the same."""
    shifted = X + offset
    plain = LossRegressor(loss, penalty=None).fit(shifted - offset, Y)
    for x in (shifted, csr_array(shifted)):
        np.testing.assert_allclose(LossRegressor(loss, penalty=None).fit(x, Y).coef_, plain.coef_, atol=1e-3)


def test_what_is_absent_has_no_size() -> None:
    y, weight = Y.copy(), np.ones(N)
    y[0], weight[0] = 1e30, 0.0
    for loss in ("squared_error", "absolute_error"):
        mine = LossRegressor(loss, penalty="l1", alpha=0.1).fit(X, y, weight)
        other = LossRegressor(loss, penalty="l1", alpha=0.1).fit(X[1:], Y[1:])
        np.testing.assert_allclose(mine.coef_, other.coef_, rtol=1e-5, atol=1e-5)


def test_poisson() -> None:
    other = theirs.PoissonRegressor(alpha=0.1, solver="newton-cholesky", tol=1e-12).fit(X, COUNTS, WEIGHT)
    mine = LossRegressor("poisson", alpha=0.1, **EXACT).fit(X, COUNTS, WEIGHT)
    close(mine, other)
    np.testing.assert_allclose(mine.predict(X), other.predict(X), rtol=1e-6)


def test_huber_at_the_scale_that_theirs_found() -> None:
    alpha, epsilon = 3.0, 1.5
    other = theirs.HuberRegressor(epsilon=epsilon, alpha=alpha, tol=1e-10, max_iter=10_000).fit(S, Y)
    # sum of scale * h(r / scale), h being twice huber, plus alpha |w|^2
    loss, penalty = fl.huber.bind(delta=epsilon * other.scale_), fl.penalties.l2(alpha * other.scale_ / N)
    mine = LossRegressor(loss, penalty=penalty, **EXACT).fit(S, Y)
    mean, theirs_mean = (float(loss(S @ m.coef_ + m.intercept_, Y)) + float(penalty(m.coef_)) for m in (mine, other))
    assert mean <= theirs_mean <= mean * (1.0 + 1e-8)
    close(mine, other, 1e-4)  # theirs stops where the values, not the derivatives, are flat


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_quantile(q: float) -> None:
    """Theirs is a linear programme's vertex."""
    other = theirs.QuantileRegressor(quantile=q, alpha=0.02, solver="highs").fit(S, Y)
    mine = LossRegressor("quantile", loss_params={"q": q}, penalty="l1", alpha=0.02, max_iter=5000).fit(S, Y)

    def cost(model: Any) -> float:
        r = Y - S @ model.coef_ - model.intercept_
        return float(np.mean(np.maximum(q * r, (q - 1.0) * r)) + 0.02 * np.abs(model.coef_).sum())

    assert cost(mine) <= cost(other) * (1.0 + 1e-6)
    np.testing.assert_allclose(mine.coef_, other.coef_, atol=1e-3)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_logistic_regression(weight: Any) -> None:
    total = N if weight is None else weight.sum()
    other = theirs.LogisticRegression(C=0.3, solver="newton-cholesky", tol=1e-12).fit(X, SIGNS, weight)
    mine = LossClassifier("logistic", alpha=1.0 / (0.3 * total), **EXACT).fit(X, SIGNS, weight)
    close(mine, other)
    np.testing.assert_allclose(mine.decision_function(X), other.decision_function(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), rtol=1e-5, atol=1e-8)
    assert (mine.predict(X) == other.predict(X)).all()


def test_logistic_regression_of_several_classes() -> None:
    other = theirs.LogisticRegression(C=0.3, solver="lbfgs", tol=1e-12, max_iter=10_000).fit(S, CLASSES)
    mine = LossClassifier("cross_entropy", alpha=1.0 / (0.3 * N), **EXACT).fit(S, CLASSES)
    np.testing.assert_allclose(mine.coef_, other.coef_, atol=1e-6)
    # Intercepts are known up to one constant.
    np.testing.assert_allclose(np.diff(mine.intercept_), np.diff(other.intercept_), atol=1e-6)
    np.testing.assert_allclose(mine.predict_proba(S), other.predict_proba(S), atol=1e-6)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_logistic_regression_with_l1(l1_ratio: float) -> None:
    kind: Any = {"solver": "saga", "l1_ratio": l1_ratio, "tol": 1e-12, "max_iter": 100_000}
    other = theirs.LogisticRegression(C=0.1, **kind).fit(S, SIGNS)
    mine = LossClassifier("logistic", penalty="elastic_net", l1_ratio=l1_ratio, alpha=1.0 / (0.1 * N), **EXACT)
    close(mine.fit(S, SIGNS), other)
    assert (mine.coef_ == 0.0).any()


def test_support_vectors() -> None:
    """Theirs penalises its intercept: so there is none. The loss has a kink."""
    other = LinearSVC(loss="hinge", C=0.1, fit_intercept=False, tol=1e-10, max_iter=1_000_000).fit(S, SIGNS)
    mine = LossClassifier("hinge", alpha=1.0 / (0.1 * N), fit_intercept=False, max_iter=5000).fit(S, SIGNS)
    np.testing.assert_allclose(mine.coef_, other.coef_, atol=1e-4)


def test_a_group_lasso_meets_the_conditions_of_its_minimum() -> None:
    groups, alpha = np.array([0, 0, 1, 1, 2, 2]), 0.4
    model = LossRegressor("squared_error", penalty="group_lasso", groups=groups, alpha=2 * alpha, **EXACT).fit(S, Y)
    slope = S.T @ (S @ model.coef_ + model.intercept_ - Y) / N
    gone = 0
    for g in range(3):
        w, d = model.coef_[groups == g], slope[groups == g]
        if w.any():
            np.testing.assert_allclose(d, -alpha * np.sqrt(2.0) * w / np.linalg.norm(w), atol=1e-7)
        else:
            gone += 1
            assert np.linalg.norm(d) <= alpha * np.sqrt(2.0)
    assert 0 < gone < 3


def test_a_path_is_made_of_fits() -> None:
    model = LossRegressor("squared_error", penalty="l1", **EXACT)
    path = model.fit_path(S, Y, alphas=5, eps=0.1)
    alphas, coefs, _ = theirs.lasso_path(S, Y - Y.mean(), alphas=5, eps=0.1, tol=1e-12, max_iter=100_000)
    np.testing.assert_allclose(path.alphas, 2 * alphas, rtol=1e-6)
    np.testing.assert_allclose(path.coefs, coefs.T, atol=1e-6)
    np.testing.assert_allclose(path.intercepts, Y.mean(), rtol=1e-6)
    assert not path.coefs[0].any() and path.coefs[1].any()
    np.testing.assert_array_equal(model.coef_, path.coefs[-1])


@pytest.mark.parametrize("delta", [1e5, 1e4, 10.0])
def test_a_path_of_a_loss_that_is_nearly_quadratic_is_its_own(delta: float) -> None:
    """Up to the tolerance, which is less than what a parabola of its curvature is off: each model meets its conditions."""
    loss = fl.derive(lambda pred, target, d=1.0: fl.math.sqrt(1.0 + ((pred - target) / d) ** 2) * d * d, name="nearly")
    model = LossRegressor(loss.bind(d=delta), penalty="l1", tol=1e-11, max_iter=5000)
    path = model.fit_path(S, Y, alphas=[0.5, 0.1, 0.02])
    for alpha, coef, intercept in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        r = S @ coef + intercept - Y
        slope = r / np.sqrt(1.0 + (r / delta) ** 2)
        down, here = -S.T @ slope / N, coef != 0.0
        np.testing.assert_allclose(down[here], alpha * np.sign(coef[here]), atol=1e-9)
        assert here.any() and (np.abs(down) <= alpha + 1e-9).all() and abs(slope.mean()) < 1e-9


def test_a_path_of_a_loss_that_is_quadratic_at_both_its_ends_is_made_of_fits() -> None:
    """Of the first row, that predicts 0 at the start and has a column of its own at the end, but 300 between."""
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.normal(size=10_000), 20.0 * np.eye(1, 10_000)[0]])
    y = 5.0 * x[:, 0] + rng.normal(size=10_000)
    x[0, 0], y[0] = 100.0, 0.0
    model = LossRegressor("huber", loss_params={"delta": 150.0}, penalty="l1")
    path = model.fit_path(x, y, alphas=[3.0, 0.5, 1e-7])
    for alpha, coef in zip(path.alphas, path.coefs, strict=True):
        r = x @ coef + model.intercept_ - y
        assert alpha != 0.5 or (np.abs(r) > 150.0).any()
        np.testing.assert_allclose(coef, model.set_params(alpha=alpha).fit(x, y).coef_, rtol=1e-4)


@pytest.mark.parametrize("name", ["l2", "group_lasso", "l1"])
def test_a_path_solves_each_of_its_problems_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    solve = problem.Problem.solve
    monkeypatch.setattr(problem.Problem, "solve", lambda self, *a: seen.append(a[0]) or solve(self, *a))
    groups = [0, 0, 1, 1, 2, 2] if name == "group_lasso" else None
    LossRegressor("squared_error", penalty=name, groups=groups).fit_path(S, Y, alphas=[0.5, 0.1, 0.02])
    assert len(seen) == 3


@pytest.mark.parametrize("name", ["l1", "elastic_net", "l2", None])
@pytest.mark.parametrize("target", [Y, np.full(N, 7.1), np.full(N, 7.3), np.zeros(N)])
def test_columns_that_hold_nothing_and_targets_that_need_none(name: Any, target: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bare = LossRegressor("squared_error", penalty=name, fit_intercept=False).fit(0.0 * S, target)
        model = LossRegressor("squared_error", penalty=name).fit(S if np.ptp(target) == 0.0 else 0.0 * S, target)
    assert not bare.coef_.any() and np.abs(model.coef_).max() < 1e-12
    assert model.intercept_ == pytest.approx(target.mean(), rel=1e-12)


@pytest.mark.parametrize("most", [1e12, 1e30])
@pytest.mark.parametrize("name", ["l1", "elastic_net"])
def test_a_strength_beyond_all_others_leaves_these_their_coefficients(name: str, most: float) -> None:
    def fitted(x: Any, strength: Any) -> Any:
        penalty = getattr(fl.penalties, name)(strength)
        return LossRegressor("half_squared_error", penalty=penalty, **EXACT).fit(x, Y)

    strength = np.full(P, 0.05)
    strength[1] = most
    mine, other = fitted(S, strength), fitted(np.delete(S, 1, axis=1), 0.05)
    assert abs(mine.coef_[1]) < 1e-10
    np.testing.assert_allclose(np.delete(mine.coef_, 1), other.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(mine.intercept_, other.intercept_, rtol=1e-6)


@pytest.mark.parametrize("loss", ["squared_error", rest("expectile"), "absolute_error", rest("quantile"), rest("lp")])
@pytest.mark.parametrize("penalty", [None, "l1"])
def test_sizes_whose_squares_float64_holds_are_fitted_like_others(loss: str, penalty: Any) -> None:
    """Losses that are some power of the residual: their models scale."""

    def fitted(x: float, y: float, **keywords: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return LossRegressor(loss, penalty=penalty, alpha=0.0, **keywords).fit(S * x, Y * y)

    plain = fitted(1.0, 1.0)
    for x, y in [(1e150, 1.0), (1e-150, 1.0), (1.0, 1e150), (1.0, 1e-150), (1e150, 1e150), (1e-75, 1e75)]:
        model = fitted(x, y)
        np.testing.assert_allclose(model.coef_ / y * x, plain.coef_, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(model.intercept_ / y, plain.intercept_, rtol=1e-3)


@pytest.mark.parametrize(
    "model",
    [
        LossRegressor("squared_error"), LossRegressor("quantile", penalty="l1"), rest(LossRegressor("log_cosh")),
        LossClassifier("logistic"), rest(LossClassifier("hinge")), rest(LossClassifier("cross_entropy", penalty="l1")),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_sizes_whose_squares_float64_does_not_hold_are_an_error_that_names_the_place(model: Any, kind: Any) -> None:
    y = SIGNS if hasattr(model, "class_weight") else Y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = S.copy()
        x[7, 2] = 1e160
        with pytest.raises(ValueError, match=rf"{type(model).__name__}: X\[7, 2\] is 1e\+160, expected numbers up to"):
            model.fit(kind(x), y)
        x[7, 2] = 0.0
        weight = np.arange(N) != 7
        x[:, 3] *= 1e-160  # of which nothing is left beside the others
        coef = np.ravel(model.fit(kind(x), y).coef_)
        assert np.isfinite(coef).all() and np.abs(coef.reshape(-1, P)[:, 3]).max() < 1e-10
        if y is Y:
            wide = np.where(weight, Y, 1e160)
            with pytest.raises(ValueError, match=r"y\[7\] = 1e\+160, expected at most"):
                model.fit(kind(S), wide)
            assert np.isfinite(model.fit(kind(S), wide, weight).coef_).all()
            with pytest.raises(ValueError, match=rf"y\[{np.abs(Y).argmax()}\] = .*e-1.*, expected 0, or at least"):
                model.fit(kind(S), 1e-160 * Y)


def test_a_strength_that_is_next_to_nothing_is_none() -> None:
    bare = theirs.LinearRegression().fit(S, Y)
    close(LossRegressor("squared_error", penalty="l1", alpha=1e-160, **EXACT).fit(S, Y), bare)


def test_a_loss_that_is_straight_at_the_start_is_fitted_all_the_same() -> None:
    target = 100.0 * np.sign(S[:, 0]) * (1.0 + np.arange(N))  # no residual is within delta of the start
    model = LossRegressor("huber", penalty="l1", alpha=0.01, max_iter=2000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how long it takes
        model.fit(S, target)
    constant = np.full(N, np.median(target))
    assert fl.huber(model.predict(S), target) < 0.9 * fl.huber(constant, target)


@pytest.mark.parametrize("far", [60.0, 300.0])
def test_a_loss_that_is_all_but_straight_at_the_start_meets_the_conditions_of_its_minimum(far: float) -> None:
    """There its second derivative is 1e-50 or 0, and a step of its reciprocal ends where the penalty says."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3)) + np.array([1.0, 5.0, 20.0])
    y = far + x[:, 0] + 0.1 * rng.normal(size=30)
    w = LossRegressor("log_cosh", penalty="elastic_net", alpha=0.1, fit_intercept=False, **EXACT).fit(x, y).coef_
    down = -x.T @ np.tanh(x @ w - y) / 30
    np.testing.assert_allclose(down, 0.05 * (w + np.sign(w)), atol=1e-6)


def test_a_loss_that_is_straight_at_the_start_is_fitted_in_silence() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3)) + 5.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LossRegressor("huber", penalty="l1", alpha=0.01, fit_intercept=False, max_iter=20_000).fit(
            x, x[:, 0] + 60.0
        )
    assert model.coef_.any()


def test_the_rounding_of_large_coordinates_is_no_distance_from_a_minimum() -> None:
    z, slope = np.linspace(1e10, 3e10, 7), 0.05

    def prox(v: Any, step: float) -> Any:
        return np.sign(v) * np.maximum(np.abs(v) - slope * step, 0.0) / (1.0 + slope * step)

    assert residual(prox, z, -slope * (z + 1.0), 1e50) < 1e-8
