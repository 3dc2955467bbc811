"""Features in standardised coordinates, a column for the intercept the last: sums over rows and over columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .coordinates import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .coordinates import Coordinates

    Vector = NDArray[Any]

SMALL = 1 << 22
"""Numbers of which a standardised copy is made, also of a sparse matrix."""


class Features:
    """X of one output in standardised coordinates; scores are in parts of their size."""

    def __init__(self, X: Any, c: Coordinates) -> None:
        self.X, self.c = X, c
        self.center = c.center if c.intercept else np.zeros(len(c.center))
        self.scale, self.columns = c.scale / c.unit, len(c.scale)
        self.whole: NDArray[Any] | None = None
        if X.shape[0] * X.shape[1] <= SMALL:
            self.whole = self._standardised(X if isinstance(X, np.ndarray) else X.toarray())

    def _standardised(self, block: NDArray[Any]) -> NDArray[Any]:
        p = len(self.center)
        found = np.empty((len(block), p + self.c.intercept))
        np.subtract(block, self.center, out=found[:, :p])
        found[:, :p] *= self.scale
        found[:, p:] = 1.0
        return found

    def part(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[Any]:
        """Some rows of some columns."""
        if self.whole is not None:
            return np.asarray(self.whole[np.ix_(rows, columns)])
        p = len(self.center)
        some = columns[columns < p]
        found = np.ones((len(rows), len(columns)))
        block = self.X[:, some][rows] if len(some) < len(rows) else self.X[rows][:, some]
        found[:, : len(some)] = ((block if isinstance(block, np.ndarray) else block.toarray()) - self.center[some]) * (
            self.scale[some]
        )
        return found

    def scores(self, z: Vector) -> Vector:
        """Of each row."""
        if self.whole is not None:
            return np.asarray(self.whole @ z)
        w, p = self.c.coefficients(z), len(self.center)
        found = np.concatenate([block @ w[:p] for _, block in blocks(self.X)]) + (w[p] if self.c.intercept else 0.0)
        return found / self.c.unit

    def back(self, each: Vector) -> Vector:
        """The sum of the rows, by a number for each."""
        if self.whole is not None:
            return np.asarray(each @ self.whole)
        p = len(self.center)
        found = np.zeros(p + self.c.intercept)
        for part, block in blocks(self.X):
            found[:p] += block.T @ each[part]
        found[p:] = each.sum()
        return self.c.gradient(found) / self.c.unit

    def by_columns(self, weights: Vector) -> NDArray[Any]:
        """The products of columns, by a weight for each row."""
        if self.whole is not None:
            left = self.whole * np.sqrt(weights)[:, None]
            return np.asarray(left.T @ left)
        p = len(self.center)
        found = np.zeros((p + self.c.intercept,) * 2)
        for part, block in blocks(self.X, 2 * p):  # beside a product of p x p, short blocks are slow
            w = weights[part]
            if isinstance(block, np.ndarray):
                block = self._standardised(block)
                block *= np.sqrt(w)[:, None]
                found += block.T @ block
            else:
                found[:p, :p] += (block.T @ block.multiply(w[:, None])).toarray()
                found[p:, :p] += block.T @ w
                found[p:, p:] += w.sum()
        if isinstance(self.X, np.ndarray):
            return found
        found[:p, p:] = found[p:, :p].T
        return self.c.hessian(found) / self.c.unit**2

    def by_rows(self, roots: Vector, weights: Vector) -> NDArray[Any]:
        """The products of rows without their intercept, by a root of a weight for each and a weight for each column."""
        p, n = len(self.center), len(roots)
        if self.whole is not None:
            left = self.whole[:, :p] * roots[:, None] * np.sqrt(weights)
            return np.asarray(left @ left.T)
        if isinstance(self.X, np.ndarray):
            found, step = np.zeros((n, n)), max(64, (1 << 17) // n)
            for low in range(0, p, step):
                part = slice(low, low + step)
                left = (self.X[:, part] - self.center[part]) * roots[:, None]
                left *= self.scale[part] * np.sqrt(weights[part])
                found += left @ left.T
            return found
        each = self.scale**2 * weights
        shared = self.X @ (each * self.center)
        found = (self.X.multiply(each).tocsr() @ self.X.T).toarray() - shared[:, None] - shared
        found += self.center @ (each * self.center)
        found *= roots[:, None] * roots
        return np.asarray(found)
