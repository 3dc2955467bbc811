"""Censored times, whose bounds other tests never draw equal or infinite; the functions of tails that they are made of."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import oracle
import pytest
import survival_slack
from elements import TYPES, Elementary, error, jet
from mpmath import erfc, exp, mp, mpf, pi, quad, sqrt

import fastloss as fl
from fastloss.kernels.bind import lift
from fastloss.losses import tails

NAMES = [f"accelerated_failure_time_{errors}" for errors in survival_slack.KINDS]
INF = math.inf
BOUNDS = [
    (1.0, 1.0), (2.5, 2.5),  # seen
    (1.0, INF), (3.0, INF),  # right-censored
    (0.0, 1.0), (0.0, 7.0),  # left-censored
    (1.0, 1.001), (1.0, 1.5), (1.0, 2.6), (0.1, 1e3), (5.0, 5.0000001), (3.0, 2.0),  # between
]  # fmt: skip


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_censoring(name: str, dtype: str) -> None:
    """Both tails, in all digits that the formula leaves."""
    kind, scale = TYPES[dtype], {"scale": 0.75}
    for pred in (0.0, -0.5, 1.25, 3.0, -8.0, 21.0, -21.0):
        for bounds in BOUNDS:
            point = tuple(float(kind(x)) for x in (pred, *bounds))
            exact, got = oracle.exact(name, point, scale), jet(name, point, scale, kind)
            with mp.workdps(40):
                slack = survival_slack.terms(name.rpartition("_")[2], *map(mpf, point), mpf(0.75))
                for order in range(3):
                    assert error(got[order], exact[order], slack[order], kind) <= 5.0, (point, order, got, exact)


@pytest.mark.parametrize("name", NAMES)
def test_known_values(name: str) -> None:
    """An event seen at its median time, and what is known of one that is not."""
    at_median = {"logistic": math.log(4), "normal": math.log(2 * math.pi) / 2, "extreme": 1.0}
    later = {"logistic": math.log(2), "normal": math.log(2), "extreme": 1.0}
    errors = name.rpartition("_")[2]
    assert jet(name, (0.0, 1.0, 1.0), {"scale": 1.0}, np.float64)[0] == pytest.approx(at_median[errors], rel=1e-15)
    assert jet(name, (0.0, 1.0, INF), {"scale": 1.0}, np.float64)[0] == pytest.approx(later[errors], rel=1e-15)
    # Twice the time on a logarithmic scale of half the width.
    value = jet(name, (math.log(2.0), 2.0, 2.0), {"scale": 0.5}, np.float64)[0]
    assert value == pytest.approx(at_median[errors], rel=1e-15)
    assert jet(name, (7.0, 0.0, INF), {"scale": 1.0}, np.float64) == (0.0, 0.0, 0.0)  # nothing is known


LOW = [1.0, 2.5, 1.0, 3.0, 0.0, 0.0, 1.0, 1.0, 0.1]
HIGH = [1.0, 2.5, INF, INF, 1.0, 7.0, 1.1, 3.0, 20.0]
PRED = [0.5, -0.3, 0.2, 1.1, 0.4, -0.6, 0.1, 0.2, 0.7]
XGBOOST = {
    "normal": (
        [0.891107, 2.76784, 0.512984, 0.691764, 1.17591, 0.000730598, 3.04914, 0.759193, 0.00214411],
        [0.78125, -1.9005, -0.8073, -0.99598, 1.4263, 0.0031547, 0.081692, -0.46571, 0.0077022],
        [1.5625, 1.5625, 0.90401, 0.99413, 1.143, 0.012559, 1.5607, 1.3357, 0.0313],
    ),
    "logistic": (
        [1.25926, 2.60897, 0.575939, 0.69228, 0.974077, 0.040649, 3.51513, 1.14958, 0.0796696],
        [0.37839, -0.80148, -0.54728, -0.62446, 0.77807, 0.049792, 0.040844, -0.24052, 0.038461],
        [0.70966, 0.46006, 0.38458, 0.39062, 0.36719, 0.059761, 0.77972, 0.67393, 0.11433],
    ),
    "extreme": (
        [0.937118, 3.74667, 0.778801, 0.998267, 0.787984, 3.40143e-11, 3.13012, 0.884887, 0.0234419],
        [0.58092, -4.4674, -0.9735, -1.2478, 0.90901, None, 0.078391, -0.65229, -0.029302],
        [0.83635, 7.1467, 1.2169, 1.5598, 0.37921, None, 1.4629, 1.8405, 0.036638],
    ),
}
"""What XGBoost 3.2.0 gives for a scale of 0.8: `aft-nloglik`, and its trees' leaves; None where it clips."""


