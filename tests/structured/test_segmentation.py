"""The losses of segmentation against textbook formulas in 50 digits; their laws, keywords and errors."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
import region_oracle as oracle
from data import same_bits_on_threads
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.structured import region_formulas, region_templates

pytestmark = pytest.mark.usefixtures("compiled_at_last")

RATIOS = {
    "dice": (fl.dice_loss, {"smooth": 0.75}),
    "generalized_dice": (fl.generalized_dice_loss, {"smooth": 0.25}),
    "jaccard": (fl.jaccard_loss, {"smooth": 0.5}),
    "tversky": (fl.tversky_loss, {"alpha": 0.3, "beta": 0.7, "smooth": 0.5}),
    "focal_tversky": (fl.focal_tversky_loss, {"alpha": 0.2, "beta": 0.9, "gamma": 0.7, "smooth": 0.1}),
}
LOSSES = [*(loss for loss, _ in RATIOS.values()), fl.lovasz_softmax_loss, fl.lovasz_hinge_loss]
SHAPE = (2, 3, 2, 2)
THREADED = (fl.dice_loss, fl.lovasz_softmax_loss)


def data(rng: np.random.Generator, activation: str | None, shape: tuple[int, ...] = SHAPE) -> Any:
    """Predictions and soft masks, weights of pixels with one that is 0."""
    pred = rng.standard_normal(shape) * 2 if activation else rng.random(shape)
    weight = rng.integers(1, 5, (shape[0], *shape[2:])) / 2.0
    weight[0, 0, 0] = 0.0
    return pred, rng.integers(0, 5, shape) / 4.0, weight


def expected(kind: str, z: Any, t: Any, w: Any, activation: Any, axis: Any, keep: Any, **given: Any) -> Any:
    p = oracle.probabilities(z, activation, axis)
    return oracle.scores("tversky" if "tversky" in kind else kind, p, t, w, axis, *keep, **given)


# -- Formulas ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [pytest.param("dice", marks=pytest.mark.compiled), *[*RATIOS][1:]])
@pytest.mark.parametrize(("activation", "keep"), [(None, (True, True)), ("sigmoid", (False, True)), ("softmax", (True, False))])  # fmt: skip
def test_scores_and_gradients_in_50_digits(kind: str, activation: Any, keep: Any, rng: np.random.Generator) -> None:
    loss, given = RATIOS[kind]
    if kind == "generalized_dice":
        keep = keep[0], False
    pred, target, weight = data(rng, activation)
    ways = {"per_sample": keep[0]} | ({} if kind == "generalized_dice" else {"per_class": keep[1]})
    found, grad = loss.value_and_grad(
        pred, target, weight=weight, activation=activation, axis=1, reduction="none", **ways, **given
    )
    with mp.workdps(50):
        z, t, w = (oracle.exact(x) for x in (pred, target, np.broadcast_to(weight[:, None], pred.shape)))
        values = expected(kind, z, t, w, activation, 1, keep, **given)
        steps = oracle.slopes(lambda x: expected(kind, x, t, w, activation, 1, keep, **given).sum(), z)
    assert_allclose(found.ravel(), values.ravel().astype(float), rtol=1e-14)
    assert_allclose(grad, steps, rtol=1e-12, atol=1e-15)
    assert_array_equal(grad[0, :, 0, 0], 0.0)


def test_a_loss_near_zero_is_exact() -> None:
    """Of logits whose probabilities are 1 but for what their complements say: nothing is subtracted from 1."""
    z = np.array([40.0, -45.0, 50.0, -38.0])
    labels = np.array([1, 0, 1, 0])
    value, grad = fl.dice_loss.value_and_grad(z, labels.astype(float), activation="sigmoid")
    both, slopes = fl.dice_loss.value_and_grad(np.stack([-z / 2, z / 2]), labels, activation="softmax", axis=0,
                                               reduction="none")  # fmt: skip
    with mp.workdps(90):
        x, t = oracle.exact(z), oracle.exact(labels)
        of = lambda x: expected("dice", x, t, t * 0 + 1, "sigmoid", None, (False, True))[0, 0]  # noqa: E731
        exact, steps = float(of(x)), oracle.slopes(of, x)
    assert_allclose([value, both[1]], exact, rtol=1e-14)
    assert_allclose(grad, steps, rtol=1e-13)
    # The background's score has gradients, too, of the same pixels.
    turned = fl.dice_loss.grad(-z, 1.0 - labels, activation="sigmoid")
    assert_allclose((slopes[1] - slopes[0]) / 2, grad - turned, rtol=1e-13)


def test_plain_formulas() -> None:
    for z in (-1e300, -800.0, -1.0, -0.0, 0.0, 1.0, 800.0, 1e300, np.inf, -np.inf):
        p, q = region_formulas.sigmoid(z)
        with mp.workdps(50):
            assert_allclose([p, q], [float(1 / (1 + mp.exp(-mpf(z)))), float(1 / (1 + mp.exp(mpf(z))))], rtol=4e-16)
    assert np.isnan(region_formulas.sigmoid(np.nan)).all()
    nothing = 0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.75
    assert region_formulas.tversky(*nothing) == region_formulas.focal_tversky(*nothing) == (0.0, 0.0, 0.0)
    assert np.isnan(region_formulas.focal_tversky(np.nan, 1.0, 1.0, 0.0, 0.5, 0.5, 0.75)).all()
    # Right everywhere: a power above 1 has a slope, one below would have an infinite one.
    assert region_formulas.focal_tversky(3.0, 0.0, 0.0, 0.0, 0.5, 0.5, 1.0) == region_formulas.tversky(
        3.0, 0.0, 0.0, 0.0, 0.5, 0.5, 1.0
    )
    assert region_formulas.focal_tversky(3.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5)[1:] == (0.0, 0.0)


def test_the_family(rng: np.random.Generator) -> None:
    pred, target, _ = data(rng, None)
    one = {"axis": 1, "reduction": "none"}
    assert_array_equal(fl.dice_loss(pred, target, smooth=2.0, **one), fl.tversky_loss(pred, target, smooth=1.0, **one))
    assert_array_equal(fl.jaccard_loss(pred, target, **one), fl.tversky_loss(pred, target, alpha=1, beta=1, **one))
    power = fl.focal_tversky_loss(pred, target, alpha=0.5, beta=0.5, gamma=2.0, **one)
    assert_allclose(power, fl.tversky_loss(pred, target, **one) ** 2, rtol=1e-14)
    # All classes in one: twice as much of a class counts as much.
    flat = fl.dice_loss(pred, target, axis=1, per_class=False)
    assert_allclose(flat, fl.dice_loss(pred, target), rtol=1e-14)


# -- Laws --------------------------------------------------------------------------------------------------------------


def test_reductions(rng: np.random.Generator) -> None:
    loss, (pred, target, _) = fl.dice_loss, data(rng, None)
    each, slopes = loss.value_and_grad(pred, target, axis=1, reduction="none", per_sample=True)
    assert each.shape == (2, 3) and slopes.shape == pred.shape
    assert loss(pred, target, axis=1, reduction="none").shape == (3,)
    assert loss(pred, target, axis=1, reduction="none", per_class=False).shape == ()
    assert loss(pred, target, axis=1, reduction="none", per_class=False, per_sample=True).shape == (2,)
    assert loss(pred, target, reduction="none", per_sample=True).shape == (2,)
    classes = np.array([0.5, 0.0, 2.0])
    value, grad = loss.value_and_grad(pred, target, axis=1, per_sample=True, class_weight=classes)
    assert_allclose(value, (each * classes).sum() / 5.0, rtol=1e-14)
    assert_allclose(grad, slopes * classes[:, None, None] / 5.0, rtol=1e-13)
    for how, divisor in (({"reduction": "sum"}, 1.0), ({"normalizer": 3.0}, 3.0)):
        value, grad = loss.value_and_grad(pred, target, axis=1, per_sample=True, **how)
        assert_allclose(value, each.sum() / divisor, rtol=1e-14)
        assert_allclose(grad, slopes / divisor, rtol=1e-13)
    # Weights of classes that share a score are weights of their sums, of any size.
    some = loss(pred, target, axis=1, per_class=False, class_weight=[0.0, 3.0, 0.0])
    assert_allclose(some, loss(pred, target, axis=1, reduction="none")[1], rtol=1e-14)
    for pooled in (fl.dice_loss, fl.generalized_dice_loss):
        one = {"axis": 1, **({"per_class": False} if pooled is loss else {})}
        value, grad = pooled.value_and_grad(pred, target, class_weight=classes, smooth=0.5, **one)
        for power in (-1_000, 1_000):
            many = {"class_weight": np.ldexp(classes, power), "smooth": np.ldexp(0.5, power)}
            large, steps = pooled.value_and_grad(pred, target, **many, **one)
            assert_allclose(large, value, rtol=1e-14)
            assert_allclose(steps, grad, rtol=1e-13)
    pred[:, 1] = np.nan
    assert np.isfinite(loss(pred, target, axis=1, class_weight=classes))
    assert_array_equal(loss.grad(pred, target, axis=1, class_weight=classes)[:, 1], 0.0)


def test_any_axes_and_kinds_of_arrays(rng: np.random.Generator) -> None:
    loss = fl.tversky_loss
    pred, labels = rng.standard_normal((2, 3, 5, 14)), rng.integers(0, 3, (2, 5, 14))
    options = {"activation": "softmax", "alpha": 0.3}
    expected, slopes = loss.value_and_grad(pred, labels, axis=1, **options)
    single, own = loss.value_and_grad(pred, labels, axis=1, per_sample=True, reduction="none", **options)
    for axis in (0, 2, -1):
        moved = np.moveaxis(pred, 1, axis)
        value, grad = loss.value_and_grad(moved, labels, axis=axis, **options)
        assert_allclose(value, expected, rtol=1e-14)
        assert grad.flags.c_contiguous
        assert_allclose(grad, np.moveaxis(slopes, 1, axis), rtol=1e-13, atol=1e-18)
        value, grad = loss.value_and_grad(moved, labels, axis=axis, per_sample=True, reduction="none", **options)
        assert_allclose(value, single, rtol=1e-14)
        assert_allclose(grad, np.moveaxis(own, 1, axis), rtol=1e-13, atol=1e-18)
    frozen = np.asfortranarray(pred)
    frozen.flags.writeable = False
    for x, y in ((frozen, labels.tolist()), (np.repeat(pred, 2, axis=3)[..., ::2], labels.astype("u8"))):
        value, grad = loss.value_and_grad(x, y, axis=1, **options)
        assert_allclose(value, expected, rtol=1e-14)
        assert_allclose(grad, slopes, rtol=1e-13, atol=1e-18)
    masks = np.moveaxis(np.eye(3)[labels], -1, 1)
    for mask in (masks, masks.astype(bool)):
        assert_allclose(loss(pred, mask, axis=1, **options), expected, rtol=1e-14)
    out = np.empty((2, 5, 14, 6))[..., ::2]
    assert loss.grad(np.moveaxis(pred, 1, -1), labels, axis=-1, out=out, **options) is out
    assert_allclose(out, np.moveaxis(slopes, 1, -1), rtol=1e-13, atol=1e-18)


def test_what_is_absent_may_hold_anything(rng: np.random.Generator) -> None:
    loss, options = fl.dice_loss, {"activation": "softmax", "axis": 1}
    pred, labels = rng.standard_normal((1, 3, 40)), rng.integers(0, 3, (1, 40))
    expected, slopes = loss.value_and_grad(pred[:, :, 1:], labels[:, 1:], **options)
    pred[0, :, 0] = np.nan
    for wrong in (7, -100):
        labels[0, 0] = wrong
        for absent in ({"weight": (np.arange(40) > 0).astype(float)[None]}, {"ignore_index": wrong}):
            value, grad = loss.value_and_grad(pred, labels, **options, **absent)
            assert_allclose(value, expected, rtol=1e-14)
            assert_allclose(grad[..., 1:], slopes, rtol=1e-13)
            assert_array_equal(grad[..., 0], 0.0)
    labels[0, 0] = 0
    value, grad = loss.value_and_grad(pred, labels, **options)
    assert np.isnan(value) and np.isnan(grad).all()
    # A region of its own for each class: the others know nothing of it.
    each = fl.dice_loss(
        pred[:, :2], np.eye(2)[labels % 2].swapaxes(1, 2), axis=1, activation="sigmoid", reduction="none"
    )
    assert np.isnan(each).all()
    pred[0, 1, 0] = 0.0
    each = fl.dice_loss(
        pred[:, :2], np.eye(2)[labels % 2].swapaxes(1, 2), axis=1, activation="sigmoid", reduction="none"
    )
    assert_array_equal(np.isnan(each), [True, False])


def test_classes_that_are_nowhere() -> None:
    pred, labels = np.zeros((3, 4)), np.array([0, 0, 1, 1])
    pred[0, :2] = pred[1, 2:] = 1.0
    value, grad = fl.dice_loss.value_and_grad(pred, labels, axis=0, reduction="none")
    assert_array_equal(value, 0.0)
    assert_array_equal(grad[2], 0.0)
    pred[2] = 0.125
    for classes, counted in (("all", 3), ("present", 2)):
        each = fl.dice_loss(pred, labels, axis=0, reduction="none", classes=classes)
        assert each[2] == (classes == "all")
        assert_allclose(fl.dice_loss(pred, labels, axis=0, classes=classes), each.sum() / counted, rtol=1e-15)
    # One without a weight does not make the score present that it is no part of.
    shared = {"axis": 0, "per_class": False, "classes": "present"}
    assert np.isnan(fl.dice_loss(pred, labels, class_weight=[0, 0, 1], **shared))
    assert fl.dice_loss(pred, labels, class_weight=[0, 1, 1], **shared) > 0.0
    # Without smoothing there is no way down from 1; with some there is one.
    assert_array_equal(fl.dice_loss.grad(pred, labels, axis=0)[2], 0.0)
    assert (fl.dice_loss.grad(pred, labels, axis=0, smooth=1e-5)[2] > 0).all()
    # A sample without pixels has no score.
    twice = np.stack([pred, pred])
    weight = np.array([[1.0] * 4, [0.0] * 4])
    value = fl.dice_loss(twice, np.stack([labels, labels]), axis=1, weight=weight, per_sample=True)
    assert_allclose(value, fl.dice_loss(pred, labels, axis=0), rtol=1e-15)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_regions_that_are_hardly_there(dtype: str) -> None:
    """A derivative beyond the type, by pixels of a kind that there are none of, is nobody's."""
    tiny, none = np.finfo(dtype).smallest_subnormal, np.zeros(4, np.intp)
    logit = np.full(4, np.log(np.finfo(dtype).tiny) - 8, dtype)
    for loss, pred, target, how in (
        (fl.dice_loss, np.full(4, tiny), none, {}),
        (fl.dice_loss, logit, none, {"activation": "sigmoid"}),
        (fl.dice_loss, np.stack([0 * logit, logit]), none, {"activation": "softmax", "axis": 0}),
        (fl.generalized_dice_loss, logit, none, {"activation": "sigmoid"}),
        (fl.focal_tversky_loss, logit, none, {"activation": "sigmoid"}),
        (fl.tversky_loss, np.full(4, tiny), none + 1, {"alpha": 1.0, "beta": 0.0}),
    ):
        value, grad = loss.value_and_grad(pred, target, **how)
        assert np.isfinite(value)
        assert_allclose(grad, 0.0, atol=1e-30)


