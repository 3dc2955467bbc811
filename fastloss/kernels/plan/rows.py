"""`RowPlan`: which row kernel a call needs, and what completes its template. No other module knows the variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ...define.keywords import GRAD, HESS, VALUE
from ...define.rows import Functions, Pair
from ...define.sizes import Sizes
from ..bind import BOTH, EITHER, IN_TURN, Port, joined
from ..places import (
    AT_SCORES,
)
from ..ports import elements as p
from ..ports import kept as s
from ..ports import rows as r
from ..templates import pairs, rows
from ..templates import tiles as lanes
from ..templates.elements import BLOCK
from .elements import Target, beyond, compute_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONG = 129
"""Classes from which a row is long: it is gone through by itself, its elements in the lanes of vectors."""

ROW = "row"
"""What a parameter is of which each row has its own number."""

FEW = 4
"""Classes of a block by which tiles are brought in; fewer are brought in one by one."""


class RowPlan(NamedTuple):
    """Everything that makes one compiled row kernel differ from another; types are NumPy type characters."""

    functions: Functions | Pair
    sizes: Sizes
    types: tuple[str, ...]
    """Of the scores."""
    want: int
    tests: tuple[str, ...]
    given: tuple[str, ...] = ()
    """What parameters are: a "number", a number for each "row", or "" for None."""
    inside: tuple[float, ...] = (0.0,)
    """A number inside the domain of each input."""
    target: str = "none"
    """"none", "labels" or "dense"."""
    target_type: str = ""
    smooth: bool = False
    classes: bool = False
    weight: str = ""
    weighed: bool = False
    """Whether a row's weight that is negative or infinite is a flaw."""
    ignore: bool = False
    each: bool = False
    stats: bool = False
    inplace: bool = False
    turned: bool = False
    """Whether tiles are brought in by squares: where the elements of a row lie side by side."""
    spans: tuple[tuple[float, float], ...] = ()
    """What the numbers of parameters that are arrays lie between, where the kernel looks at them."""
    entry: str = "rows"
    """Which template: "rows" for long ones, "lanes" for many at a time, "pairs", "census" for the target alone."""

    @classmethod
    def of(
        cls, loss: Any, types: tuple[str, ...], want: int, check: bool, target: str, smooth: bool = False, **more: Any
    ) -> RowPlan:
        """The plan of a loss; types are empty where there is no target, or no weight."""
        dense = target == "dense"
        functions, sizes = loss.run_by(dense or smooth)
        return cls(
            functions,
            sizes,
            types,
            want,
            tuple([test if check else "none" for test in loss.tests[: loss.scores + dense]]),
            given=loss.given,
            inside=loss.inside,
            target=target,
            smooth=smooth,
            weighed=check and bool(more.get("weight")),
            **more,
        )

    @property
    def compute(self) -> str:
        """The type of the arithmetic; weights are added up in float64."""
        return "d" if self.entry == "census" else compute_type(self.types[0])

    @property
    def template(self) -> Callable[..., Any]:
        """The function that is completed."""
        templates = {"rows": rows.total, "lanes": lanes.total, "pairs": pairs.total, "census": rows.census}
        return cast("Callable[..., Any]", templates[self.entry])

    @property
    def block(self) -> int:
        """About how many elements a thread takes at a time."""
        return pairs.BLOCK if self.entry == "pairs" else BLOCK

    @property
    def name(self) -> str:
        """What the kernel is called on disk, and to the user who waits for it."""
        if self.entry == "census":
            return "count_of_labels"
        return self.functions.first.__qualname__.partition(".")[0]

    @property
    def definition(self) -> tuple[Callable[..., Any], ...]:
        """The functions that complete it."""
        return tuple(f for f in self.functions if f is not None)

    @property
    def direct(self) -> bool:
        """Whether the first number that is kept of an element goes where its gradient will be."""
        return self.entry == "rows" and self.sizes.kept > 0 and bool(self.want & GRAD) and self.types[0] == self.compute

    @property
    def sums(self) -> int:
        """How many sums there are in the first pass."""
        return self.sizes.sums + self.stats

    @property
    def twice(self) -> bool:
        """Whether there is a second sum."""
        return isinstance(self.functions, Functions) and self.functions.second is not None

    @property
    def rising(self) -> bool:
        """Whether that is taken again, as often as the row needs it."""
        return isinstance(self.functions, Functions) and self.functions.again is not None

    @property
    def kept(self) -> int:
        """How many arrays of a row's length, or of a tile's, are needed on the side."""
        if self.entry == "lanes":
            return max(self.sizes.scores, self.sizes.kept, 2 if self.want & HESS else 1)
        return self.sizes.kept - self.direct if self.want & GRAD or self.twice else 0


