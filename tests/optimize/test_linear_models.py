"""The objective of a linear model against its formula, and scikit-learn's optimum; what X may be; errors."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

# What is tested calls kernels, and does not see whether they are compiled: those of the page's code are.
pytestmark = pytest.mark.usefixtures("uncompiled")

ROWS, FEATURES = 23, 3
BCE = fl.binary_cross_entropy_with_logits


@pytest.fixture
def x(rng: np.random.Generator) -> Any:
    return np.round(rng.normal(size=(ROWS, FEATURES)) * (rng.random((ROWS, FEATURES)) < 0.7), 2).astype(np.float32)


@pytest.fixture
def y(rng: np.random.Generator) -> Any:
    return (rng.random(ROWS) < 0.4).astype(np.float64)


@pytest.fixture
def weight(rng: np.random.Generator) -> Any:
    return rng.integers(0, 4, ROWS)


def logistic(x: Any, y: Any, weight: Any, w: Any, strength: float) -> tuple[float, Any, Any]:
    """Value, gradient and Hessian of a logistic regression whose last coefficient is the intercept."""
    wide = np.column_stack([x.astype(np.float64), np.ones(len(x))])
    p = 1.0 / (1.0 + np.exp(-(wide @ w)))
    total, ridge = weight.sum(), strength * np.append(np.ones(len(w) - 1), 0.0)
    value = -(weight * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum() / total + 0.5 * (ridge * w * w).sum()
    hess = (wide.T * (weight * p * (1 - p))) @ wide / total + np.diag(ridge)
    return value, wide.T @ (weight * (p - y)) / total + ridge * w, hess


def mapped(x: Any, folder: Path) -> Any:
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


def sparse(kind: str) -> Callable[[Any, Path], Any]:
    return lambda x, _: getattr(pytest.importorskip("scipy.sparse"), kind)(x)


MATRICES: dict[str, Callable[[Any, Path], Any]] = {
    "C": lambda x, _: x.astype(np.float64),
    "F": lambda x, _: np.asfortranarray(x, np.float64),
    "float32": lambda x, _: x,
    "float32 F": lambda x, _: np.asfortranarray(x),
    "columns apart": lambda x, _: np.repeat(x.astype(np.float64), 2, axis=1)[:, ::2],
    "backwards": lambda x, _: x[::-1].astype(np.float64)[::-1],
    "lists": lambda x, _: x.tolist(),
    "mapped": mapped,
    "mapped float64": lambda x, folder: mapped(x.astype(np.float64), folder),
    "csr_matrix": sparse("csr_matrix"),
    "csr_array": sparse("csr_array"),
    "csc_matrix": sparse("csc_matrix"),
    "csc_array": sparse("csc_array"),
}


@pytest.mark.parametrize("kind", MATRICES)
def test_every_matrix_gives_the_formula(kind: str, x: Any, y: Any, weight: Any, tmp_path: Path) -> None:
    given = MATRICES[kind](x, tmp_path)
    fun = fl.optimize.linear(BCE, given, y, weight, penalty=fl.penalties.l2(0.3), chunk=5)
    w, v = np.array([0.5, -1.0, 2.0, 0.25]), np.array([1.0, 0.0, -2.0, 3.0])
    value, grad, hess = logistic(x, y, weight, w, 0.3)
    mine, slope = fun(w)
    assert_allclose(mine, value, rtol=1e-14)
    assert_allclose(slope, grad, rtol=1e-13, atol=1e-16)
    assert (fun.value(w), fun.value(w + 0.0 * v)) == (mine, mine)
    assert_array_equal(fun.grad(w), slope)
    assert_allclose(fun.hessp(w, v), hess @ v, rtol=1e-13)
    assert_allclose(fun.hess(w), hess, rtol=1e-13, atol=1e-16)
    assert_allclose(fun.scores(w), x @ w[:-1] + w[-1], rtol=1e-14, atol=1e-15)
    assert_allclose(
        fl.optimize.linear(BCE, given, y, weight, chunk=5).value(w), logistic(x, y, weight, w, 0.0)[0], rtol=1e-14
    )


def test_without_intercept(x: Any, y: Any) -> None:
    fun = fl.optimize.linear(fl.half_squared_error, x, y, intercept=False)
    w = np.array([0.5, -1.0, 2.0])
    wide = x.astype(np.float64)
    assert (fun.shape, fun.size) == ((3,), 3)
    assert_allclose(fun(w)[1], wide.T @ (wide @ w - y) / ROWS, rtol=1e-13)
    assert_allclose(fun.hess(w), wide.T @ wide / ROWS, rtol=1e-13)
    assert_allclose(fun.hessp(w, w), wide.T @ wide @ w / ROWS, rtol=1e-13)


def test_hessp_follows_w(x: Any, y: Any) -> None:
    fun = fl.optimize.linear(BCE, x, y)
    for w in (np.zeros(4), np.ones(4), np.zeros(4)):
        for v in np.eye(4):
            assert_allclose(fun.hessp(w, v), logistic(x, y, np.ones(ROWS), w, 0.0)[2] @ v, rtol=1e-13)


def softmax(x: Any, labels: Any, weight: Any, of_class: Any, smoothing: float, w: Any) -> tuple[float, Any]:
    """Value and gradient of a softmax regression of three classes, the intercepts in the last row."""
    wide = np.column_stack([x.astype(np.float64), np.ones(len(x))])
    p = np.exp(wide @ w)
    p /= p.sum(axis=1, keepdims=True)
    masses = ((1 - smoothing) * np.eye(3)[labels] + smoothing / 3) * of_class
    total = (weight * of_class[labels]).sum() if not smoothing else (weight * masses.sum(axis=1)).sum()
    value = -(weight[:, None] * masses * np.log(p)).sum() / total
    return value, wide.T @ (weight[:, None] * (masses.sum(axis=1, keepdims=True) * p - masses)) / total


@pytest.mark.parametrize("dense", [False, True])
def test_softmax_regression(dense: bool, x: Any, weight: Any, rng: np.random.Generator) -> None:
    labels, w = rng.permutation(np.arange(ROWS) % 3), rng.normal(size=(FEATURES + 1, 3))
    of_class = np.array([1.0, 2.0, 0.5])
    y = np.eye(3)[labels] if dense else labels
    fun = fl.optimize.linear(fl.cross_entropy, x, y, weight, class_weight=of_class, chunk=6)
    value, grad = softmax(x, labels, weight, of_class, 0.0, w)
    assert (fun.shape, fun.size) == ((4, 3), 12)
    assert_allclose(fun(w)[0], value, rtol=1e-14)
    assert_allclose(fun(w)[1], grad, rtol=1e-12, atol=1e-16)
    flat = fun(w.ravel())[1]
    assert flat.shape == (12,)
    assert_array_equal(flat.reshape(4, 3), fun(w)[1])
    assert fun.scores(w).shape == (ROWS, 3)
    smooth = fl.optimize.linear(fl.cross_entropy, x, y, weight, label_smoothing=0.3)
    value, grad = softmax(x, labels, weight, np.ones(3), 0.3, w)
    assert_allclose(smooth(w)[0], value, rtol=1e-14)
    assert_allclose(smooth(w)[1], grad, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("kind", ["u1", "u2", "i1", "u8"])
def test_labels_of_any_integers(kind: str, x: Any) -> None:
    labels = np.arange(ROWS) % 3
    fun = fl.optimize.linear(fl.cross_entropy, x, labels.astype(kind), weight=np.ones(ROWS))
    assert fun.shape == (FEATURES + 1, 3)
    start = np.zeros(fun.size)
    assert fun.value(start) == fl.optimize.linear(fl.cross_entropy, x, labels).value(start)


def test_classes_and_rows_to_ignore(x: Any, rng: np.random.Generator) -> None:
    labels = rng.integers(0, 3, ROWS)
    labels[::4] = -100
    fun = fl.optimize.linear(fl.cross_entropy, x, labels, ignore_index=-100, classes=5)
    assert fun.shape == (4, 5)
    keep = labels != -100
    other = fl.optimize.linear(fl.cross_entropy, x[keep], labels[keep], classes=5)
    w = rng.normal(size=(4, 5))
    assert_allclose(fun(w)[1], other(w)[1], rtol=1e-12, atol=1e-16)
    binary = np.where(keep, labels > 1, -1)
    fun = fl.optimize.linear(BCE, x, binary, ignore_index=-1)
    other = fl.optimize.linear(BCE, x[keep], binary[keep])
    assert_allclose(fun(w[:, 0])[1], other(w[:, 0])[1], rtol=1e-12, atol=1e-16)


def test_a_model_for_each_quantile(x: Any, y: Any, weight: Any, rng: np.random.Generator) -> None:
    q = [0.1, 0.5, 0.9]
    fun = fl.optimize.linear(fl.quantile, x, y, weight, q=q, penalty=fl.penalties.l2(0.2), chunk=5)
    w = rng.normal(size=(4, 3))
    value, grad = fun(w)
    each = [
        fl.optimize.linear(fl.quantile, x, y, weight, q=p, penalty=fl.penalties.l2(0.6))(np.ascontiguousarray(column))
        for p, column in zip(q, w.T, strict=True)
    ]
    assert_allclose(value, np.mean([v for v, _ in each]), rtol=1e-14)
    assert_allclose(grad, np.column_stack([g for _, g in each]) / 3, rtol=1e-12, atol=1e-16)
    assert fl.optimize.linear(fl.quantile, x[:1], y[:1], q=q).scores(w).shape == (1, 3)
    squares = fl.optimize.linear(fl.half_squared_error, x, np.column_stack([y, 2 * y]), weight)
    wide = np.column_stack([x.astype(np.float64), np.ones(ROWS)])
    one = wide.T @ (weight[:, None] * wide) / (2 * weight.sum())
    assert_allclose(squares.hess(np.ones(8)), np.kron(one, np.eye(2)), rtol=1e-12, atol=1e-16)
    assert_allclose(squares.hessp(np.ones(8), np.arange(8.0)), np.kron(one, np.eye(2)) @ np.arange(8.0), rtol=1e-12)


def test_parameters_and_targets_of_each_row(x: Any, y: Any, rng: np.random.Generator) -> None:
    delta, w = rng.uniform(0.1, 1.0, ROWS), rng.normal(size=4)
    fun = fl.optimize.linear(fl.huber, x, y, delta=delta, chunk=5)
    scores = x.astype(np.float64) @ w[:-1] + w[-1]
    slope = np.clip(scores - y, -delta, delta)
    assert_allclose(fun(w)[1], np.append(slope @ x.astype(np.float64), slope.sum()) / ROWS, rtol=1e-12)
    aft, lower, upper = fl.accelerated_failure_time_logistic, np.full(ROWS, 1.0), np.full(ROWS, np.inf)
    fun = fl.optimize.linear(aft, x, (lower, upper), chunk=5)
    assert_allclose(fun.value(w), aft(scores, lower, upper), rtol=1e-13)


@pytest.mark.parametrize("kind", ["C", "F", "float32", "csr_array", "csc_array"])
def test_what_is_absent_does_not_matter(kind: str, x: Any, y: Any, tmp_path: Path) -> None:
    weight = np.ones(ROWS)
    weight[[3, 11, 12]] = 0.0
    keep = weight != 0
    x[~keep, 1], y[11] = [np.nan, np.inf, -np.inf], np.nan
    fun = fl.optimize.linear(BCE, MATRICES[kind](x, tmp_path), y, weight, chunk=5)
    other = fl.optimize.linear(BCE, x[keep], y[keep])
    w = np.array([0.5, -1.0, 2.0, 0.25])
    assert_allclose(fun(w)[0], other(w)[0], rtol=1e-14)
    assert_allclose(fun(w)[1], other(w)[1], rtol=1e-12, atol=1e-16)
    assert_allclose(fun.hess(w), other.hess(w), rtol=1e-12, atol=1e-16)
    assert_allclose(fun.hessp(w, w), other.hessp(w, w), rtol=1e-12, atol=1e-16)


def test_the_intercept_is_not_penalised_and_nothing_is_kept_or_overwritten(x: Any, y: Any) -> None:
    fun = fl.optimize.linear(BCE, x, y, penalty=fl.penalties.elastic_net(2.0, l1_ratio=0.25))
    bare = fl.optimize.linear(BCE, x, y)
    w, far = np.array([0.5, -1.0, 0.0, 100.0]), np.array([0.0, 0.0, 0.0, 1e6])
    assert_array_equal(fun(far)[1], bare(far)[1])
    assert_allclose(fun(w)[1] - bare(w)[1], [0.5 + 0.75, -0.5 - 1.5, 0.0, 0.0], rtol=1e-12)
    assert_allclose(fun.hessp(w, [1.0, 1.0, 1.0, 1.0]) - bare.hessp(w, [1.0, 1.0, 1.0, 1.0]), [1.5, 1.5, 1.5, 0.0])
    value, grad = fun(w)
    grad[:] = 7.0
    assert_array_equal(w, [0.5, -1.0, 0.0, 100.0])
    assert fun(w)[1][0] != 7.0 and fun.grad(w)[3] != 7.0
    again = pickle.loads(pickle.dumps(fun))
    assert again(w)[0] == value
    assert_array_equal(again.hessp(w, w), fun.hessp(w, w))
    assert np.isnan(fun([np.nan, 0.0, 0.0, 0.0])[0]) and np.isnan(fun([np.nan, 0.0, 0.0, 0.0])[1]).all()


def test_losses_of_every_kind(x: Any, y: Any) -> None:
    @fl.pointwise(scale=fl.POSITIVE)
    def own(pred: float, target: float, scale: float = 1.0) -> tuple[float, float]:
        return scale * (pred - target) * (pred - target), 2.0 * scale * (pred - target)

    derived = fl.derive(lambda pred, target: (pred - target) ** 2, name="derived")
    w = np.array([0.5, -1.0, 2.0, 0.25])
    expected = fl.optimize.linear(fl.squared_error, x, y)(w)
    for loss, factor in ((own.bind(scale=3.0), 3.0), (derived, 1.0), (0.5 * fl.squared_error + derived, 1.5)):
        value, grad = fl.optimize.linear(loss, x, y)(w)
        assert_allclose(value, factor * expected[0], rtol=1e-14)
        assert_allclose(grad, factor * expected[1], rtol=1e-12)
    with pytest.raises(NotImplementedError, match="own has no second derivative"):
        fl.optimize.linear(own, x, y).hessp(w, w)


@pytest.mark.parametrize("kind", ["C", "float32", "F", "csr_array"])
def test_nothing_of_the_size_of_x_is_allocated(kind: str, rng: np.random.Generator, tmp_path: Path) -> None:
    x = rng.normal(size=(6_000, 100)).astype(np.float32)
    y, given = x[:, 0], MATRICES[kind](x, tmp_path)
    w = np.zeros(101)

    def used(x: Any, y: Any) -> None:
        fun = fl.optimize.linear(fl.half_squared_error, x, y, chunk=50)
        fun(w)
        fun.hessp(w, w)
        fun.hess(w)

    used(given[:60], y[:60])  # compiles, which takes a megabyte
    tracemalloc.start()
    used(given, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.25 * (given.nbytes if isinstance(given, np.ndarray) else given.data.nbytes + given.indices.nbytes)


# -- What is wrong is said before anything is evaluated ----------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "label": (lambda x, y: fl.optimize.linear(BCE, x, np.where(y > 5, y, 2.0)), r"target\[0\] is 2.0, expected a number in"),
    "domain": (lambda x, y: fl.optimize.linear(fl.poisson, x, -y), r"poisson: target\[3\] is -1.0, expected"),
    "NaN in X": (lambda x, y: fl.optimize.linear(BCE, _with(x, (17, 2), np.nan), y, chunk=5), r"X\[17, 2\] is nan"),
    "inf in X": (lambda x, y: fl.optimize.linear(BCE, _with(x, (17, 2), -np.inf), y), r"X\[17, 2\] is -inf"),
    "NaN in y": (lambda x, y: fl.optimize.linear(BCE, x, _with(y, 9, np.nan)), r"target\[9\] is nan, expected a number"),
    "rows": (lambda x, y: fl.optimize.linear(BCE, x, y[:-1]), r"target has shape \(22,\), expected \(23,\), as X has rows"),
    "axes of X": (lambda x, y: fl.optimize.linear(BCE, x[:, 0], y), r"X has shape \(23,\), expected \(rows, features\)"),
    "weights": (lambda x, y: fl.optimize.linear(BCE, x, y, y[:5]), r"weight has shape \(5,\), expected \(23,\)"),
    "negative": (lambda x, y: fl.optimize.linear(BCE, x, y, _with(y, 4, -1.0)), r"weight\[4\] is -1.0"),
    "no weight": (lambda x, y: fl.optimize.linear(BCE, x, y, 0 * y), "weights of all rows sum to 0"),
    "parameter": (lambda x, y: fl.optimize.linear(fl.huber, x, y, detla=1.0), "'detla' is no parameter.*did you mean delta"),
    "array": (lambda x, y: fl.optimize.linear(fl.huber, x, y, delta=_with(y + 1, 2, -1.0)), r"huber: delta\[2\] is -1.0"),
    "reduction": (lambda x, y: fl.optimize.linear(fl.huber, x, y, reduction="sum"), "'reduction' is no argument; the value is"),
    "probabilities": (lambda x, y: fl.optimize.linear(fl.binary_cross_entropy, x, y), "takes logits"),
    "root": (lambda x, y: fl.optimize.linear(fl.root_mean_squared_error, x, y), "is the root of a mean"),
    "two derivatives": (lambda x, y: fl.optimize.linear(fl.gaussian_nll, x, (y, y + 1)), "differentiated by pred and var"),
    "no tuple": (lambda x, y: fl.optimize.linear(fl.accelerated_failure_time_normal, x, y), "a tuple of lower and upper"),
    "name": (lambda x, y: fl.optimize.linear("huber", x, y), "pass the loss itself, as fl.huber"),
    "class": (lambda x, y: fl.optimize.linear(fl.cross_entropy, x, y.astype(int) - 1), r"largest of target is 0"),
    "bad label": (lambda x, y: fl.optimize.linear(fl.cross_entropy, x, _with(y.astype(int), 6, -3)), r"target\[6\] is -3"),
    "a column": (lambda x, y: fl.optimize.linear(fl.cross_entropy, x, y[:, None]), r"expected two classes or more, or labels of"),
    "penalty": (lambda x, y: fl.optimize.linear(BCE, x, y, penalty=0.1), r"penalty is 0.1.*pass fl.penalties.l2"),
    "groups": (
        lambda x, y: fl.optimize.linear(BCE, x, y, penalty=fl.penalties.group_lasso(groups=[0, 1])), "groups has shape"
    ),
    "intercept": (lambda x, y: fl.optimize.linear(BCE, x, y, intercept="last"), "intercept is 'last', expected True"),
    "chunk": (lambda x, y: fl.optimize.linear(BCE, x, y, chunk=0), "chunk is 0"),
    "classes": (lambda x, y: fl.optimize.linear(BCE, x, y, classes=2), "classes is 2, expected None"),
    "w": (lambda x, y: fl.optimize.linear(BCE, x, y)(y), r"w has shape \(23,\), expected \(4,\), the intercept last"),
    "rows' Hessian": (
        lambda x, y: fl.optimize.linear(fl.multiclass_hinge, x, y.astype(int)).hess(np.zeros(8)),
        "multiclass_hinge has no product .* depends on which score is the largest; use its gradient alone",
    ),
    "group's Hessian": (
        lambda x, y: fl.optimize.linear(BCE, x, y, penalty=fl.penalties.group_lasso(axis=0)).hess(np.zeros(4)),
        "group_lasso has no second derivative",
    ),
    "format": (
        lambda x, y: fl.optimize.linear(BCE, pytest.importorskip("scipy.sparse").coo_array(x), y), "pass X.tocsr"
    ),
    "sparse NaN": (
        lambda x, y: fl.optimize.linear(BCE, pytest.importorskip("scipy.sparse").csr_array(_with(x, (17, 2), np.nan)), y),
        r"X\[17, 2\] is nan",
    ),
    "columns' NaN": (
        lambda x, y: fl.optimize.linear(BCE, pytest.importorskip("scipy.sparse").csc_array(_with(x, (17, 2), np.nan)), y),
        r"X\[17, 2\] is nan",
    ),
}  # fmt: skip


def _with(x: Any, where: Any, value: float) -> Any:
    x = x.copy()
    x[where] = value
    return x


@pytest.mark.parametrize("what", WRONG)
def test_errors(what: str, x: Any) -> None:
    call, text = WRONG[what]
    y = (np.arange(ROWS) % 4 == 3).astype(np.float64)
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=text):
        call(x, y)


# -- Losses of rows ----------------------------------------------------------------------------------------------------

ROW_CASES: dict[str, Any] = {
    "labels": {},
    "weights": {"weight": np.arange(ROWS) % 3},
    "everything": {"weight": np.arange(ROWS) % 4, "class_weight": [0.5, 2.0, 1.0], "label_smoothing": 0.2},
    "ignored": {"ignore_index": 2, "classes": 3},
    "dense": {"dense": True, "weight": np.arange(ROWS) % 3},
}


def softmax_hessian(x: Any, w: Any, labels: Any, told: dict[str, Any]) -> Any:
    """The Hessian of a softmax regression, a matrix for each row: mass (diag(p) - p p')."""
    wide = np.column_stack([x.astype(np.float64), np.ones(len(x))])
    e = np.exp(wide @ w)
    p, classes = e / e.sum(axis=1, keepdims=True), np.asarray(told.get("class_weight", np.ones(3)))
    smoothing, weight = told.get("label_smoothing", 0.0), np.asarray(told.get("weight", np.ones(len(x))), np.float64)
    masses = labels if labels.ndim == 2 else np.eye(3)[labels]
    masses = ((1.0 - smoothing) * masses + smoothing / 3) * classes
    present = weight * (1.0 if labels.ndim == 2 else labels != told.get("ignore_index"))
    each = np.einsum("i,ij,jk->ijk", present * masses.sum(axis=1), p, np.eye(3))
    each -= np.einsum("i,ij,ik->ijk", present * masses.sum(axis=1), p, p)
    worth = present @ (masses.sum(axis=1) if labels.ndim == 2 else classes[labels])
    return np.einsum("ia,ijk,ib->ajbk", wide, each, wide).reshape(12, 12) / worth


@pytest.mark.parametrize("case", ROW_CASES)
def test_softmax_has_the_whole_matrix_of_each_row(case: str, x: Any, rng: np.random.Generator) -> None:
    told = dict(ROW_CASES[case])
    labels = rng.dirichlet(np.ones(3), ROWS) if told.pop("dense", False) else rng.integers(0, 3, ROWS)
    fun = fl.optimize.linear(fl.cross_entropy, x, labels, penalty=fl.penalties.l2(0.25), chunk=7, **told)
    w = rng.normal(size=(4, 3))
    expected = softmax_hessian(x, w, labels, told) + 0.25 * np.diag(np.repeat([1.0, 1.0, 1.0, 0.0], 3))
    for v in (*rng.normal(size=(2, 12)), np.ones(12)):
        assert_allclose(fun.hessp(w.ravel(), v), expected @ v, rtol=1e-12, atol=1e-15)
    assert_allclose(fun.hess(w), expected, rtol=1e-12, atol=1e-15)


def test_rows_are_differences_of_gradients(x: Any, rng: np.random.Generator) -> None:
    labels, step = rng.integers(0, 3, ROWS), 1e-6
    gamma = rng.uniform(0.5, 3.0, ROWS)
    w, v = rng.normal(size=(2, 12))
    for loss, told in (
        (fl.multiclass_focal, {"gamma": gamma}),
        (fl.multiclass_focal, {"label_smoothing": 0.1}),
        (fl.cross_entropy, {"z_loss": 0.1, "softcap": 3.0}),
        (0.5 * fl.cross_entropy + fl.poly_cross_entropy, {}),
        (fl.sparsemax_loss, {}),
        (2.0 * fl.cross_entropy + 0.25 * fl.sparsemax_loss, {}),
    ):
        fun = fl.optimize.linear(loss, x, labels, **told)
        slope = (fun.grad(w + step * v) - fun.grad(w - step * v)) / (2.0 * step)
        assert_allclose(fun.hessp(w, v), slope, rtol=0, atol=1e-8)


def test_straight_pieces_are_told_of(x: Any, y: Any) -> None:
    for loss in (fl.absolute_error, fl.quantile, fl.hinge):
        fun = fl.optimize.linear(loss, x, 2.0 * y - 1.0, penalty=fl.penalties.l2(0.5))
        with pytest.warns(UserWarning, match=f"the second derivatives of {loss.name} are 0 in all rows here.*L-BFGS-B"):
            assert_array_equal(fun.hessp(np.ones(4), np.ones(4)), [0.5, 0.5, 0.5, 0.0])
        fun.hess(np.ones(4))  # which says it once
    softmax = fl.optimize.linear(fl.cross_entropy, x, y.astype(int))
    softmax.hessp(np.zeros(8), np.ones(8))  # which no softmax sees


# -- With SciPy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["L-BFGS-B", "trust-ncg", "trust-exact", "Newton-CG"])
def test_minimised_by_scipy(method: str, x: Any, y: Any, weight: Any) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    fun = fl.optimize.linear(BCE, x, y, weight, penalty=fl.penalties.l2(0.01))
    second = {"trust-exact": {"hess": fun.hess}, "L-BFGS-B": {}}.get(method, {"hessp": fun.hessp})
    options = {"xtol": 1e-10} if method == "Newton-CG" else {"gtol": 1e-9}
    found = optimize.minimize(fun, np.zeros(fun.size), jac=True, method=method, options=options, **second)
    w = np.zeros(4)
    for _ in range(20):  # Newton's method with the formula
        _, grad, hess = logistic(x, y, weight, w, 0.01)
        w = w - np.linalg.solve(hess, grad)
    # L-BFGS-B stops where the value no longer falls by 2e-9 of it, and the curvature is 0.01 and more.
    assert_allclose(found.x, w, atol=2e-4 if method == "L-BFGS-B" else 1e-7)
    assert_allclose(found.fun, logistic(x, y, weight, w, 0.01)[0], rtol=1e-8)


def test_the_optimum_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    models, optimize = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("scipy.optimize")
    x, weight = rng.normal(size=(40, 3)), rng.uniform(0.5, 2.0, 40)
    y = rng.poisson(np.exp(x[:, 0]))
    tight = {"options": {"gtol": 1e-9, "ftol": 0.0}, "method": "L-BFGS-B", "jac": True}
    cases = [
        (models.PoissonRegressor(alpha=0.1, tol=1e-9, max_iter=1000), fl.poisson, y, 0.1),
        (models.LogisticRegression(C=2.0, tol=1e-9, max_iter=1000), BCE, y > 0, 0.5 / weight.sum()),
        (
            models.LogisticRegression(C=2.0, tol=1e-9, max_iter=1000),
            fl.cross_entropy,
            np.minimum(y, 2),
            0.5 / weight.sum(),
        ),
    ]
    for model, loss, target, strength in cases:
        fun = fl.optimize.linear(loss, x, target, weight, penalty=fl.penalties.l2(strength))
        w = optimize.minimize(fun, np.zeros(fun.size), **tight).x.reshape(fun.shape)
        model.fit(x, target, weight)
        assert_allclose(w[:-1].T.reshape(model.coef_.shape), model.coef_, atol=1e-6)


@pytest.mark.parametrize("method", ["trust-ncg", "trust-krylov", "Newton-CG", "trust-exact"])
def test_newton_fits_a_softmax(method: str, x: Any, rng: np.random.Generator) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    labels = rng.integers(0, 3, ROWS)
    fun = fl.optimize.linear(fl.cross_entropy, x, labels, penalty=fl.penalties.l2(0.05))
    second = {"hess": fun.hess} if method == "trust-exact" else {"hessp": fun.hessp}
    options = {"xtol": 1e-10} if method == "Newton-CG" else {"gtol": 1e-8}
    found = optimize.minimize(fun, np.zeros(fun.size), jac=True, method=method, options=options, **second)
    assert np.abs(fun.grad(found.x)).max() < 1e-7 and found.nit < 12
