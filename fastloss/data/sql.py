"""Losses as SQL functions of DuckDB: a macro for each, whose arguments have names and defaults.

It is a formula where `formulas.py` has one that holds, and else calls a function. Functions take any types as they are,
for one with declared types would copy float columns to double.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from ..define.keywords import keywords_of
from ..define.wording import named
from ..losses import ALIASES
from ..registry import LOSSES
from . import arrow
from .arguments import loss_of
from .arrow import Unread
from .formulas import Formula, formula, free
from .scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

KEYWORDS: dict[str, Any] = {"ignore_index": int, "label_smoothing": float, "class_weight": tuple}
"""Keywords of the verbs that are arguments in SQL, too, and what reads them."""


def duckdb(con: Any, losses: Iterable[Any] | Mapping[str, Any] | None = None) -> Any:
    """Make losses functions of SQL in a DuckDB connection, and return the connection.

    ``huber(p, y)`` is the loss of each row and ``huber_grad(p, y)`` its derivative with respect to the prediction, as
    DOUBLE. Parameters have their names and defaults, ``huber(p, y, delta := 1.5)``,
    and may be columns. A loss of rows takes lists or arrays, ``cross_entropy(logits, label)``, and its gradient is a
    list; `ignore_index`, `label_smoothing` and `class_weight` are one value for all rows there. NULL in any argument
    gives NULL. A name that DuckDB has already ends in ``_loss`` here: ``gamma_loss``, ``quantile_loss``. What
    differentiates a second input has it in its name: ``margin_ranking_grad_other``.

    con
        A connection. Another one, also a cursor, does not see the functions: call this for it, too.
    losses : list of names or losses, or dict, optional
        Those that are made, a dictionary's under its names; by default all of `fastloss.LOSSES`, and their aliases.

    Most losses of elements are formulas of SQL, computed in DOUBLE at DuckDB's own speed. The others, rows that SQL
    has other rules for (NULL, NaN, infinities), and whatever is wrong are left to kernels, in the prediction's type:
    DuckDB runs these one thread at a time and 2,048 rows at a call. What goes through a whole table is then faster with
    `scorer` on its record batches: docs/data.md shows how. A formula has its arguments in it several times: what
    differs from one time to the next, as ``random()``, has to be a column before.

    >>> import duckdb
    >>> import fastloss as fl
    >>> con = fl.data.duckdb(duckdb.connect(), ["huber", "cross_entropy"])
    >>> con.sql("select huber(4.0, 1.0), huber(4.0, 1.0, delta := 1.5), huber_grad(4.0, 1.0)").fetchall()
    [(2.5, 3.375, 1.0)]
    >>> con.sql("select cross_entropy([0.0, 0.0], 1), huber(NULL, 1.0)").fetchall()
    [(0.6931471805599453, None)]
    """
    if not hasattr(con, "create_function"):
        raise TypeError(f"fl.data.duckdb: con is {named(con)}, expected a connection, as duckdb.connect() gives")
    arrow.pyarrow()
    known = dict(con.execute("select function_name, internal from duckdb_functions() order by internal").fetchall())
    for name, loss in _chosen(losses):
        if loss.rooted:
            continue
        _create(con, known, name, loss, None)
        for k, place in enumerate(loss.wrt):
            by = f"_{loss.inputs[place]}" if k else ""
            _create(con, known, f"{name}_grad{by}", loss, loss.inputs[place])
    return con


def _chosen(losses: Any) -> Iterator[tuple[str, Any]]:
    """Each loss with its name in SQL."""
    if losses is None:
        yield from LOSSES.items()
        yield from ((alias, LOSSES[name]) for alias, name in ALIASES.items())
    elif hasattr(losses, "items"):
        yield from ((name, loss_of(loss)) for name, loss in losses.items())
    else:
        for each in [losses] if isinstance(losses, str) else losses:
            yield each if isinstance(each, str) else each.name, loss_of(each)


def _create(con: Any, known: dict[str, bool], name: str, loss: Any, by: str | None) -> None:
    """Make one function: the loss, or its derivative with respect to an input."""
    defaults = _defaults(loss)
    inputs, more = [_quoted(n) for n in loss.inputs], [_quoted(n) for n in defaults]
    # A cursor finds the function of the connection, but not its macro.
    inner = f"fastloss {loss!r} {by or ''}" + ("" if LOSSES.get(loss.name) == loss else f" {next(_others)}")
    place = None if by is None else loss.wrt.index(loss.inputs.index(by))
    read = dict(zip(loss.inputs, inputs, strict=True))
    body = _written(formula(loss, place, read), (), _called(con, known, inner, loss, by, inputs))
    if more:
        # DuckDB decides this when it plans, if no argument is given: it then hands over, and we read, inputs alone.
        given = _called(con, known, f"{inner} with {', '.join(defaults)}", loss, by, inputs, more)
        usual = {n: f"{_quoted(n)} {'is null' if v == 'NULL' else f'= {v}'}" for n, v in defaults.items()}
        numbers = [] if hasattr(loss, "target") else free(loss)
        rest = [condition for n, condition in usual.items() if n not in numbers]
        found = formula(loss, place, read | {n: _quoted(n) for n in numbers}) if numbers else None
        body = f"case when {' and '.join(usual.values())} then {body} else {_written(found, rest, given)} end"
    declared = ", ".join([*inputs, *(f"{n} := {v}" for n, v in zip(more, defaults.values(), strict=True))])
    own = f"{name}_loss" if known.get(name.lower()) else name
    con.execute(f"create or replace temp macro {_quoted(own)}({declared}) as {body}")


# Arguments stand in a formula several times. A lambda, list_transform([x], lambda v: ...)[1], computes them once and
# takes 10 ns a row, as long as all of huber; a scalar subquery takes 190 (DuckDB 2.0.1, one thread, 3 million rows).
def _written(found: Formula | None, also: Iterable[str], call: str) -> str:
    """A formula where it holds, and `also` does; else, and where there is none, a call."""
    return call if found is None else found.otherwise(call, also)


def _called(
    con: Any, known: dict[str, bool], inner: str, loss: Any, by: str | None, inputs: list[str], more: Iterable[str] = ()
) -> str:
    """A call of a function of that name, which is made if there is none."""
    if inner not in known:
        known[inner] = False
        kind = "DOUBLE[]" if by and hasattr(loss, "target") else "DOUBLE"
        function = _function(loss, by, tuple(_defaults(loss)) if more else ())
        con.create_function(inner, function, None, kind, type="arrow", null_handling="special")
    return f"{_quoted(inner)}({', '.join([*inputs, *more])})"


_others = count()
"""Numbers of losses that are not the library's: two may look alike."""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _defaults(loss: Any) -> dict[str, str]:
    """The further arguments and their defaults, in SQL."""
    numbers = {n: v for n, v in loss.values.items() if v is None or isinstance(v, (bool, float, int))}
    more = {n: None for n in KEYWORDS if n in keywords_of(loss)}
    return {n: "NULL" if v is None else f"{v}" if isinstance(v, bool) else f"'{v!r}'::DOUBLE" for n, v in
            {**numbers, **more}.items()}  # fmt: skip


