"""What the template for many rows at a time is completed with, besides `kernels/ports/rows.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import (
    AT_GRADS,
    AT_HESSES,
    AT_SCORES,
    AT_SECOND,
    AT_TARGET,
    AT_WEIGHT,
    CLASS,
    CLASSES,
    INNER,
    LABEL,
    LABELED,
    LEFT,
    MASS,
    MIX,
    OTHERS,
    SHARE,
    STASH,
)
from ..templates.tilesums import LANES

# Ports of the ports: which array, where a row begins in it, how it is read and written, and how the tile is.
OF = K = AT = SIDE = port
real = read = write = decode = save = turn = tile_of = read_tile = write_tile = port
inside: Any = None
"""A number inside the domain, for lanes that no row is in."""
TURN = False
"""Whether whole tiles go by blocks, where the elements of a row lie side by side."""
CLASSES_AT_ONCE = 4
"""Classes of a block. Where they do not divide a row's, the last block takes some again, and changes nothing."""
select = read_label = read_share = read_mass = test = beyond = lane_raw = LEAST = MOST = port


# -- rows side by side -------------------------------------------------------------------------------------------------


def strides(steps: Any) -> Any:
    """From one row to the next, read once: as far as LLVM knows, every number that is written may change them."""
    return (
        np.uint64(steps[AT_SCORES, INNER]),
        np.uint64(steps[AT_SECOND, INNER]),
        np.uint64(steps[AT_TARGET, INNER]),
        np.uint64(steps[AT_WEIGHT, INNER]),
        np.uint64(steps[AT_GRADS, INNER]),
        np.uint64(steps[AT_HESSES, INNER]),
    )


def lane_along(at: Any, step: Any, r: int) -> Any:
    return (
        at[AT_SCORES] + r * step[AT_SCORES],
        at[AT_SECOND] + r * step[AT_SECOND],
        at[AT_TARGET] + r * step[AT_TARGET],
        at[AT_WEIGHT] + r * step[AT_WEIGHT],
        at[AT_GRADS] + r * step[AT_GRADS],
        at[AT_HESSES] + r * step[AT_HESSES],
    )


# -- into a tile, and out of it ----------------------------------------------------------------------------------------


def bring(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    memory, tile = arrays[OF][K], tile_of(arrays, lanes)
    start, across, down = at[AT], steps[AT, INNER], steps[AT, CLASS]
    if TURN and count == LANES:
        for r in range(0, LANES, SIDE):
            for k in range(0, width, CLASSES_AT_ONCE):
                first = min(k, width - CLASSES_AT_ONCE)
                corner, place = start + np.uint64(r * across + first), np.uint64(first * LANES + r)
                turn(memory, corner, np.uint64(across), tile, place, np.uint64(LANES))
    else:
        for k in range(width):
            first = start + np.uint64(k * down)
            for r in range(np.uint64(count)):
                write_tile(tile, np.uint64(k * LANES) + r, decode(read(memory, first + r * np.uint64(across))))
            for r in range(np.uint64(count), np.uint64(LANES)):
                write_tile(tile, np.uint64(k * LANES) + r, inside)


def carry(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    memory, tile = arrays[OF][0], tile_of(arrays, lanes)
    start, across, down = at[AT], steps[AT, INNER], steps[AT, CLASS]
    if TURN and count == LANES:
        for r in range(0, LANES, SIDE):
            for k in range(0, width, CLASSES_AT_ONCE):
                first = min(k, width - CLASSES_AT_ONCE)
                corner, place = start + np.uint64(r * across + first), np.uint64(first * LANES + r)
                turn(tile, place, np.uint64(LANES), memory, corner, np.uint64(across))
    else:
        for k in range(width):
            first = start + np.uint64(k * down)
            for r in range(np.uint64(count)):
                write(memory, first + r * np.uint64(across), save(read_tile(tile, np.uint64(k * LANES) + r)))


def stashed(arrays: Any, lanes: Any) -> Any:
    return arrays[STASH][K]


def massed(arrays: Any, lanes: Any) -> Any:
    return lanes[MASS]


# -- target masses -----------------------------------------------------------------------------------------------------


def lane_one_mass(arrays: Any, fixed: Any, lanes: Any, k: int, r: int) -> Any:
    return real(1.0)


def lane_sharp_mass(arrays: Any, fixed: Any, lanes: Any, k: int, r: int) -> Any:
    # Constants spare a comparison: 4% of the time of 100 classes.
    return select(read_label(lanes[LABEL], r) == real(k), real(1.0), real(0.0))


def lane_label_mass(arrays: Any, fixed: Any, lanes: Any, k: int, r: int) -> Any:
    return select(read_label(lanes[LABEL], r) == real(k), fixed[MIX][LABELED], fixed[MIX][OTHERS])


def lane_dense_mass(arrays: Any, fixed: Any, lanes: Any, k: int, r: int) -> Any:
    return read_mass(lanes[MASS], np.uint64(k * LANES) + r)


def lane_smooth_dense_mass(arrays: Any, fixed: Any, lanes: Any, k: int, r: int) -> Any:
    return read_mass(lanes[MASS], np.uint64(k * LANES) + r) * fixed[MIX][LEFT] + fixed[MIX][OTHERS]


def lane_class_mass(arrays: Any, fixed: Any, lanes: Any, k: int, r: int) -> Any:
    worth = read_share(lanes[SHARE], np.uint64(LANES) + r)
    return lane_raw(arrays, fixed, lanes, k, r) * read(arrays[CLASSES][0], np.uint64(k)) / worth


def present(s: Any, x: Any) -> Any:
    return real(0.0) if s == real(0.0) else x


# -- domains -----------------------------------------------------------------------------------------------------------


def lane_outside(x: Any, lanes: Any, place: int, here: Any, bounds: Any) -> Any:
    return np.int32(beyond(x, lanes, place, bounds) & here)


def lane_tested(x: Any, lanes: Any, place: int, bounds: Any) -> Any:
    return test(x[K], bounds[LEAST], bounds[MOST])


def lane_tested_mass(x: Any, lanes: Any, place: int, bounds: Any) -> Any:
    return test(read_mass(lanes[MASS], place), bounds[LEAST], bounds[MOST])
