"""A loss as a function of one number: which number that is, in words, and its value and derivatives along it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import listed, shown
from ..loss import Loss, RowLoss
from ..losses.names import hint, likely_losses, meant
from ..registry import LOSSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..define.domain import Domain

WHATS = ("value", "grad", "hess")

AXES = {
    "residual": "residual (prediction − target)",
    "margin": "margin (target × prediction)",
    "logit": "logit, for a target of 1",
    "scores": "margin (the label's score − the other's, of two classes)",
    "probability": "probability of the class that is right",
}
"""What is along the x axis, by its kind; a prediction is called by its name and that of what is fixed."""

TOGETHER = {"margin", "logit", "scores"}
"""Kinds that are one number to losses of two classes."""

SHIFTS = ((0.3, -0.4, 1.7), (-1.2, 0.6, -2.3), (2.1, 1.9, 0.8))
"""Predictions, targets, and what is added to both."""


class Section:
    """A loss along its differentiated input, everything else fixed."""

    loss: Any
    kind: str
    axis: str
    """What is along the x axis, in words."""
    domain: Domain
    low: float
    high: float
    """From where to where it is drawn, unless somebody says so."""

    def __init__(self, loss: Loss | RowLoss) -> None:
        loss.refuse_arrays()
        self.loss = loss
        self.label = repr(loss).replace("()", "")
        if loss.name in LOSSES:  # without the parameters that are as ever
            usual = LOSSES[loss.name].values
            own = [f"{n}={v:g}" for n, v in loss.values.items() if v is not None and v != usual[n]]
            self.label = f"{loss.name}({', '.join(own)})" if own else loss.name

    def at(self, x: NDArray[np.float64], what: str) -> NDArray[np.float64]:
        """The value, or a derivative, at these places."""
        raise NotImplementedError

    def check_order(self, what: str) -> None:
        """Raise for a second derivative that the loss does not have."""
        if what == "hess" and self.loss.order < 2:
            raise ValueError(f"fl.plot.curves: {self.loss.name} has no second derivative to draw")


def section(loss: Any, at: Mapping[str, float]) -> Section:
    """The section of a loss, or of the loss of that name; `at` has the inputs that are fixed where the user said so."""
    if not isinstance(at, Mapping):
        raise TypeError(f"fl.plot.curves: at is {shown(at)}, expected a dict of numbers by the inputs' names")
    if isinstance(loss, str):
        loss = named(loss)
    if isinstance(loss, Loss):
        return _Elements(loss, at)
    if isinstance(loss, RowLoss):
        return _Rows(loss, at)
    name = getattr(loss, "name", None) or getattr(loss, "__name__", None) or shown(loss)
    raise TypeError(_without_curve(name))


def _without_curve(name: str) -> str:
    return f"fl.plot.curves: {name} is no loss of one prediction, and none of rows: it has no curve"


def named(name: str) -> Loss | RowLoss:
    """The loss that this library, or another, calls so."""
    if (found := meant(name)) is not None:
        return LOSSES[found]  # type: ignore[no-any-return]
    if name in likely_losses(name):
        raise TypeError(_without_curve(name))
    instead = hint(name) or "fl.LOSSES has all losses, by name"
    raise ValueError(f"fl.plot.curves: no loss is named {name!r}: {instead}")


class _Elements(Section):
    """A loss of elements, computed as its definition says in plain Python: nothing is compiled for a figure."""

    def __init__(self, loss: Loss, at: Mapping[str, float]) -> None:
        super().__init__(loss)
        if loss.rooted:
            raise ValueError(f"fl.plot.curves: {loss.name} is the root of a mean: it has no curve of one element")
        self.place = loss.wrt[0]
        others = [n for k, n in enumerate(loss.inputs) if k != self.place]
        if unknown := sorted(at.keys() - {*others}):
            raise ValueError(f"fl.plot.curves: at fixes {listed(unknown)}, and {loss.name} has {listed(others)}")
        self.parameters = [float(v) for v in loss.values.values()]
        self.kind = "input" if {*at} & {*loss.inputs[1:2]} else self._kind()
        self.point = [self._fixed(k, at) for k in range(len(loss.inputs))]
        self.domain = loss.domains[self.place]
        self.low = max(self.domain.low, -3.0)
        self.high = min(self.domain.high, self.low + (6.0 if self.low == -3.0 else 4.0))
        fixed = [f"{n} = {self.point[loss.inputs.index(n)]:g}" for n in others]
        place = loss.inputs[self.place].replace("pred", "prediction")
        self.axis = AXES.get(self.kind) or (f"{place}, for {listed(fixed)}" if fixed else place)

    def _fixed(self, k: int, at: Mapping[str, float]) -> float:
        name, domain = self.loss.inputs[k], self.loss.domains[k]
        if name in at:
            if not isinstance(at[name], Real):
                raise TypeError(f"fl.plot.curves: {self.loss.name}: {name} is {shown(at[name])}, expected a number")
            if at[name] not in domain:
                raise ValueError(f"fl.plot.curves: {self.loss.name}: {name} is {at[name]!r}, expected {domain}")
            return float(at[name])
        usual = 0.0 if self.kind == "residual" and k == 1 else 1.0
        return usual if usual in domain else domain.inner_point

    def _kind(self) -> str:
        """What a loss depends on is seen from its values: on a difference alone, or on a product with a sign."""
        if self.place or len(self.loss.inputs) < 2:
            return "input"
        pred, target = self.loss.domains[:2]
        rest = [1.0 if 1.0 in d else d.inner_point for d in self.loss.domains[2:]]
        if pred.is_real_line and target.is_real_line and not any(d.ends_only for d in self.loss.domains[2:]):
            same = all(self._same((p, t, *rest), (p + s, t + s, *rest)) for p, t, s in SHIFTS)
            return "residual" if same else "input"
        if pred.is_real_line and target.ends_only and target.low == -1.0:
            same = all(self._same((p, 1.0, *rest), (-p, -1.0, *rest)) for p, _, _ in SHIFTS)
            return "margin" if same else "input"
        if (target.low, target.high) != (0.0, 1.0):
            return "input"
        return "logit" if pred.is_real_line else "probability" if pred.high == 1.0 else "input"

    def _same(self, one: tuple[float, ...], two: tuple[float, ...]) -> bool:
        a, b = (self._outputs(list(point))[0] for point in (one, two))
        return bool(abs(a - b) <= 1e-9 * max(1.0, abs(a)))

    def _outputs(self, point: list[float]) -> Any:
        try:
            return self.loss.jet(*point, *self.parameters)
        except (ArithmeticError, ValueError):  # where a kernel has infinity or NaN, plain Python raises
            return (np.nan,) * 3

    def at(self, x: NDArray[np.float64], what: str) -> NDArray[np.float64]:
        found = np.empty(x.shape)
        order, point = WHATS.index(what), list(self.point)
        for k, each in enumerate(x.tolist()):
            point[self.place] = each
            result = self._outputs(point)[order]
            found[k] = result[0] if isinstance(result, tuple) else result
        return found


class _Rows(Section):
    """A loss of rows with a label, of two classes: along the score of the label's, the other's 0."""

    def __init__(self, loss: RowLoss, at: Mapping[str, float]) -> None:
        super().__init__(loss)
        if loss.target == "none" or loss.scores != 1 or loss.by:
            raise ValueError(f"fl.plot.curves: {loss.name} compares whole rows: it has no curve of one number")
        if at:
            raise ValueError(f"fl.plot.curves: at fixes {listed(sorted(at))}, and {loss.name} has nothing to fix")
        self.domain = loss.domains[0]
        self.probabilities = self.domain.high == 1.0
        self.low, self.high = (0.0, 1.0) if self.probabilities else (-3.0, 3.0)
        self.kind = "probability" if self.probabilities else self._kind()
        self.axis = AXES.get(self.kind, "the label's score, the other's 0, of two classes")

    def _kind(self) -> str:
        places = np.array([p for p, _, _ in SHIFTS])
        shifts = np.array([s for _, _, s in SHIFTS])
        one, two = (self._verb("__call__", np.stack([places + s, s + 0.0 * places], 1)) for s in (0.0, shifts))
        return "scores" if np.allclose(one, two, rtol=1e-9, atol=1e-9) else "input"

    def _verb(self, verb: str, scores: NDArray[np.float64]) -> Any:
        target = np.zeros(len(scores), int) if self.loss.target != "dense" else np.tile([1.0, 0.0], (len(scores), 1))
        reduction = "none" if verb == "__call__" else "sum"
        return getattr(self.loss, verb)(scores, target, reduction=reduction, backend="serial")

    def at(self, x: NDArray[np.float64], what: str) -> NDArray[np.float64]:
        scores = np.stack([x, 1.0 - x if self.probabilities else 0.0 * x], 1)
        if what == "value":
            return np.asarray(self._verb("__call__", scores))
        if what == "grad":
            return np.asarray(self._verb("grad", scores))[:, 0]
        return np.asarray(self._verb("grad_and_hess", scores)[1])[:, 0]
