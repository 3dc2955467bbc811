"""The losses of a box and its target against the textbook formula in 50 digits; their laws, keywords and errors."""

from __future__ import annotations

import pickle
from functools import partial
from itertools import product
from typing import Any

import box_oracle
import numpy as np
import pytest
from data import same_bits_on_threads, some
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.kernels.bind import lift
from fastloss.structured import box_formulas, box_losses
from fastloss.structured.box_losses import AXES

pytestmark = pytest.mark.usefixtures("compiled_at_last")

LOSSES = [fl.iou_loss, fl.giou_loss, fl.diou_loss, fl.ciou_loss]
FORMATS = ("xyxy", "cxcywh")


def boxes(rng: np.random.Generator, n: int, format: str = "xyxy", dtype: Any = "f8") -> Any:
    centers, sizes = rng.uniform(-1, 1, (n, 2)), rng.uniform(0.1, 2, (n, 2))
    found = [centers - sizes / 2, centers + sizes / 2] if format == "xyxy" else [centers, sizes]
    return np.concatenate(found, axis=1).astype(dtype)


def pairs(rng: np.random.Generator, format: str, dtype: Any) -> tuple[Any, Any]:
    """Apart, overlapping, one inside the other, nearly the same, with ends in common."""
    pred, target = boxes(rng, 60, format, dtype), boxes(rng, 60, format, dtype)
    near = slice(0, 20)
    target[near] = pred[near] * (1 + rng.uniform(-1, 1, (20, 4)) * np.logspace(-1, -6, 20)[:, None]).astype(dtype)
    target[20:24, :2] = pred[20:24, :2]
    if format == "xyxy":
        target[20:24, 2:] = np.maximum(target[20:24, 2:], pred[20:24, :2] + 0.25)
    target[24] = pred[24]
    return pred, target


# -- The formulas as plain Python --------------------------------------------------------------------------------------


def plain(kind: str, format: str, pred: Any, target: Any) -> tuple[float, list[float]]:
    """A formula's value and gradient, in Python's floats."""
    axis, back = AXES[format]
    x = axis(*(float(v) for v in (pred[0], pred[2], target[0], target[2])))
    y = axis(*(float(v) for v in (pred[1], pred[3], target[1], target[3])))
    value, x1, x2, y1, y2 = getattr(box_formulas, kind)(x, y)
    (a, c), (b, d) = back(x1, x2), back(y1, y2)
    return value, [a, b, c, d]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", box_oracle.KINDS)
def test_formulas_in_50_digits(kind: str, format: str, rng: np.random.Generator) -> None:
    pred, target = pairs(rng, format, "f8")
    worst = 0.0
    for p, t in zip(pred, target, strict=True):
        value, slope = plain(kind, format, p, t)
        with mp.workdps(50):
            exact, steps = box_oracle.loss(kind, p, t, format), box_oracle.slopes(kind, p, t, format)
            worst = max(worst, abs(float((mpf(value) - exact) / exact)) if exact else abs(value))
            size = max(abs(float(s)) for s in steps)
            # Terms of both signs: the error is one of the largest of them.
            assert_allclose(slope, [float(s) for s in steps], rtol=2e-13, atol=4e-15 * max(size, 1.0))
    # Boxes that differ by a millionth have a loss of a millionth: it is exact, too.
    assert worst < 2e-15


@pytest.mark.parametrize("kind", box_oracle.KINDS)
def test_boxes_that_agree_have_no_gradient(kind: str) -> None:
    for box, format in product(([0.25, 0.5, 0.75, 2.0], [3.0, 4.0, 5.0, 6.0]), FORMATS):
        assert plain(kind, format, box, box) == (0.0, [0.0] * 4)


POINT, LINE, UPRIGHT = [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 3.0, 1.0], [1.0, 0.0, 1.0, 4.0]


