"""From a user's function of a value to a jet: call it once, differentiate what it did, write a function of that."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..code import function_of
from ..keywords import KEYWORDS
from ..rules import check_plain
from ..wording import listed, shown
from .branches import Branches
from .calls import method_of, traceable
from .emit import SCOPE, function_tree
from .gradients import differentiating
from .graph import Graph, Node, reachable, written
from .lower import keeping_nan, lowered
from .means import Mean
from .refusals import NotDerivable
from .rules import NoDerivative, derivatives
from .traced import Condition, Traced, is_number

if TYPE_CHECKING:
    from collections.abc import Mapping


_TAKEN = frozenset(["abs", "first_", "second_", *SCOPE])
"""Names that mean something else in the functions that are made."""


class Derived:
    """What is made of a function: its jet, and the rules for inputs that it does not differentiate."""

    def __init__(self, function: Any, name: str | None, wrt: tuple[str, ...] | None) -> None:
        function, self.owner = method_of(function)
        check_plain(function, "fl.derive takes")
        self.function: FunctionType = function
        self.name = name or (function.__name__ if self.owner is None else type(self.owner).__name__)
        code = function.__code__
        by_position, first, count = function.__defaults__ or (), self.owner is not None, code.co_argcount
        self.by_name = code.co_varnames[count : count + code.co_kwonlyargcount]
        self.inputs = code.co_varnames[first : count - len(by_position)]
        self.arguments = (*code.co_varnames[first:count], *self.by_name)
        self.defaults = (*by_position, *[(function.__kwdefaults__ or {}).get(n) for n in self.by_name])
        self._check_signature()
        self.wrt = tuple(wrt or self.inputs[:1])
        unknown = [n for n in self.wrt if n not in self.inputs]
        if unknown:
            raise TypeError(f"{self.name}: wrt names {unknown[0]}, its inputs are {listed(self.inputs)}")
        traced = traceable(self.function, self.owner)
        once, self.value = self._traced(traced), self._traced(traced)
        if written(once) != written(self.value):
            raise self._error("computes something else when it is called again; what changes is an input or parameter")
        silent = [n for n in self.wrt if self.variables[n] not in reachable([self.value])]
        if silent:
            raise self._error(f"the value does not depend on {silent[0]}, by which it would be differentiated")

    def _check_signature(self) -> None:
        code = self.function.__code__
        if code.co_flags & 0x2AC or not 1 <= len(self.inputs) <= 3:
            raise TypeError(
                f"{self.name}: a derived loss takes one to three inputs and then parameters with defaults (which may "
                f"be arrays in a call), and returns a number; this takes {inspect.signature(self.function)}"
            )
        taken = sorted(_TAKEN & {*self.arguments})
        if taken:
            raise TypeError(f"{self.name}: its kernels need the name {taken[0]!r}; call the argument something else")
        for n, value in zip(self.arguments[len(self.inputs) :], self.defaults, strict=True):
            if not is_number(value):
                hint = "; every loss takes it: leave it away here" if n in KEYWORDS else ""
                raise TypeError(f"{self.name}: {n} is {shown(value)} by default, expected a number{hint}")

    def _error(self, what: str, line: int | None = None, file: str = "") -> TypeError:
        code = self.function.__code__
        place = f"{Path(file or code.co_filename).name}, line {line or code.co_firstlineno}"
        return TypeError(f"{self.name} ({place}): {what}")

    def _traced(self, function: Any) -> Node:
        """The value's node, in a graph of its own, by calling the function, on each way through it."""
        self.graph = Graph(self.function.__code__.co_firstlineno)
        self.branches = self.graph.branches = Branches(self.graph)
        self.variables = {n: self.graph.variable(n, n not in self.inputs) for n in self.arguments}
        self.graph.wrt = frozenset(self.variables[n] for n in self.wrt)
        with differentiating():
            return self.branches.followed(lambda: self._called(function))

    def _called(self, function: Any) -> Node:
        arguments = {n: Traced(self.graph, self.variables[n]) for n in self.arguments}
        by_name = {n: arguments.pop(n) for n in self.by_name}
        try:
            result = function(*arguments.values(), **by_name)
        except NotDerivable as error:
            raise self._error(str(error), error.line, error.file) from None
        except Exception as error:
            raise self._error(
                f"{type(error).__name__}: {error}; {self._hint()}",
                _last_line(error, self.function.__code__.co_filename),
            ) from error
        if isinstance(result, (Traced, Mean)):
            return result.node
        if isinstance(result, Condition):
            raise self._error("returns a comparison; write fl.where(condition, 1.0, 0.0)")
        if isinstance(result, tuple):
            raise self._error("returns a tuple, expected the value alone; fl.pointwise takes (value, d1, d2)")
        if is_number(result) and self.branches.way:  # the others may depend on its arguments
            return self.graph.number(float(result))
        hint = "; it must be made of its arguments" if isinstance(result, (int, float)) else ""
        raise self._error(f"returns {shown(result)}, expected a number{hint}")

    def _hint(self) -> str:
        if self.branches.way:
            return "both ways of an `if` are followed; what a parameter may be is said as fl.derive(c=fl.POSITIVE)"
        return "a derived loss is made of arithmetic, comparisons, abs, min, max, fl.where and the functions of fl.math"

    def _derivatives(self, name: str) -> tuple[Node, Node]:
        try:
            return derivatives(self.graph, self.value, self.variables[name])
        except NoDerivative as error:
            node, why = error.args
            raise self._error(f"{node.op} has no derivative by {name} here: {why}", node.line) from None

    def _function(self, arguments: tuple[str, ...], results: list[Any]) -> FunctionType:
        """A function of these expressions, lowered; tuples of them stay tuples."""
        flat = [n for r in results for n in (r if isinstance(r, tuple) else (r,))]
        inputs = [self.variables[n] for n in self.inputs]
        low = iter(lowered(self.graph, flat))

        def kept(node: Node, order: int) -> Node:
            """NaN in, NaN out; a second derivative may be a constant."""
            return keeping_nan(self.graph, node, inputs) if order < 2 else node

        guarded: list[Any] = [
            tuple([kept(next(low), k) for _ in r]) if isinstance(r, tuple) else kept(next(low), k)
            for k, r in enumerate(results)
        ]
        name = self.name if self.name.isidentifier() and self.name not in _TAKEN else "jet"
        code = self.function.__code__
        defaults = [float(d) for d in self.defaults]
        tree = function_tree(name, arguments, defaults, guarded, code.co_firstlineno)
        made = function_of(tree, dict(SCOPE), self.function.__module__, code.co_filename)
        made.__name__ = self.name
        made.__qualname__, made.__doc__ = self.function.__qualname__, self.function.__doc__
        return made

    def jet(self) -> FunctionType:
        """Value, first and second derivatives."""
        pairs = [self._derivatives(n) for n in self.wrt]
        if len(pairs) == 1:
            return self._function(self.arguments, [self.value, *pairs[0]])
        return self._function(self.arguments, [self.value, *zip(*pairs, strict=True)])

    def others(self, domains: Mapping[str, Any]) -> dict[str, FunctionType]:
        """Rules for ``with_respect_to``: the derivatives by the inputs that the jet does not differentiate."""
        rules = {}
        for n in self.inputs if len(self.wrt) == 1 else ():
            labels = getattr(domains.get(n), "ends_only", False)
            if n in self.wrt or labels or self.variables[n] not in reachable([self.value]):
                continue
            try:
                pair = derivatives(self.graph, self.value, self.variables[n])
            except NoDerivative:
                continue  # with_respect_to then names those that there are
            rules[n] = self._function(("first_", "second_", *self.arguments), [*pair])
            rules[n].__qualname__ += ".rule"
        return rules


def _last_line(error: BaseException, file: str) -> int | None:
    """The last line of a file that a traceback goes through."""
    line, tb = None, error.__traceback__
    while tb is not None:
        line = tb.tb_lineno if tb.tb_frame.f_code.co_filename == file else line
        tb = tb.tb_next
    return line
