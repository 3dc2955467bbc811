"""Losses as XGBoost's objectives, metrics and starts, of its native and its scikit-learn interface."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import check_caller
from .metrics import Metric
from .objective import Objective
from .versions import version

if TYPE_CHECKING:
    from ..define.keywords import Backend

SHAPED = (2, 1)
"""The version from which on derivatives have the shape of the scores; before, they are one run of numbers."""


STARTS = (3, 1)
"""The version from which on each score of a row has a start of its own."""


def xgboost(
    loss: Any,
    *,
    hessian: str = "auto",
    min_hessian: float | None = None,
    backend: Backend | None = None,
    **parameters: Any,
) -> XGBoostObjective:
    """A loss as an objective of XGBoost 1.7 and later: of ``train(obj=)``, ``cv`` and ``XGBRegressor(objective=)``.

    loss, parameters, hessian, min_hessian, backend : see `fastloss.boosting.Objective`

    Weights are those of the data. Losses of rows and of two scores, and parameters that are arrays, need ``num_class``
    among XGBoost's parameters, the number of scores of a row; labels of several columns say it themselves. Losses of
    times (``accelerated_failure_time_normal``) read the data's ``label_lower_bound`` and ``label_upper_bound``, or
    labels that are negative where a time is censored (``cox``); losses of queries (``lambdarank``) its groups, whose
    weights are those of their rows.

    The model starts from ``base_score``, which is a raw score here: add `params` to XGBoost's parameters. It predicts
    raw scores: ``objective.mean(model.predict(data, output_margin=True))`` makes means and probabilities of them.
    `metric` is the weighted mean of the loss.

    Raises TypeError for a loss without a second derivative, unless ``hessian="constant"``. What is wrong with labels,
    weights, the number of scores, or XGBoost's version is an error before the first tree grows.

    >>> import fastloss as fl
    >>> fl.boosting.xgboost(fl.quantile, q=0.9)
    XGBoostObjective(quantile(q=0.9), hessian='majorizer')
    """
    return XGBoostObjective(loss, parameters, hessian, min_hessian, backend)


class XGBoostObjective(Objective):
    """An `Objective` that XGBoost calls, and its metric."""

    package = "xgboost"

    def __call__(self, scores: Any, data: Any, sample_weight: Any = None) -> tuple[Any, Any]:
        """First and second derivatives, of (scores, DMatrix) or scikit-learn's (labels, scores, sample_weight)."""
        check_caller(self.name, self.package, data)
        flat = version("xgboost", missing=SHAPED) < SHAPED
        grad, hess = self.grad_and_hess(*self.read(scores, data, sample_weight), group=self.queries(data))
        return (grad.reshape(-1), hess.reshape(-1)) if flat else (grad, hess)

    @property
    def metric(self) -> XGBoostMetric:
        """The weighted mean of the loss, for ``custom_metric=`` and scikit-learn's ``eval_metric=``; less is better."""
        return XGBoostMetric(self)

    def params(self, labels: Any, weight: Any = None, outputs: int | None = None) -> dict[str, Any]:
        """What to add to XGBoost's parameters: the best constant as ``base_score``, and ``num_class`` where it is due.

        `labels` and `weight` are those of the training data, `outputs` the number of classes, by default the largest
        label's. Without it a model starts from XGBoost's own number, which belongs to the squared error. XGBoost
        before 3.1 takes one number for all scores of a row, which is their mean.

        >>> import fastloss as fl
        >>> objective = fl.boosting.xgboost(fl.poisson)
        >>> objective.params([1.0, 1.0, 1.0])
        {'base_score': 0.0, 'disable_default_eval_metric': 1}
        """
        start = self.initial(labels, weight, outputs)
        several = version("xgboost", missing=STARTS) >= STARTS
        found = {"base_score": start.tolist() if several else float(start.mean()), "disable_default_eval_metric": 1}
        if np.ndim(start) and all(np.shape(x)[1:] in ((), (1,)) for x in self.arrays(labels)):
            found["num_class"] = len(start)
        return found

    def read(self, scores: Any, data: Any, weight: Any) -> tuple[Any, Any, Any]:
        """Scores, labels and weights of a call."""
        if not hasattr(data, "get_label"):
            labels, scores = scores, data
        else:
            weight = data.get_weight()
            if self.grouped and len(weight) != len(scores):  # XGBoost has one for each query
                weight = np.repeat(weight, np.asarray(data.get_group(), np.int64)) if len(weight) else None
            bounds = self.targets == ("lower", "upper")
            labels = (
                tuple([data.get_float_info(f"label_{n}_bound") for n in self.targets]) if bounds else data.get_label()
            )
        if scores.ndim == 2 and hasattr(labels, "size") and labels.size == scores.size:
            labels = labels.reshape(scores.shape)
        return scores, labels, weight if weight is not None and len(weight) else None

    def queries(self, data: Any) -> Any:
        """The sizes of the data's queries, if the loss is one of queries."""
        return data.get_group() if self.grouped and hasattr(data, "get_group") else None


class XGBoostMetric(Metric):
    """The weighted mean of an objective's loss, as XGBoost calls it."""

    def __init__(self, objective: XGBoostObjective) -> None:
        super().__init__(objective)
        self.__name__ = re.sub(r"\W+", "_", objective.name).strip("_")

    def __call__(self, scores: Any, data: Any, sample_weight: Any = None) -> Any:
        """The name and the number, of (scores, DMatrix); the number, of (labels, scores, sample_weight)."""
        o = self.objective
        check_caller(o.name, o.package, data, metric=True)
        value = o.loss(*o.read(scores, data, sample_weight), group=o.queries(data))
        return (self.__name__, value) if hasattr(data, "get_label") else value
