"""JAX's arrays on a pretended GPU: the hosted library's stand for them, and a stand-in for JAX itself."""

from __future__ import annotations

import sys
import weakref
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import hosted
import ml_dtypes
import numpy as np
import pytest
from hosted import Hosted, agree, raises

import fastloss as fl
from fastloss.arrays import gpu as faces

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
GPU, HOST, PINNED = 2, 1, 3
"""Kinds of memory by DLPack's numbers."""
X = np.array([[0.5, -1.0, 2.0], [1.0, 0.0, -0.5]])
Y = np.array([2, 0])


class Array:
    """An array of the stand-in, which never changes."""

    def __init__(self, array: Any, memory: int = GPU, devices: int = 1) -> None:
        self.array, self.memory, self.count = np.array(array), memory, devices
        self.array.flags.writeable = False

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    def devices(self) -> Any:
        return [SimpleNamespace(platform="cpu" if self.memory == HOST else "gpu")] * self.count

    def __dlpack_device__(self) -> tuple[int, int]:
        assert self.count == 1
        return self.memory, 0

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.array.__dlpack__(**keywords)


class Tracer:
    """What stands for an array inside of jit."""


class Key(Array):
    """A key of random numbers, which is no array of numbers."""

    __dlpack_device__ = property()  # type: ignore[assignment]


for kind in (Array, Tracer, Key):
    kind.__module__ = "jaxlib._jax"


def from_dlpack(x: Hosted) -> Array:
    assert x.array.flags.c_contiguous  # as JAX lays its arrays out
    return Array(x.array)


