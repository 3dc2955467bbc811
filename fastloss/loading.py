"""Imports that wait for the first call, Numba's above all: complete whatever interrupts it, and never amid a fork.

An import that an exception ends half-way (Ctrl-C, a timeout's signal, a stack that is deep already) leaves Numba in
pieces, and every later call fails. So it runs in a thread of its own, where no signal is handled: what interrupts the
caller ends the waiting alone. A child forked amid an import would wait for its locks for ever, so a fork waits.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock  # not from `threading`: `import fastloss` need not load that
from importlib import import_module
from typing import Any

compiling = RLock()
"""The lock of compilations: one thread compiles at a time, and no process forks meanwhile."""

_importing = RLock()
_llvm_locks: list[Any] = []
"""LLVM's lock, while a fork holds it."""
_loaded: dict[str, Any] = {}


def load(name: str) -> Any:
    """Import the module of that full name, or find it."""
    found = _loaded.get(name)
    if found is None:
        found = _loaded[name] = _import_in_thread(name)
    return found


def _import_in_thread(name: str) -> Any:
    import threading

    result: list[Any] = []

    def work() -> None:
        with _importing:
            try:
                if not _loaded:
                    _before_logging()
                result.append(import_module(name))
            except BaseException as error:
                result.append(error)

    if _inside_needed_import():
        work()
    else:
        thread = threading.Thread(target=work, name=f"import of {name}")
        try:
            thread.start()
        except RuntimeError:  # there can be no more threads: the interpreter ends, or has none
            work()
        else:
            thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def _inside_needed_import() -> bool:
    """Whether this thread is inside an import that the other thread would wait for, and so wait for ever."""
    frame, packages = sys._getframe(), set()
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            packages.add(str(frame.f_globals.get("__name__")).partition(".")[0])
        frame = frame.f_back  # type: ignore[assignment]
    packages.discard("__main__")
    if not packages or packages & {*_NEEDED, *sys.stdlib_module_names}:
        return bool(packages)
    from importlib.metadata import entry_points  # Numba imports its extensions

    return any(each.module.partition(".")[0] in packages for each in entry_points(group="numba_extensions"))


_NEEDED = ("fastloss", "llvmlite", "numba", "numpy", "scipy")
"""Packages that `load` imports."""


# One pair of hooks for all locks that a fork waits for. Hooks of a module that is imported while a fork waits would
# come too late for that fork: its child found the lock of compilations held by a thread that the child did not have.


def _before_fork() -> None:
    # A thread that compiles may import, one that imports never compiles. LLVM's lock is needed besides: a thread
    # disposes of what it built after it has released ours (2 of 3 children hung). No public name reaches that lock.
    compiling.acquire()
    _importing.acquire()
    ffi: Any = sys.modules.get("llvmlite.binding.ffi")
    llvm: Any = getattr(getattr(ffi, "lib", None), "_lock", None)
    if hasattr(llvm, "__enter__"):
        llvm.__enter__()
        _llvm_locks.append(llvm)  # no other fork can run meanwhile: it waits for our lock


def _after_fork() -> None:
    if _llvm_locks:
        _llvm_locks.pop().__exit__(None, None, None)
    for lock in (_importing, compiling):
        if lock._is_owned():  # type: ignore[attr-defined]  # not where Ctrl-C has ended the waiting
            lock.release()


def _register() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _before_logging() -> None:
    """Let a fork wait for us before it takes the lock of `logging`, which Numba needs: the last registered is first."""
    import logging  # noqa: F401

    _register()


_register()
