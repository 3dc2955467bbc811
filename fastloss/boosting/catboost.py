"""A loss as CatBoost's objective: its sign, its chunks from worker threads, its metric and its start."""

from __future__ import annotations

import math
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.host.direct import of_row
from .checks import check_caller, exchanged, one_label, one_score
from .metrics import Metric
from .objective import Objective
from .versions import version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from numpy.typing import ArrayLike, NDArray


def catboost(
    loss: Any, *, several: bool = False, hessian: str = "auto", min_hessian: float | None = None, **parameters: Any
) -> CatBoostObjective:
    """A loss as an objective of CatBoost 1.2 and later.

    ``CatBoost({"loss_function": f, "eval_metric": f.metric})``, ``CatBoostRegressor(loss_function=f, ...)`` and so on:
    CatBoost demands a metric beside an objective, and `metric` is the weighted mean of the loss. Weights are those of
    the pool. ``baseline=f.baseline(y, weight)`` is the start, which ``boost_from_average`` is for CatBoost's own
    objectives alone. The model predicts raw scores: ``f.mean(model.predict(x))`` makes probabilities and means of them.

    CatBoost calls for a thousand rows at a time, from threads of its own, and each call computes on its thread alone.
    It says nothing of the labels before: ``f.check(y, weight)`` names the row of a bad one.

    several : bool
        Whether a row has several targets and as many scores. With them, and with several classes (``classes_count``),
        CatBoost calls for each row (7 us), and the matrix of second derivatives is a diagonal.

    >>> import numpy as np
    >>> import fastloss as fl
    >>> f = fl.boosting.catboost(fl.half_squared_error)
    >>> f.calc_ders_range(np.array([0.5, 4.0]), np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    array([[ 0.5, -1. ],
           [-4. , -2. ]])
    """
    version("catboost")
    one_label(loss, "CatBoost")
    return _kind(several)(loss, parameters, hessian, min_hessian, several)


