"""Definitions as formulas of SQL: those that are short enough, for numbers of ordinary size.

A definition is read with texts in the place of its numbers, so its formula is what a kernel computes, in the same
order. What SQL has differently is not in it: NULL, NaN, infinities and what lies outside a domain are left to the
kernel, by `Formula.holds`.
"""

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
    from collections.abc import Callable, Mapping

    from ..define.domain import Domain

LONGEST = 1_000
"""Letters of a formula, at most: DuckDB computes what stands in it twice twice."""

DEAREST = 6
"""Calls of functions that take as long as some dozen operations: a call of a kernel takes as long as ten of them."""
_DEAR = re.compile(r"\b(?:exp|ln|tanh|atanh|pow)\(")

NUMBERS = r"^(DOUBLE|FLOAT|DECIMAL.*|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BOOLEAN)$"
"""The types that are cast to DOUBLE: what else DuckDB makes numbers of, as texts and bits, is wrong. DuckDB decides
this when it plans."""

LARGE, SMALL = "1e30", "1e-30"
"""Between these lie numbers whose powers and quotients are numbers."""

FAR = 64.0
"""From here on an end is taken for one that ordinary numbers do not reach."""


class Formula(NamedTuple):
    """A loss or a derivative of it in SQL, and the condition under which that is what it is."""

    value: str
    holds: str


_LOST = "\0"


class _Text(str):
    """An expression of SQL, in parentheses where that matters; `_LOST` if it is too long, or what it is made of is."""

    def __new__(cls, text: str) -> _Text:
        return super().__new__(cls, _LOST if len(text) > 16 * LONGEST or _LOST in text else text)


class _Taken(NamedTuple):
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
        if self.ends is None or not beyond or _LOST in x or _OTHER.search(x):
            return False
        key, closer = (x, ">" if end < 0.0 else "<"), max if end < 0.0 else min
        self.ends[key] = closer(self.ends.get(key, end), end)
        return True


_OTHER = re.compile(r"CASE|/|\b(?!abs\b|try_cast\b)\w+\(")
"""What is no sum or product."""


class _UnwrittenError(Exception):
    """What a definition says that is not written in SQL."""


def formula(loss: Any, by: int | None, numbers: Mapping[str, str]) -> Formula | None:
    """The loss, or its derivative by that one of `wrt`; None where it is not written in SQL.

    `numbers` has expressions for inputs, and for those parameters, `free` ones, that are not what the loss has.
    """
    given = [n for n in loss.parameters if n in numbers]
    # Which function, and which domain, may depend on values that a formula does not know.
    if hasattr(loss, "target") or loss.frozen is not None or loss.by or (given and loss.single):
        return None
    values = {n: _number(loss.values[n]) for n in loss.parameters}
    read = {**values, **{n: _Text(f"try_cast({x} AS DOUBLE)") for n, x in numbers.items()}}
    try:
        value, taken = _value(loss, by, read, {})
        if taken.ends and (other := _value(loss, by, read, None))[0] == value:
            value, taken = other  # what has ends is not in it
    except (_UnwrittenError, OSError, SyntaxError, ArithmeticError):  # or there is no source
        return None
    if value == _LOST or len(value) > LONGEST or len(_DEAR.findall(value)) > DEAREST:
        return None
    inputs = [read[n] for n in loss.inputs]
    holds = [f"regexp_matches(typeof({numbers[n]}), '{NUMBERS}')" for n in loss.inputs]
    # Plain arithmetic is that of kernels, NULL, NaN, infinities and all, and what is bounded is finite.
    plain = not (taken.finite or given or "CASE" in value) and all(x in value for x in inputs)
    if not plain and not taken.bounded:
        holds.append(f"abs({' + '.join(inputs)}) <= {LARGE}")
    holds += [f"{x} {sign} {_text(end)}" for (x, sign), end in (taken.ends or {}).items()]
    for x, domain in zip(inputs, loss.domains, strict=True):
        holds += _inside(x, domain)
    for n in given:
        holds += [f"abs({read[n]}) BETWEEN {SMALL} AND {LARGE}", *_inside(read[n], loss.parameters[n])]
    return Formula(value, " AND ".join(holds))


