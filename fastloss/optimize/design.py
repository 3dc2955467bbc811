"""A matrix of features, dense or SciPy's sparse, a block of rows at a time: what is read of it stays in the cache.

A block is anything that multiplies: `block @ w` are scores, and `block.T @ g` is what their gradient makes of w's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import named
from ..structured import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LEAST = 64
"""Rows that a block has at least: products of fewer are slow."""


def design(name: str, x: Any, chunk: Any) -> Design:
    """A matrix as something that gives blocks, of `chunk` rows where that is not None."""
    kind: type[Design] = Dense
    if type(x).__module__.startswith("scipy.sparse"):
        kinds: dict[str, type[Design]] = {"csr": Rows, "csc": Columns}
        if x.format not in kinds or x.ndim != 2:
            raise TypeError(f"{name}: X is {named(x)} of shape {x.shape}, expected an array, or a sparse one of two "
                            f"axes by rows or columns; pass X.tocsr()")  # fmt: skip
        if x.dtype.kind not in "biuf":
            raise TypeError(f"{name}: X has dtype {x.dtype}, expected real numbers")
        kind = kinds[x.format]
    else:
        x = reading.array(name, "X", x)
    return kind(name, x, None if chunk is None else reading.whole(name, "chunk", chunk, 1))


class Design:
    """What the kinds of matrices have in common."""

    numbers, most = 1 << 17, 32_768
    """How many numbers a block has, 1 MiB of float64, what the second cache of a core holds; and its rows at most, so
    that what is made of each row stays in the cache, too, and a kernel goes through them on one thread."""

    def __init__(self, name: str, x: Any, step: int | None) -> None:
        self.name, self.x = name, x
        if x.ndim != 2 or not x.shape[0]:
            raise ValueError(f"{name}: X has shape {x.shape}, expected (rows, features), with at least one row")
        self.rows, self.features = x.shape
        each = max(1, x.size // self.rows)
        self.step = step or min(max(LEAST, self.numbers // each), self.most)
        """Rows of a block."""
        self.masks: dict[int, Any] = {}
        """Which rows are present, by the first row of a block in which one that is not holds what is no number."""

    def parts(self) -> Iterator[slice]:
        """The rows of each block."""
        for low in range(0, self.rows, self.step):
            yield slice(low, min(low + self.step, self.rows))

    def blocks(self) -> Iterator[tuple[slice, Any]]:
        """Each with its rows; what is no number is 0 there, for it stands in a row that is absent."""
        for part in self.parts():
            yield part, self._block(part, self.masks.get(part.start))

    def look(self, present: NDArray[Any] | None) -> None:
        """Raise for the first number that is none, in a row that is present."""
        for part in self.parts():
            rows, columns = self._flaws(part)
            here = None if present is None else present[part]
            if len(rows) and here is not None:
                self.masks[part.start] = here
                rows, columns = rows[here[rows]], columns[here[rows]]
            if len(rows):
                first = np.lexsort((columns, rows))[0]
                row, column = part.start + int(rows[first]), int(columns[first])
                raise ValueError(f"{self.name}: X[{row}, {column}] is {self.x[row, column]}, expected finite numbers; "
                                 f"a row of weight 0 is absent, whatever it holds")  # fmt: skip

    def _block(self, part: slice, mask: NDArray[Any] | None) -> Any:
        """The rows in `part`; with `mask`, those that are not in it are 0."""
        raise NotImplementedError

    def _flaws(self, part: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        """Row in the block, and column, of each number that is none."""
        raise NotImplementedError

    def curvature(self, block: Any, bends: NDArray[Any]) -> NDArray[Any]:
        """The sum over rows of what each has as a matrix, times its number."""
        raise NotImplementedError


class Dense(Design):
    """An array in any order, also one that a file holds; a block is a view where BLAS takes it, else a copy."""

    def __init__(self, name: str, x: Any, step: int | None) -> None:
        if x.ndim == 2 and 0 < x.size <= self.numbers:
            x = np.asarray(x, np.float64)  # what a block is anyway
        super().__init__(name, x, step)
        one, steps = x.itemsize, x.strides
        self.order: Any = "F" if abs(steps[0]) < abs(steps[1]) else "C"
        self.taken = x.dtype.char == "d" and x.flags.aligned and min(steps) == one

    def _block(self, part: slice, mask: NDArray[Any] | None) -> Any:
        found = self.x[part] if self.taken else np.array(self.x[part], np.float64, order=self.order)
        return found if mask is None else np.where(mask[:, None], found, 0.0)

    def _flaws(self, part: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        block = self.x[part]
        return np.nonzero(_strange(block)) if _suspect(block) else (NOTHING, NOTHING)  # type: ignore[return-value]

    def curvature(self, block: Any, bends: NDArray[Any]) -> NDArray[Any]:
        """A product of an array with itself, of which BLAS finds half, where no number is below 0."""
        if bends.min() < 0.0:
            return block.T @ (bends[:, None] * block)  # type: ignore[no-any-return]
        root = np.sqrt(bends)[:, None] * block
        return root.T @ root  # type: ignore[no-any-return]


class Sparse(Design):
    """SciPy's arrays."""

    numbers, most = 1 << 21, 1 << 17  # SciPy takes 0.2 ms to make an array of a block's, and its products do not care

    def curvature(self, block: Any, bends: NDArray[Any]) -> NDArray[Any]:
        """A product of sparse arrays, as a dense one."""
        return (block.T @ block.multiply(bends[:, None])).toarray()  # type: ignore[no-any-return]


class Rows(Sparse):
    """By rows: a block takes views."""

    def _block(self, part: slice, mask: NDArray[Any] | None) -> Any:
        x, some = self.x, self._place(part)
        begins, data = x.indptr[part.start : part.stop + 1] - x.indptr[part.start], x.data[some]
        if mask is not None:
            data = np.where(np.repeat(mask, np.diff(begins)), data, data.dtype.type(0))
        return type(x)((data, x.indices[some], begins), shape=(part.stop - part.start, self.features))

    def _flaws(self, part: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        some = self._place(part)
        data = self.x.data[some]
        if not _suspect(data):
            return NOTHING, NOTHING
        (bad,) = np.nonzero(_strange(data))
        rows = np.searchsorted(self.x.indptr, bad + some.start, side="right") - 1 - part.start
        return rows, self.x.indices[some][bad]

    def _place(self, part: slice) -> slice:
        return slice(int(self.x.indptr[part.start]), int(self.x.indptr[part.stop]))


class Columns(Sparse):
    """By columns: one block of all rows."""

    def parts(self) -> Iterator[slice]:
        """All rows."""
        yield slice(0, self.rows)

    def _block(self, part: slice, mask: NDArray[Any] | None) -> Any:
        x = self.x
        if mask is None:
            return x
        data = np.where(mask[x.indices], x.data, x.data.dtype.type(0))
        return type(x)((data, x.indices, x.indptr), shape=x.shape)

    def _flaws(self, part: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        if not _suspect(self.x.data):
            return NOTHING, NOTHING
        (bad,) = np.nonzero(_strange(self.x.data))
        return self.x.indices[bad], np.searchsorted(self.x.indptr, bad, side="right") - 1


NOTHING = np.empty(0, np.intp)


def _suspect(x: NDArray[Any]) -> bool:
    """Whether there may be what is no number: the sum, which reads as fast as memory gives, is none."""
    return x.dtype.kind not in "biu" and not np.isfinite(x.sum(dtype=np.float64))


def _strange(x: NDArray[Any]) -> NDArray[Any]:
    return ~np.isfinite(x)  # type: ignore[no-any-return]
