"""Roots of means: the root is an ordinary number where the mean, or what it is the mean of, no longer is."""

from __future__ import annotations

from math import frexp, inf, isfinite, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.keywords import VALUE
from ...kernels.plan.elements import NARROW, WIDE
from ..job import NOWHERE

if TYPE_CHECKING:
    from ...define.elements import Definition
    from ..divisors import Divisor
    from ..job import Outputs

STEP = 600
"""The power of two that inputs are multiplied by, or divided: their squares move from either end to the middle."""


def reach(kind: Any) -> tuple[float, float]:
    """Between which means of this type have lost nothing."""
    return WIDE if kind is np.float64 else NARROW


def rooted(mean: float) -> tuple[float, float]:
    """The root of a mean of losses, and 1 divided by it: 0 where there is no slope."""
    root = sqrt(mean) if mean >= 0.0 else nan  # of negative weights
    return root, 1.0 / root if root > 0.0 else 0.0 if root == 0.0 else root


def run(job: Any, want: int, divisor: Divisor, to: Outputs) -> float:
    """Write the derivatives; the root. What is out of reach is done again in float64, or with other inputs."""
    return sloped(job, want, *part(job, divisor), divisor, to)


def part(job: Any, divisor: Divisor) -> tuple[float, int]:
    """What the job's elements add to the mean under the root, and the power of two that its inputs have now.

    In float64 where float32 has lost it, and of other inputs where float64 has.
    """
    denominator, power = divisor.number or inf, 0
    mean = _mean(job, denominator)
    if job.kind is not np.float64 and _lost(mean, job.kind) and denominator < inf:
        job.widen()
        mean = _mean(job, denominator)
    if job.kind is np.float64 and _lost(mean, job.kind) and denominator < inf and homogeneous(job.loss):
        arrays, power = job.arrays, scaled(job, STEP if mean < 1.0 else -STEP)
        found = _mean(job, denominator)
        if isfinite(mean) and not isfinite(found):  # the weights are small, not the squares
            job.take(arrays)
            return mean, 0
        mean = found
    return mean, power


def sloped(job: Any, want: int, mean: float, power: int, divisor: Divisor, to: Outputs) -> float:
    """Write the derivatives of the root of a mean that is known, of inputs that have this power of two; the root."""
    root, steepness = rooted(mean)
    denominator = divisor.number or inf
    if want & ~VALUE:
        if job.kind is not np.float64 and _lost(mean, job.kind) and denominator < inf:
            job.widen()
        job.run(want & ~VALUE, False, (0.5 * steepness / denominator, steepness), to)
    if not power:
        return root
    with np.errstate(all="ignore"):
        for a in to.hess:
            np.ldexp(a, power, out=a)
        return float(np.ldexp(root, -power))


def _mean(job: Any, denominator: float) -> float:
    total: float = job.run(VALUE, False, (0.0, 0.0), NOWHERE)
    return total / denominator


def _lost(mean: float, kind: Any) -> bool:
    low, high = reach(kind)
    return mean < low or mean > high


def homogeneous(loss: Definition) -> bool:
    """Whether twice the inputs are four times the loss, so that powers of two may be taken out of the root."""
    points = [[d.inner_point * step + shift for d in loss.domains] for step, shift in ((1.0, 0.25), (0.5, 0.0))]
    points.append([d.inner_point + 0.5 * k for k, d in enumerate(loss.domains)])

    def at(point: list[float]) -> Any:
        return loss.jet(*point, *loss.values.values())[0]

    return all(at([2.0 * x for x in point]) == 4.0 * at(point) for point in points)


def scaled(job: Any, power: int) -> int:
    """Multiply the inputs by a power of two, one that leaves the largest finite; which."""
    with np.errstate(all="ignore"):
        wide = [x.astype(np.float64) for x in job.arrays]
        top = max(float(np.abs(x[np.isfinite(x)]).max(initial=0.0)) for x in wide)
        power = min(power, 1000 - frexp(top)[1])
        job.take([np.ldexp(x, power) for x in wide])
    return power


def moved(job: Any, mean: float, power: int) -> tuple[float, int]:
    """A mean of more than the job's elements and the power of two of its inputs, which they are multiplied by, too."""
    if not power or not homogeneous(job.loss):
        return float(np.ldexp(mean, -power)), 0
    step = scaled(job, power // 2)
    return float(np.ldexp(mean, 2 * step - power)), step
