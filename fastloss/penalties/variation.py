"""Total variation: a penalty of the steps between neighbours."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.keywords import GRAD, VALUE
from ..structured import reading
from ..structured.compiled import run
from . import templates
from .penalty import Given, Penalty, check_intercept, without

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray


class TotalVariation(Penalty):
    """`total_variation`: see `Penalty`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__("total_variation", values)
        self.strength = reading.number(self.name, "strength", values["strength"], 0.0)
        self.values = {"strength": self.strength}

    def _made(self, values: Mapping[str, Any]) -> Self:
        return type(self)(values)

    def _run(self, want: int, w: Any, intercept: Any, mask: Any, out: Any, backend: Any) -> Any:
        given = Given(self, w, out, backend)
        x, others = self._neighbours(given, intercept, mask)
        grad = np.zeros(x.shape, given.kind) if want & GRAD else None
        total = self.strength * self._steps(x, grad, backend) if self.strength else 0.0
        found: list[Any] = [given.value(total)] if want & VALUE else []
        if grad is not None:
            whole = np.zeros(given.w.shape, given.kind) if others else grad
            if others:
                whole[others] = grad
            found.append(given.result(whole))
        return tuple(found) if len(found) > 1 else found[0]

    def _steps(self, x: NDArray[Any], grad: NDArray[Any] | None, backend: Any) -> float:
        """The sum of the steps along all axes; their derivatives are added to `grad`."""
        total, flags = 0.0, [] if grad is None else ["GRAD"]
        for axis, n in enumerate(x.shape if x.size else ()):
            lag = prod(x.shape[axis + 1 :])
            size, length, heads = n * lag, templates.PIECE, _heads(1, 1, 0)
            short = [] if 2 * size > length or size == x.size else ["HEADS"]
            if short:
                length = min(length - length % size, x.size)
                heads, size = _heads(size, lag, length), x.size
            lines = x.size // size
            sums = np.empty(lines * -(-size // length))
            room = [] if grad is None else [grad.reshape(lines, size)]
            run(templates.steps, (x.reshape(lines, size), heads), (sums, *room), (self.strength, lag, length),
                compute=x.dtype.char, size=x.size, backend=backend, flags=(*flags, *short))  # fmt: skip
            total += float(sums.sum())
        return total

    def _step(self, w: Any, step: float, intercept: Any, mask: Any, out: Any, backend: Any) -> Any:
        given = Given(self, w, out, backend)
        if given.w.ndim != 1:
            raise NotImplementedError(f"{self.name}: w has shape {given.w.shape}, expected one axis; the proximal step "
                                      "of several has no exact form: alternate those along each axis")  # fmt: skip
        x, others = self._neighbours(given, intercept, mask)
        result = given.dense.astype(np.float64)
        result[others or slice(None)] = smoothed(x.astype(np.float64), step * self.strength, backend)
        return given.result(result.astype(given.kind))

    def _neighbours(self, given: Given, intercept: Any, mask: Any) -> tuple[NDArray[Any], Any]:
        """The coefficients that have neighbours, and where they are; None for all."""
        if mask is not None:
            raise TypeError(f"{self.name}: mask is given, expected none: a step is that of two coefficients")
        check_intercept(self.name, intercept)
        if intercept is None:
            return given.dense, None
        _, others = without(self.name, intercept, given.w.shape)
        return np.ascontiguousarray(given.dense[..., others]), (..., others)


@lru_cache(maxsize=16)
def _heads(size: int, lag: int, length: int) -> NDArray[Any]:
    """Where the first elements of lines are that follow one another."""
    return np.arange(length + lag) % size < lag


def smoothed(y: NDArray[Any], k: float, backend: Any) -> NDArray[Any]:
    """The x for which |x - y|^2 / 2 + k sum |x_(i+1) - x_i| is smallest."""
    if len(y) < 2 or k == 0.0:
        return y
    with np.errstate(all="ignore"):
        middle = y.mean()
        y = y - middle
        if not np.isfinite(y).all():
            return np.full_like(y, np.nan)
        if np.abs(np.cumsum(y)[:-1]).max() <= k:
            return np.full_like(y, middle)
    n = len(y)
    room = [np.empty(m) for m in (n, n, n, 2 * n, 2 * n, 2 * n)]
    run(templates.smoothed, (np.ascontiguousarray(y),), room, (k,), compute="d", size=n, backend="serial")
    return room[0] + middle  # type: ignore[no-any-return]
