"""Functions of standardised coordinates that minimisers are given: a mean loss, and one with a penalty's envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..penalties.variation import TotalVariation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..penalties import Penalty
    from .coordinates import Coordinates

    Vector = NDArray[Any]


MOST = 1e30
"""The strength of a penalty that leaves nothing of any coefficient."""


def smooth(penalty: Penalty | None) -> bool:
    """Whether a penalty has a gradient everywhere."""
    return penalty is None or penalty.name == "penalties.l2"


class Objective:
    """A mean loss and a ridge of standardised coordinates, in units of `size`."""

    def __init__(
        self, mean: Any, ridge: Penalty | None, coordinates: Coordinates, size: float, bend: NDArray[Any] | None = None
    ) -> None:  # fmt: skip
        self.mean, self.ridge, self.coordinates, self.size, self.bend = mean, ridge, coordinates, size, bend

    def __call__(self, z: Vector) -> tuple[float, Vector]:
        """Value and gradient."""
        c = self.coordinates
        w = c.coefficients(z)
        value, grad = self.mean(w)
        if self.ridge is not None:
            rise = self._decay(w)
            value += 0.5 * float(np.vdot(rise, c.features(w)))
            c.features(grad)[...] += rise
        return value / self.size, c.gradient(grad) / self.size

    def value(self, z: Vector) -> float:
        """The value alone."""
        c = self.coordinates
        w = c.coefficients(z)
        more = 0.0 if self.ridge is None else 0.5 * float(np.vdot(self._decay(w), c.features(w)))
        return float(self.mean.value(w) + more) / self.size

    def _decay(self, w: Vector) -> Vector:
        """The ridge's gradient; its own verbs would take as long as a thousand rows."""
        found: Vector = self.ridge.values["strength"] * self.coordinates.features(w)  # type: ignore[union-attr]
        return found

    def hess(self, z: Vector) -> NDArray[Any]:
        """The Hessian of one output."""
        c = self.coordinates
        found = c.hessian(self.mean.hess(c.coefficients(z))) if self.bend is None else self.bend.copy()
        if self.ridge is not None:
            places = np.arange(c.size)
            found[places, places] += self.ridge.values["strength"] * c.scale**2
        found /= self.size
        return found


class Above:
    """A function and the envelope of a penalty, which has a gradient everywhere."""

    def __init__(self, fun: Objective, penalty: Any, prox: Any, step: float) -> None:
        self.fun, self.penalty, self.prox, self.step = fun, penalty, prox, step

    def cost(self, z: Vector) -> float:
        """The penalty."""
        c = self.fun.coordinates
        return float(self.penalty(c.features(c.coefficients(z)))) / self.fun.size

    def slope(self, z: Vector) -> Vector:
        """Its gradient."""
        c, found = self.fun.coordinates, np.zeros(len(z))
        c.features(found)[...] = self.penalty.grad(c.features(c.coefficients(z)))
        c.matrix(found)[...] *= c.scale[:, None] / self.fun.size
        return found

    def __call__(self, z: Vector) -> tuple[float, Vector]:
        """Value and gradient."""
        value, grad = self.fun(z)
        near = self.prox(z, self.step)
        move = z - near
        # What a step of a weak penalty moves is lost to rounding: its slope there is that of the penalty itself.
        steps = move / self.step
        slope = steps if isinstance(self.penalty, TotalVariation) else np.where(near == 0.0, steps, self.slope(near))
        return value + self.cost(near) + float(move @ move) / (2.0 * self.step), grad + slope

    def value(self, z: Vector) -> float:
        """The value alone."""
        return self(z)[0]

    def hess(self, z: Vector) -> NDArray[Any]:
        """The Hessian, of a penalty of each coefficient by itself: how each moves when its place does."""
        near, far = self.prox(z, self.step), 1e-3 * z
        with np.errstate(invalid="ignore"):
            moved = np.where(near == 0.0, 0.0, (self.prox(z + far, self.step) - near) / far)
        moved[self.fun.coordinates.size :] = 1.0
        return self.fun.hess(z) + np.diag(np.clip(1.0 - moved, 0.0, 1.0) / self.step)