@pytest.mark.parametrize("kind", box_oracle.KINDS)
def test_boxes_without_an_area_are_finite(kind: str) -> None:
    shapes = (POINT, LINE, UPRIGHT, [0.0, 0.0, 2.0, 2.0])
    for pred, target in product(shapes, shapes):
        value, slope = plain(kind, "xyxy", pred, target)
        assert np.isfinite([value, *slope]).all()
        with mp.workdps(50):
            assert_allclose(value, float(box_oracle.loss(kind, pred, target, "xyxy")), rtol=1e-15)
    # Nothing is known of a point's overlap with itself: it is 0, and there is no way to a larger one.
    assert plain("iou_loss", "xyxy", POINT, POINT) == (1.0, [0.0] * 4)


# -- The kernels -------------------------------------------------------------------------------------------------------


# The axes of a format are the same for every loss.
KERNELS = [*product(LOSSES, ["xyxy"], ["f8", "f4"]), *product([fl.giou_loss], ["cxcywh"], ["f8", "f4"])]


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("loss", "format", "dtype"), some(KERNELS, [k for k in KERNELS if fl.giou_loss in k and k[1:] != ("cxcywh", "f4")])
)
def test_kernels_are_the_formulas(loss: Any, format: str, dtype: str, rng: np.random.Generator) -> None:
    pred, target = pairs(rng, format, dtype)
    each, grad = loss.value_and_grad(pred, target, format=format, reduction="none")
    assert each.dtype == grad.dtype == pred.dtype
    expected = [plain(loss.name, format, p, t) for p, t in zip(pred, target, strict=True)]
    close = {"rtol": 3e-6, "atol": 0.0} if dtype == "f4" else {"rtol": 1e-14, "atol": 0.0}
    assert_allclose(each, [v for v, _ in expected], **close)
    slopes = np.array([s for _, s in expected])
    units = np.abs(slopes).max(axis=1, keepdims=True) + 1.0
    assert_allclose(grad / units, slopes / units, rtol=0, atol=6e-6 if dtype == "f4" else 1e-14)


def test_reductions_weights_and_broadcasting(rng: np.random.Generator) -> None:
    loss = fl.giou_loss
    pred, target, weight = boxes(rng, 12).reshape(3, 4, 4), boxes(rng, 4), rng.integers(0, 3, (3, 4)) / 2.0
    full = np.broadcast_to(target, pred.shape)
    each, slopes = loss.value_and_grad(pred, full, reduction="none")
    assert each.shape == (3, 4) and slopes.shape == pred.shape
    value, grad = loss.value_and_grad(pred, target, weight=weight)
    assert_allclose(value, (weight * each).sum() / weight.sum(), rtol=1e-14)
    assert_allclose(grad, slopes * (weight / weight.sum())[..., None], rtol=1e-13, atol=1e-16)
    assert_allclose(loss(pred, target, reduction="sum"), each.sum(), rtol=1e-14)
    assert_allclose(loss(pred, target, normalizer=5.0), each.sum() / 5.0, rtol=1e-14)
    assert_allclose(loss.grad(pred, target, normalizer=5.0), slopes / 5.0, rtol=1e-13, atol=1e-16)
    assert_allclose(loss(pred[0, 0], target[0]), each[0, 0], rtol=1e-15)
    assert loss.grad(pred[0, 0], target[0]).shape == (4,)
    rows = loss(pred, target, weight=weight[0], reduction="none")
    assert_allclose(rows, each * weight[0], rtol=1e-14)


@pytest.mark.parametrize("power", [-1_060, 1_015])
def test_weights_that_are_hardly_numbers(power: int, rng: np.random.Generator) -> None:
    """A mean is that of weights which are all as many times as large."""
    loss, (pred, target) = fl.giou_loss, (boxes(rng, 600), boxes(rng, 600))
    weight = rng.integers(0, 9, 600) / 1.0
    value, grad = loss.value_and_grad(pred, target, weight=weight)
    far, slopes = loss.value_and_grad(pred, target, weight=np.ldexp(weight, power))
    assert_allclose(far, value, rtol=1e-14)
    assert_allclose(slopes, grad, rtol=1e-14)
    again = loss.value_and_grad(pred, target, weight=np.ldexp(weight, power), normalizer=np.ldexp(1.0, power))
    assert_allclose(again[0], value * weight.sum(), rtol=1e-14)
    assert_allclose(again[1], grad * weight.sum(), rtol=1e-14)


