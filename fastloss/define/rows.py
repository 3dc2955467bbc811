"""What a loss of a row of scores is, apart from arrays: sums over the row of functions of one element, or of a pair."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .frozen import Written, kept, of_users, told, written
from .keywords import ROW_KEYWORDS
from .parameters import Parametrised
from .respect import check_names as check_names_of_inputs
from .rules import check_function, check_names
from .sizes import Sizes, several, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .domain import Declared

    Function = Callable[..., Any]

TARGETS = ("none", "labels", "dense", "both")

DENSE = "dense"
"""The variant for targets in which several classes may have a mass: dense ones, and smoothed labels."""


class Functions(NamedTuple):
    """A row program. `x` are the scores of one element, `t` its target mass, `p` all parameters.

    ============================  ====================================================================================
    ``peak(*x, *p)``              what the row's maximum ``m`` is taken of: a number or a tuple; ``peak(*x, t, *p)``
    ``fold(*x, t, *m, *p)``       terms that are summed over the row to ``s``; values that are kept for what follows
    ``settle(*m, *s, *p)``        numbers ``c`` of the row, for a second sum
    ``probe(*kept, *c, *p)``      terms of sums ``s`` by which they are sought
    ``again(*c, *s, *p)``         of these: other ``c``, with which they are taken anew as long as the first one rises
    ``second(*kept, t, *c, *p)``  terms of that second sum ``s``, which join the first
    ``finish(*m, *s, *p)``        the row's loss; numbers ``c`` for its gradient
    ``grad(*kept, t, *c, *p)``    derivative with respect to the first score, or that and the second derivative
    ``note(*x, *m, *p)``          one more term, summed where statistics are asked for
    ``stats(*m, *s, n, *p)``      of its sum ``n``: the logarithm of the row's normaliser, and its entropy
    ============================  ====================================================================================
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
        """There are none."""

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

    turned: Program | None = None
    """What computes the derivatives with respect to the second input, which is its first, where those are wanted."""

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
        place: str = "",
        classed: bool = False,
        exchanged: Program | bool | None = None,
    ) -> None:
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
        if of_users(module):
            domains = kept(domains, name)
            other = id(exchanged.written or exchanged) if isinstance(exchanged, Program) else exchanged
            rest = (name, inputs, target, smooth, classed, told(domains), doc, other)
            self.written, functions, variants = _kept(functions, variants, name, module, place or name, rest)
            given = (name, inputs, target, smooth, functions, domains, variants, doc, module, place, classed, exchanged)
            self.written.remake(type(self).__mro__[1], *given)
        self.target = target
        self.smooth = smooth and target != "none"
        self.scores = len(inputs) - (target != "none")
        self.classed = target != "none" or classed
        self.exchanged = self if exchanged is True else exchanged or None
        self.given: tuple[bool, ...] = ()
        """Which of the parameters that the functions take are numbers; the others are None."""
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

    def _forget(self) -> None:
        super()._forget()
        held = self.values
        chosen = [(n, at) for n, at in self._variants if held.get(n) is not None and at in (None, held[n])]
        if len(chosen) > 1:
            raise ValueError(f"{self.name}: {' and '.join(n for n, _ in chosen)} cannot be given together")
        self.functions = self._variants[chosen[0]] if chosen else self._base
        names, split, _ = _signature(self.functions.first)
        self._takes = names[split:] if chosen and chosen[0][1] is not None else tuple(held)  # of another loss, its own
        self.given = tuple(v is not None for v in self._taken(self._values))
        self.inside = tuple(d.inner_point for d in self.domains)
        for name in ("sizes", "_spread"):
            self.__dict__.pop(name, None)
        if self.written is not None:  # tests try ours
            self._spread  # noqa: B018, the first look at it is the check
        if self.by and self.exchanged is not None:
            twin = Parametrised.bind(self.exchanged, **held)
            twin.name, twin.inputs = self.name, self.inputs[::-1]
            self.turned = twin

    @cached_property
    def sizes(self) -> Sizes:
        """What its functions take and return for labels, or whatever its target is."""
        return self.functions.sizes(self.name, self.scores, self.inside, self._taken(self._values))

    @cached_property
    def _spread(self) -> tuple[Functions | Pair, Sizes]:
        """The functions for a target of which several classes may have a mass, and their sizes."""
        dense, sizes = self._variants.get((DENSE, None)), self.sizes
        if dense is None:
            return self.functions, sizes
        return dense, dense.sizes(self.name, self.scores, self.inside, self._taken(self._values))

    @property
    def order(self) -> int:
        """How many derivatives the functions return."""
        return self.sizes.order

    def _turn_to(self, names: tuple[str, ...]) -> None:
        """Have the derivatives be with respect to the first input, or to the second where that can be exchanged."""
        check_names_of_inputs(self.name, names, self.inputs[: 1 + (self.exchanged is not None)], 1)
        if names != self.inputs[:1]:
            self.by, self.target, self.smooth, self.classed = names, "none", False, False
            self._forget()

    def run_by(self, spread: bool) -> tuple[Functions | Pair, Sizes]:
        """The functions for a target, and their sizes; `spread` says whether several classes may have a mass."""
        return self._spread if spread else (self.functions, self.sizes)

    def _taken(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those of the parameters that the functions take."""
        held = dict(zip(self.parameters, values, strict=True))
        return tuple(held[n] for n in self._takes)

    def cast(self, kind: Any, stored: str = "") -> tuple[Any, ...]:
        """The parameters that a kernel takes, as it takes them."""
        return self._taken(super().cast(kind, stored))

    @property
    def identity(self) -> Any:
        """Its functions."""
        return self.functions


def _kept(
    base: Functions | Pair, variants: Mapping[Any, Any], name: str, module: str, place: str, rest: Any
) -> tuple[Written, Any, dict[Any, Any]]:
    """Copies of a program's functions that nothing changes any more."""
    programs = (base, *variants.values())
    functions = [*dict.fromkeys(f for f in (base.first, *chain(*programs)) if f is not None)]
    uses = [[f and functions.index(f) for f in each] for each in programs]
    kept = written(functions, name, module, place, (*rest, *variants, uses))
    copies: dict[Any, Any] = {None: None, **dict(zip(functions, kept.functions, strict=True))}
    first, *others = [type(each)(*[copies[f] for f in each]) for each in programs]
    return kept, first, dict(zip(variants, others, strict=True))


def _signature(first: Function) -> tuple[tuple[str, ...], int, dict[str, Any]]:
    names = first.__code__.co_varnames[: first.__code__.co_argcount]
    defaults = first.__defaults__ or ()
    split = len(names) - len(defaults)
    return names, split, dict(zip(names[split:], defaults, strict=True))
