"""Weights: any magnitude is taken for what it is, and what is no weight is refused by name and place."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from data import rest, some
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")

ROUNDING = {"f4": 3e-7, "f8": 1e-15}

P, T = [1.0, 2.0], [0.0, 0.0]
X = [[0.0, 0.0], [1.0, 0.0]]
"""Softmax losses log(2) and, of class 1, log(1 + e) = 1.3132616875182228."""

SOFT = 0.7310585786300049
"""1 / (1 + 1/e)."""


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f4"]))
@pytest.mark.parametrize("unit", [5e-324, 1e-310, 1e-51, 1e-39, 1e-20, 1.0, 1e20, 1e38, 1e300, 5e307])
def test_a_mean_of_any_unit(unit: float, dtype: str) -> None:
    """Weights 1 and 3 in any unit: (1 + 3 * 4) / 4, and 2 * w * r / 4."""
    weight = np.array([unit, 3.0 * unit])
    pred, target = np.array(P, dtype), np.array(T, dtype)
    for _ in range(2):
        value, grad = fl.mse.value_and_grad(pred, target, weight=weight)
        assert_allclose(value, 3.25, ROUNDING[dtype])
        assert_allclose(grad, [0.5, 3.0], ROUNDING[dtype])
    assert_allclose(fl.rmse(pred, target, weight=weight), np.sqrt(3.25), ROUNDING[dtype])
    if unit < 5e307:
        value, grad = fl.mse.value_and_grad(pred, target, weight=weight, normalizer=2.0 * unit)
        assert_allclose(value, 6.5, ROUNDING[dtype])
        assert_allclose(grad, [1.0, 6.0], ROUNDING[dtype])


@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f4"]))
@pytest.mark.parametrize("unit", [5e-324, 1e-310, 1e-51, 1e-20, 1e20, 1e300, 5e307])
def test_a_mean_of_rows_of_any_unit(unit: float, dtype: str) -> None:
    """Weights 1 and 3: a quarter and three quarters of the rows' losses and gradients."""
    logits, weight = np.array(X, dtype), np.array([unit, 3.0 * unit])
    expected = (np.log(2.0) + 3.0 * 1.3132616875182228) / 4.0
    slope = [[-0.125, 0.125], [0.75 * SOFT, -0.75 * SOFT]]
    dense = np.eye(2)
    for target, name in (([0, 1], "weight"), (dense, "weight"), ([0, 1], "class_weight")):
        value, grad = fl.cross_entropy.value_and_grad(logits, target, **{name: weight})
        assert_allclose(value, expected, ROUNDING[dtype])
        assert_allclose(grad, slope, 4 * ROUNDING[dtype])
    both = fl.cross_entropy(logits, [0, 1], weight=weight, class_weight=weight[::-1])
    assert_allclose(both, (np.log(2.0) + 1.3132616875182228) / 2.0, ROUNDING[dtype])
    hidden = fl.linear_cross_entropy(logits, np.eye(2, dtype=dtype), [0, 1], sample_weight=weight)
    assert_allclose(hidden, expected, ROUNDING[dtype])


@pytest.mark.compiled
def test_importance_weights() -> None:
    """exp(-116), exp(-116.5): 0 in float32."""
    weight = np.array([4.197501393848046e-51, 2.545913289557132e-51])
    value, grad = fl.mse.value_and_grad(np.float32(P), np.float32(T), weight=weight)
    assert_allclose(value, 2.132622006394436, 3e-7)
    assert_allclose(grad, [1.2449186624037093, 1.5101626751925816], 3e-7)


@pytest.mark.compiled
def test_a_weight_is_present_beside_any_other() -> None:
    """1e-300 beside 1e-20 is nothing to float32; the NaN there is not."""
    weight = np.array([1e-20, 1e-300])
    value, grad = fl.mse.value_and_grad(np.float32([1.0, np.nan]), np.float32(T), weight=weight)
    assert np.isnan(value)
    assert (grad[0], np.isnan(grad[1])) == (2.0, True)


@pytest.mark.compiled
@pytest.mark.parametrize("stored", some(["f2", "f4", ml_dtypes.bfloat16], ["f2"]), ids=str)
def test_weights_are_added_up_in_float64(stored: Any) -> None:
    """One weight of 2^11 among 4,096 of 2^-14: 2,048.25, of which float32 in strips and float16 have less."""
    weight = np.full(4097, 2.0**-14).astype(stored)
    weight[0] = 2.0**11
    pred = np.zeros(4097)
    pred[0] = 1.0
    assert fl.mse(pred, np.zeros(4097), weight=weight) == 2048.0 / 2048.25
    large = np.full(4096, 3e38, "f4")
    value, grad = fl.mse.value_and_grad(np.ones(4096), np.zeros(4096), weight=large)
    assert_allclose(value, 1.0, 1e-15)
    assert_allclose(grad, 2.0 / 4096, 1e-15)


