"""The first and the second derivative of every operation, each in a form that keeps its digits, and the chain rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .graph import Graph, Node, reachable

if TYPE_CHECKING:
    from collections.abc import Callable

    Pair = tuple[Node, Node]
    """The first and the second derivative by one variable."""


class NoDerivative(Exception):
    """An operation that has no derivative by one of its arguments: the node, and what to write instead."""


def derivatives(g: Graph, root: Node, by: Node) -> Pair:
    """Both derivatives of an expression by one of its variables."""
    pairs: dict[Node, Pair] = {}
    for node in reachable([root]):
        g.line = node.line
        pairs[node] = pair_of(g, node, by, pairs)
    return pairs[root]


def pair_of(g: Graph, n: Node, by: Node | None, pairs: dict[Node, Pair]) -> Pair:
    """Both derivatives of an operation by `by`, given those of its arguments."""
    if n is by:
        return g.one, g.zero
    inner = [pairs[a] for a in n.args]
    if all(pair == (g.zero, g.zero) for pair in inner):
        return g.zero, g.zero
    if n.op in _UNARY:
        u1, u2 = inner[0]
        f1, f2 = _UNARY[n.op](g, n, n.args[0])
        return g.mul(f1, u1), g.add(_curved(g, f2, u1), g.mul(f1, u2))
    if n.op in _SEVERAL:
        return _SEVERAL[n.op](g, n, *inner)
    raise NoDerivative(n, "its derivative is no function that a kernel has")


def _curved(g: Graph, f2: Node, u1: Node, steep: bool = False) -> Node:
    """f'' u'^2, where the square may be infinite and f'' 0; a `steep` f'' may be infinite where u' is 0.

    A square that is the same for all elements is computed once.
    """
    square = g.mul(u1, u1)
    if square.fixed:
        return g.scaled(square, f2) if steep else g.mul(square, f2)
    bend = g.mul(g.mul(f2, u1), u1)
    return g.select(g.compare("ne", square, g.zero), bend, g.zero) if steep else bend


# -- functions of one argument: f', f'' of the node and its argument ---------------------------------------------------


def _exp(g: Graph, n: Node, u: Node) -> Pair:
    e = g.call("exp", u)
    return e, e


def _log(g: Graph, n: Node, u: Node) -> Pair:
    i = g.div(g.one, u)
    return i, g.neg(g.mul(i, i))


def _xlogx(g: Graph, n: Node, u: Node) -> Pair:
    return g.add(g.one, g.call("log", u)), g.div(g.one, u)


def _log1p(g: Graph, n: Node, u: Node) -> Pair:
    i = g.div(g.one, g.add(g.one, u))
    return i, g.neg(g.mul(i, i))


def _sqrt(g: Graph, n: Node, u: Node) -> Pair:
    i = g.div(g.number(0.5), n)
    return i, g.neg(g.div(g.mul(g.number(0.5), i), u))


def _cbrt(g: Graph, n: Node, u: Node) -> Pair:
    i = g.div(g.number(1.0 / 3.0), g.mul(n, n))
    return i, g.neg(g.div(g.mul(g.number(2.0 / 3.0), i), u))


def _bell(g: Graph, u: Node) -> Node:
    """The square of sech u, which 1 - tanh(u)^2 would cancel to."""
    return g.mul(g.number(4.0), g.call("sigmoid_slope", g.mul(g.number(2.0), u)))


def _tanh(g: Graph, n: Node, u: Node) -> Pair:
    f = _bell(g, u)
    return f, g.mul(g.mul(g.number(-2.0), n), f)


def _log_cosh(g: Graph, n: Node, u: Node) -> Pair:
    return g.call("tanh_by_expm1", u), _bell(g, u)


def _sigmoid(g: Graph, n: Node, u: Node) -> Pair:
    f = g.call("sigmoid_slope", u)
    return f, g.neg(g.mul(f, g.call("tanh", g.mul(g.number(0.5), u))))


def _softplus(g: Graph, n: Node, u: Node) -> Pair:
    return g.call("sigmoid", u), g.call("sigmoid_slope", u)


def _log1mexp(g: Graph, n: Node, u: Node) -> Pair:
    # exp(-u) / (1 - exp(-u)), and minus that over 1 - exp(-u).
    rest = g.neg(g.call("expm1", g.neg(u)))
    f = g.div(g.call("exp", g.neg(u)), rest)
    return f, g.neg(g.div(f, rest))


def _abs(g: Graph, n: Node, u: Node) -> Pair:
    return g.call("abs_slope", u), g.zero


def _level(g: Graph, n: Node, u: Node) -> Pair:
    return g.zero, g.zero


def _sin(g: Graph, n: Node, u: Node) -> Pair:
    return g.call("cos", u), g.neg(n)


def _cos(g: Graph, n: Node, u: Node) -> Pair:
    return g.neg(g.call("sin", u)), g.neg(n)


def _sinh(g: Graph, n: Node, u: Node) -> Pair:
    return g.call("cosh", u), n


def _cosh(g: Graph, n: Node, u: Node) -> Pair:
    return g.call("sinh", u), n


def _atan(g: Graph, n: Node, u: Node) -> Pair:
    f = g.div(g.one, g.add(g.one, g.mul(u, u)))
    return f, g.mul(g.mul(g.number(-2.0), u), g.mul(f, f))


def _asinh(g: Graph, n: Node, u: Node) -> Pair:
    f = g.div(g.one, g.call("sqrt", g.add(g.one, g.mul(u, u))))
    return f, g.neg(g.mul(u, g.mul(f, g.mul(f, f))))


def _erf(g: Graph, n: Node, u: Node) -> Pair:
    f = g.mul(g.number(2.0 / math.sqrt(math.pi)), g.call("exp", g.neg(g.mul(u, u))))
    f = g.neg(f) if n.op == "erfc" else f
    return f, g.mul(g.mul(g.number(-2.0), u), f)


_UNARY: dict[str, Callable[[Graph, Node, Node], Pair]] = {
    "abs": _abs, "abs_slope": _level, "asinh": _asinh, "atan": _atan, "cbrt": _cbrt, "cos": _cos, "cosh": _cosh,
    "erf": _erf, "erfc": _erf, "exp": _exp, "expm1": _exp, "log": _log, "log1mexp": _log1mexp, "log1p": _log1p,
    "log_cosh": _log_cosh, "neg": lambda g, n, u: (g.number(-1.0), g.zero), "sigmoid": _sigmoid, "sign": _level,
    "sin": _sin, "sinh": _sinh, "softplus": _softplus, "sqrt": _sqrt, "tanh": _tanh,
    "xlogx": _xlogx,
}  # fmt: skip


# -- operations of several arguments: their derivatives, given those of the arguments ----------------------------------


def _add(g: Graph, n: Node, a: Pair, b: Pair) -> Pair:
    return g.add(a[0], b[0]), g.add(a[1], b[1])


def _sub(g: Graph, n: Node, a: Pair, b: Pair) -> Pair:
    return g.sub(a[0], b[0]), g.sub(a[1], b[1])


def _mul(g: Graph, n: Node, a: Pair, b: Pair) -> Pair:
    x, y = n.args
    two = g.number(2.0)
    if x is y:
        return g.mul(two, g.mul(x, a[0])), g.mul(two, g.add(g.mul(a[0], a[0]), g.mul(x, a[1])))
    ends = g.add(g.mul(x, b[1]), g.mul(a[1], y))
    return g.add(g.mul(x, b[0]), g.mul(a[0], y)), g.add(ends, g.mul(two, g.mul(a[0], b[0])))


def _div(g: Graph, n: Node, a: Pair, b: Pair) -> Pair:
    over = n.args[1]
    if b == (g.zero, g.zero):
        return g.div(a[0], over), g.div(a[1], over)
    slope = g.div(g.sub(a[0], g.mul(n, b[0])), over)
    bend = g.sub(g.sub(a[1], g.mul(n, b[1])), g.mul(g.number(2.0), g.mul(slope, b[0])))
    return slope, g.div(bend, over)


def _select(g: Graph, n: Node, c: Pair, a: Pair, b: Pair) -> Pair:
    c_, *_ = n.args
    return g.select(c_, a[0], b[0]), g.select(c_, a[1], b[1])


def _comparison(g: Graph, n: Node, *parts: Pair) -> Pair:
    return g.zero, g.zero


def _largest(g: Graph, n: Node, a: Pair, b: Pair) -> Pair:
    """At a tie, the slope of a constant, or else of the first."""
    beats = "gt" if n.op == "maximum" else "lt"
    constant = a == (g.zero, g.zero)
    (x, y), p, q = (n.args[::-1], b, a) if constant else (n.args, a, b)
    if not constant and b != (g.zero, g.zero):
        beats = {"gt": "ge", "lt": "le"}[beats]
    first = g.compare(beats, x, y)
    return g.select(first, p[0], q[0]), g.select(first, p[1], q[1])


def _clip(g: Graph, n: Node, x: Pair, low: Pair, high: Pair) -> Pair:
    above, below = g.compare("gt", n.args[0], n.args[2]), g.compare("lt", n.args[0], n.args[1])
    one, two = (g.select(above, high[k], g.select(below, low[k], x[k])) for k in (0, 1))
    return one, two


def _power(g: Graph, n: Node, u: Pair, k: Pair) -> Pair:
    base, exponent = n.args
    if k == (g.zero, g.zero):
        f1, f2 = _power_slopes(g, n, base, exponent)
        # At 0 they may be infinite, where the base does not move.
        steep = _is_steep(exponent)
        part = g.scaled if steep else g.mul
        return part(u[0], f1), g.add(_curved(g, f2, u[0], steep), part(u[1], f1))
    if u != (g.zero, g.zero):
        raise NoDerivative(n, "a power of which base and exponent vary: write exp(k * log(x))")
    rate = g.call("log", base)
    slope = g.mul(n, g.mul(rate, k[0]))
    return slope, g.add(g.mul(slope, g.mul(rate, k[0])), g.mul(n, g.mul(rate, k[1])))


def _is_steep(exponent: Node) -> bool:
    """Whether a derivative of a power may be infinite at 0."""
    k = exponent.number
    return k is None or (k < 2.0 and k not in (0.0, 1.0))


def _power_slopes(g: Graph, n: Node, u: Node, k: Node) -> Pair:
    """k u^(k - 1) and k (k - 1) u^(k - 2): quotients of the one power, and their limits at 0."""
    less = g.sub(k, g.one)
    if k.number is not None and k.number in _HALVES:
        one, two = (g.call("pow", u, g.number(k.number - j)) for j in (1, 2))
        return g.mul(k, one), g.mul(g.mul(k, less), two)
    nothing, inf = g.compare("eq", u, g.zero), g.number(math.inf)
    inverse = g.div(g.one, u)
    ends = [
        g.select(g.compare("gt", k, g.number(j)), g.zero, g.select(g.compare("eq", k, g.number(j)), g.number(j), inf))
        for j in (1.0, 2.0)
    ]
    still = g.logical("or", g.compare("eq", k, g.one), g.compare("eq", k, g.zero))
    ends = [g.select(g.compare("eq", k, g.zero), g.zero, ends[0]), g.select(still, g.zero, ends[1])]
    slope = g.mul(k, g.mul(n, inverse))
    return g.select(nothing, ends[0], slope), g.select(nothing, ends[1], g.mul(less, g.mul(slope, inverse)))


_HALVES = frozenset(0.5 * k for k in range(-16, 17))
"""Exponents of which a power is products, a square root and a reciprocal."""


def _logaddexp(g: Graph, n: Node, a: Pair, b: Pair) -> Pair:
    gap = g.sub(*n.args)
    s, r = g.call("sigmoid", gap), g.call("sigmoid", g.neg(gap))
    drift = g.sub(a[0], b[0])
    ends = g.add(g.mul(s, a[1]), g.mul(r, b[1]))
    return g.add(g.mul(s, a[0]), g.mul(r, b[0])), g.add(ends, _curved(g, g.call("sigmoid_slope", gap), drift))


def _xlogy(g: Graph, n: Node, x: Pair, y: Pair) -> Pair:
    c, u = n.args
    log, rate = g.call("log", u), g.div(y[0], u)
    bend = g.scaled(c, g.sub(g.div(y[1], u), g.mul(rate, rate)))
    if y == (g.zero, g.zero):
        return g.mul(log, x[0]), g.mul(log, x[1])
    slope = g.add(g.mul(log, x[0]), g.scaled(c, rate))
    return slope, g.add(g.add(g.mul(log, x[1]), bend), g.mul(g.number(2.0), g.mul(x[0], rate)))


def _sloped(g: Graph, n: Node, value: Pair, x: Pair, slope: Pair) -> Pair:
    return g.mul(n.args[2], x[0]), g.add(g.mul(slope[0], x[0]), g.mul(n.args[2], x[1]))


def _times_exp(g: Graph, n: Node, t: Pair, x: Pair) -> Pair:
    one, two = (part if part is g.zero else g.call("times_exp", part, n.args[1]) for part in t)
    bend = g.add(two, g.mul(n, g.add(x[1], g.mul(x[0], x[0]))))
    return g.add(one, g.mul(n, x[0])), g.add(bend, g.mul(g.number(2.0), g.mul(one, x[0])))


def _root_of_sum(g: Graph, n: Node, u: Pair, c: Pair) -> Pair:
    # Of sqrt(u^2 + c): u / n, and c / n^3, which the chain rule would cancel to.
    inverse = g.div(g.one, n)
    f1, f2 = g.mul(n.args[0], inverse), g.mul(n.args[1], g.mul(inverse, g.mul(inverse, inverse)))
    return g.mul(f1, u[0]), g.add(_curved(g, f2, u[0]), g.mul(f1, u[1]))


def _smooth_abs(g: Graph, n: Node, u: Pair, w: Pair) -> Pair:
    if w != (g.zero, g.zero):
        raise NoDerivative(n, "the width of smooth_abs is a number or a parameter")
    z = g.div(*n.args)
    inverse = g.div(g.one, g.call("root_of_sum", z, g.one))
    f1, f2 = g.mul(z, inverse), g.div(g.mul(inverse, g.mul(inverse, inverse)), n.args[1])
    f1 = g.select(g.compare("gt", g.absolute(z), g.number(FAR)), g.call("sign", z), f1)
    return g.mul(f1, u[0]), g.add(_curved(g, f2, u[0]), g.mul(f1, u[1]))


FAR = 1e17
"""From there on, the square root of 1 + z^2 is |z| to every digit; below it, z^2 is finite in float32."""

_SEVERAL: dict[str, Callable[..., Pair]] = {
    "add": _add, "clip": _clip, "div": _div, "logaddexp": _logaddexp, "maximum": _largest, "minimum": _largest,
    "mul": _mul, "pow": _power, "root_of_sum": _root_of_sum, "select": _select, "smooth_abs": _smooth_abs,
    "sloped": _sloped, "sub": _sub, "times_exp": _times_exp, "xlogy": _xlogy,
    **dict.fromkeys(["lt", "gt", "le", "ge", "eq", "ne", "and", "or", "not"], _comparison),
}  # fmt: skip
