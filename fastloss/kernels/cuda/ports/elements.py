"""Ports of the CUDA template besides `kernels/ports/elements.py`: a thread's own arrays, and packets for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from ...bind import port
from ...plan.elements import HIGH, LOW

# Ports of the ports: the K-th array's type of elements as they are stored, and what moves packets of them.
WIDTH = K = kind = move = elementary = port
real = precise = narrow = read = decode = worth_of = near = concluded = TINY = MOST = port


# -- a thread's own arrays ---------------------------------------------------------------------------------------------


def room() -> Any:
    return (cuda.local.array(WIDTH, kind),)


# -- packets: from `i` on into the thread's own arrays, and out of them ------------------------------------------------


def load(own: Any, arrays: Any, i: int) -> None:
    move(own[K], 0, arrays[K], i)


def store(arrays: Any, i: int, own: Any) -> None:
    move(arrays[K], i, own[K], 0)


# One element at a time, for what does not fill a packet.


def load_one(own: Any, arrays: Any, i: int) -> None:
    own[K][0] = arrays[K][i]


def store_one(arrays: Any, i: int, own: Any) -> None:
    arrays[K][i] = own[K][0]


def one_by_one(own: Any, place: int, array: Any, i: int) -> None:
    for k in range(WIDTH):
        own[place + k] = array[i + k]


def one_by_one_back(array: Any, i: int, own: Any, place: int) -> None:
    for k in range(WIDTH):
        array[i + k] = own[place + k]


# -- what derivatives are multiplied with, and a root's second one besides: from the host, or left by a kernel ---------


def factor_given(scale: Any, slopes: Any) -> Any:
    return scale[0], scale[1]


def factor_found(scale: Any, slopes: Any) -> Any:
    return slopes[0][0], slopes[0][1]


def widened(x: Any) -> Any:
    """An element of 16 bits where the arithmetic is in float64."""
    return real(narrow(x))


# -- where a tile's sum goes: to those of the others, or, where it is the only one, as the value to the caller ---------


def among_others(sums: Any, sum: Any) -> None:
    sums[cuda.blockIdx.x] = sum


def as_value(sums: Any, sum: Any) -> None:
    sums[0][0] = concluded(np.float64(sum), sums[1], sums[2])[0]


# -- the power of two that weights are multiplied by, as they are read: what their sum is divided by is near 1 ---------


def as_it_is(own: Any, slopes: Any) -> Any:
    return own


def with_unit(own: Any, slopes: Any) -> Any:
    return own + (slopes[1][0],)


def no_unit(slopes: Any) -> Any:
    return real(1.0)


def unit_found(slopes: Any) -> Any:
    return slopes[1][0]


def weighted_in_units(weight: Any, i: int) -> Any:
    return worth_of(decode(read(weight[0], i)), precise(1.0), weight[1])


def worth(s: Any, each: Any, unit: Any) -> Any:
    return s * each


def worth_in_units(s: Any, each: Any, unit: Any) -> Any:
    """A weight times another, of the compute type: none becomes 0 by the unit, which would make its element absent."""
    found = real(s * unit * each)
    lost = found == real(0.0) and unit != precise(1.0) and s != precise(0.0) and each != precise(0.0)
    return TINY if lost else found


def always_one(divisor: Any, weights: Any) -> Any:
    return 1.0


def brings_near(divisor: Any, weights: Any) -> Any:
    """The unit for a divisor, by which weights of such a sum stay in reach."""
    size = abs(divisor)
    unit = 1.0
    if size > 0.0 and size < LOW:
        while size * unit < 1.0 and unit < MOST and weights * unit < HIGH:
            unit *= 2.0
    if size > HIGH and size - size == 0.0:
        while size * unit > 1.0 and unit * MOST > 1.0 and weights * unit > LOW:
            unit *= 0.5
    return unit


def leave_nothing(unit: Any, number: Any) -> None:
    pass


def leave_unit(unit: Any, number: Any) -> None:
    unit[0][0] = number


# -- what a sum comes to: the value, what derivatives are multiplied with, a root's second one besides; the unit -------


def divisor_given(given: Any) -> Any:
    return given[0]


def divisor_found(given: Any) -> Any:
    return given[0][0]


def weighed(sum: Any, divisor: Any, nothing: Any) -> Any:
    """Of weights: what the losses are divided by."""
    unit = near(sum, sum)
    total = sum * unit
    return total, (1.0 / total if total != 0.0 else 0.0), 0.0, unit


def normalized(sum: Any, divisor: Any, nothing: Any) -> Any:
    """Of weights, where the losses are divided by something else."""
    unit = near(divisor, sum)
    return divisor * unit, 1.0 / (divisor * unit), 0.0, unit


def averaged(sum: Any, divisor: Any, nothing: Any) -> Any:
    return (sum / divisor if divisor != 0.0 else nothing), 0.0, 0.0, 1.0


def rooted(sum: Any, divisor: Any, nothing: Any) -> Any:
    """The root of a mean; its slope is not there at 0, where that of the mean is 0 too."""
    if divisor == 0.0:
        return nothing, 0.0, 0.0, 1.0
    root = elementary.sqrt(sum / divisor)
    steep = 1.0 / root if root > 0.0 else (0.0 if root == 0.0 else root)
    return root, 0.5 * steep / divisor, steep, 1.0
