"""Which rows of a job are present: their label counts, their weight is not 0, and their class is worth something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def of_rows(job: Any) -> NDArray[Any]:
    """Which rows are."""
    present = of_labels(job)
    if job.weight is not None:
        present = present & (job.weight != 0)
    for weight in job.classes:
        if not weight.all():
            present = present & _of_classes(job, weight)
    return np.broadcast_to(present, job.batch)


def of_labels(job: Any) -> Any:
    """Which rows have a label that counts."""
    return job.target != job.ignore if job.labels and job.ignore is not None else np.True_


def _of_classes(job: Any, weight: NDArray[Any]) -> Any:
    """Which rows have a label whose class weighs something, or a mass of such a class."""
    target = job.target
    if target is None:
        return weight.any()
    if job.labels:
        known = (target >= 0) & (target < job.shape[2])
        return ~known | (weight[np.where(known, target, 0).astype(np.intp)] != 0)
    masses = np.moveaxis(target.astype(job.kind), job.axis, -1)
    some = masses != 0
    unclear = ~some.any(axis=-1) | ~np.isfinite(masses).all(axis=-1)
    return (some & (weight != 0)).any(axis=-1) | (unclear & weight.any())
