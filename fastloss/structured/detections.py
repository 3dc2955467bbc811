"""What MultiBox is computed of: a detector's predictions and its images' objects, checked; the priors that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays.host.faults import refuse_weights
from ..arrays.job import Kind
from ..define.keywords import VALUE
from ..registry import LOSSES
from . import box_templates as templates
from . import matching, reading
from .compiled import run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..define.keywords import Call

    Places = tuple[NDArray[np.int64], NDArray[np.int64]]


class Numbers(NamedTuple):
    """The parameters, checked."""

    threshold: float
    ratio: float
    least: int
    first: float
    second: float
    beta: float
    alpha: float


class Given(reading.Arrays):
    """The arrays, read and checked."""

    def __init__(
        self, loss: Any, locations: Any, scores: Any, boxes: Any, labels: Any, priors: Any, offsets: Any, format: str,
        weight: Any,
    ) -> None:  # fmt: skip
        name = loss.name
        self.locations = reading.boxes_of(name, "locations", locations, ndim=3)
        self.scores = reading.floats(name, "scores", scores)
        images, count = self.locations.shape[:2]
        if self.scores.ndim != 3 or self.scores.shape[:2] != (images, count):
            raise ValueError(f"{name}: scores has shape {self.scores.shape}, expected ({images}, {count}, classes), as "
                             f"locations has shape {self.locations.shape}")  # fmt: skip
        classes = self.scores.shape[2]
        if not classes:
            raise ValueError(
                f"{name}: scores has shape {self.scores.shape}, expected one class at least, the background"
            )
        self.priors = matching.priors_of(name, priors, format)
        if len(self.priors) != count:
            raise ValueError(f"{name}: priors has shape {self.priors.shape}, expected ({count}, 4), as locations has "
                             f"shape {self.locations.shape}")  # fmt: skip
        self.boxes, self.offsets = reading.objects(name, boxes, offsets, images, format)
        self.labels = reading.labels_of(name, labels, offsets, self.offsets, classes)
        if len(self.boxes) and not count:
            raise ValueError(f"{name}: priors has shape (0, 4), expected one at least for the objects")
        self.weight = np.ones(images)
        if weight is not None:
            found = reading.array(name, "weight", weight)
            if found.shape != (images,):
                raise ValueError(f"{name}: weight has shape {found.shape}, expected ({images},), one for each image")
            refuse_weights(name, "weight", found, np.float64)
            self.weight = found.astype(np.float64)
        self.kind = reading.kind_of(self.locations, self.scores)
        self.inputs = {"locations": self.locations, "scores": self.scores}
        others = {"boxes": boxes, "labels": labels, "priors": priors, "offsets": offsets, "weight": weight}
        super().__init__(loss, self.inputs | others)

    def expected(self, want: int) -> list[Kind]:
        """What the arrays of `out=` must be."""
        if want == VALUE:
            return [Kind(np.dtype(self.kind), self.locations.shape[:1])]
        return [Kind(x.dtype, x.shape) for x in self.inputs.values()]

    def chosen(self, numbers: Numbers, backend: str | None) -> Chosen:
        """The priors that count, and each one's loss as the class that it stands for."""
        matched = matching.matches(self.priors, self.boxes, self.offsets, numbers.threshold, backend)
        absent = self.weight == 0
        matched[absent] = -1
        here = places(matched >= 0)
        classes = np.zeros(matched.shape, np.int64)
        classes[here] = self.labels[self.offsets[here[0]] + matched[here]]
        scores = self.scores.astype(np.float64, copy=False) if self.kind is np.float64 else self.scores
        losses = LOSSES["cross_entropy"](scores, classes, reduction="none", backend=backend)
        positives = np.bincount(here[0], minlength=len(matched))
        counts = np.maximum(np.floor(numbers.ratio * positives), numbers.least)
        counts = np.where(absent, 0, np.minimum(counts, matched.shape[1] - positives)).astype(np.int64)
        marks = np.zeros(matched.shape, bool)
        heaps = np.empty((len(matched), int(counts.max(initial=0))), np.int64)
        run(templates.hardest, (losses, matched, counts), (marks, heaps), compute=losses.dtype.char, size=losses.size,
            backend=backend)  # fmt: skip
        return Chosen(matched, classes, losses, here, places(marks), positives, self.weight)


def places(mask: NDArray[np.bool_]) -> Places:
    """Where a mask is True: NumPy takes longer for two axes than for one."""
    return np.divmod(np.flatnonzero(mask), max(1, mask.shape[1]))


class Chosen(NamedTuple):
    """The priors that count."""

    matched: NDArray[np.int64]
    classes: NDArray[np.int64]
    losses: NDArray[Any]
    here: Places
    """The matched priors."""
    marked: Places
    """These and the hard negatives."""
    positives: NDArray[np.int64]
    weight: NDArray[Any]

    def divisor(self, call: Call) -> float:
        """What the sum is divided by."""
        if call.reduction != "mean":
            return 1.0
        found = float(self.weight @ self.positives) if call.normalizer is None else float(call.normalizer)
        return found or 1.0
