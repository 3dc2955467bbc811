"""Expressions as nodes, each of which there is once: the same operation of the same nodes is the same node.

Simplifications are those that change no result but by fewer roundings: constants are folded, signs and factors of
constants are moved outwards, and what is added to 0 or multiplied by 1 disappears. A product with 0 is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

ORDERED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
"""Comparisons, and what each is with its sides exchanged."""

_COMPARED: dict[str, Any] = {
    "lt": float.__lt__, "gt": float.__gt__, "le": float.__le__, "ge": float.__ge__, "eq": float.__eq__,
    "ne": float.__ne__,
}  # fmt: skip


ODD = frozenset(["abs_slope", "asinh", "atan", "cbrt", "erf", "sign", "sin", "sinh", "tanh", "tanh_by_expm1"])
EVEN = frozenset(["cos", "cosh", "log_cosh", "sigmoid_slope"])


class Node:
    """An operation and the nodes that it is of; a number has its value, a variable its name."""

    __slots__ = ("args", "evens", "fixed", "index", "line", "never_negative", "op", "value")

    def __init__(self, op: str, args: tuple[Node, ...], value: Any, index: int, line: int) -> None:
        self.op, self.args, self.value, self.index, self.line = op, args, value, index, line
        self.fixed: bool = op != "input" and all(a.fixed for a in args)
        """Whether it is of parameters and numbers alone."""
        self.never_negative = _is_never_negative(op, args, value)
        self.evens: frozenset[Node] = frozenset().union(*(a.evens for a in args)) if op == "mul" else frozenset()
        """The slopes of absolute values, and those, that are factors of a product."""
        if op in ("abs", "abs_slope"):
            self.evens = frozenset([self])

    @property
    def number(self) -> float | None:
        """The value of a number; None of anything else."""
        return float(self.value) if self.op == "number" else None


class Graph:
    """Makes nodes. `line` is the line of the user's function to which the next ones belong."""

    def __init__(self, line: int = 0) -> None:
        self.line = line
        self._known: dict[Any, Node] = {}
        self.zero, self.one = self.number(0.0), self.number(1.0)
        self.branches: Any = None
        """The conditions of the way through the function that is followed."""
        self.wrt: frozenset[Node] = frozenset()
        """The inputs by which the function is differentiated."""

    def _node(self, op: str, args: tuple[Node, ...], value: Any = None) -> Node:
        key = (op, args, value, math.copysign(1.0, value) if op == "number" else 0.0)
        if key not in self._known:
            self._known[key] = Node(op, args, value, len(self._known), self.line)
        return self._known[key]

    def _is_known(self, op: str, args: tuple[Node, ...]) -> bool:
        return (op, args, None, 0.0) in self._known

    @property
    def size(self) -> int:
        """The number of nodes."""
        return len(self._known)

    def number(self, value: float) -> Node:
        """A constant."""
        value = float(value)
        return self._node("number", (), math.nan if value != value else value)

    def variable(self, name: str, fixed: bool) -> Node:
        """An argument: an input, or (`fixed`) a parameter."""
        return self._node("parameter" if fixed else "input", (), name)

    def neg(self, a: Node) -> Node:
        """-a."""
        if a.number is not None:
            return self.number(-a.number)
        if a.op == "neg":
            return a.args[0]
        if a.op == "mul" and a.args[0].number is not None:
            return self.mul(self.number(-a.args[0].number), a.args[1])
        return self._node("neg", (a,))

    def add(self, a: Node, b: Node) -> Node:
        """a + b."""
        if a.number is not None and b.number is not None:
            return self.number(a.number + b.number)
        if a.number == 0.0 or b.number == 0.0:
            return b if a.number == 0.0 else a
        if a is b:
            return self.mul(self.number(2.0), a)
        if b.op == "neg":
            return self.sub(a, b.args[0])
        if a.op == "neg":
            return self.sub(b, a.args[0])
        if common := _common(a, b):
            return self.mul(common[0], self.add(*common[1:]))
        return self._node("add", (a, b) if a.index <= b.index else (b, a))

    def sub(self, a: Node, b: Node) -> Node:
        """a - b."""
        if a.number is not None and b.number is not None:
            return self.number(a.number - b.number)
        if b.number == 0.0:
            return a
        if a.number == 0.0:
            return self.neg(b)
        if b.op == "neg":
            return self.add(a, b.args[0])
        if self._is_known("sub", (b, a)):
            return self._node("neg", (self._node("sub", (b, a)),))
        if common := _common(a, b):
            return self.mul(common[0], self.sub(*common[1:]))
        return self._node("sub", (a, b))

    def mul(self, a: Node, b: Node) -> Node:
        """a b."""
        if b.number is not None:
            a, b = b, a
        if a.number is not None:
            return self._times(a.number, b)
        if a.op == "neg" or b.op == "neg":
            one, other = (a, b) if a.op == "neg" else (b, a)
            return self.neg(self.mul(one.args[0], other))
        if both := a.evens & b.evens:
            return self._without_sign(a, b, min(both, key=lambda n: n.index))
        for one, other in ((a, b), (b, a)):
            if one.op == "div" and one.args[1] is other and other.fixed:
                return one.args[0]
        return self._node("mul", (a, b) if a.index <= b.index else (b, a))

    def _times(self, factor: float, b: Node) -> Node:
        if b.number is not None:
            return self.number(factor * b.number)
        if factor in (0.0, 1.0, -1.0):
            return self.zero if factor == 0.0 else (b if factor == 1.0 else self.neg(b))
        if b.op == "neg":
            return self._times(-factor, b.args[0])
        if b.op == "mul" and b.args[0].number is not None:
            return self._times(factor * b.args[0].number, b.args[1])
        return self._node("mul", (self.number(factor), b))

    def div(self, a: Node, b: Node) -> Node:
        """a / b."""
        if b.number:
            if a.number is not None:
                return self.number(a.number / b.number)
            if abs(math.frexp(b.number)[0]) == 0.5 and 1e-30 < abs(b.number) < 1e30:
                return self._times(1.0 / b.number, a)
        if a.number == 0.0:
            return self.zero
        if a.op == "neg":
            return self.neg(self.div(a.args[0], b))
        shorter = self._without(a, b) if b.fixed and b.number is None else None
        return shorter or self._node("div", (a, b))

    def _without(self, a: Node, factor: Node, depth: int = 10) -> Node | None:
        """What a product is without this factor; None of what has no such factor, or has it too deep inside."""
        if a is factor:
            return self.one
        if a.op == "mul" and depth:
            for one, other in (a.args, a.args[::-1]):
                rest = self._without(one, factor, depth - 1)
                if rest is not None:
                    return self.mul(rest, other)
        return None

    def _without_sign(self, a: Node, b: Node, factor: Node) -> Node:
        """The product of two products with the same factor: a slope of |x|, whose square is 1, or |x|, whose is x^2."""
        one, other = self._without(a, factor), self._without(b, factor)
        if one is None or other is None:
            return self._node("mul", (a, b))
        inner = factor.args[0] if factor.op == "abs" else self.one
        return self.mul(self.mul(one, inner), self.mul(other, inner))

    def absolute(self, a: Node) -> Node:
        """|a|."""
        if a.number is not None:
            return self.number(abs(a.number))
        if a.op == "neg":
            return self.absolute(a.args[0])
        if a.op == "mul" and a.args[0].number is not None:
            return self._times(abs(a.args[0].number), self.absolute(a.args[1]))
        return a if a.never_negative else self._node("abs", (a,))

    def compare(self, op: str, a: Node, b: Node) -> Node:
        """A comparison; it is a node that is true or false."""
        if a.number is not None and b.number is not None:
            return self.number(float(_COMPARED[op](a.number, b.number)))
        if a.number == 0.0 and b.number is None:
            return self.compare(ORDERED[op], b, a)
        factor = a.args[0].number if a.op == "mul" and b.number == 0.0 else None
        if a.op == "neg" and b.number is not None:
            return self.compare(ORDERED[op], a.args[0], self.number(0.0 - b.number))
        if factor is not None and 1e-6 < abs(factor) < 1e6:
            return self.compare(op if factor > 0.0 else ORDERED[op], a.args[1], b)
        return self._node(op, (a, b))

    def logical(self, op: str, *args: Node) -> Node:
        """`and`, `or` or `not` of comparisons."""
        known = [a.number for a in args]
        if op == "not" and known[0] is not None:
            return self.number(float(not known[0]))
        for one, other in zip(known, args[::-1], strict=True):
            if one is not None and op != "not":
                return other if bool(one) == (op == "and") else self.number(one)
        return self._node(op, args)

    def select(self, c: Node, a: Node, b: Node) -> Node:
        """a where c is true, else b."""
        if a is b:
            return a
        if c.number is not None:
            return a if c.number else b
        return self._node("select", (c, a, b))

    def scaled(self, coefficient: Node, a: Node) -> Node:
        """coefficient * a, but 0 for a coefficient of 0 even where a is infinite."""
        if coefficient.number is not None:
            return self.mul(coefficient, a)
        return self.select(self.compare("ne", coefficient, self.zero), self.mul(coefficient, a), self.zero)

    def call(self, op: str, *args: Node) -> Node:
        """An elementary function; that of a negative argument, by that of a positive one where the signs allow."""
        first = args[0]
        factor = first.args[0].number if first.op == "mul" else None
        if (op in ODD or op in EVEN) and (first.op == "neg" or (factor is not None and factor < 0.0)):
            positive = self.call(op, self.neg(first))
            return self.neg(positive) if op in ODD else positive
        if first.op == "abs" and (op in EVEN or (op == "pow" and args[1].number in (2.0, 4.0, 6.0, 8.0))):
            return self.call(op, first.args[0], *args[1:])
        numbers = [a.number for a in args]
        if hasattr(math, op) and None not in numbers:
            try:
                return self.number(getattr(math, op)(*numbers))
            except (ValueError, OverflowError):
                pass
        return self._node(op, args)


