"""Penalties against their formulas in 50 digits, proximal steps against brute force; keywords, laws and errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import penalty_oracle as oracle
import pytest
from data import some
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.penalties.terms import both, half_square, magnitude, shrunk
from fastloss.penalties.variation import smoothed

pytestmark = pytest.mark.usefixtures("compiled_at_last")

ELEMENTS = {
    "l1": (fl.penalties.l1(0.75), lambda w: oracle.l1(list(w.flat), mpf(0.75))),
    "l2": (fl.penalties.l2(0.75), lambda w: oracle.l2(list(w.flat), mpf(0.75))),
    "elastic_net": (
        fl.penalties.elastic_net(0.75, l1_ratio=0.25),
        lambda w: oracle.elastic_net(list(w.flat), mpf(0.75), mpf(0.25)),
    ),
}
GROUPS = np.array([3, -1, 0, 3, 0, 0, 7, 3])
GROUPED = {
    "group_lasso": (
        fl.penalties.group_lasso(0.75, groups=GROUPS.reshape(2, 4)),
        lambda w: oracle.group_lasso(list(w.flat), mpf(0.75), list(GROUPS)),
    ),
    "columns": (
        fl.penalties.group_lasso(0.75, axis=0, by_size=False),
        lambda w: oracle.group_lasso(list(w.flat), mpf(0.75), [0, 1, 2, 3] * 2, by_size=False),
    ),
    "total_variation": (fl.penalties.total_variation(0.75), lambda w: oracle.total_variation(w, mpf(0.75))),
}
ALL = {**ELEMENTS, **GROUPED}


@pytest.fixture
def w(rng: np.random.Generator) -> Any:
    return 3 * rng.normal(size=(2, 4))


# -- Values and gradients ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_values_and_gradients_in_50_digits(name: str, w: Any) -> None:
    penalty, formula = ALL[name]
    with mp.workdps(60):
        value, grad = penalty.value_and_grad(w)
        assert_allclose(value, float(formula(oracle.exact(w))), rtol=1e-15)
        assert_allclose(grad, oracle.slopes(formula, w), rtol=1e-14, atol=1e-15)
    assert penalty(w) == value
    assert_array_equal(penalty.grad(w), grad)
    single, slope = penalty.value_and_grad(w.astype("f4"))
    assert single.dtype == slope.dtype == np.float32
    assert_allclose(single, value, rtol=1e-6)
    assert_allclose(slope, grad, rtol=1e-6)


def test_functions_of_a_coefficient() -> None:
    for x in (0.0, 1e-30, -1e-30, 1e30, -1e30, 2.5):
        assert magnitude(x, 0.5) == (0.5 * abs(x), 0.5 * np.sign(x), 0.0)
        assert half_square(x, 0.5)[0] == 0.25 * x * x and half_square(x, 0.5)[1:] == (0.5 * x, 0.5)
        assert_allclose(both(x, 0.5, 0.25)[:2], (0.125 * abs(x) + 0.1875 * x * x, 0.125 * np.sign(x) + 0.375 * x))
    assert all(np.isnan(jet(np.nan, 0.5)[k]) for jet in (magnitude, half_square, both) for k in (0, 1))
    assert half_square(1e-300, 1e200)[1] == 1e-100
    # A strength of 0 is no penalty, whatever the coefficient is.
    assert magnitude(np.inf, 0.0)[:2] == half_square(np.inf, 0.0)[:2] == (0.0, 0.0)


def test_the_gradient_is_0_where_there_is_none() -> None:
    zeros = np.zeros((2, 4))
    for name, (penalty, _) in ALL.items():
        value, grad = penalty.value_and_grad(zeros)
        assert value == 0.0 and not grad.any(), name
    value, grad = fl.penalties.total_variation(2.0).value_and_grad([1.0, 1.0, 5.0, 5.0])
    assert value == 8.0 and grad.tolist() == [0.0, -2.0, 2.0, 0.0]


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_lengths_do_not_overflow(size: float) -> None:
    penalty = fl.penalties.group_lasso(1.0, axis=0, by_size=False)
    value, grad = penalty.value_and_grad(size * np.array([3.0, 4.0]))
    assert_allclose(value, 5.0 * size, rtol=1e-15)
    assert_allclose(grad, [0.6, 0.8], rtol=1e-15)
    if 1e-31 < size < 1e31:
        assert_allclose(penalty.grad(np.float32(size) * np.array([3.0, 4.0], "f4")), [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(("size", "strength"), [(1e-310, 1.0), (1e-300, 1e100), (1e307, 1e-15)])
def test_slopes_of_lengths_at_the_ends(size: float, strength: float) -> None:
    """The strength over the length would be infinite, or have few digits."""
    grad = fl.penalties.group_lasso(strength, axis=0, by_size=False).grad(size * np.array([3.0, 4.0]))
    assert_allclose(grad, [0.6 * strength, 0.8 * strength], rtol=1e-12)


def test_infinite_lengths() -> None:
    """What is taken off an infinite length is nothing beside it; without a step, nothing moves."""
    penalty = fl.penalties.group_lasso(2.0, axis=0)
    assert_array_equal(penalty.prox([np.inf, 1.0]), [np.inf, 1.0])
    assert_array_equal(penalty.prox([np.nan, 1.0]), [np.nan, np.nan])
    assert_array_equal(penalty.prox([np.nan, np.inf, 1.0], 0.0), [np.nan, np.inf, 1.0])


@pytest.mark.parametrize("name", ALL)
def test_a_strength_of_0_is_no_penalty(name: str) -> None:
    w = np.array([[np.nan, 1.0], [np.inf, 2.0]])
    penalty = ALL[name][0]
    penalty = penalty.bind(strength=0.0, **({"groups": [[0, 1], [0, 1]]} if name == "group_lasso" else {}))
    value, grad = penalty.value_and_grad(w)
    assert value == 0.0 and not grad.any()


@pytest.mark.parametrize("shape", [(1,), (7,), (9_000,), (3, 1), (1, 5), (4, 3, 2), (2, 2_000), (0,), (3, 0)])
def test_total_variation_of_any_shape(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    w = rng.integers(-3, 4, shape).astype(float)
    value, grad = fl.penalties.total_variation(0.5).value_and_grad(w)
    total, expected = 0.0, np.zeros(shape)
    for axis in range(len(shape)):
        move = np.diff(w, axis=axis)
        total += np.abs(move).sum()
        ends = (
            [(1, 0) if k == axis else (0, 0) for k in range(len(shape))],
            [(0, 1) if k == axis else (0, 0) for k in range(len(shape))],
        )
        if w.shape[axis]:
            expected += np.pad(np.sign(move), ends[0]) - np.pad(np.sign(move), ends[1])
    assert value == 0.5 * total
    assert_array_equal(grad, 0.5 * expected)


# -- Proximal steps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["l1", "l2", "elastic_net", "group_lasso", "columns"])
def test_steps_minimise(name: str, w: Any, rng: np.random.Generator) -> None:
    """No other point is better, near or far."""
    penalty, _ = ALL[name]
    for step in (0.0, 0.5, 4.0):
        x = penalty.prox(w, step)

        def cost(z: Any, step: float = step) -> float:
            return float(0.5 * ((z - w) ** 2).sum() + step * penalty(z))

        others = [0.0 * w, w, *(x + scale * rng.normal(size=w.shape) for scale in (1e-3, 1e-2, 1.0) for _ in range(40))]
        assert all(cost(z) >= cost(x) - 1e-13 for z in others)
        if step == 0.0:
            assert_array_equal(x, w)
    assert_allclose(penalty.prox(w.astype("f4"), 0.5), penalty.prox(w, 0.5), rtol=1e-5, atol=1e-6)


def test_steps_in_closed_form() -> None:
    assert fl.penalties.l1(2.0).prox([3.0, -0.5, 1.0], 0.5).tolist() == [2.0, 0.0, 0.0]
    assert fl.penalties.l2(2.0).prox([3.0, -0.5], 0.5).tolist() == [1.5, -0.25]
    assert fl.penalties.elastic_net(4.0, 0.5).prox([3.0, -0.5], 0.5).tolist() == [1.0, 0.0]
    assert fl.penalties.group_lasso(5.0, axis=0, by_size=False).prox([3.0, 4.0]).tolist() == [0.0, 0.0]
    assert fl.penalties.group_lasso(2.5, axis=0, by_size=False).prox([3.0, 4.0]).tolist() == [1.5, 2.0]
    # Steps and strengths whose product is infinite.
    for penalty in (fl.penalties.l1, fl.penalties.l2, fl.penalties.elastic_net):
        assert penalty(1e200).prox([3.0, -4.0], 1e200).tolist() == [0.0, 0.0]
    assert shrunk(-1e30, 1.0)[1] == -1e30 and np.isnan(shrunk(np.nan, 1.0)[1])


def test_total_variation_by_all_patterns(rng: np.random.Generator) -> None:
    penalty = fl.penalties.total_variation(1.0)
    for n in (1, 2, 3, 5, 7):
        for k in (0.0, 0.1, 0.7, 2.0, 50.0):
            for y in (rng.normal(size=n), rng.integers(-2, 3, n).astype(float)):
                assert_allclose(penalty.prox(y, k), oracle.smoothest(y, k), rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1e-3, 0.3, 5.0, 300.0])
def test_total_variation_of_long_lines(k: float, rng: np.random.Generator) -> None:
    """By the conditions of the minimum: the sums of what is taken away are k where x rises, -k where it falls."""
    for y in (rng.normal(size=5_000), np.cumsum(rng.normal(size=5_000)), np.repeat(rng.normal(size=50), 100)):
        x = fl.penalties.total_variation(k).prox(y)
        dual = np.cumsum(y - x)
        assert_allclose(dual[-1], 0.0, atol=1e-8)
        assert np.abs(dual[:-1]).max() <= k * (1 + 1e-9) + 1e-9
        moves = np.diff(x)
        where = np.abs(moves) > 1e-9
        assert_allclose(dual[:-1][where], -k * np.sign(moves[where]), rtol=1e-7, atol=1e-8)


def test_total_variation_at_the_ends() -> None:
    penalty = fl.penalties.total_variation(1.0)
    assert np.isnan(penalty.prox([1.0, np.nan, 2.0])).all()
    assert penalty.prox([]).shape == (0,) and penalty.prox([3.0]).tolist() == [3.0]
    assert penalty.prox([1.0, 2.0, 6.0], 1e30).tolist() == [3.0, 3.0, 3.0]
    huge = penalty.prox(1e30 * np.array([0.0, 1.0, 8.0, 9.0]), 1e30)
    assert_allclose(huge, 1e30 * np.array([1.0, 1.0, 8.0, 8.0]), rtol=1e-14)
    assert penalty.prox(np.array([1, 2, 6], "f4"), 0.5).dtype == np.float32
    assert_array_equal(smoothed(np.array([2.0, 5.0]), 0.0, None), [2.0, 5.0])


# -- What is penalised -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("place", ["first", "last"])
def test_an_intercept_is_not_penalised(name: str, place: Any, w: Any) -> None:
    penalty, _ = ALL[name]
    if name == "group_lasso":
        penalty = penalty.bind(groups=np.arange(10).reshape(2, 5) % 3)
        bare = penalty.bind(groups=penalty.values["groups"][:, slice(1, None) if place == "first" else slice(0, -1)])
    else:
        bare = penalty
    own = np.full((2, 1), np.nan)
    whole = np.concatenate([own, w] if place == "first" else [w, own], axis=1)
    others = slice(1, None) if place == "first" else slice(0, -1)
    value, grad = penalty.value_and_grad(whole, intercept=place)
    expected, slopes = bare.value_and_grad(w)
    assert value == expected
    assert_array_equal(grad[:, others], slopes)
    assert not grad[:, 0 if place == "first" else -1].any()
    if name != "total_variation":
        whole[np.isnan(whole)] = 5.0
        moved = penalty.prox(whole, 2.0, intercept=place)
        assert_array_equal(moved[:, others], bare.prox(w, 2.0))
        assert (moved[:, 0 if place == "first" else -1] == 5.0).all()


def test_an_intercept_of_a_line() -> None:
    penalty = fl.penalties.total_variation(1.0)
    assert penalty.prox([0.0, 1.0, 8.0, 9.0, 50.0], intercept="last").tolist() == [1.0, 1.0, 8.0, 8.0, 50.0]
    assert penalty.grad([9.0, 0.0, 1.0], intercept="first").tolist() == [0.0, -1.0, 1.0]


@pytest.mark.parametrize("name", ["l1", "l2", "elastic_net", "group_lasso", "columns"])
def test_masks(name: str, w: Any) -> None:
    penalty, _ = ALL[name]
    mask = np.array([[True, False, True, True], [True, True, False, True]])
    kept = w.copy()
    kept[~mask] = 0.0 if name != "group_lasso" else 7.0
    w[~mask] = np.nan
    value, grad = penalty.value_and_grad(w, mask=mask)
    assert np.isfinite(value) and not grad[~mask].any() and np.isfinite(grad).all()
    if name in ELEMENTS:
        assert value == penalty(kept)
        assert_array_equal(grad[mask], penalty.grad(kept)[mask])
    moved = penalty.prox(w, 0.5, mask=mask)
    assert np.isnan(moved[~mask]).all() and np.isfinite(moved[mask]).all()
    both = penalty.value_and_grad(w, mask=mask, intercept="last")[1]
    assert not both[:, -1].any() and not both[~mask].any()
    columns = np.array([True, True, False, True])
    assert not penalty.grad(kept, mask=columns)[:, 2].any()


def test_strengths_of_their_own(w: Any) -> None:
    """Of each coefficient, as in the adaptive lasso."""
    strength = np.array([0.0, 1.0, 2.0, 0.5])
    penalty = fl.penalties.l1(strength)
    value, grad = penalty.value_and_grad(w)
    assert_allclose(value, (strength * np.abs(w)).sum(), rtol=1e-15)
    assert_array_equal(grad, strength * np.sign(w))
    assert_array_equal(penalty.prox(w, 0.5), np.sign(w) * np.maximum(np.abs(w) - 0.5 * strength, 0.0))
    moved = penalty.prox(w, 0.5, intercept="last")
    assert_array_equal(moved[:, -1], w[:, -1])
    assert pickle.loads(pickle.dumps(penalty)) == penalty


# -- Arrays, errors, objects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_arrays_of_any_kind(name: str, w: Any) -> None:
    penalty, _ = ALL[name]
    value, grad = penalty.value_and_grad(w)
    w.flags.writeable = False
    for given in (w, np.asfortranarray(w), np.repeat(w, 2, axis=1)[:, ::2], w.tolist()):
        found, own = penalty.value_and_grad(given)
        assert_allclose(found, value, rtol=1e-15)
        assert_array_equal(own, grad)
    half = w.astype("f2")
    found, own = penalty.value_and_grad(half)
    assert found.dtype == np.float32 and own.dtype == np.float16
    assert_allclose(own, penalty.grad(half.astype("f8")), rtol=1e-3)
    for out in (np.empty_like(w), w.copy(), np.empty((2, 8))[:, ::2]):
        assert penalty.grad(w, out=out) is out
        assert_array_equal(out, grad)
    if name != "total_variation":
        again = w.copy()
        assert penalty.prox(again, 0.5, out=again) is again
        assert_array_equal(again, penalty.prox(w, 0.5))
        assert penalty.prox(half, 0.5).dtype == np.float16
    w = w.copy()
    w[0, 0] = np.nan
    value, grad = penalty.value_and_grad(w)
    assert np.isnan(value) and np.isnan(grad[0, 0])


@pytest.mark.compiled
@pytest.mark.parametrize("name", some(["l1", "group_lasso", "total_variation"], ["l1"]))
def test_the_same_bits_for_any_number_of_threads(name: str, rng: np.random.Generator) -> None:
    w = rng.normal(size=(40_000, 2))
    penalty = fl.penalties.group_lasso(1.0, axis=1) if name == "group_lasso" else getattr(fl.penalties, name)(1.0)
    one, two = (penalty.value_and_grad(w, backend=backend) for backend in ("serial", "parallel"))
    assert one[0] == two[0]
    assert_array_equal(one[1], two[1])


def test_errors(w: Any) -> None:
    p = fl.penalties
    l1, group, variation = p.l1(1.0), p.group_lasso(1.0, axis=0), p.total_variation(1.0)
    tensor = type("Tensor", (), {"__module__": "torch"})()
    for call, message in (
        (lambda: p.l1(-1.0), r"penalties\.l1: strength is -1, expected a number of at least 0"),
        (lambda: p.elastic_net(1.0, 2.0), r"penalties\.elastic_net: l1_ratio is 2, expected a number in \[0, 1\]"),
        (lambda: p.total_variation("a"), r"penalties\.total_variation: strength is 'a', expected a number of at least 0"),
        (lambda: p.group_lasso(1.0), r"penalties\.group_lasso: neither axis nor groups is given, expected one"),
        (lambda: p.group_lasso(1.0, axis=0, groups=[0]), "axis and groups are both given, expected one"),
        (lambda: p.group_lasso(1.0, axis=1.5), "axis is 1.5, expected a whole number"),
        (lambda: p.group_lasso(1.0, groups=[0.5]), "groups has dtype float64, expected integers"),
        (lambda: p.group_lasso(1.0, groups=[0])(w), r"groups has shape \(1,\), expected w's, \(2, 4\)"),
        (lambda: p.group_lasso(1.0, axis=2)(w), "axis is 2, but w has 2 axes"),
        (lambda: l1(w, intercept=True), r"penalties\.l1: intercept is True, expected None, 'first' or 'last'; say where"),
        (lambda: l1(w, intercept=-1), "intercept is -1, expected None, 'first' or 'last'; say where it is"),
        (lambda: variation(w, intercept="end"), "intercept is 'end', expected None, 'first' or 'last'"),
        (lambda: l1(1.0, intercept="last"), "intercept is 'last' and w has no axes"),
        (lambda: l1(w, mask=[0, 1]), "mask has dtype int64, expected booleans, True where w is penalised"),
        (lambda: group.prox(w, mask=np.ones((2, 1, 4), bool)), "mask"),
        (lambda: l1(w[0], mask=np.ones((4, 1), bool)), "they differ by an axis of length 1"),
        (lambda: l1(w[0], mask=np.ones((2, 4), bool)), r"mask has shape \(2, 4\), expected one that broadcasts to w's, \(4,\)"),
        (lambda: variation(w, mask=np.ones((2, 4), bool)), r"penalties\.total_variation: mask is given, expected none"),
        (lambda: l1.prox(w, -1.0), r"penalties\.l1: step is -1\.0, expected a number of at least 0"),
        (lambda: variation.prox(w), r"penalties\.total_variation: w has shape \(2, 4\), expected one axis"),
        (lambda: l1.grad(w, out=np.empty(4)), r"penalties\.l1: out has dtype float64 and shape \(4,\)"),
        (lambda: group.grad(w, out=w[:1]), r"penalties\.group_lasso: out has dtype float64 and shape \(1, 4\)"),
        (lambda: group.grad(w, out=w[::-1]), r"penalties\.group_lasso: out overlaps w"),
        (lambda: variation.grad(w, out=np.empty((2, 4), "f4")), r"penalties\.total_variation: out has dtype float32"),
        (lambda: l1(w, backend="cuda"), r"penalties\.l1: backend is 'cuda'"),
        (lambda: group(w, backend="cuda"), r"backend is 'cuda', .* computed on the host alone"),
        (lambda: l1(tensor), r"penalties\.l1: w is a torch.Tensor"),
        (lambda: group(tensor), r"penalties\.group_lasso: w is a torch.Tensor"),
        (lambda: l1("no"), r"penalties\.l1: w is 'no'"),
        (lambda: p.l1([1.0, 2.0])(w), r"penalties\.l1: strength has shape \(2,\), expected one that broadcasts to w's"),
        (lambda: l1.bind(alpha=1.0), r"penalties\.l1: 'alpha' is no argument, expected strength"),
    ):  # fmt: skip
        before = w.copy()
        with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        assert_array_equal(w, before)


def test_objects() -> None:
    for penalty in [each for each, _ in ALL.values()]:
        assert pickle.loads(pickle.dumps(penalty)) == penalty == copy.deepcopy(penalty) == penalty.bind()
        assert hash(pickle.loads(pickle.dumps(penalty))) == hash(penalty)
        assert penalty.bind(strength=2.0) != penalty
        assert penalty.bind(strength=2.0).values["strength"] == 2.0
    one, other = fl.penalties.l1(np.array([1, 0])), fl.penalties.l1([1.0, -0.0])
    with np.printoptions(precision=1):
        assert one == other and hash(one) == hash(other)
    assert hash(fl.penalties.l2(0.0)) == hash(fl.penalties.l2(-0.0))
    assert fl.penalties.l1([1.0]) != fl.penalties.l1(1.0)
    assert repr(fl.penalties.elastic_net(0.5)) == "penalties.elastic_net(strength=0.5, l1_ratio=0.5)"
