"""Losses of their value alone: exact derivatives, in stable forms, of an ordinary loss."""

from __future__ import annotations

import gc
import math
import pickle
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import oracle
import pytest
import scipy.signal
import scipy.special
from data import some
from elements import PARTS, TYPES, ULPS, WIDER, Elementary, by_terms, error, part_of, plain, points
from mpmath import mp, mpf
from numpy import square as _square
from numpy import tanh as _tanh
from scipy import special

import fastloss as fl
from bench.derived import FORMULAS, derived
from fastloss.define.derive import functions
from fastloss.kernels.bind import lift

# -- beside the losses that are written by hand ------------------------------------------------------------------------

CASES = [
    pytest.param(name, params, id=f"{name}-{'-'.join(map(str, params.values()))}")
    for name in FORMULAS
    for params in oracle.FORMULAS[name].points
    # The formulas that are derived have no smoothing and no constant, and powers between 1 and 2.
    if not params.get("label_smoothing") and not params.get("full") and 1.0 < params.get("power", 1.5) < 2.0
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_as_exact_as_by_hand(name: str, params: dict[str, float], dtype: str, part: str) -> None:
    """The bounds of the loss that was written by hand, against its textbook formula in 40 digits."""
    kind, loss = TYPES[dtype], derived(name)
    fixed = {n: float(kind(v)) for n, v in params.items()}
    bounds = WIDER.get(name, (ULPS,) * 3)
    for point in part_of(points(name, fixed, kind), part):
        exact = oracle.exact(name, point, fixed, 0)
        with np.errstate(all="ignore"):
            got = plain(loss.jet, kind)(*map(kind, point), *(kind(fixed[n]) for n in loss.parameters))
        with mp.workdps(40):
            scales = by_terms(name, *map(mpf, point), **fixed)
            for order in range(3):
                if exact[order] is not None:
                    off = error(got[order], exact[order], scales[order], kind)
                    assert off <= bounds[order], (order, point, got[order], exact[order])


def test_two_inputs() -> None:
    @fl.derive(wrt=("pred", "var"), var=fl.POSITIVE)
    def nll(pred: Any, target: Any, var: Any) -> Any:
        return 0.5 * (fl.math.log(var) + (pred - target) ** 2 / var)

    for point in ((0.5, 2.0, 0.25), (1e3, -2.0, 7.0), (0.0, 0.0, 1e-3)):
        got, by_hand = nll.jet(*point), fl.gaussian_nll.jet(*point, 0.0)
        np.testing.assert_allclose(np.hstack(got), np.hstack(by_hand), rtol=1e-14, atol=1e-15)
    assert nll.inputs == ("pred", "target", "var")
    assert nll.wrt == (0, 2)


class Wider(Elementary):
    """All that derived losses may use."""


for _name, _function in {
    "asinh": np.arcsinh, "atan": np.arctan, "cbrt": np.cbrt, "cos": np.cos, "cosh": np.cosh, "sin": np.sin,
    "sinh": np.sinh, "erf": math.erf, "erfc": math.erfc,
}.items():  # fmt: skip
    setattr(Wider, _name, staticmethod(lambda x, f=_function: type(x)(f(np.float64(x)))))


# -- every function, and its derivatives -------------------------------------------------------------------------------

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "absolute": (abs, (-1.5, 2.0)),
    "asinh": (mp.asinh, (-3.0, 0.25, 40.0)),
    "atan": (mp.atan, (-3.0, 0.25, 40.0)),
    "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), (-2.0, 0.25, 40.0)),
    "cos": (mp.cos, (-3.0, 0.25, 4.0)),
    "cosh": (mp.cosh, (-3.0, 0.25, 4.0)),
    "erf": (mp.erf, (-1.5, 0.25, 3.0)),
    "erfc": (mp.erfc, (-1.5, 0.25, 5.0)),
    "exp": (mp.exp, (-30.0, 0.25, 30.0)),
    "expm1": (mp.expm1, (-30.0, 1e-9, 30.0)),
    "log": (mp.log, (1e-9, 0.75, 1e9)),
    "log1mexp": (lambda x: mp.log(1 - mp.exp(-x)), (1e-9, 0.75, 40.0)),
    "log1p": (lambda x: mp.log(1 + x), (-0.75, 1e-9, 1e9)),
    "log_cosh": (lambda x: mp.log(mp.cosh(x)), (-40.0, 1e-5, 0.75, 30.0)),
    "log_sigmoid": (lambda x: -mp.log(1 + mp.exp(-x)), (-40.0, 0.75, 40.0)),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), (-40.0, 1e-6, 40.0)),
    "sin": (mp.sin, (-3.0, 0.25, 4.0)),
    "sinh": (mp.sinh, (-3.0, 0.25, 4.0)),
    "softplus": (lambda x: mp.log(1 + mp.exp(x)), (-40.0, 0.75, 40.0)),
    "sqrt": (mp.sqrt, (1e-9, 0.75, 1e9)),
    "square": (lambda x: x * x, (-3.0, 1e9)),
    "tanh": (mp.tanh, (-20.0, 1e-6, 20.0)),
    "clip": (lambda x: min(max(x, -1), 2), (-3.0, 0.5, 4.0)),
    "logaddexp": (lambda x: mp.log(mp.exp(x) + mp.exp(-2)), (-50.0, -2.0, 50.0)),
    "maximum": (lambda x: max(x, -2), (-3.0, 4.0)),
    "minimum": (lambda x: min(x, -2), (-3.0, 4.0)),
    "pow": (lambda x: x ** mpf(2.3), (1e-6, 0.75, 1e6)),
    "smooth_abs": (lambda x: mp.sqrt(x * x + mpf(0.1) ** 2) - mpf(0.1), (-1e-9, 0.3, 1e9)),
    "times_exp": (lambda x: 3 * mp.exp(x), (-30.0, 0.25, 30.0)),
    "xlogy": (lambda x: 3 * mp.log(x), (1e-9, 0.75, 1e9)),
}
"""The textbook's, and where it is tried; of what takes more, all but one argument are given below."""

