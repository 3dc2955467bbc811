"""Knowledge distillation from a teacher's distributions and labels, in one pass.

Q is the softmax of the student's logits divided by the temperature T, P that of the teacher's. With `scale_t2` the
divergence counts T^2 times, so that its gradient does not fade with the temperature (Hinton et al., 2015).
"""

from __future__ import annotations

import math

from ..decorators import rowwise
from ..define.domain import BINARY, POSITIVE, UNIT
from .softmax import (
    Ends,
    Row,
    Slope,
    among,
    below,
    finish_softmax,
    grad_masses,
    grad_parted,
    missing,
    note_entropy,
    softmax_stats,
    together,
)
from .softmaxes import at_top, forward, heights, leads, mixed, parted, reverse, skewed, towards, weights
from .special import exp_neg, scaled

INPUTS = ("pred", "teacher", "target")


def _note(z: float, y: float, ms: float, mt: float, temperature: float, alpha: float, scale_t2: float) -> float:
    return note_entropy(z, ms)


@rowwise(link="softmax", inputs=INPUTS, temperature=POSITIVE, alpha=UNIT, scale_t2=BINARY)
class distillation:
    """Knowledge distillation: cross-entropy with the target, and KL divergence from a teacher's distribution.

    alpha CE(pred, target) + (1 - alpha) T^2 KL(P || Q), without T^2 for ``scale_t2=0`` (Liger). The cross-entropy is
    that of `cross_entropy`, at temperature 1: labels or masses, smoothed or not. With ``alpha=1`` the teacher does not
    matter, not even a NaN, and with ``alpha=0`` the target does not. For the divergence alone there is
    `soft_distillation`, for a teacher's probabilities `distillation_from_probabilities`.

    >>> import fastloss as fl
    >>> fl.distillation.value_and_grad([[0.0, 0.0]], [[2.0, -2.0]], [0], temperature=2.0, alpha=0.5)
    (np.float64(1.002200241225448), array([[-0.63079708,  0.63079708]]))
    """

    def peak(z: float, y: float, temperature: float, alpha: float, scale_t2: float) -> tuple[float, float]:
        return z, y

    def fold(
        z: float, y: float, t: float, ms: float, mt: float, temperature: float = 2.0, alpha: float = 0.5,
        scale_t2: float = 1.0,
    ) -> Row:  # fmt: skip
        x, v, w = heights(z, y, ms, mt, temperature)
        a, b, e = exp_neg(v), exp_neg(w), exp_neg(x)
        below_top = z != ms  # by this mask packed sums add what is below, by its opposite in two steps
        tl = t if below_top else 0.0
        d = w - v
        lean = scaled(b, d)
        return (
            e if below_top else 0.0,
            0.0 if below_top else 1.0,
            scaled(tl, -x),
            tl,
            t - tl,
            a if below_top else 0.0,
            b,
            lean,
            parted(a, b, d, lean),
        ), (a, b, e)

    def finish(
        ms: float, mt: float, rest: float, ties: float, tx: float, tl: float, tt: float, ra: float, sb: float,
        lean: float, apart: float, temperature: float, alpha: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        ce, others, inverse = finish_softmax(ms, rest, ties, tx, tl + tt)
        oa, sum_b = among(ms, ra, ties), together(mt, sb)
        ia, ib = 1.0 / (1.0 + oa), 1.0 / sum_b
        whole, soft, curve = weights(temperature, alpha, scale_t2)
        value = scaled(alpha, ce) + scaled(whole, forward(lean, apart, 1.0 + oa, sum_b))
        return value, (others, inverse, tl, tt, oa, ia, ib, -apart * ia * ib, soft, curve)

    def grad(
        a: float, b: float, e: float, t: float, others: float, inverse: float, tl: float, tt: float, oa: float,
        ia: float, ib: float, gap: float, soft: float, curve: float, temperature: float, alpha: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        h1, h2 = grad_parted(e, t, others, inverse, tl, tt)
        s1, s2 = towards(a, b, ia, ib, gap), a * ia * missing(a, oa, ia)
        return scaled(alpha, h1) + scaled(soft, s1), scaled(alpha, h2) + scaled(curve, s2)

    note = _note

    def stats(
        ms: float, mt: float, rest: float, ties: float, tx: float, tl: float, tt: float, ra: float, sb: float,
        lean: float, apart: float, note: float, temperature: float, alpha: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        return softmax_stats(ms, rest, ties, note)


@rowwise(link="softmax", inputs=INPUTS, teacher=UNIT, temperature=POSITIVE, alpha=UNIT, scale_t2=BINARY)
class distillation_from_probabilities:
    """`distillation` of which the teacher's part is given as probabilities, at the temperature that they were taken at.

    alpha CE(pred, target) + (1 - alpha) T^2 sum(teacher log(teacher / Q)), without T^2 for ``scale_t2=0``;
    `temperature` is that of the student's softmax Q. The teacher's rows are taken as they are, also where they do not
    sum to 1. Statistics are those of the student's softmax at temperature 1.

    >>> import fastloss as fl
    >>> fl.distillation_from_probabilities([[0.0, 0.0]], [[0.75, 0.25]], [0], temperature=2.0, alpha=0.5)
    np.float64(0.6081976621622467)
    """

    def peak(z: float, y: float, temperature: float, alpha: float, scale_t2: float) -> float:
        return z

    def fold(
        z: float, y: float, t: float, m: float, temperature: float = 2.0, alpha: float = 0.5, scale_t2: float = 1.0
    ) -> Row:
        x = below(z, m)
        v = x * (1.0 / temperature)
        a, e = exp_neg(v), exp_neg(x)
        below_top = z != m
        tl = t if below_top else 0.0
        return (
            e if below_top else 0.0,
            0.0 if below_top else 1.0,
            scaled(tl, -x),
            tl,
            t - tl,
            a if below_top else 0.0,
            scaled(y, math.log(y) - v),
            y if below_top else 0.0,
            0.0 if below_top else y,
        ), (a, y, e)

    def finish(
        m: float, rest: float, ties: float, tx: float, tl: float, tt: float, ra: float, lean: float, low: float,
        best: float, temperature: float, alpha: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        ce, others, inverse = finish_softmax(m, rest, ties, tx, tl + tt)
        kl, oa, ia = finish_softmax(m, ra, ties, lean, low + best)
        scale, soft, curve = weights(temperature, alpha, scale_t2)
        return scaled(alpha, ce) + scaled(scale, kl), (others, inverse, tl, tt, oa, ia, low, best, soft, curve)

    def grad(
        a: float, y: float, e: float, t: float, others: float, inverse: float, tl: float, tt: float, oa: float,
        ia: float, low: float, best: float, soft: float, curve: float, temperature: float, alpha: float,
        scale_t2: float,
    ) -> Slope:  # fmt: skip
        h1, h2 = grad_parted(e, t, others, inverse, tl, tt)
        s1, s2 = grad_parted(a, y, oa, ia, low, best)
        return scaled(alpha, h1) + scaled(soft, s1), scaled(alpha, h2) + scaled(curve, s2)

    def note(z: float, y: float, m: float, temperature: float, alpha: float, scale_t2: float) -> float:
        return note_entropy(z, m)

    def stats(
        m: float, rest: float, ties: float, tx: float, tl: float, tt: float, ra: float, lean: float, low: float,
        best: float, note: float, temperature: float, alpha: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        return softmax_stats(m, rest, ties, note)


@rowwise(link="softmax", inputs=INPUTS, temperature=POSITIVE, alpha=UNIT, scale_t2=BINARY)
class reverse_distillation:
    """Distillation by the reverse KL divergence: the student picks modes of its teacher, and need not cover them all.

    alpha CE(pred, target) + (1 - alpha) T^2 KL(Q || P), without T^2 for ``scale_t2=0``: MiniLLM's divergence. Where the
    teacher excludes a class (-inf) that the student does not, it is infinite, and has no gradient.

    >>> import fastloss as fl
    >>> fl.reverse_distillation.value_and_grad([[0.0, 0.0]], [[2.0, -2.0]], [0], temperature=2.0, alpha=0.5)
    (np.float64(1.214135251246027), array([[-0.75,  0.75]]))
    """

    def peak(z: float, y: float, temperature: float, alpha: float, scale_t2: float) -> tuple[float, float]:
        return z, y

    def fold(
        z: float, y: float, t: float, ms: float, mt: float, temperature: float = 2.0, alpha: float = 0.5,
        scale_t2: float = 1.0,
    ) -> Row:  # fmt: skip
        x, v, w = heights(z, y, ms, mt, temperature)
        a, b, e = exp_neg(v), exp_neg(w), exp_neg(x)
        below_top = z != ms
        tl = t if below_top else 0.0
        d = v - w
        lean = scaled(a, d)
        return (
            e if below_top else 0.0,
            0.0 if below_top else 1.0,
            scaled(tl, -x),
            tl,
            t - tl,
            a if below_top else 0.0,
            b,
            0.0 if below_top else d,
            lean if below_top else 0.0,
            parted(b, a, d, lean),
        ), (a, 0.0 if a == 0.0 else d, e)

    def finish(
        ms: float, mt: float, rest: float, ties: float, tx: float, tl: float, tt: float, ra: float, sb: float,
        head: float, low: float, apart: float, temperature: float, alpha: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        ce, others, inverse = finish_softmax(ms, rest, ties, tx, tl + tt)
        oa, sum_b = among(ms, ra, ties), together(mt, sb)
        ia = 1.0 / (1.0 + oa)
        whole, soft, curve = weights(temperature, alpha, scale_t2)
        value = scaled(alpha, ce) + scaled(whole, forward(head + low, apart, sum_b, 1.0 + oa))
        top, mean = leads(head, low, ties, ra, sum_b, ia)
        return value, (others, inverse, tl, tt, oa, ia, top, mean, soft, curve)

    def grad(
        a: float, lead: float, e: float, t: float, others: float, inverse: float, tl: float, tt: float, oa: float,
        ia: float, top: float, mean: float, soft: float, curve: float, temperature: float, alpha: float,
        scale_t2: float,
    ) -> Slope:  # fmt: skip
        h1, h2 = grad_parted(e, t, others, inverse, tl, tt)
        s1, s2 = reverse(a, lead - top, oa, ia, mean)
        return scaled(alpha, h1) + scaled(soft, s1), scaled(alpha, h2) + scaled(curve, s2)

    note = _note

    def stats(
        ms: float, mt: float, rest: float, ties: float, tx: float, tl: float, tt: float, ra: float, sb: float,
        head: float, low: float, apart: float, note: float, temperature: float, alpha: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        return softmax_stats(ms, rest, ties, note)


@rowwise(
    link="softmax",
    inputs=INPUTS, at={"beta": {0.0: distillation, 1.0: reverse_distillation}}, beta=UNIT, temperature=POSITIVE,
    alpha=UNIT, scale_t2=BINARY,
)  # fmt: skip
class js_distillation:
    """Distillation by the Jensen-Shannon divergence: between the forward KL divergence and the reverse one, bounded.

    alpha CE(pred, target) + (1 - alpha) T^2 (beta KL(P || M) + (1 - beta) KL(Q || M)), M = beta P + (1 - beta) Q,
    without T^2 for ``scale_t2=0``: the generalised divergence of GKD (Agarwal et al., 2024). It goes to 0 for a `beta`
    near 0 or 1; ``beta=0`` itself is `distillation` and ``beta=1`` is `reverse_distillation`, as in TRL and Liger.

    >>> import fastloss as fl
    >>> fl.js_distillation([[0.0, 0.0]], [[2.0, -2.0]], [0], beta=0.5, temperature=2.0, alpha=0.5)
    np.float64(0.5256553832760011)
    """

    def peak(z: float, y: float, beta: float, temperature: float, alpha: float, scale_t2: float) -> tuple[float, float]:
        return z, y

    def fold(
        z: float, y: float, t: float, ms: float, mt: float, beta: float = 0.5, temperature: float = 2.0,
        alpha: float = 0.5, scale_t2: float = 1.0,
    ) -> Row:  # fmt: skip
        x, v, w = heights(z, y, ms, mt, temperature)
        a, b, e = exp_neg(v), exp_neg(w), exp_neg(x)
        below_top = z != ms
        return (
            e if below_top else 0.0,
            0.0 if below_top else 1.0,
            t * -x if below_top and t != 0.0 else 0.0,
            t if below_top else 0.0,
            t,
            a if below_top else 0.0,
            b if below_top else 0.0,
            0.0 if below_top else b,
        ), (a, b, e)

    def settle(
        ms: float, mt: float, rest: float, ties: float, tx: float, low: float, mass: float, ra: float, rb: float,
        head: float, beta: float, temperature: float, alpha: float, scale_t2: float,
    ) -> tuple[float, ...]:  # fmt: skip
        ia, ib = 1.0 / (1.0 + among(ms, ra, ties)), 1.0 / (1.0 + among(mt, rb, head))
        return ia, ib, *at_top(ia, ib, head, ties, beta)

    def second(
        a: float, b: float, e: float, t: float, ia: float, ib: float, log_top: float, ratio_top: float, beta: float,
        temperature: float, alpha: float, scale_t2: float,
    ) -> tuple[float, ...]:  # fmt: skip
        return mixed(a * ia, b * ib, log_top, ratio_top, beta)

    def finish(
        ms: float, mt: float, rest: float, ties: float, tx: float, low: float, mass: float, ra: float, rb: float,
        head: float, js: float, mean: float, share: float, beta: float, temperature: float, alpha: float,
        scale_t2: float,
    ) -> Ends:  # fmt: skip
        ce, others, inverse = finish_softmax(ms, rest, ties, tx, mass)
        oa = among(ms, ra, ties)
        ia, ib = 1.0 / (1.0 + oa), 1.0 / (1.0 + among(mt, rb, head))
        whole, soft, _ = weights(temperature, alpha, scale_t2)
        value = scaled(alpha, ce) + scaled(whole, js)
        top = at_top(ia, ib, head, ties, beta)
        return value, (others, inverse, low, mass, oa, ia, ib, *top, mean, share, soft)

    def grad(
        a: float, b: float, e: float, t: float, others: float, inverse: float, low: float, mass: float, oa: float,
        ia: float, ib: float, log_top: float, ratio_top: float, mean: float, share: float, soft: float, beta: float,
        temperature: float, alpha: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        h1, h2 = grad_masses(e, t, others, inverse, low, mass)
        s1, s2 = skewed(a * ia, b * ib, missing(a, oa, ia), log_top, ratio_top, mean, share, beta)
        curve = soft * (1.0 / temperature)  # no number of the row: a GPU has no more registers
        return scaled(alpha, h1) + scaled(soft, s1), scaled(alpha, h2) + scaled(curve, s2)
