"""Weights of rows and of classes: what they multiply and what a mean divides by are one and the same, for every row loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import ROWS, some
from numpy.testing import assert_allclose, assert_array_equal
from rowwise import draw

import fastloss as fl
from fastloss.arrays.host import rows as job

pytestmark = pytest.mark.usefixtures("uncompiled")

K, N = 4, 6
# The same float64 operations on numbers that are three times as large.
ROUNDING = 1e-13
KINDS_OF = {"none": ["none"], "labels": ["labels"], "dense": ["dense"], "both": ["labels", "dense"]}
CASES = [(name, kind) for name in ROWS for kind in KINDS_OF[fl.LOSSES[name].target]]
CLASSES = np.array([0.5, 3.0, 0.25, 1.0])

OFTEN: dict[str, dict[str, Any]] = {"cross_entropy": {"z_loss": 0.1}}
"""Parameters by which a part of the loss depends on no target."""


def points(loss: fl.RowLoss) -> list[dict[str, Any]]:
    """The loss as it is, with a part that no mass multiplies, with smoothing."""
    found = [OFTEN.get(loss.name, {})]
    return [*found, {"label_smoothing": 0.25, **found[0]}] if loss.smooth else found


@pytest.mark.parametrize("long", some([2, 129], [2]), ids=["rows", "lanes"])
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_mean_does_not_change_with_the_unit_of_weights(
    name: str, kind: str, long: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All weights of a kind times three, of rows and of classes."""
    loss = fl.LOSSES[name]
    monkeypatch.setattr(job, "LONG", long)
    arrays, weight = draw(loss, N, K, "f8", rng, kind), rng.gamma(1.0, 1.0, N)
    keywords: list[dict[str, Any]] = [{"weight": weight}]
    if loss.classed:
        keywords += [{"class_weight": CLASSES}, {"class_weight": CLASSES, "weight": weight}]
    for options in points(loss):
        for weights in keywords:
            value, grad = loss.value_and_grad(*arrays, **weights, **options)
            for which in weights:
                more = {**options, **weights, which: 3.0 * weights[which]}
                found, slope = loss.value_and_grad(*arrays, **more)
                assert_allclose(found, value, rtol=ROUNDING)
                assert_allclose(slope, grad, rtol=ROUNDING, atol=ROUNDING)
                if loss.order > 1:
                    assert_allclose(loss.grad_and_hess(*arrays, **more)[1],
                                    loss.grad_and_hess(*arrays, **weights, **options)[1],
                                    rtol=ROUNDING, atol=ROUNDING)  # fmt: skip


