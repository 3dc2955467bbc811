"""`out=`: what the caller's arrays must be, and where the results of a verb go; wherever the arrays are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.keywords import HESS, VALUE
from ..define.wording import listed, named
from .job import Kind, Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..define.elements import Definition
    from ..define.keywords import Call
    from ..define.rows import Program
    from .job import Written


def given_outputs(job: Written, call: Call, over: Sequence[str] | None = None) -> Outputs | None:
    """The caller's `out=`, checked; None where there is none.

    The gradients may be written over the inputs that `over` names, one for each: without it, the first over the first
    input.
    """
    out, want, loss = call.out, call.want, job.loss
    if out is None:
        return None
    expected = job.expected(want)
    if want == VALUE:
        if call.reduction != "none":
            raise ValueError(f"{loss.name}: out is for reduction='none'; a reduced value is a scalar")
        return Outputs(value=checked(job, [out], expected))
    pair = _several(loss, out, 2, "(grad, hess)") if want & HESS else (out,)
    count = len(expected) // len(pair)
    names = f"({', '.join(loss.inputs[k] for k in loss.wrt)})"
    parts = [_several(loss, part, count, names) if count > 1 else (part,) for part in pair]
    if over is None:
        over = loss.inputs[:1] if loss.wrt[0] == 0 else ()
    found = checked(job, [a for part in parts for a in part], expected, over)
    return Outputs((), found[:count], found[count:])


def checked(job: Written, arrays: Sequence[Any], expected: Sequence[Kind], over: Sequence[str] = ()) -> list[Any]:
    """Arrays of `out=` as the kernels take them; the error for one that is not as expected, or overlaps anything.

    Each may be the very memory of the input that `over` names for it, if it does.
    """
    name = job.loss.name
    found: list[Any] = []
    memory: list[Any] = []
    seen = [(n, x if isinstance(x, np.ndarray) else x.phantom()) for n, x in job.seen.items()]
    for a, kind in zip(arrays, expected, strict=True):
        x = job.output(a)
        where = -1 if kind.device < 0 else x.device
        if x.dtype != kind.dtype or x.shape != kind.shape or where != kind.device:
            got = Kind(x.dtype, x.shape, where)
            raise ValueError(f"{name}: out has {_described(got, True)}, expected {_described(kind, False)}")
        mine = x if isinstance(x, np.ndarray) else x.phantom()
        if not mine.flags.writeable:
            raise ValueError(f"{name}: out is read-only, expected an array that may be written to")
        if overlaps_itself(mine):
            raise ValueError(f"{name}: some elements of out, of strides {mine.strides}, are one and the same memory")
        for other in memory:
            if overlap(mine, other):
                raise ValueError(f"{name}: the arrays of out overlap each other")
        replaced = over[len(found)] if len(found) < len(over) else ""
        pred = replaced or "".join(over[:1])
        for n, theirs in seen:
            if overlap(mine, theirs) and not (n == replaced and same_memory(mine, theirs)):
                why = "nothing may be written over it"
                if over and n not in job.also:
                    why = f"the gradient of {pred} may be written over {pred} itself, and nothing over anything else"
                raise ValueError(f"{name}: out overlaps {n}; {why}")
        found.append(x)
        memory.append(mine)
    return found


def _described(kind: Kind, names: bool) -> str:
    parts = [str(kind.dtype), str(kind.shape), *([f"cuda:{kind.device}"] if kind.device >= 0 else [])]
    return listed([f"{n} {p}" for n, p in zip(Kind._fields, parts, strict=False)] if names else parts)


def _several(loss: Definition | Program, out: Any, count: int, names: str) -> tuple[Any, ...]:
    """The arrays of `out=` where a verb has several results."""
    if not isinstance(out, (tuple, list)) or len(out) != count:
        what = f"{named(out)} of {len(out)}" if isinstance(out, (tuple, list)) else named(out)
        raise TypeError(f"{loss.name}: out is {what}, expected a tuple of {count} arrays, {names}")
    return tuple(out)


def same_memory(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether the two are the very same elements in the same places."""
    if a is b or not np.may_share_memory(a, b):
        return a is b
    return a.shape == b.shape and a.strides == b.strides and a.dtype == b.dtype and a.ctypes.data == b.ctypes.data


def overlaps_itself(a: NDArray[Any]) -> bool:
    """Whether two of its elements may share memory: an axis whose steps do not lead past the axes inside it."""
    if not a.size or a.flags.c_contiguous:
        return False
    extent = a.itemsize
    for step, length in sorted((abs(s), n) for s, n in zip(a.strides, a.shape, strict=True) if n > 1):
        if step < extent:
            return True
        extent += step * (length - 1)
    return False


def overlap(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether the two share an element; where that is too hard to tell, whether their extents do."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
