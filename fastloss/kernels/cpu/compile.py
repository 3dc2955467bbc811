"""The CPU's kernels: found in memory or on disk, or compiled.

`compiled` gives the serial or the parallel kernel of a plan. Its name holds a hash of the definition, the plan and the
kernels' sources; only if no file has that name is the template completed (`target.py`) and compiled. `runner` and
`row_runner` choose between serial and parallel by the number of elements, and by what `threads.py` finds safe.
Signatures are explicit, with read-only inputs, so that each plan has one kernel; they list the arguments of a template
in its order. The first call imports this module; Numba is imported only to compile (`signatures.py`, `target.py`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...loading import load
from ..bind import by_definition, content, named
from ..places import CLASS, INNER, OUTER, SHAPE
from ..plan.elements import BRAIN, HALF, OPTIONS, PARALLEL_FROM, Plan
from ..plan.rows import RowPlan
from ..sources import sources
from ..templates.elements import BLOCK
from . import cache, threads

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFINITIONS = ("fastloss.define", "fastloss.losses")
"""What the place of a function says nothing of."""
STORED = {HALF: "float16", BRAIN: "bfloat16"}
"""What floats are called that NumPy does not know, or not by our character."""


@by_definition
def compiled(plan: Plan | RowPlan, parallel: bool) -> Any:
    """The kernel of a plan, serial or parallel."""

    def make() -> Any:
        return load(f"{__package__}.target").complete(plan), load(f"{__package__}.signatures").signature(plan)

    what = f"{plan.name} for {STORED.get(plan.types[0]) or np.dtype(plan.types[0]).name}"
    names = partial(_named, plan, parallel), partial(_shipped, plan, parallel)
    return cache.jit(names[0], make, names[1], what, parallel=parallel, **OPTIONS)


def on_disk(plan: Plan | RowPlan, parallel: bool) -> bool:
    """Whether the kernel of a plan is kept already."""
    return cache.kept(partial(_named, plan, parallel), partial(_shipped, plan, parallel), parallel=parallel, **OPTIONS)


def _named(plan: Plan | RowPlan, parallel: bool, placed: bool = False) -> str:
    """The name of the kernel."""
    options = sorted((option, str(value)) for option, value in OPTIONS.items())
    key = ([content(f, placed) for f in plan.definition], plan[1:], parallel, options)
    return named(plan.name, (key, *map(sources, _DEFINITIONS)) if placed else key, plan.template)


def _shipped(plan: Plan | RowPlan, parallel: bool) -> str:
    """Its name wherever it was compiled; raise TypeError for a definition that is not this library's."""
    return _named(plan, parallel, placed=True)


def runner(plan: Plan, size: int, backend: str | None) -> Callable[..., Any]:
    """A function that runs a plan's kernel over `size` elements, on the `backend`, or on the one for that size."""
    serial = backend == "serial" or (backend is None and size < PARALLEL_FROM)
    # Compiling a parallel kernel starts the pool, so it must be known to be safe first.
    if serial or threads.launch() is None:
        return compiled(plan, False)  # type: ignore[no-any-return]
    return partial(_run_elements, compiled(plan, True), partial(_run_serial, plan))


def row_runner(plan: RowPlan, size: int, backend: str | None) -> Callable[..., Any]:
    """A function that runs a plan's kernel over rows with `size` elements in all."""
    serial = backend == "serial" or (backend is None and size < PARALLEL_FROM)
    if serial or threads.launch() is None:
        return partial(compiled(plan, False), 1)
    tasks, twin = partial(_run_in_tasks, compiled(plan, True)), partial(_run_serial, plan, 1)
    return partial(_run_rows, plan.entry == "census", plan.block, tasks, twin)


def _run_elements(parallel: Any, serial: Any, *args: Any) -> Any:
    return threads.run_parallel(parallel, serial, *args, parts=-(-args[-1] // BLOCK))


def _run_rows(alone: bool, block: int, parallel: Any, serial: Any, *args: Any) -> Any:
    shape = args[-1] if alone else args[-1][SHAPE]
    rows = shape[OUTER] * shape[INNER]
    return threads.run_parallel(parallel, serial, *args, parts=min(rows, -(-rows * shape[CLASS] // block)))


def _run_in_tasks(kernel: Any, *args: Any) -> Any:
    # Four for each thread that there is now, so that a slow one does not delay all.
    return kernel(4 * threads.running(), *args)


def _run_serial(plan: Plan | RowPlan, *args: Any) -> Any:
    return compiled(plan, False)(*args)