def test_nothing_to_average() -> None:
    for shape in ((0,), (2, 0), (0, 3)):
        none = np.zeros(shape)
        assert np.isnan(fl.dice_loss(none, none)) and fl.dice_loss(none, none, empty="zero") == 0.0
        assert fl.dice_loss(none, none, reduction="sum") == 0.0
        assert fl.dice_loss.grad(none, none).shape == shape
        assert np.isnan(fl.lovasz_hinge_loss(none, none))
    with pytest.raises(ValueError, match="there is nothing to average"):
        fl.dice_loss(none, none, empty="raise")
    assert fl.dice_loss(0.5, 1.0) == fl.dice_loss([0.5], [1.0])
    assert np.ndim(fl.dice_loss.grad(0.5, 1.0)) == 0


@pytest.mark.parametrize("power", [-1_030, 1_000])
def test_weights_that_are_hardly_numbers(power: int, rng: np.random.Generator) -> None:
    """Scores are those of weights which are all as many times as large, and smoothing with them."""
    pred, target, weight = data(rng, None)
    for loss in (fl.dice_loss, fl.generalized_dice_loss):
        expected, slopes = loss.value_and_grad(pred, target, axis=1, weight=weight)
        value, grad = loss.value_and_grad(pred, target, axis=1, weight=np.ldexp(weight, power))
        assert_allclose(value, expected, rtol=1e-13)
        assert_allclose(grad, slopes, rtol=1e-12)
    for k in (-70, 70):
        smooth = {fl.dice_loss: np.ldexp(0.5, k), fl.generalized_dice_loss: np.ldexp(0.5, -k)}
        for loss, s in smooth.items():
            value = loss(pred, target, axis=1, weight=np.ldexp(weight, k), smooth=s)
            assert_allclose(value, loss(pred, target, axis=1, weight=weight, smooth=0.5), rtol=1e-13)