GIVEN: dict[str, Callable[..., Any]] = {
    "clip": lambda x: fl.math.clip(x, -1.0, 2.0),
    "logaddexp": lambda x: fl.math.logaddexp(x, -2.0),
    "maximum": lambda x: fl.math.maximum(x, -2.0),
    "minimum": lambda x: fl.math.minimum(x, -2.0),
    "pow": lambda x: fl.math.pow(x, 2.3),
    "smooth_abs": lambda x: fl.math.smooth_abs(x, 0.1),
    "times_exp": lambda x: fl.math.times_exp(3.0, x),
    "xlogy": lambda x: fl.math.xlogy(3.0, x),
}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str, dtype: str) -> None:
    """Value, slope and bend, within 8 units in the last place of differences in 60 digits."""
    kind, (formula, where) = TYPES[dtype], FUNCTIONS[name]
    function = GIVEN.get(name, getattr(fl.math, name))
    jet = lift(fl.derive(lambda pred: 1.0 * function(pred)).jet, Wider, kind, lambda f: f)
    for x in (float(kind(x)) for x in where):
        with np.errstate(all="ignore"):
            got = jet(kind(x))
        with mp.workdps(60):
            for order in range(3):
                exact = mp.diff(formula, mpf(x), order, h=mpf(10) ** -18 * max(abs(x), mpf(10) ** -9))
                # The constants 2.3 and 0.1, and an exponent times its rounding.
                slack = (
                    2.0 * (1.0 + abs(x))
                    if name in ("exp", "expm1", "times_exp", "erfc", "softplus", "sigmoid")
                    else 2.0
                )
                scale = abs(exact) * slack if kind is np.float64 else abs(exact) * (slack + 20.0)
                assert error(got[order], exact, scale, kind) <= 8.0, (order, x, got[order], mp.nstr(exact, 20))


def test_every_function_is_tested() -> None:
    others = {"e", "inf", "lgamma", "nan", "pi", "sign", "where"}
    assert {*FUNCTIONS} | others == {*functions.__all__} == {*dir(fl.math)}


def test_functions_of_numbers() -> None:
    assert fl.math.softplus(-800.0) == 0.0
    assert fl.math.log_cosh(1e5) == 1e5 - math.log(2.0)
    assert fl.math.sigmoid(np.float32(0.0)) == 0.5
    assert fl.where(2.0 > 1.0, 3.0, 4.0) == 3.0
    with pytest.raises(TypeError, match=r"an array of shape \(3,\) is no number"):
        fl.math.exp(np.zeros(3))
    with pytest.raises(AttributeError, match="fastloss.math has no arctan; write fl.math.atan"):
        fl.math.arctan(1.0)


