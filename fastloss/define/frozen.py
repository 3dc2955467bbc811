"""A definition as it was written: copies of its functions that nothing changes any more, and a hash of their content.

A loss is one function: whatever it refers to is read once, where it is decorated. Else a constant that changes would be
taken up by the verbs and the types that are called later, and not by those that were called before.
"""

from __future__ import annotations

import builtins
import math
import reprlib
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from types import CellType, CodeType, FunctionType
from typing import Any

gone: list[Callable[[set[Any]], object]] = []
"""Called with the functions of a definition of which there is no loss left."""


class Written:
    """The functions of a user's loss. Two that say the same, word for word, are one."""

    def __init__(self, functions: tuple[FunctionType, ...], beside: FunctionType | None) -> None:
        self.functions = functions
        self.beside = beside
        self.made: set[Any] = {*functions}
        """What kernels may be made of: the functions, and those that are composed of them."""
        weakref.finalize(self, _let_go, self.made).atexit = False

    def remake(self, kind: type, *given: Any, **options: Any) -> None:
        """Remember what the loss is made by."""
        self.functions[0].__dict__[_RECIPE] = kind, given, options


def of_users(module: str) -> bool:
    """Whether it is none of this library, whose own definitions nobody changes."""
    return not str(module).startswith(_OURS)


_OURS = f"{__package__.partition('.')[0]}."


_written: weakref.WeakValueDictionary[str, Written] = weakref.WeakValueDictionary()


def _let_go(functions: set[Any]) -> None:
    for forget in gone:
        forget(functions)


def written(functions: Iterable[Any], loss: str, module: str, place: str, rest: object, beside: Any = None) -> Written:
    """Copies of the `functions` of a loss that is called `place` in its module, and of one that chooses among others.

    `rest` is what else makes one definition differ from another. The first copy is the `anchor` of the loss.
    """
    *copies, other = _copies([*functions, beside], loss)
    place = f"{place.removesuffix(_ANCHOR)}{_ANCHOR}"
    key = repr((module, place, rest, [(f.__name__, f.__doc__, content(f)) for f in copies], other and _glance(other)))
    found = _written.get(key)
    if found is None:
        copies[0].__module__, copies[0].__qualname__ = module, place
        found = _written[key] = Written(tuple(copies), other)
    if found not in _recent:
        _recent.append(found)
    return found


_recent: deque[Written] = deque(maxlen=32)
"""Not let go of yet: a function that defines its loss anew at each call, or a worker to whom it is sent with each task,
finds its kernels."""


_ANCHOR, _RECIPE = ".anchor", "recipe"
"""Where pickles find a function that stands for a loss. Who sends functions by value sends all of the loss with it."""


def _glance(fn: FunctionType) -> list[Any]:
    """What tells apart functions that no kernel is made of: they may refer to anything."""
    values = [fn.__globals__.get(name) for name in sorted(globals_of(fn.__code__))]
    values += [cell.cell_contents for cell in fn.__closure__ or ()]
    return [_said(fn.__code__), fn.__defaults__, *map(_seen, values)]


def _seen(value: Any) -> Any:
    """A value, or what it consists of where two may look alike."""
    slots = getattr(value, "__slots__", ())
    return content(value) if isinstance(value, FunctionType) else [getattr(value, n) for n in slots] or value


def _said(code: CodeType) -> tuple[Any, ...]:
    """What a function does, without where it lies."""
    constants = [_said(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def until_gone(function: Any) -> Any:
    """Remember what a function of a definition's function makes, until there is no loss of that left."""
    made: dict[tuple[Any, ...], Any] = {}

    def found(*key: Any) -> Any:
        try:
            return made[key]
        except KeyError:
            result = made[key] = function(*key)
            return result

    def forget(functions: Any) -> None:
        for key in [key for key in list(made) if key[0] in functions]:
            made.pop(key, None)

    gone.append(forget)
    return found


def named(module: str, name: str, values: Mapping[str, Any]) -> Any:
    """A loss of this library, out of a pickle."""
    loss = getattr(import_module(module), name)
    return loss.bind(**values) if values != loss.values else loss


def remade(anchor: Any, values: Mapping[str, Any]) -> Any:
    """A user's loss, out of a pickle: of its anchor, which knows what it was made of."""
    kind, given, options = vars(anchor)[_RECIPE]
    loss = kind(*given, **options)
    return loss.bind(**values) if values != loss.values else loss


def told(domains: Mapping[str, Any]) -> list[Any]:
    """What makes domains differ."""
    return [(n, _glance(d) if callable(d) else _seen(d)) for n, d in sorted(domains.items())]


def kept(domains: Mapping[str, Any], loss: str) -> dict[str, Any]:
    """Domains, those that are functions of parameters as copies that nothing changes any more."""
    return {n: _copies([d], loss)[0] if isinstance(d, FunctionType) else d for n, d in domains.items()}


def _copies(functions: Iterable[Any], loss: str) -> tuple[Any, ...]:
    done: dict[FunctionType, FunctionType] = {}

    def keep(value: Any) -> Any:
        if isinstance(value, FunctionType):
            return copy(value) if of_users(value.__module__) else value
        return tuple([keep(v) for v in value]) if type(value) is tuple else value

    def copy(fn: FunctionType) -> FunctionType:
        if fn not in done:
            if not fn.__name__.isprintable():
                raise TypeError(f"{loss!r} has a function whose name is {fn.__name__!r}; it must be printable")
            scope = {"__name__": fn.__module__, "__builtins__": builtins}
            cells = None if fn.__closure__ is None else tuple([CellType(keep(c.cell_contents)) for c in fn.__closure__])
            new = done[fn] = FunctionType(fn.__code__, scope, fn.__name__, keep(fn.__defaults__), cells)
            new.__module__, new.__qualname__, new.__doc__ = fn.__module__, fn.__qualname__, fn.__doc__
            for name in sorted(globals_of(fn.__code__)):
                if name in fn.__globals__:
                    scope[name] = keep(fn.__globals__[name])
                elif not hasattr(builtins, name):
                    raise TypeError(
                        f"{loss} refers to {name}, which is not defined yet: what a loss refers to is read once, "
                        "where the loss is defined, and has to stand before it"
                    )
        return done[fn]

    return tuple([None if fn is None else copy(fn) for fn in functions])


def content(function: Any) -> str:
    """A hash of what a definition computes: its bytecode, its constants and everything that it refers to.

    What cannot be hashed cannot be referred to: only numbers, tuples of them, `math` and plain functions.
    """
    seen: dict[FunctionType, str] = {}

    def describe(value: Any) -> str:
        if isinstance(value, FunctionType):
            if value not in seen:
                seen[value] = value.__name__  # while it is being described, for one that calls itself
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
        free = [(n, describe(fn.__globals__[n])) for n in sorted(globals_of(code)) if n in fn.__globals__]
        # The first constant is the docstring, or None.
        constants = [c if isinstance(c, str) else describe(c) for c in code.co_consts]
        return repr((code.co_code, code.co_names, code.co_varnames, constants, free))

    def digest(*parts: Any) -> str:
        import hashlib  # as much again

        return hashlib.sha256(repr(parts).encode()).hexdigest()

    return describe(function)


@lru_cache(maxsize=4096)
def globals_of(code: CodeType) -> frozenset[str]:
    """The globals that a function loads; its attributes' names are not among them."""
    import dis  # 5 ms that `import fastloss` need not take

    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return frozenset(names.union(*(globals_of(c) for c in code.co_consts if isinstance(c, CodeType))))
