"""Objectives: every loss's derivatives as sums over weighted rows, Hessians, starts, links, and what is refused."""

from __future__ import annotations

import math
import pickle
import sys
from typing import Any

import numpy as np
import pytest
from data import stairs
from net_cases import elements, is_rows, rows

import fastloss as fl
from fastloss.boosting import Objective, initial
from fastloss.boosting.hessians import HESSIANS, TABLES

pytestmark = pytest.mark.usefixtures("uncompiled")

LOSSES = [n for n, loss in fl.LOSSES.items() if len(loss.inputs) > len(loss.wrt)]
"""Those that take labels."""
N, K = 7, 3


def drawn(loss: Any) -> tuple[Any, Any]:
    """Scores and labels of a few rows."""
    if is_rows(loss):
        arrays = rows(loss, N, K, "f8")
        return arrays[0], tuple(arrays[1:]) if len(arrays) > 2 else arrays[1]
    arrays = elements(loss, N, "f8")
    scores = np.stack([arrays[k] for k in loss.wrt], 1) if len(loss.wrt) > 1 else arrays[0]
    labels = tuple(x for k, x in enumerate(arrays) if k not in loss.wrt)
    return scores, labels if len(labels) > 1 else labels[0]


def taken(labels: Any, row: int) -> list[Any]:
    return [x[row : row + 1] for x in (labels if isinstance(labels, tuple) else (labels,))]


def by_rows(loss: Any, scores: Any, labels: Any, weight: Any) -> tuple[Any, Any]:
    """Derivatives of each row by itself, times its weight: what a sum over rows has."""
    found = []
    for row in range(N):
        x = scores[row : row + 1]
        given = taken(labels, row)
        columns = {k: x[:, j] for j, k in enumerate(loss.wrt)} if len(loss.wrt) > 1 else {0: x}
        inputs = [columns[k] if k in columns else given.pop(0) for k in range(len(loss.inputs))]
        parts = loss.grad_and_hess(*inputs, reduction="sum")
        found.append([weight[row] * (np.stack(p, 1) if isinstance(p, tuple) else p) for p in parts])
    return tuple(np.concatenate([parts[k] for parts in found]) for k in range(2))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_an_objective(name: str, rng: np.random.Generator) -> None:
    """Sums, weights multiplied in, of the scores' layout; for a root, whose mean is one of all rows, its own multiple."""
    loss = fl.LOSSES[name]
    scores, labels = drawn(loss)
    weight = rng.uniform(0.5, 2.0, N)
    objective = Objective(loss, hessian="exact")
    for order in "CF" if scores.ndim > 1 else "C":
        got = objective.grad_and_hess(np.array(scores, order=order), labels, weight)
        if loss.rooted:
            wanted = [weight.sum() * x for x in loss.grad_and_hess(scores, labels, weight=weight)]
        else:
            wanted = by_rows(loss, scores, labels, weight)
        for a, b in zip(got, wanted, strict=True):
            assert a.shape == scores.shape and a.dtype == scores.dtype and a.flags[f"{order}_CONTIGUOUS"]
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    assert objective.loss(scores, labels, weight) == pytest.approx(mean_by_rows(loss, scores, labels, weight), rel=1e-6)
    assert pickle.loads(pickle.dumps(objective)).definition == loss


def mean_by_rows(loss: Any, scores: Any, labels: Any, weight: Any) -> float:
    columns = {k: scores[:, j] for j, k in enumerate(loss.wrt)} if len(loss.wrt) > 1 else {0: scores}
    given = list(labels) if isinstance(labels, tuple) else [labels]
    inputs = [columns[k] if k in columns else given.pop(0) for k in range(len(loss.inputs))]
    if loss.rooted:
        return float(loss(*inputs, weight=weight))
    return float((loss(*inputs, reduction="none") * weight).sum() / weight.sum())


def half_square(pred: float, target: float) -> tuple[float, float]:
    """A loss of one derivative."""
    return 0.5 * (pred - target) * (pred - target), pred - target


def test_a_loss_without_a_second_derivative_says_so() -> None:
    loss = fl.pointwise(half_square)
    with pytest.raises(TypeError, match="^half_square has no second derivative, and hessian is 'positive'"):
        Objective(loss)
    grad, hess = Objective(loss, hessian="constant").grad_and_hess([0.0, 3.0], [1.0, 1.0], [2.0, 0.5])
    assert grad.tolist() == [-2.0, 1.0] and hess.tolist() == [2.0, 0.5]