@pytest.mark.parametrize(
    ("formula", "exact", "x"),
    [
        (lambda x: fl.math.log(1.0 + fl.math.exp(x)), lambda x: mp.log(1 + mp.exp(x)), -50.0),
        (lambda x: fl.math.log(1.0 + x), lambda x: mp.log(1 + x), 1e-12),
        (lambda x: fl.math.exp(x) - 1.0, lambda x: mp.exp(x) - 1, 1e-12),
        (lambda x: 1.0 - fl.math.sigmoid(x), lambda x: 1 / (1 + mp.exp(x)), 50.0),
        (lambda x: 1.0 / (1.0 + fl.math.exp(-x)), lambda x: 1 / (1 + mp.exp(-x)), -750.0),
        (lambda x: fl.math.exp(x) / (1.0 + fl.math.exp(x)), lambda x: 1 / (1 + mp.exp(-x)), 750.0),
        (lambda x: fl.math.log(fl.math.sigmoid(x)), lambda x: -mp.log(1 + mp.exp(-x)), -1000.0),
        (lambda x: fl.math.log(fl.math.cosh(x)), lambda x: mp.log(mp.cosh(x)), 1000.0),
        (lambda x: fl.math.sqrt(x * x) + fl.math.sqrt(1.0 + x**2), lambda x: abs(x) + mp.sqrt(1 + x * x), -2.0),
        (lambda x: fl.math.log(1.0 - fl.math.exp(-x)), lambda x: mp.log(1 - mp.exp(-x)), 1e-12),
        (lambda x: 1.0 - fl.math.exp(-x), lambda x: 1 - mp.exp(-x), 1e-12),
        (lambda x: fl.math.log(-fl.math.expm1(-x)), lambda x: mp.log(1 - mp.exp(-x)), 50.0),
        (lambda x: fl.math.sqrt(x**2) + (x * x) ** 0.5, lambda x: 2 * abs(x), 1e200),
        (lambda x: fl.math.log(fl.math.exp(x) + fl.math.exp(2.0 * x)), lambda x: mp.log(mp.exp(x) + mp.exp(2 * x)), 900.0),
    ],
)  # fmt: skip
def test_textbook_formulas_become_stable(formula: Any, exact: Any, x: float) -> None:
    with mp.workdps(700):
        expected = exact(mpf(x))
    with np.errstate(all="ignore"):
        got = plain(fl.derive(lambda pred: formula(pred)).jet, np.float64)(np.float64(x))[0]
    assert error(got, expected, None, np.float64) <= 8.0


def test_the_bend_of_a_hyperbola() -> None:
    """1 / sqrt(1 + r^2)^3, to which the chain rule would cancel."""
    loss = fl.derive(lambda pred, target, c=1.0: fl.math.sqrt(c + (pred - target) ** 2))
    for r in (0.0, 3.0, 1e7):
        assert loss.jet(r, 0.0, 1.0)[2] == pytest.approx((1.0 + r * r) ** -1.5, rel=1e-14)


@pytest.mark.parametrize("formula", [lambda p: p * fl.math.log(p), lambda p: fl.math.xlogy(p, p)])
def test_the_bend_of_an_entropy(formula: Any) -> None:
    """1 / p, also where its square is infinite, which the product rule takes; at 0 the value has its limit."""
    jet = plain(fl.derive(lambda pred: formula(pred)).jet, np.float32)
    with np.errstate(all="ignore"):
        for p in (1e-30, 0.3, 1e30):
            assert jet(np.float32(p)) == pytest.approx((p * math.log(p), 1.0 + math.log(p), 1.0 / p), rel=1e-6)
        assert jet(np.float32(0.0)) == (0.0, -math.inf, math.inf)


@pytest.mark.parametrize(
    "formula", [lambda r: fl.math.sqrt(r * r), lambda r: fl.math.sqrt(r**2), lambda r: (r**2) ** 0.5]
)
def test_roots_of_squares_are_absolute_values(formula: Any) -> None:
    """Also at 0, where the chain rule would divide by it."""
    loss = fl.derive(lambda pred, target: formula(pred - target))
    assert (loss.jet(1.0, 1.0), loss.jet(-2.0, 1.0)) == ((0.0, 0.0, 0.0), (3.0, -1.0, 0.0))


