"""What is not known, and what is absent: the value and the derivatives of a row say the same, for every row loss."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import plain
import pytest
import row_oracle as oracle
from data import ROWS
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.arrays.host import rows as job
from fastloss.define.rows import Pair

NAN, INF = math.nan, math.inf
ROWS_OF: dict[str, list[list[float]]] = {
    "logits": [
        [0.5, -1.0, 2.0], [NAN, 0.0, 1.0], [-1.0, NAN, 0.0], [-INF, -INF, -INF], [0.0, -INF, 1.0], [-INF, 0.0, -INF],
        [INF, 0.0, 1.0], [INF, INF, 0.0], [INF, -INF, 0.0], [NAN, -INF, -INF], [NAN, INF, 0.0],
    ],
    "probabilities": [[0.2, 0.3, 0.5], [NAN, 0.5, 0.5], [0.5, NAN, 0.5], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0],
                      [0.0, 0.0, 0.0], [NAN, 0.0, 0.0]],
}  # fmt: skip
ROWS_OF["logs"] = [*ROWS_OF["logits"][:6], [NAN, -INF, -INF], [0.0, -INF, -INF]]
ROWS_OF["vectors"] = ROWS_OF["logits"] + [[0.0, 0.0, 0.0], [NAN, 0.0, 0.0], [INF, 0.0, 0.0]]
MASSES = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.0, NAN, 0.0]]

POINTS = [
    pytest.param(name, params, id=f"{name}-{'-'.join(map(str, params.values()))}")
    for name in ROWS
    for params in (*oracle.FORMULAS[name].points, *([{"alpha": 0.0}] if "alpha" in fl.LOSSES[name].parameters else []))
]


def special(name: str, dense: bool) -> list[Any]:
    """Every combination of rows in which something is not known, infinite, or absent."""
    loss, kind = fl.LOSSES[name], oracle.FORMULAS[name].scores
    first = ROWS_OF[kind]
    second: list[Any] = ROWS_OF["probabilities" if loss.domains[1].low == 0.0 else kind]
    if loss.target != "none":
        targets: list[Any] = MASSES if dense else [0, 1]
        # A teacher of some of them: the rest is tried without a target.
        rows: Any = product(first, second[:5], targets) if loss.scores == 2 else product(first, targets)
    elif isinstance(loss.functions, Pair):
        rows = product(first, [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    else:
        rows = product(first, second)
    return [np.array(column) for column in zip(*rows, strict=True)]


def forgetful(a: float, b: float) -> float:
    """A maximum as the kernels take it of a NaN whose sign is set: it may pass over it."""
    return a if a > b or b != b else b


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("long", "maximum"), [(2, plain.larger), (129, forgetful)], ids=["rows", "lanes"])
@pytest.mark.parametrize(("name", "params"), POINTS)
def test_value_and_derivatives_agree(
    name: str, params: dict[str, Any], long: int, maximum: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NaN is in both or in neither, unless the value is infinite, where the gradient may have no limit."""
    loss = fl.LOSSES[name].bind(**params)
    monkeypatch.setattr(plain, "larger", maximum)
    monkeypatch.setattr(job, "LONG", long)
    for dense in {loss.target == "dense", loss.target != "labels"}:
        arrays = special(name, dense)
        each = loss(*arrays, reduction="none", check=False)
        verb = loss.grad_and_hess if loss.order > 1 else lambda *a, **o: (loss.grad(*a, **o),)
        slopes = verb(*arrays, reduction="sum", check=False)
        lost = [np.isnan(d).any(axis=1) for d in slopes]
        known = np.isfinite(each)
        for where, wrong in (("gradient of a value", known & lost[0]), ("value", np.isnan(each) & ~lost[0]),
                             ("second derivative alone", lost[-1] & ~lost[0])):  # fmt: skip
            i = int(wrong.argmax())
            assert not wrong.any(), (where, [x[i] for x in arrays], each[i], [d[i] for d in slopes])


# -- compiled ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("compiled_at_last")
def test_a_padded_list_loses_nothing() -> None:
    scores, relevance = np.array([[1.0, 2.0], [-INF, -INF]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    value, grad = fl.listwise_softmax.value_and_grad(scores, relevance, reduction="sum")
    assert value == pytest.approx(1.3132616875182228)
    assert_allclose(grad, [[-0.73105858, 0.73105858], [0.0, 0.0]], rtol=1e-8)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("name", ["distillation", "distillation_from_probabilities"])
def test_a_part_that_counts_nothing_is_absent(name: str) -> None:
    student, teacher = np.array([[0.0, 1.0, 2.0]]), np.full((1, 3), NAN)
    value, grad = fl.LOSSES[name].value_and_grad(student, teacher, [0], alpha=1.0)
    assert value == pytest.approx(2.40760596444438)
    assert_allclose(grad, [[-0.90996943, 0.24472847, 0.66524096]], rtol=1e-7)


@pytest.mark.usefixtures("compiled_at_last")
def test_the_likeliest_classes_of_nobody_are_absent() -> None:
    student, unknown = np.array([[0.0, 1.0, 2.0]]), np.full((1, 2), NAN)
    value, grad = fl.topk_distillation.value_and_grad(student, [[0, 2]], unknown, [0], alpha=1.0)
    assert value == pytest.approx(2.40760596444438)
    assert_allclose(grad, [[-0.90996943, 0.24472847, 0.66524096]], rtol=1e-7)
    value, grad = fl.topk_distillation.value_and_grad(student, [[0, 2]], unknown, [0], alpha=0.5)
    assert np.isnan(value)
    assert np.isnan(grad).all()


@pytest.mark.usefixtures("compiled_at_last")
def test_a_masked_class_stays_masked_under_a_cap() -> None:
    logits, masked = np.array([[0.5, -0.25]]), np.array([[0.5, -0.25, -INF]])
    value, grad = fl.cross_entropy.value_and_grad(logits, [0], softcap=1.0)
    found, slope = fl.cross_entropy.value_and_grad(masked, [0], softcap=1.0)
    assert value == found == pytest.approx(0.4008569612509459)
    assert_array_equal(slope, [[*grad[0], 0.0]])
