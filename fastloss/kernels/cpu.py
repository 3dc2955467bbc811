"""The CPU target: plans become kernels compiled by Numba, serial and parallel of one text."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads

threads.preload()  # before Numba looks for its threading layers

import numba as _numba  # noqa: E402

from ..options import GRAD, HESS  # noqa: E402
from . import bits, halves, pointwise, vecmath32, vecmath64  # noqa: E402
from . import cache as disk  # noqa: E402
from .bind import bind, content, lift, named  # noqa: E402
from .plan import BRAIN, HALF, PARALLEL_FROM, Plan, ports, sum_plan  # noqa: E402
from .ports import keep, native  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Plan", "compiled", "runner", "sum_plan"]

numba: Any = _numba  # half of it is typed
types: Any = _numba.types

# Contraction to fused multiply-adds is all that is allowed: reassociation breaks range reduction, and "no NaN" breaks
# everything. Division by zero gives an infinity, as in NumPy.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
_KEY = "error_model=numpy fastmath=contract nogil"

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
        return types.float64 if compute == "d" else types.float32

    def jet(self, jet: Callable[..., Any], compute: str) -> Any:
        """The definition on vectorised elementary functions, its numbers of the compute type."""
        return _lifted(jet, compute)

    def decode(self, stored: str) -> Any:
        """16-bit floats arrive as their bits."""
        return {HALF: halves.decode_half, BRAIN: halves.decode_brain}.get(stored, native)

    def encode(self, stored: str) -> Any:
        """16-bit floats leave as their bits; Numba converts the others as it stores them."""
        return {HALF: halves.encode_half, BRAIN: halves.encode_brain}.get(stored, keep)


@cache
def _lifted(jet: Callable[..., Any], compute: str) -> Any:
    if compute == "d":
        return lift(jet, vecmath64, float, jit)
    return lift(jet, vecmath32, np.float32, jit)


@cache
def compiled(plan: Plan, parallel: bool) -> Any:
    """The kernel of a plan: from this process's memory, from the disk, or from the compiler."""
    chosen = ports(plan, Cpu())
    chosen["prange"] = numba.prange
    function = bind(pointwise.total, chosen, jit)
    key = (content(plan.jet), plan[1:], parallel, _KEY)
    return disk.jit(named(function, plan.jet.__name__, *key), _signature(plan), parallel=parallel, **OPTIONS)


def _signature(plan: Plan) -> tuple[Any, ...]:
    def array(stored: str, readonly: bool) -> Any:
        element = types.uint16 if stored in (HALF, BRAIN) else numba.from_dtype(np.dtype(stored))
        return types.Array(element, 1, plan.layout, readonly=readonly)

    compute = types.float64 if plan.compute == "d" else types.float32
    derivatives = types.Tuple([array(plan.types[k], False) for k in plan.wrt])
    none = types.Tuple(())
    return (
        types.Tuple([array(stored, True) for stored in plan.types]),
        types.Tuple([array(plan.weight, True)]) if plan.weight else none,
        types.UniTuple(compute, plan.parameters) if plan.parameters else none,
        types.float64,
        types.float64,
        types.UniTuple(compute, 2 * len(plan.types)),
        types.Tuple([array(plan.compute, False)]) if plan.each else none,
        derivatives if plan.want & GRAD else none,
        derivatives if plan.want & HESS else none,
        types.int64,
    )


def runner(plan: Plan, size: int, backend: str | None) -> Callable[..., Any]:
    """What runs the kernel of a plan over `size` elements: serial or parallel as the size or the caller says."""
    serial = backend == "serial" or (backend is None and size < PARALLEL_FROM)
    # Compiling a parallel kernel starts the pool, so it must be known to be safe first.
    if serial or threads.launch() is None:
        return compiled(plan, False)  # type: ignore[no-any-return]
    return partial(threads.run_parallel, compiled(plan, True), partial(_serially, plan))


def _serially(plan: Plan, *args: Any) -> Any:
    return compiled(plan, False)(*args)
