"""Compiled kernels to disk and back: `disk.py` keeps the files, Numba makes a kernel's pickle and a kernel of a pickle.

`jit` is the only way to a compiled kernel; one thread compiles at a time, and a call from a signal handler is refused.
Whoever can write these pickles runs code here, so they are kept where nobody else can write, or nowhere.
Each file has a checksum (of 150 files with one 4 KiB block zeroed, as a power cut leaves them, 19 crashed the process),
and what does not match is compiled again. A file's name says all that makes its kernel differ from others.

A cache only saves time: no failure of it may reach the caller, and no compile error may be hidden.
"""

from __future__ import annotations

import itertools
import pickle
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache as once
from hashlib import sha256
from types import FunctionType
from typing import Any

from ... import loading
from .. import disk
from ..announce import announced
from ..disk import VARIABLE, directory
from . import threads

__all__ = ["VARIABLE", "clear_cache", "count", "directory", "jit", "settings", "size"]

_busy = False


def jit(
    fn: FunctionType,
    signature: Any,
    complete: Callable[[], FunctionType] | None = None,
    *,
    what: str = "",
    cache: bool = True,
    **options: Any,
) -> Any:
    """Load `fn` for `signature` alone from disk, or compile it: itself, or what `complete` makes of it.

    ``fn.__qualname__`` must name its content, its ports included. Errors of the compilation come through as Numba
    raises them. `what` is what the user is told that it compiles, by default the first part of that name.
    """
    import numba

    with compiling():
        if options.get("parallel"):
            threads.launch()
        stored = _KernelFile(fn, signature, options) if cache else None
        kernel: Any = numba.njit(**options)(fn)
        if stored is not None and stored.load(kernel.targetctx):
            with suppress(Exception):  # intact, and of no use all the same
                return _compiled(kernel, signature, stored)
            stored.found = None
        with announced(what or fn.__qualname__.partition(".")[0]):
            if complete is not None:
                kernel = numba.njit(**options)(complete())
            return _compiled(kernel, signature, stored)


def kept(fn: FunctionType, signature: Any, **options: Any) -> bool:
    """Whether `jit` would find a file."""
    name = _KernelFile(fn, signature, options).name
    return any((folder / name).is_file() for folder in disk.folders())


@contextmanager
def compiling() -> Iterator[None]:
    """Hold the lock of compilations, and let Numba compile even where the user has switched it off.

    A signal handler, a finaliser or a tracer may call a loss at any time. Compiling the same functions while they are
    half compiled would break both kernels for good, so that call is refused.
    """
    global _busy
    from numba import config

    settings: Any = config
    with loading.compiling:
        if _busy:
            raise RuntimeError(
                "a loss cannot be compiled while this thread compiles another: a signal handler, a finaliser or a "
                "tracer may call only what was called before"
            )
        off = settings.DISABLE_JIT
        try:
            _busy, settings.DISABLE_JIT = True, 0
            yield
        finally:
            _busy, settings.DISABLE_JIT = False, off


def _compiled(kernel: Any, signature: Any, stored: _KernelFile | None) -> Any:
    if stored is not None:
        kernel._cache = stored
    _randomise_numbers()
    kernel.compile(signature)
    kernel.disable_compile()
    return kernel


def _randomise_numbers() -> None:
    """Let Numba number functions from a random start, as no other process does.

    What a kernel calls goes to disk with it, under a name that differs from another kernel's by Numba's count of this
    process's functions alone. Of two kernels from two processes that had counted alike, the linker took the functions
    of the one for those of the other: wrong results, where both were loaded from disk.
    """
    from numba.core.bytecode import FunctionIdentity

    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(48) << 12)


class _KernelFile:
    """The file of one kernel, in the place of a Numba dispatcher's own cache."""

    def __init__(self, fn: FunctionType, signature: Any, options: dict[str, Any]) -> None:
        key = fn.__code__.co_code, str(signature), sorted((k, str(v)) for k, v in options.items()), settings()
        digest = sha256(repr(key).encode()).hexdigest()[:24]
        name = re.sub(r"[^\w.]", "_", fn.__qualname__)[:100]
        self.name = f"{_version()}/{name}.{digest}.kernel"
        self.found: Any = None

    @property
    def cache_path(self) -> str | None:
        """The folder of the file; Numba asks for it."""
        return next((str((folder / self.name).parent) for folder in disk.folders()), None)

    def load(self, context: Any) -> bool:
        """Read the file; whether there is an intact one."""
        from numba.core.compiler import CompileResult

        rebuild: Any = CompileResult._rebuild
        data = disk.read(self.name)
        if data is not None:
            with suppress(Exception):  # pickles raise anything
                context.refresh()
                self.found = rebuild(context, *pickle.loads(data))
        return self.found is not None

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The kernel that `load` has found; Numba calls this."""
        return self.found

    def save_overload(self, signature: Any, result: Any) -> None:
        """Write a kernel; Numba calls this when it has compiled one."""
        from numba.core import serialize

        dumps: Any = serialize.dumps
        with suppress(Exception):
            if not result.library.has_dynamic_globals:  # addresses of this process
                disk.write(self.name, dumps(result._reduce()))


@once
def _version() -> str:
    import llvmlite
    import numba

    return f"{sys.implementation.cache_tag}-numba{numba.__version__}-llvmlite{llvmlite.__version__}"


_SETTINGS = (
    "BOUNDSCHECK", "CPU_FEATURES", "CPU_NAME", "DEBUGINFO_DEFAULT", "DEBUG_ARRAY_OPT_RUNTIME", "DEBUG_NRT",
    "DISABLE_INTEL_SVML", "ENABLE_AVX", "ENABLE_PROFILING", "EXTEND_VARIABLE_LIFETIMES", "JIT_COVERAGE",
    "LLVM_REFPRUNE_FLAGS", "LLVM_REFPRUNE_PASS", "LOOP_VECTORIZE", "NRT_STATS", "OPT", "PARFOR_MAX_TUPLE_SIZE",
    "SLP_VECTORIZE", "USING_SVML",
)  # fmt: skip


def settings() -> str:
    """The processor, and the settings of Numba that change the machine code of the same source."""
    from numba import config
    from numba.core.registry import cpu_target

    values = [(name, getattr(config, name, None)) for name in _SETTINGS]
    most = getattr(getattr(config, "OPT", 0), "is_opt_max", False)  # a number like another, when it is printed
    return repr((cpu_target.target_context.codegen().magic_tuple(), most, values))


def count() -> int:
    """The number of kernels on disk."""
    return sum(1 for _ in disk.stored())


def size() -> int:
    """Bytes on disk taken by compiled kernels."""
    return sum(length for _, length in disk.stored())


def clear_cache() -> int:
    """Remove all compiled kernels from disk and return the number of bytes they took.

    Kernels loaded already go on working.
    """
    removed = 0
    for path, length in disk.stored():
        with suppress(OSError):
            path.unlink()
            removed += length
    return removed
