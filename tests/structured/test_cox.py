"""Cox's partial likelihood against loops over numbers of 50 digits, and against what XGBoost has built in."""

from __future__ import annotations

import pickle
import sys
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
import pytest
from cox_oracle import partial_likelihood
from data import same_bits_on_threads
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.structured import cox as module

TIES = ("breslow", "efron")


def survivors(rng: np.random.Generator, count: int = 40, times: int = 12) -> tuple[Any, Any, Any]:
    """Scores, times of which several are equal, and which have an event."""
    return rng.normal(size=count), rng.integers(0, times, count).astype("f8"), rng.random(count) < 0.6


def exact(pred: Any, time: Any, event: Any, weight: Any = None, strata: Any = None, ties: str = "breslow",
          digits: int = 50) -> list[Any]:  # fmt: skip
    weight = np.ones(len(pred)) if weight is None else weight
    strata = np.zeros(len(pred)) if strata is None else strata
    found = partial_likelihood(pred, time, event, weight, strata, ties == "efron", digits)
    return [np.array([float(x) for x in part]) for part in found]


# -- The formula -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_formula_in_50_digits(ties: str, weighted: bool, grouped: bool, rng: np.random.Generator) -> None:
    for count, times in ((40, 12), (40, 1000), (7, 1), (1, 1)):
        pred, time, event = survivors(rng, count, times)
        event[0] = True
        weight = rng.integers(0, 4, count) * 0.5 if weighted else None
        if weighted:
            weight[0] = 1.0
        strata = rng.integers(-1, 2, count) if grouped else None
        given: dict[str, Any] = {"weight": weight, "strata": strata, "ties": ties}
        expected = exact(pred, time, event, **given)
        each, slopes = fl.cox.value_and_grad(pred, time, event, reduction="none", **given)
        assert_allclose(each, expected[0], rtol=1e-13, atol=1e-15)
        assert_allclose(slopes, expected[1], rtol=1e-12, atol=1e-15)
        grad, hess = fl.cox.grad_and_hess(pred, time, event, reduction="sum", **given)
        assert_allclose(grad, slopes, rtol=1e-14)
        assert_allclose(hess, expected[2], rtol=1e-12)
        value, grad = fl.cox.value_and_grad(pred, time, event, **given)
        total = event.sum() if weight is None else weight[event].sum()
        assert_allclose(value, expected[0].sum() / total, rtol=1e-13, atol=1e-45)  # the oracle's own rounding
        assert_allclose(grad, slopes / total, rtol=1e-14, atol=1e-18)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("spread", [1.0, 30.0, 1e3])
def test_no_result_cancels(ties: str, spread: float, rng: np.random.Generator) -> None:
    """A score decides nearly all of its risk set: what is left is e^-spread, and is not the difference of two numbers."""
    for _ in range(20):
        pred, time, event = survivors(rng, 9, 100)
        pred, time = pred * spread, time + np.arange(9) / 16.0  # no ties: two events of one time may cancel in truth
        expected = exact(pred, time, event, ties=ties, digits=1_000 if spread > 100 else 60)
        given: dict[str, Any] = {"ties": ties, "reduction": "none"}
        each = fl.cox(pred, time, event, **given)
        grad, hess = fl.cox.grad_and_hess(pred, time, event, **given)
        units = np.finfo("f8").eps * (8.0 + np.ptp(pred))  # of a difference of scores, which the exponential takes
        for got, right in zip((each, grad, hess), expected, strict=True):
            if got is grad:  # where it changes its sign, terms cancel in truth
                assert_allclose(got, right, rtol=units, atol=16 * np.finfo("f8").eps * np.abs(hess).max())
            assert_allclose(got[~event | (got is not grad)], right[~event | (got is not grad)], rtol=units, atol=1e-50)
    alone = fl.cox.value_and_grad([0.0, -100.0], [1.0, 2.0], [1, 0], reduction="none")
    assert_allclose(alone[0], [np.exp(-100.0), 0.0], rtol=1e-14)
    assert_allclose(alone[1], [-np.exp(-100.0), np.exp(-100.0)], rtol=1e-14)


def test_scores_beyond_what_an_exponential_holds() -> None:
    inf = np.inf
    time, event = [1.0, 2.0, 3.0], [1, 1, 1]
    for pred in ([1e300, 0.0, -1e300], [inf, 0.0, -inf], [2000.0, 0.0, -2000.0]):
        value, grad = fl.cox.value_and_grad(pred, time, event)
        assert value == 0.0 and not grad.any()
    value, grad = fl.cox.value_and_grad([-inf, 0.0, 0.0], time, event, reduction="sum")
    assert value == inf
    assert_allclose(grad, [-1.0, 0.0, 1.0], atol=1e-16)
    value, grad = fl.cox.value_and_grad([0.0, inf, 0.0], time, event, reduction="sum")
    assert value == inf
    assert_array_equal(grad, [-1.0, 1.0, 0.0])
    lost, kept = fl.cox.value_and_grad([0.0, np.nan, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0], [1, 1, 1, 0], strata=[0, 0, 1, 1],
                                       reduction="none")  # fmt: skip
    assert np.isnan(lost[:2]).all() and np.isnan(kept[:2]).all() and np.isfinite(kept[2:]).all()
    assert_array_equal(fl.cox.grad([5.0, 1.0, 2.0], [1.0, 2.0, 3.0], [0, 1, 0])[0], 0.0)  # gone before anybody else


