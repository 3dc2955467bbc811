"""`scorer`: a loss as a function of batches, with the loss of each row, and its gradient, as further columns."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..define.keywords import keywords_of
from ..define.wording import listed, named, wrong_choice
from . import batches
from .arguments import OWN, by_place, columns_of, gradients_of, loss_of, unknown
from .arrow import Column, Unread, any_null, in_row
from .batches import Made
from .columns import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..loss import Loss, RowLoss

    Columns = str | Sequence[str]

NULLS = ("absent", "null", "raise")


class Rows(NamedTuple):
    """What a scorer has read of a batch."""

    inputs: tuple[NDArray[Any], ...]
    parameters: dict[str, NDArray[Any]]
    weight: NDArray[Any] | None
    """What each row weighs, 0 where it is absent; None if all weigh 1."""
    nulls: NDArray[np.bool_] | None
    """Which rows have a null in some column; None if none has."""
    forms: tuple[Any, ...]
    """What the inputs' columns were."""


def scorer(
    loss: str | Loss | RowLoss,
    pred: Columns | None = None,
    target: Columns | None = None,
    weight: str | None = None,
    output: str | None = "loss",
    grad: Columns | Mapping[str, Columns] | None = None,
    nulls: str = "absent",
    **more: Any,
) -> Scorer:
    """Return a function of batches that adds the loss of each row, and its gradient, as columns.

    It takes a pyarrow Table or RecordBatch, a pandas or Polars DataFrame, or a dictionary of arrays, and gives one of
    the same kind with the columns added; the batch itself is not changed. It can be pickled, so Ray, Spark and Dask
    can send it to their workers.

    loss : str or loss
        The name of a loss, or any loss of elements or rows: one's own, a derived one, a sum.
    pred, target : str or list of str
        The column of the prediction and of the target; those of a loss's other inputs are given by their names, as in
        ``var="v"``. By default a column is called as the input. A loss of rows reads a column of lists, or several
        columns: ``pred=["p0", "p1", "p2"]``; labels are one column.
    weight : str, optional
        The column of each row's weight: rows of weight 0 are absent, whatever they hold.
    output : str or None
        What the column of the losses is called; None leaves it out.
    grad : str, list of str or dict, optional
        What the column of the gradient is called: of lists, for a loss of rows, as the prediction's column has, or
        several columns. A loss with several derivatives takes a dictionary, ``{"pred": "g", "other": "h"}``.
    nulls : {"absent", "null", "raise"}
        What a row with a null in any of these columns is: absent, as with a weight of 0, so that its loss and gradient
        are 0; null in the new columns (in NumPy's arrays NaN); or an error. NaN is no null: NaN in, NaN out.
    more
        The loss's parameters, each a number, or a column's name for a value of each row; columns of further inputs;
        and the keywords `ignore_index`, `class_weight`, `label_smoothing`, `check` and `backend` of the verbs.

    Floats are computed in the prediction's type, integers, decimals and booleans as float64; the loss is what the
    loss's call gives with ``reduction="none"``, weighted, and its type. Numbers outside a loss's domain, and labels
    that are no class, raise a ValueError that names column and row.

    >>> import numpy as np
    >>> import fastloss as fl
    >>> score = fl.data.scorer("gaussian_nll", pred="mean", target="y", var="v", output="nll")
    >>> score({"mean": np.array([0.0, 1.0]), "y": np.array([1.0, 1.0]), "v": np.array([1.0, 4.0])})["nll"]
    array([0.5       , 0.69314718])
    """
    return Scorer(loss_of(loss), pred, target, weight, output, grad, nulls, more)


