"""One call's rows on their way through the kernels: arrays as one run of memory with steps between rows and classes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...define.keywords import GRAD, HESS
from ...define.rows import Pair
from ...kernels.plan.rows import FEW, LONG, RowPlan, census_plan
from . import columns, weights
from . import memory as layout
from .memory import same_memory, stored
from .sweep import kernels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ...define.rows import Program

    Arrays = Sequence[NDArray[Any]]


class Flat(NamedTuple):
    """An array as one run of memory; the elements between its outer rows, its inner rows, its classes."""

    memory: NDArray[Any]
    steps: tuple[int, int, int]


NOWHERE = (0, 0, 0)

SPREAD = 32
"""Rows side by side, along the axes after that of the classes, from which a tile is made of them: half its lanes."""


def flat(x: NDArray[Any], axis: int | None, split: int) -> Flat | None:
    """`x` with the axis of its classes (or none) and the number of axes before it; None where a copy is needed."""
    if x.flags.c_contiguous and axis == x.ndim - 1 and not split:
        n = x.shape[-1]
        return Flat(stored(x).reshape(-1), (x.size, n, 1))
    size = x.itemsize
    strides = x.strides if axis is None else x.strides[:axis] + x.strides[axis + 1 :]
    shape = x.shape if axis is None else x.shape[:axis] + x.shape[axis + 1 :]
    outer, inner = _step(shape[:split], strides[:split]), _step(shape[split:], strides[split:])
    across = 0 if axis is None else x.strides[axis]
    if any(s is None or s < 0 or s % size for s in (outer, inner, across)):
        return None
    steps = (outer or 0) // size, (inner or 0) // size, across // size
    memory = stored(x)
    if x.flags.c_contiguous:
        return Flat(memory if x.ndim == 1 else memory.reshape(-1), steps)
    extent = 1 + sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)) // size
    return Flat(as_strided(memory, (extent,), (size,)), steps)


def _step(shape: tuple[int, ...], strides: tuple[int, ...]) -> int | None:
    """The one stride of axes that are gone through in order; None where there is none."""
    step: int | None = None
    reach = 0
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n == 1:
            continue
        if step is not None and s != reach:
            return None
        step, reach = s if step is None else step, s * n
    return step or 0


MANY = 256
"""Rows from which long rows whose elements lie apart are made tiles of, not copied: a tile holds 64 of them."""


KNOWN = 1 << 24
"""Classes up to which a tile tells labels apart, which it keeps as float32."""


class RowSweep:
    """A row loss with its inputs, all of them checked to fit each other."""

    def __init__(
        self,
        loss: Program,
        scores: Arrays,
        target: NDArray[Any] | None,
        labels: bool,
        axis: int,
        weight: NDArray[Any] | None,
        classes: NDArray[Any] | None,
        power: int,
        smoothing: float,
        ignore: int | None,
        each: bool,
        backend: str | None,
        kind: Any,
        called: str,
    ) -> None:
        self.loss = loss
        self.called = called
        """What the caller calls the rows' weights."""
        self.scores = scores
        self.target = target
        self.labels = labels
        self.axis = axis
        self.weight = weight
        self.classes = () if classes is None else (classes,)
        self.power = power
        """The power of two that the classes' weights were multiplied by."""
        self.smoothing = smoothing
        self.ignore = ignore
        self.each = each
        self.backend = backend
        self.kind = kind
        self.columns: Mapping[str, Any] = {}
        """Parameters that are arrays."""
        shape = scores[0].shape
        self.batch = shape[:axis] + shape[axis + 1 :]
        outer, inner = prod(shape[:axis]), prod(shape[axis + 1 :])
        # One run of rows where rows side by side are too few for the lanes of a tile.
        self.split = axis if inner >= SPREAD else 0
        self.shape = (outer, inner, shape[axis]) if inner >= SPREAD else (1, outer * inner, shape[axis])
        self.rows = outer * inner
        # Elements of a row that lie apart are no long row's business, unless a tile would be mostly empty.
        apart = scores[0].strides[axis] != scores[0].itemsize
        lanes = shape[axis] < LONG or (apart and self.rows >= MANY and shape[axis] <= KNOWN)
        self.entry = "pairs" if isinstance(loss.functions, Pair) else "lanes" if lanes else "rows"

    def allocate(self, want: int) -> tuple[Arrays, Arrays, Arrays]:
        """Fresh arrays for the derivatives that `want` asks for."""
        pred = self.scores[0]
        grad = (np.empty_like(pred, subok=False),) if want & GRAD else ()
        return (), grad, (np.empty_like(pred, subok=False),) if want & HESS else ()

    def total_weight(self, check: bool, kind: Any = np.float64) -> float:
        """The sum of the rows' weights; with `check`, those that are none of `kind` are refused."""
        if self.weight is None or not self.rows:
            return float(self.rows)
        look = (lambda: self._raise_weight(kind)) if check else None
        found = weights.summed(self.weight, self.backend, kind, look)
        return found * (self.rows / self.weight.size)

    def census(self, check: bool) -> float:
        """Look at every label; the sum of the weights of the rows that are present, those of their classes included."""
        cpu = kernels()
        if not self.rows:
            return 0.0
        target = self._by_row(self.target) if self.labels else self._by_class(self.target)
        weight = self._by_row(self.weight)
        plan = census_plan(self.plan(0, check, False, False, False))
        steps = _table(None, None, target, weight, None, None)
        present, bad = cpu.row_runner(plan, self.rows, self.backend)(
            _memory(target), _memory(weight), self.classes, self.ignore or 0, steps, self.shape
        )
        if bad:
            self._raise_label()
            self._raise_weight(np.float64)
        return float(present)

    def run(
        self, want: int, check: bool, scale: float, facts: Arrays, losses: Arrays, grads: Arrays, hesses: Arrays
    ) -> float:
        """Go through all rows once; the sum of their weighted losses. With `check`, raise for a bad element."""
        cpu = kernels()
        if not self.rows:
            return 0.0
        scores = [self._by_class(x) for x in self.scores]
        written = [self._by_class(a, output=True) for a in (*grads, *hesses)]
        # By the elements, not by the extents: pred and out may be alternating columns of one array. And neither copied.
        inplace = (
            bool(grads)
            and same_memory(grads[0], self.scores[0])
            and np.may_share_memory(written[0].memory, scores[0].memory)
        )
        target = self._by_row(self.target) if self.labels else self._by_class(self.target)
        weight = self._by_row(self.weight)
        dense = [target] if target is not None and not self.labels else []
        side_by_side = all(x.steps[2] == 1 for x in (*scores, *written, *dense))
        plan = self.plan(want, check, inplace, bool(facts), bool(losses), side_by_side)
        classes = self.shape[2]
        sources = (scores[0], scores[1] if len(scores) > 1 else None, target, weight)
        values = [a if a.flags.c_contiguous else np.empty(self.batch, a.dtype) for a in losses]
        aims = (written[0] if grads else None, written[-1] if hesses else None)
        total, flaws = cpu.row_runner(plan, self.rows * classes, self.backend)(
            tuple([x.memory for x in scores]), _memory(target), _memory(weight), self.classes,
            columns.parameters(self.loss, self.columns, self.kind, self.scores[0].dtype.char, self.batch),
            self.mix(), scale, self.ignore or 0, self.loss.bounds(self.kind)[: 2 * len(plan.tests)],
            tuple([a.reshape(-1) for a in values]), tuple([a.reshape(-1) for a in facts]),
            _memory(aims[0]), _memory(aims[1]), _table(*sources, *aims), self.shape,
        )  # fmt: skip
        if flaws:
            self._raise_label()
            self._raise_weight(self.kind)
            self._raise_domain()
        for a, b in zip(losses, values, strict=True):
            if a is not b:
                a[...] = b
        for a, b in zip((*grads, *hesses), written, strict=True):
            if not np.may_share_memory(a, b.memory):
                a[...] = np.moveaxis(b.memory.view(a.dtype).reshape((*self.batch, classes)), -1, self.axis)
        return float(total)

    def _by_row(self, x: NDArray[Any] | None) -> Flat | None:
        """Labels or weights, one number for each row."""
        if x is None:
            return None
        whole = x if x.shape == self.batch else np.broadcast_to(x, self.batch)
        return flat(whole, None, self.split) or flat(np.ascontiguousarray(whole), None, self.split)

    def _by_class(self, x: Any, output: bool = False) -> Any:
        """Scores or masses, one number for each row and class. Where their memory cannot be stepped through, a copy."""
        if x is None:
            return None
        found = flat(x, self.axis, self.split)
        if found is not None and (found.steps[2] == 1 or self.entry == "lanes"):
            return found
        rows = np.moveaxis(x, self.axis, -1)
        copy = np.empty(rows.shape, x.dtype) if output else np.ascontiguousarray(rows)
        steps = self.shape[1] * self.shape[2], self.shape[2], 1
        return Flat(stored(copy).reshape(-1), steps)

    def mix(self) -> tuple[Any, ...]:
        """Masses: of a class that is not the label, what smoothing leaves of a mass, and the label's."""
        s, classes = self.smoothing, self.shape[2]
        return tuple(self.kind(v) for v in (s / classes, 1.0 - s, 1.0 - s + s / classes))

    def plan(
        self, want: int, check: bool, inplace: bool, stats: bool, each: bool, side_by_side: bool = False
    ) -> RowPlan:
        """Which kernel goes through arrays like these."""
        return RowPlan.of(
            self.loss,
            tuple([x.dtype.char for x in self.scores]),
            want,
            check,
            "none" if self.target is None else "labels" if self.labels else "dense",
            self.smoothing > 0.0,
            target_type="" if self.target is None else self.target.dtype.char,
            classes=bool(self.classes),
            weight="" if self.weight is None else self.weight.dtype.char,
            ignore=self.ignore is not None,
            each=each,
            stats=stats,
            inplace=inplace,
            turned=side_by_side and self.entry == "lanes" and self.shape[2] >= FEW,
            entry=self.entry,
        )

    def present(self) -> NDArray[Any]:
        """Which rows are."""
        present = self._kept()
        if self.weight is not None:
            present = present & (self.weight != 0)
        for weight in self.classes:
            if not weight.all():
                present = present & self._worth_something(weight)
        return np.broadcast_to(present, self.batch)

    def _kept(self) -> Any:
        """Which rows have a label that counts."""
        return self.target != self.ignore if self.labels and self.ignore is not None else np.True_

    def _worth_something(self, weight: NDArray[Any]) -> Any:
        """Which rows have a label whose class weighs something, or a mass of such a class."""
        target: Any = self.target
        if target is None:
            return weight.any()
        if self.labels:
            known = (target >= 0) & (target < self.shape[2])
            return ~known | (weight[np.where(known, target, 0).astype(np.intp)] != 0)
        masses = np.moveaxis(target.astype(self.kind), self.axis, -1)
        some = masses != 0
        unclear = ~some.any(axis=-1) | ~np.isfinite(masses).all(axis=-1)
        return (some & (weight != 0)).any(axis=-1) | (unclear & weight.any())

    def _raise_label(self) -> None:
        """Find the first label that is out of range, if there is one, and say so."""
        from ...define import hints

        if self.target is None or not self.labels:
            return
        classes = self.shape[2]
        where = layout.first(lambda y, here: ((y < 0) | (y >= classes)) & here, self.target, self.present())
        if where is not None:
            raise ValueError(f"{self.loss.name}: {self.loss.inputs[-1]}{layout.place(where)} is {self.target[where]}, "
                             f"but there are {classes} classes (0 to {classes - 1})"
                             f"{hints.no_class(self.loss, self.target[where], classes)}")  # fmt: skip

    def _raise_weight(self, kind: Any) -> None:
        """Find the first weight that is none, if there is one, and say so."""
        if self.weight is not None:
            weights.refuse(self.loss.name, self.called, self.weight, kind, self._kept())

    def _raise_domain(self) -> None:
        """Find the first element outside its domain, and say so."""
        from ...define import hints

        present = np.expand_dims(self.present(), self.axis)
        arrays = [*self.scores, *([] if self.labels or self.target is None else [self.target])]
        for name, domain, x in zip(self.loss.inputs, self.loss.domains, arrays, strict=False):
            where = layout.first(lambda y, p, domain=domain: domain.violations(y.astype(self.kind)) & p, x, present)
            if where is not None:
                wrong = layout.outside(x[where], domain, self.kind) + hints.outside(self.loss, name, x[where])
                raise ValueError(f"{self.loss.name}: {name}{layout.place(where)} is {wrong}")
        raise AssertionError("a kernel counted a value outside its domain that the check does not find")


def _memory(x: Flat | None) -> tuple[Any, ...]:
    return () if x is None else (x.memory,)


def _table(*arrays: Flat | None) -> NDArray[Any]:
    return np.array([NOWHERE if x is None else x.steps for x in arrays], np.int64)
