"""What a job is, and what it hands from one step of a verb to the next.

A *job* is a loss with a call's arrays: of elements or of rows, on the host or on a GPU. All four (`elements.py` and
`rows.py` in `host/` and `gpu/`) have the same methods, in the order in which `verb.py` calls them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from ..define.elements import Definition
    from ..define.keywords import Call
    from ..define.rows import Program
    from .divisors import Divisor

    Shape = tuple[int, ...]


class Outputs(NamedTuple):
    """Where the results of a verb go: NumPy's arrays, or buffers on a GPU."""

    value: Sequence[Any] = ()
    """A loss for each element, or row."""
    grad: Sequence[Any] = ()
    hess: Sequence[Any] = ()
    stats: Sequence[Any] = ()
    """Statistics of each row."""


NOWHERE = Outputs()
NONE: Mapping[str, Any] = MappingProxyType({})
"""No arrays."""


class Kind(NamedTuple):
    """What an array of `out=` must be."""

    dtype: Any
    shape: tuple[int, ...]
    device: int = -1
    """The number of a GPU; -1 for the host."""


class Written(Protocol):
    """What `out=` is checked for."""

    @property
    def loss(self) -> Any:
        """The loss, with its parameters."""

    @property
    def seen(self) -> Mapping[str, Any]:
        """The arrays as they were passed, by their names."""

    also: Mapping[str, Any]
    """Those that the kernels do not see, over which nothing may be written either."""

    def output(self, x: Any) -> Any:
        """An array of `out=`, if it is of the right library."""

    def expected(self, want: int) -> Sequence[Kind]:
        """What the arrays of `out=` must be."""


class Job(Written, Protocol):
    """A loss with a call's arrays."""

    backends: tuple[Any, ...]
    """The values of `backend` that there are where the arrays are."""

    @property
    def loss(self) -> Definition | Program:
        """The loss, with its parameters."""

    def read(self, call: Call) -> None:
        """Take the arrays as they are; raise for types and shapes that do not fit."""

    def arrange(self, call: Call) -> None:
        """Bring the arrays to the form that the kernels take."""

    def divisor(self, call: Call, given: bool) -> Divisor:
        """What the sum of the losses is divided by; `given` says whether there are arrays for the results."""

    def look(self, call: Call, given: bool) -> bool:
        """Raise for what must be found before anything is written; whether there is nothing left to be found."""

    def aims(self, call: Call, given: Outputs | None) -> Outputs:
        """Where the kernels write: to given arrays where they can, else to fresh ones."""

    def evaluate(self, want: int, check: bool, divisor: Divisor, to: Outputs) -> Any:
        """Run the kernels; the reduced value. With `check`, what is wrong is found on the way."""

    def results(self, call: Call, value: Any, to: Outputs, given: Outputs | None) -> list[Any]:
        """What the verb returns."""

    def remember(self, call: Call, given: bool, results: Any) -> None:
        """Keep what a call of this kind needs, for the short way."""


class Arithmetic(Protocol):
    """What all libraries of arrays can do, by a module of each. Numba's, which has none, says so in most of them."""

    NAME: str
    ADDS: bool
    """Whether it has arithmetic: Numba's arrays are memory alone."""

    def current(self, device: int) -> AbstractContextManager[Any]:
        """As long as it lasts, arithmetic of arrays is that device's, where they are."""

    def filled(self, number: float, shape: Shape, char: str, device: int) -> Any:
        """A fresh array of one number."""

    def dense(self, x: Any, shape: Shape) -> Any:
        """`x`, broadcast to a shape; on a GPU in C order."""

    def cast(self, x: Any, char: str) -> Any:
        """`x` in another type."""

    def assign(self, to: Any, x: Any) -> None:
        """Copy `x` into `to`."""

    def add_up(self, x: Any, axes: Shape, shape: Shape, char: str) -> Any:
        """The sum over axes in float64, in another shape and type."""

    def largest(self, x: Any, axes: Shape) -> Any:
        """The largest elements along axes, which keep a length of 1."""

    def chosen(self, where: Any, a: Any, b: Any) -> Any:
        """`a` where that is true, else `b`: arrays or numbers."""

    def host(self, x: Any) -> Any:
        """A copy in NumPy's."""


class ElementsJob(Job, Protocol):
    """What is asked here of a job of elements besides."""

    @property
    def loss(self) -> Definition:
        """The loss, with its parameters."""

    @property
    def arithmetic(self) -> Arithmetic:
        """What its library can do."""

    inputs: tuple[Any, ...]
    shape: Shape
    kind: Any
    device: int

    def known(self, call: Call) -> Any:
        """The results, where they take no flow of a verb, as by repeating what an earlier call did; else None."""

    def twin(self) -> ElementsJob:
        """The same arrays for another verb."""

    def masked(self, call: Call) -> Any:
        """The weights, 0 where the label is the one to ignore."""

    def weight_of(self, call: Call) -> Any:
        """The weights as an array of the library; None where there are none."""

    def looks(self, check: bool | None) -> bool:
        """Whether what is wrong is said before anything is done, and not found by the kernels."""

    def refuse(self, where: Any, x: Any, error: Exception) -> Any:
        """`x`; raise that error where anything of `where` is true, at the latest when `x` is computed."""

    def passed(self, value: Any) -> Any:
        """An array of values as the caller gets it."""
