"""Where compiled kernels live on disk, and how they get there. Numba does the storing; it leaves to us:

* *Where.* Its files are pickles, so whoever can write them runs code here: they go into a directory
  of this user alone, whose owner and mode are checked, or nowhere.
* *Repair.* A truncated file makes Numba raise at every start. Worse, of 150 files with one 4 KiB block
  zeroed, as a power cut leaves them, 19 crashed the process. So each kernel's files have a checksum
  beside them, and what does not match is removed and compiled again.

A cache only saves time: no failure of it may reach the caller, and no compile error may be hidden.
"""

from __future__ import annotations

import importlib
import itertools
import os
import secrets
import stat
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from . import threads

VARIABLE = "FASTLOSS_CACHE_DIR"
NOTHING = sha256().hexdigest()

_lock = threading.RLock()  # held while compiling, and over a fork
_held: Any = None


def jit(
    fn: FunctionType,
    signature: Any,
    complete: Callable[[], FunctionType] | None = None,
    *,
    cache: bool = True,
    **options: Any,
) -> Any:
    """Load `fn` for `signature` alone from disk, or compile it: itself, or what `complete` makes of it.

    ``fn.__qualname__`` must name its content, ports and `options` included: Numba's key holds none
    of them. A kernel on disk is found by the name and the bytecode, which an incomplete function
    shares with the complete one. Errors of the compilation come through as Numba raises them.
    """
    with _lock:
        if options.get("parallel"):
            threads.launch()
        for attempt in range(4):  # as found on disk, complete, after a repair, without the disk
            kernel, files = _dispatcher(fn, options, cache and attempt < 3)
            if complete is not None and (files is None or not files.paths()):
                fn, complete = complete(), None
                kernel, files = _dispatcher(fn, options, cache)
            if kernel is fn:  # NUMBA_DISABLE_JIT
                return kernel
            try:
                _number_apart()
                kernel.compile(signature)
            except Exception:
                if kernel.overloads:
                    break  # compiled; only the saving failed, of a full disk perhaps
                if complete is not None:
                    fn, complete = complete(), None
                # Numba counts a miss between its looking on disk and its compiling.
                elif files is None or kernel.stats.cache_misses:
                    raise
                if files is not None:
                    files.remove()
            else:
                if files is not None and kernel.stats.cache_misses:
                    files.seal()
                break
        kernel.disable_compile()
        return kernel


def _number_apart() -> None:
    """Number functions from where no other process does.

    What a kernel calls goes to disk with it, under a name that differs from another kernel's by Numba's count of this
    process's functions alone. Of two kernels from two processes that had counted alike, the linker took the functions
    of the one for those of the other: wrong results, where both were loaded from disk.
    """
    from numba.core.bytecode import FunctionIdentity

    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(48) << 12)


@once
def directory() -> Path | None:
    """The directory of this user's kernels, made if need be; ``None`` if there is no safe one.

    It is the environment's ``FASTLOSS_CACHE_DIR`` (empty or ``off``: no cache), else ``fastloss`` in
    the platform's cache directory. Decided once per process (``directory.cache_clear()`` forgets).
    """
    explicit = os.environ.get(VARIABLE)
    if explicit is not None and explicit.strip().lower() in ("", "off"):
        return None
    path = _default() if explicit is None else Path(explicit).expanduser().absolute()
    problem = "" if path is None else _problem(path)
    if problem and explicit is not None:
        text = f"{VARIABLE}={explicit!r} is of no use, every process compiles its kernels: {problem}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return None if problem else path


def folder() -> Path | None:
    """Where machine code may be kept, of whatever kind; ``None`` if nowhere is safe."""
    root = directory()
    return None if root is None or _problem(root / "kernels") else root / "kernels"


def size() -> int:
    """Bytes on disk taken by compiled kernels."""
    return sum(length for _, length in _stored())


def clear_cache() -> int:
    """Remove all compiled kernels from disk and return the number of bytes they took.

    Kernels loaded already go on working.
    """
    removed = 0
    for path, length in _stored():
        with suppress(OSError):
            path.unlink()
            removed += length
    return removed


