"""Coordinates in which a linear model's problem is well conditioned: columns centred and scaled, X left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

NUMBERS = 1 << 17
"""Numbers of a block of rows."""

FLAT = 1e-26
"""The share of a column's mean square below which its variance is rounding."""


class Coordinates(NamedTuple):
    """Between coefficients `w`, as `fastloss.optimize.linear` takes them, and standardised ones, `z`.

    A column's coefficient is its z times `scale`; of a model with intercepts, z has those of centred columns, in parts
    of `unit`, the size of scores.
    """

    center: NDArray[Any]
    scale: NDArray[Any]
    outputs: int
    intercept: bool
    unit: float

    @property
    def size(self) -> int:
        """How many coefficients are no intercepts."""
        return len(self.scale) * self.outputs

    def matrix(self, w: NDArray[Any]) -> NDArray[Any]:
        """The coefficients that are no intercepts, a row for each column of X: a view."""
        return w[: self.size].reshape(-1, self.outputs)

    def features(self, w: NDArray[Any]) -> NDArray[Any]:
        """The same as penalties see them: one axis where there is one output."""
        return w[: self.size].reshape(-1, self.outputs) if self.outputs > 1 else w[: self.size]

    def coefficients(self, z: NDArray[Any]) -> NDArray[Any]:
        """Of standardised coordinates."""
        w = np.array(z, np.float64)
        matrix = self.matrix(w)
        matrix *= self.scale[:, None]
        if self.intercept:
            w[self.size :] *= self.unit
            w[self.size :] -= self.center @ matrix
        return w

    def standardised(self, w: NDArray[Any]) -> NDArray[Any]:
        """Of coefficients."""
        z = np.array(w, np.float64)
        matrix = self.matrix(z)
        if self.intercept:
            z[self.size :] += self.center @ matrix
            z[self.size :] /= self.unit
        matrix /= self.scale[:, None]
        return z

    def gradient(self, grad: NDArray[Any]) -> NDArray[Any]:
        """With respect to the standardised coordinates, of that with respect to the coefficients."""
        g = np.array(grad, np.float64)
        matrix = self.matrix(g)
        if self.intercept:
            matrix -= np.outer(self.center, g[self.size :])
            g[self.size :] *= self.unit
        matrix *= self.scale[:, None]
        return g


def blocks(X: Any) -> Iterator[tuple[slice, Any]]:
    """A matrix of features, a block of rows at a time, in float64."""
    n, p = X.shape
    rows = max(64, NUMBERS // max(p, 1))
    for low in range(0, n, rows):
        part = slice(low, min(n, low + rows))
        yield part, X[part].astype(np.float64, copy=False)


def coordinates(
    X: Any, weight: NDArray[Any] | None, outputs: int, intercept: bool, decay: float, alike: bool, unit: float
) -> Coordinates:
    """Those of a matrix of features; `decay` is a ridge's strength, `alike` asks for one scale of all columns."""
    n, p = X.shape
    mean, square = np.zeros(p), np.zeros(p)
    for part, block in blocks(X):
        w = np.ones(block.shape[0]) if weight is None else weight[part]
        mean += block.T @ w
        square += (block * block if isinstance(block, np.ndarray) else block.power(2)).T @ w
    total = float(n) if weight is None else float(weight.sum())
    mean, square = mean / total, square / total
    varies = _variance(X, weight, mean, total) if intercept else square
    varies = np.where(varies > FLAT * square, varies, square)
    if alike and p:
        varies = np.full(p, varies.mean())
    varies = np.where(varies > 0.0, varies, 1.0) + decay
    return Coordinates(mean, unit / np.sqrt(varies), outputs, intercept, unit)


def _variance(X: Any, weight: NDArray[Any] | None, mean: NDArray[Any], total: float) -> NDArray[Any]:
    """The variance of each column, of what is left of the mean: squares lose that of a column far from 0."""
    p = len(mean)
    first, second, seen = np.zeros(p), np.zeros(p), np.zeros(p)
    for part, block in blocks(X):
        w = np.ones(block.shape[0]) if weight is None else weight[part]
        if isinstance(block, np.ndarray):
            d = block - mean
            first += d.T @ w
            second += (d * d).T @ w
            continue
        at, each = block.indices, np.repeat(w, np.diff(block.indptr))
        d = block.data - mean[at]
        first += np.bincount(at, d * each, p)
        second += np.bincount(at, d * d * each, p)
        seen += np.bincount(at, each, p)
    if not isinstance(X, np.ndarray):  # what is not stored is 0
        rest = np.maximum(total - seen, 0.0)
        first, second = first - rest * mean, second + rest * mean * mean
    return np.maximum(second / total - (first / total) ** 2, 0.0)
