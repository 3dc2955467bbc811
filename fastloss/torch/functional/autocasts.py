"""What torch.autocast makes of losses: float32 of 16-bit floats.

The arithmetic of 16-bit tensors is float32 here in any case, so that a tensor need not be copied for it: its value then
just keeps the type of the arithmetic. Where several types meet, those of 16 bits are widened, as torch does.
"""

from __future__ import annotations

from typing import Any

import torch

HALVES = (torch.float16, torch.bfloat16)

KEPT = frozenset({"gaussian_nll_loss", "multilabel_soft_margin_loss", "triplet_margin_with_distance_loss"})
"""Functions that torch's list for the CPU has not, and whose values keep the type of the tensors. CUDA's list has what
they are made of.
"""


def widened(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of one type of floats as they are; else all 16-bit floats in float32."""
    given = (*args, *keywords.values())
    kinds = {x.dtype for x in given if isinstance(x, torch.Tensor) and x.is_floating_point()}
    if len(kinds) < 2:
        return args, keywords
    return tuple([_wide(x) for x in args]), {name: _wide(x) for name, x in keywords.items()}


def _wide(x: Any) -> Any:
    return x.float() if isinstance(x, torch.Tensor) and x.dtype in HALVES else x
