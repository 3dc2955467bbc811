"""Knowledge distillation from a teacher's distributions alone, both from logits: on sequences that either wrote.

Q is the softmax of the student's logits divided by the temperature T, P that of the teacher's. With `scale_t2` the
divergence counts T^2 times, so that its gradient does not fade with the temperature (Hinton et al., 2015).
"""

from __future__ import annotations

import math

from ..decorators import rowwise
from ..define.domain import BINARY, POSITIVE, UNIT
from .divergence import jensen, surplus
from .softmax import Ends, Row, Slope, among, below, missing
from .special import exp_neg, scaled


def heights(z: float, y: float, ms: float, mt: float, temperature: float) -> tuple[float, float, float]:
    """The student's logit below its top; that and the teacher's at the temperature."""
    cool = 1.0 / temperature
    x = below(z, ms)
    return x, x * cool, below(y, mt) * cool


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


def forward(lean: float, far: float, near: float, inverse: float) -> float:
    """KL of a softmax with the inverse sum `inverse` and others `near`, relative to one with others `far`."""
    kl = lean * inverse + (math.log1p(far) - math.log1p(near))
    return 0.0 if kl < 0.0 else kl  # a rounding; NaN stays


def mean_lead(lean: float, others: float, inverse: float) -> float:
    """The mean of log(Q / P) up to a constant; NaN where the teacher excludes every class."""
    return lean * inverse if others == others else others


def bent(a: float, b: float, d: float, lean: float) -> float:
    """a - b + b log(b / a) for exponentials whose exponents differ by d = log(b / a); `lean` is b d."""
    t = 2.48015873015873e-05 - d * 2.7557319223985893e-06
    t = 0.0001984126984126984 - d * t
    t = 0.001388888888888889 - d * t
    t = 0.008333333333333333 - d * t
    t = 0.041666666666666664 - d * t
    t = 0.16666666666666666 - d * t
    return b * d * d * (0.5 - d * t) if abs(d) < 0.0625 else (a - b) + lean


def closely(lean: float, bend: float, far: float, near: float, inverse: float) -> float:
    """`forward` that keeps its digits where the softmaxes are all but the same; `bend` is the sum of `bent`."""
    more = (far - near) * inverse  # the ratio of the sums, minus 1
    log = math.log1p(far) - math.log1p(near)
    close = more > -0.25 and more < 0.5
    kl = bend * inverse - surplus(more, 1.0, log) if close else lean * inverse + log
    return 0.0 if kl < 0.0 else kl  # a rounding; NaN stays


def between(z: float, y: float, ms: float, mt: float, temperature: float) -> float:
    """The teacher's logit minus the student's, both below their tops, at the temperature."""
    return ((y - z) - (mt - ms)) * (1.0 / temperature)


def towards(a: float, b: float, ia: float, ib: float, gap: float) -> float:
    """Q - P; `gap` where both are at the top, of which next to nothing may be left."""
    return gap if a == 1.0 and b == 1.0 else a * ia - b * ib


def reverse(a: float, lead: float, oa: float, ia: float, mean: float) -> Slope:
    """Derivatives of KL(Q || P) by the student's logits, from log(Q / P) and its mean, both up to one constant."""
    q = a * ia
    far = missing(a, oa, ia)
    turn = lead - mean
    return q * turn, q * (turn * (1.0 - 2.0 * q) + far)


def mixed(q: float, p: float, beta: float) -> tuple[float, float, float]:
    """An element's share of the divergence, of the mean of log(Q / M), and of that of Q / M."""
    value, log = jensen(q, p, beta)
    m = beta * p + (1.0 - beta) * q
    return value, scaled(q, log), scaled(q, q / m)


def skewed(q: float, p: float, far: float, mean: float, square: float, beta: float) -> Slope:
    """Derivatives of the divergence by the student's logits."""
    _, log = jensen(q, p, beta)
    rest = 1.0 - beta
    m = beta * p + rest * q
    turn = log - mean
    bend = turn * (1.0 - 2.0 * q) + far * beta * (p / m) + rest * q * (q / m - square)
    return rest * scaled(q, turn), rest * scaled(q, bend)


