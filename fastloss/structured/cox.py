"""Cox's partial likelihood of survival times: who had the event at a time, of those who still could."""

from __future__ import annotations

from math import inf, log
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.keywords import VALUE, Call
from ..define.wording import shown
from . import cox_templates as templates
from . import reading
from .compiled import run
from .samples import Scores, flags
from .verbs import CurvedLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIES = ("breslow", "efron")

LEAST, LARGEST, MOST = 10_000, 1 << 24, 4
"""Of how many samples orders are kept, which takes half of the next call's time, and how many: 512 MiB at most."""

_kept: dict[int, NDArray[Any]] = {}
"""The last orders by how many samples they are of: trainings ask for the same again and again."""


class Cox(CurvedLoss):
    """Cox's negative log partial likelihood: proportional hazards, of which some times are censored.

    The sum over the samples with an event of log(sum of e^pred over all samples at risk) - pred: over those whose time
    is as long or longer. Only differences of scores count, and only the order of the times.

    pred : array of shape (samples,)
        Scores, the logarithms of hazards: the larger, the earlier the event.
    time : array of that shape
        How long each sample was observed: numbers of at least 0.
    event : array of that shape
        Whether that ended with the event: True or 1; False or 0 where the time is censored.
    strata : integer array of that shape, optional
        Names of groups: at risk are those of the same group alone.
    ties : {"breslow", "efron"}
        What several events at a time are divided by: each by all that were at risk (Breslow, 1974), or the k-th of d by
        that less (k - 1) / d of the events' own (Efron, 1977), which is nearer to what unequal times would give.
    weight : array of that shape, optional
        Weight of each sample, of its event and among those at risk, where weights count in relation to their mean, so
        that no value depends on their unit. Whole numbers have the derivatives of as many equal samples ("breslow").
        What has weight 0 is absent, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights of samples with an event, or by their number; "none" gives each
        sample's term, 0 without an event.
    normalizer, empty, backend, check
        As for all losses; there is no mean without events.
    out : array, optional
        Where the gradient goes: as `pred`, which it may be. (grad, hess) for two.

    The Hessian is its diagonal. Times are sorted, and gone through there and back; of 10,000 to 16,777,216 samples
    the order is kept for the next call with the same times. No derivative cancels but where terms of both signs meet.
    Arithmetic is in float64 for any type. An infinite score is the limit, equal infinities count as equal scores, and
    NaN makes its stratum NaN. Arrays on a GPU are refused. Networks are trained on batches as if each were all who are
    at risk, which takes some hundreds; ``empty="zero"`` is for those that may have no event.

    | library | here |
    |---|---|
    | XGBoost `survival:cox`, whose labels are negative where they are censored | ``cox(pred, abs(y), y > 0)`` |
    | XGBoost `cox-nloglik`, pycox, TorchSurv | the mean |
    | R `coxph` and lifelines, whose ties are "efron" | minus the log-likelihood is ``cox(..., reduction="sum")`` |

    R's and lifelines' sums have weights as they are: minus their log-likelihood is larger by the events' weight times
    the logarithm of the mean weight. XGBoost's weights are factors of its derivatives alone, and of equal times its
    sums depend on the order of the rows.
    D. R. Cox, "Regression models and life-tables" (JRSS B, 1972).

    >>> import fastloss as fl
    >>> value, grad = fl.cox.value_and_grad([0.5, -1.0, 0.0, 2.0], [5.0, 3.0, 9.0, 3.5], [1, 1, 0, 1])
    >>> value.round(6), grad.round(6)
    (np.float64(1.374261), array([-0.018281, -0.321549,  0.191089,  0.148742]))
    """

    name = "cox"
    inputs = ("pred", "time", "event")
    coupled = True

    def check_parameters(self, ties: Any = "breslow", strata: Any = None) -> None:
        """Raise for a parameter's value, before there are samples."""
        if strata is not None:
            raise TypeError(f"{self.name}: strata has a number for each sample, and an objective is one of several "
                            "data sets: write a function that calls fl.cox.grad_and_hess")  # fmt: skip
        if not isinstance(ties, str) or ties not in TIES:
            raise ValueError(f"{self.name}: ties is {shown(ties)}, expected 'breslow' or 'efron'")

    @staticmethod
    def mean(pred: Any) -> Any:
        """The hazard, in relation to that of a score of 0."""
        return np.exp(pred)

    @staticmethod
    def of_labels(labels: Any) -> tuple[Any, Any]:
        """Times and events of one column of labels, as XGBoost has them: negative where the time is censored."""
        labels = np.asarray(labels)
        return np.abs(labels), labels > 0

    def _run(
        self, call: Call, pred: Any, time: Any, event: Any, *, strata: Any = None, ties: str = "breslow"
    ) -> Any:  # fmt: skip
        self.check_parameters(ties)
        given = Survivors(self, pred, time, event, strata, call.weight)
        if call.check is not False:
            given.check(call)
        to = given.given(call)
        divisor = given.divisor(call)
        nothing = given.nothing(call, divisor)
        slopes = given.places(call, to)
        each = given.run(call, slopes, (1.0 / (divisor or inf), TIES.index(ties)))
        value = float(each.sum()) / divisor if divisor else nothing
        return given.curved(call, value, each, slopes, to)


