"""Tests that need a GPU run when they are asked for by name, and fail where there is none: `pytest tests/gpu`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import fastloss as fl

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return (collection_path.parent == HERE and not any("gpu" in argument for argument in config.args)) or None


@pytest.fixture(autouse=True)
def _settled() -> Iterator[None]:
    """What a test leaves to be computed or raised is not the next one's."""
    yield
    try:
        fl.synchronize()
    except RuntimeError as error:  # of the driver, which answers nothing else from now on
        pytest.exit(f"the GPU is lost to this process: {error}")
