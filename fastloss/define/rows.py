"""A loss of a row of scores, apart from arrays: sums over the row of functions of one element, or of a pair."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .frozen import Frozen, domains_key, freeze, frozen_domains, user_defined
from .keywords import ROW_KEYWORDS
from .parameters import Parametrised, known_link
from .rules import check_function, check_names
from .sizes import Sizes, several, sizes_of
from .with_respect_to import check_differentiable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .domain import Declared

    Function = Callable[..., Any]

TARGETS = ("none", "labels", "dense", "both")

DENSE = "dense"
"""The name of the variant for targets in which several classes may have a mass: dense ones, and smoothed labels.

Another variant, which a parameter's value has chosen, takes them as it takes labels."""


class Functions(NamedTuple):
    """A row program. `x` are the scores of one element, `t` its target mass, `p` all parameters.

    ============================  ====================================================================================
    ``peak(*x, *p)``              a number, or a tuple, whose maximum over the row is ``m``; or ``peak(*x, t, *p)``
    ``fold(*x, t, *m, *p)``       terms that are summed over the row to ``s``; values that are kept for what follows
    ``settle(*m, *s, *p)``        numbers ``c`` of the row, for a second sum
    ``probe(*kept, *c, *p)``      terms of sums ``s`` by which the numbers ``c`` are sought
    ``again(*c, *s, *p)``         the next ``c``, of these sums; repeated as long as its first number rises
    ``second(*kept, t, *c, *p)``  terms of that second sum ``s``, which join the first
    ``finish(*m, *s, *p)``        the row's loss; numbers ``c`` for its gradient
    ``grad(*kept, t, *c, *p)``    derivative with respect to the first score, or that and the second derivative
    ``rescale(*s, *m, *n, *p)``   the sums of ``fold``, by maxima ``n`` in place of ``m``, which are no larger: by it a
                                  row that is too long to be held is read once for both
    ``note(*x, *m, *p)``          one more term, summed where statistics are asked for
    ``stats(*m, *s, n, *p)``      of its sum ``n``: the logarithm of the row's normaliser, and its entropy
    ============================  ====================================================================================

    What `fold` keeps must not depend on `t`: a label's element is gone through as another class's, and set right after.
    """

    fold: Function
    finish: Function
    grad: Function
    peak: Function | None = None
    settle: Function | None = None
    second: Function | None = None
    note: Function | None = None
    stats: Function | None = None
    probe: Function | None = None
    again: Function | None = None
    rescale: Function | None = None

    @property
    def first(self) -> Function:
        """The function in whose signature the parameters and their defaults stand."""
        return self.fold

    def sizes(self, name: str, scores: int, point: tuple[float, ...], p: tuple[Any, ...]) -> Sizes:
        """Run the program on one element, and count."""
        return sizes_of(name, self, scores, point, p)


class Pair(NamedTuple):
    """A pair program: a sum over all pairs of a row's scores of which one should be ahead of the other.

    ============================  ====================================================================================
    ``pair(d, *p)``               value, first and second derivative of a function of the difference of a pair's scores,
                                  that with the larger target minus the other; or the first two of them
    ``share(classes, pairs, *p)`` what the row's sum is multiplied by, from the numbers of its classes and its pairs
    ============================  ====================================================================================
    """

    pair: Function
    share: Function

    @property
    def stats(self) -> None:
        """A pair program has no statistics."""

    @property
    def first(self) -> Function:
        """The function in whose signature the parameters and their defaults stand."""
        return self.pair

    def sizes(self, name: str, scores: int, point: tuple[float, ...], p: tuple[Any, ...]) -> Sizes:
        """Run the program on one pair, and count."""
        if scores != 2:
            raise TypeError(f"{name}: a pair program has two inputs, got {scores}")
        try:
            result = several(self.pair(0.5, *p))
            share = self.share(2.0, 1.0, *p)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise TypeError(f"{name}: its functions do not fit together on one pair: {error}") from error
        if len(result) not in (2, 3) or isinstance(share, tuple):
            raise TypeError(f"{name}: pair must return (value, d1, d2) or (value, d1), and share a number, "
                            f"got {result!r} and {share!r}")  # fmt: skip
        return Sizes(scores, 0, 4, 0, 0, len(result) - 1, 0, 0, False)


