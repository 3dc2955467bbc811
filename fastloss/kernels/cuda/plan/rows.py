"""`CudaRowPlan`: which row kernel a call on the GPU needs, and what completes its template."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ....define.keywords import GRAD, HESS, VALUE
from ....define.rows import Functions, Pair
from ...bind import Port, by_definition
from ...plan import rows as rowplan
from ...ports import elements as p
from ...ports import rows as r
from ...ports.elements import keep
from ..ports import elements as c
from ..ports import rows as q
from ..templates import elements as pointwise
from ..templates import pairs, rows
from ..templates import shared_rows as splitrows
from . import held
from .held import width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

THREADS = pointwise.THREADS

RESIDENT = 640
"""Threads that a multiprocessor must be able to hold, in blocks, with some 100 registers each: what each thread holds
of its row makes up for there being fewer of them. Programs of two scores, those that sum again, and float64 take up to
128, which leaves `FEWER`; so do rows that are read again, of which fewer at a time leave more of each in the cache."""

FEWER = 512

HOLD = 32
"""Numbers that a thread holds of its row, of all arrays together, where one packet of each is not more already: as many
as leave room for the program. An H200 went through 1,000 classes 2.6 times as fast as by half of it, a block a row."""

LIGHT = 4
"""Numbers that a row's derivatives take at most in a program that leaves room for so many; others, and those that sum
twice or of several arrays, have half of it."""

BROAD = 4
"""Packets of a thread of a group smaller than a warp: more, and what a warp reads at once lies too far apart."""

STAGED = 32
"""Numbers that each of several threads holds of a row that their block brings in, of all arrays together; one alone has
twice as many, but of a heavy program. An H200 went through 50 classes of float32 by 93% of a copy's bandwidth in place
of 43%, of bfloat16 by 68% for 22%."""

BROUGHT = 48_000
"""Bytes of the memory that a block shares which its rows may take: of 48 KiB sums are exchanged in the rest."""

TEAM = 8
"""Threads that go through such a row at most. 151 classes of float32: 74%, and 59% where each begins in a packet."""

OWN = 8
"""Numbers of classes for which a program may have a kernel of rows of so many alone: lists of many lengths would
compile one for each, and share those of any number from then on."""

RAGGED = 64
"""Classes from which packets need not begin where rows do: the first and the last of a row may be of two rows."""

CHUNKS = 4
"""Chunks of a row, each what a block holds at a time, from which several blocks may share it."""

SHARED = 512
"""Blocks that there are to be where so few rows give work for them: about four for each multiprocessor of a large card.
Not measured."""


class CudaRowPlan(NamedTuple):
    """A row plan, with what it depends on besides where it runs on a GPU."""

    plan: rowplan.RowPlan
    group: int
    """Threads of a row: those of a warp or of a block."""
    packets: int
    """What each of them holds at a time."""
    width: int
    """Elements of a packet: 1 where rows do not begin at multiples of its bytes."""
    held: bool
    """Whether a whole row is held."""
    found: bool
    """Whether an earlier kernel has left on the device what derivatives are multiplied with."""
    unit: str = ""
    """The type of what it has left for weights to be multiplied by; empty where they are not."""
    classes: str = ""
    """The type of the classes' weights, if there are any."""
    stage: str = ""
    """Of rows that several blocks share: "peaks", "sums", "more" or "last"."""
    staged: int = 0
    """Elements of the packets in which a block brings in its rows; 0 where threads read them where they are."""
    exact: int = 0
    """The classes of a row that is brought in: the kernel is for so many alone."""
    ragged: bool = False
    """Whether packets begin at multiples of their bytes, wherever rows do."""

    @property
    def once(self) -> bool:
        """Whether maxima and sums are found in one pass: not where the row is held, or its statistics are asked for."""
        base = self.plan
        able = isinstance(base.functions, Functions) and base.functions.rescale is not None
        return able and base.entry == "rows" and not (self.held or self.stage or base.stats)

    @property
    def partial(self) -> int:
        """How many numbers a part of a row leaves for the others."""
        return self.plan.sizes.peaks + self.plan.sums + self.plan.sizes.more + 1

    @property
    def stages(self) -> list[CudaRowPlan]:
        """The plans of a row that several blocks share, one after the other."""
        base = self.plan
        needed = {"peaks": base.sizes.peaks > 0, "sums": True, "more": base.twice, "last": bool(base.want)}
        return [self._replace(stage=name) for name, here in needed.items() if here]

    @property
    def bounds(self) -> tuple[int, int]:
        """Threads of a block, and blocks that a multiprocessor must be able to hold."""
        large = self.plan.sizes.scores > 1 or self.plan.compute == "d" or self.plan.twice or not self.held
        return self.threads, (FEWER if large else RESIDENT) // self.threads

    @property
    def threads(self) -> int:
        """Those of a block: a group of several warps is one."""
        return self.group if self.group > rows.WARP else THREADS // 2


