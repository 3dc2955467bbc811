"""A target that compiles nothing: the templates and definitions as ordinary Python, to hold the compiled ones against."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from fastloss.kernels import pointwise, ports
from fastloss.kernels.bind import bind, lift
from fastloss.kernels.plan import Plan
from fastloss.kernels.plan import ports as completed


class Plain:
    """Every number a Python float (a float64), whatever the arrays hold."""

    add = staticmethod(operator.add)

    def access(self) -> Any:
        written = ("value", "grad0", "grad1", "hess0", "hess1")
        return {"read": operator.getitem, "reread": operator.getitem} | {
            f"write_{name}": operator.setitem for name in written
        }

    def real(self, compute: str) -> Any:
        return float

    def jet(self, jet: Any, compute: str) -> Any:
        return lift(jet, math, float, lambda f: f)

    def decode(self, stored: str) -> Any:
        return ports.native

    def encode(self, stored: str) -> Any:
        return ports.keep


def run(plan: Plan, *args: Any) -> Any:
    """What the kernel of `plan` does, as plain Python."""
    with np.errstate(all="ignore"):
        return bind(pointwise.total, {**completed(plan, Plain()), "prange": range}, lambda f: f)(*args)
