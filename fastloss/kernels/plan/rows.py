"""`RowPlan`: which row kernel a call needs, and what completes its template. No other module knows the variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ...define.keywords import GRAD, HESS, VALUE
from ...define.rows import Functions, Pair
from ...define.sizes import Sizes
from ..bind import Port
from ..ports import elements as p
from ..ports import kept as s
from ..ports import prefetch as a
from ..ports import rows as r
from ..ports import tiles as q
from ..templates import pairs, rows
from ..templates import tiles as lanes
from .elements import BRAIN, HALF, Target, compute_type
from .elements import TESTS as SOME_TESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TESTS = {**SOME_TESTS, "none": p.anywhere}

LONG = 129
"""Classes from which a row is long: it is gone through by itself, its elements in the lanes of vectors."""

FEW = 6
"""Classes below which squares do not pay: most of each would be empty."""


class RowPlan(NamedTuple):
    """Everything that makes one compiled row kernel differ from another; types are NumPy type characters."""

    functions: Functions | Pair
    sizes: Sizes
    given: tuple[bool, ...]
    """Which parameters are numbers; the others are None."""
    want: int
    each: bool
    types: tuple[str, ...]
    """Of the scores."""
    target: str
    """"none", "labels" or "dense"."""
    target_type: str
    smooth: bool
    classes: bool
    weight: str
    ignore: bool
    inplace: bool
    stats: bool
    tests: tuple[str, ...]
    turned: bool = False
    """Whether tiles are brought in by squares: where the elements of a row lie side by side."""
    inside: tuple[float, ...] = (0.0,)
    """A number inside the domain of each input."""
    entry: str = "rows"
    """Which template: "rows" for long ones, "lanes" for many at a time, "pairs", "census" for the target alone."""
    weighed: bool = False
    """Whether a row's weight that is negative or infinite is a flaw."""

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
    def name(self) -> str:
        """What the kernel is called on disk."""
        return self.functions.first.__qualname__.partition(".")[0] if self.entry != "census" else self.entry

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
    return RowPlan(
        _NONE, Sizes(1, 0, 1, 0, 0, 1, 0, 0, False), (), 0, False, (plan.compute,), plan.target, plan.target_type,
        False, plan.classes, plan.weight, plan.ignore, False, False, ("none",), False, (0.0,), "census", plan.weighed,
    )  # fmt: skip


_NONE = Functions(p.keep, p.keep, p.keep)

_SAME = ("places", "along", "statistics", "put_top", "put_grad", "put_hess", "put_stats")
"""Ports that are always those of their names."""

_SCORES = {(1, False): r.scores1, (2, False): r.scores2, (1, True): r.inplace1, (2, True): r.inplace2}
_KEEP = (s.keep0, s.keep1, s.keep2, s.keep3)
_RECALL = (s.recall0, s.recall1, s.recall2, s.recall3)
_KEEP_THERE = (s.keep_there1, s.keep_there2, s.keep_there3)
_RECALL_THERE = (s.recall_there1, s.recall_there2, s.recall_there3)
_ROOM = (s.room0, s.room1, s.room2, s.room3)
_SHARE = {
    (False, False): r.share_alike, (False, True): r.share_kept,
    (True, False): r.share_weighted, (True, True): r.share_weighted_kept,
}  # fmt: skip
_OUTSIDE = {(1, False): r.outside1, (1, True): r.outside1_dense, (2, False): r.outside2, (2, True): r.outside2_dense}


def ports(plan: RowPlan, target: Target) -> dict[str, Any]:
    """The template's free names for this plan, on this target."""
    f, sizes, compute = plan.functions, plan.sizes, plan.compute
    lifted = {name: target.jet(fn, compute) for name, fn in f._asdict().items() if fn is not None}
    if plan.entry == "pairs":
        return _pairs(plan, target, lifted)
    labels, dense = plan.target == "labels", plan.target == "dense"
    chosen = {
        **_masses(plan),
        "real": target.real(compute),
        **dict.fromkeys(Functions._fields),
        **lifted,
        **{n: getattr(r, n) for n in _SAME},
        "folds": r.folds_noting if plan.stats else r.folds,
        "finishes": r.finishes_noted if plan.stats else r.finishes,
        "peaks": _peaks(plan),
        "slope": lifted["grad"] if sizes.order == 2 else r.first_slope,
        "slope1": lifted["grad"],
        "scores": _SCORES[sizes.scores, plan.inplace],
        "label_of": r.label_of if labels else r.no_label,
        **_weights(plan, target),
        "keep": (_KEEP_THERE if plan.direct else _KEEP)[plan.kept],
        "recall": (_RECALL_THERE if plan.direct else _RECALL)[plan.kept],
        "room": _ROOM[plan.kept],
        "outside": _OUTSIDE[sizes.scores, dense],
        **_scores(plan, target),
        **_wanted(plan),
        "LABELS": labels,
        "PEAK": sizes.peaks > 0,
        "SIGHTED": sizes.sighted,
        # Not in place: there the row ahead is memory that the loop writes to, as far as LLVM knows.
        "AHEAD": sizes.peaks > 0 and not sizes.sighted and not plan.inplace,
        "TWICE": plan.twice,
        "RISING": plan.rising,
        "STATS": plan.stats,
    }
    if plan.entry == "lanes":
        chosen |= _lanes(plan)
    if dense:
        chosen |= {"decode_target": target.decode(plan.target_type), "test_target": TESTS[plan.tests[-1]]}
    return chosen


