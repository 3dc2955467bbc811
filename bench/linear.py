"""`linear_cross_entropy` beside its three matrix products, the plain form and torch: ``python -m bench.linear``.

Time: interleaved, as everywhere. Memory: each case in a process of its own, as in `bench.memory`, after one call at the
full size that has compiled the code and started the pools.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, frameworks, memory, row_peers, rows, timing
from .bars import Bar, verdicts

PRODUCTS = 1.15  # the bar, against the three products
PEERS = ("torch",)
Shape = tuple[int, int, int]


def inputs(shape: Shape) -> tuple[Any, Any, Any]:
    """Hidden states, a weight that makes logits of deviation 1, labels."""
    n, d, classes = shape
    rng = np.random.default_rng(20261121)
    hidden = rng.standard_normal((n, d), dtype=np.float32)
    weight = rng.standard_normal((classes, d), dtype=np.float32) * np.float32(d**-0.5)
    return hidden, weight, rows.labels(n, classes)


def plain(hidden: Any, weight: Any, target: Any) -> tuple[Any, Any]:
    """All the logits at once; their gradient takes their place, which halves the plain form's memory."""
    logits = hidden @ weight.T
    value, grad = fl.cross_entropy.value_and_grad(logits, target, out=logits)
    return value, (grad @ weight, grad.T @ hidden)


def by_hand(hidden: Any, weight: Any, target: Any) -> tuple[Any, Any]:
    """What all are compared with: no part of fastloss."""
    value, grad = row_peers.PEERS["numpy"](hidden @ weight.T, target)()
    return value, (grad @ weight, grad.T @ hidden)


def products(hidden: Any, weight: Any, chunk: int) -> Callable[[], None]:
    """The three matrix products and nothing else: into given buffers, nothing added up over the chunks."""
    n = len(hidden)
    scores = np.zeros((min(chunk, n), len(weight)), np.float32)
    dhidden, dweight = np.zeros_like(hidden), np.zeros_like(weight)

    def call() -> None:
        for start in range(0, n, chunk):
            part = hidden[start : start + chunk]
            g = scores[: len(part)]
            np.matmul(part, weight.T, out=g)
            np.matmul(g, weight, out=dhidden[start : start + chunk])
            np.matmul(g.T, part, out=dweight)

    return call


def torch(hidden: Any, weight: Any, target: Any) -> frameworks.Call:
    from torch.nn import functional as f

    arrays = hidden, weight, target
    return frameworks.backward(lambda h, w, y: f.cross_entropy(f.linear(h, w), y), arrays, (0, 1))


def case(name: str, arrays: tuple[Any, Any, Any]) -> frameworks.Call:
    """A call by its name: ``fastloss``, ``chunk=256``, ``plain``, ``torch``."""
    if name == "torch":
        return torch(*arrays)
    if name == "plain":
        return lambda: plain(*arrays)
    more = {"chunk": int(name.removeprefix("chunk="))} if name.startswith("chunk=") else {}
    return lambda: fl.linear_cross_entropy.value_and_grad(*arrays, **more)


# -- Time -------------------------------------------------------------------------------------------------------------


