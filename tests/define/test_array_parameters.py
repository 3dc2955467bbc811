"""Parameters that are arrays, with the kernels as plain Python: a number for each element, of every loss that has one."""

from __future__ import annotations

import copy
import math
import pickle
from functools import partial
from typing import Any

import numpy as np
import oracle
import pytest
from data import NAMES, ROWS, at_once, draw, gradients

import fastloss as fl

STREAMED = [(name, n) for name in NAMES for n in fl.LOSSES[name].parameters if n not in fl.LOSSES[name].single]
"""Every parameter of a loss of elements that may be an array."""

SINGLE = [(name, n) for name in (*NAMES, *ROWS) for n in sorted(fl.LOSSES[name].single)]

PRED, TARGET = np.array([[1.0, -2.0, 3.0], [0.5, -1.0, 4.0]]), np.zeros((2, 3))


pytestmark = pytest.mark.usefixtures("uncompiled")


def numbers(loss: Any, parameter: str, shape: Any, rng: np.random.Generator) -> Any:
    """Values of a parameter that its formulas are tested with, near its default."""
    domain = loss.parameters[parameter]
    near = np.abs(loss.values[parameter]) * rng.uniform(0.5, 1.5, shape)
    if domain.low > -math.inf and domain.high < math.inf:
        near = domain.low + (domain.high - domain.low) * rng.uniform(0.1, 0.9, shape)
    return np.array([x if x in domain else domain.inner_point for x in near.ravel()]).reshape(shape)


def test_what_may_be_an_array() -> None:
    assert ("huber", "delta") in STREAMED and ("quantile", "q") in STREAMED
    assert ("binary_cross_entropy_with_logits", "pos_weight") in STREAMED
    for fixed in [("logistic", "zero_one"), ("tweedie", "power"), ("poisson", "full"), ("cross_entropy", "softcap")]:
        assert fixed in SINGLE
    assert len(STREAMED) > 20


def numbers_of(loss: fl.Loss, inputs: Any, **parameters: Any) -> list[Any]:
    """Everything that it computes: of each element, unless there is but one number for all."""
    if loss.rooted:
        value, grad = loss.value_and_grad(*inputs, **parameters)
        return [value, grad, loss.grad_and_hess(*inputs, **parameters)[1]]
    if loss.order < 2:
        value, grad = loss.value_and_grad(*inputs, reduction="none", **parameters)
        return [value, *gradients(grad)]
    return [x for found in at_once(loss, *inputs, **parameters) for x in gradients(found)]


@pytest.mark.parametrize(("name", "parameter"), STREAMED)
def test_constant(name: str, parameter: str) -> None:
    loss, rng = fl.LOSSES[name], np.random.default_rng(1)
    inputs = draw(loss, (4, 3), np.float64, rng)
    value = float(numbers(loss, parameter, 1, rng)[0])
    expected = numbers_of(loss, inputs, **{parameter: value})
    # A number may choose a faster function, which rounds otherwise.
    rounding = 8 if parameter in loss.quickened else 0
    for array in (np.full((4, 3), value), np.full((3,), value), np.full((4, 1), value), [value]):
        for a, b in zip(numbers_of(loss, inputs, **{parameter: array}), expected, strict=True):
            np.testing.assert_array_max_ulp(a, b, rounding)