def _wanted(plan: RowPlan) -> dict[str, Any]:
    return {
        "SUM": bool(plan.want & VALUE) and not plan.each,
        "KEEP": bool(plan.want & VALUE) and plan.each,
        "GRAD": bool(plan.want & GRAD),
        "HESS": bool(plan.want & HESS),
        "CHECK": any(test != "none" for test in plan.tests),
    }


def _scores(plan: RowPlan, target: Target) -> dict[str, Any]:
    chosen: dict[str, Any] = {"save": target.encode(plan.types[0])}
    for k, stored in enumerate(plan.types):
        chosen |= {f"decode{k}": target.decode(stored), f"test{k}": TESTS[plan.tests[k]]}
    return chosen


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
        **_scores(plan, target),
        **_wanted(plan),
        "real": target.real(plan.compute),
        "jet": lifted["pair"] if plan.sizes.order == 2 else Port(p.raised, jet=lifted["pair"]),
        "share_of": lifted["share"],
        "places": r.places,
        "scores": _SCORES[2, plan.inplace],
        "outside": r.outside2,
        "put_grad": r.put_grad,
        "put_hess": r.put_hess,
    }


_BRING = {(2, False): q.bring_pair, (1, True): q.bring_dense, (2, True): q.bring_all}
_ASK = {(2, False): a.ask_pair, (1, True): a.ask_dense, (2, True): a.ask_all}
_LANE_MASS = {
    ("none", False): q.lane_one_mass,
    ("labels", False): q.lane_sharp_mass, ("labels", True): q.lane_label_mass,
    ("dense", False): q.lane_dense_mass, ("dense", True): q.lane_smooth_dense_mass,
}  # fmt: skip
_LANE_OUTSIDE = {
    (1, False): q.lane_outside1, (1, True): q.lane_outside1_dense,
    (2, False): q.lane_outside2, (2, True): q.lane_outside2_dense,
}  # fmt: skip


def _lanes(plan: RowPlan) -> dict[str, Any]:
    """What is different where a tile of rows is gone through at a time."""
    sizes, dense = plan.sizes, plan.target == "dense"
    turn, compute = plan.turned, plan.compute
    first, ask_first = (q.bring_again, a.ask_inplace) if plan.inplace else (q.bring_first, a.ask_scores)
    raw = _LANE_MASS[plan.target, plan.smooth]
    curved = bool(plan.want & HESS)
    ask_next = _ASK.get((sizes.scores, dense), ask_first)
    ask_here = a.ask_slope_and_curve if curved else a.ask_nothing if plan.inplace else a.ask_slope
    return {
        "first_scores": first,
        "ask_first": ask_first,
        "ask_early": ask_here if plan.want & GRAD else ask_next,
        "ask_late": ask_next,
        "TURN_FIRST": turn and _turns(plan.types[0], compute),
        "TURN_SECOND": turn and _turns(plan.types[-1], compute),
        "TURN_MASS": turn and _turns(plan.target_type, compute),
        "BITS_FIRST": plan.types[0] in (HALF, BRAIN),
        "BITS_SECOND": plan.types[-1] in (HALF, BRAIN),
        "BITS_MASS": plan.target_type in (HALF, BRAIN),
        "bring": _BRING.get((sizes.scores, dense), first),
        "fetch": _RECALL[sizes.scores],
        "keep": _KEEP[sizes.kept],
        "recall": _RECALL[sizes.kept],
        "drop": s.drop2 if curved else s.drop1,
        "carry": q.carry_pair if curved else q.carry_grad,
        "mass": q.lane_class_mass if relative(plan) else raw,
        "lane_raw": raw,
        "outside": _LANE_OUTSIDE[sizes.scores, dense],
        "portion": p.absent_if_zero,
        "present": q.present,
        "DENSE": dense,
        "RELATIVE": relative(plan),
        "SIDE": 8 if compute == "d" else 16,
        "inner0": plan.inside[0],
        "inner1": plan.inside[min(1, sizes.scores - 1)],
        "inner_target": plan.inside[-1],
    }


def _turns(stored: str, compute: str) -> bool:
    """Whether squares take elements of this type: those of the compute type, and halves of float32."""
    return stored == compute or (compute == "f" and stored in (HALF, BRAIN))


def _peaks(plan: RowPlan) -> Any:
    if not plan.sizes.peaks:
        return r.no_peaks
    if plan.sizes.sighted:
        return r.peaks_sighted
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
