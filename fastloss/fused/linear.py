"""Cross-entropy of a linear layer's outputs without ever holding them all: a chunk of rows at a time."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import evaluate_chunks
from ..define.keywords import GRAD, VALUE, Call
from ..define.wording import shown
from ..loading import load
from ..registry import LOSSES
from ..signatures import passing
from .chunks import Chunks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from ..arrays.gpu.buffers import Face
    from ..loss import RowLoss

CHUNK = 1 << 25
"""Logits that are held at once where the caller does not say: 128 MiB of float32. Of 32,000 classes and rows of width
1,024 a quarter of them takes 1.22 times the bare products and these 1.07 (`bench/linear.py`): OpenBLAS is slower at
products of few rows."""

ROWS = 64
"""Rows that a chunk has at least: matrix products of fewer read the weights more often than they use them. Their logits
are fewer than the weights from d = 64 on, so that no number of classes asks for chunks of classes too."""

BLOCK = 2_048
"""Classes whose weights' gradient is computed at a time and then added; what it takes besides the chunk."""


class LinearLoss:
    """A row loss of ``hidden @ weight.T + bias``.

    hidden : array of shape (..., d)
        What the layer reads; the leading axes are the batch.
    weight : array of shape (K, d)
        The layer's weights, one row for each class.
    labels : integer array of shape (...)
        One label for each row; or a dense target of shape (..., K).
    bias : array of shape (K,), optional
    chunk : int, optional
        Rows whose logits are held at once; by default as many as have 2^25 logits, and at least 64. It bounds the
        memory: nothing of the size of all the logits is allocated (a dense target of no single run of rows is copied).
    sample_weight : array, optional
        Weight of each row (``weight`` is the layer's).

    All other keywords are those of the row loss: ``reduction``, ``normalizer``, ``empty``, ``class_weight``,
    ``ignore_index``, ``label_smoothing``, and its own parameters. float32 and float64 are computed as they are,
    anything smaller in float32. The products are NumPy's, so their last bits may depend on BLAS, its threads and the
    chunk; what the loss makes of the logits has the same bits for any number of threads.

    On a GPU all arrays are torch's, CuPy's or JAX's, for which one of the others computes the products, and a chunk has
    2^26 logits. 16-bit floats stay what they are there: logits and their gradient are rounded to 16 bits, and chunks
    add up in float32.
    """

    inputs = ("hidden", "weight", "labels")
    wrt = (0, 1)

    def __init__(self, loss: RowLoss) -> None:
        self.name = f"linear_{loss.name}"
        self.loss = loss.called(self.name, ("logits", "labels"))
        passing(LinearLoss, self.inputs, LinearLoss._run, self.loss, LinearLoss._run.__kwdefaults__)
        self.parameters, self.shown_arguments = self.loss.parameters, self.loss.shown_arguments

    def __repr__(self) -> str:
        return f"{self.name}()"

    def __call__(self, hidden: ArrayLike, weight: ArrayLike, labels: ArrayLike, **keywords: Any) -> Any:
        """The value."""
        return self._run(hidden, weight, labels, False, **keywords)[0]

    def value_and_grad(self, hidden: ArrayLike, weight: ArrayLike, labels: ArrayLike, **keywords: Any) -> Any:
        """The value, and the gradients for (hidden, weight), or for (hidden, weight, bias) where there is a bias.

        >>> import fastloss as fl
        >>> loss, (dhidden, dweight) = fl.linear_cross_entropy.value_and_grad([[1.0, 2.0]], np.eye(2), [1])
        >>> loss.round(4), dhidden.round(4)
        (np.float64(0.3133), array([[ 0.2689, -0.2689]]))
        """
        return self._run(hidden, weight, labels, True, **keywords)

    def grad(self, hidden: ArrayLike, weight: ArrayLike, labels: ArrayLike, **keywords: Any) -> Any:
        """The gradients alone."""
        return self._run(hidden, weight, labels, True, **keywords)[1]

    def __reduce__(self) -> Any:
        return LinearLoss, (LOSSES[self.name.removeprefix("linear_")],)

    def _run(
        self,
        hidden: Any,
        weight: Any,
        labels: Any,
        derive: bool,
        *,
        bias: Any = None,
        chunk: int | None = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        normalizer: float | None = None,
        empty: str = "nan",
        backend: str | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        given = {"hidden": hidden, "weight": weight, "labels": labels, "bias": bias, "sample_weight": sample_weight,
                 "class_weight": class_weight}  # fmt: skip
        loss = self.loss.having(parameters) if parameters else self.loss
        loss.refuse_arrays()
        want = VALUE | GRAD if derive else VALUE
        call = Call(
            want, -1, sample_weight, class_weight, ignore_index, label_smoothing, reduction, normalizer, empty,
            backend=backend, check=check,
        )  # fmt: skip
        step = None if chunk is None else _chunk(self.name, chunk)
        return evaluate_chunks(loss, given, call, partial(_on_the_host, step), partial(_on_a_gpu, step))


def _on_a_gpu(step: int | None, face: Face, loss: RowLoss, given: Mapping[str, Any], call: Call) -> Any:
    from . import linear_gpu as linear

    return linear.evaluate(face, loss, given, call, step)


def _on_the_host(step: int | None, loss: RowLoss, given: Mapping[str, Any], call: Call) -> Any:
    layer, derive = _Layer(loss, given["hidden"], given["weight"], given["bias"]), bool(call.want & GRAD)
    step = step or max(ROWS, CHUNK // max(1, layer.classes))
    frame = np.broadcast_to(np.zeros((), layer.kind), (*layer.batch, layer.classes))
    chunks = Chunks(loss, (frame, given["labels"]), call, weight="sample_weight", flat=True)
    for low in range(0, layer.rows, step):
        part = slice(low, min(layer.rows, low + step))
        logits = layer.logits(part)
        chunks.add((part,), (logits,), (logits,) if derive else ())
        if derive:
            layer.add(part, logits, None if chunks.present is None else chunks.present[part])
    return chunks.value(), layer.gradients() if derive else None


class _Layer:
    """The linear layer: its logits chunk by chunk, and the gradients that come of theirs."""

    def __init__(self, loss: RowLoss, hidden: Any, weight: Any, bias: Any) -> None:
        from ..arrays.host.read import read_scores
        from ..arrays.shapes import check_layer

        hidden, weight = read_scores(loss, "hidden", hidden), read_scores(loss, "weight", weight)
        bias = None if bias is None else read_scores(loss, "bias", bias)
        check_layer(loss, hidden.shape, weight.shape, None if bias is None else bias.shape)
        self.kind: Any = np.float64 if "d" in (hidden.dtype.char, weight.dtype.char) else np.float32
        self.kinds = [hidden.dtype, weight.dtype]
        self.batch, self.classes = hidden.shape[:-1], len(weight)
        self.shapes = [hidden.shape, weight.shape]
        self.rows = prod(self.batch)
        self.hidden = hidden.reshape(self.rows, hidden.shape[-1]).astype(self.kind, copy=False)
        self.weight = weight.astype(self.kind, copy=False)
        self.bias = None
        if bias is not None:
            self.bias = bias.astype(self.kind, copy=False)
            self.kinds.append(bias.dtype)
        self._room = np.empty((0, self.classes), self.kind)
        self._sums: list[NDArray[Any]] = []

    def logits(self, part: slice) -> NDArray[Any]:
        """Those of some rows, in memory that the next chunk uses again."""
        hidden = self.hidden[part]
        if len(hidden) > len(self._room):
            self._room = np.empty((len(hidden), self.classes), self.kind)
        logits = self._room[: len(hidden)]
        np.matmul(hidden, self.weight.T, out=logits)
        if self.bias is not None:
            logits += self.bias
        return logits

    def add(self, part: slice, grad: NDArray[Any], present: NDArray[Any] | None) -> None:
        """The gradient of a chunk's logits to those of the inputs; what an absent row reads does not matter."""
        first = not self._sums
        hidden = self.hidden[part]
        if present is not None:
            hidden = np.where(present[:, None], hidden, hidden.dtype.type(0))
        if first:
            bias = [] if self.bias is None else [np.zeros_like(self.bias)]
            like = load("fastloss.arrays.host.fresh").like
            self._sums = [like(self.hidden), like(self.weight), *bias]
        np.matmul(grad, self.weight, out=self._sums[0][part])
        if first:
            np.matmul(grad.T, hidden, out=self._sums[1])
        else:
            for k in range(0, self.classes, BLOCK):
                self._sums[1][k : k + BLOCK] += grad[:, k : k + BLOCK].T @ hidden
        if self.bias is not None:
            self._sums[2] += grad.sum(axis=0)

    def gradients(self) -> tuple[NDArray[Any], ...]:
        """In the shapes and dtypes of the inputs."""
        inputs = [self.hidden, self.weight, *([] if self.bias is None else [self.bias])]
        sums = self._sums or [np.zeros_like(x) for x in inputs]
        shapes = [*self.shapes, *([] if self.bias is None else [self.bias.shape])]
        return tuple(g.reshape(s).astype(k, copy=False) for g, s, k in zip(sums, shapes, self.kinds, strict=True))


def _chunk(name: str, chunk: Any) -> int:
    try:
        rows = int(chunk.__index__())
    except AttributeError:
        rows = 0
    if rows < 1:
        raise ValueError(f"{name}: chunk is {shown(chunk)}, expected a whole number of at least 1")
    return rows


linear_cross_entropy = LinearLoss(LOSSES["cross_entropy"])
"""Cross-entropy of ``hidden @ weight.T + bias``; see `LinearLoss`."""
