"""Losses of a predicted box and its target by their overlap."""

from __future__ import annotations

from math import fsum, inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..arrays.checks import check_options
from ..arrays.divisors import apart, mean_of_nothing
from ..arrays.host import memory as layout
from ..arrays.host.faults import refuse_weights
from ..arrays.host.weights import near, times
from ..arrays.job import Kind
from ..arrays.outputs import given_outputs
from ..arrays.verb import packed
from ..define.keywords import GRAD, VALUE, Call
from . import formulas, reading, templates
from .compiled import run
from .verbs import HostLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from ..define.keywords import Backend, Empty, Reduction

AXES = {
    "xyxy": (formulas.corner_axis, formulas.corner_slopes),
    "cxcywh": (formulas.center_axis, formulas.center_slopes),
}


class BoxLoss(HostLoss):
    """A loss of predicted boxes and their targets, with its gradient.

    pred : array of shape (..., 4)
    target : array that broadcasts to it
    format : {"xyxy", "cxcywh"}
        Two corners, or center, width and height, of both arrays; the gradient is with respect to these.
    weight : array, optional
        Weight of each box, at least 0; broadcast to (...). A box of weight 0 is absent, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number of boxes.
    normalizer, empty, backend
        As for all losses.
    out : array, optional
        Where the gradient goes: as `pred`, which it may be.
    check : bool, optional
        Whether a box that ends before it begins is an error. With ``False`` the formula is evaluated as it stands.

    Where two ends are the same the gradient is the mean of those on either side, so that it is 0 for boxes that agree;
    where boxes only touch, it is that of boxes apart.
    Boxes without an area have an overlap of 0 with everything. NaN gives NaN, an infinite box, too. There is no second
    derivative. Arrays on a GPU are refused.
    """

    inputs = ("pred", "target")

    def __init__(self, jet: Callable[..., Any], doc: str) -> None:
        self.name = jet.__name__
        self._jet = self.__wrapped__ = jet  # where doctest looks for the source
        self.__doc__ = doc
        super().__init__()

    def __call__(self, pred: ArrayLike, target: ArrayLike, **keywords: Any) -> Any:
        """The value."""
        return self._run(VALUE, pred, target, **keywords)

    def value_and_grad(self, pred: ArrayLike, target: ArrayLike, **keywords: Any) -> Any:
        """The value, and its gradient with respect to the predicted boxes."""
        return self._run(VALUE | GRAD, pred, target, **keywords)

    def grad(self, pred: ArrayLike, target: ArrayLike, **keywords: Any) -> Any:
        """The gradient alone."""
        return self._run(GRAD, pred, target, **keywords)

    def _run(
        self,
        want: int,
        pred: Any,
        target: Any,
        *,
        format: str = "xyxy",
        weight: Any = None,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        backend: Backend | None = None,
        check: bool | None = None,
        **unknown: Any,
    ) -> Any:
        self._refuse(unknown)
        reading.check_backend(self.name, backend)
        call = Call(want, reduction=reduction, normalizer=normalizer, empty=empty, out=out, backend=backend)
        check_options(self, call)  # type: ignore[arg-type]
        with np.errstate(all="ignore"):  # of numbers that a type does not hold
            given = _Given(self, pred, target, weight, reading.format_of(self.name, format))
            if check is None or check:
                given.check(call)
            found = given_outputs(given, call)
            to = None if found is None else [*found.value, *found.grad][0]
            divisor = given.divisor(call)
            nothing = mean_of_nothing(self, call) if divisor == 0.0 else 0.0  # type: ignore[arg-type]
            return packed(given.evaluate(self._jet, want, reduction == "none", divisor or inf, nothing, to, backend))


