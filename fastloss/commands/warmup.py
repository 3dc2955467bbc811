"""Compiling ahead: make the ordinary calls of a loss once, so that their kernels are in the cache on disk."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from itertools import product
from time import perf_counter, process_time, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from ..loss import Loss, RowLoss
from ..registry import LOSSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import ProcessPoolExecutor

Unit = tuple[str, str, str]
"""A loss, a dtype and a verb, by name."""

VERBS = ("__call__", "value_and_grad", "grad", "grad_and_hess")

USUAL = ("__call__", "value_and_grad")

SECONDS = {"elements": 0.7, "census": 0.7, "rows": 1.5, "lanes": 3.0, "pairs": 2.0}
"""What kernels take of a core (AMD EPYC of 2023), by what goes through the data."""

_PARENT = os.getpid()


def units(names: Iterable[str], dtypes: Iterable[str], verbs: Sequence[str] = VERBS) -> list[Unit]:
    """The units to compile for these losses, dtypes and verbs."""
    found = product(names, dtypes, verbs)
    return [unit for unit in found if unit[2] != "grad_and_hess" or LOSSES[unit[0]].order >= 2]


class Ahead(NamedTuple):
    """What is compiled for other processes than this user's: for which level, and into which folder."""

    level: str
    folder: str


class Ways(NamedTuple):
    """How the verbs are called, besides without weights and, where a target may be labels, with these."""

    weighted: bool = False
    dense: bool = False
    """Also with targets that are dense where they may be labels."""


def missing(units: list[Unit], ways: Ways, ahead: Ahead | None = None) -> dict[Unit, dict[str, int]]:
    """How many kernels of each kind each unit needs that are not on disk, nor those of a unit before it.

    Another process finds out: there the verbs run with kernels that compute nothing.
    """
    with _processes(1, ahead) as pool:
        return pool.submit(_missing, units, ways).result()


def _missing(units: list[Unit], ways: Ways) -> dict[Unit, dict[str, int]]:
    from ..kernels.cpu import compile

    seen, found = set(), Counter[str]()

    def pretended(plan: Any) -> Any:
        if plan not in seen:
            seen.add(plan)
            found[getattr(plan, "entry", "elements")] += not compile.on_disk(plan)
        # A sum, and nothing wrong; of losses that are 0, whose root is sought again in float64.
        return lambda *_: (0.0 if getattr(plan, "rooted", False) else 1.0, 0)

    compile.compiled = pretended
    each = {}
    for unit in units:
        found.clear()
        compile_one(*unit, ways)
        each[unit] = dict(found)
    return each


def expected(kernels: Mapping[str, int]) -> float:
    """The seconds of a core that kernels take."""
    return sum(count * SECONDS.get(kind, SECONDS["rows"]) for kind, count in kernels.items())


def compile_all(
    units: list[Unit],
    ways: Ways,
    jobs: int,
    done: Callable[[Unit, float, str], None],
    ahead: Ahead | None,
) -> None:
    """Compile all `units` in `jobs` processes; call `done` for each, with its seconds and what went wrong, or ""."""
    if jobs == 1 and ahead is None:
        for unit in units:
            done(unit, *compile_one(*unit, ways))
        return
    import multiprocessing
    from concurrent.futures import as_completed

    with _processes(jobs, ahead) as pool:
        futures = {pool.submit(compile_one, *unit, ways): unit for unit in units}
        try:
            for future in as_completed(futures):
                error = future.exception()  # a worker that was killed; its own errors come as text
                done(futures[future], *((0.0, repr(error)) if error else future.result()))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():  # a minute's work each, which the cache can do without
                child.terminate()
            raise


def _processes(jobs: int, ahead: Ahead | None) -> ProcessPoolExecutor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Spawned: a fork would carry over whatever threads the parent has.
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, spawn, initializer=_begin, initargs=(_PARENT, ahead))


def _begin(parent: int, ahead: Ahead | None = None) -> None:
    """Let Ctrl-C end a worker without a traceback, leave warnings to the parent, and end when the parent has."""
    import signal
    import threading
    import warnings

    from ..kernels.cpu import cache

    if ahead is not None:
        os.environ[cache.VARIABLE] = ahead.folder
        cache.compile_for(ahead.level)
        os.chdir(os.sep)  # Numba has settings from a file in the working directory, too

    def watch() -> None:
        while os.getppid() == parent:
            sleep(0.5)
        os._exit(1)

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=watch, daemon=True).start()


def compile_one(name: str, dtype: str, verb: str, ways: Ways) -> tuple[float, str]:
    """Make every ordinary call of a verb once, on four numbers, so that its kernels get compiled.

    Only the dispatch knows which kernels a call needs, so nothing is listed here but the ways of calling. Returned are
    the seconds of a core that it took, and what went wrong.
    """
    import numpy as np

    start = process_time()
    kind: Any = dtype
    if dtype == "bfloat16":
        from ml_dtypes import bfloat16 as kind
    loss, failure = LOSSES[name], ""
    try:
        for weight in (None, np.ones(4).astype(kind))[: 1 + ways.weighted]:
            for arrays in _inputs(loss, kind, ways.dense):
                _call_twice(loss, verb, arrays, {"weight": weight, "backend": "serial"})
    except Exception as error:
        failure = textwrap.shorten(f"{type(error).__name__}: {error}", 300)
    return process_time() - start, failure


class Estimate:
    """What units have taken, and an estimate of what the others will take, at the pace of those that are done."""

    def __init__(self, kernels: Mapping[Unit, Mapping[str, int]], clock: Callable[[], float] = perf_counter) -> None:
        self._left = {unit: expected(found) for unit, found in kernels.items()}
        self._all = sum(self._left.values())
        self._clock, self._start = clock, clock()
        self._seconds: dict[Unit, float] = {}

    def note(self, unit: Unit, seconds: float) -> None:
        """Note the seconds that a unit took."""
        self._left.pop(unit, None)
        self._seconds[unit] = seconds

    def seconds_of(self, pair: tuple[str, ...]) -> float:
        """The seconds that a loss and a dtype took."""
        return sum(seconds for unit, seconds in self._seconds.items() if unit[:2] == pair)

    def remaining(self) -> float:
        """Seconds to go."""
        left = sum(self._left.values())
        done = self._all - left
        return left * (self._clock() - self._start) / done if done else 0.0


def _inputs(loss: Loss | RowLoss, kind: Any, dense: bool) -> list[list[Any]]:
    """Arguments of the ordinary calls: four numbers each; rows short and long, of labels or a dense target."""
    import numpy as np

    if isinstance(loss, Loss):
        return [[np.full(4, domain.inner_point).astype(kind) for domain in loss.domains]]
    calls: list[list[Any]] = []
    for classes in (10, 1000):
        scores: list[Any] = [np.full((4, classes), domain.inner_point).astype(kind) for domain in loss.domains]
        if loss.target in ("labels", "both"):
            calls.append([*scores[:-1], np.zeros(4, np.int64)])
        if loss.target not in ("labels", "both") or (dense and loss.target == "both"):
            calls.append(scores)
    return calls


def _call_twice(loss: Loss | RowLoss, verb: str, inputs: list[Any], options: dict[str, Any]) -> None:
    """A first call as a fresh process makes it, and another that writes into the first one's results.

    `bind` gives a loss that remembers no earlier call: a first call with `out=` may need other kernels than a later.
    """
    result = getattr(loss.bind(), verb)(*inputs, **options)
    if verb != "__call__":
        out = result[1] if verb == "value_and_grad" else result
        getattr(loss.bind(), verb)(*inputs, out=out, **options)


def cores() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
