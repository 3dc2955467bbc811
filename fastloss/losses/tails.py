"""What is left of exponentials and normal distributions where their own functions have no digits left."""

from __future__ import annotations

from .special import fine


def excess(x: float) -> float:
    """How far the normal hazard density(x) / (1 - cdf(x)) lies above x, for x >= 0: within 3 epsilons.

    It falls from sqrt(2 / pi) like 1 / x. Times x + 2 it is near-minimax, to 3e-17, a quotient of two polynomials in
    u = 2 / (x + 2); no term of either is negative, so nothing cancels.
    """
    w = 1.0 / (x + 2.0)
    u = 2.0 * w
    p = 681.0287172452182 + u * 285.311388843075312
    p = 913.2573724793498 + u * (932.7967913774882 + u * p)
    p = 419.05898335622375 + u * (692.6833940168458 + u * p)
    p = 80.18018923871824 + u * (206.34017362891539 + u * p)
    p = 5.411489745288863 + u * (25.546168834475023 + u * p)
    p = 1.0 + u * p
    q = 225.57306116984563 + u * 69.4088804491901
    q = 526.4013549279162 + u * (408.9524814194120 + u * q)
    q = 415.6018427370164 + u * (521.4436747056578 + u * q)
    q = 141.76381357914857 + u * (265.633428671809 + u * q)
    q = 20.63467908917151 + u * (57.83976527856524 + u * q)
    q = 1.0 + u * (4.411489745288913 + u * q)
    return w * (p / q)


def moments(tilt: float, square: float) -> tuple[float, float, float]:
    """Means of f, v f and v^2 f over -1 <= v <= 1 for f = exp(-tilt v - square v^2 / 2).

    By Hermite's series, whose terms follow from the two before: within 4 epsilons for 0 <= tilt <= 1/2, square <= 1/4.
    """
    a1 = tilt
    a2 = (tilt * a1 - square) * (1.0 / 2.0)
    a3 = (tilt * a2 - square * a1) * (1.0 / 3.0)
    a4 = (tilt * a3 - square * a2) * (1.0 / 4.0)
    a5 = (tilt * a4 - square * a3) * (1.0 / 5.0)
    a6 = (tilt * a5 - square * a4) * (1.0 / 6.0)
    a7 = (tilt * a6 - square * a5) * (1.0 / 7.0)
    a8 = (tilt * a7 - square * a6) * (1.0 / 8.0)
    a9 = (tilt * a8 - square * a7) * (1.0 / 9.0)
    a10 = (tilt * a9 - square * a8) * (1.0 / 10.0)
    a11 = (tilt * a10 - square * a9) * (1.0 / 11.0)
    a12 = (tilt * a11 - square * a10) * (1.0 / 12.0)
    a13 = (tilt * a12 - square * a11) * (1.0 / 13.0)
    a14 = fine((tilt * a13 - square * a12) * (1.0 / 14.0))
    a15 = fine((tilt * a14 - square * a13) * (1.0 / 15.0))
    a16 = fine((tilt * a15 - square * a14) * (1.0 / 16.0))
    a17 = fine((tilt * a16 - square * a15) * (1.0 / 17.0))
    a18 = fine((tilt * a17 - square * a16) * (1.0 / 18.0))
    a19 = fine((tilt * a18 - square * a17) * (1.0 / 19.0))
    a20 = fine((tilt * a19 - square * a18) * (1.0 / 20.0))
    # The smallest first; those that float32 does not see add up to less than 2^-26 of a mean.
    m0 = a20 * (1.0 / 21.0) + a18 * (1.0 / 19.0) + a16 * (1.0 / 17.0) + a14 * (1.0 / 15.0) + a12 * (1.0 / 13.0)
    m0 = m0 + a10 * (1.0 / 11.0) + a8 * (1.0 / 9.0) + a6 * (1.0 / 7.0) + a4 * (1.0 / 5.0) + a2 * (1.0 / 3.0)
    m1 = a19 * (1.0 / 21.0) + a17 * (1.0 / 19.0) + a15 * (1.0 / 17.0) + a13 * (1.0 / 15.0) + a11 * (1.0 / 13.0)
    m1 = m1 + a9 * (1.0 / 11.0) + a7 * (1.0 / 9.0) + a5 * (1.0 / 7.0) + a3 * (1.0 / 5.0) + a1 * (1.0 / 3.0)
    m2 = a20 * (1.0 / 23.0) + a18 * (1.0 / 21.0) + a16 * (1.0 / 19.0) + a14 * (1.0 / 17.0) + a12 * (1.0 / 15.0)
    m2 = m2 + a10 * (1.0 / 13.0) + a8 * (1.0 / 11.0) + a6 * (1.0 / 9.0) + a4 * (1.0 / 7.0) + a2 * (1.0 / 5.0)
    return 1.0 + m0, -m1, 1.0 / 3.0 + m2


def exp_tail(x: float) -> float:
    """(exp(-x) - 1 + x) / x^2 for 0 <= x <= 1: near-minimax to 1.4e-16, within 2 epsilons."""
    tail = 2.7354759020888219e-07 + x * (-2.3483418044198742e-08 + x * 1.3746954704854266e-09)
    tail = 2.4800717868668623e-05 + x * (-2.7540825409723325e-06 + x * tail)
    tail = 0.0013888888260582950 + x * (-0.00019841240279673262 + x * tail)
    tail = 0.041666666666168918 + x * (-0.0083333333255291161 + x * tail)
    return 0.5 + x * (-0.16666666666665427 + x * tail)
