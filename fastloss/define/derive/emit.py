"""A syntax tree of lowered expressions: what is used more than once, or costs much, has a name of its own.

Each statement has the line of the user's function that it comes from.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from .. import primitives
from .graph import Node, reachable

if TYPE_CHECKING:
    from collections.abc import Sequence

_BINARY = {"add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "div": ast.Div, "and": ast.BitAnd, "or": ast.BitOr}
_COMPARED = {"lt": ast.Lt, "gt": ast.Gt, "le": ast.LtE, "ge": ast.GtE, "eq": ast.Eq, "ne": ast.NotEq}
_CHEAP = {*_BINARY, *_COMPARED, "select", "neg", "not", "abs"} - {"div"}

_DEEP = 12
"""Operations within one expression."""

SCOPE = {
    "math": math, "exp_neg": primitives.exp_neg, "log1p_unit": primitives.log1p_unit,
    "pow_signed": primitives.pow_signed,
}  # fmt: skip
"""What the functions refer to."""


def function_tree(
    name: str,
    arguments: Sequence[str],
    defaults: Sequence[float],
    results: Sequence[Any],
    line: int,
    lazy: bool = False,
) -> ast.FunctionDef:
    """The tree of a function that returns these expressions, tuples of them as tuples.

    A `lazy` one has no names: of what a condition chooses between, it computes one alone.
    """
    flat = [n for r in results for n in (r if isinstance(r, tuple) else (r,))]
    writer = _Writer(flat, {*arguments, *SCOPE}, lazy)
    body = writer.statements()
    values = [writer.tuple(r) if isinstance(r, tuple) else writer.expression(r) for r in results]
    body.append(_at(ast.Return(ast.Tuple(values, ast.Load())), line))
    signature = ast.arguments([], [ast.arg(n) for n in arguments], None, [], [], None, [_number(d) for d in defaults])
    tree = ast.parse("def jet(): pass").body[0]  # with whatever fields this Python's functions have
    assert isinstance(tree, ast.FunctionDef)
    tree.name, tree.args, tree.body = name, _at(signature, line), []
    tree.lineno = tree.end_lineno = max(line, 1)
    tree.body = body
    return tree


def _at(statement: Any, line: int) -> Any:
    """The statement on this line, with all of it that has no line of its own."""
    for node in ast.walk(statement):
        if "lineno" in node._attributes and not hasattr(node, "lineno"):
            node.lineno = node.end_lineno = max(line, 1)  # type: ignore[attr-defined]
            node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]
    return statement


def _number(x: float) -> ast.expr:
    return ast.Constant(x)


class _Writer:
    """Writes expressions, and the assignments on which they depend."""

    def __init__(self, roots: Sequence[Node], taken: set[str], lazy: bool) -> None:
        self.nodes = reachable(roots)
        uses = Counter(a for n in self.nodes for a in n.args) + Counter(roots)
        self.names: dict[Node, str] = {}
        depth: dict[Node, int] = {}
        for n in self.nodes:
            depth[n] = 1 + max((depth[a] for a in n.args), default=0)
            if n.args and not lazy and (uses[n] > 1 or n.op not in _CHEAP or depth[n] > _DEEP):
                self.names[n] = self._free(taken)
                depth[n] = 1

    def _free(self, taken: set[str]) -> str:
        k = len(self.names) + 1
        name = f"u{k}"
        while name in taken:
            name += "_"
        return name

    def statements(self) -> list[ast.stmt]:
        """An assignment for each node with a name."""
        return [
            _at(ast.Assign([ast.Name(name, ast.Store())], self._written(n)), n.line) for n, name in self.names.items()
        ]

    def tuple(self, nodes: Sequence[Node]) -> ast.expr:
        """A tuple of expressions."""
        return ast.Tuple([self.expression(n) for n in nodes], ast.Load())

    def expression(self, n: Node) -> ast.expr:
        """A node by its name, or written out."""
        return ast.Name(self.names[n], ast.Load()) if n in self.names else self._written(n)

    def _written(self, n: Node) -> ast.expr:
        made: ast.expr = _at(self._operation(n), n.line)
        return made

    def _operation(self, n: Node) -> ast.expr:
        parts = [self.expression(a) for a in n.args]
        if n.op == "number":
            return _number(float(n.value))
        if n.op in ("input", "parameter"):
            return ast.Name(str(n.value), ast.Load())
        if n.op in _BINARY:
            return ast.BinOp(parts[0], _BINARY[n.op](), parts[1])
        if n.op in _COMPARED:
            return ast.Compare(parts[0], [_COMPARED[n.op]()], [parts[1]])
        if n.op == "select":
            return ast.IfExp(*parts)
        if n.op in ("neg", "not"):
            return ast.UnaryOp(ast.USub() if n.op == "neg" else ast.Not(), parts[0])
        own = n.op == "abs" or n.op in SCOPE
        function = ast.Name(n.op, ast.Load()) if own else ast.Attribute(ast.Name("math", ast.Load()), n.op, ast.Load())
        return ast.Call(function, parts, [])