def test_a_sum_beyond_all_numbers_is_infinite() -> None:
    with np.errstate(over="ignore"):
        assert box_losses._total(np.full(3, 1e308)) == np.inf


def test_what_is_absent_may_hold_anything_and_nan_is_kept(rng: np.random.Generator) -> None:
    loss = fl.giou_loss
    pred, target = boxes(rng, 8), boxes(rng, 8)
    expected, slopes = loss.value_and_grad(pred[1:], target[1:])
    weight = (np.arange(8) > 0).astype(float)
    for wrong in ([np.nan] * 4, [1.0, 0.0, 0.0, 0.0]):
        pred[0] = target[0] = wrong
        value, grad = loss.value_and_grad(pred, target, weight=weight)
        assert_allclose(value, expected, rtol=1e-14)
        assert_allclose(grad[1:], slopes, rtol=1e-13)
        assert_array_equal(grad[0], 0.0)
    for k, other in product(range(8), LOSSES):
        two = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0]])
        two.flat[k] = np.nan
        x, y = box_formulas.corner_axis(*two[:, [0, 2]].ravel()), box_formulas.corner_axis(*two[:, [1, 3]].ravel())
        assert np.isnan(getattr(box_formulas, other.name)(x, y)).all()
    pred[0] = [0.0, 0.0, np.inf, 1.0]
    assert np.isnan(loss(pred, boxes(rng, 8)))


def test_nothing_to_average(rng: np.random.Generator) -> None:
    none, loss = np.zeros((0, 4)), fl.giou_loss
    assert np.isnan(loss(none, none)) and loss(none, none, empty="zero") == 0.0
    assert loss(none, none, reduction="sum") == 0.0
    assert loss.grad(none, none).shape == (0, 4)
    with pytest.raises(ValueError, match="there is nothing to average"):
        loss(none, none, empty="raise")
    value, grad = loss.value_and_grad(boxes(rng, 3), boxes(rng, 3), weight=np.zeros(3))
    assert np.isnan(value)
    assert_array_equal(grad, 0.0)


def test_extremes_of_size(rng: np.random.Generator) -> None:
    """A power of two changes neither the loss nor the digits of the gradient, in whatever type."""
    pred, target = pairs(rng, "xyxy", "f4")
    expected = fl.giou_loss.value_and_grad(pred, target, reduction="none")
    for power in (-100, -60, 60, 100):
        value, grad = fl.giou_loss.value_and_grad(np.ldexp(pred, power), np.ldexp(target, power), reduction="none")
        assert_array_equal(value, expected[0])
        assert_array_equal(np.ldexp(grad, power), expected[1])
    for loss, size in product(LOSSES, (1e-30, 1e30)):
        value = getattr(box_formulas, loss.name)(
            *(lifted(x * size for x in row) for row in ((0, 2, 1, 3), (0, 1, 0, 4)))
        )
        assert np.isfinite(value).all() and 0 < value[0] < 3


def lifted(numbers: Any) -> Any:
    """An axis in float32."""
    return lift(box_formulas.corner_axis, None, np.float32, lambda f: f)(*(np.float32(x) for x in numbers))


@pytest.mark.compiled
def test_the_same_bits_for_any_number_of_threads(rng: np.random.Generator) -> None:
    same_bits_on_threads(partial(fl.giou_loss.value_and_grad, boxes(rng, 30_000), boxes(rng, 30_000)))


