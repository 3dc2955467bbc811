"""What the losses of two softmaxes share: a student's Q and its teacher's P, near or far from each other.

`a` and `b` are exponentials of the student's and the teacher's logits below their tops, at the temperature.
"""

from __future__ import annotations

import math

from .divergence import jensen, surplus
from .softmax import Slope, below, missing
from .special import _FINE, of_type, scaled


def heights(z: float, y: float, ms: float, mt: float, temperature: float) -> tuple[float, float, float]:
    """The student's logit below its top; that and the teacher's at the temperature."""
    cool = 1.0 / temperature
    x = below(z, ms)
    return x, x * cool, below(y, mt) * cool


def rise(z: float, y: float, ms: float, mt: float, temperature: float) -> float:
    """How much higher the teacher's logit is than the student's, both below their tops, at the temperature."""
    x = below(z, ms)
    # Of two ways the one whose differences are smaller, and so have lost less.
    d = (y - z) - (mt - ms) if abs(y - z) < abs(x) else below(y, mt) - x
    return d * (1.0 / temperature)


def weights(temperature: float, alpha: float, scale_t2: float) -> tuple[float, float, float]:
    """What the divergence counts, and its first and second derivative by the logits at the temperature."""
    soft = 1.0 - alpha
    large = scale_t2 == 1.0
    cool = 1.0 / temperature
    return (
        soft * temperature * temperature if large else soft,
        soft * temperature if large else soft * cool,
        soft if large else soft * cool * cool,
    )


def bend_rate(d: float) -> float:
    """(d - 1 + exp(-d)) / d^2 for |d| up to 3/16, near-minimax: relative error 6e-17; for float32 up to 3/4, 1e-8."""
    return _bend_rate_double(d) if _FINE > 1.0 else _bend_rate_single(d)


def _bend_rate_single(d: float) -> float:
    tail = 0.0013889657655400946 + d * (-0.00020113159696219619 + d * 2.4891581303527482e-05)
    tail = -0.16666671969431697 + d * (0.041666639814736402 + d * (-0.0083325718746910748 + d * tail))
    return 0.50000000099790101 + d * tail


def _bend_rate_double(d: float) -> float:
    tail = 2.4801590692965612e-05 + d * (-2.7577138277813703e-06 + d * 2.756281644998922e-07)
    tail = -0.008333333333843385 + d * (0.001388888888761261 + d * (-0.0001984126461648482 + d * tail))
    return 0.5 + d * (-0.16666666666666533 + d * (0.041666666666667754 + d * tail))


def compared(a: float, b: float, d: float, lean: float) -> tuple[float, float]:
    """a - b and a - b + b d for exponentials of which d is log(b / a), without cancellation; `lean` is b d."""
    close = abs(d) < of_type(0.75, 0.1875)
    rate = bend_rate(d)
    apart = a - b
    return (lean * (d * rate - 1.0) if close else apart), (lean * (d * rate) if close else apart + lean)


def parted(a: float, b: float, d: float, lean: float) -> float:
    """a - b for exponentials of which d is log(b / a), without cancellation; `lean` is b d."""
    z = d * d
    return (a * d + lean) * _half_tanh_rate(z) if z < 0.0625 else a - b


def _half_tanh_rate(z: float) -> float:
    """-tanh(d / 2) / d for z = d^2 of at most 1/16, near-minimax: relative error 5e-17; for float32 6e-9."""
    return _half_tanh_double(z) if _FINE > 1.0 else _half_tanh_single(z)


def _half_tanh_single(z: float) -> float:
    return -0.4999999968135765 + z * (0.041665748653880494 - z * 0.004127418893041566)


def _half_tanh_double(z: float) -> float:
    tail = 0.0004216268000271763 - z * (4.270815377338596e-05 - z * 4.246501387436688e-06)
    return -0.5 + z * (0.04166666666665224 - z * (0.004166666663972429 - z * tail))


def packed(a: float, b: float, apart: float) -> tuple[float, float]:
    """Of two exponentials the first and the other; where they are near, minus the first and their difference."""
    close = abs(apart) < 0.5 * a
    return (-a, apart) if close else (a, b)


def unpacked(x: float, y: float) -> tuple[float, float, float]:
    """The exponentials a and b of `packed`, and a - b."""
    close = x < 0.0
    a = abs(x)
    return a, a - y if close else y, y if close else a - y


