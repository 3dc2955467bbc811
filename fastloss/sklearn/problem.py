"""The problem that a fit solves: mean loss plus penalty, in standardised coordinates, by the minimiser that fits it."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import optimize
from ..boosting import initial
from ..penalties.elements import Elementwise
from .coordinates import coordinates, moments
from .descent import lowest
from .kinks import Envelope, middle, shape, slopes
from .objectives import MOST, Above, Objective, smooth
from .quadratic import by_columns, by_rows, direct, hessian, holds, modelled, parabola
from .sizes import look_at_columns, spread
from .solvers import EPS, Found, Model, convex, newton, proximal, proximal_newton, quasi_newton
from .straight import Straight
from .working import Working

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..penalties import Penalty
    from .coordinates import Moments

    Vector = NDArray[Any]

WIDTHS = tuple(10.0**-k for k in range(1, 8))
"""Of the envelopes of a loss with kinks, one after another, in units of the scores' size."""

FEW = 128
"""Coefficients of which a Hessian is found in the time of few gradients."""

MANY = 512
"""The same of an array's columns, beside proximal steps, which take some 30 gradients at the least."""

MOST_COLUMNS = 2048
"""Columns of which a quadratic loss's Hessian is found, which is as large as a quarter of X at most beyond `MANY`."""

STRENGTH, FIRMEST = 1e-3, 1e-3
"""The share of the smallest strength by which slopes may be off at a minimum; the least share of the tolerance."""

WIDE = 128
"""Columns beyond which those that have coefficients are looked for."""

DENSE = 1 << 22
"""Numbers of some columns of a sparse matrix that are taken as an array."""


def _steps(prox: Any, tol: float) -> Callable[[Vector, Vector, NDArray[Any]], Vector]:
    """The minimum of a second-order model and another penalty: it costs nothing beside the data."""

    def end(z: Vector, grad: Vector, bend: NDArray[Any]) -> Vector:
        sizes, axes = convex(bend)
        return proximal(Model(z, grad, (axes * sizes) @ axes.T), prox, z, tol, 2000).z

    return end


