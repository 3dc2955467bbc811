"""Whether torch would differentiate what is computed now."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Any


def differentiating() -> Any:
    """A context in which torch differentiates, whatever is so around it."""
    torch = sys.modules.get("torch")
    return torch.enable_grad() if torch else nullcontext()


def is_differentiated() -> bool:
    """Whether torch would differentiate what is computed now: not in torch.no_grad, or an autograd.Function."""
    torch = sys.modules.get("torch")
    return torch is None or torch.is_grad_enabled()
