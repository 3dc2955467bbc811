"""A sum of losses of elements: one jet, which calls those of its terms."""

from __future__ import annotations

from ..elements import Definition
from ..frozen import made_once
from .terms import Sum, Terms, unit


class ElementSum(Sum, Definition):
    """A sum of losses of elements."""

    rooted = False

    def __init__(self, terms: Terms) -> None:
        self.wrt, self.others = terms[0][1].wrt, {}
        self.order = min(part.order for _, part in terms)
        self.untested = ("none",) * len(terms[0][1].inputs)
        Sum.__init__(self, terms)

    def _join(self) -> None:
        from . import trees  # and with it Python's syntax trees, another 5 ms

        first, pieces = 0, []
        for part, factor in zip(self.parts, self.factors, strict=True):
            if factor != 0.0:
                pieces.append(trees.Piece(part.jet, part.order, first, len(part.parameters), unit(factor)))
            first += 1 + len(part.parameters)
        key = (tuple(pieces), self.prefixes, len(self.inputs), first, self.order, len(self.wrt))
        self._made = made_once(key, lambda: (trees.jet(*key),))
        self.jet = self._made.functions[0]