class Problem:
    """A loss's mean over rows of X, as a function of a linear model's coefficients, with one penalty after another."""

    def __init__(
        self,
        owner: str,
        loss: Any,
        X: Any,
        target: NDArray[Any],
        weight: Any,
        outputs: int,
        intercept: bool,
        penalty: Penalty | None,
    ) -> None:
        rows = hasattr(loss, "target")
        self.mean = optimize.linear(loss, X, target, weight, intercept=intercept, classes=outputs if rows else None)
        self.mean.warned = True  # where a loss is straight, proximal steps take its place
        self.loss, self.X, self.target, self.weight = loss, X, target, weight
        self.outputs, self.intercept, self.penalty = outputs, intercept, penalty
        elementwise = penalty is None or isinstance(penalty, Elementwise)
        strength = penalty.values["strength"] if penalty is not None and smooth(penalty) else 0.0
        decay = float(strength) if np.ndim(strength) == 0 else 0.0
        there = target if weight is None else target[weight > 0.0]
        self.spread = spread(owner, loss, target, weight, outputs)
        """The size of scores."""
        reach = 2.0 * self.spread
        self.kinked, bend = shape(loss, there, outputs, reach)
        around = middle(loss, target, outputs)
        self.line = line = parabola(loss, bend, target, weight, around, reach) if bend else None
        p, self.hessian_columns = X.shape[1], MANY
        """Columns of an array up to which a Hessian is found."""
        sparse = elementwise and not smooth(penalty) and outputs == 1
        wide = sparse and p > WIDE and loss.order > 1 and not self.kinked
        self.working = Working(self) if wide else None
        """Of a penalty that leaves few columns a coefficient, these."""
        n, ridge = len(target), penalty is not None and smooth(penalty) and np.min(penalty.values["strength"]) > 0.0
        self.ridged = ridge and n < p and isinstance(X, np.ndarray) and n <= MOST_COLUMNS
        """Whether there are fewer rows than columns, few enough for their products, and a ridge."""
        whole = not wide and not self.ridged and self._known()
        known = moments(X, weight, intercept, whole)
        look_at_columns(owner, X, known)
        self.coordinates = c = coordinates(known, outputs, intercept, decay, not elementwise, self.spread)
        self.bend = self._bend(known)
        """The Hessian of the mean loss in standardised coordinates, of a loss that has one everywhere."""
        self.start = np.zeros(c.size + outputs * intercept)
        if intercept:
            constant = line.constant if line else initial(loss, target, weight, outputs if rows else None)
            self.start[c.size :] = constant / self.spread
        self.model: Model | None = None
        """The quadratic function that a mean loss of one second derivative is."""
        self._measure()
        few = self.kinked and outputs == 1 and min(X.shape) <= MOST_COLUMNS
        self.straight = Straight(self) if few else None
        """Of a loss with kinks, what solves it where it has nothing else."""

    def _known(self) -> bool:
        """Whether the loss has one second derivative, and its Hessian is no larger than X, or small."""
        n, p = self.X.shape
        most = max(self.hessian_columns, min(n // 4, MOST_COLUMNS))
        return bool(self.line) and isinstance(self.X, np.ndarray) and p <= most

    def _bend(self, known: Moments) -> NDArray[Any] | None:
        """That Hessian, of what is known of the columns."""
        if self.line is None or known.covariance is None:
            return None
        return hessian(self.line.bend, known.covariance, self.coordinates)

    def restricted(self, columns: NDArray[Any]) -> Problem:
        """The same of these columns alone."""
        X, c, found = self.X[:, columns], self.coordinates, copy(self)
        if not isinstance(X, np.ndarray) and X.shape[0] * X.shape[1] <= DENSE:
            X = X.toarray()
        found.X = X = X.astype(np.float64, copy=False)
        found.mean = optimize.linear(self.loss, X, self.target, self.weight, intercept=self.intercept)
        found.mean.warned = True
        found.coordinates = c._replace(center=c.center[columns], scale=c.scale[columns])
        found.start = np.append(self.start[columns], self.start[c.size :])
        found.working, found.model, found.hessian_columns = None, None, MOST_COLUMNS
        found.bend = found._bend(moments(X, self.weight, self.intercept, True)) if found._known() else None
        return found

    def _measure(self) -> None:
        """Find what values and derivatives are compared with."""
        n = self.X.shape[0]
        scores = np.zeros(n if self.outputs == 1 else (n, self.outputs))
        first, steep = self.loss.value_and_grad(scores, self.target, weight=self.weight)
        scores += self.start[self.coordinates.size :] * self.spread if self.intercept else 0.0
        value, grad = self.loss.value_and_grad(scores, self.target, weight=self.weight)
        # Of a target that no model need explain, both are rounding.
        self.size = max(abs(float(value)), EPS * abs(float(first))) or 1.0
        """The mean loss of the best constant."""
        self.slope = max(float(np.abs(grad).sum()), EPS * float(np.abs(steep).sum())) or 1.0
        """Its mean slope."""
        noise = 4.0 * EPS * float(np.abs(steep).sum())
        self.noise = noise if self.slope <= 16.0 * noise else 0.0  # a mean of many numbers is off by some roundings
        """What rounding of scores makes of it, where that is all there is."""
        if self.kinked:
            most = float(np.abs(slopes(self.loss, scores, self.target)).max())
            self.unit = self.spread / (most or 1.0)
            """The width of an envelope that is as wide as the scores' size."""

    def path(self, penalties: list[Penalty], w: Vector | None, tol: float, max_iter: int) -> list[Found]:
        """Those of one penalty after another; of a quadratic loss X is read for the last, unless that is no minimum."""
        if self.working is not None and self._known() and len(penalties) > 1:  # then one reading serves them all
            self.working, self.bend = None, self._bend(moments(self.X, self.weight, self.intercept, True))
        blind = self.bend is not None and isinstance(self.penalty, Elementwise) and not smooth(self.penalty)
        if blind and self.line:
            start = self.line.constant if self.intercept else 0.0
            blind = holds(self.line, self.loss, self.target, self.weight, start)
        for look in (not blind, True):
            found: list[Found] = []
            for k, penalty in enumerate(penalties, 1):
                before = found[-1].z if found else w
                found.append(self.solve(penalty, before, tol, max_iter, look or k == len(penalties)))
            if look or not found or found[-1].iterations == 1:
                break
        return found

    def solve(self, penalty: Penalty | None, w: Vector | None, tol: float, max_iter: int, look: bool = True) -> Found:
        """The coefficients, from those of an earlier problem on; `look`: whether a quadratic loss is what it seems."""
        return self.minimum(penalty, w, self._firm(penalty, tol), max_iter, look)

    def _firm(self, penalty: Penalty | None, tol: float) -> float:
        """The tolerance, or a share of the smallest strength where that is less and second derivatives come to it."""
        if not isinstance(penalty, Elementwise) or smooth(penalty) or self.outputs > 1 or self.loss.order < 2:
            return tol
        threshold, _ = self.parts(penalty)
        weakest = float(threshold[threshold > 0.0].min(initial=np.inf)) * self.size / (self.spread * self.slope)
        return min(tol, max(STRENGTH * weakest, FIRMEST * tol))

    def minimum(self, penalty: Penalty | None, w: Vector | None, tol: float, max_iter: int, look: bool = True) -> Found:
        """The same to a tolerance that is the share of the loss's mean slope."""
        c = self.coordinates
        z = self.start if w is None else c.standardised(w)
        if self.working is not None and isinstance(penalty, Elementwise) and np.min(penalty.parts()[0]) > 0.0:
            some = self.working.solve(penalty, c.coefficients(z), tol, max_iter)
            if some is not None:
                return some
            z = c.standardised(self.working.last)
        tol = self.least(tol)
        if self.kinked and self.outputs == 1:
            exact = None if self.straight is None else self.straight.solve(penalty, max_iter)
            found = exact or self._by_envelopes(penalty, z, tol, max_iter)
        elif smooth(penalty):
            fun = Objective(self.mean, penalty, c, self.size, self.bend)
            found = direct(fun, self._inverse(fun, penalty, z), z, tol, max_iter)
        else:
            fun, prox = Objective(self.mean, None, c, self.size, self.bend), self._prox(penalty)
            apart = penalty if isinstance(penalty, Elementwise) else None
            few = self.hessian_columns if apart and isinstance(self.X, np.ndarray) else FEW
            done = False
            if self.bend is not None and apart:
                if self.model is None:
                    self.model = Model(self.start, fun(self.start)[1], fun.hess(self.start))
                z, done = modelled(self.model, self._descent(apart), prox, fun if look else None, z, tol)
            if done:
                found = Found(z, 1, "")
            elif self.bend is not None or (self.outputs == 1 and self.loss.order > 1 and len(z) <= few):
                ends = self._descent(apart) if apart else _steps(prox, 0.1 * tol)
                found = proximal_newton(fun, fun.hess, ends, prox, self.cost(penalty), z, tol, max_iter)
            else:
                found = proximal(fun, prox, z, tol, max_iter)
        return found._replace(z=c.coefficients(found.z))

    def _inverse(self, fun: Objective, penalty: Penalty | None, z: Vector) -> Callable[[Vector], Vector] | None:
        """The inverse of the Hessian of a quadratic loss and a ridge, where it is found."""
        strength = penalty.values["strength"] if self.ridged and penalty is not None else 0.0
        if self.line is not None and np.min(strength) > 0.0:
            return by_rows(self.X, self.weight, self.line.bend, strength, self.coordinates, self.size)
        return None if self.bend is None else by_columns(fun.hess(z))

    def least(self, tol: float) -> float:
        """The derivative by a standardised coordinate that `tol` asks for."""
        return max(tol * self.slope, self.noise) * self.spread / self.size

    def _prox(self, penalty: Any) -> Callable[[Vector, float], Vector]:
        """The proximal step of a penalty in standardised coordinates."""
        c = self.coordinates
        if isinstance(penalty, Elementwise):
            threshold, decay = self.parts(penalty)
            # By NumPy: of ten coefficients the penalty's own verb would take 100 us to be made and called.
            return lambda z, step: (
                np.sign(z) * np.maximum(np.abs(z) - step * threshold, 0.0) / (1.0 + step * decay)
            )  # fmt: skip
        scale = c.scale[:, None] if self.outputs > 1 else c.scale
        factor = float(c.scale[:1].sum()) ** 2 / self.size  # all columns have one scale

        def prox(z: Vector, step: float) -> Vector:
            found = np.array(z)
            part = c.features(found)
            part[...] = penalty.prox(part * scale, step * factor) / scale
            return found

        return prox

    def _descent(self, penalty: Elementwise) -> Callable[[Vector, Vector, NDArray[Any]], Vector]:
        """The minimum of a second-order model and a penalty of each coefficient by itself."""
        threshold, decay = self.parts(penalty)
        if not decay.any():
            return lambda z, grad, bend: lowest(bend, grad, threshold, z)
        return lambda z, grad, bend: lowest(bend + np.diag(decay), grad + decay * z, threshold, z)

    def parts(self, penalty: Elementwise) -> tuple[Vector, Vector]:
        """Multiples of each standardised coordinate's size, and of half its square, that a penalty is."""
        c = self.coordinates
        scale = c.scale[:, None] if self.outputs > 1 else c.scale
        size, square = penalty.parts()
        threshold, decay = np.zeros((2, len(self.start)))
        with np.errstate(over="ignore"):
            c.features(threshold)[...] = np.minimum(size * scale / self.size, MOST)
            c.features(decay)[...] = np.minimum((np.sqrt(square) * scale) ** 2 / self.size, MOST)
        return threshold, decay

    def cost(self, penalty: Any) -> Callable[[Vector], float]:
        """A penalty of standardised coordinates."""
        c = self.coordinates
        return lambda z: float(penalty(c.features(c.coefficients(z)))) / self.size

    def _by_envelopes(self, penalty: Penalty | None, z: Vector, tol: float, max_iter: int) -> Found:
        """Minimise ever closer envelopes of a loss with kinks, and of a penalty with some."""
        ridge, prox = (penalty, None) if smooth(penalty) else (None, self._prox(penalty))
        known = prox is None or isinstance(penalty, Elementwise)
        found, iterations = Found(z, 0, ""), 0
        mean = Envelope(self.loss, self.X, self.target, self.weight, self.unit, self.intercept)
        for width in WIDTHS:
            mean.width = width * self.unit
            fun: Any = Objective(mean, ridge, self.coordinates, self.size)
            step = width * self.unit * self.size / self.spread**2
            if prox is not None:
                fun = Above(fun, penalty, prox, step)
            if known and len(z) <= FEW:
                found = newton(fun, fun.hess, found.z, tol, max_iter, 1.0)
            else:
                found = quasi_newton(fun, found.z, tol, max_iter)
            iterations += found.iterations
        return Found(found.z if prox is None else prox(found.z, step), iterations, found.trouble)
