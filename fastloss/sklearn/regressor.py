"""`LossRegressor`: linear regression by any loss of elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import RegressorMixin

from .arguments import fitting
from .model import LinearModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .problem import Problem


class LossRegressor(RegressorMixin, LinearModel):  # type: ignore[misc]
    """A linear model whose coefficients minimise the mean of a loss plus a penalty.

    loss : str or loss
        The name of a loss of a prediction and a target, or any such loss: bound, your own, derived, a sum. The
        prediction is X @ coef_ + intercept_, so a loss of probabilities or of positive predictions is refused.
    loss_params : dict, optional
        Parameters of the loss: ``loss="huber", loss_params={"delta": 2.0}`` is ``loss=fl.huber.bind(delta=2.0)``.
    penalty : {"l2", "l1", "elastic_net", "group_lasso", "total_variation", None} or one of fl.penalties
        What is added to the mean loss. It never counts the intercept.
    alpha : float, optional
        The penalty's strength; by default 1e-4, or the strength of the object that `penalty` is.
    l1_ratio : float
        The share of l1 in "elastic_net".
    groups : array of integers, optional
        The group of each feature, for "group_lasso".
    fit_intercept, warm_start, max_iter : as in scikit-learn's linear models
    tol : float
        Where the fit ends: at derivatives, by standardised columns, of this share of the mean slope of the loss.

    ``Ridge(alpha)`` is "squared_error" with ``alpha=2 * alpha / n``, ``Lasso(alpha)`` and ``ElasticNet(alpha)`` are
    "half_squared_error", ``PoissonRegressor(alpha)`` is "poisson", ``QuantileRegressor(quantile, alpha)`` is "quantile"
    with penalty "l1". Columns are centred and scaled within the fit alone, and no copy of X is made.

    A loss of one second derivative with "l2" is one linear system, another smooth problem is solved by L-BFGS, one with
    another penalty by accelerated proximal steps, a loss of straight pieces (absolute_error, quantile) by inner points
    of a linear programme. docs/sklearn.md says how close they come. Of a loss that is not convex (cauchy, welsch) it is
    a local minimum.

    >>> import numpy as np
    >>> from fastloss.sklearn import LossRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = LossRegressor("poisson", penalty=None).fit(X, np.exp(0.5 * X[:, 0] + 1.0))
    >>> model.coef_.round(4), round(float(model.intercept_), 4)
    (array([0.5]), 1.0)
    >>> model.predict([[2.0]]).round(4)
    array([7.3891])
    """

    def predict(self, X: Any) -> NDArray[Any]:
        """The prediction: X @ coef_ + intercept_, or what the loss's link makes of it, as exp of "poisson"."""
        scores = self._scores(X)
        return np.asarray(self.loss_.mean(scores))

    def _fitting(self) -> Any:
        loss = fitting(self._name, self.loss, self.loss_params)
        if hasattr(loss, "target"):
            raise ValueError(f"{self._name}: {loss.name} is a loss of rows of scores, expected one of elements; "
                             "LossClassifier takes it")  # fmt: skip
        return loss

    def _read(self, X: Any, y: Any) -> tuple[Any, NDArray[Any], None]:
        X, y = self._validated(X, y, y_numeric=True)
        if y.dtype.kind not in "biuf":
            raise ValueError(
                f"{self._name}: y has dtype {y.dtype}, expected real numbers; LossClassifier takes classes"
            )
        return X, np.asarray(y, np.float64), None

    def _parts(self, w: NDArray[Any], problem: Problem) -> tuple[NDArray[Any], Any]:
        coef, intercept = super()._parts(w, problem)
        return coef[0], float(intercept[0])
