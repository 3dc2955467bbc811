"""A loss of elements with NumPy's arrays, or whatever NumPy can read: a job for `arrays/verb.py`.

Nothing of the arrays' size is allocated but what is returned.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.keywords import GRAD, HESS, VALUE
from ...kernels.plan.elements import Plan
from .. import samples, shapes
from ..checks import BACKENDS
from ..job import NONE, NOWHERE, Kind, Outputs
from ..outputs import same_memory
from . import arithmetic, faults, fresh, kernels, recipes, remember, roots, weights
from .memory import number, passed, runs
from .read import read_array, read_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ...define.elements import Definition
    from ...define.keywords import Call
    from ..divisors import Divisor

    Arrays = Sequence[NDArray[Any]]


class Elements:
    """A loss of elements with its arrays on the host."""

    backends = BACKENDS
    arithmetic: Any = arithmetic
    divisor, refuse, masked = weights.divisor, samples.refuse, samples.masked
    power = 0
    """The power of two that weights were multiplied by before they were read."""
    dense = inplace = wide = False
    """Whether the last pass was over one dense run; over the first input's memory; in float64 whatever the inputs."""

    def __init__(self, loss: Definition, inputs: tuple[Any, ...], also: Mapping[str, Any] = NONE) -> None:
        self.loss, self.inputs, self.also = loss, inputs, also

    def known(self, call: Call) -> Any:
        unseen = self.also and call.out is not None  # over which nothing may be written
        if unseen or call.empty != "nan":
            return None
        want, weight, reduction, out, backend = call.want, call.weight, call.reduction, call.out, call.backend
        check = call.check is not False
        return recipes.evaluate(self.loss, want, self.inputs, weight, reduction, out, backend, check, call.normalizer)

    def read(self, call: Call) -> None:
        """Read the inputs and the weights."""
        loss = self.loss
        self.arrays = [read_array(loss, name, x) for name, x in zip(loss.inputs, self.inputs, strict=True)]
        self.inputs = tuple(self.arrays)
        self.weight = None if call.weight is None else read_array(loss, "weight", call.weight)
        given = self.arrays if self.weight is None else (*self.arrays, self.weight)
        self.shape = shapes.common_shape(loss.name, (*loss.inputs, "weight"), given, loss.streamed)
        self.count, self.device = prod(self.shape), -1
        for k in loss.wrt:
            if self.arrays[k].dtype.char not in shapes.FLOATS:
                self.arrays[k] = self.arrays[k].astype(np.float64)
        self.dtypes = [x.dtype for x in self.arrays]
        """Those of the derivatives."""
        self.kind = shapes.kind_of(self.dtypes[loss.wrt[0]].char)
        self.each, self.backend = call.reduction == "none", call.backend

    @property
    def seen(self) -> dict[str, NDArray[Any]]:
        seen = dict(zip(self.loss.inputs, self.inputs, strict=True))
        if self.weight is not None:
            seen["weight"] = self.weight
        for name, x in self.also.items():
            seen[name] = read_array(self.loss, name, x)
        return seen

    def expected(self, want: int) -> list[Kind]:
        """The type of the arithmetic for values; type and shape of its input for each derivative."""
        if want == VALUE:
            return [Kind(np.dtype(self.kind), self.shape)]
        own = [Kind(self.dtypes[k], self.arrays[k].shape) for k in self.loss.wrt]
        return own * (2 if want & HESS else 1)

    def output(self, x: Any) -> NDArray[Any]:
        return read_output(self.loss, x)

    def arrange(self, call: Call) -> None:
        """Widen 16-bit inputs that are broadcast, whose derivatives are sums of terms that are not rounded."""
        loss, want = self.loss, call.want
        for k in loss.wrt:
            x = self.arrays[k]
            if x.shape != self.shape and want & ~VALUE:
                if loss.rooted and want & HESS:
                    raise shapes.not_full(loss.name, loss.inputs[k], x.shape, self.shape)
                if x.dtype.itemsize < 4:
                    self.arrays[k] = x.astype(np.float32)
        self.types = tuple([x.dtype.char for x in self.arrays])
        self.parameters = loss.cast(self.kind, self.dtypes[loss.wrt[0]].char)

    def twin(self) -> Elements:
        return Elements(self.loss, self.inputs, self.also)

    def taken(self, name: str, x: Any) -> NDArray[Any]:
        return read_array(self.loss, name, x)

    def weight_of(self, call: Call) -> Any:
        return self.weight

    def looks(self, check: bool | None) -> bool:
        """Weights are looked at before they are divided, or their place would be told among the shares."""
        return check is not False

    def passed(self, value: Any) -> Any:
        return passed(value)

    def take(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Go on with other inputs, of the same shapes."""
        self.arrays = [*arrays]
        self.types = tuple([x.dtype.char for x in arrays])

    def widen(self) -> None:
        """Go on in float64; what is written keeps its type."""
        self.wide = True
        self.parameters = self.loss.cast(np.float64, self.dtypes[self.loss.wrt[0]].char)

    def weigh(self, check: bool, given: bool) -> float:
        """The sum of the weights, which with `check` are looked at."""
        return weights.summed(self, self.weight, np.float64, check)

    def examine(self, check: bool, given: bool, wide: bool) -> None:
        """Raise for a weight that is none, where no kernel looks in time, or float32 is too narrow for them."""
        early = (given or self.loss.rooted) and not self.loss.checks
        if check and (wide or early):
            weights.summed(self, self.weight, np.float64 if wide else self.kind, True)

    def refuse_weights(self, kind: Any) -> None:
        """Raise for the first weight that is none of this type, if there is one."""
        if self.weight is not None:
            faults.refuse_weights(self.loss.name, "weight", self.weight, kind)

    def rescale(self, divisor: float) -> int:
        """Multiply the weights by a power of two that brings the divisor near 1; the power."""
        self.weight, power = weights.near(np.ones(()) if self.weight is None else self.weight, divisor, self.kind)
        return power

    def look(self, call: Call, given: bool) -> bool:
        """Go through the elements where a domain is to be kept and the kernels that write cannot look on their way."""
        first = call.check is not False and self.loss.checks and (given or self.loss.rooted)
        if first:
            self.run(0, True, (0.0, 0.0), NOWHERE)
        return first

    def aims(self, call: Call, given: Outputs | None) -> Outputs:
        """The given arrays where they have the common shape, else fresh ones that do."""
        if given is None:
            return self._fresh(call.want)
        for part in given:
            for a in part:
                if a.shape != self.shape:
                    return self._fresh(call.want)
        return given if given.value else Outputs(self._fresh(call.want & VALUE).value, given.grad, given.hess)

    def _fresh(self, want: int) -> Outputs:
        value = [fresh.empty(self.shape, self.kind)] if self.each and want & VALUE else ()
        grad = [self._like(k) for k in self.loss.wrt] if want & GRAD else ()
        return Outputs(value, grad, [self._like(k) for k in self.loss.wrt] if want & HESS else ())

    def _like(self, k: int) -> NDArray[Any]:
        x = self.arrays[k]
        return fresh.like(x) if x.shape == self.shape else fresh.empty(self.shape, x.dtype)

    def evaluate(self, want: int, check: bool, divisor: Divisor, to: Outputs) -> float:
        """One pass, or two for a root; the mean of the losses, or their sum."""
        if self.loss.rooted:
            root = roots.run(self, want, divisor, to)
            return root if divisor.number else divisor.nothing
        return divisor.mean(self.run(want, check, divisor.scale, to))

    def run(self, want: int, check: bool, scale: Any, to: Outputs) -> float:
        """Go through all elements once; the sum of the weighted losses. With `check`, raise for the first bad one."""
        cpu, loss = kernels(), self.loss
        written = (*to.value, *to.grad, *to.hess)
        inputs = len(self.arrays)
        data = inputs + (self.weight is not None)
        losses = data + len(to.value)
        grads = losses + len(to.grad)
        self.inplace = bool(to.grad) and loss.wrt[0] == 0 and same_memory(to.grad[0], self.arrays[0])
        self.dense = True
        total, flaws = 0.0, 0
        read = self.arrays if self.weight is None else (*self.arrays, self.weight)
        for views, order, single in runs((*read, *written), self.shape, len(written)):
            plan, size = self.plan(want, check, order, self.inplace and single), views[0].size
            part, bad = cpu.runner(plan, size, self.backend)(
                views[:inputs], views[inputs:data], self.parameters, *scale,
                loss.bounds(np.float64 if self.wide else self.kind),
                views[data:losses], views[losses:grads], views[grads:], size,
            )  # fmt: skip
            self.dense &= single and order == "C" and self.arrays[0].flags.c_contiguous
            total += part
            flaws += bad
        if flaws:
            self.refuse_weights(self.kind)
            present = np.broadcast_to(np.True_ if self.weight is None else self.weight, self.shape)
            faults.refuse_values(loss, self.arrays, present, self.kind)
        return total

    def plan(self, want: int, check: bool, layout: str = "C", inplace: bool = False) -> Plan:
        """Which kernel goes through arrays of this layout."""
        weight = "" if self.weight is None else self.weight.dtype.char
        how = {"each": self.each and bool(want & VALUE), "layout": layout, "inplace": inplace, "wide": self.wide}
        return Plan.of(self.loss, self.types, want, check, weight, **how)

    def results(self, call: Call, value: float, to: Outputs, given: Outputs | None) -> list[Any]:
        """The value as a number of the arithmetic's type, derivatives in the shape and type of their inputs."""
        results: list[Any] = []
        if call.want & VALUE:
            results.append(passed(to.value[0]) if self.each else number(self.kind, value))
        for part, mine in ((to.grad, given and given.grad), (to.hess, given and given.hess)):
            if not part:
                continue
            arrays = [self._summed(a, k) for a, k in zip(part, self.loss.wrt, strict=True)]
            if mine:
                for a, b in zip(arrays, mine, strict=True):
                    if a is not b:
                        b[...] = a
            arrays = [*mine] if mine else [passed(a) for a in arrays]
            results.append(arrays[0] if len(arrays) == 1 else tuple(arrays))
        return results

    def _summed(self, a: NDArray[Any], k: int) -> NDArray[Any]:
        """A derivative of the common shape as one of its input's: an input that was broadcast has the sum."""
        shape = self.arrays[k].shape
        if a.shape == shape:
            return a
        return arithmetic.add_up(a, shapes.summed_axes(a.shape, shape), shape, self.dtypes[k])  # type: ignore[no-any-return]

    def remember(self, call: Call, given: bool, results: Any) -> None:
        """Keep a recipe of a call whose arrays were dense."""
        if self.dense and not self.wide:
            remember.elements(self, call, given)
