"""Numba's contexts as parts of kernels see them: the same registries, with a memory of what was found there.

To type one sum of two floats Numba asks fifteen templates, NumPy's rules for arrays among them, three times over: a
millisecond of its two and a half seconds for a kernel of rows.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba.core import base as _base
from numba.core import cpu as _cpu
from numba.core import errors as _errors
from numba.core import extending as _extending
from numba.core import types as _types
from numba.core import typing as _typing
from numba.core.dispatcher import Dispatcher
from numba.extending import models, register_model

from .views import Memory

base: Any = _base  # half of it is typed
cpu: Any = _cpu
extending: Any = _extending
types: Any = _types
typing: Any = _typing
not_there: Any = _errors.NumbaNotImplementedError

_CODE = type(len), type, extending._Intrinsic
"""The types of what `Function` remembers: operators, functions and classes of Python's, and intrinsics."""


def _number(kind: Any) -> bool:
    """Whether a type is that of numbers, tuples of them, or memory: such types keep nothing alive."""
    if isinstance(kind, types.BaseTuple):
        return all(map(_number, kind))
    return isinstance(kind, (types.Number, types.Boolean, types.NoneType, Memory))


class Function(types.Function):  # type: ignore[misc]
    """An operator, which remembers what it makes of numbers. Numba's messages have the name of this class."""

    def __init__(self, own: Any) -> None:
        self._known: dict[tuple[Any, ...], Any] = {}
        super().__init__(own)

    def get_call_type(self, context: Any, args: tuple[Any, ...], kws: Any) -> Any:
        """Numba's answer."""
        if kws or not all(map(_number, args)):
            return super().get_call_type(context, args, kws)
        if args not in self._known:
            self._known[args] = super().get_call_type(context, args, kws)
        return self._known[args]


register_model(Function)(models.OpaqueModel)


def _remembering(own: Any) -> Any:
    """The function in the place of Numba's."""
    return _function(own) if type(own) is types.Function and type(own.typing_key) in _CODE else own


@cache
def _function(own: Any) -> Any:
    """That of Numba's, which another takes the place of when somebody adds to it."""
    return Function(own.templates)


class _Typing(typing.Context):  # type: ignore[misc]
    """Numba's typing context."""

    def __init__(self, own: Any) -> None:
        self.__dict__ = own.__dict__

    def resolve_value_type(self, value: Any) -> Any:
        if isinstance(value, Dispatcher):
            return types.Dispatcher(value)
        found = self._lookup_global(value) if type(value) in _CODE else None
        return super().resolve_value_type(value) if found is None else _remembering(found)

    def _get_global_type(self, value: Any) -> Any:
        return _remembering(super()._get_global_type(value))

    def _resolve_user_function_type(self, func: Any, args: Any, kws: Any, literals: Any = None) -> Any:
        found = self._lookup_global(func)
        kind = func if found is None else found
        if type(kind) in _CALLED:
            return _remembering(kind).get_call_type(self, args, kws)
        return super()._resolve_user_function_type(func, args, kws, literals)

    def refresh(self) -> None:
        if _grown(self):
            super().refresh()


class _Target(cpu.CPUContext):  # type: ignore[misc]
    """Numba's target context, beside that of typing."""

    def __init__(self, own: Any, typed: Any) -> None:
        self.__dict__.update(own.__dict__, typing_context=typed)

    def refresh(self) -> None:
        if _grown(self):
            super().refresh()

    def get_function(self, fn: Any, sig: Any, _firstcall: bool = True) -> Any:
        sig = sig.as_function()
        try:
            key = fn.get_impl_key(sig) if isinstance(fn, types.Callable) else fn
            return _Implementation(self._defns[key].find(sig.args), self, sig)
        except not_there:
            return super().get_function(fn, sig, _firstcall)

    def get_constant_generic(self, builder: Any, ty: Any, val: Any) -> Any:
        return self.get_dummy_value() if type(ty) in _CALLED else super().get_constant_generic(builder, ty, val)


_CALLED = Function, types.Function, types.Dispatcher
"""What is called by its type alone, and is nothing in LLVM's code."""


class _Implementation(base._wrap_impl):  # type: ignore[misc]
    """One that is called, without a look at all of its signature each time."""

    def __init__(self, implementation: Any, context: Any, signature: Any) -> None:
        if hasattr(implementation, "__wrapped__") or not hasattr(implementation, "__code__"):
            super().__init__(implementation, context, signature)
            self._located = True
        else:
            self._imp, self._context, self._sig = implementation, context, signature
            code = implementation.__code__
            self._located = "loc" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    def __call__(self, builder: Any, args: Any, loc: Any = None) -> Any:
        where = {"loc": loc} if self._located else {}
        result = self._imp(self._context, builder, self._sig, args, **where)
        self._context.add_linking_libs(getattr(self._imp, "libs", ()))
        return result


_sizes: dict[type, int] = {}


def _grown(context: Any) -> bool:
    """Whether there is more in a context's registries than at the last call: an intrinsic that a kernel needs."""
    read = context._registries.items()
    size = sum(len(getattr(registry, name)) for registry, loader in read for name in loader.registry_items)
    old, _sizes[type(context)] = _sizes.get(type(context)), size
    return old != size


@cache
def seen(typed: Any, target: Any) -> tuple[Any, Any]:
    """Numba's two contexts, as parts see them."""
    view = _Typing(typed)
    return view, _Target(target, view)
