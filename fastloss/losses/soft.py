"""Knowledge distillation from a teacher's distributions alone, both from logits: on sequences that either wrote.

Q is the softmax of the student's logits divided by the temperature T, P that of the teacher's. With `scale_t2` the
divergence counts T^2 times, so that its gradient does not fade with the temperature (Hinton et al., 2015).
"""

from __future__ import annotations

from ..decorators import rowwise
from ..define.domain import BINARY, POSITIVE, UNIT
from .softmax import Ends, Row, Slope, among, missing
from .softmaxes import (
    at_top,
    closely,
    compared,
    drawn,
    heights,
    leads,
    mixed,
    packed,
    pulls,
    reverse,
    rise,
    skewed,
    weights,
)
from .special import exp_neg, scaled


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
        d = rise(z, y, ms, mt, temperature)
        a, b = exp_neg(v), exp_neg(w)
        top, best = z == ms, y == mt
        lean = scaled(b, d)
        apart, bend = compared(a, b, d, lean)
        mine, theirs = 1.0 if top else 0.0, 1.0 if best else 0.0
        return (0.0 if top else a, mine, 0.0 if best else b, theirs, lean, apart, bend), packed(a, b, apart)

    def finish(
        ms: float, mt: float, ra: float, ties: float, rb: float, best: float, lean: float, apart: float, bend: float,
        temperature: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        oa, ob = among(ms, ra, ties), among(mt, rb, best)
        ia, of_gap, of_a, of_b = pulls(oa, ob, apart)
        whole, soft, curve = weights(temperature, 0.0, scale_t2)
        return whole * closely(lean, bend, apart, oa, ob), (oa, ia, of_gap, of_a, of_b, soft, curve)

    def grad(
        x: float, y: float, t: float, oa: float, ia: float, of_gap: float, of_a: float, of_b: float, soft: float,
        curve: float, temperature: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        a = abs(x)
        return soft * drawn(x, y, of_gap, of_a, of_b), curve * (a * ia) * missing(a, oa, ia)


@rowwise(
    link="softmax", inputs=("pred", "teacher"), targets="none", smooth=False, temperature=POSITIVE, scale_t2=BINARY
)
class soft_reverse_distillation:
    """Reverse KL divergence from a teacher's distribution, both from logits: `reverse_distillation` without labels.

    T^2 KL(Q || P), without T^2 for ``scale_t2=0``. Rows of weight 0 are absent. Where the teacher excludes a class
    (-inf) that the student does not, it is infinite, and has no gradient.

    >>> import fastloss as fl
    >>> fl.soft_reverse_distillation.value_and_grad([[0.0, 0.0]], [[2.0, -2.0]], temperature=2.0)
    (np.float64(1.73512332193211), array([[-1.,  1.]]))
    """

    def peak(z: float, y: float, temperature: float, scale_t2: float) -> tuple[float, float]:
        return z, y

    def fold(
        z: float, y: float, t: float, ms: float, mt: float, temperature: float = 2.0, scale_t2: float = 1.0
    ) -> Row:
        _, v, w = heights(z, y, ms, mt, temperature)
        d = rise(z, y, ms, mt, temperature)
        a, b = exp_neg(v), exp_neg(w)
        top, best = z == ms, y == mt
        lead = 0.0 if a == 0.0 else -d
        lean = a * lead
        apart, bend = compared(b, a, -d, lean)
        mine, theirs = 1.0 if top else 0.0, 1.0 if best else 0.0
        head, low = lead if top else 0.0, 0.0 if top else lean
        return (0.0 if top else a, mine, 0.0 if best else b, theirs, head, low, apart, bend), (a, lead)

    def finish(
        ms: float, mt: float, ra: float, ties: float, rb: float, best: float, head: float, low: float, apart: float,
        bend: float, temperature: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        oa, ob = among(ms, ra, ties), among(mt, rb, best)
        ia = 1.0 / (1.0 + oa)
        whole, soft, curve = weights(temperature, 0.0, scale_t2)
        top, mean = leads(head, low, ties, ra, ob, ia)
        return whole * closely(head + low, bend, apart, ob, oa), (oa, ia, top, mean, soft, curve)

    def grad(
        a: float, lead: float, t: float, oa: float, ia: float, top: float, mean: float, soft: float, curve: float,
        temperature: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        d1, d2 = reverse(a, lead - top, oa, ia, mean)
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
        below_top = z != ms
        sums = (a if below_top else 0.0, 0.0 if below_top else 1.0, b if below_top else 0.0, 0.0 if below_top else b)
        return sums, (a, b)

    def settle(
        ms: float, mt: float, ra: float, ties: float, rb: float, head: float, beta: float,
        temperature: float, scale_t2: float,
    ) -> tuple[float, ...]:  # fmt: skip
        ia, ib = 1.0 / (1.0 + among(ms, ra, ties)), 1.0 / (1.0 + among(mt, rb, head))
        return ia, ib, *at_top(ia, ib, head, ties, beta)

    def second(
        a: float, b: float, t: float, ia: float, ib: float, log_top: float, ratio_top: float, beta: float,
        temperature: float, scale_t2: float,
    ) -> tuple[float, ...]:  # fmt: skip
        return mixed(a * ia, b * ib, log_top, ratio_top, beta)

    def finish(
        ms: float, mt: float, ra: float, ties: float, rb: float, head: float, js: float, mean: float,
        share: float, beta: float, temperature: float, scale_t2: float,
    ) -> Ends:  # fmt: skip
        oa = among(ms, ra, ties)
        ia, ib = 1.0 / (1.0 + oa), 1.0 / (1.0 + among(mt, rb, head))
        whole, soft, curve = weights(temperature, 0.0, scale_t2)
        return whole * js, (oa, ia, ib, *at_top(ia, ib, head, ties, beta), mean, share, soft, curve)

    def grad(
        a: float, b: float, t: float, oa: float, ia: float, ib: float, log_top: float, ratio_top: float, mean: float,
        share: float, soft: float, curve: float, beta: float, temperature: float, scale_t2: float,
    ) -> Slope:  # fmt: skip
        d1, d2 = skewed(a * ia, b * ib, missing(a, oa, ia), log_top, ratio_top, mean, share, beta)
        return soft * d1, curve * d2