# -- Several scores ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_has_a_value_for_each_score(order: str) -> None:
    scores = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, -1.0]], np.float32, order=order)
    objective = Objective(fl.quantile, {"q": [0.1, 0.5, 0.9]}, hessian="constant")
    grad, hess = objective.grad_and_hess(scores, np.float32([1.0, 0.5]), [1.0, 2.0])
    np.testing.assert_allclose(grad, [[-0.1, 0.0, 0.1], [1.8, -1.0, -1.8]], rtol=1e-6)
    assert hess.tolist() == [[1.0] * 3, [2.0] * 3] and grad.flags[f"{order}_CONTIGUOUS"]
    np.testing.assert_allclose(objective.initial([1.0, 2.0, 3.0, 4.0, 5.0]), [1.0, 3.0, 5.0], rtol=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_labels_may_be_those_of_each_score(order: str) -> None:
    scores = np.array([[0.0, 1.0], [3.0, 0.0], [1.0, 1.0]], order=order)
    labels = np.array([[1.0, 1.0], [1.0, 0.5], [0.0, 4.0]])
    grad, _ = Objective(fl.half_squared_error).grad_and_hess(scores, labels, [1.0, 2.0, 0.0])
    np.testing.assert_array_equal(grad, (scores - labels) * [[1.0], [2.0], [0.0]])
    assert Objective(fl.half_squared_error).initial(labels).tolist() == pytest.approx([2 / 3, 5.5 / 3])


def test_derivatives_go_where_one_says() -> None:
    scores = np.zeros((4, 3), np.float32)
    out = np.empty_like(scores), np.empty_like(scores)
    found = Objective(fl.cross_entropy).grad_and_hess(scores, [0, 1, 2, 0], out=out)
    assert all(np.shares_memory(a, b) for a, b in zip(found, out, strict=True))
    turned = tuple(np.empty((4, 3), np.float32, order="F") for _ in range(2))
    again = Objective(fl.cross_entropy).grad_and_hess(np.asfortranarray(scores), [0, 1, 2, 0], out=turned)
    assert all(np.shares_memory(a, b) and (a == c).all() for a, b, c in zip(again, turned, out, strict=True))


# -- Hessians ----------------------------------------------------------------------------------------------------------

PARAMETERS: dict[str, dict[str, Any]] = {"lp": {"p": 1.25}, "expectile": {"q": 0.8}, "quantile": {"q": 0.8}}


def lopsided(pred: Any, target: Any, delta: float = 2.0, under: float = 3.0) -> Any:
    return fl.where(pred < target, under, 1.0) * (fl.math.sqrt(1.0 + ((pred - target) / delta) ** 2) - 1.0)


def mixed(pred: Any, target: Any) -> Any:
    """Straight on one side, and a parabola on the other."""
    return fl.where(pred < target, 3.0 * (target - pred), (pred - target) ** 2)


def log_square(pred: Any, target: Any, c: float = 1.0) -> Any:
    return fl.math.log1p(((pred - target) / c) ** 2)


def bent_back(pred: Any, target: Any) -> Any:
    """Convex on neither side, and of two kinds."""
    e = pred - target
    return fl.where(e < 0.0, 3.0 * log_square(pred, target), 1.0 - fl.math.exp(-0.5 * e * e))


def pinball(pred: float, target: float, q: float = 0.8) -> tuple[float, float]:
    """Of one derivative."""
    e = pred - target
    return ((1.0 - q) * e, 1.0 - q) if e > 0.0 else (-q * e, -q)


OWN = {
    "lopsided": fl.derive(lopsided),
    "mixed": fl.derive(mixed),
    "log_square": fl.derive(log_square),
    "bent back": fl.derive(bent_back),
    "pinball": fl.pointwise(pinball),
    "sum": 0.5 * fl.derive(lopsided) + fl.huber,
    "sum with one derivative": 0.5 * fl.pointwise(pinball) + fl.huber,
}
"""Losses of a residual, of no table."""


@pytest.mark.parametrize("name", [*TABLES["majorizer"], *OWN])
def test_a_majorizer_is_above_the_loss(name: str) -> None:
    """The parabola that it makes touches the loss at the score, and is nowhere below it."""
    loss = OWN.get(name) or fl.LOSSES[name].bind(**PARAMETERS.get(name, {}))
    if is_rows(loss):
        labels = np.array([1, 0])
        here = np.array([[0.5, -1.0, 3.0], [4.0, 4.0, -4.0]])
        steps = np.random.default_rng(1).normal(0, 3, (200, *here.shape))
    else:
        labels = np.full(9, loss.domains[1].high if loss.domains[1].high < math.inf else 0.5)
        here = np.array([-8.0, -2.0, -1.0, 0.1, 0.4, 0.75, 1.0, 2.0, 9.0])
        steps = np.linspace(-20.0, 20.0, 201)[:, None] - here
    grad, hess = Objective(loss, hessian="majorizer").grad_and_hess(here, labels)
    start = loss(here, labels, reduction="none")
    assert (hess > 0.0).all()
    for step in steps:
        terms = grad * step + 0.5 * hess * step * step
        above = start + (terms.sum(1) if is_rows(loss) else terms)
        assert (loss(here + step, labels, reduction="none") <= above + 1e-9).all()


@pytest.mark.parametrize("name", TABLES["majorizer"])
def test_every_majorizer_is_one_of_a_sum(name: str) -> None:
    """Of losses of rows, too, with the weights of their classes."""
    loss, weight = fl.LOSSES[name].bind(**PARAMETERS.get(name, {})), np.array([1.0, 2.0, 0.0])
    here, options = np.array([-3.0, 0.25, 2.0]), {}
    labels = np.full(3, loss.domains[1].high if loss.domains[1].high < math.inf else 0.5)
    if is_rows(loss):
        here, labels = np.array([[0.5, -1.0], [3.0, 4.0], [0.0, 1.0]]), np.array([1, 0, 1])
        options = {"class_weight": [1.0, 3.0], "label_smoothing": 0.1}
    one, both = (Objective(x, options, hessian="majorizer") for x in (loss, 0.5 * loss + 0.25 * loss))
    for x in (here, np.asfortranarray(here)):
        expected, found = (o.grad_and_hess(x, labels, weight) for o in (one, both))
        np.testing.assert_allclose(found[1], 0.75 * expected[1], rtol=1e-12)
        np.testing.assert_allclose(found[0], 0.75 * expected[0], rtol=1e-12)


def test_a_majorizer_of_a_sum_is_the_sum_of_theirs() -> None:
    """Without it a sum of losses without curvature far out steps over its target, or nowhere."""
    loss, y = 0.7 * fl.huber + 0.3 * fl.quantile.bind(q=0.9), np.array([0.0, 1.0, -2.0])
    scores, weight = np.array([3.0, -4.0, 30.0]), np.array([1.0, 2.0, 0.5])
    assert Objective(loss).hessian == Objective(2.0 * fl.cauchy).hessian == "majorizer"
    assert Objective(fl.huber + fl.half_squared_error).hessian == "positive"
    grad, hess = Objective(loss).grad_and_hess(scores, y, weight)
    parts = [Objective(part).grad_and_hess(scores, y, weight) for part in (fl.huber, fl.quantile.bind(q=0.9))]
    np.testing.assert_allclose(grad, 0.7 * parts[0][0] + 0.3 * parts[1][0])
    np.testing.assert_allclose(hess, 0.7 * parts[0][1] + 0.3 * parts[1][1])
    with pytest.raises(TypeError, match="hessian is 'majorizer', which is known of fastloss's .*, of their sums"):
        Objective(fl.huber - 0.5 * fl.cauchy, hessian="majorizer")
    with pytest.raises(TypeError, match="hessian is 'majorizer'"):
        Objective(fl.huber + fl.poisson, hessian="majorizer")


@pytest.mark.parametrize("name", OWN)
def test_a_loss_of_ones_own_that_grows_slowly_is_bounded_by_itself(name: str) -> None:
    """Divided by its second derivative, a leaf leaps: of rows far out that is next to nothing."""
    loss, y, weight = OWN[name], np.array([0.0, 1.0, -2.0]), np.array([1.0, 2.0, 0.0])
    objective = Objective(loss)
    assert objective.hessian == "majorizer"
    objective = Objective(loss, hessian="majorizer")
    for far in (1e3, -1e3):
        scores = y + far
        grad, hess = objective.grad_and_hess(scores, np.array([0.0, 1.0, math.nan]), weight)
        assert grad[2] == hess[2] == 0.0 and abs(grad.sum() / hess.sum()) <= 1.001e3
        several = objective.grad_and_hess(np.stack([scores] * 2, 1), y, weight)[1]
        np.testing.assert_allclose(several, np.stack([hess] * 2, 1), rtol=1e-12)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("label", [0.0, 7.0, -3000.0])
def test_a_majorizer_at_a_residual_of_0_is_that_of_the_steeper_side(label: float, kind: str) -> None:
    """A second derivative there is one side's, and the slope of a kink may be 0."""
    y, scores = np.array([label, label, math.nan]), np.array([label, label + 1.0, math.inf], kind)
    weight = np.array([1.0, 2.0, 0.0])
    _, hess = Objective(OWN["lopsided"]).grad_and_hess(scores, y.astype(kind), weight)
    assert hess[0] == pytest.approx(0.75, rel=1e-5) and hess[2] == 0.0
    expected = Objective(fl.absolute_error).grad_and_hess(scores, y.astype(kind), weight)[1]
    own = Objective(fl.derive(lambda pred, target: abs(pred - target))).grad_and_hess(scores, y.astype(kind), weight)[1]
    np.testing.assert_allclose(own, expected, rtol=1e-5)


@pytest.mark.parametrize("weighted", [True, False])
def test_a_majorizer_of_an_uneven_loss_holds_far_out(weighted: bool) -> None:
    """Where the loss of the other side has grown to many times this one's, and next to the label."""
    e = np.concatenate([sign * np.logspace(-3, 4, 29) for sign in (-1.0, 1.0)] + [[0.0]])
    to, y, weight = e[:, None], np.zeros(len(e)), np.where(weighted, 3.0, 1.0) * np.ones(len(e))
    loss = OWN["bent back"]
    grad, hess = Objective(loss, hessian="majorizer").grad_and_hess(e, y, weight if weighted else None)
    at, there = (weight * loss(x, np.zeros(x.shape), reduction="none") for x in (e, np.broadcast_to(to, (len(e),) * 2)))
    above = at + grad * (to - e) + 0.5 * hess * (to - e) ** 2
    assert (above >= there - 1e-9 * (1.0 + there)).all()
    _, other = Objective(loss, hessian="majorizer").grad_and_hess(e + 100.0, y + 100.0, weight if weighted else None)
    np.testing.assert_allclose(other, hess, rtol=1e-6)


def test_what_is_no_loss_of_a_residual_or_grows_faster_has_no_majorizer() -> None:
    faster = {
        "of negative labels": lambda pred, target: fl.where(
            target < 0.0, log_square(pred, target) ** 2, log_square(pred, target)
        ),
        "of large labels": lambda pred, target: fl.where(target > 1e5, (pred - target) ** 4, log_square(pred, target)),
        "fourth power": lambda pred, target: (pred - target) ** 4,
        "LINEX": lambda pred, target: fl.math.exp(pred - target) - (pred - target) - 1.0,
        "relative": lambda pred, target: abs(pred - target) / (1.0 + abs(target)),
        "dead zone": lambda pred, target: fl.where(abs(pred - target) < 1.0, 0.0, abs(pred - target) - 1.0),
    }
    for formula in faster.values():
        loss = fl.derive(formula)
        assert Objective(loss).hessian == "positive"
        with pytest.raises(TypeError, match="hessian is 'majorizer', which is known .* that grow no faster"):
            Objective(loss, hessian="majorizer")
    assert Objective(fl.derive(lambda pred, target: (pred - target) ** 2)).hessian == "positive"
    lopsided = Objective(OWN["lopsided"], {"under": [1.0, 3.0]})
    assert lopsided.hessian == "majorizer"
    _, hess = lopsided.grad_and_hess(np.array([[4.0, 4.0]]), [0.0])
    assert hess[0, 1] == pytest.approx(3.0 * hess[0, 0])


@fl.pointwise
def series(pred: float, target: float) -> tuple[float, float, float]:
    """Loops as often wherever it is."""
    e, share = pred - target, 0.0
    for _ in range(300):
        share = 0.5 * share + 0.5
    root = math.sqrt(1.0 + e * e)
    return share * (root - 1.0), share * e / root, share / (root * root * root)


def test_a_loop_of_so_many_steps_at_every_residual_is_tried() -> None:
    assert Objective(series).hessian == "majorizer"


def test_a_loop_as_long_as_its_residual_is_not_waited_for() -> None:
    before = sys.gettrace()
    assert Objective(stairs).hessian == "positive" and sys.gettrace() is before
    with pytest.raises(TypeError, match="hessian is 'majorizer', which is known"):
        Objective(0.5 * stairs + fl.huber, hessian="majorizer")


def test_weights_of_classes_count_in_the_majorizer_of_a_softmax() -> None:
    weights, scores = [1.0, 10.0, 3.0], np.zeros((2, 3))
    options = {"class_weight": weights, "label_smoothing": 0.3}
    for labels in (np.float32([1, 2]), np.eye(3)[[1, 2]]):
        for order in ("C", "F"):
            z = np.array(scores, order=order)
            exact, bound = (
                Objective(fl.cross_entropy, options, hessian=h).grad_and_hess(z, labels, [1.0, 2.0])[1]
                for h in ("exact", "majorizer")
            )
            np.testing.assert_allclose(bound, exact * 0.5 / (2.0 / 9.0), rtol=1e-12)


@pytest.mark.parametrize("name", HESSIANS)
def test_every_hessian_is_pickled(name: str) -> None:
    objective = Objective(fl.cross_entropy, hessian=name)
    again = pickle.loads(pickle.dumps(objective))
    for x, other in zip(*(o.grad_and_hess(np.zeros((2, 3)), [0, 2]) for o in (objective, again)), strict=True):
        np.testing.assert_array_equal(x, other)


def test_a_loss_of_ones_own_is_not_the_librarys_of_the_same_name() -> None:
    def huber(pred: float, target: float) -> tuple[float, float, float]:
        e = pred - target
        return e * e * e * e, 4.0 * e * e * e, 12.0 * e * e

    own = fl.pointwise(huber)
    assert Objective(own).hessian == "positive" and Objective(own + own).hessian == "positive"
    assert Objective(own).grad_and_hess(np.array([2.0]), [0.0])[1].tolist() == [48.0]
    with pytest.raises(TypeError, match="huber: hessian is 'lightgbm', which is known of fastloss's"):
        Objective(own, hessian="lightgbm")


FISHER = {
    "poisson": lambda f, p: np.exp(f),
    "gamma": lambda f, p: np.ones_like(f),
    "tweedie": lambda f, p: np.exp(0.5 * f),
    "gamma_identity": lambda f, p: 1.0 / f**2,
    "tweedie_identity": lambda f, p: f**-1.5,
    "poisson_identity": lambda f, p: 1.0 / f,
    "logistic": lambda f, p: 1.0 / (2.0 + 2.0 * np.cosh(f)),
    "squared_error": lambda f, p: np.full_like(f, 2.0),
}


@pytest.mark.parametrize("name", FISHER)
def test_expected_second_derivatives(name: str) -> None:
    loss = fl.LOSSES[name]
    scores, labels = drawn(loss)
    weight = np.arange(1.0, N + 1)
    _, hess = Objective(loss, hessian="fisher").grad_and_hess(scores, labels, weight)
    np.testing.assert_allclose(hess, FISHER[name](scores, None) * weight, rtol=1e-12)


def test_expected_second_derivatives_of_classes() -> None:
    z = np.array([[1.0, 2.0, 0.0]])
    p = np.exp(z) / np.exp(z).sum()
    _, hess = Objective(fl.cross_entropy, hessian="fisher").grad_and_hess(z, [1])
    np.testing.assert_allclose(hess, p * (1.0 - p), rtol=1e-12)


def test_positive_constant_and_least() -> None:
    """Outside the middle Cauchy's second derivative is negative; the absolute error's is 0."""
    y, weight = np.zeros(3), np.array([1.0, 2.0, 4.0])
    scores = np.array([0.0, 2.0, 3.0])

    def hessians(loss: Any, name: str, least: float | None = None) -> list[float]:
        return Objective(loss, hessian=name, min_hessian=least).grad_and_hess(scores, y, weight)[1].tolist()

    assert hessians(fl.cauchy, "exact") == pytest.approx([1.0, -0.24, -0.32])
    assert hessians(fl.cauchy, "exact", 0.25) == [1.0, 0.5, 1.0]
    assert hessians(fl.cauchy, "positive") == [1.0, 2e-16, 4e-16]
    assert hessians(fl.cauchy, "majorizer") == pytest.approx([1.0, 0.4, 0.4])
    assert hessians(fl.cauchy, "constant") == [1.0, 2.0, 4.0]
    assert hessians(fl.perceptron.bind(zero_one=True), "positive") == [1.0, 2.0, 4.0]
    assert Objective(fl.cauchy).hessian == Objective(fl.quantile).hessian == "majorizer"
    assert Objective(fl.poisson).hessian == Objective(fl.cross_entropy).hessian == "positive"


def test_named_after_libraries() -> None:
    def ratio(loss: Any, name: str, scores: Any, labels: Any) -> Any:
        exact, named = (Objective(loss, hessian=h).grad_and_hess(scores, labels)[1] for h in ("exact", name))
        return named / exact

    z, t = np.array([[1.0, 2.0, 0.0, 0.0]]), [1]
    np.testing.assert_allclose(ratio(fl.cross_entropy, "xgboost", z, t), 2.0)
    np.testing.assert_allclose(ratio(fl.cross_entropy, "lightgbm", z, t), 4.0 / 3.0)
    np.testing.assert_allclose(ratio(fl.poisson, "lightgbm", z[0], z[0]), math.exp(0.7))
    hinge = Objective(fl.hinge, hessian="xgboost").grad_and_hess(np.float32([0.0, 2.0]), np.float32([1.0, 1.0]))[1]
    assert hinge.tolist() == [1.0, float(np.finfo(np.float32).tiny)]


def is_plain(loss: Any) -> bool:
    """Whether a loss is one of any numbers, of which one is the prediction of the other."""
    return (
        not is_rows(loss)
        and loss.link == "identity"
        and len(loss.inputs) == 2
        and all(d.is_real_line for d in loss.domains)
    )


# -- Start -------------------------------------------------------------------------------------------------------------

Y = np.array([0.5, 1.0, 4.0, 2.0, 2.5])
W = np.array([1.0, 2.0, 0.5, 1.0, 3.0])
MEAN = float((Y * W).sum() / W.sum())
CLOSED: list[tuple[Any, Any, float]] = [
    (fl.squared_error, Y, MEAN),
    (fl.poisson, Y, math.log(MEAN)),
    (fl.gamma, Y, math.log(MEAN)),
    (fl.tweedie, Y, math.log(MEAN)),
    (fl.poisson_identity, Y, MEAN),
    (fl.squared_log_error, Y, math.expm1(float((np.log1p(Y) * W).sum() / W.sum()))),
    (fl.absolute_error, Y, 2.0),
    (fl.quantile.bind(q=0.95), Y, 4.0),
    (fl.log_lin_quantile.bind(q=0.95), Y, math.log(4.0)),
    (fl.logistic, np.array([1.0, -1.0, 1.0, 1.0, -1.0]), math.log(2.5 / 5.0)),
    (fl.binary_cross_entropy_with_logits, np.array([1.0, 0.0, 1.0, 1.0, 0.0]), math.log(2.5 / 5.0)),
    (fl.exponential, np.array([1.0, -1.0, 1.0, 1.0, -1.0]), 0.5 * math.log(2.5 / 5.0)),
    (fl.binary_cross_entropy, np.array([1.0, 0.0, 1.0, 1.0, 0.0]), 1.0 / 3.0),
]


@pytest.mark.parametrize(("loss", "labels", "expected"), CLOSED, ids=lambda x: getattr(x, "name", ""))
def test_the_best_constant(loss: Any, labels: Any, expected: float) -> None:
    assert float(initial(loss, labels, W)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", [n for n in LOSSES if not is_rows(fl.LOSSES[n]) and len(fl.LOSSES[n].wrt) == 1])
def test_no_constant_near_the_best_is_better(name: str) -> None:
    loss = fl.LOSSES[name]
    _, labels = drawn(loss)
    objective = Objective(loss, hessian="exact")
    best = float(objective.initial(labels))
    domain = loss.domains[0]
    at = [s for s in (best, best - 1e-3, best + 1e-3) if s in domain]
    values = [objective.loss(np.full(N, s), labels) for s in at]
    assert math.isfinite(best) and values[0] <= min(values) + 1e-12


@pytest.mark.parametrize("name", [n for n in LOSSES if is_plain(fl.LOSSES[n])])
def test_the_best_constant_of_large_labels_is_no_worse_than_their_mean_or_median(name: str) -> None:
    """Most of these lie where a loss is straight, and its second derivative is 1e-70 or 0."""
    loss, rng = fl.LOSSES[name], np.random.default_rng(3)
    labels, weight = 1e4 * rng.lognormal(2.0, 1.0, 101), rng.integers(0, 3, 101).astype(float)
    objective = Objective(loss, hessian="exact")
    middles = np.average(labels, weights=weight), np.median(labels[weight > 0.0])
    at = [float(objective.initial(labels, weight)), *middles]
    values = [objective.loss(np.full(101, s), labels, weight) for s in at]
    assert values[0] <= min(values) * (1.0 + 1e-12)


def test_the_best_rows() -> None:
    labels, weight = np.array([0, 1, 1, 2]), np.array([1.0, 2.0, 1.0, 4.0])
    np.testing.assert_allclose(initial(fl.cross_entropy, labels, weight), np.log([0.125, 0.375, 0.5]), rtol=1e-12)
    focal = initial(fl.multiclass_focal, labels, weight)
    values = [Objective(fl.multiclass_focal).loss(np.tile(focal + d, (4, 1)), labels, weight)
              for d in (0.0, [1e-2, 0, 0], [-1e-2, 0, 0], [0, 1e-2, 0], [0, -1e-2, 0])]  # fmt: skip
    assert values[0] < min(values[1:])
    mean, log_scale = initial(fl.gaussian_nll_log_scale, 100.0 * Y, W)
    assert mean == pytest.approx(100.0 * MEAN, rel=1e-6)
    assert math.exp(2.0 * log_scale) == pytest.approx(1e4 * float((W * (Y - MEAN) ** 2).sum() / W.sum()), rel=1e-6)
    assert np.all(np.isfinite(initial(fl.cross_entropy, labels, outputs=5)))


def test_the_best_of_nothing() -> None:
    assert float(initial(fl.huber, [])) == float(initial(fl.huber, [1.0], [0.0])) == 0.0
    assert float(initial(fl.huber, [1.0, math.nan, 3.0], [1.0, 0.0, 1.0])) == 2.0
    assert initial(fl.cross_entropy, [], outputs=3).tolist() == [0.0, 0.0, 0.0]
    missing = initial(fl.cross_entropy, [0.0, 0.0, math.nan, 1.0], [1.0, 1.0, 0.0, 2.0])
    np.testing.assert_allclose(missing, np.log([0.5, 0.5]), rtol=1e-12)
    assert initial(fl.cross_entropy, [0, 1], [0.0, 0.0], outputs=3).tolist() == [0.0, 0.0, 0.0]


def test_where_a_loss_falls_for_ever() -> None:
    score = float(initial(fl.logistic, np.ones(4)))
    assert 30.0 < score < 800.0


# -- Links -------------------------------------------------------------------------------------------------------------

LINKED: dict[str, Any] = {
    "logistic": lambda z: 1.0 / (1.0 + np.exp(-z)),
    "exponential": lambda z: 1.0 / (1.0 + np.exp(-2.0 * z)),
    "binary_sparsemax": lambda z: np.clip(0.5 + 0.5 * z, 0.0, 1.0),
    "poisson": np.exp,
    "huber": lambda z: z,
    "cross_entropy": lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True),
}


@pytest.mark.parametrize("name", LINKED)
def test_means(name: str) -> None:
    scores = np.array([[-3.0, 0.5], [1.0, 0.0]])
    np.testing.assert_allclose(fl.LOSSES[name].mean(scores), LINKED[name](scores), rtol=1e-14)
    assert math.isnan(fl.LOSSES[name].mean(np.array([[math.nan, 0.0]]))[0, 0])


def test_where_the_gradient_is_0_the_mean_is_the_target() -> None:
    """What a link is for: a loss with one is least where the mean of the score is the target."""
    for name in ("logistic", "binary_cross_entropy_with_logits", "exponential", "poisson", "gamma", "tweedie"):
        loss = fl.LOSSES[name]
        labels = loss.domains[1].high if loss.domains[1].high < math.inf else 2.0
        low = loss.domains[1].low if loss.domains[1].high < math.inf else 2.0
        best = initial(loss, [labels, labels, labels, low])
        expected = 0.75 if loss.domains[1].high < math.inf else 2.0
        assert float(loss.mean(best)) == pytest.approx(expected, rel=1e-12)


def test_links_of_ones_own() -> None:
    @fl.pointwise(link="exp")
    def own(pred: float, target: float) -> tuple[float, float, float]:
        """Squared error of exp(pred)."""
        r = math.exp(pred) - target
        return r * r, 2.0 * r * math.exp(pred), 2.0 * math.exp(pred) * (r + math.exp(pred))

    derived = fl.derive(lambda pred, target: (pred - target) ** 2, name="plain", link="sigmoid")
    assert own.link == own.bind().link == (2.0 * own).link == "exp"
    assert derived.link == "sigmoid" and (own + derived).link == "identity"
    assert float(own.mean(0.0)) == 1.0
    with pytest.raises(ValueError, match="own: link is 'expo', expected .*did you mean 'exp'"):
        fl.pointwise(link="expo")(own.__wrapped__)


def test_a_softcap_is_part_of_the_link() -> None:
    z = np.array([[100.0, 0.0, 0.0]])
    capped = 2.0 * np.tanh(z / 2.0)
    np.testing.assert_allclose(
        fl.cross_entropy.bind(softcap=2.0).mean(z), np.exp(capped) / np.exp(capped).sum(), rtol=1e-12
    )


# -- What is refused ---------------------------------------------------------------------------------------------------

Z = np.zeros(3)
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (fl.poisson, {"labels": [1.0, -1.0, 2.0]}, r"poisson: target\[1\] is -1.0, expected a number of at least 0"),
    (fl.logistic, {"labels": [1.0, -1.0, 0.0]}, r"logistic: target\[2\] is 0.0, expected -1 or 1"),
    (fl.huber, {"labels": [1.0, math.nan, 0.0]}, r"huber: target\[1\] is nan, expected a label"),
    (fl.huber, {"labels": [1.0, 2.0, 0.0], "weight": [1.0, 1.0]}, r"huber: weight has shape \(2,\), expected \(3,\)"),
    (fl.huber, {"labels": Z, "weight": [1.0, -1.0, 1.0]}, r"huber: weight\[1\] is -1.0, expected a finite number"),
    (fl.cross_entropy, {"labels": [0, 1, 3]}, r"cross_entropy: target\[2\] is 3, expected a class, .* below 3"),
    (fl.cross_entropy, {"labels": [0, 1, 0.5]}, r"cross_entropy: target\[2\] is 0.5, expected a class"),
    (fl.cross_entropy, {"labels": Z, "scores": Z}, "cross_entropy takes a score for each class, and .* 1 output"),
    (
        fl.quantile.bind(q=[0.1, 0.9]),
        {"labels": Z, "scores": Z},
        "quantile: q has 2 values, and the model has 1 output",
    ),
    (fl.gaussian_nll_log_scale, {"labels": Z, "scores": Z}, "takes two scores for each row, pred and log_scale, and"),
    (fl.distillation, {"labels": Z}, "distillation takes 2 arrays of labels, teacher, target, got 1"),
]