@pytest.mark.parametrize(
    "formula",
    [
        lambda r: 1.0 - fl.math.exp(-r * r),
        lambda r: fl.math.tanh(r * r),
        lambda r: (1.0 + r * r) ** -1,
        lambda r: fl.math.logaddexp(0.0, -r * r),
        lambda r: (1.0 + r * r) ** -2.3,
    ],
)
def test_far_away_the_bend_is_0(formula: Any) -> None:
    """Where the square of the inner slope is infinite."""
    jet = plain(fl.derive(lambda pred, target: formula(pred - target)).jet, np.float32)
    with np.errstate(all="ignore"):
        assert [abs(x) for x in jet(np.float32(5e19), np.float32(1.0))[1:]] == [0.0, 0.0]


@pytest.mark.parametrize("k", [-2.0, -0.5, 0.5, 1.0, 2.0, 2.5, 3.0, 7.5, 2.3])
def test_powers(k: float) -> None:
    """Of an exponent that is a number, and of one that is a parameter."""
    fixed, free = fl.derive(lambda pred: pred**k), fl.derive(lambda pred, p=1.0: pred**p)
    for x in (0.3, 1.0, 7.0):
        exact = (x**k, k * x ** (k - 1.0), k * (k - 1.0) * x ** (k - 2.0))
        assert fixed.jet(x) == pytest.approx(exact, rel=1e-14)
        assert free.jet(x, k) == pytest.approx(exact, rel=1e-14)
    ends = {0.0: (1.0, 0.0, 0.0), 1.0: (0.0, 1.0, 0.0), 1.5: (0.0, 0.0, math.inf), 2.0: (0.0, 0.0, 2.0)}
    with np.errstate(all="ignore"):
        for p, expected in ends.items():
            assert plain(free.jet, np.float64)(np.float64(0.0), np.float64(p)) == expected


@pytest.mark.parametrize("dtype", some(list(TYPES), ["float32"]))
def test_powers_of_negative_numbers(dtype: str) -> None:
    """By a kernel, of an exponent that is large, a parameter, or one for each element."""
    loss = fl.derive(lambda pred, target, k=3.0: (pred - target) ** k + 0.125 * (pred - target) ** 11)
    x, zeros, k = np.array([-2.0, -1.0, 3.0, -0.5], dtype), np.zeros(4, dtype), np.array([1.0, 2.0, 3.0, -1.0], dtype)
    for p in (3.0, k):
        slope, bend = loss.grad_and_hess(x, zeros, k=p, reduction="sum", backend="serial")
        exact = p * x ** (p - 1.0) + 1.375 * x**10, p * (p - 1.0) * x ** (p - 2.0) + 13.75 * x**9
        np.testing.assert_allclose(slope, exact[0], rtol=20 * float(np.finfo(dtype).eps))
        np.testing.assert_allclose(bend, exact[1], rtol=20 * float(np.finfo(dtype).eps))


def test_powers_of_absolute_values_at_their_kinks() -> None:
    """The slope of the absolute value is 0 there, and its square 1."""
    straight, bent = (fl.derive(lambda pred, p=2.0, k=k: abs(pred**k - 1.0) ** p) for k in (1.0, 2.0))
    for p, bend in ((1.0, 0.0), (1.5, math.inf), (2.0, 2.0), (3.0, 0.0)):
        for loss, square in ((straight, 1.0), (bent, 4.0)):
            with np.errstate(all="ignore"):
                got = plain(loss.jet, np.float64)(*map(np.float64, (1.0, p, *list(loss.values.values())[1:])))
            assert got == (0.0, 0.0, bend * square), (p, square)


@pytest.mark.parametrize("dtype", TYPES)
def test_quotients_of_parameters(dtype: str) -> None:
    """By a reciprocal, which may be no number of the type where the quotient is one."""
    kind = TYPES[dtype]
    jet, info = plain(fl.derive(lambda pred, c=1.0: pred / c, c=fl.POSITIVE).jet, kind), np.finfo(kind)
    for c in (info.smallest_normal, kind(1e-21), kind(3.3), kind(1e30), info.max / kind(3.0), info.max):
        for factor in (0.7, 1.0, 123.4):
            x = kind(factor) * (kind(1e-3) if c < 10.0 else info.max / kind(1e3))
            with np.errstate(all="ignore"):
                got = jet(x, c)[0]
            assert error(got, mpf(float(x)) / mpf(float(c)), None, kind) <= 4.0, (c, x)


# -- kinks, NaN, and a loss like any other -----------------------------------------------------------------------------


