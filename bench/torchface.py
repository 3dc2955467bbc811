"""Losses of torch tensors with their backward passes beside torch's own: ``python -m bench.torchface``.

Pointwise losses from 1 to 10,000,000 elements and `cross_entropy` of 10, 1,000 and 32,000 classes, each by
`fastloss.torch` and by `torch.nn.functional`, eagerly and under torch.compile (for the very shapes); then trainings
side by side (`bench/trainings.py`): how far apart the curves are, the time in the loss, the process's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import command, frameworks, row_peers, timing, trainings
from .bars import Bar, verdicts

NEVER_SLOWER, POINTWISE, ROWS = 1.0, 3.0, 5.0
"""The bars: at any size, from 100,000 elements, from 1,000 classes."""

PEERS = ("torch", "torch.compile")
SIZES = tuple(10**k for k in range(8))
CLASSES = (10, 1_000, 32_000)
LOGITS = 1 << 24


def _normal(rng: Any, n: int) -> Any:
    return rng.standard_normal(n, "f")


def _binary(rng: Any, n: int) -> Any:
    return rng.integers(0, 2, n).astype("f")


LOSSES: dict[str, Callable[[Any, int], tuple[Any, ...]]] = {
    "mse_loss": lambda rng, n: (_normal(rng, n), _normal(rng, n)),
    "l1_loss": lambda rng, n: (_normal(rng, n), _normal(rng, n)),
    "smooth_l1_loss": lambda rng, n: (_normal(rng, n), _normal(rng, n)),
    "huber_loss": lambda rng, n: (_normal(rng, n), _normal(rng, n)),
    "binary_cross_entropy_with_logits": lambda rng, n: (_normal(rng, n), _binary(rng, n)),
    "soft_margin_loss": lambda rng, n: (_normal(rng, n), 2 * _binary(rng, n) - 1),
    "poisson_nll_loss": lambda rng, n: (_normal(rng, n), rng.poisson(2.0, n).astype("f")),
    "kl_div": lambda rng, n: (np.log(rng.random(n, "f") + 0.1), rng.random(n, "f") + 0.1),
}
"""Predictions and targets of a loss, by its name in torch."""


def rows(classes: int, dtype: str, logits: int) -> tuple[Any, Any]:
    """Logits and labels as tensors."""
    import torch

    rng = np.random.default_rng(20261128)
    n = max(1, logits // classes)
    scores = torch.from_numpy(rng.standard_normal((n, classes), "f")).to(getattr(torch, dtype))
    return scores, torch.from_numpy(rng.integers(0, classes, n))


def setups(name: str, tensors: Sequence[Any], libraries: Sequence[str]) -> dict[str, Callable[[], frameworks.Call]]:
    """torch's function and ours, eager and compiled, by the libraries' names."""
    import torch

    import fastloss.torch as ours

    torch._dynamo.reset()
    theirs = torch.nn.functional

    def of(module: Any, *, compiles: bool) -> frameworks.Call:
        forward = getattr(module, name)
        first = tensors[0].detach().clone()
        # Compiled code is kept by the code object: a lambda of its own for each.
        made = torch.compile(lambda *x: forward(*x), dynamic=False) if compiles else forward
        return frameworks.backward(made, (first, *tensors[1:]))

    found = {"fastloss": lambda: of(ours, compiles=False)}
    if "torch" in libraries:
        found["torch"] = lambda: of(theirs, compiles=False)
    if "torch.compile" in libraries:
        found["torch.compile"] = lambda: of(theirs, compiles=True)
        found["fastloss, compiled"] = lambda: of(ours, compiles=True)
    return found


def measured(
    name: str, tensors: Sequence[Any], libraries: Sequence[str], rounds: int, **about: Any
) -> dict[str, Any]:  # fmt: skip
    """A loss's value and its gradient by each library, all of which agree."""
    made = setups(name, tensors, libraries)
    value, grads = made["fastloss"]()()
    dtype = str(tensors[0].dtype).removeprefix("torch.")
    expected = value.item(), tuple(g.float().numpy() for g in grads)
    found = row_peers.rivals(name, made, expected, dtype)
    return {"loss": name, "dtype": dtype, **about, **command.timed({}, found, rounds)}


def bars(record: dict[str, Any]) -> list[Bar]:
    """How many times faster than torch's eager function."""
    times = record["times"]
    if not {"torch", "fastloss"} <= times.keys():
        return []
    classes, size = record.get("classes", 0), record["size"]
    limit = ROWS if classes >= 1_000 else POINTWISE if not classes and size >= 100_000 else NEVER_SLOWER
    what = f"{record['loss']}, {title(record)}"
    return [Bar("torch", what, "torch / fastloss", limit, times["torch"].median / times["fastloss"].median,
                at_least=True)]  # fmt: skip


def title(record: dict[str, Any]) -> str:
    """A record's size and type."""
    classes = record.get("classes")
    size = f"{record['size'] // classes:,} x {classes:,}" if classes else f"{record['size']:,}"
    return f"{size}, {record['dtype']}"


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each call's time, and how many times as long it takes as ours."""
    columns = ("fastloss", "torch", "torch.compile", "fastloss, compiled")
    lines = []
    for r in records:
        times = r["times"]
        ours = times["fastloss"].median if "fastloss" in times else float("nan")
        row = [f"{r['loss']}, {title(r)}"]
        for name in columns:
            absent = "n/a" if name in r["not_timed"] else "-"
            row += [str(times[name]), f"{times[name].median / ours:.2f}"] if name in times else [absent, ""]
        lines.append(row)
    header = [cell for name in columns for cell in (name, "/fastloss")]
    table = timing.table(["forward and backward", *header], lines)
    return table + "\n" + verdicts([bar for r in records for bar in bars(r)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=PEERS, rounds=5)
    parser.add_argument("--losses", default="mse_loss,huber_loss,binary_cross_entropy_with_logits,kl_div")
    parser.add_argument("--size", type=timing.count, help="one number of elements instead of 1 to 10,000,000")
    parser.add_argument("--only", choices=("sizes", "rows", "trainings"), help="one of the three parts")
    options = parser.parse_args(argv)
    timing.warn_if_busy()
    libraries = command.installed(options)
    quick, rounds = options.quick, 2 if options.quick else options.rounds
    records: list[dict[str, Any]] = []
    if options.only in (None, "sizes"):
        sizes = (options.size,) if options.size else (1, 1_000) if quick else SIZES
        for name in options.losses.split(","):
            for size in sizes:
                arrays = LOSSES[name](np.random.default_rng(20261128), size)
                tensors = [frameworks.tensor(x) for x in arrays]
                records.append(measured(name, tensors, libraries, rounds, size=size))
    if options.only in (None, "rows"):
        for classes in CLASSES[:2] if quick else CLASSES:
            for dtype in ("float32", "bfloat16"):
                tensors = rows(classes, dtype, 1 << 12 if quick else LOGITS)
                size = tensors[0].numel()
                found = measured("cross_entropy", tensors, libraries, rounds, size=size, classes=classes)
                records.append(found)
    print(timing.headline(timing.machine()))
    if records:
        print(command.spread(records) + "\n\n" + report(records))
    trained = trainings.measured(libraries, quick) if options.only in (None, "trainings") else []
    if trained:
        print("\n" + trainings.report(trained))
    timing.write_json(options.json, records, what="torchface", trainings=trained)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
