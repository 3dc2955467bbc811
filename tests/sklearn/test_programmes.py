"""Losses of straight pieces: their kinks are found, and their optima are those of SciPy's linear programmes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import rest

pytest.importorskip("sklearn.base")

from scipy.optimize import linprog
from scipy.sparse import csr_array

import fastloss as fl
from fastloss.sklearn import LossClassifier, LossRegressor, features, problem
from fastloss.sklearn.coordinates import Coordinates
from fastloss.sklearn.pieces import pieces

RNG = np.random.default_rng(11)
N = 70
Y = RNG.standard_t(3, size=N)
SIGNS = np.sign(Y)
WEIGHT = RNG.integers(0, 4, N).astype(float)

STRAIGHT = [
    (fl.absolute_error, Y, [(0.0, 2.0)]),
    (fl.quantile.bind(q=0.9), Y, [(0.0, 1.0)]),
    (fl.epsilon_insensitive.bind(epsilon=0.3), Y, [(-0.3, 1.0), (0.3, 1.0)]),
    (2.0 * fl.epsilon_insensitive.bind(epsilon=0.2) + fl.absolute_error, Y, [(-0.2, 2.0), (0.0, 2.0), (0.2, 2.0)]),
    (fl.absolute_error, Y * 1e-100, [(0.0, 2.0)]),
    (fl.absolute_error, Y + 1e9, [(0.0, 2.0)]),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "target", "expected"), STRAIGHT, ids=lambda x: getattr(x, "name", ""))
def test_the_kinks_of_straight_pieces(loss: Any, target: Any, expected: Any) -> None:
    found = pieces(loss, target, np.full(N, target.mean()), 2.0 * float(np.std(target)))
    assert found is not None
    order = np.lexsort((found.kinks, found.rows))
    place, jump = np.array(expected).T
    np.testing.assert_array_equal(found.rows[order], np.arange(N).repeat(len(place)))
    kinks = (target[:, None] + place * (target.std() if target.std() < 1e-9 else 1.0)).ravel()
    np.testing.assert_allclose(found.kinks[order], kinks, atol=1e-14 * np.abs(target).max())
    np.testing.assert_allclose(found.jumps[order], np.tile(jump, N), rtol=1e-12)
    np.testing.assert_allclose(found.first, -jump.sum() / 2.0 if loss.name != "quantile" else -0.9)


def test_the_kinks_of_labels() -> None:
    found = pieces(fl.hinge, SIGNS, np.zeros(N), 2.0)
    assert found is not None
    np.testing.assert_array_equal(found.kinks, SIGNS)
    np.testing.assert_array_equal(found.first, np.minimum(-SIGNS, 0.0))


@pytest.mark.parametrize(
    "loss",
    [
        fl.huber, fl.log_cosh, fl.squared_error, fl.quantile.bind(q=0.9) + 0.1 * fl.log_cosh,
        fl.derive(lambda pred, target: min(abs(pred - target), 1.0), name="capped"),
        fl.derive(lambda pred, target: abs(pred - target) + 1e-6 * (pred - target) ** 2, name="all_but_straight"),
    ],
    ids=lambda loss: loss.name,
)  # fmt: skip
def test_what_bends_has_no_pieces(loss: Any) -> None:
    """Also downwards, as one that is capped does."""
    assert pieces(loss, Y, np.zeros(N), 2.0) is None


def best(loss: Any, X: Any, y: Any, weight: Any, strength: Any, intercept: bool) -> float:
    """The least mean loss plus l1, by the dual of its linear programme."""
    p, share = X.shape[1], weight / weight.sum()
    found = pieces(loss, y, np.zeros(len(y)), 2.0 * float(np.std(y)))
    assert found is not None
    A = np.column_stack([X, np.ones(len(y))]) if intercept else X
    columns = np.concatenate([A[found.rows].T, np.eye(A.shape[1], p)], axis=1)
    bounds = [(0.0, b) for b in share[found.rows] * found.jumps] + [(-s, s) for s in strength]
    cost = np.concatenate([found.kinks, np.zeros(p)])
    done = linprog(cost, A_eq=columns, b_eq=-A.T @ (share * found.first), bounds=bounds, method="highs")
    w = -done.eqlin.marginals
    return float(loss(A @ w, y, weight=weight)) + float(strength @ np.abs(w[:p]))


@pytest.mark.parametrize("way", ["copy", rest("blocks"), "sparse"])
@pytest.mark.parametrize("penalty", [None, "l1", "some"])
@pytest.mark.parametrize(("p", "intercept"), [(5, True), (5, False), (120, True), (120, False)])
@pytest.mark.parametrize("name", ["quantile", rest("epsilon_insensitive"), "hinge", rest("sum")])
def test_the_optimum_is_a_linear_programmes(
    name: str, p: int, intercept: bool, penalty: Any, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problem.Problem, "_by_envelopes", None)  # which come near it
    monkeypatch.setattr(features, "SMALL", features.SMALL if way == "copy" else 0)
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, p)) * rng.uniform(0.1, 10.0, p) + rng.normal(size=p)
    X[:, 1] = X[:, 0]  # twice the same, and none
    X[:, 2] = 3.0
    own: Any = {
        "quantile": fl.quantile.bind(q=0.8), "epsilon_insensitive": fl.epsilon_insensitive, "hinge": fl.hinge,
        "sum": 0.5 * fl.quantile.bind(q=0.2) + fl.epsilon_insensitive.bind(epsilon=0.4),
    }  # fmt: skip
    loss, y = own[name], SIGNS if name == "hinge" else Y + X[:, 0]
    strength = np.full(p, {None: 0.0, "l1": 0.01, "some": 0.02}[penalty])
    if penalty == "some":
        strength[::3] = 0.0
    kind: Any = LossClassifier if name == "hinge" else LossRegressor
    model = kind(loss, penalty=fl.penalties.l1(strength) if penalty else None, fit_intercept=intercept)
    model.fit(csr_array(X) if way == "sparse" else X, y, WEIGHT)
    w = np.ravel(model.coef_)
    mine = float(loss(X @ w + model.intercept_, y, weight=WEIGHT)) + float(strength @ np.abs(w))
    other = best(loss, X, y, WEIGHT, strength, intercept)
    assert mine <= other * (1.0 + 1e-8) + 1e-11
    if penalty == "l1":
        assert 0 < (w != 0.0).sum() <= min(N, p) and model.n_iter_ < 40


@pytest.mark.parametrize("p", [5, 120])
@pytest.mark.parametrize("name", ["l2", "elastic_net"])
@pytest.mark.parametrize("loss", ["hinge", rest("absolute_error")])
def test_a_quadratic_programme_meets_the_conditions_of_its_minimum(
    loss: str, name: str, p: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which multiplier a row at its kink has is not known: the least value on every line through the point is there."""
    monkeypatch.setattr(problem.Problem, "_by_envelopes", None)
    rng, own, y = np.random.default_rng(4), getattr(fl, loss), SIGNS if loss == "hinge" else Y
    X = rng.normal(size=(N, p))
    penalty = getattr(fl.penalties, name)(0.05)
    model = (LossClassifier if loss == "hinge" else LossRegressor)(own, penalty=penalty).fit(X, y, WEIGHT)
    w, b = np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])

    def cost(w: Any, b: float) -> float:
        return float(own(X @ w + b, y, weight=WEIGHT)) + float(penalty(w))

    least = cost(w, b)
    for size in (1e-1, 1e-3, 1e-5):
        for _ in range(50):
            assert cost(w + size * rng.normal(size=p), b + size * rng.normal()) >= least * (1.0 - 1e-12)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("intercept", [True, False])