@pytest.mark.parametrize("name", [name for name in NAMES if fl.LOSSES[name].quickened])
def test_a_faster_function_computes_what_the_definition_does(name: str) -> None:
    loss, rng = fl.LOSSES[name], np.random.default_rng(4)
    faster = 0
    for params in oracle.FORMULAS[name].points:
        bound = loss.bind(**params)
        arrays = {n: np.full(64, bound.values[n]) for n in bound.quickened}
        faster += bound.jet is not bound.for_any(bound.quickened).jet
        inputs = draw(bound, 64, np.float64, rng)
        for a, b in zip(numbers_of(bound, inputs), numbers_of(bound, inputs, **arrays), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    assert faster


def test_other_arrays_of_any_kind_stand_beside_one_that_is_no_number_to_choose_by() -> None:
    loss, pred, target = fl.binary_focal_from_probabilities, np.array([0.2, 0.7, 0.4]), np.array([1.0, 0.0, 1.0])
    gamma, smoothing = np.array([2.0, 1.5, 3.3]), np.array([0.1, 0.2, 0.3])
    expected = loss(pred, target, gamma=gamma, label_smoothing=smoothing)
    for array in (memoryview(smoothing), np.array([0.1, 0.2, 0.3], ">f8")):
        twin = loss.bind(alpha=0.25)  # another loss, which has seen no arrays
        assert twin(pred, target, gamma=gamma, label_smoothing=array) == expected
    absent = {"label_smoothing": np.array([0.1, np.nan, 0.3]), "weight": np.array([1.0, 0.0, 1.0])}
    kept = loss(pred[::2], target[::2], gamma=gamma[::2], label_smoothing=smoothing[::2])
    assert loss.bind(alpha=0.25)(pred, target, gamma=gamma, **absent) == kept


def test_the_terms_of_a_sum_take_arrays_by_their_definitions() -> None:
    both = fl.lp + fl.huber
    expected = [fl.lp.grad(PRED[0], TARGET[0], p=p)[k] for k, p in enumerate((1.5, 2.0, 3.3))] + fl.huber.grad(
        PRED[0], TARGET[0]
    )
    np.testing.assert_allclose(both.grad(PRED[0], TARGET[0], lp__p=[1.5, 2.0, 3.3]), expected, rtol=1e-14)


@pytest.mark.parametrize(("name", "parameter"), STREAMED)
def test_each_element_has_its_own(name: str, parameter: str) -> None:
    loss, rng = fl.LOSSES[name], np.random.default_rng(2)
    inputs = draw(loss, 7, np.float64, rng)
    array = numbers(loss, parameter, 7, rng)
    if loss.rooted:
        terms = [loss(*[x[i] for x in inputs], **{parameter: array[i]}) ** 2 for i in range(7)]
        assert loss(*inputs, **{parameter: array}) == pytest.approx(math.sqrt(np.mean(terms)))
        return
    value, slopes = loss.value_and_grad(*inputs, reduction="none", **{parameter: array})
    others = {n: v for n, v in loss.values.items() if n != parameter}
    for i, point in enumerate(zip(*inputs, strict=True)):
        fixed = {**others, parameter: float(array[i])}
        for k, wrt in enumerate(loss.wrt):
            exact = oracle.exact(name, [float(x) for x in point], fixed, wrt)
            assert value[i] == pytest.approx(float(exact[0]), rel=1e-9, abs=1e-12)
            if exact[1] is not None:
                assert gradients(slopes)[k][i] == pytest.approx(float(exact[1]), rel=1e-9, abs=1e-12)


def test_all_at_once() -> None:
    logits, labels = PRED, np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    weights, smooth = np.array([1.0, 2.0, 0.5]), np.array([[0.0], [0.1]])
    loss = fl.binary_cross_entropy_with_logits
    found = loss(logits, labels, reduction="none", label_smoothing=smooth, pos_weight=weights)
    expected = [[loss(logits[i, j], labels[i, j], pos_weight=weights[j], label_smoothing=smooth[i, 0])
                 for j in range(3)] for i in range(2)]  # fmt: skip
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["gaussian_nll", "squared_error"])
def test_a_loss_with_no_parameter_to_give(name: str) -> None:
    with pytest.raises(TypeError, match="'delta' is no argument"):
        fl.LOSSES[name](*[PRED] * len(fl.LOSSES[name].inputs), delta=[1.0])


