"""What must hold for rows, whatever the formula: absence, NaN, reductions, threads, memory."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from data import EACH_KIND, ROWS, at_once, some
from numpy.testing import assert_allclose, assert_array_equal
from rowwise import KINDS, SOME_KINDS, TOLERANCE, close, draw, layouts, scores, targets

import fastloss as fl

# Sums of the same numbers in another order, or with another factor, in float64.
ROUNDING = 1e-13
# Two orders of the same float32 operations.
FLOAT32 = 2e-6

OF_SOFTMAX = ["cross_entropy", "poly_cross_entropy", "multiclass_focal", "generalized_cross_entropy", "distillation",
              "soft_distillation", "soft_reverse_distillation", "soft_js_distillation"]  # fmt: skip
"""Losses that do not change when all scores of a row do."""


def weighted(name: str, k: int, rng: np.random.Generator, n: int = 66) -> tuple[fl.RowLoss, list[Any], Any]:
    loss = fl.LOSSES[name]
    return loss, draw(loss, n, k, "f8", rng), rng.gamma(1.0, 1.0, n)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("k", SOME_KINDS)
@pytest.mark.parametrize("name", some(OF_SOFTMAX, ["cross_entropy", "soft_distillation"]))
def test_gradient_sums_to_zero_and_shifts_do_not_matter(name: str, k: int, rng: np.random.Generator) -> None:
    loss, arrays, weight = weighted(name, k, rng)
    value, grad = loss.value_and_grad(*arrays, weight=weight)
    assert_allclose(grad.sum(axis=1), 0.0, atol=ROUNDING * np.abs(grad).max())
    # Multiples of 1/4 below 2^40 are added without rounding.
    arrays[0] = np.round(4.0 * arrays[0]) / 4.0
    value, grad = loss.value_and_grad(*arrays, weight=weight)
    shifted, slope = loss.value_and_grad(arrays[0] + 2.0**20, *arrays[1:], weight=weight)
    assert_allclose(shifted, value, rtol=ROUNDING)
    close(slope, grad, ROUNDING)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["labels", "dense"])
@pytest.mark.parametrize("k", SOME_KINDS)
def test_smoothing_of_nothing_is_plain(k: int, kind: str, rng: np.random.Generator) -> None:
    z, t = scores((70, k), "f4", rng), targets(kind, 70, k, "f4", rng)
    value, grad = fl.cross_entropy.value_and_grad(z, t, label_smoothing=0.0)
    plain, slope = fl.cross_entropy.value_and_grad(z, t)
    assert value == plain
    assert grad.tobytes() == slope.tobytes()
    uniform = np.full((70, k), 1.0 / k, "f4")
    whole, flat = fl.cross_entropy.value_and_grad(z, t, label_smoothing=1.0)
    expected, level = fl.cross_entropy.value_and_grad(z, uniform)
    close(whole, expected, TOLERANCE["f4"])
    close(flat, level, TOLERANCE["f4"])


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("reduction", some(["mean", "sum", "none"], ["mean"]))
@pytest.mark.parametrize("k", SOME_KINDS)
@pytest.mark.parametrize("name", some(EACH_KIND, ["cross_entropy", "kl_divergence", "multilabel_margin"]))
def test_an_absent_row_is_absent(name: str, k: int, reduction: str, rng: np.random.Generator) -> None:
    """Whatever it holds: NaN, infinities, numbers outside the domain, labels that are no class."""
    loss, arrays, weight = weighted(name, k, rng, 130)
    keep = rng.random(130) < 0.6
    weight = np.where(keep, weight, 0.0)
    junk = np.array([np.nan, -np.nan, np.inf, -np.inf, 1e300, -7.0])
    spoiled = [
        np.where(keep, x, rng.choice([-1, k, 2**62], 130)) if x.ndim == 1
        else np.where(keep[:, None], x, np.where(rng.random((130, 1)) < 0.5, rng.choice(junk, (130, 1)), rng.choice(junk, (130, k))))
        for x in arrays
    ]  # fmt: skip
    for verb in ("value_and_grad", "grad_and_hess"):
        some, grad = getattr(loss, verb)(*spoiled, weight=weight, reduction=reduction)
        expected, slope = getattr(loss, verb)(*(x[keep] for x in arrays), weight=weight[keep], reduction=reduction)
        close(some[keep] if np.ndim(some) else some, expected, ROUNDING)
        close(grad[keep], slope, ROUNDING)
        assert_array_equal(grad[~keep], 0.0)
        if np.ndim(some):
            assert_array_equal(some[~keep], 0.0)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize(
    ("stored", "ignore"),
    some([("i8", -100), ("i8", 1), ("i1", -100), ("u1", 255), ("u8", 2**63 - 1)], [("i8", -100), ("i8", 1)]),
)
@pytest.mark.parametrize("k", some([3, 150], [150], plain=True))
def test_an_ignored_row_is_absent(k: int, stored: str, ignore: int, rng: np.random.Generator) -> None:
    z, t = scores((130, k), "f4", rng), rng.integers(0, min(k, 120), 130).astype(stored)
    t[::3] = ignore
    keep = t != ignore
    z[::6], z[3::6] = np.nan, np.inf
    value, grad = fl.cross_entropy.value_and_grad(z, t, ignore_index=ignore)
    expected, slope = fl.cross_entropy.value_and_grad(z[keep], t[keep])
    close(value, expected, TOLERANCE["f4"])
    close(grad[keep], slope, TOLERANCE["f4"])
    assert_array_equal(grad[~keep], 0.0)
    assert_array_equal(fl.cross_entropy(z, t, ignore_index=ignore, reduction="none")[~keep], 0.0)


@pytest.mark.full
@pytest.mark.parametrize("k", [3, 150])
def test_an_absent_row_has_any_unsigned_label(k: int, rng: np.random.Generator) -> None:
    z, t, weight = scores((70, k), "f4", rng), rng.integers(0, k, 70).astype("u8"), np.ones(70)
    weight[5], t[5] = 0.0, 2**64 - 1
    value, grad = fl.cross_entropy.value_and_grad(z, t, weight=weight)
    close(value, fl.cross_entropy(np.delete(z, 5, axis=0), np.delete(t, 5)), TOLERANCE["f4"])
    assert_array_equal(grad[5], 0.0)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_two_classes_are_a_logit(dtype: str, rng: np.random.Generator) -> None:
    z, t = scores((500, 2), dtype, rng), rng.integers(0, 2, 500)
    logit = z[:, 1].astype("f8") - z[:, 0].astype("f8")
    value, grad = fl.cross_entropy.value_and_grad(z, t)
    expected, slope = fl.bce_with_logits.value_and_grad(logit, t.astype("f8"))
    close(value, expected, TOLERANCE[dtype])
    close(grad, np.stack([-slope, slope], axis=1), TOLERANCE[dtype])
    bend = fl.bce_with_logits.grad_and_hess(logit, t.astype("f8"))[1]
    close(fl.cross_entropy.grad_and_hess(z, t)[1], np.stack([bend, bend], axis=1), TOLERANCE[dtype])


@pytest.mark.parametrize("verb", some(["value_and_grad", "grad_and_hess"], ["value_and_grad"]))
@pytest.mark.parametrize("k", some([3, 100, 1000], [1000]))
@pytest.mark.parametrize(
    "name",
    some(["cross_entropy", "multiclass_hinge_sum", "soft_distillation", "multilabel_margin"], ["cross_entropy"]),
)
def test_same_bits_for_any_number_of_threads(name: str, k: int, verb: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    for n in (1, 63, 65, 16_384 // k + 1, 40_000 // k + 77):
        arrays = draw(loss, n, k, "f4", rng)
        serial = getattr(loss, verb)(*arrays, backend="serial")
        for threads in (1, 2, None):
            fl.set_num_threads(threads)
            parallel = getattr(loss, verb)(*arrays, backend="parallel")
            fl.set_num_threads(None)
            for a, b in zip(serial, parallel, strict=True):
                assert a.tobytes() == b.tobytes()


KINDS_FIRST = [*product(EACH_KIND, [21], ["f8"])]


@pytest.mark.parametrize(
    ("name", "k", "dtype"),
    some([*KINDS_FIRST, *product(ROWS, [3], ["f4"]), *product(ROWS, [131], ["f8"])], KINDS_FIRST),
)
def test_nan_in_nan_out(name: str, k: int, dtype: str, rng: np.random.Generator) -> None:
    """In the value and in the row's gradient, and nowhere else: NaNs of both signs, in each input, at either end.

    The kernels are those of the loss's accuracy, and of test_row_templates.py.
    """
    loss = fl.LOSSES[name]
    weight = None if dtype == "f4" else np.ones(66)
    for sign, row, place in product((1.0, -1.0), (0, 65), (0, k - 1)):
        arrays = draw(loss, 66, k, dtype, rng)
        for x in arrays:
            if x.ndim < 2:
                continue
            kept, x[row, place] = x[row, place], np.copysign(np.nan, sign)
            each, grad, _ = at_once(loss, *arrays, weight=weight)
            x[row, place] = kept
            assert_array_equal(np.isnan(each), np.arange(66) == row)
            assert_array_equal(np.isnan(grad).any(axis=1), np.arange(66) == row)


@pytest.mark.full
@pytest.mark.parametrize("k", SOME_KINDS)
def test_a_nan_among_zeros(k: int) -> None:
    """A maximum must not forget it, and what is scaled by the maximum would then be 0."""
    x, y = np.zeros((2, k), "f4"), np.ones((2, k), "f4")
    x[0, 0] = np.nan
    for pair in ((x, y), (y, x)):
        each, grad = fl.cosine_distance.value_and_grad(*pair, reduction="none")
        assert np.isnan(each[0])
        assert not np.isnan(each[1])
        assert np.isnan(grad[0]).any()


@pytest.mark.parametrize("k", SOME_KINDS)
def test_a_nan_divided_by_too_much(k: int) -> None:
    """The reciprocal of this normalizer is 0 in float32; what is not known is still not known."""
    x = np.zeros((3, k), "f4")
    x[1, 0] = np.nan
    grad = fl.cross_entropy.grad(x, [0, 0, 0], normalizer=1e60)
    assert_array_equal(np.isnan(grad).all(axis=1), [False, True, False])


SPOILED = [*product(["cross_entropy", "soft_distillation"], [20], ["f8"])]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(
    ("name", "k", "dtype"),
    some([*SPOILED, *product(OF_SOFTMAX, [3], ["f4"]), *product(OF_SOFTMAX, [150], ["f8"])], SPOILED),
)
def test_a_nan_spoils_its_whole_row(
    name: str, k: int, dtype: str, label: int, sign: float, rng: np.random.Generator
) -> None:
    """A softmax of which one number is not known is not known; not even where the label stands elsewhere."""
    loss, weight = fl.LOSSES[name], None if dtype == "f4" else np.ones(66)
    arrays = draw(loss, 66, k, dtype, rng)
    arrays[0][40, 1] = np.copysign(np.nan, sign)
    if arrays[-1].ndim == 1:
        arrays[-1][40] = label
    each, grad, _ = at_once(loss, *arrays, weight=weight)
    assert_array_equal(np.isnan(each), np.arange(66) == 40)
    assert np.isnan(grad[40]).all()
    assert not np.isnan(np.delete(grad, 40, axis=0)).any()


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("dtype", some(["f2", "f4", "f8"], ["f4"]))
@pytest.mark.parametrize("k", some(KINDS, [20]))
def test_infinite_scores(k: int, dtype: str, rng: np.random.Generator) -> None:
    z, t = scores((70, k), dtype, rng), rng.integers(0, k, 70)
    z[9] = -np.inf
    z[10, 0], t[10] = -np.inf, 1  # masked
    z[11, 0], t[11] = np.inf, 0  # certain, and right
    each, grad = fl.cross_entropy.value_and_grad(z, t, reduction="none")
    assert np.isnan(each[9])
    assert np.isnan(grad[9]).all()
    assert not np.isnan(np.delete(grad, 9, axis=0)).any()
    assert grad[10, 0] == 0.0 == each[11]
    assert_array_equal(grad[11], 0.0)
    without = fl.cross_entropy(z[10:11, 1:].astype("f8"), t[10:11] - 1)
    close(each[10], without, TOLERANCE["f8" if dtype == "f8" else "f4"])
    assert np.isnan(fl.softmax(z)[9]).all()
    assert_array_equal(fl.softmax(z)[11], np.eye(k)[0])
    assert np.isnan(fl.softmax(z)).any(axis=1).sum() == 1
    assert np.isnan(fl.log_softmax(z)[9]).all()
    assert_array_equal(fl.logsumexp(z)[[9, 11]], [-np.inf, np.inf])
    assert np.isfinite(np.delete(fl.logsumexp(z), [9, 11])).all()


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("k", SOME_KINDS)
@pytest.mark.parametrize(
    "options", some(["ignored", "weightless", "no rows", "weightless classes"], ["ignored", "no rows"])
)
def test_mean_of_nothing(options: str, k: int) -> None:
    n = 0 if options == "no rows" else 5
    z, t = np.ones((n, k), "f4"), np.zeros(n, int)
    more: dict[str, Any] = {
        "ignored": {"ignore_index": 0},
        "weightless": {"weight": np.zeros(n, "f4")},
        "no rows": {},
        "weightless classes": {"class_weight": np.zeros(k)},
    }[options]
    value, grad = fl.cross_entropy.value_and_grad(z, t, **more)
    assert np.isnan(value)
    assert_array_equal(grad, np.zeros_like(z))
    assert fl.cross_entropy(z, t, empty="zero", **more) == 0.0
    assert fl.cross_entropy(z, t, reduction="sum", **more) == 0.0
    assert fl.cross_entropy(z, t, normalizer=3.0, **more) == 0.0
    assert_array_equal(fl.cross_entropy(z, t, reduction="none", **more), np.zeros(n))
    out = np.full_like(z, 7.0)
    with pytest.raises(ValueError, match="cross_entropy: there is nothing to average"):
        fl.cross_entropy.value_and_grad(z, t, empty="raise", out=out, **more)
    assert_array_equal(out, 7.0)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("shape", [(0, 3), (0, 200), (2, 0, 3), (0, 4, 3)], ids=str)
def test_no_rows(shape: tuple[int, ...]) -> None:
    z = np.empty(shape, "f4")
    each, grad = fl.cross_entropy.value_and_grad(z, z, reduction="none")
    assert (each.shape, grad.shape) == (shape[:-1], shape)
    assert fl.softmax(z).shape == fl.log_softmax(z).shape == shape
    assert fl.logsumexp(z).shape == shape[:-1]


TWICE = [*product(EACH_KIND, [21]), *product(["cross_entropy", "multilabel_margin"], [131])]
"""Each kind in one way through rows, and long rows once by classes and once by pairs."""


@pytest.mark.full
@pytest.mark.parametrize("name", ROWS)
def test_weight_two_is_twice_of_a_row(name: str, rng: np.random.Generator) -> None:
    """With the kernels of test_row_templates.py."""
    loss, arrays, weight = weighted(name, 131, rng)
    for found, one in zip(
        at_once(loss, *arrays, weight=weight), at_once(loss, *arrays, weight=np.ones(66)), strict=True
    ):
        close(found, one * (weight if one.ndim == 1 else weight[:, None]), ROUNDING)


@pytest.mark.parametrize(("name", "k"), some([*TWICE, *product(EACH_KIND, [3, 131])], TWICE))
def test_weight_two_is_twice(name: str, k: int, rng: np.random.Generator) -> None:
    """And twice means the row a second time; the sum is that of its rows. What sums up rows knows no loss."""
    loss, arrays, _ = weighted(name, k, rng)
    weight = np.where(np.arange(66) < 30, 2.0, 1.0)
    value, grad = loss.value_and_grad(*arrays, weight=weight)
    expected, slope = loss.value_and_grad(*(np.concatenate([x, x[:30]]) for x in arrays), weight=np.ones(96))
    assert_allclose(value, expected, rtol=ROUNDING)
    slope[:30] += slope[66:]
    close(grad, slope[:66], ROUNDING)
    total, grads = loss.value_and_grad(*arrays, weight=weight, reduction="sum")
    assert_allclose(total / 96, value, rtol=ROUNDING)
    close(grads / 96, grad, ROUNDING)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("k", SOME_KINDS)
@pytest.mark.parametrize("name", some(EACH_KIND, ["cross_entropy"]))
def test_verbs_agree(name: str, k: int, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays = draw(loss, 130, k, "f4", rng)
    value, grad = loss.value_and_grad(*arrays)
    assert loss(*arrays) == pytest.approx(value, rel=FLOAT32)
    for other in (loss.grad(*arrays), loss.grad_and_hess(*arrays)[0]):
        close(other, grad, FLOAT32)
    each, sloped = loss.value_and_grad(*arrays, reduction="none")
    close(each.sum() / 130, value, FLOAT32)
    close(sloped / 130, grad, FLOAT32)


@pytest.mark.parametrize("k", some([3, 21, 131], [21]))
def test_same_bits_wherever_the_arrays_lie(k: int, rng: np.random.Generator) -> None:
    """One element further on in memory, side by side or far apart."""
    z, t = scores((70, k), "f4", rng), rng.integers(0, k, 70)
    expected, slope = fl.cross_entropy.value_and_grad(z, t)
    memory = np.empty(2 * z.size + 300, "f4")
    for offset, gap in product(range(5), (0, 1, 7, 64, 200)):
        a = memory[offset:][: z.size].reshape(z.shape)
        b = memory[offset + z.size + gap :][: z.size].reshape(z.shape)
        for x, out in ((a, b), (b, a), (a, a)):
            x[:] = z
            value, grad = fl.cross_entropy.value_and_grad(x, t, out=out)
            assert value == expected
            assert grad.tobytes() == slope.tobytes()


@pytest.mark.parametrize("k", some(KINDS, [20]))
@pytest.mark.parametrize("kind", some(layouts(np.zeros((2, 2))), ["strided"]))
def test_memory(kind: str, k: int, rng: np.random.Generator) -> None:
    """Scores, targets, weights and gradients in other memory; in place; nothing around is touched."""
    z, t, weight = scores((70, k), "f4", rng), targets("dense", 70, k, "f4", rng), (rng.random(70) < 0.5).astype("f4")
    expected, slope = fl.cross_entropy.value_and_grad(z, t, weight=weight)
    x, y, w = layouts(z)[kind], layouts(t)[kind], layouts(np.stack([weight] * k, axis=1))[kind][:, 0]
    out = layouts(np.full_like(z, np.nan))[kind]
    around = None if out.base is None else out.base.copy()
    for given in (None, out, x):
        value, grad = fl.cross_entropy.value_and_grad(x, y, weight=w, out=given)
        assert given is None or grad is given
        close(value, expected, FLOAT32)
        close(grad, slope, FLOAT32)
    if around is not None:
        assert_array_equal(out.base[~np.isnan(around)], around[~np.isnan(around)])
    labels = np.repeat(rng.integers(0, k, 70), 2)[::2]
    close(fl.cross_entropy(layouts(z)[kind], labels), fl.cross_entropy(z, labels.copy()), FLOAT32)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["labels", "dense"])
@pytest.mark.parametrize("axis", [1, 3])
@pytest.mark.parametrize("turned", range(4))
def test_an_axis_backwards(turned: int, axis: int, kind: str, rng: np.random.Generator) -> None:
    """One of several axes, before, between or after the others: nothing around is read or written."""
    shape = (3, 4, 5, 7)
    batch, memories = tuple(n for i, n in enumerate(shape) if i != axis), []

    def backwards(x: Any, along: int) -> Any:
        memories.append(np.full((3, *x.shape), -99, x.dtype))
        memories[-1][1] = np.flip(x, along)
        return np.flip(memories[-1][1], along)

    along = turned - (turned > axis)
    z, weight = scores(shape, "f8", rng), rng.gamma(1.0, 1.0, batch)
    t = rng.integers(0, shape[axis], batch) if kind == "labels" else rng.random(shape)
    expected, slope = fl.cross_entropy.value_and_grad(z, t, axis=axis, weight=weight)
    x, out = backwards(z, turned), backwards(np.zeros(shape), turned)
    target = t if kind == "labels" and turned == axis else backwards(t, along if kind == "labels" else turned)
    rows = weight if turned == axis else backwards(weight, along)
    for given in (None, out, x):
        value, grad = fl.cross_entropy.value_and_grad(x, target, axis=axis, weight=rows, out=given)
        close(value, expected, TOLERANCE["f8"])
        close(grad, slope, TOLERANCE["f8"])
    for memory in memories:
        assert_array_equal(memory[::2], -99)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("k", some(KINDS, [20]))  # for bits, plain Python is not enough
def test_foreign_memory(k: int, rng: np.random.Generator) -> None:
    """Read-only, of the other byte order, not aligned, one row in place of many, lists."""
    z, t = np.repeat(scores((1, k), "f4", rng), 70, axis=0), rng.integers(0, k, 70)
    expected, slope = fl.cross_entropy.value_and_grad(z, t)
    frozen = z.copy()
    frozen.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + z.tobytes(), np.uint8)[1:].view("f4").reshape(z.shape)
    same = np.broadcast_to(z[0], z.shape)
    for x, y in ((frozen, t), (z.astype(">f4"), t.astype(">i8")), (unaligned, t), (same, t.tolist())):
        value, grad = fl.cross_entropy.value_and_grad(x, y)
        assert value == expected
        assert_array_equal(grad, slope)
