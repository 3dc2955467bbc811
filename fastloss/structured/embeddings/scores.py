"""The scores of a batch's vectors, a block of rows at a time: the table of all pairs is never held.

A block is a matrix product. A loss makes of it each row's loss, and in its place the gradient by its scores; two more
products make the gradient by the vectors of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.keywords import GRAD, VALUE
from .. import reading
from ..compiled import run
from . import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ...define.keywords import Call
    from ..samples import Samples

    Floats = NDArray[Any]
    Rows = Callable[[slice, Floats], Floats]
    """What makes of a block's rows, by their numbers, and of their scores, each row's loss; the scores become their
    gradient where it is asked for."""

BLOCK = 1 << 21
"""Scores that are held at once: 8 MiB of float32. Of 4,096 samples an eighth of them takes 1.3 times as long, four
times as many as long."""

LEAST = 64
"""Rows that a block has at least: products of fewer read the vectors more often than they use them."""


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """The rows, so many at a time."""
    step = max(LEAST, BLOCK // max(1, columns))
    for low in range(0, rows, step):
        yield slice(low, min(rows, low + step))


def among(given: Samples, here: NDArray[np.intp] | slice, x: Floats) -> Floats:
    """An array of all samples, of one of those that are here: 0 for those that are absent."""
    if isinstance(here, slice):
        return x
    whole = np.zeros((given.count, *x.shape[1:]), x.dtype)
    whole[here] = x
    return whole


class Vectors:
    """Vectors of one shape that are present: as they are, or each as long as 1; and their gradients."""

    def __init__(self, given: Samples, here: NDArray[np.intp] | slice, normalize: bool, backend: str | None) -> None:
        """`here` are the samples that are present."""
        self.given, self.here, self.normalize, self.backend = given, here, normalize, backend
        weight = given.weights[self.here]
        self.count = len(weight)
        self.weight = None if (weight == 1.0).all() else weight
        """None where all are 1."""
        self.vectors: list[Floats] = []
        self.inverses: list[Floats] = []
        for x in given.inputs.values():
            x = reading.dense(x[self.here], given.kind)
            if normalize:
                inverse, y = np.empty(len(x)), np.empty_like(x)
                self._run(templates.units, [x], [inverse, y])
                self.inverses.append(inverse)
                x = y
            self.vectors.append(x)

    def _run(self, template: Any, inputs: Sequence[Floats], outputs: Sequence[Floats], *numbers: float) -> None:
        run(template, inputs, outputs, numbers, compute="d", size=inputs[0].size, backend=self.backend)

    def walk(self, a: Floats, b: Floats, temperature: float, rows: Rows, derive: bool) -> tuple[Floats, list[Floats]]:
        """Each row's loss of the scores ``a @ b.T / temperature``, and the gradients of their sum by `a` and `b`."""
        each, found = np.empty(len(a)), []
        left = a * a.dtype.type(1.0 / temperature)
        room: Floats = np.empty((0, len(b)), a.dtype)
        if derive:
            found = [np.zeros_like(a), np.zeros_like(b)]
        for part in blocks(len(a), len(b)):
            size = part.stop - part.start
            if size > len(room):
                room = np.empty((size, len(b)), a.dtype)
            scores = room[:size]
            np.matmul(left[part], b.T, out=scores)
            each[part] = rows(part, scores)
            if derive:
                np.matmul(scores, b, out=found[0][part])
                if size == len(a):
                    np.matmul(scores.T, left, out=found[1])
                else:
                    found[1] += scores.T @ left[part]
        if derive:
            found[0] *= a.dtype.type(1.0 / temperature)
        return each, found

    def both(self, a: Floats, b: Floats, temperature: float, rows: Rows, derive: bool) -> tuple[Floats, list[Floats]]:
        """The same, added to that of ``b @ a.T``, whose scores are the same where all are held at once."""
        if not len(a) or (len(a) > LEAST and len(a) * len(b) > BLOCK):
            each, grads = self.walk(a, b, temperature, rows, derive)
            other, slopes = self.walk(b, a, temperature, rows, derive)
            for grad, slope in zip(grads, reversed(slopes), strict=True):
                grad += slope
            return each + other, grads
        left, everything = a * a.dtype.type(1.0 / temperature), slice(0, len(a))
        scores = left @ b.T
        turned = np.ascontiguousarray(scores.T)
        each = rows(everything, scores).astype(np.float64) + rows(everything, turned)
        if not derive:
            return each, []
        scores += turned.T
        return each, [scores @ b * a.dtype.type(1.0 / temperature), scores.T @ left]

    def results(
        self,
        call: Call,
        divisor: float,
        nothing: float,
        each: Floats,
        grads: Sequence[Floats],
        to: Any,
        share: float,
    ) -> Any:
        """What the verb returns, of each present sample's loss and of the gradients by the vectors.

        Both are times `share` what they should be.
        """
        given, scale, found = self.given, 1.0 / (divisor * share) if divisor else 0.0, []
        each = each / share
        for k, grad in enumerate(grads):
            if self.normalize:
                self._run(templates.projected, [self.vectors[k], self.inverses[k]], [grad], scale)
            else:
                grad *= grad.dtype.type(scale)
            found.append(among(given, self.here, grad))
        value = each.sum() / divisor if divisor else nothing
        return given.results(
            call, lambda: float(value), among(given, self.here, each) if call.want & VALUE else None, found, to
        )

    def derives(self, call: Call) -> bool:
        """Whether gradients are asked for."""
        return bool(call.want & GRAD)
