"""Arrays in the host's memory."""

from __future__ import annotations

from typing import Any

from ...loading import load


def kernels() -> Any:
    """The CPU's kernels, and Numba with them."""
    return load("fastloss.kernels.cpu.compile")
