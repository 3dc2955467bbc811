"""Where the results of a verb go on a GPU: to fresh arrays, or to those of `out=` where a kernel can write to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ...define.wording import named
from ...kernels.cuda.launch import earlier
from .buffers import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...define.elements import Definition
    from ...define.keywords import Call
    from ...define.rows import Program
    from .buffers import Buffer, Face, Shape, Work


def read_output(face: Face, loss: Definition | Program, x: Any) -> Buffer:
    """An array of `out=`, if it is one of the library's on a GPU."""
    if not face.owns(x):
        raise TypeError(f"{loss.name}: out is {named(x)}, expected an array of {face.NAME} on a GPU")
    return read(face, loss, ["out"], [x])[0]  # type: ignore[no-any-return]


def aimed(work: Work, given: Sequence[Buffer | None], chars: Sequence[str], shape: Shape) -> list[Buffer]:
    """Where a kernel writes arrays of these types: to the caller's where it can, else to fresh ones."""
    found = []
    for a, char in zip(given or [None] * len(chars), chars, strict=True):
        suits = a is not None and a.dense and (a.char, a.shape) == (char, shape)
        found.append(a if a is not None and suits else work.empty(shape, char))
    return found


def handed(work: Work, arrays: Sequence[Buffer], given: Sequence[Buffer]) -> list[Any]:
    """What was written as the caller gets it: in his own arrays, if he gave some."""
    for a, b in zip(arrays, given or arrays, strict=True):
        if a is not b:
            work.copied = True
            work.face.assign(b.array, a.array)
    return [a.array for a in given or arrays]


def raise_as_on_the_host(
    face: Face, loss: Any, inputs: Sequence[Any], call: Call, weights: Mapping[str, Any]
) -> NoReturn:
    """Raise what the same call on the host says is wrong, by these weights: it tells the place."""
    twins = [face.host(x) if face.owns(x) else x for x in inputs]
    same = {name: face.host(x) if face.owns(x) else x for name, x in weights.items()}
    if call.axis is not None:
        same |= {"ignore_index": call.ignore_index, "axis": call.axis}
    reduction = "sum" if call.reduction == "none" else call.reduction
    loss(*twins, **same, reduction=reduction, normalizer=call.normalizer)
    # The host found nothing wrong, so the flag was an earlier call's, still on its way when this one began.
    raise earlier([loss.name])
