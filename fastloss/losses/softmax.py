"""What the losses of a softmax share: an exponential for each score, sums of them, none of them 1 minus another.

With m the largest score of a row and e = exp(z - m), the scores of which e is exactly 1 are counted, not added: the sum
of the exponentials is 1 + `others`, and a row whose top is all but certain keeps every digit of its small remainder.
"""

from __future__ import annotations

import math

from .special import INF, exp_neg, scaled

Row = tuple[tuple[float, ...], tuple[float, ...]]
"""What `fold` returns: terms of the row's sums, and what is kept of the element."""

Ends = tuple[float, tuple[float, ...]]
"""What `finish` returns: the loss, and coefficients of the derivatives."""

Slope = tuple[float, float]
"""What `grad` returns: first and second derivative."""


def below(z: float, m: float) -> float:
    """z - m, exactly 0 at the top, also where that is infinite."""
    return 0.0 if z == m else z - m


def among(m: float, rest: float, ties: float) -> float:
    """`others` of the sum of the exponentials below the top, and the number at the top; NaN where all are -inf."""
    return m - m if m == -INF else rest + (ties - 1.0)


def together(m: float, total: float) -> float:
    """The sum of the exponentials, of which nothing small is asked; NaN where all are -inf."""
    return m - m if m == -INF else total


def among_masses(m: float, rest: float, ties: float, mass: float) -> float:
    """`among`; where a row has no mass to lose, of one that is all -inf, too."""
    return rest + (ties - 1.0) if mass == 0.0 else among(m, rest, ties)


def missing(e: float, others: float, inverse: float) -> float:
    """1 minus the softmax."""
    return (others if e == 1.0 else 1.0 + others - e) * inverse


def fold_softmax(z: float, t: float, m: float) -> Row:
    """Sums for a cross-entropy: of exponentials below the top, of tops, of distances to the top by mass, of masses."""
    x = below(z, m)
    e = exp_neg(x)
    below_top = z != m  # by this mask packed sums add what is below, by its opposite in two steps
    return (e if below_top else 0.0, 0.0 if below_top else 1.0, scaled(t, -x), t), (e,)


def rescale_softmax(rest: float, ties: float, tx: float, mass: float, m: float, n: float) -> tuple[float, ...]:
    """The sums of `fold_softmax` by a top n in place of m: what was at that one is below, if n is higher."""
    raised = exp_neg(m - n) * (rest + ties), 0.0, tx + scaled(mass, n - m), mass
    return (rest, ties, tx, mass) if m == n else raised


def fold_masses(z: float, t: float, m: float) -> Row:
    """`fold_softmax` of several masses: of exponentials below the top, of all of them, and likewise of masses.

    Of nearly all mass at a single top, what is beside it has more digits. Sums of everything need no mask: one of tops
    takes two steps more, a tenth of the time with gradients. Of a label alone, `fold_softmax` takes less.
    """
    x = below(z, m)
    e = exp_neg(x)
    below_top = z != m
    tx = t * -x if below_top and t != 0.0 else 0.0
    return (e if below_top else 0.0, e, tx, t if below_top else 0.0, t), (e,)


def rescale_masses(
    rest: float, whole: float, tx: float, low: float, mass: float, m: float, n: float
) -> tuple[float, ...]:
    """`rescale_softmax` of the sums of `fold_masses`."""
    lowered = exp_neg(m - n) * whole
    return (rest, whole, tx, low, mass) if m == n else (lowered, lowered, tx + scaled(mass, n - m), mass, mass)


def tops(rest: float, whole: float) -> float:
    """The number of scores at the top, of the sums of exponentials below it and of all; a single one is exactly 1."""
    number = whole - rest
    return 1.0 if 0.5 < number < 1.5 else number


def finish_softmax(m: float, rest: float, ties: float, tx: float, mass: float) -> tuple[float, float, float]:
    """The cross-entropy; `others` and the inverse of the sum."""
    others = among_masses(m, rest, ties, mass)
    return mass * math.log1p(others) + tx, others, 1.0 / (1.0 + others)


def beside(e: float, t: float, others: float, low: float, mass: float) -> float:
    """All masses but a class's; of a top that is sure, and so alone, the sum of those below it."""
    return low if e == 1.0 and others < 1.0 else mass - t


def grad_masses(e: float, t: float, others: float, inverse: float, low: float, mass: float) -> Slope:
    """Derivatives of the cross-entropy, of masses below the top and of all: mass p - t without cancellation."""
    p = e * inverse
    q = missing(e, others, inverse)
    return p * beside(e, t, others, low, mass) - scaled(t, q), mass * p * q


def grad_parted(e: float, t: float, others: float, inverse: float, low: float, top: float) -> Slope:
    """`grad_masses` of masses below the top and at it: without a choice, which beside other terms takes longer."""
    p = e * inverse
    q = missing(e, others, inverse)
    return p * (low + (top - t)) - scaled(t, q), (low + top) * p * q


def note_entropy(z: float, m: float) -> float:
    """Distances to the top, weighted by the exponentials: what the entropy needs besides."""
    x = below(z, m)
    return scaled(exp_neg(x), x)


def softmax_stats(m: float, rest: float, ties: float, note: float) -> Slope:
    """Logarithm of the sum of the exponentials, and entropy of the softmax."""
    others = among(m, rest, ties)
    log = math.log1p(others)
    return m + log, log - note / (1.0 + others)
