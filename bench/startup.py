"""What importing costs, the first call, and every small call: ``python -m bench.startup``.

Each start is a fresh process, in turns with the others, on a warm kernel cache of its own (a temporary folder). Times
are taken inside the process, so the interpreter's own start is not in them.

fastloss's own share of the first call is the median of differences, taken round by round: the time from before the
first import to after the first call, minus the same for a script that imports NumPy and Numba, loads one trivial
kernel (`c[i] = a[i] - b[i]`, compiled ahead) from Numba's disk cache and calls it. That is below 0 where fastloss
is there first: it imports Numba only to compile.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastloss as fl

from . import command, peers, timing
from .bars import Bar, verdicts

ROOT = Path(__file__).resolve().parents[1]
FAMILY, SMALL = "starts and small calls", "value_and_grad of 8 numbers, huber"
IMPORT_BAR, FIRST_BAR, OWN_BAR, CALL_BAR = 1.3, 0.4, 0.030, 4e-6
FORBIDDEN = ("numba", "torch", "pandas", "polars", "jax", "scipy", "sklearn")

CLOCK = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"

FIRST = """
import time; start = time.perf_counter()
import numpy as np, fastloss as fl
a = np.zeros({size}, np.float32); b = np.ones({size}, np.float32)
fl.huber.value_and_grad(a, b)
print(time.perf_counter() - start)
"""

TRIVIAL = """
import time; start = time.perf_counter()
import numpy as np, trivial
a = np.zeros({size}, np.float32); b = np.ones({size}, np.float32)
trivial.subtract(a, b, np.empty_like(a))
print(time.perf_counter() - start)
"""

MODULE = """
import ctypes, pathlib, sys
tbb = pathlib.Path(sys.prefix, "lib/libtbb.so.12")  # the same threading layer as fastloss
if {parallel} and tbb.is_file():
    ctypes.CDLL(str(tbb), mode=ctypes.RTLD_GLOBAL)
import numba
element = numba.types.Array(numba.float32, 1, "C")
@numba.njit(numba.void(element, element, element), cache=True, parallel={parallel})
def subtract(a, b, c):
    for i in numba.prange(a.size):
        c[i] = a[i] - b[i]
