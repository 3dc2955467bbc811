"""The verbs on arrays of a pretended GPU, its kernels in the simulator, against the same calls on the host."""

from __future__ import annotations

import itertools
from typing import Any

import hosted
import ml_dtypes
import numpy as np
import pytest
from hosted import Hosted, agree, both, raises, row_data, sampled, to_gpu
from numpy.testing import assert_array_equal

import fastloss as fl
from fastloss.kernels.cuda.plan import rows as rowplan

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]
POINTWISE = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.Loss)]
ROWWISE = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.RowLoss)]


@pytest.mark.parametrize("loss", POINTWISE, ids=lambda x: x.name)
def test_every_pointwise_loss(loss: Any, gpu: Any, rng: np.random.Generator) -> None:
    data = sampled(loss, (70,), "f4", rng)
    both(loss.value_and_grad, *data)
    if loss.order == 2:
        both(loss.grad_and_hess, *data)
    assert gpu.waits == 0
    assert {place[1:] for place in gpu.launches} == {(0, 7)}


@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "bf16"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_reductions_weights_and_dtypes(kind: str, reduction: str, weighted: bool, rng: np.random.Generator) -> None:
    dtype = ml_dtypes.bfloat16 if kind == "bf16" else kind
    x, y = rng.normal(size=(7, 11)).astype(dtype), rng.normal(size=(7, 11)).astype(dtype)
    weight = rng.integers(0, 3, (7, 11)).astype("f4") if weighted else None
    if weight is not None:
        x[weight == 0] = np.nan
    both(fl.huber.value_and_grad, x, y, weight=weight, reduction=reduction, delta=0.7)
    if kind == "f4":
        for verb in (fl.huber, fl.huber.grad, fl.huber.grad_and_hess):
            both(verb, x, y, weight=weight, reduction=reduction, delta=0.7)


def test_labels_to_ignore(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(7, 11)).astype("f4"), rng.integers(0, 2, (7, 11)).astype("i1")
    y[rng.random(y.shape) < 0.3] = -100
    x[y == -100] = np.nan
    for weight in (None, 2.0, rng.random((7, 11)).astype("f4")):
        both(fl.bce_with_logits.value_and_grad, x, y, weight=weight, ignore_index=-100)
        both(fl.bce_with_logits.value_and_grad, x, y.astype("f4"), weight=weight, ignore_index=-100)
    both(fl.bce_with_logits.value_and_grad, np.float32([1.0, 2.0]), 1.0, ignore_index=1, empty="zero")
    for out in (lambda w: w, lambda w: (Hosted(np.empty_like(x)), w)):
        verb = fl.bce_with_logits.grad_and_hess if isinstance(out(0), tuple) else fl.bce_with_logits.grad
        weight = Hosted(rng.random((7, 11)).astype("f4"))
        with pytest.raises(ValueError, match="out overlaps weight; nothing may be written over it"):
            verb(to_gpu(x), to_gpu(y), weight=weight, ignore_index=-100, out=out(weight))
    y[0, 0] = 7
    with pytest.raises(ValueError, match=r"target\[0, 0\] is 7"):
        fl.bce_with_logits(to_gpu(x), to_gpu(y), ignore_index=-100, check=True)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", [1e30, 1.0, 1e-30])
def test_roots_of_means_beyond_float32(size: float, weighted: bool, rng: np.random.Generator) -> None:
    """Tiles whose sums are lost beside such as are not; and of exact predictions."""
    x = rng.normal(size=150).astype("f4")
    y = np.zeros_like(x)
    x[:70] *= np.float32(size)
    options = {"weight": rng.random(150) * 1e-60} if weighted else {}
    found = both(fl.rmse.value_and_grad, x, y, **options)
    assert 0.0 < found[0].array < np.inf
    both(fl.rmse.value_and_grad, x[:70], y[:70], **{k: v[:70] for k, v in options.items()})
    both(fl.rmse.value_and_grad, y, y, **options)
    if not weighted:
        both(fl.rmsle, np.abs(x[:70]), y[:70])
        both(fl.rmse, x[:70].astype(ml_dtypes.bfloat16), y[:70])


