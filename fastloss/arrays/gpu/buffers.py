"""Arrays in a GPU's memory as the kernels see them, and what is needed of the library that they belong to."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from .. import layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...definition import Definition
    from ...kernels.cuda.launch import Gpu
    from ...program import Program

    Shape = tuple[int, ...]

NUMBERS = frozenset("?bBhHiIlLqQfdeE")
FLOATS = frozenset("fdeE")


class _Brain:
    """bfloat16, which NumPy alone does not have."""

    kind, itemsize = "V", 2

    def __str__(self) -> str:
        return "bfloat16"


def char_of(dtype: Any) -> str:
    """The character of a type of NumPy's; '' for one that no kernel reads. There is one for each integer."""
    if dtype.name == "bfloat16":
        return "E"
    known = dtype.isbuiltin == 1 and dtype.isnative and dtype.char in NUMBERS
    return {"l": "q" if dtype.itemsize == 8 else "i", "L": "Q" if dtype.itemsize == 8 else "I"}.get(
        dtype.char, dtype.char if known else ""
    )


def dtype_of(char: str) -> Any:
    """The type of NumPy's."""
    if char != "E":
        return np.dtype(char)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


class Buffer(NamedTuple):
    """An array of a library, and where it is."""

    array: Any
    address: int
    shape: Shape
    strides: Shape
    """In bytes."""
    char: str
    """NumPy's type character; `E` for bfloat16."""
    device: int

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return prod(self.shape)

    @property
    def dtype(self) -> Any:
        """Its type, as far as errors tell it."""
        return _Brain() if self.char == "E" else np.dtype(self.char)

    @property
    def dense(self) -> bool:
        """Whether its elements stand in C order without gaps."""
        step = self.dtype.itemsize
        for n, s in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if n != 1 and s != step:
                return not self.size
            step *= n
        return True

    def phantom(self) -> Any:
        """An array of NumPy's at the same addresses, to compare memory with: it must never be read."""
        owner: Any = _Addresses()
        owner.__array_interface__ = {
            "version": 3, "data": (self.address, False), "shape": self.shape, "strides": self.strides,
            "typestr": f"|V{self.dtype.itemsize}",
        }  # fmt: skip
        return np.asarray(owner)


class _Addresses:
    """What NumPy takes an array's memory from."""


class Face(Protocol):
    """What a library of arrays can do for us. Each is a module of this folder."""

    NAME: str

    def owns(self, x: Any) -> bool:
        """Whether `x` is an array of this library in a GPU's memory."""

    def refused(self, x: Any) -> str:
        """Why such an array cannot be taken as it is, if so."""

    def buffer(self, x: Any) -> Buffer:
        """Where it is. A type that we do not know has the character ''."""

    def stream(self, device: int) -> int:
        """The caller's current stream."""

    def empty(self, shape: Shape, char: str, device: int) -> Any:
        """A fresh array."""

    def filled(self, number: float, shape: Shape, char: str, device: int) -> Any:
        """A fresh array of one number."""

    def dense(self, x: Any, shape: Shape) -> Any:
        """`x`, broadcast to a shape, in C order."""

    def cast(self, x: Any, char: str) -> Any:
        """`x` in another type."""

    def assign(self, to: Any, x: Any) -> None:
        """Copy `x` into `to`."""

    def moved(self, x: Any, source: int, destination: int) -> Any:
        """A view with one axis elsewhere."""

    def add_up(self, x: Any, axes: Shape, shape: Shape, char: str) -> Any:
        """The sum over axes in float64, in another shape and type."""

    def hits(self, top: Any, labels: Any) -> Any:
        """Where the two agree; None if the library cannot say."""

    def host(self, x: Any) -> Any:
        """A copy in NumPy's."""


class Work:
    """One call's launches, and the memory between them."""

    def __init__(self, face: Face, gpu: Gpu, device: int, name: str) -> None:
        self.face, self.gpu, self.device = face, gpu, device
        self.stream = face.stream(device)
        self.flags = gpu.flags(device)
        self.flag = self.flags.slot(name)

    def empty(self, shape: Shape, char: str) -> Buffer:
        """A fresh array."""
        return self.face.buffer(self.face.empty(shape, char, self.device))

    def run(self, plan: Any, blocks: int, *args: Any) -> None:
        """Launch a kernel."""
        self.gpu.run(plan, self.device, self.stream, blocks, args)

    def flawed(self) -> bool:
        """Wait for what was launched; whether it found something wrong."""
        self.gpu.wait(self.device, self.stream)
        return self.flags.take(self.flag)