@rowwise(
    link="softmax", inputs=("pred", "teacher"), targets="none", smooth=False, temperature=POSITIVE, scale_t2=BINARY
)
class soft_distillation:
    """KL divergence from a teacher's distribution, both from logits: `distillation` without labels.

    T^2 KL(P || Q), without T^2 for ``scale_t2=0``. Rows of weight 0 are absent. With relevances for the teacher and
    ``temperature=1`` it has the gradient of ListNet.

    >>> import fastloss as fl
    >>> fl.soft_distillation.value_and_grad([[0.0, 0.0]], [[2.0, -2.0]], temperature=2.0)
    (np.float64(1.311253301890951), array([[-0.76159416,  0.76159416]]))
    """

    def peak(z: float, y: float, temperature: float, scale_t2: float) -> tuple[float, float]:
        return z, y

    def fold(
        z: float, y: float, t: float, ms: float, mt: float, temperature: float = 2.0, scale_t2: float = 1.0
    ) -> Row:
        _, v, w = heights(z, y, ms, mt, temperature)
        a, b = exp_neg(v), exp_neg(w)
        top, best = z == ms, y == mt
        lean = scaled(b, w - v)
        bend = bent(a, b, between(z, y, ms, mt, temperature), lean)
        mine, theirs = 1.0 if top else 0.0, 1.0 if best else 0.0
        return (0.0 if top else a, mine, 0.0 if best else b, theirs, lean, bend), (a, b)

    def finish(
        ms: float, mt: float, ra: float, ties: float, rb: float, best: float, lean: float, bend: float,
        temperature: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        oa, ob = among(ms, ra, ties), among(mt, rb, best)
        ia, ib = 1.0 / (1.0 + oa), 1.0 / (1.0 + ob)
        whole, soft, curve = weights(temperature, 0.0, scale_t2)
        return whole * closely(lean, bend, oa, ob, ib), (oa, ia, ib, (ob - oa) * ia * ib, soft, curve)

    def grad(
        a: float, b: float, t: float, oa: float, ia: float, ib: float, gap: float, soft: float, curve: float,
        temperature: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        return soft * towards(a, b, ia, ib, gap), curve * (a * ia) * missing(a, oa, ia)


@rowwise(
    link="softmax", inputs=("pred", "teacher"), targets="none", smooth=False, temperature=POSITIVE, scale_t2=BINARY
)
class soft_reverse_distillation:
    """Reverse KL divergence from a teacher's distribution, both from logits: `reverse_distillation` without labels.

    T^2 KL(Q || P), without T^2 for ``scale_t2=0``. Rows of weight 0 are absent. Where the teacher excludes a class
    (-inf) that the student does not, it is infinite, and has no gradient.

    >>> import fastloss as fl
    >>> fl.soft_reverse_distillation.value_and_grad([[0.0, 0.0]], [[2.0, -2.0]], temperature=2.0)
    (np.float64(1.7351233219321087), array([[-1.,  1.]]))
    """

    def peak(z: float, y: float, temperature: float, scale_t2: float) -> tuple[float, float]:
        return z, y

    def fold(
        z: float, y: float, t: float, ms: float, mt: float, temperature: float = 2.0, scale_t2: float = 1.0
    ) -> Row:
        _, v, w = heights(z, y, ms, mt, temperature)
        a, b = exp_neg(v), exp_neg(w)
        top, best = z == ms, y == mt
        lead = 0.0 if a == 0.0 else v - w
        lean = a * lead
        bend = bent(b, a, 0.0 - between(z, y, ms, mt, temperature), lean)
        mine, theirs = 1.0 if top else 0.0, 1.0 if best else 0.0
        return (0.0 if top else a, mine, 0.0 if best else b, theirs, lean, bend), (a, lead)

    def finish(
        ms: float, mt: float, ra: float, ties: float, rb: float, best: float, lean: float, bend: float,
        temperature: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        oa, ob = among(ms, ra, ties), among(mt, rb, best)
        ia = 1.0 / (1.0 + oa)
        whole, soft, curve = weights(temperature, 0.0, scale_t2)
        return whole * closely(lean, bend, ob, oa, ia), (oa, ia, mean_lead(lean, ob, ia), soft, curve)

    def grad(
        a: float, lead: float, t: float, oa: float, ia: float, mean: float, soft: float, curve: float,
        temperature: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        d1, d2 = reverse(a, lead, oa, ia, mean)
        return soft * d1, curve * d2


@rowwise(
    link="softmax",
    inputs=("pred", "teacher"), targets="none", smooth=False,
    at={"beta": {0.0: soft_distillation, 1.0: soft_reverse_distillation}}, beta=UNIT, temperature=POSITIVE,
    scale_t2=BINARY,
)  # fmt: skip
class soft_js_distillation:
    """Jensen-Shannon divergence from a teacher's distribution, both from logits: `js_distillation` without labels.

    T^2 (beta KL(P || M) + (1 - beta) KL(Q || M)), M = beta P + (1 - beta) Q, without T^2 for ``scale_t2=0``;
    ``beta=0`` is `soft_distillation`, and ``beta=1`` is `soft_reverse_distillation`. Rows of weight 0 are absent.

    >>> import fastloss as fl
    >>> fl.soft_js_distillation([[0.0, 0.0]], [[2.0, -2.0]], beta=0.5, temperature=2.0)
    np.float64(0.358163585992057)
    """

    def peak(z: float, y: float, beta: float, temperature: float, scale_t2: float) -> tuple[float, float]:
        return z, y

    def fold(
        z: float, y: float, t: float, ms: float, mt: float, beta: float = 0.5, temperature: float = 2.0,
        scale_t2: float = 1.0,
    ) -> Row:  # fmt: skip
        _, v, w = heights(z, y, ms, mt, temperature)
        a, b = exp_neg(v), exp_neg(w)
        top, best = z == ms, y == mt
        return (0.0 if top else a, 1.0 if top else 0.0, 0.0 if best else b, 1.0 if best else 0.0), (a, b)

    def settle(
        ms: float, mt: float, ra: float, ties: float, rb: float, best: float, beta: float, temperature: float,
        scale_t2: float,
    ) -> tuple[float, float]:  # fmt: skip
        return 1.0 / (1.0 + among(ms, ra, ties)), 1.0 / (1.0 + among(mt, rb, best))

    def second(
        a: float, b: float, t: float, ia: float, ib: float, beta: float, temperature: float, scale_t2: float
    ) -> tuple[float, ...]:
        return mixed(a * ia, b * ib, beta)

    def finish(
        ms: float, mt: float, ra: float, ties: float, rb: float, best: float, js: float, mean: float, square: float,
        beta: float, temperature: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        oa = among(ms, ra, ties)
        ia, ib = 1.0 / (1.0 + oa), 1.0 / (1.0 + among(mt, rb, best))
        whole, soft, curve = weights(temperature, 0.0, scale_t2)
        return whole * js, (oa, ia, ib, mean, square, soft, curve)

    def grad(
        a: float, b: float, t: float, oa: float, ia: float, ib: float, mean: float, square: float, soft: float,
        curve: float, beta: float, temperature: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        d1, d2 = skewed(a * ia, b * ib, missing(a, oa, ia), mean, square, beta)
        return soft * d1, curve * d2
