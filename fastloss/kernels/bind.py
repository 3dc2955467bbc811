"""`bind` completes a template with ports, `joined` makes one port of several, `lift` makes a definition fit a target.

A template is a plain function. Its ports are global names that stand empty in its module, such as `jet: Any = None`;
`bind` copies the function, and the helpers that it calls, with a port's value for each such name. `lift` copies a
definition with a target's `math`, and with all numbers in the type of the arithmetic.

Numba's disk cache keys a kernel by its signature, its bytecode and its name, by nothing that its globals hold. So the
copy's name carries a hash of everything else: the kernels' sources, the definition, each port, the options. The next
process finds the kernel again, and no process is served a stale one.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Sequence
from functools import cache, wraps
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from ..define.code import function_in
from ..define.frozen import content, globals_of, on_release
from ..loading import compiling
from .sources import sources

__all__ = [
    "BOTH",
    "EITHER",
    "IN_TURN",
    "Part",
    "Port",
    "bind",
    "by_definition",
    "content",
    "joined",
    "lift",
    "named",
    "port",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


F = TypeVar("F", bound="Callable[..., Any]")

port: Any = None
"""What a free name is before it is plugged in: templates and ports declare theirs as `jet = share = port`."""

_EMPTY = (port, False, range)
"""A flag is `False` where nobody sets it; `range` stands for its parallel twin."""

_BUILTINS = frozenset({"max", "min"})
"""Functions of Python's that a target may have its own for."""

_bound: dict[Any, Any] = {}
"""Every completed helper of this process: most ports of one kernel are those of another, and a parallel kernel has its
blocks in common with its serial twin, down to the machine code."""


def by_definition(function: F) -> F:
    """Like `functools.cache`, by a definition's function or a plan; an entry goes with the definition's last loss."""
    made: dict[tuple[Any, ...], Any] = {}

    @wraps(function)
    def found(what: Any, *rest: Any) -> Any:
        key = (what, *rest)
        try:
            return made[key]
        except KeyError:
            with compiling:  # another thread may have made it meanwhile
                if key not in made:
                    made[key] = function(what, *rest)
                return made[key]

    def forget(functions: set[Any]) -> None:
        # A finaliser may run at any time, so another thread may be adding entries.
        stale = [key for key in list(made) if not functions.isdisjoint(getattr(key[0], "definition", key[:1]))]
        _unbind([made.pop(key) for key in stale if key in made])

    on_release.append(forget)
    return cast(F, found)


def _unbind(values: list[Any]) -> None:
    """Forget the helpers that were completed with one of these values, and those that were with such a helper."""
    while values:
        known = {id(value) for value in values}
        stale = [key for key in list(_bound) if any(id(port) in known for _, _, _, port in key[2:])]
        values = [_bound.pop(key) for key in stale if key in _bound]


class Port:
    """A plain function with free names of its own: they complete it alone, and before those of the whole kernel.

    So one function of an element serves every array: `Port(element, K=1, decode=...)`. `how` tells the
    compiler what it is: "within" what calls it, taken into that before anything is compiled, or "room" that is given.
    """

    def __init__(self, function: Any, *, how: str = "", **own: Any) -> None:
        self.function, self.how, self.own = function, how, own

    def but(self, **more: Any) -> Port:
        """The same with more free names of its own."""
        return Port(self.function, how=self.how, **{**self.own, **more})


class Part:
    """A template within another: completed by ports of its own alone, as is all that it calls."""

    def __init__(self, function: Any, ports: Mapping[str, Any]) -> None:
        self.function, self.ports = function, ports


def bind(
    function: Any, ports: Mapping[str, Any], jit: Callable[[Any], Any], library: Mapping[str, Any] | None = None
) -> Any:
    """A copy of `function` whose free names are `ports`, and whose own helpers are bound likewise and compiled.

    A port that is a plain Python function, or a `Port`, is bound in turn and passed to `jit`; anything else is taken as
    it is. Every free name must be given, and every port asked for; of the `library` a kernel takes what it needs, also
    in the place of Python's own functions.
    """
    library, asked = library or {}, set[str]()
    done: dict[Any, Any] = {}

    def complete(value: Any) -> Any:
        if not isinstance(value, (FunctionType, Port, Part)):
            return value
        if isinstance(value, Part):
            return jit(bind(value.function, value.ports, jit, library))
        if value not in done:
            done[value] = compiled(value if isinstance(value, Port) else Port(value))
        return done[value]

    def compiled(part: Port) -> Any:
        fn, free = part.function, completed(part.function, part.own)
        key = (
            (fn, part.how),
            jit,
            *((name, type(value), _told(value), value) for name, value in sorted(free.items())),
        )
        if key not in _bound:
            copy = _rebuilt(fn, fn.__code__, {**fn.__globals__, **free})
            # On disk, kernels of several processes meet, whose copies of one function must not be taken for each other.
            copy.__qualname__ = f"{fn.__qualname__}.{os.urandom(8).hex()}"
            copy.how = part.how  # type: ignore[attr-defined]
            _bound[key] = jit(copy)
        return _bound[key]

    def completed(fn: FunctionType, own: Mapping[str, Any]) -> dict[str, Any]:
        asked_for = globals_of(fn.__code__)
        names = sorted(asked_for & fn.__globals__.keys())
        # Only what stands empty in its module is a port: a helper's own import of the same name is not.
        empty = [name for name in names if any(fn.__globals__[name] is nothing for nothing in _EMPTY)]
        if unasked := own.keys() - empty:
            raise TypeError(f"{told}: {fn.__name__} asks for no {', '.join(sorted(unasked))}")
        taken = {n: complete(found(fn, n, own) if n in empty else fn.__globals__[n]) for n in names}
        return taken | {name: library[name] for name in sorted(asked_for & _BUILTINS & library.keys())}

    def found(fn: FunctionType, name: str, own: Mapping[str, Any]) -> Any:
        if name in own:
            return own[name]
        if name in ports:
            asked.add(name)
            return ports[name]
        if name not in library and fn.__globals__[name] is port:
            raise TypeError(f"{told}: {fn.__name__} asks for {name}, which no port is")
        return library.get(name, fn.__globals__[name])

    told = f"{function.__module__}.{function.__name__}"
    whole = _rebuilt(function, function.__code__, {**function.__globals__, **completed(function, {})})
    if unasked := ports.keys() - asked:
        raise TypeError(f"{told}: nothing asks for {', '.join(sorted(unasked))}")
    return whole


