"""A loss of rows whose gradient is the Hessian of another one times a vector.

A row program is differentiated along the vector: what each of its functions returns is joined by what that changes by.
So it runs on the templates that there are, with labels and masses, weights and classes' weights as every loss of rows.
"""

from __future__ import annotations

import math
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..code import function_of
from ..derive.emit import SCOPE, function_tree
from ..derive.graph import Graph, Node, reachable
from ..derive.lower import lowered, remade
from ..derive.rules import NoDerivative
from ..rows import DENSE, Functions, Pair
from .reading import Reader, Unreadable
from .tangents import smooth, tangents
from .trial import check_changes, check_peaks, rows_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..sizes import Sizes

VECTOR = "vector"
"""The name of the input that the Hessian is multiplied by."""

KEPT = 3
"""How many numbers of an element a kernel keeps."""


def product(loss: Any) -> Any:
    """The loss of rows of pred, vector and what else `loss` takes: its value is its gradient times the vector.

    Its own gradient is thus the Hessian by the scores, the whole matrix of each row, times the vector. Raise
    NotImplementedError where there is none: for sums over pairs of scores, for losses of two arrays of scores, for
    those that depend on which score is the largest, and where the definition's text is not at hand.

    >>> import fastloss as fl
    >>> product(fl.cross_entropy).grad([[0.0, 0.0]], [[1.0, -1.0]], [0])
    array([[ 0.5, -0.5]])
    """
    try:
        functions, variants = _made(loss, spread=False), {}
        if loss.run_by(True)[0] is not loss.run_by(False)[0]:
            variants[DENSE, None] = _made(loss, spread=True)
        first, *others = loss.inputs
        domains = {**dict(zip(loss.inputs, loss.declared, strict=True)), **{n: loss.parameters[n] for n in loss.takes}}
        kind = type(loss).shared
        kind = kind.__bases__[-1] if hasattr(loss, "parts") else kind
        made = kind(f"{loss.name}_product", (first, VECTOR, *others), loss.target, loss.smooth, functions,
                                 domains, variants, None, "made", classed=loss.classed)  # fmt: skip
    except (Unreadable, NoDerivative, TypeError, ValueError, ArithmeticError) as error:
        raise NotImplementedError(f"{loss.name} has no product of its second derivatives with a vector: "
                                  f"{error.args[-1]}") from error  # fmt: skip
    return made.bind(**{n: loss.arrays.get(n, loss.numbers[n]) for n in loss.takes})


def _made(loss: Any, spread: bool) -> Functions:
    functions, sizes = loss.run_by(spread)
    if isinstance(functions, Pair):
        raise TypeError("it is a sum over pairs of scores")
    if sizes.scores > 1:
        raise TypeError(f"it has two arrays of scores, {loss.inputs[0]} and {loss.inputs[1]}")
    numbers = loss.numbers
    p = [numbers[n] for n in loss.takes]
    check_peaks(functions, sizes, loss.inside[0], p)
    # The defaults are the same for all values, which are bound: so are the kernels.
    defaults = {n: None if numbers[n] is None else loss.parameters[n].inner_point for n in loss.takes}
    made = _Writer(functions, sizes, defaults).functions()
    rows = rows_at(loss.inside[0], (1.0317, 6.113, 31.739) if loss.domains[0].is_real_line else (1.0317,))
    check_changes(functions, made.unbounded(), sizes, rows, (0.5, 0.3, 0.2) if spread else (1.0, 0.0, 0.0), p)
    return made


class _Numbers(NamedTuple):
    """What one function hands to others: numbers, and behind them the changes of those that move."""

    nodes: list[Node]
    names: list[Node]
    """A variable for each."""
    seeds: dict[Node, Node]
    """The variables of numbers that move, and of their changes."""
    own: list[Node]
    """The variables of the numbers alone, in the order in which they were asked for; equal sums have one."""

    def asked(self, roots: Sequence[Node]) -> list[tuple[Node, Node]]:
        """Variables that these expressions ask for, and what they stand for."""
        used = {*reachable(roots)}
        return [(name, n) for name, n in zip(self.names, self.nodes, strict=True) if name in used]


class _Made(Functions):
    """Functions that divide before they look by what."""

    def sizes(self, name: str, scores: int, point: tuple[float, ...], p: tuple[Any, ...]) -> Sizes:
        """Run the program on one element of NumPy's numbers, which divide by 0, and count."""
        numbers: list[Any] = [tuple([x if x is None else np.float64(x) for x in part]) for part in (point, p)]
        with np.errstate(all="ignore"):
            return self.unbounded().sizes(name, scores, *numbers)

    def unbounded(self) -> Functions:
        """The same functions, for NumPy's numbers."""
        scope = {"math": _Unbounded(), **{n: getattr(_Unbounded(), f) for n, f in _PRIMITIVES.items()}}
        plain: list[Any] = [f and FunctionType(f.__code__, scope, f.__name__, f.__defaults__) for f in self]
        return Functions(*plain)


class _Unbounded:
    """`math` of NumPy's numbers, NaN where it has none."""

    def __getattr__(self, name: str) -> Any:
        def called(*x: Any) -> Any:
            try:
                return np.float64(getattr(math, name)(*x))
            except (ValueError, OverflowError):
                return np.float64(math.nan)

        return called


_PRIMITIVES = {"exp_neg": "exp", "log1p_unit": "log1p", "pow_signed": "pow"}


