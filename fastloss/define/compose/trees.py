"""Functions that call those of several losses and add the results, made of syntax trees."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from ..code import function_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FunctionType


class Piece(NamedTuple):
    """A term's jet: its order, where its factor is among the parameters, how many of its own follow there.

    Where `unit` is 1 or -1, so is the factor, and nothing is multiplied by it.
    """

    jet: Any
    order: int
    factor: int
    parameters: int
    unit: float


def numbered(letter: str, count: int, first: int = 0) -> list[str]:
    """Names of variables."""
    return [f"{letter}{k}" for k in range(first, first + count)]


def use(name: str) -> ast.expr:
    """A variable."""
    return ast.Name(name, ast.Load())


def packed(parts: Sequence[ast.expr]) -> ast.expr:
    """A tuple."""
    return ast.Tuple([*parts], ast.Load())


def used(names: Sequence[str]) -> ast.expr:
    """A tuple of variables."""
    return packed([use(n) for n in names])


def call(function: str, arguments: Sequence[str]) -> ast.expr:
    """A call with variables for arguments."""
    return ast.Call(use(function), [use(n) for n in arguments], [])


def target(names: Any) -> ast.expr:
    """What is assigned to: a name, or names in tuples; an empty tuple is not looked at."""
    if isinstance(names, str) or not names:
        return ast.Name(names or "_", ast.Store())
    return ast.Tuple([target(n) for n in names], ast.Store())


def assign(names: Any, value: ast.expr) -> ast.stmt:
    """An assignment."""
    return ast.Assign([target(names)], value)


def weighted(terms: Sequence[tuple[float, str, str]]) -> ast.expr:
    """The sum of variables times 1 or -1, or else times the second variable."""
    result: ast.expr | None = None
    for sign, name, factor in terms:
        term = use(name) if sign else ast.BinOp(use(factor), ast.Mult(), use(name))
        if result is None:
            result = ast.UnaryOp(ast.USub(), term) if sign < 0.0 else term
        else:
            result = ast.BinOp(result, ast.Sub() if sign < 0.0 else ast.Add(), term)
    assert result is not None
    return result


def unknown(names: Sequence[str]) -> ast.expr:
    """0, or NaN where one of the variables is."""
    result: ast.expr = ast.Constant(0.0)
    for n in reversed(names):
        result = ast.IfExp(ast.Compare(use(n), [ast.NotEq()], [use(n)]), use(n), result)
    return result


def function(
    name: str, arguments: Sequence[str], body: Sequence[ast.stmt], result: ast.expr, calls: dict[str, Any]
) -> FunctionType:
    """The function of these statements, which calls others."""
    tree = ast.parse("def made(): pass").body[0]  # with whatever fields this Python's functions have
    assert isinstance(tree, ast.FunctionDef)
    tree.args = ast.arguments([], [ast.arg(n) for n in arguments], None, [], [], None, [])
    tree.body = [*body, ast.Return(result)]
    made = function_of(tree, dict(calls), __name__, f"<{name}>")
    made.__name__, made.__qualname__ = name.partition(".")[0], name
    made.__dict__["tree"] = tree  # for whoever reads it: there is no text
    return made


def label(prefixes: Sequence[str]) -> str:
    """What a kernel is called on disk."""
    return "_and_".join(prefixes)[:60]


def jet(
    pieces: Sequence[Piece], prefixes: Sequence[str], inputs: int, parameters: int, order: int, gradients: int
) -> FunctionType:
    """The jet of a sum: value, and derivatives up to an order."""
    x, p = numbered("x", inputs), numbered("p", parameters)
    body: list[ast.stmt] = []
    sums: list[list[list[tuple[float, str, str]]]] = [
        [[] for _ in range(gradients if k else 1)] for k in range(order + 1)
    ]
    for k, piece in enumerate(pieces):
        parts = [[f"v{k}"], numbered(f"g{k}_", gradients), numbered(f"h{k}_", gradients)][: piece.order + 1]
        names = [names if order and gradients > 1 else names[0] for order, names in enumerate(parts)]
        own = p[piece.factor + 1 : piece.factor + 1 + piece.parameters]
        body.append(assign(names, call(f"part{k}", x + own)))
        for terms, ours in zip(sums, parts, strict=False):
            for term, name in zip(terms, ours, strict=True):
                term.append((piece.unit, name, p[piece.factor]))
    outputs = [[weighted(term) if term else unknown(x) for term in terms] for terms in sums]
    results = [packed(terms) if order and gradients > 1 else terms[0] for order, terms in enumerate(outputs)]
    calls = {f"part{k}": piece.jet for k, piece in enumerate(pieces)}
    return function(label(prefixes), x + p, body, packed(results), calls)
