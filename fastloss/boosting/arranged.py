"""A call of an objective: scores of any layout, labels and weights brought to the shapes that the loss's verbs take."""

from __future__ import annotations

from typing import Any

import numpy as np


class Arranged:
    """Scores, labels and weights of a call. Scores in Fortran order are turned, so that no array is copied."""

    _present: int | None = None

    def __init__(self, objective: Any, scores: Any, labels: Any, weight: Any, group: Any, out: Any) -> None:
        if scores.ndim not in (1, 2):
            raise ValueError(f"{objective.name}: the scores have shape {scores.shape}, expected (rows,) or "
                             "(rows, outputs)")  # fmt: skip
        self.objective, self.count = objective, len(scores)
        self.group = group if objective.grouped else None
        self.turned = scores.ndim == 2 and not scores.flags.c_contiguous and scores.flags.f_contiguous
        self.loss: Any = objective.along if self.turned else objective.across
        self.pair = len(self.loss.wrt) == 2
        self.single = scores.ndim == 1 or objective.rows or self.pair
        """Whether labels and weights are those of rows, and not of each score."""
        self.scores = scores.T if self.turned else scores
        self.out = tuple([a.T for a in out]) if self.turned and out is not None else out
        self.labels = tuple([self._fitted(x) for x in objective.arrays(labels)])
        self.weight = None if weight is None else self._beside("weight", weight)

    def _fitted(self, labels: Any) -> Any:
        """Labels beside the scores."""
        x = _array(labels)
        if x.ndim == 2 and x.shape[1] == 1 and self.single:
            x = x[:, 0]
        if x.ndim == 2 and not (self.single and not self.objective.rows):
            return x.T if self.turned else x
        return self._beside(self.objective.targets[-1], x)

    def _beside(self, what: str, x: Any) -> Any:
        """A number for each row, beside the scores."""
        x = _array(x)
        if x.shape != (self.count,):
            raise ValueError(f"{self.objective.name}: {what} has shape {x.shape}, expected ({self.count},), a number "
                             "for each row")  # fmt: skip
        return x if self.single else x[None, :] if self.turned else x[:, None]

    @property
    def present(self) -> int:
        """The number of rows whose weight is not 0, counted once: it takes 1 us of a call on a thousand rows."""
        if self._present is None:
            self._present = self.count if self.weight is None else int(np.count_nonzero(self.weight))
        return self._present

    def spread(self) -> Any:
        """The weights beside derivatives of the scores' shape."""
        w: Any = self.weight
        return w if w.ndim == self.scores.ndim else w[None, :] if self.turned else w[:, None]

    def keywords(self, reduction: str) -> dict[str, Any]:
        """What the verbs take beside the inputs."""
        o = self.objective
        found = {**o.options, "weight": self.weight, "reduction": reduction, "backend": o.backend}
        if o.rows:
            found["axis"] = 0 if self.turned else -1
        if self.group is not None:
            found["group"] = self.group
        return found

    def inputs(self, labels: tuple[Any, ...] | None = None) -> list[Any]:
        """What the verbs take, in the loss's order; each score of a pair by itself."""
        columns = [self._column(self.scores, k) for k in range(2)] if self.pair else [self.scores]
        given, left = dict(zip(self.loss.wrt, columns, strict=True)), list(labels or self.labels)
        return [given[k] if k in given else left.pop(0) for k in range(len(self.loss.inputs))]

    def derivatives(self, verb: str, labels: tuple[Any, ...] | None = None, out: Any = None) -> Any:
        """What a verb gives of the sum: "grad", or "grad_and_hess" as a pair; `out` is a tuple of as many arrays."""
        loss, inputs = self.loss, self.inputs(labels)
        keywords = self.keywords("mean" if loss.rooted else "sum")
        both = verb == "grad_and_hess"
        if self.pair:
            made = out or tuple([np.empty_like(self.scores) for _ in range(1 + both)])
            parts = [(self._column(a, 0), self._column(a, 1)) for a in made]
            getattr(loss, verb)(*inputs, out=tuple(parts) if both else parts[0], **keywords)
            return made if both else made[0]
        if out is not None:
            keywords["out"] = out if both else out[0]
        found = getattr(loss, verb)(*inputs, **keywords)
        if loss.rooted:
            shape = self.scores.shape
            total = self.scores.size if self.weight is None else float(np.broadcast_to(self.weight, shape).sum())
            for a in found if both else (found,):
                a *= total
        return found

    def _column(self, x: Any, k: int) -> Any:
        return x[k] if self.turned else x[:, k]

    def passed(self, x: Any) -> Any:
        """Derivatives in the layout of the scores."""
        return x.T if self.turned else x


class Plain(Arranged):
    """The commonest call: arrays of one score, one label and perhaps one weight a row, as they are.

    Derivatives of a thousand rows take 13 us this way and 18 the other.
    """

    group, out = None, None
    turned = pair = False
    single = True

    def __init__(self, objective: Any, scores: Any, label: Any, weight: Any) -> None:
        self.objective, self.loss, self.count = objective, objective.definition, len(scores)
        self.scores, self.labels, self.weight = scores, (label,), weight

    @staticmethod
    def takes(objective: Any, scores: Any, label: Any, weight: Any) -> bool:
        """Whether a call is one."""
        known = objective.plain and type(scores) is type(label) is np.ndarray and scores.ndim == 1
        return (
            known
            and label.shape == scores.shape
            and (weight is None or (type(weight) is np.ndarray and weight.shape == scores.shape))
        )

    def derivatives(self, verb: str, labels: tuple[Any, ...] | None = None, out: Any = None) -> Any:
        """What the verb gives."""
        (label,) = labels or self.labels
        return getattr(self.loss, verb)(
            self.scores, label, weight=self.weight, reduction="sum", backend=self.objective.backend
        )


def _array(x: Any) -> Any:
    """An array of NumPy, or of a GPU as it is."""
    return x if hasattr(x, "__cuda_array_interface__") else np.asarray(x)
