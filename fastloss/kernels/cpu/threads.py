"""Whether a kernel may use Numba's threads now, and how many.

Numba's three threading layers fail in different ways, and none of them by an exception:

* ``workqueue`` aborts the process when two Python threads launch at once;
* ``omp`` kills a forked child whose parent had started the pool, and hangs a child whose parent had
  only used *another* library's OpenMP (seen with torch, whose libgomp serves both);
* ``tbb`` survived every fork tried, but prints that it "may be in an invalid state" after some.

Every kernel runs on one thread, too, with bitwise the same result, so wherever a launch might not be
safe it does, and nobody can tell but by the clock. Two rules follow:

* A process forked after the pool was started never runs parallel, whatever the layer. Such children
  are mostly workers, one of many on the same cores, where threads would only get in each other's way.
* Under ``workqueue`` one parallel kernel runs at a time; who finds it busy runs serially. This cannot
  see other libraries' parallel Numba code.
"""

from __future__ import annotations

import ctypes
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ...loading import compiling, load
from . import pool

VARIABLE = "FASTLOSS_NUM_THREADS"


class _Pool(NamedTuple):
    """Numba's started pool: its layer, this Python thread's number of threads, a lock if it needs one."""

    layer: str
    get: Callable[[], int]
    set: Callable[[int], None]
    busy: threading.Lock | None


_cap: int | None = None
_cap_known = False  # the environment is read at first use, so that importing never raises
_pool: _Pool | None = None
_starting = False
_forked = False
_serial_only = False


def preload() -> None:
    """Make the TBB library of pip's ``tbb`` wheel known to the loader, if there is one.

    The wheel puts it where no loader looks, so in a virtual environment Numba would not find its best
    threading layer. Only this interpreter's own prefix is searched, by full path: a library found
    elsewhere might be anybody's.
    """
    if os.environ.get("NUMBA_THREADING_LAYER", "").lower() in ("omp", "workqueue"):
        return
    names = {"win32": "Library/bin/tbb12.dll", "darwin": "lib/libtbb.12.dylib"}
    path = Path(sys.prefix, names.get(sys.platform, "lib/libtbb.so.12"))
    try:
        if path.is_file():
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        pass  # broken or for another machine: Numba goes on to its next layer


def set_num_threads(n: int | None) -> None:
    """Let fastloss's kernels use at most `n` threads, in the whole process.

    ``None`` leaves the number to Numba (``numba.set_num_threads``, ``NUMBA_NUM_THREADS``); 1 turns
    threads off. The initial value is the environment's ``FASTLOSS_NUM_THREADS``; without it, and without
    ``NUMBA_NUM_THREADS``, as many as a container's limit of processor time is worth. Results do not depend on it.
    """
    global _cap, _cap_known
    _cap = None if n is None else _checked(n, "n")
    _cap_known = True


def get_num_threads() -> int:
    """The number of threads a large enough call from this Python thread would use now."""
    cap = _limit()
    if cap == 1 or _serial_only:
        return 1
    # The pool's own getter would start it, and with it fix the threading layer.
    available = pool.number() if _pool is None else _pool.get()
    if available is None:
        numba: Any = load("numba")
        available = numba.get_num_threads() if _started() else numba.config.NUMBA_NUM_THREADS
    return available if cap is None else min(cap, available)


def running() -> int:
    """The number of threads that a kernel of this Python thread runs on, once the pool is started."""
    return 1 if _pool is None else _pool.get()


def allowed() -> bool:
    """Whether a parallel kernel could be run at all: if not, there is no need to compile one."""
    return not _serial_only and _limit() != 1


def launch() -> _Pool | None:
    """Start Numba's pool, if that can be done here, before something else starts it unguarded.

    Compiling a parallel kernel starts it too, so this comes first. ``None`` means: stay serial.
    """
    global _pool, _serial_only, _starting
    if not allowed():
        return None
    if _pool is not None and not (_forked and _pool.layer == "omp"):
        return _pool if not _serial_only else None
    with compiling:
        if _starting:  # and a signal handler calls a loss
            return None
        if _pool is None:
            preload()
            try:
                _starting = True
                _pool = _start()
                pool.launcher()  # now: when Numba starts another layer later, the name stands for that one's
            except ValueError:  # no threading layer can be loaded, not even workqueue
                _serial_only = True
            finally:
                _starting = False
        # The parent may have used OpenMP through any library; there is no asking.
        if _forked and _pool is not None and _pool.layer == "omp":
            _serial_only = True
        return None if _serial_only else _pool


