"""Distillation from a teacher of whom only the likeliest classes are known: a chunk of rows at a time."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from math import inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import evaluate_chunks
from ..define.keywords import GRAD, HESS, VALUE, Call
from ..loading import load
from ..registry import LOSSES
from ..signatures import passing
from .chunks import Chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

    from ..arrays.gpu.buffers import Face
    from ..loss import RowLoss
    from .chunks import Part

CHUNK = 1 << 20
"""Probabilities that are spread out at once: 4 MiB of float32, near enough to the processor to cost little."""


class TopKDistillation:
    """`distillation_from_probabilities` of a teacher given as top-k: indices and log-probabilities.

    pred : array of shape (..., K)
        The student's logits; the classes may be on any `axis`.
    indices : integer array of shape (..., k)
        Classes that the teacher's log-probabilities are of, along the same axis, each at most once in a row.
    log_probabilities : array of shape (..., k)
        At most 0, at the temperature that the teacher's softmax was taken at. What the other classes had is left out;
        ``fl.log_softmax(log_probabilities)`` makes the k alone sum to 1.
    target : integer array of shape (...), or a dense target of shape (..., K)

    All keywords are those of the row losses, with the parameters of `distillation_from_probabilities`. Beside the
    results, 2^20 numbers are held at once, not the teacher's (..., K). An index that is no class, or twice in a row, is
    an error like a label that is no class; with ``check=False``, log-probabilities are not looked at.

    On a GPU 2^26 numbers are held at once, and arrays of which the classes are not last are copied.
    """

    rooted = False
    inputs = ("pred", "indices", "log_probabilities", "target")
    wrt = (0,)
    separate = "rows"

    def __init__(self) -> None:
        self.name = "topk_distillation"
        self.loss = LOSSES["distillation_from_probabilities"].called(self.name, ("pred", "teacher", "target"))
        passing(TopKDistillation, self.inputs, TopKDistillation._run, self.loss, TopKDistillation._run.__kwdefaults__)
        self.parameters, self.shown_arguments = self.loss.parameters, self.loss.shown_arguments

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
        return self._run(VALUE, pred, indices, log_probabilities, target, **keywords)

    def value_and_grad(self, pred: ArrayLike, indices: ArrayLike, log_probabilities: ArrayLike, target: ArrayLike,
                       **keywords: Any) -> Any:  # fmt: skip
        """The value and its gradient with respect to the student's logits."""
        return self._run(VALUE | GRAD, pred, indices, log_probabilities, target, **keywords)

    def grad(self, pred: ArrayLike, indices: ArrayLike, log_probabilities: ArrayLike, target: ArrayLike,
             **keywords: Any) -> Any:  # fmt: skip
        """The gradient with respect to the student's logits."""
        return self._run(GRAD, pred, indices, log_probabilities, target, **keywords)

    def grad_and_hess(self, pred: ArrayLike, indices: ArrayLike, log_probabilities: ArrayLike, target: ArrayLike,
                      **keywords: Any) -> Any:  # fmt: skip
        """The gradient and the diagonal of the Hessian."""
        return self._run(GRAD | HESS, pred, indices, log_probabilities, target, **keywords)

    def _run(
        self, want: int, pred: Any, indices: Any, logs: Any, target: Any, *, axis: int = -1, weight: Any = None,
        class_weight: Any = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
        reduction: str = "mean", normalizer: float | None = None, empty: str = "nan", out: Any = None,
        return_stats: bool = False, backend: str | None = None, check: bool | None = None, **parameters: Any,
    ) -> Any:  # fmt: skip
        given = {"pred": pred, "indices": indices, "log_probabilities": logs, "target": target, "weight": weight,
                 "class_weight": class_weight}  # fmt: skip
        loss = self.loss.having(parameters) if parameters else self.loss
        loss.refuse_arrays()
        call = Call(
            want, axis, weight, class_weight, ignore_index, label_smoothing, reduction, normalizer, empty, out,
            return_stats, backend, None if check is None else bool(check),
        )  # fmt: skip
        found = _shortly(loss, pred, indices, logs, target, call)
        return evaluate_chunks(loss, given, call, _on_the_host, partial(_on_a_gpu, self)) if found is None else found


def _shortly(loss: RowLoss, pred: Any, indices: Any, logs: Any, target: Any, call: Call) -> Any:
    """The result by the recipe of a call whose probabilities have room at once; None where another look is needed."""
    if not (type(pred) is type(indices) is type(logs) is np.ndarray and pred.ndim and loss.recipes):
        return None
    shape, size = pred.shape, pred.size
    if not 0 < size <= CHUNK or not indices.size or call.ignore_index is not None:
        return None
    known = indices.ndim == pred.ndim and indices.shape == logs.shape and indices.dtype in _UNSIGNED
    known = known and indices.shape[:-1] == shape[:-1]
    shapes, stored = load("fastloss.arrays.shapes"), pred.dtype.char
    if not known or stored not in shapes.FLOATS:
        return None
    kind = np.dtype(shapes.kind_of(stored))
    if not (logs.dtype == pred.dtype or logs.dtype == kind):
        return None
    for a in () if call.out is None else call.out if type(call.out) is tuple else (call.out,):
        if type(a) is not np.ndarray or np.may_share_memory(a, indices) or np.may_share_memory(a, logs):
            return None
    classes = shape[-1]
    if indices.view(_UNSIGNED[indices.dtype]).max() >= classes or (call.check is not False and not logs.max() <= 0):
        return None
    spread = np.zeros(size, kind)
    places = np.add(indices.reshape(-1, indices.shape[-1]), np.arange(0, size, classes)[:, None], dtype=np.intp)
    spread[places] = 1
    if np.count_nonzero(spread) != places.size:  # a class is named twice
        return None
    with np.errstate(all="ignore"):
        spread[places] = np.exp(logs.astype(kind, copy=False)).reshape(places.shape)
    recipes = load("fastloss.arrays.host.recipes")
    return recipes.evaluate_rows(loss, (pred, spread.reshape(shape), target), call._replace(check=False))