def test_class_weights_without_labels(rng: np.random.Generator) -> None:
    z, t, weight = rng.normal(size=(5, 40)), rng.integers(0, 2, (5, 40)).astype("f8"), rng.random(5)
    classes = rng.integers(0, 3, 40).astype("f8")
    for keywords in ({}, {"weight": weight}, {"reduction": "none"}):
        both(fl.multilabel_soft_margin.value_and_grad, z, t, class_weight=classes, **keywords)


def test_masses_of_several_classes(rng: np.random.Generator) -> None:
    """Of a loss that has functions of its own for them."""
    z, labels = rng.normal(size=(5, 7)), rng.integers(0, 7, 5)
    both(fl.multiclass_focal.value_and_grad, z, labels, label_smoothing=0.1)
    both(fl.multiclass_focal.grad_and_hess, z, rng.random((5, 7)))


def test_broadcasting(rng: np.random.Generator) -> None:
    x, y, row = rng.normal(size=(5, 8)), rng.normal(size=(5, 8)), rng.normal(size=8)
    both(fl.mse.value_and_grad, x, row)
    both(fl.mse.value_and_grad, row, x)  # pred is broadcast: its gradient is a sum
    both(fl.mse.value_and_grad, row.astype("f2"), x.astype("f2"))
    both(fl.mse.value_and_grad, x, 0.5)
    both(fl.mse.value_and_grad, x.astype("f4"), y.astype("f4"), weight=2.0)
    both(fl.mse.value_and_grad, x, y, weight=rng.random(8))
    both(fl.mse.value_and_grad, x.T, y.T)
    both(fl.mse.value_and_grad, x[::2, 1:], y[::2, 1:])
    both(fl.mse.value_and_grad, x[:, 1:].astype("f4"), y[:, 1:])
    both(fl.mse.value_and_grad, np.arange(6), np.arange(6)[::-1])


@pytest.mark.parametrize("empty", ["nan", "zero"])
def test_the_mean_of_nothing(empty: str) -> None:
    nothing, x = np.empty((0, 3)), np.array([1.0, np.nan])
    both(fl.mse.value_and_grad, nothing, nothing, empty=empty)
    both(fl.mse.value_and_grad, nothing, nothing, reduction="sum")
    both(fl.mse.value_and_grad, x, x, weight=np.zeros(2), empty=empty)
    both(fl.rmse.value_and_grad, x, x, weight=np.zeros(2), empty=empty)
    both(fl.cross_entropy.value_and_grad, np.ones((2, 3)), np.array([-1, -1]), ignore_index=-1, empty=empty)
    both(fl.cross_entropy.value_and_grad, nothing, np.empty(0, int), empty=empty)


def test_the_mean_of_nothing_raises_when_asked_to(gpu: Any) -> None:
    x = np.array([1.0, 2.0])
    both(fl.mse, x, x, weight=x, empty="raise")
    with pytest.raises(ValueError, match="nothing to average"):
        fl.mse(Hosted(x), Hosted(x), weight=Hosted(np.zeros(2)), empty="raise")
    with pytest.raises(ValueError, match="nothing to average"):
        fl.cross_entropy(Hosted(np.ones((2, 3))), Hosted(np.array([-1, -1])), ignore_index=-1, empty="raise")


def test_out_and_in_place(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(4, 9)).astype("f4"), rng.normal(size=(4, 9)).astype("f4")
    value, grad = fl.huber.value_and_grad(x, y)
    g = Hosted(np.full_like(x, np.nan))
    got = fl.huber.value_and_grad(Hosted(x), Hosted(y), out=g)
    assert got[1] is g
    agree(got, (value, grad))
    strided = Hosted(np.full((9, 4), np.nan, "f4").T)
    assert fl.huber.grad(Hosted(x), Hosted(y), out=strided) is strided
    agree(strided, grad)
    over = Hosted(x.copy())
    assert fl.huber.grad(over, Hosted(y), out=over) is over
    agree(over, grad)
    pair = Hosted(np.empty_like(x)), Hosted(np.empty_like(x))
    assert fl.huber.grad_and_hess(Hosted(x), Hosted(y), out=pair) == pair
    agree(pair, fl.huber.grad_and_hess(x, y))
    each = Hosted(np.empty_like(x))
    assert fl.huber(Hosted(x), Hosted(y), reduction="none", out=each) is each
    agree(each, fl.huber(x, y, reduction="none"))


