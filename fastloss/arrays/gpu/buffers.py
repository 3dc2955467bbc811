"""Arrays in a GPU's memory as the kernels see them, and what is needed of the library that they belong to."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ...define.wording import named
from ..job import Arithmetic
from ..shapes import NUMBERS as READABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ...define.elements import Definition
    from ...define.rows import Program
    from ...kernels.cuda.launch import Gpu, Launch

    Shape = tuple[int, ...]


NUMBERS = (bool, int, float, np.number, np.bool_)
"""What may stand for an array of one number."""


class _Brain:
    """bfloat16, which NumPy alone does not have."""

    kind, char, itemsize = "V", "E", 2

    def __str__(self) -> str:
        return "bfloat16"


_BRAIN = _Brain()


def char_of(dtype: Any) -> str:
    """The character of a type of NumPy's; '' for one that no kernel reads. There is one for each integer."""
    if dtype.name == "bfloat16":
        return "E"
    known = dtype.isbuiltin == 1 and dtype.isnative and dtype.char in READABLE
    return {"l": "q" if dtype.itemsize == 8 else "i", "L": "Q" if dtype.itemsize == 8 else "I"}.get(
        dtype.char, dtype.char if known else ""
    )


def dtype_of(char: str) -> Any:
    """The type of NumPy's."""
    if char != "E":
        return np.dtype(char)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def type_of(char: str) -> Any:
    """A type, as far as errors tell it: without anything that may not be installed."""
    return _BRAIN if char == "E" else np.dtype(char)


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

    @staticmethod
    def nowhere(shape: Shape, char: str, device: int) -> Buffer:
        """What stands for a dense array that does not exist: only its shape and type are looked at."""
        size = type_of(char).itemsize
        return Buffer(None, 0, shape, tuple([size * prod(shape[k + 1 :]) for k in range(len(shape))]), char, device)

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes its elements take."""
        return self.size * int(self.dtype.itemsize)

    @property
    def dtype(self) -> Any:
        """Its type, as far as errors tell it."""
        return type_of(self.char)

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


class Face(Arithmetic, Protocol):
    """What a library of arrays can do for us. Each is a module of this folder."""

    def owns(self, x: Any) -> bool:
        """Whether `x` is an array of this library in a GPU's memory."""

    def refused(self, x: Any) -> str:
        """Why such an array cannot be taken as it is, if so."""

    def buffer(self, x: Any) -> Buffer:
        """Where it is. A type that we do not know has the character ''."""

    def seen(self, x: Any) -> tuple[Any, int] | None:
        """The shape, type and device of a dense array of this library in one hashable object, and its address.

        None for any other, or of which a verb must ask more.
        """

    def address(self, x: Any) -> int:
        """The address alone."""

    def stream(self, device: int) -> int:
        """The caller's current stream."""

    def empty(self, shape: Shape, char: str, device: int) -> Any:
        """A fresh array."""

    def maker(self, shape: Shape, char: str, device: int) -> Callable[[], Any]:
        """What makes such arrays, for a call that is made again and again."""

    def moved(self, x: Any, source: int, destination: int) -> Any:
        """A view with one axis elsewhere."""

    def product(self, a: Any, b: Any, to: Any) -> None:
        """Write the matrix product of `a` and `b`, of one type, into `to`, of the same."""

    def add_product(self, a: Any, b: Any, to: Any) -> None:
        """Add the matrix product to `to`, which may be of a wider type."""

    def kept(self, x: Any, rows: Any) -> Any:
        """A copy of a matrix with 0 in those rows where `rows` is false."""

    def known(self, labels: Any, classes: int, ignore: int | None) -> Any:
        """Where a label is one of so many classes, and not the one to ignore."""

    def worthy(self, weight: Any, target: Any, labels: bool) -> Any:
        """Which rows have a label, or a mass, of a class that weighs something; also those whose masses are unclear."""

    def weighed(self, x: Any, number: int, weight: Any) -> Any:
        """1, or `weight`, but 0 where `x` is the number."""

    def hits(self, top: Any, labels: Any) -> Any:
        """Where the two agree; None if the library cannot say."""


class Carrier(Face, Protocol):
    """A library whose arrays can stand for another's."""

    def present(self) -> bool:
        """Whether it has a GPU to work with."""

    def taken(self, x: Any) -> Any:
        """Another library's array as one of this library's, by DLPack; on the caller's current stream."""


