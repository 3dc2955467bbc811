"""What regions are computed of: predictions and masks of any axes, read, checked, and brought into one order."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..arrays.checks import refuse_class_weights
from ..arrays.divisors import apart
from ..arrays.host import faults, fresh
from ..arrays.host.weights import near
from ..arrays.job import Kind
from ..define.keywords import VALUE
from ..define.wording import shown
from . import reading
from . import region_formulas as formulas
from . import region_templates as templates
from .compiled import run, shared

if TYPE_CHECKING:
    from numpy.typing import NDArray

LINKS: dict[str | None, tuple[Any, tuple[str, ...]]] = {
    None: (formulas.itself, ()),
    "sigmoid": (formulas.sigmoid, ("LINKED",)),
    "softmax": (formulas.itself, ()),
}
"""For each activation the probability of a number on its own, and the flags of the gradient's kernel."""

SHORT = 64
"""Pixels of an image below which the samples' are brought together where they are added up anyway: a loop over fewer
is not worth starting."""


class Masks(reading.Arrays):
    """The arrays of a call."""

    def __init__(
        self, loss: Any, pred: Any, target: Any, weight: Any, class_weight: Any, axis: Any,
        activation: str | None, ignore_index: Any, per_sample: bool, per_class: bool,
    ) -> None:  # fmt: skip
        self.name = name = loss.name
        if activation not in (*LINKS,):
            raise ValueError(f"{name}: activation is {shown(activation)}, expected None, 'sigmoid' or 'softmax'")
        if activation is not None and not loss.activated:
            raise ValueError(f"{name}: activation is {shown(activation)}, expected None; it takes logits as they are")
        if activation == "softmax" and axis is None:
            raise ValueError(f"{name}: axis is None, expected the axis of the classes that softmax is taken over")
        self.activation, self.per_sample, self.per_class = activation, per_sample, per_class
        self.pred, self.target = reading.floats(name, "pred", pred), reading.array(name, "target", target)
        self.kind: Any = np.float64 if self.pred.dtype.char == "d" else np.float32
        self.weight = None if weight is None else reading.array(name, "weight", weight)
        self.power = 0
        self._fit(loss, axis)
        self.ignore = self._ignored(loss, ignore_index)
        self.weighed = class_weight is not None
        self.shares = self._class_weight(loss, class_weight)
        seen = {"pred": self.pred, "target": self.target, "weight": self.weight, "class_weight": class_weight}
        super().__init__(loss, seen)
        self._order()

    # -- Shapes --------------------------------------------------------------------------------------------------------

    def _fit(self, loss: Any, axis: Any) -> None:
        """The axes, and what kind of target it is."""
        name, shape, target = self.name, self.pred.shape, self.target
        self.classed = axis is not None
        if self.classed:
            self.axis = shapes.axis_of(loss, shape, axis)
            self.full, self.first = shape, 0
            self.labels = shapes.are_labels(loss, target.shape, target.dtype, shape, self.axis, False)
            if self.labels and shape[self.axis] == 1:
                raise ValueError(f"{name}: pred has a single class along axis {axis}, whose only label is 0; "
                                 f"for labels of 0 and 1 pass pred.squeeze({axis}), without axis")  # fmt: skip
        else:
            self.axis, self.full, self.first = len(shape), (*shape, 1), 1
            self.labels = target.dtype.kind in "iu"
            if target.shape != shape:
                if prod(target.shape) == prod(shape):  # with an axis of length 1 more or less, perhaps
                    shapes.common_shape(name, ("pred", "target"), (self.pred, target))
                raise ValueError(f"{name}: target has shape {target.shape}, expected that of pred, {shape}; classes "
                                 "of pred need axis")  # fmt: skip
        self.batch = self.full[: self.axis] + self.full[self.axis + 1 :]
        self.classes = self.full[self.axis]
        if self.weight is not None:
            shapes.check_weight(loss, "weight", self.weight, self.full, self.axis)
        if self.per_sample and not self.batch:
            raise ValueError(f"{name}: per_sample is True and pred has shape {shape}, expected an axis of samples")

    def _ignored(self, loss: Any, index: Any) -> int | None:
        if index is not None and not self.labels:
            raise ValueError(f"{self.name}: ignore_index is for integer labels, but target has shape "
                             f"{self.target.shape} and dtype {self.target.dtype}")  # fmt: skip
        return shapes.ignored(loss, index, self.labels, self.target)

    def _class_weight(self, loss: Any, weight: Any) -> NDArray[Any]:
        """A weight for each class, in float64."""
        if weight is None:
            return np.ones(self.classes)
        if not self.classed:
            raise ValueError(f"{self.name}: class_weight is given, expected None; without axis there is a single class")
        found = reading.array(self.name, "class_weight", weight)
        shapes.check_class_weight(loss, found.shape, self.classes)
        refuse_class_weights(loss, found, np.float64)
        return found.astype(np.float64)

    def _order(self) -> None:
        """Samples, classes, pixels: as the axes stand where the classes follow the samples, else transposed."""
        axis, full, batch = self.axis, self.full, self.batch
        rest = [k for k in range(len(full)) if k != axis]
        if self.per_sample:
            self.order = [*range(len(full))] if self.classes == 1 else [rest[0], axis, *rest[1:]]
            self.samples = batch[0]
        else:
            ahead, pixels = prod(full[:axis]), prod(full[axis + 1 :])
            long = pixels >= SHORT and self.pred.flags.c_contiguous and not self.loss.together
            stays = self.classes == 1 or ahead == 1 or long
            self.samples = ahead if stays and self.classes != 1 else 1
            self.order = [*range(len(full))] if stays else [axis, *rest]
        self.straight = self.order == [*range(len(full))]
        count = prod(batch)
        self.pixels = count // self.samples if self.samples else 0
        self.rows = self.samples if self.activation == "softmax" else self.samples * self.classes
        self.coupled = self.classes if self.activation == "softmax" else 1

    def _pixelwise(self, x: NDArray[Any], kind: Any) -> NDArray[Any]:
        """An array of the batch, as (samples, 1, pixels)."""
        order = [k - (k > self.axis) for k in self.order if k != self.axis]
        whole = np.broadcast_to(x, self.batch).transpose(order)
        return np.ascontiguousarray(whole, kind).reshape(self.samples, 1, self.pixels)

    def _classwise(self, x: NDArray[Any], kind: Any) -> NDArray[Any]:
        """An array with classes, as (rows, classes that are coupled, pixels)."""
        whole = x if self.straight else x.reshape(self.full).transpose(self.order)
        return np.ascontiguousarray(whole, kind).reshape(self.rows, self.coupled, self.pixels)

    # -- Kernels -------------------------------------------------------------------------------------------------------

    def arrange(self) -> None:
        """The arrays as the kernels take them; a label that int64 does not hold becomes a negative one, no class."""
        target = self.target
        if self.labels:
            own = target.dtype if target.dtype.char in "Bbhil" else np.dtype(np.int64)
            truth = self._pixelwise(target, own)
        else:
            truth = self._classwise(target, np.uint8 if target.dtype.char in "?B" else self.kind)
        self.arrays = [self._classwise(self.pred, self.kind), truth]
        if self.weight is not None:
            self.arrays.append(self._weights())
        self.tasks = shared(self.rows * -(-self.pixels // templates.BLOCK), templates.TASKS)
        one = self.tasks, templates.STRIP
        self.room = [np.empty((self.tasks, self.coupled, templates.STRIP), self.kind) for _ in range(2)]
        self.room += [np.empty(one, self.kind) for _ in range(4)]
        last = -1 if self.ignore is None else self.ignore
        self.numbers = (self.rows // self.samples if self.samples else 1, self.first, last, self.first + self.classes)
        flags = {"SOFTMAX": self.activation == "softmax", "LABELS": self.labels, "WEIGHED": self.weight is not None,
                 "IGNORE": self.ignore is not None}  # fmt: skip
        self.linked = LINKS[self.activation][1]
        self.flags = tuple(flag for flag, used in flags.items() if used)

    def _weights(self) -> NDArray[Any]:
        weight = self.weight
        assert weight is not None
        top = float(np.abs(weight).max(initial=0.0))
        if top and apart(top):
            weight, self.power = near(weight, top, self.kind)
        return self._pixelwise(weight, self.kind)

    def run(
        self, template: Any, outputs: list[Any], inputs: list[Any], backend: str | None, flags: tuple[str, ...]
    ) -> None:  # fmt: skip
        """Run a template over all pixels."""
        ports = ("link", LINKS[self.activation][0]), ("exponential", formulas.below)
        run(template, inputs, [*outputs, *self.room], self.numbers, compute=np.dtype(self.kind).char,
            size=self.rows * self.coupled * self.pixels, backend=backend, formulas=ports, flags=flags)  # fmt: skip

    def present(self) -> Any:
        """Which pixels are."""
        found: Any = np.True_ if self.weight is None else self.weight != 0
        if self.ignore is not None:
            found = found & (self.target != self.ignore)
        return np.broadcast_to(found, self.batch)

    def blame(self) -> None:
        """Raise for the first number that is none that it may be, after a kernel has counted it."""
        here, loss = self.present(), self.loss
        each = np.expand_dims(here, self.axis) if self.classed else here
        if self.activation is None and loss.activated:
            hint = "; logits are computed with activation='sigmoid', or 'softmax' over an axis"
            self._outside("pred", self.pred, each, lambda p: (p < 0) | (p > 1), f"a probability, from 0 to 1{hint}")
        if self.labels:
            faults.refuse_labels(loss, self.target, here, self.first + self.classes)
        else:
            self._outside("target", self.target, each, lambda t: (t < 0) | (t > 1), "a number from 0 to 1")
            if loss.hard:
                self._outside("target", self.target, each, lambda t: (t > 0) & (t < 1), "0 or 1")
        if self.weight is not None:
            faults.refuse_weights(self.name, "weight", self.weight, self.kind)
        raise AssertionError("a kernel counted a number that the check does not find")

    def _outside(self, argument: str, x: NDArray[Any], here: Any, test: Any, expected: str) -> None:
        where = faults.first(lambda y, p: test(y) & p, x, here)
        if where is not None:
            raise ValueError(f"{self.name}: {argument}{shapes.place(where)} is {x[where]!s}, expected {expected}")

    # -- Results -------------------------------------------------------------------------------------------------------

    def scored(self) -> tuple[int, ...]:
        """The shape of the scores."""
        samples = self.batch[:1] if self.per_sample else ()
        return samples + ((self.classes,) if self.per_class and self.classed else ())

    def expected(self, want: int) -> list[Kind]:
        """What the array of `out=` must be."""
        if want == VALUE:
            return [Kind(np.dtype(self.kind), self.scored())]
        return [Kind(self.pred.dtype, self.pred.shape)]

    def gradient(self, to: NDArray[Any] | None) -> NDArray[Any]:
        """Room for the gradient, as the kernels take it: the caller's, if that is in their order and type."""
        shape = self.rows, self.coupled, self.pixels
        if to is not None and self.straight and to.dtype == self.kind and to.flags.c_contiguous:
            return to.reshape(shape)
        return fresh.empty(shape, self.kind)

    def returned(self, grad: NDArray[Any], to: NDArray[Any] | None) -> NDArray[Any]:
        """The gradient, in the prediction's order and type."""
        if not self.straight:
            grad = grad.reshape([self.full[k] for k in self.order]).transpose(np.argsort(self.order))
        whole = grad.reshape(self.pred.shape)
        if to is None:
            return np.asarray(whole, self.pred.dtype, order="C")
        if not np.may_share_memory(to, grad):
            to[...] = whole
        return to
