"""The functions of row programs that call those of several, side by side, made of syntax trees."""

from __future__ import annotations

import dis
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..rows import Functions, Pair
from ..sizes import Sizes
from .trees import assign, call, function, label, numbered, packed, unknown, use, used, weighted

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence
    from types import CodeType


class Piece(NamedTuple):
    """A term's program: its sizes, where its factor is among the parameters, how many it takes behind that.

    `unit` is that of a jet's piece.
    """

    functions: Any
    sizes: Sizes
    factor: int
    parameters: int
    unit: float


class Names(NamedTuple):
    """What the variables are called in which a term's numbers are."""

    m: list[str]
    sums: list[str]
    more: list[str]
    kept: list[str]
    coefficients: list[str]
    settled: list[str]
    probes: list[str]
    parameters: list[str]
    factor: tuple[float, str]
    """Its sign, if it is 1 or -1, and its name."""


def _names(pieces: Sequence[Piece], scores: int) -> list[Names]:
    """Those of each term; terms whose maxima are the same share them."""
    found: list[Names] = []
    for k, (f, sizes, factor, parameters, sign) in enumerate(pieces):
        same = (j for j, other in enumerate(pieces[:k]) if _same_peak(f.peak, other.functions.peak, scores))
        j = next(same, None)
        m = numbered(f"m{k}_", sizes.peaks) if j is None else found[j].m
        counts = (sizes.sums, sizes.more, sizes.kept, sizes.coefficients, sizes.settled, sizes.probes)
        sums, *rest = [numbered(f"{letter}{k}_", count) for letter, count in zip("srkcdq", counts, strict=True)]
        more, kept, coefficients, settled, probes = rest
        own = numbered("p", parameters, factor + 1)
        found.append(Names(m, sums, more, kept, coefficients, settled, probes, own, (sign, f"p{factor}")))
    return found


def _same_peak(one: Any, other: Any, scores: int) -> bool:
    """Whether two functions give the same maxima: those that look at no parameter."""
    return bool(one and other) and _same(one.__code__, other.__code__, scores)


@lru_cache(maxsize=256)
def _same(one: CodeType, other: CodeType, scores: int) -> bool:
    if (one.co_code, one.co_consts, one.co_names) != (other.co_code, other.co_consts, other.co_names) or one.co_names:
        return False
    loaded = [i.argval for i in dis.get_instructions(one) if i.opname.startswith("LOAD_FAST")]
    names = {n for value in loaded for n in (value if isinstance(value, tuple) else (value,))}
    return names <= {*one.co_varnames[:scores]}


def _all(parts: Sequence[Sequence[str]]) -> list[str]:
    """Names in a row, each once."""
    return [*dict.fromkeys(n for part in parts for n in part)]


def sizes_of(pieces: Sequence[Piece], scores: int, order: int) -> Sizes:
    """How many numbers the functions of the whole take and return."""
    if len(pieces) == 1:
        return pieces[0].sizes._replace(order=order)
    if not pieces:
        return Sizes(scores, 0, 1, 0, 0, order, 1, 0, False)
    names = _names(pieces, scores)
    counts = [len(_all([getattr(n, field) for n in names])) for field in Names._fields[:7]]
    peaks, sums, more, kept, coefficients, settled, probes = counts
    sighted = any(piece.sizes.sighted for piece in pieces)
    return Sizes(scores, peaks, sums, more, kept, order, coefficients, settled, sighted, probes)


def program(pieces: Sequence[Piece], prefixes: Sequence[str], scores: int, parameters: int, order: int) -> Any:
    """The program of a sum."""
    writer = _Writer(pieces, label(prefixes), scores, numbered("p", parameters), order)
    if not pieces:
        return writer.nothing()
    return writer.pair() if isinstance(pieces[0].functions, Pair) else writer.program()


