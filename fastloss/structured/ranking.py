"""Losses of pairs of a query's samples, and the gain of their order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..arrays.checks import check_options
from ..arrays.divisors import mean_of_nothing
from ..arrays.host import memory as layout
from ..define.keywords import VALUE, Call
from . import ranking_templates as templates
from . import reading
from .queries import ALL, Gains, Queries
from .samples import flags
from .verbs import CurvedLoss

if TYPE_CHECKING:
    from ..define.keywords import Backend, Empty, Reduction

NEAR = 0.01
"""What is added to the distance of two scores before a pair is divided by it, in LightGBM and XGBoost."""


# -- What is computed of a pair ----------------------------------------------------------------------------------------


def logistic(gap: float, more: float, sigma: float, reach: float) -> tuple[float, float, float, float]:
    """Of two scores in order: log(1 + e^-x) of x = sigma times their gap; the chance p of the wrong order; p (1 - p).

    `more` is what the first has more of, less than 0 where the order is wrong. And 1 / reach, by the same division.
    """
    e = math.exp(-sigma * gap)
    whole = 1.0 + e
    inverse = 1.0 / (whole * reach)
    larger = inverse * reach
    smaller = e * larger
    return math.log1p(e), (smaller if more > 0.0 else larger), smaller * larger, inverse * whole


def raised(target: float) -> float:
    """2^target - 1."""
    return math.expm1(0.6931471805599453 * target)


def damped(steps: float) -> float:
    """log2(1 + steps) / steps."""
    return math.log1p(steps) / (0.6931471805599453 * steps) if steps > 0.0 else 1.0


FORMULAS = (("logistic", logistic), ("raised", raised), ("damped", damped))


# -- Losses ------------------------------------------------------------------------------------------------------------


class RankingLoss(CurvedLoss):
    """What the losses of pairs have in common."""

    inputs = ("pred", "target")

    def check_parameters(
        self, sigma: Any = 1.0, truncation: Any = None, gain: Any = "linear", score_norm: Any = False,
        query_norm: Any = False,
    ) -> None:  # fmt: skip
        """Raise for a parameter's value, before there are queries."""
        Gains(self.name, gain)
        self._numbers(sigma, truncation, score_norm, query_norm)

    def _numbers(self, sigma: Any, truncation: Any, score_norm: Any, query_norm: Any) -> tuple[Any, ...]:
        name = self.name
        steep = reading.number(name, "sigma", sigma, 0.0, above=True)
        limit = ALL if truncation is None else min(ALL, reading.whole(name, "truncation", truncation, 1))
        near = NEAR if reading.switch(name, "score_norm", score_norm) else 0.0
        return steep, limit, near, int(reading.switch(name, "query_norm", query_norm))

    def _ranked(
        self, call: Call, arrays: tuple[Any, Any, Any], gains: Gains, sigma: Any, truncation: Any, score_norm: Any,
        query_norm: Any,
    ) -> Any:  # fmt: skip
        """What the verb returns."""
        steep, limit, near, normed = self._numbers(sigma, truncation, score_norm, query_norm)
        given = Queries(self, *arrays, call.weight)
        if call.check is not False:
            given.check(call, gains)
        to = given.given(call)
        divisor = given.divisor(call)
        nothing = given.nothing(call, divisor)
        slopes = given.places(call, to)
        numbers = (steep, near, 1.0 / (divisor or math.inf), limit, int(gains.curved), normed)
        each = given.run(
            templates.pairs, gains, slopes, numbers, call, limit, formulas=FORMULAS, flags=flags(call.want)
        )
        value = float(each.sum()) / divisor if divisor else nothing
        return given.curved(call, value, each, slopes, to)


