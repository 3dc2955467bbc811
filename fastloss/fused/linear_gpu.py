"""A row loss of a linear layer's outputs on a GPU: the library's own matrix products, and a chunk of logits at a time.

The gradient of a chunk's logits is written over them. Nobody waits, as in `gpu/elements.py`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..arrays.checks import GPU_BACKENDS, check_options
from ..arrays.gpu.buffers import Buffer, Work, read, some_rows
from ..arrays.gpu.outputs import raise_as_on_the_host
from ..arrays.gpu.rows import Rows
from ..arrays.job import Outputs
from ..define.keywords import GRAD
from ..kernels.cuda import launch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..arrays.gpu.buffers import Face
    from ..define.keywords import Call
    from ..define.rows import Program

CHUNK = 1 << 26
"""Logits that are held at once where the caller does not say: 128 MiB of 16-bit floats. Not measured on any card."""

ROWS = 256
"""Rows that a chunk has at least, to give a matrix product enough work."""


class Layer:
    """The linear layer: its logits chunk by chunk, and the gradients that come of theirs."""

    def __init__(self, work: Work, hidden: Buffer, weight: Buffer, bias: Buffer | None) -> None:
        self.face = work.face
        self.work, self.given = work, [x for x in (hidden, weight, bias) if x]
        self.classes, width = weight.shape
        self.chars = [x.char if x.char in shapes.FLOATS else "d" for x in self.given]
        # One type for the products, which is what the libraries ask for.
        self.char = self.chars[0] if len({*self.chars}) == 1 else "d" if "d" in self.chars else "f"
        hidden, weight, *rest = (work.dense(work.in_type(x, self.char), x.shape) for x in self.given)
        self.rows = prod(hidden.shape[:-1])
        self.hidden, self.weight = hidden.array.reshape(self.rows, width), weight.array
        self.bias = rest[0].array if rest else None
        self._grads: list[Any] = []

    def reserve(self, step: int, derive: bool) -> None:
        """Memory for a chunk's logits, and for the gradients: in float32 where several 16-bit ones are added up."""
        wide = "f" if step < self.rows and self.char in "eE" else self.char
        self._logits = self.work.empty((min(step, self.rows), self.classes), self.char)
        if derive:
            hidden = self.work.empty(tuple(self.hidden.shape), self.char)
            self._grads = [hidden.array, *(self.work.filled(0, x.shape, wide).array for x in self.given[1:])]

    def logits(self, low: int, high: int) -> Buffer:
        """Those of some rows, in memory that the next chunk uses again."""
        logits = self._logits.array[: high - low]
        self.face.product(self.hidden[low:high], self.weight.T, logits)
        if self.bias is not None:
            logits += self.bias
        return self.face.buffer(logits)

    def add(self, low: int, high: int, grad: Any, keep: Any) -> None:
        """The gradient of a chunk's logits to those of the inputs; what an absent row reads does not matter."""
        hidden = self.hidden[low:high]
        if keep is not None:
            hidden = self.face.kept(hidden, keep[low:high])
        self.face.product(grad, self.weight, self._grads[0][low:high])
        self.face.add_product(grad.T, hidden, self._grads[1])
        if self.bias is not None:
            self._grads[2] += self.face.add_up(grad, (0,), (self.classes,), "d" if self.char == "d" else "f")

    def gradients(self) -> tuple[Any, ...]:
        """In the shapes and dtypes of the inputs."""
        found = zip(self._grads, self.given, self.chars, strict=True)
        return tuple(self.work.in_type(self.face.buffer(g.reshape(x.shape)), char).array for g, x, char in found)


def evaluate(face: Face, loss: Program, arrays: Mapping[str, Any], call: Call, chunk: int | None) -> Any:
    """The value, and the gradients or None."""
    launch.gpu().raise_pending()
    check_options(loss, call, GPU_BACKENDS)
    needed = 3 if arrays["bias"] is None else 4
    hidden, weight, labels, bias, samples, classes = read(face, loss, list(arrays), list(arrays.values()), needed)
    shapes.check_layer(loss, hidden.shape, weight.shape, bias and bias.shape)
    with face.current(hidden.device):
        layer = Layer(Work(face, launch.gpu(), hidden.device, loss.name), hidden, weight, bias)
        frame = Buffer.nowhere((*hidden.shape[:-1], layer.classes), layer.char, hidden.device)
        rows = Rows(face, loss, (frame, labels), called="sample_weight")
        rows.read(call._replace(weight=samples, class_weight=classes))
        rows.arrange(call)
        divisor, derive = rows.divisor(call, False), bool(call.want & GRAD)
        losses = rows.work.empty(rows.batch, rows.compute)
        keep = _present(rows) if derive else None
        step = chunk or max(ROWS, CHUNK // layer.classes)
        layer.reserve(step, derive)
        for low in range(0, layer.rows, step):
            high = min(layer.rows, low + step)
            logits = layer.logits(low, high)
            each = [x for x in [some_rows(losses, low, high, layer.rows)] if x]
            to = Outputs(each, [logits] if derive else [])
            rows.part(low, high, [logits]).run(call.want, call.check is not False, divisor.scale, to)
            if derive:
                layer.add(low, high, logits.array, keep)
        if call.check and rows.work.flawed():
            inputs = np.broadcast_to(np.float32(0.0), frame.shape), arrays["labels"]
            raise_as_on_the_host(face, loss, inputs, call, {"weight": call.weight, "class_weight": call.class_weight})
        value = losses.array if rows.each else rows.total(losses, divisor)
        return value, layer.gradients() if derive else None


def _present(rows: Rows) -> Any:
    """Which rows are; None for all. One whose label is no class is not, nor one whose classes weigh nothing."""
    keep = rows.weight.array.reshape(-1) != 0 if rows.weight else None
    if rows.labels and rows.target:
        known = rows.work.face.known(rows.target.array.reshape(-1), rows.classes, rows.ignore)
        keep = known if keep is None else keep & known
    if rows.class_weight and rows.target:
        target = rows.target.array.reshape(-1, *(() if rows.labels else (rows.classes,)))
        worthy = rows.work.face.worthy(rows.class_weight.array, target, rows.labels)
        keep = worthy if keep is None else keep & worthy
    return keep
