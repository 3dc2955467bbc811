"""Multi-class classification: cross-entropies of logits, probabilities and log-probabilities; lists to rank."""

from __future__ import annotations

import math

from ..decorators import row_loss_of, rowwise
from ..define.domain import DIVISOR, NON_NEGATIVE, POSITIVE, UNIT
from .softmax import (
    Ends,
    Row,
    Slope,
    among,
    below,
    finish_softmax,
    fold_masses,
    fold_softmax,
    grad_masses,
    missing,
    note_entropy,
    rescale_masses,
    rescale_softmax,
    softmax_stats,
    tops,
)
from .special import INF, bounded_log, exp_neg, exp_with_expm1, expm1_neg, scaled


def _with_z_loss(
    m: float, rest: float, ties: float, tx: float, mass: float, z_loss: float
) -> tuple[float, tuple[float, float, float]]:
    value, others, inverse = finish_softmax(m, rest, ties, tx, mass)
    lse = (m - m if m == -INF else m) + math.log1p(others)
    # A product of 0 and an infinite pull would be NaN.
    pull = 1e30 if lse > 1e30 else lse
    return value + scaled(z_loss, lse * lse), (others, inverse, scaled(2.0 * z_loss, pull))


def _of_masses(m: float, rest: float, ties: float, tx: float, low: float, mass: float, z_loss: float) -> Ends:
    value, (others, inverse, pull) = _with_z_loss(m, rest, ties, tx, mass, z_loss)
    return value, (others, inverse, low + pull, mass + pull)  # a GPU has room for four


def _capped(z: float, softcap: float) -> float:
    """c tanh(z / c); a masked class stays masked."""
    return z if z == -INF else softcap * math.tanh(z * (1.0 / softcap))


def _beneath(z: float, m: float, softcap: float) -> float:
    """A logit's distance to the top, both capped: near the cap their difference would have lost its digits.

    tanh a - tanh b = 2 v (e - 1) / ((1 + v) (v + e)) of e = exp(2 (a - b)) and v = exp(-2 b), or of b below 0 the same
    by exp(2 b). A top of 20 c is at the cap to every digit.
    """
    cool, reach = 1.0 / softcap, 20.0 * softcap
    b = reach if m > reach else (-reach if m < -reach else m)
    d = 2.0 * ((z - b) * cool)
    d = 0.0 if d > 0.0 else d
    v = exp_neg(-2.0 * abs(b * cool))
    below_cap = (v if b >= 0.0 else 1.0) + (1.0 if b >= 0.0 else v) * exp_with_expm1(d)
    x = softcap * (2.0 * v / (1.0 + v)) * (expm1_neg(d) / below_cap)
    return 0.0 if z == m else (z if z == -INF else x)


def _pulled(e: float, t: float, others: float, inverse: float, low: float, mass: float, z_loss: float) -> Slope:
    p = e * inverse
    d1, d2 = grad_masses(e, t, others, inverse, low, mass)
    return d1, d2 + 2.0 * z_loss * p * p


class _OfMasses:
    """`cross_entropy` as a function of its masses: linear, with lse - pred for slopes."""

    def peak(a: float, z: float, z_loss: float, softcap: None) -> float:
        return z

    def fold(a: float, z: float, t: float, m: float, z_loss: float = 0.0, softcap: None = None) -> Row:
        sums, _ = fold_softmax(z, a, m)
        return sums, (below(z, m),)

    def finish(m: float, rest: float, ties: float, tx: float, mass: float, z_loss: float, softcap: None) -> Ends:
        value, _ = _with_z_loss(m, rest, ties, tx, mass, z_loss)
        return value, (math.log1p(among(m, rest, ties)),)

    def grad(x: float, t: float, log: float, z_loss: float, softcap: None) -> Slope:
        return log - x, 0.0

    class softcap:
        """The same of capped logits."""

        def fold(a: float, z: float, t: float, m: float, z_loss: float, softcap: float) -> Row:
            x = _beneath(z, m, softcap)
            sums, _ = fold_softmax(x, a, 0.0)
            return sums, (x,)

        def finish(m: float, rest: float, ties: float, tx: float, mass: float, z_loss: float, softcap: float) -> Ends:
            capped = _capped(m, softcap)
            value, _ = _with_z_loss(capped, rest, ties, tx, mass, z_loss)
            return value, (math.log1p(among(capped, rest, ties)),)

        def grad(x: float, t: float, log: float, z_loss: float, softcap: float) -> Slope:
            return log - x, 0.0


MASSES = row_loss_of(_OfMasses, ("target", "pred"), "none", False, {}, {"z_loss": NON_NEGATIVE, "softcap": POSITIVE})


