"""Losses of vectors side by side against the textbook formulas in 60 digits; their laws, keywords and errors."""

from __future__ import annotations

import pickle
from functools import partial
from itertools import product
from typing import Any

import embedding_oracle as oracle
import numpy as np
import pytest
from data import same_bits_on_threads
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")

DISTANCES = ("euclidean", "squared_euclidean", "cosine")
LOSSES = [fl.triplet_margin, fl.cosine_embedding, fl.contrastive_embedding]


def vectors(rng: np.random.Generator, count: int, shape: tuple[int, ...], dtype: Any = "f8") -> list[Any]:
    return [x.astype(dtype) for x in rng.standard_normal((count, *shape))]


def given(loss: Any, rng: np.random.Generator, shape: tuple[int, ...] = (6, 5), dtype: Any = "f8") -> list[Any]:
    """Inputs of a loss: about as many samples are active as not."""
    if loss is fl.triplet_margin:
        return vectors(rng, 3, shape, dtype)
    labels = rng.choice(loss.labels, shape[:-1])
    labels.flat[:2] = loss.labels[: labels.size]
    return [*vectors(rng, 2, shape, dtype), labels]


CASES: list[tuple[Any, dict[str, Any], Any]] = [
    *(
        (fl.triplet_margin, {"distance": d, "swap": swap, "margin": 0.5},
         lambda a, p, n, d=d, swap=swap: [oracle.triplet(*x, 0.5, d, swap) for x in zip(a, p, n, strict=True)])
        for d, swap in product(DISTANCES, (False, True))
    ),
    (fl.cosine_embedding, {"margin": 0.125},
     lambda a, b, y: [oracle.cosine_embedding(*x[:2], x[2], 0.125) for x in zip(a, b, y, strict=True)]),
    *(
        (fl.contrastive_embedding, {"distance": d, "margin": 1.5},
         lambda a, b, y, d=d: [oracle.contrastive(*x[:2], x[2], 1.5, d) for x in zip(a, b, y, strict=True)])
        for d in DISTANCES
    ),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("loss", "keywords", "exact"),
    [*(pytest.param(*case, marks=pytest.mark.compiled) for case in CASES[:1]), *CASES[1:]],
)
def test_the_formula_in_60_digits(loss: Any, keywords: Any, exact: Any, dtype: str, rng: np.random.Generator) -> None:
    arrays = given(loss, rng, dtype=dtype)
    count = len(loss.wrt)
    # Near one another, where differences of squares and of cosines from 1 would lose their digits.
    arrays[1][0] = arrays[0][0] * (1 + 2e-4 * rng.standard_normal(5)).astype(dtype)
    tables, rest = arrays[:count], arrays[count:]
    each, grads = loss.value_and_grad(*arrays, reduction="none", **keywords)
    assert each.dtype == dtype and all(g.dtype == dtype for g in grads)
    value = lambda *x: exact(*x, *rest)  # noqa: E731
    close = {"rtol": 2e-6, "atol": 1e-7} if dtype == "f4" else {"rtol": 1e-14, "atol": 1e-15}
    assert_allclose(each, np.array(oracle.exactly(value, *tables), float), **close)
    slopes = oracle.slopes(lambda *x: sum(value(*x)), *tables)
    for got, expected in zip(grads, slopes, strict=True):
        assert_allclose(got, np.array(expected, float), rtol=4e-6 if dtype == "f4" else 1e-13, atol=close["atol"] * 4)
    if len(rest) and loss is fl.contrastive_embedding:
        return
    assert np.count_nonzero(each) > 0


