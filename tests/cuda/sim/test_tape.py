"""A call whose kind is known launches again what the first one launched: the results are those of the long way."""

from __future__ import annotations

from typing import Any

import hosted
import ml_dtypes
import numpy as np
import pytest
from hosted import Hosted, agree, to_gpu
from numpy.testing import assert_array_equal

import fastloss as fl
from fastloss.arrays.gpu import scale

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]


def pointwise(rng: np.random.Generator) -> tuple[Any, ...]:
    return tuple(rng.random((3, 30)).astype("f4") + 0.1 for _ in range(2))


def few(rng: np.random.Generator) -> tuple[Any, ...]:
    """A single tile."""
    return tuple(rng.random((5, 6)).astype("f4") + 0.1 for _ in range(2))


def rows(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(2, 4, 5)).astype("f4"), rng.integers(0, 5, (2, 4))


CALLS: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("huber", "value_and_grad", pointwise, {}),
    ("huber", "value_and_grad", few, {}),
    ("huber", "value_and_grad", few, {"weight": np.ones((5, 6), "f4")}),
    ("root_mean_squared_error", "value_and_grad", few, {}),
    ("huber", "grad_and_hess", pointwise, {"reduction": "sum"}),
    ("huber", "__call__", pointwise, {"reduction": "none"}),
    ("root_mean_squared_error", "value_and_grad", pointwise, {"weight": np.ones((3, 30), "f4")}),
    ("gaussian_nll", "value_and_grad", lambda rng: (*pointwise(rng), pointwise(rng)[0]), {}),
    ("cross_entropy", "value_and_grad", rows, {}),
    ("cross_entropy", "grad_and_hess", rows, {"label_smoothing": 0.1, "class_weight": np.arange(5.0, dtype="f4")}),
    ("cross_entropy", "value_and_grad", rows, {"ignore_index": 2, "weight": np.arange(8.0, dtype="f4").reshape(2, 4)}),
    ("soft_distillation", "value_and_grad", lambda rng: (rows(rng)[0], rows(rng)[0]), {}),
]


# out= is for one gradient here, and not for the call itself.
WAYS = [(k, way) for k, (name, verb, *_) in enumerate(CALLS) for way in ("fresh", "apart", "over")
        if way == "fresh" or (verb != "__call__" and name != "gaussian_nll")]  # fmt: skip


@pytest.mark.parametrize(("case", "way"), WAYS)
def test_the_second_call_is_the_first_again(case: int, way: str, gpu: Any, rng: np.random.Generator) -> None:
    name, verb, draw, options = CALLS[case]
    loss = fl.LOSSES[name].bind()
    for k in range(2):
        data = draw(rng)
        expected = getattr(loss, verb)(*data, **options)
        given = [*map(to_gpu, data)]
        out = [given[0] if way == "over" else Hosted(np.empty_like(data[0])), Hosted(np.empty_like(data[0]))]
        to = None if way == "fresh" else tuple(out) if verb == "grad_and_hess" else out[0]
        found = getattr(loss, verb)(*given, out=to, **{n: to_gpu(v) for n, v in options.items()})
        agree(found, expected)
        assert to is None or any(a is out[0] for a in found)
        assert gpu.replays == k
    assert gpu.waits == 0


def test_a_single_tile_is_one_launch(gpu: Any, rng: np.random.Generator) -> None:
    for data, launches in ((few(rng), 1), (pointwise(rng), 2)):
        gpu.launches.clear()
        fl.huber.value_and_grad(*map(to_gpu, data))
        assert len(gpu.launches) == launches
    gpu.launches.clear()
    assert np.isnan(fl.huber(*[to_gpu(np.full(5, np.nan, "f4"))] * 2).array)
    assert fl.huber(*map(to_gpu, few(rng)), normalizer=1e-300).array == np.inf


def test_kinds_that_differ_are_kept_apart(gpu: Any, rng: np.random.Generator) -> None:
    loss = fl.mse.bind()
    x = rng.random(16)
    for k, (a, b) in enumerate(
        [(x, x[::-1].copy()), (x[:8], x[8:]), (x.reshape(4, 4), x.reshape(4, 4) * 2), (x, x.astype("f4"))]
    ):
        for _ in range(2):
            agree(loss.value_and_grad(Hosted(a), Hosted(b)), loss.value_and_grad(a, b))
        assert gpu.replays == k + 1
    assert loss(Hosted(x, 1), Hosted(x, 1)).device == 1
    agree(loss.grad(Hosted(x), Hosted(x), reduction="sum"), loss.grad(x, x, reduction="sum"))
    assert gpu.replays == 4


def test_addresses_that_are_no_multiples_of_packets(gpu: Any, rng: np.random.Generator) -> None:
    loss, memory = fl.mse.bind(), rng.random(40).astype("f4")
    base = Hosted(memory)
    for low in (0, 1, 2, 4):
        x = Hosted(memory[low : low + 20])
        hosted.memory.append(memory)
        agree(loss.grad(x, base[20:]), fl.mse.grad(memory[low : low + 20], memory[20:]))


