"""The arrays of connectionist temporal classification: read, checked, and as the kernel takes them, without copies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays import shapes
from ..arrays.host import fresh
from ..define.keywords import GRAD
from ..define.primitives import exp_neg, log1p_unit
from ..define.wording import shown
from . import ctc_templates as templates
from . import reading
from .compiled import run, shared
from .ctc_alignments import PACK
from .samples import Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..define.keywords import Call

SYMBOL = 16
"""Classes whose softmax takes as long as a symbol's states: what a sample costs decides which thread takes it."""


class Flat(NamedTuple):
    """An array's memory as one run, without a copy; where its samples, frames and classes are in it."""

    run: NDArray[Any]
    start: int
    steps: tuple[int, ...]

    @classmethod
    def of(cls, x: NDArray[Any]) -> Flat | None:
        """That of an array of three axes, if its classes ascend by whole elements."""
        if not x.size:
            return cls(np.empty(0, x.dtype), 0, (0, 0, 1))
        if x.flags.c_contiguous and x.flags.aligned:
            return cls(x.reshape(-1), 0, (x.shape[1] * x.shape[2], x.shape[2], 1))
        strides = [s if n > 1 else 0 for s, n in zip(x.strides, x.shape, strict=True)]
        strides[2] = strides[2] if x.shape[2] > 1 else x.itemsize
        if strides[2] <= 0 or any(s % x.itemsize for s in strides) or not x.flags.aligned:
            return None
        steps = tuple(s // x.itemsize for s in strides)
        ends = [s * (n - 1) for s, n in zip(steps, x.shape, strict=True)]
        low, high = sum(min(e, 0) for e in ends), sum(max(e, 0) for e in ends)
        first = x[tuple(slice(n - 1, n) if e < 0 else slice(0, 1) for e, n in zip(ends, x.shape, strict=True))]
        run = np.lib.stride_tricks.as_strided(first.reshape(-1), (high - low + 1,), (x.itemsize,))
        return cls(run, -low, steps)


class Batch(Samples):
    """The arrays of a call: scores, lengths, and the symbols of all samples in one run."""

    def __init__(
        self, loss: Any, logits: Any, targets: Any, input_lengths: Any, target_lengths: Any, weight: Any, major: bool
    ) -> None:  # fmt: skip
        self.name, self.major = loss.name, major
        self.logits = x = reading.floats(self.name, "logits", logits)
        if x.ndim not in (2, 3):
            many = "(frames, samples, classes)" if major else "(samples, frames, classes)"
            raise ValueError(f"{self.name}: logits has shape {x.shape}, expected {many}, or (frames, classes)")
        samples, self.frames, self.classes = self._ordered(x).shape
        if not self.classes:
            raise ValueError(f"{self.name}: logits has shape {x.shape}, expected one class at least, the blank")
        self.targets = y = reading.array(self.name, "targets", targets)
        if y.size and y.dtype.kind not in "iu":
            raise TypeError(f"{self.name}: targets has dtype {y.dtype}, expected integers")
        self.lengths = self._lengths("input_lengths", input_lengths, samples, self.frames, "logits has", "frames")
        self._measure(samples, target_lengths)
        super().__init__(loss, {"logits": x}, {"targets": y}, (samples,) if x.ndim == 3 else (), weight)

    def _ordered(self, x: NDArray[Any]) -> NDArray[Any]:
        """Scores, or their gradient, as (samples, frames, classes)."""
        return x[None] if x.ndim == 2 else x.transpose(1, 0, 2) if self.major else x

    def _lengths(
        self, argument: str, x: Any, samples: int, most: int, holder: str, what: str
    ) -> NDArray[np.int64]:  # fmt: skip
        """One for each sample, from 0 to what there is."""
        if x is None:
            return np.full(samples, most, np.int64)
        found = reading.array(self.name, argument, x)
        if found.shape not in ((), (samples,)):
            raise ValueError(f"{self.name}: {argument} has shape {found.shape}, expected ({samples},), one for each "
                             "sample")  # fmt: skip
        if found.size and found.dtype.kind not in "iu":
            raise TypeError(f"{self.name}: {argument} has dtype {found.dtype}, expected integers")
        bad = (found < 0) | (found > most)
        if bad.any():
            where = np.unravel_index(int(bad.argmax()), bad.shape)
            raise ValueError(f"{self.name}: {argument}{shapes.place(where)} is {found[where]}, expected a number from "
                             f"0 to {most}; {holder} {most} {what}")  # fmt: skip
        return np.ascontiguousarray(np.broadcast_to(found, (samples,)), np.int64)

    def _measure(self, samples: int, target_lengths: Any) -> None:
        """How many symbols each sample has, and where they begin."""
        name, y, several = self.name, self.targets, self.logits.ndim == 3
        self.joined = several and y.ndim == 1
        if y.ndim != 1 and not (several and y.ndim == 2 and len(y) == samples):
            expected = f"({samples}, symbols), or one axis of all samples' symbols" if several else "(symbols,)"
            raise ValueError(f"{name}: targets has shape {y.shape}, expected {expected}")
        if self.joined and target_lengths is None:
            raise ValueError(f"{name}: targets has shape {y.shape}, the symbols of all samples, and target_lengths is "
                             "missing, which says how many each sample has")  # fmt: skip
        most = y.shape[-1]
        self.counts = self._lengths("target_lengths", target_lengths, samples, most, "targets has", "symbols")
        self.begins = np.arange(samples) * most
        if self.joined:
            self.begins = np.cumsum(self.counts) - self.counts
            if self.counts.sum() != most:
                raise ValueError(f"{name}: target_lengths add up to {self.counts.sum()}, expected {most}, the number "
                                 "of all samples' symbols in targets")  # fmt: skip

    def check(self, call: Call, blank: Any) -> None:
        """Raise for the first weight that is none, for a blank that is no class, and for the first such symbol."""
        looks, y, classes = call.check is not False, self.targets, f"there are {self.classes} classes"
        if looks:
            self.refuse_weights(call)
        self.blank = reading.whole(self.name, "blank", blank, 0)
        if self.blank >= self.classes:
            raise ValueError(f"{self.name}: blank is {shown(blank)}, but {classes} (0 to {self.classes - 1})")
        here = np.broadcast_to(self.present, self.batch).reshape(-1)
        self.sizes, self.spans = np.where(here, self.counts, 0), np.where(here, self.lengths, 0)
        bad = (y < 0) | (y >= self.classes)
        if looks:
            bad |= y == self.blank
        if bad.any():
            there = np.repeat(here, self.counts) if self.joined else np.arange(y.shape[-1]) < self.sizes[:, None]
            bad &= there.reshape(y.shape)
        if bad.any():
            where = np.unravel_index(int(bad.argmax()), bad.shape)
            row = int(np.searchsorted(self.begins, where[0], side="right")) - 1
            whose = f", of sample {row}," if self.joined else ""
            why = f"{classes} (0 to {self.classes - 1})"
            if y[where] == self.blank:
                why = "that is the blank, which is no symbol; pass blank= where the blank is another class"
            raise ValueError(f"{self.name}: targets{shapes.place(where)}{whose} is {y[where]}, but {why}")

    def shares(self, call: Call, per_symbol: bool) -> NDArray[np.float64]:
        """What each sample's loss is multiplied by before the sum is divided."""
        weights = self.weights
        return weights / np.maximum(self.counts, 1) if per_symbol and call.reduction == "mean" else weights

    def evaluate(
        self, call: Call, factors: NDArray[np.float64], logs: bool, zero: bool, to: list[NDArray[Any]] | None
    ) -> tuple[NDArray[np.float64], list[NDArray[Any]]]:
        """Each sample's loss, and the gradient of their sum with these factors."""
        kind, derive = np.dtype(self.kind), bool(call.want & GRAD)
        scores = self.logits.astype(kind, copy=False)
        source = Flat.of(self._ordered(scores)) or Flat.of(self._ordered(np.array(scores, order="C")))
        grads = [self._place(scores, to)] if derive else []
        sink = Flat.of(self._ordered(grads[0] if derive else np.empty((0, 0, 0), kind)))
        assert source is not None  # what is dense has one
        assert sink is not None
        values = np.zeros(self.count)
        costs = self.spans * (self.classes + SYMBOL * self.sizes)
        number = np.arange(self.count)
        starts = [flat.start + number * flat.steps[0] for flat in (source, sink)]
        self.widths = -(-(self.sizes + 1) // PACK) * PACK
        plan = np.array([number, *starts, self.begins, self.sizes, self.spans, self.widths], np.int64).T
        plan = plan[np.argsort(-costs, kind="stable")]  # the most expensive first: tasks take them in turns
        flags = {"GRAD": derive, "LOGS": logs, "STRIDED": source.steps[2] != 1 or sink.steps[2] != 1}
        if self.count:
            run(templates.samples, [source.run, np.ascontiguousarray(self.targets, np.int64).reshape(-1),
                np.ascontiguousarray(plan, np.int64), factors], [values, sink.run, *self._room(call, kind, derive)],
                (self.classes, self.frames, *source.steps[1:], *sink.steps[1:], self.blank, int(zero)),
                compute=kind.char, size=int(costs.sum()), backend=call.backend, formulas=FORMULAS[logs],
                flags=tuple(flag for flag, used in flags.items() if used))  # fmt: skip
        return np.where(values == math.inf, 0.0, values) if zero else values, grads

    def _room(self, call: Call, kind: Any, derive: bool) -> list[NDArray[Any]]:
        """Arrays for one sample at a time of each task."""
        tasks = 1 if call.backend == "serial" else shared(self.count, 1)
        width, frames = int(self.widths.max()) + 1, self.spans if derive else 2
        cells = int((self.widths * frames).max()) + 1
        return [
            np.empty((tasks, 2, self.classes), kind),
            np.empty((tasks, templates.LANES), kind),
            np.empty((tasks, width), np.int64),
            np.empty((tasks, templates.ROOMS[0], width)),
            np.empty((tasks, templates.ROOMS[1], width)),
            np.empty((tasks, width)),
            np.empty((tasks, 3, cells)),
            np.empty((tasks, self.frames if derive else 0)),
        ]

    def _place(self, scores: NDArray[Any], to: list[NDArray[Any]] | None) -> NDArray[Any]:
        """Where the kernel writes the gradient: to `out=` where it serves."""
        if to is not None and to[0].dtype == scores.dtype and Flat.of(self._ordered(to[0])):
            return to[0]
        made = fresh.like(scores)
        return made if Flat.of(self._ordered(made)) else np.empty(scores.shape, scores.dtype)


# -- What is computed of numbers ---------------------------------------------------------------------------------------


def exponential(x: float) -> float:
    """exp(x)."""
    return math.exp(x)


def at_most_one(x: float) -> float:
    """exp(x) for x of at most 0."""
    return exp_neg(x)


def excess(x: float) -> float:
    """exp(x) - 1."""
    return math.expm1(x)


def log_of_more(x: float) -> float:
    """log(1 + x)."""
    return math.log1p(x)


def both(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    d = a - b
    return (a if d > 0.0 else b) + log1p_unit(exp_neg(-abs(d)))


FORMULAS = tuple(
    (("exponential", e), ("power", e, "d"), ("excess", excess, "d"), ("log_of_more", log_of_more, "d"),
     ("both", both, "d"))
    for e in (at_most_one, exponential)
)  # fmt: skip
"""Of logits, and of logarithms of probabilities, which may be greater than 0."""
