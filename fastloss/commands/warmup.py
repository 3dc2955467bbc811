"""Compiling ahead: make the ordinary calls of a loss once, so that their kernels are in the cache on disk."""

from __future__ import annotations

import os
import textwrap
from itertools import product
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

from ..loss import Loss, RowLoss
from ..registry import LOSSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Unit = tuple[str, str, str]
"""A loss, a dtype and a verb, by name."""

VERBS = ("__call__", "value_and_grad", "grad", "grad_and_hess")

ROWS = 12.0
"""How many times as long a loss of rows takes to compile as one of elements: 117 s of a core, `huber` 10."""


def units(names: Iterable[str], dtypes: Iterable[str]) -> list[Unit]:
    """The units to compile for these losses and dtypes."""
    found = product(names, dtypes, VERBS)
    return [unit for unit in found if unit[2] != "grad_and_hess" or LOSSES[unit[0]].order >= 2]


def compile_all(units: list[Unit], jobs: int, done: Callable[[Unit, float, str], None]) -> None:
    """Compile all `units` in `jobs` processes; call `done` for each, with its seconds and what went wrong, or ""."""
    if jobs == 1:
        for unit in units:
            done(unit, *compile_one(*unit))
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    # Spawned: a fork would carry over whatever threads the parent has.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_quietly) as pool:
        futures = {pool.submit(compile_one, *unit): unit for unit in units}
        try:
            for future in as_completed(futures):
                error = future.exception()  # a worker that was killed; its own errors come as text
                done(futures[future], *((0.0, repr(error)) if error else future.result()))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():  # a minute's work each, which the cache can do without
                child.terminate()
            raise


def _quietly() -> None:
    """Let Ctrl-C end a worker without a traceback, and leave warnings to the parent."""
    import signal
    import warnings

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def compile_one(name: str, dtype: str, verb: str) -> tuple[float, str]:
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
        for weight in (None, np.ones(4).astype(kind)):
            for backend, arrays in product(("serial", "parallel"), _inputs(loss, kind)):
                _call_twice(loss, verb, arrays, {"weight": weight, "backend": backend})
    except Exception as error:
        failure = textwrap.shorten(f"{type(error).__name__}: {error}", 300)
    return process_time() - start, failure


class Estimate:
    """The time that units have taken, and an estimate of what the others will take."""

    def __init__(self, units: list[Unit], clock: Callable[[], float] = perf_counter) -> None:
        self.total = len(units)
        self._left, self._clock, self._start = list(units), clock, clock()
        self._seconds: dict[Unit, float] = {}

    def note(self, unit: Unit, seconds: float) -> None:
        """Note the seconds that a unit took."""
        self._left.remove(unit)
        self._seconds[unit] = seconds

    def seconds_of(self, pair: tuple[str, ...]) -> float:
        """The seconds that a loss and a dtype took."""
        return sum(seconds for unit, seconds in self._seconds.items() if unit[:2] == pair)

    def remaining(self) -> float:
        """Seconds to go: of each unit the mean of those that are most like it, at the pace of those that are done."""
        done = sum(self._seconds.values())
        return sum(map(self._expected, self._left)) * (self._clock() - self._start) / done if done else 0.0

    def _expected(self, unit: Unit) -> float:
        kinds: tuple[Callable[[Unit], bool], ...] = (
            lambda other: other[0] == unit[0] and other[2] == unit[2],
            lambda other: _of_rows(other) == _of_rows(unit) and other[2] == unit[2],
            lambda other: _of_rows(other) == _of_rows(unit),
            lambda other: True,
        )
        for alike in kinds:
            found = [seconds / _cost(other) for other, seconds in self._seconds.items() if alike(other)]
            if found:
                return _cost(unit) * sum(found) / len(found)
        return 0.0


def _cost(unit: Unit) -> float:
    return ROWS if _of_rows(unit) else 1.0


def _of_rows(unit: Unit) -> bool:
    return isinstance(LOSSES[unit[0]], RowLoss)


def _inputs(loss: Loss | RowLoss, kind: Any) -> list[list[Any]]:
    """Arguments of the ordinary calls: four numbers each; rows short and long, with labels and with a dense target."""
    import numpy as np

    if isinstance(loss, Loss):
        return [[np.full(4, domain.inner_point).astype(kind) for domain in loss.domains]]
    calls: list[list[Any]] = []
    for classes in (10, 1000):
        scores: list[Any] = [np.full((4, classes), domain.inner_point).astype(kind) for domain in loss.domains]
        if loss.target in ("labels", "both"):
            calls.append([*scores[:-1], np.zeros(4, np.int64)])
        if loss.target != "labels":
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