class _Writer:
    """Differentiates the functions of a row program, and writes those of the other."""

    def __init__(self, functions: Functions, sizes: Sizes, parameters: Mapping[str, Any]) -> None:
        self.f, self.values = functions, parameters
        self.g = g = Graph(1)
        self.read = Reader(g).call
        self.p = [g.variable(n, True) for n in parameters]
        self.x, self.v, self.t = (g.variable(n, False) for n in ("x_", "v_", "t_"))
        self.m = self._variables("m", sizes.peaks)
        self.sighted = [self.t] if sizes.sighted else []

    def _variables(self, letter: str, count: int) -> list[Node]:
        return [self.g.variable(f"{letter}{k}_", False) for k in range(count)]

    def _moved(self, letter: str, nodes: Sequence[Node], seeds: Mapping[Node, Node], still: bool = False) -> _Numbers:
        """Expressions without exceptions at single points, what they change by, and variables for both."""
        asked = smooth(self.g, nodes, seeds)
        own = [*dict.fromkeys(asked)] if letter == "s" else asked
        change = tangents(self.g, own, {} if still else seeds)
        names, changes = self._variables(letter, len(own)), self._variables(f"d{letter}", len(own))
        moved = [k for k, n in enumerate(own) if change[n] is not self.g.zero]
        return _Numbers(
            [*own, *(change[own[k]] for k in moved)],
            [*names, *(changes[k] for k in moved)],
            {names[k]: changes[k] for k in moved},
            [names[own.index(n)] for n in asked] if letter == "s" else names,
        )

    def functions(self) -> _Made:
        """All of them."""
        f, p, m, none = self.f, self.p, self.m, _Numbers([], [], {}, [])
        sums, kept = self.read(f.fold, [self.x, self.t, *m, *p])
        s, k = (self._moved(letter, part, {self.x: self.v}) for letter, part in zip("sk", (sums, kept), strict=True))
        c, r, probes = none, none, list[Node]()
        if f.settle is not None:
            # What Newton's step from a number leads to does not depend on the number that was sought, to first order.
            c = self._moved("c", self.read(f.settle, [*m, *s.own, *p]), s.seeds, still=f.probe is not None)
            r = self._moved("r", self.read(f.second, [*k.own, self.t, *c.own, *p]), {**k.seeds, **c.seeds})
        if f.probe is not None:
            probes = smooth(self.g, self.read(f.probe, [*k.own, *c.own, *p]), k.seeds)
        value, ends = self.read(f.finish, [*m, *s.own, *r.own, *p])
        seeds = {**s.seeds, **r.seeds}
        e, gain = self._moved("e", ends, seeds), tangents(self.g, [value], seeds)[value]
        slope = self.read(f.grad, [*k.own, self.t, *e.own, *p])
        both = self._moved("g", [slope[0] if isinstance(slope, tuple) else slope], {**k.seeds, **e.seeds})
        return self._written(s, k, c, r, probes, e, both.nodes[1] if both.seeds else self.g.zero, gain)

    def _written(
        self, s: _Numbers, k: _Numbers, c: _Numbers, r: _Numbers, probes: list[Node], e: _Numbers, slope: Node,
        gain: Node,
    ) -> _Made:  # fmt: skip
        f, m, x, more = self.f, self.m, self.x, r.nodes
        slots, aside = k.asked([slope, *more, *probes]), list[Node]()
        if len(slots) > KEPT:  # the element itself instead, of which they are computed again, by the same maxima
            slope, *rest = remade(self.g, [slope, *more, *probes], dict(slots))
            more, probes = rest[: len(more)], rest[len(more) :]
            slots, aside = [(x, x), (self.v, self.v)], m
        inside, held = [variable for variable, _ in slots], e.asked([slope])
        ends = (*(n for _, n in held), *aside)
        made = {
            "fold": self._function("fold", [x, self.v, self.t, *m], [(*s.nodes,), tuple([n for _, n in slots])]),
            "finish": self._function("finish", [*m, *s.names, *r.names], [gain, ends]),
            "grad": self._function("grad", [*inside, self.t, *(n for n, _ in held), *aside], [slope], one=True),
        }
        if f.peak is not None:
            peaks = self.read(f.peak, [x, *self.sighted, *self.p])
            one = not isinstance(peaks, tuple)
            made["peak"] = self._function("peak", [x, self.v, *self.sighted], [peaks] if one else peaks, one)
        if f.settle is not None:
            made["settle"] = self._function("settle", [*m, *s.names], [*c.nodes, *aside])
            made["second"] = self._function("second", [*inside, self.t, *c.names, *aside], more)
        if f.again is not None:
            q = self._variables("q", len(probes))
            made["probe"] = self._function("probe", [*inside, *c.names, *aside], probes)
            sought = self.read(f.again, [*c.names, *q, *self.p])
            made["again"] = self._function("again", [*c.names, *aside, *q], [*sought, *aside])
        return _Made(**made)

    def _function(self, field: str, arguments: Iterable[Node], results: Sequence[Any], one: bool = False) -> Any:
        """A function of these variables and the parameters; `one`: that returns a number, and no tuple of it."""
        flat = [n for r in results for n in (r if isinstance(r, tuple) else (r,))]
        low = iter(lowered(self.g, flat))
        written = [tuple([next(low) for _ in r]) if isinstance(r, tuple) else next(low) for r in results]
        names = [*(str(n.value) for n in arguments), *self.values]
        defaults = [*self.values.values()] if field == "fold" else []
        tree: Any = function_tree(field, names, defaults, written, 1)
        if one:
            tree.body[-1].value = tree.body[-1].value.elts[0]
        return function_of(tree, dict(SCOPE), "made")