@pytest.mark.compiled
def test_small_floats_and_many_pixels(rng: np.random.Generator) -> None:
    """Sums of float16 would end at 65,504."""
    n = 300_000
    pred, target = rng.random(n).astype("f2"), (rng.random(n) < 0.5).astype("f2")
    value, grad = fl.dice_loss.value_and_grad(pred, target, backend="serial")
    wide, steps = fl.dice_loss.value_and_grad(pred.astype("f8"), target.astype("f8"), backend="serial")
    assert value.dtype == np.float32 and grad.dtype == np.float16
    assert_allclose(value, wide, rtol=1e-6)
    single, slopes = fl.dice_loss.value_and_grad(pred.astype("f4"), target.astype("f4"), backend="serial")
    assert slopes.dtype == np.float32
    assert_allclose(single, wide, rtol=1e-7)
    assert_allclose(slopes, steps, rtol=2e-6)


@pytest.mark.full
@pytest.mark.compiled
@pytest.mark.parametrize("loss", THREADED, ids=str)
def test_the_same_bits_for_any_number_of_threads(loss: Any, rng: np.random.Generator) -> None:
    pred, labels = rng.standard_normal((3, 4, 170, 150)).astype("f4"), rng.integers(0, 4, (3, 170, 150))
    options: Any = {"axis": 1, "activation": "softmax"}
    expected, slopes = same_bits_on_threads(partial(loss.value_and_grad, pred, labels, **options))
    if loss is fl.dice_loss:
        wide, steps = loss.value_and_grad(pred.astype("f8"), labels, backend="serial", **options)
        assert_allclose(expected, wide, rtol=1e-6)
        assert_allclose(slopes, steps, rtol=1e-5, atol=1e-11)


