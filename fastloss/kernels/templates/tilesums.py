"""The sums of the template for many rows at a time: down the classes of a tile, all lanes of a class after another.

`lanes` are explained in `kernels/templates/tiles.py`, the rest in `kernels/templates/rows.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LANES = 64
"""Rows of a tile: four vectors of 16 float32. A tile of 32 classes takes 8 KiB."""

STRIP = 2_048
"""Classes that are summed in the compute type before their sum becomes a float64."""

# Ports.
real: Any = None
folds: Any = None
settle: Any = None
second: Any = None
again: Any = None
probe: Any = None
PROBES: Any = None
WIDE_PROBES: Any = None
ask_early: Any = None
fetch: Any = None
mass: Any = None
keep: Any = None
recall: Any = None
outside: Any = None
read_share: Any = None
get_maxima: Any = None
get_sums: Any = None
put_sums: Any = None
get_wide: Any = None
put_wide: Any = None
get_more: Any = None
put_more: Any = None
get_wide_more: Any = None
put_wide_more: Any = None
get_coefs: Any = None
put_coefs: Any = None
add_all: Any = None
add_wide: Any = None
narrow: Any = None
LOWEST: Any = None
ZEROS: Any = None
MORE: Any = None
WIDE: Any = None
WIDE_MORE: Any = None
SETTLED: Any = None
GRAD = CHECK = TWICE = RISING = False


def sums_of(arrays: Any, fixed: Any, lanes: Any, at: Any, steps: Any, low: int, high: int) -> Any:
    """Each row's sums over the classes from `low` to `high`; whether an element lies outside its domain (0 or 1)."""
    flaws = np.int32(0)
    for r in range(np.uint64(LANES)):
        put_sums(lanes[4], r, LANES, ZEROS)
    for k in range(low, high):
        ask_early(arrays, at, steps, k)
        for r in range(np.uint64(LANES)):
            place = np.uint64(k * LANES) + r
            x = fetch(arrays, (), place)
            t = mass(arrays, fixed, lanes, k, r)
            terms, kept = folds(x, t, get_maxima(lanes[3], r, LANES, LOWEST), fixed[0])
            put_sums(lanes[4], r, LANES, add_all(get_sums(lanes[4], r, LANES, ZEROS), terms))
            if CHECK:
                flaws = np.int32(flaws | outside(x, lanes, place, read_share(lanes[1], r) != real(0.0), fixed[2]))
            if GRAD or TWICE:
                keep(arrays, (), place, kept)
    return flaws


def folded(arrays: Any, fixed: Any, lanes: Any, at: Any, steps: Any, width: int) -> Any:
    """Each row's sums; whether some element lies outside its domain (0 or 1)."""
    if width <= STRIP:
        return sums_of(arrays, fixed, lanes, at, steps, 0, width)
    flaws = np.int32(0)
    for r in range(np.uint64(LANES)):
        put_wide(lanes[6], r, LANES, WIDE)
    for low in range(0, width, STRIP):
        flaws = np.int32(flaws | sums_of(arrays, fixed, lanes, at, steps, low, min(width, low + STRIP)))
        for r in range(np.uint64(LANES)):
            wide = get_wide(lanes[6], r, LANES, WIDE)
            put_wide(lanes[6], r, LANES, add_wide(wide, get_sums(lanes[4], r, LANES, ZEROS)))
    for r in range(np.uint64(LANES)):
        put_sums(lanes[4], r, LANES, narrow(get_wide(lanes[6], r, LANES, WIDE), ZEROS))
    return flaws


def refolded(arrays: Any, fixed: Any, lanes: Any, width: int) -> None:
    """Each row's second sums, of the coefficients that `settle` gives or `probe` finds."""
    for r in range(np.uint64(LANES)):
        put_wide_more(lanes[7], r, LANES, WIDE_MORE)
        m = get_maxima(lanes[3], r, LANES, LOWEST)
        put_coefs(lanes[8], r, LANES, settle(*(m + get_sums(lanes[4], r, LANES, ZEROS) + fixed[0])))
    if RISING:
        # Rows that are at rest go along with the others, and stay there.
        while probed(arrays, fixed, lanes, width):
            pass
    for low in range(0, width, STRIP):
        for r in range(np.uint64(LANES)):
            put_more(lanes[5], r, LANES, MORE)
        for k in range(low, min(width, low + STRIP)):
            for r in range(np.uint64(LANES)):
                t = mass(arrays, fixed, lanes, k, r)
                kept = recall(arrays, (), np.uint64(k * LANES) + r)
                terms = second(*(kept + (t,) + get_coefs(lanes[8], r, LANES, SETTLED) + fixed[0]))
                put_more(lanes[5], r, LANES, add_all(get_more(lanes[5], r, LANES, MORE), terms))
        for r in range(np.uint64(LANES)):
            wide = get_wide_more(lanes[7], r, LANES, WIDE_MORE)
            put_wide_more(lanes[7], r, LANES, add_wide(wide, get_more(lanes[5], r, LANES, MORE)))
    for r in range(np.uint64(LANES)):
        put_more(lanes[5], r, LANES, narrow(get_wide_more(lanes[7], r, LANES, WIDE_MORE), MORE))


def probed(arrays: Any, fixed: Any, lanes: Any, width: int) -> Any:
    """Each row's next coefficients; whether a row is not at rest (0 or 1)."""
    for r in range(np.uint64(LANES)):
        put_wide_more(lanes[7], r, LANES, WIDE_PROBES)
    for low in range(0, width, STRIP):
        for r in range(np.uint64(LANES)):
            put_more(lanes[5], r, LANES, PROBES)
        for k in range(low, min(width, low + STRIP)):
            for r in range(np.uint64(LANES)):
                kept = recall(arrays, (), np.uint64(k * LANES) + r)
                terms = probe(*(kept + get_coefs(lanes[8], r, LANES, SETTLED) + fixed[0]))
                put_more(lanes[5], r, LANES, add_all(get_more(lanes[5], r, LANES, PROBES), terms))
        for r in range(np.uint64(LANES)):
            wide = get_wide_more(lanes[7], r, LANES, WIDE_PROBES)
            put_wide_more(lanes[7], r, LANES, add_wide(wide, get_more(lanes[5], r, LANES, PROBES)))
    some = np.int32(0)
    for r in range(np.uint64(LANES)):
        c = get_coefs(lanes[8], r, LANES, SETTLED)
        sums = narrow(get_wide_more(lanes[7], r, LANES, WIDE_PROBES), PROBES)
        higher = again(*(c + sums + fixed[0]))
        up = higher[0] > c[0]
        put_coefs(lanes[8], r, LANES, higher if up else c)
        put_wide_more(lanes[7], r, LANES, WIDE_MORE)
        some = np.int32(some | np.int32(up))
    return some
