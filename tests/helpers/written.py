"""How a definition is written: the code that it runs, and the constants in it."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any


def codes(code: CodeType, scope: dict[str, Any]) -> Iterator[CodeType]:
    """The code of a definition and of the helpers that it calls."""
    yield code
    for name in code.co_names:
        if isinstance(helper := scope.get(name), FunctionType):
            yield from codes(helper.__code__, helper.__globals__)


def constants_are_floats(definition: Any) -> None:
    """Hold that no constant is an integer, which in an expression turns a float32 loop into a float64 one."""
    for code in codes(definition.__code__, definition.__globals__):
        constants = [c for c in code.co_consts if c not in (None, ()) and not isinstance(c, str)]
        assert all(isinstance(c, float) for c in constants), (definition.__qualname__, constants)
        assert not [n for n in code.co_names if isinstance(definition.__globals__.get(n), int)]
