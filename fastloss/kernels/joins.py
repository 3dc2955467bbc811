"""What makes one port of several, so that each is written for one array alone."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any

from .bind import Port

BOTH, EITHER, IN_TURN = "return {} + {}", "return {} | {}", "{}; {}"
"""Tuples as one, conditions as one, one call after another."""


def joined(form: str, ports: Sequence[Any]) -> Any:
    """All of them as one port of the same arguments and kind, into which they are taken before anything is compiled.

    Numba takes longer to compile one function more than an expression more.
    """
    if len(ports) == 1:
        return ports[0]
    parts = [part if isinstance(part, Port) else Port(part) for part in ports]
    arguments = ", ".join(inspect.signature(parts[0].function).parameters)
    own: dict[str, Any] = {f"part{k}": Port(part.function, how="within", **part.own) for k, part in enumerate(parts)}
    return Port(_written(form, arguments, len(parts)), how=parts[0].how, **own)


@cache
def _written(form: str, arguments: str, count: int) -> Any:
    calls = [f"part{k}({arguments})" for k in range(count)]
    scope: dict[str, Any] = dict.fromkeys(f"part{k}" for k in range(count))
    prefix, between = form.split("{}")[:2]
    exec(f"def joined({arguments}):\n    {prefix}{between.join(calls)}\n", scope)
    scope["joined"].__module__ = __name__
    return scope["joined"]
