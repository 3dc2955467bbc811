"""Weights of any magnitude on a pretended GPU: their unit changes no mean, and no more is launched for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hosted import Hosted, both, to_gpu
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]
ROUNDING = {"f4": 3e-7, "f8": 1e-15}
UNITS = {
    "f8": [5e-324, 1e-310, 1e-51, 1e-20, 1.0, 1e38, 1e300],
    "f4": [2.0**-149, 2.0**-130, 2.0**-66, 2.0**66, 2.0**126],
}
CASES = [(unit, stored, dtype) for stored, units in UNITS.items() for unit in units for dtype in ROUNDING]

P, T = [1.0, 2.0], [0.0, 0.0]
X = [[0.0, 0.0], [1.0, 0.0]]
"""Softmax losses log(2) and, of class 1, log(1 + e) = 1.3132616875182228."""

SOFT = 0.7310585786300049
"""1 / (1 + 1/e)."""

MEAN = (np.log(2.0) + 3.0 * 1.3132616875182228) / 4.0
SLOPE = np.array([[-0.125, 0.125], [0.75 * SOFT, -0.75 * SOFT]])
"""Of weights 1 and 3."""


def ones_and_threes(unit: float, stored: str) -> Any:
    return np.multiply([1.0, 3.0], unit).astype(stored)


@pytest.mark.parametrize(("unit", "stored", "dtype"), CASES)
def test_a_mean_of_any_unit(unit: float, stored: str, dtype: str) -> None:
    """Weights 1 and 3 in any unit: (1 + 3 * 4) / 4, and 2 * w * r / 4."""
    pred, target = Hosted(np.array(P, dtype)), Hosted(np.array(T, dtype))
    weight = Hosted(ones_and_threes(unit, stored))
    value, grad = fl.mse.value_and_grad(pred, target, weight=weight)
    assert_allclose(value.array, 3.25, ROUNDING[dtype])
    assert_allclose(fl.mse(pred, target, weight=weight).array, 3.25, ROUNDING[dtype])
    assert_allclose(grad.array, [0.5, 3.0], ROUNDING[dtype])
    root, slope = fl.rmse.value_and_grad(pred, target, weight=weight)
    assert_allclose(root.array, np.sqrt(3.25), ROUNDING[dtype])
    assert_allclose(slope.array, np.divide([0.25, 1.5], np.sqrt(3.25)), 2.0 * ROUNDING[dtype])
    value, grad = fl.mse.value_and_grad(pred, target, weight=weight, normalizer=2.0 * unit)
    assert_allclose(value.array, 6.5, ROUNDING[dtype])
    assert_allclose(grad.array, [1.0, 6.0], ROUNDING[dtype])
    fl.synchronize()


@pytest.mark.parametrize(("unit", "stored", "dtype"), CASES)
def test_a_mean_of_rows_of_any_unit(unit: float, stored: str, dtype: str) -> None:
    """A quarter and three quarters of the rows' losses and gradients."""
    logits, labels = Hosted(np.array(X, dtype)), Hosted(np.array([0, 1]))
    weight = Hosted(ones_and_threes(unit, stored))
    dense = Hosted(np.eye(2, dtype=dtype))
    for target, name in ((labels, "weight"), (dense, "weight"), (labels, "class_weight"), (dense, "class_weight")):
        value, grad = fl.cross_entropy.value_and_grad(logits, target, **{name: weight})
        assert_allclose(value.array, MEAN, 2 * ROUNDING[dtype])
        assert_allclose(grad.array, SLOPE, 4 * ROUNDING[dtype])
    value = fl.cross_entropy(logits, labels, weight=weight, normalizer=4.0 * unit)
    assert_allclose(value.array, MEAN, 2 * ROUNDING[dtype])
    fl.synchronize()


@pytest.mark.parametrize("unit", [1e-51, 1e300])
def test_layers_and_teachers_of_any_unit(unit: float) -> None:
    logits, labels, weight = Hosted(np.array(X, "f4")), Hosted(np.array([0, 1])), Hosted(ones_and_threes(unit, "f8"))
    value, _ = fl.linear_cross_entropy.value_and_grad(
        logits, Hosted(np.eye(2, dtype="f4")), labels, sample_weight=weight
    )
    assert_allclose(value.array, MEAN, 3e-7)
    indices, logs = Hosted(np.array([[0], [1]])), Hosted(np.zeros((2, 1), "f4"))
    value = fl.topk_distillation(logits, indices, logs, labels, weight=weight, temperature=1.0)
    assert_allclose(value.array, MEAN, 3e-7)


def test_weights_of_what_is_absent_set_no_scale() -> None:
    z = np.array([[1, 2, 0], [0, 0.5, 3], [1, 1, 0]], "f4")
    weight, labels = np.array([1e30, 1e-30, 3e-30]), np.array([-100, 0, 1])
    both(fl.cross_entropy.value_and_grad, z, labels, weight=weight, ignore_index=-100)
    for class_weight in ([1e30, 1e-30, 3e-30], [1.0, 1e-50, 3e-50]):
        both(fl.cross_entropy.value_and_grad, z, np.array([1, 2, 1]), class_weight=np.array(class_weight))
    both(fl.cross_entropy.value_and_grad, z, np.array([1, 2, 1]), class_weight=np.array([1.0, 1e-50, 3e-50]),
         weight=np.array([1e60, 2e60, 0.0]))  # fmt: skip


