"""Cross-entropy against the textbook in NumPy: sizes, types, options, axes, memory; and what its kernels share with others'."""

from __future__ import annotations

import operator
from functools import partial
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from data import EACH_KIND, ROWS, at_once, rest, some, watched
from numpy.testing import assert_allclose, assert_array_equal
from rowwise import BRAIN, KINDS, SOME_KINDS, TOLERANCE, close, draw, scores, targets

import fastloss as fl
from fastloss.arrays.host import recipes

CLASSES = [1, 2, 5, 6, 16, 17, 64, 100, 128, 129, 200, 2048 + 70]
SIZES = [1, 3, 63, 64, 65, 200]


def reference(
    z: Any, target: Any, weight: Any = None, class_weight: Any = None, ignore_index: Any = None,
    label_smoothing: float = 0.0, reduction: str = "mean", normalizer: Any = None,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Value, gradient, second derivative of rows, in float64."""
    z = z.astype(np.float64)
    n, k = z.shape
    w = np.broadcast_to(1.0 if weight is None else weight, n).astype(np.float64)
    c = np.ones(k) if class_weight is None else np.asarray(class_weight, np.float64)
    if target.ndim == 1:
        w = w if ignore_index is None else np.where(target == ignore_index, 0.0, w)
        y = np.where(w != 0.0, target, 0).astype(np.int64)
        mass = np.eye(k)[y]
    else:
        mass = target.astype(np.float64)
    total = mass.sum(axis=1)
    worth = np.divide(mass @ c, total, out=np.full(n, c.mean()), where=total != 0.0)
    present = (w * worth).sum()
    w = np.where(worth == 0.0, 0.0, w)
    mass = c * ((1.0 - label_smoothing) * mass + label_smoothing / k)
    top = z.max(axis=1, keepdims=True)
    lse = top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))
    p = np.exp(z - lse)
    each = w * (mass * (lse - z)).sum(axis=1)
    whole, rows = mass.sum(axis=1, keepdims=True), w[:, None]
    d = 1.0 if reduction != "mean" else present if normalizer is None else normalizer
    value = each if reduction == "none" else each.sum() / d
    return value, rows * (whole * p - mass) / d, rows * whole * p * (1.0 - p) / d


@pytest.mark.parametrize(
    ("kind", "k"), some(product(["labels", "dense"], CLASSES), [*product(["labels"], CLASSES), ("dense", 17)])
)
@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f4"]))
def test_sizes(k: int, dtype: str, kind: str, rng: np.random.Generator) -> None:
    for n in SIZES:
        z, t = scores((n, k), dtype, rng), targets(kind, n, k, dtype, rng)
        value, grad = fl.cross_entropy.value_and_grad(z, t)
        expected, slope, _ = reference(z, t)
        assert value.dtype == grad.dtype == z.dtype
        close(value, expected, TOLERANCE[dtype])
        close(grad, slope, TOLERANCE[dtype])


SIXTEEN = [(k, "value_and_grad", "labels") for k in (1, 5, 6, 17, 128, 129, 2118)]
SIXTEEN += [(17, "value_and_grad", "dense"), (17, "grad_and_hess", "labels")]


@pytest.mark.parametrize("dtype", some(["f2", BRAIN], [BRAIN]), ids=str)
@pytest.mark.parametrize(("k", "verb", "kind"), some(SIXTEEN, [(17, "value_and_grad", "labels")]))
def test_sixteen_bits(k: int, dtype: Any, verb: str, kind: str, rng: np.random.Generator) -> None:
    """Arithmetic in float32, derivatives rounded once; the last bit may differ, for each kernel is compiled by itself."""
    unit = 2.0**-10 if dtype == "f2" else 2.0**-7
    for n in (3, 64, 65):
        z, t = scores((n, k), dtype, rng), targets(kind, n, k, "f4", rng)
        found, wide = getattr(fl.cross_entropy, verb)(z, t), getattr(fl.cross_entropy, verb)(z.astype("f4"), t)
        for a, b in zip(found, wide, strict=True):
            assert a.dtype == (np.float32 if a.ndim == 0 else z.dtype)
            tolerance = (TOLERANCE["f4"], 0.0) if a.ndim == 0 else (unit, 2.0**-24)
            assert_allclose(a.astype("f4"), b, *tolerance)


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["f2", BRAIN], ids=str)
def test_sixteen_bits_of_every_input(dtype: Any, rng: np.random.Generator) -> None:
    """Squares of a teacher, of masses, of scores that their gradient replaces; special numbers among them."""
    z, y, t = scores((65, 17), dtype, rng), scores((65, 17), dtype, rng), targets("dense", 65, 17, dtype, rng)
    z[3, 1], z[4, 16], y[5, 2], t[6, 0] = np.nan, -np.inf, 6e-8, 6e-8
    for loss, arrays in ((fl.soft_distillation, (z, y)), (fl.cross_entropy, (z, t))):
        grad, hess = loss.grad_and_hess(*arrays)
        slope, curve = loss.grad_and_hess(*(x.astype("f4") for x in arrays))
        place = z.copy()
        assert loss.grad(place, arrays[1], out=place) is place
        for a, b in ((grad, slope), (hess, curve), (place, slope)):
            assert_allclose(a.astype("f4"), b, 2.0**-10 if dtype == "f2" else 2.0**-7, 2.0**-24)


OPTIONS: dict[str, list[Any]] = {
    "verb": ["__call__", "value_and_grad", "grad", "grad_and_hess"],
    "reduction": ["mean", "sum", "none", "normalizer"],
    "k": KINDS,
    "kind": ["labels", "dense"],
    "label_smoothing": [0.0, 0.1, 1.0],
    "class_weight": [False, True],
    "weight": [None, "f4", "f8", "?", "u1"],
    "ignore_index": [None, -100, 1],
    "backend": ["serial", "parallel"],
    "out": [False, True],
}


def pairwise(levels: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Few choices of which every two options meet in every two of their values."""
    names, rng = list(levels), np.random.default_rng(1)
    pairs = combinations(names, 2)
    missing = {(a, x, b, y) for a, b in pairs for x, y in product(range(len(levels[a])), range(len(levels[b])))}
    chosen = []
    while missing:
        trials = [{n: int(rng.integers(len(v))) for n, v in levels.items()} for _ in range(60)]
        met = [{p for p in missing if t[p[0]] == p[1] and t[p[2]] == p[3]} for t in trials]
        best = max(range(len(trials)), key=lambda i: len(met[i]))
        missing -= met[best]
        if met[best]:
            chosen.append({n: levels[n][i] for n, i in trials[best].items()})
    return chosen


CHOSEN = pairwise(OPTIONS)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize(
    "case",
    [*(pytest.param(case, marks=pytest.mark.compiled) for case in CHOSEN[:1]), *CHOSEN[1:]],
    ids=lambda c: "-".join(map(str, c.values())),
)
def test_options(case: dict[str, Any], rng: np.random.Generator) -> None:
    n, k, verb, dense = 70, case["k"], case["verb"], case["kind"] == "dense"
    z, t = scores((n, k), "f4", rng), targets(case["kind"], n, k, "f4", rng)
    kind, weight, classes, ignore = case["weight"], None, None, None if dense else case["ignore_index"]
    if kind is not None:
        weight = (rng.gamma(1.0, 1.0, n) if "f" in kind else rng.integers(0, 2, n)).astype(kind)
    if ignore is not None:
        t[::5] = ignore
    if case["class_weight"]:
        classes = rng.gamma(1.0, 1.0, k).astype("f4")
        classes[2] = 0.0
    mean = case["reduction"] == "normalizer"
    options = {"weight": weight, "class_weight": classes, "ignore_index": ignore, "label_smoothing": case["label_smoothing"],
               "reduction": "mean" if mean else case["reduction"], "normalizer": 7.0 if mean else None}  # fmt: skip
    value, grad, hess = reference(z, t, **options)
    expected = {"__call__": [value], "value_and_grad": [value, grad], "grad": [grad], "grad_and_hess": [grad, hess]}[
        verb
    ]
    outs: list[Any] = []
    if case["out"]:
        outs = [np.empty(e.shape, "f4") for e in expected if np.ndim(e) == 2 or (verb == "__call__" and np.ndim(e))]
    given = None if not outs else outs[0] if len(outs) == 1 else tuple(outs)
    result = getattr(fl.cross_entropy, verb)(z, t, backend=case["backend"], out=given, **options)
    found = result if isinstance(result, tuple) else (result,)
    for a, e in zip(found, expected, strict=True):
        assert a.dtype == np.float32
        close(a, e, TOLERANCE["f4"])
    assert all(a is b for a, b in zip(found[::-1], outs[::-1], strict=False))


STORED = [*product(["labels", "dense"], ["i1", "i2", "i4", "u1", "u2", "u4", "u8"], [3]), *product(["labels", "dense"], ["i1", "u8"], [150])]  # fmt: skip
STORED += [("dense", "f8", 150), ("dense", "f2", 20), ("dense", BRAIN, 3), ("dense", "?", 20)]


@pytest.mark.parametrize(("kind", "stored", "k"), some(STORED, [("labels", "u1", 3)]), ids=str)
def test_types_of_targets(kind: str, stored: Any, k: int, rng: np.random.Generator) -> None:
    z, t = (
        scores((70, k), "f4", rng),
        rng.integers(0, min(k, 128), 70) if kind == "labels" else rng.integers(0, 2, (70, k)),
    )
    expected, slope, _ = reference(z, t)
    value, grad = fl.cross_entropy.value_and_grad(z, t.astype(stored))
    close(value, expected, TOLERANCE["f4"])
    close(grad, slope, TOLERANCE["f4"])


@pytest.mark.full
@pytest.mark.parametrize("classes", [100, 2_000])
def test_sums_of_many_classes_are_as_exact_as_those_of_few(classes: int, rng: np.random.Generator) -> None:
    """Also of those that are added up one after the other: float32 is 100 units off after 2,000 of them, 7 after 100."""
    z, labels = rng.normal(size=(4, classes, 300)).astype("f4"), rng.integers(0, classes, (4, 300))
    rows = np.moveaxis(z, 1, 2).astype("f8")
    own = np.take_along_axis(rows, labels[..., None], -1)
    expected = logsumexp(rows) - 0.9 * own - 0.1 * rows.mean(-1, keepdims=True)
    found = fl.cross_entropy(z, labels, axis=1, label_smoothing=0.1, reduction="none")
    assert_allclose(found, expected[..., 0], rtol=5 * np.finfo("f4").eps)  # found: 3


SHAPES = [(7,), (150,), (130, 300), (70, 9), (9, 140), (3, 130, 5), (4, 5, 6), (2, 3, 4, 5), (2, 5, 4, 131)]


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("kind", some(["labels", "dense"], ["labels"]))
@pytest.mark.parametrize("shape", some(SHAPES, [(3, 130, 5)], tuples=True), ids=str)
def test_axes(shape: tuple[int, ...], kind: str, rng: np.random.Generator) -> None:
    """Against the axis moved to the end, as rows."""
    z = scores(shape, "f8", rng)
    for axis in range(-z.ndim, z.ndim):
        k = shape[axis]
        moved = np.moveaxis(z, axis, -1)
        batch = moved.shape[:-1]
        flat, weight = targets(kind, moved.size // k, k, "f8", rng), rng.gamma(1.0, 1.0, batch)
        t = flat.reshape(batch) if kind == "labels" else np.moveaxis(flat.reshape(moved.shape), -1, axis)
        expected, grad, hess = reference(moved.reshape(-1, k), flat, weight.reshape(-1))
        value, slope = fl.cross_entropy.value_and_grad(z, t, axis=axis, weight=weight)
        also, bend = fl.cross_entropy.grad_and_hess(z, t, axis=axis, weight=weight)
        close(value, expected, TOLERANCE["f8"])
        for a, e in ((slope, grad), (also, grad), (bend, hess)):
            close(np.moveaxis(a, axis, -1), e.reshape(moved.shape), TOLERANCE["f8"])
        each = fl.cross_entropy(z, t, axis=axis, weight=weight, reduction="none")
        assert each.shape == batch
        close(each.sum() / weight.sum(), value, TOLERANCE["f8"])


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("shape", [(6, 1), (1, 5), (1, 1), (5,), ()], ids=str)
def test_weights_broadcast_over_the_batch(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    z, t, weight = scores((6, 5, 4), "f8", rng), rng.integers(0, 4, (6, 5)), rng.gamma(1.0, 1.0, shape)
    value, grad = fl.cross_entropy.value_and_grad(z, t, weight=weight)
    expected, slope, _ = reference(z.reshape(30, 4), t.reshape(30), np.broadcast_to(weight, (6, 5)).reshape(30))
    close(value, expected, TOLERANCE["f8"])
    close(grad.reshape(30, 4), slope, TOLERANCE["f8"])


FEW_CLASSES = ["cross_entropy", "multilabel_margin"]
"""The losses that go through short rows here, which `test_compiled` of the accuracy takes of each in float32."""


@pytest.mark.parametrize(
    ("name", "k"),
    some(
        [*product(EACH_KIND, [131]), *product(FEW_CLASSES, [3, 21])],
        [*product(FEW_CLASSES, [21, 131])],
    ),
)
def test_each_kind_in_float32(name: str, k: int, rng: np.random.Generator) -> None:
    """Against float64, for numbers that both can hold; long rows of the other losses are those of test_row_templates.py."""
    loss = fl.LOSSES[name]
    arrays = draw(loss, 66, k, "f4", rng)
    wide = [x.astype("f8") if x.dtype == np.float32 else x for x in arrays]
    value, grad = loss.value_and_grad(*arrays)
    expected, slope = loss.value_and_grad(*wide, weight=np.ones(66))
    assert value.dtype == grad.dtype == np.float32
    close(value, expected, TOLERANCE["f4"])
    close(grad, slope, TOLERANCE["f4"])


OF_BOTH = [
    *((name, "") for name in ROWS if fl.LOSSES[name].target == "both"),
    *(("cross_entropy", keywords) for keywords in ("label_smoothing", "class_weight", "label_smoothing class_weight")),
]


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("k", some(KINDS, [150], plain=True))
@pytest.mark.parametrize(("name", "keywords"), some(OF_BOTH, [("cross_entropy", ""), OF_BOTH[-1]]))
def test_labels_are_masses(name: str, keywords: str, k: int, rng: np.random.Generator) -> None:
    """With one class's mass a row, in every kind of target. Kernels of labels are those of test_row_templates.py."""
    loss = fl.LOSSES[name]
    *rows, labels = draw(loss, 66, k, "f8", rng, "labels")
    more = {"label_smoothing": 0.25, "class_weight": rng.gamma(1.0, 1.0, k)}
    options = {n: more[n] for n in keywords.split()}
    verb = loss.value_and_grad if options else partial(at_once, loss)
    results = [verb(*rows, t, weight=np.ones(66), **options) for t in (labels, np.eye(k)[labels])]
    for a, b in zip(*results, strict=True):
        close(a, b, TOLERANCE["f8"])


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("cross_entropy", marks=pytest.mark.compiled),
        *map(rest, ["distillation", "distillation_from_probabilities", "reverse_distillation"]),
    ],
)
@pytest.mark.parametrize("k", some(KINDS, [20]))
def test_statistics(k: int, name: str, rng: np.random.Generator) -> None:
    z, t = scores((130, k), "f8", rng), rng.integers(0, k, 130)
    t[::4] = -1
    z[7, :] = 0.5  # the first of several is the largest
    z[9, 1] = np.nan
    more = [] if name == "cross_entropy" else [rng.dirichlet(np.ones(k), 130)]
    value, stats = fl.LOSSES[name](z, *more, t, ignore_index=-1, return_stats=True)
    assert np.isnan(value)
    there = (t != -1) & (np.arange(130) != 9)
    lse = np.log(np.exp(z).sum(axis=1))
    p = np.exp(z - lse[:, None])
    with np.errstate(invalid="ignore"):
        close(stats.logsumexp[there], lse[there], TOLERANCE["f8"])
        close(stats.entropy[there], -(p * np.log(p)).sum(axis=1)[there], 10 * TOLERANCE["f8"])
    assert np.isnan(stats.logsumexp[~there]).all()
    assert_array_equal(stats.argmax, np.where(there, z.argmax(axis=1), -1))
    assert_array_equal(stats.correct, there & (z.argmax(axis=1) == t))


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("name", some(["cross_entropy", "distillation"], ["cross_entropy"]))
@pytest.mark.parametrize("k", SOME_KINDS)
def test_statistics_in_place(k: int, name: str, rng: np.random.Generator) -> None:
    """They are those of the scores, not of what is written over them."""
    z, t = scores((130, k), "f4", rng), rng.integers(0, k, 130)
    more = [] if name == "cross_entropy" else [scores((130, k), "f4", rng)]
    top, lse = z.argmax(axis=1), np.log(np.exp(z.astype("f8")).sum(axis=1))
    _, _, stats = fl.LOSSES[name].value_and_grad(z, *more, t, return_stats=True, out=z)
    assert_array_equal(stats.argmax, top)
    assert_array_equal(stats.correct, top == t)
    close(stats.logsumexp, lse, TOLERANCE["f4"])


def logsumexp(x: Any) -> Any:
    top = x.max(-1, keepdims=True)
    return top + np.log(np.exp(x - top).sum(-1, keepdims=True))


FUNCTIONS = {
    "softmax": lambda x: np.exp(x - logsumexp(x)),
    "log_softmax": lambda x: x - logsumexp(x),
    "logsumexp": lambda x: logsumexp(x)[..., 0],
}


@pytest.mark.parametrize("dtype", some(["f4", "f8"], ["f4"]))
@pytest.mark.parametrize("name", some(FUNCTIONS, []))
def test_functions(name: str, dtype: str, rng: np.random.Generator) -> None:
    call = operator.attrgetter(name)(fl)
    for k, temperature in product(CLASSES, (1.0, 0.5)):
        x = scores((65 if k < 1000 else 30, k), dtype, rng)  # no parallel kernels, for the splitting is the losses'
        expected = FUNCTIONS[name](x.astype("f8") / temperature)
        result = call(x, temperature=temperature)
        assert result.dtype == x.dtype
        close(result, expected, TOLERANCE[dtype])
        close(call(x.T, axis=0, temperature=temperature), expected.T, TOLERANCE[dtype])
        if name != "logsumexp":
            assert call(x, out=x, temperature=temperature) is x
            close(x, expected, TOLERANCE[dtype])


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize(
    ("name", "verb", "reduction"),
    [
        ("cross_entropy", "value_and_grad", "mean"),
        rest(("cross_entropy", "grad_and_hess", "none"), plain=True),
        rest(("cross_entropy", "__call__", "none"), plain=True),
        rest(("distillation", "value_and_grad", "mean"), plain=True),
        rest(("kl_divergence", "value_and_grad", "none"), plain=True),
        rest(("multilabel_margin", "grad_and_hess", "mean"), plain=True),
    ],
)
def test_short_way_and_long_way_agree(
    name: str, verb: str, reduction: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss that remembers no call goes the long way; the same call again goes the short one, to the same kernel."""
    short = watched(recipes, "evaluate_rows", monkeypatch)
    drawn = draw(fl.LOSSES[name], 5, 7, "f4", rng)
    choices: list[dict[str, Any]] = [{}, {"ignore_index": int(drawn[-1][1])}] if name == "cross_entropy" else [{}]
    choices += [{**o, "normalizer": 3.5} for o in choices if reduction == "mean"]
    for options, way in product(choices, ["fresh"] if verb == "__call__" else ["fresh", "apart", "over"]):
        loss = fl.LOSSES[name].bind()
        results = []
        for _ in range(3):
            arrays = [x.copy() for x in drawn]
            mine = [arrays[0] if way == "over" else np.empty_like(arrays[0]), np.empty_like(arrays[0])]
            out = None if way == "fresh" else tuple(mine) if verb == "grad_and_hess" else mine[0]
            result = getattr(loss, verb)(*arrays, reduction=reduction, out=out, **options)
            results.append([np.array(a) for a in (result if isinstance(result, tuple) else (result,))])
            assert out is None or result[verb == "value_and_grad"] is mine[0]
        assert short == [False, True, True]
        short.clear()
        for other in results[1:]:
            for a, b in zip(results[0], other, strict=True):
                assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@pytest.mark.usefixtures("compiled_at_last")
def test_the_short_way_finds_what_is_wrong(rng: np.random.Generator) -> None:
    x, labels = rng.normal(size=(4, 3)), np.array([0, 1, 2, 0])
    loss, out = fl.cross_entropy.bind(), np.full((4, 3), 7.0)
    for _ in range(2):
        loss.grad(x, labels, out=out)
        loss.grad(x, labels, ignore_index=1)
    out[:] = 7.0
    with pytest.raises(ValueError, match=r"target\[2\] is 3, but there are 3 classes"):
        loss.grad(x, labels + (labels == 2), out=out)
    assert_array_equal(out, 7.0)
    with pytest.raises(ValueError, match=r"target\[2\] is 3, but there are 3 classes"):
        loss.grad(x, labels + (labels == 2), ignore_index=1)
    with pytest.raises(TypeError, match=r"ignore_index is 1\.0, expected a whole number or None"):
        loss.grad(x, labels, ignore_index=1.0)
    assert np.isnan(loss(x, np.ones(4, int), ignore_index=1))
    for wrong in (x.astype("f4"), x[:3], (out,), labels):
        with pytest.raises((TypeError, ValueError), match="out"):
            loss.grad(x, labels, out=wrong)
    masses = fl.kl_divergence.bind()
    p, q = rng.dirichlet(np.ones(3), (2, 4))
    for _ in range(2):
        masses.grad(p, q, out=out)
    q[1, 2] = -0.5
    before = out.copy()
    with pytest.raises(ValueError, match=r"target\[1, 2\] is -0.5, expected"):
        masses.grad(p, q, out=out)
    assert_array_equal(out, before)


class Whole:
    """What stands for a whole number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


@pytest.mark.full
def test_the_short_way_refuses_what_the_long_one_refuses(rng: np.random.Generator) -> None:
    x, labels = rng.normal(size=(4, 3)), np.array([0, 1, 2, 0])
    loss = fl.cross_entropy.bind()
    plain, without = loss(x, labels), loss(x, labels, ignore_index=2)
    for axis in (-1.0, np.array([-1])):
        with pytest.raises(TypeError, match="axis is .*, expected a whole number"):
            loss(x, labels, axis=axis)
    # Numbers that cannot be looked up, or of which nobody knows what they will be.
    for ignore in (np.array(2), Whole(2), np.int8(2)):
        assert [loss(x, labels, ignore_index=ignore) for _ in range(2)] == [without] * 2
    assert [loss(x, labels, label_smoothing=np.array(0.0)) for _ in range(2)] == [plain] * 2
    unsigned = labels.astype("u8")
    assert [loss(x, unsigned, ignore_index=-100) for _ in range(2)] == [plain] * 2
    unsigned[0] = 2**64 - 100
    for verb in (loss, loss.grad, loss.grad):
        with pytest.raises(ValueError, match=r"target\[0\] is 18446744073709551516"):
            verb(x, unsigned, ignore_index=-100)
    p, q = rng.dirichlet(np.ones(3), (2, 4))
    q[1, 2] = -0.5
    masses = fl.kl_divergence.bind()
    assert np.isfinite(masses(p, np.abs(q), check=False))
    for check in (True, 1, np.True_):
        with pytest.raises(ValueError, match=r"target\[1, 2\] is -0.5"):
            masses(p, q, check=check)
    assert masses(p, q, check=False) == masses(p, q, check=0) == masses(p, q, check=np.False_)


@pytest.mark.usefixtures("compiled_at_last")
def test_the_short_way_tells_a_teacher_from_labels(rng: np.random.Generator) -> None:
    loss, z = fl.distillation.bind(), rng.normal(size=(4, 3))
    teacher, labels = np.arange(12).reshape(4, 3), np.array([0, 1, 2, 0])
    for _ in range(2):
        loss(z, teacher, labels)
    with pytest.raises(ValueError, match=r"teacher has shape \(4,\), expected that of pred"):
        loss(z, labels, labels)
