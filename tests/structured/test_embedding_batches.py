"""Losses of a whole batch against the textbook's loops in 60 digits: softmax of all pairs, circle, mined triplets."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import embedding_oracle as oracle
import numpy as np
import pytest
from data import same_bits_on_threads, some
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.structured.embeddings import mining, scores

pytestmark = pytest.mark.usefixtures("compiled_at_last")

PAIRED = [fl.info_nce, fl.nt_xent]
LABELLED = [fl.supervised_contrastive, fl.circle, fl.batch_triplet_margin]
LOSSES = [*PAIRED, *LABELLED]
LABELS = np.array([3, -1, 3, 8, 3, 8, 5])  # 5 and -1 occur once
WAYS = ("all", "hard", "semihard")
DISTANCES = ("euclidean", "squared_euclidean", "cosine")


def given(loss: Any, rng: np.random.Generator, n: int = 7, dtype: Any = "f8") -> list[Any]:
    if loss in PAIRED:
        return list(rng.standard_normal((2, n, 4)).astype(dtype))
    return [rng.standard_normal((n, 4)).astype(dtype), np.resize(LABELS, n)]


def gradients(loss: Any, found: Any) -> tuple[Any, ...]:
    return found if len(loss.wrt) > 1 else (found,)


def mean(each: list[Any]) -> Any:
    """Of those that are there."""
    some = [x for x in each if x is not None]
    return sum(some) / len(some)


def circles(x: Any, margin: float, gamma: float) -> Any:
    """As a function of the vectors, with the factors of `x` itself."""
    fixed = oracle.exactly(lambda z: oracle.similarities(z, z, True), x)
    return lambda z: oracle.circle(z, LABELS, margin, gamma, fixed)


CASES: list[tuple[Any, dict[str, Any], Any]] = [
    *(
        (fl.info_nce, {"temperature": 0.3, "symmetric": s, "normalize": u},
         lambda a, b, s=s, u=u: lambda x, y: oracle.info_nce(x, y, 0.3, u, s))
        for s, u in product((False, True), (False, True))
    ),
    (fl.nt_xent, {"temperature": 0.3}, lambda a, b: lambda x, y: oracle.nt_xent(x, y, 0.3)),
    (fl.supervised_contrastive, {"temperature": 0.3}, lambda a: lambda x: oracle.supervised_contrastive(x, LABELS, 0.3)),
    (fl.circle, {"margin": 0.25, "gamma": 8.0}, lambda a: circles(a, 0.25, 8.0)),
    (fl.circle, {"margin": 0.4, "gamma": 256.0}, lambda a: circles(a, 0.4, 256.0)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f8"]))
@pytest.mark.parametrize(
    ("loss", "keywords", "exact"),
    [*(pytest.param(*case, marks=pytest.mark.compiled) for case in CASES[:1]), *CASES[1:]],
)
def test_the_formula_in_60_digits(loss: Any, keywords: Any, exact: Any, dtype: str, rng: np.random.Generator) -> None:
    arrays = given(loss, rng, dtype=dtype)
    tables = arrays[: len(loss.wrt)]
    function = exact(*tables)
    value, found = loss.value_and_grad(*arrays, **keywords)
    assert value.dtype == dtype
    # A score is off by a rounding or two, times the reciprocal of the temperature, or gamma.
    sharp = max(keywords.get("gamma", 0) / 8, 1.0)
    close = 3e-6 * sharp if dtype == "f4" else 1e-14 * sharp
    assert_allclose(value, float(oracle.exactly(lambda *x: mean(function(*x)), *tables)), rtol=close)
    slopes = oracle.slopes(lambda *x: mean(function(*x)), *tables)
    for got, expected in zip(gradients(loss, found), slopes, strict=True):
        assert got.dtype == dtype
        assert_allclose(got, np.array(expected, float), rtol=10 * close, atol=close)
    each = loss(*arrays, reduction="none", **keywords)
    expected = oracle.exactly(function, *tables)
    assert_allclose(each, [0.0 if x is None else float(x) for x in expected], rtol=close, atol=close)


@pytest.mark.parametrize("block", [1, 12, 10_000])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_blocks_do_not_matter(loss: Any, block: int, rng: np.random.Generator, monkeypatch: Any) -> None:
    arrays = given(loss, rng, 20)
    expected = loss.value_and_grad(*arrays)
    for module in (scores, mining):
        monkeypatch.setattr(module, "BLOCK", block)
        monkeypatch.setattr(module, "LEAST", 3)
    value, found = loss.value_and_grad(*arrays)
    assert_allclose(value, expected[0], rtol=1e-14)
    for a, b in zip(gradients(loss, found), gradients(loss, expected[1]), strict=True):
        assert_allclose(a, b, rtol=1e-12, atol=1e-16)


# -- Mining ------------------------------------------------------------------------------------------------------------


def batches(rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """Any, two classes, labels that occur once, and points on a grid, of which many are as far as one another."""
    yield rng.standard_normal((9, 3)), rng.integers(0, 3, 9)
    yield rng.standard_normal((8, 2)), np.repeat([True, False], 4)
    yield rng.standard_normal((7, 3)), LABELS
    yield rng.integers(0, 2, (12, 2)) + 1.0, rng.integers(0, 3, 12)
    yield np.zeros((5, 2)), np.array([0, 0, 1, 1, 1])


@pytest.mark.parametrize("kind", DISTANCES)
@pytest.mark.parametrize("way", WAYS)
def test_mining_by_three_loops(way: str, kind: str, rng: np.random.Generator) -> None:
    for x, y in batches(rng):
        for margin in (0.0, 0.5):
            keywords = {"mining": way, "distance": kind, "margin": margin}
            expected = oracle.exactly(lambda z, y=y, m=margin: oracle.mined(z, y, m, kind, way), x)
            # Losses of no more than a rounding are those of distances that are the same.
            active = [t for t in expected if t[3] > 1e-14]
            total = float(sum(t[3] for t in expected))
            value = fl.batch_triplet_margin(x, y, reduction="sum", **keywords)
            assert_allclose(value, total, rtol=1e-13, atol=1e-13)
            if expected:
                assert_allclose(
                    fl.batch_triplet_margin(x, y, **keywords), total / len(expected), rtol=1e-13, atol=1e-13
                )
            if active and kind != "cosine":
                got = fl.batch_triplet_margin(x, y, count="active", **keywords)
                assert_allclose(got, total / len(active), rtol=1e-13)


@pytest.mark.parametrize(("way", "kind"), [*product(WAYS, ["euclidean"]), ("all", "cosine"), ("all", DISTANCES[1])])
def test_the_gradient_of_what_is_mined(way: str, kind: str, rng: np.random.Generator) -> None:
    x, y = rng.standard_normal((8, 3)), np.array([0, 1, 0, 2, 1, 0, 2, 1])
    weight = rng.integers(0, 3, 8) / 2.0
    weight[:2] = 1.0
    keywords = {"mining": way, "distance": kind, "margin": 0.5}
    grad = fl.batch_triplet_margin.grad(x, y, reduction="sum", **keywords)
    expected = oracle.slopes(lambda z: sum(t[3] for t in oracle.mined(z, y, 0.5, kind, way)), x)[0]
    assert_allclose(grad, np.array(expected, float), rtol=1e-12, atol=1e-13)
    here = np.flatnonzero(weight)

    def weighted(z: Any) -> Any:
        found = oracle.mined(z, y[here], 0.5, kind, way)
        return sum(t[3] * weight[here][t[0]] for t in found) / sum(weight[here][t[0]] for t in found)

    value, grad = fl.batch_triplet_margin.value_and_grad(x, y, weight=weight, **keywords)
    assert_allclose(value, float(oracle.exactly(weighted, x[here])), rtol=1e-13)
    assert_allclose(grad[here], np.array(oracle.slopes(weighted, x[here])[0], float), rtol=1e-12, atol=1e-14)
    assert_array_equal(grad[weight == 0], 0.0)


def test_of_equals_the_first_is_taken() -> None:
    """Two positives are as far as each other from the anchor, and two negatives."""
    x, y = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [0.0, -3.0]]), [0, 0, 0, 1, 2]
    for way in ("hard", "semihard"):
        grad = fl.batch_triplet_margin.grad(x, y, mining=way, margin=2.0, reduction="sum", weight=[1, 1e-9, 1e-9, 1, 1])
        assert abs(grad[3, 0]) > 0.5 and abs(grad[4]).max() < 1e-6
        assert abs(grad[1, 0]) > 0.5
        assert (abs(grad[2, 1]) > 0.5) == (way == "semihard")  # which has a triplet of each positive


@pytest.mark.parametrize("kind", DISTANCES)
def test_lengths_that_a_type_hardly_holds(kind: str, rng: np.random.Generator) -> None:
    x, y = rng.standard_normal((8, 3)), np.array([0, 1, 0, 2, 1, 0, 2, 1])
    for dtype, powers in (("f4", (-100, 100)), ("f8", (-1_000, -400, 400, 1_000))):
        near = x.astype(dtype)
        value, grad = fl.batch_triplet_margin.value_and_grad(near, y, margin=0.0, distance=kind)
        for power in powers:
            times = {"euclidean": power, "cosine": 0}.get(kind, 2 * power)
            if abs(times) > (126 if dtype == "f4" else 1_022):
                continue
            far, slope = fl.batch_triplet_margin.value_and_grad(np.ldexp(near, power), y, margin=0.0, distance=kind)
            assert_allclose(np.ldexp(far, -times), value, rtol=1e-6 if dtype == "f4" else 1e-14)
            assert_allclose(np.ldexp(slope, power - times), grad, rtol=1e-6 if dtype == "f4" else 1e-12, atol=1e-15)


def test_one_class_and_labels_that_occur_once(rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 3))
    cases = [
        *((fl.batch_triplet_margin, {"mining": w}, y) for w in WAYS for y in ([1] * 4, [1, 2, 3, 4])),
        (fl.circle, {}, [1] * 4), (fl.circle, {}, [1, 2, 3, 4]), (fl.supervised_contrastive, {}, [1, 2, 3, 4]),
    ]  # fmt: skip
    for loss, keywords, y in cases:
        value, grad = loss.value_and_grad(x, y, **keywords)
        assert np.isnan(value)
        assert_array_equal(grad, 0.0)
        assert loss(x, y, empty="zero", **keywords) == 0.0 == loss(x, y, reduction="sum", **keywords)
        out = x.copy()
        with pytest.raises(ValueError, match=f"{loss.name}: there is nothing to average"):
            loss.grad(out, y, empty="raise", out=out, **keywords)
        assert_array_equal(out, x)
    # Triplets of which none is active have a mean.
    far = np.array([[0.0], [0.1], [9.0], [9.1]])
    assert fl.batch_triplet_margin(far, [0, 0, 1, 1], count="active") == 0.0


# -- What all promise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_reductions_and_weights(loss: Any, rng: np.random.Generator) -> None:
    arrays = given(loss, rng, 14)
    weight = rng.integers(1, 4, 14) / 2.0
    each = loss(*arrays, reduction="none")
    total = loss(*arrays, reduction="sum")
    assert each.shape == (14,)
    assert_allclose(total, each.sum(), rtol=1e-14)
    value, found = loss.value_and_grad(*arrays, weight=weight)
    counted = np.ones(14)
    if loss is fl.batch_triplet_margin:
        counted = np.array([(np.sum(arrays[1] == c) - 1) * np.sum(arrays[1] != c) for c in arrays[1]])
    assert_allclose(value, (weight * each).sum() / (weight * counted).sum(), rtol=1e-14)
    assert_allclose(loss(*arrays, weight=weight, reduction="none"), weight * each, rtol=1e-14)
    assert_allclose(loss(*arrays, normalizer=5.0), total / 5.0, rtol=1e-14)
    slopes = loss.grad(*arrays, weight=weight, reduction="sum")
    again = loss.grad(*arrays, weight=weight, normalizer=5.0)
    far = loss.value_and_grad(*arrays, weight=np.ldexp(weight, 1_018))
    assert_allclose(far[0], value, rtol=1e-14)
    for k, slope in enumerate(gradients(loss, slopes)):
        assert_allclose(gradients(loss, again)[k], slope / 5.0, rtol=1e-13, atol=1e-16)
        assert_allclose(gradients(loss, far[1])[k], gradients(loss, found)[k], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("loss", "more"), [*((loss, {}) for loss in LOSSES), (fl.info_nce, {"symmetric": True})])
def test_nothing_to_average(loss: Any, more: Any, rng: np.random.Generator) -> None:
    for arrays, weight in ((given(loss, rng, 0), None), (given(loss, rng), np.zeros(7))):
        assert np.isnan(loss(*arrays, weight=weight, **more))
        value, grad = loss.value_and_grad(*arrays, weight=weight, empty="zero", **more)
        assert value == 0.0
        for x, slopes in zip(arrays, gradients(loss, grad), strict=False):
            assert_array_equal(slopes, np.zeros_like(x))


def test_a_denominator_far_from_the_weights() -> None:
    x, labels = [[0.0, 0.0], [0.0, 2.0], [1.0, 0.0]], [5, 5, 8]
    for weight, normalizer, expected in ((1e-100, 1e300, 0.0), (1e100, 1e-300, np.inf)):
        assert fl.batch_triplet_margin(x, labels, weight=[weight] * 3, normalizer=normalizer) == expected


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_what_is_absent_may_hold_anything_and_nan_is_kept(loss: Any, rng: np.random.Generator) -> None:
    """A sample of weight 0 is not in the batch."""
    arrays = given(loss, rng, 14)
    weight = np.arange(14) % 5 != 2
    expected, slopes = loss.value_and_grad(*[x[weight] for x in arrays])
    for x in arrays[: len(loss.wrt)]:
        x[~weight] = np.nan
    value, found = loss.value_and_grad(*arrays, weight=weight)
    assert_allclose(value, expected, rtol=1e-15)
    for got, wanted in zip(gradients(loss, found), gradients(loss, slopes), strict=True):
        assert_array_equal(got[~weight], 0.0)
        assert_allclose(got[weight], wanted, rtol=1e-14, atol=1e-17)
    value, found = loss.value_and_grad(*arrays)
    assert np.isnan(value) and all(np.isnan(g).any() for g in gradients(loss, found))


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_out_types_and_layouts(loss: Any, rng: np.random.Generator) -> None:
    arrays = given(loss, rng)
    count = len(loss.wrt)
    value, expected = loss.value_and_grad(*arrays)
    own = [x.copy() for x in arrays[:count]]
    strided = [np.empty((7, 8))[:, ::2] for _ in range(count)]
    for out, inputs in ((own, own), (strided, arrays[:count])):
        got = loss.value_and_grad(*inputs, *arrays[count:], out=tuple(out) if count > 1 else out[0])
        assert got[0] == value
        for g, o, e in zip(gradients(loss, got[1]), out, gradients(loss, expected), strict=True):
            assert g is o
            assert_array_equal(g, e)
    each = np.empty(7)
    assert loss(*arrays, reduction="none", out=each) is each
    half = [x.astype("f2") for x in arrays[:count]]
    got = loss.value_and_grad(*half, *arrays[count:])
    assert got[0] == loss(*[x.astype("f4") for x in half], *arrays[count:]) and got[0].dtype == np.float32
    assert all(g.dtype == np.float16 for g in gradients(loss, got[1]))
    turned = [np.asfortranarray(x) for x in arrays]
    for x in turned:
        x.flags.writeable = False
    assert_array_equal(loss.value_and_grad(*turned)[1], expected)
    assert_array_equal(loss.grad(*[x.tolist() for x in arrays]), expected)
    none = [x[:0] for x in arrays]
    assert np.isnan(loss(*none)) and loss(*none, empty="zero") == 0.0
    assert [g.shape for g in gradients(loss, loss.grad(*none))] == [(0, 4)] * count


@pytest.mark.parametrize("loss", LABELLED, ids=str)
def test_zeros_and_equal_vectors_are_finite(loss: Any) -> None:
    x = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    value, grad = loss.value_and_grad(x, [0, 0, 1, 1, 0])
    assert np.isfinite(value) and np.isfinite(grad).all()
    if loss is not fl.batch_triplet_margin:
        assert_array_equal(grad[:2], 0.0)


@pytest.mark.full
@pytest.mark.compiled
@pytest.mark.parametrize("loss", LABELLED, ids=str)
def test_the_same_bits_for_any_number_of_threads(loss: Any, rng: np.random.Generator) -> None:
    arrays = given(loss, rng, 300)
    same_bits_on_threads(partial(loss.value_and_grad, *arrays))


@pytest.mark.compiled
@pytest.mark.parametrize("loss", some(LOSSES, [fl.circle]), ids=str)
def test_memory_grows_with_the_batch(loss: Any, rng: np.random.Generator, monkeypatch: Any) -> None:
    """Of so small a block the table of all pairs would be 30 times as large."""
    monkeypatch.setattr(scores, "BLOCK", 1 << 12)
    monkeypatch.setattr(mining, "BLOCK", 1 << 12)
    n = 2_000
    arrays = given(loss, rng, n, "f4")
    loss.value_and_grad(*arrays, backend="serial")  # compiles
    tracemalloc.start()
    loss.value_and_grad(*arrays, backend="serial")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * n * n / 2


def test_errors(rng: np.random.Generator) -> None:
    x, y = rng.standard_normal((6, 3)), np.array([0, 0, 1, 1, 2, 2])
    nce, views, sup, circle, batch = LOSSES
    gpu = type("Tensor", (), {"__module__": "torch", "is_cuda": True})()
    for call, message in (
        (lambda: nce(x, x[:5]), r"info_nce: key has shape \(5, 3\), expected \(6, 3\), that of query"),
        (lambda: nce(x[0], x[0]), r"info_nce: query has shape \(3,\), expected \(samples, features\)"),
        (lambda: nce(x, x, temperature=0), "info_nce: temperature is 0, expected a number greater than 0"),
        (lambda: nce(x, x, symmetric=1), "symmetric is 1, expected True or False"),
        (lambda: views(x, x, normalize="l2"), "nt_xent: normalize is 'l2', expected True or False"),
        (lambda: views(x, x, weight=np.ones(5)), "shapes do not broadcast: the batch"),
        (lambda: views(x, x, weight=-np.ones(6)), r"nt_xent: weight\[0\] is -1\.0, expected a finite number of at least 0"),
        (lambda: views(gpu, x), "first is a torch.Tensor in GPU memory, expected an array on the host"),
        (lambda: sup(x, y[:5]), r"supervised_contrastive: labels has shape \(5,\), expected \(6,\), one for each"),
        (lambda: sup(x, y / 2), "labels has dtype float64, expected integers"),
        (lambda: sup(x, y, margin=1.0), "supervised_contrastive: 'margin' is no argument, expected embeddings, labels"),
        (lambda: circle(x, y, margin=2.0), "circle: margin is 2.0, expected a number from 0 to 1"),
        (lambda: circle(x, y, gamma=0.0), "circle: gamma is 0.0, expected a number greater than 0"),
        (lambda: circle.grad_and_hess(x, y), "circle has no second derivative"),
        (lambda: batch(x, y, mining="easy"), "batch_triplet_margin: mining is 'easy', expected 'all', 'hard' or 'semihard'"),
        (lambda: batch(x, y, count="all"), "count is 'all', expected 'valid' or 'active'"),
        (lambda: batch(x, y, distance="l1"), "distance is 'l1', expected 'euclidean', 'squared_euclidean' or 'cosine'"),
        (lambda: batch(x, y[:5]), r"labels has shape \(5,\), expected \(6,\), one for each embedding"),
        (lambda: batch(x, y, margin=-1.0), "margin is -1.0, expected a number of at least 0"),
        (lambda: batch(x, y, reduction="avg"), "reduction is 'avg'"),
        (lambda: batch(x, y, backend="cuda"), "batch_triplet_margin is computed on the host alone"),
        (lambda: batch.grad(x, y, out=x[:5]), "out has dtype float64 and shape"),
        (lambda: batch(x, y, out=np.empty(6)), "out is for reduction='none'"),
    ):  # fmt: skip
        before = x.copy()
        with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        assert_array_equal(x, before)
    assert all(pickle.loads(pickle.dumps(loss)) is loss for loss in LOSSES)
