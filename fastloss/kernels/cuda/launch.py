"""Launching: kernels brought onto their devices once, and called with plain addresses. The one module that knows the
driver.

Nothing here waits for a device but what says so. What a kernel finds wrong it writes into memory that the host reads
without asking anybody: the next call sees it.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ...loading import load
from .arguments import arguments, flat
from .plan.elements import AnyPlan, bounds
from .store import machine_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

SLOTS = 1024
"""Losses that can have been called on GPUs; those beyond share the last place."""

GRID = 2**31 - 1
"""Blocks of one launch."""

_LATER = ": was CUDA's toolkit installed for a later driver? fastloss[cuda13] needs one of CUDA 13, [cuda12] of 12"
HINTS = {
    "CUDA_ERROR_INVALID_HANDLE": ": a stream of another device, or one that has been destroyed?",
    "CUDA_ERROR_INVALID_IMAGE": _LATER,
    "CUDA_ERROR_NO_BINARY_FOR_GPU": _LATER,
}
"""Likely causes of the driver's errors."""


_AS_IT_IS = nullcontext()


class Kernel:
    """A kernel on its device."""

    def __init__(self, handle: Any, plan: AnyPlan, driver: Driver) -> None:
        listed = list(flat(arguments(plan)))
        kinds = "".join("Q" if kind[0] == "*" else kind for kind in listed)
        self.pointers = tuple(k for k, kind in enumerate(listed) if kind[0] == "*")
        """Which of its arguments are addresses."""
        self._handle, self._driver = handle, driver
        self._threads = bounds(plan)[0]
        self._struct = struct.Struct("@" + kinds)
        # Where each argument stands: after as much as aligns it.
        self._offsets = [struct.calcsize(f"@{kinds[:k]}0{kind}") for k, kind in enumerate(kinds)]
        self._local = threading.local()

    def __call__(self, blocks: int, stream: int, values: Sequence[Any]) -> None:
        """Put it on a stream, with its arguments one after the other."""
        try:
            room, table = self._local.room
        except AttributeError:
            room, table = self._local.room = self._room()
        self._struct.pack_into(room, 0, *values)
        # The driver has copied the arguments when it returns.
        self._driver.launch(self._handle, blocks, self._threads, stream, ctypes.addressof(table))

    def _room(self) -> tuple[Any, Any]:
        """Memory for a thread's arguments, and the table of their addresses."""
        room = ctypes.create_string_buffer(self._struct.size)
        start = ctypes.addressof(room)
        return room, (ctypes.c_void_p * len(self._offsets))(*(start + offset for offset in self._offsets))


class Launch(NamedTuple):
    """A kernel with its arguments."""

    kernel: Kernel
    blocks: int
    values: Sequence[Any]


class Driver:
    """What is needed of CUDA's driver; every call raises for what it returns."""

    def __init__(self, cuda: Any) -> None:
        self._cuda = cuda
        self._contexts: dict[int, Any] = {}
        self._do(cuda.cuInit(0))

    def _do(self, result: Any) -> Any:
        error, *values = result
        if int(error):
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

    def current(self, device: int) -> AbstractContextManager[None]:
        """Make a device the current one, and then the one that was current before."""
        context = self._contexts.get(device)
        if context is None:
            # The primary context is the one that the array libraries share. Never released: it is theirs.
            found = self._do(self._cuda.cuDeviceGet(device))
            context = self._contexts[device] = self._do(self._cuda.cuDevicePrimaryCtxRetain(found))
        here = int(self._do(self._cuda.cuCtxGetCurrent())) == int(context)
        return _AS_IT_IS if here else self._pushed(context)

    @contextmanager
    def _pushed(self, context: Any) -> Iterator[None]:
        self._do(self._cuda.cuCtxPushCurrent(context))
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
        self._do(self._cuda.cuLaunchKernel(handle, blocks, 1, 1, threads, 1, 1, 0, stream, table, 0))

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


