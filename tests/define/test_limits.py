"""What each loss is at the ends of its type, beside infinities, and for parameters as extreme: the limit, if there is one.

The numbers are of 50 digits, computed by mpmath apart from the library, from the inputs as their type holds them.
"""

from __future__ import annotations

import math
import pickle
import re
import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest
from data import at_once
from elements import CASES, TYPES, Elementary, error, jet
from mpmath import loggamma, mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.define.domain import Domain
from fastloss.kernels.bind import lift
from fastloss.losses.special import log_factorial

INF = math.inf
KINDS = {"f4": np.float32, "f8": np.float64}

EXTREMES: list[Any] = [
    # loss, parameters, type, prediction, target, and value, first and second derivative
    ("symmetric_absolute_percentage_error", {}, "f4", 2.5e38, 2.5e38, (0.0, 0.0, 0.0)),
    (
        "symmetric_absolute_percentage_error",
        {},
        "f4",
        1.79e38,
        3.4e38,
        (0.62042391800278834, -5.0489864755074023e-39, 0.0),
    ),
    ("symmetric_absolute_percentage_error", {}, "f4", 1e-45, 1e-45, (0.0, 0.0, 0.0)),
    (
        "symmetric_absolute_percentage_error",
        {},
        "f8",
        1.5e308,
        1.2e308,
        (0.22222222222222229, 6.5843621399176954e-309, 0.0),
    ),
    ("symmetric_absolute_percentage_error", {}, "f8", 5e-324, 1e-323, (0.66666666666666667, -INF, INF)),
    ("symmetric_absolute_percentage_error", {}, "f4", 3.0, INF, (2.0, 0.0, 0.0)),
    ("symmetric_absolute_percentage_error", {}, "f8", -3.0, -INF, (2.0, 0.0, 0.0)),
    ("absolute_percentage_error", {"epsilon": 1.0}, "f4", 8.5e37, -3.4e38, (1.25, 2.9411765119858447e-39, 0.0)),
    ("absolute_percentage_error", {"epsilon": 1.0}, "f8", 1.5e308, -1.2e308, (2.25, 8.3333333333333338e-309, 0.0)),
    ("absolute_percentage_error", {}, "f4", 3.0, -INF, (1.0, 0.0, 0.0)),
    ("squared_log_error", {}, "f4", 2e38, -0.5, (7900.4592934145921, 8.8884530704687814e-37, 0.0)),
    ("squared_log_error", {}, "f8", 9.5e307, -0.5, (503870.07501398535, 1.4943959211122916e-305, 0.0)),
    ("gamma", {}, "f4", -89.5, 0.1, (7.4021202624808967e37, -7.4021202624808967e37, 7.4021202624808967e37)),
    ("gamma", {}, "f8", -715.0, 0.0025, (8.288855516617036e307, -8.288855516617036e307, 8.288855516617036e307)),
    ("gamma", {}, "f4", -90.0, 0.001, (1.2204033522838868e36, -1.2204033522838868e36, 1.2204033522838868e36)),
    ("gamma", {}, "f4", -104.0, 1.4e-45, (-101.94336717073564, -1.0566328292643576, 2.0566328292643576)),
    ("gamma", {}, "f4", 104.0, 3.4e38, (104.00000023166093, 0.99999976833907133, 2.3166092867186922e-7)),
    ("gamma", {}, "f8", 740.0, 1e308, (740.00000000000004, 0.99999999999995811, 4.188739880048049e-14)),
    ("gamma", {}, "f4", 300.0, INF, (INF, -INF, INF)),
    ("poisson", {}, "f4", 104.0, 8.5e37, (INF, INF, INF)),
    ("poisson", {}, "f4", 90.0, 1e37, (3.2040330027441768e38, INF, INF)),
    ("poisson", {}, "f4", 0.0, INF, (1.0, -INF, 1.0)),
    ("poisson", {}, "f8", INF, 1e308, (INF, INF, INF)),
    ("poisson_identity", {}, "f4", 1.0, INF, (1.0, -INF, INF)),
    ("poisson_identity", {}, "f4", 1e-45, 0.0, (1.4012984643248171e-45, 1.0, 0.0)),
    ("poisson_identity", {}, "f8", 5e-324, 0.0, (4.9406564584124654e-324, 1.0, 0.0)),
    ("poisson_identity", {}, "f4", 3.3, 0.0, (3.2999999523162842, 1.0, 0.0)),
    ("poisson_identity", {}, "f4", 1e-40, 1e-43, (1.0916303097900381e-40, 0.99900507272778229, 9.9493263479369737e36)),
    ("gamma_identity", {}, "f4", 1e-44, 1e-44, (-100.33301975437654, 0.0, INF)),
    ("gamma_identity", {}, "f4", 2.0, 1.8e38, (8.9999998136691712e37, -4.4999999068345856e37, 4.4999999068345856e37)),
    ("gamma_identity", {}, "f8", 2.0, 1e308, (5e307, -2.5e307, 2.5e307)),
    ("tweedie", {"power": 1.5}, "f4", 300.0, INF, (INF, -INF, INF)),
    ("tweedie", {"power": 1.5}, "f8", 2000.0, INF, (INF, -INF, INF)),
    ("tweedie_identity", {"power": 1.5}, "f4", 1.8e38, 0.0, (2.6832815452231875e19, 7.4535600021564112e-20, 0.0)),
    ("tweedie_identity", {"power": 1.5}, "f4", 1e-44, 1e-44, (3.9616338549186939e-22, 0.0, INF)),
    ("tweedie_identity", {"power": 1.5}, "f8", 1.2e308, 0.0, (2.1908902300206644e154, 9.1287092917527688e-155, 0.0)),
    ("quantile", {"q": 0.5}, "f4", 8.5e37, -3.4e38, (2.1249999700902277e38, 0.5, 0.0)),
    ("quantile", {"q": 0.5}, "f8", 1.2e308, -1.2e308, (1.2e308, 0.5, 0.0)),
    ("huber", {"delta": 0.25}, "f4", 3e38, -3e38, (1.5000000027488779e38, 0.25, 0.0)),
    ("cauchy", {"c": 1.0}, "f4", 8.5e37, -3.4e38, (88.945152502634874, 2.3529412095886757e-39, 0.0)),
    ("cauchy", {"c": 1.0}, "f8", 1.2e308, -1.2e308, (710.07167737951997, 4.1666666666666669e-309, 0.0)),
    ("cauchy", {"c": 1e20}, "f4", 0.5, 0.0, (0.125, 0.5, 1.0)),
    ("cauchy", {"c": 1e160}, "f8", 0.5, 0.0, (0.125, 0.5, 1.0)),
    ("cauchy", {"c": 1e19}, "f4", 0.001, 0.0, (5.0000004749745243e-7, 1.0000000474974513e-3, 1.0)),
    ("cauchy", {"c": 1e-40}, "f4", 0.5, 0.5, (0.0, 0.0, 1.0)),
    ("cauchy", {"c": 1e-310}, "f8", 0.5, 0.5, (0.0, 0.0, 1.0)),
    ("welsch", {"c": 1e20}, "f4", 0.5, 0.0, (0.125, 0.5, 1.0)),
    ("welsch", {"c": 1e160}, "f8", 0.5, 0.0, (0.125, 0.5, 1.0)),
    ("welsch", {"c": 1e-40}, "f4", 0.5, 0.5, (0.0, 0.0, 1.0)),
    ("fair", {"c": 1e20}, "f4", 0.5, 0.0, (0.125, 0.5, 1.0)),
    ("fair", {"c": 1e160}, "f8", 0.5, 0.0, (0.125, 0.5, 1.0)),
    ("fair", {"c": 1e-40}, "f4", 2.0, 0.5, (1.4999919151672139e-40, 9.9999461011147596e-41, 0.0)),
    ("fair", {"c": 0.25}, "f8", 1.5e308, -1.5e308, (7.5e307, 0.25, 0.0)),
    ("pseudo_huber", {"delta": 3e38}, "f4", 0.001, 0.0, (5.0000004749745243e-7, 1.0000000474974513e-3, 1.0)),
    ("pseudo_huber", {"delta": 1e-40}, "f4", 0.25, 0.25, (0.0, 0.0, 1.0)),
    ("pseudo_huber", {"delta": 1e-40}, "f4", 1e30, 0.0, (9.9999462515886107e-11, 9.9999461011147596e-41, 0.0)),
    ("smooth_l1", {"beta": 1e-40}, "f4", 0.5, 0.5, (0.0, 0.0, INF)),
    ("smooth_l1", {"beta": 1e-40}, "f4", 2.0, 0.5, (1.5, 1.0, 0.0)),
    ("binary_focal", {"alpha": 1.0}, "f4", INF, 0.0, (0.0, 0.0, 0.0)),
    ("binary_focal", {"alpha": 0.0}, "f8", -INF, 1.0, (0.0, 0.0, 0.0)),
    # an infinite threshold or scale: half of the squared error
    *[
        (name, {parameter: INF}, kind, r, 0.0, expected)
        for name, parameter in (
            ("huber", "delta"),
            ("pseudo_huber", "delta"),
            ("cauchy", "c"),
            ("welsch", "c"),
            ("fair", "c"),
        )
        for kind in ("f4", "f8")
        for r, expected in (
            (3.0, (4.5, 3.0, 1.0)),
            (-0.5, (0.125, -0.5, 1.0)),
            (0.0, (0.0, 0.0, 1.0)),
            (INF, (INF, INF, 1.0)),
        )
    ],
]


