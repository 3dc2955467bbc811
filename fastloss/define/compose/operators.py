"""`+`, `-`, `*` and `/` of losses.

>>> import fastloss as fl
>>> loss = 2.0 * fl.huber + fl.quantile.bind(q=0.75)
>>> loss
2 * huber(delta=1.0) + quantile(q=0.75)
>>> loss.value_and_grad([1.0, 4.0], [0.0, 2.0])
(np.float64(2.375), array([1.125, 1.125]))
>>> loss([1.0, 4.0], [0.0, 2.0], huber__delta=0.5, quantile__factor=0.0)
np.float64(1.25)
>>> loss.bind(huber__factor=1.0) == sum([fl.huber, fl.quantile.bind(q=0.75)])
True
"""

from __future__ import annotations

from functools import cache
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from ..parameters import Parametrised
from ..wording import shown


class Addable(Parametrised):
    """Losses are added, subtracted, and multiplied by numbers; the result is a loss of the same kind."""

    shared: ClassVar[Any]
    __array_ufunc__ = None  # NumPy's numbers leave the arithmetic to the loss

    def __add__(self, other: Any) -> Any:
        """A loss that is the sum of two, in one pass over the arrays; `sum` adds any number of them.

        Value and derivatives are the sums of the terms'. These take the same inputs by the same names, and the domain
        of an input is what all of their domains have in common. Their parameters are found under the term's name and
        two underscores, as in scikit-learn: ``huber__delta``; a term that stands there twice is numbered,
        ``huber_1__delta``. Beside them each term has a factor, ``huber__factor``, any finite number, which is bound or
        passed as any other parameter, though not as an array. A term whose factor is 0 is left out, even where it is
        infinite. The others are added as they are: infinities of both signs make NaN, and a small difference of large
        losses loses digits. One kernel serves all factors but 0, 1 and -1, which have others.

        There is a second derivative where all terms have one. Of rows, what the terms sum and keep has to fit into one
        kernel: 16 sums, 3 numbers that are kept of each score, one search for a threshold. A root of a mean, as in
        `root_mean_squared_error`, is no sum over elements, and cannot be a term.

        >>> import fastloss as fl
        >>> loss = 0.7 * fl.cross_entropy + 0.3 * fl.multiclass_focal
        >>> loss([[0.0, 0.0]], [1], multiclass_focal__gamma=1.0)
        np.float64(0.5891751034759535)
        """
        return _added(self, 1.0, other, "+")

    def __radd__(self, other: Any) -> Any:
        return _added(self, 1.0, other, "+")  # of numbers there is 0 alone, with which the built-in `sum` begins

    def __sub__(self, other: Any) -> Any:
        """The sum of a loss and another times -1."""
        return _added(self, -1.0, other, "-")

    def __rsub__(self, other: Any) -> Any:
        return _added(-self, 1.0, other, "-")

    def __mul__(self, factor: Any) -> Any:
        """The loss times a finite number, which may be negative: each term's factor is multiplied by it."""
        k = _factor(self, factor, "multiplied")
        return k if k is NotImplemented else _sum([(k * f, part) for f, part in _terms(self)])

    def __rmul__(self, factor: Any) -> Any:
        return self * factor

    def __truediv__(self, divisor: Any) -> Any:
        """The loss divided by a number that is not 0."""
        k = _factor(self, divisor, "divided")
        if k == 0.0:
            raise ZeroDivisionError(f"{self.name} is divided by 0")
        return k if k is NotImplemented else _sum([(f / k, part) for f, part in _terms(self)])

    def __neg__(self) -> Any:
        return self * -1.0

    def __pos__(self) -> Any:
        return self


def _terms(loss: Any) -> list[tuple[float, Any]]:
    """The factors and losses of a sum, or of a loss alone."""
    return [*zip(loss.factors, loss.parts, strict=True)] if hasattr(loss, "parts") else [(1.0, loss)]


def _added(loss: Any, sign: float, other: Any, operator: str) -> Any:
    if not isinstance(other, Addable):
        k = _number(other)
        if k is None:
            return NotImplemented
        if k != 0.0:
            raise TypeError(f"{loss.name} {operator} {shown(other)}: a loss is added to losses, and to no number; a "
                            "constant changes no derivative: add it to the value")  # fmt: skip
        return loss
    return _sum([*_terms(loss), *((sign * f, part) for f, part in _terms(other))])


def _factor(loss: Any, given: Any, done: str) -> Any:
    if isinstance(given, Parametrised):
        raise TypeError(f"{loss.name} is {done} by {given.name}, expected a number; losses are only added")
    if hasattr(type(given), "ndim") and given.ndim:
        raise TypeError(f"{loss.name} is {done} by {shown(given)}, expected a number; `weight` multiplies each element")
    k = _number(given)
    return NotImplemented if k is None else k


def _number(x: Any) -> float | None:
    """A real number of whatever type, or an array of no axes; None of anything else."""
    if isinstance(x, (np.generic, np.ndarray)) and x.dtype.kind not in "biuf":
        return None
    single = isinstance(x, Real) or (hasattr(type(x), "ndim") and not x.ndim)
    return float(x) if single else None


def _sum(terms: list[tuple[float, Any]]) -> Any:
    """The loss that is the sum of these."""
    kinds = {_kind(part) for _, part in terms}
    if len(kinds) > 1:
        one, other = (next(part for _, part in terms if _kind(part) is kind) for kind in kinds)
        a, b = (one, other) if one.of == "elements" else (other, one)
        raise TypeError(f"{a.name} is a loss of elements and {b.name} one of rows, which no kernel computes together: "
                        "call each, and add the results")  # fmt: skip
    return kinds.pop()(terms)


def _kind(loss: Any) -> type:
    return _sums_of(type(loss).shared)


@cache
def _sums_of(shared: Any) -> type:
    """The class of sums of losses of a kind."""
    from .elements import ElementSum  # which programs that add no losses need not import
    from .rows import RowSum

    base: Any = ElementSum if shared.of == "elements" else RowSum
    return type(shared.__name__, (base, shared), {"__module__": shared.__module__, "__doc__": shared.__doc__})