@pytest.mark.parametrize(("dtype", "powers"), [("f4", (-100, -60, 60, 100)), ("f8", (-1_000, -500, 500, 1_000))])
def test_lengths_that_a_type_hardly_holds(dtype: str, powers: Any, rng: np.random.Generator) -> None:
    """A power of two multiplies distances, and leaves their gradients and cosines as they are."""
    a, p, n = vectors(rng, 3, (7, 5), dtype)
    expected = fl.triplet_margin.value_and_grad(a, p, n, margin=0.0, reduction="none")
    angles = fl.triplet_margin.value_and_grad(a, p, n, distance="cosine", reduction="none")
    for power in powers:
        far = [np.ldexp(x, power) for x in (a, p, n)]
        value, grads = fl.triplet_margin.value_and_grad(*far, margin=0.0, reduction="none")
        assert_allclose(np.ldexp(value, -power), expected[0], rtol=1e-6 if dtype == "f4" else 1e-15)
        assert_array_equal(grads, expected[1])
        value, grads = fl.triplet_margin.value_and_grad(*far, distance="cosine", reduction="none")
        assert_allclose(value, angles[0], rtol=1e-6 if dtype == "f4" else 1e-15)
        for got, wanted in zip(grads, angles[1], strict=True):
            assert_allclose(np.ldexp(got, power), wanted, rtol=1e-6 if dtype == "f4" else 1e-13, atol=1e-15)


def test_equal_vectors_and_zeros(rng: np.random.Generator) -> None:
    """No distance has no direction, nor has a vector of zeros."""
    a, n, zero = *vectors(rng, 2, (1, 4)), np.zeros((1, 4))
    value, grads = fl.triplet_margin.value_and_grad(a, a, n, margin=9.0)
    assert_allclose(value, 9.0 - np.linalg.norm(a - n), rtol=1e-15)
    assert_array_equal(grads[1], 0.0)
    assert_allclose(grads[0], -grads[2], rtol=1e-15)
    assert_array_equal(fl.triplet_margin.grad(a, a, a), np.zeros((3, 1, 4)))
    assert_array_equal(fl.contrastive_embedding.grad(a, a, [0]), np.zeros((2, 1, 4)))
    for pair in ((a, zero), (zero, a), (zero, zero)):
        value, grads = fl.cosine_embedding.value_and_grad(*pair, [1])
        assert value == 1.0
        assert_array_equal(grads, np.zeros((2, 1, 4)))
        assert fl.triplet_margin(*pair, pair[0], margin=0.25, distance="cosine") == (0.25 if pair[0] is zero else 1.25)