def test_out_may_be_the_prediction(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 3, (2, 2, 2))
    for loss, activation in ((fl.dice_loss, "softmax"), (fl.lovasz_softmax_loss, "softmax"), (fl.dice_loss, None)):
        pred, mask, _ = data(rng, activation)
        target, options = (labels, {"activation": activation, "axis": 1}) if activation else (mask, {})
        expected, slopes = loss.value_and_grad(pred, target, **options)
        again = pred.copy()
        value, grad = loss.value_and_grad(again, target, out=again, **options)
        assert grad is again and value == expected
        assert_array_equal(again, slopes)
        each = np.empty((2, 3) if activation else 2)
        assert loss(pred, target, reduction="none", out=each, per_sample=True, **options) is each


def test_infinite_logits() -> None:
    """The limits: what is certain has a probability of 1, and no gradient."""
    pred = np.array([[np.inf, 0.0, -np.inf], [0.0, np.inf, -np.inf]])
    value, grad = fl.dice_loss.value_and_grad(pred, [0, 1, 1], axis=0, activation="softmax")
    assert_allclose(value, fl.dice_loss([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]], [0, 1, 1], axis=0), rtol=1e-15)
    assert_array_equal(grad[:, :2], 0.0)
    value, grad = fl.dice_loss.value_and_grad([np.inf, -np.inf, 0.0], [1, 0, 1], activation="sigmoid")
    assert_allclose(value, 1 - 3.0 / 3.5, rtol=1e-14)
    assert_array_equal(grad[:2], 0.0)


