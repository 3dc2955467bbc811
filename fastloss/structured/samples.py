"""The arrays of a loss of samples: what a host loss does with weights, denominators, `out=` and results."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..arrays.divisors import apart, mean_of_nothing
from ..arrays.host import fresh
from ..arrays.host import memory as layout
from ..arrays.host.faults import refuse_weights
from ..arrays.host.weights import near, times
from ..arrays.job import Kind
from ..arrays.outputs import given_outputs
from ..arrays.verb import packed
from ..define.keywords import GRAD, HESS, VALUE
from . import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..define.keywords import Call


class Samples(reading.Arrays):
    """Inputs that are differentiated, the shape of the batch, and a weight for each sample of it."""

    def __init__(
        self, loss: Any, inputs: Mapping[str, NDArray[Any]], others: Mapping[str, Any], batch: tuple[int, ...],
        weight: Any,
    ) -> None:  # fmt: skip
        self.name, self.inputs, self.batch = loss.name, inputs, batch
        self.count = prod(batch)
        self.kind = reading.kind_of(*inputs.values())
        self.weight = None if weight is None else self._weights(reading.array(loss.name, "weight", weight))
        super().__init__(loss, {**inputs, **others, "weight": self.weight})

    def _weights(self, weight: NDArray[Any]) -> NDArray[Any]:
        frame = np.broadcast_to(np.zeros(()), self.batch)
        whose = f"the batch of {next(iter(self.inputs))}"
        if shapes.common_shape(self.name, (whose, "weight"), (frame, weight)) != self.batch:
            raise ValueError(f"{self.name}: weight has shape {weight.shape}, expected one that broadcasts to "
                             f"{self.batch}, {whose}")  # fmt: skip
        return weight

    def only(self, here: Any, which: NDArray[np.bool_]) -> None:
        """Leave those samples to be counted that `which` says of the ones that are `here`."""
        weights = np.zeros(self.batch)
        weights[here] = np.where(which, self.weights[here], 0.0)
        self.weight = weights

    def refuse_weights(self, call: Call) -> None:
        """Raise for the first weight that is none."""
        if self.weight is not None:
            wide = call.reduction == "mean" and (call.normalizer is None or apart(float(call.normalizer)))
            refuse_weights(self.name, "weight", self.weight, np.float64 if wide else self.kind)

    @property
    def present(self) -> Any:
        """Which samples are: True for all of them, or an array of the batch's shape."""
        return True if self.weight is None else np.broadcast_to(self.weight != 0, self.batch)

    @property
    def weights(self) -> NDArray[np.float64]:
        """One for each sample, in one run."""
        if self.weight is None:
            return np.ones(self.count)
        return np.ascontiguousarray(np.broadcast_to(self.weight, self.batch), np.float64).reshape(-1)

    def expected(self, want: int) -> list[Kind]:
        """What the arrays of `out=` must be."""
        if want == VALUE:
            return [Kind(np.dtype(self.kind), self.batch)]
        return [Kind(x.dtype, x.shape) for x in self.inputs.values()]

    def given(self, call: Call) -> list[NDArray[Any]] | None:
        """The arrays of `out=`, checked; each gradient may be written over its own input."""
        found = given_outputs(self, call, tuple(self.inputs))
        return None if found is None else [*found.value, *found.grad, *found.hess]

    def divisor(self, call: Call) -> float:
        """What the sum is divided by; weights that are too large or too small for it take a power of two."""
        if call.reduction != "mean":
            return 1.0
        number = self._weighed() if call.normalizer is None else float(call.normalizer)
        if apart(number) and self.count:
            weight = np.ones((), self.kind) if self.weight is None else self.weight
            self.weight, power = near(weight, number, self.kind)
            number = self._weighed() if call.normalizer is None else times(number, power)
        return number

    def _weighed(self) -> float:
        """The sum of the samples' weights."""
        count = float(self.count)
        if self.weight is None or not count:
            return count
        with np.errstate(over="ignore"):
            return float(self.weight.astype(np.float64).sum()) * (count / self.weight.size)

    def room(self, to: Sequence[NDArray[Any]] | None) -> list[NDArray[Any]]:
        """Where kernels write gradients that need no more than a sample's own inputs: to `out=` where it serves."""
        fits = to is not None and all(x.dtype == self.kind and x.flags.c_contiguous for x in to)
        return list(to) if to is not None and fits else [fresh.empty(x.shape, self.kind) for x in self.inputs.values()]

    def nothing(self, call: Call, divisor: float) -> float:
        """What the mean is where the divisor is 0."""
        return mean_of_nothing(self.loss, call) if divisor == 0.0 else 0.0

    def results(
        self, call: Call, value: Callable[[], float], each: NDArray[Any] | None, grads: Sequence[NDArray[Any]],
        to: Sequence[NDArray[Any]] | None,
    ) -> Any:  # fmt: skip
        """What the verb returns: the value, or each sample's weighted loss; and the gradients."""
        found: list[Any] = []
        if call.want & VALUE:
            if call.reduction != "none" or each is None:
                found.append(layout.number(self.kind, value()))
            else:
                here = to if not call.want & GRAD else None
                found.append(self._stored(each.reshape(self.batch), self.kind, here[0] if here else None))
        if call.want & GRAD:
            places: Sequence[NDArray[Any] | None] = to or (None,) * len(grads)
            slopes = [self._stored(grad, x.dtype, place)
                      for grad, x, place in zip(grads, self.inputs.values(), places, strict=True)]  # fmt: skip
            found.append(tuple(slopes) if len(slopes) > 1 else slopes[0])
        return packed(found)

    @staticmethod
    def _stored(x: NDArray[Any], dtype: Any, place: NDArray[Any] | None) -> Any:
        """An array of the dtype, or the place that is given for it."""
        if place is None:
            return layout.passed(x.astype(dtype, copy=False))
        if place is not x:
            place[...] = x
        return place


class Scores(Samples):
    """Samples of one input, with a gradient and the diagonal of a Hessian, both computed in float64."""

    pred: NDArray[Any]

    def expected(self, want: int) -> list[Kind]:
        """What the arrays of `out=` must be."""
        return super().expected(want) * (2 if want & HESS else 1)

    def places(self, call: Call, to: list[NDArray[Any]] | None) -> list[NDArray[Any]]:
        """Where the kernel writes each derivative, to `out=` where it serves; nothing for the others."""
        count = bool(call.want & GRAD) + bool(call.want & HESS)
        kept = to if count and to is not None else [None] * count
        found = [x if x is not None and x.dtype == np.float64 and x.flags.c_contiguous
                 else fresh.empty(self.pred.shape, np.float64) for x in kept]  # fmt: skip
        return [x.reshape(-1) for x in found] + [np.empty(0)] * (2 - count)

    def curved(
        self, call: Call, value: float, each: NDArray[Any], slopes: list[NDArray[Any]], to: list[NDArray[Any]] | None
    ) -> Any:  # fmt: skip
        """What the verb returns."""
        grads = [x.reshape(self.pred.shape) for x in slopes if x.size or not self.pred.size]
        first = call._replace(want=call.want & (VALUE | GRAD))
        found = self.results(first, lambda: value, each, grads[:1] if call.want & GRAD else [], to and to[:1])
        if not call.want & HESS:
            return found
        return found, self._stored(grads[1], self.pred.dtype, to[1] if to else None)


def flags(want: int) -> tuple[str, ...]:
    """The ports that say what a verb wants."""
    return tuple([name for name, bit in (("VALUE", VALUE), ("GRAD", GRAD), ("HESS", HESS)) if want & bit])
