"""The calls that `bench.sidebyside` times, and the process that times them: this file alone, with a commit's package.

Only NumPy and what is public of fastloss is used, so that one text measures any commit. Started without arguments, the
process reads names of calls and answers each with the seconds of one; started with ``import`` or ``compile`` it prints
the processor's seconds for what can be measured but once.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np

SAMPLE = 2e-3
"""Seconds that one sample lasts at least."""

COMPILED = (
    "huber, float32",
    "binary_cross_entropy_with_logits, float64",
    "cross_entropy, K=10",
    "cross_entropy, K=1000",
)


def elements(
    name: str, size: int, dtype: str = "f4", out: bool = False, weighted: bool = False, **keywords: Any
) -> Callable[[], Any]:
    """`value_and_grad` of so many numbers."""
    import fastloss as fl

    rng = np.random.default_rng(20261126)
    x, t = rng.normal(0, 2, size).astype(dtype), rng.uniform(0.01, 0.99, size).astype(dtype)
    if out:
        keywords["out"] = np.zeros_like(x)
    if weighted:
        keywords["weight"] = t
    run = fl.LOSSES[name].value_and_grad
    return lambda: run(x, t, **keywords)


def rows(n: int, classes: int, out: bool = True, **keywords: Any) -> Callable[[], Any]:
    """`cross_entropy.value_and_grad` of so many rows."""
    import fastloss as fl

    rng = np.random.default_rng(20261126)
    z, labels = rng.normal(0, 2, (n, classes)).astype("f4"), rng.integers(0, classes, n)
    if out:
        keywords["out"] = np.zeros_like(z)
    run = fl.cross_entropy.value_and_grad
    return lambda: run(z, labels, **keywords)


CALLS: dict[str, Callable[[], Callable[[], Any]]] = {
    "huber of 8": partial(elements, "huber", 8),
    "huber of 8, delta=2": partial(elements, "huber", 8, delta=2.0),
    "huber of 8, out=": partial(elements, "huber", 8, out=True),
    "squared_error of 8, weight=": partial(elements, "squared_error", 8, weighted=True),
    "root_mean_squared_error of 8": partial(elements, "root_mean_squared_error", 8),
    "cross_entropy of 8 x 3": partial(rows, 8, 3, out=False),
    **{
        f"{name} of 2^22, {way}": partial(elements, name, 1 << 22, out=True, backend=way)
        for name in ("huber", "binary_cross_entropy_with_logits")
        for way in ("serial", "parallel")
    },
    "cross_entropy of 100,000 x 10": partial(rows, 100_000, 10),
    "cross_entropy of 4,000 x 1,000": partial(rows, 4_000, 1_000),
    "cross_entropy of 128 x 32,000": partial(rows, 128, 32_000),
}
"""What makes each call's arrays and returns the call."""


def sample(call: Callable[[], Any], repeats: int) -> float:
    """Seconds of one of so many calls in a row."""
    start = time.perf_counter()
    for _ in repeat(None, repeats):
        call()
    return (time.perf_counter() - start) / repeats


def answer() -> None:
    """Time the call that a line names; the first time, compile it and find out how many make a sample."""
    known: dict[str, tuple[Callable[[], Any], int]] = {}
    gc.disable()
    for line in sys.stdin:
        name = line.rstrip("\n")
        if name not in known:
            call = CALLS[name]()
            call()
            call()
            known[name] = call, max(1, round(SAMPLE / sample(call, 3)))
        call, repeats = known[name]
        call()
        print(sample(call, repeats), flush=True)


def compile_each() -> list[float]:
    """The processor's seconds for the first call of each of `COMPILED`, Numba being loaded."""
    elements("squared_error", 8)()
    first, second = (name.split(",")[0] for name in COMPILED[:2])
    calls = (elements(first, 8), elements(second, 8, "f8"), rows(8, 10), rows(8, 1000))
    spent = []
    for call in calls:
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return spent


def import_it() -> list[float]:
    """The processor's seconds for the import, NumPy being loaded."""
    start = time.process_time()
    import fastloss  # noqa: F401

    return [time.process_time() - start]


if __name__ == "__main__":
    if sys.argv[1:]:
        print(*{"compile": compile_each, "import": import_it}[sys.argv[1]]())
    else:
        answer()
