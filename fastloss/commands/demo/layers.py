"""A small network of dense layers in plain NumPy, with its gradients by hand, and Adam."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .common import Array

if TYPE_CHECKING:
    from collections.abc import Sequence

ONE, LEAK = np.float32(1.0), np.float32(0.1)
"""The slopes of the activation above and below 0."""


class Network:
    """Dense float32 layers with leaky rectifiers between; `parameters` are weights and constants, layer by layer."""

    def __init__(self, rng: np.random.Generator, widths: Sequence[int]) -> None:
        self.parameters: list[Array] = []
        for n, m in pairwise(widths):
            weights = rng.standard_normal((n, m), np.float32) * np.float32(np.sqrt(2.0 / n))
            self.parameters += [weights, np.zeros(m, np.float32)]

    def forward(self, x: Array) -> list[Array]:
        """The input and what each layer makes of it; the last is the output."""
        found = [x]
        for weights, constants in zip(self.parameters[::2], self.parameters[1::2], strict=True):
            x = found[-1] @ weights + constants
            found.append(x if weights is self.parameters[-2] else np.maximum(x, LEAK * x))
        return found

    def backward(self, found: list[Array], slopes: Array) -> tuple[list[Array], Array]:
        """The gradients by all parameters and by the input, of that by the output."""
        gradients: list[Array] = []
        for k in reversed(range(len(found) - 1)):
            gradients[:0] = [found[k].T @ slopes, slopes.sum(axis=0)]
            slopes = slopes @ self.parameters[2 * k].T
            if k:
                slopes *= np.where(found[k] > 0.0, ONE, LEAK)
        return gradients, slopes


class Adam:
    """Steps of Adam (D. Kingma and J. Ba, 2015) for a list of arrays, which are changed in place."""

    def __init__(self, parameters: list[Array], rate: float, first: float = 0.9, second: float = 0.999) -> None:
        self.parameters, self.rate, self.decays, self.count = parameters, rate, (first, second), 0
        self.means, self.squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))

    def step(self, gradients: list[Array]) -> None:
        """One step against the gradients."""
        self.count += 1
        first, second = self.decays
        pace = self.rate * float(np.sqrt(1.0 - second**self.count)) / (1.0 - first**self.count)
        for p, g, m, s in zip(self.parameters, gradients, self.means, self.squares, strict=True):
            m += (1.0 - first) * (g - m)
            s += (1.0 - second) * (g * g - s)
            p -= pace * m / (np.sqrt(s) + 1e-8)
