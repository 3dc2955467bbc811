"""Loops over the samples of connectionist temporal classification: softmax, alignments, gradient.

A sample is one thread's, so results have the same bits for any number of threads. `numbers` are the classes, the
frames, the steps from frame to frame and from class to class in scores and in gradient, the blank, and whether an
infinite loss has a gradient of 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.bind import port
from .ctc_alignments import NEVER, ahead, back, begun, constant, exponentiated, largest, shared, slope

STRIP = 256
"""Exponentials that are summed in the compute type before the sum becomes a float64."""

LANES = 64
"""Maxima that are found side by side."""

REST = 16
"""Frames after which the largest is taken off."""

ROOMS = (5, 3)
"""Rows of two arrays in `outputs`, with room for what is computed of a frame; a third has one."""

# Ports.
prange: Any = range
exponential = log_of_more = both = real = add = port
GRAD = LOGS = STRIDED = False


# -- A sample ----------------------------------------------------------------------------------------------------------


def samples(inputs: Any, outputs: Any, numbers: Any) -> None:
    """The loss of each sample, and its gradient; a task has room of its own for one after the other."""
    plan, tasks = inputs[2], outputs[2].shape[0]
    for k in prange(tasks):
        for i in range(k, plan.shape[0], tasks):
            outputs[0][plan[i, 0]] = sample(inputs, outputs, numbers, k, plan[i])


def sample(inputs: Any, outputs: Any, numbers: Any, task: int, own: Any) -> float:
    """That of one: `own` says which, where it begins in scores, gradient and labels, its symbols and its frames."""
    u, frames = own[4], own[5]
    repeats = named(inputs[1][own[3] : own[3] + u], numbers[6], outputs[4][task], outputs[5][task, 0])
    loss = np.inf
    if u + repeats <= frames:
        loss = forwards(inputs, outputs, numbers, task, own)
    if GRAD:
        if loss - loss == 0.0:
            backwards(inputs, outputs, numbers, task, own, 0.0 - loss)
        else:
            nothing = 0.0 if (numbers[7] != 0) & (loss == np.inf) else np.nan
            filled(outputs[1], own[2], numbers, 0, frames, nothing)
        filled(outputs[1], own[2], numbers, frames, numbers[1], 0.0)
    return loss


def named(labels: Any, blank: int, names: Any, follows: Any) -> int:
    """Each symbol's first place, that behind all for a blank; which may follow the one before without a blank; how
    many may not."""
    u, repeats = labels.size, 0
    constant(follows, 0.0)
    for j in range(u):
        names[j] = u if labels[j] == blank else first(labels, j)
        same = j > 0 and labels[j] == labels[j - 1]
        follows[j] = 0.0 if j == 0 or same else 1.0
        repeats += 1 if same else 0
    names[u] = u
    return repeats


def first(labels: Any, j: int) -> int:
    """The first place of a symbol."""
    for i in range(j):
        if labels[i] == labels[j]:
            return i
    return j


def filled(x: Any, start: int, numbers: Any, low: int, high: int, value: float) -> None:
    """Frames of one number."""
    classes, step = numbers[0], numbers[5]
    for t in range(low, high):
        at = start + t * numbers[4]
        constant(x[at : at + classes * step : step] if STRIDED else x[at : at + classes], value)


def forwards(inputs: Any, outputs: Any, numbers: Any, task: int, own: Any) -> float:
    """The loss; for the gradient, what comes to each state in each frame is left behind."""
    u, frames, width = own[4], own[5], own[6]
    follows, meeting, new = outputs[5][task, 0, :width], outputs[5][task, 1, :width], outputs[7][task, :width]
    blanks, symbols, logs = outputs[8][task, 0], outputs[8][task, 1], outputs[8][task, 2]
    taken, off, now = 0.0, 0.0, 0
    symbols[(frames if GRAD else 2) * width] = NEVER
    for t in range(frames):
        before, now = now, (t if GRAD else t & 1) * width
        y, b, s = logs[now : now + width], blanks[now : now + width], symbols[now : now + width]
        scored(inputs, outputs, numbers, task, own, t, y)
        if t == 0:
            begun(y, u, b, s)
        else:
            earlier = symbols[before : before + width + 1]
            ahead(blanks[before : before + width], earlier, follows, y, u, off, meeting, new, b, s)
            taken += off
        if GRAD:
            outputs[9][task, t] = taken
        off = largest(b, s) if t % REST == REST - 1 else 0.0
    if frames == 0:
        return 0.0
    loss = 0.0 - (both(blanks[now + u], symbols[now + u]) + taken)
    if not LOGS:
        loss = 0.0 if loss < 0.0 else loss
    return np.inf if loss > -0.5 * NEVER else loss


def backwards(inputs: Any, outputs: Any, numbers: Any, task: int, own: Any, whole: float) -> None:
    """The gradient by the symbols and the blank, frame after frame from the last on; `whole` is minus the loss."""
    u, frames, width = own[4], own[5], own[6]
    labels, names = inputs[1][own[3] : own[3] + u], outputs[4][task]
    room, taken, factor = outputs[5][task], outputs[9][task], inputs[3][own[0]]
    wide, b, theirs, places = room[1, :width], room[2], room[3, :width], room[4, : u + 1]
    passed, turned, ours, s = (
        outputs[6][task, 0],
        outputs[6][task, 1, :width],
        outputs[6][task, 2, :width],
        outputs[7][task, :width],
    )
    blanks, symbols, logs = outputs[8][task, 0], outputs[8][task, 1], outputs[8][task, 2]
    constant(b, NEVER)
    constant(passed, NEVER)
    constant(s, NEVER)
    b[u] = 0.0
    if u > 0:
        s[u - 1] = 0.0
    gone = 0.0
    for t in range(frames - 1, -1, -1):
        now, end = t * width, (t + 1) * width
        y, start = logs[now:end], own[2] + t * numbers[4]
        off = taken[t] + gone - whole
        share = 1.0 / shared(blanks[now:end], symbols[now + 1 : end + 1], b, s, off, names, ours, theirs, places)
        exponentiated(y, wide)
        for j in range(u + 1):
            if names[j] == j:
                place = start + (numbers[6] if j == u else labels[j]) * numbers[5]
                outputs[1][place] = factor * slope(y[j], wide[j], places, j, share)
        off = largest(b[:width], s) if t % REST == 0 else 0.0
        gone += off
        back(room[0], y, u, off, b, s, passed, turned)


# -- Softmax -----------------------------------------------------------------------------------------------------------


def scored(inputs: Any, outputs: Any, numbers: Any, task: int, own: Any, t: int, y: Any) -> None:
    """The logarithms of a frame's probabilities, those of the symbols and the blank; all probabilities as gradient.

    The scores have been read when that is written: it may lie where they do.
    """
    room, classes, labels = outputs[2][task], numbers[0], inputs[1][own[3] : own[3] + own[4]]
    at, step = own[1] + t * numbers[2], numbers[3]
    z = copied(inputs[0][at : at + classes * step : step], room[0]) if STRIDED else inputs[0][at : at + classes]
    top, rest = z[0], 0.0
    if not LOGS:
        top = highest(z, outputs[3][task])
        rest = powers(z, top, room[1]) if top > -np.inf else np.nan  # of no class that is possible
    less = log_of_more(rest)
    for j in range(labels.size):
        y[j] = logarithm(z[labels[j]], top, less)
    constant(y[labels.size :], logarithm(z[numbers[6]], top, less))
    if GRAD:
        if LOGS:
            exponentials(z, room[1])
        at, step, factor = own[2] + t * numbers[4], numbers[5], real(inputs[3][own[0]] / (1.0 + rest))
        out = outputs[1][at : at + classes * step : step] if STRIDED else outputs[1][at : at + classes]
        scaled(room[1], factor, out)


def copied(z: Any, out: Any) -> Any:
    """Scores in one run."""
    for i in range(np.uint64(out.size)):
        out[i] = z[i]
    return out


def logarithm(z: Any, top: Any, less: float) -> Any:
    """That of a score's probability."""
    found: Any = np.float64(z)
    if not LOGS:
        # Of an infinite score, too.
        found = (0.0 if z == top else found - np.float64(top)) - less
    return NEVER if found < NEVER else found