def test_a_weight_is_present_beside_any_other() -> None:
    """1e-300 beside 1e-20 is nothing to float32; the NaN there is not."""
    given = Hosted(np.float32([1.0, np.nan])), Hosted(np.float32(T))
    value, grad = fl.mse.value_and_grad(*given, weight=Hosted(np.array([1e-20, 1e-300])))
    assert np.isnan(value.array)
    assert (grad.array[0], np.isnan(grad.array[1])) == (2.0, True)


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("unit", [1e-320, 1e-50, 3.0, 1e50, 1e300, 0.0])
def test_a_number_for_all_weights(unit: float, dtype: str) -> None:
    """It changes no mean, unless it is 0."""
    pred, target, whole = Hosted(np.array(P, dtype)), Hosted(np.array(T, dtype)), unit > 0.0
    value, grad = fl.mse.value_and_grad(pred, target, weight=unit)
    assert_allclose(value.array, 2.5 if whole else np.nan, ROUNDING[dtype])
    assert_allclose(grad.array, np.multiply([1.0, 2.0], whole), ROUNDING[dtype])
    value, grad = fl.cross_entropy.value_and_grad(Hosted(np.array(X, dtype)), Hosted(np.array([0, 1])), weight=unit)
    assert_allclose(value.array, (np.log(2.0) + 1.3132616875182228) / 2.0 if whole else np.nan, 2 * ROUNDING[dtype])
    assert_allclose(grad.array[0], np.multiply([-0.25, 0.25], whole), 4 * ROUNDING[dtype])
    fl.synchronize()


def test_a_class_weight_is_told_as_it_was_passed() -> None:
    wrong, x = Hosted(np.array([1e-30, -1e-28])), Hosted(np.float32(X))
    for options in ({}, {"label_smoothing": 0.1}, {"reduction": "sum"}):
        with pytest.raises(ValueError, match=r"class_weight\[1\] is -1e-28, expected a finite number of at least 0"):
            fl.cross_entropy(x, Hosted(np.array([0, 1])), class_weight=wrong, check=True, **options)
    with pytest.raises(ValueError, match=r"class_weight\[0\] is 1e\+50, which float32, the type that it is read in"):
        fl.cross_entropy(x, Hosted(np.array([0, 1])), class_weight=Hosted(np.array([1e50, 1.0])), check=True,
                         reduction="sum")  # fmt: skip
    whole = fl.cross_entropy(x, Hosted(np.array([0, 1])), class_weight=Hosted(np.array([1e50, 1e50])), check=True,
                             label_smoothing=0.0)  # fmt: skip
    assert_allclose(whole.array, (np.log(2.0) + 1.3132616875182228) / 2.0, 6e-7)


def test_any_normalizer() -> None:
    for pred, normalizer, expected in (([1e-30, 0.0], 1e-42, [2e12, 0.0]), ([1e19, 0.0], 1e42, [2e-23, 0.0])):
        grad = fl.mse.grad(Hosted(np.float32(pred)), Hosted(np.float32(T)), normalizer=normalizer)
        assert_allclose(grad.array, expected, 3e-7)
    x, labels = Hosted(np.float32(X)), Hosted(np.array([0, 1]))
    grad = fl.cross_entropy.grad(x, labels, normalizer=1e-42, weight=Hosted(np.array([1e-40, 0.0])))
    assert_allclose(grad.array, [[-50.0, 50.0], [0.0, 0.0]], 3e-7)


def test_no_more_is_launched(gpu: Any) -> None:
    """The weights' sum and what comes of it, the losses' and the mean."""
    weight = Hosted(np.float32([1.0, 3.0]))
    fl.mse.value_and_grad(Hosted(np.float32(P)), Hosted(np.float32(T)), weight=weight)
    assert len(gpu.launches) == 4
    fl.cross_entropy.value_and_grad(Hosted(np.float32(X)), Hosted(np.array([0, 1])), weight=weight)
    assert len(gpu.launches) == 8


def test_what_is_no_weight_is_still_found() -> None:
    for bad in (-1.0, np.inf):
        with pytest.raises(ValueError, match=r"mse: weight\[1\] is|mean_squared_error: weight\[1\] is|weight\[1\] is"):
            fl.mse(*map(to_gpu, (np.float32(P), np.float32(T))), weight=Hosted(np.array([1.0, bad])), check=True)
        fl.mse(*map(to_gpu, (np.float32(P), np.float32(T))), weight=Hosted(np.array([1.0, bad])))
        with pytest.raises(ValueError, match="earlier call"):
            fl.synchronize()
    large = Hosted(np.array([1e40, 1.0]))
    for reduction, wrong in (("mean", False), ("sum", True)):
        fl.mse(*map(to_gpu, (np.float32(P), np.float32(T))), weight=large, reduction=reduction)
        if wrong:
            with pytest.raises(ValueError, match="earlier call"):
                fl.synchronize()
        else:
            fl.synchronize()
    domain = np.float32([1.0, -1.0])
    with pytest.raises(ValueError, match=r"target\[1\] is -1.0"):
        fl.poisson(*map(to_gpu, (np.float32(P), domain)), weight=large, check=True)
    assert_array_equal(fl.mse(*map(to_gpu, (np.float32(P), np.float32(T))), weight=large, check=True).array, 1.0)