def test_kinks() -> None:
    assert fl.derive(lambda pred: abs(pred)).jet(0.0) == (0.0, 0.0, 0.0)
    assert fl.derive(lambda pred: max(0.0, 1.0 - pred)).jet(1.0) == (0.0, 0.0, 0.0)
    assert fl.derive(lambda pred: min(pred, 1.0)).jet(1.0) == (1.0, 0.0, 0.0)
    assert fl.derive(lambda pred: max(2.0 * pred, pred, 3.0 * pred)).jet(0.0) == (0.0, 2.0, 0.0)
    assert fl.derive(lambda pred: abs(pred) * abs(pred)).jet(0.0) == (0.0, 0.0, 2.0)
    assert fl.derive(lambda pred: fl.math.sign(pred) * fl.math.sign(pred) + pred).jet(0.0) == (0.0, 1.0, 0.0)
    assert fl.derive(lambda pred: fl.math.clip(pred, 0.0, 1.0)).jet(1.0) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    "formula",
    [
        lambda p, t: abs(p - t),
        lambda p, t: fl.where(p > t, p, 1.0),
        lambda p, t: fl.where((p > 0.0) | (t > 0.0), p, 0.0),
        lambda p, t: fl.where(~((p < 0.0) & (t < 0.0)), 0.0 * p, 1.0),
        lambda p, t: max(p, t, 0.0),
        lambda p, t: fl.math.xlogy(p, t),
        lambda p, t: fl.math.clip(p, -1.0, 1.0) + 0.0 * t,
        lambda p, t: fl.math.times_exp(p, t) + fl.math.sign(p),
    ],
)
def test_nan(formula: Any) -> None:
    """NaN in any input makes value and gradient NaN."""
    jet = plain(
        fl.derive(lambda pred, target: formula(pred, target) + 0.0 * fl.math.exp(pred * target)).jet, np.float64
    )
    for point in ((math.nan, 1.0), (math.nan, -1.0), (1.0, math.nan), (-1.0, math.nan)):
        with np.errstate(all="ignore"):
            value, slope, _ = jet(*map(np.float64, point))
        assert math.isnan(value), point
        assert math.isnan(slope), point


MODULE = """
import fastloss as fl

SCALE = 2.0

def helper(r):
    return max(abs(r) - SCALE, 0.0)

@fl.derive(width=fl.POSITIVE)
def mine(pred, target, width=1.0):
    '''A tube.'''
    return helper((pred - target) / width) ** 2
"""


def module() -> Any:
    made = ModuleType("of_a_user")
    exec(compile(MODULE, "of_a_user.py", "exec"), vars(made))
    return made


def test_it_is_a_loss_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    m = module()
    monkeypatch.setitem(sys.modules, m.__name__, m)
    x, t = np.array([1.0, 4.0, -6.0]), np.zeros(3)
    value, grad = m.mine.value_and_grad(x, t, reduction="sum", backend="serial")
    assert (value, grad.tolist()) == (20.0, [0.0, 4.0, -8.0])
    assert m.mine.with_respect_to("target").jet(4.0, 0.0, 1.0) == (4.0, -4.0, 2.0)
    assert isinstance(m.mine, fl.Loss)
    assert m.mine.name == "mine"
    assert (m.mine.__doc__ or "").startswith("A tube.")
    assert pickle.loads(pickle.dumps(m.mine.bind(width=3.0))) == m.mine.bind(width=3.0)
    m.SCALE = 7.0  # it is what it was
    assert m.mine(x, t, reduction="sum", backend="serial") == 20.0
    assert module().mine.jet is m.mine.jet  # and so are its kernels
    with pytest.raises(ValueError, match="mine: width is -1, expected a number greater than 0"):
        m.mine.bind(width=-1.0)
    del m.mine
    gc.collect()


@pytest.mark.parametrize(
    "formula",
    [
        lambda p, t: fl.where((p > 0.0) == (t > 0.0), p, 2.0 * p),
        lambda p, t: fl.where((p > 0.0) != (t > 0.0), 2.0 * p, p),
        lambda p, t: fl.where((p > 0.0) ^ (t > 0.0), 2.0 * p, p),
        lambda p, t: fl.where(((p > 0.0) ^ True) == (t <= 0.0), p, 2.0 * p),
        lambda p, t: fl.where(((p > 0.0) == True) == (t > 0.0), p, 2.0 * p),  # noqa: E712
        lambda p, t: p * (2.0 - ((p > 0.0) == (t > 0.0)) ** 2),
        lambda p, t: p + fl.where((p > 0.0) < (t > 0.0), p, 0.0) + abs((p > 0.0) > (t > 0.0)) * p,
    ],
)
def test_conditions_are_1_or_0_as_python_has_them(formula: Any) -> None:
    """Also where two of them are compared."""
    loss = fl.derive(lambda pred, target: formula(pred, target))
    for pred, target in ((2.0, 1.0), (2.0, -1.0), (-2.0, 1.0), (-2.0, -1.0)):
        factor = 1.0 if (pred > 0.0) == (target > 0.0) else 2.0
        assert loss.jet(pred, target)[:2] == (factor * pred, factor), (pred, target)