def census_plan(plan: RowPlan) -> RowPlan:
    """The plan that looks at the target of another; the same for all losses."""
    shared = {name: getattr(plan, name) for name in ("target", "target_type", "classes", "weight", "ignore", "weighed")}
    sizes = Sizes(1, 0, 1, 0, 0, 1, 0, 0, False)
    return RowPlan(_NONE, sizes, (plan.compute,), 0, ("none",), entry="census", **shared)


_NONE = Functions(p.keep, p.keep, p.keep)

_SAME = ("places", "along", "statistics", "put_top", "put_grad", "put_hess", "put_stats")
"""Ports that are always those of their names."""

_SHARE = {
    (False, False): r.share_alike,
    (False, True): r.share_kept,
    (True, False): r.share_weighted,
    (True, True): r.share_weighted_kept,
}


def ports(plan: RowPlan, target: Target) -> dict[str, Any]:
    """The template's free names for this plan, on this target."""
    f, sizes, compute = plan.functions, plan.sizes, plan.compute
    library = target.primitives(plan)
    own = [name for name in f._fields if name != "rescale"]  # which only the GPU's template asks for
    lifted = {name: target.jet(getattr(f, name), compute) for name in own if getattr(f, name) is not None}
    if plan.entry == "pairs":
        return _pairs(plan, target, lifted)
    labels = plan.target == "labels"
    return {
        **_masses(plan),
        "real": target.real(compute),
        "params_of": params_of(plan),
        **dict.fromkeys(own),
        **lifted,
        **{n: getattr(r, n) for n in _SAME},
        "folds": r.folds_noting if plan.stats else r.folds,
        "finishes": r.finishes_noted if plan.stats else r.finishes,
        "peaks": _peaks(plan),
        "slope": lifted["grad"] if sizes.order == 2 else r.first_slope,
        "scores": _scores(plan, target),
        "label_of": r.label_of if labels else r.no_label,
        **_weights(plan, target),
        **kept(plan, plan.kept, plan.direct, library),
        "outside": Port(r.outside, beyond=beyond_any(plan, r.tested, r.tested_mass)),
        "save": target.encode(plan.types[0]),
        "decode_target": target.decode(plan.target_type) if plan.target_type else None,
        **_wanted(plan),
        "LABELS": labels,
        "PEAK": sizes.peaks > 0,
        "SIGHTED": sizes.sighted,
        # Not in place: there the row ahead is memory that the loop writes to, as far as LLVM knows.
        "AHEAD": sizes.peaks > 0 and not sizes.sighted and not plan.inplace and ROW not in plan.given,
        "TWICE": plan.twice,
        "RISING": plan.rising,
        "STATS": plan.stats,
    }


def _wanted(plan: RowPlan) -> dict[str, Any]:
    return {
        "SUM": bool(plan.want & VALUE) and not plan.each,
        "KEEP": bool(plan.want & VALUE) and plan.each,
        "GRAD": bool(plan.want & GRAD),
        "HESS": bool(plan.want & HESS),
        "CHECK": any(test != "none" for test in plan.tests),
    }


def _scores(plan: RowPlan, target: Target) -> Any:
    found = [Port(r.scores, K=k, AT=AT_SCORES + k, decode=target.decode(stored)) for k, stored in enumerate(plan.types)]
    if plan.inplace:
        found[0] = Port(r.scores_inplace, decode=target.decode(plan.types[0]))
    return joined(BOTH, found)


def params_of(plan: RowPlan) -> Any:
    """A row's parameters: all of them as they are, or some out of arrays."""
    if ROW not in plan.given:
        return r.params_of_all
    return joined(BOTH, [Port(r.param_of_row if of == ROW else r.param, K=k) for k, of in enumerate(plan.given)])


