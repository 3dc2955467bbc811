"""Tests that need a GPU run when they are asked for by name, and fail where there is none: `pytest tests/gpu`."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return (collection_path.parent == HERE and not any("gpu" in argument for argument in config.args)) or None