@pytest.mark.parametrize(("loss", "given", "text"), REFUSED, ids=lambda x: getattr(x, "name", None) or str(x)[:30])
def test_labels_and_weights_that_do_not_fit(loss: Any, given: dict[str, Any], text: str) -> None:
    """The same words when asked before training, and in the first call of it."""
    several = is_rows(loss) and "scores" not in given
    scores = np.asarray(given.get("scores", np.zeros((3, 3)) if several else Z))
    objective = Objective(loss)
    outputs = scores.shape[1] if scores.ndim > 1 else 1
    with pytest.raises((TypeError, ValueError), match=text):
        objective.check(given["labels"], given.get("weight"), outputs)
    with pytest.raises((TypeError, ValueError), match=text):
        objective.grad_and_hess(scores, given["labels"], given.get("weight"))


def test_what_is_absent_may_be_anything() -> None:
    grad, hess = Objective(fl.poisson).grad_and_hess(Z, [1.0, -1.0, math.nan], [1.0, 0.0, 0.0])
    assert grad.tolist() == [0.0, 0.0, 0.0] and hess.tolist() == [1.0, 0.0, 0.0]
    y, weight = np.array([1.0, 3.0, math.nan]), [1.0, 1.0, 0.0]
    for loss in (fl.huber, fl.quantile, fl.lp, fl.huber + fl.absolute_error):
        pair = Objective(loss).grad_and_hess(Z, y, weight)
        alone = Objective(loss).grad_and_hess(Z[:2], y[:2])
        for x, other in zip(pair, alone, strict=True):
            np.testing.assert_array_equal(x, [*other, 0.0])
    np.testing.assert_array_equal(
        initial(fl.gaussian_nll_log_scale, y, weight), initial(fl.gaussian_nll_log_scale, y[:2])
    )
    shares = np.array([[0.5, 0.5], [0.2, 0.8], [math.nan, 0.0]])
    np.testing.assert_array_equal(initial(fl.cross_entropy, shares, weight), initial(fl.cross_entropy, shares[:2]))


