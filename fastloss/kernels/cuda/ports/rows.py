"""What the CUDA row template is completed with besides `kernels/ports/rows.py`: own arrays, packets of rows, masses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bind import port
from ...places import (
    CLASSES,
    LABELED,
    MIX,
    OTHERS,
    PARAMS,
    ROW_DATA,
    ROW_FIRST,
    ROW_LABEL,
    ROW_LANE,
    ROW_START,
    ROW_STOP,
    STASH,
    WORTH,
)

# Ports of the ports: the K-th array of a kind, where it is in what the thread holds and in memory, what moves packets.
real = read = scores = folds = second = probe = rescale = dense = unweighed = take_row = take_row_one = port
take_packet = OF = FROM = K = AT = move = WIDTH = GROUP = PACKETS = ABSENT = port
ORIGIN = (0, 0, 0, 0, 0, 0)


# -- a chunk of a row into the thread's own arrays ---------------------------------------------------------------------


def take(own: Any, row: Any, place: int, i: int) -> None:
    move(own[OF][K], place, row[FROM][K], i)


def take_staged(own: Any, row: Any, place: int, i: int) -> None:
    move(own[OF][K], place, row[ROW_DATA][AT], i)


def load_chunk(own: Any, row: Any, low: int) -> None:
    for p in range(PACKETS):
        k = low + (p * GROUP + row[ROW_LANE]) * WIDTH
        if k < row[ROW_STOP]:
            take_packet(own, row, p * WIDTH, k)


def take_whole(own: Any, row: Any, place: int, k: int) -> None:
    take_row(own, row, place, row[ROW_START] + k)


# -- packets that begin where those of memory do, of which the first and the last may be of two rows -------------------


def take_within(own: Any, row: Any, place: int, k: int) -> None:
    if is_whole(row, k):
        take_row(own, row, place, row[ROW_START] + k)
    else:
        for j in range(WIDTH):
            if is_within(row, k + j):
                take_row_one(own, row, place + j, row[ROW_START] + k + j)


def take_one(own: Any, row: Any, place: int, i: int) -> None:
    own[OF][K][place] = row[FROM][K][i]


def store_whole(arrays: Any, row: Any, k: int, own: Any) -> None:
    move(arrays[0], row[ROW_START] + k, own[0], 0)


def store_within(arrays: Any, row: Any, k: int, own: Any) -> None:
    if is_whole(row, k):
        move(arrays[0], row[ROW_START] + k, own[0], 0)
    else:
        for j in range(WIDTH):
            if is_within(row, k + j):
                arrays[0][row[ROW_START] + k + j] = own[0][j]


def always(row: Any, k: int) -> Any:
    return True


def is_within(row: Any, k: int) -> Any:
    return np.uint32(k) < np.uint32(row[ROW_STOP])


def is_whole(row: Any, k: int) -> Any:
    return np.int64(0) <= k and k + np.int64(WIDTH) <= row[ROW_STOP]


def at_first(start: Any) -> Any:
    return np.int64(0)


def at_packet(start: Any) -> Any:
    """As many places before the row as a packet begins there."""
    return -(start & np.int64(WIDTH - 1))


# -- what `fold` keeps of an element, until its derivatives are written ------------------------------------------------


def keep(own: Any, i: int, kept: Any) -> None:
    own[STASH][K][i] = kept[K]


def recall(own: Any, fixed: Any, t: Any, m: Any, i: int) -> Any:
    return (own[STASH][K][i],)


def find_again(own: Any, fixed: Any, t: Any, m: Any, i: int) -> Any:
    _, kept = folds(scores(own, ORIGIN, i), t, m, fixed[PARAMS])
    return kept


# -- sums by larger maxima ---------------------------------------------------------------------------------------------


def rescaled(sums: Any, m: Any, higher: Any, params: Any) -> Any:
    return rescale(*(sums + m + higher + params))


# -- terms of an element in the second sums, and in those by which their numbers are sought ----------------------------


def further(kept: Any, t: Any, c: Any, fixed: Any) -> Any:
    return second(*(kept + (t,) + c + fixed[PARAMS]))


def probing(kept: Any, t: Any, c: Any, fixed: Any) -> Any:
    return probe(*(kept + c + fixed[PARAMS]))


# -- what is left of a number of a row that counts once, or not at all -------------------------------------------------


def whole_or_absent(s: Any, x: Any) -> Any:
    return x if s != real(0.0) else real(0.0)


# -- target masses of the k-th class, the j-th that the thread holds ---------------------------------------------------


def one_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return real(1.0)


def no_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return real(0.0)


def smoothed(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return fixed[MIX][OTHERS]


def label_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return fixed[MIX][LABELED] if k == label else fixed[MIX][OTHERS]


def dense_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return dense(own, fixed, ORIGIN, j)


def worth_as_stored(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    """Of a label, before its unit brings it into reach."""
    return read(arrays[CLASSES][0], np.uint64(label))


def class_mass(own: Any, fixed: Any, classes: Any, label: int, k: int, j: int) -> Any:
    return read(classes[0], k) / fixed[WORTH] * unweighed(own, fixed, classes, label, k, j)


# -- the label's element -----------------------------------------------------------------------------------------------


def labeled(row: Any) -> Any:
    """Whether the thread holds it; its scores, read before the gradient may be written over them."""
    k, at = row[ROW_LABEL], np.uint64(row[ROW_START])
    here = row[ROW_FIRST] <= k and k < row[ROW_STOP]
    held = here and (k - row[ROW_FIRST]) // np.int64(WIDTH) % np.int64(GROUP) == row[ROW_LANE]
    return held, scores((row[ROW_DATA],), (at, at, at, at, at, at), np.uint64(k)) if held else ABSENT


def unlabeled(row: Any) -> Any:
    return ()