"""


def _run(script: str, folder: Path) -> str:
    """The output of a script in a fresh interpreter; kernels are cached in `folder`."""
    env = {**os.environ, "FASTLOSS_CACHE_DIR": str(folder / "fastloss"), "NUMBA_CACHE_DIR": str(folder / "numba")}
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(ROOT), str(folder), os.environ.get("PYTHONPATH")) if p)
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def starts(rounds: int, kinds: dict[str, int]) -> dict[str, float]:
    """Median seconds of each start."""
    scripts = {"import numpy": CLOCK.format("import numpy"), "import fastloss": CLOCK.format("import fastloss")}
    with tempfile.TemporaryDirectory() as name:
        folders = {}
        for kind, size in kinds.items():
            folders[kind] = Path(name, kind)
            folders[kind].mkdir()
            (folders[kind] / "trivial.py").write_text(MODULE.format(parallel=kind == "parallel"))
            scripts[f"first call, {kind}"] = FIRST.format(size=size)
            scripts[f"numba alone, {kind}"] = TRIVIAL.format(size=size)
        times: dict[str, list[float]] = {label: [] for label in scripts}
        for turn in range(rounds + 1):
            for label, script in scripts.items():
                spent = float(_run(script, folders["parallel" if label.endswith("parallel") else "serial"]))
                if turn:  # the first fills the caches: the disk's, Python's, Numba's, fastloss's
                    times[label].append(spent)
    median = {label: statistics.median(t) for label, t in times.items()}
    for kind in folders:
        pairs = zip(times[f"first call, {kind}"], times[f"numba alone, {kind}"], strict=True)
        median[f"own share, {kind}"] = statistics.median(first - alone for first, alone in pairs)
    return median


def unwanted() -> list[str]:
    """Modules that `import fastloss` loads and should not."""
    with tempfile.TemporaryDirectory() as name:
        script = f"import sys, fastloss; print(*(m for m in {FORBIDDEN!r} if m in sys.modules))"
        return _run(script, Path(name)).split()


def small_calls(rounds: int, libraries: Sequence[str]) -> dict[str, timing.Timing]:
    """value_and_grad of eight numbers, in NumPy arrays and out."""
    arrays = timing.inputs(fl.huber, 8, np.float32)
    calls: dict[str, Any] = {"fastloss": lambda: fl.huber.value_and_grad(*arrays)}
    calls |= {name: r.call for name, r in peers.rivals(fl.huber, arrays, libraries).items() if r.call}
    return timing.interleaved(calls, rounds=rounds)


def guard(rounds: int) -> float:
    """Seconds that the look at the thread pool adds to a parallel call."""
    from fastloss.kernels.cpu import threads

    def nothing(*args: Any) -> None:
        pass

    threads.launch()
    calls = {"bare": lambda: nothing(1, 2), "guarded": lambda: threads.run_parallel(nothing, nothing, 1, 2)}
    times = timing.interleaved(calls, rounds=rounds)
    return times["guarded"].median - times["bare"].median


def bars(records: Sequence[dict[str, Any]]) -> list[Bar]:
    """The design's bars for imports, first calls and small calls."""
    seconds = {r["what"]: r["seconds"] for r in records if "seconds" in r}
    ratio = seconds["import fastloss"] / seconds["import numpy"]
    found = [Bar(FAMILY, "import fastloss", "import fastloss / import numpy", IMPORT_BAR, ratio)]
    for kind in ("serial", "parallel"):
        if f"first call, {kind}" in seconds:
            whole, own = seconds[f"first call, {kind}"], 1e3 * seconds[f"own share, {kind}"]
            found.append(Bar(FAMILY, f"first call, {kind}", "the whole of it", FIRST_BAR, whole, unit=" s"))
            found.append(Bar(FAMILY, f"first call, {kind}", "fastloss's own share", 1e3 * OWN_BAR, own, unit=" ms"))
    small = next(r["times"].median for r in records if r["what"] == "8 numbers, fastloss")
    return [*found, Bar(FAMILY, "every small call", SMALL, 1e6 * CALL_BAR, 1e6 * small, unit=" us")]


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(
        __doc__, libraries=("numpy", "torch", "jax", "sklearn"), rounds=9, of="kind, each in a fresh process"
    )
    options = parser.parse_args(argv)
    rounds = 1 if options.quick else options.rounds
    timing.warn_if_busy()
    libraries = command.installed(options)

    kinds = {"serial": 8} if options.quick else {"serial": 8, "parallel": 1 << 17}
    median = starts(rounds, kinds)
    loaded = unwanted()
    print("\n".join(f"{label:<24}{1e3 * t:>9.1f} ms" for label, t in median.items()))
    print(f"loaded by import fastloss of {', '.join(FORBIDDEN)}: {', '.join(loaded) or 'none'}")

    calls = small_calls(rounds, libraries)
    print("\nvalue_and_grad of 8 numbers, huber:")
    print("\n".join(f"  {name:<12}{t!s:>10}" for name, t in calls.items()))
    added = guard(rounds)
    print(f"  thread guard of a parallel call: {timing.seconds(max(added, 0.0))}")
    records = [{"what": label, "seconds": t} for label, t in median.items()]
    records += [{"what": f"8 numbers, {name}", "times": t} for name, t in calls.items()]
    records += [{"what": "thread guard", "seconds": added}, {"what": "unwanted modules", "count": len(loaded)}]
    print("\n" + verdicts(bars(records)) + "\n\n" + timing.headline(timing.machine()))
    timing.write_json(options.json, records, what="startup")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