def test_broadcast() -> None:
    q = [0.1, 0.5, 0.9]
    pred, target = np.array([[1.0], [2.0], [-1.0], [0.5]]), np.array([[0.0], [3.0], [0.0], [0.5]])
    value, grad = fl.quantile.value_and_grad(pred, target, q=q)
    singly = [fl.quantile.value_and_grad(pred, target, q=x) for x in q]
    assert grad.shape == pred.shape
    assert value == pytest.approx(np.mean([v for v, _ in singly]))
    np.testing.assert_allclose(grad, np.mean([g for _, g in singly], axis=0))
    out = np.empty_like(pred)
    assert fl.quantile.grad(pred, target, q=q, out=out) is out
    np.testing.assert_array_equal(out, grad)
    assert fl.quantile(pred, target, q=q, reduction="none").shape == (4, 3)
    assert fl.quantile(1.0, 0.0, q=q, reduction="none").tolist() == pytest.approx([0.9, 0.5, 0.1])
    # As many predictions as quantiles: a table where both have two axes, else what was meant cannot be told.
    assert fl.quantile(pred[:3], target[:3], q=[q], reduction="none").shape == (3, 3)
    with pytest.raises(ValueError, match=r"q has shape \(3,\): they differ by an axis of length 1 .* give q as many"):
        fl.quantile(pred[:3], target[:3], q=q)


def test_with_other_keywords() -> None:
    delta, weight = np.array([0.5, 1.0, 2.0]), np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]])
    each = [[fl.huber(PRED[i, j], 0.0, delta=delta[j]) for j in range(3)] for i in range(2)]
    assert fl.huber(PRED, TARGET, delta=delta, weight=weight) == pytest.approx(np.average(each, weights=weight))
    by_row = fl.huber(PRED, TARGET, delta=delta, weight=weight, axis=1)
    np.testing.assert_allclose(by_row, np.average(each, weights=weight, axis=1))
    assert fl.huber(PRED, TARGET, delta=delta, normalizer=2.0) == pytest.approx(np.sum(each) / 2.0)
    labels = np.array([[1.0, -100.0, 0.0], [1.0, 1.0, -100.0]])
    found = fl.bce_with_logits.grad(PRED, labels, pos_weight=delta, ignore_index=-100, reduction="sum")
    assert (found[labels < 0] == 0.0).all() and (found[labels >= 0] != 0.0).all()
    by_target = fl.quantile.with_respect_to("target").grad(PRED, TARGET, q=[0.1, 0.5, 0.9], reduction="sum")
    np.testing.assert_array_equal(by_target, -fl.quantile.grad(PRED, TARGET, q=[0.1, 0.5, 0.9], reduction="sum"))
    with pytest.raises(ValueError, match="with_respect_to names delta"):
        fl.huber.with_respect_to("delta")


def test_absent_elements_may_have_any() -> None:
    delta = np.array([[1.0, np.nan, 1.0], [-1.0, 1.0, 1.0]])
    weight = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    kept = weight > 0.0
    assert fl.huber(PRED, TARGET, delta=delta, weight=weight) == fl.huber(PRED[kept], TARGET[kept])
    assert (fl.huber.grad(PRED, TARGET, delta=delta, weight=weight)[~kept] == 0.0).all()


def test_kinds_of_arrays() -> None:
    expected = fl.huber.value_and_grad(PRED, TARGET, delta=np.array([1.0, 2.0, 3.0]))
    strided = np.array([1.0, 0.0, 2.0, 0.0, 3.0])[::2]
    for delta in ([1, 2, 3], (1.0, 2.0, 3.0), strided, *(np.array([1, 2, 3], t) for t in "bHiqfd"),
                  np.array([1, 2, 3], ">f8"), memoryview(np.array([1.0, 2.0, 3.0]))):  # fmt: skip
        found = fl.huber.value_and_grad(PRED, TARGET, delta=delta)
        assert found[0] == expected[0]
        np.testing.assert_array_equal(found[1], expected[1])
    assert fl.huber(PRED, TARGET, delta=np.array(2.0)) == fl.huber(PRED, TARGET, delta=2.0)
    # Read in the type of the prediction.
    small = PRED.astype(np.float32)
    assert fl.huber(small, small * 0, delta=[1.1, 2.2, 3.3]).dtype == np.float32


class Tensor:
    """What another library's array looks like."""

    __module__ = "torch"
    ndim, shape, dtype = 1, (3,), "torch.float32"


