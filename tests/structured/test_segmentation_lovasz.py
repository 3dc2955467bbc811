"""The Lovász losses against their definition: the extension of the Jaccard loss by going through all sets of pixels."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import region_oracle as oracle
from data import some
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")


def by_sets(p: Any, mask: Any, weight: Any, hinge: bool = False) -> Any:
    """Of probabilities or, with masks of -1 and 1, of logits."""
    errors = [max(mpf(0), 1 - z * s) if hinge else abs(z - s) for z, s in zip(p, mask, strict=True)]
    return oracle.extension(errors, [s > 0 for s in mask], weight)


@pytest.mark.parametrize("weighed", [False, pytest.param(True, marks=pytest.mark.compiled)])
def test_probabilities_by_all_sets(weighed: bool, rng: np.random.Generator) -> None:
    for mask in ([1, 0, 1, 0, 0, 1, 1], [0] * 7, [1] * 7):
        pred, weight = rng.random(7), rng.integers(1, 4, 7) / 2.0 if weighed else np.ones(7)
        given = {"classes": "all", **({"weight": weight} if weighed else {})}
        value, grad = fl.lovasz_softmax_loss.value_and_grad(pred, mask, **given)
        with mp.workdps(50):
            z = oracle.exact(pred)
            of = partial(by_sets, mask=mask, weight=weight)
            expected, steps = of(z), oracle.slopes(of, z)
        assert_allclose(value, float(expected), rtol=1e-14)
        assert_allclose(grad, steps, rtol=1e-13, atol=1e-30)


def test_margins_by_all_sets(rng: np.random.Generator) -> None:
    for mask in ([1, -1, 1, -1, -1, 1, 1], [-1] * 7, [1] * 7):
        logits, zeros = rng.standard_normal(7) * 1.5, (np.array(mask) + 1) // 2
        value, grad = fl.lovasz_hinge_loss.value_and_grad(logits, zeros)
        with mp.workdps(50):
            z = oracle.exact(logits)
            of = partial(by_sets, mask=mask, weight=[1] * 7, hinge=True)
            expected, steps = of(z), oracle.slopes(of, z)
        assert_allclose(value, float(expected), rtol=1e-14)
        assert_allclose(grad, steps, rtol=1e-13, atol=1e-30)
        assert_array_equal(fl.lovasz_hinge_loss.grad(logits, zeros.astype(float)), grad)


def test_it_is_the_largest_of_all_orders(rng: np.random.Generator) -> None:
    """The set function is submodular: no order of the pixels gives more than that of their errors."""
    pred, mask = rng.random(5), np.array([1, 0, 0, 1, 1])
    errors = np.abs(pred - mask)

    def of(order: Any) -> float:
        wrong, total, before = [False] * 5, 0.0, mpf(0)
        for k in order:
            wrong[k] = True
            after = oracle.jaccard_of(wrong, mask, [1] * 5)
            total, before = total + errors[k] * float(after - before), after
        return total

    assert_allclose(fl.lovasz_softmax_loss(pred, mask), max(map(of, permutations(range(5)))), rtol=1e-14)


def test_softmax_of_classes(rng: np.random.Generator) -> None:
    logits, labels = rng.standard_normal((2, 4, 3)), np.array([[0, 1, 1], [0, 0, 1]])
    options = {"axis": 1, "activation": "softmax"}

    def exactly(z: Any, per_sample: bool, classes: int) -> Any:
        p, found = oracle.probabilities(z, "softmax", 1), []
        for rows in [[0], [1]] if per_sample else [[0, 1]]:
            for c in range(classes):
                mask = [int(y == c) for y in labels[rows].ravel()]
                found.append(by_sets(p[rows, c].ravel(), mask, [1] * len(mask)))
        return sum(found) / len(found)

    with mp.workdps(50):
        z = oracle.exact(logits)
        for per_sample, classes in ((False, 2), (True, 2), (False, 4)):
            how = {"per_sample": per_sample, "classes": "present" if classes == 2 else "all", **options}
            value, grad = fl.lovasz_softmax_loss.value_and_grad(logits, labels, **how)
            assert_allclose(value, float(exactly(z, per_sample, classes)), rtol=1e-14)
            steps = oracle.slopes(lambda x, s=per_sample, c=classes: exactly(x, s, c), z)
            assert_allclose(grad, steps, rtol=1e-12, atol=1e-16)
    each = fl.lovasz_softmax_loss(logits, labels, per_sample=True, reduction="none", **options)
    assert each.shape == (2, 4)
    assert_array_equal(each[:, 2:], 0.0)


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f8"]))
def test_many_pixels_and_ties(dtype: str, rng: np.random.Generator) -> None:
    """Sorted as NumPy sorts, the first of equals first; NaN is kept, and what is absent may be it."""
    n = 5_000
    pred = np.round(rng.random(n), 3).astype(dtype)
    pred[:50] *= np.asarray(1e-30, dtype)
    mask, weight = rng.integers(0, 2, n), rng.integers(0, 3, n) / 2.0
    error = np.where(mask == 1, 1 - pred, pred)
    order = np.argsort(-np.where(weight > 0, error, 0), kind="stable")
    w, t = weight[order], mask[order]
    total = weight @ mask
    jaccard = 1 - (total - np.cumsum(w * t)) / (total + np.cumsum(w * (1 - t)))
    steps = np.diff(jaccard, prepend=0.0)
    value, grad = fl.lovasz_softmax_loss.value_and_grad(pred, mask, weight=weight)
    assert_allclose(value, (error[order] * steps).sum(), rtol=1e-5 if dtype == "f4" else 1e-12)
    expected = np.empty(n)
    expected[order] = np.where(t == 1, -steps, steps)
    # The differences of the formula lose digits, those of the kernel do not.
    assert_allclose(grad, expected, rtol=1e-6 if dtype == "f4" else 1e-9, atol=1e-15)
    pred[weight == 0] = np.nan
    assert_array_equal(fl.lovasz_softmax_loss.grad(pred, mask, weight=weight), grad)
    pred[np.flatnonzero(weight)[0]] = np.nan
    value, grad = fl.lovasz_softmax_loss.value_and_grad(pred, mask, weight=weight)
    assert np.isnan(value) and np.isnan(grad[weight > 0]).all()


def test_a_margin_of_one_has_no_gradient() -> None:
    value, grad = fl.lovasz_hinge_loss.value_and_grad([1.0, -1.0, 3.0], [1, 0, 1])
    assert value == 0.0
    assert_array_equal(grad, 0.0)


def test_errors_without_end() -> None:
    """An infinite error counts where it comes first, and adds nothing once all of the region is lost."""
    value, grad = fl.lovasz_hinge_loss.value_and_grad([-np.inf, np.inf, 0.0], [1, 0, 0])
    assert value == np.inf
    assert_array_equal(grad, [-1.0, 0.0, 0.0])
    value, grad = fl.lovasz_hinge_loss.value_and_grad([np.inf, -np.inf, 0.0], [0, 0, 1])
    assert value == np.inf
    assert_allclose(grad, [0.5, 0.0, -0.5])
    # A weight that is no number is kept, also where there is no region.
    value, grad = fl.lovasz_hinge_loss.value_and_grad([1.0, 2.0], [0, 0], weight=[np.nan, 1.0])
    assert np.isnan(value) and np.isnan(grad).all()
