"""Launching: kernels brought onto their devices once, and called with plain addresses.

Nothing here waits for a device but what says so. What a kernel finds wrong it writes into memory that the host reads
without asking anybody: the next call sees it.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ...loading import load
from .arguments import arguments, flat
from .driver import Driver
from .plan.elements import AnyPlan, bounds
from .store import machine_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Place = tuple[int, int, int]
    Room = tuple[Any, int, Any]

SLOTS = 1024
"""Losses that can have been called on GPUs; those beyond share the last place."""

GRID = 2**31 - 1
"""Blocks of one launch."""


class Kernel:
    """A kernel on its device."""

    def __init__(self, handle: Any, plan: AnyPlan, driver: Driver) -> None:
        listed = list(flat(arguments(plan)))
        kinds = "".join("Q" if kind[0] == "*" else kind for kind in listed)
        self.pointers = tuple(k for k, kind in enumerate(listed) if kind[0] == "*")
        """Which of its arguments are addresses."""
        self.handle, self.driver, self.threads = handle, driver, bounds(plan)[0]
        self._struct = struct.Struct("@" + kinds)
        # Where each argument stands: after as much as aligns it.
        self._offsets = [struct.calcsize(f"@{kinds[:k]}0{kind}") for k, kind in enumerate(kinds)]

    def __call__(self, blocks: int, stream: int, values: Sequence[Any]) -> None:
        """Put it on a stream, with its arguments one after the other."""
        _, address, _ = room = self.room(values)
        # The driver has copied the arguments when it returns.
        self.driver.launch(self.handle, blocks, self.threads, stream, address)
        del room

    def room(self, values: Sequence[Any]) -> Room:
        """Memory that holds arguments."""
        words = (ctypes.c_uint64 * -(-self._struct.size // 8))()
        self._struct.pack_into(words, 0, *values)
        start = ctypes.addressof(words)
        table = (ctypes.c_void_p * len(self._offsets))(*(start + offset for offset in self._offsets))
        return words, ctypes.addressof(table), table

    def word(self, argument: int) -> int:
        """Which word of the memory an argument is that is an address."""
        return self._offsets[argument] // 8


class Launch(NamedTuple):
    """A kernel with its arguments."""

    kernel: Kernel
    blocks: int
    values: Sequence[Any]


class Repeat:
    """A launch to be made again with other addresses, each so many bytes into one of a call's arrays."""

    def __init__(self, launch: Launch, places: Iterable[Place]) -> None:
        self._kernel, self._blocks, self._values = launch
        self._places = [(self._kernel.word(argument), array, offset) for argument, array, offset in places]
        self._rooms: list[Room] = []
        """Memory of arguments that no thread is using: to fill in addresses takes a third of the time of all."""

    def __call__(self, where: Sequence[int], stream: int) -> None:
        """Put it on a stream, with the arrays at these addresses."""
        kernel, rooms = self._kernel, self._rooms
        try:
            room = rooms.pop()
        except IndexError:
            room = kernel.room(self._values)
        words, address, _ = room
        for word, array, offset in self._places:
            words[word] = where[array] + offset
        kernel.driver.launch(kernel.handle, self._blocks, kernel.threads, stream, address)
        rooms.append(room)


class Flags:
    """A number for each loss that was called, where a kernel leaves 1 for what it finds wrong."""

    def __init__(self, address: int) -> None:
        self.address = address
        self._slots: dict[str, int] = {}
        self._lock = threading.RLock()  # a signal handler may call amid a compilation
        self._numbers = (ctypes.c_int32 * SLOTS).from_address(address)
        self._pairs = memoryview(self._numbers).cast("B").cast("Q")
        self._used = self._pairs[:0]
        """Those that have a loss, two at a time."""

    def slot(self, name: str) -> int:
        """The address of a loss's number."""
        if name not in self._slots:
            with self._lock:
                self._slots.setdefault(name, min(len(self._slots), SLOTS - 1))
                self._used = self._pairs[: (len(self._slots) + 1) // 2]
        return self.address + 4 * self._slots[name]

    def take(self, slot: int) -> bool:
        """Whether something was found wrong, which is then forgotten."""
        number = self._numbers[(slot - self.address) // 4]
        self._numbers[(slot - self.address) // 4] = 0
        return number != 0

    def raise_pending(self) -> None:
        """Raise for what an earlier call has found wrong."""
        if any(self._used):
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

    def repeat(self, launch: Launch, places: Iterable[Place]) -> Repeat:
        """A launch to be made again, its addresses filled in: which argument, of which array, how many bytes in."""
        return Repeat(launch, places)

    def again(self, repeats: Iterable[Repeat], where: Sequence[int], device: int, stream: int) -> None:
        """Put kernels on a stream that have been launched before, with arrays at these addresses."""
        if self.driver.is_current(device):
            for repeat in repeats:
                repeat(where, stream)
            return
        with self.driver.current(device):
            for repeat in repeats:
                repeat(where, stream)

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
