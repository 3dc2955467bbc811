"""Losses of elements reduced over some axes: a number for each sample, against each sample alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import watched
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.arrays.host import recipes

pytestmark = pytest.mark.usefixtures("compiled_at_last")

X = np.array([[1.0, 2.0, 3.0], [0.0, 0.5, -1.0]])
Y = np.array([[0.0, 2.5, 1.0], [1.0, 0.5, 0.0]])
W = np.array([[1.0, 0.0, 3.0], [0.5, 0.5, 1.0]])


@pytest.mark.parametrize(
    "weight", [None, W, W[0], 2e300 * W, 1e-300 * W], ids=["none", "full", "one row", "large", "small"]
)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_each_sample_alone(reduction: str, weight: Any) -> None:
    if reduction == "sum" and weight is not None and weight.max() > 1e3:
        return  # beyond the type, as it should be
    value, grad = fl.huber.value_and_grad(X, Y, weight=weight, reduction=reduction, axis=-1)
    _, hess = fl.huber.grad_and_hess(X, Y, weight=weight, reduction=reduction, axis=1)
    assert value.shape == (2,)
    for k in range(2):
        own = None if weight is None else np.broadcast_to(weight, X.shape)[k].copy()
        one, slope = fl.huber.value_and_grad(X[k].copy(), Y[k].copy(), weight=own, reduction=reduction)
        assert_allclose(value[k], one, 1e-15)
        assert_allclose(grad[k], slope, 1e-14)
        assert_allclose(
            hess[k], fl.huber.grad_and_hess(X[k].copy(), Y[k].copy(), weight=own, reduction=reduction)[1], 1e-14
        )


def test_axes_and_types() -> None:
    pred = np.arange(24.0, dtype="f4").reshape(2, 3, 4)
    mean = fl.squared_error(pred, 0.0, axis=(0, -1))
    assert (mean.dtype, mean.shape) == (np.float32, (3,))
    assert_allclose(mean, (pred.astype("f8") ** 2).mean((0, 2)), 2e-7)
    whole = fl.squared_error(pred, 0.0, axis=(0, 1, 2))
    assert np.ndim(whole) == 0
    assert_allclose(whole, fl.squared_error(pred, 0.0), 2e-7)
    assert_array_equal(
        fl.squared_error(pred, 0.0, axis=1, normalizer=2.0), fl.squared_error(pred, 0.0, axis=1, reduction="sum") / 2
    )
    value, (mu, var) = fl.gaussian_nll.value_and_grad(X, Y, np.ones((1, 3)), axis=0)
    assert (value.shape, mu.shape, var.shape) == ((3,), (2, 3), (1, 3))
    assert_allclose(fl.bce_with_logits(X, np.array([[1, 0, -100], [1, 1, 0]]), ignore_index=-100, axis=1)[0],
                    fl.bce_with_logits(X[0, :2].copy(), np.array([1, 0])), 1e-15)  # fmt: skip


def test_samples_without_anything() -> None:
    weight = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    value, grad = fl.huber.value_and_grad(X, np.where(weight > 0, Y, np.nan), weight=weight, axis=1)
    assert np.isnan(value[1])
    assert np.isfinite(value[0])
    assert_array_equal(grad[1], 0.0)
    assert fl.huber(X, Y, weight=weight, axis=1, empty="zero")[1] == 0.0
    out = X.copy()
    with pytest.raises(ValueError, match="nothing to average"):
        fl.huber.grad(out, Y, weight=weight, axis=1, empty="raise", out=out)
    assert_array_equal(out, X)
    assert np.isnan(fl.huber(np.ones((2, 0)), np.ones((2, 0)), axis=1)).all()
    assert fl.huber(np.ones((0, 2)), np.ones((0, 2)), axis=1).shape == (0,)


def test_outputs() -> None:
    pred, value = X.copy(), np.empty(2)
    expected = fl.huber.grad(X, Y, axis=1)
    assert fl.huber.grad(pred, Y, axis=1, out=pred) is pred
    assert_array_equal(pred, expected)
    assert fl.huber(X, Y, axis=1, out=value) is value
    assert_array_equal(value, fl.huber(X, Y, axis=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axis": 2}, "huber: axis is 2, expected axes of 2 dimensions"),
        ({"axis": (0, -2)}, r"huber: axis is \(0, -2\), expected each axis once"),
        ({"axis": "rows"}, "huber: axis is 'rows', expected a whole number, several or None"),
        ({"axis": 0, "reduction": "none"}, "huber: axis is 0 and reduction is 'none', expected 'mean' or 'sum'"),
        ({"axis": 1, "weight": -W}, r"huber: weight\[0, 0\] is -1.0, expected a finite number of at least 0"),
        ({"axis": 1, "weight": np.ones(2)}, "huber: shapes do not broadcast"),
        ({"axis": 1, "normalizer": 0.0}, "huber: normalizer is 0"),
    ],
    ids=str,
)  # fmt: skip
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        fl.huber.value_and_grad(X, Y, **options)


def test_a_root_has_no_axes() -> None:
    with pytest.raises(
        ValueError, match="root_mean_squared_error: axis is 0, expected None; the loss is the root of one mean"
    ):
        fl.rmse(X, Y, axis=0)


def test_shares_beyond_the_type() -> None:
    """What float32 reads as 0 is not absent: its NaN stays."""
    pred, target = np.ones((2, 3), "f4"), np.zeros((2, 3), "f4")
    pred[0, 0] = np.nan
    weight = np.array([1e-30, 1e30, 1.0])
    assert_array_equal(fl.absolute_error(pred, target, axis=1, weight=weight), [np.nan, 1.0])
    assert_array_equal(fl.absolute_error(pred, target, axis=1, normalizer=1e50), [np.nan, 0.0])
    large = np.full((2, 3), 1e30, "f4")
    assert_allclose(fl.absolute_error.value_and_grad(large, target, axis=1, normalizer=1e50)[0], 3e-20, 1e-6)
    with np.errstate(all="raise"):
        assert_array_equal(fl.absolute_error(large, target, axis=1, weight=1e-300, normalizer=1e300), [0.0, 0.0])


def test_a_weight_is_present_beside_any_other() -> None:
    """1e-300 beside 1e300 is nothing even to float64; the NaN there is not."""
    pred, weight = np.array([[1.0, np.nan], [1.0, 2.0]]), np.array([[1e300, 1e-300], [1e300, 0.0]])
    value, grad = fl.huber.value_and_grad(pred, np.zeros((2, 2)), weight=weight, axis=1)
    assert_array_equal(value, [np.nan, 0.5])
    assert_array_equal(grad, [[1.0, np.nan], [1.0, 0.0]])


def test_weights_are_not_written_over() -> None:
    weight, labels = W.copy(), np.array([[1.0, 0.0, -100.0], [1.0, 1.0, 0.0]])
    for call in (
        lambda: fl.huber.grad(X, Y, weight=weight, axis=1, out=weight),
        lambda: fl.bce_with_logits.grad(X, labels, weight=weight, ignore_index=-100, out=weight),
    ):
        with pytest.raises(ValueError, match="out overlaps weight; nothing may be written over it"):
            call()
    with pytest.raises(ValueError, match="huber: out overlaps pred"):
        fl.huber(pred := X.copy(), Y, axis=1, out=pred[0, :2])
    assert_array_equal(weight, W)


@pytest.mark.parametrize("name", ["target", "weight"])
@pytest.mark.parametrize("dtype", ["M8[s]", [("a", "f8")], object])
def test_what_are_no_numbers_is_refused_beside_labels_to_ignore(name: str, dtype: Any) -> None:
    arrays = {"pred": X, "target": np.ones((2, 3)), "weight": W, name: np.zeros((2, 3), dtype)}
    with pytest.raises(TypeError, match=f"logits: {name} has dtype .*, expected real numbers"):
        fl.bce_with_logits(**arrays, ignore_index=-100)


@pytest.mark.parametrize("weighted", [False, True])
def test_labels_to_ignore_go_the_short_way(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    short = watched(recipes, "ignoring", monkeypatch)
    loss = fl.bce_with_logits.bind()
    labels, weight = np.array([[1.0, 0.0, -100.0], [np.nan, 1.0, 0.0]]), W.copy() if weighted else None
    own = np.where(labels == -100.0, 0.0, np.ones((2, 3)) if weight is None else weight)
    for _ in range(3):
        value, grad = loss.value_and_grad(X, labels, weight=weight, ignore_index=-100)
        expected = fl.bce_with_logits.value_and_grad(X, np.where(labels == -100.0, 0.5, labels), weight=own)
        assert_array_equal(value, expected[0])
        assert_array_equal(grad, expected[1])
    assert short == [False, True, True]
    loss.grad(X, labels, weight=weight, ignore_index=-100, out=np.empty((2, 3)))
    for number in (10**400, 1.5, True):  # no whole number that labels are compared with here
        with pytest.raises((TypeError, ValueError), match="ignore_index|labels|target"):
            loss.value_and_grad(X, labels[0], weight=weight, ignore_index=number)
    if weight is not None:
        with pytest.raises(ValueError, match="out overlaps weight"):
            loss.grad(X, labels, weight=weight, ignore_index=-100, out=weight)
        assert_array_equal(weight, W)