@pytest.mark.parametrize("long", some([2, 129], [2]), ids=["rows", "lanes"])
@pytest.mark.parametrize(("name", "kind"), [c for c in CASES if c[1] != "none"])
def test_a_class_weight_is_the_weight_of_its_rows(
    name: str, kind: str, long: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its labels; and of a row's masses where one class has them all, or all classes weigh the same."""
    loss = fl.LOSSES[name]
    monkeypatch.setattr(job, "LONG", long)
    arrays, labels = draw(loss, N, K, "f8", rng, kind), np.array([0, 1, 1, 2, 3, 0])
    arrays[-1] = labels if kind == "labels" else np.eye(K)[labels]
    classes = np.array([0.5, 3.0, 0.0, 1.0])
    for reduction in ("mean", "sum", "none"):
        options = {**OFTEN.get(name, {}), "reduction": reduction}
        for given, same in ((classes, classes[labels]), (np.full(K, 3.0), np.full(N, 3.0))):
            value, grad = loss.value_and_grad(*arrays, class_weight=given, **options)
            expected, slope = loss.value_and_grad(*arrays, weight=same, **options)
            assert_allclose(value, expected, rtol=ROUNDING)
            assert_allclose(grad, slope, rtol=ROUNDING, atol=ROUNDING)
        # A row whose class weighs nothing is absent.
        spoiled = [np.where(classes[labels, None] == 0.0, np.nan, x) for x in arrays[:-1]]
        value, grad = loss.value_and_grad(*spoiled, arrays[-1], class_weight=classes, **options)
        assert_array_equal(np.isnan(value), False)
        assert_array_equal(grad[classes[labels] == 0.0], 0.0)


@pytest.mark.parametrize("scale", [1.0, 2.0, 10.0])
def test_a_divergence_counts_by_the_weight_of_its_label(scale: float) -> None:
    student, teacher = np.array([[0.0, 1.0, 2.0, -1.0], [1.0, 0.0, 0.0, 1.0]]), np.zeros((2, 4))
    weight = scale * np.array([1.0, 1.0, 3.0, 1.0])
    value, grad = fl.distillation.value_and_grad(student, teacher, [2, 0], alpha=0.0, class_weight=weight)
    each = fl.distillation(student, teacher, [2, 0], alpha=0.0, reduction="none")
    assert value == pytest.approx((3.0 * each[0] + each[1]) / 4.0)
    assert_allclose(grad[0], 0.75 * fl.distillation.grad(student[:1], teacher[:1], [2], alpha=0.0)[0])


def test_the_weight_of_a_row_of_masses_is_their_mean() -> None:
    logits = np.zeros((2, 3))
    masses, classes = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]), np.array([1.0, 5.0, 6.0])
    # Each class costs log 3: the first row weighs 3, the second, which has no mass, 4.
    assert fl.cross_entropy(logits, masses, class_weight=classes) == pytest.approx(3.0 * np.log(3.0) / 7.0)
    assert_allclose(fl.cross_entropy(logits, masses, class_weight=classes, z_loss=1.0, reduction="none"),
                    [3.0 * np.log(3.0) + 3.0 * np.log(3.0) ** 2, 4.0 * np.log(3.0) ** 2])  # fmt: skip
    unknown = np.array([[np.nan, 1.0, 0.0], [0.0, 1.0, 0.0]])
    value, grad = fl.cross_entropy.value_and_grad(logits, unknown, class_weight=classes)
    assert np.isnan(value)
    assert_array_equal(np.isnan(grad).all(axis=1), [True, False])


@pytest.mark.parametrize("target", ["labels", "dense"])
def test_what_a_row_of_no_class_weight_reads_does_not_matter(target: str) -> None:
    """In a linear layer, too, whose weights' gradient is a sum over the rows."""
    hidden, weight, labels = np.array([[np.nan, 1.0], [1.0, 2.0]]), np.eye(3, 2), np.array([0, 1])
    given = labels if target == "labels" else np.eye(3)[labels]
    value, grads = fl.linear_cross_entropy.value_and_grad(hidden, weight, given, class_weight=[0.0, 1.0, 2.0])
    expected, slopes = fl.linear_cross_entropy.value_and_grad(hidden[1:], weight, given[1:])
    assert_allclose(value, expected)
    assert_array_equal(grads[0][0], 0.0)
    assert_allclose(grads[1], slopes[1])


@pytest.mark.parametrize("long", some([2, 129], [2]), ids=["rows", "lanes"])
def test_class_weights_without_labels(long: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """They multiply each class's own loss; the mean divides by their mean, times the weights of the rows."""
    monkeypatch.setattr(job, "LONG", long)
    z, t = draw(fl.multilabel_soft_margin, N, K, "f8", rng, "none")
    classes = np.array([0.5, 3.0, 0.0, 1.0])
    each = classes * (np.logaddexp(0.0, z) - t * z) / K
    slope = classes * (1.0 / (1.0 + np.exp(-z)) - t) / K
    z[2, 2] = np.nan  # of a class that weighs nothing
    for weight in (np.ones(N), rng.gamma(1.0, 1.0, N)):
        rows, mean = weight * each.sum(axis=1), weight.sum() * classes.mean()
        for reduction, value, divisor in (
            ("none", rows, 1.0),
            ("sum", rows.sum(), 1.0),
            ("mean", rows.sum() / mean, mean),
        ):
            options = {"class_weight": classes, "weight": weight, "reduction": reduction}
            found, grad = fl.multilabel_soft_margin.value_and_grad(z, t, **options)
            assert_allclose(found, value, rtol=ROUNDING)
            assert_allclose(grad, weight[:, None] * slope / divisor, rtol=1e-12, atol=1e-15)
    assert_array_equal(fl.multilabel_soft_margin.grad(z, t, class_weight=np.zeros(K)), 0.0)
    with pytest.raises(ValueError, match="kl_divergence"):
        fl.kl_divergence(np.full((2, 2), 0.5), np.full((2, 2), 0.5), class_weight=[1.0, 2.0])
