"""What definitions find in place of `math` in kernels on the GPU: libdevice's functions, typed constants."""

from __future__ import annotations

import math
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numba import cuda
from numba.cuda import libdevice

from ...define.rules import CONSTANTS, ELEMENTARY
from .intrinsics import power_of_two

LOG2E = np.float32(math.log2(math.e))


def coarse_exp_neg(x: Any) -> Any:
    """Of x <= 0, within 3e-7 of what is at most 1, in two instructions; the accurate one takes eight."""
    return power_of_two(x * LOG2E)


@cache
def elementary(compute: str, coarse: bool = False) -> Any:
    """Of float64 ("d") or float32: libdevice's names are those of C. `coarse` where all arrays are of 16 bits."""
    kind, suffix = (np.float64, "") if compute == "d" else (np.float32, "f")
    module = ModuleType(f"{__name__}.{compute}")
    vars(module).update({name: kind(getattr(math, name)) for name in CONSTANTS})
    vars(module).update({name: getattr(libdevice, name + suffix) for name in ELEMENTARY - CONSTANTS})
    if coarse and compute != "d":
        vars(module)["exp_neg"] = cuda.jit(device=True, forceinline=True)(coarse_exp_neg)
    return module
