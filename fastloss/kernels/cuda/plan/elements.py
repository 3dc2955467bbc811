"""`CudaPlan`: which kernel a call on the GPU needs, and what completes its template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ....define.keywords import GRAD, HESS, VALUE
from ...plan.elements import BRAIN, HALF, Plan
from ...plan.elements import ports as common
from ...plan.rows import RowTarget
from ...templates.elements import strip
from ..ports import elements as c
from ..templates import elements as pointwise
from . import rows as rowplan
from . import sparse as spreadplan
from .rows import CudaRowPlan, units
from .sparse import SpreadPlan

if TYPE_CHECKING:
    from collections.abc import Mapping


class CudaPlan(NamedTuple):
    """A plan, with what it depends on besides where it runs on a GPU."""

    plan: Plan
    width: int
    """Elements of a packet: 1 where an address is not a multiple of its bytes."""
    found: bool
    """Whether an earlier kernel has left on the device what derivatives are multiplied with."""
    unit: str = ""
    """The type of what it has left for weights to be multiplied by; empty where they are not."""

    @property
    def again(self) -> bool:
        """Whether tiles whose sum float32 has lost are added up again in float64."""
        base = self.plan
        return base.rooted and base.want == VALUE and not base.each and base.compute == "f"

    @property
    def sums(self) -> str:
        """The type of the tiles' sums."""
        return "d" if self.again else self.plan.compute


class CombinePlan(NamedTuple):
    """The kernel that makes a value of the tiles' sums."""

    sums: str
    """Their type."""
    compute: str
    """The type of the value, and of what derivatives are multiplied with."""
    kind: str
    """"weighed", "normalized", "averaged" or "rooted"."""
    found: bool
    """Whether the divisor is on the device."""
    unit: str = ""
    """The type of what is left for weights to be multiplied by; empty where nothing is."""


class ClassPlan(NamedTuple):
    """The kernel that brings float64 weights of classes into the reach of another type, for a mean."""

    compute: str
    """The type."""


class CudaTarget(RowTarget, Protocol):
    """What the plan must know of the compiler, or of what stands in for it."""

    def kind(self, stored: str) -> Any:
        """The type of an element as it is stored."""

    def moves(self, stored: str, width: int) -> tuple[Any, Any]:
        """What loads a packet into a thread's own array, and what stores one."""

    def part(self, function: Any, ports: Mapping[str, Any]) -> Any:
        """A part of a kernel that is completed with ports of its own."""

    def elementary(self) -> Any:
        """Elementary functions of float64, as `math` has them."""


_NEW = {1: c.data1, 2: c.data2, 3: c.data3}
_LOAD = {1: c.load1, 2: c.load2, 3: c.load3}
_ONE = {1: c.one1, 2: c.one2, 3: c.one3}
_SLOPES = {0: c.nothing, 1: c.slopes1, 2: c.slopes2}
_STORE = {0: c.store_nothing, 1: c.store1, 2: c.store2}
_PUT = {0: c.store_nothing, 1: c.put1, 2: c.put2}
_CONCLUDED = {"weighed": c.weighed, "normalized": c.normalized, "averaged": c.averaged, "rooted": c.rooted}


AnyPlan = CudaPlan | CombinePlan | ClassPlan | CudaRowPlan | SpreadPlan


def template(plan: AnyPlan) -> Any:
    """The function that is completed."""
    if isinstance(plan, CudaRowPlan):
        return rowplan.template(plan)
    if isinstance(plan, SpreadPlan):
        return spreadplan.template(plan)
    if isinstance(plan, ClassPlan):
        return pointwise.bring_near
    return pointwise.total if isinstance(plan, CudaPlan) else pointwise.combine


def bounds(plan: AnyPlan) -> tuple[int, int]:
    """Threads of a block, and blocks that a multiprocessor must be able to hold."""
    if isinstance(plan, (CudaRowPlan, SpreadPlan)):
        return plan.bounds
    return pointwise.THREADS, pointwise.BLOCKS


