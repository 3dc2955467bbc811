"""Cross-entropy of a linear layer, chunk by chunk, against the layer and the loss one after the other."""

from __future__ import annotations

import tracemalloc
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from data import rest, some
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")

LINEAR = fl.linear_cross_entropy
N, D, K = 23, 5, 7
CHUNKS = [1, 7, N, None]
# Products and sums of a few dozen numbers of magnitude 1 in another order.
TOLERANCE = {"f8": 1e-13, "f4": 2e-5}


def layer(rng: np.random.Generator, dtype: Any = "f8", batch: tuple[int, ...] = (N,)) -> tuple[Any, Any, Any, Any]:
    """What is read, weights, labels, bias."""
    hidden, weight, bias = (rng.normal(size=s).astype(dtype) for s in ((*batch, D), (K, D), (K,)))
    return hidden, weight, rng.integers(0, K, batch), bias


def plain(
    hidden: Any, weight: Any, labels: Any, bias: Any = None, sample_weight: Any = None, **options: Any
) -> tuple[Any, list[Any]]:
    """All logits at once."""
    kind = np.float64 if hidden.dtype == np.float64 else np.float32
    rows, matrix = hidden.astype(kind).reshape(-1, hidden.shape[-1]), weight.astype(kind)
    logits = rows @ matrix.T + (0.0 if bias is None else bias.astype(kind))
    shape = (*hidden.shape[:-1], len(weight))
    value, grad = fl.cross_entropy.value_and_grad(logits.reshape(shape), labels, weight=sample_weight, **options)
    g = grad.reshape(-1, len(weight))
    return value, [(g @ matrix).reshape(hidden.shape), g.T @ rows, *([] if bias is None else [g.sum(axis=0)])]


