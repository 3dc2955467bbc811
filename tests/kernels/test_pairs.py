"""Losses of the pairs of a row's scores: any targets, layouts, sizes and types, against all pairs in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import some
from numpy.testing import assert_array_equal
from ranking import each_pair, logistic
from rowwise import BRAIN, TOLERANCE, close, layouts

import fastloss as fl

SIZES = [(1, 1), (5, 2), (130, 3), (20, 70), (3, 129), (2, 2048 + 70)]
"""The last has more labels than are added up in the compute type, and rows longer than a strip."""


@pytest.fixture
def ranking(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A loss with a slope and a curve everywhere, of targets of any number, and the mean of the pairs."""
    monkeypatch.setattr(fl.decorators, "LOSSES", dict(fl.LOSSES))
    space = {"__module__": __name__, "pair": logistic, "share": each_pair}
    return fl.pairwise(sigma=fl.POSITIVE)(type("ranking", (), space))


def reference(z: Any, t: Any) -> tuple[Any, Any, Any]:
    """`ranking` of each row, and its derivatives, in float64."""
    d = z[:, :, None].astype("f8") - z[:, None, :].astype("f8")
    ahead = t[:, :, None] > t[:, None, :]
    share = 1.0 / np.maximum(ahead.sum(axis=(1, 2)), 1)
    e = 1.0 / (1.0 + np.exp(d))
    slope, curve = np.where(ahead, -e, 0.0), np.where(ahead, e * (1.0 - e), 0.0)
    value = np.where(ahead, np.logaddexp(0.0, -d), 0.0).sum(axis=(1, 2))
    grad, hess = slope.sum(axis=2) - slope.sum(axis=1), curve.sum(axis=2) + curve.sum(axis=1)
    return value * share, grad * share[:, None], hess * share[:, None]


