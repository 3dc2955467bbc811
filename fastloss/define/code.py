"""The one place where code is made: a function of a syntax tree, or of text."""

from __future__ import annotations

from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast
    from types import FunctionType


def function_of(tree: ast.stmt, scope: dict[str, Any], module: str, file: str = "<made>") -> FunctionType:
    """The function that a definition's tree says, with `scope` for its globals; lines are those of `file`."""
    import ast  # 5 ms that `import fastloss` need not take

    assert isinstance(tree, ast.FunctionDef)
    whole = ast.fix_missing_locations(ast.Module([tree], type_ignores=[]))
    exec(compile(whole, file, "exec"), scope)
    made: FunctionType = scope.pop(tree.name)
    made.__module__ = module
    return made


def function_in(text: str, name: str, scope: dict[str, Any], module: str) -> FunctionType:
    """The function of that name that a text of ours defines, with `scope` for its globals."""
    exec(_code(text), scope)
    made: FunctionType = scope.pop(name)
    made.__module__ = module
    return made


@lru_cache(maxsize=64)  # what calls kernels differs by its globals alone: 0.3 ms of a call of a new kind
def _code(text: str) -> CodeType:
    return compile(text, "<made>", "exec")


@lru_cache(maxsize=4)
def codes_in(text: str) -> dict[tuple[str, int], CodeType]:
    """The bytecode of all functions of a file by their names and first lines: what they are if its text is theirs."""
    found, waiting = dict[tuple[str, int], CodeType](), [compile(text, "<read>", "exec", dont_inherit=True)]
    while waiting:
        inner = [c for c in waiting.pop().co_consts if isinstance(c, CodeType)]
        found |= {(c.co_name, c.co_firstlineno): c for c in inner}
        waiting += inner
    return found