@pytest.mark.compiled
def test_any_normalizer() -> None:
    assert_allclose(fl.mse.grad(np.float32([1e-30, 0.0]), np.float32(T), normalizer=1e-42), [2e12, 0.0], 3e-7)
    assert_allclose(fl.mse.grad(np.float32([1e19, 0.0]), np.float32(T), normalizer=1e42), [2e-23, 0.0], 3e-7)
    grad = fl.cross_entropy.grad(np.float32(X), [0, 1], normalizer=1e-42, weight=[1e-40, 0.0])
    assert_allclose(grad, [[-50.0, 50.0], [0.0, 0.0]], 3e-7)


def test_a_sum_beyond_its_type_is_infinite_without_a_word() -> None:
    for _ in range(2):
        assert fl.mse(np.float32([2e19, 0.0]), np.float32(T), weight=np.float32([1.0, 1.0]), reduction="sum") == np.inf
        assert fl.mse(np.float32([1e-30, 0.0]), np.float32(T)) == 0.0


REFUSED = [
    ([1.0, -1.0], r"weight\[1\] is -1.0, expected a finite number of at least 0"),
    (np.array([1, -3]), r"weight\[1\] is -3, expected a finite number of at least 0"),
    (np.array([1.0, -np.inf], "f4"), r"weight\[1\] is -inf, expected a finite number of at least 0"),
    ([np.inf, 1.0], r"weight\[0\] is inf, expected a finite number of at least 0"),
    (-1.0, r"weight is -1.0, expected a finite number of at least 0"),
]


WEIGHED = [
    (fl.squared_error, T),
    (fl.poisson, T),
    (fl.cross_entropy, [0, 1]),
    (fl.cross_entropy, [[1.0, 0.0], [0.0, 1.0]]),
    (fl.multilabel_margin, [[1.0, 0.0], [0.0, 1.0]]),
]


@pytest.mark.parametrize("reduction", some(["mean", "sum", "none"], ["mean"]))
@pytest.mark.parametrize(("weight", "message"), [REFUSED[0], *map(rest, REFUSED[1:])])
@pytest.mark.parametrize(("loss", "target"), some(WEIGHED, WEIGHED[:3]), ids=str)
def test_no_weights(loss: Any, target: Any, weight: Any, message: str, reduction: str) -> None:
    """Of losses with a domain and without, of rows with labels, with masses and in pairs; nothing is written."""
    arrays = np.array(X if hasattr(loss, "target") else P), np.array(target)
    loss.grad(*arrays, weight=np.ones(2), reduction=reduction)
    for out in (None, np.full_like(arrays[0], 7.0)):
        with pytest.raises(ValueError, match=f"{loss.name}: {message}"):
            loss.grad(*arrays, weight=weight, reduction=reduction, out=out)
        assert out is None or (out == 7.0).all()


@pytest.mark.parametrize("reduction", some(["mean", "sum", "none"], ["mean"]))
@pytest.mark.parametrize(("weight", "message"), [REFUSED[0], *map(rest, REFUSED[1:])])
def test_no_weights_of_chunks(weight: Any, message: str, reduction: str) -> None:
    logits = np.array(X)
    with pytest.raises(ValueError, match=f"topk_distillation: {message}"):
        fl.topk_distillation(logits, [[0], [1]], [[0.0], [0.0]], [0, 1], weight=weight, reduction=reduction)
    with pytest.raises(ValueError, match=f"linear_cross_entropy: sample_{message}"):
        fl.linear_cross_entropy(logits, np.eye(2), [0, 1], sample_weight=weight, reduction=reduction)


def test_what_is_trusted_and_what_is_absent() -> None:
    assert fl.mse(P, T, weight=[-1.0, 2.0], check=False) == 7.0
    assert np.isnan(fl.rmse(P, T, weight=[-1.0, 0.5], check=False))
    assert_allclose(fl.cross_entropy(X, [0, 1], weight=[-1.0, 2.0], check=False), 1.3132616875182228 * 2 - np.log(2.0))
    assert_allclose(fl.cross_entropy(X, [0, 1], weight=[1.0, -2.0], ignore_index=1), np.log(2.0))
    assert np.isnan(fl.mse(P, T, weight=[1.0, np.nan]))


