"""What limits each loss: the memory, or the arithmetic? ``python -m bench.roofline``.

Measured here is the arithmetic alone: nanoseconds an element on one core with everything in its cache. Two sizes are
timed, and their difference taken: a call's own cost, as large as the work at such sizes, is not in it. The table, which
`bench.report` makes too, sets that beside the times from memory of `bench.pointwise` and `bench.rows`: a loss can be
no faster than its bytes at the bandwidth of a bare pass, nor than its arithmetic on all cores. The larger of the two is
what limits it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastloss as fl

from . import command, pointwise, rows, timing

CACHED, CACHED_ROWS = 1 << 14, 1 << 16
"""Elements of the larger size, pointwise and in rows, whose calls cost more: 192 and 512 KiB of float32."""

RESULTS = Path(__file__).with_name("results")


def streams(loss: fl.Loss) -> int:
    """Arrays that a call with `out=` reads and writes: inputs, gradients, and what the domains' check reads before."""
    passes = 2 if loss.rooted else 1
    return passes * len(loss.inputs) + len(loss.wrt) + sum(test != "none" for test in loss.tests)


def per_element(calls: Mapping[int, Any], rounds: int) -> float | None:
    """Seconds that an element takes, from calls of two sizes; None where the noise is larger."""
    times = timing.interleaved({str(n): call for n, call in calls.items()}, rounds=rounds)
    small, large = sorted(calls)
    # The best, not the median: a difference of disturbed times can be anything, and nothing makes arithmetic faster.
    difference = times[str(large)].best - times[str(small)].best
    return difference / (large - small) if difference > 0.0 else None


def cached(loss: fl.Loss, dtype: Any, rounds: int) -> float | None:
    """A pointwise loss, everything in the cache of one core."""
    calls = {}
    for n in (CACHED // 2, CACHED):
        arrays = timing.inputs(loss, n, dtype)
        buffers = tuple(np.zeros_like(arrays[k]) for k in loss.wrt)
        out = buffers if len(buffers) > 1 else buffers[0]
        calls[n] = lambda arrays=arrays, out=out: loss.value_and_grad(*arrays, out=out, backend="serial")
    return per_element(calls, rounds)


def cached_rows(classes: int, dtype: str, rounds: int) -> float | None:
    """Softmax cross-entropy in rows of so many classes: one row and two, where a row is long."""
    few = max(1, CACHED_ROWS // 2 // classes)
    calls = {}
    for n in (few, 2 * few):
        z, y = rows.logits(n, classes, dtype), rows.labels(n, classes)
        out = np.zeros_like(z)
        calls[n * classes] = lambda z=z, y=y, out=out: fl.cross_entropy.value_and_grad(z, y, out=out, backend="serial")
    return per_element(calls, rounds)


def key(record: Mapping[str, Any]) -> tuple[str, int, str]:
    """What a record is of: a loss, its classes where it has rows, a dtype."""
    return record["loss"], record.get("classes", 0), record["dtype"]


def judged(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each loss that was timed from memory: bytes, bandwidth, its share of a bare pass's, and what limits it."""
    arithmetic = {key(r): r["cached"] for r in results.get("roofline", {}).get("records", ())}
    found = []
    for what, bare in (("pointwise", "c = a - b"), ("rows", "c = a")):
        for record in results.get(what, {}).get("records", ()):
            times, dtype = record["times"], rows.of_dtype(record["dtype"])
            if what == "pointwise":
                n, count = record["size"], streams(fl.LOSSES[record["loss"]])
            else:
                n, count = record["rows"] * record["classes"], 2
            floor = count * timing.seconds_per_stream(times, bare) / n
            alone = arithmetic.get(key(record))
            cores = results[what]["machine"]["threads"]
            found.append({
                "key": key(record), "bytes": count * dtype.itemsize, "time": times["out"].median / n, "floor": floor,
                "cached": alone, "cores": cores, "share": floor * n / times["out"].median,
                "limit": "" if alone is None else "arithmetic" if alone / cores > floor else "memory",
            })  # fmt: skip
    return found


def said(results: Mapping[str, Any]) -> dict[str, str]:
    """Why a loss takes longer than the bare pass, as far as this tells, by a bar's subject."""
    found = {}
    for line in judged(results):
        if line["limit"]:
            name, classes, dtype = line["key"]
            alone, floor = 1e9 * line["cached"] / line["cores"], 1e9 * line["floor"]
            numbers = f"{alone:.2f} ns an element even in cache (all cores), {floor:.2f} for the bytes"
            texts = {
                "arithmetic": f"arithmetic: {numbers}",
                "memory": f"not explained yet, not by arithmetic: {numbers}",
            }
            found[rows.title(dtype, classes) if classes else name] = texts[line["limit"]]
    return found


def cells(line: Mapping[str, Any]) -> list[str]:
    """One row of the table: nanoseconds an element wherever it is not said otherwise."""
    name, classes, dtype = line["key"]
    title = f"{name}, {classes:,} classes" if classes else name
    alone = line["cached"]
    cache = [f"{1e9 * alone:.3f}", f"{1e9 * alone / line['cores']:.3f}"] if alone is not None else ["-", "-"]
    gbs = line["bytes"] / line["time"] / 1e9
    return [
        title, dtype, str(line["bytes"]), f"{1e9 * line['time']:.3f}", f"{gbs:.1f}", f"{line['share']:.0%}",
        f"{1e9 * line['floor']:.3f}", *cache, line["limit"] or "-",
    ]  # fmt: skip


HEADER = ("loss", "dtype", "bytes", "from memory, ns", "GB/s", "share of the bare pass", "the bare pass's, ns",
          "in cache, one core, ns", "all cores, ns", "limited by")  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, rounds=9)
    parser.add_argument("--losses", help="names, separated by commas (default: all)")
    parser.add_argument("--classes", default="10,100,1000,32000,128256", help="numbers of classes, by commas")
    parser.add_argument("--dtype", default="float32,bfloat16", help="of the rows, separated by commas")
    options = parser.parse_args(argv)
    rounds = 2 if options.quick else options.rounds
    timing.warn_if_busy()
    records: list[dict[str, Any]] = [
        {"loss": loss.name, "dtype": "float32", "cached": cached(loss, np.float32, rounds)}
        for loss in pointwise.chosen(options.losses)
    ]
    for dtype in options.dtype.split(","):
        for classes in (int(k) for k in options.classes.split(",")):
            alone = cached_rows(classes, dtype, rounds)
            records.append({"loss": "cross_entropy", "classes": classes, "dtype": dtype, "cached": alone})
    print(timing.headline(timing.machine()))
    results = timing.results(RESULTS) | {"roofline": {"records": records}}
    mine = {key(r) for r in records}
    print(timing.table(HEADER, [cells(line) for line in judged(results) if line["key"] in mine]))
    timing.write_json(options.json, records, what="roofline")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
