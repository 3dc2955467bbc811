"""Numbers at the ends of their types, and arrays at the ends of what NumPy makes: what goes through, what is said."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from data import some
from mpmath import log, mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.arrays.host.rows import Rows
from fastloss.define.keywords import VALUE, Call
from fastloss.kernels.cpu import threads

pytestmark = pytest.mark.usefixtures("compiled_at_last")

ROUNDING = {"f2": 2e-3, "f4": 3e-7, "f8": 1e-15}


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("dtype", "unit"),
    some(
        [("f2", 1e-7), ("f4", 1e25), ("f4", 1e-25), ("f4", 1e-40), ("f8", 1e200), ("f8", 1e-200)],
        [("f4", 1e25)],
    ),
)
def test_a_root_of_any_unit(dtype: str, unit: float) -> None:
    """Residuals 3 and -4: the root of 12.5, its slope r / (2 R), its second derivative 1 / (2 R) - slope^2 / R."""
    pred, target = np.array([3.0, 0.0]), np.array([0.0, 4.0])
    r, root = np.array([3.0, -4.0]), 3.5355339059327378
    pred, target = (pred * unit).astype(dtype), (target * unit).astype(dtype)
    exact = 1.0 if dtype == "f8" or unit == 1e25 else None
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for weight in (None, np.array([1.0, 1.0])):
            value, grad = fl.rmse.value_and_grad(pred, target, weight=weight)
            # Of subnormal numbers, and of float16's steps of 6e-8, the inputs are only nearly these.
            tolerance = ROUNDING[dtype] if exact or unit == 1e-25 else 0.5 if dtype == "f2" else 1e-4
            assert_allclose(value / unit if dtype == "f8" else float(value) / unit, root, tolerance)
            assert_allclose(grad.astype("f8"), r / (2.0 * root), tolerance)
    if unit in (1e-25, 1e-200):
        _, hess = fl.rmse.grad_and_hess(pred, target)
        assert_allclose(hess * unit, 1.0 / (2.0 * root) - (r / (2.0 * root)) ** 2 / root, 4 * ROUNDING[dtype])
    out = pred.copy()
    assert_array_equal(fl.rmse.grad(out, target, out=out), grad)


@pytest.mark.full
@pytest.mark.compiled
def test_a_root_of_nothing_is_no_root_of_the_rest() -> None:
    assert fl.rmse.value_and_grad(np.array([1e300, 1.0]), np.array([1e300, 1.0]))[0] == 0.0
    assert_array_equal(fl.rmse.grad(np.float32([1e30, 1.0]), np.float32([1e30, 1.0])), 0.0)
    assert fl.rmse(np.float32([np.inf, 0.0]), np.float32([0.0, 0.0])) == np.inf
    assert np.isnan(fl.rmse(np.float32([np.nan, 0.0]), np.float32([0.0, 0.0])))
    assert_allclose(fl.rmsle(np.float32([1e-25]), np.float32([3e-25])), 2e-25, 1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f4"]))
def test_a_divergence_of_numbers_near_the_largest(dtype: str) -> None:
    """No sum on the way overflows where the value, 0.05 to 1 of the largest float, is a number of the type."""
    largest = np.finfo(dtype).max
    pred, target = (largest * np.array([[0.51, 1.0, 0.49, 0.3, 1.0], [0.76, 0.66, 0.99, 1.0, 0.0]])).astype(dtype)
    value = fl.generalized_kl(pred, target, reduction="none")
    pairs = [(mpf(float(p)), mpf(float(q))) for p, q in zip(pred, target, strict=True)]
    exact = [float(q * log(q / p) - q + p) if q else float(p) for p, q in pairs]
    assert_allclose(value.astype("f8"), exact, ROUNDING[dtype])


ONE, NONE = np.ones((1, 3)), np.ones((0, 3))


@pytest.mark.compiled
@pytest.mark.parametrize(("dtype", "beta"), [("f4", 1e25), ("f8", 1e200)])
def test_a_preference_by_a_factor_whose_square_is_infinite(dtype: str, beta: float) -> None:
    for sign, wrong in ((1.0, 0.0), (-1.0, 1.0)):
        pred, other = np.array([sign, 0.0]).astype(dtype), np.zeros(2, dtype)
        (grad, _), (hess, more) = fl.preference.grad_and_hess(pred, other, beta=beta, reduction="sum")
        assert_allclose(grad, [-wrong * beta, -0.5 * beta], rtol=ROUNDING[dtype])
        assert_array_equal(hess, [0.0, np.inf])
        assert_array_equal(more, hess)


@pytest.mark.parametrize("loss", [fl.squared_error, fl.poisson, fl.root_mean_squared_error], ids=str)
def test_one_against_none(loss: Any) -> None:
    """An axis of length 1 that is broadcast to none: its gradient is a sum of nothing."""
    assert_array_equal(loss.grad(ONE, NONE), np.zeros((1, 3)))
    assert_array_equal(loss.grad(np.ones(1), np.ones(0)), [0.0])
    assert_array_equal(loss.grad(ONE, ONE, weight=NONE), np.zeros((1, 3)))
    out = np.ones((1, 3))
    assert loss.grad(ONE, NONE, out=out) is out
    assert_array_equal(out, 0.0)
    assert np.isnan(loss(ONE, NONE))


def test_one_against_none_elsewhere() -> None:
    mean, variance = fl.gaussian_nll.grad(ONE, NONE, np.ones((1, 1)))
    assert_array_equal(mean, np.zeros((1, 3)))
    assert_array_equal(variance, [[0.0]])
    assert fl.cross_entropy.grad(NONE, np.ones(0, int), weight=np.ones(1)).shape == (0, 3)
    assert np.isnan(fl.cross_entropy(NONE, np.ones(0, int), class_weight=np.ones(3)))


@pytest.mark.parametrize("axes", [33, 64])
def test_as_many_axes_as_numpy_has(axes: int) -> None:
    pred = np.ones((2, *[1] * (axes - 1)))
    assert_array_equal(fl.mse.grad(pred, 0.0).ravel(), [1.0, 1.0])
    target = np.zeros((*[1] * (axes - 1), 3))
    assert_array_equal(fl.mse.grad(pred, target, weight=2.0).ravel(), [1.0, 1.0])
    assert fl.cross_entropy(pred, np.zeros((1,) * (axes - 1), int), axis=0) == np.log(2.0)
    with pytest.raises(ValueError, match=r"poisson: target\[1\] is -1.0"):
        fl.poisson(pred, np.array([1.0, -1.0, -1.0]))


def test_more_classes_than_float32_tells_apart() -> None:
    """Rows of so many classes are never made tiles of, whose labels are numbers of the arithmetic's type."""
    for classes, entry in ((1 << 24, "lanes"), ((1 << 24) + 1, "rows")):
        scores = np.broadcast_to(np.float32(0.0), (classes, 256))
        job = Rows(fl.cross_entropy, (scores, np.zeros(256, int)))
        job.read(Call(VALUE, axis=0))
        assert job.entry == entry