def _value(loss: Any, by: int | None, read: Mapping[str, Any], ends: Any) -> tuple[_Text, _Taken]:
    """The text of a loss, or of a derivative, and what it takes for granted; no ends if these are None."""
    taken = _Taken({read[n] for n in loss.inputs}, set(), ends)
    found = _run(loss.jet, tuple(read[n] for n in (*loss.inputs, *loss.parameters)), taken)
    return _text(found[0] if by is None else found[1][by] if len(loss.wrt) > 1 else found[1]), taken


def free(loss: Any) -> list[str]:
    """The parameters that may be expressions: numbers that choose no branch."""
    domains = loss.parameters.items()
    return [n for n, d in domains if d.kind is float and not d.gap and isinstance(loss.values[n], (int, float))]


def _inside(x: str, domain: Domain) -> list[str]:
    """The conditions for a number to lie in a domain."""
    if (domain.ends_only, domain.high) == (True, 1.0) and domain.low in (-1.0, 0.0):
        return [f"abs({x}) = 1e0" if domain.low else f"{x} * {x} = {x}"]  # half the time of two comparisons
    if domain.ends_only:
        return [f"({x} = {_text(domain.low)} OR {x} = {_text(domain.high)})"]
    found = [] if domain.low == -math.inf else [f"{x} {'>' if domain.low_open else '>='} {_text(domain.low)}"]
    return found + (
        [] if domain.high == math.inf else [f"{x} {'<' if domain.high_open else '<='} {_text(domain.high)}"]
    )


def _number(value: Any) -> Any:
    """A constant as definitions see it."""
    return float(value) if isinstance(value, (int, float)) else value


def _text(value: Any) -> _Text:
    if isinstance(value, _Text):
        return value
    if isinstance(value, bool) or not isinstance(value, float):
        raise _UnwrittenError
    text = repr(value) if math.isfinite(value) and "e" in repr(value) else f"{value!r}e0"
    return _Text((f"({text})" if value < 0 else text) if math.isfinite(value) else f"'{value}'::DOUBLE")


@cache
def _tree(function: FunctionType) -> ast.FunctionDef:
    found = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(found, ast.FunctionDef):
        raise _UnwrittenError
    return found


