"""What both estimators share: a fit, a path of fits, the scores of a linear model."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from ..structured import reading
from .arguments import penalty_of, weights_of
from .paths import strongest
from .problem import Problem
from .threads import of_blas

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from .solvers import Found

FLOATS = (np.float64, np.float32)


class Path(NamedTuple):
    """The models of a path of penalties, a row for each strength."""

    alphas: NDArray[Any]
    """The strengths, the largest first."""
    coefs: NDArray[Any]
    """Their coefficients: ``coefs[k]`` is the `coef_` of a fit with ``alpha=alphas[k]``."""
    intercepts: NDArray[Any]
    """Their intercepts, likewise."""
    n_iters: NDArray[Any]
    """How many iterations each took."""


class LinearModel(BaseEstimator):  # type: ignore[misc]
    """A linear model of any loss: see `LossRegressor` and `LossClassifier`."""

    def __init__(
        self,
        loss: Any = "squared_error",
        *,
        loss_params: Any = None,
        penalty: Any = "l2",
        alpha: float | None = None,
        l1_ratio: float = 0.5,
        groups: Any = None,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        warm_start: bool = False,
    ) -> None:
        self.loss = loss
        self.loss_params = loss_params
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.groups = groups
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the coefficients for which mean loss plus penalty is smallest.

        X : array or SciPy's sparse matrix of shape (n, features)
            The features: float32 or float64; everything else becomes float64.
        y : array of shape (n,)
            The targets, from the loss's domain, or the classes.
        sample_weight : array of shape (n,), optional
            The weight of each row, at least 0; the mean divides by their sum. A row of weight 0 is absent.
        """
        problem = self._problem(X, y, sample_weight)
        with of_blas(*problem.X.shape):
            found = problem.solve(problem.penalty, self._earlier(problem), float(self.tol), int(self.max_iter))
        self._warn(found)
        self.coef_, self.intercept_ = self._parts(found.z, problem)
        self.n_iter_ = max(1, found.iterations)
        return self

    def fit_path(
        self, X: Any, y: Any, sample_weight: Any = None, *, alphas: Any = 100, eps: float = 1e-3
    ) -> Path:  # fmt: skip
        """Fit a path of penalties, each from the last one's coefficients on; the estimator keeps the last model.

        X, y, sample_weight : as `fit` takes them
        alphas : int or array
            The strengths, or how many of them: spaced by factors, from the smallest at which all coefficients are 0
            down to `eps` times that.
        """
        problem = self._problem(X, y, sample_weight)
        if problem.penalty is None:
            raise ValueError(f"{self._name}: penalty is None, and a path is one of a penalty's strengths")
        with of_blas(*problem.X.shape):
            strengths, found = self._path(problem, alphas, eps)
        for one in found:
            self._warn(one)
        coefs, intercepts = zip(*[self._parts(one.z, problem) for one in found], strict=True)
        counts = [one.iterations for one in found]
        self.coef_, self.intercept_, self.n_iter_ = coefs[-1], intercepts[-1], max(1, sum(counts))
        return Path(strengths, np.array(coefs), np.array(intercepts), np.array(counts))

    def _path(self, problem: Problem, alphas: Any, eps: Any) -> tuple[NDArray[Any], list[Found]]:
        """The strengths of a path, and what was found of each."""
        w = None
        if np.ndim(alphas) == 0:
            count = reading.whole(self._name, "alphas", alphas, 1)
            eps = reading.number(self._name, "eps", eps, 0.0, above=True)
            top, w = strongest(problem, self.tol, self.max_iter)
            alphas = top * np.logspace(0.0, np.log10(eps), count)
        strengths = np.sort(np.asarray(alphas, np.float64).reshape(-1))[::-1]
        penalty: Any = problem.penalty
        penalties = [penalty.bind(strength=float(alpha)) for alpha in strengths]
        if not penalties:
            raise ValueError(f"{self._name}: alphas is empty, expected one strength at least")
        return strengths, problem.path(penalties, w, float(self.tol), int(self.max_iter))

    # -- What an estimator of a kind does in its own way ---------------------------------------------------------------

    def _read(self, X: Any, y: Any) -> tuple[Any, NDArray[Any], NDArray[Any] | None]:
        """The features, the target as the loss takes it, and the weights of classes."""
        raise NotImplementedError

    def _fitting(self) -> Any:
        """The loss, of a kind that the estimator takes."""
        raise NotImplementedError

    # -- A fit ---------------------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _problem(self, X: Any, y: Any, sample_weight: Any) -> Problem:
        """The problem of this data, once all has been checked."""
        reading.number(self._name, "tol", self.tol, 0.0)
        reading.whole(self._name, "max_iter", self.max_iter, 1)
        for name in ("fit_intercept", "warm_start"):
            reading.switch(self._name, name, getattr(self, name))
        if self.alpha is not None:
            reading.number(self._name, "alpha", self.alpha, 0.0)
        self.loss_ = self._fitting()
        X, target, each = self._read(X, y)
        weight = weights_of(self._name, sample_weight, X)
        if each is not None:
            weight = weights_of(self._name, each if weight is None else each * weight, X)
        rows = hasattr(self.loss_, "target")
        outputs = len(self.classes_) if rows else 1
        penalty = penalty_of(self._name, self.penalty, self.alpha, self.l1_ratio, self.groups, outputs)
        with of_blas(*X.shape):
            return Problem(self._name, self.loss_, X, target, weight, outputs, bool(self.fit_intercept), penalty)

    def _validated(self, X: Any, y: Any, **keywords: Any) -> tuple[Any, Any]:
        found: tuple[Any, Any] = validate_data(self, X, y, accept_sparse="csr", dtype=FLOATS, **keywords)
        return found

    def _warn(self, found: Found) -> None:
        if found.trouble:
            told = f"{self._name}: the fit of {self.loss_.name} did not converge: {found.trouble}"
            warnings.warn(told, ConvergenceWarning, stacklevel=3)

    def _earlier(self, problem: Problem) -> NDArray[Any] | None:
        """The coefficients of the last fit, where a warm start can use them."""
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        found = np.atleast_2d(self.coef_).T.reshape(-1)
        if problem.intercept:
            found = np.concatenate([found, np.atleast_1d(self.intercept_)])
        return found if found.shape == problem.start.shape else None

    def _parts(self, w: NDArray[Any], problem: Problem) -> tuple[NDArray[Any], NDArray[Any]]:
        """Coefficients with a row for each class, or one row, and the intercepts."""
        c = problem.coordinates
        coef = np.ascontiguousarray(c.matrix(w).T)
        return coef, np.array(w[c.size :]) if problem.intercept else np.zeros(problem.outputs)

    def _scores(self, X: Any) -> NDArray[Any]:
        """The scores of a linear model: one for each row, or one for each row and class."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=FLOATS, reset=False)
        coef = np.atleast_2d(self.coef_)
        scores: NDArray[Any] = np.asarray(X @ coef.T) + self.intercept_
        return scores[:, 0] if len(coef) == 1 else scores

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
