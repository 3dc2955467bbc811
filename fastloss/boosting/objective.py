"""What the objectives of all boosting libraries share: a loss, asked for sums over weighted rows of raw scores."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.host.direct import newton
from ..arrays.host.fresh import like
from ..define.elements import Definition
from ..define.rows import Program
from ..define.wording import shown
from ..loss import Loss
from ..structured import reading
from .arranged import Arranged, Plain
from .checks import (
    called_by,
    check_loss,
    check_names,
    check_options,
    check_outputs,
    check_target,
    check_weight,
    exchanged,
    finite,
    refuse_scores,
)
from .hessians import Curvature
from .majorizers import nearest
from .start import best

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from ..define.keywords import Backend

ROW_OPTIONS = ("label_smoothing", "class_weight")
"""Keywords of losses of rows that belong to the objective, as parameters do."""


class Objective:
    """A loss as boosting minimises it: the sum over the rows of weight times loss, of raw scores.

    loss : Loss or RowLoss
        One of the registry, your own, derived, composed or bound. One of elements has a score for each row, or several
        that count alike; one that is differentiated by two inputs has two, in their order; one of rows has a score
        for each class.
    parameters : mapping, optional
        The loss's parameters. Each is a number, or an array of one for each score of a row; of losses of rows also
        ``label_smoothing`` and ``class_weight``.
    hessian : str
        What takes the place of the second derivative: see `fastloss.boosting.hessians`.
    min_hessian : float, optional
        The least second derivative of a row of weight 1; by default 1e-16 for ``"positive"``, else whatever there is.
    backend : {"serial", "parallel"}, optional
        Forces one way of running.

    Scores have the shape (rows,) or (rows, outputs), C or Fortran order, float32 or float64; derivatives have their
    shape, dtype and order. Labels have the shape (rows,) or that of the scores; a loss with several inputs that are no
    scores takes a tuple of them. An objective never changes, and is pickled as its loss is.
    """

    package = ""
    """The library that calls it."""
    no_jit = True
    """CatBoost would compile the methods with Numba, and warn that it cannot."""
    option = "num_class"
    """What the library calls the number of scores of a row."""

    def __init__(
        self,
        loss: Any,
        parameters: Mapping[str, Any] | None = None,
        hessian: str = "auto",
        min_hessian: float | None = None,
        backend: Backend | None = None,
    ) -> None:
        check_loss(loss)
        given = dict(parameters or {})
        self.rows = isinstance(loss, Program)
        own = ROW_OPTIONS if self.rows else () if hasattr(loss, "bind") else tuple(given)
        self.options = {n: given.pop(n) for n in own if n in given}
        self.definition = loss.bind(**given) if given else loss
        if not hasattr(loss, "bind"):
            check_names(loss, self.options)
        check_options(loss, self.options, backend)
        self.curvature = Curvature(self.definition, hessian, min_hessian)
        self.backend = backend
        arrays = {n: np.ravel(x) for n, x in getattr(self.definition, "arrays", {}).items()}
        one = isinstance(loss, (Definition, Program))
        self.grouped = not one and "group" in signature(loss).parameters
        """Whether the loss is one of queries, and takes their sizes."""
        self.sizes = {n: x.size for n, x in arrays.items()}
        """How many values each parameter has that is an array."""
        self.across = self._shaped(arrays, (1, -1))
        self.along = self._shaped(arrays, (-1, 1))
        """The loss with these beside scores of a row, and of a column."""
        several = self.rows or self.grouped or bool(arrays) or bool(self.options) or len(self.definition.inputs) != 2
        self.plain = not several and self.definition.wrt == (0,) and not self.definition.rooted
        """Whether a row has one score, one label and nothing else."""
        verb = getattr(getattr(type(self.definition), "shared", None), "grad_and_hess", None)
        self.direct = self.plain and self.curvature.level is not None and verb is Loss.grad_and_hess
        """Whether the verb's own steps may be left out."""

    def _shaped(self, arrays: Mapping[str, Any], shape: tuple[int, int]) -> Any:
        return self.definition.bind(**{n: x.reshape(shape) for n, x in arrays.items()}) if arrays else self.definition

    def calc_ders_range(self, *_: Any) -> Any:
        """What CatBoost calls."""
        raise called_by(self.name, self.package, "catboost")

    calc_ders_multi = calc_ders_range

    @property
    def __name__(self) -> str:
        """What XGBoost asks of a metric."""
        raise AttributeError(str(exchanged(self.name, metric=False)))

    @property
    def name(self) -> str:
        """The loss's name."""
        name: str = self.definition.name
        return name

    @property
    def hessian(self) -> str:
        """What takes the place of the second derivative."""
        name: str = self.curvature.name
        return name

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the loss's inputs that are no scores."""
        return tuple([n for k, n in enumerate(self.definition.inputs) if k not in self.definition.wrt])

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self  # scikit-learn clones no estimator of CatBoost whose parameters are copied

    def __repr__(self) -> str:
        options = "".join([f", {n}={shown(x)}" for n, x in self.options.items()])
        return f"{type(self).__name__}({self.definition!r}{options}, hessian={self.hessian!r})"

    def arrays(self, labels: Any) -> tuple[Any, ...]:
        """Labels as a tuple of an array for each of `targets`."""
        found = labels if isinstance(labels, tuple) else (labels,)
        if len(found) == 1 and hasattr(self.definition, "of_labels"):
            found = self.definition.of_labels(*found)
        if len(found) != len(self.targets):
            raise TypeError(f"{self.name} takes {len(self.targets)} arrays of labels, {', '.join(self.targets)}, "
                            f"got {len(found)}: pass a tuple of them")  # fmt: skip
        return found

    def check(self, labels: Any, weight: Any = None, outputs: int | None = None) -> None:
        """Raise for what can be said before training begins.

        A label outside the loss's domain (the row is named), weights of another length, or negative ones, a label that
        is no class among `outputs`, and a number of outputs that the loss does not have.
        """
        arrays = [reading.array(self.name, n, x) for n, x in zip(self.targets, self.arrays(labels), strict=True)]
        check_outputs(self, outputs)
        present = check_weight(self.name, weight, len(arrays[0]))
        for name, x in zip(self.targets, arrays, strict=True):
            check_target(self, name, x, present, outputs)

    def grad_and_hess(
        self, scores: Any, labels: Any, weight: Any = None, *, group: Any = None, out: Any = None
    ) -> tuple[Any, Any]:
        """First and second derivatives of the sum by each score; `out` may be a pair of arrays like the scores.

        `group`, the sizes of queries, is for losses of queries alone. Raises FloatingPointError for scores, or
        derivatives, that are infinite or NaN, with the row.
        """
        scores = scores if hasattr(scores, "dtype") else np.asarray(scores, np.float64)
        if self.direct and out is None and type(scores) is np.ndarray:
            grad, hess = like(scores), like(scores)
            if self.written(scores, labels, weight, 1.0, grad, hess):
                return grad, hess
        outputs = 1 if scores.ndim < 2 else scores.shape[-1]
        call: Arranged
        if out is None and Plain.takes(self, scores, labels, weight):
            call = Plain(self, scores, labels, weight)
        else:
            check_outputs(self, outputs)
            call = Arranged(self, scores, labels, weight, group, out)
        wrong: Exception | None = None
        try:
            grad, hess = self._derivatives(call)
        except (TypeError, ValueError) as error:
            wrong = error
        if wrong is not None:
            self.check(labels, weight, outputs)  # which says more, if it knows
            raise wrong
        if not finite(grad):
            self.check(labels, weight, outputs)
            refuse_scores(self.name, scores, call.passed(grad))
        self.curvature.put(call, grad, hess)
        if not finite(hess):
            refuse_scores(self.name, scores, call.passed(hess), "second derivative")
        return call.passed(grad), call.passed(hess)

    def written(self, scores: Any, label: Any, weight: Any, factor: float, grad: Any, hess: Any) -> bool:
        """Write both, times a factor, of the commonest call; False where it is another, or something is wrong.

        `grad` and `hess` are new, or the caller's own. It is one step, of one kernel, which looks at the results, too:
        derivatives of a thousand rows take 4 us this way and 18 the other.
        """
        curvature, level = self.curvature, self.curvature.level
        found = (scores, label) if weight is None else (scores, label, weight)
        if not self.direct or level is None:
            return False
        near = 0.0
        if level[0] == "distance":
            if not Plain.takes(self, scores, label, weight):
                return False
            near = nearest(Plain(self, scores, label, weight))
        if not newton(self.definition, found, factor, level, grad, hess, self.backend, near):
            return False
        if not curvature.fills:
            return True
        least = curvature.least * abs(factor) * (1.0 if weight is None else weight.item(0))
        return abs(hess.item(0)) > 2.0 * least or self._filled(found, factor, grad, hess)

    def _filled(self, found: tuple[Any, ...], factor: float, grad: Any, hess: Any) -> bool:
        """The same of a call whose second derivatives are perhaps all 0."""
        loss, least = self.definition, self.curvature.least
        if not newton(loss, found, factor, ("own", 1.0, -np.inf), grad, hess, self.backend):
            return False
        level = ("own", 1.0, least or -np.inf) if hess.any() else ("own", 0.0, max(1.0, least))
        return newton(loss, found, factor, level, grad, hess, self.backend)

    def _derivatives(self, call: Arranged) -> tuple[Any, Any]:
        if self.curvature.exact:
            grad, hess = call.derivatives("grad_and_hess", out=call.out)
            return grad, hess
        grad = call.derivatives("grad", out=call.out)
        return grad, np.empty_like(grad) if call.out is None else call.out[1]

    def loss(self, scores: Any, labels: Any, weight: Any = None, *, group: Any = None) -> float:
        """The weighted mean of the loss, which is what a metric says."""
        scores = scores if hasattr(scores, "dtype") else np.asarray(scores, np.float64)
        call = Arranged(self, scores, labels, weight, group, None)
        return float(call.loss(*call.inputs(), **call.keywords("mean")))

    def initial(self, labels: Any, weight: Any = None, outputs: int | None = None) -> Any:
        """The best constant, a raw score or a row of them: see `fastloss.boosting.initial`."""
        return best(self, labels, weight, outputs)

    def started(self, labels: Any, weight: Any = None, outputs: int | None = None) -> Any:
        """`initial` once for each row."""
        start = self.initial(labels, weight, outputs)
        return np.full((len(self.arrays(labels)[0]), *np.shape(start)), start)

    def mean(self, scores: Any) -> Any:
        """What raw scores predict, by the loss's `link`: probabilities, means."""
        return self.definition.mean(scores) if hasattr(self.definition, "mean") else scores


