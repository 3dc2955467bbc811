"""Naive formulas of adversarial losses of whole batches, in mpmath's digits, and their differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

Batch = list[Any]


def mean(x: Batch) -> Any:
    return sum(x) / len(x)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log(1 + mp.exp(x))


def entropies(p: Batch, target: Any) -> Any:
    return mean([-target * mp.log(x) - (1 - target) * mp.log(1 - x) for x in p])


def averages(of_real: Callable[[Any], Any], of_fake: Callable[[Any], Any]) -> Callable[[Batch, Batch], Any]:
    def loss(real: Batch, fake: Batch) -> Any:
        a, b = mean(real), mean(fake)
        return mean([of_real(x - b) for x in real]) + mean([of_fake(x - a) for x in fake])

    return loss


def less(x: Any) -> Any:
    return max(mpf(0), 1 - x)


def more(x: Any) -> Any:
    return max(mpf(0), 1 + x)


def probabilities(real: Batch, fake: Batch) -> Any:
    return -mean([mp.log(sigmoid(x)) for x in real]) - mean([mp.log(1 - sigmoid(x)) for x in fake])


def squares(real: Batch, fake: Batch) -> Any:
    return mean([(x - 1) ** 2 for x in real]) / 2 + mean([x**2 for x in fake]) / 2


DISCRIMINATORS: dict[str, Callable[[Batch, Batch], Any]] = {
    "minimax": probabilities,
    "non_saturating": probabilities,
    "least_squares": squares,
    "wasserstein": lambda real, fake: mean(fake) - mean(real),
    "hinge": lambda real, fake: mean([less(x) for x in real]) + mean([more(x) for x in fake]),
    "relativistic_average": averages(lambda x: softplus(-x), softplus),
    "relativistic_average_least_squares": averages(lambda x: (x - 1) ** 2 / 2, lambda x: (x + 1) ** 2 / 2),
    "relativistic_average_hinge": averages(less, more),
}

GENERATORS: dict[str, Callable[..., Any]] = {
    "minimax": lambda fake: mean([mp.log(1 - sigmoid(x)) for x in fake]),
    "non_saturating": lambda fake: -mean([mp.log(sigmoid(x)) for x in fake]),
    "least_squares": lambda fake: mean([(x - 1) ** 2 for x in fake]) / 2,
    "wasserstein": lambda fake: -mean(fake),
    "hinge": lambda fake: -mean(fake),
    "relativistic_average": averages(softplus, lambda x: softplus(-x)),
    "relativistic_average_least_squares": averages(lambda x: (x + 1) ** 2 / 2, lambda x: (x - 1) ** 2 / 2),
    "relativistic_average_hinge": averages(more, less),
}


def numbers(x: Any) -> Batch:
    return [mpf(float(v)) for v in x.reshape(-1)]


def slopes(loss: Callable[..., Any], batches: list[Batch], k: int) -> list[float]:
    """The derivatives by each number of one batch, as differences."""
    step, found = mpf(10) ** -20, []
    for i in range(len(batches[k])):
        ends = []
        for move in (step, -step):
            moved = [list(batch) for batch in batches]
            moved[k][i] += move
            ends.append(loss(*moved))
        found.append(float((ends[0] - ends[1]) / (2 * step)))
    return found
