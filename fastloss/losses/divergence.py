"""Divergences of two distributions, distances of two directions: a row each. 0 log 0 is 0 everywhere.

None of these has anything to do with classes, so they take neither class weights nor label smoothing. The mean over
rows is what torch calls ``batchmean``.
"""

from __future__ import annotations

import math
from typing import Any

from ..decorators import row_loss_of, rowwise
from ..define.domain import NON_NEGATIVE, UNIT, Domain
from ..loss import RowLoss
from .softmax import Ends, Row, Slope
from .special import DOWN, UP, atanh_tail, scaled, sign


def _exchanged(space: type, at: Any = None, **domains: Domain) -> RowLoss:
    """A divergence of (target, pred), as a function of the first."""
    return row_loss_of(space, ("target", "pred"), "none", False, at or {}, domains)


def log1p_ratio(d: float, a: float, share: float) -> float:
    """log(1 + share d / a) for a >= 0 and d >= -a, also where the quotient overflows; `share` is not tiny."""
    far = a < 1e-32 * d
    return math.log1p(share * (d / (1e16 * a if far else a))) + (36.841361487904734 if far else 0.0)


def surplus(d: float, a: float, log: float) -> float:
    """d - a log(1 + d / a) without cancellation, given the logarithm; not negative."""
    s = d / (2.0 * a + d)
    z = s * s
    near = s * (d - a * z * atanh_tail(z))
    return near if -0.5 * a < d and d < a else d - scaled(a, log)


def jensen(p: float, q: float, beta: float) -> tuple[float, float]:
    """beta q log(q / m) + (1 - beta) p log(p / m) for the mixture m, not negative; and log(p / m), NaN for 0 and 0."""
    d = p - q
    m = beta * q + (1.0 - beta) * p
    of_q, _ = _beside((1.0 - beta) * d, q, m)
    of_p, to_p = _beside(-beta * d, p, m)
    return beta * of_q + (1.0 - beta) * of_p, 0.0 - to_p


def _skewed(p: float, q: float, beta: float) -> tuple[float, float]:
    """`jensen` times `UP`, for products with beta that would be subnormal, and its logarithm's limit of 0 and 0."""
    value, log = jensen(p * UP, q * UP, beta)
    return value, -math.log1p(-beta) if p + q == 0.0 else log


def _beside(d: float, a: float, m: float) -> tuple[float, float]:
    """d - a log(m / a), not negative, and that logarithm, for m = a + d: of near ones by d, of others by m."""
    s = d / (a + m)
    z = s * s
    tail = z * atanh_tail(z)
    far = a < 1e-32 * m
    log = math.log(m / (1e16 * a if far else a)) + (36.841361487904734 if far else 0.0)
    near = z < 0.11
    return s * (d - a * tail) if near else d - scaled(a, log), s * (2.0 + tail) if near else log


class _Swapped:
    """KL(pred || target)."""

    def fold(p: float, q: float, t: float) -> Row:
        high = p > q
        log = log1p_ratio(abs(p - q), q if high else p, 1.0)
        log = 0.0 if p == q else (log if high else -log)
        return (0.0 * q if p == 0.0 else p * log,), (log + 1.0, p, q)

    def finish(total: float) -> Ends:
        return total, ()

    def grad(slope: float, p: float, q: float, t: float) -> Slope:
        return slope, 0.0 if p + q == 0.0 else 1.0 / p


@rowwise(targets="none", smooth=False, exchanged=_exchanged(_Swapped, pred=UNIT, target=UNIT), pred=UNIT, target=UNIT)
class kl_divergence:
    """Kullback-Leibler divergence KL(target || pred) of probabilities.

    sum(target log(target / pred)), exactly 0 for equal rows; rows are not brought to a sum of 1. Where pred is 0 and
    target is not, it is infinite: nothing is clipped (Keras clips both to [1e-7, 1]). For torch's ``kl_div``, which
    takes log-probabilities, see `kl_divergence_log`; from logits, `soft_distillation`.

    >>> import fastloss as fl
    >>> fl.kl_divergence.value_and_grad([[0.5, 0.5]], [[1.0, 0.0]])
    (np.float64(0.6931471805599453), array([[-2.,  0.]]))
    """

    def fold(p: float, q: float, t: float) -> Row:
        high = q > p
        low = p if high else q
        log = log1p_ratio(abs(q - p), low, 1.0)
        none = q == 0.0
        return (0.0 * p if none else q * (log if high else -log),), (0.0 * p if none else -q / p, p)

    def finish(total: float) -> Ends:
        return total, ()

    def grad(slope: float, p: float, t: float) -> Slope:
        return slope, 0.0 if slope == 0.0 else -slope / p