def test_one_array_in_two_places_is_not_remembered(gpu: Any, rng: np.random.Generator) -> None:
    loss, x, y = fl.mse.bind(), rng.random(16), rng.random(16)
    same = Hosted(x)
    agree(loss.value_and_grad(same, same), fl.mse.value_and_grad(x, x))
    agree(loss.value_and_grad(Hosted(x), Hosted(y)), fl.mse.value_and_grad(x, y))
    agree(loss.value_and_grad(same, same), fl.mse.value_and_grad(x, x))


def test_memory_that_the_long_way_refuses(gpu: Any, rng: np.random.Generator) -> None:
    loss, memory = fl.mse.bind(), rng.random(64)
    x, y, out, other = (Hosted(memory[k : k + 16]) for k in (0, 16, 32, 48))
    hosted.memory.append(memory)
    for _ in range(2):
        loss.grad(x, y, out=out)
        loss.grad(x, y, out=x)
        loss.grad_and_hess(x, y, out=(out, other))
    launched = len(gpu.launches)
    for bad in (y, Hosted(memory[8:24]), Hosted(memory[:16].astype("f4")), memory[32:48], (out,)):
        with pytest.raises((TypeError, ValueError), match="out"):
            loss.grad(x, y, out=bad)
    for pair in ((out, out), (out, x), (out, Hosted(memory[40:56])), out):
        with pytest.raises((TypeError, ValueError), match="out"):
            loss.grad_and_hess(x, y, out=pair)
    assert len(gpu.launches) == launched


def test_errors_of_earlier_calls_come_first_and_check_looks(gpu: Any) -> None:
    loss, x, labels = fl.cross_entropy.bind(), Hosted(np.ones((4, 3))), np.array([0, 1, 2, 0])
    for _ in range(2):
        loss.grad(x, Hosted(labels))
        loss.grad(x, Hosted(labels), check=True)
    assert gpu.replays == 1
    grad = loss.grad(x, Hosted(labels + 1), reduction="mean")
    assert_array_equal(grad.array[2], 0.0)
    with pytest.raises(ValueError, match="a label or an index of an earlier call"):
        loss.grad(x, Hosted(labels))
    with pytest.raises(ValueError, match=r"target\[2\] is 3"):
        loss.grad(x, Hosted(labels + 1), check=True)
    with pytest.raises(TypeError, match="ignore_index"):
        loss.grad(x, Hosted(labels), ignore_index=[1])


def test_a_copy_into_the_callers_array_is_made_every_time(gpu: Any) -> None:
    x, labels = np.arange(5.0).reshape(5, 1), np.array([2])
    expected = fl.cross_entropy.grad(x, labels, axis=0)
    for _ in range(3):
        out = Hosted(np.full_like(x, np.nan))
        fl.cross_entropy.grad(Hosted(x), Hosted(labels), axis=0, out=out)
        agree(out, expected)


@pytest.mark.parametrize("name", ["huber", "soft_distillation"])
def test_what_is_refused_is_refused_after_every_permitted_call(name: str, gpu: Any, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name].bind()
    x, y, out = (Hosted(rng.random((3, 4)).astype("f4")) for _ in range(3))
    loss.grad(x, y, out=x)
    loss.grad(x, y, out=out)
    before = x.array.copy()
    for arrays in ((x, x), (y, x)):
        with pytest.raises(ValueError, match="out overlaps target|out overlaps teacher"):
            loss.grad(*arrays, out=x)
    assert_array_equal(x.array, before)
    loss.grad(x, x, out=out)
    assert gpu.replays == 1


@pytest.mark.parametrize("kind", ["f4", "f8", "f2", ml_dtypes.bfloat16], ids=str)
def test_a_gradient_times_a_number_on_the_device(kind: Any, gpu: Any, rng: np.random.Generator) -> None:
    """Which 1 leaves as it is, NaNs and all; the second time by the launch of the first."""
    drawn = rng.normal(size=(3, 700)).astype(kind)
    for k, (number, also) in enumerate([(1.0, 1.0), (-3.0, 1.0), (0.5, 1.0), (0.5, 2.0), (np.nan, 1.0)]):
        x, factor = Hosted(drawn.copy()), Hosted(np.asarray(number, "f8" if kind == "f8" else "f4"))
        assert scale.multiplied(hosted, x, factor, also)
        assert_array_equal(x.array.astype("f8"), (drawn.astype("f8") * (number * also)).astype(kind).astype("f8"))
        assert gpu.replays == k - (k > 2)
    assert not scale.multiplied(hosted, Hosted(drawn.T), Hosted(np.ones((), "f4")), 1.0)
    assert not scale.multiplied(hosted, Hosted(drawn), Hosted(np.ones(2, "f4")), 1.0)
