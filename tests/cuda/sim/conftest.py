"""A pretended GPU for the tests of the verbs."""

from __future__ import annotations

from functools import cache
from typing import Any

import hosted
import pytest
from pretended import Pretended

from fastloss.arrays import gpu as faces
from fastloss.kernels.cuda import launch
from fastloss.kernels.cuda.plan import rows as rowplan
from fastloss.kernels.cuda.templates import elements as pointwise
from fastloss.kernels.cuda.templates import rows as template


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, uncompiled: None) -> Any:
    """Warps of 4 threads, blocks of 16, tiles of 64. The host, which results are held against, compiles nothing."""
    for module, name, value in (
        (template, "WARP", 4), (template, "TILE", 64), (rowplan, "THREADS", 16), (pointwise, "THREADS", 16),
        (pointwise, "TILE", 64), (rowplan, "HOLD", 4), (rowplan, "STAGED", 8), (rowplan, "TEAM", 2),
        (rowplan, "_own", cache(lambda plan: set())),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    hosted.memory.clear()
    pretended = Pretended()
    monkeypatch.setattr(faces, "face", lambda package: hosted)
    monkeypatch.setattr(launch, "gpu", lambda: pretended)
    return pretended
