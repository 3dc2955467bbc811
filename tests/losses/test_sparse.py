"""The sparsemax and its loss against a threshold found by sorting, and how many steps the search of theirs takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import rest, some
from numpy.testing import assert_allclose, assert_array_equal
from test_row_accuracy import plain, run

import fastloss as fl

K = 150


def nearest(z: Any) -> Any:
    """The distributions nearest to rows, by sorting."""
    z = z.astype(np.longdouble) - z.max(axis=1, keepdims=True)
    best = -np.sort(-z, axis=1)
    tau = (np.cumsum(best, axis=1) - 1.0) / np.arange(1, z.shape[1] + 1)
    count = (best > tau).sum(axis=1)
    return np.maximum(z - tau[np.arange(len(z)), count - 1][:, None], 0.0).astype("f8")


def hard_rows(k: int, rng: np.random.Generator) -> Any:
    """Supports of one class, of some, of all; cascades, in which each step leaves less; far from 0."""
    ramp = np.linspace(0.0, 1.0, k)
    rows = [3.0 * rng.normal(size=k), rng.normal(size=k), 0.02 * rng.normal(size=k), 1e-4 * rng.normal(size=k),
            np.full(k, 7.0), ramp**8, 1.0 / np.arange(1.0, k + 1.0), 0.5 ** np.arange(k), -ramp, ramp + 3e4]  # fmt: skip
    return np.array(rows)


@pytest.mark.parametrize(("dtype", "tolerance"), [("f4", 4e-7), rest(("f8", 1e-15))])
@pytest.mark.parametrize("k", some([7, 150, 128_256], [150]))
def test_sparsemax(k: int, dtype: str, tolerance: float, rng: np.random.Generator) -> None:
    """As exact as the difference of a score and the top, which is at most 1 wherever it counts."""
    z = hard_rows(k, rng).astype(dtype)
    found, expected = fl.sparsemax(z), nearest(z.astype("f8"))
    assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    clear = (expected == 0.0) | (expected > tolerance)  # of which rounding decides nothing
    assert_array_equal(found[clear] == 0.0, expected[clear] == 0.0)
    assert_allclose(found.sum(axis=1, dtype="f8"), 1.0, rtol=10 * tolerance)
    equal = found[4]
    assert_allclose(equal, 1.0 / k, rtol=tolerance)
    assert_array_equal(fl.sparsemax(z, temperature=0.5), fl.sparsemax(2 * z))
    assert_array_equal(fl.sparsemax(z.T.copy(), axis=0, backend="serial").T, fl.sparsemax(z.T.copy(), axis=0).T)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("target", ["labels", "smoothed", "dense", "weighed"])
@pytest.mark.parametrize("k", [7, K])
def test_targets(k: int, target: str, rng: np.random.Generator) -> None:
    """Of labels, masses and weights of classes: the loss of the masses that they stand for."""
    z = hard_rows(k, rng).astype("f4")
    labels = rng.integers(0, k, len(z))
    labels[:2] = z[:2].argmax(axis=1)
    options: dict[str, Any] = {}
    t = np.eye(k)[labels]
    if target == "smoothed":
        options, t = {"label_smoothing": 0.1}, 0.9 * t + 0.1 / k
    elif target == "dense":
        t = rng.gamma(0.2, 1.0, t.shape).astype("f4").astype("f8")
    elif target == "weighed":
        classes = rng.gamma(2.0, 1.0, k).astype("f4")
        options, t = {"class_weight": classes}, t * classes
    given = t.astype("f4") if target == "dense" else labels
    value, grad = fl.sparsemax_loss.value_and_grad(z, given, reduction="none", **options)
    wide, p, mass = z.astype("f8"), nearest(z.astype("f8")), t.sum(axis=1)
    tau = (wide.max(axis=1) - p.max(axis=1))[:, None]
    lost = np.where(p > 0.0, (mass[:, None] * p - t) ** 2, t**2).sum(axis=1) / (2.0 * mass)
    lost += np.where(p > 0.0, 0.0, t * (tau - wide)).sum(axis=1)
    assert_allclose(value, lost, rtol=2e-6, atol=1e-13)
    assert_allclose(grad, mass[:, None] * p - t, rtol=1e-6, atol=4e-7 * mass.max())


@pytest.mark.parametrize("k", some([7, K], [K]))
def test_what_is_not_known_ends_too(k: int, rng: np.random.Generator) -> None:
    """In a tile and by itself, beside rows that are known."""
    z = rng.normal(size=(9, k)).astype("f4")
    t = np.zeros(9, int)
    for row, (place, what) in enumerate([(0, np.nan), (3, np.nan), (k - 1, np.nan), (0, np.inf), (3, np.inf)]):
        z[row, place] = what
    z[5], z[6, 1:], z[7, :2] = -np.inf, -np.inf, np.inf
    with np.errstate(all="raise"):
        value, grad = fl.sparsemax_loss.value_and_grad(z, t, reduction="none")
        p = fl.sparsemax(z)
    assert_array_equal(np.isnan(value), [True] * 3 + [False] * 2 + [True] + [False] * 3)
    assert_array_equal(np.isnan(grad).all(axis=1), np.isnan(value))
    assert_array_equal(np.isnan(p), np.isnan(grad))
    assert_array_equal(value[[3, 4, 6, 7]], [0.0, np.inf, 0.0, 0.25])
    assert_array_equal(p[[3, 4, 6]], np.eye(k)[[0, 3, 0]])
    assert_array_equal(p[7], np.where(np.arange(k) < 2, 0.5, 0.0))
    known, slope = fl.sparsemax_loss.value_and_grad(z[8:], t[8:], reduction="none")
    assert_array_equal(value[8:], known)
    assert_array_equal(grad[8:], slope)


def test_the_loss_of_a_confident_row_keeps_its_digits() -> None:
    """Where the label's own score is the top: of its rival's small probability nothing cancels."""
    for k in (7, K):
        z = np.full((4, k), -3.0, "f4")
        z[:, 2], z[:, 4] = 0.0, [-0.5, -0.75, -1 + 2.0**-12, -1 + 2.0**-24]
        rival = (1.0 + z[:, 4].astype("f8")) / 2.0
        value, grad = fl.sparsemax_loss.value_and_grad(z, np.full(4, 2), reduction="none")
        assert_allclose(value, rival**2, rtol=3e-7)
        assert_allclose(grad[:, 4], rival, rtol=2e-7)
        assert_allclose(grad[:, 2], -rival, rtol=2e-7)


@pytest.mark.usefixtures("compiled_at_last")
def test_two_classes_are_one_logit(rng: np.random.Generator) -> None:
    logit = rng.normal(0.0, 2.0, 50)
    value, grad = fl.sparsemax_loss.value_and_grad(np.stack([0.0 * logit, logit], 1), np.ones(50, int))
    expected, slope = fl.binary_sparsemax.value_and_grad(logit, np.ones(50))
    assert value == pytest.approx(expected)
    assert_allclose(grad[:, 1], slope, atol=1e-16)
    assert_allclose(grad[:, 0], -slope, atol=1e-16)


def test_the_search_is_short(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """Each step halves what is left of the way, or of the classes: no row takes one for each of its classes."""
    functions, steps = plain(fl.sparsemax_loss.functions, np.float32), []

    def again(*state: Any) -> Any:
        steps[-1] += 1
        return functions.again(*state)

    counting = functions._replace(again=again)
    monkeypatch.setattr("test_row_accuracy.plain", lambda f, kind: counting)
    for z in hard_rows(1_000, rng).astype("f4"):
        steps.append(0)
        run("sparsemax_loss", {}, np.float32, [z], np.eye(1_000)[0])
    assert 1 <= min(steps) <= max(steps) <= 24


@pytest.mark.usefixtures("compiled_at_last")
def test_sums_that_are_taken_again_in_a_loss_of_ones_own() -> None:
    """The square root of a row's sum S, by steps of its inverse: u - (u^3 S - u) / 2, from below."""

    class root_of_sum:
        def fold(x, t):
            return (x,), (x,)

        def settle(total):
            return (1e-3,)

        def probe(x, u):
            return (0.5 * u * u * u * x,)

        def second(x, t, u):
            return (0.5 * u * u * u * x,)

        def again(u, half):
            return (1.5 * u - half,)

        def finish(total, half):
            return 0.5 / half, (half,)  # at rest u is twice that

        def grad(x, t, half):
            return half

    loss = fl.rowwise(targets="none", inputs=("pred",))(root_of_sum)
    for k in (3, K):
        x = np.abs(np.random.default_rng(2).normal(size=(5, k)))
        value, grad = loss.value_and_grad(x, reduction="none")
        root = np.sqrt(x.sum(axis=1, keepdims=True))
        assert_allclose(value[:, None], root, rtol=1e-14)
        assert_allclose(grad, np.broadcast_to(0.5 / root, x.shape), rtol=1e-14)