class LambdaRank(RankingLoss):
    """LambdaRank: the logistic loss of pairs, each weighted by how much NDCG changes if the two change places.

    The sum over the pairs of a query, target_i > target_j, of D_ij log(1 + e^(-sigma (s_i - s_j))). D_ij is the size
    of (gain_i - gain_j) (1 / log2(rank_i + 1) - 1 / log2(rank_j + 1)), divided by the gain of the first
    `truncation` of the best order. Ranks, from 1, are those of the scores; of equal scores the first comes first.

    D is constant in the derivatives, as are both normalisations: NDCG is a step function, and LambdaRank defines a
    gradient alone. So the value is what this gradient is the gradient of where the order stays. It jumps where two
    scores change places, and no booster gives one; to watch training, take `ndcg`. The Hessian is its diagonal.

    pred : array of shape (samples,), or (queries, samples)
        Scores; the samples of a query follow one another.
    target : array of that shape
        How relevant each sample is: a number from 0 to 31.
    group : integer array of shape (queries,)
        How many samples each query has, as boosters hand it over; not needed where each row of `pred` is a query.
        As many numbers as samples, standing in runs, are taken for names of queries and refused; all may be 1.
    sigma : float greater than 0
        Steepness of the logistic function.
    truncation : int of at least 1, or None
        Only pairs of which one is among so many first in the order of the scores; None takes all pairs.
    gain : {"exponential", "linear"}, or array
        What a target is worth: 2^target - 1, the target itself, or this array's number at it.
    score_norm : bool
        Whether a pair is divided by 0.01 + the distance of its scores, in queries whose scores are not all equal.
    query_norm : bool
        Whether a query is multiplied by log2(1 + S) / S, with S twice the sum of its pairs' gradients.
    weight : array of shape (queries,), or of that of `pred`, optional
        Weight of each query; or of each sample, of which its derivatives are multiples, as in LightGBM. The value then
        has the mean for a query. What has weight 0 is absent, and in no pair, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the queries' weights, or by their number; "none" gives each query's loss.
    normalizer, empty, backend, check
        As for all losses.
    out : array, optional
        Where the gradient goes: as `pred`, which it may be. (grad, hess) for two.

    By name of the parameters, with ``reduction="sum"``:

    | library | here |
    |---|---|
    | LightGBM `lambdarank` | as it is; `lambdarank_norm=False` is ``score_norm=False, query_norm=False`` |
    | XGBoost `rank:ndcg`, pairs "topk" | ``truncation=32``; its Hessian is twice ours, its weights have a mean of 1 |
    | XGBoost `ndcg_exp_gain=False` | ``gain="linear"`` |

    LightGBM reads its logistic function from a table, adds up in float32, and leaves a sample of weight 0 in its pairs.
    A query without two different targets has no loss. NaN makes all of its query NaN. Arithmetic is in float64 for any
    type. Arrays on a GPU are refused. C. Burges, "From RankNet to LambdaRank to LambdaMART" (MSR-TR-2010-82); for the
    value, X. Wang et al., "The LambdaLoss framework for ranking metric optimization" (CIKM 2018).

    >>> import fastloss as fl
    >>> grad, hess = fl.lambdarank.grad_and_hess([0.2, 0.5, 0.1, 0.3, 0.0], [2, 0, 1, 0, 1], group=[3, 2])
    >>> grad.round(4), hess.round(4)
    (array([-0.3371,  0.2947,  0.0424,  0.3109, -0.3109]), array([0.1554, 0.1235, 0.0939, 0.1323, 0.1323]))
    """

    name = "lambdarank"

    def _run(
        self,
        call: Call,
        pred: Any,
        target: Any,
        *,
        group: Any = None,
        sigma: float = 1.0,
        truncation: int | None = 30,
        gain: Any = "exponential",
        score_norm: bool = True,
        query_norm: bool = True,
    ) -> Any:
        gains = Gains(self.name, gain)
        return self._ranked(call, (pred, target, group), gains, sigma, truncation, score_norm, query_norm)


