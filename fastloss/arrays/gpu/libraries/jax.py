"""JAX's arrays, which never change: while a verb runs, another library's arrays stand for them, in the same memory.

DLPack hands over the memory and its order of streams: what JAX still computes is waited for on the other's stream.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import jax

from ....define.callers import face, of_keras
from ...shapes import NUMBERS as READABLE
from .. import face as face_of
from ..buffers import NUMBERS, char_of, stranger, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ....define.elements import Definition
    from ....define.rows import Program
    from ..buffers import Carrier

NAME = "jax"

CARRIERS = ("torch", "cupy")
"""Libraries whose arrays can stand for JAX's."""

_CUDA = 2
"""DLPack's number of a GPU's memory."""


def owns(x: Any) -> bool:
    """Whether it is an array on GPUs, or stands for one while JAX traces a function."""
    if isinstance(x, jax.core.Tracer):
        return True
    if not isinstance(x, jax.Array) or not hasattr(x, "__dlpack_device__"):  # keys of random numbers have none
        return False
    devices = x.devices()
    if len(devices) > 1 or next(iter(devices)).platform != "gpu":
        return any(d.platform == "gpu" for d in devices)
    return int(x.__dlpack_device__()[0]) == _CUDA


def through(
    loss: Definition | Program, names: Sequence[str], arrays: Sequence[Any], out: Any, verb: Callable[..., Any]
) -> Any:
    """What `verb` gives for the arrays, as JAX's; it is called with another library's."""
    _check(loss, names, arrays, out)
    from ....kernels.cuda import launch

    gpu, carrier = launch.gpu(), _carrier()
    lent = [carrier.taken(x) if owns(x) else x for x in arrays]
    device = carrier.buffer(next(x for x in lent if carrier.owns(x))).device
    try:
        return _handed_back(carrier, verb(*lent))
    finally:
        # JAX gives memory that nobody holds to its next computation, which would not wait for our kernels.
        gpu.wait(device, carrier.stream(device))


def _check(loss: Definition | Program, names: Sequence[str], arrays: Sequence[Any], out: Any) -> None:
    given = [(name, x) for name, x in zip(names, arrays, strict=True) if x is not None and not isinstance(x, NUMBERS)]
    for name, x in given:
        if isinstance(x, jax.core.Tracer):
            own = face(loss.name, "jax")
            instead = f"call the loss outside of jit, grad and vmap{own and f', or {own} on the CPU'}"
            raise TypeError(f"{loss.name}: {name} is traced by JAX, so it has no numbers yet: "
                            f"{of_keras(loss.name) or instead}")  # fmt: skip
    for name, x in given:
        if not owns(x):
            raise stranger(sys.modules[__name__], loss, names, arrays, name)
        if len(x.devices()) > 1:
            raise ValueError(f"{loss.name}: {name} is spread over {len(x.devices())} devices, expected one: pass its "
                             f"parts, {name}.addressable_shards[0].data and so on")  # fmt: skip
        if char_of(x.dtype) not in READABLE:
            raise unreadable(loss, name, x)
    if out is not None:
        raise TypeError(f"{loss.name}: out cannot be given with arrays of JAX, which never change: take the result")


@cache
def _carrier() -> Carrier:
    """Of the libraries that have a GPU, the one that the program uses already."""
    for name in sorted(CARRIERS, key=lambda name: name not in sys.modules):
        found: Any = face_of(name)
        if found is not None and found.present():
            return found  # type: ignore[no-any-return]
    raise RuntimeError("JAX's arrays on a GPU need torch or CuPy, installed for CUDA: theirs stand for them meanwhile")


def _handed_back(carrier: Carrier, x: Any) -> Any:
    if isinstance(x, tuple):
        parts = [_handed_back(carrier, part) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    return None if x is None else jax.dlpack.from_dlpack(carrier.dense(x, x.shape))
