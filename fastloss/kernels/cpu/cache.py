"""Kernels to disk and back: `disk.py` keeps the files, `objects.py` makes a kernel of one, `entries.py` the contents.

`jit` is the only way to a compiled kernel; one thread compiles at a time, and what a signal handler calls meanwhile is
refused, unless it is on disk.
Whoever can write these files runs code here, so they are kept where nobody else can write, or nowhere.
Each file has a checksum (of 150 files with one 4 KiB block zeroed, as a power cut leaves them, 19 crashed the process),
and what does not match is compiled again. A file's name says all that makes its kernel differ from others: Numba is
imported only where that cannot be told without, or where there is no such file.

A cache only saves time: no failure of it may reach the caller, and no compile error may be hidden.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache as once
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from ... import loading
from .. import disk
from ..announce import announced
from ..disk import VARIABLE, directories, directory
from ..sources import versions
from . import levels, objects, threads

__all__ = ["VARIABLE", "clear_cache", "count", "directories", "directory", "jit", "settings", "size"]

_busy = False
_only = ""
"""The level that this process compiles for, if it does so ahead."""


def jit(
    name: Callable[[], str],
    make: Callable[[], tuple[Any, Any]],
    everywhere: Callable[[], str] | None = None,
    what: str = "a kernel",
    *,
    cache: bool = True,
    **options: Any,
) -> Any:
    """The kernel of that name, from disk or compiled: of the function and the types of arguments that `make` returns.

    The name must say what they hold, ports included; `everywhere` gives a name that is the same for every Python, or
    raises TypeError. Errors of the compilation come through as Numba raises them. `what` is what the user is told that
    it compiles.
    """
    with loading.compiling:
        if options.get("parallel"):
            threads.launch()
        path = None
        for path in _paths(name, everywhere, options) if cache else ():
            if (kernel := _found(path)) is not None:
                return kernel
        with compiling(), announced(what):
            return _made(path, make, options)


def kept(name: Callable[[], str], everywhere: Callable[[], str] | None = None, **options: Any) -> bool:
    """Whether `jit` would find a file."""
    folders = [*disk.shipped(), *disk.folders()]
    return any((folder / path).is_file() for path in _paths(name, everywhere, options) for folder in folders)


def compile_for(level: str) -> None:
    """From here on, look for kernels of this level alone, and keep them as such, for every process that may read."""
    global _only
    _only = level
    for setting in _SETTINGS:
        os.environ.pop(f"NUMBA_{setting}", None)
    os.environ.update(levels.environment(level))
    disk.open_to_readers()


@contextmanager
def compiling() -> Iterator[None]:
    """Hold the lock of compilations.

    A signal handler, a finaliser or a tracer may call a loss at any time. Compiling the same functions while they are
    half compiled would break both kernels for good, so that is refused. Linking one from disk disturbs nothing.
    """
    global _busy
    with loading.compiling:
        if _busy:
            raise RuntimeError(
                "a loss cannot be compiled while this thread compiles another: a signal handler, a finaliser or a "
                "tracer may call only what was called before, or is in the cache"
            )
        try:
            _busy = True
            yield
        finally:
            _busy = False


def _found(path: str | None) -> Any:
    """The kernel of a file, or None."""
    with suppress(Exception):  # damage has many forms
        data = disk.read(path) if path else None
        code = objects.opened(data) if data else None
        return objects.linked(code) if code else None
    return None


def _made(path: str | None, make: Callable[[], tuple[Any, Any]], options: dict[str, Any]) -> Any:
    """A kernel that is compiled, and written where it may be, and where there is nothing in it but what is known."""
    entries = loading.load(f"{__package__}.entries")
    with switched_on():
        if options.get("parallel"):
            threads.share()
        function, signature = make()
        code = entries.code(function, signature, options)
        kernel = objects.linked(code) if code else None
        if kernel is None:
            return entries.compiled(function, signature, options)
    if path:
        with suppress(Exception):
            disk.write(path, objects.sealed(code))
    kernel.fresh = True
    return kernel


@contextmanager
def switched_on() -> Iterator[None]:
    """Let Numba compile even where the user has switched it off."""
    from numba import config

    settings: Any = config
    off = settings.DISABLE_JIT
    try:
        settings.DISABLE_JIT = 0
        yield
    finally:
        settings.DISABLE_JIT = off


def _paths(name: Callable[[], str], everywhere: Callable[[], str] | None, options: dict[str, Any]) -> Iterator[str]:
    """The files that may hold a kernel: those that were compiled ahead, and last the one that is written.

    What was compiled ahead comes first, so that all kernels of a process are of one level.
    """
    said = _said()
    if everywhere is not None and (_only or not said):
        folders = [*disk.shipped(), *disk.folders()]
        with suppress(TypeError):
            for level in [_only] if _only else levels.here():
                if _only or any((folder / level).is_dir() for folder in folders):
                    yield _path(level, everywhere(), options, levels.key(level))
    if not _only:
        yield _path(_version(), name(), options, (object.__basicsize__, objects.processor(), said))


def _path(folder: str, name: str, options: dict[str, Any], *more: object) -> str:
    key = objects.FORMAT, sorted((k, str(v)) for k, v in options.items()), *more
    digest = sha256(repr((name, key)).encode()).hexdigest()[:24]
    return f"{folder}/{re.sub(r'[^.A-Za-z0-9_]', '_', name)[:100]}.{digest}.kernel"


@once
def _version() -> str:
    numba, llvmlite = versions()
    return f"{sys.implementation.cache_tag}-numba{numba}-llvmlite{llvmlite}"


_SETTINGS = (
    "BOUNDSCHECK", "CPU_FEATURES", "CPU_NAME", "DEBUGINFO_DEFAULT", "DEBUG_ARRAY_OPT_RUNTIME", "DEBUG_NRT",
    "DISABLE_INTEL_SVML", "ENABLE_AVX", "ENABLE_PROFILING", "EXTEND_VARIABLE_LIFETIMES", "JIT_COVERAGE",
    "LLVM_REFPRUNE_FLAGS", "LLVM_REFPRUNE_PASS", "LOOP_VECTORIZE", "NRT_STATS", "OPT", "PARFOR_MAX_TUPLE_SIZE",
    "SLP_VECTORIZE", "USING_SVML",
)  # fmt: skip
_FILE = ".numba_config.yaml"
"""Where they can be said, too."""


def settings() -> str:
    """The processor, and the settings of Numba that change the machine code of the same source."""
    import numba

    return repr((objects.processor(), _values(numba.config)))


def _said() -> str:
    """What is said of these settings, "" for nothing; Numba need not be there, the environment says what they are.

    A process that has changed one since has kernels of its own.
    """
    said = sorted((name, os.environ[f"NUMBA_{name}"]) for name in _SETTINGS if f"NUMBA_{name}" in os.environ)
    if "numba" not in sys.modules and not os.path.exists(_FILE):
        return repr(said) if said else ""
    config = loading.load("numba").config
    spec: Any = spec_from_file_location(config.__name__, config.__file__)
    fresh = module_from_spec(spec)
    spec.loader.exec_module(fresh)
    names = [name for name in _SETTINGS if hasattr(fresh, name)]  # one more is set as Numba is imported
    same = _values(config, names) == _values(fresh, names) and not os.path.exists(_FILE)
    return (repr(said) if said else "") if same else _values(config)


def _values(config: Any, names: Sequence[str] = _SETTINGS) -> str:
    most = getattr(getattr(config, "OPT", 0), "is_opt_max", False)  # a number like another, when it is printed
    return repr((most, [(name, getattr(config, name, None)) for name in names]))


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