class _Writer:
    """Writes each function of the whole as calls of those of the terms."""

    def __init__(self, pieces: Sequence[Piece], name: str, scores: int, parameters: list[str], order: int) -> None:
        self.pieces, self.name, self.p, self.order = pieces, name, parameters, order
        self.x = numbered("x", scores)
        self.names = [] if pieces and isinstance(pieces[0].functions, Pair) else _names(pieces, scores)

    def _function(self, field: str, arguments: Sequence[str], body: Sequence[ast.stmt], result: ast.expr) -> Any:
        calls = {f"part{k}": getattr(piece.functions, field) for k, piece in enumerate(self.pieces)}
        calls = {name: f for name, f in calls.items() if f is not None}
        return function(f"{self.name}.{field}", [*arguments, *self.p], body, result, calls)

    def _each(self, field: str, targets: Callable[[int], Any], arguments: Callable[[int], list[str]]) -> list[ast.stmt]:
        """The calls of those terms that have such a function; of peaks that are the same, one."""
        having = [k for k, piece in enumerate(self.pieces) if getattr(piece.functions, field) is not None]
        if field == "peak":
            having = [k for k in having if self.names[k].m[0] == f"m{k}_0"]
        return [assign(targets(k), call(f"part{k}", [*arguments(k), *self.names[k].parameters])) for k in having]

    def program(self) -> Functions:
        """All functions."""
        names, pieces = self.names, self.pieces
        peaks, sums, more, kept, coefficients, settled, probes = (
            _all([getattr(n, field) for n in names]) for field in Names._fields[:7]
        )
        sighted = ["t"] if any(piece.sizes.sighted for piece in pieces) else []
        own: dict[str, Any] = {}
        if peaks:
            body = self._each("peak", lambda k: names[k].m if len(names[k].m) > 1 else names[k].m[0],
                              lambda k: [*self.x, *(["t"] if pieces[k].sizes.sighted else [])])  # fmt: skip
            own["peak"] = self._function("peak", [*self.x, *sighted], body,
                                         used(peaks) if len(peaks) > 1 else use(peaks[0]))  # fmt: skip
        body = self._each("fold", lambda k: (names[k].sums, names[k].kept), lambda k: [*self.x, "t", *names[k].m])
        own["fold"] = self._function("fold", [*self.x, "t", *peaks], body, packed([used(sums), used(kept)]))
        if more:
            body = self._each("settle", lambda k: names[k].settled, lambda k: [*names[k].m, *names[k].sums])
            own["settle"] = self._function("settle", [*peaks, *sums], body, used(settled))
            body = self._each("second", lambda k: names[k].more, lambda k: [*names[k].kept, "t", *names[k].settled])
            own["second"] = self._function("second", [*kept, "t", *settled], body, used(more))
        if probes:  # of the first, whose numbers are the first
            body = self._each("probe", lambda k: names[k].probes, lambda k: [*names[k].kept, *names[k].settled])
            own["probe"] = self._function("probe", [*kept, *settled], body, used(probes))
            risen = [f"e{k}" for k in range(len(names[0].settled))]
            body = self._each("again", lambda _: risen, lambda k: [*names[k].settled, *names[k].probes])
            after = used([*risen, *settled[len(risen) :]])
            own["again"] = self._function("again", [*settled, *probes], body, after)
        body = self._each("finish", lambda k: (f"v{k}", names[k].coefficients),
                          lambda k: [*names[k].m, *names[k].sums, *names[k].more])  # fmt: skip
        value = self._weighted("v")
        own["finish"] = self._function(
            "finish", [*peaks, *sums, *more], body, packed([value, used(coefficients)])
        )  # fmt: skip
        own["grad"] = self._slope(kept, coefficients)
        return Functions(**own, **self._statistics(peaks, sums))

    def _weighted(self, letter: str) -> ast.expr:
        return weighted([(n.factor[0], f"{letter}{k}", n.factor[1]) for k, n in enumerate(self.names)])

    def _slope(self, kept: list[str], coefficients: list[str]) -> Any:
        body = self._each(
            "grad", lambda k: (f"g{k}", f"h{k}") if self.pieces[k].sizes.order == 2 else f"g{k}",
            lambda k: [*self.names[k].kept, "t", *self.names[k].coefficients],
        )  # fmt: skip
        both = [self._weighted(d) for d in "gh"[: self.order]]
        result = packed(both) if self.order == 2 else both[0]
        return self._function("grad", [*kept, "t", *coefficients], body, result)

    def _statistics(self, peaks: list[str], sums: list[str]) -> dict[str, Any]:
        """Those of the one term that has some, if there is no second sum."""
        having = [k for k, piece in enumerate(self.pieces) if piece.functions.stats is not None]
        if len(having) != 1 or any(n.more for n in self.names):
            return {}
        (k,) = having
        n = self.names[k]
        noted = self._each("note", lambda _: "n", lambda _: [*self.x, *n.m])
        told = self._each("stats", lambda _: ("a", "b"), lambda _: [*n.m, *n.sums, "n"])
        return {"note": self._function("note", [*self.x, *peaks], noted, use("n")),
                "stats": self._function("stats", [*peaks, *sums, "n"], told, used(("a", "b")))}  # fmt: skip

    def pair(self) -> Pair:
        """Those of a pair program, of which there is one."""
        (piece,) = self.pieces
        factor, own = f"p{piece.factor}", numbered("p", piece.parameters, piece.factor + 1)
        body = [assign([f"v{k}" for k in range(1 + piece.sizes.order)], call("part0", ["d", *own]))]
        pair = self._function("pair", ["d"], body, used([f"v{k}" for k in range(1 + piece.sizes.order)]))
        body = [assign("s", call("part0", ["classes", "pairs", *own]))]
        return Pair(pair, self._function("share", ["classes", "pairs"], body, weighted([(piece.unit, "s", factor)])))

    def nothing(self) -> Functions:
        """The program of a sum in which no term counts: 0, or NaN where a number is."""
        fold = self._function("fold", [*self.x, "t"], [], packed([packed([unknown([*self.x, "t"])]), packed([])]))
        finish = self._function("finish", ["s"], [], packed([use("s"), used(["s"])]))
        slope = packed([use("s"), unknown([])]) if self.order == 2 else use("s")
        return Functions(fold, finish, self._function("grad", ["t", "s"], [], slope))
