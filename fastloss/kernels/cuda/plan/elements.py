"""`CudaPlan`: which kernel a call on the GPU needs, and what completes its template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ....define.keywords import GRAD, HESS, VALUE
from ...bind import BOTH, IN_TURN, Part, Port, bind, joined
from ...plan.elements import BRAIN, HALF, Plan, Target
from ...plan.elements import ports as common
from ...ports import elements as p
from ...templates.elements import strip
from ..ports import elements as c
from ..templates import elements as pointwise
from . import rows as rowplan
from . import sparse as spreadplan
from .rows import CudaRowPlan, unit_decode, worth_in_units
from .sparse import SpreadPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class CudaPlan(NamedTuple):
    """A plan, with what it depends on besides where it runs on a GPU."""

    plan: Plan
    width: int
    """Elements of a packet: 1 where an address is not a multiple of its bytes."""
    found: bool
    """Whether an earlier kernel has left on the device what derivatives are multiplied with."""
    unit: str = ""
    """The type of what it has left for weights to be multiplied by; empty where they are not."""
    concludes: bool = False
    """Whether the sum of the only tile becomes the value at once."""

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


class ScalePlan(NamedTuple):
    """The kernel that multiplies an array by a number on the device."""

    stored: str
    """The array's type."""
    factor: str
    """The number's."""

    @property
    def compute(self) -> str:
        """The type of the arithmetic."""
        return "d" if "d" in self else "f"


def scaling(stored: str, factor: str) -> ScalePlan:
    """The plan for such an array and such a number."""
    return ScalePlan(stored, factor)


class CudaTarget(Target, Protocol):
    """What the plan must know of the compiler, or of what stands in for it."""

    def kind(self, stored: str) -> Any:
        """The type of an element as it is stored."""

    def moves(self, stored: str, width: int) -> tuple[Any, Any]:
        """What loads a packet into a thread's own array, and what stores one."""

    def shares(self, stored: str, width: int) -> tuple[Any, Any]:
        """The same in memory that a block shares."""

    def elementary(self) -> Any:
        """Elementary functions of float64, as `math` has them."""


AnyPlan = CudaPlan | CombinePlan | ClassPlan | ScalePlan | CudaRowPlan | SpreadPlan


def template(plan: AnyPlan) -> Any:
    """The function that is completed."""
    if isinstance(plan, CudaRowPlan):
        return rowplan.template(plan)
    if isinstance(plan, SpreadPlan):
        return spreadplan.template(plan)
    if isinstance(plan, ClassPlan):
        return pointwise.bring_near
    if isinstance(plan, ScalePlan):
        return pointwise.multiply
    return pointwise.total if isinstance(plan, CudaPlan) else pointwise.combine


def bounds(plan: AnyPlan) -> tuple[int, int]:
    """Threads of a block, and blocks that a multiprocessor must be able to hold."""
    if isinstance(plan, (CudaRowPlan, SpreadPlan)):
        return plan.bounds
    return pointwise.THREADS, pointwise.BLOCKS


def complete(plan: AnyPlan, target: CudaTarget, jit: Callable[[Any], Any]) -> Any:
    """The template with all of its ports plugged in, as a plain function that can be compiled."""
    if isinstance(plan, CombinePlan):
        return bind(template(plan), _combine_ports(plan, target), jit)
    if isinstance(plan, ClassPlan):
        return bind(template(plan), _class_ports(plan, target), jit)
    if isinstance(plan, ScalePlan):
        return bind(template(plan), _scale_ports(plan, target), jit)
    library = target.primitives(plan.plan)
    if isinstance(plan, CudaPlan):
        return bind(template(plan), _ports(plan, target), jit, library)
    ports = rowplan.ports(plan, target) if isinstance(plan, CudaRowPlan) else spreadplan.ports(plan, target)
    return bind(template(plan), {}, jit, {**library, **ports})