def _run(function: FunctionType, arguments: tuple[Any, ...], taken: _Taken) -> Any:
    """What a definition, or a helper of one, returns of these arguments."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    missing = len(names) - len(arguments)
    if missing > len(defaults) or missing < 0:
        raise _UnwrittenError
    filled = (*arguments, *map(_number, defaults[len(defaults) - missing :]))
    reader = _Reader(function, dict(zip(names, filled, strict=True)), taken)
    for statement in _tree(function).body:
        if isinstance(statement, ast.Return) and statement.value is not None:
            return reader.visit(statement.value)
        reader.visit(statement)
    raise _UnwrittenError


class _Reader(ast.NodeVisitor):
    """Reads a function's statements with numbers and texts in its variables."""

    def __init__(self, function: FunctionType, scope: dict[str, Any], taken: _Taken) -> None:
        self.function, self.scope, self.taken = function, scope, taken

    def generic_visit(self, node: ast.AST) -> Any:
        raise _UnwrittenError

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            raise _UnwrittenError

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
            raise _UnwrittenError

    def visit_Constant(self, node: ast.Constant) -> Any:
        return _number(node.value)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.scope:
            return self.scope[node.id]
        if node.id in self.function.__globals__:
            return _number(self.function.__globals__[node.id])
        if node.id == "abs":
            return abs
        raise _UnwrittenError

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if self.visit(node.value) is not math:
            raise _UnwrittenError
        return getattr(math, node.attr)

    def visit_Tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.visit(each) for each in node.elts)

    def visit_Call(self, node: ast.Call) -> Any:
        function, arguments = self.visit(node.func), tuple(self.visit(each) for each in node.args)
        if node.keywords:
            raise _UnwrittenError
        if function is scaled and arguments[1] in self.taken.inputs:
            self.taken.finite.add(arguments[1])
            return _run(cast("FunctionType", _product), arguments, self.taken)
        if isinstance(function, FunctionType) and function not in _FUNCTIONS:
            return _run(function, arguments, self.taken)
        if function not in _FUNCTIONS:
            raise _UnwrittenError
        if not any(isinstance(x, _Text) for x in arguments):
            return function(*arguments)
        return _Text(_FUNCTIONS[function].format(*map(_text, arguments)))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        x = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            return _Text(f"(-{x})") if isinstance(x, _Text) else -x
        if isinstance(node.op, ast.Not):
            return _Text(f"(NOT {x})") if isinstance(x, _Text) else not x
        raise _UnwrittenError

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        kind = _OPERATORS.get(type(node.op))
        if kind is None:
            raise _UnwrittenError
        sign, compute = kind
        x, y = self.visit(node.left), self.visit(node.right)
        if not isinstance(x, _Text) and not isinstance(y, _Text):
            try:
                return compute(x, y)
            except ZeroDivisionError:
                raise _UnwrittenError from None
        # Numbers of ordinary size: what an infinity or NaN would make of these is left to the kernel.
        if sign == "*" and 0.0 in (x, y):
            self.taken.finite.add(str(x))
            return 0.0
        if (sign in "*/" and y == 1.0) or (sign in "+-" and y == 0.0):
            return x
        if (sign == "*" and x == 1.0) or (sign == "+" and x == 0.0):
            return y
        return _Text(f"({_text(x)} {sign} {_text(y)})")

    def visit_Compare(self, node: ast.Compare) -> Any:
        found, left = [], self.visit(node.left)
        for op, each in zip(node.ops, node.comparators, strict=True):
            kind = _COMPARISONS.get(type(op))
            if kind is None:
                raise _UnwrittenError
            right = self.visit(each)
            known = self._decided(left, *kind, right)
            found.append(_Text(f"{_text(left)} {kind[0]} {_text(right)}") if known is None else known)
            left = right
        return _all(found, True)

    def _decided(self, x: Any, sign: str, compute: Callable[[Any, Any], bool], y: Any) -> bool | None:
        """What a comparison gives, if that is known, or may be taken for granted."""
        if not isinstance(x, _Text):
            return None if isinstance(y, _Text) else compute(x, y)
        if x == y != _LOST:
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
        if not isinstance(condition, _Text):
            return self.visit(node.body if condition else node.orelse)
        a, b = self.visit(node.body), self.visit(node.orelse)
        if isinstance(a, bool) or isinstance(b, bool) or isinstance(a, tuple):
            raise _UnwrittenError
        return a if a == b else _Text(f"CASE WHEN {condition} THEN {_text(a)} ELSE {_text(b)} END")


def _product(coefficient: Any, x: Any) -> Any:
    """`scaled` by a finite number."""
    return coefficient * x


def _all(conditions: list[Any], every: bool) -> Any:
    """Whether all, or some, of the conditions hold."""
    texts = [c for c in conditions if isinstance(c, _Text)]
    if any(bool(c) != every for c in conditions if not isinstance(c, _Text)):
        return not every
    if not texts:
        return every
    return texts[0] if len(texts) == 1 else _Text(f"({(' AND ' if every else ' OR ').join(texts)})")


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
    math.pow: "pow({0}, {1})",
    math.expm1: "(tanh(0.5e0 * {0}) * (exp({0}) + 1e0))",
    math.log1p: "CASE WHEN abs({0}) < 0.5e0 THEN 2e0 * atanh({0} / (2e0 + {0})) ELSE ln(1e0 + {0}) END",
    log1p_small: "ln(1e0 + {0})",  # added to what is larger
    log_cosh_near: "(2e0 * atanh(tanh(0.5e0 * sqrt({0})) * tanh(0.5e0 * sqrt({0}))))",
    log1p_unit: "(2e0 * atanh(1e0 / (1e0 + 2e0 / {0})))",
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
