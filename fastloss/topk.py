"""Distillation from a teacher of whom only the likeliest classes are known: a chunk of rows at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import refuse_foreign
from .chunks import Chunks
from .loss import LOSSES
from .options import GRAD, VALUE, Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

CHUNK = 1 << 20
"""Probabilities that are spread out at once: 4 MiB of float32, near enough to the processor to cost little."""


class TopKDistillation:
    """`distillation_from_probabilities` of a teacher given as top-k: indices and log-probabilities.

    pred : array of shape (..., K)
        The student's logits.
    indices : integer array of shape (..., k)
        Classes that the teacher's log-probabilities are of, each at most once in a row.
    log_probabilities : array of shape (..., k)
        At most 0, at the temperature that the teacher's softmax was taken at. What the other classes had is left out;
        ``fl.log_softmax(log_probabilities)`` makes the k alone sum to 1.
    target : integer array of shape (...), or a dense target of shape (..., K)

    All keywords but `axis` and `return_stats` are those of the row losses, with the parameters of
    `distillation_from_probabilities`. Beside the gradient, 2^20 numbers are held at once, not the teacher's (..., K);
    arrays that are no one run of rows, such as a slice of a sequence's positions, are copied.
    """

    def __init__(self) -> None:
        self.name = "topk_distillation"
        self.loss = LOSSES["distillation_from_probabilities"].called(self.name, ("pred", "teacher", "target"))

    def __repr__(self) -> str:
        return f"{self.name}()"

    def __reduce__(self) -> Any:
        return TopKDistillation, ()

    def __call__(self, pred: ArrayLike, indices: ArrayLike, log_probabilities: ArrayLike, target: ArrayLike,
                 **keywords: Any) -> Any:  # fmt: skip
        """The value.

        >>> import fastloss as fl
        >>> fl.topk_distillation([[0.0, 0.0, 0.0]], [[2]], [[np.log(0.9)]], [2], temperature=1.0, alpha=0.0).round(6)
        np.float64(0.893927)
        """
        return self._run(VALUE, pred, indices, log_probabilities, target, **keywords)[0]

    def value_and_grad(self, pred: ArrayLike, indices: ArrayLike, log_probabilities: ArrayLike, target: ArrayLike,
                       **keywords: Any) -> Any:  # fmt: skip
        """The value and its gradient with respect to the student's logits."""
        return self._run(VALUE | GRAD, pred, indices, log_probabilities, target, **keywords)

    def grad(self, pred: ArrayLike, indices: ArrayLike, log_probabilities: ArrayLike, target: ArrayLike,
             **keywords: Any) -> Any:  # fmt: skip
        """The gradient with respect to the student's logits."""
        return self._run(VALUE | GRAD, pred, indices, log_probabilities, target, **keywords)[1]

    def _run(
        self, want: int, pred: Any, indices: Any, logs: Any, target: Any, *, weight: Any = None,
        class_weight: Any = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
        reduction: str = "mean", normalizer: float | None = None, empty: str = "nan", out: Any = None,
        backend: str | None = None, check: bool = True, **parameters: Any,
    ) -> Any:  # fmt: skip
        from .arrays.layout import overlap
        from .arrays.rows import given_outputs, read_scores

        given = {"pred": pred, "indices": indices, "log_probabilities": logs, "target": target, "weight": weight,
                 "class_weight": class_weight}  # fmt: skip
        refuse_foreign(self.loss, tuple(given.values()), tuple(given))
        loss = self.loss.having(parameters) if parameters else self.loss
        options = Options(
            want, -1, weight, class_weight, ignore_index, label_smoothing, reduction, normalizer, empty, None, False,
            backend, check,
        )  # fmt: skip
        if out is not None and not want & GRAD:
            raise ValueError(f"{self.name}: out is for the gradient, which the call itself does not compute")
        pred = read_scores(loss, "pred", pred)
        teacher = np.broadcast_to(np.zeros((), np.float64 if pred.dtype.char == "d" else np.float32), pred.shape)
        chunks = Chunks(loss, (pred, teacher, target), options)
        scores = chunks.sweep.scores[0]
        known = _Known(self.name, indices, logs, scores.shape, chunks, check)
        grad = None
        if want & GRAD:
            grad = np.empty_like(scores, subok=False) if out is None else given_outputs(chunks.sweep, GRAD, out)[1][0]
        if grad is not None and any(overlap(grad, x) for x in (known.indices, known.logs)):
            raise ValueError(f"{self.name}: out overlaps the teacher; the gradient may be written over pred itself")
        step = max(1, CHUNK // scores.shape[-1])
        room = np.zeros((min(step, len(known.indices)), scores.shape[-1]), teacher.dtype)
        flat = scores.reshape(-1, scores.shape[-1])
        slope = None if grad is None else grad.reshape(flat.shape)
        for low in range(0, len(flat), step):
            part = slice(low, min(len(flat), low + step))
            with known.spread(part, room) as probabilities:
                chunks.add(part, (flat[part], probabilities), None if slope is None else slope[part])
        if grad is not None and slope is not None and not np.may_share_memory(grad, slope):
            grad[...] = slope.reshape(grad.shape)
        return chunks.value(), grad


class _Known:
    """What is known of the teacher, checked; rows that are absent may hold anything."""

    def __init__(self, name: str, indices: Any, logs: Any, shape: tuple[int, ...], chunks: Chunks, check: bool) -> None:
        from .arrays.numpy import read_array

        indices = read_array(chunks.loss, "indices", indices)
        logs = read_array(chunks.loss, "log_probabilities", logs)
        if indices.dtype.kind not in "iu":
            raise TypeError(f"{name}: indices has dtype {indices.dtype}, expected integers")
        if indices.ndim != len(shape) or indices.shape[:-1] != shape[:-1]:
            raise ValueError(f"{name}: indices has shape {indices.shape}, "
                             f"expected ({', '.join([*map(str, shape[:-1]), 'k'])})")  # fmt: skip
        if logs.shape != indices.shape:
            raise ValueError(f"{name}: log_probabilities has shape {logs.shape}, expected {indices.shape}")
        self.batch, width = shape[:-1], indices.shape[-1]
        self.present = chunks.sweep.present().reshape(-1, 1)
        self.indices = indices.reshape(len(self.present), width)
        self.logs = logs.reshape(len(self.present), width)
        bad = ((self.indices < 0) | (self.indices >= shape[-1])) & self.present
        if bad.any():
            raise ValueError(f"{name}: indices{self._place(bad)} is {self.indices[bad][0]}, but there are {shape[-1]} "
                             f"classes (0 to {shape[-1] - 1})")  # fmt: skip
        order = np.sort(self.indices, axis=1)
        twice = (order[:, 1:] == order[:, :-1]) & self.present
        if twice.any():
            raise ValueError(f"{name}: indices{self._place(twice.any(axis=1))} name class {order[:, 1:][twice][0]} "
                             "more than once")  # fmt: skip
        bad = (self.logs > 0) & self.present
        if check and bad.any():
            raise ValueError(
                f"{name}: log_probabilities{self._place(bad)} is {self.logs[bad][0]}, expected a number of at most 0"
            )

    def _place(self, bad: NDArray[Any]) -> str:
        from .arrays.layout import place

        first = np.unravel_index(int(bad.argmax()), bad.shape)
        return place((*np.unravel_index(int(first[0]), self.batch), *first[1:]))

    @contextmanager
    def spread(self, part: slice, room: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """The probabilities of some rows, with 0 for every other class, in memory that is 0 again afterwards."""
        present = self.present[part]
        rows, indices = room[: len(present)], np.where(present, self.indices[part], 0)
        np.put_along_axis(rows, indices, np.where(present, np.exp(self.logs[part].astype(room.dtype)), 0.0), axis=1)
        yield rows
        np.put_along_axis(rows, indices, 0.0, axis=1)


topk_distillation = TopKDistillation()
"""Distillation from the likeliest classes of a teacher; see `TopKDistillation`."""
