"""From one element to many: at which sizes is any library faster? ``python -m bench.sweep``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import peers, timing
from .pointwise import chosen

# JAX is shown and not counted: its call overhead and its fused loops are another trade. torch.compile would compile
# anew for every size; `--peers` adds it.
COUNTED = ("numpy", "torch", "sklearn", "torch.compile")
DEFAULT = ("numpy", "torch", "jax", "sklearn")


def way(library: str) -> str:
    """How fastloss is called beside this library: in the same way."""
    return "out" if library in peers.BUFFERED else "fresh"


def sizes(largest: int, step: int) -> list[int]:
    """Powers of two up to the largest, every `step`-th, and each of those around the switch to threads."""
    top = largest.bit_length() - 1
    return sorted(
        {1 << k for k in range(0, top + 1, step)} | {1 << k for k in range(14, min(top, 18) + 1)} | {1 << top}
    )


def measure(loss: fl.Loss, size: int, dtype: Any, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """The times at one size, and which of the counted libraries were faster than fastloss called in the same way."""
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
    faster = [name for name in COUNTED if name in times and times[name].median < times[way(name)].median]
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


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max", type=int, default=1 << 24, help="largest number of elements (default: 2**24)")
    parser.add_argument("--step", type=int, default=2, help="every how many powers of two (default: 2)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--losses", help="names, separated by commas (default: all)")
    parser.add_argument("--peers", default=",".join(DEFAULT), help="libraries, separated by commas")
    parser.add_argument("--rounds", type=int, default=7, help="samples of each call")
    parser.add_argument("--quick", action="store_true", help="a tiny run that only shows that everything works")
    parser.add_argument("--json", metavar="FILE", help="write the records and the machine's description")
    options = parser.parse_args(argv)
    largest, rounds = (64, 2) if options.quick else (options.max, options.rounds)
    timing.warn_if_busy()
    libraries = peers.installed([name for name in options.peers.split(",") if name])
    records: list[dict[str, Any]] = []
    for loss in chosen(options.losses):
        mine = [measure(loss, n, options.dtype, libraries, rounds) for n in sizes(largest, options.step)]
        print(report(mine, libraries) + "\n", flush=True)
        records += mine
    print(timing.headline(timing.machine()))
    lost = [f"{r['loss']} at {r['size']}: {', '.join(r['faster'])}" for r in records if r["faster"]]
    counted = ", ".join(name for name in libraries if name in COUNTED) or "no library"
    print(f"slower than {counted} at {len(lost)} of {len(records)} points" + "".join(f"\n  {line}" for line in lost))
    timing.write_json(options.json, records, what="sweep")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
