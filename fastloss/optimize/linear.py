"""The loss of a linear model as a function of its coefficients: value, gradient, and products with the Hessian.

X is read once for each of them, a block of rows at a time, and nothing of its size is allocated.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np

from ..define.wording import shown
from ..penalties import Penalty
from ..structured import reading
from .design import design
from .samples import Options, Samples, bound

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NAME = "optimize.linear"


class Linear:
    """The mean loss of ``X @ w`` and a penalty: see `linear`, which makes it."""

    @reading.quiet
    def __init__(
        self, loss: Any, X: Any, y: Any, weight: Any, penalty: Any, intercept: Any, chunk: Any, options: dict[str, Any]
    ) -> None:
        self._given = loss, X, y, weight, penalty, intercept, chunk, options
        parameters = dict(options)
        backend, classes = parameters.pop("backend"), parameters.pop("classes")
        reading.check_backend(NAME, backend)
        self.loss, taken = bound(NAME, loss, parameters)
        if not isinstance(intercept, (bool, np.bool_)):
            raise TypeError(f"{NAME}: intercept is {shown(intercept)}, expected True or False")
        if not (penalty is None or isinstance(penalty, Penalty)):
            hint = "; pass fl.penalties.l2(strength)" if isinstance(penalty, (int, float)) else ""
            raise TypeError(f"{NAME}: penalty is {shown(penalty)}, expected one of fl.penalties or None{hint}")
        self.penalty, self.intercept = penalty, bool(intercept)
        self._x = design(NAME, X, chunk)
        self._samples = Samples(
            NAME, self.loss, y, self._x.rows, Options(weight, **taken, classes=classes, backend=backend)
        )
        self._x.look(self._samples.present)
        outputs, terms = self._samples.outputs, self._x.features + self.intercept
        self.shape: tuple[int, ...] = (terms,) if outputs is None else (terms, outputs)
        """The coefficients: one row for each feature, and the intercept last."""
        self.size = prod(self.shape)
        self._features = slice(0, self._x.features)
        if penalty is not None:
            penalty(np.zeros(self.shape)[self._features])  # what does not fit is said now
        self._last: tuple[Any, ...] | None = None
        self._bends: tuple[NDArray[Any], NDArray[Any]] | None = None
        self.warned = False
        """Whether a user has been told that all second derivatives are 0, or need not be."""

    def __repr__(self) -> str:
        rows, features = self._x.x.shape
        return (
            f"{NAME}({self.loss!r}, X of {rows:,} x {features:,}, penalty={self.penalty!r}, intercept={self.intercept})"
        )

    def __reduce__(self) -> Any:
        return Linear, self._given

    # -- First derivatives ---------------------------------------------------------------------------------------------

    @reading.quiet
    def __call__(self, w: ArrayLike) -> tuple[float, NDArray[np.float64]]:
        """The value and its gradient, which has the shape of `w`: what ``minimize(fun, w, jac=True)`` asks for."""
        given, w = self._read("w", w)
        known = self._last
        if known is None or not np.array_equal(known[0], w):
            totals, slope = [], np.zeros(self.shape)
            for part, block in self._x.blocks():
                total, grad = self._samples.value_and_grad(part, self._scores(block, w))
                totals.append(total)
                self._add(slope, block, grad)
            slope /= self._samples.divisor
            value = self._mean(totals)
            if self.penalty is not None:
                cost, rise = self.penalty.value_and_grad(w[self._features])
                value += float(cost)
                slope[self._features] += rise
            self._last = known = w.copy(), value, slope
        return known[1], known[2].reshape(given).copy()

    @reading.quiet
    def value(self, w: ArrayLike) -> float:
        """The value alone, without the product that makes the gradient."""
        _, w = self._read("w", w)
        known = self._last
        if known is not None and np.array_equal(known[0], w):
            return known[1]  # type: ignore[no-any-return]
        totals = [self._samples.value(part, self._scores(block, w)) for part, block in self._x.blocks()]
        return self._mean(totals) + (0.0 if self.penalty is None else float(self.penalty(w[self._features])))

    def grad(self, w: ArrayLike) -> NDArray[np.float64]:
        """The gradient alone; its value is kept, for whoever asks for it next."""
        return self(w)[1]

    @reading.quiet
    def scores(self, w: ArrayLike) -> NDArray[np.float64]:
        """What the model predicts of each row, before any link: (rows,), or (rows, classes)."""
        _, w = self._read("w", w)
        found = np.empty(self._samples.shape)
        for part, block in self._x.blocks():
            found[part] = self._scores(block, w)
        return found

    # -- Second derivatives --------------------------------------------------------------------------------------------

    @reading.quiet
    def hessp(self, w: ArrayLike, v: ArrayLike) -> NDArray[np.float64]:
        """The Hessian at `w` times `v`.

        What each row needs of the last `w` is kept: a number for each of its scores. A warning says, once, where all
        second derivatives are 0, as those of a hinge loss are.
        """
        self._check_hess()
        _, w = self._read("w", w)
        given, v = self._read("v", v)
        known = self._bends
        fresh = known is None or not np.array_equal(known[0], w)
        bends = np.empty(self._samples.shape) if fresh else known[1]  # type: ignore[index]
        found, moved = np.zeros(self.shape), False
        for part, block in self._x.blocks():
            if fresh:
                self._samples.bends(part, self._scores(block, w), bends[part])
            change = self._scores(block, v)
            moved = moved or _moves(change)
            change = self._samples.turned(part, bends[part], change)
            self._add(found, block, change)
        self._bends = w.copy(), bends
        if moved and not found.any():
            self._warn_of_pieces()
        found /= self._samples.divisor
        if self.penalty is not None:
            found[self._features] += self._penalty_hess(self.penalty, w) * v[self._features]
        return found.reshape(given)

    @reading.quiet
    def hess(self, w: ArrayLike) -> NDArray[np.float64]:
        """The Hessian at `w`, (size, size): for few features."""
        self._check_hess()
        _, w = self._read("w", w)
        (terms, *rest), features = self.shape, self._features
        outputs = rest[0] if rest else 1
        found = np.zeros((outputs, outputs, terms, terms))
        for part, block in self._x.blocks():
            for j, k, bends in self._samples.curves(part, self._scores(block, w)):
                whole = found[j, k]
                whole[features, features] += self._x.curvature(block, bends)
                if self.intercept:
                    whole[features, -1] += block.T @ bends
                    whole[-1, -1] += bends.sum()
        found /= self._samples.divisor
        if self.intercept:
            found[..., -1, features] = found[..., features, -1]
        if not found.any():
            self._warn_of_pieces()
        for j in range(outputs):
            found[j + 1 :, j] = found[j, j + 1 :]
        if self.penalty is not None:
            places = np.arange(self._x.features)
            for k, own in enumerate(self._penalty_hess(self.penalty, w).reshape(-1, outputs).T):
                found[k, k, places, places] += own
        return found.transpose(2, 0, 3, 1).reshape(self.size, self.size)

    def _warn_of_pieces(self) -> None:
        """Say once that Newton's method cannot see the loss."""
        if not self.warned:
            self.warned = True
            warn(f"{NAME}: the second derivatives of {self.loss.name} are 0 in all rows here: where it consists of "
                 "straight pieces, methods that use hessp or hess stop at once; method='L-BFGS-B' uses the gradient "
                 "alone, and a loss without kinks, such as fl.huber or fl.smoothed_hinge, has second derivatives",
                 stacklevel=4)  # fmt: skip

    def _check_hess(self) -> None:
        self._samples.check_hess()
        if self.penalty is not None:
            self.penalty.check_hess()

    def _penalty_hess(self, penalty: Penalty, w: NDArray[Any]) -> NDArray[Any]:
        return penalty.grad_and_hess(w[self._features])[1]  # type: ignore[no-any-return]

    # -- A block of rows -----------------------------------------------------------------------------------------------

    def _read(self, argument: str, w: Any) -> tuple[tuple[int, ...], NDArray[Any]]:
        """The shape in which coefficients were given, and their own."""
        w = reading.array(NAME, argument, w)
        if w.shape not in ((self.size,), self.shape):
            also = "" if len(self.shape) == 1 else f", or its {self.size} numbers in one run"
            intercept = ", the intercept last" if self.intercept else ""
            raise ValueError(f"{NAME}: {argument} has shape {w.shape}, expected {self.shape}{also}{intercept}")
        return w.shape, np.ascontiguousarray(w, np.float64).reshape(self.shape)

    def _scores(self, block: Any, w: NDArray[Any]) -> NDArray[Any]:
        found = block @ w[self._features]
        if self.intercept:
            found += w[-1]
        return found  # type: ignore[no-any-return]

    def _add(self, to: NDArray[Any], block: Any, slopes: NDArray[Any]) -> None:
        """What the derivatives of a block's scores make of those of the coefficients."""
        to[self._features] += (slopes.T @ block).T  # 1.8 times as fast as block.T @ slopes where X has 300 columns
        if self.intercept:
            to[-1] += slopes.sum(axis=0)

    def _mean(self, totals: list[float]) -> float:
        return float(np.sum(totals, dtype=np.float64)) / self._samples.divisor