def _ports(plan: CudaPlan, target: CudaTarget) -> Mapping[str, Any]:
    # A packet is in the thread's own arrays before anything of it is written: in place is nothing special.
    base, width = plan.plan._replace(inplace=False), plan.width
    wrt = [base.types[index] for index in base.wrt]
    return {
        **common(base, target),
        **_streams("data", base.types, "load", width, target),
        **_streams("weight", base.weight, "load", width, target),
        **_streams("value", base.compute * base.each, "store", width, target),
        **_streams("slope", wrt if base.want & GRAD else "", "store", width, target),
        **_streams("curve", wrt if base.want & HESS else "", "store", width, target),
        "WIDTH": width,
        "KIND": target.kind(base.compute),
        "factor_of": c.factor_found if plan.found else c.factor_given,
        "measured": c.with_unit if plan.unit else c.as_it_is,
        "put_sum": Port(c.as_value, concluded=c.averaged) if plan.concludes else c.among_others,
        **_shares(plan, base.compute, target),
        **_settled(plan, target),
    }


def _settled(plan: CudaPlan, target: CudaTarget) -> Mapping[str, Any]:
    """What takes a tile's sum again, where that may be needed."""
    if not plan.again:
        return {"settled": pointwise.as_summed}

    def widened(stored: str) -> Any:
        narrow = target.decode(stored)
        return Port(c.widened, narrow=narrow) if stored in (HALF, BRAIN) else narrow

    wide = plan.plan._replace(inplace=False, wide=True, tests=("none",) * len(plan.plan.types), weighed=False)
    ports = {**common(wide, target, widened), **_shares(plan, "d", target)}
    return {"settled": Port(pointwise.summed_again, strip_wide=Part(strip, ports))}


def _shares(plan: CudaPlan, compute: str, target: CudaTarget) -> Mapping[str, Any]:
    """What reads weights in units, if there are any: float64 ones as they are, for the unit brings them into reach."""
    if not (plan.unit and plan.plan.weight):
        return {}
    decode, worth = unit_decode(plan.plan.weight, target), worth_in_units(plan.unit, compute, target)
    return {"share": Port(c.weighted_in_units, decode=decode, worth_of=worth, precise=target.real(plan.unit))}


def _streams(name: str, types: Sequence[str], way: str, width: int, target: CudaTarget) -> dict[str, Any]:
    """A thread's own arrays for those in memory; how a packet of each moves, and a single element."""
    rooms, packets, single = [], [], []
    for k, stored in enumerate(types):
        load, store = target.moves(stored, width)
        rooms.append(Port(c.room, how="within", kind=target.kind(stored)))
        packets.append(Port(c.load, K=k, move=load) if way == "load" else Port(c.store, K=k, move=store))
        single.append(Port(c.load_one if way == "load" else c.store_one, K=k))
    return {
        f"new_{name}": joined(BOTH, rooms or [p.none]),
        f"{way}_{name}": joined(IN_TURN, packets or [p.nothing]),
        f"{way}_{name}_one": joined(IN_TURN, single or [p.nothing]),
    }


def _combine_ports(plan: CombinePlan, target: CudaTarget) -> Mapping[str, Any]:
    near = _near(plan.unit)
    concluded = {
        "weighed": Port(c.weighed, near=near),
        "normalized": Port(c.normalized, near=near),
        "averaged": c.averaged,
        "rooted": Port(c.rooted, elementary=target.elementary()),
    }
    return {
        "concluded": concluded[plan.kind],
        "divisor_of": c.divisor_found if plan.found else c.divisor_given,
        "leave": c.leave_unit if plan.unit else c.leave_nothing,
    }


def _near(unit: str) -> Any:
    """What finds a unit of some type, or none."""
    return Port(c.brings_near, MOST=2.0 ** (1022 if unit == "d" else 126)) if unit else c.always_one


def _class_ports(plan: ClassPlan, target: CudaTarget) -> Mapping[str, Any]:
    worth = worth_in_units("d", plan.compute, target)
    return {"near": _near("d"), "real": target.real(plan.compute), "worth_of": worth}


def _scale_ports(plan: ScalePlan, target: CudaTarget) -> Mapping[str, Any]:
    return {
        "decode": target.decode(plan.stored), "encode": target.encode(plan.stored),
        "decode_factor": target.decode(plan.factor), "real": target.real(plan.compute),
    }  # fmt: skip
