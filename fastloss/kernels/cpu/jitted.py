"""`jitted`: a loss of elements as a function that a user's own compiled code calls.

Numba sees one function of numbers. `computed` decides where its caller is compiled, by the type of the prediction,
which of the two lifted definitions is called, and LLVM takes that into the caller, as it does in our own kernels.

Numba keeps what it compiles of a user's function with ``cache=True`` until that function's own file changes. So a
`Stamp` lies among what is kept, and is not read by another version of the library: Numba then compiles again.
"""

from __future__ import annotations

import errno
import hashlib
import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numba as _numba
import numpy as np
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, register_model

from ...define.code import function_in
from ...define.frozen import cached_until_release
from ...registry import LOSSES
from ..bind import content, lift
from ..sources import sources
from . import target

if TYPE_CHECKING:
    from collections.abc import Callable

numba: Any = _numba  # half of it is typed
types: Any = numba.types
intrinsic: Any = _intrinsic


def jitted(loss: Any) -> Any:
    """The function of one element, as Numba's dispatcher; the same one each time."""
    if hasattr(loss, "target"):
        raise AttributeError(
            f"{loss.name}.jitted: a row's loss is no function of one element: call {loss.name}.value_and_grad with all "
            "rows, outside of compiled code"
        )
    if loss.rooted:
        raise AttributeError(
            f"{loss.name}.jitted: the root of a mean is no sum over elements: take the root of your own mean of the "
            "loss under it"
        )
    if loss.arrays:
        raise AttributeError(
            f"{loss.name}.jitted: {next(iter(loss.arrays))} is an array: pass its numbers one by one to the function "
            "of the loss without it"
        )
    jet = loss.for_any(loss.quickened).jet
    return _face(jet, Shape(loss, jet), loss.jet, tuple(sorted(loss.quickened)))


class Shape:
    """What beside the jet makes the function: names, values, which of the inputs are differentiated."""

    def __init__(self, loss: Any, jet: Callable[..., Any]) -> None:
        self.name, self.inputs, self.wrt, self.order = loss.name, loss.inputs, loss.wrt, loss.order
        self.values = tuple(loss.values.items())
        self.chosen = loss.single
        self.own = "" if LOSSES.get(loss.name) == loss else _digest(content(jet), repr(loss.values))
        self.text = f"{loss!r}: {loss.own_text}"

        self._key = self.name, self.inputs, self.wrt, self.order, repr(self.values), self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


# Without our lock of compilations: a caller that Numba compiles holds Numba's own.
@cached_until_release
def _face(jet: Callable[..., Any], shape: Shape, own: Callable[..., Any], by: tuple[str, ...]) -> Any:
    """The function, which calls `own`, the jet of the loss's values, where those that it is chosen by are given."""
    if shape.own:
        _known.add(shape.own)
    names = ", ".join([*shape.inputs, *(n for n, _ in shape.values)])
    scope = {"computed": computed, "parts": Parts(shape, jet, names)}
    text = f"    return computed(parts, ({names},))\n"
    values = dict(shape.values)
    asked = [n for n in by if n not in shape.chosen]
    if asked and own is not jet:
        scope |= {"own": Parts(shape, own, names), **{f"own_{n}": values[n] for n in asked}}
        # Of a parameter that is left out LLVM knows the number, and which of the two is called.
        held = " and ".join(f"{n} == own_{n}" for n in asked)
        text = f"    if {held}:\n        return computed(own, ({names},))\n{text}"
    face = function_in(f"def jitted({names}):\n{text}", "jitted", scope, __name__)
    face.__name__ = face.__qualname__ = shape.name
    face.__doc__ = f"{shape.text.strip()}\n\n{_MORE}"
    # A parameter that chooses the formula is None unless a caller passes what only `bind` may give.
    face.__defaults__ = tuple(None if n in shape.chosen else value for n, value in shape.values)
    return numba.njit(forceinline=True, error_model="numpy", nogil=True)(face)


_MORE = (
    "Called in compiled code with the numbers of one element: returns the value, the first and the second derivative."
)


