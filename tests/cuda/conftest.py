"""What needs numba-cuda runs when it is asked for by name: the simulator in a process of its own, and what compiles
kernels (the gate, and `ptx`, which goes through what the compiler made of them) in another."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent

gc.set_threshold(100_000)  # of a compilation's time Python's collector takes a seventh


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path.parent != HERE or not collection_path.is_dir():
        return None
    asked = any("cuda" in argument for argument in config.args)
    simulating = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
    return not asked or (collection_path.name == "sim") != simulating
