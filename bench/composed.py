"""Sums of losses beside the same losses written by hand, and beside a call of each: ``python -m bench.composed``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import fastloss as fl
from fastloss.losses.emphasis import _focal
from fastloss.losses.softmax import among, below, missing
from fastloss.losses.special import exp_neg, scaled

from . import timing

Jet = tuple[float, float, float]


@fl.pointwise(delta=fl.POSITIVE_OR_INF, q=fl.OPEN_UNIT)
def huber_and_quantile(pred: float, target: float, delta: float = 1.0, q: float = 0.9) -> Jet:
    """2 huber + quantile."""
    r = pred - target
    a = abs(r)
    gap = abs(0.5 * pred - 0.5 * target)
    tilt = 1.0 - q if r > 0.0 else (-q if r < 0.0 else r)
    return (
        2.0 * ((delta + delta) * (gap - 0.25 * delta) if a > delta else 0.5 * a * a) + abs(tilt + tilt) * gap,
        2.0 * (delta if r > delta else (-delta if r < -delta else r)) + tilt,
        2.0 if a <= delta else 0.0,
    )


@fl.pointwise
def heavy_tail(pred: float, target: float) -> Jet:
    """A term of a logarithm."""
    r = pred - target
    inverse = 1.0 / (1.0 + r * r)
    return math.log1p(r * r), 2.0 * r * inverse, 2.0 * (1.0 - r * r) * inverse * inverse


@fl.pointwise
def bounded(pred: float, target: float) -> Jet:
    """A term of an exponential."""
    r = pred - target
    e = math.exp(-0.5 * r * r)
    return 1.0 - e, r * e, (1.0 - r * r) * e


@fl.pointwise
def heavy_tail_and_bounded(pred: float, target: float) -> Jet:
    """Both of them, the second times 3."""
    r = pred - target
    inverse = 1.0 / (1.0 + r * r)
    e = 3.0 * math.exp(-0.5 * r * r)
    return (
        math.log1p(r * r) + (3.0 - e),
        2.0 * r * inverse + r * e,
        2.0 * (1.0 - r * r) * inverse * inverse + (1.0 - r * r) * e,
    )


@fl.rowwise(targets="labels", smooth=False)
class cross_entropy_and_focal:
    """0.7 cross_entropy + 0.3 multiclass_focal of labels, with what both sums have in common."""

    def peak(z: float, gamma: float) -> float:
        return z

    def fold(z: float, t: float, m: float, gamma: float = 2.0) -> Any:
        x = below(z, m)
        e = exp_neg(x)
        top = z == m
        return (0.0 if top else e, 1.0 if top else 0.0, -x if t != 0.0 else 0.0, t), (e,)

    def finish(m: float, rest: float, ties: float, gap: float, mass: float, gamma: float) -> Any:
        others = among(m, rest, ties)
        inverse, log = 1.0 / (1.0 + others), math.log1p(others)
        e = exp_neg(-gap)
        value, steep, curve, _ = _focal(e, -gap, others, inverse, log, gamma)
        wrong = others if e == 1.0 else 1.0 + others - e
        both = 0.7 * (mass * (log + gap)) + 0.3 * scaled(mass, value) + 0.0 * others
        return both, (others, inverse, mass, 0.3 * mass * steep, 0.3 * mass * curve, wrong)

    def grad(
        e: float, t: float, others: float, inverse: float, mass: float, steep: float, curve: float, wrong: float,
        gamma: float,
    ) -> Any:  # fmt: skip
        p = e * inverse
        q = missing(e, others, inverse)
        r = 1.0 if t != 0.0 or wrong == 0.0 else e / wrong
        slope = steep + 0.7 * mass
        return slope * (-q if t != 0.0 else p), curve * r * r + slope * p * q


ELEMENTS = {
    "2 huber + quantile": (
        2.0 * fl.huber + fl.quantile.bind(q=0.9), huber_and_quantile, [fl.huber, fl.quantile.bind(q=0.9)]
    ),
    "logarithm + 3 exponentials": (heavy_tail + 3.0 * bounded, heavy_tail_and_bounded, [heavy_tail, bounded]),
}  # fmt: skip
"""A sum, the same written by hand, the terms."""

MIXED = 0.7 * fl.cross_entropy + 0.3 * fl.multiclass_focal
ROWS = {"0.7 cross_entropy + 0.3 focal": (MIXED, cross_entropy_and_focal, [fl.cross_entropy, fl.multiclass_focal])}
"""The same of rows."""


def measured(title: str, losses: Sequence[Any], x: Sequence[Any], verb: str) -> None:
    """Print the times of a sum, of its twin and of the calls of its terms, and their ratios."""
    whole, twin, terms = losses
    two = verb == "grad_and_hess"

    def call(loss: Any) -> Any:
        outs = [np.empty_like(x[0]) for _ in range(1 + two)]
        out = tuple(outs) if two else outs[0]
        return lambda: getattr(loss, verb)(*x, out=out, backend="serial")

    apart = [call(loss) for loss in terms]
    found = timing.interleaved(
        {"sum": call(whole), "by hand": call(twin), "apart": lambda: [one() for one in apart]}
    )  # fmt: skip
    best = {which: t.best for which, t in found.items()}
    times = ", ".join(f"{which} {timing.seconds(t)}" for which, t in best.items())
    print(f"{title} {verb} {x[0].dtype}: {times}; sum / by hand {best['sum'] / best['by hand']:.2f}, "
          f"apart / sum {best['apart'] / best['sum']:.2f}")  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Print all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="numbers of each array")
    size = parser.parse_args(argv).size
    rng = np.random.default_rng(20261126)
    for kind in ("float32", "float64"):
        x = [rng.normal(size=size).astype(kind) for _ in range(2)]
        for title, losses in ELEMENTS.items():
            for verb in ("value_and_grad", "grad_and_hess"):
                measured(title, losses, x, verb)
        for classes in (10, 1_000):
            rows = max(1, size // classes)
            x_rows = [rng.normal(size=(rows, classes)).astype(kind), rng.integers(0, classes, rows)]
            for title, losses in ROWS.items():
                measured(f"{title}, {classes} classes,", losses, x_rows, "value_and_grad")


if __name__ == "__main__":
    main()