class _LogSwapped:
    """sum(pred (log(pred) - target))."""

    def fold(q: float, x: float, t: float) -> Row:
        lost = 0.0 if x == x else x
        lead = math.log(q) - x
        return (lost if q == 0.0 else q * lead,), (lead + 1.0, q)

    def finish(total: float) -> Ends:
        return total, ()

    def grad(slope: float, q: float, t: float) -> Slope:
        return slope, 1.0 / q


@rowwise(
    link="exp",
    targets="none",
    smooth=False,
    exchanged=_exchanged(_LogSwapped, target=NON_NEGATIVE),
    target=NON_NEGATIVE,
)
class kl_divergence_log:
    """Kullback-Leibler divergence KL(target || exp(pred)) of log-probabilities and probabilities: torch's ``kl_div``.

    sum(target (log(target) - pred)): torch's with ``reduction="batchmean"``; its ``"mean"`` divides by the number of
    elements, which is no divergence. The gradient is -target: it leaves to the log-softmax before it that the
    probabilities sum to 1.

    >>> import fastloss as fl
    >>> fl.kl_divergence_log.value_and_grad([[-0.5, -1.0]], [[1.0, 0.0]])
    (np.float64(0.5), array([[-1.,  0.]]))
    """

    def fold(x: float, q: float, t: float) -> Row:
        lost = 0.0 if x == x else x
        return (lost if q == 0.0 else q * (math.log(q) - x),), (lost - q,)

    def finish(total: float) -> Ends:
        return total, ()

    def grad(slope: float, t: float) -> Slope:
        return slope, 0.0


class _LogsSwapped:
    """sum(exp(pred) (pred - target))."""

    def fold(y: float, x: float, t: float) -> Row:
        lost = 0.0 if x == x else x
        q = math.exp(y)
        value = lost if q == 0.0 else q * (y - x)
        return (value,), (value + q, q)

    def finish(total: float) -> Ends:
        return total, ()

    def grad(slope: float, q: float, t: float) -> Slope:
        return slope, slope + q


@rowwise(link="exp", targets="none", smooth=False, exchanged=_exchanged(_LogsSwapped))
class kl_divergence_log_target:
    """Kullback-Leibler divergence KL(exp(target) || exp(pred)): torch's ``kl_div`` with ``log_target=True``.

    sum(exp(target) (target - pred)), both inputs being log-probabilities; a target of -inf adds nothing.

    >>> import fastloss as fl
    >>> fl.kl_divergence_log_target.value_and_grad([[-0.5, -1.0]], [[0.0, -np.inf]])
    (np.float64(0.5), array([[-1.,  0.]]))
    """

    def fold(x: float, y: float, t: float) -> Row:
        lost = 0.0 if x == x else x
        q = math.exp(y)
        return (lost if q == 0.0 else q * (y - x),), (lost - q,)

    def finish(total: float) -> Ends:
        return total, ()

    def grad(slope: float, t: float) -> Slope:
        return slope, 0.0


class _JensenSwapped:
    """The same as `js_divergence` of (target, pred)."""

    def fold(p: float, q: float, t: float, beta: float = 0.5) -> Row:
        value, log = _skewed(p, q, 1.0 - beta)
        return (value,), (beta * log, p, q)

    def finish(total: float, beta: float) -> Ends:
        return total * DOWN, ()

    def grad(slope: float, p: float, q: float, t: float, beta: float) -> Slope:
        m = (1.0 - beta) * q + beta * p
        return slope, q / m / p * (beta * (1.0 - beta)) if q != 0.0 else 0.0


_ENDS = {"beta": {0.0: kl_divergence, 1.0: _Swapped}}
_ENDS_SWAPPED = {"beta": {0.0: _Swapped, 1.0: kl_divergence}}


