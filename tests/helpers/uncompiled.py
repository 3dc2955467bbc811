"""Kernels that nobody compiles: templates and definitions as plain Python, of numbers that may be divided by 0."""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import ml_dtypes
import numpy as np
import plain
import pytest
from elements import Elementary

from fastloss.define.parameters import Parametrised
from fastloss.kernels.bind import bind, lift
from fastloss.kernels.cpu import compile as cpu
from fastloss.kernels.plan.complete import complete
from fastloss.kernels.plan.elements import BRAIN, HALF
from fastloss.structured import compiled as structured


class Functions(Elementary):
    """All of `math`, of numbers that may lie anywhere."""


for _name, _value in vars(math).items():
    if not hasattr(Functions, _name):
        setattr(Functions, _name, staticmethod(_value) if callable(_value) else _value)


NARROW: dict[str, Any] = {HALF: np.float16, BRAIN: ml_dtypes.bfloat16}


class Numbers(plain.Plain):
    """Every number a float64 of NumPy's, whatever the arrays hold."""

    def real(self, compute: str) -> Any:
        return np.float64

    def decode(self, stored: str) -> Any:
        narrow = NARROW.get(stored)
        return super().decode(stored) if narrow is None else lambda bits: np.float64(bits.view(narrow))

    def encode(self, stored: str) -> Any:
        narrow = NARROW.get(stored)
        return super().encode(stored) if narrow is None else lambda x: np.float64(x).astype(narrow).view(np.uint16)

    def primitives(self, plan: Any) -> Any:
        return super().primitives(plan) | {"bits_of": np.uint16}

    def jet(self, jet: Any, compute: str) -> Any:
        return lift(jet, Functions, np.float64, plain.identity)


@cache
def completed(plan: Any) -> Any:
    return complete(plan, Numbers(), plain.identity)


def run(plan: Any, *args: Any) -> Any:
    with np.errstate(all="ignore"):
        return completed(plan)(*args)


def runner(plan: Any, size: int, backend: Any) -> Any:
    """In place of `cpu.runner`."""
    return partial(run, plan, (0, 0))


class Wide:
    """`math` for the templates of algorithms: always a float64 of NumPy's, which may be divided by 0."""


for _name, _value in vars(math).items():
    if callable(_value):
        _found = getattr(Functions, _name)
        setattr(Wide, _name, staticmethod(lambda *x, f=_found: np.float64(f(*map(np.float64, x)))))
    else:
        setattr(Wide, _name, _value)


def wide(function: Any) -> Any:
    """A template's copy, whose names are its own."""
    if function.__globals__.get("math") is math:
        function.__globals__["math"] = Wide
    return function


@cache
def algorithm(parallel: bool, template: Any, compute: str, formulas: Any, flags: Any, *types: Any) -> Any:
    """In place of `structured.compiled._kernel`."""
    ports = {n: lift(f, Functions, np.float64, plain.identity) for n, f, *_ in formulas} | dict.fromkeys(flags, True)
    library = {"prange": range, "real": np.float64, "add": operator.add}
    kernel = wide(bind(template, ports, wide, library))

    def run(*arguments: Any) -> None:
        with np.errstate(all="ignore"):
            kernel(*arguments)

    return run


class Meanwhile:
    """Recipes in place of those that losses have, which are of compiled kernels, and are there again afterwards."""

    def __init__(self) -> None:
        self.found: dict[int, dict[Any, Any]] = {}

    def __get__(self, loss: Parametrised, kind: type) -> dict[Any, Any]:
        if id(loss) not in self.found:
            self._keep(loss, {})
        return self.found[id(loss)]

    def __set__(self, loss: Parametrised, recipes: dict[Any, Any]) -> None:
        """Take those of a new loss, which outlives this without them."""
        vars(loss)["recipes"] = {}
        self._keep(loss, recipes)

    def _keep(self, loss: Parametrised, recipes: dict[Any, Any]) -> None:
        self.found[id(loss)] = recipes
        weakref.finalize(loss, self.found.pop, id(loss), None)  # another may have its number


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """Run templates as plain Python meanwhile, whatever ran before, and leave no recipe behind that does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu, "runner", runner)
        patch.setattr(structured, "_kernel", algorithm)
        patch.setattr(Parametrised, "recipes", Meanwhile(), raising=False)
        yield