def _told(port: Any) -> str:
    """What equality does not tell apart: numbers of several types in a tuple, zeros of both signs."""
    return "" if callable(port) else repr(port)


BOTH, EITHER, IN_TURN = "return {} + {}", "return {} | {}", "{}; {}"
"""The forms of `joined`: tuples as one, conditions as one, one call after another."""


def joined(form: str, ports: Sequence[Any]) -> Any:
    """All of them as one port of the same arguments and kind, into which they are taken before anything is compiled.

    Numba takes longer to compile one function more than an expression more.
    """
    import inspect  # it and `dis` take 10 ms, and only who compiles needs them

    if len(ports) == 1:
        return ports[0]
    parts = [part if isinstance(part, Port) else Port(part) for part in ports]
    arguments = ", ".join(inspect.signature(parts[0].function).parameters)
    own: dict[str, Any] = {f"part{k}": Port(part.function, how="within", **part.own) for k, part in enumerate(parts)}
    return Port(_written(form, arguments, len(parts)), how=parts[0].how, **own)


@cache
def _written(form: str, arguments: str, count: int) -> Any:
    calls = [f"part{k}({arguments})" for k in range(count)]
    scope: dict[str, Any] = dict.fromkeys(f"part{k}" for k in range(count))
    prefix, between = form.split("{}")[:2]
    text = f"def joined({arguments}):\n    {prefix}{between.join(calls)}\n"
    return function_in(text, "joined", scope, __name__)


def lift(function: Any, elementary: Any, kind: Any, jit: Callable[[Any], Any]) -> Any:
    """A definition for one target: its `math` replaced by `elementary`, its numbers by `kind`, its helpers alike.

    A Python float in a float32 kernel is a float64, and one of them turns the whole loop into double precision; an
    integer does the same. A helper marked as elementary is replaced by the target's own function of that name.
    """
    done: dict[FunctionType, Any] = {}

    def complete(value: Any) -> Any:
        if value is math:
            return elementary
        if getattr(value, "__module__", None) == "math":  # from math import exp
            return getattr(elementary, value.__name__)
        if not isinstance(value, FunctionType):
            return _retyped(value, kind)
        if value not in done:
            own = getattr(elementary, value.__name__, None) if getattr(value, "elementary", False) else None
            done[value] = None
            done[value] = jit(copy(value)) if own is None else own
        if done[value] is None:
            raise TypeError(f"{value.__name__} calls itself; a loss is one expression for each element")
        return done[value]

    def copy(fn: FunctionType) -> FunctionType:
        free = {name: complete(fn.__globals__[name]) for name in globals_of(fn.__code__) if name in fn.__globals__}
        kept = _indices(fn.__code__)
        constants = tuple(c if type(c) is int and c in kept else _retyped(c, kind) for c in fn.__code__.co_consts)
        code = fn.__code__.replace(co_consts=constants)
        new = _rebuilt(fn, code, {**fn.__globals__, **free})
        new.__defaults__ = _retyped(fn.__defaults__, kind)
        # A kernel that comes from disk imports the modules of its functions; a user's may be another there, or none.
        new.__module__ = __name__
        return new

    return jit(copy(function))


def named(name: str, key: Any, function: Any) -> str:
    """A kernel's name, which holds a hash of `key` and of the kernels' sources."""
    digest = hashlib.sha256(repr((sources(), key)).encode()).hexdigest()[:16]
    return f"{name}.{function.__name__}.{digest}"


def _rebuilt(fn: FunctionType, code: CodeType, scope: dict[str, Any]) -> FunctionType:
    new = FunctionType(code, scope, fn.__name__, fn.__defaults__, fn.__closure__)
    new.__module__, new.__qualname__ = fn.__module__, fn.__qualname__
    return new


def _indices(code: CodeType) -> set[Any]:
    """The constants that index a tuple in a function: they must stay integers."""
    import dis

    pairs = itertools.pairwise(dis.get_instructions(code))
    return {a.argval for a, b in pairs if a.opname.startswith("LOAD_") and (b.opname, b.argrepr) in _SUBSCRIPTS}


_SUBSCRIPTS = {("BINARY_SUBSCR", ""), ("BINARY_OP", "[]")}
"""The instruction that indexes, before Python 3.14 and since."""


def _retyped(constant: Any, kind: Any) -> Any:
    if isinstance(constant, (int, float)) and not isinstance(constant, bool):
        with np.errstate(all="ignore"):  # infinity where the type ends before, which is nobody's fault
            return kind(constant)
    if isinstance(constant, tuple):
        return tuple(_retyped(c, kind) for c in constant)
    return constant
