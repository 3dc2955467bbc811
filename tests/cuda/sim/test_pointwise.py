"""Every pointwise loss in the CUDA simulator, against the CPU's: the same definitions in another template."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from simulated import combine, total

import fastloss as fl
from fastloss.define.keywords import GRAD, HESS, VALUE
from fastloss.kernels.cuda.plan.elements import CombinePlan, CudaPlan
from fastloss.kernels.cuda.plan.rows import width_of
from fastloss.kernels.cuda.templates import elements as pointwise
from fastloss.kernels.plan.elements import Plan, sum_plan

LOSSES = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.Loss)]
TYPES = {"f4": np.float32, "f8": np.float64, "f2": np.float16, "bf16": ml_dtypes.bfloat16}
# The simulator computes in Python's float64 between loads and stores; the CPU in the compute type.
TOLERANCE = {"f4": 3e-6, "f8": 1e-13, "f2": 1e-3, "bf16": 8e-3}
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy's functions, at infinities
SIZE = 150  # two tiles and a bit, whose last packet is not whole


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch, uncompiled: None) -> None:
    """Few threads; and a host that compiles nothing."""
    monkeypatch.setattr(pointwise, "THREADS", 8)
    monkeypatch.setattr(pointwise, "TILE", 64)


def inputs(loss: Any, size: int, kind: Any, rng: np.random.Generator) -> tuple[Any, ...]:
    return tuple(domain.sample(rng, size).astype(kind) for domain in loss.domains)


def plan(
    loss: Any, data: Any, weight: Any, want: int, each: bool, width: int | None = None, found: bool = False
) -> Any:
    kind = weight[0].dtype.char if weight else ""
    base = Plan.of(loss, tuple(x.dtype.char for x in data), want, True, kind, each=each)._replace(weighed=False)
    return CudaPlan(base, width or width_of(base.types[base.wrt[0]]), found)


def agree(found: Any, expected: Any, dtype: str) -> None:
    for a, b in zip(found, expected, strict=True):
        scale = np.nanmax(np.abs(np.asarray(b, np.float64)), initial=0.0)
        assert_allclose(
            np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale
        )


@pytest.mark.parametrize("loss", [x for x in LOSSES if not x.rooted], ids=lambda x: x.name)
def test_every_loss(loss: Any, rng: np.random.Generator) -> None:
    data = inputs(loss, SIZE, np.float32, rng)
    want = VALUE | GRAD | (HESS if loss.order == 2 else 0)
    sums, _, grads, hesses, flawed = total(
        plan(loss, data, (), want, False), data, (), loss, (np.float32(1 / SIZE), np.float32(0))
    )
    assert not flawed
    value, grad = loss.value_and_grad(*data)
    result, _ = combine(CombinePlan("f", "f", "averaged", False), sums, (float(SIZE),))
    agree(result, [value], "f4")
    agree(grads, grad if isinstance(grad, tuple) else (grad,), "f4")
    if loss.order == 2:
        hess = loss.grad_and_hess(*data)[1]
        agree(hesses, hess if isinstance(hess, tuple) else (hess,), "f4")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("width", [None, 1])
def test_dtypes_weights_and_packets(dtype: str, each: bool, width: int | None, rng: np.random.Generator) -> None:
    loss = fl.binary_cross_entropy_with_logits
    data = (rng.normal(size=SIZE).astype(TYPES[dtype]), (rng.random(SIZE) > 0.5).astype(TYPES[dtype]))
    weight = (rng.integers(0, 3, SIZE).astype("f4"),)
    data[0][weight[0] == 0] = np.nan
    how = plan(loss, data, weight, VALUE | GRAD, each, width, found=True)
    weights, _, _, _, _ = total(
        CudaPlan(sum_plan("f", "C"), 4, False), weight, (), _Sum, (np.float32(1), np.float32(0))
    )
    divisor, slopes = combine(CombinePlan("d", how.plan.compute, "weighed", False), weights, (0.0,))
    assert divisor[0] == weight[0].sum()
    sums, losses, grads, _, _ = total(how, data, weight, loss, (), (slopes,))
    value, grad = loss.value_and_grad(*data, weight=weight[0])
    if each:
        agree(losses, [loss(*data, weight=weight[0], reduction="none")], dtype)
    else:
        agree(
            combine(CombinePlan(how.plan.compute, how.plan.compute, "averaged", True), sums, (divisor,))[0],
            [value],
            dtype,
        )
    agree(grads, [grad], dtype)
    assert_array_equal(np.asarray(grads[0], "f4")[weight[0] == 0], 0.0)


class _Sum:
    """The loss whose value is its input."""

    @staticmethod
    def cast(kind: Any) -> tuple[()]:
        return ()

    @staticmethod
    def bounds(kind: Any) -> tuple[Any, ...]:
        return (kind(0), kind(0))


@pytest.mark.parametrize("exact", [False, True])
def test_roots(exact: bool, rng: np.random.Generator) -> None:
    loss = fl.root_mean_squared_error
    data = inputs(loss, SIZE, np.float64, rng)
    if exact:
        data = (data[0], data[0].copy())
    sums, *_ = total(plan(loss, data, (), VALUE, False), data, (), loss, (0.0, 0.0))
    value, slopes = combine(CombinePlan("d", "d", "rooted", False), sums, (float(SIZE),))
    _, _, grads, hesses, _ = total(plan(loss, data, (), GRAD | HESS, False, found=True), data, (), loss, (), (slopes,))
    expected, grad = loss.value_and_grad(*data)
    agree(value, [expected], "f8")
    agree(grads, [grad], "f8")
    agree(hesses, [loss.grad_and_hess(*data)[1]], "f8")


@pytest.mark.parametrize("where", [0, 70, SIZE - 1])
def test_values_outside_a_domain_are_found(where: int, rng: np.random.Generator) -> None:
    loss = fl.binary_cross_entropy_with_logits
    data = (rng.normal(size=SIZE), (rng.random(SIZE) > 0.5).astype("f8"))
    data[1][where] = 2.0
    for weight, flawed in (((), True), ((np.ones(SIZE),), True), (((np.arange(SIZE) != where) * 1.0,), False)):
        how = plan(loss, data, weight, VALUE, False)
        assert total(how, data, weight, loss, (1.0, 0.0))[4] == flawed


@pytest.mark.parametrize("size", [1, 3, 4, 63, 64, 65])
def test_sizes(size: int, rng: np.random.Generator) -> None:
    loss = fl.huber
    data = inputs(loss, size, np.float32, rng)
    one = np.float32(1)
    wide, narrow = (total(plan(loss, data, (), 3, False, width), data, (), loss, (one, one)) for width in (4, 1))
    agree([wide[0].sum()], [loss(*data, reduction="sum")], "f4")
    assert_array_equal(wide[2][0], narrow[2][0])


@pytest.mark.parametrize(("nothing", "expected"), [(np.nan, np.nan), (0.0, 0.0)])
def test_mean_of_nothing(nothing: float, expected: float) -> None:
    sums = np.zeros(1, np.float32)
    value, _ = combine(CombinePlan("f", "f", "averaged", False), sums, (0.0,), nothing)
    assert_array_equal(value[0], np.float32(expected))
    assert combine(CombinePlan("f", "f", "weighed", False), sums, (0.0,))[1][0] == 0.0
