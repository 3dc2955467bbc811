"""Ports of the CUDA template besides `kernels/ports/elements.py`: a thread's own arrays, and packets for them."""

from __future__ import annotations

from typing import Any

from numba import cuda

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


# -- what a sum comes to: the value, what derivatives are multiplied with, and a root's second one besides -------------


def divisor_given(given: Any) -> Any:
    return given[0]


def divisor_found(given: Any) -> Any:
    return given[0][0]


def weighed(sum: Any, divisor: Any, nothing: Any) -> Any:
    """Of weights: what the losses are divided by."""
    return sum, (1.0 / sum if sum != 0.0 else 0.0), 0.0


def averaged(sum: Any, divisor: Any, nothing: Any) -> Any:
    return (sum / divisor if divisor != 0.0 else nothing), 0.0, 0.0


def rooted(sum: Any, divisor: Any, nothing: Any) -> Any:
    """The root of a mean; its slope is not there at 0, where that of the mean is 0 too."""
    if divisor == 0.0:
        return nothing, 0.0, 0.0
    root = elementary.sqrt(sum / divisor)
    steep = 1.0 / root if root > 0.0 else (0.0 if root == 0.0 else root)
    return root, 0.5 * steep / divisor, steep
