"""For asv: every loss of the registry, so that a new one is tracked by existing. Compilation happens in setup."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastloss as fl


class ValueAndGrad:
    """One fused pass, serial at the smaller sizes, parallel at the larger; the gradient goes into a given array."""

    params = (list(fl.LOSSES), [8, 1 << 14, 1 << 20], ["float32", "float64"])
    param_names = ("loss", "size", "dtype")
    timeout = 120

    def setup(self, name: str, size: int, dtype: str) -> None:
        self.loss = fl.LOSSES[name]
        rng = np.random.default_rng(20261121)
        self.arrays = [domain.sample(rng, size).astype(dtype) for domain in self.loss.domains]
        buffers = tuple(np.zeros_like(self.arrays[k]) for k in self.loss.wrt)
        self.out: Any = buffers if len(buffers) > 1 else buffers[0]
        self.loss.value_and_grad(*self.arrays, out=self.out)

    def time_value_and_grad(self, name: str, size: int, dtype: str) -> None:
        self.loss.value_and_grad(*self.arrays, out=self.out)

    def time_grad_and_hess(self, name: str, size: int, dtype: str) -> None:
        self.loss.grad_and_hess(*self.arrays)


class Memory(ValueAndGrad):
    """The whole process's peak, with Numba and its compiler in it; two sizes show what the arrays add."""

    params = (["huber", "binary_cross_entropy_with_logits"], [1 << 10, 1 << 22], ["float32"])

    def peakmem_value_and_grad(self, name: str, size: int, dtype: str) -> None:
        self.loss.value_and_grad(*self.arrays)

    # Not timed a second time.
    time_value_and_grad = None
    time_grad_and_hess = None


class Floor:
    """The machine's own: a bare parallel `c = a - b`, so that its moods can be told from the library's."""

    params = ([1 << 14, 1 << 20],)
    param_names = ("size",)

    def setup(self, size: int) -> None:
        from .timing import floor

        a, b, c = (np.ones(size, np.float32) for _ in range(3))
        self.call = floor(a, b, c)["c = a - b"]
        self.call()

    def time_subtract(self, size: int) -> None:
        self.call()