@pytest.mark.parametrize("loss", ROWWISE, ids=lambda x: x.name)
def test_every_loss_of_rows(loss: Any, gpu: Any, rng: np.random.Generator) -> None:
    data = row_data(loss, 12, "f4", rng)
    both(loss.value_and_grad, *data)
    if loss.order == 2:
        both(loss.grad_and_hess, *data, reduction="none")
    assert gpu.waits == 0


@pytest.mark.parametrize(("kind", "reduction"), [("f4", "mean"), ("f8", "sum"), ("f2", "none"), ("bf16", "mean")])
@pytest.mark.parametrize("dense", [False, True])
def test_ports_of_rows(kind: str, dense: bool, reduction: str, rng: np.random.Generator) -> None:
    dtype = ml_dtypes.bfloat16 if kind == "bf16" else kind
    x, labels = rng.normal(size=(2, 3, 8)).astype(dtype), rng.integers(0, 8, (2, 3))
    target = rng.dirichlet(np.ones(8), (2, 3)).astype(dtype) if dense else labels
    weight = rng.random((2, 3)).astype("f4")
    weight[1, 1] = 0.0
    x[1, 1] = np.nan
    options: dict[str, Any] = {"weight": weight, "class_weight": rng.random(8), "label_smoothing": 0.1}
    if not dense:
        labels[0, 2] = -7
        options["ignore_index"] = -7
    both(fl.cross_entropy.value_and_grad, x, target, reduction=reduction, **options)
    if kind == "f4":
        both(fl.cross_entropy, x[0, :2], target[0, :2], weight=0.5)
        both(fl.cross_entropy.value_and_grad, x, target, normalizer=3.0, **options)


def test_rows_of_many_lengths_share_kernels(
    gpu: Any, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """The first of them have kernels of their own, which they keep."""
    found, run = [], gpu.run

    def counted(plan: Any, *rest: Any) -> Any:
        if isinstance(plan, rowplan.CudaRowPlan):
            found.append(plan.exact)
        return run(plan, *rest)

    monkeypatch.setattr(gpu, "run", counted)
    monkeypatch.setattr(rowplan, "OWN", 2)
    for k, n in ((3, 4), (5, 4), (6, 4), (7, 4), (5, 9), (7, 9), (3, 9)):
        both(fl.cross_entropy.value_and_grad, rng.normal(size=(n, k)).astype("f4"), rng.integers(0, k, n))
    assert found == [3, 5, 0, 0, 5, 0, 3]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes(axis: int, rng: np.random.Generator) -> None:
    x = np.moveaxis(rng.normal(size=(3, 4, 6)), -1, axis)
    labels = rng.integers(0, 6, (3, 4))
    both(fl.cross_entropy.value_and_grad, x, labels, axis=axis)
    both(fl.cross_entropy.value_and_grad, x, np.abs(x), axis=axis, weight=rng.random((3, 4)))
    out = Hosted(np.empty_like(x))
    assert fl.cross_entropy.grad(Hosted(x), Hosted(labels), axis=axis, out=out) is out
    agree(out, fl.cross_entropy.grad(x, labels, axis=axis))
    over = Hosted(x.copy())
    assert fl.cross_entropy.grad(over, Hosted(labels), axis=axis, out=over) is over
    agree(over, fl.cross_entropy.grad(x, labels, axis=axis))


def test_statistics(rng: np.random.Generator) -> None:
    x, labels = rng.normal(size=(6, 5)).astype("f4"), rng.integers(0, 5, 6)
    found = fl.cross_entropy(Hosted(x), Hosted(labels), return_stats=True)
    expected = fl.cross_entropy(x, labels, return_stats=True)
    agree(tuple(found[1][:3]), tuple(expected[1][:3]))
    assert_array_equal(found[1].correct.array, expected[1].correct)


def test_functions(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 7)).astype("f4")
    for function in (fl.softmax, fl.log_softmax, fl.logsumexp, fl.sparsemax):
        both(function, x, temperature=2.0)


