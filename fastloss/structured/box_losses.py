"""Losses of a predicted box and its target by their overlap."""

from __future__ import annotations

from math import fsum, inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..define.keywords import GRAD, VALUE, Call
from . import box_formulas as formulas
from . import box_templates as templates
from . import reading
from .compiled import run
from .samples import Samples
from .verbs import HostLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


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
    separate = True

    def __init__(self, jet: Callable[..., Any], doc: str) -> None:
        self.name = jet.__name__
        self._jet = self.__wrapped__ = jet  # where doctest looks for the source
        self.__doc__ = doc
        super().__init__()

    def _run(self, call: Call, pred: Any, target: Any, *, format: str = "xyxy") -> Any:
        given = _Given(self, pred, target, call.weight, reading.format_of(self.name, format))
        if call.check is not False:
            given.check(call)
        to = given.given(call)
        divisor = given.divisor(call)
        return given.evaluate(self._jet, call, divisor, given.nothing(call, divisor), to)


class _Given(Samples):
    """The arrays, read and checked."""

    def __init__(self, loss: BoxLoss, pred: Any, target: Any, weight: Any, format: str) -> None:
        name = loss.name
        self.format = format
        self.pred, self.target = reading.boxes_of(name, "pred", pred), reading.boxes_of(name, "target", target)
        if shapes.common_shape(name, ("pred", "target"), (self.pred, self.target)) != self.pred.shape:
            raise ValueError(f"{name}: target has shape {self.target.shape}, expected one that broadcasts to pred's, "
                             f"{self.pred.shape}")  # fmt: skip
        super().__init__(loss, {"pred": self.pred}, {"target": self.target}, self.pred.shape[:-1], weight)

    def check(self, call: Call) -> None:
        """Raise for the first box that is none, and the first weight."""
        self.refuse_weights(call)
        target, present = np.broadcast_to(self.target, self.pred.shape), self.present
        reading.check_order(self.name, "pred", self.pred, self.format, present)
        reading.check_order(self.name, "target", target, self.format, present)

    def evaluate(self, jet: Any, call: Call, divisor: float, nothing: float, to: list[NDArray[Any]] | None) -> Any:
        """What the verb returns."""
        keep = call.want & VALUE and call.reduction == "none"
        each = np.empty(self.batch, self.kind) if keep else None
        grads = self.room(to) if call.want & GRAD else []
        sums = self._run(jet, call, 1.0 / (divisor or inf), each, grads)
        return self.results(call, lambda: _total(sums) / divisor if divisor else nothing, each, grads, to)

    def _run(
        self, jet: Any, call: Call, scale: float, each: NDArray[Any] | None, grads: list[NDArray[Any]]
    ) -> NDArray[Any]:  # fmt: skip
        """The sums of blocks; the boxes' losses go to `each`, and their gradients to `grads`."""
        size = self.count
        arrays: list[NDArray[Any]] = [reading.dense(np.broadcast_to(x, self.pred.shape), self.kind).reshape(size, 4)
                  for x in (self.pred, self.target)]  # fmt: skip
        if self.weight is not None:
            arrays.append(reading.dense(np.broadcast_to(self.weight, self.batch), self.kind).reshape(size))
        sums = np.zeros(-(-size // templates.BLOCK))
        axis, slopes = AXES[self.format]
        flags = {"WEIGHED": self.weight is not None, "SUM": call.want & VALUE and each is None,
                 "KEEP": each is not None, "GRAD": call.want & GRAD}  # fmt: skip
        outputs = [sums, *([] if each is None else [each.reshape(size)]), *(x.reshape(size, 4) for x in grads)]
        run(templates.aligned, arrays, outputs, (scale,), compute=np.dtype(self.kind).char, size=4 * size,
            backend=call.backend, formulas=(("axis", axis), ("slopes", slopes), ("jet", jet)),
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