BAD = [
    ([1.0, 2.0], ValueError, r"shapes do not broadcast: pred \(2, 3\), target \(2, 3\), delta \(2,\)"),
    ([], ValueError, r"shapes do not broadcast: pred \(2, 3\), target \(2, 3\), delta \(0,\)"),
    ([1.0, 2.0, -1.0], ValueError, r"delta\[2\] is -1.0, expected a number greater than 0, or inf"),
    ([[1.0], [0.0]], ValueError, r"delta\[1, 0\] is 0.0, expected a number greater than 0, or inf"),
    ([1.0, math.nan, 2.0], ValueError, r"delta\[1\] is nan, expected a number greater than 0, or inf"),
    (["1", "2", "3"], TypeError, "delta has dtype <U1, expected real numbers"),
    ([[1.0], [2.0, 3.0]], TypeError, "delta is a list that NumPy cannot read"),
    ([None, 1.0, 2.0], TypeError, "delta has dtype object"),
    (np.ones(3, complex), TypeError, "delta has dtype complex128, expected real numbers of at most 64 bits"),
    (np.ma.masked_equal([1.0, 2.0, 3.0], 2.0), TypeError, "delta is a MaskedArray"),
    (Tensor(), TypeError, "delta is a torch.Tensor on the CPU, expected an array of real numbers"),
    ({1: 2.0}, TypeError, "delta is {1: 2.0}, expected a number greater than 0"),
]


@pytest.mark.parametrize(("delta", "kind", "text"), BAD)
def test_bad(delta: Any, kind: type, text: str) -> None:
    out, before = PRED.copy(), PRED.copy()
    for call in (
        lambda: fl.huber.value_and_grad(PRED, TARGET, delta=delta, out=out),
        lambda: fl.huber.value_and_grad(out, TARGET, delta=delta, out=out),
        lambda: fl.huber(PRED, TARGET, delta=delta),
        lambda: fl.huber(PRED, TARGET, delta=delta, axis=0),
    ):
        with pytest.raises(kind, match=f"^huber: .*{text}"):
            call()
    np.testing.assert_array_equal(out, before)


def test_bad_in_the_type_it_is_read_in() -> None:
    pred = PRED.astype(np.float32)
    with pytest.raises(ValueError, match=r"delta\[0\] is 1e-300, which is 0.0 in float32"):
        fl.huber(pred, pred * 0, delta=[1e-300, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"p\[1\] is inf, expected a number of at least 1 and finite"):
        fl.lp(PRED, TARGET, p=[2.0, math.inf, 2.0])
    with pytest.raises(ValueError, match=r"epsilon\[1\] is 1e\+300, which is inf in float32"):
        fl.epsilon_insensitive(pred, pred * 0, epsilon=[0.0, 1e300, 1.0])
    # As it stands, where that is asked for.
    assert math.isnan(fl.quantile(PRED, TARGET, q=[0.5, math.nan, 0.5], check=False))


@pytest.mark.parametrize(("name", "parameter"), SINGLE)
def test_one_value_for_all(name: str, parameter: str) -> None:
    loss = fl.LOSSES[name]
    of = "rows" if name in ROWS else "elements"
    inputs = [np.ones((2, 3))] * len(loss.inputs)
    for call in (partial(loss, *inputs), partial(loss.grad, *inputs), loss.bind):
        with pytest.raises(
            TypeError, match=rf"^{name}: {parameter} is \[1.0, 1.0\], expected one value for all {of}: "
        ):
            call(**{parameter: [1.0, 1.0]})


def test_bound() -> None:
    q = np.array([0.1, 0.5, 0.9])
    bound, again = fl.quantile.bind(q=q), fl.quantile.bind(q=[0.1, 0.5, 0.9])
    expected = fl.quantile(PRED, TARGET, q=q)
    q[0] = 0.7
    assert bound(PRED, TARGET) == expected
    assert bound == again and hash(bound) == hash(again) and {bound: 1}[again] == 1
    assert bound != fl.quantile and fl.quantile != bound
    assert bound != fl.quantile.bind(q=[0.1, 0.5, 0.8]) and bound != fl.quantile.bind(q=[[0.1, 0.5, 0.9]])
    assert repr(bound) == "quantile(q=[0.1, 0.5, 0.9])"
    assert repr(fl.quantile.bind(q=np.full(100, 0.5))) == "quantile(q=<an array of shape (100,)>)"
    assert "q=" in str(bound.__signature__) and "by default [0.1, 0.5, 0.9]" in bound.__doc__
    for twin in (pickle.loads(pickle.dumps(bound)), copy.deepcopy(bound), bound.bind()):
        assert twin == bound and twin(PRED, TARGET) == expected
    with pytest.raises(ValueError, match="read-only"):
        bound.values["q"][0] = 0.2
    assert bound.inputs == ("pred", "target") and [*bound.parameters] == ["q"]
    # Other parameters, and others in its place.
    assert bound(PRED, TARGET, q=0.5) == fl.quantile(PRED, TARGET, q=0.5)
    assert bound(PRED, TARGET, q=[0.5, 0.1, 0.2]) == fl.quantile(PRED, TARGET, q=[0.5, 0.1, 0.2])
    assert bound(PRED, TARGET) == expected and bound.bind(q=0.5) == fl.quantile.bind(q=0.5)
    turned = bound.with_respect_to("target")
    assert pickle.loads(pickle.dumps(turned)) == turned
    np.testing.assert_array_equal(turned.grad(PRED, TARGET), -bound.grad(PRED, TARGET))


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ([0.1, 1.5], ValueError, r"q\[1\] is 1.5, expected a number in \(0, 1\)"),
        ([[0.1], [math.nan]], ValueError, r"q\[1, 0\] is nan, expected a number in \(0, 1\)"),
        ([[0.1], [0.2, 0.3]], TypeError, r"q is .* of dtype object, expected real numbers"),
        (["a"], TypeError, "q is .* of dtype <U1, expected real numbers"),
        (Tensor(), TypeError, "q is a torch.Tensor, expected a number, or a list or a NumPy array"),
    ],
)
def test_bad_to_bind(value: Any, kind: type, text: str) -> None:
    text = text if kind is ValueError else text.replace("torch.Tensor", ".*Tensor")
    with pytest.raises(kind, match=f"^quantile: {text}"):
        fl.quantile.bind(q=value)


