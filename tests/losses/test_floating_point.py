"""What a program wants NumPy to say about its arithmetic is not about ours."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")


@pytest.fixture(autouse=True)
def raising() -> Iterator[None]:
    """As `np.seterr(all="raise")` at the top of a program, and -W error."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_a_linear_layer(rng: np.random.Generator) -> None:
    hidden, weight = 3 * rng.normal(size=(16, 32)).astype("f4"), 3 * rng.normal(size=(50, 32)).astype("f4")
    labels = rng.integers(0, 50, 16)
    value, grads = fl.linear_cross_entropy.value_and_grad(hidden, weight, labels, bias=np.zeros(50, "f4"))
    with np.errstate(all="ignore"):
        expected, slope = fl.cross_entropy.value_and_grad(hidden @ weight.T, labels)
        assert value == pytest.approx(expected, rel=1e-5)
        assert_allclose(grads[0], slope @ weight, rtol=1e-4, atol=1e-4)


def test_a_teacher_of_small_probabilities() -> None:
    student, teacher = np.zeros((1, 3), "f4"), np.float32([[-1e-3, -120.0]])
    found = fl.topk_distillation(student, [[0, 1]], teacher, [1], alpha=0.0, temperature=1.0)
    assert found == pytest.approx(np.exp(-1e-3) * (np.log(3.0) - 1e-3), rel=1e-5)


def test_numbers_that_a_type_does_not_hold() -> None:
    """Ends of open domains, weights, normalizers, sums of 16-bit gradients."""
    x, y = np.float32([[3.0, 0.0]] * 3), np.array([1] * 3)
    assert np.isfinite(fl.gamma(np.float32([0.5]), np.float32([1.0])))
    assert fl.cross_entropy(x, y, class_weight=np.array([1e-300, 1.0])) == pytest.approx(3.0485873)
    assert fl.cross_entropy(x, y, label_smoothing=1e-300) == pytest.approx(3.0485873)
    assert fl.cross_entropy(x, y, normalizer=1e-300) == np.inf
    assert fl.squared_error(np.float32([1e25] * 3), np.float32([0.0] * 3)) == np.inf
    half = np.zeros(2, "f2")
    assert fl.bce_with_logits(x[:2, 1], half, ignore_index=100_000) == pytest.approx(np.log(2.0))
    with pytest.raises(ValueError, match="delta must be a number greater than 0"):
        fl.huber(x[0], x[1], delta=1e-50)
    assert_allclose(fl.squared_error.grad(half, np.full((60_000, 2), 3.0, "f4"), reduction="sum"), -np.inf)