class CatBoostObjective(Objective):
    """What `fastloss.boosting.catboost` returns."""

    package = "catboost"
    option = "classes_count"

    def __init__(
        self,
        loss: Any,
        parameters: Mapping[str, Any] | None = None,
        hessian: str = "auto",
        min_hessian: float | None = None,
        several: bool = False,
    ) -> None:
        super().__init__(loss, parameters, hessian, min_hessian, "serial")
        self.several = several
        one_score(self, several)
        self.smoothing = self.options.get("label_smoothing", 0.0)
        self.shares = self._shares()
        """What a row's loss is multiplied by, by its label; None where a call of a row takes another look."""
        self._row_kernels: dict[int, Any] = {}

    def _shares(self) -> list[float] | None:
        loss = self.definition
        if not self.rows or len(loss.inputs) != 2 or loss.arrays or loss.turned is not None:
            return None
        weights = np.asarray(self.options.get("class_weight", ()), np.float64)
        if weights.size and self.smoothing:  # each class's mass has its own
            return None
        return weights.tolist() if weights.ndim == 1 and (np.isfinite(weights) & (weights > 0.0)).all() else None

    def _of_rows(self, classes: int) -> Any:
        if len(self.shares or ()) in (0, classes):
            told: Any = {"label_smoothing": self.smoothing} if self.smoothing else {}
            one = np.zeros((1, classes)), np.zeros(1, np.int64)
            self.definition.grad_and_hess(*one, reduction="sum", backend="serial", **told)
            self._row_kernels[classes] = of_row(self.definition, classes, self.smoothing)
        return self._row_kernels.get(classes)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_row_kernels": {}}

    def __call__(self, labels: Any, scores: Any, weight: Any = None, group: Any = None) -> Any:
        """What XGBoost and LightGBM call."""
        check_caller(self.name, self.package, scores)
        raise TypeError(f"{self.name}: CatBoost calls methods of this; call .grad_and_hess(scores, labels, weight)")

    def evaluate(self, *_: Any) -> Any:
        """What CatBoost calls of a metric."""
        raise exchanged(self.name, metric=False)

    get_final_error = is_max_optimal = evaluate

    @property
    def metric(self) -> CatBoostMetric:
        """The weighted mean of the loss, as ``eval_metric=`` takes it."""
        return _metric(self)

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> NDArray[np.float64]:
        """Minus the gradient and minus the Hessian of rows of one score each, side by side."""
        both = np.empty((2, len(approxes)))
        grad, hess = both
        if self.written(approxes, targets, weights, -1.0, grad, hess):
            return both.T
        version("catboost")
        found = _called(self.grad_and_hess, approxes, targets, weights)
        np.negative(found[0], grad)
        np.negative(found[1], hess)
        return both.T

    def calc_ders_multi(self, approxes: Any, targets: Any, weight: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Minus the gradient of one row of several scores, and minus the Hessian, its diagonal, as a matrix."""
        count = len(approxes)
        both = np.empty(2 * count)
        grad, hess = both[:count], both[count:]
        if not (self._direct_row(approxes, targets, weight, grad, hess) and math.isfinite(both.dot(both))):
            scores, labels = np.asarray(approxes)[np.newaxis], np.asarray(targets)[np.newaxis]
            found = _called(self.grad_and_hess, scores, labels, np.array([weight]))
            np.negative(found[0][0], grad)
            np.negative(found[1][0], hess)
        matrix = np.zeros(count * count)
        matrix[:: count + 1] = hess
        return grad, matrix.reshape(count, count)

    def _direct_row(
        self, scores: Any, label: Any, weight: float, grad: NDArray[np.float64], hess: NDArray[np.float64]
    ) -> bool:
        """The same of one row of several scores, for each of which CatBoost calls: in a tenth of the time."""
        if not (0.0 < weight < math.inf and type(scores) is np.ndarray and scores.dtype == grad.dtype):
            return False
        if self.direct:
            return self.written(scores, label, None, -weight, grad, hess)
        count, level = len(scores), self.curvature.level
        if self.shares is None or level is None or not isinstance(label, float) or label not in range(count):
            return False
        if scores.shape != grad.shape or not scores.flags.c_contiguous:
            return False
        kernel, label = self._row_kernels.get(count) or self._of_rows(count), int(label)
        share = self.shares[label] if self.shares else 1.0
        if kernel is None or not kernel(scores, label, -weight * share, grad, hess):
            return False
        if self.curvature.fills and hess[0] == 0.0 and not hess.any():
            hess[...] = -weight
        if level[1] != 1.0:
            np.multiply(hess, level[1], out=hess)
        if level[2] > -math.inf:
            np.minimum(hess, -weight * level[2], out=hess)
        return True

    def baseline(self, labels: ArrayLike, weight: Any = None) -> Any:
        """The best constant for each row, as ``Pool(baseline=)`` and ``fit(baseline=)`` take it.

        A model does not predict it: add it, ``f.mean(f.baseline(y)[0] + model.predict(x))``.
        """
        return self.started(labels, weight)


class CatBoostMetric(Metric):
    """The weighted mean of an objective's loss as CatBoost's metric, which is called by its class's name."""

    def __call__(self, labels: Any, scores: Any, weight: Any = None, group: Any = None) -> Any:
        """What XGBoost and LightGBM call."""
        check_caller(self.objective.name, "catboost", scores)
        raise TypeError(f"{self.objective.name}: CatBoost calls methods of this; call .loss of the objective")

    def calc_ders_range(self, *_: Any) -> Any:
        """What CatBoost calls of an objective."""
        raise exchanged(self.objective.name, metric=True)

    calc_ders_multi = calc_ders_range

    def is_max_optimal(self) -> bool:
        """Less is better."""
        return False

    def evaluate(self, approxes: Sequence[Any], target: Any, weight: Any) -> tuple[float, float]:
        """The weighted sum of the losses of some rows, and of the weights; `approxes` has an array for each score."""
        scores = approxes[0] if len(approxes) == 1 else np.stack([*approxes], axis=1)
        labels = np.stack(target, axis=1) if isinstance(target, tuple) else target
        total = float(len(scores)) if weight is None else float(np.sum(weight, dtype=np.float64))
        return (total * _called(self.objective.loss, scores, labels, weight) if total else 0.0), total

    def get_final_error(self, error: float, weight: float) -> float:
        """The mean of all rows."""
        return error / weight if weight else 0.0

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self  # as an objective

    def __reduce__(self) -> tuple[Any, ...]:
        return _metric, (self.objective,)


def _called(function: Callable[..., Any], *args: Any) -> Any:
    """What it returns; an error by itself: CatBoost shows all of it, and before it what its thread has seen before."""
    try:
        return function(*args)
    except Exception as error:
        raise error.with_traceback(None) from None


def _metric(objective: CatBoostObjective) -> CatBoostMetric:
    return _named(objective.name, objective.several)(objective)


@cache
def _named(name: str, several: bool) -> type[CatBoostMetric]:
    return type(name, (CatBoostMetric, *_base("Metric", several)), {})


@cache
def _kind(several: bool) -> type[CatBoostObjective]:
    if not several:
        return CatBoostObjective
    again = {"__reduce__": lambda self: (_with_state, (self.__getstate__(),))}
    return type("SeveralTargets", (CatBoostObjective, *_base("Objective", True)), again)


def _base(what: str, several: bool) -> tuple[type, ...]:
    """By what base CatBoost knows that there are several targets."""
    return (getattr(import_module("catboost"), f"MultiTargetCustom{what}"),) if several else ()


def _with_state(state: dict[str, Any]) -> CatBoostObjective:
    made = _kind(True).__new__(_kind(True))
    vars(made).update(state)
    return made