@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f8"]))
@pytest.mark.parametrize(("n", "k"), SIZES)
def test_sizes(n: int, k: int, dtype: str, ranking: Any, rng: np.random.Generator) -> None:
    z, t = rng.normal(0.0, 2.0, (n, k)).astype(dtype), rng.integers(-2, 3, (n, k)).astype(dtype)
    value, slope, curve = reference(z, t)
    each, grad = ranking.value_and_grad(z, t, reduction="none")
    close(each, value, TOLERANCE[dtype])
    close(grad, slope, TOLERANCE[dtype])
    also, hess = ranking.grad_and_hess(z, t)
    close(also * n, slope, TOLERANCE[dtype])
    close(hess * n, curve, TOLERANCE[dtype])
    close(ranking(z, t), value.mean(), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", some(["f2", BRAIN], [BRAIN]), ids=str)
def test_sixteen_bits(dtype: Any, ranking: Any, rng: np.random.Generator) -> None:
    z, t = rng.normal(0.0, 2.0, (9, 21)).astype(dtype), rng.integers(0, 2, (9, 21))
    value, grad = ranking.value_and_grad(z, t.astype(dtype))
    expected, slope = ranking.value_and_grad(z.astype("f4"), t.astype("f4"))
    assert (value.dtype, grad.dtype) == (np.float32, z.dtype)
    close(value, expected, TOLERANCE["f4"])
    close(grad, slope, 2.0**-10 if dtype == "f2" else 2.0**-7)


@pytest.mark.parametrize("stored", ["?", "u1", "i8", "f8"])
@pytest.mark.full
def test_types_of_targets(stored: str, rng: np.random.Generator) -> None:
    z, t = rng.normal(size=(9, 21)).astype("f4"), rng.integers(0, 2, (9, 21))
    expected, slope = fl.multilabel_margin.value_and_grad(z, t.astype("f4"))
    value, grad = fl.multilabel_margin.value_and_grad(z, t.astype(stored))
    assert value == expected
    assert_array_equal(grad, slope)


@pytest.mark.parametrize("kind", layouts(np.zeros((2, 2))))
def test_memory(kind: str, ranking: Any, rng: np.random.Generator) -> None:
    """Scores, targets and gradients in other memory; in place; nothing around is touched."""
    z, t = rng.normal(size=(70, 21)), rng.integers(0, 4, (70, 21)).astype("f8")
    expected, slope = ranking.value_and_grad(z, t)
    x, y, out = layouts(z)[kind], layouts(t)[kind], layouts(np.full_like(z, np.nan))[kind]
    around = None if out.base is None else out.base.copy()
    for given in (None, out, x):
        value, grad = ranking.value_and_grad(x, y, out=given)
        assert given is None or grad is given
        close(value, expected, TOLERANCE["f8"])
        close(grad, slope, TOLERANCE["f8"])
    if around is not None:
        assert_array_equal(out.base[~np.isnan(around)], around[~np.isnan(around)])


@pytest.mark.parametrize("shape", [(7,), (4, 5, 6), (3, 40, 5)], ids=str)
@pytest.mark.full
def test_axes(shape: tuple[int, ...], ranking: Any, rng: np.random.Generator) -> None:
    z, t = rng.normal(size=shape), rng.integers(0, 3, shape)
    for axis in range(-z.ndim, z.ndim):
        rows, targets = np.moveaxis(z, axis, -1), np.moveaxis(t, axis, -1)
        value, slope, curve = reference(rows.reshape(-1, shape[axis]), targets.reshape(-1, shape[axis]))
        each = ranking(z, t, axis=axis, reduction="none")
        grad, hess = ranking.grad_and_hess(z, t, axis=axis, reduction="sum")
        close(each, value.reshape(rows.shape[:-1]), TOLERANCE["f8"])
        close(np.moveaxis(grad, axis, -1), slope.reshape(rows.shape), TOLERANCE["f8"])
        close(np.moveaxis(hess, axis, -1), curve.reshape(rows.shape), TOLERANCE["f8"])


def test_no_rows_and_no_pairs(ranking: Any) -> None:
    nothing = np.empty((0, 3), "f4")
    each, grad = ranking.value_and_grad(nothing, nothing, reduction="none")
    assert (each.shape, grad.shape) == ((0,), (0, 3))
    value, grad = ranking.value_and_grad(np.ones((2, 3)), np.ones((2, 3)))
    assert value == 0.0
    assert_array_equal(grad, 0.0)


def test_a_target_that_is_not_known(ranking: Any) -> None:
    z, t = np.zeros((2, 3)), np.array([[2.0, np.nan, 1.0], [2.0, 0.0, 1.0]])
    each, grad = ranking.value_and_grad(z, t, reduction="none")
    assert_array_equal(np.isnan(each), [True, False])
    assert_array_equal(np.isnan(grad), [[False, True, False], [False] * 3])


@pytest.mark.full
@pytest.mark.parametrize("out", [False, True])
def test_targets_of_other_numbers(out: bool) -> None:
    z, t = np.zeros((70, 3)), np.zeros((70, 3))
    t[69, 1] = 0.5
    grad = np.full_like(z, 7.0)
    with pytest.raises(ValueError, match=r"multilabel_margin: target\[69, 1\] is 0.5, expected 0 or 1"):
        fl.multilabel_margin.value_and_grad(z, t, out=grad if out else None)
    assert (grad == 7.0).all()
    weight = np.ones(70)
    weight[69] = 0.0
    assert fl.multilabel_margin(z, t, weight=weight) == 0.0
    # Unchecked, classes are ordered by whatever their targets are.
    assert fl.multilabel_margin(z, t, check=False, reduction="sum") == pytest.approx(2 / 3)
    assert fl.multilabel_margin([[0.0, 0.0]], [[-1.0, -2.0]], check=False) == 0.5


def slope_only(d: float, sigma: float = 1.0) -> tuple[float, float]:
    return -sigma * d, -sigma


def value_only(d: float, sigma: float = 1.0) -> tuple[float]:
    return (sigma * d,)


def alone(d: float, sigma: float = 1.0) -> float:
    return sigma * d


def several(classes: float, pairs: float, sigma: float) -> tuple[float, float]:
    return pairs, classes


def of_one(classes: float, pairs: float) -> float:
    return classes


def made(**functions: Any) -> Any:
    options = functions.pop("options", {})
    known = {"__module__": __name__, "pair": logistic, "share": each_pair, **functions}
    return fl.pairwise(**options)(type("tried", (), {n: f for n, f in known.items() if f is not None}))


def test_without_a_second_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fl.decorators, "LOSSES", dict(fl.LOSSES))
    loss = made(pair=slope_only)
    value, grad = loss.value_and_grad([[3.0, 1.0, 0.5]], [[2.0, 0.0, 0.0]])
    assert value == pytest.approx(-2.25)
    assert_array_equal(grad, [[-1.0, 0.5, 0.5]])
    with pytest.raises(NotImplementedError, match="tried has no second derivative"):
        loss.grad_and_hess([[3.0]], [[2.0]])


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"fold": alone}, "tried: a pair program has pair, share, and no fold"),
        ({"pair": None}, "tried: a pair program needs a function pair"),
        ({"share": None}, "tried: a pair program needs a function share"),
        ({"pair": value_only}, r"tried: pair must return \(value, d1, d2\) or \(value, d1\)"),
        ({"pair": alone}, "tried: its functions do not fit together on one pair: a tuple of numbers was expected"),
        ({"share": several}, "tried: pair must return .*, and share a number"),
        ({"share": of_one}, "tried: its functions do not fit together on one pair"),
        ({"options": {"inputs": ("a", "b", "c")}}, "tried: a pair program has two inputs, got 3"),
        ({"options": {"delta": fl.POSITIVE}}, "tried: the decorator names delta, which is no input and no parameter"),
        ({"inner": type("inner", (), {})}, "tried: a pair program has no variants, got class inner"),
    ],
)
def test_definitions_are_checked(mistake: Any, message: str) -> None:
    known = dict(fl.LOSSES)
    with pytest.raises(TypeError, match=message):
        made(**mistake)
    assert known == fl.LOSSES
