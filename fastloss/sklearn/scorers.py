"""`scorer`: a loss as scikit-learn's searches and cross-validations score by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.metadata_routing import UNUSED

from ..define.wording import listed, shown
from .arguments import bound
from .classifier import labels
from .links import of_means, of_probabilities, scores_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scorer(loss: Any, **parameters: Any) -> LossScorer:
    """Return a scorer of that loss: greater is better, so it is minus the mean of the loss.

    loss : str or loss
        The name of a loss, or any loss of a prediction and a target.
    parameters
        The loss's parameters.

    It is ``scorer(estimator, X, y, sample_weight=None)``, for the `scoring` of ``cross_val_score``, ``GridSearchCV``
    and the like; where metadata are routed, ``set_score_request(sample_weight=True)`` asks for weights. A loss is given
    what it is a loss of:

    - one of numbers, what `predict` gives: of a loss with a link, such as "poisson", the scores of which that is the
      mean, so that the predictions of any regressor can be scored;
    - one of labels and scores, `decision_function`, or the scores that `predict_proba` belongs to, if there is no such
      method; of two classes, the labels are -1 and 1, or 0 and 1, as the loss has them;
    - one of probabilities ("binary_cross_entropy", "categorical_cross_entropy"), `predict_proba`.

    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from fastloss.sklearn import scorer
    >>> X, y = np.zeros((3, 1)), np.array([1.0, 2.0, 6.0])
    >>> scorer("huber", delta=2.0)(DummyRegressor().fit(X, y), X, y).round(4)
    np.float64(-2.1667)
    """
    return LossScorer(bound("scorer", loss, parameters))


class LossScorer(BaseEstimator):  # type: ignore[misc]
    """A scorer of a loss: see `scorer`, which makes it."""

    __metadata_request__score = {"estimator": UNUSED}  # noqa: RUF012, scikit-learn reads it

    def __init__(self, loss: Any) -> None:
        self.loss = loss

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Minus the mean loss of what the estimator says of X."""
        return self.score(estimator, X, y, sample_weight)

    def score(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """The same."""
        loss = self.loss
        if len(loss.inputs) != 2:
            raise ValueError(f"scorer: {loss.name} reads {listed(loss.inputs)}, expected a loss of a prediction and a "
                             "target")  # fmt: skip
        y = np.asarray(y)
        pred, target = asked(loss, estimator, X, y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y)
        return np.float64(-loss(pred, target, weight=sample_weight))


def asked(loss: Any, estimator: Any, X: Any, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Prediction and target, as the loss takes them."""
    rows = hasattr(loss, "target")
    if not is_classifier(estimator):
        if rows:
            raise ValueError(
                f"scorer: {loss.name} is a loss of classes, and {type(estimator).__name__} is no classifier"
            )
        return scores_of(loss, np.asarray(estimator.predict(X), np.float64)), y
    if not rows and loss.labelled is None:
        return scores_of(loss, np.asarray(estimator.predict(X), np.float64)), y
    classes = np.asarray(estimator.classes_)
    target = labels("scorer", loss, codes(y, classes), len(classes))
    if not loss.domains[0].is_real_line:
        found = np.asarray(estimator.predict_proba(X))
        return (found if rows else found[:, 1]), target
    if rows and of_means(loss):  # of logarithms of probabilities
        return scores_of(loss, np.asarray(estimator.predict_proba(X))), target
    if hasattr(estimator, "decision_function"):
        found = np.asarray(estimator.decision_function(X))
        if rows and found.ndim == 1:
            found = np.stack([-0.5 * found, 0.5 * found], axis=1)
        if rows and found.shape[1] != len(classes):
            raise ValueError(f"scorer: decision_function of {type(estimator).__name__} gives {found.shape[1]} columns, "
                             f"expected {len(classes)}, one for each class")  # fmt: skip
        return found, target
    if not (of_probabilities(loss) and hasattr(estimator, "predict_proba")):
        raise ValueError(f"scorer: {loss.name} is a loss of scores, and {type(estimator).__name__} has no "
                         "decision_function")  # fmt: skip
    found = np.asarray(estimator.predict_proba(X))
    return scores_of(loss, found if rows else found[:, 1]), target


def codes(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    """The place of each label among the classes."""
    found = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    wrong = classes[found] != y
    if wrong.any():
        k = int(wrong.argmax())
        raise ValueError(f"scorer: y[{k}] is {shown(y[k : k + 1].tolist()[0])}, which is no class of the estimator")
    return found
