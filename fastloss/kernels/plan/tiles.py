"""What completes the template for many rows at a time: streams of memory into the tile, and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...define.keywords import GRAD, HESS
from ..bind import BOTH, IN_TURN, Port, joined
from ..places import AT_GRADS, AT_HESSES, AT_SCORES, AT_SECOND, AT_TARGET, GRADS, HESSES, SCORES, TARGET
from ..ports import elements as p
from ..ports import kept as s
from ..ports import prefetch as a
from ..ports import tiles as q
from .elements import BRAIN, HALF, Target
from .rows import RowPlan, beyond_any, kept, recalled, relative

if TYPE_CHECKING:
    from collections.abc import Mapping


_MASS = {
    ("none", False): q.lane_one_mass,
    ("labels", False): q.lane_sharp_mass,
    ("labels", True): q.lane_label_mass,
    ("dense", False): q.lane_dense_mass,
    ("dense", True): q.lane_smooth_dense_mass,
}


def ports(plan: RowPlan, target: Target) -> dict[str, Any]:
    """What is different from the ports of long rows."""
    sizes, dense, library = plan.sizes, plan.target == "dense", target.primitives(plan)
    raw, curved = _MASS[plan.target, plan.smooth], bool(plan.want & HESS)
    bring, ahead = _incoming(plan, target, library)
    carry, here = _outgoing(plan, target, library)
    drop = [Port(s.drop_grad, K=0, write=library["write_kept0"])]
    if curved:
        drop.append(Port(s.drop_hess, K=1, write=library["write_kept1"]))
    return {
        **kept(plan, sizes.kept, False, library),
        "room": joined(BOTH, [Port(s.room, how="room")] * plan.kept),
        "fetch": joined(BOTH, [recalled(k, library) for k in range(sizes.scores)]),
        "bring": bring,
        "carry": carry,
        "ask_early": here if plan.want & GRAD else ahead,
        "ask_late": ahead,
        "strides": q.strides,
        "along": q.lane_along,
        "drop": joined(IN_TURN, drop),
        "mass": q.lane_class_mass if relative(plan) else raw,
        "lane_raw": raw,
        "outside": Port(q.lane_outside, beyond=beyond_any(plan, q.lane_tested, q.lane_tested_mass)),
        "portion": p.absent_if_zero,
        "present": q.present,
        "DENSE": dense,
        "RELATIVE": relative(plan),
        "SIDE": 8 if plan.compute == "d" else 16,
    }


def _incoming(plan: RowPlan, target: Target, library: Mapping[str, Any]) -> tuple[Any, Any]:
    """What brings each array into the tile, and what asks for its memory ahead."""
    first = (GRADS, 0, AT_GRADS, "turn_inplace") if plan.inplace else (SCORES, 0, AT_SCORES, "turn_scores0")
    streams = [(*first, plan.types[0], plan.inside[0], "kept0")]
    if plan.sizes.scores == 2:
        streams.append((SCORES, 1, AT_SECOND, "turn_scores1", plan.types[1], plan.inside[1], "kept1"))
    if plan.target == "dense":
        streams.append((TARGET, 0, AT_TARGET, "turn_masses", plan.target_type, plan.inside[-1], "mass"))
    bring, ahead = [], []
    for of, k, at, turn, stored, inside, tile in streams:
        where: dict[str, Any] = {"OF": of, "K": k, "AT": at}
        way = _way(plan, stored, turn, tile, library) | {"write_tile": library[f"write_{tile}"]}
        read, ask = ("reread", "prefetch_write") if of == GRADS else ("read", "prefetch_read")
        bring.append(Port(q.bring, **where, **way, read=library[read], decode=target.decode(stored), inside=inside))
        if way["TURN"]:
            ahead.append(Port(a.ask_ahead, **where, prefetch=library[ask]))
    return joined(IN_TURN, bring), joined(IN_TURN, ahead or [p.nothing])


def _outgoing(plan: RowPlan, target: Target, library: Mapping[str, Any]) -> tuple[Any, Any]:
    """What carries derivatives out of the tile, and what asks for the memory that they go to."""
    streams = [(GRADS, AT_GRADS, "grad", "kept0")]
    if plan.want & HESS:
        streams.append((HESSES, AT_HESSES, "hess", "kept1"))
    carry, here = [], []
    for of, at, name, tile in streams:
        where: dict[str, Any] = {"OF": of, "AT": at}
        way = _way(plan, plan.types[0], f"turn_{name}", tile, library) | {"read_tile": library[f"reread_{tile}"]}
        carry.append(Port(q.carry, **where, **way, write=library[f"write_{name}0"], save=target.encode(plan.types[0])))
        if way["TURN"]:
            here.append(Port(a.ask_here, **where, K=0, prefetch=library["prefetch_write"]))
    # In place, the gradient's memory has been read.
    asked = here if plan.want & HESS or not plan.inplace else []
    return joined(IN_TURN, carry), joined(IN_TURN, asked or [p.nothing])


def _way(plan: RowPlan, stored: str, turn: str, tile: str, library: Mapping[str, Any]) -> dict[str, Any]:
    """Whether array and tile meet in blocks: of elements of the compute type, and of 16-bit floats in float32."""
    aside = Port(q.massed, how="within") if tile == "mass" else Port(q.stashed, how="within", K=int(tile[-1]))
    halves = stored in (HALF, BRAIN) and plan.compute == "f"
    return {
        "TURN": plan.turned and (stored == plan.compute or halves),
        "turn": library[f"{turn}_{stored}" if halves else turn],
        "tile_of": aside,
    }
