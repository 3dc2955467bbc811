"""Losses of a query's pairs and NDCG against loops over numbers of 50 digits, and against what boosters have built in."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
import ranking_oracle as oracle
from data import same_bits_on_threads, some
from mpmath import mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

LOSSES = [fl.lambdarank, fl.pairwise_logistic]
SIZES = [5, 1, 4, 3, 2]
GAINS: dict[str, Any] = {"exponential": lambda y: mpf(2) ** y - 1, "linear": lambda y: y}


def queries(rng: np.random.Generator, dtype: Any = "f8", sizes: Any = SIZES) -> tuple[Any, Any]:
    """Scores, two of them equal, and targets of 0 to 4."""
    pred, target = rng.standard_normal(sum(sizes)), rng.integers(0, 5, sum(sizes)).astype("f8")
    pred[2] = pred[0]
    return pred.astype(dtype), target


def exact(pred: Any, target: Any, sizes: Any, gain: Any, **options: Any) -> list[Any]:
    """The oracle's loss, gradient and Hessian of each query."""
    ends = np.cumsum(sizes)
    parts = [slice(int(e) - n, int(e)) for e, n in zip(ends, sizes, strict=True)]
    found = [oracle.query(pred[p], target[p], gain, **options) for p in parts]
    losses = np.array([float(f[0]) for f in found])
    return [losses, *(np.array([float(x) for f in found for x in f[k]]) for k in (1, 2))]


# -- The formula -------------------------------------------------------------------------------------------------------

LIGHT = {"score_norm": True, "query_norm": True}
PLAIN = {"score_norm": False, "query_norm": False}
CASES: list[tuple[Any, dict[str, Any], Any, dict[str, Any]]] = [
    (fl.lambdarank, {}, "exponential", LIGHT),
    (fl.lambdarank, {"truncation": 2, "sigma": 2.5, "gain": "linear", **PLAIN}, "linear", PLAIN),
    (fl.lambdarank, {"truncation": None, "query_norm": False}, "exponential", {**LIGHT, "query_norm": False}),
    (fl.pairwise_logistic, {}, None, PLAIN),
    (fl.pairwise_logistic, {"truncation": 2, "sigma": 0.5, **LIGHT}, None, LIGHT),
]


@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f8"]))
@pytest.mark.parametrize(("loss", "keywords", "gain", "norms"), CASES)
def test_the_formula_in_50_digits(
    loss: Any, keywords: Any, gain: Any, norms: Any, dtype: str, rng: np.random.Generator
) -> None:
    pred, target = queries(rng, dtype)
    target[:4] = [0.5, 3.0, 2.0, 2.25] if keywords.get("gain") else [0.0, 3.0, 2.0, 2.0]
    limit = keywords.get("truncation") or 10**9
    expected = exact(pred, target, SIZES, GAINS.get(gain), sigma=keywords.get("sigma", 1.0), limit=limit, **norms)
    value, grad = loss.value_and_grad(pred, target, group=SIZES, reduction="sum", **keywords)
    slopes, hess = loss.grad_and_hess(pred, target, group=SIZES, reduction="sum", **keywords)
    each = loss.value_and_grad(pred, target, group=SIZES, reduction="none", **keywords)[0]
    assert each.shape == (5,) and {x.dtype for x in (value, grad, slopes, hess, each)} == {np.dtype(dtype)}
    close = {"rtol": 1e-6, "atol": 1e-7} if dtype == "f4" else {"rtol": 1e-13, "atol": 1e-14}
    assert_allclose(each, expected[0], **close)
    assert_allclose(value, expected[0].sum(), **close)
    assert_allclose(grad, expected[1], **close)
    assert_allclose(slopes, grad, rtol=1e-6 if dtype == "f4" else 1e-14, atol=1e-16)  # another kernel's
    assert_allclose(hess, expected[2], **close)
    assert np.count_nonzero(grad) > 8


def test_gains_of_ones_own_and_between_whole_numbers(rng: np.random.Generator) -> None:
    pred, target = queries(rng)
    table = [0.0, 1.0, 1.0, 7.5, 10.0]
    expected = exact(pred, target, SIZES, lambda y: mpf(table[int(y)]), limit=30, **LIGHT)
    assert_allclose(fl.lambdarank.grad(pred, target, group=SIZES, gain=table, reduction="sum"), expected[1], rtol=1e-13,
                    atol=1e-14)  # fmt: skip
    target = rng.uniform(0.0, 3.0, len(target))
    expected = exact(pred, target, SIZES, GAINS["exponential"], limit=30, **LIGHT)
    got = fl.lambdarank.value_and_grad(pred, target, group=SIZES, reduction="none")
    assert_allclose(got[0], expected[0], rtol=1e-13)
    assert_allclose(fl.lambdarank.grad(pred, target, group=SIZES, reduction="sum"), expected[1], rtol=1e-12, atol=1e-14)


