"""CUDA's driver, of which this module alone knows."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LATER = ": was CUDA's toolkit installed for a later driver? fastloss[cuda13] needs one of CUDA 13, [cuda12] of 12"
HINTS = {
    "CUDA_ERROR_INVALID_HANDLE": ": a stream of another device, or one that has been destroyed?",
    "CUDA_ERROR_INVALID_IMAGE": _LATER,
    "CUDA_ERROR_NO_BINARY_FOR_GPU": _LATER,
}
"""Likely causes of the driver's errors."""


class Driver:
    """What is needed of CUDA's driver; every call raises for what it returns."""

    def __init__(self, cuda: Any) -> None:
        self._cuda, self._launch = cuda, cuda.cuLaunchKernel
        self._contexts: dict[int, int] = {}
        self._do(cuda.cuInit(0))

    def _do(self, result: Any) -> Any:
        error, *values = result
        if error:
            _, name = self._cuda.cuGetErrorName(error)
            text = name.decode() if isinstance(name, bytes) else str(error)
            raise RuntimeError(f"CUDA's driver says {text}{HINTS.get(text, '')}")
        return values[0] if values else None

    def capability(self, device: int) -> tuple[int, int]:
        """Its compute capability."""
        kind, found = self._cuda.CUdevice_attribute, self._do(self._cuda.cuDeviceGet(device))
        major, minor = (
            self._do(self._cuda.cuDeviceGetAttribute(a, found))
            for a in (
                kind.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                kind.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            )
        )
        return int(major), int(minor)

    def is_current(self, device: int) -> bool:
        """Whether a device is the current one already."""
        error, context = self._cuda.cuCtxGetCurrent()
        return not error and int(context) == self._contexts.get(device)

    @contextmanager
    def current(self, device: int) -> Iterator[None]:
        """Make a device the current one, and then the one that was current before."""
        if device not in self._contexts:
            # The primary context is the one that the array libraries share. Never released: it is theirs.
            found = self._do(self._cuda.cuDeviceGet(device))
            self._contexts[device] = int(self._do(self._cuda.cuDevicePrimaryCtxRetain(found)))
        if self.is_current(device):
            yield
            return
        self._do(self._cuda.cuCtxPushCurrent(self._contexts[device]))
        try:
            yield
        finally:
            self._do(self._cuda.cuCtxPopCurrent())

    def load(self, code: bytes, entry: str) -> Any:
        """A kernel of machine code, for the current device."""
        library = self._do(self._cuda.cuLibraryLoadData(code, [], [], 0, [], [], 0))
        kernel = self._do(self._cuda.cuLibraryGetKernel(library, entry.encode()))
        # Now, and not at the first launch, which may be one that a graph captures.
        return self._do(self._cuda.cuKernelGetFunction(kernel))

    def launch(self, handle: Any, blocks: int, threads: int, stream: int, table: int) -> None:
        """Put a kernel on a stream."""
        result = self._launch(handle, blocks, 1, 1, threads, 1, 1, 0, stream, table, 0)
        if result[0]:
            self._do(result)

    def capturing(self, stream: int) -> bool:
        """Whether a graph is being captured from a stream."""
        return int(self._do(self._cuda.cuStreamIsCapturing(stream))) != 0

    def shared(self, size: int) -> int:
        """Zeroed host memory that every device can write to."""
        flags = self._cuda.CU_MEMHOSTALLOC_PORTABLE | self._cuda.CU_MEMHOSTALLOC_DEVICEMAP
        address = int(self._do(self._cuda.cuMemHostAlloc(size, flags)))
        ctypes.memset(address, 0, size)
        return address

    def wait(self, stream: int) -> None:
        """Until a stream's work is done."""
        self._do(self._cuda.cuStreamSynchronize(stream))

    def wait_for_all(self) -> None:
        """Until the work of every device that was used is done."""
        for device in list(self._contexts):
            with self.current(device):
                self._do(self._cuda.cuCtxSynchronize())
