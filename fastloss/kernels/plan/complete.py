"""`complete`: a kernel of a plan, by way of its template, its ports and what a target brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bind import bind
from . import elements, rows, tiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from .elements import Target


def complete(plan: elements.Plan | rows.RowPlan, target: Target, jit: Callable[[Any], Any]) -> Any:
    """The template with all of its ports plugged in, as a plain function that can be compiled."""
    if isinstance(plan, elements.Plan):
        return bind(plan.template, elements.ports(plan, target), jit, target.primitives(plan))
    ports = rows.ports(plan, target) | (tiles.ports(plan, target) if plan.entry == "lanes" else {})
    return bind(plan.template, {}, jit, {**target.primitives(plan), **ports})
