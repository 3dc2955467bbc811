"""Connectionist temporal classification in mpmath's digits: every alignment spelled out, and sums over states.

mpmath's exponents have no end, so both multiply and add probabilities, without a logarithm or a scale.
"""

from __future__ import annotations

from itertools import groupby, product
from typing import Any

import numpy as np
from mpmath import mp, mpf


def exact(x: Any) -> Any:
    """An array of mpmath's numbers."""
    return np.vectorize(lambda v: mpf(float(v)), otypes=[object])(x)


def softmax(z: Any) -> Any:
    """Probabilities of the classes of each frame."""
    e = np.vectorize(lambda v: mp.exp(v), otypes=[object])(z)
    return e / e.sum(axis=-1, keepdims=True)


def spelled(path: Any, blank: int) -> list[int]:
    """What an alignment says."""
    return [c for c, _ in groupby(path) if c != blank]


def likelihood(p: Any, target: Any, blank: int = 0) -> Any:
    """The sum over all alignments that spell the target."""
    found = mpf(0)
    for path in product(range(p.shape[1]), repeat=len(p)):
        if spelled(path, blank) == list(target):
            found += mp.fprod(p[t, c] for t, c in enumerate(path))
    return found


def by_differences(z: Any, target: Any, blank: int = 0) -> Any:
    """The gradient of minus the logarithm of that by the logits."""
    step, grad = mpf(10) ** -20, np.empty(z.shape, object)
    for where in np.ndindex(z.shape):
        ends = []
        for sign in (1, -1):
            moved = z.copy()
            moved[where] += sign * step
            ends.append(-mp.log(likelihood(softmax(moved), target, blank)))
        grad[where] = (ends[0] - ends[1]) / (2 * step)
    return grad


def by_states(p: Any, target: Any, blank: int = 0) -> tuple[Any, Any]:
    """Minus the log-likelihood, and its gradient by the logits, of sums over the states of each frame."""
    states = [blank]
    for c in target:
        states += [int(c), blank]
    frames, count = len(p), len(states)

    def before(s: int) -> list[int]:
        skips = s > 1 and states[s] not in (blank, states[s - 2])
        return [k for k in (s, s - 1, *([s - 2] if skips else [])) if k >= 0]

    ahead = [[p[0, states[s]] if s < 2 else mpf(0) for s in range(count)]]
    for t in range(1, frames):
        ahead.append([p[t, states[s]] * sum(ahead[-1][k] for k in before(s)) for s in range(count)])
    back = [mpf(s >= count - 2) for s in range(count)]
    whole, shares = sum(a * b for a, b in zip(ahead[-1], back, strict=True)), np.zeros(p.shape, object)
    for t in range(frames - 1, -1, -1):
        for s in range(count):
            shares[t, states[s]] += ahead[t][s] * back[s]
        earlier = [mpf(0)] * count
        for s in range(count):
            for k in before(s):
                earlier[k] += back[s] * p[t, states[s]]
        back = earlier
    return -mp.log(whole), p - shares / whole
