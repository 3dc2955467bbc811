"""Each of torch's loss functions on a GPU, here and by torch, forward and backward: ``python -m bench.torch_cuda``.

Of 8 to 100,000,000 numbers: vectors, or rows of 10 to 32,000 classes. Times are the host's from an idle device to an
idle one, of as many calls as last 4 ms, in turns. Kernels are compiled beforehand by several processes. A case that
fails, or for which no time is left, is told and passed over; the file of `--json` is written anew after each case.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from . import command, peers, timing
from .torch_functional import WANTED, call, elements, rows

SIZES = {"8": (8, (1, 8)), "1e4": (10_000, (1_000, 10)), "1e6": (1_000_000, (1_000, 1_000)),
         "1e8": (100_000_000, (3_125, 32_000))}  # fmt: skip
"""How many elements, and how many rows of how many classes, by the column's title."""

SAMPLE, ROUNDS = 4e-3, 5
CLOSE = 1e-4
"""How far a value may be off, and a gradient in units of its largest, in float32."""


def made(device: str, title: str, names: Sequence[str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The functions of a size, with their arguments."""
    n, (count, classes) = SIZES[title]
    for build in (lambda: elements(n, device), lambda: rows(count, classes, device)):
        for name, args in build().items():
            if not names or name in names:
                yield name, args


def keywords_of(name: str) -> dict[str, Any]:
    """Those of its call."""
    return {"reduction": "batchmean"} if name == "kl_div" else {}


def idle(device: str) -> None:
    """Wait for the device."""
    import torch

    if device != "cpu":
        torch.cuda.synchronize()


def seconds(run: Callable[[], Any], repeats: int, device: str) -> float:
    """What a call takes, of so many."""
    idle(device)
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    idle(device)
    return (time.perf_counter() - start) / repeats


def interleaved(runs: dict[str, Callable[[], Any]], device: str) -> dict[str, timing.Timing]:
    """Times in turns."""
    repeats, samples = {}, {name: [] for name in runs}  # type: dict[str, int], dict[str, list[float]]
    for name, run in runs.items():
        run()
        repeats[name] = max(1, int(SAMPLE / max(seconds(run, 2, device), 1e-7)))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            samples[name].append(seconds(run, repeats[name], device))
    return {name: timing.summary(found, repeats[name]) for name, found in samples.items()}


def off(ours: Any, theirs: Any, args: tuple[Any, ...], wanted: int, keywords: dict[str, Any]) -> float:
    """How far value and gradients are from torch's."""
    import torch

    found = []
    for function in (ours, theirs):
        given = [x.detach().requires_grad_() if k < wanted else x for k, x in enumerate(args)]
        value = function(*given, **keywords)
        found.append([value.detach(), *torch.autograd.grad(value, given[:wanted])])
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-30)) for a, b in zip(*found, strict=True))


def measured(name: str, title: str, args: tuple[Any, ...], device: str) -> dict[str, Any]:
    """A case, both ways."""
    import torch

    theirs = getattr(torch.nn.functional, name, None) or functional().classes._own_linear_cross_entropy
    keywords, wanted = keywords_of(name), WANTED.get(name, 1)
    pair = getattr(functional(), name), theirs
    runs = [call(function, args, wanted, keywords) for function in pair]
    found = {
        "function": name,
        "size": title,
        "times": interleaved(dict(zip(("here", "torch"), runs, strict=True)), device),
    }
    return {**found, "off": off(*pair, args, wanted, keywords)}


def told(record: dict[str, Any]) -> str:
    """A case in the table: microseconds here and of torch, and torch's in ours."""
    if "times" not in record:
        return record["why"].split("(")[0][:24]
    here, theirs = (1e6 * record["times"][name].best for name in ("here", "torch"))
    return f"{here:.0f}/{theirs:.0f} {theirs / here:.2f}" + "!" * (record["off"] > CLOSE)


def report(records: Sequence[dict[str, Any]]) -> str:
    """A line for each function."""
    cells: dict[str, dict[str, str]] = {}
    for r in records:
        cells.setdefault(r["function"], {})[r["size"]] = told(r)
    lines = [[name, *(row.get(title, "") for title in SIZES)] for name, row in cells.items()]
    whys: dict[str, list[str]] = {}
    for r in records:
        if "why" in r:
            whys.setdefault(r["why"], []).append(f"{r['function']} {r['size']}")
    reasons = [f"{why}: {', '.join(of)}" for why, of in whys.items()]
    table = timing.table(["us here/torch, ratio (! results differ)", *SIZES], lines)
    return "\n".join([table, *(["not timed:", *reasons] if reasons else [])])


def warmed(options: argparse.Namespace) -> None:
    """Compile in processes of their own, each a part of the functions, in half of the seconds at most."""
    names, count = sorted(functional().__all__), options.processes
    line = [sys.executable, "-m", "bench.torch_cuda", "--device", options.device, "--sizes", options.sizes, "--warm"]
    started = [subprocess.Popen([*line, ",".join(names[k::count])], stdout=subprocess.DEVNULL) for k in range(count)]
    end = time.monotonic() + options.seconds / 2
    for process in started:
        try:
            process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def warm(device: str, sizes: Sequence[str], names: Sequence[str]) -> None:
    """Make each call once; what fails will be told by the process that times. The largest take kernels of their own."""
    for title in sizes:
        for name, args in made(device, title, names):
            with suppress(Exception):
                call(getattr(functional(), name), args, WANTED.get(name, 1), keywords_of(name))()


def functional() -> Any:
    """torch's functions here, computed of any size."""
    from fastloss.torch import functional

    functional.calls.ON_GPU = 0
    return functional


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--functions", default="", help="separated by commas (default: all)")
    parser.add_argument("--sizes", default=",".join(SIZES), help=f"of {', '.join(SIZES)}, separated by commas")
    parser.add_argument("--seconds", type=float, default=50.0, help="for all of it")
    parser.add_argument("--processes", type=int, default=8, help="that compile beforehand; 0 for none")
    parser.add_argument("--warm", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    start, names = time.monotonic(), [n for n in options.functions.split(",") if n]
    sizes = ["8"] if options.quick else options.sizes.split(",")
    if options.warm:
        warm(options.device, sizes, options.warm.split(","))
        return 0
    if options.processes and not names and not options.quick:
        warmed(options)
    print(f"compiled after {time.monotonic() - start:.0f} s", flush=True)
    records: list[dict[str, Any]] = []
    for title in sizes:
        try:
            for name, args in made(options.device, title, names):
                records.append({"function": name, "size": title, "why": "no time was left"})
                if time.monotonic() - start < options.seconds:
                    try:
                        records[-1] = measured(name, title, args, options.device)
                    except Exception as error:  # the other cases are still to be measured
                        records[-1]["why"] = peers.told(error)
                timing.write_json(options.json, records, what="torch_cuda")
        except Exception as error:  # no memory for the arguments
            records.append({"function": "arguments", "size": title, "why": peers.told(error)})
    print(timing.headline(timing.machine()), report(records), f"{time.monotonic() - start:.0f} s", sep="\n")
    timing.write_json(options.json, records, what="torch_cuda")
    return int(any("why" in r for r in records))


if __name__ == "__main__":
    raise SystemExit(main())
