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
    if u.op == "neg" and u.args[0].op == "expm1":
        return g.call("log1mexp", g.neg(u.args[0].args[0]))
    return g.call("log1p", g.neg(u.args[1])) if u.op == "sub" and u.args[0] is g.one else None


def _sqrt(g: Graph, u: Node) -> Node | None:
    if _is_square(u):
        return g.absolute(u.args[0])
    if u.op == "add":
        for c, other in (u.args, u.args[::-1]):
            if c.fixed and _is_square(other):
                return g.call("root_of_sum", other.args[0], c)
    return None


def _is_square(u: Node) -> bool:
    return (u.op == "mul" and u.args[0] is u.args[1]) or (u.op == "pow" and u.args[1].number == 2.0)


def _pow(g: Graph, u: Node, k: Node) -> Node | None:
    return _sqrt(g, u) if k.number == 0.5 else None


def _mul(g: Graph, a: Node, b: Node) -> Node | None:
    logarithm, other = (a, b) if a.op == "log" else (b, a)
    return g.call("xlogx", other) if logarithm.op == "log" and logarithm.args[0] is other else None


def _xlogy(g: Graph, x: Node, y: Node) -> Node | None:
    return g.call("xlogx", x) if x is y else None


def _sub(g: Graph, a: Node, b: Node) -> Node | None:
    if a.op == "exp" and b is g.one:
        return g.call("expm1", a.args[0])
    if a is g.one and b.op == "exp":
        return g.neg(g.call("expm1", b.args[0]))
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


_FORMS: dict[str, Callable[..., Node | None]] = {
    "div": _div, "log": _log, "mul": _mul, "pow": _pow, "sqrt": _sqrt, "sub": _sub, "xlogy": _xlogy,
}  # fmt: skip
