"""Arrays in a GPU's memory: a face for each library that has them, and the verbs over the kernels in `kernels/cuda`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ...loading import load

if TYPE_CHECKING:
    from .buffers import Face


@cache
def face(name: str) -> Face | None:
    """What can be done with a library's arrays; None where a package only bears its name."""
    try:
        found: Any = load(f"{__name__}.libraries.{name}")
    except ImportError:
        return None
    return found  # type: ignore[no-any-return]