class Work:
    """One call's launches, and the memory between them."""

    def __init__(self, face: Face, gpu: Gpu, device: int, name: str) -> None:
        self.face, self.gpu, self.device = face, gpu, device
        self.stream = face.stream(device)
        self.flag = gpu.flags(device, self.stream).slot(name)
        self.made: list[Buffer] = []
        """Fresh arrays, in their order."""
        self.launches: list[Launch] = []
        self.copied = False
        """Whether an array was copied, filled or converted by its library."""

    def empty(self, shape: Shape, char: str) -> Buffer:
        """A fresh array."""
        self.made.append(self.face.buffer(self.face.empty(shape, char, self.device)))
        return self.made[-1]

    def filled(self, number: Any, shape: Shape, char: str) -> Buffer:
        """A fresh array of one number."""
        self.copied = True
        return self.face.buffer(self.face.filled(float(number), shape, char, self.device))

    def run(self, plan: Any, blocks: int, *args: Any) -> None:
        """Launch a kernel."""
        self.launches.append(self.gpu.run(plan, self.device, self.stream, blocks, args))

    def in_type(self, x: Buffer, char: str) -> Buffer:
        """An array in another type."""
        if x.char == char:
            return x
        self.copied = True
        return self.face.buffer(self.face.cast(x.array, char))

    def whole(self, x: Buffer, wrong: int) -> Buffer:
        """Labels that are stored as floats in int64; `wrong` in place of what is no whole number."""
        self.copied, face = True, self.face
        with face.current(self.device):
            wide = face.cast(x.array, "d")  # which every library compares with integers
            labels = face.cast(wide, "q")
            return face.buffer(face.chosen(labels == wide, labels, wrong))

    def dense(self, x: Buffer, shape: Shape) -> Buffer:
        """An array in the full shape, in C order."""
        if x.shape == shape and x.dense:
            return x
        self.copied = True
        return self.face.buffer(self.face.dense(x.array, shape))

    def wait(self) -> None:
        """Until what was launched is done."""
        self.gpu.wait(self.device, self.stream)

    def flawed(self) -> bool:
        """Whether what was launched found something wrong."""
        self.wait()
        return self.gpu.flags(self.device, self.stream).take(self.flag)


def read(
    face: Face, loss: Definition | Program, names: Sequence[str], arrays: Sequence[Any], needed: int = 0
) -> list[Any]:
    """Arrays as buffers, all of one device; numbers as they are, but for the first `needed`, which must be arrays.

    Buffers have been read by an earlier call.
    """
    found: list[Any] = []
    first: Any = None
    for name, x in zip(names, arrays, strict=True):
        if isinstance(x, Buffer):
            found.append(x)
            continue
        if x is None or isinstance(x, NUMBERS):
            found.append(x if len(found) >= needed else required(face, loss, name, x))
            continue
        if not face.owns(x):
            raise stranger(face, loss, names, arrays, name)
        why = face.refused(x)
        if why:
            raise TypeError(f"{loss.name}: {name} {why}")
        buffer = face.buffer(x)
        if buffer.char not in READABLE:
            raise unreadable(loss, name, x)
        first = first or (name, buffer)
        if buffer.device != first[1].device:
            raise ValueError(f"{loss.name}: {name} is on cuda:{buffer.device}, expected cuda:{first[1].device}, "
                             f"where {first[0]} is")  # fmt: skip
        found.append(buffer)
    return found


def required(face: Face, loss: Definition | Program, name: str, x: Any) -> Buffer:
    """An input as `read` has found it, if it is an array."""
    if isinstance(x, Buffer):
        return x
    raise TypeError(f"{loss.name}: {name} is {named(x)}, expected an array of {face.NAME} on a GPU")


def stranger(
    face: Any, loss: Definition | Program, names: Sequence[str], arrays: Sequence[Any], name: str
) -> TypeError:
    """What is raised for an array that is not of the others' library."""
    given = dict(zip(names, arrays, strict=True))
    on = next(n for n, y in given.items() if face.owns(y))
    return TypeError(f"{loss.name}: {name} is {named(given[name])}, expected an array of {face.NAME} on a GPU, as {on} "
                     "is")  # fmt: skip


def unreadable(loss: Definition | Program, name: str, x: Any) -> TypeError:
    """What is raised for an array of a type that no kernel reads."""
    return TypeError(f"{loss.name}: {name} has dtype {x.dtype}, expected real numbers of at most 64 bits")


def some_rows(x: Buffer | None, low: int, high: int, rows: int) -> Buffer | None:
    """Those from `low` to `high` of a dense array of so many rows, for a kernel: `array` is still the whole one."""
    if x is None:
        return None
    row = x.size // rows
    return x._replace(address=x.address + low * row * x.dtype.itemsize, shape=(high - low, row))


def aligned(*buffers: Buffer) -> bool:
    """Whether packets of 16 bytes can be taken from all of them."""
    return not any([b.address % 16 for b in buffers])  # noqa: C419, a generator takes twice as long


def addresses(buffers: Iterable[Buffer | None]) -> tuple[int, ...]:
    """Those of the arrays that there are."""
    return tuple([x.address for x in buffers if x is not None])
