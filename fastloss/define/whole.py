"""A jet whose value is whole: with the terms that do not depend on the prediction, which definitions leave out."""

from __future__ import annotations

from math import inf, isnan
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .frozen import until_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# What a copy of the function below is completed with.
_jet: Any = None
_constant: Any = None


def _whole(*arguments: float) -> Any:
    value, d1, d2 = _jet(*arguments)
    rest = _constant(*arguments)
    # An infinite constant outweighs what is infinite, too, but for the opposite sign.
    return rest if rest == inf and value == value else value + rest, d1, d2


@until_gone
def whole(jet: Callable[..., Any], constant: Callable[..., float]) -> Callable[..., Any]:
    """`jet`, its value increased by `constant`: a function of the same arguments, with kernels of its own."""
    scope = {"_jet": jet, "_constant": constant, "inf": inf}
    completed = FunctionType(_whole.__code__, scope, jet.__name__)
    completed.__module__, completed.__qualname__ = jet.__module__, jet.__qualname__
    return completed


def check_constant(jet: Callable[..., Any], constant: Callable[..., float], order: int) -> None:
    """Raise for a constant that does not go with its jet."""
    ours, its = (", ".join(f.__code__.co_varnames[: f.__code__.co_argcount]) for f in (jet, constant))
    if ours != its:
        raise TypeError(f"{jet.__name__}: its constant takes ({its}), expected the arguments of the loss, ({ours})")
    if order < 2 or "full" not in ours.split(", "):
        raise TypeError(
            f"{jet.__name__}: a loss with a constant returns (value, d1, d2) and has a parameter full=False"
        )


def refuse_unknown(
    name: str, constant: Callable[..., float], inside: Sequence[float], parameters: Mapping[str, Any]
) -> None:
    """Raise where the constant has no closed form: it is NaN inside of all domains."""
    if isnan(constant(*inside, *parameters.values())):
        told = ", ".join(f"{n}={value:g}" for n, value in parameters.items() if n != "full")
        raise ValueError(f"{name}: what full=True adds has no closed form for {told}")
