"""A teacher of the likeliest classes against the same teacher spread out over all of them."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from data import rest, some, watched
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.fused import chunks, topk

pytestmark = pytest.mark.usefixtures("compiled_at_last")

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


@pytest.mark.parametrize("rows", some([1, 4, 100], [4]))
@pytest.mark.parametrize(
    "options",
    [*OPTIONS[:2], *(rest(options, plain=True) for options in OPTIONS[2:-1]), OPTIONS[-1]],
    ids=lambda o: "-".join(o) or "plain",
)
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
    before = pred.copy()
    again = TOPK.value_and_grad(before, indices, logs, labels, out=before, **options)
    assert again[1] is before
    assert_array_equal(again[0], found[0])
    assert_array_equal(again[1], found[1])


@pytest.mark.full
@pytest.mark.plain
@pytest.mark.parametrize("rows", [1, 4, 100])
def test_every_verb_and_where_it_writes(rows: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk, "CHUNK", rows * K)
    pred, indices, logs, labels, dense = batch(rng)
    loss, given = fl.distillation_from_probabilities, (pred, indices, logs, labels)
    close = {"rtol": 1e-12, "atol": 1e-14}
    for reduction in ("mean", "none"):
        expected = (
            loss(pred, dense, labels, reduction=reduction),
            *loss.grad_and_hess(pred, dense, labels, reduction=reduction),
        )
        assert_allclose(TOPK(*given, reduction=reduction), expected[0], **close)
        assert_allclose(TOPK.grad(*given, reduction=reduction), expected[1], **close)
        room = np.empty((2, *pred.shape))
        found = TOPK.grad_and_hess(*given, reduction=reduction, out=(room[0], room[1]))
        assert found[0].base is room and found[1].base is room
        for a, b in zip(TOPK.grad_and_hess(*given, reduction=reduction), found, strict=True):
            assert_array_equal(a, b)
        assert_allclose(room, expected[1:], **close)
    # Every other number of a larger array.
    out = np.zeros(2 * N)[::2]
    assert TOPK(*given, reduction="none", out=out) is out
    assert_allclose(out, expected[0], **close)


BATCH = (2, 3, 5)


def spaced(x: Any) -> Any:
    """The same numbers, every other one of a larger array: no constant step leads through them."""
    room = np.zeros([2 * n for n in x.shape], x.dtype)[tuple(slice(None, None, 2) for _ in x.shape)]
    room[...] = x
    return room


@pytest.mark.parametrize("rows", [1, 2, 7, 20, 100])
@pytest.mark.full
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes(axis: int, rows: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk, "CHUNK", rows * K)
    pred, indices, logs, labels, dense = batch(rng, BATCH)
    weight = rng.integers(0, 3, BATCH) / 2.0
    pred[weight == 0], indices[weight == 0] = np.nan, -1
    dense[weight == 0] = 0.0
    value, grad = fl.distillation_from_probabilities.value_and_grad(pred, dense, labels, weight=weight)
    for layout in (np.asarray, np.ascontiguousarray, spaced):
        given = [layout(np.moveaxis(x, -1, axis)) for x in (pred.copy(), indices, logs)]
        found = TOPK.value_and_grad(*given, layout(labels), axis=axis, weight=weight)
        assert_allclose(found[0], value, rtol=1e-12)
        assert_allclose(found[1], np.moveaxis(grad, -1, axis), rtol=1e-11, atol=1e-14)
        again = TOPK.value_and_grad(*given, layout(labels), axis=axis, weight=weight, out=given[0])
        assert again[1] is given[0]
        assert_array_equal(given[0], found[1])


@pytest.mark.full
@pytest.mark.plain
@pytest.mark.parametrize("axis", [0, -1])
def test_a_dense_target_has_its_classes_there_too(
    axis: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topk, "CHUNK", 2 * K)
    pred, indices, logs, _, dense = batch(rng)
    target = rng.dirichlet(np.ones(K), N)
    expected = fl.distillation_from_probabilities(pred, dense, target, reduction="none")
    moved = [np.moveaxis(x, -1, axis) for x in (pred, indices, logs, target)]
    assert_allclose(TOPK(*moved, axis=axis, reduction="none"), expected, rtol=1e-12)


@pytest.mark.full
@pytest.mark.plain
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("rows", [2, 100])
def test_statistics(rows: int, axis: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the softmax at temperature 1, whatever that of the loss."""
    monkeypatch.setattr(topk, "CHUNK", rows * K)
    pred, indices, logs, labels, _ = batch(rng)
    labels[3], there = -100, np.arange(N) != 3
    moved = [np.moveaxis(x, -1, axis) for x in (pred, indices, logs)]
    options: dict[str, Any] = {"axis": axis, "ignore_index": -100, "temperature": 3.0}
    value, grad, stats = TOPK.value_and_grad(*moved, labels, return_stats=True, **options)
    plain = TOPK.value_and_grad(*moved, labels, **options)
    assert_allclose(value, plain[0], rtol=1e-14)
    assert_allclose(grad, plain[1], rtol=1e-13)
    lse = np.log(np.exp(pred).sum(axis=1))
    p = np.exp(pred - lse[:, None])
    assert_allclose(stats.logsumexp, np.where(there, lse, np.nan), rtol=1e-13)
    assert_allclose(stats.entropy, np.where(there, -(p * np.log(p)).sum(axis=1), np.nan), rtol=1e-12)
    assert_array_equal(stats.argmax, np.where(there, pred.argmax(axis=1), -1))
    assert_array_equal(stats.correct, there & (pred.argmax(axis=1) == labels))
    one = TOPK(pred[0], indices[0], logs[0], labels[0], return_stats=True)[1]
    assert_array_equal([one.argmax, one.correct], [pred[0].argmax(), pred[0].argmax() == labels[0]])
    masses = TOPK(pred, indices, logs, np.eye(K)[labels % K], return_stats=True)[1]
    assert masses.correct is None
    assert_allclose(masses.logsumexp, lse, rtol=1e-13)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (7,), (3, 5), (2, 3, 4), (4, 1, 3), (3, 0, 2)], ids=str)
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6, 13, 1000])
def test_parts_are_all_rows_once(shape: tuple[int, ...], rows: int) -> None:
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    found = [numbers[part] for part in chunks._parts(shape, rows)]
    assert all(0 < x.size <= rows for x in found)
    assert_array_equal(np.concatenate([x.ravel() for x in found] or [[]]), numbers.ravel())


