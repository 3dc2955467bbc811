"""What every loss is: a name, inputs with domains, and parameters with values; `bind`, equality and pickling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..registry import LINKS
from .domain import REAL, Declared, Domain, domain_for, parameters_of
from .frozen import Frozen, restore_library_loss, restore_user_loss
from .streams import Held, held, is_array, told
from .wording import shown, wrong_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


SMALLEST_INVERTIBLE = {"e": 1.0 / 65504.0}
"""The smallest number with a finite reciprocal, of each type that results of float32 arithmetic are stored in."""


RECIPES = 256
"""Kinds of calls that a loss remembers."""


class Parametrised:
    """A name, inputs with domains, and parameters with their current values; `bind` gives a twin with other values."""

    by: tuple[str, ...] = ()
    """The inputs that `with_respect_to` has named; empty where the definition's own are differentiated."""

    shown_arguments: tuple[tuple[str, ...], Mapping[str, Any]] | None = None
    """The inputs and keywords that errors list, where they are a function's that passes parameters on to this loss."""

    frozen: Frozen | None = None
    """The copied functions of a user's loss; None for a loss of this library."""

    of = "elements"
    """What a parameter has one value for, unless it is an array."""

    streamed: tuple[str, ...] = ()
    """The last of the inputs, where these are parameters of a loss that has arrays of them."""

    link = "identity"
    """The name of the function that makes of raw scores what they predict: a mean, or probabilities."""

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        parameters: tuple[str, ...],
        defaults: Mapping[str, Any],
        domains: Mapping[str, Declared],
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.declared = tuple(domains.get(n, REAL) for n in inputs)
        self.parameters = {n: _parameter_domain(name, n, domains.get(n, REAL)) for n in parameters}
        for n, d in zip(inputs, self.declared, strict=True):
            if not (isinstance(d, Domain) or hasattr(d, "__code__")):
                raise TypeError(f"{name}: the domain of {n} is {shown(d)}, expected one such as fl.POSITIVE")
        strange = sorted({n for d in self.declared for n in parameters_of(d)} - {*parameters})
        if strange:
            raise TypeError(f"{name}: a domain depends on {', '.join(strange)}, which is no parameter")
        self.optional = frozenset(n for n, value in defaults.items() if value is None)
        self._values = self._checked(defaults)
        self._refresh()

    def _refresh(self) -> None:
        """Derive what depends on the parameters' values, and forget what earlier calls prepared."""
        self._cast: dict[Any, tuple[Any, ...]] = {}
        self._twins: dict[Any, Self] = {}
        self.recipes: dict[Any, Any] = {}
        self._bounds: dict[Any, tuple[Any, ...]] = {}
        self._readers: dict[tuple[str, ...], Self] = {}
        self._find()
        values = self.values
        self.domains = tuple(domain_for(d, values) for d in self.declared)
        self.tests = tuple(d.test for d in self.domains)
        self.checks = any(test != "none" for test in self.tests)

    def _find(self) -> None:
        """See which of the parameters are arrays."""
        self.arrays = {n: v.array for n, v in zip(self.parameters, self._values, strict=True) if type(v) is Held}

    def remember(self, key: Any, recipe: Any) -> None:
        """Keep what calls of a kind need: batches of ever new numbers of classes must not fill the memory."""
        if len(self.recipes) >= RECIPES:
            self.recipes.clear()
        self.recipes[key] = recipe

    def bounds(self, kind: Any) -> tuple[Any, ...]:
        """The ends of each input's domain, as numbers of the compute type that a kernel compares with."""
        if kind not in self._bounds:
            self._bounds[kind] = tuple(kind(end) for d in self.domains for end in d.bounds(kind))
        return self._bounds[kind]

    def _checked(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        for n in given:
            if n not in self.parameters:
                from .hints import unknown_argument

                raise unknown_argument(self, n)
        return tuple([self._value(n, domain, given[n]) for n, domain in self.parameters.items()])

    def _value(self, n: str, domain: Domain, value: Any) -> Any:
        """A parameter's value, as it is kept."""
        if value is None and n in self.optional:
            return None
        if is_array(value):
            self._refuse_array(n, value)
            return held(self.name, n, domain, value)
        return _number(self.name, n, domain, value)

    def _refuse_array(self, n: str, value: Any) -> None:
        """Raise for a parameter on which the formula depends, and not only its numbers."""
        if n in self.single:
            raise self.not_single(n, value)

    def refuse_arrays(self) -> None:
        """Raise for a parameter that is an array, where each is a number."""
        for n, x in self.arrays.items():
            raise self.not_single(n, x)

    def not_single(self, n: str, value: Any) -> TypeError:
        """The error for an array of a parameter that is one number."""
        return TypeError(f"{self.name}: {n} is {shown(value)}, expected one value for all {self.of}: "
                         f"{self.parameters[n]}")  # fmt: skip

    @property
    def single(self) -> frozenset[str]:
        """The parameters that are numbers, whatever is asked: the formula, or a domain, depends on them."""
        fixed = {n for n, d in self.parameters.items() if d.ends_only or d.gap or d.under}
        return self.optional.union(fixed, *map(parameters_of, self.declared))

    def mean(self, raw: Any, axis: int = -1) -> Any:
        """What raw scores predict, by the loss's `link`: a mean, or a probability; the scores themselves without one.

        `axis` is that of the classes, of losses of rows. Arrays of any library and dtype, as in the verbs.

        >>> import fastloss as fl
        >>> fl.logistic.link, fl.logistic.mean([0.0, 40.0])
        ('sigmoid', array([0.5, 1. ]))
        """
        return LINKS[self.link].mean(raw, axis, self.values)

    def bind(self, **parameters: Any) -> Self:
        """A twin with other default parameters."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._values = self._checked({**self.values, **parameters})
        twin._refresh()
        return twin

    @property
    def values(self) -> dict[str, Any]:
        """The current values of the parameters; None for one that is off."""
        return {**dict(zip(self.parameters, self._values, strict=True)), **self.arrays}

    @property
    def numbers(self) -> dict[str, Any]:
        """The same, an array's place taken by some number of its domain."""
        return {**self.values, **{n: self.parameters[n].inner_point for n in self.arrays}}

    def having(self, parameters: Mapping[str, Any]) -> Self:
        """`bind`, remembering the last few: a call with the same parameters finds what the last one prepared."""
        key = tuple(parameters.items())
        try:
            return self._twins[key]
        except (KeyError, TypeError, ValueError):  # a value that has no hash
            arrays = {n: x for n, x in parameters.items() if is_array(x) and n in self.parameters}
            if arrays:
                numbers = {n: x for n, x in parameters.items() if n not in arrays}
                return (self.having(numbers) if numbers else self)._holding(arrays)
            twin = Parametrised.bind(self, **parameters)
        if len(self._twins) >= 32:
            self._twins.clear()
        self._twins[tuple((n, twin.values[n]) for n in parameters)] = twin
        return twin

    def _holding(self, arrays: Mapping[str, Any]) -> Self:
        """The same for one call: arrays of parameters are neither copied nor looked at."""
        for n, x in arrays.items():
            self._refuse_array(n, x)
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._values = tuple(
            [Held(arrays[n]) if n in arrays else v for n, v in zip(self.parameters, self._values, strict=True)]
        )
        twin._find()
        return twin

    @property
    def reads(self) -> tuple[str, ...]:
        """All that a call of such a loss reads."""
        return self.inputs

    def reading(self, inputs: tuple[Any, ...]) -> tuple[Self, tuple[Any, ...]]:
        """The loss and the inputs of a call to which parameters that are arrays are further inputs."""
        names = tuple(self.arrays)
        if names not in self._readers:
            self._readers[names] = self.for_any(names)._reader(names)
        return self._readers[names], (*inputs, *self.arrays.values())

    @property
    def quickened(self) -> frozenset[str]:
        """The parameters by whose numbers a faster function is chosen."""
        return frozenset()

    def for_any(self, names: Iterable[str]) -> Self:
        """The same loss by functions that serve any values of these parameters, those that must be numbers aside."""
        any_number = {*names} - self.single
        if any_number.isdisjoint(self.quickened):
            return self
        return self.bind(**{n: [self.parameters[n].inner_point] for n in any_number})

    def _reader(self, names: tuple[str, ...]) -> Self:
        """The same loss, without values of these parameters: to its kernels they are arrays."""
        raise NotImplementedError

    def cast(self, kind: Any, stored: str = "") -> tuple[Any, ...]:
        """The parameters as a kernel takes them: numbers of the compute type `kind`, and None for those that are off.

        `stored` is the character of the derivatives' type: a divisor is raised until its reciprocal is finite there.
        """
        try:
            return self._cast[kind, stored]
        except KeyError:
            domains = self.parameters.items()
            values = tuple(_cast_one(self.name, n, d, v, kind) for (n, d), v in zip(domains, self._values, strict=True))
            least = kind(SMALLEST_INVERTIBLE.get(stored, 0.0))
            values = tuple(max(v, least) if d.under else v for (_, d), v in zip(domains, values, strict=True))
            self._cast[kind, stored] = values
            return values

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self  # it never changes

    def __repr__(self) -> str:
        return self.written({})

    def written(self, more: Mapping[str, Any]) -> str:
        """How it is written with these in the place of its own values, or after them."""
        by = f".with_respect_to({', '.join(map(repr, self.by))})" if self.by else ""
        return f"{self.name}({', '.join(f'{n}={told(v)}' for n, v in {**self.values, **more}.items())}){by}"

    def _differentiate(self, names: tuple[str, ...]) -> None:
        """Differentiate these inputs instead of the definition's own."""
        raise NotImplementedError

    @property
    def anchor(self) -> Any:
        """The function that a user's loss is pickled as, by its name or by value as the pickler does with functions."""
        return self.frozen.functions[0] if self.frozen else None

    def __reduce__(self) -> Any:
        if self.frozen is None:
            return restore_library_loss, (self.__module__, self.name, self.values)
        return restore_user_loss, (self.anchor, self.values)

    @property
    def identity(self) -> Any:
        """What must be equal, beside the name and the parameters, for two losses to be equal."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parametrised):
            return NotImplemented
        return (self.name, self.by, self.identity, self._values) == (
            other.name,
            other.by,
            other.identity,
            other._values,
        )

    def __hash__(self) -> int:
        return hash((self.name, self.by, self._values))


def _parameter_domain(loss: str, parameter: str, declared: Declared) -> Domain:
    if not isinstance(declared, Domain):
        raise TypeError(f"{loss}: the domain of {parameter} depends on parameters; only an input's may")
    return declared


def _cast_one(loss: str, parameter: str, domain: Domain, value: Any, kind: Any) -> Any:
    """The parameter in the compute type; a number too large for it is infinite there, where the domain is endless."""
    if value is None:
        return None
    with np.errstate(all="ignore"):
        number = kind(value)
    if not domain.admits(float(number)):
        raise ValueError(
            f"{loss}: {parameter} is {value!r}, which {kind.__name__} does not hold: it becomes {float(number)!r} "
            f"there, and {parameter} must be {domain}"
        )
    return number


def _number(loss: str, parameter: str, domain: Domain, value: Any) -> float | bool:
    try:
        number = float("not a number" if isinstance(value, (str, bytes)) else value)
    except (TypeError, ValueError):
        raise TypeError(f"{loss}: {parameter} is {shown(value)}, expected {domain}") from None
    if not domain.admits(number):
        finite = " and finite" if math.isinf(number) and number in domain else ""
        raise ValueError(f"{loss}: {parameter} is {number:g}, expected {domain}{finite}")
    return domain.kind(number)  # type: ignore[no-any-return]


def known_link(loss: str, link: Any) -> str:
    """The name of a link; the error for one that there is not."""
    if link != "identity" and link not in LINKS:
        raise wrong_choice(loss, "link", link, tuple(LINKS))
    return str(link)
