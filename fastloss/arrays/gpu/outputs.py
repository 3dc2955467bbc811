"""Where the results of a verb go: to fresh arrays, or to those of `out=`, which are checked here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...define.wording import named
from ...kernels.cuda.launch import earlier
from ..host import memory as layout
from .buffers import read, type_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...define.elements import Definition
    from ...define.rows import Program
    from .buffers import Buffer, Face, Shape, Work


def outputs(
    face: Face, loss: Definition | Program, arrays: Sequence[Any], expected: Sequence[tuple[str, Shape, int]],
    inputs: Mapping[str, Buffer], over: str = "",
) -> list[Buffer]:  # fmt: skip
    """The caller's arrays, each of its expected type character, shape and device.

    The first may be the very memory of the input that is named `over`; else they overlap nothing.
    """
    found: list[Buffer] = []
    for a, (char, shape, device) in zip(arrays, expected, strict=True):
        if not face.owns(a):
            raise TypeError(f"{loss.name}: out is {named(a)}, expected an array of {face.NAME} on a GPU")
        x: Buffer = read(face, loss, ["out"], [a])[0]
        if (x.char, x.shape, x.device) != (char, shape, device):
            raise ValueError(f"{loss.name}: out has dtype {x.dtype}, shape {x.shape} and device cuda:{x.device}, "
                             f"expected {type_of(char)}, {shape} and cuda:{device}")  # fmt: skip
        mine = x.phantom()
        if layout.overlaps_itself(mine):
            raise ValueError(f"{loss.name}: some of the elements of out are one and the same")
        if any(layout.overlap(mine, other.phantom()) for other in found):
            raise ValueError(f"{loss.name}: the arrays of out overlap each other")
        for name, y in inputs.items():
            same = name == over and not found and (y.address, y.shape, y.strides) == (x.address, x.shape, x.strides)
            if not same and layout.overlap(mine, y.phantom()):
                raise layout.overlapped(loss.name, name, over)
        found.append(x)
    return found


def aim(work: Work, given: Buffer | None, char: str, shape: Shape) -> Buffer:
    """Where a kernel writes: to the caller's array where it can, else to a fresh one."""
    suits = given is not None and given.dense and (given.char, given.shape) == (char, shape)
    return given if given is not None and suits else work.empty(shape, char)


def handed(work: Work, a: Buffer, given: Buffer | None) -> Any:
    """What was written as the caller gets it: in his own array, if he gave one."""
    if given is None:
        return a.array
    if given is not a:
        work.copied = True
        work.face.assign(given.array, a.array)
    return given.array


def raise_as_on_the_host(face: Face, loss: Any, inputs: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Raise what the same call on the host says is wrong: it tells the place."""
    twins = [face.host(x) if face.owns(x) else x for x in inputs]
    same = {name: face.host(x) if face.owns(x) else x for name, x in options.items()}
    loss(*twins, **{**same, "reduction": "sum" if same["reduction"] == "none" else same["reduction"]})
    # Nothing: then it was an earlier call, which was still on its way when this one began.
    raise earlier([loss.name])
