"""Arrays in the host's memory."""

from __future__ import annotations

from typing import Any

from ...loading import load


def kernels() -> Any:
    """The CPU's kernels, and LLVM with them; Numba only where one must be compiled."""
    return load("fastloss.kernels.cpu.compile")
