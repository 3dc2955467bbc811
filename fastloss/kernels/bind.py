"""`bind`: a copy of a function in which its free names are what we say. The only metaprogramming there is.

Numba's disk cache keys a kernel by its signature, its bytecode and its name, by nothing that its globals hold. So the
copy's name carries a hash of everything else: the kernels' sources, the definition, each port, the options. The next
process finds the kernel again, and no process is served a stale one.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
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
        key = (value, jit, *((name, type(port), port) for name, port in sorted(free.items())))
        if key not in _bound:
            _bound[key] = jit(_rebuilt(value, value.__code__, {**value.__globals__, **free}))
        return _bound[key]

    def completed(fn: FunctionType) -> dict[str, Any]:
        free = {}
        for name in _names(fn.__code__) & fn.__globals__.keys():
            value = fn.__globals__[name]
            # Only what stands empty in its module is a port: a helper's own import of the same name is not.
            free[name] = complete(ports[name] if name in ports and value in _EMPTY else value)
        return free

    return _rebuilt(function, function.__code__, {**function.__globals__, **completed(function)})


def lift(function: Any, elementary: Any, kind: Any, jit: Callable[[Any], Any]) -> Any:
    """A definition for one target: its `math` replaced by `elementary`, its floats by `kind`, its helpers alike.

    A Python float in a float32 kernel is a float64, and one of them turns the whole loop into double precision. Where
    `elementary` has a function of a helper's name, that one is taken.
    """
    done: dict[FunctionType, Any] = {}

    def complete(value: Any) -> Any:
        if value is math:
            return elementary
        if isinstance(value, (float, tuple)):
            return _retyped(value, kind)
        if not isinstance(value, FunctionType):
            return value
        if value not in done:
            own = getattr(elementary, value.__name__, None)
            done[value] = jit(copy(value)) if own is None else own
        return done[value]

    def copy(fn: FunctionType) -> FunctionType:
        free = {name: complete(fn.__globals__[name]) for name in _names(fn.__code__) if name in fn.__globals__}
        code = fn.__code__.replace(co_consts=tuple(_retyped(c, kind) for c in fn.__code__.co_consts))
        return _rebuilt(fn, code, {**fn.__globals__, **free})

    return jit(copy(function))


def named(name: str, key: Any, function: Any) -> Any:
    """A copy of `function` under a name that holds a hash of `key` and of the kernels' sources."""
    digest = hashlib.sha256(repr((_package(), key)).encode()).hexdigest()[:16]
    copy = _rebuilt(function, function.__code__, function.__globals__)
    copy.__qualname__ = f"{name}.{function.__name__}.{digest}"
    return copy


def content(function: Any) -> str:
    """A hash of what a definition computes: its bytecode, its constants and everything that it refers to."""
    seen: dict[FunctionType, str] = {}

    def describe(value: Any) -> str:
        if isinstance(value, FunctionType):
            if value not in seen:
                seen[value] = value.__qualname__
                seen[value] = of_code(value.__code__, value.__globals__)
            return seen[value]
        if isinstance(value, ModuleType):
            return value.__name__
        return f"{type(value).__qualname__} {value!r}"

    def of_code(code: CodeType, scope: Mapping[str, Any]) -> str:
        free = [(n, describe(scope[n])) for n in sorted(_names(code)) if n in scope]
        constants = [of_code(c, scope) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
        text = repr((code.co_code, code.co_names, code.co_varnames, constants, free))
        return hashlib.sha256(text.encode()).hexdigest()

    return describe(function)


def _rebuilt(fn: FunctionType, code: CodeType, scope: dict[str, Any]) -> FunctionType:
    new = FunctionType(code, scope, fn.__name__, fn.__defaults__, fn.__closure__)
    new.__module__, new.__qualname__ = fn.__module__, fn.__qualname__
    return new


def _names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _retyped(constant: Any, kind: Any) -> Any:
    if isinstance(constant, float):
        return kind(constant)
    if isinstance(constant, tuple):
        return tuple(_retyped(c, kind) for c in constant)
    return constant


@cache
def _package() -> str:
    """A hash of the kernels' sources and of the compiler's version: any edit here recompiles everything.

    Definitions are not in it, `content` sees to each of them.
    """
    import llvmlite
    import numba

    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