@pytest.mark.full
@pytest.mark.plain
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
    logs[0] = 1e300  # infinite in float32, and so is its exponential: nobody is warned of what nobody reads
    assert np.isfinite(TOPK(pred.astype("f4"), indices, logs, labels, ignore_index=-100))


def test_integers_lists_and_no_class_at_all(rng: np.random.Generator) -> None:
    _, indices, logs, labels, _ = batch(rng)
    whole = rng.integers(-3, 3, (N, K))
    for pred in (whole, whole.tolist()):
        assert_array_equal(TOPK.grad(pred, indices, logs, labels), TOPK.grad(whole.astype("f8"), indices, logs, labels))
    none = TOPK(whole, indices[:, :0], logs[:, :0], labels, alpha=1.0)
    assert_allclose(none, fl.cross_entropy(whole, labels), rtol=1e-14)
    assert np.isnan(TOPK(whole, indices, np.where(indices >= 0, np.nan, 0.0), labels))


@pytest.mark.compiled
@pytest.mark.parametrize("axis", [0, -1])
def test_never_holds_the_teacher(axis: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a slice of another array, whose rows are no single run of memory, and whose teacher has many classes."""
    monkeypatch.setattr(topk, "CHUNK", 1 << 14)
    n, classes, top = 2_000, 1_000, 100
    pred = np.moveaxis(rng.normal(size=(2, n // 2 + 1, classes)).astype("f4")[:, :-1], -1, axis)
    indices = np.moveaxis(np.broadcast_to(np.arange(top, dtype=np.int16), (2, n // 2, top)), -1, axis)
    logs = np.broadcast_to(np.float32(-5.0), indices.shape)
    labels = rng.integers(0, classes, (2, n // 2))
    TOPK.value_and_grad(pred, indices, logs, labels, axis=axis, out=pred)  # compiled
    tracemalloc.start()
    TOPK.value_and_grad(pred, indices, logs, labels, axis=axis, out=pred)
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
        (lambda: TOPK(pred, indices, logs, labels, temperature=0.0), "temperature is 0, expected"),
        (lambda: TOPK.grad(pred, far, logs, labels, out=pred), "indices"),
        (lambda: TOPK.grad(pred, indices, logs, labels + K, out=pred), "but there are 7 classes"),
        (lambda: TOPK(pred.T, far.T, logs.T, labels, axis=0), rf"indices\[1, 4\] is {K}, but there are {K} classes"),
        (lambda: TOPK(pred.T, twice.T, logs.T, labels, axis=0), rf"indices\[5\] name class {twice[5, 0]} more than once"),
        (lambda: TOPK(pred.T, indices.T, positive.T, labels, axis=0), r"log_probabilities\[0, 6\] is 0\.5"),
        (lambda: TOPK(pred.T, indices, logs.T, labels, axis=0), r"indices has shape \(11, 3\), expected \(k, 11\)"),
        (lambda: TOPK(pred, indices, logs, labels, axis=2), r"axis is 2, expected one of pred, of shape \(11, 7\)"),
        (lambda: TOPK.grad(pred, indices, pred[:, :TOP], labels, out=pred, check=False), "out overlaps log_probabilities"),
        (lambda: TOPK(pred, indices, logs, labels, reduction="none", out=logs[:, 0]), "out overlaps log_probabilities"),
        (lambda: TOPK(pred, indices, logs, labels, out=pred[:, 0]), "out is for reduction='none'"),
        (lambda: TOPK.grad_and_hess(pred, indices, logs, labels, out=pred), "out is a numpy.ndarray, expected a tuple of 2 arrays"),
        (lambda: TOPK.grad_and_hess(pred, indices, logs, labels, out=(pred, pred)), "the arrays of out overlap each other"),
        (lambda: TOPK.grad(pred, indices, positive, labels, out=pred), "log_probabilities"),
        (lambda: TOPK.grad(pred[:0], indices[:0], logs[:0], labels[:0], empty="raise"), "there is nothing to average"),
        (lambda: TOPK(pred, indices, logs, labels, backend="cuda"), "backend is 'cuda', expected None, 'serial' or 'parallel'"),
        (lambda: TOPK(pred, indices, logs, labels, delta=1.0), "topk_distillation: 'delta' is no argument"),
        (lambda: TOPK.grad(pred, indices, logs, labels, out=pred[0]), "topk_distillation: out has dtype"),
        (lambda: TOPK(pred, indices, tensor, labels), r"log_probabilities is a torch\.Tensor"),
    ):  # fmt: skip
        before = pred.copy()
        with pytest.raises((ValueError, TypeError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        assert_array_equal(pred, before)
    assert pickle.loads(pickle.dumps(TOPK)).name == TOPK.name
    assert pickle.loads(pickle.dumps(fl.linear_cross_entropy)).name == "linear_cross_entropy"


def test_short_way_and_long_way_agree(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call of a kind goes the short way, to the same bits; what is wrong is found, and nothing written."""
    short = watched(topk, "_shortly", monkeypatch)
    pred, indices, logs, labels, _ = batch(rng)
    loss = topk.TopKDistillation()
    found = []
    for _ in range(2):
        out = np.empty_like(pred)
        value, grad = loss.value_and_grad(pred, indices, logs, labels, out=out)
        assert grad is out
        found.append((value.tobytes(), grad.tobytes()))
    assert short == [False, True]
    assert found[0] == found[1]
    wrong = [x.copy() for x in (indices, indices, indices, logs, labels)]
    wrong[0][3, 1], wrong[1][3, 1], wrong[2][3, 1] = -1, K, indices[3, 0]
    wrong[3][3, 1], wrong[4][3] = 0.5, K
    texts = [r"indices\[3, 1\] is -1", r"indices\[3, 1\] is 7", r"indices\[3\] name class", r"probabilities\[3, 1\]"]
    for k, text in enumerate([*texts, r"target\[3\] is 7"]):
        given = [wrong[k] if place == max(k - 2, 0) else x for place, x in enumerate((indices, logs, labels))]
        out = np.ones_like(pred)
        with pytest.raises(ValueError, match=text):
            loss.value_and_grad(pred, *given, out=out)
        assert (out == 1).all()


def test_a_number_is_no_array_of_indices(rng: np.random.Generator) -> None:
    pred, indices, logs, label, _ = batch(rng, ())
    loss = topk.TopKDistillation()
    for _ in range(2):  # the second would go the short way
        with pytest.raises(ValueError, match=r"indices has shape \(\), expected \(k\)"):
            loss(pred, indices[0], logs[0], label)
        with pytest.raises(ValueError, match=r"indices has shape \(\), expected \(k\)"):
            loss(pred, np.array(indices[0]), np.array(logs[0]), np.array(label))
        loss(pred, indices, logs, np.array(label))
