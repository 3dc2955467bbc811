"""Numba's device arrays: memory without arithmetic. They must be dense, and only numbers are broadcast to them."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numba import cuda

from ..buffers import Buffer, char_of, dtype_of

NAME = "numba"

ADDS = False


def owns(x: Any) -> bool:
    kind = type(x)
    return kind.__module__.partition(".")[0] in ("numba", "numba_cuda") and hasattr(kind, "__cuda_array_interface__")


def refused(x: Any) -> str:
    """What is not dense would have to be copied, which Numba does not do on a device."""
    return "" if x.flags["C_CONTIGUOUS"] else "is not in C order: Numba does not copy such arrays on a GPU"


def buffer(x: Any) -> Buffer:
    memory = x.gpu_data  # None where there are no elements
    device = cuda.get_current_device() if memory is None else memory.context.device
    return Buffer(x, x.device_ctypes_pointer.value or 0, x.shape, x.strides, char_of(x.dtype), int(device.id))


def seen(x: Any) -> tuple[Any, int] | None:
    """Only in C order, and with elements."""
    if not owns(x):
        return None
    where = buffer(x)
    return ((where.shape, where.char, where.device), where.address) if where.dense and where.size else None


def address(x: Any) -> int:
    return x.device_ctypes_pointer.value or 0


def stream(device: int) -> int:
    """The default one: Numba has no current stream."""
    return 0


def current(device: int) -> Any:
    return nullcontext()


def empty(shape: tuple[int, ...], char: str, device: int) -> Any:
    with cuda.gpus[device]:
        return cuda.device_array(shape, dtype_of(char))


def maker(shape: tuple[int, ...], char: str, device: int) -> Any:
    return partial(empty, shape, char, device)


def filled(number: float, shape: tuple[int, ...], char: str, device: int) -> Any:
    """Copied from the host, for want of anything that fills."""
    with cuda.gpus[device]:
        return cuda.to_device(np.full(shape, number, dtype_of(char)))


def dense(x: Any, shape: tuple[int, ...]) -> Any:
    """Only as it is."""
    raise NotImplementedError(f"Numba's device arrays are not broadcast on a GPU: {x.shape} to {shape}")


def cast(x: Any, char: str) -> Any:
    """Only as it is."""
    raise NotImplementedError(f"Numba's device arrays are not converted on a GPU: {x.dtype} to {dtype_of(char)}")


def assign(to: Any, x: Any) -> None:
    to.copy_to_device(x)


def moved(x: Any, source: int, destination: int) -> Any:
    """Only where it makes no difference."""
    if source % x.ndim == destination % x.ndim:
        return x
    raise NotImplementedError("Numba's device arrays must have the classes on the last axis")


def _lacking(what: str) -> Any:
    """In the place of what Numba has not."""

    def refuse(*arguments: Any) -> NoReturn:
        raise NotImplementedError(what)

    return refuse


_COMPARED = "Numba's device arrays are not compared on a GPU"
add_up = _lacking("Numba's device arrays are not added up on a GPU: give pred in the full shape")
largest = chosen = _lacking(f"{_COMPARED}: pass cupy.asarray(weight) and so on")
weighed = _lacking(f"{_COMPARED}: pass weight in place of ignore_index")
product = add_product = _lacking("Numba has no matrix products on a GPU: pass cupy.asarray(hidden) and so on")


def hits(top: Any, labels: Any) -> Any:
    return None


kept = known = worthy = hits
"""Of matrix products, which `product` has refused."""


def host(x: Any) -> Any:
    return x.copy_to_host()