def loops(pred: Any, target: Any, limit: int) -> Any:
    """The gradient of one query as LightGBM's formula says, pair by pair."""
    order = np.argsort(-pred, kind="stable")
    gain, grad, total = 2.0**target - 1, np.zeros(len(pred)), 0.0
    discount = 1 / np.log2(np.arange(len(pred)) + 2.0)
    best = np.sort(gain)[::-1][:limit] @ discount[:limit]
    for a in range(min(limit, len(pred) - 1)):
        i, rest = order[a], order[a + 1 :]
        more, gap = gain[i] - gain[rest], pred[i] - pred[rest]
        weight = np.abs(more) * (discount[a] - discount[a + 1 :]) / best / (0.01 + gap)
        steps = weight / (1 + np.exp(np.sign(more) * gap))
        np.add.at(grad, rest, np.sign(more) * steps)
        grad[i] -= (np.sign(more) * steps).sum()
        total += 2 * steps.sum()
    return grad * np.log2(1 + total) / total


@pytest.mark.parametrize("size", [31, 32, 33, 64, 65, 127, 200, 1_000])
def test_queries_that_are_merged_of_runs(size: int, rng: np.random.Generator) -> None:
    pred, target = rng.integers(0, size // 3, size) / 16.0, rng.integers(0, 5, size)
    got = fl.lambdarank.grad_and_hess(pred, target, group=[size], reduction="sum")[0]
    assert_allclose(got, loops(pred, target, 30), rtol=1e-11, atol=1e-13)
    order = np.argsort(-pred, kind="stable")
    for gain in ("exponential", "linear"):
        worth = 2.0**target - 1 if gain == "exponential" else target
        expected = oracle.dcg(worth, order, 10) / oracle.dcg(np.sort(worth)[::-1], range(size), 10)
        assert_allclose(fl.ndcg(pred, target, group=[size], k=10, gain=gain), float(expected), rtol=1e-13)
    target = target + rng.uniform(0, 0.5, size)  # of which the best order has to be sorted
    expected = oracle.dcg(target, order, size) / oracle.dcg(np.sort(target)[::-1], range(size), size)
    assert_allclose(fl.ndcg(pred, target, group=[size], gain="linear"), float(expected), rtol=1e-13)


def test_scores_that_are_infinite() -> None:
    """The limit of the formula, where there is one; equal infinities have no difference."""
    inf = np.inf
    value, grad = fl.pairwise_logistic.value_and_grad([[inf, 0.0, 0.0]], [[2, 0, 0]])
    assert value == 0.0 and not grad.any()
    value, grad = fl.pairwise_logistic.value_and_grad([[-inf, 0.0, 0.0]], [[2, 0, 0]], sigma=2.0)
    assert value == inf
    assert_array_equal(grad, [[-4.0, 2.0, 2.0]])
    value, grad = fl.lambdarank.value_and_grad([[-inf, 0.0]], [[1, 0]], query_norm=False)
    assert_allclose(value, 1.0 - 1.0 / np.log2(3.0), rtol=1e-15)  # log(1 + e^d) / (0.01 + d) tends to 1
    assert np.abs(grad).max() < 1e-299
    value, grad = fl.pairwise_logistic.value_and_grad([[inf, inf, 0.0]], [[2, 2, 0]])
    assert value == 0.0 and not grad.any()
    assert np.isnan(fl.pairwise_logistic([[inf, inf]], [[1, 0]]))
    assert_allclose(fl.pairwise_logistic([[1e300, -1e300]], [[0, 1]]), 2e300, rtol=1e-15)


# -- Promises ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_reductions_and_weights(loss: Any, rng: np.random.Generator) -> None:
    pred, target = queries(rng)
    weight = np.array([0.5, 2.0, 0.0, 1.0, 3.0])
    each, slopes = loss.value_and_grad(pred, target, group=SIZES, reduction="none")
    value, grad = loss.value_and_grad(pred, target, group=SIZES, weight=weight)
    wide = np.repeat(weight, SIZES)
    assert_allclose(value, weight @ each / weight.sum(), rtol=1e-14)
    assert_allclose(grad, wide * slopes / weight.sum(), rtol=1e-13)
    for same in (loss.value_and_grad(pred, target, group=SIZES, weight=wide),
                 loss.value_and_grad(pred, target, group=SIZES, weight=np.ldexp(weight, 1_020))):  # fmt: skip
        assert_allclose(same[0], value, rtol=1e-14)
        assert_allclose(same[1], grad, rtol=1e-13)
    assert_allclose(loss.value_and_grad(pred, target, group=SIZES, normalizer=5.0)[0], each.mean(), rtol=1e-14)
    single = rng.uniform(1.0, 2.0, len(pred))
    got = loss.value_and_grad(pred, target, group=SIZES, weight=single, reduction="none")
    means = np.add.reduceat(single, np.cumsum([0, *SIZES[:-1]])) / SIZES
    assert_allclose(got[0], means * each, rtol=1e-14)
    assert_allclose(got[1], single * slopes, rtol=1e-13, atol=1e-16)
    rows = loss.value_and_grad(pred.reshape(3, 5), target.reshape(3, 5))
    flat = loss.value_and_grad(pred, target, group=[5, 5, 5])
    assert rows[0] == flat[0] and rows[1].shape == (3, 5)
    assert_array_equal(rows[1].ravel(), flat[1])


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_what_is_absent_may_hold_anything_and_nan_is_kept(loss: Any, rng: np.random.Generator) -> None:
    pred, target = queries(rng)
    ends = np.cumsum([0, *SIZES])
    expected = loss.value_and_grad(np.delete(pred, [3, 6]), np.delete(target, [3, 6]), group=[4, 1, 3, 3, 2],
                                   reduction="none")  # fmt: skip
    present = np.ones(len(pred))
    present[[3, 6]] = 0.0
    for nothing in (np.nan, -1.0, np.inf):
        pred[[3, 6]], target[[3, 6]] = np.nan, nothing
        got = loss.value_and_grad(pred, target, group=SIZES, weight=present, reduction="none")
        assert_array_equal(got[0], expected[0])
        assert_array_equal(got[1], np.insert(expected[1], [3, 5], 0.0))
    for k in range(2):
        arrays = queries(rng)
        arrays[k][7] = np.nan
        each, grad = loss.value_and_grad(*arrays, group=SIZES, reduction="none")
        assert_array_equal(np.isnan(each), np.arange(5) == 2)
        assert_array_equal(np.isnan(grad), (np.arange(15) >= ends[2]) & (np.arange(15) < ends[3]))
        weight = [1, 1, 0, 1, 1]
        value, grad = loss.value_and_grad(*arrays, group=SIZES, weight=weight)
        assert np.isfinite(value) and not grad[ends[2] : ends[3]].any() and np.isfinite(grad).all()
    pred, target = queries(rng)
    empty = loss.value_and_grad(pred, target, group=[5, 0, 1, 4, 3, 2, 0])
    full = loss.value_and_grad(pred, target, group=SIZES)
    assert empty[0] == full[0]
    assert_array_equal(empty[1], full[1])


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_out_types_and_layouts(loss: Any, rng: np.random.Generator) -> None:
    pred, target = queries(rng)
    value, expected = loss.value_and_grad(pred, target, group=SIZES)
    hess = loss.grad_and_hess(pred, target, group=SIZES)[1]
    own = pred.copy()
    for out, given in ((np.empty(15), pred), (np.empty(30)[::2], pred), (own, own)):
        got = loss.value_and_grad(given, target, group=SIZES, out=out)
        assert got[0] == value and got[1] is out
        assert_array_equal(out, expected)
    own, other = pred.copy(), np.empty(30)[::2]
    got = loss.grad_and_hess(own, target, group=SIZES, out=(own, other))
    assert got[0] is own and got[1] is other
    assert_allclose(own, expected, rtol=1e-14, atol=1e-16)  # another kernel's
    assert_array_equal(other, hess)
    half = pred.astype("f2")
    value, grad = loss.value_and_grad(half, target, group=SIZES)
    assert value.dtype == np.float32 and grad.dtype == np.float16
    assert_array_equal(grad, loss.value_and_grad(half.astype("f4"), target, group=SIZES)[1].astype("f2"))
    strided = np.repeat(pred, 2)[::2]
    strided.flags.writeable = False
    for given in (strided, pred.tolist()):
        got = loss.value_and_grad(given, target.astype(int), group=np.array(SIZES, "u4"))
        assert_array_equal(got[1], expected)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_nothing_to_average(loss: Any) -> None:
    for pred, group in (([], []), ([], [0, 0]), (np.zeros((0, 4)), None)):
        given = np.asarray(pred), np.asarray(pred), np.asarray(group, int) if group is not None else None
        value, grad = loss.value_and_grad(*given[:2], group=given[2])
        assert np.isnan(value) and grad.shape == given[0].shape
        with pytest.raises(ValueError, match="there is nothing to average"):
            loss.value_and_grad(*given[:2], group=given[2], empty="raise")
    value, grad = loss.value_and_grad([1.0, 2.0], [0, 1], group=[2], weight=[0.0], empty="zero")
    assert value == 0.0 and not grad.any()
    for target in ([2, 2, 2], [0, 0, 0]):  # without a pair
        value, grad = loss.value_and_grad([1.0, 2.0, 0.0], target, group=[3])
        assert value == 0.0 and not grad.any()


def test_queries_of_one_sample_are_no_names() -> None:
    alone = "each of 3 samples is a query by itself, so that no pair is ranked"
    for loss in LOSSES:
        with pytest.warns(UserWarning, match=alone):
            value, grad = loss.value_and_grad([1.0, 2.0, 0.0], [2, 0, 1], group=[1, 1, 1])
        assert value == 0.0 and not grad.any()
    with pytest.warns(UserWarning, match=alone):
        assert fl.ndcg([1.0, 2.0, 0.0], [2, 0, 1], group=[1, 1, 1]) == 1.0
    found = fl.lambdarank.grad([1.0, 2.0, 0.0, 1.0], [2, 0, 1, 1], group=[3, 1])
    assert_array_equal(fl.lambdarank.grad([1.0, 2.0, 0.0, 1.0], [2, 0, 1, 1], group=[0, 3, 0, 1]), found)
    for names in ([0, 0, 1, 3], [2, 2, 2, 2], [1, 1, 2, 0]):
        with pytest.raises(ValueError, match="group has a number for each of 4 samples"):
            fl.lambdarank([1.0, 2.0, 0.0, 1.0], [2, 0, 1, 1], group=names)


@pytest.mark.full
def test_the_same_bits_for_any_number_of_threads(rng: np.random.Generator) -> None:
    sizes = rng.integers(1, 90, 300)
    pred, target = queries(rng, sizes=sizes)
    same_bits_on_threads(partial(fl.lambdarank.grad_and_hess, pred, target, group=sizes))


def test_errors(rng: np.random.Generator) -> None:
    rank, pairs = LOSSES
    pred, target = queries(rng)
    fifteen, gpu = np.arange(15), type("Tensor", (), {"__module__": "torch", "is_cuda": True})()
    high, broken = target.copy(), target.copy()
    high[6], broken[6] = 40.0, 1.5
    for call, message in (
        (lambda: rank(pred, target), r"lambdarank: group is missing, expected the number of samples of each query; of"),
        (lambda: rank(pred, target, group=[5, 5]), "group has a sum of 10, expected 15, the number of samples"),
        (lambda: rank(pred, target, group=fifteen // 5), "group has a number for each of 15 samples, .*query has; np.unique.ids, "),
        (lambda: rank(pred, target, group=[0, 5, 15]), "group has a sum of 20, .*begin and end that is np.diff"),
        (lambda: rank(pred, target, group=[8, -1, 8]), r"group\[1\] is -1, expected how many of the 15 samples"),
        (lambda: rank(pred, target, group=[1 << 62] * 4 + [15]), r"group\[0\] is 4611686018427387904, expected how many"),
        (lambda: rank(pred, target, group=np.array([2**64 - 1, 15], "u8")), r"group\[0\] is 18446744073709551615, expected"),
        (lambda: rank(pred, target, group=[15.0]), "group has dtype float64, expected whole numbers"),
        (lambda: rank(pred, target, group=[[15]]), r"group has shape \(1, 1\), expected \(queries,\)"),
        (lambda: rank(pred[:, None], target[:, None]), r"pred has shape \(15, 1\), queries of one sample"),
        (lambda: rank(pred[:, None], target[:, None], group=SIZES), r"pred has shape \(15, 1\), expected \(samples,\)"),
        (lambda: rank(pred, target[:, None], group=SIZES), r"target has shape \(15, 1\), expected \(15,\), that of pred"),
        (lambda: rank(pred, -target, group=SIZES), r"target\[\d+\] is -\d.0, expected a number from 0 to 31"),
        (lambda: rank(pred, high, group=SIZES), r"target\[6\] is 40.0, expected a number from 0 to 31, .*gain='linear'"),
        (lambda: rank(pred, high - 41, group=SIZES, gain="linear"), "expected a finite number of at least 0"),
        (lambda: rank(pred, high, group=SIZES, gain=range(9)), r"target\[6\] is 40.0, expected a whole number from 0 to 8"),
        (lambda: rank(pred, broken, group=SIZES, gain=range(9)), r"target\[6\] is 1.5, expected a whole number"),
        (lambda: pairs(pred, target / 0.0, group=SIZES), "pairwise_logistic: target.*is inf, expected a finite number"),
        (lambda: rank(pred, target, group=SIZES, gain=[0, 2, 1]), r"gain\[2\] is 1.0, expected finite numbers .* not fall"),
        (lambda: rank(pred, target, group=SIZES, gain="exp"), "gain is 'exp', expected 'exponential', 'linear' or a list"),
        (lambda: rank(pred, target, group=SIZES, gain=None), "gain is None, expected 'exponential'"),
        (lambda: rank(pred, target, group=SIZES, sigma=0), "sigma is 0, expected a number greater than 0"),
        (lambda: rank(pred, target, group=SIZES, truncation=0), "truncation is 0, expected a whole number of at least 1"),
        (lambda: rank(pred, target, group=SIZES, query_norm=1), "query_norm is 1, expected True or False"),
        (lambda: rank(pred, target, group=SIZES, weight=np.ones(4)), r"weight has shape \(4,\), expected \(5,\), one for"),
        (lambda: rank(pred, target, group=SIZES, weight=[1, 1, -1, 1, 1]), r"weight\[2\] is -1"),
        (lambda: rank(pred, target, group=SIZES, weight=1.0 - fifteen), r"weight\[2\] is -1.0"),
        (lambda: rank(pred, target, group=SIZES, qid=fifteen), "lambdarank: 'qid' is no argument, expected pred, target"),
        (lambda: rank(gpu, target, group=SIZES), "pred is a torch.Tensor in GPU memory, expected an array on the host"),
        (lambda: rank(pred, target, group=SIZES, backend="cuda"), "lambdarank is computed on the host alone"),
        (lambda: rank.grad(pred, target, group=SIZES, out=target), "out overlaps target; the gradient of pred may be"),
        (lambda: rank.grad_and_hess(pred, target, group=SIZES, out=pred), "expected a tuple of 2 arrays, .grad, hess."),
        (lambda: rank.grad(pred, high, group=SIZES, out=pred), r"target\[6\] is 40"),
        (lambda: fl.ndcg(pred, target, group=SIZES, k=0), "ndcg: k is 0, expected a whole number of at least 1"),
        (lambda: fl.ndcg(pred, high, group=SIZES), r"ndcg: target\[6\] is 40"),
        (lambda: fl.ndcg(pred, target), "ndcg: group is missing"),
    ):  # fmt: skip
        before = pred.copy()
        with np.errstate(all="ignore"), pytest.raises((ValueError, TypeError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        assert_array_equal(pred, before)
    assert np.isfinite(rank(pred, high, group=SIZES, check=False))
    assert rank(pred, target, group=SIZES, truncation=1 << 70) == rank(pred, target, group=SIZES, truncation=None)
    assert fl.ndcg(pred, target, group=SIZES, k=1 << 70) == fl.ndcg(pred, target, group=SIZES)
    assert all(pickle.loads(pickle.dumps(loss)) is loss for loss in LOSSES)


# -- NDCG --------------------------------------------------------------------------------------------------------------


def test_ndcg(rng: np.random.Generator) -> None:
    pred, target = queries(rng)
    target[5:10] = [0, 3, 0, 1, 2]
    parts = np.split(np.arange(15), np.cumsum(SIZES)[:-1])
    for k in (2, None):
        expected = [1.0 if not target[p].any() else
                    float(oracle.ndcg(pred[p], [GAINS["exponential"](mpf(y)) for y in target[p]], k or 9))
                    for p in parts]  # fmt: skip
        each = fl.ndcg(pred, target, group=SIZES, k=k, reduction="none")
        assert_allclose(each, expected, rtol=1e-14)
        assert_allclose(
            fl.ndcg(pred, target, group=SIZES, k=k, weight=[1, 2, 0, 1, 4]), np.dot(expected, [1, 2, 0, 1, 4]) / 8
        )
    assert each[1] == 1.0 and fl.ndcg(pred, target, group=SIZES, undefined=0.0, reduction="none")[1] == 0.0
    assert np.isnan(fl.ndcg([np.nan, 1.0], [0, 1], group=[2])) and np.isnan(fl.ndcg([], [], group=[]))
    assert fl.ndcg(np.float32([1, 0]), [0, 1], group=[2]).dtype == np.float32
    assert fl.ndcg([0.0, 0.0], [1, 0], group=[2]) == 1.0 and fl.ndcg([0.0, 0.0], [0, 1], group=[2]) < 1.0


def test_ndcg_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    target, pred = rng.integers(0, 5, (20, 40)), rng.permutation(800).reshape(20, 40) / 7.0
    for k in (None, 10):
        assert_allclose(fl.ndcg(pred, target, k=k, gain="linear"), metrics.ndcg_score(target, pred, k=k), rtol=1e-13)


# -- Boosters ----------------------------------------------------------------------------------------------------------


def table(rng: np.random.Generator) -> tuple[Any, Any, Any, Any]:
    """Features, targets, sizes of queries and samples' weights."""
    sizes = rng.integers(2, 60, 30)
    x = rng.standard_normal((int(sizes.sum()), 4))
    target = np.clip(np.round(x[:, 0] + x[:, 1] ** 2 + rng.standard_normal(len(x))), 0, 4)
    return x, target, sizes, np.repeat(rng.uniform(0.5, 2.0, len(sizes)), sizes)


@pytest.mark.parametrize("keywords", [{}, {"score_norm": False, "query_norm": False, "truncation": 5, "sigma": 2.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_model_of_lightgbm_is_that_of_its_own_objective(
    keywords: Any, weighted: bool, rng: np.random.Generator
) -> None:
    """To what its table of the logistic function, of 2^20 entries, leaves."""
    lightgbm = pytest.importorskip("lightgbm")
    x, target, sizes, weight = table(rng)
    theirs = {"lambdarank_norm": False, "lambdarank_truncation_level": 5, "sigmoid": 2.0} if keywords else {}

    def objective(y: Any, score: Any, w: Any, group: Any) -> Any:
        return fl.lambdarank.grad_and_hess(score, y, group=group, weight=w, reduction="sum", **keywords)

    models = [
        lightgbm.LGBMRanker(
            objective=o, n_estimators=8, num_leaves=6, min_child_samples=5, n_jobs=1, verbose=-1, **theirs
        )
        for o in ("lambdarank", objective)
    ]
    found = [m.fit(x, target, group=sizes, sample_weight=weight if weighted else None).predict(x, raw_score=True)
             for m in models]  # fmt: skip
    assert np.ptp(found[0]) > 0.5
    assert_allclose(found[1], found[0], rtol=5e-6, atol=5e-6)


@pytest.mark.parametrize("kind", ["ndcg", "pairwise"])
def test_a_model_of_xgboost_is_that_of_its_own_objective(kind: str, rng: np.random.Generator) -> None:
    xgboost = pytest.importorskip("xgboost")
    x, target, sizes, weight = table(rng)
    weight = weight[np.cumsum(sizes) - 1]
    data = xgboost.DMatrix(x, target, group=sizes, weight=weight)
    loss = fl.lambdarank if kind == "ndcg" else fl.pairwise_logistic

    def objective(score: Any, data: Any) -> Any:
        grad, hess = loss.grad_and_hess(score, target, group=sizes, truncation=32, score_norm=True, query_norm=True,
                                        weight=weight / weight.mean(), reduction="sum")  # fmt: skip
        return grad, 2.0 * hess

    common = {"max_depth": 3, "base_score": 0.0, "nthread": 1, "tree_method": "hist"}
    theirs = {"objective": f"rank:{kind}", "lambdarank_pair_method": "topk", "lambdarank_num_pair_per_sample": 32}
    found = [xgboost.train({**common, **theirs}, data, 6).predict(data, output_margin=True),
             xgboost.train(common, data, 6, obj=objective).predict(data, output_margin=True)]  # fmt: skip
    assert np.ptp(found[0]) > 0.5
    assert_allclose(found[1], found[0], rtol=1e-6, atol=1e-6)
