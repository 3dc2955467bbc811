"""Losses as Polars expressions: every loss by its name, as in ``fl.data.polars.huber("p", "y", delta=1.5)``.

>>> import polars as pl
>>> import fastloss as fl
>>> frame = pl.LazyFrame({"region": ["a", "a", "b"], "p": [1.0, 4.0, None], "y": [0.5, 1.0, 0.0]})
>>> huber = fl.data.polars.huber
>>> frame.select(huber("p", "y", delta=1.5), huber.grad("p", "y").alias("g")).collect().to_dict(as_series=False)
{'huber': [0.125, 3.375, None], 'g': [0.5, 1.0, None]}
>>> frame.group_by("region", maintain_order=True).agg(huber("p", "y").mean()).collect().rows()
[('a', 1.3125), ('b', None)]

`of` makes such a function of any loss: one's own, a derived one, a sum.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..define.hints import missing, too_many
from ..define.wording import listed, shown
from ..losses import ALIASES
from ..registry import LOSSES
from . import arrow
from .arguments import loss_of
from .scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Expression:
    """A loss as a function of columns, with the loss of each row; its `grad` gives the derivative.

    It takes the loss's inputs, each the name of a column or an expression, by position or by name; `weight`, the same;
    and by name the loss's parameters, each a number, or a column or an expression for a value of each row, and the
    keywords `ignore_index`, `class_weight`, `label_smoothing`, `check` and `backend` of the verbs. `dtype` is the type
    of the result, by default ``pl.Float64``. A loss of rows takes columns of lists or arrays, and its gradient is a
    list. A row with a null in any column is null. The result is called as the loss.

    It runs lazily, on batches of the streaming engine, too, and serially on each where Polars has threads of its own.
    """

    def __init__(self, loss: Any) -> None:
        self.loss = loss

    def __repr__(self) -> str:
        return f"<fastloss.data.polars: {self.loss!r}>"

    def __call__(self, *columns: Any, weight: Any = None, dtype: Any = None, **more: Any) -> Any:
        """The loss of each row."""
        return _expression(self.loss, columns, weight, dtype, more, None)

    def grad(self, *columns: Any, by: str | None = None, weight: Any = None, dtype: Any = None, **more: Any) -> Any:
        """The derivative of each row's loss with respect to the prediction, or to the input that `by` names."""
        own = [self.loss.inputs[k] for k in self.loss.wrt]
        if by is not None and by not in own:
            raise ValueError(f"{self.loss.name}: by is {shown(by)}, expected {listed(own, 'or')}; with_respect_to "
                             "chooses others")  # fmt: skip
        return _expression(self.loss, columns, weight, dtype, more, by or own[0])


def of(loss: Any) -> Expression:
    """A loss, or the loss of that name, as a function of columns.

    >>> import polars as pl
    >>> import fastloss as fl
    >>> robust = fl.data.polars.of(fl.huber.bind(delta=2.0) + 0.5 * fl.absolute_error)
    >>> pl.DataFrame({"p": [3.0], "y": [0.0]}).select(robust("p", "y").alias("loss")).item()
    5.5
    """
    return Expression(loss_of(loss))


def __getattr__(name: str) -> Expression:
    if name in LOSSES or name in ALIASES:
        return Expression(LOSSES[ALIASES.get(name, name)])
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ..losses.names import row_by_row

    meant = row_by_row(name)
    if "no loss of each row" not in meant:
        meant = re.sub(r"fl\.(?!math)", "fl.data.polars.", meant)
    raise AttributeError(f"fl.data.polars: {name!r}: {meant}", obj=LOSSES)


def __dir__() -> list[str]:
    return sorted(["Expression", "of", *LOSSES, *ALIASES])


def _expression(
    loss: Any, columns: Sequence[Any], weight: Any, dtype: Any, more: Mapping[str, Any], by: str | None
) -> Any:
    arrow.pyarrow()
    import polars as pl

    if len(columns) > len(loss.inputs):
        raise too_many(loss, tuple(columns))
    given = dict(zip(loss.inputs, columns, strict=False))
    for name in loss.inputs[len(columns) :]:
        if name not in more:
            raise missing(loss, name, more)
    rest: dict[str, Any] = {}
    for name, x in more.items():
        known = name in loss.inputs or name in loss.parameters
        (given if known and isinstance(x, (str, pl.Expr)) else rest)[name] = x
    if weight is not None:
        given["weight"] = weight
    for name, x in given.items():
        if not isinstance(x, (str, pl.Expr)):
            hint = "; several columns are polars.concat_list(...)" if isinstance(x, (list, tuple)) else ""
            hint = f"; a number is polars.lit({x!r})" if isinstance(x, (int, float)) else hint
            raise TypeError(f"{loss.name}: {name} is {shown(x)}, expected a column's name or an expression{hint}")
    names = tuple(given)
    rest.update({n: n for n in names if n in loss.parameters})
    output, grad = (loss.name, None) if by is None else (None, {by: loss.name})
    scorer = Scorer(loss, None, None, None if weight is None else "weight", output, grad, "null", rest)
    dtype = dtype or pl.Float64
    kind = pl.List(dtype) if by is not None and hasattr(loss, "target") else dtype
    exprs = [pl.col(x) if isinstance(x, str) else x for x in given.values()]
    return pl.map_batches(exprs, _Run(scorer, names, kind), return_dtype=kind, is_elementwise=True).alias(loss.name)


class _Run:
    """What Polars calls with its columns; it can be pickled."""

    def __init__(self, scorer: Scorer, names: tuple[str, ...], kind: Any) -> None:
        self.scorer, self.names, self.kind = scorer, names, kind

    def __call__(self, columns: Sequence[Any]) -> Any:
        """The new column."""
        import polars as pl

        n = 0 if any(not len(s) for s in columns) else max(map(len, columns))
        whole = [s.new_from_index(0, n) if len(s) == 1 != n else s for s in columns]
        try:
            read = self.scorer.read(dict(zip(self.names, whole, strict=True)), None)
        except (TypeError, ValueError) as error:
            text = str(error)
            for name, s in zip(self.names, whole, strict=True):
                text = text.replace(f": column {name!r} ", f": column {s.name!r} ")
            raise type(error)(text) from None
        (made,) = self.scorer.compute(read, None)
        array = arrow.array(made.values, made.nulls, arrow.pyarrow().large_list(arrow.pyarrow().null()))
        found = pl.Series(made.name, pl.from_arrow(array))
        return found if found.dtype == self.kind else found.cast(self.kind)
