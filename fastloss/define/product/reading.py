"""A definition's function as expressions: its text is gone through, with nodes for its arguments."""

from __future__ import annotations

import ast
import inspect
import math
from functools import lru_cache
from textwrap import dedent
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..code import codes_in
from ..derive.graph import Graph, Node
from ..frozen import code_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
_COMPARED = {ast.Lt: "lt", ast.Gt: "gt", ast.LtE: "le", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
_JOINED = {ast.And: "and", ast.Or: "or"}

_TRUE_OR_FALSE = {*_COMPARED.values(), "and", "or", "not"}

_CALLED = {"expm1_neg": "expm1", "exp_with_expm1": "exp_neg"}
"""Functions of `primitives` that are others but for their rounding."""


class Unreadable(Exception):
    """What is no expression of arithmetic, comparisons, conditions and functions of one element."""


class Reader:
    """Goes through functions, and those that they call, and makes a graph's nodes of what they return."""

    def __init__(self, graph: Graph) -> None:
        self.g = graph

    def call(self, function: Any, arguments: Sequence[Any]) -> Any:
        """What a function returns of nodes: a node, or tuples of them."""
        tree = function.__dict__.get("tree") or _tree(function.__code__)
        if function.__closure__ or tree.args.vararg or tree.args.kwonlyargs or tree.args.kwarg:
            raise Unreadable(f"{function.__name__} is no function of its arguments and its module alone")
        names = [a.arg for a in tree.args.args]
        given = [*arguments]
        if len(given) < len(names):
            given += [self._known(x) for x in (function.__defaults__ or ())[len(given) - len(names) :]]
        scope = dict(zip(names, given, strict=True))
        for statement in tree.body:
            if isinstance(statement, ast.Return) and statement.value is not None:
                return self._value(statement.value, scope, function)
            if isinstance(statement, ast.Assign):
                value = self._value(statement.value, scope, function)
                for target in statement.targets:
                    _put(target, value, scope)
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                raise Unreadable(f"{function.__name__} has a statement that is no assignment")
        raise Unreadable(f"{function.__name__} returns nothing")

    def _value(self, e: ast.expr, scope: dict[str, Any], function: Any) -> Any:
        def value(part: ast.expr) -> Any:
            return self._value(part, scope, function)

        if isinstance(e, ast.Constant):
            return self._known(e.value)
        if isinstance(e, ast.Name):
            return scope[e.id] if e.id in scope else self._known(_outer(function, e.id))
        if isinstance(e, ast.Attribute) and value(e.value) is math:
            return self._known(getattr(math, e.attr))
        if isinstance(e, ast.Tuple):
            return tuple([value(part) for part in e.elts])
        if isinstance(e, ast.Call) and not e.keywords:
            return self._called(value(e.func), [value(a) for a in e.args])
        if isinstance(e, ast.IfExp):
            return self._chosen(value(e.test), value(e.body), value(e.orelse))
        return self._operation(e, value)

    def _operation(self, e: ast.expr, value: Any) -> Node:
        g = self.g
        if isinstance(e, ast.BinOp) and type(e.op) in _BINARY:
            made: Node = getattr(g, _BINARY[type(e.op)])(value(e.left), value(e.right))
            return made
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, (ast.USub, ast.Not)):
            inner = value(e.operand)
            return g.neg(inner) if isinstance(e.op, ast.USub) else g.logical("not", inner)
        if isinstance(e, ast.BoolOp):
            first, *others = (value(v) for v in e.values)
            if not all(_is_condition(g, c) for c in (first, *others)):
                raise Unreadable(f"{ast.unparse(e)} joins numbers, expected comparisons")
            for other in others:
                first = g.logical(_JOINED[type(e.op)], first, other)
            return first  # type: ignore[no-any-return]
        if isinstance(e, ast.Compare) and all(type(op) in _COMPARED for op in e.ops):
            sides = [value(e.left), *(value(c) for c in e.comparators)]
            first, *others = (g.compare(_COMPARED[type(op)], *sides[k : k + 2]) for k, op in enumerate(e.ops))
            for other in others:
                first = g.logical("and", first, other)
            return first
        raise Unreadable(f"{ast.unparse(e)} is no arithmetic")

    def _called(self, f: Any, arguments: list[Any]) -> Any:
        if f is abs or f is math.fabs:
            return self.g.absolute(*arguments)
        if f is math.log and len(arguments) > 1:
            raise Unreadable("math.log has a base")
        if getattr(f, "elementary", False) or getattr(math, getattr(f, "__name__", ""), None) is f:
            return self.g.call(_CALLED.get(f.__name__, f.__name__), *arguments)
        if isinstance(f, FunctionType):
            return self.call(f, arguments)
        raise Unreadable(f"{f!r} is no function of one element")

    def _chosen(self, condition: Node, a: Any, b: Any) -> Any:
        if isinstance(a, tuple) != isinstance(b, tuple):
            raise Unreadable("there is a choice between one number and several")
        if isinstance(a, tuple):
            return tuple([self._chosen(condition, x, y) for x, y in zip(a, b, strict=True)])
        return self.g.select(condition, a, b)

    def _known(self, x: Any) -> Any:
        """A number as a node; tuples of them; else what it is."""
        if isinstance(x, tuple):
            return tuple([self._known(part) for part in x])
        return self.g.number(x) if isinstance(x, (bool, int, float)) else x


@lru_cache(maxsize=512)
def _tree(code: CodeType) -> ast.FunctionDef:
    """The tree of a function's text, which must be that of its bytecode: a file may have changed meanwhile."""
    try:
        lines, line = inspect.findsource(code)
        found = ast.parse(dedent("".join(inspect.getblock(lines[line:])))).body[0]
        read = codes_in("".join(lines)).get((code.co_name, code.co_firstlineno))
    except (OSError, SyntaxError, IndexError):
        raise Unreadable(f"the text of {code.co_name} is not at hand") from None
    if not isinstance(found, ast.FunctionDef):
        raise Unreadable(f"{code.co_name} is no function with a name")
    if read is None or repr(code_key(read)) != repr(code_key(code)):
        raise Unreadable(f"the text of {code.co_name} at hand is another's: its file has changed")
    return found


def _is_condition(g: Graph, n: Node) -> bool:
    """Whether a node is true or false, and no other number."""
    return n.op in _TRUE_OR_FALSE or n in (g.zero, g.one)


def _outer(function: Any, name: str) -> Any:
    """What a name means outside a function."""
    if name in function.__globals__:
        return function.__globals__[name]
    if name == "abs":
        return abs
    raise Unreadable(f"{function.__name__} refers to {name}")


def _put(target: ast.expr, value: Any, scope: dict[str, Any]) -> None:
    if isinstance(target, ast.Name):
        scope[target.id] = value
    elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
        for part, one in zip(target.elts, value, strict=True):
            _put(part, one, scope)
    else:
        raise Unreadable(f"{ast.unparse(target)} is no name")
