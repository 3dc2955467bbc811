"""What each kernel is called with, for the compiler and for what launches it: the same list read twice.

A number is written as its type character, a pointer to stored elements as `*` and theirs; tuples are flattened, as the
compiler flattens them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...define.keywords import GRAD, HESS, VALUE
from ..plan.rows import ROW
from .plan.elements import AnyPlan, ClassPlan, CombinePlan, ScalePlan
from .plan.rows import CudaRowPlan
from .plan.sparse import SpreadPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FLAW = "*i"
"""Where a kernel leaves 1 if a label or a value is wrong."""


def arguments(plan: AnyPlan) -> tuple[Any, ...]:
    """Types of the kernel's arguments."""
    if isinstance(plan, CudaRowPlan):
        return _census(plan) if plan.plan.entry == "census" else _rows(plan)
    if isinstance(plan, SpreadPlan):
        return _spread(plan)
    if isinstance(plan, CombinePlan):
        # sums, count, divisor, what the mean of nothing is, value, what derivatives are multiplied with, the unit
        result = "*d" if plan.kind in ("weighed", "normalized") else "*" + plan.compute
        divisor = ("*d" if plan.found else "d",)
        return "*" + plan.sums, "q", divisor, "d", result, "*" + plan.compute, pointers(plan.unit)
    if isinstance(plan, ClassPlan):
        return "*d", "q", "*" + plan.compute
    if isinstance(plan, ScalePlan):
        return "*" + plan.stored, "*" + plan.factor, "d", "q"
    base, compute = plan.plan, plan.plan.compute
    slopes = pointers(base.types[k] for k in base.wrt)
    return (
        pointers(base.types),
        pointers(base.weight),
        (compute,) * base.parameters,
        () if plan.found else (compute,) * 2,
        pointers(compute * plan.found + plan.unit),
        (compute,) * 2 * len(base.types),
        pointers(compute * base.each),
        slopes if base.want & GRAD else (),
        slopes if base.want & HESS else (),
        # The tiles' sums; or the value, what the sum is divided by, and what the mean of nothing is.
        ("*" + compute, "d", "d") if plan.concludes else "*" + plan.sums,
        FLAW,
        "q",
    )


def _rows(plan: CudaRowPlan) -> tuple[Any, ...]:
    base, compute = plan.plan, plan.plan.compute
    slope = pointers(base.types[0])
    return (
        pointers(base.types),
        pointers(base.target_type),
        pointers(base.weight),
        pointers(plan.classes),
        tuple("*" * (of == ROW) + compute for of in base.given),
        (compute,) * 3,
        () if plan.found else (compute,) * 2,
        pointers(compute * plan.found + plan.unit),
        "q",
        (compute,) * 2 * len(base.tests),
        pointers(compute * bool(base.want & VALUE)),
        pointers((compute, compute, "q") if base.stats else ""),
        slope if base.want & GRAD else (),
        slope if base.want & HESS else (),
        FLAW,
        # Where parts of rows leave what they come to, and how many there are; or how many rows.
        *(("*" + compute, "q") if plan.stage else ("q",)),
        "q",
    )


def _census(plan: CudaRowPlan) -> tuple[Any, ...]:
    base, compute = plan.plan, plan.plan.compute
    return pointers(base.target_type), pointers(base.weight), pointers(plan.classes), "q", "*" + compute, FLAW, "q", "q"


def _spread(plan: SpreadPlan) -> tuple[Any, ...]:
    base, known = plan.plan, ("*" + plan.indices, "*" + plan.logs)
    if plan.entry == "spread":
        return *known, "*" + plan.kept, "*" + base.compute, "q", "q"
    return *known, pointers(base.target_type), pointers(base.weight), "q", "*" + plan.kept, FLAW, "q", "q"


def pointers(stored: Iterable[str]) -> tuple[str, ...]:
    """Pointers to elements of these types."""
    return tuple("*" + s for s in stored)


def flat(nested: Any) -> Iterator[Any]:
    """What a tuple of tuples holds, in order."""
    for x in nested:
        if isinstance(x, tuple):
            yield from flat(x)
        else:
            yield x
