"""Every kernel variant against the same template run as plain Python, and against the naive definition of its options."""

from __future__ import annotations

from itertools import product
from typing import Any

import ml_dtypes
import numpy as np
import plain
import pytest
from data import NAMES, REPRESENTATIVE, at_once, draw, gradients, rest, some
from numpy.testing import assert_allclose

import fastloss as fl
from fastloss.define.keywords import GRAD, HESS, VALUE
from fastloss.kernels.plan.elements import Plan
from fastloss.kernels.templates.elements import BLOCK

# The kernels' elementary functions are within 2 units in the last place, and a jet makes a few roundings more. What is
# tested here is that a variant computes the right thing; how accurately is for test_accuracy.py.
TOLERANCE = {np.dtype("f8"): 2e-13, np.dtype("f4"): 2e-5}

SIZE = 200


def reference(loss: fl.Loss, want: int, arrays: list[Any], weight: Any = None, each: bool = False) -> Any:
    """Sum (or each value), gradients and second derivatives from the template as plain Python."""
    wide = [x.astype(np.float64) for x in arrays]
    size = wide[0].size
    value = (np.empty(size),) if each else ()
    grad = tuple(np.empty(size) for _ in loss.wrt)
    hess = tuple(np.empty(size) for _ in loss.wrt)
    plan = Plan.of(loss, ("d",) * len(wide), want, False, "" if weight is None else "d", each=each)
    plan = plan._replace(rooted=False)
    weights = () if weight is None else (weight.astype(np.float64),)
    total, _ = plain.run(
        plan, (0, 0), tuple(wide), weights, tuple(loss.values.values()), 1.0, 0.0, loss.bounds(np.float64), value, grad, hess, size
    )  # fmt: skip
    return (value[0] if each else total), grad, hess


def close(actual: Any, expected: Any, dtype: Any) -> None:
    rtol = TOLERANCE[np.dtype(dtype)]
    scale = np.nanmax(np.abs(np.asarray(expected, np.float64)), initial=0.0)
    assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", some(NAMES, REPRESENTATIVE))
def test_every_loss(name: str, dtype: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    if loss.rooted:
        pytest.skip("the template computes the mean only; see test_laws.py::test_root")
    arrays = draw(loss, SIZE, dtype, rng)
    total, grad, hess = reference(loss, VALUE | GRAD | HESS, arrays)
    value, first, second = at_once(loss, *arrays)
    close(value.sum(dtype="f8"), total, dtype)
    for a, e in zip((value, *gradients(first), *gradients(second)), (value, *grad, *hess), strict=True):
        assert a.dtype == np.dtype(dtype)
        close(a, e, dtype)


VARIANTS = list(product(["__call__", "value_and_grad", "grad", "grad_and_hess"], [False, True], ["mean", "sum", "none"],
                        ["serial", "parallel"]))  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "weighted", "reduction", "backend"), [v if v[0] == "value_and_grad" else rest(v) for v in VARIANTS]
)
@pytest.mark.parametrize("name", some(REPRESENTATIVE[:4], ["huber"]))
def test_variants(name: str, verb: str, weighted: bool, reduction: str, backend: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    size = 2 * BLOCK + 77 if verb == "value_and_grad" else SIZE
    arrays = draw(loss, size, "f4", rng)
    weight = rng.gamma(1.0, 1.0, size).astype("f4") if weighted else None
    denominator = 1.0 if reduction != "mean" else size if weight is None else weight.sum(dtype="f8")
    value, grad, hess = reference(loss, VALUE | GRAD | HESS, arrays, weight, reduction == "none")
    expected = {
        "__call__": (value / denominator,),
        "value_and_grad": (value / denominator, *(g / denominator for g in grad)),
        "grad": tuple(g / denominator for g in grad),
        "grad_and_hess": tuple(d / denominator for d in grad + hess),
    }[verb]
    result = getattr(loss, verb)(*arrays, weight=weight, reduction=reduction, backend=backend)
    flat = [a for part in gradients(result) for a in gradients(part)]
    for a, e in zip(flat, expected, strict=True):
        close(a, e, "f4")


@pytest.mark.parametrize(
    "target", some(["f8", "f2", "?", "i1", "u1", "i2", "i4", "i8", "u8", ml_dtypes.bfloat16], ["?", "i8"])
)
def test_types_of_targets_and_weights(target: Any, rng: np.random.Generator) -> None:
    pred = rng.normal(size=SIZE).astype("f4")
    labels = (rng.random(SIZE) < 0.5).astype(target)
    weight = rng.integers(0, 2, SIZE).astype(target)
    plain_result = fl.bce_with_logits.value_and_grad(pred, labels.astype("f4"), weight=weight.astype("f4"))
    value, grad = fl.bce_with_logits.value_and_grad(pred, labels, weight=weight)
    # The compiler adds up in as many lanes as it loads of these types: on some processors (Emerald Rapids) in others.
    np.testing.assert_array_max_ulp(value, plain_result[0], 2)
    assert grad.dtype == np.float32
    np.testing.assert_array_equal(grad, plain_result[1])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", some(REPRESENTATIVE, ["huber"]))
def test_sixteen_bits(name: str, dtype: Any, rng: np.random.Generator) -> None:
    """Arithmetic in float32, derivatives rounded once to the input's type: equal to doing just that by hand."""
    loss = fl.LOSSES[name]
    arrays = [x.astype(dtype) for x in draw(loss, SIZE, "f4", rng)]
    value, grad = loss.value_and_grad(*arrays)
    expected, wide = loss.value_and_grad(*(x.astype("f4") for x in arrays))
    assert value.dtype == np.float32
    assert value == expected
    for g, w in zip(gradients(grad), gradients(wide), strict=True):
        assert g.dtype == dtype
        np.testing.assert_array_equal(g, w.astype(dtype))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_all_sixteen_bit_numbers_are_read_and_written(dtype: Any) -> None:
    """Every one of the 65,536 patterns through half_squared_error against 0, whose gradient is the number itself."""
    bits = np.arange(65_536, dtype=np.uint16)
    x = bits.view(dtype)
    grad = fl.half_squared_error.grad(x, np.zeros(65_536, "f4"), reduction="sum")
    nan = np.isnan(x.astype("f4"))
    assert np.isnan(grad.astype("f4"))[nan].all()
    np.testing.assert_array_equal(grad.view(np.uint16)[~nan], bits[~nan])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_rounding_to_sixteen_bits(dtype: Any, rng: np.random.Generator) -> None:
    """half_squared_error's gradient pred - target, exact in float32 for these, rounded as NumPy and ml_dtypes round."""
    exponents = rng.integers(-30, 16, 20_000)
    pred = np.ldexp(rng.choice([-1.0, 1.0], 20_000), exponents).astype(dtype)
    target = (pred.astype("f4") * rng.choice([2.0**-11, 2.0**-12, 3 * 2.0**-12, 2.0**-8, 2.0**-9], 20_000)).astype("f4")
    exact = pred.astype("f4") - target
    grad = fl.half_squared_error.grad(pred, target, reduction="sum")
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(grad, exact.astype(dtype))
