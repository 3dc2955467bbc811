"""What the tests of elementary functions share: loops over them, bounds, arguments that are hard, errors in ULP."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from mpmath import mp, mpf
from numba import float32, float64, njit, void

from fastloss.kernels.cpu.vecmath.elementary import elementary

MODULES = {"float32": elementary("f"), "float64": elementary("d")}
DTYPES = tuple(MODULES)
PRECISION = {"float32": 24, "float64": 53}
LARGEST_EXPONENT = {"float32": 128, "float64": 1024}
INTEGER = {"float32": np.int32, "float64": np.int64}

# Largest error in ULP as the docstrings state it; beside it the largest found in a search of some minutes.
BOUNDS = {
    ("exp", "float32"): 1.0,  # 0.90
    ("exp", "float64"): 1.0,  # 0.84
    ("exp_neg", "float32"): 1.0,  # 0.90
    ("exp_neg", "float64"): 1.0,  # 0.85
    ("expm1", "float32"): 1.25,  # 1.18
    ("expm1", "float64"): 1.25,  # 1.21
    ("expm1_neg", "float32"): 1.25,
    ("expm1_neg", "float64"): 1.25,
    ("exp_with_expm1", "float32"): 1.0,
    ("exp_with_expm1", "float64"): 1.0,
    ("log", "float32"): 1.0,  # 0.92
    ("log", "float64"): 1.0,  # 0.91
    ("log1p", "float32"): 1.5,  # 1.42
    ("log1p", "float64"): 1.5,  # 1.44
    ("log1p_unit", "float32"): 1.25,  # 1.17
    ("log1p_unit", "float64"): 1.25,  # 1.00
    ("tanh", "float32"): 1.5,  # 1.44
    ("tanh", "float64"): 1.5,  # 1.42
    ("pow", "float32"): 1.0,  # 0.89
    ("pow", "float64"): 1.0,  # 0.91
    ("sqrt", "float32"): 0.5,
    ("sqrt", "float64"): 0.5,
    ("cbrt", "float32"): 0.75,  # 0.50
    ("cbrt", "float64"): 0.75,  # 0.50
    ("sinh", "float32"): 1.75,  # 1.62
    ("sinh", "float64"): 1.75,  # 1.52
    ("cosh", "float32"): 1.25,  # 1.16
    ("cosh", "float64"): 1.25,  # 1.19
    ("asinh", "float32"): 1.5,  # 1.27
    ("asinh", "float64"): 1.5,  # 1.22
    ("sin", "float32"): 1.0,  # 0.78
    ("sin", "float64"): 1.0,  # 0.77
    ("cos", "float32"): 1.0,  # 0.75
    ("cos", "float64"): 1.0,  # 0.75
    ("atan", "float32"): 1.25,  # 1.11
    ("atan", "float64"): 1.25,  # 1.09
    ("erf", "float32"): 1.5,  # 1.28
    ("erf", "float64"): 1.5,  # 1.06
    ("erfc", "float32"): 1.75,  # 1.65
    ("erfc", "float64"): 1.75,  # 1.50
    ("lgamma", "float32"): 1.75,  # 1.51, for x > -2
    ("lgamma", "float64"): 1.75,  # 1.40
}
UNARY = tuple(dict.fromkeys(name for name, _ in BOUNDS if name != "pow"))
EXACT = {name: getattr(mp, name.split("_")[0]) for name in UNARY if name not in ("cbrt", "lgamma")} | {
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "lgamma": lambda x: mp.re(mp.loggamma(x)),
}
DOMAIN = {
    "exp_neg": (-math.inf, 0.0),
    "expm1_neg": (-math.inf, 0.0),
    "exp_with_expm1": (-math.inf, 0.0),
    "log": (0.0, math.inf),
    "log1p": (-1.0, math.inf),
    "log1p_unit": (0.0, 1.0),
    "sqrt": (0.0, math.inf),
    "lgamma": (-2.0, math.inf),
}
SATURATED = ("exp", "exp_neg", "exp_with_expm1", "expm1", "expm1_neg", "tanh", "sinh", "cosh", "erf", "erfc")


@cache
def loop(name: str, dtype: str):
    """Compiled loop of the function over contiguous arrays."""
    function = getattr(MODULES[dtype], name)
    array = {"float32": float32, "float64": float64}[dtype][::1]
    if name.startswith("pow"):

        def body(x, y, out):
            for i in range(out.size):
                out[i] = function(x[i], y[i])

        signature = void(array, array, array)
    else:

        def body(x, out):
            for i in range(out.size):
                out[i] = function(x[i])

        signature = void(array, array)
    return njit(signature, error_model="numpy", fastmath={"contract"}, nogil=True)(body)


def evaluate(name: str, dtype: str, *arguments) -> np.ndarray:
    arrays = [np.ascontiguousarray(a, dtype) for a in arguments]
    out = np.empty_like(arrays[0])
    loop(name, dtype)(*arrays, out)
    return out


def ulp_errors(got: np.ndarray, exact: list[mpf], dtype: str) -> np.ndarray:
    """Distance to the exact values in units of the spacing of the floats around them."""
    precision, largest = PRECISION[dtype], LARGEST_EXPONENT[dtype]
    smallest = 3 - largest - precision
    overflow = mp.ldexp(1 - mp.ldexp(1, -precision - 1), largest)
    errors = []
    for value, true in zip(got.tolist(), exact, strict=True):
        if math.isinf(value) and abs(true) >= overflow and (value > 0) == (true > 0):
            errors.append(0.0)
        elif not math.isfinite(value):
            errors.append(math.inf)
        else:
            exponent = max(int(mp.frexp(true)[1]) - precision, smallest) if true else smallest
            errors.append(float(abs(mpf(value) - true) / mp.ldexp(1, exponent)))
    return np.array(errors)


def neighbourhood(points, dtype: str) -> np.ndarray:
    """The nearest floats to the points and three on each side."""
    x = np.asarray(points, dtype)
    x = x[np.isfinite(x) & (x != 0)]
    return (x.view(INTEGER[dtype])[:, None] + np.arange(-3, 4, dtype=INTEGER[dtype])).view(dtype).ravel()


def random_bits(random: np.random.Generator, dtype: str, count: int) -> np.ndarray:
    """Positive finite floats, uniform over the bit patterns and so over the exponents."""
    infinity = int(np.array(np.inf, dtype).view(INTEGER[dtype]))
    return random.integers(1, infinity, count).astype(INTEGER[dtype]).view(dtype)


def inputs(name: str, dtype: str) -> np.ndarray:
    """A few thousand finite arguments in the domain, over all exponents and dense where errors peak."""
    random = np.random.default_rng(20)
    info = np.finfo(dtype)
    limit = math.log(float(info.max))
    steps = np.unique(np.linspace(-LARGEST_EXPONENT[dtype] + 1, LARGEST_EXPONENT[dtype] - 1, 60).round())
    steps = np.concatenate([steps, np.arange(-6.0, 7.0)])
    root = np.ldexp(math.sqrt(2), steps.astype(int))
    log_uniform = random_bits(random, dtype, 3000)
    near_zero = np.exp2(random.uniform(-PRECISION[dtype] - 3, 0, 500))
    landmarks = [1.0, 0.5, 0.55, 2.0, limit, limit - math.log(2), -math.log(float(info.tiny)), float(info.max)]
    landmarks += [-math.log(float(info.smallest_subnormal)), 17.33, 37.43, 9.01, 19.06]
    parts = [
        np.concatenate([log_uniform, -log_uniform, near_zero, -near_zero, 1 + near_zero, 1 - near_zero]),
        random.uniform(-1, 1, 2000),
        random.uniform(-1.05 * limit, limit, 2000),
        random.uniform(0.3, 0.6, 500) * np.resize([1, -1], 500),
        neighbourhood(np.concatenate([landmarks, np.negative(landmarks)]), dtype),
        neighbourhood((steps + 0.5) * math.log(2), dtype),
        neighbourhood(root, dtype),
        neighbourhood(root - 1, dtype),
        random.uniform(-30, 30, 1000),  # where erfc is subnormal, and Stirling's series begins
        np.pi / 2 * np.exp2(random.uniform(0, PRECISION[dtype], 500)).round(),  # next to zeros of sines
        neighbourhood([info.tiny, info.smallest_subnormal * 4, info.smallest_subnormal * 99], dtype),
    ]
    x = np.concatenate([np.asarray(p, dtype) for p in parts])
    low, high = DOMAIN.get(name, (-math.inf, math.inf))
    open_low = name in ("log", "log1p", "lgamma")
    x = x[np.isfinite(x) & (x <= high) & ((x > low) if open_low else (x >= low))]
    # Beyond these the result has long been constant, and an exact exp of 1e300 takes for ever.
    return x[np.abs(x) <= 1.2 * limit] if name in SATURATED else x[(x != 0) & (x != -1)] if name == "lgamma" else x