def strayed(plan: RowPlan, kind: Any) -> Any:
    """Whether a row's number of a parameter that is an array lies outside its domain."""
    places = [k for k, of in enumerate(plan.given) if of == ROW]
    tests = [
        Port(r.strayed, K=k, LEAST=kind(low), MOST=kind(high))
        for k, (low, high) in zip(places, plan.spans, strict=False)
    ]
    return joined(EITHER, tests or [p.anywhere])


def beyond_any(plan: RowPlan, tested: Any, tested_mass: Any) -> Any:
    """Whether a score or a target mass lies outside."""
    scores = [Port(tested, K=k) for k in range(plan.sizes.scores)]
    return beyond(plan.tests, [*scores, *[Port(tested_mass)] * (len(plan.tests) - len(scores))])


def kept(plan: RowPlan, count: int, direct: bool, library: Mapping[str, Any]) -> dict[str, Any]:
    """What keeps numbers of an element on the side, the first of them where its gradient will be if that is direct."""
    keep, recall = [Port(s.keep_there)] * direct, [Port(s.recall_there)] * direct
    for k in range(count):
        keep.append(Port(s.keep, K=k, NUMBER=k + direct, write=library.get(f"write_kept{k}")))
        recall.append(recalled(k, library))
    return {
        "keep": joined(IN_TURN, keep or [p.nothing]),
        "recall": joined(BOTH, recall or [p.none]),
        "room": joined(BOTH, [Port(s.room, how="room")] * count or [p.none]),
    }


def recalled(k: int, library: Mapping[str, Any]) -> Port:
    """What reads the k-th of those numbers again."""
    return Port(s.recall, K=k, reread=library.get(f"reread_kept{k}"))


def _weights(plan: RowPlan, target: Target) -> dict[str, Any]:
    return {
        "share": _SHARE[bool(plan.weight), plan.ignore],
        "portion": p.absent_if_zero if plan.weight or plan.classes else p.whole,
        "unfit": p.no_weight if plan.weighed else p.trusted,
        "decode_weight": target.decode(plan.weight) if plan.weight else None,
    }


def _pairs(plan: RowPlan, target: Target, lifted: Mapping[str, Any]) -> dict[str, Any]:
    """The free names of the template for pairs."""
    return {
        **_weights(plan, target),
        **_wanted(plan),
        "real": target.real(plan.compute),
        "params_of": params_of(plan),
        "save": target.encode(plan.types[0]),
        "jet": lifted["pair"] if plan.sizes.order == 2 else Port(p.raised, jet=lifted["pair"]),
        "share_of": lifted["share"],
        "places": r.places,
        "scores": _scores(plan, target),
        "outside": Port(r.outside, beyond=beyond_any(plan, r.tested, r.tested_mass)),
        "put_grad": r.put_grad,
        "put_hess": r.put_hess,
    }


def _peaks(plan: RowPlan) -> Any:
    if not plan.sizes.peaks:
        return r.no_peaks
    if plan.sizes.sighted:
        return r.peaks_several_sighted if plan.sizes.peaks > 1 else r.peaks_sighted
    return r.peaks_several if plan.sizes.peaks > 1 else r.peaks_blind


def _masses(plan: RowPlan) -> dict[str, Any]:
    if plan.target == "dense":
        raw: Any = r.smooth_dense_mass if plan.smooth else r.dense_mass
    else:
        raw = r.smoothed if plan.smooth else r.no_mass if plan.target == "labels" else r.one_mass
    return {
        "mass": r.class_mass if relative(plan) else raw,
        "raw": raw,
        "label_mass": r.label_mass,
        "worth": _WORTH[plan.target] if plan.classes else r.worth_alike,
    }


_WORTH = {"labels": r.worth_of_label, "dense": r.worth_of_masses, "none": r.worth_of_classes}


def relative(plan: RowPlan) -> bool:
    """Whether the masses of a row's classes differ by what the classes' weights are, beside what the row is worth."""
    return plan.classes and (plan.smooth or plan.target != "labels")
