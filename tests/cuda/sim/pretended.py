"""Devices that pretend: their memory is the host's, and the simulator runs what is launched."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from hosted import memory
from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray
from simulated import KINDS, kernel

from fastloss.kernels.cuda.arguments import arguments, flat
from fastloss.kernels.cuda.launch import SLOTS, Flags, Gpu, Launch
from fastloss.kernels.cuda.plan.elements import bounds


class Pretended(Gpu):
    """The devices, without a driver."""

    def __init__(self) -> None:
        self.launches: list[tuple[str, int, int]] = []
        self.waits = self.replays = 0
        numbers = (ctypes.c_int32 * SLOTS)()
        memory.append(np.ctypeslib.as_array(numbers))
        self._flags = Flags(ctypes.addressof(numbers))

    def flags(self, device: int, stream: int) -> Flags:
        return self._flags

    def wait(self, device: int, stream: int) -> None:
        self.waits += 1

    def synchronize(self) -> None:
        self.raise_pending()

    def run(self, plan: Any, device: int, stream: int, blocks: int, args: Any) -> Launch:
        launch = Launch(Simulated(plan), blocks, tuple(flat(args)))
        self._simulate(launch, device, stream)
        return launch

    def repeat(self, launch: Launch, places: Any) -> Any:
        return launch, places

    def again(self, repeats: Any, where: Any, device: int, stream: int) -> None:
        self.replays += 1
        for launch, places in repeats:
            values = list(launch.values)
            for argument, array, offset in places:
                values[argument] = where[array] + offset
            self._simulate(launch._replace(values=values), device, stream)

    def _simulate(self, launch: Launch, device: int, stream: int) -> None:
        simulated, blocks, values = launch
        self.launches.append((type(simulated.plan).__name__, device, stream))
        simulated(blocks, stream, values)


class Simulated:
    """A kernel that the simulator runs."""

    def __init__(self, plan: Any) -> None:
        self.plan = plan
        self.pointers = tuple(k for k, kind in enumerate(flat(arguments(plan))) if kind[0] == "*")

    def __call__(self, blocks: int, stream: int, values: Any) -> None:
        left = iter(values)
        args = [_resolved(kind, left) for kind in arguments(self.plan)]
        assert next(left, None) is None
        kernel(self.plan)[blocks, bounds(self.plan)[0]](*args)


def _resolved(kind: Any, values: Any) -> Any:
    """An argument as the simulator takes it: of an address, what lies from there to the end of its allocation."""
    if isinstance(kind, tuple):
        return tuple(_resolved(k, values) for k in kind)
    given = next(values)
    if kind[0] != "*":
        return given
    stored = np.dtype(KINDS.get(kind[1], np.uint16 if kind[1] == "E" else kind[1]))
    for array in reversed(memory):
        low, high = np.lib.array_utils.byte_bounds(array)
        if low <= given < high:
            raw = (ctypes.c_byte * ((high - given) // stored.itemsize * stored.itemsize)).from_address(given)
            return FakeCUDAArray(np.frombuffer(raw, stored))
    assert given == 0 or not any(m.size for m in memory if m.ctypes.data == given), "an address of nothing"
    return FakeCUDAArray(np.empty(0, stored))
