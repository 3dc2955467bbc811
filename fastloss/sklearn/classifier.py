"""`LossClassifier`: linear classification by any loss of labels, of two classes or of rows of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from .arguments import bound, fitting
from .links import of_probabilities, probabilities
from .model import LinearModel

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LossClassifier(ClassifierMixin, LinearModel):  # type: ignore[misc]
    """A linear classifier whose coefficients minimise the mean of a loss plus a penalty.

    loss : str or loss
        A loss of rows of scores ("cross_entropy", "multiclass_hinge") takes any number of classes, and has coefficients
        for each. A loss of elements ("logistic", "hinge", "binary_focal") takes two; its labels are -1 and 1, or 0 and
        1, as its domain says.
    class_weight : {"balanced", None} or dict
        The weight of each class, as in scikit-learn.
    loss_params, penalty, alpha, l1_ratio, fit_intercept, warm_start, max_iter, tol : as `LossRegressor` has them
    groups : array of integers, optional
        The group of each feature, for "group_lasso"; without it, of a loss of rows, a feature's coefficients of all
        classes are a group.

    ``LogisticRegression(C)`` is "logistic", of more classes "cross_entropy", with ``alpha=1 / (C * n)``: n rows, or the
    sum of the weights. Of two classes "cross_entropy" has twice as many coefficients as "logistic", and its ridge half
    the weight.

    `decision_function` is X @ coef_.T + intercept_, of two classes the second one's score less the first one's;
    `predict_proba` is there for a loss that has a link to probabilities, `fastloss.Loss.link`.

    >>> import numpy as np
    >>> from fastloss.sklearn import LossClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = LossClassifier("logistic", alpha=0.25).fit(X, ["no", "no", "yes", "yes"])
    >>> model.predict([[0.5], [2.5]])
    array(['no', 'yes'], dtype='<U3')
    >>> model.predict_proba([[1.5]]).round(4)
    array([[0.5, 0.5]])
    """

    def __init__(
        self,
        loss: Any = "cross_entropy",
        *,
        loss_params: Any = None,
        penalty: Any = "l2",
        alpha: float | None = None,
        l1_ratio: float = 0.5,
        groups: Any = None,
        class_weight: Any = None,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        warm_start: bool = False,
    ) -> None:
        super().__init__(
            loss, loss_params=loss_params, penalty=penalty, alpha=alpha, l1_ratio=l1_ratio, groups=groups,
            fit_intercept=fit_intercept, max_iter=max_iter, tol=tol, warm_start=warm_start,
        )  # fmt: skip
        self.class_weight = class_weight

    def decision_function(self, X: Any) -> NDArray[Any]:
        """The scores of the classes; of two classes one number, above 0 for the second."""
        scores = self._scores(X)
        if scores.ndim == 2 and scores.shape[1] == 2:
            return scores[:, 1] - scores[:, 0]  # type: ignore[no-any-return]
        return scores

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of the highest score."""
        scores = self.decision_function(X)
        best = (scores > 0.0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]  # type: ignore[no-any-return]

    def _known(self) -> Any:
        """The loss, where it is one: what a fit would say of another is not said before."""
        try:
            return bound(self._name, self.loss, self.loss_params)
        except (TypeError, ValueError):
            return None

    def _linked(self) -> bool:
        loss = self._known()
        return loss is not None and of_probabilities(loss)

    @available_if(_linked)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each class, by the loss's link: there is none without it."""
        scores = self._scores(X)
        return probabilities(self.loss_, scores)

    @available_if(_linked)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Their logarithms."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))  # type: ignore[no-any-return]

    def _fitting(self) -> Any:
        return fitting(self._name, self.loss, self.loss_params)

    def _read(self, X: Any, y: Any) -> tuple[Any, NDArray[Any], NDArray[Any] | None]:
        X, y = self._validated(X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        names = self.classes_.tolist()
        if len(names) < 2:
            raise ValueError(f"{self._name}: y holds one class, {names[0]!r}, expected at least 2 classes")
        each = None if self.class_weight is None else compute_sample_weight(self.class_weight, y)
        if each is not None and not (each >= 0.0).all():
            k = int((~(each >= 0.0)).argmax())
            raise ValueError(
                f"{self._name}: class_weight of {names[codes[k]]!r} is {each[k]:g}, expected a number of at least 0"
            )
        return X, labels(self._name, self.loss_, codes, len(self.classes_)), each

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = hasattr(self._known(), "target")
        return tags


def labels(owner: str, loss: Any, codes: NDArray[Any], classes: int) -> NDArray[Any]:
    """The classes, counted from 0, as a loss takes its target."""
    if hasattr(loss, "target"):
        if loss.target in ("labels", "both"):
            return codes.astype(np.int64)
        if loss.target == "none" and not loss.classed:
            raise ValueError(f"{owner}: {loss.name} compares two rows of numbers, expected a loss of labels")
        return np.asarray(np.eye(classes)[codes])
    low, high = ends(owner, loss)
    if classes > 2:
        # The second sentence is what scikit-learn's checks look for.
        raise ValueError(f"{owner}: y has {classes} classes, and {loss.name} is a loss of two. Only binary "
                         "classification is supported. The type of the target is multiclass: cross_entropy and "
                         "multiclass_hinge take several classes, OneVsRestClassifier fits them in turn")  # fmt: skip
    found: NDArray[Any] = np.where(codes == 1, high, low)
    return found


def ends(owner: str, loss: Any) -> tuple[float, float]:
    """The labels of two classes: -1 and 1 where the target may be these, else 0 and 1."""
    domain = loss.domains[1]
    if not (domain.is_real_line or loss.labelled == 1):
        raise ValueError(f"{owner}: {loss.inputs[1]} of {loss.name} is {domain}, expected a loss of labels; "
                         "LossRegressor takes it")  # fmt: skip
    return (-1.0 if -1.0 in domain else 0.0), 1.0
