"""`bind`: a copy of a function in which its free names are what we say. The only metaprogramming there is.

Numba's disk cache keys a kernel by its signature, its bytecode and its name, by nothing that its globals hold. So the
copy's name carries a hash of everything else: the kernels' sources, the definition, each port, the options. The next
process finds the kernel again, and no process is served a stale one.
"""

from __future__ import annotations

import dis
import hashlib
import itertools
import math
import pkgutil
import reprlib
import secrets
import sys
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_EMPTY = (None, False, range)
"""What a port is before it is plugged in; `range` stands for its parallel twin."""

_bound: dict[Any, Any] = {}
"""Every completed helper of this process: most ports of one kernel are those of another, and a parallel kernel has its
blocks in common with its serial twin, down to the machine code."""


def bind(function: Any, ports: Mapping[str, Any], jit: Callable[[Any], Any]) -> Any:
    """A copy of `function` whose free names are `ports`, and whose own helpers are bound likewise and compiled.

    A port that is a plain Python function is bound in turn and passed to `jit`; anything else is taken as it is.
    """

    def complete(value: Any) -> Any:
        if not isinstance(value, FunctionType):
            return value
        free = completed(value)
        key = (value, jit, *((name, type(port), _told(port), port) for name, port in sorted(free.items())))
        if key not in _bound:
            copy = _rebuilt(value, value.__code__, {**value.__globals__, **free})
            # On disk, kernels of several processes meet, whose copies of one function must not be taken for each other.
            copy.__qualname__ = f"{value.__qualname__}.{secrets.token_hex(8)}"
            _bound[key] = jit(copy)
        return _bound[key]

    def completed(fn: FunctionType) -> dict[str, Any]:
        free = {}
        for name in _names(fn.__code__) & fn.__globals__.keys():
            value = fn.__globals__[name]
            # Only what stands empty in its module is a port: a helper's own import of the same name is not.
            free[name] = complete(ports[name] if name in ports and value in _EMPTY else value)
        return free

    return _rebuilt(function, function.__code__, {**function.__globals__, **completed(function)})


def _told(port: Any) -> str:
    """What equality does not tell apart: numbers of several types in a tuple, zeros of both signs."""
    return "" if callable(port) else repr(port)


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
        free = {name: complete(fn.__globals__[name]) for name in _names(fn.__code__) if name in fn.__globals__}
        kept = _indices(fn.__code__)
        constants = tuple(c if type(c) is int and c in kept else _retyped(c, kind) for c in fn.__code__.co_consts)
        code = fn.__code__.replace(co_consts=constants)
        new = _rebuilt(fn, code, {**fn.__globals__, **free})
        new.__defaults__ = _retyped(fn.__defaults__, kind)
        return new

    return jit(copy(function))


def named(name: str, key: Any, function: Any) -> Any:
    """A copy of `function` under a name that holds a hash of `key` and of the kernels' sources."""
    digest = hashlib.sha256(repr((sources(), key)).encode()).hexdigest()[:16]
    copy = _rebuilt(function, function.__code__, function.__globals__)
    copy.__qualname__ = f"{name}.{function.__name__}.{digest}"
    return copy


def content(function: Any) -> str:
    """A hash of what a definition computes: its bytecode, its constants and everything that it refers to.

    What cannot be hashed cannot be referred to: only numbers, tuples of them, `math` and plain functions.
    """
    seen: dict[FunctionType, str] = {}

    def describe(value: Any) -> str:
        if isinstance(value, FunctionType):
            if value not in seen:
                seen[value] = value.__qualname__  # while it is being described, for one that calls itself
                cells = [describe(cell.cell_contents) for cell in value.__closure__ or ()]
                defaults = [describe(v) for v in value.__defaults__ or ()]
                seen[value] = digest(of_code(value.__code__, value), cells, defaults)
            return seen[value]
        if isinstance(value, tuple):
            return repr([describe(v) for v in value])
        if value is None or isinstance(value, (bool, int, float)):
            return f"{type(value).__name__} {value!r}"
        if value is math or getattr(value, "__module__", None) in ("math", "builtins"):
            return f"{value.__name__}"
        if isinstance(value, CodeType):
            return repr((value.co_code, value.co_names, [describe(c) for c in value.co_consts]))
        raise TypeError(
            f"{function.__name__} refers to a {type(value).__name__} ({reprlib.repr(value)}); a loss may refer to "
            "numbers, tuples of numbers, the module math, and functions of which the same holds"
        )

    def of_code(code: CodeType, fn: FunctionType) -> str:
        free = [(n, describe(fn.__globals__[n])) for n in sorted(_names(code)) if n in fn.__globals__]
        # The first constant is the docstring, or None.
        constants = [c if isinstance(c, str) else describe(c) for c in code.co_consts]
        return repr((code.co_code, code.co_names, code.co_varnames, constants, free))

    def digest(*parts: Any) -> str:
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    return describe(function)


def _rebuilt(fn: FunctionType, code: CodeType, scope: dict[str, Any]) -> FunctionType:
    new = FunctionType(code, scope, fn.__name__, fn.__defaults__, fn.__closure__)
    new.__module__, new.__qualname__ = fn.__module__, fn.__qualname__
    return new


@cache
def _names(code: CodeType) -> frozenset[str]:
    """The globals that a function loads; its attributes' names are not among them."""
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return frozenset(names.union(*(_names(c) for c in code.co_consts if isinstance(c, CodeType))))


def _indices(code: CodeType) -> set[Any]:
    """The constants by which a function takes something out of a tuple."""
    pairs = itertools.pairwise(dis.get_instructions(code))
    return {a.argval for a, b in pairs if a.opname.startswith("LOAD_") and (b.opname, b.argrepr) in _SUBSCRIPTS}


_SUBSCRIPTS = {("BINARY_SUBSCR", ""), ("BINARY_OP", "[]")}
"""Before Python 3.14, and since."""


def _retyped(constant: Any, kind: Any) -> Any:
    if isinstance(constant, (int, float)) and not isinstance(constant, bool):
        return kind(constant)
    if isinstance(constant, tuple):
        return tuple(_retyped(c, kind) for c in constant)
    return constant


@cache
def sources(package: str = __package__) -> str:
    """A hash of a package of kernels and of the compiler's version: any edit there recompiles everything.

    Definitions are not in it, `content` sees to each of them. Where there are no sources, in an archive or an
    installation of bytecode alone, it is of what the modules were compiled to.
    """
    import llvmlite
    import numba

    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    folders = sys.modules[package].__path__
    texts = sorted(Path(folders[0]).glob("*.py"))
    for path in texts:
        digest.update(path.read_bytes())
    for found in () if texts else sorted(pkgutil.iter_modules(folders), key=lambda each: each.name):
        name = f"{package}.{found.name}"
        spec = found.module_finder.find_spec(name, None)
        loader: Any = None if spec is None else spec.loader
        digest.update(_told_code(loader.get_code(name)).encode())
    return digest.hexdigest()


def _told_code(code: CodeType) -> str:
    """What is the same in every process that runs the same code."""

    def told(value: Any) -> str:
        if isinstance(value, CodeType):
            return _told_code(value)
        if isinstance(value, frozenset):
            return repr(sorted(map(repr, value)))
        return repr(value)

    return repr((code.co_name, code.co_code, code.co_names, code.co_varnames, [told(c) for c in code.co_consts]))
