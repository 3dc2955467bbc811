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
    CLASS,
    CLASSES,
    GRADS,
    HESSES,
    INNER,
    LABEL,
    LABELED,
    LEFT,
    MASS,
    MIX,
    OTHERS,
    SCORES,
    SHARE,
    STASH,
    TARGET,
)
from ..templates.tilesums import LANES

# Ports of the ports. The last three are numbers inside the domains, for lanes that no row is in.
real = read = reread = select = write_grad0 = write_hess0 = write_kept0 = write_kept1 = write_mass = port
read_mass = read_label = read_share = reread_kept0 = reread_kept1 = decode0 = decode1 = decode_target = save = port
test0 = test1 = test_target = first_scores = turn_scores0 = turn_scores1 = turn_inplace = turn_masses = port
turn_grad = turn_hess = SIDE = port
TURN_FIRST = TURN_SECOND = TURN_MASS = False
BITS_FIRST = BITS_SECOND = BITS_MASS = False
bits_of = of_bits = lane_raw = inner0 = inner1 = inner_target = port


# -- one number of an array or of the tile: taken, given ---------------------------------------------------------------


def take_first(arrays: Any, i: int) -> Any:
    return decode0(read(arrays[SCORES][0], i))


def take_inplace(arrays: Any, i: int) -> Any:
    return decode0(reread(arrays[GRADS][0], i))


def take_second(arrays: Any, i: int) -> Any:
    return decode1(read(arrays[SCORES][1], i))


def take_mass(arrays: Any, i: int) -> Any:
    return decode_target(read(arrays[TARGET][0], i))


def take_grad(arrays: Any, place: int) -> Any:
    return save(reread_kept0(arrays[STASH][0], place))


def take_hess(arrays: Any, place: int) -> Any:
    return save(reread_kept1(arrays[STASH][1], place))


def give_first(arrays: Any, lanes: Any, place: int, x: Any) -> None:
    write_kept0(arrays[STASH][0], place, x)


def give_second(arrays: Any, lanes: Any, place: int, x: Any) -> None:
    write_kept1(arrays[STASH][1], place, x)


def give_mass(arrays: Any, lanes: Any, place: int, x: Any) -> None:
    write_mass(lanes[MASS], place, x)


def give_grad(arrays: Any, i: int, x: Any) -> None:
    write_grad0(arrays[GRADS][0], i, x)


def give_hess(arrays: Any, i: int, x: Any) -> None:
    write_hess0(arrays[HESSES][0], i, x)


# The same for a square: from `start`, rows `across` apart, `count` elements of each.


def turn_first(arrays: Any, lanes: Any, start: int, across: int, count: int, place: int) -> None:
    turn_scores0(arrays[SCORES][0], start, across, count, arrays[STASH][0], place, np.uint64(LANES))


def turn_again(arrays: Any, lanes: Any, start: int, across: int, count: int, place: int) -> None:
    turn_inplace(arrays[GRADS][0], start, across, count, arrays[STASH][0], place, np.uint64(LANES))


def turn_second(arrays: Any, lanes: Any, start: int, across: int, count: int, place: int) -> None:
    turn_scores1(arrays[SCORES][1], start, across, count, arrays[STASH][1], place, np.uint64(LANES))


def turn_mass(arrays: Any, lanes: Any, start: int, across: int, count: int, place: int) -> None:
    turn_masses(arrays[TARGET][0], start, across, count, lanes[MASS], place, np.uint64(LANES))


def turn_slope(arrays: Any, lanes: Any, start: int, across: int, count: int, place: int) -> None:
    turn_grad(arrays[STASH][0], place, np.uint64(LANES), arrays[GRADS][0], start, across, count)


def turn_curve(arrays: Any, lanes: Any, start: int, across: int, count: int, place: int) -> None:
    turn_hess(arrays[STASH][1], place, np.uint64(LANES), arrays[HESSES][0], start, across, count)


# The same in the tile, where squares leave and find 16-bit floats as their bits.


def unpack_first(arrays: Any, lanes: Any, place: int) -> None:
    write_kept0(arrays[STASH][0], place, decode0(bits_of(reread_kept0(arrays[STASH][0], place))))


def unpack_second(arrays: Any, lanes: Any, place: int) -> None:
    write_kept1(arrays[STASH][1], place, decode1(bits_of(reread_kept1(arrays[STASH][1], place))))


def unpack_mass(arrays: Any, lanes: Any, place: int) -> None:
    write_mass(lanes[MASS], place, decode_target(bits_of(read_mass(lanes[MASS], place))))


def pack_slope(arrays: Any, lanes: Any, place: int) -> None:
    write_kept0(arrays[STASH][0], place, of_bits(np.int32(save(reread_kept0(arrays[STASH][0], place)))))


def pack_curve(arrays: Any, lanes: Any, place: int) -> None:
    write_kept1(arrays[STASH][1], place, of_bits(np.int32(save(reread_kept1(arrays[STASH][1], place)))))


# -- all of a tile. `step` is what lies between (outer rows, rows, classes) --------------------------------------------


