"""Losses of Dask's arrays: lazy, and the whole arrays' result to rounding whatever the chunks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import rowwise
from data import EACH_KIND, NAMES, REPRESENTATIVE, ROWS, draw, some
from numpy.testing import assert_allclose

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")

ROUNDING = 1e-13
"""Of sums of the same float64 numbers in another order."""
CHUNKINGS = [((33, 33), (10, 7)), ((66,), (17,)), ((1, 64, 1), (5, 5, 5, 2))]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Dask's warnings of many small chunks are errors of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def same(got: Any, expected: Any) -> None:
    """One result, or several of one run of the scheduler, which takes longer than the losses."""
    same_numbers(got, dask.compute(got, scheduler="threads")[0], expected)


def same_numbers(got: Any, found: Any, expected: Any) -> None:
    """Type, shape and numbers."""
    if isinstance(expected, tuple):
        for of_one in zip(got, found, expected, strict=True):
            same_numbers(*of_one)
        return
    assert got.shape == np.shape(expected) == np.shape(found)
    assert got.dtype == expected.dtype == found.dtype
    nan = np.isnan(expected)
    assert (np.isnan(found) == nan).all()
    found, expected = np.where(nan, 0, found), np.where(nan, expected.dtype.type(0), expected)
    rowwise.close(found, expected, ROUNDING if expected.dtype == np.float64 else 3e-6)


@pytest.mark.parametrize("name", some(NAMES, REPRESENTATIVE, plain=True))
def test_every_loss_of_elements(name: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays, weight = draw(loss, (66, 17), "f8", rng), rng.gamma(1.0, 1.0, (66, 17))
    chunks = [CHUNKINGS[k % 3] for k in range(len(arrays))]
    lazy = [da.from_array(x, chunks=c) for x, c in zip(arrays, chunks, strict=True)]
    found = loss.value_and_grad(*lazy, weight=da.from_array(weight, chunks=(66, 3)))
    same(found, loss.value_and_grad(*arrays, weight=weight))
    slopes = found[1] if isinstance(found[1], tuple) else (found[1],)
    assert {g.chunks for g in slopes} == {lazy[loss.wrt[0]].chunks}


@pytest.mark.parametrize("name", some(ROWS, EACH_KIND, plain=True))
def test_every_loss_of_rows(name: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays, weight = rowwise.draw(loss, 66, 20, "f8", rng), rng.gamma(1.0, 1.0, 66)
    lazy = [da.from_array(x, chunks=(20, 6)[: x.ndim]) for x in arrays]
    found = loss.value_and_grad(*lazy, weight=da.from_array(weight, chunks=40))
    same(found, loss.value_and_grad(*arrays, weight=weight))
    assert found[1].chunks == ((20, 20, 20, 6), (20,))


@pytest.mark.parametrize("keywords", [{}, {"reduction": "sum"}, {"reduction": "none"}, {"normalizer": 3.0}])
@pytest.mark.parametrize("verb", ["__call__", "grad_and_hess"])
@pytest.mark.parametrize("chunks", CHUNKINGS)
def test_keywords(chunks: Any, verb: str, keywords: dict[str, Any], rng: np.random.Generator) -> None:
    pred, target, delta = rng.normal(size=(66, 17)), rng.normal(size=17), rng.uniform(0.1, 2.0, (66, 1))
    weight = rng.gamma(1.0, 1.0, (66, 1))
    lazy = da.from_array(pred, chunks=chunks)
    for given in (weight, da.from_array(weight, chunks=(11, 1))):
        found = getattr(fl.huber, verb)(lazy, target, delta=delta, weight=given, **keywords)
        same(found, getattr(fl.huber, verb)(pred, target, delta=delta, weight=weight, **keywords))


def test_labels_to_ignore_and_weights_of_classes(rng: np.random.Generator) -> None:
    scores, labels = rng.normal(size=(4, 20, 11)), rng.integers(0, 20, (4, 11))
    labels[1] = -100
    keywords = {"axis": 1, "ignore_index": -100, "class_weight": rng.random(20)}
    found = fl.cross_entropy.value_and_grad(
        da.from_array(scores, chunks=(2, 7, 5)), da.from_array(labels, chunks=(1, 11)), **keywords
    )
    same(found, fl.cross_entropy.value_and_grad(scores, labels, **keywords))
    targets = rng.integers(0, 2, 90).astype(float)
    lazy = da.from_array(rng.normal(size=90), chunks=40)
    found = fl.binary_cross_entropy_with_logits.value_and_grad(lazy, targets, ignore_index=1)
    same(found, fl.binary_cross_entropy_with_logits.value_and_grad(lazy.compute(), targets, ignore_index=1))


SAMPLED = [n for n in NAMES if not fl.LOSSES[n].rooted]


@pytest.mark.parametrize("name", some(SAMPLED, [n for n in REPRESENTATIVE if n in SAMPLED], plain=True))
def test_every_loss_reduced_over_axes(name: str, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays, weight = draw(loss, (66, 17), "f8", rng), rng.gamma(1.0, 1.0, 17) * 1e307
    weight[3] = 0.0
    for chunks, axis, keywords in zip(
        CHUNKINGS, (0, -1, (1, 0)), ({}, {"reduction": "sum"}, {"normalizer": 3.0}), strict=True
    ):
        lazy = [da.from_array(x, chunks=chunks) for x in arrays]
        how = {"axis": axis, "weight": weight / 1e307 if keywords else weight, **keywords}
        same(loss.value_and_grad(*lazy, **how), loss.value_and_grad(*arrays, **how))


def test_samples_with_nothing_to_average(rng: np.random.Generator) -> None:
    """In chunks of which some are empty; labels that are to be ignored have no weight."""
    pred, labels = rng.normal(size=(6, 5)), rng.integers(0, 2, (6, 5)).astype(float)
    labels[2], loss = -100.0, fl.bce_with_logits
    lazy, other = da.from_array(pred, chunks=((2, 0, 4), (3, 2))), da.from_array(labels, chunks=(3, 5))
    for empty in ("nan", "zero"):
        how = {"axis": 1, "empty": empty, "ignore_index": -100}
        for weight in (None, np.full(5, 1e-308)):
            same(loss.value_and_grad(lazy, other, weight=weight, **how),
                 loss.value_and_grad(pred, labels, weight=weight, **how))  # fmt: skip
    for verb in ("__call__", "grad"):
        result = getattr(loss, verb)(lazy, other, axis=1, empty="raise", ignore_index=-100)
        with pytest.raises(ValueError, match="bce_with_logits|binary_cross_entropy.*nothing to average"):
            result.compute()
    same(loss(lazy, other, axis=0, empty="raise", ignore_index=-100),
         loss(pred, labels, axis=0, empty="raise", ignore_index=-100))  # fmt: skip
    with pytest.raises(ValueError, match="nothing to average"):
        fl.huber(da.ones((3, 0)), 0.0, axis=1, empty="raise")
    bad = fl.huber(lazy, 0.0, weight=np.array([1.0, 1.0, 1.0, 1.0, -1.0]), axis=1)
    with pytest.raises(ValueError, match=r"weight\[0, 1\] is -1.0.*block \([02], 1\), which is pred\["):
        bad.compute()


EXTREMES = [(1e308, 1e308, 1e308), (1e308, 1e-308, 0.0), (5e-324, 0.0, 1e-320), (1e-308, 1e-300, 1e-308)]
"""Weights, of which the first add up to more than float64 holds."""


@pytest.mark.parametrize("extreme", EXTREMES)
@pytest.mark.parametrize(
    "name", some([n for n in NAMES if fl.LOSSES[n].order > 1], ["huber", "root_mean_squared_error"], plain=True)
)
def test_every_loss_with_weights_at_the_ends_of_float64(
    name: str, extreme: tuple[float, ...], rng: np.random.Generator
) -> None:
    loss, weight = fl.LOSSES[name], np.repeat(extreme, 22)
    arrays = draw(loss, (66,), "f8", rng)
    expected = loss.grad_and_hess(*arrays, weight=weight), loss(*arrays, weight=weight)
    found = []
    for chunks in ((30, 36), (1, 0, 64, 1)):
        lazy = [da.from_array(x, chunks=(chunks,)) for x in arrays]
        found.append((loss.grad_and_hess(*lazy, weight=weight), loss(*lazy, weight=weight)))
    same(tuple(found), (expected, expected))


def test_rows_with_weights_at_the_ends_of_float64(rng: np.random.Generator) -> None:
    """Those of rows, of classes, and products of both."""
    scores, labels = rng.normal(size=(66, 3)), np.repeat([0, 1, 2], 22)
    lazy = da.from_array(scores, chunks=(20, 2))
    for extreme in EXTREMES:
        for keywords in (
            {"weight": np.repeat(extreme, 22)},
            {"class_weight": np.array(extreme)},
            {"weight": np.full(66, 1e-200), "class_weight": np.array([1e-200, 1e-180, 0.0])},
            {"weight": np.full(66, 1e200), "class_weight": np.array([1e200, 1e180, 0.0])},
        ):
            same(fl.cross_entropy.value_and_grad(lazy, labels, **keywords),
                 fl.cross_entropy.value_and_grad(scores, labels, **keywords))  # fmt: skip


@pytest.mark.parametrize("dtype", ["f4", "f2", "i4"])
def test_dtypes(dtype: str, rng: np.random.Generator) -> None:
    pred = rng.normal(0.0, 3.0, 90).astype(dtype)
    same(fl.huber.value_and_grad(da.from_array(pred, chunks=40), 0.5), fl.huber.value_and_grad(pred, 0.5))


def test_weights_of_any_magnitude_and_none_at_all() -> None:
    pred = np.arange(6.0, dtype="f4")
    lazy = da.from_array(pred, chunks=2)
    for scale in (1e-300, 1e-42, 1e300):
        weight = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 0.0]) * scale
        same(fl.huber.value_and_grad(lazy, 0.0, weight=weight), fl.huber.value_and_grad(pred, 0.0, weight=weight))
    absent = np.zeros(6)
    for empty in ("nan", "zero"):
        same(
            fl.huber.value_and_grad(lazy, 0.0, weight=absent, empty=empty),
            fl.huber.value_and_grad(pred, 0.0, weight=absent, empty=empty),
        )
        nothing = da.from_array(pred[:0], chunks=2)
        same(fl.huber.value_and_grad(nothing, 0.0, empty=empty), fl.huber.value_and_grad(pred[:0], 0.0, empty=empty))
    with pytest.raises(ValueError, match="nothing to average"):
        fl.huber(lazy, 0.0, weight=absent, empty="raise").compute()


def test_roots_of_squares_that_no_float_holds_and_of_nothing() -> None:
    loss, zero = fl.root_mean_squared_error, np.zeros(6)
    for dtype, scale in (("f4", 1e-30), ("f4", 1e30), ("f8", 1e-300), ("f8", 1e-160), ("f8", 1e160), ("f8", 1e307)):
        for shape in (np.arange(6.0), np.array([0.0, 0.0, 1.0, 1e-150, 1e-170, 1e-307])):
            pred = (shape * scale).astype(dtype)
            lazy = da.from_array(pred, chunks=((1, 2, 3),))
            for weight in (None, np.full(6, 1e308)):
                same((loss(lazy, 0.0, weight=weight), loss.grad_and_hess(lazy, 0.0, weight=weight)),
                     (loss(pred, 0.0, weight=weight), loss.grad_and_hess(pred, 0.0, weight=weight)))  # fmt: skip
    same(loss.value_and_grad(da.from_array(zero, chunks=2), 0.0), loss.value_and_grad(zero, 0.0))
    for empty in ("nan", "zero"):
        lazy = loss.value_and_grad(da.from_array(zero + 1, chunks=2), 0.0, weight=zero, empty=empty)
        same(lazy, loss.value_and_grad(zero + 1, 0.0, weight=zero, empty=empty))
    with pytest.raises(ValueError, match="nothing to average"):
        loss(da.from_array(zero, chunks=2), 0.0, weight=zero, empty="raise").compute()


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    seen: list[int] = []

    def block(x: Any) -> Any:
        seen.append(x.size)
        return x

    lazy = da.ones(60, chunks=20).map_blocks(block, dtype=float, meta=np.empty(0))
    value, grad = fl.huber.value_and_grad(lazy, 0.0, weight=da.ones(60, chunks=20))
    assert not seen
    assert_allclose(da.compute(value, grad.sum()), [0.5, 1.0])
    assert seen == [20, 20, 20]  # once, although weights were added up first
    fl.root_mean_squared_error.value_and_grad(lazy, 0.0)
    assert seen == [20, 20, 20]


def test_tables() -> None:
    """Columns of Dask's data frames, and xarray's arrays of Dask's, in one graph."""
    import dask.dataframe as dd
    import pandas as pd
    import xarray as xr

    frame = pd.DataFrame({"p": np.arange(30.0), "y": np.arange(30.0)[::-1]})
    lazy = dd.from_pandas(frame, npartitions=4)
    same(fl.huber.value_and_grad(lazy.p, lazy.y), fl.huber.value_and_grad(frame.p, frame.y))
    array = xr.DataArray(frame.p.to_numpy(), dims="x")
    same(fl.huber.grad(array.chunk(x=7), array[::-1].chunk(x=30)), fl.huber.grad(array, array[::-1]))
    assert isinstance(fl.huber.grad(array, 0.0), np.ndarray)


