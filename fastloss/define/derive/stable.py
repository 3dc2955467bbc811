"""Textbook formulas that lose their digits, such as log(1 + exp(x)), by the functions that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .graph import Graph, Node


def stable(g: Graph, op: str, *args: Node) -> Node:
    """The operation of these nodes, or what is the same with all of its digits."""
    found = _FORMS[op](g, *args) if op in _FORMS else None
    if found is not None:
        return found
    made: Node = getattr(g, op)(*args) if hasattr(g, op) else g.call(op, *args)
    return made


def _log(g: Graph, u: Node) -> Node | None:
    if u.op == "cosh":
        return g.call("log_cosh", u.args[0])
    if u.op == "sigmoid":
        return g.neg(g.call("softplus", g.neg(u.args[0])))
    if u.op == "add":
        a, b = u.args
        if a is g.one:
            return g.call("softplus", b.args[0]) if b.op == "exp" else g.call("log1p", b)
        if a.op == b.op == "exp":
            return g.call("logaddexp", a.args[0], b.args[0])
    if u.op == "sub" and u.args[0] is g.one:
        other = u.args[1]
        return g.call("log1mexp", g.neg(other.args[0])) if other.op == "exp" else g.call("log1p", g.neg(other))
    return None


def _sqrt(g: Graph, u: Node) -> Node | None:
    if u.op == "mul" and u.args[0] is u.args[1]:
        return g.absolute(u.args[0])
    if u.op == "add":
        for c, other in (u.args, u.args[::-1]):
            square = other.op == "pow" and other.args[1].number == 2.0
            if c.fixed and (square or (other.op == "mul" and other.args[0] is other.args[1])):
                return g.call("root_of_sum", other.args[0], c)
    return None


def _sub(g: Graph, a: Node, b: Node) -> Node | None:
    if a.op == "exp" and b is g.one:
        return g.call("expm1", a.args[0])
    if a is g.one and b.op == "sigmoid":
        return g.call("sigmoid", g.neg(b.args[0]))
    return None


def _div(g: Graph, a: Node, b: Node) -> Node | None:
    if b.op != "add" or b.args[0] is not g.one or b.args[1].op != "exp":
        return None
    u = b.args[1].args[0]
    if a is g.one:
        return g.call("sigmoid", g.neg(u))
    return g.call("sigmoid", u) if a is b.args[1] else None


_FORMS: dict[str, Callable[..., Node | None]] = {"log": _log, "sqrt": _sqrt, "sub": _sub, "div": _div}
