"""A loss of rows with NumPy's arrays, brought to (outer, inner, classes): a job for `arrays/verb.py`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.keywords import GRAD, HESS, VALUE, RowStats
from ...define.rows import Pair
from ...kernels.plan.rows import FEW, LONG, RowPlan, census_plan
from .. import shapes
from ..checks import BACKENDS, refuse_class_weights
from ..job import NONE, Kind, Outputs
from ..outputs import same_memory
from . import columns, faults, fresh, kernels, presence, remember, weights
from .memory import number, passed
from .read import read_array, read_output, read_scores
from .steps import by_class, by_row, memory_of, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ...define.keywords import Call
    from ...define.rows import Program
    from ..divisors import Divisor
    from .steps import Flat

SPREAD = 32
"""Rows side by side, along the axes after that of the classes, from which a tile is made of them: half its lanes."""

MANY = 256
"""Rows from which long rows whose elements lie apart are made tiles of, not copied: a tile holds 64 of them."""

KNOWN = 1 << 24
"""Classes up to which a tile tells labels apart, which it keeps as float32."""


class Rows:
    """A loss of rows with its arrays on the host."""

    backends = BACKENDS
    divisor = weights.divisor

    def __init__(
        self, loss: Program, inputs: tuple[Any, ...], also: Mapping[str, Any] = NONE, called: str = "weight"
    ) -> None:
        """`called` is what the caller calls the rows' weights."""
        self.loss, self.inputs, self.also, self.called = loss, inputs, also, called

    def read(self, call: Call) -> None:
        """Read scores, target and weights, each of a shape that fits."""
        loss, names = self.loss, self.loss.inputs
        pred = read_scores(loss, names[0], self.inputs[0])
        given = [pred, *[read_array(loss, n, x) for n, x in zip(names[1:], self.inputs[1 : len(names)], strict=True)]]
        self.scores = given[: loss.scores]
        self.target: Any = None if loss.target == "none" else given[-1]
        self.weight: Any = None if call.weight is None else read_array(loss, self.called, call.weight)
        self.classes: tuple[NDArray[Any], ...] = ()
        if call.class_weight is not None:
            self.classes = (read_array(loss, "class_weight", call.class_weight),)
        self.axis, self.labels, self.ignore, self.smoothing = shapes.fitted(
            loss, call, self.scores, self.target, self.weight, self.called, *self.classes
        )
        self.columns = columns.read(loss, self.inputs[len(names) :], pred.shape, self.axis)
        """Parameters that are arrays."""
        self.kind = shapes.kind_of(pred.dtype.char)
        self.each, self.backend = call.reduction == "none", call.backend
        self._measure(pred)

    def _measure(self, pred: NDArray[Any]) -> None:
        """How many rows there are, and which template goes through them."""
        shape, axis = pred.shape, self.axis
        self.batch = shape[:axis] + shape[axis + 1 :]
        outer, inner = prod(shape[:axis]), prod(shape[axis + 1 :])
        # One run of rows where rows side by side are too few for the lanes of a tile.
        self.split = axis if inner >= SPREAD else 0
        self.shape = (outer, inner, shape[axis]) if inner >= SPREAD else (1, outer * inner, shape[axis])
        self.count = outer * inner
        # Elements of a row that lie apart are no long row's business, unless a tile would be mostly empty.
        apart = pred.strides[axis] != pred.itemsize
        lanes = shape[axis] < LONG or (apart and self.count >= MANY and shape[axis] <= KNOWN)
        self.entry = "pairs" if isinstance(self.loss.functions, Pair) else "lanes" if lanes else "rows"

    @property
    def seen(self) -> dict[str, NDArray[Any]]:
        targets = [] if self.target is None else [self.target]
        names = (*self.loss.inputs, "weight", "class_weight")
        arrays = (*self.scores, *targets, self.weight, *self.classes)
        seen = {name: x for name, x in zip(names, arrays, strict=False) if x is not None}
        return seen | self.columns | {name: read_array(self.loss, name, x) for name, x in self.also.items()}

    def expected(self, want: int) -> list[Kind]:
        """The type of the arithmetic and the batch's shape for values, type and shape of the scores for derivatives."""
        if want == VALUE:
            return [Kind(np.dtype(self.kind), self.batch)]
        return [Kind(self.scores[0].dtype, self.scores[0].shape)] * (2 if want & HESS else 1)

    def output(self, x: Any) -> NDArray[Any]:
        return read_output(self.loss, x)

    def arrange(self, call: Call) -> None:
        """Make integers of labels that are stored as floats, and weights of classes that the kernels have room for."""
        self.power = 0
        if self.classes:
            mean = call.reduction == "mean"
            if call.check is not False:
                refuse_class_weights(self.loss, self.classes[0], np.float64 if mean else self.kind)
            of = self.target if self.labels and not self.smoothing else None
            weight, self.power = weights.of_classes(self.classes[0], self.kind, mean, of, self.ignore)
            self.classes = (weight,)
        if self.labels and self.target.dtype.kind not in "iu":
            self.target = shapes.whole(self.loss, self.target, self.weight)
        if call.check is not False:
            columns.refuse(self.loss, self.columns, self.kind, lambda: presence.of_rows(self))

    def weigh(self, check: bool, given: bool) -> float:
        """The sum of the weights of the rows that are present; with `check`, labels and weights are looked at."""
        plain = self.ignore is None and self.weight is None and not self.classes
        if self.classes or (self.labels and (given or not plain)):
            return self._census(check)
        return weights.summed(self, self.weight, np.float64, check)

    def examine(self, check: bool, given: bool, wide: bool) -> None:
        """Raise for a label or weight that is none, where nothing may be written before.

        And for a weight where float32 is too narrow for them.
        """
        if given and self.labels:
            self._census(check)
        if check and (given or wide):
            weights.summed(self, self.weight, np.float64 if wide else self.kind, True)

    def _census(self, check: bool) -> float:
        """Look at every label; the sum of the weights of the rows that are present, those of their classes included."""
        cpu = kernels()
        if not self.count:
            return 0.0
        target, weight = self._target(), by_row(self.weight, self.batch, self.split)
        plan = census_plan(self.plan(0, check))
        present, bad = cpu.runner(plan, self.count, self.backend)(
            memory_of(target), memory_of(weight), self.classes, self.ignore or 0,
            table(None, None, target, weight, None, None), self.shape,
        )  # fmt: skip
        if bad:
            self._refuse_labels()
            self.refuse_weights(np.float64)
        return float(present)

    def rescale(self, divisor: float) -> int:
        """Multiply the weights by a power of two that brings the divisor near 1; the power."""
        weight = np.ones((), self.kind) if self.weight is None else self.weight
        if self.weight is not None and (self.ignore is not None or self.classes):  # the absent do not set the scale
            weight = np.where(presence.of_rows(self), weight, weight.dtype.type(0))
        self.weight, power = weights.near(weight, divisor, self.kind)
        return power

    def look(self, call: Call, given: bool) -> bool:
        """Look at the elements where there are arrays for the results, to which nothing may be written before."""
        first = given and call.check is not False and self.loss.checks
        if first and faults.strays(self.loss, self.elements, self.kind, self.backend):
            faults.look_for_values(self.loss, self.elements, self._present, self.kind)
        return given

    def aims(self, call: Call, given: Outputs | None) -> Outputs:
        """The given arrays, else fresh ones."""
        want, pred, kind = call.want, self.scores[0], self.kind
        stats = [np.empty(self.batch, t) for t in (kind, kind, np.int64)] if call.stats else ()
        value: Any = [fresh.empty(self.batch, kind)] if want & VALUE and self.each else ()
        if given is not None:
            return Outputs(given.value or value, given.grad, given.hess, stats)
        grad = [fresh.like(pred)] if want & GRAD else ()
        return Outputs(value, grad, [fresh.like(pred)] if want & HESS else (), stats)

    def evaluate(self, want: int, check: bool, divisor: Divisor, to: Outputs) -> float:
        """One pass; the mean of the losses, or their sum."""
        return divisor.mean(self.run(want, check, divisor.scale, to))

    def run(self, want: int, check: bool, scale: Any, to: Outputs) -> float:
        """Go through all rows once; the sum of their weighted losses. With `check`, raise for a bad element."""
        cpu = kernels()
        if not self.count:
            return 0.0
        derivatives = (*to.grad, *to.hess)
        scores = [self._by_class(x) for x in self.scores]
        written = [self._by_class(a, output=True) for a in derivatives]
        # By the elements, not by the extents: pred and out may be alternating columns of one array. And neither copied.
        inplace = (
            bool(to.grad)
            and same_memory(to.grad[0], self.scores[0])
            and np.may_share_memory(written[0].memory, scores[0].memory)
        )
        target, weight = self._target(), by_row(self.weight, self.batch, self.split)
        dense = [target] if target is not None and not self.labels else []
        turned = all(x.steps[2] == 1 for x in (*scores, *written, *dense))
        plan = self.plan(want, check, each=bool(to.value), stats=bool(to.stats), inplace=inplace, turned=turned)
        values = [a if a.flags.c_contiguous else np.empty(self.batch, a.dtype) for a in to.value]
        grad, hess = written[0] if to.grad else None, written[-1] if to.hess else None
        total, flaws = cpu.runner(plan, self.count * self.shape[2], self.backend)(
            (tuple([x.memory for x in scores]), memory_of(target), self.classes, memory_of(grad), memory_of(hess)),
            memory_of(weight),
            (
                columns.parameters(self.loss, self.columns, self.kind, self.scores[0].dtype.char, self.batch),
                self.mix(), self.loss.bounds(self.kind)[: 2 * len(plan.tests)], scale[0], self.ignore or 0,
            ),
            (tuple([a.reshape(-1) for a in values]), tuple([a.reshape(-1) for a in to.stats])),
            (table(scores[0], scores[1] if len(scores) > 1 else None, target, weight, grad, hess), self.shape),
        )  # fmt: skip
        if flaws:
            self._refuse_labels()
            self.refuse_weights(self.kind)
            faults.refuse_values(self.loss, self.elements, self._present, self.kind)
        for a, b in zip(to.value, values, strict=True):
            if a is not b:
                a[...] = b
        for a, c in zip(derivatives, written, strict=True):
            if not np.may_share_memory(a, c.memory):
                a[...] = np.moveaxis(c.memory.view(a.dtype).reshape((*self.batch, self.shape[2])), -1, self.axis)
        return float(total)

    def _target(self) -> Flat | None:
        """The target as a kernel takes it."""
        if self.target is None or self.labels:
            return by_row(self.target, self.batch, self.split)
        return self._by_class(self.target)

    def _by_class(self, x: NDArray[Any], output: bool = False) -> Flat:
        return by_class(x, self.axis, self.split, apart=self.entry == "lanes", output=output)

    def mix(self) -> tuple[Any, ...]:
        """Masses: of a class that is not the label, what smoothing leaves of a mass, and the label's."""
        return shapes.masses(self.smoothing, self.shape[2], self.kind)

    def plan(
        self,
        want: int,
        check: bool,
        *,
        each: bool = False,
        stats: bool = False,
        inplace: bool = False,
        turned: bool = False,
    ) -> RowPlan:
        """Which kernel goes through arrays like these."""
        return RowPlan.of(
            self.loss,
            tuple([x.dtype.char for x in self.scores]),
            want,
            check,
            each=each,
            stats=stats,
            target="none" if self.target is None else "labels" if self.labels else "dense",
            target_type="" if self.target is None else self.target.dtype.char,
            smooth=self.smoothing > 0.0,
            classes=bool(self.classes),
            weight="" if self.weight is None else self.weight.dtype.char,
            ignore=self.ignore is not None,
            inplace=inplace,
            turned=turned and self.entry == "lanes" and self.shape[2] >= FEW,
            entry=self.entry,
        )

    def _refuse_labels(self) -> None:
        if self.labels:
            faults.refuse_labels(self.loss, self.target, presence.of_rows(self), self.shape[2])

    def refuse_weights(self, kind: Any) -> None:
        """Raise for the first weight that is none of this type, if there is one."""
        if self.weight is not None:
            faults.refuse_weights(self.loss.name, self.called, self.weight, kind, presence.of_labels(self))

    @property
    def elements(self) -> list[NDArray[Any]]:
        """The arrays that have a number for each class of each row."""
        return [*self.scores, *([] if self.labels or self.target is None else [self.target])]

    @property
    def _present(self) -> NDArray[Any]:
        """Which rows are there, in the shape of an element of each."""
        return np.expand_dims(presence.of_rows(self), self.axis)

    def results(self, call: Call, value: float, to: Outputs, given: Outputs | None) -> list[Any]:
        """The value, the derivatives, and the rows' own numbers as they came from the kernel."""
        results: list[Any] = []
        if call.want & VALUE:
            results.append(passed(to.value[0]) if self.each else number(self.kind, value))
        results += [*to.grad, *to.hess]
        if call.stats:
            lse, entropy, top = to.stats
            top[np.isnan(lse)] = -1
            correct = (top == self.target) & (top >= 0) if self.labels else None
            results.append(RowStats(passed(lse), passed(entropy), passed(top), correct))
        return results

    def remember(self, call: Call, given: bool, results: Any) -> None:
        """Keep a recipe of a common call."""
        remember.rows(self, call)
