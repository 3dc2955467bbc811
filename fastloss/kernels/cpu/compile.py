"""The CPU's kernels: found in memory or on disk, or compiled.

`compiled` gives the kernel of a plan, which runs on one thread or on several as it is told. Its name holds a hash of
the definition, the plan and the kernels' sources; only if no file has that name is the template completed
(`target.py`) and compiled. `runner` chooses the threads by the number of elements, and by what `threads.py` finds safe;
`bound` does so for many calls of a kind.
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
from . import cache, objects, pool, threads
from .objects import Given

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Given", "bound", "compiled", "on_disk", "runner"]

_DEFINITIONS = ("fastloss.define", "fastloss.losses")
"""What the place of a function says nothing of."""
STORED = {HALF: "float16", BRAIN: "bfloat16"}
"""What floats are called that NumPy does not know, or not by our character."""


@by_definition
def compiled(plan: Plan | RowPlan) -> Any:
    """The kernel of a plan."""

    def make() -> Any:
        return load(f"{__package__}.target").complete(plan), load(f"{__package__}.signatures").signature(plan)

    what = f"{plan.name} for {STORED.get(plan.types[0]) or np.dtype(plan.types[0]).name}"
    return cache.jit(partial(_named, plan), make, partial(_shipped, plan), what, **OPTIONS)


def on_disk(plan: Plan | RowPlan) -> bool:
    """Whether the kernel of a plan is kept already."""
    return cache.kept(partial(_named, plan), partial(_shipped, plan), **OPTIONS)


def _named(plan: Plan | RowPlan, placed: bool = False) -> str:
    """The name of the kernel."""
    options = sorted((option, str(value)) for option, value in OPTIONS.items())
    key = ([content(f, placed) for f in plan.definition], plan[1:], options)
    return named(plan.name, (key, *map(sources, _DEFINITIONS)) if placed else key, plan.template)


def _shipped(plan: Plan | RowPlan) -> str:
    """Its name wherever it was compiled; raise TypeError for a definition that is not this library's."""
    return _named(plan, placed=True)


def runner(plan: Plan | RowPlan, size: int, backend: str | None) -> Callable[..., Any]:
    """A function that runs a plan's kernel over `size` elements, on the `backend`, or on the one for that size."""
    kernel = compiled(plan)
    alone = partial(kernel, (0, 0))
    if backend == "serial" or (backend is None and size < PARALLEL_FROM) or threads.launch() is None:
        return alone
    parts = partial(_row_parts, plan.entry == "census", plan.block) if isinstance(plan, RowPlan) else _parts
    return partial(_run, parts, partial(_together, kernel), alone)


def bound(plan: Plan | RowPlan, size: int, backend: str | None, names: Sequence[str], *arguments: Any) -> Any:
    """The same for calls that give the arguments of these names alone; the kernel's are as `objects.filled` says."""
    run = runner(plan, size, backend)
    if isinstance(run, partial) and hasattr(run.func, "bound"):  # alone, and of our own entry
        made: Any = run.func.bound(names, (*run.args, *arguments))
    else:
        made = objects.filled(run, names, arguments)
    return made


def _run(parts: Callable[[Any], int], together: Any, alone: Any, *args: Any) -> Any:
    return threads.run_parallel(together, alone, *args, parts=parts(args[-1]))


def _together(kernel: Any, *args: Any) -> Any:
    return kernel((pool.launcher(), threads.running()), *args)


def _parts(size: int) -> int:
    return -(-size // BLOCK)


def _row_parts(alone: bool, block: int, where: Any) -> int:
    shape = where if alone else where[SHAPE]
    rows = shape[OUTER] * shape[INNER]
    return int(min(rows, -(-rows * shape[CLASS] // block)))