class PairwiseLogistic(RankingLoss):
    """RankNet: the logistic loss of all pairs of a query whose targets differ.

    The sum over the pairs of a query, target_i > target_j, of log(1 + e^(-sigma (s_i - s_j))). Only the order of the
    targets counts.

    pred : array of shape (samples,), or (queries, samples)
        Scores; the samples of a query follow one another.
    target : array of that shape
        How relevant each sample is, any numbers.
    group : integer array of shape (queries,)
        How many samples each query has, as boosters hand it over; not needed where each row of `pred` is a query.
    sigma : float greater than 0
        Steepness of the logistic function.
    truncation : int of at least 1, or None
        Only pairs of which one is among so many first in the order of the scores; None takes all pairs.
    score_norm, query_norm : bool
        As in `lambdarank`; constant in the derivatives.
    weight : array of shape (queries,), or of that of `pred`, optional
        Weight of each query; or of each sample, of which its derivatives are multiples. The value then has the mean for
        a query. What has weight 0 is absent, and in no pair, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the queries' weights, or by their number; "none" gives each query's loss.
    normalizer, empty, backend, check
        As for all losses.
    out : array, optional
        Where the gradient goes: as `pred`, which it may be. (grad, hess) for two.

    XGBoost's `rank:pairwise` of pairs "topk" is ``truncation=32, score_norm=True, query_norm=True``, with
    ``reduction="sum"``; its Hessian is twice ours. CatBoost's PairLogit has weights of pairs. A query without two
    different targets has no loss. NaN makes all of its query NaN. Arithmetic is in float64 for any type. Arrays on a
    GPU are refused. C. Burges et al., "Learning to rank using gradient descent" (ICML 2005).

    >>> import fastloss as fl
    >>> value, grad = fl.pairwise_logistic.value_and_grad([[0.0, 1.0, 2.0]], [[1, 0, 0]])
    >>> value.round(6), grad.round(6)
    (np.float64(3.44019), array([[-1.611856,  0.731059,  0.880797]]))
    """

    name = "pairwise_logistic"

    def _run(
        self,
        call: Call,
        pred: Any,
        target: Any,
        *,
        group: Any = None,
        sigma: float = 1.0,
        truncation: int | None = None,
        score_norm: bool = False,
        query_norm: bool = False,
    ) -> Any:
        return self._ranked(call, (pred, target, group), Gains(self.name), sigma, truncation, score_norm, query_norm)


lambdarank = LambdaRank()
"""The pairs' loss by NDCG; see `LambdaRank`."""
pairwise_logistic = PairwiseLogistic()
"""The loss of all pairs; see `PairwiseLogistic`."""


# -- The metric --------------------------------------------------------------------------------------------------------


class _Metric(reading.Named):
    """What checks ask of a loss."""

    rooted, order = False, 0


@reading.quiet
def ndcg(
    pred: Any,
    target: Any,
    *,
    group: Any = None,
    k: int | None = None,
    gain: Any = "exponential",
    undefined: float = 1.0,
    weight: Any = None,
    reduction: Reduction = "mean",
    empty: Empty = "nan",
    backend: Backend | None = None,
    check: bool | None = None,
) -> Any:
    """Normalised discounted cumulative gain: what share of the best order's gain the order of the scores has.

    The sum over the first `k` ranks of gain / log2(rank + 1), divided by that of the best order; the mean over queries.
    To train for it see `lambdarank`, which has the same `pred`, `target`, `group` and `gain`. Of equal scores the first
    comes first.

    k : int of at least 1, or None
        How many ranks count; None for all of them.
    undefined : float
        That of a query in which nothing is worth anything: 1 in LightGBM and XGBoost, 0 in scikit-learn and in
        XGBoost's `ndcg-`.
    weight : array of shape (queries,), or of that of `pred`, optional
        Weight of each query, or of each sample: a query has the mean of its samples', as in LightGBM. What has weight 0
        is absent.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights; "none" gives each query's, times its weight.
    empty, backend, check
        As for all losses.

    scikit-learn's `ndcg_score` has the linear gain, and averages over the orders of equal scores.

    >>> import fastloss as fl
    >>> fl.ndcg([0.2, 0.5, 0.1, 0.3, 0.0], [2, 0, 1, 0, 1], group=[3, 2]).round(6)
    np.float64(0.644966)
    """
    own = _Metric("ndcg")
    reading.check_backend(own.name, backend)
    call = Call(VALUE, reduction=reduction, empty=empty, backend=backend, check=check)
    check_options(own, call)  # type: ignore[arg-type]
    limit = ALL if k is None else min(ALL, reading.whole(own.name, "k", k, 1))
    otherwise = reading.number(own.name, "undefined", undefined, 0.0, 1.0)
    gains = Gains(own.name, gain)
    given = Queries(own, pred, target, group, weight)
    if check is not False:
        given.check(call, gains)
    divisor = given.divisor(call)
    each = given.run(
        templates.gained, gains, [], (otherwise, limit, int(gains.curved)), call, 1, formulas=FORMULAS[1:2]
    )
    if reduction == "none":
        return layout.passed(each.astype(given.kind, copy=False))
    return layout.number(given.kind, float(each.sum()) / divisor if divisor else mean_of_nothing(own, call))  # type: ignore[arg-type]