def log_ratio(apart: float, far: float, near: float) -> float:
    """log(far / near) of two sums that are `apart`."""
    more, fewer = apart / near, -apart / far
    log = math.log1p(more if apart > 0.0 else fewer)
    return log if apart > 0.0 else -log


def forward(lean: float, apart: float, far: float, near: float) -> float:
    """KL of a softmax whose sum is `near`, relative to one whose sum is `far`."""
    kl = lean * (1.0 / near) + log_ratio(apart + 0.0 * (far + near), far, near)  # NaN where there is no softmax
    return 0.0 if kl < 0.0 else kl  # a rounding; NaN stays


def closely(lean: float, bend: float, apart: float, far: float, near: float) -> float:
    """`forward` that keeps its digits where the softmaxes are all but the same; of the sums of `compared`."""
    inverse = 1.0 / (1.0 + near)
    apart = apart + 0.0 * (far + near)  # NaN where there is no softmax
    more = apart * inverse  # the ratio of the sums, minus 1
    log = log_ratio(apart, 1.0 + far, 1.0 + near)
    kl = bend * inverse - surplus(more, 1.0, log) if more < 2.5 else lean * inverse + log
    return 0.0 if kl < 0.0 else kl  # a rounding; NaN stays


def leads(head: float, low: float, ties: float, rest: float, others: float, inverse: float) -> tuple[float, float]:
    """log(Q / P) at Q's top, and how much more it is in the mean, both up to one constant; `rest` is below the top.

    Of the top 1 minus the probability of a row that is sure of it has more digits than that. A mean is NaN where the
    teacher excludes every class.
    """
    known = head - head == 0.0  # else the teacher excludes that top, and no difference is left
    top = head / ties if known else 0.0
    lean = low - top * rest if known else head
    return top, lean * inverse if others == others else others


def towards(a: float, b: float, ia: float, ib: float, gap: float) -> float:
    """Q - P; `gap` where both are at the top, of which next to nothing may be left."""
    return gap if a == 1.0 and b == 1.0 else a * ia - b * ib


def pulls(oa: float, ob: float, apart: float) -> tuple[float, float, float, float]:
    """Inverse sum of Q's exponentials; by what a - b, a and b of `unpacked` are multiplied to come to Q - P."""
    ia, ib = 1.0 / (1.0 + oa), 1.0 / (1.0 + ob)
    close = abs(apart * ib) < 0.5  # the sums; else a - b would have more digits than are left
    return ia, ib if close else 0.0, -apart * ia * ib if close else ia, 0.0 if close else -ib


def drawn(x: float, y: float, of_gap: float, of_a: float, of_b: float) -> float:
    """Q - P of what `packed` has kept."""
    a, b, apart = unpacked(x, y)
    return apart * of_gap + (a * of_a + b * of_b)


def reverse(a: float, lead: float, oa: float, ia: float, mean: float) -> Slope:
    """Derivatives of KL(Q || P) by the student's logits, from log(Q / P) and its mean, both up to one constant."""
    q = a * ia
    far = missing(a, oa, ia)
    turn = lead - mean
    return q * turn, q * (turn * (1.0 - 2.0 * q) + far)


def at_top(ia: float, ib: float, head: float, ties: float, beta: float) -> tuple[float, float]:
    """log(Q / M) and P / M at Q's top, of whose exponentials P's sum is `head`.

    Means are taken of what is more than that: of a sure row's top next to nothing is.
    """
    p = head / ties * ib
    _, log = jensen(ia, p, beta)
    return log, p / (beta * p + (1.0 - beta) * ia)


def mixed(q: float, p: float, log_top: float, ratio_top: float, beta: float) -> tuple[float, float, float]:
    """An element's share of the divergence, of the mean of log(Q / M), and of that of P / M, both beside the top's."""
    value, log = jensen(q, p, beta)
    m = beta * p + (1.0 - beta) * q
    return value, scaled(q, log - log_top), scaled(q, p / m - ratio_top)


def skewed(
    q: float, p: float, far: float, log_top: float, ratio_top: float, mean: float, share: float, beta: float
) -> Slope:
    """Derivatives of the divergence by the student's logits."""
    _, log = jensen(q, p, beta)
    rest = 1.0 - beta
    ratio = p / (beta * p + rest * q)
    turn = (log - log_top) - mean
    # By Q / M the last term would be a difference of what is all but 1 for a small beta.
    bend = turn * (1.0 - 2.0 * q) + beta * (far * ratio - q * ((ratio - ratio_top) - share))
    return rest * scaled(q, turn), rest * scaled(q, bend)