def measure(shape: Shape, chunks: Sequence[int], libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """Every call in turns, each compared with NumPy's result before."""
    arrays, n = inputs(shape), shape[0]
    expected = by_hand(*arrays)
    cases = ["fastloss", *(f"chunk={k}" for k in chunks), "plain", *libraries]
    setups = {name: (lambda name=name: case(name, arrays)) for name in cases}
    found = row_peers.rivals("linear_cross_entropy", setups, expected, "float32")
    del expected
    calls: dict[str, Callable[[], Any]] = {f"products {k}": products(*arrays[:2], k) for k in (n, *chunks) if k <= n}
    about = {"loss": "linear_cross_entropy", "shape": shape, "dtype": "float32", "chunks": list(chunks)}
    return {**about, **command.timed(calls, found, rounds)}


def bars(record: dict[str, Any]) -> list[Bar]:
    """The default chunks beside the products in one piece, the others beside the products in the same chunks."""
    times, n, name = record["times"], record["shape"][0], record["loss"]
    found = []
    if "fastloss" in times:
        ratio = times["fastloss"].median / times[f"products {n}"].median
        found.append(Bar(name, "fastloss", "products in one piece", PRODUCTS, ratio))
    for case, t in times.items():
        own = times.get(f"products {case.removeprefix('chunk=')}") if case.startswith("chunk=") else None
        if own:
            found.append(Bar(name, case, "products in the same chunks", PRODUCTS, t.median / own.median))
    return found


def report(record: dict[str, Any]) -> str:
    """Each call beside the products in one piece, and in its own chunks where it has any; the bar."""
    times, n = record["times"], record["shape"][0]
    whole, lines = times[f"products {n}"].median, []
    for name, t in times.items():
        own = times.get(f"products {name.removeprefix('chunk=')}")
        ratio = f"{t.median / own.median:.2f}" if own else ""
        title = f"products, {name.removeprefix('products ')} rows at once" if name.startswith("products") else name
        lines.append([title, str(t), f"{t.median / whole:.2f}", ratio])
    lines += [[name, "n/a", "", ""] for name in record["not_timed"]]
    return timing.table(["time", "", "/products", "/in its chunks"], lines) + "\n" + verdicts(bars(record))


# -- Memory -----------------------------------------------------------------------------------------------------------


def _peaks(name: str, shape: Shape) -> dict[str, Any]:
    """In the child: what one call takes, with the gradients that it returns."""
    import tracemalloc

    arrays = inputs(shape)
    if resets := memory._reset_peak():
        case(name, arrays)()
    call = case(name, arrays)  # anew: torch's tensors keep their last gradients
    memory._give_back()
    memory._reset_peak()
    before = memory._resident_peak()
    result = call()
    resident = memory._resident_peak() - before
    del result
    call = case(name, arrays)
    tracemalloc.start()
    call()
    traced = tracemalloc.get_traced_memory()[1]
    return {"case": name, "shape": shape, "resident": resident, "traced": traced, "reset": resets}


def peaks(name: str, shape: Shape) -> dict[str, Any]:
    """One case in a fresh process."""
    command = [sys.executable, "-m", "bench.linear", "--child", name, "--shape", ",".join(map(str, shape))]
    done = subprocess.run(command, cwd=memory.ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"case": name, "error": (done.stderr.strip() or "no message").splitlines()[-1][:120]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def memory_report(records: Sequence[dict[str, Any]], shape: Shape) -> str:
    """Peaks in MiB; torch's own memory shows only in the resident one."""
    n, d, classes = shape
    mib = [f"{4 * size / 2**20:.4g}" for size in (n * d + classes * d, n * classes)]
    lines = []
    for r in records:
        if "error" in r:
            lines.append([r["case"], "n/a", r["error"]])
        else:
            lines.append([r["case"], f"{r['traced'] / 2**20:.1f}", f"{r['resident'] / 2**20:.1f}"])
    found = timing.table(["peak of one call, MiB", "traced", "resident"], lines)
    note = "" if all(r.get("reset", True) for r in records) else "\nthe resident peak could not be reset: first calls"
    return f"{found}\nof these the gradients that are returned: {mib[0]}; all the logits are {mib[1]}{note}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=PEERS, rounds=3, of="call, after as many uncounted ones")
    parser.add_argument("--shape", default="4096,1024,32000", help="rows, width, classes (default: 4096,1024,32000)")
    parser.add_argument("--chunks", help="rows per chunk, separated by commas (default: 64,256,1024,4096)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    n, d, classes = (int(k) for k in ("64,16,100" if options.quick else options.shape).split(","))
    if options.child:
        n, d, classes = (int(k) for k in options.shape.split(","))
        print(json.dumps(_peaks(options.child, (n, d, classes))))
        return 0
    shape, rounds = (n, d, classes), 2 if options.quick else options.rounds
    default = "16,64" if options.quick else "64,256,1024,4096"
    chunks = [int(k) for k in (options.chunks or default).split(",")]
    timing.warn_if_busy()
    libraries = command.installed(options)
    used = [peaks(name, shape) for name in ("fastloss", *(f"chunk={k}" for k in chunks), "plain", *libraries)]
    record = measure(shape, chunks, libraries, rounds)
    print(timing.headline(timing.machine()))
    print(f"{n} rows of width {d}, {classes} classes, float32; {command.spread([record])}\n")
    print(report(record) + "\n\n" + memory_report(used, shape))
    timing.write_json(options.json, [record], what="linear", memory=used)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