class Flags:
    """A number for each loss that was called, where a kernel leaves 1 for what it finds wrong."""

    def __init__(self, address: int) -> None:
        self.address = address
        self._slots: dict[str, int] = {}
        self._lock = threading.RLock()  # a signal handler may call amid a compilation
        self._numbers = (ctypes.c_int32 * SLOTS).from_address(address)
        self._bytes = memoryview(self._numbers).cast("B")

    def slot(self, name: str) -> int:
        """The address of a loss's number."""
        if name not in self._slots:
            with self._lock:
                self._slots.setdefault(name, min(len(self._slots), SLOTS - 1))
        return self.address + 4 * self._slots[name]

    def take(self, slot: int) -> bool:
        """Whether something was found wrong, which is then forgotten."""
        number = self._numbers[(slot - self.address) // 4]
        self._numbers[(slot - self.address) // 4] = 0
        return number != 0

    def raise_pending(self) -> None:
        """Raise for what an earlier call has found wrong."""
        if any(self._bytes[: 4 * len(self._slots)]):
            with self._lock:
                found = [name for name, slot in self._slots.items() if self._numbers[slot]]
                ctypes.memset(self.address, 0, 4 * SLOTS)
            raise earlier(found)


def earlier(names: Sequence[str]) -> ValueError:
    """What is raised for losses whose kernels have found something wrong."""
    return ValueError(
        f"{', '.join(names)}: a label or an index of an earlier call on the GPU was no class, or a value outside its "
        "domain; rows with such labels have counted as absent. check=True finds the place"
    )


class Gpu:
    """All devices: their kernels, and what they have found wrong."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._kernels: dict[Any, Kernel] = {}
        self._lock = threading.RLock()  # a signal handler may call amid a compilation
        self._flags: Flags | None = None

    def flags(self, device: int, stream: int) -> Flags:
        """Where kernels leave what they find."""
        if self._flags is None:
            with self._lock, self.driver.current(device):
                self._refuse_capture(stream)
                self._flags = self._flags or Flags(self.driver.shared(4 * SLOTS))
        return self._flags

    def raise_pending(self) -> None:
        """Raise for what an earlier call has found wrong, as far as devices have come."""
        if self._flags is not None:
            self._flags.raise_pending()

    def run(self, plan: AnyPlan, device: int, stream: int, blocks: int, args: tuple[Any, ...]) -> Launch:
        """Put a kernel on a stream of a device; what was launched, to be launched again."""
        if blocks > GRID:
            raise ValueError(f"{blocks} blocks are more than a launch has ({GRID}): too many rows")
        kernel, values = self._kernels.get((plan, device)), tuple(flat(args))
        with self.driver.current(device):
            if kernel is None:
                kernel = self._loaded(plan, device, stream)
            kernel(blocks, stream, values)
        return Launch(kernel, blocks, values)

    def again(self, launches: Iterable[Launch], device: int, stream: int) -> None:
        """Put kernels on a stream that have been launched before."""
        with self.driver.current(device):
            for kernel, blocks, values in launches:
                kernel(blocks, stream, values)

    def wait(self, device: int, stream: int) -> None:
        """Until a stream's work is done."""
        with self.driver.current(device):
            self.driver.wait(stream)

    def synchronize(self) -> None:
        """Until all work is done; raises for what it found wrong."""
        self.driver.wait_for_all()
        self.raise_pending()

    def _refuse_capture(self, stream: int) -> None:
        # Memory of the host's is not to be had either: asking for it would spoil the capture.
        if self.driver.capturing(stream):
            raise RuntimeError(
                "a graph is being captured, and this call needs a kernel that is not loaded yet: make the same call "
                "once before capturing"
            )

    def _loaded(self, plan: AnyPlan, device: int, stream: int) -> Kernel:
        self._refuse_capture(stream)
        with self._lock:
            if (plan, device) not in self._kernels:
                code, entry = machine_code(plan, self.driver.capability(device), _compiled)
                self._kernels[plan, device] = Kernel(self.driver.load(code, entry), plan, self.driver)
        return self._kernels[plan, device]


def _compiled(plan: AnyPlan, capability: tuple[int, int]) -> tuple[bytes, str]:
    import numpy as np

    if np.lib.NumpyVersion(np.__version__) >= "2.5.0":
        raise RuntimeError(f"numba-cuda compiles nothing with NumPy 2.5 or later, and this is {np.__version__}")
    binary = load(f"{__package__}.target").compiled(plan, capability)
    return binary.code, binary.entry


@cache
def gpu() -> Gpu:
    """The devices of this machine; one clear error where there are none."""
    extras = "arrays on a GPU need fastloss[cuda13] or fastloss[cuda12], whichever CUDA you have"
    try:
        from numba import cuda

        known = "numba_cuda" in str(cuda.__file__)  # Numba's own has been given up
    except ImportError:
        known = False
    if not known:
        raise RuntimeError(f"{extras}: numba-cuda is not installed")
    try:
        from cuda.bindings import driver
    except ImportError as error:
        raise RuntimeError(f"{extras}: {error}") from None
    try:
        return Gpu(Driver(driver))
    except RuntimeError as error:
        raise RuntimeError(f"arrays on a GPU need NVIDIA's driver: {error}") from None


def synchronize() -> None:
    """Wait for the GPUs, and raise for what an earlier call found wrong there: a label that is no class, say.

    The verbs do not wait: on a GPU they return as soon as their kernels are launched, and what these find wrong is
    raised by a later verb, or here. ``check=True`` looks before a verb writes anything, and says where it is.
    """
    gpu().synchronize()