def test_long_sums_lose_nothing() -> None:
    """100,000 equal scores: the k-th event is one of count - k."""
    count = 100_000
    left = np.arange(count, 0, -1.0)
    value, grad = fl.cox.value_and_grad(np.full(count, 0.1), np.arange(count), np.ones(count), reduction="none")
    assert_allclose(value, np.log(left), rtol=1e-15)
    assert_allclose(grad, np.cumsum((1.0 / left).astype(np.longdouble)).astype("f8") - 1.0, rtol=1e-15, atol=4e-16)


# -- Promises ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", TIES)
def test_samples_in_any_order_and_without_what_weighs_nothing(ties: str, rng: np.random.Generator) -> None:
    pred, time, event = survivors(rng)
    weight, strata = rng.uniform(0.5, 2.0, 40), rng.integers(0, 3, 40)
    given: dict[str, Any] = {"weight": weight, "strata": strata}
    value, grad = fl.cox.value_and_grad(pred, time, event, ties=ties, **given)
    turn = rng.permutation(40)
    turned = fl.cox.value_and_grad(
        pred[turn], time[turn], event[turn], ties=ties, **{n: x[turn] for n, x in given.items()}
    )
    assert_allclose(turned[0], value, rtol=1e-14)
    assert_allclose(turned[1], grad[turn], rtol=1e-12, atol=1e-17)
    absent = np.r_[pred, np.nan, np.inf], np.r_[time, np.nan, -1.0], np.r_[event, 7, np.nan]
    more = fl.cox.value_and_grad(*absent, ties=ties, weight=np.r_[weight, 0, 0], strata=np.r_[strata, 0, 9])
    assert more[0] == value
    assert_array_equal(more[1], np.r_[grad, 0.0, 0.0])
    pred = absent[0]
    fl.cox.grad(pred, *absent[1:], ties=ties, weight=np.r_[weight, 0, 0], strata=np.r_[strata, 0, 9], out=pred)
    assert_array_equal(pred, more[1])


def test_weights_are_as_many_samples_whatever_their_unit(rng: np.random.Generator) -> None:
    pred, time, event = survivors(rng)
    weight = rng.integers(1, 4, 40)
    many = [np.repeat(x, weight) for x in (pred, time, event)]
    grad, hess = fl.cox.grad_and_hess(pred, time, event, weight=weight, reduction="sum")
    _, curves = fl.cox.grad_and_hess(*many, reduction="sum")
    first = np.cumsum(weight) - weight
    assert_allclose(grad, np.add.reduceat(fl.cox.grad(*many, reduction="sum"), first), rtol=1e-12, atol=1e-14)
    one, own = weight == 1, np.add.reduceat(curves, first)
    assert_allclose(hess[one], own[one], rtol=1e-12)
    assert (hess[~one] < own[~one]).all()  # one score moves several samples, which take from one another
    for unit in (3.0, 1e-300, 2.0**900):
        value, grad = fl.cox.value_and_grad(pred, time, event, weight=weight * unit)
        same = fl.cox.value_and_grad(pred, time, event, weight=weight)
        assert_allclose(value, same[0], rtol=1e-14)
        assert_allclose(grad, same[1], rtol=1e-12, atol=1e-17)
    other = -sum(
        w * (x - np.log((weight * np.exp(pred))[time >= t].sum()))
        for x, t, w in zip(pred[event], time[event], weight[event], strict=True)
    )  # as coxph sums up
    value = fl.cox(pred, time, event, weight=weight, reduction="sum")
    assert_allclose(other - value, weight[event].sum() * np.log(weight.mean()), rtol=1e-12)
    wide = fl.cox.value_and_grad([0.0, 0.0], [1.0, 2.0], [1, 0], weight=[1e150, 1e-150], reduction="none")
    assert_allclose(wide[1], [-1e-150, 1e-150], rtol=1e-12)  # 1e150 times the share 1e-300


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "?"])
def test_types_layouts_and_places_for_results(dtype: str, rng: np.random.Generator) -> None:
    pred, time, event = survivors(rng)
    pred = (2 * pred).astype(dtype)
    kind = {"i4": "f8", "?": "f8"}.get(dtype, dtype)
    expected = fl.cox.grad_and_hess(pred.astype("f8"), time, event)
    grad, hess = fl.cox.grad_and_hess(pred, time.astype("f4"), event.astype("u1"))
    assert {grad.dtype, hess.dtype} == {np.dtype(kind)}
    for got, right in zip((grad, hess), expected, strict=True):
        assert_array_equal(got, right.astype(kind))
    wide = np.zeros((40, 3), kind)
    wide[:, 1] = pred
    out, more = wide[:, 1], np.full(40, 7.0, kind)
    assert_array_equal(fl.cox.grad_and_hess(out, list(time), event, out=(out, more))[0], grad)  # over the scores
    assert_array_equal(out, grad)
    assert_array_equal(more, hess)
    dense = pred.astype(kind)
    value, over = fl.cox.value_and_grad(dense, time, event, out=dense)
    assert over is dense and value.dtype == (np.float32 if kind == "f2" else kind)
    assert_array_equal(over, fl.cox.grad(pred, time, event))