@rowwise(link="softmax", exchanged=MASSES, z_loss=NON_NEGATIVE, softcap=POSITIVE)
class cross_entropy:
    """Cross-entropy of logits: the loss of classifiers and of language models.

    lse sum(t) - sum(t pred) + z_loss lse^2, where lse is the logarithm of the sum of the exponentials of the row. The
    target is a label, or a mass t for each class, which need not sum to 1; label smoothing and class weights as in
    torch. `z_loss` keeps lse near 0 (PaLM uses 1e-4). With `softcap` the logits are first brought into (-c, c), by
    c tanh(pred / c), as in Gemma 2.

    No confident prediction loses its digits, right or wrong. A class of mass 0 may have the logit -inf: it is masked,
    with `softcap` too. A row of nothing but -inf has no softmax: its loss and its gradient are NaN, or 0 where it has
    no mass. An infinite logit gives the limit.

    >>> import fastloss as fl
    >>> fl.cross_entropy.value_and_grad([[0.0, 0.0], [3.0, 3.0]], [0, 1])
    (np.float64(0.6931471805599453), array([[-0.25,  0.25],
           [ 0.25, -0.25]]))
    >>> fl.cross_entropy([[100.0, 0.0]], [0])
    np.float64(3.720075976020836e-44)
    """

    def peak(z: float, z_loss: float, softcap: None) -> float:
        return z

    def fold(z: float, t: float, m: float, z_loss: float = 0.0, softcap: None = None) -> Row:
        return fold_softmax(z, t, m)

    def rescale(
        rest: float, ties: float, tx: float, mass: float, m: float, n: float, z_loss: float, softcap: None
    ) -> tuple[float, ...]:
        return rescale_softmax(rest, ties, tx, mass, m, n)

    def finish(m: float, rest: float, ties: float, tx: float, mass: float, z_loss: float, softcap: None) -> Ends:
        value, (others, inverse, pull) = _with_z_loss(m, rest, ties, tx, mass, z_loss)
        return value, (others, inverse, mass, pull)

    def grad(
        e: float, t: float, others: float, inverse: float, mass: float, pull: float, z_loss: float, softcap: None
    ) -> Slope:
        p = e * inverse
        q = missing(e, others, inverse)
        return p * (mass - t + pull) - scaled(t, q), (mass + pull) * p * q + 2.0 * z_loss * p * p

    def note(z: float, m: float, z_loss: float, softcap: None) -> float:
        return note_entropy(z, m)

    def stats(
        m: float, rest: float, ties: float, tx: float, mass: float, note: float, z_loss: float, softcap: None
    ) -> Slope:
        return softmax_stats(m, rest, ties, note)

    class dense:
        """What is different where several classes may have a mass."""

        def fold(z: float, t: float, m: float, z_loss: float, softcap: None) -> Row:
            return fold_masses(z, t, m)

        def rescale(
            rest: float, whole: float, tx: float, low: float, mass: float, m: float, n: float, z_loss: float,
            softcap: None,
        ) -> tuple[float, ...]:  # fmt: skip
            return rescale_masses(rest, whole, tx, low, mass, m, n)

        def finish(
            m: float, rest: float, whole: float, tx: float, low: float, mass: float, z_loss: float, softcap: None
        ) -> Ends:
            return _of_masses(m, rest, tops(rest, whole), tx, low, mass, z_loss)

        def grad(
            e: float, t: float, others: float, inverse: float, low: float, mass: float, z_loss: float, softcap: None
        ) -> Slope:
            return _pulled(e, t, others, inverse, low, mass, z_loss)

        def stats(
            m: float, rest: float, whole: float, tx: float, low: float, mass: float, note: float, z_loss: float,
            softcap: None,
        ) -> Slope:  # fmt: skip
            return softmax_stats(m, rest, tops(rest, whole), note)

    class softcap:
        """What is different with capped logits, of a label and of several masses."""

        def fold(z: float, t: float, m: float, z_loss: float, softcap: float) -> Row:
            u = exp_neg(-2.0 * abs(z * (1.0 / softcap)))
            x = _beneath(z, m, softcap)
            e = exp_neg(x)
            top = z == m
            sums = (0.0 if top else e, 1.0 if top else 0.0, scaled(t, -x), 0.0 if top else t, t)
            return sums, (e, u if z > 0.0 else -u)

        def rescale(
            rest: float, ties: float, tx: float, low: float, mass: float, m: float, n: float, z_loss: float,
            softcap: float,
        ) -> tuple[float, ...]:  # fmt: skip
            # Above the cap nearly all are the same: the tops are those of the uncapped scores.
            x = _beneath(m, n, softcap)
            raised = exp_neg(x) * (rest + ties), 0.0, tx + scaled(mass, -x), mass, mass
            return (rest, ties, tx, low, mass) if m == n else raised

        def finish(
            m: float, rest: float, ties: float, tx: float, low: float, mass: float, z_loss: float, softcap: float
        ) -> Ends:
            return _of_masses(_capped(m, softcap), rest, ties, tx, low, mass, z_loss)

        def grad(
            e: float, u: float, t: float, others: float, inverse: float, low: float, mass: float, z_loss: float,
            softcap: float,
        ) -> Slope:  # fmt: skip
            d1, d2 = _pulled(e, t, others, inverse, low, mass, z_loss)
            far = abs(u)
            half = 1.0 / (1.0 + far)
            chain = 4.0 * far * half * half  # 1 - tanh^2
            tanh = (1.0 - far) * half
            bend = 2.0 * chain * tanh * (1.0 / softcap)
            return d1 * chain, d2 * chain * chain + d1 * (bend if u < 0.0 else -bend)

        def note(z: float, m: float, z_loss: float, softcap: float) -> float:
            return note_entropy(_beneath(z, m, softcap), 0.0)

        def stats(
            m: float, rest: float, ties: float, tx: float, low: float, mass: float, note: float, z_loss: float,
            softcap: float,
        ) -> Slope:  # fmt: skip
            return softmax_stats(_capped(m, softcap), rest, ties, note)


