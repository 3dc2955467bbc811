"""Numba's threads without Numba: its layers are libraries of their own, which are found and loaded by file.

Importing Numba takes longer than anything else that a process whose kernels are on disk has to do. `started` does what
Numba does when it starts its pool (`_launch_threads` in numba/np/ufunc/parallel.py), with the same library, so that a
process that imports Numba later goes on with the same threads. Where anything is out of the ordinary, it does nothing.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as _llvm

llvm: Any = _llvm
LAYERS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}
"""The layers and their libraries, in Numba's order."""
_LAUNCH = {
    "numba_parallel_for": "parallel_for",
    **{name: name for name in (
        "do_scheduling_signed", "do_scheduling_unsigned", "allocate_sched", "deallocate_sched", "get_num_threads",
        "set_num_threads", "get_thread_id", "set_parallel_chunksize", "get_parallel_chunksize", "get_sched_size",
    )},
}  # fmt: skip
SYMBOLS = tuple(_LAUNCH)
"""What kernels call of a layer."""
_TBB = {"win32": "tbb12.dll", "darwin": "libtbb.12.dylib"}
_LEAST_TBB = 12060


class Layer(NamedTuple):
    """A started layer: its name, how this Python thread's number of threads is read and set."""

    name: str
    get: Callable[[], int]
    set: Callable[[int], None]


def number() -> int | None:
    """How many threads Numba would start; None where it must be asked."""
    if "numba" in sys.modules or os.path.exists(".numba_config.yaml"):
        return None
    text = os.environ.get("NUMBA_NUM_THREADS")
    if text is not None:
        return int(text) if text.isdecimal() and int(text) else None
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def quota(groups: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> int | None:
    """How many processors' time a container leaves its processes, rounded up; None where nothing limits it.

    A container may see all of a machine's processors and be stopped for most of the time when it uses them.
    """
    shares: list[float] = []
    with suppress(OSError, ValueError):
        for line in groups.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            root = mount / "cpu" if controllers else mount
            folder = root / path.strip("/")
            for at in (folder, *folder.parents):
                shares += _share(at)
                if at == root:
                    break
    return max(1, ceil(min(shares))) if shares else None


def _share(folder: Path) -> list[float]:
    """What a control group's files allow: none, or one number. Versions 2 and 1 of them say it in other files."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError):
            allowed, period = (int(word) for name in names for word in (folder / name).read_text().split())
            return [allowed / period] if allowed > 0 and period > 0 else []
    return []


def started() -> Layer | None:
    """Start the layer that Numba would start; None where Numba must do it."""
    threads = number()
    if threads is None or "NUMBA_THREADING_LAYER_PRIORITY" in os.environ:
        return None
    wanted = os.environ.get("NUMBA_THREADING_LAYER", "default").lower()
    for name in LAYERS if wanted == "default" else [wanted] if wanted in LAYERS else []:
        library = None
        with suppress(ImportError, OSError, AttributeError):
            library = _library(name)
        if library is not None:
            for symbol, own in _LAUNCH.items():
                llvm.add_symbol(symbol, getattr(library, own))
            ctypes.CFUNCTYPE(None, ctypes.c_int)(library.launch_threads)(threads)
            put = ctypes.CFUNCTYPE(None, ctypes.c_int)(library.set_num_threads)
            put(threads)
            return Layer(name, ctypes.CFUNCTYPE(ctypes.c_int)(library.get_num_threads), put)
    return None


@cache
def launcher() -> int:
    """The address of what starts a kernel's tasks on threads, once the pool is started."""
    found: int = llvm.address_of_symbol(SYMBOLS[0])
    return found


def _library(layer: str) -> Any:
    if layer == "tbb":
        version = ctypes.CDLL(_TBB.get(sys.platform, "libtbb.so.12")).TBB_runtime_interface_version
        if version() < _LEAST_TBB:
            return None
    name = f"numba.np.ufunc.{LAYERS[layer]}"
    for path in _files(LAYERS[layer]):
        spec = spec_from_file_location(name, path, loader=ExtensionFileLoader(name, str(path)))
        if path.is_file() and spec is not None and spec.loader is not None:
            module: Any = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None


def _files(stem: str) -> Iterator[Path]:
    found = find_spec("numba")
    for folder in (found and found.submodule_search_locations) or ():
        for suffix in EXTENSION_SUFFIXES:
            yield Path(folder, "np", "ufunc", stem + suffix)
