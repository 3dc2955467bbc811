"""The Lovász extension of the Jaccard loss: of probabilities, and of margins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..define.keywords import GRAD
from . import lovasz_templates as templates
from .compiled import run, shared
from .region_losses import RegionLoss, counted, descended, reduced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..define.keywords import Call
    from .masks import Masks

TASKS = 8
"""Scores at most that are sorted at a time, or one by each thread: each needs room for two orders of its pixels."""


class LovaszLoss(RegionLoss):
    """A loss of sorted errors."""

    hard, together = True, True
    hinge: ClassVar[bool] = False

    def _results(self, masks: Masks, call: Call, given: Mapping[str, Any], to: NDArray[Any] | None) -> list[Any]:
        """What the verb returns."""
        sums = self.tallied(masks, call.backend, call.check is not False)
        shares = counted(masks.shares, sums, given["classes"])
        derive = bool(call.want & GRAD)
        values, slopes = self._extended(masks, sums[..., 3], call.backend, derive)
        found, factor = reduced(self, masks, call, values, shares, to)
        if derive:
            found.append(descended(masks, call, np.stack([factor, factor], axis=-1), to, [slopes]))
        return found

    def _extended(
        self, masks: Masks, masses: NDArray[Any], backend: str | None, derive: bool
    ) -> tuple[NDArray[Any], NDArray[Any]]:  # fmt: skip
        """The loss of each score, and its derivatives by the predictions; of regions of these sums."""
        shape = masks.rows, masks.coupled, masks.pixels
        errors = np.empty(shape, masks.kind)
        flags = masks.flags + (("HINGE",) if self.hinge else ())
        masks.run(templates.errors, [errors, errors.reshape(-1)[:0]], masks.arrays, backend, flags)
        values = np.empty(masses.shape)
        slopes = np.empty(shape if derive else (0, 0, 0), masks.kind)
        tasks = shared(values.size, TASKS)
        index, word = np.int32 if masks.pixels < 2**31 else np.int64, np.int32 if masks.kind is np.float32 else np.int64
        orders, counts = np.empty((tasks, 2, masks.pixels), index), np.empty((tasks, 1 << templates.DIGIT), np.int64)
        flags = tuple(flag for flag in flags if flag not in ("SOFTMAX", "HINGE")) + (("GRAD",) if derive else ())
        run(templates.extension, [*masks.arrays, np.ascontiguousarray(masses).reshape(-1), errors, errors.view(word)],
            [values.reshape(-1), slopes, orders, counts], (*masks.numbers, 8 * word().itemsize),
            compute=np.dtype(masks.kind).char, size=errors.size, backend=backend, flags=flags)  # fmt: skip
        return values, slopes
