"""Every loss through what the compiler made of its kernels, against the same calls on the host."""

from __future__ import annotations

from itertools import product
from typing import Any

import hosted
import ml_dtypes
import numpy as np
import pytest
from assembly import parse
from data import at_once, some
from faults import LONG, faults
from hosted import Hosted, both, row_data
from machine import Machine
from made import CAPABILITIES, assembly, compiled
from numpy.testing import assert_allclose, assert_array_equal
from spaces import Memory, of_the_host

import fastloss as fl
from fastloss.arrays.gpu import scale
from fastloss.define.keywords import GRAD, VALUE
from fastloss.kernels.cuda.plan.elements import CudaPlan, bounds
from fastloss.kernels.cuda.plan.rows import CudaRowPlan, width_of
from fastloss.kernels.cuda.templates import elements as pointwise
from fastloss.kernels.plan.elements import Plan

pytestmark = [pytest.mark.usefixtures("hardware"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]
POINTWISE = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.Loss)]
ROWWISE = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.RowLoss)]
TYPES = {"f4": np.float32, "f8": np.float64, "f2": np.float16, "bf16": ml_dtypes.bfloat16}


def judged(hardware: Any, kind: Any, long: bool) -> None:
    """What went through the kernels of a loss found no races, and the gate nothing against them on each processor."""
    assert hardware.races == set()
    plans = [plan for plan in hardware.plans if isinstance(plan, kind)]
    assert plans
    for plan, capability in product(plans, CAPABILITIES):
        packets = max(plan.width, getattr(plan, "staged", 0)) == width_of("f")
        sums = getattr(plan, "again", False)  # of a root: in float64, and nothing else is written
        assert faults(compiled(plan, capability), not sums, packets and not sums, bounds(plan), long) == []


@pytest.mark.parametrize("loss", POINTWISE, ids=lambda x: x.name)
def test_every_pointwise_loss(loss: Any, hardware: Any, rng: np.random.Generator) -> None:
    # Packets, and what is left over.
    data = [d.sample(rng, 2051).astype("f4") for d in loss.domains]
    if loss.rooted:
        both(loss.value_and_grad, *data)
    # In a root's second derivative two terms of one size are subtracted where an element is most of the mean.
    both(at_once, loss, *data, tolerance=1e-3 if loss.rooted else None)
    judged(hardware, CudaPlan, loss.name in LONG)


@pytest.mark.parametrize("loss", ROWWISE, ids=lambda x: x.name)
def test_every_loss_of_rows(loss: Any, hardware: Any, rng: np.random.Generator) -> None:
    both(at_once, loss, *row_data(loss, 10, "f4", rng, 13))
    judged(hardware, CudaRowPlan, loss.name in LONG)


@pytest.mark.parametrize("k", [24, 17_001])
def test_a_parameter_of_each_row(k: int, hardware: Any, rng: np.random.Generator) -> None:
    x, teacher, labels = row_data(fl.distillation, k, "f4", rng, 2)
    options = {"temperature": np.float32([0.7, 3.0]), "alpha": np.float64([0.2, 0.8])}
    both(fl.distillation.value_and_grad, x, teacher, labels, **options)
    assert hardware.races == set()


# Types and classes decide how many threads share a row, where arrays begin how wide packets are.
BROUGHT = [("f4", 10), ("f4", 16), ("f4", 37), ("f4", 102), ("f8", 6), ("f2", 5), ("bf16", 10), ("bf16", 250)]
BEGINNING = [(dtype, k, shift) for dtype, k in BROUGHT for shift in (0, 1, 2)]


@pytest.mark.parametrize(
    ("dtype", "k", "shift"), some(BEGINNING, [x for x in BEGINNING if x[2] == 1 or x[:2] in BROUGHT[::6]])
)
def test_rows_that_a_block_brings_in(dtype: str, k: int, shift: int, hardware: Any, rng: np.random.Generator) -> None:
    """Whole blocks of rows and what is left, of arrays that begin anywhere; both derivatives, and in place."""
    n = 201 if k < 32 else 85 if k < 200 else 41
    labels = rng.integers(0, k, n)
    room, out, more = (Hosted(rng.normal(size=n * k + 8).astype(TYPES[dtype])) for _ in range(3))
    x, *outs = (a[shift : shift + n * k].reshape(n, k) for a in (room, out, more))
    labels[3] = -100
    before = [a.array.copy() for a in (room, out, more)]
    first, second = fl.cross_entropy.grad_and_hess(x.array, labels, ignore_index=-100, reduction="sum")
    found = fl.cross_entropy.grad_and_hess(x, Hosted(labels), ignore_index=-100, reduction="sum", out=tuple(outs))
    hosted.agree(found, (first, second))
    fl.cross_entropy.grad(x, Hosted(labels), ignore_index=-100, reduction="sum", out=x)
    hosted.agree(x, first)
    for array, old in zip((room, out, more), before, strict=True):
        ends = np.r_[:shift, shift + n * k : n * k + 8]
        assert_array_equal(array.array[ends], old[ends])
    assert hardware.races == set()


