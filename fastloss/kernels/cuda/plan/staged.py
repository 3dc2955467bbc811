"""Rows so short that a block brings several into memory that its threads share: how they lie there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....define.keywords import GRAD, HESS
from ...bind import BOTH, IN_TURN, Port, joined
from ...places import SCORES, TARGET
from ..ports import staged as s

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOPES, CURVES = range(2)
"""What is carried out."""


def stride(classes: int, width: int, group: int, whole: int) -> int:
    """Elements from one row to the next: an odd number of times what a group reads at once, which all lie in different
    banks then. Rows that are not of whole packets of 16 bytes lie as in memory: an odd number of smaller ones.
    """
    if width < whole:
        return classes
    times = -(-classes // (width * group))
    return (times + 1 - times % 2) * width * group


def ports(plan: Any, target: Any, whole: int) -> Mapping[str, Any]:
    """What completes the template where a block brings in its rows; `whole` elements are 16 bytes."""
    base, rows, packet = plan.plan, plan.threads // plan.group, plan.staged
    stored, classes = base.types[0], plan.exact
    (load, store), (fetch, leave) = target.moves(stored, packet), target.shares(stored, packet)
    streams = [(SCORES, k) for k in range(len(base.types))] + [(TARGET, 0)] * (base.target == "dense")
    outputs = [SLOPES] * bool(base.want & GRAD) + [CURVES] * bool(base.want & HESS)
    inward = [Port(s.bring_one, OF=of, K=k, AT=at, move=load, put=leave) for at, (of, k) in enumerate(streams)]
    outward = [Port(s.carry_one, OF=of, AT=of, move=store, put=fetch) for of in outputs]
    areas, step = max(len(streams), len(outputs)), stride(classes, plan.width, plan.group, whole)
    parts = [Port(s.part, how="within", LOW=k * rows * step) for k in range(areas)]
    pieces = -(-rows * classes // (packet * plan.threads))
    return {
        "STORED": target.kind(stored),
        "CLASSES": classes,
        "STRIDE": step,
        "ROWS": rows,
        "AREA": rows * step,
        "ALL_AREAS": areas * rows * step,
        "PACKET": packet,
        "PIECES": pieces,
        "BROUGHT": pieces * packet,
        "new_areas": Port(s.areas, how="within", parts=joined(BOTH, parts)),
        "bring": Port(s.bring, each=joined(IN_TURN, inward)),
        "width_of": s.width_of,
        "scores_at": s.scores_at,
        "start_at": s.start_at,
        "slopes_at": s.slopes_at,
        "carry": Port(s.carry, each=joined(IN_TURN, outward)) if outputs else s.not_moved,
    }


UNSTAGED = {
    "new_areas": s.no_areas,
    "bring": s.not_moved,
    "width_of": s.width_given,
    "scores_at": s.scores_there,
    "start_at": s.start_there,
    "slopes_at": s.slopes_there,
    "carry": s.not_moved,
}
"""The same where threads read rows where they are."""
