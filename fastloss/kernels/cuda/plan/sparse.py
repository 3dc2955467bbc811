"""`SpreadPlan`: which kernel goes through rows of which some classes are known, and what completes its template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...plan import rows as rowplan
from ...ports.elements import keep
from ..templates import elements as pointwise
from ..templates import rows
from ..templates import sparse as spread

if TYPE_CHECKING:
    from collections.abc import Mapping


class SpreadPlan(NamedTuple):
    """A plan that looks at rows before anything else does, or spreads them out; types are NumPy type characters."""

    plan: rowplan.RowPlan
    """That of the rows' labels and weights."""
    indices: str
    logs: str
    threads: int
    check: bool
    entry: str
    """"examined" or "spread"."""
    kept: str
    """Of the weights that are left for the rows."""

    @property
    def bounds(self) -> tuple[int, int]:
        """Threads of a block, and blocks that a multiprocessor must be able to hold."""
        return self.threads, pointwise.BLOCKS


def fitted(
    plan: rowplan.RowPlan, indices: str, logs: str, classes: int, check: bool, kept: str
) -> tuple[SpreadPlan, SpreadPlan]:
    """The two plans for rows of so many classes."""
    base = rowplan.census_plan(plan)._replace(classes=False, entry="rows")  # in the rows' own type
    if plan.target != "labels":
        base = base._replace(target="none", target_type="")
    bare = base._replace(target="none", target_type="", weight="", ignore=False, weighed=False)
    threads = rows.WARP if classes <= rows.WARP * rows.WARP else pointwise.THREADS
    return (
        SpreadPlan(base, indices, logs, threads, check, "examined", kept),
        SpreadPlan(bare, indices, logs, threads, False, "spread", kept),
    )


def ports(plan: SpreadPlan, target: Any) -> Mapping[str, Any]:
    """The template's free names for this plan."""
    base = plan.plan
    as_stored = {"decode_weight": keep} if plan.kept == base.weight == "d" else {}
    return (
        rowplan.ports(base, target)
        | as_stored
        | {
            "decode_log": target.decode(plan.logs),
            "number_of": target.jet(spread.number, base.compute),
            "THREADS": plan.threads,
            "CHECK": plan.check,
        }
    )


def template(plan: SpreadPlan) -> Any:
    """The function that is completed."""
    return spread.examined if plan.entry == "examined" else spread.spread