def run_parallel(parallel: Callable[..., Any], serial: Callable[..., Any], *args: Any, parts: int = 0) -> Any:
    """Call `parallel` if that is safe and wanted now, else `serial`, which gives the same.

    No more threads are woken than it takes for the `parts` that the work has, if that is known: waking one that finds
    nothing to do costs 0.2 us with tbb, and 10 us with omp where it has no core of its own.
    """
    cap = _cap if _cap_known else _limit()
    if cap == 1 or _serial_only:
        return serial(*args)
    running = _pool or launch()
    if running is None:
        return serial(*args)
    users = running.get()
    threads = users if cap is None or cap > users else cap
    if threads == 1:
        return serial(*args)
    if parts:
        # As many as share them evenly; not one alone, for which a structured loss has another kernel.
        threads = min(threads, max(2, -(-parts // -(-parts // threads))))
    if running.busy is not None and not running.busy.acquire(blocking=False):
        return serial(*args)
    try:
        if threads != users:
            running.set(threads)
        return parallel(*args)
    except SystemError as error:  # what some of Numba's layers make of the one error that kernels raise
        raise MemoryError("there is no memory for a kernel's sums") from error
    finally:
        if threads != users:
            running.set(users)
        if running.busy is not None:
            running.busy.release()


def limit(most: int) -> int:
    """Have kernels of this Python thread run on at most `most` threads; how many it was, 0 where it is no more."""
    available = (pool.number() if _pool is None else _pool.get()) if allowed() else 1
    if available is not None and available <= most:
        return 0
    running = _pool or launch()
    users = 0 if running is None else running.get()
    if running is None or users <= most:
        return 0
    running.set(most)
    return users


def unlimit(users: int) -> None:
    """Go back to what `limit` returned."""
    if _pool is not None:
        _pool.set(users)


def _limit() -> int | None:
    global _cap, _cap_known
    if not _cap_known:
        text = os.environ.get(VARIABLE, "").strip()
        if text:
            _cap = _checked(text, VARIABLE)
        elif "NUMBA_NUM_THREADS" not in os.environ:  # who sets that knows what there is
            _cap = pool.quota()
        _cap_known = True
    return _cap


def _checked(value: Any, name: str) -> int:
    try:
        number = int(value) if isinstance(value, str) and name == VARIABLE else operator.index(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or isinstance(value, bool):
        none = "" if name == VARIABLE else " or None"
        raise ValueError(f"{name} must be a whole number of at least 1{none}, got {value!r}")
    return number


def _started() -> bool:
    numba: Any = sys.modules.get("numba")
    if not hasattr(numba, "threading_layer"):  # absent, or half imported in another thread
        return False
    try:
        numba.threading_layer()
    except ValueError:
        return False
    return True


def _start() -> _Pool:
    with _torch_left_alone():
        layer = pool.started()
    if layer is None:
        return _start_numbas()
    return _Pool(*layer, threading.Lock() if layer.name == "workqueue" else None)


def share() -> None:
    """Let Numba start the pool where it runs already, before Numba's compiler does so unguarded."""
    if _pool is not None and not _started():
        _start_numbas()


@contextmanager
def _torch_left_alone() -> Iterator[None]:
    # Starting the omp layer calls omp_set_num_threads, which torch shares (5 became 2 when measured).
    # Later launches and numba.set_num_threads leave torch alone, and so do the other layers.
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None and hasattr(torch, "get_num_threads") else None
    yield
    if torch is not None and before is not None and torch.get_num_threads() != before:
        torch.set_num_threads(before)


def _start_numbas() -> _Pool:
    numba, module = load("numba"), load("numba.np.ufunc.parallel")
    with _torch_left_alone():
        numba.get_num_threads()
    layer: str = module.threading_layer()
    # The public pair asks an inter-process lock at each call: 0.66 and 1.0 us against 0.09 and 0.25.
    return _Pool(
        layer,
        getattr(module, "_get_num_threads", numba.get_num_threads),
        getattr(module, "_set_num_threads", numba.set_num_threads),
        threading.Lock() if layer == "workqueue" else None,
    )


def _after_fork() -> None:
    # A launch under way in the parent counts: Numba's own lock would stay taken here for ever.
    global _forked, _serial_only
    _forked = True
    _serial_only = _serial_only or _starting or _pool is not None or _started()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
