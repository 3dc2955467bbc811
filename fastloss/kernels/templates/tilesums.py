"""The sums of the template for many rows at a time: down the classes of a tile, all lanes of a class after another.

`lanes` are explained in `kernels/templates/tiles.py`, the rest in `kernels/templates/rows.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import BOUNDS, COEFFICIENTS, MAXIMA, SECONDS, SHARE, SUMS, WIDE_SECONDS, WIDE_SUMS

LANES = 64
"""Rows of a tile: four vectors of 16 float32. A tile of 32 classes takes 8 KiB."""

STRIP = 32
"""Classes that are summed in the compute type before their sum becomes a float64: one after the other, so that more of
them lose digits. (Of 2,000 a smoothed loss of float32 was 100 units off.)"""

# Ports.
real = params_of = folds = settle = second = again = probe = PROBES = WIDE_PROBES = ask_early = fetch = mass = port
keep = recall = outside = read_share = get_maxima = get_sums = put_sums = get_wide = put_wide = get_more = port
put_more = get_wide_more = put_wide_more = get_coefs = put_coefs = add_all = add_wide = narrow = LOWEST = ZEROS = port
MORE = WIDE = WIDE_MORE = SETTLED = port
GRAD = CHECK = TWICE = RISING = False


def sums_of(arrays: Any, fixed: Any, lanes: Any, at: Any, steps: Any, low: int, high: int) -> Any:
    """Each row's sums over the classes from `low` to `high`; whether an element lies outside its domain (0 or 1)."""
    flaws = np.int32(0)
    for r in range(np.uint64(LANES)):
        put_sums(lanes[SUMS], r, LANES, ZEROS)
    for k in range(low, high):
        ask_early(arrays, at, steps, k)
        for r in range(np.uint64(LANES)):
            place = np.uint64(k * LANES) + r
            x = fetch(arrays, (), place)
            t = mass(arrays, fixed, lanes, k, r)
            terms, kept = folds(x, t, get_maxima(lanes[MAXIMA], r, LANES, LOWEST), params_of(fixed, r))
            put_sums(lanes[SUMS], r, LANES, add_all(get_sums(lanes[SUMS], r, LANES, ZEROS), terms))
            if CHECK:
                here = read_share(lanes[SHARE], r) != real(0.0)
                flaws = np.int32(flaws | outside(x, lanes, place, here, fixed[BOUNDS]))
            if GRAD or TWICE:
                keep(arrays, (), place, kept)
    return flaws


def folded(arrays: Any, fixed: Any, lanes: Any, at: Any, steps: Any, width: int) -> Any:
    """Each row's sums; whether some element lies outside its domain (0 or 1)."""
    if width <= STRIP:
        return sums_of(arrays, fixed, lanes, at, steps, 0, width)
    flaws = np.int32(0)
    for r in range(np.uint64(LANES)):
        put_wide(lanes[WIDE_SUMS], r, LANES, WIDE)
    for low in range(0, width, STRIP):
        flaws = np.int32(flaws | sums_of(arrays, fixed, lanes, at, steps, low, min(width, low + STRIP)))
        for r in range(np.uint64(LANES)):
            wide = get_wide(lanes[WIDE_SUMS], r, LANES, WIDE)
            put_wide(lanes[WIDE_SUMS], r, LANES, add_wide(wide, get_sums(lanes[SUMS], r, LANES, ZEROS)))
    for r in range(np.uint64(LANES)):
        put_sums(lanes[SUMS], r, LANES, narrow(get_wide(lanes[WIDE_SUMS], r, LANES, WIDE), ZEROS))
    return flaws


def refolded(arrays: Any, fixed: Any, lanes: Any, width: int) -> None:
    """Each row's second sums, of the coefficients that `settle` gives or `probe` finds."""
    for r in range(np.uint64(LANES)):
        put_wide_more(lanes[WIDE_SECONDS], r, LANES, WIDE_MORE)
        m = get_maxima(lanes[MAXIMA], r, LANES, LOWEST)
        sums = get_sums(lanes[SUMS], r, LANES, ZEROS)
        put_coefs(lanes[COEFFICIENTS], r, LANES, settle(*(m + sums + params_of(fixed, r))))
    if RISING:
        # Rows that are at rest go along with the others, and stay there.
        while probed(arrays, fixed, lanes, width):
            pass
    for low in range(0, width, STRIP):
        for r in range(np.uint64(LANES)):
            put_more(lanes[SECONDS], r, LANES, MORE)
        for k in range(low, min(width, low + STRIP)):
            for r in range(np.uint64(LANES)):
                t = mass(arrays, fixed, lanes, k, r)
                kept = recall(arrays, (), np.uint64(k * LANES) + r)
                rest = get_coefs(lanes[COEFFICIENTS], r, LANES, SETTLED) + params_of(fixed, r)
                terms = second(*(kept + (t,) + rest))  # noqa: RUF005, tuples for Numba
                put_more(lanes[SECONDS], r, LANES, add_all(get_more(lanes[SECONDS], r, LANES, MORE), terms))
        for r in range(np.uint64(LANES)):
            wide = get_wide_more(lanes[WIDE_SECONDS], r, LANES, WIDE_MORE)
            put_wide_more(lanes[WIDE_SECONDS], r, LANES, add_wide(wide, get_more(lanes[SECONDS], r, LANES, MORE)))
    for r in range(np.uint64(LANES)):
        put_more(lanes[SECONDS], r, LANES, narrow(get_wide_more(lanes[WIDE_SECONDS], r, LANES, WIDE_MORE), MORE))


def probed(arrays: Any, fixed: Any, lanes: Any, width: int) -> Any:
    """Each row's next coefficients; whether a row is not at rest (0 or 1)."""
    for r in range(np.uint64(LANES)):
        put_wide_more(lanes[WIDE_SECONDS], r, LANES, WIDE_PROBES)
    for low in range(0, width, STRIP):
        for r in range(np.uint64(LANES)):
            put_more(lanes[SECONDS], r, LANES, PROBES)
        for k in range(low, min(width, low + STRIP)):
            for r in range(np.uint64(LANES)):
                kept = recall(arrays, (), np.uint64(k * LANES) + r)
                terms = probe(*(kept + get_coefs(lanes[COEFFICIENTS], r, LANES, SETTLED) + params_of(fixed, r)))
                put_more(lanes[SECONDS], r, LANES, add_all(get_more(lanes[SECONDS], r, LANES, PROBES), terms))
        for r in range(np.uint64(LANES)):
            wide = get_wide_more(lanes[WIDE_SECONDS], r, LANES, WIDE_PROBES)
            put_wide_more(lanes[WIDE_SECONDS], r, LANES, add_wide(wide, get_more(lanes[SECONDS], r, LANES, PROBES)))
    some = np.int32(0)
    for r in range(np.uint64(LANES)):
        c = get_coefs(lanes[COEFFICIENTS], r, LANES, SETTLED)
        sums = narrow(get_wide_more(lanes[WIDE_SECONDS], r, LANES, WIDE_PROBES), PROBES)
        higher = again(*(c + sums + params_of(fixed, r)))
        up = higher[0] > c[0]
        put_coefs(lanes[COEFFICIENTS], r, LANES, higher if up else c)
        put_wide_more(lanes[WIDE_SECONDS], r, LANES, WIDE_MORE)
        some = np.int32(some | np.int32(up))
    return some
