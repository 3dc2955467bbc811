"""Functions with ``if``: each way through one is traced by a call, and conditions choose between their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .graph import Graph, Node

WAYS = 64
"""Ways through a function: more are a loop that does not end, or one whose kernel would compute all of them."""


class TooManyWays(Exception):
    """A condition that is asked for on one way too many."""


class Branches:
    """The conditions that a way through the function has asked for, and what they were."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.way: dict[Node, bool] = {}
        self._ways = 0

    def holds(self, condition: Node) -> bool:
        """Whether a condition holds on this way; one that is new does."""
        if condition.number is not None:
            return bool(condition.number)
        if condition.op == "not":
            return not self.holds(condition.args[0])
        if max(len(self.way), self._ways) > WAYS:
            raise TooManyWays
        return self.way.setdefault(condition, True)

    def followed(self, value: Callable[[], Node]) -> Node:
        """The value on all ways on from this one."""
        self._ways += 1
        start = len(self.way)
        result, asked = value(), [*self.way.items()]
        for k in reversed(range(start, len(asked))):
            condition = asked[k][0]
            self.way = {**dict(asked[:k]), condition: False}
            result = self._graph.select(condition, result, self.followed(value))
        return result
