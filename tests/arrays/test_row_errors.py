"""One clear error for each bad call of a row loss, which names the argument; and nothing written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from data import rest, some

import fastloss as fl
from fastloss.loss import RowLoss

pytestmark = pytest.mark.usefixtures("compiled_at_last")

X = np.array([[0.5, 2.0, -1.0], [0.0, 1.0, 1.0]], "f4")
Y = np.array([1, 2])
D = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]], "f4")
LONG = np.zeros((70, 200), "f4")

CE, CCE, KL = fl.cross_entropy, fl.categorical_cross_entropy, fl.kl_divergence


def at(where: Any, value: Any, x: Any = D) -> Any:
    x = x.copy()
    x[where] = value
    return x


CASES: list[tuple[str, Any, tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    # axes and shapes
    ("axis", CE, (X, Y), {"axis": 2}, ValueError, r"cross_entropy: axis is 2, expected one of pred, of shape \(2, 3\)"),
    ("negative axis", CE, (X, Y), {"axis": -3}, ValueError, "axis is -3, expected one of pred"),
    ("axis float", CE, (X, Y), {"axis": 1.0}, TypeError, r"axis is 1\.0, expected a whole number"),
    ("axis none", CE, (X, Y), {"axis": None}, TypeError, "axis is None, expected a whole number"),
    ("no axis", CE, (np.float32(1), Y), {}, ValueError, r"axis is -1, expected one of pred, of shape \(\)"),
    ("no classes", CE, (X[:, :0], Y), {}, ValueError, r"pred of shape \(2, 0\) has no classes along axis -1"),
    ("column", CE, (X, Y[:, None]), {}, ValueError,
     r"target has shape \(2, 1\), expected integer labels of shape \(2,\), or an array of the shape of pred, \(2, 3\); pass target\[:, 0\]"),
    ("row", CE, (X, np.array([[0, 1, 0]])), {"axis": 0}, ValueError, r"target has shape \(1, 3\), .*; pass target\.squeeze\(0\)"),
    ("one-hot", fl.multiclass_hinge, (X, D), {}, ValueError, r"; pass target\.argmax\(1\)$"),
    ("labels of one row", CE, (X[0], np.array([1, 0, 0])), {}, TypeError, r"target has dtype int64 and the shape of pred, \(3,\), expected one label, or masses as floats; .*binary_cross_entropy_with_logits.*axis"),
    ("too few", CE, (X, Y[:1]), {}, ValueError, r"target has shape \(1,\), expected integer labels of shape \(2,\)"),
    ("one label", CE, (X, 1), {}, ValueError, r"target has shape \(\), expected integer labels of shape \(2,\)"),
    ("transposed", CE, (X, D.T), {}, ValueError, r"target has shape \(3, 2\), expected"),
    ("labels only", fl.multiclass_hinge, (X, D), {}, ValueError, r"target has shape \(2, 3\), expected integer labels of shape \(2,\);"),
    ("dense only", fl.listwise_softmax, (X, Y), {}, ValueError, r"target has shape \(2,\), expected an array of the shape of pred"),
    ("second scores", KL, (D, D[:, :2]), {}, ValueError, r"target has shape \(2, 2\), expected that of pred, \(2, 3\)"),
    ("teacher", fl.distillation, (X, X[0], Y), {}, ValueError, r"teacher has shape \(3,\), expected that of pred"),
    # types
    ("huge labels", CE, (X, Y + 1e30), {}, ValueError, r"target\[0\] is 1e\+30, .* a whole number of at most 63 bits$"),
    ("float labels", CE, (X, Y + 0.5), {}, ValueError, r"target\[0\] is 1.5, expected a label, a whole number$"),
    ("float labels that are no class", CE, (X, Y + 1.0), {}, ValueError, r"target\[1\] is 3, but there are 3 classes"),
    ("missing label", CE, (X, at(1, np.nan, Y + 0.0)), {}, ValueError, r"target\[1\] is nan, expected a label.*; a row whose label is missing is absent with weight=0"),
    ("infinite label", CE, (X, at(1, np.inf, Y + 0.0)), {}, ValueError, r"target\[1\] is inf, expected a label"),
    ("bool labels", CE, (X, Y > 1), {}, TypeError, "target has dtype bool, expected integer labels"),
    ("complex", CE, (X.astype("c8"), Y), {}, TypeError, "pred has dtype complex64"),
    ("object", CE, (X, np.array([1, None])), {}, TypeError, "target has dtype object"),
    ("ragged", CE, ([[1.0], [1.0, 2.0]], Y), {}, TypeError, "pred is a list that NumPy cannot read"),
    ("masked", CE, (X, np.ma.array(Y)), {}, TypeError, "target is a MaskedArray"),
    # labels
    ("label", CE, (X, at(1, 3, Y)), {}, ValueError, r"cross_entropy: target\[1\] is 3, but there are 3 classes \(0 to 2\)"),
    ("negative label", CE, (X, at(0, -1, Y)), {}, ValueError, r"target\[0\] is -1, but there are 3 classes"),
    ("huge label", CE, (X, at(0, 2**62, Y)), {}, ValueError, rf"target\[0\] is {2**62}, but"),
    ("unsigned label", CE, (X, np.array([2**64 - 1, 0], "u8")), {}, ValueError, rf"target\[0\] is {2**64 - 1}, but"),
    ("unsigned label, ignored", CE, (X, np.array([2**64 - 100, 0], "u8")), {"ignore_index": -100}, ValueError, rf"target\[0\] is {2**64 - 100}, but"),
    ("small label", CE, (X, np.array([1, 200], "u1")), {}, ValueError, r"target\[1\] is 200, but"),
    ("weighted label", CE, (X, at(1, 3, Y)), {"weight": Y}, ValueError, r"target\[1\] is 3"),
    ("label beside ignored", CE, (X, np.array([-100, 3])), {"ignore_index": -100}, ValueError, r"target\[1\] is 3"),
    ("smoothed label", CE, (X, at(1, 3, Y)), {"label_smoothing": 0.1, "class_weight": np.ones(3)}, ValueError, r"target\[1\] is 3"),
    ("place", CE, (X.reshape(2, 3, 1), np.array([[0], [3]])), {"axis": 1}, ValueError, r"target\[1, 0\] is 3"),
    ("long rows", CE, (LONG, np.full(70, 200)), {}, ValueError, r"target\[0\] is 200, but there are 200 classes \(0 to 199\)"),
    ("hinge label", fl.multiclass_hinge, (X, at(1, 3, Y)), {}, ValueError, r"multiclass_hinge: target\[1\] is 3"),
    # weights
    ("weight", CE, (X, Y), {"weight": np.ones(3)}, ValueError, r"weight has shape \(3,\), expected one that broadcasts to \(2,\), .*; a weight for each class is class_weight"),
    ("weight that fits nothing", CE, (X, Y), {"weight": np.ones(4)}, ValueError, r"do not broadcast: the batch of pred \(2,\), weight \(4,\)"),
    ("weight of no classes", KL, (D, D), {"weight": np.ones(3)}, ValueError, r"do not broadcast: the batch of pred \(2,\), weight \(3,\)"),
    ("weight column", CE, (X, Y), {"weight": np.ones((2, 1))}, ValueError, r"weight has shape \(2, 1\)"),
    ("weight of elements", CE, (X, Y), {"weight": np.ones((2, 3))}, ValueError, "weight"),
    ("wide weight", CE, (X, Y), {"weight": np.ones((4, 2))}, ValueError, r"weight has shape \(4, 2\), expected one that broadcasts to \(2,\)"),
    ("class_weight", CE, (X, Y), {"class_weight": np.ones(2)}, ValueError, r"class_weight has shape \(2,\), expected \(3,\), one for each"),
    ("negative class_weight", CE, (X, Y), {"class_weight": [1, -1, 1]}, ValueError, r"class_weight\[1\] is -1, expected a finite number of at least 0"),
    ("nan class_weight", CE, (X, Y), {"class_weight": [1, 1, np.nan]}, ValueError, r"class_weight\[2\] is nan"),
    ("inf class_weight", CE, (X, Y), {"class_weight": [np.inf, 1, 1]}, ValueError, r"class_weight\[0\] is inf"),
    ("no class_weight", KL, (D, D), {"class_weight": np.ones(3)}, ValueError, "class_weight is given, expected None; the loss has no"),
    # smoothing, ignoring
    ("smoothing", CE, (X, Y), {"label_smoothing": 1.5}, ValueError, r"label_smoothing is 1.5, expected a number in \[0, 1\]"),
    ("negative smoothing", CE, (X, Y), {"label_smoothing": -0.1}, ValueError, "label_smoothing is .*, expected"),
    ("nan smoothing", CE, (X, Y), {"label_smoothing": float("nan")}, ValueError, "label_smoothing is .*, expected"),
    ("text smoothing", CE, (X, Y), {"label_smoothing": "0.1"}, TypeError, "label_smoothing is '0.1', expected"),
    ("no smoothing", fl.multiclass_hinge, (X, Y), {"label_smoothing": 0.1}, ValueError, "label_smoothing is 0.1, expected 0; the loss has no"),
    ("ignore dense", CE, (X, D), {"ignore_index": 0}, ValueError, r"ignore_index is for integer labels, but target has shape \(2, 3\)"),
    ("ignore nothing", KL, (D, D), {"ignore_index": 0}, ValueError, "ignore_index is for integer labels"),
    ("ignore float", CE, (X, Y), {"ignore_index": 1.0}, TypeError, "ignore_index is 1.0, expected a whole number or None"),
    ("ignore huge", CE, (X, Y), {"ignore_index": 2**63}, ValueError, f"ignore_index is {2**63}, expected a 64-bit integer"),
    # domains
    ("probability", CCE, (at((1, 2), 1.5), Y), {}, ValueError, r"categorical_cross_entropy: pred\[1, 2\] is 1.5, expected a number in \[0, 1\]"),
    ("negative probability", KL, (at((0, 0), -0.5), D), {}, ValueError, r"kl_divergence: pred\[0, 0\] is -0.5"),
    ("infinite probability", CCE, (at((0, 0), np.inf), D), {}, ValueError, r"pred\[0, 0\] is inf"),
    ("long probability", CCE, (at((69, 199), 2.0, LONG), np.zeros(70, int)), {}, ValueError, r"pred\[69, 199\] is 2.0"),
    ("probability first axis", CCE, (at((1, 2), 1.5), np.zeros(3, int)), {"axis": 0}, ValueError, r"pred\[1, 2\] is 1.5"),
    ("teacher's probability", fl.distillation_from_probabilities, (X, at((1, 0), 7.0), Y), {}, ValueError, r"teacher\[1, 0\] is 7.0"),
    # parameters and options
    ("temperature", fl.distillation, (X, X, Y), {"temperature": 0.0}, ValueError, "temperature is 0, expected a number greater than 0"),
    ("negative temperature", fl.soft_distillation, (X, X), {"temperature": -1.0}, ValueError, "temperature is -1, expected"),
    ("tiny temperature", fl.soft_distillation, (X, X), {"temperature": 1e-50}, ValueError, "temperature is 1e-50, which float32 does not hold"),
    ("unknown", CE, (X, Y), {"smoothing": 0.1}, TypeError, "cross_entropy: 'smoothing' is no argument, expected .*; use label_smoothing"),
    ("softcap", CE, (X, Y), {"softcap": 0.0}, ValueError, "softcap is 0, expected"),
    ("not optional", CE, (X, Y), {"z_loss": None}, TypeError, "z_loss is None, expected"),
    ("reduction", CE, (X, Y), {"reduction": "batchmean"}, ValueError, r"reduction is 'batchmean', expected .* 'none'; did you mean 'mean'\?"),
    ("normalizer", CE, (X, Y), {"normalizer": -1}, ValueError, "normalizer is -1, expected a positive"),
    ("normalizer sum", CE, (X, Y), {"normalizer": 2, "reduction": "sum"}, ValueError, "normalizer is given and reduction is 'sum', expected 'mean'"),
    ("empty", CE, (X, Y), {"empty": "skip"}, ValueError, "empty is 'skip', expected"),
    ("backend", CE, (X, Y), {"backend": "gpu"}, ValueError, "backend is 'gpu', expected"),
    ("statistics", KL, (D, D), {"return_stats": True}, ValueError, "kl_divergence has no statistics to return"),
    ("one input", CE, (X,), {}, TypeError, "cross_entropy: target is missing, expected pred and target"),
    ("three inputs", CE, (X, Y, Y), {}, TypeError, "3 inputs are given, expected pred and target"),
]  # fmt: skip


OWN_KERNELS = {
    "unsigned label", "weighted label", "smoothed label", "infinite probability", "probability first axis",
    "teacher's probability",
}  # fmt: skip
"""Cases that would compile kernels which no other test needs, beside one of their kind that is compiled."""


@pytest.mark.parametrize(
    ("loss", "inputs", "options", "error", "message"),
    [rest(c[1:], plain=True) if c[0] in OWN_KERNELS else c[1:] for c in CASES],
    ids=[c[0] for c in CASES],
)
def test_one_clear_error(loss: Any, inputs: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        loss.value_and_grad(*inputs, **options)
    out = np.full(getattr(inputs[0], "shape", (2, 3)), 7.0, "f4")
    with pytest.raises(error, match=message):
        loss.value_and_grad(*inputs, out=out, **options)
    assert (out == 7.0).all()


@pytest.mark.parametrize("k", some([3, 21, 131], [21]))
@pytest.mark.parametrize("reduction", some(["mean", "sum", "none"], ["mean"]))
@pytest.mark.parametrize(
    "keyword", some(["plain", "weight", "class_weight", "ignore_index", "normalizer"], ["plain", "ignore_index"])
)
def test_a_bad_label_writes_nothing(keyword: str, k: int, reduction: str) -> None:
    """Also where it comes last, or the rows are weighted."""
    if keyword == "normalizer" and reduction != "mean":
        return
    x, y = np.zeros((200, k), "f4"), np.zeros(200, int)
    y[199] = k
    given = {"weight": np.ones(200), "class_weight": np.ones(k), "ignore_index": -1, "normalizer": 3.0}
    options: dict[str, Any] = {keyword: given[keyword]} if keyword in given else {}
    for verb, count in (("grad", 1), ("value_and_grad", 1), ("grad_and_hess", 2), ("__call__", reduction == "none")):
        shape = (200,) if verb == "__call__" else (200, k)
        outs = tuple(np.full(shape, 7.0, "f4") for _ in range(count))
        out = outs if count == 2 else outs[0] if outs else None
        with pytest.raises(ValueError, match=rf"target\[199\] is {k}, but there are {k} classes"):
            getattr(CE, verb)(x, y, reduction=reduction, out=out, **options)
        assert all((written == 7.0).all() for written in outs)


@pytest.mark.full
@pytest.mark.parametrize("k", [3, 131])
def test_check_false_takes_any_number(k: int) -> None:
    """Of scores and masses; labels are looked at even so."""
    x = np.full((70, k), 0.5, "f4")
    x[5, 1] = 1.5
    value = CCE(x, np.ones(70, int), check=False)
    assert value == pytest.approx((69 * np.log(2) - np.log(1.5)) / 70, rel=1e-6)
    assert KL(x, x, check=False) == 0.0
    with pytest.raises(ValueError, match=r"target\[0\] is 999"):
        CCE(x, np.full(70, 999), check=False)
    x[5, 1] = np.nan  # lies in every domain
    assert np.isnan(CCE(x, np.ones(70, int)))


TESTED = [
    (loss, k)
    for loss in fl.LOSSES.values()
    if isinstance(loss, RowLoss)
    for k, test in enumerate(loss.tests[: loss.scores + (loss.target != "none")])
    if test != "none"
]
"""Losses of rows, and which of their inputs has a domain."""

OF_EACH_TEST = list({loss.tests[k]: (loss, k) for loss, k in TESTED[::-1]}.values())
"""One for each way that a kernel looks at numbers."""


@pytest.mark.parametrize("again", [False, True], ids=["first", "known"])
@pytest.mark.parametrize(
    ("loss", "k"), some(TESTED, OF_EACH_TEST, plain=True), ids=lambda x: x.name if isinstance(x, RowLoss) else None
)
def test_what_is_outside_writes_nothing(loss: RowLoss, k: int, again: bool) -> None:
    """It is found before, by the first call and by those that follow it; in a row that is absent it may be."""
    rng = np.random.default_rng(7)
    arrays = [d.sample(rng, (5, 3)) for d in loss.domains]
    if loss.target == "labels":
        arrays[-1] = rng.integers(0, 3, 5)
    if again:
        loss.grad(*arrays, out=np.empty((5, 3)))
    low, high = loss.domains[k].low, loss.domains[k].high
    arrays[k][3, 1] = low - 1.0 if low > -np.inf else high + 1.0
    out = np.full((5, 3), 7.0)
    with pytest.raises(ValueError, match=rf"{loss.name}: {loss.inputs[k]}\[3, 1\] is "):
        loss.grad(*arrays, out=out)
    assert (out == 7.0).all()
    weight = np.array([1.0, 1.0, 1.0, 0.0, 1.0])
    assert (loss.grad(*arrays, weight=weight, out=out) == loss.grad(*arrays, weight=weight, check=False)).all()


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_what_is_outside_is_so_in_the_type_of_the_arithmetic(kind: str) -> None:
    """A mass that float32 rounds to 1 is none above 1 there."""
    pred, target, out = np.full((2, 2), 0.5, kind), np.full((2, 2), 0.5), np.empty((2, 2), kind)
    target[1, 0] = 1.0 + 1e-12
    if kind == "f4":
        assert np.isfinite(KL.grad(pred, target, out=out)).all()
    else:
        with pytest.raises(ValueError, match=r"target\[1, 0\] is 1\.000000000001"):
            KL.grad(pred, target, out=out)


def test_out() -> None:
    good, hess = np.empty_like(X), np.empty_like(X)
    memory = np.zeros(12, "f4")
    pred, part = memory[3:9].reshape(2, 3), memory[4:10].reshape(2, 3)
    frozen = np.empty_like(X)
    frozen.flags.writeable = False
    weight, dense = np.ones(2, "f4"), D.copy()
    labels = np.zeros(6, "i4")
    calls: list[tuple[Any, str]] = [
        (lambda: CE.grad(X, Y, out=[1, 2, 3]), "out is a list, expected a NumPy array"),
        (lambda: CE.grad(X, Y, out=np.empty((2, 3))), "out has dtype float64 and shape"),
        (lambda: CE.grad(X.astype("f2"), Y, out=good), r"expected float16 and \(2, 3\)"),
        (lambda: CE.grad(X, Y, out=np.empty((3, 2), "f4")), r"shape \(3, 2\), expected float32 and \(2, 3\)"),
        (lambda: CE.grad(X, Y, out=frozen), "out is read-only"),
        (lambda: CE.grad(X, Y, out=np.broadcast_to(np.float32(0), (2, 3))), "out is read-only"),
        (lambda: CE.grad(pred, Y, out=part), "out overlaps pred"),
        (lambda: CE.grad(pred, Y, out=pred[::-1]), "out overlaps pred"),
        (lambda: CE.grad(pred, Y, out=pred[:, ::-1]), "out overlaps pred"),
        (lambda: CE.grad(X, part, out=pred), "out overlaps target"),
        (lambda: CE.grad(pred, pred, out=pred), "out overlaps target"),
        (lambda: CE.grad(X, labels[:2], out=labels.view("f4").reshape(2, 3)), "out overlaps target"),
        (lambda: CE.grad(X, Y, weight=memory[5:7], out=pred), "out overlaps weight"),
        (lambda: KL.grad(dense, D, out=(dense, dense)), "out is a tuple, expected a NumPy array"),
        (lambda: KL.grad(D, dense, out=dense), "out overlaps target"),
        (lambda: CE.grad(X, Y, class_weight=pred[1], out=pred), "out overlaps class_weight"),
        (lambda: fl.distillation.grad(X, pred, Y, out=pred), "out overlaps teacher"),
        (lambda: CE.grad_and_hess(X, Y, out=good), r"out is a numpy.ndarray, expected a tuple of 2 arrays, \(grad, hess\)"),
        (lambda: CE.grad_and_hess(X, Y, out=(good,)), r"out is a tuple of 1, expected a tuple of 2 arrays"),
        (lambda: CE.grad_and_hess(X, Y, out=(good, good)), "the arrays of out overlap each other"),
        (lambda: CE.grad_and_hess(pred, Y, out=(good, pred)), "out overlaps pred"),
        (lambda: CE(X, Y, out=good), "out is for reduction='none'; a reduced value is a scalar"),
        (lambda: CE(X, Y, reduction="none", out=good), r"expected float32 and \(2,\)"),
        (lambda: CE(pred, Y, reduction="none", out=memory[3:5]), "out overlaps pred"),
        (lambda: CE(X, Y, weight=weight, reduction="none", out=weight), "out overlaps weight"),
        (lambda: CE(X, labels[:2], reduction="none", out=labels.view("f4")[:2]), "out overlaps target"),
        (lambda: fl.softmax(X, out=np.empty(6, "f4")), r"expected float32 and \(2, 3\)"),
        (lambda: fl.log_softmax(pred, out=part), "out overlaps x"),
    ]  # fmt: skip
    for call, message in calls:
        before = [a.copy() for a in (memory, weight, X, dense, labels)]
        with pytest.raises((ValueError, TypeError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        for a, b in zip((memory, weight, X, dense, labels), before, strict=True):
            assert (a == b).all()
    result = CE.grad_and_hess(X, Y, out=(good, hess))
    assert result[0] is good
    assert result[1] is hess


def test_alternating_columns_are_not_in_place() -> None:
    for classes in (3, 200):
        both = np.zeros((4, 2 * classes))
        both[:, 1::2] = np.arange(4 * classes).reshape(4, -1) % 7
        before, y = both[:, 1::2].copy(), np.arange(4) % 3
        grad = CE.grad(both[:, 1::2], y, out=both[:, ::2])
        assert np.shares_memory(grad, both)
        assert (both[:, 1::2] == before).all()
        np.testing.assert_allclose(grad, CE.grad(before, y), rtol=1e-14, atol=1e-16)


def test_functions() -> None:
    for call, message in (
        (lambda: fl.softmax(X, temperature=0.0), "softmax: temperature is 0, expected a number greater than 0"),
        (lambda: fl.logsumexp(X, axis=5), r"logsumexp: axis is 5, expected one of x, of shape \(2, 3\)"),
        (lambda: fl.log_softmax(1.0), r"log_softmax: axis is -1, expected one of x, of shape \(\)"),
        (lambda: fl.softmax(np.empty((2, 0))), r"x of shape \(2, 0\) has no classes"),
        (lambda: fl.softmax(["a"]), "softmax: x has dtype"),
        (lambda: fl.softmax(X, backend="gpu"), "softmax: backend is"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            call()


def test_arrays_of_other_libraries_are_not_taken_silently() -> None:
    tensor = type("Tensor", (), {"__module__": "torch"})()
    on_gpu = type("OnGpu", (), {"__cuda_array_interface__": None})()
    for call, name in (
        (lambda x: CE(x, Y), "pred"),
        (lambda x: CE(X, x), "target"),
        (lambda x: CE(X, Y, weight=x), "weight"),
        (lambda x: CE(X, Y, class_weight=x), "class_weight"),
        (lambda x: fl.distillation(X, x, Y), "teacher"),
        (fl.softmax, "x"),
    ):
        with pytest.raises(
            TypeError,
            match=rf": {name} is a torch\.Tensor on the CPU, expected an array of real numbers; (call .*, or )?pass {name}\.numpy",
        ):
            call(tensor)
        with pytest.raises(TypeError, match=f": {name} is a .*OnGpu in GPU memory"):
            call(on_gpu)


def fold(p: float, t: float, scale: float = 1.0) -> Any:
    return (scale * (p - t) * (p - t),), (p,)


def finish(total: float, scale: float) -> Any:
    return total, ()


def grad(p: float, t: float, scale: float) -> Any:
    return 2.0 * scale * (p - t), 2.0 * scale


def too_many(total: float, scale: float) -> Any:
    return total, (total, total)


def squared(p: float, t: float, scale: float = 1.0) -> Any:
    return ((p - t) ** 2,), (p,)


def imported(p: float, t: float, scale: float = 1.0) -> Any:
    return (np.square(p - t),), (p,)


def clash(p: float, t: float, axis: float = 1.0) -> Any:
    return (p - t,), (p,)


def alone(p: float, t: float, scale: float = 1.0) -> Any:
    return p - t, (p,)


def empty(p: float, t: float, scale: float = 1.0) -> Any:
    return (), (p,)


def three(a: float, b: float, c: float, t: float, scale: float = 1.0) -> Any:
    return (a - t,), (a,)


def hoarding(p: float, t: float, scale: float = 1.0) -> Any:
    return (p - t,), (p, p, p, p)


def named(p: float, t: float, *, scale: float = 1.0) -> Any:
    return (scale * (p - t),), (p,)


def raising(p: float, t: float, scale: float = 1.0) -> Any:
    if p < 0.0:
        raise ValueError
    return (p - t,), (p,)


MISTAKES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"slope": fold}, {}, "tried: a row program has fold, finish, grad, .*, and no slope"),
    ({"fold": None}, {}, "tried: a row program needs a function fold"),
    ({"finish": None}, {}, "tried: a row program needs a function finish"),
    ({"grad": None}, {}, "tried: a row program needs a function grad"),
    ({}, {"delta": fl.POSITIVE}, "tried: the decorator names delta, which is no input and no parameter"),
    ({}, {"targets": "label"}, "tried: targets? must be one of none, labels, dense, both, got 'label'"),
    ({"finish": too_many}, {}, "tried: its functions do not fit together on one element"),
    ({"fold": squared}, {}, r"squared uses \*\*, which becomes a slow call"),
    ({"fold": imported}, {}, "imported uses np; a loss may use the module math and no other"),
    ({"fold": clash}, {}, "tried: 'axis' is a keyword of every loss"),
    (
        {"fold": alone},
        {},
        "tried: its functions do not fit together on one element: a tuple of numbers was expected, got 0.0",
    ),
    ({"fold": empty, "finish": lambda scale: (0.0, ())}, {}, "tried: it has 0 terms from fold, expected 1 to 16"),
    (
        {"fold": hoarding, "grad": lambda a, b, c, d, t, scale: a},
        {},
        "tried: it has 4 values that fold keeps, expected 0 to 3",
    ),
    ({"grad": lambda p, t, scale: (p, p, p)}, {}, "tried: it has 3 derivatives, expected 1 to 2"),
    ({"fold": three}, {"inputs": ("a", "b", "c", "target")}, "tried: it has 3 scores, expected 1 to 2"),
    ({}, {"at": {"nothing": {0.0: fl.kl_divergence}}}, "tried: `at` is for values of its parameters, scale"),
    ({"settle": finish}, {}, "tried: settle and second come together"),
    ({"stats": finish}, {}, "tried: settle and second come together, and so do note and stats"),
    ({"rescale": finish}, {}, "tried: rescale is for programs with a peak"),
    (
        {
            "peak": lambda p, scale: p,
            "fold": lambda p, t, m, scale=1.0: ((p,), ()),
            "finish": lambda m, total, scale: (total, ()),
            "grad": lambda t, scale: 0.0,
            "rescale": lambda total, m, n, scale: (total, total),
        },
        {},
        "tried: rescale gives 2 terms, and fold 1",
    ),
    ({"again": finish}, {}, "tried: probe and again come together, and with a second sum"),
    ({"probe": finish, "again": finish}, {}, "tried: probe and again come together, and with a second sum"),
    (
        {
            "settle": lambda total, scale: (total,),
            "probe": lambda p, c, scale: (p,),
            "again": lambda c, s, scale: (c, s),
            "second": lambda p, t, c, scale: (p,),
            "finish": lambda total, more, scale: (total, ()),
        },
        {},
        "tried: again gives 2 numbers, and settle 1",
    ),
    (
        {"settle": finish, "second": fold, "note": finish, "stats": finish},
        {},
        "tried: a program with a second sum has no statistics",
    ),
    (
        {"fold": lambda p, t, scale=1.0: ((1.0 / (p - p),), (p,))},
        {},
        "tried: its functions do not fit together on one element",
    ),
    ({"fold": named}, {}, "named has arguments that go by name alone; parameters stand last, with defaults"),
    ({"fold": raising}, {}, "raising raises an error, which no kernel can"),
    (
        {},
        {"inputs": ("pred", "weight")},
        "tried: 'weight' is a keyword of every loss; call the argument something else",
    ),
    (
        {},
        {"inputs": ("pred", "scale")},
        "tried: its inputs pred, scale and its parameters scale need names that differ",
    ),
    ({}, {"inputs": ("pred", "pred")}, "tried: its inputs pred, pred and its parameters scale need names that differ"),
    ({"scale": type("scale", (), {})}, {}, "tried: a variant is for a parameter whose default is None"),
]


@pytest.mark.parametrize(("functions", "options", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_definitions_are_checked(functions: dict[str, Any], options: dict[str, Any], message: str) -> None:
    known, space = dict(fl.LOSSES), {"__module__": __name__, "fold": fold, "finish": finish, "grad": grad, **functions}
    with pytest.raises(TypeError, match=message):
        fl.rowwise(smooth=False, **options)(type("tried", (), {n: f for n, f in space.items() if f is not None}))
    assert known == fl.LOSSES


def test_no_smoothing_where_there_is_no_target() -> None:
    """Nobody says so in a definition of their own."""

    @fl.rowwise(inputs=("pred",), targets="none")
    class spread:
        def fold(p, t):
            return (p * p,), (p,)

        def finish(total):
            return total, ()

        def grad(p, t):
            return 2.0 * p, 2.0

    assert spread([[1.0, 2.0]]) == 5.0
    with pytest.raises(ValueError, match="spread: label_smoothing is 0.1, expected 0; the loss has no"):
        spread([[1.0, 2.0]], label_smoothing=0.1)


def test_functions_may_be_static_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """As linters ask for in a class whose functions take no self."""
    monkeypatch.setattr(fl.decorators, "LOSSES", dict(fl.LOSSES))
    space = {n: staticmethod(f) for n, f in {"fold": fold, "finish": finish, "grad": grad}.items()}
    made = fl.rowwise(smooth=False)(type("static", (), {"__module__": __name__, **space}))
    given = (fold, finish, grad)
    assert [f.__code__ for f in made.functions if f] == [f.__code__ for f in given]
    pair = {"pair": staticmethod(lambda d: (d, 1.0, 0.0)), "share": staticmethod(lambda classes, pairs: 1.0)}
    assert fl.pairwise()(type("static_pairs", (), {"__module__": __name__, **pair})).functions.pair(2.0) == (
        2.0,
        1.0,
        0.0,
    )


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_labels_may_be_stored_as_floats(dtype: str) -> None:
    """Boosters and scikit-learn keep them so; what a row of weight 0 holds does not matter."""
    expected = CE.value_and_grad(X, Y)
    labels = Y.astype(dtype)
    for found in (CE.value_and_grad(X, labels), CE.value_and_grad(X, labels, out=np.empty_like(X))):
        assert found[0] == expected[0]
        assert (found[1] == expected[1]).all()
    assert CE(X, at(1, -100, labels), ignore_index=-100) == CE(X[:1], Y[:1])
    for what in (np.nan, np.inf, 0.5):
        value, grad = CE.value_and_grad(X, at(0, what, labels), weight=[0.0, 1.0])
        assert value == CE(X[1:], Y[1:])
        assert (grad[0] == 0.0).all()
    if dtype == "f4":
        with pytest.raises(ValueError, match="out overlaps target"):
            CE(X, labels, reduction="none", out=labels)
