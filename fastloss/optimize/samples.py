"""A loss with what stands beside each row's scores: all of it is checked before anything is evaluated.

What is computed are sums over a block of rows; `Samples.divisor` makes a mean of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays.checks import check_options
from ..arrays.host import faults, presence
from ..arrays.host.elements import Elements
from ..arrays.host.rows import Rows
from ..define import hints
from ..define.keywords import HESS, VALUE, Call, keywords_of
from ..define.wording import listed, no_loss, shown
from ..loss import Loss, RowLoss
from ..structured import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Arrays = Sequence[NDArray[Any]]

OF_LABELS = ("class_weight", "ignore_index", "label_smoothing")
"""Keywords of the verbs that are handed on, to losses that take them."""


class Options(NamedTuple):
    """What is asked for beside the loss's own parameters."""

    weight: Any = None
    class_weight: Any = None
    ignore_index: Any = None
    label_smoothing: Any = 0.0
    classes: Any = None
    backend: Any = None


class Samples:
    """A loss of scores that are there a block of rows at a time."""

    loss: Any
    """What is called: parameters that are arrays are inputs of it."""
    others: Arrays
    """Its inputs beside the scores."""
    weight: NDArray[Any] | None
    present: NDArray[Any] | None
    """Which rows are; None for all."""
    outputs: int | None
    """How many scores a row has; None where they have no axis of their own."""
    divisor: float
    product: Any = None
    """Of losses of rows, the one whose gradient is the Hessian times a vector, once somebody asks for it."""

    def __init__(self, name: str, loss: Any, y: Any, rows: int, options: Options) -> None:
        self.name, self.rows, self.given = name, rows, loss
        _check_scores(name, loss)
        arrays = _beside_scores(name, loss, y, rows)
        weight = None if options.weight is None else reading.array(name, "weight", options.weight)
        if weight is not None and weight.shape != (rows,):
            raise ValueError(f"{name}: weight has shape {weight.shape}, expected ({rows},), one for each row of X")
        weight = None if weight is None else np.ascontiguousarray(weight, np.float64)
        self.options: dict[str, Any] = {"backend": options.backend, "reduction": "sum", "check": False}
        read = self._read_rows if isinstance(loss, RowLoss) else self._read_elements
        read(loss, arrays, options._replace(weight=weight))
        if not 0.0 < self.divisor < np.inf:
            raise ValueError(f"{name}: the weights of all rows sum to {self.divisor:g}, expected more than 0")

    # -- What stands beside the scores ---------------------------------------------------------------------------------

    def _read_elements(self, loss: Loss, arrays: Arrays, options: Options) -> None:
        if options.classes is not None:
            raise TypeError(f"{self.name}: classes is {shown(options.classes)}, expected None; {loss.name} has none")
        self.outputs = _outputs(arrays, loss.arrays.values(), self.rows)
        self.shape = (self.rows,) if self.outputs is None else (self.rows, self.outputs)
        inputs: tuple[Any, ...] = (np.broadcast_to(0.0, self.shape), *arrays)
        if loss.arrays:
            loss, inputs = loss.reading(inputs)
        weight = options.weight
        if self.outputs is not None:
            inputs = tuple([x if x.ndim == 2 else x[:, None] if len(x) == self.rows else x[None] for x in inputs])
            weight = None if weight is None else weight[:, None]
        call = Call(VALUE, None, weight, None, options.ignore_index, reduction="sum", backend=options.backend)
        check_options(loss, call)
        job = Elements(loss, inputs)
        if options.ignore_index is not None:
            call = call._replace(weight=job.masked(call))
        job.read(call)
        if job.shape != self.shape:
            raise ValueError(f"{self.name}: {listed(loss.inputs[1:])} broadcast to {job.shape}, expected {self.shape}")
        job.arrange(call)
        self.divisor = float(job.weigh(True, True))
        here = np.True_ if job.weight is None else job.weight
        faults.look_for_values(loss, job.arrays, here, np.float64)
        self._refuse_unknown(loss, job.arrays[1:], here)
        self.loss, self.others = loss, [_of_scores(x, self.shape) for x in job.arrays[1:]]
        self.weight = self.present = None
        if job.weight is not None:
            self.weight = _of_scores(job.weight, self.shape)
            self.present = job.weight != 0 if job.weight.ndim == 1 else (job.weight != 0).any(axis=1)

    def _read_rows(self, loss: RowLoss, arrays: Arrays, options: Options) -> None:
        self.outputs = _classes(self.name, loss, arrays, options)
        self.shape = (self.rows, self.outputs)
        inputs: tuple[Any, ...] = (np.broadcast_to(0.0, self.shape), *arrays)
        if loss.arrays:
            loss, inputs = loss.reading(inputs)
        call = Call(VALUE, -1, options.weight, options.class_weight, options.ignore_index, options.label_smoothing,
                    "sum", backend=options.backend)  # fmt: skip
        check_options(loss, call)
        job = Rows(loss, inputs)
        job.read(call)
        job.arrange(call)
        self.divisor = float(job.weigh(True, True))
        present = presence.of_rows(job)
        dense = [*job.scores, *([] if job.labels or job.target is None else [job.target])]
        faults.look_for_values(loss, dense, present[:, None], np.float64)
        self._refuse_unknown(loss, dense[1:], present[:, None])
        self.loss, self.present = loss, None if present.all() else present
        self.weight = None if job.weight is None else np.ascontiguousarray(job.weight, np.float64)
        beside = [*job.scores[1:], *([] if job.target is None else [job.target]), *job.columns.values()]
        self.others = [np.ascontiguousarray(x) for x in beside]
        self.options |= {n: getattr(options, n) for n in OF_LABELS}

    def _refuse_unknown(self, loss: Loss | RowLoss, arrays: Arrays, present: Any) -> None:
        """Raise for the first NaN in a row that is present: no coefficients would be better than others."""
        for n, x in zip(loss.inputs[1:], arrays, strict=False):
            where = faults.first(lambda v, p: (v != v) & (p != 0), x, present) if (x != x).any() else None
            if where is not None:
                raise ValueError(f"{self.name}: {n}[{where[0]}] is nan, expected a number; a row of weight 0 is absent")

    # -- A block of rows -----------------------------------------------------------------------------------------------

    def value(self, part: slice, scores: NDArray[Any]) -> float:
        """The sum of a block's losses."""
        return self.loss(scores, *self._beside(part), **self._how(part))  # type: ignore[no-any-return]

    def value_and_grad(self, part: slice, scores: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """The same, and its gradient, which is written over the scores."""
        return self.loss.value_and_grad(scores, *self._beside(part), **self._how(part), out=scores)  # type: ignore[no-any-return]

    def bends(self, part: slice, scores: NDArray[Any], out: NDArray[Any]) -> None:
        """What `turned` needs of each score, into `out`; the scores are overwritten."""
        if self.product is None:
            self.loss.grad_and_hess(scores, *self._beside(part), **self._how(part), out=(scores, out))
        else:
            out[...] = scores

    def turned(self, part: slice, bends: NDArray[Any], change: NDArray[Any]) -> NDArray[Any]:
        """The second derivatives by a block's scores, times a change of these."""
        if self.product is None:
            change *= bends
            return change
        out = np.empty_like(change)
        self.product.grad(bends, change, *self._beside(part), **self._how(part), out=out)
        return out

    def curves(self, part: slice, scores: NDArray[Any]) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """The second derivative by each pair of a row's scores, for a block's rows, where it is not 0."""
        bends = np.empty_like(scores)
        self.bends(part, scores, bends)
        columns = bends.reshape(len(bends), -1).T
        if self.product is None:
            yield from ((k, k, column) for k, column in enumerate(columns))
            return
        for k in range(len(columns)):
            unit = np.zeros_like(bends)
            unit[:, k] = 1.0
            found = self.turned(part, bends, unit).T
            yield from ((j, k, found[j]) for j in range(k + 1))

    def check_hess(self) -> None:
        """Raise where there is no second derivative."""
        if not isinstance(self.loss, RowLoss):
            check_options(self.loss, Call(HESS, reduction="sum"))
        elif self.product is None:
            from ..define.product.program import product  # another 10 ms, which the gradient alone need not take

            try:
                made = product(self.given)
            except NotImplementedError as error:
                raise NotImplementedError(f"{self.name}: {error}; use its gradient alone, as method='L-BFGS-B' does"
                                          ) from None  # fmt: skip
            self.product = made.reading(())[0] if made.arrays else made

    def _beside(self, part: slice) -> Arrays:
        if len(self.shape) == 1 or isinstance(self.loss, RowLoss):
            return [x[part] if x.shape[:1] == (self.rows,) else x for x in self.others]
        return [_block(x, part, self.shape) for x in self.others]

    def _how(self, part: slice) -> dict[str, Any]:
        weight = self.weight
        if weight is None:
            return self.options
        return {**self.options, "weight": weight[part] if weight.ndim == 1 else _block(weight, part, self.shape)}


# -- What may be asked for ---------------------------------------------------------------------------------------------


def bound(name: str, loss: Any, parameters: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The loss with its parameters, and keywords of the verbs that it takes beside them."""
    if not isinstance(loss, (Loss, RowLoss)):
        raise TypeError(f"{name}: the loss is {no_loss(loss)}, expected one of elements or rows, such as fl.huber")
    taken = [n for n in keywords_of(loss) if n not in loss.parameters and n in parameters]
    for n in taken:
        if n not in OF_LABELS:
            raise TypeError(f"{name}: {n!r} is no argument; the value is a mean over the rows, divided by the sum of "
                            f"their weights")  # fmt: skip
    own = {n: v for n, v in parameters.items() if n not in taken}
    return loss.bind(**own) if own else loss, {n: parameters[n] for n in taken}


def _check_scores(name: str, loss: Loss | RowLoss) -> None:
    """Raise for a loss that is no sum of functions of any score."""
    if loss.rooted:
        raise TypeError(f"{name}: {loss.name} is the root of a mean, and no sum over rows; what it is the root of has "
                        f"its minimum at the same place")  # fmt: skip
    if loss.wrt != (0,) or loss.by not in ((), loss.inputs[:1]):
        own = listed(loss.by or [loss.inputs[k] for k in loss.wrt])
        raise TypeError(f"{name}: {loss.name} is differentiated by {own}, expected {loss.inputs[0]} alone")
    domain = loss.domains[0]
    if not domain.is_real_line:
        raise ValueError(f"{name}: {loss.inputs[0]} of {loss.name} is {domain}, and a linear model's scores are any "
                         f"numbers{hints.of_logits(loss)}")  # fmt: skip


def _beside_scores(name: str, loss: Loss | RowLoss, y: Any, rows: int) -> Arrays:
    """The loss's other inputs, of as many rows as there are."""
    names, given = loss.inputs[1:], y if isinstance(y, tuple) and len(loss.inputs) > 2 else (y,)
    if len(names) != len(given):
        expected = names[0] if len(names) == 1 else f"a tuple of {listed(names)}"
        raise TypeError(f"{name}: y is {shown(y)}, expected {expected}, which {loss.name} takes")
    arrays = [reading.array(loss.name, n, x) for n, x in zip(names, given, strict=True)]
    for n, x in zip(names, arrays, strict=True):
        if x.ndim not in (1, 2) or len(x) != rows:
            raise ValueError(f"{name}: {n} has shape {x.shape}, expected ({rows},), as X has rows, or ({rows}, m)")
    return arrays


def _outputs(arrays: Arrays, parameters: Any, rows: int) -> int | None:
    """How many scores a loss of elements has a row: as many as a target or a parameter has columns."""
    columns = [x.shape[1] for x in arrays if x.ndim == 2]
    columns += [x.shape[-1] for x in parameters if x.ndim == 2 or x.shape not in ((rows,), (1,))]
    return max(columns, default=None)


def _classes(name: str, loss: RowLoss, arrays: Arrays, options: Options) -> int:
    """How many classes a loss of rows has: the columns of a dense target, or one more than the largest label."""
    if options.classes is not None:
        return reading.whole(name, "classes", options.classes, 2)
    wide = [x for x in arrays if x.ndim == 2]
    if wide and wide[0].shape[1] < 2:
        raise ValueError(f"{name}: {loss.inputs[-1]} has shape {wide[0].shape}, expected two classes or more, or "
                         f"labels of shape ({len(wide[0])},)")  # fmt: skip
    if wide:
        return int(wide[0].shape[1])
    labels = arrays[-1]
    keep = np.full(labels.shape, True) if options.weight is None else options.weight != 0
    if options.ignore_index is not None:
        keep &= labels != options.ignore_index
    most = labels[keep].max() if keep.any() else -1
    if not 1 <= most < 1 << 31:
        raise ValueError(f"{name}: the largest of {loss.inputs[-1]} is {most}, expected labels of two classes or more, "
                         f"counted from 0; classes says how many there are")  # fmt: skip
    return int(most) + 1


def _of_scores(x: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """An array as float64; in full where a row has one score."""
    return np.ascontiguousarray(np.broadcast_to(x, shape) if len(shape) == 1 else x, np.float64)


def _block(x: NDArray[Any], part: slice, shape: tuple[int, ...]) -> NDArray[Any]:
    """The rows of an array that broadcasts to the scores, in full."""
    some = x[part] if x.ndim == 2 and len(x) == shape[0] else x
    return np.ascontiguousarray(np.broadcast_to(some, (part.stop - part.start, shape[1])))
