"""Copies of a user's functions that nothing changes any more, a hash of their content, and how losses are pickled.

A loss is one function: whatever it refers to is read once, where it is decorated. Else a constant that changes would be
taken up by the verbs and the types that are called later, and not by those that were called before.

`freeze` makes the copies. Two definitions with the same text share one `Frozen`, and with it their kernels: a cell of a
notebook that is run again compiles nothing. When the last loss of a `Frozen` is gone, the functions of `on_release`
empty the caches that hold its kernels. This library's own definitions are neither copied nor released.
"""

from __future__ import annotations

import builtins
import math
import os
import reprlib
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from operator import attrgetter
from types import CellType, CodeType, FunctionType
from typing import Any

on_release: list[Callable[[set[Any]], object]] = []
"""Functions that are called with a definition's functions when its last loss is gone."""


class Frozen:
    """The copied functions of a user's loss, shared by all losses with the same text."""

    def __init__(self, functions: tuple[FunctionType, ...], choosers: tuple[FunctionType | None, ...] = ()) -> None:
        self.functions = functions
        self.choosers = choosers
        """The copies of the functions that choose another jet for some values of parameters."""
        self.kernel_functions: set[Any] = {*functions}
        """The functions that kernels are made of: the copies, and what is composed of them."""
        weakref.finalize(self, _release, self.kernel_functions).atexit = False

    def remember_recipe(self, kind: type, *arguments: Any, **options: Any) -> None:
        """Keep the constructor and its arguments, with which `restore_user_loss` makes the loss again."""
        self.functions[0].__dict__[_RECIPE] = kind, arguments, options


def user_defined(module: str) -> bool:
    """Whether a module does not belong to this library."""
    return not str(module).startswith(_LIBRARY)


_LIBRARY = f"{__package__.partition('.')[0]}."


_frozen: weakref.WeakValueDictionary[Any, Frozen] = weakref.WeakValueDictionary()


def _release(functions: set[Any]) -> None:
    for forget in on_release:
        forget(functions)


def freeze(
    functions: Iterable[Any], loss: str, module: str, qualname: str, rest: object, choosers: Iterable[Any] = ()
) -> Frozen:
    """Copy the `functions` of a loss and its `choosers`, which find another jet, or are None; or find the same copies.

    `rest` is what else tells two definitions apart. The first copy is the anchor: pickles refer to it for the loss.
    """
    functions = [*functions]
    copied = _copies([*functions, *choosers], loss)
    copies, chosen = copied[: len(functions)], tuple(copied[len(functions) :])
    qualname = f"{qualname.removesuffix(_ANCHOR)}{_ANCHOR}"
    contents = [(f.__name__, f.__doc__, content(f)) for f in copies]
    key = repr((module, qualname, rest, contents, [f and _function_key(f) for f in chosen]))
    found = _frozen.get(key)
    if found is None:
        copies[0].__module__, copies[0].__qualname__ = module, qualname
        found = _frozen[key] = Frozen(tuple(copies), chosen)
    if found not in _recent:
        _recent.append(found)
    return found


def made_once(key: Any, make: Callable[[], tuple[FunctionType, ...]]) -> Frozen:
    """Functions that are made of losses' own: the same for all that have the same key, and released with the last."""
    found = _frozen.get(key)
    if found is None:
        found = _frozen[key] = Frozen(make())
    if found not in _recent:
        _recent.append(found)
    return found


_recent: deque[Frozen] = deque(maxlen=32)
"""Keeps the latest alive: a function that defines its loss anew at each call, or a worker to whom a loss is sent with
each task, finds its kernels."""


_ANCHOR, _RECIPE = ".anchor", "recipe"
"""The end of an anchor's qualified name, and its attribute that holds how to make the loss. Picklers that send
functions by value send the recipe with the anchor."""


def _function_key(fn: FunctionType) -> list[Any]:
    """What tells apart functions that no kernel is made of, and that may therefore refer to anything."""
    values = [fn.__globals__.get(name) for name in sorted(globals_of(fn.__code__))]
    values += [cell.cell_contents for cell in fn.__closure__ or ()]
    return [code_key(fn.__code__), fn.__defaults__, *map(_value_key, values)]


def _value_key(value: Any) -> Any:
    """A function's content, the attributes of an object with slots (two may print alike), or the value itself."""
    slots = getattr(value, "__slots__", ())
    return content(value) if isinstance(value, FunctionType) else [getattr(value, n) for n in slots] or value


