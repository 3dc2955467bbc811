"""LambdaRank's gradient beside LightGBM's own and a plain NumPy version: ``python -m bench.ranking``.

LightGBM's is what a round of its `lambdarank` takes beyond a round of its `regression`, with trees of two leaves of one
feature; in the same run a round with fastloss's objective takes what it takes beyond that. Both run on as many threads
as `--threads` says: one by default, as LightGBM's wait for each other where another process has a core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

import fastloss as fl

from . import command, timing

SAMPLES = 120_000
SIZES = (10, 30, 100, 300, 1_000)


def scene(size: int, samples: int) -> tuple[Any, Any, Any]:
    """Scores, targets of 0 to 4, rare ones the high ones, and the sizes of queries about as long as that."""
    rng = np.random.default_rng(20261126)
    sizes = rng.integers(size // 2, size * 3 // 2 + 1, max(1, samples // size))
    count = int(sizes.sum())
    return rng.standard_normal(count), rng.choice(5, count, p=[0.5, 0.3, 0.14, 0.04, 0.02]).astype(np.float64), sizes


# -- Beside -----------------------------------------------------------------------------------------------------------


def plain(pred: Any, target: Any, sizes: Any, truncation: int = 30) -> tuple[Any, Any]:
    """As it is usually written: a table of the pairs of each query."""
    grad, hess, start = np.empty_like(pred), np.empty_like(pred), 0
    for size in sizes:
        here = slice(start, start + size)
        start += size
        order = np.argsort(-pred[here], kind="stable")
        s, y = pred[here][order], target[here][order]
        gain, discount, first = 2.0**y - 1.0, 1.0 / np.log2(np.arange(size) + 2.0), np.arange(size) < truncation
        best = np.sort(gain)[::-1][:truncation] @ discount[:truncation]
        gap = s[:, None] - s
        weight = np.abs((gain[:, None] - gain) * (discount[:, None] - discount)) / (best or 1.0)
        weight *= (y[:, None] > y) & (first[:, None] | first)
        if s[0] != s[-1]:
            weight /= 0.01 + np.abs(gap)
        p = 1.0 / (1.0 + np.exp(gap))
        step, bend = weight * p, weight * p * (1.0 - p)
        total = 2.0 * step.sum()
        share = np.log2(1.0 + total) / total if total else 1.0
        grad[start - size + order] = (step.sum(axis=0) - step.sum(axis=1)) * share
        hess[start - size + order] = (bend.sum(axis=0) + bend.sum(axis=1)) * share
    return grad, hess


def rounds_of(pred: Any, target: Any, sizes: Any, threads: int) -> dict[str, Callable[[], Any]]:
    """Rounds of LightGBM, which hardly change the scores."""
    import lightgbm

    column = np.arange(len(pred))[:, None] % 2.0
    common = {"num_leaves": 2, "learning_rate": 1e-9, "verbose": -1, "num_threads": threads}

    def booster(objective: str) -> Any:
        data = lightgbm.Dataset(column, target, group=sizes, init_score=pred, params={"verbose": -1})
        return lightgbm.Booster({**common, "objective": objective}, data)

    def ours(score: Any, data: Any) -> Any:
        return fl.lambdarank.grad_and_hess(score, target, group=sizes, reduction="sum", backend=backend)

    backend = "serial" if threads == 1 else None
    bare, own, other = booster("regression"), booster("lambdarank"), booster("none")
    return {"bare round": bare.update, "LightGBM's round": own.update, "our round": lambda: other.update(fobj=ours)}


# -- Measurements -----------------------------------------------------------------------------------------------------


def measured(size: int, samples: int, libraries: Sequence[str], rounds: int, threads: int) -> dict[str, Any]:
    """Gradient and Hessian of queries of that size."""
    pred, target, sizes = scene(size, samples)
    expected = plain(pred, target, sizes)
    got = fl.lambdarank.grad_and_hess(pred, target, group=sizes, reduction="sum")
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    out = np.empty_like(pred), np.empty_like(pred)
    calls: dict[str, Callable[[], Any]] = {
        "grad_and_hess": lambda: fl.lambdarank.grad_and_hess(pred, target, group=sizes, out=out),
        "one thread": lambda: fl.lambdarank.grad_and_hess(pred, target, group=sizes, out=out, backend="serial"),
        "value_and_grad": lambda: fl.lambdarank.value_and_grad(pred, target, group=sizes, out=out[0]),
        "ndcg": lambda: fl.ndcg(pred, target, group=sizes),
        "RankNet": lambda: fl.pairwise_logistic.grad_and_hess(pred, target, group=sizes, out=out),
    }
    if "numpy" in libraries:
        calls["numpy"] = lambda: plain(pred, target, sizes)
    if "lightgbm" in libraries:
        calls |= rounds_of(pred, target, sizes, threads)
    return {"loss": "lambdarank", "size": size, "samples": len(pred), **command.timed(calls, {}, rounds)}


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each call, by the sample, and as many times as long as gradient and Hessian."""
    lines = []
    for r in records:
        own, what = r["times"]["grad_and_hess"].median, f"queries of {r['size']}"
        lines += [[what, name, str(t), timing.seconds(t.median / r["samples"]), f"{t.median / own:.2f}"]
                  for name, t in r["times"].items()]  # fmt: skip
        if "bare round" in r["times"]:
            bare, theirs, ours = (r["times"][n].median for n in ("bare round", "LightGBM's round", "our round"))
            for name, t in (("LightGBM's objective", theirs - bare), ("our objective, there", ours - bare)):
                lines.append([what, name, timing.seconds(t), timing.seconds(t / r["samples"]), f"{t / own:.2f}"])
    return timing.table(["what", "", "time", "a sample", "/own"], lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=("numpy", "lightgbm"), rounds=7)
    parser.add_argument("--threads", type=int, default=1, help="of LightGBM, and of fastloss beside it")
    options = parser.parse_args(argv)
    sizes, samples, rounds = (SIZES, SAMPLES, options.rounds) if not options.quick else ((10,), 100, 2)
    timing.warn_if_busy()
    libraries = [name for name in options.peers.split(",") if name and find_spec(name)]
    records = [measured(size, samples, libraries, rounds, options.threads) for size in sizes]
    print(timing.headline(timing.machine()))
    print(f"LambdaRank of {samples:,} samples; {command.spread(records)}\n")
    print(report(records))
    timing.write_json(options.json, records, what="ranking")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