def test_there_is_no_mean_without_events() -> None:
    nobody: tuple[Any, ...] = [1.0, 2.0], [1.0, 2.0], [0, 0]
    value, grad = fl.cox.value_and_grad(*nobody)
    assert np.isnan(value) and not grad.any()
    assert fl.cox(*nobody, empty="zero") == 0.0 and fl.cox(*nobody, reduction="sum") == 0.0
    assert np.isnan(fl.cox([], [], []))
    with pytest.raises(ValueError, match="cox: there is nothing to average"):
        fl.cox(*nobody, empty="raise")


def test_bits_do_not_depend_on_threads(rng: np.random.Generator) -> None:
    pred, time, event = survivors(rng, 5_000, 700)
    strata = rng.integers(0, 40, 5_000)
    same_bits_on_threads(partial(fl.cox.value_and_grad, pred, time, event, strata=strata))
    assert pickle.loads(pickle.dumps(fl.cox)) is fl.cox


def test_an_order_that_is_kept_is_the_one_that_would_be_found(rng: np.random.Generator) -> None:
    """Of equal times, too, where another order adds up otherwise."""
    count = module.LEAST
    pred, time, event = survivors(rng, count, 50)
    strata = rng.integers(0, 2, count)
    for given in ({}, {"strata": strata}):
        module._kept.clear()
        first = fl.cox.value_and_grad(pred, time, event, **given)
        kept = module._kept[count]
        again = fl.cox.value_and_grad(pred, 2.0 * time, event, **given)
        assert module._kept[count] is kept
        fl.cox(pred, time - np.arange(count) / (2.0 * count) + 0.5, event, **given)  # the last of equals first
        assert module._kept[count] is not kept
        other = fl.cox.value_and_grad(pred, time, event, **given)
        assert_array_equal(module._kept[count], kept)
        for found in (again, other):
            assert found[0] == first[0]
            assert_array_equal(found[1], first[1])
    for more in range(2 * module.MOST):
        fl.cox(*survivors(rng, count + more))
    assert len(module._kept) == module.MOST


def test_another_thread_may_keep_an_order_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", {count: np.arange(count) for count in range(-module.MOST, 0)})
    monkeypatch.setattr(module, "LEAST", 1)
    sizes = iter(range(100, 1_000))

    def other(frame: FrameType, event: str, _: Any) -> None:
        """What another thread does after each built-in function that is called."""
        if event == "c_return" and frame.f_code is module.ordered.__code__:
            module._kept[next(sizes)] = np.arange(1)

    before = sys.getprofile()
    sys.setprofile(other)
    try:
        found = module.ordered([np.array([3.0, 1.0, 2.0])])
    finally:
        sys.setprofile(before)
    assert_array_equal(found, [1, 2, 0])
    assert next(sizes) > 100


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"pred": [[1.0, 2.0]]}, r"pred has shape \(1, 2\), expected \(samples,\)"),
    ({"time": [1.0]}, r"time has shape \(1,\), expected \(2,\), that of pred"),
    ({"time": [1.0, -2.0]}, r"time\[1\] is -2.0, expected a finite number of at least 0; .* time is abs\(label\)"),
    ({"time": [1.0, np.nan]}, r"time\[1\] is nan, expected a finite number of at least 0$"),
    ({"event": [1, 2]}, r"event\[1\] is 2, expected 0 or 1, or a bool"),
    ({"weight": [1.0, -1.0]}, r"weight\[1\] is -1.0, expected a finite number of at least 0"),
    ({"weight": [1.0] * 3}, "pred and weight|weight has shape|the batch of pred"),
    ({"strata": [0]}, r"strata has shape \(1,\), expected \(2,\), that of pred"),
    ({"strata": [0.5, 1.0]}, "strata has dtype float64, expected whole numbers"),
    ({"ties": "exact"}, "ties is 'exact', expected 'breslow' or 'efron'"),
    ({"ties": ["efron"]}, r"ties is \['efron'\], expected"),
]


@pytest.mark.parametrize(("wrong", "text"), WRONG)
def test_what_is_wrong_is_named_and_nothing_is_written(wrong: dict[str, Any], text: str) -> None:
    given: dict[str, Any] = {"pred": [1.0, 2.0], "time": [1.0, 2.0], "event": [1, 0], **wrong}
    out = np.full(2, 7.0)
    with pytest.raises((TypeError, ValueError), match=f"^cox: {text}"):
        fl.cox.value_and_grad(given.pop("pred"), given.pop("time"), given.pop("event"), out=out, **given)
    assert (out == 7.0).all()
