"""What expressions change by when some of their variables do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..derive.graph import Graph, Node, reachable
from ..derive.lower import remade
from ..derive.rules import pair_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RISKY = frozenset(["div", "log", "pow", "sqrt", "cbrt", "log1p"])
"""Operations that may be infinite, or unknown, at one point."""


def tangents(g: Graph, roots: Sequence[Node], seeds: Mapping[Node, Node]) -> dict[Node, Node]:
    """The change of each expression, and of all that they are of; `seeds` has that of the variables that move."""
    found = dict(seeds)
    for n in reachable(roots):
        if n not in found:
            found[n] = _change(g, n, found)
    return found


def smooth(g: Graph, roots: Sequence[Node], seeds: Mapping[Node, Node]) -> list[Node]:
    """The expressions without what they say of single points, for the sake of digits: ``0 if z == m else z - m``.

    What is said there has no derivative. Where the formula beside has no value, it stays.
    """
    found, done = tangents(g, roots, seeds), dict[Node, Node]()
    for n in reachable(roots):
        done[n] = remade(g, [n], {a: done[a] for a in n.args})[0] if n.args else n
        usual = _usually(n.args[0], found, g.zero, None) if n.op == "select" else None
        if usual is not None:
            beside, there = (done[a] for a in (n.args[1:] if usual else n.args[:0:-1]))
            unknown = g.compare("ne", beside, beside)
            done[n] = g.select(g.logical("and", _here(g, done[n.args[0]], usual), unknown), there, beside)
    return [done[root] for root in roots]


def _change(g: Graph, n: Node, found: dict[Node, Node]) -> Node:
    inner = [found[a] for a in n.args]
    if all(d is g.zero for d in inner):
        return g.zero
    if n.op == "select":
        return _chosen(g, n, inner, found)
    if n.op == "exp_neg":
        return g.mul(n, inner[0])
    if n.op == "log1p_unit":
        return g.div(inner[0], g.add(g.one, n.args[0]))
    return pair_of(g, n, None, {a: (d, g.zero) for a, d in zip(n.args, inner, strict=True)})[0]


def _chosen(g: Graph, n: Node, inner: list[Node], found: dict[Node, Node]) -> Node:
    c, _, _ = n.args
    _, a, b = inner
    usual = _usually(c, found, g.zero)
    if usual is None or a is b:
        return g.select(c, a, b)
    beside, there = (a, b) if usual else (b, a)
    if not any(part.op in _RISKY for part in reachable([beside])):
        return beside
    endless = g.logical("not", g.compare("lt", g.absolute(beside), g.number(math.inf)))
    return g.select(g.logical("and", _here(g, c, usual), endless), there, beside)


def _here(g: Graph, c: Node, usual: bool) -> Node:
    """Where a condition is as it is at a few points alone."""
    return g.logical("not", c) if usual else c


def _usually(c: Node, found: dict[Node, Node], zero: Node, known: bool | None = True) -> bool | None:
    """Whether a condition holds at all points but a few, or at a few; None where it depends.

    `known` is what is said of ``x == x``: whether x is a number.
    """
    if c.op == "not":
        inner = _usually(c.args[0], found, zero, known)
        return None if inner is None else not inner
    if c.op in ("and", "or"):
        parts = [_usually(a, found, zero, known) for a in c.args]
        if (c.op == "or") in parts:
            return c.op == "or"
        return None if None in parts else c.op == "and"
    if c.op not in ("eq", "ne"):
        return None
    one, other = c.args
    if one is other:
        return known and c.op == "eq"
    still = [found[side] is zero for side in c.args]
    if all(still) or any(_rests(side, found, zero) for side in c.args):
        return None
    moving = {n for n in reachable(c.args) if not n.args and found[n] is not zero}
    if not any(still) or len(moving) > 1:  # which may move together
        return None
    return c.op == "ne"


def _rests(n: Node, found: dict[Node, Node], zero: Node) -> bool:
    """Whether an expression that moves may rest for a while, as a part does that is cut off at 0."""
    if found[n] is zero or not n.args:
        return False
    if n.op == "abs":
        return _rests(n.args[0], found, zero)
    if n.op != "select":
        return _bends(n, found, zero)
    c, *branches = n.args
    resting = any(found[b] is zero or _rests(b, found, zero) for b in branches)
    return resting and _usually(c, found, zero) is None


def _bends(n: Node, found: dict[Node, Node], zero: Node) -> bool:
    """Whether an expression that moves is one formula here and another there: |x| + x rests, and |x| runs along x."""
    return any(
        part.op == "abs" or (part.op == "select" and _usually(part.args[0], found, zero) is None)
        for part in reachable([n])
        if found[part] is not zero
    )