def agree(found: Any, expected: Any, tolerance: float) -> None:
    (value, grads), (other, slopes) = found, expected
    assert_allclose(value, other, rtol=tolerance)
    for a, b in zip(grads, slopes, strict=True):
        assert a.shape == b.shape
        scale = np.abs(b).max()
        assert_allclose(a.astype("f8"), b.astype("f8"), rtol=tolerance, atol=tolerance * scale)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"reduction": "sum"},
    {"reduction": "none"},
    {"normalizer": 3.0},
    {"label_smoothing": 0.1},
    {"ignore_index": 2},
    {"class_weight": np.arange(K) / 3.0},
    {"sample_weight": np.arange(N) % 3 / 2.0},
    {
        "class_weight": np.arange(K) / 3.0,
        "ignore_index": 2,
        "label_smoothing": 0.3,
        "sample_weight": np.arange(N) % 3 / 2.0,
    },
    {
        "class_weight": np.arange(K) / 3.0,
        "ignore_index": 2,
        "reduction": "none",
        "sample_weight": np.arange(N) % 3 / 2.0,
    },
    {"z_loss": 0.1},
]


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(
    "options",
    [o if i in (0, 8) else rest(o, plain=True) for i, o in enumerate(OPTIONS)],
    ids=lambda o: "-".join(o) or "plain",
)
def test_every_keyword(options: dict[str, Any], with_bias: bool, chunk: int | None, rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng)
    more = {**options, "bias": bias if with_bias else None}
    expected = plain(hidden, weight, labels, **more)
    found = LINEAR.value_and_grad(hidden, weight, labels, chunk=chunk, **more)
    agree(found, expected, TOLERANCE["f8"])
    assert len(found[1]) == 2 + with_bias
    assert_allclose(LINEAR(hidden, weight, labels, chunk=chunk, **more), expected[0], rtol=TOLERANCE["f8"])
    for a, b in zip(LINEAR.grad(hidden, weight, labels, chunk=chunk, **more), found[1], strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("options", [{}, *(rest(options, plain=True) for options in ({"reduction": "none"}, {"label_smoothing": 0.2},
                                     {"class_weight": np.arange(K) / 3.0}, {"sample_weight": np.arange(N) % 3 / 2.0}))], ids=lambda o: "-".join(o) or "plain")  # fmt: skip
def test_dense_targets(options: dict[str, Any], chunk: int | None, rng: np.random.Generator) -> None:
    hidden, weight, _, bias = layer(rng)
    target = rng.dirichlet(np.ones(K), N)
    expected = plain(hidden, weight, target, bias, **options)
    agree(LINEAR.value_and_grad(hidden, weight, target, bias=bias, chunk=chunk, **options), expected, TOLERANCE["f8"])


@pytest.mark.full
@pytest.mark.parametrize(
    "options", [{"class_weight": np.eye(K)[0], "label_smoothing": 0.1, "empty": "zero"}], ids=lambda o: "-".join(o)
)
def test_weights_that_leave_nothing(options: dict[str, Any], rng: np.random.Generator) -> None:
    """The row loss's conventions hold: a sum of 0 is the mean of nothing."""
    hidden, weight, _, _ = layer(rng)
    hidden, labels = hidden[1:], np.ones(N - 1, int)
    agree(
        LINEAR.value_and_grad(hidden, weight, labels, chunk=4, **options),
        plain(hidden, weight, labels, **options),
        TOLERANCE["f8"],
    )


def test_float64_in_any_byte_order(rng: np.random.Generator) -> None:
    hidden, weight, labels, _ = layer(rng)
    found = LINEAR.value_and_grad(hidden.astype(">f8"), weight.astype(">f8"), labels)
    agree(found, plain(hidden, weight, labels), TOLERANCE["f8"])


@pytest.mark.full
@pytest.mark.parametrize("batch", [(1,), (4, 6), (2, 3, 4), (0,), (3, 0)], ids=str)
def test_batches(batch: tuple[int, ...], rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng, batch=batch)
    sample_weight = rng.random(batch)
    for target in (labels, np.eye(K)[labels]):
        value, grads = LINEAR.value_and_grad(hidden, weight, target, bias=bias, chunk=7, sample_weight=sample_weight)
        if labels.size:
            agree((value, grads), plain(hidden, weight, target, bias, sample_weight), TOLERANCE["f8"])
        else:
            assert np.isnan(value)
            assert LINEAR(hidden, weight, target, empty="zero") == 0.0
            with pytest.raises(ValueError, match="linear_cross_entropy: there is nothing to average"):
                LINEAR(hidden, weight, target, empty="raise")
            assert not any(g.any() for g in grads)
        assert [g.shape for g in grads] == [hidden.shape, weight.shape, bias.shape]
        each = LINEAR(hidden, weight, target, chunk=7, reduction="none")
        assert np.shape(each) == batch


def test_rows_that_are_absent(rng: np.random.Generator) -> None:
    hidden, weight, labels, _ = layer(rng)
    expected, slopes = plain(hidden[::2], weight, labels[::2])
    labels[1::2] = -100
    value, grads = LINEAR.value_and_grad(hidden, weight, labels, chunk=4, ignore_index=-100)
    assert_allclose(value, expected, rtol=TOLERANCE["f8"])
    assert_array_equal(grads[0][1::2], 0.0)
    agree((value, (grads[0][::2], grads[1])), (expected, slopes), TOLERANCE["f8"])
    odd = np.arange(N) % 2 == 1
    for unread in (np.nan, np.inf):
        read = hidden.copy()
        read[odd] = unread
        for keep in ({"ignore_index": -100}, {"sample_weight": np.where(odd, 0.0, 1.0)}):
            # Nobody is warned of what nobody reads.
            with np.errstate(all="raise"):
                agree(LINEAR.value_and_grad(read, weight, labels, chunk=4, **keep), (value, grads), TOLERANCE["f8"])
    for options in ({"ignore_index": -100}, {"sample_weight": np.zeros(N)}):
        value, grads = LINEAR.value_and_grad(hidden, weight, np.full(N, -100), **options)
        assert np.isnan(value)
        assert not any(g.any() for g in grads)
        assert LINEAR(hidden, weight, np.full(N, -100), empty="zero", **options) == 0.0


@pytest.mark.parametrize("dtype", some(["f2", ml_dtypes.bfloat16, "f4", "f8"], ["f2", "f8"]), ids=str)
def test_types(dtype: Any, rng: np.random.Generator) -> None:
    """Gradients in the inputs' types, each its own, computed in float32 at least."""
    hidden, weight, labels, bias = layer(rng, dtype)
    value, grads = LINEAR.value_and_grad(hidden, weight, labels, bias=bias, chunk=9)
    expected, slopes = plain(hidden, weight, labels, bias)
    assert value.dtype == expected.dtype
    assert all(g.dtype == hidden.dtype for g in grads)
    # One rounding to the input's type on top of float32's.
    rounding = TOLERANCE["f8" if dtype == "f8" else "f4"] + float(ml_dtypes.finfo(hidden.dtype).eps) / 2
    assert_allclose(value, expected, rtol=TOLERANCE["f4"])
    for a, b in zip(grads, slopes, strict=True):
        assert_allclose(a.astype("f8"), b.astype("f8"), rtol=2 * rounding, atol=rounding * np.abs(b).max())
    mixed = LINEAR.value_and_grad(hidden.astype("f4"), weight, labels, bias=bias)[1]
    assert [g.dtype for g in mixed] == [np.dtype("f4"), weight.dtype, bias.dtype]


@pytest.mark.full
def test_finite_differences(rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng, batch=(6,))
    options = {
        "chunk": 4,
        "label_smoothing": 0.1,
        "class_weight": np.arange(1, K + 1.0),
        "sample_weight": np.arange(6.0),
    }
    grads = LINEAR.grad(hidden, weight, labels, bias=bias, **options)
    step = 1e-6
    for x, grad in zip((hidden, weight, bias), grads, strict=True):
        slope = np.empty_like(x)
        for place in np.ndindex(x.shape):
            there = x[place]
            x[place] = there + step
            high = LINEAR(hidden, weight, labels, bias=bias, **options)
            x[place] = there - step
            slope[place] = (high - LINEAR(hidden, weight, labels, bias=bias, **options)) / (2 * step)
            x[place] = there
        # The step squared, and a rounding of the value over the step.
        assert_allclose(grad, slope, atol=1e-9)


def test_memory_of_all_kinds(rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng)
    expected = LINEAR.value_and_grad(hidden, weight, labels, bias=bias)
    frozen = hidden.copy()
    frozen.flags.writeable = False
    for h, w in ((np.asfortranarray(hidden), np.asfortranarray(weight)), (frozen, np.repeat(weight, 2, axis=1)[:, ::2]),
                 (hidden.astype(">f8"), weight), (hidden[::-1].copy()[::-1], weight.tolist())):  # fmt: skip
        agree(LINEAR.value_and_grad(h, w, labels, bias=bias), expected, TOLERANCE["f8"])
    agree(
        LINEAR.value_and_grad(hidden.tolist(), weight, labels.tolist(), bias=bias.tolist()), expected, TOLERANCE["f8"]
    )


@pytest.mark.full
@pytest.mark.compiled
@pytest.mark.parametrize("derive", [False, True])
def test_never_holds_all_logits(derive: bool, rng: np.random.Generator) -> None:
    n, d, k = 1024, 16, 1000
    hidden, weight = rng.normal(size=(n, d)).astype("f4"), rng.normal(size=(k, d)).astype("f4")
    labels = rng.integers(0, k, n)
    call = LINEAR.value_and_grad if derive else LINEAR
    call(hidden, weight, labels, chunk=64)

    def peak(run: Any) -> int:
        tracemalloc.start()
        run()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    logits, chunk, own = 4 * n * k, 4 * 64 * k, hidden.nbytes + weight.nbytes
    # A chunk, the gradients and a block of one of them, and labels and weights of rows.
    assert peak(lambda: call(hidden, weight, labels, chunk=64)) < 1.2 * chunk + 3 * own + 40 * n < logits / 4
    assert peak(lambda: plain(hidden, weight, labels, backend="serial")) > logits


def test_errors(rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng)
    wrong = labels.copy()
    wrong[20] = K
    calls: list[tuple[Any, str]] = [
        (lambda: LINEAR(hidden, weight.T, labels), r"hidden has shape \(23, 5\) and weight \(5, 7\), expected \(\.\.\., d\) and \(K, d\)"),
        (lambda: LINEAR(hidden, weight[0], labels), r"weight \(5,\), expected"),
        (lambda: LINEAR(1.0, weight, labels), r"hidden has shape \(\)"),
        (lambda: LINEAR(hidden, weight, labels[:5]), r"labels has shape \(5,\), expected integer labels of shape \(23,\), or an array of the shape of logits, \(23, 7\)"),
        (lambda: LINEAR(hidden, weight, labels[:, None]), r"labels has shape \(23, 1\), expected integer labels of shape \(23,\)"),
        (lambda: LINEAR(hidden, weight, labels, bias=bias[:2]), r"bias has shape \(2,\), expected \(7,\)"),
        (lambda: LINEAR(hidden.astype("c16"), weight, labels), "hidden has dtype complex128"),
        (lambda: LINEAR(hidden, weight, labels + 0.5), r"labels\[0\] is .*, expected a label, a whole number"),
        (lambda: LINEAR(hidden, weight, labels, chunk=0), "chunk is 0, expected a whole number of at least 1"),
        (lambda: LINEAR(hidden, weight, labels, chunk=2.0), r"chunk is 2\.0, expected a whole number"),
        (lambda: LINEAR(hidden, weight, wrong, chunk=4), r"labels\[20\] is 7, but there are 7 classes \(0 to 6\)"),
        (lambda: LINEAR(hidden, weight, wrong, chunk=4, reduction="sum"), r"\[20\] is 7, but there are 7 classes"),
        (lambda: LINEAR(hidden, weight, wrong, chunk=4, normalizer=2.0), r"\[20\] is 7, but there are 7 classes"),
        (lambda: LINEAR(hidden.reshape(1, N, D), weight, wrong.reshape(1, N)), r"labels\[0, 20\] is 7"),
        (lambda: LINEAR(hidden, weight, labels, sample_weight=np.ones(5)), r"linear_cross_entropy: shapes do not broadcast: the batch of logits \(23,\), sample_weight \(5,\)"),
        (lambda: LINEAR(hidden, weight, labels, sample_weight=np.ones((N, 1))), r"sample_weight has shape \(23, 1\): they differ by an axis of length 1"),
        (lambda: LINEAR(hidden.astype("g"), weight, labels), "hidden has dtype"),
        (lambda: LINEAR(np.ma.array(hidden), weight, labels), "hidden is a MaskedArray"),
        (lambda: LINEAR(hidden, weight, labels, class_weight=np.ones(3)), r"class_weight has shape \(3,\), expected \(7,\)"),
        (lambda: LINEAR(hidden, weight, labels, class_weight=-np.ones(K)), r"class_weight\[0\] is -1"),
        (lambda: LINEAR(hidden, weight, labels, reduction="avg"), "reduction is 'avg', expected 'mean', 'sum' or 'none'"),
        (lambda: LINEAR(hidden, weight, labels, normalizer=0.0), "normalizer is 0.0, expected a positive number"),
        (lambda: LINEAR(hidden, weight, labels, normalizer=2.0, reduction="sum"), "normalizer is given and reduction is .sum., expected .mean."),
        (lambda: LINEAR(hidden, weight, labels, empty="skip"), "empty is 'skip', expected 'nan', 'zero' or 'raise'"),
        (lambda: LINEAR(hidden, weight, labels, label_smoothing=2.0), "label_smoothing is 2.0, expected"),
        (lambda: LINEAR(hidden, weight, labels, temperature=2.0), "'temperature' is no argument"),
    ]  # fmt: skip
    for call, message in calls:
        with pytest.raises((ValueError, TypeError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
