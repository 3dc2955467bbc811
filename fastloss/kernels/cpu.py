"""The CPU's kernels: from memory, from the disk or from the compiler; serial and parallel of one text."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads

threads.preload()  # before Numba looks for its threading layers

import numba as _numba  # noqa: E402

from ..options import GRAD, HESS  # noqa: E402
from . import cache as disk  # noqa: E402
from . import pointwise  # noqa: E402
from .bind import content, named  # noqa: E402
from .plan import BRAIN, HALF, OPTIONS, PARALLEL_FROM, Plan  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

numba: Any = _numba  # half of it is typed
types: Any = _numba.types


@cache
def compiled(plan: Plan, parallel: bool) -> Any:
    """The kernel of a plan."""

    def complete() -> Any:
        from . import target

        return name(target.complete(plan))

    options = sorted((option, str(value)) for option, value in OPTIONS.items())
    key = (content(plan.jet), plan[1:], parallel, options)
    name = partial(named, plan.jet.__name__, key)
    return disk.jit(name(pointwise.total), _signature(plan), complete, parallel=parallel, **OPTIONS)


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
