"""`part` compiles a function that only other compiled functions call: to LLVM's code, without machine code of its own.

Numba makes a finished library of every function: optimised, with machine code. A kernel has up to seventy parts, each
inlined into the next, so most of that work would be done again and thrown away: a kernel of two softmaxes took 6.9
seconds to compile, and takes 3.8. Here a part's library holds its code alone, and the kernel optimises all of it once.

That replaces insides of Numba's (`lowering.py`, `passes.py`, `inference.py`, `contexts.py`). Where they are not as in
Numba 0.62 to 0.68, `part` is `numba.njit`: slower to compile, with the same results. `tests/kernels/test_lowering.py`
fails there, so that a new Numba is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba as _numba
from numba.core import config as _config

__all__ = ["SUPPORTED", "link", "part", "pipeline"]

numba: Any = _numba  # half of it is typed
config: Any = _config
dispatcher: Any = None
link: Any = None
pipeline: Any = None
try:
    from .lowering import dispatcher, link
    from .passes import pipeline
except (ImportError, AttributeError):  # a class of ours whose base, or a function whose place, is no longer there
    SUPPORTED = False
else:
    # A newer one may mean something else by the same names; one without a version may be any.
    SUPPORTED = None not in numba.version_info.short and (0, 62) <= numba.version_info.short <= (0, 68)
F = TypeVar("F", bound=Callable[..., Any])


def part(*, loop: bool = False, **options: Any) -> Callable[[F], F]:
    """Like `numba.njit`, for functions that only compiled functions call; `loop` says that one loop is all of it."""
    # No entry from Python, and no reference counting unless asked for: it is atomic, and all threads would do it on one
    # counter for every row.
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False, **options}

    def compiled(function: Any) -> Any:
        if SUPPORTED and not config.DISABLE_JIT:
            return dispatcher(function, loop, options)
        return numba.njit(**options)(function)

    return compiled