@rowwise(
    targets="none", smooth=False, at=_ENDS, pred=UNIT, beta=UNIT, target=UNIT,
    exchanged=_exchanged(_JensenSwapped, _ENDS_SWAPPED, pred=UNIT, beta=UNIT, target=UNIT),
)  # fmt: skip
class js_divergence:
    """Jensen-Shannon divergence of probabilities: symmetric and finite; `beta` skews it.

    beta KL(target || m) + (1 - beta) KL(pred || m) with m = beta target + (1 - beta) pred. No row is negative, and near
    rows keep their digits. It goes to 0 for a `beta` near 0 or 1, and its ratio to beta (1 - beta) to a KL divergence,
    which ``beta=0`` and ``beta=1`` themselves are, as in TRL and Liger: KL(target || pred) and KL(pred || target).

    >>> import fastloss as fl
    >>> fl.js_divergence([[0.0, 1.0], [0.5, 0.5]], [[1.0, 0.0], [0.5, 0.5]], reduction="none")
    array([0.69314718, 0.        ])
    """

    def fold(p: float, q: float, t: float, beta: float = 0.5) -> Row:
        value, log = _skewed(p, q, beta)
        return (value,), ((1.0 - beta) * log, p, q)

    def finish(total: float, beta: float) -> Ends:
        return total * DOWN, ()

    def grad(slope: float, p: float, q: float, t: float, beta: float) -> Slope:
        m = beta * q + (1.0 - beta) * p
        return slope, q / m / p * (beta * (1.0 - beta)) if q != 0.0 else 0.0


@rowwise(targets="none", smooth=False, symmetric=True, pred=UNIT, target=UNIT)
class total_variation:
    """Total variation distance of probabilities: the largest difference that any event can have.

    sum(abs(pred - target)) / 2. Where they are equal the gradient is 0.

    >>> import fastloss as fl
    >>> fl.total_variation.value_and_grad([[0.75, 0.25]], [[0.5, 0.5]])
    (np.float64(0.25), array([[ 0.5, -0.5]]))
    """

    def fold(p: float, q: float, t: float) -> Row:
        return (abs(p - q),), (0.5 * sign(p - q),)

    def finish(total: float) -> Ends:
        return 0.5 * total, ()

    def grad(slope: float, t: float) -> Slope:
        return slope, 0.0


def _lengths(ma: float, mb: float, xx: float, yy: float) -> tuple[float, float]:
    """Inverse of the first vector's length, of which the ratio to the second's is 0 where one of them is 0."""
    none = ma == 0.0 or mb == 0.0
    return 0.0 if ma == 0.0 else 1.0 / math.sqrt(xx), 0.0 if none else math.sqrt(xx) / math.sqrt(yy)


@rowwise(targets="none", smooth=False, symmetric=True)
class cosine_distance:
    """Cosine distance of two vectors: 1 minus the cosine of the angle between them, between 0 and 2.

    1 - sum(pred target) / (norm(pred) norm(target)), without an epsilon. The cosine with a vector of zeros is 0, and so
    is the gradient there. Vectors may be of any length: nothing overflows, and near directions keep their digits.
    (Keras's ``cosine_similarity`` is this minus 1.)

    >>> import fastloss as fl
    >>> fl.cosine_distance.value_and_grad([[2.0, 0.0], [1e200, 1e200]], [[0.0, 3.0], [5.0, 5.0]])
    (np.float64(0.5), array([[ 0.  , -0.25],
           [ 0.  ,  0.  ]]))
    """

    def peak(a: float, b: float) -> tuple[float, float]:
        return abs(a), abs(b)

    def fold(a: float, b: float, t: float, ma: float, mb: float) -> Row:
        # Among zeros, the maximum may have passed over a NaN.
        x = a if ma == 0.0 else a / ma
        y = b if mb == 0.0 else b / mb
        return (x * x, y * y), (x, y)

    def settle(ma: float, mb: float, xx: float, yy: float) -> tuple[float, float]:
        return _lengths(ma, mb, xx, yy)

    def second(x: float, y: float, t: float, inverse: float, ratio: float) -> tuple[float]:
        d = (x - y * ratio) * inverse
        return (d * d,)

    def finish(ma: float, mb: float, xx: float, yy: float, dd: float) -> Ends:
        inverse, ratio = _lengths(ma, mb, xx, yy)
        value = 1.0 + 0.0 * (xx + yy) if ratio == 0.0 else 0.5 * dd
        return value, (inverse, ratio, 0.0 if ratio == 0.0 else inverse / ma, value)

    def grad(x: float, y: float, t: float, inverse: float, ratio: float, length: float, value: float) -> Slope:
        a = x * inverse
        turn = (y * ratio - x) * inverse + value * a
        cos = 1.0 - value
        return 0.0 - length * turn, length * (length * (cos * (1.0 - a * a) + 2.0 * a * turn))
