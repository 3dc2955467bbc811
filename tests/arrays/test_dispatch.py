"""What NumPy can hold goes through: layouts, broadcasting, in place, other containers; with no copy that could be spared."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from data import REPRESENTATIVE, draw, gradients, some, watched
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.arrays.host import memory as layout
from fastloss.arrays.host import recipes

SHAPE = (60, 40)


def layouts(x: Any) -> dict[str, Any]:
    """The same numbers in every kind of memory."""
    wide = np.zeros((x.shape[0] * 2, x.shape[1] * 3), x.dtype)
    wide[::2, 1::3] = x
    tall = np.zeros((x.shape[0], x.shape[1] + 5), x.dtype)
    tall[:, 2:-3] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "C": x.copy(),
        "Fortran": np.asfortranarray(x),
        "strided": wide[::2, 1::3],
        "slice": tall[:, 2:-3],
        "reversed": x[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": frozen,
        "big-endian": x.astype(x.dtype.newbyteorder(">")),
        "unaligned": np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
    }


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize(
    "name",
    [*(pytest.param(n, marks=pytest.mark.compiled) for n in ("huber", "gaussian_nll")), "root_mean_squared_error"],
)
@pytest.mark.parametrize("kind", list(layouts(np.zeros((2, 2)))))
def test_layouts(name: str, kind: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays = draw(loss, SHAPE, "f4", rng)
    weight = rng.gamma(1.0, 1.0, SHAPE).astype("f4")
    expected, slopes = loss.value_and_grad(*arrays, weight=weight)
    for k in range(len(arrays) + 1):
        mixed = [*arrays, weight]
        mixed[k] = layouts(mixed[k])[kind]
        before = mixed[k].copy()
        value, grad = loss.value_and_grad(*mixed[:-1], weight=mixed[-1])
        assert_allclose(value, expected, rtol=1e-6)
        for j, (g, s) in enumerate(zip(gradients(grad), gradients(slopes), strict=True)):
            assert g.shape == SHAPE
            # That by a variance is w / (2 v) less another such term, which two kernels may round otherwise.
            term = weight / (2.0 * arrays[2]) / weight.sum() if j else 0.0
            assert (np.abs(g - s) <= 1e-6 * np.abs(s) + 1e-12 + 2.0**-23 * term).all()
        assert_array_equal(mixed[k], before)


@pytest.mark.parametrize("kind", ["C", "Fortran", "strided", "slice", "reversed"])
def test_out_of_any_layout(kind: str, rng: np.random.Generator) -> None:
    pred, target = draw(fl.huber, SHAPE, "f4", rng)
    expected = fl.huber.grad(pred, target)
    out = layouts(np.full(SHAPE, np.nan, "f4"))[kind]
    around = out.base.copy() if out.base is not None else None
    assert fl.huber.grad(pred, target, out=out) is out
    assert_allclose(out, expected, rtol=1e-6)
    if around is not None and kind in ("strided", "slice"):
        touched = out.base != around
        touched &= ~np.isnan(around)
        assert not touched.any()


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("kind", ["C", "Fortran", "strided", "slice"])
@pytest.mark.parametrize("verb", [pytest.param("value_and_grad", marks=pytest.mark.compiled), "grad_and_hess"])
def test_in_place(kind: str, verb: str, rng: np.random.Generator) -> None:
    pred, target = draw(fl.bce_with_logits, SHAPE, "f4", rng)
    expected = getattr(fl.bce_with_logits, verb)(pred, target)
    pred = layouts(pred)[kind]
    out = pred if verb == "value_and_grad" else (pred, np.empty(SHAPE, "f4"))
    result = getattr(fl.bce_with_logits, verb)(pred, target, out=out)
    for r, e in zip(result, expected, strict=True):
        assert_allclose(r, e, rtol=1e-6)
    assert result[verb == "value_and_grad"] is pred


def test_in_place_large_gives_the_same_bits(rng: np.random.Generator) -> None:
    pred, target = draw(fl.bce_with_logits, 100_000, "f4", rng)
    value, grad = fl.bce_with_logits.value_and_grad(pred, target)
    inside, same = fl.bce_with_logits.value_and_grad(pred, target, out=pred)
    assert same is pred
    assert inside == value
    assert_array_equal(pred, grad)


def test_one_of_two_gradients_in_place(rng: np.random.Generator) -> None:
    pred, target, var = draw(fl.gaussian_nll, 50_000, "f8", rng)
    expected = fl.gaussian_nll.grad(pred, target, var)
    with pytest.raises(ValueError, match="out overlaps var"):
        fl.gaussian_nll.grad(pred, target, var, out=(pred, var))
    result = fl.gaussian_nll.grad(pred, target, var, out=(pred, np.empty_like(var)))
    assert result[0] is pred
    assert_allclose(pred, expected[0], rtol=1e-14)
    assert_allclose(result[1], expected[1], rtol=1e-14)


@pytest.mark.parametrize("size", [5, 40, 63, 100])
def test_same_bits_wherever_the_arrays_lie(size: int, rng: np.random.Generator) -> None:
    """Next to each other in memory, or far apart; the compiler must not take another loop for it."""
    pred, target = draw(fl.huber, size, "f4", rng)
    expected, slope = fl.huber.value_and_grad(pred, target)
    for gap in range(0, 300, 4):
        memory = np.empty(3 * size + 2 * gap, "f4")
        near = [memory[k * (size + gap) :][:size] for k in range(3)]
        for p, t, out in permutations(near):
            p[:], t[:] = pred, target
            value, grad = fl.huber.value_and_grad(p, t, out=out)
            assert value == expected
            assert grad.tobytes() == slope.tobytes()


BROADCASTS = [((60, 40), (40,), ()), ((60, 40), (60, 1), (60, 1)), ((60, 40), (), (40,)), ((40,), (60, 40), (60, 40)),
              ((60, 1), (60, 40), (60, 1)), ((), (60, 40), ()), ((3, 1, 5), (4, 1), (3, 4, 5)), ((1,), (7,), (7,))]  # fmt: skip


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("shapes", BROADCASTS, ids=str)
def test_broadcasting(shapes: tuple[tuple[int, ...], ...], rng: np.random.Generator) -> None:
    """Against the arrays broadcast beforehand; an input that is broadcast has the sum as its gradient."""
    pred, target, weight = (rng.gamma(2.0, 1.0, s) for s in shapes)
    full = np.broadcast_shapes(*shapes)
    dense = [np.broadcast_to(x, full).copy() for x in (pred, target, weight)]
    value, grad = fl.squared_error.value_and_grad(pred, target, weight=weight)
    expected, wide = fl.squared_error.value_and_grad(*dense[:2], weight=dense[2])
    assert_allclose(value, expected, rtol=1e-13)
    pred_shape = np.shape(pred)
    axes = tuple(range(len(full) - len(pred_shape)))
    summed = wide.sum(axis=axes)
    summed = summed.sum(axis=tuple(i for i, n in enumerate(pred_shape) if n == 1 < summed.shape[i]), keepdims=True)
    assert np.shape(grad) == pred_shape
    assert_allclose(grad, summed.reshape(pred_shape), rtol=1e-12, atol=1e-15)
    assert_array_equal(fl.squared_error(pred, target, reduction="none").shape, np.broadcast_shapes(*shapes[:2]))


@pytest.mark.usefixtures("compiled_at_last")
def test_gradient_of_a_broadcast_variance(rng: np.random.Generator) -> None:
    pred, target, var = draw(fl.gaussian_nll, 300, "f8", rng)
    d_pred, d_var = fl.gaussian_nll.grad(pred, target, var[0])
    _, each = fl.gaussian_nll.grad(pred, target, np.full(300, var[0]))
    assert d_pred.shape == (300,)
    assert_allclose(d_var, each.sum(), rtol=1e-12)
    out = (np.empty(300), np.empty(()))
    assert fl.gaussian_nll.grad(pred, target, np.array(var[0]), out=out)[1] is out[1]
    assert_allclose(out[1], d_var, rtol=1e-15)


@pytest.mark.usefixtures("compiled_at_last")
def test_containers() -> None:
    expected = (np.float64(1.75), np.array([0.5, 1.5]))
    pred, target = [1.0, 4.0], [0.0, 1.0]
    for wrap in (list, tuple, np.array, pd.Series, pl.Series, lambda x: pd.DataFrame({"a": x})["a"].astype("Float64")):
        value, grad = fl.huber.value_and_grad(wrap(pred), wrap(target), delta=3.0)
        assert value == 2.5
        assert type(grad) is np.ndarray
        assert_array_equal(grad, expected[1])
    assert fl.huber(3, 1) == 1.5
    value, grad = fl.huber.value_and_grad(np.float32(3), 1)
    assert (value, grad) == (1.5, 1.0)
    assert type(value) is type(grad) is np.float32
    assert fl.huber.value_and_grad(target=[0.0, 1.0], pred=[1.0, 4.0], delta=3.0)[0] == 2.5


def test_memory_mapped(tmp_path: Path, rng: np.random.Generator) -> None:
    pred, target = draw(fl.huber, 1000, "f4", rng)
    np.save(tmp_path / "pred.npy", pred)
    mapped = np.load(tmp_path / "pred.npy", mmap_mode="r")
    out = np.lib.format.open_memmap(tmp_path / "grad.npy", mode="w+", dtype="f4", shape=(1000,))
    value, grad = fl.huber.value_and_grad(mapped, target, out=out)
    assert grad is out
    expected, slope = fl.huber.value_and_grad(pred, target)
    assert value == expected
    out.flush()
    assert_array_equal(np.load(tmp_path / "grad.npy"), slope)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0)])
@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_empty(name: str, shape: tuple[int, ...]) -> None:
    loss = fl.LOSSES[name]
    arrays = [np.empty(shape, "f4") for _ in loss.inputs]
    value, grad = loss.value_and_grad(*arrays)
    assert np.isnan(value)
    assert all(g.shape == shape for g in gradients(grad))


@pytest.mark.parametrize("given_out", [False, True])
def test_allocates_the_gradient_and_nothing_else(given_out: bool, rng: np.random.Generator) -> None:
    n = 2**20
    pred, target = draw(fl.bce_with_logits, n, "f4", rng)
    weight = rng.random(n).astype("f4")
    out = np.empty(n, "f4") if given_out else None
    fl.bce_with_logits.value_and_grad(pred, target, weight=weight, out=out)
    tracemalloc.start()
    fl.bce_with_logits.value_and_grad(pred, target, weight=weight, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.02 * pred.nbytes + (0 if given_out else pred.nbytes)


def test_runs_are_views() -> None:
    """Arrays with one common order are not copied, whatever that order is."""
    x = np.arange(24.0).reshape(2, 3, 4)
    for arrays, expected in [
        ((x, x), "C"),
        ((x.T, x.T), "C"),
        ((x.transpose(1, 0, 2), x.transpose(1, 0, 2)), "C"),
        ((x, np.float64(2)), "A"),
        ((x[0, :, 0], x[1, :, 0]), "A"),
    ]:
        arrays = tuple(np.asarray(a) for a in arrays)
        ((views, order, single),) = layout.runs(arrays, arrays[0].shape, 0)
        assert (order, single) == (expected, True)
        assert all(np.shares_memory(v, a) for v, a in zip(views, arrays, strict=True))


def test_import_loads_no_array_library() -> None:
    code = (
        "import sys, fastloss; print([m for m in ('numba', 'torch', 'pandas', 'polars', 'scipy', 'sklearn', 'jax',"
        " 'cupy', 'ml_dtypes', 'llvmlite') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.usefixtures("compiled_at_last")
def test_losses_are_values() -> None:
    robust = fl.huber.bind(delta=2.0)
    assert repr(robust) == "huber(delta=2.0)"
    assert robust([3.0], [0.0]) == fl.huber([3.0], [0.0], delta=2.0) == 4.0
    assert fl.huber([3.0], [0.0]) == 2.5
    assert pickle.loads(pickle.dumps(robust)) == robust != fl.huber
    assert pickle.loads(pickle.dumps(fl.rmse)) == fl.rmse
    assert len({robust, fl.huber, fl.huber.bind()}) == 2
    assert fl.mse is fl.squared_error


@pytest.mark.usefixtures("compiled_at_last")
def test_a_recipe_does_not_outlive_its_options() -> None:
    """The short way for common calls must not answer for a call that differs in any option."""
    pred, target = np.array([3.0, 1.0]), np.array([0.0, 0.0])
    assert fl.huber(pred, target) == 1.5
    assert fl.huber(pred, target) == 1.5
    assert fl.huber(pred, target, delta=3.0) == 2.5
    assert fl.huber(pred, target, reduction="sum") == 3.0
    assert fl.huber(pred, target, normalizer=4.0) == 0.75
    assert fl.huber(pred, target, weight=[1.0, 0.0]) == 2.5
    assert_array_equal(fl.huber(pred, target, reduction="none"), [2.5, 0.5])
    assert fl.huber(pred.astype("f4"), target).dtype == np.float32
    assert fl.huber(pred[:0], target[:0], empty="zero") == 0.0


@pytest.mark.skipif("not __import__('sys').platform.startswith('linux')", reason="lazily allocated zero pages")
def test_more_than_2_to_the_31_elements() -> None:
    """int8 targets over one page: a broadcast scalar would not count, so the prediction is 2 GiB of float16 zeros."""
    n = 2**31 + 5
    pred = np.zeros(n, np.float16)  # 4 GiB of untouched pages
    value = fl.absolute_error(pred, np.int8(1), reduction="sum")
    assert value == n


@st.composite
def memories(draw: Any) -> tuple[Any, ...]:
    """Three arrays of one random shape, each cut out of a larger one with random order, steps and offsets."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    arrays: list[Any] = []
    # Of all 27 there would be a kernel for most examples.
    kinds = draw(st.sampled_from([("f4", "f4", "f4"), ("f8", "f2", "f4"), ("f2", "f8", "f8"), ("f4", "f8", "f2")]))
    for kind in kinds:
        steps = [draw(st.sampled_from([1, 1, 2, -1, -3])) for _ in shape]
        order = draw(st.permutations(range(len(shape))))
        room = np.zeros([abs(steps[k]) * shape[k] + 1 for k in order], kind)
        view = room.transpose(np.argsort(order))
        view = view[tuple(slice(None, None, s) for s in steps)][tuple(slice(n) for n in shape)]
        view[...] = draw(st.integers(-3, 3)) + np.arange(view.size).reshape(shape) % 5
        arrays.append(view)
    return tuple(arrays)


