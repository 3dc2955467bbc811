"""Named domains: which values an input or a parameter of a loss may take.

A domain is a closed or half-open interval of the real line, or its two end points. It knows how to test
membership, how to print itself in an error message, how to draw samples for tests, and what a kernel
compares with. For an input, NaN lies in every domain (NaN in, NaN out), and so does an infinite end of an open
interval: the limit of a formula is a value, not an error. A parameter is never NaN, and infinite only where its
domain is endless.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class Domain:
    """An interval of the real line, or (`ends_only`) just its two end points."""

    __slots__ = ("each", "endless", "ends_only", "gap", "high", "high_open", "kind", "low", "low_open", "name", "under")

    def __init__(
        self,
        name: str,
        low: float = -inf,
        high: float = inf,
        *,
        low_open: bool = False,
        high_open: bool = False,
        ends_only: bool = False,
        endless: bool = False,
        gap: tuple[float, float] | None = None,
        kind: type = float,
        under: bool = False,
        each: bool = False,
    ) -> None:
        if not low < high:
            raise ValueError(f"{name}: a domain's low end must be below its high end, got {low:g} and {high:g}")
        self.name = name
        self.low = low
        self.high = high
        self.low_open = low_open
        self.high_open = high_open
        self.ends_only = ends_only
        self.endless = endless
        """Whether a parameter may be infinite."""
        self.gap = gap
        """Two numbers with no member between them; only a parameter's domain may have a gap."""
        self.kind = kind
        """The type of a parameter's value: `float`, or `bool` for a switch."""
        self.under = under
        """Whether derivatives are divided by the parameter: a value too small for their type is raised."""
        self.each = each
        """Whether it is that of each element of a parameter: of an input, but one that may not be NaN."""

    @property
    def of_each(self) -> Domain:
        """The same for each element of a parameter that is an array."""
        return Domain(self.name, self.low, self.high, low_open=self.low_open, high_open=self.high_open,
                      endless=self.endless, each=True)  # fmt: skip

    @property
    def is_real_line(self) -> bool:
        """Whether every number is a member: there is nothing to check."""
        return self.low == -inf and self.high == inf and not self.ends_only

    @property
    def test(self) -> str:
        """The comparison with an input: "none", "below", "interval", "ends", or "within", which NaN fails."""
        if self.gap:
            raise TypeError(f"{self.name}: the domain of an input has no gap")
        if self.each or self.ends_only:
            return "within" if self.each else "ends"
        return "none" if self.is_real_line else "below" if self.high == inf else "interval"

    @property
    def inner_point(self) -> float:
        """A member at which definitions can be tried: inside an interval, or the upper of two end points."""
        if self.ends_only:
            return self.high
        low = self.low if self.low > -inf else min(self.high, 2.0) - 4.0
        high = self.high if self.high < inf else max(low, -1.0) + 4.0
        return 0.5 * (low + high)

    def __contains__(self, x: float) -> bool:
        if isnan(x) or (self.each and not self.endless and abs(x) == inf):
            return not self.each
        if self.ends_only:
            return x in (self.low, self.high)
        above = x > self.low or (x == self.low and not self.low_open)
        below = x < self.high or (x == self.high and (not self.high_open or x == inf))
        return above and below and not (self.gap and self.gap[0] < x < self.gap[1])

    def admits(self, x: float) -> bool:
        """Whether a parameter may have this value."""
        return x == x and x in self and (self.endless or abs(x) < inf)

    def bounds(self, dtype: Any) -> tuple[float, float]:
        """The closed interval of `dtype` values that a kernel compares with.

        An open end becomes the next value inside, so that one comparison serves both kinds.
        """
        kind = np.dtype(dtype).type
        low, high = kind(self.low), kind(self.high)
        with np.errstate(under="ignore"):  # the number next to 0
            if self.low_open and self.low > -inf:
                low = np.nextafter(low, kind(inf))
            if self.high_open and self.high < inf:
                high = np.nextafter(high, kind(-inf))
        if self.each and not self.endless:
            low, high = max(low, np.finfo(kind).min), min(high, np.finfo(kind).max)
        return float(low), float(high)

    def violations(self, x: NDArray[Any]) -> NDArray[np.bool_]:
        """For each element of `x`, whether it lies outside the domain."""
        if self.each:
            least, most = self.bounds(x.dtype)
            return np.asarray(~((x >= least) & (x <= most)))
        if self.ends_only:
            return np.asarray((x != self.low) & (x != self.high) & (x == x))
        low = x <= self.low if self.low_open else x < self.low
        high = x >= self.high if self.high_open and self.high < inf else x > self.high
        return np.asarray(low | high)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> NDArray[np.float64]:
        """Draw test data from inside the domain, of magnitudes that a model meets."""
        if self.ends_only:
            return np.where(rng.random(size) < 0.5, self.low, self.high)
        if self.low > -inf and self.high < inf:
            return self.low + (self.high - self.low) * rng.uniform(0.01, 0.99, size)
        if self.low > -inf:
            return self.low + rng.gamma(2.0, 1.0, size) + 1e-3
        if self.high < inf:
            return self.high - rng.gamma(2.0, 1.0, size) - 1e-3
        return rng.normal(0.0, 2.0, size)

    def __str__(self) -> str:
        beyond = ", or inf" if self.endless else " and finite" if self.each else ""
        if self.gap:
            return f"a number that is not between {self.gap[0]:g} and {self.gap[1]:g}{beyond}"
        if self.ends_only:
            return " or ".join(
                f"{end:g}" if self.kind is float else str(self.kind(end)) for end in (self.low, self.high)
            )
        if self.is_real_line:
            return f"a {'finite' if self.each else 'real'} number"
        if self.low == -inf:
            return f"a number {'less than' if self.high_open else 'of at most'} {self.high:g}{beyond}"
        if self.high == inf:
            return f"a number {'greater than' if self.low_open else 'of at least'} {self.low:g}{beyond}"
        left, right = "(" if self.low_open else "[", ")" if self.high_open else "]"
        return f"a number in {left}{self.low:g}, {self.high:g}{right}"

    def __repr__(self) -> str:
        return self.name


