"""What definitions find in place of `math` in float64 kernels on the GPU: libdevice's functions, typed constants."""

from __future__ import annotations

import math

import numpy as np
from numba.cuda import libdevice

exp = libdevice.exp
expm1 = libdevice.expm1
log = libdevice.log
log1p = libdevice.log1p
tanh = libdevice.tanh
pow = libdevice.pow
sqrt = libdevice.sqrt
fabs = libdevice.fabs
copysign = libdevice.copysign

pi, e, tau = np.float64(math.pi), np.float64(math.e), np.float64(math.tau)
inf, nan = np.float64(math.inf), np.float64(math.nan)