def test_errors(rng: np.random.Generator) -> None:
    loss = fl.dice_loss
    pred, labels = rng.random((2, 3, 4)), rng.integers(0, 3, (2, 4))
    dense, over, bad = rng.random((2, 3, 4)), pred.copy(), labels.copy()
    over[1, 2, 3], bad[1, 2] = 1.5, 3
    gpu = type("Tensor", (), {"__module__": "torch", "is_cuda": True})()
    flat = np.zeros(5)
    for call, message in (
        (lambda: loss(over, dense), r"dice_loss: pred\[1, 2, 3\] is 1\.5, expected a probability, from 0 to 1; logits are"),
        (lambda: loss(pred, over, axis=1), r"dice_loss: target\[1, 2, 3\] is 1\.5, expected a number from 0 to 1"),
        (lambda: loss(pred, bad, axis=1), r"target\[1, 2\] is 3, but there are 3 classes \(0 to 2\); .* pass target - 1"),
        (lambda: loss(pred[:, :1], labels * 0, axis=1), r"a single class along axis 1, .* pass pred\.squeeze\(1\), without"),
        (lambda: loss(flat, np.array([0, 1, 255, 0, 0])), r"target\[2\] is 255, but there are 2 classes \(0 to 1\)"),
        (lambda: loss(pred, -bad, axis=1), r"rows of this label are absent with ignore_index=-"),
        (lambda: loss(pred, labels), r"target has shape \(2, 4\), expected that of pred, \(2, 3, 4\); classes of pred need"),
        (lambda: loss(flat, flat[:, None]), "they differ by an axis of length 1"),
        (lambda: loss(pred, labels[:, None], axis=1), r"target has shape \(2, 1, 4\), expected .*squeeze\(1\)"),
        (lambda: loss(pred, labels * 1.0, axis=1), "target has dtype float64, expected integer labels"),
        (lambda: loss(pred, labels, axis=3), r"axis is 3, expected one of pred"),
        (lambda: loss(pred, dense, activation="softmax"), "axis is None, expected the axis of the classes"),
        (lambda: loss(pred, dense, activation="relu"), "activation is 'relu', expected None, 'sigmoid' or 'softmax'"),
        (lambda: loss(pred, dense, activation=["relu"]), r"activation is \['relu'\], expected None, 'sigmoid' or"),
        (lambda: loss(pred, dense, axis=1, ignore_index=0), "ignore_index is for integer labels, but target has shape"),
        (lambda: loss(pred, dense, class_weight=[1.0]), "class_weight is given, expected None; without axis"),
        (lambda: loss(pred, labels, axis=1, class_weight=[1.0]), r"class_weight has shape \(1,\), expected \(3,\)"),
        (lambda: loss(pred, labels, axis=1, class_weight=[1, 1, -1]), r"class_weight\[2\] is -1, expected a finite"),
        (lambda: loss(pred, labels, axis=1, weight=np.full((2, 4), -1.0)), r"weight\[0, 0\] is -1\.0, expected a finite"),
        (lambda: loss(pred, labels, axis=1, weight=np.ones(3)), "shapes do not broadcast|weight has shape"),
        (lambda: loss(pred, dense, smooth=-1), "smooth is -1, expected a number of at least 0"),
        (lambda: loss(pred, dense, per_sample=1), "per_sample is 1, expected True or False"),
        (lambda: loss(pred, dense, classes="some"), "classes is 'some', expected 'all' or 'present'"),
        (lambda: loss(pred, dense, gamma=2.0), "dice_loss: 'gamma' is no argument, expected pred, target, smooth, per_s"),
        (lambda: fl.focal_tversky_loss(pred, dense, gamma=0), "gamma is 0, expected a number greater than 0"),
        (lambda: fl.generalized_dice_loss(pred, dense, per_class=True), "'per_class' is no argument"),
        (lambda: loss([0.5, 0.5], [1], axis=0, per_sample=True), "target has shape|per_sample is True"),
        (lambda: loss(0.5, 0.5, per_sample=True), "per_sample is True and pred has shape"),
        (lambda: fl.lovasz_softmax_loss(pred, dense, axis=1), r"target\[0, 0, 0\] is 0\.\d+, expected 0 or 1"),
        (lambda: fl.lovasz_hinge_loss(pred, dense, activation="sigmoid"), "activation is 'sigmoid', expected None; it takes"),
        (lambda: loss(pred, dense, reduction="avg"), "reduction is 'avg', expected 'mean', 'sum' or 'none'; did you mean"),
        (lambda: loss(pred, dense, backend="cuda"), "backend is 'cuda', .*; dice_loss is computed on the host alone"),
        (lambda: loss.grad_and_hess(pred, dense), "dice_loss has no second derivative"),
        (lambda: loss(gpu, dense), "dice_loss: pred is a torch.Tensor in GPU memory, expected an array on the host"),
        (lambda: loss.grad(pred, dense, out=pred[:1]), "out has dtype float64 and shape"),
        (lambda: loss.grad(pred, dense, out=dense), "out overlaps target"),
        (lambda: loss.grad(pred, bad, axis=1, out=pred), r"target\[1, 2\] is 3"),
        (lambda: loss(pred, dense, out=np.empty(5)), "out is for reduction='none'"),
    ):  # fmt: skip
        before = [x.copy() for x in (pred, dense, over)]
        with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        for x, y in zip((pred, dense, over), before, strict=True):
            assert_array_equal(x, y)
    # The formula as it stands: a label that is no class is in no region.
    assert_allclose(loss(pred, bad, axis=1, check=False), loss(pred, np.moveaxis(np.eye(4)[bad], -1, 1)[:, :3], axis=1))
    assert np.isfinite(loss(over, dense, check=False))
    large = np.where(bad == 3, 2**63, bad.astype("u8"))
    with pytest.raises(ValueError, match=r"target\[1, 2\] is 9223372036854775808, but there are 3 classes"):
        loss(pred, large, axis=1)
    assert loss(pred, large, axis=1, check=False) == loss(pred, bad, axis=1, check=False)
    # Without weights and with them are two kernels, and LLVM may add up 8 pixels in two orders.
    weighed = loss(pred, large, axis=1, check=False, weight=np.ones((2, 4)))
    assert_allclose(weighed, loss(pred, bad, axis=1, check=False), rtol=4 * np.finfo(float).eps)
    assert all(pickle.loads(pickle.dumps(other)) is other for other in LOSSES)
    assert region_templates.STRIP <= region_templates.BLOCK
