"""What a traced function calls: `fastloss.math`, where others' functions of the same meaning are given traced numbers.

So a formula of `math`, NumPy, SciPy, torch or JAX is traced as it is written, and ``min`` and ``max`` choose between
elements.
"""

from __future__ import annotations

import builtins
from contextlib import suppress
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..frozen import globals_of, user_defined
from ..rules import check_tries
from . import functions
from .names import foreign, instead_of
from .others import call, known
from .refusals import called, refused
from .traced import Recorded

if TYPE_CHECKING:
    Known = dict[int, tuple[str, Any, Any]]


class _Library:
    """A module of another library, for a function that is traced."""

    def __init__(self, module: ModuleType, names: Known) -> None:
        self._module, self._names = module, names

    def __getattr__(self, name: str) -> Any:
        return _meant(getattr(self._module, name), self._names)


class _Either:
    """Another library's function, which for traced numbers is ours, or refused where there is none."""

    def __init__(self, theirs: Any, name: str, ours: Any = None) -> None:
        self._theirs, self._name, self._ours = theirs, name, ours

    def __call__(self, *args: Any, **options: Any) -> Any:
        if not any(_is_traced(a) for a in (*args, *options.values())):
            return self._theirs(*args, **options)
        if self._ours is None:
            raise refused(f"calls {called(self._name)}", instead_of(self._name))
        return call(self._name, self._ours, args, options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._theirs, name)


def _is_traced(value: Any) -> bool:
    return isinstance(value, Recorded) or (isinstance(value, (list, tuple)) and any(map(_is_traced, value)))


class _Owner:
    """The object whose method is traced, such as torch's module: its attributes, and its methods as they are traced."""

    def __init__(self, owner: Any, meant: Any) -> None:
        self._owner, self._meant = owner, meant

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What ``isinstance(self, ...)`` and ``super()`` of the user's text ask for."""
        return self._owner.__class__

    def __getitem__(self, key: Any) -> Any:
        return self._meant(self._owner[key])

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._owner, name)
        if getattr(value, "__self__", None) is self._owner:
            return partial(self._meant(value.__func__), self)
        return self._meant(value)

    def __call__(self, *args: Any, **options: Any) -> Any:
        traced = any(_is_traced(a) for a in (*args, *options.values()))
        return (self.forward if traced else self._owner)(*args, **options)


def method_of(function: Any) -> tuple[Any, Any]:
    """The function of a bound method, or of the forward of torch's module, and the object that it is of."""
    if not isinstance(function, type):
        function = getattr(function, "forward", function)
    return (function.__func__, function.__self__) if isinstance(function, MethodType) else (function, None)


def traceable(function: Any, owner: Any = None) -> Any:
    """A copy of a user's function, and of those that it calls, that calls what is meant for traced numbers."""
    meant = _copying(known())
    copy = meant(function)
    return copy if owner is None else partial(copy, _Owner(owner, meant))


def _copying(names: Known) -> Any:
    """A function of a value that a user's function refers to: its copy, or what stands for it."""
    done: dict[Any, Any] = {}

    def meant(value: Any) -> Any:
        if isinstance(value, FunctionType) and (user_defined(value.__module__) and id(value) not in names):
            return copy(value)
        if isinstance(getattr(value, "forward", None), MethodType):
            return _Owner(value, meant)
        return _meant(value, names)

    def copy(function: Any) -> Any:
        if function not in done:
            check_tries(function)
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

    return meant


def _meant(value: Any, names: Known) -> Any:
    """A module as a `_Library`, a function of these names as ours; anything else is itself."""
    if isinstance(value, ModuleType):
        return _Library(value, names) if foreign(value.__name__) else value
    name, ours, _ = names.get(id(value), ("", None, None))
    if not name and callable(value) and not isinstance(value, type) and foreign(getattr(value, "__module__", "")):
        name = getattr(value, "__name__", "")
    return _Either(value, name, ours) if name else value


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
