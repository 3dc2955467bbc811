"""Ports of the CUDA template besides `kernels/ports/elements.py`: a thread's own arrays, and packets for them."""

from __future__ import annotations

from typing import Any

from numba import cuda

from ...plan.elements import HIGH, LOW

# Ports of the ports: types of elements as they are stored, and what moves packets of them.
WIDTH: Any = None
data_type0: Any = None
data_type1: Any = None
data_type2: Any = None
weight_type: Any = None
value_type: Any = None
slope_type0: Any = None
slope_type1: Any = None
take_data0: Any = None
take_data1: Any = None
take_data2: Any = None
take_weight: Any = None
give_value: Any = None
give_slope0: Any = None
give_slope1: Any = None
elementary: Any = None
real: Any = None
precise: Any = None
narrow: Any = None
read: Any = None
decode_weight: Any = None
near: Any = None
TINY: Any = None
MOST: Any = None


# -- a thread's own arrays ---------------------------------------------------------------------------------------------


def data1() -> Any:
    return (cuda.local.array(WIDTH, data_type0),)


def data2() -> Any:
    return cuda.local.array(WIDTH, data_type0), cuda.local.array(WIDTH, data_type1)


def data3() -> Any:
    return (
        cuda.local.array(WIDTH, data_type0), cuda.local.array(WIDTH, data_type1), cuda.local.array(WIDTH, data_type2)
    )  # fmt: skip


def weights() -> Any:
    return (cuda.local.array(WIDTH, weight_type),)


def values() -> Any:
    return (cuda.local.array(WIDTH, value_type),)


def slopes1() -> Any:
    return (cuda.local.array(WIDTH, slope_type0),)


def slopes2() -> Any:
    return cuda.local.array(WIDTH, slope_type0), cuda.local.array(WIDTH, slope_type1)


def nothing() -> Any:
    return ()


# -- packets: from `i` on into the thread's own arrays, and out of them ------------------------------------------------


def load1(own: Any, arrays: Any, i: int) -> None:
    take_data0(own[0], 0, arrays[0], i)


def load2(own: Any, arrays: Any, i: int) -> None:
    take_data0(own[0], 0, arrays[0], i)
    take_data1(own[1], 0, arrays[1], i)


def load3(own: Any, arrays: Any, i: int) -> None:
    take_data0(own[0], 0, arrays[0], i)
    take_data1(own[1], 0, arrays[1], i)
    take_data2(own[2], 0, arrays[2], i)


def load_weights(own: Any, arrays: Any, i: int) -> None:
    take_weight(own[0], 0, arrays[0], i)


def load_nothing(own: Any, arrays: Any, i: int) -> None:
    pass


def store_values(arrays: Any, i: int, own: Any) -> None:
    give_value(arrays[0], i, own[0])


def store1(arrays: Any, i: int, own: Any) -> None:
    give_slope0(arrays[0], i, own[0])


def store2(arrays: Any, i: int, own: Any) -> None:
    give_slope0(arrays[0], i, own[0])
    give_slope1(arrays[1], i, own[1])


def store_nothing(arrays: Any, i: int, own: Any) -> None:
    pass


# One element at a time, for what does not fill a packet.


def one1(own: Any, arrays: Any, i: int) -> None:
    own[0][0] = arrays[0][i]


def one2(own: Any, arrays: Any, i: int) -> None:
    own[0][0] = arrays[0][i]
    own[1][0] = arrays[1][i]


def one3(own: Any, arrays: Any, i: int) -> None:
    own[0][0] = arrays[0][i]
    own[1][0] = arrays[1][i]
    own[2][0] = arrays[2][i]


def put1(arrays: Any, i: int, own: Any) -> None:
    arrays[0][i] = own[0][0]


def put2(arrays: Any, i: int, own: Any) -> None:
    arrays[0][i] = own[0][0]
    arrays[1][i] = own[1][0]


def one_by_one(own: Any, place: int, array: Any, i: int) -> None:
    for k in range(WIDTH):
        own[place + k] = array[i + k]


def one_by_one_back(array: Any, i: int, own: Any) -> None:
    for k in range(WIDTH):
        array[i + k] = own[k]


# -- what derivatives are multiplied with, and a root's second one besides: from the host, or left by a kernel ---------


def factor_given(scale: Any, slopes: Any) -> Any:
    return scale[0], scale[1]


def factor_found(scale: Any, slopes: Any) -> Any:
    return slopes[0][0], slopes[0][1]


def widened(x: Any) -> Any:
    """An element of 16 bits where the arithmetic is in float64."""
    return real(narrow(x))


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
    return worth_in_units(decode_weight(read(weight[0], i)), precise(1.0), weight[1])


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