def test_many_rows_are_added_up_in_tiles(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    from fastloss.arrays.gpu import rows

    monkeypatch.setattr(rows, "DIRECT", 100)
    x, labels = rng.normal(size=(150, 4)).astype("f4"), rng.integers(0, 4, 150)
    both(fl.cross_entropy, x, labels)


# -- what is wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["", "out", "weight"])
def test_check_looks_at_once_and_says_where(given: str, gpu: Any) -> None:
    x, labels = np.ones((4, 3)), np.array([0, 1, 3, 2])
    options = {"weight": np.ones(4)} if given == "weight" else {}
    out = Hosted(np.full((4, 3), 5.0)) if given == "out" else None
    with pytest.raises(ValueError, match=r"target\[2\] is 3, but there are 3 classes \(0 to 2\)"):
        fl.cross_entropy.grad(
            Hosted(x), Hosted(labels), check=True, out=out, **{k: to_gpu(v) for k, v in options.items()}
        )
    if out is not None:
        assert_array_equal(out.array, 5.0)
    with pytest.raises(ValueError, match=r"target\[1\] is 2.0, expected"):
        fl.bce_with_logits.grad(Hosted(np.ones(3)), Hosted(np.array([0.0, 2.0, 1.0])), check=True)
    assert gpu.waits == 2
    both(fl.bce_with_logits.grad, np.ones(3), np.array([0.0, 0.5, 1.0]), check=True)
    both(fl.cross_entropy.grad, x, np.array([0, 1, 2, 2]), check=True)


def test_check_looks_at_all_that_the_host_does() -> None:
    x, labels = np.ones((3, 3)), np.array([0, 1, 2])
    with pytest.raises(ValueError, match=r"class_weight\[1\] is -1.0, expected a finite number"):
        fl.cross_entropy(Hosted(x), Hosted(labels), class_weight=Hosted(np.array([1.0, -1.0, 1.0])), check=True)
    with pytest.raises(ValueError, match=r"pred\[1\] is -2.0, expected a number greater than -1"):
        fl.root_mean_squared_log_error(Hosted(np.array([0.5, -2.0])), Hosted(np.ones(2)), check=True)
    unsigned = np.array([2**64 - 100, 1, 2], "u8")
    with pytest.raises(ValueError, match="18446744073709551516"):
        fl.cross_entropy(Hosted(x), Hosted(unsigned), ignore_index=-100, check=True)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_weights_that_are_none(reduction: str) -> None:
    """Of losses with a domain and without, of rows with labels, with masses and in pairs."""
    x, masses, weight = np.ones((2, 3)), np.eye(3)[:2], Hosted(np.array([1.0, -1.0]))
    calls: list[tuple[Any, Any]] = [
        (fl.mse, (x[:, 0], x[:, 1])), (fl.poisson, (x[:, 0], x[:, 1])), (fl.cross_entropy, (x, np.array([0, 1]))),
        (fl.cross_entropy, (x, masses)), (fl.multilabel_margin, (x, masses)),
    ]  # fmt: skip
    for loss, arrays in calls:
        given = [*map(to_gpu, arrays)]
        with pytest.raises(
            ValueError, match=rf"{loss.name}: weight\[1\] is -1.0, expected a finite number of at least 0"
        ):
            loss.grad(*given, weight=weight, reduction=reduction, check=True)
        loss.grad(*given, weight=weight, reduction=reduction, check=False)
        fl.synchronize()
        loss.grad(*given, weight=weight, reduction=reduction)
        with pytest.raises(ValueError, match=f"{loss.name}: a label or an index of an earlier call"):
            fl.synchronize()


def test_weights_are_added_up_in_float64() -> None:
    """One weight of 2^24 and 64 of 1/2, each of which float32 loses beside the other."""
    weight = np.full(65, 0.5, "f4")
    weight[0] = 2.0**24
    pred = np.zeros(65)
    pred[0] = 1.0
    value = fl.mse(Hosted(pred), Hosted(np.zeros(65)), weight=Hosted(weight))
    assert value.array == 2.0**24 / (2.0**24 + 32.0)


def test_one_against_none() -> None:
    grad = fl.mse.grad(Hosted(np.ones((1, 3))), Hosted(np.ones((0, 3))))
    assert_array_equal(grad.array, np.zeros((1, 3)))


def test_an_earlier_calls_fault_is_not_this_ones(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = Hosted(np.ones((2, 3))), Hosted(np.array([0, 1]))

    def late(device: int, stream: int) -> None:
        gpu._flags._numbers[gpu._flags._slots["cross_entropy"]] = 1

    monkeypatch.setattr(gpu, "wait", late)
    with pytest.raises(ValueError, match="cross_entropy: a label or an index of an earlier call"):
        fl.cross_entropy(x, labels, check=True)


def test_without_check_the_next_call_says_so(gpu: Any, rng: np.random.Generator) -> None:
    x, labels = rng.normal(size=(4, 3)), np.array([0, 1, 3, 2])
    value, grad = fl.cross_entropy.value_and_grad(Hosted(x), Hosted(labels), reduction="sum")
    present = labels < 3
    agree(value, fl.cross_entropy(x[present], labels[present], reduction="sum"))
    assert_array_equal(grad.array[2], 0.0)
    assert gpu.waits == 0
    with pytest.raises(ValueError, match="cross_entropy: a label or an index of an earlier call on the GPU"):
        fl.mse(Hosted(x), Hosted(x))
    both(fl.mse, x, x)  # said once
    fl.bce_with_logits(Hosted(x), Hosted(x))
    with pytest.raises(ValueError, match="binary_cross_entropy_with_logits: a label or an index of an earlier call"):
        fl.synchronize()
    fl.bce_with_logits(Hosted(x), Hosted(x), check=False)
    fl.synchronize()
    gone = fl.cross_entropy(Hosted(x), Hosted(labels), reduction="none", ignore_index=3)
    assert_array_equal(gone.array[2], 0.0)
    fl.synchronize()


X, Y, L = np.ones((4, 3)), np.zeros((4, 3)), np.zeros(4, int)
WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: fl.mse(Hosted(X), Y), TypeError, "target is a numpy.ndarray, expected an array of hosted on a GPU, as pred is"),
    (lambda: fl.mse(X, Hosted(Y)), TypeError, "pred is a numpy.ndarray, expected an array of hosted on a GPU, as target is"),
    (lambda: fl.hinge(Hosted(X), Hosted(Y), weight=X, ignore_index=1), TypeError, "weight is a numpy.ndarray, expected an"),
    (lambda: fl.mse(Hosted(X), Hosted(Y), weight=[1.0]), TypeError, "weight is a list, expected an array of hosted"),
    (lambda: fl.mse(Hosted(X), Hosted(Y, 1)), ValueError, "target is on cuda:1, expected cuda:0, where pred is"),
    (lambda: fl.mse(Hosted(X, 1), Hosted(Y, 1), weight=Hosted(X)), ValueError, "weight is on cuda:0, expected cuda:1, where pred is"),
    (lambda: fl.mse(Hosted(X.astype("c8")), Hosted(Y)), TypeError, "pred has dtype complex64, expected real"),
    (lambda: fl.mse(Hosted(X[:, 0]), Hosted(X[:, :1])), ValueError, "differ by an axis of length 1"),
    (lambda: fl.mse(Hosted(X), Hosted(Y[:, :2])), ValueError, "do not broadcast"),
    (lambda: fl.mse(2.0, Hosted(Y)), TypeError, "pred is a float, expected an array of hosted on a GPU"),
    (lambda: fl.cross_entropy(Hosted(X), Hosted(L), weight=Hosted(X[0])), ValueError, "class is class_weight"),
    (lambda: fl.mse(Hosted(X), Hosted(Y), backend="parallel"), ValueError, "None, 'cuda' for arrays on a GPU"),
    (lambda: fl.mse(X, Y, backend="cuda"), ValueError, "'serial' or 'parallel' for arrays on the host"),
    (lambda: fl.cross_entropy(X, L, backend="cuda"), ValueError, "for arrays on the host"),
    (lambda: fl.mse(Hosted(X), Hosted(Y), out=Hosted(X)), ValueError, "out is for reduction='none'"),
    (lambda: fl.mse.grad(Hosted(X), Hosted(Y), out=X), TypeError, "out is a numpy.ndarray, expected an array of hosted on a GPU"),
    (lambda: fl.mse.grad(Hosted(X), Hosted(Y), out=Hosted(X[:2])), ValueError, r"shape \(2, 3\)"),
    (lambda: fl.mse.grad(Hosted(X), Hosted(Y), out=Hosted(Y)), ValueError, "out overlaps target"),
    (lambda: fl.mse.grad(Hosted(X), Hosted(Y), out=Hosted(X.astype("f4"))), ValueError, "dtype float32"),
    (lambda: fl.mse.grad(Hosted(X), Hosted(Y), out=Hosted(np.empty((4, 3)), 1)), ValueError, "cuda:1, expected"),
    (lambda: fl.mse.grad_and_hess(Hosted(X), Hosted(Y), out=Hosted(X)), TypeError, "a tuple of 2 arrays"),
    (lambda: fl.mse.grad_and_hess(Hosted(X), Hosted(Y), out=(Hosted(X), Hosted(X))), ValueError, "overlap each other"),
    (lambda: fl.absolute_error(Hosted(X), Hosted(Y), reduction="all"), ValueError, "reduction is 'all', expected"),
    (lambda: fl.cross_entropy(Hosted(X), L), TypeError, "target is a numpy.ndarray, expected"),
    (lambda: fl.cross_entropy(Hosted(X), Hosted(L > 0)), TypeError, "target has dtype bool, expected integer labels$"),
    (lambda: fl.cross_entropy(Hosted(X), Hosted(L[:2])), ValueError, "expected integer labels of shape"),
    (lambda: fl.cross_entropy(Hosted(X), Hosted(L), axis=2), ValueError, "axis is 2, expected"),
    (lambda: fl.cross_entropy(Hosted(X), 1), TypeError, "target is an int, expected an array of hosted"),
    (lambda: fl.cross_entropy(Hosted(X), Hosted(L), class_weight=[1.0] * 3), TypeError, "class_weight is a list"),
    (lambda: fl.cross_entropy(Hosted(X), Hosted(L), class_weight=Hosted(np.ones(2))), ValueError, r"expected \(3,\)"),
    (lambda: fl.cross_entropy(Hosted(X), Hosted(L), weight=Hosted(np.ones(3))), ValueError, "weight"),
    (lambda: fl.kl_divergence(Hosted(X), Hosted(X[:2])), ValueError, r"target has shape \(2, 3\)"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors(case: int, gpu: Any) -> None:
    hosted.memory.extend([X, Y, L])
    raises(gpu, *WRONG[case])


def test_concurrent_shapes_and_streams_keep_apart(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(6.0)
    for device, stream in itertools.product((0, 1), (7, 9)):
        monkeypatch.setattr(hosted, "stream", lambda d, s=stream: s + d)
        gpu.launches.clear()
        assert fl.mse(Hosted(x, device), Hosted(x, device)).device == device
        assert {place[1:] for place in gpu.launches} == {(device, stream + device)}
