"""Kernels of templates of an algorithm's own: completed, compiled, cached and run as those of all losses are.

A template takes three tuples: arrays that it reads, arrays that it writes, numbers. What is all there is to say of a
kernel is then its template, its ports, and the types of the arguments.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..loading import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Arrays = Sequence[NDArray[Any]]
    Formulas = tuple[tuple[Any, ...], ...]

_KERNELS = "fastloss.kernels"


def run(
    template: Callable[..., Any],
    inputs: Arrays,
    outputs: Arrays,
    numbers: tuple[float | int, ...] = (),
    *,
    compute: str,
    size: int,
    backend: str | None,
    formulas: Formulas = (),
    flags: tuple[str, ...] = (),
) -> None:
    """Run a template on dense arrays: on threads from the `size` on from which they pay, with the same bits.

    Its ports are `formulas`, plain functions whose numbers become those of the `compute` type or of one of their own,
    and `flags`.
    """
    threads, least = _tools()
    kinds = tuple(tuple((x.dtype.char, x.ndim) for x in arrays) for arrays in (inputs, outputs))
    which = (template, compute, formulas, flags, *kinds, tuple(type(x) for x in numbers))
    arguments = tuple(inputs), tuple(outputs), numbers
    if backend == "serial" or (backend is None and size < least) or threads.launch() is None:
        _kernel(False, *which)(*arguments)
    else:
        serial = partial(_late, _kernel, False, *which)
        threads.run_parallel(_kernel(True, *which), lambda *given: serial()(*given), *arguments)


def shared(parts: int, most: int) -> int:
    """How many tasks share so many parts of a kernel's work: `most`, or as many as there are threads."""
    threads: int = _tools()[0].get_num_threads()
    return min(parts, max(most, threads))


@cache
def _tools() -> tuple[Any, int]:
    """What runs kernels, and from how many elements on threads pay."""
    load(f"{_KERNELS}.cpu.compile")
    from ..kernels.cpu import threads
    from ..kernels.plan.elements import PARALLEL_FROM

    return threads, PARALLEL_FROM


def _late(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


@cache
def _kernel(
    parallel: bool,
    template: Any,
    compute: str,
    formulas: Formulas,
    flags: tuple[str, ...],
    inputs: tuple[tuple[str, int], ...],
    outputs: tuple[tuple[str, int], ...],
    numbers: tuple[type, ...],
) -> Any:
    """The compiled kernel, from disk where it is there."""
    from ..kernels.bind import bind, named
    from ..kernels.cpu import cache
    from ..kernels.plan.elements import OPTIONS
    from ..kernels.sources import sources

    def make() -> Any:
        target, numba = load(f"{_KERNELS}.cpu.target"), load("numba")
        cpu, types = target.Cpu(), numba.types
        ports = {name: cpu.jet(formula, *(own or (compute,))) for name, formula, *own in formulas} | dict.fromkeys(
            flags, True
        )
        library = {"prange": numba.prange, "real": cpu.real(compute), "add": target.bits.add_reassoc, **target.BUILTINS}
        scalars = types.Tuple([types.float64 if t is float else types.int64 for t in numbers])
        signature = (arrays(types, inputs, True), arrays(types, outputs, False), scalars)
        return bind(template, ports, target.jit, library), signature

    def arrays(types: Any, kinds: Any, readonly: bool) -> Any:
        from_dtype = load("numba").from_dtype
        each = [types.Array(from_dtype(np.dtype(c)), n, "C", readonly=readonly) for c, n in kinds]
        return types.Tuple(each)

    key = (
        compute,
        [(n, f.__name__, *own) for n, f, *own in formulas],
        flags,
        inputs,
        outputs,
        [t.__name__ for t in numbers],
        parallel,
        sources(template.__module__.rpartition(".")[0]),
        sorted(map(str, OPTIONS.items())),
    )
    name = named(template.__name__, key, template)
    return cache.jit(lambda: name, make, lambda: name, _topic(template), parallel=parallel, **OPTIONS)


def _topic(template: Any) -> str:
    """What a user is told that a kernel is for, one line for all of a kind: `region kernels` of region_templates."""
    *_, package, module = template.__module__.split(".")
    return f"{module.removesuffix('_templates') if module != 'templates' else package} kernels"
