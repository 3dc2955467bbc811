"""`fl.check` finds the faults that are planted here, names kinks, and has nothing against the losses of this library."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from data import some, stairs
from mpmath import mp

import fastloss as fl
from bench.derived import derived
from fastloss.checking import examine


def kinds(report: Any) -> set[tuple[str, str]]:
    return {(f.kind, f.part) for f in report.faults}


@pytest.mark.parametrize(
    "name", some(["squared_error", "huber", "quantile", "hinge", "logistic", "gaussian_nll"], ["huber", "gaussian_nll"])
)
def test_losses_of_this_library(name: str) -> None:
    report = fl.check(fl.LOSSES[name], size=8)
    assert report.ok, str(report)
    assert all(0.0 <= error <= 8.0 for error in report.errors.values())
    assert report.points > 100


def test_a_derivative_that_is_0_where_the_next_is_beyond_all_numbers() -> None:
    report = fl.check(fl.LOSSES["gamma_identity"], size=4)
    assert not [f for f in report.faults if f.kind == "derivative"]


@pytest.mark.parametrize("name", some(["huber", "tweedie", "binary_focal"], ["huber"]))
def test_derived_losses(name: str) -> None:
    report = fl.check(derived(name), size=8)
    assert report.ok, str(report)


def test_a_wrong_derivative() -> None:
    @fl.pointwise
    def cubic(pred: float, target: float) -> tuple[float, float, float]:
        r = pred - target
        return r * r * r, 2.0 * r * r, 6.0 * r

    report = fl.check(cubic, size=8)
    assert not report.ok
    assert kinds(report) == {("derivative", "first derivative"), ("derivative", "second derivative")}
    first = report.faults[0]
    r = first.at["pred"] - first.at["target"]
    said, changes = (float(x.split(" ")[-1]) for x in first.text.split(",")[:2])
    assert (said, changes) == pytest.approx((2.0 * r * r, 3.0 * r * r), rel=1e-6)


def test_two_inputs() -> None:
    @fl.pointwise(wrt=("pred", "scale"), scale=fl.POSITIVE)
    def wrong(pred: float, target: float, scale: float) -> Any:
        r = pred - target
        return r * r * scale, (2.0 * r * scale, r * r + 1.0), (2.0 * scale, 0.0)

    report = fl.check(wrong, size=8)
    # Nor does that derivative see a scale that is NaN.
    assert kinds(report) == {("derivative", "first derivative"), ("nan", "first derivative")}


def test_cancellation_and_its_line() -> None:
    @fl.pointwise
    def pseudo(pred: float, target: float) -> tuple[float, float]:
        r = pred - target
        root = math.sqrt(1.0 + r * r)
        value = root - 1.0
        return value, r / root

    report = fl.check(pseudo, size=8)
    found = {(f.kind, f.part, f.dtype): f for f in report.faults}
    for dtype in ("float32", "float64"):
        lost = found["cancellation", "value", dtype]
        assert "lost by - in `value = root - 1.0`, test_check.py:" in lost.text
        assert 0.0 < abs(lost.at["pred"] - lost.at["target"]) < 1e-2
        assert report.errors[dtype, "value"] > 1e5
    # The square of a large residual is infinite in float32, and the loss is not.
    assert "lost by * in `root = math.sqrt(1.0 + r * r)`" in found["overflow", "value", "float32"].text
    assert ("overflow", "value", "float64") not in found
    assert "cancellation, value, float64" in str(report)


def test_a_naive_softplus() -> None:
    @fl.pointwise
    def naive(pred: float) -> tuple[float, float, float]:
        e = math.exp(pred)
        return math.log(1.0 + e), e / (1.0 + e), e / ((1.0 + e) * (1.0 + e))

    report = fl.check(naive, size=8)
    assert {("cancellation", "value"), ("overflow", "value"), ("nan", "first derivative")} <= kinds(report)
    assert not any(f.kind == "derivative" for f in report.faults)
    assert fl.check(fl.derive(lambda pred: fl.math.log(1.0 + fl.math.exp(pred))), size=8).ok


def test_digits_of_a_derived_loss_are_lost_in_a_line_of_its_function() -> None:
    @fl.derive
    def pseudo(pred: Any, target: Any) -> Any:
        r = pred - target
        root = fl.math.sqrt(1.0 + r * r)
        return root - 1.0

    report = fl.check(pseudo, size=8)
    lost = next(f for f in report.faults if f.kind == "cancellation" and f.part == "value")
    assert "lost by - in `return root - 1.0`, test_check.py:" in lost.text
    assert not [f for f in report.faults if f.part != "value" and f.dtype == "float64"]


def test_kinks_have_names() -> None:
    report = fl.check(fl.huber.bind(delta=2.5), size=4)
    assert [f.text.split(",")[0] for f in report.kinks] == [
        "jumps at pred = target + delta", "jumps at pred = target - delta",
    ]  # fmt: skip
    assert {f.part for f in report.kinks} == {"second derivative"}
    (kink,) = fl.check(fl.quantile.bind(q=0.75), size=4).kinks
    assert (kink.part, kink.text) == ("first derivative", "jumps at pred = target, here from -0.75 to 0.25")
    assert fl.check(fl.squared_error, size=4).kinks == ()


def test_a_value_that_jumps_and_a_nan_that_is_lost() -> None:
    @fl.pointwise
    def steps(pred: float, target: float) -> tuple[float, float, float]:
        return 1.0 if pred > target + 0.5 else 0.0, 0.0, 0.0

    report = fl.check(steps, size=4)
    assert kinds(report) == {("jump", "value"), ("nan", "value"), ("nan", "first derivative")}


def test_whole_quotients_and_remainders() -> None:
    @fl.pointwise
    def angle(pred: float, target: float) -> tuple[float, float, float]:
        r = (pred - target + 2.0) % 4.0 - 2.0 + 0.0 * ((pred - target) // 8.0)
        return +r * r, 2.0 * r, 2.0

    report = fl.check(angle, size=4)
    assert not report.ok
    assert {f.kind for f in report.faults} <= {"cancellation", "inexact"}  # of what is far, the remainder is rounding
    assert {f.part for f in report.kinks} == {"first derivative"}


def test_a_loop_as_long_as_its_input_is_not_waited_for() -> None:
    with pytest.raises(
        TypeError, match=r"stairs runs more than 100,000 lines of Python where pred is .* and target is"
    ):
        fl.check(stairs)


def test_what_numbers_of_many_digits_cannot_do() -> None:
    @fl.pointwise
    def rounds(pred: float, target: float) -> tuple[float, float, float]:
        return 1.0 * round(pred - target), 0.0, 0.0

    with pytest.raises(TypeError, match="numbers of many digits cannot do what rounds does: .*__round__"):
        fl.check(rounds)
    for wrong, text in (
        ({"ulps": math.nan}, "ulps is nan, expected a number greater than 0"),
        ({"size": -1}, "size is -1, expected a positive integer"),
        ({"size": 1.5}, "size is 1.5, expected a positive integer"),
    ):
        with pytest.raises(ValueError, match=text):
            fl.check(fl.huber, **wrong)


def test_what_is_no_loss_of_elements() -> None:
    for loss in (fl.cross_entropy, abs, "huber"):
        with pytest.raises(TypeError, match=r"fl.check takes a loss of elements, such as fl.huber, got"):
            fl.check(loss)
    with pytest.raises(TypeError, match="huber: delta is an array of shape .2,., expected one value"):
        fl.check(fl.huber.bind(delta=[1.0, 2.0]))


def test_without_mpmath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpmath", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fastloss\[check\]"'):
        fl.check(fl.huber)


# -- the calculus, by the checks ---------------------------------------------------------------------------------------

ONE = (
    "exp",
    "sigmoid",
    "softplus",
    "tanh",
    "log_cosh",
    "sin",
    "atan",
    "erf",
    "expm1",
    "absolute",
    "asinh",
    "cos",
    "sinh",
)
TWO = (
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
    "minimum",
    "logaddexp",
    "where",
    "clip",
    "smooth",
    "pow",
    "times_exp",
    "root",
)


def formula(rng: np.random.Generator, variables: list[Any], depth: int) -> Any:
    """A random formula that is smooth but for kinks, of numbers that stay small."""
    if depth == 0:
        return variables[rng.integers(len(variables))] if rng.random() < 0.8 else float(rng.normal())
    if rng.random() < 0.5:
        inner = formula(rng, variables, depth - 1)
        return getattr(fl.math, ONE[rng.integers(len(ONE))])(fl.math.clip(inner, -3.0, 3.0) * float(rng.normal()))
    a, b = (formula(rng, variables, depth - 1) for _ in range(2))
    match TWO[rng.integers(len(TWO))]:
        case "add":
            return a + b
        case "sub":
            return a - b
        case "mul":
            return a * b
        case "div":
            return a / (1.0 + b * b)
        case "where":
            return fl.where((a > b) & (variables[0] < 1.0), a * variables[0], b)
        case "clip":
            return fl.math.clip(a, -1.0, 0.5) * b
        case "smooth":
            return fl.math.smooth_abs(a, 0.75) - abs(b)
        case "pow":
            return (1.0 + a * a) ** variables[-1] + abs(b) ** 2.5
        case "times_exp":
            return fl.math.times_exp(a, fl.math.tanh(b))
        case "root":
            return fl.math.sqrt(0.5 + a * a) + fl.math.log(1.0 + b * b) + fl.math.xlogy(b * b, 2.0 + fl.math.sin(a))
        case other:
            return getattr(fl.math, other)(a, b)


@pytest.mark.parametrize("seed", range(60))
def test_derivatives_of_random_formulas(seed: int) -> None:
    """Of three inputs, two of which are differentiated, and a parameter: against differences in many digits."""

    @fl.derive(wrt=("pred", "var"))
    def loss(pred: Any, target: Any, var: Any, p: Any = 1.3) -> Any:
        rng = np.random.default_rng(seed)
        return formula(rng, [pred, target, var, p], 4) + 0.25 * pred * var

    runs, worst, errors = examine.Runs(loss), examine.Worst(), dict[tuple[str, str], float]()
    with mp.workdps(200):
        for point in np.random.default_rng(seed).normal(size=(4, 3)):
            examine.examined(runs, tuple(point.tolist()), "float64", math.inf, worst, errors)
    assert worst.findings() == []
