"""A loss of elements, apart from arrays: a jet (a function of one element), and the functions that may replace it."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from .constant import check_constant, refuse_unknown_constant, with_constant
from .domain import Declared, parameters_of
from .frozen import domains_key, freeze, frozen_domains, user_defined
from .parameters import Parametrised, known_link
from .rules import ELEMENTARY, check_function, check_plain, check_signature, order_of
from .with_respect_to import check_differentiable, check_rules, try_rules, with_rule
from .wording import listed

__all__ = ["ELEMENTARY", "Definition"]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .with_respect_to import Rule


class Definition(Parametrised):
    """A jet (value, first and second derivative of one element) and all that the kernels and the checks ask of it.

    `instead` is a function of parameters, by their names, that returns a better jet for their values, or None, and
    `faster` one that returns a jet which computes what the definition does, and is given NaN for an array.
    `constant` is a function of the jet's arguments that returns the terms which the value lacks unless `full` is on.
    `others` are rules for inputs that the jet does not differentiate. `order` is the number of derivatives where it is
    known; else the jet is tried. `link` names what makes of scores what they predict.
    """

    places: tuple[int, ...] = ()
    """Where the jet's arguments are among inputs and parameters, of a loss to which parameters are further inputs."""

    def __init__(
        self,
        jet: Callable[..., Any],
        *,
        wrt: tuple[str, ...] | None = None,
        rooted: bool = False,
        name: str | None = None,
        doc: str | None = None,
        domains: Mapping[str, Declared],
        instead: Callable[..., Callable[..., Any] | None] | None = None,
        faster: Callable[..., Callable[..., Any] | None] | None = None,
        constant: Callable[..., float] | None = None,
        others: Mapping[str, Rule] | None = None,
        order: int | None = None,
        link: str = "identity",
    ) -> None:
        check_plain(jet, "a pointwise loss is made of")
        self.__wrapped__ = jet  # where doctest looks for the source
        defaults = jet.__defaults__ or ()
        names = jet.__code__.co_varnames[: jet.__code__.co_argcount]
        split = len(names) - len(defaults)
        check_signature(jet, names, split, (*domains, *(wrt or ())))
        self.others, self.link = dict(others or {}), known_link(jet.__name__, link)
        check_rules(jet, self.others, names[:split], wrt or names[:1])
        if user_defined(jet.__module__):
            options = {"wrt": wrt, "rooted": rooted, "name": name, "doc": doc, "order": order, "link": link}
            domains = frozen_domains(domains, jet.__name__)
            rest = (*options.values(), domains_key(domains), *self.others)
            functions = [f for f in (jet, constant, *self.others.values()) if f is not None]
            choosers = instead, faster
            self.frozen = freeze(functions, jet.__name__, jet.__module__, jet.__qualname__, rest, choosers)
            copies, (instead, faster) = dict(zip(functions, self.frozen.functions, strict=True)), self.frozen.choosers
            jet, constant = copies[jet], constant and copies[constant]
            self.others = {n: copies[f] for n, f in self.others.items()}
            self.frozen.remember_recipe(
                type(self).__mro__[1], jet, **options, domains=domains, instead=instead, faster=faster,
                constant=constant, others=self.others,
            )  # fmt: skip
        self._jet, self._instead, self._faster, self._constant = jet, instead, faster, constant
        self.wrt = tuple(names.index(n) for n in (wrt or names[:1]))
        if not set(self.wrt) <= set(range(split)) or len(set(self.wrt)) != len(self.wrt) or len(self.wrt) > 2:
            raise TypeError(f"{jet.__name__}: wrt must name one or two of {', '.join(names[:split])}, got {wrt!r}")
        self._gradients = len(self.wrt)
        super().__init__(
            name or jet.__name__,
            names[:split],
            names[split:],
            dict(zip(names[split:], defaults, strict=True)),
            domains,
        )
        self.rooted = rooted
        self.untested = ("none",) * split
        # A twin's parameters may be too large for plain Python, which raises where a kernel returns infinity.
        self._tried = [d.inner_point for d in self.domains], self._values
        if order is not None:
            self.order = order
        elif self.frozen is not None:  # the library's own are tried by tests
            order = self.order
            try_rules(jet, self.others, [*self._tried[0], *self._tried[1]])
            if constant is not None:
                check_function(constant, jet.__name__)
                check_constant(jet, constant, order)
        # help(), doctest and pickle find the definition by these, as they find a function.
        self.__doc__ = doc or jet.__doc__
        self.__module__ = jet.__module__

    @cached_property
    def order(self) -> int:
        """The number of derivatives that the jet returns, at its own parameters: 1 or 2."""
        return order_of(self._jet, *self._tried, self._gradients)

    def _refresh(self) -> None:
        super()._refresh()
        self.jet = self._chosen(self._instead) or self._chosen(self._faster) or self._jet
        jets = [self.jet]
        if self._constant is not None and self.values.get("full"):
            refuse_unknown_constant(self.name, self._constant, [d.inner_point for d in self.domains], self.numbers)
            self.jet = with_constant(self.jet, self._constant)
            jets.append(self.jet)
        if self.by:
            other = next(n for n in self.by if n in self.others)
            derivatives = tuple("rule" if n == other else "jet" for n in self.by)
            self.jet = with_rule(self.jet, self.others[other], derivatives)
            jets.append(self.jet)
        if self.frozen is not None:
            self.frozen.kernel_functions.update(jets)  # to be released with it

    def _chosen(self, choose: Callable[..., Callable[..., Any] | None] | None) -> Callable[..., Any] | None:
        """The jet that is better for the parameters' values, NaN for an array; None where there is none."""
        if choose is None:
            return None
        return choose(*[math.nan if n in self.arrays else self.values[n] for n in parameters_of(choose)])

    @property
    def single(self) -> frozenset[str]:
        """The parameters that are numbers: those, too, by which a better function is chosen."""
        return super().single.union(parameters_of(self._instead) if self._instead else ())

    @property
    def quickened(self) -> frozenset[str]:
        """The parameters by whose numbers a faster function is chosen."""
        return frozenset(parameters_of(self._faster) if self._faster else ())

    def _reader(self, names: tuple[str, ...]) -> Self:
        """The same with these parameters as further inputs; its kernels are those of other losses of so many."""
        twin, order = object.__new__(type(self)), self.order
        twin.__dict__.update(self.__dict__, order=order)
        twin.streamed, twin.inputs = names, (*self.inputs, *names)
        twin.declared = (*self.declared, *(self.parameters[n].of_each for n in names))
        twin.untested = ("none",) * len(twin.inputs)
        twin.parameters = {n: d for n, d in self.parameters.items() if n not in names}
        twin._values = tuple([v for n, v in zip(self.parameters, self._values, strict=True) if n not in names])
        Parametrised._refresh(twin)
        ours = [*twin.inputs, *twin.parameters]
        twin.places = tuple([ours.index(n) for n in (*self.inputs, *self.parameters)])
        return twin

    def _differentiate(self, names: tuple[str, ...]) -> None:
        """Differentiate these inputs: those that the jet does, or one with a rule, or both."""
        own = tuple(self.inputs[k] for k in self.wrt)
        if names != own:
            check_differentiable(self.name, names, (*own, *self.others), 2 if self.others else len(own))
            if not {*names} & {*self.others}:
                raise ValueError(f"{self.name}: its derivatives are with respect to {listed(own)} together")
            self.by, self.wrt = names, tuple(self.inputs.index(n) for n in names)
            self._refresh()

    @property
    def labelled(self) -> int | None:
        """The index of the input that holds labels or probabilities of them (its domain is bounded); None without."""
        own = self.domains[1 : len(self.domains) - len(self.streamed)]
        ends = (d.low > -math.inf and d.high < math.inf for d in own)
        return next((k for k, bounded in enumerate(ends, 1) if bounded), None)

    @property
    def identity(self) -> Any:
        """The jet, before parameters choose another."""
        return self._jet
