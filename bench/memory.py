"""What `value_and_grad` allocates, beside other libraries: ``python -m bench.memory``.

Each case runs in a process of its own, in this order: import, make the inputs, call once at the full size (so that code
is compiled and pools have started), drop the result, then measure one more call. Two measures that err on different
sides:

* tracemalloc counts what was allocated through NumPy and Python, to the byte, and does not see other libraries' memory;
* the high-water mark of resident memory sees everything, in pages. Linux lets it be reset (`/proc/self/clear_refs`)
  just before the measured call; elsewhere `ru_maxrss` only ever grows, and the first call is measured instead.

What a library keeps from its first call and uses again would not show as growth, so it is dropped and given back first
where that can be done. Figures are in units of one gradient.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import command, timing
from .bars import Bar, verdicts

ROOT = Path(__file__).resolve().parents[1]
CASES = ("fastloss", "fastloss out=", "numpy", "torch", "jax", "sklearn")
FAMILY, LABEL = "memory", "peak of a call, in gradients"
LIMIT = {"fastloss": 1.0, "fastloss out=": 0.0}
ALLOWED = 0.05  # code, interpreter, the blocks' partial sums: nothing that grows with the arrays' order


def _resident_peak() -> int:
    with contextlib.suppress(OSError):  # what `getrusage` tells is at least what the parent process held
        status = Path("/proc/self/status").read_text()
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _reset_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _give_back() -> None:
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def _measure(case: str, name: str, size: int) -> dict[str, Any]:
    """In the child: one case."""
    import tracemalloc

    import numpy as np

    import fastloss as fl

    from . import peers

    loss = fl.LOSSES[name]
    arrays = timing.inputs(loss, size, np.float32)
    nbytes = sum(arrays[k].nbytes for k in loss.wrt)
    if case.startswith("fastloss"):
        buffers = tuple(np.ones_like(arrays[k]) for k in loss.wrt)
        keywords = {"out": buffers if len(buffers) > 1 else buffers[0]} if case.endswith("out=") else {}
        del buffers
        call = lambda: loss.value_and_grad(*arrays, **keywords)  # noqa: E731
    else:
        call = peers.PEERS[name][case](loss, arrays)

    def anew() -> Any:
        # torch keeps its last gradient and scikit-learn its buffers: each measurement starts without them. A new JAX
        # function would be compiled again, and keeps nothing.
        return call if case.startswith("fastloss") or case == "jax" else peers.PEERS[name][case](loss, arrays)

    resets = _reset_peak()
    if resets:
        call()
    call = anew()
    _give_back()
    _reset_peak()
    before = _resident_peak()
    result = call()
    resident = _resident_peak() - before
    del result
    tracemalloc.start()
    call = anew()
    call()
    traced = tracemalloc.get_traced_memory()[1]
    return {"case": case, "loss": name, "resident": resident / nbytes, "traced": traced / nbytes, "reset": resets}


def measure(case: str, name: str, size: int) -> dict[str, Any]:
    """One case in a fresh process."""
    command = [sys.executable, "-m", "bench.memory", "--child", case, "--losses", name, "--size", str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        return {"case": case, "loss": name, "error": last[:120]}
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return record


def bars(records: Sequence[dict[str, Any]]) -> list[Bar]:
    """Gradients at the peak of fastloss's calls, by whichever measure says more."""
    return [
        Bar(FAMILY, f"{r['loss']}, {r['case']}", LABEL, LIMIT[r["case"]] + ALLOWED,
            max(r["resident"], r["traced"]))
        for r in records if r["case"] in LIMIT and "error" not in r
    ]  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=CASES[2:])
    parser.add_argument("--size", type=int, default=1 << 24, help="elements (default: 2**24)")
    parser.add_argument("--losses", default="squared_error,huber,binary_cross_entropy_with_logits,poisson")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        print(json.dumps(_measure(options.child, options.losses, options.size)))
        return 0
    from . import peers
    from .pointwise import chosen

    size = 1 << 16 if options.quick else options.size
    libraries = command.installed(options)
    records, rows = [], []
    for loss in chosen(options.losses):
        for case in (*CASES[:2], *(p for p in libraries if p in peers.PEERS.get(loss.name, {}))):
            record = measure(case, loss.name, size)
            records.append(record)
            if "error" in record:
                rows.append([loss.name, case, "-", "-", record["error"]])
                continue
            rows.append([loss.name, case, f"{record['traced']:.2f}", f"{record['resident']:.2f}", ""])
    print(timing.headline(timing.machine()))
    print(f"peak of one value_and_grad, {size} elements, float32, in gradients of {size * 4 / 2**20:.3g} MiB:\n")
    print(timing.table(["loss", "library", "traced", "resident", ""], rows) + "\n" + verdicts(bars(records)))
    if not all(r.get("reset", True) for r in records):
        print("the resident peak cannot be reset here: it includes compilation, and may hide behind it")
    timing.write_json(options.json, records, what="memory")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
