"""What sums of losses of elements and of rows have in common: their terms, the names of these, and where they agree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..domain import REAL, Domain
from ..parameters import Parametrised
from ..streams import told
from ..wording import listed

Terms = Sequence[tuple[float, Any]]
"""Factors and losses."""


def total(terms: Iterable[tuple[float, Any]]) -> Any:
    """The sum of losses times factors."""
    first, *others = (part * factor for factor, part in terms)
    return sum(others, start=first)


def unit(factor: float) -> float:
    """A factor by which nothing need be multiplied, 1 or -1; else 0."""
    return factor if abs(factor) == 1.0 else 0.0


class Sum(Parametrised):
    """Losses of the same inputs, each multiplied by a factor, and added."""

    parts: tuple[Any, ...]
    """The losses that are added, with the parameters that they have here."""

    factors: tuple[float, ...]
    """What they are multiplied by."""

    def __init__(self, terms: Terms) -> None:
        self.parts = parts = tuple([part for _, part in terms])
        self.name = _formula(terms, _name)
        self._refuse(parts)
        self.prefixes = _prefixes(parts)
        values: dict[str, Any] = {}
        domains: dict[str, Any] = {}
        for (factor, part), prefix in zip(terms, self.prefixes, strict=True):
            values[f"{prefix}__factor"], domains[f"{prefix}__factor"] = factor, REAL
            values |= {f"{prefix}__{n}": value for n, value in part.values.items()}
            domains |= {f"{prefix}__{n}": domain for n, domain in part.parameters.items()}
        if len(values) < sum(1 + len(part.parameters) for part in parts):
            raise TypeError(f"{self.name}: two of its parameters would have the same name, among {listed(values)}; "
                            "each term has a factor")  # fmt: skip
        Parametrised.__init__(self, self.name, parts[0].inputs, tuple(values), values, domains)
        self.optional = frozenset(self._named(lambda part: part.optional))
        links = {part.link for part in parts}
        self.link = links.pop() if len(links) == 1 else "identity"

    def _named(self, names: Any) -> list[str]:
        """Names of the parameters of each part, as they are here."""
        both = zip(self.prefixes, self.parts, strict=True)
        return [f"{prefix}__{n}" for prefix, part in both for n in names(part)]

    def _refuse(self, parts: tuple[Any, ...]) -> None:
        """Raise for losses that cannot be added."""
        first = parts[0]
        for part in parts:
            if part.rooted:
                raise TypeError(f"{self.name}: {part.name} is the root of a mean, and no sum over elements that is "
                                "multiplied and added to in the same pass; do that to its value")  # fmt: skip
            if part.inputs != first.inputs:
                raise TypeError(f"{first.name} takes {listed(first.inputs)}, and {part.name} {listed(part.inputs)}: "
                                "losses that are added take the same inputs by the same names; call each, and add the "
                                "results")  # fmt: skip
            if part.by != first.by or part.wrt != first.wrt:
                one, other = (listed(p.by or [p.inputs[k] for k in p.wrt]) for p in (first, part))
                raise TypeError(f"{first.name} is differentiated with respect to {one}, and {part.name} to {other}: "
                                "use with_respect_to first, so that both are the same")  # fmt: skip

    def _refresh(self) -> None:
        self._find()
        values, found = self.values, []
        for prefix, part in zip(self.prefixes, self.parts, strict=True):
            own = {n: values[f"{prefix}__{n}"] for n in part.parameters}
            known = part.values
            found.append(part if all(own[n] is known[n] for n in own) else part.bind(**own))
        self.parts = tuple(found)
        self.factors = tuple([values[f"{prefix}__factor"] for prefix in self.prefixes])
        self.name = _formula([*zip(self.factors, self.parts, strict=True)], _name)
        self.by = self.parts[0].by
        self.declared = tuple([self._shared(k) for k in range(len(self.inputs))])
        Parametrised._refresh(self)
        self._join()

    def _join(self) -> None:
        """Make one function, or program, of those of the parts."""
        raise NotImplementedError

    def _shared(self, k: int) -> Domain:
        """What the domains of an input have in common."""
        first, *others = self.parts
        domain: Domain = first.domains[k]
        for part in others:
            both = _intersection(domain, part.domains[k])
            if both is None:
                raise ValueError(f"{self.name}: {self.inputs[k]} is {domain} in {first.name} and {part.domains[k]} in "
                                 f"{part.name}, which have too little in common")  # fmt: skip
            domain = both
        return domain

    @property
    def active(self) -> list[int]:
        """The indices of the parts that count."""
        return [k for k, factor in enumerate(self.factors) if factor != 0.0]

    @property
    def single(self) -> frozenset[str]:
        """The parameters that are numbers: factors, and those that are so in a part."""
        factors = [f"{prefix}__factor" for prefix in self.prefixes]
        return frozenset([*factors, *self._named(lambda part: part.single)])

    @property
    def quickened(self) -> frozenset[str]:
        """The parameters by whose numbers a faster function is chosen, in a part."""
        return frozenset(self._named(lambda part: part.quickened))

    @property
    def identity(self) -> Any:
        """What the parts are, beside their parameters' values."""
        return tuple([(type(part).shared, part.name, part.identity, part.by) for part in self.parts])

    @property
    def own_text(self) -> str:
        """What `help` says first."""
        what = [f"{prefix} : {_summary(part)}" for prefix, part in zip(self.prefixes, self.parts, strict=True)]
        return "\n".join([f"The sum {self.name}, in one pass.", "", *what])

    def with_respect_to(self, *names: str) -> Any:
        """The same sum with derivatives with respect to these inputs."""
        return total(zip(self.factors, [part.with_respect_to(*names) for part in self.parts], strict=True))

    def __reduce__(self) -> Any:
        return total, ((*zip(self.factors, self.parts, strict=True),),)

    def written(self, more: Mapping[str, Any]) -> str:
        """The sum as it is written, and these after it."""
        text = _formula([*zip(self.factors, self.parts, strict=True)], repr)
        return ", ".join([text, *(f"{n}={told(v)}" for n, v in more.items())])


