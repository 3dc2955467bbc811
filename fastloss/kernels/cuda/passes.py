"""`short` makes numba-cuda's compiler leave out what the functions of a kernel do not need, with the same code.

It leaves out passes that find nothing, and asks once what an operator or a function makes of given types of numbers,
for which numba-cuda asks up to fifteen templates at each use. Together they are a fifth of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba import types as _types
from numba.cuda import compiler as _compiler
from numba.cuda.core import compiler_machinery as _machinery
from numba.cuda.descriptor import cuda_target

from ..steps import needed, straight, unusual

compiler: Any = _compiler  # half of it is typed
machinery: Any = _machinery
types: Any = _types


class _Compiler(compiler.CUDACompiler):
    def define_pipelines(self) -> list[Any]:
        """Numba-cuda's passes, without those that have nothing to do in this function."""
        [whole] = super().define_pipelines()
        function = self.state.func_id.func
        if unusual(function.__code__):
            return [whole]
        rest = machinery.PassManager("cuda")
        # Where variables end is told: without that NVIDIA's compiler makes other code, 68 KB of PTX in place of 65.
        rest.passes = needed(whole.passes, straight(function), counting=True)
        rest.finalize()
        return [rest]


def _number(kind: Any) -> bool:
    """Whether a type is that of numbers, tuples of them, or pointers to them."""
    if isinstance(kind, types.BaseTuple):
        return all(map(_number, kind))
    return isinstance(kind, (types.Number, types.Boolean, types.NoneType, types.CPointer))


_known: dict[tuple[Any, ...], Any] = {}
"""What operators and functions make of numbers; one that somebody adds to is another."""


def _remembering(own: Any) -> Any:
    def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
        if context is not cuda_target.typing_context or kws or not all(map(_number, args)):
            return own(function, context, args, kws)
        key = function, *args
        if key not in _known:
            _known[key] = own(function, context, args, kws)
        return _known[key]

    return get_call_type


@contextmanager
def short() -> Iterator[None]:
    """Have numba-cuda compile with `_Compiler` and its memory within this; not nested, so under `capability`'s lock."""
    before, asked = compiler.CUDACompiler, types.Function.get_call_type
    types.Function.get_call_type = _remembering(asked)
    compiler.CUDACompiler = _Compiler
    try:
        yield
    finally:
        compiler.CUDACompiler = before
        types.Function.get_call_type = asked
