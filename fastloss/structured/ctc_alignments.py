"""Loops over the states of one frame: what alignments come to them, and go on from them.

The states of a sample are a blank, its first symbol, a blank, and so on to a last blank. Blanks and symbols are held
apart, so that a frame is a few loops over dense arrays. Sums over alignments are logarithms in float64; now and then
the largest of a frame is taken off all of its states, so that none that matters is far from 0. What no alignment
reaches is `NEVER`, a finite number, so that no difference of two of them is NaN.

Of u symbols there are u + 1 blanks; arrays are as long as the next multiple of `PACK`, or scalar code would take longer
for the last few states than packed code for all others. `y` are the logarithms of the probabilities of the symbols and
then of the blank. What is written lies in another array than all that is read, as LLVM has to see.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.bind import port

NEVER = -1e300
"""The logarithm of what no alignment reaches."""

PACK = 8
"""States that packed code takes at a time."""

# Ports.
power = excess = both = add = port


def constant(x: Any, value: float) -> None:
    """An array of one number."""
    for i in range(np.uint64(x.size)):
        x[i] = value


def added(x: Any, more: float, out: Any) -> None:
    """A number more."""
    for j in range(np.uint64(out.size)):
        out[j] = x[j] + more


def met(a: Any, b: Any, out: Any) -> None:
    """Sums of two states' alignments."""
    for j in range(np.uint64(out.size)):
        out[j] = both(a[j], b[j])


def largest(b: Any, s: Any) -> float:
    """The largest of a frame's states, and 0 where none is reached."""
    top = NEVER
    for j in range(b.size):
        top = b[j] if b[j] > top else top
        top = s[j] if s[j] > top else top
    return top if top > 0.5 * NEVER else 0.0


# -- Forwards ----------------------------------------------------------------------------------------------------------


def begun(y: Any, u: int, b: Any, s: Any) -> None:
    """The first frame: a blank, or the first symbol. Symbols stand one place behind."""
    constant(b, NEVER)
    constant(s, NEVER)
    b[0] = y[u]
    if u > 0:
        s[1] = y[0]


def ahead(b: Any, s: Any, follows: Any, y: Any, u: int, off: float, meeting: Any, new: Any, blanks: Any, symbols: Any
          ) -> None:  # fmt: skip
    """The next frame: a blank stays, or follows its symbol; so does a symbol, or it follows another.

    `s` has a place more than the others.
    """
    met(b, s, meeting)
    added(meeting, y[u] - off, blanks)
    reached(s[1:], b, meeting, follows, y, off, new)
    symbols[0] = NEVER
    added(new[: new.size - 1], 0.0, symbols[1:])


def reached(s: Any, b: Any, meeting: Any, follows: Any, y: Any, off: float, out: Any) -> None:
    """What comes to symbols."""
    for j in range(np.uint64(out.size)):
        through, alone = meeting[j], b[j]
        out[j] = both(s[j], through if follows[j] != 0.0 else alone) + (y[j] - off)


# -- Backwards ---------------------------------------------------------------------------------------------------------


def back(follows: Any, y: Any, u: int, off: float, b: Any, s: Any, blanks: Any, symbols: Any) -> None:
    """The frame before: from a blank to itself or its symbol; from a symbol to itself, its blank, or another.

    Blanks and what may follow have a place more than the others.
    """
    width = s.size
    added(b[:width], y[u] - off, blanks[:width])
    weighed(s, y, off, symbols)
    symbols[u] = NEVER
    met(blanks[:width], symbols, b[:width])
    left(symbols, b[1:], blanks[1:], follows[1:], s)


def weighed(s: Any, y: Any, off: float, out: Any) -> None:
    """Symbols with the frame's own logarithms."""
    for j in range(np.uint64(out.size)):
        out[j] = s[j] + (y[j] - off)


def left(symbols: Any, meeting: Any, blanks: Any, follows: Any, out: Any) -> None:
    """What goes on from symbols."""
    for j in range(np.uint64(out.size)):
        through, alone = meeting[j], blanks[j]
        out[j] = both(symbols[j], through if follows[j] != 0.0 else alone)


# -- Together ----------------------------------------------------------------------------------------------------------


def shared(
    blanks: Any, symbols: Any, b: Any, s: Any, off: float, names: Any, ours: Any, theirs: Any, places: Any
) -> float:
    """The share of alignments that each symbol has of a frame, in its first place, and the blank in the last one, but
    for a factor; their sum.

    What is taken off is right but for the rounding of sums over all frames, which the factor takes up.
    """
    one, two = likely(blanks, b, off, ours), likely(symbols, s, off, theirs)
    if not 0.5 < one + two < 2.0:
        off = 0.0 - max(peak(blanks, b), peak(symbols, s))
        one, two = likely(blanks, b, off, ours), likely(symbols, s, off, theirs)
    constant(places, 0.0)
    u = places.size - 1
    places[u] = one
    for j in range(u):
        places[names[j]] += theirs[j]
    return one + two


def likely(a: Any, b: Any, off: float, out: Any) -> float:
    """Products of what comes to states and goes on from them; the sum."""
    total = 0.0
    for j in range(np.uint64(out.size)):
        e = power(a[j] + b[j] + off)
        out[j] = e
        total = add(total, e)
    return total


def peak(a: Any, b: Any) -> float:
    """The largest of these products, as a logarithm."""
    top = 4.0 * NEVER
    for j in range(a.size):
        top = a[j] + b[j] if a[j] + b[j] > top else top
    return top


def exponentiated(y: Any, out: Any) -> None:
    """Probabilities of their logarithms."""
    for j in range(np.uint64(out.size)):
        out[j] = power(y[j])


def slope(y: float, p: float, places: Any, j: int, factor: float) -> Any:
    """A probability less its share of alignments; what the share lacks to 1 less what the probability does, where
    these are smaller."""
    if y < -0.7:
        return p - places[j] * factor
    others = 0.0
    for i in range(places.size):
        others += places[i] if i != j else 0.0
    return excess(y) + others * factor
