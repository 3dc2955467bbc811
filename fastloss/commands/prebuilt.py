"""The kernels that a wheel may carry: which, and how they are compiled when it is built (`hatch_build.py`)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import warmup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SET = (
    ("squared_error", "absolute_error", "huber", "log_cosh", "quantile", "binary_cross_entropy",
     "binary_cross_entropy_with_logits", "cross_entropy"),
    ("float32", "float64"),
    ("__call__", "value_and_grad"),
    warmup.Ways(weighted=False, dense=False),
)  # fmt: skip
"""The losses, dtypes, verbs and ways of calling whose kernels are shipped, each serial and parallel."""


def build(folder: Path, levels: Sequence[str], tell: Callable[[str], object]) -> None:
    """Compile the set for each level into `folder`, which has a subfolder for each level afterwards."""
    from ..kernels import announce, disk

    os.environ[announce.VARIABLE] = "1"
    *chosen, ways = SET
    units = warmup.units(*chosen)
    failed: list[str] = []

    def done(unit: warmup.Unit, seconds: float, reason: str) -> None:
        tell(f"{level} {' '.join(unit)}: {seconds:.1f} s of a core")
        if reason:
            failed.append(f"{' '.join(unit)}: {reason}")

    for level in levels:
        warmup.compile_all(units, ways, warmup.cores(), done, warmup.Ahead(level, str(folder)))
        if failed:
            raise RuntimeError(f"kernels for {level} did not compile: {'; '.join(failed[:5])}")
        shutil.move(folder / disk.NAME / level, folder / level)
    shutil.rmtree(folder / disk.NAME)


def asked(text: str) -> list[str]:
    """The levels that are named in ``FASTLOSS_PREBUILT``; none where it is empty or "off"."""
    from ..kernels.cpu import levels

    found = [name.strip() for name in text.split(",") if name.strip() not in ("", "off")]
    for name in found:
        if name not in levels.known():
            raise ValueError(f"FASTLOSS_PREBUILT={text!r}: expected {', '.join(levels.known())}, got {name!r}")
    return found
