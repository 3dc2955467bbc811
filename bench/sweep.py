"""From one element to many: at which sizes is any library faster? ``python -m bench.sweep``."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np

import fastloss as fl

from . import command, peers, timing
from .available import available
from .bars import Bar, verdicts
from .pointwise import chosen

FAMILY, LABEL = "every size", "NumPy, torch, scikit-learn / fastloss"

# The libraries of the design's bar. The others are shown, and named where they are faster.
COUNTED = ("numpy", "torch", "sklearn")
# torch.compile would compile anew for every size; `--peers` adds it.
DEFAULT = tuple(name for name in peers.LIBRARIES if name != "torch.compile")

# Arrays of the inputs' size that a library keeps until the last sample (gradients, buffers, inputs of its own), and
# what the greediest formula, or the comparison of its gradient, takes beside them for a moment. At 2**24 elements the
# peaks were 25.6 arrays with all libraries, where this says 27, and 12.8 with those that count, where it says 15.
KEPT = {"numexpr": 2, "torch": 1, "torch.compile": 1, "jax": 5, "optax": 5, "sklearn": 3}
PASSING = 6

LONG, FEW = 1 << 20, 3
"""Beyond so many elements a call takes long, and varies little: so many samples of it will do."""


def way(library: str) -> str:
    """How fastloss is called beside this library: in the same way."""
    return "out" if library in peers.BUFFERED else "fresh"


def sizes(largest: int, step: int) -> list[int]:
    """Powers of two up to the largest, every `step`-th, and each of those around the switch to threads."""
    top = largest.bit_length() - 1
    return sorted(
        {1 << k for k in range(0, top + 1, step)} | {1 << k for k in range(14, min(top, 18) + 1)} | {1 << top}
    )


def need(loss: fl.Loss, size: int, dtype: Any, libraries: Sequence[str]) -> int:
    """Bytes that measuring this size takes: inputs, fastloss's two gradients and the expected one, the libraries."""
    arrays = len(loss.inputs) + 3 * len(loss.wrt) + sum(KEPT.get(name, 0) for name in libraries) + PASSING
    return arrays * size * np.dtype(dtype).itemsize


def fitting(loss: fl.Loss, size: int, dtype: Any, libraries: Sequence[str], memory: int) -> tuple[list[str], str]:
    """The libraries that fit into `memory` beside each other (all, or those of the bar), and what is left out."""
    counted = [name for name in libraries if name in COUNTED]
    for some in (list(libraries), counted):
        if need(loss, size, dtype, some) <= memory:
            out = ", ".join(name for name in libraries if name not in some)
            break
    else:
        some, out = [], "the size"
    told = f"{loss.name} at {size}: {out} left out, {memory / 2**30:.1f} GiB of memory are available" if out else ""
    return some, told


def measure(loss: fl.Loss, size: int, dtype: Any, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """The times at one size, and which libraries were faster than fastloss called in the same way."""
    arrays = timing.inputs(loss, size, dtype)
    buffers = tuple(np.zeros_like(arrays[k]) for k in loss.wrt)
    out = buffers if len(buffers) > 1 else buffers[0]
    rivals = peers.rivals(loss, arrays, libraries)
    calls: dict[str, Callable[[], Any]] = {
        "fresh": lambda: loss.value_and_grad(*arrays),
        "out": lambda: loss.value_and_grad(*arrays, out=out),
        **{name: rival.call for name, rival in rivals.items() if rival.call},
    }
    times = timing.interleaved(calls, rounds=rounds)
    faster = [name for name in rivals if name in times and times[name].median < times[way(name)].median]
    return {"loss": loss.name, "size": size, "dtype": np.dtype(dtype).name, "times": times, "faster": faster}


def report(records: Sequence[dict[str, Any]], libraries: Sequence[str]) -> str:
    """One loss's table: a peer's time and its ratio to fastloss called in the same way."""
    rows = []
    for record in records:
        times = record["times"]
        row = [str(record["size"]), str(times["fresh"]), str(times["out"])]
        for library in libraries:
            if library in times:
                ratio = times[library].median / times[way(library)].median
                row += [str(times[library]), f"{ratio:.2f}"]
            else:
                row += ["-", ""]
        rows.append([*row, f"<-- {', '.join(record['faster'])}" if record["faster"] else ""])
    header = [records[0]["loss"], "fresh", "out="]
    for library in libraries:
        header += [library, "ratio"]
    return timing.table([*header, "faster"], rows)


def bars(records: Sequence[dict[str, Any]]) -> list[Bar]:
    """For each loss the library and the size at which the bar is nearest to being missed, or farthest beyond."""
    found: dict[str, tuple[float, str]] = {}
    reached: dict[str, int] = {}
    for record in records:
        times, loss, size = record["times"], record["loss"], record["size"]
        for name in COUNTED:
            if name in times:
                reached[loss] = max(size, reached.get(loss, 0))
                ratio = times[name].median / times[way(name)].median
                found[loss] = min(found.get(loss, (inf, "")), (ratio, f"{name} at {size:,}"))
    return [
        Bar(FAMILY, f"{loss}, 1 to {reached[loss]:,} elements (nearest: {where})", LABEL, 1.0, ratio, at_least=True)
        for loss, (ratio, where) in found.items()
    ]


def swept(
    loss: fl.Loss, options: argparse.Namespace, libraries: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """One loss at all sizes for which there is memory, and what was left out."""
    records, left_out = [], []
    for size in sizes(64 if options.quick else options.max, options.step):
        gc.collect()
        some, told = fitting(loss, size, options.dtype, libraries, available())
        if told:
            left_out.append(told)
            print(told, flush=True)
        if some or not told:
            rounds = 2 if options.quick else min(options.rounds, FEW) if size > LONG else options.rounds
            records.append(measure(loss, size, options.dtype, some, rounds))
    return records, left_out


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=DEFAULT, rounds=7, of=f"call; beyond {LONG} elements {FEW} at most")
    parser.add_argument("--max", type=timing.count, default=1 << 24, help="largest number of elements (default: 2**24)")
    parser.add_argument("--step", type=int, default=2, help="every how many powers of two (default: 2)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--losses", help="names, separated by commas (default: all)")
    options = parser.parse_args(argv)
    timing.warn_if_busy()
    libraries = command.installed(options)
    records: list[dict[str, Any]] = []
    left_out: list[str] = []
    for loss in chosen(options.losses):
        mine, told = swept(loss, options, libraries)
        print(report(mine, libraries) + "\n", flush=True)
        records += mine
        left_out += told
    print(timing.headline(timing.machine()))
    lost = [f"{r['loss']} at {r['size']}: {', '.join(r['faster'])}" for r in records if r["faster"]]
    print(f"a library is faster at {len(lost)} of {len(records)} points" + "".join(f"\n  {line}" for line in lost))
    print(verdicts(bars(records)))
    timing.write_json(options.json, records, what="sweep", left_out=left_out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
