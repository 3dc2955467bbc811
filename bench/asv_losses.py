"""For asv: every loss of the registry, verb by verb; calls on eight numbers; the machine's bandwidth beside them.

Kernels are compiled in `setup`, before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastloss as fl

from . import cases, timing


class Prepared:
    """asv calls `setup` anew before each sample, and then takes a sample of one call: prepare once, take many.

    A verb that a loss lacks raises NotImplementedError, which asv shows as n/a.
    """

    repeat = (10, 300, 0.3)
    rounds = 1
    warmup_time = 0.02
    timeout = 120
    prepared: tuple[Any, ...] = ()
    call: Callable[[], Any]

    def setup(self, *case: Any) -> None:
        if case != self.prepared:
            self.call = self.prepare(*case)
            self.prepared = case

    def prepare(self, *case: Any) -> Callable[[], Any]:
        raise NotImplementedError


class Pointwise(Prepared):
    """One pass over arrays that lie in the cache, by one thread, and over arrays that do not, by all of them."""

    params = (cases.POINTWISE, cases.VERBS, ["float32", "float64"], [f"serial {1 << 12}", f"parallel {1 << 22}"])
    param_names = ("loss", "verb", "dtype", "backend and size")

    def prepare(self, name: str, verb: str, dtype: str, run: str) -> Callable[[], Any]:
        backend, size = run.split()
        return cases.call(name, verb, int(size), dtype, backend)

    def time_pointwise(self, *case: Any) -> None:
        self.call()


class Rows(Prepared):
    """A million scores, in rows of few classes and of many."""

    params = (cases.ROWS, ["value_and_grad"], ["float32"], list(cases.CLASSES))
    param_names = ("loss", "verb", "dtype", "classes")

    def prepare(self, name: str, verb: str, dtype: str, classes: int) -> Callable[[], Any]:
        return cases.call(name, verb, cases.shape(name, 1 << 20, classes), dtype)

    def time_rows(self, *case: Any) -> None:
        self.call()


class CrossEntropy(Rows):
    """The loss of rows that most people use, in all its verbs and dtypes."""

    params = (["cross_entropy"], cases.VERBS, ["float32", "float64", "float16"], [*cases.CLASSES, 32_000])

    time_rows = None

    def time_cross_entropy(self, *case: Any) -> None:
        self.call()


class Overhead(Prepared):
    """A call on eight numbers is all overhead."""

    params = (list(cases.OFTEN), cases.VERBS)
    param_names = ("loss", "verb")

    def prepare(self, name: str, verb: str) -> Callable[[], Any]:
        return cases.call(name, verb, cases.small(name))

    def time_overhead(self, *case: Any) -> None:
        self.call()


class Cuda(Prepared):
    """Numba's arrays on a GPU, where there is one; else n/a."""

    params = (list(fl.LOSSES), [1 << 26])
    param_names = ("loss", "size")

    def prepare(self, name: str, size: int) -> Callable[[], Any]:
        from numba import cuda

        if not cuda.is_available():
            raise NotImplementedError
        loss = fl.LOSSES[name]
        arrays = [cuda.to_device(x) for x in cases.inputs(name, cases.shape(name, size), "float32")]

        def once() -> None:
            loss.value_and_grad(*arrays)
            fl.synchronize()

        once()
        return once

    def time_cuda(self, *case: Any) -> None:
        self.call()


class Bandwidth(Prepared):
    """The machine's own: bare parallel `c = a`, and `c = a - b`, which moves what STREAM's triad moves.

    Where these change between two commits, it is the machine that did.
    """

    params = (["c = a", "c = a - b"], [1 << 22, 1 << 25])
    param_names = ("kernel", "size")

    def prepare(self, kernel: str, size: int) -> Callable[[], Any]:
        a, b, c = (np.ones(size, np.float32) for _ in range(3))
        call = timing.floor(a, b, c)[kernel]
        call()
        return call

    def time_bandwidth(self, *case: Any) -> None:
        self.call()