def packet_for(stored: str, others: str, addresses: int) -> int:
    """The elements of the widest packets that may begin where arrays do.

    `others` are the types of further arrays; `addresses` are those of all arrays, joined by or.
    """
    most = width = width_of(stored)
    while width > 1 and addresses % (16 if others.strip(stored) else 16 * width // most):
        width //= 2
    return width


def chosen(plan: rowplan.RowPlan, classes: int, packet: int, found: bool) -> CudaRowPlan:
    """The plan for such rows, of which few numbers of classes have kernels of their own."""
    fit = fitted(plan, classes, packet, found)
    own = _own(plan)
    if not fit.exact or classes in own:
        return fit
    if len(own) >= OWN:
        return fitted(plan, classes, packet, found, own=False)
    own.add(classes)
    return fit


@by_definition
def _own(plan: rowplan.RowPlan) -> set[int]:
    """The numbers of classes for which kernels of rows of so many alone were chosen."""
    return set()


def fitted(plan: rowplan.RowPlan, classes: int, packet: int, found: bool, own: bool = True) -> CudaRowPlan:
    """The plan for rows of so many classes, of arrays that begin where such packets may.

    `own` says whether it may be for so many alone.
    """
    entry = "pairs" if isinstance(plan.functions, Pair) else "rows"
    # Each thread has its packets before it writes over them: in place is nothing special.
    plan = plan._replace(inplace=False, turned=False, entry=entry)
    kind = plan.compute if plan.classes else ""
    streams = plan.sizes.scores + (plan.target == "dense")
    heavy = streams > 1 or plan.twice or plan.sizes.coefficients > LIGHT
    numbers = streams * (4 if plan.compute == "d" else 1)
    width = gcd(packet, classes)
    team = _team(plan, classes, packet, STAGED // (1 + heavy) // numbers, heavy) if own and entry == "rows" else 0
    if team:
        inner, block = gcd(classes, width_of(plan.types[0])), THREADS // 2 // team * classes
        return CudaRowPlan(
            plan, team, -(-classes // (inner * team)), inner, True, found, classes=kind, staged=gcd(packet, block),
            exact=classes,
        )  # fmt: skip
    # What is read at each class are to be arrays of a row's length: weights of classes are not.
    ragged = width < packet and RAGGED <= classes < 2**31 and entry == "rows" and _alike(plan)
    ragged = ragged and not rowplan.relative(plan)
    width = packet if ragged else width
    reach = classes + (width - 1) * ragged
    # Whether an element is its row's takes registers, too, of which programs that sum twice have none left.
    most = max(1, HOLD // (1 + heavy + 2 * (ragged and plan.twice)) // (numbers * width))
    sizes = [2**k for k in range(THREADS.bit_length())]
    if entry == "pairs":  # all threads read the same single element
        width, most, sizes = 1, 4, [rows.WARP, THREADS]
    group = THREADS
    for size in sizes:
        if reach <= size * width * (most if size >= rows.WARP else min(most, BROAD)):
            group = size
            break
    packets = 1
    while packets < most and group * width * packets < reach:
        packets *= 2
    held = reach <= group * width * packets
    return CudaRowPlan(plan, group, packets, width, held, found, classes=kind, ragged=ragged)


def _team(plan: rowplan.RowPlan, classes: int, packet: int, share: int, heavy: bool) -> int:
    """How many threads go through a row that their block brings in, each by its share; 0 where they read it there."""
    alone, whole, width = share * (2 - heavy), width_of(plan.types[0]), gcd(packet, classes)
    # Threads read rows of whole packets as fast themselves, unless these are short: 64 classes of float32 by 96%.
    most = alone * 3 // 4 if width == whole else TEAM * share
    if not width < classes <= most or not _alike(plan):
        return 0
    areas = max(plan.sizes.scores + (plan.target == "dense"), bool(plan.want & GRAD) + bool(plan.want & HESS))
    row = (classes + packet) * areas * 16 // whole
    sizes = [1 << k for k in range(TEAM.bit_length()) if (THREADS // 2 >> k) * row <= BROUGHT]
    return next(size for size in sizes if classes <= (alone if size == 1 else size * share))


def _alike(plan: rowplan.RowPlan) -> bool:
    """Whether all arrays of a row's length are of one type."""
    return {*plan.types, *plan.target_type * (plan.target == "dense")} == {plan.types[0]}


def parts_of(plan: CudaRowPlan, rows: int, classes: int) -> int:
    """How many blocks share a row: one, but for rows that are few and long."""
    chunks = -(-(classes + (plan.width - 1) * plan.ragged) // (plan.group * plan.width * plan.packets))
    # How often sums are taken again is not known where the launches are made.
    if plan.plan.entry != "rows" or plan.plan.rising or chunks < CHUNKS:
        return 1
    most = max(1, min(chunks, SHARED // rows, THREADS))
    return -(-chunks // -(-chunks // most))  # those of as many chunks as the first one's: none is without any


def counting(plan: rowplan.RowPlan) -> CudaRowPlan:
    """The plan that looks at the labels of another."""
    kind = plan.compute if plan.classes else ""
    return CudaRowPlan(rowplan.census_plan(plan), THREADS, 1, 1, False, False, classes=kind)


def ports(plan: CudaRowPlan, target: Any) -> Mapping[str, Any]:
    """The template's free names for this plan."""
    base = plan.plan
    chosen = rowplan.ports(base, target) | _threads(plan, target)
    return chosen if base.entry == "pairs" else chosen | held.ports(plan, target) | _stage(plan)


def _threads(plan: CudaRowPlan, target: Any) -> dict[str, Any]:
    """How threads share the work."""
    base = plan.plan
    f: Any = base.functions
    warps = max(1, plan.group // rows.WARP)
    return {
        "THREADS": plan.threads,
        "GROUP": plan.group,
        "WARPS": warps,
        "ROOM": warps * max(base.sizes.peaks, base.sums, base.sizes.more, base.sizes.probes, 3),
        "BY_MASSES": base.classes and base.target != "labels",
        "weighed_mass": r.weighed_mass if base.target == "dense" else r.weighed_alike,
        "mean_worth": r.mean_worth,
        "PACKETS": plan.packets,
        "HELD": plan.held,
        "ONCE": plan.once,
        "rescaled": Port(q.rescaled, rescale=target.jet(f.rescale, base.compute)) if plan.once else None,
        "KIND": target.kind(base.compute),
        "strayed": rowplan.strayed(base, np.float64 if base.compute == "d" else np.float32),
        "VALUE": bool(base.want & VALUE),
        "portion": p.absent_if_zero if base.weight or base.classes else q.whole_or_absent,
        "factor_of": c.factor_found if plan.found else c.factor_given,
        "unit_of": c.unit_found if plan.unit else c.no_unit,
        "worth_of": worth_in_units(plan.unit, base.compute, target) if plan.unit else c.worth,
        **({"decode_weight": unit_decode(base.weight, target)} if plan.unit and base.weight else {}),
        **({"worth": q.worth_as_stored} if plan.classes == "d" and base.target == "labels" else {}),
    }


def unit_decode(weight: str, target: Any) -> Any:
    """How weights in units are read: float64 ones as they are, for the unit brings them into reach."""
    return keep if weight == "d" else target.decode(weight)


def worth_in_units(unit: str, compute: str, target: Any) -> Any:
    """What multiplies weights and their unit, of that type."""
    kind: Any = np.float64 if compute == "d" else np.float32
    return Port(c.worth_in_units, precise=target.real(unit), TINY=np.finfo(kind).smallest_subnormal)


def _stage(plan: CudaRowPlan) -> dict[str, Any]:
    """What a part leaves, and where."""
    peaks, sums, more = plan.plan.sizes.peaks, plan.plan.sums, plan.plan.sizes.more
    stages = {"SEEK": plan.stage == "peaks", "ADD": plan.stage == "sums", "AGAIN": plan.stage == "more"}
    places = {"SUMS_FROM": peaks, "MORE_FROM": peaks + sums, "BEST_FROM": peaks + sums + more, "PARTIAL": plan.partial}
    return stages | places


def template(plan: CudaRowPlan) -> Any:
    """The function that is completed."""
    if plan.stage:
        return splitrows.total
    return {"rows": rows.total, "pairs": pairs.total, "census": rows.census}[plan.plan.entry]
