"""What the pointwise template is completed with: plain functions of one element, in which no loss is known.

A port that reads or writes an input of its own (`decode0`, `save1`, `test2`) is completed in turn. All of it is
ordinary Python, so that the tests can run a bound template without a compiler.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Ports of the ports: how the elements of each input are read, tested and written.
real: Any = None
read: Any = None
reread: Any = None
write_grad0: Any = None
write_grad1: Any = None
write_hess0: Any = None
write_hess1: Any = None
short_jet: Any = None
decode0: Any = None
decode1: Any = None
decode2: Any = None
decode_weight: Any = None
test0: Any = None
test1: Any = None
test2: Any = None
unfit: Any = None
save0: Any = None
save1: Any = None
portion: Any = None
bend: Any = None


# -- inputs: the i-th element of each as a number of the compute type ----------------------------------------------


def inputs1(data: Any, grad: Any, i: int) -> Any:
    return (decode0(read(data[0], i)),)


def inputs2(data: Any, grad: Any, i: int) -> Any:
    return decode0(read(data[0], i)), decode1(read(data[1], i))


def inputs3(data: Any, grad: Any, i: int) -> Any:
    return decode0(read(data[0], i)), decode1(read(data[1], i)), decode2(read(data[2], i))


# In place, the first input is the gradient's own array, and read as such.


def inplace1(data: Any, grad: Any, i: int) -> Any:
    return (decode0(reread(grad[0], i)),)


def inplace2(data: Any, grad: Any, i: int) -> Any:
    return decode0(reread(grad[0], i)), decode1(read(data[1], i))


def inplace3(data: Any, grad: Any, i: int) -> Any:
    return decode0(reread(grad[0], i)), decode1(read(data[1], i)), decode2(read(data[2], i))


def native(x: Any) -> Any:
    return real(x)


# -- weights -------------------------------------------------------------------------------------------------------


def unweighted(weight: Any, i: int) -> Any:
    return real(1.0)


def weighted(weight: Any, i: int) -> Any:
    return decode_weight(read(weight[0], i))


def whole(s: Any, x: Any) -> Any:
    return x


def absent_if_zero(s: Any, x: Any) -> Any:
    """s * x, but 0 where s is 0, whatever x is."""
    return real(0.0) if s == real(0.0) else s * x


# -- domains: whether an input lies outside, as 0 or 1; NaN never does ---------------------------------------------


def anywhere(x: Any, low: Any, high: Any) -> Any:
    return False


def below(x: Any, low: Any, high: Any) -> Any:
    return x < low


def off_interval(x: Any, low: Any, high: Any) -> Any:
    return (x < low) | (x > high)


def off_ends(x: Any, low: Any, high: Any) -> Any:
    return (x < low) | (x > high) | ((x > low) & (x < high))


def trusted(s: Any) -> Any:
    return False


def no_weight(s: Any) -> Any:
    return (s < real(0.0)) | (s == real(np.inf))


def outside1(s: Any, x: Any, b: Any) -> Any:
    return np.int32((test0(x[0], b[0], b[1]) & (s != real(0.0))) | unfit(s))


def outside2(s: Any, x: Any, b: Any) -> Any:
    return np.int32(((test0(x[0], b[0], b[1]) | test1(x[1], b[2], b[3])) & (s != real(0.0))) | unfit(s))


def outside3(s: Any, x: Any, b: Any) -> Any:
    bad = test0(x[0], b[0], b[1]) | test1(x[1], b[2], b[3]) | test2(x[2], b[4], b[5])
    return np.int32((bad & (s != real(0.0))) | unfit(s))


# -- derivatives ---------------------------------------------------------------------------------------------------


def grad1(grad: Any, i: int, s: Any, factor: Any, d1: Any) -> None:
    write_grad0(grad[0], i, save0(portion(s, factor * d1)))


def grad2(grad: Any, i: int, s: Any, factor: Any, d1: Any) -> None:
    write_grad0(grad[0], i, save0(portion(s, factor * d1[0])))
    write_grad1(grad[1], i, save1(portion(s, factor * d1[1])))


def hess1(hess: Any, i: int, s: Any, factor: Any, second: Any, d1: Any, d2: Any) -> None:
    write_hess0(hess[0], i, save0(bend(portion(s, factor * d2), portion(s, factor * d1), second)))


def hess2(hess: Any, i: int, s: Any, factor: Any, second: Any, d1: Any, d2: Any) -> None:
    write_hess0(hess[0], i, save0(bend(portion(s, factor * d2[0]), portion(s, factor * d1[0]), second)))
    write_hess1(hess[1], i, save1(bend(portion(s, factor * d2[1]), portion(s, factor * d1[1]), second)))


def straight(h: Any, g: Any, second: Any) -> Any:
    return h


def rooted(h: Any, g: Any, second: Any) -> Any:
    """The second derivative of a root R of a mean, `second` being 1 / R."""
    return h - second * g * g


def raised(*point: Any) -> Any:
    """A jet of two results as one of three."""
    value, d1 = short_jet(*point)
    return value, d1, real(0.0)


def keep(x: Any) -> Any:
    return x


def itself(x: Any) -> Any:
    """The jet whose sum is the sum of an array: a weighted mean divides by it."""
    return x, 1.0, 0.0
