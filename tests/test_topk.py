"""A teacher of the likeliest classes against the same teacher spread out over all of them."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss import topk

TOPK = fl.topk_distillation
N, K, TOP = 11, 7, 3


def batch(rng: np.random.Generator, shape: tuple[int, ...] = (N,), dtype: Any = "f8") -> tuple[Any, ...]:
    """Logits, indices, log-probabilities, labels, and the teacher spread out."""
    teacher = rng.dirichlet(np.ones(K), shape)
    indices = np.argsort(-teacher, axis=-1)[..., :TOP]
    known = np.take_along_axis(teacher, indices, -1)
    dense = np.zeros_like(teacher)
    np.put_along_axis(dense, indices, known, -1)
    return rng.normal(size=(*shape, K)).astype(dtype), indices, np.log(known), rng.integers(0, K, shape), dense


OPTIONS: list[dict[str, Any]] = [
    {}, {"temperature": 4.0, "alpha": 0.25, "scale_t2": 0.0}, {"reduction": "none"}, {"reduction": "sum"},
    {"normalizer": 3.0}, {"ignore_index": 2}, {"label_smoothing": 0.1}, {"weight": np.arange(N) % 3 / 2.0},
    {"class_weight": np.arange(K) / 3.0, "ignore_index": 1, "weight": np.arange(N) % 3 / 2.0},
]  # fmt: skip


@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_is_the_spread_out_teacher(
    options: dict[str, Any], rows: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topk, "CHUNK", rows * K)
    pred, indices, logs, labels, dense = batch(rng)
    value, grad = fl.distillation_from_probabilities.value_and_grad(pred, dense, labels, **options)
    found = TOPK.value_and_grad(pred, indices, logs, labels, **options)
    # The probabilities went through a logarithm and back.
    assert_allclose(found[0], value, rtol=1e-13)
    assert_allclose(found[1], grad, rtol=1e-12, atol=1e-15)
    assert_array_equal(TOPK(pred, indices, logs, labels, **options), found[0])
    assert_array_equal(TOPK.grad(pred, indices, logs, labels, **options), found[1])
    before = pred.copy()
    out = TOPK.grad(before, indices, logs, labels, out=before, **options)
    assert out is before
    assert_array_equal(out, found[1])


@pytest.mark.parametrize("shape", [(), (2, 3), (0,)], ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_shapes_and_dtypes(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> None:
    pred, indices, logs, labels, dense = batch(rng, shape, dtype)
    for target in (labels, np.eye(K)[labels]):
        value, grad = TOPK.value_and_grad(pred, indices.astype("u1"), logs, target, empty="zero")
        other, slope = fl.distillation_from_probabilities.value_and_grad(pred, dense, target, empty="zero")
        assert_allclose(value, other, rtol=1e-6)
        assert grad.dtype == pred.dtype
        assert_allclose(grad, slope, rtol=1e-2 if dtype == "f2" else 1e-5, atol=1e-6)
    expected = TOPK.grad(pred, indices, logs, labels, empty="zero")
    odd = np.array(pred, order="F")
    assert_array_equal(TOPK.grad(odd, indices, logs, labels, out=odd, empty="zero"), expected)


def test_absent_rows_may_hold_anything(rng: np.random.Generator) -> None:
    pred, indices, logs, labels, _ = batch(rng)
    expected = TOPK.value_and_grad(pred[1:], indices[1:], logs[1:], labels[1:])
    pred[0], indices[0], logs[0], labels[0] = np.nan, -1, np.nan, -100
    for options in ({"ignore_index": -100}, {"weight": np.arange(N) != 0}):
        value, grad = TOPK.value_and_grad(pred, indices, logs, labels, **options)
        assert_allclose(value, expected[0], rtol=1e-15)
        assert_allclose(grad[1:], expected[1], rtol=1e-14)
        assert_array_equal(grad[0], 0.0)


def test_integers_lists_and_no_class_at_all(rng: np.random.Generator) -> None:
    _, indices, logs, labels, _ = batch(rng)
    whole = rng.integers(-3, 3, (N, K))
    for pred in (whole, whole.tolist()):
        assert_array_equal(TOPK.grad(pred, indices, logs, labels), TOPK.grad(whole.astype("f8"), indices, logs, labels))
    none = TOPK(whole, indices[:, :0], logs[:, :0], labels, alpha=1.0)
    assert_allclose(none, fl.cross_entropy(whole, labels), rtol=1e-14)
    assert np.isnan(TOPK(whole, indices, np.where(indices >= 0, np.nan, 0.0), labels))


def test_never_holds_the_teacher(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk, "CHUNK", 1 << 14)
    n, classes = 2_000, 1_000
    pred = rng.normal(size=(n, classes)).astype("f4")
    indices, logs = np.tile(np.arange(4), (n, 1)), np.full((n, 4), -2.0)
    labels = rng.integers(0, classes, n)
    TOPK.grad(pred, indices, logs, labels, out=pred)  # compiled
    tracemalloc.start()
    TOPK.grad(pred, indices, logs, labels, out=pred)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pred.nbytes / 8


def test_errors(rng: np.random.Generator) -> None:
    pred, indices, logs, labels, _ = batch(rng)
    far, twice, positive = indices.copy(), indices.copy(), logs.copy()
    far[4, 1], twice[5, 2], positive[6, 0] = K, twice[5, 0], 0.5
    tensor = type("Tensor", (), {"__module__": "torch"})()
    for call, message in (
        (lambda: TOPK(pred, far, logs, labels), rf"topk_distillation: indices\[4, 1\] is {K}, but there are {K} classes"),
        (lambda: TOPK(pred, twice, logs, labels), rf"indices\[5\] name class {twice[5, 0]} more than once"),
        (lambda: TOPK(pred, indices, positive, labels), r"log_probabilities\[6, 0\] is 0\.5, expected a number of at most 0"),
        (lambda: TOPK(pred, indices * 1.0, logs, labels), "indices has dtype float64, expected integers"),
        (lambda: TOPK(pred, indices[:4], logs, labels), r"indices has shape \(4, 3\), expected \(11, k\)"),
        (lambda: TOPK(pred, indices, logs[:, :2], labels), r"log_probabilities has shape \(11, 2\), expected \(11, 3\)"),
        (lambda: TOPK(pred, indices, logs, labels + K), r"target\[0\] is \d+, but there are 7 classes"),
        (lambda: TOPK(pred, indices, logs, labels, temperature=0.0), "temperature must be"),
        (lambda: TOPK.grad(pred, far, logs, labels, out=pred), "indices"),
        (lambda: TOPK.grad(pred, indices, logs, labels + K, out=pred), "but there are 7 classes"),
        (lambda: TOPK.grad(pred, indices, pred[:, :TOP], labels, out=pred, check=False), "out overlaps the teacher"),
        (lambda: TOPK(pred, indices, logs, labels, reduction="none", out=pred[:, 0]), "out is for the gradient"),
        (lambda: TOPK.grad(pred, indices, logs, labels, out=pred[0]), "topk_distillation: out has dtype"),
        (lambda: TOPK(pred, indices, tensor, labels), r"log_probabilities is a torch\.Tensor"),
    ):  # fmt: skip
        before = pred.copy()
        with pytest.raises((ValueError, TypeError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        assert_array_equal(pred, before)
    assert pickle.loads(pickle.dumps(TOPK)).name == TOPK.name
    assert pickle.loads(pickle.dumps(fl.linear_cross_entropy)).name == "linear_cross_entropy"
