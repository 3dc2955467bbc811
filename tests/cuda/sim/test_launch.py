"""Launching and storing, with a driver that writes down what it is told."""

from __future__ import annotations

import ctypes
import struct
import threading
from types import SimpleNamespace
from typing import Any

import pytest

import fastloss as fl
from fastloss.kernels.cpu import cache
from fastloss.kernels.cuda import launch, store
from fastloss.kernels.cuda.arguments import arguments, flat
from fastloss.kernels.cuda.driver import Driver
from fastloss.kernels.cuda.launch import Gpu
from fastloss.kernels.cuda.plan.elements import CombinePlan, CudaPlan
from fastloss.kernels.plan.elements import Plan

PLAN = CombinePlan("f", "d", "averaged", True)


class Told:
    """A driver of two devices; it keeps the arguments of every launch."""

    CUdevice_attribute = SimpleNamespace(
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR="major", CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR="minor"
    )
    CU_MEMHOSTALLOC_PORTABLE, CU_MEMHOSTALLOC_DEVICEMAP = 1, 2

    def __init__(self) -> None:
        self.context, self.pushed, self.launches, self.loads = 0, [], [], 0
        self.kinds = "".join("Q" if a[0] == "*" else a for a in flat(arguments(PLAN)))
        self.capturing, self.error, self.refused = 0, 0, 0
        self.kept: list[Any] = []

    def cuInit(self, flags: int) -> Any:
        return (0,)

    def cuGetErrorName(self, error: int) -> Any:
        return 0, {400: b"CUDA_ERROR_INVALID_HANDLE", 200: b"CUDA_ERROR_INVALID_IMAGE"}[error]

    def cuDeviceGet(self, device: int) -> Any:
        return 0, device

    def cuDeviceGetAttribute(self, kind: str, device: int) -> Any:
        return 0, {"major": 9, "minor": device}[kind]

    def cuDevicePrimaryCtxRetain(self, device: int) -> Any:
        return 0, 100 + device

    def cuCtxGetCurrent(self) -> Any:
        return 0, self.context

    def cuCtxPushCurrent(self, context: int) -> Any:
        self.pushed.append(self.context)
        self.context = context
        return (0,)

    def cuCtxPopCurrent(self) -> Any:
        self.context = self.pushed.pop()
        return 0, None

    def cuCtxSynchronize(self) -> Any:
        return (0,)

    def cuStreamSynchronize(self, stream: int) -> Any:
        return (0,)

    def cuStreamIsCapturing(self, stream: int) -> Any:
        return 0, self.capturing

    def cuLibraryLoadData(self, code: bytes, *_: Any) -> Any:
        self.loads += 1
        return (self.refused, None) if self.refused else (0, code)

    def cuLibraryGetKernel(self, library: bytes, name: bytes) -> Any:
        return 0, (library, name, self.context)

    def cuKernelGetFunction(self, kernel: Any) -> Any:
        return 0, kernel

    def cuMemHostAlloc(self, size: int, flags: int) -> Any:
        self.kept.append(ctypes.create_string_buffer(b"x" * size, size))
        return 0, ctypes.addressof(self.kept[-1])

    def cuLaunchKernel(self, function: Any, *rest: Any) -> Any:
        *shape, _, stream, table, _ = rest
        places = (ctypes.c_void_p * len(self.kinds)).from_address(table)
        sizes = {"Q": 8, "q": 8, "d": 8, "f": 4}
        values = [struct.unpack(k, ctypes.string_at(p, sizes[k]))[0] for k, p in zip(self.kinds, places, strict=True)]
        self.launches.append((function, shape, stream, values, self.context))
        return (self.error,)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def gpu(told: Told, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    monkeypatch.setattr(launch, "machine_code", lambda plan, capability, make: (b"code", f"of {capability}"))
    return Gpu(Driver(told))


ARGS = (10, 2**40, (2**50,), float("inf"), 30, 40)


def test_arguments_arrive(gpu: Gpu, told: Told) -> None:
    gpu.run(PLAN, 1, 5, 3, ARGS)
    function, shape, stream, values, context = told.launches[0]
    assert function == (b"code", b"of (9, 1)", 101)
    assert (shape, stream, context) == ([3, 1, 1, 256, 1, 1], 5, 101)
    assert values == list(flat(ARGS))
    assert told.context == 0  # the caller's device is current again


def test_kernels_are_loaded_once_for_each_device(gpu: Gpu, told: Told) -> None:
    for device in (0, 1, 0, 1):
        gpu.run(PLAN, device, 0, 1, ARGS)
    assert told.loads == 2
    told.context = 100
    gpu.run(PLAN, 0, 0, 1, ARGS)
    assert told.pushed == []


def test_threads_have_arguments_of_their_own(gpu: Gpu, told: Told) -> None:
    gpu.run(PLAN, 0, 0, 1, ARGS)

    def many(k: int) -> None:
        for i in range(200):
            gpu.run(PLAN, 0, k, 1, (k, i, (k + i,), 0.0, k, i))

    threads = [threading.Thread(target=many, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(told.launches) == 801
    for _, _, k, values, _ in told.launches[1:]:
        assert values == [k, values[1], k + values[1], 0.0, k, values[1]]


def test_a_launch_is_repeated_with_other_addresses(gpu: Gpu, told: Told) -> None:
    launched = gpu.run(PLAN, 1, 5, 3, ARGS)
    repeat = gpu.repeat(launched, [(0, 1, 0), (4, 0, 24)])
    before = told.launches.pop()
    for where in ([7000, 9000], [7001, 9001]):
        gpu.again([repeat, repeat], where, 1, 6)
        for function, shape, stream, values, context in (told.launches.pop(), told.launches.pop()):
            assert (function, shape, stream, context) == (*before[:2], 6, 101)
            assert values == [where[1], *before[3][1:4], where[0] + 24, before[3][5]]
        assert told.context == 0  # the caller's device is current again
    told.context = 101
    told.pushed.clear()
    gpu.again([repeat], [0, 0], 1, 6)
    assert told.pushed == []
    told.error = 400
    with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_HANDLE"):
        gpu.again([repeat], [1, 2], 1, 6)


def test_threads_repeat_a_launch_with_their_own_addresses(gpu: Gpu, told: Told) -> None:
    launched = gpu.run(PLAN, 0, 0, 1, ARGS)
    repeat = gpu.repeat(launched, [(0, 0, 0), (4, 0, 1), (5, 0, 2)])
    told.launches.clear()
    threads = [
        threading.Thread(
            target=lambda k: [gpu.again([repeat], [1000 * k + 8 * i], 0, k) for i in range(200)], args=(k,)
        )
        for k in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(told.launches) == 800
    for _, _, k, values, _ in told.launches:
        assert values[0] // 1000 in (k, k + 1)
        assert values[4:] == [values[0] + 1, values[0] + 2]


def test_nothing_is_loaded_or_allocated_while_a_graph_is_captured(gpu: Gpu, told: Told) -> None:
    told.capturing = 1
    for first in (lambda: gpu.flags(0, 0), lambda: gpu.run(PLAN, 0, 0, 1, ARGS)):
        with pytest.raises(RuntimeError, match="make the same call once before capturing"):
            first()
    assert told.kept == []
    told.capturing = 0
    flags = gpu.flags(0, 0)
    gpu.run(PLAN, 0, 0, 1, ARGS)
    told.capturing = 1
    assert gpu.flags(0, 0) is flags
    gpu.run(PLAN, 0, 0, 1, ARGS)
    assert len(told.launches) == 2


def test_errors_of_the_driver_have_names(gpu: Gpu, told: Told) -> None:
    told.error = 400
    with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_HANDLE: a stream of another device"):
        gpu.run(PLAN, 0, 0, 1, ARGS)
    with pytest.raises(ValueError, match="more than a launch has"):
        gpu.run(PLAN, 0, 0, 2**31, ARGS)
    told.refused = 200
    with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_IMAGE: was CUDA's toolkit installed for a later driver"):
        gpu.run(PLAN, 1, 0, 1, ARGS)


def test_flags_are_read_without_asking_anybody(gpu: Gpu, told: Told) -> None:
    gpu.raise_pending()
    flags = gpu.flags(0, 0)
    assert gpu.flags(1, 0) is flags
    first, second = flags.slot("huber"), flags.slot("mse")
    assert (flags.slot("huber"), second - first) == (first, 4)
    gpu.raise_pending()
    ctypes.c_int32.from_address(second).value = 1
    assert not flags.take(first)
    with pytest.raises(ValueError, match="^mse: a label or an index of an earlier call"):
        gpu.raise_pending()
    gpu.synchronize()
    ctypes.c_int32.from_address(first).value = 1
    assert flags.take(first)
    assert not flags.take(first)
    for k in range(launch.SLOTS + 5):
        ctypes.c_int32.from_address(flags.slot(f"loss {k}")).value = 1
    with pytest.raises(ValueError, match=r"loss 100, loss 101"):
        gpu.raise_pending()


def test_without_a_gpu_there_is_one_clear_error() -> None:
    with pytest.raises(RuntimeError, match="arrays on a GPU need"):
        fl.synchronize()


# -- on disk -----------------------------------------------------------------------------------------------------------


def huber(want: int = 3, **options: Any) -> CudaPlan:
    loss = fl.huber
    plan = Plan.of(loss, ("f", "f"), want, True)
    return CudaPlan(plan._replace(**options), 4, False)


@pytest.fixture
def makes(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kernels"))
    cache.directories.cache_clear()
    made: list[Any] = []

    def make(plan: Any, capability: Any) -> Any:
        made.append((plan, capability))
        return b"\x7fELF\0of " + str(len(made)).encode(), "name$of_it"

    yield SimpleNamespace(make=make, made=made, root=tmp_path)
    cache.directories.cache_clear()


def test_machine_code_is_found_again(makes: Any) -> None:
    plans = [huber(), huber(1), huber(types=("E", "f")), PLAN, PLAN._replace(found=False)]
    first = [store.machine_code(p, (9, 0), makes.make) for p in plans]
    assert len(makes.made) == len(plans)
    assert [store.machine_code(p, (9, 0), makes.make) for p in plans] == first
    assert len(makes.made) == len(plans)
    store.machine_code(plans[0], (8, 0), makes.make)
    assert len(makes.made) == len(plans) + 1
    assert cache.size() > 0
    fl.clear_cache()
    assert cache.size() == 0
    store.machine_code(plans[0], (9, 0), makes.make)
    assert len(makes.made) == len(plans) + 2


@pytest.mark.parametrize("package", ["numba-cuda", "cuda-bindings", "cuda-toolkit"])
def test_what_another_cuda_made_is_made_again(package: str, makes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store.machine_code(PLAN, (9, 0), makes.make)
    found = store.version
    monkeypatch.setattr(store, "version", lambda name: "0.1" if name == package else found(name))
    store._origin.cache_clear()
    store.machine_code(PLAN, (9, 0), makes.make)
    assert len(makes.made) == 2
    store._origin.cache_clear()


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:40] + bytes(len(b) - 40)])
def test_a_damaged_file_is_made_again(damage: Any, makes: Any) -> None:
    good = store.machine_code(PLAN, (9, 0), makes.make)
    (path,) = makes.root.rglob("*.cubin")
    path.write_bytes(damage(path.read_bytes()))
    assert store.machine_code(PLAN, (9, 0), makes.make) != good  # the second that was made
    assert len(makes.made) == 2
    store.machine_code(PLAN, (9, 0), makes.make)
    assert len(makes.made) == 2


def test_nowhere_to_keep_it_is_no_error(makes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, "off")
    cache.directories.cache_clear()
    for _ in range(2):
        assert store.machine_code(PLAN, (9, 0), makes.make)[1] == "name$of_it"
    assert len(makes.made) == 2