class Survivors(Scores):
    """Scores of samples, how long each was observed, and whether until its event."""

    def __init__(self, loss: Any, pred: Any, time: Any, event: Any, strata: Any, weight: Any) -> None:
        name = loss.name
        self.pred = reading.floats(name, "pred", pred)
        if self.pred.ndim != 1:
            raise ValueError(f"{name}: pred has shape {self.pred.shape}, expected (samples,), a score for each sample")
        self.time = self._beside(name, "time", reading.floats(name, "time", time))
        self.event = self._beside(name, "event", reading.array(name, "event", event))
        self.strata = None if strata is None else self._beside(name, "strata", reading.array(name, "strata", strata))
        if self.strata is not None and self.strata.size and self.strata.dtype.kind not in "iub":
            raise TypeError(f"{name}: strata has dtype {self.strata.dtype}, expected whole numbers, names of groups")
        others = {"time": self.time, "event": self.event, "strata": self.strata}
        super().__init__(loss, {"pred": self.pred}, others, self.pred.shape, weight)

    def _beside(self, name: str, argument: str, x: NDArray[Any]) -> NDArray[Any]:
        if x.shape != self.pred.shape:
            raise ValueError(f"{name}: {argument} has shape {x.shape}, expected {self.pred.shape}, that of pred")
        return x

    def check(self, call: Call) -> None:
        """Raise for the first weight that is none, the first time, and the first event."""
        self.refuse_weights(call)
        time, event = self.time, self.event
        if time.size and not (time.min() >= 0.0 and time.max() < inf):
            signed = "; of labels that are negative where they are censored, time is abs(label) and event is label > 0"
            self._refuse("time", ~((time >= 0) & (time < inf)), "a finite number of at least 0",
                         signed if (time < 0).any() else "")  # fmt: skip
        if event.dtype.kind != "b":
            self._refuse("event", (event != 0) & (event != 1), "0 or 1, or a bool: whether the event was seen")

    def _refuse(self, argument: str, bad: Any, expected: str, hint: str = "") -> None:
        bad = bad & self.present
        if bad.any():
            k = int(bad.argmax())
            raise ValueError(f"{self.name}: {argument}[{k}] is {getattr(self, argument)[k]}, expected {expected}{hint}")

    def _weighed(self) -> float:
        """The sum of the weights of samples with an event."""
        seen = self.event != 0
        return float(np.count_nonzero(seen) if self.weight is None else self.weights.sum(where=seen))

    def run(self, call: Call, slopes: list[NDArray[Any]], numbers: tuple[Any, ...]) -> NDArray[Any]:
        """The loss of each sample, of weight 0 nothing; the derivatives go to the slopes."""
        weights = np.empty(0) if self.weight is None else self.weights
        order, begins = self._order()
        each = np.empty(self.count if call.want & VALUE else 0)
        inputs = [self.pred, self.time[order], self.event[order] != 0, weights, _ratios(weights), order, begins]
        kinds = [np.float64, np.float64, np.uint8, np.float64, np.float64, np.int64, np.int64]
        dense = [reading.dense(x, kind) for x, kind in zip(inputs, kinds, strict=True)]
        outputs = [each, *slopes, np.empty((templates.ROWS, order.size)), np.empty(order.size, np.int64)]
        run(templates.strata, dense, outputs, numbers, compute="d", size=self.count if begins.size > 2 else 0,
            backend=call.backend, flags=flags(call.want))  # fmt: skip
        if order.size < self.count:  # the gradient may lie where the scores do
            for x in (each, *slopes):
                x[~self.present if x.size else slice(0)] = 0.0
        return each

    def _order(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The samples that are present, by stratum and time; where each stratum begins, and where the last one ends."""
        here = None if self.weight is None else np.flatnonzero(self.present)
        time, strata = self.time, self.strata
        if here is not None:
            time, strata = time[here], None if strata is None else strata[here]
        order = ordered([time] if strata is None else [time, strata])
        begins = np.array([0, order.size])
        if strata is not None:
            begins = np.insert(begins, 1, np.flatnonzero(np.diff(strata[order])) + 1)
        return order if here is None else here[order], begins


def ordered(keys: list[NDArray[Any]]) -> NDArray[Any]:
    """The order by the last key, then by the one before; of equals the first first, so that there is one order."""
    count = keys[0].size
    kept = _kept.get(count)
    if kept is not None and _ascend(keys[::-1], kept):
        return kept
    found = np.lexsort(keys) if len(keys) > 1 else np.argsort(keys[0], kind="stable")
    if LEAST <= count <= LARGEST:
        _kept[count] = found
        for oldest in list(_kept)[:-MOST]:  # a list, as other threads change the dictionary
            _kept.pop(oldest, None)
    return found


def _ascend(keys: list[NDArray[Any]], order: NDArray[Any]) -> bool:
    """Whether each sample is behind the one before it in this order, by the first key that tells them apart."""
    tied: Any = True
    for key in keys:
        x = key[order]
        if (tied & ~(x[1:] >= x[:-1])).any():
            return False
        tied = tied & (x[1:] == x[:-1])
    return not (tied & (order[1:] < order[:-1])).any()


def _ratios(weights: NDArray[Any]) -> NDArray[Any]:
    """The logarithms of what weights are to the mean of those that are not 0; nothing where they are all alike."""
    here = weights != 0.0
    if not here.any() or weights.min(where=here, initial=inf) == weights.max():
        return np.empty(0)
    parts, powers = np.frexp(weights)
    mean, power = np.frexp(np.ldexp(weights, -powers.max()).mean(where=here))
    found: NDArray[Any] = np.log(parts / mean) + log(2.0) * (powers - powers.max() - power)
    return found


cox = Cox()
"""Cox's partial likelihood; see `Cox`."""
