"""One call's arrays on their way through the kernels: in one run where their memory allows it, else piece by piece."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...define.keywords import GRAD, HESS, VALUE
from ...kernels.plan.elements import Plan
from ...loading import load
from . import memory as layout
from . import weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ...define.elements import Definition

    Arrays = Sequence[NDArray[Any]]


def kernels() -> Any:
    """The CPU's kernels, and Numba with them."""
    return load("fastloss.kernels.cpu.compile")


class Outputs(NamedTuple):
    """What a sweep writes, each of the common shape: losses, gradients, second derivatives."""

    value: Arrays = ()
    grad: Arrays = ()
    hess: Arrays = ()


class Sweep:
    """A loss with its inputs and its weights, all of them checked to broadcast to one shape."""

    __slots__ = (
        "arrays",
        "backend",
        "dense",
        "dtypes",
        "each",
        "inplace",
        "kind",
        "loss",
        "parameters",
        "shape",
        "size",
        "types",
        "weights",
        "wide",
    )

    NOWHERE = Outputs()

    def __init__(
        self,
        loss: Definition,
        arrays: Arrays,
        weights: Arrays,
        shape: tuple[int, ...],
        each: bool,
        backend: str | None,
        dtypes: Sequence[Any],
    ) -> None:
        self.loss = loss
        self.dtypes = dtypes
        self.dense = self.inplace = False
        self.arrays = arrays
        self.weights = weights
        self.shape = shape
        self.size = prod(shape)
        self.each = each
        self.backend = backend
        self.types = tuple([x.dtype.char for x in arrays])
        self.kind = np.float64 if self.types[loss.wrt[0]] == "d" else np.float32
        self.parameters = loss.cast(self.kind, dtypes[loss.wrt[0]].char)
        self.wide = False

    def widen(self) -> None:
        """Go on in float64; what is written keeps its type."""
        self.wide = True
        self.parameters = self.loss.cast(np.float64, self.dtypes[self.loss.wrt[0]].char)

    def take(self, arrays: Arrays) -> None:
        """Go on with other inputs, of the same shapes."""
        self.arrays = arrays
        self.types = tuple([x.dtype.char for x in arrays])

    def allocate(self, want: int) -> Outputs:
        """Fresh arrays for everything that `want` asks for."""
        value = [np.empty(self.shape, self.kind)] if self.each and want & VALUE else ()
        grad = [self._like(k) for k in self.loss.wrt] if want & GRAD else ()
        hess = [self._like(k) for k in self.loss.wrt] if want & HESS else ()
        return Outputs(value, grad, hess)

    def _like(self, k: int) -> NDArray[Any]:
        x = self.arrays[k]
        return np.empty_like(x, subok=False) if x.shape == self.shape else np.empty(self.shape, x.dtype)

    def run(self, want: int, check: bool, scale: float, outer: float, to: Outputs) -> float:
        """Go through all elements once; the sum of the weighted losses. With `check`, raise for the first bad one."""
        cpu = kernels()
        loss = self.loss
        inputs = len(self.arrays)
        data = inputs + len(self.weights)
        losses = data + len(to.value)
        grads = losses + len(to.grad)
        written = (*to.value, *to.grad, *to.hess)
        self.inplace = bool(to.grad) and loss.wrt[0] == 0 and layout.same_memory(to.grad[0], self.arrays[0])
        self.dense = True
        total, flaws = 0.0, 0
        for views, order, single in layout.runs((*self.arrays, *self.weights, *written), self.shape, len(written)):
            plan, size = self.plan(want, check, order, self.inplace and single), views[0].size
            part, bad = cpu.runner(plan, size, self.backend)(
                views[:inputs], views[inputs:data], self.parameters, scale, outer,
                loss.bounds(np.float64 if self.wide else self.kind),
                views[data:losses], views[losses:grads], views[grads:], size,
            )  # fmt: skip
            self.dense &= single and order == "C" and self.arrays[0].flags.c_contiguous
            total += part
            flaws += bad
        if flaws:
            self._raise()
        return total

    def plan(self, want: int, check: bool, order: str, inplace: bool) -> Plan:
        """Which kernel goes through arrays of this layout."""
        weight, each = self.weights[0].dtype.char if self.weights else "", self.each and bool(want & VALUE)
        how = {"each": each, "layout": order, "inplace": inplace, "wide": self.wide}
        return Plan.of(self.loss, self.types, want, check, weight, **how)

    def _raise(self) -> None:
        """Find the first weight that is none, or else the first element outside its domain, and say so."""
        from ...define import hints

        loss, kind = self.loss, self.kind
        if self.weights:
            weights.refuse(loss.name, "weight", self.weights[0], kind)
        present = np.broadcast_to(self.weights[0] if self.weights else np.True_, self.shape)
        for name, domain, x in zip(loss.inputs, loss.domains, self.arrays, strict=True):
            where = layout.first(lambda y, w, domain=domain: domain.violations(y.astype(kind)) & (w != 0), x, present)
            if where is not None:
                got = np.broadcast_to(x, self.shape)[where]
                wrong = layout.outside(got, domain, kind) + hints.outside(loss, name, got)
                raise ValueError(f"{loss.name}: {name}{layout.place(where, x.shape)} is {wrong}")
        raise AssertionError("a kernel counted a value outside its domain that the check does not find")
