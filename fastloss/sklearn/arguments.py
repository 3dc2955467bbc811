"""What estimators are told: the loss, the penalty, the weights; one clear error for what does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from .. import penalties
from ..data.arguments import loss_of
from ..define.hints import of_logits
from ..define.wording import listed, named, shown, wrong_choice
from ..penalties import Penalty
from .links import of_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

PENALTIES = ("l1", "l2", "elastic_net", "group_lasso", "total_variation")
ALSO = {"elasticnet": "elastic_net"}
"""What scikit-learn calls a penalty."""
STRENGTH = 1e-4
"""The strength of a penalty that is given by name alone: that of scikit-learn's SGD estimators."""


def bound(owner: str, loss: Any, parameters: Any) -> Any:
    """The loss of that name, or the loss itself, with these parameters."""
    found = loss_of(loss, owner)
    if not parameters:
        return found
    if not hasattr(parameters, "keys"):
        raise TypeError(
            f"{owner}: loss_params is {shown(parameters)}, expected a dictionary of {found.name}'s parameters"
        )
    return found.bind(**parameters)


def fitting(owner: str, loss: Any, parameters: Any) -> Any:
    """The same, of which a linear model's scores can be the prediction."""
    found = bound(owner, loss, parameters)
    if len(found.inputs) != 2 or found.wrt != (0,):
        raise ValueError(f"{owner}: {found.name} reads {listed(found.inputs)}, expected a loss of a prediction, "
                         "by which it is differentiated, and a target")  # fmt: skip
    if found.rooted:
        raise ValueError(f"{owner}: {found.name} is the root of a mean, expected a loss that is a mean over rows; "
                         "what is under the root has the same minimiser")  # fmt: skip
    if found.arrays:
        raise ValueError(
            f"{owner}: {listed(found.arrays)} of {found.name} is an array, expected one number for all rows"
        )
    if hasattr(found, "target") and of_means(found):
        raise ValueError(f"{owner}: {found.name} takes logarithms of probabilities, and a linear model's scores are "
                         "any numbers; cross_entropy takes these")  # fmt: skip
    domain = found.domains[0]
    if not domain.is_real_line:
        raise ValueError(f"{owner}: {found.inputs[0]} of {found.name} is {domain}, and a linear model's scores are any "
                         f"numbers{of_logits(found)}")  # fmt: skip
    return found


def penalty_of(
    owner: str, penalty: Any, alpha: float | None, l1_ratio: float, groups: Any, outputs: int
) -> Penalty | None:  # fmt: skip
    """The penalty of that name, or the penalty itself, of this strength."""
    name = ALSO.get(penalty, penalty) if isinstance(penalty, str) else None
    if groups is not None and name != "group_lasso":
        raise ValueError(f"{owner}: groups is given and penalty is {shown(penalty)}, expected 'group_lasso'")
    if penalty is None:
        return None
    if isinstance(penalty, Penalty):
        return penalty if alpha is None else penalty.bind(strength=alpha)
    if not isinstance(penalty, str):
        raise TypeError(f"{owner}: penalty is {named(penalty)}, expected None, the name of a penalty, or one of "
                        "fl.penalties")  # fmt: skip
    if name not in PENALTIES:
        raise wrong_choice(owner, "penalty", penalty, PENALTIES)
    strength = STRENGTH if alpha is None else alpha
    if name == "elastic_net":
        return penalties.elastic_net(strength, l1_ratio)
    if name != "group_lasso":
        return getattr(penalties, name)(strength)  # type: ignore[no-any-return]
    if groups is None:
        if outputs == 1:
            raise ValueError(f"{owner}: groups is None, expected the group of each feature, an array of integers")
        return penalties.group_lasso(strength, axis=1)  # a feature's coefficients of all classes
    labels = np.asarray(groups)
    return penalties.group_lasso(strength, groups=labels if outputs == 1 else np.stack([labels] * outputs, axis=-1))


def weights_of(owner: str, sample_weight: Any, X: Any) -> NDArray[Any] | None:
    """The weight of each row; None where all are alike."""
    if sample_weight is None:
        return None
    found: NDArray[Any] = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if (found < 0.0).any():
        k = int((found < 0.0).argmax())
        raise ValueError(f"{owner}: sample_weight[{k}] is {found[k]:g}, expected a number of at least 0")
    if not found.any():
        raise ValueError(f"{owner}: all of sample_weight are 0, expected one that is not")
    return None if (found == found[0]).all() else found