REAL = Domain("REAL")
POSITIVE = Domain("POSITIVE", 0.0, low_open=True)
POSITIVE_OR_INF = Domain("POSITIVE_OR_INF", 0.0, low_open=True, endless=True)
DIVISOR = Domain("DIVISOR", 0.0, low_open=True, under=True)
"""Of a parameter by which derivatives are divided."""
NON_NEGATIVE = Domain("NON_NEGATIVE", 0.0)
ABOVE_MINUS_ONE = Domain("ABOVE_MINUS_ONE", -1.0, low_open=True)
UNIT = Domain("UNIT", 0.0, 1.0)
OPEN_UNIT = Domain("OPEN_UNIT", 0.0, 1.0, low_open=True, high_open=True)
BINARY = Domain("BINARY", 0.0, 1.0, ends_only=True)
SIGN = Domain("SIGN", -1.0, 1.0, ends_only=True)
SWITCH = Domain("SWITCH", 0.0, 1.0, ends_only=True, kind=bool)
"""A parameter that is on or off; a definition sees 1.0 or 0.0."""

Declared = Domain | Callable[..., Domain]
"""An input's domain as the decorator declares it, or a function of parameters, by their names, that returns it."""


def parameters_of(declared: Domain | Callable[..., Any]) -> tuple[str, ...]:
    """The names of the parameters that a domain, or a function of parameters, depends on."""
    return () if isinstance(declared, Domain) else declared.__code__.co_varnames[: declared.__code__.co_argcount]


def domain_for(declared: Declared, values: Mapping[str, Any]) -> Domain:
    """The domain of an input where the parameters have these values."""
    return declared if isinstance(declared, Domain) else declared(**{n: values[n] for n in parameters_of(declared)})
