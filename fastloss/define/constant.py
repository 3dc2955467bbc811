"""The constant of a loss: terms of its value that no derivative sees, left out unless `full=True` asks for them."""

from __future__ import annotations

from math import inf, isnan
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .frozen import cached_until_release

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# `with_constant` gives its copy of the function below a jet and its constant under these names.
_jet: Any = None
_constant: Any = None


def _with_constant(*arguments: float) -> Any:
    value, d1, d2 = _jet(*arguments)
    rest = _constant(*arguments)
    # A constant of +inf is the sum even beside a value of -inf.
    return rest if rest == inf and value == value else value + rest, d1, d2


@cached_until_release
def with_constant(jet: Callable[..., Any], constant: Callable[..., float]) -> Callable[..., Any]:
    """A jet with the value of `jet` plus `constant`, and with the same derivatives and arguments."""
    scope = {"_jet": jet, "_constant": constant, "inf": inf}
    composed = FunctionType(_with_constant.__code__, scope, jet.__name__)
    composed.__module__, composed.__qualname__ = jet.__module__, jet.__qualname__
    return composed


def check_constant(jet: Callable[..., Any], constant: Callable[..., float], order: int) -> None:
    """Raise for a constant whose arguments are not the jet's, or that cannot be asked for."""
    expected, got = (", ".join(f.__code__.co_varnames[: f.__code__.co_argcount]) for f in (jet, constant))
    if got != expected:
        raise TypeError(f"{jet.__name__}: its constant takes ({got}), expected the arguments of the loss, ({expected})")
    if order < 2 or "full" not in expected.split(", "):
        raise TypeError(
            f"{jet.__name__}: a loss with a constant returns (value, d1, d2) and has a parameter full=False"
        )


def refuse_unknown_constant(
    name: str, constant: Callable[..., float], point: Sequence[float], parameters: Mapping[str, Any]
) -> None:
    """Raise where the constant has no closed form for these parameters: it is NaN at a point inside the domains."""
    if isnan(constant(*point, *parameters.values())):
        values = ", ".join(f"{n}={value:g}" for n, value in parameters.items() if n != "full")
        raise ValueError(f"{name}: what full=True adds has no closed form for {values}")