@rowwise(pred=UNIT, clamp=POSITIVE, floor=DIVISOR)
class categorical_cross_entropy:
    """Cross-entropy of probabilities. If you have logits, `cross_entropy` is faster and exact.

    -sum(t log(pred)), t being the label's or the target's mass of each class. The probabilities of a row are taken as
    they are (Keras divides them by their sum first). As in `binary_cross_entropy`, a logarithm is at least -`clamp`,
    and in the derivatives pred is at least `floor` (of float16 arrays at least 1.5e-5).

    >>> import fastloss as fl
    >>> fl.categorical_cross_entropy.value_and_grad([[0.5, 0.5], [0.75, 0.25]], [0, 1])
    (np.float64(1.0397207708399179), array([[-1.,  0.],
           [ 0., -2.]]))
    >>> fl.categorical_cross_entropy.value_and_grad([[0.0, 1.0]], [0])
    (np.float64(100.0), array([[-1.e+12,  0.e+00]]))
    """

    def fold(p: float, t: float, clamp: float = 100.0, floor: float = 1e-12) -> Row:
        return (0.0 * p if t == 0.0 else -t * bounded_log(p, clamp),), (p,)

    def finish(total: float, clamp: float, floor: float) -> Ends:
        return total, ()

    def grad(p: float, t: float, clamp: float, floor: float) -> Slope:
        slope = t / (floor if p < floor else p)
        return 0.0 * p if t == 0.0 else -slope, 0.0 if t == 0.0 else slope / (floor if p < floor else p)


@rowwise(link="exp")
class negative_log_likelihood:
    """Negative log-likelihood of log-probabilities, such as a log-softmax or a mixture gives: torch's ``nll_loss``.

    -sum(t pred), t being the label's or the target's mass of each class; a class without mass may have -inf. From
    logits, `cross_entropy` is one pass and exact.

    >>> import fastloss as fl
    >>> fl.negative_log_likelihood.value_and_grad([[-0.5, -1.0], [-0.25, -1.5]], [0, 1])
    (np.float64(1.0), array([[-0.5,  0. ],
           [ 0. , -0.5]]))
    """

    def fold(z: float, t: float) -> Row:
        lost = 0.0 if z == z else z
        return (lost if t == 0.0 else t * -z,), (lost,)

    def finish(total: float) -> Ends:
        return total, ()

    def grad(lost: float, t: float) -> Slope:
        return lost - t, 0.0


@rowwise(link="softmax", targets="dense", smooth=False, target=NON_NEGATIVE)
class listwise_softmax:
    """Cross-entropy of a list's scores and its items' relevances: listwise learning to rank, a row for each query.

    -sum(target log(softmax(pred))): relevances are at least 0 and are not brought to a sum of 1, so a query counts by
    the relevance in it, and one without any has loss and gradient 0. This is TF-Ranking's ``softmax_loss``; ListNet
    takes the softmax of the relevances first, which is `soft_distillation` with ``temperature=1``. Pad short lists
    with scores of -inf and relevances of 0.

    >>> import fastloss as fl
    >>> fl.listwise_softmax.value_and_grad([[0.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]])
    (np.float64(0.34657359027997264), array([[-0.25,  0.25],
           [ 0.  ,  0.  ]]))
    """

    def peak(z: float) -> float:
        return z

    def fold(z: float, t: float, m: float) -> Row:
        return fold_masses(z, t, m)

    def rescale(rest: float, whole: float, tx: float, low: float, mass: float, m: float, n: float) -> tuple[float, ...]:
        return rescale_masses(rest, whole, tx, low, mass, m, n)

    def finish(m: float, rest: float, whole: float, tx: float, low: float, mass: float) -> Ends:
        value, others, inverse = finish_softmax(m, rest, tops(rest, whole), tx, mass)
        return value, (others, inverse, low, mass)

    def grad(e: float, t: float, others: float, inverse: float, low: float, mass: float) -> Slope:
        return grad_masses(e, t, others, inverse, low, mass)
