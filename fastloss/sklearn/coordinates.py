"""Coordinates in which a linear model's problem is well conditioned: columns centred and scaled, X left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

NUMBERS = 1 << 17
"""Numbers of a block of rows."""

FAR = 1e-6
"""The share of its mean square below which a column's variance is found about its mean: differences lose digits."""

FLAT = 1e-26
"""The share below which it is rounding."""


TINY = 1e-304
"""The variance below which a column holds nothing: float64 has fewer digits of such squares, and at last none."""


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

    def hessian(self, hess: NDArray[Any]) -> NDArray[Any]:
        """The same of a Hessian of one output, which is overwritten."""
        for _ in range(2):  # rows, then columns
            if self.intercept:
                hess[:-1] -= np.outer(self.center, hess[-1])
                hess[-1] *= self.unit
            hess[: self.size] *= self.scale[:, None]
            hess = hess.T
        return hess


def blocks(X: Any, least: int = 64) -> Iterator[tuple[slice, Any]]:
    """A matrix of features, a block of rows at a time, `least` at the least, in float64."""
    n, p = X.shape
    numbers = NUMBERS if isinstance(X, np.ndarray) else 16 * NUMBERS  # of which few are stored
    rows = max(least, numbers // max(p, 1))
    for low in range(0, n, rows):
        part = slice(low, min(n, low + rows))
        yield part, X[part].astype(np.float64, copy=False)


def coordinates(
    moments: Moments, outputs: int, intercept: bool, decay: float, alike: bool, unit: float
) -> Coordinates:  # fmt: skip
    """Those of a matrix of features; `decay` is a ridge's strength, `alike` asks for one scale of all columns."""
    mean, square, varies = moments.mean, moments.square, moments.variance
    varies = np.where(varies > FLAT * square, varies, square)
    varies = np.where(varies > TINY, varies, 0.0)
    if alike and len(mean):
        varies = np.full(len(mean), varies.mean())
    varies = np.where(varies > 0.0, varies, 1.0) + decay
    return Coordinates(mean, unit / np.sqrt(varies), outputs, intercept, unit)


class Moments(NamedTuple):
    """What is known of columns: means over the rows, by their weights."""

    mean: NDArray[Any]
    square: NDArray[Any]
    """Of the squares."""
    variance: NDArray[Any]
    """About the mean, or about 0 where there is no intercept."""
    covariance: NDArray[Any] | None
    """The same of each two columns, where it has been asked for."""


def moments(X: Any, weight: NDArray[Any] | None, intercept: bool, whole: bool) -> Moments:
    """Those of a matrix of features; `whole` asks for covariances, of an array."""
    with np.errstate(over="ignore", invalid="ignore"):
        return (_dense if isinstance(X, np.ndarray) else _sparse)(X, weight, intercept, whole)


def _sparse(X: Any, weight: NDArray[Any] | None, intercept: bool, whole: bool) -> Moments:
    total = float(X.shape[0]) if weight is None else float(weight.sum())
    mean, square = np.zeros((2, X.shape[1]))
    for block, w in _weighed(X, weight):
        mean += w @ block
        square += w @ block.power(2)
    mean, square = mean / total, square / total
    varies = square - mean * mean if intercept else square
    if (varies < FAR * square).any():
        varies = _variance(X, weight, mean, total)
    return Moments(mean, square, varies, None)


def _weighed(X: Any, weight: NDArray[Any] | None, least: int = 64) -> Iterator[tuple[Any, NDArray[Any]]]:
    for part, block in blocks(X, least):
        yield block, np.ones(block.shape[0]) if weight is None else weight[part]


def _dense(X: NDArray[Any], weight: NDArray[Any] | None, intercept: bool, whole: bool) -> Moments:
    """In one reading, of what is left of the first rows' mean: squares lose the variance of a column far from 0."""
    p = X.shape[1]
    shift: Any = None
    total, first = 0.0, np.zeros(p)
    second = np.zeros((p, p) if whole else p)
    for block, w in _weighed(X, weight, 2 * p if whole else 64):  # beside a product of p x p, short blocks are slow
        size = float(w.sum())
        if shift is None and size > 0.0:
            shift = (w @ block) / size if intercept else np.zeros(p)
        if shift is None:
            continue
        d = block - shift
        first += w @ d
        if weight is not None:
            d *= np.sqrt(w)[:, None]
        second += d.T @ d if whole else np.einsum("ij,ij->j", d, d)
        total += size
    rest, second = first / total, second / total
    if intercept:
        second -= np.multiply.outer(rest, rest) if whole else rest * rest
    varies = np.maximum(np.diagonal(second) if whole else second, 0.0)
    mean = rest + shift
    return Moments(mean, varies + mean * mean if intercept else varies, varies, second if whole else None)


def _variance(X: Any, weight: NDArray[Any] | None, mean: NDArray[Any], total: float) -> NDArray[Any]:
    """The variance of each column of a sparse matrix, of what is left of the mean."""
    p = len(mean)
    first, second, seen = np.zeros((3, p))
    for block, w in _weighed(X, weight):
        at, each = block.indices, np.repeat(w, np.diff(block.indptr))
        d = block.data - mean[at]
        first += np.bincount(at, d * each, p)
        second += np.bincount(at, d * d * each, p)
        seen += np.bincount(at, each, p)
    rest = np.maximum(total - seen, 0.0)  # what is not stored is 0
    first, second = first - rest * mean, second + rest * mean * mean
    found: NDArray[Any] = np.maximum(second / total - (first / total) ** 2, 0.0)
    return found
