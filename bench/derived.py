"""Losses that are derived from their value beside the same losses written by hand: ``python -m bench.derived``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

import fastloss as fl

from . import timing


def huber(pred: Any, target: Any, delta: Any = 1.0) -> Any:
    """Squared error near the target, absolute error beyond."""
    a = abs(pred - target)
    return fl.where(a <= delta, 0.5 * a * a, delta * (a - 0.5 * delta))


def log_cosh(pred: Any, target: Any) -> Any:
    """As a textbook has it."""
    return fl.math.log(fl.math.cosh(pred - target))


def tweedie(pred: Any, target: Any, power: Any = 1.5) -> Any:
    """For powers between 1 and 2."""
    up, down = 2.0 - power, power - 1.0
    return fl.math.exp(up * pred) / up + fl.math.times_exp(target, -down * pred) / down


def binary_focal(pred: Any, target: Any, gamma: Any = 2.3, alpha: Any = 0.25) -> Any:
    """Of a logit; a negative alpha leaves the classes unweighted."""
    p, q, other = fl.math.sigmoid(pred), fl.math.sigmoid(-pred), 1.0 - target
    surprise = target * fl.math.softplus(-pred) + other * fl.math.softplus(pred)
    even = fl.where(alpha < 0.0, 1.0, alpha * target + (1.0 - alpha) * other)
    return even * (target * q + other * p) ** gamma * surprise


COMPOUND = fl.Domain("COMPOUND", 1.0, 2.0, low_open=True, high_open=True)

FORMULAS: dict[str, Any] = {
    "huber": (huber, {"delta": fl.POSITIVE_OR_INF}),
    "log_cosh": (log_cosh, {}),
    "tweedie": (tweedie, {"target": fl.NON_NEGATIVE, "power": COMPOUND}),
    "binary_focal": (binary_focal, {"target": fl.UNIT, "gamma": fl.NON_NEGATIVE}),
}  # fmt: skip
"""The values, by the names of the losses that were written by hand, and their domains."""


def derived(name: str) -> fl.Loss:
    """The loss that is derived of such a value."""
    function, domains = FORMULAS[name]
    loss: fl.Loss = fl.derive(function, **domains)
    return loss


def pair(name: str) -> dict[str, fl.Loss]:
    """A loss twice, with the same parameters."""
    mine = derived(name)
    return {"derived": mine, "by hand": fl.LOSSES[name].bind(**mine.values)}


def inputs(loss: fl.Loss, kind: str, size: int) -> list[Any]:
    """Data from inside the domains."""
    rng = np.random.default_rng(20261126)
    return [d.sample(rng, size).astype(kind) for d in loss.domains]


COLD = """
import sys, time
import numpy as np
import fastloss as fl
from bench import derived
x = np.zeros(8, "f")
fl.squared_error.value_and_grad(x, x, backend="serial")  # what is needed for whatever loss
mine = derived.pair(sys.argv[1])[sys.argv[2]]
inputs = derived.inputs(mine, "f", 8)
start = time.perf_counter()
mine.value_and_grad(*inputs, backend="serial")
print(time.perf_counter() - start)
"""


def cold(name: str, which: str) -> float:
    """Seconds to the first result in a process without any kernel."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "FASTLOSS_CACHE_DIR": folder}
        command = [sys.executable, "-c", COLD, name, which]
        return float(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print times by hand and derived, and their ratio."""
    for name in FORMULAS:
        losses = pair(name)
        for kind in ("float32", "float64"):
            x = inputs(losses["derived"], kind, 1_000_000)
            for verb, count in (("value_and_grad", 1), ("grad_and_hess", 2)):
                out: Any = [np.empty_like(x[0]) for _ in range(count)]
                out = out[0] if count == 1 else tuple(out)
                calls = {
                    which: lambda loss=loss, verb=verb, x=x, out=out: getattr(loss, verb)(*x, out=out, backend="serial")
                    for which, loss in losses.items()
                }
                found = timing.interleaved(calls)
                ratio = found["derived"].best / found["by hand"].best
                times = ", ".join(f"{which} {timing.seconds(t.best)}" for which, t in found.items())
                print(f"{name} {verb} {kind}: {times}, ratio {ratio:.2f}")
        first = {which: min(cold(name, which) for _ in range(2)) for which in losses}
        print(f"{name} cold: {first}, ratio {first['derived'] / first['by hand']:.2f}")


if __name__ == "__main__":
    main()
