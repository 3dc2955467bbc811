"""A sum of losses of rows: one row program, in which each function calls those of its terms side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..frozen import made_once
from ..rows import Pair, Program
from ..sizes import Sizes
from ..wording import listed
from .terms import Sum, Terms, total, unit

MOST = {
    "peaks": (20, "maxima"), "sums": (20, "sums"), "more": (20, "second sums"),
    "kept": (3, "numbers that are kept of each score"),
}  # fmt: skip
"""How many numbers of a kind a kernel has: what any two losses need, of which one has 10 sums; three places aside."""


class RowSum(Sum, Program):
    """A sum of losses of rows."""

    exchanged = None

    def __init__(self, terms: Terms) -> None:
        parts = [part for _, part in terms]
        self.scores = parts[0].scores
        self.target = _target(parts)
        self.smooth = all(part.smooth for part in parts)
        self.classed = all(part.classed for part in parts)
        Sum.__init__(self, terms)

    def _join(self) -> None:
        held = self.values
        taken = [(prefix, ("factor", *part.takes)) for prefix, part in zip(self.prefixes, self.parts, strict=True)]
        self.takes = tuple([f"{prefix}__{n}" for prefix, names in taken for n in names])
        kinds = {n: "" if v is None else "row" if n in self.arrays else "number" for n, v in held.items()}
        self.given = tuple([kinds[n] for n in self.takes])
        self.inside = tuple([d.inner_point for d in self.domains])
        self._made: tuple[Any, ...] = ()
        self.__dict__.pop("_spread", None)
        self.functions, self.sizes = self._joined(spread=False)
        turned = [part.turned for part in self.parts]
        self.turned = None if None in turned else total(zip(self.factors, turned, strict=True))

    @cached_property
    def _spread(self) -> tuple[Any, Sizes]:
        return self._joined(spread=True)

    def _joined(self, spread: bool) -> tuple[Any, Sizes]:
        """The functions of the whole, and their sizes."""
        from . import rowtrees as trees

        pieces, order, at = [], 2, 0
        for part, factor in zip(self.parts, self.factors, strict=True):
            functions, sizes = part.run_by(spread)
            order = min(order, sizes.order)
            if factor != 0.0:
                pieces.append(trees.Piece(functions, sizes, at, len(part.takes), unit(factor)))
            at += 1 + len(part.takes)
        self._refuse_pairs([piece.functions for piece in pieces])
        sought = [self.parts[k].name for k in self.active if getattr(self.parts[k].run_by(spread)[0], "probe", None)]
        if len(sought) > 1:
            raise TypeError(f"{self.name}: {listed(sought)} each seek a threshold in a row, and a kernel seeks one: "
                            "call each, and add the results")  # fmt: skip
        pieces.sort(key=lambda piece: getattr(piece.functions, "probe", None) is None)
        parameters, sizes = at, trees.sizes_of(pieces, self.scores, order)
        for kind, (most, what) in MOST.items():
            if getattr(sizes, kind) > most:
                raise TypeError(f"{self.name}: its terms need {getattr(sizes, kind)} {what} together, and a kernel has "
                                f"{most}: call some of them apart, and add the results")  # fmt: skip
        key = (tuple(pieces), self.prefixes, self.scores, parameters, order)
        self._made = (*self._made, made_once(key, lambda: trees.program(*key)))
        return self._made[-1].functions, sizes

    def _refuse_pairs(self, programs: Sequence[Any]) -> None:
        """Raise for sums over pairs of scores beside others."""
        if len(programs) > 1 and any(isinstance(program, Pair) for program in programs):
            names = [self.parts[k].name for k in self.active]
            pairs = next(n for n, program in zip(names, programs, strict=True) if isinstance(program, Pair))
            raise TypeError(f"{self.name}: {pairs} is a sum over pairs of scores, which has a kernel of its own: call "
                            "each, and add the results")  # fmt: skip


def _target(parts: Sequence[Any]) -> str:
    """Which targets all of the losses take."""
    kinds = [*dict.fromkeys(part.target for part in parts)]
    sharp = [kind for kind in kinds if kind != "both"]
    if len(sharp) > 1 or (len(kinds) > 1 and "none" in kinds):
        one, other = (next(part for part in parts if part.target == kind) for kind in (sharp if sharp[1:] else kinds))
        raise TypeError(f"{one.name} takes {_TARGETS[one.target]}, and {other.name} {_TARGETS[other.target]}: call "
                        "each, and add the results")  # fmt: skip
    return sharp[0] if sharp else "both"


_TARGETS = {"labels": "labels", "dense": "masses for a target", "none": "scores alone", "both": "labels or masses"}
