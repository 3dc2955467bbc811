"""What the pointwise template is completed with: plain functions of one element, in which no loss is known.

What belongs to one array, the K-th of a tuple, is a port of the port (`decode`, `test`, `write`). All of it is ordinary
Python, so that the tests can run a bound template without a compiler.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port

# Ports of the ports.
real = read = reread = write = decode = save = port
jet = curve = arguments = of = portion = bend = test = beyond = unfit = port
K = LEAST = MOST = port


# -- inputs: the i-th element of each as a number of the compute type ----------------------------------------------


def element(data: Any, grad: Any, i: int) -> Any:
    return (decode(read(data[K], i)),)


def element_inplace(data: Any, grad: Any, i: int) -> Any:
    """In place, the first input is the gradient's own array, and read as such."""
    return (decode(reread(grad[K], i)),)


def native(x: Any) -> Any:
    return real(x)


# -- weights -------------------------------------------------------------------------------------------------------


def unweighted(weight: Any, i: int) -> Any:
    return real(1.0)


def weighted(weight: Any, i: int) -> Any:
    return decode(read(weight[0], i))


def whole(s: Any, x: Any) -> Any:
    return x


def absent_if_zero(s: Any, x: Any) -> Any:
    """s * x, but 0 where s is 0, whatever x is."""
    return real(0.0) if s == real(0.0) else s * x


# -- domains: whether an input lies outside, as 0 or 1; NaN never does ---------------------------------------------


def anywhere(*args: Any) -> Any:
    return False


def below(x: Any, low: Any, high: Any) -> Any:
    return x < low


def off_interval(x: Any, low: Any, high: Any) -> Any:
    return (x < low) | (x > high)


def off_within(x: Any, low: Any, high: Any) -> Any:
    """The same where NaN is outside."""
    return not ((x >= low) & (x <= high))


def off_ends(x: Any, low: Any, high: Any) -> Any:
    return (x < low) | (x > high) | ((x > low) & (x < high))


def trusted(s: Any) -> Any:
    return False


def no_weight(s: Any) -> Any:
    return (s < real(0.0)) | (s == real(np.inf))


def tested(x: Any, bounds: Any) -> Any:
    return test(x[K], bounds[LEAST], bounds[MOST])


def outside(s: Any, x: Any, bounds: Any) -> Any:
    return np.int32((beyond(x, bounds) & (s != real(0.0))) | unfit(s))


# -- derivatives ---------------------------------------------------------------------------------------------------


def put_grad(grad: Any, i: int, s: Any, factor: Any, d1: Any) -> None:
    write(grad[K], i, save(portion(s, factor * of(d1))))


def put_hess(hess: Any, i: int, s: Any, factor: Any, second: Any, d1: Any, d2: Any) -> None:
    write(hess[K], i, save(bend(portion(s, factor * of(d2)), portion(s, factor * of(d1)), second)))


def component(d: Any) -> Any:
    """A derivative with respect to one of several inputs."""
    return d[K]


def straight(h: Any, g: Any, second: Any) -> Any:
    return h


def rooted(h: Any, g: Any, second: Any) -> Any:
    """The second derivative of a root R of a mean, `second` being 1 / R."""
    return h - second * g * g


def nothing(*args: Any) -> None:
    pass


def none(*args: Any) -> Any:
    return ()


def raised(*point: Any) -> Any:
    """A jet of two results as one of three."""
    value, d1 = jet(*point)
    return value, d1, real(0.0)


def newton(*point: Any) -> Any:
    """A jet with a curve in place of the second derivative, times one number and at least another."""
    _, d1, d2 = jet(*point[:-3])
    bent = point[-3] * curve(point, d1, d2)
    bent = point[-2] if bent < point[-2] else bent
    return abs(d1) + abs(bent), d1, bent


def own(point: Any, d1: Any, d2: Any) -> Any:
    return d2


def chord(point: Any, d1: Any, d2: Any) -> Any:
    e = point[0] - point[1]
    return d2 if e == real(0.0) else d1 / e


def distance(point: Any, d1: Any, d2: Any) -> Any:
    size = abs(point[0] - point[1])
    return real(1.0) / (point[-1] if size < point[-1] else size)


def arranged(*point: Any) -> Any:
    return jet(*arguments(point))


def argument(point: Any) -> Any:
    return (point[K],)


def keep(x: Any) -> Any:
    return x


def values_outside(x: Any) -> Any:
    """The jet of which only the input is looked at."""
    return x, 1.0, 0.0


def sum_of_weights(x: Any) -> Any:
    """The jet whose sum is the sum of an array: a weighted mean divides by it."""
    return x, 1.0, 0.0
