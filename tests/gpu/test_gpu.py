"""Every loss on a GPU, in each array library, against the CPU in float64; streams, graphs, determinism, sizes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from libraries import installed
from numpy.testing import assert_allclose, assert_array_equal
from ranking import each_pair, logistic

import fastloss as fl
from fastloss.define.rows import Functions, Pair
from fastloss.kernels.cuda.plan import rows as rowplan

LIBRARIES = installed()
TYPES = {"f4": np.float32, "f8": np.float64, "f2": np.float16, "bf16": ml_dtypes.bfloat16}
# Of the largest: what inputs that were rounded to the type, and a gradient that is, leave.
TOLERANCE = {"f4": 1e-5, "f8": 1e-12, "f2": 4e-3, "bf16": 3e-2}
# What probabilities are at least, of so many classes that they come to the limit below which losses take them for it:
# for float16 that is 2^-16.
FLOOR = {"f4": 1e-7, "f8": 1e-7, "f2": 2e-5, "bf16": 1e-7}
POINTWISE = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.Loss)]
ROWWISE = [
    loss for loss in fl.LOSSES.values() if isinstance(loss, fl.RowLoss) and isinstance(loss.functions, Functions)
]
PAIRWISE = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.RowLoss) and isinstance(loss.functions, Pair)]

# The libraries' own warnings are told, and fail nothing.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(params=LIBRARIES or ["none"])
def library(request: pytest.FixtureRequest) -> Any:
    assert LIBRARIES, "no library with arrays on a GPU is installed: torch, cupy, numba-cuda or jax"
    return LIBRARIES[request.param]


@pytest.fixture
def torch() -> Any:
    """It captures graphs, and counts memory."""
    assert "torch" in LIBRARIES, "this test needs torch"
    return LIBRARIES["torch"].torch


def agree(library: Any, found: Any, expected: Any, dtype: str) -> None:
    if isinstance(expected, tuple):
        for a, b in zip(found, expected, strict=True):
            agree(library, a, b, dtype)
        return
    b = np.asarray(expected, "f8")
    a = library.get(found)
    assert a.shape == b.shape
    if "16" in str(found.dtype):  # float16 ends early
        b = np.where(np.abs(b) > float(ml_dtypes.finfo(TYPES[dtype]).max), np.copysign(np.inf, b), b)
    scale = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    # A mean's gradient is of float16's smallest numbers, which are a step of one size apart.
    step = float(ml_dtypes.finfo(TYPES[dtype]).smallest_subnormal)
    assert_allclose(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale + step)


def in_float64(x: Any) -> Any:
    return x.astype("f8") if x.dtype.kind in "fV" else x


def both(library: Any, verb: Any, data: Any, dtype: str, **options: Any) -> None:
    found = verb(*map(library.put, data), **options)
    agree(library, found, verb(*map(in_float64, data), **options), dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("loss", POINTWISE, ids=lambda x: x.name)
def test_every_pointwise_loss(loss: Any, dtype: str, library: Any, rng: np.random.Generator) -> None:
    data = [d.sample(rng, 100_003).astype(TYPES[dtype]) for d in loss.domains]
    both(library, loss.value_and_grad, data, dtype, check=False)
    if not loss.rooted:
        both(library, loss, data, dtype, reduction="none", check=False)
    if loss.order == 2:
        both(library, loss.grad_and_hess, data, dtype, check=False)
    fl.synchronize()


@pytest.mark.parametrize("dtype", TYPES)
# The longest both in parts that blocks share, and by a block each.
@pytest.mark.parametrize(("k", "blocks"), [(10, 512), (1_000, 512), (1_001, 512), (40_000, 512), (40_000, 1)])
@pytest.mark.parametrize("loss", ROWWISE, ids=lambda x: x.name)
def test_every_loss_of_rows(
    loss: Any, k: int, blocks: int, dtype: str, library: Any, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rowplan, "SHARED", blocks)
    loss.recipes.clear()  # which know what calls of these shapes have launched
    n, data = 37, []
    for i, d in enumerate(loss.domains[: loss.scores]):
        logs = loss.name in ("negative_log_likelihood", "kl_divergence_log", "kl_divergence_log_target")
        x = rng.dirichlet(np.ones(k), n) + FLOOR[dtype] if i or logs or not d.is_real_line else rng.normal(size=(n, k))
        data.append(np.log(x) if logs and (not i or loss.name.endswith("log_target")) else x)
    data = [x.astype(TYPES[dtype]) for x in data]
    labels = rng.integers(0, k, n)
    if loss.target == "dense":
        data.append((labels[:, None] == np.arange(k)).astype("f4").astype(TYPES[dtype]))
    elif loss.target != "none":
        data.append(labels)
    both(library, loss.value_and_grad, data, dtype, check=False)
    fl.synchronize()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("k", [2, 7, 10, 16, 31, 64, 100, 250])
def test_rows_that_a_block_brings_in(k: int, dtype: str, library: Any, rng: np.random.Generator) -> None:
    """Whole blocks of rows, and what is left of the last."""
    x, labels = rng.normal(size=(1_003, k)).astype(TYPES[dtype]), rng.integers(0, k, 1_003)
    for loss in (fl.cross_entropy, fl.multiclass_focal, fl.sparsemax_loss):
        both(library, loss.value_and_grad, (x, labels), dtype)
    both(library, fl.cross_entropy.grad_and_hess, (x, labels), dtype, reduction="sum")
    masses = rng.dirichlet(np.ones(k), len(x)).astype(TYPES[dtype])
    both(library, fl.cross_entropy.value_and_grad, (x, masses), dtype, reduction="none")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("loss", PAIRWISE, ids=lambda x: x.name)
def test_every_loss_of_pairs(loss: Any, dtype: str, library: Any, rng: np.random.Generator) -> None:
    # Not so many pairs that the difference of one of them is rounded across a kink.
    data = [d.sample(rng, 37 * 101).reshape(37, 101).astype(TYPES[dtype]) for d in loss.domains]
    both(library, loss.value_and_grad, data, dtype, check=False)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("k", [10, 300, 3_001])
def test_pairs(k: int, dtype: str, library: Any, rng: np.random.Generator) -> None:
    space = {"__module__": __name__, "pair": logistic, "share": each_pair}
    loss = fl.pairwise(sigma=fl.POSITIVE)(type("ranking", (), space))
    data = [x.astype(TYPES[dtype]) for x in (rng.normal(size=(9, k)), rng.integers(0, 5, (9, k)))]
    both(library, loss.value_and_grad, data, dtype)
    both(library, loss.grad_and_hess, data, dtype)


@pytest.mark.parametrize("k", [3, 100, 5_000])
def test_ports_of_rows(k: int, library: Any, rng: np.random.Generator) -> None:
    x, labels = rng.normal(size=(1_000, k)).astype("f4"), rng.integers(0, k, 1_000)
    weight, classes = rng.random(1_000).astype("f4"), rng.random(k).astype("f4")
    labels[::7], weight[::5] = -100, 0.0
    x[::5] = np.nan
    options = {"weight": weight, "class_weight": classes}
    found = fl.cross_entropy.value_and_grad(
        library.put(x), library.put(labels), label_smoothing=0.1, ignore_index=-100,
        **{name: library.put(v) for name, v in options.items()},
    )  # fmt: skip
    expected = fl.cross_entropy.value_and_grad(
        x.astype("f8"), labels, label_smoothing=0.1, ignore_index=-100, **options
    )
    agree(library, found, expected, "f4")


LAYERS = [("f4", None), ("f4", 100), ("f8", 7), ("f2", None), ("bf16", 100)]


@pytest.mark.parametrize(
    ("name", "dtype", "chunk"),
    # CuPy does not multiply bfloat16, for JAX neither, nor Numba anything.
    [
        (n, *layer)
        for n in LIBRARIES
        if n != "numba"
        for layer in LAYERS
        if layer[0] != "bf16" or n == "torch" or (n == "jax" and "torch" in LIBRARIES)
    ],
)
def test_linear_cross_entropy(name: str, dtype: str, chunk: int | None, rng: np.random.Generator) -> None:
    library, n, d, k = LIBRARIES[name], 300, 64, 1_000
    layer = [rng.normal(size=s).astype(TYPES[dtype]) for s in ((n, d), (k, d), (k,))]
    labels, samples = rng.integers(0, k, n), rng.integers(0, 3, n).astype("f4")
    labels[::7] = -100
    hidden, weight, bias = map(library.put, layer)
    found = fl.linear_cross_entropy.value_and_grad(
        hidden, weight, library.put(labels), bias=bias, chunk=chunk, ignore_index=-100,
        sample_weight=library.put(samples),
    )  # fmt: skip
    hidden, weight, bias = map(in_float64, layer)
    expected = fl.linear_cross_entropy.value_and_grad(
        hidden, weight, labels, bias=bias, ignore_index=-100, sample_weight=samples
    )
    # Products of 64 numbers, where float32's may be TF32's; 16-bit logits of magnitude 8 are off by 1/256 or 1/32.
    for a, b in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        limit = {"f4": 1e-3, "f8": 1e-12, "f2": 1e-2, "bf16": 1e-1}[dtype]
        assert_allclose(library.get(a), b, rtol=limit, atol=limit * np.abs(b).max())


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("k", [10, 5_000])
def test_topk_distillation(
    k: int, dtype: str, library: Any, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastloss.fused import topk_gpu as topk

    monkeypatch.setattr(topk, "CHUNK", 7 * k)
    indices = np.argsort(rng.random((37, k)), axis=1)[:, :8]
    logs, labels = np.log(rng.dirichlet(np.ones(9), 37)[:, :8]).astype("f4"), rng.integers(0, k, 37)
    data = [rng.normal(size=(37, k)).astype(TYPES[dtype]), indices, logs, labels]
    both(library, fl.topk_distillation.value_and_grad, data, dtype)
    both(library, fl.topk_distillation.grad_and_hess, data, dtype, reduction="sum", ignore_index=labels[0])
    fl.synchronize()
    indices[3, 1] = k
    fl.topk_distillation.grad(*map(library.put, data))
    with pytest.raises(ValueError, match="topk_distillation: a label or an index of an earlier call"):
        fl.synchronize()
    with pytest.raises(ValueError, match=rf"indices\[3, 1\] is {k}, but there are {k} classes"):
        fl.topk_distillation.grad(*map(library.put, data), check=True)


ARRAYS = [("huber", {"delta": (500,)}), ("quantile", {"q": (40, 1)}), ("pseudo_huber", {"delta": (40, 500)}),
          ("binary_cross_entropy_with_logits", {"pos_weight": (500,)}), ("multiclass_focal", {"gamma": (40,)}),
          ("distillation", {"temperature": (40,)})]  # fmt: skip


@pytest.mark.parametrize(("size", "dtype"), [(500, "f4"), (3_001, "f4"), (500, "f8"), (500, "f2"), (3_001, "bf16")])
@pytest.mark.parametrize(("name", "shapes"), ARRAYS, ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.parametrize("package", [n for n in LIBRARIES if n != "numba"])  # whose arrays are not broadcast
def test_parameters_that_are_arrays(
    package: str, name: str, shapes: Any, size: int, dtype: str, rng: np.random.Generator
) -> None:
    loss, library = fl.LOSSES[name], LIBRARIES[package]
    shapes = {n: tuple(size if k == 500 else k for k in shape) for n, shape in shapes.items()}
    data = [d.sample(rng, 40 * size).reshape(40, size).astype(TYPES[dtype]) for d in loss.domains[: len(loss.inputs)]]
    if isinstance(loss, fl.RowLoss):
        data = [rng.normal(size=(40, size)).astype(TYPES[dtype]) for _ in range(loss.scores)]
        data += [rng.integers(0, size, 40)]
    given = {n: rng.uniform(0.25, 0.75, shape).astype("f4") for n, shape in shapes.items()}
    for verb in ("value_and_grad", "grad_and_hess"):
        if verb == "grad_and_hess" and loss.order == 1:
            continue
        expected = getattr(loss, verb)(*map(in_float64, data), **{n: x.astype("f8") for n, x in given.items()})
        put = [library.put(x) for x in data]
        for _ in range(2):  # the second call repeats what the first one launched
            found = getattr(loss, verb)(*put, **{n: library.put(x) for n, x in given.items()})
            agree(library, found, expected, dtype)
    fl.synchronize()


@pytest.mark.parametrize("dtype", TYPES)
def test_sums_of_losses(dtype: str, library: Any, rng: np.random.Generator) -> None:
    data = [rng.normal(size=5_000).astype(TYPES[dtype]) for _ in range(2)]
    both(library, (2.0 * fl.huber + fl.quantile.bind(q=0.9)).value_and_grad, data, dtype)
    data = [rng.normal(size=(40, 300)).astype(TYPES[dtype]), rng.integers(0, 300, 40)]
    both(library, (0.75 * fl.cross_entropy - 0.25 * fl.multiclass_focal).value_and_grad, data, dtype)


@pytest.mark.parametrize("dtype", ["f4", "f2"])
@pytest.mark.parametrize("kind", [n for n in fl.gan.__all__ if n.islower()])
@pytest.mark.parametrize("package", [n for n in LIBRARIES if n != "numba"])  # averages need arithmetic
def test_losses_of_two_batches(package: str, kind: str, dtype: str, rng: np.random.Generator) -> None:
    library, game = LIBRARIES[package], getattr(fl.gan, kind)
    real, fake = (rng.normal(size=n).astype(TYPES[dtype]) for n in (4_001, 4_001 if kind == "relativistic" else 3_000))
    for side in (game.discriminator, game.generator):
        batches = (real, fake) if len(side.inputs) == 2 else (fake,)
        value, grads = side.value_and_grad(*map(library.put, batches))
        expected = side.value_and_grad(*map(in_float64, batches))
        agree(library, value, expected[0], dtype)
        agree(library, grads, expected[1], dtype)
    fl.synchronize()


@pytest.mark.parametrize("name", ["l1", "l2", "elastic_net"])
@pytest.mark.parametrize("package", [n for n in LIBRARIES if n != "numba"])
def test_penalties(package: str, name: str, rng: np.random.Generator) -> None:
    library, penalty = LIBRARIES[package], getattr(fl.penalties, name)(0.5)
    w = rng.normal(size=3_000).astype("f4")
    agree(library, penalty.value_and_grad(library.put(w)), penalty.value_and_grad(w.astype("f8")), "f4")
    agree(library, penalty.prox(library.put(w), 0.5), penalty.prox(w.astype("f8"), 0.5), "f4")


@pytest.mark.parametrize("verb", ["value_and_grad", "grad_and_hess"])
def test_the_same_bits_every_time(verb: str, library: Any, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=3_000_017).astype("f4"), rng.normal(size=3_000_017).astype("f4")
    logits, labels = rng.normal(size=(999, 3_001)).astype("f4"), rng.integers(0, 3_001, 999)
    for loss, data in ((fl.huber, (x, y)), (fl.cross_entropy, (logits, labels))):
        data = tuple(map(library.put, data))
        first = [library.get(a) for a in getattr(loss, verb)(*data)]
        for _ in range(5):
            for a, b in zip(getattr(loss, verb)(*data), first, strict=True):
                assert_array_equal(library.get(a), b)


@pytest.mark.parametrize("name", [n for n in LIBRARIES if n != "jax"])
def test_in_place_and_out(name: str, rng: np.random.Generator) -> None:
    library = LIBRARIES[name]
    for k in (10, 1_000, 20_000):
        x, labels = rng.normal(size=(64, k)).astype("f4"), rng.integers(0, k, 64)
        over, out = library.put(x), library.put(np.full_like(x, np.nan))
        expected = fl.cross_entropy.grad(x.astype("f8"), labels)
        assert fl.cross_entropy.grad(library.put(x), library.put(labels), out=out) is out
        assert fl.cross_entropy.grad(over, library.put(labels), out=over) is over
        agree(library, out, expected, "f4")
        agree(library, over, expected, "f4")


def test_labels_out_of_range_poison_nothing(library: Any, rng: np.random.Generator) -> None:
    x, labels = rng.normal(size=(50, 11)), rng.integers(0, 11, 50)
    labels[17] = 2**40
    grad = fl.cross_entropy.grad(library.put(x), library.put(labels), reduction="sum")
    assert_array_equal(library.get(grad)[17], 0.0)
    with pytest.raises(ValueError, match="cross_entropy: a label or an index of an earlier call"):
        fl.synchronize()
    with pytest.raises(ValueError, match=r"target\[17\] is 1099511627776, but there are 11 classes"):
        fl.cross_entropy(library.put(x), library.put(labels), check=True)
    both(library, fl.cross_entropy.grad, (x, labels % 11), "f8")
    fl.synchronize()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", [n for n in LIBRARIES if n != "numba"])
def test_a_mean_of_each_sample(name: str, weighted: bool, rng: np.random.Generator) -> None:
    library = LIBRARIES[name]
    x, y, weight = rng.normal(size=(3, 40, 500)).astype("f4")
    weight = weight**2
    given = {"weight": weight} if weighted else {}
    if weighted:
        weight[3], y[3] = 0.0, np.nan
    put = {n: library.put(w) for n, w in given.items()}
    for axis in (0, 1, (0, 1)):
        for options in ({}, {"reduction": "sum"}, {"normalizer": 3.0}):
            found = fl.huber.value_and_grad(library.put(x), library.put(y), axis=axis, **put, **options)
            expected = fl.huber.value_and_grad(in_float64(x), in_float64(y), axis=axis, **given, **options)
            agree(library, found, expected, "f4")
    fl.synchronize()
    if weighted:
        fl.huber(library.put(x), library.put(y), axis=1, weight=library.put(-weight))
        with pytest.raises(ValueError, match="huber: a label or an index of an earlier call"):
            fl.synchronize()
        with pytest.raises(ValueError, match=r"huber: weight\[0, 0\] is -"):
            fl.huber(library.put(x), library.put(y), axis=1, weight=library.put(-weight), check=True)


def test_numbas_arrays_have_no_arithmetic() -> None:
    library = LIBRARIES.get("numba")
    if library is None:
        pytest.skip("numba-cuda is not installed")
    x, labels = library.put(np.ones((2, 3))), library.put(np.zeros(2))
    with pytest.raises(NotImplementedError, match="huber: axis is 1, expected None for arrays of numba"):
        fl.huber(x, x, axis=1)
    with pytest.raises(TypeError, match="cross_entropy: target has dtype float64, expected integer labels; whole"):
        fl.cross_entropy(x, labels)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", [n for n in LIBRARIES if n != "numba"])
def test_whole_floats_are_labels(name: str, dtype: str, rng: np.random.Generator) -> None:
    library = LIBRARIES[name]
    x, labels = rng.normal(size=(50, 11)), rng.integers(0, 11, 50).astype(TYPES[dtype])
    labels[::7] = -1
    both(library, fl.cross_entropy.value_and_grad, (x, labels), "f8", ignore_index=-1)
    fl.synchronize()
    labels[3] = np.nan
    fl.cross_entropy(library.put(x), library.put(labels), ignore_index=-1)
    with pytest.raises(ValueError, match="cross_entropy: a label or an index of an earlier call"):
        fl.synchronize()
    with pytest.raises(ValueError, match=r"target\[3\] is nan, expected a label, a whole number"):
        fl.cross_entropy(library.put(x), library.put(labels), ignore_index=-1, check=True)


@pytest.mark.parametrize("name", [n for n in LIBRARIES if n not in ("numba", "jax")])
def test_the_callers_stream(name: str, rng: np.random.Generator) -> None:
    library = LIBRARIES[name]
    x, y = rng.normal(size=1 << 20), rng.normal(size=1 << 20)
    expected = fl.mse.value_and_grad(x, y)
    with library.stream():
        # Work that the loss must wait for, on this stream alone.
        a, b = library.put(x), library.put(y)
        for _ in range(20):
            a = a * 2.0 / 2.0
        found = fl.mse.value_and_grad(a, b)
    agree(library, found, expected, "f8")


def test_graphs(torch: Any) -> None:
    x = torch.randn(64, 1_000, device="cuda")
    labels = torch.randint(0, 1_000, (64,), device="cuda")
    weight = torch.rand(64, device="cuda")
    fl.cross_entropy.value_and_grad(x, labels, weight=weight)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = fl.cross_entropy.value_and_grad(x, labels, weight=weight)
    for _ in range(2):
        x.normal_()
        labels.random_(0, 1_000)
        graph.replay()
        expected = fl.cross_entropy.value_and_grad(
            x.double().cpu().numpy(), labels.cpu().numpy(), weight=weight.double().cpu().numpy()
        )
        agree(LIBRARIES["torch"], found, expected, "f4")


def test_more_elements_than_32_bits_count(library: Any) -> None:
    for other in LIBRARIES.values():  # 13 GB are wanted, which a small card has once
        other.free()
    n = 2**31 + 5
    x = library.put(np.zeros(n, np.float16))
    y = np.zeros(n, np.float16)
    y[-1] = 4.0
    value, grad = fl.mse.value_and_grad(x, library.put(y), reduction="sum")
    assert library.get(value) == 16.0
    last = library.get(grad[n - 3 :])
    assert_array_equal(last, [0.0, 0.0, -8.0])


def test_memory_is_the_gradient_and_little_else(torch: Any) -> None:
    x, y = torch.randn(1 << 24, device="cuda"), torch.randn(1 << 24, device="cuda")
    fl.huber.value_and_grad(x, y)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    fl.huber.value_and_grad(x, y)
    assert torch.cuda.max_memory_allocated() - before < 1.01 * (4 << 24)
