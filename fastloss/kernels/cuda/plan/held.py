"""What a thread holds of its row: packets of it, what is kept of them, and where they are read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....define.keywords import GRAD, HESS
from ...bind import BOTH, IN_TURN, Port, joined
from ...places import ROW_DATA, ROW_TARGET, SCORES, TARGET
from ...plan.rows import relative
from ...ports import elements as p
from ...ports import rows as r
from ..ports import elements as c
from ..ports import rows as q
from . import staged

if TYPE_CHECKING:
    from collections.abc import Mapping


def width_of(stored: str) -> int:
    """Elements of a packet of 16 bytes."""
    return {"d": 2, "f": 4}.get(stored, 8)


def ports(plan: Any, target: Any) -> dict[str, Any]:
    """What a thread holds of its row."""
    base, width = plan.plan, plan.width
    dense, labels = base.target == "dense", base.target == "labels"
    alike: Any = q.smoothed if base.smooth else q.no_mass
    raw: Any = alike if labels else q.dense_mass if dense else q.one_mass
    sighted = q.label_mass if labels else raw
    grad, hess = bool(base.want & GRAD), bool(base.want & HESS)
    own = Port(c.room, how="within", kind=target.kind(base.types[0]))
    moves = target.shares if plan.staged else target.moves
    how: Any = q.store_within if plan.ragged else q.store_whole
    store = Port(how, move=moves(base.types[0], width)[1])

    def room(stored: str) -> Port:
        return Port(c.room, how="within", kind=target.kind(stored), WIDTH=width * plan.packets)

    streams = [(SCORES, ROW_DATA, k, stored) for k, stored in enumerate(base.types)]
    streams += [(TARGET, ROW_TARGET, 0, base.target_type)] * dense
    taken = [
        Port(q.take_staged, OF=of, K=k, AT=area, move=moves(t, width)[0])
        if plan.staged
        else Port(q.take, OF=of, FROM=at, K=k, move=moves(t, width)[0])
        for area, (of, at, k, t) in enumerate(streams)
    ]
    packet = Port(q.take_whole, take_row=joined(IN_TURN, taken))
    if plan.ragged:
        single = [Port(q.take_one, OF=of, FROM=at, K=k) for of, at, k, _ in streams]
        packet = Port(q.take_within, take_row=joined(IN_TURN, taken), take_row_one=joined(IN_TURN, single))
    return {
        "WIDTH": width,
        "mass": Port(q.class_mass, unweighed=raw) if relative(base) else raw,
        "sighted_mass": Port(q.class_mass, unweighed=sighted) if relative(base) else sighted,
        "labeled": q.labeled if labels else q.unlabeled,
        "dense": r.smooth_dense_mass if base.smooth else r.dense_mass,
        "new_data": joined(BOTH, [room(stored) for stored in base.types]),
        "new_target": room(base.target_type) if dense else p.none,
        "new_slope": own if grad else p.none,
        "new_curve": own if hess else p.none,
        "load": Port(q.load_chunk, take_packet=packet),
        "within": q.is_within if plan.ragged else q.always,
        "begun": q.at_packet if plan.ragged else q.at_first,
        "further": q.further,
        "probing": q.probing,
        "store_slope": store,
        "store_curve": store,
        **_kept(plan, target),
        **_rows(plan, target),
    }


def _kept(plan: Any, target: Any) -> dict[str, Any]:
    """What is kept of an element, in place of its scores; where that takes more room, it is found again."""
    base = plan.plan
    count = base.sizes.kept if plan.held and not plan.stage and (base.want & GRAD or base.twice) else 0
    if not 0 < count <= len(base.types):
        return {"new_kept": p.none, "keep": p.nothing, "recall": q.find_again}
    room = Port(c.room, how="within", kind=target.kind(base.compute), WIDTH=plan.width * plan.packets)
    return {
        "new_kept": joined(BOTH, [room] * count),
        "keep": joined(IN_TURN, [Port(q.keep, K=k) for k in range(count)]),
        "recall": joined(BOTH, [Port(q.recall, K=k) for k in range(count)]),
    }


def _rows(plan: Any, target: Any) -> Mapping[str, Any]:
    """Where a block's rows are, when its threads go through them."""
    if not plan.staged:
        return staged.UNSTAGED
    return staged.ports(plan, target, width_of(plan.plan.types[0]))
