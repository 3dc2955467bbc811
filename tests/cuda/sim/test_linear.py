"""Cross-entropy of a linear layer on a pretended GPU, against the same on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hosted import Hosted, agree, both, raises, to_gpu
from numpy.testing import assert_array_equal

import fastloss as fl

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]
LINEAR = fl.linear_cross_entropy
D, K = 3, 6
OPTIONS: list[dict[str, Any]] = [
    {"reduction": "sum"},
    {"reduction": "none", "chunk": 4},
    {"label_smoothing": 0.1, "z_loss": 0.1, "chunk": 100},
    {"ignore_index": 2, "chunk": 2},
    {"ignore_index": 2, "weight": True, "class_weight": np.arange(K) / 3.0, "chunk": 3},
    {"normalizer": 3.0, "chunk": 5},
]


def layer(rng: np.random.Generator, batch: tuple[int, ...] = (7,), dtype: Any = "f8") -> tuple[Any, Any, Any, Any]:
    hidden, weight, bias = (rng.normal(size=s).astype(dtype) for s in ((*batch, D), (K, D), (K,)))
    return hidden, weight, rng.integers(0, K, batch), bias


@pytest.mark.parametrize("case", range(len(OPTIONS)))
def test_options(case: int, gpu: Any, rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng)
    options = dict(OPTIONS[case])
    if options.pop("weight", False):
        options["sample_weight"] = np.arange(7) % 3 / 2.0
        hidden[options["sample_weight"] == 0] = np.nan
    both(LINEAR.value_and_grad, hidden, weight, labels, bias=bias if case % 2 else None, **options)
    assert gpu.waits == 0


def test_the_value_alone_batches_and_dense_targets(rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng, (2, 3))
    both(LINEAR, hidden, weight, labels, bias=bias, chunk=4)
    both(LINEAR.grad, hidden, weight, np.eye(K)[labels], chunk=4)
    nothing = layer(rng, (0,))
    both(LINEAR.value_and_grad, *nothing[:3], empty="zero")


def test_half_precision_is_kept_and_adds_up_in_float32(rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng, (6,), "f2")
    found = LINEAR.value_and_grad(*map(to_gpu, (hidden, weight, labels)), bias=to_gpu(bias), chunk=2)
    value, grads = LINEAR.value_and_grad(hidden, weight, labels, bias=bias)
    agree(found[1], grads, 5e-3)  # logits and gradients of 11 bits, both rounded
    assert abs(found[0].array - value) < 5e-3 * value


def test_a_wrong_label_is_found_at_once_or_later(gpu: Any, rng: np.random.Generator) -> None:
    hidden, weight, labels, _ = layer(rng)
    labels[4] = K
    given = tuple(map(to_gpu, (hidden, weight, labels)))
    with pytest.raises(ValueError, match=r"labels\[4\] is 6, but there are 6 classes"):
        LINEAR.value_and_grad(*given, check=True)
    _, (dhidden, _) = LINEAR.value_and_grad(*given, reduction="sum")
    assert_array_equal(dhidden.array[4], 0.0)
    with pytest.raises(ValueError, match="linear_cross_entropy: a label or an index of an earlier call"):
        fl.synchronize()


def test_on_another_device_than_the_current_one(rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng)
    samples = np.arange(7) % 3 / 2.0
    there = [Hosted(x, 1) for x in (hidden, weight, labels)]
    found = LINEAR.value_and_grad(*there, bias=Hosted(bias, 1), sample_weight=Hosted(samples, 1), chunk=3)
    agree(found, LINEAR.value_and_grad(hidden, weight, labels, bias=bias, sample_weight=samples))


def test_layers_of_no_width(rng: np.random.Generator) -> None:
    labels, bias = np.array([0, 2, 1]), rng.normal(size=4)
    both(LINEAR.value_and_grad, np.zeros((3, 0)), np.zeros((4, 0)), labels, bias=bias, reduction="none")


def test_what_an_absent_row_reads_does_not_matter(rng: np.random.Generator) -> None:
    hidden, weight, labels, _ = layer(rng)
    labels[4], hidden[4] = K + 1, np.nan
    found = LINEAR.grad(*map(to_gpu, (hidden, weight, labels)), reduction="sum")
    present = np.arange(7) != 4
    agree(found[1], LINEAR.grad(hidden[present], weight, labels[present], reduction="sum")[1])
    with pytest.raises(ValueError, match="earlier call"):
        fl.synchronize()


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("chunk", [None, 3])
def test_what_a_row_of_no_worth_reads_does_not_matter(chunk: int | None, dense: bool, rng: np.random.Generator) -> None:
    hidden, weight, labels, bias = layer(rng)
    classes = np.where(np.arange(K) == labels[4], 0.0, 0.5)
    hidden[labels == labels[4]] = np.nan
    target = np.eye(K)[labels] if dense else labels
    for verb in (LINEAR.grad, LINEAR.value_and_grad):
        found = both(verb, hidden, weight, target, bias=bias, class_weight=classes, chunk=chunk)
    assert all(np.isfinite(g.array).all() for g in found[1])
    if dense:  # a row of no masses is there
        target[0] = 0.0
        both(LINEAR.grad, hidden, weight, target, class_weight=classes, reduction="sum")


X, W, L = np.ones((4, D)), np.ones((K, D)), np.zeros(4, int)
WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: LINEAR(Hosted(X), W, Hosted(L)), TypeError, "weight is a numpy.ndarray, expected an array of hosted"),
    (lambda: LINEAR(Hosted(X), Hosted(W[:, :2]), Hosted(L)), ValueError, r"expected \(..., d\) and \(K, d\)"),
    (lambda: LINEAR(Hosted(X), Hosted(W), Hosted(L), bias=Hosted(W[0])), ValueError, r"bias has shape \(3,\)"),
    (
        lambda: LINEAR(Hosted(X), Hosted(W), Hosted(L), bias=1.0),
        TypeError,
        "bias is a float, expected an array of hosted",
    ),
    (lambda: LINEAR(Hosted(X), Hosted(W), Hosted(L, 1)), ValueError, "labels is on cuda:1"),
    (lambda: LINEAR(Hosted(X), Hosted(W), Hosted(L[:3])), ValueError, "labels has shape"),
    (lambda: LINEAR(Hosted(X), Hosted(W), Hosted(L), chunk=0), ValueError, "chunk is 0, expected"),
    (lambda: LINEAR(Hosted(X), Hosted(W), Hosted(L), sample_weight=Hosted(X)), ValueError, "sample_weight"),
    (lambda: LINEAR(Hosted(X), Hosted(W), Hosted(L), backend="serial"), ValueError, "None, 'cuda'"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors(case: int, gpu: Any) -> None:
    raises(gpu, *WRONG[case])
