"""What the GPU's adapter asks of torch, asked of tensors in host memory: only where they live is different."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

torch = pytest.importorskip("torch")
CHARS = {"float32": "f", "float64": "d", "float16": "e", "bfloat16": "E", "bool": "?", "int8": "b", "uint8": "B",
         "int16": "h", "int32": "i", "int64": "q"}  # fmt: skip


@pytest.fixture
def face() -> Any:
    from fastloss.arrays import gpu

    return gpu.face("torch")


@pytest.mark.parametrize("name", CHARS)
def test_buffers_say_where_a_tensor_is(name: str, face: Any) -> None:
    x = torch.zeros(4, 6, dtype=getattr(torch, name))[1:, ::2]
    found = face.buffer(x)
    size = x.element_size()
    assert found[1:5] == (x.data_ptr(), (3, 3), (6 * size, 2 * size), CHARS[name])
    assert found.dtype.itemsize == size
    assert not found.dense
    assert face.buffer(x.contiguous()).dense
    assert face.buffer(torch.zeros(0, 3)[:, :2]).dense
    assert not face.buffer(torch.zeros(3).expand(2, 3)).dense


def test_what_no_kernel_reads_is_known_by_no_character(face: Any) -> None:
    assert face.buffer(torch.zeros(2, dtype=torch.complex64)).char == ""


def test_only_tensors_on_a_gpu_are_its_own(face: Any) -> None:
    assert not face.owns(torch.zeros(2))
    assert not face.owns(np.zeros(2))


def test_a_gradient_that_would_be_lost_is_refused(face: Any) -> None:
    x = torch.zeros(2, requires_grad=True)
    assert "requires grad" in face.refused(x)
    assert face.refused(x.detach()) == ""
    with torch.no_grad():
        assert face.refused(x) == ""
    assert "layout" in face.refused(torch.zeros(2).to_sparse())
    assert "other sign" in face.refused(torch.zeros(2, dtype=torch.complex64).conj().imag)


def test_arithmetic_is_numpys(face: Any) -> None:
    """What is written once for all libraries."""
    from fastloss.arrays import samples
    from fastloss.arrays.host import arithmetic

    x = np.array([[1.0, -2.0, 3.0], [0.0, 5.0, -1.0]])
    for axes in ((), (0,), (1,), (0, 1)):
        shape = tuple(n for k, n in enumerate(x.shape) if k not in axes)
        for f in (lambda lib, a: lib.add_up(a, axes, shape, "d"), lambda lib, a: lib.largest(abs(a), axes)):  # noqa: B023
            assert_array_equal(f(face, torch.tensor(x)).numpy(), f(arithmetic, x))
    given = (face, torch.tensor(x[0] ** 2)), (arithmetic, x[0] ** 2)
    found, expected = (samples._shares(library, weight, "f", x.shape, (0,), True) for library, weight in given)
    for a, b in zip(found, expected, strict=True):
        assert_array_equal(a.numpy(), b)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_labels_that_are_whole(dtype: Any, face: Any) -> None:
    from fastloss.arrays.gpu.buffers import Work

    work: Any = object.__new__(Work)
    work.face, work.device = face, -1
    labels = torch.tensor([2.0, 0.0, -3.0, 1.5, float("nan")], dtype=dtype)
    found = work.whole(face.buffer(labels), -1)
    assert (found.char, found.array.tolist()) == ("q", [2, 0, -3, -1, -1])
    assert work.copied


@pytest.mark.parametrize("weight", [0.1, 1e-50, 1e50, 2, True, np.float64(0.1)])
def test_a_number_for_the_weights_of_what_is_not_ignored(weight: Any, face: Any) -> None:
    found = face.weighed(torch.tensor([1, -100]), -100, weight)
    assert (found.dtype, found.tolist()) == (torch.float64, [float(weight), 0.0])


def test_the_short_way_sees_dense_tensors_alone(face: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.zeros(4, 6)
    assert face.seen(x) is None
    assert face.seen(np.zeros(2)) is None
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    kind, address = face.seen(x)
    assert (address, face.address(x)) == (x.data_ptr(), x.data_ptr())
    others = (torch.zeros(4, 6), torch.zeros(6, 4), torch.zeros(4, 6, dtype=torch.float64), torch.zeros(24))
    assert [face.seen(y)[0] == kind for y in others] == [True, False, False, False]
    leaf = torch.zeros(2, requires_grad=True)
    for y in (x.T, x[:, 1:], x.to_sparse(), leaf, torch.zeros(1, dtype=torch.complex64).conj().imag):
        assert face.seen(y) is None
    with torch.no_grad():
        assert face.seen(leaf) is not None


@pytest.mark.parametrize("shape", [(), (3,), (4, 6), (2, 0, 5), (2, 1, 3)], ids=str)
def test_what_torchs_compiler_allocates_is_dense(
    shape: tuple[int, ...], face: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of the CPU stands for it; on another device than the current one there is none."""
    monkeypatch.setattr(face, "_allocated", torch._C._dynamo.guards._empty_strided_cpu)
    monkeypatch.setattr(face, "_current_device", lambda: 1)
    monkeypatch.setattr(face, "_device", lambda device: torch.device("meta"))
    for char in CHARS.values():
        found, other = face.maker(shape, char, 1)(), face.maker(shape, char, 0)()
        assert (other.device.type, found.device.type) == ("meta", "cpu")
        assert (found.shape, found.dtype, found.stride()) == (other.shape, other.dtype, other.stride())