def code_key(code: CodeType) -> tuple[Any, ...]:
    """A code object without its file and its line numbers."""
    constants = [code_key(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def cached_until_release(function: Any) -> Any:
    """Cache a function whose first argument is a definition's function, until the definition's last loss is gone."""
    results: dict[tuple[Any, ...], Any] = {}

    def cached(*key: Any) -> Any:
        try:
            return results[key]
        except KeyError:
            result = results[key] = function(*key)
            return result

    def forget(functions: Any) -> None:
        for key in [key for key in list(results) if key[0] in functions]:
            results.pop(key, None)

    on_release.append(forget)
    return cached


def restore_library_loss(module: str, name: str, values: Mapping[str, Any]) -> Any:
    """A loss of this library, out of a pickle."""
    loss = attrgetter(name)(import_module(module))
    return _bound(loss, values)


def restore_user_loss(anchor: Any, values: Mapping[str, Any]) -> Any:
    """A user's loss, out of a pickle: made again from its anchor's recipe."""
    kind, arguments, options = vars(anchor)[_RECIPE]
    return _bound(kind(*arguments, **options), values)


def _bound(loss: Any, values: Mapping[str, Any]) -> Any:
    bound = loss.bind(**values)
    return loss if bound == loss else bound


def domains_key(domains: Mapping[str, Any]) -> list[Any]:
    """What tells two definitions' domains apart."""
    return [(n, _function_key(d) if callable(d) else _value_key(d)) for n, d in sorted(domains.items())]


def frozen_domains(domains: Mapping[str, Any], loss: str) -> dict[str, Any]:
    """The domains, those that are functions of parameters replaced by copies."""
    return {n: _copies([d], loss)[0] if isinstance(d, FunctionType) else d for n, d in domains.items()}


def _copies(functions: Iterable[Any], loss: str) -> tuple[Any, ...]:
    """Copies of functions, and of the user's functions that they refer to, with their globals as they are now."""
    done: dict[FunctionType, FunctionType] = {}

    def freeze_value(value: Any) -> Any:
        if isinstance(value, FunctionType):
            return copy(value) if user_defined(value.__module__) else value
        return tuple([freeze_value(v) for v in value]) if type(value) is tuple else value

    def copy(fn: FunctionType) -> FunctionType:
        if fn not in done:
            if not fn.__name__.isprintable():
                raise TypeError(f"{loss!r} has a function whose name is {fn.__name__!r}; it must be printable")
            scope = {"__name__": fn.__module__, "__builtins__": builtins}
            cells = fn.__closure__
            if cells is not None:
                cells = tuple([CellType(freeze_value(cell.cell_contents)) for cell in cells])
            new = done[fn] = FunctionType(fn.__code__, scope, fn.__name__, freeze_value(fn.__defaults__), cells)
            new.__module__, new.__qualname__, new.__doc__ = fn.__module__, fn.__qualname__, fn.__doc__
            for name in sorted(globals_of(fn.__code__)):
                if name in fn.__globals__:
                    scope[name] = freeze_value(fn.__globals__[name])
                elif not hasattr(builtins, name):
                    raise TypeError(
                        f"{loss} refers to {name}, which is not defined yet: what a loss refers to is read once, "
                        "where the loss is defined, and has to stand before it"
                    )
        return done[fn]

    return tuple([None if fn is None else copy(fn) for fn in functions])


def content(function: Any, placed: bool = False) -> str:
    """A hash of what a definition computes: its bytecode, its constants and everything that it refers to.

    With `placed`, a function stands for its bytecode by its place in the files of this library, which is the same for
    every Python; whoever compares must hash the files, too. Raise for a function that is written elsewhere, and for a
    value that is no number, tuple of numbers, plain function or `math`: no hash would notice its changes.
    """
    described: dict[FunctionType, str] = {}

    def describe(value: Any) -> str:
        if isinstance(value, FunctionType):
            if value not in described:
                described[value] = value.__name__  # while it is being described, for one that calls itself
                cells = [describe(cell.cell_contents) for cell in value.__closure__ or ()]
                defaults = [describe(v) for v in value.__defaults__ or ()]
                described[value] = digest(of_code(value.__code__, value), cells, defaults)
            return described[value]
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
        names = _names(code) if placed else globals_of(code)
        free = [(n, describe(fn.__globals__[n])) for n in sorted(names) if n in fn.__globals__]
        if placed:
            return repr((_place(code), free))
        # The first constant is the docstring, or None.
        constants = [c if isinstance(c, str) else describe(c) for c in code.co_consts]
        return repr((code.co_code, code.co_names, code.co_varnames, constants, free))

    def digest(*parts: Any) -> str:
        import hashlib  # another 5 ms

        return hashlib.sha256(repr(parts).encode()).hexdigest()

    return describe(function)


def _place(code: CodeType) -> tuple[str, int, str]:
    """The file of this library, the line and the name of a function."""
    root = os.path.dirname(os.path.dirname(__file__))
    if not code.co_filename.startswith(root + os.sep):
        raise TypeError(f"{code.co_name} is not written in a file of this library")
    return code.co_filename[len(root) :].replace(os.sep, "/"), code.co_firstlineno, code.co_name


def _names(code: CodeType) -> set[str]:
    """The globals that a function loads, and attributes' names."""
    return {*code.co_names}.union(*(_names(c) for c in code.co_consts if isinstance(c, CodeType)))


@lru_cache(maxsize=4096)
def globals_of(code: CodeType) -> frozenset[str]:
    """The globals that a function loads; its attributes' names are not among them."""
    import dis  # 5 ms that `import fastloss` need not take

    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return frozenset(names.union(*(globals_of(c) for c in code.co_consts if isinstance(c, CodeType))))