def test_features_by_blocks_are_those_of_a_copy(kind: Any, intercept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    X = np.where(rng.random((40, 7)) < 0.5, rng.normal(size=(40, 7)), 0.0)
    c = Coordinates(X.mean(axis=0), 3.0 / X.std(axis=0), 1, intercept, 3.0)
    copy = features.Features(X, c)
    monkeypatch.setattr(features, "SMALL", 0)
    found = features.Features(kind(X), c)
    assert found.whole is None and copy.whole is not None
    z, each, part = rng.normal(size=7 + intercept), rng.random(40), np.array([0, 3, 6, *[7] * intercept])
    np.testing.assert_allclose(found.scores(z), copy.scores(z), rtol=1e-12)
    np.testing.assert_allclose(found.back(each), copy.back(each), rtol=1e-12)
    np.testing.assert_allclose(found.by_columns(each), copy.by_columns(each), atol=1e-12)
    np.testing.assert_allclose(found.by_rows(each, np.arange(1.0, 8.0)), copy.by_rows(each, np.arange(1.0, 8.0)))
    for rows in (np.array([1, 5]), np.arange(5, 25)):
        np.testing.assert_allclose(found.part(rows, part), copy.part(rows, part), rtol=1e-12)


def test_of_a_loss_without_a_minimum_no_point_is_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of target 1 have none: scores below all others cost less and less."""
    asked: list[Any] = []
    real = problem.Problem._by_envelopes
    monkeypatch.setattr(problem.Problem, "_by_envelopes", lambda *given: asked.append(1) or real(*given))
    LossClassifier("hinge_embedding", penalty=None, max_iter=50).fit(Y[:, None], SIGNS)
    assert asked


def test_a_line_is_left_to_other_ways() -> None:
    """It has no kinks, and so no gap to close."""
    line: Any = fl.derive(lambda pred, target: pred - target, name="line")
    X = np.random.default_rng(6).normal(size=(N, 3))
    model = LossRegressor(line, penalty="l2", alpha=0.5, fit_intercept=False).fit(X, Y)
    np.testing.assert_allclose(model.coef_, -X.mean(axis=0) / 0.5, rtol=1e-6)