def test_helpers_may_have_arguments_that_go_by_name_alone() -> None:
    def helper(x: Any, *, factor: float = 3.0) -> Any:
        return max(factor * x, 0.0)

    assert fl.derive(lambda pred: helper(pred) + helper(pred, factor=2.0)).jet(1.0) == (5.0, 5.0, 0.0)


def test_what_is_around_it_becomes_constants() -> None:
    scale, many = np.float32(3.0), [1.0, 2.0]
    loss = fl.derive(lambda pred: sum(w * pred * pred for w in many) * scale, name="sums")
    assert loss.jet(2.0) == (36.0, 36.0, 18.0)
    assert loss.name == "sums"
    assert fl.derive(lambda pred: (pred > 1.0) * 3.0 * pred + 1.0).jet(2.0) == (7.0, 3.0, 0.0)
    assert fl.derive(lambda pred: np.float64(2.0) * pred + np.float64(1.0)).jet(2.0) == (5.0, 2.0, 0.0)


def test_defaults_are_numbers_of_any_type() -> None:
    a, b = np.float32(2.0), np.int64(3)
    loss = fl.derive(lambda pred, a=a, b=b: a * b * pred)
    assert (loss.jet(1.0, 2.0, 3.0)[0], loss.values) == (6.0, {"a": 2.0, "b": 3.0})


def test_a_loss_has_the_name_of_a_function_of_kernels() -> None:
    def exp_neg(pred: Any) -> Any:
        return fl.math.softplus(pred)

    assert fl.derive(exp_neg).name == "exp_neg"
    assert fl.derive(exp_neg).jet(0.0) == (math.log(2.0), 0.5, 0.25)


def test_subexpressions_are_shared() -> None:
    """The softplus and both sigmoids of a logit are of one exponential and one quotient."""
    loss = derived("binary_focal").bind(gamma=2.0)
    names = loss.jet.__code__.co_names
    assert {"exp_neg", "log1p_unit", "math"} <= {*names}
    import dis

    called = [i.argval for i in dis.get_instructions(loss.jet) if i.opname == "LOAD_GLOBAL"]
    assert called.count("exp_neg") == called.count("log1p_unit") == 1


def test_expressions_that_are_shared_many_times_take_no_time() -> None:
    def squared(pred: Any) -> Any:
        for _ in range(60):
            pred = pred * pred
        return fl.math.exp(-pred) + pred / 3.0

    assert fl.derive(squared).jet(1.0)[1] == pytest.approx(2.0**60 * (1.0 / 3.0 - math.exp(-1.0)))


def test_errors_of_the_jet_have_lines_of_the_user() -> None:
    @fl.derive
    def loss(pred: Any, target: Any) -> Any:
        residual = pred - target
        return residual + fl.math.log(target)

    here = test_errors_of_the_jet_have_lines_of_the_user.__code__.co_firstlineno + 4
    with pytest.raises(ValueError, match="math domain error|expected a positive") as caught:
        loss.jet(0.0, -1.0)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == (__file__, here)


# -- what cannot be derived --------------------------------------------------------------------------------------------


def _loop(pred: Any, target: Any) -> Any:
    total = 0.0
    for x in pred:
        total += x
    return total


def _unknown(pred: Any, target: Any) -> Any:
    return frobnicate(pred)  # type: ignore[name-defined]  # noqa: F821


def _steps(pred: Any, target: Any) -> Any:
    while pred:
        pred = pred - 1.0
    return pred


def _late_math(pred: Any, target: Any) -> Any:
    import math

    return math.exp(pred)


def _late_numpy(pred: Any, target: Any) -> Any:
    import numpy as np

    return np.rint(pred)


def _inner(x: Any) -> Any:
    return special.expit(x) * _tanh(x)


