"""What a kernel computes of an expression: functions written out in arithmetic, elementary functions and selects.

Functions of the same argument share what they have in common, since the same node is there once: the softplus and both
sigmoids of a logit are of one exponential and one quotient.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .graph import Graph, Node, reachable
from .rules import FAR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

UP = 2.0**60

LN2 = math.log(2.0)


def lowered(g: Graph, roots: Sequence[Node]) -> list[Node]:
    """The same expressions of operations that a kernel has."""
    return remade(g, roots, {}, _WRITTEN)


def remade(
    g: Graph,
    roots: Sequence[Node],
    known: Mapping[Node, Node],
    written: Mapping[str, Callable[..., Node]] | None = None,
) -> list[Node]:
    """The same expressions with the `known` ones replaced, and operations that are `written` otherwise."""
    done = dict(known)
    for node in reachable(roots):
        if node in done:
            continue
        args = [done[a] for a in node.args]
        g.line = node.line
        if not args:
            done[node] = node
        elif written and node.op in written:
            done[node] = written[node.op](g, *args)
        else:
            make = getattr(g, _MAKERS.get(node.op, ""), None)
            done[node] = make(*args) if make else _plain(g, node.op, args)
    return [done[root] for root in roots]


def _plain(g: Graph, op: str, args: list[Node]) -> Node:
    if op in ("lt", "gt", "le", "ge", "eq", "ne"):
        return g.compare(op, *args)
    return g.logical(op, *args) if op in ("and", "or", "not") else g.call(op, *args)


_MAKERS = {"abs": "absolute", **{op: op for op in ("add", "sub", "mul", "neg", "select")}}


def _div(g: Graph, a: Node, b: Node) -> Node:
    """By the reciprocal of what is the same for all elements, also where that is beyond the type.

    That of the largest numbers is subnormal, and has all digits but three bits.
    """
    if not b.fixed or b.number is not None:
        return g.div(a, b)
    k = g.select(g.compare("lt", g.absolute(b), g.number(1e-20)), g.number(UP), g.one)
    return g.mul(g.mul(a, g.div(g.one, g.mul(b, k))), k)


def _exp(g: Graph, u: Node) -> Node:
    factor = u.args[0].number if u.op == "mul" else None
    falls = u.op == "neg" and u.args[0].never_negative
    falls = falls or (factor is not None and factor < 0.0 and u.args[1].never_negative)
    return g.call("exp_neg" if falls else "exp", u)


def _fall(g: Graph, u: Node) -> Node:
    """exp(-|u|)."""
    return _exp(g, g.neg(g.absolute(u)))


def _log1p(g: Graph, u: Node) -> Node:
    return g.call("log1p_unit" if u.op == "exp_neg" else "log1p", u)


def _sigmoid(g: Graph, u: Node) -> Node:
    e = _fall(g, u)
    far = g.div(g.one, g.add(g.one, e))
    near = g.mul(e, far)
    # Of x and of -x by the same comparison: at 0 both are the same.
    if u.op == "neg":
        return g.select(g.compare("gt", u.args[0], g.zero), near, far)
    return g.select(g.compare("gt", u, g.zero), far, near)


def _sigmoid_slope(g: Graph, u: Node) -> Node:
    """sigmoid(u) sigmoid(-u)."""
    e = _fall(g, u)
    far = g.div(g.one, g.add(g.one, e))
    return g.mul(g.mul(e, far), far)


def _softplus(g: Graph, u: Node) -> Node:
    negative = u.op == "neg"
    positive = g.compare("gt", u.args[0] if negative else u, g.zero)
    high = g.select(positive, g.zero, u) if negative else g.select(positive, u, g.zero)
    return g.add(high, _log1p(g, _fall(g, u)))  # where NaN is not lost


def _logaddexp(g: Graph, a: Node, b: Node) -> Node:
    return g.add(_maximum(g, a, b), _log1p(g, _fall(g, g.sub(a, b))))


def _maximum(g: Graph, a: Node, b: Node, op: str = "gt") -> Node:
    # NaN is in no order, and falls through to what holds it.
    if a.number is not None:
        a, b = b, a
    beats = {"gt": "lt", "lt": "gt"}[op]
    if b.number is not None:
        return g.select(g.compare(beats, a, b), b, a)
    return g.select(g.compare(op, a, b), a, g.select(g.compare(beats[0] + "e", a, b), b, g.add(a, b)))


def _minimum(g: Graph, a: Node, b: Node) -> Node:
    return _maximum(g, a, b, "lt")


def _clip(g: Graph, x: Node, low: Node, high: Node) -> Node:
    return g.select(g.compare("gt", x, high), high, g.select(g.compare("lt", x, low), low, x))


def _sign(g: Graph, u: Node) -> Node:
    return g.select(g.compare("gt", u, g.zero), g.one, g.select(g.compare("lt", u, g.zero), g.number(-1.0), u))


def _shrunk(g: Graph, u: Node) -> Node:
    """exp(-2 |u|) - 1."""
    return g.call("expm1", g.mul(g.number(-2.0), g.absolute(u)))


def _log_cosh(g: Graph, u: Node) -> Node:
    # Near 0: half of log(1 + sinh^2). Far from it: |u| - log 2 + log(1 + exp(-2 |u|)).
    size, shrink = g.absolute(u), _shrunk(g, u)
    rest = g.add(g.one, shrink)
    near = g.compare("lt", size, g.number(0.875))
    square = g.div(g.mul(shrink, shrink), g.mul(g.number(4.0), rest))
    log = g.call("log1p_unit", g.select(near, square, rest))
    return g.select(near, g.mul(g.number(0.5), log), g.add(g.sub(size, g.number(LN2)), log))


def _tanh_by_expm1(g: Graph, u: Node) -> Node:
    shrink = _shrunk(g, u)
    size = g.div(g.neg(shrink), g.add(g.number(2.0), shrink))
    return g.select(g.compare("lt", u, g.zero), g.neg(size), size)


def _log1mexp(g: Graph, u: Node) -> Node:
    near = g.compare("lt", u, g.number(LN2))
    rest = g.neg(g.call("expm1", g.neg(u)))
    return g.select(near, g.call("log", rest), g.call("log1p", g.neg(g.call("exp", g.neg(u)))))


def _xlogy(g: Graph, c: Node, u: Node) -> Node:
    return g.scaled(c, g.call("log", u))


def _times_exp(g: Graph, t: Node, u: Node) -> Node:
    half = g.call("exp", g.mul(g.number(0.5), u))
    whole = g.mul(g.mul(t, half), half)
    return whole if t.number is not None else g.select(g.compare("eq", t, g.zero), t, whole)


def _root_of_sum(g: Graph, u: Node, c: Node) -> Node:
    return g.call("sqrt", g.add(c, g.mul(u, u)))


def _smooth_abs(g: Graph, u: Node, w: Node) -> Node:
    z, size = _div(g, u, w), g.absolute(u)
    a = g.absolute(z)
    near = g.mul(size, g.div(a, g.add(g.one, _root_of_sum(g, z, g.one))))
    return g.select(g.compare("gt", a, g.number(FAR)), g.sub(size, w), near)


def _pow(g: Graph, u: Node, k: Node) -> Node:
    """Products, a square root and a reciprocal, of a multiple of 1/2 that is not large."""
    exponent = k.number
    if exponent is None or 2.0 * exponent % 1.0 or abs(exponent) > 8.0:
        can_turn = not u.never_negative and (exponent is None or exponent % 1.0 == 0.0)
        return g.call("pow_signed" if can_turn else "pow", u, k)
    whole, result, square = int(abs(exponent)), g.one, u
    while whole:
        result = g.mul(result, square) if whole % 2 else result
        whole //= 2
        square = g.mul(square, square) if whole else square
    result = g.mul(result, g.call("sqrt", u)) if exponent % 1.0 else result
    return result if exponent >= 0.0 else g.div(g.one, result)


_WRITTEN: dict[str, Callable[..., Node]] = {
    "abs_slope": _sign, "clip": _clip, "div": _div, "exp": _exp, "log1mexp": _log1mexp, "log1p": _log1p,
    "log_cosh": _log_cosh, "logaddexp": _logaddexp, "maximum": _maximum, "minimum": _minimum, "pow": _pow,
    "root_of_sum": _root_of_sum, "sigmoid": _sigmoid, "sigmoid_slope": _sigmoid_slope, "sign": _sign,
    "sloped": lambda g, value, x, slope: value, "smooth_abs": _smooth_abs, "softplus": _softplus,
    "tanh_by_expm1": _tanh_by_expm1, "times_exp": _times_exp, "xlogx": lambda g, u: _xlogy(g, u, u), "xlogy": _xlogy,
}  # fmt: skip


# -- NaN in, NaN out ---------------------------------------------------------------------------------------------------


def keeping_nan(g: Graph, root: Node, inputs: Sequence[Node]) -> Node:
    """The expression, also NaN where an input is that it would forget."""
    held = _held([root, *inputs])
    missing = {*inputs} - held[root]
    if not missing:
        return root
    nodes = [n for n in reachable([root]) if n.op not in _LOGICAL and missing <= held[n]]
    witness = nodes[0] if nodes else None
    for one in sorted(missing, key=lambda n: n.index) if witness is None else ():
        witness = one if witness is None else g.add(witness, one)
    assert witness is not None
    return g.select(g.compare("eq", witness, witness), root, witness)


_LOGICAL = frozenset(["lt", "gt", "le", "ge", "eq", "ne", "and", "or", "not"])


def _held(roots: Sequence[Node]) -> dict[Node, frozenset[Node]]:
    """For each node the inputs whose NaN makes it NaN; for a comparison, those whose NaN makes it false."""
    held: dict[Node, frozenset[Node]] = {}
    true: dict[Node, frozenset[Node]] = {}
    nothing = frozenset[Node]()
    for n in reachable(roots):
        parts = [held[a] for a in n.args]
        everything = nothing.union(*parts)
        if n.op == "select":
            c, a, b = parts
            held[n] = (a & b) | (b & c) | (a & true[n.args[0]])
        elif n.op == "ne":
            held[n], true[n] = nothing, everything
        elif n.op == "not":
            held[n], true[n] = true[n.args[0]], held[n.args[0]]
        elif n.op in ("and", "or"):
            x, y = (true[a] for a in n.args)
            either, both = everything, parts[0] & parts[1]
            held[n], true[n] = (either, x & y) if n.op == "and" else (both, x | y)
        else:
            held[n] = frozenset([n]) if n.op == "input" else everything
            true[n] = nothing
    return held
