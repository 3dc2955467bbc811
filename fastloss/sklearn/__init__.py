"""Linear models of any loss, and scorers, for scikit-learn (``pip install "fastloss[sklearn]"``).

>>> import numpy as np
>>> from fastloss.sklearn import LossRegressor
>>> X = np.arange(6.0)[:, None]
>>> y = np.array([1.0, 3.0, 5.0, 7.0, 9.0, 100.0])
>>> LossRegressor("absolute_error", penalty=None).fit(X, y).predict([[5.0]]).round(4)
array([11.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "sklearn":
        raise
    raise ModuleNotFoundError(
        'fastloss.sklearn: scikit-learn is not installed; pip install "fastloss[sklearn]" brings it', name="sklearn"
    ) from None

from ..define.attributes import only
from .classifier import LossClassifier
from .model import Path
from .regressor import LossRegressor
from .scorers import LossScorer, scorer

__all__ = ["LossClassifier", "LossRegressor", "LossScorer", "Path", "scorer"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = only(
        __name__, __all__, {"regressor": "LossRegressor", "classifier": "LossClassifier", "make_scorer": "scorer"}
    )