IN_OTHER_WORDS: dict[str, tuple[Any, Any]] = {
    "math": (lambda pred, target: math.exp(pred) * math.log1p(target) + math.fabs(pred) ** math.sqrt(2.0),
             lambda pred, target: fl.math.exp(pred) * fl.math.log1p(target) + abs(pred) ** 2.0**0.5),
    "numpy": (lambda pred, target: np.where(pred > 0.0, np.logaddexp(0.0, pred), np.abs(pred)) - np.power(pred, 2.0),
              lambda pred, target: fl.where(pred > 0.0, fl.math.logaddexp(0.0, pred), abs(pred)) - pred**2.0),
    "clip": (lambda pred, target: np.clip(pred * target, 0.1, 0.9), lambda pred, target: fl.math.clip(pred * target, 0.1, 0.9)),
    "larger": (lambda pred, target: np.maximum(1.0 - pred * target, 0.0), lambda pred, target: max(1.0 - pred * target, 0.0)),
    "scipy": (lambda pred, target: special.xlogy(target, special.expit(pred)) + special.log_expit(pred),
              lambda pred, target: fl.math.xlogy(target, fl.math.sigmoid(pred)) + fl.math.log_sigmoid(pred)),
    "a module's module": (lambda pred, target: scipy.special.erf(pred * target), lambda pred, target: fl.math.erf(pred * target)),
    "by name": (lambda pred, target: _tanh(pred - target) + _square(pred), lambda pred, target: fl.math.tanh(pred - target) + pred * pred),
    "in a function": (lambda pred, target: _inner(pred), lambda pred, target: fl.math.sigmoid(pred) * fl.math.tanh(pred)),
    "an attribute": (lambda pred, target: pred * np.maximum.reduce([1.0, 6.0]), lambda pred, target: pred * 6.0),
    "of numbers": (lambda pred, target: pred * math.log(9.0, 3.0) * np.sum([1.0, 2.0]), lambda pred, target: pred * 6.0),
}  # fmt: skip


@pytest.mark.parametrize("words", IN_OTHER_WORDS)
def test_what_other_libraries_call_a_function(words: str) -> None:
    theirs, ours = (fl.derive(function).jet for function in IN_OTHER_WORDS[words])
    for pred, target in ((0.3, 1.0), (-0.7, 0.5), (2.5, 0.25)):
        assert theirs(pred, target) == ours(pred, target)


def clip(low: float, x: float, high: float) -> float:
    return high if x > high else low


OF_ANOTHER_MEANING: dict[str, Any] = {
    "a wave": scipy.signal.square,
    "a user's": np.vectorize(clip),
    "masked": np.ma.exp,
}


@pytest.mark.parametrize("other", OF_ANOTHER_MEANING)
def test_what_other_libraries_call_otherwise(other: str) -> None:
    """A name alone says nothing: a square wave is no square, and ``np.vectorize`` has its function's name."""
    function = OF_ANOTHER_MEANING[other]
    assert function.__name__ in ("square", "clip", "exp")
    with pytest.raises(TypeError, match="calls function; |one number has no shape|makes an array"):
        fl.derive(lambda pred, target: function(0.0, pred, 1.0) if other == "a user's" else function(pred))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (1.0, -1.0)])
def test_what_clip_does_with_ends_in_any_order(low: float, high: float) -> None:
    """As NumPy's, torch's and JAX's: the high end wins."""
    by_numbers = fl.derive(lambda pred, target: np.clip(pred, low, high) + 0.0 * target).jet
    by_pred = fl.derive(lambda pred, target: np.clip(target, pred, high)).jet
    for x in (-2.5, -0.5, 0.3, 2.5):
        assert by_numbers(x, 0.0)[0] == fl.math.clip(x, low, high) == np.clip(x, low, high)
        for target in (-2.0, 0.5, 2.0):
            assert by_pred(x, target)[0] == np.clip(target, x, high)


def test_parameters_that_go_by_name() -> None:
    """They are as others: a loss takes all of its parameters by name."""

    @fl.derive(width=fl.POSITIVE)
    def scaled(pred: Any, target: Any, factor: float = 2.0, *, width: float = 1.0) -> Any:
        return factor * ((pred - target) / width) ** 2

    assert scaled.parameters.keys() == {"factor", "width"}
    assert scaled([3.0], [1.0]) == 8.0 and scaled([3.0], [1.0], width=2.0, factor=1.0) == 1.0
    with pytest.raises(ValueError, match="width"):
        scaled([3.0], [1.0], width=-1.0)