class Parts:
    """The lifted definitions of a loss, each made when it is asked for, as a constant of compiled code."""

    def __init__(self, shape: Shape, jet: Callable[..., Any], names: str) -> None:
        self.shape, self.jet, self.names = shape, jet, names
        self._lifted: dict[tuple[str, bool], Any] = {}
        self._numba_type_ = _Constant(self, shape.name)

    def lifted(self, kind: str, gpu: bool) -> Any:
        """The type of the definition for a type of the arithmetic, on the GPU or the CPU."""
        if (kind, gpu) not in self._lifted:
            on: Any = import_module("fastloss.kernels.cuda.target") if gpu else target
            found = lift(self.jet, on.elementary(kind), float if kind == "d" else np.float32, on.jit)
            if self.jet.__code__.co_flags & inspect.CO_VARARGS:  # `computed` hands over numbers one by one
                text = f"def part({self.names}):\n    return jet({self.names})\n"
                found = on.jit(function_in(text, "part", {"jet": found}, __name__))
            self._lifted[kind, gpu] = found
        return self._lifted[kind, gpu]._numba_type_ if gpu else types.Dispatcher(self._lifted[kind, gpu])


class _Constant(types.Dummy):  # type: ignore[misc]
    """The type of an object that compiled code knows and does not hold."""

    def __init__(self, what: Any, name: str) -> None:
        self.what = what
        super().__init__(f"fastloss {name}")

    @property
    def key(self) -> Any:
        return id(self.what)


register_model(_Constant)(models.OpaqueModel)


@intrinsic  # type: ignore[untyped-decorator]
def computed(typingctx: Any, parts: Any, given: Any) -> Any:
    """The jet of numbers, in float32 where the prediction is one, else in float64."""
    shape: Shape = parts.what.shape
    names, values = [*shape.inputs, *(n for n, _ in shape.values)], dict(shape.values)
    for name, kind in zip(names, given.types, strict=True):
        _check(shape, name, kind)
    low = given.types[shape.wrt[0]] in (types.float32, types.float16)
    real = types.float32 if low else types.float64
    wanted = [types.none if n in shape.chosen and values[n] is None else real for n in names]
    callee = parts.what.lifted("f" if low else "d", "cuda" in type(typingctx).__module__)
    inner = callee.get_call_type(typingctx, tuple(wanted), {})
    several = types.UniTuple(real, len(shape.wrt)) if len(shape.wrt) > 1 else real
    result = types.BaseTuple.from_types((real, *[several] * shape.order))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if hasattr(context.environment, "consts"):  # not on the GPU
            context.environment.consts.append(Stamp(_library(), shape.own))
        numbers = []
        for k, (name, kind, to) in enumerate(zip(names, given.types, wanted, strict=True)):
            if to is types.none:
                numbers.append(context.get_dummy_value())
            elif name in shape.chosen:
                numbers.append(context.get_constant(to, float(values[name])))
            else:
                numbers.append(context.cast(builder, builder.extract_value(arguments[1], k), kind, to))
        found = context.get_function(callee, inner)(builder, numbers)
        return context.cast(builder, found, inner.return_type, result)

    return result(parts, given), generate


def _check(shape: Shape, name: str, kind: Any) -> None:
    """Raise for an argument that is no number, or that could choose another formula."""
    if name in shape.chosen:
        if not isinstance(kind, types.NoneType):
            instead = f"{shape.name}.bind({name}=...)"
            raise TypeError(f"{shape.name}.jitted: {name} is one number for all elements: take it from {instead}")
    elif not isinstance(kind, (types.Integer, types.Float, types.Boolean)):
        instead = f", in a loop, or {shape.name} on whole arrays" if isinstance(kind, types.Buffer) else ""
        raise TypeError(f"{shape.name}.jitted: {name} is {kind}, expected a number: call it for each element{instead}")


# -- what a user's cache holds -----------------------------------------------------------------------------------------

_known: set[str] = set()
"""The losses of users whose functions this process has made."""


def _library() -> str:
    return _digest(*map(sources, ("fastloss.kernels", "fastloss.define", "fastloss.losses")))


def _digest(*texts: str) -> str:
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


class Stamp:
    """Of what was compiled: it can be read where the same would be compiled, and else is like a missing file."""

    def __init__(self, library: str, own: str) -> None:
        self.package, self.own = library, own

    def __reduce__(self) -> Any:
        return read_stamp, (self.package, self.own)


def read_stamp(library: str, own: str) -> Stamp:
    """The stamp; raise OSError, upon which Numba compiles again. Users' caches call this by its name and module."""
    if library != _library() or (own and own not in _known):
        raise OSError(errno.ESTALE, "compiled with another version of fastloss, or of the loss")
    return Stamp(library, own)