@pytest.mark.full
@settings(deadline=None, max_examples=150)
@given(memories())
def test_any_memory(arrays: tuple[Any, ...]) -> None:
    pred, target, weight = arrays
    weight = np.abs(weight)
    value, grad = fl.squared_error.value_and_grad(pred, target, weight=weight, reduction="sum")
    r = pred.astype("f8") - target.astype("f8")
    assert_allclose(value, (weight.astype("f8") * r * r).sum(), rtol=1e-6)
    assert_allclose(grad.astype("f8"), 2.0 * weight * r, rtol=1e-3 if pred.dtype == "f2" else 1e-6)
    out = np.full_like(pred, 7)
    fl.squared_error.grad(pred, target, weight=weight, reduction="sum", out=out)
    assert_array_equal(out, grad)


SHORT = [
    *product(["hinge"], ["__call__", "value_and_grad", "grad", "grad_and_hess"], ["mean", "sum", "none"]),
    ("root_mean_squared_log_error", "value_and_grad", "mean"),
    ("root_mean_squared_error", "grad_and_hess", "mean"),
    ("gaussian_nll", "value_and_grad", "mean"),
    ("gaussian_nll", "value_and_grad", "none"),
]


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("weighted", some([False, True], [True]))
@pytest.mark.parametrize(("name", "verb", "reduction"), some(SHORT, [SHORT[3], SHORT[-1]], plain=True))
def test_short_way_and_long_way_agree(
    name: str, verb: str, reduction: str, weighted: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss that remembers no call goes the long way; the same call again goes the short one."""
    short = watched(recipes, "evaluate", monkeypatch)
    count = len(fl.LOSSES[name].wrt)
    ways = ["fresh"] if verb == "__call__" else ["fresh", "apart", "over"]
    own = [None, 7] if reduction == "mean" else [None]
    for (shape, dtype), way, check, normalizer in product([((40,), "f4"), ((5, 8), "f8")], ways, [False, True], own):
        loss = fl.LOSSES[name].bind()
        options = {"reduction": reduction, "check": check, "normalizer": normalizer}
        drawn = draw(loss, shape, dtype, rng)
        weight = rng.gamma(1.0, 1.0, shape).astype(dtype) if weighted else None
        results = []
        for _ in range(3):
            arrays = [x.copy() for x in drawn]
            mine = [np.empty(shape, dtype) for _ in range(count * (1 + (verb == "grad_and_hess")))]
            if way == "over":
                mine[0] = arrays[0]
            parts = [tuple(mine[:count]), tuple(mine[count:])] if count > 1 else mine
            out = None if way == "fresh" else tuple(parts) if verb == "grad_and_hess" else parts[0]
            result = getattr(loss, verb)(*arrays, weight=weight, out=out, **options)
            found = [a for part in gradients(result) for a in gradients(part)]
            results.append([np.array(a) for a in found])
            assert out is None or all(a is b for a, b in zip(found[-len(mine) :], mine, strict=True))
        # Not where both a second derivative and several gradients are to be written somewhere.
        long = (way != "fresh" and count > 1 and verb == "grad_and_hess") or (normalizer and loss.rooted)
        assert short == ([False] * 3 if long else [False, True, True])
        short.clear()
        for other in results[1:]:
            for a, b in zip(results[0], other, strict=True):
                assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@pytest.mark.usefixtures("compiled_at_last")
def test_the_short_way_takes_no_memory_that_the_long_one_refuses() -> None:
    loss = fl.huber.bind()
    x, y, g, h = (np.ones(8) for _ in range(4))
    memory = np.ones(24)
    frozen = np.ones(8)
    frozen.flags.writeable = False
    loss.grad(x, y, out=g)
    loss.grad(x, y, out=x)
    loss.grad_and_hess(x, y, out=(g, h))
    apart = np.ones(8, "f4"), np.ones(9), frozen, (g,), y
    pairs = (g, g), (g, x), (memory[:8], memory[7:15]), (g,), g
    wrong = [*((loss.grad, out) for out in apart), *((loss.grad_and_hess, out) for out in pairs)]
    for verb, out in wrong:
        with pytest.raises((TypeError, ValueError), match="out"):
            verb(x, y, out=out)
    assert loss.grad(x, y, out=memory[::3]) is not None
    with pytest.raises(ValueError, match="out overlaps pred"):
        loss.grad(memory[:8], y, out=memory[4:12])