BAD: dict[str, tuple[Any, int, str]] = {
    "loop": (_loop, 2, "loops over an argument; a loss is a function of one element"),
    "unknown": (_unknown, 1, "NameError: name 'frobnicate' is not defined; a derived loss is made of arithmetic"),
    "while": (_steps, 1, r"is asked for on more than 64 ways through the function; a loop ends"),
    "string": (lambda pred, target: f"{pred}", 0, "returns '<traced pred>', expected a number"),
    "none": (lambda pred, target: None, 0, "returns None, expected a number"),
    "constant": (lambda pred, target: 3.0, 0, "returns 3.0, expected a number; it must be made of its arguments"),
    "silent": (lambda pred, target: target * 2.0, 0, "the value does not depend on pred"),
    "comparison": (lambda pred, target: pred > target, 0, r"returns a comparison; write fl.where\(condition, 1.0, 0.0\)"),
    "tuple": (lambda pred, target: (pred, 1.0), 0, "returns a tuple, expected the value alone; fl.pointwise takes"),
    "math": (_late_math, 3, r"`math.exp\(pred\)` calls math.exp, .*; write fl.math.exp"),
    "no such": (lambda pred, target: math.gamma(pred), 0, "calls math.gamma.*help.fl.math.*did you mean fl.math.lgamma"),
    "name": (_late_numpy, 3, r"`np.rint\(pred\)` calls np.rint; help\(fl.math\) has the functions"),
    "array": (lambda pred, target: pred * np.arange(3), 0, r"has an array of shape \(3,\) where a number is"),
    "array before": (lambda pred, target: np.arange(3) * pred, 0, "takes an array; a loss is a function of one element"),
    "method": (lambda pred, target: pred.sum(), 0, "asks for an attribute 'sum'; .*return the loss of one element; the verbs reduce"),
    "index": (lambda pred, target: pred[0], 0, "loops over an argument"),
    "float": (lambda pred, target: float(pred), 0, "asks for a number; an argument has none yet"),
    "range": (lambda pred, target: pred + len(range(target)), 0, "asks for a number"),
    "steps": (lambda pred, target: pred // 2.0, 0, "is a function of steps"),
    "text": (lambda pred, target: pred + "x", 0, "has 'x' where a number is"),
    "lgamma": (lambda pred, target: fl.math.lgamma(pred), 0, "lgamma has no derivative by pred"),
    "both vary": (lambda pred, target: pred**pred, 0, r"write exp\(k \* log\(x\)\)"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_derived(what: str) -> None:
    """One error that names the file, the line, the expression, and what to write instead."""
    function, further, text = BAD[what]
    line = function.__code__.co_firstlineno + further
    with pytest.raises(TypeError, match=rf"^{function.__name__} \(test_derive.py, line {line}\): .*{text}"):
        fl.derive(function)


def test_errors_where_expressions_have_no_places() -> None:
    """As of Python that is started with -X no_debug_ranges."""
    program = """
        import fastloss as fl
        try:
            fl.derive(lambda pred: pred[0])
        except TypeError as error:
            print(error)
    """
    command = [sys.executable, "-X", "no_debug_ranges", "-c", textwrap.dedent(program)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.startswith("<lambda> (<string>, line 4): loops over an argument; a loss is a function")


def test_what_is_no_function_of_elements() -> None:
    with pytest.raises(TypeError, match="fl.derive takes a plain Python function, got a ufunc"):
        fl.derive(np.exp)
    some: list[Any] = [lambda pred, *rest: pred, lambda pred, **k: pred, lambda *, by=1.0: by]
    for function in (*some, lambda: 1.0, lambda k=1.0: k, lambda a, b, c, d: a * b * c * d):
        with pytest.raises(TypeError, match="takes one to three inputs and then parameters with defaults"):
            fl.derive(function)
    for function in (lambda pred, p=None: pred, lambda pred, *, p: pred):
        with pytest.raises(TypeError, match="p is None by default, expected a number"):
            fl.derive(function)
    with pytest.raises(TypeError, match="wrt names var, its inputs are pred and target"):
        fl.derive(lambda pred, target: pred * target, wrt=("var",))
    with pytest.raises(TypeError, match="the domain of pred is 3, expected one such as fl.POSITIVE"):
        fl.derive(lambda pred, target: pred * target, pred=3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="the decorator names scale, its arguments are pred, target"):
        fl.derive(lambda pred, target: pred * target, scale=fl.POSITIVE)
    with pytest.raises(TypeError, match="its kernels need the name 'abs'; call the argument something else"):
        fl.derive(lambda pred, abs: pred * abs)
    with pytest.raises(TypeError, match="'weight' is a keyword of every loss"):
        fl.derive(lambda pred, weight: pred * weight)
