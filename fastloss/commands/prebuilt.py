"""The kernels that a wheel may carry: which, and how they are compiled when it is built (`hatch_build.py`)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import warmup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FLOATS = ("float32", "float64")
SET: tuple[tuple[Sequence[str], Sequence[str], Sequence[str], warmup.Ways], ...] = (
    (
        ("squared_error", "absolute_error", "huber", "binary_cross_entropy_with_logits", "cross_entropy"),
        FLOATS,
        warmup.VERBS,
        warmup.Ways(weighted=True),
    ),
    (
        ("log_cosh", "smooth_l1", "pseudo_huber", "quantile", "poisson", "binary_cross_entropy", "logistic", "hinge",
         "binary_focal", "multiclass_focal", "kl_divergence"),
        FLOATS,
        warmup.USUAL,
        warmup.Ways(),
    ),
)  # fmt: skip
"""The losses, dtypes, verbs and ways of calling whose kernels are shipped."""


def build(folder: Path, levels: Sequence[str], tell: Callable[[str], object]) -> None:
    """Compile the set for each level into `folder`, which has a subfolder for each level afterwards."""
    from ..kernels import announce, disk

    os.environ[announce.VARIABLE] = "1"
    failed: list[str] = []

    def done(unit: warmup.Unit, seconds: float, reason: str) -> None:
        tell(f"{level} {' '.join(unit)}: {seconds:.1f} s of a core")
        if reason:
            failed.append(f"{' '.join(unit)}: {reason}")

    for level in levels:
        for *chosen, ways in SET:
            warmup.compile_all(warmup.units(*chosen), ways, warmup.cores(), done, warmup.Ahead(level, str(folder)))
        if failed:
            raise RuntimeError(f"kernels for {level} did not compile: {'; '.join(failed[:5])}")
        shutil.move(folder / disk.NAME / level, folder / level)
    shutil.rmtree(folder / disk.NAME)


def asked(text: str) -> list[str]:
    """The levels that are named in ``FASTLOSS_PREBUILT``; none where it is empty or "off"."""
    from ..kernels.cpu import levels

    found = dict.fromkeys(name.strip() for name in text.split(",") if name.strip() not in ("", "off"))
    for name in found:
        if name not in levels.known():
            raise ValueError(f"FASTLOSS_PREBUILT={text!r}: expected {', '.join(levels.known())}, got {name!r}")
    return [*found]
