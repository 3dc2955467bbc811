"""Parameters that are arrays through compiled kernels: every way that numbers go in and out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from data import rest

import fastloss as fl
from fastloss.kernels.plan.elements import PARALLEL_FROM


def drawn(shape: Any, dtype: Any = np.float64) -> tuple[Any, Any, Any]:
    """Predictions, targets and a delta for each."""
    rng = np.random.default_rng(5)
    return tuple(
        x.astype(dtype) for x in (rng.normal(0, 2, shape), rng.normal(0, 2, shape), rng.uniform(0.2, 3, shape))
    )


def huber(pred: Any, target: Any, delta: Any) -> tuple[Any, Any, Any]:
    """The textbook's: each element's value and its derivatives."""
    r = pred.astype(np.longdouble) - target
    delta = delta.astype(np.longdouble)
    inside = np.abs(r) <= delta
    return np.where(inside, r * r / 2, delta * (np.abs(r) - delta / 2)), np.clip(r, -delta, delta), inside * 1.0


@pytest.mark.parametrize("dtype", [np.float64, rest(np.float32), np.float16])
def test_an_element_each(dtype: Any) -> None:
    pred, target, delta = drawn(150, dtype)
    value, slope, curve = huber(pred, target, delta)
    eps = np.finfo(dtype).eps
    found = fl.huber.value_and_grad(pred, target, delta=delta, reduction="sum")
    assert found[0] == pytest.approx(float(value.sum()), rel=1e-6 if dtype is not np.float64 else 1e-14)
    assert found[1].dtype == dtype
    np.testing.assert_allclose(found[1], slope, rtol=4 * eps, atol=4 * eps)
    if dtype is np.float64:
        np.testing.assert_array_equal(fl.huber.grad_and_hess(pred, target, delta=delta, reduction="sum")[1], curve)


@pytest.mark.usefixtures("compiled_at_last")
def test_ways_in_and_out() -> None:
    """The same bits dense, strided, broadcast, written over the prediction, with weights, and again by the short way."""
    pred, target, delta = drawn((20, 8))
    expected = fl.huber.value_and_grad(pred, target, delta=delta)
    again = fl.huber.value_and_grad(pred, target, delta=delta)
    assert expected[0] == again[0]
    np.testing.assert_array_equal(expected[1], again[1])
    wide = np.repeat(delta, 2, axis=1)[:, ::2]
    over = pred.copy()
    for place, given in (
        (None, wide),
        (np.empty_like(pred), delta),
        (over, delta),
        (pred.copy(), np.asfortranarray(delta)),
    ):
        first = over if place is over else pred
        value, grad = fl.huber.value_and_grad(first, target, delta=given, out=place)
        assert value == pytest.approx(expected[0], rel=1e-15)
        np.testing.assert_array_equal(grad, expected[1])
        assert place is None or grad is place
    weight = np.random.default_rng(1).uniform(0, 1, (20, 8))
    found = fl.huber.value_and_grad(pred, target, delta=delta, weight=weight)
    value, slope, _ = huber(pred, target, delta)
    assert found[0] == pytest.approx(float(np.average(value, weights=weight)), rel=1e-14)
    np.testing.assert_allclose(found[1], slope * weight / weight.sum(), rtol=1e-14)


def test_bits_do_not_depend_on_threads() -> None:
    pred, target, delta = drawn(PARALLEL_FROM + 5)
    one = fl.huber.value_and_grad(pred, target, delta=delta, backend="serial")
    many = fl.huber.value_and_grad(pred, target, delta=delta, backend="parallel")
    assert one[0] == many[0]
    np.testing.assert_array_equal(one[1], many[1])


@pytest.mark.usefixtures("compiled_at_last")
def test_a_constant_is_a_number() -> None:
    pred, target, _ = drawn(150)
    one = fl.huber.value_and_grad(pred, target, delta=0.7)
    many = fl.huber.value_and_grad(pred, target, delta=np.full(150, 0.7))
    assert one[0] == pytest.approx(many[0], rel=1e-15)
    np.testing.assert_array_equal(one[1], many[1])


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("bad", [math.nan, -1.0, 0.0])
def test_bad(bad: float) -> None:
    pred, target, delta = drawn(150)
    delta[77] = bad
    before = pred.copy()
    for _ in range(2):
        for out in (None, pred, np.zeros(150)):
            with pytest.raises(ValueError, match=rf"^huber: delta\[77\] is {bad}, expected a number greater than 0"):
                fl.huber.value_and_grad(pred, target, delta=delta, out=out)
            assert out is None or out is pred or not out.any()
    np.testing.assert_array_equal(pred, before)
    weight = np.ones(150)
    weight[77] = 0.0
    assert math.isfinite(fl.huber.value_and_grad(pred, target, delta=delta, weight=weight)[0])


def test_out_overlaps_a_parameter() -> None:
    pred, target, delta = drawn(150)
    with pytest.raises(ValueError, match="out overlaps delta; the gradient of pred may be written over pred itself"):
        fl.huber.grad(pred, target, delta=delta, out=delta)
