"""Where things stand in the tuples that templates and ports hand on, the same on the host and on a GPU.

Numba takes a global number as a constant, and so the place in a tuple of several types as one.
"""

from __future__ import annotations

LAUNCH, THREADS = range(2)
"""`crew`: the function of a layer that starts threads, 0 where there is one thread alone; their number."""

SCORES, TARGET, CLASSES, GRADS, HESSES, STASH = range(6)
"""`arrays`: each a tuple, empty where there is none; CLASSES are the weights of classes, STASH what is kept aside."""

AT_SCORES, AT_SECOND, AT_TARGET, AT_WEIGHT, AT_GRADS, AT_HESSES = range(6)
"""`at`, where a row begins in memory, and the rows of `steps`; AT_SECOND is of the second scores."""

OUTER, INNER, CLASS = range(3)
"""`shape`, and the columns of `steps`: from one to the next of the rows' outer axis, of their inner one, of classes."""

PARAMS, MIX, BOUNDS, SCALE, IGNORE, WORTH = range(6)
FIRST = WORTH
"""`fixed`: what is the same for all elements, those of a row at least; WORTH is what the row is worth, FIRST the
number of a tile's first row."""

VALUES, SLOPES, CURVES = range(3)
"""`out`, what is written of elements."""

STEPS, SHAPE = range(2)
"""`where`."""

ALL_SUMS, ALL_FLAWS = range(2)
"""`results`, a number for each block."""

OTHERS, LEFT, LABELED = range(3)
"""`mix`: the mass of a class that is not the label's, what smoothing leaves of a mass, the label's mass."""

LABEL, SHARE, MASS, MAXIMA, SUMS, SECONDS, WIDE_SUMS, WIDE_SECONDS, COEFFICIENTS, LOSS = range(10)
"""`lanes`: a number for each row of a tile, or several such runs; the wide ones are float64."""

PAIR_SCORES, PAIR_MASSES, PAIR_SLOPES, PAIR_CURVES, FURTHER_SLOPES, FURTHER_CURVES = range(6)
"""A row of pairs, and what is added up for each element: the further ones are float64, or of a strip alone."""

ROW_DATA, ROW_TARGET, ROW_START, ROW_LABEL, ROW_STOP, ROW_LANE, ROW_FIRST = range(7)
"""A GPU's `row`: memory, where the row begins in it, its label, from which class to which, the thread's place."""
