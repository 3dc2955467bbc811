"""Dice and Lovász losses with their gradients beside torch's eager formulas: ``python -m bench.segmentation``.

Logits of one class by the sigmoid, and of 4 and 21 classes by the softmax, with integer labels; dice is to take no
longer than torch at any size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, frameworks, row_peers, timing
from .bars import Bar, verdicts

PEERS = ("torch",)
SIZES = (8, 10_000, 1_000_000)
CLASSES = (1, 4, 21)


def scene(classes: int, pixels: int, dtype: str) -> tuple[Any, Any]:
    """Logits of shape (1, classes, pixels) and labels, or of one region alone logits and a mask."""
    rng = np.random.default_rng(20261127)
    if classes == 1:
        return rng.standard_normal(pixels).astype(dtype), (rng.random(pixels) < 0.3).astype(dtype)
    return rng.standard_normal((1, classes, pixels)).astype(dtype), rng.integers(0, classes, (1, pixels))


# -- torch -------------------------------------------------------------------------------------------------------------


def torch_dice(logits: Any, target: Any) -> Any:
    """As its users write it."""
    import torch

    if logits.ndim == 1:
        p = logits.sigmoid()
        return 1 - 2 * (p * target).sum() / (p.sum() + target.sum())
    p = logits.softmax(dim=1)
    mask = torch.nn.functional.one_hot(target, logits.shape[1]).movedim(-1, 1).to(p.dtype)
    return (1 - 2 * (p * mask).sum(dim=(0, 2)) / (p.sum(dim=(0, 2)) + mask.sum(dim=(0, 2)))).mean()


def torch_lovasz(logits: Any, target: Any) -> Any:
    """The same, a class at a time."""
    import torch

    if logits.ndim == 1:
        pairs = [(logits.sigmoid(), target)]
    else:
        p = logits.softmax(dim=1)
        pairs = [(p[:, c].flatten(), (target == c).flatten().to(p.dtype)) for c in range(logits.shape[1])]
    found = []
    for p, mask in pairs:
        if not mask.any():
            continue
        errors, order = (mask - p).abs().sort(descending=True)
        with torch.no_grad():
            sorted_mask = mask[order]
            total = sorted_mask.sum()
            jaccard = 1 - (total - sorted_mask.cumsum(0)) / (total + (1 - sorted_mask).cumsum(0))
            jaccard[1:] -= jaccard[:-1].clone()
        found.append(errors @ jaccard)
    return torch.stack(found).mean()


# -- Measurements ------------------------------------------------------------------------------------------------------

LOSSES: dict[str, tuple[Any, Callable[..., Any]]] = {
    "dice": (fl.dice_loss, torch_dice),
    "lovasz": (fl.lovasz_softmax_loss, torch_lovasz),
}


def measured(
    name: str, classes: int, pixels: int, dtype: str, libraries: Sequence[str], rounds: int
) -> dict[str, Any]:  # fmt: skip
    """A loss and its gradient, fresh and given, of so many pixels."""
    loss, other = LOSSES[name]
    logits, target = scene(classes, pixels, dtype)
    options: dict[str, Any] = {"activation": "sigmoid"} if classes == 1 else {"activation": "softmax", "axis": 1}
    out = np.empty_like(logits)
    value, grad = loss.value_and_grad(logits, target, **options)
    setups = {"torch": lambda: frameworks.backward(other, (logits, target))}
    setups = {library: setups[library] for library in libraries if library in setups}
    # The eager formulas of Lovász subtract sums of up to all pixels from each other.
    found = row_peers.rivals(name, setups, (value, (grad,)), "float32" if name == "dice" else "bfloat16")
    calls: dict[str, Callable[[], Any]] = {
        "fresh": lambda: loss.value_and_grad(logits, target, **options),
        "out": lambda: loss.value_and_grad(logits, target, out=out, **options),
    }
    about = {"loss": name, "classes": classes, "pixels": pixels, "dtype": dtype}
    return {**about, **command.timed(calls, found, rounds)}


def bars(record: dict[str, Any]) -> list[Bar]:
    """How much of torch's time dice takes."""
    times = record["times"]
    if record["loss"] != "dice" or "torch" not in times:
        return []
    what = f"{record['classes']} x {record['pixels']:,}, {record['dtype']}"
    return [Bar("dice", what, "fresh / torch", 1.0, times["fresh"].median / times["torch"].median)]


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each call, and how many times as long it takes as with a fresh gradient."""
    lines = []
    for r in records:
        size = f"{r['loss']}, {r['classes']} x {r['pixels']:,}, {r['dtype']}"
        lines += [
            [size, name, str(t), f"{t.median / r['times']['fresh'].median:.2f}"] for name, t in r["times"].items()
        ]
        lines += [[size, name, f"n/a: {reason}", ""] for name, reason in r["not_timed"].items()]
    table = timing.table(["what", "", "time", "/fresh"], lines)
    return table + "\n" + verdicts([bar for r in records for bar in bars(r)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=PEERS, rounds=9)
    options = parser.parse_args(argv)
    sizes, rounds = ((8,), 2) if options.quick else (SIZES, options.rounds)
    dtypes = ("float64",) if options.quick else ("float32", "float64")
    timing.warn_if_busy()
    libraries = command.installed(options)
    records = [
        measured(name, classes, pixels, dtype, libraries, rounds)
        for name in LOSSES
        for classes in CLASSES
        for pixels in sizes
        for dtype in dtypes
    ]
    print(timing.headline(timing.machine()))
    print(f"Segmentation: classes x pixels; {command.spread(records)}\n")
    print(report(records))
    timing.write_json(options.json, records, what="segmentation")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
