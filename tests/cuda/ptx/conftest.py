"""A GPU that goes through what the compiler made of the kernels, instruction by instruction."""

from __future__ import annotations

from typing import Any

import hosted
import made
import pytest
from hardware import Hardware

from fastloss.arrays import gpu as faces
from fastloss.kernels.cuda import launch
from fastloss.kernels.cuda.driver import Driver


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch, uncompiled: None) -> Any:
    """What was found while a test went through kernels. The host, which results are held against, compiles nothing."""
    hosted.memory.clear()
    found = Hardware()
    gpu = launch.Gpu(Driver(found))

    def assembled(plan: Any, capability: tuple[int, int], make: Any) -> tuple[bytes, str]:
        """Nothing of it is kept on disk, where machine code lies."""
        found.plans.append(plan)
        ptx, entry = made.assembly(plan, capability)
        return ptx.encode(), entry

    monkeypatch.setattr(launch, "machine_code", assembled)
    monkeypatch.setattr(launch, "gpu", lambda: gpu)
    monkeypatch.setattr(faces, "face", lambda package: hosted)
    return found
