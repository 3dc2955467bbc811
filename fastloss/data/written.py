"""What a definition says in SQL: its statements read with numbers and texts in the variables."""

from __future__ import annotations

import ast
import inspect
import math
import operator
import re
import textwrap
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..define.primitives import log1p_unit
from ..losses.special import log1p_small, log_cosh_near, scaled

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 1_000
"""Letters of a formula, at most: DuckDB computes what stands in it twice twice."""

FAR = 64.0
"""From here on an end is taken for one that ordinary numbers do not reach."""


LOST = "\0"


class Text(str):
    """An expression of SQL, in parentheses where that matters; `LOST` if it is too long, or what it is made of is."""

    def __new__(cls, sql: str) -> Text:
        """The expression, or `LOST`."""
        return super().__new__(cls, LOST if len(sql) > 16 * LONGEST or LOST in sql else sql)


class Taken(NamedTuple):
    """What a formula takes for granted: finite numbers, and ends that others do not pass."""

    inputs: set[str]
    finite: set[str]
    ends: dict[tuple[str, str], float] | None

    @property
    def bounded(self) -> bool:
        """Whether that bounds a sum or a product of all inputs, which is finite for finite ones alone."""
        return any(all(x in y for x in self.inputs) for y, _ in self.ends or ())

    def within(self, x: str, sign: str, end: float) -> bool:
        """Whether it is taken for granted that a number is not beyond a far end: of sums and products, which are soon
        computed once more."""
        beyond = FAR <= abs(end) < math.inf and sign[0] == ("<" if end < 0.0 else ">")
        if self.ends is None or not beyond or LOST in x or _OTHER.search(x):
            return False
        key, closer = (x, ">" if end < 0.0 else "<"), max if end < 0.0 else min
        self.ends[key] = closer(self.ends.get(key, end), end)
        return True


_OTHER = re.compile(r"CASE|/|\b(?!abs\b|try_cast\b)\w+\(")
"""What is no sum or product."""


class UnwrittenError(Exception):
    """What a definition says that is not written in SQL."""


def number(value: Any) -> Any:
    """A constant as definitions see it."""
    return float(value) if isinstance(value, (int, float)) else value


def text(value: Any) -> Text:
    """A number, or an expression, as SQL has it."""
    if isinstance(value, Text):
        return value
    if isinstance(value, bool) or not isinstance(value, float):
        raise UnwrittenError
    text = repr(value) if math.isfinite(value) and "e" in repr(value) else f"{value!r}e0"
    return Text((f"({text})" if value < 0 else text) if math.isfinite(value) else f"'{value}'::DOUBLE")


@cache
def _tree(function: FunctionType) -> ast.FunctionDef:
    found = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(found, ast.FunctionDef):
        raise UnwrittenError
    return found


