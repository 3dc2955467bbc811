"""What makes a kernel of a plan on the CPU: Numba, vectorised elementary functions, the bits of 16-bit floats.

Only a kernel that is not on disk yet needs this module and the 30 ms that it takes to load.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numba as _numba
import numpy as np

from . import access, bits, halves, pointwise, vecmath32, vecmath64
from .bind import bind, content, lift
from .plan import BRAIN, HALF, OPTIONS, Plan, ports
from .ports import keep, native

if TYPE_CHECKING:
    from collections.abc import Callable

numba: Any = _numba  # half of it is typed

# What only kernels call needs no entry from Python: making one is half of the compilation.
_inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)
# A call that LLVM finds too long to inline would keep its loop from being vectorised: thirty times slower.
_inlined = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, **OPTIONS)


def jit(function: Any) -> Any:
    """Compile a part of a kernel: the template's own loops as they are, what they call inline."""
    return (_inner if function.__module__ == pointwise.__name__ else _inlined)(function)


class Cpu:
    """What `plan.ports` asks of a target, for Numba on the CPU."""

    add = bits.add_reassoc

    def real(self, compute: str) -> Any:
        """Numba's own type, which can be called in compiled code."""
        return numba.float64 if compute == "d" else numba.float32

    def jet(self, jet: Callable[..., Any], compute: str) -> Any:
        """The definition on vectorised elementary functions, its numbers of the compute type."""
        return _lifted(jet, compute, content(jet))

    def access(self) -> dict[str, Any]:
        """With the promise that outputs overlap nothing."""
        names = ("read", "reread", "write_value", "write_grad0", "write_grad1", "write_hess0", "write_hess1")
        return {name: getattr(access, name) for name in names}

    def decode(self, stored: str) -> Any:
        """16-bit floats arrive as their bits."""
        return {HALF: halves.decode_half, BRAIN: halves.decode_brain}.get(stored, native)

    def encode(self, stored: str) -> Any:
        """16-bit floats leave as their bits; Numba converts the others as it stores them."""
        return {HALF: halves.encode_half, BRAIN: halves.encode_brain}.get(stored, keep)


@cache
def _lifted(jet: Callable[..., Any], compute: str, content: str) -> Any:
    # By content too: a constant of a notebook may change between two kernels of one loss.
    if compute == "d":
        return lift(jet, vecmath64, float, jit)
    return lift(jet, vecmath32, np.float32, jit)


def complete(plan: Plan) -> Any:
    """The template with all of its ports plugged in, as a plain function that Numba can compile."""
    return bind(pointwise.total, {**ports(plan, Cpu()), "prange": numba.prange}, jit)
