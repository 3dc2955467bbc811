"""The functions of `math` on a GPU, as far as losses may use them: how far libdevice's are from the exact values."""

from __future__ import annotations

import numpy as np
import pytest
from elementary import EXACT, inputs, ulp_errors
from mpmath import mp, mpf
from numba import cuda

from fastloss.kernels.cuda.elementary import elementary

# The libraries' own warnings are told, and fail nothing.
pytestmark = pytest.mark.filterwarnings("default")

# Errors in ULP, float32 and float64, as the tables of NVIDIA's programming guide have them; of lgamma, above -2.
STATED = {
    "exp": (2, 1), "expm1": (1, 1), "log": (1, 1), "log1p": (1, 1), "tanh": (2, 1), "sqrt": (0.5, 0.5),
    "cbrt": (1, 1), "sinh": (3, 2), "cosh": (2, 1), "asinh": (3, 3), "sin": (2, 2), "cos": (2, 2), "atan": (2, 2),
    "erf": (2, 2), "erfc": (4, 5), "lgamma": (6, 4),
}  # fmt: skip
# Errors are counted from the exact value, these from the rounded one.
ROUNDING = 0.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", STATED)
def test_ulp(name: str, dtype: str) -> None:
    function = getattr(elementary("d" if dtype == "float64" else "f"), name)

    @cuda.jit
    def each(x, out):
        i = cuda.grid(1)
        if i < x.size:
            out[i] = function(x[i])

    x = inputs(name, dtype)
    out = cuda.device_array(x.size, dtype)
    each[(x.size + 255) // 256, 256](cuda.to_device(x), out)
    with mp.workdps(50):
        errors = ulp_errors(out.copy_to_host(), [EXACT[name](mpf(v)) for v in x.tolist()], dtype)
    worst = int(np.argmax(errors))
    assert errors[worst] <= STATED[name][dtype == "float64"] + ROUNDING, f"{errors[worst]} ULP at {x[worst]!r}"
