"""One clear error for each bad call, which names the argument; and nothing written."""

from __future__ import annotations

import math
from math import exp
from typing import Any

import ml_dtypes
import numpy as np
import pandas as pd
import pytest

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")

P = np.array([0.5, 2.0, -1.0], "f4")
T = np.array([0.0, 1.0, 1.0], "f4")


def bad(at: int, value: float) -> Any:
    x = T.copy()
    x[at] = value
    return x


CASES: list[tuple[str, Any, type[Exception], str]] = [
    # shapes
    ("column", lambda **k: fl.mse.value_and_grad(P, T[:, None], **k), ValueError,
     r"squared_error: pred has shape \(3,\) and target has shape \(3, 1\): they differ by an axis of length 1"),
    ("weight column", lambda **k: fl.mse.value_and_grad(P, T, weight=T[:, None], **k), ValueError,
     r"pred has shape \(3,\) and weight has shape \(3, 1\)"),
    ("mismatch", lambda **k: fl.mse.value_and_grad(P, T[:2], **k), ValueError,
     r"squared_error: shapes do not broadcast: pred \(3,\), target \(2,\)"),
    # types
    ("complex", lambda **k: fl.mse.value_and_grad(P, T.astype("c8"), **k), TypeError, "target has dtype complex64"),
    ("object", lambda **k: fl.mse.value_and_grad(P, np.array([1, None, 2]), **k), TypeError, "target has dtype object"),
    ("string", lambda **k: fl.mse.value_and_grad(P, ["a", "b", "c"], **k), TypeError, "target has dtype"),
    ("date", lambda **k: fl.mse.value_and_grad(P, np.zeros(3, "M8[s]"), **k), TypeError, "target has dtype datetime64"),
    ("long double", lambda **k: fl.mse.value_and_grad(P.astype("g"), T, **k), TypeError, "pred has dtype"),
    ("ragged", lambda **k: fl.mse.value_and_grad(P, [[1.0], [1.0, 2.0]], **k), TypeError, "target is a list that NumPy cannot read"),
    ("masked", lambda **k: fl.mse.value_and_grad(P, np.ma.array(T), **k), TypeError, "target is a MaskedArray"),
    ("null first", lambda **k: fl.mse.value_and_grad(P, np.array([pd.NA, 1.0, 2.0], object), **k), TypeError,
     r"target has dtype object, .*; target\[0\] is <NA>: pass pandas.to_numeric\(target, errors='coerce'\); what"),
    ("nulls alone", lambda **k: fl.mse.value_and_grad(P, np.array([pd.NA, pd.NaT, None], object), **k), TypeError,
     r"target has dtype object, .*; target\[0\] is <NA>: pass pandas.to_numeric"),
    ("arrays inside", lambda **k: fl.mse.value_and_grad(P, np.array([P, T[:2], None], object), **k), TypeError,
     r"target has dtype object, .*; target\[0\] is an array of shape \(3,\)"),
    ("wide integers", lambda **k: fl.mse.value_and_grad(P, [10**400, 1, 2], **k), TypeError,
     r"target has dtype object, .*; target\[0\] is 10+\.\.\.0+, an integer of more than 64 bits"),
    ("4 bits", lambda **k: fl.mse.value_and_grad(P, T.astype(ml_dtypes.int4), **k), TypeError,
     r"target has dtype int4, .*; pass target.astype\('float32'\)"),
    ("balanced", lambda **k: fl.cross_entropy.value_and_grad(P[None], [0], class_weight="balanced", **k), TypeError,
     "class_weight is 'balanced', expected an array of real numbers; balanced weights are labels.size /"),
    ("weights by class", lambda **k: fl.cross_entropy.value_and_grad(P[None], [0], class_weight={2: 1.0}, **k), TypeError,
     "class_weight is a dict, expected an array of real numbers; pass a list, one for each class, as"),
    ("none", lambda **k: fl.mse.value_and_grad(P, None, **k), TypeError, "target is None, expected an array"),
    # domains
    ("unit", lambda **k: fl.bce_with_logits.value_and_grad(P, bad(2, 1.5), **k), ValueError,
     r"binary_cross_entropy_with_logits: target\[2\] is 1.5, expected a number in \[0, 1\]"),
    ("sign", lambda **k: fl.hinge.value_and_grad(P, T, **k), ValueError,
     r"hinge: target\[0\] is 0.0, expected -1 or 1"),
    ("positive", lambda **k: fl.gamma.value_and_grad(P, T, **k), ValueError, r"gamma: target\[0\] is 0.0, expected a"),
    ("second input", lambda **k: fl.gaussian_nll.value_and_grad(P, T, bad(1, -2.0) + np.array([1, 0, 0], "f4"), **k), ValueError,
     r"gaussian_nll: var\[1\] is -2.0, expected a number greater than 0"),
    ("weighted", lambda **k: fl.bce_with_logits.value_and_grad(P, bad(2, 1.5), weight=T, **k), ValueError,
     r"target\[2\] is 1.5"),
    ("root", lambda **k: fl.rmsle.value_and_grad(P - 1, T, **k), ValueError, r"pred\[2\] is -2.0"),
    # parameters
    ("delta zero", lambda **k: fl.huber.value_and_grad(P, T, delta=0.0, **k), ValueError,
     "huber: delta is 0, expected a number greater than 0"),
    ("delta negative", lambda **k: fl.huber.value_and_grad(P, T, delta=-1, **k), ValueError, "delta is -1, expected"),
    ("delta nan", lambda **k: fl.huber.value_and_grad(P, T, delta=float("nan"), **k), ValueError, "delta is nan, expected"),
    ("delta array", lambda **k: fl.huber.value_and_grad(P, T, delta=T, **k), ValueError, r"delta\[0\] is 0.0, expected a number greater"),
    ("delta shape", lambda **k: fl.huber.value_and_grad(P, T, delta=np.ones(4), **k), ValueError,
     r"shapes do not broadcast: .*, delta \(4,\)"),
    ("delta string", lambda **k: fl.huber.value_and_grad(P, T, delta="big", **k), TypeError, "delta is 'big', expected"),
    ("unknown", lambda **k: fl.huber.value_and_grad(P, T, detla=1.0, **k), TypeError,
     r"huber: 'detla' is no argument, expected pred, target, delta, weight, .*; did you mean delta\?"),
    ("bind", lambda **k: fl.huber.bind(delta=0.0).value_and_grad(P, T, **k), ValueError, "delta is 0, expected"),
    # options
    ("reduction", lambda **k: fl.mse.value_and_grad(P, T, reduction="avg", **k), ValueError,
     r"reduction is 'avg', expected 'mean', 'sum' or 'none'; did you mean 'mean'\?"),
    ("reduction list", lambda **k: fl.mse.value_and_grad(P, T, reduction=["mean"], **k), (ValueError, TypeError), "reduction"),
    ("empty", lambda **k: fl.mse.value_and_grad(P, T, empty="skip", **k), ValueError, "empty is 'skip', expected"),
    ("backend", lambda **k: fl.mse.value_and_grad(P, T, backend="gpu", **k), ValueError, "backend is 'gpu', expected None"),
    ("normalizer", lambda **k: fl.mse.value_and_grad(P, T, normalizer=0.0, **k), ValueError, r"normalizer is 0\.0, expected a positive"),
    ("normalizer nan", lambda **k: fl.mse.value_and_grad(P, T, normalizer=float("nan"), **k), ValueError, "normalizer"),
    ("normalizer text", lambda **k: fl.mse.value_and_grad(P, T, normalizer="n", **k), TypeError, "normalizer"),
    ("normalizer digits", lambda **k: fl.mse.value_and_grad(P, T, normalizer="2", **k), TypeError, "normalizer is '2', expected"),
    ("normalizer sum", lambda **k: fl.mse.value_and_grad(P, T, normalizer=2.0, reduction="sum", **k), ValueError,
     "normalizer is given and reduction is 'sum', expected 'mean'"),
    ("root sum", lambda **k: fl.rmse.value_and_grad(P, T, reduction="sum", **k), ValueError, "it is the root of a mean"),
    # how many
    ("one input", lambda **k: fl.mse.value_and_grad(P, **k), TypeError, "target is missing"),
    ("three inputs", lambda **k: fl.mse.value_and_grad(P, T, T, **k), TypeError, "3 inputs are given, expected pred and target"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_one_clear_error(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    out = np.full(3, 7.0, P.dtype)
    two = (out, out.copy())
    with pytest.raises(error, match=message):
        call(out=two if "gaussian" in message else out)
    assert (out == 7.0).all()
    assert (two[1] == 7.0).all()


def test_out() -> None:
    good = np.empty_like(P)
    memory = np.zeros(6, "f4")
    pred, target = memory[1:4], T
    frozen = np.empty_like(P)
    frozen.flags.writeable = False
    weight = np.ones(3, "f4")
    hess = np.empty_like(P)
    calls: list[tuple[Any, str]] = [
        (lambda: fl.mse.grad(P, T, out=[1, 2, 3]), "out is a list, expected a NumPy array"),
        (lambda: fl.mse.grad(P, T, out=np.empty(3)), "out has dtype float64 and shape"),
        (lambda: fl.mse.grad(P, T, out=np.empty(4, "f4")), r"shape \(4,\), expected float32 and \(3,\)"),
        (lambda: fl.mse.grad(P, T, out=frozen), "out is read-only"),
        (lambda: fl.mse.grad(P, T, out=np.broadcast_to(np.float32(0), 3)), "out is read-only"),
        (lambda: fl.mse.grad(pred, target, out=memory[2:5]), "out overlaps pred"),
        (lambda: fl.mse.grad(P, pred, out=memory[0:3]), "out overlaps target"),
        (lambda: fl.mse.grad(P, pred, out=pred), "out overlaps target"),
        (lambda: fl.mse.grad(P, T, weight=weight, out=weight), "out overlaps weight"),
        (lambda: fl.mse.grad(pred, pred, out=pred), "out overlaps target"),
        (lambda: fl.mse.grad(pred, target, out=pred[::-1]), "out overlaps pred"),
        (
            lambda: fl.mse.grad_and_hess(P, T, out=good),
            r"out is a numpy.ndarray, expected a tuple of 2 arrays, \(grad, hess\)",
        ),
        (lambda: fl.mse.grad_and_hess(P, T, out=(good, good)), "the arrays of out overlap each other"),
        (lambda: fl.mse.grad_and_hess(pred, T, out=(good, pred)), "out overlaps pred"),
        (
            lambda: fl.gaussian_nll.grad(P, T, P + 2, out=good),
            r"out is a numpy.ndarray, expected a tuple of 2 arrays, \(pred, var\)",
        ),
        (lambda: fl.mse(P, T, out=good), "out is for reduction='none'"),
        (lambda: fl.mse(P, T, reduction="none", out=P), "out overlaps pred"),
    ]
    for call, message in calls:
        before = memory.copy(), weight.copy(), P.copy()
        with pytest.raises((ValueError, TypeError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        for a, b in zip((memory, weight, P), before, strict=True):
            assert (a == b).all()
    result = fl.mse.grad_and_hess(P, T, out=(good, hess))
    assert result[0] is good
    assert result[1] is hess


def test_check_false_evaluates_the_formula() -> None:
    value, grad = fl.hinge.value_and_grad(P, T, check=False)
    assert np.isfinite(value)
    assert np.isfinite(grad).all()


def test_arrays_of_other_libraries_are_not_taken_silently() -> None:
    class Tensor:
        pass

    Tensor.__module__ = "torch"
    with pytest.raises(
        TypeError,
        match=r"pred is a torch\..*Tensor on the CPU, expected an array of real numbers; call .*, or pass pred\.numpy",
    ):
        fl.mse(Tensor(), T)

    class OnGpu:
        __cuda_array_interface__ = None

    with pytest.raises(TypeError, match="target is a .*OnGpu in GPU memory, expected"):
        fl.mse(P, OnGpu())


def test_no_second_derivative() -> None:
    @fl.pointwise
    def first_order_only(pred: float, target: float) -> tuple[float, float]:
        r = pred - target
        return r * r, 2.0 * r

    with pytest.raises(NotImplementedError, match="first_order_only has no second derivative"):
        first_order_only.grad_and_hess(P, T)
    assert first_order_only.grad(P, T).tolist() == fl.mse.grad(P, T).tolist()


def test_definitions_are_checked() -> None:
    with pytest.raises(TypeError, match=r"one to three inputs and then parameters with defaults"):

        @fl.pointwise
        def no_inputs(scale: float = 1.0) -> tuple[float, float]:
            return scale, scale

    with pytest.raises(TypeError, match="the decorator names detla, its arguments are pred, target, delta"):

        @fl.pointwise(detla=fl.POSITIVE)
        def misspelt(pred: float, target: float, delta: float = 1.0) -> tuple[float, float]:
            return delta, delta

    factor = 2.0
    with pytest.raises(TypeError, match="refers to factor of the function around it"):

        @fl.pointwise
        def closure(pred: float, target: float) -> tuple[float, float]:
            return factor * pred, factor

    with pytest.raises(TypeError, match="'weight' is a keyword of every loss"):

        @fl.pointwise
        def clash(pred: float, target: float, weight: float = 1.0) -> tuple[float, float]:
            return weight, weight

    with pytest.raises(TypeError, match=r"must return \(value, d1, d2\) or \(value, d1\), got 3.5"):

        @fl.pointwise
        def value_only(pred: float, target: float) -> float:
            return 3.5

    with pytest.raises(TypeError, match="has 2 gradients, so d1 and d2 must be tuples of 2"):

        @fl.pointwise(wrt=("pred", "var"))
        def one_gradient(pred: float, target: float, var: float) -> tuple[float, float]:
            return 1.0, 2.0

    with pytest.raises(TypeError, match=r"uses math\.tan; there are math\.asinh, math\.atan,"):

        @fl.pointwise
        def tangent(pred: float, target: float) -> tuple[float, float]:
            return math.tan(pred), 1.0

    with pytest.raises(TypeError, match=r"uses \*\*, which becomes a slow call; multiply"):

        @fl.pointwise
        def power(pred: float, target: float) -> tuple[float, float]:
            return pred**2, 2.0 * pred

    with pytest.raises(TypeError, match="wrt must name one or two of pred, target"):

        @fl.pointwise(wrt=("scale",))
        def parameter(pred: float, target: float, scale: float = 1.0) -> tuple[float, float]:
            return scale, scale


TABLE = np.ones(3)


@fl.pointwise
def with_integers(pred: float, target: float) -> tuple[float, float, float]:
    r = pred - target
    return r * r / 2, r, 1


def log(x: float) -> float:
    """Not the logarithm: a helper of the user's that happens to have its name."""
    return math.log(x + 1.0) * SCALE[0]


SCALE = (2.0, 3.0)


@fl.pointwise
def with_own_log(pred: float, target: float) -> tuple[float, float]:
    return log(pred) + exp(target) * math.pi, 1.0


@pytest.mark.compiled
def test_what_a_definition_may_refer_to() -> None:
    with pytest.raises(
        TypeError, match=r"with_table refers to a ndarray .*numbers, tuples of numbers, the module math"
    ):

        @fl.pointwise
        def with_table(pred: float, target: float) -> tuple[float, float]:
            return TABLE[0], 1.0

    for dtype in ("f4", "f8"):
        pred, target = np.array([3.0], dtype), np.array([0.5], dtype)
        assert with_integers.value_and_grad(pred, target) == (3.125, np.array([2.5]))
        expected = 2.0 * math.log(4.0) + math.exp(0.5) * math.pi
        assert abs(with_own_log(pred, target) - expected) < 1e-6


@pytest.mark.compiled
def test_what_a_first_look_misses() -> None:
    """Each of these once gave a wrong number."""
    with pytest.raises(TypeError, match="target has dtype uint1"):
        fl.mse(np.zeros(8), np.ones(8, ml_dtypes.uint1))
    with pytest.raises(ValueError, match=r"pred has shape \(\), expected \(4,\), the full one, for the second"):
        fl.rmse.grad_and_hess(0.5, [0.0, 1.0, 3.0, 7.0])
    with pytest.raises(ValueError, match="c is 1e-50, which float32 does not hold"):
        fl.cauchy(P, T, c=1e-50)
    windows = np.lib.stride_tricks.sliding_window_view(np.zeros(6), 3, writeable=True)
    with pytest.raises(ValueError, match=r"some elements of out, of strides \(.*\), are one and the same memory"):
        fl.mse.grad(np.zeros((4, 3)), 0.0, out=windows)
    tensor = type("Tensor", (), {"__module__": "torch"})
    with pytest.raises(TypeError, match="weight is a torch"):
        fl.mse(P, T, weight=tensor())
    assert np.isnan(fl.rmse([1.0, 2.0], [0.0, 0.0], weight=[-1.0, 0.5], check=False))
    assert fl.mse.grad(np.float16(0.5), np.zeros(10**6, np.float16)) == 1.0
    half = fl.gaussian_nll.grad(np.zeros(10**5, np.float16), np.float16(1), np.float16(3))[1]
    assert half == np.float16(1 / 9)
    assert half.dtype == np.float16


@pytest.mark.compiled
def test_threads_come_back_after_they_were_off() -> None:
    loss, x = fl.huber.bind(), np.ones(70_000, "f4")
    fl.set_num_threads(1)
    loss(x, x)
    fl.set_num_threads(None)
    assert not loss.recipes
    loss(x, x)
    assert loss.recipes
