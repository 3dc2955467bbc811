"""What a traced function calls: `fastloss.math`, where others' functions of the same meaning are given traced numbers.

So a formula of `math`, NumPy, SciPy, torch or JAX is traced as it is written, and ``min`` and ``max`` choose between
elements.
"""

from __future__ import annotations

import builtins
from contextlib import suppress
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ..frozen import globals_of, user_defined
from . import functions
from .names import foreign, known
from .traced import Recorded

if TYPE_CHECKING:
    Known = dict[int, tuple[str, object]]


class _Library:
    """A module of another library, for a function that is traced."""

    def __init__(self, module: ModuleType, names: Known) -> None:
        self._module, self._names = module, names

    def __getattr__(self, name: str) -> Any:
        return _meant(getattr(self._module, name), self._names)


class _Either:
    """Another library's function, which for traced numbers is ours."""

    def __init__(self, theirs: Any, ours: Any) -> None:
        self._theirs, self._ours = theirs, ours

    def __call__(self, *args: Any, **options: Any) -> Any:
        traced = any(isinstance(a, Recorded) for a in (*args, *options.values()))
        return (self._ours if traced else self._theirs)(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._theirs, name)


def traceable(function: Any) -> Any:
    """A copy of a user's function, and of those that it calls, that calls what is meant for traced numbers."""
    return _copy(function, known(), {})


def _copy(function: Any, names: Known, done: dict[Any, Any]) -> Any:
    def meant(value: Any) -> Any:
        own = isinstance(value, FunctionType) and user_defined(value.__module__)
        return _copy(value, names, done) if own else _meant(value, names)

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


def _meant(value: Any, names: Known) -> Any:
    """A module as a `_Library`, a function of these names as ours; anything else is itself."""
    if isinstance(value, ModuleType):
        return _Library(value, names) if foreign(value.__name__) else value
    name, _ = names.get(id(value), ("", None))
    return _Either(value, getattr(functions, name)) if name else value


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
