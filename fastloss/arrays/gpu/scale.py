"""Gradients multiplied by what a caller's own loss makes of them, in their memory: by a number on the device."""

from __future__ import annotations

from typing import Any

from ...kernels.cuda import launch
from ...kernels.cuda.plan.elements import scaling
from ...kernels.cuda.templates.elements import THREADS

BLOCKS = 2_048
"""At most: each goes through the array in strides, and ends at once where the number is 1, as it mostly is."""

KEPT = 256
"""Kinds of arrays that are remembered."""

_repeats: dict[Any, Any] = {}


def multiplied(face: Any, x: Any, factor: Any, also: float) -> bool:
    """Whether a dense array of a `Face` could be multiplied by an array of one number, and by a number besides."""
    dense, single = face.seen(x), face.seen(factor)
    if dense is None or single is None:
        return False
    (kind, address), (other, of_factor) = dense, single
    gpu, key = launch.gpu(), (face.NAME, kind, other, also)
    known = _repeats.get(key)
    if known is not None and known[0] is gpu:
        _, repeat, device = known
        gpu.again((repeat,), (address, of_factor), device, face.stream(device))
        return True
    array, number = face.buffer(x), face.buffer(factor)
    if number.size != 1 or not array.size or array.device != number.device or {array.char, number.char} - {*"fdeE"}:
        return False
    device, blocks = array.device, min(BLOCKS, -(-array.size // THREADS))
    arguments = address, of_factor, also, array.size
    made = gpu.run(scaling(array.char, number.char), device, face.stream(device), blocks, arguments)
    if len(_repeats) >= KEPT:
        _repeats.clear()
    _repeats[key] = gpu, gpu.repeat(made, ((0, 0, 0), (1, 1, 0))), device
    return True