def test_labels_of_a_table() -> None:
    """A column is an array; pandas' own indexing is no concern of anybody's."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"y": [0, 1, 1], "w": [1.0, 2.0, 3.0]}, index=[5, 7, 9])
    given = table["y"].to_numpy(), table["w"].to_numpy()
    objective, scores = Objective(fl.quantile, {"q": [0.1, 0.9]}), np.zeros((3, 2))
    for mine, other in zip(objective.grad_and_hess(scores, table["y"], table["w"]),
                           objective.grad_and_hess(scores, *given), strict=True):  # fmt: skip
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(
        initial(fl.cross_entropy, table[["y"]], table["w"]), initial(fl.cross_entropy, *given)
    )


def test_labels_of_another_kind_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"logistic: target\[0\] is 0, expected -1 or 1; zero_one=True takes labels of 0"
    ):
        Objective(fl.logistic).check([0, 1])
    with pytest.raises(ValueError, match=r"expected a number in \[0, 1\]; labels of -1 and 1 are taken by logistic"):
        Objective(fl.binary_cross_entropy).check([1, -1])


def test_scores_that_have_diverged() -> None:
    text = "huber: the score of row 1 is nan: training has diverged"
    with pytest.raises(FloatingPointError, match=text):
        Objective(fl.huber).grad_and_hess(np.array([0.0, math.nan, 1.0]), Z)
    with pytest.raises(FloatingPointError, match="poisson: the derivative of row 2 is inf at a score of 1000.0"):
        Objective(fl.poisson).grad_and_hess(np.array([0.0, 1.0, 1000.0]), Z)
    with pytest.raises(FloatingPointError, match="lp: the second derivative of row 0 is inf at a score of 0.0"):
        Objective(fl.lp, {"p": 1.5}, hessian="positive").grad_and_hess(Z, [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"huber: the scores have shape \(\), expected \(rows,\) or \(rows, outputs\)"):
        Objective(fl.huber).grad_and_hess(np.zeros(()), np.zeros(()))


def test_large_derivatives_are_finite() -> None:
    """Their squares, by which few are looked at, are not: NumPy says nothing of that."""
    grad, hess = Objective(fl.poisson, hessian="fisher").grad_and_hess(np.full(3, 80.0, "f4"), Z)
    np.testing.assert_allclose([grad, hess], np.full((2, 3), math.exp(80.0)), rtol=1e-5)


def test_arguments_of_an_objective() -> None:
    with pytest.raises(ValueError, match="huber: hessian is 'fischer', expected .*did you mean 'fisher'"):
        Objective(fl.huber, hessian="fischer")
    with pytest.raises(
        TypeError, match="geman_mcclure: hessian is 'xgboost', which is known of fastloss's squared_error"
    ):
        Objective(fl.geman_mcclure, hessian="xgboost")
    with pytest.raises(TypeError, match="lp: hessian is 'majorizer', which is known for p of at most 2"):
        Objective(fl.lp, {"p": 3.0}, hessian="majorizer")
    with pytest.raises(ValueError, match="huber: min_hessian is -1, expected a number of at least 0"):
        Objective(fl.huber, min_hessian=-1)
    with pytest.raises(
        TypeError,
        match="an objective is made of a loss, such as fl.huber, got 'huber'; pass the loss itself, as fl.huber",
    ):
        Objective("huber")
    with pytest.raises(
        TypeError,
        match="an objective is made of a loss, such as fl.huber, got 'huber'; pass the loss itself, as fl.huber",
    ):
        initial("huber", [1.0])
    with pytest.raises(TypeError, match="cross_entropy: target has dtype <U1, expected real numbers"):
        initial(fl.cross_entropy, ["a", "b"])
    with pytest.raises(ValueError, match=r"huber: target has shape \(2, 2\), expected \(2,\)"):
        Objective(fl.huber).grad_and_hess(np.zeros(2), np.zeros((2, 2)))
    assert Objective(fl.huber, min_hessian=np.float32(0.5)).curvature.least == 0.5
    with pytest.raises(TypeError, match="huber: 'detla' is no parameter, expected delta; did you mean delta"):
        Objective(fl.huber, {"detla": 1.0})
    with pytest.raises(TypeError, match="lambdarank: 'truncatoin' is no parameter, expected sigma, truncation, gain, "):
        Objective(fl.lambdarank, {"truncatoin": 3})
    for strange, what in {"target": "an input", "weight": "a keyword"}.items():
        with pytest.raises(
            TypeError, match=f"lambdarank: '{strange}' is {what} of the verbs, expected a parameter: si"
        ):
            Objective(fl.lambdarank, {strange: 1.0})
    assert "truncation=3" in repr(Objective(fl.lambdarank, {"truncation": 3}))
    assert {*TABLES} < {*HESSIANS}


@pytest.mark.parametrize("name", ["huber", "poisson", "logistic"])
@pytest.mark.parametrize("hessian", ["auto", "exact", "positive", "constant"])
def test_the_commonest_call_is_like_any_other(name: str, hessian: str, rng: np.random.Generator) -> None:
    """Arrays of one axis are not looked at in detail; lists and `out` are. Results and errors are the same."""
    loss = fl.LOSSES[name]
    scores, labels = drawn(loss)
    objective = Objective(loss, hessian=hessian)
    for weight in (None, rng.uniform(0.5, 2.0, N), np.r_[0.0, rng.uniform(0.5, 2.0, N - 1)]):
        plain = objective.grad_and_hess(scores, labels, weight)
        # A chord's slope, huber's majorizer, is weighed after its division in one step, and before it otherwise.
        rounding = 2.0**-52 if hessian == "auto" else 0.0
        for other in others(objective, scores, labels, weight):
            np.testing.assert_allclose(other, plain, rtol=rounding)
    broken = np.where(np.arange(N) == 4, np.nan, scores)
    for x, y in ((broken, labels), (scores, np.where(np.arange(N) == 2, np.nan, labels))):
        with pytest.raises((ValueError, FloatingPointError)) as one:
            objective.grad_and_hess(x, y)
        with pytest.raises(type(one.value)) as two:
            objective.grad_and_hess(x, list(y))
        assert str(one.value) == str(two.value)


def others(objective: Objective, scores: Any, labels: Any, weight: Any) -> list[Any]:
    """What calls find that are not of the commonest kind."""
    listed = objective.grad_and_hess(scores, list(labels), None if weight is None else list(weight))
    return [listed, objective.grad_and_hess(scores, labels, weight, out=(np.empty(N), np.empty(N)))]


PLAIN = [n for n in LOSSES if not is_rows(fl.LOSSES[n]) and Objective(fl.LOSSES[n], hessian="constant").plain]


@pytest.mark.parametrize("name", [*PLAIN, *OWN])
def test_one_step_is_what_several_are(name: str, rng: np.random.Generator) -> None:
    """Whatever stands for the second derivative, whatever the least, where it is 0 in all rows or the first, of no rows."""
    loss = OWN.get(name) or fl.LOSSES[name]
    scores, labels = drawn(loss)
    absent = np.where(np.arange(N) == 1, np.nan, labels), np.where(np.arange(N) == 1, 0.0, rng.uniform(0.5, 2.0, N))
    at_once, direct = set(), {n for n in HESSIANS if known(loss, n) and Objective(loss, hessian=n).direct}
    for hessian in [n for n in HESSIANS if known(loss, n)]:
        for least in (None, 0.0, 0.25, 3.0):
            objective = Objective(loss, hessian=hessian, min_hessian=least)
            for x in (scores, np.full(N, labels), np.r_[labels[0], scores[1:]], np.r_[scores[0], labels[1:]]):
                for y, weight in ((labels, None), absent):
                    both = np.empty((2, N))
                    if objective.written(x, y, weight, -1.0, *both):
                        at_once.add(hessian)
                        # Of products of a weight, a factor and a level in another order, some subnormal.
                        for other in others(objective, x, y, weight):
                            np.testing.assert_allclose(both, -np.array(other), rtol=1e-14, atol=1e-300)
            for w in (None, absent[1][:0]):  # kernels are known by now
                assert np.shape(objective.grad_and_hess(scores[:0], labels[:0], w)) == (2, 0)
    assert at_once == direct >= {"constant", *(["exact", "positive"] if loss.order > 1 else [])}
    assert name not in ("quantile", "huber") or "majorizer" in direct


def known(loss: Any, hessian: str) -> bool:
    try:
        return bool(Objective(loss, hessian=hessian))
    except TypeError:
        return False


def test_what_is_not_finite_takes_more_than_one_step() -> None:
    """Products with weights, too, and what a least Hessian is."""
    objective = Objective(fl.squared_error, min_hessian=1e300)
    for x, weight in ((np.inf, 1.0), (np.nan, 1.0), (1e300, 1e20)):
        assert not objective.written(np.array([x]), np.zeros(1), np.array([weight]), 1.0, *np.empty((2, 1)))
        with pytest.raises(FloatingPointError, match="of row 0 is"):
            objective.grad_and_hess(np.array([x]), np.zeros(1), np.array([weight]))
    assert not objective.written(np.zeros(1), np.zeros(1), np.full(1, 1e20), 1.0, *np.empty((2, 1)))
    assert not objective.written(np.zeros(1), np.zeros(1), -np.ones(1), 1.0, *np.empty((2, 1)))
    assert not objective.written(np.zeros((1, 1)), np.zeros(1), None, 1.0, *np.empty((2, 1)))
    assert not objective.written(np.zeros(2)[::2], np.zeros(1, ">f8"), None, 1.0, *np.empty((2, 1)))


def test_derivatives_may_go_where_the_scores_are() -> None:
    scores, other = np.array([1.0, 2.0, 4.0]), np.empty(3)
    Objective(fl.half_squared_error).grad_and_hess(scores, np.ones(3), out=(scores, other))
    assert scores.tolist() == [0.0, 1.0, 3.0] and other.tolist() == [1.0, 1.0, 1.0]
