"""A verb of Dask's arrays. Those of samples are composed of others, as everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...define.elements import Definition
from ...define.wording import named
from .. import samples
from ..checks import BACKENDS, check_options
from .elements import Elements
from .graph import lazy
from .reading import is_chunked

if TYPE_CHECKING:
    from ...define.keywords import Call
    from ...define.rows import Program

    Loss = Definition | Program


def evaluate(kind: str, loss: Loss, inputs: tuple[Any, ...], call: Call) -> Any:
    """One verb, whose results are Dask's arrays."""
    check_options(loss, call, BACKENDS)
    _refuse(loss, call)
    if isinstance(loss, Definition) and (call.ignore_index is not None or call.axis is not None):
        job: Any = Elements(loss, inputs)
        return samples.evaluate(job, call)
    return lazy(kind, loss, inputs, call)


def _refuse(loss: Loss, call: Call) -> None:
    """Raise for what is not computed block by block."""
    what = f"{loss.name} of Dask's arrays"
    if call.out is not None:
        raise ValueError(f"{what}: out is {named(call.out)}, expected None; a lazy result is stored by Dask")
    if call.stats:
        raise NotImplementedError(f"{what}: return_stats is True, expected False")
    if call.class_weight is not None and is_chunked(call.class_weight):
        raise TypeError(f"{what}: class_weight is {named(call.class_weight)}, expected an array of NumPy's")
