"""What definitions find in place of `math` in float32 kernels on the GPU: libdevice's functions, typed constants."""

from __future__ import annotations

import math

import numpy as np
from numba.cuda import libdevice

exp = libdevice.expf
expm1 = libdevice.expm1f
log = libdevice.logf
log1p = libdevice.log1pf
tanh = libdevice.tanhf
pow = libdevice.powf
sqrt = libdevice.sqrtf
fabs = libdevice.fabsf
copysign = libdevice.copysignf

pi, e, tau = np.float32(math.pi), np.float32(math.e), np.float32(math.tau)
inf, nan = np.float32(math.inf), np.float32(math.nan)
