"""Losses as SciPy's optimisers take them: linear models of any loss and penalty, and robust least squares.

>>> import numpy as np
>>> import fastloss as fl
>>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 0, 1])
>>> fun = fl.optimize.linear(fl.binary_cross_entropy_with_logits, X, y, penalty=fl.penalties.l2(0.1))
>>> value, grad = fun([0.0, 0.0])
>>> round(value, 4), grad.round(4)
(0.6931, array([-0.1667,  0.1667]))

``scipy.optimize.minimize(fun, numpy.zeros(fun.size), jac=True)`` finds the coefficients, `fun.hessp` and `fun.hess`
serve Newton's method, and `least_squares` makes of a loss what ``scipy.optimize.least_squares`` takes. docs/optimize.md
has examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define.attributes import only
from .linear import Linear, linear
from .residuals import least_squares

__all__ = ["Linear", "least_squares", "linear"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = only(__name__, __all__)