@pytest.mark.full
@pytest.mark.compiled
def test_other_processes() -> None:
    """A loss of one's own goes to them with its parameters."""

    @fl.pointwise(scale=fl.POSITIVE)
    def scaled(pred: float, target: float, scale: float = 1.0) -> tuple[float, float, float]:
        r = (pred - target) / scale
        return r * r, 2.0 * r / scale, 2.0 / (scale * scale)

    pred = np.arange(40.0)
    value = scaled(da.from_array(pred, chunks=10), 1.0, scale=2.0)
    assert value.compute(scheduler="processes", num_workers=1) == scaled(pred, 1.0, scale=2.0)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda x: fl.cross_entropy(x[:, None] + np.zeros((1, 3)), np.repeat([3, 0], [20, 40])), ValueError,
         r"target\[0\] is 3, but there are 3 classes .* \(counted in block \(0, 0\), which is pred\[0:20, 0:3\]\)"),
        (lambda x: fl.poisson(x, da.where(da.arange(60, chunks=20) == 45, -1.0, 1.0)), ValueError,
         r"target\[5\] is -1.0.* \(counted in block \(2,\), which is pred\[40:60\]\)"),
        (lambda x: fl.huber(x, 0.0, weight=da.where(da.arange(60, chunks=20) == 45, -1.0, 1.0)), ValueError,
         r"weight\[5\] is -1.0.*block \(2,\)"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_block_is_told_with_the_block(call: Any, kind: Any, text: str) -> None:
    lazy = call(da.ones(60, chunks=20))
    with pytest.raises(kind, match=text):
        lazy.compute()


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda x: fl.huber.grad(x, 0.0, out=np.empty(60)), ValueError, "out is a numpy.ndarray, expected None"),
        (lambda x: fl.huber(x, 0.0, axis=1), ValueError, "axis is 1, expected axes of 1 dimensions"),
        (lambda x: fl.rmse(x, 0.0, axis=0), ValueError, "axis is 0, expected None; the loss is the root of one mean"),
        (lambda x: fl.huber(x, 0.0, backend="cuda"), ValueError, "backend is 'cuda'"),
        (lambda x: fl.huber(x, x[:7]), ValueError, r"shapes do not broadcast: pred \(60,\), target \(7,\)"),
        (lambda x: fl.huber(x, x[:, None]), ValueError, "differ by an axis of length 1"),
        (lambda x: fl.huber.grad(x, da.ones((5, 60))), ValueError, "pred has shape"),
        (lambda x: fl.huber(x[x > 0], 0.0), ValueError, "pred has chunks of unknown sizes"),
        (lambda x: fl.huber(da.ma.masked_equal(x, 1.0), 0.0), TypeError, "pred is Dask's array of a numpy.ma.MaskedArray"),
        (lambda x: fl.huber(x.astype(complex), 0.0), TypeError, "pred has dtype complex128"),
        (lambda x: fl.cross_entropy(x[:, None], x[:7]), ValueError, "target"),
        (lambda x: fl.linear_cross_entropy(x[:, None], x[None], np.zeros(60, int)), TypeError, "dask.array"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_at_once(call: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        call(da.ones(60, chunks=20))
