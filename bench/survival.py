"""Cox's partial likelihood beside torch's and NumPy's usual formulas: ``python -m bench.survival``.

Those add up exponentials from the longest time on (`logcumsumexp`), which is right where no two times are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

import fastloss as fl

from . import command, timing

SIZES = (256, 10_000, 1_000_000)


def scene(size: int) -> tuple[Any, Any, Any]:
    """Scores, times, and events of 30% of the samples."""
    rng = np.random.default_rng(20261128)
    return rng.normal(size=size), rng.exponential(size=size), rng.random(size) < 0.3


def plain(pred: Any, time: Any, event: Any) -> tuple[Any, Any]:
    """Value and gradient as they are usually written in NumPy."""
    order = np.argsort(-time)
    scores, seen = pred[order], event[order]
    risk = np.logaddexp.accumulate(scores)
    count = seen.sum()
    passed = np.cumsum((seen * np.exp(-risk))[::-1])[::-1]
    grad = np.empty_like(pred)
    grad[order] = (np.exp(scores) * passed - seen) / count
    return (risk - scores)[seen].sum() / count, grad


def in_torch(pred: Any, time: Any, event: Any) -> tuple[Any, Any]:
    """The same in torch, forward and backward."""
    import torch

    scores = torch.from_numpy(pred).requires_grad_()
    order = torch.argsort(torch.from_numpy(time), descending=True)
    ordered, seen = scores[order], torch.from_numpy(event)[order]
    value = (torch.logcumsumexp(ordered, 0) - ordered)[seen].mean()
    value.backward()  # type: ignore[no-untyped-call]
    return value.item(), scores.grad


def measured(size: int, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """Each way of that many samples."""
    given = scene(size)
    others: dict[str, Callable[..., Any]] = {"numpy": plain, "torch": in_torch}
    calls: dict[str, Callable[[], Any]] = {
        "value_and_grad": lambda: fl.cox.value_and_grad(*given),
        "grad_and_hess": lambda: fl.cox.grad_and_hess(*given),
        "argsort of the times": lambda: np.argsort(given[1]),
    }
    value, grad = fl.cox.value_and_grad(*given)
    for name in libraries:
        theirs = others[name](*given)
        np.testing.assert_allclose(theirs[0], value, rtol=1e-9)
        np.testing.assert_allclose(theirs[1], grad, rtol=1e-6, atol=1e-9 / size)
        calls[name] = lambda way=others[name]: way(*given)
    return {"loss": "cox", "size": size, **command.timed(calls, {}, rounds)}


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each way, and as many times as long as ours."""
    lines = [
        [f"{r['size']:,}", name, str(t), f"{t.median / r['times']['value_and_grad'].median:.2f}"]
        for r in records
        for name, t in r["times"].items()
    ]
    return timing.table(["samples", "", "time", "/own"], lines)


def main(argv: Sequence[str] | None = None) -> int:
    options = command.parser(__doc__, libraries=("numpy", "torch"), rounds=7).parse_args(argv)
    sizes, rounds = (SIZES, options.rounds) if not options.quick else ((100,), 2)
    timing.warn_if_busy()
    libraries = [name for name in options.peers.split(",") if name and find_spec(name)]
    records = [measured(size, libraries, rounds) for size in sizes]
    print(timing.headline(timing.machine()))
    print(f"Cox's partial likelihood; {command.spread(records)}\n")
    print(report(records))
    timing.write_json(options.json, records, what="survival")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