@pytest.fixture
def gpu(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pretended GPU, in a process that has the stand-in."""
    jax: Any = ModuleType("jax")
    jax.Array, jax.core = (Array, Tracer), SimpleNamespace(Tracer=Tracer)
    jax.dlpack = SimpleNamespace(from_dlpack=from_dlpack)
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.delitem(sys.modules, "fastloss.arrays.gpu.libraries.jax", raising=False)
    module = import_module("fastloss.arrays.gpu.libraries.jax")
    monkeypatch.setattr(faces, "face", lambda name: module if name == "jax" else hosted)
    yield gpu
    sys.modules.pop("fastloss.arrays.gpu.libraries.jax")


def put(x: Any) -> Any:
    return Array(x) if isinstance(x, np.ndarray) else x


def got(x: Any) -> Any:
    """Results of the stand-in as those of the hosted library."""
    if isinstance(x, tuple):
        return tuple(map(got, x))
    assert x is None or type(x) is Array
    return None if x is None else Hosted(x.array)


def both(call: Any, *inputs: Any, **options: Any) -> None:
    found = call(*map(put, inputs), **{name: put(x) for name, x in options.items()})
    agree(got(found), call(*inputs, **options))


def test_all_verbs_of_elements(gpu: Any, rng: np.random.Generator) -> None:
    x, y, w = rng.normal(size=(3, 4, 5)).astype("f4")
    w = abs(w)
    w[0] = 0.0
    for verb in (fl.huber, fl.huber.value_and_grad, fl.huber.grad, fl.huber.grad_and_hess):
        both(verb, x, y, weight=w, delta=0.7)
        both(verb, x, target=y, reduction="none")
    both(fl.mse.value_and_grad, x, 0.5)
    both(fl.gaussian_nll.value_and_grad, x, y, np.abs(w) + 1.0)
    both(fl.huber.value_and_grad, x[:0], y[:0], empty="zero")
    both(fl.huber.value_and_grad, x, y, weight=w, axis=0)


def test_all_verbs_of_rows(gpu: Any) -> None:
    weight, classes = np.array([1.0, 2.0]), np.array([1.0, 0.5, 3.0])
    for verb in (fl.cross_entropy, fl.cross_entropy.value_and_grad, fl.cross_entropy.grad_and_hess):
        both(verb, X, Y, weight=weight, class_weight=classes, ignore_index=0)
    both(fl.cross_entropy.value_and_grad, X.T, Y, axis=0)
    both(fl.cross_entropy.value_and_grad, X, Y.astype("f4"))
    both(fl.softmax, X)
    loss, stats = fl.cross_entropy(Array(X), Array(Y), return_stats=True)
    assert type(loss) is Array
    assert type(stats).__name__ == "RowStats"
    assert stats.correct.array.tolist() == [True, True]


def test_a_linear_layer(gpu: Any, rng: np.random.Generator) -> None:
    hidden, weight, bias, samples = (rng.normal(size=s) for s in ((5, 4), (3, 4), (3,), (5,)))
    labels, layer = np.arange(5) % 3, fl.linear_cross_entropy
    both(layer.value_and_grad, hidden, weight, labels, bias=bias, sample_weight=samples**2, class_weight=bias**2)
    both(layer.value_and_grad, hidden, weight, labels, chunk=2)
    both(layer, hidden, weight, labels)


def test_a_teacher_known_in_part(gpu: Any) -> None:
    indices, logs = np.array([[2, 0], [1, 2]]), np.log([[0.5, 0.25], [0.125, 0.5]]).astype("f4")
    for verb in (fl.topk_distillation, fl.topk_distillation.value_and_grad, fl.topk_distillation.grad_and_hess):
        both(verb, X, indices, logs, Y, weight=np.array([1.0, 2.0]), temperature=3.0)
    with pytest.raises(TypeError, match="out cannot be given with arrays of JAX"):
        fl.topk_distillation.grad(Array(X), Array(indices), Array(logs), Array(Y), out=Array(X))


def test_memory_is_held_until_the_kernels_are_done(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lent: Any = weakref.WeakSet()
    held = []
    taken = hosted.taken
    monkeypatch.setattr(hosted, "taken", lambda x: [found := taken(x), lent.add(found)][0])
    monkeypatch.setattr(gpu, "wait", lambda device, stream: held.append((len(lent), device, stream)))
    fl.huber.value_and_grad(Array(X), Array(X + 1.0), weight=Array(X**2))
    assert held == [(3, 0, 7)]
    with pytest.raises(ValueError, match="reduction is"):
        fl.huber.grad(Array(X), Array(X), reduction="total")
    assert [n for n, *_ in held] == [3, 2]
    assert len(gpu.launches) > 0


def test_what_a_kernel_finds_wrong_is_told_as_on_any_gpu(gpu: Any) -> None:
    wrong = Array([2, 3])
    with pytest.raises(ValueError, match=r"target\[1\] is 3, but there are 3 classes"):
        fl.cross_entropy(Array(X), wrong, check=True)
    assert fl.cross_entropy(Array(X), wrong, reduction="none").array[1] == 0.0
    with pytest.raises(ValueError, match="earlier call"):
        fl.synchronize()


A, T, SPREAD = Array(X), Tracer(), Array(X, devices=4)
L, W = Array(Y), Array(np.ones((3, 3)))
WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: fl.mse(T, A), TypeError, r"squared_error: pred is traced by JAX.* outside of jit.*fastloss\.jax"),
    (lambda: fl.mse(X, T), TypeError, "target is traced"),
    (lambda: fl.mse(A, A, weight=T), TypeError, "weight is traced"),
    (lambda: fl.cross_entropy(A, L, class_weight=T), TypeError, "cross_entropy: class_weight is traced"),
    (lambda: fl.linear_cross_entropy(A, W, T), TypeError, "linear_cross_entropy: labels is traced"),
    (lambda: fl.mse(A, SPREAD), ValueError, r"target is spread over 4 devices.*target\.addressable_shards\[0\]\.data"),
    (lambda: fl.mse.grad(A, A, out=np.empty((2, 3))), TypeError, "squared_error: out cannot be given.* never change"),
    (lambda: fl.cross_entropy.grad(A, L, out=A), TypeError, "cross_entropy: out cannot be given"),
    (lambda: fl.mse(A, X), TypeError, "target is a numpy.ndarray, expected an array of jax on a GPU, as pred is"),
    (lambda: fl.mse(X, A), TypeError, "pred is a numpy.ndarray, expected an array of jax on a GPU, as target is"),
    (lambda: fl.mse(A, Hosted(X)), TypeError, r"target is a cupy\.Hosted, expected an array of jax on a GPU"),
    (lambda: fl.mse(Hosted(X), A), TypeError, r"target is a jaxlib\._jax\.Array, expected an array of hosted on a GPU"),
    (lambda: fl.mse(A, Array(X, HOST)), TypeError, "target is a jaxlib.*, expected an array of jax on a GPU, as pred is"),
    (lambda: fl.mse(Array(X, HOST), Array(X, HOST)), TypeError, r"on the CPU, expected an array of real numbers; .* pass numpy\.asarray\(pred\)"),
    (lambda: fl.mse(Array(X, PINNED), X), TypeError, r"on the CPU, expected an array of real numbers; .* pass numpy\.asarray\(pred\)"),
    (lambda: fl.mse(Array(X, HOST, 2), X), TypeError, r"on the CPU, expected an array of real numbers; .* pass numpy\.asarray\(pred\)"),
    (lambda: fl.mse(A, Array(X.astype(ml_dtypes.float8_e4m3fn))), TypeError, "target has dtype float8_e4m3fn, expected"),
    (lambda: fl.mse(Key(X), X), TypeError, "is a jaxlib.* expected an array"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors(case: int, gpu: Any) -> None:
    raises(gpu, *WRONG[case])


def test_some_library_must_lend_its_arrays(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "present", lambda: False)
    with pytest.raises(RuntimeError, match="need torch or CuPy"):
        fl.mse(A, A)
    asked: list[str] = []
    module = sys.modules["fastloss.arrays.gpu.libraries.jax"]
    monkeypatch.setattr(module, "face_of", asked.append)
    monkeypatch.setitem(sys.modules, "cupy", ModuleType("cupy"))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with pytest.raises(RuntimeError, match="need torch or CuPy"):
        fl.mse(A, A)
    assert asked == ["cupy", "torch"]


@pytest.mark.parametrize("name", ["hinge", "relativistic_average"])
def test_two_batches(name: str, gpu: Any) -> None:
    loss, fake = getattr(fl.gan, name).discriminator, X[0] - 1.0
    weight = np.array([1.0, 0.0, 2.0])
    for options in ({}, {"weight": (None, weight)}):
        here = {k: (None, Array(weight)) for k in options}
        value, grads = loss.value_and_grad(Array(X), Array(fake), **here)
        expected, slopes = loss.value_and_grad(X, fake, **options)
        assert isinstance(value, Array)
        np.testing.assert_allclose(value.array, expected, rtol=1e-13)
        for a, b in zip(grads, slopes, strict=True):
            np.testing.assert_allclose(a.array, b, rtol=1e-12, atol=1e-15)
    out = Array(X), Array(fake)
    gpu.launches.clear()
    raises(gpu, lambda: loss.grad(*out, out=out), TypeError, "out cannot be given with arrays of JAX")


def test_penalties(gpu: Any) -> None:
    penalty = fl.penalties.l1(0.5)
    value, grad = penalty.value_and_grad(Array(X), intercept="last")
    expected, slope = penalty.value_and_grad(X, intercept="last")
    np.testing.assert_allclose(value.array, expected, rtol=1e-14)
    np.testing.assert_array_equal(grad.array, slope)
    np.testing.assert_allclose(penalty.prox(Array(X), 1.5).array, penalty.prox(X, 1.5), rtol=1e-14)
