"""Losses of residuals as SciPy's least squares take them: functions of the square, with two derivatives by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import listed, no_loss
from ..loss import Loss
from ..structured import reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "optimize.least_squares"

POINTS = np.ldexp(1.0, [0, *range(-20, 11)])
"""Residuals at which a loss is tried; added to small whole numbers, they are exact."""

SMALL = 1e-140, 1e-150
"""Residuals so near 0 that a slope divided by them has reached its limit, if it has one."""

LEAST = 1e-290
"""Squares below which the second derivative counts for nothing: it is multiplied by them."""


class Rho:
    """Twice a loss as a function of the squared residual: see `least_squares`, which makes it."""

    def __init__(self, loss: Any, parameters: dict[str, Any]) -> None:
        if not isinstance(loss, Loss):
            raise TypeError(f"{NAME}: the loss is {no_loss(loss)}, expected one of elements, such as fl.huber")
        self.loss = loss.bind(**parameters)
        why = _unfit(self.loss.bind(**self.loss.numbers))
        if why:
            raise ValueError(f"{NAME}: {loss.name} is no smooth function of the squared residual: {why}")

    def __repr__(self) -> str:
        return f"{NAME}({self.loss!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rho) and self.loss == other.loss

    def __hash__(self) -> int:
        return hash((NAME, self.loss))

    @reading.quiet
    def __call__(self, z: Any) -> NDArray[np.float64]:
        """Value, first and second derivative at each squared residual: (3, m)."""
        z = reading.array(NAME, "z", z).astype(np.float64, copy=False)
        e, nothing = np.sqrt(z), np.zeros(z.shape)
        found = np.empty((3, *z.shape))
        found[0] = 2.0 * self.loss(e, nothing, reduction="none")
        slope, bend = self.loss.grad_and_hess(e, nothing, reduction="sum")
        found[1] = np.where(e == 0.0, bend, slope / e)
        found[2] = np.where(z > LEAST, (bend - found[1]) / (2.0 * z), np.where(z >= 0.0, 0.0, np.nan))
        return found


@reading.quiet
def _unfit(loss: Loss) -> str:
    """Why a loss is no smooth function of the squared residual; "" where it is."""
    if len(loss.inputs) != 2 or loss.wrt != (0,) or loss.by or loss.rooted:
        return f"it has to be a sum over pairs of {loss.inputs[0]} and one other input, differentiated by the first"
    if loss.order < 2:
        return "it has no second derivative"
    pred, target = loss.inputs
    closed = [n for n, d in zip(loss.inputs, loss.domains, strict=True) if not d.is_real_line]
    if closed:
        return f"it takes some numbers only as {listed(closed)}"
    at_zero = loss(POINTS, np.zeros_like(POINTS), reduction="none")
    for shift in (0.0, -1.0, 3.0):
        for e in (POINTS, -POINTS):
            other = loss(shift + e, np.full_like(e, shift), reduction="none")
            off = np.abs(other - at_zero) > 1e-9 * np.abs(at_zero)
            if off.any():
                k = int(off.argmax())
                return (f"it is {at_zero[k]:g} at {pred} {POINTS[k]:g} and {target} 0, and {other[k]:g} at "
                        f"{shift + e[k]:g} and {shift:g}")  # fmt: skip
    near = np.array(SMALL)
    steep = loss.grad(near, np.zeros(2), reduction="sum") / near
    if not steep[1] <= steep[0] * (1.0 + 1e-6):
        return "it has a kink at 0, where the derivative by the square is infinite"
    return ""


def least_squares(loss: Loss, **parameters: Any) -> Rho:
    """Make what ``scipy.optimize.least_squares`` takes as `loss`: rho, rho' and rho'' of the squared residual.

    loss : a loss of elements
        Even in pred - target, as `huber`, `pseudo_huber` (SciPy's ``"soft_l1"``), `cauchy`, `half_squared_error`
        (``"linear"``), `welsch`, `geman_mcclure`, `log_cosh`, your own or a derived one: that is tried on the spot,
        and an error for others. One with a kink at 0, such as `absolute_error`, is refused, too.
    parameters
        The loss's, in units of ``f_scale``; arrays have a number for each residual.

    SciPy minimises half the sum of rho(f^2), so rho(z) is twice the loss at the residual sqrt(z), and the cost is the
    sum of the losses. rho'' is exact to the rounding of rho' / z.

    >>> import numpy as np
    >>> import fastloss as fl
    >>> rho = fl.optimize.least_squares(fl.huber, delta=2.0)
    >>> rho(np.array([1.0, 4.0, 16.0]))
    array([[ 1.    ,  4.    , 12.    ],
           [ 1.    ,  1.    ,  0.5   ],
           [ 0.    ,  0.    , -0.015625]])
    """
    return Rho(loss, parameters)