_UNSIGNED = {np.dtype(f"i{size}"): np.dtype(f"u{size}") for size in (1, 2, 4, 8)}
"""Which integers show one that is negative as one that is too large."""


def _on_a_gpu(again: TopKDistillation, face: Face, loss: RowLoss, given: Mapping[str, Any], call: Call) -> Any:
    from . import topk_gpu as topk

    return topk.evaluate(face, loss, given, call, again)


def _on_the_host(loss: RowLoss, given: Mapping[str, Any], call: Call) -> Any:
    from ..arrays.host.read import read_array, read_scores

    pred, target = read_scores(loss, "pred", given["pred"]), given["target"]
    teacher = np.broadcast_to(np.zeros((), load("fastloss.arrays.shapes").kind_of(pred.dtype.char)), pred.shape)
    beside = {name: read_array(loss, name, given[name]) for name in ("indices", "log_probabilities")}
    chunks = Chunks(loss, (pred, teacher, target), call, beside)
    chunks.call = chunks.call._replace(check=False)  # the teacher's numbers are looked at where they are few
    known = _Known(chunks, beside["indices"], beside["log_probabilities"], call.check is not False)
    to = chunks.given or chunks.job.aims(call._replace(want=call.want & ~VALUE, stats=False), None)
    chunks.losses = to.value or chunks.losses
    classes = pred.shape[chunks.axis]
    step = max(1, CHUNK // classes)
    room = np.zeros(min(step, chunks.job.count) * classes, teacher.dtype)
    for part in chunks.parts(step):
        at = chunks.along(part)
        with known.spread(part, room, pred[at].shape) as probabilities:
            chunks.add(part, (pred[at], probabilities), [g[at] for g in to.grad], [h[at] for h in to.hess])
    if room.size == pred.size:
        _remember(loss, (pred, room.reshape(pred.shape), target), chunks.call._replace(out=call.out, axis=call.axis))
    return chunks.results([*to.grad, *to.hess])


def _remember(loss: RowLoss, inputs: tuple[Any, ...], call: Call) -> None:
    """Keep the recipe of a call whose probabilities have room at once."""
    from ..arrays.host import remember
    from ..arrays.host.rows import Rows

    job = Rows(loss, inputs)
    job.read(call)
    job.arrange(call)
    remember.rows(job, call)


class _Known:
    """What is known of the teacher, checked; rows that are absent may hold anything."""

    def __init__(self, chunks: Chunks, indices: NDArray[Any], logs: NDArray[Any], check: bool) -> None:
        from ..arrays.shapes import check_known

        self.chunks, self.axis, shape = chunks, chunks.axis, chunks.job.scores[0].shape
        self.classes = shape[self.axis]
        self.indices, self.logs = indices, logs
        check_known(chunks.loss, self.indices.shape, self.indices.dtype, self.logs.shape, shape, self.axis)
        for part in chunks.parts(max(1, CHUNK // max(1, self.indices.shape[self.axis]))):
            self._look(part, check)

    def _look(self, part: Part, check: bool) -> None:
        """Raise for the first that is wrong in some rows."""
        indices, logs, present = self._some(part)
        bad = ((indices < 0) | (indices >= self.classes)) & present
        if bad.any():
            where = _first(bad)
            raise self._wrong("indices", part, where, f"is {indices[where]}, but there are {self.classes} "
                                                      f"classes (0 to {self.classes - 1})")  # fmt: skip
        order = np.sort(indices, axis=self.axis)
        twice = (np.diff(order, axis=self.axis) == 0) & present
        if twice.any():
            where = _first(twice)
            row = where[: self.axis] + where[self.axis + 1 :]
            raise self._wrong("indices", part, row, f"name class {order[where]} more than once")
        bad = (logs > 0) & present
        if check and bad.any():
            where = _first(bad)
            raise self._wrong("log_probabilities", part, where, f"is {logs[where]}, expected a number of at most 0")

    def _some(self, part: Part) -> tuple[NDArray[Any], NDArray[Any], Any]:
        """Those of some rows, and which of these are there."""
        at, present = self.chunks.along(part), self.chunks.present
        return self.indices[at], self.logs[at], present is None or np.expand_dims(present[part], self.axis)

    def _wrong(self, name: str, part: Part, where: tuple[int, ...], what: str) -> ValueError:
        from ..arrays.shapes import place

        start = part if len(where) == len(part) else self.chunks.along(part)
        found = place(tuple((s.start or 0) + i for s, i in zip(start, where, strict=True)))
        return ValueError(f"{self.chunks.loss.name}: {name}{found} {what}")

    @contextmanager
    def spread(self, part: Part, room: NDArray[Any], shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
        """The probabilities of some rows, with 0 for every other class, in memory that is 0 again afterwards."""
        whole = room[: prod(shape)].reshape(shape)
        indices, logs, present = self._some(part)
        places = np.where(present, indices, 0).astype(np.intp, copy=False)
        known = np.exp(np.where(present, logs.astype(room.dtype, copy=False), -inf))
        np.put_along_axis(whole, places, known, axis=self.axis)
        yield whole
        np.put_along_axis(whole, places, 0.0, axis=self.axis)


def _first(bad: NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))


topk_distillation = TopKDistillation()
"""Distillation from the likeliest classes of a teacher; see `TopKDistillation`."""
