"""Any loss as the objective of a gradient-boosting library, with the metric, the start and the mean that belong to it.

>>> import numpy as np
>>> import fastloss as fl
>>> objective = fl.boosting.xgboost(fl.huber, delta=1.5)  # xgboost.train(params, data, obj=objective)
>>> objective.grad_and_hess(np.float32([0.0, 1.0]), [1.0, 4.0])[0]
array([-1. , -1.5], dtype=float32)
>>> float(fl.boosting.initial(fl.poisson, [1.0, 3.0]).round(6))
0.693147

Each function makes an `Objective`, whose methods say what training asks of a loss; what its library does with them is
said there. A library is imported when it is used, and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define.attributes import only
from .catboost import catboost
from .lightgbm import lightgbm
from .objective import Objective, initial
from .xgboost import xgboost

__all__ = ["Objective", "catboost", "initial", "lightgbm", "xgboost"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = only(
        __name__,
        __all__,
        {"xgb": "xgboost", "lgb": "lightgbm", "lgbm": "lightgbm", "cat": "catboost", "cb": "catboost"},
    )