@pytest.mark.parametrize("errors", XGBOOST)
def test_as_xgboost(errors: str) -> None:
    for point, expected in zip(zip(PRED, LOW, HIGH, strict=True), zip(*XGBOOST[errors], strict=True), strict=True):
        got = jet(f"accelerated_failure_time_{errors}", point, {"scale": 0.8}, np.float64)
        assert [g for g, e in zip(got, expected, strict=True) if e] == pytest.approx(
            [e for e in expected if e],
            rel=5e-5,  # half a unit of five digits
        ), point


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_bounds_does_not_matter(name: str, rng: np.random.Generator) -> None:
    pred, low, high = rng.normal(size=50), rng.gamma(2.0, size=50), rng.gamma(2.0, size=50)
    one, other = fl.LOSSES[name].value_and_grad(pred, low, high), fl.LOSSES[name].value_and_grad(pred, high, low)
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pred", [INF, -INF])
def test_limits_of_seen_and_censored(name: str, pred: float) -> None:
    """The limits that 60 and 120 digits show."""
    for bounds in ((2.0, 2.0), (2.0, INF), (0.0, 2.0)):
        expected = oracle.limit(name, (pred, *bounds), {"scale": 0.5}) if INF not in bounds else None
        value, slope, curve = jet(name, (pred, *bounds), {"scale": 0.5}, np.float64)
        if expected:
            assert (value, slope, curve) == pytest.approx(expected, rel=1e-12)
        else:
            assert (value == 0.0) if pred > 0 else value == INF
        assert not any(map(math.isnan, (value, slope, curve)))


def test_a_rounded_time_is_nearly_a_seen_one() -> None:
    """The loss of a short interval is that of the time itself, less the logarithm of the interval's length."""
    for name in NAMES:
        seen = jet(name, (0.7, 2.0, 2.0), {"scale": 0.5}, np.float64)
        short = jet(name, (0.7, 2.0 - 2.0**-24, 2.0 + 2.0**-24), {"scale": 0.5}, np.float64)
        assert short[0] + math.log(2.0**-23) == pytest.approx(seen[0], rel=1e-13)
        assert short[1:] == pytest.approx(seen[1:], rel=1e-12)


# -- tails ---------------------------------------------------------------------------------------------------------------


def plain(function: Any, kind: type) -> Any:
    return lift(function, Elementary, kind, lambda f: f)


def off(got: Any, exact: Any, kind: type) -> float:
    return float(abs(mpf(float(got)) - exact) / abs(exact)) / float(np.finfo(kind).eps)


@pytest.mark.parametrize("dtype", TYPES)
def test_excess_of_the_hazard(dtype: str) -> None:
    kind = TYPES[dtype]
    excess = plain(tails.excess, kind)
    with mp.workdps(60):
        for x in (0.0, 1e-8, *np.linspace(0.0, 12.0, 97), 20.0, 37.5, 100.0, 300.0):
            z = mpf(float(kind(x)))
            exact = sqrt(2 / pi) * exp(-(z**2) / 2) / erfc(z / sqrt(2)) - z
            assert off(excess(kind(x)), exact, kind) <= 3.0, x
    for x in (1e9, 1e18, 1e30):
        assert excess(kind(x)) == pytest.approx(1.0 / x, rel=4 * float(np.finfo(kind).eps))
    assert excess(kind(INF)) == 0.0


@pytest.mark.parametrize("dtype", TYPES)
def test_moments_of_short_pieces(dtype: str) -> None:
    kind = TYPES[dtype]
    moments = plain(tails.moments, kind)
    with mp.workdps(25):
        for tilt in (0.0, 0.01, 0.25, 0.5):
            for square in (0.0, 1e-4, 0.09, 0.25):
                a, b = (mpf(float(kind(x))) for x in (tilt, square))
                got = moments(kind(tilt), kind(square))
                for k in range(3):
                    exact = quad(lambda v, a=a, b=b, k=k: v**k * exp(-a * v - b * v**2 / 2), [-1, 0, 1]) / 2
                    assert off(got[k], exact, kind) <= 4.0 if k != 1 or tilt else got[k] == 0.0


@pytest.mark.parametrize("dtype", TYPES)
def test_tail_of_the_exponential(dtype: str) -> None:
    kind = TYPES[dtype]
    tail = plain(tails.exp_tail, kind)
    with mp.workdps(40):
        for x in (1e-12, 1e-3, *np.linspace(0.01, 1.0, 50)):
            z = mpf(float(kind(x)))
            assert off(tail(kind(x)), (mpmath.expm1(-z) + z) / z**2, kind) <= 2.0, x
    assert tail(kind(0.0)) == 0.5
