"""What a loss of elements is: a function of one element, a jet, and the functions that may stand in its place."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .domain import Declared, names_of
from .frozen import kept, of_users, told, written
from .parameters import Parametrised
from .respect import check_names as check_names_of_inputs
from .respect import check_rules, composed, try_rules
from .rules import ELEMENTARY, check_function, check_plain, check_signature, order_of
from .whole import check_constant, refuse_unknown, whole
from .wording import listed

__all__ = ["ELEMENTARY", "Definition"]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .respect import Rule


class Definition(Parametrised):
    """A jet (value, first and second derivative of one element) and all that the kernels and the checks ask of it.

    For some values of the parameters there may be a better function of the same arguments: `instead` is a function of
    parameters, by their names, that returns it, or None. `constant` is what the value lacks unless `full` is on.
    `others` are rules for inputs that the jet does not differentiate.
    """

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
        constant: Callable[..., float] | None = None,
        others: Mapping[str, Rule] | None = None,
    ) -> None:
        check_plain(jet, "a pointwise loss is made of")
        self.__wrapped__ = jet  # where doctest looks for the source
        defaults = jet.__defaults__ or ()
        names = jet.__code__.co_varnames[: jet.__code__.co_argcount]
        split = len(names) - len(defaults)
        check_signature(jet, names, split, (*domains, *(wrt or ())))
        self.others = dict(others or {})
        check_rules(jet, self.others, names[:split], wrt or names[:1])
        if of_users(jet.__module__):
            options = {"wrt": wrt, "rooted": rooted, "name": name, "doc": doc}
            domains = kept(domains, jet.__name__)
            rest = (*options.values(), told(domains), *self.others)
            functions = [f for f in (jet, constant, *self.others.values()) if f is not None]
            self.written = written(functions, jet.__name__, jet.__module__, jet.__qualname__, rest, instead)
            copies, instead = dict(zip(functions, self.written.functions, strict=True)), self.written.beside
            jet, constant = copies[jet], constant and copies[constant]
            self.others = {n: copies[f] for n, f in self.others.items()}
            self.written.remake(
                type(self).__mro__[1], jet, **options, domains=domains, instead=instead, constant=constant,
                others=self.others,
            )  # fmt: skip
        self._jet, self._instead, self._constant = jet, instead, constant
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
        # Others' may be too large for plain Python, which raises where a kernel returns infinity.
        self._tried = [d.inner_point for d in self.domains], self._values
        if self.written is not None:  # tests try ours
            order = self.order
            try_rules(jet, self.others, [*self._tried[0], *self._tried[1]])
            if constant is not None:
                check_function(constant, jet.__name__)
                check_constant(jet, constant, order)
        # As a function has them, so that help(), doctest and pickle find the definition.
        self.__doc__ = doc or jet.__doc__
        self.__module__ = jet.__module__

    @cached_property
    def order(self) -> int:
        """How many derivatives the function returns, seen at its own parameters."""
        return order_of(self._jet, *self._tried, self._gradients)

    def _forget(self) -> None:
        super()._forget()
        self.jet = self._jet
        if self._instead is not None:
            self.jet = self._instead(*[self.values[n] for n in names_of(self._instead)]) or self._jet
        parts = [self.jet]
        if self._constant is not None and self.values.get("full"):
            refuse_unknown(self.name, self._constant, [d.inner_point for d in self.domains], self.values)
            self.jet = whole(self.jet, self._constant)
            parts.append(self.jet)
        if self.by:
            other = next(n for n in self.by if n in self.others)
            form = 1 if len(self.by) == 1 else (0, 1) if other == self.by[1] else (1, 0)
            self.jet = composed(self.jet, self.others[other], form)
            parts.append(self.jet)
        if self.written is not None:
            self.written.made.update(parts)  # kernels are made of these, too

    def _turn_to(self, names: tuple[str, ...]) -> None:
        """Have the derivatives be with respect to these inputs: the definition's, or one with a rule, or both."""
        own = tuple(self.inputs[k] for k in self.wrt)
        if names != own:
            check_names_of_inputs(self.name, names, (*own, *self.others), 2 if self.others else len(own))
            if not {*names} & {*self.others}:
                raise ValueError(f"{self.name}: its derivatives are with respect to {listed(own)} together")
            self.by, self.wrt = names, tuple(self.inputs.index(n) for n in names)
            self._forget()

    @property
    def labelled(self) -> int | None:
        """Which of the inputs holds labels, or probabilities of them, by their domain; None for a loss of no labels."""
        ends = (d.low > -math.inf and d.high < math.inf for d in self.domains[1:])
        return next((k for k, bounded in enumerate(ends, 1) if bounded), None)

    @property
    def identity(self) -> Any:
        """Its function."""
        return self._jet
