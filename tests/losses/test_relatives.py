"""Losses that are others for some of their parameters, or after a change of scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import draw
from elements import TYPES, jet

import fastloss as fl

ALIKE: list[tuple[str, dict[str, float], str, dict[str, float], float]] = [
    # a loss, another one, and how many times the other the first is
    ("lp", {"p": 1.0}, "absolute_error", {}, 1.0),
    ("lp", {"p": 2.0}, "squared_error", {}, 1.0),
    ("smoothed_hinge", {"gamma": 2.0}, "modified_huber", {}, 0.25),
    ("smoothed_hinge", {"gamma": 1e-30}, "hinge", {}, 1.0),
    ("distance_weighted_discrimination", {"q": 1e30}, "hinge", {}, 1.0),
]


def other(name: str, point: Any, params: dict[str, float], kind: type) -> tuple[Any, ...]:
    return jet(name, point, {**fl.LOSSES[name].values, **params}, kind)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params", "relative", "theirs", "times"), ALIKE)
def test_alike(name: str, params: Any, relative: str, theirs: Any, times: float, dtype: str) -> None:
    rng, kind = np.random.default_rng(4), TYPES[dtype]
    for point in zip(*draw(fl.LOSSES[name], 60, kind, rng), strict=True):
        got = jet(name, point, params, kind)
        expected = tuple(times * x for x in other(relative, point, theirs, kind))
        assert got == pytest.approx(expected, rel=4 * float(np.finfo(kind).eps), abs=1e-12), point


def test_of_another_scale() -> None:
    """The rules of the chain, written out."""
    for x, t, s in np.random.default_rng(5).normal(size=(60, 3)):
        side = 1.0 if t > 0 else -1.0
        label = float(t > 0)
        margin = jet("modified_huber", (x, side), fl.modified_huber.values, np.float64)
        assert jet("binary_sparsemax", (x, label), {}, np.float64) == pytest.approx([0.25 * d for d in margin])
        value, (d1, _, _) = (
            jet("logistic", (2 * x, side), {}, np.float64)[0],
            jet("sigmoid_margin", (x, side), {}, np.float64),
        )
        assert d1 == pytest.approx(2 * -np.expm1(-value))
        wide = jet("squared_error", (x / 2.0, 0.0), {}, np.float64)[0]
        assert jet("geman_mcclure", (x, 0.0), {"c": 2.0}, np.float64)[0] == pytest.approx(2 * wide / (wide + 1))
        variance = np.exp(2 * s)
        nll, by_mean, _ = jet("gaussian_nll", (x, t, variance), fl.gaussian_nll.values, np.float64)
        assert jet("gaussian_nll_log_scale", (x, t, s), {}, np.float64)[:2] == pytest.approx((nll, by_mean))
        by_variance = jet("gaussian_nll", (x, t, variance), fl.gaussian_nll.values, np.float64, 1)[1]
        assert jet("gaussian_nll_log_scale", (x, t, s), {}, np.float64, 1)[1] == pytest.approx(
            by_variance * 2 * variance
        )
        e = np.exp(x)
        plain = jet("quantile", (e, t), {"q": 0.3}, np.float64)
        assert jet("log_lin_quantile", (x, t), {"q": 0.3}, np.float64)[:2] == pytest.approx((plain[0], plain[1] * e))
        count = abs(t)
        deviance = jet("generalized_kl", (e, count), {}, np.float64)
        identity = jet("poisson_identity", (e, count), fl.poisson_identity.values, np.float64)
        assert deviance[1:] == pytest.approx(identity[1:])
        assert deviance[0] == pytest.approx(identity[0] + count * np.log(count) - count)


def test_root_mean_squared_percentage_error() -> None:
    pred, target = np.array([1.0, 6.0, 3.0]), np.array([2.0, 4.0, -3.0])
    relative = (pred - target) / target
    assert fl.rmspe(pred, target) == pytest.approx(np.sqrt(np.mean(relative**2)))
    assert fl.rmspe is fl.root_mean_squared_percentage_error
