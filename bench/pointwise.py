"""Every pointwise loss beside a bare array subtraction and the other libraries: ``python -m bench.pointwise``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

import fastloss as fl

from . import command, peers, timing
from .bars import Bar, verdicts
from .timing import Timing

# The bars of the design, section 5: against `c = a - b`, and against the libraries.
BARE = {"arithmetic": 1.10, "transcendental": 1.40}
FASTER = {"torch": 8.0, "sklearn": 10.0, "torch.compile": 3.0}

GROUPS = {
    "arithmetic": "arithmetic losses",
    "transcendental": "transcendental losses",
    "two passes": "roots of a mean: two passes over the inputs",
    "several gradients": "losses with several differentiable inputs",
}


def group(loss: fl.Loss) -> str:
    """What kind of work a loss is, told from its definition: a new one is sorted by existing."""
    if loss.rooted:
        return "two passes"
    if len(loss.inputs) != 2 or len(loss.wrt) != 1:
        return "several gradients"
    return "transcendental" if _elementary(loss.jet, set()) - {"sqrt", "fabs", "copysign"} else "arithmetic"


def _elementary(function: FunctionType | Callable[..., Any], seen: set[Any]) -> set[str]:
    """The functions of `math` that a definition or its helpers call."""
    seen.add(function)
    names, scope = set(function.__code__.co_names), function.__globals__  # type: ignore[union-attr]
    found = {n for n in names if hasattr(math, n) and any(scope.get(m) is math for m in names)}
    for value in (scope.get(n) for n in names):
        if isinstance(value, FunctionType) and value not in seen:
            found |= _elementary(value, seen)
        elif not isinstance(value, ModuleType) and getattr(value, "__module__", "") == "math":
            found.add(value.__name__)  # type: ignore[union-attr]
    return found


def chosen(names: str | None) -> list[fl.Loss]:
    """The losses asked for, all of them by default."""
    if not names:
        return [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.Loss)]
    unknown = [n for n in names.split(",") if n not in fl.LOSSES and n not in fl.ALIASES]
    if unknown:
        raise SystemExit(f"no loss named {', '.join(unknown)}; there are: {', '.join(fl.LOSSES)}")
    return [fl.LOSSES[fl.ALIASES.get(n, n)] for n in names.split(",")]


def measure(loss: fl.Loss, size: int, dtype: Any, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """One loss's record: times of the bare kernels, of fastloss's ways of calling it, of each peer."""
    arrays = timing.inputs(loss, size, dtype)
    buffers = tuple(np.zeros_like(arrays[k]) for k in loss.wrt)
    out = buffers if len(buffers) > 1 else buffers[0]
    bare = timing.floor(arrays[0], arrays[1], buffers[0])
    rivals = peers.rivals(loss, arrays, libraries)
    calls: dict[str, Callable[[], Any]] = {
        **bare,
        "out": lambda: loss.value_and_grad(*arrays, out=out),
        "fresh": lambda: loss.value_and_grad(*arrays),
    }
    if loss.checks:
        calls["unchecked"] = lambda: loss.value_and_grad(*arrays, out=out, check=False)
    record = command.timed(calls, rivals, rounds)
    return {
        "loss": loss.name,
        "group": group(loss),
        "size": size,
        "dtype": np.dtype(dtype).name,
        "bandwidth": timing.bandwidth(record["times"], arrays[0].nbytes),
        **record,
    }


def bars(record: dict[str, Any]) -> list[Bar]:
    """The design's bars for this loss."""
    times: dict[str, Timing] = record["times"]
    kind, name = record["group"], record["loss"]
    if kind not in BARE:
        return []
    bare = times["c = a - b"].median
    free = times["unchecked"].median / bare if "unchecked" in times else None
    found = [Bar(GROUPS[kind], name, "out= / bare", BARE[kind], times["out"].median / bare, unchecked=free)]
    for library, limit in FASTER.items() if kind == "transcendental" else ():
        way, label = ("fresh", "fresh") if library == "torch.compile" else ("out", "out=")
        if library in times:
            t = times[library].median
            ratio, more = t / times[way].median, {"ceiling": t / bare, "given": t / times["out"].median}
            found.append(Bar(GROUPS[kind], name, f"{library} / {label}", limit, ratio, at_least=True, **more))
    return found


def report(records: Sequence[dict[str, Any]], libraries: Sequence[str]) -> str:
    """One table per group; ratios are to the bare subtraction for fastloss, to fastloss for its peers."""
    parts = []
    for kind, title in GROUPS.items():
        mine = [r for r in records if r["group"] == kind]
        if not mine:
            continue
        header = [title, "a - b", "out=", "/bare", "unchecked", "/bare", "fresh", "/bare", *command.header(libraries)]
        rows = [[r["loss"], *command.cells(r, "c = a - b", ("out", "unchecked", "fresh"), libraries)] for r in mine]
        parts.append(timing.table(header, rows))
        parts.append(verdicts([bar for r in mine for bar in bars(r)]))
    return "\n\n".join(part for part in parts if part)


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=peers.LIBRARIES, rounds=9)
    parser.add_argument("--size", type=int, default=1 << 25, help="elements (default: 2**25)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--losses", help="names, separated by commas (default: all)")
    options = parser.parse_args(argv)
    size, rounds = (1 << 12, 2) if options.quick else (options.size, options.rounds)
    timing.warn_if_busy()
    libraries = command.installed(options)
    records = [measure(loss, size, options.dtype, libraries, rounds) for loss in chosen(options.losses)]
    print(timing.headline(timing.machine()))
    widths = {name: np.median([r["bandwidth"][name] for r in records]) for name in timing.STREAMS}
    print(", ".join(f"{name}: {gbs:.1f} GB/s" for name, gbs in widths.items()))
    print(f"value_and_grad of {size} elements, {options.dtype}; {command.spread(records)}\n")
    print(report(records, libraries))
    timing.write_json(options.json, records, what="pointwise")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
