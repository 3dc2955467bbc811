"""Definitions as formulas of SQL: those that are short enough, for numbers of ordinary size.

A definition is read with texts in the place of its numbers, so its formula is what a kernel computes, in the same
order. What SQL has differently is not in it: NULL, NaN, infinities and what lies outside a domain are left to the
kernel, by `Formula.holds`.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .written import LONGEST, LOST, Taken, Text, UnwrittenError, number, run, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..define.domain import Domain

DEAREST = 6
"""Calls of functions that take as long as some dozen operations: a call of a kernel takes as long as ten of them."""
_RAISES = re.compile(r"\b(?:sqrt|atanh|pow)\(|(?:\bln\(| / \()(?!1(?:\.0)?e0 \+ exp\()| / [^(]")
"""What DuckDB makes an error of for some numbers, where its `ieee_floating_point_ops` are off."""
_DEAR = re.compile(r"\b(?:exp|ln|tanh|atanh|pow)\(")

NUMBERS = r"^(DOUBLE|FLOAT|DECIMAL.*|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BOOLEAN)$"
"""The types that are cast to DOUBLE: what else DuckDB makes numbers of, as texts and bits, is wrong. DuckDB decides
this when it plans."""

LARGE, SMALL = "1e30", "1e-30"
"""Between these lie numbers whose powers and quotients are numbers."""


_CASE = re.compile(r"\bCASE\b(?:(?!\bCASE\b).)*?\bEND\b")


class Formula(NamedTuple):
    """A loss or a derivative of it in SQL, and the condition under which that is what it is."""

    value: str
    holds: str

    def otherwise(self, call: str, also: Iterable[str] = ()) -> str:
        """The loss where that and `also` hold, and else a call."""
        holds = " AND ".join([*also, self.holds])
        if self.shared:
            return f"coalesce({self.value} * CASE WHEN {holds} THEN 1e0 END, {call})"
        return f"CASE WHEN {holds} THEN {self.value} ELSE {call} END"

    @property
    def shared(self) -> bool:
        """Whether it pays, and does no harm, to compute all rows, those as well of which it does not hold.

        DuckDB computes a call that stands twice in a projection or sum once, but not in a CASE. Where no call does,
        CASE is faster.
        """
        plain, cases = self.value, 1
        while cases:
            plain, cases = _CASE.subn("", plain)
        calls = [_call(plain[found.start() :]) for found in _DEAR.finditer(plain)]
        return len({*calls}) < len(calls) and not _RAISES.search(self.value)


def formula(loss: Any, by: int | None, numbers: Mapping[str, str]) -> Formula | None:
    """The loss, or its derivative by that one of `wrt`; None where it is not written in SQL.

    `numbers` has expressions for inputs, and for those parameters, `free` ones, that are not what the loss has.
    """
    given = [n for n in loss.parameters if n in numbers]
    # Which function, and which domain, may depend on values that a formula does not know.
    if hasattr(loss, "target") or loss.frozen is not None or loss.by or (given and loss.single):
        return None
    values = {n: number(loss.values[n]) for n in loss.parameters}
    read = {**values, **{n: Text(f"try_cast({x} AS DOUBLE)") for n, x in numbers.items()}}
    loss = loss.for_any(given)
    value, taken = _value(loss, by, read, {})
    if taken.ends and (other := _value(loss, by, read, None))[0] == value:
        value, taken = other  # what has ends is not in it
    if value == LOST or len(value) > LONGEST or len(_DEAR.findall(value)) > DEAREST:
        return None
    inputs = [read[n] for n in loss.inputs]
    holds = [f"regexp_matches(typeof({numbers[n]}), '{NUMBERS}')" for n in loss.inputs]
    # Plain arithmetic is that of kernels, NULL, NaN, infinities and all, and what is bounded is finite.
    plain = not (taken.finite or given or "CASE" in value) and all(x in value for x in inputs)
    if not plain and not taken.bounded:
        holds.append(f"abs({' + '.join(inputs)}) <= {LARGE}")
    holds += [f"{x} {sign} {text(end)}" for (x, sign), end in (taken.ends or {}).items()]
    for x, domain in zip(inputs, loss.domains, strict=True):
        holds += _inside(x, domain)
    for n in given:
        holds += [f"abs({read[n]}) BETWEEN {SMALL} AND {LARGE}", *_inside(read[n], loss.parameters[n])]
    return Formula(value, " AND ".join(holds))


def _value(loss: Any, by: int | None, read: Mapping[str, Any], ends: Any) -> tuple[Text, Taken]:
    """The text of a loss, or of a derivative, and what it takes for granted; no ends if these are None."""
    taken = Taken({read[n] for n in loss.inputs}, set(), ends)
    try:
        found = run(loss.jet, tuple(read[n] for n in (*loss.inputs, *loss.parameters)), taken)
        return text(found[0] if by is None else found[1][by] if len(loss.wrt) > 1 else found[1]), taken
    except (UnwrittenError, OSError, SyntaxError, ArithmeticError):  # or there is no source
        return Text(LOST), taken


def _call(sql: str) -> str:
    """The call of a function that a text begins with."""
    depth = 0
    for end, letter in enumerate(sql):
        depth += (letter == "(") - (letter == ")")
        if letter == ")" and not depth:
            return sql[: end + 1]
    return sql


def free(loss: Any) -> list[str]:
    """The parameters that may be expressions: numbers that choose no branch."""
    domains = loss.parameters.items()
    return [n for n, d in domains if d.kind is float and not d.gap and isinstance(loss.values[n], (int, float))]


def _inside(x: str, domain: Domain) -> list[str]:
    """The conditions for a number to lie in a domain."""
    if (domain.ends_only, domain.high) == (True, 1.0) and domain.low in (-1.0, 0.0):
        return [f"abs({x}) = 1e0" if domain.low else f"{x} * {x} = {x}"]  # half the time of two comparisons
    if domain.ends_only:
        return [f"({x} = {text(domain.low)} OR {x} = {text(domain.high)})"]
    found = [] if domain.low == -math.inf else [f"{x} {'>' if domain.low_open else '>='} {text(domain.low)}"]
    return found + ([] if domain.high == math.inf else [f"{x} {'<' if domain.high_open else '<='} {text(domain.high)}"])
