"""Softmax cross-entropy beside a bare copy of the logits and the other libraries: ``python -m bench.rows``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, timing
from .bars import Bar, verdicts
from .row_peers import LACK_BFLOAT16, PEERS, rivals
from .timing import Timing

# The bars of the design, section 5: against a copy of the logits, and against the libraries. From COUNTED classes on.
COPY, FASTER, COUNTED = 1.5, {"torch": 6.0, "torch.compile": 3.0, "jax": 3.0}, 1000
DTYPES = ("float32", "float64", "bfloat16")


def of_dtype(name: str) -> np.dtype[Any]:
    """NumPy's dtype; bfloat16 is that of ml_dtypes."""
    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def logits(rows: int, classes: int, dtype: str, seed: int = 20261121) -> Any:
    """Normal scores of deviation 3, a million draws repeated."""
    rng = np.random.default_rng(seed)
    draws = 3.0 * rng.standard_normal(min(rows * classes, 1 << 20), dtype=np.float32)
    return np.resize(draws.astype(of_dtype(dtype)), (rows, classes))


def labels(rows: int, classes: int) -> Any:
    return np.random.default_rng(1).integers(0, classes, rows, dtype=np.int64)


def title(dtype: str, classes: int) -> str:
    return f"{dtype}, {classes} classes"


def measure(classes: int, elements: int, dtype: str, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """Every call with this number of classes, in turns."""
    loss, rows = fl.cross_entropy, max(2, elements // classes)
    z, y = logits(rows, classes, dtype), labels(rows, classes)
    out, place = np.zeros_like(z), z.copy()
    expected = loss.value_and_grad(z, y)
    # In place, from the second call on, the logits are the last call's gradient: small numbers, as good as any others,
    # and the time does not depend on them. Restoring them would be timed, or leave another array in the cache.
    setups = {"in place": lambda: lambda: loss.value_and_grad(place, y, out=place)}
    own = set(libraries) - LACK_BFLOAT16 if dtype == "bfloat16" else libraries
    setups |= {name: (lambda name=name: PEERS[name](z, y)) for name in libraries if name in own}
    found = rivals(title(dtype, classes), setups, expected, dtype, rows)
    bits = [x.view(f"u{x.itemsize}").ravel() if dtype == "bfloat16" else x.ravel() for x in (z, out)]
    calls: dict[str, Callable[[], Any]] = {
        "c = a": timing.floor(bits[0], bits[0], bits[1])["c = a"],
        "out": lambda: loss.value_and_grad(z, y, out=out),
        "fresh": lambda: loss.value_and_grad(z, y),
    }
    return record(loss, z.shape, dtype, command.timed(calls, found, rounds), "c = a", 2 * z.nbytes)


def record(
    loss: Any, shape: tuple[int, int], dtype: str, timed: dict[str, Any], bare: str, moved: int
) -> dict[str, Any]:
    """A record of times; `moved` are the bytes that the bare pass reads and writes."""
    rate = moved / timed["times"][bare].median / 1e9
    about = {"loss": loss.name, "classes": shape[1], "rows": shape[0], "dtype": dtype}
    return {**about, "bandwidth": {bare: rate}, **timed}


def bars(record: dict[str, Any]) -> list[Bar]:
    """The design's bars for this number of classes; those against libraries with a buffer given, which these cannot be
    told of, and with a fresh gradient."""
    times: dict[str, Timing] = record["times"]
    if record["classes"] < COUNTED:
        return []
    name, subject = record["loss"], title(record["dtype"], record["classes"])
    ways = {"out": "out=", "in place": "in place"}
    ratios = {label: times[way].median / times["c = a"].median for way, label in ways.items() if way in times}
    found = [Bar(name, subject, f"{label} / copy", COPY, ratio) for label, ratio in ratios.items()]
    for library, limit in FASTER.items():
        for way, label in (("out", "out="), ("fresh", "fresh")):
            if library in times:
                t = times[library].median
                ratio, full = t / times[way].median, f"{library} / {label}"
                more = {"ceiling": t / times["c = a"].median, "given": t / times["out"].median}
                found.append(Bar(name, subject, full, limit, ratio, at_least=True, unit="x", **more))
    return found


def table(
    records: Sequence[dict[str, Any]], libraries: Sequence[str], bare: str, called: str, ways: Mapping[str, str]
) -> str:
    """One dtype's table: a line for each number of classes, the bare pass under the name that it is called by."""
    columns = [title for way in ways.values() for title in (way, f"/{called}")]
    lines = []
    for r in records:
        numbers = command.cells(r, bare, ways, libraries)
        lines.append([f"{r['classes']} classes", str(r["rows"]), f"{r['bandwidth'][bare]:.1f}", *numbers])
    return timing.table([records[0]["dtype"], "rows", "GB/s", called, *columns, *command.header(libraries)], lines)


def report(records: Sequence[dict[str, Any]], libraries: Sequence[str]) -> str:
    """One dtype's table, and its bars."""
    ways = {"out": "out=", "fresh": "fresh", "in place": "in place"}
    held = verdicts([bar for r in records for bar in bars(r)])
    return table(records, libraries, "c = a", "copy", ways) + ("\n" + held if held else "")


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=PEERS, rounds=9)
    parser.add_argument("--classes", default="10,100,1000,32000,128256", help="numbers of classes, by commas")
    parser.add_argument("--dtype", default="float32,bfloat16", help=f"of {', '.join(DTYPES)}, separated by commas")
    parser.add_argument("--elements", type=int, default=1 << 25, help="logits in all (default: 2**25)")
    options = parser.parse_args(argv)
    elements, rounds = (1 << 12, 2) if options.quick else (options.elements, options.rounds)
    timing.warn_if_busy()
    libraries = command.installed(options)
    sizes = [int(k) for k in options.classes.split(",")]
    by_dtype = {d: [measure(k, elements, d, libraries, rounds) for k in sizes] for d in options.dtype.split(",")}
    records = [r for found in by_dtype.values() for r in found]
    print(timing.headline(timing.machine()))
    print(f"cross_entropy.value_and_grad of {elements} logits; {command.spread(records)}\n")
    print("\n\n".join(report(found, libraries) for found in by_dtype.values()))
    timing.write_json(options.json, records, what="rows")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
