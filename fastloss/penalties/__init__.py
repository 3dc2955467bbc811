"""Penalties of coefficients: value, gradient and proximal step of l1, l2, elastic net, group lasso, total variation.

>>> import numpy as np
>>> import fastloss as fl
>>> w = np.array([3.0, -0.5, 0.0, 10.0])  # the last one is the intercept
>>> lasso = fl.penalties.l1(0.1)
>>> lasso.value_and_grad(w, intercept="last")
(np.float64(0.35000000000000003), array([ 0.1, -0.1,  0. ,  0. ]))
>>> lasso.prox(w, step=10.0, intercept="last")
array([ 2.,  0.,  0., 10.])

Each function makes a `Penalty`, which says what its verbs take. What is no coefficient of a feature, an intercept or a
bias, is not penalised: say that it is there, by ``intercept="last"`` or by a `mask`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..define.attributes import only
from .elements import Elementwise
from .groups import GroupLasso
from .penalty import Penalty
from .variation import TotalVariation

__all__ = ["Penalty", "elastic_net", "group_lasso", "l1", "l2", "total_variation"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = only(
        __name__,
        __all__,
        {"lasso": "l1", "ridge": "l2", "tikhonov": "l2", "fused_lasso": "total_variation", "tv": "total_variation"},
    )


def l1(strength: Any = 1.0) -> Penalty:
    """The lasso: strength * sum |w|.

    strength : a number of at least 0, or on the host an array of them that broadcasts to the coefficients

    The gradient is strength * sign(w), and 0 at 0. The proximal step moves each coefficient towards 0 by step *
    strength, and not past it. scikit-learn's ``Lasso(alpha)`` divides the loss by 2n and has this penalty with strength
    alpha. R. Tibshirani, "Regression Shrinkage and Selection via the Lasso" (1996).

    >>> import fastloss as fl
    >>> fl.penalties.l1(2.0)([1.0, -3.0])
    np.float64(8.0)
    """
    return Elementwise("l1", {"strength": strength})


def l2(strength: Any = 1.0) -> Penalty:
    """Ridge, or weight decay: half of it, strength / 2 * sum w^2, so that the gradient is strength * w.

    strength : a number of at least 0, or on the host an array of them that broadcasts to the coefficients

    torch's ``weight_decay`` is this strength; scikit-learn's ``LogisticRegression(C)`` has 1 / C on the sum of the
    losses, and its ``Ridge(alpha)``, which has no half, twice alpha. The proximal step divides by 1 + step * strength.

    >>> import fastloss as fl
    >>> fl.penalties.l2(2.0).value_and_grad([1.0, -3.0])
    (np.float64(10.0), array([ 2., -6.]))
    """
    return Elementwise("l2", {"strength": strength})


def elastic_net(strength: Any = 1.0, l1_ratio: float = 0.5) -> Penalty:
    """Elastic net: strength * (l1_ratio * sum |w| + (1 - l1_ratio) / 2 * sum w^2).

    strength : a number of at least 0, or on the host an array of them that broadcasts to the coefficients
    l1_ratio : a number from 0 to 1
        The share of `l1`; that of `l2` is the rest.

    It is scikit-learn's ``ElasticNet(alpha, l1_ratio)``, whose loss is divided by 2n. H. Zou and T. Hastie,
    "Regularization and Variable Selection via the Elastic Net" (2005).

    >>> import fastloss as fl
    >>> fl.penalties.elastic_net(2.0, l1_ratio=0.5).value_and_grad([1.0, -3.0])
    (np.float64(9.0), array([ 2., -4.]))
    """
    return Elementwise("elastic_net", {"strength": strength, "l1_ratio": l1_ratio})


def group_lasso(
    strength: float = 1.0, *, axis: int | tuple[int, ...] | None = None, groups: Any = None, by_size: bool = True
) -> Penalty:
    """Group lasso: strength * sum over groups of sqrt(p) |w_g|, the Euclidean length, p being the group's size.

    strength : a number of at least 0
    axis : int or tuple of int
        The axes along which a group's members lie: with ``axis=0`` each column of a matrix is a group.
    groups : integer array of the coefficients' shape
        In place of `axis`: the group of each coefficient; less than 0 for one that is not penalised.
    by_size : bool
        Whether a group's length is multiplied by sqrt(p), as in the paper.

    The gradient is strength * sqrt(p) w / |w_g|, and 0 for a group of zeros. The proximal step shortens each group by
    step * strength * sqrt(p), down to 0. Coefficients that are not penalised count in no group's size. It is computed
    on the host alone. M. Yuan and Y. Lin, "Model Selection and Estimation in Regression with Grouped Variables" (2006).

    >>> import fastloss as fl
    >>> fl.penalties.group_lasso(2.0, groups=[0, 0, 1], by_size=False).value_and_grad([3.0, 4.0, 0.0])
    (np.float64(10.0), array([1.2, 1.6, 0. ]))
    >>> fl.penalties.group_lasso(1.0, axis=0).prox([[3.0], [4.0]])
    array([[2.15147186],
           [2.86862915]])
    """
    return GroupLasso({"strength": strength, "axis": axis, "groups": groups, "by_size": by_size})


def total_variation(strength: float = 1.0) -> Penalty:
    """Total variation: strength * sum |w_(i+1) - w_i|; of several axes the sum along each of them (anisotropic).

    strength : a number of at least 0

    The gradient is the subgradient in which the sign of 0 is 0. The proximal step of one axis is exact and takes
    linear time (N. Johnson, "A Dynamic Programming Algorithm for the Fused Lasso and L0-Segmentation", 2013), in
    float64; of several it is an error. One coefficient that is NaN or infinite makes all of the step's result NaN.
    There is no mask. It is computed on the host alone. L. Rudin, S. Osher and E. Fatemi (1992); R. Tibshirani et al.,
    "Sparsity and Smoothness via the Fused Lasso" (2005).

    >>> import fastloss as fl
    >>> fl.penalties.total_variation(0.5).value_and_grad([0.0, 1.0, 1.0, 4.0])
    (np.float64(2.0), array([-0.5,  0.5, -0.5,  0.5]))
    >>> fl.penalties.total_variation(1.0).prox([0.0, 1.0, 8.0, 9.0])
    array([1., 1., 8., 8.])
    """
    return TotalVariation({"strength": strength})
