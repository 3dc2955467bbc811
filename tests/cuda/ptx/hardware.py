"""A driver whose machine code is PTX: it goes through it, in the host's memory."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
from assembly import parse, size_of
from hosted import memory
from machine import Machine
from spaces import Memory, of_the_host


class Hardware:
    """One device, as `cuda.bindings.driver` has it."""

    CUdevice_attribute = SimpleNamespace(
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR=9, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR=0
    )
    CU_MEMHOSTALLOC_PORTABLE, CU_MEMHOSTALLOC_DEVICEMAP = 1, 2

    def __init__(self) -> None:
        self.races: set[str] = set()
        """Of all launches."""
        self.launches = 0
        self.plans: list[Any] = []
        """Of the kernels that were launched, each once."""

    def cuInit(self, flags: int) -> Any:
        return (0,)

    def cuDeviceGet(self, device: int) -> Any:
        return 0, device

    def cuDeviceGetAttribute(self, attribute: int, device: int) -> Any:
        return 0, attribute

    def cuDevicePrimaryCtxRetain(self, device: int) -> Any:
        return 0, 1

    def cuCtxGetCurrent(self) -> Any:
        return 0, 1

    def cuCtxSynchronize(self) -> Any:
        return (0,)

    def cuStreamSynchronize(self, stream: int) -> Any:
        return (0,)

    def cuStreamIsCapturing(self, stream: int) -> Any:
        return 0, 0

    def cuMemHostAlloc(self, size: int, flags: int) -> Any:
        memory.append(np.empty(size, np.uint8))
        return 0, memory[-1].ctypes.data

    def cuLibraryLoadData(self, code: bytes, *_: Any) -> Any:
        return 0, code.decode()

    def cuLibraryGetKernel(self, library: str, entry: bytes) -> Any:
        return 0, parse(library, entry.decode())

    def cuKernelGetFunction(self, kernel: Any) -> Any:
        return 0, kernel

    def cuLaunchKernel(self, kernel: Any, *shape_and_arguments: int) -> Any:
        blocks, _, _, threads, _, _, _, _, table, _ = shape_and_arguments
        assert threads <= kernel.threads
        places = (ctypes.c_void_p * len(kernel.params)).from_address(table)
        params = {}
        for (name, kind), place in zip(kernel.params, places, strict=True):
            assert place is not None
            assert place % size_of(kind) == 0
            params[name] = ctypes.string_at(place, size_of(kind))
        sizes, symbols = {"shared": 0, "local": 0}, {}
        for name, variable in kernel.variables.items():
            symbols[name] = -(-sizes[variable.space] // variable.align) * variable.align
            sizes[variable.space] = -(-(symbols[name] + variable.size) // 16) * 16
        room = Memory(_allocated(params.values()), *sizes.values(), blocks, threads)
        Machine(kernel, blocks, threads, params, room, symbols).run()
        self.races |= room.races
        self.launches += 1
        return (0,)


def _allocated(params: Any) -> Any:
    """The memory that the parameters of a launch lie in: no other may be touched."""
    pointers = {int.from_bytes(p, "little") for p in params if len(p) == 8}
    bounds = {np.lib.array_utils.byte_bounds(_owner(a)) for a in memory if a.size}
    return [of_the_host(low, high - low) for low, high in bounds if any(low <= p < high for p in pointers)]


def _owner(array: Any) -> Any:
    """The array whose memory a view is of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