@pytest.mark.parametrize(
    ("name", "params", "dtype", "pred", "target", "expected"),
    EXTREMES,
    ids=lambda v: None if isinstance(v, tuple) else str(v),
)
def test_extreme(name: str, params: Any, dtype: str, pred: float, target: float, expected: Any) -> None:
    loss = fl.LOSSES[name].bind(**params)
    got = jet(name, (pred, target), loss.values, KINDS[dtype])
    info = np.finfo(KINDS[dtype])
    assert_allclose(np.array(got, float), expected, rtol=10 * float(info.eps), atol=8 * float(info.smallest_subnormal))


@pytest.mark.parametrize("name", ["huber", "gamma", "poisson"])
def test_extremes_compiled(name: str) -> None:
    """One of each kind of remedy, as the kernels have it."""
    for _, params, _, pred, target, (value, d1, d2) in [c for c in EXTREMES if c[0] == name and c[2] == "f4"]:
        arrays = np.float32([pred]), np.float32([target])
        found = at_once(fl.LOSSES[name], *arrays, **params)
        assert_allclose(np.ravel(found), [value, d1, d2], rtol=1e-6, err_msg=f"{params} {pred} {target}")


# -- what is not a number --------------------------------------------------------------------------------------------


def corners(domain: Domain, kind: type) -> list[float]:
    """The ends of the type inside of a domain: the largest numbers, the smallest, the smallest of all, infinity."""
    info = np.finfo(kind)
    some = [*map(float, (info.max, info.max / kind(4), info.tiny, info.smallest_subnormal)), 1.0, INF]
    return [x for x in (0.0, *some, *(-x for x in some)) if x in domain]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_nothing_unknown_of_what_is_known(name: str, params: dict[str, float], dtype: str) -> None:
    """One infinite input has a limit; of several, value and gradient are NaN together, or neither is."""
    kind = TYPES[dtype]
    fixed = {n: float(kind(v)) for n, v in params.items()}
    loss = fl.LOSSES[name].bind(**fixed)
    for point in product(*(corners(d, kind) for d in loss.domains)):
        for k in range(len(loss.wrt)):
            found = jet(name, point, fixed, kind, k)
            unknown = [math.isnan(x) for x in found]
            if sum(map(math.isinf, point)) < 2:
                assert not any(unknown), (point, k, found)
            assert unknown[0] == unknown[1], (point, k, found)


