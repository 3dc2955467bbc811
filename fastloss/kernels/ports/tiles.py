"""What the template for many rows at a time is completed with, besides `kernels/ports/rows.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import CLASS, CLASSES, INNER, LABEL, LABELED, LEFT, MASS, MIX, OTHERS, SHARE, STASH
from ..templates.tilesums import LANES

# Ports of the ports: which array, where a row begins in it, how it is read and written, and how the tile is.
OF = K = AT = SIDE = port
real = read = write = decode = save = turn = tile_of = read_tile = write_tile = bits_of = of_bits = port
inside: Any = None
"""A number inside the domain, for lanes that no row is in."""
TURN = BITS = False
"""Whether whole tiles go by squares, where the elements of a row lie side by side; of 16-bit floats as their bits."""
select = read_label = read_share = read_mass = test = beyond = lane_raw = LEAST = MOST = port


# -- into a tile, and out of it ----------------------------------------------------------------------------------------


def bring(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    memory, tile = arrays[OF][K], tile_of(arrays, lanes)
    start, across, down = at[AT], steps[AT, INNER], steps[AT, CLASS]
    if TURN and count == LANES:
        for r in range(0, LANES, SIDE):
            for k in range(0, width, SIDE):
                corner, few = start + np.uint64(r * across + k), np.uint64(min(SIDE, width - k))
                turn(memory, corner, np.uint64(across), few, tile, np.uint64(k * LANES + r), np.uint64(LANES))
        if BITS:
            for i in range(np.uint64(LANES * width)):
                write_tile(tile, i, decode(bits_of(read_tile(tile, i))))
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
        if BITS:
            for i in range(np.uint64(LANES * width)):
                write_tile(tile, i, of_bits(np.int32(save(read_tile(tile, i)))))
        for r in range(0, LANES, SIDE):
            for k in range(0, width, SIDE):
                corner, few = start + np.uint64(r * across + k), np.uint64(min(SIDE, width - k))
                turn(tile, np.uint64(k * LANES + r), np.uint64(LANES), memory, corner, np.uint64(across), few)
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