def test_own_loss() -> None:
    @fl.pointwise(scale=fl.POSITIVE)
    def scaled(pred, target, scale=1.0, shift=0.0):
        r = (pred - target - shift) / scale
        return r * r, 2.0 * r / scale, 2.0 / (scale * scale)

    scale, shift = np.array([1.0, 2.0, 4.0]), np.array([[0.5], [1.0]])
    expected = (PRED - TARGET - shift) / scale
    np.testing.assert_allclose(scaled(PRED, TARGET, scale=scale, shift=shift, reduction="none"), expected**2)
    grad, hess = scaled.bind(shift=shift).grad_and_hess(PRED, TARGET, scale=scale, reduction="sum")
    np.testing.assert_allclose(grad, 2.0 * expected / scale)
    np.testing.assert_allclose(hess, np.broadcast_to(2.0 / scale**2, hess.shape))


def test_no_earlier_call_matters() -> None:
    """Calls with other arrays, other types, and numbers, before and between: the same every time."""
    one, other = np.array([0.5, 1.0, 2.0]), np.array([3.0, 0.1, 0.2])
    calls = [
        lambda: fl.huber.value_and_grad(PRED, TARGET, delta=one),
        lambda: fl.huber.value_and_grad(PRED, TARGET, delta=other),
        lambda: fl.huber.value_and_grad(PRED, TARGET, delta=np.broadcast_to(one, (2, 3)).copy()),
        lambda: fl.huber.value_and_grad(PRED, TARGET, delta=one.astype(np.float32)),
        lambda: fl.huber.value_and_grad(PRED, TARGET, delta=2.0),
        lambda: fl.huber.value_and_grad(PRED, TARGET),
    ]
    cold = [call() for call in calls]
    for k in (0, 5, 2, 4, 1, 3, 3, 2, 0, 5, 1, 4):
        value, grad = calls[k]()
        assert value == cold[k][0]
        np.testing.assert_array_equal(grad, cold[k][1])
    # An array that changes between two calls is read again.
    changing = one.copy()
    before = fl.huber(PRED, TARGET, delta=changing)
    changing[:] = other
    assert fl.huber(PRED, TARGET, delta=changing) == fl.huber(PRED, TARGET, delta=other) != before
    assert len(fl.huber._twins) <= 2 or all(not twin.arrays for twin in fl.huber._twins.values())