def run(function: FunctionType, arguments: tuple[Any, ...], taken: Taken) -> Any:
    """What a definition, or a helper of one, returns of these arguments."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    missing = len(names) - len(arguments)
    if missing > len(defaults) or missing < 0:
        raise UnwrittenError
    filled = (*arguments, *map(number, defaults[len(defaults) - missing :]))
    reader = _Reader(function, dict(zip(names, filled, strict=True)), taken)
    for statement in _tree(function).body:
        if isinstance(statement, ast.Return) and statement.value is not None:
            return reader.visit(statement.value)
        reader.visit(statement)
    raise UnwrittenError


class _Reader(ast.NodeVisitor):
    """Reads a function's statements with numbers and texts in its variables."""

    def __init__(self, function: FunctionType, scope: dict[str, Any], taken: Taken) -> None:
        self.function, self.scope, self.taken = function, scope, taken

    def generic_visit(self, node: ast.AST) -> Any:
        raise UnwrittenError

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            raise UnwrittenError

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self.visit(node.value)
        for target in node.targets:
            self._assign(target, value)

    def _assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Tuple):
            for each, part in zip(target.elts, value, strict=True):
                self._assign(each, part)
        elif isinstance(target, ast.Name):
            self.scope[target.id] = value
        else:
            raise UnwrittenError

    def visit_Constant(self, node: ast.Constant) -> Any:
        return number(node.value)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.scope:
            return self.scope[node.id]
        if node.id in self.function.__globals__:
            return number(self.function.__globals__[node.id])
        if node.id == "abs":
            return abs
        raise UnwrittenError

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if self.visit(node.value) is not math:
            raise UnwrittenError
        return getattr(math, node.attr)

    def visit_Tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.visit(each) for each in node.elts)

    def visit_Call(self, node: ast.Call) -> Any:
        function, arguments = self.visit(node.func), tuple(self.visit(each) for each in node.args)
        if node.keywords:
            raise UnwrittenError
        if function is scaled and (arguments[1] in self.taken.inputs or self._size(arguments[1])):
            self.taken.finite.add(arguments[1])
            return run(cast("FunctionType", _product), arguments, self.taken)
        if isinstance(function, FunctionType) and function not in _FUNCTIONS:
            return run(function, arguments, self.taken)
        if function not in _FUNCTIONS:
            raise UnwrittenError
        if not any(isinstance(x, Text) for x in arguments):
            return function(*arguments)
        return Text(_FUNCTIONS[function].format(*map(text, arguments)))

    def _size(self, x: Any) -> bool:
        """Whether that is the size of an input, which is finite where the input is."""
        return any(x == f"abs({given})" for given in self.taken.inputs)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        x = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            return Text(f"(-{x})") if isinstance(x, Text) else -x
        if isinstance(node.op, ast.Not):
            return Text(f"(NOT {x})") if isinstance(x, Text) else not x
        raise UnwrittenError

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        kind = _OPERATORS.get(type(node.op))
        if kind is None:
            raise UnwrittenError
        sign, compute = kind
        x, y = self.visit(node.left), self.visit(node.right)
        if not isinstance(x, Text) and not isinstance(y, Text):
            try:
                return compute(x, y)
            except ZeroDivisionError:
                raise UnwrittenError from None
        # Numbers of ordinary size: what an infinity or NaN would make of these is left to the kernel.
        if sign == "*" and 0.0 in (x, y):
            self.taken.finite.add(str(x))
            return 0.0
        if (sign in "*/" and y == 1.0) or (sign in "+-" and y == 0.0):
            return x
        if (sign == "*" and x == 1.0) or (sign == "+" and x == 0.0):
            return y
        return Text(f"({text(x)} {sign} {text(y)})")

    def visit_Compare(self, node: ast.Compare) -> Any:
        found, left = [], self.visit(node.left)
        for op, each in zip(node.ops, node.comparators, strict=True):
            kind = _COMPARISONS.get(type(op))
            if kind is None:
                raise UnwrittenError
            right = self.visit(each)
            known = self._decided(left, *kind, right)
            found.append(Text(f"{text(left)} {kind[0]} {text(right)}") if known is None else known)
            left = right
        return _all(found, True)

    def _decided(self, x: Any, sign: str, compute: Callable[[Any, Any], bool], y: Any) -> bool | None:
        """What a comparison gives, if that is known, or may be taken for granted."""
        if not isinstance(x, Text):
            return None if isinstance(y, Text) else compute(x, y)
        if x == y != LOST:
            self.taken.finite.add(x)
            return compute(x, y)
        if x in self.taken.inputs and sign == "=" and y == math.inf:
            self.taken.finite.add(x)
            return False
        return False if isinstance(y, float) and self.taken.within(x, sign, y) else None

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        return _all([self.visit(each) for each in node.values], isinstance(node.op, ast.And))

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        condition = self.visit(node.test)
        if not isinstance(condition, Text):
            return self.visit(node.body if condition else node.orelse)
        a, b = self.visit(node.body), self.visit(node.orelse)
        if isinstance(a, bool) or isinstance(b, bool) or isinstance(a, tuple):
            raise UnwrittenError
        return a if a == b else Text(f"CASE WHEN {condition} THEN {text(a)} ELSE {text(b)} END")


def _product(coefficient: Any, x: Any) -> Any:
    """`scaled` by a finite number."""
    return coefficient * x


def _all(conditions: list[Any], every: bool) -> Any:
    """Whether all, or some, of the conditions hold."""
    texts = [c for c in conditions if isinstance(c, Text)]
    if any(bool(c) != every for c in conditions if not isinstance(c, Text)):
        return not every
    if not texts:
        return every
    return texts[0] if len(texts) == 1 else Text(f"({(' AND ' if every else ' OR ').join(texts)})")


_OPERATORS: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}
_FUNCTIONS: dict[Any, str] = {
    abs: "abs({0})",
    math.sqrt: "sqrt({0})",
    math.exp: "exp({0})",
    math.log: "ln({0})",
    math.tanh: "tanh({0})",
    math.copysign: "CASE WHEN {1} < 0e0 THEN -abs({0}) ELSE abs({0}) END",
    math.pow: "pow({0}, {1})",
    math.expm1: "(tanh(0.5e0 * {0}) * (exp({0}) + 1e0))",
    math.log1p: "CASE WHEN abs({0}) < 0.5e0 THEN 2e0 * atanh({0} / (2e0 + {0})) ELSE ln(1e0 + {0}) END",
    log1p_small: "ln(1e0 + {0})",  # added to what is larger
    # In DuckDB a tanh takes 24 ns, as an atanh does; ln and cosh, whose logarithm has lost 5 bits at 0.2, together 20.
    log_cosh_near: "CASE WHEN {0} < 0.5e0 THEN 2e0 * atanh(tanh(0.5e0 * sqrt({0})) * tanh(0.5e0 * sqrt({0}))) "
    "ELSE ln(cosh(sqrt({0}))) END",
    log1p_unit: "(ln(1e0 + {0}) + ({0} - ((1e0 + {0}) - 1e0)))",  # and what the sum lost
}
"""SQL lacks two that lose no digits near 0: it has functions of which they can be made without."""
_COMPARISONS: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("=", operator.eq),
    ast.NotEq: ("<>", operator.ne),
}