def _formula(terms: Terms, of: Any) -> str:
    """The sum as it is written, each loss as `of` has it."""
    text = ""
    for factor, part in terms:
        size = abs(factor)
        brief = f"{size:g}" if float(f"{size:g}") == size else repr(size)
        alone = len(terms) == 1 and factor == 1.0
        body = of(part) if size == 1.0 and not alone else f"{brief} * {of(part)}"
        sign = (" - " if factor < 0.0 else " + ") if text else "-" if factor < 0.0 else ""
        text += f"{sign}{body}"
    return text


def _name(part: Any) -> str:
    return part.name  # type: ignore[no-any-return]


def _summary(part: Any) -> str:
    return part.own_text.lstrip().partition("\n")[0] or part.name  # type: ignore[no-any-return]


def _prefixes(parts: Sequence[Any]) -> tuple[str, ...]:
    """A name for each part, of which no two are the same and none needs quotes."""
    plain = [re.sub(r"\W|^(?=\d)", "_", part.name) for part in parts]
    counts, taken, found = Counter(plain), {*plain}, []
    for name in plain:
        k, prefix = 1, name
        while counts[name] > 1 and prefix in taken:
            prefix, k = f"{name}_{k}", k + 1
        taken.add(prefix)
        found.append(prefix)
    return tuple(found)


def _intersection(a: Domain, b: Domain) -> Domain | None:
    """The numbers of both; None where these are no interval and no two end points."""
    if a.ends_only or b.ends_only:
        ends, other = (a, b) if a.ends_only else (b, a)
        inside = [end in other for end in (ends.low, ends.high)]
        return ends if all(inside) else None
    low, low_open = max((a.low, a.low_open), (b.low, b.low_open))
    high, closed = min((a.high, not a.high_open), (b.high, not b.high_open))
    for d in (a, b):
        if (d.low, d.low_open, d.high, d.high_open) == (low, low_open, high, not closed):
            return d
    if not low < high:
        return None
    return Domain(f"{a.name} and {b.name}", low, high, low_open=low_open, high_open=not closed)
