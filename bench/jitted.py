"""A user's compiled loop with a loss in it, beside the verb and beside the formula by hand: ``python -m bench.jitted``.

All give the sum of the losses and the gradient of each element, on one thread. Ratios are to the verb.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

import fastloss as fl

from . import timing

if TYPE_CHECKING:
    from collections.abc import Callable


@numba.njit
def huber(pred: Any, target: Any) -> Any:
    """As one writes it."""
    r = pred - target
    if abs(r) <= 1:
        return r * r / 2, r
    return abs(r) - 0.5, np.sign(r)


@numba.njit
def log_cosh(pred: Any, target: Any) -> Any:
    """As one writes it: infinite from 710 on, and without digits near 0."""
    r = pred - target
    return np.log(np.cosh(r)), np.tanh(r)


BY_HAND = {"huber": huber, "log_cosh": log_cosh}


def loop(function: Any) -> Callable[..., Any]:
    """A user's loop over that function."""

    @numba.njit(fastmath={"reassoc"})
    def run(pred: Any, target: Any, grad: Any) -> Any:
        total = pred.dtype.type(0)
        for i in range(pred.size):
            found = function(pred[i], target[i])
            total += found[0]
            grad[i] = found[1]
        return total

    return run


def ways(loss: Any, ours: Any, theirs: Any, arrays: Any) -> dict[str, Callable[[], Any]]:
    """What is timed."""
    pred, target, grad = arrays
    return {
        "verb": lambda: loss.value_and_grad(pred, target, reduction="sum", out=grad, backend="serial"),
        "jitted": lambda: ours(*arrays),
        "by hand": lambda: theirs(*arrays),
    }


def main() -> None:
    """Print times and ratios."""
    size = int(float(sys.argv[1])) if len(sys.argv) > 1 else 100_000
    rng = np.random.default_rng(20261127)
    for name, by_hand in BY_HAND.items():
        loss = fl.LOSSES[name]
        for kind in ("float32", "float64"):
            pred, target = rng.normal(size=(2, size)).astype(kind)
            grad = np.empty_like(pred)
            ours, theirs = loop(loss.jitted), loop(by_hand)
            found = timing.interleaved(ways(loss, ours, theirs, (pred, target, grad)))
            for way, taken in found.items():
                ratio = taken.median / found["verb"].median
                print(f"{name:10s} {kind} {way:8s} {taken.median / size * 1e9:7.3f} ns an element, ratio {ratio:5.2f}")


if __name__ == "__main__":
    main()
