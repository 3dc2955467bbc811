"""`Plan`: which kernel a call needs; `ports`: what completes the template to it. No other module knows the variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ... import settings
from ...define.keywords import GRAD, HESS, VALUE
from ..bind import BOTH, EITHER, IN_TURN, Port, joined
from ..ports import elements as p
from ..templates import elements as pointwise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    types: tuple[str, ...]
    want: int
    tests: tuple[str, ...]
    order: int = 2
    parameters: int = 0
    wrt: tuple[int, ...] = (0,)
    rooted: bool = False
    each: bool = False
    weight: str = ""
    layout: str = "C"
    inplace: bool = False
    weighed: bool = False
    """Whether a weight that is negative or infinite counts as outside its domain."""
    places: tuple[int, ...] = ()
    """Where the jet's arguments are among inputs and parameters, if not in their order."""
    wide: bool = False
    """Whether the arithmetic is in float64, whatever the inputs are."""
    newton: str = ""
    """One of `NEWTON` where it is for Newton's steps: what that is, is multiplied by one number and raised to another,
    which come after the parameters, and the least distance last. The value is the sum of both sizes, infinite or NaN if
    one of them is."""
    slopes: tuple[str, ...] = ()
    """The types of derivatives, if not those of what they are with respect to."""

    @classmethod
    def of(cls, loss: Any, types: tuple[str, ...], want: int, check: bool, weight: str = "", **more: Any) -> Plan:
        """The plan of a loss; the weight's type is empty where there is none."""
        return cls(
            loss.jet,
            types,
            want,
            loss.tests if check else loss.untested,
            order=loss.order,
            parameters=len(loss.parameters),
            places=loss.places,
            wrt=loss.wrt,
            rooted=loss.rooted,
            weight=weight,
            weighed=check and bool(weight),
            **more,
        )

    def for_newton(self, curve: str, stored: str) -> Plan:
        """The same for Newton's steps, which are stored in a type of their own."""
        return self._replace(newton=curve, slopes=(stored,), parameters=self.parameters + 3)

    @property
    def written(self) -> tuple[str, ...]:
        """The types of derivatives."""
        return self.slopes or tuple([self.types[k] for k in self.wrt])

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
        """What the kernel is called on disk, and to the user who waits for it."""
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

    def real(self, compute: str) -> Any:
        """The compute type, as something to call on a number."""

    def jet(self, jet: Callable[..., Any], compute: str) -> Any:
        """A definition, ready to be called from a kernel."""

    def primitives(self, plan: Any) -> Mapping[str, Any]:
        """How elements are read, written (a `write_` for each output) and added: a kernel takes what it asks for."""

    def decode(self, stored: str) -> Any:
        """From an element as it is stored to a number of the compute type."""

    def encode(self, stored: str) -> Any:
        """From a number of the compute type to an element as it is stored."""


NEWTON = {"own": p.own, "chord": p.chord, "distance": p.distance}
"""What stands for a second derivative: itself, the slope of the gradient's chord from target to prediction, or 1 over
their distance, which counts as at least a number."""


TESTS = {"below": p.below, "interval": p.off_interval, "within": p.off_within, "ends": p.off_ends}


def ports(plan: Plan, target: Target, decode: Callable[[str], Any] | None = None) -> dict[str, Any]:
    """The template's free names for this plan, on this target; inputs are read by `decode`, if not by the target's."""
    jet = _arranged(plan, target.jet(plan.jet, plan.compute))
    jet = jet if plan.order == 2 else Port(p.raised, jet=jet)
    weighted = Port(p.weighted, decode=target.decode(plan.weight)) if plan.weight else p.unweighted
    return {
        "real": target.real(plan.compute),
        "jet": Port(p.newton, jet=jet, curve=NEWTON[plan.newton]) if plan.newton else jet,
        "inputs": _inputs(plan, decode or target.decode),
        "share": weighted,
        "portion": p.absent_if_zero if plan.weight else p.whole,
        "outside": _outside(plan),
        "put_grad": _derivatives(plan, target, p.put_grad, "grad"),
        "put_hess": _derivatives(plan, target, p.put_hess, "hess", bend=p.rooted if plan.rooted else p.straight),
        "SUM": bool(plan.want & VALUE) and not plan.each,
        "KEEP": bool(plan.want & VALUE) and plan.each,
        "GRAD": bool(plan.want & GRAD),
        "HESS": bool(plan.want & HESS),
        "CHECK": plan.weighed or any(test in TESTS for test in plan.tests),
    }


def _arranged(plan: Plan, jet: Any) -> Any:
    """The jet as a function of the inputs and, after them, the parameters."""
    if not plan.places:
        return jet
    return Port(p.arranged, jet=jet, arguments=joined(BOTH, [Port(p.argument, K=k) for k in plan.places]))


def _inputs(plan: Plan, decode: Callable[[str], Any]) -> Any:
    elements = [Port(p.element, K=k, decode=decode(stored)) for k, stored in enumerate(plan.types)]
    if plan.inplace:
        elements[0] = Port(p.element_inplace, K=0, decode=decode(plan.types[0]))
    return joined(BOTH, elements)


def _outside(plan: Plan) -> Port:
    tested = [Port(p.tested, K=k) for k in range(len(plan.tests))]
    return Port(p.outside, beyond=beyond(plan.tests, tested), unfit=p.no_weight if plan.weighed else p.trusted)


def beyond(tests: Sequence[str], tested: Sequence[Port]) -> Any:
    """Whether one of the inputs lies outside: of those that may be anywhere, none is looked at."""
    needed = [(k, TESTS[test], port) for k, (test, port) in enumerate(zip(tests, tested, strict=True)) if test in TESTS]
    found = [port.but(LEAST=2 * k, MOST=2 * k + 1, test=test) for k, test, port in needed]
    return joined(EITHER, found or [p.anywhere])


def _derivatives(plan: Plan, target: Target, put: Any, name: str, **own: Any) -> Any:
    """What writes those with respect to each input, which a jet gives as a tuple where there are several."""
    library, several = target.primitives(plan), len(plan.wrt) > 1
    found = []
    for k, stored in enumerate(plan.written):
        of = Port(p.component, how="within", K=k) if several else p.keep
        write, save = library[f"write_{name}{k}"], target.encode(stored)
        found.append(Port(put, K=k, of=of, write=write, save=save, **own))
    return joined(IN_TURN, found)


def sum_plan(stored: str, layout: str, wide: bool = True, test: str = "below") -> Plan:
    """The plan that adds up an array, the sum of the values of a loss that is its input; in float64 if it is wide.

    Those that fail the test count: of weights that are negative, one comparison takes a third of what two take, and an
    infinite one is seen by the sum.
    """
    return Plan(jet=p.sum_of_weights, types=(stored,), want=VALUE, tests=(test,), layout=layout, wide=wide)


def look_plan(stored: str, layout: str, test: str, compute: Any) -> Plan:
    """The plan that counts what of one array fails a test as numbers of `compute`, or of a type that holds these."""
    wide = compute_type(compute) == "d"
    return Plan(jet=p.values_outside, types=(stored,), want=0, tests=(test,), layout=layout, wide=wide)