def test_conversions(face: Any) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    wide = face.dense(x[:, :1], (2, 3))
    assert wide.is_contiguous()
    assert_array_equal(wide.numpy(), [[0, 0, 0], [3, 3, 3]])
    assert face.dense(x, (2, 3)).data_ptr() == x.data_ptr()
    assert face.cast(x, "E").dtype is torch.bfloat16
    assert_array_equal(face.host(face.cast(x, "E")), x.numpy())
    assert face.moved(x, 0, 1).shape == (3, 2)
    total = face.add_up(x.half(), (0,), (1, 3), "e")
    assert (total.dtype, tuple(total.shape)) == (torch.float16, (1, 3))
    assert_array_equal(total.numpy(), [[3, 5, 7]])
    to = torch.empty(3, 2).T
    face.assign(to, x)
    assert_array_equal(to.numpy(), x.numpy())
    room = torch.ones(2, 2)
    face.product(x, x.T, room)
    assert_array_equal(room.numpy(), [[5, 14], [14, 50]])
    face.add_product(x, x.T, room)
    face.add_product(x.bfloat16(), x.T.bfloat16(), room)
    assert_array_equal(room.numpy(), [[15, 42], [42, 150]])
    kept = face.kept(torch.full((2, 2), torch.nan), torch.tensor([True, False]))
    assert_array_equal(kept.numpy(), [[np.nan, np.nan], [0, 0]])
    for kind in (torch.uint8, torch.int8, torch.uint16, torch.int64):
        assert face.known(torch.tensor([3, 2, 0], dtype=kind), 3, 2).tolist() == [False, False, True]
        assert face.hits(torch.tensor([3, 1, -1]), torch.tensor([3, 2, 0], dtype=kind)).tolist() == [True, False, False]
        assert face.worthy(torch.tensor([0.0, 0.5]), torch.tensor([3, 1, 0], dtype=kind), True).tolist() == [
            True,
            True,
            False,
        ]
    masses = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0], [torch.nan, 0.0]])
    assert face.worthy(torch.tensor([0.0, 0.5]), masses, False).tolist() == [False, True, True, True]
    assert face.worthy(torch.zeros(2), masses, False).tolist() == [False] * 4
    hits = face.hits(torch.tensor([0, -1, 2]), torch.tensor([0, -1, 1]))
    assert_array_equal(hits.numpy(), [True, False, False])


def test_another_librarys_array_is_taken_where_it_is(face: Any) -> None:
    x = np.arange(6.0).reshape(2, 3)
    found = face.taken(x)
    assert (type(found), found.data_ptr(), found.shape) == (torch.Tensor, x.ctypes.data, (2, 3))


def test_what_the_error_says_of_tensors_in_host_memory_is_right() -> None:
    import fastloss as fl
    import fastloss.torch

    with pytest.raises(TypeError, match=r"pred is a torch\.Tensor on the CPU, .*, or pass pred\.numpy\(\)"):
        fl.huber(torch.zeros(3), np.zeros(3))
    leaf, target = torch.tensor([0.5, -2.0, 3.0], requires_grad=True), np.zeros(3, "f4")
    for loss, named in ((fl.huber, "fastloss.torch.huber"), (1.0 * fl.huber, r"fastloss.torch.function\(loss\)")):
        with pytest.raises(TypeError, match=f"requires a gradient, .*; call {named}, which autograd differentiates"):
            loss(2.0 * leaf, target)
    fastloss.torch.huber(2.0 * leaf, torch.from_numpy(target)).backward()
    by_hand = leaf.grad.clone()
    leaf.grad = None
    fastloss.torch.function(1.0 * fl.huber)(2.0 * leaf, torch.from_numpy(target)).backward()
    assert_array_equal(leaf.grad, by_hand)
    torch.nn.functional.huber_loss(2.0 * (again := leaf.detach().requires_grad_()), torch.zeros(3)).backward()
    assert_array_equal(leaf.grad, again.grad)
