"""Timing calls side by side, the machine's own bandwidth, and what the machine is."""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from fastloss import Loss

SAMPLE = 2e-3
"""Seconds that one sample lasts at least: far above the clock's resolution and a timer interrupt's cost."""

PAUSE = 0.01
"""Seconds between two calls' samples."""

STREAMS = {"c = a - b": 3, "c = a": 2, "c = a + s*b": 3}
"""The bare kernels, and how many arrays each reads and writes."""

PACKAGES = ("fastloss", "numpy", "numba", "llvmlite", "tbb", "ml_dtypes", "numexpr", "scipy", "scikit-learn", "torch",
            "jax", "jaxlib", "optax", "numba-cuda", "triton", "liger-kernel", "quack-kernels")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timing:
    """One call's times in seconds: the median of all samples, the quartiles, the best."""

    median: float
    low: float
    high: float
    best: float
    repeats: int
    rounds: int

    def __str__(self) -> str:
        return seconds(self.median)


def interleaved(calls: Mapping[str, Callable[[], Any]], *, rounds: int = 9) -> dict[str, Timing]:
    """Time all `calls` in turns, so that what disturbs the machine disturbs each of them alike.

    The order is shuffled anew in each round: in a rotation every call would follow the same other one for ever. Before
    each sample there is a pause and then one sample that is not counted. The pause lets another library's threads go to
    sleep, which otherwise spin on a core for some 5 ms after their work (libgomp); the uncounted sample brings the
    call's own buffers, code and threads back.
    """
    order = np.random.default_rng(20261121)
    repeats = {name: _repeats(call) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for k in order.permutation(len(names)):
                name = names[k]
                time.sleep(PAUSE)
                _once(calls[name], repeats[name])
                samples[name].append(_once(calls[name], repeats[name]))
    finally:
        if collecting:
            gc.enable()
    return {name: summary(times, repeats[name]) for name, times in samples.items()}


def summary(samples: Sequence[float], repeats: int) -> Timing:
    """The samples of one call, each of so many repeats."""
    low, median, high = (float(q) for q in np.quantile(samples, [0.25, 0.5, 0.75]))
    return Timing(median, low, high, min(samples), repeats, len(samples))


def _once(call: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in repeat(None, repeats):
        call()
    return (time.perf_counter() - start) / repeats


def _repeats(call: Callable[[], Any]) -> int:
    """Warm up (compile, fault pages in, start threads), then find how many calls make a sample."""
    call()
    call()
    repeats = 1
    while (spent := _once(call, repeats) * repeats) < SAMPLE:
        repeats = max(2 * repeats, int(repeats * SAMPLE / max(spent, 1e-9))) if spent < 0.9 * SAMPLE else repeats + 1
        repeats = min(repeats, 10_000_000)
    return repeats


def inputs(loss: Loss, size: int, dtype: Any) -> list[NDArray[Any]]:
    """One array per input, from inside its domain, every page of it written.

    A long one repeats a million draws: the arrays are as long as they say, only the random numbers are not all new.
    """
    rng = np.random.default_rng(20261121)
    return [np.resize(domain.sample(rng, min(size, 1 << 20)).astype(dtype), size) for domain in loss.domains]


def floor(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> dict[str, Callable[[], Any]]:
    """What the memory allows: bare parallel loops, named by what they do."""
    subtraction, copying, triad = _bare()
    s = c.dtype.type(3)
    return {
        "c = a - b": lambda: subtraction(a, b, c),
        "c = a": lambda: copying(a, c),
        "c = a + s*b": lambda: triad(a, b, s, c),
    }


@cache
def _bare() -> tuple[Callable[..., None], ...]:
    from fastloss.kernels.cpu import threads

    threads.preload()  # or Numba may take another threading layer than fastloss takes
    import numba

    def subtract(a: Any, b: Any, c: Any) -> None:
        for i in numba.prange(a.size):
            c[i] = a[i] - b[i]

    def copy(a: Any, c: Any) -> None:
        for i in numba.prange(a.size):
            c[i] = a[i]

    def triad(a: Any, b: Any, s: Any, c: Any) -> None:
        for i in numba.prange(a.size):
            c[i] = a[i] + s * b[i]

    compiled = numba.njit(parallel=True)
    return compiled(subtract), compiled(copy), compiled(triad)


def bandwidth(timings: Mapping[str, Timing], nbytes: int) -> dict[str, float]:
    """GB/s of the bare kernels: bytes read and written by the program (what a cache adds is not counted)."""
    return {name: k * nbytes / timings[name].median / 1e9 for name, k in STREAMS.items() if name in timings}


def seconds_per_stream(timings: Mapping[str, Timing], bare: str) -> float:
    """What a bare kernel takes to read or write one of its arrays."""
    return timings[bare].median / STREAMS[bare]


def warn_if_busy() -> None:
    """Say so where other processes use the cores: libraries whose threads wait by spinning suffer a hundredfold."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        print(f"load average {load:.1f}: other processes share the cores, these times are not to be quoted")


def thread_count() -> int:
    """The threads that every library here is told to use, where it can be told."""
    import fastloss as fl

    return fl.get_num_threads()


def machine() -> dict[str, Any]:
    """What was measured on: processor, cores, threads, versions, date."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            module = sys.modules.get(package)
            if module is not None:  # imported from a checkout, not installed
                versions[package] = str(getattr(module, "__version__", "unknown"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _cpu(),
        "cores": cores,
        "threads": thread_count(),
        "threading_layer": _layer(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
        "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else [],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _cpu() -> str:
    """The processor's name; where the kernel knows none, its family and widest vectors."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = facts.get("model name") or platform.processor() or platform.machine()
    vectors = next((v for v in ("avx512f", "avx2", "sse4_2") if v in facts.get("flags", "").split()), "")
    model = f" family {facts['cpu family']} model {facts['model']}" if {"cpu family", "model"} <= facts.keys() else ""
    return f"{name}{model}{' ' + vectors if vectors else ''}"


def _layer() -> str:
    numba: Any = sys.modules.get("numba")
    try:
        return str(numba.threading_layer())
    except (AttributeError, ValueError):
        return "not started"


def headline(facts: Mapping[str, Any]) -> str:
    """The machine in two lines."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['threads']} threads ({facts['threading_layer']}), "
        f"{facts['date']}\n{versions}"
    )


def seconds(t: float) -> str:
    """A time in three figures with its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if t >= 0.9995 * scale:
            return f"{t / scale:.3g} {unit}" if t / scale < 999.5 else f"{t / scale:.0f} {unit}"
    return f"{t * 1e9:.3g} ns"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Columns as wide as they need be: the first to the left, the others to the right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    lines = []
    for row in cells:
        rest = [f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([f"{row[0]:<{widths[0]}}", *rest]).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def write_json(path: str | None, records: Iterable[Mapping[str, Any]], **more: Any) -> None:
    """The records and the machine, for later reports."""
    if path:
        content = {"machine": machine(), **more, "records": list(records)}
        plain = json.dumps(content, indent=1, default=lambda x: asdict(x) if isinstance(x, Timing) else float(x))
        Path(path).write_text(plain + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote, times as `Timing` again."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for record in content["records"]:
        if isinstance(times := record.get("times"), dict):
            single = "median" in times
            record["times"] = Timing(**times) if single else {name: Timing(**t) for name, t in times.items()}
    return content


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """What the scripts have left there, by what it is of."""
    found = (read_json(path) for path in sorted(folder.glob("*.json")))
    return {content["what"]: content for content in found}


def count(text: str) -> int:
    """A number of elements on a command line: ``1000`` or ``2**20``."""
    base, _, power = text.partition("**")
    number = int(base) ** int(power or 1)
    if not 1 <= number <= 1 << 40:
        raise ValueError(f"{text} elements")
    return number