def _moves(change: NDArray[Any]) -> bool:
    """Whether scores change, and not all of a row alike, of which a softmax sees nothing."""
    return bool(np.ptp(change, axis=1).any() if change.ndim == 2 and change.shape[1] > 1 else change.any())


def linear(
    loss: Any,
    X: Any,
    y: Any,
    weight: Any = None,
    penalty: Penalty | None = None,
    intercept: bool = True,
    *,
    classes: int | None = None,
    chunk: int | None = None,
    backend: str | None = None,
    **parameters: Any,
) -> Linear:
    """Make the objective of a linear model: the weighted mean of ``loss(X @ w + intercept, y)``, and a penalty.

    loss : a loss of elements or rows
        Of the registry, your own, derived, or a sum. It takes any number as a score, and differentiates it alone.
    X : array of shape (n, features)
        In C or Fortran order, of any numbers, also memory-mapped; or SciPy's sparse rows or columns. It is read where
        it lies, and never copied: a block of rows that are no float64 is converted at a time.
    y : array of n rows
        The loss's target; of a loss with more inputs beside its scores a tuple, in their order. Labels count from 0 for
        losses of rows. With two axes, (n, m), a loss of elements has m scores a row.
    weight : array of shape (n,), optional
        Weight of each row, at least 0. A row of weight 0 is absent, whatever it holds.
    penalty : Penalty, optional
        One of `fastloss.penalties`, added to the mean. It never touches the intercept.
    intercept : bool
        Whether there is one: the last of the coefficients.
    classes : int, optional
        How many classes a loss of rows has; by default the columns of a dense target, or the largest label and one.
    chunk : int, optional
        Rows of a block; by default as many as have 2^17 numbers, between 64 and 32,768.
    backend : {"serial", "parallel"}, optional
        As of the loss's verbs.

    Everything else is the loss's: its parameters, each a number, or an array with a number for each row or for each
    score of a row (``q=[0.1, 0.5, 0.9]`` fits three quantiles), ``ignore_index``, and of losses of rows
    ``class_weight`` and ``label_smoothing``. Whatever is wrong with them, with X (a NaN, by its row) or with y is an
    error here, and not in the midst of a minimisation.

    The result is called with coefficients of shape ``fun.shape``, (features [+ 1],) or (features [+ 1], classes), or
    with their ``fun.size`` numbers in one run, as SciPy does: ``fun(w)`` is the value and its gradient, ``fun.value``,
    ``fun.grad``, ``fun.hessp(w, v)``, ``fun.hess(w)`` and ``fun.scores(w)`` are the rest. Second derivatives of losses
    of rows are the whole matrix of each row; a sum over pairs of scores, a loss that depends on which
    score is the largest or has a teacher has none, nor has a group lasso. Where a loss consists of straight pieces
    (`absolute_error`, `quantile`, `hinge`) they are 0, of which a warning tells.
    All is computed in float64, and each takes one reading of X; beside it
    there are at most y and the weights in float64 and, after `hessp`, one number for each score. Products are NumPy's,
    so their last bits may depend on BLAS, its threads and the chunk; the same call gives the same bits.

    >>> import numpy as np
    >>> import fastloss as fl
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])
    >>> fun = fl.optimize.linear(fl.half_squared_error, X, y, penalty=fl.penalties.l2(0.5))
    >>> value, grad = fun([1.0, 1.0])
    >>> round(value, 4), grad.round(4)
    (1.0833, array([-1.1667, -1.    ]))
    >>> fun.hess([1.0, 1.0]).round(4)
    array([[2.1667, 1.    ],
           [1.    , 1.    ]])
    """
    options = {"classes": classes, "backend": backend, **parameters}
    return Linear(loss, X, y, weight, penalty, intercept, chunk, options)