def test_margins_are_kinks_of_slope_zero() -> None:
    a, n = [[0.0, 0.0]], [[2.0, 0.0]]
    value, grads = fl.triplet_margin.value_and_grad(a, [[0.0, 1.0]], n, margin=1.0)
    assert value == 0.0
    assert_array_equal(grads, np.zeros((3, 1, 2)))
    assert_array_equal(fl.contrastive_embedding.grad(a, n, [0], margin=2.0), np.zeros((2, 1, 2)))
    assert_array_equal(fl.cosine_embedding.grad([[1.0, 0.0]], [[0.0, 1.0]], [-1]), np.zeros((2, 1, 2)))


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_reductions_and_weights(loss: Any, rng: np.random.Generator) -> None:
    arrays = given(loss, rng, (3, 4, 5))
    weight = rng.integers(0, 3, (3, 4)) / 2.0
    each, slopes = loss.value_and_grad(*arrays, reduction="none")
    assert each.shape == (3, 4)
    value, grads = loss.value_and_grad(*arrays, weight=weight)
    assert_allclose(value, (weight * each).sum() / weight.sum(), rtol=1e-14)
    for got, expected in zip(grads, slopes, strict=True):
        assert_allclose(got, expected * (weight / weight.sum())[..., None], rtol=1e-13, atol=1e-16)
    assert_allclose(loss(*arrays), each.mean(), rtol=1e-14)
    assert_allclose(loss(*arrays, reduction="sum"), each.sum(), rtol=1e-14)
    assert_allclose(loss(*arrays, normalizer=5.0), each.sum() / 5.0, rtol=1e-14)
    assert_allclose(loss(*arrays, weight=weight[0], reduction="none"), each * weight[0], rtol=1e-14)
    assert_allclose(loss(*[x[0, 0] for x in arrays]), each[0, 0], rtol=1e-15)
    with np.errstate(all="raise"):  # weights that are all as many times as large
        far = loss.value_and_grad(*arrays, weight=np.ldexp(weight, 1_020))
    assert_allclose(far[0], value, rtol=1e-14)
    assert_allclose(far[1], grads, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_what_is_absent_may_hold_anything_and_nan_is_kept(loss: Any, rng: np.random.Generator) -> None:
    arrays = given(loss, rng)
    expected, slopes = loss.value_and_grad(*[x[1:] for x in arrays])
    for x in arrays:
        x[0] = np.nan
    value, grads = loss.value_and_grad(*arrays, weight=[0, 1, 1, 1, 1, 1])
    assert_allclose(value, expected, rtol=1e-15)
    for got, wanted in zip(grads, slopes, strict=True):
        assert_array_equal(got[0], 0.0)
        assert_allclose(got[1:], wanted, rtol=1e-14)
    for k in range(len(arrays)):
        arrays = given(loss, rng)
        arrays[k][1] = np.nan
        each, grads = loss.value_and_grad(*arrays, reduction="none")
        assert_array_equal(np.isnan(each), np.arange(6) == 1)
        assert all(np.isnan(g[1]).all() and not np.isnan(g[2:]).any() for g in grads)
    if loss is fl.triplet_margin:  # a NaN that only the swap looks at, or only without it
        for k in range(3):
            arrays = given(loss, rng)
            arrays[k][1] = np.nan
            assert np.isnan(loss(*arrays, swap=True))


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_out_types_and_layouts(loss: Any, rng: np.random.Generator) -> None:
    arrays = given(loss, rng)
    count = len(loss.wrt)
    value, expected = loss.value_and_grad(*arrays)
    fresh = tuple(np.empty_like(x) for x in arrays[:count])
    strided = tuple(np.empty((6, 10))[:, ::2] for _ in range(count))
    own = [x.copy() for x in arrays[:count]]
    for out, inputs in ((fresh, arrays[:count]), (strided, arrays[:count]), (tuple(own), own)):
        got = loss.value_and_grad(*inputs, *arrays[count:], out=out)
        assert got[0] == value and all(g is o for g, o in zip(got[1], out, strict=True))
        for g, e in zip(out, expected, strict=True):
            assert_array_equal(g, e)
    each = np.empty(6)
    assert loss(*arrays, reduction="none", out=each) is each
    half = [x.astype("f2") for x in arrays[:count]]
    wide = [x.astype("f4") for x in half]
    got = loss.value_and_grad(*half, *arrays[count:])
    assert got[0].dtype == np.float32 and got[0] == loss(*wide, *arrays[count:])
    assert all(g.dtype == np.float16 for g in got[1])
    flipped = [np.asfortranarray(x) for x in arrays]
    for x in flipped:
        x.flags.writeable = False
    assert_array_equal(loss.value_and_grad(*flipped)[1], expected)
    assert_array_equal(loss.grad(*[x.tolist() for x in arrays]), expected)
    assert_array_equal(loss.grad(**dict(zip(loss.inputs, arrays, strict=True))), expected)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_nothing_to_average(loss: Any) -> None:
    none = [np.zeros((0, 5))] * len(loss.wrt) + [np.zeros(0)] * (len(loss.inputs) - len(loss.wrt))
    assert np.isnan(loss(*none)) and loss(*none, empty="zero") == 0.0
    assert loss(*none, reduction="sum") == 0.0
    assert [g.shape for g in loss.grad(*none)] == [(0, 5)] * len(loss.wrt)
    out = tuple(np.full((0, 5), 7.0) for _ in loss.wrt)
    with pytest.raises(ValueError, match="there is nothing to average"):
        loss.grad(*none, empty="raise", out=out)
    one = [np.ones((1, 5))] * len(loss.wrt) + [np.ones(1)] * (len(loss.inputs) - len(loss.wrt))
    value, grads = loss.value_and_grad(*one, weight=[0.0])
    assert np.isnan(value)
    assert_array_equal(grads, np.zeros((len(grads), 1, 5)))


@pytest.mark.full
@pytest.mark.compiled
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_same_bits_for_any_number_of_threads(loss: Any, rng: np.random.Generator) -> None:
    arrays = given(loss, rng, (3_000, 9))
    same_bits_on_threads(partial(loss.value_and_grad, *arrays))


def test_errors(rng: np.random.Generator) -> None:
    triplet, cosine, pair = LOSSES
    a, p, n = vectors(rng, 3, (4, 5))
    gpu = type("Tensor", (), {"__module__": "torch", "is_cuda": True})()
    for call, message in (
        (lambda: triplet(a, p, n[:3]), r"triplet_margin: negative has shape \(3, 5\), expected \(4, 5\), that of anchor"),
        (lambda: triplet(1.0, p, n), "anchor is a number, expected vectors along the last axis"),
        (lambda: triplet(a, p, n, margin=-1), r"margin is -1, expected a number of at least 0"),
        (lambda: triplet(a, p, n, distance="l1"), "triplet_margin: distance is 'l1', expected 'euclidean', "),
        (lambda: triplet(a, p, n, swap="no"), "swap is 'no', expected True or False"),
        (lambda: triplet(a, p, n, weight=[1, 1, -1, 1]), r"weight\[2\] is -1, expected a finite number of at least 0"),
        (lambda: triplet(a, p, n, weight=np.ones((4, 1))), "differ by an axis of length 1"),
        (lambda: triplet(a, p, n, weight=np.ones((2, 4))), r"weight has shape \(2, 4\), expected one that broadcasts to"),
        (lambda: triplet(a, p, n, reduction="avg"), "reduction is 'avg', expected 'mean', 'sum' or 'none'"),
        (lambda: triplet(a, p, n, backend="cuda"), "triplet_margin is computed on the host alone"),
        (lambda: triplet(a, p, n, eps=1e-6), "triplet_margin: 'eps' is no argument, expected anchor, positive, negative"),
        (lambda: triplet(gpu, p, n), "anchor is a torch.Tensor in GPU memory, expected an array on the host"),
        (lambda: triplet(a, "no", n), "triplet_margin: positive is 'no'"),
        (lambda: triplet.grad_and_hess(a, p, n), "triplet_margin has no second derivative"),
        (lambda: triplet.grad(a, p, n, out=np.empty_like(a)), "expected a tuple of 3 arrays, .anchor, positive, negative."),
        (lambda: triplet.grad(a, p, n, out=(p, a, n)), "out overlaps positive; the gradient of anchor may be written"),
        (lambda: triplet.grad(a, p, n, out=(a, p, n), weight=[1, 1, -1, 1]), r"weight\[2\] is -1"),
        (lambda: triplet(a, p, n, out=np.empty(4)), "out is for reduction='none'"),
        (lambda: cosine(a, p, [1, -1, 0, 1]), r"cosine_embedding: target\[2\] is 0, expected -1 or 1"),
        (lambda: cosine(a, p, np.ones((4, 1))), "differ by an axis of length 1"),
        (lambda: cosine(a, p, np.ones((2, 4))), r"target has shape \(2, 4\), expected \(4,\), a label for each pair"),
        (lambda: cosine(a, p, np.ones(4), margin=1.5), "margin is 1.5, expected a number from -1 to 1"),
        (lambda: pair(a, p, [1, -1, 0, 1]), r"contrastive_embedding: target\[1\] is -1, expected 0 or 1"),
    ):  # fmt: skip
        before = [x.copy() for x in (a, p, n)]
        with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        assert_array_equal((a, p, n), before)
    assert np.isfinite(cosine(a, p, [1, -1, 0, 1], check=False))
    assert all(pickle.loads(pickle.dumps(loss)) is loss for loss in LOSSES)


def test_cosines_with_nothing_are_all_0(rng: np.random.Generator) -> None:
    """Distances of exactly 1 from a vector of zeros: its triplets are on a margin of 0, and none is active."""
    nothing, some, others = np.zeros((20, 5)), *vectors(rng, 2, (20, 5))
    found, grads = fl.triplet_margin.value_and_grad(nothing, some, others, margin=0.0, distance="cosine")
    assert found == 0.0 and not any(g.any() for g in grads)
    for one, other in zip(some, others, strict=True):
        x, keywords = [nothing[0], one, other], {"margin": 0.0, "distance": "cosine", "reduction": "none"}
        assert fl.batch_triplet_margin(x, [0, 0, 1], **keywords)[0] == 0.0