class _Files(NamedTuple):
    """The files of one kernel: Numba's index and data, and our checksum of both."""

    folder: Path
    prefix: str

    def paths(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name.startswith(self.prefix))

    def intact(self) -> bool:
        with suppress(OSError):
            sums = [path.read_text("ascii", "replace") for path in self.paths() if path.suffix == ".sha256"]
            return self.digest() == (sums or [NOTHING])[0]
        return False

    def digest(self) -> str:
        total = sha256()
        for path in self.paths():
            if path.suffix in (".nbi", ".nbc"):
                total.update(path.name.encode() + sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def seal(self) -> None:
        # Another process may replace the files at any time, and then seals after us: whoever writes
        # last must look once more. Files left unsealed are compiled again.
        target = self.folder / f"{self.prefix}.sha256"
        temporary = self.folder / f"{self.prefix}.tmp.{uuid.uuid4().hex}"
        with suppress(OSError):
            for _ in range(5):
                if self.intact():
                    break
                temporary.write_text(self.digest(), "ascii")
                os.replace(temporary, target)

    def remove(self) -> None:
        with suppress(OSError):
            for path in self.paths():
                path.unlink(missing_ok=True)


def _dispatcher(fn: FunctionType, options: dict[str, Any], cache: bool) -> tuple[Any, _Files | None]:
    import numba

    kernel, root = numba.njit(**options)(fn), folder() if cache else None
    if root is None or kernel is fn:
        return kernel, None
    # Numba looks at its settings when caching is switched on for a function, and only then.
    config: Any = numba.config
    place = root / _machine()
    users = config.CACHE_DIR, getattr(config, "CACHE_LOCATOR_CLASSES", "")
    config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(place), "UserProvidedCacheLocator"
    try:
        kernel.enable_caching()
        name = fn.__qualname__.replace("<", "").replace(">", "")
        files = _Files(Path(kernel.stats.cache_path), f"{Path(fn.__code__.co_filename).stem}.{name}-")
        usable = place in files.folder.parents  # an older Numba may have chosen a place of its own
    except Exception:  # no source file, or the directory has gone: Numba's classes for this vary
        usable = False
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = users
    if not usable:
        return numba.njit(**options)(fn), None
    if not files.intact():
        files.remove()
    return kernel, files


@once
def _machine() -> str:
    # Numba's index can hold several processors' kernels, but two processes adding theirs at once give
    # both the same data file, and on a shared home that means code for the other processor.
    import numba

    llvm = importlib.import_module("llvmlite.binding")
    processor = f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
    return f"{sys.implementation.cache_tag}-{numba.__version__}-{sha256(processor.encode()).hexdigest()[:12]}"


def _default() -> Path | None:
    home, xdg = os.environ.get("HOME", ""), os.environ.get("XDG_CACHE_HOME", "")
    if sys.platform == "win32":
        home = base = os.environ.get("LOCALAPPDATA", "")
    else:
        base = os.path.join(home, "Library/Caches" if sys.platform == "darwin" else ".cache")
        if sys.platform != "darwin" and os.path.isabs(xdg):  # a relative one is to be ignored, says XDG
            return Path(xdg, "fastloss")
        # Under sudo HOME may be another's, who could never use what root leaves there.
        if not os.path.isdir(home) or os.stat(home).st_uid != os.geteuid():
            return None
    return Path(base, "fastloss") if os.path.isabs(home) else None


def _problem(path: Path) -> str:
    """Why code must not be stored in `path`, which is made if it is absent."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode, owner = path.lstat().st_mode, path.lstat().st_uid
        above = [parent.stat().st_mode for parent in path.resolve().parents]
    except (OSError, ValueError) as error:
        return str(error)
    if not stat.S_ISDIR(mode):
        return "it is a symbolic link"
    if sys.platform != "win32":
        if owner != os.geteuid():
            return "it belongs to another user"
        if mode & 0o022:
            return "others than its owner can write to it"
        if any(m & stat.S_IWOTH and not m & stat.S_ISVTX for m in above):
            return "everybody can write to a directory above it"
    return "" if os.access(path, os.R_OK | os.W_OK | os.X_OK) else "it is not writable"


def _stored() -> Iterator[tuple[Path, int]]:
    root = folder()
    if root is not None:
        for where, _, names in os.walk(root):  # never follows links
            for path in (Path(where, name) for name in names):
                if path.suffix in (".nbi", ".nbc", ".sha256", ".cubin") or ".tmp." in path.name:
                    with suppress(OSError):
                        yield path, path.lstat().st_size


def _before_fork() -> None:
    # A child forked amid a compilation in another thread would wait for ever for that thread's locks.
    # LLVM's is needed besides ours: the thread disposes of what it built after it has let go of ours
    # (2 of 3 children hung). It is private, for want of another way to reach it.
    global _held
    _lock.acquire()
    ffi: Any = sys.modules.get("llvmlite.binding.ffi")
    llvm: Any = getattr(getattr(ffi, "lib", None), "_lock", None)
    if hasattr(llvm, "__enter__"):
        llvm.__enter__()
        _held = llvm  # nobody else's fork can come between: it waits for ours


def _after_fork() -> None:
    global _held
    llvm, _held = _held, None
    if llvm is not None:
        llvm.__exit__(None, None, None)
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