# -- parameters at the ends of a type ----------------------------------------------------------------------------------


def test_a_parameter_is_infinite_where_that_is_a_limit() -> None:
    pred, target = np.float32([3.0, -1.0]), np.float32([0.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for delta in (INF, 1e300, 1e39, np.float64(1e308)):
            value, grad = fl.huber.value_and_grad(pred, target, delta=delta)
            assert value == 2.5
            assert_array_equal(grad, [1.5, -0.5])
        with np.errstate(all="raise"):
            assert fl.huber(pred, target, delta=1e39) == 2.5
    assert fl.huber.bind(delta=INF).values == {"delta": INF}
    assert pickle.loads(pickle.dumps(fl.huber.bind(delta=INF))) == fl.huber.bind(delta=INF)


REFUSED = [
    # loss, parameters, and what the error says
    (fl.smooth_l1, {"beta": INF}, "smooth_l1: beta is inf, expected a number of at least 0 and finite"),
    (fl.tweedie, {"power": INF}, "tweedie: power is inf, expected a number that is not between 0 and 1 and finite"),
    (fl.tweedie, {"power": 0.5}, "tweedie: power is 0.5, expected a number that is not between 0 and 1"),
    (fl.huber, {"delta": -INF}, "huber: delta is -inf, expected a number greater than 0, or inf"),
    (fl.huber, {"delta": math.nan}, "huber: delta is nan, expected a number greater than 0, or inf"),
    (fl.huber, {"delta": 1e-50}, "huber: delta is 1e-50, which float32 does not hold: it becomes 0.0 there"),
    (fl.smooth_l1, {"beta": 1e300}, "smooth_l1: beta is 1e+300, which float32 does not hold: it becomes inf there"),
    (
        fl.quantile,
        {"q": 1.0 - 1e-12},
        "quantile: q is 0.999999999999, which float32 does not hold: it becomes 1.0 there",
    ),
]


@pytest.mark.parametrize(("loss", "params", "message"), REFUSED, ids=[r[2] for r in REFUSED])
def test_a_parameter_is_refused_for_what_it_is(loss: fl.Loss, params: Any, message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=re.escape(message)):
            loss(np.float32([1.0]), np.float32([0.0]), **params)


# -- the constants of likelihoods ----------------------------------------------------------------------------------------

MINUS_LOG_DENSITY = [
    # by the distributions' own formulas, not by their losses': Poisson, exponential, inverse Gaussian, normal
    (fl.poisson, {}, (1.5, 4.0), 1.6597429006860104),
    (fl.poisson_identity, {}, (2.0, 3.0), 1.7123179275482191),
    (fl.poisson_identity, {}, (2.0, 2.5), 1.468105650947211),
    (fl.gamma, {}, (math.log(2.0), 3.0), 2.1931471805599453),
    (fl.gamma_identity, {}, (2.0, 3.0), 2.1931471805599453),
    (fl.tweedie, {"power": 1.0}, (1.5, 4.0), 1.6597429006860104),
    (fl.tweedie, {"power": 2.0}, (math.log(2.0), 3.0), 2.1931471805599453),
    (fl.tweedie_identity, {"power": 0.0}, (2.0, 3.0), 1.4189385332046727),
    (fl.tweedie_identity, {"power": 1.0}, (2.0, 3.0), 1.7123179275482191),
    (fl.tweedie_identity, {"power": 2.0}, (2.0, 3.0), 2.1931471805599453),
    (fl.tweedie_identity, {"power": 3.0}, (2.0, 3.0), 2.6085236328735039),
    (fl.tweedie, {"power": 3.0}, (math.log(2.0), 3.0), 2.6085236328735039),
    (fl.gaussian_nll, {}, (2.0, 3.0, 4.0), 1.7370857137646181),
    (fl.gaussian_nll_log_scale, {}, (2.0, 3.0, math.log(2.0)), 1.7370857137646181),
]


@pytest.mark.parametrize(("loss", "params", "point", "expected"), MINUS_LOG_DENSITY, ids=lambda v: str(v))
def test_full_is_the_density(loss: fl.Loss, params: Any, point: Any, expected: float) -> None:
    value, _, _ = jet(loss.name, point, {**loss.values, **params, "full": True}, np.float64)
    assert value == pytest.approx(expected, rel=1e-14)


def test_full_is_asked_for() -> None:
    """By the call or bound; the plain loss, its function and its derivatives stay as they are."""
    pred, target = np.array([1.5, 0.0]), np.array([4.0, 0.0])
    plain, slope = fl.poisson.value_and_grad(pred, target, reduction="sum")
    value, grad = fl.poisson.value_and_grad(pred, target, reduction="sum", full=True)
    assert value == pytest.approx(1.6597429006860104 + 1.0, rel=1e-14)
    assert value - plain == pytest.approx(math.log(24.0), rel=1e-14)
    assert_array_equal(grad, slope)
    bound = fl.poisson.bind(full=True)
    assert bound(pred, target, reduction="sum") == value
    assert bound(pred, target, reduction="sum", full=False) == plain
    assert bound.bind(full=False).jet is fl.poisson.jet is not bound.jet
    assert bound.jet is fl.poisson.bind(full=True).jet
    assert pickle.loads(pickle.dumps(bound)) == bound != fl.poisson
    with pytest.raises(ValueError, match=r"tweedie: what full=True adds has no closed form for power=1\.5"):
        fl.tweedie.bind(full=True)
    with pytest.raises(TypeError, match="full"):
        fl.huber(pred, target, full=True)


def test_a_constant_has_the_arguments_of_its_loss() -> None:
    def constant(pred: float, full: float) -> float:
        return 1.0

    def loss(pred: float, target: float, full: float = False) -> tuple[float, float, float]:
        return pred, 1.0, 0.0

    def blind(pred: float, full: float) -> tuple[float, float, float]:
        return pred, 1.0, 0.0

    with pytest.raises(TypeError, match=r"loss: its constant takes \(pred, full\), expected .* \(pred, target, full\)"):
        fl.pointwise(constant=constant, full=fl.SWITCH)(loss)
    with pytest.raises(TypeError, match="bare: a loss with a constant .* has a parameter full=False"):
        fl.pointwise(constant=number)(bare)


def bare(pred: float, target: float) -> tuple[float, float, float]:
    return pred, 1.0, 0.0


def number(pred: float, target: float) -> float:
    return 1.0


FACTORIALS = [(0.0, 0.0), (1.0, 0.0), (0.25, -0.098271836421813161), (0.5, -0.12078223763524522), (2.5, 1.2009736023470742),
              (1.25, 0.12487171489239659), (7.0, 8.5251613610654143), (8.5, 11.689333420797268), (20.0, 42.335616460753485),
              (170.0, 706.57306224578735), (1e10, 220258509311.83643), (1e300, 6.8977552789821374e302),
              (1e-30, -5.7721566490153291e-31), (INF, INF)]  # fmt: skip


def test_log_factorial_of_numbers() -> None:
    for t, expected in FACTORIALS:
        assert log_factorial(t) == pytest.approx(expected, rel=1e-15), t


@pytest.mark.parametrize("dtype", TYPES)
def test_log_factorial(dtype: str) -> None:
    """Within 5 units in the last place, beside its zeros too; NaN stays."""
    kind = TYPES[dtype]
    function = lift(log_factorial, Elementary, kind, lambda f: f)
    rng = np.random.default_rng(5)
    places = [np.arange(30), rng.uniform(0, 12, 300), 10 ** rng.uniform(-30, 30, 100), rng.uniform(0.9, 1.1, 100)]
    with np.errstate(all="ignore"), mp.workdps(60):
        for t in np.concatenate(places).astype(kind):
            assert error(function(t), loggamma(mpf(float(t)) + 1), None, kind) <= 5.0, t
        assert np.isnan(function(kind(np.nan)))
