"""Weights as the kernels take them: looked at, added up in float64, and near 1 where they decide a mean."""

from __future__ import annotations

from math import frexp, inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.plan.elements import LOW, REACH, sum_plan
from ..divisors import Divisor, apart, divided_by, largest
from . import kernels
from . import memory as layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.keywords import Call

ALL = (0.0, inf)
"""What the kernels that add up weights compare them with."""


def divisor(job: Any, call: Call, given: bool) -> Divisor:
    """What the sum of a job's losses is divided by.

    Weights and labels are looked at first where they decide it, or where arrays are `given` for the results, to which
    nothing may be written before. Weights that float32 has no room for are multiplied by a power of two.
    """
    mean, check = call.reduction == "mean", call.check is not False
    if mean and call.normalizer is None:
        number = job.weigh(check, given)
    else:
        number = times(float(call.normalizer) if mean else 1.0, job.power)
        job.examine(check, given, apart(number))
    if mean and apart(number) and job.count:
        power = job.rescale(number)
        number = job.weigh(False, given) if call.normalizer is None else times(number, power)
    return divided_by(job.loss, call, number)


def total(x: NDArray[Any], backend: str | None) -> tuple[float, int]:
    """The sum of weights, by the kernels: the same bits for any number of threads. And not 0 if some are negative."""
    cpu = kernels()
    result, flaws = 0.0, 0
    for views, order, _ in layout.runs((x,), x.shape, 0):
        plan, size = sum_plan(x.dtype.char, order), views[0].size
        part, bad = cpu.runner(plan, size, backend)(views, (), (), 1.0, 0.0, ALL, (), (), (), size)
        result += part
        flaws += bad
    return result, flaws


def near(weight: NDArray[Any], divisor: float, kind: Any) -> tuple[NDArray[Any], int]:
    """A copy of the weights, multiplied by a power of two that brings the divisor near 1; the power.

    The largest stays within reach of what `kind` holds, and none becomes 0, which would make its element absent.
    """
    with np.errstate(all="ignore"):
        wide = weight.astype(np.float64)
        top = float(np.abs(wide).max())
        if not isfinite(top):
            return weight, 0
        here = frexp(top)[1]
        power = -frexp(divisor)[1] if isfinite(divisor) else -here
        power = max(-REACH - here, min(REACH - here, power))
    return raised(weight, power, kind), power


def raised(weight: NDArray[Any], power: int, kind: Any) -> NDArray[Any]:
    """A copy of the weights, multiplied by a power of two; none becomes 0."""
    with np.errstate(all="ignore"):
        copy = np.ldexp(weight.astype(np.float64), power).astype(kind)
        lost = (copy == 0.0) & (weight != 0)
        return np.where(lost, np.copysign(np.finfo(kind).smallest_subnormal, weight), copy)


def times(x: float, power: int) -> float:
    """x * 2^power, or the infinity or the 0 that is nearest to it."""
    if not power:
        return x
    with np.errstate(all="ignore"):
        return float(np.ldexp(x, power))


def summed(job: Any, weight: NDArray[Any] | None, kind: Any, check: bool) -> float:
    """The sum of a job's weights; with `check`, those that are none of `kind` are refused."""
    if weight is None or not job.count:
        return float(job.count)
    found, flaws = total(weight, job.backend)
    if check and (flaws or not found <= largest(kind)):
        job.refuse_weights(kind)
    share: float = job.count / weight.size
    return found * share


def of_classes(
    weight: NDArray[Any], kind: Any, mean: bool, labels: NDArray[Any] | None, ignore: int | None
) -> tuple[NDArray[Any], int]:
    """Weights of the classes in the type of the arithmetic; the power of two that those of a mean are multiplied by.

    `labels` are those of the rows where no other class has a mass: what none of them is does not set the scale.
    """
    with np.errstate(all="ignore"):
        top = float(weight.max())
        if mean and labels is not None and top > 0.0 and float(weight[weight > 0].min()) < LOW * top:
            seen = labels if ignore is None else labels[labels != ignore]
            weight = np.where(np.isin(np.arange(len(weight)), seen), weight, weight.dtype.type(0))
            top = float(weight.max())
        power = 0
        if mean and apart(top):
            weight, power = near(weight, top, kind)
        return np.ascontiguousarray(weight, kind), power