def initial(loss: Any, labels: Any, weight: Any = None, outputs: int | None = None, **parameters: Any) -> Any:
    """The raw score, or row of scores, with the least weighted loss if all rows have the same: where boosting starts.

    It is on the scale of the loss's scores, before its `link`: log(mean) for `poisson`, the logarithm of the odds for
    `logistic`. Means, probabilities and quantiles are exact to rounding; others are found by Newton's steps, each of
    which stays where the derivative changes its sign. A loss that is not convex may have several minima: the one found
    lies near the mean's score or the median's, whichever loses less.

    loss : Loss or RowLoss
    labels : array of shape (rows,) or (rows, outputs), or a tuple of them
    weight : array of shape (rows,), optional
    outputs : int, optional
        The number of classes of a loss of rows; by default the largest label's.

    Where the loss falls for ever (`logistic`, and all labels are 1), it is the score at which float64 sees no more of
    it. Raises ValueError for what `Objective.check` finds.

    >>> import fastloss as fl
    >>> float(fl.boosting.initial(fl.quantile, [1.0, 2.0, 5.0, 9.0, 9.5], q=0.5))
    5.0
    >>> fl.boosting.initial(fl.cross_entropy, [0, 1, 1, 1]).round(4)
    array([-1.3863, -0.2877])
    """
    hessian = "exact" if getattr(loss, "order", 0) > 1 else "constant"
    return Objective(loss, parameters, hessian=hessian).initial(labels, weight, outputs)
