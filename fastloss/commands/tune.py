"""Measure from how many elements threads pay here: time serial and parallel kernels in turns, at several sizes."""

from __future__ import annotations

from math import log
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..registry import LOSSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SIZES = tuple(1 << k for k in range(12, 21))
CHEAP_AND_COSTLY = ("squared_error", "log_cosh")
BACKENDS = ("serial", "parallel")
SAMPLE, ROUNDS = 1e-3, 15
GAIN = 1.2
"""How many times faster threads must be at the largest size, for a measurement to count."""

Times = dict[tuple[str, int, str], float]
"""Seconds of a call by loss, size and backend."""


def measure(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> Times:
    """The median time of `value_and_grad` into a given array, of each loss and size on both backends."""
    calls: dict[tuple[str, int, str], Callable[[], Any]] = {}
    for name in CHEAP_AND_COSTLY:
        for size in sizes:
            pred, target = np.linspace(-3.0, 3.0, size, dtype=np.float32), np.zeros(size, np.float32)
            for backend in BACKENDS:
                calls[name, size, backend] = _call(name, pred, target, backend)
    repeats = {key: max(1, int(SAMPLE / _seconds(call, 3))) for key, call in calls.items()}
    # All in turns, in an order that is another one each time: what else the machine does hits all of them alike.
    order = np.random.default_rng(0)
    samples: dict[tuple[str, int, str], list[float]] = {key: [] for key in calls}
    keys = list(calls)
    for _ in range(rounds):
        for k in order.permutation(len(keys)):
            samples[keys[k]].append(_seconds(calls[keys[k]], repeats[keys[k]]))
    return {key: median(times) for key, times in samples.items()}


def _call(name: str, pred: Any, target: Any, backend: str) -> Callable[[], Any]:
    loss, out = LOSSES[name], np.empty_like(pred)

    def call() -> Any:
        return loss.value_and_grad(pred, target, out=out, backend=backend)

    call()
    call()  # the first finds out what later ones know
    return call


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    start = perf_counter()
    for _ in range(repeats):
        call()
    return (perf_counter() - start) / repeats


def threshold(times: Mapping[tuple[str, int, str], float]) -> int | None:
    """The size from which to use threads, so that all measured calls together take least, each relative to itself.

    A crossing of two curves would hang on a single disturbed sample. None where threads gain less than `GAIN` at the
    largest size: something else has the cores, and anything could come out.
    """
    sizes = sorted({size for _, size, _ in times})
    names = {name for name, _, _ in times}
    gains = [log(times[name, sizes[-1], "serial"] / times[name, sizes[-1], "parallel"]) for name in names]
    if sum(gains) < len(gains) * log(GAIN):
        return None

    def cost(first: int) -> float:
        return sum(log(t) for (_, size, backend), t in times.items() if backend == BACKENDS[size >= first])

    return min(sizes, key=cost)


def table(times: Mapping[tuple[str, int, str], float]) -> str:
    """Microseconds by size, for each loss and backend."""
    names = list(dict.fromkeys(name for name, _, _ in times))
    lines = [f"{'':>10}" + "".join(f"{name:>24}" for name in names)]
    lines.append(f"{'elements':>10}" + f"{'serial':>14}{'parallel':>10}" * len(names))
    for size in sorted({size for _, size, _ in times}):
        cells = (
            f"{1e6 * times[name, size, 'serial']:>11.1f} us{1e6 * times[name, size, 'parallel']:>7.1f} us"
            for name in names
        )
        lines.append(f"{size:>10,}" + "".join(cells))
    return "\n".join(lines)
