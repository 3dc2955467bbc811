"""Parameters of losses of rows that are arrays, through compiled kernels: tiles, long rows and pairs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from data import some

import fastloss as fl
from fastloss.kernels.plan.elements import PARALLEL_FROM


def drawn(n: int, k: int, dtype: Any) -> tuple[Any, Any, Any]:
    """Scores, the teacher's, and a temperature for each row."""
    rng = np.random.default_rng(7)
    return rng.normal(0, 2, (n, k)).astype(dtype), rng.normal(0, 2, (n, k)).astype(dtype), rng.uniform(0.5, 4, n)


def softened(x: Any, y: Any, t: Any) -> tuple[Any, Any]:
    """The textbook's T^2 KL of two softmaxes at temperature T: each row's value and slope."""
    t = t[:, None].astype(np.longdouble)
    p, q = (np.exp(z.astype(np.longdouble) / t) for z in (x, y))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    return (t[:, 0] ** 2) * (q * np.log(q / p)).sum(1), t * (p - q)


TYPES = [(21, np.float64), (150, np.float32), (21, np.float32), (150, np.float64), (21, np.float16)]
TOLERANCE = {"d": 1e-12, "f": 2e-5, "e": 4e-3}


@pytest.mark.parametrize(("classes", "dtype"), some(TYPES, TYPES[:1]))
def test_each_row_has_its_own(classes: int, dtype: Any) -> None:
    x, y, t = drawn(131, classes, dtype)
    found = fl.soft_distillation.value_and_grad(x, y, temperature=t, reduction="sum")
    value, slope = softened(x, y, t)
    tolerance = TOLERANCE[np.dtype(dtype).char]
    assert found[0] == pytest.approx(float(value.sum()), rel=tolerance)
    assert found[1].dtype == dtype
    np.testing.assert_allclose(found[1], slope, rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize(("classes", "dtype"), some(TYPES, TYPES[:2], plain=True))
def test_over_the_scores_and_all_the_same(classes: int, dtype: Any) -> None:
    x, y, t = drawn(131, classes, dtype)
    _, slope = softened(x, y, t)
    tolerance = TOLERANCE[np.dtype(dtype).char]
    place = x.copy()
    again = fl.soft_distillation.value_and_grad(place, y, temperature=t, reduction="sum", out=place)
    np.testing.assert_allclose(again[1], slope, rtol=tolerance, atol=tolerance)
    constant = fl.soft_distillation.grad(x, y, temperature=np.full(131, 2.0), reduction="sum")
    np.testing.assert_allclose(
        constant, fl.soft_distillation.grad(x, y, temperature=2.0, reduction="sum"), rtol=tolerance, atol=tolerance / 10
    )


@pytest.mark.full
def test_bits_do_not_depend_on_threads() -> None:
    x, y, t = drawn(PARALLEL_FROM // 20, 21, np.float64)
    one = fl.soft_distillation.value_and_grad(x, y, temperature=t, backend="serial", reduction="sum")
    many = fl.soft_distillation.value_and_grad(x, y, temperature=t, backend="parallel", reduction="sum")
    assert one[0] == many[0]
    np.testing.assert_array_equal(one[1], many[1])


@pytest.mark.usefixtures("compiled_at_last")
def test_pairs() -> None:
    rng = np.random.default_rng(8)
    x, y, margin = rng.normal(size=(9, 5)), rng.integers(0, 2, (9, 5)).astype(float), rng.uniform(0.2, 2, 9)
    found = fl.multilabel_margin(x, y, margin=margin, reduction="none")
    for i in range(9):
        gaps = np.maximum(0.0, margin[i] - (x[i][:, None] - x[i])) * (y[i][:, None] > y[i])
        assert found[i] == pytest.approx(gaps.sum() / 5, rel=1e-12)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("bad", [math.nan, -1.0, 0.0, math.inf])
def test_bad(bad: float) -> None:
    x, y, t = drawn(131, 21, np.float64)
    t[77] = bad
    out, over = np.zeros_like(x), x.copy()
    for place, first in ((None, x), (out, x), (over, over)):
        with pytest.raises(ValueError, match=rf"^soft_distillation: temperature\[77\] is {bad}, expected a number"):
            fl.soft_distillation.value_and_grad(first, y, temperature=t, out=place, reduction="sum")
    assert not out.any() and (over == x).all()
