"""`fastloss info`: what this machine and this installation are, and what happens to each library's arrays."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...registry import LOSSES
from .stop import OK

if TYPE_CHECKING:
    import argparse

VECTORS = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("neon", "NEON"))

VARIABLES = ("FASTLOSS_NUM_THREADS", "FASTLOSS_PARALLEL_FROM", "FASTLOSS_CACHE_DIR", "FASTLOSS_KEEP",
             "FASTLOSS_QUIET", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER")  # fmt: skip

LIBRARIES = {
    "numpy": "computed where they are; gradients are NumPy's",
    "pandas": "a Series or frame is read without a copy where its columns are NumPy's; fl.data.scorer adds columns",
    "polars": "columns are read without a copy; fl.data.polars has losses as expressions",
    "pyarrow": "fl.data.scorer adds columns to tables and batches; fl.data.score reads and writes files",
    "duckdb": "fl.data.duckdb makes losses functions of its SQL; where= of fl.data.score is its SQL",
    "zarr": "stores are read by fl.data.score",
    "dask": "arrays are computed lazily, block by block",
    "torch": "on a GPU: computed there; on the CPU: refused, pass x.numpy(), the same memory",
    "cupy": "computed on the GPU",
    "jax": "on a GPU: computed there, by way of torch or CuPy; on the CPU: refused, pass numpy.asarray(x)",
    "tensorflow": "refused, pass x.numpy()",
    "ml_dtypes": "bfloat16 is computed in float32",
}
"""What happens to the arrays of each library that is there."""

PACKAGES = ("numpy", "numba", "llvmlite", "tbb", "numba-cuda", "matplotlib", "mpmath", "tqdm", "scikit-learn", "scipy")


def info(args: argparse.Namespace) -> int:
    """Print what there is."""
    found = facts()
    if args.json:
        print(json.dumps(found, indent=2))
        return OK
    for title in ("fastloss", "python", "processor", "threads", "cache", "gpu"):
        print(f"{title:11}{found[title]}")
    print(f"{'versions':11}{', '.join(f'{name} {number}' for name, number in found['versions'].items())}")
    if found["settings"]:
        print(f"{'settings':11}{', '.join(f'{name}={value}' for name, value in found['settings'].items())}")
    print("arrays of")
    for name, (number, what) in found["arrays"].items():
        print(f"  {name + ' ' + number:20} {what}")
    missing = [name for name in LIBRARIES if name not in found["arrays"]]
    if missing:
        print(f"not installed: {', '.join(missing)}")
    return OK


def facts() -> dict[str, Any]:
    """What there is, by name."""
    return {
        "fastloss": f"{__version__}, {len(LOSSES)} losses of elements and rows, in {Path(__file__).parents[2]}",
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "processor": _processor(),
        "threads": _threads(),
        "cache": _cache(),
        "gpu": _gpu(),
        "versions": {name: number for name in PACKAGES if (number := _version(name))},
        "settings": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "arrays": {name: (number, what) for name, what in LIBRARIES.items() if (number := _version(name))},
    }  # fmt: skip


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    vectors = next((name for feature, name in VECTORS if features.get(feature)), "no vectors that are known here")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{llvm.get_host_cpu_name()} with {vectors}, {cores} core{'s' * (cores != 1)} for this process"


def _threads() -> str:
    from ...kernels.cpu import threads
    from ...kernels.plan.elements import PARALLEL_FROM

    try:
        count = threads.get_num_threads()
        pool = threads.launch()
    except ValueError as error:
        return str(error)
    if pool is None:
        return f"{count}: kernels run serially here"
    return f"{count} by {pool.layer}, from {PARALLEL_FROM:,} elements on"


def _cache() -> str:
    from .machine import cache_contents, cache_place

    folder, reason = cache_place()
    return f"none: {reason}" if folder is None else cache_contents(folder)


def _gpu() -> str:
    """What the driver says, if there is one."""
    import ctypes

    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return "none: there is no driver of CUDA"
    count, text = ctypes.c_int(), ctypes.create_string_buffer(100)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "none: the driver finds no device"
    driver.cuDeviceGetName(text, 100, 0)
    compiler = "" if _version("numba-cuda") else '; no compiler for it: pip install "fastloss[cuda13]", or [cuda12]'
    more = f" and {count.value - 1} more" if count.value > 1 else ""
    return f"{text.value.decode()}{more}{compiler}"
