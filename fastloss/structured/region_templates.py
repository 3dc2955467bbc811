"""Loops over the pixels of regions: their sums, and the gradients that come of a score.

Arrays are of shape (rows, classes, pixels): a row is what a softmax couples, a sample with all of its classes, or
else a single class of a sample. Labels and weights are of shape (samples, pixels). The free names are ports;
`compiled.py` completes them. A task takes every so-manieth block of pixels, and each block has sums of its own, so
results have the same bits for any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.bind import port

BLOCK = 4_096
"""Pixels whose sums are one term."""

STRIP = 128
"""Pixels that are summed in the compute type before the sum becomes a float64; probabilities of 21 classes of so many
stay in a core's own cache."""

TASKS = 64
"""Tasks at most, or one for each thread: each needs room for a strip, in arrays of their own, or LLVM would take one
for part of another."""

SUMS = 5
"""What prediction and target have in common, what each has alone, the target's, the weights'."""

# Ports.
prange: Any = range
link = exponential = score = real = add = port
SOFTMAX = LINKED = LABELS = WEIGHED = IGNORE = HARD = CHECK = BOUNDED = FILLED = False


# -- Sums --------------------------------------------------------------------------------------------------------------


def tallies(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The sums of each block and class, and how many of its numbers are none that they may be."""
    sums, flaws = outputs[0], outputs[1]
    tasks = outputs[2].shape[0]
    for k in prange(tasks):
        # Neighbours to one thread: sums of other blocks lie in the same line of memory.
        for n in range(k * flaws.size // tasks, (k + 1) * flaws.size // tasks):
            flaws[n] = tally(inputs, sums[n], outputs, k, numbers, n, flaws.size // inputs[0].shape[0])


def own(outputs: Any, k: int) -> Any:
    """A task's room: p and q of each class, the largest logit, what the others add up to, whose it is, and more."""
    return outputs[2][k], outputs[3][k], outputs[4][k], outputs[5][k], outputs[6][k], outputs[7][k]


def tally(inputs: Any, sums: Any, outputs: Any, task: int, numbers: Any, n: int, blocks: int) -> float:
    """Those of one block."""
    pred, room = inputs[0], own(outputs, task)
    row, start = n // blocks, n % blocks * BLOCK
    stop = min(pred.shape[2], start + BLOCK)
    flaws = 0.0
    for j in range(pred.shape[1]):
        for m in range(SUMS):
            sums[j, m] = 0.0
    for low in range(start, stop, STRIP):
        high = min(stop, low + STRIP)
        spread(pred, room, row, low, high)
        for j in range(pred.shape[1]):
            common, extra, missing, mass, weight, bad = strip(inputs, room, numbers, row, j, low, high)
            sums[j, 0] += np.float64(common)
            sums[j, 1] += np.float64(extra)
            sums[j, 2] += np.float64(missing)
            sums[j, 3] += np.float64(mass)
            sums[j, 4] += np.float64(weight)
            flaws += np.float64(bad)
    return flaws


def strip(inputs: Any, room: Any, numbers: Any, row: int, j: int, low: int, high: int) -> Any:
    """Those of a class in the compute type."""
    k = row % numbers[0] + j + numbers[1]
    ps, qs = room[0][j, : high - low], room[1][j, : high - low]
    truths, weights = beside(inputs, ps, numbers, row, j, low, high)
    common = extra = missing = mass = weight = bad = real(0.0)
    for i in range(np.uint64(ps.size)):
        p, q = ps[i], qs[i]
        w, t = presence(truths, weights, numbers, i), truth(truths, k, i)
        here = w != 0
        common = add(common, w * (p * t) if here else real(0.0))
        extra = add(extra, w * (p * (real(1.0) - t)) if here else real(0.0))
        missing = add(missing, w * (q * t) if here else real(0.0))
        mass = add(mass, w * t if here else real(0.0))
        weight = add(weight, w if here else real(0.0))
        if CHECK:
            wrong = here & amiss(truths, numbers, p, t, w, i)
            bad = add(bad, real(1.0) if wrong else real(0.0))
    return common, extra, missing, mass, weight, bad


def beside(inputs: Any, other: Any, numbers: Any, row: int, j: int, low: int, high: int) -> Any:
    """A strip of the targets, and one of the weights: `other` where there are none."""
    truths = inputs[1][row // numbers[0], 0, low:high] if LABELS else inputs[1][row, j, low:high]
    weights = inputs[2][row // numbers[0], 0, low:high] if WEIGHED else other
    return truths, weights


def amiss(truths: Any, numbers: Any, p: Any, t: Any, w: Any, i: int) -> Any:
    """Whether a pixel's numbers are none that they may be; NaN may be anything."""
    found = w < 0
    if WEIGHED:
        found = found | (w == np.inf)
    if BOUNDED:
        found = found | (p < 0) | (p > 1)
    if LABELS:
        found = found | (truths[i] < 0) | (truths[i] >= numbers[3])
    else:
        found = found | (t < 0) | (t > 1)
        if HARD:
            found = found | ((t > 0) & (t < 1))
    return found


def presence(truths: Any, weights: Any, numbers: Any, i: int) -> Any:
    """A pixel's weight, and 0 for one whose label is to be ignored."""
    w = real(1.0)
    if WEIGHED:
        w = weights[i]
    if IGNORE:
        w = w if truths[i] != numbers[2] else real(0.0)
    return w


def truth(truths: Any, k: int, i: int) -> Any:
    """How much of a pixel is the class's."""
    t = (real(1.0) if truths[i] == k else real(0.0)) if LABELS else real(truths[i])
    return t


# -- Probabilities -----------------------------------------------------------------------------------------------------


def spread(pred: Any, room: Any, row: int, low: int, high: int) -> None:
    """Probabilities of a strip, all classes', and then their complements."""
    if SOFTMAX:
        softmax(pred, room, row, low, high)
    else:
        z, p, q = pred[row, 0, low:high], room[0][0], room[1][0]
        for i in range(np.uint64(z.size)):
            p[i], q[i] = link(z[i])


def softmax(pred: Any, room: Any, row: int, low: int, high: int) -> None:
    """Those of logits. What the largest one lacks of 1 is the sum of the others."""
    classes, n = pred.shape[1], np.uint64(high - low)
    ps, qs, top, rest, first, _ = room
    z = pred[row, 0, low:high]
    for i in range(n):
        top[i] = z[i]
        rest[i] = first[i] = real(0.0)
    for j in range(1, classes):
        highest(pred[row, j, low:high], top, first, real(j))
    for j in range(classes):
        exponentials(pred[row, j, low:high], top, first, real(j), ps[j], rest)
    for i in range(n):
        top[i] = real(1.0) / (real(1.0) + rest[i])
    for j in range(classes):
        shares(ps[j], qs[j], top, rest, first, real(j), n)


def highest(z: Any, top: Any, first: Any, mine: Any) -> None:
    """The larger of a class's logits and those so far, and whose they are."""
    for i in range(np.uint64(z.size)):
        better = z[i] > top[i]
        first[i] = mine if better else first[i]
        top[i] = z[i] if better else top[i]


def exponentials(z: Any, top: Any, first: Any, mine: Any, e: Any, rest: Any) -> None:
    """Those of a class, and the sum of those that are not the largest logit's."""
    for i in range(np.uint64(z.size)):
        power = exponential(z[i], top[i])
        e[i] = power
        rest[i] += real(0.0) if first[i] == mine else power


def shares(p: Any, q: Any, scale: Any, rest: Any, first: Any, mine: Any, n: Any) -> None:
    """A class's probabilities, of its exponentials, and their complements."""
    for i in range(n):
        others = rest[i] if first[i] == mine else (real(1.0) + rest[i]) - p[i]
        p[i] *= scale[i]
        q[i] = others * scale[i]


# -- Scores ------------------------------------------------------------------------------------------------------------


def scores(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each score, and its derivatives by a pixel outside the region and inside; of sums and smoothing."""
    (sums,) = inputs
    (found,) = outputs
    alpha, beta, gamma = numbers
    for g in range(found.shape[0]):
        s = sums[g]
        found[g, 0], found[g, 1], found[g, 2] = score(s[0], s[1], s[2], s[3], alpha, beta, gamma)


# -- Gradients ---------------------------------------------------------------------------------------------------------


def slopes(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The gradient: of each pixel's probabilities from its class's two derivatives, or as it stands there, and of what
    they are computed from."""
    grad = outputs[0]
    blocks, tasks = -(-grad.shape[2] // BLOCK), outputs[2].shape[0]
    count = blocks * grad.shape[0]
    for k in prange(tasks):
        for n in range(k * count // tasks, (k + 1) * count // tasks):
            descend(inputs, outputs, k, numbers, n // blocks, n % blocks * BLOCK)


def descend(inputs: Any, outputs: Any, task: int, numbers: Any, row: int, start: int) -> None:
    """That of one block. A strip has been read when it is written: the gradient may lie where the prediction does."""
    grad, room = outputs[0], own(outputs, task)
    stop = min(grad.shape[2], start + BLOCK)
    for low in range(start, stop, STRIP):
        high = min(stop, low + STRIP)
        if LINKED or SOFTMAX:
            spread(inputs[0], room, row, low, high)
        for j in range(grad.shape[1]):
            steps(inputs, grad, room, numbers, row, j, low, high)
        if SOFTMAX:
            couple(inputs, grad, room, numbers, row, low, high)


def steps(inputs: Any, grad: Any, room: Any, numbers: Any, row: int, j: int, low: int, high: int) -> None:
    """A class's derivatives by its probabilities; of a logit of its own, by that."""
    k = row % numbers[0] + j + numbers[1]
    out = grad[row, j, low:high]
    p, q = room[0][j], room[1][j]
    truths, weights = beside(inputs, p, numbers, row, j, low, high)
    off, on = inputs[-1][row, j, 0], inputs[-1][row, j, 1]
    live = (off != 0) | (on != 0)
    filled = inputs[-2][row, j, low:high] if FILLED else p
    for i in range(np.uint64(out.size)):
        if FILLED:
            g = filled[i] * off if live else real(0.0)
        else:
            w, t = presence(truths, weights, numbers, i), truth(truths, k, i)
            g = w * mixed(t, on, off) if (w != 0) & live else real(0.0)
        if LINKED:
            g = g * (p[i] * q[i]) if g != 0 else real(0.0)
        if SOFTMAX:
            q[i] = g
        else:
            out[i] = g


def mixed(t: Any, on: Any, off: Any) -> Any:
    """A pixel's share of the two derivatives. One may be beyond the type where nothing has a share in it."""
    return (t * on if t != 0 else real(0.0)) + ((real(1.0) - t) * off if t != 1 else real(0.0))


def couple(inputs: Any, grad: Any, room: Any, numbers: Any, row: int, low: int, high: int) -> None:
    """p (g - sum of p g) of each class, with what is left of g when that of the largest p is subtracted."""
    classes, n = grad.shape[1], np.uint64(high - low)
    ps, gs, _, dot, first, base = room
    for i in range(n):
        dot[i] = base[i] = real(0.0)
    for j in range(classes):
        largest(gs[j], first, real(j), base, n)
    for j in range(classes):
        product(ps[j], gs[j], base, dot, n)
    truths, weights = beside(inputs, dot, numbers, row, 0, low, high)
    for j in range(classes):
        p, g, out = ps[j], gs[j], grad[row, j, low:high]
        for i in range(np.uint64(out.size)):
            w = presence(truths, weights, numbers, i)
            out[i] = p[i] * (g[i] - dot[i]) if w != 0 else real(0.0)


def largest(g: Any, first: Any, mine: Any, base: Any, n: Any) -> None:
    """The derivatives by the largest probabilities, where they are this class's."""
    for i in range(n):
        base[i] = g[i] if first[i] == mine else base[i]


def product(p: Any, g: Any, base: Any, dot: Any, n: Any) -> None:
    """What a class adds to the sum."""
    for i in range(n):
        g[i] -= base[i]
        dot[i] += p[i] * g[i]
