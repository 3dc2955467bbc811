"""Distillation: small networks learn from labels alone, and from labels and the soft targets of a large one."""

from __future__ import annotations

from functools import partial
from statistics import mean, median, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from ...registry import LOSSES
from .common import SEED, Array, digit_images, duration, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .screen import Screen

LARGE, SMALL = 256, 16  # units in the hidden layer of the teacher, of a student
FEW = 100  # images that a student learns from
TEMPERATURE, ALPHA = 4.0, 0.1

Network = list[Array]
"""Weights and constants of the hidden layer, then those of the output."""


def distillation(screen: Screen, title: str, seeds: Sequence[int]) -> None:
    """One teacher; for each seed two students that differ in nothing but the loss."""
    x, x_test, labels, labels_test = digit_images()
    screen.line(f"{title}: the same digits, networks with one hidden layer, Adam. The teacher, of {LARGE} units,")
    screen.line(f"   learns from all {len(x)} images. A student, of {SMALL}, learns from {FEW}: from their labels, or")
    screen.line("   from those and the teacher's logits for the same images (distillation, temperature "
                f"{TEMPERATURE:g}, alpha {ALPHA:g}).")  # fmt: skip
    screen.line("   A seed draws the images and the starting weights, alike for both losses. Mean ± standard")
    screen.line(f"   deviation of seeds {seeds[0]} to {seeds[-1]}, median time of one\n")

    hard, soft = LOSSES["cross_entropy"], LOSSES["distillation"].bind(temperature=TEMPERATURE, alpha=ALPHA)
    screen.step("distillation: its kernel, from the cache or the compiler")
    train(soft, x, (x[:, :10], labels), 1, 0, 1)
    screen.step("training the teacher")
    teachers = [timed(partial(train, hard, x, (labels,), LARGE, SEED))]
    alone, taught = [], []
    for seed in seeds:
        few = np.random.default_rng(seed).choice(len(x), FEW, replace=False)
        targets, logits = labels[few], scores(teachers[0][1], x[few])[1]
        screen.step(f"training student {seed} by labels alone")
        alone.append(timed(partial(train, hard, x[few], (targets,), SMALL, seed)))
        screen.step(f"training student {seed} by labels and logits")
        taught.append(timed(partial(train, soft, x[few], (logits, targets), SMALL, seed)))

    screen.line(f"   {'':45}{'test accuracy':>18}{'time':>12}")
    means = []
    for name, trials in (
        (f"teacher of {len(x)} images", teachers),
        (f"student of {FEW} images, labels alone", alone),
        (f"student of {FEW} images, labels and logits", taught),
    ):
        found = [float(np.mean(scores(network, x_test)[1].argmax(axis=1) == labels_test)) for _, network in trials]
        means.append(mean(found))
        accuracy = f"{mean(found):.4f}" + (f" ± {stdev(found):.4f}" if len(found) > 1 else "")
        screen.line(f"   {name:45}{accuracy:>18}{duration(median(seconds for seconds, _ in trials)):>12}")
    screen.line()
    screen.showed(
        f"{100 * means[2]:.1f}% right with the teacher's logits, {100 * means[1]:.1f}% without, of {FEW} images: "
        "two losses in one pass."
    )


def scores(network: Network, x: Array) -> tuple[Array, Array]:
    """The values of the hidden layer, and the logits."""
    inner, shift, outer, constant = network
    hidden = np.maximum(x @ inner + shift, 0.0)
    return hidden, hidden @ outer + constant


def train(
    loss: Any, x: Array, targets: tuple[Array, ...], units: int, seed: int, steps: int = 800, rate: float = 0.005
) -> Network:
    """Adam on batches of 32; `targets` are what the loss takes after the logits, a row for each image."""
    rng = np.random.default_rng(seed)
    inner, outer = (rng.normal(0.0, np.sqrt(2.0 / n), (n, m)) for n, m in ((x.shape[1], units), (units, 10)))
    network = [p.astype(x.dtype) for p in (inner, np.zeros(units), outer, np.zeros(10))]
    means, squares = [[np.zeros_like(p) for p in network] for _ in range(2)]
    for step in range(1, steps + 1):
        rows = rng.integers(len(x), size=32)
        batch = x[rows]
        hidden, logits = scores(network, batch)
        # As in the part before, the gradient takes the place of the logits.
        _, grad = loss.value_and_grad(logits, *(target[rows] for target in targets), out=logits)
        back = grad @ network[2].T * (hidden > 0.0)
        slopes = batch.T @ back, back.sum(axis=0), hidden.T @ grad, grad.sum(axis=0)
        pace = rate * np.sqrt(1.0 - 0.999**step) / (1.0 - 0.9**step)
        for p, slope, m, s in zip(network, slopes, means, squares, strict=True):
            m += 0.1 * (slope - m)
            s += 0.001 * (slope * slope - s)
            p -= pace * m / (np.sqrt(s) + 1e-8)
    return network
