"""A loss as LightGBM's objective: both of its interfaces, its layout, its groups, its metric and its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.host.fresh import empty
from .checks import check_caller, finite, one_label, refuse_scores
from .metrics import Metric
from .objective import Objective
from .versions import version

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..define.keywords import Backend


def lightgbm(
    loss: Any,
    *,
    hessian: str = "auto",
    min_hessian: float | None = None,
    backend: Backend | None = None,
    **parameters: Any,
) -> LightGBMObjective:
    """A loss as an objective of LightGBM 4.0 and later.

    ``lightgbm.train({"objective": f}, data)`` and ``cv``, ``LGBMRegressor(objective=f)`` and the other estimators.
    Weights and groups are those of the data set, several outputs by ``num_class``. The model predicts raw scores:
    ``f.mean(model.predict(x, raw_score=True))`` makes probabilities and means of them. ``feval=f.metric`` and
    ``eval_metric=f.metric`` are the weighted mean of the loss, ``init_score=f.init_score(y, weight)`` the start, which
    LightGBM's ``boost_from_average`` is for its own objectives alone.

    >>> import numpy as np
    >>> import fastloss as fl
    >>> f = fl.boosting.lightgbm(fl.half_squared_error)
    >>> f(np.array([1.0, 2.0]), np.array([0.5, 4.0]), np.array([1.0, 2.0]))  # labels, raw scores, weights
    (array([-0.5,  4. ], dtype=float32), array([1., 2.], dtype=float32))
    """
    version("lightgbm")
    one_label(loss, "LightGBM")
    return LightGBMObjective(loss, parameters, hessian, min_hessian, backend)


class LightGBMObjective(Objective):
    """What `fastloss.boosting.lightgbm` returns."""

    package = "lightgbm"

    _spare: tuple[Any, ...] = ()
    """Derivatives in the type of several scores, kept from round to round: new memory takes longer than the kernel."""

    def __call__(
        self, labels: Any, scores: Any, weight: Any = None, group: Any = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The gradient and the Hessian, which LightGBM reads without a copy: float32, several scores in Fortran order.

        It takes (labels, scores, weight, group), as the estimators call it, or (scores, data set), as ``train`` does.
        """
        check_caller(self.name, self.package, scores)
        version("lightgbm")
        scores, labels, weight, group = self.told(labels, scores, weight, group)
        scores = scores if hasattr(scores, "dtype") else np.asarray(scores, np.float64)
        if self.direct and isinstance(scores, np.ndarray):
            both = empty(scores.shape, np.float32), empty(scores.shape, np.float32)
            if self.written(scores, labels, weight, 1.0, *both):
                return both
        kept = vars(self).pop("_spare", ())  # nobody else's, in whatever thread
        if not kept or any(getattr(kept[0], n) != getattr(scores, n) for n in ("dtype", "shape", "strides")):
            kept = np.empty_like(scores), np.empty_like(scores)
        grad, hess = self.grad_and_hess(scores, labels, weight, group=group, out=kept)
        self._spare = kept
        with np.errstate(over="ignore"):  # it is told of below
            both = grad.astype(np.float32, order="F"), hess.astype(np.float32, order="F")
        for which, x in (("derivative", both[0]), ("second derivative", both[1])):
            if not finite(x):
                refuse_scores(self.name, scores, x, which)
        return both

    def __getstate__(self) -> dict[str, Any]:
        return {n: x for n, x in vars(self).items() if n != "_spare"}

    @property
    def metric(self) -> LightGBMMetric:
        """The loss's name, its weighted mean, and that more is not better; of the same arguments."""
        return LightGBMMetric(self)

    def init_score(self, labels: ArrayLike, weight: Any = None) -> Any:
        """The best constant for each row, as ``Dataset(init_score=)`` and ``fit(init_score=)`` take it.

        A model does not predict it: add it, ``f.mean(f.init_score(y)[0] + model.predict(x, raw_score=True))``.
        """
        return self.started(labels, weight)

    def told(self, labels: Any, scores: Any, weight: Any, group: Any) -> tuple[Any, ...]:
        """Scores, labels, weight and group of either interface's arguments."""
        if hasattr(scores, "get_label"):
            data, scores = scores, labels
            labels, weight, group = data.get_label(), data.get_weight(), data.get_group()
        return scores, labels, weight, group


class LightGBMMetric(Metric):
    """The weighted mean of an objective's loss, as LightGBM calls it."""

    def __call__(self, labels: Any, scores: Any, weight: Any = None, group: Any = None) -> tuple[str, float, bool]:
        """The loss's name, its weighted mean, and that more is not better; of an objective's arguments."""
        o = self.objective
        check_caller(o.name, o.package, scores, metric=True)
        scores, labels, weight, group = o.told(labels, scores, weight, group)
        return o.name, o.loss(scores, labels, weight, group=group), False