class _Given(reading.Arrays):
    """The arrays, read and checked."""

    def __init__(self, loss: BoxLoss, pred: Any, target: Any, weight: Any, format: str) -> None:
        name = loss.name
        self.name, self.format = name, format
        self.pred, self.target = reading.boxes_of(name, "pred", pred), reading.boxes_of(name, "target", target)
        if shapes.common_shape(name, ("pred", "target"), (self.pred, self.target)) != self.pred.shape:
            raise ValueError(f"{name}: target has shape {self.target.shape}, expected one that broadcasts to pred's, "
                             f"{self.pred.shape}")  # fmt: skip
        self.batch = self.pred.shape[:-1]
        self.weight = None if weight is None else self._weights(reading.array(name, "weight", weight))
        self.kind: Any = np.float64 if self.pred.dtype.char == "d" else np.float32
        super().__init__(loss, {"pred": self.pred, "target": self.target, "weight": self.weight})

    def _weights(self, weight: NDArray[Any]) -> NDArray[Any]:
        if shapes.common_shape(self.name, ("the batch of pred", "weight"), (self.pred[..., 0], weight)) != self.batch:
            raise ValueError(f"{self.name}: weight has shape {weight.shape}, expected one that broadcasts to "
                             f"{self.batch}, the batch of pred")  # fmt: skip
        return weight

    def check(self, call: Call) -> None:
        """Raise for the first box that is none, and the first weight."""
        present: Any = True
        if self.weight is not None:
            wide = call.reduction == "mean" and (call.normalizer is None or apart(float(call.normalizer)))
            refuse_weights(self.name, "weight", self.weight, np.float64 if wide else self.kind)
            present = np.broadcast_to(self.weight != 0, self.batch)
        target = np.broadcast_to(self.target, self.pred.shape)
        reading.check_order(self.name, "pred", self.pred, self.format, present)
        reading.check_order(self.name, "target", target, self.format, present)

    def expected(self, want: int) -> list[Kind]:
        """What the array of `out=` must be."""
        return [Kind(np.dtype(self.kind), self.batch) if want == VALUE else Kind(self.pred.dtype, self.pred.shape)]

    def divisor(self, call: Call) -> float:
        """What the sum is divided by; weights that are too large or too small for it take a power of two."""
        if call.reduction != "mean":
            return 1.0
        number = self._weighed() if call.normalizer is None else float(call.normalizer)
        if apart(number) and self.pred.size:
            weight = np.ones((), self.kind) if self.weight is None else self.weight
            self.weight, power = near(weight, number, self.kind)
            number = self._weighed() if call.normalizer is None else times(number, power)
        return number

    def _weighed(self) -> float:
        """The sum of the boxes' weights."""
        count = float(np.prod(self.batch))
        if self.weight is None or not count:
            return count
        return float(self.weight.astype(np.float64).sum()) * (count / self.weight.size)

    def evaluate(
        self, jet: Any, want: int, each: bool, divisor: float, nothing: float, to: NDArray[Any] | None,
        backend: str | None,
    ) -> list[Any]:  # fmt: skip
        """What the verb returns."""
        shapes = [(self.batch, want & VALUE and each), (self.pred.shape, want & GRAD)]
        room = [np.empty(shape, self.kind) for shape, used in shapes if used]
        if to is not None and to.dtype == self.kind and to.flags.c_contiguous:
            room[-1] = to
        sums = self._run(jet, want, each, 1.0 / divisor, room, backend)
        found: list[Any] = []
        if want & VALUE:
            total = nothing if divisor == inf else _total(sums) / divisor
            found.append(layout.passed(room[0]) if each else layout.number(self.kind, total))
        if want & GRAD:
            found.append(layout.passed(room[-1].astype(self.pred.dtype, copy=False)))
        if to is not None and to is not found[-1]:
            to[...] = found[-1]
            found[-1] = to
        return found

    def _run(
        self, jet: Any, want: int, each: bool, scale: float, room: list[NDArray[Any]], backend: str | None
    ) -> NDArray[Any]:  # fmt: skip
        """The sums of blocks; each box's loss and gradient go to `room`."""
        size = int(np.prod(self.batch))
        arrays: list[NDArray[Any]] = [reading.dense(np.broadcast_to(x, self.pred.shape), self.kind).reshape(size, 4)
                  for x in (self.pred, self.target)]  # fmt: skip
        if self.weight is not None:
            arrays.append(reading.dense(np.broadcast_to(self.weight, self.batch), self.kind).reshape(size))
        sums = np.zeros(-(-size // templates.BLOCK))
        axis, slopes = AXES[self.format]
        flags = {"WEIGHED": self.weight is not None, "SUM": want & VALUE and not each, "KEEP": want & VALUE and each,
                 "GRAD": want & GRAD}  # fmt: skip
        outputs = [sums, *(x.reshape(size, *x.shape[len(self.batch) :]) for x in room)]
        run(templates.aligned, arrays, outputs, (scale,), compute=np.dtype(self.kind).char, size=4 * size,
            backend=backend, formulas=(("axis", axis), ("slopes", slopes), ("jet", jet)),
            flags=tuple(flag for flag, used in flags.items() if used))  # fmt: skip
        return sums


def _total(sums: NDArray[Any]) -> float:
    """Exact, so that the order of the blocks does not matter; what is infinite or NaN is so in any order."""
    total = float(sums.sum())
    return fsum(sums) if isfinite(total) else total


iou_loss = BoxLoss(formulas.iou_loss, """1 - IoU of predicted boxes and targets.

1 - |A ∩ B| / |A ∪ B|. There is no gradient where boxes do not meet: `giou_loss` and its relatives have one. Nothing
cancels in it, so that it is exact for boxes that are nearly the same. J. Yu et al., "UnitBox" (ACM Multimedia 2016) has
its negative logarithm.

>>> import fastloss as fl
>>> fl.iou_loss.value_and_grad([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0]])
(np.float64(0.6666666666666666), array([[-0.11111111,  0.        , -0.33333333,  0.        ]]))
""")  # fmt: skip

giou_loss = BoxLoss(formulas.giou_loss, """Generalised IoU loss: it has a gradient where boxes do not meet, too.

1 - IoU + (|C| - |A ∪ B|) / |C|, with C the smallest box around both; from 0 to 2. H. Rezatofighi et al., "Generalized
Intersection over Union" (CVPR 2019). Where C has no area, the second term is 0.

>>> import fastloss as fl
>>> fl.giou_loss([[0.0, 0.0, 1.0, 1.0]], [[2.0, 0.0, 3.0, 1.0]])
np.float64(1.3333333333333335)
""")  # fmt: skip

diou_loss = BoxLoss(formulas.diou_loss, """Distance IoU loss: it draws the centers towards each other.

1 - IoU + d^2 / c^2, with d the distance of the centers and c the diagonal of the smallest box around both. Z. Zheng et
al., "Distance-IoU Loss" (AAAI 2020).

>>> import fastloss as fl
>>> fl.diou_loss([[0.0, 0.0, 1.0, 1.0]], [[2.0, 0.0, 3.0, 1.0]])
np.float64(1.4)
""")  # fmt: skip

ciou_loss = BoxLoss(formulas.ciou_loss, """Complete IoU loss: `diou_loss`, and a term for the aspect ratio.

1 - IoU + d^2 / c^2 + alpha v, with v = (2 / pi (atan(w* / h*) - atan(w / h)))^2 and alpha = v / (1 - IoU + v), which is
a constant in the gradient, as its authors have it. A box without any size has the aspect of the other one. Z. Zheng et
al., "Distance-IoU Loss" (AAAI 2020); the derivative of v is that of the formula, whose factor 1 / (w^2 + h^2) they
replace by 1.

>>> import fastloss as fl
>>> fl.ciou_loss([[0.0, 0.0, 1.0, 1.0]], [[0.0, 0.0, 1.0, 2.0]]).round(6)
np.float64(0.553248)
""")  # fmt: skip