@pytest.mark.parametrize(("name", "k"), [("cross_entropy", 25_001), ("js_distillation", 17_001)])
def test_rows_that_blocks_share(name: str, k: int, hardware: Any, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    data = row_data(loss, k, "f4", rng, 2)
    both(loss.value_and_grad, *data)
    assert hardware.launches == 4 + (name == "js_distillation")
    assert hardware.races == set()


@pytest.mark.parametrize("k", [5, 24])
def test_rows_of_a_warp_come_to_rest_at_different_times(k: int, hardware: Any, rng: np.random.Generator) -> None:
    x = (rng.normal(size=(40, k)) * rng.choice([0.01, 0.3, 3.0], size=(40, 1))).astype("f4")
    both(fl.sparsemax_loss.value_and_grad, x, rng.integers(0, k, 40))
    assert hardware.races == set()


def _beginning(room: Any, end: int, n: int) -> Any:
    """The first `n` elements whose address leaves so many bytes, divided by 16."""
    return room[(end - room.ctypes.data) % 16 // room.itemsize :][:n]


def test_a_known_kind_of_call_begins_elsewhere(hardware: Any, rng: np.random.Generator) -> None:
    """Labels that are no packets' do not hide that the scores are none any more, either."""
    labels, room = _beginning(np.zeros(8, np.int64), 8, 5), rng.normal(size=60).astype("f4")
    for end in (0, 8):
        x = _beginning(room, end, 40).reshape(5, 8)
        both(fl.cross_entropy.value_and_grad, x, labels)
    assert hardware.races == set()


@pytest.mark.parametrize("k", [24, 1_500])
def test_a_teacher_known_in_part(k: int, hardware: Any, rng: np.random.Generator) -> None:
    x, labels = row_data(fl.cross_entropy, k, "f4", rng, 13)
    indices = np.stack([rng.permutation(k)[:5] for _ in x])
    logs = np.log(rng.dirichlet(np.ones(5), 13)).astype("f4")
    both(fl.topk_distillation.value_and_grad, x, indices, logs, labels)
    assert hardware.races == set()


@pytest.mark.parametrize("k", [100, 1_500])
def test_pairs_of_long_rows(k: int, hardware: Any, rng: np.random.Generator) -> None:
    """A warp's, and a block's, which goes through them twice."""
    x, target = rng.normal(size=(3, k)).astype("f4"), (rng.random((3, k)) < 0.02).astype("f4")
    both(fl.multilabel_margin.value_and_grad, x, target)
    assert hardware.races == set()


@pytest.mark.parametrize("dtype", ["f8", "f2", "bf16"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_dtypes_and_weights(dtype: str, reduction: str, hardware: Any, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=1003).astype(TYPES[dtype]), rng.random(1003).astype(TYPES[dtype])
    weight = rng.integers(0, 3, 1003).astype("f4")
    x[weight == 0] = np.nan
    # A mean's derivatives are below what float16 resolves.
    options = {"normalizer": 8.0} if reduction == "mean" else {}
    both(fl.bce_with_logits.value_and_grad, x, y, weight=weight, reduction=reduction, **options)
    both(fl.bce_with_logits, x, y, weight=weight)
    assert hardware.races == set()


@pytest.mark.parametrize(
    ("dtype", "k"), some(product(["f4", "bf16"], [5, 1_000, 9_000]), [("f4", 5), ("f4", 9_000), ("bf16", 1_000)])
)
def test_every_port_of_rows_at_once(k: int, dtype: str, hardware: Any, rng: np.random.Generator) -> None:
    """Rows of a warp, one by one; of a block, which holds them; and longer ones."""
    n = 16 if k == 5 else 4
    x, labels = row_data(fl.cross_entropy, k, TYPES[dtype], rng, n)
    weight = np.resize([1.0, 0.0, 2.0, 0.5], n)
    x[1], labels[2] = np.nan, -100
    options = {"weight": weight, "class_weight": rng.random(k), "label_smoothing": 0.1, "ignore_index": -100}
    both(fl.cross_entropy.value_and_grad, x, labels, return_stats=True, **options)
    masses = rng.dirichlet(np.ones(k), n)
    both(fl.cross_entropy.value_and_grad, x, masses, weight=weight, class_weight=options["class_weight"], z_loss=0.1)
    assert hardware.races == set()
    over = Hosted(x.copy())
    fl.cross_entropy.grad(over, Hosted(labels), ignore_index=-100, out=over)
    expected = fl.cross_entropy.grad(x, labels, ignore_index=-100)
    kept = np.arange(n) != 1
    limit = hosted.TOLERANCE[x.dtype.char]
    assert_allclose(
        over.array[kept].astype("f8"),
        expected[kept].astype("f8"),
        rtol=limit,
        atol=limit * np.nanmax(expected.astype("f8")),
    )


@pytest.mark.parametrize("k", [67, 9_001])
@pytest.mark.parametrize("dtype", ["f4", "bf16"])
def test_rows_that_are_no_multiples_of_packets(k: int, dtype: str, hardware: Any, rng: np.random.Generator) -> None:
    """Each begins elsewhere in a packet; nothing is read or written before the first and behind the last."""
    x, labels = row_data(fl.cross_entropy, k, TYPES[dtype], rng, 9)
    labels[:6] = 0, k - 1, 1, k - 2, 0, k - 1
    x[3, 0], x[4, -1], x[5, 0] = 30.0, 30.0, np.nan
    both(fl.cross_entropy.value_and_grad, x, labels, return_stats=True, reduction="none")
    both(fl.cross_entropy.grad_and_hess, x[:5], labels[:5])
    masses = rng.dirichlet(np.ones(k), 9).astype(TYPES[dtype])
    both(fl.cross_entropy.value_and_grad, x[:5], masses[:5], label_smoothing=0.1)
    assert hardware.races == set()
    over = Hosted(x.copy())
    fl.cross_entropy.grad(over, Hosted(labels), out=over)
    expected, limit = fl.cross_entropy.grad(x, labels).astype("f8"), hosted.TOLERANCE[x.dtype.char]
    assert_allclose(over.array.astype("f8"), expected, rtol=limit, atol=limit * np.nanmax(expected))


def test_addresses_that_are_no_multiples_of_packets(hardware: Any, rng: np.random.Generator) -> None:
    memory = rng.random(210).astype("f4")
    out = Hosted(np.zeros(107, "f4"))
    for low in (0, 1, 2, 4):
        x = Hosted(memory[low : low + 101])
        fl.mse.grad(x, Hosted(memory[-101:]), out=out[low : low + 101])
        assert_allclose(out.array[low : low + 101], fl.mse.grad(x.array, memory[-101:]), rtol=1e-6)
        assert_array_equal(out.array[low + 101 :], 0.0)
    assert hardware.launches == 4


@pytest.mark.parametrize("wrong", [-1, 24, 2**40])
def test_wrong_labels_read_nothing(wrong: int, hardware: Any, rng: np.random.Generator) -> None:
    x, labels = row_data(fl.cross_entropy, 24, "f4", rng, 16)
    labels[3] = wrong
    grad = fl.cross_entropy.grad(Hosted(x), Hosted(labels), class_weight=Hosted(rng.random(24)))
    assert_array_equal(grad.array[3], 0.0)
    with pytest.raises(ValueError, match="cross_entropy: a label or an index of an earlier call"):
        fl.synchronize()


def window(array: Any, first: int) -> int:
    """The address of an array of which there is only this end, from `first` on."""
    hosted.memory.append(array)
    return int(array.ctypes.data) - first * array.itemsize


def test_elements_that_32_bits_do_not_count(rng: np.random.Generator) -> None:
    """Of the grid for 32 GiB of float32 the last two blocks run."""
    loss, tile = fl.huber, pointwise.TILE
    size = 2**33 + 77
    first = size // tile - 1
    x, y = (rng.normal(size=size - first * tile).astype("f4") for _ in range(2))
    grad, sums, flaws = np.full_like(x, np.nan), np.empty(2, "f4"), np.zeros(1, "i4")
    base = Plan.of(loss, ("f", "f"), VALUE | GRAD, False)
    kernel = parse(*assembly(CudaPlan(base, 4, False), (9, 0)))
    values = iter([
        window(x, first * tile), window(y, first * tile), *loss.cast(np.float32), 1.0, 0.0, *loss.bounds(np.float32),
        window(grad, first * tile), window(sums, first), window(flaws, 0), size,
    ])  # fmt: skip
    params = {
        name: np.array(v, {"u64": "u8", "f32": "f4"}[kind]).tobytes()
        for (name, kind), v in zip(kernel.params, values, strict=True)
    }
    pieces = [of_the_host(a.ctypes.data, a.nbytes) for a in (x, y, grad, sums, flaws)]
    machine = Machine(kernel, 2, pointwise.THREADS, params, Memory(pieces, 4 * pointwise.THREADS, 0, 2, pointwise.THREADS),
                      dict.fromkeys(kernel.variables, 0))  # fmt: skip
    machine.registers["%ctaid.x"] += np.uint32(first)
    machine.run()
    losses, expected = loss.value_and_grad(x.astype("f8"), y.astype("f8"), reduction="none")
    assert_allclose(grad, expected, rtol=1e-6, atol=1e-6)
    assert_allclose(sums, [losses[:tile].sum(), losses[tile:].sum()], rtol=1e-5)


@pytest.mark.parametrize(("stored", "of_factor"), [("bf16", "f4"), ("bf16", "bf16"), ("f4", "f8"), ("f8", "f8")])
@pytest.mark.parametrize("factor", [0.375, 1.0, np.inf, np.nan])
def test_an_array_times_a_number(
    stored: str, of_factor: str, factor: float, hardware: Any, rng: np.random.Generator
) -> None:
    """Of several blocks, at the first call and the next."""
    drawn = rng.normal(size=700).astype(TYPES[stored])
    for _ in range(2):
        x = Hosted(drawn.copy())
        assert scale.multiplied(hosted, x, Hosted(np.array(factor, TYPES[of_factor])), 1.0)
        assert_array_equal(x.array.astype("f8"), (drawn.astype("f8") * factor).astype(drawn.dtype).astype("f8"))
    assert hardware.races == set()