@pytest.mark.full
def test_weights_beyond_the_type_of_a_sum() -> None:
    for reduction in ("sum", "none"):
        with pytest.raises(ValueError, match=r"weight\[0\] is 1e\+40, which float32, the type that it is read in"):
            fl.mse(np.float32(P), np.float32(T), weight=[1e40, 1.0], reduction=reduction)
        with pytest.raises(ValueError, match=r"class_weight\[1\] is 1e\+300, which float32"):
            fl.cross_entropy(np.float32(X), [0, 1], class_weight=[1.0, 1e300], reduction=reduction)
    vector, table = np.full(2, 7.0, "f4"), np.full((2, 2), 7.0, "f4")
    calls = [(loss, P, T, vector) for loss in (fl.mse, fl.poisson)]
    calls += [(fl.cross_entropy, X, target, table) for target in ([0, 1], np.eye(2))]
    for loss, pred, target, out in calls:
        for keywords in ({"reduction": "sum"}, {"normalizer": 1.0}):
            for _ in range(2):
                with pytest.raises(ValueError, match=r"weight\[0\] is 1e\+40, which float32"):
                    loss.grad(np.float32(pred), np.array(target), weight=[1e40, 1.0], out=out, **keywords)
                assert_array_equal(out, 7.0)
        loss.grad(np.float32(pred), np.array(target), weight=[1e40, 1.0], out=out, normalizer=1e40)
        assert np.isfinite(out).all()
        out[...] = 7.0


def test_no_call_hides_the_next_ones_mistake() -> None:
    """Integer masses of one row look like labels; those of several do not, and prepare the short way."""
    loss = fl.cross_entropy.bind()
    for _ in range(2):
        loss(np.zeros((2, 3)), np.eye(3, dtype=int)[:2])
        with pytest.raises((TypeError, ValueError), match="binary_cross_entropy_with_logits"):
            loss(np.zeros(3), np.array([0, 1, 2]))


@pytest.mark.parametrize("normalizer", [2.0, 1e30, 1e-30])
def test_negative_weights_whatever_divides(normalizer: float) -> None:
    scores, vectors = np.array([[1.0, 2.0], [0.5, 1.0]]), np.array([[2.0, 1.0], [1.0, 1.0]])
    for loss in (fl.cosine_distance, fl.mse, fl.rmse, fl.rmspe):
        weight = np.array([-1.0, 2.0]) if loss is fl.cosine_distance else np.array([[-1.0], [2.0]])
        for out in (None, np.full((2, 2), 7.0)):
            with pytest.raises(ValueError, match=r"weight\[0(, 0)?\] is -1.0, expected"):
                loss.grad(scores, vectors, weight=weight, normalizer=normalizer, out=out, backend="serial")
            assert out is None or (out == 7.0).all()


@pytest.mark.full
def test_weights_of_what_is_absent_set_no_scale() -> None:
    z = np.array([[1, 2, 0], [0, 0.5, 3], [1, 1, 0]], "f4")
    weight, labels = np.array([1e30, 1e-30, 3e-30]), np.array([-100, 0, 1])
    exact, slope = fl.cross_entropy.value_and_grad(z.astype("f8"), labels, weight=weight, ignore_index=-100)
    value, grad = fl.cross_entropy.value_and_grad(z, labels, weight=weight, ignore_index=-100)
    assert_allclose(value, exact, 1e-6)
    assert_allclose(grad, slope, 1e-6, 1e-9)
    for class_weight in ([1e30, 1e-30, 3e-30], [1.0, 1e-50, 3e-50]):
        labels = np.array([1, 2, 1])
        exact = fl.cross_entropy(z.astype("f8"), labels, class_weight=class_weight)
        assert_allclose(fl.cross_entropy(z, labels, class_weight=class_weight), exact, 1e-6)


def test_class_weights_far_apart_of_masses() -> None:
    """A weight that is far above a row's worth meets a mass of 0."""
    z = np.array([[0.0, 1.0], [0.5, 1.0]], "f4")
    masses = np.array([[0, 1], [0, 1]], "f4")
    exact = np.log1p(np.exp([-1.0, -0.5])).mean()
    assert_allclose(fl.cross_entropy(z, masses, class_weight=[1e10, 1e-30]), exact, 1e-6)


def test_a_root_where_the_weights_are_small_and_not_the_squares() -> None:
    """Inputs were multiplied for the mean's sake, to squares beyond float64: infinity."""
    value, grad = fl.rmse.value_and_grad(np.array([0.0, 1.0]), 0.0, weight=np.array([1e308, 1e-308]))
    assert 0.0 < value < 1e-150
    assert np.isfinite(grad).all()