def _common(a: Node, b: Node) -> tuple[Node, Node, Node] | None:
    """The factor that two products have in common, and the others."""
    if a.op == b.op == "mul":
        for x, rest in (a.args, a.args[::-1]):
            for y, other in (b.args, b.args[::-1]):
                if x is y:
                    return x, rest, other
    return None


def _is_never_negative(op: str, args: tuple[Node, ...], value: Any) -> bool:
    if op == "mul":
        return args[0] is args[1] or all(a.never_negative for a in args)
    if op in ("add", "div", "select"):
        return all(a.never_negative for a in args[-2:])
    return op in _POSITIVE or (op == "number" and value > 0.0)


_POSITIVE = frozenset(
    ["abs", "exp", "exp_neg", "sqrt", "cosh", "softplus", "sigmoid", "log_cosh", "sigmoid_slope", "root_of_sum"]
)


def reachable(roots: Iterable[Node]) -> list[Node]:
    """All nodes of these expressions, each behind those that it is of."""
    found, waiting = set[Node](), list(roots)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.args
    return sorted(found, key=lambda n: n.index)


def written(root: Node) -> list[Any]:
    """What tells apart the expressions of two graphs."""
    nodes = reachable([root])
    places = {node: k for k, node in enumerate(nodes)}
    return [(n.op, repr(n.value), [places[a] for a in n.args]) for n in nodes]