def into(
    take: Any, give: Any, inside: Any, arrays: Any, lanes: Any, start: int, step: Any, width: int, count: int
) -> None:
    for k in range(width):
        first = start + np.uint64(k * step[CLASS])
        for r in range(np.uint64(count)):
            give(arrays, lanes, np.uint64(k * LANES) + r, take(arrays, first + r * np.uint64(step[INNER])))
        for r in range(np.uint64(count), np.uint64(LANES)):
            give(arrays, lanes, np.uint64(k * LANES) + r, inside)


def out_of(take: Any, give: Any, arrays: Any, start: int, step: Any, width: int, count: int) -> None:
    for k in range(width):
        first = start + np.uint64(k * step[CLASS])
        for r in range(np.uint64(count)):
            give(arrays, first + r * np.uint64(step[INNER]), take(arrays, np.uint64(k * LANES) + r))


def squares(turn: Any, arrays: Any, lanes: Any, start: int, step: Any, width: int) -> None:
    for r in range(0, LANES, SIDE):
        for k in range(0, width, SIDE):
            turn(arrays, lanes, start + np.uint64(r * step[INNER] + k), np.uint64(step[INNER]),
                 np.uint64(min(SIDE, width - k)), np.uint64(k * LANES + r))  # fmt: skip


def everywhere(change: Any, arrays: Any, lanes: Any, width: int) -> None:
    for i in range(np.uint64(LANES * width)):
        change(arrays, lanes, i)


# -- into the tile, and out of it: by squares where the elements of a row lie side by side, and are of the compute type
# or of 16 bits.


def bring_first(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    if TURN_FIRST and count == LANES:
        squares(turn_first, arrays, lanes, at[AT_SCORES], steps[0], width)
        if BITS_FIRST:
            everywhere(unpack_first, arrays, lanes, width)
    else:
        into(take_first, give_first, inner0, arrays, lanes, at[AT_SCORES], steps[0], width, count)


def bring_again(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    if TURN_FIRST and count == LANES:
        squares(turn_again, arrays, lanes, at[AT_GRADS], steps[4], width)
        if BITS_FIRST:
            everywhere(unpack_first, arrays, lanes, width)
    else:
        into(take_inplace, give_first, inner0, arrays, lanes, at[AT_GRADS], steps[4], width, count)


def bring_second(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    if TURN_SECOND and count == LANES:
        squares(turn_second, arrays, lanes, at[AT_SECOND], steps[1], width)
        if BITS_SECOND:
            everywhere(unpack_second, arrays, lanes, width)
    else:
        into(take_second, give_second, inner1, arrays, lanes, at[AT_SECOND], steps[1], width, count)


def bring_mass(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    if TURN_MASS and count == LANES:
        squares(turn_mass, arrays, lanes, at[AT_TARGET], steps[2], width)
        if BITS_MASS:
            everywhere(unpack_mass, arrays, lanes, width)
    else:
        into(take_mass, give_mass, inner_target, arrays, lanes, at[AT_TARGET], steps[2], width, count)


def carry_grad(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    if TURN_FIRST and count == LANES:
        if BITS_FIRST:
            everywhere(pack_slope, arrays, lanes, width)
        squares(turn_slope, arrays, lanes, at[AT_GRADS], steps[4], width)
    else:
        out_of(take_grad, give_grad, arrays, at[AT_GRADS], steps[4], width, count)


def carry_hess(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    if TURN_FIRST and count == LANES:
        if BITS_FIRST:
            everywhere(pack_curve, arrays, lanes, width)
        squares(turn_curve, arrays, lanes, at[AT_HESSES], steps[5], width)
    else:
        out_of(take_hess, give_hess, arrays, at[AT_HESSES], steps[5], width, count)


# What there is of them, in turn.


def bring_pair(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    first_scores(arrays, lanes, at, steps, width, count)
    bring_second(arrays, lanes, at, steps, width, count)


def bring_dense(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    first_scores(arrays, lanes, at, steps, width, count)
    bring_mass(arrays, lanes, at, steps, width, count)


def bring_all(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    bring_pair(arrays, lanes, at, steps, width, count)
    bring_mass(arrays, lanes, at, steps, width, count)


def carry_pair(arrays: Any, lanes: Any, at: Any, steps: Any, width: int, count: int) -> None:
    carry_grad(arrays, lanes, at, steps, width, count)
    carry_hess(arrays, lanes, at, steps, width, count)


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


def lane_outside1(x: Any, lanes: Any, place: int, here: Any, b: Any) -> Any:
    return np.int32(test0(x[0], b[0], b[1]) & here)


def lane_outside1_dense(x: Any, lanes: Any, place: int, here: Any, b: Any) -> Any:
    return np.int32((test0(x[0], b[0], b[1]) | test_target(read_mass(lanes[MASS], place), b[2], b[3])) & here)


def lane_outside2(x: Any, lanes: Any, place: int, here: Any, b: Any) -> Any:
    return np.int32((test0(x[0], b[0], b[1]) | test1(x[1], b[2], b[3])) & here)


def lane_outside2_dense(x: Any, lanes: Any, place: int, here: Any, b: Any) -> Any:
    bad = test0(x[0], b[0], b[1]) | test1(x[1], b[2], b[3])
    return np.int32((bad | test_target(read_mass(lanes[MASS], place), b[4], b[5])) & here)