def highest(z: Any, lanes: Any) -> Any:
    """The largest score."""
    top, begin = z[0], 1
    if z.size >= 2 * LANES:
        begin = z.size - z.size % LANES
        copied(z, lanes)
        for low in range(LANES, begin, LANES):
            larger(z[low : low + LANES], lanes)
        for i in range(LANES):
            top = lanes[i] if lanes[i] > top else top
    for i in range(begin, z.size):
        top = z[i] if z[i] > top else top
    return top


def larger(z: Any, lanes: Any) -> None:
    """The larger ones of two arrays."""
    for i in range(np.uint64(lanes.size)):
        lanes[i] = z[i] if z[i] > lanes[i] else lanes[i]


def powers(z: Any, top: Any, out: Any) -> float:
    """Exponentials of scores less the largest; the sum of all but one that is the largest."""
    rest, count = 0.0, -1.0
    for low in range(0, out.size, STRIP):
        high = min(out.size, low + STRIP)
        others, tops = strip(z[low:high], top, out[low:high])
        rest += np.float64(others)
        count += np.float64(tops)
    return rest + count


def strip(z: Any, top: Any, out: Any) -> Any:
    """The same in the compute type: the sum of what is below the largest, and how many are that."""
    rest = tops = real(0.0)
    for i in range(np.uint64(out.size)):
        here = z[i] == top
        e = exponential(z[i] - top)
        out[i] = real(1.0) if here else e
        rest = add(rest, real(0.0) if here else e)
        tops = add(tops, real(1.0) if here else real(0.0))
    return rest, tops


def exponentials(z: Any, out: Any) -> None:
    """Probabilities of their logarithms."""
    for i in range(np.uint64(out.size)):
        out[i] = exponential(z[i])


def scaled(x: Any, factor: Any, out: Any) -> None:
    """A multiple of an array."""
    for i in range(np.uint64(x.size)):
        out[i] = factor * x[i]
