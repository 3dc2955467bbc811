"""A class that is used as a namespace of functions, as `rowwise` and `pairwise` take it: what it says of a loss.

Names that no program has, and functions that are none, are errors here, with the class's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rows import Functions, Pair
from .rules import check_plain

if TYPE_CHECKING:
    from collections.abc import Mapping


def name_and_place(space: Any) -> tuple[str, str | None, str, str]:
    """The name, docstring, module and qualified name of a class of functions."""
    if not isinstance(space, type):
        raise TypeError(f"a loss of rows is made of a class of functions, got a {type(space).__name__} ({space!r})")
    if not space.__name__.isprintable():
        raise TypeError(f"a loss of rows is made of a class with a printable name, got {space.__name__!r}")
    return space.__name__, space.__doc__, space.__module__, space.__qualname__


def functions_in(space: type, kind: str, known: tuple[str, ...]) -> dict[str, Any]:
    """The functions of a class; raise for one that a `kind` program does not have."""
    # getattr takes the function out of a static method, which linters ask for.
    own = {n: getattr(space, n) for n, f in vars(space).items() if not n.startswith("__") and not isinstance(f, type)}
    unknown = sorted(set(own) - set(known))
    if unknown:
        raise TypeError(f"{space.__name__}: a {kind} program has {', '.join(known)}, and no {unknown[0]}")
    for n, f in own.items():
        check_plain(f, f"{space.__name__}: {n} must be")
    return own


def row_functions(space: type, base: Mapping[str, Any]) -> Functions:
    """The row program of a class; functions that it lacks are those of `base`, but to rescale another fold's sums."""
    own = functions_in(space, "row", Functions._fields)
    if "fold" in own:
        base = {n: f for n, f in base.items() if n != "rescale"}
    missing = [n for n in ("fold", "finish", "grad") if n not in own and n not in base]
    if missing:
        raise TypeError(f"{space.__name__}: a row program needs a function {missing[0]}")
    return Functions(**{**base, **own})


def variants_in(space: type, at: Mapping[str, Mapping[float, Any]]) -> dict[tuple[str, float | None], Functions | Pair]:
    """The row programs of variants, by parameter and value: None where any value selects the variant."""
    base = row_functions(space, {})._asdict()
    inner = {n: c for n, c in vars(space).items() if isinstance(c, type) and not n.startswith("__")}
    found: dict[tuple[str, float | None], Functions | Pair] = {}
    found |= {(n, None): row_functions(c, base) for n, c in inner.items()}
    for n, others in at.items():
        for value, other in others.items():
            found[n, value] = row_functions(other, {}) if isinstance(other, type) else other.functions
    return found
