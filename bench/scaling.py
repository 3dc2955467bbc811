"""What more cores bring: predicted by a model and measured, side by side: ``python -m bench.scaling``.

A call on T threads takes

    own + launch + wake * T + combine * parts + max(arithmetic * share, bytes / bandwidth(T))

where a part is a block of elements, and the share is that of the thread with the most parts. What goes into it is
measured: a serial call on 8 numbers; a bare parallel loop over nothing, on 2 threads and on all; the arithmetic in the
cache of one core; the bandwidth of a bare `c = a - b` on that many threads. Arrays that fit into half of the last cache
cost no bandwidth. Machines that are not at hand are predicted from what one core and all together read and write a
second (`--elsewhere 8,25,60`: cores, GB/s of one, GB/s of all). Times are the best of all rounds: what disturbs one
thread delays all of them.

`NUMBA_NUM_THREADS=32 python -m bench.scaling` runs more threads than there are cores.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import fastloss as fl
from fastloss.kernels.cpu import threads
from fastloss.kernels.templates.elements import BLOCK

from . import command, pointwise, roofline, timing

COMBINE = 1.5e-9
"""Seconds that a part's sum takes to be added, at last, by one thread: four cycles of latency at 2.7 GHz."""
ELSEWHERE = "8,25,60 32,12,150 128,15,400"
"""A desktop with two channels of DDR5, a server with eight of DDR4, one with twelve of DDR5: round numbers, assumed."""
SIZES = (1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 25)


WAKE = 0.2e-6
"""Seconds that waking one more thread takes, where there are not enough to measure it: 128 took 25 us with tbb."""


@dataclass(frozen=True)
class Machine:
    """What a machine gives a kernel: seconds to start, bytes a second by threads, bytes of the last cache."""

    own: float
    launch: float
    wake: float
    cores: int
    bandwidth: dict[int, float]
    cache: int


@dataclass(frozen=True)
class Work:
    """What a loss needs for an element: seconds of one core, bytes."""

    arithmetic: float
    bytes: int


def predicted(work: Work, machine: Machine, size: int, threads: int) -> float:
    """Seconds of a call."""
    parts = -(-size // BLOCK)
    used = min(threads, max(1, parts))
    share = -(-parts // used) * min(BLOCK, size)
    streamed = size * work.bytes / machine.bandwidth[threads] if size * work.bytes > machine.cache / 2 else 0.0
    woken = machine.launch + machine.wake * used if threads > 1 else 0.0
    alone = work.arithmetic * share * max(1.0, used / machine.cores)
    return machine.own + woken + COMBINE * parts + max(alone, streamed)


def elsewhere(here: Machine, count: int, one: float, all_together: float) -> Machine:
    """A machine whose memory is known, with cores like this one's, its last cache and its costs of a start."""
    widths = {t: min(t * one, all_together) for t in (1, count)}
    return replace(here, cores=count, bandwidth=widths)


def measured(counts: Sequence[int], size: int, rounds: int) -> Machine:
    """This machine."""
    threads.preload()  # or Numba may take another threading layer than fastloss takes
    import numba

    x = np.linspace(-3.0, 3.0, 8, dtype=np.float32)
    own = timing.interleaved({"own": lambda: fl.huber.value_and_grad(x, x, backend="serial")}, rounds=rounds)
    a, b, c = (np.ones(size, np.float32) for _ in range(3))
    tiny, starts, widths = np.zeros(8, np.float32), {}, {}
    before = numba.get_num_threads()
    for t in counts:
        numba.set_num_threads(t)
        nothing, whole = timing.floor(tiny, tiny, tiny)["c = a - b"], timing.floor(a, b, c)["c = a - b"]
        times = timing.interleaved({"nothing": nothing, "whole": whole}, rounds=rounds)
        starts[t], widths[t] = times["nothing"].best, 3 * a.nbytes / times["whole"].best
    numba.set_num_threads(before)
    last = max(counts)
    wake = max(0.0, starts[last] - starts[2]) / (last - 2) if last > 2 else WAKE
    launch = max(0.0, starts[min(2, last)] - 2 * wake)
    return Machine(own["own"].best, launch, wake, cores(), widths, last_cache())


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def last_cache() -> int:
    """Bytes of the last cache, where the system tells."""
    sizes = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text.rstrip("KM")) << {"K": 10, "M": 20}.get(text[-1], 0))
    return max(sizes, default=32 << 20)


def timed(loss: fl.Loss, sizes: Sequence[int], counts: Sequence[int], rounds: int) -> dict[tuple[int, int], float]:
    """Seconds of a call with `out=`, unchecked, by size and number of threads."""
    found = {}
    for size in sizes:
        arrays = timing.inputs(loss, size, np.float32)
        out = np.zeros_like(arrays[0])

        def call(count: int, arrays: Any = arrays, out: Any = out) -> Any:
            fl.set_num_threads(count)
            return loss.value_and_grad(*arrays, out=out, check=False, backend="serial" if count == 1 else "parallel")

        calls = {str(t): lambda t=t, call=call: call(t) for t in counts}
        for t, time in timing.interleaved(calls, rounds=rounds).items():
            found[size, int(t)] = time.best
    fl.set_num_threads(None)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, rounds=9)
    parser.add_argument("--losses", default="squared_error,huber,binary_cross_entropy_with_logits", help="by commas")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of elements, by commas")
    parser.add_argument("--elsewhere", default=ELSEWHERE, help="other machines, separated by spaces")
    options = parser.parse_args(argv)
    rounds = 2 if options.quick else options.rounds
    sizes = [1 << 16] if options.quick else [timing.count(n) for n in options.sizes.split(",")]
    timing.warn_if_busy()
    fl.set_num_threads(None)
    available = fl.get_num_threads()
    counts = sorted({*(1 << k for k in range(available.bit_length())), available})
    here = measured(counts, 1 << 16 if options.quick else 1 << 25, rounds)
    others = [[float(x) for x in text.split(",")] for text in options.elsewhere.split()]
    machines = {int(n): elsewhere(here, int(n), 1e9 * b, 1e9 * all_) for n, b, all_ in others}
    records, lines = [], []
    for loss in pointwise.chosen(options.losses):
        alone = roofline.cached(loss, np.float32, rounds) or 0.0
        work = Work(alone, 4 * (len(loss.inputs) + len(loss.wrt)))
        for (size, count), seconds in timed(loss, sizes, counts, rounds).items():
            model = predicted(work, here, size, count)
            there = {n: predicted(work, m, size, 1) / predicted(work, m, size, n) for n, m in machines.items()}
            records.append({"loss": loss.name, "size": size, "threads": count, "time": seconds, "model": model})
            cells = [timing.seconds(model), timing.seconds(seconds), f"{seconds / model:.2f}"]
            more = [f"{gain:.1f}" for gain in there.values()] if count == 1 else [""] * len(there)
            lines.append([loss.name, f"{size:,}", str(count), *cells, *more])
    print(timing.headline(timing.machine()))
    widths = ", ".join(f"{t}: {w / 1e9:.1f}" for t, w in here.bandwidth.items())
    start = f"own {timing.seconds(here.own)}, launch {timing.seconds(here.launch)}, wake {timing.seconds(here.wake)}"
    print(f"{start}, GB/s by threads {widths}\n")
    gains = [f"gain on {n}" for n in machines]
    print(timing.table(["loss", "elements", "threads", "model", "measured", "/model", *gains], lines))
    timing.write_json(options.json, records, what="scaling")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