@pytest.mark.compiled
@pytest.mark.full
def test_an_error_takes_no_memory_of_the_arrays_size() -> None:
    n = 4_000_000
    labels, pred, masses = np.ones(n, "i1"), np.zeros(n, "f4"), np.full((n // 2, 2), 0.5, "f4")
    labels[-1] = 3
    masses[-1, 1] = -1.0
    pairs, weight = pred.reshape(-1, 2), np.full(n, 2, "i1")
    weight[-1] = -2
    calls: list[tuple[str, Any]] = [
        (r"hinge: target\[3999999\] is 3", lambda: fl.hinge(pred, labels)),
        (r"target\[1999999\] is 3, but there are 2 classes", lambda: fl.cross_entropy(pairs, labels[n // 2 :])),
        (r"kl_divergence: target\[1999999, 1\] is -1.0", lambda: fl.kl_divergence(pairs, masses)),
        (r"squared_error: weight\[3999999\] is -2", lambda: fl.mse(pred, labels, weight=weight)),
    ]
    for message, call in calls:
        for _ in range(2):  # the first may compile
            tracemalloc.start()
            with pytest.raises(ValueError, match=message):
                call()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 2 * n


def test_a_number_is_told_as_it_came_and_as_it_is_read() -> None:
    with pytest.raises(ValueError, match=r"gamma: target\[0\] is 1e-50, which is 0.0 in float32, the type that it is"):
        fl.gamma(np.float32([0.0]), [1e-50])
    with pytest.raises(ValueError, match=r"gamma: target\[0\] is -1.0, expected a number greater than 0"):
        fl.gamma(np.float32([0.0]), [-1.0])
    with pytest.raises(ValueError, match=r"is 1.00000000001, which is 1.0 in float32|expected a number in \[0, 1\]"):
        fl.bce_with_logits(np.float32([0.0]), [1.0001])


def test_no_cast_says_a_word() -> None:
    """Sums of float32 beyond it are infinite, those below it 0: both the short way and the long one."""
    large, small = np.float32([3e19]), np.float32([1e-30])
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for _ in range(2):
            assert fl.half_squared_error(np.repeat(large, 2) * 0.5, np.zeros(2, "f4"), reduction="sum") < np.inf
            assert fl.mse(large, np.zeros(1, "f4")) == np.inf
            assert fl.mse(small, np.zeros(1, "f4")) == 0.0
            assert fl.absolute_error(np.full(4, 3e38, "f4"), np.zeros(4, "f4"), reduction="sum") == np.inf
            assert fl.huber(np.float32([1.0]), 0.0, weight=1e-45) == 0.5


def test_a_kernel_without_memory() -> None:
    def lost(*args: Any) -> Any:
        raise SystemError("error return without exception set")

    if threads.launch() is None:
        pytest.skip("no threads here")
    with pytest.raises(MemoryError, match="no memory for a kernel"):
        threads.run_parallel(lost, lost)