def test_out_may_be_the_prediction(rng: np.random.Generator) -> None:
    loss = fl.giou_loss
    pred, target = boxes(rng, 9), boxes(rng, 9)
    expected = loss.grad(pred, target)
    for out in (np.empty_like(pred), np.empty((9, 8))[:, ::2], pred.copy()):
        assert loss.grad(pred, target, out=out) is out
        assert_array_equal(out, expected)
    again = pred.copy()
    value, grad = loss.value_and_grad(again, target, out=again)
    assert grad is again and value == loss(pred, target)
    assert_array_equal(again, expected)
    each = np.empty(9)
    assert loss(pred, target, reduction="none", out=each) is each
    half = pred.astype("f2")
    assert loss.grad(half, target, check=False).dtype == np.float16
    assert_array_equal(loss.grad(pred.tolist(), target.tolist()), expected)


def test_errors(rng: np.random.Generator) -> None:
    loss = fl.giou_loss
    pred, target = boxes(rng, 5), boxes(rng, 5)
    turned, flat, wide = pred.copy(), target.copy(), rng.random((5, 5))
    turned[3, 0], flat[2, 3] = 9.0, -9.0
    gpu = type("Tensor", (), {"__module__": "torch", "is_cuda": True})()
    bad_weight = np.array([1.0, -1.0, 1.0, 1.0, 1.0])
    for call, message in (
        (lambda: loss(turned, target), r"giou_loss: pred\[3\] is \[9\.0, .*\], expected x1 <= x2 and y1 <= y2; .*cxcywh"),
        (lambda: loss(pred, flat), r"giou_loss: target\[2\] is \[.*\], expected x1 <= x2"),
        (lambda: loss(-np.abs(pred), target, format="cxcywh"), r"pred\[0\] is .*, expected w and h of at least 0"),
        (lambda: loss(wide, wide), r"pred has shape \(5, 5\), expected \(\.\.\., 4\)"),
        (lambda: loss(pred, target[:4]), "shapes do not broadcast: pred"),
        (lambda: loss(pred, target[None]), "they differ by an axis of length 1"),
        (lambda: loss(pred[0], target), r"target has shape \(5, 4\), expected one that broadcasts to pred's, \(4,\)"),
        (lambda: loss(pred, target, weight=np.ones(4)), "shapes do not broadcast: the batch of pred"),
        (lambda: loss(pred, target, weight=bad_weight), r"weight\[1\] is -1\.0, expected a finite number of at least 0"),
        (lambda: loss(pred, target, format="xywh"), "format is 'xywh', expected 'xyxy' or 'cxcywh'; a corner becomes"),
        (lambda: loss(pred, target, reduction="avg"), "reduction is 'avg', expected 'mean', 'sum' or 'none'; did you mean"),
        (lambda: loss(pred, target, normalizer=0), "normalizer is 0, expected a positive number"),
        (lambda: loss(pred, target, backend="cuda"), "backend is 'cuda', .*; giou_loss is computed on the host alone"),
        (lambda: loss(pred, target, delta=1.0), "giou_loss: 'delta' is no argument, expected pred, target, format"),
        (lambda: loss.grad_and_hess(pred, target), "giou_loss has no second derivative"),
        (lambda: loss(gpu, target), "giou_loss: pred is a torch.Tensor in GPU memory, expected an array on the host"),
        (lambda: loss(pred, "no"), "giou_loss: target is 'no'"),
        (lambda: loss.grad(pred, target, out=pred[:4]), "out has dtype float64 and shape"),
        (lambda: loss.grad(pred, target, out=target), "out overlaps target"),
        (lambda: loss.grad(turned, target, out=pred), r"pred\[3\] is"),
        (lambda: loss(pred, target, out=np.empty(5)), "out is for reduction='none'"),
    ):  # fmt: skip
        before = pred.copy(), target.copy()
        with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
            pytest.fail(f"no error: {message}, got {call()}")
        assert_array_equal(pred, before[0])
        assert_array_equal(target, before[1])
    # The formula as it stands.
    assert np.isfinite(loss(turned, target, check=False))
    assert all(pickle.loads(pickle.dumps(other)) is other for other in LOSSES)