def _function(loss: Any, by: str | None, more: tuple[str, ...]) -> Callable[..., Any]:
    """A function of Arrow's columns: the inputs, then `more` of what `_defaults` names."""
    seen: dict[Any, Scorer] = {}
    usual: Any = None if more or hasattr(loss, "target") else loss.grad if by else loss
    place = loss.wrt.index(loss.inputs.index(by)) if by else 0

    def run(*columns: Any) -> Any:
        numbers = arrow.floats(columns) if usual else None
        if numbers is not None:
            try:
                found = usual(*numbers, reduction="none")
                return arrow.double(found[place] if isinstance(found, tuple) else found)
            except (TypeError, ValueError):
                pass  # which is said below, in the words of columns
        given = dict(zip((*loss.inputs, *more), columns, strict=True))
        constant = tuple([_constant(loss, n, given[n]) for n in more])
        if constant not in seen:
            seen[constant] = _scorer(loss, by, dict(zip(more, constant, strict=True)))
        asked = seen[constant]
        (made,) = asked.compute(asked.read(given, None), None)
        return arrow.double(made.values, made.nulls)

    return run


def _constant(loss: Any, name: str, column: Any) -> Any:
    """The value that an argument has in all rows; its name, if values differ."""
    keyword = name in KEYWORDS and name not in loss.parameters
    if column.null_count == len(column) and (keyword or name in loss.optional):
        return None
    try:
        values, nulls, _ = arrow.read(column)
    except Unread as error:
        raise TypeError(f"{loss.name}: {name} {error.told(None)}") from None
    first = values[0]
    same = nulls is None and (values == first).all()
    if keyword and not same:
        raise TypeError(f"{loss.name}: {name} differs from row to row, expected one value for all rows")
    if same:
        return KEYWORDS[name](first) if keyword else first.item()
    if name in loss.single:
        raise loss.not_single(name, values)
    return name


def _scorer(loss: Any, by: str | None, constant: Mapping[str, Any]) -> Scorer:
    given = {n: v for n, v in constant.items() if v is not None}
    output, grad = (None, {by: "grad"}) if by else ("loss", None)
    return Scorer(loss, None, None, None, output, grad, "null", given)
