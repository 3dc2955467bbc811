"""`Plan`: which kernel a call needs; `ports`: what completes the template to it. No other module knows the variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ... import settings
from ...define.keywords import GRAD, HESS, VALUE
from ..ports import elements as p
from ..templates import elements as pointwise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HALF, BRAIN = "e", "E"
"""The type characters of float16 and bfloat16: stored as 16 bits, computed in float32."""


OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
"""How a kernel is compiled. Contraction to fused multiply-adds is all that is allowed: reassociation breaks range
reduction, and "no NaN" breaks everything. Division by zero gives an infinity, as in NumPy."""

PARALLEL_FROM = settings.number(settings.PARALLEL_FROM, 65_536)
"""Elements from which threads pay. Measured on two cores: as fast as serial at 65,536 for arithmetic losses (15 us) and
at 32,768 for transcendental ones (20 and 24 us). `fastloss bench` measures it where it runs."""


REACH = 60
LOW, HIGH = 2.0**-REACH, 2.0**REACH
"""What a mean is divided by where float32 has room for all that is computed on the way; else weights are multiplied by
a power of two, which changes no mean."""


NARROW, WIDE = (2.0**-100, 2.0**100), (2.0**-900, 2.0**900)
"""Between which means of float32 and of float64 have lost nothing."""


class Plan(NamedTuple):
    """Everything that makes one compiled kernel differ from another; hashable. Types are NumPy type characters."""

    jet: Callable[..., Any]
    order: int
    parameters: int
    wrt: tuple[int, ...]
    want: int
    each: bool
    types: tuple[str, ...]
    weight: str
    layout: str
    inplace: bool
    rooted: bool
    tests: tuple[str, ...]
    weighed: bool = False
    """Whether a weight that is negative or infinite counts as outside its domain."""
    wide: bool = False
    """Whether the arithmetic is in float64, whatever the inputs are."""

    @property
    def compute(self) -> str:
        """The type of the arithmetic."""
        return "d" if self.wide else compute_type(self.types[self.wrt[0]])

    @property
    def template(self) -> Callable[..., Any]:
        """The function that is completed."""
        return pointwise.total

    @property
    def name(self) -> str:
        """What the kernel is called on disk."""
        return self.jet.__name__

    @property
    def definition(self) -> tuple[Callable[..., Any], ...]:
        """The functions that it is completed with; the rest of the plan says how."""
        return (self.jet,)


def compute_type(stored: str) -> str:
    """float32 for floats of up to 32 bits, float64 for everything else."""
    return "f" if stored in ("f", HALF, BRAIN) else "d"


class Target(Protocol):
    """What the plan must know of the machinery that runs a kernel."""

    add: Any

    def real(self, compute: str) -> Any:
        """The compute type, as something to call on a number."""

    def jet(self, jet: Callable[..., Any], compute: str) -> Any:
        """A definition, ready to be called from a kernel."""

    def access(self) -> Mapping[str, Any]:
        """How elements are read and written: `read`, `reread`, `write_value` and one `write_` for each derivative."""

    def decode(self, stored: str) -> Any:
        """From an element as it is stored to a number of the compute type."""

    def encode(self, stored: str) -> Any:
        """From a number of the compute type to an element as it is stored."""


_INPUTS = {
    (1, False): p.inputs1, (2, False): p.inputs2, (3, False): p.inputs3,
    (1, True): p.inplace1, (2, True): p.inplace2, (3, True): p.inplace3,
}  # fmt: skip
_OUTSIDE = {1: p.outside1, 2: p.outside2, 3: p.outside3}
_GRAD = {1: p.grad1, 2: p.grad2}
_HESS = {1: p.hess1, 2: p.hess2}
TESTS = {"none": p.anywhere, "below": p.below, "interval": p.off_interval, "ends": p.off_ends}


def ports(plan: Plan, target: Target) -> dict[str, Any]:
    """The template's free names for this plan, on this target."""
    arity = len(plan.types)
    jet = target.jet(plan.jet, plan.compute)
    chosen = {
        **target.access(),
        "real": target.real(plan.compute),
        "add": target.add,
        "jet": jet if plan.order == 2 else p.raised,
        "short_jet": jet,
        "inputs": _INPUTS[arity, plan.inplace],
        "share": p.weighted if plan.weight else p.unweighted,
        "portion": p.absent_if_zero if plan.weight else p.whole,
        "bend": p.rooted if plan.rooted else p.straight,
        "outside": _OUTSIDE[arity],
        "unfit": p.no_weight if plan.weighed else p.trusted,
        "put_grad": _GRAD[len(plan.wrt)],
        "put_hess": _HESS[len(plan.wrt)],
        "SUM": bool(plan.want & VALUE) and not plan.each,
        "KEEP": bool(plan.want & VALUE) and plan.each,
        "GRAD": bool(plan.want & GRAD),
        "HESS": bool(plan.want & HESS),
        "CHECK": plan.weighed or any(test != "none" for test in plan.tests),
    }
    for k, stored in enumerate(plan.types):
        chosen[f"decode{k}"] = target.decode(stored)
        chosen[f"test{k}"] = TESTS[plan.tests[k]]
    for k, index in enumerate(plan.wrt):
        chosen[f"save{k}"] = target.encode(plan.types[index])
    if plan.weight:
        chosen["decode_weight"] = target.decode(plan.weight)
    return chosen


def sum_plan(stored: str, layout: str, wide: bool = True, test: str = "below") -> Plan:
    """The plan that adds up an array, the sum of the values of a loss that is its input; in float64 if it is wide.

    Those that fail the test count: of weights that are negative, one comparison takes a third of what two take, and an
    infinite one is seen by the sum.
    """
    return Plan(p.itself, 2, 0, (0,), VALUE, False, (stored,), "", layout, False, False, (test,), False, wide)
