"""Connectionist temporal classification with its gradient beside torch's: ``python -m bench.ctc``.

From logits on both sides: torch's log-softmax and `ctc_loss` and their backward passes on the CPU, batches of 32 of 200
to 1,500 frames of 32 to 8,000 classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, frameworks, row_peers, timing
from .bars import Bar, verdicts

FASTER = 2.0  # the bar: so many times faster than torch
PEERS = ("torch",)
SIZES = ((200, 32), (1500, 32), (200, 1000), (1500, 1000), (200, 8000), (1500, 8000))
SAMPLES = 32


def scene(samples: int, frames: int, classes: int, dtype: str) -> tuple[Any, ...]:
    """Random logits, a symbol for every 8 to 12 frames, and samples of two thirds of the frames and more."""
    rng = np.random.default_rng(20261128)
    logits = rng.standard_normal((samples, frames, classes), "f").astype(dtype, copy=False)
    lengths = rng.integers(2 * frames // 3, frames, samples, endpoint=True)
    symbols = lengths // rng.integers(8, 12, samples, endpoint=True)
    return logits, rng.integers(1, classes, (samples, symbols.max())), lengths, symbols


def torch_ctc(logits: Any, targets: Any, lengths: Any, symbols: Any) -> Any:
    """As its users write it."""
    import torch

    return torch.nn.functional.ctc_loss(logits.log_softmax(-1).transpose(0, 1), targets, lengths, symbols)


def measured(
    frames: int, classes: int, samples: int, dtype: str, libraries: Sequence[str], rounds: int
) -> dict[str, Any]:  # fmt: skip
    """The loss and its gradient, fresh and given, and the loss alone."""
    logits, targets, lengths, symbols = scene(samples, frames, classes, dtype)
    how = {"input_lengths": lengths, "target_lengths": symbols}
    out = np.empty_like(logits)
    value, grad = fl.ctc.value_and_grad(logits, targets, **how)
    setups = {"torch": lambda: frameworks.backward(torch_ctc, (logits, targets, lengths, symbols))}
    setups = {library: setups[library] for library in libraries if library in setups}
    # torch adds up logarithms of thousands in the logits' own type.
    found = row_peers.rivals("ctc", setups, (value, (grad,)), "float64" if dtype == "float64" else "bfloat16")
    del grad
    calls: dict[str, Callable[[], Any]] = {
        "fresh": lambda: fl.ctc.value_and_grad(logits, targets, **how),
        "out": lambda: fl.ctc.value_and_grad(logits, targets, out=out, **how),
        "value": lambda: fl.ctc(logits, targets, **how),
    }
    about = {"loss": "ctc", "samples": samples, "frames": frames, "classes": classes, "dtype": dtype}
    return {**about, **command.timed(calls, found, rounds)}


def bars(record: dict[str, Any]) -> list[Bar]:
    """How many times faster it is than torch."""
    times = record["times"]
    if "torch" not in times:
        return []
    what = f"{record['samples']} x {record['frames']} x {record['classes']:,}, {record['dtype']}"
    return [Bar("ctc", what, "torch / fresh", FASTER, times["torch"].median / times["fresh"].median, at_least=True)]


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each call, and how many times as long it takes as with a fresh gradient."""
    lines = []
    for r in records:
        size = f"{r['samples']} x {r['frames']} x {r['classes']:,}, {r['dtype']}"
        fresh = r["times"]["fresh"].median
        lines += [[size, name, str(t), f"{t.median / fresh:.2f}"] for name, t in r["times"].items()]
        lines += [[size, name, f"n/a: {reason}", ""] for name, reason in r["not_timed"].items()]
    table = timing.table(["what", "", "time", "/fresh"], lines)
    return table + "\n" + verdicts([bar for r in records for bar in bars(r)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=PEERS, rounds=5)
    options = parser.parse_args(argv)
    sizes, samples, rounds = (((12, 5),), 2, 2) if options.quick else (SIZES, SAMPLES, options.rounds)
    timing.warn_if_busy()
    libraries = command.installed(options)
    records = [measured(*size, samples, "float32", libraries, rounds) for size in sizes]
    print(timing.headline(timing.machine()))
    print(f"Samples x frames x classes; {command.spread(records)}\n")
    print(report(records))
    timing.write_json(options.json, records, what="ctc")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
