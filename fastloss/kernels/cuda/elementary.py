"""What definitions find in place of `math` in kernels on the GPU: libdevice's functions, typed constants."""

from __future__ import annotations

import math
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numba.cuda import libdevice

from ...define.rules import CONSTANTS, ELEMENTARY


@cache
def elementary(compute: str) -> Any:
    """Of float64 ("d") or float32: libdevice's names are those of C."""
    kind, suffix = (np.float64, "") if compute == "d" else (np.float32, "f")
    module = ModuleType(f"{__name__}.{compute}")
    vars(module).update({name: kind(getattr(math, name)) for name in CONSTANTS})
    vars(module).update({name: getattr(libdevice, name + suffix) for name in ELEMENTARY - CONSTANTS})
    return module