class Program(Parametrised):
    """A row program with the names of its inputs, their domains, and the kind of target that it takes."""

    rooted = False
    of = "rows"
    wrt = (0,)

    turned: Program | None = None
    """The same loss with its inputs exchanged, which differentiates the second; None unless `with_respect_to` asks."""

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        target: str,
        smooth: bool,
        functions: Functions | Pair,
        domains: Mapping[str, Declared],
        variants: Mapping[tuple[str, float | None], Functions | Pair],
        doc: str | None,
        module: str,
        qualname: str = "",
        classed: bool = False,
        exchanged: Program | bool | None = None,
        link: str = "identity",
    ) -> None:
        self.link = known_link(name, link)
        self.__wrapped__ = functions.first  # where doctest looks for the source
        names, split, defaults = _signature(functions.first)
        for f in {f for each in (functions, *variants.values()) for f in each if f is not None}:
            check_function(f, name, ROW_KEYWORDS)
        if target not in TARGETS:
            raise TypeError(f"{name}: targets must be one of {', '.join(TARGETS)}, got {target!r}")
        check_names(name, inputs, ROW_KEYWORDS)
        if len({*inputs, *names[split:]}) < len(inputs) + len(names) - split:
            raise TypeError(f"{name}: its inputs {', '.join(inputs)} and its parameters {', '.join(names[split:])} "
                            "need names that differ")  # fmt: skip
        unknown = sorted(set(domains) - set(names[split:]) - set(inputs))
        if unknown:
            raise TypeError(f"{name}: the decorator names {', '.join(unknown)}, which is no input and no parameter")
        if isinstance(exchanged, Program):
            alike = exchanged.inputs == inputs[::-1] and [*exchanged.parameters] == [*names[split:]]
        else:
            alike = exchanged in (None, True, False)
        if not alike:
            raise TypeError(f"{name}: exchanged must be a loss of rows of the same two inputs, exchanged, and the same "
                            f"parameters, got {exchanged!r}")  # fmt: skip
        if user_defined(module):
            domains = frozen_domains(domains, name)
            other = id(exchanged.frozen or exchanged) if isinstance(exchanged, Program) else exchanged
            rest = (name, inputs, target, smooth, classed, domains_key(domains), doc, other, link)
            self.frozen, functions, variants = _frozen_program(
                functions, variants, name, module, qualname or name, rest
            )
            self.frozen.remember_recipe(
                type(self).__mro__[1], name, inputs, target, smooth, functions, domains, variants, doc, module,
                qualname, classed, exchanged, link,
            )  # fmt: skip
        self.target = target
        self.smooth = smooth and target != "none"
        self.scores = len(inputs) - (target != "none")
        self.classed = target != "none" or classed
        self.exchanged = self if exchanged is True else exchanged or None
        self.given: tuple[str, ...] = ()
        """What the parameters are that the functions take: a "number", a number for each "row", or "" for None."""
        self._base = functions
        self._variants = dict(variants)
        super().__init__(name, inputs, names[split:], defaults, domains)
        if {n for n, at in self._variants if at is None} - self.optional - {DENSE}:
            raise TypeError(f"{name}: a variant is for a parameter whose default is None")
        if {n for n, _ in self._variants} - self.parameters.keys() - {DENSE}:
            raise TypeError(f"{name}: `at` is for values of its parameters, {', '.join(self.parameters)}")
        self.__doc__ = doc
        self.__module__ = module

    def called(self, name: str, inputs: tuple[str, ...]) -> Self:
        """The same loss under other names, in what its errors say."""
        twin = Parametrised.bind(self)
        twin.name, twin.inputs = name, inputs
        return twin

    def _refresh(self) -> None:
        super()._refresh()
        held = self.values
        chosen = [(n, at) for n, at in self._variants if held.get(n) is not None and at in (None, held[n])]
        if len(chosen) > 1:
            raise ValueError(f"{self.name}: {' and '.join(n for n, _ in chosen)} cannot be given together")
        self.functions = self._variants[chosen[0]] if chosen else self._base
        names, split, _ = _signature(self.functions.first)
        # The functions of another loss, given by `at`, take that loss's own parameters.
        self.takes = names[split:] if chosen and chosen[0][1] is not None else tuple(held)
        kinds = {n: "" if v is None else "row" if n in self.arrays else "number" for n, v in held.items()}
        self.given = tuple([kinds[n] for n in self.takes])
        self.inside = tuple(d.inner_point for d in self.domains)
        for name in ("sizes", "_spread"):
            self.__dict__.pop(name, None)
        if self.frozen is not None:  # the library's own are tried by tests
            self._spread  # noqa: B018, the first look at it is the check
        if self.by and self.exchanged is not None:
            twin = Parametrised.bind(self.exchanged, **held)
            twin.name, twin.inputs = self.name, self.inputs[::-1]
            self.turned = twin

    def _numbers(self) -> tuple[Any, ...]:
        """A number for each parameter, as some row might have it; None for those that are off."""
        return tuple(self.numbers.values())

    @cached_property
    def sizes(self) -> Sizes:
        """How many numbers the functions take and return, where no dense target has functions of its own."""
        return self.functions.sizes(self.name, self.scores, self.inside, self._used_by_functions(self._numbers()))

    @cached_property
    def _spread(self) -> tuple[Functions | Pair, Sizes]:
        """The functions for a target in which several classes may have a mass, and their sizes."""
        dense, sizes = self._variants.get((DENSE, None)), self.sizes
        if dense is None or self.functions is not self._base:  # what a parameter has chosen takes any target
            return self.functions, sizes
        return dense, dense.sizes(self.name, self.scores, self.inside, self._used_by_functions(self._numbers()))

    @property
    def order(self) -> int:
        """The number of derivatives that the functions return: 1 or 2."""
        return self.sizes.order

    def _differentiate(self, names: tuple[str, ...]) -> None:
        """Differentiate the first input, or the second where the two can be exchanged."""
        check_differentiable(self.name, names, self.inputs[: 1 + (self.exchanged is not None)], 1)
        if names != self.inputs[:1]:
            self.by, self.target, self.smooth, self.classed = names, "none", False, False
            self._refresh()

    @property
    def single(self) -> frozenset[str]:
        """The parameters that are numbers: those, too, of which some values have functions of their own."""
        return super().single.union(n for n, _ in self._variants if n != DENSE)

    def _reader(self, names: tuple[str, ...]) -> Self:
        """The same, to a kernel of which these parameters are arrays of a number for each row."""
        twin, spread = object.__new__(type(self)), self._spread
        twin.__dict__.update(self.__dict__, sizes=self.sizes, _spread=spread, streamed=names)
        twin._values = tuple([None if n in names else v for n, v in zip(self.parameters, self._values, strict=True)])
        Parametrised._refresh(twin)
        twin.given = tuple(["row" if n in names else of for n, of in zip(self.takes, self.given, strict=True)])
        return twin

    @property
    def reads(self) -> tuple[str, ...]:
        """All that a call of such a loss reads: its inputs, and parameters that are arrays."""
        return (*self.inputs, *self.streamed)

    def run_by(self, spread: bool) -> tuple[Functions | Pair, Sizes]:
        """The functions and their sizes; `spread`: for a target in which several classes may have a mass."""
        return self._spread if spread else (self.functions, self.sizes)

    def _used_by_functions(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values that the functions take, of the values of all parameters."""
        held = dict(zip(self.parameters, values, strict=True))
        return tuple(held[n] for n in self.takes)

    def cast(self, kind: Any, stored: str = "") -> tuple[Any, ...]:
        """The parameters as a kernel takes them: those that the functions take."""
        return self._used_by_functions(super().cast(kind, stored))

    @property
    def identity(self) -> Any:
        """The functions that the parameters' values have chosen."""
        return self.functions


def _frozen_program(
    base: Functions | Pair, variants: Mapping[Any, Any], name: str, module: str, qualname: str, rest: Any
) -> tuple[Frozen, Any, dict[Any, Any]]:
    """Freeze the functions of a row program and its variants; the same programs, made of the copies."""
    programs = (base, *variants.values())
    functions = [*dict.fromkeys(f for f in (base.first, *chain(*programs)) if f is not None)]
    uses = [[f and functions.index(f) for f in each] for each in programs]
    frozen = freeze(functions, name, module, qualname, (*rest, *variants, uses))
    copies: dict[Any, Any] = {None: None, **dict(zip(functions, frozen.functions, strict=True))}
    first, *others = [type(each)(*[copies[f] for f in each]) for each in programs]
    return frozen, first, dict(zip(variants, others, strict=True))


def _signature(first: Function) -> tuple[tuple[str, ...], int, dict[str, Any]]:
    names = first.__code__.co_varnames[: first.__code__.co_argcount]
    defaults = first.__defaults__ or ()
    split = len(names) - len(defaults)
    return names, split, dict(zip(names[split:], defaults, strict=True))
