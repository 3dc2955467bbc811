"""What importing costs, the first result, and every small call: ``python -m bench.startup``.

Each start is a fresh process, in turns with the others. A first result is `value_and_grad` of `huber` (elements) or
`cross_entropy` (rows of ten classes) in float32, serial and parallel; its time is taken inside the process, from after
`import numpy` to after the call, `import fastloss` included. Its kernel is

* kept: in the user's cache on disk, where an earlier process left it;
* shipped: compiled ahead for this processor's level, as a wheel with kernels has it (`fastloss warmup --to`);
* compiled: the first ever, with an empty cache.

"no SciPy" is where `import scipy` fails, as where it is not installed: Numba imports it where it can.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastloss as fl
from fastloss.kernels.cpu import levels

from . import command, peers, timing
from .bars import Bar, verdicts

ROOT = Path(__file__).resolve().parents[1]
FAMILY, SMALL = "starts and small calls", "value_and_grad of 8 numbers, huber"
IMPORT_BAR, CALL_BAR = 1.3, 4e-6
FIRST_BARS = {"kept": (0.1, 0.1), "shipped": (0.15, 0.15), "compiled": (1.0, 2.0)}
"""Seconds to the first result, of elements and of rows."""
FORBIDDEN = ("numba", "torch", "pandas", "polars", "jax", "scipy", "sklearn")

CLOCK = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"

ELEMENTS = "a = np.zeros({size}, 'f4'); b = np.ones({size}, 'f4'); fl.huber.value_and_grad(a, b)"
ROWS = "a = np.zeros(({size}, 10), 'f4'); b = np.zeros({size}, 'i8'); fl.cross_entropy.value_and_grad(a, b)"
CALLS = {
    "elements, serial": ELEMENTS.format(size=8),
    "elements, parallel": ELEMENTS.format(size=1 << 17),
    "rows, serial": ROWS.format(size=8),
    "rows, parallel": ROWS.format(size=1 << 14),
}
FIRST = """
import sys, time
import numpy as np
{before}
start = time.perf_counter()
import fastloss as fl
{call}
print(time.perf_counter() - start)
"""
WITHOUT = "sys.modules['scipy'] = None"


def _run(script: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A script that has run in a fresh interpreter; kernels are in `folder`."""
    env = {
        **os.environ,
        "FASTLOSS_CACHE_DIR": str(folder),
        "FASTLOSS_QUIET": "1",
        "PYTHONPYCACHEPREFIX": str(ROOT / ".pycache"),
    }
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    command = [sys.executable, *options, "-c", script]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True)


def shipped(folder: Path, calls: Sequence[str]) -> None:
    """Compile the kernels of these calls ahead, for this processor's best level that is not itself."""
    level = (levels.here()[1:] or levels.here())[0]
    losses = [name for name in ("huber", "cross_entropy") if any(f"fl.{name}." in CALLS[call] for call in calls)]
    words = [*losses, "float32", "value_and_grad", "--quiet", "--to", str(folder), "--for", level]
    subprocess.run(
        [sys.executable, "-m", "fastloss", "warmup", *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
    )


def starts(rounds: int, calls: Sequence[str]) -> dict[str, float]:
    """Median seconds of each start."""
    scripts = {"import numpy": CLOCK.format("import numpy"), "import fastloss": CLOCK.format("import fastloss")}
    with tempfile.TemporaryDirectory() as name:
        empty, kept, ahead = (Path(name, kind) for kind in ("empty", "kept", "ahead"))
        for call in calls:
            for extra, before in (("", ""), (", no SciPy", WITHOUT)):
                for kind in FIRST_BARS if not extra else ("kept", "compiled"):
                    scripts[f"first result, {call}, {kind}{extra}"] = FIRST.format(before=before, call=CALLS[call])
        shipped(ahead, calls)
        times: dict[str, list[float]] = {label: [] for label in scripts}
        for turn in range(rounds + 1):
            for label, script in scripts.items():
                if "compiled" in label and not 0 < turn <= max(1, rounds // 4):
                    continue
                shutil.rmtree(empty, ignore_errors=True)
                folder = empty if "compiled" in label else ahead if "shipped" in label else kept
                spent = float(_run(script, folder).stdout)
                if turn:  # the first fills the caches: the disk's, Python's, fastloss's
                    times[label].append(spent)
        return {label: statistics.median(t) for label, t in times.items()}


def imports(call: str) -> list[tuple[str, float]]:
    """What takes longest to import of all that a first result imports besides NumPy, with its own imports: seconds."""
    with tempfile.TemporaryDirectory() as name:
        script = FIRST.format(before="sys.stderr.write('start\\n')", call=CALLS[call])
        for _ in range(2):
            text = _run(script, Path(name), "-X", "importtime").stderr.partition("start\n")[2]
    found = re.findall(r"^import time: +\d+ \| +(\d+) \| +(\S+)$", text, re.MULTILINE)
    return [(module, int(micro) / 1e6) for micro, module in sorted(found, key=lambda pair: -int(pair[0]))[:12]]


def unwanted() -> list[str]:
    """Modules that `import fastloss` loads and should not."""
    with tempfile.TemporaryDirectory() as name:
        script = f"import sys, fastloss; print(*(m for m in {FORBIDDEN!r} if m in sys.modules))"
        return _run(script, Path(name)).stdout.split()


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
    for label, spent in seconds.items():
        _, _, what = label.partition("first result, ")
        if what and "SciPy" not in what:
            limit = FIRST_BARS[what.rpartition(", ")[2]]["rows" in what]
            found.append(Bar(FAMILY, "first result", what, limit, spent, unit=" s"))
    small = next(r["times"].median for r in records if r["what"] == "8 numbers, fastloss")
    return [*found, Bar(FAMILY, "every small call", SMALL, 1e6 * CALL_BAR, 1e6 * small, unit=" us")]


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(
        __doc__, libraries=("numpy", "torch", "jax", "sklearn"), rounds=20, of="kind, each in a fresh process"
    )
    options = parser.parse_args(argv)
    rounds = 1 if options.quick else options.rounds
    timing.warn_if_busy()
    libraries = command.installed(options)

    median = starts(rounds, list(CALLS)[:1] if options.quick else list(CALLS))
    loaded = unwanted()
    print("\n".join(f"{label:<48}{1e3 * t:>9.1f} ms" for label, t in median.items()))
    print(f"loaded by import fastloss of {', '.join(FORBIDDEN)}: {', '.join(loaded) or 'none'}")
    slowest = imports("elements, serial")
    print("imported after NumPy for a first result of elements, the slowest, with what they import:")
    print("\n".join(f"  {module:<46}{1e3 * t:>9.1f} ms" for module, t in slowest))

    calls = small_calls(rounds, libraries)
    print("\nvalue_and_grad of 8 numbers, huber:")
    print("\n".join(f"  {name:<12}{t!s:>10}" for name, t in calls.items()))
    added = guard(rounds)
    print(f"  thread guard of a parallel call: {timing.seconds(max(added, 0.0))}")
    records = [{"what": label, "seconds": t} for label, t in median.items()]
    records += [{"what": f"8 numbers, {name}", "times": t} for name, t in calls.items()]
    records += [{"what": "thread guard", "seconds": added}, {"what": "unwanted modules", "count": len(loaded)}]
    records += [{"what": f"imported, {module}", "seconds": t} for module, t in slowest]
    print("\n" + verdicts(bars(records)) + "\n\n" + timing.headline(timing.machine()))
    timing.write_json(options.json, records, what="startup")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
