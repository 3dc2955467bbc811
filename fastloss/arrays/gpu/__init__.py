"""Arrays in a GPU's memory: a face for each library that has them, and the verbs over the kernels in `kernels/cuda`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .buffers import Face


@cache
def face(package: str) -> Face | None:
    """What can be done with arrays whose type is defined in such a package; None where it only bears the name."""
    try:
        found: Any = import_module(f"{__name__}.{package.partition('_')[0]}")
    except ImportError:
        return None
    return found  # type: ignore[no-any-return]
