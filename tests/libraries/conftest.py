"""What tests of torch's functions share, and how JAX compiles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

# LLVM's work on what is not ours: 51 transformations of losses take 55 s of a processor with it, 42 without.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


@pytest.fixture
def flt() -> Any:
    import fastloss.torch.functional as found

    return found


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compute at any size; the names of the losses that were."""
    from fastloss.torch.functional import calls, thresholds

    run, found = calls.run, []

    def counted(call: Any, tensors: Any, **keywords: Any) -> Any:
        value = run(call, tensors, **keywords)
        found.append(call.loss.name)
        return value

    for name in [*thresholds.LEAST]:
        monkeypatch.delitem(thresholds.LEAST, name)
    monkeypatch.setattr(calls, "run", counted)
    return found


@pytest.fixture
def one_thread() -> Iterator[None]:
    """So that there is one kernel of a loss, and not a second one for threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
