"""Distillation from the likeliest classes of a teacher on a pretended GPU, against the same on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hosted import Hosted, agree, both, raises, to_gpu
from numpy.testing import assert_array_equal

import fastloss as fl
from fastloss.fused import topk_gpu as topk

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]
TOPK = fl.topk_distillation
N, K, TOP = 7, 8, 3


def batch(rng: np.random.Generator, shape: tuple[int, ...] = (N,), dtype: Any = "f8") -> tuple[Any, ...]:
    """Logits, indices, log-probabilities, labels."""
    teacher = rng.dirichlet(np.ones(K), shape)
    indices = np.argsort(-teacher, axis=-1)[..., :TOP]
    logs = np.log(np.take_along_axis(teacher, indices, -1))
    return rng.normal(size=(*shape, K)).astype(dtype), indices, logs, rng.integers(0, K, shape)


OPTIONS: list[dict[str, Any]] = [
    {}, {"temperature": 4.0, "alpha": 0.25}, {"reduction": "none"}, {"normalizer": 3.0}, {"ignore_index": 2},
    {"class_weight": np.arange(K) / 3.0, "ignore_index": 1, "weight": np.arange(N) % 3 / 2.0, "label_smoothing": 0.1},
]  # fmt: skip


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("case", range(len(OPTIONS)))
def test_options(case: int, rows: int, gpu: Any, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk, "CHUNK", rows * K)
    pred, indices, logs, labels = batch(rng)
    options = OPTIONS[case]
    absent = options.get("weight", np.ones(N)) == 0
    pred[absent], indices[absent], logs[absent], labels[absent] = np.nan, -1, 7.0, -100
    both(TOPK.value_and_grad, pred, indices, logs, labels, **options)
    assert gpu.waits == 0
    fl.synchronize()


def test_verbs_and_where_they_write(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk, "CHUNK", 3 * K)
    given = batch(rng)
    expected = TOPK.grad_and_hess(*given)
    both(TOPK, *given)
    both(TOPK.grad, *given)
    room = Hosted(np.zeros((N, K))), Hosted(np.zeros((N, K)))
    found = TOPK.grad_and_hess(*map(to_gpu, given), out=room)
    assert found[0] is room[0] and found[1] is room[1]
    agree(found, expected)
    pred, *rest = map(to_gpu, given)
    assert TOPK.grad(pred, *rest, out=pred) is pred
    agree(pred, expected[0])
    losses = Hosted(np.zeros(N))
    assert TOPK(*map(to_gpu, given), reduction="none", out=losses) is losses
    agree(losses, TOPK(*given, reduction="none"))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes_and_statistics(axis: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk, "CHUNK", 4 * K)
    *arrays, labels = batch(rng, (2, 3))
    moved = [np.moveaxis(x, -1, axis) for x in arrays]
    both(TOPK.value_and_grad, *moved, labels, axis=axis, return_stats=True, temperature=3.0)
    both(TOPK, *moved, np.moveaxis(np.eye(K)[labels], -1, axis), axis=axis, weight=np.array([0.5, 0.0, 2.0]))


def test_batches_of_none_one_and_no_axes(rng: np.random.Generator) -> None:
    for shape in ((0,), (1,), ()):
        both(TOPK.value_and_grad, *batch(rng, shape), empty="zero")
    pred, indices, logs, labels = batch(rng)
    both(TOPK, pred, indices[:, :0], logs[:, :0], labels)


@pytest.mark.parametrize("dtype", ["f4", "f2"])
@pytest.mark.parametrize("kind", ["u1", "i4", "u8"])
def test_dtypes(dtype: str, kind: str, rng: np.random.Generator) -> None:
    pred, indices, logs, labels = batch(rng, dtype=dtype)
    both(TOPK.value_and_grad, pred, indices.astype(kind), logs.astype("f2"), labels.astype(kind))
    both(TOPK, rng.integers(-3, 3, (N, K)), indices, logs.astype("f4"), labels)


def test_many_classes(rng: np.random.Generator) -> None:
    """A whole block for each row, of whose threads some have several classes to write and to look at."""
    pred, labels = rng.normal(size=(3, 50)), rng.integers(0, 50, 3)
    indices = np.argsort(rng.random((3, 50)), axis=1)[:, :21]
    both(TOPK.value_and_grad, pred, indices, np.full((3, 21), -4.0), labels)


def wrong(rng: np.random.Generator, what: str) -> tuple[tuple[Any, ...], int, str]:
    """Arrays of which one row is wrong, which, and how the host says it."""
    pred, indices, logs, labels = batch(rng)
    if what == "label":
        labels[5] = K
        return (pred, indices, logs, labels), 5, r"target\[5\] is 8"
    if what == "twice":
        indices[3, 2] = indices[3, 0]
        return (pred, indices, logs, labels), 3, r"indices\[3\] name class \d more than once"
    indices[4, 1] = {"far": K, "very far": 2**40, "negative": -1}[what]
    return (pred, indices, logs, labels), 4, rf"indices\[4, 1\] is {indices[4, 1]}, but there are 8 classes"


@pytest.mark.parametrize("what", ["far", "very far", "negative", "twice", "label"])
def test_a_wrong_row_is_absent_and_found_at_once_or_later(
    what: str, gpu: Any, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topk, "CHUNK", 2 * K)
    given, row, message = wrong(rng, what)
    arrays, there = [to_gpu(x) for x in given], np.arange(N) != row
    out = Hosted(np.full((N, K), 7.0))
    with pytest.raises(ValueError, match=message):
        TOPK.value_and_grad(*arrays, out=out, check=True)
    assert_array_equal(out.array, 7.0)
    waits = gpu.waits
    for options in ({}, {"weight": np.arange(1.0, N + 1)}, {"reduction": "sum"}):
        value, grad = TOPK.value_and_grad(*arrays, **{k: to_gpu(v) for k, v in options.items()})
        rest = {k: v[there] if k == "weight" else v for k, v in options.items()}
        expected = TOPK.value_and_grad(*[x[there] for x in given], **rest)
        agree(value, expected[0])
        agree(grad[there], expected[1])
        assert_array_equal(grad.array[row], 0.0)
        assert gpu.waits == waits
        with pytest.raises(ValueError, match="topk_distillation: a label or an index of an earlier call"):
            fl.synchronize()


def test_a_logarithm_above_zero_is_outside_its_domain(rng: np.random.Generator) -> None:
    pred, indices, logs, labels = batch(rng)
    logs[2, 1] = 1e-300  # whose number rounds to 1
    given = [to_gpu(x) for x in (pred, indices, logs, labels)]
    with pytest.raises(ValueError, match=r"log_probabilities\[2, 1\] is 1e-300, expected a number of at most 0"):
        TOPK(*given, check=True)
    agree(TOPK(*given, check=False), TOPK(pred, indices, logs, labels, check=False))
    fl.synchronize()
    agree(TOPK(*given), TOPK(pred, indices, logs, labels, check=False))
    with pytest.raises(ValueError, match="topk_distillation: a label or an index of an earlier call"):
        fl.synchronize()


P, J, L, T = np.ones((4, K)), np.tile(np.arange(TOP), (4, 1)), np.full((4, TOP), -2.0), np.zeros(4, int)
WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: TOPK(Hosted(P), J, Hosted(L), Hosted(T)), TypeError, "indices is a numpy.ndarray, expected an array of hosted"),
    (lambda: TOPK(Hosted(P), Hosted(J), -2.0, Hosted(T)), TypeError, "log_probabilities is a float, expected an array of hosted"),
    (lambda: TOPK(Hosted(P), Hosted(L), Hosted(L), Hosted(T)), TypeError, "indices has dtype float64, expected integers"),
    (lambda: TOPK(Hosted(P), Hosted(J[:3]), Hosted(L), Hosted(T)), ValueError, r"indices has shape \(3, 3\), expected \(4, k\)"),
    (lambda: TOPK(Hosted(P), Hosted(J), Hosted(L[:, :2]), Hosted(T)), ValueError, r"log_probabilities has shape \(4, 2\)"),
    (lambda: TOPK(Hosted(P), Hosted(J), Hosted(L, 1), Hosted(T)), ValueError, "log_probabilities is on cuda:1"),
    (lambda: TOPK(Hosted(P), Hosted(J), Hosted(L), Hosted(T[:3])), ValueError, "target has shape"),
    (lambda: TOPK(Hosted(P), Hosted(J), Hosted(L), Hosted(T), axis=0), ValueError, r"expected integer labels of shape \(8,\)"),
    (lambda: TOPK(Hosted(P), Hosted(J), Hosted(L), Hosted(T), backend="serial"), ValueError, "None, 'cuda'"),
    (lambda: TOPK(Hosted(P), Hosted(J), Hosted(L), Hosted(T), temperature=0.0), ValueError, "temperature is 0, expected"),
    (lambda: TOPK.grad(Hosted(P), Hosted(J), Hosted(L), Hosted(T), out=Hosted(P[:2])), ValueError, "out has dtype"),
    (lambda: TOPK(Hosted(P), Hosted(J), Hosted(L), Hosted(T), out=Hosted(P[0])), ValueError, "out is for reduction='none'"),
    (lambda: TOPK(Hosted(P), Hosted(J), Hosted(L), Hosted(T), reduction="none", out=Hosted(L[:, 0])), ValueError, "out overlaps log_prob"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors(case: int, gpu: Any) -> None:
    raises(gpu, *WRONG[case])
