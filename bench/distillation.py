"""Distillation beside a bare pass over both logits and torch's usual two losses: ``python -m bench.distillation``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, frameworks, row_peers, rows, timing
from .bars import Bar, verdicts

PASS = 1.5  # the bar, against `c = a - b` on the two arrays of logits
TEMPERATURE, ALPHA = 2.0, 0.5
PEERS = ("torch", "torch.compile")


def _forward(pred: Any, teacher: Any, target: Any) -> Any:
    """What torch's users write: two losses, each with a softmax of its own."""
    from torch.nn import functional as f

    soft = f.kl_div(f.log_softmax(pred / TEMPERATURE, 1), f.softmax(teacher / TEMPERATURE, 1), reduction="batchmean")
    return (1 - ALPHA) * TEMPERATURE * TEMPERATURE * soft + ALPHA * f.cross_entropy(pred, target)


def _torch(library: str, pred: Any, teacher: Any, target: Any) -> frameworks.Call:
    forward = frameworks.compiled(_forward) if library == "torch.compile" else _forward
    return frameworks.backward(forward, (pred, teacher, target))


def measure(classes: int, elements: int, dtype: str, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """Every call with this number of classes, in turns."""
    loss, n = fl.distillation, max(2, elements // classes)
    pred, teacher = (rows.logits(n, classes, dtype, seed) for seed in (1, 2))
    target, out, constants = rows.labels(n, classes), np.zeros_like(pred), {"temperature": TEMPERATURE, "alpha": ALPHA}
    expected = loss.value_and_grad(pred, teacher, target, **constants)
    setups = {name: (lambda name=name: _torch(name, pred, teacher, target)) for name in libraries}
    found = row_peers.rivals(f"{classes} classes, {dtype}", setups, expected, dtype)
    calls: dict[str, Callable[[], Any]] = {
        # Two arrays read and one written, as `c = a + b`.
        "c = a - b": timing.floor(pred.ravel(), teacher.ravel(), out.ravel())["c = a - b"],
        "out": lambda: loss.value_and_grad(pred, teacher, target, **constants, out=out),
        "fresh": lambda: loss.value_and_grad(pred, teacher, target, **constants),
    }
    return rows.record(loss, pred.shape, dtype, command.timed(calls, found, rounds), "c = a - b", 3 * pred.nbytes)


def bars(record: dict[str, Any]) -> list[Bar]:
    """The bar for this number of classes."""
    ratio = record["times"]["out"].median / record["times"]["c = a - b"].median
    return [Bar(record["loss"], f"{record['classes']} classes", "out= / bare", PASS, ratio)]


def report(records: Sequence[dict[str, Any]], libraries: Sequence[str]) -> str:
    """The table, and the bar for each number of classes."""
    table = rows.table(records, libraries, "c = a - b", "bare", {"out": "out=", "fresh": "fresh"})
    return table + "\n" + verdicts([bar for r in records for bar in bars(r)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=PEERS, rounds=9)
    parser.add_argument("--classes", default="1000,32000", help="numbers of classes, separated by commas")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--elements", type=int, default=1 << 25, help="logits of each model (default: 2**25)")
    options = parser.parse_args(argv)
    elements, rounds = (1 << 12, 2) if options.quick else (options.elements, options.rounds)
    timing.warn_if_busy()
    libraries = command.installed(options)
    sizes = [int(k) for k in options.classes.split(",")]
    records = [measure(k, elements, options.dtype, libraries, rounds) for k in sizes]
    print(timing.headline(timing.machine()))
    print(
        f"distillation.value_and_grad, temperature {TEMPERATURE:g}, alpha {ALPHA:g}, {elements} logits of each model;"
    )
    print(command.spread(records) + "\n")
    print(report(records, libraries))
    timing.write_json(options.json, records, what="distillation", temperature=TEMPERATURE, alpha=ALPHA)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
