"""The CPU's kernels: found in memory or on disk, or compiled.

`compiled` gives the serial or the parallel kernel of a plan. Its name holds a hash of the definition, the plan and the
kernels' sources; only if no file has that name is the template completed (`target.py`) and compiled. `runner` and
`row_runner` choose between serial and parallel by the number of elements, and by what `threads.py` finds safe.
Signatures are explicit, with read-only inputs, so that each plan has one kernel; they list the arguments of a template
in its order. The first call imports this module, and with it Numba.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads

threads.preload()  # before Numba looks for its threading layers

import numba as _numba  # noqa: E402

from ...define.keywords import GRAD, HESS  # noqa: E402
from ...loading import load  # noqa: E402
from ..bind import by_definition, content, named  # noqa: E402
from ..plan.elements import BRAIN, HALF, OPTIONS, PARALLEL_FROM, Plan, compute_type  # noqa: E402
from ..plan.rows import RowPlan  # noqa: E402
from . import cache  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

numba: Any = _numba  # half of it is typed
# Load what Numba loads at its first compilation, two hundred modules, inside this import, which nothing interrupts.
numba.core.registry.cpu_target.typing_context.refresh()
numba.core.registry.cpu_target.target_context.refresh()
types: Any = _numba.types

STORED = {HALF: "float16", BRAIN: "bfloat16"}
"""What floats are called that NumPy does not know, or not by our character."""


@by_definition
def compiled(plan: Plan | RowPlan, parallel: bool) -> Any:
    """The kernel of a plan, serial or parallel."""
    name, signature = _named(plan, parallel)

    def complete() -> Any:
        return name(load(f"{__package__}.target").complete(plan))

    what = f"{plan.name} for {STORED.get(plan.types[0]) or np.dtype(plan.types[0]).name}"
    return cache.jit(name(plan.template), signature, complete, what=what, parallel=parallel, **OPTIONS)


def on_disk(plan: Plan | RowPlan, parallel: bool) -> bool:
    """Whether the kernel of a plan is kept already."""
    name, signature = _named(plan, parallel)
    return cache.kept(name(plan.template), signature, parallel=parallel, **OPTIONS)


def _named(plan: Plan | RowPlan, parallel: bool) -> tuple[Callable[[Any], Any], tuple[Any, ...]]:
    """What gives a function the name of the kernel, and the types of its arguments."""
    options = sorted((option, str(value)) for option, value in OPTIONS.items())
    key = ([content(f) for f in plan.definition], plan[1:], parallel, options)
    signature = _row_signature(plan) if isinstance(plan, RowPlan) else _signature(plan)
    return partial(named, plan.name, key), signature


def _array(stored: str, layout: str, readonly: bool) -> Any:
    element = types.uint16 if stored in (HALF, BRAIN) else numba.from_dtype(np.dtype(stored))
    return types.Array(element, 1, layout, readonly=readonly)


def _tuple(*kinds: Any) -> Any:
    return types.Tuple(list(kinds))


def _signature(plan: Plan) -> tuple[Any, ...]:
    compute = types.float64 if plan.compute == "d" else types.float32
    derivatives = _tuple(*(_array(plan.types[k], plan.layout, False) for k in plan.wrt))
    return (
        _tuple(*(_array(stored, plan.layout, True) for stored in plan.types)),
        _tuple(*(_array(stored, plan.layout, True) for stored in plan.weight)),
        _tuple(*[compute] * plan.parameters),
        types.float64,
        types.float64,
        _tuple(*[compute] * 2 * len(plan.types)),
        _tuple(*[_array(plan.compute, plan.layout, False)] * plan.each),
        derivatives if plan.want & GRAD else _tuple(),
        derivatives if plan.want & HESS else _tuple(),
        types.int64,
    )


def _row_signature(plan: RowPlan) -> tuple[Any, ...]:
    compute = types.float64 if plan.compute == "d" else types.float32
    derivative = [_array(plan.types[0], "C", False)]
    steps = types.Array(types.int64, 2, "C", readonly=True)
    target = _tuple(*(_array(stored, "C", True) for stored in plan.target_type))
    weight = _tuple(*(_array(stored, "C", True) for stored in plan.weight))
    classes = _tuple(*[_array(compute_type(plan.types[0]), "C", True)] * plan.classes)
    shape = types.UniTuple(types.int64, 3)
    if plan.entry == "census":
        return types.int64, target, weight, classes, types.int64, steps, shape
    scores = _tuple(*(_array(stored, "C", True) for stored in plan.types))
    grad, hess = (_tuple(*derivative * bool(plan.want & wanted)) for wanted in (GRAD, HESS))
    number = {"": types.none, "number": compute}
    params = _tuple(*(number.get(of, _array(plan.compute, "C", True)) for of in plan.given))
    bounds = _tuple(*[compute] * 2 * len(plan.tests))
    facts = (_array(stored, "C", False) for stored in (plan.compute, plan.compute, "q") if plan.stats)
    return (
        types.int64,
        _tuple(scores, target, classes, grad, hess),
        weight,
        _tuple(params, types.UniTuple(compute, 3), bounds, types.float64, types.int64),
        _tuple(_tuple(*[_array(plan.compute, "C", False)] * plan.each), _tuple(*facts)),
        _tuple(steps, shape),
    )


def runner(plan: Plan, size: int, backend: str | None) -> Callable[..., Any]:
    """A function that runs a plan's kernel over `size` elements, on the `backend`, or on the one for that size."""
    serial = backend == "serial" or (backend is None and size < PARALLEL_FROM)
    # Compiling a parallel kernel starts the pool, so it must be known to be safe first.
    if serial or threads.launch() is None:
        return compiled(plan, False)  # type: ignore[no-any-return]
    return partial(threads.run_parallel, compiled(plan, True), partial(_run_serial, plan))


def row_runner(plan: RowPlan, size: int, backend: str | None) -> Callable[..., Any]:
    """A function that runs a plan's kernel over rows with `size` elements in all."""
    serial = backend == "serial" or (backend is None and size < PARALLEL_FROM)
    if serial or threads.launch() is None:
        return partial(compiled(plan, False), 1)
    # Four tasks for each thread, so that a slow one does not delay all.
    parallel = partial(compiled(plan, True), 4 * threads.get_num_threads())
    return partial(threads.run_parallel, parallel, partial(_run_serial, plan, 1))


def _run_serial(plan: Plan | RowPlan, *args: Any) -> Any:
    return compiled(plan, False)(*args)
