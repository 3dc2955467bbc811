"""What makes a kernel of a plan on the CPU: Numba, vectorised elementary functions, the bits of 16-bit floats.

Only a kernel that is not on disk yet needs this module and the 30 ms that it takes to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba as _numba
import numpy as np

from ..bind import by_definition, lift
from ..plan.complete import complete as completed
from ..plan.elements import BRAIN, HALF, OPTIONS, Plan
from ..plan.rows import RowPlan
from ..ports.elements import keep, native
from ..templates import elements as pointwise
from ..templates import pairs, rows
from ..templates import tiles as lanes
from . import bits, float16, transposes, tuple_arithmetic, views
from . import memory as access
from .parts import part
from .tasks import spread
from .vecmath.elementary import elementary

if TYPE_CHECKING:
    from collections.abc import Callable

numba: Any = _numba  # half of it is typed

# Said, or it would be as what calls it is.
_inner = part(forceinline=False, **OPTIONS)
# A call that LLVM finds too long to inline would keep its loop from being vectorised: thirty times slower.
_inlined = part(forceinline=True, **OPTIONS)
# Of several that make one part, each is taken into it as it is written.
_taken = numba.njit(inline="always", **OPTIONS)
# What allocates has to count references.
_allocating = part(forceinline=True, _nrt=True, **OPTIONS)


LOOPS = (pointwise.strip, pointwise.block, pointwise.combined, rows.counted)
LOOPS += tuple(template.stretch for template in (pointwise, rows, lanes, pairs))
TASKS = tuple(template.task for template in (pointwise, rows, lanes, pairs))
_looping = part(forceinline=False, loop=True, **OPTIONS)
_kinds = {f.__code__: _inner for f in LOOPS} | {pointwise.strip.__code__: _looping}
_kinds |= {f.__code__: _allocating for f in TASKS}
_hows = {"within": _taken, "room": _allocating}


def jit(function: Any) -> Any:
    """Compile a part of a kernel: the templates' own loops as they are, what they call inline."""
    how = getattr(function, "how", "")
    return (_hows[how] if how else _kinds.get(function.__code__, _inlined))(function)


_VERBS = ("read", "reread", "write", "get", "put", "prefetch")
_MEMORY = {"view": views.view, "held": views.held, "spread": spread, "apart": tuple_arithmetic.apart}
_MEMORY |= {"new_wide": views.new_wide, "new_whole": views.new_whole}
BUILTINS = {"max": bits.larger, "min": bits.smaller}
"""Python's functions that kernels have their own for."""
_ACCESS = _MEMORY | BUILTINS | {name: found for name, found in vars(access).items() if name.partition("_")[0] in _VERBS}


class Cpu:
    """What `plan.ports` asks of a target, for Numba on the CPU."""

    def __init__(self, rows: bool = False) -> None:
        """`rows`: the definition is of rows of scores."""
        self._rows = rows

    def real(self, compute: str) -> Any:
        """Numba's own type, which can be called in compiled code."""
        return numba.float64 if compute == "d" else numba.float32

    def jet(self, jet: Callable[..., Any], compute: str) -> Any:
        """The definition on vectorised elementary functions, its numbers of the compute type."""
        return _lifted(jet, compute, self._rows)

    def primitives(self, plan: Plan | RowPlan) -> dict[str, Any]:
        """Access that promises no overlap of outputs; sums in the compute type, maxima as patterns of bits."""
        if isinstance(plan, Plan):
            return {**_ACCESS, "add": bits.add_reassoc}
        kind, word = (np.float64, np.int64) if plan.compute == "d" else (np.float32, np.int32)
        sizes, ends = plan.sizes, np.iinfo(word)
        return {
            **_ACCESS,
            **transposes.TURNS,
            **{name: getattr(tuple_arithmetic, name) for name in tuple_arithmetic.__all__},
            "add": bits.add_as_written,
            "select": bits.select,
            "ZEROS": (kind(0.0),) * plan.sums,
            "MORE": (kind(0.0),) * sizes.more,
            "PROBES": (kind(0.0),) * sizes.probes,
            "WIDE_PROBES": (np.float64(0.0),) * sizes.probes,
            "WIDE": (np.float64(0.0),) * plan.sums,
            "WIDE_MORE": (np.float64(0.0),) * sizes.more,
            "BOTTOM": (word(ends.min), word(ends.max)) * sizes.peaks,
            "LOWEST": (kind(-np.inf),) * sizes.peaks,
            "COEFS": (kind(0.0),) * sizes.coefficients,
            "SETTLED": (kind(0.0),) * sizes.settled,
            "UNKNOWN": (kind(np.nan),) * 2,
            "new": views.new_wide if plan.compute == "d" else views.new_narrow,
        }

    def decode(self, stored: str) -> Any:
        """16-bit floats arrive as their bits."""
        return {HALF: float16.decode_float16, BRAIN: float16.decode_bfloat16}.get(stored, native)

    def encode(self, stored: str) -> Any:
        """16-bit floats leave as their bits; Numba converts the others as it stores them."""
        return {HALF: float16.encode_float16, BRAIN: float16.encode_bfloat16}.get(stored, keep)


@by_definition
def _lifted(jet: Callable[..., Any], compute: str, rows: bool) -> Any:
    return lift(jet, elementary(compute, rows), float if compute == "d" else np.float32, jit)


def complete(plan: Plan | RowPlan) -> Any:
    """The template with all of its ports plugged in, as a plain function that Numba can compile."""
    return completed(plan, Cpu(isinstance(plan, RowPlan)), jit)
