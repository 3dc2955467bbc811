"""A library of arrays that pretends: its GPUs' memory is the host's, and the simulator runs what is launched."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray
from simulated import KINDS, kernel

from fastloss.arrays.gpu.buffers import Buffer, char_of, dtype_of
from fastloss.kernels.cuda.arguments import arguments
from fastloss.kernels.cuda.launch import SLOTS, Flags, Gpu
from fastloss.kernels.cuda.plan import bounds

NAME = "hosted"


class Hosted:
    """An array on a pretended device."""

    def __init__(self, array: Any, device: int = 0) -> None:
        self.array, self.device = np.asarray(array), device
        _memory.append(self.array)

    @property
    def dtype(self) -> Any:
        return self.array.dtype


Hosted.__module__ = "cupy"  # by which it is found

_memory: list[Any] = []
_streams: dict[int, int] = {}


def owns(x: Any) -> bool:
    return isinstance(x, Hosted)


def refused(x: Any) -> str:
    return ""


def buffer(x: Hosted) -> Buffer:
    a = x.array
    return Buffer(x, a.ctypes.data, a.shape, a.strides, char_of(a.dtype), x.device)


def stream(device: int) -> int:
    return 7 + device


def empty(shape: Any, char: str, device: int) -> Hosted:
    # What nobody has written shows.
    return Hosted(np.full(shape, 77, dtype_of(char)), device)


def filled(number: float, shape: Any, char: str, device: int) -> Hosted:
    return Hosted(np.full(shape, number, dtype_of(char)), device)


def dense(x: Hosted, shape: Any) -> Hosted:
    return Hosted(np.array(np.broadcast_to(x.array, shape), order="C"), x.device)


def cast(x: Hosted, char: str) -> Hosted:
    return Hosted(x.array.astype(dtype_of(char)), x.device)


def assign(to: Hosted, x: Hosted) -> None:
    to.array[...] = x.array


def moved(x: Hosted, source: int, destination: int) -> Hosted:
    return Hosted(np.moveaxis(x.array, source, destination), x.device)


def add_up(x: Hosted, axes: Any, shape: Any, char: str) -> Hosted:
    return Hosted(x.array.sum(axis=axes, dtype=np.float64).reshape(shape).astype(dtype_of(char)), x.device)


def hits(top: Hosted, labels: Hosted) -> Hosted:
    return Hosted((top.array == labels.array) & (top.array >= 0), top.device)


def host(x: Hosted) -> Any:
    return x.array.copy()


class Pretended(Gpu):
    """The devices, without a driver."""

    def __init__(self) -> None:
        self.launches: list[tuple[str, int, int]] = []
        self.waits = 0
        numbers = (ctypes.c_int32 * SLOTS)()
        _memory.append(np.ctypeslib.as_array(numbers))
        self._flags = Flags(ctypes.addressof(numbers))

    def flags(self, device: int) -> Flags:
        return self._flags

    def wait(self, device: int, stream: int) -> None:
        self.waits += 1

    def synchronize(self) -> None:
        self.raise_pending()

    def run(self, plan: Any, device: int, stream: int, blocks: int, args: Any) -> None:
        self.launches.append((type(plan).__name__, device, stream))
        kernel(plan)[blocks, bounds(plan)[0]](*(_resolved(k, a) for k, a in zip(arguments(plan), args, strict=True)))


def _resolved(kind: Any, given: Any) -> Any:
    """An argument as the simulator takes it: of an address, what lies from there to the end of its allocation."""
    if isinstance(kind, tuple):
        assert len(kind) == len(given), (kind, given)
        return tuple(map(_resolved, kind, given))
    if kind[0] != "*":
        return given
    stored = np.dtype(KINDS.get(kind[1], np.uint16 if kind[1] == "E" else kind[1]))
    for memory in reversed(_memory):
        low, high = np.lib.array_utils.byte_bounds(memory)
        if low <= given < high:
            raw = (ctypes.c_byte * ((high - given) // stored.itemsize * stored.itemsize)).from_address(given)
            return FakeCUDAArray(np.frombuffer(raw, stored))
    assert given == 0 or not any(m.size for m in _memory if m.ctypes.data == given), "an address of nothing"
    return FakeCUDAArray(np.empty(0, stored))
