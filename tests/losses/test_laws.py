"""What must hold for every loss, whatever its formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import NAMES, REPRESENTATIVE, at_once, draw, gradients, some
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.kernels.templates.elements import BLOCK

# Two sums of the same float64 terms in another order, or with another factor.
ROUNDING = 1e-6


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_weight_two_is_twice(name: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays = draw(loss, 100, "f8", rng)
    twice = [np.concatenate([x, x[:40]]) for x in arrays]
    weight = np.where(np.arange(100) < 40, 2.0, 1.0)
    value, grad = loss.value_and_grad(*arrays, weight=weight)
    expected, doubled = loss.value_and_grad(*twice)
    assert_allclose(value, expected, rtol=1e-13)
    for g, d in zip(gradients(grad), gradients(doubled), strict=True):
        both = d[:100].copy()
        both[:40] += d[100:]
        assert_allclose(g, both, rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", [pytest.param("huber", marks=pytest.mark.compiled), *REPRESENTATIVE[1:]])
def test_weight_zero_is_absent(name: str, reduction: str, rng: np.random.Generator) -> None:
    """Also where the absent element is NaN, infinite, or outside its domain."""
    loss = fl.LOSSES[name]
    if loss.rooted and reduction != "mean":
        return
    arrays = draw(loss, 100, "f4", rng)
    keep = rng.random(100) < 0.6
    weight = np.where(keep, rng.gamma(1.0, 1.0, 100), 0.0).astype("f4")
    spoiled = [np.where(keep, x, rng.choice(np.array([np.nan, np.inf, -7.0], "f4"), 100)) for x in arrays]
    value, grad = loss.value_and_grad(*spoiled, weight=weight, reduction=reduction)
    expected, present = loss.value_and_grad(*(x[keep] for x in arrays), weight=weight[keep], reduction=reduction)
    assert_allclose(value[keep] if reduction == "none" else value, expected, rtol=ROUNDING)
    for g, p in zip(gradients(grad), gradients(present), strict=True):
        assert_allclose(g[keep], p, rtol=ROUNDING)
        assert_array_equal(g[~keep], 0.0)


LABELLED = {
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "binary_focal", "binary_focal_from_probabilities",
    "exponential", "hinge", "logistic", "modified_huber", "perceptron", "squared_hinge",
}  # fmt: skip


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["binary_cross_entropy_with_logits", "hinge"])
def test_an_ignored_label_is_absent(name: str, weighted: bool, rng: np.random.Generator) -> None:
    """Whatever else the element holds; the mean is that of the others."""
    loss = fl.LOSSES[name]
    pred, target = draw(loss, 100, "f8", rng)
    keep = rng.random(100) < 0.6
    weight = rng.gamma(1.0, 1.0, 100) if weighted else None
    spoiled, labels = np.where(keep, pred, np.nan), np.where(keep, target, -100.0)
    value, grad = loss.value_and_grad(spoiled, labels, weight=weight, ignore_index=-100)
    expected, present = loss.value_and_grad(pred[keep], target[keep], weight=weight[keep] if weighted else None)
    assert_allclose(value, expected, rtol=1e-13)
    assert_allclose(grad[keep], present, rtol=1e-13)
    assert_array_equal(grad[~keep], 0.0)
    assert loss(spoiled, labels, weight=weight, ignore_index=-100) == pytest.approx(value, rel=1e-14)
    with pytest.raises(ValueError, match=r"target\[\d+\] is -100.0, expected"):
        loss(spoiled, labels, weight=weight)


def test_which_losses_have_labels_to_ignore() -> None:
    assert {n for n in NAMES if fl.LOSSES[n].labelled == 1} >= LABELLED
    assert not any(n in LABELLED or fl.LOSSES[n].labelled for n in ("squared_error", "poisson", "gaussian_nll"))
    with pytest.raises(ValueError, match="huber: ignore_index is -100, expected None; the loss has no labels"):
        fl.huber([1.0], [-100.0], ignore_index=-100)
    with pytest.raises(TypeError, match=r"hinge: ignore_index is 1\.5, expected a whole number"):
        fl.hinge([1.0], [1.0], ignore_index=1.5)
    with pytest.raises(ValueError, match="target has shape .* differ by an axis of length 1"):
        fl.hinge(np.ones((2, 1)), np.ones((2, 1)), ignore_index=-100, weight=np.ones(2))
    unsigned = np.array([2**8 - 100, 1], "u1")  # -100 as one of them, which nobody has asked to ignore
    with pytest.raises(ValueError, match=r"target\[0\] is 156"):
        fl.binary_cross_entropy_with_logits(np.zeros(2), unsigned, ignore_index=-100)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("name", some(NAMES, REPRESENTATIVE, plain=True))
def test_sum_of_none_is_sum(name: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays = draw(loss, 500, "f8", rng)
    if loss.rooted:
        return
    each, gradient_of_sum = loss.value_and_grad(*arrays, reduction="none")
    total, grad = loss.value_and_grad(*arrays, reduction="sum")
    mean, scaled = loss.value_and_grad(*arrays)
    assert_allclose(each.sum(), total, rtol=1e-12, atol=1e-12)
    assert_allclose(total / 500, mean, rtol=1e-15)
    for a, b, c in zip(gradients(gradient_of_sum), gradients(grad), gradients(scaled), strict=True):
        assert_array_equal(a, b)
        assert_allclose(b / 500, c, rtol=1e-15, atol=0)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("name", some([n for n in NAMES if fl.LOSSES[n].rooted], ["root_mean_squared_error"]))
def test_root(name: str, rng: np.random.Generator) -> None:
    """Against the mean that it is the root of, by the chain rule written out."""
    loss = fl.LOSSES[name]
    inner = next(other for other in map(fl.LOSSES.get, NAMES) if other.jet is loss.jet and not other.rooted)
    arrays = draw(loss, 300, "f8", rng)
    weight = rng.gamma(1.0, 1.0, 300)
    mean, slope = inner.value_and_grad(*arrays, weight=weight)
    _, curvature = inner.grad_and_hess(*arrays, weight=weight)
    root = np.sqrt(mean)
    value, grad = loss.value_and_grad(*arrays, weight=weight)
    _, hess = loss.grad_and_hess(*arrays, weight=weight)
    assert_allclose(value, root, rtol=1e-15)
    assert_allclose(grad, slope / (2 * root), rtol=1e-13)
    assert_allclose(hess, curvature / (2 * root) - slope**2 / (4 * root**3), rtol=1e-12, atol=1e-18)
    perfect, flat = loss.value_and_grad(arrays[0], arrays[0])
    assert perfect == 0.0
    assert_array_equal(flat, 0.0)


@pytest.mark.parametrize("verb", some(["value_and_grad", "grad_and_hess"], ["value_and_grad"]))
@pytest.mark.parametrize("dtype", some(["f4", "f8", "f2"], ["f4"]))
@pytest.mark.parametrize("name", some(REPRESENTATIVE, ["huber", "root_mean_squared_error"]))
def test_same_bits_for_any_number_of_threads(name: str, dtype: str, verb: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    for size in (1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 123):
        arrays = draw(loss, size, dtype, rng)
        weight = rng.gamma(1.0, 1.0, size).astype(dtype)
        serial = getattr(loss, verb)(*arrays, weight=weight, backend="serial")
        for threads in (1, 2, None):
            fl.set_num_threads(threads)
            parallel = getattr(loss, verb)(*arrays, weight=weight, backend="parallel")
            fl.set_num_threads(None)
            for s, p in zip(gradients(serial), gradients(parallel), strict=True):
                for a, b in zip(gradients(s), gradients(p), strict=True):
                    assert a.tobytes() == b.tobytes()


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_verbs_agree(name: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays = draw(loss, 1000, "f4", rng)
    value, grad = loss.value_and_grad(*arrays)
    assert_allclose(loss(*arrays), value, rtol=1e-7)
    also, _ = loss.grad_and_hess(*arrays)
    for g, a, o in zip(gradients(grad), gradients(also), gradients(loss.grad(*arrays)), strict=True):
        assert_allclose(a, g, rtol=ROUNDING, atol=1e-9)
        assert_allclose(o, g, rtol=ROUNDING, atol=1e-9)


@pytest.mark.parametrize("name", some(NAMES, REPRESENTATIVE))
def test_nan_in_nan_out(name: str, rng: np.random.Generator) -> None:
    """In the value, in its own gradient, and nowhere else; checked inputs included. Kernels are those of test_kernels.py."""
    loss = fl.LOSSES[name]
    for k in range(len(loss.inputs)):
        arrays = draw(loss, 67, "f4", rng)
        arrays[k][33] = np.nan
        value, grad = loss.value_and_grad(*arrays) if loss.rooted else at_once(loss, *arrays)[:2]
        assert_array_equal(np.flatnonzero(np.isnan(value)), [0 if loss.rooted else 33])
        for g in gradients(grad):
            assert np.isnan(g[33])
            assert loss.rooted or not np.isnan(np.delete(g, 33)).any()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40),
    normalizer=st.floats(0.01, 1e6),
    data=st.data(),
)
def test_normalizer_divides(values: list[float], normalizer: float, data: Any) -> None:
    pred = np.array(values)
    weight = np.array(data.draw(st.lists(st.floats(0, 10), min_size=len(values), max_size=len(values))))
    total, grad = fl.huber.value_and_grad(pred, 0.0, weight=weight, reduction="sum")
    value, scaled = fl.huber.value_and_grad(pred, 0.0, weight=weight, normalizer=normalizer)
    # Of subnormal numbers the last bit or two, which a quotient multiplies.
    least = 2e-323 / min(normalizer, 1.0)
    assert_allclose(value, total / normalizer, rtol=1e-14, atol=least)
    assert_allclose(scaled, grad / normalizer, rtol=1e-14, atol=least)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("weight", [None, np.zeros(4, "f4")])
def test_mean_of_nothing(weight: Any) -> None:
    pred = np.ones(0 if weight is None else 4, "f4")
    value, grad = fl.huber.value_and_grad(pred, pred, weight=weight)
    assert np.isnan(value)
    assert_array_equal(grad, np.zeros_like(pred))
    assert fl.huber(pred, pred, weight=weight, empty="zero") == 0.0
    assert fl.huber(pred, pred, weight=weight, reduction="sum") == 0.0
    assert fl.huber(pred, pred, weight=weight, normalizer=3.0) == 0.0
    out = np.full_like(pred, 7.0)
    with pytest.raises(ValueError, match="nothing to average"):
        fl.huber.value_and_grad(pred, pred, weight=weight, empty="raise", out=out)
    assert_array_equal(out, 7.0)


def test_a_large_sum_does_not_stall() -> None:
    """A float32 total would stop at 2^24."""
    ones = np.ones(2**25, "f4")
    assert fl.absolute_error(ones, 0.0, reduction="sum") == 2**25