def ports(plan: AnyPlan, target: CudaTarget) -> Mapping[str, Any]:
    """The template's free names for this plan."""
    if isinstance(plan, CudaRowPlan):
        return rowplan.ports(plan, target)
    if isinstance(plan, SpreadPlan):
        return spreadplan.ports(plan, target)
    if isinstance(plan, ClassPlan):
        return _class_ports(plan, target)
    return _combine_ports(plan, target) if isinstance(plan, CombinePlan) else _ports(plan, target)


def _ports(plan: CudaPlan, target: CudaTarget) -> Mapping[str, Any]:
    # A packet is in the thread's own arrays before anything of it is written: in place is nothing special.
    base, width = plan.plan._replace(inplace=False), plan.width
    chosen = common(base, target)
    weighted, each = bool(base.weight), chosen["KEEP"]
    arity = len(base.types)
    slopes = len(base.wrt) if base.want & GRAD else 0
    curves = len(base.wrt) if base.want & HESS else 0
    value = base.compute
    chosen |= {
        "WIDTH": width,
        "KIND": target.kind(base.compute),
        "new_data": _NEW[arity],
        "load_data": _LOAD[arity],
        "load_data_one": _ONE[arity],
        "new_weight": c.weights if weighted else c.nothing,
        "load_weight": c.load_weights if weighted else c.load_nothing,
        "load_weight_one": c.one1 if weighted else c.load_nothing,
        "new_value": c.values if each else c.nothing,
        "store_value": c.store_values if each else c.store_nothing,
        "store_value_one": c.put1 if each else c.store_nothing,
        "new_slope": _SLOPES[slopes],
        "store_slope": _STORE[slopes],
        "store_slope_one": _PUT[slopes],
        "new_curve": _SLOPES[curves],
        "store_curve": _STORE[curves],
        "store_curve_one": _PUT[curves],
        "factor_of": c.factor_found if plan.found else c.factor_given,
        "measured": c.with_unit if plan.unit else c.as_it_is,
        "value_type": target.kind(value),
        "give_value": target.moves(value, width)[1],
    }
    for k, stored in enumerate(base.types):
        chosen[f"data_type{k}"], chosen[f"take_data{k}"] = target.kind(stored), target.moves(stored, width)[0]
    for k, index in enumerate(base.wrt):
        stored = base.types[index]
        chosen[f"slope_type{k}"], chosen[f"give_slope{k}"] = target.kind(stored), target.moves(stored, width)[1]
    if weighted:
        chosen["weight_type"], chosen["take_weight"] = target.kind(base.weight), target.moves(base.weight, width)[0]
    chosen |= _shares(plan, value, target)
    if not plan.again:
        return chosen | {"settled": pointwise.as_summed}
    wide = base._replace(wide=True, tests=("none",) * arity, weighed=False)
    others = {**common(wide, target), **_shares(plan, "d", target)}
    for k, stored in enumerate(base.types):
        if stored in (HALF, BRAIN):
            narrow = {"real": target.real("d"), "narrow": target.decode(stored)}
            others[f"decode{k}"] = target.part(c.widened, narrow)
    return chosen | {"settled": pointwise.summed_again, "strip_wide": target.part(strip, others)}


def _shares(plan: CudaPlan, compute: str, target: CudaTarget) -> Mapping[str, Any]:
    """What reads weights in units, if there are any."""
    known = plan.unit and units(plan.unit, plan.plan.weight, compute, target)
    return {**known, "share": c.weighted_in_units} if known else {}


def _combine_ports(plan: CombinePlan, target: CudaTarget) -> Mapping[str, Any]:
    return {
        "concluded": _CONCLUDED[plan.kind],
        "divisor_of": c.divisor_found if plan.found else c.divisor_given,
        "elementary": target.elementary(),
        **_near(plan.unit),
        "leave": c.leave_unit if plan.unit else c.leave_nothing,
    }


def _near(unit: str) -> Mapping[str, Any]:
    """What finds a unit of some type, or none."""
    return {"near": c.brings_near if unit else c.always_one, "MOST": 2.0 ** (1022 if unit == "d" else 126)}


def _class_ports(plan: ClassPlan, target: CudaTarget) -> Mapping[str, Any]:
    real = {"real": target.real(plan.compute), "worth_of": c.worth_in_units}
    return {**_near("d"), **real, **units("d", "", plan.compute, target)}
