"""What holds for the examples in docstrings as for all tests: a conftest's fixtures end with its folder."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import selection


@pytest.fixture(autouse=True)
def _example(request: pytest.FixtureRequest, doctest_namespace: dict[str, object]) -> Iterator[None]:
    """NumPy by its name; and no kernel where a few cases run."""
    doctest_namespace["np"] = np
    if not isinstance(request.node, pytest.DoctestItem) or not selection.runs_as_python(
        request.node, selection.asked(request.config)
    ):
        yield
        return
    from uncompiled import nothing_compiled

    with nothing_compiled():
        yield


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: Any, nextitem: Any) -> None:
    """What Numba has made stays: looking through gigabytes of it for rubbish again and again takes seconds each time."""
    if nextitem is None or nextitem.path != item.path:
        gc.freeze()