def read(face: Face, loss: Definition | Program, names: Sequence[str], arrays: Sequence[Any]) -> list[Any]:
    """Arrays as buffers, all of one device; numbers as they are."""
    found: list[Any] = []
    first: Any = None
    for name, x in zip(names, arrays, strict=True):
        if x is None or isinstance(x, (bool, int, float, np.number, np.bool_)):
            found.append(x)
            continue
        if not face.owns(x):
            on = next(n for n, y in zip(names, arrays, strict=True) if face.owns(y))
            kind = f"{type(x).__module__}.{type(x).__qualname__}".removeprefix("builtins.")
            raise TypeError(f"{loss.name}: {on} is an array of {face.NAME} on a GPU, but {name} is a {kind} that is "
                            f"not; all arrays must be of one library, on one device")  # fmt: skip
        why = face.refused(x)
        if why:
            raise TypeError(f"{loss.name}: {name} {why}")
        buffer = face.buffer(x)
        if buffer.char not in NUMBERS or not buffer.char:
            raise TypeError(f"{loss.name}: {name} has dtype {x.dtype}, expected real numbers of at most 64 bits")
        first = first or (name, buffer)
        if buffer.device != first[1].device:
            raise ValueError(f"{loss.name}: {first[0]} is on cuda:{first[1].device}, but {name} is on "
                             f"cuda:{buffer.device}; all arrays must be on one device")  # fmt: skip
        found.append(buffer)
    return found


def in_type(face: Face, x: Buffer, char: str) -> Buffer:
    """The same in another type."""
    return x if x.char == char else face.buffer(face.cast(x.array, char))


def in_shape(face: Face, x: Any, shape: Shape, char: str, device: int) -> Buffer:
    """The same in the full shape, in C order; a number takes the type that is given."""
    if not isinstance(x, Buffer):
        return face.buffer(face.filled(float(x), shape, char, device))
    return x if x.shape == shape and x.dense else face.buffer(face.dense(x.array, shape))


def aligned(*buffers: Buffer) -> bool:
    """Whether packets of 16 bytes can be taken from all of them."""
    return not any([b.address % 16 for b in buffers])  # noqa: C419, a generator takes twice as long


def check_output(
    face: Face, loss: Definition | Program, a: Any, expected: tuple[str, Shape, int], inputs: dict[str, Any],
    others: Sequence[Buffer], over: str,
) -> Buffer:  # fmt: skip
    """One array of `out=`, checked; `expected` are its type, its shape and its device.

    It may be the very memory of the input that is named `over`, and may overlap nothing else.
    """
    char, shape, device = expected
    if not face.owns(a):
        raise TypeError(f"{loss.name}: out must be an array of {face.NAME} on a GPU, got {type(a).__name__}")
    found: Buffer = read(face, loss, ["out"], [a])[0]
    if (found.char, found.shape, found.device) != expected:
        raise ValueError(
            f"{loss.name}: out has dtype {found.dtype}, shape {found.shape} and device cuda:{found.device}, expected "
            f"{_Brain() if char == 'E' else np.dtype(char)}, {shape} and cuda:{device}"
        )
    mine = found.phantom()
    if layout.overlaps_itself(mine):
        raise ValueError(f"{loss.name}: some of the elements of out are one and the same")
    if any(layout.overlap(mine, other.phantom()) for other in others):
        raise ValueError(f"{loss.name}: the arrays of out overlap each other")
    for name, x in inputs.items():
        same = name == over and (x.address, x.shape, x.strides) == (found.address, found.shape, found.strides)
        if not same and layout.overlap(mine, x.phantom()):
            raise ValueError(f"{loss.name}: out overlaps {name}; the gradient of {loss.inputs[0]} may be written "
                             f"over {loss.inputs[0]} itself, and nothing over anything else")  # fmt: skip
    return found


def scratch(work: Work, blocks: int) -> Scratch:
    """Room for what kernels leave for each other."""
    room = work.empty((32 + 8 * blocks,), "B")
    return Scratch(room, room.address, room.address + 16, room.address + 32)


class Scratch(NamedTuple):
    """Addresses, and the memory that they are in."""

    room: Buffer
    divisor: int
    """What the sum is divided by, in float64."""
    slopes: int
    """What derivatives are multiplied with, and a root's second one."""
    sums: int
    """Those of the tiles."""


def host_twin(face: Face, x: Any) -> Any:
    """A buffer's elements in NumPy's, a number as it is."""
    return face.host(x.array) if isinstance(x, Buffer) else x
