"""Adversarial losses and penalties, with their gradients, beside torch's eager formulas: ``python -m bench.gan``.

The bar: never slower, at any size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, frameworks, timing

SIZES = (8, 10_000, 1_000_000)
COLUMNS = 4
"""Coefficients of a group, and those of a row of the matrix whose total variation is taken."""


def softplus(x: Any) -> Any:
    import torch.nn.functional as functional

    return functional.softplus(x)


def average(real: Any, fake: Any) -> Any:
    return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()


GAMES: dict[str, Callable[[Any, Any], Any]] = {
    "minimax": lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    "least_squares": lambda real, fake: 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean(),
    "wasserstein": lambda real, fake: fake.mean() - real.mean(),
    "hinge": lambda real, fake: (1 - real).relu().mean() + (1 + fake).relu().mean(),
    "relativistic_average": average,
}
"""Discriminators' losses as torch's users write them."""

PENALTIES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "l1": (fl.penalties.l1(0.5), lambda w: 0.5 * w.abs().sum()),
    "l2": (fl.penalties.l2(0.5), lambda w: 0.25 * w.square().sum()),
    "elastic_net": (fl.penalties.elastic_net(0.5), lambda w: 0.25 * w.abs().sum() + 0.125 * w.square().sum()),
    "group_lasso": (fl.penalties.group_lasso(0.5, axis=1, by_size=False), lambda w: 0.5 * w.norm(dim=1).sum()),
    "total_variation": (
        fl.penalties.total_variation(0.5),
        lambda w: 0.5 * w.diff(dim=0).abs().sum() + 0.5 * w.diff(dim=1).abs().sum(),
    ),
}


def record(name: str, mine: Callable[..., Any], theirs: Callable[..., Any] | None, inputs: Any, rounds: int) -> Any:
    """Both in turns, once they agree."""
    calls: dict[str, Callable[[], Any]] = {"fastloss": lambda: mine(*inputs)}
    if theirs is not None:
        calls["torch"] = frameworks.backward(theirs, inputs, range(len(inputs)))
        (value, grads), (other, slopes) = (call() for call in calls.values())
        np.testing.assert_allclose(value, other.item(), rtol=1e-4, atol=1e-6)
        for a, b in zip(grads if len(inputs) > 1 else (grads,), slopes, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-3, atol=1e-8)
    about = {"loss": name, "size": inputs[0].size, "dtype": str(inputs[0].dtype)}
    return {**about, **command.timed(calls, {}, rounds)}


def measured(size: int, dtype: str, peers: Sequence[str], rounds: int) -> list[Any]:
    """All of them at one size."""
    rng = np.random.default_rng(20261126)
    real, fake = (rng.normal(size=size).astype(dtype) for _ in range(2))
    with_torch, found = "torch" in peers, []
    for name, formula in GAMES.items():
        mine = getattr(fl.gan, name).discriminator.value_and_grad
        found.append(record(name, mine, formula if with_torch else None, (real, fake), rounds))
    for name, (penalty, formula) in PENALTIES.items():
        matrix = (real.reshape(-1, COLUMNS),)
        found.append(record(name, penalty.value_and_grad, formula if with_torch else None, matrix, rounds))
    return found


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each loss's time, and how many times as long torch takes."""
    rows = []
    for r in records:
        best = {name: times.best for name, times in r["times"].items()}
        told = [timing.seconds(best[name]) if name in best else "-" for name in ("fastloss", "torch")]
        ratio = f"{best['torch'] / best['fastloss']:.1f}" if "torch" in best else "-"
        rows.append([r["loss"], f"{r['size']:,}", r["dtype"], *told, ratio])
    return timing.table(["loss", "size", "dtype", "fastloss", "torch", "torch / fastloss"], rows)


def main(argv: Sequence[str] | None = None) -> int:
    options = command.parser(__doc__, libraries=("torch",), rounds=9).parse_args(argv)
    timing.warn_if_busy()
    peers = command.installed(options)
    sizes, rounds = ((8, 400), 2) if options.quick else (SIZES, options.rounds)
    records = [r for size in sizes for r in measured(size, "float32", peers, rounds)]
    print(timing.headline(timing.machine()))
    what = f"value_and_grad of two batches, or of a matrix of {COLUMNS} columns, the best of all rounds"
    print(f"{what}; {command.spread(records)}\n")
    print(report(records))
    timing.write_json(options.json, records, what="gan")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