class Scorer:
    """A loss as a function of batches: see `scorer`, which makes it."""

    def __init__(
        self,
        loss: Any,
        pred: Columns | None,
        target: Columns | None,
        weight: str | None,
        output: str | None,
        grad: Columns | Mapping[str, Columns] | None,
        nulls: str,
        more: Mapping[str, Any],
    ) -> None:
        if nulls not in NULLS:
            raise wrong_choice(loss.name, "nulls", nulls, NULLS)
        self.inputs, self.keywords = {n: n for n in loss.inputs}, {}
        self.varying: dict[str, str] = {}
        numbers = {}
        for name, value in {**by_place(loss, pred, target), **more}.items():
            if name in loss.inputs:
                self.inputs[name] = columns_of(loss, name, value)
            elif name in loss.parameters and isinstance(value, str):
                if name in loss.single:
                    raise loss.not_single(name, value)
                self.varying[name] = value
            elif name in loss.parameters:
                if np.ndim(value) > hasattr(loss, "target"):
                    raise TypeError(
                        f"{loss.name}: {name} is {named(value)}, expected a number, or the name of a column"
                    )
                numbers[name] = value
            elif name in keywords_of(loss) and name not in OWN:
                self.keywords[name] = value
            else:
                raise unknown(loss, name)
        if loss.rooted:
            under = f"{loss.jet.__name__}, which is under the root, has one"
            raise ValueError(f"{loss.name}: it is the root of a mean, and has no loss of a row; {under}")
        self.loss = loss.bind(**numbers) if numbers else loss
        self.weight = None if weight is None else columns_of(loss, "weight", weight)
        self.output = None if output is None else columns_of(loss, "output", output)
        self.grads = gradients_of(loss, grad)
        self.nulls = nulls
        if self.output is None and not self.grads:
            raise ValueError(f"{loss.name}: output is None and no grad is asked for: nothing would be computed")
        made = [*self._made()]
        if twice := [name for name in made if made.count(name) > 1]:
            raise ValueError(f"{loss.name}: output and grad name {twice[0]!r} twice, expected a name for each column")
        self.columns = tuple(dict.fromkeys(self._names()))
        """The columns that are read: what a file has besides need not be."""

    def __repr__(self) -> str:
        return f"<scorer of {self.loss!r} from {listed([repr(c) for c in self.columns])}>"

    def __call__(self, batch: Any) -> Any:
        """The batch with the new columns."""
        asked = batches.of(self.loss.name, batch)
        self._check(asked.names)
        parts = batches.pieces(batch)
        if parts is None:
            return asked.add(self.compute(self._read(asked.column)))
        made, row = [], 0
        for part in parts:
            made.append(self.compute(self._read(part.column, row), row))
            row += part.num_rows
        return batches.joined(batch, made)

    def arrays(self, columns: Mapping[str, Any], row: int | None = 0) -> dict[str, NDArray[Any]]:
        """The new columns alone, as NumPy's arrays: with a mask where ``nulls="null"`` makes nulls.

        `columns` has arrays of NumPy or Arrow, lists, or columns of frames, by name. `row` is what errors call the
        first of them; None if that means nothing.
        """
        return {
            m.name: m.values if m.nulls is None else np.ma.MaskedArray(m.values, _spread(m.nulls, m.values))
            for m in self.compute(self.read(columns, row), row)
        }

    def read(self, columns: Mapping[str, Any], row: int | None = 0) -> Rows:
        """What `compute` takes, of columns by name."""
        self._check(columns)
        return self._read(columns.__getitem__, row)

    def compute(self, rows: Rows, row: int | None = 0) -> list[Made]:
        """The new columns."""
        given = {**rows.parameters, **self.keywords, "reduction": "none", "weight": rows.weight}
        inputs = _equal_rows(rows.inputs, rows.nulls)
        value: Any = None
        grads: Any = ()
        try:
            if not self.grads:
                value = self.loss(*inputs, **given)
            elif self.output is None:
                grads = self.loss.grad(*inputs, **given)
            else:
                value, grads = self.loss.value_and_grad(*inputs, **given)
        except (TypeError, ValueError) as error:
            raise type(error)(self._placed(str(error), row)) from None
        nulls = rows.nulls if self.nulls == "null" else None
        made = [] if self.output is None else [Made(self.output, value, nulls, rows.forms[0])]
        grads = grads if isinstance(grads, tuple) else (grads,)
        for name, called in self.grads.items():
            k = self.loss.inputs.index(name)
            values = grads[self.loss.wrt.index(k)]
            if values.ndim == 2:
                values = values[:, : rows.inputs[k].shape[1]]
            made += _named(self.loss, called, values, nulls, rows.forms[k])
        return made

    def _read(self, column: Any, row: int | None = 0) -> Rows:
        inputs = [self._input(name, called, column, row) for name, called in self.inputs.items()]
        varying = {name: self._column(called, column, row, 1) for name, called in self.varying.items()}
        weight = None if self.weight is None else self._column(self.weight, column, row, 1)
        every = [*inputs, *varying.values(), *([] if weight is None else [weight])]
        lengths = {len(c.values) for c in every}
        if len(lengths) > 1:
            told = listed([f"{c!r} has {len(column(c))}" for c in self.columns])
            raise ValueError(f"{self.loss.name}: the columns have different numbers of rows: {told}")
        nulls = any_null(*[c.nulls for c in every])
        of_weight = None if weight is None else weight.values
        if nulls is not None:
            of_weight = ~nulls if of_weight is None else np.where(nulls, 0, of_weight)
        return Rows(
            tuple(c.values for c in inputs),
            {name: c.values for name, c in varying.items()},
            of_weight,
            nulls,
            tuple(c.form for c in inputs),
        )

    def _input(self, name: str, called: Columns, column: Any, row: int | None) -> Column:
        """The column, or columns, of an input."""
        rows = hasattr(self.loss, "target")
        k = self.loss.inputs.index(name)
        labels = rows and k >= self.loss.scores
        if isinstance(called, str):
            axes = None if labels and self.loss.target == "both" else 2 if rows and not labels else 1
            if labels and self.loss.target == "dense":
                axes = 2
            return self._column(called, column, row, axes)
        if not rows or (labels and self.loss.target == "labels"):
            raise ValueError(f"{self.loss.name}: {name} is {len(called)} columns, expected one")
        several = [self._column(c, column, row, 1) for c in called]
        made = np.empty((len(several[0].values), len(several)), np.result_type(*[c.values for c in several]))
        for i, c in enumerate(several):
            if len(c.values) != len(made):
                raise ValueError(f"{self.loss.name}: column {called[i]!r} has {len(c.values)} rows, and {called[0]!r} "
                                 f"has {len(made)}")  # fmt: skip
            made[:, i] = c.values
        return Column(made, any_null(*[c.nulls for c in several]))

    def _column(self, called: str, column: Any, row: int | None, axes: int | None) -> Column:
        """A column of that many axes; None if both will do."""
        what = f"{self.loss.name}: column {called!r}"
        try:
            found = read(column(called))
        except Unread as error:
            raise TypeError(f"{what} {error.told(row)}") from None
        n = len(found.values)
        if axes == 2 and found.values.ndim == 1 and (not n or (found.nulls is not None and found.nulls.all())):
            found = found._replace(values=np.zeros((n, 0), found.values.dtype))
        if axes is not None and found.values.ndim != axes:
            expected = "one number for each row" if axes == 1 else "lists of numbers, or several columns"
            got = "one number" if axes == 2 else f"{found.values.shape[1]} numbers"
            raise ValueError(f"{what} has {got} for each row, expected {expected}")
        if found.nulls is not None and self.nulls == "raise":
            first = in_row(row, int(found.nulls.argmax()))
            raise ValueError(f"{what} is null in {first}; nulls='absent' and nulls='null' take such rows")
        return found

    def _check(self, names: Iterable[str]) -> None:
        """See that the columns that are read are there, and that those that are made are not."""
        there = list(names)
        for called in self.columns:
            if called not in there:
                close = get_close_matches(called, [str(n) for n in there], 1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise ValueError(f"{self.loss.name}: there is no column {called!r}, there are "
                                 f"{listed([repr(n) for n in there]) or 'none'}{hint}")  # fmt: skip
            if there.count(called) > 1:
                raise ValueError(f"{self.loss.name}: there are {there.count(called)} columns {called!r}, expected one")
        for called in self._made():
            if called in there:
                raise ValueError(f"{self.loss.name}: there is a column {called!r} already; output and grad name "
                                 "the new ones")  # fmt: skip

    def _names(self) -> Iterable[str]:
        for called in (*self.inputs.values(), *self.varying.values(), self.weight or ()):
            yield from [called] if isinstance(called, str) else called

    def _made(self) -> Iterable[str]:
        for called in (self.output or (), *self.grads.values()):
            yield from [called] if isinstance(called, str) else called

    def _placed(self, text: str, row: int | None) -> str:
        """An error of the loss, with column and row in the place of argument and index."""
        found = re.match(r"(.*?: )(\w+)\[(\d+)(?:, (\d+))?\] ", text)
        of = {**self.inputs, **self.varying, "weight": self.weight}
        if found is None or found[2] not in of:
            return text
        called = of[found[2]]
        inner = "" if found[4] is None else f", number {found[4]},"
        if not isinstance(called, str):
            called, inner = called[int(found[4] or 0)], ""
        return f"{found[1]}column {called!r} in {in_row(row, int(found[3]))}{inner} {text[found.end() :]}"


def _named(loss: Any, called: Columns, grad: NDArray[Any], nulls: Any, form: Any) -> list[Made]:
    """A derivative as one column, or as several."""
    if isinstance(called, str):
        return [Made(called, grad, nulls, form)]
    if len(called) != grad.shape[1]:
        raise ValueError(f"{loss.name}: grad names {len(called)} columns, expected {grad.shape[1]}, one for each score")
    return [Made(c, grad[:, k], nulls, form) for k, c in enumerate(called)]


def _equal_rows(inputs: tuple[NDArray[Any], ...], nulls: Any) -> list[NDArray[Any]]:
    """The inputs, with as many numbers as others have in a row, or one, where no row says how many."""
    lost = [x.ndim == 2 and not x.shape[1] and (not len(x) or (nulls is not None and nulls.all())) for x in inputs]
    if not any(lost):
        return list(inputs)
    size = max([x.shape[1] for x in inputs if x.ndim == 2] + [1])
    return [np.zeros((len(x), size), x.dtype) if gone else x for x, gone in zip(inputs, lost, strict=True)]


def _spread(nulls: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[np.bool_]:
    return nulls if values.ndim == 1 else np.broadcast_to(nulls[:, None], values.shape)
