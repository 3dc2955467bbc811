"""Losses reduced over some axes, and labels stored as floats, on a pretended GPU: as on the host, and nobody waits."""

from __future__ import annotations

from typing import Any

import hosted
import ml_dtypes
import numpy as np
import pytest
from hosted import Hosted, agree, both, raises, to_gpu
from numpy.testing import assert_array_equal

import fastloss as fl

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]
X = np.array([[1.0, 2.0, 3.0], [0.0, 0.5, -1.0]])
Y = np.array([[0.0, 2.5, 1.0], [1.0, 0.5, 0.0]])
W = np.array([[1.0, 0.0, 3.0], [0.5, 0.5, 1.0]])
BARE = np.array([[1.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
"""Weights of which the second sample has none."""

# -- a number for each sample ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, W, W[0], W[:, :1], 2, 2e300 * W, 1e-300 * W],
                         ids=["none", "full", "row", "column", "number", "large", "small"])  # fmt: skip
def test_a_mean_of_each_sample(weight: Any, gpu: Any) -> None:
    both(fl.huber.value_and_grad, X, Y, weight=weight, axis=-1)
    both(fl.huber, X.astype("f4"), Y.astype("f4"), weight=weight, axis=1)
    assert gpu.waits == 0
    assert {place[1:] for place in gpu.launches} == {(0, 7)}


def test_all_verbs_types_and_axes(gpu: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 3, 4)).astype("f4")
    for verb in (fl.huber, fl.huber.grad, fl.huber.grad_and_hess):
        both(verb, x, 0.5, weight=x[0] ** 2, axis=(0, -1))
    both(fl.huber.value_and_grad, x, x[::-1], axis=1, reduction="sum", weight=2.0)
    both(fl.huber.value_and_grad, x, x[::-1], axis=1, normalizer=3.0)
    both(fl.huber, x, x[::-1], axis=())
    both(fl.mse.value_and_grad, x.astype(ml_dtypes.bfloat16), 0.0, axis=(0, 1, 2), weight=x.astype("f2") ** 2)
    both(fl.mse.value_and_grad, np.arange(6).reshape(2, 3), 0, axis=0)
    both(fl.mse.value_and_grad, X[0], X, axis=0)  # pred is broadcast
    both(fl.gaussian_nll.value_and_grad, X, Y, np.ones((1, 3)), axis=0)
    assert gpu.waits == 0


def test_labels_to_ignore() -> None:
    labels = np.array([[1, 0, -100], [-100, -100, -100]])
    both(fl.bce_with_logits.value_and_grad, X, labels, ignore_index=-100, axis=1)
    both(fl.bce_with_logits, X, labels, ignore_index=-100, axis=1, weight=W, empty="zero")


def test_arrays_of_another_device() -> None:
    found = fl.huber.value_and_grad(Hosted(X, 1), Hosted(Y, 1), weight=Hosted(W, 1), axis=0)
    assert [x.device for x in found] == [1, 1]
    agree(found, fl.huber.value_and_grad(X, Y, weight=W, axis=0))


@pytest.mark.parametrize("shape", [(2, 0), (0, 2), (0, 0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_samples_without_elements(shape: Any, weighted: bool) -> None:
    nothing = np.ones(shape)
    both(fl.huber.value_and_grad, nothing, nothing, axis=1, weight=nothing if weighted else None)


def test_samples_without_weights(gpu: Any) -> None:
    target = np.where(BARE > 0, Y, np.nan)
    both(fl.huber.value_and_grad, X, target, weight=BARE, axis=1)
    both(fl.huber.value_and_grad, X, target, weight=BARE, axis=1, empty="zero")
    both(fl.huber, X, Y, weight=W, axis=1, empty="raise")
    out = X.copy()
    gpu.launches.clear()
    raises(gpu, lambda: fl.huber.grad(Hosted(out), Hosted(Y), weight=Hosted(BARE), axis=1, empty="raise",
                                      out=Hosted(out)), ValueError, "nothing to average")  # fmt: skip
    assert_array_equal(out, X)
    nothing = Hosted(np.ones((2, 0)))
    raises(gpu, lambda: fl.huber(nothing, nothing, axis=1, empty="raise"), ValueError, "nothing to average")


def test_shares_beyond_the_type() -> None:
    pred, target = np.ones((2, 3), "f4"), np.zeros((2, 3), "f4")
    pred[0, 0] = np.nan
    both(fl.absolute_error, pred, target, axis=1, weight=np.array([1e-30, 1e30, 1.0]))


def test_outputs() -> None:
    pred, value = Hosted(X.copy()), Hosted(np.empty(2))
    assert fl.huber.grad(pred, Hosted(Y), axis=1, out=pred) is pred
    agree(pred, fl.huber.grad(X, Y, axis=1))
    assert fl.huber(Hosted(X), Hosted(Y), axis=1, out=value) is value
    agree(value, fl.huber(X, Y, axis=1))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("bad", [-1.0, np.inf])
def test_weights_that_are_none(bad: float, reduction: str) -> None:
    """Also where all of a sample are negative, whose shares are not."""
    weight = np.array([[1.0], [bad]])
    given = [Hosted(X), Hosted(Y)]
    with pytest.raises(ValueError, match=rf"huber: weight\[1, 0\] is {bad}, expected a finite number of at least 0"):
        fl.huber(*given, weight=Hosted(weight), axis=1, reduction=reduction, check=True)
    fl.huber(*given, weight=Hosted(weight), axis=1, reduction=reduction, check=False)
    fl.synchronize()
    fl.huber(*given, weight=Hosted(weight), axis=1, reduction=reduction)
    with pytest.raises(ValueError, match="huber: a label or an index of an earlier call"):
        fl.synchronize()


def test_check_looks_at_once_and_says_where() -> None:
    target, out = Hosted(np.array([[0.0, 1.0], [2.0, 0.0]])), Hosted(np.full((2, 2), 5.0))
    with pytest.raises(ValueError, match=r"target\[1, 0\] is 2.0, expected"):
        fl.bce_with_logits.grad(Hosted(np.ones((2, 2))), target, axis=1, check=True, out=out)
    assert_array_equal(out.array, 5.0)


HUBER = (Hosted(X), Hosted(Y))
WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: fl.huber(*HUBER, axis=2), ValueError, "huber: axis is 2, expected axes of 2 dimensions"),
    (lambda: fl.huber(*HUBER, axis="rows"), TypeError, "huber: axis is 'rows', expected a whole number, several"),
    (lambda: fl.huber(*HUBER, axis=0, reduction="none"), ValueError, "axis is 0 and reduction is 'none'"),
    (lambda: fl.huber(*HUBER, axis=0, backend="serial"), ValueError, "expected None, 'cuda' for arrays on a GPU"),
    (lambda: fl.rmse(*HUBER, axis=0), ValueError, "axis is 0, expected None; the loss is the root of one mean"),
    (lambda: fl.huber(1.0, Hosted(Y), axis=0), TypeError, "huber: pred is a float, expected an array of hosted on a GPU"),
    (lambda: fl.huber(Hosted(X), Y, axis=0), TypeError, "huber: target is a numpy.ndarray, expected an array of hosted"),
    (lambda: fl.huber(*HUBER, axis=0, weight=Hosted(np.ones(2))), ValueError, "huber: shapes do not broadcast"),
    (lambda: fl.huber(*HUBER, axis=1, out=Hosted(np.ones(3))), ValueError, r"out has .*shape \(3,\).*expected .*\(2,\)"),
    (lambda: fl.huber(*HUBER, axis=1, out=np.ones(2)), TypeError, "out is a numpy.ndarray, expected an array of hosted"),
    (lambda: fl.huber(Hosted(X), h := Hosted(Y), axis=1, out=h[:, 0]), ValueError, "huber: out overlaps target"),
    (lambda: fl.huber.grad(*HUBER, weight=(w := Hosted(W)), axis=1, out=w), ValueError, "huber: out overlaps weight"),
    (lambda: fl.bce_with_logits.grad(*HUBER, weight=(w := Hosted(W)), ignore_index=-1, out=w), ValueError, "overlaps weight"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors(case: int, gpu: Any) -> None:
    hosted.memory.extend([X, Y, W])
    raises(gpu, *WRONG[case])


def test_arrays_without_arithmetic(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "ADDS", False)
    raises(gpu, lambda: fl.huber(*HUBER, axis=0), NotImplementedError,
           r"huber: axis is 0, expected None for arrays of hosted.*; pass cupy.asarray\(pred\) and so on")  # fmt: skip
    raises(gpu, lambda: fl.cross_entropy(Hosted(X), Hosted(np.array([0.0, 1.0]))), TypeError,
           "target has dtype float64, expected integer labels; whole floats are labels where their lib")  # fmt: skip


# -- labels that are stored as floats ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "bf16"])
def test_whole_floats_are_labels(kind: str, gpu: Any) -> None:
    labels = np.array([2, 0]).astype(ml_dtypes.bfloat16 if kind == "bf16" else kind)
    both(fl.cross_entropy.value_and_grad, X, labels)
    both(fl.cross_entropy.value_and_grad, X, -labels, ignore_index=-2, weight=np.ones(2))
    assert gpu.waits == 0
    fl.synchronize()


def test_whole_floats_of_the_other_kinds_of_rows() -> None:
    labels = np.array([2.0, 0.0])
    for given in (labels, labels.astype("i8")):
        both(fl.linear_cross_entropy.value_and_grad, X, np.eye(3), given, ignore_index=0)
        both(fl.topk_distillation.grad, X, np.array([[0], [1]]), np.log([[0.5], [0.25]]), given)
    stats = fl.cross_entropy(Hosted(X), Hosted(labels), return_stats=True)[1]
    assert_array_equal(stats.correct.array, [True, False])


@pytest.mark.parametrize("wrong", [1.5, np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("ignore", [None, -1])
def test_floats_that_are_no_labels(wrong: float, ignore: int | None) -> None:
    labels = np.array([2.0, wrong])
    given = (Hosted(X), Hosted(labels))
    with pytest.raises(ValueError, match=r"cross_entropy: target\[1\] is ") as expected:
        fl.cross_entropy(X, labels, ignore_index=ignore)
    with pytest.raises(ValueError, match=r"cross_entropy: target\[1\] is ") as found:
        fl.cross_entropy(*given, ignore_index=ignore, check=True)
    assert str(found.value) == str(expected.value)
    fl.cross_entropy(*given, ignore_index=ignore, reduction="sum")
    with pytest.raises(ValueError, match="cross_entropy: a label or an index of an earlier call"):
        fl.synchronize()
    if wrong != 1e300:  # which no row of the host's is absent with
        both(fl.cross_entropy.value_and_grad, X, labels, ignore_index=ignore, weight=np.array([1.0, 0.0]))
        fl.synchronize()


def test_float_labels_on_another_device() -> None:
    found = fl.cross_entropy(Hosted(X, 1), Hosted(np.array([2.0, 0.0]), 1))
    agree(found, fl.cross_entropy(X, np.array([2, 0])))
    assert to_gpu(found).device == 1
