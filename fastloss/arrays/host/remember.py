"""What the long way leaves behind once it has found nothing wrong: a recipe for calls of the same kind."""

from __future__ import annotations

from math import inf
from types import NoneType
from typing import TYPE_CHECKING, Any

from numpy import array, int64, integer

from ...define.keywords import HESS, VALUE
from ...kernels.plan.elements import HIGH, LOW, PARALLEL_FROM, sum_plan
from ...kernels.plan.rows import census_plan
from ..divisors import largest
from ..shapes import HALVES, NUMBERS
from . import faults, kernels, roots
from .memory import plain
from .recipes import APART, FRESH, OVER, Recipe, aimed, common, fit, row_key, summed
from .steps import NOWHERE
from .weights import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...define.keywords import Call

GIVEN = ("data", "beside", "scale", "root", "losses", "grads", "hesses", "size")
"""What a recipe's kernels are called with."""


def elements(job: Any, call: Call, given: bool) -> None:
    """Keep what a call of elements needs."""
    loss, size, want, backend, check = job.loss, job.count, call.want, call.backend, call.check is not False
    if call.normalizer is not None:
        if not summed(loss.rooted, call.reduction, call.normalizer):
            return
        call = call._replace(reduction="sum", normalizer=None)
    types = [x.dtype for x in (*job.arrays, *([] if job.weight is None else [job.weight]))]
    over = job.inplace
    way = FRESH if not given else OVER if over else APART
    key = want, call.reduction, backend, check, way, size < PARALLEL_FROM, *types
    if not size or key in loss.recipes or not lasting(types, size, backend):
        return
    if [x.dtype for x in job.arrays] != job.dtypes:  # 16-bit inputs that were broadcast, and widened for it
        return
    if given and (want == VALUE or (want & HESS and len(loss.wrt) > 1)):
        return
    rooted, slopes = loss.rooted, want & ~VALUE
    cpu, parameters, bounds = kernels(), plain(job.parameters), plain(loss.bounds(job.kind))

    def bound(plan: Any) -> Any:
        data, weights, scale, root, losses, grads, hesses, length = map(cpu.Given, GIVEN)
        return cpu.bound(
            plan, size, backend, GIVEN, data, weights, parameters, scale, root, bounds, losses, grads, hesses, length
        )

    first = check and loss.checks and (given or rooted)
    mean = call.reduction == "mean"
    counter = None
    if job.weight is not None and (mean or (check and given and not loss.checks)):
        weights, length = map(cpu.Given, ("weights", "size"))
        adding = sum_plan(job.weight.dtype.char, "C")
        counter = cpu.bound(
            adding, size, backend, ("weights", "size"), weights, (), (), 1.0, 0.0, ALL, (), (), (), length
        )

    plan = job.plan(VALUE, False) if rooted else job.plan(want, check and not first, inplace=over)
    recipe = Recipe(
        kernel=bound(plan),
        slopes=bound(job.plan(slopes, False, inplace=over)) if rooted and slopes else None,
        checker=bound(job.plan(0, True)) if first else None,
        counter=counter,
        reach=(LOW, HIGH) if mean else (0.0, largest(job.kind)),
        span=roots.reach(job.kind) if rooted else None,
        kind=job.kind,
        wrt=loss.wrt,
        single=len(loss.wrt) == 1,
        mean=mean,
        each=job.each and bool(want & VALUE),
        halves=_halves(types),
    )
    loss.remember(key, recipe)


def rows(job: Any, o: Call) -> None:
    """Keep what a call of rows needs."""
    loss, pred, target, want = job.loss, job.scores[0], job.target, o.want
    if loss.streamed or not common(o) or job.axis != pred.ndim - 1 or not job.count:
        return
    if not isinstance(o.ignore_index, (int, integer, NoneType)) or not isinstance(o.label_smoothing, (int, float)):
        return  # whatever stands for a number may stand for another one tomorrow
    inputs = tuple(job.scores) if target is None else (*job.scores, target)
    types = [x.dtype for x in inputs]
    if not all(x.flags.c_contiguous for x in inputs) or not lasting(types, pred.size, o.backend):
        return
    given, way = ((), FRESH) if o.out is None else aimed(o.out, pred)
    key = row_key(o, way, pred.shape, pred.size, inputs[-1].ndim, types)
    if key in loss.recipes or (way and not fit(o.out, given, [pred], inputs, want)):
        return
    cpu, check, mean = kernels(), o.check is not False and loss.checks, o.reduction == "mean" and o.normalizer is None
    each = job.each and bool(want & VALUE)
    plan = job.plan(want, check and not given, each=each, inplace=way == OVER, turned=True)
    parameters, mix = plain(loss.cast(job.kind, pred.dtype.char)), plain(job.mix())
    ignore, classes, bounds = job.ignore or 0, pred.shape[-1], plain(loss.bounds(job.kind)[: 2 * len(plan.tests)])
    # Zeros for absent arrays, whose steps nobody reads.
    row, label, none = (0, classes, 1), (0, 1, 0), NOWHERE
    steps = array([row, row, label if job.labels else row, none, row, row], int64)

    def bound(plan: Any) -> Any:
        data, target, scale, _, losses, grads, hesses, count = map(cpu.Given, GIVEN)
        return cpu.bound(
            plan, pred.size, o.backend, GIVEN,
            (data, target, (), grads, hesses), (), (parameters, mix, bounds, scale, ignore), (losses, ()),
            (steps, (1, count, classes)),
        )  # fmt: skip

    counter = None
    if job.labels and (given or (job.ignore is not None and mean)):
        target, count = map(cpu.Given, ("target", "rows"))
        steps_of_labels = array([none, none, label, none, none, none], int64)
        counter = cpu.bound(
            census_plan(plan), job.count, o.backend, ("target", "rows"),
            target, (), (), ignore, steps_of_labels, (1, count, classes),
        )  # fmt: skip

    recipe = Recipe(
        kernel=bound(plan),
        slopes=None,
        checker=_looking(job, pred.size, o.backend) if check and given else None,
        counter=counter,
        reach=(1.0, inf),
        span=None,
        kind=job.kind,
        wrt=(0,),
        single=True,
        mean=mean,
        each=each,
        halves=_halves(types),
    )
    loss.remember(key, recipe)


def _looking(job: Any, size: int, backend: str | None) -> Any:
    """What looks at the elements of rows and at nothing else, as a recipe calls it."""
    places = [k for k, test in enumerate(job.loss.tests[: len(job.elements)]) if test != "none"]
    types = [job.elements[k].dtype.char for k in places]
    looks = [faults.looker(job.loss, k, t, "C", job.kind, size, backend) for k, t in zip(places, types, strict=True)]

    def checker(data: Any, beside: Any, *_: Any) -> Any:
        arrays = data + beside
        return 0.0, any([look(arrays[k]) for k, look in zip(places, looks, strict=True)])  # noqa: C419

    return checker


def _halves(types: Sequence[Any]) -> bool:
    return any([t.char in HALVES for t in types])  # noqa: C419


def lasting(types: Sequence[Any], size: int, backend: str | None) -> bool:
    """Whether arrays of these types need nothing done to them, and threads are not off for now."""
    if any([t.char not in NUMBERS for t in types]):  # noqa: C419
        return False
    return backend == "serial" or size < PARALLEL_FROM or kernels().threads.launch() is not None
