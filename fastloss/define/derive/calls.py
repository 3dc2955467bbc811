"""What a traced function calls: `fastloss.math`, where others' functions of the same meaning are given traced numbers.

So a formula of `math`, NumPy, SciPy, torch or JAX is traced as it is written, and ``min`` and ``max`` choose between
elements.
"""

from __future__ import annotations

import builtins
from contextlib import suppress
from functools import partial
from numbers import Number
from types import CellType, FunctionType, MethodType, ModuleType, UnionType
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


class _Differentiated:
    """A class of torch's autograd.Function, whose gradient is another than its forward's."""

    def __init__(self, theirs: Any) -> None:
        self.apply = _Either(theirs.apply, "apply")


def _is_traced(value: Any) -> bool:
    return isinstance(value, Recorded) or (isinstance(value, (list, tuple)) and any(map(_is_traced, value)))


class _Owner:
    """The object whose method is traced, such as torch's module: its attributes, and its methods as they are traced."""

    def __init__(self, owner: Any, meant: Any, copy: Any) -> None:
        self._owner, self._meant, self._copy = owner, meant, copy

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What ``isinstance(self, ...)`` and ``super()`` of the user's text ask for."""
        return self._owner.__class__

    def __getitem__(self, key: Any) -> Any:
        return self._meant(self._owner[key])

    def __iter__(self) -> Any:
        return map(self._meant, self._owner)

    def __len__(self) -> int:
        return len(self._owner)

    def __bool__(self) -> bool:
        return bool(self._owner)

    def __repr__(self) -> str:
        return repr(self._owner)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._owner, name)
        if getattr(value, "__self__", None) is self._owner:
            return partial(self._copy(value.__func__), self)
        return self._meant(value)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if not any(_is_traced(a) for a in (*args, *options.values())):
            return self._owner(*args, **options)
        _check_hooks(self._owner)
        return self.forward(*args, **options)


def _check_hooks(module: Any) -> None:
    """Raise for a module of torch's that changes what its forward gives, or its gradient."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if any(getattr(module, n, None) for n in hooks):
        raise TypeError(f"{type(module).__name__}: the module has hooks, which are not derived; derive its forward")


def method_of(function: Any) -> tuple[Any, Any]:
    """The function of a bound method, or of the forward of torch's module, and the object that it is of."""
    if not isinstance(function, type) and hasattr(function, "forward"):
        _check_hooks(function)
        function = function.forward
    return (function.__func__, function.__self__) if isinstance(function, MethodType) else (function, None)


def traceable(function: Any, owner: Any = None) -> Any:
    """A copy of a user's function, and of those that it calls, that calls what is meant for traced numbers."""
    meant, copy = _copying(known())
    return copy(function) if owner is None else partial(copy(function), _Owner(owner, meant, copy))


def _copying(names: Known) -> tuple[Any, Any]:
    """A function of a value that a user's function refers to, its copy or what stands for it; one that copies."""
    done: dict[Any, Any] = {}

    def meant(value: Any) -> Any:
        if isinstance(value, FunctionType) and user_defined(value.__module__) and not foreign(value.__module__):
            return copy(value)
        if isinstance(getattr(value, "forward", None), MethodType):
            return _Owner(value, meant, copy)
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

    return meant, copy


def _meant(value: Any, names: Known) -> Any:
    """A module as a `_Library`, a function of these names as ours; anything else is itself."""
    if isinstance(value, ModuleType):
        return _Library(value, names) if foreign(value.__name__) else value
    if isinstance(value, type) and any(c.__module__ == "torch.autograd.function" for c in value.__mro__):
        return _Differentiated(value)
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


def _is_instance(x: Any, kinds: Any) -> bool:
    """Whether it is an instance: of other libraries' arrays an input is, and of numbers a parameter."""
    if isinstance(kinds, UnionType):
        kinds = kinds.__args__
    if isinstance(kinds, tuple):
        of_numbers = float in kinds and isinstance(x, Recorded) and x.node.fixed  # whatever an int beside it says
        return of_numbers or any(_is_instance(x, kind) for kind in kinds)
    kind = type if kinds is _type else kinds
    if not isinstance(x, Recorded) or not isinstance(kind, type):
        return isinstance(x, kind)
    if foreign(kind.__module__) and kind.__name__ in ("Array", "ArrayImpl", "Tensor", "Variable", "ndarray"):
        return not x.node.fixed
    if foreign(kind.__module__) and kind.__name__.endswith("Tensor") and not x.node.fixed:  # torch.FloatTensor
        raise refused("asks for the type of numbers", "isinstance(x, torch.Tensor) holds of an input")
    if issubclass(kind, Number) and x.node.fixed:
        if not issubclass(float, kind):
            raise refused("asks for the type of a parameter", "a parameter is a number, or an array of them")
        return True
    return issubclass(object, kind)


def _type(*args: Any) -> Any:
    """The type of an object, which is none of those for tracing."""
    if len(args) == 1 and isinstance(args[0], Recorded):
        raise refused("asks for the type of an argument", "isinstance(x, torch.Tensor) holds of an input")
    return args[0].__class__ if len(args) == 1 and type(args[0]) is _Owner else type(*args)


_CHOICES = {
    "min": _chosen(min, functions.minimum), "max": _chosen(max, functions.maximum), "isinstance": _is_instance,
    "type": _type,
}  # fmt: skip
"""Built-in functions that mean something else of traced numbers."""
