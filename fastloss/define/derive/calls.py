"""What a traced function calls: `fastloss.math`, where others' functions of the same meaning are given traced numbers.

So a formula of `math`, NumPy, SciPy, torch or JAX is traced as it is written, and ``min`` and ``max`` choose between
elements.
"""

from __future__ import annotations

import builtins
from contextlib import suppress
from types import CellType, FunctionType, ModuleType
from typing import Any

from ..frozen import globals_of, user_defined
from . import functions
from .names import foreign, same_as
from .traced import Recorded


class _Library:
    """A module of another library, for a function that is traced."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        return _ours(value) if callable(value) else _meant(value)


def tracing(function: Any, done: dict[Any, Any]) -> Any:
    """A copy of a user's function, and of those that it calls, that calls what is meant for traced numbers."""

    def meant(value: Any) -> Any:
        own = isinstance(value, FunctionType) and user_defined(value.__module__)
        return tracing(value, done) if own else _meant(value)

    if function not in done:
        used = globals_of(function.__code__)
        scope = {"__builtins__": builtins, **_CHOICES, **function.__globals__}
        cells = tuple([CellType() for _ in function.__closure__ or ()])
        new = FunctionType(function.__code__, scope, function.__name__, function.__defaults__, cells)
        new.__kwdefaults__ = function.__kwdefaults__
        done[function] = new
        for n in used & function.__globals__.keys():
            scope[n] = meant(function.__globals__[n])
        for cell, original in zip(cells, function.__closure__ or (), strict=True):
            with suppress(ValueError):  # an empty cell
                cell.cell_contents = meant(original.cell_contents)
    return done[function]


def _meant(value: Any) -> Any:
    """A module as a `_Library`, a function of one as ours; anything else is itself."""
    if isinstance(value, ModuleType):
        return _Library(value) if foreign(value.__name__) else value
    home = getattr(value, "__module__", None) or type(value).__module__
    return _ours(value) if callable(value) and foreign(home) else value


def _ours(value: Any) -> Any:
    """Of another library's function that for traced numbers is `fastloss.math`'s of the same meaning."""
    name = same_as(str(getattr(value, "__name__", "")))
    return _either(value, getattr(functions, name)) if name else value


def _either(theirs: Any, ours: Any) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        traced = any(isinstance(a, Recorded) for a in (*args, *options.values()))
        return (ours if traced else theirs)(*args, **options)

    return call


def _chosen(builtin: Any, function: Any) -> Any:
    def choose(*args: Any, **options: Any) -> Any:
        if options or len(args) < 2 or not any(isinstance(a, Recorded) for a in args):
            return builtin(*args, **options)
        result = args[0]
        for other in args[1:]:
            result = function(result, other)
        return result

    return choose


_CHOICES = {"min": _chosen(min, functions.minimum), "max": _chosen(max, functions.maximum)}
