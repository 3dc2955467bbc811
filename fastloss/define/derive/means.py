"""Means over elements, by which functions of whole arrays end: the loss of one element is what they are means of."""

from __future__ import annotations

from typing import Any

from .names import ELEMENT
from .refusals import refused
from .traced import Recorded, Traced, value_of


class Mean(Recorded):
    """The mean over elements of what its node computes of one; sums and multiples of means are means."""

    __slots__ = ()
    reduced = True

    def _refuse(self, *_: Any) -> Any:
        raise refused("computes with a mean over elements", f"return the loss of one element; {ELEMENT}")

    __pow__ = __rpow__ = __rtruediv__ = __lt__ = __gt__ = __le__ = __ge__ = __abs__ = _refuse
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        self._refuse()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self if name == "mean" else self._refuse()

    def __call__(self) -> Mean:
        """Return the mean of a mean."""
        return self

    def _with(self, operator: str, other: Any, means: bool) -> Any:
        """The mean of the operator's results; `means`: the other may be a mean, too. A constant always may be."""
        alike = isinstance(other, Mean)
        other = Traced(self.graph, other.node) if alike else value_of(self.graph, other)
        if (alike and not means) or not (alike or other.node.fixed):
            self._refuse()
        return mean_of(getattr(Traced(self.graph, self.node), operator)(other))

    def __add__(self, other: Any) -> Any:
        return self._with("__add__", other, True)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with("__sub__", other, True)

    def __rsub__(self, other: Any) -> Any:
        return self._with("__rsub__", other, True)

    def __mul__(self, other: Any) -> Any:
        return self._with("__mul__", other, False)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._with("__truediv__", other, False)

    def __neg__(self) -> Mean:
        return mean_of(-Traced(self.graph, self.node))


def mean_of(x: Any) -> Mean:
    """The mean of a traced number."""
    return Mean(x.graph, value_of(x.graph, x).node)
